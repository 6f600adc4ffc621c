package exec

import (
	"fmt"
	"go/token"
	"go/types"
	"math"
	"reflect"

	"golang.org/x/tools/go/ssa"
)

// instr compiles an instruction that is not the last of its block.
func (c *compiler) instr(in ssa.Instruction) func(*frame) {
	switch in := in.(type) {
	case *ssa.Alloc:
		return c.alloc(in)
	case *ssa.BinOp:
		return c.binOp(in)
	case *ssa.UnOp:
		return c.unOp(in)
	case *ssa.Store:
		return c.store(in)
	case *ssa.FieldAddr, *ssa.IndexAddr:
		return c.address(in.(ssa.Value))
	case *ssa.Field:
		return c.set(in, c.fieldValue(in))
	case *ssa.Index:
		return c.index(in)
	case *ssa.Extract:
		return nil // its register is the tuple's
	case *ssa.Convert:
		return c.convert(in)
	case *ssa.MultiConvert:
		c.refuse(in.Pos(), "a conversion from %s to %s is not supported in a cell", in.X.Type(), in.Type())
	case *ssa.ChangeType:
		return c.changeType(in, in.X)
	case *ssa.ChangeInterface:
		return c.move(c.reg(in), in.X)
	case *ssa.MakeInterface:
		return c.makeInterface(in)
	case *ssa.TypeAssert:
		return c.typeAssert(in)
	case *ssa.MakeClosure:
		return c.makeClosure(in)
	case *ssa.MakeMap:
		r, i := c.x.rtype(in.Type()), c.reg(in).i
		return func(fr *frame) { fr.a[i] = reflect.MakeMap(r.real()).Interface() }
	case *ssa.MakeSlice:
		return c.makeSlice(in)
	case *ssa.MakeChan:
		return c.makeChan(in)
	case *ssa.Slice:
		return c.slice(in)
	case *ssa.SliceToArrayPointer:
		return c.sliceToArray(in)
	case *ssa.Lookup:
		return c.lookup(in)
	case *ssa.MapUpdate:
		return c.mapUpdate(in)
	case *ssa.Range:
		return c.rangeOver(in)
	case *ssa.Next:
		return c.next(in)
	case *ssa.Call:
		return c.call(in)
	case *ssa.Defer:
		return c.deferCall(in)
	case *ssa.RunDefers:
		c.code.defers = true
		return func(fr *frame) { fr.m.runDefers(fr) }
	case *ssa.Go:
		return c.goCall(in)
	case *ssa.Send:
		return c.send(in)
	case *ssa.Select:
		return c.selects(in)
	}
	c.refuse(in.Pos(), "%T is not supported in a cell", in)
	return nil
}

// real is the type that values have in registers.
func (r *rtype) real() reflect.Type {
	if r.inner != nil {
		return r.inner
	}
	return r.rep
}

func (c *compiler) alloc(in *ssa.Alloc) func(*frame) {
	r, i := c.x.rtype(deref(in.Type())), c.reg(in).i
	switch r.rep {
	case reflect.TypeFor[int]():
		return func(fr *frame) { fr.a[i] = new(int) }
	case reflect.TypeFor[float64]():
		return func(fr *frame) { fr.a[i] = new(float64) }
	}
	rep, at, size := r.rep, in.Pos(), int64(r.rep.Size())
	return func(fr *frame) {
		fr.room(at, size)
		fr.a[i] = reflect.New(rep).Interface()
	}
}

func deref(t types.Type) types.Type { return t.Underlying().(*types.Pointer).Elem() }

// place is the memory that an address points to.
func (c *compiler) place(v ssa.Value) func(*frame) reflect.Value {
	if g, ok := v.(*ssa.Global); ok {
		cell := reflect.ValueOf(c.x.global(g, g.Pos())).Elem()
		return func(*frame) reflect.Value { return cell }
	}
	if !c.fusedAddress(v) {
		p, at := c.ref(v), v.Pos()
		return func(fr *frame) reflect.Value {
			v := reflect.ValueOf(p(fr))
			if !v.IsValid() || v.IsNil() {
				fr.nilDeref(at)
			}
			return v.Elem()
		}
	}
	switch v := v.(type) {
	case *ssa.FieldAddr:
		return c.fieldPlace(v)
	case *ssa.IndexAddr:
		return c.indexPlace(v)
	}
	panic("exec: fused address " + v.String())
}

