package exec

import (
	"cmp"
	"go/token"
	"go/types"
	"math"
	"reflect"

	"golang.org/x/tools/go/ssa"
)

func basicOf(t types.Type) *types.Basic {
	b, _ := t.Underlying().(*types.Basic)
	return b
}

func isUnsigned(t types.Type) bool {
	b := basicOf(t)
	return b != nil && b.Info()&types.IsUnsigned != 0
}

// wrap is how a result of 64 bits becomes one of the type: nil when it is one.
func wrap(t types.Type) func(int64) int64 {
	switch basicOf(t).Kind() {
	case types.Int8:
		return func(n int64) int64 { return int64(int8(n)) }
	case types.Int16:
		return func(n int64) int64 { return int64(int16(n)) }
	case types.Int32, types.UntypedRune:
		return func(n int64) int64 { return int64(int32(n)) }
	case types.Uint8:
		return func(n int64) int64 { return int64(uint8(n)) }
	case types.Uint16:
		return func(n int64) int64 { return int64(uint16(n)) }
	case types.Uint32:
		return func(n int64) int64 { return int64(uint32(n)) }
	}
	return nil
}

// binOp compiles an operation into its register.
func (c *compiler) binOp(in *ssa.BinOp) func(*frame) {
	to := c.reg(in)
	i := to.i
	switch to.bank {
	case strs:
		x, y := c.str(in.X), c.str(in.Y)
		return func(fr *frame) { fr.s[i] = fr.concat(x(fr), y(fr)) }
	case refs:
		f := c.complexOp(in)
		return func(fr *frame) { fr.a[i] = f(fr) }
	}
	switch {
	case isBool(in.Type()):
		f := c.compare(in)
		return func(fr *frame) { fr.n[i] = b2i(f(fr)) }
	case isFloat(in.Type()):
		f := c.floatOp(in)
		return func(fr *frame) { fr.n[i] = int64(math.Float64bits(f(fr))) }
	}
	f := c.intOp(in)
	return func(fr *frame) { fr.n[i] = f(fr) }
}

// intOp compiles an operation on integers.
func (c *compiler) intOp(in *ssa.BinOp) func(*frame) int64 {
	f := c.int64Op(in)
	if w := wrap(in.Type()); w != nil {
		return func(fr *frame) int64 { return w(f(fr)) }
	}
	return f
}

func (c *compiler) int64Op(in *ssa.BinOp) func(*frame) int64 {
	x, y, at := c.num(in.X), c.num(in.Y), in.Pos()
	if f := c.quickInt(in); f != nil {
		return f
	}
	unsigned := isUnsigned(in.X.Type())
	switch in.Op {
	case token.ADD:
		return func(fr *frame) int64 { return x(fr) + y(fr) }
	case token.SUB:
		return func(fr *frame) int64 { return x(fr) - y(fr) }
	case token.MUL:
		return func(fr *frame) int64 { return x(fr) * y(fr) }
	case token.AND:
		return func(fr *frame) int64 { return x(fr) & y(fr) }
	case token.OR:
		return func(fr *frame) int64 { return x(fr) | y(fr) }
	case token.XOR:
		return func(fr *frame) int64 { return x(fr) ^ y(fr) }
	case token.AND_NOT:
		return func(fr *frame) int64 { return x(fr) &^ y(fr) }
	case token.QUO, token.REM:
		return division(in.Op, unsigned, x, y, at)
	case token.SHL, token.SHR:
		return shift(in, unsigned, x, y)
	}
	panic("exec: " + in.String())
}

// quickInt is for the commonest operands: a register with a register or a constant.
func (c *compiler) quickInt(in *ssa.BinOp) func(*frame) int64 {
	rx, ok := c.plainReg(in.X)
	if !ok {
		return nil
	}
	if k, ok := in.Y.(*ssa.Const); ok {
		n := c.numConst(k)
		switch in.Op {
		case token.ADD:
			return func(fr *frame) int64 { return fr.n[rx] + n }
		case token.SUB:
			return func(fr *frame) int64 { return fr.n[rx] - n }
		case token.MUL:
			return func(fr *frame) int64 { return fr.n[rx] * n }
		}
		return nil
	}
	ry, ok := c.plainReg(in.Y)
	if !ok {
		return nil
	}
	switch in.Op {
	case token.ADD:
		return func(fr *frame) int64 { return fr.n[rx] + fr.n[ry] }
	case token.SUB:
		return func(fr *frame) int64 { return fr.n[rx] - fr.n[ry] }
	case token.MUL:
		return func(fr *frame) int64 { return fr.n[rx] * fr.n[ry] }
	}
	return nil
}

