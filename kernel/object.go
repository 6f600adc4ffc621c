package kernel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
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
// it and no name may stand in it twice.
func parseObject(b []byte) (object, error) {
	if !utf8.Valid(b) {
		return nil, errNotObject
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errNotObject
	}
	o := object{}
	for d.More() {
		if err := o.parseMember(d); err != nil {
			return nil, err
		}
	}
	if _, err := d.Token(); err != nil { // the closing brace
		return nil, errNotObject
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errNotObject
	}
	return o, nil
}

func (o object) parseMember(d *json.Decoder) error {
	t, err := d.Token()
	name, ok := t.(string)
	if err != nil || !ok {
		return errNotObject
	}
	var value json.RawMessage
	if err := d.Decode(&value); err != nil {
		return errNotObject
	}
	if _, twice := o[name]; twice {
		return errDuplicate
	}
	o[name] = value
	return nil
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
	if err := json.Unmarshal(o[name], &v); err != nil {
		return otherwise, fmt.Errorf("%s is not of its type", name)
	}
	return v, nil
}
