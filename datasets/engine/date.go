package engine

import (
	"math"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// date compiles a Date by its operation.
func (c *compiler) date(n *plan.Node) (column[int32], error) {
	switch n.Op() {
	case "Date":
		if n.Recv().Kind() == "Order" {
			return c.sequenceDate(n)
		}
		return c.moments(n.Recv())
	case "End":
		return c.eventDate(n.Recv(), true)
	case "Birth":
		return c.birth(n)
	case "Day":
		return constant(c, dayOf(n.Int(0), n.Int(1), n.Int(2))), nil
	case "AddDays":
		return c.addDays(n)
	case "OrElse":
		return c.dateOrElse(n)
	case "Earliest", "Latest":
		return c.extremeDate(n)
	case "Index":
		co, err := c.cohort(n.Recv())
		if err != nil {
			return nil, err
		}
		if co.index == nil {
			return nil, &plan.Error{Op: "Index", Msg: "the cohort has no index date", Way: "give it one with .Entry(event)", At: n.At()}
		}
		return vector(c, func(b *block, out []int32) {
			index := co.index(b)
			for i, v := range co.in(b) {
				if out[i] = store.Missing; v == yes {
					out[i] = index[i]
				}
			}
		}), nil
	case "ObservedFrom", "ObservedUntil":
		return c.observation(n)
	}
	return nil, unknownOp(n)
}

func (c *compiler) addDays(n *plan.Node) (column[int32], error) {
	day, err := c.moments(n.Recv())
	if err != nil {
		return nil, err
	}
	k := int64(n.Int(0))
	return vector(c, func(b *block, out []int32) {
		for i, d := range day(b) {
			out[i] = addDays(d, k)
		}
	}), nil
}

// addDays is missing where the day cannot be counted.
func addDays(d int32, k int64) int32 {
	sum := int64(d) + k
	if d == store.Missing || sum <= math.MinInt32 || sum > math.MaxInt32 {
		return store.Missing
	}
	return int32(sum)
}

func (c *compiler) dateOrElse(n *plan.Node) (column[int32], error) {
	x, err := c.moments(n.Recv())
	if err != nil {
		return nil, err
	}
	y, err := c.moments(n.Node(0))
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []int32) {
		v := y(b)
		for i, d := range x(b) {
			out[i] = d
			if d == store.Missing {
				out[i] = v[i]
			}
		}
	}), nil
}

// extremeDate is the earliest or the latest of several; missing ones are ignored.
func (c *compiler) extremeDate(n *plan.Node) (column[int32], error) {
	var cols []column[int32]
	for _, m := range n.Nodes(0) {
		col, err := c.moments(m)
		if err != nil {
			return nil, err
		}
		cols = append(cols, col)
	}
	return c.extreme(cols, n.Op() == "Latest"), nil
}

func (c *compiler) extreme(cols []column[int32], latest bool) column[int32] {
	return vector(c, func(b *block, out []int32) {
		copy(out, cols[0](b))
		for _, col := range cols[1:] {
			for i, d := range col(b) {
				switch {
				case d == store.Missing:
				case out[i] == store.Missing, latest && d > out[i], !latest && d < out[i]:
					out[i] = d
				}
			}
		}
	})
}

// birth is the date of birth.
func (c *compiler) birth(n *plan.Node) (column[int32], error) {
	if c.ex != nil {
		v, err := c.plain.birth(n)
		return gathered(c, v, err)
	}
	return onceBy(c, plan.ID{}, "birth", func() (column[int32], error) { return c.personInts(n, "birth_date") })
}

// personInts reads a field of person, one row a participant.
func (c *compiler) personInts(n *plan.Node, field string) (column[int32], error) {
	t, err := c.table(n, "person", field)
	if err != nil {
		return nil, err
	}
	return func(b *block) []int32 {
		batch, from, to := t.Rows(b.stride)
		if to-from != b.n {
			panic("person has not one row a participant")
		}
		return batch.Int32(field)[from:to:to]
	}, nil
}

// observation is the first day, or the last, of a participant's observation periods.
func (c *compiler) observation(n *plan.Node) (column[int32], error) {
	period, err := c.periods(n)
	if err != nil {
		return nil, err
	}
	until := n.Op() == "ObservedUntil"
	return vector(c, func(b *block, out []int32) {
		for i := range out {
			out[i] = store.Missing
		}
		period(b, func(i, from, to int32) {
			if until {
				out[i] = max(out[i], to) // Missing is the smallest
			} else if out[i] == store.Missing || from < out[i] && from != store.Missing {
				out[i] = from
			}
		})
	}), nil
}

// observed says whether one observation period covers the days around a moment; it
// is unknown where the moment is missing.
func (c *compiler) observed(n *plan.Node) (column[int8], error) {
	moment, err := c.moments(n.Node(0))
	if err != nil {
		return nil, err
	}
	period, err := c.periods(n)
	if err != nil {
		return nil, err
	}
	before, after := int64(n.Int(1)), int64(n.Int(2))
	return vector(c, func(b *block, out []int8) {
		at := moment(b)
		for i, d := range at {
			out[i] = no
			if d == store.Missing {
				out[i] = unknown
			}
		}
		period(b, func(i, from, to int32) {
			if d := int64(at[i]); out[i] == no && from != store.Missing && to != store.Missing && int64(from) <= d+before && int64(to) >= d+after {
				out[i] = yes
			}
		})
	}), nil
}

// periods gives the observation periods of a block's participants one by one.
func (c *compiler) periods(n *plan.Node) (func(b *block, f func(i, from, to int32)), error) {
	const start, end = "observation_period_start_date", "observation_period_end_date"
	t, err := c.table(n, "observation_period", start, end)
	if err != nil {
		return nil, err
	}
	return func(b *block, f func(i, from, to int32)) {
		batch, lo, hi := t.Rows(b.stride)
		if batch == nil {
			return
		}
		who, from, to := batch.Int32("participant"), batch.Int32(start), batch.Int32(end)
		for r := lo; r < hi; r++ {
			f(who[r]-b.first, from[r], to[r])
		}
	}, nil
}
