package chart

import (
	"math"
	"slices"
	"strconv"

	"weir/datasets/plan"
)

// normal is the 97.5th percentile of the standard normal distribution.
const normal = 1.959963984540054

// estimate is an estimate with its 95% confidence interval.
type estimate struct{ number, low, high float64 }

// wilson estimates a proportion: with of all (Wilson, J Am Stat Assoc 1927;22:209,
// whose interval stays between 0 and 1, and holds for few and for none).
func wilson(with, all float64) estimate {
	p, z := with/all, normal*normal/all
	half := normal * math.Sqrt(p*(1-p)/all+z/(4*all))
	return estimate{p, max((p+z/2-half)/(1+z), 0), min((p+z/2+half)/(1+z), 1)}
}

// woolf estimates the odds ratio of a fourfold table, of whom a and c have the
// outcome (Woolf, Ann Hum Genet 1955;19:251). Where somebody is 0, a half is added
// to each (Haldane, Ann Hum Genet 1956;20:309; Anscombe, Biometrika 1956;43:461).
func woolf(a, b, c, d float64) estimate {
	if a == 0 || b == 0 || c == 0 || d == 0 {
		a, b, c, d = a+0.5, b+0.5, c+0.5, d+0.5
	}
	x, se := math.Log(a*d/(b*c)), math.Sqrt(1/a+1/b+1/c+1/d)
	return estimate{math.Exp(x), math.Exp(x - normal*se), math.Exp(x + normal*se)}
}

// lifeTable is survival through intervals of time by the actuarial method: who
// leaves an interval without the event counts as at risk for half of it (Cutler and
// Ederer, J Chronic Dis 1958;8:699). The variance is Greenwood's, and the interval is
// that of log(-log survival), which stays between 0 and 1 (Kalbfleisch and Prentice,
// 1980).
type lifeTable struct{ survival, variance float64 }

// step goes through an interval: of those at risk some have the event and some leave.
func (t *lifeTable) step(atRisk, events, leave float64) estimate {
	exposed := atRisk - leave/2
	t.survival *= 1 - events/exposed
	if events == exposed {
		t.survival = 0
	}
	t.variance += events / (exposed * (exposed - events))
	if t.survival == 0 || t.survival == 1 { // has no interval
		return estimate{t.survival, math.NaN(), math.NaN()}
	}
	e := math.Exp(normal * math.Sqrt(t.variance) / math.Log(t.survival))
	return estimate{t.survival, math.Pow(t.survival, 1/e), math.Pow(t.survival, e)}
}

// values are an estimate as three numbers.
func (e estimate) values(say func(float64) string) (out []value) {
	for _, x := range []float64{e.number, e.low, e.high} {
		out = append(out, see(plan.Cell{Value: x, Text: say(x)}))
	}
	return out
}

// veil is as many hidden numbers, blank as many that there are none of.
func veil(n int) []value  { return slices.Repeat([]value{{state: hidden, text: marker}}, n) }
func blank(n int) []value { return slices.Repeat([]value{{state: none, text: nothing}}, n) }

func inPercent(x float64) string { return strconv.FormatFloat(100*x, 'f', 1, 64) + "%" }

// inFigures writes a ratio with about three figures.
func inFigures(x float64) string {
	switch {
	case x >= 100:
		return plain(math.Round(x))
	case x >= 10:
		return strconv.FormatFloat(x, 'f', 1, 64)
	case x >= 0.1:
		return strconv.FormatFloat(x, 'f', 2, 64)
	}
	return strconv.FormatFloat(x, 'g', 2, 64)
}

// inWords is an estimate and its interval: 1.43 (1.21 to 1.69).
func inWords(values []value) string {
	if values[0].state != shown || values[1].state != shown {
		return values[0].text
	}
	return values[0].text + " (" + values[1].text + " to " + values[2].text + ")"
}
