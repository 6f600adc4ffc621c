package cell

import (
	"fmt"
	"strings"
	"testing"
)

// chain is a line for each of n steps; each %[1]d is the step and %[2]d the one before.
func chain(first, step string, n int) string {
	lines := []string{first}
	for i := 1; i <= n; i++ {
		lines = append(lines, fmt.Sprintf(step, i, i-1))
	}
	return strings.Join(lines, "\n")
}

func nested(open, inner, end string, n int) string {
	return strings.Repeat(open, n) + inner + strings.Repeat(end, n)
}

// functions call one another at random.
func functions(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "func f%d() { f%d(); f%d(); f%d() }\n", i, (7*i+1)%n, (13*i+5)%n, (31*i+3)%n)
	}
	return b.String()
}

const tooLarge = "the types of this cell grow too large"

// attacks are short cells with types that are too large to be written out, or of which
// there are too many. go/types, go/ssa and reflect take minutes and gigabytes of them.
var attacks = map[string]struct{ text, want string }{
	"structs":            {chain("type t0 int", "type t%[1]d struct{ l, r t%[2]d }", 40), tooLarge},
	"arrays":             {chain("type t0 int", "type t%[1]d struct{ a, b [2]t%[2]d }", 40), tooLarge},
	"embedded":           {chain("type a0 int\ntype b0 int", "type a%[1]d struct{ a%[2]d; b%[2]d }\ntype b%[1]d struct{ a%[2]d; b%[2]d }", 30), tooLarge},
	"interfaces":         {chain("type t0 interface{ m() }", "type t%[1]d interface{ t%[2]d; interface{ t%[2]d } }", 40), tooLarge},
	"aliases":            {chain("type t0 = int", "type t%[1]d = struct{ l, r t%[2]d }", 24), tooLarge},
	"alias functions":    {chain("type t0 = int", "type t%[1]d = func(t%[2]d) t%[2]d", 24) + "\nvar a, b t24\n_ = &a == &b", tooLarge},
	"alias pointers":     {chain("type t0 = int", "type t%[1]d = map[*t%[2]d]*t%[2]d", 24), tooLarge},
	"local types":        {"func f() {\n" + chain("type t0 int", "type t%[1]d struct{ l, r t%[2]d }", 40) + "\n}", tooLarge},
	"local aliases":      {chain("var a int\n{\ntype t0 = int", "type t%[1]d = func(t%[2]d) t%[2]d", 24) + "\n}", tooLarge},
	"backwards":          {chain("type t40 int", "type t%[2]d struct{ l, r t%[1]d }", 40), tooLarge},
	"generic":            {"type b[T any] struct{ l, r T }\nvar x " + nested("b[", "int", "]", 30), tooLarge},
	"generic alias":      {"type b[T any] = struct{ l, r T }\nvar x " + nested("b[", "int", "]", 30), tooLarge},
	"generic chain":      {chain("type b0[T any] struct{ x T }", "type b%[1]d[T any] struct{ l, r b%[2]d[T] }", 30) + "\nvar x b30[int]", tooLarge},
	"unions":             {chain("type c0 interface{ ~int | ~string }", "type c%[1]d interface{ c%[2]d | interface{ c%[2]d } }", 40) + "\nfunc f[T c40](x T) {}\nf(1)", tooLarge},
	"calls":              {"func f[T any](x T) struct{ l, r T } { panic(x) }\nx := " + nested("f(", "1", ")", 30), tooLarge},
	"calls to pairs":     {"type p[A, B any] struct { a A; b B }\nfunc f[T any](x T) p[T, T] { panic(x) }\nx := " + nested("f(", "1", ")", 30), tooLarge},
	"parenthesised":      {"func f[T any](x T) func(T) T { return nil }\nx := " + nested("(f)((", "1", "))", 30), tooLarge},
	"instances called":   {"func f[T any](x T) func(T) T { return nil }\nx := f(f(f[func(int) int](nil)))" + "\ny := " + nested("f(", "x", ")", 30), tooLarge},
	"definitions":        {"func f[A, B any](a A, b B) map[*A]*B { return nil }\n" + chain("x0 := 1", "x%[1]d := f(x%[2]d, x%[2]d)", 40), tooLarge},
	"var definitions":    {"func f[A, B any](a A, b B) map[*A]*B { return nil }\nfunc g() {\n" + chain("x0 := 1", "var x%[1]d = f(x%[2]d, x%[2]d)", 40) + "\n}", tooLarge},
	"shadows":            {"func f[T any](x T) func(T) T { return nil }\nfunc g() {\nx := 1\n" + nested("{ x := f(x)\n", "_ = x", "}", 40) + "\n}", tooLarge},
	"ranges":             {"func f[T any](x T) []map[*T]T { return nil }\nx := []int{1}\n" + nested("for _, x := range f(x) {\n", "_ = x", "}", 60), tooLarge},
	"type switch":        {"func f[T any](x T) func(T) T { return nil }\nvar x any = 1\n" + nested("switch x := any(f(x)).(type) { case int: x++; default: y := f(f(x)); _ = y\n", "", "}", 9) + "\n_ = " + nested("f(", "x", ")", 30), tooLarge},
	"closures":           {"func f[T any](x T) func(T) T { return nil }\n_ = func() { x := 1\n" + chain("", "x%[1]d := f(x); _ = func() { x := f(x%[1]d); _ = x }; x := x%[1]d", 1) + "\n" + chain("y0 := x", "y%[1]d := f(y%[2]d)", 30) + "}", tooLarge},
	"methods":            {"type b[T any] struct{ x T }\nfunc (b b[T]) up() func(T) T { return nil }\nfunc box[T any](x T) b[T] { return b[T]{x} }\n" + chain("x0 := 1", "x%[1]d := box(x%[2]d).up()", 30), tooLarge},
	"fields":             {"type b[T any] struct{ f func(T) T }\nfunc box[T any](x T) *b[T] { return nil }\n" + chain("x0 := 1", "x%[1]d := box(x%[2]d).f", 30), tooLarge},
	"elements":           {"type l[T any] []func(T) T\nfunc box[T any](x T) *l[T] { return nil }\n" + chain("x0 := 1", "x%[1]d := (*box(x%[2]d))[0]", 30), tooLarge},
	"promoted":           {"type in[T any] struct{ f T }\ntype b[T any] struct{ *in[func(T) T] }\nfunc box[T any](x T) *b[T] { return nil }\n" + chain("x0 := 1", "x%[1]d := box(x%[2]d).f", 30), tooLarge},
	"functions passed":   {"func f[T any](x T) func(T) T { return nil }\nfunc id[A, B any](f func(A) B, a A) (b B) { return b }\n" + chain("x0 := 1", "x%[1]d := id(f, x%[2]d)", 30), tooLarge},
	"earlier variables":  {"package main\nfunc f[T any](x T) func(T) T { return nil }\n" + chain("var x30 = 1", "var x%[2]d = f(x%[1]d)", 30) + "\nfunc main() {}", tooLarge},
	"constraints":        {"func f[" + strings.TrimPrefix(chain("", "T%[1]d interface{ func(T%[2]d) T%[2]d }, ", 30), "\n") + "T0 any](x T0) {}\nf(1)", tooLarge},
	"constraints back":   {"type p[A, B any] struct{}\nfunc f[T0 any, " + strings.TrimPrefix(chain("", "T%[1]d interface{ p[T%[2]d, T%[2]d] }, ", 30), "\n") + "](x T0) {}\nf(1)", tooLarge},
	"constraint":         {"type c[E any] interface{ func(E) E }\nfunc f[T0 any, " + strings.TrimPrefix(chain("", "T%[1]d c[T%[2]d], ", 30), "\n") + "](x T0) {}\nf(1)", tooLarge},
	"of the library":     {chain("x0 := []int{1}", "x%[1]d := slices.Collect(slices.Chunk(x%[2]d, 1))", 10_000), tooLarge},
	"self":               {"func f[T any](n int, x T) { if n > 0 { f(n-1, []T{x}) } }\ny := 1\nf(3, 1)", "instantiation cycle"},
	"self by two":        {"func f[T any](n int, x T) { if n > 0 { g(n-1, &x) } }\nfunc g[T any](n int, x T) { f(n, x) }\ny := 1\nf(3, 1)", "instantiation cycle"},
	"self by a type":     {"type t[P any] struct{ f *t[[]P] }\nvar x t[int]", "instantiation cycle"},
	"self by types":      {"type t[P any] struct{ f *u[P] }\ntype u[P any] struct{ f *t[*P] }\nvar x t[int]", "instantiation cycle"},
	"self by a method":   {"type b[T any] struct{ x T }\nfunc (b b[T]) up() b[b[T]] { panic(b) }\nx := b[int]{}.up()", "instantiation cycle"},
	"self by a local":    {"func f[T any]() { type l struct{ x T }; if false { f[l]() } }\ny := 1\nf[int]()", "instantiation cycle"},
	"instances":          {chain("func f0[T any](x T) {}", "func f%[1]d[T any](x T) { f%[2]d(&x); f%[2]d([]T{x}) }", 30) + "\ny := 1\nf30(1)", "too many types"},
	"instances of types": {chain("type t0[T any] struct{ x T }", "type t%[1]d[T any] struct{ a *t%[2]d[[]T]; b *t%[2]d[*T] }", 30) + "\nvar x t30[int]", "too many types"},
	"large instances":    {"type p[A, B any] struct{ a *A; b *B }\n" + chain("func f0[T any](x T) {}", "func f%[1]d[T any](x *T) { f%[2]d((*p[T, T])(nil)) }", 30), "too many types"},
	"in turn":            {chain("func f0[A, B any]() {}", "func f%[1]d[A, B any]() { f%[2]d[[]A, B](); f%[2]d[A, []B]() }", 40) + "\ny := 1\nf40[int, string]()", "too many types"},
	"strings":            {chain(`const c0 = "abcdefgh"`, "const c%[1]d = c%[2]d + c%[2]d", 40) + "\nlen(c40)", "constant string"},
	"strings in groups":  {"const (\nc0 = \"abcdefgh\"\n" + chain("", "c%[1]d = string(c%[2]d) + (c%[2]d)\nd%[1]d", 40) + ")\nlen(d40)", "constant string"},
	"strings of others":  {"const (\nc0 = \"abcdefgh\"\n" + chain("", "c%[1]d = string(c%[2]d) + (c%[2]d)\nd%[1]d = c9 + c1", 40) + ")\nlen(d40)", "constant string"},
	"strings together":   {chain(`const c0 = "abcdefgh"`, "const c%[1]d = c%[2]d + c%[2]d", 17) + chain("\nx := 0", "x = len(c17 + `%[1]d`)", 200), "constant string"},
	"strings apart":      {chain(`const c0 = "abcdefgh"`, "const c%[1]d = c%[2]d + c%[2]d", 17) + chain("\nconst d0 = 1", "const d%[1]d = c17 + `%[2]d`", 200), "constant string"},
	"conditions":         {"func f(x int) bool { return x < 0" + strings.Repeat(" || x > 1", 90_000) + "}\n", "nests deeper"},
	"cases":              {"x := 1\nswitch x {\n" + chain("case -1:", "case %[1]d: x = %[2]d", 20_000) + "\n}\n", "too many branches"},
	"functions":          {functions(2000), "declares 2000 functions"},
	"mistakes":           {"type t struct{" + strings.Repeat("a, ", 3000) + "b int }\nvar x struct{" + strings.Repeat("a struct{}; ", 3000) + "t }\n" + strings.Repeat("x.none()\n", 20000), "x.none undefined"},
	"functions as types": {"func a[T any](x T) *b[T] { return nil }\nfunc b[T any](x T) *a[T] { return nil }\na(1)", "is not a type"},
	"strings backwards":  {chain(`const c40 = "abcdefgh"`, "const c%[2]d = c%[1]d + c%[1]d", 40) + "\nlen(c0)", "constant string"},
	"local strings":      {"func f() int {\n" + chain(`const c0 = "abcdefgh"`, "const c%[1]d = c%[2]d + c%[2]d", 40) + "\nreturn len(c40)\n}", "constant string"},
}

