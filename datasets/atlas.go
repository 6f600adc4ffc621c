package datasets

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
)

// CohortDefinition reads a cohort definition that ATLAS exported (OHDSI Circe, the
// JSON that begins with ConceptSets or PrimaryCriteria) into a cohort whose index
// date is the cohort's earliest start. What is read:
//
//   - ConceptSets with isExcluded and includeDescendants;
//   - events of ConditionOccurrence, DrugExposure, ProcedureOccurrence, Measurement,
//     Observation, DeviceExposure, VisitOccurrence, ConditionEra, DrugEra and Death,
//     with CodesetId, First, OccurrenceStartDate, Age, ValueAsNumber, Unit and
//     CorrelatedCriteria; Age is the year of the event less that of the birth;
//   - PrimaryCriteria with ObservationWindow, AdditionalCriteria and InclusionRules:
//     groups of the types ALL and ANY, StartWindow, EndWindow of visits, Occurrence,
//     IgnoreObservationPeriod; the limits First and All.
//
// EndStrategy, CensoringCriteria and CollapseSettings say when membership ends; a
// cohort here has no end. Whatever else a definition has is refused by its name.
func (r Repository) CohortDefinition(name, atlasJSON string) Cohort {
	c, err := readCirce([]byte(atlasJSON))
	if err != nil {
		panic(err)
	}
	return c.cohort(r.Cohort(name))
}

// The parts of a definition that are read; a field that is none of these is an error.
type (
	circe struct {
		Version            string `json:"cdmVersionRange"`
		ConceptSets        []circeSet
		PrimaryCriteria    circePrimary
		AdditionalCriteria *circeGroup
		QualifiedLimit     circeLimit
		ExpressionLimit    circeLimit
		InclusionRules     []circeRule
		CensorWindow       struct{ StartDate, EndDate *string }

		EndStrategy, CensoringCriteria, CollapseSettings json.RawMessage

		sets map[int]Concepts
	}
	circeSet struct {
		ID         int `json:"id"`
		Name       string
		Expression struct {
			Items []struct {
				Concept            circeConcept
				IsExcluded         bool
				IncludeDescendants bool
				IncludeMapped      bool
			}
		}
	}
	circeConcept struct {
		ID int `json:"CONCEPT_ID"`

		Name           json.RawMessage `json:"CONCEPT_NAME"` // what follows repeats the vocabulary
		Standard       json.RawMessage `json:"STANDARD_CONCEPT"`
		StandardText   json.RawMessage `json:"STANDARD_CONCEPT_CAPTION"`
		Invalid        json.RawMessage `json:"INVALID_REASON"`
		InvalidText    json.RawMessage `json:"INVALID_REASON_CAPTION"`
		Code           json.RawMessage `json:"CONCEPT_CODE"`
		Domain         json.RawMessage `json:"DOMAIN_ID"`
		Vocabulary     json.RawMessage `json:"VOCABULARY_ID"`
		Class          json.RawMessage `json:"CONCEPT_CLASS_ID"`
		ValidStartDate json.RawMessage `json:"VALID_START_DATE"`
		ValidEndDate   json.RawMessage `json:"VALID_END_DATE"`
	}
	circePrimary struct {
		CriteriaList         []map[string]json.RawMessage
		ObservationWindow    struct{ PriorDays, PostDays int }
		PrimaryCriteriaLimit circeLimit
	}
	circeLimit struct{ Type string }
	circeRule  struct {
		Name, Description string
		Expression        circeGroup
	}
	circeGroup struct {
		Type                    string
		Count                   *int
		CriteriaList            []circeCriterion
		DemographicCriteriaList []json.RawMessage
		Groups                  []circeGroup
	}
	circeCriterion struct {
		Criteria                map[string]json.RawMessage
		StartWindow             circeWindow
		EndWindow               *circeWindow
		RestrictVisit           bool
		IgnoreObservationPeriod bool
		Occurrence              struct {
			Type, Count int
			IsDistinct  bool
			CountColumn *string
		}
	}
	circeWindow struct {
		Start, End               circeBound
		UseIndexEnd, UseEventEnd *bool
	}
	circeBound struct {
		Days  *int
		Coeff int
	}
	circeRange struct {
		Value, Extent any
		Op            string
	}
	circeDomain struct {
		CodesetID           *int `json:"CodesetId"`
		First               bool
		OccurrenceStartDate *circeRange
		Age                 *circeRange
		ValueAsNumber       *circeRange
		Unit                []circeConcept
		CorrelatedCriteria  *circeGroup

		// They say how to read a list of types, and such a list is refused.
		ConditionTypeExclude, DrugTypeExclude, ProcedureTypeExclude, MeasurementTypeExclude bool
		ObservationTypeExclude, DeviceTypeExclude, VisitTypeExclude, DeathTypeExclude       bool
	}
)

