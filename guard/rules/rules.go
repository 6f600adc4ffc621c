// Package rules says what each statistic gives away. For finds the rule of a
// statistic; a statistic without one is not released (DESIGN, invariant 6).
//
// A rule lowers the statistic of one group to facts, which are counts of distinct
// participants that make up the group, and to numbers, each of which gives some of
// the facts away. It also hides a number by itself where facts are not enough:
// dominance, too few participants behind a quantile. Which numbers are hidden for
// the sake of the facts is decided over a whole table (package audit).
package rules

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"weir/datasets/plan"
	"weir/datasets/tally"
)

// Limits are what the policy asks for.
type Limits struct {
	Threshold int64 // a count from 1 to Threshold is not shown
	P, K      int64 // dominance: the p%-rule and the (2,k)-rule, in percent
	Digits    int64 // significant digits of a measure
	Decimals  int64 // of a percentage
	Means     int64 // participants behind a mean, a standard deviation, a sum
	Quantiles int64 // participants on each side of a quantile
}

// Safe says whether a count of participants may be seen. All of Us Data and
// Statistics Dissemination Policy: no count of 1 to 20; a count of 0 is permitted.
func (l Limits) Safe(participants int64) bool { return participants == 0 || participants > l.Threshold }

// Lowering is what a statistic of a group comes down to.
type Lowering struct {
	Facts   []Fact  // those that are not apart make up the group: everyone is in one
	Unions  [][]int // facts that a number gives away together: they are a count, too
	Numbers []Number
}

// Fact is participants of the group, such as those for whom a column is true.
type Fact struct {
	Name string // what it has in common with facts of other groups, with which it adds up
	Set  tally.Set

	// Apart is a sum over the participants: it adds up over groups as their count
	// does, but does not tell the count.
	Apart bool
}

// Number is one that a table shows.
type Number struct {
	Value  float64 // rounded as it is shown
	Kind   Kind
	Text   string // instead of the value: an interval that holds it
	None   bool   // there is nothing to compute from; not hidden
	Hidden bool   // hidden by itself
	Gives  []int  // the facts that it gives away
	Guards []int  // the facts that nobody may work out when it is hidden by itself
}

// Kind says how a number reads.
type Kind int

// The kinds of numbers.
const (
	Count   Kind = iota // of participants
	Share               // of participants, 0 to 1, shown as a percentage
	Measure             // of a value
)

// Rule lowers the numbers of a statistic, in the order of its parts, of a group of
// all participants. Within is what the column's values are in the whole table.
type Rule struct {
	Parts func(stat *plan.Node, v *tally.Value) []string // names of the numbers behind the statistic's; nil for one
	Lower func(l Limits, stat *plan.Node, all tally.Set, v *tally.Value, within Values) Lowering
}

// Values says what a Number's values are over all groups of a table.
type Values struct {
	Two       bool // no other than these two
	Low, High float64
	Weigh     bool // the numbers of groups and of their total tell how much each weighs
}

// Within looks at the values of a statistic in all groups.
func Within(groups []tally.Group, stat int) Values {
	var out Values
	first := true
	for i := range groups {
		if v := &groups[i].Values[stat]; v.Low.At.Participants > 0 {
			if first {
				out.Low, out.High, first = v.Low.Value, v.High.Value, false
			}
			out.Low, out.High = min(out.Low, v.Low.Value), max(out.High, v.High.Value)
		}
	}
	out.Two = out.Low < out.High
	for i := range groups {
		v := &groups[i].Values[stat]
		low, high := of(v, out.Low), of(v, out.High)
		out.Two = out.Two && low.Participants+high.Participants == v.Known.Participants
	}
	return out
}

