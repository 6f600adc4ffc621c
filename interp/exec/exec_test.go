package exec_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"weir/interp/cell"
	"weir/interp/exec"
	"weir/interp/speaker/std"
)

// notebook runs cells in this process.
type notebook struct {
	compiler *cell.Compiler
	exec     *exec.Executor

	forbidden bool // the next cell is not to run
	out, err  bytes.Buffer
	n         int
}

func open() *notebook {
	nb := &notebook{compiler: cell.New()}
	nb.exec = exec.New(nb.compiler.FileSet(), std.Symbols)
	nb.exec.Stdout, nb.exec.Stderr = &nb.out, &nb.err
	return nb
}

// run runs a cell and returns what it printed.
func (nb *notebook) run(text string) (string, error) {
	nb.n++
	nb.out.Reset()
	nb.err.Reset()
	p, err := nb.compiler.Compile(nb.n, text)
	if err != nil {
		return "", err
	}
	if err := nb.exec.Load(p, func() bool { return !nb.forbidden }); err != nil {
		return "", err
	}
	p.Commit()
	if p.Main {
		err = nb.exec.Run(p, "init")
	}
	if err == nil {
		err = nb.exec.Run(p, p.Entry)
	}
	for _, v := range p.Results {
		text, _ := nb.exec.Text(nb.exec.Take(v))
		fmt.Fprintf(&nb.out, "= %s\n", text)
	}
	return nb.out.String(), err
}

// TestRefusedChangesNothing: a cell that is refused while it is loaded leaves
// variables and functions as they were.
func TestRefusedChangesNothing(t *testing.T) {
	nb := open()
	results := strings.Repeat("int, ", 40) + "int"
	const forbidden = "x := 4\nfunc f() int { return 5 }\n"
	for _, c := range []struct{ text, want string }{
		{"x := 1\nfunc f() int { return x }", ""},
		{forbidden, "refused"},
		{"x + f()", "= 2\n"},
		{"x := \"text\"\nfunc f() string { return x }\nfunc many() (" + results + ") { return " + strings.Repeat("0, ", 40) + "0 }", "refused"},
		{"x + f()", "= 2\n"},
		{"x := \"text\"\nx", "= text\n"},
		{"x := 3\nx", "= 3\n"},
		{"type t struct{ a int }\ntype list struct{ next *list; far [1 << 40]int }\nvar a t\nvar b list", "refused"},
		{"type t struct{ a string }\ntype list struct{ next *list; a t }\nb := &list{&list{}, t{\"text\"}}\nfmt.Println(b.next.a, b.next.next == nil, b.a.a)", "{} true text\n"},
	} {
		nb.forbidden = c.text == forbidden
		out, err := nb.run(c.text)
		if _, refused := err.(*exec.Refusal); refused {
			out = "refused"
		}
		if out != c.want {
			t.Errorf("%.60q: %q %v, not %q", c.text, out, err, c.want)
		}
	}
}

// cellsOfASession is what a session runs again and again while 500 names are live.
var cellsOfASession = []string{
	"x := 1\nx + 1",
	"func f(n int) int { return n + x1 }\ntotal := 0\nfor i := range 3 { total += f(i) }\ntotal",
	"type row struct{ a, b int }\nfunc (r row) sum() int { return r.a + r.b }\nrows := []row{{1, 2}}\nrows[0].sum()",
	"m := map[string][]int{\"a\": {1}}\nfor k, v := range m { fmt.Sprint(k, v) }\nfunc() int { return len(m) }()",
}

// growth is how many bytes stay of an executed cell, when all that it leaves is
// replaced by the next of its kind.
func growth(t testing.TB, cells int) int {
	nb := open()
	var vars strings.Builder
	for i := range 500 {
		fmt.Fprintf(&vars, "x%d := %d\n", i, i)
	}
	runAll := func(n int) {
		for i := range n {
			if _, err := nb.run(cellsOfASession[i%len(cellsOfASession)]); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := nb.run(vars.String()); err != nil {
		t.Fatal(err)
	}
	runAll(100)
	before := heap()
	runAll(cells)
	after := heap()
	runtime.KeepAlive(nb)
	return (after - before) / cells
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// mostGrowth lets a session of 10,000 cells keep a sixth of what it may hold.
const mostGrowth = 12_000

func TestGrowth(t *testing.T) {
	if n := growth(t, 800); n > mostGrowth {
		t.Errorf("%d bytes stay of each cell", n)
	}
}

func TestFile(t *testing.T) {
	name := os.Getenv("FILE")
	if name == "" {
		t.Skip("FILE is not set")
	}
	text, _ := os.ReadFile(name)
	nb := open()
	out, err := nb.run(string(text))
	fmt.Print(out, nb.err.String())
	if err != nil {
		t.Errorf("%T %v", err, err)
		if p, ok := err.(*exec.Panic); ok {
			for _, c := range p.Calls {
				cell, line, col := nb.compiler.Position(c.At)
				t.Log(c.Func, cell, line, col)
			}
		}
	}
}

// TestImportedLater: a package that another's export data mention can be imported
// later, by a cell or by a package with source.
func TestImportedLater(t *testing.T) {
	nb := open()
	for _, text := range []string{"var mu sync.Mutex\nmu.Lock()\nmu.TryLock()", "time.Sleep(0)\nfmt.Sprint(1)", "sort.Slice([]int{}, nil)",
		"slices.Sort([]int{2, 1})", "bits.Len(5)", "maps.Keys(map[int]int{1: 2})", "utf8.RuneLen('a')", "cmp.Compare(1, 2)", "io.EOF", "errors.New(\"x\")", "bytes.ToUpper(nil)"} {
		if _, err := nb.run(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}
