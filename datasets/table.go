package datasets

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"weir/datasets/plan"
)

// Table is a protected table. It runs when first looked at: displayed, charted or read; then it stays.
type Table struct{ n *plan.Node }

func (t Table) plan() *plan.Node { return t.n }

// String says what would run; as the last line of a cell, and with Show, the table displays.
func (t Table) String() string { return t.n.Tree() }

// Plan is what would run, as text; nothing runs.
func (t Table) Plan() string { return t.n.String() }

// Show displays the table, for loops and for cells with several.
func (t Table) Show() { show(t.n) }

func show(n *plan.Node) {
	if err := plan.Show(n); err != nil {
		panic(err)
	}
}

// As titles the table.
func (t Table) As(title string) Table { return Table{as(t.n, title)} }

// SortBy orders groups by a released number, hidden ones last.
func (t Table) SortBy(s Stat) Table { return Table{then(t.n, "SortBy", s.n)} }

// SortByCount orders groups by their participants, the most first, hidden ones last.
func (t Table) SortByCount() Table { return Table{then(t.n, "SortByCount")} }

// Top keeps the first n groups of what was released.
func (t Table) Top(n int) Table { return Table{then(t.n, "Top", n)} }

// Err runs the table and says why it was refused, or nil.
func (t Table) Err() error {
	r, err := plan.Run(t.n)
	if err == nil && r.Refused != nil {
		return r.Refused
	}
	return err
}

// result is the released table; a refused one stops the cell.
func (t Table) result() *plan.Result {
	r, err := plan.Run(t.n)
	if err != nil {
		panic(err)
	}
	if r.Refused != nil {
		panic(r.Refused)
	}
	return r
}

// Groups is the released groups as ordinary values.
func (t Table) Groups() []Group {
	r := t.result()
	out := make([]Group, len(r.Groups))
	for i := range r.Groups {
		out[i] = Group{r, &r.Groups[i]}
	}
	return out
}

// Group is the released group with these labels, in the order of the keys.
func (t Table) Group(labels ...string) Group {
	for _, g := range t.Groups() {
		if slices.Equal(g.g.Labels, labels) {
			return g
		}
	}
	panic(&Error{Op: "Group", Msg: "no group " + strings.Join(labels, ", ") + " was released",
		Way: "range over .Groups() to see those that were"})
}

// Total is the group of everyone, where the table has one.
func (t Table) Total() Group {
	for _, g := range t.Groups() {
		if !slices.ContainsFunc(g.g.Labels, func(l string) bool { return l != plan.Total }) {
			return g
		}
	}
	panic(&Error{Op: "Total", Msg: "the table has no total", Way: "add .WithTotals() to the groups"})
}

// Participants is the number of participants in all, where the table has a total.
func (t Table) Participants() Cell { return t.Total().Participants() }

// Labels is a key's labels, one a group.
func (t Table) Labels(k Key) []string {
	var out []string
	for _, g := range t.Groups() {
		out = append(out, g.Label(k))
	}
	return out
}

// Floats is a statistic's numbers, one a group, NaN where hidden.
func (t Table) Floats(s Stat) []float64 {
	var out []float64
	for _, g := range t.Groups() {
		out = append(out, g.Float(s))
	}
	return out
}

// Group is one group of a released table.
type Group struct {
	r *plan.Result
	g *plan.Group
}

// Label is the group's label of a key.
func (g Group) Label(k Key) string {
	i := slices.Index(g.r.Keys, k.plan().ID())
	if i < 0 {
		panic(&Error{Op: "Label", Msg: "the table is not by " + k.plan().Name(), Way: "use a key that was given to By"})
	}
	return g.g.Labels[i]
}

// Labels is the group's labels, in the order of the keys.
func (g Group) Labels() []string { return slices.Clone(g.g.Labels) }

// Participants is the group's number of participants.
func (g Group) Participants() Cell { return Cell{g.g.Participants} }

// Cell is the group's number for a statistic.
func (g Group) Cell(s Stat) Cell {
	for i, c := range g.r.Columns {
		if c.Stat == s.n.ID() {
			return Cell{g.g.Cells[i]}
		}
	}
	panic(&Error{Op: "Cell", Msg: "the table has no " + s.n.Name(), Way: "use a statistic that was given to Summarise"})
}

// Cells is the group's numbers for a statistic that has several: three for Quartiles, five for Box, one a label for Shares.
func (g Group) Cells(s Stat) []Cell {
	var out []Cell
	for i, c := range g.r.Columns {
		if c.Stat == s.n.ID() {
			out = append(out, Cell{g.g.Cells[i]})
		}
	}
	return out
}

