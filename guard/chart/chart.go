// Package chart draws released numbers, and nothing else: bars, lines, box plots,
// heat maps, Sankey diagrams, survival curves and forest plots, as text, SVG, PNG and
// Vega-Lite. Call New with a chart's plan and the table that was released for it.
//
// A hidden number is forgotten as the first thing that New does: every picture
// and every text is made of what is left. It is drawn as hidden, in a form whose
// size is the same for all of them. Rows of totals are left out; "missing" comes
// last and is grey.
//
// New refuses a chart that cannot be read (too many marks, colours or panels) and
// says what to do instead. Labels and titles may be an attacker's: they are
// cleaned, bounded and escaped.
package chart

import (
	"fmt"
	"slices"
	"strings"

	"weir/datasets/plan"
)

// Chart is a chart that has been drawn.
type Chart struct {
	kind    kind
	title   string
	y       string   // what the numbers are
	percent bool     // they are shares of 1, shown as percentages
	keys    []*key   // x, colour, panels; of a Sankey diagram its stages
	parts   []string // the numbers of a group: one, but in a box plot
	groups  []*group
	at      map[place]*group
	wholes  map[[2]int]value // of stacked bars, by label of x and panels: the released totals
	wide    []int            // of a histogram, by label of x, how many bins it is
	stacked bool
	log     bool
	spans   []span // of survival curves: the intervals of time
	drawing *drawing
}

// kind is one of the kinds of charts.
type kind struct {
	op, words   string
	least, most int // keys
	several     int // how many numbers of a group are drawn, where it has several
}

var kinds = []kind{
	{"Bar", "bar chart", 1, 3, 0},
	{"Line", "line chart", 1, 3, 0},
	{"BoxPlot", "box plot", 1, 3, 5},
	{"Heatmap", "heat map", 2, 3, 0},
	{"Sankey", "Sankey diagram", 2, 6, 0},
	{"Histogram", "histogram", 1, 1, 0},
	{"Survival", "survival curve", 1, 3, 3},
	{"Forest", "forest plot", 0, 3, 3},
}

// New draws the chart of a plan from its released table: by default the first key
// runs along x, the second is told by colour, the third makes panels, and the
// first statistic is shown. In a heat map the first key runs down and the second
// along x, as in a table; a Sankey diagram goes from key to key. Survival curves and
// forest plots are estimates from some of the keys, drawn by the others: time along x,
// the first of the others down. title stands where the plan sets none. Errors are
// *plan.Error.
func New(n *plan.Node, r *plan.Result, title string) (*Chart, error) {
	s, err := readSettings(n)
	if err != nil {
		return nil, err
	}
	if r == nil || r.Refused != nil {
		return nil, s.wrong("there is no released table to draw", "")
	}
	c := &Chart{kind: s.kind, title: clean(title, maxText), stacked: s.stacked != nil, log: s.log != nil}
	if s.title != "" {
		c.title = clean(s.title, maxText)
	}
	if err := c.fill(s, r); err != nil {
		return nil, err
	}
	if err := c.check(s); err != nil {
		return nil, err
	}
	c.drawing = c.draw()
	return c, nil
}

// settings are what the plan says of a chart. Of a setting that is made twice the
// last holds.
type settings struct {
	kind         kind
	step         *plan.Node // that made the chart
	title        string
	roles        [3]*plan.Node // the steps X, Color and Facet
	y            *plan.Node
	stacked, log *plan.Node
	odds         *plan.Node
	names        map[plan.ID]*plan.Node // the plan's parts
}

func readSettings(n *plan.Node) (*settings, error) {
	if n == nil || n.Kind() != "Chart" {
		return nil, &plan.Error{Msg: "the plan is no chart's"}
	}
	s := &settings{names: map[plan.ID]*plan.Node{}}
	n.Walk(func(m *plan.Node) {
		if have := s.names[m.ID()]; have == nil || have.Label() == "" {
			s.names[m.ID()] = m
		}
	})
	for ; n.Recv() != nil && n.Recv().Kind() == "Chart"; n = n.Recv() {
		s.set(n)
	}
	s.step = n
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.op == n.Op() })
	if i < 0 {
		return nil, s.wrong("there is no such chart", "")
	}
	s.kind = kinds[i]
	return s, s.fits()
}

