package chart

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"image/png"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode"

	"weir/datasets/plan"
)

// forms is everything that a chart can be shown as.
func forms(t testing.TB, c *Chart) map[string]string {
	t.Helper()
	out := quickForms(t, c)
	picture, err := c.PNG()
	if err != nil {
		t.Fatal(err)
	}
	out["png"] = string(picture)
	return out
}

// quickForms leaves out the PNG, which takes a hundred times as long.
func quickForms(t testing.TB, c *Chart) map[string]string {
	t.Helper()
	spec, err := c.VegaLite()
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{"text": c.Text(), "alt": c.Alt(), "svg": c.SVG(), "vega": string(spec)}
}

// TestHiddenNumbersLeaveNoTrace: whatever stands in a hidden cell, no byte of any
// form is another.
func TestHiddenNumbersLeaveNoTrace(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, s := range slices.Concat(samples, estimated) {
		t.Run(s.name, func(t *testing.T) {
			n, result := s.make(t)
			c, err := New(n, result, "")
			if err != nil {
				t.Fatal(err)
			}
			want := forms(t, c)
			for range 2 {
				garble(r, result)
				again, err := New(n, result, "")
				if err != nil {
					t.Fatal(err)
				}
				for form, text := range forms(t, again) {
					if text != want[form] {
						t.Errorf("the %s tells of a hidden number", form)
					}
				}
			}
		})
	}
}

// garble fills hidden cells with what should not be there.
func garble(r *rand.Rand, result *plan.Result) {
	values := []float64{0, 1, 17, -5, 1e9, math.NaN(), math.Inf(1), math.Inf(-1), 1e308, 5e-324, r.Float64()}
	texts := []string{"", "17", "hidden", "<b>3</b>", "–", strings.Repeat("9", 80)}
	spoil := func(c *plan.Cell) {
		if c.Hidden {
			c.Value, c.Text, c.None = values[r.IntN(len(values))], texts[r.IntN(len(texts))], r.IntN(2) == 0
		}
	}
	for i := range result.Groups {
		g := &result.Groups[i]
		spoil(&g.Participants)
		for j := range g.Cells {
			spoil(&g.Cells[j])
		}
	}
}

// TestText: every number of the chart stands in the text, in line with its labels.
func TestText(t *testing.T) {
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			lines := strings.Split(s.draw(t).Text(), "\n")
			if lines[0] != s.name {
				t.Errorf("the first line is %q", lines[0])
			}
			fields := map[string]bool{}
			for _, l := range lines[2:] {
				var parts []string
				for _, f := range strings.Split(l, "  ") {
					if f = strings.Trim(f, " █"); f != "" {
						parts = append(parts, f)
					}
				}
				fields[strings.Join(parts, "/")] = true
			}
			n := 0
			for name, cells := range s.cells(t) {
				want := strings.ReplaceAll(name, ", ", "/")
				for _, c := range cells {
					want += "/" + c.Text
					if c.Hidden {
						n++
					}
				}
				if !fields[want] {
					t.Errorf("no line says %s", want)
				}
			}
			if says := strings.HasSuffix(lines[len(lines)-1], "hidden."); says != (n > 0) {
				t.Errorf("%d are hidden; the last line is %q", n, lines[len(lines)-1])
			}
		})
	}
	const want = `bars
sex                                   participants
Female   ████████████████████                1,186
Male     ███████████████████████████         1,563
missing  █████████                             539`
	if got := samples[0].draw(t).Text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAlt(t *testing.T) {
	for name, want := range map[string]string{
		"bars":             "Bar chart “bars”: participants by sex (along x: Female, Male, missing). 3 numbers, from 539 to 1,563.",
		"bars in clusters": "Bar chart “bars in clusters”: participants by age (along x: 18–34, 35–44, 45–54, 55–64, 65–74, 75+) and sex (by colour: Female, Male, missing). 14 numbers, from 289 to 1,503. 4 of 18 numbers are hidden.",
		"flows":            "Sankey diagram “flows”: participants by first drug (stage 1: metformin, sulfonylurea, SGLT2 inhibitor, GLP-1 agonist, insulin) and second drug (stage 2: metformin, sulfonylurea, SGLT2 inhibitor, GLP-1 agonist, insulin, none) and third drug (stage 3: metformin, sulfonylurea, SGLT2 inhibitor, GLP-1 agonist, insulin, none). 61 numbers, from 21 to 551. 24 of 85 numbers are hidden.",
		"nothing shown":    "Bar chart “nothing shown”: participants by age (along x: 18–34, 35–44, 45–54, 55–64, 65–74, 75+). No number is shown. 6 of 6 numbers are hidden.",
		"many bars":        "Bar chart “many bars”: participants by age (along x: 18, 19, 20, 21, 22, 23, 24 … 107, 90 in all) and sex (by colour: Female, Male). 163 numbers, from 55 to 420. 17 of 180 numbers are hidden.",
	} {
		i := slices.IndexFunc(samples, func(s sample) bool { return s.name == name })
		c := samples[i].draw(t)
		if got := c.Alt(); got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
		svg := parse(t, c.SVG())
		if svg.attr("role") != "img" || svg.attr("aria-label") != want || svg.tip() != name || !slices.ContainsFunc(svg.Inner, func(e element) bool { return e.XMLName.Local == "desc" && e.Words == want }) {
			t.Errorf("%s: the SVG says what it is in other words", name)
		}
	}
}

