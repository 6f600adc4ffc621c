package guard

import (
	"math"
	"slices"
	"strings"

	"weir/datasets/plan"
	"weir/datasets/tally"
	"weir/guard/audit"
	"weir/guard/rules"
)

// lowering is a table as the audit sees it: every count of participants that a
// number gives away is a cell, and equations say what is known of any table. The
// facts of a statistic make up their group; groups make up their total; and a group
// of a key with which a participant is in several is a part of its total.
type lowering struct {
	system    audit.System
	sensitive []bool // by cell
	hidden    []bool // by number of the system: by a rule of its own
	rows      []numbers
	limits    rules.Limits
	same      map[participants]int
	groups    []cells
	absent    []bool         // groups of which it is known that they are nobody
	at        map[string]int // groups by their labels
	lines     []whole
	places    map[int]place // of the cells that are counted in the table
	gives     [][]int       // by number, cells
	own       int           // numbers of the table; those that follow were shown before
	sums      []int         // by statistic, the first with which it shares a sum
}

// place is where participants are counted: in a group, or as a fact of a statistic in it.
type place struct {
	group, stat int // stat is −1 for the whole group
	fact        string
}

// whole is groups that make up a total.
type whole struct {
	total int
	parts []int
}

// cells are those of a group.
type cells struct {
	n       int
	facts   []map[string]int // by statistic, then name
	numbers map[int][]int    // by statistic, of the system
	made    []made           // in the same order in every group
}

// made is participants of a group that several facts of a statistic, or of two, tell:
// those of a union, or those between the values of two tests.
type made struct {
	cell int // −1 for nobody
	stat int
	set  tally.Set
}

// numbers are those of a group that is shown: its participants, then its statistics'.
type numbers []shown

// shown is a number of a table and of the system.
type shown struct {
	rules.Number
	at    int
	stat  int      // −1 for the participants
	gives []string // names of facts
}

// participants is what cells have in common that are one. Who knows one count of
// the same participants knows the other, and so does the audit.
type participants struct {
	print tally.Print
	n     int64
	stat  int // of a sum; −1 for a count
}

// lower lowers a table. The numbers of groups and of parts that are not visible are
// not shown, and nothing must give them away.
func lower(t *tally.Table, decide []rules.Rule, l rules.Limits, v *visible) *lowering {
	lo := &lowering{limits: l, same: map[participants]int{}, at: map[string]int{}, places: map[int]place{}}
	for i := range t.Groups {
		lo.at[strings.Join(t.Groups[i].Labels, "\x00")] = i
	}
	for _, s := range t.Stats {
		lo.sums = append(lo.sums, slices.IndexFunc(t.Stats, func(o *plan.Node) bool { return o == s || sumOf(s) != "" && sumOf(o) == sumOf(s) }))
	}
	facts := make([][]rules.Lowering, len(t.Groups))
	for j := range t.Stats {
		within := rules.Within(t.Groups, j)
		within.Weigh = l.Weigh(t.Groups, t.Stats[j], j, countsMissing(t, t.Stats[j]))
		for i := range t.Groups {
			g := &t.Groups[i]
			facts[i] = append(facts[i], decide[j].Lower(l, t.Stats[j], g.All, &g.Values[j], within))
		}
	}
	nested := nestings(t)
	for i := range t.Groups {
		g := &t.Groups[i]
		lo.addCells(g, facts[i], v.least(t, g.Labels, l.Threshold))
		lo.place(i)
		lo.order(nested, i, facts[i])
		if lo.absent = append(lo.absent, g.All.Participants == 0 && !v.group(g.Labels)); lo.absent[i] {
			lo.known(lo.groups[i]) // a row that is not there is nobody
		}
	}
	lo.addUp(t, facts)
	lo.leftOut(t, facts, v)
	for i := range t.Groups {
		if v.group(t.Groups[i].Labels) {
			lo.rows = append(lo.rows, lo.addNumbers(i, t, facts[i], v))
		}
	}
	return lo
}

