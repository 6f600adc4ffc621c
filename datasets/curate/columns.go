package curate

import (
	"math"
	"slices"

	"weir/datasets/store"
)

// columns are rows of one table in memory, field by field.
type columns struct {
	shape *shape
	ints  [][]int32   // by field, nil for a number
	nums  [][]float64 // by field, nil for anything else
	date  int         // the first field that is a date, -1 when there is none
	count int

	order []int32 // scratch of sortByDate
	moved []int32 // scratch of arrange
	mixed []float64
}

func newColumns(s *shape) *columns {
	c := &columns{shape: s, ints: make([][]int32, len(s.fields)), nums: make([][]float64, len(s.fields)), date: -1}
	for i, f := range s.fields {
		switch {
		case f.Type == store.Float:
			c.nums[i] = []float64{}
			continue
		case f.Type == store.Date && c.date < 0:
			c.date = i
		}
		c.ints[i] = []int32{}
	}
	return c
}

// add appends a row: first the fields that are no numbers, in their order, then
// the numbers in theirs.
func (c *columns) add(ints []int32, nums ...float64) {
	i, n := 0, 0
	for f := range c.shape.fields {
		if c.nums[f] != nil {
			c.nums[f] = append(c.nums[f], nums[n])
			n++
			continue
		}
		c.ints[f] = append(c.ints[f], ints[i])
		i++
	}
	c.count++
}

// appendRows appends the rows [from, to) of other, which has the same shape.
func (c *columns) appendRows(other *columns, from, to int) {
	for f := range c.shape.fields {
		if c.nums[f] != nil {
			c.nums[f] = append(c.nums[f], other.nums[f][from:to]...)
			continue
		}
		c.ints[f] = append(c.ints[f], other.ints[f][from:to]...)
	}
	c.count += to - from
}

// without drops the rows that are marked.
func (c *columns) without(drop []bool) {
	stay := unmarked(drop)
	for f := range c.shape.fields {
		if c.nums[f] != nil {
			c.nums[f] = joined(c.nums[f], stay)
			continue
		}
		c.ints[f] = joined(c.ints[f], stay)
	}
	c.count = 0
	for _, s := range stay {
		c.count += s.to - s.from
	}
}

// span is the rows [from, to).
type span struct{ from, to int }

// unmarked are the spans between the rows that are marked.
func unmarked(drop []bool) (out []span) {
	for from := 0; from < len(drop); {
		n := slices.Index(drop[from:], true)
		if n < 0 {
			n = len(drop) - from
		}
		if n > 0 {
			out = append(out, span{from, from + n})
		}
		from += n + 1
	}
	return out
}

// joined moves spans of values, where there are any, to the front, and leaves out the rest.
func joined[T any](values []T, spans []span) []T {
	if len(values) == 0 {
		return values
	}
	n := 0
	for _, s := range spans {
		n += copy(values[n:], values[s.from:s.to])
	}
	return values[:n]
}

func (c *columns) truncate(n int) {
	for f := range c.shape.fields {
		if c.nums[f] != nil {
			c.nums[f] = c.nums[f][:n]
			continue
		}
		c.ints[f] = c.ints[f][:n]
	}
	c.count = n
}

// empty makes a field's values missing.
func (c *columns) empty(f int) {
	for i := range c.ints[f] {
		c.ints[f][i] = store.Missing
	}
	for i := range c.nums[f] {
		c.nums[f][i] = math.NaN()
	}
}

func (c *columns) reset() {
	for f := range c.shape.fields {
		c.ints[f], c.nums[f] = c.ints[f][:0], c.nums[f][:0]
	}
	c.count = 0
}

// slices are the columns as store.Writer takes them.
func (c *columns) slices() []any {
	out := make([]any, len(c.shape.fields))
	for f := range c.shape.fields {
		if c.nums[f] != nil {
			out[f] = c.nums[f]
			continue
		}
		out[f] = c.ints[f]
	}
	return out
}

// sortByDate brings the rows from one on in the order of their date, those of
// one day as they came.
func (c *columns) sortByDate(from int) {
	if c.date < 0 || c.count-from < 2 || slices.IsSorted(c.ints[c.date][from:c.count]) {
		return
	}
	c.order = c.order[:0]
	for i := range c.count - from {
		c.order = append(c.order, int32(i))
	}
	c.byDate(c.order, from)
	c.arrange(c.order, from)
}

// byDate sorts positions counted from a row by the dates there.
func (c *columns) byDate(order []int32, from int) {
	days := c.ints[c.date][from:]
	slices.SortStableFunc(order, func(a, b int32) int { return int(days[a]) - int(days[b]) })
}

// arrange puts row from+order[i] at from+i, for all i.
func (c *columns) arrange(order []int32, from int) {
	for f := range c.shape.fields {
		if c.nums[f] != nil {
			c.mixed = arrangeSlice(c.nums[f][from:], c.mixed, order)
			continue
		}
		c.moved = arrangeSlice(c.ints[f][from:], c.moved, order)
	}
}

func arrangeSlice[T any](values, scratch []T, order []int32) []T {
	scratch = append(scratch[:0], values...)
	for i, o := range order {
		values[i] = scratch[o]
	}
	return scratch
}
