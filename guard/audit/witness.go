package audit

import (
	"cmp"
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
	of []int32 // cell of the whole
}

// surroundings are the equations around a cell that have been taken, and those that
// could be next.
type surroundings struct {
	missing []int32 // of a hidden cell, how many of its equations have not been taken; −1 for all
	alone   []int32 // of an equation that could be next, how many cells miss it alone; −1 for others
	next    []int32
	inside  []int32 // cells of which all have been
	taken   []int32
}

// near grows the equations around a cell until enough hidden cells stand in no
// other. The equation that completes the most cells is taken first.
func (u *suppression) near(cell int32, size int) *neighbourhood {
	s := &surroundings{missing: fill(len(u.Count), -1), alone: fill(u.equations(), -1)}
	eqs, _ := u.of(cell)
	for _, e := range eqs {
		u.take(s, e)
	}
	for len(s.taken) < size {
		best := int32(-1)
		kept := s.next[:0]
		for _, e := range s.next {
			if s.alone[e] < 0 {
				continue // taken
			}
			kept = append(kept, e)
			if best < 0 || s.alone[e] > s.alone[best] || s.alone[e] == s.alone[best] && e < best {
				best = e
			}
		}
		if s.next = kept; best < 0 {
			break
		}
		u.take(s, best)
	}
	return u.part(s.inside, s.taken)
}

const takenAlready = -2

func (u *suppression) take(s *surroundings, e int32) {
	if s.alone[e] == takenAlready {
		return
	}
	s.alone[e] = takenAlready
	s.taken = append(s.taken, e)
	cells, _ := u.terms(e)
	for _, c := range cells {
		if !u.hidden[c] {
			continue
		}
		eqs, _ := u.of(c)
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
				s.alone[f] = 0
				s.next = append(s.next, f)
			}
			if s.missing[c] == 1 && s.alone[f] >= 0 {
				s.alone[f]++
			}
		}
	}
}

// part is the system of some cells; equations that none of them stands in are left out.
func (u *suppression) part(cells, equations []int32) *neighbourhood {
	n := &neighbourhood{of: cells}
	at := fill(len(u.Count), -1)
	for _, c := range cells {
		at[c] = int32(n.Add(u.Count[c], u.Least[c]))
	}
	var terms []Term
	for _, e := range slices.Sorted(slices.Values(equations)) {
		terms = terms[:0]
		all, coefs := u.terms(e)
		for i, c := range all {
			if at[c] >= 0 {
				terms = append(terms, Term{int(at[c]), coefs[i]})
			}
		}
		if len(terms) > 0 {
			n.Equation(terms...)
		}
	}
	return n
}

// change is the program's point as a change of the whole.
func (n *neighbourhood) change(p *program) Change {
	var out Change
	for col, x := range p.x {
		c := p.cells[col]
		if math.Abs(x-float64(n.Count[c])) > tolerance {
			if r := math.Round(x); math.Abs(x-r) < 100*tolerance {
				x = r
			}
			out.Cells = append(out.Cells, n.of[c])
			out.Values = append(out.Values, x)
		}
	}
	return out
}

// witnesses finds, for each of the wanted sensitive cells, a consistent table in
// which it is above the limit. It returns the tables, and of each cell without one
// the cells that could be hidden to make room for it, the best first.
func (u *suppression) witnesses(wanted []int32, limit int64) (tables []Change, failed map[int32][]int32) {
	pending := map[int32]bool{}
	for _, c := range wanted {
		pending[c] = true
	}
	failed = map[int32][]int32{}
	for _, c := range wanted {
		for size := 64; pending[c]; size *= 4 {
			whole := 2*size >= u.equations()
			var n *neighbourhood
			if !whole {
				n = u.near(c, size)
			} else {
				all := make([]int32, u.equations())
				for e := range all {
					all[e] = int32(e)
				}
				n = u.part(u.unknown(), all)
			}
			changes, y, p := u.raise(n, c, pending, limit)
			tables = append(tables, changes...)
			if pending[c] && whole {
				delete(pending, c)
				failed[c] = u.helpful(c, p, y)
			}
		}
	}
	return tables, failed
}

