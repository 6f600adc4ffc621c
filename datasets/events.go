package datasets

import "weir/datasets/plan"

// Moment is one date per participant: a Date or an Event.
type Moment interface {
	planned
	moment()
}

// Anchor is what events are placed in time by: a Date, an Event, or any of several Events.
type Anchor interface {
	planned
	anchor()
}

// Criterion is what a cohort includes or excludes: a Bool, an Event or Events (at least one), a Cohort.
type Criterion interface {
	planned
	criterion()
}

// Events is any number of events per participant.
type Events struct{ n *plan.Node }

func (e Events) plan() *plan.Node { return e.n }
func (e Events) anchor()          {}
func (e Events) criterion()       {}

func (e Events) then(op string, args ...plan.Arg) Events { return Events{then(e.n, op, args...)} }

// As names the events.
func (e Events) As(label string) Events { return Events{as(e.n, label)} }

// String is the events' definition.
func (e Events) String() string { return e.n.Tree() }

// Show displays the fields of the events' table, their types and units, and what the
// tier makes of them. It counts nobody.
func (e Events) Show() { show(e.n) }

// In keeps the events of a concept set.
func (e Events) In(set Concepts) Events { return e.then("In", set.n) }

// InSource keeps the events whose source concept is in a set, as Codes gives one.
func (e Events) InSource(set Concepts) Events { return e.then("InSource", set.n) }

// Descendants adds events of the descendants of the concepts.
func (e Events) Descendants() Events { return e.then("Descendants") }

// Except takes out the events of concepts and of their descendants.
func (e Events) Except(ids ...int) Events { return e.then("Except", list(ids)...) }

// Where keeps the events for which a test of their fields is true.
func (e Events) Where(f Filter) Events { return e.then("Where", f.n) }

// Unit keeps the values in one of the given UCUM units; "" is no unit.
func (e Events) Unit(unit UCUM, more ...UCUM) Events { return e.then("Unit", with(unit, more)...) }

// ConvertTo converts the values of every unit with a known factor and drops the others.
// Factors that depend on the substance, such as HbA1c's from % to mmol/mol, are known
// for the usual concepts of glucose, cholesterol, triglycerides, creatinine and HbA1c.
func (e Events) ConvertTo(unit UCUM) Events { return e.then("ConvertTo", unit) }

// ValueBetween keeps the events with a value from lo to hi, both included.
func (e Events) ValueBetween(lo, hi float64) Events { return e.then("ValueBetween", lo, hi) }

// ValueAtLeast keeps the events with a value of x or more.
func (e Events) ValueAtLeast(x float64) Events { return e.then("ValueAtLeast", x) }

// ValueBelow keeps the events with a value below x.
func (e Events) ValueBelow(x float64) Events { return e.then("ValueBelow", x) }

// Answered keeps the answers with one of the given labels.
func (e Events) Answered(label Label, more ...Label) Events {
	return e.then("Answered", with(label, more)...)
}

// Read says which field is the events' value.
func (e Events) Read(field FieldName) Events { return e.then("Read", field) }

// AtAge keeps the events at an age of from to to years, both included.
func (e Events) AtAge(from, to int) Events { return e.then("AtAge", from, to) }

// Before keeps the events before the anchor; with Events, before any of them.
func (e Events) Before(a Anchor) Events { return e.then("Before", arg(a)) }

// OnOrBefore keeps the events on or before the anchor; with Events, any of them.
func (e Events) OnOrBefore(a Anchor) Events { return e.then("OnOrBefore", arg(a)) }

// After keeps the events after the anchor; with Events, after any of them.
func (e Events) After(a Anchor) Events { return e.then("After", arg(a)) }

// OnOrAfter keeps the events on or after the anchor; with Events, any of them.
func (e Events) OnOrAfter(a Anchor) Events { return e.then("OnOrAfter", arg(a)) }

// Window keeps the events from one day to another around the anchor: Window(index, -365, -1).
// With Events, around any of them.
func (e Events) Window(a Anchor, fromDay, toDay int) Events {
	return e.then("Window", arg(a), fromDay, toDay)
}

// During keeps the events that start between the start and the end of any of the others,
// such as visits. One that ends before it starts, or has no end, is of one day.
func (e Events) During(spans Events) Events { return e.then("During", spans.n) }

// Observed keeps the events of which one observation period covers the days from one
// to another around them: Observed(-365, 0) has a year before them.
func (e Events) Observed(fromDay, toDay int) Events { return e.then("Observed", fromDay, toDay) }

