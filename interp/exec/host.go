package exec

import (
	"go/token"
	"go/types"
	"reflect"
	"strings"

	"golang.org/x/tools/go/ssa"
)

// hostFunc is a function that is compiled into the binary.
type hostFunc struct {
	x       *Executor
	fn      reflect.Value
	method  string // to be called on the first argument, or ""
	in      []func(*machine, any) reflect.Value
	out     []outcome
	blocks  bool // may wait for another goroutine
	wakes   bool // ends by itself
	special func(m *machine, args []any)
	quick   any // fn as a function type that is called without reflect
}

type outcome struct {
	bank bank
	from func(reflect.Value) any
}

// hostType is the real type behind a declared type of a library, or nil.
func (x *Executor) hostType(obj *types.TypeName) reflect.Type {
	v, ok := x.symbol(obj)
	if !ok || v.Kind() != reflect.Pointer {
		return nil
	}
	return v.Type().Elem()
}

func (x *Executor) symbol(obj types.Object) (reflect.Value, bool) {
	v, ok := x.Symbols[obj.Pkg().Path()+"/"+obj.Pkg().Name()][obj.Name()]
	return v, ok
}

// hostFunction is the library function that fn stands for, or nil.
func (x *Executor) hostFunction(fn *ssa.Function) *hostFunc {
	obj, ok := fn.Object().(*types.Func)
	if !ok || obj == nil || !hosted(obj) || len(fn.Blocks) > 0 && fn.Synthetic != "from type information" {
		return nil
	}
	if h, ok := x.hosts[fn]; ok {
		return h
	}
	h := x.bind(fn, obj)
	x.hosts[fn] = h
	return h
}

func (x *Executor) bind(fn *ssa.Function, obj *types.Func) *hostFunc {
	sig := obj.Signature()
	h := &hostFunc{x: x, blocks: blocking[obj.FullName()], wakes: obj.FullName() == "time.Sleep"}
	if special := x.special(fn); special != nil {
		h.special = special
		return h
	}
	if sig.TypeParams().Len() > 0 || sig.RecvTypeParams().Len() > 0 {
		panic(&Refusal{Text: obj.FullName() + " is generic and not supported in a cell; write its loop"})
	}
	var ft reflect.Type
	first := 0
	if recv := sig.Recv(); recv != nil {
		r := x.rtype(recv.Type())
		h.method = obj.Name()
		m, ok := r.rep.MethodByName(obj.Name())
		if !ok {
			panic(&Refusal{Text: obj.FullName() + " is not supported in a cell"})
		}
		h.fn, ft, first = m.Func, m.Type, 1
		h.in = append(h.in, x.toHostType(r, r.rep, token.NoPos))
	} else {
		v, ok := x.symbol(obj)
		if !ok || v.Kind() != reflect.Func {
			panic(&Refusal{Text: obj.FullName() + " is not supported in a cell"})
		}
		h.fn, ft = v, v.Type()
		h.quick = v.Interface()
	}
	h.convert(x, sig, ft, first, unboxed[obj.FullName()])
	return h
}

// convert prepares how arguments and results cross.
func (h *hostFunc) convert(x *Executor, sig *types.Signature, ft reflect.Type, first int, unbox bool) {
	for i := range sig.Params().Len() {
		in := x.toHostType(x.rtype(sig.Params().At(i).Type()), ft.In(first+i), token.NoPos)
		if unbox {
			in = unboxing(in, ft.In(first+i))
		}
		if h.blocks && ft.In(first+i).Kind() == reflect.Func {
			in = x.asyncFunc(ft.In(first + i))
		}
		h.in = append(h.in, in)
	}
	for i := range sig.Results().Len() {
		r := x.rtype(sig.Results().At(i).Type())
		h.out = append(h.out, outcome{r.bank, x.fromHostType(r)})
	}
}

// unboxed are functions that look into a value rather than keep it.
var unboxed = map[string]bool{
	"sort.Slice": true, "sort.SliceStable": true, "sort.SliceIsSorted": true,
	"fmt.Sscan": true, "fmt.Sscanf": true, "fmt.Sscanln": true, "fmt.Fscan": true, "fmt.Fscanf": true, "fmt.Fscanln": true,
}

