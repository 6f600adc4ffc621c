package adversary

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// program is what an attacker knows of the counts of n unknowns: each is at least 0,
// and sums of them are equal to a value, or at least, or at most.
type program struct {
	n    int
	rows []row
}

type row struct {
	at    []int
	sign  int // 0 equal, 1 at least, -1 at most
	value float64
}

const small0 = 1e-7

// tableau is a feasible basis of a program.
type tableau struct {
	a     [][]float64 // the last column is the value
	basis []int
	n     int // columns that may enter
}

// feasible finds a basis; nil when the program has no solution.
func (p *program) feasible() *tableau {
	slack := 0
	for _, r := range p.rows {
		if r.sign != 0 {
			slack++
		}
	}
	m, n := len(p.rows), p.n+slack
	t := &tableau{n: n}
	wide := n + m + 1
	at := p.n
	for i, r := range p.rows {
		a := make([]float64, wide)
		for _, c := range r.at {
			a[c]++
		}
		if r.sign != 0 {
			a[at] = -float64(r.sign)
			at++
		}
		a[wide-1] = r.value
		if r.value < 0 {
			for c := range a {
				a[c] = -a[c]
			}
		}
		a[n+i] = 1
		t.a, t.basis = append(t.a, a), append(t.basis, n+i)
	}
	cost := make([]float64, wide)
	for i := range m {
		cost[n+i] = 1
	}
	if t.minimize(cost) > small0*float64(1+m) {
		return nil
	}
	for i := 0; i < len(t.basis); i++ { // artificial unknowns that stayed, at 0
		if t.basis[i] < n {
			continue
		}
		c := slices.IndexFunc(t.a[i][:n], func(x float64) bool { return math.Abs(x) > small0 })
		if c >= 0 {
			t.pivot(i, c)
			continue
		}
		t.a, t.basis = slices.Delete(t.a, i, i+1), slices.Delete(t.basis, i, i+1)
		i--
	}
	for i := range t.a {
		t.a[i] = append(t.a[i][:n:n], t.a[i][wide-1])
	}
	return t
}

func (t *tableau) clone() *tableau {
	out := &tableau{basis: slices.Clone(t.basis), n: t.n}
	for _, a := range t.a {
		out.a = append(out.a, slices.Clone(a))
	}
	return out
}

func (t *tableau) pivot(i, c int) {
	a := t.a[i]
	by := 1 / a[c]
	for k := range a {
		a[k] *= by
	}
	a[c] = 1
	for j, b := range t.a {
		if j == i || b[c] == 0 {
			continue
		}
		f := b[c]
		for k, x := range a {
			if x != 0 {
				b[k] -= f * x
			}
		}
		b[c] = 0
	}
	t.basis[i] = c
}

// minimize returns the least value of a cost; −Inf when there is none. It takes the
// steepest column, and after a while the first one, which cannot cycle (Bland).
func (t *tableau) minimize(cost []float64) float64 {
	wide := len(cost)
	reduced := slices.Clone(cost)
	value := 0.0
	for i, b := range t.basis {
		if f := cost[b]; f != 0 {
			for k := range wide - 1 {
				reduced[k] -= f * t.a[i][k]
			}
			value += f * t.a[i][wide-1]
		}
	}
	for step := 0; ; step++ {
		enter := -1
		for k := range wide - 1 {
			if reduced[k] < -small0 && (enter < 0 || step < 400 && reduced[k] < reduced[enter]) {
				enter = k
				if step >= 400 {
					break
				}
			}
		}
		if enter < 0 {
			return value
		}
		leave, least := -1, math.Inf(1)
		for i, a := range t.a {
			if a[enter] > small0 {
				ratio := a[wide-1] / a[enter]
				if ratio < least-1e-12 || ratio <= least && t.basis[i] < t.basis[leave] {
					leave, least = i, ratio
				}
			}
		}
		if leave < 0 {
			return math.Inf(-1)
		}
		t.pivot(leave, enter)
		f := reduced[enter]
		for k := range wide - 1 {
			reduced[k] -= f * t.a[leave][k]
		}
		value += f * t.a[leave][wide-1]
		reduced[enter] = 0
	}
}

