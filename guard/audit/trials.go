package audit

import "slices"

// trials is the search for a set of limit participants or fewer that a new line
// brings into the span. Such a set is the sum of the lines at whose pivots it is, and
// of the new one where it is at that one's: by then the lines have lost what they had
// at the new pivot. So choices of all lines but one are made, and the last line is
// looked up: in a part in which the set is not, it is minus the others. Every line is
// such a choice, and more of those of few participants, as their pivots are in small
// sets most often.
type trials struct {
	b     *basis
	next  *line
	limit int

	of      []int32 // the lines that are chosen from
	lines   choices // each of these by itself
	chosen  choices // of several
	order   []int32 // of these, those of few participants first
	extra   [fronts]uint32
	filters [fronts]filter // of the lines, by what they have in a part

	hits   []hit // in a part
	wanted table // what a last line must be there, by hit
	seen   map[pair]bool
	left   int // sums that may be looked at
}

// pair is two lines that have been tried together.
type pair struct {
	a, b int32
	with bool
}

// choices are sums of lines.
type choices struct {
	of    [][]int32        // the lines of each, as places in the trials' lines; nil for the line itself
	alike []int32          // participants that have the history of a pivot
	lost  []bool           // a line had something at the new pivot
	full  []uint8          // parts that are not 0
	sum   [fronts][]uint32 // by part
}

// mostSums is how many sums that agree with a last line in a part are looked at.
const mostSums = 4000

// mostOf is how many of the lines of fewest participants are chosen from, by the size of
// the choice, and mostLines of how many lines all choices are made.
var mostOf = [...]int{2: 24, 3: 9}

const mostLines = 10

// How many parts of the coarse sketch are not 0: of a set of limit participants (more
// in one case of a thousand), and of a line of few.
const (
	fewFronts   = 10
	lightFronts = 12
)

// heavyParts is in how many parts sums of many participants are looked up.
const heavyParts = 6

// exposes says whether a small set would be in the span with a new line.
func (b *basis) exposes(l *line, c *classes, limit int) (found, decided bool) {
	t := b.trials
	if t == nil {
		t = &trials{b: b, seen: map[pair]bool{}}
		b.trials = t
	}
	t.next, t.limit, t.left = l, limit, mostSums
	clear(t.seen)
	t.suspect(c)
	if len(t.order) == 0 {
		return false, true
	}
	for k := range t.order {
		if t.single(int32(k)) {
			return true, true
		}
	}
	if t.last(&t.lines) {
		return true, true
	}
	for size := 2; size < len(t.order) && (size < len(mostOf) || len(t.order) <= mostLines); size++ {
		if t.last(t.choose(size)) {
			return true, true
		}
	}
	return false, t.left > 0
}

// suspect collects the lines whose pivot may be in a small set: no more than limit
// participants have the pivot's history.
func (t *trials) suspect(c *classes) {
	b, lines := t.b, &t.lines
	t.of = t.of[:0]
	lines.alike, lines.lost, lines.full = lines.alike[:0], lines.lost[:0], lines.full[:0]
	var buckets [64*(fronts+1) + 1]int32
	for i, lost := range t.next.lost {
		alike := c.sizeWith(t.next.set, b.pivotOf(i))
		if alike <= t.limit {
			t.of = append(t.of, int32(i))
			lines.alike = append(lines.alike, int32(alike))
			lines.lost = append(lines.lost, lost != 0)
			lines.full = append(lines.full, 0)
		}
	}
	for z := range t.extra {
		x := b.coarsened(t.next.sketch, z)
		t.extra[z] = x
		times := uint64(b.negative(x))
		front := b.front[z]
		sum := lines.sum[z][:0]
		for k, i := range t.of {
			y := front[i]
			if x != 0 && lines.lost[k] {
				y = b.modulus.of(uint64(y) + times*uint64(t.next.lost[i]))
			}
			if y != 0 {
				lines.full[k]++
			}
			sum = append(sum, y)
		}
		lines.sum[z] = sum
		t.filters[z].fill(sum)
	}
	key := func(k int) int { return min(int(lines.alike[k]), 63)*(fronts+1) + int(lines.full[k]) }
	for k := range t.of {
		buckets[key(k)+1]++
	}
	for i := range buckets[1:] {
		buckets[i+1] += buckets[i]
	}
	t.order = append(t.order[:0], t.of...)
	for k := range t.of {
		at := &buckets[key(k)]
		t.order[*at] = int32(k)
		*at++
	}
}

