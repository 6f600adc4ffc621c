package chart

import (
	"bytes"
	"encoding/xml"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"weir/datasets/plan"
)

// element is an element of an SVG image, read by a parser that is not ours.
type element struct {
	XMLName xml.Name
	Attrs   []xml.Attr `xml:",any,attr"`
	Title   *string    `xml:"title"`
	Words   string     `xml:",chardata"`
	Inner   []element  `xml:",any"`
}

func (e element) attr(name string) string {
	for _, a := range e.Attrs {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (e element) number(t testing.TB, name string) float64 {
	t.Helper()
	x, err := strconv.ParseFloat(e.attr(name), 64)
	if err != nil {
		t.Fatalf("%s of a %s: %v", name, e.XMLName.Local, err)
	}
	return x
}

func (e element) tip() string {
	if e.Title == nil {
		return ""
	}
	return *e.Title
}

var lengths = regexp.MustCompile(`-?\d+(\.\d+)?`)

// points is every point of a path, curves' control points among them.
func (e element) points() []point {
	var out []point
	n := lengths.FindAllString(e.attr("d"), -1)
	for i := 0; i+1 < len(n); i += 2 {
		x, _ := strconv.ParseFloat(n[i], 64)
		y, _ := strconv.ParseFloat(n[i+1], 64)
		out = append(out, point{x, y})
	}
	return out
}

func parse(t testing.TB, svg string) element {
	t.Helper()
	var e element
	d := xml.NewDecoder(strings.NewReader(svg))
	d.Strict = true
	if err := d.Decode(&e); err != nil {
		t.Fatalf("the SVG is no XML: %v", err)
	}
	if _, err := d.Token(); err != nil && err != io.EOF {
		t.Fatal(err)
	}
	return e
}

func (e element) marked(kinds ...string) []element {
	var out []element
	for _, in := range e.Inner {
		if slices.Contains(kinds, in.attr("data-mark")) {
			out = append(out, in)
		}
	}
	return out
}

// ruler reads numbers off the ticks of a picture: a set for each row of panels.
type ruler struct {
	sets [][]tick
	log  bool
}

type tick struct{ y, number float64 }

func readRuler(t testing.TB, svg element, log bool) ruler {
	t.Helper()
	r := ruler{log: log}
	for _, e := range svg.marked("tick") {
		words := strings.ReplaceAll(e.Words, ",", "")
		x, err := strconv.ParseFloat(strings.TrimSuffix(words, "%"), 64)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(words, "%") {
			x /= 100
		}
		y := e.number(t, "y") - 4 // a text's baseline is below its middle
		if last := len(r.sets) - 1; last < 0 || r.sets[last][0].number == x {
			r.sets = append(r.sets, nil)
		}
		r.sets[len(r.sets)-1] = append(r.sets[len(r.sets)-1], tick{y, x})
	}
	return r
}

// read is the number at a height.
func (r ruler) read(t testing.TB, y float64) float64 {
	t.Helper()
	for _, set := range r.sets {
		a, b := set[0], set[len(set)-1]
		if y > a.y+0.1 || y < b.y-0.1 {
			continue
		}
		part := (a.y - y) / (a.y - b.y)
		if r.log {
			return a.number * math.Pow(b.number/a.number, part)
		}
		return a.number + (b.number-a.number)*part
	}
	t.Fatalf("nothing is at the height %g", y)
	return 0
}

// near is what a hundredth of a pixel may make of a number, on this ruler.
func (r ruler) near(a, b float64) bool {
	set := r.sets[0]
	if r.log {
		return math.Abs(math.Log(a/b)) < 1e-3
	}
	return math.Abs(a-b) <= math.Abs(set[len(set)-1].number-set[0].number)*2e-4
}

// cells are the sample's numbers by what their marks' tips say.
func (s sample) cells(t testing.TB) map[string][]plan.Cell {
	n, r := s.make(t)
	order := rolesOf(t, n, len(s.keys))
	out := map[string][]plan.Cell{}
	for _, g := range r.Groups {
		var names []string
		for _, k := range order {
			names = append(names, g.Labels[k])
		}
		cells := g.Cells
		if s.stat == "" {
			cells = []plan.Cell{g.Participants}
			if g.Bins > 1 { // an area is participants
				cells[0].Value /= float64(g.Bins)
			}
		}
		parts := strings.Split(s.parts, "|")
		switch {
		case s.kind == "BoxPlot":
			out[strings.Join(names, ", ")] = cells
		case s.parts != "":
			for i, c := range cells {
				with := slices.Clone(names)
				at := len(with)
				if len(s.settings) > 0 && s.settings[0].op == "Facet" {
					at = 1 // the facet is named last
				}
				out[strings.Join(slices.Insert(with, at, parts[i]), ", ")] = []plan.Cell{c}
			}
		default:
			out[strings.Join(names, ", ")] = cells
		}
	}
	return out
}

// rolesOf is the keys in the order in which tips name them: x, colour, panels.
func rolesOf(t testing.TB, n *plan.Node, keys int) []int {
	t.Helper()
	var of []plan.ID
	roles := [3]int{-1, -1, -1}
	place := map[string]int{"X": 0, "Color": 1, "Facet": 2}
	for m := n; m != nil; m = m.Recv() {
		if m.Op() == "By" || m.Op() == "Histogram" {
			for _, k := range m.Nodes(0) {
				of = append(of, k.ID())
			}
		}
	}
	var free []int
	for i := range of {
		free = append(free, i)
	}
	kind := ""
	for m := n; m != nil && m.Kind() == "Chart"; m = m.Recv() {
		if i, ok := place[m.Op()]; ok {
			roles[i] = slices.Index(of, m.Node(0).ID())
			free = slices.DeleteFunc(free, func(k int) bool { return k == roles[i] })
		}
		kind = m.Op()
	}
	fill := []int{0, 1, 2}
	switch kind {
	case "Heatmap":
		fill = []int{1, 0, 2}
	case "Sankey":
		return free
	}
	for _, i := range fill {
		if roles[i] < 0 && len(free) > 0 {
			roles[i], free = free[0], free[1:]
		}
	}
	var out []int
	for _, k := range roles {
		if k >= 0 && k < keys {
			out = append(out, k)
		}
	}
	return out
}

// TestGeometry reads every shown number off the picture again, by its ticks.
func TestGeometry(t *testing.T) {
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			svg := parse(t, s.draw(t).SVG())
			read := map[string]func(testing.TB, sample, element){
				"Bar": readBars, "Histogram": readBars, "Line": readLines, "BoxPlot": readBoxes, "Heatmap": readCells, "Sankey": readFlows,
			}[s.kind]
			if s.set("Stacked") {
				read = readPiles
			}
			read(t, s, svg)
		})
	}
}

