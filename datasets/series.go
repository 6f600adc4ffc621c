package datasets

import (
	"fmt"
	"maps"
	"slices"

	"weir/datasets/plan"
)

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

func (x Number) math(op string, args ...plan.Arg) Number { return Number{then(x.n, op, args...)} }

// Plus adds.
func (x Number) Plus(y Operand) Number { return x.math("Plus", arg(y)) }

// Minus subtracts.
func (x Number) Minus(y Operand) Number { return x.math("Minus", arg(y)) }

// Times multiplies.
func (x Number) Times(y Operand) Number { return x.math("Times", arg(y)) }

// Over divides; division by zero is missing.
func (x Number) Over(y Operand) Number { return x.math("Over", arg(y)) }

// Pow raises to a power; where that is no number, it is missing.
func (x Number) Pow(y float64) Number { return x.math("Pow", y) }

// Log is the natural logarithm; of zero or less it is missing.
func (x Number) Log() Number { return x.math("Log") }

// Exp is the exponential.
func (x Number) Exp() Number { return x.math("Exp") }

// Sqrt is the square root; of less than zero it is missing.
func (x Number) Sqrt() Number { return x.math("Sqrt") }

// Abs is the absolute value.
func (x Number) Abs() Number { return x.math("Abs") }

// Round rounds to so many decimals, halves away from zero.
func (x Number) Round(decimals int) Number { return x.math("Round", decimals) }

// Clamp limits values to lo and hi.
func (x Number) Clamp(lo, hi float64) Number { return x.math("Clamp", lo, hi) }

// OrElse replaces missing values.
func (x Number) OrElse(y Operand) Number { return Number{named(then(x.n, "OrElse", arg(y)), x.n)} }

func (x Number) test(op string, args ...plan.Arg) Bool { return Bool{then(x.n, op, args...)} }

// Below is <. A comparison with a missing value is missing.
func (x Number) Below(y Operand) Bool { return x.test("Below", arg(y)) }

// AtMost is <=.
func (x Number) AtMost(y Operand) Bool { return x.test("AtMost", arg(y)) }

// Above is >.
func (x Number) Above(y Operand) Bool { return x.test("Above", arg(y)) }

// AtLeast is >=.
func (x Number) AtLeast(y Operand) Bool { return x.test("AtLeast", arg(y)) }

// Is is =.
func (x Number) Is(y Operand) Bool { return x.test("Is", arg(y)) }

// Between is lo <= x <= hi.
func (x Number) Between(lo, hi Operand) Bool { return x.test("Between", arg(lo), arg(hi)) }

// Missing says whether there is no value.
func (x Number) Missing() Bool { return x.test("Missing") }

// Known says whether there is a value.
func (x Number) Known() Bool { return x.test("Known") }

// Bands cuts at the analyst's edges: Bands(18, 45, 65) is <18, 18 to <45, 45 to <65, 65+.
func (x Number) Bands(edge float64, more ...float64) Category {
	return Category{named(then(x.n, "Bands", with(edge, more)...), x.n)}
}

// BandsOf cuts into bands of one width from lo to hi, open at both ends; the last but one ends at hi.
func (x Number) BandsOf(width, lo, hi float64) Category {
	return Category{named(then(x.n, "BandsOf", width, lo, hi), x.n)}
}

// Fractions cuts into n groups of equal size, from 1, at quantiles of everyone's values: 4
// gives quarters. A value at a quantile is of the lower group.
func (x Number) Fractions(n int) Category { return Category{named(then(x.n, "Fractions", n), x.n)} }

// Levels is one group a whole number, from lo to hi; others are missing.
func (x Number) Levels(lo, hi int) Category { return Category{named(then(x.n, "Levels", lo, hi), x.n)} }

// named gives a column the name of the one it is made of.
func named(n, from *plan.Node) *plan.Node { return as(n, from.Label()) }

// Mean is the mean over participants with a value.
func (x Number) Mean() Stat { return stat(x.n, "Mean", "mean ") }

// SD is the standard deviation over participants with a value.
func (x Number) SD() Stat { return stat(x.n, "SD", "SD of ") }

// Sum is the sum over participants, subject to dominance.
func (x Number) Sum() Stat { return stat(x.n, "Sum", "sum of ") }

// Median is the median over participants with a value.
func (x Number) Median() Stat { return stat(x.n, "Median", "median ") }

// Quantile is a quantile over participants with a value, 0.05 to 0.95.
func (x Number) Quantile(p float64) Stat {
	return stat(x.n, "Quantile", fmt.Sprintf("quantile %g of ", p), p)
}

