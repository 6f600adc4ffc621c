package chart

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// scale is an axis of numbers.
type scale struct {
	lo, hi  float64
	log     bool
	percent bool
	ticks   []float64 // none when no number is shown
}

// scale is the axis for the numbers that are shown. Bars stand on zero, and so does
// every axis whose numbers reach down to a third of the largest.
func (c *Chart) scale(bars bool) scale {
	if c.stacked {
		return linear(0, 1, true)
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	if c.kind.op == "Survival" {
		lo, hi = 1, 1 // where every curve begins
	}
	for _, g := range c.groups {
		for _, v := range c.drawn(g) {
			if v.state == shown && (!c.log || v.number > 0) {
				lo, hi = min(lo, v.number), max(hi, v.number)
			}
		}
	}
	switch {
	case lo > hi && c.log:
		return scale{lo: 1, hi: 10, log: true}
	case lo > hi:
		return scale{lo: 0, hi: 1}
	case c.log:
		if bars {
			lo /= 2 // so that the lowest bar has a height
		}
		return logarithmic(lo, hi, c.percent)
	}
	if bars || lo >= 0 && lo <= hi/3 || hi <= 0 && hi >= lo/3 {
		lo, hi = min(lo, 0), max(hi, 0)
	}
	return linear(lo, hi, c.percent)
}

// drawn are the numbers of a group that stand on the axis.
func (c *Chart) drawn(g *group) []value { return g.values[:min(len(g.values), max(c.kind.several, 1))] }

// linear is an axis with ticks at 1, 2, 2.5 or 5 times a power of ten.
func linear(lo, hi float64, percent bool) scale {
	if hi-lo <= 1e-6*max(math.Abs(lo), math.Abs(hi)) {
		lo, hi = min(lo, 0), max(hi, 0)
	}
	if lo == hi {
		hi = 1
	}
	step := math.Pow(10, math.Floor(math.Log10((hi-lo)/6.5)))
	for _, m := range []float64{1, 2, 2.5, 5, 10} {
		if (hi-lo)/(m*step) <= 6.5 {
			step *= m
			break
		}
	}
	s := scale{percent: percent}
	first, last := math.Floor(lo/step+1e-9), math.Ceil(hi/step-1e-9)
	for i := first; i <= last; i++ {
		s.ticks = append(s.ticks, tidy(i*step, step))
	}
	s.lo, s.hi = s.ticks[0], s.ticks[len(s.ticks)-1]
	return s
}

// tidy takes the noise of floating point off a multiple of step.
func tidy(x, step float64) float64 {
	digits := 3 + int(math.Floor(math.Log10(max(math.Abs(x), step)/step)))
	out, err := strconv.ParseFloat(strconv.FormatFloat(x, 'e', digits, 64), 64)
	if err != nil {
		return x
	}
	return out + 0
}

func logarithmic(lo, hi float64, percent bool) scale {
	from, to := math.Floor(math.Log10(lo)+1e-9), math.Ceil(math.Log10(hi)-1e-9)
	if from == to {
		to++
	}
	s := scale{log: true, percent: percent, lo: math.Pow(10, from), hi: math.Pow(10, to)}
	between := []float64{1}
	if to-from <= 2 {
		between = []float64{1, 2, 5}
	}
	each := math.Ceil((to - from) / 8)
	for e := from; e <= to; e += each {
		for _, m := range between {
			if x := m * math.Pow(10, e); x <= s.hi*(1+1e-9) {
				s.ticks = append(s.ticks, x)
			}
		}
	}
	return s
}

// part is where on the axis a number is, from 0 to 1. On a logarithmic axis the
// numbers of 0 and less are at its foot.
func (s scale) part(x float64) float64 {
	if s.log {
		if x <= 0 {
			return 0
		}
		return math.Log10(x/s.lo) / math.Log10(s.hi/s.lo)
	}
	return (x - s.lo) / (s.hi - s.lo)
}

// foot is the number that bars stand on.
func (s scale) foot() float64 {
	if s.log {
		return s.lo
	}
	return min(max(0, s.lo), s.hi)
}

// say writes the number of a tick.
func (s scale) say(x float64) string {
	if s.percent {
		return plain(tidy(100*x, 1e-3)) + "%"
	}
	return plain(x)
}

// plain is a number with commas between thousands.
func plain(x float64) string {
	if a := math.Abs(x); a != 0 && (a >= 1e9 || a < 1e-4) {
		return strconv.FormatFloat(x, 'g', 6, 64)
	}
	s := strconv.FormatFloat(math.Round(x*1e6)/1e6, 'f', -1, 64)
	whole, _, _ := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Labels that are in an order which readers know need not all be written.
var (
	period  = regexp.MustCompile(`^\d{4}(-\d\d(-\d\d)?)?$`)
	ordered = regexp.MustCompile(`^[^\pL]?\s*\d`)
)

// allMatch says whether all labels are of a form, but for the one that is missing.
func allMatch(labels []string, form *regexp.Regexp) bool {
	return !slices.ContainsFunc(labels, func(l string) bool { return l != missingLabel && !form.MatchString(l) })
}

// thin is which of ordered labels are written when one in every fits: of years and
// months those that readers look for.
func thin(labels []string, every int) []int {
	round := func(steps ...int) int {
		for _, s := range steps {
			if s >= every {
				return s
			}
		}
		return every
	}
	var out []int
	pick := func(step int, ordinal func(i int) int) {
		for i := range labels {
			if o := ordinal(i); o >= 0 && o%step == 0 {
				out = append(out, i)
			}
		}
	}
	month := func(i int) int {
		var y, m int
		if n, _ := fmt.Sscanf(labels[i], "%d-%d", &y, &m); n != 2 {
			return -1
		}
		return 12*y + m - 1
	}
	switch {
	case every == 1 || !allMatch(labels, period):
		pick(every, func(i int) int { return i })
	case len(labels[0]) == len("2006"):
		pick(round(2, 5, 10, 20, 50), func(i int) int { y, _ := strconv.Atoi(labels[i]); return y })
	case len(labels[0]) == len("2006-01"):
		pick(round(2, 3, 4, 6, 12, 24, 60, 120), month)
	case every < 28:
		pick(every, func(i int) int { return i })
	default:
		every = (every + 27) / 28
		pick(round(1, 2, 3, 4, 6, 12, 24), func(i int) int {
			if !strings.HasSuffix(labels[i], "-01") {
				return -1
			}
			return month(i)
		})
	}
	if len(out) == 0 && len(labels) > 0 {
		return []int{0}
	}
	return out
}
