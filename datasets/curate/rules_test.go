package curate

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// lines are the rows of a table as text: person_id, then the fields, "-" for what
// is missing. Without the table it is nil.
func lines(t *testing.T, r *store.Repository, table string) []string {
	t.Helper()
	if !r.Has(table) {
		return nil
	}
	people, c := whole(t, r, "participants"), whole(t, r, table)
	var out []string
	for i := range c.count {
		p := c.ints[0][i]
		row := []string{strconv.FormatInt(int64(people.ints[1][p])<<31+int64(people.ints[2][p]), 10)}
		for f := 1; f < len(c.shape.fields); f++ {
			row = append(row, shownValue(c, f, i))
		}
		out = append(out, strings.Join(row, " "))
	}
	slices.Sort(out)
	return out
}

func shownValue(c *columns, f, i int) string {
	field := c.shape.fields[f]
	switch {
	case c.nums[f] != nil:
		if c.nums[f][i] != c.nums[f][i] {
			return "-"
		}
		return fmt.Sprint(c.nums[f][i])
	case c.ints[f][i] == store.Missing:
		return "-"
	case field.Type == store.Date:
		return date(c.ints[f][i]).Format(time.DateOnly)
	case field.Type == store.Label:
		return field.Labels[c.ints[f][i]]
	}
	return fmt.Sprint(c.ints[f][i])
}

