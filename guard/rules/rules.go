// Package rules decides, for one statistic of one group, whether the policy lets
// its numbers be seen: primary suppression. For finds the rule of a statistic; a
// statistic without one is not released (DESIGN, invariant 6).
//
// A rule looks at counts of distinct participants. A count is safe when it is 0
// or above the threshold; a number is shown when every count that follows from
// it and from the group's participants, which stand beside it, is safe.
package rules

import (
	"fmt"
	"math"

	"weir/datasets/plan"
	"weir/datasets/tally"
)

// Limits are what the policy asks for.
type Limits struct {
	Threshold int64 // a count from 1 to Threshold is not shown
}

// Safe says whether a count of participants may be seen. All of Us Data and
// Statistics Dissemination Policy: no count of 1 to 20; a count of 0 is permitted.
func (l Limits) Safe(participants int64) bool { return participants == 0 || participants > l.Threshold }

func (l Limits) allSafe(counts ...int64) bool {
	for _, c := range counts {
		if !l.Safe(c) {
			return false
		}
	}
	return true
}

// Verdict is what a rule makes of a number.
type Verdict struct {
	Hidden bool
	None   bool    // there is nothing to compute from; not hidden
	Value  float64 // rounded as it is shown
	Kind   Kind
}

// Kind says how a number reads.
type Kind int

// The kinds of numbers.
const (
	Count   Kind = iota // of participants
	Share               // of participants, 0 to 1, shown as a percentage with one decimal
	Measure             // of a value, shown with four significant digits
)

// Rule decides on the numbers of a statistic, in the order of its parts, of a
// group of all participants.
type Rule struct {
	Parts  func(stat *plan.Node, v *tally.Value) []string // names of the numbers behind the statistic's; nil for one
	Decide func(l Limits, stat *plan.Node, all tally.Set, v *tally.Value) []Verdict
}

// For is the rule of a statistic.
func For(stat *plan.Node) (Rule, bool) {
	r, ok := table[stat.Op()]
	return r, ok
}

var table = map[string]Rule{
	"Count":      {nil, count},
	"Proportion": {nil, proportion},
	"Mean":       {nil, moment((*tally.Value).Mean, 1)},
	"SD":         {nil, moment((*tally.Value).SD, 2)},
	"Sum":        {nil, sum},
	"Median":     {nil, quantiles},
	"Quantile":   {nil, quantiles},
	"Quartiles":  {percentiles, quantiles},
	"Box":        {percentiles, quantiles},
	"Shares":     {func(_ *plan.Node, v *tally.Value) []string { return v.Labels }, shares},
	"Rate":       {func(*plan.Node, *tally.Value) []string { return []string{"events", "person-years", "rate per 1,000"} }, rate},
}

// Participants is the rule for a group's number of participants.
func Participants(l Limits, all tally.Set) Verdict {
	return Verdict{Hidden: !l.Safe(all.Participants), Value: float64(all.Participants), Kind: Count}
}

// count: the participants for whom it is true, and those for whom it is not or is
// missing, who follow from the group.
func count(l Limits, _ *plan.Node, all tally.Set, v *tally.Value) []Verdict {
	t := v.True.Participants
	return []Verdict{{Hidden: !l.allSafe(all.Participants, t, all.Participants-t), Value: float64(t), Kind: Count}}
}

// proportion: numerator, complement and denominator are counts, and so are those
// without a value, who follow from the group and the denominator.
func proportion(l Limits, _ *plan.Node, all tally.Set, v *tally.Value) []Verdict {
	n, t := v.Known.Participants, v.True.Participants
	return []Verdict{{
		Kind:   Share,
		None:   n == 0,
		Hidden: !l.allSafe(all.Participants, n, t, n-t, all.Participants-n, all.Participants-t),
		Value:  share(t, n),
	}}
}

// share is a proportion rounded to a tenth of a percent.
func share(t, n int64) float64 {
	if n == 0 {
		return 0
	}
	return math.Round(1000*float64(t)/float64(n)) / 1000
}

