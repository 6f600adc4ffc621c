package chart

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
)

// object is a JSON object; encoding sorts its keys.
type object = map[string]any

// with is an object with more members, which take the place of those of their name.
func with(o object, more object) object {
	out := maps.Clone(o)
	maps.Copy(out, more)
	return out
}

// vega is a Vega-Lite chart: a view of layers over rows.
type vega struct {
	*Chart
	rows   []object
	shared object // the encodings of all layers
	layers []object
	w, h   float64 // of a panel without its axes
}

// Outlines of the marks that have no size: a crossed box, and a wedge.
const (
	crossed = "M-1,-1H1V1H-1ZM-1,-1L1,1M-1,1L1,-1"
	wedge   = "M-1,-1H1L0,1Z"
)

// atTheFoot is the state of numbers that a logarithmic axis has no place for.
const atTheFoot = "0 or less"

// VegaLite is the chart as a Vega-Lite 5 specification (media type
// application/vnd.vegalite.v5+json) with its data inline. Vega-Lite writes titles
// into expressions where a mark has a description or several tooltips: no mark has,
// so that labels and titles stay data. The menu that would send the chart to an
// editor on the web is off.
func (c *Chart) VegaLite() ([]byte, error) {
	v := &vega{Chart: c, rows: []object{}, w: 600, h: 300}
	if c.kind.op != "Sankey" && c.keys[2].name != "" {
		v.w, v.h = math.Round(v.w/float64(columnsOf(len(c.keys[2].labels)))), c.panelHeight()
	}
	switch c.kind.op {
	case "Bar", "Histogram":
		v.bars()
	case "Line":
		v.lines()
	case "BoxPlot":
		v.boxes()
	case "Heatmap":
		v.heat()
	case "Sankey":
		v.sankey()
	case "Survival":
		v.survival()
	case "Forest":
		v.forest()
	}
	return json.Marshal(v.spec())
}

func (v *vega) spec() object {
	config := vegaConfig
	if v.kind.op == "Forest" || v.kind.op == "Survival" { // which have words beside them
		config = with(config, object{"legend": with(config["legend"].(object), object{"orient": "top"})})
	}
	spec := object{
		"$schema":     "https://vega.github.io/schema/vega-lite/v5.json",
		"description": v.Alt(),
		"background":  "transparent",
		"padding":     12,
		"data":        object{"values": v.rows},
		"usermeta":    object{"embedOptions": object{"actions": false, "ast": true, "renderer": "svg"}},
		"config":      config,
	}
	if note := v.note(); v.title != "" || note != "" {
		spec["title"] = object{"text": clean(v.title, 120), "subtitle": note}
	}
	view := object{"layer": v.layers, "width": v.w, "height": v.h, "encoding": v.shared}
	if v.kind.op == "Sankey" || v.keys[2].name == "" {
		return with(spec, view)
	}
	if v.kind.op == "Survival" { // whose numbers at risk stand between its panels
		spec["resolve"] = object{"axis": object{"x": "independent", "y": "independent"}}
	}
	return with(spec, object{
		"facet":   object{"field": "panel", "type": "nominal", "title": v.keys[2].name, "sort": object{"field": "order", "op": "min"}},
		"columns": columnsOf(len(v.keys[2].labels)),
		"spec":    view,
	})
}

// middling can be seen on light and on dark.
const middling = "#888888"

// text is the colour of the page's text: on a page whose theme changes, that of a
// chart changes with it.
const text = "currentColor"

var vegaConfig = object{
	"title":  object{"anchor": "start", "fontSize": 15, "color": text, "subtitleColor": text},
	"view":   object{"stroke": nil},
	"mark":   object{"aria": false},
	"axis":   object{"gridColor": middling, "gridOpacity": 0.3, "domainColor": middling, "tickColor": middling, "labelColor": text, "titleColor": text, "titleFontWeight": "normal", "labelLimit": 150},
	"legend": object{"labelColor": text, "titleColor": text, "labelLimit": 220, "symbolType": "square", "symbolOpacity": 1},
	"header": object{"labelColor": text, "titleColor": text, "labelFontWeight": "bold", "labelLimit": 200, "titleFontWeight": "normal"},
	"text":   object{"color": text, "fontSize": small},
	"bar":    object{"discreteBandSize": object{"band": 0.9}},
}

// add adds a row: the labels of a group, what its tooltip says of it, and more.
func (v *vega) add(at []int, says string, more object) {
	row := object{"x": v.keys[0].labels[at[0]].short, "tip": v.tip(at, says)}
	if len(at) > 1 && v.keys[1].name != "" {
		row["colour"] = v.keys[1].labels[at[1]].short
	}
	if v.keys[2].name != "" {
		row["panel"], row["order"] = v.keys[2].labels[at[2]].short, at[2]
	}
	v.rows = append(v.rows, with(row, more))
}

