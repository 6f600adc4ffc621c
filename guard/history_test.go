package guard

import (
	"context"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/datasets/plan"
	"weir/datasets/tally"
	"weir/guard/audit"
	"weir/guard/ledger"
)

// people are ids of participants in a random order.
func people(n int, seed uint64) []int64 {
	out := make([]int64, n)
	for i, k := range rand.New(rand.NewPCG(seed, 1)).Perm(n) {
		out[i] = int64(k) + 1<<40
	}
	return out
}

// having is the numbers of the participants with these ids.
func having(ids []int64, want func(id int) bool) []int32 {
	var out []int32
	for i, id := range ids {
		if want(int(id - 1<<40)) {
			out = append(out, int32(i))
		}
	}
	return out
}

// counts asks for the count of a set.
func counts(t *testing.T, h *History, members []int32) bool {
	t.Helper()
	end, err := h.decide(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	a, err := h.ask(t.Context(), &audit.Question{Sets: []*audit.Set{h.set(members)}, Numbers: []audit.Given{{Sets: []int{0}}}})
	if err != nil {
		t.Fatal(err)
	}
	return a.Shown[0]
}

func openHistory(t *testing.T, path string, ids []int64) *History {
	t.Helper()
	h, err := OpenHistory(path, ids, Builtin)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// TestHistoryIsShared: what one session was shown counts in another one, that runs
// at the same time, that comes later, or that has another version of the data, with
// its participants in another order and with more of them.
func TestHistoryIsShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	ids := people(5000, 1)
	below := func(n int) func(int) bool { return func(id int) bool { return id < n } }
	one, two := openHistory(t, path, ids), openHistory(t, path, ids)
	if !counts(t, one, having(ids, below(2000))) {
		t.Fatal("the first count is withheld")
	}
	if counts(t, two, having(ids, below(2005))) {
		t.Error("another session is shown five participants more")
	}
	next := people(6000, 2)
	three := openHistory(t, path, next)
	if counts(t, three, having(next, below(2005))) {
		t.Error("the next version of the data shows five participants more")
	}
	if !counts(t, three, having(next, below(2000))) || !counts(t, one, having(ids, below(2000))) {
		t.Error("what was shown is withheld")
	}
	if !counts(t, three, having(next, below(5500))) || !counts(t, one, having(ids, below(5000))) || counts(t, three, having(next, func(id int) bool { return id >= 4990 && id < 5500 })) {
		t.Error("parts of what the next version has more")
	}
}

// TestHistoryDamage damages the file.
func TestHistoryDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	ids := people(200, 1)
	h := openHistory(t, path, ids)
	for n := 60; n < 200; n += 30 {
		counts(t, h, having(ids, func(id int) bool { return id < n }))
	}
	h.Close()
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; at < len(whole); at++ {
		b := slices.Clone(whole)
		b[at] ^= 0x40
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		h, err := OpenHistory(path, ids, Builtin)
		if err == nil {
			t.Errorf("byte %d of %d: no error", at, len(whole))
			h.Close()
		} else if !strings.Contains(err.Error(), "damaged") {
			t.Fatalf("byte %d: %v", at, err)
		}
	}
	for n := range len(whole) { // a crash
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		h := openHistory(t, path, ids)
		counts(t, h, having(ids, func(id int) bool { return id < 100 }))
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
		openHistory(t, path, ids)
	}
}