// single tries a line by itself, with the new one or without it.
func (t *trials) single(k int32) bool {
	if t.lines.lost[k] && t.lines.full[k] <= fewFronts && t.isolates(false, k) {
		return true
	}
	full := 0
	for z := range t.extra {
		if t.b.plus(t.lines.sum[z][k], t.extra[z]) != 0 {
			full++
		}
	}
	return full <= fewFronts && t.isolates(true, k)
}

// choose makes all choices of so many of the lines of fewest participants that leave
// room for a last one.
func (t *trials) choose(size int) *choices {
	from := t.order
	if len(from) > mostLines {
		from = from[:min(len(from), mostOf[size])]
	}
	c := &t.chosen
	c.of, c.alike, c.lost = c.of[:0], c.alike[:0], c.lost[:0]
	t.each(from, size, nil, func(of []int32) {
		alike, lost := int32(0), false
		for _, k := range of {
			alike += t.lines.alike[k]
			lost = lost || t.lines.lost[k]
		}
		if int(alike) < t.limit {
			c.of, c.alike, c.lost = append(c.of, slices.Clone(of)), append(c.alike, alike), append(c.lost, lost)
		}
	})
	c.full = slices.Grow(c.full[:0], len(c.of))[:len(c.of)]
	clear(c.full)
	for z := range c.sum {
		line, sum := t.lines.sum[z], c.sum[z][:0]
		for n, of := range c.of {
			var s uint64
			for _, k := range of {
				s += uint64(line[k])
			}
			x := t.b.modulus.of(s)
			if x != 0 {
				c.full[n]++
			}
			sum = append(sum, x)
		}
		c.sum[z] = sum
	}
	return c
}

// each calls f for every choice of so many of some lines, beside those that are chosen.
func (t *trials) each(from []int32, size int, of []int32, f func(of []int32)) {
	if size == 0 {
		f(of)
		return
	}
	for at, k := range from {
		t.each(from[at+1:], size-1, append(of[:len(of):cap(of)], k), f)
	}
}

// hit is a choice that a last line may go with.
type hit struct {
	choice int32
	with   bool // the new line
}

// last looks up a line that goes with a choice.
func (t *trials) last(c *choices) bool {
	for z := range t.extra {
		t.hits = t.hits[:0]
		t.wanted.clear()
		extra, filter := t.extra[z], &t.filters[z]
		for k, x := range c.sum[z] {
			if z >= heavyParts && c.full[k] > lightFronts {
				continue
			}
			if y := t.b.negative(x); y != 0 && filter.has(y) {
				t.want(y, hit{int32(k), false})
			}
			if y := t.b.negative(t.b.plus(x, extra)); y != 0 && extra != 0 && filter.has(y) {
				t.want(y, hit{int32(k), true})
			}
		}
		if len(t.hits) == 0 {
			continue
		}
		for j, x := range t.lines.sum[z] {
			if x == 0 {
				continue
			}
			for h := t.wanted.first(x); h >= 0; h = t.wanted.next[h] {
				if found := t.match(c, t.hits[h], int32(j)); found {
					return true
				}
			}
		}
	}
	return false
}

func (t *trials) want(value uint32, h hit) {
	t.wanted.put(value)
	t.hits = append(t.hits, h)
}

