package cell

import (
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// The cell's text stands on lines of its own below these, so that a position's
// line less the prefix's is the cell's, and the column needs no correction.
const (
	declPrefix = "package main\n"
	bodyPrefix = "package main; func _() {\n"
	bodySuffix = "\n}\n"
)

// parse makes two files of the cell: its declarations, and a function of its statements.
func (k *checked) parse(text []byte) {
	regions := split(text)
	decls := declPrefix + string(blank(text, regions, func(r region) bool { return r.decl }))
	body := bodyPrefix + string(blank(text, regions, func(r region) bool { return !r.decl })) + bodySuffix
	k.decls = k.file("decls", decls)
	k.body = k.file("body", body)
	if len(k.errs.Diagnostics) > 0 {
		return
	}
	k.main = k.body.Decls[0].(*ast.FuncDecl)
	if len(k.body.Decls) > 1 {
		k.report(k.body.Decls[1].Pos(), "unexpected }")
	}
	if list := k.main.Body.List; len(list) > 0 {
		k.last, _ = list[len(list)-1].(*ast.ExprStmt)
	}
	k.addImports()
}

func (k *checked) file(name, text string) *ast.File {
	f, err := parser.ParseFile(k.fset, name, text, parser.SkipObjectResolution)
	if list, ok := err.(scanner.ErrorList); ok {
		for _, e := range list {
			if line, column := k.end(); e.Pos.Line-1 > line {
				expected, _, _ := strings.Cut(e.Msg, ", found")
				k.errs.add(line, column, "the cell ends too early: %s", expected)
				break // what follows is of the same cause
			}
			k.errs.add(e.Pos.Line-1, e.Pos.Column, "%s", e.Msg)
		}
	}
	return f
}

// end is the place behind the cell's last character.
func (k *checked) end() (line, column int) {
	text := strings.TrimRight(k.errs.Source, " \t\r\n")
	return strings.Count(text, "\n") + 1, len(text) - strings.LastIndex(text, "\n")
}

// position is where pos is in the cell.
func (k *checked) position(pos token.Pos) (line, column int) {
	p := k.fset.Position(pos)
	return p.Line - 1, p.Column
}

func (k *checked) report(pos token.Pos, format string, args ...any) {
	line, column := k.position(pos)
	k.errs.add(line, column, format, args...)
}

// addImports adds the packages that the cell mentions by their usual names and
// gives both files every import: an import counts for the whole cell.
func (k *checked) addImports() {
	specs := map[string]*ast.ImportSpec{}
	for _, s := range k.decls.Imports {
		path, _ := strconv.Unquote(s.Path.Value)
		name := path[strings.LastIndex(path, "/")+1:]
		if s.Name != nil {
			name = s.Name.Name
		}
		if name == "." || name == "_" {
			k.report(s.Pos(), "import %s: name the package by its name or another, not by %s", s.Path.Value, name)
			continue
		}
		specs[name] = s
	}
	mention := func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if id, ok := sel.X.(*ast.Ident); ok {
			path := packageOf()[id.Name]
			if path != "" && specs[id.Name] == nil && k.live[id.Name] == nil && !k.declares(id.Name) {
				specs[id.Name] = &ast.ImportSpec{Name: ast.NewIdent(id.Name), Path: &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(path)}}
			}
		}
		return true
	}
	ast.Inspect(k.decls, mention)
	ast.Inspect(k.body, mention)
	for _, f := range []*ast.File{k.decls, k.body} {
		f.Decls = slices.DeleteFunc(f.Decls, func(d ast.Decl) bool {
			g, ok := d.(*ast.GenDecl)
			return ok && g.Tok == token.IMPORT
		})
		f.Imports = nil
		g := &ast.GenDecl{Tok: token.IMPORT}
		for _, s := range specs {
			g.Specs = append(g.Specs, s)
			f.Imports = append(f.Imports, s)
		}
		if len(g.Specs) > 0 {
			f.Decls = append([]ast.Decl{g}, f.Decls...)
		}
	}
}