// TestVegaLite: the specification has the shape that Vega-Lite reads, and no number
// but those that the table shows.
func TestVegaLite(t *testing.T) {
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			b, err := s.draw(t).VegaLite()
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(b, []byte("://")); n != 1 {
				t.Errorf("%d addresses", n)
			}
			var spec struct {
				Schema string `json:"$schema"`
				Data   struct{ Values []map[string]any }
				Config struct{ Mark struct{ Aria *bool } }
				Layer  []vegaLayer
				Facet  *struct{ Field string }
				Spec   *struct{ Layer []vegaLayer }
				Meta   struct {
					Embed struct{ Actions *bool } `json:"embedOptions"`
				} `json:"usermeta"`
			}
			if err := json.Unmarshal(b, &spec); err != nil {
				t.Fatal(err)
			}
			if spec.Schema != "https://vega.github.io/schema/vega-lite/v5.json" || spec.Config.Mark.Aria == nil || *spec.Config.Mark.Aria || spec.Meta.Embed.Actions == nil || *spec.Meta.Embed.Actions {
				t.Error("the specification is another version's, describes marks or has a menu")
			}
			for _, word := range []string{"expr", "signal", "url", "calculate", "href"} {
				if bytes.Contains(b, []byte(`"`+word+`":`)) {
					t.Errorf("the specification has %q", word)
				}
			}
			if (spec.Facet != nil) != (spec.Spec != nil) || (spec.Facet == nil) == (spec.Layer == nil) {
				t.Fatal("the specification is neither layers nor panels of them")
			}
			layers := spec.Layer
			if spec.Spec != nil {
				layers = spec.Spec.Layer
			}
			checkLayers(t, layers, spec.Data.Values)
			s.checkRows(t, spec.Data.Values)
		})
	}
}

type vegaLayer struct {
	Mark      struct{ Type string }
	Transform []struct{ Filter struct{ Field, Equal string } }
	Encoding  map[string]struct{ Field string }
}

// checkLayers: each row is drawn by a layer, and has the fields that it asks for.
func checkLayers(t *testing.T, layers []vegaLayer, rows []map[string]any) {
	t.Helper()
	drawn := map[string]bool{}
	for _, l := range layers {
		if !slices.Contains([]string{"bar", "line", "point", "rect", "text", "rule", "tick", "area"}, l.Mark.Type) || len(l.Transform) != 1 {
			t.Errorf("a layer of %q", l.Mark.Type)
		}
		state := l.Transform[0].Filter.Equal
		drawn[state] = true
		for _, row := range rows {
			for channel, e := range l.Encoding {
				either := e.Field == "above" || e.Field == "below"
				if _, have := row[e.Field]; row["state"] == state && e.Field != "" && !have && !either {
					t.Errorf("%v has no %s for %s", row, e.Field, channel)
				}
			}
		}
	}
	for _, row := range rows {
		if state := row["state"].(string); !drawn[state] && state != nothing {
			t.Errorf("no layer draws %v", row)
		}
	}
}

// checkRows compares the rows with the table.
func (s sample) checkRows(t *testing.T, rows []map[string]any) {
	t.Helper()
	cells := s.cells(t)
	seen := map[string]int{}
	numbers := map[float64]bool{}
	for _, row := range rows {
		name, says, _ := strings.Cut(row["tip"].(string), ": ")
		c, known := cells[name]
		seen[name]++
		if row["state"] == marker {
			if known && says != marker && s.kind != "BoxPlot" || row["value"] != nil {
				t.Errorf("a hidden row says %v", row)
			}
			continue
		}
		if row["state"] == "shown" && s.kind != "BoxPlot" && !s.set("Stacked") && (row["value"] != c[0].Value || row["text"] != c[0].Text || c[0].Hidden) {
			t.Errorf("%v is not what the table says of it: %v", row, c)
		}
		for _, field := range []string{"from", "to"} {
			if x, ok := row[field].(float64); ok && s.kind == "BoxPlot" {
				numbers[x] = true
			}
		}
	}
	for name, c := range cells {
		if s.kind == "BoxPlot" {
			for _, v := range c {
				if delete(numbers, v.Value); v.Hidden {
					continue
				}
			}
		}
		if hides := c[0].Hidden && (s.kind == "Sankey" || s.set("Stacked")) || s.set("Stacked"); seen[name] == 0 && !hides && !c[0].None {
			t.Errorf("no row is of %s", name)
		}
	}
	for x := range numbers {
		t.Errorf("%g is not in the table", x)
	}
}

