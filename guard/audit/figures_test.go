//go:build figures

package audit

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

func TestFigures(t *testing.T) { t.Run("suppression", suppressionFigures) }

func figure(name string, value any, unit, target string, ok bool) {
	verdict := "short"
	if ok {
		verdict = "ok"
	}
	fmt.Printf("figure: suppression/%s %v %s %s %s\n", name, value, unit, target, verdict)
}

// cube is what was measured of tables of one shape, over seeds.
type cube struct {
	took                            time.Duration // the median
	sensitive, exact, all, unproved float64       // means; exact: cells hidden against exact derivation alone
	gauss                           float64       // cells that elimination from the largest cell on hides; small tables only
}

func measure(t *testing.T, dims []int, mean float64, effort, seeds int) cube {
	var out cube
	var times []time.Duration
	for seed := range seeds {
		r := rand.New(rand.NewPCG(uint64(seed), uint64(dims[0])))
		s := grid(dims, random(r, mean))
		o := Options{Sensitive: sensitive(s), Limit: limit, Effort: effort}
		start := time.Now()
		p := s.Protect(o)
		times = append(times, time.Since(start))
		switch {
		case len(p.Unsafe) > 0:
		case len(s.Count) > wholeSystem:
			checkTables(t, s, o, p)
		default:
			certify(t, s, o, p)
		}
		exact := s.Protect(Options{Sensitive: o.Sensitive})
		for _, is := range o.Sensitive {
			if is {
				out.sensitive++
			}
		}
		out.exact += float64(exact.Complementary)
		if len(s.Count) < 2000 {
			out.gauss += float64(gauss(dims, random(rand.New(rand.NewPCG(uint64(seed), uint64(dims[0]))), mean), limit))
		}
		out.all += float64(p.Complementary)
		out.unproved += float64(len(p.Unsafe))
	}
	slices.Sort(times)
	n := float64(seeds)
	return cube{times[seeds/2], out.sensitive / n, out.exact / n, out.all / n, out.unproved, out.gauss / n}
}

// suppressionFigures measures random counts, of cells of about 38 participants as
// far as the published tables' own can be told: GaussSuppression hides 30 more
// cells of 20×20×20 and 16 of 30×30×30, against exact derivation alone.
func suppressionFigures(t *testing.T) {
	seeds := 3
	if os.Getenv("LONG") != "" {
		seeds = 9
	}
	type table struct {
		cells   int
		dims    []int
		most    time.Duration
		theirs  float64 // complementary cells
		seconds float64 // theirs
	}
	tables := []table{
		{1071, []int{6, 8, 16}, 2500 * time.Millisecond, 3, 0.29},
		{9261, []int{20, 20, 20}, 2500 * time.Millisecond, 30, 24.9},
		{29791, []int{30, 30, 30}, 12 * time.Second, 16, 124.6},
	}
	for _, x := range tables {
		c := measure(t, x.dims, 38, 0, seeds)
		name := fmt.Sprintf("cells_%d", x.cells)
		figure(name+"_seconds", fmt.Sprintf("%.2f", c.took.Seconds()), fmt.Sprintf("s_of_%.0f_sensitive_GaussSuppression_%.1f", c.sensitive, x.seconds), fmt.Sprintf("<=%.1f", x.most.Seconds()), c.took <= x.most)
		figure(name+"_complementary_exact", fmt.Sprintf("%.1f", c.exact), fmt.Sprintf("cells_GaussSuppression_%.0f_on_its_own", x.theirs), "beside", true)
		figure(name+"_complementary_interval", fmt.Sprintf("%.1f", c.all), "cells", "beside", true)
		figure(name+"_not_safe", c.unproved, "cells", "=0", c.unproved == 0)
	}
	small := measure(t, []int{3, 3, 8}, 60, 1, 31)
	ms := float64(small.took.Microseconds()) / 1000
	figure("cells_144_milliseconds", fmt.Sprintf("%.2f", ms), "ms", "<=5", ms <= 5)
	for _, x := range published {
		next := 0
		s := grid(x.dims, func([]int) int64 { next++; return x.counts[next-1] })
		p := s.Protect(Options{Sensitive: sensitive(s), Limit: limit, Effort: 4, Exact: 2000})
		figure("published_"+x.name, p.Complementary, "complementary_cells", fmt.Sprintf("=%d", x.complementary), p.Complementary == x.complementary)
	}
	for _, mean := range []float64{10, 38, 100, 250} { // how many cells it takes is the density's
		c := measure(t, []int{6, 8, 16}, mean, 0, seeds)
		figure(fmt.Sprintf("cells_1071_mean_%.0f_complementary_exact", mean), fmt.Sprintf("%.1f", c.exact), fmt.Sprintf("cells_of_%.0f_sensitive", c.sensitive), fmt.Sprintf("<=%.1f", c.gauss), c.exact <= c.gauss)
	}
	late := interrupted(t)
	figure("interrupt_29791_cells", fmt.Sprintf("%.0f", late), "ms_at_worst", "<=100", late <= 100)
	took, primary := audited()
	figure("interval_audit_1188_cells", fmt.Sprintf("%.2f", took), fmt.Sprintf("ms_%d_primary", primary), "<=50", took <= 50)
}

// interrupted is how long work on a large table goes on after its context is done,
// at worst of ten moments, in milliseconds.
func interrupted(t *testing.T) (worst float64) {
	s := grid([]int{30, 30, 30}, random(rand.New(rand.NewPCG(0, 30)), 38))
	o := Options{Sensitive: sensitive(s), Limit: limit}
	start := time.Now()
	s.Protect(o)
	whole := time.Since(start)
	for k := range time.Duration(10) {
		ctx, cancel := context.WithTimeout(t.Context(), whole*k/10)
		end, _ := ctx.Deadline()
		_, err := s.ProtectContext(ctx, o)
		late := time.Since(end)
		if cancel(); err != nil {
			worst = max(worst, float64(late.Microseconds())/1000)
		}
	}
	return worst
}

// audited is the time of bounding every one of 771 hidden cells of a table of 1,188,
// in milliseconds, and how many of its cells are sensitive.
func audited() (ms float64, primary int) {
	r := rand.New(rand.NewPCG(1, 8))
	s := grid([]int{11, 10, 8}, random(r, 62))
	o := Options{Sensitive: sensitive(s), Limit: limit}
	u := s.suppress(o, r)
	for c := int32(0); len(u.unknown()) < 771; c = r.Int32N(1188) {
		if u.canHide(c) {
			u.hide(c)
		}
	}
	start := time.Now()
	u.propagate(20)
	for _, is := range o.Sensitive {
		if is {
			primary++
		}
	}
	return float64(time.Since(start).Microseconds()) / 1000, primary
}
