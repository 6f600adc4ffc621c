package chart

import (
	"fmt"
	"slices"
	"strings"

	"weir/datasets/plan"
)

// fill takes from the table what the chart shows.
func (c *Chart) fill(s *settings, r *plan.Result) error {
	columns, parts, err := c.columns(s, r)
	if err != nil {
		return err
	}
	t := &table{s: s, names: make([]string, len(r.Keys)), keys: r.Keys}
	for i, id := range r.Keys {
		if n := s.names[id]; n != nil {
			t.names[i] = named(n.Name(), maxText)
		} else {
			t.names[i] = fmt.Sprintf("key %d", i+1)
		}
	}
	for _, g := range r.Groups {
		if len(g.Labels) != len(r.Keys) || len(g.Cells) != len(r.Columns) {
			return s.wrong("the table is not made of the groups that its plan asks for", "")
		}
		t.add(g, columns)
	}
	if len(t.rows)*len(parts) > maxGroups {
		return s.wrong(fmt.Sprintf("%s groups are too many for a chart", plain(float64(len(t.rows)))), fewer)
	}
	c.parts = parts
	switch {
	case c.kind.op == "Survival":
		err = c.survive(s, t)
	case c.kind.op == "Forest":
		err = c.forest(s, t)
	case c.kind.op != "BoxPlot" && len(parts) > 1:
		t.split(c.y, parts)
		c.parts = []string{""}
	}
	if err != nil {
		return err
	}
	if len(t.names) < c.kind.least || len(t.names) > c.kind.most || len(r.Keys) == 0 {
		return s.wrong(fmt.Sprintf("a %s shows a table of %s keys, this one has %d", c.kind.words, between(c.kind.least, c.kind.most), len(t.names)), "make another table with .By(…)")
	}
	if len(t.rows) == 0 {
		return s.wrong("the table has no groups to draw", "")
	}
	roles, err := t.roles()
	if err != nil {
		return err
	}
	places, err := c.place(t, roles)
	if err != nil {
		return err
	}
	return c.fillWholes(t, r, roles, places)
}

func between(least, most int) string {
	words := []string{"no", "one", "two", "three", "four", "five", "six"}
	if least == most {
		return words[least]
	}
	return words[least] + " to " + words[most]
}

// columns is which cells of a group the chart shows, -1 for its participants, and
// their names where there are several.
func (c *Chart) columns(s *settings, r *plan.Result) ([]int, []string, error) {
	c.y = "participants"
	if len(r.Columns) == 0 || slices.Contains(ofParticipants, c.kind.op) {
		if s.y != nil || c.kind.op == "BoxPlot" {
			return nil, nil, noStat(s)
		}
		return []int{-1}, []string{""}, nil
	}
	stat, err := c.stat(s, r)
	if err != nil {
		return nil, nil, err
	}
	var out []int
	var names []string
	for i, col := range r.Columns {
		if col.Stat == stat {
			out, names = append(out, i), append(names, col.Name)
		}
	}
	op := ""
	if n := s.names[stat]; n != nil {
		op = n.Op()
		c.y = n.Name()
		if len(names) > 1 {
			names, c.y = trim(names, n)
		}
	}
	if op == "Rate" {
		out, names = out[len(out)-1:], names[len(names)-1:]
	}
	if len(names) == 1 {
		c.y, names[0] = names[0], ""
	}
	c.y = named(c.y, maxText)
	for i := range names {
		names[i] = clean(names[i], maxShort)
	}
	c.percent = op == "Proportion" || op == "Shares"
	switch {
	case c.kind.op == "BoxPlot" && len(out) != 3 && len(out) != 5:
		return nil, nil, noStat(s)
	case c.stacked && op != "Count" && op != "Sum" && op != "Shares":
		return nil, nil, wrongAt(s.stacked, c.y+" has no parts that make up a whole", "stack participants, a Bool's Count, a Sum or Shares")
	}
	return out, names, nil
}

// noStat is the error of a chart of numbers that the table does not have.
func noStat(s *settings) error {
	if s.y != nil && s.kind.op != "BoxPlot" {
		return wrongAt(s.y, "the table has no "+s.y.Node(0).Name(), "use a statistic that was given to Summarise")
	}
	return s.wrong("a box plot shows quantiles", "give .Box() of a Number to Summarise, and to .Y(…) if it is not the first")
}

