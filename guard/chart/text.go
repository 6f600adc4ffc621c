package chart

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// barWidth is the length of the longest bar, in characters.
const barWidth = 30

// text is a line for each group: labels, a bar where the chart has one, numbers.
func (c *Chart) text() string {
	s := c.scale(true)
	var lines [][]string
	var head []string
	for _, k := range c.keys {
		if k.name != "" {
			head = append(head, clean(k.name, maxShort))
		}
	}
	left := len(head)
	drawn := c.kind.several == 0 && c.kind.op != "Sankey" && c.kind.op != "Heatmap" && s.lo >= 0
	if drawn {
		head = append(head, "")
		left++
	}
	head = append(head, c.heads()...)
	lines = append(lines, head)
	for _, g := range c.groups {
		var l []string
		for i, k := range c.keys {
			if k.name != "" {
				l = append(l, k.labels[g.at[i]].short)
			}
		}
		if drawn {
			l = append(l, c.textBar(s, g))
		}
		for _, v := range g.values {
			l = append(l, v.text)
		}
		lines = append(lines, l)
	}
	out := align(lines, left)
	if n, all := c.count(hidden); n > 0 {
		out += countOf(n, all, "number") + " hidden.\n"
	}
	if c.merged() {
		out += "Bars show " + c.yName() + "; some are of several bins, to protect participants.\n"
	}
	if c.title != "" {
		out = c.title + "\n" + out
	}
	return strings.TrimSuffix(out, "\n")
}

// heads are the names of a group's numbers.
func (c *Chart) heads() []string {
	if c.kind.several == 0 {
		return []string{clean(c.y, maxShort)}
	}
	out := slices.Clone(c.parts)
	if out[0] == "" {
		out[0] = clean(c.y, maxShort)
	}
	return out
}

// textBar is a bar of characters; a hidden one has no length.
func (c *Chart) textBar(s scale, g *group) string {
	v := g.values[0]
	part := s.part(v.number)
	if c.stacked {
		part = 0
		for _, p := range c.pile(g.at[0], g.at[2]).parts {
			if p.colour == g.at[1] {
				part = p.to - p.from
			}
		}
	}
	if v.state != shown {
		return ""
	}
	return strings.Repeat("█", int(math.Round(barWidth*part)))
}

// align puts the first columns to the left and the others to the right.
func align(lines [][]string, left int) string {
	width := make([]int, len(lines[0]))
	for _, l := range lines {
		for i, s := range l {
			width[i] = max(width[i], utf8.RuneCountInString(s))
		}
	}
	var b strings.Builder
	for _, l := range lines {
		var out strings.Builder
		for i, s := range l {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(s))
			if i < left {
				s += pad
			} else {
				s = pad + s
			}
			out.WriteString(s + "  ")
		}
		b.WriteString(strings.TrimRight(out.String(), " ") + "\n")
	}
	return b.String()
}

func countOf(n, all int, noun string) string {
	verb := "are"
	if n == 1 {
		verb = "is"
	}
	if all != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%s of %s %s %s", plain(float64(n)), plain(float64(all)), noun, verb)
}

// Alt is the chart in words: its kind, axes, groups and range, and how many numbers
// are hidden.
//
//	Bar chart: participants by sex (along x: Female, Male). 2 numbers, from 1,204 to 1,311.
func (c *Chart) Alt() string {
	out := strings.ToUpper(c.kind.words[:1]) + c.kind.words[1:]
	if c.title != "" {
		out += " “" + clean(c.title, 200) + "”"
	}
	out += ": " + clean(c.y, maxShort)
	if c.stacked {
		out += " as shares of the whole"
	}
	roles := []string{"along x", "by colour", "in panels"}
	switch c.kind.op {
	case "Heatmap":
		roles[1] = "down"
	case "Forest":
		roles[0] = "down"
	}
	joint := " by "
	for i, k := range c.keys {
		if k.name == "" {
			continue
		}
		role := fmt.Sprintf("stage %d", i+1)
		if c.kind.op != "Sankey" {
			role = roles[i]
		}
		out += joint + clean(k.name, maxShort) + " (" + role + ": " + some(k.shorts()) + ")"
		joint = " and "
	}
	if c.log {
		out += ", logarithmic"
	}
	return out + ". " + c.rangeOf()
}

// some lists the first labels.
func some(labels []string) string {
	const most = 8
	if len(labels) <= most {
		return strings.Join(labels, ", ")
	}
	return fmt.Sprintf("%s … %s, %d in all", strings.Join(labels[:most-1], ", "), labels[len(labels)-1], len(labels))
}

func (c *Chart) rangeOf() string {
	var low, high *value
	for _, g := range c.groups {
		for i := range c.counted(g) {
			v := &g.values[i]
			if v.state != shown {
				continue
			}
			if low == nil || v.whole() < low.whole() {
				low = v
			}
			if high == nil || v.whole() > high.whole() {
				high = v
			}
		}
	}
	n, all := c.count(hidden)
	shownOnes, _ := c.count(shown)
	out := "No number is shown."
	if low != nil {
		noun := "numbers"
		if shownOnes == 1 {
			noun = "number"
		}
		out = fmt.Sprintf("%s %s, from %s to %s.", plain(float64(shownOnes)), noun, low.text, high.text)
	}
	if n > 0 {
		out += " " + countOf(n, all, "number") + " hidden."
	}
	return out
}
