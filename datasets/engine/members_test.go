package engine

import (
	"fmt"

	"weir/datasets/tally"
)

// Miscounted counts a table again from who is in it, and says where that differs.
func Miscounted(table *tally.Table) (wrong []string) {
	m := table.Members
	type key struct {
		part int
		cell int32
	}
	groups := map[key][]int{}
	for g, in := range m.Groups {
		for _, c := range in.Cells {
			groups[key{in.Part, c}] = append(groups[key{in.Part, c}], g)
		}
	}
	all := make([]tally.Set, len(table.Groups))
	known := make([][]tally.Set, len(table.Groups))
	for g := range known {
		known[g] = make([]tally.Set, len(table.Stats))
	}
	for part, chunks := range m.Parts {
		for _, e := range chunks {
			for i, c := range e.Cell {
				p := e.First + int32(i)
				if e.Who != nil {
					p = e.Who[i]
				}
				one := tally.Set{Participants: 1, Print: tally.PrintOf(p)}
				for _, g := range groups[key{part, c}] {
					all[g].Add(one)
					for j := range e.Codes {
						if e.Codes[j][i] != tally.None {
							known[g][j].Add(one)
						}
					}
				}
			}
		}
	}
	for g := range table.Groups {
		want := table.Groups[g].All
		if all[g].Participants != want.Participants || all[g].Print != want.Print {
			wrong = append(wrong, fmt.Sprintf("group %v: %d members of %d", table.Groups[g].Labels, all[g].Participants, want.Participants))
		}
		for j, v := range table.Groups[g].Values {
			if known[g][j].Participants != v.Known.Participants || known[g][j].Print != v.Known.Print {
				wrong = append(wrong, fmt.Sprintf("group %v, statistic %d: %d members of %d", table.Groups[g].Labels, j, known[g][j].Participants, v.Known.Participants))
			}
		}
	}
	return wrong
}
