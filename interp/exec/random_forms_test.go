package exec_test

import (
	"regexp"
	"strconv"
	"strings"
)

// forms are statements that random programs hold beside what random_test.go
// composes. In a form $a to $f are fresh names, <#n> is a number below n, <T> is an
// expression of type T and <T!> one that may stand before an index or a selector.
// <val> is a value of some type that has a text.
var forms = strings.Split(strings.TrimSpace(`
$a := make(chan int, <#4>); go func() { defer close($a); for i := range <#5> { $a <- i + <int> } }(); for x := range $a { fmt.Println(x) }
var $a sync.WaitGroup; var $b sync.Mutex; $c := <int>; for i := range <#6> { $a.Add(1); go func() { defer $a.Done(); $b.Lock(); $c += i; $b.Unlock() }() }; $a.Wait(); fmt.Println($c)
$a, $b := make(chan string), make(chan bool); go func() { $a <- <string>; close($b) }(); select { case s := <-$a: fmt.Println(s); case <-$b: fmt.Println("closed") }; _, $c := <-$b; fmt.Println($c)
$a := make(chan Point, 1); select { case $a <- <Point>: default: fmt.Println("full") }; select { case $a <- <Point>: fmt.Println("more"); default: fmt.Println("full", len($a), cap($a)) }; $b, $c := <-$a; fmt.Println($b, $c)
$a := make(chan error, 2); $a <- <error>; $a <- nil; close($a); for e := range $a { fmt.Println(e != nil) }; $b, $c := <-$a; fmt.Println($b, $c)
try("$a", func() { var c chan int; select { case c <- 1: case x := <-c: fmt.Println(x); default: fmt.Println("nil channel") }; c = make(chan int); close(c); c <- <int> })
$a := make(chan func(int) int, 1); go func() { $a <- <func(int) int> }(); fmt.Println((<-$a)(<int>))
$a := make([]int, <#5>, 8); for i := range $a { $a[i] = i * <int> }; $b := $a[:len($a)/2:len($a)]; $b = append($b, <int>); fmt.Println($a, $b, len($b), cap($b) >= len($b))
$a := complex(<float64>, <float64>); fmt.Println($a+2i, $a-$a, real($a), -imag($a), $a == $a, $a != 1)
var $a complex64 = complex64(complex(float64(<int8>), 1)); $a *= 2i; $a += 1; fmt.Printf("%v %.2f %T\n", $a, $a/(1+1i), $a)
$a := struct { A int; b string; C []int }{<int>, <string>, <[]int>}; $b := $a; $b.A++; fmt.Printf("%v %+v %#v %T\n", $a, $b, $b, $a)
$a := []struct{ K string; V int }{{<string>, <int>}, {K: "z"}}; for i, e := range $a { e.V++; $a[i].K += "!"; fmt.Println(i, e) }; fmt.Println($a)
$a := map[Point][]int{}; $b := <Point>; $a[$b] = append($a[$b], <int>, <int>); $a[$b][0] *= 2; fmt.Println($a, len($a[Point{9, 9}]))
$a := map[string]map[int]bool{}; for _, k := range <[]string> { if $a[k] == nil { $a[k] = map[int]bool{} }; $a[k][len(k)] = true }; fmt.Println($a)
$a := map[any]int{}; $a[<int>] = 1; $a[<string>]++; $a[<Point>] += 2; $a[<Named>] = 3; fmt.Println(len($a), $a[<int8>], $a[nil])
try("$a", func() { m := map[any]string{}; m[<val>] = <string>; fmt.Println(len(m)) })
try("$a", func() { fmt.Println(any(<val>) == any(<val>)) })
$a := <[3]int>; $b := &$a; $b[1] += <int>; for i, x := range $b { fmt.Print(i, x, " ") }; $c := $b[1:]; $c[0]--; fmt.Println($a, $c, len($b))
$a := [2][2]int{{<int>, 1}, {2}}; $b := $a; $b[1][<uint8>&1]++; fmt.Println($a, $b, $a == $b, $a != [2][2]int{})
$a := <[]int>; if len($a) >= 2 { $b := [2]int($a); $c := (*[2]int)($a); $c[0]++; fmt.Println($a, $b, *$c) }
try("$a", func() { s := <[]int>; p := (*[3]int)(s); fmt.Println(p[2]) })
try("$a", func() { s := <[]int>; i, j := <#4>, <#5>; fmt.Println(s[i:j], cap(s[i:j:j])) })
try("$a", func() { s := <string>; i, j := <#4>, <#5>; fmt.Println(s[i:j], s[j:]) })
try("$a", func() { n := <int8>; fmt.Println(1 << n, <int64> >> n); fmt.Println(make([]byte, n)) })
try("$a", func() { var f func(int) int; if <bool> { f = <func(int) int> }; fmt.Println(f(<int>)) })
try("$a", func() { var s Shape; if <bool> { s = <Shape> }; fmt.Println(s.Area()) })
try("$a", func() { var p *Counter; if <bool> { p = &Counter{} }; p.Add(<int>); fmt.Println(p.n) })
try("$a", func() { defer func() { r := recover(); fmt.Println("again", r); panic(fmt.Sprint(r, <string>)) }(); var e error = <error>; panic(e) })
try("$a", func() { defer fmt.Println("last"); defer func() { defer func() { fmt.Println(recover()) }(); panic("inner") }(); panic(<string>) })
try("$a", func() { defer func() { if e, ok := recover().(error); ok { var re interface{ RuntimeError() }; fmt.Println(errors.As(e, &re), e) } }(); x := <[]int>; fmt.Println(x[len(x)+<#3>]) })
$a := func() (n int, err error) { defer func() { if r := recover(); r != nil { err = fmt.Errorf("recovered: %v", r) } }(); n = <int>; return n / (n - n), nil }; fmt.Println($a())
$a := func(n int) (s string) { defer func() { s += "!" }(); for i := range n { defer func() { s += fmt.Sprint(i) }() }; return <string> }; fmt.Println($a(<#4>))
var $a []func() int; for i := range <#5> { $a = append($a, func() int { i += <#3>; return i }) }; for _, f := range $a { fmt.Print(f(), f(), " ") }; fmt.Println()
var $a func(int) int; $a = func(n int) int { if n <= 0 { return <int> }; return $a(n-1) + n }; fmt.Println($a(<#9>))
$a := <int>; $b := func() func() int { $a++; return func() int { $a *= 3; return $a } }(); fmt.Println($b(), $b()); fmt.Println($a)
$a := <Point!>.Add; $b := Point.Area; $c := (*Point).Move; $d := <Point>; $c(&$d, <int>); fmt.Println($a(<Point>), $b($d), $d)
$a := &Counter{<int>}; var $b Adder = $a; $b.Add(<int>); $c := $b.Add; $c(1); fmt.Println($a.n, $b.(*Counter).n, $a == $b)
var $a Adder = Multi{&Counter{1}, &Counter{<int>}}; $a.Add(<int>); for _, c := range $a.(Multi) { fmt.Println(c.(*Counter).n) }
$a := Derived{Base: &Base{ID: <int>}, Kind: <Kind>}; $a.Tag(<string>).Tag("t"); $b := $a; $b.ID++; fmt.Println($a.Describe(), $b.ID, $a.tags, $b.String())
var $a fmt.Stringer = <Weekday>; switch x := $a.(type) { case Kind: fmt.Println("kind", x); case Weekday: fmt.Println("day", x, x+1, int(x)) }
const ( $a = iota * 3; $b; $c; _; $d = 1 << iota ); fmt.Println($a, $b, $c, $d, $b+<int>)
switch $a := <int> % 4; $a { case 0, 1: fmt.Println("low"); fallthrough; case 2: fmt.Println("two"); default: fmt.Println("else") }
switch { case <bool>: fmt.Println("first"); case <int> > <int>: fmt.Println("second"); default: fmt.Println("third") }
switch $a := any(<val>).(type) { case nil: fmt.Println("nil"); case int, uint8: fmt.Printf("%T %v\n", $a, $a); case Shape: fmt.Println("shape", $a.Area()); case fmt.Stringer: fmt.Println("stringer", $a); case []int: fmt.Println(len($a)); default: fmt.Printf("%T\n", $a) }
$a := 0; $b: for { switch { case $a > <#5>: break $b; default: $a++; continue $b } }; fmt.Println($a)
$a: for i := range 4 { for j := range 4 { if i*j == <#9> { fmt.Println(i, j); continue $a }; if i+j > <#7> { break $a } } }
func() { i := 0; $a: if i < <#5> { i++; goto $a }; fmt.Println("goto", i) }()
for $a, $b := 0, <int>; $a < <#4>; $a, $b = $a+1, $b*2 { defer1 := $b; fmt.Println($a, defer1) }
for $a, $b := range <string> { fmt.Print($a, ":", string($b), " ") }; fmt.Println()
for $a, $b := range []byte(<string>) { fmt.Print($a, $b, " ") }; fmt.Println([]rune(<string>), string([]rune{'a', rune(<uint8>)}))
$a := <string>; if len($a) > 0 { fmt.Println($a[0], $a[len($a)-1], $a[1:], $a < <string>) }
$a := new(Stack[int]); for i := range <#5> { $a.Push(i + <int>) }; $b, $c := $a.Pop(); fmt.Println($b, $c, $a.Len()); for i, x := range $a.All() { if i == <#4> { break }; fmt.Println(i, x) }
$a := Stack[string]{}; $a.Push(<string>); for _, x := range $a.All() { defer1 := x; fmt.Printf("%q %T\n", defer1, $a) }
var $a *Tree[string, int]; for i, k := range <[]string> { $a = $a.Insert(k, i+<int>) }; $a = $a.Insert("m", 1); $a.Walk(func(k string, n int) bool { fmt.Println(k, n); return n != <int> })
$a := Set[string]{}; for _, k := range <[]string> { $a.Add(k) }; fmt.Println($a.Has(<string>), len($a)); $b := slices.Sorted(maps.Keys($a)); fmt.Println($b)
fmt.Println(slices.Collect(filter(slices.Values(<[]int>), func(n int) bool { return n%2 == 0 })))
for $a := range filter(slices.Values(<[]int>), func(n int) bool { return n > <int> }) { if $a == 0 { continue }; fmt.Println($a) }
$a := func() (out []int) { for x := range count(<#6>) { defer func() { out = append(out, x) }(); if x > <#9> { return []int{-1} } }; return nil }; fmt.Println($a())
$a := zip(<[]int>, <[]string>); fmt.Printf("%v %T\n", $a, $a)
fmt.Println(largest(<[]int>...), largest(<[]float64>...), largest(<[]string>...), largest[Named](<Named>))
$a, $b := convert[int8](<int>), convert[float64](<uint16>); fmt.Println($a, $b, convert[uint](<int32>))
$a := memo(<func(int) int>); fmt.Println($a(<#5>), $a(2), $a(2))
$a := ByLen(append([]string{"ccc", "a"}, <[]string>...)); sort.Sort($a); fmt.Println($a); sort.Sort(sort.Reverse(sort.StringSlice($a))); fmt.Println($a)
$a := []Point{<Point>, {3, 1}, <Point>}; sort.SliceStable($a, func(i, j int) bool { return $a[i].X < $a[j].X }); slices.SortFunc($a, func(p, q Point) int { return cmp.Compare(p.Y, q.Y) }); fmt.Println($a)
$a := &IntHeap{3, <int>, 1}; heap.Init($a); heap.Push($a, <int>); for $a.Len() > 0 { fmt.Print(heap.Pop($a), " ") }; fmt.Println()
var $a strings.Builder; for i := range <#4> { fmt.Fprintf(&$a, "%d-%s|", i, <string>) }; fmt.Println($a.Len(), $a.String())
$a, $b := strconv.Atoi(strings.TrimSpace(<string> + "7")); fmt.Println($a, $b)
$a, $b := strconv.ParseFloat(fmt.Sprint(<float64>), 64); fmt.Println($a, $b == nil)
$a := <error>; $b := fmt.Errorf("outer %s: %w", <string>, $a); fmt.Println(errors.Is($b, $a), errors.Unwrap($b) == $a, errors.Is($b, errSentinel), $b)
$a := fmt.Errorf("two: %w, %w", errSentinel, &Failure{<int>}); var $b *Failure; fmt.Println(errors.Is($a, errSentinel), errors.As($a, &$b), $b.code, $a)
$a, $b := json.Marshal(Record{Name: <string>, Score: float64(<int8>), Tags: <[]string>, secret: 1}); fmt.Println(string($a), $b); var $c Record; fmt.Println(json.Unmarshal($a, &$c), $c)
$a, $b := json.Marshal(map[string]any{"a": <int>, "b": <[]string>, "c": <bool>, "d": <Point>}); fmt.Println(string($a), $b)
fmt.Printf("%5d|%-6d|%+d|%x|%X|%o|%08b|%c|%U\n", <int8>, <int16>, <int>, <uint8>, <uint16>, <uint8>, <uint8>, 65+<uint8>%26, <uint8>)
fmt.Printf("%6.2f|%-8.1f|%e|%g|%+.3g|%08.3f\n", <float64>, <float64>, <float64>, <float64>, <float32>, <float64>)
fmt.Printf("%q|%x|%8s|%-8s|%.2s|%v|%t\n", <string>, <string>, <string>, <Kind>, <string>, <Temp>, <bool>)
fmt.Printf("%v %+v %v %v %s %d\n", <[]Point>, <Pair[int, string]>, <map[Point]int>, &Point{1, <int>}, <Weekday>, <Weekday>)
fmt.Printf("%v %d %s %!|%z %d\n", <val>, <string>, <int>, <int>)
fmt.Println([]any{<val>, <val>, nil}, []Kind{<Kind>}, map[Kind]Temp{<Kind>: <Temp>}, [1]Weekday{<Weekday>}, struct{ K Kind; t Temp }{<Kind>, 1})
fmt.Printf("%T %T %T %T %T %T\n", <func(int) int>, make(chan<- int), func(string, ...any) (int, error) { return 0, nil }, struct{ A int; b []Point }{}, [](map[string]*Node){}, new(Stack[Pair[int, string]]))
fmt.Println(join(<string>, <val>, <val>), join("none"), join(<string>, []any{<int>, nil}...))
$a, $b, $c := split(<int>); if $c != nil { fmt.Println($c) } else { fmt.Println($a, $b) }
fmt.Println(fib(<#15>), gcd(<int>, <int>), ackermann(<#3>, <#4>))
$a := Op(<func(int) int>); fmt.Println($a.Twice(<int>), $a(1))
$a := Matrix{{<float64>, 1}, {0, 2}}; $a = $a.Mul(Matrix{{1, 2}, {<float64>, 4}}); fmt.Println($a, $a[1][0] == $a[0][1])
type T$a struct { n int; next *T$a; of map[string]*T$a }; $b := &T$a{n: <int>}; $b.next = &T$a{n: 2}; $b.of = map[string]*T$a{<string>: $b.next}; for p := $b; p != nil; p = p.next { fmt.Println(p.n, len(p.of)) }; fmt.Printf("%T\n", $b)
type T$a []T$a; $b := T$a{nil, T$a{}}; fmt.Println(len($b), $b[0] == nil, $b)
type T$a interface{ Area() float64 }; var $b T$a = <Shape>; if s, ok := $b.(fmt.Stringer); ok { fmt.Println(s) } else { fmt.Println($b.Area()) }
type T$a func(int) T$a; var $b T$a; $c := 0; $b = func(n int) T$a { $c += n; return $b }; $b(<#5>)(<#5>); fmt.Println($c)
$a, $b := <int>, <int>; $a, $b = $b, $a; $c := []int{$a, $b, 3}; $d := <uint8> % 3; $c[$d], $d = int($d), 1; $c[0], $c[1], $c[2] = $c[2], $c[0], $c[1]; fmt.Println($c, $d)
$a := &Node{val: <int>}; $a.next = &Node{val: 2, next: nil}; $a, $a.next = $a.next, nil; fmt.Println($a.sum())
$a := map[string]*Point{"p": {<int>, 2}}; $a["p"].X++; $a["q"] = &Point{}; $a["q"].Move(<int>); fmt.Println(*$a["p"], *$a["q"], $a["r"] == nil)
$a := map[string]Point{"p": <Point>}; $b := $a["p"]; $b.X++; $a["q"] = $b; clear($a); fmt.Println($b, len($a))
$a := []*int{ptr(<int>), ptr(2), nil}; *$a[0] += *$a[1]; fmt.Println(*$a[0], $a[2] == nil); $a[2] = $a[0]; *$a[2]++; fmt.Println(*$a[0])
$a := ptr(ptr(<string>)); **$a += "!"; fmt.Println(**$a)
var $a any = <val>; $b, $c := $a.(int); fmt.Println($b, $c); if $d, ok := $a.(interface{ Area() float64 }); ok { fmt.Println($d.Area()) }
var $a, $b any = <int>, <val>; fmt.Println($a == $a, same($a, $b), $a != nil, $b == nil, $a == any(<int>), $a == 3)
var $a error; var $b *Failure; fmt.Println($a == nil, $b == nil); $a = $b; fmt.Println($a == nil, $a != error($b))
defer1, $a := <int>, <[]int>; for defer1 > 0 { defer1 /= 2; $a = append($a, defer1) }; fmt.Println(len($a) > 0, cap($a) >= len($a))
$a := append([]byte("x"), <string>...); $b := copy($a, <string>); fmt.Println(string($a), $b, bytes.ToUpper($a), bytes.Contains($a, []byte(<string>)))
fmt.Printf("%[1]v %[1]T %[2]*[1]v|%*[1]d\n", <Weekday>, 1+<#9>)
fmt.Printf("%[2]T %[1]d %T %v|%-12T|%.3T\n", <Named>, <Point>, <Kind>, <Temp>, <Kind>)
fmt.Print(<val>, <val>, <Kind>, <Temp>, <int>, <Kind>, "\n"); fmt.Println(string(fmt.Append(nil, <Kind>, <int>, <Kind>)))
$a := append(<[]int>[:0:0], <[]int>...); $a = slices.Insert($a, 0, <int>); $a = slices.Delete($a, 0, 1); slices.Reverse($a); fmt.Println($a, slices.Max(append($a, 1)))
$a, $b := slices.BinarySearch([]int{1, 5, 9}, <int>%10); fmt.Println($a, $b, slices.IndexFunc(<[]int>, func(n int) bool { return n < 0 }))
$a := maps.Clone(<map[string]int>); maps.DeleteFunc($a, func(k string, n int) bool { return n > <int> }); fmt.Println($a, maps.Equal($a, <map[string]int>))
$a, $b := uint32(<int>), int16(<uint64>); $a <<= <uint8> % 40; $b >>= <uint8> % 20; fmt.Println($a, $b, ^$a, -$b, $a&^7, bits.OnesCount32($a))
$a := float64(<int32>) / 3; fmt.Println(int($a), int8($a*0), uint16(math.Abs($a/1e6)), float32($a), math.IsNaN(math.Sqrt($a)), math.Inf(1) > $a)
$a := <int>; $b := &$a; $c := &$b; **$c++; *$b += <int>; fmt.Println($a, $b == *$c)
$a, $b := iter.Pull(count(<#5>)); $c, $d := $a(); fmt.Println($c, $d); $b(); fmt.Println($a())
func(xs ...int) { fmt.Println(len(xs), xs == nil, xs) }(<[]int>...)
$a := time.Duration(<int32>) * time.Millisecond; fmt.Println($a, $a.Seconds() > 1, time.Date(2024, 2, <#30>, 0, 0, 0, 0, time.UTC).Format("Jan 2 Mon"))
$a := rand.New(rand.NewPCG(1, uint64(<#9>))); fmt.Println($a.IntN(100), $a.Perm(4), $a.Float64() < 1)
$a := regexp.MustCompile("([a-z]+)(\\d*)"); fmt.Println($a.FindAllString(<string>, -1), $a.ReplaceAllString(<string>, "[$2$1]"), $a.FindStringSubmatch("ab12"))
var $a sync.Once; for range 3 { $a.Do(func() { fmt.Println("once", <int>) }) }
func() { defer func(n int) { fmt.Println("n", n, recover()) }(<int>); defer delete(map[int]int{1: 2}, 1); defer close(make(chan int)); defer copy([]int{1}, []int{2}); defer panic(<string>) }()
`), "\n")

