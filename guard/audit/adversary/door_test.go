// Package adversary tests the audit across answers from outside, and holds nothing
// but tests. It knows the guard by one door, Ask, and shares no code with it: not the
// prime, not the elimination, not the order of things. Begin with property_test.go,
// where small worlds are judged exactly.
//
// Two sides look at a history of answers. The judge (judge_test.go) knows who is in
// every set and asks whether a set of 1 to 20 participants lies in the row space of
// what was shown, which is more than an attacker can know. The attacker (logic_test.go)
// knows predicates, plans, numbers, zeros and refusals, and works with those.
package adversary

import (
	"math/bits"

	"weir/guard/audit"
)

// people is a set of participants, a bit each.
type people []uint64

func nobody(n int) people { return make(people, (n+63)/64) }

func everybody(n int) people {
	p := nobody(n)
	for i := range n {
		p.add(i)
	}
	return p
}

func (p people) add(i int)      { p[i>>6] |= 1 << (i & 63) }
func (p people) has(i int) bool { return p[i>>6]>>(i&63)&1 == 1 }

func (p people) count() (n int) {
	for _, w := range p {
		n += bits.OnesCount64(w)
	}
	return n
}

func (p people) members() []int32 {
	out := make([]int32, 0, p.count())
	for k, w := range p {
		for ; w != 0; w &= w - 1 {
			out = append(out, int32(k<<6+bits.TrailingZeros64(w)))
		}
	}
	return out
}

func (p people) with(q people, word func(a, b uint64) uint64) people {
	out := make(people, len(p))
	for k := range p {
		out[k] = word(p[k], q[k])
	}
	return out
}

func (p people) and(q people) people {
	return p.with(q, func(a, b uint64) uint64 { return a & b })
}
func (p people) or(q people) people { return p.with(q, func(a, b uint64) uint64 { return a | b }) }
func (p people) without(q people) people {
	return p.with(q, func(a, b uint64) uint64 { return a &^ b })
}

// question is a table as the door takes it.
type question struct {
	sets    []people
	numbers []number
}

// number is one number of a table: it gives the counts of its sets away and, with a
// variable, the variable's sums over them, or over others.
type number struct {
	sets   []int
	sum    string
	over   []int // nil for sets
	hidden bool
}

// summed is the sets over which a number gives a sum away.
func (n number) summed() []int {
	if n.sum != "" && n.over == nil {
		return n.sets
	}
	return n.over
}

// counts is the table that shows the count of each set.
func counts(sets ...people) *question {
	q := &question{sets: sets}
	for i := range sets {
		q.numbers = append(q.numbers, number{sets: []int{i}})
	}
	return q
}

// a door decides which numbers of a question are shown.
type door interface {
	ask(q *question) []bool
}

// terms are the rules of a door.
type terms struct {
	participants, limit, band int
	seed                      uint64
}

// guarded is the audit across answers.
type guarded struct {
	*audit.History
	participants int
}

func guard(t terms) door {
	return guarded{audit.NewHistory(audit.HistoryOptions{
		Participants: t.participants, Limit: int64(t.limit), Band: int64(t.band), Seed: t.seed,
	}), t.participants}
}

func (d guarded) ask(q *question) []bool { return d.Ask(d.translate(q)).Shown }

func (d guarded) translate(q *question) *audit.Question {
	out := &audit.Question{}
	for _, p := range q.sets {
		out.Sets = append(out.Sets, audit.NewSet(d.participants, p.members()))
	}
	for _, n := range q.numbers {
		out.Numbers = append(out.Numbers, audit.Given{Sets: n.sets, Sum: n.sum, Over: n.over, Hidden: n.hidden})
	}
	return out
}

// thresholdOnly looks at each number alone, as every system that is in use does. It is
// the control of the tests here: what does not convict it proves nothing.
type thresholdOnly struct{ terms }

func (d thresholdOnly) ask(q *question) []bool {
	shown := make([]bool, len(q.numbers))
	for i, n := range q.numbers {
		shown[i] = !n.hidden
		for _, s := range n.sets {
			if c := q.sets[s].count(); c > 0 && c <= d.limit {
				shown[i] = false
			}
		}
	}
	return shown
}

// silent shows nothing, which is safe and useless: the control of the tests that ask
// what the audit costs.
type silent struct{}

func (silent) ask(q *question) []bool { return make([]bool, len(q.numbers)) }
