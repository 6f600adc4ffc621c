package guard

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	ds "weir/datasets"
	"weir/datasets/plan"
	compiler "weir/interp/cell"
)

// noted takes the plan of what is shown.
type noted struct{ plan *plan.Node }

func (p *noted) Run(*plan.Node) (*plan.Result, error) {
	return &plan.Result{Schema: &plan.Schema{}}, nil
}
func (p *noted) Show(n *plan.Node) error { p.plan = n; return nil }

// planOf is the plan of a table that is built with the notebook's vocabulary.
func planOf(t *testing.T, build func(cdr ds.Repository) ds.Table) *plan.Node {
	t.Helper()
	n := &noted{}
	plan.Connect(n)
	defer plan.Connect(nil)
	defer plan.For(nil)
	build(ds.Repository{}).Show()
	return n.plan
}

// released reads a table as it was released: a line a group, labels, then numbers,
// "?" for a hidden one and "-" for none.
//
//	F, <18 | 300 7.1
func releasedTable(t *testing.T, n *plan.Node, text string) *plan.Result {
	t.Helper()
	r := &plan.Result{}
	lowered, err := plan.Lower(n)
	if err != nil {
		t.Fatal(err)
	}
	if lowered.Op() == "Summarise" {
		for _, s := range lowered.Nodes(0) {
			r.Columns = append(r.Columns, plan.Column{Stat: s.ID(), Name: s.Name()})
		}
	}
	for line := range strings.Lines(strings.TrimSpace(text)) {
		labels, numbers, _ := strings.Cut(strings.TrimSpace(line), " | ")
		g := plan.Group{Labels: strings.Split(labels, ", ")}
		for i, s := range strings.Fields(numbers) {
			c := plan.Cell{Text: s, Hidden: s == "?", None: s == "-"}
			if v, err := strconv.ParseFloat(s, 64); err == nil {
				c.Value = v
			}
			if i == 0 {
				g.Participants = c
			} else {
				g.Cells = append(g.Cells, c)
			}
		}
		r.Groups = append(r.Groups, g)
	}
	return r
}

const nothing = "No wider groups are proposed: beside this table they could give a hidden number away."

// manyBands is ages from 20 to 44 of which every second three are hidden.
var manyBands = func() string {
	var b strings.Builder
	b.WriteString("<20 | 50\n")
	for age := 20; age < 44; age++ {
		number := "50"
		if (age-20)/3%2 == 0 {
			number = "?"
		}
		fmt.Fprintf(&b, "%d to <%d | %s\n", age, age+1, number)
	}
	return b.String() + "44+ | 99"
}()

const nothingWider = "No wider groups are proposed: they stand in the totals, or could give a hidden number away beside this table."

