package datasets

import "weir/datasets/plan"

// Series is one value per participant: Number, Bool, Category or Date.
type Series interface {
	planned
	series()
}

// Key is what participants can be grouped by: Category, Bool or Split; a Number must be banded first.
type Key interface {
	planned
	key()
}

// Number is one number per participant, or none.
type Number struct{ n *plan.Node }

func (x Number) plan() *plan.Node { return x.n }
func (x Number) series()          {}

// As names the column.
func (x Number) As(label string) Number { return Number{as(x.n, label)} }

// String is the column's definition.
func (x Number) String() string { return x.n.Tree() }

func (x Number) test(op string, args ...plan.Arg) Bool { return Bool{then(x.n, op, args...)} }

// Below is <. A comparison with a missing value is missing.
func (x Number) Below(y float64) Bool { return x.test("Below", y) }

// AtMost is <=.
func (x Number) AtMost(y float64) Bool { return x.test("AtMost", y) }

// Above is >.
func (x Number) Above(y float64) Bool { return x.test("Above", y) }

// AtLeast is >=.
func (x Number) AtLeast(y float64) Bool { return x.test("AtLeast", y) }

// Is is =.
func (x Number) Is(y float64) Bool { return x.test("Is", y) }

// Between is lo <= x <= hi.
func (x Number) Between(lo, hi float64) Bool { return x.test("Between", lo, hi) }

// Missing says whether there is no value.
func (x Number) Missing() Bool { return x.test("Missing") }

// Known says whether there is a value.
func (x Number) Known() Bool { return x.test("Known") }

// Bands cuts at the analyst's edges: Bands(18, 45, 65) is <18, 18 to <45, 45 to <65, 65+.
func (x Number) Bands(edge float64, more ...float64) Category {
	return Category{named(then(x.n, "Bands", with(edge, more)...), x.n)}
}

// BandsOf cuts into bands of one width from lo to hi, open at both ends.
func (x Number) BandsOf(width, lo, hi float64) Category {
	return Category{named(then(x.n, "BandsOf", width, lo, hi), x.n)}
}

// named gives a column the name of the one it is made of.
func named(n, from *plan.Node) *plan.Node { return as(n, from.Label()) }

// Mean is the mean over participants with a value.
func (x Number) Mean() Stat { return stat(x.n, "Mean", "mean ") }

// Max is refused: it is one participant's value.
func (x Number) Max() Stat {
	panic(&Error{Op: "Max", Msg: "the largest value is one participant's", Way: "band the values: .BandsOf(width, lo, hi)"})
}

// Min is refused: it is one participant's value.
func (x Number) Min() Stat {
	panic(&Error{Op: "Min", Msg: "the smallest value is one participant's", Way: "band the values: .BandsOf(width, lo, hi)"})
}

// Bool is yes, no or missing per participant.
type Bool struct{ n *plan.Node }

func (x Bool) plan() *plan.Node { return x.n }
func (x Bool) series()          {}
func (x Bool) key()             {}
func (x Bool) criterion()       {}

// As names the column.
func (x Bool) As(label string) Bool { return Bool{as(x.n, label)} }

// String is the column's definition.
func (x Bool) String() string { return x.n.Tree() }

// And is true when both are; missing follows Kleene's logic.
func (x Bool) And(y Bool) Bool { return Bool{then(x.n, "And", y.n)} }

// Or is true when one is; missing follows Kleene's logic.
func (x Bool) Or(y Bool) Bool { return Bool{then(x.n, "Or", y.n)} }

// Not is the opposite; missing stays missing.
func (x Bool) Not() Bool { return Bool{then(x.n, "Not")} }

// Missing says whether there is no value.
func (x Bool) Missing() Bool { return Bool{then(x.n, "Missing")} }

// Known says whether there is a value.
func (x Bool) Known() Bool { return Bool{then(x.n, "Known")} }

