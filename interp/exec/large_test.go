package exec_test

import (
	"fmt"
	"strings"
	"testing"
)

// filled is a cell as large as one may be, or with as many lines as are given.
func filled(before string, line func(i int) string, after string, lines int) string {
	var b strings.Builder
	b.WriteString(before)
	for i := 0; i < lines; i++ {
		s := line(i)
		if b.Len()+len(s)+len(after) > 1<<20 {
			break
		}
		b.WriteString(s)
	}
	return b.String() + after
}

const most = 1 << 20 // lines: as many as a cell holds

// joins is a function in which each of labels keeps each of variables apart.
func joins(labels, variables int) string {
	line := func(format string, n int) string {
		return filled("", func(i int) string { return fmt.Sprintf(format, i, i) }, "", n)
	}
	return "func f(x int) int {\n" + line("v%d := %d\n", variables) + line("l%d: x++ // %d\n", labels) + line("v%d++ // %d\n", variables) +
		"switch x {\n" + line("case %d: goto l%d\n", labels) + "}\nreturn x" + line(" + v%d*%d", 100) + "\n}\nf(-1)"
}

// TestLarge: the largest cells of each form end, with an answer or with an error that
// says what there is too much of. Without the bounds, or with a step in which each
// part looks at each other, they take minutes and gigabytes, and the test does not end.
func TestLarge(t *testing.T) {
	each := func(format string) func(int) string {
		return func(i int) string { return fmt.Sprintf(format, i) }
	}
	const branches, nesting, deep = "too many branches", "nest deeper", "nests deeper than 5000"
	for name, c := range map[string]struct{ text, want string }{
		"switch":            {filled("x := 1\nswitch x {\n", each("case %d: x++\n"), "}\nx", most), branches},
		"switch, allowed":   {filled("x := 1\nswitch x {\n", each("case %d: x++\n"), "}\nx", 3900), "= 2"},
		"switch of lists":   {filled("x := 1\nswitch x {\ncase -1", each(", %d"), ": x++\n}\nx", most), branches},
		"switch of strings": {filled("x := \"\"\nswitch x {\n", each("case \"%d\": x = \"a\"\n"), "}\nx", most), branches},
		"switch on":         {filled("x := 1\nswitch x {\n", each("case %d: fallthrough\n"), "default: x++\n}\nx", most), branches},
		"type switch":       {filled("var x any = 1\nswitch x.(type) {\n", each("case [%d]int:\n"), "}", most), branches},
		"select":            {filled("c := make(chan int)\nselect {\n", each("case <-c: _ = %d\n"), "default:\n}", most), branches},
		"ifs":               {filled("func f(x int) int {\n", each("if x == %d { x++ }\n"), "return x }\nf(1)", most), branches},
		"ifs of a method":   {filled("type t int\nfunc (t) f(x int) int {\n", each("if x == %d { x++ }\n"), "return x }\nt(0).f(1)", most), branches},
		"ifs of a literal":  {filled("f := func(x int) int {\n", each("if x == %d { return 1 }\n"), "return x }\nf(1)", most), branches},
		"ifs of functions": {filled("", func(i int) string {
			return fmt.Sprintf("func f%d(x int) {\n%s}\n", i, strings.Repeat("if x > 0 { x++ }\n", 2000))
		}, "1", 30), branches},
		"else":               {filled("x := 1\nif x < 0 {}", each(" else if x == %d { x++ }"), "\nx", most), nesting},
		"else, allowed":      {filled("func f(x int) int {\nif x < 0 { x++ }", each(" else if x == %d { return x }"), "\nreturn 0 }\nf(2900)", 3000), "= 2900"},
		"and":                {filled("x := -1\nx < 0", each(" && x != %d"), "", most), deep},
		"or":                 {filled("func f(x int) bool { return x < 0", each(" || x == %d"), " }\nf(1)", most), deep},
		"conditions":         {filled("x, y := 1, true\n", each("y = y && x != %d\n"), "y", most), branches},
		"breaks":             {filled("x := 1\nfor {\n", each("if x == %d { break }\n"), "break }\nx", most), branches},
		"loops":              {filled("func f(x int) int {\n", each("for x < %d { x++ }\n"), "return x }\nf(1)", most), branches},
		"ranges":             {filled("func f(x int) int {\n", each("for i := range %d { x += i }\n"), "return x }\nf(1)", most), branches},
		"labels":             {filled("func f(x int) int {\n", each("l%d: x++\n"), "return x }\nf(1)", most), branches},
		"gotos":              {filled("func f(x int) int {\n", func(i int) string { return fmt.Sprintf("if x == %d { goto l%d }; x++\nl%d:\n", i, i, i) }, "return x }\nf(1)", most), branches},
		"joins":              {joins(1000, 10_000), branches},
		"joins, allowed":     {joins(20, 5_000), "= 338270"},
		"defers":             {filled("func g() {}\nfunc f(x int) {\n", each("if x == %d { defer g() }\n"), "}\nf(1)", most), branches},
		"else in lines":      {filled("x := 1\nif x < 0 {\n}", each(" else if x == %d {\nx++\n}"), "\nx", most), deep},
		"selectors":          {filled("type t struct { n *t }\nfunc f(x *t) *t { return x", func(int) string { return ".n" }, " }\n1", 90_000), deep},
		"method chain":       {filled("type t int\nfunc (x t) m() t { return x }\nt(1)", func(int) string { return ".m()" }, "", 45_000), deep},
		"quotients":          {filled("x := 1.0\nx", each(" / %d"), "", 90_000), deep},
		"products":           {filled("func f(x int) int { return x", each(" * %d"), "}\nf(1)", 24_000), deep},
		"slices of slices":   {filled("var x ", func(int) string { return "[]" }, "int", 90_000), deep},
		"sum":                {filled("x := 1\nx", each(" + %d"), "", most), nesting},
		"closures":           {strings.Repeat("func() { ", 490) + "fmt.Print(7)" + strings.Repeat(" }()", 490), "7"},
		"captured":           {filled("func g() int {\nvar f func() int\n", func(i int) string { return fmt.Sprintf("x%d := %d; f = func() int { return x%d }\n", i, i, i) }, "return f() }\ng()", 10_000), "= 9999"},
		"functions in turn":  {filled("", each("func f%d() {}\n"), "1", most), "declares"},
		"constants":          {filled("", each("const c%d = 1\n"), "c9", most), "= 1"},
		"constants in group": {filled("const (\nc = iota\n", each("c%d\n"), ")\nc9", most), "= 10"},
		"comments":           {filled("", each("// %d\n"), "func f() int { return 3 }\nf()", most), "= 3"},
		"literal":            {filled("x := []int{", each("%d, "), "}\nlen(x)", 50_000), "= 50000"},
		"literal of structs": {filled("type p struct { a int; b string }\nx := []p{", each("{%d, \"\"}, "), "}\nlen(x)", 20_000), "= 20000"},
		"literal of maps":    {filled("x := map[int][]int{", each("%d: {1}, "), "}\nlen(x)", 20_000), "= 20000"},
		"arguments":          {filled("func f(x ...int) int { return len(x) }\nf(", each("%d, "), ")", 20_000), "= 20000"},
		"statements":         {filled("x := 1\n", each("x += %d\n"), "x", 20_000), "= 199990001"},
		"definitions":        {filled("x0 := 1\n", func(i int) string { return fmt.Sprintf("x%d := x%d + 1\n", i+1, i) }, "x4000", 5000), "= 4001"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := open().run(c.text)
			if got := fmt.Sprint(out, err); !strings.Contains(got, c.want) {
				t.Errorf("%.300s, not %s", got, c.want)
			}
		})
	}
}
