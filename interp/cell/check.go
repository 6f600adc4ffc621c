package cell

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// check gives every expression its type and reports what Go's compiler would.
func (k *checking) check() {
	k.pkg = types.NewPackage("main", "main")
	k.faults = map[*unit]string{}
	k.unexported, k.mistakes = false, 0
	k.keepVariables()
	k.again = nil
	for u := range k.included {
		k.again = append(k.again, k.unitFile(u))
	}
	slices.SortFunc(k.again, func(a, b *ast.File) int { return int(a.Package - b.Package) })
	k.insertLive()
	k.info = NewInfo()
	conf := types.Config{Importer: k.importer, GoVersion: goVersion, Error: k.typeError, Sizes: types.SizesFor("gc", "amd64")}
	defer func() {
		if r := recover(); r != nil && r != tooManyMistakes {
			panic(r)
		}
	}()
	types.NewChecker(&conf, k.fset, k.pkg, k.info).Files(k.files(true))
}

// NewInfo is an Info that holds all that go/ssa wants to know.
func NewInfo() *types.Info {
	return &types.Info{
		Types:        map[ast.Expr]types.TypeAndValue{},
		Defs:         map[*ast.Ident]types.Object{},
		Uses:         map[*ast.Ident]types.Object{},
		Implicits:    map[ast.Node]types.Object{},
		Selections:   map[*ast.SelectorExpr]*types.Selection{},
		Instances:    map[*ast.Ident]types.Instance{},
		Scopes:       map[ast.Node]*types.Scope{},
		FileVersions: map[*ast.File]string{},
	}
}

// maxMistakes is how many bytes of mistakes end a check: each may write out large types.
const maxMistakes = 1 << 20

const tooManyMistakes = mistakes("too many")

type mistakes string

// insertLive makes the live names that the cell mentions known. A package's scope
// lives as long as any object of the package does: it holds no more than needed.
func (k *checking) insertLive() {
	declared := k.declared()
	for _, f := range k.files(true) {
		ast.Inspect(f, func(n ast.Node) bool {
			id, ok := n.(*ast.Ident)
			if !ok || declared[id.Name] || k.dropped[id.Name] != "" {
				return true
			}
			if g := k.live[id.Name]; g != nil {
				k.pkg.Scope().Insert(g.object)
			}
			return true
		})
	}
}

// goVersion is the language that cells are written in.
const goVersion = "go1.26"

// files is what is checked together; the file that declares the kept variables is
// for the checker only.
func (k *checking) files(vars bool) []*ast.File {
	out := []*ast.File{k.decls}
	out = append(out, k.again...)
	if vars && k.vars != nil {
		out = append(out, k.vars)
	}
	if k.body != nil {
		out = append(out, k.body)
	}
	return out
}

// keepVariables declares, as source, the variables that the cell's declarations
// see: those of its own statements, and earlier ones whose types are checked again. It
// says whether there are others than before.
func (k *checking) keepVariables() bool {
	again := map[string]bool{}
	for u := range k.checked() {
		if u.kind == token.TYPE {
			again[u.names[0]] = true
		}
	}
	before := maps.Clone(k.kept)
	for name, g := range k.live {
		if g.memory == nil || k.defines(name) {
			continue
		}
		if k.touches(g.object.Type(), again) {
			k.kept[name] = k.source(g.object.Type())
		} else {
			delete(k.kept, name)
		}
	}
	k.declareKept()
	return !maps.Equal(before, k.kept)
}

// touches says whether a type is made of types that are checked again, and of none that
// changed, now or before: an earlier type of a name is not what the name means.
func (k *checking) touches(t types.Type, again map[string]bool) (touched bool) {
	parts := map[*types.TypeName]bool{}
	mentions(t, parts, map[types.Type]bool{})
	for part := range parts {
		name := part.Name()
		if g := k.live[name]; k.changed[name] || g == nil || g.object != types.Object(part) {
			return false
		}
		touched = touched || again[name]
	}
	return touched
}

func (k *checking) defines(name string) bool {
	return slices.ContainsFunc(k.tops, func(id *ast.Ident) bool { return id.Name == name })
}

// source writes a type as the cell would, with packages by unlikely names.
func (k *checking) source(t types.Type) string {
	return types.TypeString(t, func(p *types.Package) string {
		if p.Path() == "main" {
			return ""
		}
		return packageAlias(p.Path())
	})
}