func (s *settings) set(n *plan.Node) {
	first := func(at **plan.Node) {
		if *at == nil {
			*at = n
		}
	}
	switch n.Op() {
	case "Title":
		if s.title == "" {
			s.title = n.Text(0)
		}
	case "X":
		first(&s.roles[0])
	case "Color":
		first(&s.roles[1])
	case "Facet":
		first(&s.roles[2])
	case "Y":
		first(&s.y)
	case "Stacked":
		first(&s.stacked)
	case "LogY":
		first(&s.log)
	case "OddsRatio":
		first(&s.odds)
	}
}

// wrong is an error of the step that made the chart.
func (s *settings) wrong(msg, way string) error { return wrongAt(s.step, msg, way) }

func wrongAt(n *plan.Node, msg, way string) error {
	return &plan.Error{Op: n.Op(), Msg: msg, Way: way, At: n.At()}
}

// fits says whether the settings are ones of the kind.
func (s *settings) fits() error {
	is := func(ops ...string) bool { return slices.Contains(ops, s.kind.op) }
	switch {
	case s.stacked != nil && !is("Bar"):
		return wrongAt(s.stacked, "a "+s.kind.words+" is not stacked", "use .Bar().Stacked()")
	case s.log != nil && is("Heatmap", "Sankey"):
		return wrongAt(s.log, "a "+s.kind.words+" has no y axis of numbers", "leave .LogY() out")
	case s.log != nil && is("Survival", "Forest"):
		return wrongAt(s.log, "the axis of a "+s.kind.words+" is that of its estimates", "leave .LogY() out")
	case s.odds != nil && !is("Forest"):
		return wrongAt(s.odds, "a "+s.kind.words+" has no odds ratios", "use .Forest(…).OddsRatio(…)")
	case s.roles[0] != nil && is("Survival", "Forest"):
		return wrongAt(s.roles[0], "the first key of a "+s.kind.words+" has its place", "use .Color(…) or .Facet(…) for another")
	case s.log != nil && s.stacked != nil:
		return wrongAt(s.log, "shares of a whole have no logarithmic axis", "leave .LogY() or .Stacked() out")
	case s.y != nil && is(ofParticipants...):
		return wrongAt(s.y, "a "+s.kind.words+" shows participants", "leave .Y(…) out")
	case s.roles[1] != nil && is("Heatmap"):
		return wrongAt(s.roles[1], "a heat map tells its numbers by colour", "use .X(…) for the key along x; the other runs down")
	}
	for _, role := range s.roles {
		if role != nil && is("Sankey") {
			return wrongAt(role, "a Sankey diagram goes from key to key of the table", "give the keys to By in that order")
		}
	}
	return nil
}

// ofParticipants are the charts of a table's participants, not of a statistic.
var ofParticipants = []string{"Sankey", "Histogram", "Survival", "Forest"}

// Bounds of what can be told apart, and of what an output may weigh.
const (
	maxText    = 1000 // characters of a text's full form
	maxShort   = 60   // characters of a label on a mark
	maxGroups  = 6000
	maxColours = 2 * len(palette)
	maxPanels  = 16
	maxRows    = 60 // of a heat map
	maxNodes   = 30 // labels of a stage
	maxFlows   = 600
	maxBins    = 400 // of a histogram
)

// fewer is the way out of too much.
const fewer = "make fewer groups: .Top(20) of the table, or .Collapse(…) of the labels"

// bound is how much of something can be told apart.
type bound struct {
	is, most int
	says     string
	way      string
}

