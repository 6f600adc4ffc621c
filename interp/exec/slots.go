package exec

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"

	"golang.org/x/tools/go/ssa"

	"weir/interp/cell"
)

// slot holds the code of a function: a redefinition replaces it for every caller and
// for every value that holds the function.
type slot struct {
	fn   *ssa.Function
	code *code
	host *hostFunc // of the library's functions
	kept *code     // in place of code: what a redefinition could not replace
	note string    // and why, for who calls it next
}

// ready is the slot's code, compiled when it is first called.
func (s *slot) ready(x *Executor) *code {
	if s.code == nil {
		x.prepare(s)
	}
	return s.code
}

func (x *Executor) prepare(s *slot) {
	if s.note != "" {
		fmt.Fprintln(x.Stderr, s.note)
	}
	if s.code, s.kept, s.note = s.kept, nil, ""; s.code == nil {
		s.code = x.compile(s.fn)
	}
}

// slotName names a declared function across cells, an instance of a generic one by its
// type arguments. It holds the function's type: values that hold a function of
// another type cannot hold this one. It is "" for a function that only its own code
// reaches.
func (x *Executor) slotName(fn *ssa.Function) string {
	obj, ok := fn.Object().(*types.Func)
	generic := fn.Origin()
	if !ok || obj == nil || fn.Parent() != nil || fn.Synthetic != "" && generic == nil || generic == nil && fn.TypeParams().Len() > 0 {
		return ""
	}
	if recv := obj.Signature().Recv(); recv != nil {
		return x.key(recv.Type()) + "." + obj.Name() + " " + x.key(fn.Signature)
	}
	if pkg := cmp.Or(generic, fn).Pkg; pkg == nil || pkg.Pkg.Path() != "main" || fn.Name() == "init" || fn.Name() == x.loading.entry {
		return ""
	}
	return obj.Name() + x.key(tuple(fn.TypeArgs())) + " " + x.key(fn.Signature)
}

func tuple(list []types.Type) *types.Tuple {
	var vars []*types.Var
	for _, t := range list {
		vars = append(vars, types.NewParam(token.NoPos, nil, "", t))
	}
	return types.NewTuple(vars...)
}

// slot is the slot of a function: for a declared one, that of its name.
func (x *Executor) slot(fn *ssa.Function) *slot {
	if s := x.slots[fn]; s != nil {
		return s
	}
	name := x.slotName(fn)
	s := cmp.Or(x.loading.named[name], x.named[name])
	if s != nil && !x.declares(fn) {
		return s
	}
	if s == nil {
		s = &slot{fn: fn}
	}
	x.slots[fn] = s
	switch {
	case name == "":
	case x.loading.named != nil:
		x.loading.named[name] = s
	default: // a method that is called through an interface comes to be compiled while a program runs
		x.named[name] = s
	}
	return s
}

// declares says whether the program that is being loaded declares fn, or what it is an
// instance of.
func (x *Executor) declares(fn *ssa.Function) bool {
	return x.loading.pkg != nil && cmp.Or(fn.Origin(), fn).Pkg == x.loading.pkg
}

// compileTree compiles a function and what it calls; install makes them callable.
func (x *Executor) compileTree(fn *ssa.Function) {
	s := x.slot(fn)
	if x.loading.code[s] != nil || len(fn.Blocks) == 0 || cmp.Or(s.code, s.kept) != nil && !x.declares(fn) {
		return
	}
	x.loading.code[s] = x.compile(fn)
	for _, b := range fn.Blocks {
		for _, in := range b.Instrs {
			for _, op := range in.Operands(nil) {
				if f, ok := (*op).(*ssa.Function); ok && !x.elsewhere(f) {
					x.compileTree(f)
				}
			}
		}
	}
}

// install makes the functions that were compiled the ones that callers reach.
func (x *Executor) install() {
	for s, code := range x.loading.code {
		s.fn, s.code, s.kept, s.note = code.fn, code, nil, ""
	}
	maps.Copy(x.named, x.loading.named)
	maps.Copy(x.storage, x.loading.variables)
	if x.loading.pkg != nil {
		for _, m := range x.loading.pkg.Members {
			if t, ok := m.(*ssa.Type); ok {
				x.refresh(t.Type())
			}
		}
		x.refreshEmbedding()
	}
}

// family names a declared function whatever its type and type arguments are, and a
// method of a declared type.
func (x *Executor) family(obj *types.Func) string {
	recv := obj.Signature().Recv()
	if recv == nil {
		return obj.Name()
	}
	t := types.Unalias(recv.Type())
	if p, ok := t.(*types.Pointer); ok {
		t = types.Unalias(p.Elem())
	}
	if n, ok := t.(*types.Named); ok {
		return n.Obj().Name() + x.versions[n.Obj()] + "." + obj.Name()
	}
	return obj.Name()
}

// families is the functions and methods that a package declares.
func (x *Executor) families(pkg *ssa.Package) map[string]*types.Func {
	out := map[string]*types.Func{}
	for _, m := range pkg.Members {
		switch m := m.(type) {
		case *ssa.Function:
			if obj, ok := m.Object().(*types.Func); ok && obj != nil {
				out[x.family(obj)] = obj
			}
		case *ssa.Type:
			if n, ok := m.Type().(*types.Named); ok {
				for f := range n.Methods() {
					out[x.family(f)] = f
				}
			}
		}
	}
	return out
}