// plainReg is the register of a number that is in one.
func (c *compiler) plainReg(v ssa.Value) (int, bool) {
	if _, ok := v.(*ssa.Const); ok || c.fused[v] || c.bankOf(v) != nums {
		return 0, false
	}
	return c.reg(v).i, true
}

var errDivide = runtimeError("integer divide by zero")

func division(op token.Token, unsigned bool, x, y func(*frame) int64, at token.Pos) func(*frame) int64 {
	check := func(fr *frame, d int64) int64 {
		if d == 0 {
			fr.throw(at, errDivide)
		}
		return d
	}
	switch {
	case op == token.QUO && unsigned:
		return func(fr *frame) int64 { a := x(fr); return int64(uint64(a) / uint64(check(fr, y(fr)))) }
	case op == token.REM && unsigned:
		return func(fr *frame) int64 { a := x(fr); return int64(uint64(a) % uint64(check(fr, y(fr)))) }
	case op == token.QUO:
		return func(fr *frame) int64 { a := x(fr); return a / check(fr, y(fr)) }
	}
	return func(fr *frame) int64 { a := x(fr); return a % check(fr, y(fr)) }
}

func shift(in *ssa.BinOp, unsigned bool, x, y func(*frame) int64) func(*frame) int64 {
	at := in.Pos()
	signedCount := !isUnsigned(in.Y.Type())
	count := func(fr *frame) uint64 {
		n := y(fr)
		if signedCount && n < 0 {
			fr.throw(at, runtimeError("negative shift amount"))
		}
		return uint64(n)
	}
	switch {
	case in.Op == token.SHL:
		return func(fr *frame) int64 { a := x(fr); return a << count(fr) }
	case unsigned:
		return func(fr *frame) int64 { a := x(fr); return int64(uint64(a) >> count(fr)) }
	}
	return func(fr *frame) int64 { a := x(fr); return a >> count(fr) }
}

// floatOp compiles an operation on floats. An explicit conversion keeps the
// processor from fusing two operations, as the assignment to a register would.
func (c *compiler) floatOp(in *ssa.BinOp) func(*frame) float64 {
	x, y := c.flt(in.X), c.flt(in.Y)
	var f func(*frame) float64
	switch in.Op {
	case token.ADD:
		f = func(fr *frame) float64 { return x(fr) + y(fr) }
	case token.SUB:
		f = func(fr *frame) float64 { return x(fr) - y(fr) }
	case token.MUL:
		f = func(fr *frame) float64 { return float64(x(fr) * y(fr)) }
	case token.QUO:
		f = func(fr *frame) float64 { return x(fr) / y(fr) }
	default:
		panic("exec: " + in.String())
	}
	if basicOf(in.Type()).Kind() == types.Float32 {
		return func(fr *frame) float64 { return float64(float32(f(fr))) }
	}
	return f
}

func (c *compiler) complexOp(in *ssa.BinOp) func(*frame) any {
	x, y := c.ref(in.X), c.ref(in.Y)
	r := c.x.rtype(in.Type())
	return func(fr *frame) any {
		a, b := reflect.ValueOf(x(fr)).Complex(), reflect.ValueOf(y(fr)).Complex()
		small := r.rep.Kind() == reflect.Complex64
		var z complex128
		switch {
		case in.Op == token.ADD:
			z = a + b
		case in.Op == token.SUB:
			z = a - b
		case in.Op == token.MUL && small:
			z = complex128(complex64(a) * complex64(b))
		case in.Op == token.MUL:
			z = a * b
		default:
			z = a / b
		}
		v := reflect.New(r.rep).Elem()
		v.SetComplex(z)
		return v.Interface()
	}
}

