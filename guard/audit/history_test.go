package audit_test

import (
	"math/rand/v2"
	"testing"

	"weir/guard/audit"
)

// TestHistoryTrackers asks for what gives five participants away in ways that need
// denominators 1, 2 and 3.
func TestHistoryTrackers(t *testing.T) {
	const n = 10_000
	random := rand.New(rand.NewPCG(1, 2))
	order := random.Perm(n)
	of := func(spans ...[2]int) *audit.Set {
		in := make([]bool, n)
		for _, s := range spans {
			for _, p := range order[s[0]:s[1]] {
				in[p] = true
			}
		}
		var members []int32
		for p, yes := range in {
			if yes {
				members = append(members, int32(p))
			}
		}
		return audit.NewSet(n, members)
	}
	for name, c := range map[string]struct {
		sets  []*audit.Set
		shown int // of them
	}{
		"difference": {[]*audit.Set{of([2]int{0, 1000}), of([2]int{0, 1005})}, 1},
		"complement": {[]*audit.Set{of([2]int{0, n}), of([2]int{0, n - 5})}, 1},
		"apart":      {[]*audit.Set{of([2]int{0, 1000}), of([2]int{500, 1505})}, 2},
		"tracker":    {[]*audit.Set{of([2]int{0, 3000}), of([2]int{5, 5000}), of([2]int{3000, 5000})}, 2},
		"triangle": {[]*audit.Set{ // a∪b, b∪c, a∪c with a of five
			of([2]int{0, 5}, [2]int{100, 1100}), of([2]int{100, 1100}, [2]int{2000, 3000}), of([2]int{0, 5}, [2]int{2000, 3000})}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			h := audit.NewHistory(audit.HistoryOptions{Participants: n, Limit: 20, Seed: 7})
			shown := 0
			for _, s := range c.sets {
				if h.Ask(&audit.Question{Sets: []*audit.Set{s}, Numbers: []audit.Given{{Sets: []int{0}}}}).Shown[0] {
					shown++
				}
			}
			if shown != c.shown {
				t.Errorf("%d of %d shown, want %d", shown, len(c.sets), c.shown)
			}
		})
	}
}
