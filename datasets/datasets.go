// Package datasets is the vocabulary of questions about participants' data; a
// notebook knows it as ds. Call Open first. What is in the data comes from the
// Repository; what is done with it is a method of what it is done to; what joins
// several things is a function here.
//
//	cdr := ds.Open("synthetic")
//	diabetes := cdr.Cohort("type 2 diabetes").Entry(cdr.Condition(201826).Descendants().First())
//	diabetes.By(cdr.SexAtBirth()).Count()
//
// Every value is immutable: a method returns a new one. A value holds a
// definition, never a participant's value; it runs where the data is when a
// table made of it is first looked at, and what comes back is protected.
//
// A mistake in a definition stops the cell at its line with an *Error.
package datasets

import "weir/datasets/plan"

// Error is a mistake in a definition; Way says what to write instead.
type Error = plan.Error

// planned is whatever has a plan. Only this package implements it.
type planned interface{ plan() *plan.Node }

// The aliases below annotate parameters: the cell compiler reads them in a
// signature to check constants and to complete inside quotes from the schema.

// Operand is a number (int or float64) or a Number.
type Operand = any

// FieldName is a field of an event's table, as OMOP names it.
type FieldName = string

// TableName is a table of the CDR.
type TableName = string

// UCUM is a unit code that the measurement has; "" is no unit.
type UCUM = string

// Label is one of the labels that a category has by its codebook or vocabulary.
type Label = string

func root(op string, args ...plan.Arg) *plan.Node { return must(plan.Root(op, args...)) }

func then(n *plan.Node, op string, args ...plan.Arg) *plan.Node { return must(n.Then(op, args...)) }

func as(n *plan.Node, label string) *plan.Node { return must(n.As(label)) }

// must panics with the mistake: the statement stops, and its line is reported.
func must(n *plan.Node, err error) *plan.Node {
	if err != nil {
		panic(err)
	}
	return n
}

// list is values as arguments of a plan; what has a plan is put in as that.
func list[T any](vs []T) []plan.Arg {
	out := make([]plan.Arg, len(vs))
	for i, v := range vs {
		out[i] = arg(v)
	}
	return out
}

func arg(v any) plan.Arg {
	switch v := v.(type) {
	case planned:
		return v.plan()
	case int32:
		return int64(v)
	case float32:
		return float64(v)
	}
	return v
}

// with is first, then the rest.
func with[T any](first any, rest []T) []plan.Arg {
	return append([]plan.Arg{arg(first)}, list(rest)...)
}
