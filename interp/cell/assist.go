package cell

import (
	"go/ast"
	"go/scanner"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"

	"weir/datasets/plan"
)

// Match is one proposal of Complete. Kind is function, variable, type, constant,
// field, method, package, keyword or label.
type Match struct {
	Text, Kind, Signature string
}

// Complete proposes what can stand instead of text[start:end], around the cursor,
// an offset in bytes: names and members with their types, packages, keywords, and
// inside a string that names a table or a field, the repository's own.
func (c *Compiler) Complete(text string, cursor int) (start, end int, matches []Match) {
	start, end = word(text, cursor)
	if arg, ok := c.inString(text, cursor); ok {
		return arg.from, arg.to, c.schemaNames(arg, text[arg.from:cursor])
	}
	prefix := text[start:min(cursor, end)]
	k, at := c.probe(text, start, end)
	if k == nil {
		return start, end, nil
	}
	if sel := selectorAt(k, at); sel != nil {
		matches = k.members(sel.X)
	} else {
		matches = k.names(at)
	}
	matches = slices.DeleteFunc(matches, func(m Match) bool { return !strings.HasPrefix(m.Text, prefix) || m.Text == "_" })
	sort.Slice(matches, func(i, j int) bool { return matches[i].Text < matches[j].Text })
	return start, end, slices.Compact(matches)
}

// word is the identifier around the cursor.
func word(text string, cursor int) (start, end int) {
	cursor = max(0, min(cursor, len(text)))
	letter := func(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	start, end = cursor, cursor
	for start > 0 {
		r, n := utf8.DecodeLastRuneInString(text[:start])
		if !letter(r) {
			break
		}
		start -= n
	}
	for end < len(text) {
		r, n := utf8.DecodeRuneInString(text[end:])
		if !letter(r) {
			break
		}
		end += n
	}
	return start, end
}

// probeName stands where the cursor is while the cell is checked.
const probeName = "weirProbe"

// probe checks the cell with a name at the cursor. What stands behind the cursor
// may be unfinished: then the brackets that are open there are closed.
func (c *Compiler) probe(text string, start, end int) (*checking, *ast.Ident) {
	whole := text[:start] + probeName + text[end:]
	cut := text[:start] + probeName + closing(text[:start])
	for _, t := range []string{whole, cut} {
		k := newChecking(c, 0, t)
		k.parse([]byte(t))
		if k.decls == nil || k.failed() && t == whole {
			continue
		}
		k.errs.Diagnostics = nil
		if k.body != nil && k.main == nil {
			continue
		}
		if k.own == nil && !k.oversized { // a program with mistakes
			if k.branches(); !k.oversized {
				k.own = k.unitsOf(k.decls)
				k.size()
			}
		}
		if k.oversized {
			continue
		}
		k.check()
		if id := findProbe(k); id != nil {
			return k, id
		}
	}
	return nil, nil
}

// closing is what closes the brackets that text leaves open.
func closing(text string) string {
	var s scanner.Scanner
	fset := token.NewFileSet()
	s.Init(fset.AddFile("", fset.Base(), len(text)), []byte(text), func(token.Position, string) {}, 0)
	var open []string
	for {
		_, tok, _ := s.Scan()
		switch tok {
		case token.EOF:
			slices.Reverse(open)
			return strings.Join(open, "")
		case token.LPAREN:
			open = append(open, ")")
		case token.LBRACK:
			open = append(open, "]")
		case token.LBRACE:
			open = append(open, "\n}")
		case token.RPAREN, token.RBRACK, token.RBRACE:
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		}
	}
}

func findProbe(k *checking) (found *ast.Ident) {
	for _, f := range []*ast.File{k.decls, k.body} {
		if f == nil {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Name == probeName {
				found = id
			}
			return found == nil
		})
	}
	return found
}

func selectorAt(k *checking, at *ast.Ident) (sel *ast.SelectorExpr) {
	for _, f := range []*ast.File{k.decls, k.body} {
		if f == nil {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok && s.Sel == at {
				sel = s
			}
			return sel == nil
		})
	}
	return sel
}