// moment: of more than the threshold's participants with a value.
func moment(of func(*tally.Value) float64, least int64) func(Limits, *plan.Node, tally.Set, *tally.Value) []Verdict {
	return func(l Limits, _ *plan.Node, all tally.Set, v *tally.Value) []Verdict {
		n := v.Known.Participants
		out := Verdict{Kind: Measure, None: n < least, Hidden: !l.allSafe(all.Participants, n)}
		if !out.None {
			out.Value = significant(of(v), 4)
		}
		return []Verdict{out}
	}
}

// dominance is how much of the largest contribution to a sum the others, but for
// the second, must make up: the p%-rule with p = 10.
const dominance = 0.10

// sum: no participant's part can be told to within p% by the second largest.
func sum(l Limits, _ *plan.Node, all tally.Set, v *tally.Value) []Verdict {
	n := v.Known.Participants
	rest := math.Abs(v.Sum) - v.Largest[0] - v.Largest[1]
	return []Verdict{{
		Kind: Measure, None: n == 0, Value: significant(v.Sum, 4),
		Hidden: !l.allSafe(all.Participants, n, all.Participants-n) || n > 0 && rest < dominance*v.Largest[0],
	}}
}

// levels are the quantiles of a statistic.
func levels(stat *plan.Node) []float64 {
	switch stat.Op() {
	case "Quantile":
		return []float64{stat.Float(0)}
	case "Quartiles":
		return []float64{0.25, 0.5, 0.75}
	case "Box":
		return []float64{0.05, 0.25, 0.5, 0.75, 0.95}
	}
	return []float64{0.5}
}

func percentiles(stat *plan.Node, _ *tally.Value) []string {
	var out []string
	for _, p := range levels(stat) {
		out = append(out, fmt.Sprintf("%g%%", 100*p))
	}
	return out
}

// quantiles: more than the threshold's participants lie on each side.
func quantiles(l Limits, stat *plan.Node, all tally.Set, v *tally.Value) []Verdict {
	var out []Verdict
	n := v.Known.Participants
	for _, p := range levels(stat) {
		below := int64(p * float64(n))
		d := Verdict{Kind: Measure, None: n == 0, Hidden: !l.Safe(all.Participants) || n > 0 && (below <= l.Threshold || n-below <= l.Threshold)}
		if !d.Hidden && !d.None {
			d.Value = significant(interpolated(v.Sorted, p), 4)
		}
		out = append(out, d)
	}
	return out
}

// interpolated is a quantile of sorted values (R's type 7).
func interpolated(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// shares: each part is a count, and so are the parts that are hidden together,
// which follow from the others.
func shares(l Limits, _ *plan.Node, all tally.Set, v *tally.Value) []Verdict {
	n := v.Known.Participants
	out := make([]Verdict, len(v.Parts))
	whole := l.allSafe(all.Participants, n, all.Participants-n)
	hidden, together := 0, int64(0)
	for i, p := range v.Parts {
		t := p.Participants
		out[i] = Verdict{Kind: Share, None: n == 0, Value: share(t, n), Hidden: !whole || !l.allSafe(t, n-t)}
		if out[i].Hidden {
			hidden, together = hidden+1, together+t
		}
	}
	for hidden == 1 || hidden > 0 && !l.Safe(together) {
		least := -1
		for i, p := range v.Parts {
			if !out[i].Hidden && p.Participants > 0 && (least < 0 || p.Participants < v.Parts[least].Participants) {
				least = i
			}
		}
		if least < 0 {
			break
		}
		out[least].Hidden = true
		hidden, together = hidden+1, together+v.Parts[least].Participants
	}
	return out
}

const daysPerYear = 365.25

// rate: those with the event, those at risk without it, and both are counts.
func rate(l Limits, _ *plan.Node, all tally.Set, v *tally.Value) []Verdict {
	n, t := v.Known.Participants, v.True.Participants
	hidden := !l.allSafe(all.Participants, n, t, n-t, all.Participants-n)
	years := v.Sum / daysPerYear
	out := []Verdict{{Kind: Count, Value: float64(t)}, {Kind: Measure, Value: significant(years, 4)}, {Kind: Measure}}
	if years > 0 {
		out[2].Value = significant(1000*float64(t)/years, 4)
	}
	for i := range out {
		out[i].Hidden, out[i].None = hidden, n == 0
	}
	return out
}

// significant rounds x to so many significant digits.
func significant(x float64, digits int) float64 {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return x
	}
	scale := math.Pow(10, float64(digits-1)-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*scale) / scale
}
