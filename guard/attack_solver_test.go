package guard_test

import (
	"fmt"
	"math"
	"slices"
)

// system is what an attacker knows: unknowns between bounds, and linear forms of
// them between bounds. Nothing in it comes from the data but what was released;
// truth is used to begin a search at a world that is known to be possible, to choose
// what to attack, and to find mistakes in the system itself.
type system struct {
	name   []string
	lo, hi []float64
	whole  []bool
	truth  []float64
	gaps   map[int][]int // of an unknown: the only whole numbers that it can be
	late   map[int]bool  // sums of values, which follow when the counts are there
	jumps  []int         // unknowns that are none, or above the threshold
	of     [][]int       // rows by unknown, once they are sifted
	rows   []form
}

// form is a linear form between bounds.
type form struct {
	at     []int
	coef   []float64
	lo, hi float64
	why    string
}

const (
	inf = 1e9 // no count and no sum comes near
	eps = 1e-6
)

func (s *system) unknown(name string, lo, hi, truth float64, whole bool) int {
	s.name, s.lo, s.hi = append(s.name, name), append(s.lo, lo), append(s.hi, hi)
	s.truth, s.whole = append(s.truth, truth), append(s.whole, whole)
	return len(s.name) - 1
}

// sum is a form with coefficients of one.
func sum(at []int) form {
	f := form{at: at, lo: -inf, hi: inf}
	for range at {
		f.coef = append(f.coef, 1)
	}
	return f
}

// plus adds b times another form.
func (f form) plus(b float64, g form) form {
	out := form{at: slices.Clone(f.at), coef: slices.Clone(f.coef), lo: -inf, hi: inf}
	for i, at := range g.at {
		if k := slices.Index(out.at, at); k >= 0 {
			out.coef[k] += b * g.coef[i]
		} else {
			out.at, out.coef = append(out.at, at), append(out.coef, b*g.coef[i])
		}
	}
	return out
}

func (f form) value(x []float64) float64 {
	v := 0.0
	for i, at := range f.at {
		v += f.coef[i] * x[at]
	}
	return v
}

func (s *system) fact(f form, lo, hi float64, why string) {
	f.lo, f.hi, f.why = lo, hi, why
	s.rows = append(s.rows, f)
}

// wrong says which fact the truth contradicts: the attacker would then believe what is not so.
func (s *system) wrong() error {
	for i, v := range s.truth {
		if v < s.lo[i]-eps || v > s.hi[i]+eps {
			return fmt.Errorf("%s is %g, and was taken for %g to %g", s.name[i], v, s.lo[i], s.hi[i])
		}
		if g := s.gaps[i]; g != nil {
			if _, ok := slices.BinarySearch(g, int(v)); !ok {
				return fmt.Errorf("%s is %g, which was excluded", s.name[i], v)
			}
		}
	}
	for _, f := range s.rows {
		if v := f.value(s.truth); v < f.lo-tolerance(f.lo) || v > f.hi+tolerance(f.hi) {
			return fmt.Errorf("%s: %g, and was taken for %g to %g", f.why, v, f.lo, f.hi)
		}
	}
	return nil
}

func tolerance(x float64) float64 { return eps * (1 + math.Abs(x)) }

// box is bounds of the unknowns.
type box struct{ lo, hi []float64 }

func (b box) clone() box { return box{slices.Clone(b.lo), slices.Clone(b.hi)} }

// ready lists the forms that say more than the bounds do, by unknown.
func (s *system) ready(b box) {
	s.of = make([][]int, len(b.lo))
	for r := range s.rows {
		f := &s.rows[r]
		low, high := b.ends(*f)
		if low >= f.lo-eps && high <= f.hi+eps {
			continue
		}
		for _, at := range f.at {
			s.of[at] = append(s.of[at], r)
		}
	}
}