// TestTotalsAndMissing: totals are left out, "missing" is last and grey, and a total
// that is shown is the whole of a pile with several hidden parts.
func TestTotalsAndMissing(t *testing.T) {
	var whole float64
	s := sample{kind: "Bar", keys: []string{"sex:missing|Female|Male|total", "answer:yes|no|missing|unsure|total"}, settings: []setting{{op: "Stacked"}},
		number: func(at []int, _ int) float64 {
			switch {
			case at[0] == 0:
				return 50
			case at[0] == 1 && (at[1] == 1 || at[1] == 3), at[0] == 2 && at[1] == 0:
				return hide
			case at[1] == 4 && at[0] == 1:
				return whole
			case at[1] == 4:
				return 400
			}
			return 100
		}}
	for _, test := range []struct{ whole, rest float64 }{{hide, 0}, {void, 0}, {200, 0}, {150, 0}, {250, 0.8}} {
		whole = test.whole
		if got := s.draw(t).pile(0, 0).rest; got != test.rest {
			t.Errorf("of a whole of %g the hidden parts begin at %g, not %g", whole, got, test.rest)
		}
	}
	whole = 400
	c := s.draw(t)
	for form, text := range forms(t, c) {
		if form != "png" && strings.Contains(text, "total") {
			t.Errorf("the %s has a total", form)
		}
	}
	if got := fmt.Sprint(c.keys[0].shorts(), c.keys[1].shorts()); got != "[Female Male missing] [yes no unsure missing]" {
		t.Errorf("the labels are %s", got)
	}
	if c.colour(0, 3) != grey || c.colour(0, 2) == grey {
		t.Error("missing is not grey, or something else is")
	}
	want := []pile{
		{parts: []part{{0, 0, 0.25, c.value(0, 0, 0)}, {3, 0.25, 0.5, c.value(0, 3, 0)}}, rest: 0.5},
		{rest: 0}, // of one hidden part the rest would be the number
		{parts: []part{{0, 0, 0.25, c.value(2, 0, 0)}, {1, 0.25, 0.5, c.value(2, 1, 0)}, {2, 0.5, 0.75, c.value(2, 2, 0)}, {3, 0.75, 1, c.value(2, 3, 0)}}, rest: 1},
	}
	for x := range want {
		if got := c.pile(x, 0); !reflect.DeepEqual(got, want[x]) {
			t.Errorf("pile %d is %v, not %v", x, got, want[x])
		}
	}
}

