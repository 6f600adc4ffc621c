package plan

// Lower writes tables that are shorthands in the operations they stand for:
// Crosstab, Histogram, Describe and Table1 are groups with statistics. Any other
// plan is returned as it is. Bins is Count of groups of which neighbours may be
// shown as one.
func Lower(n *Node) (*Node, error) {
	switch {
	case n.op == "Crosstab":
		return chain(n.recv, "By", n.args, "WithTotals", nil, "Count", nil)
	case n.op == "Histogram":
		return chain(n.recv, "By", n.args, "Bins", nil)
	case n.op == "Describe":
		return chain(n.recv, "Summarise", summary(n.recv, nil))
	case n.op == "Table" && n.recv != nil && n.recv.kind == "Table1":
		first := n.recv
		for first.op != "Table1" {
			first = first.recv
		}
		return chain(first.recv, "By", first.args, "WithTotals", nil, "Summarise", summary(first.recv, medians(n.recv)))
	}
	return n, nil
}

// chain applies operations with their arguments in turn.
func chain(n *Node, steps ...any) (*Node, error) {
	var err error
	for i := 0; i < len(steps) && err == nil; i += 2 {
		args, _ := steps[i+1].([]Arg)
		n, err = n.Then(steps[i].(string), args...)
	}
	return n, err
}

// Columns is the columns of a frame, in order.
func (n *Node) Columns() []*Node {
	var out []*Node
	for ; n != nil; n = n.recv {
		if n.op == "Frame" || n.op == "With" {
			out = append(n.Nodes(0), out...)
		}
	}
	return out
}

// medians is the columns that a first table shows by their quartiles.
func medians(n *Node) map[ID]bool {
	out := map[ID]bool{}
	for ; n != nil && n.kind == "Table1"; n = n.recv {
		if n.op == "Medians" {
			for _, c := range n.Nodes(0) {
				out[c.id] = true
			}
		}
	}
	return out
}

// summary is the statistics of each column of a frame: of a number its mean and
// standard deviation or, where asked, its quartiles; of a category the shares; of
// yes and no the proportion; of a date who has one; and of each who misses it.
func summary(frame *Node, quartiles map[ID]bool) []Arg {
	var out []Arg
	for _, c := range frame.Columns() {
		ops := map[Kind][]string{
			"Number":   {"Mean", "SD"},
			"Category": {"Shares"},
			"Bool":     {"Proportion"},
			"Date":     nil,
		}[c.kind]
		if quartiles[c.id] {
			ops = []string{"Quartiles"}
		}
		for _, op := range ops {
			if s, err := c.Then(op); err == nil {
				out = append(out, s.called(c.Name()+words[op]))
			}
		}
		if missing, err := c.Then("Missing"); err == nil {
			if s, err := missing.Then("Count"); err == nil {
				out = append(out, s.called(c.Name()+", missing"))
			}
		}
	}
	return out
}

// words are what a summary calls its statistics behind the column's name.
var words = map[string]string{"Mean": ", mean", "SD": ", SD", "Proportion": ", yes"}

// called is As for a name that may be too long.
func (n *Node) called(label string) *Node {
	if m, err := n.As(label); err == nil {
		return m
	}
	return n
}
