package exec

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/types"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/tools/go/ssa"
)

// special is a library function that must know the types of the program: what
// fmt, errors and encoding/json find out by reflection. args are in their
// representations; results are left with the machine.
type special func(m *machine, args []any)

// special finds the replacement of a function, or nil.
func (x *Executor) special(fn *ssa.Function) special {
	obj, ok := fn.Object().(*types.Func)
	if !ok || obj == nil {
		return nil
	}
	if fn.Origin() != nil && fn.Origin() != fn {
		return nil
	}
	return specials[obj.FullName()]
}

func (c *compiler) intrinsic(in *ssa.Call) func(*frame) {
	fn, ok := in.Call.Value.(*ssa.Function)
	if !ok || in.Call.IsInvoke() {
		return nil
	}
	if f := c.genericIntrinsic(in, fn); f != nil {
		return f
	}
	special := c.x.special(fn)
	if special == nil {
		return nil
	}
	values, results, at := c.values(in.Call.Args), c.results(in), in.Pos()
	return func(fr *frame) {
		fr.m.heed()
		fr.at = at
		args := make([]any, len(values))
		for i, v := range values {
			args[i] = v(fr)
		}
		special(fr.m, args)
		fr.m.checkDead()
		results(fr, fr.m)
	}
}

var specials = map[string]special{}

func init() {
	for name, f := range map[string]special{
		"fmt.Print":    func(m *machine, a []any) { m.wrote(io.WriteString(m.x.Stdout, sprint(list(a[0])))) },
		"fmt.Println":  func(m *machine, a []any) { m.wrote(fmt.Fprintln(m.x.Stdout, list(a[0])...)) },
		"fmt.Printf":   func(m *machine, a []any) { m.wrote(fmt.Fprint(m.x.Stdout, sprintf(a[0], a[1]))) },
		"fmt.Sprintf":  func(m *machine, a []any) { m.rs[0] = sprintf(a[0], a[1]) },
		"fmt.Fprintf":  func(m *machine, a []any) { m.fprint(a[0], sprintf(a[1], a[2])) },
		"fmt.Fprint":   func(m *machine, a []any) { m.fprint(a[0], sprint(list(a[1]))) },
		"fmt.Sprint":   func(m *machine, a []any) { m.rs[0] = sprint(list(a[0])) },
		"fmt.Append":   func(m *machine, a []any) { m.ra[0] = append(a[0].([]byte), sprint(list(a[1]))...) },
		"fmt.Fprintln": func(m *machine, a []any) { m.fprint(a[0], fmt.Sprintln(list(a[1])...)) },
		"fmt.Appendf":  func(m *machine, a []any) { m.ra[0] = append(a[0].([]byte), sprintf(a[1], a[2])...) },
		"fmt.Errorf":   errorf,

		"errors.As":                   errorsAs,
		"encoding/json.Marshal":       jsonMarshal,
		"encoding/json.MarshalIndent": jsonMarshal,
		"encoding/json.Unmarshal":     jsonUnmarshal,
		"(*encoding/json.Decoder).Decode": func(m *machine, a []any) {
			target := jsonTarget(a[1])
			m.ra[0] = noError(a[0].(*json.Decoder).Decode(target))
		},

		"math.Float32frombits": func(m *machine, a []any) {
			m.rn[0] = floatBits(float64(math.Float32frombits(a[0].(uint32))))
		},
	} {
		specials[name] = f
	}
}

func floatBits(f float64) int64 { return int64(math.Float64bits(f)) }

func list(a any) []any { return a.([]any) }

func noError(err error) any {
	if err == nil {
		return nil
	}
	return fromHost(err)
}

func (m *machine) wrote(n int, err error) { m.rn[0], m.ra[1] = int64(n), noError(err) }

// fprint writes to a writer of the library's or of the program's.
func (m *machine) fprint(w any, text string) {
	to := m.x.toInterface(reflect.TypeFor[io.Writer]())(m, w)
	if !to.IsValid() || w == nil {
		panic(&Panic{Value: runtimeError("invalid memory address or nil pointer dereference")})
	}
	m.wrote(io.WriteString(to.Interface().(io.Writer), text))
}

// sprintf is fmt.Sprintf; %T and %p look at the type, not at a method, so they
// are answered here.
func sprintf(format, args any) string {
	f, a := typeVerbs(format.(string), list(args))
	return fmt.Sprintf(f, a...)
}

// typeVerbs replaces each %T and %p of a boxed argument by a %s, and boxed widths by
// plain ones. A format with explicit indexes is written with an index everywhere:
// arguments that stand in for others come behind the last.
func typeVerbs(format string, args []any) (string, []any) {
	if !strings.ContainsAny(format, "Tp*") || !slices.ContainsFunc(args, isBox) {
		return format, args
	}
	d := &directives{text: format, args: slices.Clone(args), indexed: strings.Contains(format, "[")}
	for d.at < len(d.text) {
		if d.text[d.at] != '%' {
			d.copy(1)
			continue
		}
		d.copy(1)
		d.directive()
	}
	return d.out.String(), d.args
}

