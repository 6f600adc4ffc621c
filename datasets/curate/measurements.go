package curate

import (
	"math"

	"weir/datasets/store"
)

const missing = store.Missing

var noNumber = math.NaN()

// Units (UCUM).
const (
	percent   = 8554
	mmolMol   = 9579
	kgPerM2   = 9531
	mmHg      = 8876
	mgPerDL   = 8840
	kilogram  = 9529
	cm        = 8582
	perMinute = 8541
	gPerDL    = 8713
	mmolPerL  = 8753
	thousand  = 8848
	unitPerL  = 8645
	filtered  = 720870
)

// lab is a test of the blood: a healthy person's mean and spread, the reference
// range, the decimals and the unit.
type lab struct {
	concept  int32
	mean, sd float64
	low      float64
	high     float64
	decimals int
	unit     int32
	change   func(p *person, day int32) float64
}

var labs = []lab{
	{3004501, 93, 11, 70, 99, 0, mgPerDL, func(p *person, day int32) float64 { return 45 * diabetic(p, day) }},
	{3027114, 186, 36, 0, 200, 0, mgPerDL, func(p *person, day int32) float64 { return 18 * had(p, lipids, day) }},
	{3007070, 53, 14, 40, 60, 0, mgPerDL, func(p *person, day int32) float64 { return -6*diabetic(p, day) - 0.5*(p.bmi-28) }},
	{3022192, 118, 45, 0, 150, 0, mgPerDL, func(p *person, day int32) float64 { return 35*diabetic(p, day) + 20*had(p, lipids, day) }},
	{3019550, 139.5, 2.4, 135, 145, 0, mmolPerL, nil},
	{3023103, 4.2, 0.38, 3.5, 5.1, 1, mmolPerL, func(p *person, day int32) float64 { return 0.3 * had(p, kidney, day) }},
	{3006923, 23, 9, 7, 56, 0, unitPerL, func(p *person, day int32) float64 { return 30 * had(p, cirrhosis, day) }},
	{3013721, 22, 7, 10, 40, 0, unitPerL, func(p *person, day int32) float64 { return 34 * had(p, cirrhosis, day) }},
	{3000963, 14, 1.3, 12, 17, 1, gPerDL, func(p *person, day int32) float64 { return -2.2 * had(p, anemia, day) }},
	{3024929, 245, 58, 150, 450, 0, thousand, func(p *person, day int32) float64 { return -90 * had(p, cirrhosis, day) }},
	{3000905, 6.9, 1.8, 4.5, 11, 1, thousand, nil},
}

func had(p *person, disease int, day int32) float64 {
	if p.hadBy(disease, day) {
		return 1
	}
	return 0
}

func diabetic(p *person, day int32) float64 { return max(had(p, type1, day), had(p, type2, day)) }

// measure takes vital signs at a part of the visits and blood at another.
func (g *generator) measure(p *person) {
	d := g.dice
	g.control = d.normal(0, 1)
	for _, v := range g.visits {
		if d.chance(0.3) {
			g.vitals(p, v.day)
		}
		if d.chance(0.1 + 0.02*float64(min(p.chronic, 8))) {
			g.blood(p, v.day)
		}
		likely := 0.035
		if p.hadBy(type1, v.day) || p.hadBy(type2, v.day) {
			likely = 0.55
		}
		if d.chance(likely) {
			g.hba1c(p, v.day)
		}
		if d.chance(0.03) {
			g.value(p, typeEHR, 43055141, v.day, round(max(0, min(10, d.normal(2.5, 3))), 0), missing, noNumber, noNumber)
		}
	}
}