// TestOverlappingParts: parts of which a participant may be in several make up no
// total.
func TestOverlappingParts(t *testing.T) {
	age, years := keyPlan(t, 0, "age"), root(t, "Years", 2018, 2020)
	n := then(t, then(t, then(t, then(t, root(t, "Everyone"), "By", age, years), "Count"), "Bar"), "Stacked")
	r := &plan.Result{Keys: []plan.ID{age.ID(), years.ID()}}
	for label, c := range map[string]plan.Cell{"2018": {Value: 30, Text: "30"}, "2019": {Hidden: true}, "2020": {Hidden: true}, plan.Total: {Value: 90, Text: "90"}} {
		r.Groups = append(r.Groups, plan.Group{Labels: []string{"18–44", label}, Participants: c})
	}
	c, err := New(n, r, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := c.pile(0, 0); got.rest != 0 || got.parts != nil {
		t.Errorf("the pile is %v", got)
	}
}

// TestLabelOrder: the order of labels of which no group has all.
func TestLabelOrder(t *testing.T) {
	s := sample{kind: "Bar", keys: []string{"x:1|2|3", "drug:a|b|c|d"}, number: func(at []int, _ int) float64 {
		if at[0] == at[1] || at[1] == 3 && at[0] != 1 {
			return gone
		}
		return 30
	}}
	n, r := s.make(t)
	order := func() string {
		c, err := New(n, r, "")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(c.keys[1].shorts(), "")
	}
	if got := order(); got != "abcd" {
		t.Errorf("the labels are %s", got)
	}
	slices.Reverse(r.Groups) // as if sorted: what comes first is first
	if got := order(); got != "bdca" && got != "dcba" {
		t.Errorf("of a sorted table the labels are %s", got)
	}
	line := sample{kind: "Line", keys: []string{"month:2020-03|2019-11|2020-01"}, number: counts(50, 0)}
	if got := strings.Join(line.draw(t).keys[0].shorts(), " "); got != "2019-11 2020-01 2020-03" {
		t.Errorf("time runs %s", got)
	}
}

// TestRefusals: what cannot be drawn is refused with the step, and a way out.
func TestRefusals(t *testing.T) {
	one, two := "sex:Female|Male", "age:18–44|45+"
	many := func(n int) string { return "concept:" + list(n, "c%d", 0) }
	for _, test := range []struct {
		s    sample
		want plan.Error
	}{
		{sample{kind: "Bar", keys: []string{one, two, "a:b", "c:d"}}, plan.Error{Op: "Bar", Msg: "a bar chart shows a table of one to three keys, this one has 4", Way: "make another table with .By(…)"}},
		{sample{kind: "Heatmap", keys: []string{one}}, plan.Error{Op: "Heatmap", Msg: "a heat map shows a table of two to three keys, this one has 1", Way: "make another table with .By(…)"}},
		{sample{kind: "Sankey", keys: []string{one}}, plan.Error{Op: "Sankey", Msg: "a Sankey diagram shows a table of two to six keys, this one has 1", Way: "make another table with .By(…)"}},
		{sample{kind: "BoxPlot", keys: []string{one}}, plan.Error{Op: "BoxPlot", Msg: "a box plot shows quantiles", Way: "give .Box() of a Number to Summarise, and to .Y(…) if it is not the first"}},
		{sample{kind: "BoxPlot", keys: []string{one}, stat: "Mean"}, plan.Error{Op: "BoxPlot", Msg: "a box plot shows quantiles", Way: "give .Box() of a Number to Summarise, and to .Y(…) if it is not the first"}},
		{sample{kind: "Line", keys: []string{one}, settings: []setting{{"Stacked", 0}}}, plan.Error{Op: "Stacked", Msg: "a line chart is not stacked", Way: "use .Bar().Stacked()"}},
		{sample{kind: "Bar", keys: []string{one, two}, stat: "Mean", settings: []setting{{"Stacked", 0}}}, plan.Error{Op: "Stacked", Msg: "age.Mean() has no parts that make up a whole", Way: "stack participants, a Bool's Count, a Sum or Shares"}},
		{sample{kind: "Bar", keys: []string{one}, settings: []setting{{"Stacked", 0}}}, plan.Error{Op: "Stacked", Msg: "nothing is told by colour", Way: "make a table of two keys with .By(…)"}},
		{sample{kind: "Bar", keys: []string{one, two}, settings: []setting{{"Stacked", 0}, {"LogY", 0}}}, plan.Error{Op: "LogY", Msg: "shares of a whole have no logarithmic axis", Way: "leave .LogY() or .Stacked() out"}},
		{sample{kind: "Bar", keys: []string{one, two}, settings: []setting{{"Stacked", 0}}, number: func([]int, int) float64 { return -1 }}, plan.Error{Op: "Stacked", Msg: "numbers below 0 have no shares", Way: "leave .Stacked() out"}},
		{sample{kind: "Heatmap", keys: []string{one, two}, settings: []setting{{"LogY", 0}}}, plan.Error{Op: "LogY", Msg: "a heat map has no y axis of numbers", Way: "leave .LogY() out"}},
		{sample{kind: "Heatmap", keys: []string{one, two}, settings: []setting{{"Color", 0}}}, plan.Error{Op: "Color", Msg: "a heat map tells its numbers by colour", Way: "use .X(…) for the key along x; the other runs down"}},
		{sample{kind: "Sankey", keys: []string{one, two}, settings: []setting{{"X", 0}}}, plan.Error{Op: "X", Msg: "a Sankey diagram goes from key to key of the table", Way: "give the keys to By in that order"}},
		{sample{kind: "Bar", keys: []string{one, two}, settings: []setting{{"X", 0}, {"Color", 0}}}, plan.Error{Op: "Color", Msg: "sex has a place already", Way: "use another key"}},
		{sample{kind: "Line", keys: []string{one}, settings: []setting{{"Color", 0}}}, plan.Error{Op: "Line", Msg: "a line runs along a key", Way: "give it one with .X(…)"}},
		{sample{kind: "Bar", keys: []string{many(401)}}, plan.Error{Op: "Bar", Msg: "401 side by side are too many, at most 400 fit", Way: fewer}},
		{sample{kind: "Bar", keys: []string{many(201), "panel:a|b|c|d"}, settings: []setting{{"Facet", 1}}}, plan.Error{Op: "Bar", Msg: "201 side by side are too many, at most 200 fit", Way: fewer}},
		{sample{kind: "Bar", keys: []string{many(6001)}}, plan.Error{Op: "Bar", Msg: "6,001 groups are too many for a chart", Way: fewer}},
		{sample{kind: "Line", keys: []string{"month:" + months(1), many(17)}}, plan.Error{Op: "Line", Msg: "17 colours cannot be told apart", Way: "give each label a panel with .Facet(…), or " + fewer}},
		{sample{kind: "Line", keys: []string{"month:" + months(1), one, many(17)}}, plan.Error{Op: "Line", Msg: "17 panels are too many", Way: fewer}},
		{sample{kind: "Heatmap", keys: []string{many(61), one}}, plan.Error{Op: "Heatmap", Msg: "61 rows are too many", Way: fewer}},
		{sample{kind: "Heatmap", keys: []string{one, many(121)}}, plan.Error{Op: "Heatmap", Msg: "121 side by side are too many, at most 120 fit", Way: fewer}},
		{sample{kind: "Sankey", keys: []string{many(25), many(25)}}, plan.Error{Op: "Sankey", Msg: "625 flows are too many to tell apart", Way: fewer}},
		{sample{kind: "Sankey", keys: []string{one, two}, number: func([]int, int) float64 { return -1 }}, plan.Error{Op: "Sankey", Msg: "a flow is of 0 participants or more"}},
		{sample{kind: "Sankey", keys: []string{one, many(31)}}, plan.Error{Op: "Sankey", Msg: "31 labels of concept are too many to tell apart", Way: fewer}},
	} {
		if test.s.number == nil {
			test.s.number = counts(100, 0)
		}
		plan.Mark(plan.Position{Cell: 3, Line: 7})
		n, r := test.s.make(t)
		plan.Mark(plan.Position{})
		test.want.At = plan.Position{Cell: 3, Line: 7}
		c, err := New(n, r, "")
		var got *plan.Error
		if !errors.As(err, &got) || c != nil || *got != test.want {
			t.Errorf("got  %#v\nwant %#v", got, test.want)
		}
	}
}

// TestNoTable: results that are none, or another plan's, are refused.
func TestNoTable(t *testing.T) {
	n, r := samples[1].make(t)
	other := call(t, then(t, root(t, "Age"), "Bands", 99), "other")
	mean := then(t, root(t, "Age"), "Mean")
	twice, short := *r, *r
	twice.Groups = append(slices.Clone(r.Groups), r.Groups[0])
	short.Groups = []plan.Group{{Labels: []string{"18–34"}}}
	for name, test := range map[string]struct {
		plan   *plan.Node
		result *plan.Result
		want   string
	}{
		"no plan":      {nil, r, "the plan is no chart's"},
		"a table":      {n.Recv(), r, "the plan is no chart's"},
		"no result":    {n, nil, "Bar: there is no released table to draw"},
		"refused":      {n, &plan.Result{Refused: &plan.Refusal{}}, "Bar: there is no released table to draw"},
		"empty":        {n, &plan.Result{}, "Bar: a bar chart shows a table of one to three keys, this one has 0; make another table with .By(…)"},
		"no groups":    {n, &plan.Result{Keys: r.Keys}, "Bar: the table has no groups to draw"},
		"same groups":  {n, &twice, "Bar: the table has two groups of the same labels"},
		"few labels":   {n, &short, "Bar: the table is not made of the groups that its plan asks for"},
		"other key":    {then(t, n, "X", other), r, "X: the table is not by other; use a key that was given to By"},
		"other number": {then(t, n, "Y", mean), r, "Y: the table has no Age().Mean(); use a statistic that was given to Summarise"},
	} {
		if _, err := New(test.plan, test.result, ""); err == nil || err.Error() != test.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSettings: the last title and the last key of a place hold.
func TestSettings(t *testing.T) {
	s := samples[1]
	n, r := s.make(t)
	sex, age := keyPlan(t, 1, "sex"), keyPlan(t, 0, "age")
	n = then(t, then(t, then(t, n, "Title", "first"), "X", age), "X", sex)
	c, err := New(then(t, n, "Title", "second"), r, "of the table")
	if err != nil {
		t.Fatal(err)
	}
	if c.title != "second" || c.keys[0].name != "sex" || c.keys[1].name != "age" {
		t.Errorf("title %q, x %q, colour %q", c.title, c.keys[0].name, c.keys[1].name)
	}
	if n, r = s.make(t); n != nil {
		c, err = New(n, r, "of the table")
		if err != nil || c.title != "of the table" {
			t.Errorf("title %q, %v", c.title, err)
		}
	}
}

// attacks are labels, names and titles of somebody who wants out of their place.
var attacks = []string{
	`</title></svg><script>alert(1)</script>`,
	`"><image href="https://example.org/x.png"/>`,
	`' onload='alert(1)`,
	`]]><!-- & -->`,
	"\u202eevil\u202c \u2066x\u2069 \u200f\u200e",
	"a\x00b\x1b[31mc\x07\r\nd\u2028e\ufffe\ufeff",
	"\xff\xfe not UTF-8 \xed\xa0\x80",
	"Z" + strings.Repeat("\u0301\u0316", 200),
	`\" + datum.value + \"`,
	`{"$schema":"x","signal":"warn(1)"}`,
	strings.Repeat("long ", 820),
	strings.Repeat("🏥", 1024),
	"", " ", "\u00ad", "NaN", "hidden", "شريط", "x", "x\u200b",
}

// TestAttacks: no text acts, none turns what follows, and none makes the output large.
func TestAttacks(t *testing.T) {
	for _, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			n, r := s.make(t)
			for i := range r.Groups {
				for j, l := range r.Groups[i].Labels {
					_, labels := split(s.keys[j])
					at := slices.Index(labels, l)
					r.Groups[i].Labels[j] = attacks[at%len(attacks)] + strings.Repeat("~", at/len(attacks))
				}
				for j := range r.Groups[i].Cells {
					r.Groups[i].Cells[j].Text += attacks[i%len(attacks)]
				}
			}
			for _, title := range attacks {
				checkAttack(t, n, r, title)
			}
		})
	}
}

