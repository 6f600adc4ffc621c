package notebooks

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"strings"
)

// declaration is what the parameters cell says of a variable.
type declaration struct {
	typ      string // "" when it cannot be read off
	constant bool
}

// declared are the names that the top level of a cell's source declares. A cell
// that is neither statements nor declarations alone is read line by line.
func declared(source string) map[string]declaration {
	for _, wrap := range [][2]string{{"package p\nfunc _() {\n", "\n}"}, {"package p\n", ""}} {
		if d, ok := declaredIn(wrap[0] + source + wrap[1]); ok {
			return d
		}
	}
	all := map[string]declaration{}
	for line := range strings.Lines(source) {
		if d, ok := declaredIn("package p\nfunc _() {\n" + line + "\n}"); ok {
			maps.Copy(all, d)
		}
	}
	return all
}

func declaredIn(file string) (map[string]declaration, bool) {
	f, err := parser.ParseFile(token.NewFileSet(), "", file, parser.SkipObjectResolution)
	if err != nil {
		return nil, false
	}
	d := map[string]declaration{}
	for _, decl := range f.Decls {
		switch decl := decl.(type) {
		case *ast.GenDecl:
			declareAll(d, decl)
		case *ast.FuncDecl:
			if decl.Name.Name == "_" {
				declareStatements(d, decl.Body.List)
			}
		}
	}
	return d, true
}

func declareStatements(d map[string]declaration, list []ast.Stmt) {
	for _, s := range list {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				declareDefined(d, s)
			}
		case *ast.DeclStmt:
			if decl, ok := s.Decl.(*ast.GenDecl); ok {
				declareAll(d, decl)
			}
		}
	}
}

func declareDefined(d map[string]declaration, s *ast.AssignStmt) {
	for i, left := range s.Lhs {
		if name, ok := left.(*ast.Ident); ok && len(s.Rhs) == len(s.Lhs) {
			d[name.Name] = declaration{typ: typeOf(s.Rhs[i])}
		}
	}
}

func declareAll(d map[string]declaration, decl *ast.GenDecl) {
	for _, spec := range decl.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok {
			continue
		}
		for i, name := range v.Names {
			typ := typeName(v.Type)
			if v.Type == nil && len(v.Values) == len(v.Names) {
				typ = typeOf(v.Values[i])
			}
			d[name.Name] = declaration{typ: typ, constant: decl.Tok == token.CONST}
		}
	}
}

// typeOf is the type of an expression of literals.
func typeOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return map[token.Token]string{token.INT: "int", token.FLOAT: "float64", token.STRING: "string"}[e.Kind]
	case *ast.Ident:
		if e.Name == "true" || e.Name == "false" {
			return "bool"
		}
	case *ast.UnaryExpr:
		if e.Op == token.SUB || e.Op == token.ADD {
			return typeOf(e.X)
		}
	case *ast.ParenExpr:
		return typeOf(e.X)
	case *ast.CompositeLit:
		return typeName(e.Type)
	case *ast.CallExpr: // a conversion, float64(1)
		return typeName(e.Fun)
	}
	return ""
}

// typeName is the name of a type that literals can be written of, or "".
func typeName(e ast.Expr) string {
	name := ""
	switch e := e.(type) {
	case *ast.Ident:
		name = e.Name
	case *ast.ArrayType:
		if element, ok := e.Elt.(*ast.Ident); ok && e.Len == nil {
			name = "[]" + element.Name
		}
	}
	if !known(name) {
		return ""
	}
	return name
}