// Float is the group's number for a statistic, NaN when hidden.
func (g Group) Float(s Stat) float64 { return g.Cell(s).Float() }

// String is the group's labels and numbers.
func (g Group) String() string {
	parts := append(g.Labels(), g.Participants().String())
	for _, c := range g.g.Cells {
		parts = append(parts, Cell{c}.String())
	}
	return strings.Join(parts, "  ")
}

// Cell is one released number, or a hidden one.
type Cell struct{ c plan.Cell }

// Hidden says whether the number is protected; it does not say why.
func (c Cell) Hidden() bool { return c.c.Hidden }

// Float is the number, NaN when hidden or when there is none.
func (c Cell) Float() float64 {
	if c.c.Hidden || c.c.None {
		return math.NaN()
	}
	return c.c.Value
}

// Value is the number and whether there is one to see.
func (c Cell) Value() (float64, bool) { return c.Float(), !c.c.Hidden && !c.c.None }

// String is the number as the table shows it, or the one marker.
func (c Cell) String() string { return c.c.Text }

// Format prints a cell's text for %s and %v, and its number for the verbs of numbers.
func (c Cell) Format(f fmt.State, verb rune) {
	switch verb {
	case 's', 'v':
		fmt.Fprintf(f, fmt.FormatString(f, 's'), c.String())
	case 'd':
		fmt.Fprintf(f, fmt.FormatString(f, 'd'), int64(c.Float()))
	default:
		fmt.Fprintf(f, fmt.FormatString(f, verb), c.Float())
	}
}

// Chart is a chart of released numbers and of nothing else.
type Chart struct{ n *plan.Node }

func (c Chart) plan() *plan.Node { return c.n }

// Bar is a bar chart: first key along x, second by colour, first statistic as height.
func (t Table) Bar() Chart { return Chart{then(t.n, "Bar")} }

// Line is a line chart.
func (t Table) Line() Chart { return Chart{then(t.n, "Line")} }

// BoxPlot is a box plot of the statistic Box; whiskers at the 5th and 95th percentile.
func (t Table) BoxPlot() Chart { return Chart{then(t.n, "BoxPlot")} }

// Heatmap is a heat map of two keys.
func (t Table) Heatmap() Chart { return Chart{then(t.n, "Heatmap")} }

// Sankey is the flow from key to key.
func (t Table) Sankey() Chart { return Chart{then(t.n, "Sankey")} }

// Survival is the survival curves of a table of participants by bands of the time for
// which each was followed and by whether that time ended with the event. Other keys are
// told by colour and panels. A curve ends where an interval's number is hidden.
func (t Table) Survival(time Category, event Bool) Chart {
	return Chart{then(t.n, "Survival", time.n, event.n)}
}

// Forest is a forest plot of a table of participants by an outcome and other keys: in
// each group the proportion with the outcome, with its 95% interval.
func (t Table) Forest(outcome Bool) Chart { return Chart{then(t.n, "Forest", outcome.n)} }

// OddsRatio makes a forest plot one of the odds of the outcome with an exposure over
// those without, in each group. The exposure is a key of the table, too.
func (c Chart) OddsRatio(exposure Bool) Chart { return Chart{then(c.n, "OddsRatio", exposure.n)} }

// Stacked stacks bars to 100%.
func (c Chart) Stacked() Chart { return Chart{then(c.n, "Stacked")} }

// LogY makes the y axis logarithmic.
func (c Chart) LogY() Chart { return Chart{then(c.n, "LogY")} }

// String is the chart's definition.
func (c Chart) String() string { return c.n.Tree() }

// Show displays the chart.
func (c Chart) Show() { show(c.n) }

func (c Chart) set(op string, a plan.Arg) Chart { return Chart{then(c.n, op, a)} }

// Title titles the chart.
func (c Chart) Title(s string) Chart { return c.set("Title", s) }

// X says which key runs along x.
func (c Chart) X(k Key) Chart { return c.set("X", arg(k)) }

// Color says which key is told by colour.
func (c Chart) Color(k Key) Chart { return c.set("Color", arg(k)) }

// Facet says which key has a panel for each label.
func (c Chart) Facet(k Key) Chart { return c.set("Facet", arg(k)) }

// Y says which statistic is shown.
func (c Chart) Y(s Stat) Chart { return c.set("Y", arg(s)) }
