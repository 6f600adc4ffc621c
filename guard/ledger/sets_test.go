package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// randomSet has about share of the participants.
func randomSet(r *rand.Rand, participants int, share float64) Set {
	s := Set{Fingerprint: Fingerprint{r.Uint64(), r.Uint64()}, Words: make([]uint64, (participants+63)/64)}
	for p := range participants {
		if r.Float64() < share {
			s.Words[p/64] |= 1 << (p % 64)
		}
	}
	return s
}

func someSets(participants ...int) (out []Set) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range participants {
		for _, share := range []float64{0, 0.0001, 0.02, 0.06, 0.0625, 0.07, 0.5, 0.93, 0.94, 0.999, 1} {
			out = append(out, randomSet(r, n, share))
		}
	}
	return out
}

func openSets(t testing.TB, path string) *Sets {
	t.Helper()
	s, err := OpenSets(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func each(t testing.TB, s *Sets) (out []Set) {
	t.Helper()
	if err := s.Each(func(x Set) error { out = append(out, x); return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

func equalSets(a, b []Set) bool {
	return slices.EqualFunc(a, b, func(x, y Set) bool { return x.Fingerprint == y.Fingerprint && slices.Equal(x.Words, y.Words) })
}

func TestSets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sets")
	all := someSets(0, 1, 64, 1000, 65_536, 65_537, 200_000)
	one, two := openSets(t, path), openSets(t, path)
	if err := one.Put(all[:10]...); err != nil {
		t.Fatal(err)
	}
	if got := each(t, two); !equalSets(got, all[:10]) {
		t.Errorf("%d sets of another process", len(got))
	}
	for _, s := range all[10:] {
		if err := two.Put(s, s); err != nil {
			t.Fatal(err)
		}
	}
	if err := two.Put(all...); err != nil {
		t.Fatal(err)
	}
	if got := each(t, two); !equalSets(got, all[10:]) {
		t.Errorf("%d more sets", len(got))
	}
	if got := each(t, one); !equalSets(got, all) {
		t.Errorf("%d sets", len(got))
	}
	if got := each(t, openSets(t, path)); !equalSets(got, all) {
		t.Errorf("%d sets after a restart", len(got))
	}
	for _, s := range all {
		if words, ok, err := one.Get(s.Fingerprint); err != nil || !ok || !slices.Equal(words, s.Words) {
			t.Fatalf("%v: %v, %v", s.Fingerprint, ok, err)
		}
	}
	if _, ok, err := one.Get(Fingerprint{1, 2}); ok || err != nil {
		t.Error("a set that is not there", err)
	}
	other := all[20]
	other.Words = slices.Clone(other.Words)
	other.Words[0] ^= 1
	if err := one.Put(other); err == nil {
		t.Error("two sets with one fingerprint")
	}
	other.Fingerprint[0]++
	again := other
	again.Words = all[20].Words
	if err := one.Put(other, again); err == nil {
		t.Error("two sets with one fingerprint at once")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	var damaged *SetsError
	if err := one.Put(all[0]); !errors.As(err, &damaged) {
		t.Errorf("put into a file that was removed: %v", err)
	}
}

// TestSetsTampering changes and cuts every byte.
func TestSetsTampering(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sets")
	s := openSets(t, path)
	if err := s.Put(someSets(200)[:9]...); err != nil {
		t.Fatal(err)
	}
	empty, err := openSets(t, filepath.Join(t.TempDir(), "other")).Head()
	if err != nil {
		t.Fatal(err)
	}
	head, err := s.Head()
	if err != nil {
		t.Fatal(err)
	}
	if s.Check(head) != nil || s.Check(empty) == nil || s.Check(Head{head.Sets + 1, head.Hash}) == nil || s.Check(Head{head.Sets - 1, head.Hash}) == nil {
		t.Error("heads")
	}
	whole := contents(t, path)
	ends := map[int64]int{}
	for i, r := range s.at {
		ends[r.offset+int64(r.length)] = i + 1
	}
	try := func(b []byte) (int, error) {
		replace(t, path, b)
		s, err := OpenSets(path)
		if err != nil {
			return 0, err
		}
		defer s.Close()
		n := 0
		err = s.Each(func(Set) error { n++; return nil })
		if err == nil && s.Check(head) == nil && !bytes.Equal(b, whole) {
			t.Error("another file passes for what the ledger knows")
		}
		return n, err
	}
	for i := range whole {
		b := bytes.Clone(whole)
		b[i] ^= 4
		var damaged *SetsError
		if n, err := try(b); !errors.As(err, &damaged) {
			t.Errorf("byte %d changed: %d sets, %v", i, n, err)
		}
	}
	kept := 0
	for i := setsHead; i < len(whole); i++ {
		if n, ok := ends[int64(i)]; ok {
			kept = n
		}
		if n, err := try(whole[:i]); n != kept || err != nil {
			t.Errorf("cut at %d: %d sets, %v", i, n, err)
		}
		if st, err := os.Stat(path); err != nil || kept > 0 && ends[st.Size()] != kept {
			t.Errorf("cut at %d: %d bytes are left", i, st.Size())
		}
	}
}

func FuzzChunk(f *testing.F) {
	for _, s := range someSets(200, 4096) {
		f.Add(uint16(len(s.Words)), appendChunk(nil, s.Words))
	}
	f.Fuzz(func(t *testing.T, n uint16, b []byte) {
		words := make([]uint64, 1+int(n)%chunkWords)
		rest, err := readChunk(words, b)
		if err == nil && !bytes.Equal(appendChunk(nil, words), b[:len(b)-len(rest)]) {
			t.Errorf("%d words: % x would be written as % x", len(words), b, appendChunk(nil, words))
		}
	})
}

// FuzzSets opens files of any bytes.
func FuzzSets(f *testing.F) {
	path := filepath.Join(f.TempDir(), "sets")
	s := openSets(f, path)
	if err := s.Put(someSets(100)[:4]...); err != nil {
		f.Fatal(err)
	}
	b := contents(f, path)
	f.Add(b)
	f.Add(b[:len(b)-3])
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "sets")
		replace(t, path, b)
		s, err := OpenSets(path)
		if err != nil {
			return
		}
		defer s.Close()
		n := 0
		if err := s.Each(func(Set) error { n++; return nil }); err != nil {
			return
		}
		if h, err := s.Head(); err != nil || h.Sets != n {
			t.Error(fmt.Sprint(h, n, err))
		}
		if after := contents(t, path); len(b) >= setsHead && !bytes.HasPrefix(b, after) {
			t.Error("the file was written to")
		}
	})
}
