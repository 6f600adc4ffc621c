package curate

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"strings"
	"sync"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// collect reads a table into memory, as it came, with the keys of its rows.
func (im *importer) collect(ctx context.Context, s *shape) (*columns, []int64, *TableReport, error) {
	t, err := im.open(s)
	if err != nil {
		return nil, nil, nil, err
	}
	im.keys = newKeySet()
	out, ids := newColumns(t.shape), []int64{}
	err = t.stream(ctx, func(c *chunk) error {
		out.appendRows(c.rows, 0, c.rows.count)
		if t.key >= 0 {
			for _, came := range c.order {
				ids = append(ids, c.keys[came])
			}
		}
		return nil
	})
	im.keys = nil
	if err != nil {
		return nil, nil, nil, err
	}
	return out.labelled(t.labels), ids, &t.report, nil
}

// readPeople reads person and gives an index to each whom the tier has. ids are
// what stands for person_ids, by index.
func (im *importer) readPeople(ctx context.Context) (c *columns, ids []int64, err error) {
	im.people = &roll{open: true}
	c, persons, report, err := im.collect(ctx, im.regime.shape(shapeOf("person")))
	if err != nil {
		return nil, nil, err
	}
	indexes, n, err := im.number(c, persons)
	if err != nil {
		return nil, nil, err
	}
	report.drop(im.regime.capRule, c.count-n)
	im.report.Tables = append(im.report.Tables, *report)
	im.report.Participants = n
	if n == 0 {
		return nil, nil, errors.New(report.File + " has no row that can be read, of a participant whom the tier has: there is nobody to import")
	}
	im.people = newRoll(persons, func(row int) int32 { return indexes[row] })
	if err := im.identify(persons, indexes, n, &ids); err != nil {
		return nil, nil, err
	}
	copy(c.ints[0], indexes)
	gone := make([]bool, c.count)
	for row, index := range indexes {
		gone[row] = index < 0
	}
	c.without(gone)
	c.inOrder(0, int32(n))
	im.backdate(c)
	im.regime.begin(n)
	im.zips = make([]int32, n)
	c, err = im.extend(ctx, c)
	return c, ids, err
}

// number draws the indexes of the participants whom the tier has, tooOld for the others.
func (im *importer) number(c *columns, persons []int64) (indexes []int32, n int, err error) {
	birth := c.shape.at("birth_date")
	indexes = make([]int32, c.count)
	for row := range indexes {
		if im.regime.tooOld(c.ints[birth][row], im.cutOff) {
			indexes[row] = tooOld
			continue
		}
		indexes[row] = int32(n)
		n++
	}
	order, err := im.permute(n)
	if err != nil {
		return nil, 0, err
	}
	for row, k := range indexes {
		if k >= 0 {
			indexes[row] = order[k]
		}
	}
	return indexes, n, nil
}

var errSameID = errors.New("two participants have the same research id: take another key")

// identify draws research ids and shifts.
func (im *importer) identify(persons []int64, indexes []int32, n int, ids *[]int64) error {
	key := im.options.Key
	if key == nil {
		var err error
		if key, err = NewKey(); err != nil {
			return err
		}
	}
	research, shift := im.regime.research && !im.options.Curated, im.regime.shift
	if im.options.Curated {
		shift = nil
		im.report.Notes = append(im.report.Notes, "person_ids are taken for research ids, and dates for shifted ones where the tier's are")
	} else if im.options.Key == nil && im.options.Tier != plan.Public {
		im.report.Notes = append(im.report.Notes, "research ids and shifts follow from a key that is forgotten: the next version of the data will have others")
	}
	*ids = make([]int64, n)
	if shift != nil {
		im.shifts = make([]uint16, n)
	}
	onAllProcessors(len(persons), func(from, to int) {
		for row := from; row < to; row++ {
			index, id := indexes[row], persons[row]
			if index < 0 {
				continue
			}
			if shift != nil {
				im.shifts[index] = key.shift(shift, id)
			}
			if research {
				id = key.researchID(id)
			}
			(*ids)[index] = id
		}
	})
	sorted := slices.Clone(*ids)
	slices.Sort(sorted)
	if len(slices.Compact(sorted)) < n {
		return errSameID
	}
	return nil
}