func (s sample) set(op string) bool {
	return slices.ContainsFunc(s.settings, func(x setting) bool { return x.op == op })
}

// byTip finds the marks of every group, and fails if a group that is shown has
// none, or one that is hidden has one that is not a hidden one's.
func byTip(t testing.TB, s sample, svg element, kinds ...string) map[string]element {
	t.Helper()
	out := map[string]element{}
	for _, e := range svg.marked(append(kinds, "hidden", "")...) {
		if name, _, found := strings.Cut(e.tip(), ": "); found && e.XMLName.Local != "text" {
			out[name] = e
		}
	}
	for name, cells := range s.cells(t) {
		e, have := out[name]
		switch c := cells[0]; {
		case c.None:
		case !have:
			t.Errorf("%s has no mark", name)
		case c.Hidden != (e.attr("data-mark") == "hidden"):
			t.Errorf("%s: hidden %v, drawn as %q", name, c.Hidden, e.attr("data-mark"))
		case c.Hidden && !strings.Contains(e.tip(), marker), !c.Hidden && !strings.HasSuffix(e.tip(), ": "+c.Text):
			t.Errorf("%s is %q and says %q", name, c.Text, e.tip())
		}
	}
	return out
}

func readBars(t testing.TB, s sample, svg element) {
	log := s.set("LogY")
	marks := byTip(t, s, svg, "bar")
	r := readRuler(t, svg, log)
	stubs := map[float64]bool{}
	for name, cells := range s.cells(t) {
		e, c := marks[name], cells[0]
		switch {
		case c.Hidden:
			stubs[e.number(t, "height")] = true
		case c.None || log && c.Value <= 0:
		default:
			top, foot := e.number(t, "y"), e.number(t, "y")+e.number(t, "height")
			if c.Value < 0 {
				top, foot = foot, top
			}
			if got := r.read(t, top); !r.near(got, c.Value) {
				t.Errorf("%s ends at %g, not %g", name, got, c.Value)
			}
			if got := r.read(t, foot); !log && !r.near(got, 0) || log && got != r.sets[0][0].number {
				t.Errorf("%s stands on %g", name, got)
			}
		}
	}
	if len(stubs) > 1 {
		t.Errorf("hidden bars have the heights %v", stubs)
	}
}

