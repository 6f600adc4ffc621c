package curate

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"weir/datasets/store"
)

// unitList is the units of fields: UCUM codes, or behind "=" the field that says it.
const unitList = `
measurement: value_as_number=unit_concept_id range_low=unit_concept_id range_high=unit_concept_id
observation: value_as_number=unit_concept_id
specimen: quantity=unit_concept_id
dose_era: dose_value=unit_concept_id
drug_exposure: days_supply:d
drug_era: gap_days:d
activity_summary: steps:{steps}/d very_active_minutes:min fairly_active_minutes:min lightly_active_minutes:min sedentary_minutes:min calories_out:kcal activity_calories:kcal calories_bmr:kcal marginal_calories:kcal elevation:m floors:{floors}
sleep_daily_summary: minute_asleep:min minute_in_bed:min minute_awake:min minute_restless:min minute_deep:min minute_light:min minute_rem:min minute_wake:min minute_after_wakeup:min
heart_rate_summary: min_heart_rate:/min max_heart_rate:/min minute_in_zone:min calorie_count:kcal
steps_intraday: minute_of_day:min steps:{steps}
heart_rate_minute_level: minute_of_day:min heart_rate_value:/min
sleep_level: duration_in_min:min
zip_code_socioeconomic: median_income:[USD]
`

// units are the units by table and field.
var units = sync.OnceValue(func() map[string]string { return parseUnits(unitList) })

func parseUnits(text string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(text) {
		table, fields, _ := strings.Cut(strings.TrimSpace(line), ":")
		for _, f := range strings.Fields(fields) {
			if name, unit, ok := strings.Cut(f, "="); ok {
				out[table+"."+name] = unit
			} else if name, unit, ok := strings.Cut(f, ":"); ok {
				out[table+"."+name] = unit
			}
		}
	}
	return out
}

// describe writes the units of a table's fields, and what the tier's rules make of
// them, for people to read.
func (g *regime) describe(i *store.Info) {
	s := shapeOf(i.Name)
	if s == nil {
		return
	}
	for k := range i.Fields {
		f := &i.Fields[k]
		f.Unit = units()[i.Name+"."+f.Name]
		if s.participants && f.Name != "participant" && i.Name != "participants" {
			f.Note = strings.Join(g.notes(s, f), "; ")
		}
	}
	if s.participants && i.Name != "participants" {
		i.Note = strings.Join(g.tableNotes(s), "; ")
	}
}

// notes are what the rules make of a field.
func (g *regime) notes(s *shape, f *store.Field) (out []string) {
	note := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	field := s.name + "." + f.Name
	switch {
	case matches(g.nulls, s.name, f.Name), g.empties(s.name, f.Name):
		note("has no values in this tier")
	case f.Type == store.Date && field == "person.birth_date" && g.middle:
		note("15 June of the year of birth")
	case f.Type == store.Date && g.shift != nil:
		note("shifted back by the participant's own %d to %d days", g.shift.Least, g.shift.Most)
	case f.Name == zip3 && g.zip != nil:
		note("three digits; neighbours are put together up to %d participants", g.zip.Participants)
	}
	for _, a := range g.answers {
		if slices.Contains(a.Fields, field) {
			note("%s: %d", a.name, a.Into)
		}
	}
	for _, p := range g.states {
		if p.Field == field {
			note("of fewer than %d participants: %d", p.Participants, p.Into)
		}
	}
	if questions, answer := asked(s); answer >= 0 && s.fields[answer].Name == f.Name && len(questions) > 0 && g.questions.count > 0 {
		note("answers to %d questions are generalised", g.questions.count)
	}
	return out
}

// tableNotes are what the tier does not have of a table.
func (g *regime) tableNotes(s *shape) (out []string) {
	var fields, rules []string
	for _, f := range s.fields {
		if matches(g.fields, s.name, f.Name) || matches(g.last.fields, s.name, f.Name) {
			fields = append(fields, f.Name)
		}
	}
	for _, r := range slices.Concat(g.rows, g.last.rows) {
		if s.name != "person" && (r.tables == nil || slices.Contains(r.tables, s.name)) {
			rules = append(rules, r.name)
		}
	}
	if g.recent != nil && s.name != "person" {
		rules = append(rules, g.recently)
	}
	if s.name == "person" && g.cap != nil {
		rules = append(rules, fmt.Sprintf("%s: who is over %d at the cut-off", g.capRule, g.cap.Oldest))
	}
	if len(fields) > 0 {
		out = append(out, "this tier lacks "+strings.Join(fields, ", "))
	}
	if len(rules) > 0 && s.hasConcepts() {
		out = append(out, "this tier leaves out rows by the rules: "+strings.Join(rules, ", "))
	}
	return out
}

func (s *shape) hasConcepts() bool {
	return slices.ContainsFunc(s.fields, func(f store.Field) bool { return f.Type == store.Concept })
}
