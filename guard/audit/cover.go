package audit

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// Cells of which a number is wanted that nobody may work out are sensitive. Hiding
// them is not enough: others must be hidden so that they do not follow. The hidden
// cells of a system are its unknowns; a sensitive one is safe from exact derivation
// when there is a solution of the homogeneous equations, over the hidden cells, in
// which it is not 0.

// suppression is the choice of hidden numbers while it is made.
type suppression struct {
	*System
	sensitive []bool
	gone      []bool  // numbers that are hidden
	goners    int     // how many
	shows     []int32 // by cell, the numbers that still give it away
	hidden    []bool  // cells that no number gives away
	unknowns  []int32 // how many hidden cells each equation has
	chosen    []int32 // cells, in the order in which they were hidden
	noise     bool    // ties are broken at random
	random    *rand.Rand
	wanted    int // how many cells must have a witness
	progress  func(done, total int)
	halt      halt

	lostCells []int32 // of lost
	lostShows []int32
}

func (s *System) suppress(o Options, random *rand.Rand) *suppression {
	s.index()
	u := &suppression{
		System: s, sensitive: o.Sensitive, random: random, progress: o.Progress,
		gone: make([]bool, s.numbers()), shows: make([]int32, len(s.Count)), hidden: make([]bool, len(s.Count)),
		unknowns: make([]int32, s.equations()), lostShows: make([]int32, len(s.Count)),
	}
	for c := range s.Count {
		if u.shows[c] = s.showStart[c+1] - s.showStart[c]; u.shows[c] == 0 {
			u.vanish(int32(c))
		}
	}
	for n, h := range o.Hidden {
		if h {
			u.remove(int32(n))
		}
	}
	for c := range s.Count {
		if o.Sensitive[c] && !u.hidden[c] {
			u.hide(int32(c))
		}
	}
	u.chosen = nil
	return u
}

// vanish makes a cell an unknown.
func (u *suppression) vanish(c int32) {
	u.hidden[c] = true
	eqs, _ := u.of(c)
	for _, e := range eqs {
		u.unknowns[e]++
	}
}

// remove hides a number.
func (u *suppression) remove(number int32) {
	if u.gone[number] {
		return
	}
	u.gone[number] = true
	u.goners++
	for _, c := range u.given(number) {
		if u.shows[c]--; u.shows[c] == 0 {
			u.vanish(c)
		}
	}
}

// hide hides a cell: every number that gives it away.
func (u *suppression) hide(c int32) {
	u.chosen = append(u.chosen, c)
	for _, n := range u.shownBy(c) {
		u.remove(n)
	}
}

// lost is the cells that would become unknown with a cell. The slice is used again.
func (u *suppression) lost(c int32) []int32 {
	out := u.lostCells[:0]
	for _, n := range u.shownBy(c) {
		if u.gone[n] {
			continue
		}
		for _, d := range u.given(n) {
			if u.lostShows[d]++; u.lostShows[d] == u.shows[d] {
				out = append(out, d)
			}
		}
	}
	for _, n := range u.shownBy(c) {
		for _, d := range u.given(n) {
			u.lostShows[d] = 0
		}
	}
	u.lostCells = out
	return out
}

// clone is the same choice, to be tried further.
func (u *suppression) clone() *suppression {
	out := *u
	out.gone, out.shows, out.hidden = slices.Clone(u.gone), slices.Clone(u.shows), slices.Clone(u.hidden)
	out.unknowns, out.chosen = slices.Clone(u.unknowns), slices.Clone(u.chosen)
	out.lostCells, out.lostShows = nil, make([]int32, len(u.lostShows))
	return &out
}

// canHide: a cell at 0 is shown. Of a hidden cell it is known that it is not below its
// least, so what would vanish with a cell must not be. Nor can a cell vanish that is
// fixed.
func (u *suppression) canHide(c int32) bool {
	if u.hidden[c] || u.Count[c] == 0 {
		return false
	}
	for _, m := range u.lost(c) {
		if u.Count[m] < u.Least[m] || u.Fixed != nil && u.Fixed[m] {
			return false
		}
	}
	return true
}

// eliminate shadows the system's: this one can be halted.
func (u *suppression) eliminate(unknown []int32) *elimination {
	return u.System.eliminateUntil(u.halt, unknown)
}

func (u *suppression) unknown() []int32 {
	var out []int32
	for c, h := range u.hidden {
		if h {
			out = append(out, int32(c))
		}
	}
	return out
}

// pairUp hides a second cell in every equation that has one hidden cell: alone it
// would follow. It prefers a cell that serves several such equations and leaves
// few new ones behind, then the smallest.
func (u *suppression) pairUp() bool {
	var queue []int32
	for e := range u.unknowns {
		if u.unknowns[e] == 1 {
			queue = append(queue, int32(e))
		}
	}
	did := false
	for len(queue) > 0 {
		e := queue[0]
		queue = queue[1:]
		if u.unknowns[e] != 1 {
			continue
		}
		best := u.best(e, func(c int32) int { return u.crossing(c) })
		if best < 0 {
			continue // the others are 0: what is hidden stands in the total, too
		}
		did = true
		for _, m := range slices.Clone(u.lost(best)) {
			eqs, _ := u.of(m)
			queue = append(queue, eqs...)
		}
		u.hide(best)
	}
	return did
}

