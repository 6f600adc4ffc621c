package engine

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// number compiles a Number.
func (c *compiler) number(n *plan.Node) (column[float64], error) {
	return once(c, n, "number", func() (column[float64], error) {
		switch n.Op() {
		case "Age":
			if n.Recv() != nil {
				return c.ageAt(n, n.Recv())
			}
			return c.ageAtCutOff(n)
		case "AgeAt":
			return c.ageAt(n, n.Node(0))
		case "Value":
			return c.eventValue(n)
		case "MeanValue":
			return c.mean(n)
		case "Occurrences":
			count, err := c.count(n.Recv())
			if err != nil {
				return nil, err
			}
			return vector(c, func(b *block, out []float64) {
				for i, k := range count(b) {
					out[i] = float64(k)
				}
			}), nil
		case "Year":
			return c.fromDate(n.Recv(), func(d int32) float64 { y, _, _ := civil(d); return float64(y) })
		case "DaysSince":
			return c.daysSince(n)
		}
		return nil, unknownOp(n)
	})
}

func (c *compiler) fromDate(n *plan.Node, f func(int32) float64) (column[float64], error) {
	day, err := c.moments(n)
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []float64) {
		for i, d := range day(b) {
			out[i] = math.NaN()
			if d != store.Missing {
				out[i] = f(d)
			}
		}
	}), nil
}

func (c *compiler) daysSince(n *plan.Node) (column[float64], error) {
	day, err := c.moments(n.Recv())
	if err != nil {
		return nil, err
	}
	since, err := c.moments(n.Node(0))
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []float64) {
		d, s := day(b), since(b)
		for i := range out {
			out[i] = math.NaN()
			if d[i] != store.Missing && s[i] != store.Missing {
				out[i] = float64(d[i]) - float64(s[i])
			}
		}
	}), nil
}

// ageAt is the age in completed years at a moment.
func (c *compiler) ageAt(n, moment *plan.Node) (column[float64], error) {
	at, err := c.moments(moment)
	if err != nil {
		return nil, err
	}
	birth, err := c.personDate(n, "birth_date")
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []float64) {
		born := birth(b)
		for i, d := range at(b) {
			out[i] = years(born[i], d)
		}
	}), nil
}

func (c *compiler) ageAtCutOff(n *plan.Node) (column[float64], error) {
	birth, err := c.personDate(n, "birth_date")
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []float64) {
		for i, d := range birth(b) {
			out[i] = years(d, c.cutOff)
		}
	}), nil
}

// date compiles a Date.
func (c *compiler) date(n *plan.Node) (column[int32], error) {
	switch n.Op() {
	case "Date":
		return c.moments(n.Recv())
	case "End":
		return c.eventField(n.Recv(), func(d domain) string { return d.end })
	case "Birth":
		return c.personDate(n, "birth_date")
	case "Day":
		day := dayOf(n.Int(0), n.Int(1), n.Int(2))
		return vector(c, func(_ *block, out []int32) {
			for i := range out {
				out[i] = day
			}
		}), nil
	case "AddDays":
		return c.addDays(n)
	case "Index":
		co, err := c.cohort(n.Recv())
		if err != nil {
			return nil, err
		}
		if co.index == nil {
			return nil, &plan.Error{Op: "Index", Msg: "the cohort has no index date", Way: "give it one with .Entry(event)", At: n.At()}
		}
		return co.index, nil
	case "ObservedFrom", "ObservedUntil":
		return c.observed(n)
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
			sum := int64(d) + k
			out[i] = store.Missing
			if d != store.Missing && sum > math.MinInt32 && sum <= math.MaxInt32 {
				out[i] = int32(sum)
			}
		}
	}), nil
}

// observed is the first day, or the last, of a participant's observation periods.
func (c *compiler) observed(n *plan.Node) (column[int32], error) {
	d := tables["observation_period"]
	t, err := c.table(n, d.table, d.start, d.end)
	if err != nil {
		return nil, err
	}
	until := n.Op() == "ObservedUntil"
	return vector(c, func(b *block, out []int32) {
		for i := range out {
			out[i] = store.Missing
		}
		batch, from, to := t.Rows(b.stride)
		if batch == nil {
			return
		}
		who, day := batch.Int32("participant"), batch.Int32(d.start)
		if until {
			day = batch.Int32(d.end)
		}
		for r := from; r < to; r++ {
			i := who[r] - b.first
			switch {
			case day[r] == store.Missing:
			case out[i] == store.Missing, until && day[r] > out[i], !until && day[r] < out[i]:
				out[i] = day[r]
			}
		}
	}), nil
}

// personInts reads an integer field of person.
func (c *compiler) personInts(n *plan.Node, field string) (column[int32], error) {
	t, err := c.table(n, "person", field)
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []int32) {
		batch, from, to := t.Rows(b.stride)
		if to-from != b.n {
			panic("person has not one row a participant")
		}
		copy(out, batch.Int32(field)[from:to])
	}), nil
}

func (c *compiler) personDate(n *plan.Node, field string) (column[int32], error) {
	k := plan.ID{}
	copy(k[:], field)
	if v, ok := c.done[key{k, "person"}]; ok {
		return v.(column[int32]), nil
	}
	v, err := c.personInts(n, field)
	if err == nil {
		c.done[key{k, "person"}] = v
	}
	return v, err
}

// category is a compiled Category: codes are indexes into labels.
type category struct {
	codes  column[int32]
	labels []string
	closed bool
}

// personFields are the person attributes by operation.
var personFields = map[string]string{
	"SexAtBirth":     "sex_at_birth_concept_id",
	"GenderIdentity": "gender_identity_concept_id",
	"Race":           "race_concept_id",
	"Ethnicity":      "ethnicity_concept_id",
	"State":          "state_of_residence_concept_id",
}

