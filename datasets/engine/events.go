package engine

import (
	"math"
	"slices"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// events are the rows of a domain's table that pass every filter.
type events struct {
	domain
	table *store.Table
	rows  rowsOf
}

func (c *compiler) events(n *plan.Node) (*events, error) {
	return once(c, n, "events", func() (*events, error) {
		if n.Recv() == nil || n.Op() == "Descendants" || n.Op() == "Except" {
			return c.source(n)
		}
		base, err := c.events(n.Recv())
		if err != nil {
			return nil, err
		}
		keep, err := c.filter(n, base)
		if err != nil {
			return nil, err
		}
		out := *base
		out.rows = selecting(c, func(b *block, rows []int32) selection {
			s := base.rows(b)
			if s.batch == nil {
				return selection{rows: rows}
			}
			return selection{s.batch, keep(b, s, rows)}
		})
		return &out, nil
	})
}

// keeper appends to rows those of s that pass.
type keeper func(b *block, s selection, rows []int32) []int32

// source is the events of a domain, of some concepts or of all.
func (c *compiler) source(n *plan.Node) (*events, error) {
	leaf := n
	for leaf.Recv() != nil {
		leaf = leaf.Recv()
	}
	d, err := domainOf(leaf)
	if err != nil {
		return nil, err
	}
	t, err := c.table(leaf, d.table, "participant", d.concept, d.start)
	if err != nil {
		return nil, err
	}
	ev := &events{domain: d, table: t}
	if leaf.Op() == "Table" || len(leaf.Args()) == 0 {
		ev.rows = selecting(c, func(b *block, rows []int32) selection {
			batch, from, to := t.Rows(b.stride)
			for i := from; i < to; i++ {
				rows = append(rows, int32(i))
			}
			return selection{batch, rows}
		})
		return ev, nil
	}
	set := c.concepts(n)
	ev.rows = selecting(c, func(b *block, rows []int32) selection {
		batch, from, to := t.Rows(b.stride)
		if batch == nil {
			return selection{rows: rows}
		}
		return selection{batch, inSet(batch.Int32(d.concept), from, to, set, rows)}
	})
	return ev, nil
}

// inSet appends the rows from to to whose concept is in the set. It writes every
// row number and moves on only past those that match, so that there is no branch
// to mispredict.
func inSet(concept []int32, from, to int, set conceptSet, rows []int32) []int32 {
	rows = slices.Grow(rows, to-from)[:to-from]
	n := 0
	if len(set) == 1 {
		want := set[0]
		for i := from; i < to; i++ {
			rows[n] = int32(i)
			n += int(truth(concept[i] == want))
		}
		return rows[:n]
	}
	if len(set) == 0 {
		return rows[:0]
	}
	lo, hi := set[0], set[len(set)-1]
	for i := from; i < to; i++ {
		rows[n] = int32(i)
		if c := concept[i]; c >= lo && c <= hi && set.has(c) {
			n++
		}
	}
	return rows[:n]
}

// concepts is the concept set of a domain's ids or of a Concepts plan.
func (c *compiler) concepts(n *plan.Node) conceptSet {
	switch n.Op() {
	case "Descendants":
		return c.vocabulary.withDescendants(c.concepts(n.Recv()))
	case "Except":
		// Except takes the descendants out too, wherever the receiver has them.
		return c.concepts(n.Recv()).minus(c.vocabulary.withDescendants(ids(n)))
	case "Union":
		return newConceptSet(slices.Concat(c.concepts(n.Recv()), c.concepts(n.Node(0))))
	case "Minus":
		return c.concepts(n.Recv()).minus(c.concepts(n.Node(0)))
	}
	return ids(n)
}

func ids(n *plan.Node) conceptSet {
	var out []int32
	for i := range n.Args() {
		if id := n.Int(i); id >= 0 && id <= math.MaxInt32 {
			out = append(out, int32(id))
		}
	}
	return newConceptSet(out)
}

func (c *compiler) filter(n *plan.Node, base *events) (keeper, error) {
	switch n.Op() {
	case "In":
		set := c.concepts(n.Node(0))
		return byInt32(base.concept, set.has), nil
	case "Unit":
		return c.unitFilter(n, base)
	case "ValueBetween":
		lo, hi := n.Float(0), n.Float(1)
		return c.valueFilter(n, base, func(v float64) bool { return v >= lo && v <= hi })
	case "ValueAtLeast":
		lo := n.Float(0)
		return c.valueFilter(n, base, func(v float64) bool { return v >= lo })
	case "ValueBelow":
		hi := n.Float(0)
		return c.valueFilter(n, base, func(v float64) bool { return v < hi })
	case "Before", "OnOrBefore", "After", "OnOrAfter", "Window":
		return c.timeFilter(n, base)
	case "AtAge":
		return c.ageFilter(n, base)
	case "During":
		return c.duringFilter(n, base)
	case "Apart":
		return apart(base, int32(n.Int(0))), nil
	}
	return nil, unknownOp(n)
}

func byInt32(field string, pass func(int32) bool) keeper {
	return func(_ *block, s selection, rows []int32) []int32 {
		v := s.batch.Int32(field)
		for _, r := range s.rows {
			if pass(v[r]) {
				rows = append(rows, r)
			}
		}
		return rows
	}
}

func (c *compiler) unitFilter(n *plan.Node, base *events) (keeper, error) {
	if _, ok := base.table.Field("unit_concept_id"); !ok {
		return nil, cannot(n, "%s has no units", base.domain.table)
	}
	set := conceptSet{}
	for i := range n.Args() {
		code := n.Text(i)
		if code == "" {
			set = append(set, 0, store.Missing)
			continue
		}
		id, ok := c.vocabulary.units[code]
		if !ok {
			return nil, cannot(n, "%q is no unit of the repository's vocabulary; units are UCUM codes, such as \"mg/dL\"", code)
		}
		set = append(set, id)
	}
	return byInt32("unit_concept_id", newConceptSet(set).has), nil
}

func (c *compiler) valueFilter(n *plan.Node, base *events, pass func(float64) bool) (keeper, error) {
	value, err := valueOf(n, base)
	if err != nil {
		return nil, err
	}
	return func(_ *block, s selection, rows []int32) []int32 {
		v := value(s.batch)
		for _, r := range s.rows {
			if pass(v(r)) {
				rows = append(rows, r)
			}
		}
		return rows
	}, nil
}

// valueOf reads the events' value, whatever its type, as a float64.
func valueOf(n *plan.Node, base *events) (func(*store.Batch) func(row int32) float64, error) {
	f, ok := base.table.Field(base.value)
	if base.value == "" || !ok {
		return nil, cannot(n, "%s has no values", base.domain.table)
	}
	if f.Type == store.Float {
		return func(b *store.Batch) func(int32) float64 {
			v := b.Float64(f.Name)
			return func(row int32) float64 { return v[row] }
		}, nil
	}
	return func(b *store.Batch) func(int32) float64 {
		v := b.Int32(f.Name)
		return func(row int32) float64 {
			if v[row] == store.Missing {
				return math.NaN()
			}
			return float64(v[row])
		}
	}, nil
}

// timeFilter keeps events in a window of days around each participant's moment.
// Who misses the moment has no event in the window.
func (c *compiler) timeFilter(n *plan.Node, base *events) (keeper, error) {
	moment, err := c.moments(n.Node(0))
	if err != nil {
		return nil, err
	}
	const far = math.MaxInt32
	lo, hi := int64(-far), int64(far)
	switch n.Op() {
	case "Before":
		hi = -1
	case "OnOrBefore":
		hi = 0
	case "After":
		lo = 1
	case "OnOrAfter":
		lo = 0
	case "Window":
		lo, hi = int64(n.Int(1)), int64(n.Int(2))
	}
	return func(b *block, s selection, rows []int32) []int32 {
		at := moment(b)
		who, when := s.batch.Int32("participant"), s.batch.Int32(base.start)
		for _, r := range s.rows {
			m := at[who[r]-b.first]
			days := int64(when[r]) - int64(m)
			if m != store.Missing && when[r] != store.Missing && days >= lo && days <= hi {
				rows = append(rows, r)
			}
		}
		return rows
	}, nil
}

func (c *compiler) ageFilter(n *plan.Node, base *events) (keeper, error) {
	birth, err := c.personDate(n, "birth_date")
	if err != nil {
		return nil, err
	}
	from, to := float64(n.Int(0)), float64(n.Int(1))
	return func(b *block, s selection, rows []int32) []int32 {
		born := birth(b)
		who, when := s.batch.Int32("participant"), s.batch.Int32(base.start)
		for _, r := range s.rows {
			if age := years(born[who[r]-b.first], when[r]); age >= from && age <= to {
				rows = append(rows, r)
			}
		}
		return rows
	}, nil
}

// duringFilter keeps events that start between the start and the end of a span
// of the same participant; a span without an end lasts one day.
func (c *compiler) duringFilter(n *plan.Node, base *events) (keeper, error) {
	spans, err := c.events(n.Node(0))
	if err != nil {
		return nil, err
	}
	return func(b *block, s selection, rows []int32) []int32 {
		sp := spans.rows(b)
		if sp.batch == nil {
			return rows
		}
		who, when := s.batch.Int32("participant"), s.batch.Int32(base.start)
		whose, start := sp.batch.Int32("participant"), sp.batch.Int32(spans.start)
		end := start
		if spans.end != "" && sp.batch.Int32(spans.end) != nil {
			end = sp.batch.Int32(spans.end)
		}
		from := 0
		for _, r := range s.rows {
			for from < len(sp.rows) && whose[sp.rows[from]] < who[r] {
				from++
			}
			for i := from; i < len(sp.rows) && whose[sp.rows[i]] == who[r]; i++ {
				if q := sp.rows[i]; start[q] != store.Missing && when[r] >= start[q] && when[r] <= max(start[q], end[q]) {
					rows = append(rows, r)
					break
				}
			}
		}
		return rows
	}, nil
}

// apart keeps a participant's first event and each one at least so many days after the last one kept.
func apart(base *events, days int32) keeper {
	return func(_ *block, s selection, rows []int32) []int32 {
		who, when := s.batch.Int32("participant"), s.batch.Int32(base.start)
		last, kept := int32(-1), int32(0)
		for _, r := range s.rows {
			if when[r] == store.Missing {
				continue
			}
			if who[r] != last || when[r]-kept >= days {
				rows = append(rows, r)
				last, kept = who[r], when[r]
			}
		}
		return rows
	}
}
