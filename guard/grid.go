package guard

import (
	"slices"
	"strings"

	"weir/datasets/plan"
)

// grid is a released table along one of its keys: what is seen of each group and
// each of its numbers, the participants first.
type grid struct {
	key       *plan.Node
	at        int      // which key it is
	labels    []string // of the key, in order, but for the total
	lines     []line
	totals    bool // the table has totals
	quantiles []bool
	threshold int64
}

// line is the groups that differ in the one key only.
type line struct {
	groups []*plan.Group // by label; nil where none was released
	total  *plan.Group   // over the labels; nil where there is none
}

// along reads the table along a key.
func (w *wayOuts) along(key int) *grid {
	g := &grid{key: w.keys[key], at: key, quantiles: w.quantiles(), threshold: w.policy.Threshold}
	at := map[string]int{}
	for i := range w.result.Groups {
		group := &w.result.Groups[i]
		label := group.Labels[key]
		g.totals = g.totals || slices.Contains(group.Labels, plan.Total)
		if label != plan.Total && !slices.Contains(g.labels, label) {
			g.labels = append(g.labels, label)
		}
		rest := strings.Join(slices.Delete(slices.Clone(group.Labels), key, key+1), "\x00")
		l, ok := at[rest]
		if !ok {
			l = len(g.lines)
			at[rest] = l
			g.lines = append(g.lines, line{})
		}
		if label == plan.Total {
			g.lines[l].total = group
			continue
		}
		place := slices.Index(g.labels, label)
		for len(g.lines[l].groups) <= place {
			g.lines[l].groups = append(g.lines[l].groups, nil)
		}
		g.lines[l].groups[place] = group
	}
	for l := range g.lines {
		for len(g.lines[l].groups) < len(g.labels) {
			g.lines[l].groups = append(g.lines[l].groups, nil)
		}
	}
	return g
}

// quantiles says which numbers of a group are quantiles, from which no other
// follows by subtraction.
func (w *wayOuts) quantiles() []bool {
	ops := map[plan.ID]string{}
	if lowered, err := plan.Lower(w.of); err == nil {
		for _, s := range lowered.Nodes(0) {
			ops[s.ID()] = s.Op()
		}
	}
	out := []bool{false}
	for _, c := range w.result.Columns {
		out = append(out, slices.Contains([]string{"Median", "Quantile", "Quartiles", "Box"}, ops[c.Stat]))
	}
	return out
}

// count is how many labels there are but for missing.
func (g *grid) count() int {
	if slices.Contains(g.labels, plan.Missing) {
		return len(g.labels) - 1
	}
	return len(g.labels)
}

// state is what is seen of a number.
type state int

const (
	empty   state = iota // 0 participants, or nothing to compute from
	legible              // a number
	covered              // hidden
)

func stateOf(group *plan.Group, column int) state {
	c := &group.Participants
	if column > 0 {
		c = &group.Cells[column-1]
	}
	switch {
	case c.Hidden:
		return covered
	case c.None || column == 0 && c.Value == 0:
		return empty
	}
	return legible
}

// judge says what putting the labels of a set together brings, and whether it may
// be proposed: see wayOut.
func (g *grid) judge(set []int) (gain, bool) {
	var sum gain
	if g.totals && len(set) == len(g.labels) {
		return sum, false // it is the total
	}
	for i := range g.lines {
		for column := range g.quantiles {
			one, ok := g.judgeLine(&g.lines[i], column, set)
			if !ok {
				return sum, false
			}
			sum = sum.plus(one)
		}
		sum.lost += max(0, g.lines[i].groupsOf(set)-1)
	}
	return sum, true
}

// groupsOf is how many groups of the set anybody is in.
func (l *line) groupsOf(set []int) int {
	n := 0
	for _, k := range set {
		if stateOf(l.groups[k], 0) != empty {
			n++
		}
	}
	return n
}

func (g *grid) judgeLine(l *line, column int, set []int) (gain, bool) {
	hidden, shown := 0, 0
	for _, k := range set {
		if l.groups[k] == nil {
			return gain{}, false // what stands there was not released
		}
		switch stateOf(l.groups[k], column) {
		case covered:
			hidden++
		case legible:
			shown++
		}
	}
	follows := l.total != nil && stateOf(l.total, column) == legible
	switch {
	case hidden == 0:
		return gain{}, true
	case g.quantiles[column]:
		return gain{stats: hidden}, true
	case follows && g.unnamed() && column == 0:
		return gain{certain: hidden}, g.holdsAll(l, column, set)
	case follows:
		return counted(column, hidden, true), g.holdsAll(l, column, set)
	case g.totals && column == 0, shown > 0:
		return gain{}, false
	}
	return counted(column, hidden, false), true
}

