package curate

// treatment is what a disease is treated with: the share of those who have it who
// are, and the ingredients.
type treatment struct {
	disease     int
	share       float64
	ingredients shares[int32]
}

var treatments = []treatment{
	{hypertension, 0.72, weighted(share{1308216, 30}, share{1367500, 17}, share{1332418, 25}, share{974166, 16}, share{1307046, 12})},
	{lipids, 0.6, weighted(share{1545958, 45}, share{1539403, 25}, share{1510813, 20}, share{1551860, 10})},
	{ischemic, 0.7, weighted(share{1112807, 60}, share{1322184, 25}, share{1545958, 15})},
	{heartFailure, 0.75, weighted(share{956874, 50}, share{1346823, 30}, share{970250, 20})},
	{fibrillation, 0.6, weighted(share{43013024, 55}, share{1310149, 45})},
	{type1, 0.97, weighted(share{1502905, 40}, share{1550023, 30}, share{1567198, 20}, share{1516976, 10})},
	{copd, 0.6, weighted(share{1106776, 50}, share{1149380, 50})},
	{asthma, 0.7, weighted(share{1154343, 65}, share{1149380, 35})},
	{diseaseIndex("rheumatoid arthritis"), 0.8, weighted(share{1305058, 65}, share{1119119, 35})},
	{diseaseIndex("osteoarthritis"), 0.5, weighted(share{1177480, 40}, share{1115008, 30}, share{1118084, 30})},
	{depression, 0.6, weighted(share{739138, 35}, share{715939, 30}, share{755695, 20}, share{750982, 15})},
	{anxiety, 0.35, weighted(share{739138, 50}, share{715939, 50})},
	{diseaseIndex("migraine"), 0.4, weighted(share{1140643, 1})},
	{diseaseIndex("reflux"), 0.65, weighted(share{923645, 55}, share{948078, 45})},
	{diseaseIndex("hypothyroidism"), 0.85, weighted(share{1501700, 1})},
	{diseaseIndex("lupus"), 0.6, weighted(share{1551099, 1})},
}

// acuteDrugs are for what passes.
var acuteDrugs = weighted(share{1713332, 25}, share{1734104, 20}, share{1125315, 20}, share{1177480, 15}, share{1551099, 10}, share{1149196, 10})

// maxFills keeps a prescription's records within reason.
const maxFills = 9

// treat prescribes for the diseases that were found.
func (g *generator) treat(p *person) {
	d := g.dice
	for _, t := range treatments {
		if g.isFound(t.disease) && d.chance(t.share) {
			start := g.found[t.disease] + d.Int32N(20)
			g.prescribe(p, t.ingredients.draw(d), start, 1+d.poisson(3.2), 90)
		}
	}
	g.treatDiabetes(p)
	if d.chance(0.12) {
		g.prescribe(p, 797399, d.between(p.from, p.until), 1+d.poisson(2), 30)
	}
}

// step is a drug that is added when those before do not suffice, and the day from
// which it can be had.
type step struct {
	drugs shares[int32]
	from  int32
}

var diabetesSteps = weightedSteps()

func weightedSteps() (s shares[step]) {
	s.add(step{weighted(share{1597756, 35}, share{1560171, 50}, share{1559684, 15}), 0}, 36)
	s.add(step{weighted(share{1580747, 1}), dayOf(2006, 10, 16)}, 12)
	s.add(step{weighted(share{45774751, 60}, share{44785829, 22}, share{43526465, 18}), dayOf(2014, 8, 1)}, 17)
	s.add(step{weighted(share{40170911, 25}, share{45774435, 40}, share{793143, 35}), dayOf(2017, 12, 5)}, 17)
	s.add(step{weighted(share{1502905, 55}, share{1550023, 20}, share{1567198, 15}, share{1516976, 10}), 0}, 18)
	return s
}

// treatDiabetes begins with metformin, mostly, and goes on by steps.
func (g *generator) treatDiabetes(p *person) {
	g.metformin, g.second = 0, 0
	if !g.isFound(type2) {
		return
	}
	d, start := g.dice, g.found[type2]
	if d.chance(0.74) {
		g.metformin = start + d.days(40)
		g.prescribe(p, 1503297, g.metformin, 2+d.poisson(4.5), 90)
		start = g.metformin
	}
	for likely := 0.62; d.chance(likely) && start < p.until; likely *= 0.75 {
		start += d.days(400)
		s := diabetesSteps.draw(d)
		if start < s.from {
			continue
		}
		if g.second == 0 {
			g.second = start
		}
		g.prescribe(p, s.drugs.draw(d), start, 2+d.poisson(3), 90)
	}
}

func (g *generator) isFound(disease int) bool { return g.found[disease] > 0 }

// prescribe records fills of one clinical drug of an ingredient, now and then the
// ingredient itself.
func (g *generator) prescribe(p *person, ingredient, day int32, fills int, supply int32) {
	d := g.dice
	drug := ingredient
	if forms := g.vocabulary.children[ingredient]; len(forms) > 0 && d.chance(0.88) {
		drug = forms[d.IntN(len(forms))]
	}
	quantity := float64(supply) * float64(1+d.IntN(2))
	for range min(fills, maxFills) {
		if day > p.until {
			return
		}
		days := supply
		if d.chance(0.06) {
			days = missing
		}
		g.out.drug.add([]int32{p.index, drug, day, min(day+supply-1, p.last), typePrescription, 0, days, 0, drug}, quantity)
		day += supply + d.Int32N(25)
	}
}