// number is a row of a value: its state, and its number if there is one.
func (v *vega) number(at []int, of value, more object) {
	row := object{"state": of.text, "text": of.text}
	if v.wide != nil {
		row["label"] = v.keys[0].labels[at[0]].short
	}
	switch {
	case of.state == shown && v.log && of.number <= 0:
		row["state"] = atTheFoot
	case of.state == shown:
		row["state"], row["value"] = "shown", of.number
	}
	v.add(at, of.text, with(row, more))
}

// layer draws the rows of a state.
func (v *vega) layer(state string, mark, encoding object) object {
	l := object{"transform": []object{{"filter": object{"field": "state", "equal": state}}}, "mark": mark, "encoding": encoding}
	v.layers = append(v.layers, l)
	return l
}

// signs draws the rows whose marks have no size, with a legend.
func (v *vega) signs(mark, encoding object) {
	var domain, outlines []string
	if v.has(hidden) {
		domain, outlines = append(domain, marker), append(outlines, crossed)
	}
	if v.atFoot() {
		domain, outlines = append(domain, atTheFoot), append(outlines, wedge)
	}
	for _, state := range domain {
		v.layer(state, with(object{"type": "point", "size": 90, "filled": false, "strokeWidth": 1.2}, mark), with(object{
			"color": object{"value": middling},
			"shape": object{"field": "state", "type": "nominal", "title": "", "scale": object{"domain": domain, "range": outlines}},
		}, encoding))
	}
}

func nominal(field string, k *key, more object) object {
	return with(object{"field": field, "type": "nominal", "title": k.name, "scale": object{"domain": k.shorts()}}, more)
}

// share sets the encodings along x and by colour, and of tooltips.
func (v *vega) share() {
	x, colours := v.keys[0], v.keys[1]
	v.shared = object{"tooltip": object{"field": "tip", "type": "nominal"}, "x": object{"field": "x", "type": "nominal", "axis": nil}}
	if x.name != "" {
		v.shared["x"] = nominal("x", x, object{"axis": v.axis(x)})
	}
	if v.kind.op == "Histogram" {
		var slots []string
		for i := range x.labels {
			slots = append(slots, v.slotsOf(i)...)
		}
		v.shared["x"] = nominal("x", x, object{"axis": v.axis(x), "scale": object{"domain": slots, "padding": 0}})
	}
	paintedBy := "x"
	if v.wide != nil {
		paintedBy = "label"
	}
	switch {
	case colours.name != "":
		v.shared["color"] = v.paints("colour", colours, func(i int) string { return v.colour(0, i) })
		if !v.stacked && v.kind.op != "Line" {
			v.shared["xOffset"] = nominal("colour", colours, nil)
		}
	case x.missing >= 0 && v.kind.op != "Line":
		v.shared["color"] = with(v.paints(paintedBy, x, func(i int) string { return v.colour(i, 0) }), object{"legend": nil})
	default:
		v.shared["color"] = object{"value": palette[0]}
	}
}

// slotsOf is the places along x of a histogram's label: a bar of several bins is as
// many bars that touch, and the one in the middle has the label.
func (v *vega) slotsOf(x int) []string {
	out := make([]string, v.wide[x])
	for i := range out {
		out[i] = fmt.Sprintf("%s\x1f%d", v.keys[0].labels[x].short, i)
	}
	out[(len(out)-1)/2] = v.keys[0].labels[x].short
	return out
}

// paint is the encoding by colour of a chart whose first key has a place of its own.
func (v *vega) paint() object {
	if v.keys[1].name == "" {
		return object{"value": palette[0]}
	}
	return v.paints("colour", v.keys[1], func(i int) string { return v.colour(0, i) })
}

func (v *vega) paints(field string, k *key, colour func(int) string) object {
	var paints []string
	for i := range k.labels {
		paints = append(paints, colour(i))
	}
	return nominal(field, k, object{"scale": object{"domain": k.shorts(), "range": paints}})
}

// axis is the labels along x as the picture has them: thinned out, or turned.
func (v *vega) axis(k *key) object {
	form := fitLabels(k, v.w/float64(v.slots()))
	axis := object{"labelAngle": 0, "labelOverlap": form.thinned}
	if form.height > 20 {
		axis["labelAngle"] = -45
	}
	if form.thinned || v.merged() {
		var values []string
		for i, l := range k.labels {
			if form.lines[i] != nil {
				values = append(values, l.short)
			}
		}
		axis["values"] = values
	}
	return axis
}

