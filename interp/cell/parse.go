package cell

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"go/types"
	"slices"
	"strconv"
	"strings"
)

// checking is a cell on its way to a Program.
type checking struct {
	*Compiler
	n    int
	errs *Errors

	decls *ast.File     // the cell's declarations
	body  *ast.File     // one function with its statements; nil for a whole program
	main  *ast.FuncDecl // that function
	last  *ast.ExprStmt // the expression that the cell displays, or nil
	whole bool          // the cell is a whole program
	specs map[string]*ast.ImportSpec

	own        []*unit           // the cell's declarations
	tops       []*ast.Ident      // variables that the statements define
	included   map[*unit]bool    // of earlier cells, to be checked again
	kept       map[string]string // types of variables that declarations see, as source
	changed    map[string]bool   // types that are not what they were, as far as the last check has shown
	dropped    map[string]string // declarations of earlier cells that no longer compile, and why
	named      bool              // columns have been given their variables' names
	faults     map[*unit]string  // of this round
	sizes      map[*unit]int     // parts of the types of what is declared or checked again
	mistakes   int               // bytes of them that the check has found
	oversized  bool              // its syntax, types or constants must not be checked
	flows      map[*unit][]argument
	unexported bool        // a literal gives fields of an earlier cell without their names
	again      []*ast.File // of what is included

	pkg  *types.Package
	vars *ast.File // declares what is kept
	info *types.Info
}

func newChecking(c *Compiler, n int, text string) *checking {
	return &checking{
		Compiler: c, n: n, errs: &Errors{Cell: n, Source: text},
		specs: map[string]*ast.ImportSpec{}, included: map[*unit]bool{}, sizes: map[*unit]int{}, kept: map[string]string{}, dropped: map[string]string{},
	}
}

func (k *checking) failed() bool { return len(k.errs.Diagnostics) > 0 }

// The cell's text stands on lines of its own below these, so that a position's
// line less the prefix's is the cell's, and the column needs no correction.
const (
	declPrefix = "package main\n"
	bodyPrefix = "package main; func _() {\n"
	bodySuffix = "\n}\n"
)

// MaxCell is the longest cell that is compiled, in bytes, and maxNesting how deep
// brackets may nest: the parser and the checker recur.
const (
	MaxCell    = 1 << 20
	maxNesting = 500
)

// parse makes two files of the cell: its declarations, and a function of its statements.
func (k *checking) parse(text []byte) {
	if !k.readable(text) {
		return
	}
	if isProgram(text) {
		k.whole = true
		k.decls = k.file("program", string(text), 0)
	} else {
		regions := split(text)
		k.decls = k.file("declarations", declPrefix+string(blank(text, regions, func(r region) bool { return r.decl })), 1)
		k.body = k.file("statements", bodyPrefix+string(blank(text, regions, func(r region) bool { return !r.decl }))+bodySuffix, 1)
	}
	if k.failed() {
		return
	}
	if k.body != nil {
		k.main = k.body.Decls[0].(*ast.FuncDecl)
		k.main.Name.Name = "cell" + strconv.Itoa(k.n) + "·"
		if len(k.body.Decls) > 1 {
			k.report(k.body.Decls[1].Pos(), "unexpected }")
		}
		if list := k.main.Body.List; len(list) > 0 {
			k.last, _ = list[len(list)-1].(*ast.ExprStmt)
		}
		k.tops = definitions(k.main.Body.List)
	}
	if k.branches(); k.failed() {
		return
	}
	k.addImports()
	k.own = k.unitsOf(k.decls)
	k.invade()
	k.size()
}

// readable refuses what the parser should not see.
func (k *checking) readable(text []byte) bool {
	switch {
	case len(text) > MaxCell:
		k.errs.add(1, 1, "the cell has %d bytes; the limit is %d: split it", len(text), MaxCell)
	case slices.Contains(text, 0):
		at := slices.Index(text, 0)
		k.errs.add(strings.Count(string(text[:at]), "\n")+1, 1, "the cell holds binary bytes: a cell is text")
	default:
		k.scan(text)
	}
	return !k.failed()
}

// scan looks at the tokens for what the parser should not see or would explain badly.
func (k *checking) scan(text []byte) {
	var s scanner.Scanner
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(text))
	s.Init(file, text, func(token.Position, string) {}, scanner.ScanComments)
	depth, prefixes := 0, 0
	for {
		pos, tok, lit := s.Scan()
		at := file.Position(pos)
		switch tok {
		case token.EOF:
			return
		case token.COMMENT:
			k.refuseDirective(at, lit)
		case token.LPAREN, token.LBRACE, token.LBRACK:
			depth++
		case token.RPAREN, token.RBRACE, token.RBRACK:
			if depth--; depth < 0 {
				k.errs.add(at.Line, at.Column, "unexpected %s", tok)
				return
			}
		}
		switch tok { // operators in front of an expression nest too
		case token.SUB, token.ADD, token.NOT, token.XOR, token.MUL, token.AND, token.ARROW, token.FUNC, token.CHAN, token.IF, token.ELSE:
			prefixes++
		case token.SEMICOLON, token.COMMA:
			prefixes = 0
		}
		if depth > maxNesting || prefixes > 50*maxNesting {
			k.errs.add(at.Line, 1, "brackets nest deeper than %d here: use variables for parts of the expression", maxNesting)
			return
		}
	}
}

