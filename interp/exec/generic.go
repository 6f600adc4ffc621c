package exec

import (
	"go/types"
	"reflect"
	"slices"

	"golang.org/x/tools/go/ssa"
)

// generics are functions of the packages that are run from source (slices, maps,
// iter) that are done here instead: they look at memory, or are slow otherwise.
// A function may decline, for the types that it does not know.
var generics map[string]func(c *compiler, in *ssa.Call) func(*frame)

func genericName(fn *ssa.Function) string {
	if fn.Origin() == nil {
		return ""
	}
	if obj, ok := fn.Origin().Object().(*types.Func); ok && obj != nil {
		return obj.FullName()
	}
	return ""
}

func (c *compiler) genericIntrinsic(in *ssa.Call, fn *ssa.Function) func(*frame) {
	if f := generics[genericName(fn)]; f != nil {
		return f(c, in)
	}
	return nil
}

// genericSpecial says whether a function is never run from its source.
func (x *Executor) genericSpecial(fn *ssa.Function) bool { return genericName(fn) == "slices.overlaps" }

// overlaps says whether two slices share memory.
func (c *compiler) overlaps(in *ssa.Call) func(*frame) {
	a, b, i := c.ref(in.Call.Args[0]), c.ref(in.Call.Args[1]), c.reg(in).i
	return func(fr *frame) {
		a, b := reflect.ValueOf(a(fr)), reflect.ValueOf(b(fr))
		if a.Len() == 0 || b.Len() == 0 {
			fr.n[i] = 0
			return
		}
		first := func(v reflect.Value) uintptr { return v.Index(0).Addr().Pointer() }
		last := func(v reflect.Value) uintptr { return v.Index(v.Len()-1).Addr().Pointer() + v.Type().Elem().Size() - 1 }
		fr.n[i] = b2i(a.Type().Elem().Size() > 0 && first(a) <= last(b) && first(b) <= last(a))
	}
}

// sortOrdered is slices.Sort: the order of equal ordered values cannot be seen.
func (c *compiler) sortOrdered(in *ssa.Call) func(*frame) {
	s := c.ref(in.Call.Args[0])
	switch c.x.rtype(in.Call.Args[0].Type()).rep {
	case reflect.TypeFor[[]int]():
		return func(fr *frame) { fr.m.heed(); slices.Sort(s(fr).([]int)) }
	case reflect.TypeFor[[]float64]():
		return func(fr *frame) { fr.m.heed(); slices.Sort(s(fr).([]float64)) }
	case reflect.TypeFor[[]string]():
		return func(fr *frame) { fr.m.heed(); slices.Sort(s(fr).([]string)) }
	}
	return nil
}

func init() {
	generics = map[string]func(c *compiler, in *ssa.Call) func(*frame){
		"slices.overlaps": (*compiler).overlaps,
		"slices.Sort":     (*compiler).sortOrdered,
	}
	specials["maps.clone"] = func(m *machine, a []any) {
		b, boxed := a[0].(box)
		from := reflect.ValueOf(a[0])
		if boxed {
			from = reflect.ValueOf(b.v)
		}
		to := reflect.MakeMapWithSize(from.Type(), from.Len())
		for it := from.MapRange(); it.Next(); {
			to.SetMapIndex(it.Key(), it.Value())
		}
		m.ra[0] = to.Interface()
		if boxed {
			m.ra[0] = box{b.t, to.Interface()}
		}
	}
}
