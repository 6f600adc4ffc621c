package cell

import (
	"go/ast"
	"go/constant"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A few lines can declare or infer a type that is exponentially large when it is
// written out: type t1 struct{ l, r t0 }, type t2 struct{ l, r t1 } and so on, or
// f(f(f(…))) of a generic f that returns a struct of two. go/types does write it out:
// validType walks all that a value holds, an instantiation is looked up by the text
// of its arguments, substitution and inference walk type literals again and again. So
// sizing bounds, from the syntax and before go/types sees it, the parts of every type
// of a cell: the nodes of its text, with
//
//   - aliases, and declared types that a value holds, in the place of their names; a
//     declared type behind a pointer, in a slice and the like is one part
//   - the type parameters of a call as large as its largest argument
//   - what is inferred followed through := in the order of the text.
//
// The bound is often too high. It may be too low by what types of the library hold,
// which does not grow.
const (
	maxParts = 100_000 // of the large types of a cell together
	large    = 100     // parts from which they are counted: the text pays for small ones
	library  = 20      // parts that a type of the library may have
	deeper   = 3       // parts that a generic function of the library may add: [][]T of []T
	maxConst = 4 << 20 // bytes of the constant strings of a cell together

	// maxFunctions bounds what is checked together: who calls whom is worked out
	// (initOrder) in a time that grows with the third power.
	maxFunctions = 400
)

type sizing struct {
	*checking
	units    map[string]*unit       // that declare a name of package level
	forms    map[string]form        // of declared types
	cores    map[instance]int       // of constraints
	selected map[string]form        // of generic types: fields f, methods f. and what they return f(), elements []
	embedded int                    // how often larger than a generic type what it embeds may be
	widest   int                    // parts of the largest type that a declaration mentions
	params   map[string]int         // parts of the type parameters in scope
	within   map[*ast.FuncDecl]bool // whose results are being read
	top      map[string]int         // parts of the types of what the cell's statements define
	local    map[string]int         // the same of the function that is being read
	texts    map[string]int         // bytes of constant strings
	values   map[string]ast.Expr    // of constants of package level
	spent    int
	bytes    int // of constant strings that are written out
}

// form is the parts of what is generic: base, and times the parts of an argument.
type form struct{ base, times int }

func (f form) of(parts int) int { return bounded(f.base + f.times*parts) }

// bounded keeps sums and products from overflowing.
func bounded(n int) int { return min(n, 1<<30) }

// size reports the first type that makes the types of the cell too large.
func (k *checking) size() {
	s := &sizing{
		checking: k, units: map[string]*unit{}, forms: map[string]form{}, cores: map[instance]int{}, selected: map[string]form{}, embedded: 1, widest: library,
		params: map[string]int{}, within: map[*ast.FuncDecl]bool{}, top: map[string]int{}, texts: map[string]int{}, values: map[string]ast.Expr{},
	}
	checked := slices.Concat(k.own, slices.SortedFunc(maps.Keys(k.included), func(a, b *unit) int { return int(a.decl.Pos() - b.decl.Pos()) }))
	for _, u := range slices.Concat(k.units, checked) {
		for _, name := range u.names {
			s.units[name] = u
		}
	}
	s.local = s.top
	functions := 0
	for _, u := range slices.Concat(k.units, checked) {
		if s.units[u.names[0]] == u {
			s.widest = max(s.widest, u.parts)
			s.noteMembers(u.decl)
		}
	}
	for _, u := range checked {
		if u.kind == token.FUNC {
			functions++
		}
		if u.kind == token.CONST {
			for _, name := range u.names {
				s.length(&ast.Ident{NamePos: u.decl.Pos(), Name: name})
			}
			continue
		}
		k.sizes[u] = s.parts(u.decl, true)
		s.widest = max(s.widest, k.sizes[u])
	}
	if functions > maxFunctions && !s.oversized {
		s.oversized = true
		s.errs.add(1, 1, "the cell declares %d functions, with those that depend on it; the limit is %d: split it", functions, maxFunctions)
	}
	if k.body != nil {
		s.parts(k.main.Body, true)
	}
	for _, u := range checked {
		if d, ok := u.decl.(*ast.FuncDecl); ok && d.Body != nil {
			s.local = map[string]int{}
			s.given(d, 1, func() int { return s.parts(d.Type, false) + s.parts(d.Body, true) })
		}
	}
}

// spend counts a type that go/types writes out.
func (s *sizing) spend(at token.Pos, parts int) {
	if parts < large || s.spent > maxParts {
		return
	}
	if s.spent += parts; s.spent > maxParts {
		s.oversized = true
		s.report(at, "the types of this cell grow too large: written out, they have more than %d parts; hold less in each, or by pointers to declared types", maxParts)
	}
}

// parts bounds the parts of the types of an expression or of what a statement holds.
// held says of a type that a value holds it.
func (s *sizing) parts(n ast.Node, held bool) int {
	if s.oversized {
		return 1
	}
	switch n := n.(type) {
	case *ast.Ident:
		return s.name(n.Name, held)
	case *ast.FuncDecl:
		return s.given(n, 1, func() int { return s.parts(n.Type, false) })
	case *ast.GenDecl:
		if n.Tok == token.CONST {
			eachConstant(n, func(id *ast.Ident, x ast.Expr) { s.texts[id.Name] = s.spell(id.Pos(), s.length(x)) })
		}
	case *ast.TypeSpec:
		return s.typeSpec(n)
	case *ast.ValueSpec:
		w := s.most(n.Values, n.Type)
		for _, id := range n.Names {
			s.define([]ast.Expr{id}, w)
		}
		return w
	case *ast.AssignStmt:
		w := s.most(n.Rhs, nil)
		if n.Tok == token.DEFINE {
			return s.define(n.Lhs, w)
		}
		return max(w, s.most(n.Lhs, nil))
	case *ast.RangeStmt:
		s.define([]ast.Expr{n.Key, n.Value}, s.selection(s.parts(n.X, true), n.For, "[]"))
		return s.parts(n.Body, true)
	case *ast.TypeSwitchStmt:
		if a, ok := n.Assign.(*ast.AssignStmt); ok {
			for _, c := range n.Body.List {
				s.define(a.Lhs, s.most(c.(*ast.CaseClause).List, nil))
			}
		}
	case *ast.FuncLit:
		w := s.parts(n.Type, false)
		s.parts(n.Body, true)
		return w
	case *ast.FuncType:
		return 1 + s.fields(n.Params, false, true) + s.fields(n.Results, false, true)
	case *ast.StructType:
		return 1 + s.fields(n.Fields, held, false)
	case *ast.InterfaceType:
		return 1 + s.fields(n.Methods, true, false)
	case *ast.ArrayType:
		return 1 + s.parts(n.Elt, held && n.Len != nil)
	case *ast.MapType:
		return bounded(1 + s.parts(n.Key, false) + s.parts(n.Value, false))
	case *ast.ChanType:
		return 1 + s.parts(n.Value, false)
	case *ast.StarExpr:
		return 1 + s.parts(n.X, false)
	case *ast.Ellipsis:
		return 1 + s.parts(n.Elt, false)
	case *ast.IndexExpr:
		return s.index(n.X, []ast.Expr{n.Index}, held, n.Lbrack)
	case *ast.IndexListExpr:
		return s.index(n.X, n.Indices, held, n.Lbrack)
	case *ast.CallExpr:
		return s.call(n)
	case *ast.SelectorExpr:
		return s.member(n, ".")
	case *ast.BinaryExpr:
		return s.binary(n)
	}
	w := 1
	ast.Inspect(n, func(m ast.Node) bool {
		if m != nil && m != n {
			w = max(w, s.parts(m, held))
		}
		return m == n
	})
	return w
}

// most is the parts of the largest of several, the type too if it is given.
func (s *sizing) most(list []ast.Expr, typ ast.Expr) int {
	w := 1
	if typ != nil {
		w = s.parts(typ, true)
	}
	for _, x := range list {
		w = max(w, s.parts(x, true))
	}
	return w
}

// define notes what new variables may be of.
func (s *sizing) define(names []ast.Expr, parts int) int {
	for _, x := range names {
		if id, ok := x.(*ast.Ident); ok {
			s.local[id.Name] = max(s.local[id.Name], parts)
		}
	}
	return parts
}

// fields is the sum of the parts of fields, which are variables if named says so.
func (s *sizing) fields(list *ast.FieldList, held, variables bool) int {
	total := 0
	if list == nil {
		return 0
	}
	for _, f := range list.List {
		_, method := f.Type.(*ast.FuncType)
		w := s.parts(f.Type, held && !method)
		for _, id := range f.Names {
			if variables {
				s.define([]ast.Expr{id}, w)
			}
		}
		total = bounded(total + max(1, len(f.Names))*w)
	}
	return total
}

// name is the parts of what a name means: the same name may mean several things.
func (s *sizing) name(name string, held bool) int {
	if w, ok := s.params[name]; ok {
		return w
	}
	w := max(1, s.local[name], s.top[name])
	switch d := s.declaration(name).(type) {
	case *ast.TypeSpec:
		if held || d.Assign.IsValid() {
			w = max(w, s.form(d).of(1))
		}
	case *ast.FuncDecl:
		w = max(w, s.widest)
	case *ast.ValueSpec:
		w = max(w, s.initial(name, d))
	}
	if g := s.live[name]; g != nil && s.units[name] == nil {
		w = max(w, written(g.object.Type()))
	}
	return w
}

// declaration is the *ast.TypeSpec, *ast.FuncDecl or *ast.ValueSpec of a name, or nil.
func (s *sizing) declaration(name string) ast.Node {
	u := s.units[name]
	if u == nil {
		return nil
	}
	g, ok := u.decl.(*ast.GenDecl)
	if !ok {
		return u.decl
	}
	for _, spec := range g.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			return spec
		case *ast.ValueSpec:
			if slices.ContainsFunc(spec.Names, func(id *ast.Ident) bool { return id.Name == name }) {
				return spec
			}
		}
	}
	return nil
}