// blocking are functions that may wait for another goroutine of the program.
var blocking = map[string]bool{
	"(*sync.Mutex).Lock": true, "(*sync.RWMutex).Lock": true, "(*sync.RWMutex).RLock": true,
	"(*sync.WaitGroup).Wait": true, "(*sync.Cond).Wait": true, "(*sync.Once).Do": true,
	"(sync.Locker).Lock": true, "(*sync.WaitGroup).Go": true,
	"time.Sleep": true, "time.AfterFunc": true,
}

// waking are functions after which the library may wake a blocked goroutine.
var waking = map[string]bool{
	"time.After": true, "time.NewTimer": true, "time.Tick": true, "time.NewTicker": true, "time.AfterFunc": true,
	"(*sync.WaitGroup).Go": true,
}

func unboxing(in func(*machine, any) reflect.Value, host reflect.Type) func(*machine, any) reflect.Value {
	if host.Kind() == reflect.Slice && host.Elem() == anyType {
		return func(_ *machine, a any) reflect.Value {
			list := a.([]any)
			out := make([]any, len(list))
			for i, v := range list {
				out[i] = v
				if b, ok := v.(box); ok {
					out[i] = b.v
				}
			}
			return reflect.ValueOf(out)
		}
	}
	return func(m *machine, a any) reflect.Value {
		if b, ok := a.(box); ok {
			a = b.v
		}
		return in(m, a)
	}
}

// call calls the function; results are left with the machine.
func (h *hostFunc) call(m *machine, args []any) {
	m.heed()
	if h.special != nil {
		h.special(m, args)
		return
	}
	in := make([]reflect.Value, len(args))
	for i, a := range args {
		in[i] = h.in[i](m, a)
	}
	call := h.fn.Call
	if h.fn.Type().IsVariadic() {
		call = h.fn.CallSlice
	}
	if h.blocks {
		m.block(func() []reflect.Value { return call(in) }, h)
		return
	}
	results := call(in)
	m.checkDead()
	h.leave(m, results)
}

// checkDead goes on dying when the library, as package fmt does, caught the panic
// that the program dies of.
func (m *machine) checkDead() {
	if m.dead != nil {
		panic(m.dead)
	}
}

func (h *hostFunc) leave(m *machine, results []reflect.Value) {
	for i, v := range results {
		o := h.out[i]
		switch o.bank {
		case nums:
			m.rn[i] = getNum(v)
		case strs:
			m.rs[i] = v.String()
		default:
			m.ra[i] = o.from(v)
		}
	}
}

// block makes a call that may wait for another goroutine.
func (m *machine) block(call func() []reflect.Value, h *hostFunc) {
	done := make(chan []reflect.Value, 1)
	failed := make(chan any, 1)
	go func() {
		defer func() {
			if r := recover(); r != nil {
				failed <- r
			}
		}()
		done <- call()
	}()
	cases := []reflect.SelectCase{
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(done)},
		{Dir: reflect.SelectRecv, Chan: reflect.ValueOf(failed)},
	}
	if h.wakes {
		m.running++
		defer func() { m.running-- }()
	}
	i, v, _ := m.wait(cases)
	if i == 1 {
		panic(v.Interface())
	}
	h.leave(m, v.Interface().([]reflect.Value))
}

// hostMethod is a method of the dynamic type of a library's value.
func (x *Executor) hostMethod(a any, m *types.Func) *hostFunc {
	t := reflect.TypeOf(a)
	key := methodKey{t, m.Name()}
	if h := x.hostMethods[key]; h != nil {
		return h.on(a)
	}
	rm, ok := t.MethodByName(m.Name())
	if !ok {
		panic(&Panic{Value: runtimeError("a library's value has no method " + m.Name())})
	}
	h := &hostFunc{x: x, fn: rm.Func, blocks: m.Name() == "Lock" || m.Name() == "Wait"}
	h.in = []func(*machine, any) reflect.Value{func(_ *machine, a any) reflect.Value { return reflect.ValueOf(a) }}
	h.convert(x, m.Signature(), rm.Type, 1, false)
	x.hostMethods[key] = h
	return h.on(a)
}

type methodKey struct {
	t    reflect.Type
	name string
}

// on binds the receiver.
func (h *hostFunc) on(a any) *hostFunc {
	return &hostFunc{x: h.x, special: func(m *machine, args []any) { h.call(m, append([]any{a}, args...)) }}
}

