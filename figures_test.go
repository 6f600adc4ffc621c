//go:build figures

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"weir/guard/ledger"
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
	t.Run("ledger", func(t *testing.T) {
		home(t)
		days, sessions, questions, kills := 4, 1, 5, 9
		if os.Getenv("LONG") != "" {
			days, sessions, questions, kills = 22, 3, 8, 200
		}
		c := month(t, office(t, 3000), days, sessions, questions)
		start := time.Now()
		r, _ := replayAll(t, c)
		n := r.Kinds[ledger.Release] + r.Kinds[ledger.Refusal]
		figure("ledger/decisions_recomputed_the_same", fmt.Sprintf("%d/%d", r.Replayed, n), fmt.Sprintf("in_%.1f_s", time.Since(start).Seconds()), "all", r.Replayed == n && n > 0 && len(r.Problems) == 0)
		shown, lost, entries, _ := killSessions(t, office(t, 2000), kills)
		figure("ledger/outputs_shown_and_not_in_the_ledger", lost, fmt.Sprintf("of_%d_shown_by_%d_killed_sessions_%d_entries", shown, kills, entries), "=0", lost == 0 && shown > 0)
	})
	t.Run("lockdown", lockdownFigures)
	t.Run("engine", func(t *testing.T) {
		whole, alone := protectedRequest(t)
		above := float64(whole-alone) / float64(time.Millisecond)
		figure("engine/protected_request_above_engine", fmt.Sprintf("%.1f", above), fmt.Sprintf("ms_over_%.1f", 1000*alone.Seconds()), "<=30", above <= 30)
	})
}
