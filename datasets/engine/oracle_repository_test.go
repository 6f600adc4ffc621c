package engine_test

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/datasets/curate"
	"weir/datasets/plan"
	"weir/datasets/store"
)

// planted is a repository with every trap that the format allows: three strides,
// of which the second is almost empty, missing values, ties on one day, duplicate
// rows, an empty table and an absent one, days from 1900 to 2100, negative and
// huge values, concept 0, a concept that the vocabulary lacks, two of one name.
// Its values are multiples of ¼, so that sums of them are exact.
func planted(t testing.TB, participants int, seed uint64) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "planted")
	b, err := store.Create(dir, store.Manifest{Name: "planted", CDR: "planted-1", Tier: plan.Controlled, CutOff: "2022-07-01", Participants: participants, Source: "a test"})
	if err != nil {
		t.Fatal(err)
	}
	s := &soil{r: rand.New(rand.NewPCG(seed, 1)), tables: map[string]*bed{}}
	for _, line := range strings.Split(strings.TrimSpace(beds), "\n") {
		s.prepare(line)
	}
	for p := range participants {
		s.participant(p)
	}
	s.vocabulary()
	for _, name := range s.names {
		s.tables[name].write(t, b)
	}
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// synthetic is the repository that a session without configuration has, but small.
func synthetic(t testing.TB, participants int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "synthetic")
	err := curate.Synthesize(t.Context(), dir, curate.SynthesizeOptions{Tier: plan.Registered, Participants: participants, Seed: 7}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// beds are the tables of the planted repository: fields and types, "+" the indexed one.
const beds = `
person gender_concept_id:concept birth_date:date race_concept_id:concept ethnicity_concept_id:concept sex_at_birth_concept_id:concept gender_identity_concept_id:concept state_of_residence_concept_id:concept
observation_period observation_period_start_date:date observation_period_end_date:date period_type_concept_id:concept
visit_occurrence visit_concept_id:concept+ visit_start_date:date visit_end_date:date visit_type_concept_id:concept visit_source_concept_id:concept
condition_occurrence condition_concept_id:concept+ condition_start_date:date condition_end_date:date condition_type_concept_id:concept condition_status_concept_id:concept condition_source_concept_id:concept
drug_exposure drug_concept_id:concept+ drug_exposure_start_date:date drug_exposure_end_date:date drug_type_concept_id:concept refills:integer quantity:number days_supply:integer route_concept_id:concept drug_source_concept_id:concept
procedure_occurrence procedure_concept_id:concept+ procedure_date:date procedure_type_concept_id:concept modifier_concept_id:concept quantity:integer procedure_source_concept_id:concept
device_exposure device_concept_id:concept+ device_exposure_start_date:date device_exposure_end_date:date device_type_concept_id:concept quantity:integer device_source_concept_id:concept
measurement measurement_concept_id:concept+ measurement_date:date measurement_type_concept_id:concept operator_concept_id:concept value_as_number:number value_as_concept_id:concept unit_concept_id:concept range_low:number range_high:number measurement_source_concept_id:concept
observation observation_concept_id:concept+ observation_date:date observation_type_concept_id:concept value_as_number:number value_as_concept_id:concept qualifier_concept_id:concept unit_concept_id:concept observation_source_concept_id:concept
death death_date:date death_type_concept_id:concept cause_concept_id:concept cause_source_concept_id:concept
ds_survey survey:label survey_date:date question_concept_id:concept+ answer_concept_id:concept
activity_summary date:date steps:integer very_active_minutes:number
heart_rate_summary date:date zone_name:label min_heart_rate:integer max_heart_rate:integer minute_in_zone:integer
participants person_id_high:integer person_id_low:integer
concept concept_id:integer concept_name:label domain_id:label vocabulary_id:label concept_class_id:label concept_code:label standard_concept:label
concept_ancestor ancestor_concept_id:integer descendant_concept_id:integer min_levels_of_separation:integer`

// bed is one table in the making: rows of numbers, NaN for a missing value of any type.
type bed struct {
	name   string
	fields []store.Field
	people bool // has participants
	rows   [][]float64
	labels map[string][]string
}

var none = math.NaN()

func (s *soil) prepare(line string) {
	words := strings.Fields(line)
	b := &bed{name: words[0], people: words[0] != "concept" && words[0] != "concept_ancestor", labels: map[string][]string{}}
	if b.people {
		b.fields = append(b.fields, store.Field{Name: "participant", Type: store.Integer})
	}
	for _, w := range words[1:] {
		name, typ, _ := strings.Cut(w, ":")
		typ, indexed := strings.CutSuffix(typ, "+")
		b.fields = append(b.fields, store.Field{Name: name, Type: store.Type(typ), Indexed: indexed})
	}
	s.tables[b.name] = b
	s.names = append(s.names, b.name)
}

func (b *bed) add(values ...float64) { b.rows = append(b.rows, values) }

// label is the number of a text of a label field.
func (b *bed) label(field, text string) float64 {
	i := slices.Index(b.labels[field], text)
	if i < 0 {
		i = len(b.labels[field])
		b.labels[field] = append(b.labels[field], text)
	}
	return float64(i)
}

// sort brings the rows of one participant, from row from on, in the order of their days.
func (b *bed) sort(from int) {
	day := slices.IndexFunc(b.fields, func(f store.Field) bool { return f.Type == store.Date })
	if day < 0 || b.name == "person" {
		return
	}
	slices.SortStableFunc(b.rows[from:], func(x, y []float64) int { return int(x[day] - y[day]) })
}

func (b *bed) write(t testing.TB, to *store.Builder) {
	t.Helper()
	for i := range b.fields {
		f := &b.fields[i]
		switch f.Type {
		case store.Label:
			f.Labels = b.labels[f.Name]
		case store.Concept:
			f.Concepts = b.dictionary(i)
		}
	}
	w, err := to.Table(b.name, b.fields)
	if err != nil {
		t.Fatal(err)
	}
	for from := 0; from < len(b.rows); {
		end := from + 1
		for end < len(b.rows) && (!b.people || len(b.name)%2 == 0 || int(b.rows[end][0])/store.Stride == int(b.rows[from][0])/store.Stride) {
			end++ // every second table has a batch for each stride, the others one
		}
		if err := w.Write(b.columns(from, end)...); err != nil {
			t.Fatal(err)
		}
		from = end
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func (b *bed) dictionary(field int) []int32 {
	ids := []int32{1} // one that no row has
	for _, r := range b.rows {
		ids = append(ids, whole(r[field]))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func whole(x float64) int32 {
	if math.IsNaN(x) {
		return store.Missing
	}
	return int32(x)
}

func (b *bed) columns(from, to int) []any {
	out := make([]any, len(b.fields))
	for i, f := range b.fields {
		if f.Type == store.Float {
			var c []float64
			for _, r := range b.rows[from:to] {
				c = append(c, r[i])
			}
			out[i] = c
			continue
		}
		var c []int32
		for _, r := range b.rows[from:to] {
			c = append(c, whole(r[i]))
		}
		out[i] = c
	}
	return out
}

// soil is what the tables grow from.
type soil struct {
	r      *rand.Rand
	tables map[string]*bed
	names  []string
	days   []float64 // about which a participant's life turns
	index  float64
}

func (s *soil) chance(p float64) bool { return s.r.Float64() < p }

func oneOf[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func dayOf(y, m, d int) float64 {
	return float64(time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

var extremes = []float64{dayOf(1900, 1, 1), dayOf(2100, 12, 31), 0, -1, dayOf(2000, 2, 29), dayOf(2016, 2, 29), dayOf(2019, 12, 31), dayOf(2020, 1, 1), dayOf(2022, 7, 1), dayOf(2022, 7, 2)}

// day is mostly one of few, so that days coincide and lie at the edges of windows.
func (s *soil) day() float64 {
	switch u := s.r.Float64(); {
	case u < 0.6:
		return oneOf(s.r, s.days...) + oneOf(s.r, -365.0, -30, -7, -1, 0, 0, 0, 0, 1, 7, 29, 30, 31, 365)
	case u < 0.97:
		return dayOf(2012, 1, 1) + float64(s.r.IntN(3800))
	}
	return oneOf(s.r, extremes...)
}

// end is the last day of something that began on a day.
func (s *soil) end(day float64) float64 {
	switch u := s.r.Float64(); {
	case u < 0.2:
		return none
	case u < 0.5:
		return day
	case u < 0.52:
		return day - 5
	}
	return day + float64(s.r.IntN(60))
}

func (s *soil) value() float64 {
	switch u := s.r.Float64(); {
	case u < 0.1:
		return none
	case u < 0.13:
		return 0
	case u < 0.16:
		return -float64(s.r.IntN(400)) / 4
	case u < 0.165:
		return oneOf(s.r, 1e9, -1e9, 1e12+0.25)
	}
	return float64(s.r.IntN(800)) / 4
}

// or is x, or now and then one of others.
func (s *soil) or(x float64, p float64, others ...float64) float64 {
	if s.chance(p) {
		return oneOf(s.r, others...)
	}
	return x
}

// participant grows the rows of one: none for some, and for almost all of the second stride.
func (s *soil) participant(p int) {
	s.index = float64(p)
	from := map[string]int{}
	for name, b := range s.tables {
		from[name] = len(b.rows)
	}
	s.person()
	share := 0.8
	if p/store.Stride == 1 {
		share = 0.03
	}
	if s.chance(share) {
		s.life()
	}
	for name, b := range s.tables {
		if b.people {
			b.sort(from[name])
		}
	}
}

func (s *soil) add(table string, values ...float64) {
	s.tables[table].add(append([]float64{s.index}, values...)...)
}

func (s *soil) person() {
	birth := dayOf(1930, 1, 1) + float64(s.r.IntN(27000))
	if s.chance(0.03) {
		birth = oneOf(s.r, dayOf(1900, 1, 1), dayOf(1956, 2, 29), dayOf(2000, 2, 29), dayOf(2004, 7, 1), dayOf(2004, 7, 2), dayOf(2021, 12, 31))
	}
	sex := oneOf(s.r, 45880669.0, 45878463, 45878463)
	s.add("person", s.or(8507, 0.5, 8532, 0, none), birth, s.or(8527, 0.5, 8515, 8516, 38003615, 0, none, 8657, 8557),
		s.or(38003564, 0.3, 38003563, none), s.or(sex, 0.06, 1585849, 903096, 0, none), s.or(1585839, 0.5, 1585840, 1585841, none), s.or(7001, 0.6, 7002, 7003, none))
	s.add("participants", 0, s.index)
	s.days = []float64{dayOf(2015, 3, 1) + float64(s.r.IntN(20)), dayOf(2018, 12, 20) + float64(s.r.IntN(20)), dayOf(2020, 2, 25) + float64(s.r.IntN(10))}
}

// some does something from nothing to most times.
func (s *soil) some(most int, do func()) {
	for range s.r.IntN(most + 1) {
		do()
	}
}

// twice repeats the last row of a table now and then.
func (s *soil) twice(table string) {
	if b := s.tables[table]; s.chance(0.06) {
		b.add(b.rows[len(b.rows)-1]...)
	}
}

func (s *soil) source() float64 { return s.or(5001, 0.8, 5002, 5003, 5004, 0, none) }

func (s *soil) origin() float64 { return s.or(32817, 0.4, 32856, 32865, 0, none) }

func (s *soil) life() {
	s.some(2, func() {
		d := s.day()
		s.add("observation_period", d, d+float64(s.r.IntN(1500)), s.origin())
	})
	s.some(4, func() {
		d := s.day()
		s.add("visit_occurrence", oneOf(s.r, 9201.0, 9202, 9202, 9203, 0), d, s.end(d), s.origin(), s.source())
		s.twice("visit_occurrence")
	})
	s.some(5, func() {
		d := s.day()
		s.add("condition_occurrence", oneOf(s.r, 1001.0, 1011, 1012, 1021, 1022, 1022, 1031, 1099, 0, 77777), d, s.end(d), s.origin(), s.or(none, 0.3, 32902), s.source())
		s.twice("condition_occurrence")
	})
	s.some(6, func() {
		d := s.day()
		supply := oneOf(s.r, 30.0, 30, 90, 0, none)
		s.add("drug_exposure", oneOf(s.r, 2001.0, 2011, 2012, 2012, 2021, 0), d, s.end(d), s.origin(), oneOf(s.r, 0.0, 1, 3, none), s.value(), supply, s.or(none, 0.5, 4132161, 0), s.source())
		s.twice("drug_exposure")
	})
	s.measurements()
	s.some(2, func() {
		s.add("observation", oneOf(s.r, 6001.0, 6002, 0), s.day(), s.origin(), s.value(), s.or(none, 0.5, 4188539), none, s.or(none, 0.5, 9529, 0), s.source())
	})
	s.some(2, func() {
		s.add("procedure_occurrence", oneOf(s.r, 8101.0, 8102, 8103), s.day(), s.origin(), none, oneOf(s.r, 1.0, 2, none), s.source())
		s.twice("procedure_occurrence")
	})
	if s.chance(0.15) {
		s.add("death", s.day(), s.origin(), s.or(1022, 0.5, 1031, 0, none), none)
		if s.chance(0.05) {
			s.add("death", s.day(), s.origin(), none, none)
		}
	}
	s.survey()
	s.wear()
}

func (s *soil) measurements() {
	s.some(8, func() {
		concept := oneOf(s.r, 3004410.0, 3004410, 3002, 3002, 3003, 3004, 0)
		unit := map[float64][]float64{3004410: {8554, 8554, 8554, 9579}, 3002: {9529, 9529, 8739}, 3003: {8582, 9330}, 3004: {8840, 8753}, 0: {8840, 0}}[concept]
		s.add("measurement", concept, s.day(), s.origin(), s.or(none, 0.2, 4172703, 0), s.value(), s.or(none, 0.2, 45884084, 45878583), s.or(oneOf(s.r, unit...), 0.12, none, 0, 8840, 9529),
			s.or(20, 0.4, none, 50, 100), s.or(120, 0.4, none, 60, 100), s.source())
		s.twice("measurement")
	})
}

func (s *soil) survey() {
	b := s.tables["ds_survey"]
	s.some(5, func() {
		d, q := s.day(), oneOf(s.r, 4001.0, 4001, 4002, 4003)
		answers := map[float64][]float64{4001: {4101, 4102, 4103, 903096}, 4002: {4201, 4202, 4203}, 4003: {4301, 4302}}[q]
		module := map[float64]string{4001: "Overall Health", 4002: "Lifestyle: what's next", 4003: "The Basics"}[q]
		survey := b.label("survey", module)
		s.add("ds_survey", survey, d, q, s.or(oneOf(s.r, answers...), 0.08, none, 0, 77778))
		if q == 4002 { // tick all that apply
			s.add("ds_survey", survey, d, q, oneOf(s.r, answers...))
		}
	})
}

func (s *soil) wear() {
	if !s.chance(0.3) {
		return
	}
	b := s.tables["heart_rate_summary"]
	first := oneOf(s.r, s.days...)
	for i := range s.r.IntN(12) {
		s.add("activity_summary", first+float64(i)*oneOf(s.r, 1.0, 1, 30), s.or(float64(s.r.IntN(20000)), 0.1, none, 0), s.value())
		s.twice("activity_summary")
	}
	s.some(4, func() {
		rate := float64(50 + s.r.IntN(30))
		s.add("heart_rate_summary", s.day(), b.label("zone_name", oneOf(s.r, "Out of Range", "Fat Burn", "Cardio")), s.or(rate, 0.1, none), rate+10, s.or(30, 0.2, none))
	})
}

// concepts are id, code, vocabulary, parents and name.
const concepts = `
0|No matching concept|None||No matching concept
8507|M|Gender||MALE
8532|F|Gender||FEMALE
45880669|LA2-8|LOINC||Male
45878463|LA3-6|LOINC||Female
1585849|SexAtBirth_None|PPI||Sex At Birth: Sex At Birth None Of These
903096|PMI_Skip|PPI||PMI: Skip
1585839|GenderIdentity_Man|PPI||Gender Identity: Man
1585840|GenderIdentity_Woman|PPI||Gender Identity: Woman
1585841|GenderIdentity_NonBinary|PPI||Gender Identity: Non Binary
8515|2|Race||Asian
8516|3|Race||Black or African American
8527|5|Race||White
8657|1|Race||Another
8557|4|Race||Another
38003615|5.02|Race||Middle Eastern or North African
38003563|Hispanic|Ethnicity||Hispanic or Latino
38003564|Not Hispanic|Ethnicity||Not Hispanic or Latino
7001|S1|Synthetic||State "one"
7002|S2|Synthetic||State, two
7003|S3|Synthetic||État n° 3
32817|OMOP4976890|Type Concept||EHR
32856|OMOP4976929|Type Concept||Lab
32865|OMOP4976938|Type Concept||Patient self-report
32902|OMOP4976975|Condition Status||Primary diagnosis
9201|IP|Visit||Inpatient Visit
9202|OP|Visit||Outpatient Visit
9203|ER|Visit||Emergency Room Visit
1001|C1|SNOMED||Disorder
1010|C10|SNOMED|1001|Disorder of glucose metabolism
1011|C11|SNOMED|1010|Twin
1012|C12|SNOMED|1010|Twin
1020|C20|SNOMED|1001|Disorder of the heart
1021|C21|SNOMED|1020|Heart failure
1022|C22|SNOMED|1020 1010|Diabetic heart disease
1031|C31|SNOMED||Anaemia
1099|C99|SNOMED||Rare thing
2001|D1|RxNorm||Antidiabetics
2010|D10|RxNorm|2001|Biguanides
2011|D11|RxNorm|2010|metformin
2012|D12|RxNorm|2001|insulin
2021|D21|RxNorm||statin
4132161|R1|SNOMED||Oral
3004410|4548-4|LOINC||Hemoglobin A1c
3002|29463-7|LOINC||Body weight
3003|8302-2|LOINC||Body height
3004|2345-7|LOINC||Glucose
45884084|LA1|LOINC||Positive
45878583|LA2|LOINC||Negative
4172703|=|SNOMED||=
4188539|Y|SNOMED||Yes
8554|%|UCUM||percent
9579|mmol/mol|UCUM||millimole per mole
9529|kg|UCUM||kilogram
8739|[lb_av]|UCUM||pound (US)
8582|cm|UCUM||centimeter
9330|[in_i]|UCUM||inch (US)
8840|mg/dL|UCUM||milligram per deciliter
8753|mmol/L|UCUM||millimole per liter
5001|E11|ICD10CM||Type 2 diabetes mellitus
5002|E11.9|ICD10CM||Type 2 diabetes mellitus without complications
5003|E10.1|ICD10CM||Type 1 diabetes mellitus with ketoacidosis
5004|E11|ICD9CM||Something else
6001|O1|LOINC||Pain score
6002|O2|LOINC||Smoking
8101|P1|CPT4||Echo
8102|P2|CPT4||X-ray
8103|P3|CPT4||MRI
4001|Q1|PPI||Overall Health: General Health
4002|Q2|PPI||Lifestyle: what do you do
4003|Q3|PPI||The Basics: Insurance
4101|A1|PPI||General Health: Good
4102|A2|PPI||General Health: Poor
4103|A3|PPI||General Health: It's: complicated
4201|A4|PPI||What: Running
4202|A5|PPI||What: Reading
4203|A6|PPI||Neither
4301|A7|PPI||Insurance: Yes
4302|A8|PPI||Insurance: No`

func (s *soil) vocabulary() {
	names, ancestors := s.tables["concept"], s.tables["concept_ancestor"]
	parents := map[string][]string{}
	var ids []string
	var rows [][]float64
	number := func(id string) float64 {
		x := 0.0
		for _, d := range id {
			x = 10*x + float64(d-'0')
		}
		return x
	}
	for line := range strings.Lines(strings.TrimSpace(concepts)) {
		f := strings.Split(strings.TrimSpace(line), "|")
		parents[f[0]], ids = strings.Fields(f[3]), append(ids, f[0])
		rows = append(rows, []float64{number(f[0]), names.label("concept_name", f[4]), names.label("domain_id", f[2]), names.label("vocabulary_id", f[2]),
			names.label("concept_class_id", f[2]), names.label("concept_code", f[1]), names.label("standard_concept", "S")})
	}
	slices.SortFunc(rows, func(x, y []float64) int { return int(x[0] - y[0]) })
	names.rows = rows
	for _, id := range ids {
		levels := map[string]int{id: 0}
		for queue := []string{id}; len(queue) > 0; queue = queue[1:] {
			for _, p := range parents[queue[0]] {
				if _, seen := levels[p]; !seen {
					levels[p] = levels[queue[0]] + 1
					queue = append(queue, p)
				}
			}
		}
		for a, n := range levels {
			ancestors.add(number(a), number(id), float64(n))
		}
	}
	slices.SortFunc(ancestors.rows, func(x, y []float64) int { return slices.Compare(x, y) })
}
