package audit

import (
	"cmp"
	"slices"
)

// trials is the search for a set of limit participants or fewer that a new line
// brings into the span. Such a set is the sum of the lines at whose pivots it is, and
// of the new one where it is at that one's: by then the lines have lost what they had
// at the new pivot. So all choices of lines but for one are tried, up to mostTrials,
// and for each the last line is looked up: in a part in which the set is not, it is
// minus the others. Lines of few participants come first, as their pivots are in small
// sets most often.
type trials struct {
	b     *basis
	next  *line
	limit int

	lines  []suspect
	tables [fronts]table // of the lines, by what they have in a part
	extra  [fronts]uint32

	chosen []int // of lines
	left   int
}

// mostTrials is how many choices of two lines or more are tried beside each line by itself.
const mostTrials = 2000

// How many nonzero parts of the coarse sketch there are at most: of a set of limit
// participants (more in one case of a thousand), and of a line of few.
const (
	fewFronts   = 10
	lightFronts = 12
)

// heavyParts is in how many parts lines of many participants are looked up.
const heavyParts = 6

// suspect is a line whose pivot may be in a small set: no more than limit
// participants have the pivot's history.
type suspect struct {
	line  int
	alike int
	lost  bool // it had something at the new pivot
	front [fronts]uint32
	full  int // parts that are not 0
}

// exposes says whether a small set would be in the span with a new line.
func (b *basis) exposes(l *line, c *classes, limit int) (found, decided bool) {
	t := &trials{b: b, next: l, limit: limit}
	for z := range t.extra {
		t.extra[z] = b.coarsened(l.sketch, z)
	}
	t.suspect(c)
	if len(t.lines) == 0 {
		return false, true
	}
	t.fill()
	t.left = mostTrials + len(t.lines)
	for i := range t.lines {
		if t.single(i) {
			return true, true
		}
	}
	t.chosen = nil
	for size := 1; t.left > 0; size++ {
		before := t.left
		if t.try(0, size, suspect{}) {
			return true, true
		}
		if before == t.left {
			break
		}
	}
	return false, t.left > -mostTrials
}

// suspect collects the lines that may have a part in a small set.
func (t *trials) suspect(c *classes) {
	pivot := func(i int) int32 {
		if n := len(t.b.pivots); i >= n {
			return t.b.pending[i-n].pivot
		}
		return t.b.pivots[i]
	}
	for i, lost := range t.next.lost {
		alike := c.sizeWith(t.next.set, pivot(i))
		if alike > t.limit {
			continue
		}
		s := suspect{line: i, alike: alike, lost: lost != 0}
		for z := range s.front {
			x := t.b.front[z][i]
			if lost != 0 && t.extra[z] != 0 {
				x = t.b.plus(x, t.b.negative(t.b.times(lost, t.extra[z])))
			}
			if s.front[z] = x; x != 0 {
				s.full++
			}
		}
		t.lines = append(t.lines, s)
	}
	slices.SortStableFunc(t.lines, func(a, b suspect) int {
		return cmp.Or(cmp.Compare(a.alike, b.alike), cmp.Compare(a.full, b.full))
	})
}

// fill makes the tables.
func (t *trials) fill() {
	for z := range t.tables {
		t.tables[z] = newTable(len(t.lines))
	}
	for k := range t.lines {
		s := &t.lines[k]
		parts := fronts
		if s.full > lightFronts {
			parts = heavyParts
		}
		for z, x := range s.front[:parts] {
			if x != 0 {
				t.tables[z].put(x, int32(k))
			}
		}
	}
}

// single tries a line by itself.
func (t *trials) single(k int) bool {
	s := &t.lines[k]
	t.chosen = append(t.chosen[:0], k)
	if s.lost && s.full <= fewFronts && t.isolates(false) {
		return true
	}
	full := 0
	for z, x := range s.front {
		if t.b.plus(x, t.extra[z]) != 0 {
			full++
		}
	}
	return full <= fewFronts && t.isolates(true)
}