// check refuses what cannot be read.
func (c *Chart) check(s *settings) error {
	var bounds []bound
	if c.kind.op == "Sankey" {
		for _, k := range c.keys {
			bounds = append(bounds, bound{len(k.labels), maxNodes, "labels of " + k.name + " are too many to tell apart", fewer})
		}
		bounds = append(bounds, bound{len(c.groups), maxFlows, "flows are too many to tell apart", fewer})
	} else {
		bounds = c.bounds()
	}
	for _, b := range bounds {
		if b.is > b.most {
			return s.wrong(plain(float64(b.is))+" "+b.says, b.way)
		}
	}
	return nil
}

func (c *Chart) bounds() []bound {
	x, colours, panels := len(c.keys[0].labels), len(c.keys[1].labels), len(c.keys[2].labels)
	if c.wide != nil {
		x = c.slots()
	}
	most := map[string]int{"Heatmap": 120, "BoxPlot": 120, "Line": maxGroups, "Bar": 400, "Histogram": maxBins, "Survival": 400, "Forest": maxRows}[c.kind.op] / columnsOf(panels)
	out := []bound{{panels, maxPanels, "panels are too many", fewer}}
	switch c.kind.op {
	case "Heatmap":
		out = append(out, bound{colours, maxRows, "rows are too many", fewer})
	case "Forest":
		return append(out, bound{x * colours, maxRows, "rows are too many", fewer})
	default:
		out = append(out, bound{colours, maxColours, "colours cannot be told apart", "give each label a panel with .Facet(…), or " + fewer})
	}
	if !slices.Contains([]string{"Line", "Heatmap", "Survival"}, c.kind.op) && !c.stacked {
		x *= colours
	}
	return append(out, bound{x, most, fmt.Sprintf("side by side are too many, at most %d fit", most), fewer})
}

// Text is the chart as aligned text, with every number that it shows.
func (c *Chart) Text() string { return c.text() }

// SVG is the chart as an SVG image. It stands on a white card, so that it can be read
// on a page of any theme. Marks say what they are in
// data-mark, and name their group and number in a title:
//
//	<rect data-mark="bar" x="96" y="120.5" …><title>Female, 45–65: 1,204</title></rect>
func (c *Chart) SVG() string { return c.drawing.svg(c.title, c.Alt()) }

// PNG is the same picture at twice the size. Its font has Latin, Greek and
// Cyrillic letters; others are boxes.
func (c *Chart) PNG() ([]byte, error) { return c.drawing.png() }

func (c *Chart) draw() *drawing {
	d := &drawing{w: c.width()}
	top := c.head(d)
	switch c.kind.op {
	case "Bar", "Histogram":
		c.drawBars(d, top)
	case "Line":
		c.drawLines(d, top)
	case "BoxPlot":
		c.drawBoxes(d, top)
	case "Heatmap":
		c.drawHeat(d, top)
	case "Sankey":
		c.drawSankey(d, top)
	case "Survival":
		c.drawSurvival(d, top)
	case "Forest":
		c.drawForest(d, top)
	}
	return d
}

// has says whether some number of the chart is in the state.
func (c *Chart) has(s state) bool { n, _ := c.count(s); return n > 0 }

// counted are the numbers of a group that are counted: each, or only an estimate.
func (c *Chart) counted(g *group) []value {
	if c.kind.op == "Survival" || c.kind.op == "Forest" {
		return g.values[:1]
	}
	return g.values
}

// count is how many numbers are in the state, and of how many.
func (c *Chart) count(s state) (n, all int) {
	for _, g := range c.groups {
		for _, v := range c.counted(g) {
			all++
			if v.state == s {
				n++
			}
		}
	}
	return n, all
}

// tip names a group and what is to be said of it.
func (c *Chart) tip(at []int, says string) string {
	var names []string
	for i, k := range c.keys {
		if k.name != "" && i < len(at) {
			names = append(names, k.labels[at[i]].short)
		}
	}
	return strings.Join(names, ", ") + ": " + says
}
