package chart

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"weir/datasets/plan"
)

// sample describes a released table and a chart of it.
type sample struct {
	name     string
	kind     string   // the chart's operation
	keys     []string // a name, a colon, and labels between bars
	stat     string   // an operation, of which the table has one statistic; "" for a table of participants
	parts    string   // names of its numbers between bars, if there are several
	number   func(at []int, part int) float64
	bins     func(at []int) int // of the plan's that a bin of a histogram is
	settings []setting
	works    []int // which keys the chart's step names
}

// setting is a step after the chart's: an operation and, for X, Color and Facet,
// which key.
type setting struct {
	op  string
	key int
}

// What a number function says of a cell that has no number to show. gone is a group
// that the table does not have.
var (
	hide = math.NaN()
	void = math.Inf(1)
	gone = math.Inf(-1)
)

func root(t testing.TB, op string, args ...plan.Arg) *plan.Node {
	t.Helper()
	n, err := plan.Root(op, args...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func then(t testing.TB, n *plan.Node, op string, args ...plan.Arg) *plan.Node {
	t.Helper()
	m, err := n.Then(op, args...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func call(t testing.TB, n *plan.Node, name string) *plan.Node {
	t.Helper()
	m, err := n.As(name)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// keyPlan is the key number i of a table.
func keyPlan(t testing.TB, i int, name string) *plan.Node {
	switch name {
	case "died":
		return call(t, root(t, "HasEHR"), name)
	case "treated":
		return call(t, root(t, "HasFitbit"), name)
	}
	return call(t, then(t, root(t, "Age"), "Bands", i+1), name)
}

func stat(t testing.TB, op string) *plan.Node {
	switch op {
	case "Count", "Proportion":
		return call(t, then(t, root(t, "HasEHR"), op), "has EHR")
	case "Shares":
		return then(t, call(t, root(t, "Race"), "health"), op)
	}
	return then(t, call(t, root(t, "Age"), "age"), op)
}

func words(op string, x float64) string {
	switch op {
	case "", "Count":
		return plain(math.Round(x))
	case "Proportion", "Shares":
		return strconv.FormatFloat(100*x, 'f', 1, 64) + "%"
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

func split(key string) (name string, labels []string) {
	name, list, _ := strings.Cut(key, ":")
	return name, strings.Split(list, "|")
}

// make is the chart's plan and the released table.
func (s sample) make(t testing.TB) (*plan.Node, *plan.Result) {
	t.Helper()
	r := &plan.Result{}
	var keys []plan.Arg
	var labels [][]string
	for i, k := range s.keys {
		name, l := split(k)
		keys, labels = append(keys, keyPlan(t, i, name)), append(labels, l)
		r.Keys = append(r.Keys, keys[i].(*plan.Node).ID())
	}
	n := root(t, "Everyone")
	if s.kind == "Histogram" {
		n = then(t, n, s.kind, keys[0])
	} else {
		n = then(t, n, "By", keys...)
		n = s.tabulate(t, n, r)
		var works []plan.Arg
		for _, k := range s.works {
			works = append(works, keys[k])
		}
		n = then(t, n, s.kind, works...)
	}
	for _, set := range s.settings {
		switch set.op {
		case "X", "Color", "Facet", "OddsRatio":
			n = then(t, n, set.op, keys[set.key])
		default:
			n = then(t, n, set.op)
		}
	}
	s.groups(r, labels, nil)
	return n, r
}

func (s sample) tabulate(t testing.TB, n *plan.Node, r *plan.Result) *plan.Node {
	if s.stat == "" {
		return then(t, n, "Count")
	}
	st := stat(t, s.stat)
	names := []string{st.Name()}
	if s.parts != "" {
		names = nil
		for part := range strings.SplitSeq(s.parts, "|") {
			names = append(names, st.Recv().Name()+" "+part)
		}
	}
	for _, name := range names {
		r.Columns = append(r.Columns, plan.Column{Stat: st.ID(), Name: name})
	}
	return then(t, n, "Summarise", st)
}

// groups adds the groups of all labels, the first key slowest.
func (s sample) groups(r *plan.Result, labels [][]string, at []int) {
	if i := len(at); i < len(labels) {
		for j := range labels[i] {
			s.groups(r, labels, append(at[:i:i], j))
		}
		return
	}
	g := plan.Group{Participants: plan.Cell{Hidden: true, Text: "hidden"}}
	for i, j := range at {
		g.Labels = append(g.Labels, labels[i][j])
	}
	if s.stat == "" {
		if s.number(at, 0) == gone {
			return
		}
		g.Participants = s.cell(at, 0)
	}
	if s.bins != nil {
		g.Bins = s.bins(at)
	}
	for i := range r.Columns {
		g.Cells = append(g.Cells, s.cell(at, i))
	}
	r.Groups = append(r.Groups, g)
}

func (s sample) cell(at []int, part int) plan.Cell {
	switch x := s.number(at, part); {
	case math.IsNaN(x):
		return plan.Cell{Hidden: true, Text: "hidden"}
	case math.IsInf(x, 0):
		return plan.Cell{None: true, Text: "–"}
	default:
		return plan.Cell{Value: x, Text: words(s.stat, x)}
	}
}

// draw is the sample's chart.
func (s sample) draw(t testing.TB) *Chart {
	t.Helper()
	n, r := s.make(t)
	c, err := New(n, r, s.name)
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	return c
}

// noise is a number from 0 to 1 that is always the same for the same place.
func noise(at ...int) float64 {
	seed := uint64(7)
	for _, i := range at {
		seed = seed*1_000_003 + uint64(i)
	}
	return rand.New(rand.NewPCG(seed, 11)).Float64()
}

func counts(most float64, hidden int) func([]int, int) float64 {
	return func(at []int, part int) float64 {
		x := noise(append(at, part)...)
		if x*100 < float64(hidden) {
			return hide
		}
		return math.Round(x*most) + 21
	}
}

func list(n int, format string, from int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf(format, from+i))
	}
	return strings.Join(out, "|")
}

func months(years int) string {
	var out []string
	for i := range 12 * years {
		out = append(out, fmt.Sprintf("%d-%02d", 2019+i/12, i%12+1))
	}
	return strings.Join(out, "|")
}

func days(n int) string {
	var out []string
	for i := range n {
		out = append(out, fmt.Sprintf("%d-%02d-%02d", 2019+i/336, i/28%12+1, i%28+1))
	}
	return strings.Join(out, "|")
}

const (
	sexes  = "sex:Female|Male|missing"
	bands  = "age:18–34|35–44|45–54|55–64|65–74|75+"
	races  = "race:Asian|Black or African American|Middle Eastern or North African|More than one population|None of these|White|missing"
	grades = "general health:Excellent|Very good|Good|Fair|Poor|missing"
)

// quantileAt is five quantiles around a place.
func quantileAt(at []int, part int) float64 {
	middle := 6 + 2*noise(at...)
	return middle + []float64{-1.6, -0.6, 0, 0.7, 2.2}[part]*(0.8+0.4*noise(append(at, 1)...))
}

var samples = []sample{
	{name: "bars", kind: "Bar", keys: []string{sexes}, number: counts(2000, 0)},
	{name: "bars in clusters", kind: "Bar", keys: []string{bands, sexes}, number: counts(1500, 15)},
	{name: "bars of proportions in panels", kind: "Bar", keys: []string{races, "sex:Female|Male", "age:18–44|45+"}, stat: "Proportion", number: func(at []int, _ int) float64 {
		if noise(at...) < 0.2 {
			return hide
		}
		return math.Round(noise(at...)*700) / 1000
	}},
	{name: "bars below zero", kind: "Bar", keys: []string{bands, "sex:Female|Male"}, stat: "Mean", number: func(at []int, _ int) float64 {
		if noise(at...) > 0.9 {
			return hide
		}
		return math.Round(1000*(noise(at...)-0.5)) / 100
	}},
	{name: "bars of concepts", kind: "Bar", keys: []string{"condition:Essential hypertension|Type 2 diabetes mellitus without complication|Hyperlipidemia|Gastroesophageal reflux disease without esophagitis|Anxiety disorder|Chronic obstructive lung disease|Obstructive sleep apnea syndrome|Low back pain|Vitamin D deficiency|Asthma|Acute upper respiratory infection|Osteoarthritis of knee|Obesity|Depressive disorder|Hypothyroidism"}, number: func(at []int, _ int) float64 {
		return math.Round(90000 / float64(at[0]+2))
	}},
	{name: "bars on a logarithmic axis", kind: "Bar", keys: []string{bands, "sex:Female|Male"}, settings: []setting{{op: "LogY"}}, number: func(at []int, _ int) float64 {
		if at[0] == 2 {
			return 0
		}
		return math.Round(math.Pow(10, 1.4+4*noise(at...)))
	}},
	{name: "many bars", kind: "Bar", keys: []string{"age:" + list(90, "%d", 18), "sex:Female|Male"}, number: counts(400, 8)},
	{name: "stacked", kind: "Bar", keys: []string{races, grades}, settings: []setting{{op: "Stacked"}}, number: func(at []int, _ int) float64 {
		if at[0] == 2 && at[1] > 3 {
			return hide
		}
		return math.Round(noise(at...)*900) + 21
	}},
	{name: "stacked shares", kind: "Bar", keys: []string{bands}, stat: "Shares", parts: "Excellent|Very good|Good|Fair|Poor", settings: []setting{{op: "Stacked"}}, number: func(at []int, part int) float64 {
		if at[0] == 1 && part > 2 {
			return hide
		}
		return []float64{0.1, 0.3, 0.35, 0.2, 0.05}[part]
	}},
	{name: "histogram", kind: "Histogram", keys: []string{"BMI:" + list(28, "%d–", 15) + "|missing"}, number: func(at []int, _ int) float64 {
		x := 6000 * math.Exp(-math.Pow(float64(at[0])-11, 2)/40)
		if x < 21 {
			return hide
		}
		return math.Round(x)
	}},
	{name: "histogram of merged bins", kind: "Histogram", keys: []string{"age:<20|20 to <40|40 to <50|50 to <60|60+|missing"}, number: func(at []int, _ int) float64 {
		return []float64{23, 90, 120, 60, 26, 31}[at[0]]
	}, bins: func(at []int) int { return []int{0, 2, 0, 0, 5, 0}[at[0]] }},
	{name: "line", kind: "Line", keys: []string{"month:" + months(4)}, stat: "Mean", number: func(at []int, _ int) float64 {
		if at[0] == 14 || at[0] == 15 || at[0] == 30 {
			return hide
		}
		return math.Round(7600 + 800*math.Sin(float64(at[0])/6) + 200*noise(at...))
	}},
	{name: "lines", kind: "Line", keys: []string{"month:" + months(2), sexes}, number: counts(300, 12)},
	{name: "lines of quartiles", kind: "Line", keys: []string{"year:" + list(14, "%d", 2009), "depressed:no|yes"}, stat: "Quartiles", parts: "25%|50%|75%", settings: []setting{{op: "Facet", key: 1}}, number: func(at []int, part int) float64 {
		return math.Round(5000 + 2500*float64(part) + 900*noise(append(at, part)...) - 800*float64(at[1]))
	}},
	{name: "days", kind: "Line", keys: []string{"day:" + days(900), "group:a|b|c|d"}, number: func(at []int, _ int) float64 {
		if noise(at...) < 0.05 {
			return hide
		}
		return math.Round(100*float64(at[1]) + 400 + 60*noise(at...) + 90*math.Sin(float64(at[0])/40))
	}},
	{name: "lines on a logarithmic axis", kind: "Line", keys: []string{"year:" + list(12, "%d", 2012), "sex:Female|Male"}, settings: []setting{{op: "LogY"}}, number: func(at []int, _ int) float64 {
		if at[0] == 7 {
			return 0
		}
		return math.Round(math.Pow(10, 2+float64(at[0])/4+noise(at...)))
	}},
	{name: "heat map", kind: "Heatmap", keys: []string{"income:less 10k|10k–25k|25k–50k|50k–100k|100k–200k|more 200k|missing", grades}, number: counts(3000, 12)},
	{name: "heat map of means in panels", kind: "Heatmap", keys: []string{bands, "weekday:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday", "sex:Female|Male"}, stat: "Mean", number: func(at []int, _ int) float64 {
		if noise(at...) < 0.1 {
			return void
		}
		return math.Round(7000 + 2000*noise(at...))
	}},
	{name: "dense heat map", kind: "Heatmap", keys: []string{"age:" + list(40, "%d", 18), "year:" + list(60, "%d", 1960)}, number: counts(900, 20)},
	{name: "boxes", kind: "BoxPlot", keys: []string{"age:18–34|35–49|50–64|65+", "sex:Female|Male"}, stat: "Box", parts: "5%|25%|50%|75%|95%", number: func(at []int, part int) float64 {
		switch {
		case at[0] == 0 && at[1] == 0 && (part == 0 || part == 4), at[0] == 3 && at[1] == 1, at[0] == 2 && at[1] == 0 && part == 2, at[0] == 2 && at[1] == 1 && part == 1:
			return hide
		}
		return math.Round(quantileAt(at, part)*100) / 100
	}},
	{name: "boxes in panels", kind: "BoxPlot", keys: []string{"sex:Female|Male", "age:18–34|35–49|50–64|65+|missing", "smoker:no|yes"}, settings: []setting{{"X", 1}, {"Facet", 2}}, stat: "Box", parts: "5%|25%|50%|75%|95%", number: func(at []int, part int) float64 { return math.Round(quantileAt(at, part)*100) / 100 }},
	{name: "quartiles", kind: "BoxPlot", keys: []string{races}, stat: "Quartiles", parts: "25%|50%|75%", number: func(at []int, part int) float64 {
		if at[0] == 2 && part != 1 {
			return hide
		}
		return math.Round(quantileAt(at, part+1)*100) / 100
	}},
	{name: "flows", kind: "Sankey", keys: []string{"first drug:metformin|sulfonylurea|SGLT2 inhibitor|GLP-1 agonist|insulin", "second drug:metformin|sulfonylurea|SGLT2 inhibitor|GLP-1 agonist|insulin|none", "third drug:metformin|sulfonylurea|SGLT2 inhibitor|GLP-1 agonist|insulin|none"}, number: func(at []int, _ int) float64 {
		if at[0] == at[1] || at[1] == at[2] && at[1] < 5 || at[1] == 5 && at[2] < 5 || at[0] == at[2] {
			return gone
		}
		x := 1200 * noise(at...) / float64(1+at[0]) / float64(1+at[2])
		if x < 21 {
			return hide
		}
		return math.Round(x)
	}},
	{name: "flows of two stages", kind: "Sankey", keys: []string{"before:yes|no|missing", "after:yes|no|missing"}, number: counts(900, 15)},
	{name: "nothing shown", kind: "Bar", keys: []string{bands}, number: func([]int, int) float64 { return hide }},
	{name: "one line of one point", kind: "Line", keys: []string{"year:2020"}, number: counts(50, 0)},
	{name: "small panels", kind: "Bar", keys: []string{"age:18–44|45–64|65+", "sex:Female|Male", "state:" + list(14, "State %d", 1)}, number: counts(500, 15)},
}

// TestSamples draws every kind. With -artifacts the pictures are kept, to be looked at.
func TestSamples(t *testing.T) {
	for _, s := range slices.Concat(samples, estimated) {
		t.Run(s.name, func(t *testing.T) {
			c := s.draw(t)
			picture, err := c.PNG()
			if err != nil {
				t.Fatal(err)
			}
			spec, err := c.VegaLite()
			if err != nil {
				t.Fatal(err)
			}
			for ext, b := range map[string][]byte{"png": picture, "svg": []byte(c.SVG()), "vl.json": spec, "txt": []byte(c.Alt() + "\n\n" + c.Text() + "\n")} {
				if len(b) == 0 {
					t.Errorf("no %s", ext)
				}
				if err := os.WriteFile(filepath.Join(t.ArtifactDir(), strings.ReplaceAll(s.name, " ", "-")+"."+ext), b, 0o666); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
