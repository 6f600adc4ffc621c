package adversary

import (
	"math/big"
	"math/rand/v2"
	"slices"
	"testing"
)

// prime is not the guard's. The largest minor of a matrix of zeros and ones with n
// columns is (n+1)^((n+1)/2)/2^n (Hadamard), below this prime up to n = 22: up to
// there, what is dependent modulo the prime is dependent over the rationals and the
// reverse. Above, a verdict against the guard is confirmed over the rationals, and one
// for it is wrong where the prime divides a minor, with a probability near 2⁻³¹ a row.
const (
	prime      = 1<<31 - 1
	exactUpTo  = 22
	mostPeople = 64
)

func mod(x uint64) uint64 {
	x = x&prime + x>>31
	x = x&prime + x>>31
	if x >= prime {
		x -= prime
	}
	return x
}

func inverse(a uint64) uint64 {
	out := uint64(1)
	for e := uint64(prime - 2); e > 0; e >>= 1 {
		if e&1 == 1 {
			out = mod(out * a)
		}
		a = mod(a * a)
	}
	return out
}

// rowspace is a row space in reduced echelon form modulo the prime.
type rowspace struct {
	columns int
	rows    [][]uint64
	pivot   []int // of each row
}

// add extends the space; false when the vector lay in it. The vector is used up.
func (s *rowspace) add(v []uint64) bool {
	s.reduce(v)
	p := slices.IndexFunc(v, func(x uint64) bool { return x != 0 })
	if p < 0 {
		return false
	}
	scale(v, inverse(v[p]))
	for _, row := range s.rows {
		if row[p] != 0 {
			subtract(row, v, row[p])
		}
	}
	s.rows, s.pivot = append(s.rows, v), append(s.pivot, p)
	return true
}

// reduce subtracts from a vector what the space can.
func (s *rowspace) reduce(v []uint64) {
	for i, row := range s.rows {
		if v[s.pivot[i]] != 0 {
			subtract(v, row, v[s.pivot[i]])
		}
	}
}

func (s *rowspace) holds(v []uint64) bool {
	s.reduce(v)
	return !slices.ContainsFunc(v, func(x uint64) bool { return x != 0 })
}

func scale(v []uint64, by uint64) {
	for i := range v {
		v[i] = mod(v[i] * by)
	}
}

func subtract(v, row []uint64, by uint64) {
	by = prime - by
	v = v[:len(row)]
	for i, x := range row {
		if x != 0 { // at most (p-1)² + p-1, which folds to less than 2p
			x = x*by + v[i]
			x = x&prime + x>>31
			if x >= prime {
				x -= prime
			}
			v[i] = x
		}
	}
}

func (p people) vector(n int) []uint64 {
	v := make([]uint64, n)
	for _, i := range p.members() {
		v[i] = 1
	}
	return v
}

// spanned is the row space of sets over n participants.
func spanned(n int, sets []people) *rowspace {
	s := &rowspace{columns: n}
	for _, p := range sets {
		s.add(p.vector(n))
	}
	return s
}

// light is the sets of 1 to limit participants in a row space.
//
// A set lies in the space when every vector that is orthogonal to the space sums to 0
// over it. A participant's fingerprint is its entry in two random such vectors, so the
// fingerprints of a set in the space sum to 0, always; the few others that do are
// told apart by reduction.
func (s *rowspace) light(limit int) (out []people) {
	print := s.fingerprints()
	last := map[[2]uint64][]int{}
	for i, f := range print {
		last[f] = append(last[f], i)
	}
	var chosen []int
	var extend func(from int, sum [2]uint64)
	extend = func(from int, sum [2]uint64) {
		for _, i := range last[[2]uint64{mod(prime - sum[0]), mod(prime - sum[1])}] {
			if i < from {
				continue
			}
			set := nobody(s.columns)
			for _, c := range append(chosen, i) {
				set.add(c)
			}
			if s.holds(set.vector(s.columns)) {
				out = append(out, set)
			}
		}
		if len(chosen) == limit-1 {
			return
		}
		for i := from; i < s.columns; i++ {
			chosen = append(chosen, i)
			extend(i+1, [2]uint64{mod(sum[0] + print[i][0]), mod(sum[1] + print[i][1])})
			chosen = chosen[:len(chosen)-1]
		}
	}
	extend(0, [2]uint64{})
	return out
}

