package exec

import (
	"fmt"
	"go/ast"
	"go/token"
	"go/types"
	"io"
	"reflect"
	"slices"

	"golang.org/x/tools/go/ssa"

	"weir/interp/cell"
)

// Executor runs the programs of one notebook. Load a program, then Run its entry.
type Executor struct {
	Symbols        map[string]map[string]reflect.Value // of the packages that are compiled in, as yaegi's extract writes them
	Stdout, Stderr io.Writer
	// Before may give what to run before a call of a package's function at a position.
	Before func(path string, at token.Pos) func()

	prog     *ssa.Program
	packages map[*types.Package]*ssa.Package
	shared   *shared

	byType   map[types.Type]*rtype
	byKey    map[string]*rtype
	recur    map[string]bool
	nested   int // types that are being represented
	opaque   []func()
	locals   map[types.Object]int
	versions map[types.Object]string

	slots       map[*ssa.Function]*slot
	named       map[string]*slot // of declared functions and methods
	globals     map[*ssa.Global]any
	storage     map[string]variable // of the notebook
	stale       []*ssa.Global       // of variables that the program being loaded declares again
	gone        map[*ssa.Global]bool
	hosts       map[*ssa.Function]*hostFunc
	hostMethods map[methodKey]*hostFunc
	wrappers    map[reflect.Type]bool
}

// New makes an executor without any program.
func New(fset *token.FileSet, symbols ...map[string]map[string]reflect.Value) *Executor {
	x := &Executor{
		Symbols: map[string]map[string]reflect.Value{},
		prog:    ssa.NewProgram(fset, ssa.InstantiateGenerics),
		Stdout:  io.Discard, Stderr: io.Discard,
		packages: map[*types.Package]*ssa.Package{},
		byType:   map[types.Type]*rtype{}, byKey: map[string]*rtype{}, recur: map[string]bool{},
		locals: map[types.Object]int{}, versions: map[types.Object]string{},
		slots: map[*ssa.Function]*slot{}, named: map[string]*slot{},
		globals: map[*ssa.Global]any{}, storage: map[string]variable{}, gone: map[*ssa.Global]bool{},
		hosts: map[*ssa.Function]*hostFunc{}, hostMethods: map[methodKey]*hostFunc{}, wrappers: map[reflect.Type]bool{},
	}
	for _, s := range symbols {
		for path, names := range s {
			x.Symbols[path] = names
		}
	}
	x.shared = &shared{x: x}
	stopped := make(chan struct{})
	x.shared.stopped.Store(&stopped)
	return x
}

// interpreted says whether a package's functions are run from their source.
func interpreted(p *types.Package) bool { return p.Path() == "main" || cell.FromSource(p.Path()) }

// Load makes a program's declarations exist and compiles what it can call. An
// error is a *Refusal; the executor is as before then.
func (x *Executor) Load(p *cell.Program) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = refusal(r)
		}
	}()
	for obj, v := range p.Versions {
		x.versions[obj] = v
	}
	x.imports(p.Package)
	if p.Vars != nil {
		x.create(p.Vars, nil, nil)
	}
	pkg := x.create(p.Package, p.Files, p.Info)
	pkg.Build()
	x.compileAll(pkg)
	x.install(pkg)
	x.letGo()
	return nil
}

// letGo frees the memory of variables that have been declared again with another
// type, as far as no code holds it.
func (x *Executor) letGo() {
	for _, g := range x.stale {
		delete(x.globals, g)
		x.gone[g] = true
	}
	x.stale = nil
}

// refusal makes an error of what compiling panicked with. A fault of go/ssa or of
// this package is one too: nothing has run, so nothing is lost.
func refusal(r any) error {
	switch r := r.(type) {
	case *Refusal:
		return r
	case unsupported:
		return &Refusal{Text: r.Error()}
	}
	return &Refusal{Text: fmt.Sprintf("the cell holds a construct that cannot be compiled here: %v", r)}
}

// imports makes SSA packages of what p imports, packages with source included.
func (x *Executor) imports(p *types.Package) {
	for _, q := range p.Imports() {
		if x.packages[q] != nil {
			continue
		}
		x.packages[q] = &ssa.Package{} // a cycle ends here
		x.imports(q)
		if src := cell.SourceOf(q); src != nil {
			x.create(q, src.Files, src.Info).Build()
		} else {
			x.create(q, nil, nil)
		}
	}
}

func (x *Executor) create(p *types.Package, files []*ast.File, info *types.Info) *ssa.Package {
	pkg := x.prog.CreatePackage(p, files, info, false)
	x.packages[p] = pkg
	return pkg
}

