package adversary

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// attacker asks questions of a door and keeps the transcript.
type attacker struct {
	transcript
	door  door
	r     *rand.Rand
	wants []predicate // what the play is about
	sets  []people    // of the facts: for finding targets worth attacking, and for marking
}

func newAttacker(w *world, d door, r *rand.Rand) *attacker {
	return &attacker{transcript: transcript{w: w}, door: d, r: r}
}

// ask asks for the counts of a table's cells and returns which were shown.
func (a *attacker) ask(cells ...predicate) []bool { return a.table("", false, cells) }

// mean asks for the mean of a variable in each cell, over those who have a value.
func (a *attacker) mean(variable string, cells ...predicate) []bool {
	var known []predicate
	for _, c := range cells {
		known = append(known, c.where(a.w.known(variable)))
	}
	return a.table(variable, false, known)
}

// share asks for the percentage that each further cell is of the first, with decimals
// enough to give both counts back.
func (a *attacker) share(of predicate, cells ...predicate) []bool {
	return a.table("", true, append([]predicate{of}, cells...))
}

func (a *attacker) table(variable string, share bool, cells []predicate) []bool {
	q := &question{}
	for i, c := range cells {
		q.sets = append(q.sets, a.w.set(c))
		n := number{sets: []int{i}, sum: variable}
		if share && i > 0 {
			n.sets = []int{i, 0}
		}
		q.numbers = append(q.numbers, n)
	}
	shown := a.door.ask(q)
	for i, n := range q.numbers {
		for _, s := range n.sets {
			// a share that is withheld says nothing of its base
			if s == i || shown[i] {
				a.facts = append(a.facts, fact{of: cells[s], count: q.sets[s].count(), shown: shown[i], sum: variable})
				a.sets = append(a.sets, q.sets[s])
			}
		}
	}
	return shown
}

// targets is what an attacker may want of 1 to limit participants: what was asked, the
// differences, intersections and complements of what was asked, and random unions of
// up to four boxes.
func (a *attacker) targets(limit, unions int) (out []predicate) {
	seen := map[string]bool{}
	take := func(set people, p func() predicate) {
		if c := set.count(); c < 1 || c > limit || seen[set.key()] {
			return
		}
		seen[set.key()] = true
		out = append(out, p())
	}
	for _, p := range a.wants {
		take(a.w.set(p), func() predicate { return p })
	}
	all := everybody(a.w.n)
	for i, f := range a.facts {
		take(a.sets[i], func() predicate { return f.of })
		if len(f.of) <= 2 {
			take(all.without(a.sets[i]), f.of.complement)
		}
		for j, g := range a.facts[:i] {
			take(a.sets[i].and(a.sets[j]), func() predicate { return f.of.and(g.of) })
			if len(g.of) <= 2 {
				take(a.sets[i].without(a.sets[j]), func() predicate { return f.of.without(g.of) })
			}
			if len(f.of) <= 2 {
				take(a.sets[j].without(a.sets[i]), func() predicate { return g.of.without(f.of) })
			}
		}
	}
	var boxes []box
	for _, f := range a.facts {
		boxes = append(boxes, f.of...)
	}
	for range unions {
		var p predicate
		for range 1 + a.r.IntN(4) {
			b := slices.Concat(boxes[a.r.IntN(len(boxes))], boxes[a.r.IntN(len(boxes))])
			a.r.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
			b = b[:min(len(b), 1+a.r.IntN(4))]
			if len(b) > 0 && a.r.IntN(3) == 0 {
				b[0] = b[0].negated()
			}
			p = append(p, b)
		}
		take(a.w.set(p), func() predicate { return p })
	}
	return out
}

// loot is what attackers got.
type loot struct {
	transcripts, targets int
	counts, sums         int // derived by linear algebra
	squeezed             int // of them by bounds in real numbers
	whole                int // only by whole numbers
	tried, pinned        int // by bounds in real numbers
	unsure               int
	story                string
}

func (l *loot) add(m loot) {
	l.transcripts += m.transcripts
	l.targets += m.targets
	l.counts += m.counts
	l.sums += m.sums
	l.squeezed += m.squeezed
	l.whole += m.whole
	l.tried += m.tried
	l.pinned += m.pinned
	l.unsure += m.unsure
	if l.story == "" {
		l.story = m.story
	}
}

func (l loot) String() string {
	return fmt.Sprintf("%d transcripts, %d targets: %d counts and %d sums derived; of %d tried with bounds %d squeezed to one value, %d more in whole numbers (%d unsure), %d pinned",
		l.transcripts, l.targets, l.counts, l.sums, l.tried, l.squeezed, l.whole, l.unsure, l.pinned)
}

