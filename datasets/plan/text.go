package plan

import (
	"strconv"
	"strings"
)

// String is the plan as one line of Go, without the repository's variable.
func (n *Node) String() string {
	if n == nil {
		return "(empty)"
	}
	var b strings.Builder
	n.whole(&b)
	return b.String()
}

func (n *Node) whole(b *strings.Builder) { n.write(b, func(m *Node) { m.whole(b) }) }

// write writes the step, and its parts with part.
func (n *Node) write(b *strings.Builder, part func(*Node)) {
	if n.recv != nil {
		part(n.recv)
		b.WriteByte('.')
	}
	b.WriteString(n.op)
	b.WriteByte('(')
	for i, a := range n.args {
		if i > 0 {
			b.WriteString(", ")
		}
		if m, ok := a.(*Node); ok {
			part(m)
		} else {
			b.WriteString(literal(a))
		}
	}
	b.WriteByte(')')
}

func literal(a Arg) string {
	switch a := a.(type) {
	case string:
		return strconv.Quote(a)
	case int64:
		return strconv.FormatInt(a, 10)
	case float64:
		return strconv.FormatFloat(a, 'g', -1, 64)
	case bool:
		return strconv.FormatBool(a)
	}
	return "?"
}

// maxName is how much of a plan serves as a name, in characters.
const maxName = 60

// Name is what a table calls the plan: the analyst's name, or the plan with the
// names of its parts.
func (n *Node) Name() string {
	if n == nil {
		return "(empty)"
	}
	if n.label != "" {
		return n.label
	}
	var b strings.Builder
	n.short(&b)
	if s := []rune(b.String()); len(s) > maxName {
		return string(s[:maxName]) + "…"
	}
	return b.String()
}

// short writes the plan with the analyst's names for its parts.
func (n *Node) short(b *strings.Builder) {
	n.write(b, func(m *Node) {
		if m.label != "" {
			b.WriteString(m.label)
		} else {
			m.short(b)
		}
	})
}

const treeWidth = 100 // columns

// Tree is the plan as an indented tree, one step a line, with the analyst's names.
func (n *Node) Tree() string {
	var b strings.Builder
	n.tree(&b, "")
	return b.String()
}

func (n *Node) tree(b *strings.Builder, indent string) {
	if n == nil {
		b.WriteString(indent + "(empty)\n")
		return
	}
	if n.recv != nil {
		n.recv.tree(b, indent)
	}
	b.WriteString(indent + n.op)
	var nested []*Node
	sep := " "
	for _, a := range n.args {
		if m, ok := a.(*Node); ok {
			nested = append(nested, m)
			continue
		}
		b.WriteString(sep + literal(a))
		sep = ", "
	}
	if n.label != "" && (n.recv == nil || n.recv.label != n.label) {
		b.WriteString("   // " + n.label)
	}
	b.WriteByte('\n')
	for _, m := range nested {
		line := m.String()
		if m.label != "" {
			line = m.label + ": " + line
		}
		if len(indent)+4+len(line) < treeWidth {
			b.WriteString(indent + "    " + line + "\n")
		} else {
			m.tree(b, indent+"    ")
		}
	}
}
