package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// compiler turns steps of plans into functions over blocks, one for each
// distinct step. A plan with splits has two: one for participants, and one for
// the entries of the expansion.
type compiler struct {
	*Engine
	*shared
	done  map[key]any
	plain *compiler  // of an expansion: the compiler for participants
	ex    *expansion // nil but for an expansion
}

// shared is what the compilers of one plan have in common.
type shared struct {
	slots  int
	before []func(context.Context) error // what must run before the plan, in order
}

// key is a step and what it is compiled as: an event is a pick, and as a criterion a truth.
type key struct {
	id plan.ID
	as string
}

func (e *Engine) compiler() *compiler {
	return &compiler{Engine: e, shared: &shared{}, done: map[key]any{}}
}

func (c *compiler) slot() int { c.slots++; return c.slots - 1 }

// once compiles n as what, unless that has been done. Errors carry the step's position.
func once[T any](c *compiler, n *plan.Node, what string, compile func() (T, error)) (T, error) {
	return onceBy(c, n.ID(), what, func() (T, error) {
		v, err := compile()
		if e, ok := err.(*plan.Error); ok && e.At == (plan.Position{}) {
			e.At = n.At()
		}
		return v, err
	})
}

func onceBy[T any](c *compiler, id plan.ID, what string, compile func() (T, error)) (T, error) {
	k := key{id, what}
	if v, ok := c.done[k]; ok {
		return v.(T), nil
	}
	v, err := compile()
	if err == nil {
		c.done[k] = v
	}
	return v, err
}

func cannot(n *plan.Node, format string, args ...any) error {
	return &plan.Error{Op: n.Op(), Msg: fmt.Sprintf(format, args...), At: n.At()}
}

// unknownOp is for operations that the grammar has and this engine does not run.
func unknownOp(n *plan.Node) error { return cannot(n, "this engine cannot run it") }

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
		if field, ok := t.Field(f); !ok || strings.HasSuffix(f, "_concept_id") && field.Type != store.Concept {
			return nil, cannot(n, "table %s of the repository has no field %s", name, f)
		}
	}
	return t, nil
}

// shares says whether n is to be evaluated for participants and gathered: it is
// in an expansion and depends on no split.
func (c *compiler) gathers(n *plan.Node) bool { return c.ex != nil && !dependsOnSplit(n) }

// dependsOnSplit says whether a value of the plan is one a group of a split.
func dependsOnSplit(n *plan.Node) bool {
	for m := n; m != nil; m = m.Recv() {
		if m.Op() == "Per" {
			return true
		}
		if slices.ContainsFunc(m.Nodes(0), dependsOnSplit) {
			return true
		}
	}
	return false
}

// number compiles a Number.
func (c *compiler) number(n *plan.Node) (column[float64], error) {
	return once(c, n, "number", func() (column[float64], error) {
		if c.gathers(n) {
			v, err := c.plain.number(n)
			return gathered(c, v, err)
		}
		return c.numeric(n)
	})
}

// truths compiles a Bool, or a criterion as one.
func (c *compiler) truths(n *plan.Node) (column[int8], error) {
	return once(c, n, "truth", func() (column[int8], error) {
		if c.gathers(n) {
			v, err := c.plain.truths(n)
			return gathered(c, v, err)
		}
		switch n.Kind() {
		case "Events":
			return c.occurs(n, 1)
		case "Event":
			return c.picked(n)
		case "Cohort", "Frame":
			co, err := c.cohort(n)
			if err != nil {
				return nil, err
			}
			return co.in, nil
		}
		return c.boolean(n)
	})
}

// moments compiles a Date, or an Event as its date.
func (c *compiler) moments(n *plan.Node) (column[int32], error) {
	return once(c, n, "date", func() (column[int32], error) {
		if c.gathers(n) {
			v, err := c.plain.moments(n)
			return gathered(c, v, err)
		}
		if n.Kind() == "Event" {
			return c.eventDate(n, false)
		}
		return c.date(n)
	})
}

// category is a compiled Category: codes are indexes into labels.
type category struct {
	codes  column[int32]
	labels []string
	closed bool // the labels come from the plan or a codebook
}

func (c *compiler) category(n *plan.Node) (*category, error) {
	return once(c, n, "category", func() (*category, error) {
		if !c.gathers(n) {
			cat, err := c.categorical(n)
			if err != nil {
				return nil, err
			}
			return c.merged(cat), nil
		}
		cat, err := c.plain.category(n)
		if err != nil {
			return nil, err
		}
		out := *cat
		out.codes, err = gathered(c, cat.codes, nil)
		return &out, err
	})
}
