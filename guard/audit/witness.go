package audit

import (
	"cmp"
	"maps"
	"math"
	"slices"
)

// witnesses finds, for each of the wanted sensitive cells, a consistent table in
// which it is above the limit. It returns the tables, and of each cell without one
// the cells that could be hidden to make room for it, the best first.
func (u *suppression) witnesses(wanted []int32, limit int64) (tables []Change, failed map[int32][]int32) {
	failed = map[int32][]int32{}
	r := &raising{suppression: u, above: float64(limit + 1), pending: make([]bool, len(u.Count)), left: len(wanted), slack: u.slacks(100 * (limit + 1))}
	for _, c := range wanted {
		r.pending[c] = true
	}
	for _, n := range u.components(wanted, r.slack) {
		r.whole = len(u.Count) <= wholeSystem || len(n.cellOf) <= wholeComponent
		r.raiseAll(n, failed)
	}
	return r.tables, failed
}

// An attacker can find the whole solutions of small systems, so completions of them
// are of whole counts.
const (
	wholeSystem    = 1000 // cells
	wholeComponent = 200
)

// raising looks for tables in which cells are above the limit.
type raising struct {
	*suppression
	above   float64
	whole   bool   // tables must be of whole counts
	pending []bool // cells that have not been above in one
	left    int
	slack   []int32 // by equation
	tables  []Change
}

// settle keeps a table of a neighbourhood, for the cells that are above in it.
func (r *raising) settle(n *neighbourhood, table []float64) int {
	var above []int32
	for i, c := range n.cellOf {
		if r.pending[c] && table[i] >= r.above-tolerance {
			above = append(above, c)
		}
	}
	change := n.change(table)
	if len(above) == 0 || !change.even(r.System, r.slack) {
		return 0
	}
	for _, c := range above {
		r.pending[c] = false
	}
	r.tables = append(r.tables, change)
	r.left -= len(above)
	r.report(r.left)
	return len(above)
}

// local are the neighbourhood's own numbers of its cells that are pending.
func (r *raising) local(n *neighbourhood) (pending []bool) {
	pending = make([]bool, len(n.cellOf))
	for i, c := range n.cellOf {
		pending[i] = r.pending[c]
	}
	return pending
}

// raiseAll finds tables for every pending cell of a component.
func (r *raising) raiseAll(n *neighbourhood, failed map[int32][]int32) {
	if !r.whole {
		r.rake(n)
	}
	var p *program // of the component; one cell's end is the next one's beginning
	for i, c := range n.cellOf {
		for size := nearby; r.pending[c] && 2*size < n.equations(); size *= 4 {
			near := n.near(int32(i), size)
			if at, ok := slices.BinarySearch(near.cellOf, c); ok {
				r.raise(near, r.program(near), int32(at))
			}
		}
		if !r.pending[c] {
			continue
		}
		if p == nil {
			p = r.program(n)
		}
		if y := r.raise(n, p, int32(i)); r.pending[c] {
			r.pending[c] = false
			failed[c] = r.helpful(c, n.prices(p, y))
		}
	}
}

// nearby is how many equations around a cell are tried first.
const nearby = 64

func (r *raising) program(n *neighbourhood) *program {
	columns := make([]int32, len(n.cellOf))
	for i := range columns {
		columns[i] = int32(i)
	}
	p := newProgram(&n.System, columns, r.random, r.halt)
	p.far = 2 * r.above
	return p
}

// prices are those of a program's rows, by equation of the whole.
func (n *neighbourhood) prices(p *program, y []float64) map[int32]float64 {
	out := map[int32]float64{}
	for e, row := range p.rowOf {
		if row >= 0 && y != nil && y[row] != 0 {
			out[n.equationOf[e]] = y[row]
		}
	}
	return out
}

