package audit

import (
	"cmp"
	"slices"
)

// A first choice hides more than it must: cells that were hidden early may have
// been made needless by later ones. Showing them again, the dearest first, leaves
// a choice of which no cell can be shown; choices that begin with other random
// orders end at others, and the best of a few is taken.

// prune shows again what need not be hidden. tables are the witnesses of u; those
// of the result are returned.
func (u *suppression) prune(start *suppression, tables []Change, limit int64) (*suppression, []Change) {
	order := slices.Clone(u.chosen)
	slices.SortStableFunc(order, func(a, b int32) int { return -cmp.Compare(start.cost(a), start.cost(b)) })
	best := u
	for _, cell := range order {
		v := start.clone()
		for _, other := range best.chosen {
			if other != cell {
				v.hide(other)
			}
		}
		if v.goners == best.goners {
			continue // others hide it, too
		}
		if kept, ok := v.safe(tables, limit); ok {
			best, tables = v, kept
		}
	}
	return best, tables
}

// safe says whether a choice is safe; tables may be witnesses of it.
func (u *suppression) safe(tables []Change, limit int64) ([]Change, bool) {
	witnessed := map[int32]bool{}
	var kept []Change
	for _, t := range tables {
		if slices.ContainsFunc(t.Cells, func(c int32) bool { return !u.hidden[c] }) {
			continue
		}
		kept = append(kept, t)
		for i, c := range t.Cells {
			if t.Values[i] > float64(limit) {
				witnessed[c] = true
			}
		}
	}
	var wanted []int32
	for c, s := range u.sensitive {
		switch {
		case !s, u.Count[c] > limit:
		case !witnessed[int32(c)]:
			wanted = append(wanted, int32(c))
		}
	}
	if len(u.following(limit)) > 0 {
		return nil, false
	}
	for _, c := range wanted { // one after the other: the first failure is enough
		if slices.ContainsFunc(kept, func(t Change) bool { return t.above(c, limit) }) {
			continue
		}
		more, failed := u.witnesses([]int32{c}, limit)
		if len(failed) > 0 {
			return nil, false
		}
		kept = append(kept, more...)
	}
	return kept, true
}

func (t Change) above(cell int32, limit int64) bool {
	i := slices.Index(t.Cells, cell)
	return i >= 0 && t.Values[i] > float64(limit)
}
