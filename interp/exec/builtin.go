package exec

import (
	"fmt"
	"go/types"
	"math"
	"reflect"
	"strconv"

	"golang.org/x/tools/go/ssa"
)

// builtin compiles a call of a predeclared function.
func (c *compiler) builtin(in *ssa.Call, b *ssa.Builtin) func(*frame) {
	args, at := in.Call.Args, in.Pos()
	switch b.Name() {
	case "len", "cap":
		f, i := c.length(args[0], b.Name()), c.reg(in).i
		return func(fr *frame) { fr.n[i] = f(fr) }
	case "append":
		return c.appends(in)
	case "copy":
		return c.copies(in)
	case "delete":
		m, key := c.ref(args[0]), c.mapKey(args[1], at)
		return func(fr *frame) {
			if m := reflect.ValueOf(m(fr)); !m.IsNil() {
				m.SetMapIndex(key(fr), reflect.Value{})
			}
		}
	case "clear":
		x := c.ref(args[0])
		return func(fr *frame) { fr.m.heed(); clearAll(x(fr)) }
	case "min", "max":
		return c.minMax(in, b.Name() == "min")
	case "print", "println":
		values := c.values(args)
		kinds := make([]types.Type, len(args))
		for i, a := range args {
			kinds[i] = a.Type()
		}
		line := b.Name() == "println"
		return func(fr *frame) {
			list := make([]any, len(values))
			for i, v := range values {
				list[i] = v(fr)
			}
			fr.m.x.print(line, list, kinds)
		}
	case "real", "imag":
		return c.realImag(in, b.Name() == "real")
	case "complex":
		re, im, i := c.flt(args[0]), c.flt(args[1]), c.reg(in).i
		if c.x.rtype(in.Type()).rep.Kind() == reflect.Complex64 {
			return func(fr *frame) { fr.a[i] = complex(float32(re(fr)), float32(im(fr))) }
		}
		return func(fr *frame) { fr.a[i] = complex(re(fr), im(fr)) }
	case "recover":
		i := c.reg(in).i
		return func(fr *frame) { fr.a[i] = fr.recovered() }
	case "close":
		return c.closeChan(in)
	case "ssa:wrapnilchk":
		return c.move(c.reg(in), args[0])
	case "ssa:deferstack":
		i := c.reg(in).i
		c.code.defers = true
		return func(fr *frame) { fr.a[i] = fr }
	}
	c.refuse(at, "the builtin %s is not supported in a cell", b.Name())
	return nil
}

// recovered is recover(): the panic of the function whose deferred call this is.
func (fr *frame) recovered() any {
	of := fr.deferOf
	if of == nil || of.panicking == nil {
		return nil
	}
	v := of.panicking.Value
	of.panicking = nil
	return v
}

// length compiles len or cap.
func (c *compiler) length(v ssa.Value, name string) func(*frame) int64 {
	if c.bankOf(v) == strs {
		s := c.str(v)
		return func(fr *frame) int64 { return int64(len(s(fr))) }
	}
	if p, ok := v.Type().Underlying().(*types.Pointer); ok {
		n := p.Elem().Underlying().(*types.Array).Len()
		return func(*frame) int64 { return n }
	}
	x := c.ref(v)
	if name == "cap" {
		return func(fr *frame) int64 { return int64(reflect.ValueOf(x(fr)).Cap()) }
	}
	switch c.x.rtype(v.Type()).rep {
	case reflect.TypeFor[[]int]():
		return func(fr *frame) int64 { return int64(len(x(fr).([]int))) }
	case reflect.TypeFor[[]float64]():
		return func(fr *frame) int64 { return int64(len(x(fr).([]float64))) }
	case reflect.TypeFor[[]string]():
		return func(fr *frame) int64 { return int64(len(x(fr).([]string))) }
	}
	return func(fr *frame) int64 { return int64(reflect.ValueOf(x(fr)).Len()) }
}

// appends compiles append(s, t...); go/ssa makes a slice of the elements.
func (c *compiler) appends(in *ssa.Call) func(*frame) {
	args, i := in.Call.Args, c.reg(in).i
	s := c.ref(args[0])
	r, at := c.x.rtype(in.Type()), in.Pos()
	if c.bankOf(args[1]) == strs {
		t := c.str(args[1])
		return func(fr *frame) {
			b := []byte(t(fr))
			v := reflect.ValueOf(s(fr))
			grow(fr, at, v.Len(), v.Cap(), len(b), 1)
			fr.a[i] = reflect.AppendSlice(v, reflect.ValueOf(b).Convert(v.Type())).Interface()
		}
	}
	t := c.ref(args[1])
	switch r.rep {
	case reflect.TypeFor[[]int]():
		return func(fr *frame) {
			a, b := s(fr).([]int), t(fr).([]int)
			grow(fr, at, len(a), cap(a), len(b), 8)
			fr.a[i] = append(a, b...)
		}
	case reflect.TypeFor[[]float64]():
		return func(fr *frame) {
			a, b := s(fr).([]float64), t(fr).([]float64)
			grow(fr, at, len(a), cap(a), len(b), 8)
			fr.a[i] = append(a, b...)
		}
	case reflect.TypeFor[[]string]():
		return func(fr *frame) {
			a, b := s(fr).([]string), t(fr).([]string)
			grow(fr, at, len(a), cap(a), len(b), 16)
			fr.a[i] = append(a, b...)
		}
	}
	size := int64(r.real().Elem().Size())
	return func(fr *frame) {
		v, w := reflect.ValueOf(s(fr)), reflect.ValueOf(t(fr))
		if w.Type() != v.Type() {
			w = w.Convert(v.Type())
		}
		grow(fr, at, v.Len(), v.Cap(), w.Len(), size)
		fr.a[i] = reflect.AppendSlice(v, w).Interface()
	}
}

