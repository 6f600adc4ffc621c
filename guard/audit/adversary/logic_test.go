package adversary

import (
	"math"
	"math/rand/v2"
	"slices"
)

var nan = float32(math.NaN())

// The attacker's space is logical: a point is a value for each attribute, and nobody
// knows who is there. Only what the transcript's clauses tell apart counts, so an
// attribute has few representative values.

// representatives are values of an attribute, one for each class that some clauses tell apart.
func (w *world) representatives(at int, clauses []clause) []float32 {
	a := w.attributes[at]
	var all []float32
	for c := range a.codes {
		all = append(all, float32(c))
	}
	if a.codes == 0 {
		all = append(all, a.least)
		for _, c := range clauses {
			for _, v := range []float32{c.low, c.high} {
				if !c.known && a.least < v && v <= a.most {
					all = append(all, v)
				}
			}
		}
	}
	if a.missing {
		all = append(all, nan)
	}
	seen := map[string]bool{}
	var out []float32
	for _, v := range all {
		sign := make([]byte, len(clauses))
		for i, c := range clauses {
			if c.holds(v) {
				sign[i] = 1
			}
		}
		if !seen[string(sign)] {
			seen[string(sign)] = true
			out = append(out, v)
		}
	}
	return out
}

// logic is the space that some predicates distinguish.
type logic struct {
	w      *world
	used   []int
	values [][]float32 // by used
	blank  []float32   // a point where nothing matters
}

func (w *world) logic(predicates ...predicate) *logic {
	clauses := map[int][]clause{}
	for _, p := range predicates {
		for _, b := range p {
			for _, c := range b {
				if plain := (clause{c.at, c.codes, c.low, c.high, c.known, false}); !slices.Contains(clauses[c.at], plain) {
					clauses[c.at] = append(clauses[c.at], plain)
				}
			}
		}
	}
	l := &logic{w: w, blank: make([]float32, len(w.attributes))}
	for at := range w.attributes {
		if len(clauses[at]) > 0 {
			l.used = append(l.used, at)
			l.values = append(l.values, w.representatives(at, clauses[at]))
		}
	}
	return l
}

// size is how many points there are, or most+1 when there are more than most.
func (l *logic) size(most int) int {
	n := 1
	for _, v := range l.values {
		if n *= len(v); n > most {
			return most + 1
		}
	}
	return n
}

// each visits every point; the point is used again.
func (l *logic) each(visit func(point []float32) bool) {
	point := slices.Clone(l.blank)
	var walk func(k int) bool
	walk = func(k int) bool {
		if k == len(l.used) {
			return visit(point)
		}
		for _, v := range l.values[k] {
			point[l.used[k]] = v
			if !walk(k + 1) {
				return false
			}
		}
		return true
	}
	walk(0)
}

// within is a random point, in a predicate when there is one there.
func (l *logic) within(r *rand.Rand, p predicate) []float32 {
	point := slices.Clone(l.blank)
	for k, at := range l.used {
		point[at] = l.values[k][r.IntN(len(l.values[k]))]
	}
	if len(p) == 0 {
		return point
	}
	b := p[r.IntN(len(p))]
	for k, at := range l.used {
		var fit []float32
		for _, v := range l.values[k] {
			if !slices.ContainsFunc(b, func(c clause) bool { return c.at == at && !c.holds(v) }) {
				fit = append(fit, v)
			}
		}
		if len(fit) > 0 {
			point[at] = fit[r.IntN(len(fit))]
		}
	}
	return point
}

// fact is a number of the transcript: a predicate with its count, or that it was withheld.
type fact struct {
	of    predicate
	count int
	shown bool
	sum   string
}

// transcript is everything that an attacker saw, in order.
type transcript struct {
	w     *world
	facts []fact
}

func (t *transcript) predicates() (out []predicate) {
	for _, f := range t.facts {
		out = append(out, f.of)
	}
	return out
}

// enough is the number of points beyond which the attacker samples instead.
const enough = 30_000

// points are the places of the logical space that can hold anybody, one for each
// class that the facts and the targets tell apart: all of them when the space is
// small, else a sample in and around every fact. Which classes of a point's facts it
// lies in is its signature: the facts first, the targets next.
func (t *transcript) points(r *rand.Rand, targets ...predicate) (signatures []people, complete bool) {
	all := append(t.predicates(), targets...)
	l := t.w.logic(all...)
	seen := map[string]bool{}
	take := func(point []float32) {
		s := nobody(len(all))
		for i, p := range all {
			if p.holds(point) {
				s.add(i)
			}
		}
		for i, f := range t.facts {
			if f.shown && f.count == 0 && s.has(i) {
				return
			}
		}
		if key := s.key(); !seen[key] {
			seen[key] = true
			signatures = append(signatures, s)
		}
	}
	if complete = l.size(enough) <= enough; complete {
		l.each(func(point []float32) bool { take(point); return true })
		return signatures, true
	}
	for _, p := range all {
		for range 10 {
			point := l.within(r, p)
			take(point)
			k := r.IntN(len(l.used))
			point[l.used[k]] = l.values[k][r.IntN(len(l.values[k]))]
			take(point)
		}
	}
	for range 1000 {
		take(l.within(r, nil))
	}
	return signatures, false
}

func (p people) key() string {
	b := make([]byte, 0, 8*len(p))
	for _, w := range p {
		for k := range 8 {
			b = append(b, byte(w>>(8*k)))
		}
	}
	return string(b)
}

// derived is the targets whose count follows by linear algebra from the numbers shown,
// once the points that must be empty are left out: those of a zero, and those by which
// two nested predicates of the same count differ. With a variable it is those whose
// sum follows. A sample of the points can only say that too much follows, so what
// follows in one is looked at in two more.
func (t *transcript) derived(r *rand.Rand, variable string, targets []predicate) []int {
	left := make([]int, len(targets))
	for i := range left {
		left[i] = i
	}
	for range 3 {
		var some []predicate
		for _, k := range left {
			some = append(some, targets[k])
		}
		points, complete := t.points(r, some...)
		points = t.emptied(points)
		space := &rowspace{columns: len(points)}
		for k, f := range t.facts {
			if f.shown && (variable == "" || f.sum == variable) {
				space.add(column(points, k))
			}
		}
		var next []int
		for i, k := range left {
			if space.holds(column(points, len(t.facts)+i)) {
				next = append(next, k)
			}
		}
		if left = next; complete || len(left) == 0 {
			break
		}
	}
	return left
}

func column(points []people, k int) []uint64 {
	v := make([]uint64, len(points))
	for i, s := range points {
		if s.has(k) {
			v[i] = 1
		}
	}
	return v
}

// emptied leaves out the points by which two nested facts of one count differ. Nested
// is what no point contradicts.
func (t *transcript) emptied(points []people) []people {
	byCount := map[int][]int{}
	for k, f := range t.facts {
		if f.shown && f.count > 0 {
			byCount[f.count] = append(byCount[f.count], k)
		}
	}
	for _, same := range byCount {
		for _, a := range same {
			for _, b := range same {
				outside := func(s people) bool { return s.has(a) && !s.has(b) }
				if a != b && !slices.ContainsFunc(points, outside) {
					points = slices.DeleteFunc(points, func(s people) bool { return s.has(b) && !s.has(a) })
				}
			}
		}
	}
	return points
}
