package guard

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/datasets/plan"
)

// wayOut says which smallest collapse of a released table would show more, as Go
// to paste; "" for a table without hidden numbers of groups. It is made of what
// was released alone.
//
// The table stays in the notebook, so a coarser one must not give away beside it
// what this one hides: merging a hidden group with a shown one would, by their
// difference. Two kinds of collapse do not.
//
// In a table with totals every merged number must follow already: a line of groups
// whose total is shown has all of its hidden groups put together, and their number
// is the total less what is shown. It is certain to be shown, and new only in what
// it saves the reader.
//
// In a table without totals groups that are hidden, or empty, are put together
// with each other only. Whether that passes depends on their numbers, which the
// line does not know: it says "may".
func wayOut(n *plan.Node, result *plan.Result, p Policy) string {
	if !slices.ContainsFunc(result.Groups, hasHidden) {
		return ""
	}
	by := grouped(n)
	if by == nil {
		return ""
	}
	w := &wayOuts{policy: p, text: newGoText(n), of: n, keys: by.Nodes(0), result: result}
	for i := range w.keys {
		w.propose(i)
	}
	if len(w.found) == 0 {
		if slices.ContainsFunc(result.Groups, func(g plan.Group) bool { return slices.Contains(g.Labels, plan.Total) }) {
			return "No wider groups are proposed: they stand in the totals, or could give a hidden number away beside this table."
		}
		return "No wider groups are proposed: beside this table they could give a hidden number away."
	}
	best := slices.MinFunc(w.found, collapse.compare)
	say := "This may show more: "
	if best.gain.certain > 0 {
		say = "To see more: "
	}
	return say + best.code + " " + best.says + "."
}

func hasHidden(g plan.Group) bool {
	return g.Participants.Hidden || slices.ContainsFunc(g.Cells, func(c plan.Cell) bool { return c.Hidden })
}

// grouped is the step that grouped a table's participants, nil where none did.
func grouped(n *plan.Node) *plan.Node {
	lowered, err := plan.Lower(n)
	if err != nil {
		return nil
	}
	for n = lowered; n != nil && n.Kind() != "Groups" && n.Kind() != "Cohort" && n.Kind() != "Frame"; {
		n = n.Recv()
	}
	for ; n != nil && n.Kind() == "Groups"; n = n.Recv() {
		if n.Op() == "By" {
			return n
		}
	}
	return nil
}

// gain is what a collapse turns from hidden into shown, and what it costs.
type gain struct {
	certain  int // hidden numbers of participants that end in one that is certain to be shown
	possible int // those of which three or more end in one that may be shown
	pairs    int // those of which two do: of 1 to 20 participants each, so that it is as likely as not
	stats    int // hidden statistics that do
	lost     int // groups that anybody is in
}

func (g gain) plus(h gain) gain {
	return gain{g.certain + h.certain, g.possible + h.possible, g.pairs + h.pairs, g.stats + h.stats, g.lost + h.lost}
}

func (g gain) participants() int { return g.certain + g.possible + g.pairs }

func (g gain) any() bool { return g.participants()+g.stats > 0 }

// collapse is one way out: what to write instead, and what that does.
type collapse struct {
	gain  gain
	apart int // 1 where bands come together that are no neighbours
	code  string
	says  string
}

func (a collapse) compare(b collapse) int {
	return cmp.Or(b.gain.certain-a.gain.certain, b.gain.possible-a.gain.possible, b.gain.pairs-a.gain.pairs, b.gain.stats-a.gain.stats,
		a.apart-b.apart, a.gain.lost-b.gain.lost, len(a.code)-len(b.code))
}

// wayOuts looks for the collapses of a table.
type wayOuts struct {
	policy Policy
	text   goText
	of     *plan.Node
	keys   []*plan.Node
	result *plan.Result
	found  []collapse
}

// Bounds of what is looked through and written.
const (
	maxLabels = 60  // of a key
	maxEdges  = 12  // written out
	maxCode   = 300 // letters
)

func (w *wayOuts) propose(key int) {
	g := w.along(key)
	if len(g.labels) > maxLabels {
		return
	}
	switch op := g.key.Op(); {
	case g.key.Kind() == "Split":
		w.calendar(g)
		return
	case op == "Bands" || op == "BandsOf":
		w.bands(g)
	case op == "Fractions":
		w.fractions(g)
	case g.key.Kind() == "Bool":
		w.orElse(g)
	}
	if g.key.Kind() == "Category" {
		w.others(g)
	}
	w.without(g)
}

