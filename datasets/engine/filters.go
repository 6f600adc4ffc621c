package engine

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"weir/datasets/plan"
	"weir/datasets/store"
)

func trailingZeros(x uint64) int { return bits.TrailingZeros64(x) }

// keeper adds to to the rows of s that pass.
type keeper func(b *block, s selection, to *selection)

// filterRows keeps the rows for which test is true. bind is called once a block.
// Every row is written, and the next takes the place of one that is not kept: there
// is no branch to mispredict, so the processor fetches the values of many rows at once.
func filterRows(bind func(b *block, s selection) func(i int, row int32) bool) keeper {
	return func(b *block, s selection, to *selection) {
		test := bind(b, s)
		to.room(len(s.rows))
		n := 0
		for i, r := range s.rows {
			to.rows[n], to.who[n] = r, s.who[i]
			n += int(truth(test(i, r)))
		}
		to.rows, to.who = to.rows[:n], to.who[:n]
	}
}

func (c *compiler) filter(n *plan.Node, base *events) (keeper, error) {
	switch n.Op() {
	case "In", "InSource":
		return c.inSet(n, base)
	case "Except": // of all events
		out := c.vocabulary.withDescendants(ids(n))
		return byConcept(n, base, base.Concept, func(id int32) bool { return !out.has(id) })
	case "Unit":
		return c.unitFilter(n, base)
	case "ValueBetween":
		lo, hi := n.Float(0), n.Float(1)
		return valueFilter(n, base, func(v float64) bool { return v >= lo && v <= hi })
	case "ValueAtLeast":
		lo := n.Float(0)
		return valueFilter(n, base, func(v float64) bool { return v >= lo })
	case "ValueBelow":
		hi := n.Float(0)
		return valueFilter(n, base, func(v float64) bool { return v < hi })
	case "Before", "OnOrBefore", "After", "OnOrAfter", "Window":
		return c.timeFilter(n, base)
	case "AtAge":
		return c.ageFilter(n, base, years)
	case "InYearOfAge":
		return c.ageFilter(n, base, yearsBetween)
	case "During":
		return c.duringFilter(n, base)
	case "Observed":
		return c.observedFilter(n, base)
	case "Correlated":
		return c.correlatedFilter(n, base)
	case "Apart":
		return apart(base, int32(n.Int(0))), nil
	case "Answered":
		return c.answerFilter(n, base)
	case "Where":
		test, err := c.rowTest(n.Node(0), base)
		if err != nil {
			return nil, err
		}
		return filterRows(func(_ *block, s selection) func(int, int32) bool {
			t := test(s)
			return func(_ int, row int32) bool { return t(row) }
		}), nil
	}
	return nil, unknownOp(n)
}

// byConcept keeps the rows whose concept in a field passes.
func byConcept(n *plan.Node, ev *events, field string, pass func(id int32) bool) (keeper, error) {
	dictionary := ev.dictionary(field)
	if dictionary == nil {
		return nil, cannot(n, "the events have no field for it")
	}
	wanted := make([]int8, len(dictionary))
	for code, id := range dictionary {
		wanted[code] = truth(pass(id))
	}
	return func(_ *block, s selection, to *selection) {
		to.room(len(s.rows))
		v := s.Int32(field)
		n := 0
		for i, r := range s.rows {
			to.rows[n], to.who[n] = r, s.who[i]
			n += int(wanted[v[r]])
		}
		to.rows, to.who = to.rows[:n], to.who[:n]
	}, nil
}

func (c *compiler) inSet(n *plan.Node, base *events) (keeper, error) {
	set, err := c.vocabulary.concepts(n.Node(0))
	if err != nil {
		return nil, err
	}
	field := base.Concept
	if n.Op() == "InSource" {
		field = base.Source
	}
	return byConcept(n, base, field, set.has)
}

const unitField = "unit_concept_id"