// propagate narrows a box by each form in turn until nothing changes, and says
// whether anything is left. What it takes away is in no possible world. It begins
// with the forms of the unknowns from, or with all of them; extra is one more form.
func (s *system) propagate(b box, extra *form, from ...int) bool {
	if s.of == nil {
		s.ready(b)
	}
	queued, queue := make([]bool, len(s.rows)+1), []int{}
	push := func(at int) {
		for _, r := range s.of[at] {
			if !queued[r] {
				queued[r], queue = true, append(queue, r)
			}
		}
		if extra != nil && !queued[len(s.rows)] {
			queued[len(s.rows)], queue = true, append(queue, len(s.rows))
		}
	}
	if len(from) == 0 {
		for at := range s.of {
			push(at)
		}
	}
	for _, at := range from {
		push(at)
	}
	for step := 0; ; step++ {
		for ; len(queue) > 0 && step < 40*len(s.rows)+100; step++ {
			r := queue[0]
			queue, queued[r] = queue[1:], false
			f := extra
			if r < len(s.rows) {
				f = &s.rows[r]
			}
			if !s.narrow(f, b, push) {
				return false
			}
		}
		if !s.snap(b, push) {
			return false
		}
		if len(queue) == 0 || step >= 40*len(s.rows)+100 {
			return true
		}
	}
}

// snap moves bounds to numbers that are not excluded.
func (s *system) snap(b box, push func(at int)) bool {
	for i, g := range s.gaps {
		from, _ := slices.BinarySearch(g, int(math.Ceil(b.lo[i]-eps)))
		to, found := slices.BinarySearch(g, int(math.Floor(min(b.hi[i], inf)+eps)))
		if !found {
			to--
		}
		if from > to {
			return false
		}
		if float64(g[from]) > b.lo[i]+eps || float64(g[to]) < b.hi[i]-eps {
			b.lo[i], b.hi[i] = float64(g[from]), float64(g[to])
			push(i)
		}
	}
	for _, i := range s.jumps {
		if b.lo[i] > 0.5 && b.lo[i] < threshold+0.5 {
			b.lo[i] = threshold + 1
			push(i)
		}
		if b.hi[i] > 0.5 && b.hi[i] < threshold+0.5 {
			b.hi[i] = 0
			push(i)
		}
		if b.lo[i] > b.hi[i] {
			return false
		}
	}
	return true
}

// narrow bounds each unknown of a form by the bounds of the others.
func (s *system) narrow(f *form, b box, push func(at int)) bool {
	least, most := 0.0, 0.0
	loose, slack := 0, 0 // unknowns without a bound, below and above
	for i, at := range f.at {
		l, h := ends(f.coef[i], b.lo[at], b.hi[at])
		if l <= -inf/2 {
			loose++
		} else {
			least += l
		}
		if h >= inf/2 {
			slack++
		} else {
			most += h
		}
	}
	if loose == 0 && least > f.hi+tolerance(f.hi) || slack == 0 && most < f.lo-tolerance(f.lo) {
		return false
	}
	for i, at := range f.at {
		c := f.coef[i]
		if c == 0 {
			continue
		}
		l, h := ends(c, b.lo[at], b.hi[at])
		top, bottom := math.Inf(1), math.Inf(-1)
		if f.hi < inf && (loose == 0 || loose == 1 && l <= -inf/2) {
			top = f.hi - least
			if l > -inf/2 {
				top += l
			}
		}
		if f.lo > -inf && (slack == 0 || slack == 1 && h >= inf/2) {
			bottom = f.lo - most
			if h < inf/2 {
				bottom += h
			}
		}
		top, bottom = top/c, bottom/c
		if c < 0 {
			top, bottom = bottom, top
		}
		changed, ok := s.tighten(at, bottom, top, b)
		if !ok {
			return false
		}
		if changed { // the sums are of the old bounds, which are wider: still right
			push(at)
		}
	}
	return true
}

func ends(c, lo, hi float64) (float64, float64) {
	if c < 0 {
		return c * hi, c * lo
	}
	return c * lo, c * hi
}

