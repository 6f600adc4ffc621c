package cell

import (
	"cmp"
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
)

// maxInstances is how many types a type parameter may stand for in a cell, and
// maxArgument how many parts each may have: what runs the cell makes all of them.
const (
	maxInstances = 10_000
	maxArgument  = 2_000
)

// argument is a type that a type parameter stands for somewhere.
type argument struct {
	at    token.Pos
	param *types.TypeParam
	of    string // what is instantiated
	typ   types.Type
	base  int                      // its parts but for those of
	times map[*types.TypeParam]int // the parameters that it is made of, so many times
}

// instances reports generics of which there would be instances without end, such as
//
//	func f[T any](x T) { f([]T{x}) }
//
// or too many. go/types looks for the former only where there is no mistake at all,
// and counts as mistakes what a notebook allows, such as a variable without use.
//
// Types flow from parameters to the parameters of what their types instantiate. Where
// they flow in a circle they must not change on the way (strongly connected components,
// by Tarjan's algorithm); otherwise numbers and sizes follow the flow.
func (k *checking) instances() {
	f := &flow{checking: k, arguments: k.arguments(), index: map[*types.TypeParam]int{}, count: map[*types.TypeParam]int{}, parts: map[*types.TypeParam]int{}}
	params := slices.SortedFunc(maps.Keys(f.arguments), func(a, b *types.TypeParam) int { return cmp.Compare(a.Obj().Pos(), b.Obj().Pos()) })
	for _, p := range params {
		if f.index[p] == 0 {
			f.visit(p)
		}
	}
}

type flow struct {
	*checking
	arguments map[*types.TypeParam][]argument
	index     map[*types.TypeParam]int // when it was visited, from 1
	stack     []*types.TypeParam
	count     map[*types.TypeParam]int // types that it stands for, once they are known
	parts     map[*types.TypeParam]int // of the largest of them
}

// visit returns the first of the parameters on the stack that flow into p.
func (f *flow) visit(p *types.TypeParam) int {
	f.index[p] = len(f.index) + 1
	low, at := f.index[p], len(f.stack)
	f.stack = append(f.stack, p)
	for _, a := range f.arguments[p] {
		for q := range a.times {
			if f.index[q] == 0 {
				low = min(low, f.visit(q))
			} else if f.count[q] == 0 {
				low = min(low, f.index[q])
			}
		}
	}
	if low == f.index[p] {
		f.complete(f.stack[at:])
		f.stack = f.stack[:at]
	}
	return low
}

// complete counts what parameters stand for that stand for the same types.
func (f *flow) complete(circle []*types.TypeParam) {
	count, parts := 0, 1
	constant := map[types.Type]bool{}
	for _, p := range circle {
		for _, a := range f.arguments[p] {
			n, w, inside := 1, a.base, false
			for q, times := range a.times {
				inside = inside || slices.Contains(circle, q)
				n, w = bounded(n*max(1, f.count[q])), bounded(w+times*f.parts[q])
			}
			switch _, same := a.typ.(*types.TypeParam); {
			case inside && same:
				continue
			case inside:
				f.refuse(a, "%s is instantiated here with types that grow without end (an instantiation cycle)")
			case len(a.times) == 0 && constant[a.typ]:
				continue
			}
			constant[a.typ] = true
			count, parts = bounded(count+n), max(parts, w)
			if count > maxInstances || parts > maxArgument {
				f.refuse(a, "%s is instantiated with too many types, or too large ones")
			}
		}
	}
	for _, p := range circle {
		f.count[p], f.parts[p] = max(1, count), parts
	}
}

func (f *flow) refuse(a argument, format string) {
	if f.failed() {
		return
	}
	if cell, line, column := f.Position(a.at); cell == f.n {
		f.errs.add(line, column, format, a.of)
	} else {
		f.errs.add(1, 1, format+" in cell %d, line %d", a.of, cell, line)
	}
}

// arguments is what the type parameters of the cell and of those before it stand for.
// The parameters of a method's receiver stand for those of the type.
func (k *checking) arguments() map[*types.TypeParam][]argument {
	of := map[*types.TypeParam]*types.TypeParam{}
	for _, obj := range k.info.Defs {
		if fn, ok := obj.(*types.Func); ok && fn.Signature().RecvTypeParams().Len() > 0 {
			params := typeParams(fn)
			for i := range params.Len() {
				of[fn.Signature().RecvTypeParams().At(i)] = params.At(i)
			}
		}
	}
	out := map[*types.TypeParam][]argument{}
	for _, u := range k.units {
		for _, a := range u.flows {
			if !k.included[u] {
				out[a.param] = append(out[a.param], a)
			}
		}
	}
	k.flows = map[*unit][]argument{}
	uses := slices.SortedFunc(maps.Keys(k.info.Instances), func(a, b *ast.Ident) int { return cmp.Compare(a.Pos(), b.Pos()) })
	for _, id := range uses {
		params := typeParams(k.info.Uses[id])
		args := k.info.Instances[id].TypeArgs
		for i := range min(params.Len(), args.Len()) {
			a := argument{at: id.Pos(), of: id.Name, param: params.At(i), typ: types.Unalias(args.At(i)), times: map[*types.TypeParam]int{}}
			a.base = sizeOf(a.typ, func(p *types.TypeParam) { a.times[cmp.Or(of[p], p)]++ })
			out[a.param] = append(out[a.param], a)
			if u := k.checkedAt(id.Pos()); u != nil && len(a.times) > 0 {
				k.flows[u] = append(k.flows[u], a)
			}
		}
	}
	return out
}

// checkedAt is the declaration of the cell, or that is checked again, at pos, or nil.
func (k *checking) checkedAt(pos token.Pos) *unit {
	for _, u := range k.own {
		if pos >= u.decl.Pos() && pos < u.decl.End() {
			return u
		}
	}
	return k.unitAt(pos)
}

// typeParams is the type parameters of a generic function or type, or of the type of
// a method's receiver.
func typeParams(obj types.Object) *types.TypeParamList {
	switch obj := obj.(type) {
	case *types.Func:
		recv := obj.Signature().Recv()
		if recv == nil {
			return obj.Signature().TypeParams()
		}
		t := types.Unalias(recv.Type())
		if p, ok := t.(*types.Pointer); ok {
			t = types.Unalias(p.Elem())
		}
		if n, ok := t.(*types.Named); ok {
			return n.Origin().TypeParams()
		}
	case *types.TypeName:
		switch t := obj.Type().(type) {
		case *types.Named:
			return t.Origin().TypeParams()
		case *types.Alias:
			return t.Origin().TypeParams()
		}
	}
	return nil
}
