package guard

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"

	"weir/datasets/plan"
)

// Chart releases a chart of the numbers of a table that has been released, and of
// nothing else.
func (g *Guard) Chart(n *plan.Node, table Release) (Release, error) {
	c, err := newChart(n, table.Result())
	if err != nil {
		return Release{}, err
	}
	mime := map[string]string{mimePlain: c.text(), mimeSVG: c.svg()}
	return g.record("release", n, map[string]any{"chart": c.title}, &released{title: c.title, mime: mime})
}

// chart is bars: one a group, in clusters along x, clusters in panels.
type chart struct {
	title, y string
	panels   []panel
	series   []string // the labels told by colour; one empty label when none are
	top      float64  // the y axis ends here
}

type panel struct {
	label    string
	clusters []cluster
}

type cluster struct {
	label string
	bars  []plan.Cell // by series; the zero Cell where the table has no such group
}

// newChart reads the chart's settings from its plan: by default the first key
// runs along x, the second is told by colour, the third makes panels, and the
// first statistic is the height.
func newChart(n *plan.Node, r *plan.Result) (*chart, error) {
	c := &chart{}
	role := map[string]int{"X": 0, "Color": 1, "Facet": 2}
	at := [3]int{-1, -1, -1} // which key plays the role
	used := map[int]bool{}
	column := -1
	if len(r.Columns) > 0 {
		column = 0
	}
	step := n
	for ; step.Kind() == "Chart" && step.Op() != "Histogram"; step = step.Recv() {
		switch step.Op() {
		case "Title":
			if c.title == "" {
				c.title = step.Text(0)
			}
		case "Y":
			column = indexOf(r.Columns, func(col plan.Column) bool { return col.Stat == step.Node(0).ID() })
			if column < 0 {
				return nil, &plan.Error{Op: "Y", Msg: "the table has no " + step.Node(0).Name(), Way: "use a statistic that was given to Summarise", At: step.At()}
			}
		case "X", "Color", "Facet":
			k := indexOf(r.Keys, func(id plan.ID) bool { return id == step.Node(0).ID() })
			if k < 0 {
				return nil, &plan.Error{Op: step.Op(), Msg: "the table is not by " + step.Node(0).Name(), Way: "use a key that was given to By", At: step.At()}
			}
			if at[role[step.Op()]] < 0 {
				at[role[step.Op()]], used[k] = k, true
			}
		}
	}
	for i := range at {
		for k := 0; at[i] < 0 && k < len(r.Keys); k++ {
			if !used[k] {
				at[i], used[k] = k, true
			}
		}
	}
	if len(used) < len(r.Keys) || len(r.Keys) == 0 {
		return nil, &plan.Error{Op: step.Op(), Msg: fmt.Sprintf("a bar chart shows a table of one to three keys, this one has %d", len(r.Keys)), At: n.At()}
	}
	if c.title == "" {
		c.title = titleOf(step)
	}
	c.y = "participants"
	if column >= 0 {
		c.y = r.Columns[column].Name
	}
	c.fill(r, at, column)
	return c, nil
}

func indexOf[T any](list []T, is func(T) bool) int {
	for i, x := range list {
		if is(x) {
			return i
		}
	}
	return -1
}

func (c *chart) fill(r *plan.Result, at [3]int, column int) {
	label := func(g plan.Group, role int) string {
		if at[role] < 0 {
			return ""
		}
		return g.Labels[at[role]]
	}
	find := func(have *[]string, s string) int {
		i := indexOf(*have, func(t string) bool { return t == s })
		if i < 0 {
			*have, i = append(*have, s), len(*have)
		}
		return i
	}
	var xs, facets []string
	for _, g := range r.Groups {
		find(&xs, label(g, 0))
		find(&c.series, label(g, 1))
		find(&facets, label(g, 2))
	}
	for _, f := range facets {
		p := panel{label: f}
		for _, x := range xs {
			p.clusters = append(p.clusters, cluster{x, make([]plan.Cell, len(c.series))})
		}
		c.panels = append(c.panels, p)
	}
	for _, g := range r.Groups {
		v := g.Participants
		if column >= 0 {
			v = g.Cells[column]
		}
		c.panels[find(&facets, label(g, 2))].clusters[find(&xs, label(g, 0))].bars[find(&c.series, label(g, 1))] = v
		if !v.Hidden && !v.None {
			c.top = max(c.top, v.Value)
		}
	}
	c.top = roundUp(c.top)
}

// roundUp is the next number that reads well at the end of an axis.
func roundUp(x float64) float64 {
	if x <= 0 {
		return 1
	}
	unit := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 4, 5, 8} {
		if x <= m*unit {
			return m * unit
		}
	}
	return 10 * unit
}

