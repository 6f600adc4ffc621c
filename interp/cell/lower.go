package cell

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/constant"
	"go/printer"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// The names that lowered code uses of the process that runs it.
const (
	runtimeName = "weir__"         // the package of what follows
	markFunc    = "At"             // At(cell, line): the statement that runs now
	showFunc    = "Display"        // Display(values…): the cell's last expression
	stopVar     = "Stop"           // not 0 when the cell is to end
	haltFunc    = "Halt"           // ends it
	printPrefix = "Builtin_"       // Builtin_print, Builtin_println
	RuntimePath = "weir/interp/rt" // import path of that package
)

// lowering turns a checked cell into a Program.
type lowering struct {
	*checked
	names   map[types.Object]string // globals, live ones and this cell's, in lowered code
	globals map[string]*global      // this cell's
	imports map[string]string       // import path → name in lowered code
	decls   []ast.Decl              // of package level
	inits   []ast.Stmt              // functions, before the first statement
	body    []ast.Stmt
}

func newLowering(k *checked) *lowering {
	l := &lowering{checked: k, names: map[types.Object]string{}, globals: map[string]*global{}, imports: map[string]string{}}
	for _, g := range k.live {
		l.names[g.object] = g.name
	}
	return l
}

func (l *lowering) program() *Program {
	l.declare()
	stmts := l.checked.main.Body.List
	l.hoist(stmts)
	l.rename()
	l.packageLevel()
	for _, s := range stmts {
		l.statement(s)
	}
	entry := "cell__" + strconv.Itoa(l.n)
	l.decls = append(l.decls, &ast.FuncDecl{
		Name: ast.NewIdent(entry),
		Type: &ast.FuncType{Params: &ast.FieldList{}},
		Body: &ast.BlockStmt{List: append(l.inits, l.body...)},
	})
	p := &Program{Entry: entry, compiler: l.Compiler, globals: l.globals}
	p.Source = l.text(p)
	return p
}

// text prints the imports that the running process has not seen, then the declarations.
func (l *lowering) text(p *Program) string {
	var b bytes.Buffer
	l.imports[RuntimePath] = runtimeName
	for path, name := range l.imports {
		if !l.imported[path] {
			fmt.Fprintf(&b, "import %s %q\n", name, path)
			p.imports = append(p.imports, path)
		}
	}
	for _, d := range l.decls {
		if err := (&printer.Config{Mode: printer.RawFormat}).Fprint(&b, token.NewFileSet(), d); err != nil {
			panic(err)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// declare names the objects that the cell's declarations make, types before
// what has them.
func (l *lowering) declare() {
	var rest []*ast.Ident
	for _, d := range l.checked.decls.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				rest = append(rest, d.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					l.global(l.info.Defs[s.Name])
				case *ast.ValueSpec:
					rest = append(rest, s.Names...)
				}
			}
		}
	}
	for _, id := range rest {
		l.global(l.info.Defs[id])
	}
}

// global gives an object its name in lowered code. A variable or function takes
// the place of the live one of its name when their types are the same, so that
// what was compiled before sees the new one.
func (l *lowering) global(obj types.Object) {
	if obj == nil || obj.Name() == "_" {
		return
	}
	name := obj.Name()
	g := &global{object: obj}
	if old := l.live[name]; old != nil && replaces(old.object, obj) {
		g.name = old.name
	} else {
		g.name = l.fresh(name)
		if isStorage(obj) {
			l.variable(g.name, obj.Type(), obj.Pos())
		}
	}
	if v, ok := obj.(*types.Var); ok {
		g.object = types.NewVar(v.Pos(), l.pkg, name, v.Type())
	}
	l.names[obj] = g.name
	l.globals[name] = g
}

func replaces(old, obj types.Object) bool {
	_, wasVar := old.(*types.Var)
	_, isVar := obj.(*types.Var)
	return wasVar == isVar && isStorage(old) && isStorage(obj) && types.Identical(old.Type(), obj.Type())
}

// isStorage: variables, and functions without type parameters, are variables in lowered code.
func isStorage(obj types.Object) bool {
	switch obj := obj.(type) {
	case *types.Var:
		return true
	case *types.Func:
		return obj.Signature().TypeParams() == nil
	}
	return false
}

// fresh is a name that no global has had.
func (l *lowering) fresh(name string) string {
	l.versions[name]++
	if v := l.versions[name]; v > 1 {
		return name + "__" + strconv.Itoa(v)
	}
	return name
}

func (l *lowering) variable(name string, t types.Type, pos token.Pos) {
	l.decls = append(l.decls, &ast.GenDecl{Tok: token.VAR, Specs: []ast.Spec{
		&ast.ValueSpec{Names: []*ast.Ident{ast.NewIdent(name)}, Type: l.typeExpr(t, pos)},
	}})
}

