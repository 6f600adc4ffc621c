package curate

import (
	"context"
	"errors"
	"slices"

	"weir/datasets/store"
)

// maxPersonID is the largest person_id that two fields of 31 bits hold.
const maxPersonID = 1<<62 - 1

var (
	errTwice    = errors.New("stands in an earlier row already")
	errPersonID = errors.New("is negative or larger than 2⁶² − 1")
)

// readPeople reads person and gives each of them an index. ids are the person_ids
// by index.
func (im *importer) readPeople(ctx context.Context) (c *columns, ids []int64, err error) {
	im.people = map[int64]int32{}
	c, report, err := im.read(ctx, shapeOf("person"))
	if err != nil {
		return nil, nil, err
	}
	if c.count == 0 {
		return nil, nil, errors.New(report.File + " has no row that can be read: there is nobody to import")
	}
	im.report.Tables = append(im.report.Tables, *report)
	im.report.Participants = c.count
	if c, err = im.extend(ctx, c); err != nil {
		return nil, nil, err
	}
	indexes, err := im.permute(c.count)
	if err != nil {
		return nil, nil, err
	}
	ids = make([]int64, c.count)
	for id, row := range im.people {
		im.people[id] = indexes[row]
		ids[indexes[row]] = id
	}
	for i := range c.ints[0] {
		c.ints[0][i] = indexes[c.ints[0][i]]
	}
	return c, ids, nil
}

// participant is the index of a person: until all of person is read the number of
// the row there. In person itself each person_id is new.
func (t *tableReader) participant(id int64) (index int32, known bool, err error) {
	if id < 0 || id > maxPersonID {
		return 0, false, errPersonID
	}
	index, known = t.im.people[id]
	if t.report.Table != "person" {
		return index, known, nil
	}
	if known {
		return 0, false, errTwice
	}
	return int32(t.out.count), true, nil
}

// extensions are the fields of person that OMOP has not.
var extensions = []string{"sex_at_birth_concept_id", "gender_identity_concept_id", "state_of_residence_concept_id"}

// extend adds to person what person_ext has, and the sex at birth from OMOP's
// gender_concept_id, which is defined as that, where a source has no other.
func (im *importer) extend(ctx context.Context, c *columns) (*columns, error) {
	if im.source.files[personExtension] != "" {
		s := shapeOf("person").without("gender_concept_id", "birth_date", "race_concept_id", "ethnicity_concept_id")
		s.name = personExtension
		more, report, err := im.read(ctx, s)
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
		i := slices.IndexFunc(c.shape.fields, func(f store.Field) bool { return f.Name == "gender_concept_id" })
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

func (c *columns) has(name string) bool {
	return slices.ContainsFunc(c.shape.fields, func(f store.Field) bool { return f.Name == name })
}

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
