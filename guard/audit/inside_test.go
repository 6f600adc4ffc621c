package audit

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestCorner holds the search among the facts within a set to looking at every set.
func TestCorner(t *testing.T) {
	m := modulusOf(1)
	const participants, limit = 90, 6
	found := 0
	for seed := range uint64(600) {
		r := rand.New(rand.NewPCG(seed, 4))
		kinds := make([]int, participants) // at most so many different histories
		for p := range kinds {
			kinds[p] = int(float64(4+r.IntN(9)) * r.Float64() * r.Float64())
		}
		var facts []*Set
		for range 2 + r.IntN(8) {
			of := r.Uint32()
			var members []int32
			for p, k := range kinds {
				if p%3 > 0 && of>>k&1 == 1 {
					members = append(members, int32(p))
				}
			}
			facts = append(facts, NewSet(participants, members))
		}
		whole := everybodyBut(participants, 3)
		c := newCorner(m, whole, facts, limit, mostSteps, make([]int32, whole.of))
		is := c.small()
		if c.left <= 0 {
			t.Fatalf("seed %d: it took more than %d steps", seed, mostSteps)
		}
		if want := follows(m, kinds, facts, limit); is != want {
			t.Fatalf("seed %d: found %v, %v by looking at every set", seed, is, want)
		}
		if is {
			found++
		}
	}
	t.Logf("a small set follows in %d of 600", found)
	if found < 60 || found > 540 {
		t.Errorf("a small set follows in %d of 600", found)
	}
}

func everybodyBut(participants, every int) *Set {
	var members []int32
	for p := range int32(participants) {
		if p%int32(every) > 0 {
			members = append(members, p)
		}
	}
	return NewSet(participants, members)
}

// follows tries every set that has all or none of each kind.
func follows(m modulus, kinds []int, facts []*Set, limit int) bool {
	sizes := make([]int, slices.Max(kinds)+1)
	at := make([]int32, len(sizes))
	for p, k := range kinds {
		if p%3 > 0 {
			sizes[k]++
			at[k] = int32(p)
		}
	}
	vector := func(in func(kind int) bool) []uint32 {
		v := make([]uint32, len(sizes))
		for k := range v {
			if sizes[k] > 0 && in(k) {
				v[k] = 1
			}
		}
		return v
	}
	var rows [][]uint32
	for _, f := range facts {
		rows = append(rows, vector(func(k int) bool { return f.Has(at[k]) }))
	}
	rank := rankOf(m, rows)
	for some := 1; some < 1<<len(sizes); some++ {
		n := 0
		for k, size := range sizes {
			n += some >> k & 1 * size
		}
		if n < 1 || n > limit {
			continue
		}
		with := append(slices.Clip(rows), vector(func(k int) bool { return some>>k&1 == 1 }))
		if rankOf(m, with) == rank {
			return true
		}
	}
	return false
}

func rankOf(m modulus, of [][]uint32) (rank int) {
	var rows [][]uint32
	for _, r := range of {
		rows = append(rows, slices.Clone(r))
	}
	for c := range rows[0] {
		k := slices.IndexFunc(rows[rank:], func(r []uint32) bool { return r[c] != 0 })
		if k < 0 {
			continue
		}
		rows[rank], rows[rank+k] = rows[rank+k], rows[rank]
		for _, r := range rows[rank+1:] {
			if f := m.times(r[c], m.inverse(rows[rank][c])); f != 0 {
				for i, x := range rows[rank] {
					r[i] = m.plus(r[i], m.negative(m.times(f, x)))
				}
			}
		}
		if rank++; rank == len(rows) {
			break
		}
	}
	return rank
}

// TestInside asks for what gave twenty participants away: 110 − 63 − 62 + 35, of a cohort
// that so much is known of that the twenty have many pivots. Every other time a wider set
// holds the parts as well, though not the cohort.
func TestInside(t *testing.T) {
	const participants = 3000
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 5))
		h := NewHistory(HistoryOptions{Participants: participants, Limit: 20, Seed: seed})
		// in[p] is in which of two parts of the cohort; 20 are in neither.
		in := make([]int, participants)
		for i, p := range r.Perm(participants)[:110] {
			switch {
			case i < 20:
				in[p] = 4
			case i < 48:
				in[p] = 4 | 1
			case i < 75:
				in[p] = 4 | 2
			default:
				in[p] = 4 | 3
			}
		}
		set := func(is func(p int) bool) *Set {
			var members []int32
			for p := range participants {
				if is(p) {
					members = append(members, int32(p))
				}
			}
			return NewSet(participants, members)
		}
		ask := func(of *Set) bool {
			return h.Ask(&Question{Sets: []*Set{of}, Numbers: []Given{{Sets: []int{0}}}}).Shown[0]
		}
		ask(set(func(p int) bool { return in[p]&4 > 0 }))
		for range 40 { // what else is known of the cohort
			half := r.Perm(participants)
			ask(set(func(p int) bool { return in[p]&4 > 0 && half[p]%2 == 0 }))
		}
		if seed%2 == 1 {
			for range 40 { // and of others
				half := r.Perm(participants)
				ask(set(func(p int) bool { return in[p] == 0 && half[p]%2 == 0 }))
			}
			ask(set(func(p int) bool { return in[p]&3 > 0 || in[p] == 0 && p%5 > 0 }))
		}
		shown := 0
		for _, part := range []int{1, 2, 3} {
			if ask(set(func(p int) bool { return in[p]&4 > 0 && in[p]&part == part })) {
				shown++
			}
		}
		if shown == 3 {
			t.Errorf("seed %d: 20 participants are those of the cohort who are in neither part", seed)
		}
	}
}
