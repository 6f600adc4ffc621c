//go:build figures

package cell

import (
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
		c := live(t)
		report := func(name string, f func(i int)) {
			ms := median(f).Seconds() * 1e3
			figure("compiler/"+name, fmt.Sprintf("%.2f", ms), "ms", "<=2", ms <= 2)
		}
		report("ten_lines_500_names", func(i int) {
			if _, err := c.Compile(i+10, fmt.Sprintf(tenLines, i%7)); err != nil {
				t.Fatal(err)
			}
		})
		report("completion", func(int) { c.Complete("y := x1 + 1\nfmt.Prin", 20) })
		report("inspection", func(int) { c.Inspect("y := x1 + 1\nfmt.Println", 20) })
	})
}

// median runs f often and returns the median of how long it took.
func median(f func(i int)) time.Duration {
	var took []time.Duration
	for i := range 101 {
		start := time.Now()
		f(i)
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	return took[len(took)/2]
}
