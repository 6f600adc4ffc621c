package guard

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// cube is a raw table of three keys of so many labels, with totals.
func cube(labels int) string {
	r := rand.New(rand.NewPCG(1, uint64(labels)))
	counts := map[[3]int]int{}
	for i := range labels * labels * labels {
		n := r.IntN(60)
		for total := range 8 {
			at := [3]int{i % labels, i / labels % labels, i / labels / labels}
			for d := range at {
				if total>>d&1 == 1 {
					at[d] = labels
				}
			}
			counts[at] += n
		}
	}
	name := func(l int) string {
		if l == labels {
			return "total"
		}
		return fmt.Sprint("l", l)
	}
	var lines []string
	for at, n := range counts {
		lines = append(lines, fmt.Sprintf("%s %s %s | %d", name(at[0]), name(at[1]), name(at[2]), n))
	}
	slices.Sort(lines)
	return "a b c\n" + strings.Join(lines, "\n")
}

// TestInterrupt: a table that is interrupted is not released, and nothing is written
// of it; its progress is told until then.
func TestInterrupt(t *testing.T) {
	g, _, path := newGuard(t)
	n, table := readTable(t, cube(16))
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var stopped time.Time
	r, err := g.TableContext(WithProgress(ctx, func(done, total int) {
		if stopped.IsZero() && 2*done > total {
			stopped = time.Now()
			cancel()
		}
	}), n, table)
	took := time.Since(stopped)
	if stopped.IsZero() || !errors.Is(err, context.Canceled) || len(r.MIME()) > 0 || r.Result() != nil {
		t.Fatalf("stopped %v: released %d representations, %v", !stopped.IsZero(), len(r.MIME()), err)
	}
	if took > 3*time.Second { // on a busy machine
		t.Errorf("it ended after %v", took)
	}
	if after, err := os.ReadFile(path); err != nil || string(after) != string(before) {
		t.Errorf("the ledger was written: %v", err)
	}
}

// TestProgress: the last that is told is that everything is done.
func TestProgress(t *testing.T) {
	g, _, _ := newGuard(t)
	n, table := readTable(t, cube(8))
	done, total, times := -1, 0, 0
	if _, err := g.TableContext(WithProgress(t.Context(), func(d, of int) { done, total, times = d, of, times+1 }), n, table); err != nil {
		t.Fatal(err)
	}
	if done != total || times < 3 {
		t.Errorf("told %d times, at last %d of %d", times, done, total)
	}
}
