package nbformat

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// encoder writes JSON as Python's json.dumps does with ensure_ascii=False,
// indent=1, sort_keys=True.
type encoder struct {
	bytes.Buffer
	depth int
}

func (e *encoder) value(v any) error {
	switch v := v.(type) {
	case string:
		e.text(v)
	case json.Number:
		if !json.Valid([]byte(v)) {
			return errors.New("a number is malformed")
		}
		e.WriteString(string(v))
	case bool:
		e.WriteString(strconv.FormatBool(v))
	case nil:
		e.WriteString("null")
	case map[string]any:
		return e.object(v)
	case []any:
		return e.array(v)
	default:
		plain, err := Plain(v)
		if err != nil {
			return err
		}
		return e.value(plain)
	}
	return nil
}

// Plain is v as decoding its JSON gives it: map[string]any, []any, string,
// json.Number, bool and nil. It fails for what JSON cannot hold.
func Plain(v any) (any, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return decode(b)
}

func (e *encoder) object(o map[string]any) error {
	names := slices.Sorted(maps.Keys(o))
	return e.brackets("{}", len(names), func(i int) error {
		e.text(names[i])
		e.WriteString(": ")
		return e.value(o[names[i]])
	})
}

func (e *encoder) array(a []any) error {
	return e.brackets("[]", len(a), func(i int) error { return e.value(a[i]) })
}

func (e *encoder) brackets(pair string, n int, item func(i int) error) error {
	e.WriteByte(pair[0])
	e.depth++
	for i := range n {
		if i > 0 {
			e.WriteByte(',')
		}
		e.newline()
		if err := item(i); err != nil {
			return err
		}
	}
	e.depth--
	if n > 0 {
		e.newline()
	}
	e.WriteByte(pair[1])
	return nil
}

func (e *encoder) newline() {
	e.WriteByte('\n')
	e.WriteString(strings.Repeat(" ", e.depth))
}

// escapes are those of RFC 8259, 7 that have a short form.
var escapes = map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}

func (e *encoder) text(s string) {
	e.WriteByte('"')
	for _, r := range s { // bytes that are not UTF-8 become U+FFFD
		short, ok := escapes[r]
		switch {
		case ok:
			e.WriteString(short)
		case r < ' ':
			fmt.Fprintf(e, `\u%04x`, r)
		default:
			e.WriteRune(r)
		}
	}
	e.WriteByte('"')
}
