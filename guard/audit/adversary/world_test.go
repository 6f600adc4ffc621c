package adversary

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
)

// attribute is what the schema says of one value of each participant: a code of a
// closed vocabulary, a whole number or a real one, between least and most. A missing
// value is NaN.
type attribute struct {
	name        string
	codes       int // 0 for numbers
	least, most float32
	missing     bool // can be
	value       []float32
}

// world is participants with attributes. The schema is public, the values are not.
type world struct {
	n          int
	attributes []*attribute
	mutex      sync.Mutex
	cached     map[clause]people
}

// clause is a condition on one attribute: a code of a set, or a value of low to below
// high, or any value that is not missing; or its negation.
type clause struct {
	at        int
	codes     uint64
	low, high float32
	known     bool
	not       bool
}

func (c clause) holds(v float32) bool {
	switch {
	case v != v:
		return c.not
	case c.known:
		return !c.not
	case c.codes != 0:
		return (c.codes>>uint(v)&1 == 1) != c.not
	}
	return (c.low <= v && v < c.high) != c.not
}

func (c clause) negated() clause { c.not = !c.not; return c }

// A box is clauses that all hold; a predicate is a union of boxes. The empty box is
// everybody, the empty predicate nobody.
type (
	box       []clause
	predicate []box
)

var everyone = predicate{{}}

func (p predicate) and(q predicate) (out predicate) {
	for _, a := range p {
		for _, b := range q {
			out = append(out, append(slices.Clone(a), b...))
		}
	}
	return out
}

func (p predicate) where(c ...clause) predicate { return p.and(predicate{c}) }
func (p predicate) or(q predicate) predicate    { return append(slices.Clone(p), q...) }

func (p predicate) complement() predicate {
	out := everyone
	for _, b := range p {
		var not predicate
		for _, c := range b {
			not = append(not, box{c.negated()})
		}
		out = out.and(not)
	}
	return out
}

func (p predicate) without(q predicate) predicate { return p.and(q.complement()) }

// holds says whether a point, a value for each attribute, lies in the predicate.
func (p predicate) holds(point []float32) bool {
	for _, b := range p {
		if !slices.ContainsFunc(b, func(c clause) bool { return !c.holds(point[c.at]) }) {
			return true
		}
	}
	return false
}

// set is who is in a predicate.
func (w *world) set(p predicate) people {
	out := nobody(w.n)
	for _, b := range p {
		in := everybody(w.n)
		for _, c := range b {
			for k, x := range w.of(c) {
				in[k] &= x
			}
		}
		for k, x := range in {
			out[k] |= x
		}
	}
	return out
}

// mostCached is how many clauses are remembered.
const mostCached = 1500

func (w *world) of(c clause) people {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	if p := w.cached[c]; p != nil {
		return p
	}
	if len(w.cached) == mostCached {
		clear(w.cached)
	}
	p := nobody(w.n)
	for i, v := range w.attributes[c.at].value {
		if c.holds(v) {
			p.add(i)
		}
	}
	w.cached[c] = p
	return p
}

func (w *world) named(name string) int {
	i := slices.IndexFunc(w.attributes, func(a *attribute) bool { return a.name == name })
	if i < 0 {
		panic("no attribute " + name)
	}
	return i
}

func (w *world) codes(name string, codes ...int) clause {
	c := clause{at: w.named(name)}
	for _, k := range codes {
		c.codes |= 1 << k
	}
	return c
}

func (w *world) within(name string, low, high float32) clause {
	return clause{at: w.named(name), low: low, high: high}
}

func (w *world) known(name string) clause { return clause{at: w.named(name), known: true} }

func (w *world) say(p predicate) string {
	var boxes []string
	for _, b := range p {
		var words []string
		for _, c := range b {
			word := fmt.Sprintf("%s[%g,%g)", w.attributes[c.at].name, c.low, c.high)
			if c.codes != 0 {
				word = fmt.Sprintf("%s{%b}", w.attributes[c.at].name, c.codes)
			}
			if c.known {
				word = w.attributes[c.at].name + " known"
			}
			if c.not {
				word = "not " + word
			}
			words = append(words, word)
		}
		boxes = append(boxes, strings.Join(words, " & "))
	}
	return strings.Join(boxes, " | ")
}

// conditions by how many participants have them, in the order of their share.
var conditions = map[string][]string{
	"12%":  {"diabetes", "asthma"},
	"2%":   {"kidney", "arthritis"},
	"0.3%": {"lupus", "sarcoidosis"},
}

