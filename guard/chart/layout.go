package chart

import (
	"math"
	"slices"
	"strings"

	"weir/datasets/plan"
)

const missingLabel = plan.Missing

// Sizes of the picture.
const (
	margin    = 16.0 // around everything
	small     = 11.0 // size of labels
	gap       = 24.0 // between panels
	narrow    = 720.0
	wide      = 1080.0
	hiddenBar = 14.0 // a hidden bar's, which has no height of its own
)

// columnsOf is how many panels stand side by side.
func columnsOf(panels int) int {
	return [...]int{0, 1, 2, 3, 2, 3, 3, 3, 4, 3}[min(panels, 9)] + panels/10
}

// width is more for a chart with much along x.
func (c *Chart) width() float64 {
	if c.kind.op == "Sankey" {
		return min(max(narrow, 220*float64(len(c.keys))), wide)
	}
	x, colours := float64(c.slots()), float64(len(c.keys[1].labels))
	each := map[string]float64{"Line": 0.5, "Heatmap": 26, "BoxPlot": 12 * colours, "Bar": 7 * colours, "Histogram": 7}[c.kind.op]
	if c.stacked {
		each = 12
	}
	return min(max(narrow, 100+each*x*float64(columnsOf(len(c.keys[2].labels)))), wide)
}

// head draws the card, the title and the legend, and says where they end.
func (c *Chart) head(d *drawing) float64 {
	card := d.rect(0.5, 0.5, d.w-1, 0, paper)
	card.stroke, card.width, card.round = "#cccccc", 1, 6
	y := margin
	if c.title != "" {
		t := d.text(margin, y+14, 15, "start", fit(c.title, d.w-2*margin, 15, true))
		t.bold, t.tip = true, c.title
		y += 26
	}
	l := legend{d: d, x: margin, y: y}
	c.explain(&l)
	if l.used {
		y = l.y + 22
	}
	return y
}

// close ends the picture at y.
func (d *drawing) close(y float64) {
	d.h = math.Ceil(y)
	d.shapes[0].h = d.h - 1
}

// legend is entries from left to right, in as many lines as they need.
type legend struct {
	d    *drawing
	x, y float64
	used bool
}

// entry makes room for a swatch and words, and says where the swatch goes. Words
// that are not the chart's own have a tip, and are shortened.
func (l *legend) entry(swatch float64, words, tip string) float64 {
	most := 220.0
	if tip == "" {
		most = l.d.w - 2*margin - swatch
	}
	words = fit(words, most, small, false)
	w := swatch + roomOf(words) + 16
	if l.x+w > l.d.w-margin/2 && l.x > margin {
		l.x, l.y = margin, l.y+18
	}
	t := l.d.text(l.x+swatch, l.y+10, small, "start", words)
	t.tip = tip
	x := l.x
	l.x, l.used = l.x+w, true
	return x
}

// note is what the legend says in words.
func (c *Chart) note() string {
	switch n, all := c.count(hidden); {
	case c.merged():
		return "wide bars: several bins as one, to protect participants"
	case c.kind.op == "Sankey" && n > 0:
		return countOf(n, all, "flow") + " hidden and left out"
	case c.kind.op == "BoxPlot" && len(c.parts) == 5:
		return "whiskers: " + c.parts[0] + " to " + c.parts[4] + ", box: " + c.parts[1] + " to " + c.parts[3] + ", line: " + c.parts[2]
	case c.kind.op == "Survival" && c.has(hidden):
		return "life-table estimate, bands: 95% intervals; a curve ends where numbers are hidden"
	case c.kind.op == "Survival":
		return "life-table estimate, bands: 95% intervals"
	case c.kind.op == "Forest" && c.log:
		return "lines: 95% intervals (Woolf); beside them the outcome/all, of the exposed : of the others"
	case c.kind.op == "Forest":
		return "lines: 95% intervals (Wilson)"
	case c.kind.op == "BoxPlot":
		return "box: " + c.parts[0] + " to " + c.parts[2] + ", line: " + c.parts[1]
	}
	return ""
}

// explain writes the legend.
func (c *Chart) explain(l *legend) {
	switch c.kind.op {
	case "Sankey":
	case "Heatmap":
		c.explainShades(l)
	default:
		c.explainColours(l)
	}
	if note := c.note(); note != "" {
		l.entry(0, note, "")
	}
	if c.kind.op == "Sankey" {
		return
	}
	if c.has(hidden) {
		x := l.entry(16, marker, "")
		l.d.rect(x, l.y, 11, 11, hatch).mark = "legend"
	}
	if c.atFoot() {
		x := l.entry(16, "0 or less", "")
		l.d.foot(x+5.5, l.y+10, faint)
	}
}