// unbounded is a number of days that stands for no bound, in plans too.
const unbounded = 100_000

// circeDomains are the events of a domain.
var circeDomains = map[string]func() Events{
	"ConditionOccurrence": func() Events { return domain("Condition", nil) },
	"DrugExposure":        func() Events { return domain("Drug", nil) },
	"ProcedureOccurrence": func() Events { return domain("Procedure", nil) },
	"Measurement":         func() Events { return domain("Measurement", nil) },
	"Observation":         func() Events { return domain("Observation", nil) },
	"DeviceExposure":      func() Events { return domain("Device", nil) },
	"VisitOccurrence":     func() Events { return domain("Visit", nil) },
	"ConditionEra":        func() Events { return Events{root("Table", "condition_era")} },
	"DrugEra":             func() Events { return Events{root("Table", "drug_era")} },
	"Death":               func() Events { return Events{root("Table", "death")} },
}

func unsupported(format string, args ...any) *Error {
	return &Error{Op: "CohortDefinition", Msg: "the definition has " + fmt.Sprintf(format, args...) + ", which is not read",
		Way: "take it out in ATLAS, and say it with the methods of the cohort"}
}

// strictly decodes what has no field but those of v.
func strictly(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil && d.More() {
		return &Error{Op: "CohortDefinition", Msg: "something follows the definition"}
	}
	if err != nil {
		if _, field, ok := strings.Cut(err.Error(), "unknown field "); ok {
			return unsupported("%s", strings.Trim(field, `"`))
		}
		return &Error{Op: "CohortDefinition", Msg: "not a cohort definition: " + err.Error(), Way: "export it from ATLAS as JSON"}
	}
	return nil
}

