package curate

import (
	"slices"
	"strings"
	"sync"

	"weir/datasets/store"
)

// The tables of a repository, fields in order. A field is NAME or NAME:TYPE; a
// …date is a date, and a …concept_id a concept above the line and an integer below
// it. "!" marks what a source must have and what no row may lack, "+" the concept
// by which rows can be found. The tables above the line have one row or more a
// participant, and participant is their first field. minute_of_day is that of the
// source's datetime. zip_code_socioeconomic has a row for each participant of whom
// the source's observations have a ZIP code: what the source's table says of the
// first three digits of it, or of the neighbours with which they were put together.
const tableList = `
person: gender_concept_id birth_date! race_concept_id ethnicity_concept_id sex_at_birth_concept_id gender_identity_concept_id state_of_residence_concept_id
observation_period: observation_period_start_date! observation_period_end_date! period_type_concept_id
visit_occurrence: visit_concept_id+! visit_start_date! visit_end_date visit_type_concept_id visit_source_concept_id
condition_occurrence: condition_concept_id+! condition_start_date! condition_end_date condition_type_concept_id condition_status_concept_id condition_source_concept_id
drug_exposure: drug_concept_id+! drug_exposure_start_date! drug_exposure_end_date drug_type_concept_id refills:integer quantity:number days_supply:integer route_concept_id drug_source_concept_id
procedure_occurrence: procedure_concept_id+! procedure_date! procedure_type_concept_id modifier_concept_id quantity:integer procedure_source_concept_id
device_exposure: device_concept_id+! device_exposure_start_date! device_exposure_end_date device_type_concept_id quantity:integer device_source_concept_id
measurement: measurement_concept_id+! measurement_date! measurement_type_concept_id operator_concept_id value_as_number:number value_as_concept_id unit_concept_id range_low:number range_high:number measurement_source_concept_id
observation: observation_concept_id+! observation_date! observation_type_concept_id value_as_number:number value_as_concept_id qualifier_concept_id unit_concept_id observation_source_concept_id
death: death_date! death_type_concept_id cause_concept_id cause_source_concept_id
ds_survey: survey:label! survey_date! question_concept_id+! answer_concept_id
activity_summary: date! steps:integer very_active_minutes:number fairly_active_minutes:number lightly_active_minutes:number sedentary_minutes:number calories_out:number activity_calories:number calories_bmr:number marginal_calories:number elevation:number floors:number
sleep_daily_summary: sleep_date! is_main_sleep:label minute_asleep:integer minute_in_bed:integer minute_awake:integer minute_restless:integer minute_deep:integer minute_light:integer minute_rem:integer minute_wake:integer minute_after_wakeup:integer
heart_rate_summary: date! zone_name:label! min_heart_rate:integer max_heart_rate:integer minute_in_zone:integer calorie_count:number
visit_detail: visit_detail_concept_id+! visit_detail_start_date! visit_detail_end_date visit_detail_type_concept_id visit_detail_source_concept_id
specimen: specimen_concept_id+! specimen_date! specimen_type_concept_id quantity:number unit_concept_id anatomic_site_concept_id disease_status_concept_id
condition_era: condition_concept_id+! condition_era_start_date! condition_era_end_date condition_occurrence_count:integer
drug_era: drug_concept_id+! drug_era_start_date! drug_era_end_date drug_exposure_count:integer gap_days:integer
dose_era: drug_concept_id+! dose_era_start_date! dose_era_end_date unit_concept_id dose_value:number
payer_plan_period: payer_plan_period_start_date! payer_plan_period_end_date payer_concept_id plan_concept_id sponsor_concept_id
steps_intraday: date! minute_of_day:integer steps:integer
heart_rate_minute_level: date! minute_of_day:integer heart_rate_value:integer
sleep_level: sleep_date! is_main_sleep:label level:label duration_in_min:number
zip_code_socioeconomic: zip3:integer! fraction_assisted_income:number fraction_high_school_edu:number median_income:number fraction_no_health_ins:number fraction_poverty:number fraction_vacant_housing:number deprivation_index:number
participants: person_id_high:integer person_id_low:integer
--
concept: concept_id! concept_name:label! domain_id:label! vocabulary_id:label! concept_class_id:label! concept_code:label standard_concept:label
concept_ancestor: ancestor_concept_id! descendant_concept_id! min_levels_of_separation:integer!
`

const minuteOfDay = "minute_of_day"

// shape is what a table of a repository looks like.
type shape struct {
	name         string
	fields       []store.Field
	required     map[string]bool
	participants bool // has a participant in every row
}

var shapes = sync.OnceValue(func() []*shape { return parseShapes(tableList) })

func parseShapes(text string) (out []*shape) {
	persons, vocabulary, _ := strings.Cut(text, "--")
	for line := range strings.Lines(persons) {
		out = appendShape(out, line, true)
	}
	for line := range strings.Lines(vocabulary) {
		out = appendShape(out, line, false)
	}
	return out
}

func appendShape(to []*shape, line string, participants bool) []*shape {
	name, fields, ok := strings.Cut(strings.TrimSpace(line), ":")
	if !ok {
		return to
	}
	s := &shape{name: name, required: map[string]bool{}, participants: participants}
	if participants {
		s.fields = []store.Field{{Name: "participant", Type: store.Integer}}
	}
	for _, f := range strings.Fields(fields) {
		f, must := strings.CutSuffix(f, "!")
		f, indexed := strings.CutSuffix(f, "+")
		field := parseField(f)
		field.Indexed = indexed
		if participants && strings.HasSuffix(field.Name, "concept_id") {
			field.Type = store.Concept
		}
		s.fields = append(s.fields, field)
		s.required[field.Name] = must
	}
	return append(to, s)
}

func parseField(text string) store.Field {
	name, typ, typed := strings.Cut(text, ":")
	switch {
	case typed:
		return store.Field{Name: name, Type: store.Type(typ)}
	case strings.HasSuffix(name, "date"):
		return store.Field{Name: name, Type: store.Date}
	}
	return store.Field{Name: name, Type: store.Integer}
}

// shapeOf is the shape of a table of that name, nil when there is none.
func shapeOf(name string) *shape {
	for _, s := range shapes() {
		if s.name == name {
			return s
		}
	}
	return nil
}

// at is the place of a field, -1 when there is none of that name.
func (s *shape) at(name string) int {
	return slices.IndexFunc(s.fields, func(f store.Field) bool { return f.Name == name })
}

// without is the shape with those fields left out.
func (s *shape) without(names ...string) *shape {
	out := *s
	out.fields = nil
	for _, f := range s.fields {
		if !slices.Contains(names, f.Name) {
			out.fields = append(out.fields, f)
		}
	}
	return &out
}

// withLabels is the shape with the labels of its label fields.
func (s *shape) withLabels(labels map[string][]string) *shape {
	out := *s
	out.fields = slices.Clone(s.fields)
	for i, f := range out.fields {
		out.fields[i].Labels = labels[f.Name]
	}
	return &out
}

// withConcepts is the shape with the dictionaries of its concept fields, given by
// the number of the field, and what vocabulary a concept is of, "" for none.
func (s *shape) withConcepts(concepts func(field int) []int32, vocabulary func(id int32) string) *shape {
	out := *s
	out.fields = slices.Clone(s.fields)
	for i, f := range out.fields {
		if f.Type != store.Concept {
			continue
		}
		ids := concepts(i)
		of := make([]string, len(ids))
		for k, id := range ids {
			of[k] = vocabulary(id)
		}
		out.fields[i].Concepts, out.fields[i].Of = ids, of
	}
	return &out
}
