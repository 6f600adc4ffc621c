package cell

import (
	"fmt"
	"go/token"
	"go/types"
	"strings"
)

// Key writes a type such that identical types have equal keys, of different cells too,
// and no others; name says what a declared type of the notebook is called.
func Key(t types.Type, name func(*types.TypeName) string) string {
	w := &keyWriter{name: name}
	w.write(t)
	return w.String()
}

type keyWriter struct {
	strings.Builder
	name func(*types.TypeName) string
}

func (w *keyWriter) write(t types.Type) {
	switch t := types.Unalias(t).(type) {
	case *types.Basic:
		w.WriteString(t.Name())
	case *types.Named:
		w.named(t)
	case *types.TypeParam:
		fmt.Fprintf(w, "$%d", t.Index())
	case *types.Pointer:
		w.WriteByte('*')
		w.write(t.Elem())
	case *types.Slice:
		w.WriteString("[]")
		w.write(t.Elem())
	case *types.Array:
		fmt.Fprintf(w, "[%d]", t.Len())
		w.write(t.Elem())
	case *types.Map:
		w.WriteString("map[")
		w.write(t.Key())
		w.WriteByte(']')
		w.write(t.Elem())
	case *types.Chan:
		fmt.Fprintf(w, "chan%d ", t.Dir())
		w.write(t.Elem())
	case *types.Struct:
		w.WriteString("struct{")
		for i := range t.NumFields() {
			f := t.Field(i)
			fmt.Fprintf(w, "%s %v ", f.Id(), f.Embedded())
			w.write(f.Type())
			fmt.Fprintf(w, "%q;", t.Tag(i))
		}
		w.WriteByte('}')
	case *types.Tuple:
		w.WriteByte('(')
		for v := range t.Variables() {
			w.write(v.Type())
			w.WriteByte(',')
		}
		w.WriteByte(')')
	case *types.Signature:
		fmt.Fprintf(w, "func%v", t.Variadic())
		w.params(t.TypeParams())
		w.write(t.Params())
		w.write(t.Results())
	case *types.Interface:
		w.interfaced(t)
	case *types.Union:
		for term := range t.Terms() {
			fmt.Fprintf(w, "|%v ", term.Tilde())
			w.write(term.Type())
		}
	default:
		fmt.Fprintf(w, "%v", t)
	}
}

func (w *keyWriter) named(t *types.Named) {
	switch obj := t.Obj(); {
	case obj.Pkg() == nil:
		w.WriteString(obj.Name())
	case obj.Pkg().Path() == "main" || obj.Parent() != obj.Pkg().Scope():
		fmt.Fprintf(w, "%s.%s", obj.Pkg().Path(), w.name(obj))
	default:
		fmt.Fprintf(w, "%s.%s", obj.Pkg().Path(), obj.Name())
	}
	if t.TypeArgs().Len() == 0 {
		return
	}
	w.WriteByte('[')
	for a := range t.TypeArgs().Types() {
		w.write(a)
		w.WriteByte(',')
	}
	w.WriteByte(']')
}

// interfaced writes the methods, sorted and embedded ones too; of a constraint also
// what it embeds, which says what types there are.
func (w *keyWriter) interfaced(t *types.Interface) {
	w.WriteString("interface{")
	for m := range t.Methods() {
		w.WriteString(m.Id())
		w.write(m.Type())
		w.WriteByte(';')
	}
	for e := range t.EmbeddedTypes() {
		if !t.IsMethodSet() {
			w.write(e)
			w.WriteByte(';')
		}
	}
	w.WriteByte('}')
}

func (w *keyWriter) params(list *types.TypeParamList) {
	for p := range list.TypeParams() {
		w.WriteByte('[')
		w.write(p.Constraint())
		w.WriteByte(']')
	}
}

// key is that of a type as this check sees it: a type of an earlier cell that is not
// what its name means, or will mean, has a key of its own.
func (k *checking) key(t types.Type) string { return Key(t, k.version) }

func (k *checking) version(obj *types.TypeName) string {
	name := obj.Name()
	g := k.live[name]
	switch {
	case !notebookLevel(obj):
	case obj.Pkg() == k.pkg && k.changed[name]:
		return name + "·new"
	case obj.Pkg() == k.pkg, g != nil && g.object == types.Object(obj) && !k.changed[name] && !k.otherwise(name):
		return name
	}
	return fmt.Sprintf("%s·%p", name, obj)
}

// declaredAs is the key of what a type is declared as.
func (k *checking) declaredAs(obj types.Object) string {
	t, ok := obj.(*types.TypeName)
	if !ok {
		return ""
	}
	w := &keyWriter{name: k.version}
	switch t := t.Type().(type) {
	case *types.Alias:
		w.params(t.TypeParams())
		w.write(t)
	case *types.Named:
		w.params(t.TypeParams())
		w.write(t.Underlying())
	}
	return w.String()
}

// change finds the types that are not what they were: declared otherwise, or made of
// one that is.
func (k *checking) change() {
	k.changed = map[string]bool{}
	for grown := true; grown; {
		grown = false
		for u := range k.checked() {
			name := u.names[0]
			if u.kind != token.TYPE || k.changed[name] {
				continue
			}
			if g := k.live[name]; g == nil || k.declaredAs(g.object) != k.declaredAs(k.pkg.Scope().Lookup(name)) {
				k.changed[name], grown = true, true
			}
		}
	}
}
