package engine

import (
	"math"
	"reflect"
	"slices"

	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/datasets/tally"
)

// tabulation is a compiled Table.
type tabulation interface {
	taker
	table(accumulator) *tally.Table
	// record has the table say who is counted.
	record(participants int)
}

func (c *compiler) tabulation(n *plan.Node) (tabulation, error) {
	for n.Op() == "SortBy" || n.Op() == "SortByCount" || n.Op() == "Top" {
		n = n.Recv() // the order of what was released
	}
	n, err := plan.Lower(n)
	if err != nil {
		return nil, err
	}
	if n.Kind() != "Table" {
		return nil, cannot(n, "a %s is no table of results", n.Kind())
	}
	switch n.Op() {
	case "Attrition":
		co, err := c.cohort(n.Recv())
		if err != nil {
			return nil, err
		}
		return &attrition{steps: co.steps}, nil
	case "Count", "Bins", "Summarise":
		return c.grouping(n.Recv(), n.Nodes(0), n)
	case "Rate":
		return c.grouping(n.Recv(), []*plan.Node{n}, n)
	}
	return nil, unknownOp(n)
}

// grouping is a population by keys with statistics.
type grouping struct {
	keys  []groupKey
	plans []*plan.Node // of the statistics
	// everyone says that nobody is left out of the population.
	everyone bool
	// parts has a part for each set of splits that are totalled, by the bits of
	// their places among the splits: a participant in several groups of a split is
	// one of its total, which therefore is no sum of the groups.
	parts  []*part
	cells  int
	totals bool
	drop   bool // leave out who misses a key

	members *tally.Members // that are recorded; nil for none
}

// part is the statistics by the keys but for the splits that are totalled; of
// those everyone has the first place.
type part struct {
	*grouping
	in     column[int8]
	cell   column[int32]   // scratch
	codes  []column[int32] // by key, nil for a split
	splits []*splitKey     // by key, nil for others
	stats  []statistic
	ex     *expansion  // nil where no key is a split
	fast   *splitCount // counts by a split, without an expansion

	entries []tally.Entries // by stride; nil where they are not recorded
}

// groupKey is one key. Its codes are indexes into labels, and one more for missing.
type groupKey struct {
	plan   *plan.Node
	labels []string
	closed bool
	split  int // its place among the splits, -1 for another key
	step   int // how far apart in cells two labels are
}

// size is the number of a key's cells: its labels, and missing.
func (k *groupKey) size() int { return len(k.labels) + 1 }

// maxCellBytes bounds what the cells of one accumulator and the finished table may
// take together. A plan has an accumulator for each worker and a few that wait.
const maxCellBytes = 64 << 20

// cellBytes is what a cell takes in an accumulator and, as a group, in the table.
func (g *grouping) cellBytes(parts int, stats []statistic) int {
	accumulator, group := setBytes, int(reflect.TypeFor[tally.Group]().Size())+16*len(g.keys)
	for _, s := range stats {
		accumulator += s.cellBytes()
		group += valueBytes
	}
	return parts*accumulator + group
}

// grouping compiles groups, or a population without any, with statistics. at is
// the table, for errors.
func (c *compiler) grouping(groups *plan.Node, stats []*plan.Node, at *plan.Node) (*grouping, error) {
	g := &grouping{cells: 1, plans: stats}
	for ; groups.Op() == "WithTotals" || groups.Op() == "DropMissing"; groups = groups.Recv() {
		g.totals = g.totals || groups.Op() == "WithTotals"
		g.drop = g.drop || groups.Op() == "DropMissing"
	}
	population := groups
	var keys, splits []*plan.Node
	if groups.Kind() == "Groups" {
		keys, population = groups.Nodes(0), groups.Recv()
	}
	g.everyone = population.Op() == "Everyone"
	co, err := c.cohort(population)
	if err != nil {
		return nil, err
	}
	for _, k := range keys {
		if k.Kind() == "Split" {
			splits = append(splits, k)
		}
	}
	if len(splits) == 0 && slices.ContainsFunc(stats, dependsOnSplit) {
		return nil, &plan.Error{Op: at.Op(), Msg: "a statistic of one value a group of a split", Way: "name the same splits in By", At: at.At()}
	}
	masks := 1
	if g.totals {
		masks <<= len(splits)
	}
	for mask := range masks {
		p, err := c.part(g, co.in, keys, splits, mask)
		if err != nil {
			return nil, err
		}
		if g.parts = append(g.parts, p); mask > 0 {
			continue
		}
		bytes := g.cellBytes(masks, p.stats)
		for i := len(g.keys) - 1; i >= 0; i-- {
			g.keys[i].step = g.cells
			g.cells *= g.keys[i].size()
			if g.cells > maxCellBytes/bytes {
				return nil, &plan.Error{Op: "By", Msg: "this table is more than fits in memory", Way: "use fewer keys or wider bands", At: at.At()}
			}
		}
	}
	return g, nil
}

