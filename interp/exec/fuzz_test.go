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