func isBox(a any) bool { _, ok := a.(box); return ok }

// directives rewrites a format as fmt's doPrintf reads it.
type directives struct {
	text    string
	at      int
	out     strings.Builder
	args    []any
	next    int  // the argument that the next verb takes
	indexed bool // the format has explicit indexes
	bad     bool // one of the directive's is no index
}

func (d *directives) copy(n int) {
	d.out.WriteString(d.text[d.at : d.at+n])
	d.at += n
}

func (d *directives) run(set string) {
	for d.at < len(d.text) && strings.IndexByte(set, d.text[d.at]) >= 0 {
		d.copy(1)
	}
}

func (d *directives) peek(c byte) bool { return d.at < len(d.text) && d.text[d.at] == c }

func (d *directives) directive() {
	d.bad = false
	d.run("+-# 0")
	d.index()
	d.star()
	d.run("0123456789")
	if d.peek('.') {
		d.copy(1)
		d.index()
		d.star()
		d.run("0123456789")
	}
	d.index()
	if d.at == len(d.text) {
		return
	}
	if d.peek('%') {
		d.copy(1)
		return
	}
	if d.bad {
		d.copy(1)
		return
	}
	verb := d.text[d.at]
	if b, ok := d.operand().(box); ok && (verb == 'T' || verb == 'p') {
		if verb == 'T' {
			d.instead(b.t.goName())
		} else {
			d.instead(b.address())
		}
		d.out.WriteByte('s')
		d.at++
		d.next++
		return
	}
	d.instead(nil)
	d.next++
	_, n := utf8.DecodeRuneInString(d.text[d.at:])
	d.copy(n)
}