func packageAlias(path string) string {
	return "pkg__" + strings.NewReplacer("/", "_", ".", "_").Replace(path)
}

func (k *checking) declareKept() {
	k.vars = nil
	if len(k.kept) == 0 {
		return
	}
	var b strings.Builder
	b.WriteString("package main\n")
	paths := map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(k.kept)) {
		for path := range allowed() {
			if strings.Contains(k.kept[name], packageAlias(path)+".") {
				paths[path] = true
			}
		}
	}
	for path := range paths {
		fmt.Fprintf(&b, "import %s %q\n", packageAlias(path), path)
	}
	for _, name := range slices.Sorted(maps.Keys(k.kept)) {
		fmt.Fprintf(&b, "var %s %s\n", name, k.kept[name])
	}
	f, err := parser.ParseFile(k.fset, "variables", b.String(), parser.SkipObjectResolution)
	if err == nil {
		k.vars = f
	}
}

// adjust takes in what the check has shown to depend on the cell, and says
// whether to check again.
func (k *checking) adjust() bool {
	k.change()
	if kept, seen := k.keepVariables(), k.seeVariables(); kept || seen {
		return true
	}
	if k.unexported && k.keyLiterals() {
		return true
	}
	k.errs.simplify()
	if again := k.dropFaulty(); again {
		return true
	}
	if k.failed() {
		return false
	}
	for u := range k.checked() {
		k.depend(u)
	}
	if k.include(k.altered()) {
		return true
	}
	return k.nameColumns()
}

// keyLiterals writes the fields' names into literals of structs of earlier cells,
// T{1} as T{n: 1}: go/types takes each cell for a package of its own and another
// package's fields, as far as they are not exported, can only be given by name.
func (k *checking) keyLiterals() (changed bool) {
	for _, f := range k.files(false) {
		ast.Inspect(f, func(n ast.Node) bool {
			if lit, ok := n.(*ast.CompositeLit); ok && k.keyLiteral(lit) {
				changed = true
			}
			return true
		})
	}
	return changed
}

func (k *checking) keyLiteral(lit *ast.CompositeLit) bool {
	t := k.info.TypeOf(lit)
	if t == nil {
		return false
	}
	if p, ok := t.Underlying().(*types.Pointer); ok { // the type is left out in a list of pointers
		t = p.Elem()
	}
	s, ok := t.Underlying().(*types.Struct)
	if !ok || s.NumFields() != len(lit.Elts) || !k.earlier(s) {
		return false
	}
	for i, x := range lit.Elts {
		if _, keyed := x.(*ast.KeyValueExpr); keyed {
			return false
		}
		name := &ast.Ident{NamePos: x.Pos(), Name: s.Field(i).Name()}
		lit.Elts[i] = &ast.KeyValueExpr{Key: name, Colon: x.Pos(), Value: x}
	}
	return len(lit.Elts) > 0
}

// earlier says whether a struct has fields of an earlier cell's that only a cell
// may mention, and none that nobody may.
func (k *checking) earlier(s *types.Struct) (found bool) {
	for f := range s.Fields() {
		if f.Name() == "_" {
			return false
		}
		found = found || !f.Exported() && f.Pkg().Path() == "main" && f.Pkg() != k.pkg
	}
	return found
}

// dropFaulty leaves out the declarations of earlier cells that no longer compile.
func (k *checking) dropFaulty() bool {
	for u, why := range k.faults {
		delete(k.included, u)
		for _, name := range u.names {
			k.dropped[name] = why
		}
	}
	return len(k.faults) > 0
}

// seeVariables: the cell's functions see the variables that its statements define.
func (k *checking) seeVariables() (again bool) {
	if k.body == nil {
		return false
	}
	mentioned := map[string]bool{}
	for _, u := range k.own {
		ast.Inspect(u.decl, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok {
				mentioned[id.Name] = true
			}
			return true
		})
	}
	for u := range k.included {
		for name := range u.deps {
			mentioned[name] = true
		}
		for _, name := range u.names { // of a group: the others may be made of it
			mentioned[name] = true
		}
	}
	for _, id := range k.tops {
		obj := k.info.Defs[id]
		if !mentioned[id.Name] || id.Name == "_" || obj == nil || k.owns(id.Name) || obj.Type() == nil || obj.Type() == types.Typ[types.Invalid] {
			continue
		}
		if t := k.source(obj.Type()); k.kept[id.Name] != t && !strings.Contains(t, "invalid type") {
			k.kept[id.Name] = t
			again = true
		}
	}
	return again
}