// Quartiles is the 25th, 50th and 75th percentile.
func (x Number) Quartiles() Stat { return stat(x.n, "Quartiles", "quartiles of ") }

// Box is the 5th, 25th, 50th, 75th and 95th percentile.
func (x Number) Box() Stat { return stat(x.n, "Box", "percentiles of ") }

// Max is refused: it is one participant's value.
func (x Number) Max() Stat {
	panic(&Error{Op: "Max", Msg: "the largest value is one participant's", Way: "use .Quantile(0.95)"})
}

// Min is refused: it is one participant's value.
func (x Number) Min() Stat {
	panic(&Error{Op: "Min", Msg: "the smallest value is one participant's", Way: "use .Quantile(0.05)"})
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

// OrElse replaces missing values.
func (x Bool) OrElse(y bool) Bool { return Bool{named(then(x.n, "OrElse", y), x.n)} }

// Number is 1 or 0.
func (x Bool) Number() Number { return Number{named(then(x.n, "Number"), x.n)} }

// Labels turns yes and no into a category.
func (x Bool) Labels(yes, no string) Category {
	return Category{named(then(x.n, "Labels", yes, no), x.n)}
}

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

func (x Category) keep(op string, args ...plan.Arg) Category {
	return Category{named(then(x.n, op, args...), x.n)}
}

// HasPrefix says whether the label begins so.
func (x Category) HasPrefix(s string) Bool { return Bool{then(x.n, "HasPrefix", s)} }

// Contains says whether the label contains a text.
func (x Category) Contains(s string) Bool { return Bool{then(x.n, "Contains", s)} }

// OrElse replaces missing labels.
func (x Category) OrElse(label Label) Category { return x.keep("OrElse", label) }

// Recode renames labels; those not named stay.
func (x Category) Recode(to map[Label]string) Category { return x.keep("Recode", flat(to)...) }

// Collapse puts several labels together.
func (x Category) Collapse(into string, labels ...Label) Category {
	return x.keep("Collapse", with(into, labels)...)
}

// Order says in which order the labels come; those not named follow.
func (x Category) Order(label Label, more ...Label) Category {
	return x.keep("Order", with(label, more)...)
}

// Scores gives each label a number; others are missing.
func (x Category) Scores(of map[Label]float64) Number {
	return Number{named(then(x.n, "Scores", flat(of)...), x.n)}
}

// flat is a map as pairs in the order of its keys.
func flat[V any](m map[string]V) []plan.Arg {
	var out []plan.Arg
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k, m[k])
	}
	return out
}

// Shares is the share of participants with each label, among those with one.
func (x Category) Shares() Stat { return stat(x.n, "Shares", "") }

// Missing says whether there is no label.
func (x Category) Missing() Bool { return Bool{then(x.n, "Missing")} }

// Known says whether there is a label.
func (x Category) Known() Bool { return Bool{then(x.n, "Known")} }

// Date is one day per participant, or none.
type Date struct{ n *plan.Node }

func (x Date) plan() *plan.Node { return x.n }
func (x Date) series()          {}
func (x Date) moment()          {}
func (x Date) anchor()          {}

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

// YearsSince is the number of years of 365.25 days since a moment.
func (x Date) YearsSince(m Moment) Number { return Number{then(x.n, "YearsSince", arg(m))} }

// AddDays is so many days later, or earlier.
func (x Date) AddDays(days int) Date { return Date{then(x.n, "AddDays", days)} }

// Year is the calendar year.
func (x Date) Year() Number { return Number{as(then(x.n, "Year"), "year")} }

// Month is the month of the year, January to December.
func (x Date) Month() Category { return Category{as(then(x.n, "Month"), "month")} }

// Weekday is the day of the week, Monday to Sunday.
func (x Date) Weekday() Category { return Category{as(then(x.n, "Weekday"), "weekday")} }

// OrElse replaces missing dates.
func (x Date) OrElse(m Moment) Date { return Date{named(then(x.n, "OrElse", arg(m)), x.n)} }

// Missing says whether there is no date.
func (x Date) Missing() Bool { return Bool{then(x.n, "Missing")} }

// Known says whether there is a date.
func (x Date) Known() Bool { return Bool{then(x.n, "Known")} }

// Stat is what a summary says of each group.
type Stat struct{ n *plan.Node }