// index takes an explicit index off.
func (d *directives) index() {
	if !d.peek('[') {
		return
	}
	digits, _, ok := strings.Cut(d.text[d.at+1:], "]")
	if !ok {
		d.bad = true
		d.copy(1)
		return
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n < 1 || n > len(d.args) {
		d.bad = true
		d.copy(len(digits) + 2)
		return
	}
	d.next = n - 1
	d.at += len(digits) + 2
}

// address is what %p prints.
func (b box) address() string {
	switch reflect.ValueOf(b.v).Kind() {
	case reflect.Pointer, reflect.Map, reflect.Chan, reflect.Slice, reflect.Func, reflect.UnsafePointer:
		return fmt.Sprintf("%p", b.v)
	}
	return b.badVerb('p')
}

func (d *directives) star() {
	if !d.peek('*') {
		return
	}
	var width any
	if b, ok := d.operand().(box); ok {
		width = plainBasic(b.v)
	}
	d.instead(width)
	d.copy(1)
	d.next++
	d.index()
}

func (d *directives) operand() any {
	if d.next < len(d.args) {
		return d.args[d.next]
	}
	return nil
}

// instead has the next verb take another value, or its own when v is nil.
func (d *directives) instead(v any) {
	switch {
	case !d.indexed && v != nil:
		d.args[d.next] = v
	case d.indexed && v != nil:
		d.args = append(d.args, v)
		fmt.Fprintf(&d.out, "[%d]", len(d.args))
	case d.indexed && d.next < len(d.args):
		fmt.Fprintf(&d.out, "[%d]", d.next+1)
	}
}

// sprint is fmt.Sprint, which writes a space between two values when neither is a
// string: values of declared types are boxes, whose kind fmt does not see.
func sprint(args []any) string {
	if !slices.ContainsFunc(args, func(a any) bool { return isBox(a) && isText(a) }) {
		return fmt.Sprint(args...)
	}
	var b strings.Builder
	for i, a := range args {
		if i > 0 && !isText(a) && !isText(args[i-1]) {
			b.WriteByte(' ')
		}
		fmt.Fprint(&b, a)
	}
	return b.String()
}

// isText says whether the kind of a value is string.
func isText(a any) bool {
	if b, ok := a.(box); ok {
		return b.t.bank == strs
	}
	return a != nil && reflect.TypeOf(a).Kind() == reflect.String
}

func errorf(m *machine, a []any) {
	format, args := typeVerbs(a[0].(string), list(a[1]))
	args = append([]any(nil), args...)
	for i, v := range args {
		if b, ok := v.(box); ok && b.has(errorType) {
			args[i] = b.asError()
		}
	}
	m.ra[0] = fmt.Errorf(format, args...)
}

// errorsAs is errors.As: the target's type may be of the program.
func errorsAs(m *machine, a []any) {
	if a[1] == nil {
		panic(&Panic{Value: "errors: target cannot be nil"})
	}
	var elem *rtype
	var cell reflect.Value
	match := func(err any) bool { return false }
	switch t := a[1].(type) {
	case box:
		p, ok := t.t.typ.Underlying().(*types.Pointer)
		if !ok || isNilRef(t.v) {
			panic(&Panic{Value: "errors: target must be a non-nil pointer"})
		}
		elem, cell = m.x.rtype(p.Elem()), reflect.ValueOf(t.v).Elem()
		test := (&compiler{x: m.x}).assertion(p.Elem(), elem)
		match = func(err any) bool {
			v, ok := test(err)
			if ok {
				cell.Set(elem.cell(v))
			}
			return ok
		}
	default:
		v := reflect.ValueOf(a[1])
		if v.Kind() != reflect.Pointer || v.IsNil() {
			panic(&Panic{Value: "errors: target must be a non-nil pointer"})
		}
		cell = v.Elem()
		match = func(err any) bool {
			if _, ok := err.(box); ok && cell.Type() != anyType || !reflect.TypeOf(err).AssignableTo(cell.Type()) {
				return false
			}
			cell.Set(reflect.ValueOf(err))
			return true
		}
	}
	m.rn[0] = b2i(as(a[0], a[1], match))
}

func as(err, target any, match func(any) bool) bool {
	for err != nil {
		if match(err) {
			return true
		}
		b, ok := err.(box)
		if ok && b.has(asMethod) && b.call("As", target)[0].(bool) {
			return true
		}
		switch {
		case ok && b.has(unwrappers):
			l := reflect.ValueOf(b.call("Unwrap")[0])
			for i := range l.Len() {
				if as(l.Index(i).Interface(), target, match) {
					return true
				}
			}
			return false
		case ok && b.has(unwrapper):
			err = b.call("Unwrap")[0]
		case ok:
			return false
		default:
			if many, ok := err.(interface{ Unwrap() []error }); ok {
				for _, e := range many.Unwrap() {
					if as(fromHost(e), target, match) {
						return true
					}
				}
				return false
			}
			err = noError(errors.Unwrap(err.(error)))
		}
	}
	return false
}

// MarshalJSON makes encoding/json write a box as the value of a declared type.
func (b box) MarshalJSON() ([]byte, error) {
	if name := b.t.x.ownJSON(b.t.typ, map[types.Type]bool{}); name != "" {
		return nil, errors.New("json: the methods of " + name + " cannot be used in a cell; convert the value first")
	}
	return json.Marshal(b.v)
}

func jsonMarshal(m *machine, a []any) {
	var out []byte
	var err error
	if len(a) == 1 {
		out, err = json.Marshal(a[0])
	} else {
		out, err = json.MarshalIndent(a[0], a[1].(string), a[2].(string))
	}
	var wrapped *json.MarshalerError
	if errors.As(err, &wrapped) {
		err = wrapped.Unwrap()
	}
	m.ra[0], m.ra[1] = out, noError(err)
}

func jsonUnmarshal(m *machine, a []any) {
	m.ra[0] = noError(json.Unmarshal(a[0].([]byte), jsonTarget(a[1])))
}

// jsonTarget is a target that encoding/json fills as it would the program's.
func jsonTarget(a any) any {
	b, ok := a.(box)
	if !ok {
		return a
	}
	if name := b.t.x.erased(b.t.typ, map[string]bool{}); name != "" {
		panic(&Panic{Value: runtimeError("json: a " + name + " cannot be read in a cell; read it into a simpler type")})
	}
	return b.v
}

// ownJSON is the name of a type inside t that has its own encoding, or "".
func (x *Executor) ownJSON(t types.Type, seen map[types.Type]bool) string {
	if seen[t] {
		return ""
	}
	seen[t] = true
	if n, ok := types.Unalias(t).(*types.Named); ok {
		if hosted(n.Obj()) {
			return ""
		}
		for _, name := range []string{"MarshalJSON", "MarshalText"} {
			if obj, _, _ := types.LookupFieldOrMethod(n, true, nil, name); obj != nil {
				return n.Obj().Name()
			}
		}
	}
	return x.inside(t, func(t types.Type) string { return x.ownJSON(t, seen) })
}

// erased is the name of a type inside t of which memory does not say enough to
// read it, or "".
func (x *Executor) erased(t types.Type, seen map[string]bool) string {
	key := x.key(t)
	if seen[key] {
		return ""
	}
	seen[key] = true
	if n, ok := types.Unalias(t).(*types.Named); ok {
		if hosted(n.Obj()) {
			return ""
		}
		for _, name := range []string{"UnmarshalJSON", "UnmarshalText"} {
			if obj, _, _ := types.LookupFieldOrMethod(n, true, nil, name); obj != nil {
				return n.Obj().Name()
			}
		}
	}
	r := x.rtype(t)
	if r.inner != nil || r.iface && !r.pure {
		return r.goName()
	}
	return x.inside(t, func(t types.Type) string { return x.erased(t, seen) })
}

// inside asks about the parts of a type until one answers.
func (x *Executor) inside(t types.Type, ask func(types.Type) string) string {
	switch t := t.Underlying().(type) {
	case *types.Struct:
		for f := range t.Fields() {
			if name := ask(f.Type()); name != "" && f.Exported() {
				return name
			}
		}
	case *types.Pointer:
		return ask(t.Elem())
	case *types.Slice:
		return ask(t.Elem())
	case *types.Array:
		return ask(t.Elem())
	case *types.Map:
		if s := ask(t.Key()); s != "" {
			return s
		}
		return ask(t.Elem())
	}
	return ""
}