// renewOthers replaces what is of the functions that a program declares and that
// nothing in the program mentions: instances for earlier type arguments, which
// variables may hold. What cannot be replaced stays, and says so when it is called.
func (x *Executor) renewOthers(p *cell.Program, pkg *ssa.Package, done map[*slot]*code) {
	declared := x.families(pkg)
	for _, name := range slices.Sorted(maps.Keys(x.named)) {
		s := x.named[name]
		fn := declared[x.family(s.fn.Object().(*types.Func))]
		if fn == nil || done[s] != nil {
			continue
		}
		err := x.attempt(p, func() {
			x.loading.pkg = pkg
			again := x.counterpart(s.fn, fn)
			if again == nil || x.slotName(again) != name {
				panic(&Refusal{Text: "it was of another type"})
			}
			x.compileTree(again)
		})
		if err != nil {
			s.code, s.kept = nil, cmp.Or(s.code, s.kept)
			s.note = fmt.Sprintf("note: a value holds %s as it was before cell %d declared %s (%v); make it again", s.describe(), p.Cell, types.ObjectString(fn, inCell), err)
		}
	}
}

// describe is what a cell would write for the function.
func (s *slot) describe() string {
	name := s.fn.Object().Name()
	if recv := s.fn.Signature.Recv(); recv != nil {
		return "(" + source(recv.Type()) + ")." + name
	}
	var args []string
	for _, t := range s.fn.TypeArgs() {
		args = append(args, source(t))
	}
	if len(args) > 0 {
		name += "[" + strings.Join(args, ", ") + "]"
	}
	return name
}

// source writes a type as a cell does.
func source(t types.Type) string { return types.TypeString(t, inCell) }

func inCell(p *types.Package) string {
	if p.Path() == "main" {
		return ""
	}
	return p.Name()
}

// counterpart is the function that takes the place of an instance of a generic
// function, or of a method of a generic type, that is declared again as fn; nil if none does.
func (x *Executor) counterpart(old *ssa.Function, fn *types.Func) *ssa.Function {
	switch recv := old.Signature.Recv(); {
	case len(old.TypeArgs()) == 0:
		return nil
	case recv == nil && fn.Signature().TypeParams().Len() != len(old.TypeArgs()):
		return nil
	case recv == nil:
		return x.instance(fn, old.TypeArgs())
	default:
		t := x.live(recv.Type())
		if x.prog.MethodSets.MethodSet(t).Lookup(fn.Pkg(), fn.Name()) == nil {
			return nil
		}
		return x.prog.LookupMethod(t, fn.Pkg(), fn.Name())
	}
}

// instance is the instance of a generic function for type arguments. go/ssa makes it
// of a package that mentions it. It panics with a *Refusal if there is none.
func (x *Executor) instance(fn *types.Func, args []types.Type) *ssa.Function {
	p := types.NewPackage("main", "main")
	p.Scope().Insert(fn)
	var names []string
	for i, t := range args {
		names = append(names, fmt.Sprintf("%s__%d", fn.Name(), i))
		p.Scope().Insert(types.NewTypeName(token.NoPos, p, names[i], x.live(t)))
	}
	text := fmt.Sprintf("package main\nvar %s__ = %s[%s]", fn.Name(), fn.Name(), strings.Join(names, ", "))
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", text, parser.SkipObjectResolution)
	if err != nil {
		panic(&Refusal{Text: err.Error()})
	}
	info := cell.NewInfo()
	if err := types.NewChecker(&types.Config{}, fset, p, info).Files([]*ast.File{f}); err != nil {
		panic(&Refusal{Text: strings.ReplaceAll(err.(types.Error).Msg, "main.", "")})
	}
	pkg := x.prog.CreatePackage(p, []*ast.File{f}, info, false)
	pkg.Build()
	for _, b := range pkg.Func("init").Blocks {
		for _, in := range b.Instrs {
			if s, ok := in.(*ssa.Store); ok {
				if again, ok := s.Val.(*ssa.Function); ok {
					return again
				}
			}
		}
	}
	return nil
}

// live is a type of earlier cells with what its names mean now, as far as they mean
// identical types.
func (x *Executor) live(t types.Type) types.Type {
	switch t := types.Unalias(t).(type) {
	case *types.Named:
		if r := x.byKey[x.key(t)]; r != nil {
			return r.typ
		}
	case *types.Pointer:
		return types.NewPointer(x.live(t.Elem()))
	case *types.Slice:
		return types.NewSlice(x.live(t.Elem()))
	case *types.Array:
		return types.NewArray(x.live(t.Elem()), t.Len())
	case *types.Chan:
		return types.NewChan(t.Dir(), x.live(t.Elem()))
	case *types.Map:
		return types.NewMap(x.live(t.Key()), x.live(t.Elem()))
	case *types.Struct:
		fields, tags := make([]*types.Var, t.NumFields()), make([]string, t.NumFields())
		for i := range fields {
			f := t.Field(i)
			fields[i], tags[i] = types.NewField(f.Pos(), f.Pkg(), f.Name(), x.live(f.Type()), f.Embedded()), t.Tag(i)
		}
		return types.NewStruct(fields, tags)
	}
	return t
}
