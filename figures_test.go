//go:build figures

package main

import (
	"fmt"
	"path/filepath"
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
		data := t.TempDir()
		home(t)
		start := time.Now()
		if _, stderr, code := weir(t, data, "data", "synthesize", filepath.Join(data, "weir/repositories/synthetic")); code != 0 {
			t.Fatal(stderr)
		}
		if _, stderr, code := weir(t, data, "run", "notebooks/examples/tour.ipynb", "-o", filepath.Join(data, "tour.ipynb")); code != 0 {
			t.Fatal(stderr)
		}
		took := time.Since(start).Seconds()
		figure("path/demo_after_build", fmt.Sprintf("%.1f", took), "s", "<60", took < 60)
		n := tour(t)
		figure("path/tour_tables_same_in_nbclient_and_lab", fmt.Sprintf("%d/%d", n.same, n.tables), "tables", "all", n.same == n.tables && n.tables > 0)
		figure("path/tour_refusal_cards", n.cards, "cards", "=1", n.cards == 1)
		leaks, searched := canaryLeaks(t)
		figure("path/canary_leaks", len(leaks), fmt.Sprintf("in_%d_bytes", searched), "=0", len(leaks) == 0)
		small, numbers, hidden := guardOnGiBleed(t)
		figure("path/gibleed_numbers_1_to_20", len(small), fmt.Sprintf("of_%d_shown_%d_hidden", numbers, hidden), "=0", len(small) == 0)
	})
	t.Run("engine", func(t *testing.T) {
		whole, alone := protectedRequest(t)
		above := float64(whole-alone) / float64(time.Millisecond)
		figure("engine/protected_request_above_engine", fmt.Sprintf("%.1f", above), fmt.Sprintf("ms_over_%.1f", 1000*alone.Seconds()), "<=30", above <= 30)
	})
}
