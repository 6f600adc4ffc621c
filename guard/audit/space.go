package audit

import (
	"cmp"
	"hash/fnv"
	"slices"
	"sync"
)

// bases is how many bases of each span there are.
const bases = 2

// space is what has been shown of counts, or of the sums of one variable.
type space struct {
	h       *History
	bases   [bases]*basis
	sizes   map[int][]*Set // the sets that are known, by size
	follows []*Set         // those among them that follow from the bases
	classes *classes
	fresh   []known // since the last settling
	places  []int32 // by participant, for corners
}

// known is a set of the span.
type known struct {
	*Set
	follows bool // from those before it
}

func newSpace(h *History, variable string) *space {
	s := &space{h: h, sizes: map[int][]*Set{}, classes: newClasses(h.options.Participants)}
	name := fnv.New64a()
	name.Write([]byte(variable))
	for i := range s.bases {
		s.bases[i] = newBasis(h.sketch, h.targets, h.options.Participants, mixed(h.options.Seed^name.Sum64())+uint64(i)<<32)
	}
	return s
}

// show adds a set to what is shown, if it may be.
func (s *space) show(q *Set, sk weighed) Reason {
	switch {
	case q.Len() == 0:
		return Free
	case s.h.small(q):
		return Small
	}
	print := sk.print()
	var tries [bases]trial
	s.each(func(i int, b *basis) { s.try(b, &tries[i], q, sk, print) })
	switch {
	case s.explained(&tries):
		s.note(q)
		return Free
	case s.nested(q):
		return Derivable
	case len(s.bases[0].facts) >= s.h.options.Most:
		return Full
	}
	for _, t := range tries {
		if t.why != Free {
			return t.why
		}
	}
	s.accept(&tries)
	return Free
}

// note remembers a set that follows from the bases, where a small set that it differs by
// can well have several pivots.
func (s *space) note(q *Set) {
	same := func(f *Set) bool { return q.Within(f) }
	if dense(mostLines, s.h.limit(), q.Len()) && !slices.ContainsFunc(s.sizes[q.Len()], same) {
		s.follows = append(s.follows, q)
		s.know(known{q, true})
	}
}

func (s *space) know(k known) {
	s.sizes[k.Len()] = append(s.sizes[k.Len()], k.Set)
	s.fresh = append(s.fresh, k)
}

// nested says whether a known set lies within this one, or around it, and
// differs by few.
func (s *space) nested(q *Set) bool {
	limit := s.h.limit()
	for n := max(q.Len()-limit, 1); n <= q.Len()+limit; n++ {
		for _, f := range s.sizes[n] {
			if n < q.Len() && f.Within(q) || n > q.Len() && q.Within(f) {
				return true
			}
		}
	}
	return false
}

// around is the known sets that this one lies in and in which small sets can well have
// several pivots, the smallest first.
func (s *space) around(q *Set) (out []*Set) {
	try := func(f *Set) {
		if f.Len() > q.Len() && dense(mostLines, s.h.limit(), f.Len()) && f.Has(q.least) && q.Within(f) {
			out = append(out, f)
		}
	}
	facts, pool := s.bases[0].facts, s.bases[0].pool
	if k := pool.one(q); k >= 0 {
		for _, j := range pool.containing(k, len(facts)) {
			try(facts[j])
		}
	} else {
		for _, f := range facts {
			try(f)
		}
	}
	for _, f := range s.follows {
		try(f)
	}
	slices.SortStableFunc(out, func(f, g *Set) int { return cmp.Compare(f.Len(), g.Len()) })
	return out
}

// trial is what a basis says of a set.
type trial struct {
	rest *rest
	line *line
	why  Reason
}

// explained says whether a set is in the span, by all bases.
func (s *space) explained(tries *[bases]trial) bool {
	for _, t := range tries {
		if s.h.sketch.nonzero(t.rest.sketch) > 0 {
			return false
		}
	}
	return true
}

// try makes a set a line of a basis.
func (s *space) try(b *basis, t *trial, q *Set, sk weighed, print uint64) {
	t.rest = b.rest(q, sk)
	if b.few(b.modulus, t.rest.sketch, s.h.limit(), 0) {
		t.why = Derivable
	} else if at := b.pivot(t.rest, print, s.classes, false); at == nil {
		t.why = Budget
	} else {
		t.line = b.become(t.rest, at)
	}
}

// crowded says whether a small set is in the span that the last sets brought, or whether
// that could not be decided.
func (s *space) crowded(fresh []known) Reason {
	var sets []*Set
	for _, k := range fresh {
		if !k.follows {
			sets = append(sets, k.Set)
		}
	}
	if len(sets) == 0 {
		return Free
	}
	s.bases[0].pool.follow(s.bases[0].facts)
	around := make([][]*Set, len(sets))
	each(len(sets), func(i int) { around[i] = s.around(sets[i]) })
	var found [bases + 1]Reason
	var wg sync.WaitGroup
	wg.Go(func() {
		if s.inside(sets, around, len(fresh)-len(sets)) {
			found[bases] = Derivable
		}
	})
	s.each(func(i int, b *basis) { found[i] = b.crowded(around, s.h.now, s.classes, s.h.limit()) })
	wg.Wait()
	for _, why := range found {
		if why != Free {
			return why
		}
	}
	return Free
}

