package chart

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"weir/datasets/plan"
)

// followed is a table of those followed, by band, outcome and group, with totals:
// count gives those who leave a band without and with the event.
func followed(bands int, count func(band, group int) (leave, died float64)) func(at []int, _ int) float64 {
	return func(at []int, _ int) (sum float64) {
		for band := range bands {
			if at[0] != bands && at[0] != band {
				continue
			}
			group := 0
			if len(at) > 2 {
				group = at[2]
			}
			leave, died := count(band, group)
			if at[1] != 1 {
				sum += leave
			}
			if at[1] != 0 {
				sum += died
			}
		}
		return sum
	}
}

const years = "years:<0|0 to <2|2 to <4|4 to <6|6 to <8|8 to <10|10+|total"

// estimated are samples of charts that are worked out from some of a table's keys.
var estimated = []sample{
	{name: "survival curves", kind: "Survival", works: []int{0, 1}, keys: []string{years, "died:no|yes|total", "sex:Female|Male"}, number: func(at []int, _ int) float64 {
		if at[2] == 1 && (at[0] == 4 || at[0] == 5) && at[1] < 2 {
			return hide
		}
		return followed(7, func(band, group int) (float64, float64) {
			if band == 0 {
				return 0, 0
			}
			return math.Round(1500 / float64(band+group)), math.Round(150/float64(band+1)) + 80*float64(group)
		})(at, 0)
	}},
	{name: "one survival curve", kind: "Survival", works: []int{0, 1}, keys: []string{"days:<90|90 to <180|180 to <365|365+|total", "died:no|yes|total"}, number: followed(4, func(band, _ int) (float64, float64) { return 200, float64(90 - 20*band) })},
	{name: "survival curves in panels", kind: "Survival", works: []int{0, 1}, keys: []string{years, "died:no|yes|total", "sex:Female|Male", "stage:early|middle|late|missing"}, number: func(at []int, _ int) float64 {
		if at[3] == 2 && at[0] == 3 && at[1] < 2 || at[2] == 0 && at[3] == 3 && at[0] == 1 {
			return hide
		}
		return followed(7, func(band, group int) (float64, float64) {
			if band == 0 {
				return 0, 0
			}
			return 400, float64(30 + 30*at[3] + 10*group)
		})(at, 0)
	}},
	{name: "forest of proportions", kind: "Forest", works: []int{1}, keys: []string{"age:18–34|35–44|45–54|55–64|65–74|75+|total", "died:no|yes|total"}, number: func(at []int, _ int) float64 {
		if at[0] == 2 && at[1] < 2 {
			return hide
		}
		return []float64{900, 40 + 50*float64(at[0]), 940 + 50*float64(at[0])}[at[1]] * []float64{1, 1, 1, 1, 1, 1, 6}[at[0]]
	}},
	{name: "forest of odds ratios", kind: "Forest", works: []int{1}, settings: []setting{{"OddsRatio", 2}}, keys: []string{"race:Asian|Black or African American|Middle Eastern or North African|White|missing|total", "died:no|yes|total", "treated:no|yes|total"}, number: func(at []int, _ int) float64 {
		if at[0] == 2 && at[1] < 2 && at[2] < 2 {
			return hide
		}
		return math.Round(100 + 300*noise(at...))
	}},
	{name: "forest in colours", kind: "Forest", works: []int{1}, keys: []string{"age:18–44|45–64|65+", "died:no|yes", "sex:Female|Male|missing"}, number: counts(600, 20)},
	{name: "forest in panels", kind: "Forest", works: []int{1}, settings: []setting{{"Facet", 2}}, keys: []string{"age:18–44|45–64|65+", "died:no|yes", "sex:Female|Male"}, number: counts(600, 0)},
	{name: "forest of everyone", kind: "Forest", works: []int{0}, keys: []string{"died:no|yes"}, number: counts(600, 0)},
}

// TestEstimates holds estimates against published ones.
func TestEstimates(t *testing.T) {
	for _, test := range []struct {
		name string
		got  estimate
		want string
	}{
		// Newcombe, Stat Med 1998;17:857, table I, method 3.
		{"81 of 263", wilson(81, 263), "0.3080 (0.2553 to 0.3662)"},
		{"15 of 148", wilson(15, 148), "0.1014 (0.0624 to 0.1605)"},
		{"0 of 20", wilson(0, 20), "0.0000 (0.0000 to 0.1611)"},
		{"1 of 29", wilson(1, 29), "0.0345 (0.0061 to 0.1718)"},
		{"20 of 20", wilson(20, 20), "1.0000 (0.8389 to 1.0000)"},
		// Doll and Hill, BMJ 1950;2:739: smokers among men with and without lung cancer, 14.04 (3.33 to 59.30).
		{"smokers", woolf(647, 622, 2, 27), "14.0426 (3.3253 to 59.3008)"},
		{"none exposed", woolf(0, 10, 5, 5), "0.0476 (0.0022 to 1.0293)"},
	} {
		if got := fmt.Sprintf("%.4f (%.4f to %.4f)", test.got.number, test.got.low, test.got.high); got != test.want {
			t.Errorf("%s: %s, not %s", test.name, got, test.want)
		}
	}
}