func TestWayOut(t *testing.T) {
	sex := func(cdr ds.Repository) ds.Category { return cdr.SexAtBirth().As("sex") }
	age := func(cdr ds.Repository) ds.Number { return cdr.AgeAt(cdr.Condition(201826).First().As("index")) }
	for _, test := range []struct {
		name  string
		build func(cdr ds.Repository) ds.Table
		table string
		want  string
	}{
		{"nothing is hidden", func(cdr ds.Repository) ds.Table { return cdr.Everyone().By(cdr.SexAtBirth()).Count() },
			"F | 100\nM | 0", ""},
		{"hidden neighbours without totals may pass together", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(age(cdr).Bands(18, 45, 65)).Count()
		}, "<18 | ?\n18 to <45 | ?\n45 to <65 | 300\n65+ | 200",
			"This may show more: By(cdr.AgeAt(index).Bands(45, 65)) merges “<18” with “18 to <45”."},
		{"one hidden group is its neighbour's difference", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(age(cdr).Bands(18, 45, 65)).Count()
		}, "<18 | ?\n18 to <45 | 300\n45 to <65 | 300\n65+ | 200", nothing},
		{"an empty group between hidden ones does not part them", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(age(cdr).Bands(18, 45, 65)).Count()
		}, "<18 | ?\n18 to <45 | 0\n45 to <65 | ?\n65+ | 200",
			`This may show more: By(cdr.AgeAt(index).Bands(65)) merges “<18”, “18 to <45” with “45 to <65”.`},
		{"hidden groups apart come under one label", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(age(cdr).Bands(18, 45, 65)).Count()
		}, "<18 | ?\n18 to <45 | 300\n45 to <65 | 300\n65+ | ?",
			`This may show more: By(cdr.AgeAt(index).Bands(18, 45, 65).Collapse("other", "<18", "65+")) merges “<18” with “65+”.`},
		{"under a total all hidden groups of the line go together, and nothing new follows", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(age(cdr).Bands(18, 45, 65)).WithTotals().Count()
		}, "<18 | ?\n18 to <45 | 300\n45 to <65 | ?\n65+ | 200\ntotal | 560",
			`To see more: By(cdr.AgeAt(index).Bands(65)) merges “<18”, “18 to <45” with “45 to <65”.`},
		{"three hidden under a total: two of them would give the third away", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(age(cdr).Bands(18, 45, 65)).WithTotals().Count()
		}, "<18 | ?\n18 to <45 | ?\n45 to <65 | 300\n65+ | ?\ntotal | 400",
			`To see more: By(cdr.AgeAt(index).Bands(18, 45, 65).Collapse("other", "<18", "18 to <45", "65+")) merges “<18”, “18 to <45” with “65+”.`},
		{"a total that is hidden tells nothing", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(age(cdr).Bands(18)).WithTotals().Count()
		}, "<18 | ?\n18+ | 300\ntotal | ?", nothingWider},
		{"of two keys the one that loses least", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(sex(cdr), age(cdr).Bands(18, 45, 65)).Count()
		}, "F, <18 | ?\nF, 18 to <45 | ?\nF, 45 to <65 | 300\nF, 65+ | 200\nM, <18 | ?\nM, 18 to <45 | ?\nM, 45 to <65 | 100\nM, 65+ | 50",
			"This may show more: By(sex, cdr.AgeAt(index).Bands(45, 65)) merges “<18” with “18 to <45”."},
		{"a line where one is shown forbids it", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(sex(cdr), age(cdr).Bands(18)).Count()
		}, "F, <18 | ?\nF, 18+ | 300\nM, <18 | ?\nM, 18+ | ?", nothing},
		{"a label that only the data knows, under a total", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(cdr.Race()).WithTotals().Count()
		}, "White | 500\nBlack | 300\nAsian | ?\nOther | ?\nmissing | ?\ntotal | 900",
			`To see more: By(ds.When(cdr.Race().Is("White"), "White").When(cdr.Race().Is("Black"), "Black").Otherwise("other").OrElse("other").As("race")) puts all others together.`},
		{"one hidden label and those that are not named, under a total", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(cdr.Race()).WithTotals().Count()
		}, "White | 500\nBlack | ?\ntotal | 704",
			`To see more: By(ds.When(cdr.Race().Is("White"), "White").Otherwise("other").As("race")) puts all others together.`},
		{"who misses the value, under a total", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(cdr.HasEHR().Labels("yes", "no").As("ehr")).WithTotals().Count()
		}, "yes | 500\nno | ?\nmissing | ?\ntotal | 704", `To see more: By(ehr.OrElse("no")) merges “no” with “missing”.`},
		{"a crosstab", func(cdr ds.Repository) ds.Table { return cdr.Everyone().Crosstab(sex(cdr), age(cdr).Bands(18, 45)) },
			`F, <18 | ?
F, 18 to <45 | ?
F, 45+ | 100
F, total | 200
M, <18 | ?
M, 18 to <45 | ?
M, 45+ | 100
M, total | 300
total, <18 | 150
total, 18 to <45 | 150
total, 45+ | 200
total, total | 500`, "To see more: Crosstab(sex, cdr.AgeAt(index).Bands(45)) merges “<18” with “18 to <45”."},
		{"everything is hidden", func(cdr ds.Repository) ds.Table { return cdr.Everyone().By(sex(cdr)).Count() },
			"F | ?\nM | ?", "This may show more: Count() leaves out “sex”."},
		{"a key too many", func(cdr ds.Repository) ds.Table { return cdr.Everyone().By(sex(cdr), cdr.HasEHR().As("ehr")).Count() },
			"F, no | ?\nF, yes | ?\nM, no | 100\nM, yes | 200\nX, no | 100\nX, yes | 100", `This may show more: By(sex) leaves out “ehr”.`},
		{"who misses a yes or no", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(age(cdr).Below(18).As("child")).Count()
		}, "no | 300\nyes | ?\nmissing | ?", "This may show more: By(child.OrElse(true)) merges “yes” with “missing”."},
		{"quarters", func(cdr ds.Repository) ds.Table { return cdr.Everyone().By(cdr.Age().Fractions(4)).Count() },
			"1 | ?\n2 | ?\n3 | ?\n4 | ?", "This may show more: Count() leaves out “age”."},
		{"quarters with who misses them", func(cdr ds.Repository) ds.Table { return cdr.Everyone().By(cdr.Age().Fractions(4)).Count() },
			"1 | ?\n2 | ?\n3 | ?\n4 | ?\nmissing | 90", "This may show more: By(cdr.Age().Fractions(2)) merges every 2 groups."},
		{"months", func(cdr ds.Repository) ds.Table { return cdr.Everyone().By(ds.Months("2019-11", "2020-02")).Count() },
			"2019-11 | ?\n2019-12 | ?\n2020-01 | 50\n2020-02 | 60", `This may show more: ds.Years(2019, 2020) in place of ds.Months("2019-11", "2020-02").`},
		{"months of which one is shown", func(cdr ds.Repository) ds.Table { return cdr.Everyone().By(ds.Months("2019-11", "2019-12")).Count() },
			"2019-11 | ?\n2019-12 | 60", nothing},
		{"bands of one width", func(cdr ds.Repository) ds.Table { return cdr.Everyone().By(cdr.Age().BandsOf(5, 20, 40)).Count() },
			"<20 | 50\n20 to <25 | ?\n25 to <30 | ?\n30 to <35 | ?\n35 to <40 | ?\n40+ | 99",
			"This may show more: By(cdr.Age().Bands(20, 40)) merges “20 to <25”, “25 to <30”, “30 to <35” with “35 to <40”."},
		{"bands of one width that are many", func(cdr ds.Repository) ds.Table { return cdr.Everyone().By(cdr.Age().BandsOf(1, 20, 44)).Count() },
			manyBands, "This may show more: By(cdr.Age().BandsOf(3, 20, 44)) merges every 3 bands."},
		{"a mean that is hidden for a shown group", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(age(cdr).Bands(18, 45)).Summarise(cdr.HasEHR().Proportion())
		}, "<18 | 50 ?\n18 to <45 | 60 ?\n45+ | 90 50.0",
			"This may show more: By(cdr.AgeAt(index).Bands(45)) merges “<18” with “18 to <45”."},
		{"a proportion beside a shown one is its difference", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(age(cdr).Bands(18)).Summarise(cdr.HasEHR().Proportion())
		}, "<18 | 50 ?\n18+ | 60 50.0", nothing},
		{"a median beside a shown one is not", func(cdr ds.Repository) ds.Table {
			return cdr.Everyone().By(cdr.SexAtBirth().As("sex")).Summarise(cdr.Age().Median())
		}, "F | 30 ?\nM | 30 ?\nX | 90 50", `This may show more: By(sex.Collapse("other", "F", "M")) merges “F” with “M”.`},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := planOf(t, test.build)
			if got := wayOut(n, releasedTable(t, n, test.table), Builtin); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestGoText writes keys as Go and has the cell compiler read them.
