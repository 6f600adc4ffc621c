package kernel

import (
	"encoding/json"
	"log/slog"
	"strings"
	"time"
)

// Door is what everything passes that leaves the kernel: each text of each message,
// each result, each progress bar. It knows what may leave; the kernel sees to it that
// nothing goes another way. Its methods are called from any goroutine.
type Door interface {
	// Words is a text as it may leave.
	Words(text string) string
	// Stream is the same of a piece of a cell's stdout or stderr. It may hold the
	// end of it back until the next piece.
	Stream(name, text string) string
	// Data is a result as it may leave; its representations may be none.
	Data(d Data) Data
	// Bar is a progress bar for work of that label, of which a share is done and the
	// rest will take a while, 0 where that is not known. The zero label is no work:
	// its bar has no representations.
	Bar(label string, share float64, left time.Duration) Data
}

// passed is members of a message that have passed the door.
type passed map[string]any

// leave passes every text of a message through the door. What it does not know does
// not leave.
func (k *kernel) leave(v any) any {
	switch v := v.(type) {
	case string:
		return k.door.Words(v)
	case fields:
		out := make(fields, len(v))
		for name, member := range v {
			out[name] = k.leave(member)
		}
		return out
	case []string:
		return each(v, k.door.Words)
	case []fields:
		return each(v, func(f fields) any { return k.leave(f) })
	case [][3]any:
		return each(v, func(line [3]any) any { return each(line[:], k.leave) })
	case [2]any:
		return each(v[:], k.leave)
	case nil, bool, int, passed, Language:
		return v
	}
	slog.Error("a part of a message that has no way through the door was left out")
	return nil
}

// each is never nil, which JSON would have as null.
func each[T, U any](values []T, f func(T) U) []U {
	out := make([]U, len(values))
	for i, v := range values {
		out[i] = f(v)
	}
	return out
}

// bundle makes the data and metadata members of a message, none of them nil.
func (k *kernel) bundle(d Data) (data, metadata passed) {
	if d != nil {
		d = k.door.Data(d)
	}
	return representations(d)
}

func representations(d Data) (data, metadata passed) {
	data, metadata = passed{}, passed{}
	if d == nil {
		return data, metadata
	}
	for name, member := range d.Metadata() {
		metadata[name] = member
	}
	for mime, text := range d.MIME() {
		switch {
		case !isJSON(mime):
			data[mime] = text
		case json.Valid([]byte(text)): // is sent as a value
			data[mime] = json.RawMessage(text)
		default:
			slog.Error("a representation was left out: its text is not JSON", "mime", mime)
		}
	}
	return data, metadata
}

func isJSON(mime string) bool {
	return mime == "application/json" || strings.HasSuffix(mime, "+json")
}