// raise looks for tables of a neighbourhood in which a cell, and others that are
// pending, are above the limit. Where the cell cannot be, y are the prices that
// prove it.
func (u *suppression) raise(n *neighbourhood, cell int32, pending map[int32]bool, limit int64) (tables []Change, y []float64, p *program) {
	columns := make([]int32, len(n.of))
	targets, left := make([]bool, len(n.of)), 0
	own := int32(-1)
	for i, c := range n.of {
		columns[i] = int32(i)
		if c == cell {
			own = int32(i)
		}
		if pending[c] {
			targets[i] = true
			left++
		}
	}
	if own < 0 {
		return nil, nil, nil
	}
	above := float64(limit + 1)
	p = newProgram(&n.System, columns, u.random)
	settle := func(reached []int32) {
		if len(reached) == 0 {
			return
		}
		tables = append(tables, n.change(p))
		for _, col := range reached {
			targets[col] = false
			left--
			delete(pending, n.of[col])
		}
	}
	y = p.alone(own, above)
	for try := 0; y == nil && u.whole() && !p.isWhole(); try++ {
		p = newProgram(&n.System, columns, u.random)
		p.whole = true
		if y = p.alone(own, above); y != nil && try < wholeTries {
			y = nil
			p.x[own] += 0.5 // another try
		} else if y != nil {
			clear(y) // it is no proof
		}
	}
	if y != nil {
		return nil, y, p
	}
	settle([]int32{own})
	for left > 0 {
		reached := p.round(targets, above)
		if len(reached) == 0 {
			break
		}
		settle(reached)
	}
	return tables, nil, p
}

// whole says whether completions must be of whole counts: an attacker can find the
// whole solutions of small systems.
func (u *suppression) whole() bool { return len(u.Count) <= 1000 }

// wholeTries is how often a table of whole counts is looked for.
const wholeTries = 3

func (p *program) isWhole() bool {
	for _, x := range p.x {
		if math.Abs(x-math.Round(x)) > 100*tolerance {
			return false
		}
	}
	return true
}

// patience is how many steps a round goes on for without another cell above.
const patience = 8

// round raises as many of the pending columns above as it can at once. Those that
// have got there stay there until the round is over.
func (p *program) round(pending []bool, above float64) []int32 {
	var reached []int32
	var lows []float64
	wanted := slices.Clone(pending)
	idle := 0
	note := func() bool {
		before := len(reached)
		for col, w := range wanted {
			if w && p.x[col] >= above-tolerance {
				wanted[col] = false
				reached, lows = append(reached, int32(col)), append(lows, p.low[col])
				p.low[col] = above - 2*tolerance
			}
		}
		if idle++; len(reached) > before {
			idle = 0
		}
		return idle > patience && len(reached) > 0 // the others have better chances in another round
	}
	note()
	p.climb(wanted, note)
	for i, col := range reached {
		p.low[col] = lows[i]
	}
	return reached
}

// alone raises one column. It returns nil when that got above, and otherwise the
// prices that prove that it cannot, or no prices when that could not be told.
func (p *program) alone(col int32, above float64) []float64 {
	there := func() bool { return p.x[col] >= above-tolerance }
	wanted := make([]bool, len(p.cells))
	wanted[col] = true
	y := p.climb(wanted, there)
	switch {
	case there():
		return nil
	case y == nil:
		return make([]float64, len(p.basis))
	}
	return slices.Clone(y)
}

// helpful is the cells that could be hidden and whose price is not 0: with one of
// them unknown, the bound that the prices prove no longer holds. The best is first.
func (u *suppression) helpful(cell int32, p *program, y []float64) []int32 {
	price := make([]float64, u.equations())
	if p != nil {
		for eq, r := range p.rowOf {
			if r >= 0 {
				price[eq] = y[r]
			}
		}
	}
	var out []int32
	for c := range int32(len(u.Count)) {
		sum := 0.0
		eqs, coefs := u.of(c)
		for i, eq := range eqs {
			sum += price[eq] * float64(coefs[i])
		}
		if math.Abs(sum) > 1e-6 && u.canHide(c) {
			out = append(out, c)
		}
	}
	if len(out) == 0 { // without a proof: whatever stands beside it
		eqs, _ := u.of(cell)
		for _, e := range eqs {
			cells, _ := u.terms(e)
			for _, c := range cells {
				if u.canHide(c) {
					out = append(out, c)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b int32) int {
		return cmp.Or(-cmp.Compare(u.crossing(a)-u.weight(a), u.crossing(b)-u.weight(b)), cmp.Compare(u.cost(a), u.cost(b)))
	})
	return out
}

// protect hides cells until every sensitive one is safe: it does not follow from
// what is shown, and there is a consistent table in which it is above the limit.
// It returns those tables, and the cells that cannot be made safe.
func (u *suppression) protect(limit int64) (tables []Change, unsafe []int32) {
	var wanted []int32
	for c := range u.Count {
		if u.sensitive[c] {
			wanted = append(wanted, int32(c))
		}
	}
	for len(wanted) > 0 {
		u.pairUp()
		u.breakDerivations()
		for u.widen(limit) {
			u.breakDerivations()
		}
		more, failed := u.witnesses(wanted, limit)
		tables = append(tables, more...)
		wanted = wanted[:0]
		hid := false
		for c, helpful := range failed {
			wanted = append(wanted, c)
			for _, h := range helpful {
				if u.canHide(h) {
					u.hide(h)
					hid = true
					break
				}
			}
		}
		slices.Sort(wanted)
		if !hid {
			return tables, wanted
		}
	}
	return tables, nil
}
