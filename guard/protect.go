package guard

import (
	"fmt"
	"strconv"

	"weir/datasets/plan"
	"weir/datasets/tally"
	"weir/guard/rules"
)

// marker stands for every hidden number, whatever the reason (one marker:
// blanks that tell reasons apart break protection).
const marker = "hidden"

const none = "–" // nothing to compute from

// protected is a table after the rules: what may be seen of it.
type protected struct {
	keys    []string // names
	columns []string // names of the numbers behind the labels; the first is participants
	rows    []row
	notes   []string
}

type row struct {
	labels []string
	cells  []plan.Cell
}

// Table releases the answer to a plan of a table.
func (g *Guard) Table(n *plan.Node, t *tally.Table) (Release, error) {
	protect := g.groups
	if n.Op() == "Attrition" {
		protect = g.attrition
	}
	p, err := protect(n, t)
	if err != nil {
		return Release{}, err
	}
	r := &released{title: titleOf(n), mime: p.render(titleOf(n)), result: p.result(t)}
	return g.record("release", n, p.detail(), r)
}

func titleOf(n *plan.Node) string {
	if n.Label() != "" {
		return n.Label()
	}
	who := n.Recv()
	for who.Kind() != "Cohort" && who.Recv() != nil {
		who = who.Recv()
	}
	title := who.Label()
	if title == "" {
		title = "everyone"
	}
	if n.Op() == "Attrition" {
		title += ": attrition"
	}
	return title
}

// groups protects a table of groups.
func (g *Guard) groups(n *plan.Node, t *tally.Table) (*protected, error) {
	p := &protected{columns: []string{"participants"}}
	var decide []rules.Rule
	for _, k := range t.Keys {
		p.keys = append(p.keys, k.Plan.Name())
	}
	for _, s := range t.Stats {
		rule := rules.For(s)
		if rule == nil {
			return nil, fmt.Errorf("no disclosure rule for %s: it is not released", s.Op())
		}
		decide = append(decide, rule)
		p.columns = append(p.columns, s.Name())
	}
	known := g.knownLabels(t)
	for _, group := range t.Groups {
		if !known(group.Labels) {
			continue
		}
		cells := []plan.Cell{cell(rules.Participants(g.limits, group.All))}
		for i, rule := range decide {
			cells = append(cells, cell(rule(g.limits, group.All, group.Values[i])))
		}
		p.rows = append(p.rows, row{group.Labels, cells})
	}
	p.notes = g.notes(t)
	return p, nil
}

// knownLabels says which labels may be seen: those of a closed vocabulary, and of
// an open one those that more participants have than the threshold. The label
// "missing" is everyone's.
func (g *Guard) knownLabels(t *tally.Table) func(labels []string) bool {
	have := make([]map[string]int64, len(t.Keys))
	for i := range t.Keys {
		have[i] = map[string]int64{}
		for _, group := range t.Groups {
			have[i][group.Labels[i]] += group.All.Participants
		}
	}
	return func(labels []string) bool {
		for i, k := range t.Keys {
			n := have[i][labels[i]]
			if labels[i] == tally.Missing && n == 0 {
				return false // nobody misses the key
			}
			if !k.Closed && labels[i] != tally.Missing && (n == 0 || !g.limits.Safe(n)) {
				return false
			}
		}
		return true
	}
}

func (g *Guard) notes(t *tally.Table) []string {
	notes := []string{fmt.Sprintf("“%s” protects counts of 1 to %d participants; groups whose names only the data knows are left out instead.", marker, g.limits.Threshold)}
	for _, k := range t.Keys {
		if !k.Additive {
			notes = append(notes, fmt.Sprintf("A participant can be in several groups of %s: the groups do not add up.", k.Plan.Name()))
		}
	}
	return notes
}

// attrition protects a cohort's steps. Each step's participants are among the
// step's before, so that a difference of two shown numbers is a count, too.
func (g *Guard) attrition(_ *plan.Node, t *tally.Table) (*protected, error) {
	p := &protected{keys: []string{"step"}, columns: []string{"participants", "left out"}}
	shown, adjacent := int64(-1), false // the last number that was shown, and whether it is the step before
	for _, group := range t.Groups {
		n := group.All.Participants
		safe := g.limits.Safe(n) && (shown < 0 || g.limits.Safe(shown-n))
		var left plan.Cell
		switch {
		case len(p.rows) == 0:
			left = plan.Cell{None: true, Text: none}
		case safe && adjacent:
			left = cell(rules.Verdict{Value: float64(shown - n), Kind: rules.Count})
		default:
			left = cell(rules.Verdict{Hidden: true})
		}
		p.rows = append(p.rows, row{group.Labels, []plan.Cell{cell(rules.Verdict{Hidden: !safe, Value: float64(n), Kind: rules.Count}), left}})
		adjacent = safe
		if safe {
			shown = n
		}
	}
	p.notes = g.notes(t)
	return p, nil
}

func cell(v rules.Verdict) plan.Cell {
	switch {
	case v.Hidden:
		return plan.Cell{Hidden: true, Text: marker}
	case v.None:
		return plan.Cell{None: true, Text: none}
	}
	return plan.Cell{Value: v.Value, Text: format(v)}
}

// format writes a number as tables show it.
func format(v rules.Verdict) string {
	switch v.Kind {
	case rules.Count:
		return thousands(int64(v.Value))
	case rules.Share:
		return strconv.FormatFloat(100*v.Value, 'f', 1, 64) + "%"
	}
	return strconv.FormatFloat(v.Value, 'g', -1, 64)
}

func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// result is the table as values for the cell that asked.
func (p *protected) result(t *tally.Table) *plan.Result {
	r := &plan.Result{}
	for _, k := range t.Keys {
		r.Keys = append(r.Keys, k.Plan.ID())
	}
	for i, s := range t.Stats {
		r.Columns = append(r.Columns, plan.Column{Stat: s.ID(), Name: p.columns[i+1]})
	}
	for _, row := range p.rows {
		r.Groups = append(r.Groups, plan.Group{Labels: row.labels, Participants: row.cells[0], Cells: row.cells[1:]})
	}
	return r
}

// detail is what the ledger keeps of a table: every number that was shown.
func (p *protected) detail() any {
	type line struct {
		Labels []string `json:"labels"`
		Cells  []string `json:"cells"`
	}
	var lines []line
	for _, r := range p.rows {
		l := line{Labels: r.labels}
		for _, c := range r.cells {
			l.Cells = append(l.Cells, c.Text)
		}
		lines = append(lines, l)
	}
	return map[string]any{"keys": p.keys, "columns": p.columns, "rows": lines}
}
