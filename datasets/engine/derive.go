package engine

import (
	"math"
	"slices"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// assembled is rows that Union or Eras made, under the names of madeDomain.
type assembled struct {
	start, end, concept []int32
	value               []float64
}

var madeDomain = plan.Domain{Start: "start", End: "end", Concept: "concept", Value: "value"}

// Int32 implements source.
func (m *assembled) Int32(field string) []int32 {
	switch field {
	case "start":
		return m.start
	case "end":
		return m.end
	case "concept":
		return m.concept
	}
	return nil
}

// Float64 implements source.
func (m *assembled) Float64(field string) []float64 {
	if field == "value" {
		return m.value
	}
	return nil
}

func (m *assembled) reset() {
	m.start, m.end, m.concept, m.value = m.start[:0], m.end[:0], m.concept[:0], m.value[:0]
}

// reader reads the parts of events that Union and Eras keep.
type reader struct {
	selection
	start []int32
	end   func(int32) int32
	value func(int32) float64
}

func (ev *events) read(b *block) reader {
	s := ev.rows(b)
	r := reader{selection: s}
	if s.source == nil {
		return r
	}
	r.start, r.end = s.Int32(ev.Start), endsOf(ev, s)
	r.value = func(int32) float64 { return math.NaN() }
	if ev.value != nil {
		r.value = ev.value(s)
	}
	return r
}

// union joins events of several kinds, in the order of their dates; of one day, in
// the order in which the kinds were named.
func (c *compiler) union(n *plan.Node) (*events, error) {
	var parts []*events
	for _, p := range append([]*plan.Node{n.Recv()}, n.Nodes(0)...) {
		ev, err := c.events(p)
		if err != nil {
			return nil, err
		}
		parts = append(parts, ev)
	}
	hold := held[assembled](c)
	out := &events{Domain: madeDomain, value: floats("value")}
	out.rows = selecting(c, func(b *block, to selection) selection {
		m := hold(b)
		m.reset()
		readers := make([]reader, len(parts))
		next := make([]int, len(parts))
		for k, p := range parts {
			readers[k] = p.read(b)
		}
		for {
			best := -1
			for k, r := range readers {
				if next[k] < len(r.rows) && (best < 0 || earlier(r, next[k], readers[best], next[best])) {
					best = k
				}
			}
			if best < 0 {
				break
			}
			r, i := readers[best], next[best]
			next[best]++
			to.rows = append(to.rows, int32(len(m.start)))
			to.who = append(to.who, r.who[i])
			m.start = append(m.start, r.start[r.rows[i]])
			m.end = append(m.end, r.end(r.rows[i]))
			m.value = append(m.value, r.value(r.rows[i]))
		}
		to.source = m
		return to
	})
	return out, nil
}

func earlier(r reader, i int, q reader, j int) bool {
	if r.who[i] != q.who[j] {
		return r.who[i] < q.who[j]
	}
	return r.start[r.rows[i]] < q.start[q.rows[j]]
}

// eras joins a participant's events that start within gap days of the end of the
// era before them.
func (c *compiler) eras(n *plan.Node) (*events, error) {
	base, err := c.events(n.Recv())
	if err != nil {
		return nil, err
	}
	gap := int64(n.Int(0))
	hold := held[assembled](c)
	out := &events{Domain: plan.Domain{Start: "start", End: "end"}}
	out.rows = selecting(c, func(b *block, to selection) selection {
		m := hold(b)
		m.reset()
		r := base.read(b)
		for i, row := range r.rows {
			if r.start[row] == store.Missing {
				continue
			}
			last := len(m.start) - 1
			if last >= 0 && to.who[last] == r.who[i] && int64(r.start[row])-int64(m.end[last]) <= gap {
				m.end[last] = max(m.end[last], r.end(row))
				continue
			}
			to.rows = append(to.rows, int32(len(m.start)))
			to.who = append(to.who, r.who[i])
			m.start, m.end = append(m.start, r.start[row]), append(m.end, r.end(row))
		}
		to.source = m
		return to
	})
	return out, nil
}

// factor converts values: y = (x + before) · times.
type factor struct {
	from, to      string // UCUM codes
	before, times float64
	concepts      []int32 // of which measurements; nil for any
}

// factors are exact by definition, or the field's: HbA1c after the IFCC-NGSP master
// equation (Hoelzel et al., Clin Chem 2004), substances by their molar mass.
var factors = []factor{
	{"[lb_av]", "kg", 0, 0.45359237, nil},
	{"g", "kg", 0, 0.001, nil},
	{"[in_i]", "cm", 0, 2.54, nil},
	{"m", "cm", 0, 100, nil},
	{"[degF]", "Cel", -32, 5.0 / 9, nil},
	{"%", "mmol/mol", -2.15, 10.929, []int32{3004410, 3005673, 40758583}},
	{"mg/dL", "mmol/L", 0, 1 / 18.016, []int32{3004501, 3037110}},                  // glucose
	{"mg/dL", "mmol/L", 0, 1 / 38.67, []int32{3027114, 3028437, 3028288, 3007070}}, // cholesterol
	{"mg/dL", "mmol/L", 0, 1 / 88.57, []int32{3022192}},                            // triglycerides
	{"mg/dL", "umol/L", 0, 88.42, []int32{3016723, 3051825}},                       // creatinine
}

// between finds the conversion from one unit to another, in either direction.
func conversion(from, to string, concept int32) (f func(float64) float64, ok bool) {
	if from == to {
		return func(x float64) float64 { return x }, true
	}
	for _, k := range factors {
		if k.concepts != nil && !slices.Contains(k.concepts, concept) {
			continue
		}
		switch {
		case k.from == from && k.to == to:
			return func(x float64) float64 { return (x + k.before) * k.times }, true
		case k.from == to && k.to == from:
			return func(x float64) float64 { return x/k.times - k.before }, true
		}
	}
	return nil, false
}

// convert reads the values in one unit and drops the rows of which no conversion is known.
func (c *compiler) convert(n *plan.Node, ev *events) (*events, error) {
	units, concepts := ev.dictionary(unitField), ev.dictionary(ev.Concept)
	if units == nil || concepts == nil || ev.value == nil {
		return nil, cannot(n, "the events have no units")
	}
	if _, ok := c.vocabulary.unit(n.Text(0)); !ok {
		return nil, cannot(n, "%q is no unit of the repository's vocabulary; units are UCUM codes, such as \"mg/dL\"", n.Text(0))
	}
	type pair struct{ unit, concept int32 }
	known := map[pair]func(float64) float64{}
	for u, unit := range units {
		for k, concept := range concepts {
			if f, ok := conversion(c.vocabulary.ucum(unit), n.Text(0), concept); ok {
				known[pair{int32(u), int32(k)}] = f
			}
		}
	}
	base := *ev
	value := ev.value
	ev.scan = nil
	ev.rows = selecting(c, func(b *block, to selection) selection {
		s := base.rows(b)
		if s.source == nil {
			return to
		}
		to.source = s.source
		filterRows(func(_ *block, s selection) func(int, int32) bool {
			u, k := s.Int32(unitField), s.Int32(base.Concept)
			return func(_ int, row int32) bool { return known[pair{u[row], k[row]}] != nil }
		})(b, s, &to)
		return to
	})
	ev.value = func(s source) func(int32) float64 {
		v, u, k := value(s), s.Int32(unitField), s.Int32(base.Concept)
		return func(row int32) float64 { return known[pair{u[row], k[row]}](v(row)) }
	}
	return ev, nil
}
