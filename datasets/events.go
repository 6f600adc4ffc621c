package datasets

import "weir/datasets/plan"

// Moment is one date per participant: a Date or an Event.
type Moment interface {
	planned
	moment()
}

// Criterion is what a cohort includes or excludes: a Bool, an Event or Events (at least one), a Cohort.
type Criterion interface {
	planned
	criterion()
}

// Events is any number of events per participant.
type Events struct{ n *plan.Node }

func (e Events) plan() *plan.Node { return e.n }
func (e Events) criterion()       {}

func (e Events) then(op string, args ...plan.Arg) Events { return Events{then(e.n, op, args...)} }

// As names the events.
func (e Events) As(label string) Events { return Events{as(e.n, label)} }

// String is the events' definition.
func (e Events) String() string { return e.n.Tree() }

// In keeps the events of a concept set.
func (e Events) In(set Concepts) Events { return e.then("In", set.n) }

// Descendants adds events of the descendants of the concepts.
func (e Events) Descendants() Events { return e.then("Descendants") }

// Except takes out the events of concepts and of their descendants.
func (e Events) Except(ids ...int) Events { return e.then("Except", list(ids)...) }

// Unit keeps the values in one of the given UCUM units; "" is no unit.
func (e Events) Unit(unit UCUM, more ...UCUM) Events { return e.then("Unit", with(unit, more)...) }

// ValueBetween keeps the events with a value from lo to hi, both included.
func (e Events) ValueBetween(lo, hi float64) Events { return e.then("ValueBetween", lo, hi) }

// ValueAtLeast keeps the events with a value of x or more.
func (e Events) ValueAtLeast(x float64) Events { return e.then("ValueAtLeast", x) }

// ValueBelow keeps the events with a value below x.
func (e Events) ValueBelow(x float64) Events { return e.then("ValueBelow", x) }

// AtAge keeps the events at an age of from to to years, both included.
func (e Events) AtAge(from, to int) Events { return e.then("AtAge", from, to) }

// Before keeps the events before a moment.
func (e Events) Before(m Moment) Events { return e.then("Before", arg(m)) }

// OnOrBefore keeps the events on or before a moment.
func (e Events) OnOrBefore(m Moment) Events { return e.then("OnOrBefore", arg(m)) }

// After keeps the events after a moment.
func (e Events) After(m Moment) Events { return e.then("After", arg(m)) }

// OnOrAfter keeps the events on or after a moment.
func (e Events) OnOrAfter(m Moment) Events { return e.then("OnOrAfter", arg(m)) }

// Window keeps the events from one day to another around a moment: Window(index, -365, -1).
func (e Events) Window(m Moment, fromDay, toDay int) Events {
	return e.then("Window", arg(m), fromDay, toDay)
}

// During keeps the events that start between the start and the end of any of the others, such as visits.
func (e Events) During(spans Events) Events { return e.then("During", spans.n) }

// Apart keeps events at least so many days after the last one kept; Apart(1) is one a day.
func (e Events) Apart(days int) Events { return e.then("Apart", days) }

// First is the earliest event.
func (e Events) First() Event { return Event{then(e.n, "First")} }

// Last is the latest event.
func (e Events) Last() Event { return Event{then(e.n, "Last")} }

// Exists says whether there is an event; it is never missing.
func (e Events) Exists() Bool { return Bool{then(e.n, "Exists")} }

// AtLeast says whether there are n events or more; it is never missing.
func (e Events) AtLeast(n int) Bool { return Bool{then(e.n, "AtLeast", n)} }

// Occurrences is the number of the participant's events; 0, never missing.
func (e Events) Occurrences() Number { return Number{then(e.n, "Occurrences")} }

// MeanValue is the mean of the participant's values.
func (e Events) MeanValue() Number { return Number{then(e.n, "MeanValue")} }

// EachConcept splits the events by concept.
func (e Events) EachConcept() Split { return Split{as(then(e.n, "EachConcept"), "concept")} }

// Event is at most one event per participant.
type Event struct{ n *plan.Node }

func (e Event) plan() *plan.Node { return e.n }
func (e Event) moment()          {}
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

// Split is a key with which one participant can be in several groups: concepts, periods, units.
type Split struct{ n *plan.Node }

func (s Split) plan() *plan.Node { return s.n }
func (s Split) key()             {}

// As names the split.
func (s Split) As(label string) Split { return Split{as(s.n, label)} }

// String is the split's definition.
func (s Split) String() string { return s.n.Tree() }
