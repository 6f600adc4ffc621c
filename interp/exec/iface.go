package exec

import (
	"go/token"
	"go/types"
	"reflect"

	"golang.org/x/tools/go/ssa"
)

// box is an interface value whose type reflect cannot name: a declared type, or
// one made of declared types. Two boxes are equal, and hash alike, as Go values in
// interfaces do.
type box struct {
	t *rtype
	v any // in its representation
}

// wrap is the value in its representation as an interface of Go would hold it.
func (r *rtype) wrap(a any) any {
	if r.pure || r.iface {
		return a
	}
	return box{r, a}
}

// dynamic is the type in an interface value: an rtype of a box, or what reflect says.
func (x *Executor) dynamicName(a any) string {
	switch a := a.(type) {
	case nil:
		return "nil"
	case box:
		return a.t.goName()
	}
	return reflect.TypeOf(a).String()
}

// equal is == of two interface values.
func (fr *frame) equal(at token.Pos, a, b any) bool {
	if x, ok := a.(box); ok {
		y, ok := b.(box)
		if !ok || x.t != y.t {
			return false
		}
		fr.comparable(at, x, "comparing uncomparable type ")
		return fr.same(at, x.v, y.v)
	}
	return fr.same(at, a, b)
}

// same is == of Go itself.
func (fr *frame) same(at token.Pos, a, b any) bool {
	fr.at = at
	return a == b
}

func (fr *frame) comparable(at token.Pos, b box, text string) {
	if !types.Comparable(b.t.typ) {
		fr.throw(at, runtimeError(text+b.t.goName()))
	}
}

// hashable panics as Go does when an interface key cannot be hashed.
func (fr *frame) hashable(at token.Pos, key any) {
	if b, ok := key.(box); ok {
		fr.comparable(at, b, "hash of unhashable type ")
	}
	fr.at = at
}

// implements says whether a dynamic type has the methods of interface t.
func (x *Executor) implements(a any, t *types.Interface) (missing string) {
	if t.NumMethods() == 0 {
		return ""
	}
	switch a := a.(type) {
	case box:
		if m, _ := types.MissingMethod(a.t.typ, t, true); m != nil {
			return m.Name()
		}
		return ""
	case *Func:
		return t.Method(0).Name()
	}
	rt := reflect.TypeOf(a)
	for i := range t.NumMethods() {
		m := t.Method(i)
		has, ok := rt.MethodByName(m.Name())
		if !ok || !x.sameSignature(has.Type, m.Signature()) {
			return m.Name()
		}
	}
	return ""
}

// sameSignature compares a method of a library's type with a wanted one.
func (x *Executor) sameSignature(have reflect.Type, want *types.Signature) bool {
	if have.NumIn()-1 != want.Params().Len() || have.NumOut() != want.Results().Len() || have.IsVariadic() != want.Variadic() {
		return false
	}
	for i := range want.Params().Len() {
		if !x.isHostType(have.In(i+1), want.Params().At(i).Type()) {
			return false
		}
	}
	for i := range want.Results().Len() {
		if !x.isHostType(have.Out(i), want.Results().At(i).Type()) {
			return false
		}
	}
	return true
}

// isHostType compares a type of the binary with one of the program.
func (x *Executor) isHostType(have reflect.Type, want types.Type) bool {
	want = types.Unalias(want)
	if n, ok := want.(*types.Named); ok {
		if n.Obj().Pkg() == nil {
			return have.PkgPath() == "" && have.Name() == n.Obj().Name()
		}
		return have.PkgPath() == n.Obj().Pkg().Path() && have.Name() == n.Obj().Name()
	}
	switch want := want.(type) {
	case *types.Pointer:
		return have.Kind() == reflect.Pointer && have.Name() == "" && x.isHostType(have.Elem(), want.Elem())
	case *types.Slice:
		return have.Kind() == reflect.Slice && have.Name() == "" && x.isHostType(have.Elem(), want.Elem())
	case *types.Interface:
		return have == anyType && want.Empty()
	}
	r := x.rtype(want)
	return r.pure && r.rep == have
}