// TestHistoryResumes: a history that is opened again decides as one that never was
// closed, with the state that was saved and without it.
func TestHistoryResumes(t *testing.T) {
	dir := t.TempDir()
	ids := people(3000, 1)
	path := filepath.Join(dir, "history")
	in := func(k int) func(int) bool { // a random half, third, or smaller part
		r := rand.New(rand.NewPCG(uint64(k), 9))
		list := make([]bool, len(ids))
		for id := range list {
			list[id] = r.IntN(2+k%5) == 0
		}
		return func(id int) bool { return list[id] }
	}
	ask := func(h *History, k int) bool { return counts(t, h, having(ids, in(k))) }
	h := openHistory(t, path, ids)
	var want []bool
	for k := range 400 {
		want = append(want, ask(h, k))
	}
	rank := h.Stats().Rank
	if err := h.Close(); err != nil || rank < worthSaving {
		t.Fatal(err, rank)
	}
	state, err := os.ReadFile(path + ".state")
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func([]byte) []byte{
		"saved":   func(b []byte) []byte { return b },
		"missing": func([]byte) []byte { return nil },
		"damaged": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"cut":     func(b []byte) []byte { return b[:len(b)-8] },
		"other":   func(b []byte) []byte { b[0]++; return b },
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path+".state", change(slices.Clone(state)), 0o600); err != nil {
				t.Fatal(err)
			}
			h := openHistory(t, path, ids)
			if got := h.Stats().Rank; got != rank {
				t.Fatalf("rank %d, was %d", got, rank)
			}
			for k, w := range want {
				if got := ask(h, k); w && !got {
					t.Fatalf("question %d: shown before, and now not", k)
				}
			}
			first, n := in(0), 0
			if counts(t, h, having(ids, func(id int) bool {
				if !first(id) && n < 5 {
					n++
					return true
				}
				return first(id)
			})) {
				t.Error("five participants more are shown")
			}
			if got := h.Stats().Rank; got != rank {
				t.Fatalf("rank %d after the same questions, was %d", got, rank)
			}
		})
	}
}

// FuzzHistory opens what nobody wrote.
func FuzzHistory(f *testing.F) {
	f.Add([]byte{'p', 1, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Add([]byte{'f', 0, 2, 0, 1, 1, 't', 1, 0, 0})
	f.Fuzz(func(t *testing.T, payload []byte) {
		path := filepath.Join(t.TempDir(), "history")
		h := openHistory(t, path, people(30, 1))
		if err := h.record(payload); err != nil {
			t.Fatal(err)
		}
		h.Close()
		if h, err := OpenHistory(path, people(30, 1), Builtin); err == nil {
			counts(t, h, having(people(30, 1), func(id int) bool { return id < 25 }))
			h.Close()
		}
	})
}

// TestDecisionsHaveAnOrder: while the decision of one session is on its way into the
// ledger, no other session decides; so a replay that follows the ledger knows of each
// decision what it knew. Who waits can be interrupted.
func TestDecisionsHaveAnOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "history")
	ids := people(100, 1)
	table := &tally.Table{
		Groups:  []tally.Group{{Labels: []string{"everyone"}, All: tally.Set{Participants: 100}}},
		Members: &tally.Members{Participants: 100, Parts: [][]tally.Entries{{{Cell: make([]int32, 100)}}}, Groups: []tally.Cells{{Cells: []int32{0}}}},
	}
	session := func(l Ledger) *Guard {
		g, err := New(Builtin, l, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), "session", &plan.Schema{Tier: plan.Registered}, openHistory(t, path, ids))
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	n := then(t, root(t, "Everyone"), "Attrition")
	var recorded []string
	other := session(appending(func() { recorded = append(recorded, "the other's") }))
	var others sync.WaitGroup
	one := session(appending(func() {
		ctx, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer stop()
		if _, err := other.TableContext(ctx, n, table); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("decided in the middle of a decision: %v", err)
		}
		others.Go(func() {
			if _, err := other.Table(n, table); err != nil {
				t.Error(err)
			}
		})
		time.Sleep(100 * time.Millisecond)
		recorded = append(recorded, "one's")
	}))
	if _, err := one.Table(n, table); err != nil {
		t.Fatal(err)
	}
	others.Wait()
	if !slices.Equal(recorded, []string{"one's", "the other's"}) {
		t.Errorf("recorded: %q", recorded)
	}
}

// appending is a ledger that does something when a release is recorded.
type appending func()

func (f appending) Append(kind string, _ any) (ledger.Entry, error) {
	if kind == ledger.Release {
		f()
	}
	return ledger.Entry{Seq: 1}, nil
}
