package audit

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
)

// basis is the span of what has been shown, in reduced echelon form, modulo a prime
// of its own: a row is 1 at its pivot, a participant, and 0 at every other row's.
// What has been accepted since the last settling is pending, as lines that have been
// subtracted from what it says of the rows, but not from the rows. Rows and pending
// lines are counted together where it says line.
type basis struct {
	sketcher
	modulus
	participants int
	seed         uint64

	facts    []*Set
	pivots   roster     // by row
	of       [][]uint32 // by fact, by row: the combination of the facts that the row is
	sketches []sketch   // by row

	pending []*line
	front   [fronts][]uint32 // by part of a coarse sketch, by line
	at      [fronts][]int    // the parts of a sketch that make up one

	pool   *pool
	sums   []uint64 // for adding up
	trials *trials
	aims   aims
}

// The parts of a coarse sketch that are kept up to date: so many that a set of limit
// participants has something in one of seven of, so many that it has something in half
// of, and one that is everybody.
const (
	fine   = 8
	wide   = 8
	fronts = fine + wide + 1
	whole  = fronts - 1
)

// line is what a set adds to the span: a vector that is 1 at its pivot, and 0 at the
// pivots of the lines before it.
type line struct {
	rest
	point
	scale  uint32   // what the rest was multiplied by
	sketch sketch   // of the line
	lost   []uint32 // by line before it: what that line had at the pivot, and lost
	of     []uint32 // by fact: the combination that it is, when that has been worked out
}

// rest is what of a set the span does not explain: a vector that is 0 at every pivot.
type rest struct {
	set    *Set
	pooled []int32  // who of the pool is in the set
	in     []int32  // the rows whose pivot is in the set: they have been subtracted
	less   []uint32 // by pending line, how many times it has been subtracted
	sketch sketch
}

// point is a participant as the basis sees them.
type point struct {
	pivot int32
	rows  []uint32 // by row, its value there
	lines []uint32 // by pending line, its value there
}

func newBasis(k sketcher, t *targets, participants int, seed uint64) *basis {
	b := &basis{sketcher: k, aims: newAims(t), modulus: modulusOf(mixed(seed)), seed: mixed(seed + 1)}
	b.grow(participants)
	r := rand.New(rand.NewPCG(seed, 2))
	parts := r.Perm(k.parts)
	for z := range b.at {
		switch {
		case z < fine:
			b.at[z] = cut(&parts, k.parts/128)
		case z < whole:
			b.at[z] = cut(&parts, k.parts/32)
		default:
			for part := range k.parts {
				b.at[z] = append(b.at[z], part)
			}
		}
	}
	return b
}

func (b *basis) grow(participants int) {
	b.participants = participants
	b.pool, b.pivots = newPool(participants, b.seed), newRoster(participants, b.pivots.of)
	b.resample()
}

func cut(parts *[]int, n int) (out []int) {
	out, *parts = (*parts)[:n], (*parts)[n:]
	return out
}

// coarsened is a part of the coarse sketch.
func (b *basis) coarsened(s sketch, z int) uint32 {
	var sum uint64
	for _, part := range b.at[z] {
		sum += uint64(s[part])
	}
	return b.modulus.of(sum)
}

// rest subtracts the span from a set.
func (b *basis) rest(q *Set, sk weighed) *rest {
	out := &rest{set: q, pooled: b.pool.within(q, nil)}
	out.sketch = append(sk.modulo(b.modulus), b.sampled(out.pooled)...)
	sums := b.scratch(len(out.sketch))
	out.in = b.pivots.within(q, nil)
	total(sums, b.sketches, out.in)
	for k, x := range sums {
		out.sketch[k] = b.plus(out.sketch[k], b.negative(b.modulus.of(x)))
	}
	for _, l := range b.pending {
		out.less = append(out.less, b.value(out, &l.point))
	}
	b.subtract(out.sketch, out.less, b.pendingSketches())
	return out
}

// pivotOf is the pivot of a line, and sketchOf its sketch when it was made.
func (b *basis) pivotOf(i int) int32 {
	if n := len(b.pivots.of); i >= n {
		return b.pending[i-n].pivot
	}
	return b.pivots.of[i]
}

func (b *basis) sketchOf(i int) sketch {
	if n := len(b.sketches); i >= n {
		return b.pending[i-n].sketch
	}
	return b.sketches[i]
}

func (b *basis) pendingSketches() [][]uint32 {
	out := make([][]uint32, len(b.pending))
	for w, l := range b.pending {
		out[w] = l.sketch
	}
	return out
}

func (b *basis) scratch(n int) []uint64 {
	if cap(b.sums) < n {
		b.sums = make([]uint64, 2*n)
	}
	b.sums = b.sums[:n]
	clear(b.sums)
	return b.sums
}