// try tries every choice of size lines from one on, beside those that are chosen,
// with a last one.
func (t *trials) try(from, size int, sum suspect) bool {
	for k := from; k < len(t.lines) && t.left > 0; k++ {
		s := &t.lines[k]
		next := suspect{alike: sum.alike + s.alike, lost: sum.lost || s.lost}
		if next.alike >= t.limit {
			break
		}
		for z, x := range s.front {
			next.front[z] = t.b.plus(sum.front[z], x)
		}
		t.chosen = append(t.chosen[:len(t.chosen):len(t.chosen)], k)
		found := false
		if size > 1 {
			found = t.try(k+1, size-1, next)
		} else {
			t.left--
			found = t.last(&next, false) || t.last(&next, true)
		}
		t.chosen = t.chosen[:len(t.chosen)-1]
		if found {
			return true
		}
	}
	return false
}

// last looks up a line that goes with those that are chosen, with the new one or
// without it.
func (t *trials) last(sum *suspect, with bool) bool {
	looked := 0
	for z, x := range sum.front {
		if with {
			x = t.b.plus(x, t.extra[z])
		}
		if x == 0 {
			continue
		}
		if looked++; looked > heavyParts {
			return false
		}
		for k := t.tables[z].first(t.b.negative(x)); k >= 0; k = t.tables[z].after(k) {
			s := &t.lines[k]
			if sum.alike+s.alike > t.limit || !with && !sum.lost && !s.lost || slices.Contains(t.chosen, int(k)) {
				continue
			}
			t.left--
			t.chosen = append(t.chosen, int(k))
			found := t.isolates(with)
			t.chosen = t.chosen[:len(t.chosen)-1]
			if found {
				return true
			}
		}
	}
	return false
}

// isolates says whether the sum of the chosen lines is a small set.
func (t *trials) isolates(with bool) bool {
	b := t.b
	rows := len(b.pivots)
	less := make([]uint32, len(b.pending)) // how often the pending lines and the new one are subtracted
	last := uint32(0)
	var add []sketch
	for _, k := range t.chosen {
		i := t.lines[k].line
		if i < rows {
			add = append(add, b.sketches[i])
		} else {
			add = append(add, b.pending[i-rows].sketch)
		}
		for w, l := range b.pending {
			if i < len(l.lost) {
				less[w] = b.plus(less[w], l.lost[i])
			}
		}
		last = b.plus(last, t.next.lost[i])
	}
	if with {
		add = append(add, t.next.sketch)
	}
	out := make(sketch, 2*b.parts)
	full := 0
	for z := range out {
		var sum uint64
		for _, s := range add {
			sum += uint64(s[z])
		}
		sum += uint64(b.negative(b.times(last, t.next.sketch[z])))
		for w, f := range less {
			if f != 0 {
				sum += uint64(b.negative(b.times(f, b.pending[w].sketch[z])))
			}
		}
		if out[z] = b.modulus.of(sum); out[z] != 0 && z < b.parts {
			if full++; full > t.limit {
				return false
			}
		}
	}
	return full > 0 && b.few(b.modulus, out, t.limit, 1)
}

// table finds what has a value, by open addressing.
type table struct {
	values []uint32
	heads  []int32
	next   []int32
}

func newTable(n int) table {
	size := 16
	for size < 2*n {
		size *= 2
	}
	return table{make([]uint32, size), make([]int32, size), make([]int32, n)}
}

func (t *table) slot(value uint32) uint32 {
	mask := uint32(len(t.values) - 1)
	at := value * 0x9e3779b1 >> 7 & mask
	for t.values[at] != 0 && t.values[at] != value {
		at = (at + 1) & mask
	}
	return at
}

func (t *table) put(value uint32, k int32) {
	at := t.slot(value)
	t.next[k] = t.heads[at] - 1
	t.values[at], t.heads[at] = value, k+1
}

func (t *table) first(value uint32) int32 { return t.heads[t.slot(value)] - 1 }
func (t *table) after(k int32) int32      { return t.next[k] }
