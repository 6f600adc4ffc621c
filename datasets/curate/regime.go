package curate

import (
	"fmt"
	"math/bits"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// regime is what the rules make of one tier.
type regime struct {
	rules    *Rules
	tables   map[string]string // left out, and by which rule
	fields   []string          // patterns of those left out
	nulls    []string          // and of those without values
	rows     []rowRule
	answers  []*answerRule
	cap      *CapAge
	capRule  string
	shift    *ShiftDates
	middle   bool
	research bool
	last     leftOut
	states   []*LeastPopulation
	zip      *ZIP3
	recent   *RecentConcepts
	recently string // the rule's name

	questions, births conceptMap // what answers rules ask, and what they take for a sex at birth
}

// leftOut is what an administrator leaves out, when the built-in rules have acted.
type leftOut struct {
	tables        map[string]string
	fields, nulls []string
	rows          []rowRule
}

type rowRule struct {
	name   string
	tables []string // none for all but person
	ids    []int32
}

// answerRule generalises. Those that depend on what else a participant answered
// keep a mask of it: the concepts that were given of several, or 1 for who was
// born as the rule says.
type answerRule struct {
	Generalise
	name  string
	added bool
	also  []int32 // what other rules make of answers
	masks []uint32
}

// depends says whether a rule waits until all answers are known: an administrator's
// does, so that none of the built-in ones finds another answer than was given.
func (a *answerRule) depends() bool { return a.Several || a.Born != nil || a.added }

// applies says whether what the rule depends on is so for a participant.
func (a *answerRule) applies(participant int32) bool {
	switch {
	case a.Several:
		return bits.OnesCount32(a.masks[participant]) > 1
	case a.Born != nil:
		return a.masks[participant] != 0
	}
	return true
}

// changes says whether the rule turns a value into another.
func (a *answerRule) changes(value int32) bool {
	if a.Missing {
		return value == 0 || value == store.Missing
	}
	return slices.Contains(a.Concepts, value) || a.Several && slices.Contains(a.also, value)
}

// of are the rules of a tier; the public tier shows numbers of what the registered holds.
func (r *Rules) of(tier plan.Tier) *regime {
	if tier == plan.Public {
		tier = plan.Registered
	}
	g := &regime{rules: r, tables: map[string]string{}, last: leftOut{tables: map[string]string{}}}
	for i := range r.Rules {
		if x := &r.Rules[i]; slices.Contains(x.Tiers, tier) {
			g.add(x)
		}
	}
	for _, a := range g.answers {
		for _, q := range a.Questions {
			g.questions.put(q, 0)
		}
		for _, id := range a.Born {
			g.births.put(id, 0)
		}
		for _, b := range g.answers {
			a.also = append(a.also, b.Into)
		}
	}
	return g
}

// add takes a rule; of two limits the one behind is the stricter (Rule.admits).
func (g *regime) add(x *Rule) {
	tables, fields, nulls, rows := g.tables, &g.fields, &g.nulls, &g.rows
	if x.added {
		tables, fields, nulls, rows = g.last.tables, &g.last.fields, &g.last.nulls, &g.last.rows
	}
	for _, t := range x.DropTables {
		tables[t] = x.Name
	}
	*fields = append(*fields, x.DropFields...)
	*nulls = append(*nulls, x.NullFields...)
	g.middle, g.research = g.middle || x.MiddleOfBirthYear, g.research || x.ResearchIDs
	switch {
	case x.DropRows != nil:
		ids := slices.Clone(x.DropRows.Concepts)
		for _, l := range x.DropRows.Lists {
			ids = append(ids, lists()[l]...)
		}
		*rows = append(*rows, rowRule{x.Name, x.DropRows.Tables, ids})
	case x.Generalise != nil:
		g.answers = append(g.answers, &answerRule{Generalise: *x.Generalise, name: x.Name, added: x.added})
	case x.CapAge != nil:
		g.cap, g.capRule = x.CapAge, x.Name
	case x.ShiftDates != nil:
		g.shift = x.ShiftDates
	case x.LeastPopulation != nil:
		g.states = append(g.states, x.LeastPopulation)
	case x.ZIP3 != nil:
		g.zip = x.ZIP3
	case x.RecentConcepts != nil:
		g.recent, g.recently = x.RecentConcepts, x.Name
	}
}

// shape is what a tier has of a table.
func (g *regime) shape(s *shape) *shape {
	var out []string
	for _, f := range s.fields {
		if matches(g.fields, s.name, f.Name) {
			out = append(out, f.Name)
		}
	}
	return s.without(out...)
}

func matches(patterns []string, table, field string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		ok, _ := path.Match(p, table+"."+field)
		return ok
	})
}