// exact is the targets that were got exactly.
func (l loot) exact() int { return l.counts + l.sums + l.squeezed + l.whole }

// attack works on the transcript with all it has.
func (a *attacker) attack(limit, unions, most int) (out loot) {
	out.transcripts = 1
	targets := a.targets(limit, unions)
	if len(targets) == 0 {
		return out
	}
	out.targets = len(targets)
	counts := a.derived(a.r, "", targets)
	out.counts = len(counts)
	if len(counts) > 0 {
		out.story = a.story("count", targets[counts[0]])
	}
	variables := map[string]bool{}
	for _, f := range a.facts {
		variables[f.sum] = true
	}
	delete(variables, "")
	for v := range variables {
		sums := a.derived(a.r, v, targets)
		if out.sums += len(sums); len(sums) > 0 && out.story == "" {
			out.story = a.story("sum of "+v, targets[sums[0]])
		}
	}
	left := map[int]bool{}
	for k := range targets {
		left[k] = !slices.Contains(counts, k)
	}
	for _, k := range a.r.Perm(len(targets))[:min(most, len(targets))] {
		if left[k] {
			a.bound(targets[k], limit, &out)
		}
	}
	return out
}

// mostUnknowns is the largest program that the attacker sets up.
const mostUnknowns = 700

// bound looks at one target with nonnegativity: a number that was withheld is at least 1.
func (a *attacker) bound(target predicate, limit int, out *loot) {
	points, complete := a.points(a.r, target)
	if !complete || len(points) > mostUnknowns {
		return
	}
	truth := a.w.set(target).count()
	p, at := a.program(points)
	t := p.feasible()
	if t == nil {
		panic("the true world is no solution of what was shown")
	}
	out.tried++
	low, high := t.ends(at)
	a1, b1 := int(math.Ceil(low-1e-5)), int(math.Floor(min(high, 1e9)+1e-5))
	switch {
	case high-low < 1e-5:
		out.squeezed++
		if out.story == "" {
			out.story = a.story("count by bounds", target)
		}
		return
	case b1-a1 <= 3 && len(points) <= 150:
		is, sure := p.only(at, truth)
		if is {
			out.whole++
			if out.story == "" {
				out.story = a.story("count in whole numbers", target)
			}
			return
		}
		if !sure {
			out.unsure++
		}
	}
	if a1 >= 1 && b1 <= limit {
		out.pinned++
	}
}

// program is what the transcript says of the points, and the points of the one target.
func (a *attacker) program(points []people) (p *program, target []int) {
	p = &program{n: len(points)}
	seen := map[string]bool{}
	for k, f := range a.facts {
		var at []int
		for i, s := range points {
			if s.has(k) {
				at = append(at, i)
			}
		}
		r := row{at, 0, float64(f.count)}
		if !f.shown {
			r = row{at, 1, 1}
		}
		if key := fmt.Sprint(r); !seen[key] {
			seen[key] = true
			p.rows = append(p.rows, r)
		}
	}
	for i, s := range points {
		if s.has(len(a.facts)) {
			target = append(target, i)
		}
	}
	return p, target
}

func (a *attacker) story(what string, target predicate) string {
	out := fmt.Sprintf("%s of %s (%d participants) from\n", what, a.w.say(target), a.w.set(target).count())
	for _, f := range a.facts {
		if len(out) > 4000 {
			return out + "  ...\n"
		}
		value := "withheld"
		if f.shown {
			value = fmt.Sprint(f.count)
		}
		out += fmt.Sprintf("  %s %s %s\n", value, f.sum, a.w.say(f.of))
	}
	return out
}

// TestAttackersAgree holds linear algebra on the logical side to the judge: what an
// attacker derives lies in the row space over participants.
func TestAttackersAgree(t *testing.T) {
	w := newWorld(400, 5)
	found := 0
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 21))
		a := newAttacker(w, thresholdOnly{terms{participants: w.n, limit: 3}}, r)
		a.wander(25)
		targets := a.targets(3, 200)
		var known []people
		for i, f := range a.facts {
			if f.shown {
				known = append(known, a.sets[i])
			}
		}
		space := spanned(w.n, known)
		for _, k := range a.derived(r, "", targets) {
			found++
			if !space.holds(w.set(targets[k]).vector(w.n)) {
				t.Errorf("seed %d: %s is not in the row space", seed, a.story("count", targets[k]))
			}
		}
	}
	if found < 40 {
		t.Errorf("a threshold alone was broken %d times", found)
	}
}
