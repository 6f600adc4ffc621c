package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// rules are what an operation asks of its arguments beyond their kinds.
var rules map[string]func(*Node) *Error

func init() { // the rules look at plans, whose building looks at the rules
	rules = map[string]func(*Node) *Error{
		"Window":       func(n *Node) *Error { return daysInOrder(n.Int(1), n.Int(2)) },
		"Observed":     observedRule,
		"Correlated":   correlatedRule,
		"AtAge":        ageRule,
		"InYearOfAge":  ageRule,
		"ValueBetween": orderRule,
		"Clamp":        orderRule,
		"Between":      betweenRule,
		"Bands":        bandsRule,
		"BandsOf":      bandsOfRule,
		"Levels":       levelsRule,
		"Fractions":    fractionsRule,
		"Quantile":     quantileRule,
		"Round":        roundRule,
		"AtLeast":      atLeastRule,
		"AtLeastOf":    atLeastOfRule,
		"Apart":        positive("events are at least 1 day apart; .Apart(1) keeps one event a day"),
		"Eras":         positive("an era joins events that follow within 1 day or more"),
		"Within":       positive("time ends after 1 day or more"),
		"Top":          positive("the first group or more"),
		"Step":         stepRule,
		"Path":         stepRule,
		"Date":         stepRule,
		"MatchedTo":    matchRule,
		"Scores":       scoresRule,
		"Recode":       recodeRule,
		"Day":          dayRule,
		"Days":         periodRule,
		"Months":       periodRule,
		"Years":        periodRule,
		"Since":        periodRule,
		"Per":          perRule,
		"Table":        tableRule,
		"Field":        func(n *Node) *Error { return identifier(n.Text(0)) },
		"Read":         fieldRule,
		"Number":       fieldRule,
		"Category":     fieldRule,
		"Each":         fieldRule,
		"Where":        whereRule,
		"Summarise":    distinctRule,
		"By":           byRule,
		"Frame":        distinctRule,
		"Descendants":  descendantsRule,
		"Except":       exceptRule,
		"Value":        valueRule,
		"MeanValue":    valueRule,
		"MedianValue":  valueRule,
		"SDValue":      valueRule,
		"MinValue":     valueRule,
		"MaxValue":     valueRule,
		"SumValue":     valueRule,
		"SlopeValue":   valueRule,
		"Highest":      valueRule,
		"Lowest":       valueRule,
	}
	for op := range domains {
		rules[op] = domainRule
	}
}

func daysInOrder(from, to int) *Error {
	if from > to {
		return &Error{Msg: "the first day is after the last", Way: "write the earlier day first"}
	}
	return nil
}

// observedRule: of events, or of a moment.
func observedRule(n *Node) *Error {
	at := len(n.args) - 2
	return daysInOrder(n.Int(at), n.Int(at+1))
}

func correlatedRule(n *Node) *Error {
	if n.Int(1) < 0 || n.Int(2) >= 0 && n.Int(1) > n.Int(2) {
		return &Error{Msg: "at least so many events, and at most fewer"}
	}
	return nil
}

func ageRule(n *Node) *Error {
	if n.Int(0) > n.Int(1) || n.Int(0) < 0 || n.Int(1) > 150 {
		return &Error{Msg: "ages run from 0 to 150, the younger first"}
	}
	return nil
}

func orderRule(n *Node) *Error {
	if n.Float(0) > n.Float(1) {
		return &Error{Msg: "the lower bound is above the upper", Way: "write the lower bound first"}
	}
	return nil
}

func betweenRule(n *Node) *Error {
	if _, isNode := n.args[0].(*Node); isNode {
		return nil
	}
	if _, isNode := n.args[1].(*Node); isNode {
		return nil
	}
	return orderRule(n)
}

const maxBands = 100

func bandsRule(n *Node) *Error {
	if len(n.args) > maxBands {
		return &Error{Msg: "more than 100 edges", Way: "use fewer, wider bands"}
	}
	for i := 1; i < len(n.args); i++ {
		if n.Float(i) <= n.Float(i-1) {
			return &Error{Msg: "the edges do not increase", Way: "write them in order: .Bands(18, 45, 65)"}
		}
	}
	return nil
}

