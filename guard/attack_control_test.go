package guard_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"weir/datasets/plan"
	"weir/datasets/tally"
)

// The attacker must not be blind: it has to find what is known to be there, in
// tables made for it and in what a guard with primary suppression alone lets out.

// case of a leak: groups of one key, what is asked and what is hidden.
type leak struct {
	name   string
	groups string // label, participants, of these with yes, of these with missing; "; " between
	split  string // instead: members of each group of a split, "; " between
	stats  string
	totals bool
	open   bool
	hide   string // label/column, "; " between; a column is participants or a statistic
	drop   string // labels that are left out
	find   string // what is found: kind, then lo to hi of a count or a value
}

var leaks = []leak{
	{name: "a total and all groups but one", groups: "a 100 0 0; b 7 0 0", totals: true, hide: "b/participants", find: "exact 7 7"},
	{name: "two groups that are small together", groups: "a 100 0 0; b 7 0 0; c 8 0 0", totals: true, hide: "b/participants; c/participants", find: "exact 15 15"},
	{name: "two groups that are not", groups: "a 100 0 0; b 7 0 0; c 30 0 0", totals: true, hide: "b/participants; c/participants", find: ""},
	{name: "too little beside a hidden group", groups: "a 100 0 0; b 7 0 0; c 13 0 0", totals: true, hide: "b/participants; c/participants", find: "pinned 1 19"},
	{name: "a percentage", groups: "a 100 7 0", stats: "Proportion Missing.Count", find: "exact 7 7"},
	{name: "a percentage's complement", groups: "a 100 93 0", stats: "Proportion Missing.Count", find: "exact 7 7"},
	{name: "a percentage of we do not know how many", groups: "a 100 7 0", stats: "Proportion", find: "pinned 3 7"},
	{name: "a percentage of the known", groups: "a 100 40 8", stats: "Proportion Count", find: "exact 8 8"},
	{name: "the mean of yes and no", groups: "a 100 7 0", stats: "Number.Mean", find: "exact 7 7"},
	{name: "the sum of yes and no", groups: "a 100 7 0", stats: "Number.Sum", find: "exact 7 7"},
	{name: "a sum and its mean", groups: "a 100 50 9", stats: "Number.Sum Number.Mean", find: "exact 9 9"},
	{name: "a mean of all, where one group alone can say yes", groups: "a 60 0 0; b 15 15 0", totals: true, stats: "Number.Mean Missing.Count",
		hide: "a/participants; b/participants; b/Mean", find: "exact 15 15"},
	{name: "a mean and its standard deviation", groups: "a 25 12 0; b 9 3 0; c 60 20 0", totals: true, stats: "Number.Mean Number.SD",
		hide: "a/participants; b/participants; b/Mean; b/SD", find: "exact 9 9"},
	{name: "a standard deviation and a median", groups: "a 100 7 0", stats: "Number.SD Number.Median Missing.Count", find: "exact 7 7"},
	{name: "a label that is left out", groups: "a 60 0 0; b 33 0 0; c 7 0 0", totals: true, open: true, drop: "c", find: "exact 7 7"},
	{name: "missing beside known", groups: "a 100 50 7", stats: "Missing.Count Count Not.Count", hide: "a/Missing().Count()", find: "exact 7 7"},
	{name: "the total of a split", split: "30; 40", totals: true, find: "exact"},
	{name: "who is in both groups of a split", split: "60; 40", totals: true, find: "exact 15 15"},
	{name: "one participant's number", groups: "a 30 0 0; b 1 0 0", totals: true, stats: "Amount.Sum", hide: "b/participants; a/participants; b/Sum", find: "value"},
}

func TestAttackerFinds(t *testing.T) {
	for _, l := range leaks {
		t.Run(l.name, func(t *testing.T) {
			w := l.world()
			var a attack
			err := a.on(w, func(n *plan.Node, table *tally.Table) (*plan.Result, map[string]string, error) {
				return l.publish(table), nil, nil
			}, 5000)
			if err != nil {
				t.Fatal(err)
			}
			kind, ends, _ := strings.Cut(l.find, " ")
			found := map[string][]finding{"exact": a.exact, "pinned": a.pinned, "value": a.values}
			if kind == "" {
				if len(a.exact)+len(a.pinned)+len(a.values)+a.unresolved > 0 {
					t.Errorf("found %v, and nothing follows", a.leaks)
				}
				return
			}
			if !slices.ContainsFunc(found[kind], func(f finding) bool { return ends == "" || fmt.Sprintf("%g %g", f.lo, f.hi) == ends }) {
				t.Errorf("did not find %s, but %v", l.find, a.leaks)
			}
		})
	}
}

