package engine

import (
	"fmt"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// compiler turns steps of plans into functions over blocks, one for each
// distinct step.
type compiler struct {
	*Engine
	slots int
	done  map[key]any
}

// key is a step and what it is compiled as: an event is a pick, and as a criterion a truth.
type key struct {
	id plan.ID
	as string
}

func (e *Engine) compiler() *compiler { return &compiler{Engine: e, done: map[key]any{}} }

func (c *compiler) slot() int { c.slots++; return c.slots - 1 }

// once compiles n as what, unless that has been done. Errors carry the step's position.
func once[T any](c *compiler, n *plan.Node, what string, compile func() (T, error)) (T, error) {
	k := key{n.ID(), what}
	if v, ok := c.done[k]; ok {
		return v.(T), nil
	}
	v, err := compile()
	if err != nil {
		if e, ok := err.(*plan.Error); ok && e.At == (plan.Position{}) {
			e.At = n.At()
		}
		return v, err
	}
	c.done[k] = v
	return v, nil
}

func cannot(n *plan.Node, format string, args ...any) error {
	return &plan.Error{Op: n.Op(), Msg: fmt.Sprintf(format, args...), At: n.At()}
}

// unknownOp is for operations that the grammar has and this engine does not run.
func unknownOp(n *plan.Node) error { return cannot(n, "this repository's engine cannot run it") }

// table opens a table and checks that it has the fields.
func (c *compiler) table(n *plan.Node, name string, fields ...string) (*store.Table, error) {
	if !c.repo.Has(name) {
		return nil, cannot(n, "the repository %s has no table %s", c.repo.Name, name)
	}
	t, err := c.repo.Table(name)
	if err != nil {
		return nil, err
	}
	for _, f := range fields {
		if _, ok := t.Field(f); f != "" && !ok {
			return nil, cannot(n, "table %s of the repository has no field %s", name, f)
		}
	}
	return t, nil
}

// truths compiles a Bool, or a criterion as one.
func (c *compiler) truths(n *plan.Node) (column[int8], error) {
	return once(c, n, "truth", func() (column[int8], error) {
		switch n.Kind() {
		case "Bool":
			return c.boolean(n)
		case "Events":
			return c.occurs(n, 1)
		case "Event":
			return c.picked(n)
		case "Cohort":
			co, err := c.cohort(n)
			if err != nil {
				return nil, err
			}
			return co.in, nil
		}
		return nil, unknownOp(n)
	})
}

// moments compiles a Date or an Event as its date.
func (c *compiler) moments(n *plan.Node) (column[int32], error) {
	return once(c, n, "date", func() (column[int32], error) {
		if n.Kind() == "Event" {
			return c.eventField(n, func(d domain) string { return d.start })
		}
		return c.date(n)
	})
}
