//go:build figures

package exec_test

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
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

// tasks is what speed is measured on: each function prints what its work took, the
// least of three.
const tasks = `package main

import (
	"fmt"
	"sort"
	"time"
)

func least(name string, f func()) {
	took := time.Hour
	for i := 0; i < 3; i++ {
		begun := time.Now()
		f()
		if d := time.Since(begun); d < took {
			took = d
		}
	}
	fmt.Println(name, took.Nanoseconds())
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

func main() {
	least("fib", func() {
		if fib(26) != 121393 {
			panic("fib")
		}
	})
	least("float_loop", func() {
		s := 0.0
		for i := 0; i < 1000000; i++ {
			s += float64(i) * 0.5
		}
		if s != 249999750000 {
			panic("float loop")
		}
	})
	least("map_insert", func() {
		m := map[int]int{}
		for i := 0; i < 200000; i++ {
			m[i*7919] += i
		}
		if len(m) != 200000 {
			panic("map")
		}
	})
	least("sort", func() {
		xs := make([]int, 20000)
		for i := range xs {
			xs[i] = i * 7919 % 20011
		}
		sort.Slice(xs, func(i, j int) bool { return xs[i] < xs[j] })
		if !sort.IntsAreSorted(xs) {
			panic("sort")
		}
	})
}
`

// speed compares with yaegi, which runs the same text unlowered, and with what the
// real compiler makes of it.
func speed(t *testing.T) {
	ours, err := open().run(tasks)
	if err != nil {
		t.Fatal(err)
	}
	took, yaegis, compilers := durations(t, ours), durations(t, evaluated(t, tasks)), durations(t, compileAndRun(t, tasks))
	for _, name := range slices.Sorted(maps.Keys(took)) {
		of := took[name].Seconds() / yaegis[name].Seconds()
		figure("compiler/speed_"+name, fmt.Sprintf("%.2f", of), fmt.Sprintf("of_yaegi's_%.0f_ms", 1e3*yaegis[name].Seconds()), "<=1.5", of <= 1.5)
		figure("compiler/speed_"+name+"_floor", fmt.Sprintf("%.1f", took[name].Seconds()/compilers[name].Seconds()), fmt.Sprintf("times_compiled_Go's_%.2f_ms", 1e3*compilers[name].Seconds()), "-", true)
	}
}

// evaluated is what yaegi prints.
func evaluated(t *testing.T, text string) string {
	var out bytes.Buffer
	peer := yaegi.New(yaegi.Options{Stdout: &out, Stderr: io.Discard})
	if err := peer.Use(stdlib.Symbols); err != nil {
		t.Fatal(err)
	}
	if _, err := peer.Eval(text); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// durations reads lines of a name and nanoseconds.
func durations(t *testing.T, out string) map[string]time.Duration {
	took := map[string]time.Duration{}
	for line := range strings.Lines(out) {
		var name string
		var n int64
		if _, err := fmt.Sscan(line, &name, &n); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		took[name] = time.Duration(n)
	}
	return took
}
