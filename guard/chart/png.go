package chart

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"math"

	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// density is how many pixels of the raster make one of the drawing.
const density = 2

// png paints the drawing.
func (d *drawing) png() ([]byte, error) {
	c := &canvas{image: image.NewRGBA(image.Rect(0, 0, int(math.Ceil(d.w*density)), int(math.Ceil(d.h*density))))}
	for _, s := range d.shapes {
		c.paint(s)
	}
	var b bytes.Buffer
	err := png.Encode(&b, c.image)
	return b.Bytes(), err
}

// canvas is an image that shapes are painted on. Outlines of one painting must turn
// the same way round: where they overlap their areas are added.
type canvas struct {
	image  *image.RGBA
	vector vector.Rasterizer
}

func (c *canvas) paint(s *shape) {
	switch s.form {
	case rectangle:
		if s.stroke != "" { // a larger one below
			c.fill(box(s.x-s.width/2, s.y-s.width/2, s.w+s.width, s.h+s.width, s.round), s.stroke, 0)
			c.fill(box(s.x+s.width/2, s.y+s.width/2, max(0, s.w-s.width), max(0, s.h-s.width), s.round), s.fill, s.alpha)
			return
		}
		c.fill(box(s.x, s.y, s.w, s.h, s.round), s.fill, s.alpha)
	case circle:
		if s.stroke != "" {
			c.fill(disc(s.x, s.y, s.round+s.width/2), s.stroke, 0)
		}
		c.fill(disc(s.x, s.y, s.round-s.width/2), s.fill, s.alpha)
	case outline:
		c.fill(s.path, s.fill, s.alpha)
		if s.stroke != "" {
			c.fill(s.stroked(), s.stroke, 0)
		}
	case writing:
		c.fill(s.letters(), s.fill, 0)
	}
}

// box is a rectangle's outline.
func box(x, y, w, h, r float64) []step {
	if r == 0 {
		return polygon(point{x, y}, point{x + w, y}, point{x + w, y + h}, point{x, y + h})
	}
	k := r * 0.4477 // a Bézier's control point for a quarter of a circle, from the corner
	return []step{
		{'M', []point{{x + r, y}}}, {'L', []point{{x + w - r, y}}},
		{'C', []point{{x + w - k, y}, {x + w, y + k}, {x + w, y + r}}}, {'L', []point{{x + w, y + h - r}}},
		{'C', []point{{x + w, y + h - k}, {x + w - k, y + h}, {x + w - r, y + h}}}, {'L', []point{{x + r, y + h}}},
		{'C', []point{{x + k, y + h}, {x, y + h - k}, {x, y + h - r}}}, {'L', []point{{x, y + r}}},
		{'C', []point{{x, y + k}, {x + k, y}, {x + r, y}}},
	}
}

func disc(x, y, r float64) []step { return box(x-r, y-r, 2*r, 2*r, r) }

func polygon(points ...point) []step {
	out := []step{{'M', points[:1]}}
	for i := range points[1:] {
		out = append(out, step{'L', points[i+1 : i+2]})
	}
	return out
}

// stroked is the outline of a line of straight parts, with round joints.
func (s *shape) stroked() []step {
	var out []step
	var last point
	walked, r := 0.0, s.width/2
	for i, st := range s.path {
		p := st.to[len(st.to)-1]
		if st.op == 'L' {
			length := math.Hypot(p.x-last.x, p.y-last.y)
			for _, on := range dashes(walked, length, s.dashed) {
				a, b := along(last, p, on[0]/length), along(last, p, on[1]/length)
				dx, dy := (p.y-last.y)/length*r, (last.x-p.x)/length*r
				out = append(out, polygon(point{a.x - dx, a.y - dy}, point{a.x + dx, a.y + dy}, point{b.x + dx, b.y + dy}, point{b.x - dx, b.y - dy})...)
			}
			walked += length
			if i+1 < len(s.path) && !s.dashed && s.path[i+1].op == 'L' {
				out = append(out, disc(p.x, p.y, r)...)
			}
		}
		last = p
	}
	return out
}

func along(a, b point, part float64) point { return point{a.x + (b.x-a.x)*part, a.y + (b.y-a.y)*part} }

// dashes are the parts of a stretch that are drawn: 6 on, 4 off.
func dashes(walked, length float64, dashed bool) [][2]float64 {
	if length == 0 {
		return nil
	}
	if !dashed {
		return [][2]float64{{0, length}}
	}
	var out [][2]float64
	for from := -math.Mod(walked, 10); from < length; from += 10 {
		if a, b := max(from, 0), min(from+6, length); a < b {
			out = append(out, [2]float64{a, b})
		}
	}
	return out
}