func readPiles(t testing.TB, s sample, svg element) {
	r := readRuler(t, svg, false)
	sums, spoilt, all := map[string]float64{}, map[string]bool{}, s.cells(t)
	whole := func(name string) string { x, _, _ := strings.Cut(name, ", "); return x }
	for name, cells := range all {
		sums[whole(name)] += cells[0].Value
		spoilt[whole(name)] = spoilt[whole(name)] || cells[0].Hidden
	}
	top := map[string]float64{}
	for _, e := range svg.marked("bar") {
		name, text, _ := strings.Cut(e.tip(), ": ")
		c := all[name][0]
		if text != c.Text {
			t.Errorf("%s says %q", name, text)
		}
		share := c.Value / sums[whole(name)]
		if s.stat == "Shares" {
			share = c.Value
		} else if spoilt[whole(name)] {
			t.Errorf("%s has a share of an unknown whole", name)
		}
		y := e.number(t, "y")
		if got := r.read(t, y) - r.read(t, y+e.number(t, "height")); !r.near(got, share) {
			t.Errorf("%s has the share %g, not %g", name, got, share)
		}
		top[whole(name)] += share
	}
	for _, e := range svg.marked("hidden") {
		name, _, _ := strings.Cut(e.tip(), ": ")
		y := e.number(t, "y")
		if from, to := r.read(t, y+e.number(t, "height")), r.read(t, y); !r.near(to, 1) || !r.near(from, top[name]) {
			t.Errorf("what is hidden of %s is from %g to %g", name, from, to)
		}
		top[name] = 1
	}
	for name, share := range top {
		if !r.near(share, 1) {
			t.Errorf("%s sums to %g", name, share)
		}
	}
	if len(top) != len(sums) {
		t.Errorf("%d piles of %d", len(top), len(sums))
	}
}

