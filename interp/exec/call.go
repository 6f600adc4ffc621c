package exec

import (
	"fmt"
	"go/token"
	"go/types"
	"reflect"

	"golang.org/x/tools/go/ssa"
)

// target finds what a call runs: code with what it captured, or a host function
// with its arguments.
type target func(fr *frame) (*slot, []any)

// call compiles a call whose results go to registers.
func (c *compiler) call(in *ssa.Call) func(*frame) {
	common := &in.Call
	if b, ok := common.Value.(*ssa.Builtin); ok {
		return c.builtin(in, b)
	}
	if f := c.intrinsic(in); f != nil {
		return f
	}
	results := c.results(in)
	if common.IsInvoke() {
		return c.invoke(in, results)
	}
	at := in.Pos()
	if fn, ok := common.Value.(*ssa.Function); ok {
		if fn.Synthetic == "package initializer" && len(fn.Blocks) == 0 && c.x.slots[fn] == nil {
			return nil // compiled in, and initialised
		}
		if h, promoted := c.promoted(fn, common); h != nil {
			return c.hostCall(h, promoted, results, at)
		}
		if h := c.x.hostFunction(fn); h != nil {
			return c.hostCall(h, common, results, at)
		}
		return c.static(c.x.slot(fn), common.Args, results, at)
	}
	return c.dynamic(common, results, at)
}

// promoted is a call of a method that a library's struct has from an embedded
// field of a hidden type: the struct's own method of the name does the same.
func (c *compiler) promoted(fn *ssa.Function, common *ssa.CallCommon) (*hostFunc, *ssa.CallCommon) {
	if fn.Signature.Recv() == nil || len(common.Args) == 0 || !c.hiddenField(common.Args[0]) {
		return nil, nil
	}
	call := *common
	call.Args = append([]ssa.Value{c.outer(common.Args[0])}, common.Args[1:]...)
	obj := fn.Object().(*types.Func)
	r := c.x.rtype(call.Args[0].Type())
	m, ok := r.rep.MethodByName(obj.Name())
	if !ok {
		return nil, nil
	}
	h := &hostFunc{x: c.x, method: obj.Name(), fn: m.Func}
	h.in = append(h.in, c.x.toHostType(r, r.rep, common.Pos()))
	h.convert(c.x, obj.Signature(), m.Type, 1, false)
	return h, &call
}

// setResult copies results that a function left with the machine.
type setResult func(fr *frame, m *machine)

// results compiles how the results of a call reach their registers.
func (c *compiler) results(in *ssa.Call) setResult {
	if in == nil {
		return func(*frame, *machine) {}
	}
	var regs []reg
	if t, ok := in.Type().(*types.Tuple); ok {
		if t.Len() == 0 {
			return func(*frame, *machine) {}
		}
		regs = c.tuple(in)
	} else {
		regs = []reg{c.reg(in)}
	}
	if len(regs) == 1 {
		i := regs[0].i
		switch regs[0].bank {
		case nums:
			return func(fr *frame, m *machine) { fr.n[i] = m.rn[0] }
		case strs:
			return func(fr *frame, m *machine) { fr.s[i] = m.rs[0]; m.rs[0] = "" }
		}
		return func(fr *frame, m *machine) { fr.a[i] = m.ra[0]; m.ra[0] = nil }
	}
	return func(fr *frame, m *machine) {
		for k, r := range regs {
			switch r.bank {
			case nums:
				fr.n[r.i] = m.rn[k]
			case strs:
				fr.s[r.i] = m.rs[k]
			default:
				fr.a[r.i] = m.ra[k]
			}
		}
	}
}

// pass puts an argument into a register of the called function's frame.
type pass func(from, to *frame)

// passes compiles the arguments of a call; parameters have the first registers
// of their banks, in order (compile).
func (c *compiler) passes(args []ssa.Value) []pass {
	var out []pass
	var next [3]int
	for _, v := range args {
		b := c.bankOf(v)
		i := next[b]
		next[b]++
		switch b {
		case nums:
			f := c.num(v)
			out = append(out, func(from, to *frame) { to.n[i] = f(from) })
		case strs:
			f := c.str(v)
			out = append(out, func(from, to *frame) { to.s[i] = f(from) })
		default:
			f := c.ref(v)
			out = append(out, func(from, to *frame) { to.a[i] = f(from) })
		}
	}
	return out
}

