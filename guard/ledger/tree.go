package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Tree is the Merkle tree of a ledger's entries (RFC 6962, section 2.1). The data of
// leaf i is the hash of entry i+1 as it stands in its line, 64 letters, so that the
// tree follows from the first column of the files. The zero Tree is empty.
type Tree struct {
	first  string // the hash of entry 1
	n      int64
	hashes stored
}

type stored []tlog.Hash

// ReadHashes implements tlog.HashReader.
func (s stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, at := range indexes {
		out[i] = s[at]
	}
	return out, nil
}

// ReadTree is the tree of the ledger at path, which it checks.
func ReadTree(path string) (*Tree, error) {
	t := new(Tree)
	_, err := Read(path, t.Add)
	return t, err
}

// Add adds the next entry.
func (t *Tree) Add(e Entry) error {
	if e.Seq != t.n+1 {
		return fmt.Errorf("entry %d does not follow %d", e.Seq, t.n)
	}
	more, err := tlog.StoredHashes(t.n, []byte(e.Hash), t.hashes)
	if err != nil {
		return err
	}
	if t.n == 0 {
		t.first = e.Hash
	}
	t.n, t.hashes = t.n+1, append(t.hashes, more...)
	return nil
}

// Checkpoint says what a ledger was when it had so many entries:
//
//	weir-ledger/7c0a…            the ledger: 32 letters of the hash of entry 1
//	42                           entries
//	nND/nri/U0xuHUrYSy0HtMeal2vzD9V4k/BO79C+QeI=    root of their tree, base64
//
//	— weir-ledger/7c0a… 7oLaBg…  signature
//
// It is a checkpoint of a transparency log (C2SP tlog-checkpoint), signed with the
// session's key as a note (golang.org/x/mod/sumdb/note), the origin being the name
// of the key.
type Checkpoint struct {
	Origin  string
	Entries int64
	Root    tlog.Hash
}

const originPrefix = "weir-ledger/"

// Origin names the ledger; an empty one has no name.
func (t *Tree) Origin() string {
	if t.n == 0 {
		return ""
	}
	return originPrefix + t.first[:32]
}

// Checkpoint is that of the tree as it is.
func (t *Tree) Checkpoint() (Checkpoint, error) {
	if t.n == 0 {
		return Checkpoint{}, errors.New("a ledger without entries has no checkpoint")
	}
	root, err := tlog.TreeHash(t.n, t.hashes)
	return Checkpoint{t.Origin(), t.n, root}, err
}

func (c Checkpoint) text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Entries, c.Root)
}

// Sign is the checkpoint as a note.
func (c Checkpoint) Sign(key ed25519.PrivateKey) ([]byte, error) {
	v, err := verifierOf(c.Origin, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	return note.Sign(&note.Note{Text: c.text()}, signer{v, key})
}

// signer implements note.Signer.
type signer struct {
	note.Verifier
	key ed25519.PrivateKey
}

func (s signer) Sign(text []byte) ([]byte, error) { return ed25519.Sign(s.key, text), nil }

func verifierOf(origin string, key ed25519.PublicKey) (note.Verifier, error) {
	text, err := note.NewEd25519VerifierKey(origin, key)
	if err != nil {
		return nil, err
	}
	return note.NewVerifier(text)
}

// OpenCheckpoint reads a note that the key signed.
func OpenCheckpoint(text []byte, key ed25519.PublicKey) (Checkpoint, error) {
	origin, _, _ := bytes.Cut(text, []byte("\n"))
	if !validOrigin(string(origin)) {
		return Checkpoint{}, errors.New("this is no checkpoint of a ledger")
	}
	v, err := verifierOf(string(origin), key)
	if err != nil {
		return Checkpoint{}, err
	}
	n, err := note.Open(text, note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("the checkpoint is not signed with the ledger's key: %w", err)
	}
	for _, sig := range n.Sigs {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return Checkpoint{}, errors.New("a checkpoint that is not in canonical form")
		}
	}
	return parseCheckpoint(n.Text)
}

