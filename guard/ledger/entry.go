package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Kinds of entries.
const (
	Start     = "start"
	Policy    = "policy"
	Access    = "access"
	Release   = "release"
	Refusal   = "refusal"
	Request   = "request"
	Grant     = "grant"
	Exception = "exception"
	Denial    = "denial"
	Denied    = "denied"
	Conduct   = "conduct"
	Shown     = "shown"
	Artefact  = "artefact"
	Tripwire  = "tripwire"
	Torn      = "torn"
	Sealed    = "sealed"
	Continued = "continued"
)

// Kinds are all of them, in the order of the package comment.
var Kinds = []string{Start, Policy, Access, Release, Refusal, Request, Grant, Exception, Denial, Denied, Conduct, Shown, Artefact, Tripwire, Torn, Sealed, Continued}

// Entry is one event.
type Entry struct {
	Seq  int64           `json:"seq"`
	Time time.Time       `json:"time"`
	Prev string          `json:"prev"`
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`

	Hash string `json:"-"`
}

// maxLine is the longest line, in bytes.
const maxLine = 16 << 20

// nothing is the hash before the first entry.
var nothing = strings.Repeat("0", 2*sha256.Size)

// head is the entry's text up to its body, which a brace follows.
func (e *Entry) head() string {
	return fmt.Sprintf(`{"seq":%d,"time":"%s","prev":"%s","kind":"%s","body":`, e.Seq, e.Time.Format(time.RFC3339Nano), e.Prev, e.Kind)
}

// line writes the entry, the body of which is canonical, and sets its hash.
func (e *Entry) line() ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("a ledger entry that cannot be written: %w", err)
	}
	text := e.head() + string(e.Body) + "}"
	e.Hash = hashOf([]byte(text))
	line := []byte(e.Hash + " " + text + "\n")
	if len(line) > maxLine {
		return nil, fmt.Errorf("a ledger entry of %d bytes: the limit is %d", len(line), maxLine)
	}
	return line, nil
}

// parse is strict: what it accepts is what line writes, to the byte.
func parse(line []byte) (Entry, error) {
	hash, text, ok := bytes.Cut(line, []byte(" "))
	if !ok || string(hash) != hashOf(text) {
		return Entry{}, errors.New("its hash is not that of its text")
	}
	head, _, ok := bytes.Cut(text, []byte(`,"body":`))
	e := Entry{Hash: string(hash)}
	if !ok || json.Unmarshal(append(slices.Clip(head), '}'), &e) != nil {
		return Entry{}, errors.New("it is no entry")
	}
	body, begins := bytes.CutPrefix(text, []byte(e.head()))
	body, ends := bytes.CutSuffix(body, []byte("}"))
	e.Body = body
	if again, err := json.Marshal(e.Body); !begins || !ends || err != nil || !bytes.Equal(again, body) {
		return Entry{}, errors.New("it is not in canonical form")
	}
	return e, e.check()
}

func (e *Entry) check() error {
	odd := func(r rune) bool { return r < 'a' || r > 'z' }
	switch {
	case e.Kind == "" || len(e.Kind) > 32 || strings.ContainsFunc(e.Kind, odd):
		return errors.New("its kind is no word of lower-case letters")
	case e.Time.Location() != time.UTC:
		return errors.New("its time is not UTC")
	case len(e.Prev) != len(nothing) || strings.Trim(e.Prev, "0123456789abcdef") != "":
		return errors.New("it names no entry before it")
	case len(e.Body) == 0 || e.Body[0] != '{':
		return errors.New("its body is no object")
	case !utf8.Valid(e.Body):
		return errors.New("its body is not UTF-8")
	}
	return keysOnce(e.Body)
}

// keysOnce: a key that stands twice could be read as either. body is valid JSON
// without white space, in which a text is a key when a colon follows it.
func keysOnce(body []byte) error {
	var open []map[string]bool // keys of the objects that are open; nil for an array
	for at := 0; at < len(body); at++ {
		switch body[at] {
		case '{':
			open = append(open, map[string]bool{})
		case '[':
			open = append(open, nil)
		case '}', ']':
			open = open[:len(open)-1]
		case '"':
			end := textEnd(body, at)
			if body[end] == ':' {
				var key string
				if err := json.Unmarshal(body[at:end], &key); err != nil {
					return err
				}
				keys := open[len(open)-1]
				if keys[key] {
					return fmt.Errorf("its body has the key %q twice", key)
				}
				keys[key] = true
			}
			at = end - 1
		}
	}
	return nil
}

// textEnd is where the text in quotes that begins at ends.
func textEnd(body []byte, at int) int {
	for at++; body[at] != '"'; at++ {
		if body[at] == '\\' {
			at++
		}
	}
	return at + 1
}

// follow reads a line as the entry after last. After the zero Entry comes entry 1,
// or the first of a file that continues another.
func (last Entry) follow(line []byte) (Entry, error) {
	e, err := parse(line)
	switch {
	case err != nil:
		return Entry{}, err
	case last.Seq == 0 && e.Seq > 1 && e.Kind == Continued:
		return e, nil
	case last.Seq == 0 && e.Seq == 1 && e.Prev != nothing:
		return Entry{}, errors.New("it is the first entry and names one before it")
	case e.Seq != last.Seq+1:
		return Entry{}, fmt.Errorf("entry %d stands where %d belongs", e.Seq, last.Seq+1)
	case last.Seq > 0 && e.Prev != last.Hash:
		return Entry{}, errors.New("it does not continue the entry before it")
	case (last.Kind == Sealed) != (e.Kind == Continued):
		return Entry{}, errors.New("only a sealed file is continued")
	}
	return e, nil
}

// hash is that which the next entry names.
func (last Entry) hash() string {
	if last.Seq == 0 {
		return nothing
	}
	return last.Hash
}

func hashOf(text []byte) string {
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:])
}
