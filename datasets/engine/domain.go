package engine

import "weir/datasets/plan"

// domain says where the events of an operation are: OMOP CDM 5.4 table and field names.
type domain struct {
	table, concept, start, end, value string
}

var domains = map[string]domain{
	"Condition":   {"condition_occurrence", "condition_concept_id", "condition_start_date", "condition_end_date", ""},
	"Drug":        {"drug_exposure", "drug_concept_id", "drug_exposure_start_date", "drug_exposure_end_date", ""},
	"Measurement": {"measurement", "measurement_concept_id", "measurement_date", "", "value_as_number"},
	"Observation": {"observation", "observation_concept_id", "observation_date", "", "value_as_number"},
	"Procedure":   {"procedure_occurrence", "procedure_concept_id", "procedure_date", "", ""},
	"Device":      {"device_exposure", "device_concept_id", "device_exposure_start_date", "device_exposure_end_date", ""},
	"Visit":       {"visit_occurrence", "visit_concept_id", "visit_start_date", "visit_end_date", ""},
	"Survey":      {"ds_survey", "question_concept_id", "survey_date", "", ""},
	"Steps":       {"activity_summary", "", "date", "", "steps"},
	"Death":       {"death", "", "death_date", "", ""},
}

// tables is the same by the table's name, with those that only Table reaches.
var tables = func() map[string]domain {
	out := map[string]domain{
		"observation_period":  {"observation_period", "", "observation_period_start_date", "observation_period_end_date", ""},
		"sleep_daily_summary": {"sleep_daily_summary", "", "sleep_date", "", "minute_asleep"},
		"heart_rate_summary":  {"heart_rate_summary", "", "date", "", "min_heart_rate"},
	}
	for _, d := range domains {
		out[d.table] = d
	}
	return out
}()

func domainOf(n *plan.Node) (domain, error) {
	if n.Op() != "Table" {
		return domains[n.Op()], nil
	}
	d, ok := tables[n.Text(0)]
	if !ok {
		return d, &plan.Error{Op: "Table", Msg: n.Text(0) + " is no table of events", At: n.At()}
	}
	return d, nil
}
