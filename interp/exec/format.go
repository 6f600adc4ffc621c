package exec

import (
	"cmp"
	"fmt"
	"go/types"
	"reflect"
	"slices"
	"strings"
)

// Format makes package fmt print a box as it prints the value of a declared
// type: with its methods, its fields' names and its type's name.
func (b box) Format(s fmt.State, verb rune) {
	p := &printer{State: s, verb: verb, format: fmt.FormatString(s, verb)}
	p.value(b.t, b.v, 0, true)
}

// printer follows fmt's print.go, printValue, over representations.
type printer struct {
	fmt.State
	verb   rune
	format string
}

func (p *printer) text(s string)    { p.Write([]byte(s)) }
func (p *printer) sharp() bool      { return p.verb == 'v' && p.Flag('#') }
func (p *printer) plus() bool       { return p.verb == 'v' && p.Flag('+') }
func (p *printer) leaf(v any)       { fmt.Fprintf(p.State, p.format, v) }
func (p *printer) name(r *rtype)    { p.text(r.goName()) }
func (p *printer) pointer(v any)    { p.text(fmt.Sprintf("0x%x", reflect.ValueOf(v).Pointer())) }
func (p *printer) forStrings() bool { return strings.ContainsRune("vsxXq", p.verb) }

// value prints a value in its representation; exported says that fmt could call
// its methods, which it cannot behind an unexported field.
func (p *printer) value(r *rtype, a any, depth int, exported bool) {
	if exported && p.methods(r, a) {
		return
	}
	if r.iface {
		p.dynamic(r, a, depth, exported)
		return
	}
	if r.pure {
		p.pure(r, a, depth, exported)
		return
	}
	switch t := r.typ.Underlying().(type) {
	case *types.Basic:
		if !prints(t, p.verb) {
			p.text(box{r, a}.badVerb(p.verb))
			return
		}
		p.leaf(plainBasic(a))
	case *types.Struct:
		p.structs(r, t, reflect.ValueOf(a), depth, exported)
	case *types.Map:
		p.maps(r, t, reflect.ValueOf(a), depth, exported)
	case *types.Slice:
		p.list(r, t.Elem(), reflect.ValueOf(a), depth, exported)
	case *types.Array:
		p.list(r, t.Elem(), reflect.ValueOf(a), depth, exported)
	case *types.Pointer:
		p.pointers(r, t, a, depth, exported)
	default: // functions and channels
		p.address(r, a)
	}
}

// prints says whether a basic type has the verb (fmt's print.go, fmtBool and so on).
func prints(t *types.Basic, verb rune) bool {
	verbs := "vbgGxXfFeE"
	switch {
	case t.Info()&types.IsBoolean != 0:
		verbs = "vt"
	case t.Info()&types.IsString != 0:
		verbs = "vsxXq"
	case t.Info()&types.IsInteger != 0:
		verbs = "vbdoOxXcqU"
	}
	return strings.ContainsRune(verbs, verb)
}

// badVerb is fmt's complaint of a verb that the value's type has not: the value is
// written without its methods.
func (b box) badVerb(verb rune) string {
	return "%!" + string(verb) + "(" + b.t.goName() + "=" + fmt.Sprint(bare{b}) + ")"
}

// bare is a box that is printed without its own methods.
type bare struct{ box }

func (b bare) Format(s fmt.State, verb rune) {
	p := &printer{State: s, verb: verb, format: fmt.FormatString(s, verb)}
	p.value(b.t, b.v, 0, false)
}

// pure prints a value that fmt itself can print, where it stands inside another.
func (p *printer) pure(r *rtype, a any, depth int, exported bool) {
	v := reflect.ValueOf(a)
	switch {
	case !v.IsValid():
		p.text("<nil>")
	case !exported:
		p.hidden(v)
	case depth > 0 && v.Kind() == reflect.Pointer && !hasText(a):
		p.address(r, a)
	default:
		p.leaf(a)
	}
}

// hidden prints a library's value behind an unexported field: no method is called.
func (p *printer) hidden(v reflect.Value) {
	parts := func(open, end string, n int, part func(i int)) {
		p.text(open)
		for i := range n {
			if i > 0 {
				p.text(" ")
			}
			part(i)
		}
		p.text(end)
	}
	switch v.Kind() {
	case reflect.Struct:
		parts("{", "}", v.NumField(), func(i int) {
			if p.plus() {
				p.text(v.Type().Field(i).Name + ":")
			}
			p.hidden(v.Field(i))
		})
	case reflect.Slice, reflect.Array:
		parts("[", "]", v.Len(), func(i int) { p.hidden(v.Index(i)) })
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortStableFunc(keys, compareKeys)
		parts("map[", "]", len(keys), func(i int) {
			p.hidden(keys[i])
			p.text(":")
			p.hidden(v.MapIndex(keys[i]))
		})
	case reflect.Interface:
		if v.IsNil() {
			p.text("<nil>")
			return
		}
		p.hidden(v.Elem())
	case reflect.Pointer, reflect.Func, reflect.Chan, reflect.UnsafePointer:
		if v.IsNil() {
			p.text("<nil>")
			return
		}
		p.text(fmt.Sprintf("0x%x", v.Pointer()))
	default:
		p.leaf(plainValue(v))
	}
}