func counted(column, hidden int, certain bool) gain {
	switch {
	case hidden < 2:
		return gain{}
	case column > 0:
		return gain{stats: hidden}
	case certain:
		return gain{certain: hidden}
	case hidden == 2:
		return gain{pairs: hidden}
	}
	return gain{possible: hidden}
}

// holdsAll says whether every hidden number of the line is in the set, so that
// theirs together is the total less the others. Of participants it is checked.
func (g *grid) holdsAll(l *line, column int, set []int) bool {
	left := l.total.Participants.Value
	for k, group := range l.groups {
		if group == nil || slices.Contains(set, k) {
			continue
		}
		if stateOf(group, column) == covered {
			return false
		}
		left -= group.Participants.Value
	}
	return column > 0 || int64(left) > g.threshold
}

// runs are the runs of neighbouring labels, of the first so many, that may be put
// together: those that bring the most, none of them in two.
func (g *grid) runs(labels int) [][]int {
	type run struct {
		set []int
		collapse
	}
	var all []run
	for i := range labels {
		for j := i + 2; j <= labels; j++ {
			set := span(i, j)
			if one, ok := g.judge(set); ok && one.any() && len(set) < labels {
				all = append(all, run{set, collapse{gain: one}})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b run) int { return a.compare(b.collapse) })
	var out [][]int
	taken := map[int]bool{}
	for _, r := range all {
		if r.gain.participants() == 0 && all[0].gain.participants() > 0 {
			break // statistics alone are not worth more labels
		}
		if !slices.ContainsFunc(r.set, func(k int) bool { return taken[k] }) {
			out = append(out, r.set)
			for _, k := range r.set {
				taken[k] = true
			}
		}
	}
	slices.SortFunc(out, func(a, b []int) int { return a[0] - b[0] })
	return out
}

// together are the sets of labels that are linked by being hidden in the same line.
func (g *grid) together() [][]int {
	set := make([]int, len(g.labels)) // the first label that each is linked to
	for k := range set {
		set[k] = k
	}
	hiddenAt := map[int]bool{}
	for i := range g.lines {
		first := -1
		for k, group := range g.lines[i].groups {
			if group == nil || !hasHidden(*group) {
				continue
			}
			hiddenAt[k] = true
			if first < 0 {
				first = k
				continue
			}
			from, to := max(set[first], set[k]), min(set[first], set[k])
			for j := range set {
				if set[j] == from {
					set[j] = to
				}
			}
		}
	}
	var out [][]int
	for k := range set {
		var members []int
		for j := range set {
			if set[j] == k {
				members = append(members, j)
			}
		}
		if len(members) > 1 || g.unnamed() && hiddenAt[k] {
			out = append(out, members)
		}
	}
	return out
}

// apart is 1 where a set has bands that are no neighbours, 0 otherwise.
func (g *grid) apart(sets [][]int) int {
	if !slices.Contains([]string{"Bands", "BandsOf", "Fractions", "Levels"}, g.key.Op()) {
		return 0
	}
	for _, set := range sets {
		if slices.Max(set)-slices.Min(set) >= len(set) {
			return 1
		}
	}
	return 0
}

// unnamed says that a total may hold groups that are not shown, because the data
// alone knows their labels.
func (g *grid) unnamed() bool { return g.totals && g.key.Kind() == "Category" && !closed(g.key) }

// unused is a label for several that no other group has.
func (g *grid) unused(set []int) string {
	for _, name := range []string{"other", "others", "all others"} {
		if at := slices.Index(g.labels, name); at < 0 || slices.Contains(set, at) {
			return name
		}
	}
	return "the rest"
}

// merges says which labels become one.
func (g *grid) merges(sets [][]int) string {
	if len(sets) > 3 {
		return "merges neighbouring groups"
	}
	var all []string
	for _, set := range sets {
		var names []string
		for _, k := range set {
			names = append(names, quoted(g.labels[k]))
		}
		last := len(names) - 1
		all = append(all, strings.Join(names[:last], ", ")+" with "+names[last])
	}
	return "merges " + strings.Join(all, ", and ")
}