func TestGoText(t *testing.T) {
	cdr := ds.Repository{}
	t2d := cdr.Condition(201826).Descendants().Except(4193704)
	index := t2d.First()
	young := cdr.Cohort("young").Include(cdr.Age().Below(30)).Exclude(cdr.Drug(1, 2).OnOrBefore(index)).IndexOn(ds.Day(2020, 1, 31))
	old := cdr.Everyone().Entry(cdr.Death()).Union(young)
	hba1c := cdr.Measurement(3004410).Unit("%", "mmol/mol").ConvertTo("%").Where(ds.Field("value_as_number").Above(3).And(ds.Field("unit_concept_id").Is(8554).Not())).Last().Value()
	keys := []ds.Key{
		cdr.SexAtBirth().Recode(map[ds.Label]string{"Male": "M", "Female": "\"F\""}).Order("M"),
		cdr.Race().OrElse("none").Collapse("other", "Asian", "Other"),
		cdr.Ethnicity().Scores(map[ds.Label]float64{"a": 1, "b": -2.5}).Levels(0, 3),
		cdr.State().HasPrefix("A").Or(cdr.GenderIdentity().Contains("x")).Labels("yes", "no"),
		hba1c.Plus(2).Times(hba1c).Log().OrElse(1.5).Clamp(0, 1e6).Bands(-1, 0.5, 7),
		hba1c.BandsOf(0.5, 4, 9), hba1c.Round(1).Fractions(10), hba1c.Between(4, hba1c.Minus(1)),
		cdr.AgeAt(index).AtLeast(65).And(cdr.HasEHR()).OrElse(true), cdr.Observed(index, -365, 0), cdr.HasFitbit().Not(),
		index.Date().YearsSince(cdr.Birth()).Bands(18), index.Date().AddDays(30).Month(), cdr.ObservedFrom().Weekday(), cdr.ObservedUntil().Year().Is(2020),
		index.Concept(), index.Age().Bands(3), index.Source(), cdr.Visit().Nearest(index).Category("visit_source_value"), index.Exists(), cdr.Death().Exists(),
		ds.AllOf(index, young, t2d, cdr.HasEHR()), ds.AtLeastOf(2, index, young), ds.AnyOf(index), ds.NoneOf(index, old),
		ds.If(cdr.HasEHR(), 1, hba1c).Bands(7), ds.When(hba1c.Below(7), "good").When(hba1c.Missing(), "?").Otherwise("bad"), ds.When(hba1c.Known(), "good").OrMissing(),
		ds.Earliest(index, cdr.Death()).Year().Bands(2000), ds.Latest(index.Date()).Missing(), ds.SumOf(hba1c, cdr.Age()).Bands(9),
		ds.Which(young.As("young"), old), ds.Sequence(t2d, cdr.Drug(1)).Path(2), ds.Sequence(t2d, cdr.Drug(1)).Step(1),
		ds.Days("2020-01-30", "2020-02-02"), ds.Months("2020-01", "2020-02"), ds.Years(2019, 2020), ds.Since(index, 30, 4),
		cdr.Condition().During(t2d).EachConcept(), cdr.Measurement().Before(index).EachUnit(), cdr.Observation().In(cdr.Search("smoking").Union(cdr.Codes("ICD10", "E11*")).Except(3)).Each("observation_type_concept_id"),
		cdr.Answer(1585860), cdr.Answers(1585838), cdr.Survey(1585860).Answered("yes").Exists(), cdr.Steps().ValueAtLeast(100).Per(ds.Years(2019, 2020)).MeanValue().Bands(5000),
		cdr.Procedure(1).Window(index, -30, 30).AtLeast(2), cdr.Device(1).Eras(30).Apart(2).Occurrences().Bands(1), cdr.Table("observation_period").Last().End().After(index),
		cdr.Condition().InSource(cdr.ConceptSet("{}")).Exists(), cdr.Measurement().In(cdr.Concepts(1, 2).Descendants().Minus(cdr.Concepts(3))).Exists(),
		young.Index().DaysSince(index).Bands(30), cdr.Age().Bands(30).As("type"), cdr.Age().Bands(30).As("not a name"),
	}
	cells := compiler.New()
	compile := func(n int, source string) {
		t.Helper()
		p, err := cells.Compile(n, source)
		if err != nil {
			t.Fatalf("%s\n%v", source, err)
		}
		p.Commit()
	}
	compile(1, `cdr := ds.Open("synthetic")`)
	for i, key := range keys {
		by := grouped(planOf(t, func(ds.Repository) ds.Table { return cdr.Everyone().By(key).Count() }))
		text := newGoText(by).write(by.Nodes(0)[0])
		compile(2+i, "cdr.Everyone().By("+text+")")
	}
}