// altered is the names that mean something of another type than before: what
// depends on them is to be checked again.
func (k *checking) altered() map[string]bool {
	out := map[string]bool{}
	note := func(name string, t types.Type) {
		if g := k.live[name]; g != nil && k.key(g.object.Type()) != k.key(t) {
			out[name] = true
		}
	}
	for _, u := range k.own {
		if u.recv != "" {
			continue
		}
		for _, name := range u.names {
			if obj := k.pkg.Scope().Lookup(name); obj != nil {
				note(name, obj.Type())
			}
			if k.broken[name] != "" {
				out[name] = true
			}
		}
	}
	for _, id := range k.tops {
		if obj := k.info.Defs[id]; obj != nil {
			note(id.Name, obj.Type())
			if k.broken[id.Name] != "" {
				out[id.Name] = true
			}
		}
	}
	return out
}

// typeError reports a mistake, but for those that a notebook allows: unused
// variables and imports, and a value as the last line.
func (k *checking) typeError(err error) {
	e := err.(types.Error)
	if e.Soft && (strings.Contains(e.Msg, "not used") || strings.Contains(e.Msg, "declared and not")) {
		return
	}
	if strings.HasSuffix(e.Msg, "is not used") && k.last != nil && e.Pos >= k.last.Pos() && e.Pos < k.last.End() {
		return
	}
	e.Msg = strings.ReplaceAll(ownPackage.ReplaceAllString(e.Msg, ""), importMark+".", ".")
	k.unexported = k.unexported || strings.HasPrefix(e.Msg, implicitly)
	if u := k.unitAt(e.Pos); u != nil {
		k.fault(u, e)
		return
	}
	msg := k.explain(e.Msg)
	if e.Pos == token.NoPos {
		k.errs.add(1, 1, "%s", msg)
		return
	}
	if k.fset.Position(e.Pos).Filename == "variables" {
		return // said where the variable is defined
	}
	k.report(e.Pos, "%s", msg)
	if k.mistakes += len(msg); k.mistakes > maxMistakes {
		panic(tooManyMistakes)
	}
}

// unitAt is the declaration of an earlier cell that pos is in, or nil.
func (k *checking) unitAt(pos token.Pos) *unit {
	for u := range k.included {
		if pos >= u.decl.Pos() && pos < u.decl.End() {
			return u
		}
	}
	return nil
}

// fault notes that a declaration of an earlier cell no longer compiles.
func (k *checking) fault(u *unit, e types.Error) {
	if k.faults[u] == "" {
		cell, line, _ := k.Position(e.Pos)
		k.faults[u] = fmt.Sprintf("%s of cell %d no longer compiles since cell %d (line %d there: %s); define it again", u.names[0], cell, k.n, line, e.Msg)
	}
}

// explain says more than go/types where a notebook needs it.
func (k *checking) explain(msg string) string {
	if path, ok := strings.CutPrefix(msg, "could not import "); ok {
		path, _, _ = strings.Cut(path, " ")
		return notAllowed(path).Error()
	}
	if name, ok := strings.CutPrefix(msg, "undefined: "); ok {
		if why := k.dropped[name]; why != "" {
			return why
		}
		if why := k.broken[name]; why != "" {
			return why
		}
		if why, ok := shadowed[name]; ok {
			return msg + ": " + why
		}
	}
	if m := noMethod.FindStringSubmatch(msg); m != nil {
		if why := cmp.Or(k.dropped[m[1]+"."+m[2]], k.broken[m[1]+"."+m[2]]); why != "" {
			return why
		}
	}
	if m := sameName.FindStringSubmatch(msg); m != nil && m[1] == m[2] && k.live[m[1]] != nil {
		return fmt.Sprintf("%s: %s has been declared again in cell %d; define what is of the old one again", msg, m[1], k.live[m[1]].cell)
	}
	return msg
}

// ownPackage is how go/types tells the packages of two cells apart: not at all.
var ownPackage = regexp.MustCompile(`\bmain\.`)

// sameName finds a mistake that is none for who does not know of a redefinition.
var sameName = regexp.MustCompile(`type (\w+)\) as (\w+) value`)

// noMethod finds the mention of a method that a type has no more.
var noMethod = regexp.MustCompile(`\(type \*?(\w+) has no field or method (\w+)\)$`)