// part compiles the grouping with the splits of mask totalled. The first one, in
// which none is, sets the grouping's keys.
func (c *compiler) part(g *grouping, in column[int8], keys, splits []*plan.Node, mask int) (*part, error) {
	p := &part{grouping: g, in: in}
	if len(splits) > 0 {
		var err error
		if p.ex, err = c.expansion(splits, append(slices.Clone(keys), g.plans...), mask, g.drop); err != nil {
			return nil, err
		}
		if p.fast, err = c.splitCount(p.ex, g.plans, g.drop); err != nil {
			return nil, err
		}
		if p.fast == nil {
			c = p.ex.compiler
			if p.in, err = gathered(c, in, nil); err != nil {
				return nil, err
			}
		}
	}
	p.cell = scratch[int32](c)
	split := 0
	for i, n := range keys {
		key := groupKey{plan: n, split: -1}
		var codes column[int32]
		var of *splitKey
		if n.Kind() == "Split" {
			of, key.split = p.ex.order[split], split
			key.labels, key.closed = of.labels, of.closed
			split++
		} else {
			var err error
			if codes, err = c.groupKey(n, &key); err != nil {
				return nil, err
			}
		}
		if p.codes, p.splits = append(p.codes, codes), append(p.splits, of); len(g.keys) == i {
			g.keys = append(g.keys, key)
		}
	}
	for _, s := range g.plans {
		st, err := c.statistic(s)
		if err != nil {
			return nil, err
		}
		p.stats = append(p.stats, st)
	}
	return p, nil
}

func (c *compiler) groupKey(n *plan.Node, key *groupKey) (column[int32], error) {
	if n.Kind() == "Bool" {
		key.labels, key.closed = []string{"no", "yes"}, true
		return c.keyCodes(n)
	}
	cat, err := c.category(n)
	if err != nil {
		return nil, err
	}
	key.labels, key.closed = cat.labels, cat.closed
	return cat.codes, nil
}

// groupSums is what a grouping has taken, by part.
type groupSums []partSums

// partSums is what a part has taken, by cell.
type partSums struct {
	all   []tally.Set
	stats []sums
}

func (g *grouping) accumulator() accumulator {
	var out groupSums
	for _, p := range g.parts {
		a := partSums{all: make([]tally.Set, g.cells)}
		for _, s := range p.stats {
			a.stats = append(a.stats, s.sums(g.cells))
		}
		out = append(out, a)
	}
	return out
}

func (a groupSums) add(b accumulator) {
	for p, o := range b.(groupSums) {
		addSets(a[p].all, o.all)
		for i := range o.stats {
			a[p].stats[i].add(o.stats[i])
		}
	}
}

func (g *grouping) take(b *block, acc accumulator) {
	for i, p := range g.parts {
		p.take(b, &acc.(groupSums)[i])
	}
}

func (p *part) take(b *block, a *partSums) {
	if p.fast != nil {
		p.fast.take(b, p.cellsOf(b), p, a)
		return
	}
	if p.ex != nil {
		b = p.ex.expand(b)
	}
	cell := p.cellsOf(b)
	if p.ex == nil {
		countEach(cell, b.prints, a.all)
	} else {
		for i, k := range cell {
			if k >= 0 {
				a.all[k].Add(one(b, i))
			}
		}
		p.ex.countRows(b, cell, a.all)
	}
	for _, s := range a.stats {
		s.take(b, cell)
	}
	if p.entries != nil {
		p.entries[b.stride] = p.entriesOf(b, cell)
	}
}

// entriesOf is who is in which cell of a block.
func (p *part) entriesOf(b *block, cell []int32) tally.Entries {
	out := tally.Entries{First: b.first, Cell: slices.Clone(cell)}
	if b.expanded != nil {
		out.Who = make([]int32, b.n)
		for i, owner := range b.owner {
			out.Who[i] = b.first + owner
		}
	}
	for _, s := range p.stats {
		codes := make([]int32, b.n)
		s.codes(b, codes)
		out.Codes = append(out.Codes, codes)
	}
	return out
}

// record implements tabulation.
func (g *grouping) record(participants int) {
	g.members = &tally.Members{Participants: participants}
	for _, p := range g.parts {
		p.entries = make([]tally.Entries, store.Strides(participants))
		g.members.Parts = append(g.members.Parts, p.entries)
	}
}

// countEach counts each participant in a cell, as one row.
func countEach(cell []int32, prints []tally.Print, all []tally.Set) {
	for i, k := range cell {
		if k < 0 {
			continue
		}
		s, p := &all[k], &prints[i]
		s.Participants++
		s.Rows++
		s.Print[0] += p[0]
		s.Print[1] += p[1]
	}
}