// unitFilter keeps the rows in one of the units; "" is no unit.
func (c *compiler) unitFilter(n *plan.Node, base *events) (keeper, error) {
	set := conceptSet{}
	for i := range n.Args() {
		code := n.Text(i)
		if code == "" {
			set = append(set, 0, store.Missing)
			continue
		}
		id, ok := c.vocabulary.unit(code)
		if !ok {
			return nil, cannot(n, "%q is no unit of the repository's vocabulary; units are UCUM codes, such as \"mg/dL\"", code)
		}
		set = append(set, id)
	}
	return byConcept(n, base, unitField, newConceptSet(set).has)
}

func valueFilter(n *plan.Node, base *events, pass func(float64) bool) (keeper, error) {
	if base.value == nil {
		return nil, cannot(n, "the events have no values")
	}
	return filterRows(func(_ *block, s selection) func(int, int32) bool {
		v := base.value(s)
		return func(_ int, row int32) bool { return pass(v(row)) }
	}), nil
}

// answerFilter keeps the answers with one of the labels.
func (c *compiler) answerFilter(n *plan.Node, base *events) (keeper, error) {
	var wanted []string
	for i := range n.Args() {
		wanted = append(wanted, n.Text(i))
	}
	return byConcept(n, base, answerField(base), func(id int32) bool {
		return id > 0 && slices.Contains(wanted, AnswerLabel(c.vocabulary.name(id)))
	})
}

// answerField is where the answer to a question, or to an observation, stands.
func answerField(ev *events) string {
	if ev.Table == "ds_survey" {
		return "answer_concept_id"
	}
	return "value_as_concept_id"
}

// windowOf is the days around the moment in which a step keeps events.
func windowOf(n *plan.Node) (lo, hi int64) {
	const far = 1 << 40
	switch n.Op() {
	case "Before":
		return -far, -1
	case "OnOrBefore":
		return -far, 0
	case "After":
		return 1, far
	case "OnOrAfter":
		return 0, far
	}
	return int64(n.Int(1)), int64(n.Int(2))
}

// timeFilter keeps events in a window of days around the participant's moment, or
// around any of their other events. Who has none has no event in the window.
func (c *compiler) timeFilter(n *plan.Node, base *events) (keeper, error) {
	lo, hi := windowOf(n)
	if n.Node(0).Kind() == "Events" {
		return c.aroundAny(n, base, lo, hi)
	}
	moment, err := c.moments(n.Node(0))
	if err != nil {
		return nil, err
	}
	return filterRows(func(b *block, s selection) func(int, int32) bool {
		at, when := moment(b), s.Int32(base.Start)
		return func(i int, row int32) bool {
			m, d := at[s.who[i]], when[row]
			days := int64(d) - int64(m)
			return truth(m != store.Missing)&truth(d != store.Missing)&truth(days >= lo)&truth(days <= hi) == yes
		}
	}), nil
}

// aroundAny: the other events of a participant are in the order of their dates, so
// the ones near enough are found by bisection.
func (c *compiler) aroundAny(n *plan.Node, base *events, lo, hi int64) (keeper, error) {
	others, err := c.events(n.Node(0))
	if err != nil {
		return nil, err
	}
	return filterRows(func(b *block, s selection) func(int, int32) bool {
		o := others.rows(b)
		if o.source == nil {
			return func(int, int32) bool { return false }
		}
		when, theirs := s.Int32(base.Start), o.Int32(others.Start)
		first, last := 0, 0 // the other events of the row's participant
		return func(i int, row int32) bool {
			who, d := s.who[i], int64(when[row])
			for first < len(o.who) && o.who[first] < who {
				first++
			}
			last = max(last, first)
			for last < len(o.who) && o.who[last] == who {
				last++
			}
			// d - other in [lo, hi]: other in [d-hi, d-lo]. Those without a date come first.
			k := first
			for k < last && theirs[o.rows[k]] == store.Missing {
				k++
			}
			for end := last; k < end; {
				if mid := (k + end) / 2; int64(theirs[o.rows[mid]]) < d-hi {
					k = mid + 1
				} else {
					end = mid
				}
			}
			return when[row] != store.Missing && k < last && int64(theirs[o.rows[k]]) <= d-lo
		}
	}), nil
}

