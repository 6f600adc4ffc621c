package exec_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/interp/cell"
	"weir/interp/exec"
)

// missing skips a test that needs what is not here, or fails it when nothing may be missing.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("WEIR_REQUIRE_ALL") != "" {
		t.Fatal(what + " is not here")
	}
	t.Skip(what + " is not here")
}

// programs is the names of Go's own test programs that cells are held to.
func programs(t testing.TB) (names []string, dir string) {
	list, err := os.ReadFile("testdata/conformance.txt")
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(runtime.GOROOT(), "test")
	if _, err := os.Stat(filepath.Join(dir, "235.go")); err != nil {
		missing(t, "GOROOT/test")
	}
	return strings.Fields(string(list)), dir
}

// verdict is what became of a program.
type verdict struct {
	name   string
	kind   string // "right", "refused" or "wrong"
	detail string
}

// conform runs one of Go's test programs: it is right when it ends and prints
// what the file beside it says.
func conform(dir, name string) verdict {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return verdict{name, "wrong", err.Error()}
	}
	want, _ := os.ReadFile(filepath.Join(dir, strings.TrimSuffix(name, ".go")+".out"))
	nb := open()
	nb.exec.Stderr = &nb.out
	timer := time.AfterFunc(60*time.Second, nb.exec.Stop)
	defer timer.Stop()
	out, err := nb.run(string(text))
	var refusal *exec.Refusal
	var mistakes *cell.Errors
	switch {
	case errors.As(err, &refusal) || errors.As(err, &mistakes):
		return verdict{name, "refused", strings.SplitN(err.Error(), "\n", 2)[0]}
	case err != nil:
		return verdict{name, "wrong", nb.trace(err)}
	case out != string(want):
		return verdict{name, "wrong", fmt.Sprintf("printed %.300q, not %.300q", out, want)}
	}
	return verdict{name, "right", ""}
}

func (nb *notebook) trace(err error) string {
	s := err.Error()
	if p, ok := err.(*exec.Panic); ok {
		for _, c := range p.Calls {
			cell, line, _ := nb.compiler.Position(c.At)
			s += fmt.Sprintf("; %s cell %d line %d", c.Func, cell, line)
		}
	}
	return s
}

// leastRight is how many programs run right: it only rises.
const leastRight = 244

func TestConformance(t *testing.T) {
	names, dir := programs(t)
	if only := os.Getenv("ONLY"); only != "" {
		names = slices.DeleteFunc(names, func(s string) bool { return !strings.Contains(s, only) })
	}
	count := map[string]int{}
	if os.Getenv("LONG") == "" {
		names = slices.DeleteFunc(names, func(s string) bool { return s == "divmod.go" }) // half a minute
	}
	for _, name := range names {
		start := time.Now()
		v := conform(dir, name)
		count[v.kind]++
		switch v.kind {
		case "wrong":
			t.Errorf("%s: %s", name, v.detail)
		case "refused":
			t.Logf("%s is refused: %s", name, v.detail)
		}
		if d := time.Since(start); d > 2*time.Second {
			t.Logf("%s took %v", name, d)
		}
	}
	t.Logf("%d programs: %v", len(names), count)
	if os.Getenv("ONLY") == "" && count["right"] < leastRight {
		t.Errorf("%d programs are right; %d were", count["right"], leastRight)
	}
}