// static compiles a call of a known function.
func (c *compiler) static(s *slot, args []ssa.Value, results setResult, at token.Pos) func(*frame) {
	x, list := c.x, c.passes(args)
	wrapper := c.fn.Synthetic != "" && c.fn.Syntax() == nil
	if len(list) == 1 && !wrapper {
		p := list[0]
		return func(fr *frame) {
			m := fr.m
			fr.at = at
			to := m.push(s.ready(x))
			p(fr, to)
			m.enter(to)
			m.pop(to)
			results(fr, m)
		}
	}
	return func(fr *frame) {
		m := fr.m
		fr.at = at
		to := m.push(s.ready(x))
		for _, p := range list {
			p(fr, to)
		}
		if wrapper {
			to.deferOf = fr.deferOf
		}
		m.enter(to)
		m.pop(to)
		results(fr, m)
	}
}

// dynamic compiles a call of a function value.
func (c *compiler) dynamic(common *ssa.CallCommon, results setResult, at token.Pos) func(*frame) {
	x, f, list := c.x, c.ref(common.Value), c.passes(common.Args)
	values := c.values(common.Args)
	return func(fr *frame) {
		m := fr.m
		fr.at = at
		f, _ := f(fr).(*Func)
		if f == nil {
			fr.nilDeref(at)
		}
		if f.host != nil {
			args := make([]any, len(values))
			for i, v := range values {
				args[i] = v(fr)
			}
			f.host.call(m, args)
			results(fr, m)
			return
		}
		to := m.push(f.slot.ready(x))
		for _, p := range list {
			p(fr, to)
		}
		to.capture(f.free)
		m.enter(to)
		m.pop(to)
		results(fr, m)
	}
}

func (c *compiler) values(args []ssa.Value) []func(*frame) any {
	var out []func(*frame) any
	for _, v := range args {
		out = append(out, c.value(v))
	}
	return out
}

// capture gives a closure's frame what the closure captured.
func (fr *frame) capture(free []any) {
	for i, r := range fr.code.free {
		fr.setReg(r, free[i])
	}
}

func (fr *frame) setReg(r reg, a any) {
	switch r.bank {
	case refs:
		fr.a[r.i] = a
	case strs:
		fr.s[r.i] = reflect.ValueOf(a).String()
	default:
		fr.n[r.i] = anyNum(a)
	}
}

// invoke compiles a call of an interface's method.
func (c *compiler) invoke(in *ssa.Call, results setResult) func(*frame) {
	common, at := &in.Call, in.Pos()
	recv := c.ref(common.Value)
	values := c.values(common.Args)
	find := c.finder(common)
	x := c.x
	return func(fr *frame) {
		m := fr.m
		fr.at = at
		a := recv(fr)
		if a == nil {
			fr.nilDeref(at)
		}
		b, ok := a.(box)
		if !ok {
			args := make([]any, len(values))
			for i, v := range values {
				args[i] = v(fr)
			}
			x.hostMethod(a, common.Method).call(m, args)
			results(fr, m)
			return
		}
		f := find(fr, b.t)
		to := m.push(f.slot.ready(x))
		var next [3]int
		to.param(&next, b.t.bank, b.v)
		for i, v := range values {
			to.param(&next, to.code.params[i+1].bank, v(fr))
		}
		m.enter(to)
		m.pop(to)
		results(fr, m)
	}
}

// param sets the next parameter of a bank.
func (fr *frame) param(next *[3]int, b bank, a any) {
	fr.setReg(reg{b, next[b]}, a)
	next[b]++
}

// finder finds an interface's method for a dynamic type, and remembers the last. A
// method that is declared again with another type is no longer the interface's.
func (c *compiler) finder(common *ssa.CallCommon) func(*frame, *rtype) *Func {
	var last *rtype
	var typ types.Type
	var f *Func
	return func(fr *frame, t *rtype) *Func {
		if t != last || t.typ != typ {
			m := common.Method
			found := c.x.method(t, m)
			if found == nil || c.x.key(found.slot.fn.Signature) != c.x.key(m.Signature()) {
				fr.throw(common.Pos(), plainError(fmt.Sprintf("the method %s of %s is declared again: it is no longer the %s of the interface", m.Name(), source(t.typ), source(m.Signature()))))
			}
			last, typ, f = t, t.typ, found
		}
		return f
	}
}

