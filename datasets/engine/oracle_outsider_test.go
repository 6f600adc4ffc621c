package engine_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"

	"weir/datasets/plan"
	"weir/datasets/tally"
)

// outsider is DuckDB behind a pipe: a line with a plan goes in, a line with its answer comes out.
type outsider struct {
	mu  sync.Mutex
	in  io.Writer
	out *bufio.Reader
}

// hire starts testdata/oracle.py on a repository. Without Python the test is
// skipped by name, or fails where everything is required.
func hire(t testing.TB, dir string, participants int) *outsider {
	t.Helper()
	python := os.Getenv("WEIR_PYTHON")
	if python == "" {
		if os.Getenv("WEIR_REQUIRE_ALL") != "" {
			t.Fatal("WEIR_PYTHON does not name a Python with duckdb and polars")
		}
		t.Skip("WEIR_PYTHON does not name a Python with duckdb and polars")
	}
	cmd := exec.Command(python, "testdata/oracle.py")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("oracle.py: %v", err)
		}
	})
	prints := make([]tally.Print, participants)
	for i := range prints {
		prints[i] = tally.PrintOf(int32(i))
	}
	o := &outsider{in: in, out: bufio.NewReaderSize(out, 1<<20)}
	if a := o.say(map[string]any{"open": dir, "prints": prints}); a.Error != "" {
		t.Fatal(a.Error)
	}
	return o
}

// answer is what the outsider says to a plan.
type answer struct {
	Groups []group `json:"groups"`
	SQL    string  `json:"sql"`
	Skip   string  `json:"skip"`  // the comments allow two answers
	Error  string  `json:"error"` // the translation is wrong
}

type group struct {
	Labels []string  `json:"labels"`
	All    set       `json:"all"`
	Rows   int64     `json:"rows"`
	Values []numbers `json:"values"`
}

// set is participants and the two halves of their print.
type set [3]uint64

type numbers struct {
	Known     set            `json:"known"`
	True      set            `json:"true"`
	Sum       float64        `json:"sum"`
	Scale     float64        `json:"scale"` // sum of absolute values
	Squares   float64        `json:"squares"`
	Largest   []float64      `json:"largest"`
	Quantiles [][2]float64   `json:"quantiles"`
	Parts     map[string]set `json:"parts"`
}

func (o *outsider) ask(n *plan.Node) answer {
	var kinds []plan.Kind
	var names []string
	n.Walk(func(m *plan.Node) { kinds, names = append(kinds, m.Kind()), append(names, m.Name()) })
	return o.say(map[string]any{"plan": json.RawMessage(plan.Encode(n)), "kinds": kinds, "names": names})
}

func (o *outsider) say(v any) (a answer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	b, err := json.Marshal(v)
	if err == nil {
		_, err = o.in.Write(append(b, '\n'))
	}
	var line []byte
	if err == nil {
		line, err = o.out.ReadBytes('\n')
	}
	if err == nil {
		err = json.Unmarshal(line, &a)
	}
	if err != nil {
		a.Error = err.Error()
	}
	return a
}

// differences says where a table is not what the outsider found. A group of no
// one may be there or not.
func differences(n *plan.Node, got *tally.Table, want answer) (out []string) {
	if n.Op() == "Attrition" {
		return steps(got, want)
	}
	mine := map[string]*tally.Group{}
	for i := range got.Groups {
		g := &got.Groups[i]
		key := strings.Join(g.Labels, " | ")
		if mine[key] != nil {
			out = append(out, fmt.Sprintf("[%s] is there twice", key))
		}
		mine[key] = g
	}
	for i := range want.Groups {
		w := &want.Groups[i]
		key := strings.Join(w.Labels, " | ")
		g := mine[key]
		delete(mine, key)
		switch {
		case g == nil && w.All[0] > 0:
			out = append(out, fmt.Sprintf("[%s] is not there; DuckDB has %d participants", key, w.All[0]))
		case g != nil:
			for _, d := range compareGroup(n, g, w) {
				out = append(out, fmt.Sprintf("[%s] %s", key, d))
			}
		}
	}
	for key, g := range mine {
		if g.All.Participants > 0 {
			out = append(out, fmt.Sprintf("[%s] has %d participants; DuckDB has no such group", key, g.All.Participants))
		}
	}
	slices.Sort(out)
	return append(out, order(got)...)
}

func steps(got *tally.Table, want answer) (out []string) {
	if len(got.Groups) != len(want.Groups) {
		return []string{fmt.Sprintf("%d steps; DuckDB has %d", len(got.Groups), len(want.Groups))}
	}
	for i, w := range want.Groups {
		if d := compareSet("", got.Groups[i].All, w.All); d != "" {
			out = append(out, fmt.Sprintf("step %d (%s) %s", i+1, got.Groups[i].Labels, d))
		}
	}
	return out
}