// fusedAddress says whether v is an address that is computed where it is used.
func (c *compiler) fusedAddress(v ssa.Value) bool {
	switch v.(type) {
	case *ssa.FieldAddr, *ssa.IndexAddr:
		return c.fused[v]
	}
	return false
}

func (c *compiler) fieldPlace(v *ssa.FieldAddr) func(*frame) reflect.Value {
	base, i := c.basePlace(v.X, v.Pos()), v.Field
	return func(fr *frame) reflect.Value { return base(fr).Field(i) }
}

// basePlace is place, with the position of what dereferences.
func (c *compiler) basePlace(v ssa.Value, at token.Pos) func(*frame) reflect.Value {
	if _, ok := v.(*ssa.Global); ok || c.fusedAddress(v) {
		return c.place(v)
	}
	p := c.ref(v)
	return func(fr *frame) reflect.Value {
		v := reflect.ValueOf(p(fr))
		if !v.IsValid() || v.IsNil() {
			fr.nilDeref(at)
		}
		return v.Elem()
	}
}

func (c *compiler) indexPlace(v *ssa.IndexAddr) func(*frame) reflect.Value {
	at, n := v.Pos(), c.num(v.Index)
	unsigned := isUnsigned(v.Index.Type())
	if _, ok := v.X.Type().Underlying().(*types.Slice); ok {
		s := c.ref(v.X)
		return func(fr *frame) reflect.Value {
			s := reflect.ValueOf(s(fr))
			i := n(fr)
			if uint64(i) >= uint64(s.Len()) {
				fr.badIndex(at, i, s.Len(), unsigned)
			}
			return s.Index(int(i))
		}
	}
	base := c.basePlace(v.X, at)
	return func(fr *frame) reflect.Value {
		a := base(fr)
		i := n(fr)
		if uint64(i) >= uint64(a.Len()) {
			fr.badIndex(at, i, a.Len(), unsigned)
		}
		return a.Index(int(i))
	}
}

func (fr *frame) badIndex(at token.Pos, i int64, n int, unsigned bool) {
	if unsigned && i < 0 {
		fr.throw(at, runtimeError(fmt.Sprintf("index out of range [%d] with length %d", uint64(i), n)))
	}
	fr.outOfRange(at, i, n)
}

// address compiles an address that is kept in a register.
func (c *compiler) address(v ssa.Value) func(*frame) {
	c.fused[v] = true
	place := c.place(v)
	delete(c.fused, v)
	if c.hostCell(v) != nil {
		c.refuse(v.Pos(), "the address of this field of a library's type is not supported in a cell; copy the value to a variable")
	}
	i := c.reg(v).i
	return func(fr *frame) { fr.a[i] = place(fr).Addr().Interface() }
}

// hostCell is the type of a field of a library's struct that is not represented
// as it is: an interface other than any, or a function.
func (c *compiler) hostCell(v ssa.Value) reflect.Type {
	var t types.Type
	var i int
	switch v := v.(type) {
	case *ssa.FieldAddr:
		t, i = deref(v.X.Type()), v.Field
	case *ssa.Field:
		t, i = v.X.Type(), v.Field
	default:
		return nil
	}
	n, ok := types.Unalias(t).(*types.Named)
	if !ok || !hosted(n.Obj()) {
		return nil
	}
	host := c.x.rtype(t).rep.Field(i).Type
	if host == c.x.rtype(t.Underlying().(*types.Struct).Field(i).Type()).rep {
		return nil
	}
	return host
}

