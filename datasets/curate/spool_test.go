package curate

import (
	"fmt"
	"slices"
	"testing"
)

// TestSpool: rows come back place by place as they were added, those in memory and
// those that went to the file, and so do the rows that were put back in their place.
func TestSpool(t *testing.T) {
	s := shapeOf("condition_era").without("condition_era_end_date", "condition_occurrence_count")
	for flushed := range 4 { // the first so many of three chunks
		p := newSpool(s, t.TempDir(), 3, 0)
		var want [3][]string
		for k := range 3 {
			rows := newColumns(s)
			for place := range 2 { // the third has no rows
				for i := range 2 + k {
					row := []int32{int32(place), int32(100*k + i), int32(1000 + i)}
					rows.add(row)
					want[place] = append(want[place], fmt.Sprint(row))
				}
			}
			if err := p.add(&chunk{rows: rows, starts: []int32{0, int32(2 + k), int32(4 + 2*k), int32(4 + 2*k)}}); err != nil {
				t.Fatal(err)
			}
			if k < flushed {
				if err := p.flush(); err != nil {
					t.Fatal(err)
				}
			}
		}
		for round := range 2 {
			for place := range 3 {
				c, err := p.load(place)
				if err != nil {
					t.Fatal(err)
				}
				var got []string
				for i := range c.count {
					got = append(got, fmt.Sprint([]int32{c.ints[0][i], c.ints[1][i], c.ints[2][i]}))
				}
				if !slices.Equal(got, want[place]) {
					t.Fatalf("%d chunks in the file, round %d, place %d: %v, not %v", flushed, round, place, got, want[place])
				}
				// the first row of all goes
				c.without(append([]bool{c.count > 0}, make([]bool, max(0, c.count-1))...)[:c.count])
				if want[place] = want[place][min(1, len(want[place])):]; round == 0 {
					if err := p.put(place, c); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if err := p.close(); err != nil {
			t.Fatal(err)
		}
	}
}
