package engine

import (
	"fmt"
	"math"

	"weir/datasets/plan"
	"weir/datasets/tally"
)

// tabulation is a compiled Table.
type tabulation interface {
	accumulator() accumulator
	take(*block, *accumulator)
	table(accumulator) *tally.Table
}

// accumulator is the counts and sums of cells, cell by cell, and within a cell
// statistic by statistic.
type accumulator struct {
	all    []tally.Set
	values []tally.Value
}

func (a *accumulator) add(b *accumulator) {
	for i := range a.all {
		addSet(&a.all[i], b.all[i])
	}
	for i := range a.values {
		v, w := &a.values[i], b.values[i]
		addSet(&v.Known, w.Known)
		addSet(&v.True, w.True)
		v.Sum += w.Sum
	}
}

func addSet(s *tally.Set, t tally.Set) {
	s.Participants += t.Participants
	s.Rows += t.Rows
}

func (c *compiler) tabulation(n *plan.Node) (tabulation, error) {
	recv := n.Recv()
	switch n.Op() {
	case "Attrition":
		co, err := c.cohort(recv)
		if err != nil {
			return nil, err
		}
		return &attrition{co.steps}, nil
	case "Count", "Summarise":
		var keys []*plan.Node
		if recv.Kind() == "Groups" {
			keys, recv = recv.Nodes(0), recv.Recv()
		}
		return c.grouping(recv, keys, n.Nodes(0))
	}
	return nil, unknownOp(n)
}

// grouping is a population by keys with statistics.
type grouping struct {
	in    column[int8]
	keys  []groupKey
	split *split // at most one key is one
	stats []statistic
	cells int
}

type groupKey struct {
	plan   *plan.Node
	codes  column[int32] // nil for the split
	labels []string      // the last is tally.Missing, but for the split
	closed bool
	step   int // how far apart in cells two labels are
}

// split is a key that rows have, not participants.
type split struct {
	rows  rowsOf
	codes func(concept int32) int32
	field string
}

const maxCells = 1 << 20

func (c *compiler) grouping(population *plan.Node, keys, stats []*plan.Node) (*grouping, error) {
	co, err := c.cohort(population)
	if err != nil {
		return nil, err
	}
	g := &grouping{in: co.in, cells: 1}
	for _, k := range keys {
		key, err := c.groupKey(k, g)
		if err != nil {
			return nil, err
		}
		g.keys = append(g.keys, key)
	}
	for i := len(g.keys) - 1; i >= 0; i-- {
		g.keys[i].step = g.cells
		g.cells *= len(g.keys[i].labels)
		if g.cells > maxCells {
			return nil, &plan.Error{Op: "By", Msg: "the table would have more than a million groups", Way: "use fewer keys or wider bands"}
		}
	}
	for _, s := range stats {
		st, err := c.statistic(s)
		if err != nil {
			return nil, err
		}
		g.stats = append(g.stats, st)
	}
	if g.split != nil && len(stats) > 0 {
		return nil, &plan.Error{Op: "Summarise", Msg: "a key with which a participant is in several groups can only be counted", Way: "use .Count()"}
	}
	return g, nil
}

func (c *compiler) groupKey(n *plan.Node, g *grouping) (groupKey, error) {
	key := groupKey{plan: n}
	switch n.Kind() {
	case "Split":
		if g.split != nil {
			return key, &plan.Error{Op: "By", Msg: "two keys with which a participant is in several groups", Way: "use one of them"}
		}
		var err error
		g.split, key.labels, err = c.eachConcept(n)
		return key, err
	case "Bool":
		x, err := c.truths(n)
		if err != nil {
			return key, err
		}
		key.labels, key.closed = []string{"no", "yes"}, true
		key.codes = vector(c, func(b *block, out []int32) {
			for i, v := range x(b) {
				out[i] = int32(v)
			}
		})
	default:
		cat, err := c.category(n)
		if err != nil {
			return key, err
		}
		key.labels, key.codes, key.closed = cat.labels, cat.codes, cat.closed
	}
	key.labels = append(key.labels[:len(key.labels):len(key.labels)], tally.Missing)
	return key, nil
}

func (c *compiler) eachConcept(n *plan.Node) (*split, []string, error) {
	ev, err := c.events(n.Recv())
	if err != nil {
		return nil, nil, err
	}
	if ev.concept == "" {
		return nil, nil, cannot(n, "%s has no concepts", ev.domain.table)
	}
	present, err := c.distinct(ev.domain.table, ev.concept, nil)
	if err != nil {
		return nil, nil, err
	}
	present = newConceptSet(append(present, 0))
	code := make(map[int32]int32, len(present))
	var labels []string
	for i, id := range present {
		code[id] = int32(i)
		labels = append(labels, fmt.Sprintf("%d %s", id, c.vocabulary.name(id)))
	}
	return &split{ev.rows, func(id int32) int32 { return code[id] }, ev.concept}, labels, nil
}