// termForms are expressions, by type.
var termForms = map[string][]string{
	"int": {
		"func() int { defer func() { recover() }(); return <int> }()", "Op(<func(int) int>).Twice(<int>)", "bits.OnesCount64(<uint64>)", "min(<int>, <int>, <int>)",
		"int(<Weekday>)", "*ptr(<int>)", "slices.Index(<[]int>, <int>)", "len(<map[string]int>)", "cmp.Compare(<string>, <string>)", "gcd(<int>, <int>)", "<*Point!>.X",
		"len(join(<string>, <val>))", "int(<rune>)", "copy(<[]int>, <[]int>)",
	},
	"float64": {
		"<Shape!>.Area()", "math.Sqrt(float64(<uint8>))", "float64(<Temp>)", "math.Floor(<float64>)", "max(<float64>, <float64>)", "real(complex(<float64>, <float64>))",
		"sum(<[]float64>...)", "float64(<float32>)", "<Point!>.Area()", "math.Abs(<float64>)", "math.Trunc(<float64>)",
	},
	"string": {
		"fmt.Sprintf(\"%T\", <val>)", "strings.Join(<[]string>, \",\")", "strconv.Itoa(<int>)", "strconv.Quote(<string>)", "strings.Repeat(<string>, int(<uint8>%3))",
		"join(<string>, <val>)", "<error!>.Error()", "<Kind!>.String()", "<Weekday!>.String()", "<Temp!>.String()", "strings.ReplaceAll(<string>, \"a\", <string>)",
		"strings.Map(func(r rune) rune { return r + 1 }, <string>)", "<Pair[string, Point]!>.First", "strings.Fields(<string> + \" w\")[0]", "fmt.Sprint(<val>, <val>)",
		"max(<string>, <string>)", "<Pair[string, Point]!>.Swap().Second",
	},
	"bool": {
		"same(<val>, <val>)", "<[3]int!> == <[3]int!>", "<error> == nil", "<Shape> != nil", "strings.HasPrefix(<string>, <string>)", "slices.Equal(<[]int>, <[]int>)",
		"<Pair[int, string]!> == <Pair[int, string]!>", "len(<[]Point>) > <int>", "any(<Named>) == any(<Named>)", "<uint64> > <uint64>", "<Temp> < <Temp>", "<rune> == 'a'",
		"<[2]Point!> != <[2]Point!>", "<Kind> > <Kind>",
	},
	"Shape": {"Shape(Square(<float64>))", "Shape(&Circle{<Point>, <float64>})", "Shape(ptr(<Point>))"},
	"error": {"fmt.Errorf(\"%w: %d\", <error>, <int>)", "error(Fault(<string>))", "errors.Join(<error>, errSentinel)"},
	"[]int": {"slices.Clip(slices.Sorted(slices.Values(<[]int>)))", "slices.Clip(append(<[]int>, <int>))", "apply(<[]int>, <func(int) int>)", "slices.Clip(slices.Collect(count(<#5>)))", "<[]int!>[:len(<[]int>)*0]",
		"apply(<[]string>, func(s string) int { return len(s) })", "slices.Clip(slices.Clone(<[]int>))", "[]int(<List[int]>)"},
	"[]string":       {"slices.Clip(strings.Split(<string>, \"\"))", "keys(<map[string]int>)", "slices.Clip(strings.Fields(<string>))", "apply(<[]int>, strconv.Itoa)"},
	"func(int) int":  {"Op(<func(int) int>).Twice", "compose(<func(int) int>, <func(int) int>)", "memo(<func(int) int>)", "(&Counter{<int>}).Next"},
	"map[string]int": {"maps.Clone(<map[string]int>)", "tally(<[]string>)"},
	"Point":          {"<[2]Point!>[<uint8>&1]", "<Point!>.Add(<Point>)", "*(<*Point>)", "<Pair[string, Point]!>.Second"},
	"any":            {"any(<val>)"},
}