// load compiles *p into a register.
func (c *compiler) load(in *ssa.UnOp) func(*frame) {
	r := c.reg(in)
	i := r.i
	switch r.bank {
	case nums:
		if isFloat(in.Type()) {
			f := c.loadFloat(in)
			return func(fr *frame) { fr.n[i] = int64(math.Float64bits(f(fr))) }
		}
		f := c.loadNum(in)
		return func(fr *frame) { fr.n[i] = f(fr) }
	case strs:
		f := c.loadStr(in)
		return func(fr *frame) { fr.s[i] = f(fr) }
	}
	f := c.loadRef(in)
	return func(fr *frame) { fr.a[i] = f(fr) }
}

// pointerReg is how a pointer that is in a register is read, if it is.
func (c *compiler) pointerReg(v ssa.Value) func(*frame) any {
	if c.fusedAddress(v) {
		return nil
	}
	if _, ok := v.(*ssa.Global); ok {
		return nil
	}
	return c.ref(v)
}

func (c *compiler) loadNum(in *ssa.UnOp) func(*frame) int64 {
	r, at := c.x.rtype(in.Type()), in.Pos()
	switch r.rep {
	case reflect.TypeFor[int]():
		if g, ok := in.X.(*ssa.Global); ok {
			p := c.x.global(g, at).(*int)
			return func(*frame) int64 { return int64(*p) }
		}
		if p := c.pointerReg(in.X); p != nil {
			return func(fr *frame) int64 { return int64(*deref1[int](fr, p(fr), at)) }
		}
		if s, n := c.sliceElem(in.X); s != nil {
			return func(fr *frame) int64 { return int64(*elem[int](fr, s(fr), n(fr), at)) }
		}
	case reflect.TypeFor[float64]():
		f := c.loadFloat(in)
		return func(fr *frame) int64 { return int64(math.Float64bits(f(fr))) }
	case reflect.TypeFor[bool]():
		if s, n := c.sliceElem(in.X); s != nil {
			return func(fr *frame) int64 { return b2i(*elem[bool](fr, s(fr), n(fr), at)) }
		}
	case reflect.TypeFor[uint8]():
		if s, n := c.sliceElem(in.X); s != nil {
			return func(fr *frame) int64 { return int64(*elem[uint8](fr, s(fr), n(fr), at)) }
		}
	}
	return numOf(c.placeAt(in), r)
}

// placeAt is the place of a load; a nil pointer is reported there.
func (c *compiler) placeAt(in *ssa.UnOp) func(*frame) reflect.Value {
	return c.basePlace(in.X, in.Pos())
}

// numOf reads a number from memory.
func numOf(place func(*frame) reflect.Value, r *rtype) func(*frame) int64 {
	switch r.rep.Kind() {
	case reflect.Bool:
		return func(fr *frame) int64 { return b2i(place(fr).Bool()) }
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return func(fr *frame) int64 { return place(fr).Int() }
	case reflect.Float32, reflect.Float64:
		return func(fr *frame) int64 { return int64(math.Float64bits(place(fr).Float())) }
	}
	return func(fr *frame) int64 { return int64(place(fr).Uint()) }
}

func deref1[T any](fr *frame, a any, at token.Pos) *T {
	p, _ := a.(*T)
	if p == nil {
		fr.nilDeref(at)
	}
	return p
}

// sliceElem is the slice and the index of an address that is fused, if it is of
// an element of a slice of plain numbers or strings.
func (c *compiler) sliceElem(v ssa.Value) (func(*frame) any, func(*frame) int64) {
	a, ok := v.(*ssa.IndexAddr)
	if !ok || !c.fused[v] {
		return nil, nil
	}
	s, ok := a.X.Type().Underlying().(*types.Slice)
	if !ok || isUnsigned(a.Index.Type()) || c.x.rtype(a.X.Type()).rep != reflect.SliceOf(c.x.rtype(s.Elem()).rep) {
		return nil, nil
	}
	return c.ref(a.X), c.num(a.Index)
}

func elem[T any](fr *frame, s any, i int64, at token.Pos) *T {
	list, ok := s.([]T)
	if !ok { // of a declared type of the library's
		list = reflect.ValueOf(s).Convert(reflect.TypeFor[[]T]()).Interface().([]T)
	}
	if uint64(i) >= uint64(len(list)) {
		fr.outOfRange(at, i, len(list))
	}
	return &list[i]
}