func validOrigin(s string) bool {
	id, ok := strings.CutPrefix(s, originPrefix)
	return ok && len(id) == 32 && strings.Trim(id, "0123456789abcdef") == ""
}

func parseCheckpoint(text string) (Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 4 {
		return Checkpoint{}, errors.New("this is no checkpoint of a ledger")
	}
	n, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || n < 1 {
		return Checkpoint{}, errors.New("a checkpoint with no number of entries")
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Checkpoint{}, errors.New("a checkpoint without the root of a tree")
	}
	c := Checkpoint{lines[0], n, root}
	if c.text() != text || !validOrigin(c.Origin) {
		return Checkpoint{}, errors.New("a checkpoint that is not in canonical form")
	}
	return c, nil
}

// ForkedError says that a ledger is not the one that a checkpoint describes, grown
// or as it was.
type ForkedError struct{ Msg string }

// Error says what differs, and what to do.
func (e *ForkedError) Error() string {
	return e.Msg + "; keep the files as they are and call the administrator"
}

// Check says whether the tree grew from the one that the checkpoint describes.
func (t *Tree) Check(c Checkpoint) error {
	switch {
	case t.n == 0:
		return &ForkedError{fmt.Sprintf("the ledger has no entries, and a checkpoint says that it had %d", c.Entries)}
	case c.Origin != t.Origin():
		return &ForkedError{"this is another ledger than that of the checkpoint, or its file was replaced"}
	case c.Entries > t.n:
		return &ForkedError{fmt.Sprintf("the ledger has %d entries, and a checkpoint says that it had %d: its end was cut off", t.n, c.Entries)}
	}
	root, err := tlog.TreeHash(c.Entries, t.hashes)
	if err != nil {
		return err
	}
	if root != c.Root {
		return &ForkedError{fmt.Sprintf("the first %d entries are not those of the checkpoint: the ledger was written anew, or there are two", c.Entries)}
	}
	return nil
}

// Update is what a witness is sent: the checkpoint, and that it continues the one
// of old entries.
//
//	old 40                       entries of the checkpoint that the witness keeps
//	oq6bqqIo…                    hashes of a proof of consistency (RFC 6962, section 2.1.2), base64
//	…
//
//	weir-ledger/7c0a…            the checkpoint, as above
//	…
//
// This is the body of a request of the witness protocol (C2SP tlog-witness).
func (t *Tree) Update(old int64, checkpoint []byte) ([]byte, error) {
	if old < 0 || old > t.n {
		return nil, fmt.Errorf("the ledger has %d entries, not %d", t.n, old)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	if old > 0 {
		proof, err := tlog.ProveTree(t.n, old, t.hashes)
		if err != nil {
			return nil, err
		}
		for _, h := range proof {
			fmt.Fprintln(&b, h)
		}
	}
	b.WriteByte('\n')
	b.Write(checkpoint)
	return b.Bytes(), nil
}

// parseUpdate reads what Update writes.
func parseUpdate(text []byte) (old int64, proof tlog.TreeProof, checkpoint []byte, err error) {
	head, checkpoint, ok := bytes.Cut(text, []byte("\n\n"))
	lines := strings.Split(string(head), "\n")
	number, isOld := strings.CutPrefix(lines[0], "old ")
	old, err = strconv.ParseInt(number, 10, 64)
	if !ok || !isOld || err != nil || old < 0 || strconv.FormatInt(old, 10) != number || len(lines) > 1+63 {
		return 0, nil, nil, errors.New("this is no update of a checkpoint")
	}
	for _, l := range lines[1:] {
		h, err := base64.StdEncoding.DecodeString(l)
		if err != nil || len(h) != sha256.Size {
			return 0, nil, nil, errors.New("an update with a proof that is none")
		}
		proof = append(proof, tlog.Hash(h))
	}
	return old, proof, checkpoint, nil
}
