//go:build figures

package curate

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"weir/datasets/plan"
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
	t.Run("tiers", func(t *testing.T) {
		t.Run("untimed", untimedFigures)
		participants, times := 25_000, 2
		if os.Getenv("LONG") != "" {
			participants, times = 1_000_000, 3
			for _, tier := range []plan.Tier{plan.Registered, plan.Controlled} {
				synthesizeFigure(t, tier, participants)
			}
		}
		for _, format := range []string{"csv", "parquet"} {
			throughput(t, format, participants, times)
		}
	})
}

// untimedFigures measure no time, so that they can be worked out at once.
func untimedFigures(t *testing.T) {
	for name, figures := range map[string]func(*testing.T){
		"achilles": func(t *testing.T) {
			same, cells := compare404(t)
			figure("tiers/achilles_404", fmt.Sprintf("%d/%d", same, cells), "cells", "17662/17662", same == cells && cells == 17_662)
		},
		"achilles of the registered tier": func(t *testing.T) {
			from, key := sharedData(t, "gibleed-omop53"), Key(strings.Repeat("\x05", keyBytes))
			r, _ := imported(t, from, ImportOptions{Name: "gibleed", Tier: plan.Registered, CDR: "5.3", CutOff: "2019-12-31", Key: key})
			a := check(t, from, r, key, achillesResults(t)).Achilles
			unit := fmt.Sprintf("cells_not_as_the_rules_say_of_%d;%d_differ_by_%d_too_old_%d_suppressed_%d_shifted", a.Cells, a.Cells-a.Same, a.Old, a.Suppressed, a.Away)
			figure("tiers/achilles_404_registered", a.Cells-a.Explained, unit, "=0", a.Explained == a.Cells && a.Cells >= 17_662)
		},
		"checker": checkerFigures,
		"kill": func(t *testing.T) {
			k := kill(t, omop(t, "csv", 2000))
			figure("tiers/killed_imports_wrong", k.wrong, fmt.Sprintf("of_20;%d_ended_before_the_end", k.killed), "=0", k.wrong == 0 && k.killed > 0)
		},
		"bad rows": func(t *testing.T) {
			bad, silent := badRows(t)
			figure("tiers/bad_rows_kept_silently", silent, fmt.Sprintf("of_%d_kinds", bad), "=0", silent == 0 && bad > 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			figures(t)
		})
	}
}

// checkerFigures count what an independent checker finds wrong.
func checkerFigures(t *testing.T) {
	var adding sync.Mutex
	sources, wrong, rows, key := 0, 0, int64(0), Key(strings.Repeat("\x05", keyBytes))
	for name, cutOff := range map[string]string{"gibleed-omop53": "2019-12-31", "synthea27nj-omop54": "2022-10-01"} {
		for _, tier := range []plan.Tier{plan.Registered, plan.Controlled, plan.Public} {
			t.Run(name+" "+string(tier), func(t *testing.T) {
				t.Parallel()
				from := sharedData(t, name)
				r, _ := imported(t, from, ImportOptions{Name: "test", Tier: tier, CDR: "v1", CutOff: cutOff, Key: key})
				v := check(t, from, r, key)
				adding.Lock()
				defer adding.Unlock()
				sources++
				wrong += len(v.Wrong)
				for _, n := range v.Compared {
					rows += n
				}
			})
		}
	}
	t.Cleanup(func() {
		figure("tiers/checker_wrong", wrong, fmt.Sprintf("findings_in_%d_rows_of_%d_repositories", rows, sources), "=0", wrong == 0 && rows > 100_000)
	})
}

// synthesizeFigure makes a repository of invented participants.
func synthesizeFigure(t *testing.T, tier plan.Tier, participants int) {
	dir, start, rows := filepath.Join(t.TempDir(), "r"), time.Now(), int64(0)
	if err := Synthesize(t.Context(), dir, SynthesizeOptions{Tier: tier, Participants: participants}, nil); err != nil {
		t.Fatal(err)
	}
	for _, info := range open(t, dir).Tables {
		rows += info.Rows
	}
	figure("tiers/synthesize_"+string(tier), rows/1_000_000, fmt.Sprintf("M_rows_in_%.0fs", time.Since(start).Seconds()), ">=100", rows >= 100_000_000)
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
}

// throughput compares an import with DuckDB loading the same files into its own,
// the least of some times each, taken in turn.
func throughput(t *testing.T, format string, participants, times int) {
	from := omop(t, format, participants)
	var mine, theirs []float64
	peak, rows := int64(0), int64(0)
	for range times {
		seconds, memory, n := timedImport(t, from)
		mine, peak, rows = append(mine, seconds), max(peak, memory), n
		file := filepath.Join(t.TempDir(), "duck.db")
		out := python(t, "testdata/peer.py", from, file, strconv.Itoa(runtime.GOMAXPROCS(0)))
		x, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
		if err != nil {
			t.Fatal(err)
		}
		theirs = append(theirs, x)
		os.Remove(file)
	}
	size := fmt.Sprintf("%dM", rows/1_000_000)
	ratio := slices.Min(mine) / slices.Min(theirs)
	t.Logf("%s: %d rows, weir %.1f s, DuckDB %.1f s", format, rows, slices.Min(mine), slices.Min(theirs))
	figure("tiers/import_"+format+"_vs_duckdb", fmt.Sprintf("%.2f", ratio), fmt.Sprintf("x_its_time_at_%s_rows;%.1fs", size, slices.Min(mine)), "<=1.5", ratio <= 1.5)
	figure("tiers/import_"+format+"_memory", peak/1_000_000, "MB_peak_at_"+size+"_rows", "<2000", peak < 2_000_000_000)
	if err := os.RemoveAll(from); err != nil {
		t.Fatal(err)
	}
}

// timedImport imports in a process of its own: its seconds, its peak memory and the rows.
func timedImport(t *testing.T, from string) (seconds float64, peak, rows int64) {
	dir := filepath.Join(t.TempDir(), "r")
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), importerName+"="+from+"\n"+dir)
	c.Stderr = os.Stderr
	start := time.Now()
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	seconds = time.Since(start).Seconds()
	for _, info := range open(t, dir).Tables {
		rows += info.Rows
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	return seconds, c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10, rows
}
