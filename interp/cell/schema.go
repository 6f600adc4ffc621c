package cell

import (
	"cmp"
	"go/ast"
	"go/constant"
	"go/types"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// checkNames reports strings that name no table, field or unit of the repository, or
// no label of a category, as far as they are known.
// A field is looked for in every table: which one is meant is known when the plan
// is built, and said then.
func (k *checking) checkNames(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return true
	}
	sig, ok := k.info.TypeOf(call.Fun).(*types.Signature)
	if !ok {
		return true
	}
	for i, arg := range call.Args {
		if i >= sig.Params().Len() && !sig.Variadic() {
			break
		}
		param := sig.Params().At(min(i, sig.Params().Len()-1)).Type()
		if kind := aliasName(param); kind != "" {
			for _, x := range constants(arg) {
				k.checkName(call, kind, x)
			}
		}
	}
	return true
}

// constants is the expressions of an argument that are names: itself, or the keys of a map.
func constants(arg ast.Expr) []ast.Expr {
	lit, ok := ast.Unparen(arg).(*ast.CompositeLit)
	if !ok {
		return []ast.Expr{arg}
	}
	var out []ast.Expr
	for _, e := range lit.Elts {
		if pair, ok := e.(*ast.KeyValueExpr); ok {
			out = append(out, pair.Key)
		} else {
			out = append(out, e)
		}
	}
	return out
}

func (k *checking) checkName(call *ast.CallExpr, kind string, x ast.Expr) {
	name, ok := k.text(x)
	if !ok {
		return
	}
	switch kind {
	case "TableName":
		k.oneOf(x, name, "the repository has no table", k.tables())
	case "FieldName":
		k.oneOf(x, name, "the repository has no field", k.fieldNames())
	case "UCUM":
		if name != "" {
			k.oneOf(x, name, "the repository's vocabulary has no unit (of UCUM)", k.vocabulary.Units)
		}
	case "Label":
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || sel.Sel.Name == "OrElse" || conceptLabel.MatchString(name) { // OrElse may give a new one
			return
		}
		k.checkLabel(x, name, k.labelled(sel))
	}
}

// labelled is the labels that the arguments of a call of the method are of.
func (k *checking) labelled(method *ast.SelectorExpr) *labels {
	if k.function(method.Sel) == "Answered" {
		return &labels{of: "Answer"}
	}
	return k.labelsOf(method.X, 0)
}

func (k *checking) checkLabel(x ast.Expr, name string, l *labels) {
	switch {
	case l == nil || !slices.Contains(l.without, name) && k.vocabulary.known(l.of, name):
	case l.of == "Concept" && k.vocabulary.Concept != nil && !slices.Contains(l.more, name):
		k.report(x.Pos(), "no concept of the repository's vocabulary has the name %q", name)
	default:
		k.oneOf(x, name, "this category has no label", k.possible(l))
	}
}

// conceptLabel is how a concept without a name is labelled.
var conceptLabel = regexp.MustCompile(`^concept \d+$`)

func (k *checking) oneOf(x ast.Expr, name, complaint string, names []string) {
	if len(names) > 0 && !slices.Contains(names, name) {
		k.report(x.Pos(), "%s %q%s", complaint, name, nearest(name, names))
	}
}

// text is the value of a string constant.
func (k *checking) text(x ast.Expr) (string, bool) {
	v := k.info.Types[x].Value
	if v == nil || v.Kind() != constant.String {
		return "", false
	}
	return constant.StringVal(v), true
}

// aliasName is the name of one of the vocabulary's aliases of string, which t is, or
// is a list or the keys of.
func aliasName(t types.Type) string {
	switch t := t.(type) {
	case *types.Slice:
		return aliasName(t.Elem())
	case *types.Map:
		return aliasName(t.Key())
	}
	a, ok := t.(*types.Alias)
	if !ok || a.Obj().Pkg() == nil || a.Obj().Pkg().Path() != vocabularyPath {
		return ""
	}
	return a.Obj().Name()
}

func (k *checking) tables() (out []string) {
	if k.schema == nil {
		return nil
	}
	for _, t := range k.schema.Tables {
		out = append(out, t.Name)
	}
	return out
}

func (k *checking) fieldNames() (out []string) {
	if k.schema == nil {
		return nil
	}
	for _, t := range k.schema.Tables {
		for _, f := range t.Fields {
			out = append(out, f.Name)
		}
	}
	return out
}

// nearest proposes up to three names that are a few slips away.
func nearest(name string, names []string) string {
	type candidate struct {
		name string
		d    int
	}
	var near []candidate
	for _, n := range names {
		d := distance(strings.ToLower(name), strings.ToLower(n))
		if d <= max(2, len(name)/4) {
			near = append(near, candidate{strconv.Quote(n), d})
		}
	}
	slices.SortFunc(near, func(a, b candidate) int { return cmp.Or(cmp.Compare(a.d, b.d), cmp.Compare(a.name, b.name)) })
	near = slices.CompactFunc(near, func(a, b candidate) bool { return a.name == b.name })
	var out []string
	for _, c := range near[:min(len(near), 3)] {
		out = append(out, c.name)
	}
	if len(out) == 0 {
		return ""
	}
	return "; did you mean " + strings.Join(out, " or ") + "?"
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
