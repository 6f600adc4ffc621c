package cell

import (
	"go/ast"
	"go/token"
	"go/types"
	"iter"
	"slices"
	"strings"
)

// unit is a declaration that can be checked again: when what it depends on is
// redefined, it is compiled against the new definition.
type unit struct {
	names []string // that it declares; for a method "T.m"
	recv  string   // of a method: its receiver's type
	kind  token.Token
	decl  ast.Decl
	specs map[string]*ast.ImportSpec
	deps  map[string]bool // names of package level that it depends on
	cell  int
	doc   string     // the comment above it
	parts int        // of its types, as sizing bounds them
	flows []argument // of type parameters, made of other type parameters
}

// unitsOf takes the declarations of a cell apart, so that each can be replaced.
func (k *checking) unitsOf(f *ast.File) []*unit {
	var out []*unit
	for _, d := range f.Decls {
		u := &unit{decl: d, specs: k.specs, cell: k.n}
		switch d := d.(type) {
		case *ast.FuncDecl:
			u.kind = token.FUNC
			u.names = []string{d.Name.Name}
			if d.Recv != nil && len(d.Recv.List) > 0 {
				u.recv = receiver(d.Recv.List[0].Type)
				u.names[0] = u.recv + "." + d.Name.Name
			}
			out = append(out, u)
		case *ast.GenDecl:
			switch d.Tok {
			case token.TYPE:
				for _, s := range d.Specs {
					one := &ast.GenDecl{TokPos: d.TokPos, Tok: token.TYPE, Specs: []ast.Spec{s}, Doc: d.Doc}
					name := s.(*ast.TypeSpec).Name.Name
					out = append(out, &unit{kind: token.TYPE, names: []string{name}, decl: one, specs: k.specs, cell: k.n})
				}
			case token.CONST, token.VAR:
				u.kind = d.Tok
				for _, s := range d.Specs {
					for _, id := range specNames(s) {
						u.names = append(u.names, id.Name)
					}
				}
				if len(u.names) > 0 {
					out = append(out, u)
				}
			}
		}
	}
	lines := strings.Split(k.errs.Source, "\n")
	for _, u := range out {
		_, line, _ := k.Position(u.decl.Pos())
		u.doc = docAbove(lines, line)
	}
	return out
}

// generic says whether u is a function with type parameters of its own.
func (u *unit) generic() bool {
	f, ok := u.decl.(*ast.FuncDecl)
	return ok && f.Type.TypeParams != nil
}

// receiver is the name of a method's receiver type.
func receiver(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return receiver(x.X)
	case *ast.ParenExpr:
		return receiver(x.X)
	case *ast.IndexExpr:
		return receiver(x.X)
	case *ast.IndexListExpr:
		return receiver(x.X)
	case *ast.Ident:
		return x.Name
	}
	return ""
}

// invade includes what depends on the types, constants and generic functions that the
// cell declares, and the types that it gives methods. A caller may yet come to make
// instances of a generic function; it reaches any other function by its name.
func (k *checking) invade() {
	names := map[string]bool{}
	for _, u := range k.own {
		switch {
		case u.recv != "" && !k.owns(u.recv):
			names[u.recv] = true
		case u.kind == token.TYPE || u.kind == token.CONST || u.generic():
			for _, name := range u.names {
				names[name] = true
			}
		}
	}
	k.include(names)
	k.mend()
}

// mend includes the declarations that no longer compiled and may do so now, and those
// that no longer compiled for want of them.
func (k *checking) mend() {
	names := map[string]bool{}
	for _, u := range k.own {
		for _, name := range u.names {
			names[name] = true
		}
	}
	for _, id := range k.tops {
		names[id.Name] = true
	}
	mended := map[string]bool{}
	for _, u := range k.units {
		if k.broken[u.names[0]] != "" && !k.replaced(u) && k.affected(u, names) {
			k.included[u] = true
			for _, name := range u.names {
				mended[name] = true
			}
			if u.recv != "" {
				mended[u.recv] = true
			}
		}
	}
	k.include(mended)
}

// checked is what is checked together: the cell's declarations and those of earlier cells.
func (k *checking) checked() iter.Seq[*unit] {
	return func(yield func(*unit) bool) {
		for _, u := range k.own {
			if !yield(u) {
				return
			}
		}
		for u := range k.included {
			if !yield(u) {
				return
			}
		}
	}
}

// owns says whether the cell itself declares the name.
func (k *checking) owns(name string) bool {
	return slices.ContainsFunc(k.own, func(u *unit) bool { return slices.Contains(u.names, name) })
}

// include adds the live declarations that depend on the names, and those that
// depend on them.
func (k *checking) include(names map[string]bool) (grown bool) {
	for changed := true; changed; {
		changed = false
		for _, u := range k.units {
			if k.included[u] || k.replaced(u) || !k.affected(u, names) {
				continue
			}
			k.included[u], changed, grown = true, true, true
			for _, name := range u.names {
				names[name] = true
			}
			if u.recv != "" { // a method is declared where its type is
				names[u.recv] = true
			}
		}
	}
	return grown
}

func (k *checking) affected(u *unit, names map[string]bool) bool {
	if u.recv != "" && names[u.recv] {
		return true
	}
	for _, name := range u.names { // a type that gets methods
		if names[name] {
			return true
		}
	}
	for name := range u.deps {
		if names[name] {
			return true
		}
	}
	return false
}

// replaced says whether nothing of u lives on beside the cell.
func (k *checking) replaced(u *unit) bool {
	if k.dropped[u.names[0]] != "" || u.recv != "" && k.otherwise(u.recv) {
		return true
	}
	return !slices.ContainsFunc(u.names, func(name string) bool { return !k.redeclared(name) })
}

