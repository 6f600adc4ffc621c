// Package completion finds the completions of a certificate: call Find with a
// published table. It gets what package certificate specifies, without completions,
// and nothing of the true table, so that what it finds tells no more than the table
// does. It refuses a table in which a hidden count is pinned from 1 to the limit.
package completion

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"weir/guard/certificate"
)

// PinnedError says that a hidden count follows from what is published, or that it
// is known to be from 1 to the limit.
type PinnedError struct{ Count int }

func (e *PinnedError) Error() string {
	return fmt.Sprintf("count %d can neither be above the limit nor nobody", e.Count)
}

// ErrLarge says that a table would need more work than is spent on a certificate.
var ErrLarge = errors.New("the table is too large for a certificate")

// ErrInexact says that no completion was found in which everything adds up exactly.
var ErrInexact = errors.New("rounding left no exact completion")

// mostWork is how many steps of arithmetic are spent on a table, mostSize how large a
// tableau may be: about a fifth of a second, and 32 megabytes.
const (
	mostWork = 100_000_000
	mostSize = 4_000_000
)

// Find adds the completions and the directions of a certificate, and its lists of
// what is excepted, in place of those that it has.
func Find(c *certificate.Certificate) error {
	work := mostWork
	if err := counts(c, &work); err != nil {
		return err
	}
	return sums(&c.Sums, &work)
}

// seen is what completions have shown of a count.
type seen struct{ above, below, zero bool }

func (s *seen) note(v, over, limit int64) {
	s.above = s.above || v >= (limit+1)*over
	s.below = s.below || v <= limit*over
	s.zero = s.zero || v == 0
}

func counts(c *certificate.Certificate, work *int) error {
	value, err := follow(c)
	if err != nil {
		return err
	}
	low := make([]int64, c.Counts)
	for _, v := range c.Least {
		low[v[0]] = v[1]
	}
	high := 100 * (c.Limit + 1)
	for _, v := range c.Shown {
		high += v[1]
	}
	shown := make([]bool, c.Counts)
	for _, v := range c.Shown {
		shown[v[0]] = true
	}
	all := make([]seen, c.Counts)
	base := part{over: 1} // those that follow
	for at, v := range value {
		if v != nil && !shown[at] {
			base.at, base.value = append(base.at, at), append(base.value, *v)
			all[at].note(*v, 1, c.Limit)
		}
	}
	layers := [][]part{{base}}
	for _, s := range apart(c.Equations, value, c.Counts) {
		s.low, s.high, s.limit, s.seen = low, high, c.Limit, all
		points, err := s.complete(work)
		if err != nil {
			return err
		}
		for i, p := range points {
			if i == len(layers) {
				layers = append(layers, nil)
			}
			layers[i] = append(layers[i], p)
		}
	}
	c.Completions = assemble(layers)
	c.Nobody, c.Large = nil, nil
	for at := range all {
		switch s := all[at]; {
		case shown[at] || s.above && s.below:
		case s.above:
			c.Large = append(c.Large, at)
		case s.zero:
			c.Nobody = append(c.Nobody, at)
		default:
			return &PinnedError{at}
		}
	}
	return nil
}

// follow is the values of the counts that are shown, and of those that follow by one
// equation after the other; nil of the others.
func follow(c *certificate.Certificate) ([]*int64, error) {
	value := make([]*int64, c.Counts)
	for i := range c.Shown {
		value[c.Shown[i][0]] = &c.Shown[i][1]
	}
	in := make([][]int, c.Counts)
	left := make([]int, len(c.Equations))
	var queue []int
	for e, q := range c.Equations {
		for _, t := range q {
			in[t[0]] = append(in[t[0]], e)
			if value[t[0]] == nil {
				left[e]++
			}
		}
		queue = append(queue, e)
	}
	for ; len(queue) > 0; queue = queue[1:] {
		e := queue[0]
		if left[e] != 1 {
			continue
		}
		at, coef, rest := -1, int64(0), int64(0)
		for _, t := range c.Equations[e] {
			if v := value[t[0]]; v != nil {
				rest -= t[1] * *v
			} else {
				at, coef = int(t[0]), t[1]
			}
		}
		v := rest / coef
		if v*coef != rest || v < 0 {
			return nil, fmt.Errorf("equation %d cannot hold", e)
		}
		value[at] = &v
		for _, f := range in[at] {
			left[f]--
			queue = append(queue, f)
		}
	}
	return value, nil
}

