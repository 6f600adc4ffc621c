// Package audit says what follows from a set of counts, and chooses what to hide so
// that nothing does that must not. Build a System of cells (counts of
// participants), of numbers that show them, and of equations between them, and call
// Protect: it returns which numbers to hide, and for every hidden cell consistent
// tables that prove what an attacker cannot know.
//
// The attacker knows the equations, everything that is shown, and that a hidden
// cell is not below its Least. What is tested: that no sensitive cell follows
// exactly, by linear algebra modulo the prime 2⁶¹−1 (wrong with a probability of
// about 2⁻⁶⁰ a cell, on the safe side); and that every sensitive cell can be above
// the limit, by a table that shows it: of whole counts in systems of up to 1,000
// cells and in parts of up to 200 that nothing ties to others, above that of any
// numbers, exact to about 10⁻⁵. A cell for which that cannot be shown is unsafe, and
// Protect says so; nothing passes by default. ProtectContext can be interrupted, and
// returns nothing then.
package audit

// System is what follows from what. The zero System is empty.
type System struct {
	Count []int64 // of each cell
	Least []int64 // what is known of a hidden cell: it is at least this
	Fixed []bool  // cells that are shown whatever comes; nil for none

	// Numbers, one after the other: the cells that each gives away.
	numberStart []int32
	numberCell  []int32

	// Equations, one after the other: Σ coefficient·cell = 0.
	start []int32
	cell  []int32
	coef  []int8

	// The same by cell.
	inStart   []int32
	inEq      []int32
	inCoef    []int8
	showStart []int32
	showing   []int32 // numbers
}

// Term is a cell of an equation.
type Term struct {
	Cell int
	Coef int8 // 1 or −1, or another small number
}

// Add adds a cell and returns its number. Of a hidden one it is known that it is at
// least least.
func (s *System) Add(count, least int64) int {
	s.Count = append(s.Count, count)
	s.Least = append(s.Least, least)
	return len(s.Count) - 1
}

// Show adds a number that gives cells away and returns its own number. A cell is
// hidden when every number that gives it away is.
func (s *System) Show(cells ...int) int {
	if len(s.numberStart) == 0 {
		s.numberStart = []int32{0}
	}
	for _, c := range cells {
		s.numberCell = append(s.numberCell, int32(c))
	}
	s.numberStart = append(s.numberStart, int32(len(s.numberCell)))
	return len(s.numberStart) - 2
}

// Equation says that the terms add up to 0.
func (s *System) Equation(terms ...Term) {
	if len(s.start) == 0 {
		s.start = []int32{0}
	}
	for _, t := range terms {
		s.cell = append(s.cell, int32(t.Cell))
		s.coef = append(s.coef, t.Coef)
	}
	s.start = append(s.start, int32(len(s.cell)))
}

func (s *System) equations() int { return max(len(s.start)-1, 0) }
func (s *System) numbers() int   { return max(len(s.numberStart)-1, 0) }

// terms is the cells of an equation and their coefficients.
func (s *System) terms(e int32) ([]int32, []int8) {
	return s.cell[s.start[e]:s.start[e+1]], s.coef[s.start[e]:s.start[e+1]]
}

// given is the cells that a number gives away.
func (s *System) given(number int32) []int32 {
	return s.numberCell[s.numberStart[number]:s.numberStart[number+1]]
}

// of is the equations of a cell and its coefficients in them.
func (s *System) of(c int32) ([]int32, []int8) {
	return s.inEq[s.inStart[c]:s.inStart[c+1]], s.inCoef[s.inStart[c]:s.inStart[c+1]]
}

// shownBy is the numbers that give a cell away.
func (s *System) shownBy(c int32) []int32 { return s.showing[s.showStart[c]:s.showStart[c+1]] }

// index lists the equations and the numbers of each cell.
func (s *System) index() {
	if len(s.inStart) == len(s.Count)+1 && len(s.inEq) == len(s.cell) && len(s.showing) == len(s.numberCell) {
		return
	}
	var order []int32
	s.inStart, order = byCell(len(s.Count), s.cell)
	s.inEq, s.inCoef = make([]int32, len(s.cell)), make([]int8, len(s.cell))
	for e := range int32(s.equations()) {
		for k := s.start[e]; k < s.start[e+1]; k++ {
			s.inEq[order[k]], s.inCoef[order[k]] = e, s.coef[k]
		}
	}
	s.showStart, order = byCell(len(s.Count), s.numberCell)
	s.showing = make([]int32, len(s.numberCell))
	for n := range int32(s.numbers()) {
		for k := s.numberStart[n]; k < s.numberStart[n+1]; k++ {
			s.showing[order[k]] = n
		}
	}
}

// byCell counts entries by cell: where those of each begin, and the place of each.
func byCell(cells int, entries []int32) (start, place []int32) {
	start = make([]int32, cells+1)
	for _, c := range entries {
		start[c+1]++
	}
	for c := range cells {
		start[c+1] += start[c]
	}
	next := append([]int32(nil), start[:cells]...)
	place = make([]int32, len(entries))
	for k, c := range entries {
		place[k] = next[c]
		next[c]++
	}
	return start, place
}