// plainValue is a basic value without its type's methods.
func plainValue(v reflect.Value) any {
	for _, t := range basics {
		if t.Kind() == v.Kind() {
			plain := reflect.New(t).Elem()
			switch {
			case v.CanInt():
				plain.SetInt(v.Int())
			case v.CanUint():
				plain.SetUint(v.Uint())
			case v.CanFloat():
				plain.SetFloat(v.Float())
			case v.CanComplex():
				plain.SetComplex(v.Complex())
			case v.Kind() == reflect.Bool:
				plain.SetBool(v.Bool())
			default:
				plain.SetString(v.String())
			}
			return plain.Interface()
		}
	}
	return nil
}

func hasText(a any) bool {
	switch a.(type) {
	case fmt.Formatter, fmt.Stringer, error:
		return true
	}
	return false
}

// plainBasic takes the methods from a basic value.
func plainBasic(a any) any {
	if plain := plainValue(reflect.ValueOf(a)); plain != nil {
		return plain
	}
	return a
}

func (p *printer) dynamic(r *rtype, a any, depth int, exported bool) {
	switch b := a.(type) {
	case nil:
		if p.sharp() {
			p.name(r)
			p.text("(nil)")
			return
		}
		p.text("<nil>")
	case box:
		p.value(b.t, b.v, depth+1, exported)
	default:
		v := reflect.ValueOf(a)
		if v.Kind() == reflect.Pointer && !hasText(a) {
			p.text(fmt.Sprintf("0x%x", v.Pointer()))
			return
		}
		if !exported {
			p.hidden(v)
			return
		}
		p.leaf(a)
	}
}

func (p *printer) structs(r *rtype, t *types.Struct, v reflect.Value, depth int, exported bool) {
	if p.sharp() {
		p.name(r)
	}
	p.text("{")
	for i := range t.NumFields() {
		f := t.Field(i)
		if i > 0 {
			p.text(map[bool]string{true: ", ", false: " "}[p.sharp()])
		}
		if p.sharp() || p.plus() {
			p.text(f.Name() + ":")
		}
		fr := r.x.rtype(f.Type())
		p.value(fr, fr.load(v.Field(i)), depth+1, exported && f.Exported())
	}
	p.text("}")
}

func (p *printer) maps(r *rtype, t *types.Map, v reflect.Value, depth int, exported bool) {
	open, sep, end := "map[", " ", "]"
	if p.sharp() {
		p.name(r)
		if v.IsNil() {
			p.text("(nil)")
			return
		}
		open, sep, end = "{", ", ", "}"
	}
	p.text(open)
	kr, vr := r.x.rtype(t.Key()), r.x.rtype(t.Elem())
	keys := v.MapKeys()
	slices.SortStableFunc(keys, compareKeys)
	for i, k := range keys {
		if i > 0 {
			p.text(sep)
		}
		p.value(kr, kr.load(k), depth+1, exported)
		p.text(":")
		p.value(vr, vr.load(v.MapIndex(k)), depth+1, exported)
	}
	p.text(end)
}

