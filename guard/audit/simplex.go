package audit

import (
	"math"
	"math/rand/v2"
)

// program is the linear program of what the hidden cells could be: every equation
// holds, and no cell is below its least. It begins with the true table and moves
// from there, where asked in steps that keep every count whole; nonbasic cells need
// not be at a bound. The basis is kept as sparse
// row operations (as in elimination) and product-form updates.
type program struct {
	*System
	cells  []int32 // unknown cells; a column is an index into them
	column []int32 // of each cell, −1 for one that is shown
	whole  bool    // counts stay whole
	far    float64 // the longest step, where nothing ends it
	low    []float64
	x      []float64
	basis  []int32 // column of each basic position
	place  []int32 // basic position of each column, −1 for a nonbasic one
	rows   []int32 // equation of each basic position
	rowOf  []int32 // basic position of each equation, −1 for a dependent one

	order   []int32 // basic positions in the order of elimination
	echelon [][]term
	ops     []floatOp
	etas    []eta

	work, solved, costs, y, scattered []float64
	random                            *rand.Rand
	halt                              halt
}

// term is an entry of a row: basic position and value.
type term struct {
	at  int32
	val float64
}

type floatOp struct {
	target, source int32 // rows
	factor         float64
}

// eta replaces basic position at by a column that is w in the old basis.
type eta struct {
	at    int32
	pivot float64
	w     []term // without at
}

// tolerance is what rounding may leave of a zero.
const tolerance = 1e-7

// newProgram is over the given cells; the others stay as they are.
func newProgram(s *System, cells []int32, random *rand.Rand, h halt) *program {
	e := s.eliminateUntil(h, cells)
	p := &program{System: s, cells: cells, column: e.column, random: random, halt: h}
	p.low, p.x = make([]float64, len(p.cells)), make([]float64, len(p.cells))
	p.restart(false)
	p.place, p.rowOf = fill(len(p.cells), -1), fill(s.equations(), -1)
	for _, r := range e.pivots {
		k := int32(len(p.basis))
		p.place[e.pivotCol[r]], p.rowOf[r] = k, k
		p.basis, p.rows = append(p.basis, e.pivotCol[r]), append(p.rows, r)
	}
	for _, v := range []*[]float64{&p.work, &p.solved, &p.costs, &p.y, &p.scattered} {
		*v = make([]float64, len(p.basis))
	}
	p.factor()
	return p
}

// restart goes back to the true table, with the basis as it is.
func (p *program) restart(whole bool) {
	p.whole = whole
	for col, c := range p.cells {
		// A little room at every bound, each of its own, keeps steps from having no length.
		p.low[col] = float64(p.Least[c]) - tolerance*(0.5+p.random.Float64())
		p.x[col] = float64(p.Count[c])
	}
}

// factor brings the basis into echelon form.
func (p *program) factor() {
	n := len(p.basis)
	rows := make([][]term, n)
	inRows := make([][]int32, n)
	counts := make([]int32, n)
	for k, col := range p.basis {
		eqs, coefs := p.of(p.cells[col])
		for i, eq := range eqs {
			if r := p.rowOf[eq]; r >= 0 {
				rows[r] = append(rows[r], term{int32(k), float64(coefs[i])})
				inRows[k] = append(inRows[k], r)
				counts[k]++
			}
		}
	}
	p.order, p.ops, p.etas = p.order[:0], p.ops[:0], p.etas[:0]
	p.echelon = rows
	done, chosen := make([]bool, n), make([]int32, n)
	queue := newBuckets(n + 1)
	for r, row := range rows {
		queue.put(int32(r), len(row))
	}
	for {
		r := queue.next(func(r int32, length int) bool { return !done[r] && len(rows[r]) == length })
		if r < 0 {
			break
		}
		p.halt.check()
		best := pivotOf(rows[r], counts)
		done[r], chosen[r] = true, best.at
		p.order = append(p.order, r)
		for _, t := range rows[r] {
			counts[t.at]--
		}
		for _, other := range inRows[best.at] {
			i := position(rows[other], best.at)
			if done[other] || i < 0 {
				continue
			}
			f := rows[other][i].val / best.val
			p.ops = append(p.ops, floatOp{other, r, f})
			rows[other] = p.subtract(rows[other], rows[r], f, best.at, func(at, by int32) {
				counts[at] += by
				if by > 0 {
					inRows[at] = append(inRows[at], other)
				}
			})
			queue.put(other, len(rows[other]))
		}
	}
	for _, r := range p.order {
		row := rows[r]
		i := position(row, chosen[r])
		row[0], row[i] = row[i], row[0] // the pivot first
	}
}

