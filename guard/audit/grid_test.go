package audit

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"weir/guard/certificate"
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

// certify checks a protection by its witnesses alone, with the verifier that shares no
// code with what found them. The first completion is the true table.
func certify(t testing.TB, s *System, o Options, p *Protection) {
	t.Helper()
	data, err := certificateOf(s, o, p).Encode()
	if err == nil {
		err = certificate.Verify(data)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func certificateOf(s *System, o Options, p *Protection) *certificate.Certificate {
	c := &certificate.Certificate{Version: 1, Limit: o.Limit, Counts: len(s.Count)}
	shown := make([]bool, len(s.Count))
	for n, gone := range p.Hidden {
		for _, at := range s.given(int32(n)) {
			shown[at] = shown[at] || !gone
		}
	}
	truth := certificate.Completion{Over: 1}
	for at, n := range s.Count {
		v := certificate.Value{int64(at), n}
		if shown[at] {
			c.Shown = append(c.Shown, v)
			continue
		}
		truth.Values = append(truth.Values, v)
		if s.Least[at] > 0 {
			c.Least = append(c.Least, certificate.Value{int64(at), s.Least[at]})
		}
		switch { // what is not sensitive needs no witness
		case o.Sensitive[at] && n <= o.Limit:
		case n == 0:
			c.Nobody = append(c.Nobody, at)
		default:
			c.Large = append(c.Large, at)
		}
	}
	c.Completions = append(c.Completions, truth)
	for e := range int32(s.equations()) {
		var q certificate.Equation
		cells, coefs := s.terms(e)
		for i, at := range cells {
			q = append(q, certificate.Value{int64(at), int64(coefs[i])})
		}
		slices.SortFunc(q, func(a, b certificate.Value) int { return cmp.Compare(a[0], b[0]) })
		c.Equations = append(c.Equations, q)
	}
	for _, change := range p.Changes {
		c.Completions = append(c.Completions, exact(change))
	}
	return c
}

// exact is a change in whole numbers over the least divisor that fits.
func exact(change Change) certificate.Completion {
	c := certificate.Completion{Over: 1}
	for c.Over < 60 && slices.ContainsFunc(change.Values, func(x float64) bool {
		return math.Abs(x*float64(c.Over)-math.Round(x*float64(c.Over))) > 1e-4
	}) {
		c.Over++
	}
	for i, at := range change.Cells {
		c.Values = append(c.Values, certificate.Value{int64(at), int64(math.Round(change.Values[i] * float64(c.Over)))})
	}
	slices.SortFunc(c.Values, func(a, b certificate.Value) int { return cmp.Compare(a[0], b[0]) })
	return c
}
