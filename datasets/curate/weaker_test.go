package curate

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"weir/datasets/plan"
)

// attacked is a source in which the built-in rules have much to do: a man who was
// born female, of two races, whose conditions are of public events.
const attacked = `
-- person.csv --
person_id,gender_concept_id,birth_datetime,race_concept_id
1,8532,1950-01-01,0
2,8507,1925-01-01,8527
3,8532,1960-01-01,8657
-- person_ext.csv --
person_id,gender_identity_concept_id,sex_at_birth_concept_id,state_of_residence_concept_id
1,1585839,1585847,1585261
2,1585839,1585846,1585261
3,1585840,1585847,1585261
-- ds_survey.csv --
person_id,survey,survey_datetime,question_concept_id,answer_concept_id
1,The Basics,2020-01-01,1585838,1585839
1,The Basics,2020-01-01,1585845,1585847
1,The Basics,2020-01-01,1586140,1586143
1,The Basics,2020-01-01,1586140,1586142
1,The Basics,2020-01-01,1585899,1585902
1,The Basics,2020-01-01,1586151,1586157
3,The Basics,2020-01-01,1586140,1586141
-- observation.csv --
observation_id,person_id,observation_concept_id,observation_date,value_as_concept_id,observation_source_concept_id
1,1,777,2020-01-01,1586143,1586140
2,1,777,2020-01-01,1586142,1586140
3,1,777,2020-01-01,1585839,1585838
-- condition_occurrence.csv --
condition_occurrence_id,person_id,condition_concept_id,condition_start_date,condition_end_date,condition_source_concept_id
1,1,201826,2020-01-01,2020-01-02,0
2,1,4324900,2020-01-01,2020-01-02,0
3,1,201826,2020-01-01,2020-01-02,4324900
-- concept.csv --
concept_id,concept_name,domain_id,vocabulary_id,concept_class_id,valid_start_date
8507,MALE,Gender,Gender,Gender,1970-01-01
`

// saidBy are the rows of a table, each a list of field=value.
func saidBy(t *testing.T, from string, rules *Rules) map[string][]string {
	t.Helper()
	r, _ := imported(t, from, ImportOptions{Name: "test", Tier: plan.Registered, CDR: "v1", CutOff: "2022-07-01", Curated: true, Seed: 1, Rules: rules})
	out := map[string][]string{}
	for _, info := range r.Tables {
		if info.Fields[0].Name != "participant" || info.Name == "participants" {
			continue
		}
		c := whole(t, r, info.Name)
		for i := range c.count {
			row := fmt.Sprintf("participant=%d", c.ints[0][i])
			for f := 1; f < len(info.Fields); f++ {
				row += fmt.Sprintf(" %s=%s", info.Fields[f].Name, shownValue(c, f, i))
			}
			out[info.Name] = append(out[info.Name], row)
		}
	}
	return out
}

