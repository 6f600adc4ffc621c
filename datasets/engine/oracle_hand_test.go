package engine_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/datasets/tally"
)

// parse reads a plan as Node.String writes it; As names a step.
func parse(text string) (*plan.Node, error) {
	e, err := parser.ParseExpr(text)
	if err != nil {
		return nil, err
	}
	a, err := argument(e)
	if err != nil {
		return nil, err
	}
	n, ok := a.(*plan.Node)
	if !ok {
		return nil, fmt.Errorf("%s is no plan", text)
	}
	return n, nil
}

func argument(e ast.Expr) (plan.Arg, error) {
	switch e := e.(type) {
	case *ast.BasicLit:
		switch e.Kind {
		case token.STRING:
			return strconv.Unquote(e.Value)
		case token.INT:
			return strconv.ParseInt(e.Value, 10, 64)
		case token.FLOAT:
			return strconv.ParseFloat(e.Value, 64)
		}
	case *ast.UnaryExpr:
		switch x, err := argument(e.X); x := x.(type) {
		case int64:
			return -x, err
		case float64:
			return -x, err
		}
	case *ast.Ident:
		if e.Name == "true" || e.Name == "false" {
			return e.Name == "true", nil
		}
	case *ast.CallExpr:
		return step(e)
	}
	return nil, fmt.Errorf("a %T in a plan", e)
}

func step(e *ast.CallExpr) (plan.Arg, error) {
	var args []plan.Arg
	for _, x := range e.Args {
		a, err := argument(x)
		if err != nil {
			return nil, err
		}
		args = append(args, a)
	}
	switch f := e.Fun.(type) {
	case *ast.Ident:
		return plan.Root(f.Name, args...)
	case *ast.SelectorExpr:
		recv, err := argument(f.X)
		if err != nil {
			return nil, err
		}
		n, ok := recv.(*plan.Node)
		if !ok {
			return nil, fmt.Errorf("%s of no plan", f.Sel.Name)
		}
		if f.Sel.Name == "As" {
			return n.As(args[0].(string))
		}
		return n.Then(f.Sel.Name, args...)
	}
	return nil, fmt.Errorf("a call of a %T", e.Fun)
}

// TestPlansAreRead: every plan that is printed can be run again.
func TestPlansAreRead(t *testing.T) {
	dir := planted(t, 500, 1)
	r, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	plan.For(r.Schema(store.Threshold))
	defer plan.For(nil)
	c := explore(t, r)
	for i := range uint64(300) {
		n := c.grow(3, i)
		m, err := parse(n.String())
		if err != nil || m.ID() != n.ID() {
			t.Fatalf("%v\n%s\n%s", err, n, m)
		}
	}
}

// TestByHand compares the engine and DuckDB with answers that were worked out by
// hand, in testdata/oracle.txt, which says how it is written.
func TestByHand(t *testing.T) {
	text, err := os.ReadFile("testdata/oracle.txt")
	if err != nil {
		t.Fatal(err)
	}
	rows, cases, _ := strings.Cut(string(text), "\n==\n")
	x := openTrial(t, "by hand", written(t, rows), 8)
	for c := range strings.SplitSeq(cases, "\n\n") {
		lines := strings.Split(strings.TrimSpace(c), "\n")
		lines = slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, "#") })
		if len(lines) == 0 || lines[0] == "" {
			continue
		}
		n, err := parse(lines[0])
		if err != nil {
			t.Errorf("%s: %v", lines[0], err)
			continue
		}
		want := strings.Join(lines[1:], "\n")
		theirs := x.outsider.ask(n)
		if got := theirs.Error + theirs.Skip + shownGroups(n, theirs.Groups); got != want {
			t.Errorf("%s\nDuckDB says\n%s\nby hand it is\n%s", lines[0], got, want)
		}
		table, err := x.engine.Tabulate(t.Context(), n)
		if err != nil {
			t.Errorf("%s\nthe engine refuses: %v", lines[0], err)
			continue
		}
		if got := shownGroups(n, fromTally(table)); got != want {
			t.Errorf("%s\nthe engine says\n%s\nby hand it is\n%s", lines[0], got, want)
		}
	}
}

