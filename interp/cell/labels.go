package cell

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"time"
)

// Names is what the repository's vocabulary, which is public, has for strings of cells.
type Names struct {
	Units   []string               // UCUM codes
	Labels  map[string][]string    // that a category may have, by the repository's method that gives it: "SexAtBirth"
	Concept func(name string) bool // whether any concept has the name: it may be a label too
	Answer  func(name string) bool // whether any concept is labelled so as an answer
}

// known says whether the vocabulary has a concept that a category of the repository,
// or of events, labels so.
func (n Names) known(of, name string) bool {
	if of == "Answer" {
		return n.Answer != nil && n.Answer(name)
	}
	return of != "" && n.Concept != nil && n.Concept(name)
}

// labels are those that a category can have: of the repository's or the event's method
// that it comes from, if any, but without some, and more. The repository may become known
// by the very cell that defines the category.
type labels struct {
	of            string
	without, more []string
}

// possible is the labels, or nil while they are not known.
func (c *Compiler) possible(l *labels) []string {
	if l == nil || l.of != "" && c.vocabulary.Labels[l.of] == nil {
		return nil
	}
	all := slices.DeleteFunc(slices.Clone(c.vocabulary.Labels[l.of]), func(s string) bool { return slices.Contains(l.without, s) })
	return append(all, l.more...)
}

// KnowNames tells the compiler the repository's names: units and labels are checked
// and completed from then on.
func (c *Compiler) KnowNames(n Names) { c.vocabulary = n }

// labelsOf is the labels that a category can have, or nil where the cell's text does
// not say: which concepts an event has is no cell's to know.
func (k *checking) labelsOf(x ast.Expr, depth int) *labels {
	if depth > 20 || vocabularyType(k.info.TypeOf(x)) != "Category" {
		return nil
	}
	switch x := ast.Unparen(x).(type) {
	case *ast.Ident:
		return k.labelsOfVariable(x, depth)
	case *ast.CallExpr:
		if sel, ok := x.Fun.(*ast.SelectorExpr); ok {
			return k.labelsOfCall(sel, x.Args, depth)
		}
	}
	return nil
}

// labelsOfVariable looks at what defines a variable of the top level, if nothing
// else is ever assigned to it.
func (k *checking) labelsOfVariable(id *ast.Ident, depth int) *labels {
	obj := k.info.Uses[id]
	if obj == nil || k.reassigned[id.Name] || k.assigns(id.Name) {
		return nil
	}
	if g := k.live[id.Name]; g != nil && g.object == obj {
		return g.labels
	}
	if x := k.definition(obj); x != nil {
		return k.labelsOf(x, depth+1)
	}
	return nil
}

// definition is the expression that a statement of the cell's top level defines a variable by.
func (k *checking) definition(obj types.Object) ast.Expr {
	if k.body == nil {
		return nil
	}
	for _, s := range k.main.Body.List {
		a, ok := s.(*ast.AssignStmt)
		if !ok || a.Tok != token.DEFINE || len(a.Lhs) != len(a.Rhs) {
			continue
		}
		for i, x := range a.Lhs {
			if id, ok := x.(*ast.Ident); ok && k.info.Defs[id] == obj {
				return a.Rhs[i]
			}
		}
	}
	return nil
}

// assigns says whether the cell assigns to a variable of the name, or takes its address.
func (k *checking) assigns(name string) (found bool) {
	is := func(x ast.Expr) bool {
		id, ok := ast.Unparen(x).(*ast.Ident)
		return ok && id.Name == name
	}
	for _, f := range k.files(false) {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				found = found || n.Tok != token.DEFINE && slices.ContainsFunc(n.Lhs, is)
			case *ast.UnaryExpr:
				found = found || n.Op == token.AND && is(n.X)
			case *ast.RangeStmt:
				found = found || n.Tok == token.ASSIGN && (n.Key != nil && is(n.Key) || n.Value != nil && is(n.Value))
			}
			return !found
		})
	}
	return found
}

