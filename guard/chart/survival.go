package chart

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"strings"

	"weir/datasets/plan"
)

// survivalParts are the numbers of an interval; atRisk and events are their places.
var survivalParts = []string{"", "95% from", "to", "at risk", "events"}

const (
	atRisk = 3
	events = 4
)

// span is an interval of time, by its band's label: "<1", "1 to <2", "5+".
type span struct {
	label    string
	from, to float64
}

// readSpan reads a label that Bands and BandsOf make.
func readSpan(label string) (s span, ok bool) {
	s = span{label, math.Inf(-1), math.Inf(1)}
	read := func(text string, to *float64) bool {
		x, err := strconv.ParseFloat(text, 64)
		*to = x
		return err == nil
	}
	from, to, between := strings.Cut(label, " to <")
	first, below := strings.CutPrefix(label, "<")
	last, above := strings.CutSuffix(label, "+")
	switch {
	case between:
		ok = read(from, &s.from) && read(to, &s.to)
	case below:
		ok = read(first, &s.to)
	case above:
		ok = read(last, &s.from)
	}
	return s, ok && s.from < s.to
}

// spans are the intervals of a key's labels from time 0 on, in order, without the
// last, which has no end; and the labels of those who have no time after 0.
func spans(labels []string) (out []span, without []string, ok bool) {
	for _, l := range labels {
		s, isBand := readSpan(l)
		switch {
		case l == plan.Missing, isBand && s.to <= 0:
			without = append(without, l)
			continue
		case isBand && math.IsInf(s.from, -1):
			s.from = 0
		case !isBand:
			return nil, nil, false
		}
		if !math.IsInf(s.to, 1) {
			out = append(out, s)
		}
	}
	slices.SortFunc(out, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	end := 0.0
	for _, s := range out {
		if s.from != end {
			return nil, nil, false
		}
		end = s.to
	}
	return out, without, len(out) > 0
}

// survive makes the table one of survival through intervals.
func (c *Chart) survive(s *settings, t *table) error {
	w, err := t.work(s.step)
	if err != nil {
		return err
	}
	if len(t.totals) == 0 {
		return s.wrong("survival is worked out from the totals of those at risk", "write .By(…).WithTotals().Count()")
	}
	time, id, event := t.names[w.columns[0]], t.keys[w.columns[0]], w.keys[1]
	intervals, without, ok := spans(t.labels(w.columns[0]))
	if !ok {
		return s.wrong(time+" is not in bands of time from 0 on", "use .Bands(1, 2, 3, 4, 5) of the time")
	}
	c.y, c.percent, c.parts, c.spans = "share without “"+named(event.Name(), maxShort)+"”", true, survivalParts, intervals
	var rows []tableRow
	for _, g := range w.groups() {
		for i, values := range w.curve(g, intervals, without) {
			rows = append(rows, tableRow{append([]string{intervals[i].label}, g...), values})
		}
	}
	w.become(rows)
	t.names, t.keys = append([]string{time}, t.names...), append([]plan.ID{id}, t.keys...)
	return nil
}

// curve is a group's numbers by interval. From the first one on that is not known, no
// survival is.
func (w *worked) curve(group []string, intervals []span, without []string) (out [][]value) {
	risk := w.number(group, plan.Total, plan.Total)
	leave := func(left value) {
		if !known(risk, left) || left.number > risk.number {
			risk = veil(1)[0]
			return
		}
		risk = see(plan.Cell{Value: risk.number - left.number})
	}
	for _, l := range without {
		leave(w.number(group, l, plan.Total))
	}
	table, ended := lifeTable{survival: 1}, false
	for _, s := range intervals {
		had, left := w.number(group, s.label, yes), w.number(group, s.label, plan.Total)
		ended = ended || !known(risk, had, left) || left.number > risk.number || had.number > left.number
		values := veil(3)
		switch {
		case ended:
		case risk.number == 0:
			values = blank(3)
		default:
			values = table.step(risk.number, had.number, left.number-had.number).values(inPercent)
		}
		out = append(out, append(values, risk, had))
		leave(left)
	}
	return out
}

// interval is one of a curve, or nil.
func (c *Chart) interval(x, colour, panel int) *group { return c.at[place{x, colour, panel}] }

// ends is the first interval of a curve whose survival is not shown, and whether
// that is because it is hidden.
func (c *Chart) ends(colour, panel int) (x int, hides bool) {
	for x := range c.spans {
		if g := c.interval(x, colour, panel); g == nil || g.values[0].state != shown {
			return x, g != nil && g.values[0].state == hidden
		}
	}
	return len(c.spans), false
}

// survivalOf is what a tip says of an interval.
func survivalOf(g *group) string {
	return inWords(g.values) + ", at risk " + g.values[atRisk].text + ", events " + g.values[events].text
}

// limits are those of a survival's 95% interval; where there is none it has no width.
func limits(values []value) (low, high float64) {
	if values[1].state != shown {
		return values[0].number, values[0].number
	}
	return values[1].number, values[2].number
}

// times is the axis of time, with a tick at each interval's ends.
func (c *Chart) times() scale {
	s := scale{hi: c.spans[len(c.spans)-1].to, ticks: []float64{0}}
	for _, i := range c.spans {
		s.ticks = append(s.ticks, i.to)
	}
	return s
}

// Lengths of a survival curve's picture.
const (
	ribbon     = 8.0   // a row of what is hidden
	riskRow    = 14.0  // a row of numbers at risk
	riskMax    = 120.0 // of the names' width
	riskBeside = 24.0  // from the names to the axis
)

// riskHeight is that of the numbers at risk, with the axis' labels.
func (c *Chart) riskHeight() float64 { return 40 + riskRow*float64(len(c.keys[1].labels)) }

// riskLeft is the room for their names.
func (c *Chart) riskLeft() float64 {
	widest := roomOf("at risk")
	for _, l := range c.keys[1].labels {
		widest = max(widest, min(riskMax, roomOf(l.short)))
	}
	return margin + widest + riskBeside
}

// ribbons are the rows of what is hidden, below a panel, by colour.
func (c *Chart) ribbons() (rows map[int]float64, height float64) {
	rows = map[int]float64{}
	for i := range c.keys[1].labels {
		for panel := range c.keys[2].labels {
			if _, hides := c.ends(i, panel); hides {
				rows[i] = 4 + ribbon*float64(len(rows))
				height = rows[i] + ribbon
				break
			}
		}
	}
	return rows, height
}

// drawSurvival draws a curve for each colour, with the 95% interval as a band, and the
// participants at risk below. Where a number is hidden the curve ends, and a mark
// under the axis goes on.
func (c *Chart) drawSurvival(d *drawing, top float64) {
	s := c.scale(false)
	rows, below := c.ribbons()
	for _, p := range c.frame(d, top, below, s).panels() {
		p.axes(s)
		p.base(p.y + p.h)
		for i := range c.keys[1].labels {
			p.band(s, i)
		}
		for i := range c.keys[1].labels {
			p.curve(s, i)
			p.ended(i, p.y+p.h+rows[i])
		}
		p.risks()
	}
}

// across is where a time is.
func (p panel) across(time float64) float64 { return p.x + p.w*p.c.times().part(time) }

// band draws the 95% interval, which holds from an interval's end to the next.
func (p panel) band(s scale, i int) {
	var upper, lower []point
	end, _ := p.c.ends(i, p.i)
	for x := range end {
		from, to := p.across(p.c.spans[x].to), p.across(p.c.spans[min(x+1, end-1)].to)
		low, high := limits(p.c.interval(x, i, p.i).values)
		upper = append(upper, point{from, p.height(s, high)}, point{to, p.height(s, high)})
		lower = append(lower, point{from, p.height(s, low)}, point{to, p.height(s, low)})
	}
	if end == 0 {
		return
	}
	slices.Reverse(lower)
	fill := p.c.colour(0, i)
	p.d.add(&shape{form: outline, mark: "interval", fill: fill, alpha: 0.18, path: polygon(append(upper, lower...)...), tip: p.lineName(i) + ": 95% interval"})
	p.d.line(fill, 1, upper[len(upper)-1], lower[0])
}

// curve draws the steps: survival is that of the interval before until one ends.
func (p panel) curve(s scale, i int) {
	end, _ := p.c.ends(i, p.i)
	if end == 0 {
		return
	}
	fill, y := p.c.colour(0, i), p.height(s, 1)
	points := []point{{p.across(0), y}}
	for x := range end {
		at := p.across(p.c.spans[x].to)
		points = append(points, point{at, y})
		y = p.height(s, p.c.interval(x, i, p.i).values[0].number)
		points = append(points, point{at, y})
	}
	l := p.d.line(fill, 2, points...)
	l.mark, l.dashed, l.tip = "line", i >= len(palette), p.lineName(i)
	for x := range end {
		g, at := p.c.interval(x, i, p.i), points[2*x+2]
		dot := p.d.dot(at.x, at.y, 3, fill)
		dot.mark, dot.tip = "point", p.c.tip(g.at, survivalOf(g))
	}
}

// ended marks the time for which a curve is hidden.
func (p panel) ended(i int, y float64) {
	x, hides := p.c.ends(i, p.i)
	if !hides {
		return
	}
	from := p.across(p.c.spans[x].from)
	mark := p.d.rect(from, y, p.x+p.w-from, 5, hatch)
	mark.mark, mark.stroke, mark.width = marker, p.c.colour(0, i), 1
	mark.tip = p.c.tip([]int{x, i, p.i}, marker+" from here on")
}

// marked are the intervals at whose start there is room for a tick and the numbers
// at risk.
func (p panel) marked() (out []int) {
	free := math.Inf(-1)
	for x, s := range p.c.spans {
		half := roomOf(plain(s.from)) / 2
		for i := range p.c.keys[1].labels {
			if g := p.c.interval(x, i, p.i); g != nil {
				half = max(half, roomOf(g.values[atRisk].text)/2)
			}
		}
		if at := p.across(s.from); at-half >= free {
			out, free = append(out, x), at+half+8
		}
	}
	return out
}

// risks writes the axis of time and, below it, the participants at risk.
func (p panel) risks() {
	y, k := p.y+p.h+p.below, p.c.keys[1]
	row := func(i int) float64 { return y + 34 + riskRow*float64(i+1) }
	tick := func(time float64) {
		x := p.across(time)
		p.d.line(faint, 1, point{x, p.y + p.h}, point{x, p.y + p.h + 4})
		p.d.text(x, y+16, small, "middle", plain(time))
	}
	for _, x := range p.marked() {
		tick(p.c.spans[x].from)
		for i := range k.labels {
			if g := p.c.interval(x, i, p.i); g != nil {
				t := p.d.text(p.across(p.c.spans[x].from), row(i), small, "middle", g.values[atRisk].text)
				if t.mark = "risk"; g.values[atRisk].state != shown {
					t.fill = faint
				}
			}
		}
	}
	tick(p.c.times().hi)
	if p.i%p.columns > 0 {
		return
	}
	p.d.text(p.x-riskBeside, row(-1), small, "end", "at risk").fill = faint
	for i, l := range k.labels {
		p.d.text(p.x-riskBeside, row(i), small, "end", fit(l.short, riskMax, small, false)).tip = l.full
	}
}

// survival writes the curves, the intervals, what is hidden and the numbers at risk.
func (v *vega) survival() {
	s, times, colours := v.scale(false), v.times(), v.keys[1]
	if v.keys[2].name != "" {
		v.w = math.Round(v.w * 0.8) // their names stand beside each panel
	}
	rows, below := v.ribbons()
	for panel := range v.keys[2].labels {
		for i := range colours.labels {
			v.curve(i, panel, v.h+rows[i]+2)
			v.risks(i, panel, v.h+below+34+riskRow*float64(i+1))
		}
	}
	pixels, ticks := object{"field": "pixels", "type": "quantitative", "scale": nil, "axis": nil}, []float64{times.hi}
	for _, x := range v.panel(0).marked() {
		ticks = append(ticks, v.spans[x].from)
	}
	v.shared = object{
		"tooltip": object{"field": "tip", "type": "nominal"},
		"x": object{"field": "time", "type": "quantitative", "title": v.keys[0].name, "scale": object{"domain": []float64{0, times.hi}, "nice": false},
			"axis": object{"values": ticks, "grid": false, "labelFlush": false, "labelPadding": below + 4, "titlePadding": v.riskHeight() - 16}},
	}
	paint := object{"color": v.paint(), "detail": object{"field": "curve", "type": "nominal"}}
	y := with(paint, object{"y": v.y("value", s)})
	ends := with(paint, object{"y": v.y("low", s), "y2": object{"field": "high"}})
	v.layer("interval", object{"type": "area", "interpolate": "step-after", "opacity": 0.18}, with(ends, object{"tooltip": nil}))
	v.layer("curve", object{"type": "line", "interpolate": "step-after"}, with(y, object{"tooltip": nil}))
	v.layer("shown", object{"type": "rule"}, ends)
	v.layer("shown", object{"type": "point", "filled": true, "size": 24, "opacity": 1}, y)
	v.layer(marker, object{"type": "rule", "strokeWidth": 5, "strokeDash": []int{3, 3}}, with(paint, object{"x2": object{"datum": times.hi}, "y": pixels}))
	v.layer("at risk", object{"type": "text"}, object{"y": pixels, "text": object{"field": "text"}})
	v.layer("name", object{"type": "text", "align": "right", "dx": -riskBeside, "limit": riskMax}, object{"x": object{"value": 0}, "y": pixels, "text": object{"field": "text"}})
}

// panel is one of the size that Vega-Lite draws.
func (v *vega) panel(i int) panel { return panel{grid: &grid{c: v.Chart, w: v.w}, i: i} }

func (v *vega) curve(i, panel int, ribbon float64) {
	end, hides := v.ends(i, panel)
	add := func(x int, says string, row object) {
		v.add([]int{x, i, panel}, says, with(row, object{"curve": i}))
	}
	if end > 0 {
		add(0, "", object{"state": "curve", "time": 0, "value": 1})
	}
	for x := range end {
		g := v.interval(x, i, panel)
		low, high := limits(g.values)
		row := object{"time": v.spans[x].to, "value": g.values[0].number, "low": low, "high": high}
		for _, state := range []string{"curve", "interval", "shown"} {
			add(x, survivalOf(g), with(row, object{"state": state}))
		}
	}
	if hides {
		add(end, marker+" from here on", object{"state": marker, "time": v.spans[end].from, "pixels": ribbon})
	}
}

func (v *vega) risks(i, panel int, foot float64) {
	add := func(x int, says string, row object) {
		v.add([]int{x, i, panel}, says, with(row, object{"curve": i, "pixels": foot}))
	}
	for _, x := range v.panel(panel).marked() {
		if g := v.interval(x, i, panel); g != nil {
			add(x, survivalOf(g), object{"state": "at risk", "time": v.spans[x].from, "text": g.values[atRisk].text})
		}
	}
	name := "at risk"
	if v.keys[1].name != "" {
		name += ", " + v.keys[1].labels[i].short
	}
	add(0, name, object{"state": "name", "text": name})
}