// compare compiles a comparison or an operation on booleans.
func (c *compiler) compare(in *ssa.BinOp) func(*frame) bool {
	t := in.X.Type()
	if isNil(in.X) {
		t = in.Y.Type()
	}
	r := c.x.rtype(t)
	switch {
	case r.bank == strs:
		return compareAs(in.Op, c.str(in.X), c.str(in.Y))
	case r.bank == refs:
		eq := c.equality(in, r)
		if in.Op == token.NEQ {
			return func(fr *frame) bool { return !eq(fr) }
		}
		return eq
	case isFloat(t):
		return compareAs(in.Op, c.flt(in.X), c.flt(in.Y))
	case isBool(t):
		return boolOp(in.Op, c.cond(in.X), c.cond(in.Y))
	case isUnsigned(t):
		x, y := c.num(in.X), c.num(in.Y)
		return compareAs(in.Op, func(fr *frame) uint64 { return uint64(x(fr)) }, func(fr *frame) uint64 { return uint64(y(fr)) })
	}
	if f := c.quickCompare(in); f != nil {
		return f
	}
	return compareAs(in.Op, c.num(in.X), c.num(in.Y))
}

func boolOp(op token.Token, x, y func(*frame) bool) func(*frame) bool {
	switch op {
	case token.EQL:
		return func(fr *frame) bool { return x(fr) == y(fr) }
	case token.NEQ:
		return func(fr *frame) bool { return x(fr) != y(fr) }
	case token.AND:
		return func(fr *frame) bool { a, b := x(fr), y(fr); return a && b }
	case token.OR:
		return func(fr *frame) bool { a, b := x(fr), y(fr); return a || b }
	}
	panic("exec: operator " + op.String() + " on booleans")
}

func isNil(v ssa.Value) bool {
	k, ok := v.(*ssa.Const)
	return ok && k.IsNil()
}

func compareAs[T cmp.Ordered](op token.Token, x, y func(*frame) T) func(*frame) bool {
	switch op {
	case token.EQL:
		return func(fr *frame) bool { return x(fr) == y(fr) }
	case token.NEQ:
		return func(fr *frame) bool { return x(fr) != y(fr) }
	case token.LSS:
		return func(fr *frame) bool { return x(fr) < y(fr) }
	case token.LEQ:
		return func(fr *frame) bool { return x(fr) <= y(fr) }
	case token.GTR:
		return func(fr *frame) bool { return x(fr) > y(fr) }
	case token.GEQ:
		return func(fr *frame) bool { return x(fr) >= y(fr) }
	}
	panic("exec: comparison " + op.String())
}

func (c *compiler) quickCompare(in *ssa.BinOp) func(*frame) bool {
	rx, ok := c.plainReg(in.X)
	if !ok {
		return nil
	}
	if k, ok := in.Y.(*ssa.Const); ok {
		n := c.numConst(k)
		switch in.Op {
		case token.LSS:
			return func(fr *frame) bool { return fr.n[rx] < n }
		case token.EQL:
			return func(fr *frame) bool { return fr.n[rx] == n }
		case token.GTR:
			return func(fr *frame) bool { return fr.n[rx] > n }
		}
		return nil
	}
	ry, ok := c.plainReg(in.Y)
	if ok && in.Op == token.LSS {
		return func(fr *frame) bool { return fr.n[rx] < fr.n[ry] }
	}
	return nil
}

// equality compiles == of what is in bank refs.
func (c *compiler) equality(in *ssa.BinOp, r *rtype) func(*frame) bool {
	if isNil(in.X) || isNil(in.Y) {
		v := in.X
		if isNil(in.X) {
			v = in.Y
		}
		x := c.ref(v)
		if r.iface {
			return func(fr *frame) bool { return x(fr) == nil }
		}
		return func(fr *frame) bool { return isNilRef(x(fr)) }
	}
	x, y, at := c.ref(in.X), c.ref(in.Y), in.Pos()
	switch r.typ.Underlying().(type) {
	case *types.Interface:
		return func(fr *frame) bool { return fr.equal(at, x(fr), y(fr)) }
	case *types.Struct, *types.Array:
		if blankFields(r.typ) {
			c.refuse(at, "comparing values with fields named _ is not supported in a cell")
		}
		return func(fr *frame) bool { return fr.same(at, x(fr), y(fr)) }
	}
	return func(fr *frame) bool { return x(fr) == y(fr) }
}

