package audit

import (
	"slices"
)

// trials is the search for a set of limit participants or fewer that new lines bring into
// the span. Such a set is the sum of the lines at whose pivots it is. So it is the sum of two
// choices of lines, and of a new one: in a part in which the set is not, one is minus the
// others, and is looked up. Every line is such a choice; and of the lines whose pivots lie
// close by, choices of as many as there is time for.
type trials struct {
	b     *basis
	limit int
	few   int // parts of the coarse sketch that are not 0

	of    []int32 // the lines that are chosen from
	alike []int32 // by line, the participants that have the history of its pivot
	lost  []bool  // by line, it is new or had something at a new pivot
	full  []uint8 // by line, parts that are not 0
	sum   [fronts][]uint32
	lines [][whole]uint32 // by line, what is in sum by part
	fresh []int32         // the new lines among those
	order []int32         // the lines of fewest participants first

	within map[*Set][]int32 // the lines whose pivots are in a set

	single, several choices
	filter          filter
	extras          []uint32 // of the new lines, in a part
	hits            []hit    // in a part
	matched         []int32  // the lines of a hit and of what goes with it
	wanted          table    // what another choice must be there, by hit
	seen            map[uint64]bool
	left            int // work that may be done
}

// choices are sets of lines, one behind the other.
type choices struct {
	of    []int32 // places in the trials' lines
	start []int32
	alike []int32
	lost  []bool
	sum   []uint32 // in the part that is looked at
}

func (c *choices) clear() {
	c.of, c.start, c.alike, c.lost = c.of[:0], append(c.start[:0], 0), c.alike[:0], c.lost[:0]
}

func (c *choices) lines(i int32) []int32 { return c.of[c.start[i]:c.start[i+1]] }

// mostWork is how much is looked at of sums that are 0 in a part: as little as one is, or
// oneSum.
const (
	mostWork = 2_000_000
	oneSum   = 100
)

// mostChoices is how many choices are made of lines that lie close by. Where a small set
// can hardly have several pivots there are fewer.
const (
	mostChoices = mostLines * (mostLines + 1) / 2
	fewChoices  = 300
)

// How many parts of the coarse sketch are not 0: of a set of limit participants, but in
// one case of a thousand, and of a line of few.
const (
	fewFronts   = 10
	lightFronts = 13
)

// heavyParts is in how many parts lines of many participants are looked up.
const heavyParts = 3

// crowded says whether a small set is in the span that the last so many lines brought, or
// whether that could not be decided; around is what is around the set of each, and now the
// targets that are asked for.
func (b *basis) crowded(around [][]*Set, now []int32, c *classes, limit int) Reason {
	t := b.begin(len(around), c, limit)
	found := t.alone() || t.pairs() || t.targets(now)
	type corner struct{ lines, fresh []int32 }
	var corners []corner
	for k, sets := range around {
		near := t.around(sets)
		at := slices.IndexFunc(corners, func(c corner) bool { return slices.Equal(c.lines, near) })
		if at < 0 {
			at = len(corners)
			corners = append(corners, corner{lines: near})
		}
		if i, is := slices.BinarySearch(t.of, int32(len(b.facts)-len(around)+k)); is {
			corners[at].fresh = append(corners[at].fresh, int32(i))
		}
	}
	for _, c := range corners {
		found = found || t.choices(c.lines, c.fresh, mostChoices)
	}
	switch {
	case found || t.anywhere():
		return Derivable
	case t.left <= 0:
		return Budget
	}
	return Free
}

// begin collects the lines whose pivot may be in a small set: no more than limit
// participants have the pivot's history.
func (b *basis) begin(fresh int, c *classes, limit int) *trials {
	b.advance()
	t := b.trials
	if t == nil {
		t = &trials{b: b, seen: map[uint64]bool{}, within: map[*Set][]int32{}}
		b.trials = t
	}
	t.limit, t.few, t.left = limit, min(limit, fewFronts), mostWork
	clear(t.seen)
	clear(t.within)
	old := len(b.facts) - fresh
	changed := make([]bool, len(b.facts))
	for _, l := range b.pending[len(b.pending)-fresh:] {
		for i, x := range l.lost {
			changed[i] = changed[i] || x != 0
		}
	}
	t.of, t.alike, t.lost, t.full, t.fresh = t.of[:0], t.alike[:0], t.lost[:0], t.full[:0], t.fresh[:0]
	for i := range b.facts {
		if alike := c.size(b.pivotOf(i)); int(alike) <= limit {
			if i >= old {
				t.fresh = append(t.fresh, int32(len(t.of)))
			}
			t.of, t.alike, t.lost, t.full = append(t.of, int32(i)), append(t.alike, alike), append(t.lost, i >= old || changed[i]), append(t.full, 0)
		}
	}
	t.lines = append(t.lines[:0], make([][whole]uint32, len(t.of))...)
	for z := range t.sum {
		t.sum[z] = t.sum[z][:0]
		for k, i := range t.of {
			x := b.front[z][i]
			t.sum[z] = append(t.sum[z], x)
			if z == whole {
				continue
			}
			if t.lines[k][z] = x; x != 0 {
				t.full[k]++
			}
		}
	}
	t.sort()
	return t
}