func (s *system) tighten(at int, lo, hi float64, b box) (changed, ok bool) {
	least := eps
	if s.whole[at] {
		lo, hi = math.Ceil(lo-tolerance(lo)), math.Floor(hi+tolerance(hi))
	} else {
		lo, hi = lo-tolerance(lo), hi+tolerance(hi)
		least = 1e-4 * (1 + math.Abs(b.hi[at]-b.lo[at]))
	}
	if lo > b.lo[at]+least {
		b.lo[at], changed = lo, true
	}
	if hi < b.hi[at]-least {
		b.hi[at], changed = hi, true
	}
	return changed, b.lo[at] <= b.hi[at]+tolerance(b.hi[at])
}

// search looks for a possible world of whole numbers in which extra holds, near
// hint. It is exact: nil and true mean that there is none, nil and false that the
// nodes did not suffice.
func (s *system) search(b box, extra *form, hint []float64, nodes *int, from ...int) ([]float64, bool) {
	if *nodes--; *nodes < 0 {
		return nil, false
	}
	if !s.propagate(b, extra, from...) {
		return nil, true
	}
	at, width := -1, math.Inf(1)
	for i := range b.lo {
		w, least := b.hi[i]-b.lo[i], 0.5
		if !s.whole[i] {
			least = 2e-4 * (1 + math.Abs(b.lo[i]))
		}
		if w <= least {
			continue
		}
		if s.late[i] {
			w += inf
		}
		if w < width {
			at, width = i, w
		}
	}
	if at < 0 {
		x := make([]float64, len(b.lo))
		for i := range x {
			x[i] = (b.lo[i] + b.hi[i]) / 2
		}
		return x, true
	}
	complete := true
	for _, part := range s.branches(at, b, hint[at]) {
		c := b.clone()
		c.lo[at], c.hi[at] = part[0], part[1]
		x, all := s.search(c, extra, hint, nodes, at)
		if x != nil {
			return x, true
		}
		if complete = complete && all; *nodes < 0 {
			return nil, false
		}
	}
	return nil, complete
}

// branches are the hint's own place, or the middle of a sum's, what is below it and
// what is above.
func (s *system) branches(at int, b box, hint float64) [][2]float64 {
	lo, hi := b.lo[at], b.hi[at]
	hint = min(max(hint, lo), hi)
	if s.late[at] && hi-lo < inf/2 {
		hint = (lo + hi) / 2
	}
	if !s.whole[at] {
		w := 5e-5 * (1 + math.Abs(lo))
		return [][2]float64{{max(lo, hint-w), min(hi, hint+w)}, {lo, max(lo, hint-w)}, {min(hi, hint+w), hi}}
	}
	hint = math.Round(hint)
	out := [][2]float64{{hint, hint}}
	if hint > lo {
		out = append(out, [2]float64{lo, hint - 1})
	}
	if hint < hi {
		out = append(out, [2]float64{hint + 1, hi})
	}
	return out
}

// simplex finds the ends of linear forms over one system, whole or not. It starts
// at the truth, where nothing is at its bound: an unknown may stand between its
// bounds without being in the basis, and must be moved until that does not matter.
type simplex struct {
	tab        [][]float64 // by basic variable, over the others
	basic, non []int       // variables; those from n on are of the rows
	x, lo, hi  []float64   // by variable
	n          int
}

func newSimplex(s *system, b box) *simplex {
	n := len(b.lo)
	p := &simplex{n: n, x: slices.Clone(s.truth), lo: slices.Clone(b.lo), hi: slices.Clone(b.hi)}
	free := make([]int, n)
	for i := range n {
		free[i] = -1
		p.lo[i], p.hi[i] = min(p.lo[i], p.x[i]), max(p.hi[i], p.x[i])
		if p.hi[i]-p.lo[i] > eps {
			free[i] = len(p.non)
			p.non = append(p.non, i)
		}
	}
	for r := range s.rows {
		f := &s.rows[r]
		line, most, low, high := make([]float64, len(p.non)), 0.0, 0.0, 0.0
		for i, at := range f.at {
			if free[at] >= 0 {
				line[free[at]] += f.coef[i]
				most = max(most, math.Abs(f.coef[i]))
			}
			l, h := ends(f.coef[i], p.lo[at], p.hi[at])
			low, high = low+l, high+h
		}
		if most == 0 || low >= f.lo-eps && high <= f.hi+eps {
			continue // says nothing that the bounds do not
		}
		v := f.value(p.x)
		for j := range line {
			line[j] /= most
		}
		p.basic = append(p.basic, n+len(p.tab))
		p.x = append(p.x, v/most)
		p.lo, p.hi = append(p.lo, min(f.lo, v)/most), append(p.hi, max(f.hi, v)/most)
		p.tab = append(p.tab, line)
	}
	return p
}

