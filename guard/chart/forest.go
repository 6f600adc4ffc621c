package chart

import (
	"math"
	"slices"

	"weir/datasets/plan"
)

// proportionParts and oddsParts are the numbers of a group.
var (
	proportionParts = []string{"", "95% from", "to", "with", "of"}
	oddsParts       = []string{"", "95% from", "to", "exposed with", "of", "others with", "of"}
)

// forest makes the table one of estimates by group: of proportions, or of odds
// ratios. The total over a single key is a group, too.
func (c *Chart) forest(s *settings, t *table) error {
	steps := []*plan.Node{s.step}
	if s.odds != nil {
		steps = append(steps, s.odds)
	}
	w, err := t.work(steps...)
	if err != nil {
		return err
	}
	estimate, outcome := w.proportion, named(w.keys[0].Name(), maxShort)
	c.percent, c.y, c.parts = true, "proportion with “"+outcome+"”", proportionParts
	if s.odds != nil {
		estimate, c.percent, c.log, c.parts = w.odds, false, true, oddsParts
		c.y = "odds ratio of “" + outcome + "”: “" + named(w.keys[1].Name(), maxShort) + "” against not"
	}
	groups := w.groups()
	if len(t.totals) > 0 && len(others(w, t.names)) == 1 {
		groups = append(groups, []string{plan.Total})
	}
	var rows []tableRow
	for _, g := range groups {
		rows = append(rows, tableRow{g, estimate(g)})
	}
	w.become(rows)
	return nil
}

// proportion is that of those with the outcome.
func (w *worked) proportion(group []string) []value {
	with, without := w.number(group, yes), w.number(group, no)
	all := plus(with, without)
	switch {
	case !known(all):
		return append(veil(3), with, all)
	case all.number == 0:
		return append(blank(3), with, all)
	}
	return append(wilson(with.number, all.number).values(inPercent), with, all)
}

// odds is the ratio of the exposed to the others.
func (w *worked) odds(group []string) []value {
	a, b := w.number(group, yes, yes), w.number(group, no, yes)
	c, d := w.number(group, yes, no), w.number(group, no, no)
	of := []value{a, plus(a, b), c, plus(c, d)}
	switch {
	case !known(a, b, c, d):
		return append(veil(3), of...)
	case a.number+b.number == 0, c.number+d.number == 0, a.number+c.number == 0, b.number+d.number == 0:
		return append(blank(3), of...)
	}
	return append(woolf(a.number, b.number, c.number, d.number).values(inFigures), of...)
}

// fractions are the participants behind an estimate: 42/1,203; behind an odds ratio
// the exposed against the others.
func fractions(values []value) string {
	if !slices.ContainsFunc(values[3:], func(v value) bool { return v.state != hidden }) {
		return marker
	}
	out := values[3].text + "/" + values[4].text
	if len(values) == len(oddsParts) {
		out += " : " + values[5].text + "/" + values[6].text
	}
	return out
}

func forestOf(g *group) string { return inWords(g.values) + ", " + fractions(g.values) }

// isTotal says whether a group is everyone.
func (c *Chart) isTotal(g *group) bool { return c.keys[0].labels[g.at[0]].full == plan.Total }

// forestRow is the height of an estimate's line.
const forestRow = 20.0

// forestLabel is the height of a label of the first key: a line for each colour.
func (c *Chart) forestLabel() float64 { return forestRow*float64(len(c.keys[1].labels)) + 6 }

// drawForest draws a line for each group: the estimate with its interval and, where
// there is one panel, both in words and the participants behind them. The total is a
// diamond.
func (c *Chart) drawForest(d *drawing, top float64) {
	s, rows, left := c.scale(false), c.keys[0], margin+10
	for _, l := range rows.labels {
		left = max(left, margin+10+min(180, roomOf(l.short)))
	}
	t := d.text(margin, top+12, small, "start", fit(c.y, d.w-2*margin, small, false))
	t.fill, t.tip = faint, c.y
	height := c.forestLabel()
	g := c.newGrid(d, top+14, left, height*float64(len(rows.labels)), 0)
	beside := c.beside(g)
	g.finish()
	for _, p := range g.panels() {
		p.name()
		p.numbersAcross(s)
		for y, l := range rows.labels {
			if p.i%p.columns == 0 && rows.name != "" {
				t := d.text(p.x-8, p.y+height*(float64(y)+0.5)+4, small, "end", fit(l.short, 180, small, false))
				if t.tip = l.full; y == rows.missing {
					t.fill = faint
				}
			}
		}
		for _, group := range c.groups {
			if group.at[2] == p.i {
				p.estimate(s, group, beside)
			}
		}
	}
}

// beside makes room for words beside the only panel, and says how much estimates need.
func (c *Chart) beside(g *grid) (room float64) {
	if len(c.keys[2].labels) > 1 {
		return 0
	}
	of := 0.0
	for _, group := range c.groups {
		room, of = max(room, 12+roomOf(inWords(group.values))), max(of, 12+roomOf(fractions(group.values)))
	}
	g.w -= room + of
	return room
}