// finalShape is what is written of a table, and where its fields are in the shape
// in which it was read.
func (g *regime) finalShape(s *shape) (out *shape, from []int) {
	var gone []string
	for i, f := range s.fields {
		if matches(g.last.fields, s.name, f.Name) {
			gone = append(gone, f.Name)
		} else {
			from = append(from, i)
		}
	}
	return s.without(gone...), from
}

// empties says whether an administrator has a field without values.
func (g *regime) empties(table, field string) bool { return matches(g.last.nulls, table, field) }

// final is what is written of rows.
func (g *regime) final(c *columns) *columns {
	for f, field := range c.shape.fields {
		if g.empties(c.shape.name, field.Name) {
			c.empty(f)
		}
	}
	s, from := g.finalShape(c.shape)
	if len(from) == len(c.shape.fields) {
		return c
	}
	out := &columns{shape: s, date: -1, count: c.count}
	for i, f := range from {
		out.ints, out.nums = append(out.ints, c.ints[f]), append(out.nums, c.nums[f])
		if f == c.date {
			out.date = i
		}
	}
	return out
}

// suppression is the concepts for which rows of a table are dropped, and the names of
// the rules.
type suppression struct {
	rules []string
	by    conceptMap // the number of a rule
}

// suppressed are those of a table, now and when the other rules have acted. recent
// are the concepts that are too new.
func (g *regime) suppressed(table string, recent []int32) (now, late *suppression) {
	now, late = new(suppression), new(suppression)
	if table == "person" || table == personExtension {
		return now, late
	}
	now.add(g.rows, table)
	late.add(g.last.rows, table)
	if len(recent) > 0 {
		now.add([]rowRule{{g.recently, nil, recent}}, table)
	}
	return now, late
}

func (s *suppression) add(rules []rowRule, table string) {
	for _, r := range rules {
		if r.tables != nil && !slices.Contains(r.tables, table) {
			continue
		}
		for _, id := range r.ids {
			s.by.put(id, int32(len(s.rules)))
		}
		s.rules = append(s.rules, r.name)
	}
}

// begin makes the masks for so many participants.
func (g *regime) begin(participants int) {
	for _, a := range g.answers {
		if a.depends() {
			a.masks = make([]uint32, participants)
		}
	}
}

// asked are the fields of a table that hold a question, and the answer's.
func asked(s *shape) (questions []int, answer int) {
	names := map[string][]string{
		"ds_survey":   {"answer_concept_id", "question_concept_id"},
		"observation": {"value_as_concept_id", "observation_source_concept_id", "observation_concept_id"},
	}[s.name]
	if names == nil {
		return nil, -1
	}
	answer = s.at(names[0])
	for _, n := range names[1:] {
		if i := s.at(n); i >= 0 {
			questions = append(questions, i)
		}
	}
	return questions, answer
}

// learn notes in the masks what rows answer, and generalises what depends on
// nothing else. Several goroutines may learn at once.
func (g *regime) learn(c *columns) {
	questions, answer := asked(c.shape)
	if answer < 0 {
		return
	}
	for i, value := range c.ints[answer] {
		if g.births.get(value) >= 0 {
			g.note(c.ints[0][i], value)
		}
		if g.concerns(c, questions, i) {
			c.ints[answer][i] = g.learnRow(c, questions, i, value)
		}
	}
}

// note notes who was born as some rules say.
func (g *regime) note(participant, born int32) {
	for _, a := range g.answers {
		if slices.Contains(a.Born, born) {
			atomic.StoreUint32(&a.masks[participant], 1)
		}
	}
}

func (g *regime) learnRow(c *columns, questions []int, row int, value int32) int32 {
	given := value
	for _, a := range g.answers {
		if !a.asks(c, questions, row) {
			continue
		}
		if k := slices.Index(a.Concepts, given); a.Several && k >= 0 {
			atomic.OrUint32(&a.masks[c.ints[0][row]], 1<<k)
		}
		if !a.depends() && a.changes(value) {
			value = a.Into
		}
	}
	return value
}

// concerns says whether a row answers a question of some rule.
func (g *regime) concerns(c *columns, questions []int, row int) bool {
	for _, q := range questions {
		if g.questions.get(c.ints[q][row]) >= 0 {
			return true
		}
	}
	return false
}

