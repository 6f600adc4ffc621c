package guard

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"

	"weir/datasets/tally"
	"weir/guard/audit"
	"weir/guard/rules"
)

var errMembers = errors.New("a table that does not say who is counted in it cannot be audited, and is not released")

// recall finds what of a table the workspace has been shown before: it is shown
// again, and is no help in hiding something else.
func (g *Guard) recall(lo *lowering, t *tally.Table) (*asked, error) {
	if g.history == nil {
		return nil, nil
	}
	if t.Members == nil {
		return nil, errMembers
	}
	q := &asked{Table: t, index: map[place]int{}}
	for c, where := range lo.places {
		if where.fact != sum && (lo.system.Count[c] > 0 || where.stat < 0) {
			q.set(where)
		}
	}
	shown := g.history.shown(q.sets(g.history))
	lo.system.Fixed, lo.own = make([]bool, len(lo.system.Count)), len(lo.hidden)
	for c, where := range lo.places {
		if k, ok := q.index[where]; ok && shown[k] && !lo.sensitive[c] {
			lo.system.Fixed[c] = true
			lo.show(c)
		}
	}
	return q, nil
}

// remember asks the history for what a table is about to show, hides what it
// withholds, and says so.
func (g *Guard) remember(ctx context.Context, q *asked, lo *lowering, gone []bool) (note string, err error) {
	if q == nil {
		return "", nil
	}
	for at, cells := range lo.gives {
		n := audit.Given{Hidden: gone[at]}
		for _, c := range cells {
			where, ok := lo.places[c]
			switch {
			case !ok:
				return "", errMembers
			case where.fact == sum:
				n.Sum, n.Over = q.variable(where), append(n.Over, q.set(where))
			default:
				n.Sets = append(n.Sets, q.set(where))
			}
		}
		q.numbers = append(q.numbers, n)
	}
	q.values(lo)
	answer, err := g.history.ask(ctx, q.question(g.history))
	if err != nil {
		return "", err
	}
	for at, shown := range answer.Shown {
		gone[at] = gone[at] || !shown
	}
	return withheld(answer), nil
}

// withheld says in words why an answer is not whole.
func withheld(a *audit.Answer) string {
	switch {
	case slices.Contains(a.Why, audit.Derivable):
		return "Numbers are hidden that would give a small count away together with what this workspace has been shown before. " +
			"What was shown stays so: ask of the same participants again, with wider bands, or exclude missing values before the first count."
	case slices.Contains(a.Why, audit.Full):
		return "Numbers are hidden since this workspace has been shown as many as can be checked together. " +
			"What was shown, and what follows from it, stays so; for more, ask an administrator for another workspace."
	case slices.Contains(a.Why, audit.Budget):
		return "Numbers are hidden of which it could not be decided in time whether they give a small count away together with what has been shown before; ask again."
	}
	return ""
}

// sum and known are facts that every value of a Number has.
const (
	sum   = "sum"
	known = "known"
)

// asked is a table as a question to the history.
type asked struct {
	*tally.Table
	places  []place
	index   map[place]int
	numbers []audit.Given

	found []*audit.Set // by place
}

func (q *asked) set(p place) int {
	k, ok := q.index[p]
	if !ok {
		k = len(q.places)
		q.places, q.index[p] = append(q.places, p), k
	}
	return k
}

// values says of the numbers that are made of values, and are no sums, what they
// are taken as: a quantile as the sum of what it is a quantile of, a rate as that of
// the time at risk.
func (q *asked) values(lo *lowering) {
	for i, group := range lo.groups {
		for j, numbers := range group.numbers {
			switch op := q.Stats[j].Op(); op {
			case "Median", "Quantile", "Quartiles", "Box", "Rate":
				for k, at := range numbers {
					if op != "Rate" || k > 0 {
						where := place{i, j, known}
						q.numbers[at].Sum, q.numbers[at].Over = op+" "+q.variable(where), []int{q.set(where)}
					}
				}
			}
		}
	}
}

