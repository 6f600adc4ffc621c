package audit

import "math"

// A linear program walks from table to table along edges, and raises few cells with
// many steps. In a large neighbourhood most cells are raised together instead, by
// iterative proportional fitting (Deming and Stephan 1940, "raking"): the room of
// every cell, what it has above its least, is multiplied, equation by equation, by
// what makes the equation hold. Rooms that begin positive stay so. Between the
// equations' turns those of the wanted cells are drawn to what they need and the
// others are made smaller, and in the end conjugate gradients take away what error is
// left. What comes out is a table or it is not used; it proves nothing of the cells
// that are not above in it, and the linear program has them.
type raking struct {
	n      *neighbourhood
	room   []float64 // by cell
	sum    []float64 // by equation, what its rooms must add up to
	sign   []int8    // by equation, of its coefficients; 0 where they differ
	wanted []bool    // by cell
	need   []float64 // by cell, the room that it is wanted to have
	was    []float64 // by cell, the room that it has in the true table
}

// A pass is a choice of cells to be raised: slack is the share of an equation's rooms
// that is left to the other cells, and turns how often all the equations have theirs.
// Little slack takes many cells, of which some fail.
type pass struct {
	slack float64
	turns int
}

// passes follow each other as long as each brings few cells.
var passes = []pass{{0.1, 30}, {0.3, 60}, {0, 100}}

// rake finds tables for the pending cells of a component, as long as they are many.
func (r *raising) rake(n *neighbourhood) {
	k := newRaking(n, r.above)
	if k == nil {
		return
	}
	for at := 0; at < len(passes); {
		pending := r.local(n)
		if count(pending) < worthwhile {
			return
		}
		k.choose(pending, passes[at].slack, r.random.Perm(len(n.cellOf)))
		well := false
		for k.turn(passes[at].turns, r.halt) {
			enough := max(worthwhile, count(k.wanted)/8)
			if r.settle(n, k.table()) < enough {
				break
			}
			well = true
			for c, is := range r.local(n) {
				k.wanted[c] = k.wanted[c] && is
			}
		}
		if !well {
			at++
		}
	}
}

func count(of []bool) (n int) {
	for _, is := range of {
		if is {
			n++
		}
	}
	return n
}

// worthwhile is how many cells a table must bring to be worth its time.
const worthwhile = 24

// newRaking is nil where an equation is not of single cells.
func newRaking(n *neighbourhood, above float64) *raking {
	k := &raking{n: n, room: make([]float64, len(n.Count)), wanted: make([]bool, len(n.Count)), need: make([]float64, len(n.Count)), was: make([]float64, len(n.Count)),
		sum: make([]float64, n.equations()), sign: make([]int8, n.equations())}
	for c := range k.need {
		k.need[c] = above + beyond - float64(n.Least[c])
		k.was[c] = float64(n.Count[c] - n.Least[c])
	}
	for e := range k.sum {
		cells, coefs := n.terms(int32(e))
		k.sign[e] = coefs[0]
		for i, c := range cells {
			if coefs[i] != 1 && coefs[i] != -1 {
				return nil
			}
			if coefs[i] != k.sign[e] {
				k.sign[e] = 0
			}
			k.sum[e] += float64(coefs[i]) * float64(n.Count[c]-n.Least[c])
		}
	}
	return k
}

// beyond is how far above a wanted cell is drawn, so that small errors leave it there.
const beyond = 0.3

// choose wants as many of the pending cells, in an order, as the equations have room for.
func (k *raking) choose(pending []bool, slack float64, order []int) {
	used := make([]float64, len(k.sum))
	for _, c := range order {
		eqs, _ := k.n.of(int32(c))
		k.wanted[c] = pending[c]
		for _, e := range eqs {
			if k.sign[e] != 0 && used[e]+k.need[c] > (1-slack)*math.Abs(k.sum[e]) {
				k.wanted[c] = false
			}
		}
		k.room[c] = max(k.was[c], 0.5)
		if k.wanted[c] {
			k.room[c] = k.need[c]
			for _, e := range eqs {
				used[e] += k.need[c]
			}
		}
	}
}

// turn draws the rooms to what is wanted of them. It returns whether what they come
// to is a table.
func (k *raking) turn(turns int, h halt) bool {
	for range turns {
		h.check()
		for c, wanted := range k.wanted {
			switch {
			case wanted && k.room[c] > 0:
				k.room[c] *= min(max(k.need[c]/k.room[c], 0.7), 4)
			case !wanted && k.was[c] < k.need[c]:
				k.room[c] *= 0.9
			}
		}
		for range 3 {
			k.fit()
		}
	}
	for range 3 {
		for range 10 {
			h.check()
			k.fit()
		}
		if k.correct(h) {
			return true
		}
	}
	return false
}