// initial is the parts of a variable of a whole program.
func (s *sizing) initial(name string, d *ast.ValueSpec) int {
	if _, ok := s.top[name]; !ok {
		s.top[name] = 1 // a cycle ends here
		s.top[name] = s.most(d.Values, d.Type)
	}
	return s.top[name]
}

// typeSpec is the parts of a declared type, whose arguments have one each.
func (s *sizing) typeSpec(d *ast.TypeSpec) int {
	var w int
	if s.declaration(d.Name.Name) == ast.Node(d) {
		w = s.form(d).of(1)
	} else {
		w = s.define([]ast.Expr{d.Name}, 1+s.parts(d.Type, true))
	}
	s.spend(d.Pos(), w)
	return w
}

// form is the parts of a type of package level.
func (s *sizing) form(d *ast.TypeSpec) form {
	name := d.Name.Name
	if f, ok := s.forms[name]; ok {
		return f
	}
	s.forms[name] = form{1, 1} // a type that holds itself ends here
	f := s.formOf(parameters(d.TypeParams), func() int { return s.parts(d.Type, true) })
	f.base = bounded(1 + f.base)
	s.forms[name] = f
	return f
}

// with is what parts returns while each of the parameters has so many.
func (s *sizing) with(params []string, each int, parts func() int) int {
	old := s.params
	defer func() { s.params = old }()
	s.params = maps.Clone(old)
	for _, p := range params {
		s.params[p] = each
	}
	return parts()
}

