package kernel

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"testing"
	"unicode/utf8"
)

// FuzzObject compares parseObject with encoding/json, which reads the same token by
// token.
func FuzzObject(f *testing.F) {
	for _, text := range []string{
		`{}`, ` { } `, `{"a":1}`, "{\n\t\"a\" : -1.5e3 ,\r\"b\":null }", `{"a":{"b":[1,{"c":"}"}]},"d":"\"]"}`, `{"":""}`,
		`{"a":[],"b":{},"c":true,"d":"é😀"}`, `{"a\u0062":1}`, `{"\\":"\\"}`, `{"a":"\ud800"}`,
		`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"a":1} x`, `{"a":1}{}`, `[1]`, `"a"`, `1`, ``, ` `, `{`, `{"a"}`, `{"a":1,}`, `{1:2}`, "{\"a\":\"\x80\"}", "\ufeff{}",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseObject(text)
		want, wantErr := byTokens(text)
		if err != wantErr {
			t.Fatalf("%q: %v, want %v", text, err, wantErr)
		}
		if !maps.EqualFunc(got, want, func(a, b json.RawMessage) bool { return bytes.Equal(a, b) }) {
			t.Fatalf("%q: %q, want %q", text, got, want)
		}
	})
}

// byTokens is parseObject by the decoder of encoding/json.
func byTokens(b []byte) (object, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') || !utf8.Valid(b) {
		return nil, errNotObject
	}
	o, twice := object{}, false
	for d.More() {
		name, err := d.Token()
		key, ok := name.(string)
		var value json.RawMessage
		if err != nil || !ok || d.Decode(&value) != nil {
			return nil, errNotObject
		}
		_, again := o[key]
		o[key], twice = value, twice || again
	}
	if _, err := d.Token(); err != nil {
		return nil, errNotObject
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errNotObject
	}
	if twice {
		return nil, errDuplicate
	}
	return o, nil
}
