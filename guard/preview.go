package guard

import (
	"encoding/binary"
	"html"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"

	"weir/datasets/plan"
)

// A preview stands below the refusal of a look at rows: rows that are invented, so that
// people see the shape of their data. Call Marginals, release each as any table is
// released, and Preview with what was released.
//
// Each column is drawn by itself, from the numbers of its released table and from
// nothing else: a label as often as its count of participants says, hidden ones never; a
// number between released quantiles, as if the values between them lay evenly. So a
// preview shows nothing that its tables do not show; how columns belong together is
// not in it.

// Bounds of a preview.
const (
	previewRows    = 10
	previewColumns = 12
)

// Marginal is the plan of one column's table, and what was released of it; the zero
// Release of one that may not be seen.
type Marginal struct {
	Column, Plan *plan.Node
	Table        Release
}

// Marginals are the columns that a look at rows would show. There are none for a plan
// that has no preview.
func Marginals(n *plan.Node) []Marginal {
	if n.Op() != "Head" || n.Recv() == nil || n.Recv().Kind() == "Groups" || n.Int(0) < 1 {
		return nil
	}
	var out []Marginal
	for _, c := range n.Columns() {
		if len(out) == previewColumns {
			break
		}
		if p := marginalOf(n.Recv(), c); p != nil {
			out = append(out, Marginal{Column: c, Plan: p})
		}
	}
	return out
}

// marginalOf is nil for a column that has no marginal.
func marginalOf(population, column *plan.Node) *plan.Node {
	var err error
	switch column.Kind() {
	case "Category", "Bool":
		if population, err = population.Then("By", column); err == nil {
			population, err = population.Then("Count")
		}
	case "Date":
		if column, err = column.Then("Year"); err != nil {
			return nil
		}
		fallthrough
	case "Number":
		if column, err = column.Then("Box"); err == nil {
			population, err = population.Then("Summarise", column)
		}
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	return population
}

// Preview releases the refusal of a look at rows with a preview below it.
func (g *Guard) Preview(n *plan.Node, why *plan.Refusal, columns []Marginal) (Release, error) {
	card := g.card(n, why)
	if p := g.preview(n, columns); p != nil {
		s := p.sheet(previewTitle)
		card.mime[mimePlain] += "\n\n" + s.text()
		card.mime[mimeHTML] += s.html()
	}
	return g.record("refusal", n, map[string]any{"refusal": card.result.Refused, "preview": identities(columns)}, card)
}

const (
	previewTitle = "Synthetic rows: invented, nobody's"
	previewNote  = "Each column is drawn at random by itself, from its released counts or quantiles: " +
		"rows are of no participant, and what stands side by side does not belong together. Do not analyse them."
)

// identities are the plans whose releases a preview is made of.
func identities(columns []Marginal) []string {
	out := []string{}
	for _, c := range columns {
		if c.Table.Result() != nil {
			out = append(out, c.Plan.ID().String())
		}
	}
	return out
}

// preview is nil where nothing was released of any column.
func (g *Guard) preview(n *plan.Node, columns []Marginal) *protected {
	random := newRandom(n)
	rows := previewRows
	if n.Op() == "Head" {
		rows = max(min(n.Int(0), previewRows), 0)
	}
	p := &protected{notes: []string{previewNote}, rows: make([]row, rows)}
	seen := false
	for _, c := range columns {
		draw := g.drawing(c, random)
		seen = seen || draw != nil
		p.keys = append(p.keys, c.Column.Name())
		for i := range p.rows {
			text := marker
			if draw != nil {
				text = draw()
			}
			p.rows[i].labels = append(p.rows[i].labels, text)
		}
	}
	if !seen {
		return nil
	}
	return p
}

// newRandom has the same rows drawn each time.
func newRandom(n *plan.Node) *rand.Rand {
	id := n.ID()
	return rand.New(rand.NewPCG(binary.BigEndian.Uint64(id[:8]), 0))
}

// drawing returns what draws a column's values, nil where all of it is hidden.
func (g *Guard) drawing(c Marginal, random *rand.Rand) func() string {
	r := c.Table.Result()
	switch {
	case r == nil || r.Refused != nil:
		return nil
	case len(r.Keys) == 1:
		return drawLabels(r.Groups, random)
	case len(r.Groups) == 1:
		return g.drawNumbers(r.Groups[0].Cells, random)
	}
	return nil
}

func drawLabels(groups []plan.Group, random *rand.Rand) func() string {
	var labels []string
	var ends []float64
	sum := 0.0
	for _, group := range groups {
		if c := group.Participants; !c.Hidden && !c.None && c.Value > 0 && group.Labels[0] != plan.Total {
			sum += c.Value
			labels, ends = append(labels, group.Labels[0]), append(ends, sum)
		}
	}
	if len(labels) == 0 {
		return nil
	}
	return func() string {
		x := random.Float64() * sum
		for i, end := range ends {
			if x < end {
				return labels[i]
			}
		}
		return labels[len(labels)-1]
	}
}

// drawNumbers draws between the first quantile and the last.
func (g *Guard) drawNumbers(cells []plan.Cell, random *rand.Rand) func() string {
	var at []float64
	whole := true
	for _, c := range cells {
		if c.Hidden || c.None || math.IsNaN(c.Value) {
			return nil
		}
		at = append(at, c.Value)
		whole = whole && c.Value == math.Trunc(c.Value)
	}
	if len(at) < 2 {
		return nil
	}
	return func() string {
		i := random.IntN(len(at) - 1)
		x := at[i] + random.Float64()*(at[i+1]-at[i])
		if whole {
			return strconv.FormatFloat(math.Round(x), 'f', -1, 64)
		}
		return strconv.FormatFloat(x, 'g', int(min(g.limits.Digits, 3)), 64)
	}
}

// card is what a refusal displays: what is refused, by which rule, what to do
// instead, and the definitions of the columns.
func (g *Guard) card(n *plan.Node, why *plan.Refusal) *released {
	if why.Way == "" {
		why = &plan.Refusal{Rule: why.Rule, Reason: why.Reason, Way: insteadOfRows(n)}
	}
	p := &protected{keys: []string{"column", "type", "definition"}}
	for _, c := range n.Columns() {
		p.rows = append(p.rows, row{labels: []string{c.Name(), strings.ToLower(string(c.Kind())), c.String()}})
	}
	head := "Refused: " + printable(why.Reason) + "."
	text := head + "\nRule: " + printable(why.Rule) + ".\nInstead: " + printable(why.Way) + "."
	page := "<div class=\"tex2jax_ignore mathjax_ignore\">\n<p><strong>" + html.EscapeString(head) + "</strong></p>\n<dl style=\"margin-bottom:1em\"><dt>Rule</dt><dd>" + html.EscapeString(printable(why.Rule)) +
		"</dd><dt>Instead</dt><dd>" + html.EscapeString(printable(why.Way)) + "</dd></dl>\n</div>\n"
	if len(p.rows) > 0 {
		s := p.sheet("What the frame holds")
		text += "\n\n" + s.text()
		page += s.html()
	}
	return &released{title: why.Reason, mime: map[string]string{mimePlain: text, mimeHTML: page}, result: &plan.Result{Refused: why}}
}