// y is the encoding of numbers.
func (v *vega) y(field string, s scale) object {
	domain := object{"domain": []float64{s.lo, s.hi}, "nice": false, "zero": false}
	if s.log {
		domain["type"] = "log"
	}
	axis := object{"values": append([]float64{}, s.ticks...), "format": s.format()}
	return object{"field": field, "type": "quantitative", "title": v.yName(), "scale": domain, "axis": axis}
}

// format is how Vega writes ticks. Without a precision it takes that of ticks of its
// own choice, and rounds ours.
func (s scale) format() string {
	switch largest := max(math.Abs(s.lo), math.Abs(s.hi)); {
	case s.percent:
		return ".4~%"
	case largest >= 1e9 || largest < 1e-3:
		return ".6~g"
	}
	return ",.6~f"
}

// veiled is a bar that has the room of hidden numbers.
var veiled = object{"type": "bar", "fill": middling, "fillOpacity": 0.2, "stroke": middling, "strokeDash": []int{3, 3}}

func (v *vega) bars() {
	s := v.scale(true)
	v.share()
	if v.stacked {
		v.piles()
		ends := object{"y": v.y("to", s), "y2": object{"field": "from"}}
		v.layer("shown", object{"type": "bar"}, ends)
		v.layer(marker, veiled, with(ends, object{"color": object{"value": middling}}))
		v.signs(object{"yOffset": 9}, object{"y": ends["y"]})
		return
	}
	for _, g := range v.groups {
		if v.wide == nil || g.values[0].state != shown {
			v.number(g.at, g.values[0], nil)
			continue
		}
		for _, slot := range v.slotsOf(g.at[0]) {
			v.number(g.at, g.values[0], object{"x": slot})
		}
	}
	bar := object{"type": "bar"}
	if v.merged() {
		bar["width"] = object{"band": 1} // the parts of a wide one touch
	}
	v.layer("shown", bar, object{"y": v.y("value", s), "y2": object{"datum": s.foot()}})
	v.signs(object{"yOffset": -7}, object{"y": object{"datum": s.foot(), "type": "quantitative"}})
}

func (v *vega) piles() {
	for panel := range v.keys[2].labels {
		for x := range v.keys[0].labels {
			pile := v.pile(x, panel)
			for _, p := range pile.parts {
				v.add([]int{x, p.colour, panel}, p.value.text, object{"state": "shown", "from": thousandth(p.from), "to": thousandth(p.to)})
			}
			if pile.rest < 1 && !pile.none {
				v.add([]int{x, 0, panel}, marker, object{"state": marker, "from": thousandth(pile.rest), "to": 1, "colour": nil, "tip": v.tip([]int{x}, marker)})
			}
		}
	}
}

// thousandth is what a picture needs of a place that was worked out.
func thousandth(x float64) float64 { return math.Round(x*1000) / 1000 }

func (v *vega) lines() {
	s, run := v.scale(false), 0
	v.share()
	for panel := range v.keys[2].labels {
		for i := range v.keys[1].labels {
			for _, r := range append(v.runs(i, panel, shown), v.runs(i, panel, hidden)...) {
				for x := r[0]; x <= r[1]; x++ {
					v.number([]int{x, i, panel}, v.value(x, i, panel), object{"run": run})
				}
				run++
			}
		}
	}
	size := 24
	if v.w/float64(len(v.keys[0].labels)) < 9 {
		size = 4
	}
	y := v.y("value", s)
	v.layer("shown", object{"type": "line"}, object{"y": y, "detail": object{"field": "run", "type": "nominal"}, "tooltip": nil})
	v.layer("shown", object{"type": "point", "filled": true, "size": size, "opacity": 1}, object{"y": y})
	v.signs(object{"size": 40, "yOffset": -5}, object{"y": object{"value": v.h}})
}

func (v *vega) boxes() {
	s := v.scale(false)
	v.share()
	for _, g := range v.groups {
		b, says := boxesOf(g.values), v.quantiles(g)
		for _, st := range b.stretches {
			v.add(g.at, says, object{"state": "stretch " + st.kind, "from": st.from, "to": st.to})
		}
		for _, q := range b.marks {
			v.add(g.at, says, object{"state": q.form, "from": q.number})
		}
		lowest, highest := s.lo, s.lo
		if !b.empty {
			lowest, highest = b.marks[0].number, b.marks[len(b.marks)-1].number
		}
		if b.below && !b.empty {
			v.add(g.at, says, object{"state": marker, "below": lowest})
		}
		if b.top || b.below && b.empty {
			v.add(g.at, says, object{"state": marker, "above": highest})
		}
	}
	size := math.Round(min(60, 0.6*v.w/float64(len(v.keys[0].labels)*len(v.keys[1].labels))))
	y := object{"y": v.y("from", s)}
	both := with(y, object{"y2": object{"field": "to"}})
	v.layer("stretch whisker", object{"type": "rule", "strokeWidth": 1.5}, both)
	v.layer("stretch box", object{"type": "bar", "fillOpacity": 0.45, "width": size}, both)
	v.layer("stretch "+marker, with(veiled, object{"width": size}), both)
	v.layer("end", object{"type": "tick", "size": size / 2, "thickness": 1.5}, y)
	v.layer("edge", object{"type": "tick", "size": size, "thickness": 1}, y)
	v.layer("median", object{"type": "tick", "size": size, "thickness": 3}, y)
	v.signs(object{"yOffset": -7}, object{"y": v.y("above", s)})
	v.signs(object{"yOffset": 7}, object{"y": v.y("below", s)})
}

