//go:build figures

package interp

import (
	"context"
	"fmt"
	"slices"
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
	t.Run("compiler", func(t *testing.T) {
		s := start(t)
		var took []time.Duration
		for n := range 201 {
			begun := time.Now()
			if err := s.Run(context.Background(), n+1, "x := 1\nx + 1", new(transcript)); err != nil {
				t.Fatal(err)
			}
			took = append(took, time.Since(begun))
		}
		slices.Sort(took)
		cell := took[len(took)/2].Seconds() * 1e3
		figure("compiler/trivial_cell", fmt.Sprintf("%.2f", cell), "ms", "<=1", cell <= 1)

		run(t, s, 300, "kept := 1\nadd := func() int { return kept + 1 }")
		stop := interrupted(t, s).Seconds() * 1e3
		out, _ := run(t, s, 302, "add()")
		figure("compiler/interrupt_of_a_loop", fmt.Sprintf("%.1f", stop), "ms", "<=100", stop <= 100 && out == "= 2\n")
	})
}

// interrupted is the longest of ten times from an interrupt to the end of a cell that loops.
func interrupted(t *testing.T, s *Session) (worst time.Duration) {
	for range 10 {
		var at time.Time
		time.AfterFunc(50*time.Millisecond, func() { at = time.Now(); s.Interrupt() })
		if _, f := run(t, s, 301, "for {}"); f == nil || f.Name != "Interrupted" {
			t.Fatalf("%+v", f)
		}
		worst = max(worst, time.Since(at))
	}
	return worst
}
