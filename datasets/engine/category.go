package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// categorical compiles a Category by its operation.
func (c *compiler) categorical(n *plan.Node) (*category, error) {
	switch n.Op() {
	case "SexAtBirth", "GenderIdentity", "Race", "Ethnicity", "State":
		return c.attribute(n)
	case "Answer":
		if n.Recv() == nil {
			return c.answer(n)
		}
		return c.eventCategory(n)
	case "Concept", "Unit", "Source", "Category":
		return c.eventCategory(n)
	case "Bands", "BandsOf":
		return c.bands(n)
	case "Levels":
		return c.levels(n)
	case "Fractions":
		return c.fractions(n)
	case "Labels":
		return c.truthLabels(n)
	case "Recode", "Collapse", "Order", "OrElse":
		return c.relabelled(n)
	case "Month":
		return c.fromCalendar(n, months, func(d int32) int { _, m, _ := civil(d); return m - 1 })
	case "Weekday":
		return c.fromCalendar(n, weekdays, func(d int32) int { return (int(d)%7 + 7 + 3) % 7 }) // 1970-01-01 was a Thursday
	case "Otherwise", "OrMissing":
		return c.cases(n)
	case "Which":
		return c.which(n)
	case "Step", "Path":
		return c.sequenceStep(n)
	}
	return nil, unknownOp(n)
}

var months = func() (out []string) {
	for m := time.January; m <= time.December; m++ {
		out = append(out, m.String())
	}
	return out
}()

