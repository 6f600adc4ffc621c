package ledger

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var testKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func treeOf(t testing.TB, path string) (*Tree, []byte) {
	t.Helper()
	tree, err := ReadTree(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := tree.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	text, err := c.Sign(testKey)
	if err != nil {
		t.Fatal(err)
	}
	return tree, text
}

func TestCheckpoint(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	write(t, path, 5)
	tree, text := treeOf(t, path)
	c, err := OpenCheckpoint(text, public(testKey))
	if err != nil || c.Entries != 5 || tree.Check(c) != nil {
		t.Fatalf("%+v, %v", c, err)
	}
	other := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, ed25519.SeedSize))
	if _, err := OpenCheckpoint(text, public(other)); err == nil {
		t.Error("opened with another key")
	}
	for i := range text {
		b := bytes.Clone(text)
		if b[i] ^= 1; b[i] != text[i] {
			if got, err := OpenCheckpoint(b, public(testKey)); err == nil {
				t.Errorf("byte %d changed: %+v", i, got)
			}
		}
	}
	if _, err := new(Tree).Checkpoint(); err == nil {
		t.Error("a checkpoint of nothing")
	}
}

// TestWitness has a ledger that grows, and what an attacker would make of it.
func TestWitness(t *testing.T) {
	dir := t.TempDir()
	path, copied, cut, foreign := filepath.Join(dir, "ledger"), filepath.Join(dir, "copy"), filepath.Join(dir, "cut"), filepath.Join(dir, "foreign")
	w := Witness{filepath.Join(dir, "kept"), public(testKey)}
	update := func(path string, old int64) []byte {
		tree, text := treeOf(t, path)
		u, err := tree.Update(old, text)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	write(t, path, 3)
	if _, err := w.Update(update(path, 1)); !stale(err) {
		t.Errorf("the first update with a proof: %v", err)
	}
	if c, err := w.Update(update(path, 0)); err != nil || c.Entries != 3 {
		t.Fatal(c, err)
	}
	replace(t, cut, bytes.Join(lines(contents(t, path))[:2], nil))
	replace(t, copied, contents(t, path))
	write(t, path, 4)
	write(t, copied, 4)
	write(t, foreign, 9)
	if _, err := w.Update(update(path, 2)); !stale(err) {
		t.Errorf("an update from another checkpoint: %v", err)
	}
	if c, err := w.Update(update(path, 3)); err != nil || c.Entries != 7 {
		t.Fatal(c, err)
	}
	if _, err := w.Update(update(path, 3)); err != nil {
		t.Errorf("the same checkpoint again: %v", err)
	}
	before := contents(t, w.Path)
	for what, u := range map[string][]byte{
		"a cut tail":                     update(cut, 2),
		"a copy that went another way":   update(copied, 3),
		"a ledger that was written anew": update(foreign, 7),
	} {
		var forked *ForkedError
		if _, err := w.Update(u); !errors.As(err, &forked) {
			t.Errorf("%s: %v", what, err)
		}
	}
	write(t, copied, 1)
	var forked *ForkedError
	if _, err := w.Update(update(copied, 7)); !errors.As(err, &forked) {
		t.Errorf("a copy that went another way and grew: %v", err)
	}
	good := update(path, 7)
	for i := range good {
		b := bytes.Clone(good)
		b[i] ^= 1
		w.Update(b)
	}
	if !bytes.Equal(before, contents(t, w.Path)) {
		t.Error("the witness keeps another checkpoint than before")
	}
	tree, _ := treeOf(t, path)
	kept, err := w.Kept()
	if err != nil || tree.Check(kept) != nil {
		t.Error("the ledger is not that of the witness", err)
	}
	for _, p := range []string{cut, copied, foreign} {
		tree, _ := treeOf(t, p)
		if !errors.As(tree.Check(kept), &forked) {
			t.Errorf("%s passes for the ledger of the witness", p)
		}
	}
}

func stale(err error) bool {
	var s *StaleError
	return errors.As(err, &s)
}

// TestOutsider has a program of others, which knows the package comment and RFC
// 6962 only, read the ledger, its archives and a checkpoint.
func TestOutsider(t *testing.T) {
	python := os.Getenv("WEIR_PYTHON")
	if python == "" {
		if os.Getenv("WEIR_REQUIRE_ALL") != "" {
			t.Fatal("Python ($WEIR_PYTHON) is not here")
		}
		t.Skip("Python ($WEIR_PYTHON) is not here")
	}
	path := filepath.Join(t.TempDir(), "ledger")
	write(t, path, 11)
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Rotate(); err != nil {
		t.Fatal(err)
	}
	l.Close()
	write(t, path, 6)
	_, text := treeOf(t, path)
	replace(t, path+".checkpoint", text)
	run := func() (string, error) {
		c := exec.Command(python, "testdata/verify.py", path+".checkpoint", path+".0001", path)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	if out, err := run(); err != nil || !strings.Contains(out, "19 entries") {
		t.Errorf("%s, %v", out, err)
	}
	b := contents(t, path)
	replace(t, path, bytes.Join(lines(b)[:len(lines(b))-1], nil))
	if out, err := run(); err == nil {
		t.Errorf("the outsider does not see a cut: %s", out)
	}
}

func FuzzUpdate(f *testing.F) {
	tree := new(Tree) // the same in every process that fuzzes
	last := Entry{}
	for range 5 {
		e := Entry{Seq: last.Seq + 1, Time: time.Unix(1e9, 0).UTC(), Prev: last.hash(), Kind: Release, Body: []byte("{}")}
		if _, err := e.line(); err != nil {
			f.Fatal(err)
		}
		if err := tree.Add(e); err != nil {
			f.Fatal(err)
		}
		last = e
	}
	c, err := tree.Checkpoint()
	if err != nil {
		f.Fatal(err)
	}
	text, err := c.Sign(testKey)
	if err != nil {
		f.Fatal(err)
	}
	for _, old := range []int64{0, 3} {
		u, err := tree.Update(old, text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(u)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		old, proof, text, err := parseUpdate(b)
		if err != nil {
			return
		}
		c, err := OpenCheckpoint(text, public(testKey))
		if err != nil {
			return
		}
		if tree.Check(c) != nil {
			t.Errorf("a checkpoint that nobody signed: %+v (old %d, %d hashes)", c, old, len(proof))
		}
	})
}

// TestTreeByHand compares with the definition of RFC 6962.
func TestTreeByHand(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	for range 9 {
		write(t, path, 1)
		tree, text := treeOf(t, path)
		c, err := OpenCheckpoint(text, public(testKey))
		if err != nil {
			t.Fatal(err)
		}
		var leaves []string
		for _, e := range entries(t, path) {
			leaves = append(leaves, e.Hash)
		}
		if root := rfc6962(leaves); root != c.Root || tree.n != int64(len(leaves)) {
			t.Errorf("%d entries: root %x, not %x", len(leaves), c.Root, root)
		}
	}
}

func rfc6962(leaves []string) [32]byte {
	if len(leaves) == 1 {
		return sha256.Sum256([]byte("\x00" + leaves[0]))
	}
	k := 1
	for k*2 < len(leaves) {
		k *= 2
	}
	left, right := rfc6962(leaves[:k]), rfc6962(leaves[k:])
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}
