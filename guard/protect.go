package guard

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"weir/datasets/plan"
	"weir/datasets/tally"
	"weir/guard/audit"
	"weir/guard/completion"
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
	layout  string         // the operation that asked for another layout
	merged  map[string]int // of a histogram's rows, how many bins each is, where it is several

	certificate []byte // of package certificate; nil where there is none
	uncertified string // and why
}

type row struct {
	labels []string
	cells  []plan.Cell
}

// Table releases the answer to a plan of a table.
func (g *Guard) Table(n *plan.Node, t *tally.Table) (Release, error) {
	return g.TableContext(context.Background(), n, t)
}

// TableContext is Table, and ends early when ctx does: then nothing is released.
func (g *Guard) TableContext(ctx context.Context, n *plan.Node, t *tally.Table) (Release, error) {
	protect := g.groups
	switch {
	case n.Op() == "Attrition":
		protect = g.attrition
	case isHistogram(n, t):
		protect = g.histogram
	}
	end, err := g.history.decide(ctx)
	if err != nil {
		return Release{}, err
	}
	defer end()
	p, err := protect(ctx, n, t)
	if err != nil {
		return Release{}, err
	}
	p.layout = n.Op()
	if n.Op() == "Table" {
		p.layout = "Table1"
	}
	result := p.result(t)
	if way := wayOut(n, result, g.policy); way != "" && p.merged == nil { // bins are merged as far as it helps
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
	p.certificate, p.uncertified = nil, "a view of a table that was released before"
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
func (g *Guard) groups(ctx context.Context, n *plan.Node, t *tally.Table) (*protected, error) {
	p := &protected{columns: []string{"participants"}}
	for _, k := range t.Keys {
		p.keys = append(p.keys, k.Plan.Name())
	}
	v := g.visible(t)
	decide, err := p.addStats(t, v)
	if err != nil {
		return nil, err
	}
	lo := lower(t, decide, g.limits, v)
	if g.excepted {
		p.rows = g.rows(t, v, lo, make([]bool, len(lo.hidden)))
		return p, nil
	}
	q, err := g.recall(lo, t)
	if err != nil {
		return nil, err
	}
	gone, err := lo.protect(ctx, t, g.small(t))
	if err != nil {
		return nil, err
	}
	proof := g.certify(p, t, v, lo, gone, true)
	if pinned(proof) {
		gone = lo.all()
		proof = g.certify(p, t, v, lo, gone, true)
	}
	if err := ctx.Err(); err != nil { // before anything is remembered of it
		return nil, err
	}
	before := slices.Clone(gone)
	note, err := g.remember(ctx, q, lo, gone)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(before, gone) {
		proof = g.certify(p, t, v, lo, gone, false)
	}
	g.count(gone, note != "")
	p.uncertified = reason(proof)
	p.notes = g.notes(t)
	if hint := g.hint(t); hint != "" {
		p.notes = append(p.notes, hint)
	}
	if note != "" {
		p.notes = append(p.notes, note)
	}
	return p, nil
}

// certify makes the rows of a table, and their certificate. Unless more is hidden
// than the table by itself asks for, hidden says not zero.
func (g *Guard) certify(p *protected, t *tally.Table, v *visible, lo *lowering, gone []bool, zeros bool) (err error) {
	p.rows = g.rows(t, v, lo, gone)
	if g.small(t) {
		return errSmall
	}
	x := published(t, v, lo, gone, p.rows, g.limits.Threshold)
	if !zeros {
		x.c.Least = nil
	}
	p.certificate, err = x.certify(lo)
	return err
}

// errSmall says that there is nothing to certify.
var errSmall = errors.New("nothing is shown of so few participants")

// reason says in the ledger why a table has no certificate.
func reason(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, errSmall), errors.Is(err, completion.ErrLarge), errors.Is(err, completion.ErrInexact):
		return err.Error()
	}
	return "no certificate was found"
}

// pinned says that the published table by itself gives a small count away.
func pinned(err error) bool {
	var p *completion.PinnedError
	return errors.As(err, &p) || errors.Is(err, errFollows)
}

// rows is the rows that may be seen, without the numbers that are gone.
func (g *Guard) rows(t *tally.Table, v *visible, lo *lowering, gone []bool) (out []row) {
	next := 0
	for i := range t.Groups {
		if !v.group(t.Groups[i].Labels) {
			continue
		}
		var cells []plan.Cell
		empty := t.Groups[i].All.Participants == 0 && !gone[lo.rows[next][0].at]
		for _, x := range lo.rows[next] {
			cells = append(cells, g.cell(x.Number, gone[x.at] && !empty))
		}
		out = append(out, row{t.Groups[i].Labels, cells})
		next++
	}
	return out
}

