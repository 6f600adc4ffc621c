//go:build figures

package engine

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// figure prints a line of the scoreboard; .ci/scoreboard takes the mark away.
func figure(name string, value any, unit, target string, ok bool) {
	verdict := "short"
	if ok {
		verdict = "ok"
	}
	fmt.Printf("figure: %s %v %s %s %s\n", name, value, unit, target, verdict)
}

func TestFigures(t *testing.T) {
	t.Run("path", func(t *testing.T) {
		for _, a := range analyses {
			same, of := a.compare(t, gibleed(t))
			figure("path/achilles_"+a.number, fmt.Sprintf("%d/%d", same, of), "concepts", fmt.Sprintf("%d/%d", a.concepts, a.concepts), same == a.concepts && of == a.concepts)
		}
	})
	t.Run("engine", func(t *testing.T) {
		rows := benchRows(t)
		peers := benchPeers(t, rows)
		a := enter(t, benchRepository(t, rows), peers)
		for _, q := range questions {
			a.compare(t, q)
		}
		a.leave(t)
		speedFigures(a, millions(rows))
		memoryFigure(t, a, millions(rows))
		cancellationFigure(t, a, millions(rows))
		scalingFigures(t, a, rows)
	})
}

func millions(rows int) string { return fmt.Sprintf("%dM", rows/1_000_000) }

// speedFigures are the engine's times relative to the floor, to DuckDB's fastest
// way (A: to count(DISTINCT)), with the others in the unit, and to its own on one thread.
func speedFigures(a *arena, size string) {
	targets := map[string]float64{"A": 50, "B": 3, "C_common": 3, "C_rare": 20, "D": 3}
	over := a.compared["A"].ratio(runner{"weir", 1}, runner{"floor", 1})
	figure("engine/A_over_floor_1_thread", fmt.Sprintf("%.2f", over), "x_at_"+size+"_rows", "<=2", over <= 2)
	for _, q := range questions {
		c := a.compared[q.name]
		for threads := 1; threads <= maxThreads; threads++ {
			than := "duckdb distinct"
			if q.name != "A" {
				than = fastest(c.times, threads, "duckdb")
			}
			x := c.faster(threads, than)
			name := fmt.Sprintf("engine/%s_vs_%s_%s", q.name, strings.ReplaceAll(than, " ", "_"), onThreads(threads))
			unit := fmt.Sprintf("x_at_%s_rows;%.1f_ms%s", size, 1e3*c.times[runner{"weir", threads}], others(c, threads, than))
			figure(name, fmt.Sprintf("%.1f", x), unit, fmt.Sprintf(">=%g", targets[q.name]), x >= targets[q.name])
		}
	}
	for _, q := range questions {
		x := a.compared[q.name].ratio(runner{"weir", 1}, runner{"weir", 2})
		figure("engine/"+q.name+"_on_2_threads", fmt.Sprintf("%.2f", x), "x_1_thread_at_"+size+"_rows", ">=1.8", x >= 1.8)
	}
}

// others is what a comparison measured beside the peer that a figure is about.
func others(c *comparison, threads int, than string) string {
	var out []string
	for r := range c.times {
		if r.threads == threads && r.who != than && r.who != "weir" && r.who != "floor" {
			out = append(out, fmt.Sprintf(";%s_%.1fx", strings.ReplaceAll(r.who, " ", "_"), c.faster(threads, r.who)))
		}
	}
	slices.Sort(out)
	return strings.Join(out, "")
}

// memoryFigure is the memory that is no file's while every question is answered on
// all processors; the process and its tests are part of it.
func memoryFigure(t *testing.T, a *arena, size string) {
	debug.FreeOSMemory()
	peak := anonymous(t, func() {
		for _, q := range slices.Repeat(questions, 3) {
			a.tabulate(t, q)
		}
	})
	figure("engine/anonymous_memory", fmt.Sprintf("%.0f", float64(peak)/1e6), "MB_at_"+size+"_rows", "<200", peak < 200_000_000)
}

// cancellationFigure is the longest that a question went on after it was cancelled
// at a quarter, a half or three quarters of its time.
func cancellationFigure(t *testing.T, a *arena, size string) {
	worst, n := time.Duration(0), 0
	times := 2
	if os.Getenv("LONG") != "" {
		times = 10
	}
	for _, q := range slices.Repeat(questions, times) {
		start := time.Now()
		a.tabulate(t, q)
		whole := time.Since(start)
		for quarter := 1; quarter < 4; quarter++ {
			if took, ok := a.cancelled(t, q, whole*time.Duration(quarter)/4); ok {
				worst, n = max(worst, took), n+1
			}
		}
	}
	figure("engine/cancellation", fmt.Sprintf("%.1f", worst.Seconds()*1e3), fmt.Sprintf("ms_worst_of_%d_at_%s_rows", n, size), "<=100", n > 0 && worst <= 100*time.Millisecond)
}