// typeAssert compiles v.(T).
func (c *compiler) typeAssert(in *ssa.TypeAssert) func(*frame) {
	v, at := c.ref(in.X), in.Pos()
	t := c.x.rtype(in.AssertedType)
	test := c.assertion(in.AssertedType, t)
	static := in.X.Type()
	if !in.CommaOk {
		set := c.setter(in)
		return func(fr *frame) {
			a := v(fr)
			got, ok := test(a)
			if !ok {
				fr.throw(at, c.x.assertionError(static, a, in.AssertedType))
			}
			set(fr, got)
		}
	}
	regs := c.tuple(in)
	set := c.regSetter(regs[0], t)
	okReg := regs[1].i
	zero := c.x.zeroOf(t)
	return func(fr *frame) {
		got, ok := test(v(fr))
		if !ok {
			got = zero
		}
		set(fr, got)
		fr.n[okReg] = b2i(ok)
	}
}

// assertion is the test of a type assertion, and the value in its representation.
func (c *compiler) assertion(t types.Type, r *rtype) func(any) (any, bool) {
	if r.iface {
		want := t.Underlying().(*types.Interface)
		if want.NumMethods() == 0 {
			return func(a any) (any, bool) { return a, a != nil }
		}
		type known struct {
			t  any
			ok bool
		}
		var last known // of the dynamic type seen last
		return func(a any) (any, bool) {
			if a == nil {
				return nil, false
			}
			var dyn any
			if b, ok := a.(box); ok {
				dyn = b.t.typ
			} else {
				dyn = reflect.TypeOf(a)
			}
			if last.t != dyn {
				last = known{dyn, c.x.implements(a, want) == ""}
			}
			return a, last.ok
		}
	}
	if r.pure && r.zero == nil && r.bank == refs { // a type that cannot be named here
		n, _ := types.Unalias(t).(*types.Named)
		return func(a any) (any, bool) {
			return a, a != nil && n != nil && c.x.isHostType(reflect.TypeOf(a), n)
		}
	}
	if r.pure {
		rep := r.rep
		return func(a any) (any, bool) { return a, a != nil && reflect.TypeOf(a) == rep }
	}
	return func(a any) (any, bool) {
		b, ok := a.(box)
		if !ok || b.t != r {
			return nil, false
		}
		return b.v, true
	}
}

// assertionError is the text of a failed type assertion (runtime.TypeAssertionError).
func (x *Executor) assertionError(static types.Type, a any, want types.Type) error {
	from := typeString(static)
	if n, ok := types.Unalias(static).(*types.Named); !ok || n.Obj().Pkg() == nil {
		from = "interface"
		if i, ok := static.Underlying().(*types.Interface); ok && i.Empty() {
			from = "interface {}"
		} else if isNamed(types.Unalias(static)) {
			from = typeString(static)
		}
	}
	to := typeString(want)
	if a == nil {
		if types.IsInterface(want) {
			from = "interface"
		}
		return assertError("interface conversion: " + from + " is nil, not " + to)
	}
	if types.IsInterface(want) {
		return assertError("interface conversion: " + x.dynamicName(a) + " is not " + to + ": missing method " + x.implements(a, want.Underlying().(*types.Interface)))
	}
	return assertError("interface conversion: " + from + " is " + x.dynamicName(a) + ", not " + to)
}

// assertError is a failed type assertion; Go writes it without "runtime error: ".
type assertError string

func (e assertError) Error() string { return string(e) }
func (e assertError) RuntimeError() {}

// method finds what a dynamic type does for a method of an interface; nil if it has
// none of the name any more.
func (x *Executor) method(t *rtype, m *types.Func) *Func {
	if f := t.methods[m.Id()]; f != nil {
		return f
	}
	if x.prog.MethodSets.MethodSet(t.typ).Lookup(m.Pkg(), m.Name()) == nil {
		return nil
	}
	fn := x.prog.LookupMethod(t.typ, m.Pkg(), m.Name())
	f := &Func{slot: x.slot(fn)}
	if t.methods == nil {
		t.methods = map[string]*Func{}
	}
	t.methods[m.Id()] = f
	return f
}