func checkAttack(t *testing.T, n *plan.Node, r *plan.Result, title string) {
	t.Helper()
	c, err := New(n, r, title)
	if err != nil {
		t.Fatal(err)
	}
	svg := c.SVG()
	for _, e := range parse(t, svg).Inner {
		if !slices.Contains([]string{"title", "desc", "defs", "rect", "circle", "path", "text"}, e.XMLName.Local) {
			t.Errorf("the SVG has a %s", e.XMLName.Local)
		}
		for _, a := range e.Attrs {
			if strings.HasPrefix(a.Name.Local, "on") || a.Name.Local == "href" || a.Name.Local == "style" {
				t.Errorf("the SVG has an attribute %s", a.Name.Local)
			}
		}
	}
	spec, err := c.VegaLite()
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid(spec) || bytes.ContainsAny(spec, "<>") {
		t.Error("the specification is no JSON, or could end a script")
	}
	for form, text := range map[string]string{"text": c.Text(), "alt": c.Alt(), "svg": svg, "vega": string(spec)} {
		if len(text) > 8<<20 || form == "alt" && len(text) > 8<<10 {
			t.Errorf("the %s has %d bytes", form, len(text))
		}
		for _, r := range text {
			if r != '\n' && !unicode.IsGraphic(r) {
				t.Errorf("the %s has the character %U", form, r)
				break
			}
		}
	}
}

