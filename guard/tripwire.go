package guard

import (
	"iter"
	"slices"
	"strconv"
)

// Tripwire knows the identifiers of a repository's participants and finds them in
// texts. It is for faults, and no protection against somebody who writes numbers in
// another way.
//
// An identifier is a number; many other numbers are written too, and some are equal to
// one by chance. What trips depends on how many identifiers of that length there are:
// with random ones of 62 bits, one in a text is enough; with short ones it takes three,
// which are at least half of the numbers of that length in the text. Numbers of fewer
// than seven digits never trip.
type Tripwire struct {
	ids     []int64 // in ascending order
	density [maxDigits + 1]float64
}

const (
	leastDigits = 7
	fewHits     = 3
	// byChance is how probable it may be that a harmless text trips.
	byChance = 1e-6
)

// NewTripwire takes the identifiers of all participants.
func NewTripwire(ids []int64) *Tripwire {
	t := &Tripwire{ids: slices.Sorted(slices.Values(ids))}
	for _, id := range t.ids { // none is negative
		t.density[len(strconv.FormatInt(id, 10))]++
	}
	span := 9.0
	for digits := 1; digits <= maxDigits; digits++ {
		t.density[digits] /= span
		span *= 10
	}
	return t
}

// hits is how many identifiers a text gives away, 0 for a harmless one. Numbers in
// known are none's secret.
func (t *Tripwire) hits(text string, known map[string]bool) int {
	if t == nil || len(t.ids) == 0 {
		return 0
	}
	var seen, found [maxDigits + 1]map[string]bool
	for n := range numbersIn(text) {
		l := len(n)
		if known[n] || t.density[l] == 0 {
			continue
		}
		if seen[l] == nil {
			seen[l], found[l] = map[string]bool{}, map[string]bool{}
		}
		seen[l][n] = true
		if t.has(n) {
			found[l][n] = true
		}
	}
	hits := 0
	for l := range found {
		f, s := len(found[l]), len(seen[l])
		if f > 0 && (float64(s)*t.density[l] < byChance || f >= fewHits && 2*f >= s) {
			hits += f
		}
	}
	return hits
}

func (t *Tripwire) has(digits string) bool {
	id, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return false
	}
	_, found := slices.BinarySearch(t.ids, id)
	return found
}

// numbersIn are the runs of digits in a text that are as long as an identifier.
func numbersIn(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := 0; i < len(text); i++ {
			if text[i] < '0' || text[i] > '9' {
				continue
			}
			from := i
			for i < len(text) && text[i] >= '0' && text[i] <= '9' {
				i++
			}
			if n := i - from; n >= leastDigits && n <= maxDigits && text[from] != '0' && !yield(text[from:i]) {
				return
			}
		}
	}
}