// newWorld makes participants. Conditions, values and answers hang together by age,
// sex and a hidden frailty, so that cells of a table are unequal; who has which index
// is chance. "diabetes" is two levels: 1 for those who have it in both versions of the
// data, 2 for those who have it in the later one only; "joined" is 1 for those who are
// in the later version only.
func newWorld(n int, seed uint64) *world {
	r := rand.New(rand.NewPCG(seed, 3))
	w := &world{n: n, cached: map[clause]people{}}
	code := func(name string, codes int, missing bool) *attribute {
		a := &attribute{name: name, codes: codes, most: float32(codes - 1), missing: missing, value: make([]float32, n)}
		w.attributes = append(w.attributes, a)
		return a
	}
	number := func(name string, least, most float32, missing bool) *attribute {
		a := &attribute{name: name, least: least, most: most, missing: missing, value: make([]float32, n)}
		w.attributes = append(w.attributes, a)
		return a
	}
	sex, age, race := code("sex", 3, false), number("age", 18, 90, false), code("race", 7, false)
	region, state := code("region", 5, false), code("state", 50, false)
	education, income, insurance := code("education", 5, true), code("income", 9, true), code("insurance", 4, true)
	marital, employment, smoking := code("marital", 5, true), code("employment", 6, true), code("smoking", 4, true)
	alcohol, year := code("alcohol", 5, true), number("year", 2018, 2026, false)
	bmi, pressure := number("bmi", 12, 80, true), number("pressure", 70, 240, true)
	sugar, ldl := number("hba1c", 3, 18, true), number("ldl", 10, 400, true)
	creatinine, hemoglobin := number("creatinine", 0.2, 15, true), number("hemoglobin", 4, 22, true)
	visits := number("visits", 0, 400, false)
	diabetes, asthma := code("diabetes", 3, false), code("asthma", 2, false)
	kidney, arthritis := code("kidney", 2, false), code("arthritis", 2, false)
	lupus, sarcoidosis := code("lupus", 2, false), code("sarcoidosis", 2, false)
	hypertension, depression, statin := code("hypertension", 2, false), code("depression", 2, false), code("statin", 2, false)
	genome, joined := code("genome", 2, false), code("joined", 2, false)

	pick := func(shares ...float64) float32 {
		x := r.Float64()
		for i, s := range shares {
			if x -= s; x < 0 {
				return float32(i)
			}
		}
		return float32(len(shares))
	}
	chance := func(p float64) float32 {
		if r.Float64() < p {
			return 1
		}
		return 0
	}
	clamp := func(a *attribute, x float64) float32 {
		return float32(min(max(x, float64(a.least)), float64(a.most)))
	}
	missing := []struct {
		of    *attribute
		share float64
	}{
		{education, 0.02}, {income, 0.2}, {insurance, 0.05}, {marital, 0.02}, {employment, 0.03}, {smoking, 0.05}, {alcohol, 0.08},
		{bmi, 0.06}, {pressure, 0.1}, {sugar, 0.6}, {ldl, 0.4}, {creatinine, 0.35}, {hemoglobin, 0.3},
	}
	for _, i := range r.Perm(n) {
		frail := r.NormFloat64()
		sex.value[i] = pick(0.59, 0.39)
		age.value[i] = float32(int(clamp(age, 52+17*r.NormFloat64())))
		years := float64(age.value[i])
		race.value[i] = pick(0.53, 0.2, 0.17, 0.04, 0.03, 0.02)
		state.value[i] = float32(int(50 * math.Pow(r.Float64(), 1.8)))
		region.value[i] = float32(int(state.value[i]) % 5)
		education.value[i] = pick(0.1, 0.2, 0.27, 0.22)
		income.value[i] = pick(0.14, 0.13, 0.1, 0.1, 0.15, 0.12, 0.13, 0.07)
		insurance.value[i] = pick(0.5, 0.25, 0.2)
		marital.value[i] = pick(0.45, 0.3, 0.15, 0.06)
		employment.value[i] = pick(0.42, 0.1, 0.08, 0.22, 0.15)
		smoking.value[i] = pick(0.58, 0.24, 0.14)
		alcohol.value[i] = pick(0.3, 0.25, 0.2, 0.15)
		year.value[i] = float32(int(2018 + 8.99*math.Sqrt(r.Float64())))
		bmi.value[i] = clamp(bmi, 28+6*r.NormFloat64()+1.5*frail)
		pressure.value[i] = clamp(pressure, 110+0.35*years+5*frail+12*r.NormFloat64())
		risk := (years-52)/17 + 0.6*frail
		diabetes.value[i] = chance(0.118 * math.Exp(0.5*risk-0.17))
		if diabetes.value[i] == 0 && r.Float64() < 0.002 {
			diabetes.value[i] = 2
		}
		asthma.value[i] = chance(0.12 * math.Exp(0.3*frail-0.045))
		kidney.value[i] = chance(0.02 * math.Exp(0.8*risk+0.9*float64(diabetes.value[i])-0.75))
		arthritis.value[i] = chance(0.02 * math.Exp(0.5*frail+0.4*(1-float64(sex.value[i]))-0.35))
		lupus.value[i] = chance(0.0034 * math.Exp(1.2*(1-float64(sex.value[i]))-1))
		sarcoidosis.value[i] = chance(0.003)
		hypertension.value[i] = chance(min(0.9, 0.3*math.Exp(0.4*risk)))
		depression.value[i] = chance(0.2 * math.Exp(0.2*frail))
		statin.value[i] = chance(min(0.9, 0.18*math.Exp(0.5*risk)))
		sugar.value[i] = clamp(sugar, 5.5+1.6*float64(min(diabetes.value[i], 1))+0.5*r.NormFloat64())
		ldl.value[i] = clamp(ldl, 118-22*float64(statin.value[i])+32*r.NormFloat64())
		creatinine.value[i] = clamp(creatinine, 0.9+1.1*float64(kidney.value[i])+0.2*r.NormFloat64())
		hemoglobin.value[i] = clamp(hemoglobin, 13.5-0.8*float64(kidney.value[i])+1.4*r.NormFloat64())
		visits.value[i] = float32(int(clamp(visits, 8*math.Exp(0.8*frail+0.4*r.NormFloat64()))))
		genome.value[i], joined.value[i] = chance(0.55), chance(0.01)
		for _, m := range missing {
			if r.Float64() < m.share {
				m.of.value[i] = nan
			}
		}
	}
	return w
}

var public struct {
	once sync.Once
	*world
}

// participants of the tests' world; enough that a condition of 0.3% has 600.
const participants = 200_000

func theWorld() *world {
	public.once.Do(func() { public.world = newWorld(participants, 7) })
	return public.world
}
