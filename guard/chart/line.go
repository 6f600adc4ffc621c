package chart

// drawLines draws a line for each colour. A hidden number is a gap in the line, and
// a mark under the axis in a row of the line's own.
func (c *Chart) drawLines(d *drawing, top float64) {
	s := c.scale(false)
	rows := map[int]float64{}
	for i := range c.keys[1].labels {
		if c.hides(i) {
			rows[i] = 4 + 8*float64(len(rows))
		}
	}
	below := 0.0
	if len(rows) > 0 {
		below = 4 + 8*float64(len(rows))
	}
	for _, p := range c.frame(d, top, below, s).panels() {
		p.axes(s)
		p.base(p.y + p.h)
		for i := range c.keys[1].labels {
			for _, r := range c.runs(i, p.i, shown) {
				p.run(s, i, r)
			}
			for _, r := range c.runs(i, p.i, hidden) {
				p.gap(i, r, p.y+p.h+rows[i])
			}
		}
	}
}

func (c *Chart) hides(colour int) bool {
	for panel := range c.keys[2].labels {
		if len(c.runs(colour, panel, hidden)) > 0 {
			return true
		}
	}
	return false
}

// runs are the labels of x that follow each other in a state, first and last.
// "missing" follows none, and neither does a number that a logarithmic axis has no
// place for.
func (c *Chart) runs(colour, panel int, s state) [][2]int {
	var out [][2]int
	alone := true // the one before
	for x := range c.keys[0].labels {
		v := c.value(x, colour, panel)
		if v.state != s {
			continue
		}
		last, single := len(out)-1, x == c.keys[0].missing || s == shown && c.log && v.number <= 0
		if !alone && !single && out[last][1] == x-1 {
			out[last][1] = x
		} else {
			out = append(out, [2]int{x, x})
		}
		alone = single
	}
	return out
}

// run draws numbers that follow each other.
func (p panel) run(s scale, i int, r [2]int) {
	fill := p.c.colour(r[0], i)
	var points []point
	for x := r[0]; x <= r[1]; x++ {
		points = append(points, point{p.centre(x), p.height(s, p.c.value(x, i, p.i).number)})
	}
	if len(points) > 1 {
		l := p.d.line(fill, 2, points...)
		l.mark, l.dashed, l.tip = "line", i >= len(palette), p.lineName(i)
	}
	for j, at := range points {
		v := p.c.value(r[0]+j, i, p.i)
		tip := p.c.tip([]int{r[0] + j, i, p.i}, v.text)
		if s.log && v.number <= 0 {
			p.d.foot(at.x, at.y, fill).tip = tip
		} else if p.slot() >= 9 || len(points) == 1 {
			dot := p.d.dot(at.x, at.y, 3, fill)
			dot.mark, dot.tip = "point", tip
		}
	}
}

func (p panel) lineName(i int) string {
	if p.c.keys[1].name == "" {
		return p.c.y
	}
	return p.c.keys[1].labels[i].short
}

// gap marks hidden numbers that follow each other.
func (p panel) gap(i int, r [2]int, y float64) {
	width := max(p.slot()*float64(r[1]-r[0]+1), 3)
	mark := p.d.rect((p.centre(r[0])+p.centre(r[1])-width)/2, y, width, 5, hatch)
	mark.mark, mark.stroke, mark.width = marker, p.c.colour(r[0], i), 1
	mark.tip = p.c.tip([]int{r[0], i, p.i}, marker)
	if r[1] > r[0] {
		mark.tip = p.c.tip([]int{r[1], i, p.i}, marker+" from "+p.c.keys[0].labels[r[0]].short)
	}
}
