package engine

import (
	"math"
	"slices"
	"strconv"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// count is the number of an entry's events.
func (c *compiler) count(n *plan.Node) (column[int32], error) {
	return once(c, n, "count", func() (column[int32], error) {
		ev, err := c.events(n)
		if err != nil {
			return nil, err
		}
		return vector(c, func(b *block, out []int32) {
			clear(out)
			for _, i := range ev.rows(b).who {
				out[i]++
			}
		}), nil
	})
}

// occurs says whether an entry has at least so many events.
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

// occurrences is the count as a number.
func (c *compiler) occurrences(n *plan.Node) (column[float64], error) {
	count, err := c.count(n.Recv())
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []float64) {
		for i, k := range count(b) {
			out[i] = float64(k)
		}
	}), nil
}

// distinctConcepts is the number of different concepts among an entry's events; no
// matching concept is none.
func (c *compiler) distinctConcepts(n *plan.Node) (column[float64], error) {
	ev, err := c.events(n.Recv())
	if err != nil {
		return nil, err
	}
	ids := ev.dictionary(ev.Concept)
	if ids == nil {
		return nil, cannot(n, "the events have no concepts")
	}
	return vector(c, func(b *block, out []float64) {
		clear(out)
		seen := map[[2]int32]bool{}
		s := ev.rows(b)
		if s.source == nil {
			return
		}
		concept := s.Int32(ev.Concept)
		for k, r := range s.rows {
			if pair := [2]int32{s.who[k], concept[r]}; ids[concept[r]] > 0 && !seen[pair] {
				seen[pair] = true
				out[s.who[k]]++
			}
		}
	}), nil
}

// reducer folds an entry's values, in the order of their dates, none of them missing.
type reducer func(days, values []float64) float64

// reducers of values; days are days.
var reducers = map[string]reducer{
	"MeanValue": func(_, v []float64) float64 { return sumOf(v) / float64(len(v)) },
	"SumValue":  func(_, v []float64) float64 { return sumOf(v) },
	"MinValue":  func(_, v []float64) float64 { return slices.Min(v) },
	"MaxValue":  func(_, v []float64) float64 { return slices.Max(v) },
	"MedianValue": func(_, v []float64) float64 {
		v = slices.Clone(v)
		slices.Sort(v)
		return quantile(v, 0.5)
	},
	"SDValue":    func(_, v []float64) float64 { return sd(v) },
	"SlopeValue": slope,
}

func sumOf(v []float64) (s float64) {
	for _, x := range v {
		s += x
	}
	return s
}

// sd is the standard deviation of a sample, missing of fewer than two.
func sd(v []float64) float64 {
	if len(v) < 2 {
		return math.NaN()
	}
	mean, squares := sumOf(v)/float64(len(v)), 0.0
	for _, x := range v {
		squares += (x - mean) * (x - mean)
	}
	return math.Sqrt(squares / float64(len(v)-1))
}

// daysPerYear is the year of slopes and of YearsSince.
const daysPerYear = 365.25

// slope is the least-squares change a year; missing when all values are of one day.
func slope(days, v []float64) float64 {
	n := float64(len(v))
	d, m := sumOf(days)/n, sumOf(v)/n
	var xx, xy float64
	for i := range v {
		xx += (days[i] - d) * (days[i] - d)
		xy += (days[i] - d) * (v[i] - m)
	}
	return xy / xx * daysPerYear // 0/0 is missing
}