// prepared is a call whose function and arguments are known: of go and defer.
type prepared struct {
	slot *slot
	free []any
	host *hostFunc
	args []any
	run  func(m *machine) // of a builtin or an intrinsic
}

// prepare compiles the evaluation of a call's function and arguments.
func (c *compiler) prepare(common *ssa.CallCommon, at token.Pos) func(*frame) prepared {
	values := c.values(common.Args)
	args := func(fr *frame) []any {
		out := make([]any, len(values))
		for i, v := range values {
			out[i] = v(fr)
		}
		return out
	}
	if b, ok := common.Value.(*ssa.Builtin); ok {
		run := c.x.deferredBuiltin(b, common)
		if run == nil {
			c.refuse(at, "a deferred call of %s is not supported in a cell; wrap it in a function literal", b.Name())
		}
		return func(fr *frame) prepared {
			a := args(fr)
			return prepared{run: func(m *machine) { run(m, a) }}
		}
	}
	if common.IsInvoke() {
		recv, find := c.ref(common.Value), c.finder(common)
		return func(fr *frame) prepared {
			a := recv(fr)
			if a == nil {
				fr.nilDeref(at)
			}
			if b, ok := a.(box); ok {
				return prepared{slot: find(fr, b.t).slot, args: append([]any{b.v}, args(fr)...)}
			}
			return prepared{host: c.x.hostMethod(a, common.Method), args: args(fr)}
		}
	}
	if fn, ok := common.Value.(*ssa.Function); ok {
		if special := c.x.special(fn); special != nil {
			return func(fr *frame) prepared {
				a := args(fr)
				return prepared{run: func(m *machine) { special(m, a) }}
			}
		}
		if h := c.x.hostFunction(fn); h != nil {
			return func(fr *frame) prepared { return prepared{host: h, args: args(fr)} }
		}
		s := c.x.slot(fn)
		return func(fr *frame) prepared { return prepared{slot: s, args: args(fr)} }
	}
	f := c.ref(common.Value)
	return func(fr *frame) prepared {
		f, _ := f(fr).(*Func)
		p := prepared{args: args(fr)}
		if f != nil {
			p.slot, p.free, p.host = f.slot, f.free, f.host
		}
		return p
	}
}

// do runs a prepared call; of is the frame that deferred it, or nil.
func (m *machine) do(p prepared, of *frame) {
	switch {
	case p.run != nil:
		p.run(m)
	case p.host != nil:
		p.host.call(m, p.args)
	case p.slot == nil:
		panic(&Panic{Value: runtimeError("invalid memory address or nil pointer dereference")})
	default:
		m.invoke(p.slot.ready(m.x), p.free, p.args, of)
	}
}

// invoke runs code with arguments in their representations.
func (m *machine) invoke(c *code, free, args []any, of *frame) {
	to := m.push(c)
	for i, r := range c.params {
		to.setReg(r, args[i])
	}
	to.capture(free)
	to.deferOf = of
	m.enter(to)
	m.pop(to)
}

func (c *compiler) deferCall(in *ssa.Defer) func(*frame) {
	c.code.defers = true
	prep, at := c.prepare(&in.Call, in.Pos()), in.Pos()
	stack := func(fr *frame) *frame { return fr }
	if in.DeferStack != nil {
		s := c.ref(in.DeferStack)
		stack = func(fr *frame) *frame { return s(fr).(*frame) }
	}
	return func(fr *frame) {
		fr.at = at
		p := prep(fr)
		to := stack(fr)
		to.defers = &deferred{call: func(fr *frame) { fr.m.do(p, fr) }, next: to.defers}
	}
}

func (c *compiler) goCall(in *ssa.Go) func(*frame) {
	prep, at := c.prepare(&in.Call, in.Pos()), in.Pos()
	return func(fr *frame) {
		fr.at = at
		fr.m.spawn(prep(fr))
	}
}

func elemOf(ch ssa.Value) types.Type { return ch.Type().Underlying().(*types.Chan).Elem() }