func bandsOfRule(n *Node) *Error {
	width, lo, hi := n.Float(0), n.Float(1), n.Float(2)
	if width <= 0 || hi <= lo {
		return &Error{Msg: "the width is above 0 and the first edge below the last", Way: "write .BandsOf(width, lo, hi)"}
	}
	if (hi-lo)/width > maxBands {
		return &Error{Msg: "more than 100 bands", Way: "use wider ones"}
	}
	return nil
}

func levelsRule(n *Node) *Error {
	if lo, hi := n.Int(0), n.Int(1); hi <= lo || hi-lo > maxBands {
		return &Error{Msg: "levels are whole numbers from a lower to a higher one, at most 100", Way: "write .Levels(lo, hi)"}
	}
	return nil
}

func fractionsRule(n *Node) *Error {
	if k := n.Int(0); k < 2 || k > 20 {
		return &Error{Msg: "2 to 20 fractions", Way: "4 gives quarters"}
	}
	return nil
}

func quantileRule(n *Node) *Error {
	if p := n.Float(0); p < 0.05 || p > 0.95 {
		return &Error{Msg: "beyond 0.05 to 0.95 a quantile comes close to one participant's value", Way: "use .Quantile(0.05) or .Quantile(0.95)"}
	}
	return nil
}

func roundRule(n *Node) *Error {
	if d := n.Int(0); d < 0 || d > 9 {
		return &Error{Msg: "0 to 9 decimals"}
	}
	return nil
}

func positive(say string) func(*Node) *Error {
	msg, way, _ := strings.Cut(say, "; ")
	return func(n *Node) *Error {
		if n.Int(0) < 1 {
			return &Error{Msg: msg, Way: way}
		}
		return nil
	}
}

func atLeastRule(n *Node) *Error {
	if n.recv.kind == "Events" && n.Int(0) < 1 {
		return &Error{Msg: "every participant has at least none", Way: "ask for at least 1"}
	}
	return nil
}

func atLeastOfRule(n *Node) *Error {
	if k := n.Int(0); k < 1 || k > len(n.args)-1 {
		return &Error{Msg: fmt.Sprintf("at least %d of %d criteria", k, len(n.args)-1), Way: "ask for 1 to as many as there are"}
	}
	return nil
}

// stepRule is Order's; an Event's Date has no argument.
func stepRule(n *Node) *Error {
	if n.recv.kind != "Order" {
		return nil
	}
	if k := n.Int(0); k < 1 || k > len(n.recv.args) {
		return &Error{Msg: fmt.Sprintf("the sequence has %d kinds of events", len(n.recv.args)), Way: "count the steps from 1"}
	}
	return nil
}

func matchRule(n *Node) *Error {
	if k := n.Int(1); k < 1 || k > 20 {
		return &Error{Msg: "1 to 20 controls for each case"}
	}
	for _, key := range n.Nodes(2) {
		if key.kind == "Split" {
			return &Error{Msg: "participants are matched on what each has one of", Way: "use a Category or a Bool"}
		}
	}
	return nil
}

// pairs says whether a label is named twice among the receiver's pairs.
func pairs(n *Node) *Error {
	seen := map[string]bool{}
	for i := 0; i < len(n.args); i += 2 {
		if seen[n.Text(i)] {
			return &Error{Msg: fmt.Sprintf("the label %q is named twice", n.Text(i))}
		}
		seen[n.Text(i)] = true
	}
	return nil
}

func scoresRule(n *Node) *Error { return pairs(n) }

func recodeRule(n *Node) *Error { return pairs(n) }

func dayRule(n *Node) *Error {
	y, m, d := n.Int(0), n.Int(1), n.Int(2)
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if y < 1 || y > 9999 || t.Year() != y || int(t.Month()) != m || t.Day() != d {
		return &Error{Msg: "no such day of the calendar"}
	}
	return nil
}

const maxPeriods = 4000