// TestAttacks: a cell that would take minutes is refused at once, by a message that
// says why; what it asks of completion and inspection is answered, too.
func TestAttacks(t *testing.T) {
	for name, a := range attacks {
		t.Run(name, func(t *testing.T) {
			c := New()
			_, err := c.Compile(1, a.text)
			if err == nil || !strings.Contains(err.Error(), a.want) {
				t.Errorf("%.300v", err)
			}
			c.Complete(a.text, len(a.text))
			c.Complete(a.text+"\nfmt.Prin(", len(a.text)+9)
			c.Inspect(a.text, len(a.text)-1)
		})
	}
}

// TestAttackInCells: what is too large for one cell is too large for several.
func TestAttackInCells(t *testing.T) {
	for _, a := range []string{
		chain("type t0 int", "type t%[1]d struct{ l, r t%[2]d }", 40),
		chain("type t0 = int", "type t%[1]d = func(t%[2]d) t%[2]d", 40),
		"func f[T any](x T) map[*T]*T { return nil }\n" + chain("x0 := 1", "x%[1]d := f(x%[2]d)", 40),
		chain("func f0[T any](x T) {}", "func f%[1]d[T any](x T) { f%[2]d(func(T) T { return x }) }", 40) + "\nf40(1)",
		chain(`const c0 = "abcdefgh"`, "const c%[1]d = c%[2]d + c%[2]d", 40),
	} {
		c, refused := New(), false
		for i, text := range strings.Split(a, "\n") {
			p, err := c.Compile(i+1, text)
			if err != nil {
				refused = true
				break
			}
			p.Commit()
		}
		if !refused {
			t.Errorf("no cell is refused of\n%.200s", a)
		}
	}
}