// TestScales: axes end at ticks that read well and hold every number.
func TestScales(t *testing.T) {
	for _, test := range []struct {
		s    scale
		want string
	}{
		{linear(0, 1503, false), "0 250 500 750 1,000 1,250 1,500 1,750"},
		{linear(0, 0.31, true), "0% 5% 10% 15% 20% 25% 30% 35%"},
		{linear(-4.9, 3.1, false), "-6 -4 -2 0 2 4"},
		{linear(7120, 8990, false), "7,000 7,500 8,000 8,500 9,000"},
		{linear(5, 5, false), "0 1 2 3 4 5"},
		{linear(0, 0, false), "0 0.2 0.4 0.6 0.8 1"},
		{linear(0, 3e12, false), "0 5e+11 1e+12 1.5e+12 2e+12 2.5e+12 3e+12"},
		{linear(1e-7, 3e-7, false), "1e-07 1.5e-07 2e-07 2.5e-07 3e-07"},
		{logarithmic(35, 158255, false), "10 100 1,000 10,000 100,000 1,000,000"},
		{logarithmic(30, 800, false), "10 20 50 100 200 500 1,000"},
		{logarithmic(1e-60, 1e60, false), "1e-60 1e-45 1e-30 1e-15 1 1e+15 1e+30 1e+45 1e+60"},
	} {
		var got []string
		for _, x := range test.s.ticks {
			got = append(got, test.s.say(x))
		}
		if s := strings.Join(got, " "); s != test.want {
			t.Errorf("%s, not %s", s, test.want)
		}
	}
	for range 20_000 {
		a, b := extreme(), extreme()
		if s := linear(min(a, b), max(a, b), false); !(s.lo <= min(a, b)+1e-9*math.Abs(a-b) && s.hi >= max(a, b)-1e-9*math.Abs(a-b)) || len(s.ticks) > 10 || len(s.ticks) < 2 {
			t.Fatalf("of %g and %g the axis is %v", a, b, s)
		}
		if a, b = math.Abs(a)+smallest, math.Abs(b)+smallest; true {
			if s := logarithmic(min(a, b), max(a, b), false); s.part(min(a, b)) < -1e-6 || s.part(max(a, b)) > 1+1e-6 || len(s.ticks) > 12 {
				t.Fatalf("of %g and %g the logarithmic axis is %v", a, b, s)
			}
		}
	}
}

func extreme() float64 {
	return (rand.Float64() - 0.5) * math.Pow(10, float64(rand.IntN(180)-90))
}

// TestLowestBar: the lowest bar of a logarithmic axis has a height, and a number
// that floating point has no axis for has none.
func TestLowestBar(t *testing.T) {
	s := sample{kind: "Bar", keys: []string{"sex:Female|Male"}, stat: "Mean", settings: []setting{{op: "LogY"}}, number: func(at []int, _ int) float64 { return []float64{10, 5000}[at[0]] }}
	for _, e := range parse(t, s.draw(t).SVG()).marked("bar") {
		if e.number(t, "height") < 20 {
			t.Errorf("%s is %s high", e.tip(), e.attr("height"))
		}
	}
	for x, want := range map[float64]value{1e-200: {state: shown, number: 0, text: "?"}, -1e200: {state: none, text: nothing}, 5: {state: shown, number: 5, text: "?"}} {
		if got := see(plan.Cell{Value: x, Text: "?"}); got != want {
			t.Errorf("%g is seen as %v", x, got)
		}
	}
}