// members is what can be selected from x.
func (k *checking) members(x ast.Expr) (out []Match) {
	if id, ok := x.(*ast.Ident); ok {
		if p, ok := k.info.Uses[id].(*types.PkgName); ok {
			return packageMembers(p.Imported())
		}
	}
	t := k.info.TypeOf(x)
	if t == nil || t == types.Typ[types.Invalid] {
		return nil
	}
	seen := map[string]bool{}
	note := func(obj types.Object, kind string) {
		if !seen[obj.Name()] && (obj.Exported() || obj.Pkg() != nil && obj.Pkg().Path() == "main") {
			seen[obj.Name()] = true
			out = append(out, Match{obj.Name(), kind, signature(obj)})
		}
	}
	base := t
	if _, ok := t.Underlying().(*types.Pointer); !ok && !types.IsInterface(t) {
		base = types.NewPointer(t)
	}
	methods := types.NewMethodSet(base)
	for i := range methods.Len() {
		note(methods.At(i).Obj(), "method")
	}
	k.fields(t, 0, note)
	return out
}

// fields notes the fields of a struct, those of embedded structs after its own.
func (k *checking) fields(t types.Type, depth int, note func(types.Object, string)) {
	if p, ok := t.Underlying().(*types.Pointer); ok {
		t = p.Elem()
	}
	s, ok := t.Underlying().(*types.Struct)
	if !ok || depth > 4 {
		return
	}
	for f := range s.Fields() {
		note(f, "field")
	}
	for f := range s.Fields() {
		if f.Embedded() {
			k.fields(f.Type(), depth+1, note)
		}
	}
}

func packageMembers(p *types.Package) (out []Match) {
	for _, name := range p.Scope().Names() {
		obj := p.Scope().Lookup(name)
		if obj.Exported() && allowed()[p.Path()][name] == "" {
			out = append(out, Match{name, kindOf(obj), signature(obj)})
		}
	}
	return out
}

func kindOf(obj types.Object) string {
	switch obj.(type) {
	case *types.Func, *types.Builtin:
		return "function"
	case *types.TypeName:
		return "type"
	case *types.Const, *types.Nil:
		return "constant"
	case *types.PkgName:
		return "package"
	case *types.Label:
		return "label"
	}
	return "variable"
}

// signature is an object's type, with packages by their names.
func signature(obj types.Object) string {
	if obj.Type() == nil {
		return ""
	}
	qualify := func(p *types.Package) string {
		switch p.Path() {
		case "main":
			return ""
		case vocabularyPath:
			return "ds"
		}
		return p.Name()
	}
	switch obj := obj.(type) {
	case *types.Func:
		return types.ObjectString(obj, qualify)
	case *types.TypeName, *types.Const:
		return types.ObjectString(obj, qualify)
	}
	return types.TypeString(obj.Type(), qualify)
}

// names is what an identifier at the place can be.
func (k *checking) names(at *ast.Ident) (out []Match) {
	seen := map[string]bool{}
	add := func(name, kind, sig string) {
		if !seen[name] && name != probeName && !strings.Contains(name, "·") {
			seen[name] = true
			out = append(out, Match{name, kind, sig})
		}
	}
	scope := k.pkg.Scope().Innermost(at.Pos())
	if scope == nil {
		scope = k.pkg.Scope()
	}
	for ; scope != nil; scope = scope.Parent() {
		for _, name := range scope.Names() {
			_, obj := scope.LookupParent(name, token.NoPos)
			add(name, kindOf(obj), signature(obj))
		}
	}
	for name, g := range k.live {
		add(name, kindOf(g.object), signature(g.object))
	}
	for _, name := range slices.Sorted(maps.Keys(packageOf())) {
		add(name, "package", packageOf()[name])
	}
	for tok := token.BREAK; tok <= token.VAR; tok++ {
		if tok.IsKeyword() && tok != token.PACKAGE {
			add(tok.String(), "keyword", "")
		}
	}
	return out
}

