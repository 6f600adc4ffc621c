package engine

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	ds "weir/datasets"
	"weir/datasets/curate"
	"weir/datasets/plan"
	"weir/datasets/store"
)

// noted notes the plans of package datasets instead of running them.
type noted struct{ plan *plan.Node }

func (n *noted) Run(*plan.Node) (*plan.Result, error) { return &plan.Result{}, nil }
func (n *noted) Show(p *plan.Node) error              { n.plan = p; return nil }

// published is a definition of OHDSI's phenotype library, with edits of its text.
func published(t *testing.T, number string, edits ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(sharedData(t, "ohdsi-conventions"), "phenotypes", number+".json"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := json.Compact(&b, text); err != nil {
		t.Fatal(err)
	}
	out := b.String()
	for i := 0; i < len(edits); i += 2 {
		if !strings.Contains(out, edits[i]) {
			t.Fatalf("%s has no %s", number, edits[i])
		}
		out = strings.ReplaceAll(out, edits[i], edits[i+1])
	}
	return out
}

const (
	rules = `"InclusionRules":[]`
	// A second diagnosis within a year, no metformin in the half year before, and
	// either an HbA1c below 9 or a visit that spans the day.
	someRules = `"InclusionRules":[
{"name":"again","expression":{"Type":"ALL","CriteriaList":[{"Criteria":{"ConditionOccurrence":{"CodesetId":4}},"StartWindow":{"Start":{"Days":30,"Coeff":1},"End":{"Days":365,"Coeff":1}},"Occurrence":{"Type":2,"Count":1}}],"DemographicCriteriaList":[],"Groups":[]}},
{"name":"new","expression":{"Type":"ALL","CriteriaList":[{"Criteria":{"DrugExposure":{"CodesetId":5}},"StartWindow":{"Start":{"Days":180,"Coeff":-1},"End":{"Days":1,"Coeff":-1}},"Occurrence":{"Type":0,"Count":0}}],"Groups":[
 {"Type":"ANY","CriteriaList":[
  {"Criteria":{"Measurement":{"CodesetId":6,"ValueAsNumber":{"Value":9,"Op":"lt"}}},"StartWindow":{"Start":{"Days":400,"Coeff":-1},"End":{"Days":400,"Coeff":1}},"Occurrence":{"Type":1,"Count":2}},
  {"Criteria":{"VisitOccurrence":{}},"StartWindow":{"Start":{"Coeff":-1},"End":{"Days":0,"Coeff":1}},"EndWindow":{"Start":{"Days":0,"Coeff":-1},"End":{"Coeff":1},"UseEventEnd":true},"Occurrence":{"Type":2,"Count":1}}]}]}}]`
)

// TestCirce reads published definitions, and variants of them, into cohorts; as many
// participants are in each, with the same starts, as somebody else finds who reads
// the definition as Circe's SQL does.
func TestCirce(t *testing.T) {
	from, dir := filepath.Join(t.TempDir(), "omop"), filepath.Join(t.TempDir(), "r")
	if err := curate.SynthesizeOMOP(t.Context(), from, "parquet", curate.SynthesizeOptions{Participants: 4000, Tier: plan.Controlled}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := curate.Import(t.Context(), from, dir, curate.ImportOptions{Name: "test", Tier: plan.Controlled, CDR: "v1", CutOff: "2022-07-01"}, nil); err != nil {
		t.Fatal(err)
	}
	r, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(r)
	if err != nil {
		t.Fatal(err)
	}
	const all, firstLimit = `"PrimaryCriteriaLimit":{"Type":"All"}`, `"PrimaryCriteriaLimit":{"Type":"First"}`
	t2d := []string{`"CodesetId":4,"First":true`, `"CodesetId":4`}
	definitions := map[string]string{
		"957, T2DM":                     published(t, "957"),
		"503, T2DM":                     published(t, "503"),
		"770, hypertension":             published(t, "770"),
		"881, MI":                       published(t, "881"),
		"888, GI bleeding":              published(t, "888"),
		"944, stroke":                   published(t, "944"),
		"417, GI bleeding":              published(t, "417"),
		"334, asthma":                   published(t, "334"),
		"957, below 55":                 published(t, "957", `"CodesetId":4,"First":true`, `"CodesetId":4,"Age":{"Value":55,"Op":"lt"}`),
		"957, from 40 to 60":            published(t, "957", `"CodesetId":4,"First":true`, `"CodesetId":4,"Age":{"Value":40,"Extent":60,"Op":"bt"}`),
		"957, above 70":                 published(t, "957", `"CodesetId":4,"First":true`, `"CodesetId":4,"Age":{"Value":70,"Op":"gt"}`),
		"957, a year observed":          published(t, "957", `"PriorDays":0,"PostDays":0`, `"PriorDays":365,"PostDays":200`),
		"957, all":                      published(t, "957", append(t2d, firstLimit, all)...),
		"957, rules":                    published(t, "957", rules, someRules),
		"957, all, rules":               published(t, "957", append(t2d, firstLimit, all, rules, someRules)...),
		"957, all qualify, rules":       published(t, "957", append(t2d, firstLimit, all, `"QualifiedLimit":{"Type":"First"}`, `"QualifiedLimit":{"Type":"All"}`, rules, someRules)...),
		"957, whatever the period":      published(t, "957", `"IgnoreObservationPeriod":false`, `"IgnoreObservationPeriod":true`),
		"957, since 2019":               published(t, "957", `"CodesetId":4,"First":true`, `"CodesetId":4,"OccurrenceStartDate":{"Value":"2019-03-01","Op":"gte"}`),
		"957, in 2019":                  published(t, "957", `"CodesetId":4,"First":true`, `"CodesetId":4,"OccurrenceStartDate":{"Value":"2019-01-01","Extent":"2019-12-31","Op":"bt"}`),
		"770, at a visit":               published(t, "770", `"InclusionRules":[]`, `"InclusionRules":[{"name":"visit","expression":{"Type":"ALL","CriteriaList":[{"Criteria":{"VisitOccurrence":{}},"StartWindow":{"Start":{"Coeff":-1},"End":{"Days":0,"Coeff":1}},"EndWindow":{"Start":{"Days":0,"Coeff":-1},"End":{"Coeff":1},"UseEventEnd":true},"Occurrence":{"Type":2,"Count":1}}]}}]`),
		"770, with correlated diabetes": published(t, "770", `"CodesetId":1,`, `"CodesetId":1,"CorrelatedCriteria":{"Type":"ANY","CriteriaList":[{"Criteria":{"Measurement":{}},"StartWindow":{"Start":{"Days":30,"Coeff":-1},"End":{"Days":30,"Coeff":1}},"Occurrence":{"Type":2,"Count":3}}]},`),
	}
	note := &noted{}
	plan.Connect(note)
	defer plan.Connect(nil)
	var names, lines []string
	for name, text := range definitions {
		names = append(names, name)
		lines = append(lines, strings.ReplaceAll(text, "\n", ""))
	}
	theirs := circe(t, from, lines)
	nonempty := 0
	for i, name := range names {
		cohort := ds.Repository{}.CohortDefinition("test", definitions[name])
		cohort.Summarise(cohort.Index().DaysSince(ds.Day(1970, 1, 1)).Sum()).Show()
		table, err := e.Tabulate(t.Context(), note.plan)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		g := table.Groups[0]
		ours := fmt.Sprintf("%d %.0f", g.All.Participants, g.Values[0].Sum)
		if ours != theirs[i] {
			t.Errorf("%s: %s, and Circe has %s", name, ours, theirs[i])
		}
		if g.All.Participants > 0 {
			nonempty++
		}
		t.Logf("%s: %s", name, ours)
	}
	if nonempty < 12 {
		t.Errorf("only %d cohorts have anybody", nonempty)
	}
}

func circe(t *testing.T, folder string, definitions []string) []string {
	t.Helper()
	python := os.Getenv("WEIR_PYTHON")
	if python == "" {
		if os.Getenv("WEIR_REQUIRE_ALL") != "" {
			t.Fatal("WEIR_PYTHON does not name a Python with duckdb")
		}
		t.Skip("WEIR_PYTHON does not name a Python with duckdb")
	}
	c := exec.Command(python, "testdata/circe.py", folder)
	c.Stdin = strings.NewReader(strings.Join(definitions, "\n") + "\n")
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(definitions) {
		t.Fatalf("%d answers to %d definitions", len(lines), len(definitions))
	}
	return lines
}

// TestCirceRefuses: what is not read is refused by its name.
func TestCirceRefuses(t *testing.T) {
	for _, x := range []struct{ text, want string }{
		{published(t, "334", `"Op":"lt"`, `"Op":"like"`), "ages"},
		{published(t, "334", `"Value":55`, `"Value":0`), "nobody has"},
		{published(t, "334", `"Value":55`, `"Value":55.5`), "years"},
		{published(t, "957", `"CodesetId":4,"First":true`, `"CodesetId":4,"Gender":[]`), "Gender"},
		{published(t, "957", `"ConditionOccurrence":`, `"Specimen":`), "Specimen"},
		{published(t, "957", `"RestrictVisit":false`, `"RestrictVisit":true`), "RestrictVisit"},
		{published(t, "957", `"IsDistinct":false`, `"IsDistinct":true`), "distinct"},
		{published(t, "957", `"DemographicCriteriaList":[]`, `"DemographicCriteriaList":[{}]`), "DemographicCriteriaList"},
		{published(t, "957", `"Type":"ANY"`, `"Type":"AT_LEAST","Count":1`), "AT_LEAST"},
		{published(t, "957", `"CensorWindow":{}`, `"CensorWindow":{"StartDate":"2010-01-01"}`), "CensorWindow"},
		{published(t, "957", `"ExpressionLimit":{"Type":"First"}`, `"ExpressionLimit":{"Type":"Last"}`), "Last"},
		{published(t, "957", `"UseEventEnd":false`, `"UseEventEnd":true`), "UseEventEnd"},
		{published(t, "957", `"CodesetId":6`, `"CodesetId":66`), "CodesetId 66"},
		{published(t, "957", `"Op":"bt"`, `"Op":"like"`), "like"},
		{published(t, "957", `"includeMapped":false`, `"includeMapped":true`), "includeMapped"},
		{published(t, "503") + "{}", "follows"},
		{`{"ConceptSets":[]}`, "PrimaryCriteria"},
		{`{"id":1}`, "id"},
		{`[]`, "not a cohort definition"},
		{`{`, "not a cohort definition"},
	} {
		func() {
			defer func() {
				err, ok := recover().(*ds.Error)
				if !ok || !strings.Contains(err.Error(), x.want) || err.Op != "CohortDefinition" {
					t.Errorf("%s: %v", x.want, err)
				}
			}()
			ds.Repository{}.CohortDefinition("test", x.text)
		}()
	}
}

// FuzzCohortDefinition: any text is a cohort or a mistake.
func FuzzCohortDefinition(f *testing.F) {
	f.Add(`{"PrimaryCriteria":{"CriteriaList":[{"Death":{}}],"PrimaryCriteriaLimit":{"Type":"All"}},"InclusionRules":[{"expression":{"Type":"ANY","Groups":[{"Type":"ALL"}]}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		defer func() {
			if p := recover(); p != nil {
				if _, ok := p.(*ds.Error); !ok {
					panic(p)
				}
			}
		}()
		ds.Repository{}.CohortDefinition("test", text)
	})
}
