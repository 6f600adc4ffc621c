package audit_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"weir/guard/audit"
)

// TestTargets: a set that was asked for and hidden does not follow later, in a cohort that
// has been divided so often that several pivots of every basis are in the set: by itself,
// and with another one.
func TestTargets(t *testing.T) {
	const n = 400
	for seed := range uint64(12) {
		r := rand.New(rand.NewPCG(seed, 12))
		h := audit.NewHistory(audit.HistoryOptions{Participants: n, Limit: 20, Seed: seed})
		ask := func(members ...int32) (bool, audit.Reason) {
			slices.Sort(members)
			a := h.Ask(&audit.Question{Sets: []*audit.Set{audit.NewSet(n, members)}, Numbers: []audit.Given{{Sets: []int{0}}}})
			return a.Shown[0], a.Why[0]
		}
		order := make([]int32, n)
		for p, q := range r.Perm(n) {
			order[p] = int32(q)
		}
		small, a, b := order[:15], order[15:150], order[150:260]
		var parts [][]int32
		if seed%2 == 1 {
			parts = [][]int32{order[:8], order[8:15]}
		} else {
			parts = [][]int32{small}
		}
		for _, p := range parts {
			if shown, why := ask(slices.Clone(p)...); shown || why != audit.Small {
				t.Fatalf("a set of %d is shown: %v, %v", len(p), shown, why)
			}
		}
		for range 130 {
			var random []int32
			for p := range int32(n) {
				if r.IntN(2) == 0 {
					random = append(random, p)
				}
			}
			ask(random...)
		}
		rank := h.Stats().Rank
		if rank < 100 {
			t.Fatalf("seed %d: rank %d", seed, rank)
		}
		last := audit.Free
		for _, s := range [][]int32{slices.Concat(small, a), slices.Concat(a, b), slices.Clone(b)} {
			if _, last = ask(s...); last != audit.Free {
				break
			}
		}
		if last != audit.Derivable {
			t.Errorf("seed %d, rank %d: what gives the small set away is shown: %v", seed, rank, last)
		}
	}
}