func (v *vega) heat() {
	s, rows := v.scale(false), v.keys[1]
	v.w = math.Round(v.w * 0.8) // the rows' labels and the legend stand beside it
	v.h = rowHeight(rows) * float64(len(rows.labels))
	v.share()
	delete(v.shared, "xOffset")
	v.shared["y"] = nominal("colour", rows, nil)
	for _, axis := range []string{"x", "y"} {
		if scale, ok := v.shared[axis].(object)["scale"].(object); ok { // not where panels have the only other key
			scale["paddingInner"] = 0.03
		}
	}
	v.shared["color"] = object{"field": "value", "type": "quantitative", "title": v.Chart.y, "scale": object{"domain": []float64{s.lo, s.hi}, "range": sequence}}
	for _, g := range v.groups {
		v.number(g.at, g.values[0], nil)
	}
	v.layer("shown", object{"type": "rect"}, object{})
	if len(v.keys[0].labels) <= 14 {
		light := object{"condition": object{"test": object{"field": "value", "gt": s.lo + (s.hi-s.lo)*0.55}, "value": paper}, "value": ink}
		words := object{"type": "text", "fontSize": 10}
		v.layer("shown", words, object{"color": light, "text": object{"field": "text"}})
		v.layer(nothing, words, object{"color": object{"value": middling}, "text": object{"field": "text"}})
	}
	v.signs(object{}, object{})
}

// sankey draws bands as areas, in pixels: Vega-Lite has no flows of its own.
func (v *vega) sankey() {
	f, last := v.flows(), len(v.keys)-1
	v.h = f.high
	at := func(stage int) float64 { return (v.w - nodeWidth) * float64(stage) / float64(last) }
	add := func(kind, says string, x, y, h float64, more object) {
		row := object{"state": kind, "tip": says, "x": thousandth(x), "y": thousandth(y), "y2": thousandth(y + h)}
		v.rows = append(v.rows, with(row, more))
	}
	for id, b := range f.bands {
		from := object{"colour": v.keys[0].labels[b.group.at[0]].short}
		for stage := range last {
			from["band"] = id*last + stage
			x, z := at(stage)+nodeWidth, at(stage+1)
			for i, part := range []float64{0, 0.2, 0.8, 1} {
				y := []float64{b.out[stage], b.in[stage+1]}[i/2]
				add("flow", v.tip(b.group.at, b.group.values[0].text), x+(z-x)*part, y, b.h, from)
			}
		}
	}
	for stage, k := range v.keys {
		add("stage", k.name, at(stage), -12, 0, nil)
		for i, n := range f.nodes[stage] {
			if n.h > 0 {
				add("node", k.labels[i].short, at(stage), n.y, n.h, object{"x2": thousandth(at(stage) + nodeWidth), "middle": thousandth(n.y + n.h/2), "paint": v.nodeColour(stage, i)})
			}
		}
	}
	pixels := func(field string) object {
		return object{"field": field, "type": "quantitative", "scale": nil, "axis": nil}
	}
	v.shared = object{"x": pixels("x"), "y": pixels("y"), "tooltip": object{"field": "tip", "type": "nominal"}}
	v.layer("flow", object{"type": "area", "interpolate": "monotone", "opacity": 0.45}, object{
		"y2": object{"field": "y2"}, "detail": object{"field": "band", "type": "nominal"},
		"color": with(v.paints("colour", v.keys[0], func(i int) string { return v.nodeColour(0, i) }), object{"legend": nil}),
	})
	v.layer("node", object{"type": "rect"}, object{"x2": object{"field": "x2"}, "y2": object{"field": "y2"}, "fill": object{"field": "paint", "type": "nominal", "scale": nil}})
	words := object{"type": "text", "align": "left", "limit": 150}
	v.layer("node", with(words, object{"dx": 5}), object{"x": pixels("x2"), "y": pixels("middle"), "text": object{"field": "tip"}})
	v.layer("stage", with(words, object{"fontWeight": "bold"}), object{"text": object{"field": "tip"}})
}
