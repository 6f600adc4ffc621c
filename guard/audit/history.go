package audit

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// History is everything that has been shown of the same participants. Ask it
// before more is shown: it withholds what would let the count of a set of 1 to
// Limit participants follow from all of it together, or a sum over such a set.
//
// What is tested, on the statement of reference/audit: each count that was shown
// is a vector of 0 and 1 over the participants. If the count of a set follows from
// counts that were shown, by linear algebra and by counts not being negative, for
// someone who does not know who is in which set, then the set's vector is in their
// span. So History keeps vectors of 1 to Limit participants out of the span. It
// tests, for a new set, what the span leaves of it, which is 0 at the pivots of the
// span, one participant for each dimension:
//
//   - a new vector of 1 to Limit participants in the span that has no pivot is a
//     multiple of that rest, which then has few nonzero participants, and so few
//     nonzero parts. This misses none.
//   - one with pivots is the sum of their lines, after the rest has become one. A
//     vector in the span contains all who have the same history or none of them, so
//     that a pivot can be in a small set only if few have its history. Every such line
//     is tried by itself, with every other, and with every other and a new one; of the
//     lines whose pivots lie close to the new set, and of those of fewest participants,
//     choices of four and, of fewer lines, of more.
//   - one that is the difference of two sets that were shown, of which one lies within the
//     other, is always found where neither followed from those before it, or both have
//     fewer than 1,008 times Limit participants.
//   - one that follows from up to 64 facts within one set, or from all facts where they are
//     no more and the participants few, is looked for without pivots: of sums and
//     differences of up to four facts this misses one in some thousand, of others none,
//     where there is time for all.
//   - one that was asked for and hidden, now or before, is known, and so are its lines,
//     however many: it is tested, and so are unions of up to four (of few, of more) of
//     those that the question asks for and of those that have most pivots, 126 together.
//
// So a set can be missed that nobody asked for, that does not follow from the facts within
// one set alone, and that has in each of the two bases of the span, which draw their pivots
// in secret, five pivots or more, or three that do not lie close to the new set. Of pairs
// one in some thousand is missed in a basis, and of choices of more more are: those of which
// no part that is looked at is free of the set and has something of both halves.
//
// All of it is computed modulo secret primes of about 2²⁹, one to a basis: what depends
// over the rationals depends modulo each. Nothing is taken for derivable, and so shown
// without being remembered, that does not depend modulo both.
//
// Sums of a variable are vectors in a span of their own. Counts that are not shown
// exactly, bounds, and what someone knows from elsewhere are not tested.
//
// What is answered depends on the seed, on the facts that were answered before, and on
// the question without what is withheld of it; not on when it was asked, or on whether the
// facts were recalled.
//
// Its methods may be called by one goroutine at a time.
type History struct {
	options HistoryOptions
	sketch  sketcher
	spaces  map[string]*space // by variable; counts under ""
	targets *targets
	now     []int32        // the targets that the question asks for
	settled sync.WaitGroup // of what the last question left to do
	stats   Stats
}

// HistoryOptions are what a history is about.
type HistoryOptions struct {
	Participants int
	Limit        int64  // a set of 1 to Limit participants is protected
	Band         int64  // and, so that it could as well be larger, one of up to Limit+Band
	Seed         uint64 // of the secret choices
	Most         int    // facts of which none follows from the others; 0 for MostFacts
}

// MostFacts is how many facts are kept, of which none follows from the others, of counts or
// of a variable: their combinations take 8 bytes for each two, 1.2 GB.
const MostFacts = 12_000

// Question is a table that is to be shown: its numbers, and the sets that they give
// away.
type Question struct {
	Sets    []*Set
	Numbers []Given
}

// Given is what a number gives away.
type Given struct {
	Sets   []int  // whose counts
	Sum    string // a variable of which it gives the sum away; "" for none
	Over   []int  // sets of participants over whom the sum is; nil for Sets
	Hidden bool   // it is not shown, for other reasons
}

// Answer is which numbers may be shown.
type Answer struct {
	Shown []bool   // by number
	Why   []Reason // by number
	Facts []Fact   // what is known from now on, that was not
}

