// Package rules decides, for one statistic of one group, whether the policy lets
// its number be seen: primary suppression. Count, Mean and Proportion are the
// rules; a statistic without one is not released (DESIGN, invariant 6).
//
// A rule looks at counts of distinct participants. A count is safe when it is 0
// or above the threshold; a number is shown when every count that follows from
// it and from the group's participants, which stand beside it, is safe.
package rules

import (
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

// Rule decides on a statistic of a group of all participants.
type Rule func(l Limits, all tally.Set, v tally.Value) Verdict

// For is the rule of a statistic, nil when there is none.
func For(stat *plan.Node) Rule { return table[stat.Op()] }

var table = map[string]Rule{
	"Count":      count,
	"Proportion": proportion,
	"Mean":       mean,
}

// Participants is the rule for a group's number of participants.
func Participants(l Limits, all tally.Set) Verdict {
	return Verdict{Hidden: !l.Safe(all.Participants), Value: float64(all.Participants), Kind: Count}
}

// count: the participants for whom it is true, and those for whom it is not or is
// missing, who follow from the group.
func count(l Limits, all tally.Set, v tally.Value) Verdict {
	t := v.True.Participants
	return Verdict{
		Hidden: !l.Safe(all.Participants) || !l.Safe(t) || !l.Safe(all.Participants-t),
		Value:  float64(t),
		Kind:   Count,
	}
}

// proportion: numerator, complement and denominator are counts, and so are those
// without a value, who follow from the group and the denominator.
func proportion(l Limits, all tally.Set, v tally.Value) Verdict {
	n, t := v.Known.Participants, v.True.Participants
	out := Verdict{Kind: Share, None: n == 0}
	for _, c := range []int64{all.Participants, n, t, n - t, all.Participants - n, all.Participants - t} {
		out.Hidden = out.Hidden || !l.Safe(c)
	}
	if n > 0 {
		out.Value = math.Round(1000*float64(t)/float64(n)) / 1000
	}
	return out
}

// mean: of more than the threshold's participants with a value.
func mean(l Limits, all tally.Set, v tally.Value) Verdict {
	n := v.Known.Participants
	out := Verdict{Kind: Measure, None: n == 0, Hidden: !l.Safe(all.Participants) || !l.Safe(n)}
	if n > 0 {
		out.Value = significant(v.Sum/float64(n), 4)
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
