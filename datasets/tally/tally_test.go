package tally

import (
	"math"
	"testing"
)

// TestResolve: as many decimals as any of the values needs, and sums of binary
// fractions do not make them more.
func TestResolve(t *testing.T) {
	for _, x := range []struct {
		values []float64
		want   int
	}{
		{nil, 0},
		{[]float64{0, 3, -12, 1e15}, 0},
		{[]float64{3, 7.5}, 1},
		{[]float64{7.5, 3, 0.25, -1.1}, 2},
		{[]float64{0.1 + 0.2, 1.1 * 3}, 1},
		{[]float64{123456.78}, 2},
		{[]float64{0.000001}, 6},
		{[]float64{math.Pi}, 6},
		{[]float64{1.0 / 3, 2}, 6},
	} {
		var v, all Value
		for i, value := range x.values {
			v.Resolve(value)
			one := Value{Known: Set{Participants: 1}, Sum: value}
			if one.Resolve(value); i == 0 {
				all = one
			} else {
				all.Merge(&one)
			}
		}
		if v.Decimals != x.want || all.Decimals != x.want {
			t.Errorf("%v: %d decimals, %d when merged; %d are needed", x.values, v.Decimals, all.Decimals, x.want)
		}
	}
}
