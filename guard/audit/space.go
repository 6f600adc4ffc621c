package audit

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
)

// bases is how many bases of each span there are.
const bases = 3

// space is what has been shown of counts, or of the sums of one variable.
type space struct {
	h       *History
	bases   [bases]*basis
	shown   map[print]bool
	sizes   map[int][]*Set // what was shown, by size
	classes *classes
	log     []step

	suspects int // of the last set
}

// step is a set that has been shown since the last settling.
type step struct {
	set    *Set
	sketch sketch
	rank   bool // it was not in the span
}

func newSpace(h *History, stream int) *space {
	s := &space{h: h, shown: map[print]bool{}, sizes: map[int][]*Set{}, classes: newClasses(h.options.Participants)}
	for i := range s.bases {
		s.bases[i] = &basis{sketcher: h.sketch, random: rand.New(rand.NewPCG(h.options.Seed, uint64(stream*bases+i)))}
	}
	return s
}

// show adds a set to what is shown, if it may be.
func (s *space) show(q *Set, sk sketch) Reason {
	switch {
	case q.Len() == 0 || s.shown[sk.print()]:
		return Free
	case s.h.small(q):
		return Small
	case s.nested(q):
		return Derivable
	}
	s.classes.count(q)
	defer s.classes.forget()
	var tries [bases]trial
	s.each(func(i int, b *basis) { tries[i] = s.try(b, q, sk) })
	s.suspects = 0
	for _, t := range tries {
		s.suspects = max(s.suspects, t.suspects)
		switch {
		case t.explained:
			s.remember(step{q, sk, false})
			return Free
		case t.exposes:
			return Derivable
		}
	}
	if !s.accept(q, sk, &tries) {
		return Budget
	}
	return Free
}

// nested says whether a set that was shown lies within this one, or around it, and
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

// trial is what a basis says of a set.
type trial struct {
	rest      *rest
	explained bool // it is in the span
	exposes   bool // with it a small set would be
	suspects  int
	pivot     int32
	at        []int32 // the facts that the pivot is in
}

func (s *space) try(b *basis, q *Set, sk sketch) (t trial) {
	t.rest = b.rest(q, sk)
	if t.explained = t.rest.sketch.nonzero() == 0; t.explained {
		return t
	}
	if t.exposes = b.few(t.rest, s.h.limit()); t.exposes {
		return t
	}
	suspects := b.suspects(q, s.classes, s.h.limit())
	t.suspects = len(suspects)
	if t.exposes = b.exposes(t.rest, suspects, s.h.limit()); t.exposes {
		return t
	}
	t.pivot, t.at = b.pivot(t.rest, s.classes, pivotTries)
	return t
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

// accept adds a set to the span. It reports whether every basis found a pivot.
func (s *space) accept(q *Set, sk sketch, tries *[bases]trial) bool {
	for _, t := range tries {
		if t.pivot < 0 {
			return false
		}
	}
	for i, b := range s.bases {
		b.accept(tries[i].rest, tries[i].pivot, tries[i].at)
	}
	s.classes.divide(q)
	s.remember(step{q, sk, true})
	return true
}

// recall adds a set to what was shown.
func (s *space) recall(q *Set, sk sketch) {
	s.classes.count(q)
	defer s.classes.forget()
	var tries [bases]trial
	s.each(func(i int, b *basis) {
		t := &tries[i]
		t.rest = b.rest(q, sk)
		if t.explained = t.rest.sketch.nonzero() == 0; !t.explained {
			t.pivot, t.at = b.pivot(t.rest, s.classes, math.MaxInt)
		}
	})
	if !tries[0].explained {
		s.accept(q, sk, &tries)
	}
}

func (s *space) remember(st step) {
	s.shown[st.sketch.print()] = true
	s.sizes[st.set.Len()] = append(s.sizes[st.set.Len()], st.set)
	s.log = append(s.log, st)
}

// shorten makes pending lines rows where there are many, or many lines to reduce by them.
func (s *space) shorten() {
	if n := len(s.bases[0].pending); n >= mostTerms || n > 3 && s.suspects > 20 {
		s.each(func(_ int, b *basis) { b.settle() })
	}
}

func (s *space) mark() int { return len(s.log) }

// undo forgets what was shown since a mark.
func (s *space) undo(mark int) {
	for n := len(s.log) - 1; n >= mark; n-- {
		st := s.log[n]
		delete(s.shown, st.sketch.print())
		same := s.sizes[st.set.Len()]
		s.sizes[st.set.Len()] = same[:len(same)-1]
		if !st.rank {
			continue
		}
		for _, b := range s.bases {
			b.undo(len(b.pending) - 1)
		}
	}
	s.log = s.log[:mark]
}

// settle makes what was shown a part of the bases.
func (s *space) settle() {
	for _, b := range s.bases {
		b.settle()
	}
	s.log = nil
}

// classes are the participants by their history: two are in the same class who are
// in the same sets of the span.
type classes struct {
	of    []int32 // by participant
	sizes []int32 // by class

	in      []int32 // by class, how many are in the set that is counted
	counted []int32 // classes that have some in it
}

func newClasses(participants int) *classes {
	return &classes{of: make([]int32, participants), sizes: []int32{int32(participants)}}
}

// grow adds participants, who are in none of the sets.
func (c *classes) grow(participants int) {
	if n := participants - len(c.of); n > 0 {
		c.of = append(c.of, slices.Repeat([]int32{int32(len(c.sizes))}, n)...)
		c.sizes = append(c.sizes, int32(n))
	}
}

func (c *classes) size(p int32) int32 { return c.sizes[c.of[p]] }

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

// sizeWith is how many have a participant's history and are, as they, in the set that
// is counted, or are not.
func (c *classes) sizeWith(q *Set, p int32) int32 {
	k := c.of[p]
	if q.Has(p) {
		return c.in[k]
	}
	return c.sizes[k] - c.in[k]
}

func (c *classes) forget() {
	for _, k := range c.counted {
		c.in[k] = 0
	}
	c.counted = c.counted[:0]
}

// divide divides every class by the set that is counted.
func (c *classes) divide(q *Set) {
	to := map[int32]int32{}
	for _, k := range c.counted {
		if n := c.in[k]; n < c.sizes[k] {
			to[k] = int32(len(c.sizes))
			c.sizes[k] -= n
			c.sizes = append(c.sizes, n)
		}
	}
	if len(to) == 0 {
		return
	}
	for p := range q.All() {
		if k, ok := to[c.of[p]]; ok {
			c.of[p] = k
		}
	}
}
