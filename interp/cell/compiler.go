package cell

import (
	"go/ast"
	"go/token"
	"go/types"
	"sort"

	"weir/datasets/plan"
)

// Compiler compiles the cells of one notebook in turn.
type Compiler struct {
	fset       *token.FileSet
	importer   *importer
	live       map[string]*global // what the names mean now
	units      []*unit            // the declarations that are live, methods too
	broken     map[string]string  // why a declaration of an earlier cell is no longer one
	versions   map[string]int     // how often a type of the name has changed
	lines      map[string]origin  // file names of the file set
	schema     *plan.Schema       // of the repository, when it is known
	vocabulary Names              // of its public part

	reassigned map[string]bool // variables that more than their definition assigns to
}

// global is an object that a cell declared at its top level.
type global struct {
	object types.Object // as later cells see it
	memory *types.Var   // of a variable: where it is kept
	cell   int
	labels *labels // that a category can have, where they are known
}

// origin is where a file of the file set comes from.
type origin struct {
	cell int
	skip int // lines before the cell's first
}

// New begins a notebook.
func New() *Compiler {
	c := &Compiler{}
	c.Reset()
	return c
}

// Reset forgets every cell: the process that ran them is gone.
func (c *Compiler) Reset() {
	if c.importer != nil {
		c.importer.forget()
	}
	c.fset = token.NewFileSet()
	c.importer = newImporter(c.fset)
	c.live = map[string]*global{}
	c.units = nil
	c.broken = map[string]string{}
	c.versions = map[string]int{}
	c.lines = map[string]origin{}
	c.reassigned = map[string]bool{}
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

// FileSet has the positions of every program.
func (c *Compiler) FileSet() *token.FileSet { return c.fset }

// Position says which cell, line and column a position of a program is at. The
// cell is 0 for code that is not a cell's.
func (c *Compiler) Position(pos token.Pos) (cell, line, column int) {
	p := c.fset.Position(pos)
	o, ok := c.lines[p.Filename]
	if !ok {
		return 0, p.Line, p.Column
	}
	return o.cell, p.Line - o.skip, p.Column
}

// Program is a compiled cell: the seam between the compiler and what executes
// it. It is Go that has been checked, with its types; package exec runs it by way
// of go/ssa, another executor may print it or generate code from it.
//
// What differs from the text of the cell is little: variables of the cell's top
// level are variables of the package Vars, their definitions assignments, and the
// last expression is assigned to Results. Functions and types of earlier cells
// that the cell's declarations change are among Files again, checked against them.
type Program struct {
	Cell    int
	Package *types.Package // the cell's functions, types and constants
	Vars    *types.Package // its variables; one that is kept since an earlier cell has the name and type of the old one
	Files   []*ast.File
	Info    *types.Info
	Entry   string       // the function that runs the cell, in Package
	Main    bool         // a whole program was given: run its initialisation first
	Results []*types.Var // of Vars: the values of the last expression

	// Versions tells types of the same name apart: a type that is declared again,
	// unchanged, keeps its version, and values of it live on.
	Versions map[types.Object]string

	compiler *Compiler
	globals  map[string]*global
	units    []*unit
	dropped  map[string]string
	versions map[string]int
	assigned []string // earlier variables that it assigns to
}

// Commit makes the cell's declarations known to later cells.
func (p *Program) Commit() {
	c := p.compiler
	for name, why := range p.dropped {
		c.broken[name] = why
		delete(c.live, name)
	}
	for name, g := range p.globals {
		c.live[name] = g
		delete(c.broken, name)
	}
	for _, name := range p.assigned {
		c.reassigned[name] = true
	}
	c.replace(p)
	for name, v := range p.versions {
		c.versions[name] = v
	}
}

// Compile compiles the text of cell number n. An error is an *Errors.
func (c *Compiler) Compile(n int, text string) (*Program, error) {
	k := newChecking(c, n, text)
	k.parse([]byte(text))
	for round := 0; ; round++ {
		if k.failed() {
			return nil, k.errs.sorted()
		}
		k.check()
		if again := k.adjust(); !again {
			break
		}
		k.errs.Diagnostics = nil
		if round == maxRounds {
			k.errs.add(1, 1, "too many declarations of earlier cells depend on this cell in turn; put what depends on it into this cell")
		}
	}
	if !k.failed() {
		k.lint()
		k.instances()
	}
	if k.failed() {
		return nil, k.errs.sorted()
	}
	p := k.lower()
	if k.failed() {
		return nil, k.errs.sorted()
	}
	return p, nil
}

// maxRounds bounds how often a cell is checked: each round takes in what the last
// one found to depend on the cell.
const maxRounds = 12

// IsNotebookVar says whether a variable is of a notebook's top level.
func IsNotebookVar(obj types.Object) bool { return obj.Pkg() != nil && obj.Pkg().Name() == varsName }

// varsName is the name of the packages of variables.
const varsName = "notebook"
