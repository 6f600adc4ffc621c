package datasets

import "weir/datasets/plan"

// population is the verbs that cohorts and frames share.
type population struct{ n *plan.Node }

func (p population) plan() *plan.Node { return p.n }

// Cohort is who: participants, perhaps with an index date. Its methods return new cohorts.
type Cohort struct{ population }

func cohortOf(n *plan.Node) Cohort { return Cohort{population{n}} }
func (c Cohort) criterion()        {}

// String is the cohort's definition; showing it counts no one.
func (c Cohort) String() string { return c.n.Tree() }

// As names the cohort.
func (c Cohort) As(label string) Cohort { return cohortOf(as(c.n, label)) }

// Entry keeps who has the event and makes its date the index date.
func (c Cohort) Entry(e Event) Cohort { return c.step("Entry", e.n) }

// Include keeps who meets the criterion; each call is a step of the attrition.
func (c Cohort) Include(cr Criterion) Cohort { return c.step("Include", arg(cr)) }

// Exclude leaves out who meets the criterion; who misses the value stays.
func (c Cohort) Exclude(cr Criterion) Cohort { return c.step("Exclude", arg(cr)) }

// IndexOn makes a moment the index date and keeps who has one.
func (c Cohort) IndexOn(m Moment) Cohort { return c.step("IndexOn", arg(m)) }

func (c Cohort) step(op string, args ...plan.Arg) Cohort {
	return cohortOf(named(then(c.n, op, args...), c.n))
}

// MatchedTo keeps up to ratio participants for each case, equal in every key, with the case's index date.
func (c Cohort) MatchedTo(cases Cohort, ratio int, key Key, more ...Key) Cohort {
	return c.step("MatchedTo", append([]plan.Arg{cases.n, ratio}, with(key, more)...)...)
}

// Index is the index date: of Entry, of IndexOn, of the matched case.
func (c Cohort) Index() Date { return Date{as(then(c.n, "Index"), "index date")} }

// Union is who is in either, with the index date of the first, or of the second where
// the first has none.
func (c Cohort) Union(o Cohort) Cohort { return cohortOf(then(c.n, "Union", o.n)) }

// Intersect is who is in both.
func (c Cohort) Intersect(o Cohort) Cohort { return cohortOf(then(c.n, "Intersect", o.n)) }

// Minus is who is not in the other.
func (c Cohort) Minus(o Cohort) Cohort { return cohortOf(then(c.n, "Minus", o.n)) }

// Attrition is the flowchart of the steps, with protected counts. It begins anew at
// Union, Intersect and Minus.
func (c Cohort) Attrition() Table { return Table{then(c.n, "Attrition")} }

// Frame is the cohort with columns.
func (c Cohort) Frame(columns ...Series) Frame {
	return Frame{population{then(c.n, "Frame", list(columns)...)}}
}

// Frame is who and what: one row per participant that never leaves the data side.
type Frame struct{ population }

// String is the frame's columns and their definitions.
func (f Frame) String() string { return f.n.Tree() }

// With adds columns.
func (f Frame) With(columns ...Series) Frame {
	return Frame{population{then(f.n, "With", list(columns)...)}}
}

// Where keeps who meets the criterion.
func (f Frame) Where(cr Criterion) Frame { return Frame{population{then(f.n, "Where", arg(cr))}} }

// Describe is every column's summary.
func (f Frame) Describe() Table { return Table{then(f.n, "Describe")} }

// Table1 is every column by group, with totals and missing values.
func (f Frame) Table1(by Key) Table1 { return Table1{then(f.n, "Table1", arg(by))} }

// Table1 is a first table of a paper, not run yet.
type Table1 struct{ n *plan.Node }

func (t Table1) plan() *plan.Node { return t.n }

// String is the table's definition.
func (t Table1) String() string { return t.n.Tree() }

// Show displays the table.
func (t Table1) Show() { t.Table().Show() }

// WithDifferences adds standardised mean differences between the first two groups.
func (t Table1) WithDifferences() Table1 { return Table1{then(t.n, "WithDifferences")} }

// Medians shows medians and quartiles of the given columns instead of means.
func (t Table1) Medians(of Number, more ...Number) Table1 {
	return Table1{then(t.n, "Medians", with(of, more)...)}
}