// system is counts that no equation ties to others.
type system struct {
	at   []int
	rows []row

	low   []int64 // of all counts
	high  int64
	limit int64
	seen  []seen // of all counts
}

// row is an equation of columns.
type row struct {
	column []int
	coef   []int64
	right  int64
}

// apart finds the systems of counts without a value.
func apart(equations []certificate.Equation, value []*int64, counts int) []*system {
	root := make([]int, counts)
	for i := range root {
		root[i] = i
	}
	find := func(i int) int {
		for root[i] != i {
			root[i] = root[root[i]]
			i = root[i]
		}
		return i
	}
	free := slices.Repeat([]bool{true}, counts)
	for _, q := range equations {
		first := -1
		for _, t := range q {
			if at := int(t[0]); value[at] == nil {
				if free[at] = false; first >= 0 {
					root[find(at)] = find(first)
				}
				first = at
			}
		}
	}
	of, column := map[int]*system{}, make([]int, counts)
	var out []*system
	for at := range counts {
		if value[at] != nil {
			continue
		}
		id := find(at)
		if free[at] {
			id = -1 // one for all
		}
		if of[id] == nil {
			of[id] = &system{}
			out = append(out, of[id])
		}
		column[at] = len(of[id].at)
		of[id].at = append(of[id].at, at)
	}
	for _, q := range equations {
		var r row
		var s *system
		for _, t := range q {
			if v := value[t[0]]; v != nil {
				r.right -= t[1] * *v
			} else {
				s = of[find(int(t[0]))]
				r.column, r.coef = append(r.column, column[t[0]]), append(r.coef, t[1])
			}
		}
		if s != nil {
			s.rows = append(s.rows, r)
		}
	}
	return out
}

// part is values of some counts, each divided by over.
type part struct {
	over  int64
	at    []int
	value []int64
}