// stat is the statistic that is shown: that of Y, or the first; of a box plot the
// first that has quantiles.
func (c *Chart) stat(s *settings, r *plan.Result) (plan.ID, error) {
	if s.y != nil {
		id := s.y.Node(0).ID()
		if !slices.ContainsFunc(r.Columns, func(col plan.Column) bool { return col.Stat == id }) {
			return id, wrongAt(s.y, "the table has no "+s.y.Node(0).Name(), "use a statistic that was given to Summarise")
		}
		return id, nil
	}
	for _, col := range r.Columns {
		if n := s.names[col.Stat]; c.kind.op == "BoxPlot" && n != nil && (n.Op() == "Box" || n.Op() == "Quartiles") {
			return col.Stat, nil
		}
	}
	return r.Columns[0].Stat, nil
}

// trim takes the statistic's name off the names of its parts.
func trim(names []string, stat *plan.Node) (parts []string, name string) {
	for _, n := range []*plan.Node{stat, stat.Recv()} {
		prefix := n.Name() + " "
		if !slices.ContainsFunc(names, func(s string) bool { return !strings.HasPrefix(s, prefix) }) {
			for _, s := range names {
				parts = append(parts, strings.TrimPrefix(s, prefix))
			}
			return parts, n.Name()
		}
	}
	return names, stat.Name()
}

// table is the released groups with the numbers that the chart shows.
type table struct {
	s      *settings
	names  []string // of the keys
	keys   []plan.ID
	rows   []tableRow
	totals []tableRow
}

type tableRow struct {
	labels []string
	values []value
}

func (t *table) add(g plan.Group, columns []int) {
	row := tableRow{labels: g.Labels}
	for _, i := range columns {
		if i < 0 {
			row.values = append(row.values, see(g.Participants).over(t.bins(g)))
		} else {
			row.values = append(row.values, see(g.Cells[i]))
		}
	}
	if slices.Contains(row.labels, plan.Total) {
		t.totals = append(t.totals, row)
	} else {
		t.rows = append(t.rows, row)
	}
}

// bins is how many of the plan's bins a group of a histogram is.
func (t *table) bins(g plan.Group) int {
	if t.s.kind.op != "Histogram" {
		return 1
	}
	return min(max(1, g.Bins), maxBins)
}

// split makes a key of the parts of a statistic that has several.
func (t *table) split(name string, parts []string) {
	t.names = append(t.names, name)
	var rows []tableRow
	for _, r := range t.rows {
		for i, p := range parts {
			rows = append(rows, tableRow{append(r.labels[:len(r.labels):len(r.labels)], p), r.values[i : i+1]})
		}
	}
	t.rows = rows
}

// roles is which key runs along x, which is told by colour and which makes panels,
// -1 for none; of a Sankey diagram the stages.
func (t *table) roles() (at []int, err error) {
	if t.s.kind.op == "Sankey" {
		for i := range t.names {
			at = append(at, i)
		}
		return at, nil
	}
	at = make([]int, 3)
	used := map[int]bool{}
	for i, step := range t.s.roles {
		at[i] = -1
		if step == nil {
			continue
		}
		name := step.Node(0).Name()
		if at[i] = slices.Index(t.keys, step.Node(0).ID()); at[i] < 0 {
			return at, wrongAt(step, "the table is not by "+name, "use a key that was given to By")
		}
		if used[at[i]] {
			return at, wrongAt(step, name+" has a place already", "use another key")
		}
		used[at[i]] = true
	}
	if parts := len(t.keys); t.s.stacked != nil && len(t.names) > parts {
		if at[1] >= 0 {
			return at, wrongAt(t.s.roles[1], "the parts of the statistic are told by colour", "use .Facet(…)")
		}
		at[1], used[parts] = parts, true
	}
	order := []int{0, 1, 2}
	switch t.s.kind.op {
	case "Heatmap":
		order = []int{1, 0, 2}
	case "Survival":
		at[0], used[0] = 0, true
	}
	for _, i := range order {
		for k := 0; at[i] < 0 && k < len(t.names); k++ {
			if !used[k] {
				at[i], used[k] = k, true
			}
		}
	}
	if t.s.kind.op == "Line" && at[0] < 0 {
		return at, t.s.wrong("a line runs along a key", "give it one with .X(…)")
	}
	if t.s.stacked != nil && at[1] < 0 {
		return at, wrongAt(t.s.stacked, "nothing is told by colour", "make a table of two keys with .By(…)")
	}
	return at, nil
}