// onAllProcessors does n things, each processor a part of them.
func onAllProcessors(n int, do func(from, to int)) {
	var working sync.WaitGroup
	parts := runtime.GOMAXPROCS(0)
	for k := range parts {
		working.Go(func() { do(n*k/parts, n*(k+1)/parts) })
	}
	working.Wait()
}

// backdate shifts births.
func (im *importer) backdate(c *columns) {
	if birth := c.shape.at("birth_date"); im.shifts != nil {
		for p := range c.ints[birth] {
			c.ints[birth][p] -= int32(im.shifts[p])
		}
	}
}

// extend adds to person what person_ext has, and the sex at birth from OMOP's
// gender_concept_id, which is defined as that, where a source has no other.
func (im *importer) extend(ctx context.Context, c *columns) (*columns, error) {
	if im.source.files[personExtension] != "" {
		s := shapeOf("person").without("gender_concept_id", "birth_date", "race_concept_id", "ethnicity_concept_id")
		s.name = personExtension
		more, _, report, err := im.collect(ctx, im.regime.shape(s))
		if err != nil {
			return nil, err
		}
		im.report.Tables = append(im.report.Tables, *report)
		for f, field := range more.shape.fields {
			if field.Name != "participant" && !c.has(field.Name) {
				c = c.with(field, byParticipant(more, f, c.count))
			}
		}
	}
	if !c.has("sex_at_birth_concept_id") && c.has("gender_concept_id") {
		i := c.shape.at("gender_concept_id")
		c = c.with(store.Field{Name: "sex_at_birth_concept_id", Type: store.Concept}, slices.Clone(c.ints[i]))
		im.report.Notes = append(im.report.Notes, "sex_at_birth_concept_id is gender_concept_id, which OMOP defines as the sex at birth")
	}
	return c, nil
}

// byParticipant is field f by participant; the last row of a participant counts.
func byParticipant(c *columns, f, participants int) []int32 {
	out := slices.Repeat([]int32{store.Missing}, participants)
	for i, p := range c.ints[0] {
		out[p] = c.ints[f][i]
	}
	return out
}

func (c *columns) has(name string) bool { return c.shape.at(name) >= 0 }

// with is c with one more field.
func (c *columns) with(f store.Field, values []int32) *columns {
	s := *c.shape
	s.fields = append(slices.Clone(s.fields), f)
	out := *c
	out.shape = &s
	out.ints, out.nums = append(slices.Clone(c.ints), values), append(slices.Clone(c.nums), nil)
	return &out
}

// identities is the table participants.
func identities(ids []int64) *columns {
	c := newColumns(shapeOf("participants"))
	for i, id := range ids {
		c.add([]int32{int32(i), int32(id >> 31), int32(id & (1<<31 - 1))})
	}
	return c
}

// aside is the column of a table that is read beside its fields, "" for none: when a
// concept begins to be valid, and what may be a ZIP code.
func (im *importer) aside(table string) string {
	switch {
	case table == "concept" && im.regime.recent != nil:
		return "valid_start_date"
	case table == "observation" && im.regime.zip != nil:
		return "value_as_string"
	}
	return ""
}

func (im *importer) readAside(table string, c cell) (int32, error) {
	if table == "concept" {
		return c.day()
	}
	text, ok, err := c.label()
	if err != nil || !ok {
		return 0, nil // any text, of any length
	}
	return threeDigits(text), nil
}

// threeDigits is the first three digits of a ZIP code, 0 when a text is none.
func threeDigits(text string) int32 {
	if len(text) < 3 {
		return 0
	}
	n, ok := digits(text[:3])
	if rest := strings.Trim(text[3:], "0123456789*-"); !ok || rest != "" {
		return 0
	}
	return int32(n)
}

// keepAsides takes what was read beside a table's fields.
func (im *importer) keepAsides(t *table, c *chunk) {
	if t.aside < 0 {
		return
	}
	questions, _ := asked(t.shape)
	for i, came := range c.order {
		value := c.asides[came]
		switch {
		case t.report.Table == "concept":
			if value != store.Missing && value > im.cutOff-int32(im.regime.recent.Days) {
				im.recent = append(im.recent, c.rows.ints[0][i])
			}
		case value > 0 && slices.ContainsFunc(questions, func(q int) bool { return slices.Contains(im.regime.zip.Questions, c.rows.ints[q][i]) }):
			im.zips[c.rows.ints[0][i]] = value
		}
	}
}