var weekdays = []string{"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}

// attributes are the person attributes by operation.
var attributes = map[string]string{
	"SexAtBirth":     "sex_at_birth_concept_id",
	"GenderIdentity": "gender_identity_concept_id",
	"Race":           "race_concept_id",
	"Ethnicity":      "ethnicity_concept_id",
	"State":          "state_of_residence_concept_id",
}

// attribute is a concept of person.
func (c *compiler) attribute(n *plan.Node) (*category, error) {
	field := attributes[n.Op()]
	t, err := c.table(n, "person")
	if err != nil {
		return nil, err
	}
	// OMOP CDM proper has gender_concept_id where the workbench adds sex_at_birth.
	if _, ok := t.Field(field); !ok && n.Op() == "SexAtBirth" {
		field = "gender_concept_id"
	}
	if t, err = c.table(n, "person", field); err != nil {
		return nil, err
	}
	codes, err := c.personInts(n, field)
	if err != nil {
		return nil, err
	}
	used := func(code int) bool { return t.Used(field, code) }
	return c.coded(codes, t.Concepts(field), used, c.vocabulary.name), nil
}

// coded makes a category of the used codes of a dictionary. No concept (0, or missing) is no label.
func (c *compiler) coded(codes column[int32], dictionary []int32, used func(code int) bool, name func(int32) string) *category {
	l := conceptLabels("", dictionary, used, name)
	cat := &category{labels: l.labels}
	cat.codes = vector(c, func(b *block, out []int32) {
		for i, code := range codes(b) {
			out[i] = -1
			if code >= 0 {
				out[i] = l.codes[code]
			}
		}
	})
	return cat
}

// AnswerLabel is what an answer's concept is called as a label: All of Us names an
// answer after its question, "General Health: Excellent".
func AnswerLabel(name string) string {
	if at := strings.LastIndex(name, ": "); at >= 0 {
		return name[at+2:]
	}
	return name
}

// answer is the latest answer to a survey question.
func (c *compiler) answer(n *plan.Node) (*category, error) {
	const question, given = "question_concept_id", "answer_concept_id"
	t, err := c.table(n, "ds_survey", question, given)
	if err != nil {
		return nil, err
	}
	rows := c.ofConcepts(t, question, ids(n).in(t.Concepts(question)))
	codes := vector(c, func(b *block, out []int32) {
		for i := range out {
			out[i] = -1
		}
		s := rows(b)
		if s.source == nil {
			return
		}
		answer := s.Int32(given)
		for k, r := range s.rows {
			out[s.who[k]] = answer[r]
		}
	})
	used := answersTo(t, question, given, ids(n))
	name := func(id int32) string { return AnswerLabel(c.vocabulary.name(id)) }
	return c.coded(codes, t.Concepts(given), func(code int) bool { return used[code] }, name), nil
}

// answersTo says which codes of the answers' dictionary anybody gave to the questions.
func answersTo(t *store.Table, question, given string, questions conceptSet) []bool {
	used := make([]bool, len(t.Concepts(given)))
	for i := range t.Batches {
		b := &t.Batches[i]
		answers := b.Int32(given)
		for _, q := range questions.in(t.Concepts(question)) {
			for _, r := range b.WithConcept(int(q)) {
				used[answers[r]] = true
			}
		}
	}
	return used
}

// mapped renames the labels of a category: to is the new labels in order, and a
// label that leads to none of them is missing.
func (c *compiler) mapped(cat *category, to []string, rename func(string) string) *category {
	at := places(cat.labels, to, rename)
	codes := cat.codes
	return &category{labels: to, closed: cat.closed, codes: vector(c, func(b *block, out []int32) {
		for i, code := range codes(b) {
			out[i] = -1
			if code >= 0 {
				out[i] = at[code]
			}
		}
	})}
}

// relabelled compiles Recode, Collapse, Order and OrElse.
func (c *compiler) relabelled(n *plan.Node) (*category, error) {
	cat, err := c.category(n.Recv())
	if err != nil {
		return nil, err
	}
	rename := same
	to := cat.labels
	switch n.Op() {
	case "Recode":
		names := map[string]string{}
		for i := 0; i < len(n.Args()); i += 2 {
			names[n.Text(i)] = n.Text(i + 1)
		}
		rename = func(l string) string {
			if s, ok := names[l]; ok {
				return s
			}
			return l
		}
		to = renamed(cat.labels, rename)
	case "Collapse":
		rename = func(l string) string {
			for i := 1; i < len(n.Args()); i++ {
				if n.Text(i) == l {
					return n.Text(0)
				}
			}
			return l
		}
		to = renamed(cat.labels, rename)
	case "Order":
		to = nil
		for i := range n.Args() {
			if slices.Contains(cat.labels, n.Text(i)) && !slices.Contains(to, n.Text(i)) {
				to = append(to, n.Text(i))
			}
		}
		for _, l := range cat.labels {
			if !slices.Contains(to, l) {
				to = append(to, l)
			}
		}
	case "OrElse":
		return c.labelOrElse(cat, n.Text(0)), nil
	}
	return c.mapped(cat, to, rename), nil
}

// places is where each label stands in to after renaming, -1 for nowhere.
func places(labels, to []string, rename func(string) string) []int32 {
	at := map[string]int32{}
	for i, l := range to {
		at[l] = int32(i)
	}
	out := make([]int32, len(labels))
	for i, l := range labels {
		if k, ok := at[rename(l)]; ok {
			out[i] = k
		} else {
			out[i] = -1
		}
	}
	return out
}

// renamed is the labels after renaming, each once, in the order of the first.
func renamed(labels []string, rename func(string) string) []string {
	var out []string
	seen := map[string]bool{}
	for _, l := range labels {
		if l = rename(l); !seen[l] {
			seen[l] = true
			out = append(out, l)
		}
	}
	return out
}

func same(l string) string { return l }

// merged has each label once: two concepts may have one name.
func (c *compiler) merged(cat *category) *category {
	to := renamed(cat.labels, same)
	if len(to) == len(cat.labels) {
		return cat
	}
	return c.mapped(cat, to, same)
}

func (c *compiler) labelOrElse(cat *category, label string) *category {
	labels := cat.labels
	if !slices.Contains(labels, label) {
		labels = append(slices.Clone(labels), label)
	}
	instead := int32(slices.Index(labels, label))
	codes := cat.codes
	return &category{labels: labels, closed: cat.closed, codes: vector(c, func(b *block, out []int32) {
		for i, code := range codes(b) {
			out[i] = code
			if code < 0 {
				out[i] = instead
			}
		}
	})}
}

func (c *compiler) truthLabels(n *plan.Node) (*category, error) {
	x, err := c.truths(n.Recv())
	if err != nil {
		return nil, err
	}
	labels := renamed([]string{n.Text(0), n.Text(1)}, same)
	last := int32(len(labels) - 1)
	return &category{labels: labels, closed: true, codes: vector(c, func(b *block, out []int32) {
		for i, v := range x(b) {
			switch v {
			case yes:
				out[i] = 0
			case no:
				out[i] = last
			default:
				out[i] = -1
			}
		}
	})}, nil
}

func (c *compiler) fromCalendar(n *plan.Node, labels []string, part func(int32) int) (*category, error) {
	day, err := c.moments(n.Recv())
	if err != nil {
		return nil, err
	}
	return &category{labels: labels, closed: true, codes: vector(c, func(b *block, out []int32) {
		for i, d := range day(b) {
			out[i] = -1
			if d != store.Missing {
				out[i] = int32(part(d))
			}
		}
	})}, nil
}

// cases compiles When…Otherwise: the first condition that is true gives the label.
// An unknown one before it leaves the label missing.
func (c *compiler) cases(n *plan.Node) (*category, error) {
	type one struct {
		cond  column[int8]
		label int32
	}
	var list []one
	var texts []string
	for w := n.Recv(); w != nil; w = w.Recv() {
		texts = append([]string{w.Text(1)}, texts...)
	}
	if n.Op() == "Otherwise" {
		texts = append(texts, n.Text(0))
	}
	labels := renamed(texts, same)
	for w := n.Recv(); w != nil; w = w.Recv() {
		cond, err := c.truths(w.Node(0))
		if err != nil {
			return nil, err
		}
		list = append([]one{{cond, int32(slices.Index(labels, w.Text(1)))}}, list...)
	}
	last := int32(-1)
	if n.Op() == "Otherwise" {
		last = int32(slices.Index(labels, n.Text(0)))
	}
	return &category{labels: labels, closed: true, codes: vector(c, func(b *block, out []int32) {
		for i := range out {
			out[i] = last
		}
		for k := len(list) - 1; k >= 0; k-- { // the earlier ones have the last word
			for i, v := range list[k].cond(b) {
				switch v {
				case yes:
					out[i] = list[k].label
				case unknown:
					out[i] = -1
				}
			}
		}
	})}, nil
}

const several = "several"

// which is the cohort that a participant is in, by its name.
func (c *compiler) which(n *plan.Node) (*category, error) {
	var ins []column[int8]
	var labels []string
	for i, p := range n.Nodes(0) {
		co, err := c.cohort(p)
		if err != nil {
			return nil, err
		}
		ins = append(ins, co.in)
		name := p.Name()
		if slices.Contains(labels, name) {
			name = fmt.Sprintf("%s (%d)", name, i+1)
		}
		labels = append(labels, name)
	}
	labels = append(labels, several)
	return &category{labels: labels, closed: true, codes: vector(c, func(b *block, out []int32) {
		for i := range out {
			out[i] = -1
		}
		for k, in := range ins {
			for i, v := range in(b) {
				switch {
				case v != yes:
				case out[i] < 0:
					out[i] = int32(k)
				default:
					out[i] = int32(len(ins))
				}
			}
		}
	})}, nil
}

// sequence is the first days of several kinds of events, and their names.
func (c *compiler) sequence(n *plan.Node) (kinds []string, first []column[int32], err error) {
	for _, p := range n.Nodes(0) {
		ev, err := c.events(p)
		if err != nil {
			return nil, nil, err
		}
		kinds = append(kinds, p.Name())
		first = append(first, vector(c, func(b *block, out []int32) {
			for i := range out {
				out[i] = store.Missing
			}
			s := ev.rows(b)
			if s.source == nil {
				return
			}
			when := s.Int32(ev.Start)
			for k, r := range s.rows {
				if d := when[r]; out[s.who[k]] == store.Missing || d != store.Missing && d < out[s.who[k]] {
					out[s.who[k]] = d
				}
			}
		}))
	}
	return kinds, first, nil
}

// inOrder gives each entry's kinds in the order of their first days.
func inOrder(b *block, first []column[int32], f func(i int, kinds []int)) {
	order := make([]int, 0, len(first))
	for i := range b.n {
		order = order[:0]
		for k := range first {
			if first[k](b)[i] != store.Missing {
				order = append(order, k)
			}
		}
		slices.SortStableFunc(order, func(x, y int) int { return int(first[x](b)[i]) - int(first[y](b)[i]) })
		f(i, order)
	}
}

func (c *compiler) sequenceDate(n *plan.Node) (column[int32], error) {
	_, first, err := c.sequence(n.Recv())
	if err != nil {
		return nil, err
	}
	at := n.Int(0) - 1
	return vector(c, func(b *block, out []int32) {
		inOrder(b, first, func(i int, kinds []int) {
			out[i] = store.Missing
			if at < len(kinds) {
				out[i] = first[kinds[at]](b)[i]
			}
		})
	}), nil
}

const (
	noStep   = "none"
	arrow    = " → "
	maxPaths = 20_000
)

// sequenceStep is the nth kind, or the first n kinds, of each entry.
func (c *compiler) sequenceStep(n *plan.Node) (*category, error) {
	kinds, first, err := c.sequence(n.Recv())
	if err != nil {
		return nil, err
	}
	last := n.Int(0)
	if n.Op() == "Step" {
		labels := append(slices.Clone(kinds), noStep)
		return &category{labels: labels, closed: true, codes: vector(c, func(b *block, out []int32) {
			inOrder(b, first, func(i int, order []int) {
				out[i] = int32(len(kinds))
				if last <= len(order) {
					out[i] = int32(order[last-1])
				}
			})
		})}, nil
	}
	paths := pathsOf(len(kinds), last)
	if len(paths) > maxPaths {
		return nil, cannot(n, "there are more than 20,000 paths of %d among %d kinds", last, len(kinds))
	}
	var labels []string
	at := map[string]int32{}
	for i, p := range paths {
		at[fmt.Sprint(p)] = int32(i)
		names := []string{noStep}
		if len(p) > 0 {
			names = nil
		}
		for _, k := range p {
			names = append(names, kinds[k])
		}
		labels = append(labels, strings.Join(names, arrow))
	}
	return &category{labels: labels, closed: true, codes: vector(c, func(b *block, out []int32) {
		inOrder(b, first, func(i int, order []int) { out[i] = at[fmt.Sprint(order[:min(last, len(order))])] })
	})}, nil
}

// pathsOf is every order of up to length of so many kinds, shorter ones first; it
// stops beyond maxPaths.
func pathsOf(kinds, length int) [][]int {
	out := [][]int{{}}
	for from := 0; length > 0; length-- {
		end := len(out)
		for _, p := range out[from:end] {
			for k := range kinds {
				if !slices.Contains(p, k) {
					out = append(out, append(slices.Clone(p), k))
				}
			}
			if len(out) > maxPaths {
				return out
			}
		}
		from = end
	}
	return out
}