func (k *checking) labelsOfCall(sel *ast.SelectorExpr, args []ast.Expr, depth int) *labels {
	switch of := vocabularyType(k.info.TypeOf(sel.X)); {
	case of == "Repository", of == "Event" && slices.Contains([]string{"Answer", "Concept", "Unit"}, sel.Sel.Name):
		return &labels{of: sel.Sel.Name}
	case of == "Cases":
		if cases, last := k.caseLabels(sel.X), k.texts(args); cases != nil && len(last) == len(args) {
			return &labels{more: append(cases, last...)}
		}
		return nil
	case of == "Bool" && sel.Sel.Name == "Labels":
		return &labels{more: k.texts(args)}
	case of == "Date" && sel.Sel.Name == "Month":
		return &labels{more: months}
	case of == "Date" && sel.Sel.Name == "Weekday":
		return &labels{more: weekdays}
	case of != "Category":
		return nil
	}
	base := k.labelsOf(sel.X, depth+1)
	texts := k.texts(args)
	switch {
	case base == nil:
		return nil
	case sel.Sel.Name == "As" || sel.Sel.Name == "Order":
		return base
	case sel.Sel.Name == "OrElse" && texts != nil:
		return &labels{base.of, base.without, append(slices.Clone(base.more), texts...)}
	case sel.Sel.Name == "Collapse" && texts != nil:
		return base.renamed(texts[1:], texts[:1])
	case sel.Sel.Name == "Recode":
		if from, to := k.pairs(args); from != nil {
			return base.renamed(from, to)
		}
	}
	return nil
}

// renamed is the labels with others for some.
func (l *labels) renamed(from, to []string) *labels {
	kept := slices.DeleteFunc(slices.Clone(l.more), func(s string) bool { return slices.Contains(from, s) })
	return &labels{l.of, append(slices.Clone(l.without), from...), append(kept, to...)}
}

// pairs is the keys and values of a literal of a map, or nil when one is no constant.
func (k *checking) pairs(args []ast.Expr) (keys, values []string) {
	lit, ok := ast.Unparen(args[0]).(*ast.CompositeLit)
	if !ok {
		return nil, nil
	}
	for _, e := range lit.Elts {
		pair := k.texts([]ast.Expr{e.(*ast.KeyValueExpr).Key, e.(*ast.KeyValueExpr).Value})
		if pair == nil {
			return nil, nil
		}
		keys, values = append(keys, pair[0]), append(values, pair[1])
	}
	return keys, values
}

// caseLabels is what a chain When(…, label).When(…, label) gives, or nil.
func (k *checking) caseLabels(x ast.Expr) []string {
	call, ok := ast.Unparen(x).(*ast.CallExpr)
	if !ok || len(call.Args) != 2 {
		return nil
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || k.function(sel.Sel) != "When" {
		return nil
	}
	label := k.texts(call.Args[1:])
	if label == nil || vocabularyType(k.info.TypeOf(sel.X)) != "Cases" {
		return label
	}
	if before := k.caseLabels(sel.X); before != nil {
		return append(before, label...)
	}
	return nil
}

// function is the name of a function or method of the vocabulary, or "".
func (k *checking) function(id *ast.Ident) string {
	if f, ok := k.info.Uses[id].(*types.Func); ok && f.Pkg() != nil && f.Pkg().Path() == vocabularyPath {
		return f.Name()
	}
	return ""
}

// texts is the values of string constants, or nil when one is none.
func (k *checking) texts(args []ast.Expr) (out []string) {
	for _, x := range args {
		s, ok := k.text(x)
		if !ok {
			return nil
		}
		out = append(out, s)
	}
	return out
}

var months = func() (out []string) {
	for m := time.January; m <= time.December; m++ {
		out = append(out, m.String())
	}
	return out
}()

var weekdays = func() (out []string) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		out = append(out, d.String())
	}
	return out
}()

// noteLabels keeps what is known of the categories that the cell defines, and which
// variables it assigns to.
func (l *lowering) noteLabels() {
	l.labels = map[string]*labels{}
	for _, id := range l.tops {
		obj := l.info.Defs[id]
		if obj == nil || vocabularyType(obj.Type()) != "Category" {
			continue
		}
		if l.assigns(id.Name) {
			l.assigned = append(l.assigned, id.Name)
		} else if x := l.definition(obj); x != nil {
			l.labels[id.Name] = l.labelsOf(x, 0)
		}
	}
	for name, g := range l.live {
		if vocabularyType(g.object.Type()) == "Category" && l.assigns(name) {
			l.assigned = append(l.assigned, name)
		}
	}
}
