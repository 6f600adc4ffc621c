package plan

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Kind is what a plan stands for; the names are those of the notebook's types.
type Kind string

// The grammar, one operation a line: receiver, operation, arguments, result.
// A root has no receiver. A receiver or an argument may be of any kind of a
// union named in unions, or of kinds with "|" between them; "..." repeats the last
// argument, "...2" the last two, none included.
const grammar = `
Open(string) Repository
Repositories() Catalogue
OpenSnapshot(string) Snapshot
Snapshot.ByConcept(Concepts) Counts
Snapshot.BySexAtBirth(Concepts) Counts
Snapshot.ByAge(Concepts) Counts
Everyone() Cohort
Cohort(string) Cohort

Search(string) Concepts
Concepts(int|string...) Concepts
Codes(string, string, string...) Concepts
ConceptSet(string) Concepts
Concepts.Descendants() Concepts
Concepts.Except(int...) Concepts
Concepts.Union(Concepts) Concepts
Concepts.Minus(Concepts) Concepts

Condition(int...) Events
Drug(int...) Events
Measurement(int...) Events
Observation(int...) Events
Procedure(int...) Events
Device(int...) Events
Visit(int...) Events
Survey(int...) Events
Steps() Events
Sleep() Events
HeartRate() Events
Table(string) Events
Death() Event

SexAtBirth() Category
GenderIdentity() Category
Race() Category
Ethnicity() Category
State() Category
Birth() Date
Age() Number
AgeAt(Moment) Number
ObservedFrom() Date
ObservedUntil() Date
Observed(Moment, int, int) Bool
HasEHR() Bool
HasFitbit() Bool
Answer(int) Category
Answers(int) Split

Events.In(Concepts) Events
Events.InSource(Concepts) Events
Events.Descendants() Events
Events.Except(int...) Events
Events.Where(Filter) Events
Events.Unit(string, string...) Events
Events.ConvertTo(string) Events
Events.ValueBetween(number, number) Events
Events.ValueAtLeast(number) Events
Events.ValueBelow(number) Events
Events.Answered(string, string...) Events
Events.Read(string) Events
Events.AtAge(int, int) Events
Events.InYearOfAge(int, int) Events
Events.Before(Anchor) Events
Events.OnOrBefore(Anchor) Events
Events.After(Anchor) Events
Events.OnOrAfter(Anchor) Events
Events.Window(Anchor, int, int) Events
Events.During(Events) Events
Events.Observed(int, int) Events
Events.Correlated(Events, int, int, int, int, int, int, bool) Events
Events.Apart(int) Events
Events.Eras(int) Events
Events.Union(Events, Events...) Events
Events.Per(Split, Split...) Events
Events.First() Event
Events.Last() Event
Events.Nearest(Moment) Event
Events.Highest() Event
Events.Lowest() Event
Events.Exists() Bool
Events.AtLeast(int) Bool
Events.Occurrences() Number
Events.DistinctConcepts() Number
Events.MeanValue() Number
Events.MedianValue() Number
Events.SDValue() Number
Events.MinValue() Number
Events.MaxValue() Number
Events.SumValue() Number
Events.SlopeValue() Number
Events.EachConcept() Split
Events.EachUnit() Split
Events.EachSource() Split
Events.EachModule() Split
Events.Each(string) Split

Field(string) Field
Field.Below(number|Field) Filter
Field.AtMost(number|Field) Filter
Field.Above(number|Field) Filter
Field.AtLeast(number|Field) Filter
Field.Is(number|string|Field) Filter
Field.In(number|string, number|string...) Filter
Field.Missing() Filter
Filter.And(Filter) Filter
Filter.Or(Filter) Filter
Filter.Not() Filter

Days(string, string) Split
Months(string, string) Split
Years(int, int) Split
Since(Moment, int, int) Split

Event.Exists() Bool
Event.Date() Date
Event.End() Date
Event.Value() Number
Event.Age() Number
Event.Concept() Category
Event.Unit() Category
Event.Source() Category
Event.Answer() Category
Event.Number(string) Number
Event.Category(string) Category

Number.Plus(Operand) Number
Number.Minus(Operand) Number
Number.Times(Operand) Number
Number.Over(Operand) Number
Number.Pow(number) Number
Number.Log() Number
Number.Exp() Number
Number.Sqrt() Number
Number.Abs() Number
Number.Round(int) Number
Number.Clamp(number, number) Number
Number.OrElse(Operand) Number
Number.Below(Operand) Bool
Number.AtMost(Operand) Bool
Number.Above(Operand) Bool
Number.AtLeast(Operand) Bool
Number.Is(Operand) Bool
Number.Between(Operand, Operand) Bool
Number.Bands(number, number...) Category
Number.BandsOf(number, number, number) Category
Number.Fractions(int) Category
Number.Levels(int, int) Category
Number.Mean() Stat
Number.SD() Stat
Number.Sum() Stat
Number.Median() Stat
Number.Quantile(number) Stat
Number.Quartiles() Stat
Number.Box() Stat

Bool.And(Bool) Bool
Bool.Or(Bool) Bool
Bool.Not() Bool
Bool.OrElse(bool) Bool
Bool.Number() Number
Bool.Labels(string, string) Category
Bool.Count() Stat
Bool.Proportion() Stat

Category.Is(string) Bool
Category.In(string, string...) Bool
Category.HasPrefix(string) Bool
Category.Contains(string) Bool
Category.OrElse(string) Category
Category.Recode(string, string...2) Category
Category.Collapse(string, string...) Category
Category.Order(string, string...) Category
Category.Scores(string, number...2) Number
Category.Shares() Stat

Date.Before(Moment) Bool
Date.OnOrBefore(Moment) Bool
Date.After(Moment) Bool
Date.OnOrAfter(Moment) Bool
Date.DaysSince(Moment) Number
Date.YearsSince(Moment) Number
Date.AddDays(int) Date
Date.Year() Number
Date.Month() Category
Date.Weekday() Category
Date.OrElse(Moment) Date
Day(int, int, int) Date

Column.Missing() Bool
Column.Known() Bool

AllOf(Criterion, Criterion...) Bool
AnyOf(Criterion, Criterion...) Bool
NoneOf(Criterion, Criterion...) Bool
AtLeastOf(int, Criterion, Criterion...) Bool
If(Bool, Operand, Operand) Number
When(Bool, string) Cases
Cases.When(Bool, string) Cases
Cases.Otherwise(string) Category
Cases.OrMissing() Category
Earliest(Moment, Moment...) Date
Latest(Moment, Moment...) Date
SumOf(Number, Number...) Number
LargestOf(Number, Number...) Number
SmallestOf(Number, Number...) Number
Which(Cohort, Cohort...) Category
Sequence(Events, Events...) Order
Order.Step(int) Category
Order.Path(int) Category
Order.Date(int) Date

TimeTo(Moment) TimeToEvent
TimeToEvent.From(Moment) TimeToEvent
TimeToEvent.CensoredAt(Moment, Moment...) TimeToEvent
TimeToEvent.Within(int) TimeToEvent

Cohort.Entry(Event) Cohort
Cohort.Include(Criterion) Cohort
Cohort.Exclude(Criterion) Cohort
Cohort.IndexOn(Moment) Cohort
Cohort.MatchedTo(Cohort, int, Key, Key...) Cohort
Cohort.Index() Date
Cohort.Union(Cohort) Cohort
Cohort.Intersect(Cohort) Cohort
Cohort.Minus(Cohort) Cohort
Cohort.Attrition() Table
Cohort.Frame(Column...) Frame

Frame.With(Column...) Frame
Frame.Where(Criterion) Frame
Frame.Describe() Table
Frame.Table1(Key) Table1
Table1.WithDifferences() Table1
Table1.Medians(Number, Number...) Table1
Table1.Table() Table

Population.Count() Table
Population.Summarise(Stat, Stat...) Table
Population.Crosstab(Key, Key) Table
Population.Histogram(Category) Chart
Population.By(Key, Key...) Groups
Rows.Head(int) Refusal
Rows.Rows() Refusal
Groups.WithTotals() Groups
Groups.DropMissing() Groups
Groups.Count() Table
Groups.Bins() Table
Groups.Summarise(Stat, Stat...) Table
Groups.Rate(TimeToEvent) Table

Table.SortBy(Stat) Table
Table.SortByCount() Table
Table.Top(int) Table
Table.Bar() Chart
Table.Line() Chart
Table.BoxPlot() Chart
Table.Heatmap() Chart
Table.Sankey() Chart
Table.Survival(Category, Bool) Chart
Table.Forest(Bool) Chart
Chart.X(Key) Chart
Chart.Color(Key) Chart
Chart.Facet(Key) Chart
Chart.Y(Stat) Chart
Chart.Title(string) Chart
Chart.Stacked() Chart
Chart.LogY() Chart
Chart.OddsRatio(Bool) Chart
`

