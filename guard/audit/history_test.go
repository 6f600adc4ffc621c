package audit_test

import (
	"bytes"
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

// TestHistoryRestarts asks the same of a history that goes on and of one that is begun
// again between questions, from its facts or from what it saved, and is asked nothing
// that would be withheld.
func TestHistoryRestarts(t *testing.T) {
	const n = 600
	options := audit.HistoryOptions{Participants: n, Limit: 6, Seed: 3}
	r := rand.New(rand.NewPCG(5, 5))
	whole, again := audit.NewHistory(options), audit.NewHistory(options)
	var facts []audit.Fact
	withheld := 0
	for range 120 {
		q := &audit.Question{}
		for i := range 1 + r.IntN(6) {
			var members []int32
			low, high, odd := r.IntN(n), r.IntN(n), r.IntN(5)
			for p := range int32(n) {
				if (int(p) >= low) != (int(p) >= high) && (odd > 0 || p%2 == 1) {
					members = append(members, p)
				}
			}
			q.Sets = append(q.Sets, audit.NewSet(n, members))
			g := audit.Given{Sets: []int{i}}
			if i > 0 && r.IntN(3) == 0 {
				g = audit.Given{Sets: []int{i, i - 1}, Sum: "bmi"}
			}
			q.Numbers = append(q.Numbers, g)
		}
		a := whole.Ask(q)
		facts = append(facts, a.Facts...)
		for i, shown := range a.Shown {
			if !shown {
				withheld++
			}
			q.Numbers[i].Hidden = q.Numbers[i].Hidden || !shown && r.IntN(2) == 0
		}
		b := again.Ask(q)
		for i := range a.Shown {
			if a.Shown[i] != b.Shown[i] {
				t.Fatalf("number %d of a question is %v (%v) at first and %v (%v) again", i, a.Shown[i], a.Why[i], b.Shown[i], b.Why[i])
			}
		}
		switch r.IntN(8) {
		case 0:
			again = audit.NewHistory(options)
			again.Recall(facts)
		case 1:
			var state bytes.Buffer
			if err := again.Save(&state); err != nil {
				t.Fatal(err)
			}
			var err error
			if again, err = audit.Load(options, state.Bytes(), facts); err != nil {
				t.Fatal(err)
			}
		}
	}
	if withheld < 50 || len(facts) < 100 {
		t.Errorf("only %d numbers were withheld, of %d facts", withheld, len(facts))
	}
}

// TestFull asks more than may be kept: what follows from what was shown is shown still.
func TestFull(t *testing.T) {
	const n = 1000
	h := audit.NewHistory(audit.HistoryOptions{Participants: n, Limit: 20, Seed: 1, Most: 2})
	from := func(low, high int32) *audit.Set {
		var members []int32
		for p := low; p < high; p++ {
			members = append(members, p)
		}
		return audit.NewSet(n, members)
	}
	sets := []*audit.Set{from(0, 900), from(0, 500), from(100, 300), from(500, 900), from(0, 500)}
	want := []audit.Reason{audit.Free, audit.Free, audit.Full, audit.Free, audit.Free}
	for i, s := range sets {
		a := h.Ask(&audit.Question{Sets: []*audit.Set{s}, Numbers: []audit.Given{{Sets: []int{0}}}})
		if a.Why[0] != want[i] || a.Shown[0] != (want[i] == audit.Free) {
			t.Errorf("set %d: %v, want %v", i, a.Why[0], want[i])
		}
	}
}