// TestRuns: lines end at hidden numbers, before "missing", and around a number that a
// logarithmic axis has no place for.
func TestRuns(t *testing.T) {
	s := sample{kind: "Line", keys: []string{"x:1|2|3|4|5|6|missing"}, number: func(at []int, _ int) float64 {
		return []float64{30, 40, 0, 50, hide, 60, 70}[at[0]]
	}}
	if got := fmt.Sprint(s.draw(t).runs(0, 0, shown)); got != "[[0 3] [5 5] [6 6]]" {
		t.Errorf("the lines are %s", got)
	}
	s.settings = []setting{{op: "LogY"}}
	if got := fmt.Sprint(s.draw(t).runs(0, 0, shown)); got != "[[0 1] [2 2] [3 3] [5 5] [6 6]]" {
		t.Errorf("on a logarithmic axis the lines are %s", got)
	}
}

// TestAxisLabels: what is written of labels that have no room.
func TestAxisLabels(t *testing.T) {
	for _, test := range []struct {
		labels string
		slot   float64
		want   string
	}{
		{"Female|Male", 100, "Female, Male"},
		{months(2), 25, "2019-01, 2019-04, 2019-07, 2019-10, 2020-01, 2020-04, 2020-07, 2020-10"},
		{months(2), 9, "2019-01, 2020-01"},
		{list(30, "%d", 1995), 12, "1995, 2000, 2005, 2010, 2015, 2020"},
		{days(120), 4, "2019-01-01, 2019-01-21, 2019-02-13, 2019-03-05, 2019-03-25, 2019-04-17"},
		{days(120), 2, "2019-01-01, 2019-03-01, 2019-05-01"},
		{list(12, "%d–", 18) + "|missing", 20, "18–, 21–, 24–, 27–, missing"},
		{"White|Black or African American", 70, "White, Black or/African/American"},
		{"Gastroesophageal reflux disease|Asthma", 40, "/Gastroesophageal reflux…, /Asthma"},
	} {
		k, _ := newKey("key", strings.Split(test.labels, "|"))
		form := fitLabels(k, test.slot)
		var got []string
		for _, lines := range form.lines {
			if lines == nil {
				continue
			}
			words := strings.Join(lines, "/")
			if form.turned {
				words = "/" + words
			}
			got = append(got, words)
		}
		if s := strings.Join(got, ", "); s != test.want {
			t.Errorf("%s, not %s", s, test.want)
		}
	}
}

// TestLabelsStayApart: labels that become the same when they are cleaned or
// shortened are told apart.
func TestLabelsStayApart(t *testing.T) {
	long := strings.Repeat("a", 100)
	k, _ := newKey("key", []string{"x", "x\u200b", long + "1", long + "2", "x (2)", "missing"})
	seen := map[string]bool{}
	for _, s := range k.shorts() {
		if seen[s] || len([]rune(s)) > maxShort+5 {
			t.Errorf("%q is there twice, or is long", s)
		}
		seen[s] = true
	}
	if k.labels[2].full != long+"1" {
		t.Errorf("the label in full is %q", k.labels[2].full)
	}
}

// FuzzNew draws tables of any shape. Whatever New does not refuse has sound forms.
func FuzzNew(f *testing.F) {
	for i := range uint64(48) {
		f.Add(i, "label", "title")
	}
	f.Add(uint64(99), attacks[0], attacks[4])
	f.Add(uint64(139), "0", "0") // no group but totals
	f.Add(uint64(423), "0", "0") // a heat map without a key along x
	f.Fuzz(func(t *testing.T, seed uint64, text, title string) {
		r := rand.New(rand.NewPCG(seed, 3))
		draw := random
		if seed%4 == 1 {
			draw = randomEstimates
		}
		n, result := draw(t, r, text)
		c, err := New(n, result, title)
		if err != nil {
			var e *plan.Error
			if !errors.As(err, &e) || e.Msg == "" {
				t.Fatalf("the error is %v", err)
			}
			return
		}
		forms := forms
		if seed%64 != 0 {
			forms = quickForms
		}
		was := forms(t, c)
		garble(r, result)
		again, err := New(n, result, title)
		if err != nil {
			t.Fatal(err)
		}
		for form, text := range forms(t, again) {
			if text != was[form] {
				t.Errorf("the %s changes with hidden numbers", form)
			}
		}
		parse(t, was["svg"])
		if strings.Contains(was["svg"], "NaN") && !strings.Contains(text+title, "NaN") || strings.Contains(was["svg"], "Inf") && !strings.Contains(text+title, "Inf") {
			t.Error("a length is no number")
		}
		if !json.Valid([]byte(was["vega"])) {
			t.Error("the specification is no JSON")
		}
		if picture, ok := was["png"]; ok {
			if _, err := png.Decode(strings.NewReader(picture)); err != nil {
				t.Error(err)
			}
		}
	})
}