// crossing is how many equations a cell would complete, less those that it would leave with one unknown.
func (u *suppression) crossing(c int32) (score int) {
	for _, m := range u.lost(c) {
		eqs, _ := u.of(m)
		for _, f := range eqs {
			switch u.unknowns[f] {
			case 0:
				score--
			case 1:
				score++
			}
		}
	}
	return score
}

// best is the cell of an equation that can be hidden with the highest score, then
// the smallest count; −1 for none.
func (u *suppression) best(e int32, score func(int32) int) int32 {
	cells, _ := u.terms(e)
	best, high := int32(-1), 0
	for _, c := range cells {
		if !u.canHide(c) {
			continue
		}
		s := 2 * (score(c) - u.weight(c))
		if u.noise {
			s += u.random.IntN(4)
		}
		if best < 0 || s > high || s == high && u.cost(c) < u.cost(best) {
			best, high = c, s
		}
	}
	return best
}

// weight is how many numbers are lost by hiding a cell.
func (u *suppression) weight(c int32) (n int) {
	for _, k := range u.shownBy(c) {
		if !u.gone[k] {
			n++
		}
	}
	return n
}

// cost is what is lost by hiding a cell.
func (u *suppression) cost(c int32) (sum int64) {
	for _, m := range u.lost(c) {
		sum += u.Count[m]
	}
	return sum
}

// breakDerivations hides cells until no sensitive one follows from those that are
// shown. It returns whether it hid any.
//
// A determined sensitive cell p has a derivation y: p = Σ y·(cells shown). Hiding a
// shown cell c that is itself a combination of hidden ones (an annihilator z of the
// hidden cells is 0 on c) makes a dependency among the hidden cells, in which p
// takes part if y is not 0 on c. So one cell can save many. The one that saves most
// is hidden first.
func (u *suppression) breakDerivations() bool {
	did := false
	for {
		e := u.eliminate(u.unknown())
		determined := e.determined(u.random)
		var left []int32
		var derivations [][]element
		for col, c := range e.unknown {
			if determined[col] && u.sensitive[c] {
				left = append(left, c)
				derivations = append(derivations, e.derivation(int32(col)))
			}
		}
		if len(left) == 0 || !u.saveMany(e, derivations) && !u.stepTowards(derivations) {
			return did
		}
		did = true
		u.pairUp()
	}
}

// saveMany hides cells that are combinations of hidden ones until they save no more.
func (u *suppression) saveMany(e *elimination, derivations [][]element) bool {
	z := e.annihilator(u.random)
	type candidate struct {
		cell int32
		save []int
	}
	var candidates []candidate
	for c := range int32(len(u.Count)) {
		if !u.canHide(c) || u.product(z, c) != 0 || len(u.lost(c)) > 1 {
			continue
		}
		var save []int
		for i, y := range derivations {
			if u.product(y, c) != 0 {
				save = append(save, i)
			}
		}
		if len(save) > 0 {
			candidates = append(candidates, candidate{c, save})
		}
	}
	saved := make([]bool, len(derivations))
	did := false
	for {
		best, most := -1, 0
		for i, cand := range candidates {
			n := 0
			for _, d := range cand.save {
				if !saved[d] {
					n++
				}
			}
			if n > most || n > 0 && n == most && u.Count[cand.cell] < u.Count[candidates[best].cell] {
				best, most = i, n
			}
		}
		if best < 0 {
			return did
		}
		did = true
		u.hide(candidates[best].cell)
		for _, d := range candidates[best].save {
			saved[d] = true
		}
	}
}

// stepTowards hides the cell that takes part in the most derivations, and that
// leaves the fewest equations with one unknown.
func (u *suppression) stepTowards(derivations [][]element) bool {
	type candidate struct {
		cell             int32
		crossing, shares int
	}
	var best *candidate
	for c := range int32(len(u.Count)) {
		if !u.canHide(c) {
			continue
		}
		n := 0
		for _, y := range derivations {
			if u.product(y, c) != 0 {
				n++
			}
		}
		if n == 0 {
			continue
		}
		cand := &candidate{c, u.crossing(c) - u.weight(c), n}
		if best == nil || cmp.Or(-cmp.Compare(cand.crossing, best.crossing), -cmp.Compare(cand.shares, best.shares), cmp.Compare(u.cost(c), u.cost(best.cell))) < 0 {
			best = cand
		}
	}
	if best == nil { // nothing that can be hidden takes part
		return false
	}
	u.hide(best.cell)
	return true
}