// Fact is a set of which the count is known, or the sum of a variable; or a small one
// that was asked for and hidden. Recall takes one that another History answered with.
type Fact struct {
	Sum     string // "" for the count
	Set     *Set
	Hidden  bool
	Follows bool // from those before it
}

// Reason is why a number is withheld.
type Reason int

// The reasons.
const (
	Free      Reason = iota // it is shown
	Elsewhere               // hidden for other reasons
	Small                   // its set is of 1 to Limit participants
	Derivable               // with what has been shown, it would give a small set away
	Budget                  // that could not be decided in time
	Full                    // so much has been shown that what follows with more cannot be decided
)

// Stats is what a history has become.
type Stats struct {
	Rank           int           // of the facts
	Bytes          int64         // about
	Decide, Settle time.Duration // of the last question
}

// NewHistory begins a history in which nothing has been shown.
func NewHistory(o HistoryOptions) *History {
	o.Most = cmp.Or(o.Most, MostFacts)
	h := &History{options: o, sketch: newSketcher(o.Seed, int(o.Limit+o.Band)), spaces: map[string]*space{}, targets: newTargets()}
	h.sketch.draw(o.Participants)
	return h
}

func (h *History) space(variable string) *space {
	s := h.spaces[variable]
	if s == nil {
		s = newSpace(h, variable)
		h.spaces[variable] = s
	}
	return s
}

// limit is the size of the largest set that must not be derivable.
func (h *History) limit() int { return int(h.options.Limit + h.options.Band) }

func (h *History) small(s *Set) bool { return s.Len() > 0 && s.Len() <= h.limit() }

// Shown says whether the count of a set has been shown, or follows from what has.
func (h *History) Shown(s *Set) bool {
	h.settled.Wait()
	return s.Len() == 0 || h.space("").explains(s, h.sketch.of(s))
}

// Ask decides which numbers of a table may be shown, and remembers those: the
// largest first, so that totals stand before their parts.
func (h *History) Ask(q *Question) *Answer {
	a, _ := h.AskContext(context.Background(), q, nil)
	return a
}

// AskContext is Ask until ctx is done; progress is told how many numbers have been
// decided. When it ends early, what was decided until then is remembered, and the
// answer says so.
func (h *History) AskContext(ctx context.Context, q *Question, progress func(done, total int)) (*Answer, error) {
	h.settled.Wait()
	start := time.Now()
	out := &Answer{Shown: make([]bool, len(q.Numbers)), Why: make([]Reason, len(q.Numbers))}
	sketches := make([]weighed, len(q.Sets))
	each(len(q.Sets), func(i int) { sketches[i] = h.sketch.of(q.Sets[i]) })
	out.Facts = h.aim(q)
	done := 0
	decided := func(n int) {
		if done += n; progress != nil {
			progress(done, len(q.Numbers))
		}
	}
	for some := range slices.Chunk(largestFirst(q), atOnce) {
		for _, s := range h.spaces {
			s.shorten()
		}
		h.decide(some, h.mark(), out, decided, func(i int) Reason {
			switch n := &q.Numbers[i]; {
			case ctx.Err() != nil:
				return Budget
			case n.Hidden:
				return Elsewhere
			default:
				return h.give(q, n, sketches)
			}
		})
	}
	out.Facts = append(out.Facts, h.facts()...)
	h.stats.Decide = time.Since(start)
	h.settled.Go(h.settle)
	return out, ctx.Err()
}

// facts is what has been added to the spans since the last settling.
func (h *History) facts() (out []Fact) {
	for _, variable := range slices.Sorted(maps.Keys(h.spaces)) {
		for _, s := range h.spaces[variable].fresh {
			out = append(out, Fact{Sum: variable, Set: s.Set, Follows: s.follows})
		}
	}
	return out
}

// Recall remembers facts that were answered before, without deciding on them.
func (h *History) Recall(facts []Fact) {
	h.settled.Wait()
	for part := range slices.Chunk(facts, mostPending) {
		for _, f := range part {
			switch {
			case f.Hidden:
				h.targets.add(f.Set, h.sketch)
			case f.Follows:
				h.space(f.Sum).note(f.Set)
			default:
				h.space(f.Sum).recall(f.Set, h.sketch.of(f.Set))
			}
		}
		h.settle()
	}
}