// complete finds points of a system until every count has been seen on both sides of
// the limit, where it can be.
func (s *system) complete(work *int) ([]part, error) {
	p, err := s.program(work)
	if err != nil {
		return nil, err
	}
	if !p.feasible() {
		return nil, fmt.Errorf("nothing can be behind count %d", s.at[0])
	}
	var out []part
	keep := func() error {
		if p.tired() {
			return ErrLarge
		}
		x, over := p.exact(s.rows)
		if x == nil && out == nil {
			return ErrInexact
		}
		if x == nil {
			return nil
		}
		out = append(out, part{over, s.at, x})
		for i, at := range s.at {
			s.seen[at].note(x[i], over, s.limit)
		}
		return nil
	}
	if err := keep(); err != nil {
		return nil, err
	}
	aims := []aim{
		{1, func(at seen) bool { return !at.above }, func(x float64) bool { return x >= float64(s.limit+1)-tolerance }},
		{-1, func(at seen) bool { return !at.above && !at.zero }, func(x float64) bool { return x <= tolerance }},
		{-1, func(at seen) bool { return !at.below }, func(x float64) bool { return x <= float64(s.limit)+tolerance }},
	}
	for _, a := range aims {
		if err := s.aim(p, a, keep); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// aim is which way to go with the counts that want it, and how far.
type aim struct {
	sign  float64
	wants func(seen) bool
	there func(x float64) bool
}

// aim moves those that want it, first together, then each by itself.
func (s *system) aim(p *program, a aim, keep func() error) error {
	goal := make([]float64, len(s.at))
	any := false
	for i, at := range s.at {
		if a.wants(s.seen[at]) {
			goal[i], any = a.sign, true
		}
	}
	if !any {
		return nil
	}
	p.climb(goal, nil)
	if err := keep(); err != nil {
		return err
	}
	for i, at := range s.at {
		if !a.wants(s.seen[at]) {
			continue
		}
		clear(goal)
		goal[i] = a.sign
		if p.climb(goal, func() bool { return a.there(p.x[i]) }); a.there(p.x[i]) {
			if err := keep(); err != nil {
				return err
			}
			if a.wants(s.seen[at]) { // it was not exact: on to a corner
				p.climb(goal, nil)
				if err := keep(); err != nil {
					return err
				}
			}
			if a.wants(s.seen[at]) {
				return ErrInexact
			}
		}
	}
	return nil
}

func (s *system) program(work *int) (*program, error) {
	n := len(s.at)
	if len(s.rows)*n > mostSize {
		return nil, ErrLarge
	}
	low, high := make([]float64, n), make([]float64, n)
	for i, at := range s.at {
		low[i] = float64(s.low[at])
		high[i] = max(low[i], float64(s.high))
	}
	return newProgram(s.rows, low, high, slices.Clone(low), work), nil
}

// assemble puts the parts of each layer together; the first has every count.
func assemble(layers [][]part) []certificate.Completion {
	var out []certificate.Completion
	base := map[int]part{}
	for i, layer := range layers {
		slices.SortStableFunc(layer, func(a, b part) int { return cmp.Compare(a.over, b.over) })
		over := int64(1)
		for _, p := range layer {
			if i == 0 && over%p.over != 0 {
				over *= p.over // few and small
			}
		}
		var one certificate.Completion
		for _, p := range layer {
			if i > 0 && one.Over != p.over && one.Values != nil {
				out = append(out, sorted(one))
				one = certificate.Completion{}
			}
			if one.Over = p.over; i == 0 {
				one.Over = over
			}
			for k, at := range p.at {
				v := p.value[k]
				if i == 0 {
					base[at] = part{over: p.over, value: []int64{v}}
					v *= over / p.over
				} else if b := base[at]; b.value[0]*p.over == v*b.over {
					continue
				}
				one.Values = append(one.Values, certificate.Value{int64(at), v})
			}
		}
		if one.Values != nil {
			out = append(out, sorted(one))
		}
	}
	return out
}

func sorted(c certificate.Completion) certificate.Completion {
	slices.SortFunc(c.Values, func(a, b certificate.Value) int { return cmp.Compare(a[0], b[0]) })
	return c
}

// far is how far a sum goes in a direction at most.
const far = 1000

// sums finds directions in which every hidden sum moves that can.
func sums(c *certificate.Sums, work *int) error {
	c.Directions, c.Follow = nil, nil
	zero := int64(0)
	value := make([]*int64, c.Sums)
	for _, at := range c.Shown {
		value[at] = &zero
	}
	moved := make([]bool, c.Sums)
	for _, s := range apart(c.Equations, value, c.Sums) {
		if err := s.directions(c, moved, work); err != nil {
			return err
		}
	}
	for at := range moved {
		if !moved[at] && value[at] == nil {
			c.Follow = append(c.Follow, at)
		}
	}
	return nil
}

func (s *system) directions(c *certificate.Sums, moved []bool, work *int) error {
	n := len(s.at)
	if len(s.rows)*n > mostSize {
		return ErrLarge
	}
	low, high := slices.Repeat([]float64{-far}, n), slices.Repeat([]float64{far}, n)
	p := newProgram(s.rows, low, high, make([]float64, n), work)
	if !p.feasible() {
		return ErrInexact
	}
	for i, at := range s.at {
		if moved[at] {
			continue
		}
		goal := make([]float64, n)
		for k, other := range s.at {
			if !moved[other] {
				goal[k] = 1e-3 / float64(1+k%7) // others as well, where it costs nothing
			}
		}
		goal[i] = 1
		p.climb(goal, nil)
		if p.tired() {
			return ErrLarge
		}
		x, _ := p.exact(s.rows) // a multiple of a direction is one
		if x == nil {
			return ErrInexact
		}
		d := certificate.Completion{Over: 1}
		for k, v := range x {
			if v != 0 {
				moved[s.at[k]] = true
				d.Values = append(d.Values, certificate.Value{int64(s.at[k]), v})
			}
		}
		if d.Values != nil {
			c.Directions = append(c.Directions, sorted(d))
		}
	}
	return nil
}