// ends is the least and the most that a sum of unknowns can be in real numbers.
func (t *tableau) ends(at []int) (low, high float64) {
	cost := make([]float64, t.n+1)
	for _, c := range at {
		cost[c] = 1
	}
	low = t.clone().minimize(cost)
	for c := range cost {
		cost[c] = -cost[c]
	}
	return low, -t.clone().minimize(cost)
}

// whole looks for a solution in whole numbers by branch and bound. sure is false when
// it gave up.
func (p *program) whole(nodes *int) (found, sure bool) {
	if *nodes--; *nodes < 0 {
		return false, false
	}
	t := p.feasible()
	if t == nil {
		return false, true
	}
	branch, part := -1, 0.0
	for i, b := range t.basis {
		if x := t.a[i][t.n]; b < p.n && math.Abs(x-math.Round(x)) > 1e-5 {
			branch, part = b, x
			break
		}
	}
	if branch < 0 {
		return true, true
	}
	sure = true
	for _, side := range []row{{[]int{branch}, -1, math.Floor(part)}, {[]int{branch}, 1, math.Ceil(part)}} {
		q := &program{p.n, append(slices.Clone(p.rows), side)}
		f, s := q.whole(nodes)
		if f {
			return true, true
		}
		sure = sure && s
	}
	return false, sure
}

// only says that a sum of unknowns can be nothing but a value in whole numbers.
func (p *program) only(at []int, value int) (is, sure bool) {
	sure = true
	for _, other := range []row{{at, -1, float64(value - 1)}, {at, 1, float64(value + 1)}} {
		nodes := 60
		found, s := (&program{p.n, append(slices.Clone(p.rows), other)}).whole(&nodes)
		if found {
			return false, true
		}
		sure = sure && s
	}
	return sure, sure
}

// TestProgram holds the program to counting through every world.
func TestProgram(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 11))
		n := 3 + r.IntN(2)
		truth := make([]int, n)
		for i := range truth {
			truth[i] = r.IntN(5)
		}
		subset := func() (at []int, sum int) {
			for i := range n {
				if r.IntN(2) == 0 {
					at, sum = append(at, i), sum+truth[i]
				}
			}
			return at, sum
		}
		p := &program{n: n}
		all := make([]int, n)
		total := 0
		for i := range all {
			all[i], total = i, total+truth[i]
		}
		p.rows = append(p.rows, row{all, 0, float64(total)})
		for range 1 + r.IntN(3) {
			at, sum := subset()
			sign := r.IntN(3) - 1
			p.rows = append(p.rows, row{at, sign, float64(sum - sign*r.IntN(2))})
		}
		at, sum := subset()
		low, high := total+1, -1
		world := make([]int, n)
		var walk func(k, left int)
		walk = func(k, left int) {
			if k == n {
				if p.admits(world) {
					s := 0
					for _, c := range at {
						s += world[c]
					}
					low, high = min(low, s), max(high, s)
				}
				return
			}
			for world[k] = 0; world[k] <= left; world[k]++ {
				walk(k+1, left-world[k])
			}
			world[k] = 0
		}
		walk(0, total)
		a, b := p.feasible().ends(at)
		if a > float64(low)+1e-6 || b < float64(high)-1e-6 {
			t.Fatalf("seed %d: [%v, %v] leaves out [%d, %d]", seed, a, b, low, high)
		}
		if is, sure := p.only(at, sum); sure && is != (low == high) {
			t.Fatalf("seed %d: only %v, worlds [%d, %d]", seed, is, low, high)
		}
	}
}

func (p *program) admits(world []int) bool {
	for _, r := range p.rows {
		s := 0.0
		for _, c := range r.at {
			s += float64(world[c])
		}
		if r.sign == 0 && s != r.value || r.sign > 0 && s < r.value || r.sign < 0 && s > r.value {
			return false
		}
	}
	return true
}