func stat(x *plan.Node, op, prefix string, args ...plan.Arg) Stat {
	n := then(x, op, args...)
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

// AtLeastOf is true when at least n criteria hold.
func AtLeastOf(n int, c Criterion, more ...Criterion) Bool {
	return Bool{root("AtLeastOf", append([]plan.Arg{n}, with(c, more)...)...)}
}

// If is one number when a condition is true, another when it is false.
func If(cond Bool, then, otherwise Operand) Number {
	return Number{root("If", cond.n, arg(then), arg(otherwise))}
}

// Cases is a category in the making: the first condition that is true gives the label.
type Cases struct{ n *plan.Node }

func (c Cases) plan() *plan.Node { return c.n }

// String is the cases' definition.
func (c Cases) String() string { return c.n.Tree() }

// When starts a category: When(bmi.Below(25), "normal").When(…).Otherwise("obese").
// The label is that of the first condition that is true; where a condition before it is
// missing, the label is missing too.
func When(cond Bool, label string) Cases { return Cases{root("When", cond.n, label)} }

// When adds a case.
func (c Cases) When(cond Bool, label string) Cases { return Cases{then(c.n, "When", cond.n, label)} }

// Otherwise ends the cases. Who meets a condition only perhaps, because a value is missing, is missing.
func (c Cases) Otherwise(label string) Category { return Category{then(c.n, "Otherwise", label)} }

// OrMissing ends the cases without a last label.
func (c Cases) OrMissing() Category { return Category{then(c.n, "OrMissing")} }

// Earliest is the first of several dates; missing ones are ignored.
func Earliest(m Moment, more ...Moment) Date { return Date{root("Earliest", with(m, more)...)} }

// Latest is the last of several dates; missing ones are ignored.
func Latest(m Moment, more ...Moment) Date { return Date{root("Latest", with(m, more)...)} }

// SumOf adds columns; a missing one makes the sum missing.
func SumOf(x Number, more ...Number) Number { return Number{root("SumOf", with(x, more)...)} }

// LargestOf is the largest of several columns of a participant; a missing one makes it missing.
func LargestOf(x Number, more ...Number) Number { return Number{root("LargestOf", with(x, more)...)} }

// SmallestOf is the smallest of several columns of a participant; a missing one makes it missing.
func SmallestOf(x Number, more ...Number) Number {
	return Number{root("SmallestOf", with(x, more)...)}
}

// Which is in which of several cohorts a participant is, by their names; "several" for who is in two.
func Which(c Cohort, more ...Cohort) Category {
	return Category{as(root("Which", with(c, more)...), "cohort")}
}

// Sequence is the order in which participants first had each of several kinds of events.
func Sequence(kind Events, more ...Events) Order { return Order{root("Sequence", with(kind, more)...)} }

// Order is the order of first events. Kinds that began on one day come in the order in which they were named.
type Order struct{ n *plan.Node }

func (o Order) plan() *plan.Node { return o.n }

// String is the order's definition.
func (o Order) String() string { return o.n.Tree() }

// Step is the kind that came nth, or "none".
func (o Order) Step(n int) Category {
	return Category{as(then(o.n, "Step", n), fmt.Sprintf("step %d", n))}
}

// Path is the first n kinds joined by arrows, or "none".
func (o Order) Path(n int) Category { return Category{as(then(o.n, "Path", n), "path")} }

// Date is when the nth kind came.
func (o Order) Date(n int) Date { return Date{then(o.n, "Date", n)} }

// Row is one participant inside a row function.
type Row struct{}

// noRows refuses row functions, with the expression to write instead.
func noRows(op, way string) error {
	return &Error{Op: op, Msg: "functions over rows are not available", Way: way}
}

// NumberFunc is refused: it would run over participants' rows. Write an expression.
func NumberFunc(func(Row) float64) Number {
	panic(noRows("NumberFunc", "write it with columns: x.Times(2).Plus(y), ds.If(cond, a, b), x.Exp(), x.OrElse(0)"))
}

// BoolFunc is refused: it would run over participants' rows. Write an expression.
func BoolFunc(func(Row) bool) Bool {
	panic(noRows("BoolFunc", `write it with columns: x.Above(30).And(grade.Is("high")), ds.AllOf(…), ds.AnyOf(…)`))
}

// CategoryFunc is refused: it would run over participants' rows. Write an expression.
func CategoryFunc([]string, func(Row) string) Category {
	panic(noRows("CategoryFunc", `write it with columns: ds.When(x.Below(25), "normal").Otherwise("high")`))
}

// Float, Bool, Label, Days and Missing are what a row function would read.
func (r Row) Float(Number) float64  { panic(noRows("Row", "write an expression of columns")) }
func (r Row) Bool(Bool) bool        { panic(noRows("Row", "write an expression of columns")) }
func (r Row) Label(Category) string { panic(noRows("Row", "write an expression of columns")) }
func (r Row) Days(Date) int         { panic(noRows("Row", "write an expression of columns")) }
func (r Row) Missing(Series) bool   { panic(noRows("Row", "write an expression of columns")) }