// raise looks for tables of a neighbourhood in which a cell, and others that are
// pending, are above the limit. Where the cell cannot be, it returns the prices that
// prove it, or zeros when that could not be told.
func (r *raising) raise(n *neighbourhood, p *program, cell int32) (y []float64) {
	p.restart(false)
	if y = p.alone(cell, r.above); y != nil {
		return y
	}
	for try := 0; r.whole && !p.isWhole(); try++ {
		if try == wholeTries {
			return nil
		}
		p.restart(true)
		if p.alone(cell, r.above) != nil {
			p.x[cell] += 0.5 // is not whole: another try
		}
	}
	p.whole = r.whole
	r.settle(n, p.table())
	for {
		pending := r.local(n)
		if !slices.Contains(pending, true) || len(p.round(pending, r.above)) == 0 || r.settle(n, p.table()) == 0 {
			return nil
		}
	}
}

// wholeTries is how often a table of whole counts is looked for.
const wholeTries = 4

func (p *program) isWhole() bool {
	for _, x := range p.x {
		if math.Abs(x-math.Round(x)) > 100*tolerance {
			return false
		}
	}
	return true
}

// table is the program's point, without what rounding has left.
func (p *program) table() []float64 {
	out := slices.Clone(p.x)
	for i, x := range out {
		if whole := math.Round(x); math.Abs(x-whole) < 100*tolerance {
			out[i] = whole
		}
	}
	return out
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
// them unknown, the bound that the prices prove no longer holds, and without one it
// holds whatever is hidden. Without a proof it is those that stand nearest. The best
// is first.
func (u *suppression) helpful(cell int32, price map[int32]float64) []int32 {
	total := map[int32]float64{}
	for e, y := range price {
		cells, coefs := u.terms(e)
		for i, c := range cells {
			total[c] += y * float64(coefs[i])
		}
	}
	var out []int32
	for c, y := range total {
		if math.Abs(y) > 1e-6 && u.canHide(c) {
			out = append(out, c)
		}
	}
	if len(price) == 0 {
		out = u.nearest(cell)
	}
	slices.SortFunc(out, func(a, b int32) int {
		return cmp.Or(-cmp.Compare(u.crossing(a)-u.weight(a), u.crossing(b)-u.weight(b)), cmp.Compare(u.cost(a), u.cost(b)), cmp.Compare(a, b))
	})
	return out
}

// nearest is the cells that can be hidden and to which the fewest equations lead.
func (u *suppression) nearest(cell int32) (out []int32) {
	found, taken := map[int32]bool{cell: true}, map[int32]bool{}
	for ring := []int32{cell}; len(ring) > 0 && len(out) == 0; {
		var next []int32
		for _, c := range ring {
			eqs, _ := u.of(c)
			for _, e := range eqs {
				if taken[e] {
					continue
				}
				taken[e] = true
				cells, _ := u.terms(e)
				for _, d := range cells {
					if found[d] {
						continue
					}
					found[d] = true
					next = append(next, d)
					if u.canHide(d) {
						out = append(out, d)
					}
				}
			}
		}
		ring = next
	}
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
	if u.wanted = len(wanted); u.wanted == 0 {
		return nil, nil
	}
	for {
		u.report(len(wanted))
		u.pairUp()
		u.breakDerivations()
		for u.widen(limit) {
			u.breakDerivations()
		}
		more, failed := u.witnesses(wanted, limit)
		tables = append(tables, more...)
		wanted = slices.Sorted(maps.Keys(failed))
		if !u.hideOneOfEach(wanted, failed) {
			return tables, append(wanted, u.following(limit)...)
		}
	}
}

// hideOneOfEach hides the first cell of each list that can be. It returns whether it hid any.
func (u *suppression) hideOneOfEach(of []int32, lists map[int32][]int32) (did bool) {
	for _, c := range of {
		if i := slices.IndexFunc(lists[c], u.canHide); i >= 0 {
			u.hide(lists[c][i])
			did = true
		}
	}
	return did
}

// following is the sensitive cells above the limit that follow from what is shown:
// a table in which they are above it, as in the true one, does not speak for them.
func (u *suppression) following(limit int64) (out []int32) {
	large := slices.DeleteFunc(u.unknown(), func(c int32) bool { return !u.sensitive[c] || u.Count[c] <= limit })
	if len(large) == 0 {
		return nil
	}
	e := u.eliminate(u.unknown())
	determined := e.determined(u.random)
	return slices.DeleteFunc(large, func(c int32) bool { return !determined[e.column[c]] })
}
