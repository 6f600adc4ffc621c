package completion

import "math"

// program is the linear program of what hidden counts could be: rows hold, and
// everything is between its bounds. It is the simplex method with bounds on a dense
// tableau; what is not in the basis need not be at a bound.
type program struct {
	n          int
	tab        [][]float64 // basic variables over the others
	basic, non []int       // variables; those from n on stand for what a row lacks
	x          []float64
	low, high  []float64
	work       *int
}

const tolerance = 1e-7

// newProgram begins at x, with what each row lacks there as another variable.
func newProgram(rows []row, low, high, x []float64, work *int) *program {
	n := len(x)
	p := &program{n: n, x: x, low: low, high: high, work: work}
	for j := range n {
		p.non = append(p.non, j)
	}
	for i, r := range rows {
		lack := float64(r.right)
		for k, j := range r.column {
			lack -= float64(r.coef[k]) * x[j]
		}
		sign := 1.0
		if lack < 0 {
			sign = -1
		}
		line := make([]float64, n)
		for k, j := range r.column {
			line[j] -= sign * float64(r.coef[k])
		}
		p.tab = append(p.tab, line)
		p.basic = append(p.basic, n+i)
		p.x, p.low, p.high = append(p.x, sign*lack), append(p.low, 0), append(p.high, math.Inf(1))
	}
	return p
}

func (p *program) tired() bool { return *p.work < 0 }

// feasible takes away what the rows lack, and says whether that could be done.
func (p *program) feasible() bool {
	goal := make([]float64, len(p.x))
	for v := p.n; v < len(p.x); v++ {
		goal[v] = -1
	}
	lack := func() (sum float64) {
		for _, x := range p.x[p.n:] {
			sum += x
		}
		return sum
	}
	p.climb(goal, func() bool { return lack() < tolerance })
	if lack() > 1e-5 {
		return p.tired() // nobody knows
	}
	for v := p.n; v < len(p.x); v++ {
		p.x[v], p.high[v] = 0, 0
	}
	return true
}

// climb goes to where goal is highest, or until it is there.
func (p *program) climb(goal []float64, there func() bool) {
	cost := make([]float64, len(p.non))
	of := func(v int) float64 {
		if v < len(goal) {
			return goal[v]
		}
		return 0
	}
	for j, v := range p.non {
		cost[j] = of(v)
	}
	for i, v := range p.basic {
		if g := of(v); g != 0 {
			for j, a := range p.tab[i] {
				cost[j] += g * a
			}
		}
	}
	still := 0
	for there == nil || !there() {
		j, dir := p.entering(cost, still > 20)
		if j < 0 || p.tired() {
			return
		}
		if still++; p.move(cost, j, dir) > 1e-9 {
			still = 0
		}
	}
}

// entering is the variable that gains most and the way it goes; with bland the
// first one, which cannot cycle (Bland 1977).
func (p *program) entering(cost []float64, bland bool) (at int, dir float64) {
	at = -1
	best := tolerance
	for j, c := range cost {
		v := p.non[j]
		if math.Abs(c) <= best || c > 0 && p.x[v] >= p.high[v]-1e-9 || c < 0 && p.x[v] <= p.low[v]+1e-9 {
			continue
		}
		if bland && at >= 0 && v > p.non[at] {
			continue
		}
		at, dir = j, math.Copysign(1, c)
		if !bland {
			best = math.Abs(c)
		}
	}
	return at, dir
}

// move takes a variable as far as the bounds allow, and returns how far.
func (p *program) move(cost []float64, j int, dir float64) float64 {
	*p.work -= len(p.tab) + len(p.non)
	v := p.non[j]
	far := p.high[v] - p.x[v]
	if dir < 0 {
		far = p.x[v] - p.low[v]
	}
	leave, size := -1, 0.0
	for i := range p.tab {
		a := p.tab[i][j] * dir
		if math.Abs(a) < 1e-9 {
			continue
		}
		b := p.basic[i]
		room := (p.high[b] - p.x[b]) / a
		if a < 0 {
			room = (p.low[b] - p.x[b]) / a
		}
		room = max(room, 0)
		if room < far-1e-10 || room <= far+1e-10 && leave >= 0 && math.Abs(a) > size {
			far, leave, size = min(far, room), i, math.Abs(a)
		}
	}
	p.x[v] += dir * far
	for i := range p.tab {
		p.x[p.basic[i]] += dir * far * p.tab[i][j]
	}
	if leave >= 0 {
		p.pivot(cost, leave, j)
	}
	return far
}

func (p *program) pivot(cost []float64, i, j int) {
	line := p.tab[i]
	inverse := 1 / line[j]
	for k := range line {
		line[k] *= -inverse
	}
	line[j] = inverse
	add := func(to []float64) {
		a := to[j]
		if a == 0 {
			return
		}
		to[j] = 0
		for k, b := range line {
			to[k] += a * b
		}
		*p.work -= len(line)
	}
	for r := range p.tab {
		if r != i {
			add(p.tab[r])
		}
	}
	add(cost)
	p.basic[i], p.non[j] = p.non[j], p.basic[i]
}

// exact is the point in whole numbers that are divided by the least that makes them
// so, if all rows hold of them and all are between their bounds; nil otherwise.
func (p *program) exact(rows []row) (x []int64, over int64) {
	for over = 1; over <= 60; over++ {
		if x = p.times(over); x != nil && p.holds(rows, x, over) {
			return x, over
		}
	}
	return nil, 0
}

func (p *program) times(over int64) []int64 {
	x := make([]int64, p.n)
	for j := range x {
		v := p.x[j] * float64(over)
		if x[j] = int64(math.Round(v)); math.Abs(v-math.Round(v)) > 1e-5*float64(over) {
			return nil
		}
	}
	return x
}

func (p *program) holds(rows []row, x []int64, over int64) bool {
	for j, v := range x {
		if float64(v) < p.low[j]*float64(over) || float64(v) > p.high[j]*float64(over) {
			return false
		}
	}
	for _, r := range rows {
		sum := -r.right * over
		for k, j := range r.column {
			sum += r.coef[k] * x[j]
		}
		if sum != 0 {
			return false
		}
	}
	return true
}