// hoist names the variables that the top-level statements define.
func (l *lowering) hoist(stmts []ast.Stmt) {
	for _, s := range stmts {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				for _, x := range s.Lhs {
					l.global(l.info.Defs[x.(*ast.Ident)])
				}
			}
		case *ast.DeclStmt:
			for _, spec := range s.Decl.(*ast.GenDecl).Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					for _, id := range v.Names {
						l.global(l.info.Defs[id])
					}
				}
			}
		case *ast.LabeledStmt:
			l.hoist([]ast.Stmt{s.Stmt})
		}
	}
}

// rename gives every mention of a global and of a package its name in lowered code.
func (l *lowering) rename() {
	for _, m := range []map[*ast.Ident]types.Object{l.info.Defs, l.info.Uses} {
		for id, obj := range m {
			if name, ok := l.names[obj]; ok {
				id.Name = name
			} else if p, ok := obj.(*types.PkgName); ok {
				id.Name = l.importName(p.Imported().Path())
			} else if f, ok := obj.(*types.Var); ok && f.Embedded() {
				l.renameEmbedded(id, f)
			} else if b, ok := obj.(*types.Builtin); ok && strings.HasPrefix(b.Name(), "print") {
				id.Name = runtimeName + "." + printPrefix + b.Name()
			}
		}
	}
}

// renameEmbedded: an embedded field is called as its type is.
func (l *lowering) renameEmbedded(id *ast.Ident, f *types.Var) {
	t := f.Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := types.Unalias(t).(*types.Named); ok {
		if name, ok := l.names[n.Obj()]; ok {
			id.Name = name
		}
	}
}

func (l *lowering) importName(path string) string {
	if name, ok := l.imports[path]; ok {
		return name
	}
	name := "pkg__" + strings.NewReplacer("/", "_").Replace(path)
	l.imports[path] = name
	return name
}

// packageLevel emits the cell's declarations: functions as assignments to their
// variables, everything else as it is.
func (l *lowering) packageLevel() {
	for _, d := range l.checked.decls.Decls {
		switch d := d.(type) {
		case *ast.GenDecl:
			if d.Tok != token.IMPORT {
				l.decls = slices.Insert(l.decls, 0, ast.Decl(d))
			}
		case *ast.FuncDecl:
			l.inside(d)
			if d.Recv != nil || d.Type.TypeParams != nil {
				l.decls = append(l.decls, d)
				continue
			}
			l.inits = append(l.inits, assign(d.Name, &ast.FuncLit{Type: d.Type, Body: d.Body}))
		}
	}
}

func assign(lhs, rhs ast.Expr) ast.Stmt {
	return &ast.AssignStmt{Lhs: []ast.Expr{lhs}, Tok: token.ASSIGN, Rhs: []ast.Expr{rhs}}
}

func runtime(name string) ast.Expr {
	return &ast.SelectorExpr{X: ast.NewIdent(runtimeName), Sel: ast.NewIdent(name)}
}

func call(f ast.Expr, args ...ast.Expr) *ast.CallExpr { return &ast.CallExpr{Fun: f, Args: args} }

func integer(n int) ast.Expr { return &ast.BasicLit{Kind: token.INT, Value: strconv.Itoa(n)} }

// statement emits a top-level statement behind a mark of its line.
func (l *lowering) statement(s ast.Stmt) {
	line, _ := l.position(s.Pos())
	mark := &ast.ExprStmt{X: call(runtime(markFunc), integer(l.n), integer(line))}
	l.inside(s)
	switch s := s.(type) {
	case *ast.EmptyStmt:
		return
	case *ast.AssignStmt:
		if s.Tok == token.DEFINE {
			l.name(s.Lhs, s.Rhs)
			s.Tok = token.ASSIGN
		}
		l.body = append(l.body, mark, l.apart(s))
		return
	case *ast.DeclStmt:
		l.body = append(l.body, mark)
		l.declared(s)
		return
	case *ast.ExprStmt:
		if s == l.last {
			l.body = append(l.body, mark, &ast.ExprStmt{X: l.display(s.X)})
			return
		}
	}
	l.body = append(l.body, mark, s)
}

// declared emits a var statement as assignments; without values, of the zero value.
func (l *lowering) declared(s *ast.DeclStmt) {
	for _, spec := range s.Decl.(*ast.GenDecl).Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		lhs := make([]ast.Expr, len(v.Names))
		for i, id := range v.Names {
			lhs[i] = id
		}
		if len(v.Values) > 0 {
			l.name(lhs, v.Values)
			l.body = append(l.body, l.apart(&ast.AssignStmt{Lhs: lhs, Tok: token.ASSIGN, Rhs: v.Values}))
			continue
		}
		for _, id := range v.Names {
			if id.Name == "_" {
				continue
			}
			zero := ast.NewIdent("zero__")
			l.body = append(l.body, &ast.BlockStmt{List: []ast.Stmt{
				&ast.DeclStmt{Decl: &ast.GenDecl{Tok: token.VAR, Specs: []ast.Spec{&ast.ValueSpec{Names: []*ast.Ident{zero}, Type: v.Type}}}},
				assign(id, zero),
			}})
		}
	}
}