// match looks at a choice with a last line.
func (t *trials) match(c *choices, h hit, last int32) bool {
	of := []int32{h.choice}
	if c.of != nil {
		of = c.of[h.choice]
	}
	if t.left <= 0 || slices.Contains(of, last) || int(c.alike[h.choice]+t.lines.alike[last]) > t.limit ||
		!h.with && !c.lost[h.choice] && !t.lines.lost[last] {
		return false
	}
	full := 0
	for z, x := range t.extra {
		y := t.b.plus(c.sum[z][h.choice], t.lines.sum[z][last])
		if h.with {
			y = t.b.plus(y, x)
		}
		if y != 0 {
			full++
		}
	}
	if full > fewFronts {
		return false
	}
	if c.of == nil {
		p := pair{min(h.choice, last), max(h.choice, last), h.with}
		if t.seen[p] {
			return false
		}
		t.seen[p] = true
	}
	t.left--
	return t.isolates(h.with, append(slices.Clone(of), last)...)
}

// isolates says whether the sum of lines is a small set.
func (t *trials) isolates(with bool, chosen ...int32) bool {
	b := t.b
	less := make([]uint32, len(b.pending)+1) // how often the pending lines and the new one are subtracted
	var times []uint64
	var of []sketch
	add := func(f uint32, s sketch) {
		if f != 0 {
			times, of = append(times, uint64(f)), append(of, s)
		}
	}
	last := &less[len(b.pending)]
	for _, k := range chosen {
		i := int(t.of[k])
		add(1, b.sketchOf(i))
		for w, l := range b.pending {
			if i < len(l.lost) {
				less[w] = b.plus(less[w], l.lost[i])
			}
		}
		*last = b.plus(*last, t.next.lost[i])
	}
	if with {
		*last = b.plus(*last, b.p-1)
	}
	for w, l := range b.pending {
		add(b.negative(less[w]), l.sketch)
	}
	add(b.negative(*last), t.next.sketch)
	out := make(sketch, 2*b.parts)
	full := 0
	for z := range out {
		var sum uint64
		for u, s := range of {
			if u%unreduced == unreduced-1 {
				sum = uint64(b.modulus.of(sum))
			}
			sum += times[u] * uint64(s[z])
		}
		if out[z] = b.modulus.of(sum); out[z] != 0 && z < b.parts {
			if full++; full > t.limit {
				return false
			}
		}
	}
	return full > 0 && b.few(b.modulus, out, t.limit, 1)
}

// filter says what is not among some values.
type filter [1 << 11]uint64

func place(value uint32) (word, bit uint32) {
	x := value * 0x9e3779b1
	return x >> 21, x >> 15 & 63
}

func (f *filter) fill(values []uint32) {
	clear(f[:])
	for _, x := range values {
		if x != 0 {
			word, bit := place(x)
			f[word] |= 1 << bit
		}
	}
}

func (f *filter) has(value uint32) bool {
	word, bit := place(value)
	return f[word]>>bit&1 == 1
}

// table finds what has a value, by open addressing.
type table struct {
	values []uint32
	heads  []int32
	next   []int32
}

func (t *table) clear() {
	if t.values == nil {
		t.values, t.heads = make([]uint32, 256), make([]int32, 256)
	}
	if len(t.next) > 0 {
		clear(t.values)
		clear(t.heads)
		t.next = t.next[:0]
	}
}

func (t *table) slot(value uint32) uint32 {
	mask := uint32(len(t.values) - 1)
	at := value * 0x9e3779b1 >> 7 & mask
	for t.values[at] != 0 && t.values[at] != value {
		at = (at + 1) & mask
	}
	return at
}

// put enters the next number under a value.
func (t *table) put(value uint32) {
	if 2*len(t.next) >= len(t.values) {
		t.grow()
	}
	at := t.slot(value)
	t.next = append(t.next, t.heads[at]-1)
	t.values[at], t.heads[at] = value, int32(len(t.next))
}

func (t *table) grow() {
	old := *t
	t.values, t.heads = make([]uint32, 2*len(old.values)), make([]int32, 2*len(old.heads))
	for i, x := range old.values {
		if x != 0 {
			at := t.slot(x)
			t.values[at], t.heads[at] = x, old.heads[i]
		}
	}
}

func (t *table) first(value uint32) int32 { return t.heads[t.slot(value)] - 1 }
