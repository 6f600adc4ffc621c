package plan

// Domain says where the events of an operation stand: a table and the fields that
// play a part, by their OMOP CDM 5.4 names or the workbench's own; "" for none.
type Domain struct {
	Table   string
	Concept string // what was recorded
	Start   string // the day of the event
	End     string // its last day
	Value   string // its number
	Source  string // what was recorded, as the source coded it
	Type    string // where the record comes from
}

var domains = map[string]Domain{
	"Condition": {"condition_occurrence", "condition_concept_id", "condition_start_date", "condition_end_date", "",
		"condition_source_concept_id", "condition_type_concept_id"},
	"Drug": {"drug_exposure", "drug_concept_id", "drug_exposure_start_date", "drug_exposure_end_date", "",
		"drug_source_concept_id", "drug_type_concept_id"},
	"Measurement": {"measurement", "measurement_concept_id", "measurement_date", "", "value_as_number",
		"measurement_source_concept_id", "measurement_type_concept_id"},
	"Observation": {"observation", "observation_concept_id", "observation_date", "", "value_as_number",
		"observation_source_concept_id", "observation_type_concept_id"},
	"Procedure": {"procedure_occurrence", "procedure_concept_id", "procedure_date", "", "",
		"procedure_source_concept_id", "procedure_type_concept_id"},
	"Device": {"device_exposure", "device_concept_id", "device_exposure_start_date", "device_exposure_end_date", "",
		"device_source_concept_id", "device_type_concept_id"},
	"Visit": {"visit_occurrence", "visit_concept_id", "visit_start_date", "visit_end_date", "",
		"visit_source_concept_id", "visit_type_concept_id"},
	"Survey":    {Table: "ds_survey", Concept: "question_concept_id", Start: "survey_date"},
	"Steps":     {Table: "activity_summary", Start: "date", Value: "steps"},
	"Sleep":     {Table: "sleep_daily_summary", Start: "sleep_date", Value: "minute_asleep"},
	"HeartRate": {Table: "heart_rate_summary", Start: "date", Value: "min_heart_rate"},
	"Death":     {Table: "death", Concept: "cause_concept_id", Start: "death_date", Type: "death_type_concept_id"},
}

// others are tables that Table alone reaches. Values that come in several units are
// none until Read names them.
var others = []Domain{
	{Table: "observation_period", Start: "observation_period_start_date", End: "observation_period_end_date", Type: "period_type_concept_id"},
	{"visit_detail", "visit_detail_concept_id", "visit_detail_start_date", "visit_detail_end_date", "",
		"visit_detail_source_concept_id", "visit_detail_type_concept_id"},
	{Table: "specimen", Concept: "specimen_concept_id", Start: "specimen_date", Type: "specimen_type_concept_id"},
	{Table: "condition_era", Concept: "condition_concept_id", Start: "condition_era_start_date", End: "condition_era_end_date"},
	{Table: "drug_era", Concept: "drug_concept_id", Start: "drug_era_start_date", End: "drug_era_end_date"},
	{Table: "dose_era", Concept: "drug_concept_id", Start: "dose_era_start_date", End: "dose_era_end_date"},
	{Table: "payer_plan_period", Concept: "payer_concept_id", Start: "payer_plan_period_start_date", End: "payer_plan_period_end_date"},
	{Table: "steps_intraday", Start: "date", Value: "steps"},
	{Table: "heart_rate_minute_level", Start: "date", Value: "heart_rate_value"},
	{Table: "sleep_level", Start: "sleep_date", Value: "duration_in_min"},
}

// DomainOf is the domain of a root of events; ok is false for a Table that is none of events.
func DomainOf(root *Node) (d Domain, ok bool) {
	if root.op != "Table" {
		d, ok = domains[root.op]
		return d, ok
	}
	return tableDomain(root.Text(0))
}

func tableDomain(table string) (Domain, bool) {
	for _, d := range domains {
		if d.Table == table {
			return d, true
		}
	}
	for _, d := range others {
		if d.Table == table {
			return d, true
		}
	}
	return Domain{}, false
}

// Leaf is the root that a chain of steps began with.
func (n *Node) Leaf() *Node {
	for n.recv != nil {
		n = n.recv
	}
	return n
}
