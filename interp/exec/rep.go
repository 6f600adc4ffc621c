package exec

import (
	"fmt"
	"go/ast"
	"go/types"
	"reflect"
	"strconv"

	"weir/interp/cell"
)

// bank is the kind of register that a value lives in.
type bank uint8

const (
	nums bank = iota // integers, booleans and floats, as 64 bits
	strs
	refs // everything else, as its representation in an interface
)

// rtype is a type of the program and what stands for it in memory.
//
// Representations are ordinary types of reflect, so that a []float64 of a cell is
// a []float64 to the library's functions too:
//
//   - a declared type is represented as its underlying type; names and methods
//     live here, not in reflect (which cannot make named types)
//   - every interface is an any that holds either a value whose type reflect
//     knows exactly (pure below), or a box with the value's rtype beside it
//   - every function is a *Func
//   - reflect cannot make recursive types either: a pointer, slice, map or channel
//     whose element is a recursive declared type is opaque: an any in memory that
//     holds the real one, or nil
type rtype struct {
	key   string // types with equal keys are identical
	typ   types.Type
	rep   reflect.Type // in memory
	inner reflect.Type // of an opaque type: the real one
	bank  bank
	pure  bool // rep is the type itself, nothing erased
	iface bool // an interface type
	zero  any  // of a type of bank refs
	parts int  // types that rep is made of, each as often as it stands there
	x     *Executor

	methods map[string]*Func // those that were called through interfaces
}

var anyType = reflect.TypeFor[any]()
var funcType = reflect.TypeFor[*Func]()

var basics = map[types.BasicKind]reflect.Type{
	types.Bool: reflect.TypeFor[bool](), types.String: reflect.TypeFor[string](),
	types.Int: reflect.TypeFor[int](), types.Int8: reflect.TypeFor[int8](), types.Int16: reflect.TypeFor[int16](),
	types.Int32: reflect.TypeFor[int32](), types.Int64: reflect.TypeFor[int64](),
	types.Uint: reflect.TypeFor[uint](), types.Uint8: reflect.TypeFor[uint8](), types.Uint16: reflect.TypeFor[uint16](),
	types.Uint32: reflect.TypeFor[uint32](), types.Uint64: reflect.TypeFor[uint64](), types.Uintptr: reflect.TypeFor[uintptr](),
	types.Float32: reflect.TypeFor[float32](), types.Float64: reflect.TypeFor[float64](),
	types.Complex64: reflect.TypeFor[complex64](), types.Complex128: reflect.TypeFor[complex128](),
}

// rtype finds or makes the representation of t.
func (x *Executor) rtype(t types.Type) *rtype {
	t = types.Unalias(t)
	if r := x.byType[t]; r != nil {
		return r
	}
	key := x.key(t)
	r := x.byKey[key]
	if r == nil {
		r = &rtype{key: key, typ: t, x: x}
		x.byKey[key] = r
		x.loading.types = append(x.loading.types, key)
		x.nested++
		x.represent(r)
		x.nested--
		x.finish()
	}
	x.byType[t] = r
	return r
}

func (x *Executor) represent(r *rtype) {
	if n, ok := r.typ.(*types.Named); ok && hosted(n.Obj()) {
		if x.representHost(r, n) {
			return
		}
	}
	r.bank, r.parts = refs, 1
	switch t := r.typ.Underlying().(type) {
	case *types.Basic:
		x.representBasic(r, t)
	case *types.Interface:
		r.rep, r.iface = anyType, true
		r.pure = t.Empty() && !isNamed(r.typ)
	case *types.Signature:
		r.rep = funcType
	case *types.Struct:
		x.representStruct(r, t)
	case *types.Array:
		e := x.rtype(t.Elem())
		if size := int64(e.rep.Size()); size > 0 && t.Len() > maxSize/size {
			panic(tooLarge(r))
		}
		r.rep, r.pure = reflect.ArrayOf(int(t.Len()), e.rep), e.pure
		r.consists(e)
	case *types.Pointer:
		x.representRef(r, t.Elem(), func(e *rtype) reflect.Type { return reflect.PointerTo(e.rep) })
	case *types.Slice:
		x.representRef(r, t.Elem(), func(e *rtype) reflect.Type { return reflect.SliceOf(e.rep) })
	case *types.Chan:
		x.representRef(r, t.Elem(), func(e *rtype) reflect.Type { return reflect.ChanOf(chanDirs[t.Dir()], e.rep) })
	case *types.Map:
		k := x.rtype(t.Key())
		r.consists(k)
		x.representRef(r, t.Elem(), func(e *rtype) reflect.Type { return reflect.MapOf(k.rep, e.rep) })
		r.pure = r.pure && k.pure
	case *types.Tuple:
		r.rep = anyType
	default:
		panic(unsupported("a value of type " + r.typ.String()))
	}
	if isNamed(r.typ) {
		r.pure = false
	}
	r.setZero()
}

