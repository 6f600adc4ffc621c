package engine_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// kind of events: what a plan can say of a table.
type ground struct {
	op       string
	table    string
	concepts []int // that rows have, the most frequent first, and ancestors of them
	value    bool
	concept  bool
	source   bool
	origin   bool
	unit     bool
	end      bool
	numbers  []string // fields by type
	labels   []string
	coded    []string
	dates    []string
	sample   map[string][]float64 // values of a numeric field, concepts of a coded one
	units    map[int][]string     // that a concept has
}

// country is what a repository holds, for plans to ask for.
type country struct {
	repo    *store.Repository
	names   map[int32]string
	codes   map[int32]string // UCUM
	sources []string         // ICD10CM codes
	grounds []*ground
	persons map[string][]string // labels by operation
	answers map[int][]string    // by question
	texts   map[string][]string // labels by table.field
}

var attributes = map[string]string{
	"SexAtBirth": "sex_at_birth_concept_id", "GenderIdentity": "gender_identity_concept_id", "Race": "race_concept_id",
	"Ethnicity": "ethnicity_concept_id", "State": "state_of_residence_concept_id",
}

func explore(t testing.TB, repo *store.Repository) *country {
	c := &country{repo: repo, names: map[int32]string{}, codes: map[int32]string{}, persons: map[string][]string{}, answers: map[int][]string{}, texts: map[string][]string{}}
	concept := c.table(t, "concept")
	text := func(field string, i int32) string {
		f, _ := concept.Field(field)
		return f.Labels[i]
	}
	for i := range concept.Batches {
		b := &concept.Batches[i]
		for row, id := range b.Int32("concept_id") {
			c.names[id] = text("concept_name", b.Int32("concept_name")[row])
			code := text("concept_code", b.Int32("concept_code")[row])
			switch text("vocabulary_id", b.Int32("vocabulary_id")[row]) {
			case "UCUM":
				c.codes[id] = code
			case "ICD10CM":
				c.sources = append(c.sources, code)
			}
		}
	}
	for op, field := range attributes {
		c.persons[op] = c.labelsOf(c.table(t, "person"), field)
	}
	for _, op := range []string{"Condition", "Drug", "Measurement", "Observation", "Procedure", "Device", "Visit", "Survey", "Steps", "Sleep", "HeartRate"} {
		n, err := plan.Root(op)
		if err != nil {
			continue // not in this repository
		}
		d, _ := plan.DomainOf(n)
		c.grounds = append(c.grounds, c.survey(t, op, d))
	}
	return c
}

