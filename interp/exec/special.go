package exec

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/types"
	"io"
	"math"
	"reflect"
	"strings"

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
		"fmt.Print":    func(m *machine, a []any) { m.wrote(fmt.Fprint(m.x.Stdout, list(a[0])...)) },
		"fmt.Println":  func(m *machine, a []any) { m.wrote(fmt.Fprintln(m.x.Stdout, list(a[0])...)) },
		"fmt.Printf":   func(m *machine, a []any) { m.wrote(fmt.Fprint(m.x.Stdout, sprintf(a[0], a[1]))) },
		"fmt.Sprintf":  func(m *machine, a []any) { m.rs[0] = sprintf(a[0], a[1]) },
		"fmt.Fprintf":  func(m *machine, a []any) { m.fprint(a[0], sprintf(a[1], a[2])) },
		"fmt.Fprint":   func(m *machine, a []any) { m.fprint(a[0], fmt.Sprint(list(a[1])...)) },
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

// typeVerbs replaces each %T and %p of a boxed argument by a %s.
func typeVerbs(format string, args []any) (string, []any) {
	boxed := false
	for _, a := range args {
		_, ok := a.(box)
		boxed = boxed || ok
	}
	if !boxed || !strings.ContainsAny(format, "Tp") || strings.ContainsAny(format, "*[") {
		return format, args
	}
	args = append([]any(nil), args...)
	b := []byte(format)
	n := 0
	for i := 0; i < len(b); i++ {
		if b[i] != '%' {
			continue
		}
		for i++; i < len(b) && strings.IndexByte("+-# 0123456789.", b[i]) >= 0; i++ {
		}
		if i == len(b) || b[i] == '%' {
			continue
		}
		if n < len(args) {
			if v, ok := args[n].(box); ok {
				switch b[i] {
				case 'T':
					b[i], args[n] = 's', v.t.goName()
				case 'p':
					b[i], args[n] = 's', fmt.Sprintf("%p", v.v)
				}
			}
		}
		n++
	}
	return string(b), args
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