// formOf is parts as a function of those of all the parameters.
func (s *sizing) formOf(params []string, parts func() int) form {
	base := s.with(params, 0, parts)
	return form{base, s.with(params, 1, parts) - base}
}

// together is parts as a function of those of all the parameters together, which is
// what the type whose parameters they are has at least.
func (s *sizing) together(params []string, parts func() int) (f form) {
	f.base = s.with(params, 0, parts)
	for _, p := range params {
		one := s.with(params, 0, func() int { return s.with([]string{p}, 1, parts) })
		f.times = max(f.times, one-f.base)
	}
	return f
}

func parameters(list *ast.FieldList) (names []string) {
	if list != nil {
		for _, f := range list.List {
			for _, id := range f.Names {
				names = append(names, id.Name)
			}
		}
	}
	return names
}

// index is the parts of an instance, or of an element.
func (s *sizing) index(x ast.Expr, args []ast.Expr, held bool, at token.Pos) int {
	w, sum := 1, 0
	for _, a := range args {
		p := s.parts(a, true)
		w, sum = max(w, p), bounded(sum+p)
	}
	if id, ok := x.(*ast.Ident); ok {
		switch d := s.declaration(id.Name).(type) {
		case *ast.TypeSpec:
			if d.TypeParams != nil && (held || d.Assign.IsValid()) {
				sum = bounded(sum + s.form(d).of(w))
				s.spend(at, sum)
			}
			return max(1+sum, s.name(id.Name, false))
		case *ast.FuncDecl:
			return s.result(d, w)
		}
	}
	if sel, ok := x.(*ast.SelectorExpr); ok {
		if id, ok := sel.X.(*ast.Ident); ok && s.imported(id.Name) {
			return bounded(library + sum)
		}
	}
	return s.selection(max(w, s.parts(x, true)), at, "[]")
}