// TestLifeTable: the example of Cutler and Ederer (1958), kidney cancer in Connecticut:
// survival after each of five years 0.60, 0.54, 0.50, 0.44, 0.44, at last with a
// standard error of 0.060.
func TestLifeTable(t *testing.T) {
	table, risk := lifeTable{survival: 1}, 126.0
	var got []string
	for _, year := range []struct{ died, leave float64 }{{47, 19}, {5, 17}, {2, 15}, {2, 9}, {0, 6}} {
		e := table.step(risk, year.died, year.leave)
		risk -= year.died + year.leave
		got = append(got, fmt.Sprintf("%.2f", e.number))
		if !(0 < e.low && e.low < e.number && e.number < e.high && e.high < 1) {
			t.Errorf("the interval of %g is %g to %g", e.number, e.low, e.high)
		}
	}
	if s := strings.Join(got, " "); s != "0.60 0.54 0.50 0.44 0.44" {
		t.Errorf("survival is %s", s)
	}
	if se := table.survival * math.Sqrt(table.variance); math.Abs(se-0.060) > 0.0005 {
		t.Errorf("the standard error is %.4f", se)
	}
	all := lifeTable{survival: 1}
	if e := all.step(30, 30, 0); e.number != 0 || !math.IsNaN(e.low) {
		t.Errorf("when all have died survival is %v", e)
	}
}

// of draws a survival curve of a table of one group: labels of bands, and those who
// leave each without and with the event.
func survivalOfOne(t testing.TB, bands string, number func(at []int, _ int) float64) (string, error) {
	t.Helper()
	s := sample{kind: "Survival", works: []int{0, 1}, keys: []string{"time:" + bands + "|total", "died:no|yes|total"}, number: number}
	n, r := s.make(t)
	c, err := New(n, r, "")
	if err != nil {
		return "", err
	}
	var out []string
	for _, g := range c.groups {
		out = append(out, survivalOf(g))
	}
	return strings.Join(out, "; "), nil
}

// TestSurvival: who has no time after 0 is not at risk, what is hidden ends the curve
// and what can be known of those at risk goes on.
func TestSurvival(t *testing.T) {
	plain := followed(4, func(band, _ int) (float64, float64) {
		return []float64{0, 40, 60, 100}[band], []float64{0, 20, 30, 0}[band]
	})
	but := func(value float64, at ...int) func([]int, int) float64 {
		return func(here []int, _ int) float64 {
			if slices.Equal(here, at) {
				return value
			}
			return plain(here, 0)
		}
	}
	for name, test := range map[string]struct {
		bands  string
		number func([]int, int) float64
		want   string
	}{
		"plain":                   {"<0|0 to <1|1 to <2|2+", plain, "91.3% (86.8% to 94.3%), at risk 250, events 20; 74.2% (67.3% to 79.8%), at risk 190, events 30"},
		"without a band below 0":  {"<1|1 to <2|2 to <3|3+", followed(4, func(int, int) (float64, float64) { return 25, 25 }), "86.7% (80.9% to 90.8%), at risk 200, events 25"},
		"those before 0":          {"<0|0 to <1|1+", followed(3, func(band, _ int) (float64, float64) { return []float64{500, 0, 75}[band], []float64{0, 25, 0}[band] }), "75.0% (65.3% to 82.4%), at risk 100, events 25"},
		"missing":                 {"0 to <1|1+|missing", followed(3, func(band, _ int) (float64, float64) { return []float64{0, 75, 500}[band], []float64{25, 0, 0}[band] }), "75.0% (65.3% to 82.4%), at risk 100, events 25"},
		"hidden events":           {"<0|0 to <1|1 to <2|2+", but(hide, 1, 1), "hidden, at risk 250, events hidden; hidden, at risk 190, events 30"},
		"hidden interval":         {"<0|0 to <1|1 to <2|2+", but(hide, 1, 2), "hidden, at risk 250, events 20; hidden, at risk hidden, events 30"},
		"hidden total":            {"<0|0 to <1|1 to <2|2+", but(hide, 4, 2), "hidden, at risk hidden, events 20; hidden, at risk hidden, events 30"},
		"hidden before 0":         {"<0|0 to <1|1 to <2|2+", but(hide, 0, 2), "hidden, at risk hidden, events 20; hidden, at risk hidden, events 30"},
		"more events than people": {"<0|0 to <1|1 to <2|2+", but(300, 1, 1), "hidden, at risk 250, events 300; hidden, at risk 190, events 30"},
		"none left":               {"0 to <1|1 to <2|2+", followed(3, func(band, _ int) (float64, float64) { return 0, []float64{30, 0, 0}[band] }), "0.0%, at risk 30, events 30; –, at risk 0, events 0"},
	} {
		got, err := survivalOfOne(t, test.bands, test.number)
		if err != nil || !strings.HasPrefix(got, test.want) {
			t.Errorf("%s: %s, %v, not %s", name, got, err, test.want)
		}
	}
	for _, bands := range []string{"young|old", "-1 to <1|1+", "1 to <2|2+", "0 to <1|2 to <3|3+", "0+", "0 to <x|1+"} {
		_, err := survivalOfOne(t, bands, func([]int, int) float64 { return 30 })
		if err == nil || !strings.Contains(err.Error(), "time is not in bands of time from 0 on; use .Bands(") {
			t.Errorf("bands %s: %v", bands, err)
		}
	}
}

