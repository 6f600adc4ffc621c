package guard_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// derived attacks what no plan has a name for: any participants of different groups
// together whose number follows by adding and subtracting what is shown
// (Gauss-Jordan elimination; rows, and sums and differences of two).
func (s *siege) derived() {
	m := s.m
	if m.w.steps != nil || slices.ContainsFunc(m.w.keys, func(k key) bool { return k.member != nil }) {
		return // differences of all steps, and of totals and groups, are targets anyway
	}
	cellOf := make([]int, len(m.n)+len(m.lo))
	sourceOf := make([]int, len(m.lo))
	for i := range sourceOf {
		sourceOf[i], cellOf[i] = -2, -1
	}
	for c, n := range m.n {
		cellOf[n], sourceOf[n] = c, -1
		for src := range m.srcs {
			for _, u := range m.part[src][c] {
				if u >= 0 {
					cellOf[u], sourceOf[u] = c, src
				}
			}
		}
	}
	rows := s.eliminated()
	check := func(row []float64, how string) {
		sign, value := 0.0, row[len(row)-1]
		taken := map[int]int{} // by cell, of which source
		var names []string
		for j, a := range row[:len(row)-1] {
			if math.Abs(a) < eps {
				continue
			}
			if sign == 0 {
				sign = math.Copysign(1, a)
			}
			before, both := taken[cellOf[j]]
			if math.Abs(a-sign) > eps || sourceOf[j] == -2 || both && (before != sourceOf[j] || before == -1) {
				return
			}
			taken[cellOf[j]] = sourceOf[j]
			names = append(names, m.name[j])
		}
		if v := sign * value; sensitive(v) && len(taken) > 1 { // what is in one group is a target
			slices.Sort(names)
			s.found(target{what: strings.Join(names, " + "), form: form{}, truth: math.Round(v)}, math.Round(v), math.Round(v), how)
		}
	}
	for i, a := range rows {
		check(a, "elimination")
		for _, b := range rows[:i] {
			if len(rows) > 120 {
				break
			}
			for _, sign := range []float64{1, -1} {
				c := slices.Clone(a)
				for k := range c {
					c[k] += sign * b[k]
				}
				check(c, fmt.Sprintf("elimination, two rows (%+g)", sign))
			}
		}
	}
}

// eliminated is the equations between counts in reduced row echelon form, over what is not known yet.
func (s *siege) eliminated() [][]float64 {
	m := s.m
	n := len(m.lo)
	var rows [][]float64
	for r := range m.rows {
		f := &m.rows[r]
		if f.hi-f.lo > eps || slices.ContainsFunc(f.at, func(at int) bool { return !m.whole[at] }) {
			continue
		}
		row := make([]float64, n+1)
		row[n] = f.lo
		some := false
		for i, at := range f.at {
			if s.box.hi[at]-s.box.lo[at] < eps {
				row[n] -= f.coef[i] * s.box.lo[at]
			} else {
				row[at] += f.coef[i]
				some = true
			}
		}
		if some {
			rows = append(rows, row)
		}
	}
	done := 0
	for j := 0; j < n && done < len(rows); j++ {
		best := done
		for i := done; i < len(rows); i++ {
			if math.Abs(rows[i][j]) > math.Abs(rows[best][j]) {
				best = i
			}
		}
		if math.Abs(rows[best][j]) < eps {
			continue
		}
		rows[done], rows[best] = rows[best], rows[done]
		pivot := rows[done]
		for k, a := n, pivot[j]; k >= 0; k-- {
			pivot[k] /= a
		}
		for i, row := range rows {
			if a := row[j]; i != done && math.Abs(a) > eps {
				for k := range row {
					row[k] -= a * pivot[k]
				}
			}
		}
		done++
	}
	return rows[:done]
}
