package adversary

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// session is a researcher who means well: a cohort of a condition, described, refined
// and compared. Where a number that they need is withheld they go back to the earlier
// cohort, as the message tells them to.
type session struct {
	w      *world
	r      *rand.Rand
	clean  bool // missing values are excluded before anything is counted
	totals bool // every table has all its totals
	rate   string
	cohort predicate
	before []predicate // cohorts
	asked  []asked
}

// asked is a question as a researcher puts it: the first cell is its first number.
type asked struct {
	kind   string
	cells  []predicate
	sum    string
	groups bool // the first cell is a group like others, no total
}

// keys are what tables are made by: bands or codes.
var keys = []string{"sex", "age", "race", "region", "education", "income", "insurance", "smoking", "bmi", "year", "hypertension", "depression", "statin"}

// bands divide the numbers.
var bands = map[string][]float32{
	"age":  {18, 30, 40, 50, 60, 70, 80, 91},
	"bmi":  {12, 18.5, 25, 30, 35, 81},
	"year": {2018, 2020, 2022, 2024, 2027},
}

// cells are the conditions of a key's categories.
func (w *world) cells(key string) (out []clause) {
	at := w.named(key)
	if b := bands[key]; b != nil {
		for i := range b[1:] {
			out = append(out, clause{at: at, low: b[i], high: b[i+1]})
		}
		return out
	}
	for c := range w.attributes[at].codes {
		out = append(out, clause{at: at, codes: 1 << c})
	}
	return out
}

func newSession(w *world, r *rand.Rand, c scenario) *session {
	s := &session{w: w, r: r, clean: c.clean, totals: c.totals, rate: c.rate}
	s.begin()
	return s
}

// begin fixes a cohort: a condition, perhaps an age, perhaps complete data.
func (s *session) begin() {
	names := conditions[s.rate]
	s.cohort = predicate{{s.w.codes(names[s.r.IntN(len(names))], 1)}}
	if s.r.IntN(3) == 0 {
		s.cohort = s.cohort.where(s.w.within("age", float32(20+5*s.r.IntN(5)), 91))
	}
	if s.clean {
		for _, k := range keys {
			if s.w.attributes[s.w.named(k)].missing {
				s.cohort = s.cohort.where(s.w.known(k))
			}
		}
	}
	s.before = nil
}

// next is the next question.
func (s *session) next() asked {
	q := s.choose()
	s.asked = append(s.asked, q)
	return q
}

func (s *session) choose() asked {
	if len(s.asked) == 0 {
		return asked{kind: "total", cells: []predicate{s.cohort}}
	}
	switch x := s.r.IntN(100); {
	case x < 10:
		return asked{kind: "total", cells: []predicate{s.cohort}}
	case x < 28:
		return s.table(1)
	case x < 41:
		return s.table(2)
	case x < 47:
		return s.table(3)
	case x < 60:
		return s.refinement()
	case x < 68:
		return s.exclusion()
	case x < 74:
		return s.attrition()
	case x < 80:
		return s.complement()
	case x < 88:
		return s.mean()
	case x < 95 || len(s.asked) < 2:
		return s.asked[s.r.IntN(len(s.asked))]
	default:
		s.begin()
		return asked{kind: "total", cells: []predicate{s.cohort}}
	}
}

func (s *session) some(n int) []string {
	out := make([]string, n)
	for i, k := range s.r.Perm(len(keys))[:n] {
		out[i] = keys[k]
	}
	return out
}

// table is participants by keys. Half of those by two keys are cross-tabulations, which
// have totals, and to a quarter of those by three totals are added: the total first, then
// each key, each pair, and the cells.
func (s *session) table(n int) asked {
	chosen, kind := s.some(n), "table of "+string(rune('0'+n))
	if with := n > 1 && s.r.IntN(2*n-2) == 0; !with && !s.totals {
		return asked{kind: kind, cells: s.crossed(chosen), groups: true}
	}
	cells := []predicate{s.cohort}
	for size := 1; size <= n; size++ {
		for m := range 1 << n {
			var by []string
			for i, k := range chosen {
				if m>>i&1 == 1 {
					by = append(by, k)
				}
			}
			if len(by) == size {
				cells = append(cells, s.crossed(by)...)
			}
		}
	}
	return asked{kind: kind, cells: cells}
}

func (s *session) crossed(by []string) []predicate {
	out := []predicate{s.cohort}
	for _, k := range by {
		var next []predicate
		for _, p := range out {
			for _, c := range s.w.cells(k) {
				next = append(next, p.where(c))
			}
		}
		out = next
	}
	return out
}

// aspect is a condition that researchers narrow cohorts by.
func (s *session) aspect() clause {
	k := s.some(1)[0]
	cells := s.w.cells(k)
	if bands[k] == nil && len(cells) > 3 && s.r.IntN(2) == 0 {
		return clause{at: cells[0].at, codes: cells[s.r.IntN(3)].codes | cells[3].codes}
	}
	return cells[s.r.IntN(min(len(cells), 5))]
}

func (s *session) narrow(p predicate) {
	s.before = append(s.before, s.cohort)
	s.cohort = p
}