// morePrelude is the declarations that forms use.
const morePrelude = `
var errSentinel = errors.New("sentinel")

type Temp float64

func (t Temp) String() string { return fmt.Sprintf("%.1f°", float64(t)) }

type Square float64

func (s Square) Area() float64 { return float64(s) * float64(s) }

type Weekday int

const (
	Sunday Weekday = iota
	Monday
	Tuesday
)

func (d Weekday) String() string {
	if d < Sunday || d > Tuesday {
		return fmt.Sprintf("Weekday(%d)", int(d))
	}
	return [...]string{"Sun", "Mon", "Tue"}[d]
}

type Op func(int) int

func (o Op) Twice(n int) int { return o(o(n)) }

type Fault string

func (f Fault) Error() string        { return "fault: " + string(f) }
func (f Fault) Is(target error) bool { return target == errSentinel }

type Adder interface{ Add(int) }

type Counter struct{ n int }

func (c *Counter) Add(n int)      { c.n += n }
func (c *Counter) Next(n int) int { c.n += n; return c.n }

type Multi []Adder

func (m Multi) Add(n int) {
	for _, a := range m {
		a.Add(n)
	}
}

type Base struct {
	ID   int
	tags []string
}

func (b *Base) Tag(s string) *Base { b.tags = append(b.tags, s); return b }
func (b Base) Describe() string    { return fmt.Sprint(b.ID, b.tags) }

type Derived struct {
	*Base
	Kind
	Extra map[string]int
}

type Record struct {
	Name   string   ` + "`json:\"name\"`" + `
	Score  float64  ` + "`json:\"score,omitempty\"`" + `
	Tags   []string ` + "`json:\"tags\"`" + `
	secret int
}

type Stack[T any] struct{ items []T }

func (s *Stack[T]) Push(x T) { s.items = append(s.items, x) }
func (s *Stack[T]) Len() int { return len(s.items) }
func (s *Stack[T]) Pop() (x T, ok bool) {
	if len(s.items) == 0 {
		return
	}
	x = s.items[len(s.items)-1]
	s.items = s.items[:len(s.items)-1]
	return x, true
}
func (s *Stack[T]) All() iter.Seq2[int, T] {
	return func(yield func(int, T) bool) {
		for i, x := range s.items {
			if !yield(i, x) {
				return
			}
		}
	}
}

type Tree[K cmp.Ordered, V any] struct {
	left, right *Tree[K, V]
	key         K
	val         V
}

func (t *Tree[K, V]) Insert(k K, v V) *Tree[K, V] {
	switch {
	case t == nil:
		return &Tree[K, V]{key: k, val: v}
	case k < t.key:
		t.left = t.left.Insert(k, v)
	case k > t.key:
		t.right = t.right.Insert(k, v)
	default:
		t.val = v
	}
	return t
}

func (t *Tree[K, V]) Walk(yield func(K, V) bool) bool {
	return t == nil || t.left.Walk(yield) && yield(t.key, t.val) && t.right.Walk(yield)
}

type Set[T comparable] map[T]struct{}

func (s Set[T]) Add(x T)      { s[x] = struct{}{} }
func (s Set[T]) Has(x T) bool { _, ok := s[x]; return ok }

type ByLen []string

func (b ByLen) Len() int           { return len(b) }
func (b ByLen) Less(i, j int) bool { return len(b[i]) < len(b[j]) || len(b[i]) == len(b[j]) && b[i] < b[j] }
func (b ByLen) Swap(i, j int)      { b[i], b[j] = b[j], b[i] }

type IntHeap []int

func (h IntHeap) Len() int           { return len(h) }
func (h IntHeap) Less(i, j int) bool { return h[i] < h[j] }
func (h IntHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *IntHeap) Push(x any)        { *h = append(*h, x.(int)) }
func (h *IntHeap) Pop() any {
	old := *h
	x := old[len(old)-1]
	*h = old[:len(old)-1]
	return x
}

type Matrix [2][2]float64

func (a Matrix) Mul(b Matrix) (c Matrix) {
	for i := range a {
		for j := range b[0] {
			for k := range b {
				c[i][j] += a[i][k] * b[k][j]
			}
		}
	}
	return c
}

func ptr[T any](x T) *T { return &x }

func filter[T any](xs iter.Seq[T], keep func(T) bool) iter.Seq[T] {
	return func(yield func(T) bool) {
		for x := range xs {
			if keep(x) && !yield(x) {
				return
			}
		}
	}
}

func zip[A, B any](a []A, b []B) (out []Pair[A, B]) {
	for i := range min(len(a), len(b)) {
		out = append(out, Pair[A, B]{a[i], b[i]})
	}
	return
}

func largest[T cmp.Ordered](xs ...T) (m T) {
	for i, x := range xs {
		if i == 0 || x > m {
			m = x
		}
	}
	return m
}

func convert[To, From Integer](x From) To { return To(x) }

type Integer interface {
	~int | ~int8 | ~int16 | ~int32 | ~uint | ~uint16 | ~float64
}

func memo[K comparable, V any](f func(K) V) func(K) V {
	known := map[K]V{}
	return func(k K) V {
		if v, ok := known[k]; ok {
			return v
		}
		known[k] = f(k)
		return known[k]
	}
}

func compose[A, B, C any](f func(A) B, g func(B) C) func(A) C { return func(a A) C { return g(f(a)) } }

func tally[T comparable](xs []T) map[T]int {
	out := map[T]int{}
	for _, x := range xs {
		out[x]++
	}
	return out
}

func same(a, b any) (equal bool) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Println(r)
		}
	}()
	return a == b
}

func join(prefix string, xs ...any) string {
	for i, x := range xs {
		prefix += fmt.Sprint(i, "=", x, ";")
	}
	return prefix
}

func split(n int) (half int, text string, err error) {
	if n%2 != 0 {
		return 0, "", fmt.Errorf("%d is odd", n)
	}
	return n / 2, fmt.Sprint(n), nil
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	return fib(n-1) + fib(n-2)
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func ackermann(m, n int) int {
	switch {
	case m == 0:
		return n + 1
	case n == 0:
		return ackermann(m-1, 1)
	}
	return ackermann(m-1, ackermann(m, n-1))
}

var _ = bits.Len
var _ = bytes.Equal
var _ = cmp.Compare[int]
var _ = heap.Init
var _ = iter.Pull[int]
var _ = json.Valid
var _ = math.Pi
var _ = rand.IntN
var _ = regexp.MustCompile
var _ = strconv.Itoa
var _ sync.Mutex
var _ time.Duration
`

var (
	holes = regexp.MustCompile(`<[^<>]+>`)
	fresh = regexp.MustCompile(`\$[a-f]`)
)

// form fills a form in.
func (g *generator) form(text string, depth int) string {
	names := map[string]string{}
	text = fresh.ReplaceAllStringFunc(text, func(s string) string {
		if names[s] == "" {
			names[s] = g.name()
		}
		return names[s]
	})
	return holes.ReplaceAllStringFunc(text, func(s string) string {
		typ := s[1 : len(s)-1]
		switch {
		case typ[0] == '#':
			n, _ := strconv.Atoi(typ[1:])
			return strconv.Itoa(g.IntN(n))
		case typ == "val":
			typ = pick(g, []string{"int", "string", "Point", "Named", "Kind", "float64", "uint8", "[]int", "Temp", "Weekday", "[2]Point", "map[string]int", "bool", "Pair[int, string]", "error"})
		case typ == "rune":
			return "rune(" + g.expr("uint8", depth-1) + ")"
		case strings.HasSuffix(typ, "!"):
			return g.operand(typ[:len(typ)-1])
		}
		return g.expr(typ, depth-1)
	})
}
