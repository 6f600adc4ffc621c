package curate

// rareCounts are the numbers of participants with each rare condition, in the
// order of the list: every count that disclosure control hides, the first that it
// does not, and some several times.
var rareCounts = []int{
	1, 2, 3, 5, 8, 13, 17, 19, 20, 21,
	1, 1, 20, 21, 4, 16,
	2, 6, 7, 9, 10, 11, 12, 14,
	15, 18, 19, 20, 21, 5, 7, 10, 12, 1,
}

// spread chooses who has the rare conditions: exactly so many, no one twice.
func (w *world) spread() {
	w.rare = map[int32][]int32{}
	d := newDice()
	for k, id := range w.vocabulary.lists["rare"] {
		d.begin(w.seed, rareStream, k)
		chosen := map[int32]bool{}
		for len(chosen) < min(rareCounts[k], w.participants) {
			n := d.Int32N(int32(w.participants))
			if !chosen[n] {
				chosen[n] = true
				w.rare[n] = append(w.rare[n], id)
			}
		}
	}
}
