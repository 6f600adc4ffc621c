package engine

import (
	"math"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// count is the number of a participant's events.
func (c *compiler) count(n *plan.Node) (column[int32], error) {
	return once(c, n, "count", func() (column[int32], error) {
		ev, err := c.events(n)
		if err != nil {
			return nil, err
		}
		return vector(c, func(b *block, out []int32) {
			clear(out)
			s := ev.rows(b)
			if s.batch == nil {
				return
			}
			who := s.batch.Int32("participant")
			for _, r := range s.rows {
				out[who[r]-b.first]++
			}
		}), nil
	})
}

// occurs says whether a participant has at least so many events.
func (c *compiler) occurs(n *plan.Node, least int) (column[int8], error) {
	count, err := c.count(n)
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []int8) {
		for i, k := range count(b) {
			out[i] = truth(int(k) >= least)
		}
	}), nil
}

// mean is the mean of a participant's values; values that are missing do not count.
func (c *compiler) mean(n *plan.Node) (column[float64], error) {
	ev, err := c.events(n.Recv())
	if err != nil {
		return nil, err
	}
	value, err := valueOf(n, ev)
	if err != nil {
		return nil, err
	}
	known := vector(c, func(_ *block, out []int32) { clear(out) })
	return vector(c, func(b *block, out []float64) {
		clear(out)
		k := known(b)
		if s := ev.rows(b); s.batch != nil {
			who, v := s.batch.Int32("participant"), value(s.batch)
			for _, r := range s.rows {
				if x := v(r); !math.IsNaN(x) {
					out[who[r]-b.first] += x
					k[who[r]-b.first]++
				}
			}
		}
		for i := range out {
			out[i] /= float64(k[i]) // 0/0 is missing
		}
	}), nil
}

// event compiles one event a participant: the first or the last in time, of ties
// the first or the last in the table's order.
func (c *compiler) event(n *plan.Node) (*events, pickOf, error) {
	type found struct {
		ev *events
		at pickOf
	}
	f, err := once(c, n, "event", func() (found, error) {
		source := n.Recv()
		if n.Op() == "Death" {
			source = n
		}
		ev, err := c.events(source)
		if err != nil {
			return found{}, err
		}
		rows := vector(c, func(b *block, out []int32) {
			for i := range out {
				out[i] = -1
			}
			s := ev.rows(b)
			if s.batch == nil {
				return
			}
			who := s.batch.Int32("participant")
			for _, r := range s.rows {
				if i := who[r] - b.first; n.Op() == "Last" || out[i] < 0 {
					out[i] = r
				}
			}
		})
		return found{ev, func(b *block) pick { return pick{ev.rows(b).batch, rows(b)} }}, nil
	})
	return f.ev, f.at, err
}

// picked says who has the event.
func (c *compiler) picked(n *plan.Node) (column[int8], error) {
	_, at, err := c.event(n)
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []int8) {
		for i, r := range at(b).rows {
			out[i] = truth(r >= 0)
		}
	}), nil
}

// eventField reads an integer field of the event chosen.
func (c *compiler) eventField(n *plan.Node, field func(domain) string) (column[int32], error) {
	ev, at, err := c.event(n)
	if err != nil {
		return nil, err
	}
	name := field(ev.domain)
	if _, ok := ev.table.Field(name); !ok {
		return nil, cannot(n, "%s has no such field", ev.domain.table)
	}
	return vector(c, func(b *block, out []int32) {
		p := at(b)
		var v []int32
		if p.batch != nil {
			v = p.batch.Int32(name)
		}
		for i, r := range p.rows {
			out[i] = store.Missing
			if r >= 0 {
				out[i] = v[r]
			}
		}
	}), nil
}

// eventValue reads the value of the event chosen.
func (c *compiler) eventValue(n *plan.Node) (column[float64], error) {
	ev, at, err := c.event(n.Recv())
	if err != nil {
		return nil, err
	}
	value, err := valueOf(n, ev)
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []float64) {
		p := at(b)
		var v func(int32) float64
		if p.batch != nil {
			v = value(p.batch)
		}
		for i, r := range p.rows {
			out[i] = math.NaN()
			if r >= 0 {
				out[i] = v(r)
			}
		}
	}), nil
}
