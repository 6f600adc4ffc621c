package cell

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/datasets/plan"
)

// notebook compiles cells that are all right.
func notebook(t testing.TB, cells ...string) *Compiler {
	t.Helper()
	c := New()
	c.Know(&plan.Schema{Tables: []plan.Table{
		{Name: "measurement", Fields: []plan.Field{{Name: "value_as_number", Type: "number"}, {Name: "unit_concept_id", Type: "concept"}}},
		{Name: "person", Fields: []plan.Field{{Name: "race_concept_id", Type: "concept"}}},
	}})
	c.KnowNames(Names{Units: []string{"%", "mg/dL", "mmol/L", "mmol/mol"}, Labels: map[string][]string{"SexAtBirth": {"Female", "Male", "Intersex"}, "Answer": {"full", "part"}, "Unit": {"%", "mg/dL"}}, Concept: func(name string) bool { return name == "Skip" || name == "Employed: full" }, Answer: func(name string) bool { return name == "Skip" || name == "full" }})
	for i, text := range cells {
		p, err := c.Compile(i+1, text)
		if err != nil {
			t.Fatalf("cell %d: %v", i+1, err)
		}
		p.Commit()
	}
	return c
}

// TestComplete: | is the cursor; the proposals named must be there, those behind ! not.
func TestComplete(t *testing.T) {
	c := notebook(t,
		"cdr := ds.Open(\"synthetic\")\nage := cdr.Age()\nsex := cdr.SexAtBirth()",
		"type visit struct{ Start, end int }\nfunc (v visit) Days() int { return v.end - v.Start }\nfirst := visit{1, 3}\nlongName := 1",
	)
	for text, want := range map[string]string{
		"fmt.Prin|":                          "Print Printf Println !Scan !Errorf",
		"x := strings.|":                     "ToUpper Builder !toUpper",
		"first.|":                            "Days Start end",
		"first.|\nfmt.Println(1)":            "Days Start end",
		"age.|":                              "AtLeast Bands Mean",
		"cdr.Cohort(\"a\").|":                "Include Exclude By",
		"cdr.Cohort(\"a\").\n\tIncl|":        "Include !Exclude",
		"lon|":                               "longName !first",
		"for i := range 3 { fmt.Println(|":   "i first longName fmt len",
		"func f(inner int) int { ret|":       "return",
		"func f(inner int) int { return in|": "inner int",
		"sort.Slice(xs, func(i, j int) bool { return |": "i j",
		"a := first\na.D|":                "Days",
		"cdr.Table(\"me|":                 "measurement !person",
		"cdr.Table(\"me|\")":              "measurement !person",
		"cdr.Measurement(1).Read(\"v|\")": "value_as_number !race_concept_id",
		"cdr.Measurement(1).Unit(\"mm|":   "mmol/L mmol/mol !mg/dL",
		"cdr.SexAtBirth().Is(\"|":         "Female Male",
		"sex.In(\"Male\", \"F|\")":        "Female !Male",
		"os.|":                            "",
		"time.Load|":                      "!LoadLocation",
		"swi|":                            "switch",
		"":                                "",
		"|":                               "fmt cdr for",
		"\"text |":                        "",
		"x := [}|":                        "",
	} {
		cursor := strings.IndexByte(text, '|')
		if cursor < 0 {
			cursor = 0
		}
		_, _, matches := c.Complete(strings.Replace(text, "|", "", 1), cursor)
		var names []string
		for _, m := range matches {
			names = append(names, m.Text)
		}
		for _, name := range strings.Fields(want) {
			unwanted, not := strings.CutPrefix(name, "!")
			if not == slices.Contains(names, unwanted) {
				t.Errorf("%q: %s; got %.200v", text, name, names)
			}
		}
	}
}

func TestInspect(t *testing.T) {
	c := notebook(t, "cdr := ds.Open(\"synthetic\")", "// twice is\n// doubled\nfunc twice(n int) int { return 2 * n }")
	for text, want := range map[string]string{
		"fmt.Print|ln(1)":               "func fmt.Println(a ...any) (n int, err error)\n\nPrintln formats using",
		"strings.ToUpper|":              "func strings.ToUpper(s string) string\n\nToUpper returns",
		"twi|ce(2)":                     "func twice(n int) int\n\ntwice is\ndoubled",
		"twice(|":                       "func twice(n int) int",
		"cdr?|":                         "var cdr ds.Repository",
		"cdr.Cohort|(\"a\")":            "func (ds.Repository).Cohort(",
		"var b strings.Builder\nb.Len|": "func (*strings.Builder).Len() int\n\nLen returns",
		"fm|t.Println()":                `package fmt // import "fmt"`,
		"nothing|":                      "",
		"|":                             "",
		"x := 5\nx|":                    "var x int",
		"cdr.Age().Bands|(1)":           "func (ds.Number).Bands(",
	} {
		cursor := strings.IndexByte(text, '|')
		got := c.Inspect(strings.Replace(text, "|", "", 1), cursor)
		if !strings.HasPrefix(got, want) || want == "" && got != "" {
			t.Errorf("%q: got %.300q, want %q", text, got, want)
		}
	}
}

