package audit

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestRowSketches: the sketch of every row is that of the facts that it is made of, after
// questions, and after there are more participants.
func TestRowSketches(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	n := 2 * poolSize
	h := NewHistory(HistoryOptions{Participants: n, Limit: 5, Seed: 9})
	drawn := func(one int) *Set {
		var members []int32
		for p := range n {
			if r.IntN(one) == 0 {
				members = append(members, int32(p))
			}
		}
		return NewSet(n, members)
	}
	for k := range 24 {
		if k == 12 {
			n *= 4
			h.Grow(n)
		}
		h.Ask(&Question{Sets: []*Set{drawn(2 + k%4), drawn(50)}, Numbers: []Given{{Sets: []int{0}}, {Sets: []int{1}}}})
		h.settled.Wait()
		for _, b := range h.space("").bases {
			b.pool.follow(b.facts)
			for i, s := range b.sketches {
				of := make(sketch, len(s))
				for j, f := range b.facts {
					whole := append(b.sketcher.of(f).modulo(b.modulus), b.sampled(b.pool.within(f, nil))...)
					b.subtract(of, []uint32{b.negative(b.of[j][i])}, [][]uint32{whole})
				}
				if !slices.Equal(s, of) {
					t.Fatalf("question %d: the sketch of row %d is not that of its facts", k, i)
				}
			}
		}
	}
	if rank := h.Stats().Rank; rank < 40 {
		t.Fatalf("rank %d", rank)
	}
}

// TestSolitary: of a set of few, those who are found are in it.
func TestSolitary(t *testing.T) {
	n := 64 * poolSize
	h := NewHistory(HistoryOptions{Participants: n, Limit: 5, Seed: 9})
	r := rand.New(rand.NewPCG(1, 3))
	b := h.space("").bases[0]
	found := 0
	for one := 100; one < 10_000; one *= 2 {
		var members []int32
		for p := range n {
			if r.IntN(one) == 0 {
				members = append(members, int32(p))
			}
		}
		q := NewSet(n, members)
		some := b.solitary(b.rest(q, h.sketch.of(q)).sketch, r)
		for _, p := range some {
			if !q.Has(p) {
				t.Errorf("one of %d: %d is not in the set", one, p)
			}
		}
		found += min(1, len(some))
	}
	if found < 6 {
		t.Errorf("somebody was found in %d of 7 sets", found)
	}
}
