package cell

import (
	"go/ast"
	"go/token"
	"go/types"
	"strconv"
)

// typeExpr writes a type in lowered code. Types that cannot be named outside
// their package are reported at pos.
func (l *lowering) typeExpr(t types.Type, pos token.Pos) ast.Expr {
	of := func(t types.Type) ast.Expr { return l.typeExpr(t, pos) }
	switch t := t.(type) {
	case *types.Basic:
		if t.Kind() == types.UnsafePointer || t.Kind() == types.UntypedNil {
			l.report(pos, "a variable cannot have the type %s", t)
		}
		return ast.NewIdent(types.Default(t).(*types.Basic).Name())
	case *types.Alias:
		return of(types.Unalias(t))
	case *types.Named:
		return l.namedExpr(t, pos)
	case *types.TypeParam:
		return ast.NewIdent(t.Obj().Name())
	case *types.Pointer:
		return &ast.StarExpr{X: of(t.Elem())}
	case *types.Slice:
		return &ast.ArrayType{Elt: of(t.Elem())}
	case *types.Array:
		return &ast.ArrayType{Len: &ast.BasicLit{Kind: token.INT, Value: strconv.FormatInt(t.Len(), 10)}, Elt: of(t.Elem())}
	case *types.Map:
		return &ast.MapType{Key: of(t.Key()), Value: of(t.Elem())}
	case *types.Chan:
		dirs := map[types.ChanDir]ast.ChanDir{types.SendRecv: ast.SEND | ast.RECV, types.SendOnly: ast.SEND, types.RecvOnly: ast.RECV}
		return &ast.ChanType{Dir: dirs[t.Dir()], Value: of(t.Elem())}
	case *types.Signature:
		return &ast.FuncType{Params: l.tuple(t.Params(), t.Variadic(), pos), Results: l.tuple(t.Results(), false, pos)}
	case *types.Struct:
		return l.structExpr(t, pos)
	case *types.Interface:
		return l.interfaceExpr(t, pos)
	}
	l.report(pos, "a variable cannot have the type %s", t)
	return ast.NewIdent("any")
}

func (l *lowering) namedExpr(t *types.Named, pos token.Pos) ast.Expr {
	obj := t.Obj()
	var x ast.Expr = ast.NewIdent(obj.Name())
	switch {
	case obj.Pkg() == nil: // error
	case obj.Pkg().Path() == "main":
		if name, ok := l.names[obj]; ok {
			x = ast.NewIdent(name)
		} else if name, ok := l.types[obj]; ok { // redefined since, while values of it live on
			x = ast.NewIdent(name)
		} else {
			l.report(pos, "the type %s is declared inside a function: declare it at the top of a cell", obj.Name())
		}
	case !obj.Exported():
		l.report(pos, "the type %s.%s cannot be named here: do not keep the value in a variable of the notebook", obj.Pkg().Name(), obj.Name())
	case allowed()[obj.Pkg().Path()] == nil:
		l.report(pos, "the type %s of package %s is not available in a cell", obj.Name(), obj.Pkg().Path())
	default:
		x = &ast.SelectorExpr{X: ast.NewIdent(l.importName(obj.Pkg().Path())), Sel: ast.NewIdent(obj.Name())}
	}
	if args := t.TypeArgs(); args != nil {
		var list []ast.Expr
		for arg := range args.Types() {
			list = append(list, l.typeExpr(arg, pos))
		}
		return &ast.IndexListExpr{X: x, Indices: list}
	}
	return x
}

func (l *lowering) tuple(t *types.Tuple, variadic bool, pos token.Pos) *ast.FieldList {
	list := &ast.FieldList{}
	for i := range t.Len() {
		typ := l.typeExpr(t.At(i).Type(), pos)
		if a, ok := typ.(*ast.ArrayType); ok && variadic && i == t.Len()-1 {
			typ = &ast.Ellipsis{Elt: a.Elt}
		}
		list.List = append(list.List, &ast.Field{Type: typ})
	}
	return list
}

func (l *lowering) structExpr(t *types.Struct, pos token.Pos) ast.Expr {
	list := &ast.FieldList{}
	for i := range t.NumFields() {
		f := t.Field(i)
		field := &ast.Field{Type: l.typeExpr(f.Type(), pos)}
		if !f.Embedded() {
			field.Names = []*ast.Ident{ast.NewIdent(f.Name())}
		}
		if tag := t.Tag(i); tag != "" {
			field.Tag = &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(tag)}
		}
		list.List = append(list.List, field)
	}
	return &ast.StructType{Fields: list}
}

func (l *lowering) interfaceExpr(t *types.Interface, pos token.Pos) ast.Expr {
	list := &ast.FieldList{}
	for i := range t.NumExplicitMethods() {
		m := t.ExplicitMethod(i)
		list.List = append(list.List, &ast.Field{Names: []*ast.Ident{ast.NewIdent(m.Name())}, Type: l.typeExpr(m.Signature(), pos)})
	}
	for i := range t.NumEmbeddeds() {
		list.List = append(list.List, &ast.Field{Type: l.typeExpr(t.EmbeddedType(i), pos)})
	}
	return &ast.InterfaceType{Methods: list}
}