// hostCall compiles a call of a library function.
func (c *compiler) hostCall(h *hostFunc, common *ssa.CallCommon, results setResult, at token.Pos) func(*frame) {
	if f := c.quickCall(h, common, results, at); f != nil {
		return f
	}
	values := c.values(common.Args)
	wakes := waking[fullName(common)]
	mark := c.before(common, at)
	return func(fr *frame) {
		fr.at = at
		args := make([]any, len(values))
		for i, v := range values {
			args[i] = v(fr)
		}
		if wakes {
			fr.m.timers = true
		}
		if mark != nil {
			mark()
		}
		h.call(fr.m, args)
		results(fr, fr.m)
	}
}

// before is what the owner of the executor wants to run first, or nil.
func (c *compiler) before(common *ssa.CallCommon, at token.Pos) func() {
	fn, ok := common.Value.(*ssa.Function)
	if c.x.Before == nil || !ok || fn.Object() == nil || fn.Object().Pkg() == nil {
		return nil
	}
	return c.x.Before(fn.Object().Pkg().Path(), at)
}

func fullName(common *ssa.CallCommon) string {
	if fn, ok := common.Value.(*ssa.Function); ok && fn.Object() != nil {
		return fn.Object().(*types.Func).FullName()
	}
	return ""
}

// quickCall is for the commonest signatures, called without reflect.
func (c *compiler) quickCall(h *hostFunc, common *ssa.CallCommon, results setResult, at token.Pos) func(*frame) {
	args := common.Args
	switch f := h.quick.(type) {
	case func(float64) float64:
		x := c.flt(args[0])
		return func(fr *frame) { fr.m.rn[0] = floatBits(f(x(fr))); results(fr, fr.m) }
	case func(float64, float64) float64:
		x, y := c.flt(args[0]), c.flt(args[1])
		return func(fr *frame) { fr.m.rn[0] = floatBits(f(x(fr), y(fr))); results(fr, fr.m) }
	case func(string) string:
		x := c.str(args[0])
		return func(fr *frame) { fr.m.heed(); fr.at = at; fr.m.rs[0] = f(x(fr)); results(fr, fr.m) }
	case func(string, string) bool:
		x, y := c.str(args[0]), c.str(args[1])
		return func(fr *frame) { fr.m.rn[0] = b2i(f(x(fr), y(fr))); results(fr, fr.m) }
	case func(string, string) int:
		x, y := c.str(args[0]), c.str(args[1])
		return func(fr *frame) { fr.m.rn[0] = int64(f(x(fr), y(fr))); results(fr, fr.m) }
	case func(int) string:
		x := c.num(args[0])
		return func(fr *frame) { fr.m.rs[0] = f(int(x(fr))); results(fr, fr.m) }
	case func(rune) bool:
		x := c.num(args[0])
		return func(fr *frame) { fr.m.rn[0] = b2i(f(rune(x(fr)))); results(fr, fr.m) }
	}
	return nil
}

// toHostType is how a value in its representation becomes one of a library's type.
func (x *Executor) toHostType(r *rtype, host reflect.Type, at token.Pos) func(*machine, any) reflect.Value {
	switch {
	case host.Kind() == reflect.Interface:
		return x.toInterface(host)
	case r.rep == funcType && host.Kind() == reflect.Func:
		return x.toFunc(r, host)
	case r.rep == host:
		zero := reflect.Zero(host)
		return func(_ *machine, a any) reflect.Value {
			if a == nil {
				return zero
			}
			return reflect.ValueOf(a)
		}
	case r.rep == anyType && r.zero == nil && !r.iface: // of a type that cannot be named
		return func(_ *machine, a any) reflect.Value { return reflect.ValueOf(a) }
	case host.Kind() == reflect.Slice && r.real().Kind() == reflect.Slice:
		s, ok := r.typ.Underlying().(*types.Slice)
		if !ok {
			break
		}
		elem := x.toHostType(x.rtype(s.Elem()), host.Elem(), at)
		er := x.rtype(s.Elem())
		return func(m *machine, a any) reflect.Value {
			from := reflect.ValueOf(a)
			if from.IsNil() {
				return reflect.Zero(host)
			}
			out := reflect.MakeSlice(host, from.Len(), from.Len())
			for i := range from.Len() {
				out.Index(i).Set(elem(m, er.load(from.Index(i))))
			}
			return out
		}
	case r.real().ConvertibleTo(host):
		return func(_ *machine, a any) reflect.Value { return reflect.ValueOf(a).Convert(host) }
	}
	panic(&Refusal{At: at, Text: "a value of type " + r.goName() + " cannot be given to a library function that wants " + host.String() + ": not supported in a cell"})
}

