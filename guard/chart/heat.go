package chart

// drawHeat draws a cell for each pair of labels, with its number where it fits.
func (c *Chart) drawHeat(d *drawing, top float64) {
	s, rows := c.scale(false), c.keys[1]
	left := margin
	for _, l := range rows.labels {
		left = max(left, margin+10+min(180, roomOf(l.short)))
	}
	if rows.name != "" {
		t := d.text(margin, top+12, small, "start", fit(rows.name, d.w-2*margin, small, false))
		t.fill, t.tip = faint, rows.name
		top += 14
	}
	height := rowHeight(rows)
	g := c.newGrid(d, top, left, height*float64(len(rows.labels)), 0)
	g.finish()
	for _, p := range g.panels() {
		p.name()
		p.along()
		for i, l := range rows.labels {
			y := p.y + height*float64(i)
			if p.i%p.columns == 0 && rows.name != "" {
				t := d.text(p.x-8, y+height/2+4, small, "end", fit(l.short, 180, small, false))
				if t.tip = l.full; i == rows.missing {
					t.fill = faint
				}
			}
			for x := range c.keys[0].labels {
				p.cell(s, x, i, y, height)
			}
		}
	}
}

// rowHeight is less where there are many.
func rowHeight(rows *key) float64 { return min(28, max(13, 480/float64(len(rows.labels)))) }

func (p panel) cell(s scale, x, i int, y, height float64) {
	v := p.c.value(x, i, p.i)
	if v.state == absent {
		return
	}
	width := p.slot()
	left := p.x + width*float64(x)
	r := p.d.rect(left, y, width, height, paper)
	r.tip = p.c.tip([]int{x, i, p.i}, v.text)
	r.stroke, r.width = paper, 1
	words := ink
	switch v.state {
	case hidden:
		r.mark, r.fill = marker, hatch
		return
	case none:
		r.stroke = line
	case shown:
		r.mark, r.fill = "cell", shade(s.part(v.number))
		words = on(r.fill)
	}
	if widthOf(v.text, 10, false)*wider+4 < width {
		p.d.text(left+width/2, y+height/2+3.5, 10, "middle", v.text).fill = words
	}
}
