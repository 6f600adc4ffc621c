package audit

import "slices"

// widen hides cells until no equation by itself, nor a chain of them, bounds a
// sensitive cell to the limit: it could as well be above. It returns whether it hid any.
func (u *suppression) widen(limit int64) bool {
	did := false
	for {
		bounds := u.propagate(20)
		narrow := u.narrowing(bounds, limit)
		if len(narrow) == 0 {
			return did
		}
		need := map[int32]bool{}
		for _, e := range narrow {
			need[e] = true
		}
		progress := false
		for _, e := range narrow {
			if !need[e] {
				continue
			}
			best := u.best(e, func(c int32) int { return u.serving(c, need) })
			if best < 0 {
				continue
			}
			progress, did = true, true
			lost := slices.Clone(u.lost(best))
			u.hide(best)
			for _, m := range lost {
				eqs, _ := u.of(m)
				for _, f := range eqs {
					delete(need, f)
				}
			}
		}
		if !progress {
			return did
		}
		u.pairUp()
	}
}

// narrowing is the equations that bound a sensitive cell to the limit: of each such
// cell the one that leaves it the least room.
func (u *suppression) narrowing(bounds []interval, limit int64) []int32 {
	var out []int32
	seen := map[int32]bool{}
	for c := range u.Count {
		if !u.sensitive[c] || bounds[c].high > limit {
			continue
		}
		eqs, _ := u.of(int32(c))
		best, least := int32(-1), int64(unbounded)
		for _, e := range eqs {
			if room := u.room(e, int32(c), bounds); room < least && u.hideable(e) {
				best, least = e, room
			}
		}
		if best >= 0 && !seen[best] {
			seen[best] = true
			out = append(out, best)
		}
	}
	return out
}

// room is the most that an equation leaves for one of its cells.
func (u *suppression) room(e, cell int32, bounds []interval) int64 {
	cells, coefs := u.terms(e)
	var sign int64
	for i, c := range cells {
		if c == cell {
			sign = int64(coefs[i])
		}
	}
	room := int64(0)
	for i, c := range cells {
		if c == cell {
			continue
		}
		// sign·x = −Σ others: the others at their lowest, times sign
		_, hi, _ := scaled(bounds[c], -sign*int64(coefs[i]))
		if hi >= unbounded {
			return unbounded
		}
		room += hi
	}
	return room
}

// hideable says whether a cell of the equation could still be hidden.
func (u *suppression) hideable(e int32) bool {
	return u.best(e, func(int32) int { return 0 }) >= 0
}

// serving is how many equations that need another hidden cell a cell would serve,
// less those that it would leave with one unknown.
func (u *suppression) serving(c int32, need map[int32]bool) (score int) {
	for _, m := range u.lost(c) {
		eqs, _ := u.of(m)
		for _, f := range eqs {
			switch {
			case need[f]:
				score += 2
			case u.unknowns[f] == 0:
				score--
			}
		}
	}
	return score
}