// fromHostType is how a library's value becomes one in its representation.
func (x *Executor) fromHostType(r *rtype) func(reflect.Value) any {
	switch {
	case r.iface:
		return func(v reflect.Value) any {
			if v.Kind() == reflect.Interface && v.IsNil() {
				return nil
			}
			return fromHost(v.Interface())
		}
	case r.rep == funcType:
		sig, ok := r.typ.Underlying().(*types.Signature)
		if !ok {
			break
		}
		return func(v reflect.Value) any {
			if v.IsNil() {
				return (*Func)(nil)
			}
			h := &hostFunc{x: x, fn: v}
			h.convert(x, sig, v.Type(), 0, false)
			return &Func{host: h}
		}
	case r.real().Kind() == reflect.Slice && !r.pure:
		s, ok := r.typ.Underlying().(*types.Slice)
		if !ok {
			break
		}
		er := x.rtype(s.Elem())
		elem := x.fromHostType(er)
		return func(v reflect.Value) any {
			if v.IsNil() {
				return r.zero
			}
			out := reflect.MakeSlice(r.real(), v.Len(), v.Len())
			for i := range v.Len() {
				out.Index(i).Set(er.cell(elem(v.Index(i))))
			}
			return out.Interface()
		}
	}
	real := r.real()
	return func(v reflect.Value) any {
		if v.Type() != real && real != anyType && v.Type().ConvertibleTo(real) {
			v = v.Convert(real)
		}
		return v.Interface()
	}
}

// toFunc makes a Go function of a function value, for the library to call back.
func (x *Executor) toFunc(r *rtype, host reflect.Type) func(*machine, any) reflect.Value {
	sig := r.typ.Underlying().(*types.Signature)
	b := x.bridge(sig, host)
	return func(_ *machine, a any) reflect.Value {
		f, _ := a.(*Func)
		if f == nil {
			return reflect.Zero(host)
		}
		if f.host != nil && f.host.fn.IsValid() && f.host.fn.Type() == host {
			return f.host.fn
		}
		if fast, ok := x.fastFunc(f, host); ok {
			return fast
		}
		return reflect.MakeFunc(host, func(args []reflect.Value) []reflect.Value { return b.call(x.shared.current, f, args) })
	}
}

// fastFunc is for the signatures of comparisons and predicates.
func (x *Executor) fastFunc(f *Func, host reflect.Type) (reflect.Value, bool) {
	if f.host != nil {
		return reflect.Value{}, false
	}
	if host == reflect.TypeFor[func(i, j int) bool]() {
		return reflect.ValueOf(func(i, j int) bool {
			m := x.shared.current
			to := m.push(f.slot.ready(x))
			to.n[to.code.params[0].i], to.n[to.code.params[1].i] = int64(i), int64(j)
			to.capture(f.free)
			m.enter(to)
			m.pop(to)
			return m.rn[0] != 0
		}), true
	}
	return reflect.Value{}, false
}

// asyncFunc makes a Go function that the library may call from another goroutine.
func (x *Executor) asyncFunc(host reflect.Type) func(*machine, any) reflect.Value {
	return func(m *machine, a any) reflect.Value {
		f, _ := a.(*Func)
		if f == nil {
			return reflect.Zero(host)
		}
		return reflect.MakeFunc(host, func([]reflect.Value) []reflect.Value {
			g := newMachine(m.shared)
			g.count.Add(1)
			g.acquire()
			g.running++
			defer func() {
				if r := recover(); r != nil {
					g.crashed(r)
				}
				g.running--
				g.progress++
				g.count.Add(-1)
				g.lock.Unlock()
			}()
			g.do(prepared{slot: f.slot, free: f.free, host: f.host}, nil)
			return nil
		})
	}
}

// bridge converts the arguments and results of a callback.
type bridge struct {
	params  []func(reflect.Value) any
	results []func(*machine, any) reflect.Value
	banks   []bank
	reps    []*rtype
}