func compareSet(what string, got tally.Set, want set) string {
	switch {
	case got.Participants != int64(want[0]):
		return fmt.Sprintf("%s%d participants; DuckDB %d", what, got.Participants, want[0])
	case got.Print != tally.Print{want[1], want[2]}:
		return fmt.Sprintf("%sas many participants as DuckDB, %d, but others (or a wrong print)", what, want[0])
	}
	return ""
}

func compareGroup(n *plan.Node, g *tally.Group, w *group) (out []string) {
	add := func(d string) {
		if d != "" {
			out = append(out, d)
		}
	}
	add(compareSet("", g.All, w.All))
	if n.Op() != "Rate" && g.All.Rows != w.Rows {
		add(fmt.Sprintf("%d rows; DuckDB %d", g.All.Rows, w.Rows))
	}
	if n.Op() == "Count" || n.Op() == "Crosstab" {
		return out
	}
	if len(g.Values) != len(w.Values) {
		return append(out, fmt.Sprintf("%d values for %d statistics", len(g.Values), len(w.Values)))
	}
	for i, s := range n.Nodes(0) {
		for _, d := range compareValue(s, &g.Values[i], &w.Values[i]) {
			add(fmt.Sprintf("%s: %s", s.Name(), d))
		}
	}
	return out
}

func compareValue(s *plan.Node, v *tally.Value, w *numbers) (out []string) {
	add := func(d string) {
		if d != "" {
			out = append(out, d)
		}
	}
	near := func(what string, got, want, scale float64) {
		if !(math.Abs(got-want) <= 1e-9*max(math.Abs(want), scale)+1e-12) {
			add(fmt.Sprintf("%s %.17g; DuckDB %.17g", what, got, want))
		}
	}
	add(compareSet("known: ", v.Known, w.Known))
	switch s.Op() {
	case "Count", "Proportion":
		add(compareSet("true: ", v.True, w.True))
	case "TimeTo", "From", "CensoredAt", "Within":
		add(compareSet("with the event: ", v.True, w.True))
		near("person-days", v.Sum, w.Sum, 0)
	case "Shares":
		out = append(out, compareParts(v, w)...)
	case "Mean", "Sum":
		near("sum", v.Sum, w.Sum, w.Scale)
		for i, x := range w.Largest {
			near(fmt.Sprintf("largest %d", i+1), v.Largest[i], x, 0)
		}
	case "SD":
		// Rounding of the values themselves is what limits the squares.
		near("squares", v.Squares, w.Squares, 1e-3*w.Scale*w.Scale/max(1, float64(w.Known[0])))
	default:
		out = append(out, compareQuantiles(v, w)...)
	}
	return out
}

func compareParts(v *tally.Value, w *numbers) (out []string) {
	mine := map[string]tally.Set{}
	for i, l := range v.Labels {
		mine[l] = v.Parts[i]
	}
	for l, want := range w.Parts {
		if d := compareSet(l+": ", mine[l], want); d != "" {
			out = append(out, d)
		}
		delete(mine, l)
	}
	for l, got := range mine {
		if got.Participants > 0 {
			out = append(out, fmt.Sprintf("%s: %d participants; DuckDB has no such label", l, got.Participants))
		}
	}
	return out
}

func compareQuantiles(v *tally.Value, w *numbers) (out []string) {
	if len(v.Sorted) != int(w.Known[0]) {
		return []string{fmt.Sprintf("%d sorted values for %d participants", len(v.Sorted), w.Known[0])}
	}
	if !slices.IsSorted(v.Sorted) {
		out = append(out, "the values are not sorted")
	}
	for _, q := range w.Quantiles {
		if got := quantile(v.Sorted, q[0]); !(math.Abs(got-q[1]) <= 1e-9*max(1e-3, math.Abs(q[1]))) {
			out = append(out, fmt.Sprintf("quantile %g is %.17g; DuckDB %.17g", q[0], got, q[1]))
		}
	}
	return out
}

// quantile is type 7 of Hyndman and Fan (1996).
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// order says where groups are not in the order of their keys' labels, or the
// labels of a key that the plan alone decides are not the plan's.
func order(got *tally.Table) (out []string) {
	place := func(g *tally.Group) []int {
		at := make([]int, len(got.Keys))
		for i, k := range got.Keys {
			at[i] = slices.Index(k.Labels, g.Labels[i])
			switch {
			case g.Labels[i] == plan.Total:
				at[i] = len(k.Labels) + 1
			case g.Labels[i] == plan.Missing:
				at[i] = len(k.Labels)
			case at[i] < 0:
				out = append(out, fmt.Sprintf("the label %q is none of its key's", g.Labels[i]))
			}
		}
		return at
	}
	for i := 1; i < len(got.Groups); i++ {
		if slices.Compare(place(&got.Groups[i-1]), place(&got.Groups[i])) >= 0 {
			out = append(out, fmt.Sprintf("[%s] comes before [%s]", strings.Join(got.Groups[i-1].Labels, " | "), strings.Join(got.Groups[i].Labels, " | ")))
			break
		}
	}
	for _, k := range got.Keys {
		out = append(out, keyOf(k)...)
	}
	return out
}