// compileAll compiles the package's functions and what they call, so that what
// cannot be run is known before anything runs.
func (x *Executor) compileAll(pkg *ssa.Package) {
	for _, m := range pkg.Members {
		switch m := m.(type) {
		case *ssa.Function:
			if m.TypeParams().Len() == 0 {
				x.compileTree(m)
			}
		case *ssa.Type:
			n, ok := m.Type().(*types.Named)
			if !ok || n.TypeParams().Len() > 0 {
				continue
			}
			x.rtype(n)
			for i := range n.NumMethods() {
				if fn := x.prog.FuncValue(n.Method(i)); fn != nil {
					x.compileTree(fn)
				}
			}
		}
	}
}

func (x *Executor) compileTree(fn *ssa.Function) {
	s := x.slot(fn)
	if s.code != nil || len(fn.Blocks) == 0 {
		return
	}
	s.code = x.compile(fn)
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

// elsewhere says whether a function is not run from SSA form.
func (x *Executor) elsewhere(fn *ssa.Function) bool {
	obj, ok := fn.Object().(*types.Func)
	return x.special(fn) != nil || x.genericSpecial(fn) || ok && obj != nil && hosted(obj) && len(fn.Blocks) == 0
}

// install makes the package's functions the ones that callers reach.
func (x *Executor) install(pkg *ssa.Package) {
	for fn, s := range x.slots {
		if fn.Pkg != pkg || s.code == nil {
			continue
		}
		if name := x.slotName(fn); name != "" {
			if old := x.named[name]; old != nil && old != s {
				old.fn, old.code = s.fn, s.code
				x.slots[fn] = old
				continue
			}
			x.named[name] = s
		}
	}
	for _, m := range pkg.Members {
		if t, ok := m.(*ssa.Type); ok {
			x.refresh(t.Type())
		}
	}
}

// refresh makes boxes of a type find the methods that were declared last.
func (x *Executor) refresh(t types.Type) {
	n, ok := t.(*types.Named)
	if !ok || types.IsInterface(n) {
		return
	}
	if n.TypeParams().Len() == 0 {
		x.renew(n)
		return
	}
	for _, r := range x.byKey {
		old, ok := r.typ.(*types.Named)
		if !ok || old.Origin() == n || old.TypeArgs().Len() == 0 || old.Obj().Name() != n.Obj().Name() || hosted(old.Obj()) {
			continue
		}
		inst, err := types.Instantiate(nil, n, slices.Collect(old.TypeArgs().Types()), false)
		if err == nil && x.key(inst) == r.key {
			x.renew(inst.(*types.Named))
		}
	}
}

func (x *Executor) renew(n *types.Named) {
	for _, t := range []types.Type{n, types.NewPointer(n)} {
		r := x.rtype(t)
		r.typ, r.methods = t, nil
	}
}

// slotName names a declared function across cells, or is "" for a function that
// only its own code reaches.
func (x *Executor) slotName(fn *ssa.Function) string {
	obj, ok := fn.Object().(*types.Func)
	if !ok || obj == nil || fn.Synthetic != "" || fn.Parent() != nil || fn.TypeParams().Len() > 0 || len(fn.TypeArgs()) > 0 {
		return ""
	}
	if recv := obj.Signature().Recv(); recv != nil {
		return x.key(recv.Type()) + "." + obj.Name()
	}
	if fn.Name() == "init" || fn.Pkg == nil || fn.Pkg.Pkg.Path() != "main" {
		return ""
	}
	return obj.Name() + " " + x.key(obj.Signature())
}

func (x *Executor) slot(fn *ssa.Function) *slot {
	s := x.slots[fn]
	if s == nil {
		s = &slot{fn: fn}
		x.slots[fn] = s
	}
	return s
}

// funcValue is a declared function as a value.
func (x *Executor) funcValue(fn *ssa.Function) *Func {
	if special := x.special(fn); special != nil {
		return &Func{host: &hostFunc{x: x, special: special}}
	}
	if h := x.hostFunction(fn); h != nil {
		return &Func{host: h}
	}
	return &Func{slot: x.slot(fn)}
}

// global is the pointer to a package's variable.
func (x *Executor) global(g *ssa.Global, at token.Pos) any {
	if p, ok := x.globals[g]; ok {
		return p
	}
	if x.gone[g] {
		panic(&Refusal{at, "the variable " + g.Name() + " has been declared again with another type"})
	}
	obj := g.Object()
	var p any
	switch {
	case obj != nil && hosted(obj):
		v, ok := x.symbol(obj)
		if !ok || !v.CanAddr() {
			panic(&Refusal{at, "the variable " + obj.Pkg().Name() + "." + obj.Name() + " is not supported in a cell"})
		}
		r := x.rtype(obj.Type())
		if v.Type() == r.rep {
			p = v.Addr().Interface()
			break
		}
		cell := reflect.New(r.rep) // a copy: cells do not assign to a library's variables
		cell.Elem().Set(r.cell(x.fromHostType(r)(v)))
		p = cell.Interface()
	case obj != nil && cell.IsNotebookVar(obj):
		r := x.rtype(obj.Type())
		p = x.remember(obj.Name(), r, g)
	default:
		p = reflect.New(x.rtype(deref(g.Type())).rep).Interface()
	}
	x.globals[g] = p
	return p
}

// Run runs a function without parameters or results of the program that was
// loaded last. An error is a *Panic.
func (x *Executor) Run(p *cell.Program, name string) (err error) {
	fn, _ := x.packages[p.Package].Members[name].(*ssa.Function)
	m := x.begin()
	defer m.finish(&err)
	s := x.slot(fn)
	x.forget(fn)
	m.do(prepared{slot: s}, nil)
	return nil
}

// forget lets go of a function that runs once, and of those inside it: what still
// needs them holds them.
func (x *Executor) forget(fn *ssa.Function) {
	delete(x.slots, fn)
	for _, f := range fn.AnonFuncs {
		x.forget(f)
	}
}

// begin makes the machine of a cell's own goroutine.
func (x *Executor) begin() *machine {
	x.shared.stopMu.Lock()
	x.shared.stop.Store(false)
	x.shared.crash.Store(nil)
	stopped := make(chan struct{})
	x.shared.stopped.Store(&stopped)
	x.shared.stopMu.Unlock()
	m := newMachine(x.shared)
	m.acquire()
	m.main = m
	m.count.Add(1)
	m.running++
	return m
}

func (m *machine) finish(err *error) {
	if r := recover(); r != nil {
		*err = m.ended(r)
	}
	m.running--
	m.count.Add(-1)
	m.lock.Unlock()
}

// ended says how the cell's own goroutine ended.
func (m *machine) ended(r any) *Panic {
	p := m.caught(r)
	if c := m.crash.Load(); p.halted && c != nil {
		return c
	}
	return p
}

// Stop ends what runs, at its next checkpoint. It may be called by any goroutine.
func (x *Executor) Stop() {
	x.shared.stopMu.Lock()
	defer x.shared.stopMu.Unlock()
	if !x.shared.stop.Swap(true) {
		close(*x.shared.stopped.Load())
	}
}

// variable is memory that later cells share; one of another type takes its place.
type variable struct {
	t       *rtype
	p       any
	globals []*ssa.Global // that stand for it
}

// remember finds the memory of a variable. When its type is not what it was, the
// old memory is let go of: only code that was compiled before still holds it.
func (x *Executor) remember(name string, r *rtype, g *ssa.Global) any {
	v := x.storage[name]
	if v.p == nil || v.t != r {
		x.stale = append(x.stale, v.globals...)
		v = variable{t: r, p: reflect.New(r.rep).Interface()}
	}
	v.globals = append(v.globals, g)
	x.storage[name] = v
	return v.p
}

// Take is what a variable of the notebook holds, as an interface of Go would; the
// variable lets go of it.
func (x *Executor) Take(obj types.Object) any {
	v := x.storage[obj.Name()]
	delete(x.storage, obj.Name())
	for _, g := range v.globals {
		delete(x.globals, g)
	}
	if v.p == nil {
		return nil
	}
	cell := reflect.ValueOf(v.p).Elem()
	defer cell.SetZero()
	if v.t.bank != refs {
		return v.t.wrap(cell.Interface())
	}
	return v.t.wrap(v.t.load(cell))
}

// Text is a value as fmt's %v prints it. An error is a *Panic of the value's own method.
func (x *Executor) Text(v any) (s string, err error) {
	m := x.begin()
	defer m.finish(&err)
	s = fmt.Sprint(v)
	m.checkDead()
	return s, nil
}

// Protect runs a library's code that may call back into the program.
func (x *Executor) Protect(f func()) (err error) {
	m := x.begin()
	defer m.finish(&err)
	f()
	return nil
}

// PanicText is the text that Go prints for an uncaught panic.
func (x *Executor) PanicText(p *Panic) (s string) {
	m := x.begin()
	var err error
	defer func() {
		if err != nil {
			s = "a panic while printing the value of a panic"
		}
	}()
	defer m.finish(&err)
	return p.Error()
}