func (s *rowspace) fingerprints() [][2]uint64 {
	random := rand.New(rand.NewPCG(uint64(s.columns), uint64(len(s.rows))))
	out := make([][2]uint64, s.columns)
	bound := nobody(s.columns)
	for _, p := range s.pivot {
		bound.add(p)
	}
	for i := range out {
		if !bound.has(i) {
			out[i] = [2]uint64{random.Uint64N(prime), random.Uint64N(prime)}
		}
	}
	for k, p := range s.pivot {
		var sum [2]uint64
		for i, x := range s.rows[k] {
			if i != p && x != 0 {
				sum[0], sum[1] = mod(sum[0]+mod(x*out[i][0])), mod(sum[1]+mod(x*out[i][1]))
			}
		}
		out[p] = [2]uint64{mod(prime - sum[0]), mod(prime - sum[1])}
	}
	return out
}

// follows says over the rationals whether a set lies in the row space of others.
func follows(n int, sets []people, target people) bool {
	var rows [][]*big.Rat
	reduce := func(v []*big.Rat) (pivot int) {
		for _, row := range rows {
			p := slices.IndexFunc(row, func(x *big.Rat) bool { return x.Sign() != 0 })
			if v[p].Sign() == 0 {
				continue
			}
			by := new(big.Rat).Quo(v[p], row[p])
			for i := p; i < n; i++ {
				v[i].Sub(v[i], new(big.Rat).Mul(by, row[i]))
			}
		}
		return slices.IndexFunc(v, func(x *big.Rat) bool { return x.Sign() != 0 })
	}
	rational := func(p people) []*big.Rat {
		v := make([]*big.Rat, n)
		for i := range v {
			v[i] = new(big.Rat)
			if p.has(i) {
				v[i].SetInt64(1)
			}
		}
		return v
	}
	for _, p := range sets {
		if v := rational(p); reduce(v) >= 0 {
			rows = append(rows, v)
			slices.SortFunc(rows, func(a, b []*big.Rat) int { return first(a) - first(b) })
		}
	}
	return reduce(rational(target)) < 0
}

func first(v []*big.Rat) int {
	return slices.IndexFunc(v, func(x *big.Rat) bool { return x.Sign() != 0 })
}

// TestJudge holds the judge to rational elimination over every subset, and to traps
// whose answer is known.
func TestJudge(t *testing.T) {
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 1))
		n := 6 + r.IntN(5)
		var sets []people
		for range 2 + r.IntN(n) {
			p := nobody(n)
			for i := range n {
				if r.IntN(2) == 0 {
					p.add(i)
				}
			}
			sets = append(sets, p)
		}
		found := map[uint64]bool{}
		for _, p := range spanned(n, sets).light(3) {
			found[p[0]] = true
		}
		for m := uint64(1); m < 1<<n; m++ {
			p := people{m}
			if c := p.count(); c <= 3 && follows(n, sets, p) != found[m] {
				t.Fatalf("seed %d: %b: judge %v, rationals %v", seed, m, found[m], !found[m])
			}
		}
	}
	for _, blocks := range []int{3, 4, 7, 31} { // unions of all but one need the denominators 2, 3, 6 and 30
		n := 2 * blocks
		var sets []people
		for b := range blocks {
			p := everybody(n)
			p[0] &^= 3 << (2 * b)
			sets = append(sets, p)
		}
		if got := len(spanned(n, sets).light(2)); got != blocks {
			t.Errorf("%d blocks: %d found", blocks, got)
		}
		if got := len(spanned(n, sets[1:]).light(2)); got != 0 {
			t.Errorf("%d blocks, one union missing: %d found", blocks, got)
		}
	}
}