// periodRule: Periods reads the arguments of a calendar split, in order and not too many.
func periodRule(n *Node) *Error {
	if n.op == "Since" {
		if n.Int(1) < 1 || n.Int(2) < 1 || n.Int(2) > maxPeriods {
			return &Error{Msg: "periods of 1 day or more, at most 4,000"}
		}
		return nil
	}
	labels, err := n.Periods()
	switch {
	case err != nil:
		return &Error{Msg: err.Error(), Way: `write ds.Days("2020-01-01", "2020-01-31"), ds.Months("2019-01", "2022-12"), ds.Years(2015, 2022)`}
	case len(labels) == 0:
		return &Error{Msg: "the first period is after the last", Way: "write the earlier one first"}
	case len(labels) > maxPeriods:
		return &Error{Msg: "more than 4,000 periods", Way: "use longer ones"}
	}
	return nil
}

// Periods is the labels of Days, Months or Years: "2020-01-31", "2020-01", "2020".
func (n *Node) Periods() ([]string, error) {
	layout, next := time.DateOnly, func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	var from, to string
	switch n.op {
	case "Years":
		layout, next = "2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }
		from, to = fmt.Sprintf("%04d", n.Int(0)), fmt.Sprintf("%04d", n.Int(1))
	case "Months":
		layout, next = "2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }
		from, to = n.Text(0), n.Text(1)
	default:
		from, to = n.Text(0), n.Text(1)
	}
	first, err := time.Parse(layout, from)
	if err != nil {
		return nil, fmt.Errorf("%q is no period", from)
	}
	last, err := time.Parse(layout, to)
	if err != nil {
		return nil, fmt.Errorf("%q is no period", to)
	}
	var out []string
	for t := first; !t.After(last) && len(out) <= maxPeriods; t = next(t) {
		out = append(out, t.Format(layout))
	}
	return out, nil
}

func perRule(n *Node) *Error {
	for m := n.recv; m != nil; m = m.recv {
		if m.op == "Per" {
			return &Error{Msg: "the events are split already", Way: "name all splits in one .Per(…)"}
		}
	}
	return distinctRule(n)
}

// tableRule keeps person and the vocabulary's tables out: they are no events.
func tableRule(n *Node) *Error {
	if n.recv != nil { // of a Table1
		return nil
	}
	switch name := n.Text(0); name {
	case "person", "participants":
		return &Error{Msg: name + " is no table of events", Way: "use cdr.SexAtBirth(), cdr.Race(), cdr.Birth()"}
	case "concept", "concept_ancestor", "concept_relationship", "vocabulary", "domain":
		return &Error{Msg: name + " is the vocabulary", Way: "use cdr.Concepts(…)"}
	}
	d, ok := DomainOf(n)
	if !ok {
		return &Error{Msg: n.Text(0) + " is no table of events", Way: nearest(n.Text(0), eventTables())}
	}
	return hasTable(d.Table)
}

func eventTables() []string {
	var out []string
	for _, d := range domains {
		if schema == nil || schema.Table(d.Table) != nil {
			out = append(out, d.Table)
		}
	}
	for _, d := range others {
		out = append(out, d.Table)
	}
	slices.Sort(out)
	return out
}

func domainRule(n *Node) *Error {
	if n.recv != nil {
		return nil
	}
	return hasTable(domains[n.op].Table)
}

func hasTable(name string) *Error {
	if schema != nil && schema.Table(name) == nil {
		return &Error{Msg: fmt.Sprintf("the repository %s has no table %s", schema.Name, name), Way: "display the repository to see its tables"}
	}
	return nil
}

func identifier(field string) *Error {
	if Identifies(field) {
		return &Error{Msg: field + " identifies a row or a participant: nothing filters, groups, sorts or joins by it"}
	}
	return nil
}

// fieldRule: the field is one of the events' table, and not an identifier.
func fieldRule(n *Node) *Error {
	if len(n.args) == 0 { // Bool.Number
		return nil
	}
	if err := identifier(n.Text(0)); err != nil {
		return err
	}
	return hasField(n.recv, n.Text(0))
}

func whereRule(n *Node) *Error {
	var err *Error
	n.Node(0).Walk(func(f *Node) {
		if f.op == "Field" && err == nil {
			err = hasField(n.recv, f.Text(0))
		}
	})
	return err
}