// add notes a collapse whose merged sets of labels all pass.
func (w *wayOuts) add(g *grid, sets [][]int, code, says string) {
	var sum gain
	for _, set := range sets {
		one, ok := g.judge(set)
		if !ok {
			return
		}
		sum = sum.plus(one)
	}
	if sum.any() && len(code) <= maxCode {
		w.found = append(w.found, collapse{sum, g.apart(sets), code, says})
	}
}

// with is the table's operation with another expression for one key.
func (w *wayOuts) with(key int, expression string) string {
	var keys []string
	for i, k := range w.keys {
		text := w.text.write(k)
		if i == key {
			text = expression
		}
		if text != "" {
			keys = append(keys, text)
		}
	}
	op := "By"
	switch {
	case w.of.Op() == "Crosstab", w.of.Op() == "Histogram":
		op = w.of.Op()
	case w.of.Kind() == "Table" && w.of.Op() == "Table":
		op = "Table1"
	}
	return op + "(" + strings.Join(keys, ", ") + ")"
}

// bands leaves out edges: each run of bands that passes is one band.
func (w *wayOuts) bands(g *grid) {
	edges := edgesOf(g.key)
	bands := len(edges) + 1
	if g.count() != bands {
		return
	}
	runs := g.runs(bands)
	inner := map[int]bool{} // edges inside of runs
	for _, r := range runs {
		for _, label := range r[1:] {
			inner[label-1] = true
		}
	}
	var kept []string
	for i, e := range edges {
		if !inner[i] {
			kept = append(kept, strconv.FormatFloat(e, 'g', -1, 64))
		}
	}
	if len(kept) > 0 && len(kept) <= maxEdges {
		on := w.text.write(g.key.Recv())
		w.add(g, runs, w.with(g.at, on+".Bands("+strings.Join(kept, ", ")+")"), g.merges(runs))
	}
	if g.key.Op() == "BandsOf" {
		w.widen(g, len(edges)-1)
	}
}

// widen makes bands of one width wider, by the least whole number that divides them.
func (w *wayOuts) widen(g *grid, inner int) {
	width, lo, hi := g.key.Float(0), g.key.Float(1), g.key.Float(2)
	if float64(inner)*width != hi-lo {
		return
	}
	for m := 2; m < inner; m++ {
		if inner%m != 0 {
			continue
		}
		var sets [][]int
		for at := 1; at <= inner; at += m {
			sets = append(sets, span(at, at+m))
		}
		text := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
		code := fmt.Sprintf("%s.BandsOf(%s, %s, %s)", w.text.write(g.key.Recv()), text(float64(m)*width), text(lo), text(hi))
		w.add(g, sets, w.with(g.at, code), fmt.Sprintf("merges every %d bands", m))
	}
}

// fractions makes fewer groups of equal size.
func (w *wayOuts) fractions(g *grid) {
	n := g.key.Int(0)
	if g.count() != n {
		return
	}
	for m := 2; m <= n/2; m++ {
		if n%m != 0 {
			continue
		}
		var sets [][]int
		for at := 0; at < n; at += m {
			sets = append(sets, span(at, at+m))
		}
		code := fmt.Sprintf("%s.Fractions(%d)", w.text.write(g.key.Recv()), n/m)
		w.add(g, sets, w.with(g.at, code), fmt.Sprintf("merges every %d groups", m))
	}
}

// orElse counts who misses yes or no with one of them.
func (w *wayOuts) orElse(g *grid) {
	missing := slices.Index(g.labels, plan.Missing)
	for label, value := range map[string]string{"yes": "true", "no": "false"} {
		at := slices.Index(g.labels, label)
		if at < 0 || missing < 0 {
			continue
		}
		set := [][]int{{at, missing}}
		w.add(g, set, w.with(g.at, w.text.write(g.key)+".OrElse("+value+")"), g.merges(set))
	}
}

// others puts labels that are hidden together under one.
func (w *wayOuts) others(g *grid) {
	for _, set := range g.together() {
		var names, rest []string
		missing := false
		for i, label := range g.labels {
			switch in := slices.Contains(set, i); {
			case in && label == plan.Missing:
				missing = true
			case in:
				names = append(names, label)
			case label != plan.Missing:
				rest = append(rest, label)
			}
		}
		if len(rest) == 0 { // all, perhaps but for missing
			continue
		}
		says := "puts all others together"
		if !g.unnamed() {
			says = g.merges([][]int{set})
		}
		w.add(g, [][]int{set}, w.with(g.at, w.collapsed(g, names, rest, missing, g.unused(set))), says)
	}
}

