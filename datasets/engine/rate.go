package engine

import (
	"math"

	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/datasets/tally"
)

// risk is each participant's time at risk: from the day after start to end, and
// whether it ends with the event. Who has none has end store.Missing.
type risk struct {
	start, end column[int32]
	event      column[int8]
}

// atRisk compiles a TimeToEvent. Who had the event before or on the first day, whose
// time is over on that day, or who misses it, is left out.
func (c *compiler) atRisk(n *plan.Node) (*risk, error) {
	return once(c, n, "risk", func() (*risk, error) {
		var from, within *plan.Node
		var until []*plan.Node
		leaf := n
		for ; leaf.Recv() != nil; leaf = leaf.Recv() {
			switch leaf.Op() {
			case "From":
				from = leaf.Node(0)
			case "CensoredAt":
				until = append(until, leaf.Nodes(0)...)
			case "Within":
				within = leaf
			}
		}
		if from == nil {
			return nil, &plan.Error{Op: "TimeTo", Msg: "the time has no start", Way: "say when it starts: ds.TimeTo(event).From(index)", At: n.At()}
		}
		event, err := c.moments(leaf.Node(0))
		if err != nil {
			return nil, err
		}
		start, err := c.moments(from)
		if err != nil {
			return nil, err
		}
		limits := []column[int32]{constant(c, c.cutOff)}
		for _, m := range until {
			col, err := c.moments(m)
			if err != nil {
				return nil, err
			}
			limits = append(limits, col)
		}
		if within != nil {
			days := int64(within.Int(0))
			limits = append(limits, vector(c, func(b *block, out []int32) {
				for i, d := range start(b) {
					out[i] = addDays(d, days)
				}
			}))
		}
		r := &risk{start: start}
		censor := c.extreme(limits, false)
		r.end = vector(c, func(b *block, out []int32) {
			s, e := start(b), event(b)
			for i, limit := range censor(b) {
				end := limit
				if e[i] != store.Missing && (end == store.Missing || e[i] < end) {
					end = e[i]
				}
				if s[i] == store.Missing || end == store.Missing || end <= s[i] {
					end = store.Missing
				}
				out[i] = end
			}
		})
		r.event = vector(c, func(b *block, out []int8) {
			e := event(b)
			for i, end := range r.end(b) {
				out[i] = truth(end != store.Missing && e[i] == end)
			}
		})
		return r, nil
	})
}

// rateStat counts participants at risk, those with the event, and the days.
type rateStat struct {
	*risk
	starts []int32 // of the periods of a calendar split; nil without one
	split  *splitKey
}

func (c *compiler) rate(n *plan.Node) (statistic, error) {
	if c.ex == nil {
		r, err := c.atRisk(n.Node(0))
		return rateStat{risk: r}, err
	}
	r, err := c.plain.atRisk(n.Node(0))
	if err != nil {
		return nil, err
	}
	if len(c.ex.order) != 1 || c.ex.order[0].field != nil || c.ex.order[0].plan.Op() == "Since" {
		return nil, &plan.Error{Op: "Rate", Msg: "time at risk falls in days, months or years, and in no other split", Way: "use ds.Years(from, to)", At: n.At()}
	}
	k := c.ex.order[0]
	_, starts := calendarPeriods(k.plan)
	if k.total {
		starts = []int32{starts[0], starts[len(starts)-1]}
	}
	c.ex.sources = append(c.ex.sources, c.plain.riskSource(n, r, starts))
	gather := func(col column[int32]) column[int32] { v, _ := gathered(c, col, nil); return v }
	event, _ := gathered(c, r.event, nil)
	return rateStat{&risk{gather(r.start), gather(r.end), event}, starts, k}, nil
}

// riskSource makes an entry of each period that somebody's time at risk falls in.
func (c *compiler) riskSource(n *plan.Node, r *risk, starts []int32) *splitSource {
	type pair struct{ who, group []int32 }
	hold := held[pair](c)
	return &splitSource{n.ID(), func(b *block) ([]int32, []int32) {
		out := hold(b)
		out.who, out.group = out.who[:0], out.group[:0]
		start := r.start(b)
		for i, end := range r.end(b) {
			for p := 0; end != store.Missing && p+1 < len(starts); p++ {
				if overlap(start[i], end, starts[p], starts[p+1]) > 0 {
					out.who, out.group = append(out.who, int32(i)), append(out.group, int32(p))
				}
			}
		}
		return out.who, out.group
	}}
}

// overlap is the days of (start, end] in [from, to).
func overlap(start, end, from, to int32) int32 { return min(end, to-1) - max(start, from-1) }

type rateSums struct {
	rateStat
	values []tally.Value
}

func (s rateStat) cellBytes() int { return valueBytes }

func (s rateStat) sums(cells int) sums { return &rateSums{s, make([]tally.Value, cells)} }

// each calls f for the entries at risk, with the days and whether they have the event.
func (s rateStat) each(b *block, f func(i int, days int32, had bool)) {
	start, event := s.start(b), s.event(b)
	for i, end := range s.end(b) {
		if end == store.Missing {
			continue
		}
		days, had := end-start[i], event[i] == yes
		if s.starts != nil {
			p := int(b.code[i])
			if p+1 >= len(s.starts) {
				continue
			}
			days = overlap(start[i], end, s.starts[p], s.starts[p+1])
			had = had && end >= s.starts[p] && end < s.starts[p+1]
		}
		if days > 0 {
			f(i, days, had)
		}
	}
}

func (s rateStat) codes(b *block, to []int32) {
	for i := range to {
		to[i] = tally.None
	}
	s.each(b, func(i int, _ int32, had bool) {
		to[i] = tally.False
		if had {
			to[i] = tally.True
		}
	})
}

func (s *rateSums) take(b *block, cell []int32) {
	s.each(b, func(i int, days int32, had bool) {
		k := cell[i]
		if k < 0 {
			return
		}
		v := &s.values[k]
		v.Known.Add(one(b, i))
		if had {
			v.True.Add(one(b, i))
		}
		v.Sum += float64(days)
		v.Absolute += float64(days)
		v.Contribute(math.Abs(float64(days)))
	})
}

func (s *rateSums) add(other sums) {
	o := other.(*rateSums)
	for i := range o.values {
		s.values[i].Merge(&o.values[i])
	}
	clear(o.values)
}

func (s *rateSums) value(cell int) tally.Value { return s.values[cell] }
