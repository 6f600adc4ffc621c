package adversary

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// clause is a random condition on an attribute.
func (w *world) clause(r *rand.Rand) clause {
	at := r.IntN(len(w.attributes))
	a := w.attributes[at]
	if a.codes > 0 {
		c := clause{at: at}
		for c.codes == 0 {
			for range 1 + r.IntN(2) {
				c.codes |= 1 << r.IntN(a.codes)
			}
		}
		return c
	}
	if a.missing && r.IntN(5) == 0 {
		return clause{at: at, known: true}
	}
	v := a.value[r.IntN(w.n)]
	for v != v {
		v = a.value[r.IntN(w.n)]
	}
	if r.IntN(2) == 0 {
		return clause{at: at, low: v, high: a.most + 1}
	}
	return clause{at: at, low: v, high: v + max(1, (a.most-a.least)/8)}
}

// victims is a population and a condition that 1 to limit of it fulfil, and the others not.
func (a *attacker) victims(limit int) (all predicate, few clause) {
	for {
		b := box{}
		for range 6 {
			c := a.w.clause(a.r)
			if slices.ContainsFunc(b, func(x clause) bool { return x.at == c.at }) {
				continue
			}
			switch n := a.w.set(predicate{append(slices.Clone(b), c)}).count(); {
			case n == 0:
			case n <= limit:
				if len(b) > 0 && a.w.set(predicate{b}).count() > 3*limit {
					return predicate{b}, c
				}
			default:
				b = append(b, c)
			}
		}
	}
}

// cover is a random box of many, for padding.
func (a *attacker) cover(least int) predicate {
	for {
		p := predicate{{a.w.clause(a.r)}}
		if a.r.IntN(2) == 0 {
			p = p.where(a.w.clause(a.r))
		}
		if n := a.w.set(p).count(); n >= least && n < a.w.n-least {
			return p
		}
	}
}

// blocks are k disjoint populations of which the first is the victims.
func (a *attacker) blocks(all predicate, few clause, k int) []predicate {
	age := a.w.named("age")
	out := []predicate{all.where(few)}
	// not where the victims are: outside their population, by age, in ranges that hold many
	rest := predicate{{few.negated()}}
	if few.at == age {
		age = a.w.named("visits")
	}
	values := slices.Clone(a.w.attributes[age].value)
	slices.Sort(values)
	low := values[0]
	for i := 1; i < k; i++ {
		high := values[min(len(values)-1, i*len(values)/k)]
		if i == k-1 {
			high = values[len(values)-1] + 1
		}
		if high <= low {
			high = low + 1
		}
		out = append(out, rest.where(clause{at: age, low: low, high: high}))
		low = high
	}
	return out
}

func union(of []predicate) (out predicate) {
	for _, p := range of {
		out = append(out, p...)
	}
	return out
}