func (s *session) refinement() asked {
	s.narrow(s.cohort.where(s.aspect()))
	return asked{kind: "refinement", cells: []predicate{s.cohort}}
}

// exclusion leaves out a comorbidity, or those whose value is missing.
func (s *session) exclusion() asked {
	c := s.w.codes([]string{"kidney", "asthma", "depression", "arthritis"}[s.r.IntN(4)], 1).negated()
	if s.r.IntN(2) == 0 && !s.clean {
		c = s.w.known([]string{"bmi", "income", "smoking", "insurance"}[s.r.IntN(4)])
	}
	s.narrow(s.cohort.where(c))
	return asked{kind: "exclusion", cells: []predicate{s.cohort}}
}

// attrition is a flowchart: the numbers that each step leaves.
func (s *session) attrition() asked {
	p := s.cohort
	cells := []predicate{p}
	steps := []clause{s.w.within("age", 25, 91), s.aspect(), s.w.codes("genome", 1)}
	if !s.clean {
		steps = append(steps, s.w.known("bmi"), s.w.known("smoking"))
	}
	for _, i := range s.r.Perm(len(steps))[:3] {
		p = p.where(steps[i])
		cells = append(cells, p)
	}
	s.narrow(p)
	return asked{kind: "attrition", cells: cells}
}

// complement is those of the earlier cohort who are not in this one.
func (s *session) complement() asked {
	if len(s.before) == 0 {
		return asked{kind: "complement", cells: []predicate{s.cohort[:1].complement()[:1].and(everyone)}}
	}
	old := s.before[len(s.before)-1]
	c := s.cohort[0][len(s.cohort[0])-1]
	return asked{kind: "complement", cells: []predicate{old.where(c.negated())}}
}

// mean is of a measurement, over those who have it, in all and by a key.
func (s *session) mean() asked {
	v := []string{"bmi", "pressure", "ldl", "hba1c"}[s.r.IntN(4)]
	cells := []predicate{s.cohort.where(s.w.known(v))}
	if s.r.IntN(2) == 0 {
		for _, c := range s.w.cells(s.some(1)[0]) {
			cells = append(cells, s.cohort.where(s.w.known(v), c))
		}
	}
	return asked{kind: "mean", cells: cells, sum: v}
}

// told is what the researcher makes of the answer.
func (s *session) told(first bool) {
	if !first && len(s.before) > 0 {
		s.cohort = s.before[len(s.before)-1]
		s.before = s.before[:len(s.before)-1]
	} else if !first {
		s.begin()
	}
}

// workspace is the sessions that share a history.
type workspace struct {
	w        *world
	door     door
	fresh    func() door // that has shown nothing
	span     *span
	facts    []fact
	hidden   []people // small sets that were asked for, the latest first
	sessions []*session
}

// bill is what the audit cost. A number that is above the limit would be shown by
// itself.
type bill struct {
	questions, touched, touchedNeedlessly int
	above, lost, needless                 int // numbers
	alone                                 int // of the numbers: lost as well if nothing had been shown before
	unproved                              int // of the needless: the search gave up
	firsts, firstLost, firstSmall         int
	exposed, proved, histories            int
	derived                               int    // of the exposed: by logic alone
	story                                 string // a number that was withheld needlessly
	leak                                  string // how a set was exposed
}

func (b *bill) add(c bill) {
	b.questions += c.questions
	b.touched += c.touched
	b.touchedNeedlessly += c.touchedNeedlessly
	b.above += c.above
	b.lost += c.lost
	b.needless += c.needless
	b.alone += c.alone
	b.unproved += c.unproved
	b.firsts += c.firsts
	b.firstLost += c.firstLost
	b.firstSmall += c.firstSmall
	b.exposed += c.exposed
	b.derived += c.derived
	b.proved += c.proved
	b.histories += c.histories
	if b.story == "" {
		b.story = c.story
	}
	if b.leak == "" {
		b.leak = c.leak
	}
}

// ask puts a session's next question and reckons what it cost.
func (v *workspace) ask(s *session) (b bill) {
	asked := s.next()
	q := &question{}
	for i, c := range asked.cells {
		q.sets = append(q.sets, v.w.set(c))
		q.numbers = append(q.numbers, number{sets: []int{i}, sum: asked.sum})
	}
	shown := v.door.ask(q)
	for i, is := range shown {
		if n := q.sets[i].count(); is {
			v.facts = append(v.facts, fact{of: asked.cells[i], count: n, shown: true, sum: asked.sum})
			v.span.add(q.sets[i])
		}
	}
	s.told(shown[0] || asked.groups)
	var small []people
	for _, set := range q.sets {
		if n := set.count(); n > 0 && n <= limit && !slices.ContainsFunc(small, func(p people) bool { return slices.Equal(p, set) }) {
			small = append(small, set)
		}
	}
	v.hidden = append(small, v.hidden...)
	var lost []people
	for i, is := range shown {
		if !is && q.sets[i].count() > limit {
			lost = append(lost, q.sets[i])
		}
	}
	var view *view
	if len(lost) > 0 {
		view = v.span.view(limit, lost...)
	}
	b.questions, b.firsts = 1, 1
	var alone []bool
	if len(lost) > 0 {
		alone = v.fresh().ask(q)
	}
	for i, is := range shown {
		n := q.sets[i].count()
		if i == 0 && !is && n > limit {
			b.firstLost++
		}
		if i == 0 && !is && n <= limit {
			b.firstSmall++
		}
		if n <= limit {
			continue
		}
		b.above++
		if is {
			continue
		}
		b.lost++
		if !alone[i] {
			b.alone++
		}
		necessary, proved := v.necessary(view, asked.cells[i], q.sets[i])
		if !necessary {
			b.needless++
			if !proved {
				b.unproved++
			}
			if b.story == "" {
				b.story = asked.kind + ": " + v.w.say(asked.cells[i])
			}
		}
	}
	b.touched, b.touchedNeedlessly = min(1, b.lost), min(1, b.needless)
	return b
}