// refuseDirective: a comment that commands the compiler commands nothing here.
func (k *checking) refuseDirective(at token.Position, comment string) {
	for _, d := range []string{"//go:linkname", "//go:embed", "//export ", "//go:cgo_"} {
		if strings.HasPrefix(comment, d) {
			k.errs.add(at.Line, at.Column, "%s is not available in a cell", strings.TrimSpace(d))
		}
	}
}

// isProgram says whether a cell is a whole program: it begins with a package clause.
func isProgram(text []byte) bool {
	var s scanner.Scanner
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", fset.Base(), len(text)), text, func(token.Position, string) {}, 0)
	_, tok, _ := s.Scan()
	return tok == token.PACKAGE
}

func (k *checking) file(kind, text string, skip int) *ast.File {
	name := fmt.Sprintf("cell %d %s #%d", k.n, kind, len(k.lines))
	k.lines[name] = origin{k.n, skip}
	f, err := parser.ParseFile(k.fset, name, text, parser.SkipObjectResolution|parser.ParseComments)
	if list, ok := err.(scanner.ErrorList); ok {
		line, column := k.end()
		for i, e := range list {
			if i == maxShown {
				k.errs.add(e.Pos.Line-skip, e.Pos.Column, "and %d mistakes more", len(list)-i)
				break
			}
			if e.Pos.Line-skip > line {
				expected, _, _ := strings.Cut(e.Msg, ", found")
				k.errs.add(line, column, "the cell ends too early: %s", expected)
				break // what follows is of the same cause
			}
			k.errs.add(e.Pos.Line-skip, e.Pos.Column, "%s", e.Msg)
		}
	}
	return f
}

// end is the place behind the cell's last character.
func (k *checking) end() (line, column int) {
	text := strings.TrimRight(k.errs.Source, " \t\r\n")
	return strings.Count(text, "\n") + 1, len(text) - strings.LastIndex(text, "\n")
}

func (k *checking) report(pos token.Pos, format string, args ...any) {
	_, line, column := k.Position(pos)
	k.errs.add(line, column, format, args...)
}

// addImports adds the packages that the cell mentions by their usual names and
// gives both files every import: an import counts for the whole cell.
func (k *checking) addImports() {
	for _, s := range k.decls.Imports {
		path, _ := strconv.Unquote(s.Path.Value)
		name := path[strings.LastIndex(path, "/")+1:]
		if name == "v2" {
			name = "rand"
		}
		if s.Name != nil {
			name = s.Name.Name
		}
		if name == "." || name == "_" {
			k.report(s.Pos(), "import %s: name the package by its name or another, not by %s", s.Path.Value, name)
			continue
		}
		k.specs[name] = s
	}
	for name, path := range k.mentioned() {
		if k.specs[name] == nil && k.live[name] == nil && !k.declares(name) {
			k.specs[name] = &ast.ImportSpec{Name: ast.NewIdent(name), Path: &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(path)}}
		}
	}
	for _, f := range []*ast.File{k.decls, k.body} {
		if f != nil {
			setImports(f, k.specs)
		}
	}
}

// mentioned is the allowed packages whose usual names the cell selects from.
func (k *checking) mentioned() map[string]string {
	out := map[string]string{}
	visit := func(n ast.Node) bool {
		if sel, ok := n.(*ast.SelectorExpr); ok {
			if id, ok := sel.X.(*ast.Ident); ok {
				if path := packageOf()[id.Name]; path != "" {
					out[id.Name] = path
				}
			}
		}
		return true
	}
	ast.Inspect(k.decls, visit)
	if k.body != nil {
		ast.Inspect(k.body, visit)
	}
	return out
}

func setImports(f *ast.File, specs map[string]*ast.ImportSpec) {
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

// declares says whether the cell declares the name at package level.
func (k *checking) declares(name string) bool {
	for _, d := range k.decls.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.Name == name {
				return true
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				if slices.ContainsFunc(specNames(s), func(id *ast.Ident) bool { return id.Name == name }) {
					return true
				}
			}
		}
	}
	return false
}

func specNames(s ast.Spec) []*ast.Ident {
	switch s := s.(type) {
	case *ast.TypeSpec:
		return []*ast.Ident{s.Name}
	case *ast.ValueSpec:
		return s.Names
	}
	return nil
}

// definitions is the variables that statements define at their own level.
func definitions(stmts []ast.Stmt) []*ast.Ident {
	var out []*ast.Ident
	for _, s := range stmts {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				for _, x := range s.Lhs {
					if id, ok := x.(*ast.Ident); ok {
						out = append(out, id)
					}
				}
			}
		case *ast.DeclStmt:
			for _, spec := range s.Decl.(*ast.GenDecl).Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					out = append(out, v.Names...)
				}
			}
		case *ast.LabeledStmt:
			out = append(out, definitions([]ast.Stmt{s.Stmt})...)
		}
	}
	return out
}
