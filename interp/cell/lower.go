package cell

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// lower makes the Program of a cell that has been checked: its top-level
// variables become variables of a package, its last expression an assignment.
// The types that the check found stay, so nothing is checked again.
func (k *checking) lower() *Program {
	l := &lowering{
		checking: k, memory: map[types.Object]*types.Var{},
		vars: types.NewPackage("main", varsName), globals: map[string]*global{},
	}
	l.noteLabels()
	l.variables()
	if k.body != nil {
		l.statements()
		l.display()
	}
	l.rebind()
	return l.program()
}

type lowering struct {
	*checking
	vars     *types.Package
	memory   map[types.Object]*types.Var // what the checker calls a variable → where it is kept
	globals  map[string]*global
	results  []*types.Var
	labels   map[string]*labels
	assigned []string
}

// variables finds where each variable is kept: of the cell, of earlier cells, and
// of earlier cells with types that were checked again.
func (l *lowering) variables() {
	for _, g := range l.live {
		if g.memory != nil {
			l.memory[g.object] = g.memory
		}
	}
	for name := range l.kept {
		if obj, ok := l.pkg.Scope().Lookup(name).(*types.Var); ok && !l.defines(name) {
			l.keep(obj, obj.Type(), l.live[name].cell)
		}
	}
	for _, id := range l.tops {
		obj, ok := l.info.Defs[id].(*types.Var)
		if !ok || id.Name == "_" {
			continue
		}
		l.keep(obj, obj.Type(), l.n)
		if seen, ok := l.pkg.Scope().Lookup(id.Name).(*types.Var); ok && seen.Pkg() == l.pkg {
			l.memory[seen] = l.globals[id.Name].memory
		}
	}
}

func (l *lowering) keep(obj *types.Var, t types.Type, cell int) {
	v := types.NewVar(obj.Pos(), l.vars, obj.Name(), t)
	if old := l.vars.Scope().Insert(v); old != nil {
		v = old.(*types.Var)
	}
	l.memory[obj] = v
	l.globals[obj.Name()] = &global{object: types.NewVar(obj.Pos(), l.pkg, obj.Name(), t), memory: v, cell: cell, labels: l.labels[obj.Name()]}
}

// statements turns the definitions of the cell's top level into assignments.
func (l *lowering) statements() {
	list := l.main.Body.List
	out := make([]ast.Stmt, 0, len(list))
	for _, s := range list {
		out = append(out, l.statement(s)...)
	}
	l.main.Body.List = out
}

func (l *lowering) statement(s ast.Stmt) []ast.Stmt {
	switch s := s.(type) {
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE {
			s.Tok = token.ASSIGN
		}
	case *ast.LabeledStmt:
		inner := l.statement(s.Stmt)
		s.Stmt = inner[0]
		return append([]ast.Stmt{s}, inner[1:]...)
	case *ast.DeclStmt:
		return l.declared(s)
	}
	return []ast.Stmt{s}
}

// declared makes assignments of a var statement; without values, of zero values.
func (l *lowering) declared(s *ast.DeclStmt) []ast.Stmt {
	g := s.Decl.(*ast.GenDecl)
	if g.Tok != token.VAR {
		return []ast.Stmt{s}
	}
	var out []ast.Stmt
	for _, spec := range g.Specs {
		v := spec.(*ast.ValueSpec)
		lhs := make([]ast.Expr, len(v.Names))
		for i, id := range v.Names {
			lhs[i] = id
		}
		if len(v.Values) > 0 {
			out = append(out, &ast.AssignStmt{Lhs: lhs, TokPos: v.Pos(), Tok: token.ASSIGN, Rhs: v.Values})
			continue
		}
		for _, id := range v.Names {
			if id.Name != "_" {
				out = append(out, l.zero(id)...)
			}
		}
	}
	if len(out) == 0 {
		out = append(out, &ast.EmptyStmt{Semicolon: s.Pos()})
	}
	return out
}

// zero assigns the zero value, by way of a variable of a block that has it:
//
//	{ var zero T; x = zero }
func (l *lowering) zero(id *ast.Ident) []ast.Stmt {
	obj := l.info.Defs[id]
	if obj == nil {
		return nil
	}
	zero := &ast.Ident{NamePos: id.NamePos, Name: "zero·"}
	v := types.NewVar(id.NamePos, l.pkg, "zero·", obj.Type())
	l.info.Defs[zero] = v
	use := &ast.Ident{NamePos: id.NamePos, Name: "zero·"}
	l.info.Uses[use] = v
	return []ast.Stmt{&ast.BlockStmt{Lbrace: id.NamePos, Rbrace: id.NamePos, List: []ast.Stmt{
		&ast.DeclStmt{Decl: &ast.GenDecl{TokPos: id.NamePos, Tok: token.VAR, Specs: []ast.Spec{&ast.ValueSpec{Names: []*ast.Ident{zero}}}}},
		&ast.AssignStmt{Lhs: []ast.Expr{id}, TokPos: id.NamePos, Tok: token.ASSIGN, Rhs: []ast.Expr{use}},
	}}}
}

// display assigns the values of the last expression to results.
func (l *lowering) display() {
	list := l.main.Body.List
	if l.last == nil || len(list) == 0 || list[len(list)-1] != ast.Stmt(l.last) {
		return
	}
	x := l.last.X
	tv := l.info.Types[x]
	if tv.IsVoid() || tv.Type == nil || tv.IsType() || l.prints(x) {
		return
	}
	var lhs []ast.Expr
	if t, ok := tv.Type.(*types.Tuple); ok {
		for v := range t.Variables() {
			lhs = append(lhs, l.result(x.Pos(), v.Type()))
		}
	} else {
		lhs = []ast.Expr{l.result(x.Pos(), l.typed(x, tv))}
	}
	list[len(list)-1] = &ast.AssignStmt{Lhs: lhs, TokPos: x.Pos(), Tok: token.ASSIGN, Rhs: []ast.Expr{x}}
}

