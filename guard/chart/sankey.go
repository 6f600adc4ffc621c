package chart

import (
	"cmp"
	"slices"
)

// flows is the layout of a Sankey diagram: a band for each group through all
// stages, as wide as its participants; a node is as high as the bands through it.
type flows struct {
	nodes [][]node // by stage and label
	bands []band
	high  float64
}

type node struct{ y, h float64 }

type band struct {
	group *group
	h     float64
	in    []float64 // its upper edge where it comes into a stage
	out   []float64 // and where it leaves it
}

const nodeGap = 14.0

// flows lays out what is shown. Hidden flows have no place in it.
func (c *Chart) flows() flows {
	f := flows{high: 320}
	total := 0.0
	for _, g := range c.groups {
		if v := g.values[0]; v.state == shown && v.number > 0 {
			f.bands = append(f.bands, band{group: g, in: make([]float64, len(c.keys)), out: make([]float64, len(c.keys))})
			total += v.number
		}
	}
	most := 0
	for _, k := range c.keys {
		most = max(most, len(k.labels))
	}
	f.high = max(f.high, float64(most)*26)
	unit := (f.high - nodeGap*float64(most-1)) / max(total, smallest)
	for i := range f.bands {
		f.bands[i].h = f.bands[i].group.values[0].number * unit
	}
	for stage, k := range c.keys {
		f.nodes = append(f.nodes, f.stack(stage, len(k.labels)))
	}
	return f
}

// stack places a stage's nodes and, in them, the bands.
func (f *flows) stack(stage, labels int) []node {
	nodes := make([]node, labels)
	for _, b := range f.bands {
		nodes[b.group.at[stage]].h += b.h
	}
	y := 0.0
	for i := range nodes {
		nodes[i].y = y
		if nodes[i].h > 0 {
			y += nodes[i].h + nodeGap
		}
	}
	f.pack(stage, nodes, -1, func(b *band) *float64 { return &b.in[stage] })
	f.pack(stage, nodes, 1, func(b *band) *float64 { return &b.out[stage] })
	return nodes
}

// pack orders the bands of each node by where they come from, or go to.
func (f *flows) pack(stage int, nodes []node, towards int, edge func(*band) *float64) {
	order := make([]*band, len(f.bands))
	for i := range f.bands {
		order[i] = &f.bands[i]
	}
	slices.SortStableFunc(order, func(a, b *band) int {
		n := len(a.in)
		for _, way := range []int{towards, -towards} {
			for i := stage; i >= 0 && i < n; i += way {
				if d := cmp.Compare(a.group.at[i], b.group.at[i]); d != 0 {
					return d
				}
			}
		}
		return 0
	})
	filled := make([]float64, len(nodes))
	for _, b := range order {
		i := b.group.at[stage]
		*edge(b) = nodes[i].y + filled[i]
		filled[i] += b.h
	}
}

const nodeWidth = 12.0

// drawSankey draws the flows from stage to stage, in the colours of the first.
func (c *Chart) drawSankey(d *drawing, top float64) {
	f := c.flows()
	last := len(c.keys) - 1
	left, right := margin+c.widest(0), d.w-margin-c.widest(last)-nodeWidth
	at := func(stage int) float64 { return left + (right-left)*float64(stage)/float64(last) }
	y := top + 30
	for stage, k := range c.keys {
		anchor, x := "middle", at(stage)+nodeWidth/2
		switch stage {
		case 0:
			anchor, x = "start", margin
		case last:
			anchor, x = "end", d.w-margin
		}
		t := d.text(x, top+14, small, anchor, fit(k.name, (right-left)/float64(last), small, true))
		t.bold, t.tip = true, k.name
	}
	for _, b := range f.bands {
		for stage := range last {
			c.drawBand(d, b, stage, at(stage)+nodeWidth, at(stage+1), y)
		}
	}
	for stage, k := range c.keys {
		for i, n := range f.nodes[stage] {
			if n.h > 0 {
				c.drawNode(d, n, stage, k.labels[i], c.nodeColour(stage, i), at(stage), y)
			}
		}
	}
	for _, b := range f.bands {
		if text := b.group.values[0].text; b.h >= 12 && widthOf(text, 10, false)*2 < at(1)-at(0) {
			d.text(at(0)+nodeWidth+6, y+b.out[0]+b.h/2+3.5, 10, "start", text)
		}
	}
	d.close(y + f.high + margin)
}

// widest is the room for the labels of an outer stage.
func (c *Chart) widest(stage int) float64 {
	w := 0.0
	for _, l := range c.keys[stage].labels {
		w = max(w, roomOf(l.short))
	}
	return min(w, 140) + 6
}

func (c *Chart) nodeColour(stage, i int) string {
	switch {
	case i == c.keys[stage].missing:
		return grey
	case stage == 0:
		return mix(palette[i%len(palette)], paper, 0.25*float64(i/len(palette)))
	}
	return "#555555"
}

func (c *Chart) drawBand(d *drawing, b band, stage int, from, to, top float64) {
	a, z, half := top+b.out[stage], top+b.in[stage+1], (from+to)/2
	d.add(&shape{
		form: outline, mark: "flow", tip: c.tip(b.group.at, b.group.values[0].text),
		fill: c.nodeColour(0, b.group.at[0]), alpha: 0.45,
		path: []step{
			{'M', []point{{from, a}}}, {'C', []point{{half, a}, {half, z}, {to, z}}},
			{'L', []point{{to, z + b.h}}}, {'C', []point{{half, z + b.h}, {half, a + b.h}, {from, a + b.h}}},
		},
	})
}

func (c *Chart) drawNode(d *drawing, n node, stage int, l label, fill string, x, top float64) {
	d.rect(x, top+n.y, nodeWidth, n.h, fill).tip = l.full
	anchor, at, room := "start", x+nodeWidth+5, 150.0
	if stage == 0 {
		anchor, at, room = "end", x-5, 140
	}
	d.text(at, top+n.y+n.h/2+4, small, anchor, fit(l.short, room, small, false)).tip = l.full
}