func (c *compiler) loadFloat(in *ssa.UnOp) func(*frame) float64 {
	r, at := c.x.rtype(in.Type()), in.Pos()
	if r.rep == reflect.TypeFor[float64]() {
		if g, ok := in.X.(*ssa.Global); ok {
			p := c.x.global(g, at).(*float64)
			return func(*frame) float64 { return *p }
		}
		if p := c.pointerReg(in.X); p != nil {
			return func(fr *frame) float64 { return *deref1[float64](fr, p(fr), at) }
		}
		if s, n := c.sliceElem(in.X); s != nil {
			return func(fr *frame) float64 { return *elem[float64](fr, s(fr), n(fr), at) }
		}
	}
	place := c.placeAt(in)
	return func(fr *frame) float64 { return place(fr).Float() }
}

func (c *compiler) loadStr(in *ssa.UnOp) func(*frame) string {
	at := in.Pos()
	if c.x.rtype(in.Type()).rep == reflect.TypeFor[string]() {
		if s, n := c.sliceElem(in.X); s != nil {
			return func(fr *frame) string { return *elem[string](fr, s(fr), n(fr), at) }
		}
	}
	place := c.placeAt(in)
	return func(fr *frame) string { return place(fr).String() }
}

func (c *compiler) loadRef(in *ssa.UnOp) func(*frame) any {
	r, place := c.x.rtype(in.Type()), c.placeAt(in)
	if c.hostCell(in.X) != nil {
		from := c.x.fromHostType(r)
		return func(fr *frame) any { return from(place(fr)) }
	}
	return func(fr *frame) any { return r.load(place(fr)) }
}

// store compiles *p = v.
func (c *compiler) store(in *ssa.Store) func(*frame) {
	r, at := c.x.rtype(deref(in.Addr.Type())), in.Pos()
	switch r.bank {
	case nums:
		return c.storeNum(in, r)
	case strs:
		v := c.str(in.Val)
		place := c.basePlace(in.Addr, at)
		return func(fr *frame) {
			s := v(fr)
			place(fr).SetString(s)
		}
	}
	v, place := c.ref(in.Val), c.basePlace(in.Addr, at)
	if host := c.hostCell(in.Addr); host != nil {
		to := c.x.toHostType(r, host, in.Pos())
		return func(fr *frame) { place(fr).Set(to(fr.m, v(fr))) }
	}
	return func(fr *frame) {
		a := v(fr)
		place(fr).Set(r.cell(a))
	}
}

func (c *compiler) storeNum(in *ssa.Store, r *rtype) func(*frame) {
	at := in.Pos()
	switch r.rep {
	case reflect.TypeFor[int]():
		v := c.num(in.Val)
		if g, ok := in.Addr.(*ssa.Global); ok {
			p := c.x.global(g, at).(*int)
			return func(fr *frame) { *p = int(v(fr)) }
		}
		if p := c.pointerReg(in.Addr); p != nil {
			return func(fr *frame) { n := v(fr); *deref1[int](fr, p(fr), at) = int(n) }
		}
		if s, i := c.sliceElem(in.Addr); s != nil {
			return func(fr *frame) { n := v(fr); *elem[int](fr, s(fr), i(fr), at) = int(n) }
		}
	case reflect.TypeFor[float64]():
		v := c.flt(in.Val)
		if g, ok := in.Addr.(*ssa.Global); ok {
			p := c.x.global(g, at).(*float64)
			return func(fr *frame) { *p = v(fr) }
		}
		if p := c.pointerReg(in.Addr); p != nil {
			return func(fr *frame) { f := v(fr); *deref1[float64](fr, p(fr), at) = f }
		}
		if s, i := c.sliceElem(in.Addr); s != nil {
			return func(fr *frame) { f := v(fr); *elem[float64](fr, s(fr), i(fr), at) = f }
		}
	case reflect.TypeFor[bool]():
		if s, i := c.sliceElem(in.Addr); s != nil {
			v := c.cond(in.Val)
			return func(fr *frame) { b := v(fr); *elem[bool](fr, s(fr), i(fr), at) = b }
		}
	}
	v, place := c.num(in.Val), c.basePlace(in.Addr, at)
	return func(fr *frame) {
		n := v(fr)
		setNum(place(fr), n)
	}
}

