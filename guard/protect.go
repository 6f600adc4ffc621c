package guard

import (
	"cmp"
	"fmt"
	"slices"
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
	keys    []string  // names
	columns []string  // names of the numbers behind the labels; the first is participants
	stats   []plan.ID // which statistic each column but the first is of
	rows    []row
	notes   []string
	layout  string // the operation that asked for another layout
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
	p.layout = n.Op()
	if n.Op() == "Table" {
		p.layout = "Table1"
	}
	result := p.result(t)
	if way := wayOut(n, result, g.policy); way != "" {
		p.notes = append(p.notes, way)
	}
	return g.releaseTable(n, p, result)
}

func (g *Guard) releaseTable(n *plan.Node, p *protected, result *plan.Result) (Release, error) {
	r := &released{title: titleOf(n), mime: p.render(titleOf(n)), result: result, table: p}
	return g.record("release", n, p.detail(), r)
}

// View releases the groups of a table that has been released in another order, or
// the first of them. Hidden numbers come last, so that their place says nothing.
func (g *Guard) View(n *plan.Node, base Release) (Release, error) {
	if base.r == nil || base.r.table == nil {
		return Release{}, fmt.Errorf("%s of no table", n.Op())
	}
	p, result := *base.r.table, *base.r.result
	order := make([]int, len(p.rows))
	for i := range order {
		order[i] = i
	}
	column := 0
	switch n.Op() {
	case "Top":
		order = order[:min(n.Int(0), len(order))]
	case "SortBy":
		if column = 1 + slices.Index(p.stats, n.Node(0).ID()); column == 0 {
			return Release{}, &plan.Error{Op: "SortBy", Msg: "the table has no " + n.Node(0).Name(), Way: "use a statistic that was given to Summarise", At: n.At()}
		}
		fallthrough
	case "SortByCount":
		slices.SortStableFunc(order, func(i, j int) int {
			if last(&p, i, column) != 0 || last(&p, j, column) != 0 {
				return last(&p, i, column) - last(&p, j, column)
			}
			return cmp.Compare(p.rows[j].cells[column].Value, p.rows[i].cells[column].Value)
		})
	}
	p.rows, result.Groups = nil, nil
	for _, i := range order {
		p.rows = append(p.rows, base.r.table.rows[i])
		result.Groups = append(result.Groups, base.r.result.Groups[i])
	}
	return g.releaseTable(n, &p, &result)
}

// last is 0 for a row with a number to sort by; 1 without one, 2 for a total.
func last(p *protected, row, column int) int {
	switch c := p.rows[row].cells[column]; {
	case slices.Contains(p.rows[row].labels, plan.Total):
		return 2
	case c.Hidden, c.None:
		return 1
	}
	return 0
}

func titleOf(n *plan.Node) string {
	if n.Label() != "" {
		return n.Label()
	}
	who := n.Recv()
	for who.Kind() != "Cohort" && who.Recv() != nil {
		who = who.Recv()
	}
	title := who.Name()
	if who.Op() == "Everyone" {
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
	for _, k := range t.Keys {
		p.keys = append(p.keys, k.Plan.Name())
	}
	decide, err := p.addStats(t)
	if err != nil {
		return nil, err
	}
	known := g.knownLabels(t)
	for i := range t.Groups {
		group := &t.Groups[i]
		if !known(group.Labels) {
			continue
		}
		cells := []plan.Cell{cell(rules.Participants(g.limits, group.All))}
		for j, rule := range decide {
			for _, v := range rule.Decide(g.limits, t.Stats[j], group.All, &group.Values[j]) {
				cells = append(cells, cell(v))
			}
		}
		p.rows = append(p.rows, row{group.Labels, cells})
	}
	p.hideTotals()
	p.notes = g.notes(t)
	return p, nil
}

// addStats names the columns of a table's statistics and finds their rules.
func (p *protected) addStats(t *tally.Table) ([]rules.Rule, error) {
	var decide []rules.Rule
	for j, s := range t.Stats {
		rule, ok := rules.For(s)
		if !ok {
			return nil, fmt.Errorf("no disclosure rule for %s: it is not released", s.Op())
		}
		decide = append(decide, rule)
		names := []string{""}
		if rule.Parts != nil {
			names = rule.Parts(s, partsOf(t, j))
		}
		for _, part := range names {
			name := s.Name()
			switch {
			case s.Op() == "Rate":
				name = part
			case part != "":
				name = s.Recv().Name() + " " + part
			}
			p.columns, p.stats = append(p.columns, name), append(p.stats, s.ID())
		}
	}
	return decide, nil
}

// partsOf is a value of a statistic that has its parts' labels.
func partsOf(t *tally.Table, stat int) *tally.Value {
	for i := range t.Groups {
		if v := &t.Groups[i].Values[stat]; v.Labels != nil {
			return v
		}
	}
	return &tally.Value{}
}

// hideTotals hides, of each column, the totals over a hidden number: it could be
// worked out from them.
func (p *protected) hideTotals() {
	for _, r := range p.rows {
		for i, total := range p.rows {
			if !covers(total.labels, r.labels) {
				continue
			}
			for c := range r.cells {
				if r.cells[c].Hidden && !total.cells[c].None {
					p.rows[i].cells[c] = plan.Cell{Hidden: true, Text: marker}
				}
			}
		}
	}
}

// covers says whether labels are those of a total over the group.
func covers(total, labels []string) bool {
	over := false
	for i := range labels {
		if total[i] == labels[i] {
			continue
		}
		if total[i] != plan.Total {
			return false
		}
		over = true
	}
	return over
}

// knownLabels says which labels may be seen: those of a closed vocabulary, and of
// an open one those that more participants have than the threshold. The label
// "missing" is everyone's.
func (g *Guard) knownLabels(t *tally.Table) func(labels []string) bool {
	have := make([]map[string]int64, len(t.Keys))
	for i := range t.Keys {
		have[i] = map[string]int64{}
		for _, group := range t.Groups {
			if !slices.Contains(group.Labels, plan.Total) {
				have[i][group.Labels[i]] += group.All.Participants
			}
		}
	}
	return func(labels []string) bool {
		for i, k := range t.Keys {
			n := have[i][labels[i]]
			switch {
			case labels[i] == plan.Total:
			case labels[i] == plan.Missing:
				if n == 0 {
					return false // nobody misses the key
				}
			case !k.Closed && (n == 0 || !g.limits.Safe(n)):
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
	for i, id := range p.stats {
		r.Columns = append(r.Columns, plan.Column{Stat: id, Name: p.columns[i+1]})
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
