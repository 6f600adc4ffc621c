package review

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"weir/guard/ledger"
)

// Reviewer is a person who may grant exceptions, as the configuration lists them:
//
//	[[reviewers]]
//	name = "A. Okafor"
//	key  = "nZ0i5Vw…="      # Ed25519 public key, base64
//	retired = true          # former grants stand, new ones are refused
type Reviewer struct {
	Name    string `toml:"name"`
	Key     string `toml:"key"`
	Retired bool   `toml:"retired"`
}

// needed is how many reviewers grant a request.
const needed = 2

// CheckReviewers refuses a list in which one person could be two.
func CheckReviewers(list []Reviewer) error {
	names, keys := map[string]bool{}, map[string]bool{}
	for _, r := range list {
		if strings.TrimSpace(r.Name) != r.Name || r.Name == "" || len(r.Name) > 100 || strings.ContainsFunc(r.Name, isControl) {
			return fmt.Errorf("reviewers: name = %q: write a name in one line", r.Name)
		}
		key, err := r.public()
		if err != nil {
			return err
		}
		name := strings.ToLower(r.Name)
		if names[name] || keys[string(key)] {
			return fmt.Errorf("reviewers: %s or that key is listed twice", r.Name)
		}
		names[name], keys[string(key)] = true, true
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f || r == utf8.RuneError }

func (r Reviewer) public() (ed25519.PublicKey, error) {
	key, err := base64.StdEncoding.Strict().DecodeString(r.Key)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("reviewers: the key of %s is no Ed25519 public key in base64; weir ledger key prints one", r.Name)
	}
	return key, nil
}

// Request asks for outputs as they are.
type Request struct {
	By      string   `json:"by"`
	Reason  string   `json:"reason"`
	Outputs []Output `json:"outputs"`
}

// Output is an entry of the ledger.
type Output struct {
	Seq   int64  `json:"seq"`
	Entry string `json:"entry"` // its hash
}

// Grant is a reviewer's signature under a request.
type Grant struct {
	Request   int64  `json:"request"`
	Entry     string `json:"entry"` // the request's hash
	Reviewer  string `json:"reviewer"`
	Signature string `json:"signature"`
}

// Statement is what a reviewer signs.
func Statement(origin string, request int64, hash, reviewer string) string {
	return fmt.Sprintf("weir grant 1\nledger %s\nrequest %d %s\nreviewer %s\n", origin, request, hash, reviewer)
}

// ParseStatement reads what Statement writes, so that a reviewer's key signs nothing else.
func ParseStatement(text string) (request int64, reviewer string, err error) {
	var origin, hash string
	lines := strings.Split(text, "\n")
	if len(lines) == 5 {
		fmt.Sscanf(lines[1], "ledger %s", &origin)
		fmt.Sscanf(lines[2], "request %d %s", &request, &hash)
		reviewer = strings.TrimPrefix(lines[3], "reviewer ")
	}
	if len(hash) != 64 || Statement(origin, request, hash, reviewer) != text || strings.ContainsFunc(reviewer, isControl) {
		return 0, "", errors.New("this is not what a reviewer signs; weir ledger grant REQUEST --reviewer NAME --statement prints that")
	}
	return request, reviewer, nil
}

// Case is a request and what became of it.
type Case struct {
	Seq      int64            `json:"seq"`
	Entry    string           `json:"entry"` // its hash
	Request  Request          `json:"request"`
	Grants   []Grant          `json:"grants"`
	Released map[int64]int64  `json:"released"` // exceptions by the output that they replace
	ids      map[int64]string // plans of the outputs
}

// State is open, granted or released.
func (c *Case) State() string {
	switch {
	case len(c.Released) == len(c.Request.Outputs):
		return "released"
	case len(c.Grants) >= needed:
		return "granted"
	}
	return "open"
}

// deniedError is a refusal of an attempt.
type deniedError struct{ Denial }

func (e *deniedError) Error() string { return e.Reason }

// Denied says that an attempt was refused, and why.
func Denied(err error) (Denial, bool) {
	var d *deniedError
	if errors.As(err, &d) {
		return d.Denial, true
	}
	return Denial{}, false
}

// docket is the requests of a ledger.
type docket struct {
	reviewers []Reviewer
	cases     map[int64]*Case
	order     []int64
}

