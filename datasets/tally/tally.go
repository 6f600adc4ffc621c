// Package tally is what the engine hands to the guard: counts of distinct
// participants and sums, by group, before anything is protected. A Table never
// leaves the process that holds the data; guard turns it into a release or a
// refusal.
package tally

import "weir/datasets/plan"

// Set is a set of participants, and the rows that stand for them.
type Set struct {
	Participants int64 // distinct
	Rows         int64 // of the split's events; otherwise one a participant
}

// Table is the answer to a plan.
type Table struct {
	Keys   []Key
	Stats  []*plan.Node // what Values answer, in order
	Groups []Group      // in the order of the keys' labels, the first key slowest
}

// Key is a key of the groups.
type Key struct {
	Plan     *plan.Node
	Closed   bool // its labels come from the plan or a codebook, not from the data
	Additive bool // a participant is in one group at most
}

// Group is the participants with the same labels.
type Group struct {
	Labels []string // in the order of the keys
	All    Set
	Values []Value
}

// Value is what a statistic is computed from in one group.
type Value struct {
	Known Set     // with a value
	True  Set     // of a Bool: for whom it is true
	Sum   float64 // of a Number's values
}

// Missing is the label of participants without a value of a key.
const Missing = "missing"
