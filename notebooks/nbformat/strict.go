package nbformat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// maxDepth bounds nesting, below what Jupyter's own readers manage.
const maxDepth = 200

// decode reads exactly one JSON value (RFC 8259). A name that stands twice is
// refused, because readers differ in which of them counts, and so is half a
// surrogate pair, which no UTF-8 can hold.
func decode(b []byte) (any, error) {
	if !utf8.Valid(b) {
		return nil, fmt.Errorf("line %d is not UTF-8", lineOf(b, len(validPrefix(b))))
	}
	d := json.NewDecoder(bytes.NewReader(b))
	var whole json.RawMessage
	if err := d.Decode(&whole); err != nil {
		return nil, fmt.Errorf("line %d is not JSON", lineOf(b, brokenAt(b, err)))
	}
	if rest := bytes.TrimLeft(b[d.InputOffset():], " \t\r\n"); len(rest) > 0 {
		return nil, fmt.Errorf("line %d goes on after the notebook's end", lineOf(b, len(b)-len(rest)))
	}
	if at := loneSurrogate(b); at >= 0 {
		return nil, fmt.Errorf("line %d holds half a surrogate pair", lineOf(b, at))
	}
	t := tokens{d: json.NewDecoder(bytes.NewReader(b)), b: b}
	t.d.UseNumber()
	return t.value(0)
}

func validPrefix(b []byte) []byte {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return b[:i]
		}
		i += n
	}
	return b
}

func brokenAt(b []byte, err error) int {
	if s, ok := err.(*json.SyntaxError); ok {
		return int(s.Offset)
	}
	return len(b)
}

// lineOf is the line, counted from 1, in which the byte at an offset lies.
func lineOf(b []byte, offset int) int {
	return 1 + bytes.Count(b[:min(offset, len(b))], []byte("\n"))
}

// loneSurrogate is where an escape of half a surrogate pair stands in valid
// JSON, or -1.
func loneSurrogate(b []byte) int {
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			continue
		}
		switch unit := escaped(b[i:]); {
		case 0xd800 <= unit && unit < 0xdc00:
			low := escaped(b[i+6:])
			if low < 0xdc00 || low > 0xdfff {
				return i
			}
			i += 11
		case 0xdc00 <= unit && unit < 0xe000:
			return i
		default:
			i++
		}
	}
	return -1
}

// escaped is the UTF-16 code unit of \uXXXX at the start of b, or -1.
func escaped(b []byte) int {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	n, err := strconv.ParseUint(string(b[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return int(n)
}

// tokens builds values out of b, which is known to be one JSON value.
type tokens struct {
	d *json.Decoder
	b []byte
}

func (t tokens) value(depth int) (any, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("line %d is nested more than %d deep", t.line(), maxDepth)
	}
	token, err := t.d.Token()
	if err != nil {
		return nil, fmt.Errorf("line %d is not JSON", t.line())
	}
	switch token {
	case json.Delim('{'):
		return t.object(depth)
	case json.Delim('['):
		return t.array(depth)
	}
	return token, nil
}

func (t tokens) object(depth int) (map[string]any, error) {
	o := map[string]any{}
	for t.d.More() {
		token, err := t.d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, fmt.Errorf("line %d is not JSON", t.line())
		}
		if _, twice := o[name]; twice {
			return nil, fmt.Errorf("line %d gives a member that stands in the same object already", t.line())
		}
		if o[name], err = t.value(depth + 1); err != nil {
			return nil, err
		}
	}
	_, err := t.d.Token() // the closing brace
	return o, err
}

func (t tokens) array(depth int) ([]any, error) {
	a := []any{}
	for t.d.More() {
		v, err := t.value(depth + 1)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	_, err := t.d.Token() // the closing bracket
	return a, err
}

func (t tokens) line() int { return lineOf(t.b, int(t.d.InputOffset())) }