// typed is the type that the value of x has; an untyped constant gets its default.
func (l *lowering) typed(x ast.Expr, tv types.TypeAndValue) types.Type {
	b, ok := tv.Type.(*types.Basic)
	if !ok || b.Info()&types.IsUntyped == 0 {
		if !ok || b.Kind() != types.UntypedNil {
			return tv.Type
		}
	}
	t := types.Default(b)
	if b.Kind() == types.UntypedNil {
		t = types.Universe.Lookup("any").Type()
	}
	if d, ok := t.(*types.Basic); ok && d.Kind() == types.Int && tv.Value != nil {
		if _, exact := constant.Int64Val(constant.ToInt(tv.Value)); !exact {
			l.report(x.Pos(), "the constant %s overflows int; give it a type: float64(…)", tv.Value)
		}
	}
	for y := x; ; {
		tv := l.info.Types[y]
		tv.Type = t
		l.info.Types[y] = tv
		p, ok := y.(*ast.ParenExpr)
		if !ok {
			return t
		}
		y = p.X
	}
}

func (l *lowering) result(at token.Pos, t types.Type) ast.Expr {
	v := types.NewVar(at, l.vars, fmt.Sprintf("result·%d", len(l.results)), t)
	l.vars.Scope().Insert(v)
	l.results = append(l.results, v)
	id := &ast.Ident{NamePos: at, Name: v.Name()}
	l.info.Uses[id] = v
	return id
}

// prints says whether x calls a function of fmt that prints: what it returns is of no interest.
func (l *lowering) prints(x ast.Expr) bool {
	c, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := c.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	f, ok := l.info.Uses[sel.Sel].(*types.Func)
	return ok && f.Pkg() != nil && f.Pkg().Path() == "fmt" && (strings.HasPrefix(f.Name(), "Print") || strings.HasPrefix(f.Name(), "Fprint"))
}

// rebind makes every mention of a notebook's variable mean where it is kept.
func (l *lowering) rebind() {
	for id, obj := range l.info.Uses {
		if v := l.memory[obj]; v != nil {
			l.info.Uses[id] = v
		}
	}
	for id, obj := range l.info.Defs {
		if v := l.memory[obj]; v != nil && obj != nil {
			delete(l.info.Defs, id)
			l.info.Uses[id] = v
		}
	}
}

// program collects what the cell declares.
func (l *lowering) program() *Program {
	p := &Program{
		Cell: l.n, Package: l.pkg, Files: l.files(false), Info: l.info, Vars: l.vars, Results: l.results, Main: l.whole,
		Versions: map[types.Object]string{}, compiler: l.Compiler, globals: l.globals, dropped: l.dropped, versions: map[string]int{}, assigned: l.assigned,
	}
	p.Entry = "main"
	if l.body != nil {
		p.Entry = l.main.Name.Name
	}
	for _, u := range l.own {
		u.parts, u.flows = l.sizes[u], l.flows[u]
		l.nameImports(u)
	}
	units := append([]*unit(nil), l.own...)
	for u := range l.included {
		rest := *u
		rest.parts, rest.flows = l.sizes[u], l.flows[u]
		rest.names = slices.DeleteFunc(slices.Clone(u.names), l.redeclared)
		units = append(units, &rest)
	}
	for _, u := range units {
		if once := l.whole && (u.names[0] == "main" || u.names[0] == "init"); u.kind != token.VAR && !once {
			p.units = append(p.units, u)
		}
		for _, name := range u.names {
			obj := l.pkg.Scope().Lookup(name)
			if u.recv != "" || obj == nil || obj.Pkg() != l.pkg || name == "_" || l.whole && name == "main" {
				continue
			}
			if v := l.globals[name]; v != nil && v.memory != nil && v.cell == l.n {
				continue // a statement of the cell defines a variable of the name
			}
			g := &global{object: obj, cell: u.cell}
			if l.changed[name] { // by what it is made of, too
				g.cell = l.n
			}
			p.globals[name] = g
		}
	}
	l.number(p)
	slices.SortFunc(p.units, func(a, b *unit) int { return int(a.decl.Pos() - b.decl.Pos()) })
	return p
}

// nameImports has a declaration call the packages that it imports by names that no cell
// can write: it may be checked again when their own mean something else.
func (l *lowering) nameImports(u *unit) {
	u.specs = map[string]*ast.ImportSpec{}
	ast.Inspect(u.decl, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok {
			if p, ok := l.info.Uses[id].(*types.PkgName); ok {
				id.Name = p.Name() + importMark
				u.specs[id.Name] = &ast.ImportSpec{Name: ast.NewIdent(id.Name), Path: &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(p.Imported().Path())}}
			}
		}
		return true
	})
}

// importMark ends the names of packages in declarations of earlier cells.
const importMark = "·"

// number numbers the versions of the types that the program declares.
func (l *lowering) number(p *Program) {
	for _, u := range p.units {
		if u.kind != token.TYPE {
			continue
		}
		name := u.names[0]
		n := l.Compiler.versions[name]
		if l.changed[name] {
			n++
		}
		p.versions[name] = n
		if obj := l.pkg.Scope().Lookup(name); obj != nil {
			p.Versions[obj] = fmt.Sprintf("·%d", n)
		}
	}
}