// declares says whether the cell declares the name at package level.
func (k *checked) declares(name string) bool {
	for _, d := range k.decls.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == name {
				return true
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					if s.Name.Name == name {
						return true
					}
				case *ast.ValueSpec:
					for _, id := range s.Names {
						if id.Name == name {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

// check gives every expression its type and reports what Go's compiler would.
func (k *checked) check() {
	k.pkg = types.NewPackage("main", "main")
	for name, g := range k.live {
		if !k.declares(name) {
			k.pkg.Scope().Insert(g.object)
		}
	}
	k.info = &types.Info{
		Types:      map[ast.Expr]types.TypeAndValue{},
		Defs:       map[*ast.Ident]types.Object{},
		Uses:       map[*ast.Ident]types.Object{},
		Implicits:  map[ast.Node]types.Object{},
		Selections: map[*ast.SelectorExpr]*types.Selection{},
		Instances:  map[*ast.Ident]types.Instance{},
	}
	conf := types.Config{Importer: k.importer, GoVersion: "go1.26", Error: k.typeError}
	types.NewChecker(&conf, k.fset, k.pkg, k.info).Files([]*ast.File{k.decls, k.body})
	if len(k.errs.Diagnostics) == 0 {
		k.lint()
	}
}

// typeError reports a mistake, but for those that a notebook allows: unused
// variables and imports, and a value as the last line.
func (k *checked) typeError(err error) {
	e := err.(types.Error)
	if e.Soft && strings.Contains(e.Msg, "not used") {
		return
	}
	if strings.HasSuffix(e.Msg, "is not used") && k.last != nil && e.Pos >= k.last.Pos() && e.Pos < k.last.End() {
		return
	}
	msg := e.Msg
	if path, ok := strings.CutPrefix(msg, "could not import "); ok {
		path, _, _ = strings.Cut(path, " ")
		msg = notAllowed(path).Error()
	}
	if e.Pos == token.NoPos {
		k.errs.add(1, 1, "%s", msg)
		return
	}
	k.report(e.Pos, "%s", msg)
}

// lint refuses what Go allows and a cell must not.
func (k *checked) lint() {
	for id, obj := range k.info.Uses {
		if obj.Pkg() == nil || obj.Pkg() == k.pkg || obj.Parent() != obj.Pkg().Scope() {
			continue
		}
		if why := allowed()[obj.Pkg().Path()][obj.Name()]; why != "" {
			k.report(id.Pos(), "%s.%s is not available in a cell: %s", obj.Pkg().Name(), obj.Name(), why)
		}
	}
	for _, d := range k.decls.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			k.report(f.Name.Pos(), "a cell has no init function: write its statements in the cell")
		}
	}
	for _, f := range []*ast.File{k.decls, k.body} {
		ast.Inspect(f, k.dropped)
		ast.Inspect(f, k.concurrent)
	}
}

// dropped reports a statement that makes a value of the vocabulary and drops it.
func (k *checked) dropped(n ast.Node) bool {
	s, ok := n.(*ast.ExprStmt)
	if !ok || s == k.last {
		return true
	}
	if t := vocabularyType(k.info.TypeOf(s.X)); t != "" {
		k.report(s.Pos(), "this %s is not used: values never change, so assign the result or end it with .Show()", t)
	}
	return true
}

// concurrent refuses goroutines: a panic in one ends the process that runs cells.
func (k *checked) concurrent(n ast.Node) bool {
	if g, ok := n.(*ast.GoStmt); ok {
		k.report(g.Pos(), "goroutines are not available in a cell: call the function; plans run on every core by themselves")
	}
	return true
}

// vocabularyType is the name of a type of the vocabulary, or "".
func vocabularyType(t types.Type) string {
	if n, ok := types.Unalias(t).(*types.Named); ok && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == vocabularyPath {
		return n.Obj().Name()
	}
	return ""
}
