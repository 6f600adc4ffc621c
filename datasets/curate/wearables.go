package curate

import "math"

// zones are the labels of heart_rate_summary's zone_name.
var zones = []string{"Out of Range", "Fat Burn", "Cardio", "Peak"}

var mainSleep = []string{"true", "false"}

// maxWorn is the largest number of days that a tracker is worn.
const maxWorn = 900

// wear records the days of those who have a tracker.
func (g *generator) wear(p *person) {
	d := g.dice
	if !d.chance(0.15 * math.Exp(0.3*p.wealth-0.045)) {
		return
	}
	worn := min(20+d.days(140), maxWorn)
	first := d.between(max(dayOf(2015, 1, 1), p.birthday(18)), max(p.enrolled, p.last-worn))
	sleeps, beats := d.chance(0.42), d.chance(0.5)
	steps := max(1500, 8600-55*(p.age-50)-110*(p.bmi-28.8)+500*p.mood-450*p.frailty+d.normal(0, 1900))
	asleep := 405 + 12*p.mood + d.normal(0, 32)
	resting := 66 + 0.35*(p.bmi-28.8) + 2*p.frailty + d.normal(0, 6)
	last := min(first+worn, p.last)
	for day := first; day <= last; day++ {
		if !d.chance(0.93) {
			continue
		}
		active := g.walk(p, day, steps)
		if sleeps && d.chance(0.85) {
			g.sleep(p, day, asleep)
		}
		if beats && day > last-36 {
			g.beat(p, day, resting, active)
		}
	}
}

// walk is a day's activity: fewer steps on Sundays, and the minutes that they take.
func (g *generator) walk(p *person, day int32, mean float64) (active float64) {
	d := g.dice
	if (day+4)%7 == 0 {
		mean *= 0.84
	}
	steps := math.Round(mean * math.Exp(d.normal(-0.08, 0.4)))
	if d.chance(0.01) {
		steps = float64(d.IntN(90))
	}
	light := math.Round(max(0, steps/45+d.normal(0, 28)))
	fairly := math.Round(max(0, steps/600+d.normal(0, 9)))
	very := math.Round(max(0, (steps-4000)/380+d.normal(0, 10)))
	sedentary := max(0, 1440-light-fairly-very-float64(380+d.IntN(120)))
	calories := math.Round(1350 + 9*(p.bmi-22) + steps*0.052 + d.normal(0, 90))
	g.out.activity.add([]int32{p.index, day, int32(steps)}, very, fairly, light, sedentary, calories)
	return fairly + very
}

func (g *generator) sleep(p *person, day int32, mean float64) {
	d := g.dice
	minutes := max(61, mean+d.normal(0, 55))
	g.out.sleep.add([]int32{p.index, day, 0, int32(minutes), int32(minutes + 18 + d.ExpFloat64()*20)})
	if d.chance(0.03) {
		nap := 30 + d.Int32N(80)
		g.out.sleep.add([]int32{p.index, day, 1, nap, nap + 6})
	}
}

// beat divides the day into the zones of heart rate in which it was.
func (g *generator) beat(p *person, day int32, resting, active float64) {
	d := g.dice
	low := int32(max(38, resting+d.normal(0, 2.5)))
	top := int32(220 - p.age)
	bounds := [5]int32{low, top * 50 / 100, top * 70 / 100, top * 85 / 100, top}
	minutes := [4]int32{1150 + d.Int32N(200), int32(active * 1.1), int32(active * 0.3), int32(max(0, active*0.08-2))}
	for z := range zones {
		if minutes[z] > 0 && bounds[z] < bounds[z+1] {
			g.out.heartRate.add([]int32{p.index, day, int32(z), bounds[z], bounds[z+1] - 1, minutes[z]})
		}
	}
}