func blankFields(t types.Type) bool {
	switch t := t.Underlying().(type) {
	case *types.Struct:
		for f := range t.Fields() {
			if f.Name() == "_" || blankFields(f.Type()) {
				return true
			}
		}
	case *types.Array:
		return blankFields(t.Elem())
	}
	return false
}

// isNilRef says whether a pointer, slice, map, channel or function is nil.
func isNilRef(a any) bool {
	switch a := a.(type) {
	case nil:
		return true
	case *Func:
		return a == nil
	}
	v := reflect.ValueOf(a)
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Chan, reflect.Func, reflect.Interface:
		return v.IsNil()
	}
	return false
}

// unOp compiles - ^ ! * and <- into a register.
func (c *compiler) unOp(in *ssa.UnOp) func(*frame) {
	switch in.Op {
	case token.MUL:
		return c.load(in)
	case token.ARROW:
		return c.receive(in)
	}
	to := c.reg(in)
	i := to.i
	switch {
	case to.bank == refs:
		x := c.ref(in.X)
		return func(fr *frame) {
			v := reflect.New(reflect.TypeOf(x(fr))).Elem()
			v.SetComplex(-reflect.ValueOf(x(fr)).Complex())
			fr.a[i] = v.Interface()
		}
	case in.Op == token.NOT:
		x := c.cond(in.X)
		return func(fr *frame) { fr.n[i] = b2i(!x(fr)) }
	case isFloat(in.Type()):
		x := c.flt(in.X)
		return func(fr *frame) { fr.n[i] = int64(math.Float64bits(-x(fr))) }
	}
	f := c.intUn(in)
	return func(fr *frame) { fr.n[i] = f(fr) }
}

func (c *compiler) intUn(in *ssa.UnOp) func(*frame) int64 {
	x := c.num(in.X)
	f := func(fr *frame) int64 { return -x(fr) }
	if in.Op == token.XOR {
		f = func(fr *frame) int64 { return ^x(fr) }
	}
	if w := wrap(in.Type()); w != nil {
		return func(fr *frame) int64 { return w(f(fr)) }
	}
	return f
}

// convert compiles a conversion that changes the representation.
func (c *compiler) convert(in *ssa.Convert) func(*frame) {
	to, from := c.x.rtype(in.Type()), c.x.rtype(in.X.Type())
	i := c.reg(in).i
	switch {
	case to.bank == nums && from.bank == nums:
		f := c.convertNum(in)
		return func(fr *frame) { fr.n[i] = f(fr) }
	case to.bank == strs && from.bank == nums:
		x := c.num(in.X)
		unsigned := isUnsigned(in.X.Type())
		return func(fr *frame) {
			n := x(fr)
			if n < 0 || n > 0x10ffff || unsigned && uint64(n) > 0x10ffff {
				n = 0xfffd
			}
			fr.s[i] = string(rune(n))
		}
	case to.bank == strs && from.bank == strs:
		x := c.str(in.X)
		return func(fr *frame) { fr.s[i] = x(fr) }
	case to.bank == strs:
		x := c.ref(in.X)
		if elemKind(in.X.Type()) == types.Byte {
			return func(fr *frame) { fr.s[i] = string(reflect.ValueOf(x(fr)).Bytes()) }
		}
		return func(fr *frame) {
			fr.s[i] = string(reflect.ValueOf(x(fr)).Convert(reflect.TypeFor[[]rune]()).Interface().([]rune))
		}
	case from.bank == strs && to.rep.Kind() == reflect.Slice:
		x := c.str(in.X)
		plain := reflect.TypeFor[[]byte]()
		if elemKind(in.Type()) != types.Byte {
			plain = reflect.TypeFor[[]rune]()
		}
		return func(fr *frame) { fr.a[i] = convertTo(reflect.ValueOf(x(fr)).Convert(plain), to.rep) }
	case from.rep.Kind() == reflect.Complex128 || from.rep.Kind() == reflect.Complex64:
		x := c.ref(in.X)
		return func(fr *frame) { fr.a[i] = reflect.ValueOf(x(fr)).Convert(to.rep).Interface() }
	case to.rep.Kind() == from.rep.Kind():
		return c.changeType(in, in.X)
	}
	c.refuse(in.Pos(), "a conversion from %s to %s is not supported in a cell", in.X.Type(), in.Type())
	return nil
}