// ageFilter keeps events by the participant's age, which is NaN where a day is missing.
func (c *compiler) ageFilter(n *plan.Node, base *events, ageAt func(born, day int32) float64) (keeper, error) {
	birth, err := c.birth(n)
	if err != nil {
		return nil, err
	}
	from, to := float64(n.Int(0)), float64(n.Int(1))
	return filterRows(func(b *block, s selection) func(int, int32) bool {
		born, when := birth(b), s.Int32(base.Start)
		return func(i int, row int32) bool {
			age := ageAt(born[s.who[i]], when[row])
			return age >= from && age <= to
		}
	}), nil
}

// duringFilter keeps events that start between the start and the end of a span
// of the same participant; a span without an end lasts one day.
func (c *compiler) duringFilter(n *plan.Node, base *events) (keeper, error) {
	spans, err := c.events(n.Node(0))
	if err != nil {
		return nil, err
	}
	return filterRows(func(b *block, s selection) func(int, int32) bool {
		o := spans.rows(b)
		if o.source == nil {
			return func(int, int32) bool { return false }
		}
		when, start, end := s.Int32(base.Start), o.Int32(spans.Start), endsOf(spans, o)
		first := 0
		return func(i int, row int32) bool {
			for first < len(o.who) && o.who[first] < s.who[i] {
				first++
			}
			d := when[row]
			for k := first; k < len(o.who) && o.who[k] == s.who[i] && d != store.Missing; k++ {
				if q := o.rows[k]; start[q] != store.Missing && start[q] <= d && d <= end(q) {
					return true
				}
			}
			return false
		}
	}), nil
}

// endsOf is the last day of an event: its end, or its start where it has none, or
// an end before the start.
func endsOf(ev *events, s selection) func(row int32) int32 {
	start := s.Int32(ev.Start)
	end := start
	if ev.End != "" {
		if e := s.Int32(ev.End); e != nil {
			end = e
		}
	}
	return func(row int32) int32 { return max(start[row], end[row]) }
}

// apart keeps a participant's first event and each one at least so many days after the last one kept.
func apart(base *events, days int32) keeper {
	return filterRows(func(_ *block, s selection) func(int, int32) bool {
		when := s.Int32(base.Start)
		last, kept := int32(-1), int32(0)
		return func(i int, row int32) bool {
			d := when[row]
			if d == store.Missing || s.who[i] == last && int64(d)-int64(kept) < int64(days) {
				return false
			}
			last, kept = s.who[i], d
			return true
		}
	})
}

// rowTest compiles a Filter: a test of one row's fields.
func (c *compiler) rowTest(f *plan.Node, ev *events) (func(selection) func(row int32) bool, error) {
	switch f.Op() {
	case "And", "Or":
		if f.Recv().Kind() != "Filter" {
			break
		}
		x, err := c.rowTest(f.Recv(), ev)
		if err != nil {
			return nil, err
		}
		y, err := c.rowTest(f.Node(0), ev)
		if err != nil {
			return nil, err
		}
		return func(s selection) func(int32) bool {
			u, v := x(s), y(s)
			if f.Op() == "And" {
				return func(row int32) bool { return u(row) && v(row) }
			}
			return func(row int32) bool { return u(row) || v(row) }
		}, nil
	case "Not":
		x, err := c.rowTest(f.Recv(), ev)
		if err != nil {
			return nil, err
		}
		return func(s selection) func(int32) bool {
			u := x(s)
			return func(row int32) bool { return !u(row) }
		}, nil
	}
	return c.fieldTest(f, ev)
}

// fieldTest compares a field with numbers, labels or another field. A comparison
// with a missing value is false.
func (c *compiler) fieldTest(f *plan.Node, ev *events) (func(selection) func(row int32) bool, error) {
	if f.Op() == "In" || f.Op() == "Is" && isText(f.Args()[0]) {
		return c.fieldIn(f, ev)
	}
	x, is, err := c.fieldNumber(f.Recv(), ev)
	if err != nil {
		return nil, err
	}
	if f.Op() == "Missing" {
		return func(s selection) func(int32) bool {
			v := x(s)
			return func(row int32) bool { return math.IsNaN(v(row)) }
		}, nil
	}
	y, with := func(selection) func(int32) float64 {
		k := plan.Number(f.Args()[0])
		return func(int32) float64 { return k }
	}, store.Float
	if other, ok := f.Args()[0].(*plan.Node); ok {
		if y, with, err = c.fieldNumber(other, ev); err != nil {
			return nil, err
		}
	}
	if err := comparable(f, is, with); err != nil {
		return nil, err
	}
	compare := comparisons[f.Op()]
	if compare == nil {
		return nil, unknownOp(f)
	}
	return func(s selection) func(int32) bool {
		u, v := x(s), y(s)
		return func(row int32) bool { return compare(u(row), v(row)) }
	}, nil
}

