package engine

import (
	"fmt"
	"slices"
	"strconv"

	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/datasets/tally"
)

// expansion is what keys that are splits make of a block of participants: entries,
// one for each participant and each group of the splits that an event of theirs
// falls in. Columns of one value a group are evaluated for entries as others are
// for participants.
type expansion struct {
	compiler *compiler // of entries
	order    []*splitKey
	groups   int // of all splits together
	sources  []*splitSource
	drop     bool // leave out events that miss a label
	hold     func(*block) *expander
}

// splitKey is one split. A group of all splits is a number to which each
// contributes its label's index, or the index behind the last label for missing,
// times its step.
type splitKey struct {
	plan   *plan.Node
	labels []string
	closed bool
	step   int
	field  *labelling // of a split by a field
	events *plan.Node // what a split by a field splits
	total  bool       // its labels make no difference
}

// size is the number of places: the labels, and missing.
func (k *splitKey) size() int {
	if k.total {
		return 1
	}
	return len(k.labels) + 1
}

// place is where an event of a label, or behind the labels of none, stands in a
// group's number.
func (k *splitKey) place(label int32, drop bool) int32 {
	switch {
	case label < 0 || drop && int(label) == len(k.labels):
		return -1
	case k.total:
		return 0
	}
	return label
}

// splitSource is events, or time at risk, whose groups make entries.
type splitSource struct {
	id plan.ID
	// rows gives who and in which group, -1 for none.
	rows func(b *block) (who, group []int32)
}

// expansion compiles splits; those of mask are totalled. users are the keys and
// statistics that use it.
func (c *compiler) expansion(splits, users []*plan.Node, mask int, drop bool) (*expansion, error) {
	ex := &expansion{groups: 1, drop: drop, hold: held[expander](c)}
	ex.compiler = &compiler{Engine: c.Engine, shared: c.shared, done: map[key]any{}, plain: c, ex: ex}
	for i, n := range splits {
		k, err := c.splitKey(n)
		if err != nil {
			return nil, err
		}
		k.total = mask>>i&1 == 1
		ex.order = append(ex.order, k)
	}
	for i := len(ex.order) - 1; i >= 0; i-- {
		ex.order[i].step = ex.groups
		ex.groups *= ex.order[i].size()
	}
	return ex, c.addSources(ex, users)
}

// splitKey compiles what a split is by.
func (c *compiler) splitKey(n *plan.Node) (*splitKey, error) {
	k := &splitKey{plan: n, closed: true}
	switch n.Op() {
	case "Days", "Months", "Years":
		labels, err := n.Periods()
		k.labels = labels
		return k, err
	case "Since":
		for i := range n.Int(2) {
			k.labels = append(k.labels, strconv.Itoa(i+1))
		}
		return k, nil
	case "Answers":
		survey, err := plan.Root("Survey", n.Args()...)
		if err != nil {
			return nil, err
		}
		ev, err := c.events(survey)
		if err != nil {
			return nil, err
		}
		k.events, k.closed = survey, false
		k.field, err = c.answerLabels(n, ev)
		if err == nil {
			k.labels = k.field.labels
		}
		return k, err
	}
	ev, err := c.events(n.Recv())
	if err != nil {
		return nil, err
	}
	k.events, k.closed = n.Recv(), false
	if k.field, err = c.labelled(n, ev, fieldOf(n, ev)); err != nil {
		return nil, err
	}
	k.labels = k.field.labels
	return k, nil
}

// answerLabels is the labels of the answers to a question.
func (c *compiler) answerLabels(n *plan.Node, ev *events) (*labelling, error) {
	const field = "answer_concept_id"
	dictionary := ev.dictionary(field)
	if dictionary == nil {
		return nil, cannot(n, "the answers have no labels")
	}
	used := answersTo(ev.table, ev.Concept, field, ids(n))
	return conceptLabels(field, dictionary, func(code int) bool { return used[code] }, func(id int32) string {
		return AnswerLabel(c.vocabulary.name(id))
	}), nil
}