func TestCompleteness(t *testing.T) {
	for text, want := range map[string]string{
		"x := 1": "complete", "": "complete", "for {": "incomplete \t", "f(": "incomplete \t", "x := 1 +": "incomplete ",
		"for {\n\tif x {": "incomplete \t\t", "`raw": "incomplete ", "/* open": "incomplete ", "}": "invalid ", "x := := 1": "invalid ",
		"func f() {\n}": "complete", "\"open": "invalid ", "package main\nfunc main() {}": "complete",
	} {
		status, indent := Completeness(text)
		if got := status + " " + indent; strings.TrimRight(got, " ") != strings.TrimRight(want, " ") {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// TestRefused: each cell is refused with a message, at a line and a column.
func TestRefused(t *testing.T) {
	deep := strings.Repeat("(", 100_000) + "1" + strings.Repeat(")", 100_000)
	for _, c := range []struct{ text, want string }{
		{strings.Repeat("x", MaxCell+1), "1:1: the cell has 1048577 bytes; the limit is 1048576: split it"},
		{"x := 1\n\x00\x01\xff", "2:1: the cell holds binary bytes"},
		{"\xff\xfe\xfd", "1:1: illegal character U+FFFD"},
		{"x := " + deep, "1:1: brackets nest deeper than 500 here"},
		{"x := " + strings.Repeat("- ", 100_000) + "1", "1:1: brackets nest deeper"},
		{`import "os"`, `1:8: "os" is not available in a cell: a cell reads and writes no files: the data is in ds.Open`},
		{`import "math/rand"`, `1:8: "math/rand" is not available in a cell: import "math/rand/v2"`},
		{`import "example.org/strings"`, `1:8: "example.org/strings" is not available in a cell: import "strings"`},
		{`import "unsafe"`, `1:8: "unsafe" is not available in a cell: write it in plain Go`},
		{`import "C"`, `1:8: "C" is not available in a cell: cgo is not available; write it in Go`},
		{`import . "fmt"`, `1:8: import "fmt": name the package`},
		{"//go:linkname f runtime.f\nfunc f()", "1:1: //go:linkname is not available in a cell"},
		{"//go:embed x\nvar s string", "1:1: //go:embed is not available in a cell"},
		{"func f() int", "1:6: the function f has no body"},
		{"func init() {}", "1:6: a cell has no init function"},
		{"package main\nfunc f() {}", "1:1: a cell that begins with a package clause is a whole program: it has no function main"},
		{"goto nowhere", "1:6: label nowhere not declared"},
		{"x := os.Args", "1:6: undefined: os: a cell reads and writes no files: the data is in ds.Open"},
		{"v := ds.Open(\"a\").Table(\"mesurement\").First()", `1:25: the repository has no table "mesurement"; did you mean "measurement"?`},
		{"v := ds.Open(\"a\").Measurement(1).Read(\"valu_as_number\")", `1:39: the repository has no field "valu_as_number"; did you mean "value_as_number"?`},
		{"v := ds.Open(\"a\").Measurement(1).Unit(\"%\", \"mg/dl\")", `1:44: the repository's vocabulary has no unit (of UCUM) "mg/dl"; did you mean "mg/dL"?`},
		{"v := ds.Open(\"a\").Measurement(1).ConvertTo(\"mmol/\")", `1:44: the repository's vocabulary has no unit (of UCUM) "mmol/"; did you mean "mmol/L"?`},
		{"cdr := ds.Open(\"a\")\nsex := cdr.SexAtBirth()\nf := sex.Is(\"Femal\")", `3:13: this category has no label "Femal"; did you mean "Female"?`},
		{"s := ds.Open(\"a\").SexAtBirth().OrElse(\"?\")\nf := s.\n\tIn(\"?\", \"M\")", `3:10: this category has no label "M"`},
		{"s := ds.Open(\"a\").SexAtBirth().Collapse(\"other\", \"Intersexx\").Recode(map[string]string{\"Malee\": \"m\"})", `1:50: this category has no label "Intersexx"; did you mean "Intersex"?|1:88: this category has no label "Malee"`},
		{"s := ds.Open(\"a\").SexAtBirth().Scores(map[string]float64{\"Male\": 1, \"Woman\": 2})", `1:69: this category has no label "Woman"`},
		{"b := ds.Open(\"a\").HasEHR().Labels(\"yes\", \"no\")\nb.Is(\"Yes\")", `2:6: this category has no label "Yes"; did you mean "yes"?`},
		{"d := ds.Open(\"a\").Birth().Month()\nd.Is(\"Januar\")", `2:6: this category has no label "Januar"; did you mean "January"?`},
		{"a := ds.Open(\"a\").Answer(5)\na.Is(\"Fulll\")", `2:6: this category has no label "Fulll"; did you mean "full"?`},
		{"e := ds.Open(\"a\").Observation(5).Answered(\"Full\").First()\nf := e.Answer().In(\"full\", \"Skip\", \"concept 7\", \"pat\")", `1:43: this category has no label "Full"; did you mean "full"?|2:49: this category has no label "pat"; did you mean "part"?`},
		{"e := ds.Open(\"a\").Measurement(5).First()\nf := []ds.Bool{e.Unit().Is(\"mg/dL\"), e.Unit().Is(\"mg/dl\"), e.Concept().Is(\"Skip\"), e.Concept().Is(\"Skipp\")}", `2:50: this category has no label "mg/dl"; did you mean "mg/dL"?|2:99: no concept of the repository's vocabulary has the name "Skipp"`},
		{"w := ds.When(ds.Open(\"a\").HasEHR(), \"yes\").When(ds.Open(\"a\").HasEHR(), \"perhaps\").Otherwise(\"no\")\nf := w.In(\"yes\", \"perhaps\", \"no\", \"No\")", `2:35: this category has no label "No"; did you mean "no"?`},
		{"r := ds.Open(\"a\").SexAtBirth().Recode(map[string]string{\"Female\": \"f\", \"Male\": \"m\"})\nf := r.In(\"f\", \"Intersex\", \"Female\")", `2:28: this category has no label "Female"`},
		{"ds.Open(\"a\").Everyone()\n1", "1:1: this Cohort is not used"},
		{"for {", "1:6: the cell ends too early"},
		{"}", "1:1: unexpected }"},
		{"x := 1\nf(x))", "2:5: unexpected )"},
		{"return 1", "1:8: too many return values"},
		{"x := 1\ny := x + \"a\"\nz := undefined1\nfunc f() { undefined2() }", "2:6: mismatched|3:6: undefined: undefined1|4:12: undefined: undefined2"},
	} {
		_, err := notebook(t).Compile(1, c.text)
		var mistakes *Errors
		if !errors.As(err, &mistakes) {
			t.Errorf("%.60q is not refused: %v", c.text, err)
			continue
		}
		for i, want := range strings.Split(c.want, "|") {
			place, text, _ := strings.Cut(want, ": ")
			if !strings.Contains(mistakes.Error(), place) || !strings.Contains(mistakes.Error(), text) {
				t.Errorf("%.60q (%d): got %.300q, want %q", c.text, i, mistakes.Error(), want)
			}
		}
	}
}

// TestPretty: each mistake stands with its line and a caret below the column.
func TestPretty(t *testing.T) {
	_, err := notebook(t).Compile(7, "x := 1\nif x == 1 {\n\té := x +\"a\" + nothing\n}\ny := é")
	var mistakes *Errors
	if !errors.As(err, &mistakes) {
		t.Fatal(err)
	}
	got := strings.Join(mistakes.Pretty(), "\n")
	want := "\x1b[31mcell[7]:3:8:\x1b[0m invalid operation: x + \"a\" (mismatched types int and untyped string)\n" +
		"\x1b[2m   3 |\x1b[0m \té := x +\"a\" + nothing\n       \t     \x1b[31m^\x1b[0m\n"
	if !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "       \t              \x1b[31m^\x1b[0m\n\x1b[31mcell[7]:5:6:\x1b[0m undefined: é\n\x1b[2m   5 |\x1b[0m y := é\n            \x1b[31m^\x1b[0m") {
		t.Errorf("%s\n%q", got, got)
	}
}

// TestManyMistakes: what is told of a cell that is all wrong is bounded, whether it is of
// one line or of many.
func TestManyMistakes(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("\x01\x02\xff garbage ", 60_000),
		strings.Repeat("\x01\x02\n", 200_000),
		strings.Repeat("x := 1 ", 100_000),
		strings.Repeat("undefined1\n", 50_000),
		"x := 1" + strings.Repeat("; y := undefined1", 50_000),
		strings.Repeat("a.b(", 200_000),
	} {
		_, err := New().Compile(1, text)
		var mistakes *Errors
		if !errors.As(err, &mistakes) {
			t.Errorf("%.30q is not refused: %v", text, err)
			continue
		}
		pretty := mistakes.Pretty()
		if n := len(strings.Join(pretty, "\n")); n > 1<<20 || len(mistakes.Error()) > 1<<22 || len(pretty) > 3*maxShown+3 {
			t.Errorf("%.30q: %d bytes, %d of them shown in %d parts", text, len(mistakes.Error()), n, len(pretty))
		}
		if len(mistakes.Diagnostics) > maxShown && !strings.HasSuffix(pretty[len(pretty)-1], "mistakes more") {
			t.Errorf("%.30q: %q", text, pretty[len(pretty)-1])
		}
	}
}

// TestAccepted: cells that look odd and are right.
func TestAccepted(t *testing.T) {
	for _, text := range []string{
		"", "\n\n", "// only a comment", "x := 1\n_ = x", "import \"math\"", "var unused int", "/* a */ x := 1 /* b */",
		"x := `raw\nstring`", "type (\n\ta int\n\tb struct{ a }\n)", "func() {}()", "L: for { break L }", "const a, b = 1, \"x\"",
		"package main\nfunc main() {}", "if true { return }\nfmt.Println(1)", "x, y := 1, 2; x, z := 3, y",
		"const ()", "var ()", "type ()", "import ()", "package main\nvar ()\nfunc main() {}",
	} {
		if _, err := notebook(t).Compile(1, text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestLabels: a category that an earlier cell defines is known to have its labels,
// unless something else may have been assigned to it.
func TestLabels(t *testing.T) {
	define := "cdr := ds.Open(\"a\")\nsex := cdr.SexAtBirth()"
	for cells, refused := range map[string]bool{
		define:                                                     true,
		define + "|skipped := sex.Is(\"Skip\")":                    true,
		define + "|sex = cdr.Race()":                               false,
		define + "|func change() { sex = cdr.Race() }":             false,
		define + "|p := &sex":                                      false,
		define + "|sex := cdr.Race()":                              false,
		define + "|other := sex|sex := cdr.SexAtBirth().As(\"s\")": true,
		define + "|func f(sex ds.Category) ds.Bool { return sex.Is(\"Fem\") }": true,
	} {
		c := notebook(t, strings.Split(cells, "|")...)
		if _, err := c.Compile(9, "sex.Is(\"Fem\")"); (err != nil) != refused {
			t.Errorf("%q: %v", cells, err)
		}
	}
}

// tenLines is a cell of ten lines, as analysts write them.
const tenLines = `type row%[1]d struct { name string; n int }
rows%[1]d := []row%[1]d{{"a", 1}, {"b", 2}}
total%[1]d := 0
for _, r := range rows%[1]d {
	total%[1]d += r.n * x3
}
sort.Slice(rows%[1]d, func(i, j int) bool { return rows%[1]d[i].n > rows%[1]d[j].n })
label%[1]d := fmt.Sprintf("%%s: %%d", rows%[1]d[0].name, total%[1]d+f7(2))
fmt.Println(label%[1]d, strings.ToUpper(rows%[1]d[1].name), math.Sqrt(float64(total%[1]d)))
total%[1]d`

// live is a compiler with 500 live names.
func live(t testing.TB) *Compiler {
	var vars, funcs strings.Builder
	for i := range 250 {
		fmt.Fprintf(&vars, "x%d := %d\n", i, i)
		fmt.Fprintf(&funcs, "func f%d(n int) int { return n + x%d }\n", i, i)
	}
	return notebook(t, vars.String(), funcs.String(), "fmt.Println(strings.ToUpper(\"\"), math.Pi, sort.IsSorted)")
}

func BenchmarkCompile(b *testing.B) {
	c := live(b)
	for i := 0; b.Loop(); i++ {
		if _, err := c.Compile(i+10, fmt.Sprintf(tenLines, i%7)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkComplete(b *testing.B) {
	c := live(b)
	for b.Loop() {
		c.Complete("y := x1 + 1\nfmt.Prin", 20)
	}
}

// FuzzCompile feeds the compiler arbitrary text: it answers, soon.
func FuzzCompile(f *testing.F) {
	for _, text := range []string{"x := 1", "func f[T any](x T) T { return x }\nf(1)", "type t struct{ t }", "for range 3 {", "import \"os\"", "package main", "a.b.c(", "x := x", "type T[P any] struct { *T[[]P] }", "func f() { goto L }", "var f = func() { f() }"} {
		f.Add(text)
	}
	for _, a := range attacks {
		f.Add(a.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		start := time.Now()
		c := New()
		if p, err := c.Compile(1, text); err == nil {
			p.Commit()
			_, _ = c.Compile(2, text)
		}
		c.Complete(text, len(text)/2)
		c.Inspect(text, len(text)/2)
		Completeness(text)
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("it took %v", d)
		}
	})
}