// redeclared says whether the cell declares the name, or a variable of it.
func (k *checking) redeclared(name string) bool { return k.owns(name) || k.defines(name) }

// otherwise says whether the cell makes something else of the name of a type.
func (k *checking) otherwise(name string) bool {
	isType := func(u *unit) bool { return u.kind == token.TYPE && u.names[0] == name }
	return k.redeclared(name) && !slices.ContainsFunc(k.own, isType)
}

// unitFile is the unit as a file of its own. A name of a group that has been declared
// again elsewhere is blank.
func (k *checking) unitFile(u *unit) *ast.File {
	f := &ast.File{Name: ast.NewIdent("main"), Package: u.decl.Pos(), FileStart: u.decl.Pos(), FileEnd: u.decl.End()}
	decl := u.decl
	if g, ok := decl.(*ast.GenDecl); ok && u.kind == token.CONST {
		decl = k.withoutRedeclared(g, u.names)
	}
	f.Decls = []ast.Decl{decl}
	setImports(f, used(u.decl, u.specs))
	return f
}

// used is the imports that a declaration mentions.
func used(n ast.Node, specs map[string]*ast.ImportSpec) map[string]*ast.ImportSpec {
	out := map[string]*ast.ImportSpec{}
	ast.Inspect(n, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && specs[id.Name] != nil {
			out[id.Name] = specs[id.Name]
		}
		return true
	})
	return out
}

// withoutRedeclared is constants with blanks for those that have been declared again;
// names are those that had not when the cell began.
func (k *checking) withoutRedeclared(g *ast.GenDecl, names []string) ast.Decl {
	c := *g
	c.Specs = nil
	for _, s := range g.Specs {
		v := *s.(*ast.ValueSpec)
		v.Names = slices.Clone(v.Names)
		for i, id := range v.Names {
			if k.redeclared(id.Name) || !slices.Contains(names, id.Name) {
				v.Names[i] = &ast.Ident{NamePos: id.NamePos, Name: "_"}
			}
		}
		c.Specs = append(c.Specs, &v)
	}
	return &c
}

// declared is every name that this check declares at package level.
func (k *checking) declared() map[string]bool {
	out := map[string]bool{}
	for _, u := range k.own {
		for _, name := range u.names {
			out[name] = true
		}
	}
	for u := range k.included {
		for _, name := range u.names {
			if !k.redeclared(name) {
				out[name] = true
			}
		}
	}
	for name := range k.kept {
		out[name] = true
	}
	return out
}

// depend notes what each declaration of the cell depends on.
func (k *checking) depend(u *unit) {
	u.deps = map[string]bool{}
	parts, seen := map[*types.TypeName]bool{}, map[types.Type]bool{}
	ast.Inspect(u.decl, func(n ast.Node) bool {
		id, ok := n.(*ast.Ident)
		if !ok {
			return true
		}
		if obj := k.info.Uses[id]; obj != nil {
			if notebookLevel(obj) {
				u.deps[obj.Name()] = true
			}
			if obj.Type() != nil {
				mentions(obj.Type(), parts, seen)
			}
		}
		return true
	})
	for t := range parts {
		u.deps[t.Name()] = true
	}
	for _, name := range u.names {
		delete(u.deps, name)
	}
}

// notebookLevel says whether an object is of a notebook's top level. A variable is of the
// scope of the first cell that mentions it after its own.
func notebookLevel(obj types.Object) bool {
	return obj.Pkg() != nil && obj.Pkg().Path() == "main" && obj.Parent() != nil && obj.Parent().Parent() == types.Universe
}

// mentions collects the declared types of the notebook that a type is made of.
func mentions(t types.Type, out map[*types.TypeName]bool, seen map[types.Type]bool) {
	if t == nil || seen[t] {
		return
	}
	seen[t] = true
	to := func(t types.Type) { mentions(t, out, seen) }
	switch t := t.(type) {
	case *types.Alias:
		if notebookLevel(t.Obj()) {
			out[t.Obj()] = true
		}
		to(types.Unalias(t))
	case *types.Named:
		if notebookLevel(t.Obj()) {
			out[t.Obj()] = true
		}
		for a := range t.TypeArgs().Types() {
			to(a)
		}
		if t.Obj().Pkg() != nil && t.Obj().Pkg().Path() == "main" && !notebookLevel(t.Obj()) {
			to(t.Underlying())
		}
	case *types.Pointer:
		to(t.Elem())
	case *types.Slice:
		to(t.Elem())
	case *types.Array:
		to(t.Elem())
	case *types.Chan:
		to(t.Elem())
	case *types.Map:
		to(t.Key())
		to(t.Elem())
	case *types.Struct:
		for f := range t.Fields() {
			to(f.Type())
		}
	case *types.Tuple:
		for v := range t.Variables() {
			to(v.Type())
		}
	case *types.Signature:
		to(t.Params())
		to(t.Results())
	case *types.Interface:
		for m := range t.ExplicitMethods() {
			to(m.Type())
		}
		for e := range t.EmbeddedTypes() {
			to(e)
		}
	}
}

// replace puts the program's declarations in the place of what had their names. Of a
// group of constants the others live on; methods go with a type that is none any more.
func (c *Compiler) replace(p *Program) {
	fresh, isType := map[string]bool{}, map[string]bool{}
	for name := range p.globals {
		fresh[name] = true
	}
	for _, u := range p.units {
		for _, name := range u.names {
			fresh[name], isType[name] = true, u.kind == token.TYPE
		}
	}
	c.units = slices.DeleteFunc(c.units, func(u *unit) bool {
		u.names = slices.DeleteFunc(u.names, func(name string) bool { return fresh[name] })
		return len(u.names) == 0 || fresh[u.recv] && !isType[u.recv]
	})
	c.units = append(c.units, p.units...)
}
