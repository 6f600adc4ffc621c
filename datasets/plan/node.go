package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"unicode/utf8"
)

// ID identifies a plan: equal plans have equal IDs, whatever they are called
// and wherever they were written.
type ID [sha256.Size]byte

// String is the ID in hexadecimal.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Node is one step of a plan. It is immutable.
type Node struct {
	op    string
	recv  *Node
	args  []Arg
	kind  Kind
	id    ID
	size  int
	label string
	at    Position
}

// Arg is an argument of a step: a *Node, string, int64, float64 or bool.
type Arg any

// Position says which line of which cell built a step. The zero Position is unknown.
type Position struct {
	Cell int `json:"cell,omitempty"`
	Line int `json:"line,omitempty"`
}

// Limits of one plan. They bound what another process can make this one hold.
const (
	MaxSteps  = 20_000 // steps counted as a tree
	MaxText   = 4096   // bytes of one string
	maxExact  = 1 << 53
	maxLabel  = 200
	maxNumber = 1e300
)

// here is the position given to steps that are built now. One goroutine runs a cell.
var here Position

// Mark sets the position of the steps built from now on.
func Mark(p Position) { here = p }

// Root is a plan of one step without a receiver, such as Condition(201826).
func Root(op string, args ...Arg) (*Node, error) { return build(nil, op, args) }

// Then is the plan that applies op to n.
func (n *Node) Then(op string, args ...Arg) (*Node, error) {
	if n == nil {
		return nil, &Error{Op: op, Msg: "the receiver is an empty value that was never given a plan"}
	}
	return build(n, op, args)
}

// As is the same plan called label in what is displayed. An empty label takes the name away.
func (n *Node) As(label string) (*Node, error) {
	if n == nil {
		return nil, &Error{Op: "As", Msg: "the receiver is an empty value that was never given a plan"}
	}
	if len(label) > maxLabel || !utf8.ValidString(label) {
		return nil, &Error{Op: "As", Msg: "a name has at most 200 bytes of valid text"}
	}
	m := *n
	m.label = label
	return &m, nil
}

// Op is the step's operation.
func (n *Node) Op() string { return n.op }

// Recv is the step's receiver, nil for a root.
func (n *Node) Recv() *Node { return n.recv }

// Args is the step's arguments; do not alter them.
func (n *Node) Args() []Arg { return n.args }

// Kind is what the plan stands for.
func (n *Node) Kind() Kind { return n.kind }

// ID is the plan's identity; labels and positions are no part of it.
func (n *Node) ID() ID { return n.id }

// Label is the analyst's name for the plan, or "".
func (n *Node) Label() string { return n.label }

// At is where the step was built.
func (n *Node) At() Position { return n.at }

// Node, Text, Int, Float are argument i as that type; the grammar has checked it.
func (n *Node) Node(i int) *Node    { return n.args[i].(*Node) }
func (n *Node) Text(i int) string   { return n.args[i].(string) }
func (n *Node) Int(i int) int       { return int(n.args[i].(int64)) }
func (n *Node) Float(i int) float64 { return Number(n.args[i]) }

// Nodes is the arguments from i on that are plans.
func (n *Node) Nodes(i int) []*Node {
	var out []*Node
	for _, a := range n.args[i:] {
		if m, ok := a.(*Node); ok {
			out = append(out, m)
		}
	}
	return out
}

// Number is a numeric argument as a float64, NaN for one that is no number.
func Number(a Arg) float64 {
	switch a := a.(type) {
	case int64:
		return float64(a)
	case float64:
		return a
	}
	return math.NaN()
}

func build(recv *Node, op string, args []Arg) (*Node, error) {
	sig, err := lookup(recv, op)
	if err != nil {
		return nil, err
	}
	args, err = sig.match(op, args)
	if err != nil {
		return nil, err
	}
	n := &Node{op: op, recv: recv, args: args, kind: sig.result, at: here}
	if err := n.measure(); err != nil {
		return nil, err
	}
	if rule := rules[op]; rule != nil {
		if err := rule(n); err != nil {
			err.Op = op
			return nil, err
		}
	}
	n.identify()
	return n, nil
}

func (n *Node) measure() error {
	n.size = 1
	if n.recv != nil {
		n.size += n.recv.size
	}
	for _, a := range n.args {
		if m, ok := a.(*Node); ok {
			n.size += m.size
		}
	}
	if n.size > MaxSteps {
		return &Error{Op: n.op, Msg: "the plan has more than 20,000 steps", Way: "name fewer alternatives, or use a concept set"}
	}
	return nil
}

// identify hashes a length-prefixed form of the step over its parts' identities.
func (n *Node) identify() {
	b := make([]byte, 0, 128)
	text := func(tag byte, s string) {
		b = append(b, tag)
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	word := func(tag byte, x uint64) { b = binary.BigEndian.AppendUint64(append(b, tag), x) }
	text('o', n.op)
	if n.recv != nil {
		text('r', string(n.recv.id[:]))
	}
	for _, a := range n.args {
		switch a := a.(type) {
		case *Node:
			text('n', string(a.id[:]))
		case string:
			text('s', a)
		case int64:
			word('i', uint64(a))
		case float64:
			word('f', math.Float64bits(a))
		case bool:
			if a {
				word('b', 1)
			} else {
				word('b', 0)
			}
		}
	}
	n.id = sha256.Sum256(b)
}

// Walk calls f once for each distinct step of the plan, parts before the whole.
func (n *Node) Walk(f func(*Node)) {
	seen := map[*Node]bool{}
	var walk func(*Node)
	walk = func(n *Node) {
		if n == nil || seen[n] {
			return
		}
		seen[n] = true
		walk(n.recv)
		for _, a := range n.args {
			if m, ok := a.(*Node); ok {
				walk(m)
			}
		}
		f(n)
	}
	walk(n)
}
