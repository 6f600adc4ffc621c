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
	loading     loading
	spare       *machine // for the next run
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
		globals: map[*ssa.Global]any{}, storage: map[string]variable{},
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
// error is a *Refusal; the executor is as before then. It asks whether it may when
// all is compiled and nothing exists yet.
func (x *Executor) Load(p *cell.Program, may func() bool) error {
	var pkg *ssa.Package
	var done map[*slot]*code
	err := x.attempt(p, func() {
		for obj, v := range p.Versions {
			x.versions[obj] = v
		}
		x.imports(p.Package)
		if p.Vars != nil && p.Vars.Scope().Len() > 0 {
			x.loading.vars = x.create(p.Vars, nil, nil)
		}
		pkg = x.create(p.Package, p.Files, p.Info)
		x.loading.pkg = pkg
		pkg.Build()
		x.compileAll(pkg)
		done = x.loading.code
		if !may() {
			panic(&Refusal{Text: "the cell is not to run"})
		}
	})
	if err == nil {
		x.renewOthers(p, pkg, done)
	}
	return err
}

// attempt installs what load compiles, if nothing is refused.
func (x *Executor) attempt(p *cell.Program, load func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			x.forgetTypes()
			x.letGo()
			err = refusal(r)
		}
	}()
	x.loading = loading{entry: p.Entry, variables: map[string]variable{}, named: map[string]*slot{}, code: map[*slot]*code{}}
	load()
	x.install()
	x.letGo()
	return nil
}

// loading is what belongs to the program that is being loaded.
type loading struct {
	pkg, vars *ssa.Package
	variables map[string]variable // that it declares, or declares again with another type
	entry     string              // what runs it, once
	code      map[*slot]*code     // of functions that were compiled for it
	named     map[string]*slot    // of those that have a name across cells
	types     []string            // keys of those that it made
}

// forgetTypes forgets the types of a program that is refused: some are half made, and
// the next program may declare others by the same names.
func (x *Executor) forgetTypes() {
	for _, key := range x.loading.types {
		delete(x.byKey, key)
	}
	x.recur, x.opaque, x.nested = map[string]bool{}, nil, 0
}

// letGo frees what was needed to compile the program only. Compiled code holds what
// it needs; declared functions are found by their names from now on.
func (x *Executor) letGo() {
	for _, c := range x.loading.code {
		fn := c.fn
		if fn.Parent() != nil || x.slotName(fn) != "" {
			delete(x.slots, fn)
		}
		if fn.Pkg == x.loading.pkg {
			fn.Blocks, fn.Locals = nil, nil
		}
	}
	x.byType = map[types.Type]*rtype{}
	x.loading = loading{}
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

// imports makes SSA packages of what p imports, packages with source included. One
// that is known in part, because another's export data mention it, may be imported
// later: its SSA package would lack what is not known yet.
func (x *Executor) imports(p *types.Package) {
	for _, q := range p.Imports() {
		if x.packages[q] != nil || !q.Complete() {
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

// elsewhere says whether a function is not run from SSA form.
func (x *Executor) elsewhere(fn *ssa.Function) bool {
	obj, ok := fn.Object().(*types.Func)
	return x.special(fn) != nil || x.genericSpecial(fn) || ok && obj != nil && hosted(obj) && len(fn.Blocks) == 0
}

// refreshEmbedding makes boxes of structs without a name, and of pointers to them, find
// the methods that what they embed was declared with last.
func (x *Executor) refreshEmbedding() {
	for _, r := range x.byKey {
		t, ok := types.Unalias(derefOnce(r.typ)).(*types.Struct)
		if !ok {
			continue
		}
		for f := range t.Fields() {
			if n := types.Unalias(derefOnce(f.Type())); f.Embedded() && x.live(n) != n {
				r.typ, r.methods = x.live(r.typ), nil
				break
			}
		}
	}
}

// derefOnce is what a pointer type leads to, or the type itself.
func derefOnce(t types.Type) types.Type {
	if p, ok := types.Unalias(t).(*types.Pointer); ok {
		return p.Elem()
	}
	return t
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
	obj := g.Object()
	if obj != nil && cell.IsNotebookVar(obj) {
		return x.remembered(g, x.rtype(obj.Type()), at)
	}
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

// forget lets go of a function that runs once, and of its text: what is of it and
// still needed is held by who needs it.
func (x *Executor) forget(fn *ssa.Function) {
	delete(x.slots, fn)
	fn.AnonFuncs = nil
	if d, ok := fn.Syntax().(*ast.FuncDecl); ok {
		d.Body.List = nil
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
	m := x.spare
	if x.spare = nil; m == nil {
		m = newMachine(x.shared)
	}
	m.acquire()
	m.main = m
	m.count.Add(1)
	m.running++
	return m
}

func (m *machine) finish(err *error) {
	if r := recover(); r != nil {
		*err = m.ended(r)
	} else if len(m.a) == firstStack {
		m.ra, m.rs = [maxResults]any{}, [maxResults]string{}
		m.x.spare = m
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
	t *rtype
	p any
}

// remembered finds the memory of a variable by its name. When the program that is
// being loaded declares it with another type, only code that was compiled before
// holds the old memory.
func (x *Executor) remembered(g *ssa.Global, r *rtype, at token.Pos) any {
	v, ok := x.storage[g.Name()]
	own := g.Pkg == x.loading.vars && g.Pkg != nil
	if again, isAgain := x.loading.variables[g.Name()]; own && isAgain {
		v, ok = again, true
	}
	switch {
	case ok && v.t == r:
	case !own:
		panic(&Refusal{at, "the variable " + g.Name() + " has been declared again with another type"})
	default:
		v = variable{r, reflect.New(r.rep).Interface()}
		x.loading.variables[g.Name()] = v
	}
	return v.p
}

// Take is what a variable of the notebook holds, as an interface of Go would; the
// variable lets go of it.
func (x *Executor) Take(obj types.Object) any {
	v := x.storage[obj.Name()]
	delete(x.storage, obj.Name())
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