// countsMissing says that a table counts who has no value of a statistic's column.
func countsMissing(t *tally.Table, stat *plan.Node) bool {
	return slices.ContainsFunc(t.Stats, func(s *plan.Node) bool {
		of := s.Recv()
		return stat.Recv() != nil && of != nil && of.Op() == "Missing" && of.Recv().ID() == stat.Recv().ID()
	})
}

// addCells adds the cells of a group, and that its facts make it up.
func (lo *lowering) addCells(g *tally.Group, stats []rules.Lowering, least int64) {
	c := cells{n: lo.cell(g.All, least, -1), numbers: map[int][]int{}}
	for j, x := range stats {
		terms := []audit.Term{{Cell: c.n, Coef: -1}}
		names := map[string]int{}
		for _, f := range x.Facts {
			if f.Apart {
				names[f.Name] = lo.cell(f.Set, 1, lo.sums[j])
				continue
			}
			names[f.Name] = lo.cell(f.Set, 1, -1)
			terms = append(terms, audit.Term{Cell: names[f.Name], Coef: 1})
		}
		if len(terms) > 1 {
			lo.equation(terms...)
		}
		for _, union := range x.Unions {
			set, cell := lo.union(union, func(k int) (tally.Set, int, bool) { return x.Facts[k].Set, names[x.Facts[k].Name], true }, -1)
			c.made = append(c.made, made{cell, j, set})
		}
		c.facts = append(c.facts, names)
	}
	lo.groups = append(lo.groups, c)
}

// place notes where the cells of a group are counted.
func (lo *lowering) place(group int) {
	note := func(cell int, at place) {
		if _, ok := lo.places[cell]; !ok {
			lo.places[cell] = at
		}
	}
	note(lo.groups[group].n, place{group, -1, ""})
	for j, names := range lo.groups[group].facts {
		for name, cell := range names {
			note(cell, place{group, j, name})
		}
	}
}

// union is sets that have nobody in common together.
func (lo *lowering) union(of []int, part func(i int) (set tally.Set, cell int, ok bool), stat int) (all tally.Set, cell int) {
	var terms []audit.Term
	for _, i := range of {
		set, c, ok := part(i)
		if !ok {
			return
		}
		all.Add(set)
		terms = append(terms, audit.Term{Cell: c, Coef: 1})
	}
	cell = lo.cell(all, 0, stat)
	lo.equation(append(terms, audit.Term{Cell: cell, Coef: -1})...)
	return all, cell
}

// factOf is a fact of a statistic.
type factOf struct {
	stat int
	fact string
}

// nesting is two tests of one number: everyone of small is of large.
type nesting struct{ large, small factOf }

// nestings finds the tests of one number.
func nestings(t *tally.Table) (out []nesting) {
	type test struct {
		factOf
		x    plan.ID
		edge float64
		with bool // the edge itself is below
	}
	var tests []test
	for j, stat := range t.Stats {
		n := stat.Recv()
		if n == nil || n.Kind() != "Bool" || n.Recv() == nil || n.Recv().Kind() != "Number" || len(n.Args()) != 1 || splits(stat) {
			continue
		}
		if _, isPlan := n.Args()[0].(*plan.Node); isPlan {
			continue
		}
		for _, fact := range []string{"true", "false"} {
			if side := side(n.Op(), fact); side != "" {
				tests = append(tests, test{factOf{j, fact}, n.Recv().ID(), plan.Number(n.Args()[0]), n.Op() == "AtMost" || n.Op() == "Above"})
			}
		}
	}
	for i, a := range tests {
		for _, b := range tests[i+1:] {
			of := side(t.Stats[a.stat].Recv().Op(), a.fact)
			if a.x != b.x || of != side(t.Stats[b.stat].Recv().Op(), b.fact) || a.edge == b.edge && a.with == b.with {
				continue
			}
			small, large := a.factOf, b.factOf
			if b.edge < a.edge || b.edge == a.edge && a.with {
				small, large = large, small
			}
			if of == "upper" {
				small, large = large, small
			}
			out = append(out, nesting{large, small})
		}
	}
	return out
}

