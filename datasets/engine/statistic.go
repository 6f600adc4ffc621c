package engine

import (
	"math"
	"reflect"
	"slices"

	"weir/datasets/plan"
	"weir/datasets/tally"
)

// statistic takes one value from each entry into its cell.
type statistic interface {
	// sums is an empty accumulator for so many cells.
	sums(cells int) sums
	// cellBytes is what a cell of it takes.
	cellBytes() int
	// codes writes what each entry of a block has (tally.Entries).
	codes(b *block, to []int32)
}

var (
	setBytes   = int(reflect.TypeFor[tally.Set]().Size())
	valueBytes = int(reflect.TypeFor[tally.Value]().Size())
)

// sums is what a statistic has taken, by cell.
type sums interface {
	// take takes the values of a block's entries; cell is -1 where an entry is in none.
	take(b *block, cell []int32)
	// add takes those of other participants, and empties other.
	add(other sums)
	// value is what has been taken in a cell.
	value(cell int) tally.Value
}

// one is one participant as a set.
func one(b *block, i int) tally.Set {
	return tally.Set{Participants: 1, Rows: 1, Print: b.printOf(i)}
}

// printOf is the print of the participant of an entry.
func (b *block) printOf(i int) tally.Print {
	if b.expanded != nil {
		return b.base.prints[b.owner[i]]
	}
	return b.prints[i]
}

func (c *compiler) statistic(n *plan.Node) (statistic, error) {
	switch n.Op() {
	case "Count", "Proportion":
		x, err := c.truths(n.Recv())
		return truthStat{x}, err
	case "Mean", "SD", "Sum":
		x, err := c.number(n.Recv())
		return momentStat{x, n.Op() == "SD"}, err
	case "Median", "Quantile", "Quartiles", "Box":
		x, err := c.number(n.Recv())
		return valueStat{x}, err
	case "Shares":
		cat, err := c.category(n.Recv())
		if err != nil {
			return nil, err
		}
		return shareStat{cat}, nil
	case "Rate":
		return c.rate(n)
	}
	return nil, unknownOp(n)
}

// truthStat counts who has a value and for whom it is true.
type truthStat struct{ x column[int8] }

type truthSums struct {
	truthStat
	known, is []tally.Set
}

func (s truthStat) cellBytes() int { return 2 * setBytes }

func (s truthStat) codes(b *block, to []int32) {
	for i, v := range s.x(b) {
		to[i] = int32(v) // unknown is tally.None
	}
}

func (s truthStat) sums(cells int) sums {
	return &truthSums{s, make([]tally.Set, cells), make([]tally.Set, cells)}
}

func (s *truthSums) take(b *block, cell []int32) {
	for i, v := range s.x(b) {
		k := cell[i]
		if k < 0 || v == unknown {
			continue
		}
		p := one(b, i)
		s.known[k].Add(p)
		if v == yes {
			s.is[k].Add(p)
		}
	}
}

func (s *truthSums) add(other sums) {
	o := other.(*truthSums)
	addSets(s.known, o.known)
	addSets(s.is, o.is)
}

func (s *truthSums) value(cell int) tally.Value {
	return tally.Value{Known: s.known[cell], True: s.is[cell]}
}

// addSets adds sets of other participants and empties them.
func addSets(to, from []tally.Set) {
	for i := range from {
		to[i].Add(from[i])
	}
	clear(from)
}

// momentStat adds up values, and with squares their squared deviations.
type momentStat struct {
	x       column[float64]
	squares bool
}

type momentSums struct {
	momentStat
	values []tally.Value
}

func (s momentStat) cellBytes() int { return valueBytes }

func (s momentStat) codes(b *block, to []int32) { valueCodes(s.x(b), to) }

func (s momentStat) sums(cells int) sums { return &momentSums{s, make([]tally.Value, cells)} }