// value is that of a rest at a point.
func (b *basis) value(r *rest, at *point) uint32 {
	x := b.added(at.rows, r.in)
	for w, f := range r.less {
		x = b.plus(x, b.times(f, at.lines[w]))
	}
	if x = b.negative(x); r.set.Has(at.pivot) {
		x = b.plus(x, 1)
	}
	return x
}

// point looks at a participant.
func (b *basis) point(p int32) *point {
	out := &point{pivot: p, rows: make([]uint32, len(b.pivots.of))}
	sums := b.scratch(len(b.pivots.of))
	total(sums, b.of, b.containing(p))
	for i, x := range sums {
		out.rows[i] = b.modulus.of(x)
	}
	for _, l := range b.pending {
		out.lines = append(out.lines, b.times(l.scale, b.value(&l.rest, out)))
	}
	return out
}

// containing is the settled facts that a participant is in.
func (b *basis) containing(p int32) []int32 {
	if k, is := b.pool.place(p); is {
		return b.pool.containing(k, len(b.of))
	}
	var out []int32
	for j, f := range b.facts[:len(b.of)] {
		if f.Has(p) {
			out = append(out, int32(j))
		}
	}
	return out
}

// lost is the value of each line at a point, which it loses when the point becomes a pivot.
func (b *basis) lost(at *point) []uint32 {
	out := slices.Concat(at.rows, at.lines)
	vectors := make([][]uint32, len(b.pending))
	for w, l := range b.pending {
		vectors[w] = l.lost
	}
	b.subtract(out, at.lines, vectors)
	return out
}

// How many participants are drawn for a pivot: for one who has their history in common
// with many, of the pool, and at last. And how many of a set must be in the pool to draw
// from those.
const (
	enough     = 3
	alikeTries = 12
	poolTries  = 1000
	pivotTries = 400
)

// pivot finds a participant at whom a rest is not 0, of as large a class as it can;
// nil when it finds none with so much work, or whatever it takes. It draws from what
// has been shown and from the set alone.
func (b *basis) pivot(r *rest, print uint64, c *classes, whatever bool) *point {
	random := rand.New(rand.NewPCG(b.seed^print, uint64(len(b.facts))))
	b.pool.follow(b.facts)
	var tried []int32
	if len(r.pooled) >= enough {
		pick := func() int32 { return b.pool.of[r.pooled[random.IntN(len(r.pooled))]] }
		tried = []int32{pick(), pick()}
		for range alikeTries {
			if p := pick(); c.size(p) > c.size(tried[0]) {
				tried[0] = p
			}
		}
	}
	tried = append(tried, b.solitary(r.sketch, random)...)
	for _, p := range append(tried, b.single(b.modulus, r.sketch, random)...) {
		if at := b.point(p); b.value(r, at) != 0 {
			return at
		}
	}
	return b.search(r, random, whatever)
}

// search looks for a pivot in the pool, in the set and in what is subtracted from it, and
// then, where that is not too much work, among all. It draws from participants before
// it draws from sets: a pivot that is in a small set may be in one that must not follow.
func (b *basis) search(r *rest, random *rand.Rand, whatever bool) *point {
	of := b.combination(r)
	var facts []int
	sets := []*Set{r.set}
	for j, x := range of {
		if x != 0 {
			facts = append(facts, j)
			sets = append(sets, b.facts[j])
		}
	}
	values := make([]uint64, len(b.pool.of))
	for _, k := range r.pooled {
		values[k] = 1
	}
	for range poolTries {
		k := random.IntN(len(values))
		sum := values[k]
		for _, j := range facts {
			sum += uint64(of[j]) * b.pool.bit(k, j)
		}
		if b.modulus.of(sum) != 0 {
			return b.point(b.pool.of[k])
		}
	}
	all := 0
	for _, s := range sets {
		all += s.Len()
	}
	for try := range pivotTries {
		p := sets[try%len(sets)].pick(random.IntN)
		if try < pivotTries/2 {
			p = drawn(sets, random.IntN(all)).pick(random.IntN)
		}
		var sum uint64
		for _, j := range facts {
			if b.facts[j].Has(p) {
				sum += uint64(of[j])
			}
		}
		if r.set.Has(p) {
			sum++
		}
		if b.modulus.of(sum) != 0 {
			return b.point(p)
		}
	}
	if len(facts) > pivotTries/2 && !whatever {
		return nil
	}
	values = make([]uint64, r.set.of)
	for p := range r.set.All() {
		values[p] = 1
	}
	for _, j := range facts {
		for p := range b.facts[j].All() {
			values[p] += uint64(of[j])
		}
	}
	from := random.IntN(len(values))
	for i := range values {
		if p := (from + i) % len(values); b.modulus.of(values[p]) != 0 {
			return b.point(int32(p))
		}
	}
	return nil
}