// quantile of sorted values by linear interpolation (R's type 7).
func quantile(sorted []float64, p float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	at := p * float64(len(sorted)-1)
	i := int(math.Floor(at))
	if i+1 >= len(sorted) {
		return sorted[len(sorted)-1]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// reduce folds the values of each entry.
func (c *compiler) reduce(n *plan.Node) (column[float64], error) {
	ev, err := c.events(n.Recv())
	if err != nil {
		return nil, err
	}
	if ev.value == nil {
		return nil, cannot(n, "the events have no values")
	}
	if n.Op() == "MeanValue" {
		return c.mean(ev), nil
	}
	fold := reducers[n.Op()]
	return vector(c, func(b *block, out []float64) {
		for i := range out {
			out[i] = math.NaN()
		}
		s := ev.rows(b)
		if s.source == nil {
			return
		}
		value, when := ev.value(s), s.Int32(ev.Start)
		var days, values []float64
		flush := func(who int32) {
			if len(values) > 0 {
				out[who] = fold(days, values)
			}
			days, values = days[:0], values[:0]
		}
		byEntry(s, func(k int) {
			if x := value(s.rows[k]); !math.IsNaN(x) {
				days, values = append(days, float64(when[s.rows[k]])), append(values, x)
			}
		}, flush)
	}), nil
}

// byEntry calls each for the rows of an entry, then flush, entry by entry. The
// entries of an expansion are not in order among the rows of a participant.
func byEntry(s selection, each func(k int), flush func(who int32)) {
	order := make([]int32, len(s.rows))
	sorted := true
	for k := range order {
		order[k] = int32(k)
		sorted = sorted && (k == 0 || s.who[k] >= s.who[k-1])
	}
	if !sorted {
		slices.SortStableFunc(order, func(a, b int32) int { return int(s.who[a]) - int(s.who[b]) })
	}
	for i, k := range order {
		if i > 0 && s.who[k] != s.who[order[i-1]] {
			flush(s.who[order[i-1]])
		}
		each(int(k))
	}
	if len(order) > 0 {
		flush(s.who[order[len(order)-1]])
	}
}

// mean is the most frequent reduction and needs no order. Of who has no rows it
// does nothing but write NaN.
func (c *compiler) mean(ev *events) column[float64] {
	counts, values := held[[]int32](c), held[[]float64](c)
	return vector(c, func(b *block, out []float64) {
		for i := range out {
			out[i] = math.NaN()
		}
		s := ev.rows(b)
		if s.source == nil {
			return
		}
		known := slices.Grow((*counts(b))[:0], len(out))[:len(out)]
		*counts(b) = known
		for _, i := range s.who {
			out[i], known[i] = 0, 0
		}
		for k, x := range valuesOf(ev, s, values(b)) {
			if i := s.who[k]; !math.IsNaN(x) {
				out[i] += x
				known[i]++
			}
		}
		for _, i := range s.who {
			if known[i] >= 0 {
				out[i] /= float64(known[i]) // 0/0 is missing
				known[i] = -1
			}
		}
	})
}

// valuesOf reads the values of all rows before anything depends on one of them, so
// that the processor fetches many at once.
func valuesOf(ev *events, s selection, scratch *[]float64) []float64 {
	value, to := ev.value(s), slices.Grow((*scratch)[:0], len(s.rows))[:len(s.rows)]
	for k, r := range s.rows {
		to[k] = value(r)
	}
	*scratch = to
	return to
}

// pick is at most one row an entry.
type pick struct {
	source
	rows []int32 // row of each entry, -1 for none
}

// choice is a compiled Event.
type choice struct {
	*events
	at func(*block) pick
}

// event compiles one event an entry.
func (c *compiler) event(n *plan.Node) (*choice, error) {
	return once(c, n, "event", func() (*choice, error) {
		events := n.Recv()
		if n.Op() == "Death" {
			events = n
		}
		ev, err := c.events(events)
		if err != nil {
			return nil, err
		}
		better, err := c.preference(n, ev)
		if err != nil {
			return nil, err
		}
		rows := vector(c, func(b *block, out []int32) {
			for i := range out {
				out[i] = -1
			}
			s := ev.rows(b)
			if s.source == nil {
				return
			}
			prefer := better(b, s)
			for k, r := range s.rows {
				if i := s.who[k]; prefer(i, out[i], r) {
					out[i] = r
				}
			}
		})
		return &choice{ev, func(b *block) pick { return pick{ev.rows(b).source, rows(b)} }}, nil
	})
}

// prefer says whether row is chosen instead of old, which is -1 for none yet.
type prefer func(who, old, row int32) bool

// preference: rows come in the order of their dates, ties in the table's order.
func (c *compiler) preference(n *plan.Node, ev *events) (func(*block, selection) prefer, error) {
	switch n.Op() {
	case "First", "Death":
		return func(*block, selection) prefer { return func(_, old, _ int32) bool { return old < 0 } }, nil
	case "Last":
		return func(*block, selection) prefer { return func(_, _, _ int32) bool { return true } }, nil
	case "Highest", "Lowest":
		if ev.value == nil {
			return nil, cannot(n, "the events have no values")
		}
		sign := 1.0
		if n.Op() == "Lowest" {
			sign = -1
		}
		return func(_ *block, s selection) prefer {
			v := ev.value(s)
			return func(_, old, row int32) bool {
				x := sign * v(row)
				return !math.IsNaN(x) && (old < 0 || x > sign*v(old))
			}
		}, nil
	case "Nearest":
		moment, err := c.moments(n.Node(0))
		if err != nil {
			return nil, err
		}
		return func(b *block, s selection) prefer {
			at, when := moment(b), s.Int32(ev.Start)
			return func(who, old, row int32) bool {
				if at[who] == store.Missing || when[row] == store.Missing {
					return false
				}
				far := func(r int32) int64 { return max(int64(when[r])-int64(at[who]), int64(at[who])-int64(when[r])) }
				return old < 0 || far(row) < far(old)
			}
		}, nil
	}
	return nil, unknownOp(n)
}

// picked says who has the event.
func (c *compiler) picked(n *plan.Node) (column[int8], error) {
	ch, err := c.event(n)
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []int8) {
		for i, r := range ch.at(b).rows {
			out[i] = truth(r >= 0)
		}
	}), nil
}

