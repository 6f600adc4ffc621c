package chart

import (
	"image/color"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// drawing is a picture as shapes, later ones over earlier ones. Lengths are CSS
// pixels, y runs down.
type drawing struct {
	w, h   float64
	shapes []*shape
}

// shape is one of a rectangle, a circle, a path and a text.
type shape struct {
	form   form
	mark   string  // which mark of the chart it is, "" for none
	tip    string  // names it
	x, y   float64 // of a rectangle the corner, of a circle the centre, of a text the start, middle or end of its baseline
	w, h   float64 // of a rectangle
	round  float64 // radius of a circle, or of a rectangle's corners
	path   []step
	fill   string  // a colour as #rrggbb, hatch, or "" for none
	alpha  float64 // of the fill; 0 is opaque
	stroke string
	width  float64 // of the stroke
	dashed bool
	words  string
	size   float64 // of a text
	bold   bool
	anchor string  // of a text: start, middle or end
	angle  float64 // of a text, in degrees, clockwise
}

type form int

const (
	rectangle form = iota
	circle
	outline
	writing
)

// step goes on to its last point: straight, or for 'C' along a Bézier curve.
type step struct {
	op byte // M, L or C
	to []point
}

type point struct{ x, y float64 }

// hatch is the fill of what is hidden.
const hatch = "hatch"

// Colours beside the palette.
const (
	ink   = "#222222"
	faint = "#666666"
	line  = "#dddddd"
	grey  = "#ababab" // of "missing"
	paper = "#ffffff"
)

func (d *drawing) add(s *shape) *shape {
	d.shapes = append(d.shapes, s)
	return s
}

func (d *drawing) rect(x, y, w, h float64, fill string) *shape {
	return d.add(&shape{form: rectangle, x: x, y: y, w: w, h: h, fill: fill})
}

func (d *drawing) dot(x, y, r float64, fill string) *shape {
	return d.add(&shape{form: circle, x: x, y: y, round: r, fill: fill})
}

// line joins points.
func (d *drawing) line(stroke string, width float64, points ...point) *shape {
	s := &shape{form: outline, stroke: stroke, width: width}
	for i, p := range points {
		op := byte('L')
		if i == 0 {
			op = 'M'
		}
		s.path = append(s.path, step{op, []point{p}})
	}
	return d.add(s)
}

func (d *drawing) text(x, y, size float64, anchor, words string) *shape {
	return d.add(&shape{form: writing, x: x, y: y, size: size, anchor: anchor, words: words, fill: ink})
}

// The fonts of the raster, by which SVG is laid out, too.
var fonts = sync.OnceValue(func() [2]*sfnt.Font {
	var out [2]*sfnt.Font
	for i, ttf := range [][]byte{goregular.TTF, gobold.TTF} {
		f, err := sfnt.Parse(ttf)
		if err != nil {
			panic(err)
		}
		out[i] = f
	}
	return out
})

func fontOf(bold bool) *sfnt.Font {
	if bold {
		return fonts()[1]
	}
	return fonts()[0]
}

// advances are the widths of the characters of a text.
func advances(words string, size float64, bold bool) (glyphs []sfnt.GlyphIndex, widths []float64) {
	f := fontOf(bold)
	var b sfnt.Buffer
	for _, r := range words {
		g, err := f.GlyphIndex(&b, r)
		if err != nil {
			g = 0
		}
		w, err := f.GlyphAdvance(&b, g, fixed.Int26_6(size*64), font.HintingNone)
		if err != nil {
			w = 0
		}
		glyphs, widths = append(glyphs, g), append(widths, float64(w)/64)
	}
	return glyphs, widths
}

func widthOf(words string, size float64, bold bool) float64 {
	sum := 0.0
	_, widths := advances(words, size, bold)
	for _, w := range widths {
		sum += w
	}
	return sum
}

// wider is how much wider than ours a browser's font may be.
const wider = 1.12

// roomOf is the width that is kept for a label.
func roomOf(words string) float64 { return widthOf(words, small, false) * wider }

// fit is a text shortened to a width.
func fit(words string, width, size float64, bold bool) string {
	if widthOf(words, size, bold)*wider <= width {
		return words
	}
	width -= widthOf("…", size, bold) * wider
	_, widths := advances(words, size, bold)
	out := []rune(words)
	for i, w := range widths {
		if width -= w * wider; width < 0 {
			return strings.TrimSuffix(string(out[:i]), " ") + "…"
		}
	}
	return words
}

// palette is Okabe and Ito's, which the colour-blind can tell apart; the colours
// that are hardest to see on white come last, and a dark grey, which can be seen on a
// dark page, stands for their black. A second round is paler.
var palette = [...]string{"#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#5f5f5f", "#f0e442"}

// colour is the colour of labels of x and colour.
func (c *Chart) colour(x, i int) string {
	switch {
	case i == c.keys[1].missing, c.keys[1].name == "" && x == c.keys[0].missing:
		return grey
	case i < len(palette):
		return palette[i]
	}
	return mix(palette[i%len(palette)], paper, 0.5)
}

// sequence is light to dark, from few to many.
var sequence = []string{"#f0f5fa", "#a8cbe3", "#4a90c2", "#0b3c6f"}

// shade is the colour of a part of a scale from 0 to 1.
func shade(part float64) string {
	at := min(max(part, 0), 1) * float64(len(sequence)-1)
	i := min(int(at), len(sequence)-2)
	return mix(sequence[i], sequence[i+1], at-float64(i))
}

func mix(a, b string, part float64) string {
	p, q := rgb(a), rgb(b)
	between := func(x, y uint8) uint64 { return uint64(float64(x)*(1-part) + float64(y)*part + 0.5) }
	sum := between(p.R, q.R)<<16 | between(p.G, q.G)<<8 | between(p.B, q.B)
	return "#" + strconv.FormatUint(1<<24|sum, 16)[1:]
}

func rgb(hex string) color.RGBA {
	n, err := strconv.ParseUint(hex[1:], 16, 32)
	if err != nil {
		panic(err) // a colour of this package is not one
	}
	return color.RGBA{uint8(n >> 16), uint8(n >> 8), uint8(n), 255}
}

// on is the colour of a text that can be read on another.
func on(fill string) string {
	c := rgb(fill)
	if 299*int(c.R)+587*int(c.G)+114*int(c.B) < 140_000 {
		return paper
	}
	return ink
}