// pivotOf is the entry whose column is shortest, among those that are not small.
func pivotOf(row []term, counts []int32) term {
	large := 0.0
	for _, t := range row {
		large = max(large, math.Abs(t.val))
	}
	best := term{-1, 0}
	for _, t := range row {
		if math.Abs(t.val) >= 0.1*large && (best.at < 0 || counts[t.at] < counts[best.at]) {
			best = t
		}
	}
	return best
}

func position(row []term, at int32) int {
	for i, t := range row {
		if t.at == at {
			return i
		}
	}
	return -1
}

// subtract is a − f·b, which has no entry at position gone.
func (p *program) subtract(a, b []term, f float64, gone int32, change func(at, by int32)) []term {
	for _, t := range b {
		p.scattered[t.at] = f * t.val
	}
	out := make([]term, 0, len(a)+len(b))
	for _, t := range a {
		v := t.val - p.scattered[t.at]
		p.scattered[t.at] = 0
		if t.at == gone || math.Abs(v) < 1e-11 {
			change(t.at, -1)
			continue
		}
		out = append(out, term{t.at, v})
	}
	for _, t := range b {
		if v := p.scattered[t.at]; v != 0 {
			p.scattered[t.at] = 0
			out = append(out, term{t.at, -v})
			change(t.at, 1)
		}
	}
	return out
}

// direction solves B·w = the column of a cell: how the basic cells go down when the
// cell goes up.
func (p *program) direction(cell int32) []float64 {
	v := p.work
	clear(v)
	eqs, coefs := p.of(cell)
	for i, eq := range eqs {
		if r := p.rowOf[eq]; r >= 0 {
			v[r] += float64(coefs[i])
		}
	}
	for _, op := range p.ops {
		if v[op.source] != 0 {
			v[op.target] -= op.factor * v[op.source]
		}
	}
	w := p.solved
	clear(w)
	for k := len(p.order) - 1; k >= 0; k-- {
		r := p.order[k]
		row := p.echelon[r]
		sum := v[r]
		for _, t := range row[1:] {
			sum -= t.val * w[t.at]
		}
		w[row[0].at] = sum / row[0].val
	}
	for _, e := range p.etas {
		if w[e.at] == 0 {
			continue
		}
		w[e.at] /= e.pivot
		for _, t := range e.w {
			w[t.at] -= t.val * w[e.at]
		}
	}
	return w
}

// prices solves yᵀ·B = cᵀ for the costs of the basic positions, which it uses up:
// a nonbasic cell of cost d improves by d − y·(its column).
func (p *program) prices(c []float64) []float64 {
	for k := len(p.etas) - 1; k >= 0; k-- {
		e := p.etas[k]
		for _, t := range e.w {
			c[e.at] -= t.val * c[t.at]
		}
		c[e.at] /= e.pivot
	}
	y := p.y
	clear(y)
	for _, r := range p.order {
		row := p.echelon[r]
		f := c[row[0].at] / row[0].val
		if f == 0 {
			continue
		}
		y[r] = f
		for _, t := range row[1:] {
			c[t.at] -= f * t.val
		}
	}
	for k := len(p.ops) - 1; k >= 0; k-- {
		if op := p.ops[k]; y[op.target] != 0 {
			y[op.source] -= op.factor * y[op.target]
		}
	}
	return y
}

