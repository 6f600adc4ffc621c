package audit

import (
	"math/rand/v2"
	"slices"
)

// entry is an element of a sparse row.
type entry struct {
	col int32
	val element
}

// elimination is the equations restricted to the unknown cells, in echelon form.
// Rows are eliminated in an order that keeps them short: the shortest row first,
// and in it the column that stands in the fewest rows (Markowitz 1957).
type elimination struct {
	s        *System
	unknown  []int32 // cells; a column is an index into them
	column   []int32 // of each cell, −1 for one that is not unknown
	rows     [][]entry
	pivots   []int32 // rows that have a pivot, in the order of elimination
	pivotCol []int32 // of each row, −1 for none
	pivotRow []int32 // of each column, −1 for a free one
	ops      []operation
	halt     halt
}

// operation is target := target − factor·source.
type operation struct {
	target, source int32
	factor         element
}

func (s *System) eliminate(unknown []int32) *elimination { return s.eliminateUntil(halt{}, unknown) }

func (s *System) eliminateUntil(h halt, unknown []int32) *elimination {
	s.index()
	e := &elimination{s: s, unknown: unknown, column: make([]int32, len(s.Count)), halt: h}
	for c := range e.column {
		e.column[c] = -1
	}
	for col, c := range unknown {
		e.column[c] = int32(col)
	}
	e.rows = make([][]entry, s.equations())
	for col, c := range unknown {
		eqs, coefs := s.of(c)
		for i, eq := range eqs {
			e.rows[eq] = append(e.rows[eq], entry{int32(col), fromInt(int64(coefs[i]))})
		}
	}
	e.pivotCol, e.pivotRow = fill(len(e.rows), -1), fill(len(unknown), -1)
	e.run()
	return e
}

func fill(n int, v int32) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = v
	}
	return out
}

func (e *elimination) run() {
	inRows := make([][]int32, len(e.unknown)) // of each column, rows that have or had it
	counts := make([]int32, len(e.unknown))
	queue := newBuckets(len(e.unknown) + 1)
	for r, row := range e.rows {
		for _, t := range row {
			inRows[t.col] = append(inRows[t.col], int32(r))
			counts[t.col]++
		}
		queue.put(int32(r), len(row))
	}
	for {
		r := queue.next(func(r int32, length int) bool { return e.pivotCol[r] < 0 && len(e.rows[r]) == length })
		if r < 0 {
			return
		}
		e.halt.check()
		row := e.rows[r]
		best := row[0]
		for _, t := range row {
			if counts[t.col] < counts[best.col] {
				best = t
			}
		}
		e.pivotCol[r], e.pivotRow[best.col] = best.col, r
		e.pivots = append(e.pivots, r)
		for _, t := range row {
			counts[t.col]--
		}
		inverse := best.val.inverse()
		for _, other := range inRows[best.col] {
			if e.pivotCol[other] >= 0 {
				continue
			}
			val, ok := at(e.rows[other], best.col)
			if !ok {
				continue
			}
			f := val.times(inverse)
			e.ops = append(e.ops, operation{other, r, f})
			e.rows[other] = subtract(e.rows[other], row, f, func(col int32, change int32) {
				counts[col] += change
				if change > 0 {
					inRows[col] = append(inRows[col], other)
				}
			})
			queue.put(other, len(e.rows[other]))
		}
		inRows[best.col] = nil
	}
}

func at(row []entry, col int32) (element, bool) {
	i, ok := slices.BinarySearchFunc(row, col, func(t entry, col int32) int { return int(t.col) - int(col) })
	if !ok {
		return 0, false
	}
	return row[i].val, true
}

// subtract is a − f·b; change is told of columns that a gains (1) or loses (−1).
func subtract(a, b []entry, f element, change func(col, by int32)) []entry {
	out := make([]entry, 0, len(a)+len(b))
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case j == len(b) || i < len(a) && a[i].col < b[j].col:
			out = append(out, a[i])
			i++
		case i == len(a) || b[j].col < a[i].col:
			if v := b[j].val.times(f).negative(); v != 0 {
				out = append(out, entry{b[j].col, v})
				change(b[j].col, 1)
			}
			j++
		default:
			if v := a[i].val.minus(b[j].val.times(f)); v != 0 {
				out = append(out, entry{a[i].col, v})
			} else {
				change(a[i].col, -1)
			}
			i, j = i+1, j+1
		}
	}
	return out
}

