package engine

import "testing"

// TestLastBirth: who was born on the day has completed the years, who was born on
// the next has not.
func TestLastBirth(t *testing.T) {
	packDays()
	for _, on := range []int32{dayOf(2022, 7, 1), dayOf(2024, 2, 29), dayOf(2023, 2, 28), dayOf(2023, 3, 1)} {
		for _, completed := range []float64{-3, 0, 0.5, 1, 17.5, 18, 64, 65, 100, 122, 250, 2100} {
			d := lastBirth(completed, on)
			if years(d, on) < completed || years(d+1, on) >= completed {
				t.Errorf("%v years on %d: born on %d it is %v, a day later %v", completed, on, d, years(d, on), years(d+1, on))
			}
		}
	}
}
