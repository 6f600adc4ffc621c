package interp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"weir/datasets/plan"
	"weir/interp/cell"
	"weir/interp/speaker"
)

// TestMain lets the test binary be the speaker that sessions start.
func TestMain(m *testing.M) {
	if os.Args[0] == speaker.Name {
		if err := speaker.Main(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// transcript is a host that writes down what happens; its plans all have the same answer.
type transcript struct{ strings.Builder }

func (t *transcript) Run(_ context.Context, n *plan.Node) (*plan.Result, error) {
	if n.Op() == "Open" && n.Text(0) != "synthetic" {
		return nil, &plan.Error{Op: "Open", Msg: "there is no such repository", At: n.At()}
	}
	fmt.Fprintf(t, "run %s\n", n)
	return &plan.Result{}, nil
}

func (t *transcript) Show(_ context.Context, n *plan.Node, last bool) error {
	fmt.Fprintf(t, "show %s last=%v\n", n, last)
	return nil
}

func (t *transcript) Text(words string, markdown, last bool) {
	switch {
	case markdown:
		fmt.Fprintf(t, "markdown %s\n", words)
	case last:
		fmt.Fprintf(t, "= %s\n", words)
	default:
		fmt.Fprintf(t, "display %s\n", words)
	}
}
func (t *transcript) Stream(name, text string) { fmt.Fprintf(t, "%s", text) }

func start(t testing.TB) *Session {
	t.Helper()
	s, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// TestNotebooks runs the notebooks in testdata: an archive's files are cells, each
// followed by a file that says what happens.
func TestNotebooks(t *testing.T) {
	names, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		runNotebooks(t, name)
	}
}

func runNotebooks(t *testing.T, name string) {
	archive, err := txtar.ParseFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var s *Session
	n := 0
	for i := 0; i+1 < len(archive.Files); i += 2 {
		in, want := archive.Files[i], archive.Files[i+1]
		if s == nil || strings.HasSuffix(in.Name, ".1") {
			s, n = start(t), 0
		}
		n++
		t.Run(in.Name, func(t *testing.T) {
			var got transcript
			err := s.Run(context.Background(), n, string(in.Data), &got)
			var f *Failure
			if errors.As(err, &f) {
				fmt.Fprintf(&got, "! %s at %d:%d: %s\n", f.Name, f.At.Cell, f.At.Line, f.Text)
			}
			if got.String() != string(want.Data) {
				t.Errorf("cell:\n%s\ngot:\n%s\nwant:\n%s", in.Data, got.String(), want.Data)
			}
		})
	}
}

func run(t *testing.T, s *Session, n int, text string) (string, *Failure) {
	t.Helper()
	var got transcript
	var f *Failure
	errors.As(s.Run(context.Background(), n, text, &got), &f)
	return got.String(), f
}

// TestRefusedIsNotRun: the session knows of the repository what the speaker does not, and
// nothing runs or is declared of a cell that it refuses.
func TestRefusedIsNotRun(t *testing.T) {
	s := start(t)
	s.KnowNames(cell.Names{Units: []string{"%"}})
	run(t, s, 1, "x := 41\nfunc f() int { return x + 1 }")
	for n, text := range []string{
		"x := \"new\"\nfunc f() string { fmt.Println(x); return x }\nf()\ncdr := ds.Open(\"synthetic\")\ncdr.Measurement(3004410).Unit(\"stone\").Last()",
		"x := 7\nfunc f() int { return 7 }\nx + undefined",
		"x := 7 +",
		"x := 7 //" + strings.Repeat("x", cell.MaxCell),
	} {
		if out, f := run(t, s, n+2, text); f == nil || f.Name != "CompileError" || out != "" {
			t.Errorf("%.60q: %q, %+v", text, out, f)
		}
	}
	if out, f := run(t, s, 10, "x + f()"); f != nil || out != "= 83\n" {
		t.Errorf("%q, %+v", out, f)
	}
}

func TestInterruptKeepsVariables(t *testing.T) {
	s := start(t)
	run(t, s, 1, "x := 41\nadd := func() int { return x + 1 }")
	for _, loop := range []string{"for {}", "n := 0\nfor i := 0; ; i++ { n += i }", "func f(n int) int { for { n++ } }\nf(1)"} {
		time.AfterFunc(100*time.Millisecond, s.Interrupt)
		start := time.Now()
		_, f := run(t, s, 2, loop)
		if f == nil || f.Name != "Interrupted" || strings.Contains(f.Text, "lost") {
			t.Fatalf("%q: %+v", loop, f)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("%q took %v to stop", loop, d)
		}
	}
	if out, f := run(t, s, 3, "add()"); out != "= 42\n" || f != nil {
		t.Errorf("after the interrupts: %q %+v", out, f)
	}
}

// TestInterruptPlace: an interruption names the cell that ran, and where in it.
func TestInterruptPlace(t *testing.T) {
	s := start(t)
	run(t, s, 1, "x := 1\nfunc spin(n int) {\n\tfor {\n\t\tn++\n\t}\n}\nfmt.Sprint(x)\nfmt.Sprint(x, x)\nfor i := range 3 { x += i }")
	n := 1
	for text, want := range map[string]string{
		"for {}":                          "the cell, 1",
		"\n\nfor {\n}":                    "the cell, 1",
		"x = 5\nfor {\n\tx++\n}":          "the cell, 3",
		"x = 5\n\nfor {\n\tx++\n\tx--\n}": "the cell, 4",
		"y := 2\nfor y > 1 {\n}":          "the cell, 2",
		"func() {\n\tfor { x++ }\n}()":    "the cell, 2",
		"\ntime.Sleep(time.Hour)":         "the cell, 2",
		"fmt.Sprint(x)\nch := make(chan int)\ngo func() { time.Sleep(time.Hour) }()\n<-ch": "the cell, 4",
		"x = 1\nspin(x)": "cell 1, 4",
	} {
		n++
		timer := time.AfterFunc(100*time.Millisecond, s.Interrupt)
		_, f := run(t, s, n, text)
		timer.Stop()
		cell, line, _ := strings.Cut(want, ", ")
		if cell == "the cell" {
			cell = fmt.Sprintf("cell %d", n)
		}
		if f == nil || f.Name != "Interrupted" || fmt.Sprintf("cell %d, %d", f.At.Cell, f.At.Line) != cell+", "+line {
			t.Errorf("%q: %+v, not at %s, line %s", text, f, cell, line)
		}
	}
}

// TestInterruptEverywhere: whatever a cell is busy with, an interrupt ends it and
// loses nothing.
func TestInterruptEverywhere(t *testing.T) {
	s := start(t)
	run(t, s, 1, "kept := 41\nadd := func() int { return kept + 1 }\nch := make(chan int)\nvar wg sync.WaitGroup\nvar mu sync.Mutex\nwg.Add(1)\nmu.Lock()\nbig := make([]int, 3000000)\nwait := func() { for { time.Sleep(time.Second) } }")
	for _, text := range []string{
		"go wait()\nfor range ch {}", "go wait()\nselect {}", "go wait()\nwg.Wait()", "go wait()\nmu.Lock()", "time.Sleep(time.Hour)", "L: goto L", "for { for range 1 {} }",
		"for { add() }", "for { _ = fmt.Sprint(kept) }", "func f(n int) { f2(n) }\nfunc f2(n int) { if n > 1000 { n = 0 }; for { n++ } }\nf(1)",
		"go func() { for {} }()\nfor {}", "go wait()\n<-ch", "defer func() { recover() }()\nfor {}", "for { func() { defer func() { recover() }(); panic(1) }() }",
		"for i := range func(yield func(int) bool) { for yield(1) {} } { _ = i }", "func() { defer func() { for {} }(); panic(1) }()",
		"for { sort.Slice(big, func(i, j int) bool { return i < j }) }", "for { clear(big) }", "for { slices.Sort(big) }", "for { copy(big, big[1:]) }", "for { _ = append([]int(nil), big...) }", "for { _ = strings.Repeat(\"x\", 3000000) }",
		"text := strings.Repeat(\"x\", 3000000)\nfor { _ = strings.ToUpper(text) }", "text := strings.Repeat(\"x\", 3000000)\nfor { _ = text + text }", "for { _ = strings.Count(fmt.Sprint(big[:30000]), \"1\") }",
	} {
		var at time.Time
		timer := time.AfterFunc(100*time.Millisecond, func() { at = time.Now(); s.Interrupt() })
		_, f := run(t, s, 2, text)
		d := time.Since(at)
		timer.Stop()
		if f == nil || f.Name != "Interrupted" || strings.Contains(f.Text, "lost") {
			t.Fatalf("%q: %+v", text, f)
		}
		if d > time.Second {
			t.Errorf("%q took %v to stop", text, d)
		}
		if out, f := run(t, s, 3, "add()"); out != "= 42\n" || f != nil {
			t.Fatalf("%q, afterwards: %q %+v", text, out, f)
		}
	}
}

// TestTraceback: a panic reads as Go's own, and leads through the cells.
func TestTraceback(t *testing.T) {
	s := start(t)
	run(t, s, 1, "type series []float64\n\nfunc (s series) at(i int) float64 {\n\treturn s[i]\n}")
	run(t, s, 2, "func last(s series) float64 {\n\tdefer fmt.Print()\n\treturn s.at(\n\t\tlen(s))\n}")
	for text, want := range map[string]string{
		"\n\n\nfor range 1 {\n\tfunc() {\n\t\tlast(series{1, 2})\n\t}()\n}": "panic: runtime error: index out of range [2] with length 2|cell 1, line 4, in series.at|cell 2, line 3, in last|cell 3, line 6, in the cell.func1|cell 3, line 7, in the cell",
		"var m map[string]int\nm[\"a\"]++":                                  "panic: assignment to entry in nil map|cell 3, line 2, in the cell",
		"x := 0\n1 / x":                                                     "panic: runtime error: integer divide by zero|cell 3, line 2, in the cell",
		"var x any = \"s\"\nx.(int)":                                        "panic: interface conversion: interface {} is string, not int|cell 3, line 2, in the cell",
		"type e struct{ n int }\nfunc (x *e) get() int { return x.n }\nvar p *e\np.get()":                 "panic: runtime error: invalid memory address or nil pointer dereference|cell 3, line 2, in (*e).get|cell 3, line 4, in the cell",
		"slices.SortFunc([]int{2, 1}, func(a, b int) int {\n\tpanic(fmt.Errorf(\"no order: %d\", a))\n})": "panic: no order: 1|cell 3, line 2, in the cell.func1|cell 3, line 1, in the cell",
	} {
		_, f := run(t, s, 3, text)
		if f == nil {
			t.Fatalf("%q does not panic", text)
		}
		got := regexp.MustCompile(`\x1b\[\d*m`).ReplaceAllString(strings.Join(f.Traceback, "|"), "")
		if got = strings.ReplaceAll(got, "|  ", "|"); got != want {
			t.Errorf("%q:\n%s\nnot\n%s", text, got, want)
		}
	}
}

// TestDeath ends the speaker in the way that a cell can: the session says what
// was lost and goes on.
func TestDeath(t *testing.T) {
	s := start(t)
	run(t, s, 1, "kept := 1")
	out, f := run(t, s, 2, "println(\"on standard error\")\nvar hold []string\nfor { hold = append(hold, strings.Repeat(\"x\", 1<<26)) }")
	if f == nil || f.Text != "the process that runs cells ended: out of memory; lost with it: kept" {
		t.Fatalf("%+v", f)
	}
	if out != "on standard error\n" {
		t.Errorf("the cell prints what it did not: %.200q", out)
	}
	if out, f := run(t, s, 3, "1 + 1"); out != "= 2\n" || f != nil {
		t.Fatalf("afterwards: %q %+v", out, f)
	}
}

// TestSurvival ends cells in ways that end a Go process: the error says what
// happened, and every variable is kept.
func TestSurvival(t *testing.T) {
	s := start(t)
	run(t, s, 1, "kept := 1")
	for what, c := range map[string]struct{ text, want string }{
		"stack":                {"func down(n int) int { return down(n+1) + 1 }\ndown(0)", "stack overflow"},
		"closures":             {"var f func(int) int\nf = func(n int) int { defer func() {}(); return f(n+1) + 1 }\nf(0)", "stack overflow"},
		"methods":              {"type d struct{ n int }\nfunc (x d) down() int { return d{x.n + 1}.down() + 1 }\nd{}.down()", "stack overflow"},
		"through fmt":          {"type n struct{ a int }\nfunc (x n) String() string { return fmt.Sprint(x) }\nn{1}.String()", "stack overflow"},
		"through sort":         {"func f(n int) bool { xs := []int{2, 1}; sort.Slice(xs, func(i, j int) bool { return f(n + 1) }); return true }\nf(0)", "stack overflow"},
		"through an interface": {"type s interface{ f(s) int }\ntype a struct{ x [100]int }\nfunc (v a) f(w s) int { defer recover(); return w.f(v) }\na{}.f(a{})", "stack overflow"},
		"slices":               {"func() {\nvar hold [][]byte\nfor { hold = append(hold, make([]byte, 1<<26)) }\n}()", "out of memory: a slice of 64 MB"},
		"append":               {"func() {\nvar hold []float64\nfor { hold = append(hold, hold...); hold = append(hold, 1) }\n}()", "out of memory: a slice of"},
		"deadlock":             {"ch := make(chan int)\n<-ch", "all goroutines are asleep"},
		"goroutine":            {"go func() { panic(\"in a goroutine\") }()\nfor {}", "in a goroutine"},
		"map writes":           {"m := map[int]int{}\nvar wg sync.WaitGroup\nfor g := range 4 { wg.Add(1); go func() { for i := range 10000 { m[i] = g }; wg.Done() }() }\nwg.Wait()\npanic(len(m))", "10000"},
	} {
		t.Run(what, func(t *testing.T) {
			_, f := run(t, s, 2, c.text)
			if f == nil || !strings.Contains(f.Text, c.want) || strings.Contains(f.Text, "lost") {
				t.Fatalf("%+v", f)
			}
			if out, f := run(t, s, 3, "kept + 1"); out != "= 2\n" || f != nil {
				t.Fatalf("afterwards: %q %+v", out, f)
			}
		})
	}
}

// TestFreed lets go of more memory, cell by cell, than the process may have.
func TestFreed(t *testing.T) {
	s := start(t)
	for n := range 10 {
		for _, text := range []string{"data := make([]float64, 20_000_000)", "data := \"text\"", "make([]int8, 100_000_000)[5]"} {
			if _, f := run(t, s, n+1, text); f != nil {
				t.Fatalf("round %d, %s: %+v", n, text, f)
			}
		}
	}
}

// TestFlood prints without end: the text is cut, the session lives.
func TestFlood(t *testing.T) {
	s := start(t)
	out, f := run(t, s, 1, "import \"strings\"\nline := strings.Repeat(\"x\", 1000)\nfor i := 0; i < 20000; i++ { fmt.Println(line) }")
	if f != nil || len(out) > maxText+200 || !strings.Contains(out, "only the first 8 MB") {
		t.Errorf("%d bytes, %+v", len(out), f)
	}
	if out, _ := run(t, s, 2, "fmt.Println(\"again\")"); out != "again\n= 6\n= nil\n" && !strings.HasPrefix(out, "again\n") {
		t.Errorf("afterwards: %q", out)
	}
}

func BenchmarkTrivialCell(b *testing.B) {
	s := start(b)
	n := 0
	for b.Loop() {
		n++
		if err := s.Run(context.Background(), n, "x := 1\nx + 1", new(transcript)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		s, err := Start()
		if err != nil {
			b.Fatal(err)
		}
		s.Close()
	}
}

// broken is a host that panics.
type broken struct{ transcript }

func (*broken) Show(context.Context, *plan.Node, bool) error { panic("of the data") }

// TestHostPanics: a panic beside the data is an error of the cell, without its
// words, and the session goes on.
func TestHostPanics(t *testing.T) {
	s := start(t)
	var f *Failure
	if err := s.Run(t.Context(), 1, "kept := 1\nds.Repositories()", &broken{}); !errors.As(err, &f) || strings.Contains(f.Text, "of the data") {
		t.Fatalf("%v", err)
	}
	if out, f := run(t, s, 2, "kept + 1"); out != "= 2\n" || f != nil {
		t.Fatalf("afterwards: %q %+v", out, f)
	}
}