// maximise moves to where the form is greatest. It is false where that was not reached.
func (p *simplex) maximise(f form, sign float64) (float64, bool) {
	cost := make([]float64, len(p.non))
	where := map[int]int{}
	for j, v := range p.non {
		where[v] = j
	}
	rowOf := map[int]int{}
	for i, v := range p.basic {
		rowOf[v] = i
	}
	for i, at := range f.at {
		if j, ok := where[at]; ok {
			cost[j] += sign * f.coef[i]
		} else if r, ok := rowOf[at]; ok {
			for j, a := range p.tab[r] {
				cost[j] += sign * f.coef[i] * a
			}
		}
	}
	still := 0
	for range 4000 {
		j, dir := p.entering(cost, still > 30)
		if j < 0 {
			return f.value(p.x[:p.n]), true
		}
		if p.move(cost, j, dir) > 1e-9 {
			still = 0
		} else {
			still++
		}
		if v := sign * f.value(p.x[:p.n]); v > inf/4 {
			return sign * inf, true
		}
	}
	return 0, false
}

// entering is the variable that gains most and the way it goes; with bland the
// first one, which cannot cycle (Bland 1977).
func (p *simplex) entering(cost []float64, bland bool) (int, float64) {
	best, at, dir := 1e-7, -1, 0.0
	for j, c := range cost {
		v := p.non[j]
		if math.Abs(c) <= best || c > 0 && p.x[v] >= p.hi[v]-1e-9 || c < 0 && p.x[v] <= p.lo[v]+1e-9 {
			continue
		}
		if bland && at >= 0 && v > p.non[at] {
			continue
		}
		if at, dir = j, 1; c < 0 {
			dir = -1
		}
		if !bland {
			best = math.Abs(c)
		}
	}
	return at, dir
}

// move takes variable j of the others as far as the bounds allow.
func (p *simplex) move(cost []float64, j int, dir float64) float64 {
	v := p.non[j]
	far := p.hi[v] - p.x[v]
	if dir < 0 {
		far = p.x[v] - p.lo[v]
	}
	leave, size := -1, 0.0
	for i := range p.tab {
		a := p.tab[i][j] * dir
		if math.Abs(a) < 1e-9 {
			continue
		}
		b := p.basic[i]
		room := (p.hi[b] - p.x[b]) / a
		if a < 0 {
			room = (p.lo[b] - p.x[b]) / a
		}
		room = max(room, 0)
		if room < far-1e-10 || room <= far+1e-10 && leave >= 0 && math.Abs(a) > size {
			far, leave, size = min(far, room), i, math.Abs(a)
		}
	}
	p.x[v] += dir * far
	for i := range p.tab {
		p.x[p.basic[i]] += dir * far * p.tab[i][j]
	}
	if leave >= 0 {
		p.pivot(cost, leave, j)
	}
	return far
}

func (p *simplex) pivot(cost []float64, i, j int) {
	line := p.tab[i]
	inverse := 1 / line[j]
	for k := range line {
		line[k] *= -inverse
	}
	line[j] = inverse
	for r, other := range p.tab {
		if a := other[j]; r != i && a != 0 {
			other[j] = 0
			for k, b := range line {
				other[k] += a * b
			}
		}
	}
	if a := cost[j]; a != 0 {
		cost[j] = 0
		for k, b := range line {
			cost[k] += a * b
		}
	}
	p.basic[i], p.non[j] = p.non[j], p.basic[i]
}