// Weigh says whether the means, or standard deviations, of groups and of their total
// tell how many participants with a value each group has: the total's is the groups'
// weighted by these. What is rounded away must leave room for the threshold and more.
// counted says that the table counts who has no value, so that who misses the count
// knows that there are some.
func (l Limits) Weigh(groups []tally.Group, stat *plan.Node, at int, counted bool) bool {
	if stat.Op() != "Mean" && stat.Op() != "SD" {
		return false
	}
	place, lines := map[string]int{}, map[int]map[int][]int{} // by total and key
	for i := range groups {
		place[strings.Join(groups[i].Labels, "\x00")] = i
	}
	for i := range groups {
		labels := slices.Clone(groups[i].Labels)
		for k, label := range labels {
			labels[k] = plan.Total
			if total, ok := place[strings.Join(labels, "\x00")]; ok && label != plan.Total {
				if lines[total] == nil {
					lines[total] = map[int][]int{}
				}
				lines[total][k] = append(lines[total][k], i)
			}
			labels[k] = label
		}
	}
	few := func(i int) bool {
		n := groups[i].Values[at].Known.Participants
		return n > 0 && n < l.Means
	}
	for total, keys := range lines {
		for _, line := range keys {
			if slices.ContainsFunc(line, few) { // its sum is not known, and takes up weight
				if stat.Op() == "Mean" && l.cramped(groups, line, total, at, counted) {
					return true
				}
				continue
			}
			for _, i := range line {
				if l.weighs(stat, &groups[i].Values[at], &groups[total].Values[at]) {
					return true
				}
			}
		}
	}
	return false
}

// cramped says whether the means of a line, in which some group's is not shown, bound
// a small number of participants with or without a value so that it is known to be
// small: the hidden sum is of values in the range that they have.
func (l Limits) cramped(groups []tally.Group, line []int, total, at int, counted bool) bool {
	all, left := &groups[total].Values[at], groups[total].All.Participants
	boxes := make([]weight, len(line))
	for k, i := range line {
		v, n := &groups[i].Values[at], groups[i].All.Participants
		left -= n
		boxes[k] = weight{0, n, min(0, all.Low.Value), all.High.Value}
		if v.Known.Participants >= l.Means {
			boxes[k] = weight{l.Means, n, v.Mean(), v.Mean()}
		}
	}
	if left != 0 {
		return false // some are in several groups: the means do not add up
	}
	possible := func(k int, least, most int64) bool {
		was := boxes[k]
		defer func() { boxes[k] = was }()
		boxes[k].least, boxes[k].most = max(was.least, least), min(was.most, most)
		return boxes[k].least <= boxes[k].most && balance(boxes, all.Known.Participants, all.Sum)
	}
	for k, i := range line {
		n, of := groups[i].Values[at].Known.Participants, groups[i].All.Participants
		more := possible(k, 0, of-l.Threshold-1)
		if !l.Safe(of-n) && !l.tells(groups[i].All, l.Means) && !more && (counted || !possible(k, of, of)) {
			return true
		}
		if !l.Safe(n) && !possible(k, l.Threshold+1, of) && !possible(k, 0, 0) {
			return true
		}
	}
	return false
}

// weight is how many participants of a group can have a value, and what it can be on average.
type weight struct {
	least, most int64
	low, high   float64
}

// balance says whether so many participants can have a sum.
func balance(boxes []weight, participants int64, sum float64) bool {
	end := func(value func(weight) float64, sign float64) float64 {
		order := slices.Clone(boxes)
		slices.SortFunc(order, func(a, b weight) int { return cmp.Compare(sign*value(a), sign*value(b)) })
		left, out := participants, 0.0
		for _, b := range order {
			left -= b.least
			out += float64(b.least) * value(b)
		}
		for _, b := range order {
			more := min(max(left, 0), b.most-b.least)
			left -= more
			out += float64(more) * value(b)
		}
		if left != 0 {
			return sign * math.Inf(1)
		}
		return out
	}
	return end(func(w weight) float64 { return w.low }, 1) <= sum && sum <= end(func(w weight) float64 { return w.high }, -1)
}

// weighs says whether a participant more or fewer in a group moves its total by more
// than rounding hides of the threshold's number of them.
func (l Limits) weighs(stat *plan.Node, part, total *tally.Value) bool {
	n := float64(part.Known.Participants)
	if n < 2 {
		return false // not shown
	}
	apart := part.Mean() - total.Mean()
	rounded := n * l.unit(part.Mean())
	if stat.Op() == "SD" {
		s, t := part.SD(), total.SD()
		apart, rounded = s*s+apart*apart-t*t, n*2*s*l.unit(s)
	}
	return math.Abs(apart)*float64(l.Threshold) > rounded
}