func (c *compiler) category(n *plan.Node) (*category, error) {
	return once(c, n, "category", func() (*category, error) {
		if field := personFields[n.Op()]; field != "" && n.Recv() == nil {
			// OMOP CDM proper has gender_concept_id where the workbench adds sex_at_birth.
			if t, err := c.table(n, "person"); err == nil && n.Op() == "SexAtBirth" {
				if _, ok := t.Field(field); !ok {
					field = "gender_concept_id"
				}
			}
			ids, err := c.personInts(n, field)
			if err != nil {
				return nil, err
			}
			present, err := c.distinct("person", field, nil)
			if err != nil {
				return nil, err
			}
			return c.conceptLabels(ids, present), nil
		}
		switch n.Op() {
		case "Bands", "BandsOf":
			return c.bands(n)
		case "Concept":
			ev, _, err := c.event(n.Recv())
			if err != nil {
				return nil, err
			}
			return c.chosenConcepts(n, ev.concept)
		case "Answer":
			return c.answer(n)
		}
		return nil, unknownOp(n)
	})
}

func (c *compiler) chosenConcepts(n *plan.Node, field string) (*category, error) {
	ids, err := c.eventField(n.Recv(), func(domain) string { return field })
	if err != nil {
		return nil, err
	}
	ev, _, _ := c.event(n.Recv())
	present, err := c.distinct(ev.domain.table, field, nil)
	if err != nil {
		return nil, err
	}
	return c.conceptLabels(ids, present), nil
}

// answer is the latest answer to a survey question.
func (c *compiler) answer(n *plan.Node) (*category, error) {
	const question, given = "question_concept_id", "answer_concept_id"
	d := domains["Survey"]
	t, err := c.table(n, d.table, question, given)
	if err != nil {
		return nil, err
	}
	want := int32(n.Int(0))
	ids := vector(c, func(b *block, out []int32) {
		for i := range out {
			out[i] = store.Missing
		}
		batch, from, to := t.Rows(b.stride)
		if batch == nil {
			return
		}
		who, asked, answer := batch.Int32("participant"), batch.Int32(question), batch.Int32(given)
		for r := from; r < to; r++ {
			if asked[r] == want {
				out[who[r]-b.first] = answer[r]
			}
		}
	})
	present, err := c.distinct(d.table, given, func(b *store.Batch) func(int) bool {
		asked := b.Int32(question)
		return func(r int) bool { return asked[r] == want }
	})
	if err != nil {
		return nil, err
	}
	cat := c.conceptLabels(ids, present)
	for i, name := range cat.labels {
		// All of Us names an answer after its question: "General Health: Excellent".
		if at := strings.LastIndex(name, ": "); at >= 0 {
			cat.labels[i] = name[at+2:]
		}
	}
	return cat, nil
}

// conceptLabels turns concept ids into codes in the order of the ids. No concept
// (0, or missing) is a missing label.
func (c *compiler) conceptLabels(ids column[int32], present conceptSet) *category {
	cat := &category{}
	for _, id := range present {
		cat.labels = append(cat.labels, c.vocabulary.name(id))
	}
	cat.codes = vector(c, func(b *block, out []int32) {
		for i, id := range ids(b) {
			code, ok := slices.BinarySearch(present, id)
			if !ok {
				code = -1
			}
			out[i] = int32(code)
		}
	})
	return cat
}

// distinct is the concepts above 0 that a field of a table has, among the rows that keep passes.
func (c *compiler) distinct(table, field string, keep func(*store.Batch) func(int) bool) (conceptSet, error) {
	t, err := c.repo.Table(table)
	if err != nil {
		return nil, err
	}
	seen := map[int32]bool{}
	for i := range t.Batches {
		pass := func(int) bool { return true }
		if keep != nil {
			pass = keep(&t.Batches[i])
		}
		last := int32(0)
		for r, id := range t.Batches[i].Int32(field) {
			if id != last && id > 0 && pass(r) {
				seen[id], last = true, id
			}
		}
	}
	var out []int32
	for id := range seen {
		out = append(out, id)
	}
	return newConceptSet(out), nil
}

// bands cuts a number at edges: below the first, from one edge to below the next, from the last on.
func (c *compiler) bands(n *plan.Node) (*category, error) {
	x, err := c.number(n.Recv())
	if err != nil {
		return nil, err
	}
	edges := edgesOf(n)
	cat := &category{labels: bandLabels(edges), closed: true}
	cat.codes = vector(c, func(b *block, out []int32) {
		for i, v := range x(b) {
			out[i] = -1
			if !math.IsNaN(v) {
				k, found := slices.BinarySearch(edges, v)
				if found {
					k++
				}
				out[i] = int32(k)
			}
		}
	})
	return cat, nil
}

func edgesOf(n *plan.Node) []float64 {
	var edges []float64
	if n.Op() == "Bands" {
		for i := range n.Args() {
			edges = append(edges, n.Float(i))
		}
		return edges
	}
	width, lo, hi := n.Float(0), n.Float(1), n.Float(2)
	for k := 0; ; k++ {
		e := lo + float64(k)*width
		if e >= hi {
			return append(edges, hi)
		}
		edges = append(edges, e)
	}
}

// bandLabels are "<18", "18 to <45", "45+"; whole-numbered edges of one width 1 would read as single values.
func bandLabels(edges []float64) []string {
	text := func(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
	out := []string{"<" + text(edges[0])}
	for i := 1; i < len(edges); i++ {
		out = append(out, text(edges[i-1])+" to <"+text(edges[i]))
	}
	return append(out, text(edges[len(edges)-1])+"+")
}