// order ties the tests of one number: between two values are those below the one
// that are not below the other.
func (lo *lowering) order(nested []nesting, group int, stats []rules.Lowering) {
	c := &lo.groups[group]
	set := func(f factOf) tally.Set {
		k := slices.IndexFunc(stats[f.stat].Facts, func(x rules.Fact) bool { return x.Name == f.fact })
		return stats[f.stat].Facts[k].Set
	}
	for _, x := range nested {
		between := set(x.large).Minus(set(x.small))
		cell := lo.leaves(c.facts[x.large.stat][x.large.fact], c.facts[x.small.stat][x.small.fact], between)
		c.made = append(c.made, made{cell, x.large.stat, between})
	}
}

// side is on which side of the edge of a comparison a fact of it lies.
func side(op, fact string) string {
	lower := op == "Below" || op == "AtMost"
	switch {
	case !lower && op != "Above" && op != "AtLeast", fact != "true" && fact != "false":
		return ""
	case lower == (fact == "true"):
		return "lower"
	}
	return "upper"
}

// cell is the cell of a set. A hidden one is known to be at least so large, unless
// it is empty: zeros are shown, but one may go with a number that is hidden.
func (lo *lowering) cell(s tally.Set, least int64, stat int) int {
	key := participants{s.Print, s.Participants, stat}
	told := s.Print != tally.Print{}
	if c, ok := lo.same[key]; ok && told {
		lo.system.Least[c] = max(lo.system.Least[c], min(least, s.Participants))
		return c
	}
	c := lo.system.Add(s.Participants, min(least, s.Participants))
	lo.sensitive = append(lo.sensitive, !lo.limits.Safe(s.Participants))
	if told {
		lo.same[key] = c
	}
	return c
}

// known shows every cell of a group.
func (lo *lowering) known(c cells) {
	all := []int{c.n}
	for _, names := range c.facts {
		for _, cell := range names {
			all = append(all, cell)
		}
	}
	lo.show(all...)
}

// equation says that terms add up to 0. Terms of one cell are put together.
func (lo *lowering) equation(terms ...audit.Term) {
	slices.SortFunc(terms, func(a, b audit.Term) int { return a.Cell - b.Cell })
	out := terms[:0]
	for _, t := range terms {
		if n := len(out); n > 0 && out[n-1].Cell == t.Cell {
			out[n-1].Coef += t.Coef
			continue
		}
		out = append(out, t)
	}
	out = slices.DeleteFunc(out, func(t audit.Term) bool { return t.Coef == 0 })
	if len(out) > 0 {
		lo.system.Equation(out...)
	}
}

// addUp ties the groups to their totals.
func (lo *lowering) addUp(t *tally.Table, facts [][]rules.Lowering) {
	for k, key := range t.Keys {
		lines := map[int][]int{} // by total
		var totals []int
		for i := range t.Groups {
			labels := t.Groups[i].Labels
			if labels[k] == plan.Total {
				continue
			}
			over := slices.Clone(labels)
			over[k] = plan.Total
			if total, ok := lo.at[strings.Join(over, "\x00")]; ok {
				if lines[total] == nil {
					totals = append(totals, total)
				}
				lines[total] = append(lines[total], i)
			}
		}
		for _, total := range totals {
			if key.Additive {
				lo.lines = append(lo.lines, whole{total, lines[total]})
				lo.parts(total, lines[total])
			} else {
				lo.within(t, total, lines[total], facts)
			}
		}
	}
}

// sumOf is what adds up behind a statistic, "" for nothing. Who knows means knows sums.
func sumOf(stat *plan.Node) string {
	switch stat.Op() {
	case "Mean", "Sum":
		return stat.Recv().ID().String()
	case "SD":
		return stat.Recv().ID().String() + " squares"
	}
	return ""
}

