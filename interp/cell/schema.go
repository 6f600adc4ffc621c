package cell

import (
	"go/ast"
	"go/constant"
	"go/types"
	"slices"
	"strings"
)

// checkNames reports strings that name no table or no field of the repository.
// A field is looked for in every table: which one is meant is known when the plan
// is built, and said then.
func (k *checking) checkNames(n ast.Node) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok || k.schema == nil {
		return true
	}
	sig, ok := k.info.TypeOf(call.Fun).(*types.Signature)
	if !ok {
		return true
	}
	for i, arg := range call.Args {
		if i >= sig.Params().Len() {
			break
		}
		tv := k.info.Types[arg]
		if tv.Value == nil || tv.Value.Kind() != constant.String {
			continue
		}
		name := constant.StringVal(tv.Value)
		switch aliasName(sig.Params().At(i).Type()) {
		case "TableName":
			if tables := k.tables(); !slices.Contains(tables, name) {
				k.report(arg.Pos(), "the repository has no table %q%s", name, nearest(name, tables))
			}
		case "FieldName":
			if fields := k.fieldNames(); !slices.Contains(fields, name) {
				k.report(arg.Pos(), "the repository has no field %q%s", name, nearest(name, fields))
			}
		}
	}
	return true
}

// aliasName is the name of one of the vocabulary's aliases of string.
func aliasName(t types.Type) string {
	a, ok := t.(*types.Alias)
	if !ok || a.Obj().Pkg() == nil || a.Obj().Pkg().Path() != vocabularyPath {
		return ""
	}
	return a.Obj().Name()
}

func (k *checking) tables() (out []string) {
	for _, t := range k.schema.Tables {
		out = append(out, t.Name)
	}
	return out
}

func (k *checking) fieldNames() (out []string) {
	for _, t := range k.schema.Tables {
		for _, f := range t.Fields {
			out = append(out, f.Name)
		}
	}
	return out
}

// nearest proposes the name that is one slip away.
func nearest(name string, names []string) string {
	best, least := "", 3
	for _, n := range names {
		if d := distance(strings.ToLower(name), n); d < least {
			best, least = n, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean \"" + best + "\"?"
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