// statistic takes one value from each participant into its cell.
type statistic struct {
	plan *plan.Node
	take func(b *block, cell []int32, into func(cell int32) *tally.Value)
}

func (c *compiler) statistic(n *plan.Node) (statistic, error) {
	st := statistic{plan: n}
	switch n.Op() {
	case "Mean":
		x, err := c.number(n.Recv())
		if err != nil {
			return st, err
		}
		st.take = func(b *block, cell []int32, into func(int32) *tally.Value) {
			for i, v := range x(b) {
				if cell[i] >= 0 && !math.IsNaN(v) {
					t := into(cell[i])
					t.Known.Participants++
					t.Sum += v
				}
			}
		}
	case "Count", "Proportion":
		x, err := c.truths(n.Recv())
		if err != nil {
			return st, err
		}
		st.take = func(b *block, cell []int32, into func(int32) *tally.Value) {
			for i, v := range x(b) {
				if cell[i] >= 0 && v != unknown {
					t := into(cell[i])
					t.Known.Participants++
					t.True.Participants += int64(v)
				}
			}
		}
	default:
		return st, unknownOp(n)
	}
	return st, nil
}

func (g *grouping) accumulator() accumulator {
	return accumulator{make([]tally.Set, g.cells), make([]tally.Value, g.cells*len(g.stats))}
}

func (g *grouping) take(b *block, a *accumulator) {
	cell := make([]int32, b.n)
	for i, v := range g.in(b) {
		if v != yes {
			cell[i] = -1
		}
	}
	for _, k := range g.keys {
		if k.codes == nil {
			continue
		}
		for i, code := range k.codes(b) {
			if code < 0 {
				code = int32(len(k.labels) - 1)
			}
			if cell[i] >= 0 {
				cell[i] += code * int32(k.step)
			}
		}
	}
	if g.split != nil {
		g.takeSplit(b, cell, a)
		return
	}
	for _, k := range cell {
		if k >= 0 {
			a.all[k].Participants++
			a.all[k].Rows++
		}
	}
	for s, st := range g.stats {
		st.take(b, cell, func(k int32) *tally.Value { return &a.values[int(k)*len(g.stats)+s] })
	}
}

// takeSplit counts each participant once in each cell that a row of theirs falls in.
func (g *grouping) takeSplit(b *block, cell []int32, a *accumulator) {
	s := g.split.rows(b)
	if s.batch == nil {
		return
	}
	step := int32(0)
	for _, k := range g.keys {
		if k.codes == nil {
			step = int32(k.step)
		}
	}
	last := make([]int32, g.cells)
	who, concept := s.batch.Int32("participant"), s.batch.Int32(g.split.field)
	for _, r := range s.rows {
		i := who[r] - b.first
		if cell[i] < 0 {
			continue
		}
		k := cell[i] + step*g.split.codes(concept[r])
		a.all[k].Rows++
		if last[k] != i+1 {
			last[k] = i + 1
			a.all[k].Participants++
		}
	}
}

func (g *grouping) table(a accumulator) *tally.Table {
	t := &tally.Table{}
	for _, k := range g.keys {
		t.Keys = append(t.Keys, tally.Key{Plan: k.plan, Closed: k.closed, Additive: k.codes != nil})
	}
	for _, s := range g.stats {
		t.Stats = append(t.Stats, s.plan)
	}
	for k := range g.cells {
		group := tally.Group{All: a.all[k], Values: a.values[k*len(g.stats) : (k+1)*len(g.stats)]}
		for _, key := range g.keys {
			group.Labels = append(group.Labels, key.labels[k/key.step%len(key.labels)])
		}
		t.Groups = append(t.Groups, group)
	}
	return t
}

// attrition counts who is left after each step of a cohort.
type attrition struct{ steps []step }

func (t *attrition) accumulator() accumulator {
	return accumulator{all: make([]tally.Set, len(t.steps))}
}

func (t *attrition) take(b *block, a *accumulator) {
	for s, st := range t.steps {
		for _, v := range st.in(b) {
			a.all[s].Participants += int64(v)
		}
	}
}

func (t *attrition) table(a accumulator) *tally.Table {
	out := &tally.Table{}
	for i, s := range t.steps {
		out.Groups = append(out.Groups, tally.Group{Labels: []string{s.text}, All: a.all[i]})
	}
	return out
}
