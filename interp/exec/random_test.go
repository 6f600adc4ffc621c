package exec_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// generator writes random well-typed programs that print what they compute. A
// program ends: loops are bounded and functions call only earlier ones. It does
// not print what Go leaves open: the order of a map, addresses, how much append
// allocates, what a conversion of a float that does not fit yields.
type generator struct {
	*rand.Rand
	b      strings.Builder
	indent int
	vars   []variable // in scope
	funcs  []function // that may be called
	names  int
	seed   uint64
	depth  int
	budget int // statements that may still be written
	loops  int // that surround what is written
	labels []string
	result []string // types that return needs; nil outside of functions
	inFunc bool
}

type variable struct {
	name, typ string
	fixed     bool // not to be assigned
}

type function struct {
	name    string
	params  []string
	results []string
}

var intTypes = []string{"int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64"}
var basicTypes = append([]string{"float64", "float32", "string", "bool", "Named", "Kind", "Temp", "Weekday"}, intTypes...)
var compositeTypes = []string{"[]int", "[]string", "[]Point", "map[string]int", "map[int]string", "Point", "*Point", "[3]int", "[2]Point", "func(int) int", "Shape", "any", "error", "Pair[int, string]", "Pair[string, Point]", "[]float64", "map[Point]int", "[][]int", "List[int]", "*Node"}

// prelude is the declarations that every program uses.
const prelude = `package main

import (
	"bytes"
	"cmp"
	"container/heap"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"math/bits"
	"math/rand/v2"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"time"
)

type Named int8

func (n Named) Double() Named   { return n * 2 }
func (n *Named) Inc()           { *n++ }

type Kind string

func (k Kind) String() string { return "kind:" + string(k) }

type Point struct{ X, Y int }

func (p Point) Area() float64    { return float64(p.X) * float64(p.Y) }
func (p Point) Add(q Point) Point { return Point{p.X + q.X, p.Y + q.Y} }
func (p *Point) Move(dx int)     { p.X += dx }

type Circle struct {
	Point
	R float64
}

func (c Circle) Area() float64 { return c.R * c.R * 3 }

type Shape interface{ Area() float64 }

type Failure struct{ code int }

func (f *Failure) Error() string { return fmt.Sprint("failure ", f.code) }

type Pair[A, B any] struct {
	First  A
	Second B
}

func (p Pair[A, B]) Swap() Pair[B, A] { return Pair[B, A]{p.Second, p.First} }

type List[T any] []T

func (l List[T]) Each(f func(T)) {
	for _, x := range l {
		f(x)
	}
}

type Node struct {
	val  int
	next *Node
}

func (n *Node) push(v int) *Node { return &Node{v, n} }
func (n *Node) sum() (s int) {
	for ; n != nil; n = n.next {
		s += n.val
	}
	return
}

type Number interface {
	~int | ~int8 | ~int16 | ~int32 | ~int64 | ~uint | ~uint8 | ~uint16 | ~uint32 | ~uint64 | ~float32 | ~float64
}

func v[T any](x T) T { return x }

func sum[T Number](xs ...T) (s T) {
	for _, x := range xs {
		s += x
	}
	return s
}

func apply[T, U any](xs []T, f func(T) U) []U {
	var out []U
	for _, x := range xs {
		out = append(out, f(x))
	}
	return slices.Clip(out)
}

func reduce[T, A any](xs []T, a A, f func(A, T) A) A {
	for _, x := range xs {
		a = f(a, x)
	}
	return a
}

func count(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i * i) {
				return
			}
		}
	}
}

func try(name string, f func()) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Println(name, "panicked:", r)
		}
	}()
	f()
	fmt.Println(name, "done")
}

func keys(m map[string]int) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return slices.Clip(out)
}

var _ = errors.New
var _ = maps.Keys[map[string]int]
var _ = slices.Max[[]int]
var _ = strings.ToUpper
` + morePrelude

// program is the seed'th program, without the prelude: its functions, and the
// statements that it runs. Names of its functions are its own.
func program(seed uint64) (decls, body string) {
	g := &generator{Rand: rand.New(rand.NewPCG(seed, 7)), seed: seed}
	for range 1 + g.IntN(2) {
		g.function()
	}
	decls = g.b.String()
	g.b.Reset()
	g.vars = nil
	g.budget = 6 + g.IntN(14)
	g.block(g.budget)
	for _, x := range g.vars {
		g.print(x)
	}
	return decls, g.b.String()
}

