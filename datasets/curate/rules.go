package curate

import (
	"fmt"
	"time"

	"weir/datasets/plan"
)

// The concepts that stand for a generalised answer (All of Us's AoU_General).
const (
	anotherPopulation  = 2000000001
	notManNotWoman     = 2000000002
	employed           = 2000000004
	notEmployed        = 2000000005
	collegeGraduate    = 2000000006
	noHighSchool       = 2000000007
	severalPopulations = 2000000008
	notMaleNotFemale   = 2000000009
	stateSuppressed    = 2000000011
	noneIndicated      = 2100000001
)

// fewestInState is the number of participants from which a state is named.
const fewestInState = 200

// oldest is the age at the cut-off from which the registered tier has no participant.
const oldest = 89

// generalised is what the registered tier shows in place of a race, a sex, a
// gender or an answer (rt_generalization_rules of the All of Us curation pipeline).
var generalised = map[int32]int32{
	8657: anotherPopulation, 8557: anotherPopulation, 38003615: anotherPopulation,
	1585848: notMaleNotFemale, 1585849: notMaleNotFemale,
	1585841: notManNotWoman, 1585842: notManNotWoman, 1585843: notManNotWoman,
	1585941: noHighSchool, 1585942: noHighSchool, 1585943: noHighSchool, 1585944: noHighSchool,
	1585947: collegeGraduate, 1585948: collegeGraduate,
	1585953: employed, 1585954: employed,
	1585955: notEmployed, 1585956: notEmployed, 1585957: notEmployed,
	1585958: notEmployed, 1585959: notEmployed, 1585960: notEmployed,
}

// withheld are the fields that a tier does not have.
var withheld = map[plan.Tier]map[string][]string{
	plan.Registered: {"death": {"cause_concept_id", "cause_source_concept_id"}},
}

func checkTier(t plan.Tier) error {
	switch t {
	case plan.Registered, plan.Controlled:
		return nil
	case plan.Public:
		return fmt.Errorf("the public tier holds no rows: choose registered or controlled")
	}
	return fmt.Errorf("%q is no tier: choose registered or controlled", t)
}

// held is the shape of a table in a tier.
func held(t plan.Tier, s *shape) *shape { return s.without(withheld[t][s.name]...) }

// generalise is what a tier shows for a concept of a person or an answer.
func generalise(t plan.Tier, id int32) int32 {
	if g, ok := generalised[id]; ok && t == plan.Registered {
		return g
	}
	return id
}

// middleOfYear is 15 June of a day's year: what the controlled tier shows for a birth.
func middleOfYear(day int32) int32 {
	return dayOf(time.Unix(int64(day)*86400, 0).UTC().Year(), time.June, 15)
}

// dayOf counts a date's days since 1970-01-01.
func dayOf(y int, m time.Month, d int) int32 {
	return int32(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// applyRules is what a tier makes of a table between reading and writing. It is
// where the tiers' rules act: today the withheld fields go.
func applyRules(t plan.Tier, c *columns) *columns {
	s := held(t, c.shape)
	if len(s.fields) == len(c.shape.fields) {
		return c
	}
	out := newColumns(s)
	out.count = c.count
	at := 0
	for f, field := range c.shape.fields {
		if at < len(s.fields) && field.Name == s.fields[at].Name {
			out.ints[at], out.nums[at] = c.ints[f], c.nums[f]
			at++
		}
	}
	return out
}