// TestNames: a column is written by its variable's name where that is certain, and
// otherwise by what it is.
func TestNames(t *testing.T) {
	cdr := ds.Repository{}
	index := cdr.Condition(1).First().As("index")
	hba1c := cdr.Measurement(3004410).Unit("%").Last().Value().As("hba1c")
	for want, key := range map[string]ds.Key{
		"sex":                                 cdr.SexAtBirth().As("sex"),
		"cdr.SexAtBirth()":                    cdr.SexAtBirth(),
		"cdr.Race()":                          cdr.Race(),
		"cdr.AgeAt(index).Bands(18)":          cdr.AgeAt(index).Bands(18),
		"grown":                               cdr.AgeAt(index).Bands(18).As("grown"),
		"hba1c.Bands(7)":                      hba1c.Bands(7),
		"hba1c.OrElse(0).Bands(7)":            hba1c.OrElse(0).Bands(7),
		"cdr.Age().As(\"in years\").Bands(1)": nil,
		"index.Concept()":                     index.Concept(),
		"cdr.HasEHR()":                        cdr.HasEHR().As("has EHR"),
	} {
		if key == nil {
			key, want = cdr.Age().As("in years").Bands(1), "cdr.Age().Bands(1)"
		}
		by := grouped(planOf(t, func(ds.Repository) ds.Table { return cdr.Everyone().By(key).Count() }))
		if got := newGoText(by).write(by.Nodes(0)[0]); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	twice := cdr.Age().As("x").Bands(18).As("a")
	other := cdr.Age().Plus(1).As("x").Bands(18).As("b")
	by := grouped(planOf(t, func(ds.Repository) ds.Table { return cdr.Everyone().By(twice, other).Count() }))
	if got := newGoText(by).spell(by.Nodes(0)[1]); got != "cdr.Age().Plus(1).Bands(18)" {
		t.Errorf("two columns are called x: got %s", got)
	}
}

// TestGivesNothingAway attacks the proposals: over random tables, of which random
// cells are hidden, nothing that adds to 1 to 20 follows from the table and a
// proposed one together that does not follow from the table alone.
func TestGivesNothingAway(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	n := planOf(t, func(cdr ds.Repository) ds.Table {
		return cdr.Everyone().By(cdr.SexAtBirth(), cdr.Age().Bands(1, 2, 3)).Count()
	})
	proposed, certain := 0, 0
	for range 12000 {
		totals := r.IntN(2) == 0
		a := newTracker(r, 2+r.IntN(2), 2+r.IntN(4), totals)
		w := &wayOuts{policy: Builtin, of: n, keys: grouped(n).Nodes(0), result: a.result()}
		for key := range 2 {
			g := w.along(key)
			set := r.Perm(len(g.labels))[:2+r.IntN(len(g.labels)-1)]
			gain, ok := g.judge(set)
			if !ok || !gain.any() {
				continue
			}
			proposed++
			merged := a.merged(key, set)
			if gain.certain > 0 {
				certain++
				for _, m := range merged {
					if c := a.count(m); c >= 1 && c <= 20 {
						t.Fatalf("certain, but %d participants:\n%v\nhidden %v\nset %v of key %d", c, a.cells, a.hidden, set, key)
					}
				}
			}
			if leak := a.learns(merged, gain.certain > 0); leak != nil {
				t.Fatalf("%d participants follow:\n%v\nhidden %v, totals %v, hidden ones %v\nset %v of key %d: %v", a.count(leak), a.cells, a.hidden, totals, a.hiddenTotals, set, key, leak)
			}
		}
	}
	if proposed < 300 || certain < 50 {
		t.Errorf("%d proposals, %d certain ones: too few to show anything", proposed, certain)
	}
}

// tracker is a table of two keys, what of it is hidden, and linear algebra modulo a
// prime over its cells.
type tracker struct {
	rows, columns int
	cells         []int
	hidden        []bool
	totals        bool
	hiddenTotals  map[string]bool
}

func newTracker(r *rand.Rand, rows, columns int, totals bool) *tracker {
	a := &tracker{rows: rows, columns: columns, totals: totals, hiddenTotals: map[string]bool{}}
	small := r.IntN(2) == 0
	for range rows * columns {
		c := 21 + r.IntN(80)
		if r.IntN(3) == 0 || small && r.IntN(2) == 0 {
			c = r.IntN(21)
		}
		a.cells = append(a.cells, c)
		a.hidden = append(a.hidden, c >= 1 && c <= 20 || totals && c > 20 && r.IntN(3) == 0)
	}
	for _, v := range a.totalVectors() {
		// A guard would not show a total from which a small count follows.
		if c := a.count(a.masked(v)); c >= 1 && c <= 20 {
			a.hiddenTotals[fmt.Sprint(v)] = true
		}
	}
	return a
}

// masked is the hidden cells of a vector.
func (a *tracker) masked(v []int) []int {
	out := slices.Clone(v)
	for i := range out {
		if !a.hidden[i] {
			out[i] = 0
		}
	}
	return out
}

func (a *tracker) count(v []int) int {
	n := 0
	for i, x := range v {
		n += x * a.cells[i]
	}
	return n
}

// vector is 1 for the cells of a row and of a column; -1 stands for all.
func (a *tracker) vector(row, column int) []int {
	v := make([]int, len(a.cells))
	for i := range v {
		if (row < 0 || i/a.columns == row) && (column < 0 || i%a.columns == column) {
			v[i] = 1
		}
	}
	return v
}

func (a *tracker) totalVectors() [][]int {
	var out [][]int
	if !a.totals {
		return nil
	}
	for row := -1; row < a.rows; row++ {
		for column := -1; column < a.columns; column++ {
			if row < 0 || column < 0 {
				out = append(out, a.vector(row, column))
			}
		}
	}
	return out
}

func (a *tracker) result() *plan.Result {
	r := &plan.Result{}
	name := func(i int) string {
		if i < 0 {
			return plan.Total
		}
		return fmt.Sprint(i)
	}
	add := func(row, column int, hidden bool) {
		v := a.vector(row, column)
		c := plan.Cell{Hidden: hidden}
		if !hidden {
			c.Value = float64(a.count(v))
		}
		r.Groups = append(r.Groups, plan.Group{Labels: []string{name(row), name(column)}, Participants: c})
	}
	for i := range a.cells {
		add(i/a.columns, i%a.columns, a.hidden[i])
	}
	for row := -1; a.totals && row < a.rows; row++ {
		for column := -1; column < a.columns; column++ {
			if row < 0 || column < 0 {
				add(row, column, a.hiddenTotals[fmt.Sprint(a.vector(row, column))])
			}
		}
	}
	return r
}

// merged is the new numbers of a table with the labels of a key put together.
func (a *tracker) merged(key int, set []int) [][]int {
	var out [][]int
	lines := a.rows
	if key == 0 {
		lines = a.columns
	}
	for l := range lines {
		v := make([]int, len(a.cells))
		for _, k := range set {
			row, column := l, k
			if key == 0 {
				row, column = k, l
			}
			v[row*a.columns+column] = 1
		}
		out = append(out, v)
	}
	return out
}

// learns is a sum of hidden cells, 1 to 20 of participants, that follows only with
// the merged numbers, of which those of 1 to 20 are not shown; nil when there is none.
func (a *tracker) learns(merged [][]int, certain bool) []int {
	var before basis
	for i, h := range a.hidden {
		if !h {
			before.add(a.vector(i/a.columns, i%a.columns))
		}
	}
	for _, v := range a.totalVectors() {
		if !a.hiddenTotals[fmt.Sprint(v)] {
			before.add(v)
		}
	}
	after := before.clone()
	for _, v := range merged {
		if c := a.count(v); c == 0 || c > 20 {
			if added := after.add(v); added && certain {
				return v // it should have followed already
			}
		}
	}
	var at []int
	for i, h := range a.hidden {
		if h {
			at = append(at, i)
		}
	}
	for bits := 1; bits < 1<<min(len(at), 10); bits++ {
		v := make([]int, len(a.cells))
		for k, i := range at {
			v[i] = bits >> k & 1
		}
		if c := a.count(v); c >= 1 && c <= 20 && after.has(v) && !before.has(v) {
			return v
		}
	}
	return nil
}

const prime = 1<<31 - 1

// basis is a row space modulo the prime: each row has 1 at its own pivot.
type basis struct {
	rows   [][]int
	pivots []int
}

func (b basis) clone() basis { return basis{slices.Clone(b.rows), slices.Clone(b.pivots)} }

func (b *basis) reduce(v []int) []int {
	v = slices.Clone(v)
	for i, row := range b.rows {
		f := v[b.pivots[i]]
		for k := range v {
			v[k] = ((v[k]-f*row[k])%prime + prime) % prime
		}
	}
	return v
}

func (b *basis) has(v []int) bool {
	return !slices.ContainsFunc(b.reduce(v), func(x int) bool { return x != 0 })
}

func (b *basis) add(v []int) bool {
	v = b.reduce(v)
	p := slices.IndexFunc(v, func(x int) bool { return x != 0 })
	if p < 0 {
		return false
	}
	inverse := 1
	for e, f := prime-2, v[p]; e > 0; e, f = e/2, f*f%prime {
		if e&1 == 1 {
			inverse = inverse * f % prime
		}
	}
	for k := range v {
		v[k] = v[k] * inverse % prime
	}
	b.rows, b.pivots = append(b.rows, v), append(b.pivots, p)
	return true
}
