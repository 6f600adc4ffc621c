package notebooks

import (
	"errors"
	"go/parser"
	"strings"
	"testing"

	"weir/notebooks/nbformat"
)

func TestLiterals(t *testing.T) {
	for _, test := range []struct{ declared, value, want string }{
		// The declaration decides.
		{"x := 1", "20", "x = 20"},
		{"x := -1", "-20", "x = -20"},
		{"var x int8 = 1", "-128", "x = -128"},
		{"var x uint", "7", "x = 7"},
		{"x := 1.5", "2", "x = 2.0"},
		{"x := 1.5", "1e-3", "x = 0.001"},
		{"var x float32", "0.1", "x = 0.1"},
		{"x := float64(3)", "4", "x = 4.0"},
		{"x := true", "False", "x = false"},
		{`x := ""`, "20", `x = "20"`},
		{`x := ""`, `say "ho"` + "\n`", `x = "say \"ho\"\n` + "`" + `"`},
		{`x := ""`, "", `x = ""`},
		{"x := []string{}", "[F, M]", `x = []string{"F", "M"}`},
		{"x := []string{}", `["a, b", "007"]`, `x = []string{"a, b", "007"}`},
		{"x := []string{}", "[1]", `x = []string{"1"}`},
		{"x := []int{1}", "[]", "x = []int{}"},
		{"x := []int{1}", "[1, 2]", "x = []int{1, 2}"},
		{"x := []float64{1}", "[1, 2.5]", "x = []float64{1.0, 2.5}"},
		{"y, x := 1, 2.5", "3", "x = 3.0"},
		{"var (\n\ty = 1\n\tx = true\n)", "true", "x = true"},
		{"import \"fmt\"\nvar x = 1", "2", "x = 2"},
		{"import \"fmt\"\nx := 1\nfmt.Println(x)", "2", "x = 2"},
		// It says nothing, or there is none.
		{"x := f()", "2", "x = 2"},
		{"x := time.Second", "2.5", "x = 2.5"},
		{"", "20", "x := 20"},
		{"", "-20", "x := -20"},
		{"", "2.0", "x := 2.0"},
		{"", ".5", "x := 0.5"},
		{"", "1e6", "x := 1e+06"},
		{"", "True", "x := true"},
		{"", "007", `x := "007"`},
		{"", "E11", `x := "E11"`},
		{"", "1.2.3", `x := "1.2.3"`},
		{"", "NaN", `x := "NaN"`},
		{"", "", `x := ""`},
		{"", `"20"`, `x := "20"`},
		{"", `"20`, `x := "\"20"`},
		{"", "[1, 2]", "x := []int{1, 2}"},
		{"", "[1, 2.5]", "x := []float64{1.0, 2.5}"},
		{"", "[true, False]", "x := []bool{true, false}"},
		{"", "[true, 1]", `x := []string{"true", "1"}`},
		{"", "[E11, 1]", `x := []string{"E11", "1"}`},
		{"", `["1", 2]`, `x := []string{"1", "2"}`},
		{"func f() {\n\tx := true\n}", "2", "x := 2"}, // not at the top level
	} {
		source, _, err := injectOne(test.declared, Parameter{"x", test.value})
		if err != nil || source != "// Parameters\n"+test.want {
			t.Errorf("%q with x=%s: %q, %v; want %q", test.declared, test.value, source, err, test.want)
		}
		if _, err := parser.ParseExpr("func() {\n" + source + "\n}"); err != nil {
			t.Errorf("%q is not Go: %v", source, err)
		}
	}
}

func TestValuesThatDoNotFit(t *testing.T) {
	for _, test := range []struct{ declared, value, say string }{
		{"x := 1", "2.5", "not of type int"},
		{"x := 1", "", "not of type int"},
		{"x := 1", "0x10", "not of type int"},
		{"var x int8", "200", "too large for int8"},
		{"var x uint", "-1", "not of type uint"},
		{"x := 1.5", "Inf", "not of type float64"},
		{"x := 1.5", "1e400", "not of type float64"},
		{"x := true", "1", "not of type bool"},
		{"x := []int{}", "1", "not of type []int"},
		{"x := []int{}", `["1"]`, "not of type []int"},
		{"x := []string{}", "[[a], b]", "not of type []string"},
		{"const x = 1", "2", "is a constant"},
		{"", "[]", "empty list"},
		{"", "[a, [b]]", "without lists in it"},
		{"", "99999999999999999999", "too large for int"},
	} {
		_, _, err := injectOne(test.declared, Parameter{"x", test.value})
		var p *ParameterError
		if !errors.As(err, &p) || p.Name != "x" || !strings.Contains(err.Error(), test.say) {
			t.Errorf("%q with x=%s: %v; want an error with %q", test.declared, test.value, err, test.say)
		}
	}
}

func injectOne(declared string, p ...Parameter) (source string, warnings []string, err error) {
	n := &nbformat.Notebook{}
	n.Insert(0, declared).Metadata["tags"] = []any{"parameters"}
	_, warnings, err = inject(n, p)
	if err != nil {
		return "", nil, err
	}
	return n.Cells[1].Source, warnings, nil
}

func TestParameterWarnings(t *testing.T) {
	_, warnings, err := injectOne("x := 1", Parameter{"x", "2"}, Parameter{"y", "3"})
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "does not declare y") {
		t.Errorf("%q, %v", warnings, err)
	}
	if _, _, err := injectOne("x := 1", Parameter{"x", "2"}, Parameter{"x", "2"}); err == nil {
		t.Error("a parameter given twice was taken")
	}
	n := &nbformat.Notebook{}
	n.Insert(0, "f(x)")
	_, warnings, err = inject(n, []Parameter{{"x", "2"}})
	if err != nil || len(warnings) != 1 || n.Cells[0].Source != "// Parameters\nx := 2" {
		t.Errorf("without a parameters cell: %q, %v, %v", n.Cells[0].Source, warnings, err)
	}
}

func TestInjectingAgainReplaces(t *testing.T) {
	n := &nbformat.Notebook{}
	n.Insert(0, "x := 1").Metadata["tags"] = []any{"parameters"}
	for _, value := range []string{"2", "3"} {
		if _, _, err := inject(n, []Parameter{{"x", value}}); err != nil {
			t.Fatal(err)
		}
	}
	if len(n.Cells) != 2 || n.Cells[1].Source != "// Parameters\nx = 3" {
		t.Errorf("%d cells, the last: %s", len(n.Cells), n.Cells[len(n.Cells)-1].Source)
	}
}

func TestParseParameter(t *testing.T) {
	for _, bad := range []string{"", "x", "=1", "a b=1", "1x=1", "_=1", "func=1", "a.b=1"} {
		if p, err := ParseParameter(bad); err == nil {
			t.Errorf("%q was read as %v", bad, p)
		}
	}
	if p, err := ParseParameter("x=a=b"); err != nil || p != (Parameter{"x", "a=b"}) {
		t.Errorf("%v, %v", p, err)
	}
}

func FuzzInject(f *testing.F) {
	f.Add("x := 1", "2")
	f.Add("x := []string{}", `["a", "b"]`)
	f.Add("", "[a, b]")
	f.Add("", "\x00\xff\u2028")
	f.Fuzz(func(t *testing.T, declared, value string) {
		source, _, err := injectOne(declared, Parameter{"x", value})
		if err != nil {
			return
		}
		if _, err := parser.ParseExpr("func() {\n" + source + "\n}"); err != nil {
			t.Errorf("%q is not Go: %v", source, err)
		}
		if strings.Count(source, "\n") != 1 {
			t.Errorf("%q is more than one statement", source)
		}
	})
}