// TestNeverWeaker: rules that look stricter, and would keep a built-in one from
// acting. Whatever they do, no row says more than one does that the built-in rules
// leave by themselves.
func TestNeverWeaker(t *testing.T) {
	from := unpack(t, attacked)
	without := saidBy(t, from, nil)
	if n := len(without["condition_occurrence"]); n != 1 || len(without["person"]) != 2 || strings.Contains(fmt.Sprint(without), "1585839") || strings.Contains(fmt.Sprint(without), "1586143") {
		t.Fatalf("the built-in rules leave %v", without)
	}
	for name, act := range map[string]string{
		"the sex is dropped":            `drop_fields = ["person.sex_at_birth_concept_id", "person.gender_concept_id"]`,
		"the sex is empty":              `null_fields = ["person.sex_at_birth_concept_id", "person.gender_concept_id"]`,
		"sexes are dropped":             `drop_rows = { tables = ["ds_survey"], concepts = [1585847, 1585845] }`,
		"a race is dropped":             `drop_rows = { concepts = [1586142] }`,
		"the survey is dropped":         `drop_tables = ["ds_survey"]`,
		"the observations are dropped":  `drop_tables = ["observation"]`,
		"both are dropped":              `drop_tables = ["ds_survey", "observation"]`,
		"the sources are dropped":       `drop_fields = ["observation.observation_source_concept_id", "condition_occurrence.condition_source_concept_id"]`,
		"the sources are empty":         `null_fields = ["observation.observation_source_concept_id", "condition_occurrence.condition_source_concept_id"]`,
		"the questions are empty":       `null_fields = ["ds_survey.question_concept_id", "observation.observation_*"]`,
		"the births are empty":          `null_fields = ["person.birth_date"]`,
		"the conditions are empty":      `null_fields = ["condition_occurrence.condition_concept_id"]`,
		"a gender has another number":   `generalise = { questions = [1585838], concepts = [1585839], into = 91 }`,
		"the sex has another number":    `generalise = { fields = ["person.sex_at_birth_concept_id"], questions = [1585845], concepts = [1585847], into = 92 }`,
		"a race has another number":     `generalise = { questions = [1586140], concepts = [1586143], into = 93 }`,
		"another question has a number": `generalise = { questions = [777], concepts = [1586143, 1585839], into = 94 }`,
		"an orientation has another":    `generalise = { questions = [1585899], concepts = [1585902], into = 95 }`,
	} {
		t.Run(name, func(t *testing.T) {
			rules, err := ParseRules([]byte("version = \"site\"\n[[rule]]\nname = \"x\"\ntiers = [\"registered\"]\nfrom = \"an attack\"\n" + act))
			if err != nil {
				t.Fatal(err)
			}
			for table, rows := range saidBy(t, from, rules) {
				for _, row := range rows {
					if !slices.ContainsFunc(without[table], func(w string) bool { return saysNoMore(row, w) }) {
						t.Errorf("%s: %s, where the built-in rules leave\n%s", table, row, strings.Join(without[table], "\n"))
					}
				}
			}
		})
	}
	for act, want := range map[string]string{
		`zip3 = { questions = [1585250, 777], participants = 500 }`:                 "needs",
		`drop_fields = ["person.birth_date"]`:                                       "no row is without it",
		`drop_fields = ["ds_survey.*_id"]`:                                          "no row is without it",
		`drop_fields = ["*.*_date"]`:                                                "no row is without it",
		`drop_tables = ["concept"]`:                                                 "needs concept",
		`generalise = { fields = ["person.birth_date"], concepts = [1], into = 2 }`: "no concept of person",
		`cap_age = { oldest = 89 }`:                                                 "weaker",
		`shift_dates = { least = 1, most = 30 }`:                                    "shifts the dates already",
		`least_population = { field = "person.state_of_residence_concept_id", participants = 1, into = 5 }`: "weaker",
	} {
		tier := "registered"
		if want == "needs" {
			tier, want = "controlled", "which questions"
		}
		rules, err := ParseRules([]byte("version = \"site\"\n[[rule]]\nname = \"x\"\ntiers = [\"" + tier + "\"]\nfrom = \"an attack\"\n" + act))
		if err == nil {
			_, err = Import(t.Context(), from, t.TempDir()+"/r", ImportOptions{Name: "test", Tier: plan.Tier(tier), CDR: "v1", CutOff: "2022-07-01", Rules: rules}, nil)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %q", act, err, want)
		}
	}
}

// saysNoMore says whether a row says no more than another: its fields are the
// other's, or empty, or what an attack made of them.
func saysNoMore(row, than string) bool {
	has := strings.Fields(than)
	for _, cell := range strings.Fields(row) {
		_, value, _ := strings.Cut(cell, "=")
		if !slices.Contains(has, cell) && value != "-" && !(value == "92" && strings.HasPrefix(cell, "sex_at_birth")) && !(value == "92" && strings.HasPrefix(cell, "answer") && slices.Contains(has, "answer_concept_id=1585847")) {
			return false
		}
	}
	return true
}