// buckets are rows by length, the shortest first. A row may stand in several; the
// one of its length counts.
type buckets struct {
	by  [][]int32
	low int
}

func newBuckets(n int) *buckets { return &buckets{by: make([][]int32, n+1), low: 1} }

func (b *buckets) put(row int32, length int) {
	if length == 0 {
		return
	}
	b.by[length] = append(b.by[length], row)
	b.low = min(b.low, length)
}

func (b *buckets) next(valid func(row int32, length int) bool) int32 {
	for ; b.low < len(b.by); b.low++ {
		for len(b.by[b.low]) > 0 {
			last := len(b.by[b.low]) - 1
			r := b.by[b.low][last]
			b.by[b.low] = b.by[b.low][:last]
			if valid(r, b.low) {
				return r
			}
		}
	}
	return -1
}

// solve gives the pivot columns of x the values that the free ones ask for.
func (e *elimination) solve(x []element) {
	for k := len(e.pivots) - 1; k >= 0; k-- {
		r := e.pivots[k]
		p := e.pivotCol[r]
		var sum, own element
		for _, t := range e.rows[r] {
			if t.col == p {
				own = t.val
			} else {
				sum = sum.plus(t.val.times(x[t.col]))
			}
		}
		x[p] = sum.negative().times(own.inverse())
	}
}

// determined says which unknown cells have one value in every solution. A random
// solution of the homogeneous equations is not 0 at the others, but with a
// probability of 2⁻⁶¹ each.
func (e *elimination) determined(random *rand.Rand) []bool {
	x := make([]element, len(e.unknown))
	for col := range x {
		if e.pivotRow[col] < 0 {
			x[col] = element(1 + random.Uint64N(prime-1))
		}
	}
	e.solve(x)
	out := make([]bool, len(x))
	for col := range x {
		out[col] = x[col] == 0
	}
	return out
}

// original turns a combination of rows in echelon form into one of the equations.
func (e *elimination) original(v []element) {
	for k := len(e.ops) - 1; k >= 0; k-- {
		if op := e.ops[k]; v[op.target] != 0 {
			v[op.source] = v[op.source].minus(op.factor.times(v[op.target]))
		}
	}
}

// derivation is the combination of equations that gives a determined column: its
// value is the sum over the cells that are not unknown.
func (e *elimination) derivation(col int32) []element {
	v := make([]element, len(e.rows))
	left := map[int32]element{col: 1} // what is still to be made, by column
	from := slices.Index(e.pivots, e.pivotRow[col])
	for _, r := range e.pivots[from:] {
		p := e.pivotCol[r]
		want, ok := left[p]
		if !ok || want == 0 {
			continue
		}
		own, _ := at(e.rows[r], p)
		f := want.times(own.inverse())
		v[r] = f
		for _, t := range e.rows[r] {
			left[t.col] = left[t.col].minus(f.times(t.val))
		}
	}
	e.original(v)
	return v
}

// annihilator is a random combination of equations in which no unknown cell is left.
func (e *elimination) annihilator(random *rand.Rand) []element {
	v := make([]element, len(e.rows))
	for r := range e.rows {
		if len(e.rows[r]) == 0 {
			v[r] = element(random.Uint64N(prime))
		}
	}
	e.original(v)
	return v
}

// product is a cell's coefficient in a combination of equations.
func (s *System) product(v []element, c int32) (sum element) {
	eqs, coefs := s.of(c)
	for i, eq := range eqs {
		switch coefs[i] {
		case 1:
			sum = sum.plus(v[eq])
		case -1:
			sum = sum.minus(v[eq])
		default:
			sum = sum.plus(v[eq].times(fromInt(int64(coefs[i]))))
		}
	}
	return sum
}
