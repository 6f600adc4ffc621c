package plan

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Kind is what a plan stands for; the names are those of the notebook's types.
type Kind string

// The grammar, one operation a line: receiver, operation, arguments, result.
// A root has no receiver. A receiver or an argument may be of any kind of a
// union named in unions; "..." repeats the last argument, none included.
const grammar = `
Open(string) Repository
Everyone() Cohort
Cohort(string) Cohort

Concepts(int...) Concepts
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
HasEHR() Bool
HasFitbit() Bool
Answer(int) Category

Events.In(Concepts) Events
Events.Descendants() Events
Events.Except(int...) Events
Events.Unit(string, string...) Events
Events.ValueBetween(number, number) Events
Events.ValueAtLeast(number) Events
Events.ValueBelow(number) Events
Events.AtAge(int, int) Events
Events.Before(Moment) Events
Events.OnOrBefore(Moment) Events
Events.After(Moment) Events
Events.OnOrAfter(Moment) Events
Events.Window(Moment, int, int) Events
Events.During(Events) Events
Events.Apart(int) Events
Events.First() Event
Events.Last() Event
Events.Exists() Bool
Events.AtLeast(int) Bool
Events.Occurrences() Number
Events.MeanValue() Number
Events.EachConcept() Split

Event.Exists() Bool
Event.Date() Date
Event.End() Date
Event.Value() Number
Event.Age() Number
Event.Concept() Category

Number.Below(number) Bool
Number.AtMost(number) Bool
Number.Above(number) Bool
Number.AtLeast(number) Bool
Number.Is(number) Bool
Number.Between(number, number) Bool
Number.Bands(number, number...) Category
Number.BandsOf(number, number, number) Category
Number.Mean() Stat

Bool.And(Bool) Bool
Bool.Or(Bool) Bool
Bool.Not() Bool
Bool.Count() Stat
Bool.Proportion() Stat

Category.Is(string) Bool
Category.In(string, string...) Bool

Date.Before(Moment) Bool
Date.OnOrBefore(Moment) Bool
Date.After(Moment) Bool
Date.OnOrAfter(Moment) Bool
Date.Year() Number
Date.DaysSince(Moment) Number
Date.AddDays(int) Date
Day(int, int, int) Date

Column.Missing() Bool
Column.Known() Bool

AllOf(Criterion, Criterion...) Bool
AnyOf(Criterion, Criterion...) Bool
NoneOf(Criterion, Criterion...) Bool

Cohort.Entry(Event) Cohort
Cohort.Include(Criterion) Cohort
Cohort.Exclude(Criterion) Cohort
Cohort.Index() Date
Cohort.Union(Cohort) Cohort
Cohort.Intersect(Cohort) Cohort
Cohort.Minus(Cohort) Cohort
Cohort.Attrition() Table
Cohort.Frame(Column...) Frame

Frame.With(Column...) Frame
Frame.Where(Criterion) Frame

Population.Count() Table
Population.Summarise(Stat, Stat...) Table
Population.By(Key, Key...) Groups
Rows.Head(int) Refusal
Rows.Rows() Refusal
Groups.Count() Table
Groups.Summarise(Stat, Stat...) Table

Table.Bar() Chart
Chart.X(Key) Chart
Chart.Color(Key) Chart
Chart.Facet(Key) Chart
Chart.Y(Stat) Chart
Chart.Title(string) Chart
`

// unions are the kinds that an argument or a receiver may be of.
var unions = map[string][]Kind{
	"Moment":     {"Date", "Event"},
	"Criterion":  {"Bool", "Event", "Events", "Cohort"},
	"Key":        {"Category", "Bool", "Split"},
	"Column":     {"Number", "Bool", "Category", "Date"},
	"Population": {"Cohort", "Frame"},
	"Rows":       {"Cohort", "Frame", "Groups"},
}

// signature is one line of the grammar.
type signature struct {
	params   []string
	variadic bool
	result   Kind
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
			last, more := strings.CutSuffix(params, "...")
			sig.params, sig.variadic = strings.Split(last, ", "), more
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
	return []Kind{Kind(name)}
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
	low := len(s.params)
	if s.variadic {
		low--
	}
	if len(args) < low || len(args) > len(s.params) && !s.variadic {
		return nil, &Error{Op: op, Msg: fmt.Sprintf("%d arguments where %d are needed", len(args), len(s.params))}
	}
	out := make([]Arg, len(args))
	for i, a := range args {
		want := s.params[min(i, len(s.params)-1)]
		var err *Error
		if out[i], err = convert(want, a); err != nil {
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
	switch a := a.(type) {
	case *Node:
		if a == nil {
			return nil, &Error{Msg: "an empty value that was never given a plan"}
		}
		for _, k := range kindsOf(want) {
			if a.kind == k {
				return a, nil
			}
		}
		return nil, mistaken(want, a)
	case string:
		if want == "string" {
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
		case want == "int":
			return a, nil
		case want == "number":
			return float64(a), nil
		}
	case float64:
		if want == "number" {
			if math.IsNaN(a) || math.Abs(a) > maxNumber {
				return nil, &Error{Msg: "not a number that can be compared with", Way: "use .Missing() to find missing values"}
			}
			return a + 0, nil // -0 becomes 0
		}
	case bool:
		if want == "bool" {
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
	case a.kind == "Event" && want == "Column":
		e.Way = "take its .Date(), .Value() or .Age()"
	case a.kind == "Number" && want == "Key":
		e.Way = "band it first: .Bands(18, 45, 65)"
	}
	return e
}

func article(kind string) string {
	if strings.ContainsRune("AEIOaeio", rune(kind[0])) {
		return "an " + kind
	}
	return "a " + kind
}
