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
	left    [bases]map[*target]*rest // of the targets that have a pivot
	shown   map[print]bool
	sizes   map[int][]*Set // what was shown, by size
	classes *classes
	log     []step
}

// step is a set that has been shown since the last settling.
type step struct {
	set    *Set
	sketch sketch
	rank   bool // it was not in the span
	moved  [bases][]move
}

// move is what a new line took from the rest of a target.
type move struct {
	target *target
	factor element
	first  bool // it had no pivot before
}

// targets are small sets that were hidden.
type targets struct {
	have   map[print]bool
	around map[int32][]*target // by participant
	count  int
}

type target struct {
	set    *Set
	sketch sketch
}

func newSpace(h *History, stream int) *space {
	s := &space{h: h, shown: map[print]bool{}, sizes: map[int][]*Set{}, classes: newClasses(h.options.Participants)}
	for i := range s.bases {
		s.bases[i] = &basis{random: rand.New(rand.NewPCG(h.options.Seed, uint64(stream*bases+i)))}
		s.left[i] = map[*target]*rest{}
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
	var tries [bases]trial
	s.each(func(i int, b *basis) { tries[i] = s.try(i, b, q, sk) })
	for _, t := range tries {
		switch {
		case t.explained:
			s.remember(step{set: q, sketch: sk})
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

// dense says that a small set may well have pivots: then each basis looks for sets
// with one, which are not worth the time where there are few.
func (s *space) dense() bool {
	return 50*s.h.limit()*len(s.bases[0].facts) > s.h.options.Participants
}

// trial is what a basis says of a set.
type trial struct {
	rest      *rest
	explained bool // it is in the span
	exposes   bool // with it a small set would be
	pivot     int32
	at        []int32 // the facts that the pivot is in
}

func (s *space) try(i int, b *basis, q *Set, sk sketch) (t trial) {
	t.rest = b.rest(q, sk)
	if t.explained = t.rest.sketch.nonzero() == 0; t.explained {
		return t
	}
	if t.exposes = b.few(t.rest, s.h.limit()) || s.dense() && b.nearly(t.rest, s.h.limit()); t.exposes {
		return t
	}
	for _, left := range s.left[i] {
		if t.exposes = t.rest.sketch.proportional(left.sketch); t.exposes {
			return t
		}
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
	st := step{set: q, sketch: sk, rank: true}
	for i, b := range s.bases {
		b.accept(tries[i].rest, tries[i].pivot, tries[i].at)
		st.moved[i] = s.move(i, b.pending[len(b.pending)-1])
	}
	s.remember(st)
	return true
}

// recall adds a set to what was shown.
func (s *space) recall(q *Set, sk sketch) {
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

// move takes a new line from the rest of the targets.
func (s *space) move(i int, l *line) (out []move) {
	left := s.left[i]
	for _, t := range s.h.targets.around[l.pivot] {
		if left[t] == nil {
			left[t] = &rest{set: t.set, sketch: slices.Clone(t.sketch)}
			out = append(out, move{t, 0, true})
		}
	}
	for t, r := range left {
		if f := r.value(l.pivot, l.at); f != 0 {
			r.lose(f, l)
			out = append(out, move{t, f, false})
		}
	}
	return out
}

// lose subtracts f times a line.
func (r *rest) lose(f element, l *line) {
	if n := len(l.of) - len(r.of); n > 0 {
		r.of = append(r.of, make([]element, n)...)
	}
	r.sketch.less(f, l.sketch)
	subtractFrom(r.of, f, l.of)
}

// target finds what is left of a new target.
func (s *space) target(t *target) {
	for i, b := range s.bases {
		if b.meets(t.set) {
			s.left[i][t] = b.rest(t.set, t.sketch)
		}
	}
}

// meets says whether a set has a pivot.
func (b *basis) meets(q *Set) bool {
	for _, lines := range [][]*line{b.rows, b.pending} {
		for _, l := range lines {
			if q.Has(l.pivot) {
				return true
			}
		}
	}
	return false
}

// shorten makes pending lines rows where every rest is compared with each of them.
func (s *space) shorten() {
	if s.dense() && len(s.bases[0].pending) > 3 {
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
		for i, b := range s.bases {
			l := b.pending[len(b.pending)-1]
			for k := len(st.moved[i]) - 1; k >= 0; k-- {
				if m := st.moved[i][k]; m.first {
					delete(s.left[i], m.target)
				} else {
					s.left[i][m.target].lose(m.factor.negative(), l)
				}
			}
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
	for _, st := range s.log {
		if st.rank {
			s.classes.refine(st.set)
		}
	}
	s.log = nil
}

// classes are the participants by what has been shown: two are in the same class
// who are in the same sets.
type classes struct {
	of    []int32 // by participant
	sizes []int32 // by class
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

// refine divides every class by a set.
func (c *classes) refine(q *Set) {
	in := make([]int32, len(c.sizes))
	for p := range q.All() {
		in[c.of[p]]++
	}
	to := make([]int32, len(c.sizes))
	for k, n := range in {
		to[k] = int32(k)
		if n > 0 && n < c.sizes[k] {
			to[k] = int32(len(c.sizes))
			c.sizes[k] -= n
			c.sizes = append(c.sizes, n)
		}
	}
	for p := range q.All() {
		c.of[p] = to[c.of[p]]
	}
}