// of is the participants with a value that is an end of a group's values.
func of(v *tally.Value, x float64) tally.Set {
	switch {
	case v.High.At.Participants > 0 && v.High.Value == x:
		return v.High.At
	case v.Low.At.Participants > 0 && v.Low.Value == x:
		return v.Low.At
	}
	return tally.Set{}
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
	"Sum":        {nil, moment(func(v *tally.Value) float64 { return v.Sum }, 1)},
	"Median":     {nil, quantiles},
	"Quantile":   {nil, quantiles},
	"Quartiles":  {percentiles, quantiles},
	"Box":        {percentiles, quantiles},
	"Shares":     {func(_ *plan.Node, v *tally.Value) []string { return v.Labels }, shares},
	"Rate":       {func(*plan.Node, *tally.Value) []string { return []string{"events", "person-years", "rate per 1,000"} }, rate},
}

// truth is the facts of a column of yes and no.
func truth(all, known, is tally.Set) []Fact {
	return []Fact{{Name: "true", Set: is}, {Name: "false", Set: known.Minus(is)}, {Name: "missing", Set: all.Minus(known)}}
}

// count: the participants for whom it is true, and those for whom it is not or is
// missing, who follow from the group.
func count(_ Limits, _ *plan.Node, all tally.Set, v *tally.Value, _ Values) Lowering {
	return Lowering{
		Facts:   truth(all, v.Known, v.True),
		Unions:  [][]int{{1, 2}},
		Numbers: []Number{{Kind: Count, Value: float64(v.True.Participants), Gives: []int{0}}},
	}
}

// proportion: numerator, complement and denominator are counts, and so are those
// without a value, who follow from the group and the denominator.
func proportion(l Limits, _ *plan.Node, all tally.Set, v *tally.Value, _ Values) Lowering {
	return Lowering{
		Facts: truth(all, v.Known, v.True),
		Numbers: []Number{{
			Kind: Share, None: v.Known.Participants == 0, Value: l.share(v.True.Participants, v.Known.Participants),
			Gives: []int{0, 1, 2},
		}},
	}
}

// share is a proportion rounded as percentages are shown.
func (l Limits) share(t, n int64) float64 {
	if n == 0 {
		return 0
	}
	scale := math.Pow(10, float64(2+l.Decimals))
	return math.Round(scale*float64(t)/float64(n)) / scale
}

// moment is of more than a few participants with a value, none of whom can be told
// from the others. Of values of which there are only two it gives away how many
// have each; where nearly all have the lowest value, or nearly all the highest, it
// would give away the others; and where two make up most of the sum, each would tell
// the other's. It gives away its own sum, and where it tells by how many that was
// divided, that as well.
func moment(number func(*tally.Value) float64, least int64) func(Limits, *plan.Node, tally.Set, *tally.Value, Values) Lowering {
	return func(l Limits, stat *plan.Node, all tally.Set, v *tally.Value, within Values) Lowering {
		n := v.Known.Participants
		out := Number{Kind: Measure, None: n < least}
		if !out.None {
			out.Value = l.significant(number(v))
		}
		out.Hidden = n > 0 && (n < l.Means || l.alike(v.Low, n) || l.alike(v.High, n) || l.Dominated(v))
		parts := []Fact{{Name: "sum", Set: v.Known, Apart: true}}
		switch {
		case within.Two:
			parts = append(parts, truth(all, v.Known, of(v, within.High))...)
		case n > 0 && (stat.Op() == "Sum" || l.divided(stat, v, out.Value) || within.Weigh || l.tells(all, l.Means)):
			parts = append(parts, Fact{Name: "known", Set: v.Known}, Fact{Name: "missing", Set: all.Minus(v.Known)})
		}
		for i := range parts {
			out.Gives = append(out.Gives, i)
		}
		out.Guards = []int{0}
		return Lowering{Facts: parts, Numbers: []Number{out}}
	}
}