// place gives the groups their places by the labels of the keys' roles.
func (c *Chart) place(t *table, roles []int) ([]map[string]int, error) {
	places := make([]map[string]int, len(roles))
	for role, column := range roles {
		name, labels := "", []string{""}
		if column >= 0 {
			name, labels = t.names[column], t.labels(column)
		}
		if role == 0 && c.kind.op == "Line" && allMatch(labels, period) {
			slices.Sort(labels)
		}
		k, at := newKey(name, labels)
		c.keys, places[role] = append(c.keys, k), at
	}
	c.at = map[place]*group{}
	for _, row := range t.rows {
		var at place
		for role, column := range roles {
			if column >= 0 {
				at[role] = places[role][row.labels[column]]
			}
		}
		if c.at[at] != nil {
			return nil, t.s.wrong("the table has two groups of the same labels", "")
		}
		g := &group{at[:len(roles)], row.values}
		c.at[at], c.groups = g, append(c.groups, g)
	}
	c.widen()
	return places, nil
}

// widen gives bins that are shown as one the room of all of them.
func (c *Chart) widen() {
	if c.kind.op != "Histogram" {
		return
	}
	c.wide = make([]int, len(c.keys[0].labels))
	for _, g := range c.groups {
		c.wide[g.at[0]] = g.values[0].bins
	}
}

// slots is how many slots there are along x, and how many before a label.
func (c *Chart) slots() int { return c.before(len(c.keys[0].labels)) }

func (c *Chart) before(x int) int {
	if c.wide == nil {
		return x
	}
	n := 0
	for _, w := range c.wide[:x] {
		n += w
	}
	return n
}

// merged says whether some bar of a histogram is of several bins.
func (c *Chart) merged() bool { return c.wide != nil && c.slots() > len(c.wide) }

// fillWholes finds what the parts of stacked bars make up: 1 if they are shares, or
// the released total over the labels told by colour, if those do not overlap.
func (c *Chart) fillWholes(t *table, r *plan.Result, roles []int, places []map[string]int) error {
	below := slices.ContainsFunc(c.groups, func(g *group) bool { return g.values[0].state == shown && g.values[0].number < 0 })
	switch {
	case below && c.kind.op == "Sankey":
		return t.s.wrong("a flow is of 0 participants or more", "")
	case below && c.stacked:
		return wrongAt(t.s.stacked, "numbers below 0 have no shares", "leave .Stacked() out")
	case !c.stacked:
		return nil
	}
	c.wholes = map[[2]int]value{}
	for _, g := range c.groups {
		if c.percent {
			c.wholes[[2]int{g.at[0], g.at[2]}] = value{state: shown, number: 1}
		}
	}
	colour := roles[1]
	if c.percent || colour >= len(r.Keys) || t.s.names[r.Keys[colour]] == nil || t.s.names[r.Keys[colour]].Kind() == "Split" {
		return nil
	}
	for _, row := range t.totals {
		labels := slices.Clone(row.labels)
		if labels[colour] = ""; slices.Contains(labels, plan.Total) {
			continue
		}
		at, known := [2]int{}, true
		for i, role := range []int{0, 2} {
			if roles[role] >= 0 && known {
				at[i], known = places[role][labels[roles[role]]]
			}
		}
		if known {
			c.wholes[at] = row.values[0]
		}
	}
	return nil
}

// value is the number at labels of x, colour and panels.
func (c *Chart) value(x, colour, panel int) value {
	if g := c.at[place{x, colour, panel}]; g != nil {
		return g.values[0]
	}
	return value{}
}

// labels are the labels of a key in their own order. The table has its groups in
// the order of their labels, but not every combination: what follows what, among
// neighbours that are alike before this key, is put together. Where that makes no
// order, as in a table that was sorted by a number, they stand as they come.
func (t *table) labels(column int) []string {
	var all []string
	at := map[string]int{}
	for _, row := range t.rows {
		l := row.labels[column]
		if _, have := at[l]; !have {
			at[l] = len(all)
			all = append(all, l)
		}
	}
	after, waits := make([]map[int]bool, len(all)), make([]int, len(all))
	for i := 1; i < len(t.rows); i++ {
		before, row := t.rows[i-1].labels, t.rows[i].labels
		from, to := at[before[column]], at[row[column]]
		if from == to || after[from][to] || !slices.Equal(before[:column], row[:column]) {
			continue
		}
		if after[from] == nil {
			after[from] = map[int]bool{}
		}
		after[from][to] = true
		waits[to]++
	}
	return inOrder(all, after, waits)
}

// inOrder sorts labels so that each comes before those that are after it; of the
// possible orders it takes the one closest to the given.
func inOrder(all []string, after []map[int]bool, waits []int) []string {
	var out []string
	for len(out) < len(all) {
		i := slices.Index(waits, 0)
		if i < 0 {
			return all
		}
		out = append(out, all[i])
		waits[i] = -1
		for j := range after[i] {
			waits[j]--
		}
	}
	return out
}