func (l leak) world() *world {
	w := &world{totals: l.totals}
	yes := &source{node: must(must(plan.Root("Condition", 1)).Then("Exists")), hi: 1, whole: true}
	amount := &source{node: must(must(must(must(plan.Root("Measurement", 9)).Then("Unit", "%")).Then("Last")).Then("Value")), hi: math.Inf(1)}
	of := &source{node: must(plan.Root("Answer", 1)), whole: true}
	k := key{node: of.node, of: of, label: category, open: l.open}
	for g := range strings.SplitSeq(l.groups, "; ") {
		var label string
		var n, t, m int
		if c, _ := fmt.Sscan(g, &label, &n, &t, &m); c < 4 {
			break
		}
		for i := range n {
			v := float64(indicator(i < t))
			if i >= n-m {
				v = math.NaN()
			}
			yes.value = append(yes.value, v)
			of.value = append(of.value, float64(len(k.labels)))
			amount.value = append(amount.value, 1000+float64(i*i%97))
		}
		k.labels = append(k.labels, label)
		w.people += n
	}
	of.labels, of.hi = k.labels, float64(len(k.labels)-1)
	k.cuts = halves(len(k.labels))
	if l.split != "" {
		k = key{node: must(plan.Root("Years", 2015, 2016)), labels: []string{"2015", "2016"}}
		var a, b int
		fmt.Sscanf(l.split, "%d; %d", &a, &b)
		w.people = b + 5
		if a > b {
			w.people = a + b - 15
		}
		for p := range w.people {
			k.member = append(k.member, uint64(indicator(p >= w.people-a)|indicator(p < b)<<1))
		}
	}
	w.keys = []key{k}
	for s := range strings.FieldsSeq(l.stats) {
		w.stats = append(w.stats, l.stat(s, yes, amount))
	}
	w.plan = must(must(must(plan.Root("Everyone")).Then("By", k.node)).Then("Count"))
	return w
}

func (l leak) stat(s string, yes, amount *source) stat {
	on, op, two := strings.Cut(s, ".")
	if !two {
		return stat{node: must(yes.node.Then(s)), of: yes, truth: category, cuts: halves(2)}
	}
	switch on {
	case "Missing":
		return stat{node: must(must(yes.node.Then("Missing")).Then(op)), of: yes, truth: missing, cuts: halves(2)}
	case "Not":
		return stat{node: must(must(yes.node.Then("Not")).Then(op)), of: yes, cuts: halves(2), truth: func(v float64) int {
			if math.IsNaN(v) {
				return -1
			}
			return 1 - int(v)
		}}
	case "Amount":
		return stat{node: must(amount.node.Then(op)), of: amount}
	}
	return stat{node: must(must(yes.node.Then("Number")).Then(op)), of: yes, cuts: halves(2)}
}

func (l leak) publish(t *tally.Table) *plan.Result {
	out := everything(t)
	out.Groups = slices.DeleteFunc(out.Groups, func(g plan.Group) bool {
		return slices.Contains(strings.Fields(l.drop), g.Labels[0]) || g.Labels[0] == plan.Missing
	})
	for h := range strings.SplitSeq(l.hide, "; ") {
		label, column, _ := strings.Cut(h, "/")
		for i := range out.Groups {
			g := &out.Groups[i]
			if g.Labels[0] != label {
				continue
			}
			if column == "participants" {
				g.Participants = plan.Cell{Hidden: true, Text: "hidden"}
			}
			for c := range out.Columns {
				if strings.Contains(out.Columns[c].Name, column) {
					g.Cells[c] = plan.Cell{Hidden: true, Text: "hidden"}
				}
			}
		}
	}
	return out
}

// everything is a table with nothing hidden.
func everything(t *tally.Table) *plan.Result {
	return published(t, func(int64) bool { return false })
}

// published hides each number by itself: those that stand for too few.
func published(t *tally.Table, few func(n int64) bool) *plan.Result {
	out := &plan.Result{}
	for _, k := range t.Keys {
		out.Keys = append(out.Keys, k.Plan.ID())
	}
	for j, s := range t.Stats {
		for _, name := range partNames(t, j) {
			out.Columns = append(out.Columns, plan.Column{Stat: s.ID(), Name: name})
		}
	}
	for _, g := range t.Groups {
		row := plan.Group{Labels: g.Labels, Participants: number(float64(g.All.Participants), few(g.All.Participants))}
		for j, s := range t.Stats {
			row.Cells = append(row.Cells, cellsOf(s, &g.Values[j], few)...)
		}
		out.Groups = append(out.Groups, row)
	}
	return out
}