// cellsOf is the cell of each entry, less than 0 for who is not in the population
// or, where they are left out, misses a key.
func (p *part) cellsOf(b *block) []int32 {
	const none = math.MinInt32 // and still negative when keys add to it
	cell := p.cell(b)
	clear(cell)
	if !p.everyone {
		for i, v := range p.in(b) {
			if v != yes {
				cell[i] = none
			}
		}
	}
	for k := range p.keys {
		key := &p.keys[k]
		if p.splits[k] != nil {
			if p.fast == nil {
				p.ex.addCells(b, p.splits[k], key.step, cell)
			}
			continue
		}
		codes, step := p.codes[k](b), int32(key.step)
		if p.drop {
			for i, code := range codes {
				if cell[i] += code * step; code < 0 {
					cell[i] |= none
				}
			}
			continue
		}
		missing := int32(len(key.labels))
		for i, code := range codes {
			if code < 0 {
				code = missing
			}
			cell[i] += code * step
		}
	}
	return cell
}

// table lists the groups in order, with totals where they are wanted.
func (g *grouping) table(acc accumulator) *tally.Table {
	t := &tally.Table{Stats: g.plans, Members: g.members}
	for _, k := range g.keys {
		t.Keys = append(t.Keys, tally.Key{Plan: k.plan, Labels: k.labels, Closed: k.closed, Additive: k.split < 0})
	}
	t.Groups = make([]tally.Group, 0, g.cells)
	g.list(t, acc.(groupSums), make([]int, 0, len(g.keys)), 0)
	return t
}

// list appends the groups that begin with the given positions of the first keys; a
// position is a label, missing, or behind it the total.
func (g *grouping) list(t *tally.Table, a groupSums, at []int, cell int) {
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

func (g *grouping) group(sums groupSums, at []int, cell int) tally.Group {
	out := tally.Group{Labels: make([]string, 0, len(g.keys))}
	var over []*groupKey // the keys that are added up
	mask := 0            // the splits that are totalled
	for i := range g.keys {
		k := &g.keys[i]
		switch {
		case at[i] < len(k.labels):
			out.Labels = append(out.Labels, k.labels[at[i]])
		case at[i] == len(k.labels):
			out.Labels = append(out.Labels, plan.Missing)
		default:
			out.Labels = append(out.Labels, plan.Total)
			if k.split < 0 {
				over = append(over, k)
			} else {
				mask |= 1 << k.split
			}
		}
	}
	a := sums[mask]
	eachCell(over, cell, func(cell int) { out.All.Add(a.all[cell]) })
	if g.members != nil {
		in := tally.Cells{Part: mask}
		eachCell(over, cell, func(cell int) { in.Cells = append(in.Cells, int32(cell)) })
		g.members.Groups = append(g.members.Groups, in)
	}
	for _, s := range a.stats {
		v := tally.Value{}
		eachCell(over, cell, func(cell int) {
			w := s.value(cell)
			v.Merge(&w)
			v.Sorted = append(v.Sorted, w.Sorted...)
		})
		slices.Sort(v.Sorted)
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
type attrition struct {
	steps   []step
	members *tally.Members
}

type attritionSums []tally.Set

func (t *attrition) accumulator() accumulator { return make(attritionSums, len(t.steps)) }

func (t *attrition) take(b *block, acc accumulator) {
	a := acc.(attritionSums)
	last := make([]int32, b.n) // the step that each comes to; they come to those before, too
	for i := range last {
		last[i] = -1
	}
	for s, st := range t.steps {
		for i, v := range st.in(b) {
			if v == yes {
				a[s].Add(one(b, i))
				last[i] = int32(s)
			}
		}
	}
	if t.members != nil {
		t.members.Parts[0][b.stride] = tally.Entries{First: b.first, Cell: last}
	}
}

// record implements tabulation.
func (t *attrition) record(participants int) {
	t.members = &tally.Members{Participants: participants, Parts: [][]tally.Entries{make([]tally.Entries, store.Strides(participants))}}
	for s := range t.steps {
		var in tally.Cells
		for k := s; k < len(t.steps); k++ {
			in.Cells = append(in.Cells, int32(k))
		}
		t.members.Groups = append(t.members.Groups, in)
	}
}

func (a attritionSums) add(b accumulator) { addSets(a, b.(attritionSums)) }

func (t *attrition) table(acc accumulator) *tally.Table {
	out := &tally.Table{Members: t.members}
	for i, s := range t.steps {
		out.Groups = append(out.Groups, tally.Group{Labels: []string{s.text}, All: acc.(attritionSums)[i]})
	}
	return out
}
