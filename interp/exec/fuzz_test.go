package exec_test

import (
	"testing"
	"time"

	"golang.org/x/tools/txtar"
)

// FuzzRun runs arbitrary cells: whatever they hold, the executor answers, stops
// when it is told to, and runs the next cell right.
func FuzzRun(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/programs.txtar")
	if err != nil {
		f.Fatal(err)
	}
	_, cells := parts(archive)
	for _, text := range cells {
		f.Add(text)
	}
	for _, text := range []string{ // types and instances that grow
		"type a0 struct{ x int }\ntype a1 struct{ a0; b *a0 }\ntype a2 struct{ a1; b *a1 }\nvar x a2\nx",
		"func f[T any](x T) struct{ l, r T } { return struct{ l, r T }{x, x} }\nf(f(f(1)))",
		"func f[T any](n int, x T) { if n > 0 { f(n-1, []T{x}) } }\ny := 1\nf(3, y)",
		"type t[P any] struct{ f *t[[]P] }\nvar x t[int]\nx.f",
		"var x [1 << 20]int\nx[5]",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		nb := open()
		stop := time.AfterFunc(time.Second, nb.exec.Stop)
		defer stop.Stop()
		begun := time.Now()
		_, _ = nb.run(text)
		if d := time.Since(begun); d > 20*time.Second {
			t.Errorf("it took %v", d)
		}
		stop.Stop()
		if out, err := nb.run("six_ := 6\nsix_ * 7"); err == nil && out != "= 42\n" {
			t.Errorf("afterwards: %q", out)
		}
	})
}