func readLines(t testing.TB, s sample, svg element) {
	r := readRuler(t, svg, s.set("LogY"))
	cells := s.cells(t)
	seen := 0
	for _, e := range svg.marked("point") {
		name, _, _ := strings.Cut(e.tip(), ": ")
		if got := r.read(t, e.number(t, "cy")); !r.near(got, cells[name][0].Value) {
			t.Errorf("%s is at %g, not %g", name, got, cells[name][0].Value)
		}
		seen++
	}
	var drawn, shownOnes []float64
	for _, e := range svg.marked("line") {
		for _, p := range e.points() {
			drawn = append(drawn, r.read(t, p.y))
		}
	}
	for _, c := range cells {
		if v := c[0]; !v.Hidden && !v.None && !(s.set("LogY") && v.Value <= 0) {
			shownOnes = append(shownOnes, v.Value)
		}
	}
	if seen < len(shownOnes) { // lines of few pixels a number have no points but where they stand alone
		for _, e := range svg.marked("point") {
			drawn = append(drawn, r.read(t, e.number(t, "cy")))
		}
		slices.Sort(drawn)
		slices.Sort(shownOnes)
		if len(drawn) != len(shownOnes) {
			t.Fatalf("%d numbers are drawn of %d", len(drawn), len(shownOnes))
		}
		for i := range drawn {
			if !r.near(drawn[i], shownOnes[i]) {
				t.Errorf("%g is drawn for %g", drawn[i], shownOnes[i])
			}
		}
	}
	for _, e := range svg.marked("hidden") {
		if e.number(t, "height") != 5 {
			t.Error("a hidden number's mark has a height of its own")
		}
		if name, _, _ := strings.Cut(e.tip(), ": "); !cells[name][0].Hidden {
			t.Errorf("%s is marked as hidden", name)
		}
	}
}

func readBoxes(t testing.TB, s sample, svg element) {
	r := readRuler(t, svg, false)
	lines := map[string][]float64{}
	for _, e := range svg.marked("quantile") {
		name, _, _ := strings.Cut(e.tip(), ": ")
		lines[name] = append(lines[name], r.read(t, e.points()[0].y))
	}
	hides := map[string]int{}
	for _, e := range svg.marked("hidden") {
		name, _, _ := strings.Cut(e.tip(), ": ")
		hides[name]++
	}
	for name, cells := range s.cells(t) {
		var want []float64
		stretches := 0 // of hidden quantiles
		for i, c := range cells {
			if !c.Hidden {
				want = append(want, c.Value)
			} else if i == 0 || !cells[i-1].Hidden {
				stretches++
			}
		}
		if hides[name] != stretches {
			t.Errorf("%s hides %d stretches, shows that of %d", name, stretches, hides[name])
		}
		if !slices.EqualFunc(lines[name], want, r.near) {
			t.Errorf("%s has the quantiles %v, not %v", name, lines[name], want)
		}
	}
}

func readCells(t testing.TB, s sample, svg element) {
	marks := byTip(t, s, svg, "cell")
	type painted struct{ light, number float64 }
	var order []painted
	sizes := map[[2]string]bool{}
	for name, cells := range s.cells(t) {
		e := marks[name]
		if cells[0].None {
			continue
		}
		sizes[[2]string{e.attr("width"), e.attr("height")}] = true
		if !cells[0].Hidden {
			c := rgb(e.attr("fill"))
			order = append(order, painted{float64(c.R) + float64(c.G) + float64(c.B), cells[0].Value})
		}
	}
	slices.SortFunc(order, func(a, b painted) int { return int(math.Copysign(1, a.number-b.number)) })
	for i := 1; i < len(order); i++ {
		if order[i].light > order[i-1].light {
			t.Errorf("%g is lighter than %g", order[i].number, order[i-1].number)
		}
	}
	if len(sizes) != 1 {
		t.Errorf("cells have the sizes %v", sizes)
	}
}

func readFlows(t testing.TB, s sample, svg element) {
	unit, seen, all := 0.0, map[string]int{}, s.cells(t)
	for _, e := range svg.marked("flow") {
		name, _, _ := strings.Cut(e.tip(), ": ")
		p := e.points()
		cell := all[name][0]
		left, right := p[7].y-p[0].y, p[4].y-p[3].y
		if unit == 0 {
			unit = left / cell.Value
		}
		if math.Abs(left-right) > 0.021 || math.Abs(left/unit-cell.Value) > 0.021/unit {
			t.Errorf("%s is %g and %g wide, not %g", name, left, right, cell.Value*unit)
		}
		seen[name]++
	}
	for name, cells := range all {
		want := len(s.keys) - 1
		if cells[0].Hidden {
			want = 0
		}
		if seen[name] != want {
			t.Errorf("%s is drawn %d times, not %d", name, seen[name], want)
		}
	}
}