// TestEachRule imports testdata/rules.txtar's cases. A case is a file "rule | tier
// | table", whose lines are the rows that the table must hold of the tables behind
// it, up to the next case; "fields" in place of rows says which fields it has.
// Every rule that ships has a case.
func TestEachRule(t *testing.T) {
	text, err := os.ReadFile("testdata/rules.txtar")
	if err != nil {
		t.Fatal(err)
	}
	tested := map[string]bool{}
	archive := txtar.Parse(text)
	for i := 0; i < len(archive.Files); {
		head := archive.Files[i]
		parts := strings.Split(head.Name, " | ")
		if len(parts) != 3 {
			t.Fatalf("%q is no case", head.Name)
		}
		var tables []txtar.File
		for i++; i < len(archive.Files) && !strings.Contains(archive.Files[i].Name, " | "); i++ {
			tables = append(tables, archive.Files[i])
		}
		tested[parts[0]] = true
		t.Run(head.Name, func(t *testing.T) {
			dir := t.TempDir()
			for _, f := range tables {
				if err := os.WriteFile(filepath.Join(dir, f.Name), f.Data, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := os.Stat(filepath.Join(dir, "concept.csv")); err != nil {
				concept := "concept_id,concept_name,domain_id,vocabulary_id,concept_class_id,valid_start_date\n8507,MALE,Gender,Gender,Gender,1970-01-01\n"
				if err := os.WriteFile(filepath.Join(dir, "concept.csv"), []byte(concept), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			o := ImportOptions{Name: "test", Tier: plan.Tier(parts[1]), CDR: "v1", CutOff: "2022-07-01", Curated: true, Seed: 1}
			r, _ := imported(t, dir, o)
			got := lines(t, r, parts[2])
			if strings.HasPrefix(string(head.Data), "fields ") && r.Has(parts[2]) {
				var names []string
				for _, f := range whole(t, r, parts[2]).shape.fields {
					names = append(names, f.Name)
				}
				got = []string{"fields " + strings.Join(names[1:], " ")}
			}
			if want := strings.TrimSpace(string(head.Data)); strings.Join(got, "\n") != want {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), want)
			}
		})
	}
	for _, r := range BuiltIn().Rules {
		if !tested[r.Name] && !slices.Contains([]string{"research ids", "date shift"}, r.Name) { // TestKey
			t.Errorf("no test cites the rule %q", r.Name)
		}
	}
}

const keyed = `
-- person.csv --
person_id,gender_concept_id,birth_datetime
1,8507,1950-01-01
2,8532,1960-02-29
3,8532,1970-12-31
-- observation_period.csv --
person_id,observation_period_start_date,observation_period_end_date
1,2010-01-01,2020-01-01
2,2010-01-01,2020-01-01
3,2010-01-01,2020-01-01
-- ds_survey.csv --
person_id,survey,survey_datetime,question_concept_id,answer_concept_id
1,COVID-19,2020-05-01 10:00:00,1,2
-- concept.csv --
concept_id,concept_name,domain_id,vocabulary_id,concept_class_id,valid_start_date
8507,MALE,Gender,Gender,Gender,1970-01-01
`

// TestKey: the rules "research ids" and "date shift". One key gives one person the
// same id in both tiers and one shift in all tables, of 1 to 364 days backward,
// births and surveys too; another key gives others.
func TestKey(t *testing.T) {
	key, other := Key(strings.Repeat("k", keyBytes)), Key(strings.Repeat("j", keyBytes))
	from := unpack(t, keyed)
	in := func(tier plan.Tier, k Key) *store.Repository {
		r, _ := imported(t, from, ImportOptions{Name: "test", Tier: tier, CDR: "v1", CutOff: "2022-07-01", Key: k})
		return r
	}
	registered, controlled := in(plan.Registered, key), in(plan.Controlled, key)
	same := func(a, b []string) bool {
		return slices.EqualFunc(a, b, func(a, b string) bool { return strings.Fields(a)[0] == strings.Fields(b)[0] })
	}
	if !same(lines(t, registered, "person"), lines(t, controlled, "person")) || same(lines(t, controlled, "person"), lines(t, in(plan.Controlled, other), "person")) {
		t.Error("research ids do not follow from the key alone")
	}
	var want []string
	days := func(text string, back uint16) string {
		day, err := parseDay(text)
		if err != nil {
			t.Fatal(err)
		}
		return date(day - int32(back)).Format(time.DateOnly)
	}
	shifts := map[uint16]bool{}
	for id := range int64(3) {
		s := key.shift(&ShiftDates{1, 364}, id+1)
		shifts[s] = true
		want = append(want, fmt.Sprintf("%d %s %s", key.researchID(id+1), days("2010-01-01", s), days("2020-01-01", s)))
		if s < 1 || s > 364 {
			t.Errorf("a shift of %d days", s)
		}
	}
	slices.Sort(want)
	if got := lines(t, registered, "observation_period"); !slices.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	if got := lines(t, registered, "ds_survey"); got[0] != fmt.Sprintf("%d COVID-19 %s 1 2", key.researchID(1), days("2020-05-01", key.shift(&ShiftDates{1, 364}, 1))) {
		t.Errorf("the date of a survey is not shifted: %v", got)
	}
	if len(shifts) < 2 {
		t.Error("all shifts are the same")
	}
}

// TestStates: the rule "small states". A state of 200 participants is named, one of
// 199 is not.
func TestStates(t *testing.T) {
	var persons, states strings.Builder
	for id := range 399 {
		fmt.Fprintf(&persons, "%d,1950-01-01\n", id)
		fmt.Fprintf(&states, "%d,%d\n", id, 1585261+id/200)
	}
	from := unpack(t, "-- person.csv --\nperson_id,birth_datetime\n"+persons.String()+"-- person_ext.csv --\nperson_id,state_of_residence_concept_id\n"+states.String()+
		"-- concept.csv --\nconcept_id,concept_name,domain_id,vocabulary_id,concept_class_id,valid_start_date\n8507,MALE,Gender,Gender,Gender,1970-01-01\n")
	r, _ := imported(t, from, ImportOptions{Name: "test", Tier: plan.Registered, CDR: "v1", CutOff: "2022-07-01", Curated: true, Seed: 1})
	count := map[int32]int{}
	for _, id := range whole(t, r, "person").int32s("state_of_residence_concept_id") {
		count[id]++
	}
	if len(count) != 2 || count[1585261] != 200 || count[2000000011] != 199 {
		t.Errorf("participants by state: %v", count)
	}
}

// TestShiftIsUniform: of 36,400 shifts each of 364 days comes about 100 times. By
// chi-squared with 363 degrees of freedom, beyond 500 lies less than one key in
// 100,000, and this key is fixed.
func TestShiftIsUniform(t *testing.T) {
	key, count := Key(strings.Repeat("u", keyBytes)), map[uint16]int{}
	for id := range int64(36_400) {
		count[key.shift(&ShiftDates{1, 364}, id)]++
	}
	chi := 0.0
	for day := range uint16(364) {
		d := float64(count[day+1]) - 100
		chi += d * d / 100
	}
	if chi > 500 || len(count) != 364 {
		t.Errorf("chi-squared is %.0f over %d days", chi, len(count))
	}
}

func TestOpenKey(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	a, err := OpenKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := OpenKey(path); err != nil || string(a) != string(b) || len(a) != keyBytes {
		t.Errorf("%x, then %x, %v", a, b, err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKey(path); err == nil || !strings.Contains(err.Error(), "others can read") {
		t.Errorf("%v", err)
	}
	for _, text := range []string{"", "00", strings.Repeat("0", 64), strings.Repeat("x", 64)} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := OpenKey(path); err == nil {
			t.Errorf("%q is taken for a key", text)
		}
	}
}

// TestRulesAreStrict: what is not understood, and what would loosen a tier, is refused.
func TestRulesAreStrict(t *testing.T) {
	rule := func(act string) string {
		return "version = \"1\"\n[[rule]]\nname = \"x\"\ntiers = [\"registered\"]\nfrom = \"y\"\n" + act
	}
	for text, want := range map[string]string{
		"":                           "no version",
		"version = \"1\"\nx = 1":     "unknown key",
		rule("drop_table = [\"a\"]"): "unknown key",
		rule(""):                     "0 acts",
		rule("research_ids = true\nmiddle_of_birth_year = true"):                                                "2 acts",
		rule("drop_rows = {lists = [\"none\"]}"):                                                                "no list",
		rule("drop_rows = {concepts = [0]}"):                                                                    "concept 0",
		rule("drop_rows = {}"):                                                                                  "names no concepts",
		rule("drop_rows = {tables = [\"person\"], concepts = [1]}"):                                             "no table whose rows",
		rule("drop_fields = [\"person.*\"]"):                                                                    "drop the table",
		rule("drop_fields = [\"race\"]"):                                                                        "no field",
		rule("drop_tables = [\"person\"]"):                                                                      "without person",
		rule("generalise = {questions = [1], concepts = [2]}"):                                                  "into",
		rule("generalise = {questions = [1], into = 2}"):                                                        "needs concepts",
		rule("generalise = {fields = [\"death.cause_concept_id\"], concepts = [1], into = 2}"):                  "no concept of person",
		rule("shift_dates = {least = 0, most = 364}"):                                                           "at least 1",
		rule("shift_dates = {least = 7, most = 7}"):                                                             "at least 1",
		rule("cap_age = {oldest = 0}"):                                                                          "no age",
		strings.Replace(rule("research_ids = true"), "registered", "public", 1):                                 "no tier that holds rows",
		rule("research_ids = true") + "\n[[rule]]\nname = \"x\"\ntiers = [\"controlled\"]\nresearch_ids = true": "of another",
	} {
		if _, err := ParseRules([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %q", text, err, want)
		}
	}
	for act, want := range map[string]string{
		"cap_age = {oldest = 95}": "weaker",
		"cap_age = {oldest = 80}": "",
		"least_population = {field = \"person.state_of_residence_concept_id\", participants = 20, into = 1}":  "weaker",
		"least_population = {field = \"person.state_of_residence_concept_id\", participants = 500, into = 1}": "",
		"recent_concepts = {days = 1}":                    "weaker",
		"shift_dates = {least = 1, most = 2}":             "shifts the dates already",
		"drop_tables = [\"measurement\"]":                 "",
		"null_fields = [\"measurement.value_as_number\"]": "",
	} {
		r, err := ParseRules([]byte(rule(act)))
		if err != nil {
			t.Fatal(err)
		}
		_, err = BuiltIn().Tightened(r)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %q", act, err, want)
		}
	}
	r, err := ParseRules([]byte(strings.Replace(rule("research_ids = true"), "\"x\"", "\"age of 89\"", 1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := BuiltIn().Tightened(r); err == nil {
		t.Error("a rule was replaced")
	}
}

// TestTightened: an administrator's rules act, and the manifest says that they did.
func TestTightened(t *testing.T) {
	rules, err := ParseRules([]byte(`version = "site 3"
[[rule]]
name = "nobody over 60"
tiers = ["registered"]
from = "the site's board"
cap_age = { oldest = 60 }
[[rule]]
name = "no ends"
tiers = ["registered"]
from = "the site's board"
null_fields = ["observation_period.observation_period_end_date"]
`))
	if err != nil {
		t.Fatal(err)
	}
	r, report := imported(t, unpack(t, strings.Replace(keyed, "end_date\n", "end_date,x\n", 0)), ImportOptions{
		Name: "test", Tier: plan.Registered, CDR: "v1", CutOff: "2022-07-01", Rules: rules, Curated: true,
	})
	if got := lines(t, r, "observation_period"); !slices.Equal(got, []string{"3 2010-01-01 -"}) {
		t.Errorf("%v", got)
	}
	if !strings.HasPrefix(r.Rules, "1+site 3-") || report.Tables[0].Table != "concept" || report.Tables[1].Dropped["nobody over 60"] != 2 {
		t.Errorf("rules %q, report\n%v", r.Rules, report)
	}
}

// FuzzRules: a file of rules is read or refused.
func FuzzRules(f *testing.F) {
	f.Add(string(rulesText))
	f.Add("version = \"1\"\n[[rule]]\nname = \"x\"\ntiers = [\"registered\"]\nfrom = \"y\"\ncap_age = { oldest = 80 }\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ParseRules([]byte(text))
		if err != nil {
			return
		}
		for _, tier := range []plan.Tier{plan.Registered, plan.Controlled, plan.Public} {
			r.of(tier).begin(1)
		}
	})
}
