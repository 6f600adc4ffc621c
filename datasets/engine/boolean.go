package engine

import (
	"math"
	"slices"
	"strings"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// boolean compiles a Bool by its operation.
func (c *compiler) boolean(n *plan.Node) (column[int8], error) {
	switch n.Op() {
	case "Exists":
		return c.truths(n.Recv())
	case "And", "Or":
		return c.junction(n.Op() == "And", []*plan.Node{n.Recv(), n.Node(0)})
	case "AllOf":
		return c.junction(true, n.Nodes(0))
	case "AnyOf":
		return c.junction(false, n.Nodes(0))
	case "NoneOf":
		any, err := c.junction(false, n.Nodes(0))
		if err != nil {
			return nil, err
		}
		return c.negate(any), nil
	case "AtLeastOf":
		return c.atLeastOf(n)
	case "Not":
		x, err := c.truths(n.Recv())
		if err != nil {
			return nil, err
		}
		return c.negate(x), nil
	case "Missing":
		return c.missing(n.Recv(), yes)
	case "Known":
		return c.missing(n.Recv(), no)
	case "OrElse":
		return c.truthOrElse(n)
	case "HasEHR", "HasFitbit":
		return c.has(n)
	case "Observed":
		return c.observed(n)
	}
	switch n.Recv().Kind() {
	case "Events": // AtLeast
		return c.occurs(n.Recv(), n.Int(0))
	case "Number":
		return c.compare(n)
	case "Category":
		return c.labelTest(n)
	case "Date":
		return c.order(n)
	}
	return nil, unknownOp(n)
}

func (c *compiler) all(parts []*plan.Node) ([]column[int8], error) {
	cols := make([]column[int8], len(parts))
	for i, p := range parts {
		var err error
		if cols[i], err = c.truths(p); err != nil {
			return nil, err
		}
	}
	return cols, nil
}

// junction is Kleene's and, or: one no (yes) decides, otherwise an unknown stays unknown.
func (c *compiler) junction(and bool, parts []*plan.Node) (column[int8], error) {
	cols, err := c.all(parts)
	if err != nil {
		return nil, err
	}
	decides := truth(!and)
	return vector(c, func(b *block, out []int8) {
		copy(out, cols[0](b))
		for _, col := range cols[1:] {
			for i, v := range col(b) {
				switch {
				case out[i] == decides:
				case v == decides, v == unknown:
					out[i] = v
				}
			}
		}
	}), nil
}

// atLeastOf is yes when enough hold, no when too few could, unknown otherwise.
func (c *compiler) atLeastOf(n *plan.Node) (column[int8], error) {
	cols, err := c.all(n.Nodes(0))
	if err != nil {
		return nil, err
	}
	least := n.Int(0)
	return vector(c, func(b *block, out []int8) {
		for i := range out {
			hold, could := 0, 0
			for _, col := range cols {
				switch col(b)[i] {
				case yes:
					hold++
				case unknown:
					could++
				}
			}
			out[i] = unknown
			if hold >= least || hold+could < least {
				out[i] = truth(hold >= least)
			}
		}
	}), nil
}

func (c *compiler) negate(x column[int8]) column[int8] {
	return vector(c, func(b *block, out []int8) {
		for i, v := range x(b) {
			out[i] = v
			if v != unknown {
				out[i] = 1 - v
			}
		}
	})
}

func (c *compiler) truthOrElse(n *plan.Node) (column[int8], error) {
	x, err := c.truths(n.Recv())
	if err != nil {
		return nil, err
	}
	instead := truth(n.Args()[0].(bool))
	return vector(c, func(b *block, out []int8) {
		for i, v := range x(b) {
			out[i] = v
			if v == unknown {
				out[i] = instead
			}
		}
	}), nil
}

// missing compiles Missing (then is yes) and Known (then is no) of any column.
func (c *compiler) missing(n *plan.Node, then int8) (column[int8], error) {
	is, err := c.isMissing(n)
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []int8) {
		is(b, func(i int, missing bool) {
			if missing {
				out[i] = then
			} else {
				out[i] = 1 - then
			}
		})
	}), nil
}

func (c *compiler) isMissing(n *plan.Node) (func(*block, func(i int, missing bool)), error) {
	switch n.Kind() {
	case "Number":
		x, err := c.number(n)
		return each(x, math.IsNaN), err
	case "Bool":
		x, err := c.truths(n)
		return each(x, func(v int8) bool { return v == unknown }), err
	case "Date":
		x, err := c.moments(n)
		return each(x, func(v int32) bool { return v == store.Missing }), err
	}
	cat, err := c.category(n)
	if err != nil {
		return nil, err
	}
	return each(cat.codes, func(v int32) bool { return v < 0 }), nil
}

