package guard_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"weir/datasets/plan"
)

// place is what a quantile says of two neighbours among values in order, or of one of
// them: in steps of what they are multiples of, (1−part)·v[at] + part·v[at+1] is
// within lo to hi.
type place struct {
	at           int
	part, lo, hi float64
}

// farthest is how many steps neighbours may lie apart. A larger number makes more
// possible, and the attacker weaker.
const farthest = 60

// ordered says whether there are values in order, multiples of a step, of which these
// places are so.
func ordered(places []place) bool {
	var touched []int
	for _, p := range places {
		if touched = append(touched, p.at); p.part > 0 {
			touched = append(touched, p.at+1)
		}
	}
	slices.Sort(touched)
	var before []float64 // what the value before can be
	last := -2
	for _, i := range slices.Compact(touched) {
		var can []float64
		try := func(from, v float64) {
			for _, p := range places {
				x := v
				if p.part > 0 && p.at == i-1 && last == i-1 {
					x = (1-p.part)*from + p.part*v
				} else if p.part > 0 || p.at != i {
					continue
				}
				if x < p.lo || x > p.hi {
					return
				}
			}
			can = append(can, v)
		}
		paired := slices.ContainsFunc(places, func(p place) bool { return p.part > 0 && p.at == i-1 })
		if paired {
			for _, from := range before {
				for gap := range farthest {
					try(from, from+float64(gap))
				}
			}
		} else {
			lo, hi := math.Inf(-1), math.Inf(1)
			for _, p := range places {
				if p.at == i {
					lo, hi = max(lo, p.lo-farthest), min(hi, p.hi)
				}
			}
			if before != nil {
				lo = max(lo, before[0])
			}
			for v := math.Ceil(lo); v <= hi; v++ {
				try(v, v)
			}
		}
		if len(can) == 0 {
			return false
		}
		slices.Sort(can)
		before, last = slices.Compact(can), i
	}
	return true
}

// placed is what a cell says if n of all participants have a value; false if it would
// look otherwise.
func placed(c plan.Cell, p, step float64, n, all int) (place, bool) {
	few := float64(threshold)
	below := math.Floor(p*float64(n) + 1e-9)
	at := p * float64(n-1)
	whole := math.Floor(at + 1e-9)
	look := ""
	switch {
	case n <= 2*threshold+1:
		look = "hidden"
	case below <= few:
		look = "≤"
	case float64(n)-below <= few:
		look = "≥"
	}
	sign, number, interval := strings.Cut(c.Text, " ")
	switch {
	case !interval && look == "":
		h := half(c.Value) + 1e-9
		if n < all {
			if x := c.Value / step; math.Abs(x-math.Round(x)) > 1e-6 {
				return place{}, false // it would have been rounded
			}
			h = max(h, step/2+1e-9)
		}
		part := at - whole
		if part < 1e-9 {
			part = 0
		}
		return place{int(whole), part, (c.Value - h) / step, (c.Value + h) / step}, true
	case !interval || sign != look:
		return place{}, false
	}
	v, err := strconv.ParseFloat(number, 64)
	if err != nil {
		panic(err)
	}
	unit := 2 * half(v) // of the digits that are cut off
	if sign == "≤" {
		return place{int(max(few, math.Ceil(at-1e-9))), 0, (v-unit)/step + 1e-6, v/step + 1e-6}, true
	}
	return place{n - threshold - 1, 0, v/step - 1e-6, (v+unit)/step - 1e-6}, true
}

// quantilesOf publishes quantiles of values beside so many participants who miss them,
// in a table of one more group.
func quantilesOf(t *testing.T, values []float64, missing int, ask func(x *plan.Node) []plan.Arg) *plan.Result {
	t.Helper()
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
	w := &world{people: len(x.value)}
	w.keys = []key{{node: of.node, of: of, label: category, cuts: halves(2), labels: of.labels, open: true}}
	stats := ask(x.node)
	for _, s := range stats {
		w.stats = append(w.stats, stat{node: s.(*plan.Node), of: x})
	}
	w.plan = must(must(must(plan.Root("Everyone")).Then("By", of.node)).Then("Summarise", stats...))
	result, _, err := guarded()(w.plan, w.table())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// TestQuantilesTellNotByHowMany: whoever knows what the values are multiples of looks
// how many of them could have such quantiles, at such places, in such a look. Where
// few miss a value it must be possible that more do. Levels are far apart, or
// near each other.
func TestQuantilesTellNotByHowMany(t *testing.T) {
	op := func(name string) func(x *plan.Node) []plan.Arg {
		return func(x *plan.Node) []plan.Arg { return []plan.Arg{must(x.Then(name))} }
	}
	at := func(levels ...float64) func(x *plan.Node) (out []plan.Arg) {
		return func(x *plan.Node) (out []plan.Arg) {
			for _, p := range levels {
				out = append(out, must(x.Then("Quantile", p)))
			}
			return out
		}
	}
	asked := []func(*plan.Node) []plan.Arg{
		op("Median"), op("Quartiles"), op("Box"),
		at(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
		at(0.05, 0.1, 0.15, 0.2, 0.25, 0.45, 0.5, 0.55, 0.75, 0.8, 0.85, 0.9, 0.95),
		at(0.5, 0.51, 0.52, 0.53), at(0.4, 0.425, 0.45), at(0.37), at(1.0/3, 2.0/3),
	}
	r := rand.New(rand.NewPCG(11, 3))
	shown, hidden := make([]int, len(asked)), make([]int, len(asked))
	for i := range 1800 {
		n, missing := []int{42, 70, 195, 390}[r.IntN(4)]+r.IntN(50), 1+r.IntN(threshold)
		per := []float64{1, 10, 100}[r.IntN(3)]
		step := 1 / per
		spread := []float64{1, 5, 40}[r.IntN(3)]
		values := make([]float64, n)
		for j := range values {
			values[j] = math.Round(200+spread*r.NormFloat64()) / per
		}
		of := i % len(asked)
		result := quantilesOf(t, values, missing, asked[of])
		row := result.Groups[0]
		all := n + missing
		if row.Participants.Hidden {
			continue
		}
		var levels []float64
		for _, s := range asked[of](must(plan.Root("Age"))) {
			levels = append(levels, levelsOf(s.(*plan.Node))...)
		}
		admits := func(k int) bool {
			var places []place
			for j, c := range row.Cells {
				if !c.Hidden {
					p, ok := placed(c, levels[j], step, k, all)
					if !ok {
						return false
					}
					places = append(places, p)
				}
			}
			return ordered(places)
		}
		some := false
		for _, c := range row.Cells {
			if some = some || !c.Hidden; c.Hidden {
				hidden[of]++
			} else {
				shown[of]++
			}
		}
		if !some {
			continue
		}
		if !admits(n) {
			t.Fatalf("the attacker does not believe what is so: %d of %d multiples of %g: %s", n, all, step, shownText(result))
		}
		more := false
		for k := all - threshold - 1; k > all-2*threshold-1 && !more; k-- {
			more = admits(k)
		}
		if !more {
			t.Errorf("of %d participants no %d to %d could miss one of the multiples of %g, and %d do: %s", all, threshold+1, 2*threshold, step, missing, shownText(result))
		}
	}
	t.Logf("shown %v, hidden %v", shown, hidden)
	for _, k := range shown[:5] {
		if k < 100 {
			t.Error("too few to say anything")
		}
	}
}
