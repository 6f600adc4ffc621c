package curate

import (
	"math"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// person is an invented participant. Dates are days since 1970-01-01; missing is
// store.Missing.
type person struct {
	index    int32
	number   int   // in the order of invention, before the permutation
	birth    int32 // as it is; the tier may show another day
	enrolled int32
	death    int32
	ehr      bool
	from     int32 // the health record's first day
	until    int32 // and its last
	female   bool
	sex      int32 // a concept
	age      float64
	last     int32 // the last day of life or of data

	// What orders a person among others: standard normal.
	frailty, wealth, learning, smoking, mood float64

	bmi, height float64
	onset       []int32 // by disease
	chronic     int     // how many of them
}

var (
	races = weighted(share{8527, 55}, share{8516, 19}, share{8515, 3.4}, share{8657, 1}, share{38003615, 0.6},
		share{8557, 0.1}, share{severalPopulations, 2.2}, share{noneIndicated, 16.2}, share{903079, 1}, share{903096, 1.5})
	otherSexes   = weighted(share{1585848, 1}, share{1585849, 1}, share{903079, 1}, share{903096, 1})
	otherGenders = weighted(share{1585841, 4}, share{1585842, 3}, share{1585843, 2}, share{903079, 1})
)

// begin draws who the person is and how long they live; ill says what of.
func (p *person) begin(w *world, d *dice) {
	p.female = d.chance(0.61)
	p.sex = 45880669
	if p.female {
		p.sex = 45878463
	}
	if d.chance(0.008) {
		p.sex = otherSexes.draw(d)
	}
	p.birth, p.age = w.drawBirth(d)
	p.enrolled = d.between(max(w.opened, p.birthday(18)), w.cutOff-30)
	p.frailty, p.wealth = d.normal(0, 1), d.normal(0, 1)
	p.learning = 0.6*p.wealth + d.normal(0, 0.8)
	p.smoking = -0.25*p.wealth + d.normal(0, 0.97)
	p.height = round(d.normal(176, 7.5), 1)
	if p.female {
		p.height = round(d.normal(162.5, 7), 1)
	}
	p.bmi = max(16, 28.8-0.9*p.wealth+d.normal(0, 5)+d.ExpFloat64()*1.6-1.6)
	p.ehr = d.chance(0.8) || w.rare[int32(p.number)] != nil
}

func (p *person) birthday(years float64) int32 { return p.birth + int32(years*365.25) }

// drawBirth makes the ages of an adult volunteer cohort: two thirds are over 45.
func (w *world) drawBirth(d *dice) (birth int32, age float64) {
	limit := 101.0
	if w.tier == plan.Registered {
		limit = oldest
	}
	for {
		switch u := d.Float64(); {
		case u < 0.16:
			age = d.normal(28, 6)
		case u < 0.5:
			age = d.normal(45, 11)
		default:
			age = d.normal(66, 10)
		}
		days := int32(age * 365.25)
		// Nobody is enrolled under 18, nor is in the registered tier at 89.
		if age > 18.2 && age < limit-0.01 {
			return w.cutOff - days, age
		}
	}
}

// record sets how far back the health record goes, and where it ends.
func (p *person) record(w *world, d *dice) {
	p.last = w.cutOff
	if p.death != store.Missing {
		p.last = p.death
	}
	years := min(22, 1.5+d.ExpFloat64()*7.5)
	p.from = max(p.birthday(18), p.enrolled-int32(years*365.25))
	p.from = min(p.from, p.last-60)
	p.until = p.last
	if p.death == store.Missing {
		p.until = max(p.from+60, p.last-d.days(200)+1)
	}
}

// write makes the rows that a person has one of.
func (p *person) write(w *world, d *dice, out *stride) {
	gender := int32(1585839)
	if p.female {
		gender = 1585840
	}
	if d.chance(0.012) {
		gender = otherGenders.draw(d)
	}
	if w.tier == plan.Registered && (gender == 903079 || p.sex != 45880669 && p.sex != 45878463) {
		gender = notManNotWoman
	}
	race, ethnicity := races.draw(d), int32(38003564)
	if race == noneIndicated || d.chance(0.02) {
		ethnicity = 38003563
	}
	out.person.add([]int32{
		p.index, p.administrative(), w.shownBirth(p.birth), generalise(w.tier, race), ethnicity,
		w.shownSex(p.sex), generalise(w.tier, gender), w.states[p.number],
	})
	out.participants.add([]int32{p.index, 0, int32(firstPersonID + p.number)})
	if p.ehr {
		out.observationPeriod.add([]int32{p.index, p.from, p.until, typeEHR})
	}
	if p.death != store.Missing {
		row := []int32{p.index, p.death, typeEHR}
		if w.tier != plan.Registered {
			row = append(row, p.cause(), 0)
		}
		out.death.add(row)
	}
}

// administrative is OMOP's gender_concept_id, in which an answer other than male
// and female has no concept.
func (p *person) administrative() int32 {
	switch p.sex {
	case 45880669:
		return 8507
	case 45878463:
		return 8532
	}
	return 0
}

func (w *world) shownBirth(day int32) int32 {
	if w.tier == plan.Controlled {
		return middleOfYear(day)
	}
	return day
}

// shownSex: the registered tier's class is for those who did not answer, too.
func (w *world) shownSex(id int32) int32 {
	if w.tier == plan.Registered && (id == 903079 || id == 903096) {
		return notMaleNotFemale
	}
	return generalise(w.tier, id)
}

// settle draws the states of residence and, in the registered tier, puts the
// small ones together.
func (w *world) settle() {
	var states shares[int32]
	for k, id := range w.vocabulary.lists["state"] {
		states.add(id, math.Pow(0.82, float64(k)))
	}
	d, count := newDice(), map[int32]int{}
	w.states = make([]int32, w.participants)
	for n := range w.states {
		d.begin(w.seed, homeStream, n)
		w.states[n] = states.draw(d)
		count[w.states[n]]++
	}
	for n, s := range w.states {
		if w.tier == plan.Registered && count[s] < fewestInState {
			w.states[n] = stateSuppressed
		}
	}
}