// sort orders the lines by the participants that are like their pivots, and then by
// those that they have.
func (t *trials) sort() {
	var buckets [64*(fronts+1) + 1]int32
	key := func(k int) int { return min(int(t.alike[k]), 63)*(fronts+1) + int(t.full[k]) }
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

// alone tries every line by itself.
func (t *trials) alone() bool {
	for _, k := range t.order {
		if t.lost[k] && int(t.full[k]) <= t.few && t.isolates(t.of[k:k+1]) {
			return true
		}
	}
	return false
}

// pairs tries every line with every other.
func (t *trials) pairs() bool {
	c := &t.single
	c.clear()
	for k := range t.of {
		t.choose(c, t.alike, t.lost, int32(k))
	}
	for z := range fine {
		if z == heavyParts { // of the rest, those of few participants
			c.clear()
			for k := range t.of {
				if t.full[k] <= lightFronts {
					t.choose(c, t.alike, t.lost, int32(k))
				}
			}
		}
		if t.part(c, t.fresh, z) {
			return true
		}
	}
	return false
}

// around is the lines whose pivots are in the largest of some sets of which all choices of
// two lines can be made; none where that can be done of all lines.
func (t *trials) around(sets []*Set) (near []int32) {
	if len(t.order) <= mostLines {
		return nil
	}
	for _, f := range sets {
		in, is := t.within[f]
		if !is {
			for _, k := range t.order {
				if f.Has(t.b.pivotOf(int(t.of[k]))) {
					in = append(in, k)
				}
			}
			t.within[f] = in
		}
		if len(in) > mostLines {
			break
		}
		if dense(len(in), t.limit, f.Len()) {
			near = in
		}
	}
	return near
}

// anywhere tries choices of the lines of fewest participants.
func (t *trials) anywhere() bool {
	most := fewChoices
	if len(t.order) <= mostLines || dense(len(t.order), t.limit, t.b.participants) {
		most = mostChoices
	}
	return t.choices(t.order, t.fresh, most)
}

// mostLines is of how many lines all choices of two can be made.
const mostLines = 126

// dense says whether a small set among so many participants can well have several of so
// many pivots.
func dense(pivots, limit, participants int) bool { return 8*limit*pivots >= participants }

// choices tries choices of some lines, with one of some others or without.
func (t *trials) choices(from, others []int32, most int) bool {
	from, size := affordable(from, most)
	if size < 2 {
		return false
	}
	c := &t.several
	c.clear()
	t.each(from, size, nil, func(of []int32) bool { return t.choose(c, t.alike, t.lost, of...) })
	if size == len(from) {
		return t.all(c)
	}
	var with []int32
	for _, k := range others {
		if !slices.Contains(from, k) {
			with = append(with, k)
		}
	}
	for z := fine; z < whole; z++ {
		if t.part(c, with, z) {
			return true
		}
	}
	return false
}

// all looks at every choice by itself.
func (t *trials) all(c *choices) bool {
	var of []int32
	for i := range int32(len(c.alike)) {
		of = of[:0]
		for _, k := range c.lines(i) {
			of = append(of, t.of[k])
		}
		if c.lost[i] && t.isolates(of) {
			return true
		}
	}
	return false
}

// affordable is of how many lines, and of how many of them at once, there are at most so
// many choices.
func affordable(from []int32, most int) ([]int32, int) {
	for len(from)*(len(from)+1)/2 > most {
		from = from[:len(from)-1]
	}
	size, all, some := 0, 0, 1
	for size < len(from) {
		some = some * (len(from) - size) / (size + 1)
		if all += some; all > most {
			break
		}
		size++
	}
	return from, size
}

// choose adds a choice, if there are no more than limit participants at its places.
func (t *trials) choose(c *choices, sizes []int32, lost []bool, of ...int32) bool {
	alike, is := int32(0), false
	for _, k := range of {
		alike += sizes[k]
		is = is || lost != nil && lost[k]
	}
	if int(alike) > t.limit {
		return false
	}
	c.of = append(c.of, of...)
	c.start, c.alike, c.lost = append(c.start, int32(len(c.of))), append(c.alike, alike), append(c.lost, is)
	return true
}

// each calls f for every choice of 1 to size places, beside those that are chosen; for
// none that has one for which f is false.
func (t *trials) each(from []int32, size int, of []int32, f func(of []int32) bool) {
	if len(of) > 0 && !f(of) || size == 0 {
		return
	}
	for at, k := range from {
		t.each(from[at+1:], size-1, append(of[:len(of):cap(of)], k), f)
	}
}

// add adds up what each choice has.
func (c *choices) add(m modulus, values []uint32) {
	c.sum = c.sum[:0]
	for i := range c.alike {
		var s uint64
		for _, k := range c.lines(int32(i)) {
			s += uint64(values[k])
		}
		c.sum = append(c.sum, m.of(s))
	}
}

// hit is a choice that another may go with.
type hit struct {
	choice int32
	with   int32 // which new line; −1 for none
}

// part looks up in a part what of the choices goes with another, with one of some lines or
// without.
func (t *trials) part(c *choices, with []int32, z int) bool {
	c.add(t.b.modulus, t.sum[z])
	t.extras = t.extras[:0]
	for _, k := range with {
		t.extras = append(t.extras, t.sum[z][k])
	}
	return t.last(c, t.extras, func(h hit, other int32) bool {
		if t.left--; t.left < 0 {
			return false
		}
		alike, lost := c.alike[h.choice]+c.alike[other], c.lost[h.choice] || c.lost[other]
		if h.with >= 0 {
			alike, lost = alike+t.alike[with[h.with]], true
		}
		if int(alike) > t.limit || !lost {
			return false
		}
		of := append(t.matched[:0], c.lines(h.choice)...)
		if h.with >= 0 {
			if slices.Contains(of, with[h.with]) {
				return false
			}
			of = append(of, with[h.with])
		}
		for _, k := range c.lines(other) {
			if slices.Contains(of, k) {
				return false
			}
			of = append(of, k)
		}
		t.matched = of
		return t.match(of)
	})
}

// last looks up which of the choices go together, with one that is extra or with none.
func (t *trials) last(c *choices, extras []uint32, match func(h hit, other int32) bool) bool {
	t.filter.fill(c.sum)
	t.hits = t.hits[:0]
	t.wanted.clear()
	for i, x := range c.sum {
		if y := t.b.negative(x); y != 0 && t.filter.has(y) {
			t.want(y, hit{int32(i), -1})
		}
		for e, extra := range extras {
			if y := t.b.negative(t.b.plus(x, extra)); y != 0 && extra != 0 && t.filter.has(y) {
				t.want(y, hit{int32(i), int32(e)})
			}
		}
	}
	if len(t.hits) == 0 {
		return false
	}
	for j, x := range c.sum {
		if x == 0 {
			continue
		}
		for h := t.wanted.first(x); h >= 0; h = t.wanted.next[h] {
			if int32(j) > t.hits[h].choice && match(t.hits[h], int32(j)) {
				return true
			}
		}
	}
	return false
}

func (t *trials) want(value uint32, h hit) {
	t.wanted.put(value)
	t.hits = append(t.hits, h)
}

// match looks at lines together.
func (t *trials) match(of []int32) bool {
	var sums [whole]uint64
	for _, k := range of {
		for z, x := range &t.lines[k] {
			sums[z] += uint64(x)
		}
	}
	full := 0
	for z := whole - 1; z >= 0; z-- {
		if t.b.modulus.of(sums[z]) != 0 {
			if full++; full > t.few {
				return false
			}
		}
	}
	var print uint64
	for _, k := range of {
		print += mixed(uint64(k) + 1)
	}
	if t.seen[print] {
		return false
	}
	t.seen[print] = true
	t.left -= oneSum
	for n, k := range of {
		of[n] = t.of[k]
	}
	return t.isolates(of)
}

// isolates says whether the sum of lines is a small set.
func (t *trials) isolates(lines []int32) bool {
	b := t.b
	less := make([]uint32, len(b.pending)) // how often the pending lines are subtracted
	var times []uint64
	var of []sketch
	add := func(f uint32, s sketch) {
		if f != 0 {
			times, of = append(times, uint64(f)), append(of, s)
		}
	}
	for _, i := range lines {
		i := int(i)
		add(1, b.sketchOf(i))
		for w, l := range b.pending {
			if i < len(l.lost) {
				less[w] = b.plus(less[w], l.lost[i])
			}
		}
	}
	for w, l := range b.pending {
		add(b.negative(less[w]), l.sketch)
	}
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