func partNames(t *tally.Table, j int) []string {
	s := t.Stats[j]
	switch s.Op() {
	case "Shares":
		for _, g := range t.Groups {
			var out []string
			for _, l := range g.Values[j].Labels {
				out = append(out, s.Name()+" "+l)
			}
			return out
		}
	case "Rate":
		return []string{"events", "person-years", "rate per 1,000"}
	case "Median", "Quantile", "Quartiles", "Box":
		return make([]string, len(levelsOf(s)))
	}
	return []string{s.Name()}
}

func number(v float64, hidden bool) plan.Cell {
	if hidden {
		return plan.Cell{Hidden: true, Text: "hidden"}
	}
	return plan.Cell{Value: v, Text: fmt.Sprint(v)}
}

func cellsOf(s *plan.Node, v *tally.Value, few func(int64) bool) []plan.Cell {
	n, t := v.Known.Participants, v.True.Participants
	share := func(t int64) float64 { return math.Round(1000*float64(t)/float64(n)) / 1000 }
	one := func(v float64) []plan.Cell { return []plan.Cell{number(v, few(n))} }
	if n == 0 && s.Op() != "Count" {
		out := make([]plan.Cell, max(1, len(levelsOf(s)), len(v.Parts)))
		if s.Op() == "Rate" {
			out = make([]plan.Cell, 3)
		}
		for i := range out {
			out[i] = plan.Cell{None: true, Text: "–"}
		}
		return out
	}
	switch s.Op() {
	case "Count":
		return []plan.Cell{number(float64(t), few(t))}
	case "Proportion":
		return []plan.Cell{number(share(t), few(n) || few(t))}
	case "Mean":
		return one(digits(v.Mean()))
	case "SD":
		if n == 1 {
			return []plan.Cell{{Hidden: true}}
		}
		return one(digits(v.SD()))
	case "Sum":
		return one(digits(v.Sum))
	case "Shares":
		var out []plan.Cell
		for _, p := range v.Parts {
			out = append(out, number(share(p.Participants), few(p.Participants)))
		}
		return out
	case "Rate":
		years := v.Sum / 365.25
		return []plan.Cell{number(float64(t), few(t)), number(digits(years), few(n)), number(digits(1000*float64(t)/digits(years)), few(t))}
	}
	var out []plan.Cell
	for _, p := range levelsOf(s) {
		at := p * float64(len(v.Sorted)-1)
		i := int(at)
		q := v.Sorted[min(i, len(v.Sorted)-1)]
		if i+1 < len(v.Sorted) {
			q += (at - float64(i)) * (v.Sorted[i+1] - v.Sorted[i])
		}
		out = append(out, number(digits(q), few(n)))
	}
	return out
}

func digits(x float64) float64 {
	if x == 0 {
		return 0
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*scale) / scale
}

// primarySuppression attacks tables in which each number is hidden or shown by itself,
// and says how many tables of each kind it breaks.
func primarySuppression(t *testing.T, tables int) (*attack, map[string]int) {
	t.Helper()
	few := func(n int64) bool { return n >= 1 && n <= threshold }
	publish := func(_ *plan.Node, table *tally.Table) (*plan.Result, map[string]string, error) {
		return published(table, few), nil, nil
	}
	broken := map[string]int{}
	var all attack
	for seed := range uint64(tables) {
		w := worldOf(seed, 36)
		if w.steps != nil {
			continue
		}
		var a attack
		if err := a.on(w, publish, 100); err != nil {
			t.Fatal(err)
		}
		all.plus(&a)
		broken["pinned"] += indicator(len(a.pinned) > 0)
		broken["values"] += indicator(len(a.values) > 0)
		if len(a.exact) == 0 {
			continue
		}
		broken["exact"]++
		broken["totals"] += indicator(w.totals)
		for _, s := range w.stats {
			broken[s.node.Op()]++
		}
	}
	return &all, broken
}

// TestAttackerBreaksPrimarySuppression: hiding each small number by itself, as the
// tools that the reference page looked at do, lets many be worked out.
func TestAttackerBreaksPrimarySuppression(t *testing.T) {
	all, broken := primarySuppression(t, 150)
	t.Log(all, broken)
	for _, what := range []string{"exact", "pinned", "values", "totals", "Count", "Proportion", "Mean", "Sum", "SD", "Shares", "Rate", "Median", "Quartiles", "Box"} {
		if broken[what] == 0 {
			t.Errorf("no table broken: %s", what)
		}
	}
	if broken["exact"] < all.tables/3 {
		t.Errorf("%d of %d tables broken", broken["exact"], all.tables)
	}
}
