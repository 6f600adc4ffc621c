package chart

// stub is how far a hidden quantile's mark reaches, whatever it is.
const stub = 10.0

// drawBoxes draws quantiles as boxes and whiskers. A stretch whose inner quantile
// is hidden is hatched; beyond the last one that is shown stands a stub.
func (c *Chart) drawBoxes(d *drawing, top float64) {
	s := c.scale(false)
	for _, p := range c.frame(d, top, 0, s).panels() {
		p.axes(s)
		p.base(p.y + p.h)
		for x := range c.keys[0].labels {
			for i := range c.keys[1].labels {
				if g := c.at[place{x, i, p.i}]; g != nil {
					p.box(s, g)
				}
			}
		}
	}
}

// boxes are a group's quantiles as they are drawn.
type boxes struct {
	stretches  []stretch
	marks      []quantile // a line across: the median is the strongest
	below, top bool       // the lowest, the highest are hidden
	empty      bool       // none is shown
}

type stretch struct {
	from, to float64
	kind     string // whisker, box, or hidden
}

type quantile struct {
	number float64
	form   string // median, edge of the box, or end of a whisker
}

func boxesOf(values []value) boxes {
	out, last, hides := boxes{empty: true}, -1, false
	for i, v := range values {
		switch {
		case v.state == hidden:
			hides = true
			continue
		case v.state != shown:
			continue
		}
		form := "edge"
		switch {
		case i == len(values)/2:
			form = "median"
		case len(values) == 5 && (i == 0 || i == 4):
			form = "end"
		}
		out.marks = append(out.marks, quantile{v.number, form})
		switch {
		case last < 0:
			out.below = hides
		case hides:
			out.stretches = append(out.stretches, stretch{values[last].number, v.number, marker})
		case len(values) == 5 && (last == 0 || i == 4):
			out.stretches = append(out.stretches, stretch{values[last].number, v.number, "whisker"})
		default:
			out.stretches = append(out.stretches, stretch{values[last].number, v.number, "box"})
		}
		last, hides, out.empty = i, false, false
	}
	out.top = hides && !out.empty
	out.below = out.below || hides && out.empty
	return out
}

// quantiles names a group's quantiles and their numbers.
func (c *Chart) quantiles(g *group) string {
	says := ""
	for i, v := range g.values {
		if i > 0 {
			says += ", "
		}
		says += c.parts[i] + " " + v.text
	}
	return says
}

func (p panel) box(s scale, g *group) {
	b := boxesOf(g.values)
	left, room := p.place(g.at[0], g.at[1])
	width := min(room*0.8, 60)
	left += (room - width) / 2
	centre, fill, tip := left+width/2, p.c.colour(g.at[0], g.at[1]), p.c.tip(g.at, p.c.quantiles(g))
	say := func(r *shape, mark string) { r.mark, r.tip = mark, tip }
	if b.empty {
		if b.below {
			say(p.d.rect(left, p.y+p.h-hiddenBar, width, hiddenBar, hatch), marker)
		}
		return
	}
	for _, st := range b.stretches {
		y, foot := p.height(s, st.to), p.height(s, st.from)
		switch st.kind {
		case "whisker":
			say(p.d.line(fill, 1.5, point{centre, foot}, point{centre, y}), "whisker")
		default:
			r := p.d.rect(left, y, width, foot-y, mix(fill, paper, 0.6))
			if st.kind == marker {
				r.fill = hatch
			}
			r.stroke, r.width = fill, 1
			say(r, st.kind)
		}
	}
	if b.below {
		say(p.d.rect(left+width/4, p.height(s, b.marks[0].number), width/2, stub, hatch), marker)
	}
	if b.top {
		say(p.d.rect(left+width/4, p.height(s, b.marks[len(b.marks)-1].number)-stub, width/2, stub, hatch), marker)
	}
	for _, q := range b.marks {
		y, half, thick := p.height(s, q.number), width/2, 1.0
		switch q.form {
		case "median":
			thick = 3
		case "end":
			half, thick = width/4, 1.5
		}
		say(p.d.line(fill, thick, point{centre - half, y}, point{centre + half, y}), "quantile")
	}
}
