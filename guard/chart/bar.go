package chart

// drawBars draws bars in clusters along x, or piles of 100%.
func (c *Chart) drawBars(d *drawing, top float64) {
	s := c.scale(true)
	g := c.frame(d, top, 0, s)
	numbers := c.fitsNumbers(g)
	for _, p := range g.panels() {
		p.axes(s)
		for x := range c.keys[0].labels {
			if c.stacked {
				p.pile(s, x)
				continue
			}
			for i := range c.keys[1].labels {
				p.bar(s, x, i)
			}
		}
		if numbers {
			p.numbers(s)
		}
		p.base(p.height(s, s.foot()))
	}
}

// place is where a bar of a cluster stands: those of a histogram touch.
func (p panel) place(x, i int) (left, width float64) {
	n := float64(len(p.c.keys[1].labels))
	if p.c.stacked {
		i, n = 0, 1
	}
	width = p.slot() * float64(p.c.before(x+1)-p.c.before(x)) / n
	if p.c.kind.op != "Histogram" {
		width = min(0.8*width, 96)
	}
	return p.centre(x) + width*(float64(i)-n/2), width
}

func (p panel) bar(s scale, x, i int) {
	left, width := p.place(x, i)
	v, foot := p.c.value(x, i, p.i), p.height(s, s.foot())
	tip := p.c.tip([]int{x, i, p.i}, v.text)
	switch {
	case v.state == hidden:
		r := p.d.rect(left, foot-hiddenBar, width, hiddenBar, hatch)
		r.mark, r.tip, r.stroke, r.width = marker, tip, paper, 1
		return
	case v.state != shown:
		return
	case s.log && v.number <= 0:
		p.d.foot(left+width/2, foot, p.c.colour(x, i)).tip = tip
		return
	}
	y := p.height(s, v.number)
	r := p.d.rect(left, min(y, foot), width, max(y, foot)-min(y, foot), p.c.colour(x, i))
	r.mark, r.tip = "bar", tip
	if p.c.kind.op == "Histogram" || v.number == 0 {
		r.stroke, r.width = paper, 1
		if v.number == 0 {
			r.stroke = r.fill
		}
	}
}

// numbers writes the bars' numbers, over all bars.
func (p panel) numbers(s scale) {
	for _, g := range p.c.groups {
		v := g.values[0]
		if g.at[2] != p.i || v.state != shown || s.log && v.number <= 0 {
			continue
		}
		y := p.height(s, v.number) - 4
		if v.number < 0 {
			y += 16
		}
		left, width := p.place(g.at[0], g.at[1])
		p.d.text(left+width/2, y, 10, "middle", v.text)
	}
}

// fitsNumbers says whether every number has room over its bar.
func (c *Chart) fitsNumbers(g *grid) bool {
	_, width := panel{grid: g}.place(0, 0)
	if len(c.keys[1].labels) == 1 {
		width = g.slot()
	}
	for _, group := range c.groups {
		if v := group.values[0]; v.state == shown && widthOf(v.text, 10, false) > width-1 {
			return false
		}
	}
	return !c.stacked
}

// pile is a stacked bar's parts, from the bottom. Of hidden parts no one has a
// share; what is left of a known whole is theirs together, if they are several.
// Without it no part has one.
type pile struct {
	parts []part
	rest  float64 // where the hidden ones begin, 1 where there are none
	none  bool    // no group at all
}

type part struct {
	colour   int
	from, to float64
	value    value
}

func (c *Chart) pile(x, panel int) pile {
	sum, hiddenParts, out := 0.0, 0, pile{none: true, rest: 1}
	for i := range c.keys[1].labels {
		switch v := c.value(x, i, panel); v.state {
		case hidden:
			hiddenParts++
			out.none = false
		case shown:
			out.parts = append(out.parts, part{i, sum, sum + v.number, v})
			sum += v.number
			out.none = false
		}
	}
	whole := sum
	if hiddenParts > 0 || c.percent {
		known := c.wholes[[2]int{x, panel}]
		whole = max(known.number, sum) // shares are rounded, and may sum to more than 1
		if hiddenParts == 1 || hiddenParts > 0 && (known.state != shown || known.number <= sum) {
			return pile{rest: 0}
		}
	}
	if whole == 0 {
		return pile{none: true, rest: 1}
	}
	for i := range out.parts {
		out.parts[i].from /= whole
		out.parts[i].to /= whole
	}
	if hiddenParts > 0 {
		out.rest = sum / whole
	}
	return out
}

func (p panel) pile(s scale, x int) {
	left, width := p.place(x, 0)
	pile := p.c.pile(x, p.i)
	if pile.none {
		return
	}
	for _, part := range pile.parts {
		fill := p.c.colour(x, part.colour)
		h := p.h * (part.to - part.from)
		r := p.d.rect(left, p.height(s, part.to), width, h, fill)
		r.mark, r.tip = "bar", p.c.tip([]int{x, part.colour, p.i}, part.value.text)
		if h > 14 && widthOf(part.value.text, 10, false)+6 < width {
			p.d.text(left+width/2, p.height(s, (part.from+part.to)/2)+3.5, 10, "middle", part.value.text).fill = on(fill)
		}
	}
	if pile.rest < 1 {
		r := p.d.rect(left, p.y, width, max(p.h*(1-pile.rest), 3), hatch)
		r.mark, r.tip = marker, p.c.tip([]int{x}, marker)
	}
}