// unions are the kinds that an argument or a receiver may be of.
var unions = map[string][]Kind{
	"Moment":     {"Date", "Event"},
	"Anchor":     {"Date", "Event", "Events"},
	"Operand":    {"number", "Number"},
	"Criterion":  {"Bool", "Event", "Events", "Cohort"},
	"Key":        {"Category", "Bool", "Split"},
	"Column":     {"Number", "Bool", "Category", "Date"},
	"Population": {"Cohort", "Frame"},
	"Rows":       {"Cohort", "Frame", "Groups"},
}

// signature is one line of the grammar.
type signature struct {
	params  []string
	repeats int // how many of the last may be repeated, or left out
	result  Kind
}

type receiver struct {
	kind Kind // "" for a root
	op   string
}

var signatures = parseGrammar(grammar)

func parseGrammar(text string) map[receiver]signature {
	out := map[receiver]signature{}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		head, tail, _ := strings.Cut(line, "(")
		params, result, _ := strings.Cut(tail, ") ")
		sig := signature{result: Kind(result)}
		if params != "" {
			list, more, repeats := strings.Cut(params, "...")
			sig.params = strings.Split(list, ", ")
			if repeats {
				sig.repeats = 1 + strings.Count(more, "2")
			}
		}
		kind, op, method := strings.Cut(head, ".")
		if !method {
			kind, op = "", head
		}
		for _, k := range kindsOf(kind) {
			out[receiver{k, op}] = sig
		}
	}
	return out
}