func (g *generator) vitals(p *person, day int32) {
	d := g.dice
	age := float64(day-p.birth) / 365.25
	pressure := 116 + 0.35*(age-45) + 0.5*(p.bmi-28) + 13*had(p, hypertension, day)
	if g.isFound(hypertension) && day > g.found[hypertension]+60 {
		pressure -= 7
	}
	systolic := round(max(78, pressure+d.normal(0, 11)), 0)
	g.value(p, typeEHR, 3004249, day, systolic, mmHg, 90, 120)
	g.value(p, typeEHR, 3012888, day, round(max(40, 0.42*systolic+23+d.normal(0, 7)), 0), mmHg, 60, 80)
	if d.chance(0.6) {
		g.value(p, typeEHR, 3027018, day, round(max(38, 73+2*p.frailty+d.normal(0, 10)), 0), perMinute, 60, 100)
	}
	if !d.chance(0.65) {
		return
	}
	bmi := p.bmi + d.normal(0, 0.8)
	if g.second > 0 && day > g.second {
		bmi -= 0.6
	}
	metres := p.height / 100
	g.value(p, typeEHR, 3038553, day, round(bmi, 1), kgPerM2, noNumber, noNumber)
	g.value(p, typeEHR, 3025315, day, round(bmi*metres*metres, 1), kilogram, noNumber, noNumber)
	if d.chance(0.4) {
		g.value(p, typeEHR, 3036277, day, p.height, cm, noNumber, noNumber)
	}
}

func (g *generator) blood(p *person, day int32) {
	d := g.dice
	for i := range labs {
		l := &labs[i]
		if !d.chance(0.45) {
			continue
		}
		x := l.mean + d.normal(0, l.sd)
		if l.change != nil {
			x += l.change(p, day)
		}
		g.value(p, typeLab, l.concept, day, round(max(x, l.mean/4), l.decimals), l.unit, l.low, l.high)
	}
	if d.chance(0.5) {
		x := 117 + 24*had(p, lipids, day) + d.normal(0, 29)
		if g.isFound(lipids) && day > g.found[lipids]+60 {
			x -= 38
		}
		g.value(p, typeLab, 3028437, day, round(max(25, x), 0), mgPerDL, 0, 130)
	}
	if d.chance(0.5) {
		age := float64(day-p.birth) / 365.25
		rate := max(6, 108-0.75*(age-30)-38*had(p, kidney, day)+d.normal(0, 11))
		g.value(p, typeLab, 46236952, day, round(min(rate, 140), 0), filtered, 60, noNumber)
		g.value(p, typeLab, 3016723, day, round(max(0.4, 82/rate+d.normal(0, 0.06)), 2), mgPerDL, 0.6, 1.2)
	}
}

// hba1c is higher in diabetes, and falls within half a year of metformin and of
// what is added to it.
func (g *generator) hba1c(p *person, day int32) {
	d := g.dice
	x := 5.35 + 0.01*(p.age-50) + 0.02*(p.bmi-28) + d.normal(0, 0.3)
	switch {
	case p.hadBy(type1, day):
		x = 8 + 1.1*g.control + d.normal(0, 0.7)
	case p.hadBy(type2, day):
		x = 8.3 + 1.2*g.control + d.normal(0, 0.7) - 1.2*since(g.metformin, day) - 0.6*since(g.second, day)
	}
	x = round(max(4, min(x, 16)), 1)
	switch u := d.Float64(); {
	case u < 0.9:
		g.value(p, typeLab, 3004410, day, x, percent, 4, 5.6)
	case u < 0.97:
		// IFCC units by the master equation: NGSP = 0.09148·IFCC + 2.152.
		g.value(p, typeLab, 3004410, day, round((x-2.152)/0.09148, 0), mmolMol, 20, 38)
	default:
		g.value(p, typeLab, 3004410, day, x, missing, noNumber, noNumber)
	}
}

// since goes from 0 at the start of a treatment towards 1 half a year later.
func since(start, day int32) float64 {
	if start == 0 || day < start {
		return 0
	}
	return 1 - math.Exp(-float64(day-start)/90)
}

// value records a measurement; a few lack their value, and one in two thousand is
// a slip of the decimal point.
func (g *generator) value(p *person, kind, concept, day int32, x float64, unit int32, low, high float64) {
	d := g.dice
	meaning := judge(x, low, high)
	switch u := d.Float64(); {
	case u < 0.02:
		x, meaning = noNumber, missing
	case u < 0.0205:
		x = round(x*10, 1)
	}
	if d.chance(0.35) {
		low, high, meaning = noNumber, noNumber, missing
	}
	g.out.measurement.add([]int32{p.index, concept, day, kind, missing, meaning, unit, concept}, x, low, high)
}

// judge is the concept of a value's place in its reference range.
func judge(x, low, high float64) int32 {
	switch {
	case math.IsNaN(low) && math.IsNaN(high):
		return missing
	case x < low:
		return 4267416
	case x > high:
		return 4328749
	}
	return 4069590
}