// ofPick reads one value of each entry's event; who has none has none.
func ofPick[T any](c *compiler, ch *choice, none T, bind func(source) func(row int32) T) column[T] {
	return vector(c, func(b *block, out []T) {
		p := ch.at(b)
		var read func(int32) T
		if p.source != nil {
			read = bind(p.source)
		}
		for i, r := range p.rows {
			out[i] = none
			if r >= 0 {
				out[i] = read(r)
			}
		}
	})
}

// eventDate is the day on which the event starts, or ends.
func (c *compiler) eventDate(n *plan.Node, end bool) (column[int32], error) {
	ch, err := c.event(n)
	if err != nil {
		return nil, err
	}
	if end && ch.End == "" {
		return nil, cannot(n, "the events have no end")
	}
	return ofPick(c, ch, store.Missing, func(s source) func(int32) int32 {
		v := s.Int32(ch.Start)
		if end {
			if v = s.Int32(ch.End); v == nil {
				return func(int32) int32 { return store.Missing }
			}
		}
		return func(row int32) int32 { return v[row] }
	}), nil
}

// eventNumber is the event's value, or another numeric field.
func (c *compiler) eventNumber(n *plan.Node) (column[float64], error) {
	ch, err := c.event(n.Recv())
	if err != nil {
		return nil, err
	}
	value := ch.value
	if n.Op() == "Number" {
		if value, err = fieldValue(n, ch.table, n.Text(0)); err != nil {
			return nil, err
		}
	}
	if value == nil {
		return nil, cannot(n, "the events have no values")
	}
	return ofPick(c, ch, math.NaN(), value), nil
}

// eventCategory is a concept or label field of the event.
func (c *compiler) eventCategory(n *plan.Node) (*category, error) {
	ch, err := c.event(n.Recv())
	if err != nil {
		return nil, err
	}
	ld, err := c.labelled(n, ch.events, fieldOf(n, ch.events))
	if err != nil {
		return nil, err
	}
	codes := ofPick(c, ch, -1, func(s source) func(int32) int32 {
		v := s.Int32(ld.field)
		return func(row int32) int32 { return ld.code(v[row]) }
	})
	return &category{codes: codes, labels: ld.labels}, nil
}

// fieldOf is the field that an operation on events or an event names.
func fieldOf(n *plan.Node, ev *events) string {
	switch n.Op() {
	case "Concept", "EachConcept":
		return ev.Concept
	case "Unit", "EachUnit":
		return unitField
	case "Source", "EachSource":
		return ev.Type
	case "Answer":
		return answerField(ev)
	case "EachModule":
		return "survey"
	}
	return n.Text(0) // Category, Each
}

// labelling is a field as labels: code maps its values to indexes into labels, -1 for none.
type labelling struct {
	field  string
	labels []string
	code   func(int32) int32
	codes  []int32 // the same for the codes of a dictionary; nil for a label field
}

// labelled reads a concept or label field of events as labels. No concept (0, or
// missing) is none.
func (c *compiler) labelled(n *plan.Node, ev *events, field string) (*labelling, error) {
	if ev.table == nil || field == "" {
		return nil, cannot(n, "the events have no field for it")
	}
	f, ok := ev.table.Field(field)
	switch {
	case !ok:
		return nil, cannot(n, "table %s of the repository has no field %s", ev.Table, field)
	case f.Type == store.Label:
		return &labelling{field: field, labels: f.Labels, code: func(v int32) int32 { return max(v, -1) }}, nil
	case f.Type != store.Concept:
		return nil, cannot(n, "field %s of table %s has no labels: its type is %s", field, ev.Table, f.Type)
	}
	name := c.vocabulary.name
	switch {
	case field == unitField:
		name = c.vocabulary.ucum
	case n.Op() == "Answer":
		name = func(id int32) string { return AnswerLabel(c.vocabulary.name(id)) }
	case n.Op() == "EachConcept":
		name = func(id int32) string { return strconv.Itoa(int(id)) + " " + c.vocabulary.name(id) }
	}
	return conceptLabels(field, ev.table.Concepts(field), func(code int) bool { return ev.table.Used(field, code) }, name), nil
}

// conceptLabels is the names of the used concepts of a dictionary, each once.
func conceptLabels(field string, ids []int32, used func(code int) bool, name func(int32) string) *labelling {
	codes := make([]int32, len(ids))
	at := make(map[string]int32, len(ids))
	l := &labelling{field: field, codes: codes, code: func(v int32) int32 { return codes[v] }}
	for i, id := range ids {
		codes[i] = -1
		if id <= 0 || !used(i) {
			continue
		}
		label := name(id)
		k, ok := at[label]
		if !ok {
			k = int32(len(l.labels))
			at[label], l.labels = k, append(l.labels, label)
		}
		codes[i] = k
	}
	return l
}