// scalingFigures compare a row's time in a large repository with its time in a
// small one, and plot all. One thread works: the parts that several share out are
// few in a small repository.
func scalingFigures(t *testing.T, a *arena, rows int) {
	small := quickRows
	if rows == quickRows {
		small = quickRows / 5
	}
	arenas := []*arena{enter(t, benchRepository(t, small), ""), a}
	if os.Getenv("LONG") != "" {
		made := isMade(longRows, "")
		t.Cleanup(func() {
			if dir, err := benchFolder(longRows); !made && (err != nil || os.RemoveAll(dir) != nil) {
				t.Error("the data of ", longRows, " rows could not be removed")
			}
		})
		t.Run(millions(longRows), func(t *testing.T) { // skipped by name where there is no room
			long := enter(t, benchRepository(t, longRows), "")
			arenas = append(arenas, long)
			memoryFigure(t, long, millions(longRows))
			cancellationFigure(t, long, millions(longRows))
		})
	}
	lines, others := map[string][]point{}, quiet{}
	times := map[string][][]float64{}
	for range rounds {
		others.wait()
		for _, q := range questions {
			var round []float64
			for _, a := range arenas {
				round = append(round, a.seconds(t, q, runner{"weir", 1}))
			}
			times[q.name] = append(times[q.name], round)
		}
	}
	for _, q := range questions {
		for i, a := range arenas {
			var of []float64
			for _, round := range times[q.name] {
				of = append(of, round[i])
			}
			p := point{float64(a.table.Info.Rows), median(of)}
			lines[q.name] = append(lines[q.name], p)
			t.Logf("%-8s 1_thread, %10.0f rows: %8.4f s, %3.0f%% noise", q.name, p.rows, p.seconds, 100*noise(of))
		}
		line := lines[q.name]
		for _, p := range line[1:] {
			x := p.seconds / p.rows / (line[0].seconds / line[0].rows)
			name := fmt.Sprintf("engine/%s_from_%s_to_%s_rows", q.name, millions(small), millions(int(math.Round(p.rows/1e6)*1e6)))
			figure(name, fmt.Sprintf("%.2f", x), "x_linear", "0.8..1.2", x >= 0.8 && x <= 1.2)
		}
	}
	t.Log("scaling: ", &others)
	path := filepath.Join("artefacts", "engine-scaling.svg")
	file := filepath.Join("..", "..", path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, plotted(lines), 0o644)); err != nil {
		t.Fatal(err)
	}
	figure("engine/plot_of_time_by_rows", path, "file", "written", true)
}

type point struct{ rows, seconds float64 }

// plotted is an SVG of seconds by rows, both logarithmic, and of what is linear
// from the first point of each line.
func plotted(lines map[string][]point) []byte {
	const width, height, left, bottom = 640.0, 480.0, 70.0, 430.0
	var all []point
	for _, l := range lines {
		all = append(all, l...)
	}
	rows := func(a, b point) int { return int(a.rows - b.rows) }
	slices.SortFunc(all, rows)
	x0, x1 := math.Log10(all[0].rows), math.Log10(all[len(all)-1].rows)
	y0, y1 := math.Inf(1), math.Inf(-1)
	for _, p := range all {
		y0, y1 = min(y0, math.Log10(p.seconds)), max(y1, math.Log10(p.seconds))
	}
	x := func(p point) float64 { return left + (math.Log10(p.rows)-x0)/(x1-x0)*(width-left-100) }
	y := func(seconds float64) float64 {
		return bottom - (math.Log10(seconds)-math.Floor(y0))/(math.Ceil(y1)-math.Floor(y0))*(bottom-20)
	}
	var s strings.Builder
	fmt.Fprintf(&s, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" font-family="sans-serif" font-size="13"><rect width="100%%" height="100%%" fill="white"/>`+"\n", width, height)
	for d := math.Floor(y0); d <= math.Ceil(y1); d++ {
		at := y(math.Pow(10, d))
		fmt.Fprintf(&s, `<line x1="%g" x2="%g" y1="%[3]g" y2="%[3]g" stroke="#ddd"/><text x="8" y="%[3]g">%[4]g s</text>`+"\n", left, width-100, at, math.Pow(10, d))
	}
	colours := []string{"#1b9e77", "#d95f02", "#7570b3", "#e7298a", "#66a61e"}
	for i, q := range questions {
		line := lines[q.name]
		var path []string
		for _, p := range line {
			path = append(path, fmt.Sprintf("%.1f,%.1f", x(p), y(p.seconds)))
			fmt.Fprintf(&s, `<circle cx="%.1f" cy="%.1f" r="4" fill="%s"/><text x="%.1f" y="%.0f" text-anchor="middle">%.0fM rows</text>`+"\n", x(p), y(p.seconds), colours[i], x(p), bottom+20, p.rows/1e6)
		}
		last := line[len(line)-1]
		linear := line[0].seconds / line[0].rows * last.rows
		fmt.Fprintf(&s, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/><text x="%.1f" y="%.1f">%s</text>`+"\n", strings.Join(path, " "), colours[i], x(last)+10, y(last.seconds)+4, q.name)
		fmt.Fprintf(&s, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s" stroke-dasharray="4"/>`+"\n", x(line[0]), y(line[0].seconds), x(last), y(linear), colours[i])
	}
	fmt.Fprintf(&s, `<text x="%g" y="%g">seconds on one thread by rows; dashed: linear</text>`+"\n</svg>\n", left, height-8)
	return []byte(s.String())
}