func (c *Chart) explainColours(l *legend) {
	k := c.keys[1]
	if k.name == "" {
		return
	}
	l.entry(0, k.name, k.name)
	for i, label := range k.labels {
		x := l.entry(16, label.short, label.full)
		if c.kind.op == "Line" || c.kind.op == "Survival" {
			l.d.line(c.colour(0, i), 2.5, point{x, l.y + 6}, point{x + 12, l.y + 6}).dashed = i >= len(palette)
		} else {
			l.d.rect(x, l.y, 11, 11, c.colour(0, i))
		}
	}
}

func (c *Chart) explainShades(l *legend) {
	s := c.scale(false)
	l.entry(0, c.y, c.y)
	if len(s.ticks) == 0 {
		return
	}
	const steps, step = 30, 4.0
	low := s.say(s.lo)
	x := l.entry(roomOf(low)+steps*step+14, s.say(s.hi), "")
	l.d.text(x, l.y+10, small, "start", low)
	x += roomOf(low) + 6
	for i := range steps {
		l.d.rect(x+step*float64(i), l.y, step+0.5, 11, shade((float64(i)+0.5)/steps))
	}
}

// atFoot says whether a logarithmic axis has numbers that it has no place for.
func (c *Chart) atFoot() bool {
	return c.log && slices.ContainsFunc(c.groups, func(g *group) bool {
		return slices.ContainsFunc(c.drawn(g), func(v value) bool { return v.state == shown && v.number <= 0 })
	})
}

// foot is the mark of a number that lies below a logarithmic axis.
func (d *drawing) foot(x, y float64, fill string) *shape {
	return d.add(&shape{form: outline, fill: fill, path: polygon(point{x - 4, y - 7}, point{x + 4, y - 7}, point{x, y})})
}

// grid is the panels of a chart and their axes.
type grid struct {
	c         *Chart
	d         *drawing
	left, top float64 // of the first panel
	w, h      float64 // of each
	columns   int
	between   float64 // from the foot of a panel to the head of the next
	below     float64 // between a panel and its labels
	labels    axisLabels
}

// newGrid makes panels of a height, with axes' room to the left and below.
func (c *Chart) newGrid(d *drawing, top, left, h, below float64) *grid {
	panels := len(c.keys[2].labels)
	g := &grid{c: c, d: d, left: left, columns: columnsOf(panels), h: h, below: below}
	n := float64(g.columns)
	g.w = (d.w - left - margin - (n-1)*gap) / n
	if c.kind.op == "Heatmap" {
		g.w = min(g.w, 96*float64(len(c.keys[0].labels)))
	}
	switch {
	case c.kind.op == "Survival":
		g.labels.height = c.riskHeight()
	case c.kind.op == "Forest":
		g.labels.height = 20
	case c.keys[0].name != "":
		g.labels = fitLabels(c.keys[0], g.slot())
	}
	g.top = top + 8
	g.between = g.below + g.labels.height + gap
	if c.keys[2].name != "" {
		g.top += 22
		g.between += 10
	}
	return g
}

// panelHeight is less where panels stand in several rows.
func (c *Chart) panelHeight() float64 {
	panels := len(c.keys[2].labels)
	switch rows := (panels + columnsOf(panels) - 1) / columnsOf(panels); {
	case rows == 1:
		return 280
	case rows == 2:
		return 200
	}
	return 160
}

// panel is where one label's marks go.
type panel struct {
	*grid
	i    int
	x, y float64 // its upper left corner
}

func (g *grid) panels() []panel {
	out := make([]panel, len(g.c.keys[2].labels))
	for i := range out {
		out[i] = panel{g, i, g.left + float64(i%g.columns)*(g.w+gap), g.top + float64(i/g.columns)*(g.h+g.between)}
	}
	return out
}

// slot is the width of a label of x; bins that are shown as one have several.
func (g *grid) slot() float64 { return g.w / float64(g.c.slots()) }

// centre is the middle of a label of x.
func (p panel) centre(x int) float64 {
	return p.x + p.slot()*float64(p.c.before(x)+p.c.before(x+1))/2
}

// height is where a number is, from the top of the picture.
func (p panel) height(s scale, number float64) float64 { return p.y + p.h*(1-s.part(number)) }

// axes draws the panel's name, its ticks of numbers and its labels along x.
func (p panel) axes(s scale) {
	p.name()
	for _, t := range s.ticks {
		y := p.height(s, t)
		p.d.line(line, 1, point{p.x, y}, point{p.x + p.w, y})
		if p.i%p.columns == 0 {
			p.d.text(p.x-8, y+4, small, "end", s.say(t)).mark = "tick"
		}
	}
	p.along()
}

func (p panel) name() {
	if k := p.c.keys[2]; k.name != "" {
		t := p.d.text(p.x, p.y-8, small, "start", fit(k.labels[p.i].short, p.w, small, true))
		t.bold, t.tip = true, k.name+": "+k.labels[p.i].full
	}
}