// Work that is spent on hiding little, by the size of the table.
const (
	smallTable = 80  // cells: several choices, and a search for the fewest
	largeTable = 600 // above this the first choice stands
)

// protect says which numbers are hidden.
func (lo *lowering) protect(ctx context.Context, t *tally.Table, everything bool) ([]bool, error) {
	if everything {
		return filled(len(lo.hidden)), nil
	}
	tell, done := progressOf(ctx)
	defer done()
	o := audit.Options{Sensitive: lo.sensitive, Hidden: lo.hidden, Limit: lo.limits.Threshold, Progress: tell}
	switch cells := len(lo.sensitive); {
	case cells <= smallTable:
		o.Effort, o.Exact = 4, 30
	case cells <= largeTable:
		o.Effort = 1
	}
	for range len(lo.hidden) {
		out, err := lo.system.ProtectContext(ctx, o)
		if err != nil {
			return nil, err
		}
		if len(out.Unsafe) > 0 && lo.system.Fixed != nil { // it may be safe alone; the history sees to the rest
			lo.forget()
			continue
		}
		if len(out.Unsafe) > 0 { // nothing passes that was not shown to be safe
			return lo.all(), nil
		}
		more := lo.dominated(t, out.Hidden)
		if more == nil {
			return out.Hidden, nil
		}
		for _, at := range more {
			o.Hidden[at] = true
		}
	}
	return lo.all(), nil
}

// forget hides what was only known from before.
func (lo *lowering) forget() {
	lo.system.Fixed = nil
	for at := lo.own; at < len(lo.hidden); at++ {
		lo.hidden[at] = true
	}
}

// all is every number but those that say that there is nobody.
func (lo *lowering) all() []bool {
	out := filled(len(lo.hidden))
	for _, row := range lo.rows {
		if row[0].Value == 0 {
			for _, n := range row {
				out[n.at] = false
			}
		}
	}
	return out
}

func filled(n int) []bool {
	out := make([]bool, n)
	for i := range out {
		out[i] = true
	}
	return out
}

// small says that the table is about too few participants: what their groups are,
// zeros included, would describe them.
func (g *Guard) small(t *tally.Table) bool {
	all, most := int64(0), int64(0)
	for i := range t.Groups {
		n := t.Groups[i].All.Participants
		if most = max(most, n); !slices.Contains(t.Groups[i].Labels, plan.Total) {
			all += n
		}
	}
	for _, k := range t.Keys {
		if !k.Additive { // all is more than there are
			return !g.limits.Safe(most)
		}
	}
	return !g.limits.Safe(all)
}

