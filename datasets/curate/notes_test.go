package curate

import (
	"strings"
	"testing"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// TestNotes: what a manifest says of a tier is what its rules do.
func TestNotes(t *testing.T) {
	for _, x := range []struct {
		tier         plan.Tier
		table, field string // "" for the table's own note
		want         string // "" for none
	}{
		{plan.Registered, "condition_occurrence", "condition_start_date", "shifted back by the participant's own 1 to 364 days"},
		{plan.Controlled, "condition_occurrence", "condition_start_date", ""},
		{plan.Registered, "person", "birth_date", "shifted back by the participant's own 1 to 364 days"},
		{plan.Controlled, "person", "birth_date", "15 June of the year of birth"},
		{plan.Registered, "person", "race_concept_id", "more than one race: 2000000008; small races: 2000000001; no race indicated: 2100000001"},
		{plan.Controlled, "person", "race_concept_id", "more than one race: 2000000008"},
		{plan.Registered, "person", "state_of_residence_concept_id", "of fewer than 200 participants: 2000000011"},
		{plan.Registered, "ds_survey", "answer_concept_id", "answers to 7 questions are generalised"},
		{plan.Controlled, "zip_code_socioeconomic", "zip3", "three digits; neighbours are put together up to 200 participants"},
		{plan.Registered, "death", "", "this tier lacks cause_concept_id, cause_source_concept_id; this tier leaves out rows by the rules: public events, concepts of the past year"},
		{plan.Controlled, "death", "", "this tier leaves out rows by the rules: public events, controlled"},
		{plan.Registered, "person", "", "this tier leaves out rows by the rules: age of 89: who is over 88 at the cut-off"},
		{plan.Registered, "concept", "", ""},
	} {
		i := &store.Info{Name: x.table, Fields: shapeOf(x.table).fields}
		i.Fields = append([]store.Field{}, i.Fields...)
		BuiltIn().of(x.tier).describe(i)
		got := i.Note
		if x.field != "" {
			f, _ := i.Field(x.field)
			got = f.Note
		}
		if got != x.want {
			t.Errorf("%s, %s.%s: %q", x.tier, x.table, x.field, got)
		}
	}
}

// TestUnits: every unit is of a field that there is, and every field of measured time
// and energy has one.
func TestUnits(t *testing.T) {
	known := map[string]bool{}
	for _, s := range shapes() {
		for _, f := range s.fields {
			known[s.name+"."+f.Name] = true
			measured := strings.HasPrefix(f.Name, "minute_") || strings.HasSuffix(f.Name, "_minutes") || strings.HasPrefix(f.Name, "calories_")
			if measured && units()[s.name+"."+f.Name] == "" {
				t.Errorf("%s.%s has no unit", s.name, f.Name)
			}
		}
	}
	for name := range units() {
		if !known[name] {
			t.Errorf("%s has a unit and is no field", name)
		}
	}
}
