package exec

import (
	"fmt"
	"go/types"
	"strconv"
	"strings"
)

// typeString writes a type as reflect.Type.String does: packages by their names,
// except inside type arguments, where they are paths.
func typeString(t types.Type) string { return typeName(t, (*types.Package).Name) }

func typeName(t types.Type, pkg func(*types.Package) string) string {
	of := func(t types.Type) string { return typeName(t, pkg) }
	switch t := types.Unalias(t).(type) {
	case *types.Basic:
		switch t.Kind() {
		case types.Byte:
			return "uint8"
		case types.Rune:
			return "int32"
		}
		return t.Name()
	case *types.Named:
		return namedName(t, pkg)
	case *types.Pointer:
		return "*" + of(t.Elem())
	case *types.Slice:
		return "[]" + of(t.Elem())
	case *types.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), of(t.Elem()))
	case *types.Map:
		return "map[" + of(t.Key()) + "]" + of(t.Elem())
	case *types.Chan:
		return chanName(t, of)
	case *types.Signature:
		return "func" + signatureName(t, of)
	case *types.Struct:
		return structName(t, of)
	case *types.Interface:
		return interfaceName(t, of)
	}
	return t.String()
}

func namedName(t *types.Named, pkg func(*types.Package) string) string {
	name := t.Obj().Name()
	if p := t.Obj().Pkg(); p != nil {
		name = pkg(p) + "." + name
	}
	var args []string
	for a := range t.TypeArgs().Types() {
		args = append(args, typeName(a, (*types.Package).Path))
	}
	if len(args) > 0 {
		name += "[" + strings.Join(args, ",") + "]"
	}
	return name
}

func chanName(t *types.Chan, of func(types.Type) string) string {
	elem := of(t.Elem())
	switch t.Dir() {
	case types.SendOnly:
		return "chan<- " + elem
	case types.RecvOnly:
		return "<-chan " + elem
	}
	if strings.HasPrefix(elem, "<-") {
		return "chan (" + elem + ")"
	}
	return "chan " + elem
}

func signatureName(t *types.Signature, of func(types.Type) string) string {
	var in, out []string
	for i := range t.Params().Len() {
		s := of(t.Params().At(i).Type())
		if t.Variadic() && i == t.Params().Len()-1 {
			s = "..." + strings.TrimPrefix(s, "[]")
		}
		in = append(in, s)
	}
	for v := range t.Results().Variables() {
		out = append(out, of(v.Type()))
	}
	s := "(" + strings.Join(in, ", ") + ")"
	switch len(out) {
	case 0:
		return s
	case 1:
		return s + " " + out[0]
	}
	return s + " (" + strings.Join(out, ", ") + ")"
}

func structName(t *types.Struct, of func(types.Type) string) string {
	var fields []string
	for i := range t.NumFields() {
		f := t.Field(i)
		s := of(f.Type())
		if !f.Embedded() {
			s = f.Name() + " " + s
		}
		if tag := t.Tag(i); tag != "" {
			s += " " + strconv.Quote(tag)
		}
		fields = append(fields, s)
	}
	if len(fields) == 0 {
		return "struct {}"
	}
	return "struct { " + strings.Join(fields, "; ") + " }"
}

func interfaceName(t *types.Interface, of func(types.Type) string) string {
	var methods []string
	for i := range t.NumMethods() {
		m := t.Method(i)
		name := m.Name()
		if !m.Exported() {
			name = m.Pkg().Name() + "." + name
		}
		methods = append(methods, name+signatureName(m.Signature(), of))
	}
	if len(methods) == 0 {
		return "interface {}"
	}
	return "interface { " + strings.Join(methods, "; ") + " }"
}
