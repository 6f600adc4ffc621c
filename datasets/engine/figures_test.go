//go:build figures

package engine

import (
	"fmt"
	"testing"
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
}