// checkRequest says what is wrong with a request.
func (d *docket) checkRequest(r *Request, find func(int64) *Event) error {
	switch {
	case strings.TrimSpace(r.By) == "" || len(r.By) > 100 || strings.ContainsFunc(r.By, isControl):
		return errors.New("a request names who asks")
	case len(strings.TrimSpace(r.Reason)) < 20:
		return errors.New("a request gives its reason, in 20 letters or more")
	case len(r.Reason) > 10_000 || !utf8.ValidString(r.Reason):
		return errors.New("a request's reason is text of at most 10,000 bytes")
	case len(r.Outputs) == 0 || len(r.Outputs) > 50:
		return errors.New("a request names 1 to 50 outputs")
	}
	seen := map[int64]bool{}
	for _, o := range r.Outputs {
		v := find(o.Seq)
		switch {
		case v == nil || v.Hash != o.Entry:
			return fmt.Errorf("the ledger has no such entry %d", o.Seq)
		case seen[o.Seq]:
			return fmt.Errorf("entry %d is named twice", o.Seq)
		case v.Kind == ledger.Refusal:
			return &deniedError{Denial{Attempt: "request", Reason: fmt.Sprintf("entry %d is a refusal of participants' rows: no exception can be made from that", o.Seq)}}
		case v.Kind != ledger.Release || v.Table.Hidden() == 0:
			return fmt.Errorf("entry %d is no table with hidden numbers: there is nothing to except", o.Seq)
		}
		seen[o.Seq] = true
	}
	return nil
}

// checkGrant says why a grant does not count.
func (d *docket) checkGrant(origin string, g *Grant, anew bool) error {
	deny := func(format string, args ...any) error {
		return &deniedError{Denial{"grant", g.Request, g.Reviewer, fmt.Sprintf(format, args...)}}
	}
	c := d.cases[g.Request]
	if c == nil || c.Entry != g.Entry {
		return deny("there is no such request")
	}
	at := slices.IndexFunc(d.reviewers, func(r Reviewer) bool { return r.Name == g.Reviewer })
	if at < 0 {
		return deny("the configuration lists no such reviewer")
	}
	who := d.reviewers[at]
	key, err := who.public()
	if err != nil {
		return err
	}
	sig, err := base64.StdEncoding.Strict().DecodeString(g.Signature)
	if err != nil || !ed25519.Verify(key, []byte(Statement(origin, c.Seq, c.Entry, who.Name)), sig) {
		return deny("the signature is not that of the reviewer's key under this request")
	}
	switch {
	case anew && who.Retired:
		return deny("the reviewer has retired")
	case strings.EqualFold(who.Name, c.Request.By):
		return deny("nobody grants what they asked for")
	case slices.ContainsFunc(c.Grants, func(h Grant) bool { return h.Reviewer == who.Name }):
		return deny("the reviewer has granted this request before; it takes %d people", needed)
	case anew && len(c.Grants) >= needed:
		return deny("the request is granted already")
	}
	return nil
}

// Granted is the proof that two reviewers granted a request; only this package
// makes one, and the zero Granted covers nothing.
type Granted struct{ g *granted }

type granted struct {
	request int64
	output  Output
	id      string
}

// Covers says whether the grant is for the output of a plan.
func (g Granted) Covers(id string) bool { return g.g != nil && g.g.id == id }

// Request is the request's entry.
func (g Granted) Request() int64 { return g.g.request }

// Output is the entry that is excepted.
func (g Granted) Output() Output { return g.g.output }

// grantedFor is the proof for an output of a case, used or not.
func (c *Case) grantedFor(output int64) (Granted, error) {
	deny := func(reason string) error {
		return &deniedError{Denial{Attempt: "release", Request: c.Seq, Reason: reason}}
	}
	at := slices.IndexFunc(c.Request.Outputs, func(o Output) bool { return o.Seq == output })
	if at < 0 {
		return Granted{}, deny(fmt.Sprintf("the request does not name entry %d", output))
	}
	if n := len(c.Grants); n < needed {
		return Granted{}, deny(fmt.Sprintf("%d of %d reviewers have granted the request", n, needed))
	}
	return Granted{&granted{c.Seq, c.Request.Outputs[at], c.ids[output]}}, nil
}

const keyType = "WEIR REVIEWER KEY"

// EncodeKey is a reviewer's key as a file.
func EncodeKey(key ed25519.PrivateKey) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: keyType, Bytes: key.Seed()})
}

// ParseKey reads a reviewer's key.
func ParseKey(text []byte) (ed25519.PrivateKey, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != keyType || len(block.Bytes) != ed25519.SeedSize || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("this is no reviewer's key; weir ledger key makes one")
	}
	return ed25519.NewKeyFromSeed(block.Bytes), nil
}

// PublicKey is the half of a key that the configuration lists.
func PublicKey(key ed25519.PrivateKey) string {
	return base64.StdEncoding.EncodeToString(key.Public().(ed25519.PublicKey))
}

// Sign is a reviewer's signature under a statement.
func Sign(key ed25519.PrivateKey, statement string) string {
	return base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(statement)))
}
