// Package tally is what the engine hands to the guard: counts of distinct
// participants, sums and sorted values, by group, before anything is protected. A
// Table never leaves the process that holds the data; guard turns it into a
// release or a refusal.
package tally

import (
	"math"

	"weir/datasets/plan"
)

// Set is a set of participants, and the rows that stand for them.
type Set struct {
	Participants int64 // distinct
	Rows         int64 // of a split's events; otherwise one a participant
	Print        Print
}

// Print identifies a set of participants: equal sets have equal prints, and the
// print of a disjoint union is the sum. Two different sets have the same print
// with a probability of about 2⁻⁸⁰.
type Print [2]uint64

// PrintOf is the print of one participant. Each half is below 2⁴⁰, so that the
// prints of 2²⁴ participants add up without overflow (splitmix64, Steele, Lea and
// Flood 2014).
func PrintOf(participant int32) Print {
	var one [1]Print
	PrintsOf(participant, one[:])
	return one[0]
}

// PrintsOf writes the prints of consecutive participants.
func PrintsOf(first int32, to []Print) {
	for i := range to {
		p := uint64(uint32(first)) + uint64(i) + 1
		to[i][0] = mix(p * 0x9e3779b97f4a7c15)
		to[i][1] = mix(p * 0xd1342543de82ef95)
	}
}

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return (x ^ x>>31) >> 24
}

// Add adds the participants of a disjoint set.
func (s *Set) Add(t Set) {
	s.Participants += t.Participants
	s.Rows += t.Rows
	s.Print[0] += t.Print[0]
	s.Print[1] += t.Print[1]
}

// Table is the answer to a plan.
type Table struct {
	Keys   []Key
	Stats  []*plan.Node // what Values answer, in order
	Groups []Group      // in the order of the keys' labels, the first key slowest, totals last

	Members *Members // nil where it was not asked for
}

// Key is a key of the groups.
type Key struct {
	Plan     *plan.Node
	Labels   []string // all of them, in order, but for missing and total
	Closed   bool     // they come from the plan or a codebook, not from the data
	Additive bool     // a participant is in one group at most
}

// Group is the participants with the same labels.
type Group struct {
	Labels []string // in the order of the keys; plan.Missing and plan.Total among them
	All    Set
	Values []Value // in the order of the statistics
}

// Value is what a statistic is computed from in one group.
type Value struct {
	Known    Set   // with a value
	True     Set   // of a Bool: for whom it is true; of a rate: with an event
	Parts    []Set // of shares: by label of Labels
	Labels   []string
	Open     bool       // the labels come from the data, not from the plan or a codebook
	Low      End        // the lowest value of a Number's
	High     End        // and the highest
	Sum      float64    // of a Number's values; of a rate: person-days
	Absolute float64    // sum of the absolute values
	Squares  float64    // sum of squared deviations from the mean
	Largest  [2]float64 // the largest absolute values, of two participants
	Decimals int        // decimals that the values need: 0 for whole numbers
	Sorted   []float64  // for quantiles: every value, ascending
}

// End is the lowest or the highest value, and who has it.
type End struct {
	Value float64
	At    Set
}

// add adds the end of other participants: sign is 1 for the highest, −1 for the lowest.
func (e *End) add(o End, sign float64) {
	switch {
	case o.At.Participants == 0:
	case e.At.Participants == 0, sign*o.Value > sign*e.Value:
		*e = o
	case o.Value == e.Value:
		e.At.Add(o.At)
	}
}

// Mean is the mean of the values, NaN of none.
func (v *Value) Mean() float64 { return v.Sum / float64(v.Known.Participants) }

// SD is the standard deviation of the values (of a sample), NaN of fewer than two.
func (v *Value) SD() float64 {
	if v.Known.Participants < 2 {
		return math.NaN()
	}
	return math.Sqrt(v.Squares / float64(v.Known.Participants-1))
}

// Minus is the participants of a set without those of one within it.
func (s Set) Minus(t Set) Set {
	return Set{s.Participants - t.Participants, s.Rows - t.Rows, Print{s.Print[0] - t.Print[0], s.Print[1] - t.Print[1]}}
}

// Merge adds the values of other participants. Moments are combined as by Chan,
// Golub and LeVeque (1983); Sorted is left to who collects it.
func (v *Value) Merge(w *Value) {
	n, m := float64(v.Known.Participants), float64(w.Known.Participants)
	if n > 0 && m > 0 {
		d := w.Sum/m - v.Sum/n
		v.Squares += d * d * n * m / (n + m)
	}
	v.Squares += w.Squares
	v.Known.Add(w.Known)
	v.True.Add(w.True)
	v.Low.add(w.Low, -1)
	v.High.add(w.High, 1)
	v.Sum += w.Sum
	v.Absolute += w.Absolute
	v.Decimals = max(v.Decimals, w.Decimals)
	for _, x := range w.Largest {
		v.Contribute(x)
	}
	if v.Parts == nil && w.Parts != nil {
		v.Parts, v.Labels, v.Open = make([]Set, len(w.Parts)), w.Labels, w.Open
	}
	for i := range w.Parts {
		v.Parts[i].Add(w.Parts[i])
	}
}

// Contribute notes the absolute value of one participant.
func (v *Value) Contribute(x float64) {
	switch {
	case x > v.Largest[0]:
		v.Largest[1], v.Largest[0] = v.Largest[0], x
	case x > v.Largest[1]:
		v.Largest[1] = x
	}
}

// mostDecimals stands for that many or more.
const mostDecimals = 6

var scale = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5}

// Resolve notes how many decimals a value needs.
func (v *Value) Resolve(x float64) {
	for v.Decimals < mostDecimals {
		y := x * scale[v.Decimals]
		if math.Abs(y-math.Round(y)) <= 1e-9*(1+math.Abs(y)) {
			return
		}
		v.Decimals++
	}
}

// Resolution is what the values are multiples of.
func (v *Value) Resolution() float64 { return math.Pow(10, -float64(v.Decimals)) }
