package exec

import (
	"fmt"
	"go/constant"
	"go/token"
	"go/types"
	"math"
	"reflect"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// compiler turns one function in SSA form into closures.
type compiler struct {
	x     *Executor
	fn    *ssa.Function
	code  *code
	regs  map[ssa.Value]reg
	multi map[ssa.Value][]reg // of instructions with several results
	fused map[ssa.Value]bool  // computed where they are used
}

// compile makes fn runnable. A construct that cannot be run exactly panics with a *Refusal.
func (x *Executor) compile(fn *ssa.Function) *code {
	c := &compiler{x: x, fn: fn, regs: map[ssa.Value]reg{}, multi: map[ssa.Value][]reg{}}
	c.code = &code{fn: fn, name: funcName(fn), begins: begins(fn), recover: -1}
	for _, p := range fn.Params {
		c.code.params = append(c.code.params, c.reg(p))
	}
	for _, v := range fn.FreeVars {
		c.code.free = append(c.code.free, c.reg(v))
	}
	for v := range fn.Signature.Results().Variables() {
		c.code.results = append(c.code.results, x.rtype(v.Type()))
	}
	c.deferLate()
	c.fuse()
	if fn.Recover != nil {
		c.code.recover = fn.Recover.Index
		c.code.defers = true
	}
	c.code.blocks = make([]block, len(fn.Blocks))
	for i, b := range fn.Blocks {
		c.block(b, &c.code.blocks[i])
	}
	c.regs, c.multi, c.fused = nil, nil, nil // closures that hold c hold no instructions
	return c.code
}

// deferLate: a function whose deferred calls are all inside a range over a
// function has no RunDefers in go/ssa v0.52 (lift.go, usesDefer). Its block for a
// recovered panic reads the named results, which the deferred calls may have changed.
func (c *compiler) deferLate() {
	var stack, runs bool
	for _, b := range c.fn.Blocks {
		for _, in := range b.Instrs {
			switch in := in.(type) {
			case *ssa.Call:
				bi, ok := in.Call.Value.(*ssa.Builtin)
				stack = stack || ok && bi.Name() == "ssa:deferstack"
			case *ssa.RunDefers:
				runs = true
			}
		}
	}
	if !stack || runs {
		return
	}
	c.code.late, c.code.defers = true, true
	if r := c.fn.Signature.Results(); r.Len() > 0 && r.At(0).Name() != "" {
		c.code.named = true
		if c.fn.Recover == nil {
			c.refuse(c.fn.Pos(), "a defer inside a range over a function, in a function with named results, is not supported in a cell: collect what to do in a slice, or name no results")
		}
	}
}

// funcName is what Go calls a function in a traceback, without the package: f, T.m,
// (*T).m, and for the function literals of f f.func1 and, in that, f.func1.1.
func funcName(fn *ssa.Function) string {
	if parent := fn.Parent(); parent != nil {
		_, n, _ := strings.Cut(strings.TrimPrefix(fn.Name(), parent.Name()), "$")
		if parent.Parent() == nil {
			n = "func" + n
		}
		return funcName(parent) + "." + n
	}
	recv := fn.Signature.Recv()
	if recv == nil {
		return fn.Name()
	}
	t := strings.ReplaceAll(typeString(recv.Type()), "main.", "")
	if t[0] == '*' {
		t = "(" + t + ")"
	}
	return t + "." + fn.Name()
}

// refuse ends the compilation.
func (c *compiler) refuse(at token.Pos, format string, args ...any) {
	panic(&Refusal{at, fmt.Sprintf(format, args...)})
}

// reg is the register of v, made when it is first asked for.
func (c *compiler) reg(v ssa.Value) reg {
	r, ok := c.regs[v]
	if !ok {
		switch v := v.(type) {
		case *ssa.Extract:
			r = c.tuple(v.Tuple)[v.Index]
		case *ssa.Range:
			r = c.newReg(refs)
		default:
			r = c.newReg(c.x.rtype(v.Type()).bank)
		}
		c.regs[v] = r
	}
	return r
}

func (c *compiler) newReg(b bank) reg {
	r := reg{b, c.code.size[b]}
	c.code.size[b]++
	return r
}

// tuple is the registers of an instruction with several results.
func (c *compiler) tuple(v ssa.Value) []reg {
	if regs, ok := c.multi[v]; ok {
		return regs
	}
	if n, ok := v.(*ssa.Next); ok {
		return c.nextRegs(n)
	}
	var regs []reg
	for e := range v.Type().(*types.Tuple).Variables() {
		b := refs
		if e.Type() != nil && e.Type() != types.Typ[types.Invalid] {
			b = c.x.rtype(e.Type()).bank
		}
		regs = append(regs, c.newReg(b))
	}
	c.multi[v] = regs
	return regs
}

// fuse finds the values that are computed where they are used instead of in a
// register: those of one use in their own block that nothing between can change.
func (c *compiler) fuse() {
	c.fused = map[ssa.Value]bool{}
	for _, b := range c.fn.Blocks {
		at := map[ssa.Instruction]int{} // where the value is needed
		effects := make([]int, len(b.Instrs)+1)
		for i, in := range b.Instrs {
			effects[i+1] = effects[i]
			if effect(in) {
				effects[i+1]++
			}
		}
		for i := len(b.Instrs) - 1; i >= 0; i-- {
			in := b.Instrs[i]
			at[in] = i
			v, ok := in.(ssa.Value)
			if !ok {
				continue
			}
			if c.hiddenField(v) {
				c.fused[v] = true
				continue
			}
			use, ok := c.onlyUses(v, b)
			if !ok {
				continue
			}
			last, first := 0, len(b.Instrs)
			for _, u := range use {
				last, first = max(last, at[u]), min(first, at[u])
			}
			switch v := v.(type) {
			case *ssa.BinOp:
				ok = len(use) == 1 && pure(v) && c.bankOf(v) != refs
			case *ssa.Convert:
				ok = len(use) == 1 && c.bankOf(v) == nums && c.bankOf(v.X) == nums
			case *ssa.UnOp:
				ok = len(use) == 1 && (v.Op == token.SUB || v.Op == token.XOR || v.Op == token.NOT) && c.bankOf(v) == nums
				if v.Op == token.MUL {
					ok = len(use) == 1 && effects[last] == effects[i+1]
				}
			case *ssa.FieldAddr, *ssa.IndexAddr:
				ok = addressesOnly(v, use)
			case *ssa.Field:
				ok = len(use) == 1
			case *ssa.Call:
				ok = false
				if bi, is := v.Call.Value.(*ssa.Builtin); is && bi.Name() == "len" {
					ok = len(use) == 1 && effects[last] == effects[i+1]
				}
			default:
				ok = false
			}
			if ok {
				c.fused[v] = true
				at[in] = last
			}
		}
	}
}

// hiddenField says whether v is an embedded field, of a type that is not exported,
// of a library's struct. Cells reach its methods and fields only through the struct.
func (c *compiler) hiddenField(v ssa.Value) bool {
	var t types.Type
	var i int
	switch v := v.(type) {
	case *ssa.Field:
		t, i = v.X.Type(), v.Field
	case *ssa.FieldAddr:
		t, i = deref(v.X.Type()), v.Field
	case *ssa.UnOp:
		return v.Op == token.MUL && c.hiddenField(v.X)
	default:
		return false
	}
	n, ok := types.Unalias(t).(*types.Named)
	if !ok || !hosted(n.Obj()) {
		return false
	}
	f := n.Underlying().(*types.Struct).Field(i)
	return f.Embedded() && !f.Exported()
}

// outer is the library's value that a hidden field is part of.
func (c *compiler) outer(v ssa.Value) ssa.Value {
	for c.hiddenField(v) {
		switch f := v.(type) {
		case *ssa.Field:
			v = f.X
		case *ssa.FieldAddr:
			v = f.X
		case *ssa.UnOp:
			v = f.X
		}
	}
	return v
}

func (c *compiler) bankOf(v ssa.Value) bank { return c.x.rtype(v.Type()).bank }

// onlyUses is the instructions that use v, when all are in its block.
func (c *compiler) onlyUses(v ssa.Value, b *ssa.BasicBlock) ([]ssa.Instruction, bool) {
	if v.Referrers() == nil || len(*v.Referrers()) == 0 {
		return nil, false
	}
	for _, u := range *v.Referrers() {
		if u.Block() != b {
			return nil, false
		}
		if _, ok := u.(*ssa.Phi); ok {
			return nil, false
		}
		if _, ok := u.(*ssa.Defer); ok {
			return nil, false
		}
	}
	return *v.Referrers(), true
}

// effect says whether an instruction can change what a load reads.
func effect(in ssa.Instruction) bool {
	switch in := in.(type) {
	case *ssa.Store, *ssa.MapUpdate, *ssa.Call, *ssa.Send, *ssa.Select, *ssa.RunDefers, *ssa.Go, *ssa.Defer, *ssa.Next, *ssa.Alloc:
		return true
	case *ssa.UnOp:
		return in.Op == token.ARROW
	}
	return false
}

// pure says whether an operation can neither panic nor depend on memory.
func pure(b *ssa.BinOp) bool {
	switch b.Op {
	case token.QUO, token.REM, token.SHL, token.SHR:
		return false
	}
	_, basic := b.X.Type().Underlying().(*types.Basic)
	return basic
}

// addressesOnly says whether an address is only loaded from, stored to, or
// narrowed to an address that is.
func addressesOnly(v ssa.Value, use []ssa.Instruction) bool {
	for _, u := range use {
		switch u := u.(type) {
		case *ssa.UnOp:
			if u.Op != token.MUL {
				return false
			}
		case *ssa.Store:
			if u.Addr != v || u.Val == v {
				return false
			}
		default:
			return false
		}
	}
	return true
}

// block compiles the instructions of b.
func (c *compiler) block(b *ssa.BasicBlock, out *block) {
	for _, in := range b.Instrs {
		if v, ok := in.(ssa.Value); ok && c.fused[v] {
			continue
		}
		switch in := in.(type) {
		case *ssa.Jump:
			out.next = c.edge(b, 0)
		case *ssa.If:
			out.next = c.branch(b, in)
		case *ssa.Return:
			out.next = c.returns(in)
		case *ssa.Panic:
			v, at := c.ref(in.X), in.Pos()
			out.next = func(fr *frame) int {
				fr.at = at
				panic(&Panic{Value: panicValue(v(fr))})
			}
		case *ssa.Phi, *ssa.DebugRef:
		default:
			if f := c.instr(in); f != nil {
				out.instrs = append(out.instrs, f)
			}
		}
	}
}

func panicValue(v any) any {
	if v == nil {
		return plainError("panic called with nil argument (use GODEBUG=panicnil=1 to disable)")
	}
	return v
}

// edge is the moves into the phis of the i'th successor, and its number.
func (c *compiler) edge(b *ssa.BasicBlock, i int) func(*frame) int {
	to := b.Succs[i]
	moves := c.moves(b, to, i)
	next := to.Index
	if next > b.Index {
		if moves == nil {
			return func(*frame) int { return next }
		}
		return func(fr *frame) int { moves(fr); return next }
	}
	at := place(to)
	if p := place(b); p.IsValid() {
		at = p
	}
	return func(fr *frame) int {
		if moves != nil {
			moves(fr)
		}
		if fr.m.fuel--; fr.m.fuel < 0 {
			if at.IsValid() {
				fr.at = at
			}
			fr.m.checkpoint()
		}
		return next
	}
}

// place is where the block begins, as far as its instructions say.
func place(b *ssa.BasicBlock) token.Pos {
	for _, in := range b.Instrs {
		if _, phi := in.(*ssa.Phi); !phi && in.Pos().IsValid() {
			return in.Pos()
		}
	}
	return token.NoPos
}

// begins is where a function's code begins.
func begins(fn *ssa.Function) token.Pos {
	for _, b := range fn.Blocks {
		if p := place(b); p.IsValid() {
			return p
		}
	}
	return fn.Pos()
}

// moves copies what the phis of block to receive along the edge, all at once.
func (c *compiler) moves(from, to *ssa.BasicBlock, succ int) func(*frame) {
	// A block may be a predecessor twice (both branches of an If).
	nth, pred := 0, -1
	for i := range succ {
		if from.Succs[i] == to {
			nth++
		}
	}
	for i, p := range to.Preds {
		if p == from {
			if nth == 0 {
				pred = i
				break
			}
			nth--
		}
	}
	var list []func(*frame)
	var targets []reg
	var sources []ssa.Value
	conflict, written := false, map[reg]bool{}
	for _, in := range to.Instrs {
		phi, ok := in.(*ssa.Phi)
		if !ok {
			break
		}
		v := phi.Edges[pred]
		if v == ssa.Value(phi) {
			continue
		}
		t := c.reg(phi)
		if r, ok := c.regs[v]; ok && written[r] {
			conflict = true
		}
		written[t] = true
		targets, sources = append(targets, t), append(sources, v)
	}
	if !conflict {
		for i, t := range targets {
			list = append(list, c.move(t, sources[i]))
		}
	} else {
		temps := make([]reg, len(targets))
		for i, t := range targets {
			temps[i] = c.newReg(t.bank)
			list = append(list, c.move(temps[i], sources[i]))
		}
		for i, t := range targets {
			list = append(list, moveReg(t, temps[i]))
		}
	}
	switch len(list) {
	case 0:
		return nil
	case 1:
		return list[0]
	case 2:
		a, b := list[0], list[1]
		return func(fr *frame) { a(fr); b(fr) }
	}
	return func(fr *frame) {
		for _, f := range list {
			f(fr)
		}
	}
}

// move puts a value into a register.
func (c *compiler) move(to reg, v ssa.Value) func(*frame) {
	i := to.i
	switch to.bank {
	case nums:
		if r, ok := c.regs[v]; ok {
			return moveReg(to, r)
		}
		f := c.num(v)
		return func(fr *frame) { fr.n[i] = f(fr) }
	case strs:
		f := c.str(v)
		return func(fr *frame) { fr.s[i] = f(fr) }
	}
	f := c.ref(v)
	return func(fr *frame) { fr.a[i] = f(fr) }
}

func moveReg(to, from reg) func(*frame) {
	i, j := to.i, from.i
	switch to.bank {
	case nums:
		return func(fr *frame) { fr.n[i] = fr.n[j] }
	case strs:
		return func(fr *frame) { fr.s[i] = fr.s[j] }
	}
	return func(fr *frame) { fr.a[i] = fr.a[j] }
}

func (c *compiler) branch(b *ssa.BasicBlock, in *ssa.If) func(*frame) int {
	cond := c.cond(in.Cond)
	yes, no := c.edge(b, 0), c.edge(b, 1)
	y, n := b.Succs[0].Index, b.Succs[1].Index
	if y > b.Index && n > b.Index && c.moves(b, b.Succs[0], 0) == nil && c.moves(b, b.Succs[1], 1) == nil {
		return func(fr *frame) int {
			if cond(fr) {
				return y
			}
			return n
		}
	}
	return func(fr *frame) int {
		if cond(fr) {
			return yes(fr)
		}
		return no(fr)
	}
}

// returns leaves the results with the machine.
func (c *compiler) returns(in *ssa.Return) func(*frame) int {
	if len(in.Results) > maxResults {
		c.refuse(in.Pos(), "a function with more than %d results is not supported in a cell", maxResults)
	}
	if len(in.Results) == 1 && c.bankOf(in.Results[0]) == nums {
		f := c.num(in.Results[0])
		return func(fr *frame) int { fr.m.rn[0] = f(fr); return -1 }
	}
	var list []func(*frame)
	for i, v := range in.Results {
		switch c.bankOf(v) {
		case nums:
			f := c.num(v)
			list = append(list, func(fr *frame) { fr.m.rn[i] = f(fr) })
		case strs:
			f := c.str(v)
			list = append(list, func(fr *frame) { fr.m.rs[i] = f(fr) })
		default:
			f := c.ref(v)
			list = append(list, func(fr *frame) { fr.m.ra[i] = f(fr) })
		}
	}
	switch len(list) {
	case 0:
		return func(*frame) int { return -1 }
	case 1:
		f := list[0]
		return func(fr *frame) int { f(fr); return -1 }
	}
	return func(fr *frame) int {
		for _, f := range list {
			f(fr)
		}
		return -1
	}
}

// num is how a value of bank nums is read.
func (c *compiler) num(v ssa.Value) func(*frame) int64 {
	if k, ok := v.(*ssa.Const); ok {
		n := c.numConst(k)
		return func(*frame) int64 { return n }
	}
	if c.fused[v] {
		return c.numFused(v)
	}
	i := c.reg(v).i
	return func(fr *frame) int64 { return fr.n[i] }
}

func (c *compiler) numFused(v ssa.Value) func(*frame) int64 {
	if isFloat(v.Type()) {
		f := c.fltFused(v)
		return func(fr *frame) int64 { return int64(math.Float64bits(f(fr))) }
	}
	if isBool(v.Type()) {
		f := c.condFused(v)
		return func(fr *frame) int64 { return b2i(f(fr)) }
	}
	switch v := v.(type) {
	case *ssa.BinOp:
		return c.intOp(v)
	case *ssa.UnOp:
		if v.Op == token.MUL {
			return c.loadNum(v)
		}
		return c.intUn(v)
	case *ssa.Convert:
		return c.convertNum(v)
	case *ssa.Field:
		return numOf(c.fieldValue(v), c.x.rtype(v.Type()))
	case *ssa.Call:
		return c.length(v.Call.Args[0], "len")
	}
	panic("exec: fused " + v.String())
}

// flt is how a value of a floating-point type is read.
func (c *compiler) flt(v ssa.Value) func(*frame) float64 {
	if k, ok := v.(*ssa.Const); ok {
		f := math.Float64frombits(uint64(c.numConst(k)))
		return func(*frame) float64 { return f }
	}
	if c.fused[v] {
		return c.fltFused(v)
	}
	i := c.reg(v).i
	return func(fr *frame) float64 { return math.Float64frombits(uint64(fr.n[i])) }
}

func (c *compiler) fltFused(v ssa.Value) func(*frame) float64 {
	switch v := v.(type) {
	case *ssa.BinOp:
		return c.floatOp(v)
	case *ssa.UnOp:
		if v.Op == token.MUL {
			return c.loadFloat(v)
		}
		x := c.flt(v.X)
		return func(fr *frame) float64 { return -x(fr) }
	case *ssa.Convert:
		f := c.convertNum(v)
		return func(fr *frame) float64 { return math.Float64frombits(uint64(f(fr))) }
	case *ssa.Field:
		field := c.fieldValue(v)
		return func(fr *frame) float64 { return field(fr).Float() }
	}
	panic("exec: fused " + v.String())
}

// cond is how a boolean is read.
func (c *compiler) cond(v ssa.Value) func(*frame) bool {
	if c.fused[v] && isBool(v.Type()) {
		return c.condFused(v)
	}
	n := c.num(v)
	return func(fr *frame) bool { return n(fr) != 0 }
}

func (c *compiler) condFused(v ssa.Value) func(*frame) bool {
	switch v := v.(type) {
	case *ssa.BinOp:
		return c.compare(v)
	case *ssa.UnOp:
		if v.Op == token.NOT {
			f := c.cond(v.X)
			return func(fr *frame) bool { return !f(fr) }
		}
		f := c.loadNum(v)
		return func(fr *frame) bool { return f(fr) != 0 }
	case *ssa.Field:
		field := c.fieldValue(v)
		return func(fr *frame) bool { return field(fr).Bool() }
	}
	panic("exec: fused " + v.String())
}

// str is how a string is read.
func (c *compiler) str(v ssa.Value) func(*frame) string {
	if k, ok := v.(*ssa.Const); ok {
		s := ""
		if k.Value != nil {
			if k.Value.Kind() != constant.String {
				c.refuse(k.Pos(), "the constant %s is not a string", k)
			}
			s = constant.StringVal(k.Value)
		}
		return func(*frame) string { return s }
	}
	if c.fused[v] {
		switch v := v.(type) {
		case *ssa.BinOp:
			x, y := c.str(v.X), c.str(v.Y)
			return func(fr *frame) string { return fr.concat(x(fr), y(fr)) }
		case *ssa.UnOp:
			return c.loadStr(v)
		case *ssa.Field:
			field := c.fieldValue(v)
			return func(fr *frame) string { return field(fr).String() }
		}
		panic("exec: fused " + v.String())
	}
	i := c.reg(v).i
	return func(fr *frame) string { return fr.s[i] }
}

// ref is how a value of bank refs is read.
func (c *compiler) ref(v ssa.Value) func(*frame) any {
	switch v := v.(type) {
	case *ssa.Const:
		a := c.refConst(v)
		return func(*frame) any { return a }
	case *ssa.Function:
		f := c.x.funcValue(v)
		return func(*frame) any { return f }
	case *ssa.Global:
		p := c.x.global(v, v.Pos())
		return func(*frame) any { return p }
	case *ssa.Builtin:
		c.refuse(v.Pos(), "the builtin %s as a value is not supported in a cell", v.Name())
	}
	if c.fused[v] {
		switch v := v.(type) {
		case *ssa.UnOp:
			return c.loadRef(v)
		case *ssa.Field:
			field, r := c.fieldValue(v), c.x.rtype(v.Type())
			return func(fr *frame) any { return r.load(field(fr)) }
		}
		panic("exec: fused " + v.String())
	}
	i := c.reg(v).i
	return func(fr *frame) any { return fr.a[i] }
}

// value is how a value of any bank is read, in its representation.
func (c *compiler) value(v ssa.Value) func(*frame) any {
	r := c.x.rtype(v.Type())
	switch r.bank {
	case refs:
		return c.ref(v)
	case strs:
		s := c.str(v)
		if r.rep == reflect.TypeFor[string]() {
			return func(fr *frame) any { return s(fr) }
		}
		return func(fr *frame) any { return reflect.ValueOf(s(fr)).Convert(r.rep).Interface() }
	}
	n := c.num(v)
	switch r.rep {
	case reflect.TypeFor[int]():
		return func(fr *frame) any { return int(n(fr)) }
	case reflect.TypeFor[float64]():
		return func(fr *frame) any { return math.Float64frombits(uint64(n(fr))) }
	case reflect.TypeFor[bool]():
		return func(fr *frame) any { return n(fr) != 0 }
	}
	return func(fr *frame) any {
		v := reflect.New(r.rep).Elem()
		setNum(v, n(fr))
		return v.Interface()
	}
}

// setter puts a value in its representation into the register of v.
func (c *compiler) setter(v ssa.Value) func(*frame, any) {
	return c.regSetter(c.reg(v), c.x.rtype(v.Type()))
}

func (c *compiler) regSetter(to reg, r *rtype) func(*frame, any) {
	i := to.i
	switch to.bank {
	case refs:
		return func(fr *frame, a any) { fr.a[i] = a }
	case strs:
		return func(fr *frame, a any) {
			if s, ok := a.(string); ok {
				fr.s[i] = s
				return
			}
			fr.s[i] = reflect.ValueOf(a).String()
		}
	}
	return func(fr *frame, a any) { fr.n[i] = anyNum(a) }
}

// anyNum is a value of bank nums from its representation.
func anyNum(a any) int64 {
	switch a := a.(type) {
	case int:
		return int64(a)
	case float64:
		return int64(math.Float64bits(a))
	case bool:
		return b2i(a)
	}
	return getNum(reflect.ValueOf(a))
}

// getNum reads a number of memory; unsigned ones keep their bits.
func getNum(v reflect.Value) int64 {
	switch v.Kind() {
	case reflect.Bool:
		return b2i(v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int()
	case reflect.Float32, reflect.Float64:
		return int64(math.Float64bits(v.Float()))
	}
	return int64(v.Uint())
}

// setNum writes a number to memory.
func setNum(v reflect.Value, n int64) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(n != 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(n)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(math.Float64frombits(uint64(n)))
	default:
		v.SetUint(uint64(n))
	}
}

// zeroOf is the zero value in its representation.
func (x *Executor) zeroOf(r *rtype) any {
	if r.bank == refs {
		return r.zero
	}
	return reflect.Zero(r.rep).Interface()
}

func (c *compiler) numConst(k *ssa.Const) int64 {
	if k.Value == nil {
		return 0
	}
	b, ok := k.Type().Underlying().(*types.Basic)
	if !ok {
		c.refuse(k.Pos(), "the constant %s of type %s is not supported in a cell", k, k.Type())
	}
	switch {
	case b.Info()&types.IsBoolean != 0:
		return b2i(constant.BoolVal(k.Value))
	case b.Kind() == types.Float32:
		f, _ := constant.Float32Val(constant.ToFloat(k.Value))
		return int64(math.Float64bits(float64(f)))
	case b.Info()&types.IsFloat != 0:
		f, _ := constant.Float64Val(constant.ToFloat(k.Value))
		return int64(math.Float64bits(f))
	case b.Info()&types.IsUnsigned != 0:
		return int64(k.Uint64())
	}
	return k.Int64()
}

func (c *compiler) refConst(k *ssa.Const) any {
	r := c.x.rtype(k.Type())
	if k.Value == nil {
		return r.zero
	}
	b, ok := k.Type().Underlying().(*types.Basic)
	if ok && b.Info()&types.IsComplex != 0 {
		if b.Kind() == types.Complex64 {
			re, _ := constant.Float32Val(constant.Real(k.Value))
			im, _ := constant.Float32Val(constant.Imag(k.Value))
			return complex(re, im)
		}
		return k.Complex128()
	}
	c.refuse(k.Pos(), "the constant %s of type %s is not supported in a cell", k, k.Type())
	return nil
}

func b2i(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func isFloat(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsFloat != 0
}

func isBool(t types.Type) bool {
	b, ok := t.Underlying().(*types.Basic)
	return ok && b.Info()&types.IsBoolean != 0
}