// call is the parts of the results of a call.
func (s *sizing) call(c *ast.CallExpr) int {
	w := s.most(c.Args, nil)
	fun := ast.Unparen(c.Fun)
	switch x := fun.(type) {
	case *ast.IndexExpr:
		w, fun = max(w, s.parts(x.Index, true)), ast.Unparen(x.X)
	case *ast.IndexListExpr:
		w, fun = max(w, s.most(x.Indices, nil)), ast.Unparen(x.X)
	}
	if sel, ok := fun.(*ast.SelectorExpr); ok {
		w = max(w, s.member(sel, "()"))
		if id, ok := sel.X.(*ast.Ident); ok && s.instantiates(id.Name) {
			w = bounded(w + deeper)
			s.spend(c.Lparen, w)
		}
		return w
	}
	id, ok := fun.(*ast.Ident)
	if !ok {
		return max(w, s.parts(c.Fun, true))
	}
	d, ok := s.declaration(id.Name).(*ast.FuncDecl)
	if !ok || d.Type.TypeParams == nil {
		return max(w, s.name(id.Name, true))
	}
	for _, a := range c.Args { // a generic function as an argument: of another parameter, with what it makes of this one
		if id, ok := a.(*ast.Ident); ok {
			if f, ok := s.declaration(id.Name).(*ast.FuncDecl); ok && f.Type.TypeParams != nil {
				w = s.result(f, w)
			}
		}
	}
	w = s.result(d, w)
	s.spend(c.Lparen, w)
	return w
}

// result is the parts of what a generic function returns, or of its largest parameter. One
// that names itself where a type is wanted, which is a mistake, has none.
func (s *sizing) result(d *ast.FuncDecl, parts int) int {
	if s.within[d] {
		return 1
	}
	s.within[d] = true
	defer delete(s.within, d)
	return s.given(d, parts, func() int {
		w := s.fields(d.Type.Results, false, false)
		for _, p := range parameters(d.Type.TypeParams) {
			w = max(w, s.params[p])
		}
		return w
	})
}

// given is what f is, when the parameters of a function or of its receiver have so
// many parts. A parameter whose constraint says what it is made of has as many as that:
// the constraints take each other's types in turn, as often as there are parameters; what
// is made of itself is not inferred.
func (s *sizing) given(d *ast.FuncDecl, parts int, f func() int) int {
	params := parameters(d.Type.TypeParams)
	if d.Recv != nil && len(d.Recv.List) > 0 {
		params = append(params, receiverParameters(d.Recv.List[0].Type)...)
	}
	if len(params) == 0 {
		return f()
	}
	return s.with(params, parts, func() int {
		for round, grown := 0, d.Type.TypeParams != nil; grown && round <= len(params); round++ {
			grown = false
			for _, field := range d.Type.TypeParams.List {
				w := s.core(field.Type)
				for _, id := range field.Names {
					if w > s.params[id.Name] {
						s.params[id.Name], grown = w, true
					}
				}
			}
		}
		return f()
	})
}

// core is the parts of the types that a constraint names, or 0.
func (s *sizing) core(x ast.Expr) int {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return s.core(x.X)
	case *ast.BinaryExpr:
		return max(s.core(x.X), s.core(x.Y))
	case *ast.InterfaceType:
		w := 0
		for _, f := range x.Methods.List {
			if len(f.Names) == 0 {
				w = max(w, s.core(f.Type))
			}
		}
		return w
	case *ast.SelectorExpr:
		return 0
	case *ast.Ident:
		return s.coreOf(x, x, nil)
	case *ast.IndexExpr:
		return s.coreOf(x, x.X, []ast.Expr{x.Index})
	case *ast.IndexListExpr:
		return s.coreOf(x, x.X, x.Indices)
	}
	return s.parts(x, true)
}

// coreOf is core of a declared type, with arguments if it is generic.
func (s *sizing) coreOf(whole, x ast.Expr, args []ast.Expr) int {
	id, _ := x.(*ast.Ident)
	if id == nil {
		return 0
	}
	d, ok := s.declaration(id.Name).(*ast.TypeSpec)
	if !ok {
		return 0
	}
	if _, ok := d.Type.(*ast.InterfaceType); !ok {
		return s.parts(whole, true)
	}
	w := s.most(args, nil)
	key := instance{id.Name, w}
	if known, ok := s.cores[key]; ok {
		return known
	}
	s.cores[key] = 0 // what is made of itself ends here
	s.cores[key] = s.with(parameters(d.TypeParams), w, func() int { return s.core(d.Type) })
	return s.cores[key]
}