// TestPictures compares the PNG with the SVG: where the one has a mark, the other
// has its colour.
func TestPictures(t *testing.T) {
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			c := s.draw(t)
			b, err := c.PNG()
			if err != nil {
				t.Fatal(err)
			}
			picture, err := png.Decode(bytes.NewReader(b))
			if err != nil {
				t.Fatal(err)
			}
			svg := parse(t, c.SVG())
			if w, h := svg.number(t, "width")*density, svg.number(t, "height")*density; picture.Bounds() != image.Rect(0, 0, int(w), int(h)) {
				t.Fatalf("the PNG is %v, the SVG %g × %g", picture.Bounds(), w, h)
			}
			if marks := compare(t, svg, picture); marks == 0 {
				t.Error("nothing was compared")
			}
		})
	}
}

func compare(t *testing.T, svg element, picture image.Image) int {
	marks, points, same := 0, 0, 0
	at := func(x, y float64) color.RGBA {
		return color.RGBAModel.Convert(picture.At(int(x*density), int(y*density))).(color.RGBA)
	}
	for _, e := range svg.marked("bar", "cell", "hidden", "box", "flow", "point") {
		switch e.XMLName.Local {
		case "rect":
			x, y, w, h := e.number(t, "x"), e.number(t, "y"), e.number(t, "width"), e.number(t, "height")
			if w < 3 || h < 5 {
				continue
			}
			marks++
			if fill := e.attr("fill"); fill != "url(#hidden)" {
				if got := at(x+min(w/2, 2), y+h-2); got != rgb(fill) {
					t.Errorf("%s: %v where %s is", e.tip(), got, fill)
				}
				continue
			}
			seen := map[color.RGBA]bool{}
			for i := range 100 {
				seen[at(x+1.5+(w-3)*float64(i)/100, y+h/2)] = true
			}
			if w > 10 && (!seen[rgb(hatchGround)] || !seen[rgb(hatchLine)]) {
				t.Errorf("%s is not hatched", e.tip())
			}
		case "circle":
			points++
			if at(e.number(t, "cx"), e.number(t, "cy")) == rgb(e.attr("fill")) {
				same++
			}
		case "path":
			marks++
			if got := at((e.points()[0].x*19+e.points()[3].x)/20, (e.points()[0].y+e.points()[7].y)/2); got == rgb(paper) {
				t.Errorf("%s is not there", e.tip())
			}
		}
	}
	if same*10 < points*8 { // other lines may lie over a point
		t.Errorf("%d of %d points have their colour", same, points)
	}
	return marks + points
}

// TestInside: nothing is drawn outside the card.
func TestInside(t *testing.T) {
	for _, s := range samples {
		d := s.draw(t).drawing
		for _, shape := range d.shapes {
			left, right, top, foot := shape.x, shape.x+shape.w, shape.y, shape.y+shape.h
			switch {
			case shape.form == outline:
				left, right, top, foot = d.w, 0, d.h, 0
				for _, st := range shape.path {
					for _, p := range st.to {
						left, right, top, foot = min(left, p.x), max(right, p.x), min(top, p.y), max(foot, p.y)
					}
				}
			case shape.form == writing && shape.angle == 0:
				w := widthOf(shape.words, shape.size, shape.bold)
				left -= map[string]float64{"start": 0, "middle": w / 2, "end": w}[shape.anchor]
				right, top = left+w, shape.y-shape.size
			case shape.form == writing: // upwards from the left
				reach := widthOf(shape.words, shape.size, shape.bold) / math.Sqrt2
				left, right, foot = shape.x-reach, shape.x, shape.y+reach
			}
			if left < 0 || top < 0 || right > d.w || foot > d.h {
				t.Errorf("%s: %q %q is at %.0f–%.0f, %.0f–%.0f of %.0f × %.0f", s.name, shape.mark, shape.words, left, right, top, foot, d.w, d.h)
			}
		}
	}
}