// Table is the released table.
func (t Table1) Table() Table { return Table{then(t.n, "Table")} }

// Refusal is what a refused operation displays: the rule, the schema and the way out.
type Refusal struct{ n *plan.Node }

// Show displays the refusal.
func (r Refusal) Show() { show(r.n) }

func (r Refusal) plan() *plan.Node { return r.n }

// String is the refused definition.
func (r Refusal) String() string { return r.n.Tree() }

// Head is refused: it asks for rows of participants. It displays the rule, the schema and the way out.
func (p population) Head(n int) Refusal { return Refusal{then(p.n, "Head", n)} }

// Rows is refused: it asks for rows of participants. It displays the rule, the schema and the way out.
func (p population) Rows() Refusal { return Refusal{then(p.n, "Rows")} }

// Count is the number of participants.
func (p population) Count() Table { return Table{then(p.n, "Count")} }

// Summarise is statistics of all, with the number of participants.
func (p population) Summarise(s Stat, more ...Stat) Table {
	return Table{then(p.n, "Summarise", with(s, more)...)}
}

// By groups participants by one to six keys; who misses a key is the group "missing".
func (p population) By(key Key, more ...Key) Groups {
	return Groups{then(p.n, "By", with(key, more)...)}
}

// Crosstab is the participants by two keys with totals.
func (p population) Crosstab(rows, columns Key) Table {
	return Table{then(p.n, "Crosstab", arg(rows), arg(columns))}
}

// Histogram is a chart of the participants by band.
func (p population) Histogram(x Category) Chart { return Chart{then(p.n, "Histogram", x.n)} }

// Groups is a population by keys.
type Groups struct{ n *plan.Node }

func (g Groups) plan() *plan.Node { return g.n }

// String is the groups' definition.
func (g Groups) String() string { return g.n.Tree() }

// WithTotals adds the total over each key.
func (g Groups) WithTotals() Groups { return Groups{then(g.n, "WithTotals")} }

// DropMissing leaves out who misses a key; of a split, the events that miss its label.
func (g Groups) DropMissing() Groups { return Groups{then(g.n, "DropMissing")} }

// Rate is events per 1,000 person-years in each group.
func (g Groups) Rate(t TimeToEvent) Table { return Table{then(g.n, "Rate", t.n)} }

// Count is the participants of each group.
func (g Groups) Count() Table { return Table{then(g.n, "Count")} }

// Summarise is statistics of each group, with its number of participants.
func (g Groups) Summarise(s Stat, more ...Stat) Table {
	return Table{then(g.n, "Summarise", with(s, more)...)}
}

// Head is refused: it asks for rows of participants.
func (g Groups) Head(n int) Refusal { return Refusal{then(g.n, "Head", n)} }

// Rows is refused: it asks for rows of participants.
func (g Groups) Rows() Refusal { return Refusal{then(g.n, "Rows")} }

// TimeToEvent is the time from a start to an event, or to censoring.
type TimeToEvent struct{ n *plan.Node }

// TimeTo is the time to an event; From is needed, CensoredAt usual.
func TimeTo(event Moment) TimeToEvent { return TimeToEvent{root("TimeTo", arg(event))} }

func (t TimeToEvent) plan() *plan.Node { return t.n }

// String is the time's definition.
func (t TimeToEvent) String() string { return t.n.Tree() }

// As names it.
func (t TimeToEvent) As(label string) TimeToEvent { return TimeToEvent{as(t.n, label)} }

// From is when time starts; who had the event before, or on that day, is left out.
func (t TimeToEvent) From(m Moment) TimeToEvent { return TimeToEvent{then(t.n, "From", arg(m))} }

// CensoredAt ends time without an event, at the first of several moments, and at the
// cut-off at the latest. Who is censored on the day of the start has no time and is left out.
func (t TimeToEvent) CensoredAt(m Moment, more ...Moment) TimeToEvent {
	return TimeToEvent{then(t.n, "CensoredAt", with(m, more)...)}
}

// Within ends time after so many days.
func (t TimeToEvent) Within(days int) TimeToEvent { return TimeToEvent{then(t.n, "Within", days)} }
