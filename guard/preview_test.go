package guard

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"weir/datasets/plan"
)

func node(n *plan.Node, err error) *plan.Node {
	if err != nil {
		panic(err)
	}
	return n
}

// look is a look at rows of three columns, and its marginals.
func look(t *testing.T, rows int) (*plan.Node, []Marginal) {
	t.Helper()
	sex, age := node(plan.Root("SexAtBirth")), node(plan.Root("Age"))
	frame := node(node(plan.Root("Everyone")).Then("Frame", sex, age, node(age.Then("AtLeast", int64(65)))))
	n := node(frame.Then("Head", int64(rows)))
	columns := Marginals(n)
	if len(columns) != 3 {
		t.Fatalf("%d marginals", len(columns))
	}
	return n, columns
}

func labelsOf(labels []string, counts ...float64) Release {
	r := &plan.Result{Keys: make([]plan.ID, 1)}
	for i, l := range labels {
		c := plan.Cell{Value: counts[i]}
		if counts[i] == 0 {
			c = plan.Cell{Hidden: true, Text: marker}
		}
		r.Groups = append(r.Groups, plan.Group{Labels: []string{l}, Participants: c})
	}
	return Release{&released{result: r}}
}

func quantilesOf(numbers ...float64) Release {
	g := plan.Group{}
	for _, x := range numbers {
		g.Cells = append(g.Cells, plan.Cell{Value: x, Hidden: x == 0})
	}
	return Release{&released{result: &plan.Result{Groups: []plan.Group{g}}}}
}

// Rows are drawn from what was released: no hidden label, no number beyond the released
// quantiles, and nothing of a column that was not released.
func TestPreview(t *testing.T) {
	g := &Guard{limits: Builtin.limits()}
	n, columns := look(t, 1000)
	columns[0].Table = labelsOf([]string{"Female", "Male", "rare", plan.Total}, 9000, 1000, 0, 10000)
	columns[1].Table = quantilesOf(20, 30, 40, 50, 60)
	p := g.preview(n, columns)
	if len(p.rows) != previewRows {
		t.Fatalf("%d rows", len(p.rows))
	}
	draws := map[string]int{}
	draw := drawLabels(columns[0].Table.Result().Groups, newRandom(n))
	for range 10_000 {
		draws[draw()]++
	}
	// 9,000 of 10,000 are expected; 8,800 to 9,200 is more than six standard deviations.
	if len(draws) != 2 || draws["Female"] < 8800 || draws["Female"] > 9200 {
		t.Errorf("drawn: %v", draws)
	}
	for _, r := range p.rows {
		if age, err := strconv.Atoi(r.labels[1]); err != nil || age < 20 || age > 60 {
			t.Errorf("an age of %s", r.labels[1])
		}
		if r.labels[2] != marker {
			t.Errorf("a column that was not released shows %s", r.labels[2])
		}
	}
	again := g.preview(n, columns)
	for i := range p.rows {
		if !slices.Equal(p.rows[i].labels, again.rows[i].labels) {
			t.Error("the same look shows other rows")
		}
	}
}

// Where nothing of a column may be seen, nothing is drawn.
func TestPreviewOfWhatIsHidden(t *testing.T) {
	g := &Guard{limits: Builtin.limits()}
	for name, r := range map[string]Release{
		"nothing":          {},
		"hidden counts":    labelsOf([]string{"a", "b"}, 0, 0),
		"a hidden median":  quantilesOf(20, 30, 0, 50, 60),
		"one quantile":     quantilesOf(20),
		"a refusal":        {&released{result: &plan.Result{Refused: RowLevel()}}},
		"a refused result": {&released{}},
	} {
		n, columns := look(t, 5)
		for i := range columns {
			columns[i].Table = r
		}
		if p := g.preview(n, columns); p != nil {
			t.Errorf("%s: %v", name, p.rows)
		}
	}
}

// Other looks at rows have no preview.
func TestMarginals(t *testing.T) {
	sex := node(plan.Root("SexAtBirth"))
	everyone := node(plan.Root("Everyone"))
	for _, n := range []*plan.Node{
		node(node(everyone.Then("Frame", sex)).Then("Rows")),
		node(node(everyone.Then("By", sex)).Then("Head", int64(5))),
		node(node(everyone.Then("Frame", sex)).Then("Head", int64(0))),
	} {
		if m := Marginals(n); len(m) != 0 {
			t.Errorf("%s has %d marginals", n, len(m))
		}
	}
}

// The card says that its rows are invented, in every form.
func TestPreviewIsMarked(t *testing.T) {
	g := &Guard{limits: Builtin.limits()}
	n, columns := look(t, 5)
	columns[0].Table = labelsOf([]string{"Female", "Male"}, 60, 40)
	s := g.preview(n, columns).sheet(previewTitle)
	for _, form := range []string{s.text(), s.html()} {
		if !strings.Contains(form, "Synthetic rows: invented, nobody") || !strings.Contains(form, "of no participant") {
			t.Errorf("not marked:\n%s", form)
		}
	}
}