// along writes the labels along x.
func (p panel) along() {
	k, y := p.c.keys[0], p.y+p.h+p.below
	for i, lines := range p.labels.lines {
		if lines == nil {
			continue
		}
		x := p.centre(i)
		for j, words := range lines {
			half := roomOf(words) / 2
			t := p.d.text(min(x, p.d.w-margin/2-half), y+16+13*float64(j), small, "middle", words)
			if p.labels.turned {
				t.x, t.y, t.anchor, t.angle = x+4, y+12, "end", -45
				t.words = fit(words, (x-margin/2)*math.Sqrt2, small, false)
			}
			t.tip = k.labels[i].full
			if i == k.missing {
				t.fill = faint
			}
		}
		if p.labels.thinned {
			p.d.line(faint, 1, point{x, p.y + p.h}, point{x, p.y + p.h + 4})
		}
	}
}

// base draws the line that bars stand on, over them.
func (p panel) base(y float64) { p.d.line(faint, 1, point{p.x, y}, point{p.x + p.w, y}) }

// yName is what the axis of numbers shows.
func (c *Chart) yName() string {
	if c.stacked {
		return c.y + ", share of the whole"
	}
	if c.merged() {
		return c.y + " per bin"
	}
	return c.y
}

// frame draws what is around the panels of a chart with an axis of numbers.
func (c *Chart) frame(d *drawing, top, below float64, s scale) *grid {
	t := d.text(margin, top+12, small, "start", fit(c.yName(), d.w-2*margin, small, false))
	t.fill, t.tip = faint, c.y
	left := margin + 12
	for _, tick := range s.ticks {
		left = max(left, margin+12+roomOf(s.say(tick)))
	}
	if c.kind.op == "Survival" {
		left = max(left, c.riskLeft())
	}
	g := c.newGrid(d, top+20, left, c.panelHeight(), below)
	g.finish()
	return g
}

// finish names the axis along x and closes the picture.
func (g *grid) finish() {
	rows := (len(g.c.keys[2].labels) + g.columns - 1) / g.columns
	y := g.top + float64(rows)*(g.h+g.between) - g.between + g.below + g.labels.height + 4
	if k := g.c.keys[0]; k.name != "" && g.c.kind.op != "Forest" {
		w := float64(g.columns)*(g.w+gap) - gap
		t := g.d.text(g.left+w/2, y+14, small, "middle", fit(k.name, w, small, false))
		t.fill, t.tip = faint, k.name
		y += 18
	}
	g.d.close(y + margin)
}

// axisLabels are labels along x: in one line, wrapped, thinned out, or turned.
type axisLabels struct {
	lines           [][]string // nil for one that is not written
	height          float64
	turned, thinned bool
}

// fitLabels finds the form in which labels fit into slots.
func fitLabels(k *key, slot float64) axisLabels {
	words, widest := k.shorts(), 0.0
	for _, w := range words {
		widest = max(widest, roomOf(w))
	}
	out := axisLabels{lines: make([][]string, len(words)), height: 20}
	if widest <= slot-4 {
		for i, w := range words {
			out.lines[i] = []string{w}
		}
		return out
	}
	if allMatch(words, ordered) && widest < 90 {
		out.thinned = true
		every, last := int(math.Ceil((widest+10)/slot)), len(words)
		if k.missing >= 0 {
			last = k.missing
			out.lines[last] = words[last:]
		}
		for _, i := range thin(words[:last], every) {
			if k.missing < 0 || i+every <= last {
				out.lines[i] = words[i : i+1]
			}
		}
		return out
	}
	if out.wrap(words, slot-4) {
		return out
	}
	return turn(words, slot)
}

// wrap puts labels into at most three lines, if they fit.
func (a *axisLabels) wrap(words []string, width float64) bool {
	for i, w := range words {
		var lines []string
		for _, word := range strings.Split(w, " ") {
			last := len(lines) - 1
			switch {
			case roomOf(word) > width:
				return false
			case last >= 0 && roomOf(lines[last]+" "+word) <= width:
				lines[last] += " " + word
			default:
				lines = append(lines, word)
			}
		}
		if len(lines) > 3 {
			return false
		}
		a.lines[i] = lines
		a.height = max(a.height, 20+13*float64(len(lines)-1))
	}
	return true
}

// turn writes labels upwards, so many that they do not touch.
func turn(words []string, slot float64) axisLabels {
	out := axisLabels{lines: make([][]string, len(words)), turned: true}
	every := int(math.Ceil(15 / slot))
	out.thinned = every > 1
	for i := 0; i < len(words); i += every {
		short := fit(words[i], 150, small, false)
		out.lines[i] = []string{short}
		out.height = max(out.height, roomOf(short)/math.Sqrt2+18)
	}
	return out
}