// addSources finds the events whose groups make entries: those that Per splits, and
// those that a split by a field splits.
func (c *compiler) addSources(ex *expansion, users []*plan.Node) error {
	var add []*plan.Node
	for _, n := range users {
		var mistake error
		n.Walk(func(m *plan.Node) {
			switch {
			case m.Op() == "Per" && !ex.same(m.Nodes(0)):
				mistake = &plan.Error{Op: "Per", Msg: "the splits are not those of By", Way: "name the same splits in .Per(…) and in .By(…)", At: m.At()}
			case m.Op() == "Per":
				add = append(add, m.Recv())
			case m.Op() == "Rate":
				ex.sources = append(ex.sources, nil) // time at risk; rate fills it in
			}
		})
		if mistake != nil {
			return mistake
		}
	}
	for _, k := range ex.order {
		if k.events != nil {
			add = append(add, k.events)
		}
	}
	if len(add) == 0 && len(ex.sources) == 0 {
		return &plan.Error{Op: "By", Msg: "no events fall in the periods", Way: "summarise a value of events.Per(…)", At: ex.order[0].plan.At()}
	}
	ex.sources = slices.DeleteFunc(ex.sources, func(s *splitSource) bool { return s == nil })
	for _, n := range add {
		if slices.ContainsFunc(ex.sources, func(s *splitSource) bool { return s.id == n.ID() }) {
			continue
		}
		s, err := c.eventSource(ex, n)
		if err != nil {
			return err
		}
		ex.sources = append(ex.sources, s)
	}
	return nil
}

// same says whether the splits are those of the keys, in any order.
func (ex *expansion) same(splits []*plan.Node) bool {
	for _, s := range splits {
		if !slices.ContainsFunc(ex.order, func(k *splitKey) bool { return k.plan.ID() == s.ID() }) {
			return false
		}
	}
	return len(splits) == len(ex.order)
}

// eventSource is events by the groups that they fall in.
func (c *compiler) eventSource(ex *expansion, n *plan.Node) (*splitSource, error) {
	ev, err := c.events(n)
	if err != nil {
		return nil, err
	}
	type coder = func(b *block, s selection) func(i int, row int32) int32
	var coders []coder
	for _, k := range ex.order {
		code, err := c.coder(k, ev, n)
		if err != nil {
			return nil, err
		}
		coders = append(coders, code)
	}
	groups := held[[]int32](c)
	return &splitSource{n.ID(), func(b *block) ([]int32, []int32) {
		s := ev.rows(b)
		out := slices.Grow((*groups(b))[:0], len(s.rows))[:len(s.rows)]
		*groups(b) = out
		clear(out)
		if s.source == nil {
			return nil, nil
		}
		for j, k := range ex.order {
			code := coders[j](b, s)
			for i, r := range s.rows {
				if p := k.place(code(i, r), ex.drop); p < 0 {
					out[i] = -1
				} else if out[i] >= 0 {
					out[i] += p * int32(k.step)
				}
			}
		}
		return s.who, out
	}}, nil
}

// coder gives the position of a row among a split's labels, or behind them; -1
// where it is in no period.
func (c *compiler) coder(k *splitKey, ev *events, n *plan.Node) (func(*block, selection) func(int, int32) int32, error) {
	if k.field != nil {
		of, err := c.events(k.events)
		if err != nil {
			return nil, err
		}
		if of.table != ev.table {
			return nil, &plan.Error{Op: "By", Msg: fmt.Sprintf("events of %s have no %s of %s", ev.Table, k.plan.Name(), of.Table), Way: "split events of one kind", At: k.plan.At()}
		}
		missing := int32(len(k.labels))
		return func(_ *block, s selection) func(int, int32) int32 {
			v := s.Int32(k.field.field)
			return func(_ int, row int32) int32 {
				if code := k.field.code(v[row]); code >= 0 {
					return code
				}
				return missing
			}
		}, nil
	}
	if k.plan.Op() == "Since" {
		moment, err := c.moments(k.plan.Node(0))
		if err != nil {
			return nil, err
		}
		days, periods := int64(k.plan.Int(1)), int64(k.plan.Int(2))
		return func(b *block, s selection) func(int, int32) int32 {
			at, when := moment(b), s.Int32(ev.Start)
			return func(i int, row int32) int32 {
				m, d := at[s.who[i]], when[row]
				since := int64(d) - int64(m)
				if m == store.Missing || d == store.Missing || since < 0 || since/days >= periods {
					return -1
				}
				return int32(since / days)
			}
		}, nil
	}
	period, _ := calendarPeriods(k.plan)
	return func(_ *block, s selection) func(int, int32) int32 {
		when := s.Int32(ev.Start)
		return func(_ int, row int32) int32 {
			if when[row] == store.Missing {
				return -1
			}
			return period(when[row])
		}
	}, nil
}