// instance is a generic type and the parts of its arguments.
type instance struct {
	name  string
	parts int
}

func receiverParameters(x ast.Expr) (names []string) {
	var args []ast.Expr
	switch x := ast.Unparen(x).(type) {
	case *ast.StarExpr:
		return receiverParameters(x.X)
	case *ast.IndexExpr:
		args = []ast.Expr{x.Index}
	case *ast.IndexListExpr:
		args = x.Indices
	}
	for _, a := range args {
		if id, ok := a.(*ast.Ident); ok {
			names = append(names, id.Name)
		}
	}
	return names
}

// noteMembers notes what can be selected from values of a generic type.
func (s *sizing) noteMembers(d ast.Decl) {
	note := func(name string, f form) {
		old := s.selected[name]
		s.selected[name] = form{max(old.base, f.base), max(old.times, f.times)}
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv != nil && len(d.Recv.List) > 0 {
			if params := receiverParameters(d.Recv.List[0].Type); len(params) > 0 {
				note(d.Name.Name+".", s.together(params, func() int { return s.parts(d.Type, false) }))
				note(d.Name.Name+"()", s.together(params, func() int { return s.fields(d.Type.Results, false, false) }))
			}
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			t, ok := spec.(*ast.TypeSpec)
			if !ok || t.TypeParams == nil {
				continue
			}
			params := parameters(t.TypeParams)
			fields, ok := t.Type.(*ast.StructType)
			if !ok {
				note("[]", s.together(params, func() int { return s.parts(t.Type, false) }))
				continue
			}
			for _, f := range fields.Fields.List {
				form := s.together(params, func() int { return s.parts(f.Type, false) })
				for _, id := range f.Names {
					note(id.Name, form)
				}
				if len(f.Names) == 0 {
					s.embedded = bounded(s.embedded * max(1, form.times))
				}
			}
		}
	}
}

// member is the parts of a field, a method's results (how is "()") or a method (".").
func (s *sizing) member(x *ast.SelectorExpr, how string) int {
	if id, ok := x.X.(*ast.Ident); ok && s.imported(id.Name) {
		return library
	}
	return max(s.widest, s.selection(s.parts(x.X, true), x.Sel.Pos(), x.Sel.Name, x.Sel.Name+how))
}

// imported says whether a package is called so, by the cell or an earlier declaration.
func (s *sizing) imported(name string) bool {
	return s.specs[name] != nil || strings.HasSuffix(name, importMark)
}

// instantiates says whether a package is called so whose functions are generic.
func (s *sizing) instantiates(name string) bool {
	if spec := s.specs[name]; spec != nil {
		path, _ := strconv.Unquote(spec.Path.Value)
		return FromSource(path)
	}
	return s.imported(name)
}

// selection is the parts of what is selected, by one of the names, from what has so many.
func (s *sizing) selection(parts int, at token.Pos, names ...string) int {
	w := parts
	for _, name := range names {
		if f, ok := s.selected[name]; ok {
			w = max(w, f.of(bounded(parts*s.embedded)))
			s.spend(at, w)
		}
	}
	return w
}

// binary is the parts of a union or of a value, whose operands may be thousands.
func (s *sizing) binary(b *ast.BinaryExpr) int {
	w, bytes := 1, 0
	for x := ast.Expr(b); x != nil; {
		operand := x
		next, ok := x.(*ast.BinaryExpr)
		x = nil
		if ok {
			operand, x = next.Y, next.X
		}
		p := s.parts(operand, true)
		bytes += s.length(operand)
		if b.Op == token.OR {
			w = bounded(w + p)
		} else {
			w = max(w, p)
		}
	}
	s.spell(b.OpPos, bytes)
	return w
}

// eachConstant calls f with the constants of a declaration and their values, which they
// may have of the line above.
func eachConstant(g *ast.GenDecl, f func(*ast.Ident, ast.Expr)) {
	var values []ast.Expr
	for _, spec := range g.Specs {
		v := spec.(*ast.ValueSpec)
		if len(v.Values) > 0 {
			values = v.Values
		}
		for i, id := range v.Names {
			if i < len(values) {
				f(id, values[i])
			}
		}
	}
}