// display wraps the cell's last expression, if it has a value.
func (l *lowering) display(x ast.Expr) ast.Expr {
	tv := l.info.Types[x]
	if tv.IsVoid() || tv.Type == nil || l.prints(x) {
		return x
	}
	if b, ok := tv.Type.(*types.Basic); ok && b.Info()&types.IsUntyped != 0 && b.Kind() != types.UntypedNil {
		t := types.Default(b).(*types.Basic)
		if t.Kind() == types.Int && tv.Value != nil {
			if _, exact := constant.Int64Val(constant.ToInt(tv.Value)); !exact {
				l.report(x.Pos(), "the constant %s overflows int; give it a type: float64(…)", tv.Value)
			}
		}
		x = call(ast.NewIdent(t.Name()), x)
	}
	return call(runtime(showFunc), x)
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

// named are the types of the vocabulary whose values a table calls as their
// variables are called.
var named = []string{"Number", "Bool", "Category", "Date", "Event", "Events", "Split", "Concepts"}

// name adds As("x") to what is assigned to a new variable x, unless the analyst named it.
func (l *lowering) name(lhs, rhs []ast.Expr) {
	if len(lhs) != len(rhs) {
		return
	}
	for i, x := range rhs {
		id := lhs[i].(*ast.Ident)
		obj := l.info.Defs[id]
		c, isCall := ast.Unparen(x).(*ast.CallExpr)
		if obj == nil || !isCall || !slices.Contains(named, vocabularyType(l.info.TypeOf(x))) {
			continue
		}
		if sel, ok := c.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "As" {
			continue
		}
		rhs[i] = call(&ast.SelectorExpr{X: x, Sel: ast.NewIdent("As")}, &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(obj.Name())})
	}
}

// inside lowers what stands inside a top-level statement or a function:
// statements in blocks, and a checkpoint where a loop or a function begins.
func (l *lowering) inside(n ast.Node) {
	ast.Inspect(n, func(n ast.Node) bool {
		var b *ast.BlockStmt
		switch n := n.(type) {
		case *ast.BlockStmt:
			l.parallel(n.List)
		case *ast.CaseClause:
			l.parallel(n.Body)
		case *ast.CommClause:
			l.parallel(n.Body)
		}
		switch n := n.(type) {
		case *ast.ForStmt:
			b = n.Body
		case *ast.RangeStmt:
			b = n.Body
		case *ast.FuncLit:
			b = n.Body
		case *ast.FuncDecl:
			b = n.Body
		}
		if b != nil {
			b.List = append([]ast.Stmt{&ast.IfStmt{
				Cond: &ast.BinaryExpr{X: &ast.StarExpr{X: runtime(stopVar)}, Op: token.NEQ, Y: integer(0)},
				Body: &ast.BlockStmt{List: []ast.Stmt{&ast.ExprStmt{X: call(runtime(haltFunc))}}},
			}}, b.List...)
		}
		return true
	})
}

// parallel takes assignments of several values apart: yaegi v0.16.1 loses some of
// the values of a, c = a+1, f().
func (l *lowering) parallel(list []ast.Stmt) {
	for i, s := range list {
		if a, ok := s.(*ast.AssignStmt); ok {
			list[i] = l.apart(a)
		}
	}
}

func (l *lowering) apart(a *ast.AssignStmt) ast.Stmt {
	if a.Tok != token.ASSIGN || len(a.Lhs) < 2 || len(a.Lhs) != len(a.Rhs) {
		return a
	}
	for _, x := range a.Lhs {
		if _, ok := x.(*ast.Ident); !ok {
			return a // an element or a field: its operands come first
		}
	}
	b := &ast.BlockStmt{}
	for i, x := range a.Rhs {
		t := l.typeOf(a.Lhs[i].(*ast.Ident))
		if t == nil { // the blank identifier
			t = types.Default(l.info.TypeOf(x))
		}
		b.List = append(b.List, &ast.DeclStmt{Decl: &ast.GenDecl{Tok: token.VAR, Specs: []ast.Spec{
			&ast.ValueSpec{Names: []*ast.Ident{ast.NewIdent("v__" + strconv.Itoa(i))}, Type: l.typeExpr(t, x.Pos()), Values: []ast.Expr{x}},
		}}})
	}
	for i, x := range a.Lhs {
		b.List = append(b.List, assign(x, ast.NewIdent("v__"+strconv.Itoa(i))))
	}
	return b
}

// typeOf is the type of a variable where it is defined or used, nil for _.
func (l *lowering) typeOf(id *ast.Ident) types.Type {
	if obj := l.info.ObjectOf(id); obj != nil {
		return obj.Type()
	}
	return nil
}