// compareKeys is the order of internal/fmtsort.
func compareKeys(a, b reflect.Value) int {
	if a.Kind() == reflect.Interface {
		a, b = a.Elem(), b.Elem()
	}
	if !a.IsValid() || !b.IsValid() {
		return int(b2i(a.IsValid()) - b2i(b.IsValid()))
	}
	if x, ok := boxIn(a); ok {
		y, ok := boxIn(b)
		if !ok || x.t != y.t {
			return cmp.Compare(x.t.key, fmt.Sprint(b.Type()))
		}
		return compareKeys(reflect.ValueOf(x.v), reflect.ValueOf(y.v))
	}
	if a.Type() != b.Type() {
		return cmp.Compare(a.Type().String(), b.Type().String())
	}
	switch a.Kind() {
	case reflect.Bool:
		return int(b2i(a.Bool()) - b2i(b.Bool()))
	case reflect.String:
		return cmp.Compare(a.String(), b.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return cmp.Compare(a.Int(), b.Int())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return cmp.Compare(a.Uint(), b.Uint())
	case reflect.Float32, reflect.Float64:
		return cmp.Compare(a.Float(), b.Float())
	case reflect.Complex64, reflect.Complex128:
		return cmp.Or(cmp.Compare(real(a.Complex()), real(b.Complex())), cmp.Compare(imag(a.Complex()), imag(b.Complex())))
	case reflect.Pointer, reflect.Chan:
		return cmp.Compare(a.Pointer(), b.Pointer())
	case reflect.Struct:
		for i := range a.NumField() {
			if c := compareKeys(a.Field(i), b.Field(i)); c != 0 {
				return c
			}
		}
	case reflect.Array:
		for i := range a.Len() {
			if c := compareKeys(a.Index(i), b.Index(i)); c != 0 {
				return c
			}
		}
	}
	return 0
}

func boxIn(v reflect.Value) (box, bool) {
	if !v.CanInterface() {
		return box{}, false
	}
	b, ok := v.Interface().(box)
	return b, ok
}

func (p *printer) list(r *rtype, elem types.Type, v reflect.Value, depth int, exported bool) {
	if b := basicOf(elem); b != nil && b.Kind() == types.Uint8 && (strings.ContainsRune("sqxX", p.verb)) {
		b := make([]byte, v.Len())
		for i := range b {
			b[i] = byte(v.Index(i).Uint())
		}
		p.leaf(b)
		return
	}
	open, sep, end := "[", " ", "]"
	if p.sharp() {
		p.name(r)
		if v.Kind() == reflect.Slice && v.IsNil() {
			p.text("(nil)")
			return
		}
		open, sep, end = "{", ", ", "}"
	}
	p.text(open)
	er := r.x.rtype(elem)
	for i := range v.Len() {
		if i > 0 {
			p.text(sep)
		}
		p.value(er, er.load(v.Index(i)), depth+1, exported)
	}
	p.text(end)
}

func (p *printer) pointers(r *rtype, t *types.Pointer, a any, depth int, exported bool) {
	v := reflect.ValueOf(a)
	if depth == 0 && !v.IsNil() {
		switch t.Elem().Underlying().(type) {
		case *types.Struct, *types.Array, *types.Slice, *types.Map:
			p.text("&")
			er := r.x.rtype(t.Elem())
			p.value(er, er.load(v.Elem()), depth+1, exported)
			return
		}
	}
	p.address(r, a)
}

func (p *printer) address(r *rtype, a any) {
	null := isNilRef(a)
	switch {
	case p.sharp():
		p.text("(" + r.goName() + ")(")
		if null {
			p.text("nil")
		} else {
			p.pointer(a)
		}
		p.text(")")
	case null && p.verb == 'v':
		p.text("<nil>")
	case null:
		p.text("%!" + string(p.verb) + "(" + r.goName() + "=nil)")
	default:
		p.pointer(a)
	}
}

// methods prints the value by its own method, as fmt's handleMethods does.
func (p *printer) methods(r *rtype, a any) bool {
	if r.iface || r.pure {
		return false
	}
	b := box{r, a}
	switch {
	case b.has(formatter):
		p.guard("Format", a, func() {
			b.call("Format", fmt.State(p.State), p.verb)
		})
		return true
	case p.sharp():
		if b.has(goStringer) {
			p.guard("GoString", a, func() { p.text(b.call("GoString")[0].(string)) })
			return true
		}
		return false
	case !p.forStrings():
		return false
	case b.has(errorType):
		p.guard("Error", a, func() { p.leaf(b.call("Error")[0]) })
		return true
	case b.has(stringer):
		p.guard("String", a, func() { p.leaf(b.call("String")[0]) })
		return true
	}
	return false
}

// guard prints what fmt's catchPanic prints when a method panics.
func (p *printer) guard(method string, a any, f func()) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if q, ok := r.(*Panic); ok && (q.halted || q.Fatal) {
			panic(r)
		}
		if v := reflect.ValueOf(a); v.Kind() == reflect.Pointer && v.IsNil() {
			p.text("<nil>")
			return
		}
		if q, ok := r.(*Panic); ok {
			r = q.Value
		}
		p.text("%!" + string(p.verb) + "(PANIC=" + method + " method: " + fmt.Sprint(r) + ")")
	}()
	f()
}

