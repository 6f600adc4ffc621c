package engine

import (
	"testing"

	"weir/datasets/store"
	"weir/datasets/tally"
)

// TestCellSet: participants and rows are counted apart, up to a whole stride.
func TestCellSet(t *testing.T) {
	for _, participants := range []int32{1, 2, store.Stride - 1, store.Stride} {
		var s cellSet
		var want tally.Set
		for p := range participants {
			print, rows := tally.PrintOf(p), int64(p%3+1)
			want.Add(tally.Set{Participants: 1, Rows: rows, Print: print})
			for range rows {
				s.see(uint64(p+1)<<32, print[0]+oneMore, print[1])
			}
		}
		if got := s.set(); got != want {
			t.Errorf("%d participants: %+v, want %+v", participants, got, want)
		}
	}
}

// TestRunEnd looks at every length and every place of a run.
func TestRunEnd(t *testing.T) {
	for before := range 3 {
		for run := 1; run < 40; run++ {
			for after := range 3 {
				v := make([]int32, before+run+after)
				for i := range v {
					switch {
					case i < before:
						v[i] = 1
					case i < before+run:
						v[i] = 2
					default:
						v[i] = 3
					}
				}
				if got := runEnd(v, before); got != before+run {
					t.Errorf("a run of %d from %d in %v ends at %d", run, before, v, got)
				}
			}
		}
	}
}
