package engine

import (
	"slices"

	"weir/datasets/store"
	"weir/datasets/tally"
)

// block is one stride of participants while a worker evaluates a plan for it, or
// an expansion of one: entries that are a participant and a group of a split.
// Vectors belong to slots, one a step of the plan; they are reused for the
// worker's next block.
type block struct {
	stride int
	first  int32 // index of the first participant
	n      int   // participants, or entries of an expansion
	turn   int   // counts the worker's blocks; a slot filled in this turn is not evaluated again
	filled []int
	slots  []any

	prints []tally.Print // of the participants
	*expanded
}

// expanded is what an expansion adds to a block.
type expanded struct {
	base  *block
	owner []int32   // participant of each entry, within base
	code  []int32   // group of each entry
	entry [][]int32 // by source, entry of each of its rows, -1 for none
}

func newBlock(slots int) *block {
	return &block{filled: make([]int, slots), slots: make([]any, slots)}
}

// start turns the block to stride k of the participants with these prints.
func (b *block) start(k int, prints []tally.Print) {
	b.stride, b.first = k, int32(k*store.Stride)
	b.n = min(store.Stride, len(prints)-k*store.Stride)
	b.turn++
	b.prints = prints[b.first:][:b.n]
}

// The vectors of a block: one value an entry.
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

// vector makes a compiled step of fill, which writes one value an entry. It is
// evaluated once a block.
func vector[T any](c *compiler, fill func(*block, []T)) column[T] {
	slot := c.slot()
	return func(b *block) []T {
		if b.filled[slot] == b.turn {
			return b.slots[slot].([]T)
		}
		v, _ := b.slots[slot].([]T)
		if cap(v) < b.n {
			v = make([]T, max(b.n, store.Stride))
		}
		v = v[:b.n]
		fill(b, v)
		b.slots[slot], b.filled[slot] = v, b.turn
		return v
	}
}

// constant is the same value for every entry.
func constant[T any](c *compiler, x T) column[T] {
	return vector(c, func(_ *block, out []T) {
		for i := range out {
			out[i] = x
		}
	})
}

// gathered is a column of participants as one of the entries of an expansion.
func gathered[T any](c *compiler, of column[T], err error) (column[T], error) {
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []T) {
		v := of(b.base)
		for i, p := range b.owner {
			out[i] = v[p]
		}
	}), nil
}

// source has the columns that events' rows are read from: a record batch, or rows
// that Union or Eras made.
type source interface {
	Int32(field string) []int32
	Float64(field string) []float64
}

// selection is rows of a source that belong to a block, in order of participant and date.
type selection struct {
	source         // nil when there are no rows
	rows   []int32 // row numbers in the source
	who    []int32 // the entry of each
}

// room makes room for n rows and their entries, which are to be written.
func (s *selection) room(n int) {
	s.rows = slices.Grow(s.rows[:0], n)[:n]
	s.who = slices.Grow(s.who[:0], n)[:n]
}

// rowsOf is a compiled step that selects rows.
type rowsOf func(*block) selection

// selecting makes a compiled step of fill, which may use the rows and who of its
// argument as scratch.
func selecting(c *compiler, fill func(*block, selection) selection) rowsOf {
	slot := c.slot()
	return func(b *block) selection {
		if b.filled[slot] == b.turn {
			return b.slots[slot].(selection)
		}
		old, _ := b.slots[slot].(selection)
		s := fill(b, selection{rows: old.rows[:0], who: old.who[:0]})
		b.slots[slot], b.filled[slot] = s, b.turn
		return s
	}
}

// held is something of a step's own that lives as long as the worker's block.
func held[T any](c *compiler) func(*block) *T {
	slot := c.slot()
	return func(b *block) *T {
		v, ok := b.slots[slot].(*T)
		if !ok {
			v = new(T)
			b.slots[slot] = v
		}
		return v
	}
}

// scratch is a vector that a step of another slot writes and reads within one fill.
func scratch[T any](c *compiler) column[T] { return vector(c, func(*block, []T) {}) }
