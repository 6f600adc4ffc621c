package plan

import (
	"fmt"
	"strings"
	"time"
)

// rules are what an operation asks of its arguments beyond their kinds.
var rules = map[string]func(*Node) *Error{
	"Window":       windowRule,
	"AtAge":        ageRule,
	"ValueBetween": orderRule,
	"Between":      orderRule,
	"Bands":        bandsRule,
	"BandsOf":      bandsOfRule,
	"AtLeast":      atLeastRule,
	"Apart":        apartRule,
	"Value":        func(n *Node) *Error { return hasValue(n.recv.recv) },
	"MeanValue":    func(n *Node) *Error { return hasValue(n.recv) },
	"Day":          dayRule,
	"Table":        tableRule,
	"Summarise":    distinctRule,
	"By":           byRule,
	"Frame":        distinctRule,
	"Descendants":  descendantsRule,
	"Except":       exceptRule,
}

func windowRule(n *Node) *Error {
	if n.Int(1) > n.Int(2) {
		return &Error{Msg: "the first day is after the last", Way: "write the earlier day first"}
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

func bandsRule(n *Node) *Error {
	if len(n.args) > 100 {
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
	if (hi-lo)/width > 100 {
		return &Error{Msg: "more than 100 bands", Way: "use wider ones"}
	}
	return nil
}

func atLeastRule(n *Node) *Error {
	if n.recv.kind == "Events" && n.Int(0) < 1 {
		return &Error{Msg: "every participant has at least none", Way: "ask for at least 1"}
	}
	return nil
}

func apartRule(n *Node) *Error {
	if n.Int(0) < 1 {
		return &Error{Msg: "events are at least 1 day apart", Way: ".Apart(1) keeps one event a day"}
	}
	return nil
}

func dayRule(n *Node) *Error {
	y, m, d := n.Int(0), n.Int(1), n.Int(2)
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if y < 1 || y > 9999 || t.Year() != y || int(t.Month()) != m || t.Day() != d {
		return &Error{Msg: "no such day of the calendar"}
	}
	return nil
}

// tableRule keeps person and the vocabulary's tables out: they are no events.
func tableRule(n *Node) *Error {
	switch name := n.Text(0); name {
	case "person", "participants":
		return &Error{Msg: name + " is no table of events", Way: "use cdr.SexAtBirth(), cdr.Race(), cdr.Birth()"}
	case "concept", "concept_ancestor", "concept_relationship", "vocabulary", "domain":
		return &Error{Msg: name + " is the vocabulary", Way: "use cdr.Concepts(…)"}
	}
	return nil
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
	if n.recv.kind == "Events" && n.recv.recv == nil && len(n.recv.args) == 0 {
		return &Error{Msg: "all events are there already", Way: "name the concepts: cdr.Condition(201826).Descendants()"}
	}
	if n.recv.kind == "Events" && n.recv.recv != nil {
		return &Error{Msg: "descendants are taken first", Way: "write .Descendants() directly after the concepts"}
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

// hasValue: conditions have no value, and the values of a measurement need one unit.
func hasValue(events *Node) *Error {
	for n := events; n != nil; n = n.recv {
		switch n.op {
		case "Unit":
			return nil
		case "Measurement":
			return &Error{Msg: "this measurement may come in several units", Way: `say which: .Unit("%")`}
		case "Condition", "Procedure", "Visit", "Device", "Drug":
			return &Error{Msg: n.op + " events have no value", Way: "count them with .Occurrences()"}
		case "Death":
			return &Error{Msg: "a death has no value", Way: "take its .Date()"}
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
