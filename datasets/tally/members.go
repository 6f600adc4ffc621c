package tally

import "math"

// Members is who is counted in a table: entries of a participant and a cell. A
// group is one or more cells of one part.
type Members struct {
	Participants int // that there are
	Parts        [][]Entries
	Groups       []Cells // by group of the table
}

// Cells are those of a group.
type Cells struct {
	Part  int
	Cells []int32
}

// Entries are those of consecutive participants, in their order.
type Entries struct {
	First int32     // entry i is participant First+i, where Who is nil
	Who   []int32   // the participant of each entry
	Cell  []int32   // of each entry; less than 0 for none
	Codes [][]int32 // by statistic, what each entry has: None, or False and True, a label's index, or CodeOf a value
}

// What an entry has of a statistic of two values.
const (
	None  = -1 // no value
	False = 0
	True  = 1
)

// CodeOf stands for a value. Two values have the same with a probability of 2⁻³¹.
func CodeOf(x float64) int32 {
	if math.IsNaN(x) {
		return None
	}
	return int32(mix(math.Float64bits(x+0)*0x9e3779b97f4a7c15) & math.MaxInt32)
}
