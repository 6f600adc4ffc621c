package plan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// The wire form of a plan is a JSON object with the distinct steps in an order
// in which parts come before the whole; the last step is the plan:
//
//	{"steps":[
//	  {"op":"Condition","args":[{"int":201826}]},
//	  {"op":"First","recv":1,"label":"index","at":{"cell":2,"line":1}},
//	  {"op":"AgeAt","args":[{"step":2}]}]}
//
// "recv" and "step" count steps from 1. An argument has exactly one of "step",
// "int", "float", "text" and "bool". Unknown fields, steps that refer to later
// ones and trailing bytes are refused.
type wirePlan struct {
	Steps []wireStep `json:"steps"`
}

type wireStep struct {
	Op    string    `json:"op"`
	Recv  int       `json:"recv,omitempty"`
	Args  []wireArg `json:"args,omitempty"`
	Label string    `json:"label,omitempty"`
	At    *Position `json:"at,omitempty"`
}

type wireArg struct {
	Step  int      `json:"step,omitempty"`
	Int   *int64   `json:"int,omitempty"`
	Float *float64 `json:"float,omitempty"`
	Text  *string  `json:"text,omitempty"`
	Bool  *bool    `json:"bool,omitempty"`
}

// MaxWire is the longest encoded plan that Decode accepts, in bytes.
const MaxWire = 8 << 20

// Encode is the wire form of n.
func Encode(n *Node) []byte {
	var w wirePlan
	index := map[*Node]int{}
	n.Walk(func(m *Node) {
		s := wireStep{Op: m.op, Recv: index[m.recv], Label: m.label}
		if m.at != (Position{}) {
			at := m.at
			s.At = &at
		}
		for _, a := range m.args {
			s.Args = append(s.Args, toWire(a, index))
		}
		w.Steps = append(w.Steps, s)
		index[m] = len(w.Steps)
	})
	b, err := json.Marshal(w)
	if err != nil {
		panic(err) // strings are valid, numbers finite: match has seen to it
	}
	return b
}

func toWire(a Arg, index map[*Node]int) wireArg {
	switch a := a.(type) {
	case *Node:
		return wireArg{Step: index[a]}
	case int64:
		return wireArg{Int: &a}
	case float64:
		return wireArg{Float: &a}
	case string:
		return wireArg{Text: &a}
	case bool:
		return wireArg{Bool: &a}
	}
	return wireArg{}
}

// Decode builds the plan that b encodes, checking every step as Root and Then do.
func Decode(b []byte) (*Node, error) {
	if len(b) > MaxWire {
		return nil, fmt.Errorf("a plan of %d bytes: the limit is %d", len(b), MaxWire)
	}
	var w wirePlan
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return nil, fmt.Errorf("not a plan: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("not a plan: bytes follow it")
	}
	if len(w.Steps) == 0 || len(w.Steps) > MaxSteps {
		return nil, fmt.Errorf("not a plan: %d steps", len(w.Steps))
	}
	steps := make([]*Node, 0, len(w.Steps))
	for i, s := range w.Steps {
		n, err := s.build(steps)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i+1, err)
		}
		steps = append(steps, n)
	}
	return steps[len(steps)-1], nil
}

func (s wireStep) build(earlier []*Node) (*Node, error) {
	var recv *Node
	var err error
	if s.Recv != 0 {
		if recv, err = pick(earlier, s.Recv); err != nil {
			return nil, err
		}
	}
	args := make([]Arg, len(s.Args))
	for i, a := range s.Args {
		if args[i], err = a.value(earlier); err != nil {
			return nil, err
		}
	}
	n, err := build(recv, s.Op, args)
	if err != nil {
		return nil, err
	}
	n.at = Position{}
	if s.At != nil {
		n.at = *s.At
	}
	if s.Label == "" {
		return n, nil
	}
	return n.As(s.Label)
}

func (a wireArg) value(earlier []*Node) (v Arg, err error) {
	given := 0
	if a.Step != 0 {
		given++
		if v, err = pick(earlier, a.Step); err != nil {
			return nil, err
		}
	}
	if a.Int != nil {
		given++
		v = *a.Int
	}
	if a.Float != nil {
		given++
		v = *a.Float
	}
	if a.Text != nil {
		given++
		v = *a.Text
	}
	if a.Bool != nil {
		given++
		v = *a.Bool
	}
	if given != 1 {
		return nil, fmt.Errorf("an argument with %d values", given)
	}
	return v, nil
}

func pick(earlier []*Node, i int) (*Node, error) {
	if i < 1 || i > len(earlier) {
		return nil, fmt.Errorf("refers to step %d, which does not come before", i)
	}
	return earlier[i-1], nil
}
