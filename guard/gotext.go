package guard

import (
	"go/token"
	"slices"
	"strconv"
	"strings"

	"weir/datasets/plan"
)

// goText writes parts of a plan as the Go of a notebook whose repository is cdr. A
// column that the analyst named is written by its name: a notebook calls a column
// as its variable is called.
type goText struct {
	owner map[string]plan.ID // by name; the zero ID where two plans have it
}

func newGoText(whole *plan.Node) goText {
	g := goText{map[string]plan.ID{}}
	whole.Walk(func(n *plan.Node) {
		name := ownName(n)
		if name == "" {
			return
		}
		if id, ok := g.owner[name]; ok && id != n.ID() {
			g.owner[name] = plan.ID{}
			return
		}
		g.owner[name] = n.ID()
	})
	return g
}

// write is an expression for the plan.
func (g goText) write(n *plan.Node) string {
	if name := ownName(n); name != "" && g.owner[name] == n.ID() {
		return name
	}
	return g.spell(n)
}

// spell is an expression for the plan that does not use its own name.
func (g goText) spell(n *plan.Node) string {
	var on string
	switch {
	case n.Recv() != nil:
		on = g.write(n.Recv())
	case slices.Contains(functions, n.Op()):
		on = "ds"
	default:
		on = "cdr"
	}
	return on + "." + n.Op() + "(" + g.arguments(n) + ")"
}

func (g goText) arguments(n *plan.Node) string {
	var out []string
	for _, a := range n.Args() {
		out = append(out, g.argument(a))
	}
	switch {
	case n.Op() == "Recode":
		return "map[ds.Label]string{" + pairs(out) + "}"
	case n.Op() == "Scores":
		return "map[ds.Label]float64{" + pairs(out) + "}"
	}
	return strings.Join(out, ", ")
}

func (g goText) argument(a plan.Arg) string {
	switch a := a.(type) {
	case *plan.Node:
		return g.write(a)
	case string:
		return strconv.Quote(a)
	case int64:
		return strconv.FormatInt(a, 10)
	case float64:
		return strconv.FormatFloat(a, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(a)
	}
	panic("an argument that the grammar does not have")
}

func pairs(texts []string) string {
	var out []string
	for i := 0; i+1 < len(texts); i += 2 {
		out = append(out, texts[i]+": "+texts[i+1])
	}
	return strings.Join(out, ", ")
}

// functions are the roots that are functions of package datasets; the others are
// the repository's.
var functions = []string{"Day", "Days", "Months", "Years", "Since", "Field", "AllOf", "AnyOf", "NoneOf", "AtLeastOf", "If", "When",
	"Earliest", "Latest", "SumOf", "LargestOf", "SmallestOf", "Which", "Sequence", "TimeTo"}

// variables are the kinds that a notebook names after their variables.
var variables = []plan.Kind{"Number", "Bool", "Category", "Date", "Event", "Events", "Split", "Concepts"}

// ownName is the name of a variable that holds the plan, as far as can be told: not
// one that an operation gives to all of its results or passes on.
func ownName(n *plan.Node) string {
	name := n.Label()
	switch {
	case !token.IsIdentifier(name) || !slices.Contains(variables, n.Kind()):
	case n.Recv() != nil && n.Recv().Label() == name:
	case slices.Contains(given[n.Op()], name):
	case (n.Op() == "Each" || n.Op() == "Number" || n.Op() == "Category") && len(n.Args()) > 0 && n.Text(0) == name:
	default:
		return name
	}
	return ""
}

// given are the names that package datasets gives to what an operation makes, where
// a variable could be called so too.
var given = map[string][]string{
	"Race": {"race"}, "Ethnicity": {"ethnicity"}, "State": {"state"}, "Birth": {"birth"}, "Death": {"death"},
	"Age": {"age"}, "AgeAt": {"age"}, "Observed": {"observed"}, "Which": {"cohort"}, "Path": {"path"},
	"Year": {"year"}, "Month": {"month"}, "Weekday": {"weekday"},
	"Days": {"day"}, "Months": {"month"}, "Years": {"year"}, "Since": {"period"},
	"Concept": {"concept"}, "Unit": {"unit"}, "Source": {"source"}, "Answer": {"answer"},
	"EachConcept": {"concept"}, "EachUnit": {"unit"}, "EachSource": {"source"}, "EachModule": {"module"},
}