// leftOut says that groups whose labels are left out are together what the others
// leave: nobody sees how many such labels there are.
func (lo *lowering) leftOut(t *tally.Table, facts [][]rules.Lowering, v *visible) {
	together := map[string][]int{}
	var order []string
	for i := range t.Groups {
		labels, some, additive := slices.Clone(t.Groups[i].Labels), false, true
		for k, l := range labels {
			if !v.labels[k][l] {
				labels[k], some, additive = "", true, additive && t.Keys[k].Additive
			}
		}
		if key := strings.Join(labels, "\x00"); some && additive && !lo.absent[i] {
			if together[key] == nil {
				order = append(order, key)
			}
			together[key] = append(together[key], i)
		}
	}
	for _, key := range order {
		if of := together[key]; len(of) > 1 {
			lo.union(of, func(i int) (tally.Set, int, bool) { return t.Groups[i].All, lo.groups[i].n, true }, -1)
			for j := range t.Stats {
				for _, f := range facts[of[0]][j].Facts {
					stat := -1
					if f.Apart {
						stat = lo.sums[j]
					}
					lo.union(of, func(i int) (tally.Set, int, bool) {
						k := slices.IndexFunc(facts[i][j].Facts, func(g rules.Fact) bool { return g.Name == f.Name })
						if k < 0 {
							return tally.Set{}, 0, false
						}
						return facts[i][j].Facts[k].Set, lo.groups[i].facts[j][f.Name], true
					}, stat)
				}
			}
		}
	}
}

// parts says that groups make up a total, and so do their facts.
func (lo *lowering) parts(total int, parts []int) {
	sum := func(of func(c cells) (int, bool)) {
		terms := make([]audit.Term, 0, len(parts)+1)
		for _, i := range parts {
			c, ok := of(lo.groups[i])
			if !ok {
				return
			}
			terms = append(terms, audit.Term{Cell: c, Coef: 1})
		}
		if c, ok := of(lo.groups[total]); ok {
			lo.equation(append(terms, audit.Term{Cell: c, Coef: -1})...)
		}
	}
	sum(func(c cells) (int, bool) { return c.n, true })
	for j, names := range lo.groups[total].facts {
		for _, name := range sorted(names) {
			sum(func(c cells) (int, bool) { f, ok := c.facts[j][name]; return f, ok })
		}
	}
}