func hasField(of *Node, field string) *Error {
	leaf := of.Leaf()
	d, ok := DomainOf(leaf)
	if !ok || schema == nil {
		return nil
	}
	t := schema.Table(d.Table)
	if t == nil {
		return nil
	}
	var names []string
	for _, f := range t.Fields {
		if f.Name == field {
			return nil
		}
		names = append(names, f.Name)
	}
	return &Error{Msg: fmt.Sprintf("table %s has no field %s", d.Table, field), Way: nearest(field, names)}
}

func distinctRule(n *Node) *Error {
	seen := map[ID]bool{}
	for _, a := range n.Nodes(0) {
		if seen[a.id] {
			return &Error{Msg: a.Name() + " is named twice", Way: "name it once"}
		}
		seen[a.id] = true
	}
	return nil
}

func byRule(n *Node) *Error {
	if len(n.args) > 6 {
		return &Error{Msg: fmt.Sprintf("%d keys", len(n.args)), Way: "a table has at most 6 keys: leave out the least needed"}
	}
	return distinctRule(n)
}

// descendantsRule: the ids, not the whole domain, have descendants.
func descendantsRule(n *Node) *Error {
	if n.recv.kind != "Events" {
		return nil
	}
	switch {
	case n.recv.recv != nil:
		return &Error{Msg: "descendants are taken first", Way: "write .Descendants() directly after the concepts"}
	case len(n.recv.args) == 0 || n.recv.op == "Table":
		return &Error{Msg: "all events are there already", Way: "name the concepts: cdr.Condition(201826).Descendants()"}
	}
	return nil
}

func exceptRule(n *Node) *Error {
	for r := n.recv; r != nil && n.recv.kind == "Events"; r = r.recv {
		if r.recv != nil && r.op != "Descendants" && r.op != "Except" {
			return &Error{Msg: "concepts are taken out first", Way: "write .Except(…) directly after the concepts or .Descendants()"}
		}
	}
	return nil
}

// valueRule: the events of what is reduced or chosen have a value, in one unit.
func valueRule(n *Node) *Error {
	events := n.recv
	if n.recv.kind == "Event" {
		if events = n.recv.recv; events == nil {
			return &Error{Msg: "a death has no value", Way: "take its .Date()"}
		}
	}
	return hasValue(events)
}

func hasValue(events *Node) *Error {
	for n := events; n != nil; n = n.recv {
		switch n.op {
		case "Unit", "ConvertTo", "Read":
			return nil
		case "Per":
			if slices.ContainsFunc(n.Nodes(0), func(s *Node) bool { return s.op == "EachUnit" }) {
				return nil
			}
		case "Measurement":
			return &Error{Msg: "this measurement may come in several units", Way: `say which: .Unit("%"), or .ConvertTo("%")`}
		case "Condition", "Procedure", "Visit", "Device", "Drug", "Survey":
			return &Error{Msg: n.op + " events have no value", Way: "count them with .Occurrences(), or choose a field with .Read"}
		case "Table":
			if d, _ := DomainOf(n); d.Value == "" {
				return &Error{Msg: "the events of " + d.Table + " have no value", Way: "choose a field with .Read"}
			}
		case "Union":
			return nil
		}
	}
	return nil
}

// Identifies says whether a field addresses a row or a participant rather than
// describing it (DESIGN, invariant 12): OMOP's keys end in _id, and its concept
// ids alone are descriptions.
func Identifies(field string) bool {
	return field == "participant" || strings.HasSuffix(field, "_id") && !strings.HasSuffix(field, "concept_id")
}

// nearest words the valid name that looks most like a wrong one.
func nearest(wrong string, names []string) string {
	best, at := "", 1+len(wrong)/3
	for _, name := range names {
		if d := distance(wrong, name); d <= at {
			best, at = name, d-1
		}
	}
	if best == "" {
		if len(names) > 12 {
			names = append(names[:12:12], "…")
		}
		return "there are " + strings.Join(names, ", ")
	}
	return "did you mean " + best + "?"
}

// distance is how many letters differ (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := last
			if a[i] != b[j] {
				change++
			}
			last = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