func (a *answerRule) asks(c *columns, questions []int, row int) bool {
	return a.question(c, questions, row) != 0
}

// question is that of the rule which a row answers, 0 for none.
func (a *answerRule) question(c *columns, questions []int, row int) int32 {
	for _, q := range questions {
		if id := c.ints[q][row]; slices.Contains(a.Questions, id) {
			return id
		}
	}
	return 0
}

// settle generalises what depends on all answers of a participant, and drops all
// but the last of the rows that are made equal. Rows are in order.
func (g *regime) settle(c *columns) (dropped int) {
	questions, answer := asked(c.shape)
	if answer < 0 {
		return 0
	}
	made := map[[3]int32]int{} // the last row of a participant, a question and a general answer
	drop := make([]bool, c.count)
	for i := range c.count {
		if !g.concerns(c, questions, i) {
			continue
		}
		p := c.ints[0][i]
		for _, a := range g.answers {
			if !a.asks(c, questions, i) {
				continue
			}
			if value := c.ints[answer][i]; a.depends() && a.applies(p) && a.changes(value) {
				c.ints[answer][i] = a.Into
			}
			if c.ints[answer][i] == a.Into {
				k := [3]int32{p, a.question(c, questions, i), a.Into}
				if last, ok := made[k]; ok && last != i && !drop[last] {
					drop[last] = true
					dropped++
				}
				made[k] = i
			}
		}
	}
	if dropped > 0 {
		c.without(drop)
	}
	return dropped
}

// person applies what concerns the fields of person, rows being in the order of
// participants.
func (g *regime) person(c *columns) {
	if sex := c.shape.at("sex_at_birth_concept_id"); sex >= 0 {
		for _, a := range g.answers {
			for p, v := range c.ints[sex] {
				if a.Born != nil && slices.Contains(a.Born, v) {
					a.masks[p] = 1
				}
			}
		}
	}
	for _, a := range g.answers {
		for _, name := range a.Fields {
			f := c.shape.at(strings.TrimPrefix(name, "person."))
			if f < 0 {
				continue
			}
			for p, v := range c.ints[f] {
				if a.changes(v) && a.applies(int32(p)) || a.Several && a.applies(int32(p)) {
					c.ints[f][p] = a.Into
				}
			}
		}
	}
	for _, s := range g.states {
		if f := c.shape.at(strings.TrimPrefix(s.Field, "person.")); f >= 0 {
			s.merge(c.ints[f])
		}
	}
	if birth := c.shape.at("birth_date"); g.middle && birth >= 0 {
		for p, day := range c.ints[birth] {
			c.ints[birth][p] = middleOfYear(day)
		}
	}
}

func (l *LeastPopulation) merge(values []int32) {
	count := map[int32]int{}
	for _, v := range values {
		count[v]++
	}
	for i, v := range values {
		if v > 0 && count[v] < l.Participants {
			values[i] = l.Into
		}
	}
}

// tooOld says whether somebody born on a day is older than the tier has it at the cut-off.
func (g *regime) tooOld(birth, cutOff int32) bool {
	if g.cap == nil {
		return false
	}
	b, c := date(birth), date(cutOff)
	return !b.AddDate(g.cap.Oldest+1, 0, 0).After(c)
}

func date(day int32) time.Time { return time.Unix(int64(day)*86400, 0).UTC() }

// middleOfYear is 15 June of a day's year: what the controlled tier shows for a birth.
func middleOfYear(day int32) int32 { return dayOf(date(day).Year(), time.June, 15) }

// dayOf counts a date's days since 1970-01-01.
func dayOf(y int, m time.Month, d int) int32 {
	return int32(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func checkTier(t plan.Tier) error {
	switch t {
	case plan.Registered, plan.Controlled:
		return nil
	case plan.Public:
		return fmt.Errorf("the public tier holds no rows: choose registered or controlled")
	}
	return fmt.Errorf("%q is no tier: choose registered or controlled", t)
}

var builtIn = sync.OnceValue(BuiltIn)

// shipped are the built-in rules of a tier.
var shipped = map[plan.Tier]func() *regime{
	plan.Registered: sync.OnceValue(func() *regime { return builtIn().of(plan.Registered) }),
	plan.Controlled: sync.OnceValue(func() *regime { return builtIn().of(plan.Controlled) }),
}
