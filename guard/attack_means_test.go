package guard_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"weir/datasets/plan"
	"weir/datasets/tally"
)

// meanOf publishes mean and standard deviation of values beside so many participants
// who miss them, in a table of one more group.
func meanOf(t *testing.T, values []float64, missing int, stats ...string) *plan.Result {
	t.Helper()
	w := &world{}
	x := &source{node: must(must(must(must(plan.Root("Measurement", 9)).Then("Unit", "%")).Then("Last")).Then("Value")), hi: math.Inf(1)}
	of := &source{node: must(plan.Root("Answer", 1)), whole: true, labels: []string{"a", "b"}, hi: 1}
	for g := range 2 {
		for _, v := range values {
			x.value, of.value = append(x.value, v), append(of.value, float64(g))
		}
	}
	for range missing {
		x.value, of.value = append(x.value, math.NaN()), append(of.value, 0)
	}
	w.people = len(x.value)
	w.keys = []key{{node: of.node, of: of, label: category, cuts: halves(2), labels: of.labels, open: true}}
	args := []plan.Arg{}
	for _, s := range stats {
		n := must(x.node.Then(s))
		args, w.stats = append(args, n), append(w.stats, stat{node: n, of: x})
	}
	w.plan = must(must(must(plan.Root("Everyone")).Then("By", of.node)).Then("Summarise", args...))
	result, _, err := guarded()(w.plan, w.table())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// TestMeanTellsNotByHowMany: whoever knows what the values are multiples of looks
// which numbers of participants could have such a mean and such a standard deviation
// (every denominator is tried, which finds all that continued fractions do). When
// either is shown beside a hidden number of missing values, nobody missing must be
// possible, too. Of values with decimals most means are shown, of whole ones few.
func TestMeanTellsNotByHowMany(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 9))
	shown, tables := map[float64]int{}, 0
	for range 400 {
		n, missing := 21+r.IntN(400), 1+r.IntN(20)
		step := []float64{1, 0.1, 0.01}[r.IntN(3)]
		spread := []float64{0.3, 5, 40}[r.IntN(3)]
		values := make([]float64, n)
		var v tally.Value
		for i := range values {
			values[i] = math.Round((60+spread*r.NormFloat64())/step) * step
			v.Resolve(values[i])
		}
		if math.Abs(v.Resolution()-step) > 1e-12 {
			t.Fatalf("multiples of %g are taken for those of %g", step, v.Resolution())
		}
		tables++
		row := meanOf(t, values, missing, "Mean", "SD").Groups[0]
		if row.Participants.Hidden || row.Cells[0].Hidden && row.Cells[1].Hidden {
			continue
		}
		shown[step]++
		mo := &moments{step: step}
		if !row.Cells[0].Hidden {
			mo.mean = &row.Cells[0].Value
		}
		if !row.Cells[1].Hidden {
			mo.sd = &row.Cells[1].Value
		}
		var admitted []int
		for k := n + missing - threshold; k <= n+missing; k++ {
			if mo.admits(k) {
				admitted = append(admitted, k)
			}
		}
		if len(admitted) < 2 || admitted[len(admitted)-1] != n+missing {
			t.Fatalf("%d of %d multiples of %g have the mean %v and the SD %v: only %v could", n, n+missing, step, row.Cells[0].Text, row.Cells[1].Text, admitted)
		}
	}
	t.Logf("%d tables; shown, by step: %v", tables, shown)
	if shown[0.01] < 50 || shown[0.1] < 10 {
		t.Error("too few to say anything")
	}
}
