package engine

import (
	"weir/datasets/plan"
	"weir/datasets/store"
)

// cohort is who, when, and how it came to be.
type cohort struct {
	in    column[int8]  // yes or no
	index column[int32] // nil when no event set one
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
			in := vector(c, func(_ *block, out []int8) {
				for i := range out {
					out[i] = yes
				}
			})
			return &cohort{in: in, steps: []step{{"everyone in the repository", in}}}, nil
		case "Frame", "With":
			return c.framed(n)
		case "Union", "Intersect", "Minus":
			return c.setOperation(n)
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

// narrowed is Entry, Include, Exclude and Where: Include keeps true only, Exclude drops true only.
func (c *compiler) narrowed(n *plan.Node) (*cohort, error) {
	base, err := c.cohort(n.Recv())
	if err != nil {
		return nil, err
	}
	test, err := c.truths(n.Node(0))
	if err != nil {
		return nil, err
	}
	keep := func(v int8) bool { return v == yes }
	if n.Op() == "Exclude" {
		keep = func(v int8) bool { return v != yes }
	}
	out := *base
	out.in = vector(c, func(b *block, out []int8) {
		t := test(b)
		for i, v := range base.in(b) {
			out[i] = truth(v == yes && keep(t[i]))
		}
	})
	if n.Op() == "Entry" {
		if out.index, err = c.moments(n.Node(0)); err != nil {
			return nil, err
		}
	}
	out.steps = append(base.steps[:len(base.steps):len(base.steps)], step{stepText(n), out.in})
	return &out, nil
}

func stepText(n *plan.Node) string {
	verb := map[string]string{"Entry": "with ", "Include": "including ", "Exclude": "excluding ", "Where": "where "}[n.Op()]
	return verb + n.Node(0).Name()
}

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
	if n.Op() == "Union" && x.index != nil && y.index != nil {
		out.index = vector(c, func(b *block, out []int32) {
			u, v := x.index(b), y.index(b)
			first := x.in(b)
			for i := range out {
				out[i] = store.Missing
				if first[i] == yes {
					out[i] = u[i]
				} else {
					out[i] = v[i]
				}
			}
		})
	}
	return out, nil
}
