package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
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

// line writes the entry and sets its hash.
func (e *Entry) line() ([]byte, error) {
	text, err := json.Marshal(e)
	if err != nil {
		return nil, err
	}
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("a ledger entry that cannot be written: %w", err)
	}
	e.Hash = hashOf(text)
	line := append(append([]byte(e.Hash), ' '), append(text, '\n')...)
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
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var e Entry
	if err := d.Decode(&e); err != nil {
		return Entry{}, errors.New("it is no entry")
	}
	again, err := json.Marshal(e)
	if err != nil || !bytes.Equal(again, text) {
		return Entry{}, errors.New("it is not in canonical form")
	}
	e.Hash = string(hash)
	return e, e.check()
}

func (e *Entry) check() error {
	odd := func(r rune) bool { return r < 'a' || r > 'z' }
	switch {
	case e.Kind == "" || len(e.Kind) > 32 || strings.ContainsFunc(e.Kind, odd):
		return errors.New("its kind is no word of lower-case letters")
	case e.Time.Location() != time.UTC:
		return errors.New("its time is not UTC")
	}
	return checkObject(e.Body)
}

// checkObject: a key that stands twice could be read as either.
func checkObject(text []byte) error {
	if len(text) == 0 || text[0] != '{' {
		return errors.New("its body is no object")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var open []object
	for {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return errors.New("its body is no JSON")
		}
		switch token {
		case json.Delim('{'):
			open = append(open, object{keys: map[string]bool{}, key: true})
			continue
		case json.Delim('['):
			open = append(open, object{})
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		default:
			if in := &open[len(open)-1]; in.key {
				name := token.(string)
				if in.keys[name] {
					return fmt.Errorf("its body has the key %q twice", name)
				}
				in.keys[name], in.key = true, false
				continue
			}
		}
		if len(open) > 0 && open[len(open)-1].keys != nil {
			open[len(open)-1].key = true
		}
	}
}

// object is one that is being read, or an array, which has no keys.
type object struct {
	keys map[string]bool
	key  bool // the next token is one
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