// numbersAcross draws the axis below a panel, and the line of no effect.
func (p panel) numbersAcross(s scale) {
	free := math.Inf(-1)
	for _, t := range s.ticks {
		x, half := p.x+p.w*s.part(t), roomOf(s.say(t))/2
		p.d.line(line, 1, point{x, p.y}, point{x, p.y + p.h})
		if x-half >= free {
			p.d.text(x, p.y+p.h+16, small, "middle", s.say(t)).mark = "tick"
			free = x + half + 4
		}
	}
	if s.log && s.lo <= 1 && s.hi >= 1 {
		x := p.x + p.w*s.part(1)
		p.d.line(faint, 1.5, point{x, p.y}, point{x, p.y + p.h}).dashed = true
	}
	p.base(p.y + p.h)
}

func (p panel) estimate(s scale, g *group, beside float64) {
	y := p.y + p.c.forestLabel()*float64(g.at[0]) + 3 + forestRow*(float64(g.at[1])+0.5)
	fill, tip := p.c.colour(g.at[0], g.at[1]), p.c.tip(g.at, forestOf(g))
	say := func(r *shape, mark string) { r.mark, r.tip = mark, tip }
	at := func(i int) float64 { return p.x + p.w*s.part(g.values[i].number) }
	switch {
	case g.values[0].state == hidden:
		say(p.d.rect(p.x+2, y-5, 40, 10, hatch), marker)
	case g.values[0].state != shown:
	case p.c.isTotal(g):
		say(p.d.add(&shape{form: outline, fill: fill, path: polygon(point{at(1), y}, point{at(0), y - 6}, point{at(2), y}, point{at(0), y + 6})}), "estimate")
	default:
		say(p.d.line(fill, 1.5, point{at(1), y}, point{at(2), y}), "interval")
		say(p.d.rect(at(0)-4, y-4, 8, 8, fill), "estimate")
	}
	if beside > 0 {
		p.d.text(p.x+p.w+12, y+4, small, "start", inWords(g.values))
		p.d.text(p.x+p.w+12+beside, y+4, small, "start", fractions(g.values)).fill = faint
	}
}

// forest writes estimates as points on rules, and the words beside them.
func (v *vega) forest() {
	s, rows := v.scale(false), v.keys[0]
	v.h = v.forestLabel() * float64(len(rows.labels))
	alone := len(v.keys[2].labels) == 1
	beside := 0.0
	if alone {
		v.w = math.Round(v.w * 0.6)
	}
	v.shared = object{"tooltip": object{"field": "tip", "type": "nominal"}, "y": nominal("x", rows, nil)}
	if rows.name == "" {
		v.shared["y"] = object{"field": "x", "type": "nominal", "axis": nil}
	}
	if v.keys[1].name != "" {
		v.shared["yOffset"] = nominal("colour", v.keys[1], nil)
	}
	for _, g := range v.groups {
		row := object{"state": g.values[0].text}
		if g.values[0].state == shown {
			row = object{"state": "shown", "value": g.values[0].number, "low": g.values[1].number, "high": g.values[2].number}
			if v.isTotal(g) {
				row["state"] = plan.Total
			}
		}
		v.add(g.at, forestOf(g), row)
		if alone {
			v.add(g.at, forestOf(g), object{"state": "words", "text": inWords(g.values), "of": fractions(g.values)})
			beside = max(beside, roomOf(inWords(g.values))+20)
		}
	}
	x := v.y("value", s)
	x["axis"].(object)["labelFlush"] = false
	v.forestLayers(x, s)
	words := object{"type": "text", "align": "left"}
	v.layer("words", words, object{"x": object{"value": v.w + 12}, "text": object{"field": "text"}})
	v.layer("words", with(words, object{"opacity": 0.7}), object{"x": object{"value": v.w + 12 + beside}, "text": object{"field": "of"}})
	v.signs(object{"xOffset": 9}, object{"x": object{"value": 0}})
}

func (v *vega) forestLayers(x object, s scale) {
	if s.log {
		v.layers = append(v.layers, object{"data": object{"values": []object{{"value": 1}}}, "mark": object{"type": "rule", "strokeDash": []int{6, 4}}, "encoding": object{
			"x": x, "y": object{"value": 0}, "y2": object{"value": v.h}, "yOffset": object{"value": 0}, "color": object{"value": middling}, "tooltip": nil}})
	}
	for _, of := range []struct {
		state, shape string
		size         int
	}{{"shown", "square", 64}, {plan.Total, "diamond", 140}} {
		v.layer(of.state, object{"type": "rule", "strokeWidth": 1.5}, object{"color": v.paint(), "x": with(x, object{"field": "low"}), "x2": object{"field": "high"}})
		v.layer(of.state, object{"type": "point", "shape": of.shape, "filled": true, "size": of.size, "opacity": 1}, object{"color": v.paint(), "x": x})
	}
}
