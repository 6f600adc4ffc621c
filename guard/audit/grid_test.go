package audit

import (
	"math"
	"math/rand/v2"
	"testing"
)

// grid is a table of so many labels a dimension, with every total, and a number a
// cell. Cells are numbered in the order of their labels, the total last.
func grid(dims []int, count func(at []int) int64) *System {
	s := &System{}
	size, stride := 1, make([]int, len(dims))
	for d := len(dims) - 1; d >= 0; d-- {
		stride[d] = size
		size *= dims[d] + 1
	}
	counts := make([]int64, size)
	at := make([]int, len(dims))
	var spread func(d, cell int, n int64)
	spread = func(d, cell int, n int64) { // into every total
		if d == len(dims) {
			counts[cell] += n
			return
		}
		spread(d+1, cell+at[d]*stride[d], n)
		spread(d+1, cell+dims[d]*stride[d], n)
	}
	var inner func(d int)
	inner = func(d int) {
		if d == len(dims) {
			spread(0, 0, count(at))
			return
		}
		for at[d] = 0; at[d] < dims[d]; at[d]++ {
			inner(d + 1)
		}
	}
	inner(0)
	for _, n := range counts {
		s.Show(s.Add(n, min(n, 1)))
	}
	for d := range dims {
		for cell := range size {
			if cell/stride[d]%(dims[d]+1) != 0 {
				continue
			}
			var terms []Term
			for l := range dims[d] {
				terms = append(terms, Term{cell + l*stride[d], 1})
			}
			s.Equation(append(terms, Term{cell + dims[d]*stride[d], -1})...)
		}
	}
	return s
}

// random counts: of cells of about mean participants, some of many more.
func random(r *rand.Rand, mean float64) func([]int) int64 {
	return func([]int) int64 { return poisson(r, mean*math.Exp(0.8*r.NormFloat64())) }
}

func poisson(r *rand.Rand, mean float64) int64 {
	if mean > 200 {
		return int64(math.Max(0, math.Round(mean+math.Sqrt(mean)*r.NormFloat64())))
	}
	l, k, p := math.Exp(-mean), int64(0), 1.0
	for {
		if p *= r.Float64(); p <= l {
			return k
		}
		k++
	}
}

const limit = 20

func sensitive(s *System) []bool {
	out := make([]bool, len(s.Count))
	for c, n := range s.Count {
		out[c] = n >= 1 && n <= limit
	}
	return out
}

// certify checks a protection by its witnesses alone: each is a table in which
// every equation holds, nothing shown differs and no hidden cell is below what is
// known of it; and every sensitive cell is above the limit in one.
func certify(t testing.TB, s *System, o Options, p *Protection) {
	t.Helper()
	shown := make([]int, len(s.Count))
	for n, gone := range p.Hidden {
		for _, c := range s.given(int32(n)) {
			if !gone {
				shown[c]++
			}
		}
	}
	above := make([]bool, len(s.Count))
	for _, change := range p.Changes {
		value := make([]float64, len(s.Count))
		for c, n := range s.Count {
			value[c] = float64(n)
		}
		for i, c := range change.Cells {
			value[c] = change.Values[i]
			if shown[c] > 0 && math.Abs(value[c]-float64(s.Count[c])) > 1e-4 {
				t.Fatalf("cell %d is shown and changed from %d to %g", c, s.Count[c], value[c])
			}
		}
		for c, x := range value {
			if x < float64(s.Least[c])-1e-4 {
				t.Fatalf("cell %d is %g, below %d", c, x, s.Least[c])
			}
			above[c] = above[c] || x > limit+0.99
		}
		for e := range int32(s.equations()) {
			sum := 0.0
			cells, coefs := s.terms(e)
			for i, c := range cells {
				sum += float64(coefs[i]) * value[c]
			}
			if math.Abs(sum) > 1e-4 {
				t.Fatalf("equation %d does not hold: %g", e, sum)
			}
		}
	}
	for c, is := range o.Sensitive {
		if is && s.Count[c] <= limit && !above[c] {
			t.Fatalf("cell %d of %d is nowhere above %d", c, s.Count[c], limit)
		}
	}
}