// text is the bars as lines, for where no picture can be shown.
func (c *chart) text() string {
	p := &protected{keys: []string{"group", ""}, columns: []string{c.y}}
	for _, panel := range c.panels {
		for _, cl := range panel.clusters {
			for i, v := range cl.bars {
				if v.Text == "" {
					continue
				}
				bar := ""
				if !v.Hidden && !v.None {
					bar = strings.Repeat("█", int(math.Round(30*max(v.Value, 0)/c.top)))
				}
				names := strings.Join(nonEmpty(panel.label, cl.label, c.series[i]), ", ")
				p.rows = append(p.rows, row{[]string{names, bar}, []plan.Cell{v}})
			}
		}
	}
	return p.text(c.title)
}

func nonEmpty(list ...string) []string {
	var out []string
	for _, s := range list {
		if s != "" {
			out = append(out, s)
		}
	}
	return out
}

// palette is Okabe and Ito's, which the colour-blind can tell apart.
var palette = []string{"#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999"}

// Sizes of the picture, in its own units.
const (
	panelWidth  = 560
	plotHeight  = 240
	marginLeft  = 64
	marginTop   = 56
	marginBelow = 48
	ticks       = 4
)

// svg draws the chart. Hidden bars are drawn as hidden: a hatched stump without a height.
func (c *chart) svg() string {
	height := len(c.panels)*(plotHeight+marginTop+marginBelow) + 16
	width := marginLeft + panelWidth + 16
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" font-family="sans-serif" font-size="12" fill="#222">`, width, height, width, height)
	fmt.Fprintf(&b, "<title>%s</title><desc>%s</desc>\n", html.EscapeString(c.title), html.EscapeString(c.text()))
	b.WriteString(`<defs><pattern id="hidden" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="#eee"/><rect width="2" height="6" fill="#aaa"/></pattern></defs>`)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", width, height)
	fmt.Fprintf(&b, `<text x="%d" y="20" font-size="14" font-weight="bold">%s</text>`, marginLeft, html.EscapeString(c.title))
	c.legend(&b)
	for i, p := range c.panels {
		fmt.Fprintf(&b, `<g transform="translate(%d %d)">`, marginLeft, marginTop+i*(plotHeight+marginTop+marginBelow))
		c.panel(&b, p)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>")
	return b.String()
}

func (c *chart) legend(b *strings.Builder) {
	if len(c.series) < 2 {
		return
	}
	x := marginLeft
	for i, s := range c.series {
		fmt.Fprintf(b, `<rect x="%d" y="30" width="10" height="10" fill="%s"/><text x="%d" y="39">%s</text>`,
			x, palette[i%len(palette)], x+14, html.EscapeString(s))
		x += 30 + 7*len([]rune(s))
	}
}

func (c *chart) panel(b *strings.Builder, p panel) {
	if p.label != "" {
		fmt.Fprintf(b, `<text x="%d" y="-4" text-anchor="end" font-weight="bold">%s</text>`, panelWidth, html.EscapeString(p.label))
	}
	for t := 0; t <= ticks; t++ {
		v := c.top * float64(t) / ticks
		y := plotHeight - plotHeight*t/ticks
		fmt.Fprintf(b, `<line x1="0" x2="%d" y1="%d" y2="%d" stroke="#ddd"/><text x="-6" y="%d" text-anchor="end">%s</text>`,
			panelWidth, y, y, y+4, strconv.FormatFloat(v, 'g', 6, 64))
	}
	fmt.Fprintf(b, `<text x="-48" y="%d" transform="rotate(-90 -48 %d)" text-anchor="middle">%s</text>`, plotHeight/2, plotHeight/2, html.EscapeString(c.y))
	step := float64(panelWidth) / float64(len(p.clusters))
	bar := step * 0.8 / float64(len(c.series))
	for i, cl := range p.clusters {
		x := step*float64(i) + step*0.1
		for s, v := range cl.bars {
			c.bar(b, x+bar*float64(s), bar, palette[s%len(palette)], v)
		}
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle">%s</text>`, step*(float64(i)+0.5), plotHeight+18, html.EscapeString(cl.label))
	}
}

func (c *chart) bar(b *strings.Builder, x, width float64, colour string, v plan.Cell) {
	switch {
	case v.Text == "" || v.None:
	case v.Hidden:
		fmt.Fprintf(b, `<rect x="%.1f" y="%d" width="%.1f" height="14" fill="url(#hidden)"><title>%s</title></rect>`, x, plotHeight-14, width, marker)
	default:
		h := plotHeight * max(v.Value, 0) / c.top
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="%.1f" height="%.1f" fill="%s"><title>%s</title></rect>`,
			x, plotHeight-h, width, h, colour, html.EscapeString(v.Text))
	}
}
