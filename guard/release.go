package guard

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"strings"

	"weir/datasets/plan"
	"weir/guard/ledger"
)

// Release is a result that may be shown. Only this package makes one; the zero
// Release shows nothing.
type Release struct{ r *released }

type released struct {
	id       string // of the plan
	title    string
	mime     map[string]string
	metadata map[string]any
	result   *plan.Result
	table    *protected // of a table
}

// MIME is the representations of the result by MIME type.
func (r Release) MIME() map[string]string {
	if r.r == nil {
		return nil
	}
	return maps.Clone(r.r.mime)
}

// Metadata goes with the output: under "weir" the statement and its signature.
func (r Release) Metadata() map[string]any {
	if r.r == nil {
		return nil
	}
	return maps.Clone(r.r.metadata)
}

// Result is the released numbers, for the cell that asked; nil when there are none.
func (r Release) Result() *plan.Result {
	if r.r == nil {
		return nil
	}
	return r.r.result
}

// Statement is what a signature says of an output. It stands in the output's
// metadata as JSON text, which is signed as it stands:
//
//	"weir": {"class": "release", "title": "…", "statement": "{…}", "signature": "<base64>"}
//
// The signature is Ed25519 over signaturePrefix and the text.
type Statement struct {
	Class      string            `json:"class"` // release or refusal
	Session    string            `json:"session"`
	Repository string            `json:"repository"`
	CDR        string            `json:"cdr"`
	Tier       plan.Tier         `json:"tier"`
	Policy     string            `json:"policy"` // its hash
	Version    string            `json:"policy_version"`
	Seq        int64             `json:"seq"`   // of the ledger's entry
	Entry      string            `json:"entry"` // its hash
	MIME       map[string]string `json:"mime"`  // SHA-256 of each representation, JSON without white space and its names in order
}

const signaturePrefix = "weir release v1\n"

func (g *Guard) sign(class string, r *released, e ledger.Entry) map[string]any {
	text, err := json.Marshal(Statement{
		Class: class, Session: g.session, Repository: g.schema.Name, CDR: g.schema.CDR, Tier: g.schema.Tier,
		Policy: g.policy.Hash(), Version: g.policy.Version, Seq: e.Seq, Entry: e.Hash, MIME: hashes(r.mime),
	})
	if err != nil {
		panic(err)
	}
	sig := ed25519.Sign(g.key, append([]byte(signaturePrefix), text...))
	return map[string]any{"weir": map[string]any{
		"class":     class,
		"title":     r.title,
		"statement": string(text),
		"signature": base64.StdEncoding.EncodeToString(sig),
	}}
}

// Verify checks a signature that stands in an output's metadata over the output's
// representations, each as one string.
func Verify(public ed25519.PublicKey, statement, signature string, mime map[string]string) (*Statement, error) {
	sig, err := base64.StdEncoding.DecodeString(signature)
	if err != nil || !ed25519.Verify(public, []byte(signaturePrefix+statement), sig) {
		return nil, errors.New("the signature does not fit the statement")
	}
	s := new(Statement)
	if err := json.Unmarshal([]byte(statement), s); err != nil {
		return nil, err
	}
	if !maps.Equal(s.MIME, hashes(mime)) {
		return nil, errors.New("the output is not what was signed")
	}
	return s, nil
}

func hashes(mime map[string]string) map[string]string {
	out := make(map[string]string, len(mime))
	for k, v := range mime {
		if strings.HasSuffix(k, "+json") {
			v = canonical(v)
		}
		h := sha256.Sum256([]byte(v))
		out[k] = hex.EncodeToString(h[:])
	}
	return out
}

// canonical is JSON without white space, its names in order: a notebook keeps the value
// and not the text.
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

// Text is words: of a cell, of who wrote it, or of weir itself. It holds no data: the
// process that runs cells has none.
type Text struct{ plain, page string }

// Own is a text of the process that runs cells.
func Own(plain string) Text { return Text{plain: plain} }

// Markdown is a text of the process that runs cells, to be shown as Markdown.
func Markdown(source string) Text { return Text{source, markdownPage(bounded(source, maxWords))} }

// MIME is the text, and for Markdown the page it makes.
func (t Text) MIME() map[string]string {
	mime := map[string]string{mimePlain: t.plain}
	if t.page != "" {
		mime[mimeHTML] = t.page
	}
	return mime
}

// Metadata says what the text is.
func (t Text) Metadata() map[string]any { return own }

var own = map[string]any{"weir": map[string]any{"class": "text"}}