// addStats names the columns of a table's statistics and finds their rules.
func (p *protected) addStats(t *tally.Table, v *visible) ([]rules.Rule, error) {
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
		for i, part := range names {
			if !v.part(j, i) {
				continue
			}
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

// visible says which labels may be seen: those of a closed vocabulary, and of an
// open one those that more participants have than the threshold. The label
// "missing" is everyone's.
type visible struct {
	labels []map[string]bool // by key
	parts  []map[int]bool    // by statistic, those that may not be seen
}

func (g *Guard) visible(t *tally.Table) *visible {
	v := &visible{}
	for i, k := range t.Keys {
		have := g.have(t, i)
		may := map[string]bool{plan.Total: true}
		for label, n := range have {
			if label == plan.Missing {
				may[label] = n > 0 // or nobody misses the key
			} else {
				may[label] = k.Closed || n > g.limits.Threshold
			}
		}
		v.labels = append(v.labels, may)
	}
	for j := range t.Stats {
		hide := map[int]bool{}
		if parts := partsOf(t, j); parts.Open {
			for i := range parts.Labels {
				hide[i] = !slices.ContainsFunc(t.Groups, func(x tally.Group) bool {
					return i < len(x.Values[j].Parts) && x.Values[j].Parts[i].Participants > g.limits.Threshold
				})
			}
		}
		v.parts = append(v.parts, hide)
	}
	return v
}

// have is how many participants have each label of a key, or fewer: where another
// key has a participant in several groups, the most in one.
func (g *Guard) have(t *tally.Table, key int) map[string]int64 {
	once := true
	for i, k := range t.Keys {
		once = once && (k.Additive || i == key)
	}
	out := map[string]int64{}
	for i := range t.Groups {
		labels, n := t.Groups[i].Labels, t.Groups[i].All.Participants
		switch {
		case !once:
			out[labels[key]] = max(out[labels[key]], n)
		case !slices.Contains(labels, plan.Total):
			out[labels[key]] += n
		}
	}
	return out
}

func (v *visible) group(labels []string) bool {
	for i, l := range labels {
		if !v.labels[i][l] {
			return false
		}
	}
	return true
}

// least is what is known of a hidden group. Of one with a label of an open
// vocabulary, and no other, it is known why the label is seen.
func (v *visible) least(t *tally.Table, labels []string, threshold int64) int64 {
	told := -1
	for k, l := range labels {
		if l != plan.Total {
			if told >= 0 {
				return 1
			}
			told = k
		}
	}
	if told >= 0 && !t.Keys[told].Closed && labels[told] != plan.Missing && v.labels[told][labels[told]] {
		return threshold + 1
	}
	return 1
}

func (v *visible) part(stat, part int) bool { return !v.parts[stat][part] }

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
func (g *Guard) attrition(ctx context.Context, _ *plan.Node, t *tally.Table) (*protected, error) {
	p := &protected{keys: []string{"step"}, columns: []string{"participants", "left out"}}
	safe := g.steps(t)
	note, err := g.rememberSteps(ctx, t, safe)
	if err != nil {
		return nil, err
	}
	if g.excepted {
		safe = filled(len(safe))
	}
	before := -1 // the last step that is shown
	for i, group := range t.Groups {
		n := rules.Number{Kind: rules.Count, Value: float64(group.All.Participants)}
		left := rules.Number{Kind: rules.Count, None: i == 0}
		if i > 0 {
			left.Value = float64(t.Groups[i-1].All.Participants) - n.Value
		}
		p.rows = append(p.rows, row{group.Labels, []plan.Cell{g.cell(n, !safe[i]), g.cell(left, i > 0 && (!safe[i] || before != i-1))}})
		if safe[i] {
			before = i
		}
	}
	p.certificate, err = flow(p.rows, t, g.limits.Threshold, note == "")
	p.uncertified = reason(err)
	p.notes = g.notes(t)
	if note != "" {
		p.notes = append(p.notes, note)
	}
	return p, nil
}

// steps says which steps are shown: from the first on those that differ from the
// last shown by nobody or by enough. A step after which only a count of 1 to the
// threshold could come is hidden, when that comes.
func (g *Guard) steps(t *tally.Table) []bool {
	out := make([]bool, len(t.Groups))
	last := -1
	for i := range t.Groups {
		n := t.Groups[i].All.Participants
		if out[i] = g.limits.Safe(n) && (last < 0 || g.limits.Safe(t.Groups[last].All.Participants-n)); out[i] {
			last = i
		}
	}
	if last >= 0 && last < len(out)-1 && t.Groups[last].All.Participants == g.limits.Threshold+1 {
		n := t.Groups[last].All.Participants
		for i := range out {
			out[i] = out[i] && t.Groups[i].All.Participants != n
		}
	}
	return out
}

// cell is a number as the table shows it.
func (g *Guard) cell(n rules.Number, hidden bool) plan.Cell {
	switch {
	case hidden:
		return plan.Cell{Hidden: true, Text: marker}
	case n.None:
		return plan.Cell{None: true, Text: none}
	case n.Text != "":
		return plan.Cell{None: true, Text: n.Text}
	}
	return plan.Cell{Value: n.Value, Text: g.format(n)}
}

// format writes a number as tables show it.
func (g *Guard) format(n rules.Number) string {
	switch n.Kind {
	case rules.Count:
		return thousands(int64(n.Value))
	case rules.Share:
		return strconv.FormatFloat(100*n.Value, 'f', int(g.limits.Decimals), 64) + "%"
	}
	return strconv.FormatFloat(n.Value, 'g', -1, 64)
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
		if p.merged != nil {
			r.Groups[len(r.Groups)-1].Bins = p.merged[row.labels[0]]
		}
	}
	return r
}

// detail is what the ledger keeps of a table: every number that was shown, and the
// certificate of the others (package certificate), or why there is none.
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
	out := map[string]any{"keys": p.keys, "columns": p.columns, "rows": lines}
	if p.certificate != nil {
		out["certificate"] = json.RawMessage(p.certificate)
	} else {
		out["uncertified"] = p.uncertified
	}
	return out
}