// TestLargeAccepted: what analysts write is far from the bounds.
func TestLargeAccepted(t *testing.T) {
	var record strings.Builder
	for i := range 200 {
		fmt.Fprintf(&record, "type row%d struct { id, person int; at time.Time; values [12]float64; unit string; next *row%d; parts []row%d }\n", i, (i+1)%200, (i+7)%200)
	}
	helpers := `type pair[A, B any] struct { First A; Second B }
type list[T any] []T
func (l list[T]) keep(f func(T) bool) list[T] { return l }
func zip[A, B any](l list[A], m list[B]) list[pair[A, B]] { return nil }
type node[K cmp.Ordered, V any] struct { key K; val V; left, right *node[K, V] }
func (n *node[K, V]) put(k K, v V) *node[K, V] { if n == nil { return &node[K, V]{key: k, val: v} }; n.left = n.left.put(k, v); return n }
func apply[T, U any](xs []T, f func(T) U) []U { return nil }
func group[T any, K comparable](xs []T, f func(T) K) map[K][]T { return nil }
func fold[T, A any](xs []T, a A, f func(A, T) A) A { return a }
func sum[S ~[]E, E cmp.Ordered](s S) (t E) { return t }
func ord[T interface{ Less(T) bool }](a, b T) T { return a }
func even[T any](n int, x T) bool { return n == 0 || odd(n-1, x) }
func odd[T any](n int, x T) bool { return n != 0 && even(n-1, x) }
func swap[A, B any](n int, a A, b B) { if n > 0 { swap(n-1, b, a) } }
type item struct{ name string; n int }
`
	for name, text := range map[string]string{
		"records": record.String(),
		"chains":  helpers + "l := list[int]{1}\nm := l" + strings.Repeat(".keep(func(int) bool { return true })", 100),
		"calls":   helpers + chain("x0 := []int{1}", "x%[1]d := apply(x%[2]d, func(n int) int { return n })\nsum(x%[1]d)", 200),
		"groups":  helpers + "for k, g := range group([]item{}, func(i item) string { return i.name }) {\nfor j, h := range group(g, func(i item) int { return i.n }) {\n_, _ = apply(h, func(i item) pair[string, int] { return pair[string, int]{k, j} }), fold(h, map[string]int{}, func(m map[string]int, i item) map[string]int { return m })\n}\n}",
		"trees":   helpers + "var t *node[string, map[string][]item]\nt = t.put(\"a\", nil)\nn := t.left.left.right.left.right.left.val\nfor p := t; p != nil; p = p.left { q := p.right; r := q.left; s := r.left; s.put(\"b\", n) }",
		"pairs":   helpers + "a := pair[int, string]{1, \"a\"}\nb := pair[pair[int, string], pair[int, string]]{a, a}\nc := list[pair[pair[int, string], pair[int, string]]]{b}\nd := zip(c, c)\ne := zip(d, d)\nzip(e, e)",
		"cycles":  helpers + "even(3, item{})\nswap(3, 1, \"a\")",
	} {
		if _, err := New().Compile(1, text); err != nil {
			t.Errorf("%s: %.300v", name, err)
		}
	}
}
