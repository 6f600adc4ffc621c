package engine

import (
	"weir/datasets/plan"
	"weir/datasets/store"
)

// cohort is who, when, and how it came to be.
type cohort struct {
	in    column[int8]  // yes or no
	index column[int32] // nil when nothing set one
	steps []step
}

// step is a line of the attrition: who is left after it.
type step struct {
	text string
	in   column[int8]
}

func (c *compiler) cohort(n *plan.Node) (*cohort, error) {
	return once(c, n, "cohort", func() (*cohort, error) {
		switch n.Op() {
		case "Everyone", "Cohort":
			in := constant(c, yes)
			return &cohort{in: in, steps: []step{{"everyone in the repository", in}}}, nil
		case "Frame", "With":
			return c.framed(n)
		case "Union", "Intersect", "Minus":
			return c.setOperation(n)
		case "MatchedTo":
			return c.matched(n)
		}
		return c.narrowed(n)
	})
}

// framed is who is in a frame; its columns are checked to be runnable.
func (c *compiler) framed(n *plan.Node) (*cohort, error) {
	for _, col := range n.Nodes(0) {
		if _, err := c.isMissing(col); err != nil {
			return nil, err
		}
	}
	return c.cohort(n.Recv())
}

// narrowed is Entry, IndexOn, Include, Exclude and Where: Include keeps true only,
// Exclude drops true only.
func (c *compiler) narrowed(n *plan.Node) (*cohort, error) {
	base, err := c.cohort(n.Recv())
	if err != nil {
		return nil, err
	}
	out := *base
	var test column[int8]
	switch n.Op() {
	case "Entry", "IndexOn":
		if out.index, err = c.moments(n.Node(0)); err != nil {
			return nil, err
		}
		index := out.index
		test = vector(c, func(b *block, out []int8) {
			for i, d := range index(b) {
				out[i] = truth(d != store.Missing)
			}
		})
	default:
		if test, err = c.truths(n.Node(0)); err != nil {
			return nil, err
		}
	}
	exclude := n.Op() == "Exclude"
	out.in = vector(c, func(b *block, out []int8) {
		t := test(b)
		for i, v := range base.in(b) {
			out[i] = truth(v == yes && (t[i] == yes) != exclude)
		}
	})
	out.steps = append(base.steps[:len(base.steps):len(base.steps)], step{stepText(n), out.in})
	return &out, nil
}

var stepVerbs = map[string]string{
	"Entry": "with ", "IndexOn": "with ", "Include": "including ", "Exclude": "excluding ", "Where": "where ", "MatchedTo": "matched to ",
}

func stepText(n *plan.Node) string { return stepVerbs[n.Op()] + n.Node(0).Name() }

func (c *compiler) setOperation(n *plan.Node) (*cohort, error) {
	x, err := c.cohort(n.Recv())
	if err != nil {
		return nil, err
	}
	y, err := c.cohort(n.Node(0))
	if err != nil {
		return nil, err
	}
	op := map[string]func(a, b bool) bool{
		"Union":     func(a, b bool) bool { return a || b },
		"Intersect": func(a, b bool) bool { return a && b },
		"Minus":     func(a, b bool) bool { return a && !b },
	}[n.Op()]
	in := vector(c, func(b *block, out []int8) {
		u, v := x.in(b), y.in(b)
		for i := range out {
			out[i] = truth(op(u[i] == yes, v[i] == yes))
		}
	})
	out := &cohort{in: in, index: x.index, steps: []step{{n.Name(), in}}}
	if n.Op() == "Union" {
		out.index = c.unionIndex(x, y)
	}
	return out, nil
}

// unionIndex is the index date of the first cohort for who is in it, of the second
// for the others.
func (c *compiler) unionIndex(x, y *cohort) column[int32] {
	if x.index == nil && y.index == nil {
		return nil
	}
	none := constant(c, store.Missing)
	u, v := x.index, y.index
	if u == nil {
		u = none
	}
	if v == nil {
		v = none
	}
	return vector(c, func(b *block, out []int32) {
		first, p, q := x.in(b), u(b), v(b)
		for i := range out {
			out[i] = q[i]
			if first[i] == yes {
				out[i] = p[i]
			}
		}
	})
}