var chanDirs = map[types.ChanDir]reflect.ChanDir{
	types.SendRecv: reflect.BothDir, types.SendOnly: reflect.SendDir, types.RecvOnly: reflect.RecvDir,
}

func (r *rtype) setZero() {
	switch {
	case r.bank != refs || r.iface:
	case r.inner != nil:
		r.zero = reflect.Zero(r.inner).Interface()
	default:
		r.zero = reflect.Zero(r.rep).Interface()
	}
}

func (x *Executor) representBasic(r *rtype, t *types.Basic) {
	r.rep = basics[types.Default(t).(*types.Basic).Kind()]
	switch {
	case t.Kind() == types.UntypedNil, t.Kind() == types.UnsafePointer: // go/ssa's stack of deferred calls
		r.rep, r.iface = anyType, true
	case r.rep == nil:
		panic(unsupported("a value of type " + t.Name()))
	case t.Info()&types.IsString != 0:
		r.bank = strs
	case t.Info()&types.IsComplex == 0:
		r.bank = nums
	}
	r.pure = true
}

// representRef represents a type that refers to its element.
func (x *Executor) representRef(r *rtype, elem types.Type, of func(*rtype) reflect.Type) {
	if !x.recursive(elem) {
		e := x.rtype(elem)
		r.consists(e)
		r.rep, r.pure = of(e), e.pure
		return
	}
	r.rep = anyType
	x.opaque = append(x.opaque, func() { // not before the element is known: it leads back here
		e := x.rtype(elem)
		r.consists(e)
		r.inner = of(e)
		r.setZero()
	})
}

// finish completes the opaque types that representing a type has come upon.
func (x *Executor) finish() {
	for x.nested == 0 && len(x.opaque) > 0 {
		complete := x.opaque[0]
		x.opaque = x.opaque[1:]
		complete()
	}
}

// recursive says whether a value of type t holds, in itself, a declared type that
// leads back to itself.
func (x *Executor) recursive(t types.Type) bool {
	switch t := types.Unalias(t).(type) {
	case *types.Named:
		if hosted(t.Obj()) || types.IsInterface(t) {
			return false
		}
		key := x.key(t)
		if known, ok := x.recur[key]; ok {
			return known
		}
		x.recur[key] = x.reaches(t.Underlying(), key, map[string]bool{})
		if !x.recur[key] {
			x.recur[key] = x.recursive(t.Underlying())
		}
		return x.recur[key]
	case *types.Struct:
		for f := range t.Fields() {
			if x.recursive(f.Type()) {
				return true
			}
		}
	case *types.Array:
		return x.recursive(t.Elem())
	}
	return false
}

func (x *Executor) reaches(t types.Type, key string, seen map[string]bool) bool {
	to := func(t types.Type) bool { return x.reaches(t, key, seen) }
	switch t := types.Unalias(t).(type) {
	case *types.Named:
		if hosted(t.Obj()) {
			return false
		}
		k := x.key(t)
		if k == key {
			return true
		}
		if seen[k] {
			return false
		}
		seen[k] = true
		return to(t.Underlying())
	case *types.Struct:
		for f := range t.Fields() {
			if to(f.Type()) {
				return true
			}
		}
	case *types.Array:
		return to(t.Elem())
	case *types.Pointer:
		return to(t.Elem())
	case *types.Slice:
		return to(t.Elem())
	case *types.Chan:
		return to(t.Elem())
	case *types.Map:
		return to(t.Key()) || to(t.Elem())
	}
	return false
}