// calendarPeriods gives the position of a day among Days, Months or Years, -1 for
// none, and the first day of each period, with the one behind the last.
func calendarPeriods(n *plan.Node) (func(day int32) int32, []int32) {
	var starts []int32
	labels, _ := n.Periods()
	parse := func(label string) (y, m, d int) {
		m, d = 1, 1
		fmt.Sscanf(label, "%d-%d-%d", &y, &m, &d)
		return y, m, d
	}
	for _, label := range labels {
		starts = append(starts, dayOf(parse(label)))
	}
	y, m, d := parse(labels[len(labels)-1])
	switch n.Op() {
	case "Years":
		y++
	case "Months":
		m++
	default:
		d++
	}
	starts = append(starts, dayOf(y, m, d))
	y0, m0, _ := parse(labels[0])
	of := func(d int32) int32 { return d - starts[0] }
	switch n.Op() {
	case "Years":
		of = func(d int32) int32 { y, _, _ := civil(d); return int32(y - y0) }
	case "Months":
		of = func(d int32) int32 { y, m, _ := civil(d); return int32(12*(y-y0) + m - m0) }
	}
	return func(d int32) int32 {
		if d < starts[0] || d >= starts[len(starts)-1] {
			return -1
		}
		return of(d)
	}, starts
}

// expander is a worker's entries.
type expander struct {
	block
	where []int32 // of each group, the entry of the participant at hand
	whose []int32 // of each group, the participant that has one
	some  []int32 // the groups of the participant at hand
}

// expand makes the entries of a block: in the order of the participants, and of
// the groups of each.
func (ex *expansion) expand(b *block) *block {
	x := ex.hold(b)
	if x.expanded == nil {
		x.block = *newBlock(len(b.slots))
		x.expanded = &expanded{entry: make([][]int32, len(ex.sources))}
		x.where, x.whose = make([]int32, ex.groups), make([]int32, ex.groups)
	}
	x.base, x.stride, x.first = b, b.stride, b.first
	x.turn++
	x.owner, x.code = x.owner[:0], x.code[:0]
	clear(x.whose)
	who, group := make([][]int32, len(ex.sources)), make([][]int32, len(ex.sources))
	next := make([]int, len(ex.sources))
	for s, src := range ex.sources {
		who[s], group[s] = src.rows(b)
		x.entry[s] = slices.Grow(x.entry[s][:0], len(who[s]))[:len(who[s])]
	}
	for p := range int32(b.n) {
		x.some = x.some[:0]
		for s := range ex.sources {
			for k := next[s]; k < len(who[s]) && who[s][k] == p; k++ {
				if g := group[s][k]; g >= 0 && x.whose[g] != p+1 {
					x.whose[g] = p + 1
					x.some = append(x.some, g)
				}
			}
		}
		slices.Sort(x.some)
		for _, g := range x.some {
			x.where[g] = int32(len(x.owner))
			x.owner, x.code = append(x.owner, p), append(x.code, g)
		}
		for s := range ex.sources {
			for ; next[s] < len(who[s]) && who[s][next[s]] == p; next[s]++ {
				x.entry[s][next[s]] = -1
				if g := group[s][next[s]]; g >= 0 {
					x.entry[s][next[s]] = x.where[g]
				}
			}
		}
	}
	x.n = len(x.owner)
	return &x.block
}

// addCells adds a split's part to the entries' cells.
func (ex *expansion) addCells(b *block, k *splitKey, step int, cell []int32) {
	for i, g := range b.code {
		if cell[i] >= 0 {
			cell[i] += g / int32(k.step) % int32(k.size()) * int32(step)
		}
	}
}

// countRows counts events instead of entries: those that the first split by a field
// splits, else all that make entries.
func (ex *expansion) countRows(b *block, cell []int32, all []tally.Set) {
	for _, k := range cell {
		if k >= 0 {
			all[k].Rows--
		}
	}
	own := -1
	for _, k := range ex.order {
		if k.events != nil {
			own = slices.IndexFunc(ex.sources, func(s *splitSource) bool { return s.id == k.events.ID() })
			break
		}
	}
	for s, entries := range b.entry {
		if own >= 0 && s != own {
			continue
		}
		for _, e := range entries {
			if e >= 0 && cell[e] >= 0 {
				all[cell[e]].Rows++
			}
		}
	}
}

// splitEvents compiles events.Per(…) for entries.
func (c *compiler) splitEvents(n *plan.Node) (*events, error) {
	if n.Op() != "Per" {
		return nil, &plan.Error{Op: n.Op(), Msg: "the events are split already", Way: "write .Per(…) last, directly before what is made of the values"}
	}
	plain, err := c.plain.events(n.Recv())
	if err != nil {
		return nil, err
	}
	src := slices.IndexFunc(c.ex.sources, func(s *splitSource) bool { return s.id == n.Recv().ID() })
	out := *plain
	out.scan = nil
	out.rows = selecting(c, func(b *block, to selection) selection {
		s := plain.rows(b.base)
		to.source = s.source
		for k, r := range s.rows {
			if e := b.entry[src][k]; e >= 0 {
				to.rows, to.who = append(to.rows, r), append(to.who, e)
			}
		}
		return to
	})
	return &out, nil
}