// comparable refuses to compare what is no number with one.
func comparable(f *plan.Node, is, with store.Type) error {
	number := func(t store.Type) bool { return t == store.Float || t == store.Integer }
	switch {
	case number(is) && number(with), is == store.Date && with == store.Date:
		return nil
	case is == store.Concept && (with == store.Concept || number(with)) && f.Op() == "Is":
		return nil
	}
	way := map[store.Type]string{
		store.Date:    "compare days with .Before(day), .After(day) or .Window(day, from, to) of the events, or with another date's field",
		store.Label:   `name the labels: .Is("…") or .In("…", "…")`,
		store.Concept: "name the concepts: .Is(id) or .In(id, …)",
	}[is]
	if way == "" {
		way = "compare it with a number or with a field of numbers"
	}
	return &plan.Error{Op: f.Op(), Msg: fmt.Sprintf("a field of type %s is not compared with one of type %s", is, with), Way: way, At: f.At()}
}

// comparisons are false with NaN.
var comparisons = map[string]func(x, y float64) bool{
	"Below":   func(x, y float64) bool { return x < y },
	"AtMost":  func(x, y float64) bool { return x <= y },
	"Above":   func(x, y float64) bool { return x > y },
	"AtLeast": func(x, y float64) bool { return x >= y },
	"Is":      func(x, y float64) bool { return x == y },
}

func isText(a plan.Arg) bool { _, ok := a.(string); return ok }

// fieldNumber reads a field as a number: a concept as its id, a date as its day, a
// label as its index.
func (c *compiler) fieldNumber(f *plan.Node, ev *events) (func(selection) func(row int32) float64, store.Type, error) {
	name := f.Text(0)
	if ev.table == nil {
		return nil, "", cannot(f, "events of several kinds have no field %s", name)
	}
	field, ok := ev.table.Field(name)
	if !ok {
		return nil, "", cannot(f, "table %s of the repository has no field %s", ev.Table, name)
	}
	if field.Type == store.Float {
		return func(s selection) func(int32) float64 {
			v := s.Float64(name)
			return func(row int32) float64 { return v[row] }
		}, field.Type, nil
	}
	ids := ev.dictionary(name)
	return func(s selection) func(int32) float64 {
		v := s.Int32(name)
		return func(row int32) float64 {
			x := v[row]
			if ids != nil {
				x = ids[x]
			}
			if x == store.Missing {
				return math.NaN()
			}
			return float64(x)
		}
	}, field.Type, nil
}

// fieldIn tests a label or concept field against labels, names or numbers.
func (c *compiler) fieldIn(f *plan.Node, ev *events) (func(selection) func(row int32) bool, error) {
	name := f.Recv().Text(0)
	x, is, err := c.fieldNumber(f.Recv(), ev)
	if err != nil {
		return nil, err
	}
	wanted := map[float64]bool{}
	for _, a := range f.Args() {
		text, ok := a.(string)
		switch {
		case !ok && (is == store.Label || is == store.Date), ok && is != store.Label && is != store.Concept:
			return nil, cannot(f, "a field of type %s has no value %v", is, a)
		case !ok:
			wanted[plan.Number(a)] = true
		case is == store.Label:
			field, _ := ev.table.Field(name)
			if i := slices.Index(field.Labels, text); i >= 0 {
				wanted[float64(i)] = true
			}
		default:
			for _, id := range ev.dictionary(name) {
				if id > 0 && c.vocabulary.name(id) == text {
					wanted[float64(id)] = true
				}
			}
		}
	}
	return func(s selection) func(int32) bool {
		v := x(s)
		return func(row int32) bool { return wanted[v(row)] }
	}, nil
}