// set puts what stands at a place into the register of v.
func (c *compiler) set(v ssa.Value, place func(*frame) reflect.Value) func(*frame) {
	t, r := c.x.rtype(v.Type()), c.reg(v)
	i := r.i
	switch r.bank {
	case nums:
		f := numOf(place, t)
		return func(fr *frame) { fr.n[i] = f(fr) }
	case strs:
		return func(fr *frame) { fr.s[i] = place(fr).String() }
	}
	if c.hostCell(v) != nil {
		from := c.x.fromHostType(t)
		return func(fr *frame) { fr.a[i] = from(place(fr)) }
	}
	return func(fr *frame) { fr.a[i] = t.load(place(fr)) }
}

// fieldValue is a field of a struct that is in a register.
func (c *compiler) fieldValue(in *ssa.Field) func(*frame) reflect.Value {
	if inner, ok := in.X.(*ssa.Field); ok && c.hiddenField(inner) {
		x, i := c.fieldValue(inner), in.Field
		return func(fr *frame) reflect.Value { return x(fr).Field(i) }
	}
	x, i := c.ref(in.X), in.Field
	return func(fr *frame) reflect.Value { return reflect.ValueOf(x(fr)).Field(i) }
}

// index compiles an element of an array or of a string.
func (c *compiler) index(in *ssa.Index) func(*frame) {
	n, at, unsigned := c.num(in.Index), in.Pos(), isUnsigned(in.Index.Type())
	if c.bankOf(in.X) == strs {
		s, i := c.str(in.X), c.reg(in).i
		return func(fr *frame) {
			s, k := s(fr), n(fr)
			if uint64(k) >= uint64(len(s)) {
				fr.badIndex(at, k, len(s), unsigned)
			}
			fr.n[i] = int64(s[k])
		}
	}
	x := c.ref(in.X)
	return c.set(in, func(fr *frame) reflect.Value {
		a, k := reflect.ValueOf(x(fr)), n(fr)
		if uint64(k) >= uint64(a.Len()) {
			fr.badIndex(at, k, a.Len(), unsigned)
		}
		return a.Index(int(k))
	})
}

func (c *compiler) makeInterface(in *ssa.MakeInterface) func(*frame) {
	r, i := c.x.rtype(in.X.Type()), c.reg(in).i
	v := c.value(in.X)
	if k, ok := in.X.(*ssa.Const); ok && !k.IsNil() && r.bank != refs {
		a := r.wrap(v(nil))
		return func(fr *frame) { fr.a[i] = a }
	}
	if r.pure {
		return func(fr *frame) { fr.a[i] = v(fr) }
	}
	return func(fr *frame) { fr.a[i] = box{r, v(fr)} }
}

func (c *compiler) makeClosure(in *ssa.MakeClosure) func(*frame) {
	slot, i := c.x.slot(in.Fn.(*ssa.Function)), c.reg(in).i
	var free []func(*frame) any
	for _, b := range in.Bindings {
		free = append(free, c.value(b))
	}
	return func(fr *frame) {
		f := &Func{slot: slot, free: make([]any, len(free))}
		for j, v := range free {
			f.free[j] = v(fr)
		}
		fr.a[i] = f
	}
}

func (c *compiler) makeSlice(in *ssa.MakeSlice) func(*frame) {
	r, i, at := c.x.rtype(in.Type()), c.reg(in).i, in.Pos()
	n, k := c.num(in.Len), c.num(in.Cap)
	size := max(int64(r.real().Elem().Size()), 1)
	return func(fr *frame) {
		n, k := n(fr), k(fr)
		if n < 0 || n > math.MaxInt64/size {
			fr.throw(at, runtimeError("makeslice: len out of range"))
		}
		if k < n || k > math.MaxInt64/size {
			fr.throw(at, runtimeError("makeslice: cap out of range"))
		}
		if k*size > maxAlloc {
			fr.throw(at, plainError(fmt.Sprintf("out of memory: a slice of %d bytes", k*size)))
		}
		fr.room(at, k*size)
		fr.a[i] = reflect.MakeSlice(r.real(), int(n), int(k)).Interface()
	}
}

