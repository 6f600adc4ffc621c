package chart

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// svg writes the drawing. It refers to nothing outside and has no scripts; texts
// are escaped here and nowhere else.
func (d *drawing) svg(title, alt string) string {
	var b strings.Builder
	w, h := num(d.w), num(d.h)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" height="%s" role="img" aria-label="%s" font-family="Helvetica, Arial, 'DejaVu Sans', sans-serif">`, w, h, w, h, html.EscapeString(alt))
	fmt.Fprintf(&b, "\n<title>%s</title>\n<desc>%s</desc>\n", html.EscapeString(title), html.EscapeString(alt))
	b.WriteString(`<defs><pattern id="hidden" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="6" height="6" fill="` +
		hatchGround + `"/><rect width="2" height="6" fill="` + hatchLine + `"/></pattern></defs>` + "\n")
	for _, s := range d.shapes {
		s.svg(&b)
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// The hatching: lines of a third of its period, at 45°.
const (
	hatchGround = "#eeeeee"
	hatchLine   = "#999999"
	hatchPeriod = 6.0
)

// num writes a length to a hundredth of a pixel.
func num(x float64) string {
	return strconv.FormatFloat(math.Round(x*100)/100+0, 'f', -1, 64)
}

func (s *shape) svg(b *strings.Builder) {
	name := [...]string{"rect", "circle", "path", "text"}[s.form]
	b.WriteString("<" + name)
	attr := func(name, value string) { b.WriteString(" " + name + `="` + value + `"`) }
	if s.mark != "" {
		attr("data-mark", s.mark)
	}
	switch s.form {
	case rectangle:
		attr("x", num(s.x))
		attr("y", num(s.y))
		attr("width", num(s.w))
		attr("height", num(s.h))
		if s.round > 0 {
			attr("rx", num(s.round))
		}
	case circle:
		attr("cx", num(s.x))
		attr("cy", num(s.y))
		attr("r", num(s.round))
	case outline:
		attr("d", s.pathData())
	case writing:
		attr("x", num(s.x))
		attr("y", num(s.y))
		attr("font-size", num(s.size))
		if s.bold {
			attr("font-weight", "bold")
		}
		if s.anchor != "start" {
			attr("text-anchor", s.anchor)
		}
		if s.angle != 0 {
			attr("transform", "rotate("+num(s.angle)+" "+num(s.x)+" "+num(s.y)+")")
		}
	}
	s.paint(attr)
	s.content(b, name)
}

func (s *shape) paint(attr func(name, value string)) {
	switch s.fill {
	case "":
		attr("fill", "none")
	case hatch:
		attr("fill", "url(#hidden)")
	default:
		attr("fill", s.fill)
	}
	if s.alpha > 0 {
		attr("fill-opacity", num(s.alpha))
	}
	if s.stroke != "" {
		attr("stroke", s.stroke)
		attr("stroke-width", num(s.width))
	}
	if s.form == outline && s.stroke != "" {
		attr("stroke-linejoin", "round")
	}
	if s.dashed {
		attr("stroke-dasharray", "6 4")
	}
}

func (s *shape) content(b *strings.Builder, name string) {
	if s.words == "" && s.tip == "" {
		b.WriteString("/>\n")
		return
	}
	b.WriteString(">")
	if s.tip != "" {
		b.WriteString("<title>" + html.EscapeString(s.tip) + "</title>")
	}
	b.WriteString(html.EscapeString(s.words) + "</" + name + ">\n")
}

func (s *shape) pathData() string {
	var b strings.Builder
	for _, st := range s.path {
		b.WriteByte(st.op)
		for i, p := range st.to {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(num(p.x) + " " + num(p.y))
		}
	}
	return b.String()
}