func readCirce(text []byte) (*circe, error) {
	c := &circe{sets: map[int]Concepts{}}
	if err := strictly(text, c); err != nil {
		return nil, err
	}
	switch {
	case len(c.PrimaryCriteria.CriteriaList) == 0:
		return nil, &Error{Op: "CohortDefinition", Msg: "not a cohort definition: it has no PrimaryCriteria", Way: "export it from ATLAS as JSON"}
	case c.CensorWindow.StartDate != nil || c.CensorWindow.EndDate != nil:
		return nil, unsupported("a CensorWindow")
	}
	for _, l := range []circeLimit{c.PrimaryCriteria.PrimaryCriteriaLimit, c.QualifiedLimit, c.ExpressionLimit} {
		if l.Type != "First" && l.Type != "All" && l.Type != "" {
			return nil, unsupported("the limit %s", l.Type)
		}
	}
	for _, s := range c.ConceptSets {
		var err error
		if c.sets[s.ID], err = s.concepts(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// concepts is the included concepts without the excluded ones.
func (s *circeSet) concepts() (Concepts, error) {
	var in, out [2][]int // without and with their descendants
	for _, i := range s.Expression.Items {
		if i.IncludeMapped {
			return Concepts{}, unsupported("includeMapped in the concept set %q", s.Name)
		}
		to, with := &in, 0
		if i.IsExcluded {
			to = &out
		}
		if i.IncludeDescendants {
			with = 1
		}
		to[with] = append(to[with], i.Concept.ID)
	}
	set := concepts([]ConceptQuery{in[0]}).Union(concepts([]ConceptQuery{in[1]}).Descendants())
	if len(out[0])+len(out[1]) > 0 {
		set = set.Minus(concepts([]ConceptQuery{out[0]}).Union(concepts([]ConceptQuery{out[1]}).Descendants()))
	}
	return set.As(s.Name[:min(len(s.Name), 100)]), nil
}

// cohort applies the definition step by step. Events are limited to a participant's
// first where the definition says so; from then on each rule is a step of the attrition.
func (c *circe) cohort(to Cohort) Cohort {
	entry := c.union(c.PrimaryCriteria.CriteriaList)
	w := c.PrimaryCriteria.ObservationWindow
	entry = c.limited(entry.Observed(-w.PriorDays, w.PostDays), c.PrimaryCriteria.PrimaryCriteriaLimit)
	if c.AdditionalCriteria != nil {
		entry = c.group(entry, c.AdditionalCriteria)
	}
	if c.QualifiedLimit.Type == "All" && c.PrimaryCriteria.PrimaryCriteriaLimit.Type == "All" {
		for i := range c.InclusionRules {
			entry = c.group(entry, &c.InclusionRules[i].Expression)
		}
		return to.Entry(entry.First().As("entry"))
	}
	entry = c.limited(entry, c.QualifiedLimit)
	to = to.Entry(entry.First().As("entry"))
	for i, rule := range c.InclusionRules {
		name := rule.Name
		if name == "" {
			name = fmt.Sprintf("rule %d", i+1)
		}
		to = to.Include(c.group(entry, &rule.Expression).As(name[:min(len(name), 100)]))
	}
	return to
}

func (c *circe) limited(e Events, l circeLimit) Events {
	if l.Type == "All" {
		return e
	}
	return e.Apart(unbounded) // the first alone
}

func (c *circe) union(list []map[string]json.RawMessage) Events {
	var out []Events
	for _, criterion := range list {
		e, _ := c.events(criterion)
		out = append(out, e)
	}
	if len(out) == 1 {
		return out[0]
	}
	return out[0].Union(out[1], out[2:]...)
}

// events is the events of a domain with what is asked of them.
func (c *circe) events(criterion map[string]json.RawMessage) (Events, string) {
	if len(criterion) != 1 {
		panic(unsupported("a criterion of %d domains", len(criterion)))
	}
	var name string
	var text json.RawMessage
	for name, text = range criterion {
	}
	of := circeDomains[name]
	if of == nil {
		panic(unsupported("%s", name))
	}
	var d circeDomain
	if err := strictly(text, &d); err != nil {
		panic(err)
	}
	e := of()
	if d.CodesetID != nil {
		set, ok := c.sets[*d.CodesetID]
		if !ok || name == "Death" {
			panic(unsupported("a CodesetId %d of %s", *d.CodesetID, name))
		}
		e = e.In(set)
	}
	if d.First {
		if d.ValueAsNumber != nil || d.Unit != nil {
			panic(unsupported("First beside ValueAsNumber or Unit"))
		}
		e = e.Apart(unbounded)
	}
	if d.OccurrenceStartDate != nil {
		e = d.OccurrenceStartDate.days(e)
	}
	if d.Age != nil {
		e = d.Age.ages(e)
	}
	if d.ValueAsNumber != nil {
		e = e.Where(d.ValueAsNumber.filter("value_as_number"))
	}
	if len(d.Unit) > 0 {
		var units []any
		for _, u := range d.Unit {
			units = append(units, u.ID)
		}
		e = e.Where(Field("unit_concept_id").In(units[0], units[1:]...))
	}
	if d.CorrelatedCriteria != nil {
		e = c.group(e, d.CorrelatedCriteria)
	}
	return e, name
}

// group keeps the events that meet a group of criteria.
func (c *circe) group(e Events, g *circeGroup) Events {
	if len(g.DemographicCriteriaList) > 0 {
		panic(unsupported("a DemographicCriteriaList"))
	}
	var alternatives []Events
	keep := func(kept func(Events) Events) {
		if g.Type == "ALL" {
			e = kept(e)
		} else {
			alternatives = append(alternatives, kept(e))
		}
	}
	if g.Type != "ALL" && g.Type != "ANY" {
		panic(unsupported("a group of the type %s", g.Type))
	}
	for i := range g.CriteriaList {
		keep(func(e Events) Events { return c.correlated(e, &g.CriteriaList[i]) })
	}
	for i := range g.Groups {
		keep(func(e Events) Events { return c.group(e, &g.Groups[i]) })
	}
	switch len(alternatives) {
	case 0:
		return e
	case 1:
		return alternatives[0]
	}
	return alternatives[0].Union(alternatives[1], alternatives[2:]...)
}

// correlated keeps the events that have as many others around them as a criterion says.
func (c *circe) correlated(e Events, k *circeCriterion) Events {
	o := k.Occurrence
	switch {
	case k.RestrictVisit:
		panic(unsupported("RestrictVisit"))
	case o.IsDistinct || o.CountColumn != nil:
		panic(unsupported("an Occurrence of distinct values"))
	case isTrue(k.StartWindow.UseIndexEnd) || isTrue(k.StartWindow.UseEventEnd):
		panic(unsupported("a StartWindow with UseIndexEnd or UseEventEnd"))
	}
	others, domain := c.events(k.Criteria)
	least, most := o.Count, -1
	switch o.Type {
	case 0:
		most = o.Count
	case 1:
		least, most = 0, o.Count
	case 2:
	default:
		panic(unsupported("an Occurrence of type %d", o.Type))
	}
	from, to := k.StartWindow.days()
	endFrom, endTo := -unbounded, unbounded
	if w := k.EndWindow; w != nil {
		if isTrue(w.UseIndexEnd) || w.UseEventEnd != nil && !*w.UseEventEnd || domain != "VisitOccurrence" {
			panic(unsupported("an EndWindow that is not of the end of a VisitOccurrence around the entry's start"))
		}
		if endFrom, endTo = w.days(); endFrom == -unbounded && endTo == unbounded {
			panic(unsupported("an EndWindow without days"))
		}
	}
	return e.Correlated(others, least, most, from, to, endFrom, endTo, !k.IgnoreObservationPeriod)
}

func isTrue(b *bool) bool { return b != nil && *b }

// days is the window's first and last day.
func (w *circeWindow) days() (from, to int) {
	at := func(b circeBound) int {
		if b.Coeff != 1 && b.Coeff != -1 {
			panic(unsupported("a window with Coeff %d", b.Coeff))
		}
		if b.Days == nil {
			return b.Coeff * unbounded
		}
		return b.Coeff * *b.Days
	}
	return at(w.Start), at(w.End)
}

// filter is the comparison of a field of numbers.
func (r *circeRange) filter(field string) Filter {
	number := func(v any) float64 {
		x, ok := v.(float64)
		if !ok {
			panic(unsupported("a comparison of %s with no number", field))
		}
		return x
	}
	f, x := Field(field), number(r.Value)
	switch r.Op {
	case "lt":
		return f.Below(x)
	case "lte":
		return f.AtMost(x)
	case "gt":
		return f.Above(x)
	case "gte":
		return f.AtLeast(x)
	case "eq":
		return f.Is(x)
	case "bt":
		return f.AtLeast(x).And(f.AtMost(number(r.Extent)))
	case "!bt":
		return f.Below(x).Or(f.Above(number(r.Extent)))
	}
	panic(unsupported("the comparison %s", r.Op))
}

// oldest is an age that nobody is above.
const oldest = 150

// ages keeps the events of years of age in a range.
func (r *circeRange) ages(e Events) Events {
	age := func(v any) int {
		x, ok := v.(float64)
		if !ok || x != math.Trunc(x) || x < 0 || x > oldest {
			panic(unsupported("an Age that is no number of years"))
		}
		return int(x)
	}
	from, to, x := 0, oldest, age(r.Value)
	switch r.Op {
	case "lt":
		to = x - 1
	case "lte":
		to = x
	case "gt":
		from = x + 1
	case "gte":
		from = x
	case "eq":
		from, to = x, x
	case "bt":
		from, to = x, age(r.Extent)
	default:
		panic(unsupported("the comparison %s of ages", r.Op))
	}
	if from > to {
		panic(unsupported("an Age that nobody has"))
	}
	return e.then("InYearOfAge", from, to)
}

// days keeps the events whose start is in a range of days.
func (r *circeRange) days(e Events) Events {
	day := func(v any) Date {
		text, _ := v.(string)
		d, err := time.Parse(time.DateOnly, text)
		if err != nil {
			panic(unsupported("an OccurrenceStartDate that is no day"))
		}
		return Day(d.Year(), int(d.Month()), d.Day())
	}
	x := day(r.Value)
	switch r.Op {
	case "lt":
		return e.Before(x)
	case "lte":
		return e.OnOrBefore(x)
	case "gt":
		return e.After(x)
	case "gte":
		return e.OnOrAfter(x)
	case "eq":
		return e.OnOrAfter(x).OnOrBefore(x)
	case "bt":
		return e.OnOrAfter(x).OnOrBefore(day(r.Extent))
	}
	panic(unsupported("the comparison %s of days", r.Op))
}
