package audit

import (
	"cmp"
	"math/bits"
	"slices"
)

// gauss is secondary suppression by Gaussian elimination as the R package
// GaussSuppression has it, written from its description (Langsrud, "Secondary Cell
// Suppression by Gaussian Elimination: An Algorithm Suitable for Handling Issues with
// Zeros and Singletons", Privacy in Statistical Databases 2024): cells are published one
// after the other, the largest first, zeros before all, unless a sensitive cell would
// follow by linear algebra. It has no protection of singletons and no intervals, and
// shares nothing with the package. It returns how many cells it hides beside the
// sensitive ones.
func gauss(dims []int, count func(at []int) int64, limit int64) (hidden int) {
	cells, columns := gaussCells(dims, count)
	order := make([]int, len(cells))
	for i := range order {
		order[i] = i
	}
	few := func(i int) bool { return cells[i].count >= 1 && cells[i].count <= limit }
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := cells[a].count, cells[b].count
		if x == 0 || y == 0 { // zeros first
			return cmp.Compare(x, y)
		}
		return cmp.Compare(y, x)
	})
	var sensitive, pivots []int
	var basis, rest [][]uint64
	for _, i := range order {
		if few(i) {
			sensitive = append(sensitive, i)
			rest = append(rest, cells[i].vector(columns))
		}
	}
	for _, i := range order {
		if few(i) {
			continue
		}
		r := cells[i].vector(columns)
		for k, b := range basis {
			gaussReduce(r, b, pivots[k])
		}
		pivot := slices.IndexFunc(r, func(x uint64) bool { return x != 0 })
		if pivot < 0 {
			continue // it follows from what is published
		}
		gaussScale(r, gaussInverse(r[pivot]))
		if slices.ContainsFunc(rest, func(s []uint64) bool { return gaussMultiple(s, r, pivot) }) {
			hidden++
			continue
		}
		for _, s := range rest {
			gaussReduce(s, r, pivot)
		}
		basis, pivots = append(basis, r), append(pivots, pivot)
	}
	return hidden
}

// gaussCell is a cell of a table with totals, and the inner cells that it is over.
type gaussCell struct {
	count int64
	over  []int
}

func (c gaussCell) vector(columns int) []uint64 {
	out := make([]uint64, columns)
	for _, i := range c.over {
		out[i] = 1
	}
	return out
}

func gaussCells(dims []int, count func([]int) int64) (out []gaussCell, columns int) {
	size := 1
	for _, d := range dims {
		size *= d + 1
		if columns == 0 {
			columns = 1
		}
		columns *= d
	}
	out = make([]gaussCell, size)
	for inner := range columns {
		at, left := make([]int, len(dims)), inner
		for d := len(dims) - 1; d >= 0; d-- {
			at[d], left = left%dims[d], left/dims[d]
		}
		n := count(at)
		for totals := range 1 << len(dims) {
			place := 0
			for d, x := range at {
				if totals>>d&1 == 1 {
					x = dims[d]
				}
				place = place*(dims[d]+1) + x
			}
			out[place].count += n
			out[place].over = append(out[place].over, inner)
		}
	}
	return out, columns
}

const gaussPrime = 1<<61 - 1

func gaussTimes(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return bits.Rem64(hi, lo, gaussPrime)
}

func gaussInverse(a uint64) uint64 {
	out := uint64(1)
	for e := uint64(gaussPrime - 2); e > 0; e >>= 1 {
		if e&1 == 1 {
			out = gaussTimes(out, a)
		}
		a = gaussTimes(a, a)
	}
	return out
}

func gaussScale(r []uint64, by uint64) {
	for i, x := range r {
		if x != 0 {
			r[i] = gaussTimes(x, by)
		}
	}
}

// gaussReduce takes off r what it has at the pivot of b, where b is 1.
func gaussReduce(r, b []uint64, pivot int) {
	by := r[pivot]
	if by == 0 {
		return
	}
	for i, x := range b {
		if x != 0 {
			r[i] = (r[i] + gaussPrime - gaussTimes(x, by)) % gaussPrime
		}
	}
}

// gaussMultiple says whether s is one of r, which is 1 at the pivot.
func gaussMultiple(s, r []uint64, pivot int) bool {
	by := s[pivot]
	if by == 0 {
		return false
	}
	for i, x := range r {
		if s[i] != gaussTimes(x, by) {
			return false
		}
	}
	return true
}
