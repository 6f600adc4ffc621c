package engine

import (
	"fmt"
	"slices"

	"weir/datasets/plan"
	"weir/datasets/tally"
)

// tabulation is a compiled Table.
type tabulation interface {
	taker
	table(accumulator) *tally.Table
}

func (c *compiler) tabulation(n *plan.Node) (tabulation, error) {
	for n.Op() == "SortBy" || n.Op() == "SortByCount" || n.Op() == "Top" {
		n = n.Recv() // the order of what was released
	}
	n, err := plan.Lower(n)
	if err != nil {
		return nil, err
	}
	switch n.Op() {
	case "Attrition":
		co, err := c.cohort(n.Recv())
		if err != nil {
			return nil, err
		}
		return &attrition{co.steps}, nil
	case "Count", "Summarise":
		return c.grouping(n.Recv(), n.Nodes(0), n)
	case "Rate":
		return c.grouping(n.Recv(), []*plan.Node{n}, n)
	}
	return nil, unknownOp(n)
}

// grouping is a population by keys with statistics.
type grouping struct {
	in     column[int8]
	keys   []groupKey
	stats  []statistic
	plans  []*plan.Node // of the statistics
	ex     *expansion   // nil where no key is a split
	fast   *splitCount  // counts by a split, without an expansion
	cells  int
	totals bool
	drop   bool // leave out who misses a key
}

// groupKey is one key. Its codes are indexes into labels, and one more for missing.
type groupKey struct {
	plan   *plan.Node
	codes  column[int32] // nil for a split
	labels []string
	closed bool
	split  *splitKey
	step   int // how far apart in cells two labels are
}

// size is the number of a key's cells: its labels, and missing.
func (k *groupKey) size() int { return len(k.labels) + 1 }

// maxCellBytes bounds what the cells of one accumulator may take.
const maxCellBytes = 64 << 20

// grouping compiles groups, or a population without any, with statistics. at is
// the table, for errors.
func (c *compiler) grouping(groups *plan.Node, stats []*plan.Node, at *plan.Node) (*grouping, error) {
	g := &grouping{cells: 1, plans: stats}
	for ; groups.Op() == "WithTotals" || groups.Op() == "DropMissing"; groups = groups.Recv() {
		g.totals = g.totals || groups.Op() == "WithTotals"
		g.drop = g.drop || groups.Op() == "DropMissing"
	}
	population := groups
	var keys []*plan.Node
	if groups.Kind() == "Groups" {
		keys, population = groups.Nodes(0), groups.Recv()
	}
	co, err := c.cohort(population)
	if err != nil {
		return nil, err
	}
	if g.in = co.in; slices.ContainsFunc(keys, func(k *plan.Node) bool { return k.Kind() == "Split" }) {
		if g.ex, err = c.expansion(keys, stats); err != nil {
			return nil, err
		}
		if !g.totals {
			if g.fast, err = c.splitCount(g.ex, stats, g.drop); err != nil {
				return nil, err
			}
		}
		c = g.ex.compiler
		if g.in, err = gathered(c, co.in, nil); err != nil {
			return nil, err
		}
		if g.fast != nil {
			c, g.in = c.plain, co.in
		}
	} else if slices.ContainsFunc(stats, dependsOnSplit) {
		return nil, &plan.Error{Op: at.Op(), Msg: "a statistic of one value a group of a split", Way: "name the same splits in By", At: at.At()}
	}
	for _, k := range keys {
		key, err := c.groupKey(k, g)
		if err != nil {
			return nil, err
		}
		g.keys = append(g.keys, key)
	}
	for i := len(g.keys) - 1; i >= 0; i-- {
		g.keys[i].step = g.cells
		g.cells *= g.keys[i].size()
		if g.cells*48*(1+len(stats)) > maxCellBytes {
			return nil, &plan.Error{Op: "By", Msg: fmt.Sprintf("the table would have more than %d groups, which is more than fits in memory", g.cells), Way: "use fewer keys or wider bands", At: at.At()}
		}
	}
	for _, s := range stats {
		st, err := c.statistic(s)
		if err != nil {
			return nil, err
		}
		g.stats = append(g.stats, st)
	}
	return g, nil
}