// convertTo converts between slices of the same kind of element.
func convertTo(v reflect.Value, t reflect.Type) any {
	if v.Type() == t {
		return v.Interface()
	}
	if v.Type().ConvertibleTo(t) {
		return v.Convert(t).Interface()
	}
	out := reflect.MakeSlice(t, v.Len(), v.Len())
	for i := range v.Len() {
		out.Index(i).Set(v.Index(i).Convert(t.Elem()))
	}
	return out.Interface()
}

func elemKind(t types.Type) types.BasicKind {
	s, ok := t.Underlying().(*types.Slice)
	if !ok {
		return types.Invalid
	}
	if b := basicOf(s.Elem()); b != nil {
		return b.Kind()
	}
	return types.Invalid
}

// convertNum compiles a conversion between numbers.
func (c *compiler) convertNum(in *ssa.Convert) func(*frame) int64 {
	to, from := basicOf(in.Type()), basicOf(in.X.Type())
	x := c.num(in.X)
	switch {
	case isFloat(from) && isFloat(to):
		if to.Kind() == types.Float32 {
			f := c.flt(in.X)
			return func(fr *frame) int64 { return int64(math.Float64bits(float64(float32(f(fr))))) }
		}
		return x
	case isFloat(to):
		return intToFloat(x, isUnsigned(from), to.Kind() == types.Float32)
	case isFloat(from):
		return floatToInt(c.flt(in.X), to.Kind())
	}
	if w := wrap(to); w != nil {
		return func(fr *frame) int64 { return w(x(fr)) }
	}
	return x
}

func intToFloat(x func(*frame) int64, unsigned, small bool) func(*frame) int64 {
	bits := func(f float64) int64 { return int64(math.Float64bits(f)) }
	switch {
	case unsigned && small:
		return func(fr *frame) int64 { return bits(float64(float32(uint64(x(fr))))) }
	case unsigned:
		return func(fr *frame) int64 { return bits(float64(uint64(x(fr)))) }
	case small:
		return func(fr *frame) int64 { return bits(float64(float32(x(fr)))) }
	}
	return func(fr *frame) int64 { return bits(float64(x(fr))) }
}

// floatToInt converts by the conversion to the very type: what does not fit is
// the implementation's choice, so the implementation makes it.
func floatToInt(x func(*frame) float64, to types.BasicKind) func(*frame) int64 {
	switch to {
	case types.Int8:
		return func(fr *frame) int64 { return int64(int8(x(fr))) }
	case types.Int16:
		return func(fr *frame) int64 { return int64(int16(x(fr))) }
	case types.Int32:
		return func(fr *frame) int64 { return int64(int32(x(fr))) }
	case types.Uint8:
		return func(fr *frame) int64 { return int64(uint8(x(fr))) }
	case types.Uint16:
		return func(fr *frame) int64 { return int64(uint16(x(fr))) }
	case types.Uint32:
		return func(fr *frame) int64 { return int64(uint32(x(fr))) }
	case types.Uint, types.Uint64, types.Uintptr:
		return func(fr *frame) int64 { return int64(uint64(x(fr))) }
	}
	return func(fr *frame) int64 { return int64(x(fr)) }
}

// changeType compiles a conversion between types of the same structure.
func (c *compiler) changeType(in ssa.Value, x ssa.Value) func(*frame) {
	to, from := c.x.rtype(in.Type()), c.x.rtype(x.Type())
	if to.bank != from.bank {
		c.refuse(in.Pos(), "a conversion from %s to %s is not supported in a cell", x.Type(), in.Type())
	}
	r := c.reg(in)
	if to.bank != refs || to.inner == nil && from.inner == nil && to.rep == from.rep || to.iface && from.iface {
		return c.move(r, x)
	}
	real, f := to.rep, c.ref(x)
	if to.inner != nil {
		real = to.inner
	}
	src := from.rep
	if from.inner != nil {
		src = from.inner
	}
	if src == real {
		return c.move(r, x)
	}
	if !src.ConvertibleTo(real) {
		c.refuse(in.Pos(), "a conversion from %s to %s is not supported in a cell", x.Type(), in.Type())
	}
	return func(fr *frame) { fr.a[r.i] = reflect.ValueOf(f(fr)).Convert(real).Interface() }
}