// necessary says whether logic alone makes it so that a number must be withheld: beside
// everything that has been shown it would determine the count of a set of 1 to limit
// participants, for somebody who does not know who is in which set.
func (v *workspace) necessary(w *view, p predicate, set people) (is, proved bool) {
	found, proved := w.small(set)
	if found == nil && !proved {
		found = v.span.union(set, v.hidden, limit)
	}
	if found == nil {
		return false, proved
	}
	return v.logical(p, found), true
}

// logical says whether a combination of what was shown is a set at every point of the
// logical space, those apart that a zero says to be empty.
func (v *workspace) logical(p predicate, found *finding) bool {
	of := []predicate{p}
	factor := []uint64{found.further}
	for j, x := range found.of {
		if x != 0 {
			of, factor = append(of, v.predicate(v.span.sets[j])), append(factor, x)
		}
	}
	l := v.w.logic(of...)
	var zeros []predicate
	for _, f := range v.facts {
		if f.count == 0 && len(zeros) < 60 && uses(f.of, l.used) {
			zeros = append(zeros, f.of)
		}
	}
	l = v.w.logic(append(zeros, of...)...)
	stands := func(point []float32) bool {
		sum := uint64(0)
		for i, q := range of {
			if q.holds(point) {
				sum += factor[i]
			}
		}
		return mod(sum) <= 1 || slices.ContainsFunc(zeros, func(z predicate) bool { return z.holds(point) })
	}
	if l.size(enough) <= enough {
		all := true
		l.each(func(point []float32) bool { all = stands(point); return all })
		return all
	}
	r := v.span.r
	for _, q := range of {
		for range max(20, enough/10/len(of)) {
			point := l.within(r, q)
			if !stands(point) {
				return false
			}
			k := r.IntN(len(l.used))
			point[l.used[k]] = l.values[k][r.IntN(len(l.values[k]))]
			if !stands(point) {
				return false
			}
		}
	}
	return true
}

// explain is how a small set follows.
func (v *workspace) explain(found *finding) string {
	out := fmt.Sprintf("%d participants are the sum of\n", found.set)
	for j, x := range found.of {
		if x == 0 {
			continue
		}
		factor := int64(x)
		if x > prime/2 {
			factor -= prime
		}
		out += fmt.Sprintf("  %d × (%d) %s\n", factor, v.span.sets[j].count(), v.w.say(v.predicate(v.span.sets[j])))
	}
	return out
}

// predicate is one that was shown of a set.
func (v *workspace) predicate(set people) predicate {
	n := set.count()
	for _, f := range v.facts {
		if f.count == n && slices.Equal(v.w.set(f.of), set) {
			return f.of
		}
	}
	panic("a set in the span was never shown")
}

func uses(p predicate, only []int) bool {
	for _, b := range p {
		if slices.ContainsFunc(b, func(c clause) bool { return !slices.Contains(only, c.at) }) {
			return false
		}
	}
	return true
}

// scenario is sessions of one kind.
type scenario struct {
	rate   string // of the condition
	clean  bool
	shared int  // sessions to a workspace
	totals bool // every table has all its totals
}

// run plays sessions of some questions, the sessions of a workspace in turn, and asks
// at the end whether anybody is exposed.
func (c scenario) run(w *world, seed uint64, sessions, questions int, open func(terms) door) (out bill) {
	for i := 0; i < sessions; i += c.shared {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		seeds := rand.New(rand.NewPCG(seed, uint64(i)+1<<32))
		fresh := func() door { return open(terms{participants: w.n, limit: limit, seed: seeds.Uint64()}) }
		v := &workspace{w: w, door: fresh(), fresh: fresh, span: newSpan(w.n, r.Uint64())}
		for range c.shared {
			v.sessions = append(v.sessions, newSession(w, r, c))
		}
		for range questions {
			for _, s := range v.sessions {
				out.add(v.ask(s))
			}
		}
		found, proved := v.span.view(limit).small(nil)
		out.histories++
		if found != nil && v.span.confirmed(found, limit) {
			out.exposed++
			if v.logical(nil, found) {
				out.derived++
			}
			if out.leak == "" {
				out.leak = v.explain(found)
			}
		}
		if proved && found == nil {
			out.proved++
		}
	}
	return out
}