func (s *momentSums) take(b *block, cell []int32) {
	for i, v := range s.x(b) {
		if math.IsNaN(v) || cell[i] < 0 {
			continue
		}
		t := &s.values[cell[i]]
		if s.squares && t.Known.Participants > 0 {
			n := float64(t.Known.Participants)
			d := v - t.Sum/n
			t.Squares += d * d * n / (n + 1) // Welford 1962
		}
		t.Known.Participants++
		t.Known.Rows++
		p := b.printOf(i)
		t.Known.Print[0] += p[0]
		t.Known.Print[1] += p[1]
		t.Sum += v
		t.Resolve(v)
		a := math.Abs(v)
		if t.Absolute += a; a > t.Largest[1] {
			t.Contribute(a)
		}
		if n := t.Known.Participants; v <= t.Low.Value || n == 1 {
			end(&t.Low, v, p)
		}
		if n := t.Known.Participants; v >= t.High.Value || n == 1 {
			end(&t.High, v, p)
		}
	}
}

// end takes a participant at the end of the values, or beyond it.
func end(e *tally.End, v float64, p tally.Print) {
	if v != e.Value {
		*e = tally.End{Value: v}
	}
	e.At.Add(tally.Set{Participants: 1, Rows: 1, Print: p})
}

func (s *momentSums) add(other sums) {
	o := other.(*momentSums)
	for i := range o.values {
		s.values[i].Merge(&o.values[i])
	}
	clear(o.values)
}

func (s *momentSums) value(cell int) tally.Value { return s.values[cell] }

func valueCodes(x []float64, to []int32) {
	for i, v := range x {
		to[i] = tally.CodeOf(v)
	}
}

// valueStat keeps every value, for quantiles.
type valueStat struct{ x column[float64] }

type valueSums struct {
	valueStat
	known  []tally.Set
	values [][]float64
}

func (s valueStat) cellBytes() int { return setBytes + 24 } // and the values

func (s valueStat) codes(b *block, to []int32) { valueCodes(s.x(b), to) }

func (s valueStat) sums(cells int) sums {
	return &valueSums{s, make([]tally.Set, cells), make([][]float64, cells)}
}

func (s *valueSums) take(b *block, cell []int32) {
	for i, v := range s.x(b) {
		if k := cell[i]; k >= 0 && !math.IsNaN(v) {
			s.known[k].Add(one(b, i))
			s.values[k] = append(s.values[k], v)
		}
	}
}

func (s *valueSums) add(other sums) {
	o := other.(*valueSums)
	addSets(s.known, o.known)
	for i := range o.values {
		s.values[i] = append(s.values[i], o.values[i]...)
		o.values[i] = o.values[i][:0]
	}
}

func (s *valueSums) value(cell int) tally.Value {
	slices.Sort(s.values[cell])
	return tally.Value{Known: s.known[cell], Sorted: s.values[cell]}
}

// shareStat counts who has each label.
type shareStat struct{ *category }

type shareSums struct {
	shareStat
	known []tally.Set
	parts []tally.Set // by cell, then label
}

func (s shareStat) cellBytes() int { return (1 + len(s.labels)) * setBytes }

func (s shareStat) codes(b *block, to []int32) { copy(to, s.category.codes(b)) }

func (s shareStat) sums(cells int) sums {
	return &shareSums{s, make([]tally.Set, cells), make([]tally.Set, cells*len(s.labels))}
}

func (s *shareSums) take(b *block, cell []int32) {
	for i, code := range s.category.codes(b) {
		if k := cell[i]; k >= 0 && code >= 0 {
			p := one(b, i)
			s.known[k].Add(p)
			s.parts[int(k)*len(s.labels)+int(code)].Add(p)
		}
	}
}

func (s *shareSums) add(other sums) {
	o := other.(*shareSums)
	addSets(s.known, o.known)
	addSets(s.parts, o.parts)
}

func (s *shareSums) value(cell int) tally.Value {
	n := len(s.labels)
	return tally.Value{Known: s.known[cell], Parts: s.parts[cell*n : (cell+1)*n], Labels: s.labels, Open: !s.closed}
}
