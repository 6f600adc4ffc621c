package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"weir/notebooks/nbformat"
)

// Seal is what an output's metadata say of it.
type Seal struct {
	Class, Title         string
	Statement, Signature string
}

// Seals checks seals; it has the public key.
type Seals interface {
	// Check returns an error unless the signature is the key's over the
	// statement and the statement is about these representations, each as
	// one string.
	Check(s Seal, mime map[string]string) error
}

// Statement is what a seal's statement says. Members that it has besides are
// none of this package's business.
type Statement struct {
	Class      string            `json:"class"`
	Session    string            `json:"session"`
	Repository string            `json:"repository"`
	CDR        string            `json:"cdr"`
	Tier       string            `json:"tier"`
	Policy     string            `json:"policy"`
	Version    string            `json:"policy_version"`
	Seq        int64             `json:"seq"`
	Entry      string            `json:"entry"`
	MIME       map[string]string `json:"mime"`
}

// sealOf reads the metadata of an output. Text has no statement.
func sealOf(metadata map[string]any) Seal {
	about, _ := metadata["weir"].(map[string]any)
	text := func(name string) string { s, _ := about[name].(string); return s }
	return Seal{text("class"), text("title"), text("statement"), text("signature")}
}

// Fault is a kind of finding.
type Fault string

// The faults.
const (
	Malformed  Fault = "malformed"  // the file is no notebook, or names a member twice
	Foreign    Fault = "foreign"    // the output has no seal: another program made it
	Edited     Fault = "edited"     // what stands there is not what was signed
	Forged     Fault = "forged"     // the statement is not one that the key signed
	Unrecorded Fault = "unrecorded" // the ledger has no such release
	Swapped    Fault = "swapped"    // it was shown by another cell
	Repeated   Fault = "repeated"   // it stands in the cell more often than it was shown
)

// fault is an error with its kind.
type fault struct {
	kind Fault
	what string
}

func (f *fault) Error() string { return f.what }

// Classes of a data output that the guard made.
const (
	ClassRelease = "release"
	ClassRefusal = "refusal"
)

// Classes of a data output that is a cell's own text, and of a bar that says how
// far work is.
const (
	classText     = "text"
	classProgress = "progress"
)

// Bundle judges the data and metadata of one output by its seal alone. text says
// that it is a cell's own text, which has none.
func Bundle(seals Seals, mime map[string]string, metadata map[string]any) (s *Statement, text bool, err error) {
	seal := sealOf(metadata)
	switch {
	case len(mime) == 0:
		return nil, true, nil
	case seal.Class == classText && ownText(mime):
		return nil, true, nil
	case seal.Statement == "":
		return nil, false, &fault{Foreign, "it has no seal: weir did not make it"}
	}
	s = new(Statement)
	if json.Unmarshal([]byte(seal.Statement), s) != nil {
		return nil, false, &fault{Forged, "its statement is none"}
	}
	if err := seals.Check(seal, mime); err != nil {
		return nil, false, explain(s, mime)
	}
	if s.Class != seal.Class {
		return nil, false, &fault{Edited, "its class is not the one that was signed"}
	}
	return s, false, nil
}

// ownText says that these can be a cell's own text: the words, and for Markdown the
// page that it makes.
func ownText(mime map[string]string) bool {
	_, plain := mime["text/plain"]
	_, page := mime["text/html"]
	return plain && (len(mime) == 1 || page && len(mime) == 2)
}

// explain says what a seal that does not hold was broken by.
func explain(s *Statement, mime map[string]string) error {
	now := Hashes(mime)
	if maps.Equal(now, s.MIME) {
		return &fault{Forged, "its signature does not fit its statement"}
	}
	var wrong []string
	for kind := range s.MIME {
		if h, there := now[kind]; !there {
			wrong = append(wrong, kind+" is missing")
		} else if h != s.MIME[kind] {
			wrong = append(wrong, kind+" was changed")
		}
	}
	for kind := range now {
		if _, signed := s.MIME[kind]; !signed {
			wrong = append(wrong, "a representation was added")
		}
	}
	slices.Sort(wrong)
	return &fault{Edited, strings.Join(slices.Compact(wrong), ", ") + " since it was signed"}
}

// Hashes is the SHA-256 of each representation, in hexadecimal; of one that is JSON,
// of its value: without white space, its names in order.
func Hashes(mime map[string]string) map[string]string {
	out := make(map[string]string, len(mime))
	for kind, text := range mime {
		if isJSON(kind) {
			text = canonical(text)
		}
		out[kind] = HashOf([]byte(text))
	}
	return out
}

// isJSON says of what types the value counts and not the text.
func isJSON(kind string) bool { return strings.HasSuffix(kind, "+json") }

// canonical is the one text of a JSON value, as guard hashes it: a notebook keeps the
// value and not the text.
func canonical(text string) string {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return text
	}
	b, err := json.Marshal(v)
	if err != nil {
		return text
	}
	return string(b)
}

// HashOf is a SHA-256 in hexadecimal.
func HashOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// kindOf is the fault behind an error.
func kindOf(err error) Fault {
	var f *fault
	if errors.As(err, &f) {
		return f.kind
	}
	return Forged
}

// isData reports whether an output carries representations.
func isData(o *nbformat.Output) bool {
	return o.Type == nbformat.DisplayData || o.Type == nbformat.ExecuteResult
}
