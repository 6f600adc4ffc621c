package exec

import (
	"go/token"
	"go/types"
	"reflect"
	"unicode/utf8"

	"golang.org/x/tools/go/ssa"
)

// mapKey compiles a key, with the check that it can be hashed.
func (c *compiler) mapKey(v ssa.Value, at token.Pos) func(*frame) reflect.Value {
	r := c.x.rtype(v.Type())
	key := c.value(v)
	if r.iface {
		return func(fr *frame) reflect.Value {
			k := key(fr)
			fr.hashable(at, k)
			return r.cell(k)
		}
	}
	if r.bank == refs {
		return func(fr *frame) reflect.Value { fr.at = at; return r.cell(key(fr)) }
	}
	return func(fr *frame) reflect.Value { return reflect.ValueOf(key(fr)) }
}

func (c *compiler) lookup(in *ssa.Lookup) func(*frame) {
	at := in.Pos()
	if f := c.quickLookup(in); f != nil {
		return f
	}
	m, key := c.ref(in.X), c.mapKey(in.Index, at)
	_, elem := c.mapTypes(in.X)
	zero := c.x.zeroOf(elem)
	var set func(*frame, any)
	okReg := -1
	if in.CommaOk {
		regs := c.tuple(in)
		set, okReg = c.regSetter(regs[0], elem), regs[1].i
	} else {
		set = c.setter(in)
	}
	return func(fr *frame) {
		k := key(fr)
		v := reflect.ValueOf(m(fr)).MapIndex(k)
		if v.IsValid() {
			set(fr, elem.load(v))
		} else {
			set(fr, zero)
		}
		if okReg >= 0 {
			fr.n[okReg] = b2i(v.IsValid())
		}
	}
}

// quickLookup is for the commonest maps.
func (c *compiler) quickLookup(in *ssa.Lookup) func(*frame) {
	m := c.ref(in.X)
	switch c.x.rtype(in.X.Type()).rep {
	case reflect.TypeFor[map[string]int]():
		key := c.str(in.Index)
		return c.quickNum(in, func(fr *frame) (int64, bool) { v, ok := m(fr).(map[string]int)[key(fr)]; return int64(v), ok })
	case reflect.TypeFor[map[int]int]():
		key := c.num(in.Index)
		return c.quickNum(in, func(fr *frame) (int64, bool) { v, ok := m(fr).(map[int]int)[int(key(fr))]; return int64(v), ok })
	case reflect.TypeFor[map[string]bool]():
		key := c.str(in.Index)
		return c.quickNum(in, func(fr *frame) (int64, bool) { v, ok := m(fr).(map[string]bool)[key(fr)]; return b2i(v), ok })
	}
	return nil
}

func (c *compiler) quickNum(in *ssa.Lookup, f func(*frame) (int64, bool)) func(*frame) {
	if in.CommaOk {
		regs := c.tuple(in)
		v, ok := regs[0].i, regs[1].i
		return func(fr *frame) {
			n, has := f(fr)
			fr.n[v], fr.n[ok] = n, b2i(has)
		}
	}
	i := c.reg(in).i
	return func(fr *frame) { fr.n[i], _ = f(fr) }
}

func (c *compiler) mapUpdate(in *ssa.MapUpdate) func(*frame) {
	at := in.Pos()
	m := c.ref(in.Map)
	nilMap := func(fr *frame) { fr.throw(at, plainError("assignment to entry in nil map")) }
	switch c.x.rtype(in.Map.Type()).rep {
	case reflect.TypeFor[map[string]int]():
		key, val := c.str(in.Key), c.num(in.Value)
		return func(fr *frame) {
			m := m(fr).(map[string]int)
			if m == nil {
				nilMap(fr)
			}
			m[key(fr)] = int(val(fr))
		}
	case reflect.TypeFor[map[int]int]():
		key, val := c.num(in.Key), c.num(in.Value)
		return func(fr *frame) {
			m := m(fr).(map[int]int)
			if m == nil {
				nilMap(fr)
			}
			m[int(key(fr))] = int(val(fr))
		}
	}
	key, val := c.mapKey(in.Key, at), c.value(in.Value)
	elem := c.x.rtype(in.Value.Type())
	return func(fr *frame) {
		m := reflect.ValueOf(m(fr))
		k, v := key(fr), elem.cell(val(fr))
		if m.IsNil() {
			nilMap(fr)
		}
		m.SetMapIndex(k, v)
	}
}

// iterator goes over a string or a map.
type iterator struct {
	s  string
	at int
	m  *reflect.MapIter
}

func (c *compiler) rangeOver(in *ssa.Range) func(*frame) {
	i := c.reg(in)
	if c.bankOf(in.X) == strs {
		s := c.str(in.X)
		return func(fr *frame) { fr.a[i.i] = &iterator{s: s(fr)} }
	}
	m := c.ref(in.X)
	return func(fr *frame) { fr.a[i.i] = &iterator{m: reflect.ValueOf(m(fr)).MapRange()} }
}

func (c *compiler) next(in *ssa.Next) func(*frame) {
	it, regs := c.reg(in.Iter).i, c.nextRegs(in)
	ok := regs[0].i
	if in.IsString {
		k, v := regs[1].i, regs[2].i
		return func(fr *frame) {
			it := fr.a[it].(*iterator)
			if fr.n[ok] = b2i(it.at < len(it.s)); fr.n[ok] == 0 {
				return
			}
			r, n := utf8.DecodeRuneInString(it.s[it.at:])
			fr.n[k], fr.n[v] = int64(it.at), int64(r)
			it.at += n
		}
	}
	kt, vt := c.mapTypes(in.Iter.(*ssa.Range).X)
	key, val := c.regSetter(regs[1], kt), c.regSetter(regs[2], vt)
	return func(fr *frame) {
		it := fr.a[it].(*iterator)
		if fr.n[ok] = b2i(it.m.Next()); fr.n[ok] == 0 {
			return
		}
		key(fr, kt.load(it.m.Key()))
		val(fr, vt.load(it.m.Value()))
	}
}

// nextRegs is the registers of a Next; its type does not say what is not used.
func (c *compiler) nextRegs(in *ssa.Next) []reg {
	if regs, ok := c.multi[in]; ok {
		return regs
	}
	k, v := nums, nums
	if !in.IsString {
		kt, vt := c.mapTypes(in.Iter.(*ssa.Range).X)
		k, v = kt.bank, vt.bank
	}
	regs := []reg{c.newReg(nums), c.newReg(k), c.newReg(v)}
	c.multi[in] = regs
	return regs
}

func (c *compiler) mapTypes(m ssa.Value) (key, elem *rtype) {
	t := m.Type().Underlying().(*types.Map)
	return c.x.rtype(t.Key()), c.x.rtype(t.Elem())
}