func (c *compiler) groupKey(n *plan.Node, g *grouping) (groupKey, error) {
	key := groupKey{plan: n}
	switch n.Kind() {
	case "Split":
		key.split = g.ex.keys[n.ID()]
		key.labels, key.closed = key.split.labels, key.split.closed
	case "Bool":
		codes, err := c.keyCodes(n)
		if err != nil {
			return key, err
		}
		key.labels, key.closed, key.codes = []string{"no", "yes"}, true, codes
	default:
		cat, err := c.category(n)
		if err != nil {
			return key, err
		}
		key.labels, key.codes, key.closed = cat.labels, cat.codes, cat.closed
	}
	return key, nil
}

// groupSums is what a grouping has taken.
type groupSums struct {
	all   []tally.Set
	stats []sums
	// overall counts participants over the groups of splits, whose sets overlap: by
	// the splits that are totalled, then by cell with those splits left out.
	overall [][]tally.Set
	seen    []int32 // scratch
}

func (g *grouping) accumulator() accumulator {
	a := &groupSums{all: make([]tally.Set, g.cells)}
	for _, s := range g.stats {
		a.stats = append(a.stats, s.sums(g.cells))
	}
	for range g.splitTotals() {
		a.overall = append(a.overall, make([]tally.Set, g.cells))
	}
	return a
}

func (a *groupSums) add(b accumulator) {
	o := b.(*groupSums)
	addSets(a.all, o.all)
	for i := range a.stats {
		a.stats[i].add(o.stats[i])
	}
	for i := range a.overall {
		addSets(a.overall[i], o.overall[i])
	}
}

// splitTotals is the sets of splits that are totalled, each as the steps of the
// splits; none without totals or splits.
func (g *grouping) splitTotals() [][]*groupKey {
	var splits []*groupKey
	for i := range g.keys {
		if g.keys[i].split != nil {
			splits = append(splits, &g.keys[i])
		}
	}
	if !g.totals {
		return nil
	}
	var out [][]*groupKey
	for mask := 1; mask < 1<<len(splits); mask++ {
		var some []*groupKey
		for i, k := range splits {
			if mask>>i&1 == 1 {
				some = append(some, k)
			}
		}
		out = append(out, some)
	}
	return out
}

func (g *grouping) take(b *block, acc accumulator) {
	a := acc.(*groupSums)
	if g.fast != nil {
		g.fast.take(b, g.cellsOf(b), g, a)
		return
	}
	if g.ex != nil {
		b = g.ex.expand(b)
	}
	cell := g.cellsOf(b)
	for i, k := range cell {
		if k >= 0 {
			a.all[k].Add(one(b, i))
		}
	}
	if g.ex != nil {
		g.ex.countRows(b, cell, a.all)
		g.takeOverall(b, cell, a)
	}
	for _, s := range a.stats {
		s.take(b, cell)
	}
}

// cellsOf is the cell of each entry, -1 for who is not in the population or, where
// they are left out, misses a key.
func (g *grouping) cellsOf(b *block) []int32 {
	cell := make([]int32, b.n)
	for i, v := range g.in(b) {
		if v != yes {
			cell[i] = -1
		}
	}
	for k := range g.keys {
		key := &g.keys[k]
		if key.split != nil {
			if g.fast == nil {
				g.ex.addCells(b, key, g.drop, cell)
			}
			continue
		}
		missing := int32(len(key.labels))
		for i, code := range key.codes(b) {
			switch {
			case cell[i] < 0:
			case code >= 0:
				cell[i] += code * int32(key.step)
			case g.drop:
				cell[i] = -1
			default:
				cell[i] += missing * int32(key.step)
			}
		}
	}
	return cell
}

