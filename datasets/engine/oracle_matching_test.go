package engine_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"weir/datasets/engine"
	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/datasets/tally"
)

// TestMatching holds MatchedTo against its properties: a greedy match without a
// caliper finds in each stratum of the keys as many controls as there are, or
// ratio for each case; no case is a control, nobody who lacks a key is matched,
// and a control has the index date of a case of its stratum, which no more than
// ratio of them have from each case.
func TestMatching(t *testing.T) {
	r, err := store.Open(planted(t, 9000, 2))
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(r)
	if err != nil {
		t.Fatal(err)
	}
	plan.For(r.Schema(store.Threshold))
	defer plan.For(nil)
	cases := []string{
		`Everyone().Entry(Condition(1011).First())`,
		`Everyone().Entry(Condition(1010).Descendants().Last()).Include(Age().Above(40))`,
		`Everyone().Entry(Death())`,
		`Everyone().IndexOn(Birth().AddDays(10000)).Include(Device())`, // none
		`Everyone().IndexOn(Birth())`,                                  // all
	}
	controls := []string{`Everyone()`, `Everyone().Include(Visit())`, `Everyone().Entry(Drug().First())`, `Everyone().Include(Age().Between(60, 61))`}
	keys := []string{
		`SexAtBirth()`, `SexAtBirth(), Age().Bands(30, 40, 50, 60, 70)`, `HasEHR()`, `Age().Levels(20, 90), Race(), State()`,
		`Measurement(3004410).Unit("%").MeanValue().Above(100)`, `Drug(2011).Exists(), SexAtBirth()`,
	}
	for i, c := range cases {
		for j, pool := range controls {
			for k, key := range keys {
				for _, ratio := range []int{1, 4, 20} {
					if (i+j+k+ratio)%2 == 0 {
						continue // half of them will do
					}
					m := match{t, e, c, pool, key, ratio}
					if wrong := m.check(); wrong != "" {
						t.Errorf("%s\n  %s", m.controls(), wrong)
					}
				}
			}
		}
	}
}

type match struct {
	t           *testing.T
	e           *engine.Engine
	cases, pool string
	keys        string
	ratio       int
}

func (m match) controls() string {
	return fmt.Sprintf("%s.MatchedTo(%s, %d, %s)", m.pool, m.cases, m.ratio, m.keys)
}

func (m match) run(text string) *tally.Table {
	m.t.Helper()
	n, err := parse(text)
	if err != nil {
		m.t.Fatalf("%s: %v", text, err)
	}
	out, err := m.e.Tabulate(m.t.Context(), n)
	if err != nil {
		m.t.Fatalf("%s: %v", text, err)
	}
	return out
}

// strata are the participants of a cohort by key, and their index dates.
func (m match) strata(cohort, index string) map[string]*tally.Group {
	out := map[string]*tally.Group{}
	summary := "Count()"
	if index != "" {
		summary = fmt.Sprintf("Summarise(%s.Index().DaysSince(Day(2000, 1, 1)).Median())", index)
	}
	table := m.run(fmt.Sprintf("%s.By(%s).%s", cohort, m.keys, summary))
	for i := range table.Groups {
		out[strings.Join(table.Groups[i].Labels, ", ")] = &table.Groups[i]
	}
	return out
}

func (m match) check() string {
	controls := m.controls()
	for _, other := range []string{controls + ".Minus(" + m.pool + ")", controls + ".Intersect(" + m.cases + ")"} {
		if n := m.run(other + ".Count()").Groups[0].All.Participants; n != 0 {
			return fmt.Sprintf("%d participants of %s", n, other)
		}
	}
	if a, b := m.run(controls + ".Count()").Groups[0].All, m.run(controls + ".Count()").Groups[0].All; a != b {
		return "two runs match others"
	}
	got, cases := m.strata(controls, controls), m.strata(m.cases, m.cases)
	free := m.strata(m.pool+".Minus("+m.cases+")", "")
	for key, c := range cases {
		want := int64(0)
		if f := free[key]; f != nil && !slices.Contains(c.Labels, plan.Missing) {
			want = min(int64(m.ratio)*c.All.Participants, f.All.Participants)
		}
		g := got[key]
		if g == nil {
			g = &tally.Group{Values: []tally.Value{{}}}
		}
		if g.All.Participants != want {
			return fmt.Sprintf("[%s] %d controls, want %d", key, g.All.Participants, want)
		}
		if wrong := m.dates(g.Values[0].Sorted, c.Values[0].Sorted); wrong != "" || len(g.Values[0].Sorted) != int(want) {
			return fmt.Sprintf("[%s] %d of %d controls have an index date; %s", key, len(g.Values[0].Sorted), want, wrong)
		}
		delete(got, key)
	}
	for key, g := range got {
		if g.All.Participants > 0 {
			return fmt.Sprintf("[%s] %d controls and no case", key, g.All.Participants)
		}
	}
	return ""
}

// dates: each control's date is a case's, and at most ratio controls have it from each.
func (m match) dates(controls, cases []float64) string {
	of := map[float64]int{}
	for _, d := range cases {
		of[d] += m.ratio
	}
	for _, d := range controls {
		if of[d]--; of[d] < 0 {
			return fmt.Sprintf("more controls have the index date of day %g than cases allow", d)
		}
	}
	return ""
}