func (c *country) table(t testing.TB, name string) *store.Table {
	t.Helper()
	table, err := c.repo.Table(name)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// labelsOf is the names of a concept field's concepts, that rows have.
func (c *country) labelsOf(table *store.Table, field string) []string {
	var out []string
	for _, id := range frequent(table, field) {
		out = append(out, c.names[id])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// frequent is the concepts of a field, the most frequent first, without missing ones.
func frequent(table *store.Table, field string) []int32 {
	count := map[int32]int{}
	for i := range table.Batches {
		for _, id := range table.Decoded(&table.Batches[i], field) {
			count[id]++
		}
	}
	delete(count, store.Missing)
	return slices.SortedFunc(maps.Keys(count), func(a, b int32) int { return cmp.Or(count[b]-count[a], int(a-b)) })
}

func (c *country) survey(t testing.TB, op string, d plan.Domain) *ground {
	table := c.table(t, d.Table)
	g := &ground{op: op, table: d.Table, value: d.Value != "", sample: map[string][]float64{}, units: map[int][]string{}}
	for _, f := range table.Fields[1:] {
		switch f.Type {
		case store.Integer, store.Float:
			g.numbers = append(g.numbers, f.Name)
			g.sample[f.Name] = sample(table, f)
		case store.Label:
			g.labels = append(g.labels, f.Name)
			c.texts[d.Table+"."+f.Name] = f.Labels
		case store.Date:
			g.dates = append(g.dates, f.Name)
		case store.Concept:
			g.coded = append(g.coded, f.Name)
			for _, id := range frequent(table, f.Name) {
				g.sample[f.Name] = append(g.sample[f.Name], float64(id))
			}
		}
		g.concept = g.concept || f.Name == d.Concept
		g.source = g.source || f.Name == d.Source
		g.origin = g.origin || f.Name == d.Type
		g.end = g.end || f.Name == d.End
		g.unit = g.unit || f.Name == "unit_concept_id"
	}
	if g.concept {
		g.concepts = c.asked(t, table, d.Concept)
	}
	if g.unit && g.concept {
		c.unitsOf(table, d.Concept, g)
	}
	if op == "Survey" {
		c.answered(table)
	}
	return g
}

// asked is the concepts of a field and ancestors of them.
func (c *country) asked(t testing.TB, table *store.Table, field string) []int {
	var out []int
	has := frequent(table, field)
	for _, id := range has[:min(len(has), 10)] {
		out = append(out, int(id))
	}
	ancestor := c.table(t, "concept_ancestor")
	for i := range ancestor.Batches {
		b := &ancestor.Batches[i]
		for row, id := range b.Int32("descendant_concept_id") {
			if above := int(b.Int32("ancestor_concept_id")[row]); slices.Contains(out[:min(len(out), 10)], int(id)) && !slices.Contains(out, above) && len(out) < 14 {
				out = append(out, above)
			}
		}
	}
	return out
}

// sample is some values of a numeric field.
func sample(table *store.Table, f store.Field) (out []float64) {
	for i := range table.Batches {
		b := &table.Batches[i]
		for row := 0; row < b.Rows && len(out) < 300; row += 1 + b.Rows/97 {
			if f.Type == store.Float && !math.IsNaN(b.Float64(f.Name)[row]) {
				out = append(out, b.Float64(f.Name)[row])
			}
			if f.Type == store.Integer && b.Int32(f.Name)[row] != store.Missing {
				out = append(out, float64(b.Int32(f.Name)[row]))
			}
		}
	}
	return append(out, 1)
}

func (c *country) unitsOf(table *store.Table, concept string, g *ground) {
	for i := range table.Batches {
		b := &table.Batches[i]
		units := table.Decoded(b, "unit_concept_id")
		for row, id := range table.Decoded(b, concept) {
			code := c.codes[units[row]]
			if !slices.Contains(g.units[int(id)], code) {
				g.units[int(id)] = append(g.units[int(id)], code)
			}
		}
	}
}

// answered finds the answers that questions have.
func (c *country) answered(table *store.Table) {
	for i := range table.Batches {
		b := &table.Batches[i]
		answers := table.Decoded(b, "answer_concept_id")
		for row, q := range table.Decoded(b, "question_concept_id") {
			name := c.names[answers[row]]
			name = name[max(0, strings.LastIndex(name, ": ")+2*min(1, 1+strings.LastIndex(name, ": "))):]
			if answers[row] != store.Missing && name != "" && !slices.Contains(c.answers[int(q)], name) {
				c.answers[int(q)] = append(c.answers[int(q)], name)
			}
		}
	}
}

// gardener grows plans. The same seed grows the same plan.
type gardener struct {
	*country
	r    *rand.Rand
	fuel int // how many steps may still be grown
	pool map[plan.Kind][]*plan.Node
}

// retry is a step that the grammar refuses.
type retry struct{ err error }

// grow grows a table.
func (c *country) grow(seed, number uint64) *plan.Node {
	g := &gardener{country: c, r: rand.New(rand.NewPCG(seed, number))}
	for {
		if n := g.attempt(); n != nil {
			return n
		}
	}
}

func (g *gardener) attempt() (n *plan.Node) {
	g.pool, g.fuel = map[plan.Kind][]*plan.Node{}, 6+g.r.IntN(40)
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(retry); !ok {
				panic(p)
			}
			n = nil
		}
	}()
	return g.table()
}

func (g *gardener) root(op string, args ...plan.Arg) *plan.Node {
	g.fuel--
	n, err := plan.Root(op, args...)
	if err != nil {
		panic(retry{err})
	}
	return n
}

func (g *gardener) then(n *plan.Node, op string, args ...plan.Arg) *plan.Node {
	g.fuel--
	m, err := n.Then(op, args...)
	if err != nil {
		panic(retry{err})
	}
	return m
}

func (g *gardener) chance(p float64) bool { return g.r.Float64() < p }

func (g *gardener) pick(of ...string) string { return of[g.r.IntN(len(of))] }

func (g *gardener) near(of []float64) float64 {
	if len(of) == 0 {
		return float64(g.r.IntN(10))
	}
	x := of[g.r.IntN(len(of))]
	switch g.r.IntN(6) {
	case 0:
		return x + 0.25
	case 1:
		return x - 1
	}
	return x
}

// some is a few different items.
func some[T any](g *gardener, of []T, most int) []T {
	n := 1 + g.r.IntN(min(most, len(of)))
	out := make([]T, 0, n)
	for _, i := range g.r.Perm(len(of))[:n] {
		out = append(out, of[i])
	}
	return out
}

func args[T any](of []T) []plan.Arg {
	out := make([]plan.Arg, len(of))
	for i, x := range of {
		out[i] = x
	}
	return out
}

// seen gives back, now and then, a step of this plan, so that plans are graphs.
func (g *gardener) seen(kind plan.Kind) *plan.Node {
	if p := g.pool[kind]; len(p) > 0 && g.chance(0.25) {
		return p[g.r.IntN(len(p))]
	}
	return nil
}

func (g *gardener) keep(n *plan.Node) *plan.Node {
	g.pool[n.Kind()] = append(g.pool[n.Kind()], n)
	return n
}

// happening is events and what can be asked of them.
type happening struct {
	n      *plan.Node
	ground *ground // nil of several tables
	era    bool    // only their days are meant
	field  string  // that is read
	ids    []int
	unit   bool // one was chosen
}

func (g *gardener) ground() *ground {
	weights := map[string]int{"Measurement": 6, "Condition": 4, "Drug": 4, "Visit": 3, "Survey": 2, "Steps": 2}
	total := 0
	for _, w := range g.grounds {
		total += max(1, weights[w.op])
	}
	at := g.r.IntN(total)
	for _, w := range g.grounds {
		if at -= max(1, weights[w.op]); at < 0 {
			return w
		}
	}
	return g.grounds[0]
}

func (g *gardener) ids(w *ground, most int) []int {
	if len(w.concepts) == 0 {
		return nil
	}
	return some(g, w.concepts, most)
}

func (g *gardener) events() happening { return g.eventsOf(g.ground()) }

func (g *gardener) eventsOf(w *ground) happening {
	h := happening{ground: w}
	switch {
	case g.chance(0.05):
		h.n = g.root("Table", w.table)
	case w.concept && g.chance(0.8) && len(w.concepts) > 0:
		h.ids = g.ids(w, 3)
		h.n = g.root(w.op, args(h.ids)...)
		if g.chance(0.4) {
			h.n = g.then(h.n, "Descendants")
		}
	default:
		h.n = g.root(w.op)
	}
	if w.concept && len(w.concepts) > 0 && g.chance(0.1) {
		h.n = g.then(h.n, "Except", args(g.ids(w, 2))...)
	}
	for range oneOf(g.r, 0, 0, 0, 1, 1, 1, 2, 2, 3) {
		if g.fuel < 0 {
			break
		}
		h = g.filter(h)
	}
	return h
}

// filter narrows or changes events.
func (g *gardener) filter(h happening) happening {
	w := h.ground
	if h.era || w == nil {
		h.n = g.placed(h.n)
		return h
	}
	switch g.r.IntN(17) {
	case 0:
		if w.concept && len(w.concepts) > 0 {
			h.n = g.then(h.n, "In", g.concepts(w))
		}
	case 1:
		if w.source && len(g.sources) > 0 {
			h.n = g.then(h.n, "InSource", g.sourced())
		}
	case 2, 3:
		h.n = g.then(h.n, "Where", g.test(w, 2))
	case 4:
		if w.unit {
			h = g.unit(h)
		}
	case 5:
		if w.op == "Survey" {
			h.n = g.then(h.n, "Answered", args(g.someAnswers())...)
		}
	case 6:
		if len(w.numbers) > 0 && !h.unit {
			h.field = w.numbers[g.r.IntN(len(w.numbers))]
			h.n = g.then(h.n, "Read", h.field)
		}
	case 7:
		if w.value || h.field != "" {
			h.n = g.valued(h)
		}
	case 8:
		h.n = g.then(h.n, "Apart", oneOf(g.r, 1, 1, 2, 7, 30, 365))
	case 9:
		h.n, h.era = g.then(h.n, "Eras", oneOf(g.r, 1, 7, 30, 90)), true
	case 10:
		if g.fuel > 5 {
			h = g.union(h)
		}
	default:
		h.n = g.placed(h.n)
	}
	return h
}

func (g *gardener) valued(h happening) *plan.Node {
	field := h.field
	if field == "" {
		d, _ := plan.DomainOf(h.n.Leaf())
		field = d.Value
	}
	x, y := g.near(h.ground.sample[field]), g.near(h.ground.sample[field])
	switch g.r.IntN(3) {
	case 0:
		return g.then(h.n, "ValueBetween", min(x, y), max(x, y))
	case 1:
		return g.then(h.n, "ValueAtLeast", x)
	}
	return g.then(h.n, "ValueBelow", x)
}

// union joins events of disjoint kinds.
func (g *gardener) union(h happening) happening {
	parts := []plan.Arg{}
	used := []string{h.ground.table}
	for range 1 + g.r.IntN(2) {
		o := g.eventsOf(g.ground())
		if o.ground == nil || slices.Contains(used, o.ground.table) {
			continue
		}
		used = append(used, o.ground.table)
		parts = append(parts, o.n)
	}
	if len(parts) > 0 {
		h.n, h.ground = g.then(h.n, "Union", parts...), nil
	}
	return h
}

var convertible = [][]string{{"kg", "[lb_av]"}, {"cm", "[in_i]"}, {"%", "mmol/mol"}}

func (g *gardener) unit(h happening) happening {
	var units []string
	for _, id := range h.ids {
		units = append(units, h.ground.units[id]...)
	}
	if len(units) == 0 {
		units = []string{"kg", "cm", "%"}
	}
	h.unit = true
	for _, c := range convertible {
		to := c[g.r.IntN(2)]
		if slices.Contains(units, c[0]) && slices.Contains(slices.Collect(maps.Values(g.codes)), to) && g.chance(0.4) {
			h.n = g.then(h.n, "ConvertTo", to)
			return h
		}
	}
	h.n = g.then(h.n, "Unit", args(some(g, units, 2))...)
	return h
}

// placed places events in time.
func (g *gardener) placed(n *plan.Node) *plan.Node {
	switch g.r.IntN(8) {
	case 0:
		from := g.r.IntN(80)
		return g.then(n, "AtAge", from, from+g.r.IntN(50))
	case 1, 2:
		from := g.r.IntN(400) - 370
		return g.then(n, "Window", g.anchor(), oneOf(g.r, from, 0, 1, -30, -1), oneOf(g.r, from, 0, 30, 365, -1))
	case 3:
		if g.fuel > 4 {
			return g.then(n, "During", g.spans())
		}
		return n
	}
	return g.then(n, g.pick("Before", "OnOrBefore", "After", "OnOrAfter"), g.anchor())
}

func (g *gardener) spans() *plan.Node {
	if g.chance(0.3) {
		return g.root("Table", "observation_period")
	}
	for range 5 {
		if h := g.events(); h.ground == nil || h.ground.end || h.era {
			return h.n
		}
	}
	return g.root("Visit")
}

func (g *gardener) anchor() *plan.Node {
	if g.fuel > 4 && g.chance(0.35) {
		return g.events().n
	}
	return g.moment()
}

func (g *gardener) concepts(w *ground) *plan.Node {
	ids := g.ids(w, 3)
	var n *plan.Node
	switch g.r.IntN(6) {
	case 0:
		n = g.root("Search", strings.ToLower(g.words(ids[0])))
	case 1:
		items := make([]string, len(ids))
		for i, id := range ids {
			items[i] = fmt.Sprintf(`{"concept":{"CONCEPT_ID":%d},"isExcluded":%t,"includeDescendants":%t,"includeMapped":false}`, id, g.chance(0.2), g.chance(0.6))
		}
		n = g.root("ConceptSet", `{"items":[`+strings.Join(items, ",")+`]}`)
	default:
		n = g.root("Concepts", args(ids)...)
		if g.chance(0.5) {
			n = g.then(n, "Descendants")
		}
	}
	if g.chance(0.2) {
		n = g.then(n, "Except", args(g.ids(w, 2))...)
	}
	if g.chance(0.3) {
		n = g.then(n, g.pick("Union", "Minus"), g.root("Concepts", args(g.ids(w, 2))...))
	}
	return n
}

// words is the first whole word of a concept's name.
func (g *gardener) words(id int) string {
	for w := range strings.FieldsSeq(g.names[int32(id)]) {
		if len(w) > 3 && !strings.ContainsAny(w, "[]()/,:;'\"-") {
			return w
		}
	}
	return "disorder"
}

func (g *gardener) sourced() *plan.Node {
	codes := some(g, g.sources, 2)
	for i, c := range codes {
		if len(c) > 3 && g.chance(0.5) {
			codes[i] = c[:3] + "*"
		}
	}
	return g.root("Codes", append([]plan.Arg{"ICD10CM"}, args(codes)...)...)
}

func (g *gardener) someAnswers() []string {
	questions := slices.Sorted(maps.Keys(g.answers))
	return some(g, g.answers[questions[g.r.IntN(len(questions))]], 2)
}

// test is a filter of fields.
func (g *gardener) test(w *ground, depth int) *plan.Node {
	if depth > 0 && g.chance(0.3) {
		f := g.test(w, depth-1)
		switch g.r.IntN(3) {
		case 0:
			return g.then(f, "And", g.test(w, depth-1))
		case 1:
			return g.then(f, "Or", g.test(w, depth-1))
		}
		return g.then(f, "Not")
	}
	var fields []string
	fields = append(append(append(append(fields, w.numbers...), w.labels...), w.coded...), w.dates...)
	name := fields[g.r.IntN(len(fields))]
	f := g.root("Field", name)
	switch {
	case g.chance(0.12):
		return g.then(f, "Missing")
	case slices.Contains(w.dates, name):
		return g.then(f, g.pick("Below", "AtMost", "Above", "AtLeast", "Is"), g.root("Field", w.dates[g.r.IntN(len(w.dates))]))
	case slices.Contains(w.labels, name):
		labels := g.texts[w.table+"."+name]
		if g.chance(0.5) {
			return g.then(f, "Is", labels[g.r.IntN(len(labels))])
		}
		return g.then(f, "In", args(some(g, labels, 2))...)
	case slices.Contains(w.coded, name):
		ids := w.sample[name]
		if len(ids) == 0 {
			return g.then(f, "Missing")
		}
		if g.chance(0.5) {
			return g.then(f, "Is", int(ids[g.r.IntN(len(ids))]))
		}
		return g.then(f, "In", args(some(g, ids, 3))...)
	case g.chance(0.2):
		return g.then(f, g.pick("Below", "AtMost", "Above", "AtLeast", "Is"), g.root("Field", w.numbers[g.r.IntN(len(w.numbers))]))
	case g.chance(0.2):
		return g.then(f, "In", args(some(g, w.sample[name], 3))...)
	}
	return g.then(f, g.pick("Below", "AtMost", "Above", "AtLeast", "Is"), g.near(w.sample[name]))
}

// occasion is one event.
type occasion struct {
	n *plan.Node
	h happening
}

func (g *gardener) event() occasion {
	h := g.events()
	return occasion{g.choose(h), h}
}

func (g *gardener) choose(h happening) *plan.Node {
	switch g.r.IntN(6) {
	case 0, 1:
		return g.then(h.n, "First")
	case 2, 3:
		return g.then(h.n, "Last")
	case 4:
		return g.then(h.n, "Nearest", g.moment())
	}
	if h.era || h.ground == nil || !g.hasValue(h) {
		return g.then(h.n, "Last")
	}
	return g.then(h.n, g.pick("Highest", "Lowest"))
}

// hasValue says whether the grammar finds a value.
func (g *gardener) hasValue(h happening) bool {
	if h.era || h.ground == nil {
		return false
	}
	_, err := h.n.Then("MeanValue")
	return err == nil && (h.ground.value || h.field != "")
}

// valuable is events with a value.
func (g *gardener) valuable() happening {
	for range 20 {
		h := g.events()
		if h.ground != nil && !h.era && h.ground.unit && !h.unit && h.field == "" {
			h = g.unit(h)
		}
		if g.hasValue(h) {
			return h
		}
	}
	panic(retry{})
}

func (g *gardener) sampleOf(h happening) []float64 {
	field := h.field
	if field == "" {
		d, _ := plan.DomainOf(h.n.Leaf())
		field = d.Value
	}
	return h.ground.sample[field]
}

func (g *gardener) moment() *plan.Node {
	if g.fuel > 2 && g.chance(0.4) {
		return g.event().n
	}
	return g.date()
}

func (g *gardener) date() *plan.Node {
	if n := g.seen("Date"); n != nil {
		return n
	}
	return g.keep(g.newDate())
}

func (g *gardener) someDay() *plan.Node {
	return g.root("Day", 2012+g.r.IntN(10), 1+g.r.IntN(12), 1+g.r.IntN(28))
}

func (g *gardener) newDate() *plan.Node {
	if g.fuel < 0 {
		return g.someDay()
	}
	switch g.r.IntN(13) {
	case 0:
		return g.root("Birth")
	case 1:
		return g.root("ObservedFrom")
	case 2:
		return g.root("ObservedUntil")
	case 3:
		return g.then(g.root("Death"), "Date")
	case 4, 5:
		return g.then(g.event().n, "Date")
	case 6:
		if o := g.event(); o.h.era || o.h.ground != nil && o.h.ground.end {
			return g.then(o.n, "End")
		}
		return g.someDay()
	case 7:
		return g.then(g.date(), "AddDays", g.r.IntN(800)-400)
	case 8:
		return g.then(g.date(), "OrElse", g.moment())
	case 9:
		return g.root(g.pick("Earliest", "Latest"), g.moment(), g.moment(), g.date())
	case 10:
		if g.fuel > 10 {
			return g.then(g.indexed(), "Index")
		}
	case 11:
		if g.fuel > 10 {
			o := g.order()
			return g.then(o, "Date", 1+g.r.IntN(len(o.Args())))
		}
	}
	return g.someDay()
}

// order is a sequence; a kind is called by its identity, so that equal plans have equal names.
func (g *gardener) order() *plan.Node {
	var kinds []plan.Arg
	for range 2 + g.r.IntN(2) {
		kinds = append(kinds, g.called(g.events().n, "kind "))
	}
	return g.root("Sequence", kinds...)
}

func (g *gardener) called(n *plan.Node, prefix string) *plan.Node {
	n, err := n.As(prefix + n.ID().String()[:6])
	if err != nil {
		panic(retry{err})
	}
	return n
}

// figure is a number and values that it may have.
type figure struct {
	n    *plan.Node
	near []float64
}

func (g *gardener) number() figure {
	if g.fuel > 0 && g.chance(0.4) {
		return g.computed()
	}
	switch g.r.IntN(10) {
	case 0:
		return figure{g.root("Age"), ages}
	case 1:
		return figure{g.root("AgeAt", g.moment()), ages}
	case 2, 3:
		h := g.valuable()
		return figure{g.then(g.choose(h), "Value"), g.sampleOf(h)}
	case 4:
		return figure{g.then(g.event().n, "Age"), ages}
	case 5:
		return figure{g.then(g.events().n, "Occurrences"), counts}
	case 6:
		if h := g.events(); h.ground != nil && h.ground.concept && !h.era {
			return figure{g.then(h.n, "DistinctConcepts"), counts}
		}
	case 7:
		o := g.event()
		if o.h.ground != nil && !o.h.era && len(o.h.ground.numbers) > 0 {
			field := o.h.ground.numbers[g.r.IntN(len(o.h.ground.numbers))]
			return figure{g.then(o.n, "Number", field), o.h.ground.sample[field]}
		}
	}
	h := g.valuable()
	return g.reduced(h)
}

func (g *gardener) reduced(h happening) figure {
	op := g.pick("MeanValue", "MedianValue", "SDValue", "MinValue", "MaxValue", "SumValue", "SlopeValue")
	near := g.sampleOf(h)
	if op == "SDValue" || op == "SlopeValue" {
		near = []float64{3.37, 12.13, -5.71, 40.39} // no value that rounding could decide about
	}
	return figure{g.then(h.n, op), near}
}

var (
	ages   = []float64{18, 30, 45, 50, 65, 75, 0}
	counts = []float64{0, 1, 2, 3, 5}
	spans  = []float64{-365, -30, -1, 0, 1, 7, 30, 365, 1000}
)

func (g *gardener) operand(near []float64) plan.Arg {
	if g.fuel > 0 && g.chance(0.3) {
		return g.number().n
	}
	return g.near(near)
}

func (g *gardener) computed() figure {
	switch g.r.IntN(14) {
	case 0:
		return figure{g.then(g.date(), "DaysSince", g.moment()), spans}
	case 1:
		return figure{g.then(g.date(), "YearsSince", g.moment()), []float64{-1.37, 0.13, 5.71}}
	case 2:
		return figure{g.then(g.date(), "Year"), []float64{2012, 2015, 2018, 2020}}
	case 3:
		c := g.category()
		var pairs []plan.Arg
		for i, l := range some(g, c.labels, 4) {
			pairs = append(pairs, l, float64(i)+0.5)
		}
		return figure{g.then(c.n, "Scores", pairs...), counts}
	case 4:
		return figure{g.then(g.boolean(), "Number"), counts}
	case 5:
		x := g.number()
		return figure{g.root("If", g.boolean(), g.operand(x.near), g.operand(x.near)), x.near}
	case 6:
		x, y := g.number(), g.number()
		return figure{g.root(g.pick("SumOf", "LargestOf", "SmallestOf"), x.n, y.n), append(slices.Clone(x.near), y.near...)}
	}
	x := g.number()
	switch g.r.IntN(10) {
	case 0:
		return figure{g.then(x.n, g.pick("Plus", "Minus"), g.operand(x.near)), x.near}
	case 1:
		return figure{g.then(x.n, "Times", g.operand(counts)), x.near}
	case 2:
		return figure{g.then(x.n, "Over", g.operand(counts)), []float64{0.37, 2.13, -1.71}}
	case 3:
		return figure{g.then(x.n, "Pow", oneOf(g.r, -1, 0, 0.5, 2, 3, 0.37)), []float64{0.37, 2.13, 101.7}}
	case 4:
		return figure{g.then(x.n, g.pick("Log", "Sqrt")), []float64{0.37, 2.13, 4.71}}
	case 5:
		return figure{g.then(g.then(x.n, "Clamp", -20, 50), "Exp"), []float64{0.37, 2.13, 1001.7}}
	case 6:
		return figure{g.then(x.n, "Abs"), x.near}
	case 7:
		a, b := g.near(x.near), g.near(x.near)
		return figure{g.then(x.n, "Clamp", min(a, b), max(a, b)), x.near}
	}
	if g.chance(0.5) {
		return figure{g.then(x.n, "Round", g.r.IntN(3)), x.near}
	}
	return figure{g.then(x.n, "OrElse", g.operand(x.near)), x.near}
}

func (g *gardener) boolean() *plan.Node {
	if n := g.seen("Bool"); n != nil {
		return n
	}
	return g.keep(g.newBool())
}

func (g *gardener) newBool() *plan.Node {
	if g.fuel > 0 && g.chance(0.3) {
		switch g.r.IntN(6) {
		case 0:
			return g.then(g.boolean(), "And", g.boolean())
		case 1:
			return g.then(g.boolean(), "Or", g.boolean())
		case 2:
			return g.then(g.boolean(), "Not")
		case 3:
			return g.then(g.boolean(), "OrElse", g.chance(0.5))
		case 4:
			return g.root(g.pick("AllOf", "AnyOf", "NoneOf"), g.criterion(), g.criterion(), g.criterion())
		}
		return g.root("AtLeastOf", 1+g.r.IntN(3), g.criterion(), g.criterion(), g.criterion())
	}
	switch g.r.IntN(16) {
	case 0:
		return g.root("HasEHR")
	case 1:
		return g.root("HasFitbit")
	case 2:
		from := g.r.IntN(400) - 390
		return g.root("Observed", g.moment(), from, from+g.r.IntN(500))
	case 3:
		return g.then(g.events().n, "Exists")
	case 4:
		return g.then(g.events().n, "AtLeast", 1+g.r.IntN(3))
	case 5:
		return g.then(g.event().n, "Exists")
	case 6:
		return g.then(g.date(), g.pick("Before", "OnOrBefore", "After", "OnOrAfter"), g.moment())
	case 7:
		return g.then(g.column(), g.pick("Missing", "Known"))
	case 8, 9:
		c := g.category()
		switch g.r.IntN(4) {
		case 0:
			return g.then(c.n, "In", args(some(g, c.labels, 3))...)
		case 1:
			l := c.labels[g.r.IntN(len(c.labels))]
			return g.then(c.n, "HasPrefix", string([]rune(l)[:min(3, len([]rune(l)))]))
		case 2:
			l := []rune(c.labels[g.r.IntN(len(c.labels))])
			return g.then(c.n, "Contains", string(l[len(l)/2:]))
		}
		return g.then(c.n, "Is", c.labels[g.r.IntN(len(c.labels))])
	case 10:
		x := g.number()
		if g.chance(0.5) {
			return g.then(x.n, "Between", g.operand(x.near), g.root("Age"))
		}
		a, b := g.near(x.near), g.near(x.near)
		return g.then(x.n, "Between", min(a, b), max(a, b))
	case 11:
		return g.then(g.root("Death"), "Exists")
	}
	x := g.number()
	return g.then(x.n, g.pick("Below", "AtMost", "Above", "AtLeast", "Is"), g.operand(x.near))
}

func (g *gardener) column() *plan.Node {
	switch g.r.IntN(4) {
	case 0:
		return g.number().n
	case 1:
		return g.category().n
	case 2:
		return g.date()
	}
	return g.boolean()
}

func (g *gardener) criterion() *plan.Node {
	switch g.r.IntN(8) {
	case 0, 1:
		return g.events().n
	case 2:
		return g.event().n
	case 3:
		if g.fuel > 12 {
			return g.cohort()
		}
	}
	return g.boolean()
}

// sorting is a category and its labels.
type sorting struct {
	n      *plan.Node
	labels []string
}

func (g *gardener) category() sorting {
	if g.fuel > 0 && g.chance(0.2) {
		return g.changed(g.category())
	}
	switch g.r.IntN(16) {
	case 0, 1, 2:
		op := g.pick("SexAtBirth", "GenderIdentity", "Race", "Ethnicity", "State")
		return sorting{g.root(op), g.persons[op]}
	case 3, 4:
		return g.banded(g.number())
	case 5:
		lo := g.r.IntN(5)
		if g.chance(0.5) {
			return sorting{g.then(g.then(g.date(), "Year"), "Levels", 2010+lo, 2020), []string{"2015", "2016", "2020"}}
		}
		return sorting{g.then(g.number().n, "Levels", lo, lo+1+g.r.IntN(10)), []string{"1", "2", "5"}}
	case 6:
		return sorting{g.then(g.boolean(), "Labels", "it is", "it's not"), []string{"it is", "it's not"}}
	case 7:
		return g.cases()
	case 8:
		if g.chance(0.5) {
			return sorting{g.then(g.date(), "Month"), []string{"January", "March", "December"}}
		}
		return sorting{g.then(g.date(), "Weekday"), []string{"Monday", "Wednesday", "Sunday"}}
	case 9:
		if g.fuel > 8 {
			return g.which()
		}
	case 10:
		if g.fuel > 8 {
			return g.path()
		}
	case 11:
		if len(g.answers) > 0 {
			qs := slices.Sorted(maps.Keys(g.answers))
			q := qs[g.r.IntN(len(qs))]
			return sorting{g.root("Answer", q), g.answers[q]}
		}
	case 12:
		if x := g.number(); g.chance(0.3) {
			return sorting{g.then(x.n, "Fractions", 2+g.r.IntN(4)), []string{"1", "2"}}
		}
	}
	if c, ok := g.told(); ok {
		return c
	}
	return sorting{g.root("SexAtBirth"), g.persons["SexAtBirth"]}
}

// told is what an event's record says.
func (g *gardener) told() (sorting, bool) {
	o := g.event()
	w := o.h.ground
	if w == nil || o.h.era {
		return sorting{}, false
	}
	switch g.r.IntN(5) {
	case 0:
		if w.concept {
			return sorting{g.then(o.n, "Concept"), g.namesOf(w.concepts)}, true
		}
	case 1:
		if w.unit && !o.h.unit {
			return sorting{g.then(o.n, "Unit"), []string{"percent", "kilogram"}}, true
		}
	case 2:
		if w.origin {
			return sorting{g.then(o.n, "Source"), []string{"EHR", "Lab"}}, true
		}
	case 3:
		if w.op == "Survey" {
			return sorting{g.then(o.n, "Answer"), g.someAnswers()}, true
		}
	case 4:
		if len(w.labels) > 0 {
			f := w.labels[g.r.IntN(len(w.labels))]
			return sorting{g.then(o.n, "Category", f), g.texts[w.table+"."+f]}, true
		}
		if len(w.coded) > 0 {
			f := w.coded[g.r.IntN(len(w.coded))]
			var ids []int
			for _, id := range w.sample[f] {
				ids = append(ids, int(id))
			}
			return sorting{g.then(o.n, "Category", f), g.namesOf(append(ids, 0))}, true
		}
	}
	return sorting{}, false
}

func (g *gardener) namesOf(ids []int) (out []string) {
	for _, id := range ids {
		if name := g.names[int32(id)]; name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	if len(out) == 0 {
		out = []string{"none"}
	}
	return out
}

func (g *gardener) banded(x figure) sorting {
	if g.chance(0.3) {
		lo := math.Floor(g.near(x.near))
		width := oneOf(g.r, 0.5, 1, 5, 10, 25)
		if math.Abs(lo) < 1e5 {
			return sorting{g.then(x.n, "BandsOf", width, lo, lo+width*float64(1+g.r.IntN(6))+oneOf(g.r, 0, 0, width/4)), []string{"a"}}
		}
	}
	var edges []float64
	for range 1 + g.r.IntN(3) {
		if e := g.near(x.near); math.Abs(e) < 1e5 {
			edges = append(edges, e)
		}
	}
	edges = append(edges, 7.5)
	slices.Sort(edges)
	return sorting{g.then(x.n, "Bands", args(slices.Compact(edges))...), []string{"7.5+"}}
}

func (g *gardener) cases() sorting {
	labels := []string{"one", "two"}
	n := g.root("When", g.boolean(), "one")
	if g.chance(0.6) {
		n = g.then(n, "When", g.boolean(), oneOf(g.r, "two", "two", "one"))
	}
	if g.chance(0.5) {
		return sorting{g.then(n, "OrMissing"), labels}
	}
	return sorting{g.then(n, "Otherwise", "other"), append(labels, "other")}
}

func (g *gardener) which() sorting {
	var cohorts []plan.Arg
	labels := []string{"several"}
	for range 2 + g.r.IntN(2) {
		c := g.called(g.cohort(), "cohort ")
		cohorts, labels = append(cohorts, c), append(labels, c.Label())
	}
	return sorting{g.root("Which", cohorts...), labels}
}

func (g *gardener) path() sorting {
	o := g.order()
	labels := []string{"none"}
	for _, k := range o.Nodes(0) {
		labels = append(labels, k.Label())
	}
	if g.chance(0.5) {
		return sorting{g.then(o, "Step", 1+g.r.IntN(len(o.Args()))), labels}
	}
	return sorting{g.then(o, "Path", 1+g.r.IntN(len(o.Args()))), labels}
}

func (g *gardener) changed(c sorting) sorting {
	l := some(g, c.labels, 3)
	switch g.r.IntN(4) {
	case 0:
		return sorting{g.then(c.n, "OrElse", "else"), append(slices.Clone(c.labels), "else")}
	case 1:
		pairs := []plan.Arg{l[0], "renamed"}
		if len(l) > 1 && l[0] != l[1] {
			pairs = append(pairs, l[1], l[0]) // a chain that must not be followed
		}
		return sorting{g.then(c.n, "Recode", pairs...), append(slices.Clone(c.labels), "renamed")}
	case 2:
		into := g.pick("together", l[0])
		return sorting{g.then(c.n, "Collapse", append([]plan.Arg{into}, args(l)...)...), append(slices.Clone(c.labels), into)}
	}
	return sorting{g.then(c.n, "Order", args(l)...), c.labels}
}

// cohort is some participants, not all.
func (g *gardener) cohort() *plan.Node {
	if n := g.seen("Cohort"); n != nil {
		return n
	}
	n := g.newCohort(false)
	if n.Recv() == nil {
		n = g.then(n, g.pick("Include", "Exclude"), g.criterion())
	}
	return g.keep(n)
}

// indexed is a cohort with an index date.
func (g *gardener) indexed() *plan.Node { return g.newCohort(true) }

func (g *gardener) newCohort(index bool) *plan.Node {
	n := g.root("Everyone")
	if g.chance(0.5) {
		n = g.root("Cohort", g.pick("a", "b"))
	}
	if index || g.chance(0.25) {
		if g.chance(0.6) {
			n = g.then(n, "Entry", g.event().n)
		} else {
			n = g.then(n, "IndexOn", g.moment())
		}
	}
	for range oneOf(g.r, 0, 0, 0, 1, 1, 2, 3) {
		if g.fuel < 0 {
			break
		}
		switch g.r.IntN(10) {
		case 0:
			n = g.then(n, g.pick("Union", "Union", "Intersect", "Minus"), g.cohort())
		case 1:
			n = g.then(n, "IndexOn", g.moment())
		case 2, 3, 4, 5, 6:
			n = g.then(n, "Exclude", g.criterion())
		default:
			n = g.then(n, "Include", g.criterion())
		}
	}
	return n
}

// table is the whole plan.
func (g *gardener) table() *plan.Node {
	c := g.newCohort(g.chance(0.2))
	if g.chance(0.1) {
		return g.then(c, "Attrition")
	}
	if g.chance(0.2) {
		c = g.then(c, "Frame", g.category().n, g.number().n)
		if g.chance(0.6) {
			c = g.then(c, "Where", g.criterion())
		}
	}
	switch u := g.r.Float64(); {
	case u < 0.05:
		return g.then(c, "Count")
	case u < 0.2:
		return g.then(c, "Summarise", g.stats()...)
	case u < 0.3:
		a, b := g.key(), g.key()
		if a.ID() == b.ID() {
			b = g.then(g.root("Age"), "Bands", 18, 65)
		}
		return g.then(c, "Crosstab", a, b)
	case u < 0.45:
		return g.rate(c)
	case u < 0.65:
		return g.divided(c)
	}
	keys := []plan.Arg{g.key()}
	for g.chance(0.45) && len(keys) < 4 {
		keys = append(keys, g.key())
	}
	return g.grouped(g.then(c, "By", keys...), nil, 0.4)
}

// grouped summarises groups; more are statistics that their splits allow.
func (g *gardener) grouped(n *plan.Node, more []plan.Arg, totals float64) *plan.Node {
	if g.chance(totals) {
		n = g.then(n, "WithTotals")
	}
	if g.chance(0.3) {
		n = g.then(n, "DropMissing")
	}
	if len(more) == 0 && g.chance(0.3) {
		return g.then(n, "Count")
	}
	if len(more) == 0 || g.chance(0.3) {
		more = append(more, g.stats()...)
	}
	return g.then(n, "Summarise", more...)
}

func (g *gardener) key() *plan.Node {
	if g.chance(0.3) {
		return g.boolean()
	}
	return g.category().n
}

func (g *gardener) stats() []plan.Arg {
	out := []plan.Arg{}
	for range 1 + g.r.IntN(3) {
		switch g.r.IntN(6) {
		case 0:
			out = append(out, g.then(g.boolean(), g.pick("Count", "Proportion")))
		case 1:
			out = append(out, g.then(g.category().n, "Shares"))
		default:
			out = append(out, g.of(g.number().n))
		}
	}
	return out
}

// of is a statistic of a number.
func (g *gardener) of(x *plan.Node) *plan.Node {
	switch op := g.pick("Mean", "SD", "Sum", "Median", "Quantile", "Quartiles", "Box"); op {
	case "Quantile":
		return g.then(x, op, oneOf(g.r, 0.05, 0.1, 0.37, 0.5, 0.95))
	default:
		return g.then(x, op)
	}
}

func (g *gardener) rate(c *plan.Node) *plan.Node {
	n := g.then(g.root("TimeTo", g.moment()), "From", g.moment())
	if g.chance(0.6) {
		n = g.then(g.root("TimeTo", g.then(g.events().n, "Last")), "From", g.then(g.events().n, "First"))
	}
	if g.chance(0.7) {
		n = g.then(n, "CensoredAt", g.moment(), g.date())
	}
	if g.chance(0.4) {
		n = g.then(n, "Within", 1+g.r.IntN(1500))
	}
	keys := []plan.Arg{g.key()}
	switch {
	case g.chance(0.4):
		keys = append(keys, g.root("Years", 2012+g.r.IntN(5), 2018+g.r.IntN(5)))
	case g.chance(0.15):
		keys = append(keys, g.root("Months", "2019-11", "2020-04"))
	case g.chance(0.3):
		keys = append(keys, g.key())
	}
	b := g.then(c, "By", keys...)
	if g.chance(0.4) {
		b = g.then(b, "WithTotals")
	}
	return g.then(b, "Rate", n)
}

// divided is a table by a split of events or of time.
func (g *gardener) divided(c *plan.Node) *plan.Node {
	h := g.events()
	for h.era || h.ground == nil {
		h = g.eventsOf(g.ground())
	}
	switch g.r.IntN(10) {
	case 0:
		h = g.only("Survey")
	case 1:
		h = g.only("Measurement")
	case 2, 3, 4, 5:
		h = g.valuable()
	}
	splits := g.splits(h)
	periods := g.chance(0.4)
	if len(splits) == 0 || periods && g.chance(0.5) {
		splits, periods = nil, true
	}
	if periods {
		splits = append(splits, g.period())
	}
	per := g.perStats(h, splits)
	alone := !slices.ContainsFunc(splits, func(s plan.Arg) bool { return s.(*plan.Node).Recv() != nil || s.(*plan.Node).Op() == "Answers" })
	for alone && len(per) == 0 {
		per = g.perStats(h, splits)
	}
	keys := slices.Clone(splits)
	for g.chance(0.4) && len(keys) < 4 {
		keys = append(keys, g.key())
	}
	g.r.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
	totals := 0.3
	if len(per) > 0 {
		totals = 0.1
	}
	return g.grouped(g.then(c, "By", keys...), per, totals)
}

// only is events of one operation, hardly narrowed.
func (g *gardener) only(op string) happening {
	i := slices.IndexFunc(g.grounds, func(w *ground) bool { return w.op == op })
	h := happening{n: g.root(op), ground: g.grounds[i]}
	if g.chance(0.4) {
		h.n = g.placed(h.n)
	}
	return h
}

// splits are by what the events' records say.
func (g *gardener) splits(h happening) []plan.Arg {
	w := h.ground
	var all []plan.Arg
	add := func(op string, args ...plan.Arg) {
		if n, err := h.n.Then(op, args...); err == nil {
			all = append(all, n)
		}
	}
	if w.concept {
		add("EachConcept")
	}
	if w.unit && !h.unit {
		add("EachUnit")
	}
	if w.origin {
		add("EachSource")
	}
	if w.op == "Survey" {
		add("EachModule")
	}
	if f := append(slices.Clone(w.coded), w.labels...); len(f) > 0 {
		add("Each", f[g.r.IntN(len(f))])
	}
	if len(all) == 0 {
		return nil
	}
	if w.op == "Survey" && g.chance(0.2) {
		qs := slices.Sorted(maps.Keys(g.answers))
		return []plan.Arg{g.root("Answers", qs[g.r.IntN(len(qs))])}
	}
	return some(g, all, 2)
}

func (g *gardener) period() *plan.Node {
	switch g.r.IntN(5) {
	case 0:
		return g.root("Years", 2012+g.r.IntN(5), 2018+g.r.IntN(5))
	case 1, 2:
		return g.root("Months", fmt.Sprintf("20%d-%02d", 14+g.r.IntN(5), 1+g.r.IntN(12)), fmt.Sprintf("20%d-%02d", 19+g.r.IntN(2), 1+g.r.IntN(12)))
	case 3:
		return g.root("Days", fmt.Sprintf("2015-03-%02d", 1+g.r.IntN(9)), fmt.Sprintf("2015-04-%02d", 1+g.r.IntN(9)))
	}
	return g.root("Since", g.moment(), 1+g.r.IntN(300), 1+g.r.IntN(6))
}

// perStats are statistics of one value for each group of the splits.
func (g *gardener) perStats(h happening, splits []plan.Arg) []plan.Arg {
	if splits[0].(*plan.Node).Op() == "Answers" || g.chance(0.3) {
		return nil
	}
	var out []plan.Arg
	per := h
	per.n = g.then(h.n, "Per", splits...)
	for range 1 + g.r.IntN(2) {
		var x figure
		switch {
		case !g.hasValue(per) || g.chance(0.2):
			x = figure{g.then(per.n, "Occurrences"), counts}
		case g.chance(0.3):
			x = figure{g.then(g.choose(per), "Value"), g.sampleOf(h)}
		default:
			x = g.reduced(per)
		}
		switch g.r.IntN(5) {
		case 0:
			out = append(out, g.then(g.then(x.n, "AtLeast", g.near(x.near)), "Proportion"))
		case 1:
			out = append(out, g.of(g.then(x.n, "Plus", g.root("Age"))))
		case 2:
			out = append(out, g.then(g.then(x.n, "Missing"), "Count"))
		default:
			out = append(out, g.of(x.n))
		}
	}
	return out
}
