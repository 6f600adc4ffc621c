package guard_test

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestSolver compares the attacker's bounds with every world of small systems:
// propagation and linear programming may take none away, and the search finds the
// ends exactly.
func TestSolver(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	tight := 0
	for range 3000 {
		s := &system{}
		n := 2 + r.IntN(4)
		for range n {
			s.unknown("", 0, float64(1+r.IntN(6)), 0, true)
		}
		for i := range s.truth {
			s.truth[i] = float64(r.IntN(int(s.hi[i]) + 1))
		}
		for range 1 + r.IntN(4) {
			f := form{}
			for i := range n {
				if c := r.IntN(4) - 1; c != 0 {
					f.at, f.coef = append(f.at, i), append(f.coef, float64(c)*[]float64{1, 1, 0.405, 7.5}[r.IntN(4)])
				}
			}
			v := f.value(s.truth)
			s.fact(f, v-float64(r.IntN(3))/2, v+float64(r.IntN(3))/2, "")
		}
		target := form{}
		for i := range n {
			target.at, target.coef = append(target.at, i), append(target.coef, float64(r.IntN(3)-1))
		}
		lo, hi := s.everyWorld(target)
		b := box{s.lo, s.hi}.clone()
		if !s.propagate(b, nil) {
			t.Fatal("propagation leaves nothing")
		}
		low, high := b.ends(target)
		p := newSimplex(s, b)
		most, ok := p.maximise(target, 1)
		least, ok2 := p.maximise(target, -1)
		if low > lo || high < hi || !ok || !ok2 || most < hi-1e-6 || least > lo+1e-6 || most > high+1e-6 || least < low-1e-6 {
			t.Fatalf("worlds give %g to %g, propagation %g to %g, linear programming %g to %g", lo, hi, low, high, least, most)
		}
		for _, end := range []float64{lo, hi} {
			nodes := 100_000
			target.lo, target.hi = end, end
			if x, _ := s.search(b.clone(), &target, s.truth, &nodes); x == nil {
				t.Fatalf("the search does not find %g of %g to %g", end, lo, hi)
			}
		}
		nodes := 100_000
		target.lo, target.hi = hi+0.5, math.Inf(1)
		if x, all := s.search(b.clone(), &target, s.truth, &nodes); x != nil || !all {
			t.Fatalf("the search finds more than %g: %v", hi, x)
		}
		if most < high-0.5 {
			tight++
		}
	}
	if tight < 100 {
		t.Errorf("linear programming is tighter than propagation in %d systems only", tight)
	}
}

// everyWorld is the ends of a form over all whole worlds of a system.
func (s *system) everyWorld(f form) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	x := make([]float64, len(s.lo))
	var try func(i int)
	try = func(i int) {
		if i < len(x) {
			for v := s.lo[i]; v <= s.hi[i]; v++ {
				x[i] = v
				try(i + 1)
			}
			return
		}
		for _, row := range s.rows {
			if v := row.value(x); v < row.lo-1e-9 || v > row.hi+1e-9 {
				return
			}
		}
		lo, hi = min(lo, f.value(x)), max(hi, f.value(x))
	}
	try(0)
	return lo, hi
}