// The interfaces that package fmt looks for.
var (
	errorType  = types.Universe.Lookup("error").Type().Underlying().(*types.Interface)
	stringer   = oneMethod("String", nil, types.Typ[types.String])
	goStringer = oneMethod("GoString", nil, types.Typ[types.String])
	unwrapper  = oneMethod("Unwrap", nil, types.Universe.Lookup("error").Type())
	unwrappers = oneMethod("Unwrap", nil, types.NewSlice(types.Universe.Lookup("error").Type()))
	formatter  = namedMethod("Format")
	isMethod   = oneMethod("Is", types.Universe.Lookup("error").Type(), types.Typ[types.Bool])
	asMethod   = oneMethod("As", types.Universe.Lookup("any").Type(), types.Typ[types.Bool])
)

func oneMethod(name string, param, result types.Type) *types.Interface {
	var params *types.Tuple
	if param != nil {
		params = types.NewTuple(types.NewVar(0, nil, "", param))
	}
	sig := types.NewSignatureType(nil, nil, nil, params, types.NewTuple(types.NewVar(0, nil, "", result)), false)
	i := types.NewInterfaceType([]*types.Func{types.NewFunc(0, nil, name, sig)}, nil)
	return i.Complete()
}

// namedMethod stands for fmt.Formatter, whose State is known by name only.
type namedMethod string

// has says whether the box's type has the methods.
func (b box) has(i any) bool {
	switch i := i.(type) {
	case *types.Interface:
		return types.Implements(b.t.typ, i)
	case namedMethod:
		obj, _, _ := types.LookupFieldOrMethod(b.t.typ, false, nil, string(i))
		f, ok := obj.(*types.Func)
		if !ok {
			return false
		}
		p := f.Signature().Params()
		return p.Len() == 2 && p.At(0).Type().String() == "fmt.State"
	}
	return false
}

// methodByName is the function of an exported method.
func (b box) methodByName(name string) *Func {
	obj, _, _ := types.LookupFieldOrMethod(b.t.typ, false, nil, name)
	return b.t.x.method(b.t, obj.(*types.Func))
}

// call calls a method from a library's code.
func (b box) call(name string, args ...any) []any {
	f := b.methodByName(name)
	m := b.t.x.shared.current
	depth := m.cur
	defer func() {
		if r := recover(); r != nil {
			m.restore(depth)
			panic(r)
		}
	}()
	m.do(prepared{slot: f.slot, args: append([]any{b.v}, args...)}, nil)
	sig := f.slot.fn.Signature
	var out []any
	for i := range sig.Results().Len() {
		out = append(out, m.result(i, b.t.x.rtype(sig.Results().At(i).Type())))
	}
	return out
}

// restore forgets the frames above fr, which may be nil.
func (m *machine) restore(fr *frame) {
	for m.cur != fr {
		m.pop(m.cur)
	}
}

// panicText is the value of a panic as the runtime prints it.
func (b box) panicText() string {
	switch {
	case b.has(errorType):
		return b.call("Error")[0].(string)
	case b.has(stringer):
		return b.call("String")[0].(string)
	}
	if basic := basicOf(b.t.typ); basic != nil {
		if basic.Info()&types.IsString != 0 {
			return fmt.Sprintf("%s(%q)", b.t.goName(), plainBasic(b.v))
		}
		return fmt.Sprintf("%s(%v)", b.t.goName(), plainBasic(b.v))
	}
	return fmt.Sprintf("%#v", b)
}

// errorBox is a box that a library knows as an error; errorsBox wraps several.
type errorBox struct{ box }
type errorsBox struct{ box }

// Error, Unwrap, Is and As call the methods of the type, if it has them.
func (e errorBox) Error() string  { return e.call("Error")[0].(string) }
func (e errorsBox) Error() string { return e.call("Error")[0].(string) }

func (e errorBox) Unwrap() error {
	if !e.has(unwrapper) {
		return nil
	}
	return toError(e.call("Unwrap")[0])
}

func (e errorsBox) Unwrap() []error {
	var out []error
	list := reflect.ValueOf(e.call("Unwrap")[0])
	for i := range list.Len() {
		out = append(out, toError(list.Index(i).Interface()))
	}
	return out
}

// Is is asked by errors.Is.
func (e errorBox) Is(target error) bool  { return e.box.is(target) }
func (e errorsBox) Is(target error) bool { return e.box.is(target) }

func (b box) is(target error) bool {
	return b.has(isMethod) && b.call("Is", fromHost(target))[0].(bool)
}

func (b box) asError() error {
	if b.has(unwrappers) {
		return errorsBox{b}
	}
	return errorBox{b}
}

// toError is an interface value of the program as an error of the library's.
func toError(a any) error {
	switch a := a.(type) {
	case nil:
		return nil
	case box:
		return a.asError()
	}
	return a.(error)
}