func (x *Executor) bridge(sig *types.Signature, host reflect.Type) *bridge {
	b := &bridge{}
	for i := range sig.Params().Len() {
		b.params = append(b.params, x.fromHostType(x.rtype(sig.Params().At(i).Type())))
	}
	for i := range sig.Results().Len() {
		r := x.rtype(sig.Results().At(i).Type())
		b.reps = append(b.reps, r)
		b.results = append(b.results, x.toHostType(r, host.Out(i), token.NoPos))
	}
	return b
}

func (b *bridge) call(m *machine, f *Func, in []reflect.Value) []reflect.Value {
	args := make([]any, len(in))
	for i, v := range in {
		args[i] = b.params[i](v)
	}
	m.do(prepared{slot: f.slot, free: f.free, host: f.host, args: args}, nil)
	out := make([]reflect.Value, len(b.results))
	for i, to := range b.results {
		out[i] = to(m, m.result(i, b.reps[i]))
	}
	return out
}

// result is a result that was left with the machine, in its representation.
func (m *machine) result(i int, r *rtype) any {
	switch r.bank {
	case refs:
		return m.ra[i]
	case strs:
		if r.rep == reflect.TypeFor[string]() {
			return m.rs[i]
		}
		return reflect.ValueOf(m.rs[i]).Convert(r.rep).Interface()
	}
	v := reflect.New(r.rep).Elem()
	setNum(v, m.rn[i])
	return v.Interface()
}

// wrapperOf is the type that yaegi's extract makes for an interface of a library:
// a struct of functions W<Method> with the value itself in IValue.
func (x *Executor) wrapperOf(host reflect.Type) reflect.Type {
	path := host.PkgPath()
	name := path[strings.LastIndex(path, "/")+1:]
	if v, ok := x.Symbols[path+"/"+name]["_"+host.Name()]; ok {
		return v.Type().Elem()
	}
	return nil
}

// toInterface is how an interface value becomes one of a library's interface.
func (x *Executor) toInterface(host reflect.Type) func(*machine, any) reflect.Value {
	zero := reflect.Zero(host)
	if host.NumMethod() == 0 {
		return func(_ *machine, a any) reflect.Value {
			if a == nil {
				return zero
			}
			return reflect.ValueOf(a)
		}
	}
	return func(m *machine, a any) reflect.Value {
		b, ok := a.(box)
		switch {
		case a == nil:
			return zero
		case !ok:
			return reflect.ValueOf(a)
		case host == reflect.TypeFor[error]():
			return reflect.ValueOf(b.asError())
		}
		return reflect.ValueOf(x.adapt(b, host))
	}
}

// adapt makes a value with the methods of a library's interface.
func (x *Executor) adapt(b box, host reflect.Type) any {
	w := x.wrapperOf(host)
	if w == nil {
		panic(&Panic{Value: runtimeError("a " + b.t.goName() + " cannot be given to a library function that wants " + host.String())})
	}
	v := reflect.New(w).Elem()
	v.FieldByName("IValue").Set(reflect.ValueOf(b))
	x.wrappers[w] = true
	for i := range host.NumMethod() {
		m := host.Method(i)
		field := v.FieldByName("W" + m.Name)
		fn := b.methodByName(m.Name)
		sig := fn.slot.fn.Signature
		br := x.bridge(sig, m.Type)
		field.Set(reflect.MakeFunc(m.Type, func(args []reflect.Value) []reflect.Value {
			in := make([]any, 0, len(args)+1)
			in = append(in, b.v)
			for i, a := range args {
				in = append(in, br.params[i](a))
			}
			m := x.shared.current
			m.do(prepared{slot: fn.slot, args: in}, nil)
			out := make([]reflect.Value, len(br.results))
			for i, to := range br.results {
				out[i] = to(m, m.result(i, br.reps[i]))
			}
			return out
		}))
	}
	return v.Interface()
}

// fromHost undoes adapt and asError.
func fromHost(a any) any {
	switch a := a.(type) {
	case errorBox:
		return a.box
	case errorsBox:
		return a.box
	case nil, error:
		return a
	}
	if t := reflect.TypeOf(a); t.Kind() == reflect.Struct && t.NumField() > 0 && t.Field(0).Name == "IValue" {
		if b, ok := reflect.ValueOf(a).Field(0).Interface().(box); ok {
			return b
		}
	}
	return a
}