func each[T any](x column[T], missing func(T) bool) func(*block, func(int, bool)) {
	return func(b *block, f func(int, bool)) {
		for i, v := range x(b) {
			f(i, missing(v))
		}
	}
}

// compare compares a number with one or two others; with a missing one, the result is unknown.
func (c *compiler) compare(n *plan.Node) (column[int8], error) {
	x, err := c.number(n.Recv())
	if err != nil {
		return nil, err
	}
	y, err := c.operand(n.Args()[0])
	if err != nil {
		return nil, err
	}
	if n.Op() == "Between" {
		z, err := c.operand(n.Args()[1])
		if err != nil {
			return nil, err
		}
		// lo <= x and x <= hi in Kleene's logic: one that is known to fail decides.
		return vector(c, func(b *block, out []int8) {
			u, v := y(b), z(b)
			for i, a := range x(b) {
				switch {
				case a < u[i] || a > v[i]:
					out[i] = no
				case a >= u[i] && a <= v[i]:
					out[i] = yes
				default:
					out[i] = unknown
				}
			}
		}), nil
	}
	test := comparisons[n.Op()]
	if test == nil {
		return nil, unknownOp(n)
	}
	return vector(c, func(b *block, out []int8) {
		v := y(b)
		for i, a := range x(b) {
			out[i] = unknown
			if !math.IsNaN(a) && !math.IsNaN(v[i]) {
				out[i] = truth(test(a, v[i]))
			}
		}
	}), nil
}

// labelTest compiles the tests of labels.
func (c *compiler) labelTest(n *plan.Node) (column[int8], error) {
	cat, err := c.category(n.Recv())
	if err != nil {
		return nil, err
	}
	var texts []string
	for i := range n.Args() {
		texts = append(texts, n.Text(i))
	}
	test := map[string]func(label string) bool{
		"Is":        func(l string) bool { return slices.Contains(texts, l) },
		"In":        func(l string) bool { return slices.Contains(texts, l) },
		"HasPrefix": func(l string) bool { return strings.HasPrefix(l, texts[0]) },
		"Contains":  func(l string) bool { return strings.Contains(l, texts[0]) },
	}[n.Op()]
	if test == nil {
		return nil, unknownOp(n)
	}
	wanted := make([]int8, len(cat.labels))
	for i, l := range cat.labels {
		wanted[i] = truth(test(l))
	}
	return vector(c, func(b *block, out []int8) {
		for i, code := range cat.codes(b) {
			out[i] = unknown
			if code >= 0 {
				out[i] = wanted[code]
			}
		}
	}), nil
}

// order compares two moments.
func (c *compiler) order(n *plan.Node) (column[int8], error) {
	x, err := c.moments(n.Recv())
	if err != nil {
		return nil, err
	}
	y, err := c.moments(n.Node(0))
	if err != nil {
		return nil, err
	}
	test := map[string]func(a, b int32) bool{
		"Before":     func(a, b int32) bool { return a < b },
		"OnOrBefore": func(a, b int32) bool { return a <= b },
		"After":      func(a, b int32) bool { return a > b },
		"OnOrAfter":  func(a, b int32) bool { return a >= b },
	}[n.Op()]
	if test == nil {
		return nil, unknownOp(n)
	}
	return vector(c, func(b *block, out []int8) {
		u, v := x(b), y(b)
		for i := range out {
			out[i] = unknown
			if u[i] != store.Missing && v[i] != store.Missing {
				out[i] = truth(test(u[i], v[i]))
			}
		}
	}), nil
}

// contributed are the tables whose rows make HasEHR and HasFitbit true.
var contributed = map[string][]string{
	"HasEHR":    {"condition_occurrence", "drug_exposure", "procedure_occurrence", "visit_occurrence"},
	"HasFitbit": {"activity_summary", "heart_rate_summary", "sleep_daily_summary"},
}

func (c *compiler) has(n *plan.Node) (column[int8], error) {
	var from []*store.Table
	for _, name := range contributed[n.Op()] {
		if c.repo.Has(name) {
			t, err := c.repo.Table(name)
			if err != nil {
				return nil, err
			}
			from = append(from, t)
		}
	}
	return vector(c, func(b *block, out []int8) {
		clear(out)
		for _, t := range from {
			batch, lo, hi := t.Rows(b.stride)
			if batch == nil {
				continue
			}
			for _, p := range batch.Int32("participant")[lo:hi] {
				out[p-b.first] = yes
			}
		}
	}), nil
}
