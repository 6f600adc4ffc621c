package curate

import (
	"slices"

	"weir/datasets/store"
)

// The types of records (Type Concept).
const (
	typeEHR          = 32817
	typePrescription = 32838
	typeLab          = 32856
)

// visit is one contact with health care.
type visit struct {
	day, end int32
	concept  int32
}

var visitKinds = weighted(share{9202, 87}, share{9203, 7.5}, share{9201, 4}, share{262, 1.5})

// maxVisits keeps a record's length within reason.
const maxVisits = 90

// attend draws a person's visits: more of them the more diseases there are, and
// mostly one when a disease is found.
func (g *generator) attend(p *person) {
	d := g.dice
	years := float64(p.until-p.from) / 365.25
	mean := years * (0.45 + 0.17*float64(p.chronic)) * (0.5 + d.ExpFloat64()*0.5)
	g.visits = g.visits[:0]
	for range 1 + d.poisson(min(mean, maxVisits/2)) {
		g.visits = append(g.visits, visit{day: d.between(p.from, p.until)})
	}
	for _, onset := range p.onset {
		if onset >= p.from && onset <= p.until && d.chance(0.8) {
			g.visits = append(g.visits, visit{day: onset})
		}
	}
	if len(g.visits) > maxVisits {
		g.visits = g.visits[:maxVisits]
	}
	slices.SortStableFunc(g.visits, func(a, b visit) int { return int(a.day) - int(b.day) })
	for i := range g.visits {
		v := &g.visits[i]
		v.concept, v.end = visitKinds.draw(d), v.day
		if v.concept == 9201 || v.concept == 262 {
			v.end = min(v.day+d.days(4), p.until)
		}
		g.out.visit.add([]int32{p.index, v.concept, v.day, v.end, typeEHR, 0})
	}
}

// diagnose records conditions at the visits: a disease almost always when it is
// new, sometimes later; and what passes.
func (g *generator) diagnose(p *person) {
	d := g.dice
	for i := range g.found {
		g.found[i] = store.Missing
	}
	for _, v := range g.visits {
		for i := range diseases {
			if !p.hadBy(i, v.day) {
				continue
			}
			likely := 0.2
			if g.found[i] == store.Missing {
				likely = 0.8
			}
			if d.chance(likely) {
				g.condition(p, g.code(i, v.day), v.day, store.Missing)
			}
		}
		for range d.poisson(0.3) {
			g.condition(p, g.minor.draw(d), v.day, min(v.day+d.days(20), p.last))
			if d.chance(0.25) {
				g.prescribe(p, g.acute.draw(d), v.day, 1, 10)
			}
		}
	}
	for _, id := range g.rare[int32(p.number)] {
		for range 1 + d.IntN(3) {
			g.condition(p, id, d.between(p.from, p.until), store.Missing)
		}
	}
}

// code is a concept of a disease on a day: mostly the one with which it was found.
func (g *generator) code(disease int, day int32) int32 {
	if g.found[disease] == store.Missing {
		g.found[disease] = day
		g.codes[disease] = diseases[disease].codes.draw(g.dice)
	}
	if g.dice.chance(0.15) {
		return diseases[disease].codes.draw(g.dice)
	}
	return g.codes[disease]
}

func (g *generator) condition(p *person, concept, start, end int32) {
	source := concept
	if g.dice.chance(0.2) {
		source = 0
	}
	g.out.condition.add([]int32{p.index, concept, start, end, typeEHR, 0, source})
}

// attendTo records procedures, observations and devices.
func (g *generator) attendTo(p *person) {
	d := g.dice
	for _, v := range g.visits {
		if d.chance(0.28) {
			g.out.procedure.add([]int32{p.index, g.procedures.draw(d), v.day, typeEHR, 0, 1, 0})
		}
		if d.chance(0.12) {
			g.observation(p, 43054909, v.day, smokingStatus(p), noNumber)
		}
		if (p.hadBy(depression, v.day) || p.hadBy(anxiety, v.day)) && d.chance(0.15) {
			score := max(0, min(21, 5.5-2.2*p.mood+d.normal(0, 3)))
			g.observation(p, 42868746, v.day, store.Missing, round(score, 0))
		}
	}
	if d.chance(0.15) {
		for range 1 + d.IntN(2) {
			g.observation(p, g.allergies.draw(d), d.between(p.from, p.until), store.Missing, noNumber)
		}
	}
	g.implant(p, ischemic, 0.2, 45767945)
	g.implant(p, fibrillation, 0.1, 45772840)
	g.implant(p, heartFailure, 0.12, 4217646)
	if d.chance(0.04) {
		day := d.between(p.from, p.until)
		g.out.device.add([]int32{p.index, g.devices.draw(d), day, min(day+d.days(10), p.last), typeEHR, 1, 0})
	}
}

func smokingStatus(p *person) int32 {
	switch {
	case p.smoking < 0.25:
		return 4144272
	case p.smoking < 1:
		return 4310250
	}
	return 4298794
}

func (g *generator) observation(p *person, concept, day, value int32, number float64) {
	g.out.observation.add([]int32{p.index, concept, day, typeEHR, value, 0, store.Missing, 0}, number)
}

// implant records a device that stays.
func (g *generator) implant(p *person, disease int, likely float64, device int32) {
	if g.found[disease] == store.Missing || !g.dice.chance(likely) {
		return
	}
	day := g.dice.between(g.found[disease], p.until)
	g.out.device.add([]int32{p.index, device, day, store.Missing, typeEHR, 1, 0})
}