func sorted(names map[string]int) []string {
	out := make([]string, 0, len(names))
	for name := range names {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// within says that a total is each group and those who are not in it, and of two
// groups that make up a total how many are in both: these are counts, too.
func (lo *lowering) within(t *tally.Table, total int, parts []int, facts [][]rules.Lowering) {
	for _, i := range parts {
		lo.leaves(lo.groups[total].n, lo.groups[i].n, t.Groups[total].All.Minus(t.Groups[i].All))
		for j, stat := range t.Stats {
			if splits(stat) { // the value of a participant depends on the group
				continue
			}
			for _, f := range facts[i][j].Facts {
				k := slices.IndexFunc(facts[total][j].Facts, func(g rules.Fact) bool { return g.Name == f.Name })
				if !f.Apart && k >= 0 {
					lo.leaves(lo.groups[total].facts[j][f.Name], lo.groups[i].facts[j][f.Name], facts[total][j].Facts[k].Set.Minus(f.Set))
				}
			}
		}
		for k, of := range lo.groups[total].made {
			if part := lo.groups[i].made[k]; of.cell >= 0 && part.cell >= 0 && !splits(t.Stats[of.stat]) {
				lo.leaves(of.cell, part.cell, of.set.Minus(part.set))
			}
		}
	}
	there := slices.DeleteFunc(slices.Clone(parts), func(i int) bool { return lo.absent[i] })
	if len(there) == 2 {
		all, a, b := t.Groups[total].All, t.Groups[there[0]].All, t.Groups[there[1]].All
		lo.leaves(lo.groups[there[0]].n, lo.cell(all.Minus(b), 0, -1), a.Minus(all.Minus(b)))
	}
}

// leaves says that a part of a whole leaves the others, and returns their cell, −1
// for nobody.
func (lo *lowering) leaves(whole, part int, others tally.Set) int {
	if whole == part {
		return -1
	}
	r := lo.cell(others, 0, -1)
	lo.equation(audit.Term{Cell: whole, Coef: -1}, audit.Term{Cell: part, Coef: 1}, audit.Term{Cell: r, Coef: 1})
	return r
}

// splits says whether a statistic is of one value a group of a split.
func splits(stat *plan.Node) (yes bool) {
	stat.Walk(func(n *plan.Node) { yes = yes || n.Op() == "Per" })
	return yes
}

// addNumbers adds what is shown of a group. Every number of a statistic gives the
// group's participants away.
func (lo *lowering) addNumbers(i int, t *tally.Table, stats []rules.Lowering, v *visible) numbers {
	c := lo.groups[i]
	out := numbers{{rules.Number{Kind: rules.Count, Value: float64(t.Groups[i].All.Participants)}, lo.show(c.n), -1, nil}}
	for j, x := range stats {
		for part, n := range x.Numbers {
			if !v.part(j, part) {
				continue
			}
			gives := []int{c.n}
			var names []string
			for _, k := range n.Gives {
				gives, names = append(gives, c.facts[j][x.Facts[k].Name]), append(names, x.Facts[k].Name)
			}
			if n.Kind == rules.Measure {
				gives = append(gives, lo.compared(t, i, j)...)
			}
			s := shown{n, lo.show(gives...), j, names}
			if n.Hidden {
				lo.hidden[s.at] = true
				for _, k := range n.Guards {
					lo.sensitive[c.facts[j][x.Facts[k].Name]] = true
				}
			}
			c.numbers[j] = append(c.numbers[j], s.at)
			out = append(out, s)
		}
	}
	return out
}

// dominated finds a sum that is worked out from what is shown, of groups that are
// hidden together, and that two participants make up: it returns the numbers of one
// more group of the line, those of the fewest participants.
func (lo *lowering) dominated(t *tally.Table, gone []bool) []int {
	for _, l := range lo.lines {
		for j := range t.Stats {
			var together tally.Value
			var least []int
			fewest := int64(math.MaxInt64)
			consider := func(i int, shown bool) {
				if n := t.Groups[i].All.Participants; shown && n < fewest {
					least, fewest = lo.groups[i].numbers[j], n
				}
			}
			total := lo.tells(l.total, j, gone)
			for _, i := range l.parts {
				shown := lo.tells(i, j, gone)
				if !shown {
					v := t.Groups[i].Values[j]
					together.Merge(&v)
				}
				consider(i, shown)
			}
			if _, sums := lo.groups[l.total].facts[j]["sum"]; sums && total && together.Known.Participants > 0 && lo.limits.Dominated(&together) {
				if consider(l.total, total); len(least) > 0 {
					return least
				}
			}
		}
	}
	return nil
}

// tells says whether a number of a group's statistic is shown.
func (lo *lowering) tells(group, stat int, gone []bool) bool {
	return slices.ContainsFunc(lo.groups[group].numbers[stat], func(at int) bool { return !gone[at] })
}

// compared is what a number's mean or quantile bounds: how many are above a value
// that something else in the table compares the number with. Many participants do not
// make it harmless: where other counts of the number are shown, what a mean of
// hundreds leaves can be a few.
func (lo *lowering) compared(t *tally.Table, group, stat int) (out []int) {
	x := t.Stats[stat].Recv()
	if x == nil {
		return nil
	}
	c, labels := lo.groups[group], t.Groups[group].Labels
	for j, other := range t.Stats {
		test := other.Recv()
		if test == nil || test.Kind() != "Bool" || !mentions(test, x) || test.Op() == "Missing" {
			continue
		}
		for _, name := range sorted(c.facts[j]) {
			out = append(out, c.facts[j][name])
		}
	}
	for k, key := range t.Keys { // of a total, the groups by the number's own bands
		if labels[k] != plan.Total || !mentions(key.Plan, x) {
			continue
		}
		for i := range t.Groups {
			if l := t.Groups[i].Labels; l[k] != plan.Total && same(l, labels, k) {
				out = append(out, lo.groups[i].n)
			}
		}
	}
	return out
}

// same says whether labels are the same but for one key's.
func same(a, b []string, except int) bool {
	for k := range a {
		if k != except && a[k] != b[k] {
			return false
		}
	}
	return true
}

// mentions says whether a plan is made of another.
func mentions(n, x *plan.Node) (yes bool) {
	n.Walk(func(m *plan.Node) { yes = yes || m.ID() == x.ID() })
	return yes
}

func (lo *lowering) show(cells ...int) int {
	slices.Sort(cells)
	cells = slices.Compact(cells)
	lo.hidden, lo.gives = append(lo.hidden, false), append(lo.gives, cells)
	return lo.system.Show(cells...)
}
