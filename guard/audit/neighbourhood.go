package audit

import (
	"maps"
	"math"
	"slices"
)

// Change is a consistent table as what differs from the true one: cells and their
// values. Every equation holds of it, and no hidden cell is below its least.
type Change struct {
	Cells  []int32
	Values []float64
}

// neighbourhood is hidden cells and the equations that they stand in, as a system
// of its own: whatever moves in it leaves everything else as it is.
type neighbourhood struct {
	System
	cellOf     []int32 // the whole
	equationOf []int32 // the whole
}

// slacks are, by equation, a hidden cell that has plenty of room and stands in no
// other, −1 for none. Such an equation ties nobody: the cell makes it hold.
func (u *suppression) slacks(plenty int64) []int32 {
	out := fill(u.equations(), -1)
	for c, h := range u.hidden {
		if eqs, _ := u.of(int32(c)); h && len(eqs) == 1 && u.Count[c]-u.Least[c] >= plenty {
			out[eqs[0]] = int32(c)
		}
	}
	return out
}

// components are the neighbourhoods of cells that have nothing to do with each
// other, each with all that its cells have to do with but for equations with slack.
func (u *suppression) components(of, slack []int32) []*neighbourhood {
	var out []*neighbourhood
	at := fill(len(u.Count), -1)
	found, taken := make([]bool, len(u.Count)), make([]bool, u.equations())
	for _, first := range of {
		if found[first] {
			continue
		}
		found[first] = true
		cells, equations := []int32{first}, []int32(nil)
		for k := 0; k < len(cells); k++ {
			eqs, _ := u.of(cells[k])
			for _, e := range eqs {
				if taken[e] || slack[e] >= 0 {
					continue
				}
				taken[e] = true
				equations = append(equations, e)
				others, _ := u.terms(e)
				for _, c := range others {
					if u.hidden[c] && !found[c] {
						found[c] = true
						cells = append(cells, c)
					}
				}
			}
		}
		slices.Sort(cells)
		out = append(out, u.part(cells, equations, at))
	}
	return out
}

// part is the system of some cells; equations that none of them stands in are left
// out. at is −1 of every cell, and is so again.
func (s *System) part(cells, equations, at []int32) *neighbourhood {
	n := &neighbourhood{cellOf: cells}
	for _, c := range cells {
		at[c] = int32(n.Add(s.Count[c], s.Least[c]))
	}
	var terms []Term
	for _, e := range slices.Sorted(slices.Values(equations)) {
		terms = terms[:0]
		all, coefs := s.terms(e)
		for i, c := range all {
			if at[c] >= 0 {
				terms = append(terms, Term{int(at[c]), coefs[i]})
			}
		}
		if len(terms) > 0 {
			n.Equation(terms...)
			n.equationOf = append(n.equationOf, e)
		}
	}
	for _, c := range cells {
		at[c] = -1
	}
	n.index()
	return n
}

// surroundings are the equations around a cell that have been taken, and those that
// could be next.
type surroundings struct {
	missing []int32   // of a cell, how many of its equations have not been taken; −1 for all
	alone   []int32   // of an equation that could be next, how many cells miss it alone; −1 for others
	next    [][]int32 // by that number, in the order in which it was reached
	inside  []int32   // cells of which all have been
	taken   []int32
}

// near grows the equations around a cell until enough cells stand in no other. The
// equation that completes the most cells is taken first.
func (n *neighbourhood) near(cell int32, size int) *neighbourhood {
	s := &surroundings{missing: fill(len(n.Count), -1), alone: fill(n.equations(), -1)}
	eqs, _ := n.of(cell)
	for _, e := range eqs {
		n.take(s, e)
	}
	for len(s.taken) < size {
		e := s.best()
		if e < 0 {
			break
		}
		n.take(s, e)
	}
	slices.Sort(s.inside)
	out := n.part(s.inside, s.taken, fill(len(n.Count), -1))
	for i, c := range out.cellOf {
		out.cellOf[i] = n.cellOf[c]
	}
	for i, e := range out.equationOf {
		out.equationOf[i] = n.equationOf[e]
	}
	return out
}

// best is the equation that the most cells miss alone, −1 when there is none.
func (s *surroundings) best() int32 {
	for k := len(s.next) - 1; k >= 0; k-- {
		for len(s.next[k]) > 0 {
			e := s.next[k][0]
			s.next[k] = s.next[k][1:]
			if s.alone[e] == int32(k) {
				return e
			}
		}
	}
	return -1
}

// reach says how many cells miss an equation alone.
func (s *surroundings) reach(e, alone int32) {
	s.alone[e] = alone
	for len(s.next) <= int(alone) {
		s.next = append(s.next, nil)
	}
	s.next[alone] = append(s.next[alone], e)
}

const takenAlready = -2

func (n *neighbourhood) take(s *surroundings, e int32) {
	if s.alone[e] == takenAlready {
		return
	}
	s.alone[e] = takenAlready
	s.taken = append(s.taken, e)
	cells, _ := n.terms(e)
	for _, c := range cells {
		eqs, _ := n.of(c)
		if s.missing[c] < 0 {
			s.missing[c] = int32(len(eqs))
		}
		s.missing[c]--
		if s.missing[c] == 0 {
			s.inside = append(s.inside, c)
			continue
		}
		for _, f := range eqs {
			if s.alone[f] == -1 {
				s.reach(f, 0)
			}
			if s.missing[c] == 1 && s.alone[f] >= 0 {
				s.reach(f, s.alone[f]+1)
			}
		}
	}
}

// change is a table of a neighbourhood as a change of the whole.
func (n *neighbourhood) change(table []float64) Change {
	var out Change
	for c, x := range table {
		if math.Abs(x-float64(n.Count[c])) > tolerance {
			out.Cells = append(out.Cells, n.cellOf[c])
			out.Values = append(out.Values, x)
		}
	}
	return out
}

// even changes slack cells so that their equations hold. It returns false when that
// leaves one below its least.
func (t *Change) even(s *System, slack []int32) bool {
	lack := map[int32]float64{}
	for i, c := range t.Cells {
		eqs, coefs := s.of(c)
		for k, e := range eqs {
			if slack[e] >= 0 {
				lack[e] -= float64(coefs[k]) * (t.Values[i] - float64(s.Count[c]))
			}
		}
	}
	for _, e := range slices.Sorted(maps.Keys(lack)) {
		c := slack[e]
		_, coefs := s.of(c)
		x := float64(s.Count[c]) + lack[e]/float64(coefs[0])
		if x < float64(s.Least[c]) {
			return false
		}
		if lack[e] != 0 {
			t.Cells, t.Values = append(t.Cells, c), append(t.Values, x)
		}
	}
	return true
}
