//go:build figures

package exec_test

import (
	"fmt"
	"io"
	"os"
	"slices"
	"testing"
	"time"

	yaegi "github.com/traefik/yaegi/interp"
	"github.com/traefik/yaegi/stdlib"
	"golang.org/x/tools/txtar"
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
		own(t)
		conformance(t)
		random(t)
		speed(t)
		bytes := growth(t, 10_000)
		figure("compiler/memory_kept_by_a_cell", bytes, "bytes_over_10000_cells", fmt.Sprintf("<=%d", mostGrowth), bytes <= mostGrowth)
	})
}

func own(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/programs.txtar")
	if err != nil {
		t.Fatal(err)
	}
	programs, cells := parts(archive)
	right := 0
	for name, want := range compiled(t, programs) {
		if difference, refusal := disagreement(cells[name], want); difference == "" && refusal == nil {
			right++
		}
	}
	figure("compiler/own_programs_right", fmt.Sprintf("%d/%d", right, len(programs)), "programs", "all,>=200", right == len(programs) && right >= 200)
}

func conformance(t *testing.T) {
	names, dir := programs(t)
	total := len(names)
	if os.Getenv("LONG") == "" {
		names = slices.DeleteFunc(names, func(s string) bool { return s == "divmod.go" })
	}
	count := map[string]int{}
	for _, name := range names {
		count[conform(dir, name).kind]++
	}
	figure("compiler/go_programs_silently_wrong", count["wrong"], "programs", "=0", count["wrong"] == 0)
	figure("compiler/go_programs_right", fmt.Sprintf("%.1f", 100*float64(count["right"])/float64(total)), fmt.Sprintf("%%_of_%d", total), ">=80", 100*count["right"] >= 80*total)
	figure("compiler/go_programs_refused", count["refused"], "programs", "-", true)
}

func random(t *testing.T) {
	n, seed := randomPrograms()
	wrong, refused := compareRandom(t, n, seed)
	figure("compiler/random_programs_wrong", wrong, fmt.Sprintf("of_%d_refused_%d", n, refused), "=0_of_100000", wrong == 0 && n >= 100_000)
}

// tasks are what the speed of an interpreter is measured on; each is a program.
var tasks = []struct{ name, text string }{
	{"fib", "package main\nfunc fib(n int) int { if n < 2 { return n }; return fib(n-1) + fib(n-2) }\nfunc main() { if fib(24) != 46368 { panic(1) } }"},
	{"float_loop", "package main\nfunc main() { s := 0.0; for i := 0; i < 1000000; i++ { s += float64(i) * 0.5 }; if s < 1 { panic(s) } }"},
	{"map_insert", "package main\nfunc main() { m := map[int]int{}; for i := 0; i < 200000; i++ { m[i%5000] += i }; if len(m) != 5000 { panic(1) } }"},
	{"sort", "package main\nimport \"sort\"\nfunc main() { xs := make([]int, 20000); for i := range xs { xs[i] = i * 7919 % 20011 }; sort.Slice(xs, func(i, j int) bool { return xs[i] < xs[j] }); if xs[0] > xs[1] { panic(1) } }"},
}

// speed compares with yaegi, which runs the same text unlowered.
func speed(t *testing.T) {
	for _, task := range tasks {
		ours := best(func() {
			if _, err := open().run(task.text); err != nil {
				t.Fatal(err)
			}
		})
		empty := best(func() { _, _ = open().run("package main\nimport \"sort\"\nfunc main() { _ = sort.Ints }") })
		theirs := best(func() {
			i := yaegi.New(yaegi.Options{Stdout: io.Discard, Stderr: io.Discard})
			if err := i.Use(stdlib.Symbols); err != nil {
				t.Fatal(err)
			}
			if _, err := i.Eval(task.text); err != nil {
				t.Fatal(err)
			}
		})
		ratio := float64(ours-empty) / float64(theirs)
		figure("compiler/speed_"+task.name, fmt.Sprintf("%.2f", ratio), fmt.Sprintf("of_yaegi's_%.0f_ms", 1e3*theirs.Seconds()), "<=1.5", ratio <= 1.5)
	}
}

func best(f func()) time.Duration {
	least := time.Hour
	for range 3 {
		start := time.Now()
		f()
		least = min(least, time.Since(start))
	}
	return least
}