// shadowed explains packages that are mentioned without an import.
var shadowed = map[string]string{
	"os": `a cell reads and writes no files: the data is in ds.Open`, "log": "print with fmt.Println",
	"reflect": "write it with generics or a type switch", "http": "a cell has no network",
	"exec": "a cell starts no programs", "unsafe": "write it in plain Go", "runtime": "a cell does not see the process it runs in",
}

// lint refuses what Go allows and a cell must not.
func (k *checking) lint() {
	for id, obj := range k.info.Uses {
		if obj.Pkg() == nil || obj.Pkg() == k.pkg || obj.Parent() != obj.Pkg().Scope() {
			continue
		}
		if why := allowed()[obj.Pkg().Path()][obj.Name()]; why != "" && k.unitAt(id.Pos()) == nil {
			k.report(id.Pos(), "%s.%s is not available in a cell: %s", obj.Pkg().Name(), obj.Name(), why)
		}
	}
	if k.whole && !k.owns("main") {
		k.errs.add(1, 1, "a cell that begins with a package clause is a whole program: it has no function main; leave the clause out, or write one")
	}
	for _, d := range k.decls.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if f.Recv == nil && f.Name.Name == "init" && !k.whole {
			k.report(f.Name.Pos(), "a cell has no init function: write its statements in the cell")
		}
		if f.Body == nil {
			k.report(f.Name.Pos(), "the function %s has no body", f.Name.Name)
		}
	}
	for _, f := range []*ast.File{k.decls, k.body} {
		if f != nil {
			ast.Inspect(f, k.dropping)
			ast.Inspect(f, k.checkNames)
		}
	}
}

// dropping reports a statement that makes a value of the vocabulary and drops it.
func (k *checking) dropping(n ast.Node) bool {
	s, ok := n.(*ast.ExprStmt)
	if !ok || s == k.last {
		return true
	}
	if t := vocabularyType(k.info.TypeOf(s.X)); t != "" {
		k.report(s.Pos(), "this %s is not used: values never change, so assign the result or end it with .Show()", t)
	}
	return true
}

// vocabularyType is the name of a type of the vocabulary, or "".
func vocabularyType(t types.Type) string {
	if t == nil {
		return ""
	}
	if n, ok := types.Unalias(t).(*types.Named); ok && n.Obj().Pkg() != nil && n.Obj().Pkg().Path() == vocabularyPath {
		return n.Obj().Name()
	}
	return ""
}

// columns are the types of the vocabulary whose values a table calls as their
// variables are called.
var columns = []string{"Number", "Bool", "Category", "Date", "Event", "Events", "Split", "Concepts"}

// nameColumns adds As("x") to what the cell's statements assign to a new variable
// x, unless the analyst named it.
func (k *checking) nameColumns() bool {
	if k.named || k.body == nil {
		return false
	}
	k.named = true
	changed := false
	for _, s := range k.main.Body.List {
		switch s := s.(type) {
		case *ast.AssignStmt:
			if s.Tok == token.DEFINE {
				changed = k.nameEach(s.Lhs, s.Rhs) || changed
			}
		case *ast.DeclStmt:
			for _, spec := range s.Decl.(*ast.GenDecl).Specs {
				if v, ok := spec.(*ast.ValueSpec); ok {
					lhs := make([]ast.Expr, len(v.Names))
					for i, id := range v.Names {
						lhs[i] = id
					}
					changed = k.nameEach(lhs, v.Values) || changed
				}
			}
		}
	}
	return changed
}

func (k *checking) nameEach(lhs, rhs []ast.Expr) (changed bool) {
	if len(lhs) != len(rhs) {
		return false
	}
	for i, x := range rhs {
		id, _ := lhs[i].(*ast.Ident)
		c, isCall := ast.Unparen(x).(*ast.CallExpr)
		if id == nil || k.info.Defs[id] == nil || !isCall || !slices.Contains(columns, vocabularyType(k.info.TypeOf(x))) {
			continue
		}
		sel, ok := c.Fun.(*ast.SelectorExpr)
		if ok && sel.Sel.Name == "As" {
			continue
		}
		at := c.Lparen
		rhs[i] = &ast.CallExpr{
			Fun:    &ast.SelectorExpr{X: x, Sel: &ast.Ident{NamePos: x.Pos(), Name: "As"}},
			Lparen: at, Rparen: c.Rparen,
			Args: []ast.Expr{&ast.BasicLit{ValuePos: at, Kind: token.STRING, Value: strconv.Quote(id.Name)}},
		}
		changed = true
	}
	return changed
}