// Count is the number of participants for whom it is true.
func (x Bool) Count() Stat { return stat(x.n, "Count", "") }

// Proportion is the share of participants for whom it is true, among those with a value.
func (x Bool) Proportion() Stat { return stat(x.n, "Proportion", "% ") }

// Category is one label per participant, or none.
type Category struct{ n *plan.Node }

func (x Category) plan() *plan.Node { return x.n }
func (x Category) series()          {}
func (x Category) key()             {}

// As names the column.
func (x Category) As(label string) Category { return Category{as(x.n, label)} }

// String is the column's definition.
func (x Category) String() string { return x.n.Tree() }

// Is says whether it has the label.
func (x Category) Is(label Label) Bool { return Bool{then(x.n, "Is", label)} }

// In says whether it has one of the labels.
func (x Category) In(label Label, more ...Label) Bool {
	return Bool{then(x.n, "In", with(label, more)...)}
}

// Missing says whether there is no label.
func (x Category) Missing() Bool { return Bool{then(x.n, "Missing")} }

// Known says whether there is a label.
func (x Category) Known() Bool { return Bool{then(x.n, "Known")} }

// Date is one day per participant, or none.
type Date struct{ n *plan.Node }

func (x Date) plan() *plan.Node { return x.n }
func (x Date) series()          {}
func (x Date) moment()          {}

// Day is a day of the calendar, the same for everyone; shifted dates make it vague in the registered tier.
func Day(year, month, day int) Date { return Date{root("Day", year, month, day)} }

// As names the column.
func (x Date) As(label string) Date { return Date{as(x.n, label)} }

// String is the column's definition.
func (x Date) String() string { return x.n.Tree() }

// Before is earlier than.
func (x Date) Before(m Moment) Bool { return Bool{then(x.n, "Before", arg(m))} }

// OnOrBefore is not later than.
func (x Date) OnOrBefore(m Moment) Bool { return Bool{then(x.n, "OnOrBefore", arg(m))} }

// After is later than.
func (x Date) After(m Moment) Bool { return Bool{then(x.n, "After", arg(m))} }

// OnOrAfter is not earlier than.
func (x Date) OnOrAfter(m Moment) Bool { return Bool{then(x.n, "OnOrAfter", arg(m))} }

// DaysSince is the number of days since a moment, negative before it.
func (x Date) DaysSince(m Moment) Number { return Number{then(x.n, "DaysSince", arg(m))} }

// AddDays is so many days later, or earlier.
func (x Date) AddDays(days int) Date { return Date{then(x.n, "AddDays", days)} }

// Year is the calendar year.
func (x Date) Year() Number { return Number{as(then(x.n, "Year"), "year")} }

// Missing says whether there is no date.
func (x Date) Missing() Bool { return Bool{then(x.n, "Missing")} }

// Known says whether there is a date.
func (x Date) Known() Bool { return Bool{then(x.n, "Known")} }

// Stat is what a summary says of each group.
type Stat struct{ n *plan.Node }

func stat(x *plan.Node, op, prefix string) Stat {
	n := then(x, op)
	if x.Label() != "" {
		n = as(n, prefix+x.Label())
	}
	return Stat{n}
}

func (s Stat) plan() *plan.Node { return s.n }

// As names the column of the table.
func (s Stat) As(label string) Stat { return Stat{as(s.n, label)} }

// String is the statistic's definition.
func (s Stat) String() string { return s.n.Tree() }

// AllOf is true when all criteria hold.
func AllOf(c Criterion, more ...Criterion) Bool { return Bool{root("AllOf", with(c, more)...)} }

// AnyOf is true when at least one criterion holds.
func AnyOf(c Criterion, more ...Criterion) Bool { return Bool{root("AnyOf", with(c, more)...)} }

// NoneOf is true when no criterion holds.
func NoneOf(c Criterion, more ...Criterion) Bool { return Bool{root("NoneOf", with(c, more)...)} }