// each calls f for each basis, beside each other where there is much to do.
func (s *space) each(f func(i int, b *basis)) {
	if len(s.bases[0].facts) < 50 {
		for i, b := range s.bases {
			f(i, b)
		}
		return
	}
	var wg sync.WaitGroup
	for i, b := range s.bases {
		wg.Go(func() { f(i, b) })
	}
	wg.Wait()
}

// accept adds a set to the span.
func (s *space) accept(tries *[bases]trial) {
	for i, b := range s.bases {
		b.accept(tries[i].line)
	}
	q := tries[0].rest.set
	s.know(known{q, false})
	s.classes.divide(q)
}

// recall adds a set to what was shown.
func (s *space) recall(q *Set, sk weighed) {
	var tries [bases]trial
	s.each(func(i int, b *basis) {
		t := &tries[i]
		if t.rest = b.rest(q, sk); s.h.sketch.nonzero(t.rest.sketch) > 0 {
			t.line = b.become(t.rest, b.pivot(t.rest, sk.print(), s.classes, true))
		}
	})
	for _, t := range tries {
		if t.line == nil { // what depends modulo one prime depends, but once in 2²⁸
			return
		}
	}
	s.accept(&tries)
}

// explains says whether the count of a set follows.
func (s *space) explains(q *Set, sk weighed) bool {
	var tries [bases]trial
	s.each(func(i int, b *basis) { tries[i].rest = b.rest(q, sk) })
	return s.explained(&tries)
}

// mostPending is how many lines are pending at most.
const mostPending = 128

func (s *space) shorten() {
	if len(s.bases[0].pending) >= mostPending {
		s.settleBases()
	}
}

func (s *space) mark() int { return len(s.fresh) }

// undo forgets what was shown since a mark.
func (s *space) undo(mark int) {
	for len(s.fresh) > mark {
		q := s.fresh[len(s.fresh)-1]
		s.fresh = s.fresh[:len(s.fresh)-1]
		same := s.sizes[q.Len()]
		s.sizes[q.Len()] = same[:len(same)-1]
		if q.follows {
			s.follows = s.follows[:len(s.follows)-1]
			continue
		}
		for _, b := range s.bases {
			b.undo()
		}
		s.classes.unite(q.Set)
	}
}

// settle makes what was shown a part of the bases.
func (s *space) settle() {
	s.settleBases()
	s.classes.settle()
	s.fresh = nil
}

func (s *space) settleBases() {
	for _, b := range s.bases {
		b.settle()
	}
}

// classes are the participants by their history: two are in the same class who are
// in the same sets of the span. When there are mostClasses, few have anybody like them,
// and nobody is taken to have.
type classes struct {
	of    []int32 // by participant
	sizes []int32 // by class

	in      []int32 // by class, how many are in the set that is counted
	counted []int32 // classes that have some in it
	part    []int32 // by class, that which its part in a set becomes

	divided []int   // by division since the last settling, how many classes there were
	from    []int32 // by class that came of these, of which
}

const mostClasses = 1 << 16

func newClasses(participants int) *classes {
	return &classes{of: make([]int32, participants), sizes: []int32{int32(participants)}}
}

func (c *classes) gone() bool { return len(c.sizes) >= mostClasses }

// grow adds participants, who are in none of the sets.
func (c *classes) grow(participants int) {
	if n := participants - len(c.of); n > 0 {
		c.of = append(c.of, slices.Repeat([]int32{int32(len(c.sizes))}, n)...)
		c.sizes = append(c.sizes, int32(n))
	}
}

func (c *classes) size(p int32) int32 {
	if c.gone() {
		return 1
	}
	return c.sizes[c.of[p]]
}

// count counts each class in a set.
func (c *classes) count(q *Set) {
	if n := len(c.sizes) - len(c.in); n > 0 {
		c.in = append(c.in, make([]int32, n)...)
	}
	for p := range q.All() {
		k := c.of[p]
		if c.in[k]++; c.in[k] == 1 {
			c.counted = append(c.counted, k)
		}
	}
}

// divide divides every class by a set.
func (c *classes) divide(q *Set) {
	c.divided = append(c.divided, len(c.sizes))
	if c.gone() {
		return
	}
	c.count(q)
	if n := len(c.sizes) - len(c.part); n > 0 {
		c.part = append(c.part, make([]int32, n)...)
	}
	for _, k := range c.counted {
		if n := c.in[k]; n < c.sizes[k] {
			c.part[k] = int32(len(c.sizes))
			c.sizes[k] -= n
			c.sizes = append(c.sizes, n)
			c.from = append(c.from, k)
		}
	}
	for p := range q.All() {
		if k := c.part[c.of[p]]; k > 0 {
			c.of[p] = k
		}
	}
	for _, k := range c.counted {
		c.part[k], c.in[k] = 0, 0
	}
	c.counted = c.counted[:0]
}

// unite takes the last division back.
func (c *classes) unite(q *Set) {
	last := len(c.divided) - 1
	n := c.divided[last]
	c.divided = c.divided[:last]
	fresh := len(c.sizes) - n
	if fresh == 0 {
		return
	}
	from := c.from[len(c.from)-fresh:]
	for p := range q.All() {
		if k := int(c.of[p]) - n; k >= 0 {
			c.of[p] = from[k]
		}
	}
	for i, k := range from {
		c.sizes[k] += c.sizes[n+i]
	}
	c.from, c.sizes = c.from[:len(c.from)-fresh], c.sizes[:n]
}

// settle forgets how classes were divided.
func (c *classes) settle() { c.divided, c.from = nil, nil }