func (p *program) priceOf(y []float64, cell int32) (sum float64) {
	eqs, coefs := p.of(cell)
	for i, eq := range eqs {
		if r := p.rowOf[eq]; r >= 0 {
			sum += float64(coefs[i]) * y[r]
		}
	}
	return sum
}

// step moves in a direction that raises the sum of the wanted columns: the steepest
// one or, when steps have led nowhere, any. It returns by how much, and when there
// is no such direction the prices that prove it.
func (p *program) step(wanted []bool, any bool) (gain float64, y []float64) {
	c := p.costs
	for k, col := range p.basis {
		if c[k] = 0; wanted[col] {
			c[k] = 1
		}
	}
	y = p.prices(c)
	best, steepest, eligible := int32(-1), 0.0, 0
	for col, cell := range p.cells {
		if p.place[col] >= 0 {
			continue
		}
		d := -p.priceOf(y, cell)
		if wanted[col] {
			d++
		}
		if math.Abs(d) < tolerance || d < 0 && p.x[col] <= p.low[col]+2*tolerance {
			continue
		}
		eligible++
		if any && p.random.IntN(eligible) == 0 || !any && math.Abs(d) > math.Abs(steepest) {
			best, steepest = int32(col), d
		}
	}
	if best < 0 {
		return 0, y
	}
	return p.move(best, math.Copysign(1, steepest)) * math.Abs(steepest), nil
}

// climb takes steps until there is none, or many have led nowhere. It returns the
// prices that prove the end, nil without a proof.
func (p *program) climb(wanted []bool, after func() bool) []float64 {
	for idle := 0; idle < 100+4*len(p.basis); {
		p.halt.check()
		gain, y := p.step(wanted, idle > 8 && idle%2 == 0)
		if y != nil {
			return y
		}
		if idle++; gain > 1e-4 {
			idle = 0
		}
		if after() {
			return nil
		}
	}
	return nil
}

// wholeStep is the longest step of at most length after which every count is whole.
func wholeStep(w []float64, length float64) float64 {
	for unit := 1.0; unit <= 6; unit++ {
		fits := true
		for _, v := range w {
			if v != 0 && math.Abs(unit*v-math.Round(unit*v)) > 1e-6 {
				fits = false
				break
			}
		}
		if fits {
			return unit * math.Floor(length/unit+tolerance)
		}
	}
	return 0
}

// move moves a nonbasic column as far as the bounds let it, and exchanges it for
// the basic one that stops it. It returns how far.
func (p *program) move(col int32, sign float64) float64 {
	w := p.direction(p.cells[col])
	length, stop := p.far, int32(-1)
	if sign < 0 {
		length = p.x[col] - p.low[col]
	}
	for k, b := range p.basis {
		rate := sign * w[k] // how fast the basic column goes down
		if rate <= 1e-9 {
			continue
		}
		if t := (p.x[b] - p.low[b]) / rate; t < length || t == length && stop >= 0 && rate > sign*w[stop] {
			length, stop = max(t, 0), int32(k)
		}
	}
	if p.whole {
		length = wholeStep(w, length)
	}
	for k, b := range p.basis {
		if w[k] != 0 && length > 0 {
			if p.x[b] -= sign * length * w[k]; p.whole {
				p.x[b] = math.Round(p.x[b])
			}
		}
	}
	p.x[col] += sign * length
	if stop < 0 {
		return length
	}
	e := eta{at: stop, pivot: w[stop]}
	for k, v := range w {
		if int32(k) != stop && math.Abs(v) > 1e-12 {
			e.w = append(e.w, term{int32(k), v})
		}
	}
	p.etas = append(p.etas, e)
	p.place[p.basis[stop]], p.place[col] = -1, stop
	p.basis[stop] = col
	if len(p.etas) >= 24 {
		p.factor()
	}
	return length
}
