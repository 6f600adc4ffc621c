package audit

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"
)

// TestExact: where the search is said to have ended, no choice of fewer numbers is
// safe; every choice is tried. It also counts how often the first choice, pruned, is
// as good.
func TestExact(t *testing.T) {
	seeds := uint64(12)
	if os.Getenv("LONG") != "" {
		seeds = 150
	}
	tables, proved, greedy := 0, 0, 0
	for _, dims := range [][]int{{2, 3}, {3, 3}, {3, 4}, {4, 4}, {2, 2, 3}} {
		for seed := range seeds {
			r := rand.New(rand.NewPCG(seed, uint64(100*len(dims)+dims[1])))
			s := grid(dims, random(r, []float64{25, 45, 70, 110}[seed%4]))
			o := Options{Sensitive: sensitive(s), Limit: limit, Effort: 4, Exact: 3000}
			p := s.Protect(o)
			if !slices.Contains(o.Sensitive, true) || len(p.Unsafe) > 0 || p.Complementary > 4 {
				continue // every choice of five of 40 is too many to try
			}
			certify(t, s, o, p)
			best := fewestBySearch(s, o, p.Complementary)
			tables++
			if p.AtLeast > best {
				t.Errorf("%v, seed %d: at least %d are said to be needed, and %d are enough", dims, seed, p.AtLeast, best)
			}
			if p.AtLeast == p.Complementary {
				proved++
			}
			o.Exact = 0
			if s.Protect(o).Complementary == best {
				greedy++
			}
		}
	}
	t.Logf("of %d tables %d were proved to hide the fewest; the pruned choice did of %d", tables, proved, greedy)
	if tables < 15 || proved < tables*9/10 {
		t.Errorf("of %d tables only %d were proved", tables, proved)
	}
}

// TestInvestments is the example of Fischetti and Salazar-González, "Models and
// algorithms for the 2-dimensional cell suppression problem in statistical disclosure
// control", Mathematical Programming 84 (1999): investments of three activities in
// three regions. The 22 must be able to be 30 (their upper protection level is 8),
// nothing is known but that no cell is negative, and the cheapest choice hides 8, 17
// and 12 with it.
func TestInvestments(t *testing.T) {
	counts := []int64{20, 50, 10, 8, 19, 22, 17, 32, 12}
	next := 0
	s := grid([]int{3, 3}, func([]int) int64 { next++; return counts[next-1] })
	clear(s.Least)
	at := func(n int64) int { return slices.Index(s.Count, n) }
	o := Options{Sensitive: make([]bool, len(s.Count)), Limit: 29, Effort: 4, Exact: 2000}
	o.Sensitive[at(22)] = true
	p := s.Protect(o)
	checkTables(t, s, o, p)
	if !slices.ContainsFunc(p.Changes, func(c Change) bool { return c.above(int32(at(22)), o.Limit) }) {
		t.Error("22 is nowhere 30")
	}
	want := make([]bool, len(s.Count))
	for _, n := range []int64{22, 8, 17, 12} {
		want[at(n)] = true
	}
	if !slices.Equal(p.Hidden, want) || p.AtLeast != 3 {
		t.Errorf("hidden: %v, at least %d", p.Hidden, p.AtLeast)
	}
}
