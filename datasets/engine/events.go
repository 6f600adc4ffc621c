package engine

import (
	"math"
	"slices"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// events are the rows of a table that pass every filter.
type events struct {
	plan.Domain
	table *store.Table // nil for rows that Union made
	rows  rowsOf
	value func(source) func(row int32) float64 // nil where they have none
	scan  *scan                                // the same rows, where they are those of a simple scan
}

// dictionary is the concepts of a field, nil where it is none of concepts.
func (ev *events) dictionary(field string) []int32 {
	if ev.table == nil || field == "" {
		return nil
	}
	if f, ok := ev.table.Field(field); !ok || f.Type != store.Concept {
		return nil
	}
	return append([]int32{}, ev.table.Concepts(field)...) // an empty table has none
}

// scan is all rows of a table with a value and a date in a range.
type scan struct {
	table    *store.Table
	valued   bool // lo and hi count
	lo, hi   float64
	dated    bool // from and to count
	from, to int32
}

func (c *compiler) events(n *plan.Node) (*events, error) {
	return once(c, n, "events", func() (*events, error) {
		if c.ex != nil {
			return c.splitEvents(n)
		}
		if n.Recv() == nil || (n.Op() == "Descendants" || n.Op() == "Except") && namesConcepts(n.Leaf()) {
			return c.domain(n)
		}
		switch n.Op() {
		case "Union":
			return c.union(n)
		case "Eras":
			return c.eras(n)
		case "Per":
			return nil, &plan.Error{Op: "Per", Msg: "one value for each group of a split", Way: "use it where By names the same splits"}
		}
		base, err := c.events(n.Recv())
		if err != nil {
			return nil, err
		}
		return c.narrow(n, base)
	})
}

// narrow applies a step that keeps some of the events, or reads another value.
func (c *compiler) narrow(n *plan.Node, base *events) (*events, error) {
	out := *base
	out.scan = base.scan.narrowed(n, base)
	switch n.Op() {
	case "Read":
		out.Value = n.Text(0)
		var err error
		out.value, err = fieldValue(n, base.table, n.Text(0))
		return &out, err
	case "ConvertTo":
		return c.convert(n, &out)
	}
	keep, err := c.filter(n, base)
	if err != nil {
		return nil, err
	}
	out.rows = selecting(c, func(b *block, to selection) selection {
		s := base.rows(b)
		if s.source == nil {
			return to
		}
		to.source = s.source
		keep(b, s, &to)
		return to
	})
	return &out, nil
}

// domain is the events of a table, of some concepts or of all.
func (c *compiler) domain(n *plan.Node) (*events, error) {
	leaf := n.Leaf()
	d, ok := plan.DomainOf(leaf)
	if !ok {
		return nil, cannot(leaf, "no table of events")
	}
	t, err := c.table(leaf, d.Table, "participant", d.Start)
	if err != nil {
		return nil, err
	}
	ev := &events{Domain: d, table: t}
	if _, ok := t.Field(d.Value); ok {
		if ev.value, err = fieldValue(n, t, d.Value); err != nil {
			return nil, err
		}
	}
	if !namesConcepts(leaf) {
		ev.scan = &scan{table: t, lo: math.Inf(-1), hi: math.Inf(1), from: store.Missing + 1, to: math.MaxInt32}
		ev.rows = selecting(c, func(b *block, to selection) selection {
			batch, from, end := t.Rows(b.stride)
			if batch == nil {
				return to
			}
			return between(b, batch, from, end, to)
		})
		return ev, nil
	}
	set, err := c.vocabulary.concepts(n)
	if err != nil {
		return nil, err
	}
	if _, err := c.table(leaf, d.Table, d.Concept); err != nil {
		return nil, err
	}
	ev.rows = c.ofConcepts(t, d.Concept, set.in(t.Concepts(d.Concept)))
	return ev, nil
}

// namesConcepts says that a root is of some concepts, not of all events.
func namesConcepts(leaf *plan.Node) bool {
	return leaf.Op() != "Table" && leaf.Op() != "Death" && len(leaf.Args()) > 0
}

// between selects the rows of a batch from one to another.
func between(b *block, batch *store.Batch, from, end int, to selection) selection {
	to.source = batch
	participant := batch.Int32("participant")[from:end]
	to.room(len(participant))
	for i, p := range participant {
		to.rows[i], to.who[i] = int32(from+i), p-b.first
	}
	return to
}

// sparse is the share of a table's rows below which rows are found by the index:
// one in so many.
const sparse = 6

// ofConcepts selects the rows with one of the codes: by the index where they are
// few, by looking at every row where they are many.
func (c *compiler) ofConcepts(t *store.Table, field string, codes []int32) rowsOf {
	f, _ := t.Field(field)
	rows := int64(0)
	if f.Indexed {
		for i := range t.Batches {
			for _, code := range codes {
				rows += int64(len(t.Batches[i].WithConcept(int(code))))
			}
		}
	}
	switch {
	case f.Indexed && len(codes) == 1 && rows*sparse < t.Info.Rows:
		return selecting(c, func(b *block, to selection) selection {
			batch, from, end := t.Rows(b.stride)
			if batch == nil {
				return to
			}
			return chosen(b, batch, rowsIn(batch.WithConcept(int(codes[0])), from, end), to)
		})
	case f.Indexed && rows*sparse < t.Info.Rows:
		marks := held[[]uint64](c)
		return selecting(c, func(b *block, to selection) selection {
			batch, from, end := t.Rows(b.stride)
			if batch == nil {
				return to
			}
			return marked(b, batch, from, end, codes, marks(b), to)
		})
	}
	wanted := make([]bool, len(t.Concepts(field)))
	for _, code := range codes {
		wanted[code] = true
	}
	return selecting(c, func(b *block, to selection) selection {
		batch, from, end := t.Rows(b.stride)
		if batch == nil || len(codes) == 0 {
			return to
		}
		to.source = batch
		participant, concept := batch.Int32("participant")[from:end], batch.Int32(field)[from:end]
		to.room(len(concept))
		// Every row is written; only those that match move on. There is no branch
		// to mispredict.
		n := 0
		for i, code := range concept {
			to.rows[n], to.who[n] = int32(from+i), participant[i]-b.first
			if wanted[code] {
				n++
			}
		}
		to.rows, to.who = to.rows[:n], to.who[:n]
		return to
	})
}

// rowsIn is the rows in [from, end) of ascending ones.
func rowsIn(rows []int32, from, end int) []int32 {
	lo, _ := slices.BinarySearch(rows, int32(from))
	hi, _ := slices.BinarySearch(rows[lo:], int32(end))
	return rows[lo : lo+hi]
}

func chosen(b *block, batch *store.Batch, rows []int32, to selection) selection {
	to.source = batch
	to.room(len(rows))
	copy(to.rows, rows)
	participant := batch.Int32("participant")
	for i, r := range rows {
		to.who[i] = participant[r] - b.first
	}
	return to
}

// marked merges the index's rows of several concepts by marking them in a bitmap.
func marked(b *block, batch *store.Batch, from, end int, codes []int32, bitmap *[]uint64, to selection) selection {
	words := (end - from + 63) / 64
	*bitmap = slices.Grow((*bitmap)[:0], words)[:words]
	marks := *bitmap
	clear(marks)
	for _, code := range codes {
		for _, r := range rowsIn(batch.WithConcept(int(code)), from, end) {
			i := int(r) - from
			marks[i/64] |= 1 << (i % 64)
		}
	}
	to.source = batch
	participant := batch.Int32("participant")
	for w, word := range marks {
		for ; word != 0; word &= word - 1 {
			r := int32(from + 64*w + trailingZeros(word))
			to.rows = append(to.rows, r)
			to.who = append(to.who, participant[r]-b.first)
		}
	}
	return to
}

// fieldValue reads a numeric field, whatever its type, as a float64.
func fieldValue(n *plan.Node, t *store.Table, field string) (func(source) func(int32) float64, error) {
	if t == nil {
		return nil, cannot(n, "events of several kinds have no field %s", field)
	}
	f, ok := t.Field(field)
	switch {
	case !ok:
		return nil, cannot(n, "table %s of the repository has no field %s", t.Name, field)
	case f.Type == store.Float:
		return floats(field), nil
	case f.Type == store.Integer:
		return func(s source) func(int32) float64 {
			v := s.Int32(field)
			return func(row int32) float64 {
				if v[row] == store.Missing {
					return math.NaN()
				}
				return float64(v[row])
			}
		}, nil
	}
	return nil, cannot(n, "field %s of table %s is no number: its type is %s", field, t.Name, f.Type)
}

func floats(field string) func(source) func(int32) float64 {
	return func(s source) func(int32) float64 {
		v := s.Float64(field)
		return func(row int32) float64 { return v[row] }
	}
}

// narrowed is the scan after one more step, nil where that is no simple scan.
func (s *scan) narrowed(n *plan.Node, base *events) *scan {
	if s == nil {
		return nil
	}
	out := *s
	switch n.Op() {
	case "ValueBetween", "ValueAtLeast", "ValueBelow":
		f, _ := s.table.Field(base.Value)
		if plainDomain, _ := plan.DomainOf(n.Leaf()); f.Type != store.Float || base.Value != plainDomain.Value {
			return nil
		}
		out.valued = true
		switch n.Op() {
		case "ValueBetween":
			out.lo, out.hi = max(s.lo, n.Float(0)), min(s.hi, n.Float(1))
		case "ValueAtLeast":
			out.lo = max(s.lo, n.Float(0))
		case "ValueBelow":
			out.hi = min(s.hi, math.Nextafter(n.Float(0), math.Inf(-1)))
		}
		return &out
	case "Before", "OnOrBefore", "After", "OnOrAfter", "Window":
		day := n.Node(0)
		if day.Op() != "Day" {
			return nil
		}
		lo, hi := windowOf(n)
		d := int64(dayOf(day.Int(0), day.Int(1), day.Int(2)))
		out.dated = true
		out.from = int32(max(int64(s.from), clampDay(d+lo)))
		out.to = int32(min(int64(s.to), clampDay(d+hi)))
		return &out
	}
	return nil
}

func clampDay(d int64) int64 { return min(max(d, int64(store.Missing)+1), math.MaxInt32) }