// letters is the outline of a text.
func (s *shape) letters() []step {
	const em = 1024 // loaded at this size, then scaled: no hinting
	f := fontOf(s.bold)
	glyphs, widths := advances(s.words, s.size, s.bold)
	at := 0.0
	if s.anchor != "start" {
		at = -widthOf(s.words, s.size, s.bold)
	}
	if s.anchor == "middle" {
		at /= 2
	}
	sin, cos := math.Sincos(s.angle * math.Pi / 180)
	var b sfnt.Buffer
	var out []step
	for i, g := range glyphs {
		segments, err := f.LoadGlyph(&b, g, fixed.I(em), nil)
		if err != nil {
			segments = nil
		}
		place := func(p fixed.Point26_6) point {
			x, y := at+float64(p.X)/64/em*s.size, float64(p.Y)/64/em*s.size
			return point{s.x + x*cos - y*sin, s.y + x*sin + y*cos}
		}
		for _, seg := range segments {
			out = append(out, glyphStep(seg, place, out))
		}
		at += widths[i]
	}
	return out
}

func glyphStep(seg sfnt.Segment, place func(fixed.Point26_6) point, before []step) step {
	switch seg.Op {
	case sfnt.SegmentOpMoveTo:
		return step{'M', []point{place(seg.Args[0])}}
	case sfnt.SegmentOpLineTo:
		return step{'L', []point{place(seg.Args[0])}}
	case sfnt.SegmentOpQuadTo:
		from := before[len(before)-1]
		a, q, b := from.to[len(from.to)-1], place(seg.Args[0]), place(seg.Args[1])
		return step{'C', []point{along(a, q, 2.0/3), along(b, q, 2.0/3), b}}
	}
	return step{'C', []point{place(seg.Args[0]), place(seg.Args[1]), place(seg.Args[2])}}
}

// fill paints an outline's inside.
func (c *canvas) fill(path []step, fill string, alpha float64) {
	if fill == "" || len(path) == 0 {
		return
	}
	bounds := boundsOf(path).Intersect(c.image.Bounds())
	if bounds.Empty() {
		return
	}
	r := &c.vector
	r.Reset(bounds.Dx(), bounds.Dy())
	at := func(p point) (float32, float32) {
		return float32(p.x*density - float64(bounds.Min.X)), float32(p.y*density - float64(bounds.Min.Y))
	}
	for i, st := range path {
		switch x, y := at(st.to[len(st.to)-1]); st.op {
		case 'M':
			if i > 0 {
				r.ClosePath()
			}
			r.MoveTo(x, y)
		case 'L':
			r.LineTo(x, y)
		case 'C':
			ax, ay := at(st.to[0])
			bx, by := at(st.to[1])
			r.CubeTo(ax, ay, bx, by, x, y)
		}
	}
	r.ClosePath()
	r.DrawOp = draw.Over
	r.Draw(c.image, bounds, source(fill, alpha), bounds.Min)
}

// boundsOf are the pixels that a path can touch.
func boundsOf(path []step) image.Rectangle {
	x0, y0, x1, y1 := math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, st := range path {
		for _, p := range st.to {
			x0, y0, x1, y1 = min(x0, p.x), min(y0, p.y), max(x1, p.x), max(y1, p.y)
		}
	}
	return image.Rect(int(math.Floor(x0*density)), int(math.Floor(y0*density)), int(math.Ceil(x1*density)), int(math.Ceil(y1*density)))
}

func source(fill string, alpha float64) image.Image {
	if fill == hatch {
		return hatching{}
	}
	c := rgb(fill)
	if alpha > 0 {
		of := func(x uint8) uint8 { return uint8(float64(x)*alpha + 0.5) }
		c = color.RGBA{of(c.R), of(c.G), of(c.B), of(255)}
	}
	return image.NewUniform(c)
}

// hatching is the pattern that the SVG has for what is hidden.
type hatching struct{}

func (hatching) ColorModel() color.Model { return color.RGBAModel }
func (hatching) Bounds() image.Rectangle { return image.Rect(-1e9, -1e9, 1e9, 1e9) }
func (hatching) At(x, y int) color.Color {
	across := math.Mod(float64(x+y)/density/math.Sqrt2, hatchPeriod)
	covered := min(max(min(across, hatchPeriod/3-across)*density+0.5, 0), 1) // by the line, of the pixel
	return hatchShades[int(covered*(float64(len(hatchShades))-0.5))]
}

var hatchShades = func() (out [9]color.RGBA) {
	for i := range out {
		out[i] = rgb(mix(hatchGround, hatchLine, float64(i)/float64(len(out)-1)))
	}
	return out
}()