// variable is what a statistic of a group is of. The value of a participant can
// depend on the group of a split.
func (q *asked) variable(p place) string {
	stat := q.Stats[p.stat]
	id := stat.ID().String()
	if x := stat.Recv(); x != nil && x.Kind() == "Number" {
		id = x.ID().String()
	}
	if splits(stat) || stat.Op() == "Rate" {
		for k, key := range q.Keys {
			if !key.Additive {
				id += "\x00" + q.Groups[p.group].Labels[k]
			}
		}
	}
	return id
}

// question is the table as the history takes it.
func (q *asked) question(h *History) *audit.Question {
	return &audit.Question{Sets: q.sets(h), Numbers: q.numbers}
}

// sets is the participants of the places, each found once.
func (q *asked) sets(h *History) []*audit.Set {
	members := make([][]int32, len(q.places))
	takers := make([][]taker, len(q.Groups)) // by group
	for k, p := range q.places[len(q.found):] {
		takers[p.group] = append(takers[p.group], taker{q.test(p), &members[len(q.found)+k]})
	}
	for part, chunks := range q.Members.Parts {
		if groups := q.groupsOf(part, takers); groups != nil {
			for i := range chunks {
				takeAll(&chunks[i], groups)
			}
		}
	}
	for _, m := range members[len(q.found):] {
		q.found = append(q.found, h.set(slices.Compact(m)))
	}
	return q.found
}

// taker takes the participants of a place.
type taker struct {
	test
	members *[]int32
}

// groupsOf is the takers of a part, by cell.
func (q *asked) groupsOf(part int, takers [][]taker) [][]taker {
	var out [][]taker
	for g, in := range q.Members.Groups {
		if in.Part != part || len(takers[g]) == 0 {
			continue
		}
		for _, c := range in.Cells {
			if n := int(c) + 1 - len(out); n > 0 {
				out = append(out, make([][]taker, n)...)
			}
			out[c] = append(out[c], takers[g]...)
		}
	}
	return out
}

func takeAll(e *tally.Entries, byCell [][]taker) {
	for i, c := range e.Cell {
		if c < 0 || int(c) >= len(byCell) {
			continue
		}
		p := e.First + int32(i)
		if e.Who != nil {
			p = e.Who[i]
		}
		for _, t := range byCell[c] {
			if t.stat < 0 || t.passes(e.Codes[t.stat][i]) {
				*t.members = append(*t.members, p)
			}
		}
	}
}

// test says which codes of a statistic are those of a fact: low to high, but one.
type test struct {
	stat      int // −1 for everybody
	low, high int32
	but       int32
}

func (t test) passes(code int32) bool { return t.low <= code && code <= t.high && code != t.but }

// test is that of a place.
func (q *asked) test(p place) test {
	label, isLabel := strings.CutPrefix(p.fact, "label ")
	yes := int32(tally.True)
	if p.stat >= 0 && q.Stats[p.stat].Recv() != nil && q.Stats[p.stat].Recv().Kind() == "Number" {
		yes = tally.CodeOf(rules.Within(q.Groups, p.stat).High)
	}
	const nothing = math.MinInt32
	switch {
	case p.stat < 0:
		return test{stat: -1}
	case isLabel:
		k := int32(slices.Index(partsOf(q.Table, p.stat).Labels, label))
		return test{p.stat, k, k, nothing}
	case p.fact == "missing":
		return test{p.stat, tally.None, tally.None, nothing}
	case p.fact == "true":
		return test{p.stat, yes, yes, nothing}
	case p.fact == "false":
		return test{p.stat, 0, math.MaxInt32, yes}
	}
	return test{p.stat, 0, math.MaxInt32, nothing}
}

// rememberSteps asks the history for the steps of a cohort, and hides those that it
// withholds, and says so.
func (g *Guard) rememberSteps(ctx context.Context, t *tally.Table, safe []bool) (note string, err error) {
	if g.history == nil {
		return "", nil
	}
	if t.Members == nil {
		return "", errMembers
	}
	q := &asked{Table: t, index: map[place]int{}}
	for i := range t.Groups {
		q.numbers = append(q.numbers, audit.Given{Sets: []int{q.set(place{i, -1, ""})}, Hidden: !safe[i]})
	}
	answer, err := g.history.ask(ctx, q.question(g.history))
	if err != nil {
		return "", err
	}
	for i, shown := range answer.Shown {
		safe[i] = safe[i] && shown
	}
	return withheld(answer), nil
}
