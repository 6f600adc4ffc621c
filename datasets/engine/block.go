package engine

import (
	"weir/datasets/store"
)

// block is one stride of participants while a worker evaluates a plan for it.
// Vectors belong to slots, one a step of the plan; they are reused for the
// worker's next block.
type block struct {
	stride int
	first  int32 // index of the first participant
	n      int   // participants
	turn   int   // counts the worker's blocks; a slot filled in this turn is not evaluated again
	filled []int
	slots  []any
}

func newBlock(slots int) *block {
	return &block{filled: make([]int, slots), slots: make([]any, slots)}
}

// start turns the block to stride k of participants in all.
func (b *block) start(k, participants int) {
	b.stride, b.first = k, int32(k*store.Stride)
	b.n = min(store.Stride, participants-k*store.Stride)
	b.turn++
}

// The vectors of a block: one value a participant.
type (
	numbers = []float64 // NaN is missing
	truths  = []int8    // no, yes, unknown
	dates   = []int32   // days since 1970-01-01; store.Missing
	codes   = []int32   // indexes into the labels; -1 is missing
)

const (
	no      int8 = 0
	yes     int8 = 1
	unknown int8 = -1
)

func truth(t bool) int8 {
	if t {
		return yes
	}
	return no
}

// column is a compiled step: it fills and returns the block's vector of its slot.
type column[T any] func(*block) []T

// vector makes a compiled step of fill, which writes one value a participant. It
// is evaluated once a block.
func vector[T any](c *compiler, fill func(*block, []T)) column[T] {
	slot := c.slot()
	return func(b *block) []T {
		if b.filled[slot] == b.turn {
			return b.slots[slot].([]T)
		}
		v, _ := b.slots[slot].([]T)
		if cap(v) < b.n {
			v = make([]T, store.Stride)
		}
		v = v[:b.n]
		fill(b, v)
		b.slots[slot], b.filled[slot] = v, b.turn
		return v
	}
}

// selection is rows of a table that belong to a block, in the table's order.
type selection struct {
	batch *store.Batch // nil when there are none
	rows  []int32      // row numbers in the batch
}

// rowsOf is a compiled step that selects rows.
type rowsOf func(*block) selection

func selecting(c *compiler, fill func(*block, []int32) selection) rowsOf {
	slot := c.slot()
	return func(b *block) selection {
		if b.filled[slot] == b.turn {
			return b.slots[slot].(selection)
		}
		old, _ := b.slots[slot].(selection)
		s := fill(b, old.rows[:0])
		b.slots[slot], b.filled[slot] = s, b.turn
		return s
	}
}

// pick is at most one row a participant.
type pick struct {
	batch *store.Batch
	rows  []int32 // row of each participant, -1 for none
}

type pickOf func(*block) pick