// tells: a number that is shown, or shown otherwise, from so many participants with
// a value on tells how many have one where it would be few who miss it.
func (l Limits) tells(all tally.Set, from int64) bool {
	return from <= all.Participants && from >= all.Participants-l.Threshold
}

// alike: all but a few have the same value.
func (l Limits) alike(end tally.End, n int64) bool {
	most := end.At.Participants
	return most == 0 || 2*most > n && !l.Safe(n-most)
}

// divided says whether a number tells by how many participants its sum was divided.
// The mean of n multiples of r is a multiple of r/n: where what is rounded away is
// more, there is such a multiple for every n that is as large. The squared deviations
// add up to a multiple of r²/n; of values that hardly differ they may tell more.
func (l Limits) divided(stat *plan.Node, v *tally.Value, shown float64) bool {
	n, r, u := float64(v.Known.Participants), v.Resolution(), l.unit(shown)
	return n*u < r || stat.Op() == "SD" && 2*shown*u*(n-1) < r*r
}

// unit is what the last digit of a rounded number stands for.
func (l Limits) unit(x float64) float64 {
	if x == 0 {
		return 0
	}
	return math.Pow(10, math.Floor(math.Log10(math.Abs(x)))-float64(l.Digits-1))
}

// Dominated: the second largest contributor knows the largest value to within P%,
// or two make up more than K% of the sum (Hundepool et al., Handbook on Statistical
// Disclosure Control, 4.2.1).
func (l Limits) Dominated(v *tally.Value) bool {
	two, all := v.Largest[0]+v.Largest[1], max(v.Absolute, math.Abs(v.Sum))
	return 100*(all-two) < float64(l.P)*v.Largest[0] || 100*two > float64(l.K)*all
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

// quantiles stand for enough participants on each side. One that does not is
// coarsened to an interval that does: below the value under which enough lie, or
// above the one over which enough do. It does not add up over groups. Between two
// values it lies at a place that tells by how many participants it was divided: it
// is rounded as they are where that would tell how many have none.
func quantiles(l Limits, stat *plan.Node, all tally.Set, v *tally.Value, _ Values) Lowering {
	out := Lowering{Facts: []Fact{{Name: "known", Set: v.Known}, {Name: "missing", Set: all.Minus(v.Known)}}}
	n := v.Known.Participants
	missing := all.Participants > n
	grid := 0.0
	for _, p := range levels(stat) {
		d := Number{Kind: Measure, None: n == 0}
		if l.looks(p, all.Participants) || !apart(p) {
			d.Gives = []int{0, 1}
		}
		switch sign, at := l.look(p, n); {
		case n == 0:
		case sign == "few":
			d.Hidden = true
		case sign == "≤":
			d.Text = "≤ " + l.text(v.Sorted[at], math.Ceil)
		case sign == "≥":
			d.Text = "≥ " + l.text(v.Sorted[n+at], math.Floor)
		default:
			x, between := interpolated(v.Sorted, p)
			d.Value = l.significant(x)
			switch {
			case between && missing:
				if grid == 0 {
					grid = resolution(v.Sorted)
				}
				d.Value = l.onGrid(x, grid)
			case between: // everybody has a value: it would be rounded otherwise
				d.Gives = []int{0, 1}
			}
		}
		out.Numbers = append(out.Numbers, d)
	}
	return out
}

// look is how a quantile of n values is shown: as it is, as an interval up to or from
// one of them (from the end where at is negative), or not at all.
func (l Limits) look(p float64, n int64) (sign string, at int64) {
	below := int64(p * float64(n))
	switch {
	case n < 2*l.Quantiles:
		return "few", 0
	case below < l.Quantiles:
		return "≤", max(l.Quantiles-1, int64(math.Ceil(p*float64(n-1))))
	case n-below < l.Quantiles:
		return "≥", -l.Quantiles
	}
	return "", 0
}

// looks says whether the look of a quantile tells how many have a value where it would
// be few who miss it. The values that are next to the fewest of those that a look
// stands for are those that other quantiles are coarsened to: what these say may
// exclude so many numbers more.
func (l Limits) looks(p float64, all int64) bool {
	sign, at := l.look(p, all)
	beside := int64(math.Ceil(2 / (1 - p)))
	for n := all - 1; n >= all-l.Threshold-2-beside; n-- {
		if s, a := l.look(p, n); s != sign || a != at {
			return true
		}
	}
	return false
}

// apart says whether a level is a multiple of 5%: no two of these lie between the same
// values, of as many as are shown. Of levels nearer to each other, asked at once or one
// by one, it can be seen where the next value begins, and so how many there are.
func apart(p float64) bool {
	return math.Abs(20*p-math.Round(20*p)) < 1e-9
}

// resolution is what sorted values are multiples of.
func resolution(sorted []float64) float64 {
	var v tally.Value
	for _, x := range sorted {
		v.Resolve(x)
	}
	return v.Resolution()
}

// onGrid is a number as it is shown, if that is a multiple of grid, or the next one.
func (l Limits) onGrid(x, grid float64) float64 {
	shown := l.significant(x)
	if steps := shown / grid; math.Abs(steps-math.Round(steps)) < 1e-6 {
		return shown
	}
	return l.significant(math.Round(x/grid) * grid)
}

func (l Limits) text(x float64, round func(float64) float64) string {
	if s := l.significant(x); math.Abs(s-x) <= 1e-9*math.Abs(x) { // 2.03 is a little less
		return fmt.Sprintf("%g", s)
	}
	return fmt.Sprintf("%g", rounded(x, l.Digits, round))
}

// interpolated is a quantile of sorted values (R's type 7), and whether it lies
// between two of them.
func interpolated(sorted []float64, p float64) (x float64, between bool) {
	at := p * float64(len(sorted)-1)
	i := int(at)
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1], false
	}
	part := at - float64(i)
	return sorted[i] + part*(sorted[i+1]-sorted[i]), part > 0 && sorted[i] < sorted[i+1]
}