// TestEstimateRefusals: what cannot be worked out is refused with a way out.
func TestEstimateRefusals(t *testing.T) {
	curve, forest := estimated[0], estimated[3]
	with := func(s sample, change func(*sample)) sample { change(&s); return s }
	for want, s := range map[string]sample{
		"Survival: survival is worked out from the totals of those at risk; write .By(…).WithTotals().Count()": with(curve, func(s *sample) {
			s.keys = []string{"years:<1|1+", "died:no|yes"}
			s.number = counts(100, 0)
		}),
		"X: the first key of a survival curve has its place; use .Color(…) or .Facet(…) for another": with(curve, func(s *sample) { s.settings = []setting{{"X", 2}} }),
		"Color: the table is not by died; use a key that was given to By":                            with(curve, func(s *sample) { s.settings = []setting{{"Color", 1}} }),
		"LogY: the axis of a forest plot is that of its estimates; leave .LogY() out":                with(forest, func(s *sample) { s.settings = []setting{{"LogY", 0}} }),
		"OddsRatio: died has a place already; use another key":                                       with(forest, func(s *sample) { s.settings = []setting{{"OddsRatio", 1}} }),
		"OddsRatio: a survival curve has no odds ratios; use .Forest(…).OddsRatio(…)":                with(curve, func(s *sample) { s.settings = []setting{{"OddsRatio", 1}} }),
		"Forest: 90 rows are too many; make fewer groups: .Top(20) of the table, or .Collapse(…) of the labels": with(forest, func(s *sample) {
			s.keys = []string{"age:" + list(90, "%d", 1), "died:no|yes"}
			s.number = counts(90, 0)
		}),
		"Survival: a survival curve shows a table of one to three keys, this one has 5; make another table with .By(…)": with(curve, func(s *sample) {
			s.keys = append(slices.Clone(s.keys), "a:b", "c:d", "e:f")
			s.number = func([]int, int) float64 { return 30 }
		}),
	} {
		n, r := s.make(t)
		_, err := New(n, r, "")
		var e *plan.Error
		if !errors.As(err, &e) || e.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	n, r := forest.make(t)
	other := then(t, n.Recv(), "Forest", root(t, "HasFitbit"))
	if _, err := New(other, r, ""); err == nil || !strings.Contains(err.Error(), "the table is not by") {
		t.Errorf("of a key that the table does not have: %v", err)
	}
}

// TestEstimatesInPictures reads estimates and their intervals off the picture again,
// and finds a hidden one's mark.
func TestEstimatesInPictures(t *testing.T) {
	for _, s := range estimated {
		t.Run(s.name, func(t *testing.T) {
			c := s.draw(t)
			svg := parse(t, c.SVG())
			seen := map[string]element{}
			for _, e := range svg.marked("point", "estimate", marker) {
				seen[e.tip()] = e
			}
			for _, g := range c.groups {
				says, v := survivalOf, g.values[0]
				if s.kind == "Forest" {
					says = forestOf
				}
				e, have := seen[c.tip(g.at, says(g))]
				switch {
				case v.state == hidden && s.kind == "Survival":
					if have {
						t.Errorf("%s has a mark", e.tip())
					}
				case !have:
					t.Errorf("no mark says %s", c.tip(g.at, says(g)))
				case v.state == hidden:
					if e.attr("data-mark") != marker || e.attr("width") != "40" {
						t.Errorf("%s is drawn as %s", e.tip(), e.attr("data-mark"))
					}
				case s.kind == "Survival":
					if r := readRuler(t, svg, false); !r.near(r.read(t, e.number(t, "cy")), v.number) {
						t.Errorf("%s is drawn at %g", e.tip(), r.read(t, e.number(t, "cy")))
					}
				case e.XMLName.Local == "rect":
					if got := readAcross(t, svg, c, g.at[2], e.number(t, "x")+4); math.Abs(got-v.number) > 2e-3*max(1, math.Abs(v.number)) {
						t.Errorf("%s is drawn at %g", e.tip(), got)
					}
				}
			}
			if (len(svg.marked(marker)) > 0) != c.has(hidden) {
				t.Errorf("%d marks of what is hidden", len(svg.marked(marker)))
			}
		})
	}
}

// readAcross is the number at a place on the axis below a panel.
func readAcross(t testing.TB, svg element, c *Chart, panel int, x float64) float64 {
	t.Helper()
	var ticks []element
	for _, e := range svg.marked("tick") {
		if len(ticks) > 0 && e.number(t, "x") < ticks[len(ticks)-1].number(t, "x") || len(ticks) == 0 || ticks[0].Words != e.Words {
			ticks = append(ticks, e)
			continue
		}
		if panel--; panel < 0 {
			break
		}
		ticks = []element{e}
	}
	number := func(e element) float64 {
		x, err := strconv.ParseFloat(strings.TrimSuffix(e.Words, "%"), 64)
		if err != nil {
			t.Fatal(err)
		}
		if c.percent {
			x /= 100
		}
		return x
	}
	a, b := ticks[0], ticks[len(ticks)-1]
	part := (x - a.number(t, "x")) / (b.number(t, "x") - a.number(t, "x"))
	if c.log {
		return number(a) * math.Pow(number(b)/number(a), part)
	}
	return number(a) + part*(number(b)-number(a))
}

// TestEstimatesInVegaLite: every row is drawn, and every estimate is a row.
func TestEstimatesInVegaLite(t *testing.T) {
	for _, s := range estimated {
		t.Run(s.name, func(t *testing.T) {
			c := s.draw(t)
			b, err := c.VegaLite()
			if err != nil {
				t.Fatal(err)
			}
			var spec struct {
				Data  struct{ Values []map[string]any }
				Layer []vegaLayer
				Spec  struct{ Layer []vegaLayer }
			}
			if err := json.Unmarshal(b, &spec); err != nil || bytes.ContainsAny(b, "<>") {
				t.Fatalf("%v: %s", err, b)
			}
			layers := slices.DeleteFunc(append(spec.Layer, spec.Spec.Layer...), func(l vegaLayer) bool { return l.Transform == nil }) // the line of no effect
			checkLayers(t, layers, spec.Data.Values)
			for _, g := range c.groups {
				if v := g.values[0]; v.state == shown && !slices.ContainsFunc(spec.Data.Values, func(row map[string]any) bool {
					return row["value"] == v.number && row["low"] != nil && strings.Contains(row["tip"].(string), inWords(g.values))
				}) {
					t.Errorf("no row has %s", inWords(g.values))
				}
			}
		})
	}
}

// TestEstimateLabels: labels of other keys are as harmless as anywhere.
func TestEstimateLabels(t *testing.T) {
	for _, s := range estimated {
		n, r := s.make(t)
		for i := range r.Groups {
			for k, l := range r.Groups[i].Labels {
				if name, labels := split(s.keys[k]); !slices.Contains(s.works, k) && name != "treated" && l != plan.Total {
					r.Groups[i].Labels[k] = attacks[slices.Index(labels, l)%len(attacks)]
				}
			}
		}
		checkAttack(t, n, r, attacks[0])
	}
}

// TestEstimateTexts: the text has every number, and the alternative says what is hidden.
func TestEstimateTexts(t *testing.T) {
	c := estimated[0].draw(t)
	want := "Survival curve “survival curves”: share without “died” by years (along x: 0 to <2, 2 to <4, 4 to <6, 6 to <8, 8 to <10) and sex (by colour: Female, Male). 8 numbers, from 80.6% to 97.6%. 2 of 10 numbers are hidden."
	if got := c.Alt(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	want = `forest of proportions
age    proportion with “died”  95% from      to    with      of
18–34                    4.3%      3.1%    5.7%      40     940`
	if got := estimated[3].draw(t).Text(); !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