func (x *Executor) representStruct(r *rtype, t *types.Struct) {
	fields := make([]reflect.StructField, t.NumFields())
	r.pure = true
	size := int64(0)
	for i := range fields {
		f := t.Field(i)
		e := x.rtype(f.Type())
		r.consists(e)
		if size += int64(e.rep.Size()); size > maxSize {
			panic(tooLarge(r))
		}
		fields[i] = reflect.StructField{Name: f.Name(), Type: e.rep, Tag: reflect.StructTag(t.Tag(i))}
		r.pure = r.pure && e.pure && f.Exported() && !f.Embedded()
		switch {
		case f.Name() == "_":
			fields[i].Name, fields[i].Tag = "X__"+strconv.Itoa(i), `json:"-"`
		case !ast.IsExported(f.Name()):
			fields[i].Name, fields[i].Tag = "X_"+f.Name(), `json:"-"`
		case f.Embedded():
			base := e.rep
			if base.Kind() == reflect.Pointer {
				base = base.Elem()
			}
			fields[i].Anonymous = base.Kind() == reflect.Struct && base.Name() == ""
		}
	}
	r.rep = reflect.StructOf(fields)
}

// maxSize is how many bytes a value may have, a third of what the process may hold,
// since the type's zero value is kept beside it; go/ssa makes an array of a slice of
// constant length, too. maxParts is of how many types the representation of a type may
// be made: reflect writes it out, pointers and all, and never forgets it.
const (
	maxSize  = 512 << 20
	maxParts = 10_000
)

func tooLarge(r *rtype) *Refusal {
	return &Refusal{Text: fmt.Sprintf("a value of type %.100s has more than %d MB; hold it in parts", r.typ, maxSize>>20)}
}

// consists counts the parts of a type that r is made of.
func (r *rtype) consists(of *rtype) {
	if r.parts += of.parts; r.parts > maxParts {
		panic(&Refusal{Text: fmt.Sprintf("the type %.100s is too large: written out, with what its pointers lead to, it has more than %d parts", r.typ, maxParts)})
	}
}

// hosted says whether a type or function is of a package that is compiled into
// the binary, rather than of a cell.
func hosted(obj types.Object) bool {
	return obj.Pkg() == nil || !interpreted(obj.Pkg())
}

func isNamed(t types.Type) bool { _, ok := t.(*types.Named); return ok }

// representHost uses the real type. A type that cannot be named here is held in
// an any as it is.
func (x *Executor) representHost(r *rtype, n *types.Named) bool {
	if n.Obj().Pkg() == nil { // error, comparable
		return false
	}
	t := x.hostType(n.Obj())
	r.bank = refs
	switch {
	case types.IsInterface(n):
		r.rep, r.iface = anyType, true
		return true
	case t == nil:
		r.rep, r.pure, r.zero = anyType, true, nil
		return true
	}
	r.rep, r.pure = t, true
	switch t.Kind() {
	case reflect.String:
		r.bank = strs
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8,
		reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr, reflect.Float32, reflect.Float64:
		r.bank = nums
	case reflect.Func:
		r.rep, r.pure = funcType, false
	}
	r.setZero()
	return true
}

// key is equal for identical types, across cells too: a declared type is its name and
// version.
func (x *Executor) key(t types.Type) string { return cell.Key(t, x.typeKey) }

func (x *Executor) typeKey(obj *types.TypeName) string {
	if obj.Parent() != nil && obj.Parent() == obj.Pkg().Scope() {
		return obj.Name() + x.versions[obj]
	}
	id, ok := x.locals[obj] // of a function
	if !ok {
		id = len(x.locals) + 1
		x.locals[obj] = id
	}
	return fmt.Sprintf("%s#%d", obj.Name(), id)
}

// load is what stands in a memory cell of r's representation, as a register of
// bank refs holds it.
func (r *rtype) load(v reflect.Value) any {
	a := v.Interface()
	if a == nil && r.inner != nil {
		return r.zero
	}
	return a
}

// cell is a register of bank refs as a value that can be Set in memory.
func (r *rtype) cell(a any) reflect.Value {
	if a == nil {
		return reflect.Zero(r.rep)
	}
	v := reflect.ValueOf(a)
	if r.inner != nil && v.IsNil() {
		return reflect.Zero(r.rep)
	}
	return v
}

// goName is the type as %T prints it.
func (r *rtype) goName() string { return typeString(r.typ) }