// plays are the ways to work out what was withheld, each against victims of its own.
var plays = []struct {
	name string
	run  func(a *attacker, all predicate, few clause)
}{
	{"complement", func(a *attacker, all predicate, few clause) {
		a.ask(all)
		a.ask(all.where(few), all.where(few.negated()))
		a.ask(all.where(few).complement())
	}},
	{"individual tracker", func(a *attacker, all predicate, few clause) {
		for _, c := range all[0] {
			a.ask(predicate{{c}})
			a.ask(predicate{{c}}.without(all.where(few)))
		}
	}},
	{"general tracker", func(a *attacker, all predicate, few clause) {
		t := a.cover(1000)
		a.ask(everyone)
		a.ask(t, t.complement())
		a.ask(all.where(few).or(t))
		a.ask(all.where(few).or(t.complement()))
	}},
	{"double tracker", func(a *attacker, all predicate, few clause) {
		t := a.cover(1000)
		u := t.or(a.cover(1000))
		a.ask(u)
		a.ask(t)
		a.ask(all.where(few).or(t))
		a.ask(u.without(all.where(few).and(t)))
	}},
	{"padding with unions", func(a *attacker, all predicate, few clause) {
		for range 4 {
			x := a.cover(200)
			a.ask(x)
			a.ask(x.or(all.where(few)))
			a.ask(x.and(all.where(few)).complement())
		}
	}},
	{"averaging", func(a *attacker, all predicate, few clause) {
		for range 12 {
			x := a.cover(100)
			if a.ask(x.or(all.where(few)))[0] {
				a.ask(x)
			}
		}
	}},
	{"triangle", func(a *attacker, all predicate, few clause) { a.allButOne(a.blocks(all, few, 3)) }},
	{"denominator 3", func(a *attacker, all predicate, few clause) { a.allButOne(a.blocks(all, few, 4)) }},
	{"denominator 6", func(a *attacker, all predicate, few clause) { a.allButOne(a.blocks(all, few, 7)) }},
	{"denominator 30", func(a *attacker, all predicate, few clause) { a.allButOne(a.blocks(all, few, 31)) }},
	{"random unions", func(a *attacker, all predicate, few clause) {
		blocks := a.blocks(all, few, 6)
		for range 9 {
			var some []predicate
			for _, b := range blocks {
				if a.r.IntN(2) == 0 {
					some = append(some, b)
				}
			}
			if len(some) > 0 {
				a.ask(union(some))
			}
		}
	}},
	{"leave one out", func(a *attacker, all predicate, few clause) {
		a.ask(all)
		at := a.w.named("income")
		for c := range a.w.attributes[at].codes {
			a.ask(all.where(clause{at: at, codes: 1 << c, not: true}))
		}
		a.ask(all.where(a.w.known("income")))
	}},
	{"parts against totals", func(a *attacker, all predicate, few clause) {
		parts := func(name string, each int) (out []predicate) {
			at := a.w.named(name)
			for c := 0; c < a.w.attributes[at].codes; c += each {
				out = append(out, all.where(clause{at: at, codes: (1<<each - 1) << c}))
			}
			return out
		}
		a.ask(parts("income", 1)...)
		a.ask(all, all.where(a.w.known("income")))
		a.ask(parts("income", 2)...)
		a.ask(parts("income", 3)...)
		a.ask(parts("education", 2)...)
		var two []predicate
		for _, p := range parts("education", 1) {
			two = append(two, p.where(few), p.where(few.negated()))
		}
		a.ask(two...)
	}},
	{"sliding windows", func(a *attacker, all predicate, few clause) {
		from := float32(20 + a.r.IntN(40))
		for w := float32(5); w < 13; w++ {
			a.ask(all.where(a.w.within("age", from, from+w)))
			a.ask(all.where(a.w.within("age", from+1, from+w)))
		}
	}},
	{"refined percentages", func(a *attacker, all predicate, few clause) {
		a.share(all, all.where(few.negated()))
		a.share(everyone, all, all.where(few.negated()))
		a.share(all, all.where(few), all.where(few.negated()).where(a.w.codes("sex", 0)), all.where(a.w.codes("sex", 0)))
	}},
	{"means before and after exclusion", func(a *attacker, all predicate, few clause) {
		for _, v := range []string{"bmi", "ldl"} {
			a.mean(v, all)
			a.mean(v, all.where(few.negated()))
			a.mean(v, all.where(a.w.codes("sex", 0)), all.where(a.w.codes("sex", 1)), all.where(a.w.codes("sex", 2)))
			x := a.cover(500)
			a.mean(v, x)
			a.mean(v, x.or(all.where(few)))
		}
		a.ask(all.where(a.w.known("bmi")))
	}},
	{"two sessions", func(a *attacker, all predicate, few clause) {
		other := newAttacker(a.w, a.door, a.r)
		a.ask(all, all.where(a.w.codes("sex", 0)), all.where(a.w.codes("sex", 1)), all.where(a.w.codes("sex", 2)))
		other.ask(all.where(few.negated()))
		other.ask(all.where(few.negated()).where(a.w.codes("sex", 0)), all.where(few.negated()).where(a.w.codes("sex", 1)))
		a.mean("bmi", all)
		other.mean("bmi", all.where(few.negated()))
		a.facts, a.sets = append(a.facts, other.facts...), append(a.sets, other.sets...)
	}},
	{"two versions of the data", func(a *attacker, all predicate, few clause) {
		before := a.w.codes("joined", 0)
		for _, p := range []predicate{all, predicate{{a.w.codes("state", a.r.IntN(50))}}, predicate{{a.w.codes("state", a.r.IntN(50)), a.w.codes("sex", 0)}}} {
			a.ask(p.where(before, a.w.codes("diabetes", 1)), p.where(before))
			a.ask(p.where(a.w.codes("diabetes", 1, 2)), p)
			a.ask(p.where(before, a.w.codes("diabetes", 1, 2)))
		}
	}},
	{"wandering", func(a *attacker, all predicate, few clause) { a.wander(16, append(slices.Clone(all[0]), few)...) }},
}

// allButOne asks for the unions of all blocks but one, and for single ones.
func (a *attacker) allButOne(blocks []predicate) {
	for _, i := range a.r.Perm(len(blocks)) {
		a.ask(union(slices.Delete(slices.Clone(blocks), i, i+1)))
	}
	a.ask(blocks[1])
}

// wander asks for random combinations of few conditions.
func (a *attacker) wander(questions int, pool ...clause) {
	for range max(1, 4-len(pool)) {
		pool = append(pool, a.w.clause(a.r))
	}
	a.ask(everyone)
	for range questions {
		p := predicate{{}}
		for range 1 + a.r.IntN(3) {
			c := pool[a.r.IntN(len(pool))]
			if a.r.IntN(2) == 0 {
				c = c.negated()
			}
			p = p.where(c)
		}
		if a.r.IntN(3) == 0 {
			p = p.or(predicate{{pool[a.r.IntN(len(pool))], pool[a.r.IntN(len(pool))]}})
		}
		if a.r.IntN(4) == 0 {
			a.mean("pressure", p)
			continue
		}
		a.ask(p)
	}
}

// limit is the policy's: no count of 1 to 20.
const limit = 20

// raid runs every play some times against doors, each of which sees several plays, so
// that plays meet in one history. It returns what was got by play.
func raid(w *world, rounds int, open func(terms) door) map[string]loot {
	got := map[string]loot{}
	for round := range uint64(rounds) {
		d := open(terms{participants: w.n, limit: limit, seed: round})
		for k, p := range plays {
			a := newAttacker(w, d, rand.New(rand.NewPCG(round, uint64(k))))
			all, few := a.victims(limit)
			a.wants = []predicate{all.where(few)}
			p.run(a, all, few)
			l := got[p.name]
			l.add(a.attack(limit, 60, 24))
			got[p.name] = l
		}
	}
	return got
}

// TestPlaysWork is the control of the attackers: each of their plays works against a
// door that looks at each number alone.
func TestPlaysWork(t *testing.T) {
	got := raid(theWorld(), 3, func(t terms) door { return thresholdOnly{t} })
	for _, p := range plays {
		l := got[p.name]
		t.Logf("%s: %v", p.name, l)
		if l.exact() == 0 && p.name != "wandering" { // which finds something by chance; TestAttackersAgree has many of it
			t.Errorf("%s got nothing from a door that looks at each number alone", p.name)
		}
	}
}
