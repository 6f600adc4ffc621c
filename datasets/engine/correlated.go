package engine

import (
	"weir/datasets/plan"
	"weir/datasets/store"
)

// unbounded is a number of days that stands for no bound.
const unbounded = 100_000

// spans gives the rows of other events of the participant of a row. It is asked
// for participants in ascending order.
type spans struct {
	selection
	start, end  []int32 // end may be nil
	first, last int
}

func spansOf(ev *events, s selection) *spans {
	out := &spans{selection: s}
	if s.source != nil {
		out.start = s.Int32(ev.Start)
		if ev.End != "" {
			out.end = s.Int32(ev.End)
		}
	}
	return out
}

// of is the rows of a participant.
func (p *spans) of(who int32) []int32 {
	for p.first < len(p.who) && p.who[p.first] < who {
		p.first++
	}
	p.last = max(p.last, p.first)
	for p.last < len(p.who) && p.who[p.last] == who {
		p.last++
	}
	return p.rows[p.first:p.last]
}

// observedFilter keeps events of which one observation period covers the days around them.
func (c *compiler) observedFilter(n *plan.Node, base *events) (keeper, error) {
	periods, err := c.observationPeriods()
	if err != nil {
		return nil, err
	}
	before, after := int64(n.Int(0)), int64(n.Int(1))
	return filterRows(func(b *block, s selection) func(int, int32) bool {
		p, when := spansOf(periods, periods.rows(b)), s.Int32(base.Start)
		return func(i int, row int32) bool {
			d := int64(when[row])
			for _, q := range p.of(s.who[i]) {
				if when[row] != store.Missing && p.start[q] != store.Missing && int64(p.start[q]) <= d+before && d+after <= int64(p.end[q]) {
					return true
				}
			}
			return false
		}
	}), nil
}

func (c *compiler) observationPeriods() (*events, error) {
	n, err := plan.Root("Table", "observation_period")
	if err != nil {
		return nil, err
	}
	return c.events(n)
}

// correlation is what Circe asks of other events around an event
// (WindowedCriteria): between least and most of them, whose start and whose end lie
// in windows of days around the event's start; and, unless that is ignored, in the
// observation period of the event.
type correlation struct {
	least, most        int // most < 0: any number
	startFrom, startTo int64
	endFrom, endTo     int64
	samePeriod         bool
}

func correlationOf(n *plan.Node) correlation {
	same, _ := n.Args()[7].(bool)
	return correlation{n.Int(1), n.Int(2), int64(n.Int(3)), int64(n.Int(4)), int64(n.Int(5)), int64(n.Int(6)), same}
}

// holds says whether one other event counts. Where a window of its end has no bound,
// the observation period is the bound.
func (k *correlation) holds(d, start, end, from, to int64) bool {
	if start-d < k.startFrom || start-d > k.startTo || end-d < k.endFrom || end-d > k.endTo {
		return false
	}
	ended := k.endFrom > -unbounded || k.endTo < unbounded // there is such a window
	return !k.samePeriod || start >= from && start <= to && (!ended || k.endTo < unbounded || end <= to)
}

// correlatedFilter keeps the events that have as many of the others around them as is asked.
func (c *compiler) correlatedFilter(n *plan.Node, base *events) (keeper, error) {
	k := correlationOf(n)
	others, err := c.events(n.Node(0))
	if err != nil {
		return nil, err
	}
	periods := others // not looked at unless the period matters
	if k.samePeriod {
		if periods, err = c.observationPeriods(); err != nil {
			return nil, err
		}
	}
	return filterRows(func(b *block, s selection) func(int, int32) bool {
		o, when := spansOf(others, others.rows(b)), s.Int32(base.Start)
		var p *spans
		if k.samePeriod {
			p = spansOf(periods, periods.rows(b))
		}
		return func(i int, row int32) bool {
			if when[row] == store.Missing {
				return false
			}
			d, from, to := int64(when[row]), int64(0), int64(-1)
			if p != nil {
				from, to = p.around(s.who[i], d)
			}
			count := 0
			for _, q := range o.of(s.who[i]) {
				if o.start[q] != store.Missing && k.holds(d, int64(o.start[q]), o.endOf(q), from, to) {
					count++
				}
			}
			return count >= k.least && (k.most < 0 || count <= k.most)
		}
	}), nil
}

// around is the span of a participant that holds a day.
func (p *spans) around(who int32, d int64) (from, to int64) {
	for _, q := range p.of(who) {
		if p.start[q] != store.Missing && int64(p.start[q]) <= d && d <= int64(p.end[q]) {
			return int64(p.start[q]), int64(p.end[q])
		}
	}
	return 0, -1
}

// endOf is the last day of a row; one without ends the day after its start, as Circe has it.
func (p *spans) endOf(row int32) int64 {
	if p.end == nil || p.end[row] == store.Missing {
		return int64(p.start[row]) + 1
	}
	return int64(p.end[row])
}