// Correlated keeps the events that have at least so many of the others around them
// and at most so many, where most is not negative: others that start from one day to
// another around the event's start, and end likewise; 100,000 days are no bound. With
// samePeriod they lie in the event's observation period, too. It is what cohort
// definitions of ATLAS ask; Window and During are simpler.
func (e Events) Correlated(others Events, least, most, startFrom, startTo, endFrom, endTo int, samePeriod bool) Events {
	return e.then("Correlated", others.n, least, most, startFrom, startTo, endFrom, endTo, samePeriod)
}

// Apart keeps events at least so many days after the last one kept; Apart(1) is one a day.
func (e Events) Apart(days int) Events { return e.then("Apart", days) }

// Eras joins events that follow within gap days of the end of the last one into one, from its start to its end.
func (e Events) Eras(gap int) Events { return e.then("Eras", gap) }

// Union joins events of several kinds.
func (e Events) Union(other Events, more ...Events) Events {
	return e.then("Union", with(other, more)...)
}

// Per gives what follows one value for each group of the splits, not one in all.
// It goes where By names the same splits, and nowhere else.
func (e Events) Per(split Split, more ...Split) Events { return e.then("Per", with(split, more)...) }

// First is the earliest event.
func (e Events) First() Event { return Event{then(e.n, "First")} }

// Last is the latest event.
func (e Events) Last() Event { return Event{then(e.n, "Last")} }

// Nearest is the event closest to a moment, the earlier of two.
func (e Events) Nearest(m Moment) Event { return Event{then(e.n, "Nearest", arg(m))} }

// Highest is the event with the largest value, the earliest of ties.
func (e Events) Highest() Event { return Event{then(e.n, "Highest")} }

// Lowest is the event with the smallest value, the earliest of ties.
func (e Events) Lowest() Event { return Event{then(e.n, "Lowest")} }

// Exists says whether there is an event; it is never missing.
func (e Events) Exists() Bool { return Bool{then(e.n, "Exists")} }

// AtLeast says whether there are n events or more; it is never missing.
func (e Events) AtLeast(n int) Bool { return Bool{then(e.n, "AtLeast", n)} }

// Occurrences is the number of the participant's events; 0, never missing.
func (e Events) Occurrences() Number { return Number{then(e.n, "Occurrences")} }

// DistinctConcepts is the number of different concepts among the participant's events; never missing.
func (e Events) DistinctConcepts() Number { return Number{then(e.n, "DistinctConcepts")} }

func (e Events) reduce(op, prefix string) Number {
	n := then(e.n, op)
	if e.n.Label() != "" {
		n = as(n, prefix+e.n.Label())
	}
	return Number{n}
}

// MeanValue is the mean of the participant's values.
func (e Events) MeanValue() Number { return e.reduce("MeanValue", "mean ") }

// MedianValue is the median of the participant's values.
func (e Events) MedianValue() Number { return e.reduce("MedianValue", "median ") }

// SDValue is the standard deviation of the participant's values, of two or more.
func (e Events) SDValue() Number { return e.reduce("SDValue", "SD of ") }

// MinValue is the smallest of the participant's values.
func (e Events) MinValue() Number { return e.reduce("MinValue", "lowest ") }

// MaxValue is the largest of the participant's values.
func (e Events) MaxValue() Number { return e.reduce("MaxValue", "highest ") }

// SumValue is the sum of the participant's values.
func (e Events) SumValue() Number { return e.reduce("SumValue", "sum of ") }

// SlopeValue is the change of the participant's values per year (least squares), of two days or more.
func (e Events) SlopeValue() Number { return e.reduce("SlopeValue", "slope of ") }

// EachConcept splits the events by concept. Concept 0, no matching concept, is missing;
// a concept that the vocabulary does not have is called by its id.
func (e Events) EachConcept() Split { return Split{as(then(e.n, "EachConcept"), "concept")} }

// EachUnit splits the events by unit, called by its UCUM code.
func (e Events) EachUnit() Split { return Split{as(then(e.n, "EachUnit"), "unit")} }

// EachSource splits the events by where their record comes from.
func (e Events) EachSource() Split { return Split{as(then(e.n, "EachSource"), "source")} }

// EachModule splits survey answers by module.
func (e Events) EachModule() Split { return Split{as(then(e.n, "EachModule"), "module")} }

// Each splits the events by a concept or label field of their table.
func (e Events) Each(field FieldName) Split { return Split{as(then(e.n, "Each", field), field)} }

// Event is at most one event per participant.
type Event struct{ n *plan.Node }