// Inspect explains the name at the cursor: its signature, then its doc comment. It
// is "" when there is nothing to say.
func (c *Compiler) Inspect(text string, cursor int) string {
	text = strings.TrimRight(text, "? \t\n")
	start, end := word(text, min(cursor, len(text)))
	if start == end { // behind a call's parenthesis: the function
		head := strings.TrimRight(text[:start], "( \t")
		start, end = word(text, len(head))
	}
	if start == end {
		return ""
	}
	name := text[start:end]
	for _, t := range []string{text, text[:end] + closing(text[:end])} {
		k := newChecking(c, 0, t)
		k.parse([]byte(t))
		if k.failed() || k.body != nil && k.main == nil {
			continue
		}
		k.check()
		if obj := k.objectAt(name, start); obj != nil {
			return k.explainObject(obj)
		}
	}
	return ""
}

// objectAt is what the name at the offset means.
func (k *checking) objectAt(name string, offset int) types.Object {
	line, column := strings.Count(k.errs.Source[:offset], "\n")+1, offset-strings.LastIndex(k.errs.Source[:offset], "\n")
	for _, m := range []map[*ast.Ident]types.Object{k.info.Uses, k.info.Defs} {
		for id, obj := range m {
			if id.Name != name || obj == nil {
				continue
			}
			if _, l, col := k.Position(id.Pos()); l == line && col == column && k.unitAt(id.Pos()) == nil {
				return obj
			}
		}
	}
	return nil
}

func (k *checking) explainObject(obj types.Object) string {
	sig := signature(obj)
	switch o := obj.(type) {
	case *types.PkgName:
		return "package " + o.Imported().Name() + " // import \"" + o.Imported().Path() + "\""
	case *types.Var:
		sig = "var " + obj.Name() + " " + sig
		if o.IsField() {
			sig = "field " + obj.Name() + " " + signature(obj)
		}
	}
	if doc := k.docOf(obj); doc != "" {
		return sig + "\n\n" + doc
	}
	return sig
}

// docOf is the comment above an object's declaration.
func (k *checking) docOf(obj types.Object) string {
	if obj.Pkg() == nil {
		return ""
	}
	if obj.Pkg().Path() == "main" {
		for _, u := range append(slices.Clone(k.own), k.units...) {
			if slices.Contains(u.names, docName(obj)) {
				return u.doc
			}
		}
		return ""
	}
	return docs()[obj.Pkg().Path()+"."+docName(obj)]
}

// docName is the name of an object, with its receiver's if it is a method.
func docName(obj types.Object) string {
	f, ok := obj.(*types.Func)
	if !ok || f.Signature().Recv() == nil {
		return obj.Name()
	}
	t := f.Signature().Recv().Type()
	if p, ok := t.(*types.Pointer); ok {
		t = p.Elem()
	}
	if n, ok := types.Unalias(t).(*types.Named); ok {
		return n.Obj().Name() + "." + obj.Name()
	}
	return obj.Name()
}

// schemaArgument is a string that a function of the vocabulary takes as a name of
// the repository.
type schemaArgument struct {
	from, to int    // of the text inside the quotes
	kind     string // TableName, FieldName, UCUM or Label
	of       string // the table that the fields are of, or what the labels are of, if the cell says so
}

// Know tells the compiler the repository that cells work with: names of its
// tables and fields are completed and checked from then on.
func (c *Compiler) Know(s *plan.Schema) { c.schema = s }

