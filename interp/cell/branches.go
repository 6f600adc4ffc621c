package cell

import (
	"go/ast"
	"go/token"
)

// maxBranches is how many branches a function may have, and all functions of a cell
// squared and summed: go/ssa finds which dominate which in a time and in room that grow
// with the square. Where branches meet it keeps each variable apart, too, which takes
// variableCost times as much. maxDepth is how deep the syntax may nest, as in x+x+x or
// else if: to ask where an operand begins is to go all the way down, and everybody asks.
const (
	maxBranches  = 4_000
	variableCost = 40
	maxDepth     = 5_000
)

// branches reports the first function that has too many, or what nests too deep.
func (k *checking) branches() {
	b := &branching{checking: k}
	for _, f := range []*ast.File{k.decls, k.body} {
		if f != nil {
			for _, d := range f.Decls {
				b.function(d)
			}
		}
	}
}

type branching struct {
	*checking
	spent int
	depth int
}

// function counts the branches of a function, or of what a declaration holds, and
// those of the function literals in it.
func (b *branching) function(f ast.Node) {
	branches, variables := 0, 0
	ast.Inspect(f, func(n ast.Node) bool {
		if n == nil {
			b.depth--
			return true
		}
		if b.depth == maxDepth && !b.oversized {
			b.oversized = true
			b.report(n.Pos(), "this nests deeper than %d: use variables for parts of it, or a switch for else if", maxDepth)
		}
		if l, ok := n.(*ast.FuncLit); ok && n != f {
			b.function(l)
			return false
		}
		b.depth++
		switch n := n.(type) {
		case *ast.IfStmt, *ast.ForStmt, *ast.CommClause, *ast.LabeledStmt:
			branches++
		case *ast.RangeStmt:
			branches, variables = branches+1, variables+2
		case *ast.CaseClause:
			branches += max(1, len(n.List))
		case *ast.BinaryExpr:
			if n.Op == token.LAND || n.Op == token.LOR {
				branches++
			}
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				variables += len(n.Lhs)
			}
		case *ast.ValueSpec:
			variables += len(n.Names)
		case *ast.Field:
			variables += len(n.Names)
		}
		return true
	})
	b.spent = bounded(b.spent + bounded(branches*bounded(branches+variableCost*variables)))
	if b.spent > maxBranches*maxBranches && !b.oversized {
		b.oversized = true
		at := f.Pos()
		if f == ast.Node(b.main) && len(b.main.Body.List) > 0 {
			at = b.main.Body.List[0].Pos()
		}
		b.report(at, "too many branches: this function has %d (conditions, cases, loops, labels) and %d variables; look values up in a map, or split it", branches, variables)
	}
}