func (e Event) plan() *plan.Node { return e.n }
func (e Event) moment()          {}
func (e Event) anchor()          {}
func (e Event) criterion()       {}

// As names the event.
func (e Event) As(label string) Event { return Event{as(e.n, label)} }

// String is the event's definition.
func (e Event) String() string { return e.n.Tree() }

// Exists says whether there is one.
func (e Event) Exists() Bool { return Bool{then(e.n, "Exists")} }

// Date is the day it started.
func (e Event) Date() Date { return Date{then(e.n, "Date")} }

// End is the day it ended.
func (e Event) End() Date { return Date{then(e.n, "End")} }

// Value is its number, in the unit chosen.
func (e Event) Value() Number { return Number{then(e.n, "Value")} }

// Age is the participant's age in years at the event.
func (e Event) Age() Number { return Number{as(then(e.n, "Age"), "age")} }

// Concept is what was recorded.
func (e Event) Concept() Category { return Category{as(then(e.n, "Concept"), "concept")} }

// Unit is the unit of its value.
func (e Event) Unit() Category { return Category{as(then(e.n, "Unit"), "unit")} }

// Source is where its record comes from.
func (e Event) Source() Category { return Category{as(then(e.n, "Source"), "source")} }

// Answer is the answer given.
func (e Event) Answer() Category { return Category{as(then(e.n, "Answer"), "answer")} }

// Number is any numeric field of its table.
func (e Event) Number(field FieldName) Number {
	return Number{as(then(e.n, "Number", field), field)}
}

// Category is any concept or label field of its table.
func (e Event) Category(field FieldName) Category {
	return Category{as(then(e.n, "Category", field), field)}
}

// Split is a key with which one participant can be in several groups: concepts, periods, units.
type Split struct{ n *plan.Node }

func (s Split) plan() *plan.Node { return s.n }
func (s Split) key()             {}

// As names the split.
func (s Split) As(label string) Split { return Split{as(s.n, label)} }

// String is the split's definition.
func (s Split) String() string { return s.n.Tree() }

// Days is each day from one to another, as "2020-01-31".
func Days(from, to string) Split { return Split{as(root("Days", from, to), "day")} }

// Months is each month from one to another, as "2020-01".
func Months(from, to string) Split { return Split{as(root("Months", from, to), "month")} }

// Years is each year from one to another.
func Years(from, to int) Split { return Split{as(root("Years", from, to), "year")} }

// Since is each period of so many days since a moment, counted from 1.
func Since(m Moment, days, periods int) Split {
	return Split{as(root("Since", arg(m), days, periods), "period")}
}

// EventField is a field of an event's table.
type EventField struct{ n *plan.Node }

// Field names a field of an event's table as OMOP does, for Where.
func Field(name FieldName) EventField { return EventField{root("Field", name)} }

func (f EventField) plan() *plan.Node { return f.n }

// String is the field's definition.
func (f EventField) String() string { return f.n.String() }

func (f EventField) test(op string, args ...plan.Arg) Filter { return Filter{then(f.n, op, args...)} }

// Below is the test less than; x is a number or another field.
func (f EventField) Below(x any) Filter { return f.test("Below", arg(x)) }

// AtMost is the test less than or equal.
func (f EventField) AtMost(x any) Filter { return f.test("AtMost", arg(x)) }

// Above is the test greater than.
func (f EventField) Above(x any) Filter { return f.test("Above", arg(x)) }

// AtLeast is the test greater than or equal.
func (f EventField) AtLeast(x any) Filter { return f.test("AtLeast", arg(x)) }

// Is is the test equal, with a number, a label or another field. A concept field
// is compared with a concept's id.
func (f EventField) Is(x any) Filter { return f.test("Is", arg(x)) }

// In is the test one of: numbers or labels.
func (f EventField) In(x any, more ...any) Filter { return f.test("In", with(x, more)...) }

// Missing is the test of NULL.
func (f EventField) Missing() Filter { return f.test("Missing") }

// Filter is a test of an event's fields. A comparison with a missing field is false.
type Filter struct{ n *plan.Node }

func (f Filter) plan() *plan.Node { return f.n }

// String is the test's definition.
func (f Filter) String() string { return f.n.String() }

// And is true when both are.
func (f Filter) And(g Filter) Filter { return Filter{then(f.n, "And", g.n)} }

// Or is true when one is.
func (f Filter) Or(g Filter) Filter { return Filter{then(f.n, "Or", g.n)} }

// Not is true when the test is false.
func (f Filter) Not() Filter { return Filter{then(f.n, "Not")} }