// inString finds the string around the cursor, if the function that it is an
// argument of names tables or fields by it.
func (c *Compiler) inString(text string, cursor int) (schemaArgument, bool) {
	var s scanner.Scanner
	fset := token.NewFileSet()
	file := fset.AddFile("", fset.Base(), len(text))
	s.Init(file, []byte(text), func(token.Position, string) {}, 0)
	var recent []string
	for {
		pos, tok, lit := s.Scan()
		at := file.Offset(pos)
		if tok == token.EOF || at >= cursor {
			return schemaArgument{}, false
		}
		if tok == token.STRING && cursor > at && cursor < at+len(lit) || tok == token.STRING && cursor == at+len(lit) && !strings.HasSuffix(lit[1:], lit[:1]) {
			kind, table := naming(recent)
			to := at + len(lit)
			if len(lit) > 1 && strings.HasSuffix(lit, lit[:1]) {
				to--
			}
			return schemaArgument{at + 1, to, kind, table}, true
		}
		if tok == token.IDENT || tok == token.STRING || tok == token.INT {
			recent = append(recent, lit)
		} else {
			recent = append(recent, tok.String())
		}
	}
}

// naming says what the string behind the tokens names: .Table(" a table, .Read("
// and the like a field, .Unit(" a unit, and sex.Is(" or cdr.SexAtBirth().In("a", " a label.
func naming(tokens []string) (kind, of string) {
	n := len(tokens)
	for n > 0 && (tokens[n-1] == "," || strings.HasPrefix(tokens[n-1], "\"")) {
		n--
	}
	if n < 2 || tokens[n-1] != "(" {
		return "", ""
	}
	switch tokens[n-2] {
	case "Table":
		return "TableName", ""
	case "Unit", "ConvertTo":
		return "UCUM", ""
	case "Is", "In", "Order":
		return "Label", chosen(tokens[:n-2])
	case "Read", "Each", "Field", "Number", "Category":
		kind = "FieldName"
	default:
		return "", ""
	}
	for i := n - 3; i >= 2; i-- {
		if t := eventTables[tokens[i-1]]; t != "" && tokens[i] == "(" {
			return kind, t
		}
		if tokens[i-2] == "Table" && tokens[i-1] == "(" {
			return kind, strings.Trim(tokens[i], "\"`")
		}
	}
	return kind, ""
}

// chosen is the variable or the method without arguments that a chain ends with.
func chosen(chain []string) string {
	n := len(chain)
	switch {
	case n >= 2 && chain[n-1] == "." && chain[n-2] != ")":
		return chain[n-2]
	case n >= 4 && chain[n-1] == "." && chain[n-2] == ")" && chain[n-3] == "(":
		return chain[n-4]
	}
	return ""
}

// eventTables are the tables behind the repository's methods.
var eventTables = map[string]string{
	"Condition": "condition_occurrence", "Drug": "drug_exposure", "Measurement": "measurement",
	"Procedure": "procedure_occurrence", "Observation": "observation", "Visit": "visit_occurrence",
	"Device": "device_exposure",
}

func matching(names []string, prefix, kind string) (out []Match) {
	for _, n := range names {
		if strings.HasPrefix(n, prefix) {
			out = append(out, Match{n, kind, ""})
		}
	}
	return out
}

func (c *Compiler) schemaNames(arg schemaArgument, prefix string) (out []Match) {
	switch arg.kind {
	case "UCUM":
		return matching(c.vocabulary.Units, prefix, "unit")
	case "Label":
		if g := c.live[arg.of]; g != nil {
			return matching(c.possible(g.labels), prefix, "label")
		}
		return matching(c.vocabulary.Labels[arg.of], prefix, "label")
	}
	if c.schema == nil {
		return nil
	}
	for _, t := range c.schema.Tables {
		if arg.kind == "TableName" && strings.HasPrefix(t.Name, prefix) {
			out = append(out, Match{t.Name, "table", ""})
		}
		if arg.kind != "FieldName" || arg.of != "" && arg.of != t.Name {
			continue
		}
		for _, f := range t.Fields {
			if strings.HasPrefix(f.Name, prefix) {
				out = append(out, Match{f.Name, "field", f.Type})
			}
		}
	}
	slices.SortFunc(out, func(a, b Match) int { return strings.Compare(a.Text, b.Text) })
	return slices.Compact(out)
}