// table is the counts.
func (k *raking) table() []float64 {
	table := make([]float64, len(k.room))
	for c, room := range k.room {
		table[c] = float64(k.n.Least[c]) + room
	}
	return table
}

// fit makes one equation after the other hold.
func (k *raking) fit() {
	for e := range k.sum {
		cells, coefs := k.n.terms(int32(e))
		up, down := 0.0, 0.0
		for i, c := range cells {
			if coefs[i] > 0 {
				up += k.room[c]
			} else {
				down += k.room[c]
			}
		}
		f := factor(up, down, k.sum[e])
		for i, c := range cells {
			switch {
			case k.room[c] == 0: // and f perhaps 0 or without bound
			case coefs[i] > 0:
				k.room[c] *= f
			default:
				k.room[c] /= f
			}
		}
	}
}

// factor is f with f·up − down/f = sum.
func factor(up, down, sum float64) float64 {
	switch {
	case up == 0 && down == 0:
		return 1
	case down == 0:
		return sum / up
	case up == 0:
		return down / -sum
	}
	root := math.Sqrt(sum*sum + 4*up*down)
	if sum < 0 {
		return 2 * down / (root - sum)
	}
	return (root + sum) / (2 * up)
}

// errors is what each equation lacks.
func (k *raking) errors() (lack []float64, worst float64) {
	lack = make([]float64, len(k.sum))
	for e := range lack {
		lack[e] = k.sum[e]
		cells, coefs := k.n.terms(int32(e))
		for i, c := range cells {
			lack[e] -= float64(coefs[i]) * k.room[c]
		}
		worst = max(worst, math.Abs(lack[e]))
	}
	return lack, worst
}

// precise is what error a table may have.
const precise = tolerance / 10

// correct changes every room in proportion to itself, as little as makes all
// equations hold, or as far that way as leaves every cell some room (Newton's step
// on the multipliers of the equations). It returns whether they hold.
func (k *raking) correct(h halt) bool {
	for range 6 {
		lack, worst := k.errors()
		if worst <= precise {
			return true
		}
		change := k.across(k.solve(lack, worst, h))
		far := 1.0
		for c, by := range change {
			if k.room[c] > 0 && by < 0 {
				far = min(far, -0.9/by)
			}
		}
		for c, by := range change {
			k.room[c] += far * k.room[c] * by
		}
		if !(far > 0.05) {
			return false
		}
	}
	return false
}

// across is Aᵀ·y: of each cell the sum over its equations.
func (k *raking) across(y []float64) []float64 {
	out := make([]float64, len(k.room))
	for e, v := range y {
		cells, coefs := k.n.terms(int32(e))
		for i, c := range cells {
			out[c] += float64(coefs[i]) * v
		}
	}
	return out
}

// solve is y with A·D·Aᵀ·y = lack, where D is the rooms: conjugate gradients,
// preconditioned by the diagonal.
func (k *raking) solve(lack []float64, worst float64, h halt) []float64 {
	diagonal := make([]float64, len(k.sum))
	for e := range diagonal {
		cells, _ := k.n.terms(int32(e))
		for _, c := range cells {
			diagonal[e] += k.room[c]
		}
	}
	y, rest := make([]float64, len(lack)), append([]float64(nil), lack...)
	z, p, q := make([]float64, len(lack)), make([]float64, len(lack)), make([]float64, len(lack))
	before, enough := 0.0, max(precise/10, worst/1e4)
	for range 200 {
		h.check()
		now, worst := 0.0, 0.0
		for e := range rest {
			if z[e] = 0; diagonal[e] > 0 {
				z[e] = rest[e] / diagonal[e]
			}
			now += rest[e] * z[e]
			worst = max(worst, math.Abs(rest[e]))
		}
		if worst <= enough || now == 0 {
			break
		}
		for e := range p {
			if before > 0 {
				p[e] = z[e] + now/before*p[e]
			} else {
				p[e] = z[e]
			}
		}
		before = now
		along := k.across(p)
		curve := 0.0
		for e := range q {
			q[e] = 0
			cells, coefs := k.n.terms(int32(e))
			for i, c := range cells {
				q[e] += float64(coefs[i]) * k.room[c] * along[c]
			}
			curve += q[e] * p[e]
		}
		if curve <= 0 {
			break
		}
		for e := range y {
			y[e] += now / curve * p[e]
			rest[e] -= now / curve * q[e]
		}
	}
	return y
}