// random is a chart's plan and a table that may fit it.
func random(t *testing.T, r *rand.Rand, text string) (*plan.Node, *plan.Result) {
	kinds := []string{"Bar", "Line", "BoxPlot", "Heatmap", "Sankey", "Bar"}
	stats := []string{"", "", "Mean", "Proportion", "Box", "Quartiles", "Shares", "Count"}
	s := sample{kind: kinds[r.IntN(len(kinds))], stat: stats[r.IntN(len(stats))]}
	s.parts = map[string]string{"Box": "5%|25%|50%|75%|95%", "Quartiles": "25%|50%|75%", "Shares": "a|b|" + strings.ReplaceAll(text, "|", "")}[s.stat]
	for i := range 1 + r.IntN(3) {
		labels := []string{"a", "b", "c", "missing", "total", strings.ReplaceAll(text, "|", "")}
		if r.IntN(3) == 0 {
			labels = strings.Split(months(1+r.IntN(3)), "|")
		}
		r.Shuffle(len(labels), func(i, j int) { labels[i], labels[j] = labels[j], labels[i] })
		s.keys = append(s.keys, fmt.Sprintf("key %d:%s", i, strings.Join(slices.Compact(labels[:1+r.IntN(len(labels))]), "|")))
	}
	for _, op := range []string{"Stacked", "LogY", "X", "Color", "Facet"} {
		if r.IntN(5) == 0 {
			s.settings = append(s.settings, setting{op, r.IntN(len(s.keys))})
		}
	}
	wild := r.IntN(2) == 0
	s.number = func([]int, int) float64 {
		switch r.IntN(8) {
		case 0:
			return hide
		case 1:
			return void
		case 2:
			return 0
		case 3:
			if wild {
				return (r.Float64() - 0.3) * math.Pow(10, float64(r.IntN(640)-320))
			}
		}
		return math.Round(r.Float64() * 1000)
	}
	n, result := s.make(t)
	if r.IntN(10) == 0 && len(result.Groups) > 0 {
		result.Groups[0].Labels = nil
	}
	return n, result
}

// randomEstimates is the plan of survival curves or of a forest plot and a table that
// may fit it: of numbers that add up, or not.
func randomEstimates(t *testing.T, r *rand.Rand, text string) (*plan.Node, *plan.Result) {
	labels := func(name string, of ...string) string { // mostly all of them, and totals
		of = slices.DeleteFunc(of, func(string) bool { return r.IntN(40) == 0 })
		if len(of) == 0 || r.IntN(8) > 0 {
			of = append(of, plan.Total)
		}
		if r.IntN(4) == 0 {
			r.Shuffle(len(of), func(i, j int) { of[i], of[j] = of[j], of[i] })
		}
		return name + ":" + strings.Join(of, "|")
	}
	outcome := labels("died", "no", "yes")
	group := labels("group", "a", "b", plan.Missing, strings.ReplaceAll(text, "|", ""))
	bands := [][]string{
		{"<0", "0 to <1", "1 to <2.5", "2.5+"}, {"<90", "90 to <180", "180+", plan.Missing}, {"0 to <1e308", "1e308+"},
		{"0 to <1", "2 to <3", "3+"}, {"<" + strings.ReplaceAll(text, "|", ""), "5+"}, {"<5", "5+"},
	}
	s := sample{kind: "Survival", works: []int{0, 1}, keys: []string{labels("years", bands[r.IntN(len(bands))]...), outcome, group}}
	if r.IntN(2) == 0 {
		s = sample{kind: "Forest", works: []int{0}, keys: []string{outcome, labels("treated", "no", "yes"), group}}
		if r.IntN(2) == 0 {
			s.settings = append(s.settings, setting{"OddsRatio", 1})
		}
	}
	s.keys = s.keys[:len(s.keys)-r.IntN(2)]
	for _, op := range []string{"Color", "Facet"} {
		if r.IntN(4) == 0 {
			s.settings = append(s.settings, setting{op, r.IntN(len(s.keys))})
		}
	}
	rarely := 5 + r.IntN(100)
	people := map[string]float64{}
	count := func(at []int) float64 {
		k := fmt.Sprint(at)
		if _, ok := people[k]; !ok {
			people[k] = float64(r.IntN(300))
		}
		return people[k]
	}
	s.number = func(at []int, _ int) float64 {
		switch r.IntN(rarely) {
		case 0:
			return hide
		case 1:
			return void
		case 2:
			return 0
		case 3:
			return (r.Float64() - 0.3) * math.Pow(10, float64(r.IntN(640)-320))
		case 4:
			return gone
		}
		return s.added(at, nil, count)
	}
	return s.make(t)
}

// added is the number of those of a place, whose totals are the sums of the others.
func (s sample) added(at, of []int, count func([]int) float64) (sum float64) {
	i := len(of)
	if i == len(at) {
		return count(of)
	}
	_, labels := split(s.keys[i])
	if labels[at[i]] != plan.Total {
		return s.added(at, append(of[:i:i], at[i]), count)
	}
	for j, l := range labels {
		if l != plan.Total {
			sum += s.added(at, append(of[:i:i], j), count)
		}
	}
	return sum
}

func BenchmarkPNG(b *testing.B) {
	c := samples[1].draw(b)
	for b.Loop() {
		if _, err := c.PNG(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSVG(b *testing.B) {
	n, r := samples[1].make(b)
	for b.Loop() {
		c, err := New(n, r, "")
		if err != nil {
			b.Fatal(err)
		}
		c.SVG()
	}
}