// maxAlloc is the largest single slice that is attempted, in bytes.
const maxAlloc = 1 << 40

// slice compiles x[low:high:max].
func (c *compiler) slice(in *ssa.Slice) func(*frame) {
	at := in.Pos()
	bound := func(v ssa.Value) func(*frame) int64 {
		if v == nil {
			return nil
		}
		return c.num(v)
	}
	low, high, top := bound(in.Low), bound(in.High), bound(in.Max)
	if low == nil {
		low = func(*frame) int64 { return 0 }
	}
	i := c.reg(in).i
	if c.bankOf(in.X) == strs {
		s := c.str(in.X)
		return func(fr *frame) {
			s := s(fr)
			l, h := low(fr), int64(len(s))
			if high != nil {
				h = high(fr)
			}
			fr.sliceBounds(at, l, h, -1, int64(len(s)), "length")
			fr.s[i] = s[l:h]
		}
	}
	var base func(*frame) reflect.Value
	kind := "capacity"
	if _, ok := in.X.Type().Underlying().(*types.Pointer); ok {
		base, kind = c.basePlace(in.X, at), "length"
	} else {
		x := c.ref(in.X)
		base = func(fr *frame) reflect.Value { return reflect.ValueOf(x(fr)) }
	}
	to := c.x.rtype(in.Type())
	return func(fr *frame) {
		v := base(fr)
		l, h, m := low(fr), int64(v.Len()), int64(-1)
		if high != nil {
			h = high(fr)
		}
		if top != nil {
			m = top(fr)
		}
		n := int64(v.Cap())
		fr.sliceBounds(at, l, h, m, n, kind)
		if m < 0 {
			v = v.Slice(int(l), int(h))
		} else {
			v = v.Slice3(int(l), int(h), int(m))
		}
		if v.Type() != to.real() {
			v = v.Convert(to.real())
		}
		fr.a[i] = v.Interface()
	}
}

// sliceBounds panics as Go does (runtime/error.go, boundsErrorFmts).
func (fr *frame) sliceBounds(at token.Pos, low, high, top, n int64, kind string) {
	bad := func(format string, args ...any) {
		fr.throw(at, runtimeError("slice bounds out of range "+fmt.Sprintf(format, args...)))
	}
	if top >= 0 || top < -1 {
		switch {
		case top < 0:
			bad("[::%d]", top)
		case top > n:
			bad("[::%d] with %s %d", top, kind, n)
		case high < 0:
			bad("[:%d:]", high)
		case high > top:
			bad("[:%d:%d]", high, top)
		case low < 0:
			bad("[%d::]", low)
		case low > high:
			bad("[%d:%d:]", low, high)
		}
		return
	}
	switch {
	case high < 0:
		bad("[:%d]", high)
	case high > n:
		bad("[:%d] with %s %d", high, kind, n)
	case low < 0:
		bad("[%d:]", low)
	case low > high:
		bad("[%d:%d]", low, high)
	}
}

func (c *compiler) sliceToArray(in *ssa.SliceToArrayPointer) func(*frame) {
	x, i, at := c.ref(in.X), c.reg(in).i, in.Pos()
	r := c.x.rtype(in.Type())
	want := int(deref(in.Type()).Underlying().(*types.Array).Len())
	return func(fr *frame) {
		v := reflect.ValueOf(x(fr))
		if v.Len() < want {
			fr.throw(at, runtimeError(fmt.Sprintf("cannot convert slice with length %d to array or pointer to array with length %d", v.Len(), want)))
		}
		fr.a[i] = v.Convert(r.real()).Interface()
	}
}