func (c *compiler) copies(in *ssa.Call) func(*frame) {
	args, i := in.Call.Args, c.reg(in).i
	dst := c.ref(args[0])
	if c.bankOf(args[1]) == strs {
		src := c.str(args[1])
		return func(fr *frame) {
			fr.m.heed()
			fr.n[i] = int64(reflect.Copy(reflect.ValueOf(dst(fr)), reflect.ValueOf(src(fr))))
		}
	}
	src := c.ref(args[1])
	return func(fr *frame) {
		fr.m.heed()
		d, s := reflect.ValueOf(dst(fr)), reflect.ValueOf(src(fr))
		fr.n[i] = int64(reflect.Copy(d, s))
	}
}

func clearAll(a any) {
	v := reflect.ValueOf(a)
	if v.Kind() == reflect.Map {
		if !v.IsNil() {
			v.Clear()
		}
		return
	}
	v.Clear()
}

// minMax compiles min and max of one or more values.
func (c *compiler) minMax(in *ssa.Call, least bool) func(*frame) {
	r := c.reg(in)
	i := r.i
	switch {
	case r.bank == strs:
		var list []func(*frame) string
		for _, a := range in.Call.Args {
			list = append(list, c.str(a))
		}
		f := best(list, func(a, b string) string {
			if least {
				return min(a, b)
			}
			return max(a, b)
		})
		return func(fr *frame) { fr.s[i] = f(fr) }
	case isFloat(in.Type()):
		var list []func(*frame) float64
		for _, a := range in.Call.Args {
			list = append(list, c.flt(a))
		}
		f := best(list, func(a, b float64) float64 {
			if least {
				return min(a, b)
			}
			return max(a, b)
		})
		return func(fr *frame) { fr.n[i] = int64(math.Float64bits(f(fr))) }
	}
	var list []func(*frame) int64
	for _, a := range in.Call.Args {
		list = append(list, c.num(a))
	}
	unsigned := isUnsigned(in.Type())
	f := best(list, func(a, b int64) int64 {
		less := a < b
		if unsigned {
			less = uint64(a) < uint64(b)
		}
		if less == least {
			return a
		}
		return b
	})
	return func(fr *frame) { fr.n[i] = f(fr) }
}

func best[T any](list []func(*frame) T, pick func(a, b T) T) func(*frame) T {
	return func(fr *frame) T {
		v := list[0](fr)
		for _, f := range list[1:] {
			v = pick(v, f(fr))
		}
		return v
	}
}

func (c *compiler) realImag(in *ssa.Call, re bool) func(*frame) {
	x, i := c.ref(in.Call.Args[0]), c.reg(in).i
	return func(fr *frame) {
		z := reflect.ValueOf(x(fr)).Complex()
		f := imag(z)
		if re {
			f = real(z)
		}
		fr.n[i] = int64(math.Float64bits(f))
	}
}

// deferredBuiltin is a builtin that go and defer may call.
func (x *Executor) deferredBuiltin(b *ssa.Builtin, common *ssa.CallCommon) func(*machine, []any) {
	switch b.Name() {
	case "print", "println":
		var kinds []types.Type
		for _, a := range common.Args {
			kinds = append(kinds, a.Type())
		}
		return func(_ *machine, args []any) { x.print(b.Name() == "println", args, kinds) }
	case "close":
		return func(m *machine, args []any) { m.close(args[0]) }
	case "delete":
		return func(_ *machine, args []any) {
			if m := reflect.ValueOf(args[0]); !m.IsNil() {
				m.SetMapIndex(reflect.ValueOf(args[1]), reflect.Value{})
			}
		}
	case "recover":
		return func(*machine, []any) {}
	case "clear":
		return func(_ *machine, args []any) { clearAll(args[0]) }
	case "copy":
		return func(_ *machine, args []any) { reflect.Copy(reflect.ValueOf(args[0]), reflect.ValueOf(args[1])) }
	case "panic":
		return func(_ *machine, args []any) { panic(&Panic{Value: panicValue(args[0])}) }
	}
	return nil
}

// print is the builtin of that name, to standard error, as runtime/print.go writes.
func (x *Executor) print(line bool, args []any, kinds []types.Type) {
	var out []byte
	for i, a := range args {
		if line && i > 0 {
			out = append(out, ' ')
		}
		out = append(out, printed(a, kinds[i])...)
	}
	if line {
		out = append(out, '\n')
	}
	x.Stderr.Write(out)
}

func printed(a any, t types.Type) string {
	switch t.Underlying().(type) {
	case *types.Basic:
		if t == types.Typ[types.UntypedNil] {
			return "nil"
		}
		switch v := plainBasic(a).(type) {
		case float32:
			return strconv.FormatFloat(float64(v), 'g', -1, 64)
		case float64:
			return strconv.FormatFloat(v, 'g', -1, 64)
		case complex64:
			return strconv.FormatComplex(complex128(v), 'g', -1, 128)
		case complex128:
			return strconv.FormatComplex(v, 'g', -1, 128)
		default:
			return fmt.Sprint(v)
		}
	case *types.Interface:
		if a == nil {
			return "(0x0,0x0)"
		}
		return "(0x1,0x1)"
	case *types.Slice:
		v := reflect.ValueOf(a)
		return fmt.Sprintf("[%d/%d]0x%x", v.Len(), v.Cap(), v.Pointer())
	}
	if isNilRef(a) {
		return "0x0"
	}
	return fmt.Sprintf("0x%x", reflect.ValueOf(a).Pointer())
}