func keyOf(k tally.Key) (out []string) {
	if split := k.Plan.Kind() == "Split"; split == k.Additive {
		out = append(out, fmt.Sprintf("key %s: additive is %t", k.Plan.Name(), k.Additive))
	}
	want, known := labels(k.Plan)
	if known && !slices.Equal(k.Labels, want) {
		out = append(out, fmt.Sprintf("key %s has labels %q, not %q", k.Plan.Name(), k.Labels, want))
	}
	if known && !k.Closed {
		out = append(out, fmt.Sprintf("key %s is not closed", k.Plan.Name()))
	}
	return out
}

// labels is the labels that a key has by its plan.
func labels(k *plan.Node) (out []string, known bool) {
	short := func(x float64) string { return strings.TrimSuffix(fmt.Sprintf("%v", x), ".0") }
	switch k.Op() {
	case "Bands":
		out = append(out, "<"+short(k.Float(0)))
		for i := 1; i < len(k.Args()); i++ {
			out = append(out, short(k.Float(i-1))+" to <"+short(k.Float(i)))
		}
		return append(out, short(k.Float(len(k.Args())-1))+"+"), true
	case "Levels":
		for i := k.Int(0); i <= k.Int(1); i++ {
			out = append(out, fmt.Sprint(i))
		}
		return out, true
	case "Fractions":
		for i := range k.Int(0) {
			out = append(out, fmt.Sprint(i+1))
		}
		return out, true
	case "Month":
		return []string{"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"}, true
	case "Weekday":
		return []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}, true
	case "Days", "Months", "Years":
		out, _ = k.Periods()
		return out, true
	case "Since":
		for i := range k.Int(2) {
			out = append(out, fmt.Sprint(i+1))
		}
		return out, true
	}
	if k.Kind() == "Bool" {
		return []string{"no", "yes"}, true
	}
	return nil, false
}

// shrink makes the smallest plan that is still wrong, by leaving out steps.
func shrink(n *plan.Node, wrong func(*plan.Node) bool) *plan.Node {
	tries := 250
	for again := true; again && tries > 0; {
		again = false
		for _, m := range smaller(n) {
			if tries--; tries < 0 {
				break
			}
			if wrong(m) {
				n, again = m, true
				break
			}
		}
	}
	return n
}

// smaller is the plans that have one step less, or a plain one in the place of a step, the smallest first.
func smaller(n *plan.Node) []*plan.Node {
	plain := map[plan.Kind][]string{"Number": {"Age"}, "Bool": {"HasEHR", "HasFitbit"}, "Category": {"SexAtBirth"}, "Date": {"Birth"},
		"Cohort": {"Everyone"}, "Events": {"Condition", "Measurement"}}
	var out []*plan.Node
	try := func(old, new *plan.Node) {
		if m, err := replaced(n, old, new); err == nil && size(m) < size(n) {
			out = append(out, m)
		}
	}
	n.Walk(func(m *plan.Node) {
		for _, op := range plain[m.Kind()] {
			if r, err := plan.Root(op); err == nil && r.ID() != m.ID() {
				try(m, r)
			}
		}
		if m.Recv() != nil && m.Recv().Kind() == m.Kind() {
			try(m, m.Recv())
		}
		for _, a := range m.Nodes(0) {
			if a.Kind() == m.Kind() {
				try(m, a)
			}
		}
		for i := range m.Args() {
			if less, err := apply(m.Recv(), m.Op(), slices.Delete(slices.Clone(m.Args()), i, i+1)); err == nil {
				try(m, less)
			}
		}
	})
	slices.SortStableFunc(out, func(a, b *plan.Node) int { return size(a) - size(b) })
	return out
}

func apply(recv *plan.Node, op string, args []plan.Arg) (*plan.Node, error) {
	if recv == nil {
		return plan.Root(op, args...)
	}
	return recv.Then(op, args...)
}

// replaced is a plan with another part.
func replaced(n, old, new *plan.Node) (*plan.Node, error) {
	made := map[*plan.Node]*plan.Node{}
	var failed error
	n.Walk(func(m *plan.Node) {
		if m.ID() == old.ID() {
			made[m], failed = labelled(new, m.Label(), failed)
			return
		}
		args := slices.Clone(m.Args())
		for i, a := range args {
			if p, ok := a.(*plan.Node); ok {
				args[i] = made[p]
			}
		}
		p, err := apply(made[m.Recv()], m.Op(), args)
		if err == nil {
			p, err = p.As(m.Label())
		}
		if failed = errors.Join(failed, err); failed != nil {
			p = m
		}
		made[m] = p
	})
	return made[n], failed
}

func labelled(n *plan.Node, label string, failed error) (*plan.Node, error) {
	if label == "" {
		return n, failed
	}
	m, err := n.As(label)
	return m, errors.Join(failed, err)
}

func size(n *plan.Node) int { return len(n.String()) }
