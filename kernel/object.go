package kernel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// object is one JSON object, its members not yet decoded. Names match exactly,
// where encoding/json would fold case.
type object map[string]json.RawMessage

// The text of an error of encoding/json can quote its input; these do not.
const (
	errNotObject refusal = "not exactly one JSON object"
	errDuplicate refusal = "a name stands twice in a JSON object"
)

// parseObject reads b as exactly one JSON object in UTF-8: nothing may follow
// it and no name may stand in it twice. The object shares b's memory.
func parseObject(b []byte) (object, error) {
	if !utf8.Valid(b) || !json.Valid(b) {
		return nil, errNotObject
	}
	if b = bytes.TrimLeft(b, space); b[0] != '{' {
		return nil, errNotObject
	}
	o := object{}
	for b = bytes.TrimLeft(b[1:], space); b[0] != '}'; b = bytes.TrimLeft(b, space+",") {
		name := b[:valueEnd(b)]
		b = bytes.TrimLeft(b[len(name):], space+":")
		value := b[:valueEnd(b):valueEnd(b)]
		b = b[len(value):]
		key, err := unquoted(name)
		if err != nil {
			return nil, errNotObject
		}
		if _, twice := o[key]; twice {
			return nil, errDuplicate
		}
		o[key] = json.RawMessage(value)
	}
	return o, nil
}

const space = " \t\r\n" // of JSON, RFC 8259, 2

// valueEnd is where the value ends that valid JSON begins with.
func valueEnd(b []byte) int {
	for i, depth := 0, 0; ; i++ {
		switch b[i] {
		case '"':
			for i++; b[i] != '"'; i++ {
				if b[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
			continue
		case '}', ']':
			depth--
		default:
			if depth > 0 || i+1 < len(b) && !strings.ContainsRune(space+",:}]", rune(b[i+1])) {
				continue
			}
		}
		if depth == 0 {
			return i + 1
		}
	}
}

// unquoted decodes a JSON string.
func unquoted(raw []byte) (s string, err error) {
	if raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1]), nil
	}
	err = json.Unmarshal(raw, &s)
	return s, err
}

// has reports whether a member is there and not null.
func (o object) has(name string) bool {
	raw, ok := o[name]
	return ok && string(raw) != "null"
}

// member decodes one member as T. One that is not there is otherwise.
func member[T any](o object, name string, otherwise T) (T, error) {
	if !o.has(name) {
		return otherwise, nil
	}
	var v T
	var err error
	if p, ok := any(&v).(*string); ok {
		*p, err = unquoted(o[name])
	} else {
		err = json.Unmarshal(o[name], &v)
	}
	if err != nil {
		return otherwise, fmt.Errorf("%s is not of its type", name)
	}
	return v, nil
}