// takeOverall counts each participant once over the groups of splits. The entries
// of a participant follow each other.
func (g *grouping) takeOverall(b *block, cell []int32, a *groupSums) {
	for t, some := range g.splitTotals() {
		if a.seen == nil {
			a.seen = make([]int32, g.cells)
		}
		clear(a.seen)
		for i, k := range cell {
			if k < 0 {
				continue
			}
			for _, key := range some {
				k -= int32(int(k) / key.step % key.size() * key.step)
			}
			if who := b.owner[i] + 1; a.seen[k] != who {
				a.seen[k] = who
				a.overall[t][k].Add(one(b, i))
			}
		}
	}
}

// table lists the groups in order, with totals where they are wanted.
func (g *grouping) table(acc accumulator) *tally.Table {
	a := acc.(*groupSums)
	t := &tally.Table{Stats: g.plans}
	for _, k := range g.keys {
		t.Keys = append(t.Keys, tally.Key{Plan: k.plan, Labels: k.labels, Closed: k.closed, Additive: k.split == nil})
	}
	g.list(t, a, nil, 0)
	return t
}

// list appends the groups that begin with the given positions of the first keys; a
// position is a label, missing, or behind it the total.
func (g *grouping) list(t *tally.Table, a *groupSums, at []int, cell int) {
	if len(at) == len(g.keys) {
		t.Groups = append(t.Groups, g.group(a, at, cell))
		return
	}
	k := &g.keys[len(at)]
	for p := range k.size() {
		if p < len(k.labels) || !g.drop {
			g.list(t, a, append(at, p), cell+p*k.step)
		}
	}
	if g.totals {
		g.list(t, a, append(at, k.size()), cell)
	}
}

func (g *grouping) group(a *groupSums, at []int, cell int) tally.Group {
	out := tally.Group{}
	var over, overSplits []*groupKey // the keys that are totalled
	for i := range g.keys {
		k := &g.keys[i]
		switch {
		case at[i] < len(k.labels):
			out.Labels = append(out.Labels, k.labels[at[i]])
		case at[i] == len(k.labels):
			out.Labels = append(out.Labels, plan.Missing)
		default:
			out.Labels = append(out.Labels, plan.Total)
			if k.split == nil {
				over = append(over, k)
			} else {
				overSplits = append(overSplits, k)
			}
		}
	}
	sets := a.all
	for i, some := range g.splitTotals() {
		if slices.Equal(some, overSplits) {
			sets = a.overall[i]
		}
	}
	eachCell(over, cell, func(cell int) { out.All.Add(sets[cell]) })
	for _, s := range a.stats {
		v := tally.Value{}
		if len(overSplits) == 0 { // a statistic over overlapping groups is none of participants
			eachCell(over, cell, func(cell int) {
				w := s.value(cell)
				v.Merge(&w)
				v.Sorted = append(v.Sorted, w.Sorted...)
			})
			slices.Sort(v.Sorted)
		}
		out.Values = append(out.Values, v)
	}
	return out
}

// eachCell calls f for the cells that are added up over the keys.
func eachCell(over []*groupKey, cell int, f func(int)) {
	if len(over) == 0 {
		f(cell)
		return
	}
	for p := range over[0].size() {
		eachCell(over[1:], cell+p*over[0].step, f)
	}
}

// attrition counts who is left after each step of a cohort.
type attrition struct{ steps []step }

type attritionSums []tally.Set

func (t *attrition) accumulator() accumulator { return make(attritionSums, len(t.steps)) }

func (t *attrition) take(b *block, acc accumulator) {
	a := acc.(attritionSums)
	for s, st := range t.steps {
		for i, v := range st.in(b) {
			if v == yes {
				a[s].Add(one(b, i))
			}
		}
	}
}

func (a attritionSums) add(b accumulator) { addSets(a, b.(attritionSums)) }

func (t *attrition) table(acc accumulator) *tally.Table {
	out := &tally.Table{}
	for i, s := range t.steps {
		out.Groups = append(out.Groups, tally.Group{Labels: []string{s.text}, All: acc.(attritionSums)[i]})
	}
	return out
}