// drawn is the set in which the n-th participant of all sets together is.
func drawn(sets []*Set, n int) *Set {
	for _, s := range sets {
		if n -= s.Len(); n < 0 {
			return s
		}
	}
	return sets[0]
}

// combination is what of the facts makes up a rest, without its set.
func (b *basis) combination(r *rest) []uint32 {
	lines := b.asFacts()
	out := make([]uint32, len(b.facts))
	for j, column := range b.of {
		out[j] = b.negative(b.added(column, r.in))
	}
	b.subtract(out, r.less, lines)
	return out
}

func (b *basis) added(v []uint32, at []int32) uint32 {
	var sum uint64
	for _, i := range at {
		sum += uint64(v[i])
	}
	return b.modulus.of(sum)
}

// become makes a rest the line that it would add, with a pivot at a point.
func (b *basis) become(r *rest, at *point) *line {
	l := &line{rest: *r, point: *at, scale: b.inverse(b.value(r, at)), lost: b.lost(at), sketch: make(sketch, len(r.sketch))}
	for k, x := range r.sketch {
		l.sketch[k] = b.times(x, l.scale)
	}
	return l
}

// accept adds a line to the span.
func (b *basis) accept(l *line) {
	b.facts = append(b.facts, l.set)
	b.pending = append(b.pending, l)
}

// advance brings the coarse sketches up to the last line.
func (b *basis) advance() {
	fresh := b.pending[len(b.front[whole])-len(b.pivots.of):]
	if len(fresh) == 0 {
		return
	}
	times, lost := make([]uint32, len(fresh)), make([][]uint32, len(fresh))
	for z := range b.front {
		for w, l := range fresh {
			times[w], lost[w] = b.coarsened(l.sketch, z), l.lost
		}
		b.front[z] = append(b.front[z], times...)
		b.subtract(b.front[z], times, lost)
	}
}

// undo forgets the last pending line.
func (b *basis) undo() {
	last := len(b.pending) - 1
	l := b.pending[last]
	for z := range b.front {
		if len(b.front[z]) < len(b.facts) {
			break
		}
		b.front[z] = b.front[z][:len(b.front[z])-1]
		if x := b.coarsened(l.sketch, z); x != 0 {
			b.subtract(b.front[z], []uint32{b.negative(x)}, [][]uint32{l.lost})
		}
	}
	b.facts = b.facts[:len(b.facts)-1]
	b.pending = b.pending[:last]
	b.aims.forget(len(b.facts), l.pivot)
	b.pool.forget(len(b.facts))
}

// settle makes the pending lines rows.
func (b *basis) settle() {
	if len(b.pending) == 0 {
		return
	}
	b.advance()
	n, rows := len(b.facts), len(b.pivots.of)
	of := b.asFacts()
	lost := make([][]uint32, len(b.pending))
	pivots := b.pivots.of
	for w, l := range b.pending {
		lost[w] = l.lost
		pivots = append(pivots, l.pivot)
	}
	b.pivots = newRoster(b.participants, pivots)
	b.of = append(b.of, make([][]uint32, n-len(b.of))...)
	each(n, func(j int) {
		column := slices.Grow(b.of[j], len(b.pivots.of)-len(b.of[j]))
		column = column[:len(b.pivots.of)]
		if len(b.of[j]) == 0 {
			clear(column)
		}
		times := make([]uint32, len(of))
		for w := range of {
			if j < len(of[w]) {
				times[w] = of[w][j]
			}
			column[rows+w] = times[w]
		}
		b.subtract(column, times, lost)
		b.of[j] = column
	})
	for _, l := range b.pending {
		b.sketches = append(b.sketches, slices.Clone(l.sketch))
	}
	sketches := b.pendingSketches()
	each(len(b.sketches), func(i int) {
		times := make([]uint32, len(lost))
		for w, l := range lost {
			if i < len(l) {
				times[w] = l[i]
			}
		}
		b.subtract(b.sketches[i], times, sketches)
	})
	b.pending = nil
}

// asFacts is the combinations of the facts that the pending lines are.
func (b *basis) asFacts() (lines [][]uint32) {
	for w, l := range b.pending {
		if l.of == nil {
			l.of = make([]uint32, len(b.of)+w+1)
			each(len(b.of), func(j int) { l.of[j] = b.negative(b.added(b.of[j], l.in)) })
			b.subtract(l.of, l.less, lines)
			l.of[len(b.of)+w] = 1
			for j, x := range l.of {
				l.of[j] = b.times(x, l.scale)
			}
		}
		lines = append(lines, l.of)
	}
	return lines
}

// each calls f for 0 to n−1, on all processors where there is much to do.
func each(n int, f func(int)) {
	workers := min(runtime.GOMAXPROCS(0), 1+n/16)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n; i += workers {
				f(i)
			}
		})
	}
	wg.Wait()
}