func (g *generator) line(format string, args ...any) {
	g.b.WriteString(strings.Repeat("\t", g.indent))
	if len(args) == 0 {
		g.b.WriteString(format)
	} else {
		fmt.Fprintf(&g.b, format, args...)
	}
	g.b.WriteByte('\n')
}

func (g *generator) name() string { g.names++; return fmt.Sprintf("x%d", g.names) }

func pick[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

func (g *generator) basic() string { return pick(g, basicTypes) }

func (g *generator) typ() string {
	if g.IntN(3) == 0 {
		return pick(g, compositeTypes)
	}
	return g.basic()
}

// print prints a variable, as far as it has a text that Go defines.
func (g *generator) print(x variable) {
	switch {
	case strings.HasPrefix(x.typ, "func"):
		g.line("fmt.Println(%q, %s(%d))", x.name, x.name, g.IntN(9))
	case x.typ == "*Node":
		g.line("fmt.Println(%q, %s.sum())", x.name, x.name)
	case x.typ == "*Point":
		g.line("if %s != nil { fmt.Println(%q, *%s) }", x.name, x.name, x.name)
	case x.typ == "any", x.typ == "error", x.typ == "Shape":
		g.line("fmt.Printf(\"%s %%T\\n\", %s)", x.name, x.name)
	default:
		verb := pick(g, []string{"%v", "%v", "%+v", "%#v", "%T"})
		g.line("fmt.Printf(\"%s %s\\n\", %s)", x.name, verb, x.name)
	}
}

// block writes up to n statements in a scope of their own.
func (g *generator) block(n int) {
	for i := 0; i < n && g.budget > 0; i++ {
		g.budget--
		g.statement()
	}
}

func (g *generator) scoped(f func()) {
	saved := len(g.vars)
	g.indent++
	g.depth++
	f()
	g.depth--
	g.indent--
	g.vars = g.vars[:saved]
}

func (g *generator) declare(typ string) variable {
	x := variable{name: g.name(), typ: typ}
	switch g.IntN(4) {
	case 0:
		g.line("var %s %s = %s", x.name, typ, g.expr(typ, 3))
	case 1:
		if typ == "*Point" || typ == "func(int) int" || typ == "Shape" || typ == "error" || strings.HasPrefix(typ, "map") {
			g.line("var %s %s = %s", x.name, typ, g.expr(typ, 3))
		} else {
			g.line("var %s %s", x.name, typ)
		}
	default:
		if typ == "any" || typ == "error" || typ == "Shape" || typ == "*Node" {
			g.line("var %s %s = %s", x.name, typ, g.expr(typ, 3))
		} else {
			g.line("%s := %s", x.name, g.typed(typ, g.expr(typ, 3)))
		}
	}
	g.line("_ = %s", x.name)
	g.vars = append(g.vars, x)
	return x
}

// typed keeps an untyped expression from becoming an int.
func (g *generator) typed(typ, x string) string {
	if strings.HasPrefix(typ, "func") || strings.HasPrefix(typ, "*") {
		return "(" + typ + ")(" + x + ")"
	}
	return typ + "(" + x + ")"
}

func (g *generator) variable(typ string, settable bool) (string, bool) {
	var names []string
	for _, x := range g.vars {
		if x.typ == typ && !(settable && x.fixed) {
			names = append(names, x.name)
		}
	}
	if len(names) == 0 {
		return "", false
	}
	return pick(g, names), true
}

func (g *generator) statement() {
	if g.depth > 4 {
		g.declare(g.basic())
		return
	}
	switch g.IntN(36) {
	case 0, 1, 2, 3:
		g.declare(g.typ())
	case 4, 5, 6:
		g.assign()
	case 7:
		g.ifs()
	case 8, 9:
		g.loop()
	case 10:
		g.switches()
	case 11:
		g.typeSwitch()
	case 12:
		g.closure()
	case 13:
		g.try()
	case 14:
		g.pointers()
	case 15:
		g.slicing()
	case 16:
		g.maps()
	case 17:
		g.parallel()
	case 18:
		g.call()
	case 19:
		g.defers()
	case 20:
		if len(g.vars) > 0 {
			g.print(pick(g, g.vars))
		}
	case 21:
		g.errors()
	case 22:
		g.generics()
	case 23:
		g.constants()
	default:
		g.line("%s", g.form(pick(g, forms), 2))
	}
}

func (g *generator) assign() {
	if len(g.vars) == 0 {
		return
	}
	x := pick(g, g.vars)
	if x.fixed {
		return
	}
	switch {
	case isInt(x.typ) && g.IntN(2) == 0:
		op := pick(g, []string{"+=", "-=", "*=", "&=", "|=", "^=", "&^="})
		g.line("%s %s %s", x.name, op, g.expr(x.typ, 2))
	case isInt(x.typ) && g.IntN(3) == 0:
		g.line("%s%s", x.name, pick(g, []string{"++", "--"}))
	case isInt(x.typ) && g.IntN(3) == 0:
		g.line("%s %s %s", x.name, pick(g, []string{"<<=", ">>="}), g.expr("uint8", 1)+"%11")
	case x.typ == "string" && g.IntN(2) == 0:
		g.line("if len(%s) < 100 { %s += %s }", x.name, x.name, g.expr("string", 1))
	case x.typ == "Point" && g.IntN(2) == 0:
		g.line("%s.%s = %s", x.name, pick(g, []string{"X", "Y"}), g.expr("int", 2))
	case x.typ == "[3]int" && g.IntN(2) == 0:
		g.line("%s[%s&1] = %s", x.name, g.expr("uint8", 1), g.expr("int", 2))
	case x.typ == "[2]Point" && g.IntN(2) == 0:
		g.line("%s[%s&1].X = %s", x.name, g.expr("uint8", 1), g.expr("int", 2))
	case x.typ == "*Node":
		g.line("%s = %s.push(%s)", x.name, x.name, g.expr("int", 1))
	default:
		if e := g.expr(x.typ, 3); x.typ != "func(int) int" || !g.callsBack(e) {
			g.line("%s = %s", x.name, e)
		}
	}
}

// callsBack says whether an expression may call functions that call it: a literal that
// calls a variable, which may hold what calls the literal once that is assigned.
func (g *generator) callsBack(e string) bool {
	return strings.Contains(e, "func(") && slices.ContainsFunc(g.vars, func(x variable) bool {
		return x.typ == "func(int) int" && strings.Contains(e, x.name)
	})
}

func isInt(t string) bool {
	for _, s := range intTypes {
		if s == t {
			return true
		}
	}
	return t == "Named"
}

func (g *generator) ifs() {
	g.line("if %s {", g.expr("bool", 3))
	g.scoped(func() { g.block(2) })
	if g.IntN(2) == 0 {
		g.line("} else if %s {", g.expr("bool", 2))
		g.scoped(func() { g.block(2) })
	}
	if g.IntN(2) == 0 {
		g.line("} else {")
		g.scoped(func() { g.block(2) })
	}
	g.line("}")
}

func (g *generator) loop() {
	if g.loops >= 2 {
		return
	}
	g.loops++
	defer func() { g.loops-- }()
	i := g.name()
	label := ""
	if g.IntN(3) == 0 {
		label = "L" + i
		g.line("%s:", label)
		g.labels = append(g.labels, label)
		defer func() { g.labels = g.labels[:len(g.labels)-1] }()
	}
	v := variable{name: i, typ: "int", fixed: true}
	switch g.IntN(7) {
	case 0:
		g.line("for %s := 0; %s < %d; %s++ {", i, i, 1+g.IntN(6), i)
	case 1:
		g.line("for %s := range %d {", i, 1+g.IntN(5))
	case 2:
		g.line("for _, %s := range %s {", i, g.expr("[]int", 2))
	case 3:
		g.line("for %s := range count(%d) {", i, 1+g.IntN(5))
	case 4:
		v.typ = "int32"
		g.line("for _, %s := range %s {", i, g.expr("string", 2))
	case 5:
		g.line("for %s := range %s {", i, g.expr("[3]int", 2))
	case 6:
		v.typ = "string"
		g.line("for _, %s := range keys(%s) {", i, g.expr("map[string]int", 2))
	}
	g.scoped(func() {
		g.vars = append(g.vars, v)
		g.line("_ = %s", i)
		g.block(3)
		if label != "" {
			g.line("if %s { %s %s }", g.expr("bool", 1), pick(g, []string{"break", "continue"}), label)
		} else if g.IntN(3) == 0 {
			g.line("if %s { %s }", g.expr("bool", 1), pick(g, []string{"break", "continue"}))
		}
		g.block(1)
	})
	g.line("}")
}

func (g *generator) switches() {
	t := pick(g, []string{"int", "string", "uint8", "Named"})
	s := g.name()
	g.line("switch %s := %s; {", s, g.typed(t, g.expr(t, 2)))
	g.scoped(func() {
		g.vars = append(g.vars, variable{s, t, true})
		for range 1 + g.IntN(3) {
			g.line("case %s %s %s:", s, pick(g, []string{"==", "<", ">="}), g.expr(t, 2))
			g.scoped(func() { g.block(2) })
			if g.IntN(4) == 0 {
				g.indent++
				g.line("fallthrough")
				g.indent--
				g.line("case %s == %s:", s, g.expr(t, 1))
			}
		}
		if g.IntN(2) == 0 {
			g.line("default:")
			g.scoped(func() { g.block(1) })
		}
	})
	g.line("}")
}

func (g *generator) typeSwitch() {
	x := g.name()
	g.line("switch %s := %s.(type) {", x, g.expr("any", 3))
	for _, t := range []string{"int", "string", "Point", "Named", "[]int"} {
		if g.IntN(2) == 0 {
			g.line("case %s:", t)
			g.scoped(func() {
				g.vars = append(g.vars, variable{x, t, false})
				g.line("fmt.Printf(\"case %s %%v\\n\", %s)", t, x)
				g.block(1)
			})
		}
	}
	g.line("case fmt.Stringer:")
	g.line("\tfmt.Println(\"stringer\", %s)", x)
	g.line("case Shape, error:")
	g.line("\tfmt.Printf(\"%%T\\n\", %s)", x)
	g.line("default:")
	g.line("\tfmt.Printf(\"default %%T\\n\", %s)", x)
	g.line("}")
}

func (g *generator) closure() {
	f := g.name()
	a := g.name()
	g.line("%s := func(%s int) int {", f, a)
	g.function1(func() {
		g.vars = append(g.vars, variable{a, "int", false})
		g.block(2)
		g.line("return %s", g.expr("int", 2))
	}, []string{"int"})
	g.line("}")
	g.line("fmt.Println(%s(%s))", f, g.expr("int", 1))
	g.vars = append(g.vars, variable{f, "func(int) int", true})
}

// function1 writes the body of a function.
func (g *generator) function1(body func(), results []string) {
	labels, loops := g.labels, g.loops
	g.labels = nil
	saved, was := g.result, g.inFunc
	g.result, g.inFunc = results, true
	g.scoped(body)
	g.result, g.inFunc = saved, was
	g.labels, g.loops = labels, loops
}

func (g *generator) try() {
	g.line("try(%q, func() {", g.name())
	g.function1(func() {
		g.block(2)
		switch g.IntN(7) {
		case 0:
			g.line("fmt.Println(%s[%s])", g.operand("[]int"), g.expr("int", 1))
		case 1:
			g.line("fmt.Println(%s / %s)", g.expr("int", 1), g.expr("int", 2))
		case 2:
			g.line("fmt.Println(%s.(%s))", g.operand("any"), pick(g, []string{"int", "string", "Point", "Shape", "[]int"}))
		case 3:
			g.line("panic(%s)", g.expr(pick(g, []string{"string", "int", "Point", "error", "Kind"}), 1))
		case 4:
			g.line("fmt.Println(%s[%s:])", g.operand("string"), g.expr("uint8", 1))
		case 5:
			g.line("var m map[string]int; m[%s]++", g.expr("string", 1))
		case 6:
			g.line("var p *Point; fmt.Println(p.X)")
		}
	}, nil)
	g.line("})")
}

func (g *generator) pointers() {
	if x, ok := g.variable("Point", true); ok {
		p := g.name()
		g.line("%s := &%s", p, x)
		g.line("%s.Move(%s)", p, g.expr("int", 1))
		g.vars = append(g.vars, variable{p, "*Point", false})
	}
	if x, ok := g.variable("Named", true); ok {
		g.line("%s.Inc()", x)
	}
	if x, ok := g.variable("int", true); ok {
		p := g.name()
		g.line("%s := &%s; *%s += %s; fmt.Println(*%s)", p, x, p, g.expr("int", 1), p)
	}
}

func (g *generator) slicing() {
	x, ok := g.variable("[]int", true)
	if !ok {
		x = g.declare("[]int").name
	}
	switch g.IntN(7) {
	case 0:
		g.line("%s = slices.Clip(append(%s, %s, %s))", x, x, g.expr("int", 2), g.expr("int", 1))
	case 1:
		g.line("if len(%s) > 1 { %s = %s[1:len(%s)-%d] }", x, x, x, x, g.IntN(2))
	case 2:
		g.line("for i := range %s { %s[i] %s %s }", x, x, pick(g, []string{"+=", "^=", "-="}), g.expr("int", 2))
	case 3:
		g.line("slices.Sort(%s); fmt.Println(%s, len(%s))", x, x, x)
	case 4:
		g.line("sort.Slice(%s, func(i, j int) bool { return %s[i] > %s[j] }); fmt.Println(%s)", x, x, x, x)
	case 5:
		g.line("fmt.Println(copy(%s, %s), %s)", x, g.expr("[]int", 2), x)
	case 6:
		y := g.name()
		g.line("%s := slices.Clip(append([]int(nil), %s...)); clear(%s); fmt.Println(%s, slices.Contains(%s, 0))", y, x, y, y, x)
		g.vars = append(g.vars, variable{y, "[]int", false})
	}
}

func (g *generator) maps() {
	x, ok := g.variable("map[string]int", true)
	if !ok {
		x = g.declare("map[string]int").name
	}
	switch g.IntN(5) {
	case 0:
		g.line("%s[%s] = %s", x, g.expr("string", 2), g.expr("int", 2))
	case 1:
		g.line("%s[%s]++", x, g.expr("string", 1))
	case 2:
		v := g.name()
		g.line("%s, ok%s := %s[%s]; fmt.Println(%s, ok%s)", v, v, x, g.expr("string", 1), v, v)
		g.vars = append(g.vars, variable{v, "int", false})
	case 3:
		g.line("delete(%s, %s); fmt.Println(%s, len(%s))", x, g.expr("string", 1), x, x)
	case 4:
		n := g.name()
		g.line("%s := 0; for k, v := range %s { %s += v + len(k) }; fmt.Println(%s)", n, x, n, n)
	}
}

// parallel assigns several variables at once.
func (g *generator) parallel() {
	t := pick(g, []string{"int", "string", "Point", "float64", "[]int"})
	a, ok1 := g.variable(t, true)
	b, ok2 := g.variable(t, true)
	if !ok1 || !ok2 {
		return
	}
	if a == b {
		g.line("%s, _ = %s, %s", a, g.expr(t, 2), g.expr(t, 1))
		return
	}
	g.line("%s, %s = %s, %s", a, b, pick(g, []string{b, g.expr(t, 2)}), a)
}

func (g *generator) call() {
	if len(g.funcs) == 0 {
		return
	}
	f := pick(g, g.funcs)
	var args []string
	for _, p := range f.params {
		args = append(args, g.expr(p, 2))
	}
	c := f.name + "(" + strings.Join(args, ", ") + ")"
	if len(f.results) == 0 {
		g.line("%s", c)
		return
	}
	var names []string
	for _, r := range f.results {
		n := g.name()
		names = append(names, n)
		g.vars = append(g.vars, variable{n, r, false})
	}
	g.line("%s := %s", strings.Join(names, ", "), c)
	for _, n := range names {
		g.line("_ = %s", n)
	}
}

func (g *generator) defers() {
	if !g.inFunc || g.loops > 1 {
		return
	}
	switch g.IntN(3) {
	case 0:
		g.line("defer fmt.Println(\"deferred\", %s)", g.expr(g.basic(), 2))
	case 1:
		if x, ok := g.variable("int", false); ok {
			g.line("defer func() { fmt.Println(\"late\", %s) }()", x)
		}
	case 2:
		g.line("for i := range %d { defer func(n int) { fmt.Println(\"loop\", n, i) }(i * 2) }", 1+g.IntN(3))
	}
}

func (g *generator) errors() {
	e := g.name()
	g.line("%s := %s", e, pick(g, []string{
		"error(&Failure{" + g.expr("int", 1) + "})",
		`fmt.Errorf("wrapped: %w", &Failure{` + g.expr("int", 1) + "})",
		"errors.New(" + g.expr("string", 1) + ")",
		`errors.Join(errors.New("one"), &Failure{2})`,
	}))
	f := g.name()
	g.line("var %s *Failure", f)
	g.line("if errors.As(%s, &%s) { fmt.Println(%s.code, %s) } else { fmt.Println(%s) }", e, f, f, e, e)
	g.vars = append(g.vars, variable{e, "error", false})
}

func (g *generator) generics() {
	switch g.IntN(6) {
	case 0:
		t := pick(g, []string{"int", "int8", "float64", "uint16", "Named"})
		g.line("fmt.Println(sum[%s](%s, %s, %s))", t, g.expr(t, 2), g.expr(t, 1), g.expr(t, 2))
	case 1:
		g.line("fmt.Println(apply(%s, func(n int) string { return fmt.Sprint(n, %s) }))", g.expr("[]int", 2), g.expr("string", 1))
	case 2:
		g.line("fmt.Println(reduce(%s, %s, func(a float64, n int) float64 { return a + float64(n) }))", g.expr("[]int", 2), g.typed("float64", g.expr("float64", 1)))
	case 3:
		p := g.name()
		g.line("%s := Pair[int, string]{%s, %s}", p, g.expr("int", 2), g.expr("string", 1))
		g.line("fmt.Printf(\"%%v %%T\\n\", %s.Swap(), %s.Swap())", p, p)
		g.vars = append(g.vars, variable{p, "Pair[int, string]", false})
	case 4:
		g.line("fmt.Println(min(%s, %s), max(%s, %s))", g.expr("int", 2), g.expr("int", 2), g.operand("string"), g.operand("string"))
	case 5:
		n := g.name()
		g.line("%s := 0; List[int](%s).Each(func(k int) { %s = %s*3 + k }); fmt.Println(%s)", n, g.expr("[]int", 2), n, n, n)
	}
}

func (g *generator) constants() {
	c := g.name()
	g.line("const %s = %s", c, pick(g, []string{"1 << 10", "'a' + 1", "1.5 * 4", "7 / 2", "-5 % 3", "0x1p-2", "1e3", "^0"}))
	g.line("fmt.Println(%s, float64(%s)/3)", c, c)
}

// function writes a function of package level.
func (g *generator) function() {
	f := function{name: fmt.Sprintf("f%d_%d", len(g.funcs)+1, g.seed)}
	var params []string
	g.vars = nil
	for range g.IntN(4) {
		t := g.typ()
		n := g.name()
		f.params = append(f.params, t)
		params = append(params, n+" "+t)
		g.vars = append(g.vars, variable{n, t, false})
	}
	named := g.IntN(2) == 0
	var results []string
	for range g.IntN(3) {
		t := g.basic()
		f.results = append(f.results, t)
		if named {
			n := g.name()
			results = append(results, n+" "+t)
			g.vars = append(g.vars, variable{n, t, false})
		} else {
			results = append(results, t)
		}
	}
	g.line("func %s(%s) (%s) {", f.name, strings.Join(params, ", "), strings.Join(results, ", "))
	g.budget = 6
	g.function1(func() {
		g.block(4)
		if named && len(results) > 0 && g.IntN(2) == 0 {
			r, _, _ := strings.Cut(results[0], " ")
			g.line("defer func() { %s = %s }()", r, g.expr(f.results[0], 1))
		}
		if named && g.IntN(2) == 0 || len(results) == 0 {
			g.line("return")
			return
		}
		var values []string
		for _, t := range f.results {
			values = append(values, g.expr(t, 2))
		}
		g.line("return %s", strings.Join(values, ", "))
	}, f.results)
	g.line("}")
	g.line("")
	g.funcs = append(g.funcs, f)
}

// operand is an expression that may stand before an index or a selector.
func (g *generator) operand(typ string) string {
	if x, ok := g.variable(typ, false); ok && g.IntN(3) > 0 {
		return x
	}
	return "v[" + typ + "](" + g.expr(typ, 2) + ")"
}

// expr is an expression of a type that is no constant: of constants Go refuses a
// division by zero, and what does not fit.
func (g *generator) expr(typ string, depth int) string {
	if x, ok := g.variable(typ, false); ok && g.IntN(5) < 2 {
		return x
	}
	if depth <= 0 {
		return g.leaf(typ)
	}
	e := func(t string) string { return g.expr(t, depth-1) }
	if list := termForms[typ]; list != nil && g.IntN(3) == 0 {
		return "(" + g.form(pick(g, list), depth) + ")"
	}
	switch {
	case isInt(typ):
		return g.integer(typ, depth)
	case strings.HasPrefix(typ, "float"):
		switch g.IntN(5) {
		case 0, 1:
			return fmt.Sprintf("(%s %s %s)", e(typ), pick(g, []string{"+", "-", "*"}), g.leaf(typ))
		case 2:
			return fmt.Sprintf("(%s / %s)", g.leaf(typ), g.leaf(typ))
		case 3:
			return fmt.Sprintf("%s(%s)", typ, e(pick(g, []string{"int8", "int", "uint16", "float64", "float32"})))
		}
		return "(-" + e(typ) + ")"
	}
	switch typ {
	case "bool":
		t := pick(g, []string{"int", "string", "float64", "uint8", "Named", "int64"})
		switch g.IntN(6) {
		case 0, 1, 2:
			return fmt.Sprintf("(%s %s %s)", e(t), pick(g, []string{"==", "!=", "<", "<=", ">", ">="}), e(t))
		case 3:
			return fmt.Sprintf("(%s %s %s)", e("bool"), pick(g, []string{"&&", "||", "!=", "=="}), e("bool"))
		case 4:
			return fmt.Sprintf("(%s == %s)", g.operand("Point"), g.operand("Point"))
		}
		return "!" + e("bool")
	case "string":
		switch g.IntN(6) {
		case 0:
			return fmt.Sprintf("(%s + %s)", e("string"), g.leaf("string"))
		case 1:
			return "fmt.Sprint(" + e(pick(g, []string{"int", "bool", "Point", "[]int", "Named", "Kind", "map[string]int", "float64"})) + ")"
		case 2:
			return "strings.ToUpper(" + e("string") + ")"
		case 3:
			return "string(rune(97 + " + e("uint8") + "%26))"
		case 4:
			return "string(" + e("Kind") + ")"
		}
		return "string([]byte(" + e("string") + "))"
	case "Kind":
		return "Kind(" + e("string") + ")"
	case "Temp":
		return "Temp(" + e("float64") + ")"
	case "Weekday":
		return "Weekday(" + e("int8") + ")"
	}
	return g.composite(typ, e)
}

func (g *generator) integer(typ string, depth int) string {
	e := func(t string) string { return g.expr(t, depth-1) }
	switch g.IntN(10) {
	case 0, 1, 2:
		return fmt.Sprintf("(%s %s %s)", e(typ), pick(g, []string{"+", "-", "*", "&", "|", "^", "&^"}), e(typ))
	case 3:
		return fmt.Sprintf("(%s %s (%s|1))", e(typ), pick(g, []string{"/", "%"}), e(typ))
	case 4:
		return fmt.Sprintf("(%s %s (%s%%70))", g.leaf(typ), pick(g, []string{"<<", ">>"}), e(pick(g, []string{"uint8", "uint", "uint32"})))
	case 5, 6:
		return fmt.Sprintf("%s(%s)", typ, e(pick(g, intTypes)))
	case 7:
		return "(" + pick(g, []string{"-", "^"}) + e(typ) + ")"
	case 8:
		if typ == "int" {
			return pick(g, []string{
				"len(" + e("string") + ")", "len(" + e("[]int") + ")", "v(cap(" + e("[3]int") + "))",
				g.operand("Point") + "." + pick(g, []string{"X", "Y"}), g.operand("[3]int") + "[" + e("uint8") + "%3]",
				g.operand("map[string]int") + "[" + e("string") + "]", "strings.Count(" + e("string") + ", " + g.leaf("string") + ")",
				g.operand("func(int) int") + "(" + g.leaf("int") + ")", "sum(" + e("[]int") + "...)",
				g.operand("Pair[int, string]") + ".First", g.operand("*Node") + ".sum()",
			})
		}
		if typ == "Named" {
			return g.operand("Named") + ".Double()"
		}
	}
	return g.leaf(typ)
}

func (g *generator) leaf(typ string) string {
	bits := map[string]int{"int8": 7, "int16": 15, "int32": 31, "int64": 40, "int": 40, "uint8": 8, "uint16": 16, "uint32": 32, "uint64": 40, "uint": 40, "Named": 7}
	if n, ok := bits[typ]; ok {
		x := g.Uint64() >> (64 - g.IntN(n+1))
		if strings.HasPrefix(typ, "u") || g.IntN(2) == 0 {
			return fmt.Sprintf("v[%s](%d)", typ, x)
		}
		return fmt.Sprintf("v[%s](-%d)", typ, x)
	}
	switch typ {
	case "float64", "float32":
		return fmt.Sprintf("v[%s](%s)", typ, pick(g, []string{"0", "1", "-1.5", "0.1", "1e10", "3.25", "-7", "1e-3"}))
	case "string":
		return fmt.Sprintf("v(%q)", pick(g, []string{"", "a", "héllo", "xyz", "日本", "b c", "k1", "k2"}))
	case "bool":
		return pick(g, []string{"v(true)", "v(false)"})
	case "Kind":
		return fmt.Sprintf("v(Kind(%q))", pick(g, []string{"", "k", "long"}))
	case "Temp":
		return pick(g, []string{"v(Temp(36.6))", "v(Temp(-1))"})
	case "Weekday":
		return pick(g, []string{"v(Sunday)", "v(Tuesday)", "v(Weekday(7))"})
	}
	return g.composite(typ, g.leaf)
}

func (g *generator) composite(typ string, e func(string) string) string {
	switch typ {
	case "Point":
		return pick(g, []string{"Point{" + e("int") + ", " + e("int") + "}", "Point{Y: " + e("int") + "}", "Point{1, 2}.Add(" + e("Point2") + ")"})
	case "Point2":
		return "Point{3, 4}"
	case "*Point":
		return "&Point{" + e("int") + ", 1}"
	case "*Node":
		return "(*Node)(nil).push(" + e("int") + ")"
	case "[3]int":
		return "[3]int{" + e("int") + ", 2: " + e("int") + "}"
	case "[2]Point":
		return "[2]Point{{1, " + e("int") + "}}"
	case "[]int", "[]string", "[]float64":
		t := typ[2:]
		var list []string
		for range g.IntN(4) {
			list = append(list, e(t))
		}
		return typ + "{" + strings.Join(list, ", ") + "}"
	case "[]Point":
		return "[]Point{{" + e("int") + ", 2}, {X: 3}}"
	case "[][]int":
		return "[][]int{" + e("[]int") + ", nil}"
	case "List[int]":
		return "List[int](" + e("[]int") + ")"
	case "map[string]int":
		return "map[string]int{\"a\": " + e("int") + ", \"k1\": 2}"
	case "map[int]string":
		return "map[int]string{1: " + e("string") + ", -7: \"m\"}"
	case "map[Point]int":
		return "map[Point]int{{1, 2}: " + e("int") + "}"
	case "func(int) int":
		return "func(n int) int { return n " + pick(g, []string{"+", "*", "^"}) + " " + e("int") + " }"
	case "Shape":
		return pick(g, []string{"Shape(" + e("Point") + ")", "Shape(Circle{Point{1, 2}, " + e("float64") + "})", "Shape(&Point{2, 3})"})
	case "any":
		return "any(" + e(pick(g, []string{"int", "string", "Point", "Named", "[]int", "Kind", "float64", "*Point", "uint8"})) + ")"
	case "error":
		return pick(g, []string{"error(&Failure{" + e("int") + "})", "errors.New(" + e("string") + ")"})
	case "Pair[int, string]":
		return "Pair[int, string]{" + e("int") + ", " + e("string") + "}"
	case "Pair[string, Point]":
		return "Pair[string, Point]{First: " + e("string") + "}"
	}
	panic("no expression of type " + typ)
}