// shares: each part is a count, and all of them give away who has no label.
func shares(l Limits, _ *plan.Node, all tally.Set, v *tally.Value, _ Values) Lowering {
	var out Lowering
	n := v.Known.Participants
	missing := len(v.Parts)
	for i, p := range v.Parts {
		out.Facts = append(out.Facts, Fact{Name: "label " + v.Labels[i], Set: p})
		out.Numbers = append(out.Numbers, Number{Kind: Share, None: n == 0, Value: l.share(p.Participants, n), Gives: []int{i, missing}})
	}
	out.Facts = append(out.Facts, Fact{Name: "missing", Set: all.Minus(v.Known)})
	return out
}

const daysPerYear = 365.25

// rate: those with the event, those at risk without it, and those not at risk are
// counts; person-years add up like any sum.
func rate(l Limits, _ *plan.Node, all tally.Set, v *tally.Value, _ Values) Lowering {
	n, t := v.Known.Participants, v.True.Participants
	years := v.Sum / daysPerYear
	numbers := []Number{{Kind: Count, Value: float64(t)}, {Kind: Measure, Value: l.significant(years)}, {Kind: Measure}}
	if years > 0 {
		numbers[2].Value = l.significant(1000 * float64(t) / years)
	}
	for i := range numbers {
		numbers[i].None, numbers[i].Gives = n == 0, []int{0, 1, 2}
		numbers[i].Hidden = n > 0 && l.Dominated(v)
	}
	return Lowering{Facts: truth(all, v.Known, v.True), Numbers: numbers}
}

func (l Limits) significant(x float64) float64 { return rounded(x, l.Digits, math.Round) }

// rounded has so many significant digits.
func rounded(x float64, digits int64, round func(float64) float64) float64 {
	if x == 0 || math.IsInf(x, 0) || math.IsNaN(x) {
		return x
	}
	scale := math.Pow(10, float64(digits-1)-math.Floor(math.Log10(math.Abs(x))))
	return round(x*scale) / scale
}