func kindsOf(name string) []Kind {
	if u := unions[name]; u != nil {
		return u
	}
	var out []Kind
	for k := range strings.SplitSeq(name, "|") {
		out = append(out, Kind(k))
	}
	return out
}

func lookup(recv *Node, op string) (signature, error) {
	r := receiver{op: op}
	if recv != nil {
		r.kind = recv.kind
	}
	sig, ok := signatures[r]
	if !ok && recv == nil {
		return sig, &Error{Op: op, Msg: "no such operation"}
	}
	if !ok {
		return sig, &Error{Op: op, Msg: fmt.Sprintf("%s has no such operation", r.kind)}
	}
	return sig, nil
}

// match checks the arguments and brings integers and floats to one form, so that 7 and 7.0 are the same plan.
func (s signature) match(op string, args []Arg) ([]Arg, error) {
	least := len(s.params) - s.repeats
	if len(args) < least || s.repeats == 0 && len(args) > least || s.repeats > 0 && (len(args)-least)%s.repeats != 0 {
		return nil, &Error{Op: op, Msg: fmt.Sprintf("%d arguments where %d are needed", len(args), len(s.params))}
	}
	out := make([]Arg, len(args))
	for i, a := range args {
		at := i
		if i >= len(s.params) {
			at = least + (i-least)%s.repeats
		}
		var err *Error
		if out[i], err = convert(s.params[at], a); err != nil {
			err.Op = op
			if len(args) > 1 {
				err.Msg = fmt.Sprintf("argument %d: %s", i+1, err.Msg)
			}
			return nil, err
		}
	}
	return out, nil
}

func convert(want string, a Arg) (Arg, *Error) {
	kinds := kindsOf(want)
	is := func(k Kind) bool { return slices.Contains(kinds, k) }
	switch a := a.(type) {
	case *Node:
		switch {
		case a == nil:
			return nil, &Error{Msg: "an empty value that was never given a plan"}
		case is(a.kind):
			return a, nil
		}
		return nil, mistaken(want, a)
	case string:
		if is("string") {
			if len(a) > MaxText || !utf8.ValidString(a) {
				return nil, &Error{Msg: "a text has at most 4,096 bytes of valid UTF-8"}
			}
			return a, nil
		}
	case int:
		return convert(want, int64(a))
	case int64:
		switch {
		case a > maxExact || a < -maxExact:
			return nil, &Error{Msg: "the number is too large"}
		case is("int"):
			return a, nil
		case is("number"):
			return float64(a), nil
		}
	case float64:
		if is("number") {
			if math.IsNaN(a) || math.Abs(a) > maxNumber {
				return nil, &Error{Msg: "not a number that can be compared with", Way: "use .Missing() to find missing values"}
			}
			return a + 0, nil // -0 becomes 0
		}
	case bool:
		if is("bool") {
			return a, nil
		}
	}
	return nil, &Error{Msg: fmt.Sprintf("%T where %s is needed", a, article(want))}
}

// mistaken words the mistakes that people make.
func mistaken(want string, a *Node) *Error {
	e := &Error{Msg: fmt.Sprintf("%s where %s is needed", article(string(a.kind)), article(want))}
	switch {
	case a.kind == "Events" && (want == "Moment" || want == "Event"):
		e.Way = "choose one event: .First(), .Last()"
	case a.kind == "Events":
		e.Way = "choose one: .Last().Value(), or reduce: .Exists(), .MeanValue()"
	case a.kind == "Event" && want == "Operand":
		e.Way = "take its .Value() or .Age()"
	case a.kind == "Event" && want == "Column":
		e.Way = "take its .Date(), .Value() or .Age()"
	case a.kind == "Number" && want == "Key":
		e.Way = "band it first: .Bands(18, 45, 65)"
	}
	return e
}

// called are the unions in words.
var called = map[string]string{
	"Operand":   "a number or a Number",
	"Moment":    "a Date or an Event",
	"Anchor":    "a Date, an Event or Events",
	"Criterion": "a Bool, an Event, Events or a Cohort",
}

func article(kind string) string {
	if words := called[kind]; words != "" {
		return words
	}
	if first, rest, either := strings.Cut(kind, "|"); either {
		return article(first) + " or " + article(rest)
	}
	if strings.ContainsRune("AEIOaeio", rune(kind[0])) {
		return "an " + kind
	}
	return "a " + kind
}