// written is a repository of the rows of a text, and of the planted vocabulary.
func written(t testing.TB, text string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "written")
	b, err := store.Create(dir, store.Manifest{Name: "written", CDR: "1", Tier: plan.Controlled, CutOff: "2022-07-01", Participants: 8, Source: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	s := &soil{r: rand.New(rand.NewPCG(1, 1)), tables: map[string]*bed{}}
	for line := range strings.SplitSeq(strings.TrimSpace(beds), "\n") {
		s.prepare(line)
	}
	for line := range strings.Lines(text) {
		if words := strings.Fields(line); len(words) > 1 && !strings.HasPrefix(line, "#") {
			s.read(t, words)
		}
	}
	s.vocabulary()
	for _, name := range s.names {
		bed := s.tables[name]
		if bed.people {
			day := max(1, slices.IndexFunc(bed.fields, func(f store.Field) bool { return f.Type == store.Date }))
			slices.SortStableFunc(bed.rows, func(x, y []float64) int {
				if x[0] != y[0] {
					return int(x[0] - y[0])
				}
				return int(x[day] - y[day])
			})
		}
		bed.write(t, b)
	}
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// read adds a row: TABLE PARTICIPANT FIELD=VALUE …, each field by any part of its name.
func (s *soil) read(t testing.TB, words []string) {
	t.Helper()
	b := s.tables[words[0]]
	row := slices.Repeat([]float64{none}, len(b.fields))
	p, err := strconv.Atoi(words[1])
	if err != nil {
		t.Fatal(err)
	}
	row[0] = float64(p)
	for _, w := range words[2:] {
		name, value, _ := strings.Cut(w, "=")
		i := slices.IndexFunc(b.fields, func(f store.Field) bool { return strings.Contains(f.Name, name) })
		if i < 0 {
			t.Fatalf("%s has no field like %s", words[0], name)
		}
		switch b.fields[i].Type {
		case store.Date:
			d, err := time.Parse(time.DateOnly, value)
			if err != nil {
				t.Fatal(err)
			}
			row[i] = float64(d.Unix() / 86400)
		case store.Label:
			row[i] = b.label(b.fields[i].Name, value)
		default:
			if row[i], err = strconv.ParseFloat(value, 64); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.add(row...)
}

// shownGroups writes groups as testdata/oracle.txt does.
func shownGroups(n *plan.Node, groups []group) string {
	var lines []string
	for _, g := range groups {
		line := fmt.Sprintf("%s = %d", strings.Join(g.Labels, ", "), g.All[0])
		if g.Rows != int64(g.All[0]) && n.Op() != "Rate" {
			line += fmt.Sprintf(" of %d rows", g.Rows)
		}
		for i, s := range n.Nodes(0) {
			if i < len(g.Values) && n.Op() != "Crosstab" {
				line += " | " + shownValue(s, g.Values[i])
			}
		}
		if g.All[0] > 0 || n.Op() == "Attrition" {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	if n.Op() != "Attrition" {
		slices.Sort(lines)
	}
	return strings.Join(lines, "\n")
}

func shownValue(s *plan.Node, v numbers) string {
	known := float64(v.Known[0])
	short := func(x float64) string { return strconv.FormatFloat(x+0, 'g', 6, 64) }
	switch s.Op() {
	case "Count", "Proportion":
		return fmt.Sprintf("%d/%d", v.True[0], v.Known[0])
	case "TimeTo", "From", "CensoredAt", "Within":
		return fmt.Sprintf("%d events of %d in %s days", v.True[0], v.Known[0], short(v.Sum))
	case "Shares":
		var parts []string
		for l, p := range v.Parts {
			if p[0] > 0 {
				parts = append(parts, fmt.Sprintf("%s %d", l, p[0]))
			}
		}
		slices.Sort(parts)
		return strings.Join(parts, ", ")
	}
	if known == 0 {
		return "-"
	}
	text := ""
	switch s.Op() {
	case "Mean":
		text = short(v.Sum / known)
	case "Sum":
		text = short(v.Sum)
	case "SD":
		text = short(math.Sqrt(v.Squares / (known - 1)))
	case "Median":
		text = at(v, 0.5)
	case "Quantile":
		text = at(v, s.Float(0))
	case "Quartiles":
		text = strings.Join([]string{at(v, 0.25), at(v, 0.5), at(v, 0.75)}, " ")
	case "Box":
		text = strings.Join([]string{at(v, 0.05), at(v, 0.25), at(v, 0.5), at(v, 0.75), at(v, 0.95)}, " ")
	}
	return fmt.Sprintf("%s of %d", text, v.Known[0])
}

func at(v numbers, p float64) string {
	for _, q := range v.Quantiles {
		if q[0] == p {
			return strconv.FormatFloat(q[1], 'g', 6, 64)
		}
	}
	return "?"
}

// fromTally is a table in the form of the outsider's answers.
func fromTally(t *tally.Table) (out []group) {
	three := func(s tally.Set) set { return set{uint64(s.Participants), s.Print[0], s.Print[1]} }
	for _, g := range t.Groups {
		to := group{Labels: g.Labels, All: three(g.All), Rows: g.All.Rows}
		if t.Keys == nil && len(g.Labels) == 1 { // a step of an attrition
			to.Labels = nil
		}
		for _, v := range g.Values {
			n := numbers{Known: three(v.Known), True: three(v.True), Sum: v.Sum, Squares: v.Squares, Parts: map[string]set{}}
			for i, l := range v.Labels {
				n.Parts[l] = three(v.Parts[i])
			}
			for _, p := range []float64{0.05, 0.1, 0.25, 0.37, 0.5, 0.75, 0.95} {
				if len(v.Sorted) > 0 {
					n.Quantiles = append(n.Quantiles, [2]float64{p, quantile(v.Sorted, p)})
				}
			}
			to.Values = append(to.Values, n)
		}
		out = append(out, to)
	}
	return out
}