// collapsed is the key with the named labels, and perhaps who misses it, under one.
// Where the data alone knows the labels, those that are not shown are in a total as
// well: there the rest is named.
func (w *wayOuts) collapsed(g *grid, names, rest []string, missing bool, into string) string {
	code := w.text.write(g.key)
	switch {
	case g.unnamed():
		code = otherwise(code, rest, into)
	case len(names) == 1:
		into = names[0]
	case len(names) > 1:
		var list []string
		for _, n := range names {
			list = append(list, strconv.Quote(n))
		}
		code += fmt.Sprintf(".Collapse(%q, %s)", into, strings.Join(list, ", "))
	}
	if missing {
		code += fmt.Sprintf(".OrElse(%q)", into)
	}
	if g.unnamed() && g.key.Label() != "" {
		code += fmt.Sprintf(".As(%q)", g.key.Label())
	}
	return code
}

// otherwise names the labels to keep, and one for all others.
func otherwise(category string, keep []string, into string) string {
	var b strings.Builder
	b.WriteString("ds")
	for _, label := range keep {
		fmt.Fprintf(&b, ".When(%s.Is(%q), %q)", category, label, label)
	}
	return b.String() + fmt.Sprintf(".Otherwise(%q)", into)
}

// without leaves the key out: all of its labels are put together.
func (w *wayOuts) without(g *grid) {
	if g.totals || w.of.Op() == "Crosstab" || w.of.Op() == "Table" {
		return
	}
	all := [][]int{span(0, len(g.labels))}
	code := w.with(g.at, "")
	if len(w.keys) == 1 {
		if w.of.Op() == "Rate" { // it is of groups
			return
		}
		code = w.of.Op() + "(" + w.text.arguments(w.of) + ")"
	}
	w.add(g, all, code, "leaves out "+quoted(g.key.Name()))
}

// calendar makes months of days and years of months.
func (w *wayOuts) calendar(g *grid) {
	letters := map[string]int{"Days": len("2020-01"), "Months": len("2020")}[g.key.Op()]
	if letters == 0 || g.totals {
		return
	}
	var sets [][]int
	var periods []string
	for i, label := range g.labels {
		if label == plan.Missing {
			return
		}
		if n := len(periods); n == 0 || periods[n-1] != label[:letters] {
			periods, sets = append(periods, label[:letters]), append(sets, nil)
		}
		sets[len(sets)-1] = append(sets[len(sets)-1], i)
	}
	first, last := periods[0], periods[len(periods)-1]
	code := fmt.Sprintf("ds.Months(%q, %q)", first, last)
	if g.key.Op() == "Months" {
		code = fmt.Sprintf("ds.Years(%s, %s)", first, last)
	}
	w.add(g, sets, code, "in place of "+w.text.spell(g.key))
}

// edgesOf is the edges of bands, as they are cut.
func edgesOf(bands *plan.Node) []float64 {
	var out []float64
	if bands.Op() == "Bands" {
		for i := range bands.Args() {
			out = append(out, bands.Float(i))
		}
		return out
	}
	width, lo, hi := bands.Float(0), bands.Float(1), bands.Float(2)
	for e := lo; e < hi; e = lo + float64(len(out))*width {
		out = append(out, e)
	}
	return append(out, hi)
}

// closed says whether a key's labels come from the plan alone.
func closed(key *plan.Node) bool {
	switch key.Op() {
	case "Bands", "BandsOf", "Fractions", "Levels", "Labels", "Otherwise", "OrMissing", "Month", "Weekday", "Which", "Step", "Path":
		return true
	case "Recode", "Collapse", "Order", "OrElse":
		return closed(key.Recv())
	}
	return key.Kind() == "Bool"
}

func span(from, to int) []int {
	var out []int
	for i := from; i < to; i++ {
		out = append(out, i)
	}
	return out
}

func quoted(label string) string { return "“" + label + "”" }

// insteadOfRows says what to write in place of a refused look at rows: a summary of
// the frame's columns, as Go to paste.
func insteadOfRows(n *plan.Node) string {
	text := newGoText(n)
	var key, stat string
	for _, c := range n.Columns() {
		switch {
		case key == "" && (c.Kind() == "Category" || c.Kind() == "Bool"):
			key = ".By(" + text.write(c) + ")"
		case stat == "" && c.Kind() == "Number":
			stat = text.write(c) + ".Mean()"
		}
	}
	if n.Recv() != nil && n.Recv().Kind() == "Groups" {
		key = ""
	}
	if stat == "" {
		return "describe them: " + key + ".Count()"
	}
	return "describe them: " + key + ".Summarise(" + stat + ")"
}