// spell counts the bytes of a constant string, which it returns.
func (s *sizing) spell(at token.Pos, bytes int) int {
	if s.bytes = bounded(s.bytes + bytes); s.bytes > maxConst && !s.oversized {
		s.oversized = true
		s.report(at, "the constant strings of this cell have more than %d bytes; use variables", maxConst)
	}
	return bytes
}

// length bounds the bytes of a constant string; what is none has 0.
func (s *sizing) length(x ast.Expr) int {
	switch x := x.(type) {
	case *ast.BasicLit:
		return len(x.Value)
	case *ast.ParenExpr:
		return s.length(x.X)
	case *ast.CallExpr: // a conversion
		if len(x.Args) == 1 {
			return s.length(x.Args[0])
		}
	case *ast.BinaryExpr:
		if x.Op == token.ADD {
			return bounded(s.length(x.X) + s.length(x.Y))
		}
	case *ast.Ident:
		if n, ok := s.texts[x.Name]; ok {
			return n
		}
		if u := s.units[x.Name]; u != nil && u.kind == token.CONST {
			if _, ok := s.values[x.Name]; !ok {
				eachConstant(u.decl.(*ast.GenDecl), func(id *ast.Ident, x ast.Expr) { s.values[id.Name] = x })
			}
			s.texts[x.Name] = 0 // a cycle ends here
			s.texts[x.Name] = s.spell(x.Pos(), s.length(s.values[x.Name]))
			return s.texts[x.Name]
		}
		if g := s.live[x.Name]; g != nil {
			if c, ok := g.object.(*types.Const); ok && c.Val().Kind() == constant.String {
				return len(constant.StringVal(c.Val()))
			}
		}
	}
	return 0
}

// written is the parts of a type that the checker has made.
func written(t types.Type) int {
	return (&measure{seen: map[measured]int{}}).parts(t, true)
}

// sizeOf is the parts of a type without those of the type parameters in it, each of
// which param is told.
func sizeOf(t types.Type, param func(*types.TypeParam)) int {
	return (&measure{param: param}).parts(t, false)
}

// measure counts the parts of a type, as sizing bounds them.
type measure struct {
	seen  map[measured]int // or nil, where each parameter counts
	param func(*types.TypeParam)
}

type measured struct {
	types.Type
	held bool
}

func (m *measure) parts(t types.Type, held bool) int {
	t = types.Unalias(t)
	key := measured{t, held}
	if w, ok := m.seen[key]; ok {
		return w
	}
	w := 1
	if m.seen != nil {
		m.seen[key] = w
		defer func() { m.seen[key] = w }()
	}
	add := func(t types.Type, held bool) { w = bounded(w + m.parts(t, held)) }
	switch t := t.(type) {
	case *types.TypeParam:
		if m.param != nil {
			m.param(t)
			return 0
		}
	case *types.Named:
		for a := range t.TypeArgs().Types() {
			add(a, held)
		}
		if obj := t.Obj(); obj.Pkg() != nil && obj.Pkg().Path() == "main" {
			if held {
				add(t.Underlying(), true)
			}
			for s := obj.Parent(); m.param != nil && s != nil && s != obj.Pkg().Scope(); s = s.Parent() {
				m.around(s)
			}
		}
	case *types.Pointer:
		add(t.Elem(), false)
	case *types.Slice:
		add(t.Elem(), false)
	case *types.Chan:
		add(t.Elem(), false)
	case *types.Array:
		add(t.Elem(), held)
	case *types.Map:
		add(t.Key(), false)
		add(t.Elem(), false)
	case *types.Struct:
		for f := range t.Fields() {
			add(f.Type(), held)
		}
	case *types.Tuple:
		for v := range t.Variables() {
			add(v.Type(), false)
		}
	case *types.Signature:
		add(t.Params(), false)
		add(t.Results(), false)
	case *types.Interface:
		for f := range t.ExplicitMethods() {
			add(f.Type(), false)
		}
		for e := range t.EmbeddedTypes() {
			add(e, held)
		}
	}
	return w
}

// around counts the type parameters of a function: a type that it declares is another
// in each of its instances.
func (m *measure) around(s *types.Scope) {
	for _, name := range s.Names() {
		if obj, ok := s.Lookup(name).(*types.TypeName); ok {
			if p, ok := obj.Type().(*types.TypeParam); ok {
				m.param(p)
			}
		}
	}
}