// Grow says that there are more participants than there were.
func (h *History) Grow(participants int) {
	h.settled.Wait()
	h.options.Participants = participants
	h.sketch.draw(participants)
	for _, s := range h.spaces {
		s.classes.grow(participants)
		for _, b := range s.bases {
			b.grow(participants)
		}
	}
}

// aim remembers the small sets of a question, and returns those that are new.
func (h *History) aim(q *Question) (fresh []Fact) {
	h.now = nil
	for size := 1; size <= h.limit(); size++ {
		for _, s := range q.Sets {
			if s.Len() != size {
				continue
			}
			number, is := h.targets.add(s, h.sketch)
			if is {
				fresh = append(fresh, Fact{Set: s, Hidden: true})
			}
			if !slices.Contains(h.now, number) {
				h.now = append(h.now, number)
			}
		}
	}
	return fresh
}

func largestFirst(q *Question) []int {
	order, largest := make([]int, len(q.Numbers)), make([]int, len(q.Numbers))
	for i, n := range q.Numbers {
		order[i] = i
		for _, s := range n.Sets {
			largest[i] = max(largest[i], q.Sets[s].Len())
		}
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(largest[j], largest[i]) })
	return order
}

// atOnce is how many numbers are decided before it is looked for what they bring.
const atOnce = 32

// decide decides some numbers: they are shown, and then it is looked for what they bring,
// with those that were decided since a mark. If that is anything, half of them are decided,
// and then the others.
func (h *History) decide(some []int, since marks, out *Answer, decided func(n int), give func(i int) Reason) {
	before := h.mark()
	for _, i := range some {
		out.Why[i] = give(i)
	}
	if why := h.crowded(before, since); why != Free {
		for variable, s := range h.spaces {
			s.undo(before[variable])
		}
		if half := len(some) / 2; half > 0 {
			h.decide(some[:half], since, out, decided, give)
			h.decide(some[half:], since, out, decided, give)
			return
		}
		out.Why[some[0]] = why
	}
	for _, i := range some {
		out.Shown[i] = out.Why[i] == Free
	}
	decided(len(some))
}

// marks is how much of each space there is.
type marks map[string]int

func (h *History) mark() marks {
	out := marks{}
	for variable, s := range h.spaces {
		out[variable] = s.mark()
	}
	return out
}

// crowded looks for what the sets bring that have been shown since, in the spaces in which
// some are later than before.
func (h *History) crowded(before, since marks) Reason {
	for _, variable := range slices.Sorted(maps.Keys(h.spaces)) {
		s := h.spaces[variable]
		if s.mark() == before[variable] {
			continue
		}
		if why := s.crowded(s.fresh[since[variable]:]); why != Free {
			return why
		}
	}
	return Free
}

// give decides one number: all that it gives away is shown, or nothing.
func (h *History) give(q *Question, n *Given, sketches []weighed) Reason {
	over := n.Over
	if over == nil && n.Sum != "" {
		over = n.Sets
	}
	counts, sums := h.space(""), h.space(n.Sum)
	before, beforeSums := counts.mark(), sums.mark()
	why := Free
	for _, i := range n.Sets {
		if why == Free {
			why = counts.show(q.Sets[i], sketches[i])
		}
	}
	for _, i := range over {
		if why == Free {
			why = sums.show(q.Sets[i], sketches[i])
		}
	}
	if why != Free {
		counts.undo(before)
		sums.undo(beforeSums)
	}
	return why
}

// settle does what need not be done before an answer is shown.
func (h *History) settle() {
	start := time.Now()
	for _, s := range h.spaces {
		s.settle()
	}
	h.stats.Settle = time.Since(start)
}

// Stats says what the history has become.
func (h *History) Stats() Stats {
	h.settled.Wait()
	out := h.stats
	for _, s := range h.spaces {
		rank := len(s.bases[0].facts)
		out.Rank = max(out.Rank, rank)
		out.Bytes += int64(4*bases*rank*(rank+2*h.sketch.parts+2*poolParts)) + 4*int64(h.options.Participants)
		for _, f := range s.bases[0].facts {
			out.Bytes += int64(4*len(f.list) + 8*len(f.words))
		}
	}
	return out
}
