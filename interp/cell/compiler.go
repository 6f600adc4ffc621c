package cell

import (
	"go/ast"
	"go/token"
	"go/types"
	"sort"
)

// Compiler compiles the cells of one notebook in turn.
type Compiler struct {
	fset     *token.FileSet
	importer *importer
	live     map[string]*global      // what the names mean now
	imported map[string]bool         // import paths that the running process has been told of
	versions map[string]int          // how many globals have had the name
	types    map[types.Object]string // every type a cell declared, redefined ones too, in lowered code
}

// global is an object that a cell declared at its top level.
type global struct {
	object types.Object
	name   string // in lowered code
}

// New begins a notebook.
func New() *Compiler {
	c := &Compiler{}
	c.Reset()
	return c
}

// Reset forgets every cell: the process that ran them is gone.
func (c *Compiler) Reset() {
	c.fset = token.NewFileSet()
	c.importer = newImporter(c.fset)
	c.live = map[string]*global{}
	c.imported = map[string]bool{}
	c.versions = map[string]int{}
	c.types = map[types.Object]string{}
}

// Names is the variables, functions and types that are live, in alphabetical order.
func (c *Compiler) Names() []string {
	var out []string
	for name := range c.live {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// Program is a compiled cell. Source is evaluated first; then the function named
// Entry is called.
type Program struct {
	Source string
	Entry  string

	compiler *Compiler
	globals  map[string]*global
	imports  []string
}

// Commit makes the cell's declarations known to later cells.
func (p *Program) Commit() {
	for name, g := range p.globals {
		p.compiler.live[name] = g
		if _, ok := g.object.(*types.TypeName); ok {
			p.compiler.types[g.object] = g.name
		}
	}
	for _, path := range p.imports {
		p.compiler.imported[path] = true
	}
}

// Compile compiles the text of cell number n. An error is an *Errors.
func (c *Compiler) Compile(n int, text string) (*Program, error) {
	k := &checked{Compiler: c, errs: &Errors{Cell: n, Source: text}, n: n}
	k.parse([]byte(text))
	if len(k.errs.Diagnostics) == 0 {
		k.check()
	}
	if len(k.errs.Diagnostics) > 0 {
		return nil, k.errs.sorted()
	}
	l := newLowering(k)
	p := l.program()
	if len(k.errs.Diagnostics) > 0 {
		return nil, k.errs.sorted()
	}
	return p, nil
}

// checked is a cell on its way: parsed, then with types.
type checked struct {
	*Compiler
	n     int
	errs  *Errors
	decls *ast.File // declarations
	body  *ast.File // one function with the statements
	main  *ast.FuncDecl
	info  *types.Info
	pkg   *types.Package
	last  *ast.ExprStmt // the expression that the cell displays, or nil
}
