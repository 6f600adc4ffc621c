package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/datasets/curate"
	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/kernel"
)

// What is planted in a source: by these labels, and a concept that no vocabulary has,
// it would be seen that somebody has it.
const (
	plantedVocabulary = "PLANTEDVOCABULARY"
	plantedZone       = "PLANTEDZONE"
	plantedModule     = "PLANTEDMODULE"
	plantedCode       = 1_987_654_321
)

// planted is a source of 600 invented participants, of whom so many have what is planted.
func planted(t *testing.T, participants int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "omop")
	if err := curate.SynthesizeOMOP(t.Context(), dir, "csv", curate.SynthesizeOptions{Participants: 600}, nil); err != nil {
		t.Fatal(err)
	}
	people, err := os.ReadFile(filepath.Join(dir, "person.csv"))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, line := range strings.Split(string(people), "\n")[1:] {
		id, _, _ := strings.Cut(line, ",")
		ids = append(ids, id)
	}
	plant(t, dir, "concept", []string{""}, map[string]string{
		"concept_id": "1987654320", "concept_name": "a source code", "domain_id": "Condition", "vocabulary_id": plantedVocabulary,
		"concept_class_id": "code", "concept_code": "P1", "valid_start_date": "1970-01-01",
	})
	plant(t, dir, "condition_occurrence", ids[:participants], map[string]string{
		"condition_concept_id": fmt.Sprint(plantedCode), "condition_start_date": "2019-05-06", "condition_source_concept_id": "1987654320",
	})
	plant(t, dir, "heart_rate_summary", ids[:participants], map[string]string{"date": "2019-05-06", "zone_name": plantedZone, "min_heart_rate": "60"})
	plant(t, dir, "ds_survey", ids[:participants], map[string]string{
		"survey": plantedModule, "survey_date": "2019-05-06", "question_concept_id": "1585711", "answer_concept_id": fmt.Sprint(plantedCode),
	})
	return dir
}

// plant appends a row for each person.
func plant(t *testing.T, dir, table string, persons []string, row map[string]string) {
	t.Helper()
	path := filepath.Join(dir, table+".csv")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	header, _, _ := strings.Cut(string(text), "\n")
	b := bytes.NewBuffer(text)
	used := 0
	for i, person := range persons {
		var cells []string
		for _, column := range strings.Split(header, ",") {
			switch value, ok := row[column]; {
			case ok:
				used++
				cells = append(cells, value)
			case column == "person_id":
				cells = append(cells, person)
			case column == table+"_id":
				cells = append(cells, fmt.Sprint(900_000_000+i))
			default:
				cells = append(cells, "")
			}
		}
		b.WriteString(strings.Join(cells, ",") + "\n")
	}
	if used != len(row)*len(persons) {
		t.Fatalf("%s has not all columns of %v: %s", table, row, header)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// digs are cells that try to see labels. None of them names one.
var digs = []string{
	`cdr := ds.Open("planted")
cdr`,
	`snapshot := ds.OpenSnapshot("plantedpublic")
snapshot`,
	`everyone := cdr.Everyone()`,
	`cdr.Table("condition_occurrence")`,
	`cdr.Table("heart_rate_summary")`,
	`cdr.Table("ds_survey")`,
	`cdr.Condition()`,
	`fmt.Println(cdr, snapshot, cdr.Table("heart_rate_summary"))`,
	`everyone.By(cdr.Condition().EachConcept()).Count()`,
	`everyone.By(cdr.Condition().EachSource()).WithTotals().Count()`,
	`everyone.By(cdr.Condition().First().Concept()).Count().Bar()`,
	`everyone.By(cdr.HeartRate().Each("zone_name")).Count()`,
	`everyone.By(cdr.HeartRate().First().Category("zone_name")).WithTotals().Count()`,
	`everyone.Summarise(cdr.HeartRate().Last().Category("zone_name").Shares())`,
	`everyone.By(cdr.Survey().EachModule()).Count()`,
	`everyone.By(cdr.Survey(1585711).Answer()).Count()`,
	`everyone.By(cdr.Answer(1585711)).Count()`,
	`everyone.Frame(cdr.HeartRate().Last().Category("zone_name"), cdr.Answer(1585711)).Head(10)`,
	`for _, g := range everyone.By(cdr.HeartRate().Each("zone_name")).Count().Groups() { fmt.Println(g.Labels()) }`,
	`everyone.By(cdr.HeartRate().Each("zone")).Count()`,
	`everyone.By(cdr.Condition().In(cdr.Codes("NOVOCABULARY", "P1")).EachConcept()).Count()`,
	`everyone.By(cdr.SexAtBirth().Collapse("x", "no such label")).Count()`,
	`snapshot.ByConcept(cdr.Concepts("a"))`,
	`snapshot.BySexAtBirth(cdr.Concepts("e"))`,
	`snapshot.ByAge(cdr.Concepts("e"))`,
}

// namings name what is planted: the answer is a number that is not shown.
var namings = []string{
	`everyone.By(cdr.HeartRate().Where(ds.Field("zone_name").Is("` + plantedZone + `")).Exists().As("x")).Count()`,
	`everyone.By(cdr.Condition(1987654321).Exists().As("x")).Count()`,
	`everyone.By(cdr.Condition().InSource(cdr.Codes("` + plantedVocabulary + `", "P1")).Exists().As("x")).Count()`,
}

// TestRareLabels: a label that only three participants have is in nothing that a
// session says, completes or explains, in no manifest, and in no file of the public
// tier; who namings about it finds that the count is hidden. One that 30 have is seen,
// until the policy's threshold is 30.
func TestRareLabels(t *testing.T) {
	for _, x := range []struct {
		participants int
		threshold    int64
		seen         bool
	}{{3, 20, false}, {30, 20, true}, {30, 30, false}} {
		t.Run(fmt.Sprintf("%d of %d", x.participants, x.threshold), func(t *testing.T) {
			places := dig(t, planted(t, x.participants), x.threshold, x.participants <= store.Threshold)
			for _, label := range []string{plantedVocabulary, plantedZone, plantedModule, fmt.Sprint(plantedCode)} {
				var in []string
				for place, text := range places {
					if strings.Contains(text, label) {
						in = append(in, place)
					}
				}
				if (len(in) > 0) != x.seen {
					t.Errorf("%s is in %d places of %d: %.500q", label, len(in), len(places), in)
				}
			}
		})
	}
}

// overheard is everything that a cell shows, in every form.
type overheard struct {
	told
	text strings.Builder
}

func (o *overheard) Stream(_, text string)           { o.text.WriteString(text) }
func (o *overheard) Display(d kernel.Data, _ string) { o.Result(d) }
func (o *overheard) Update(d kernel.Data, _ string)  { o.Result(d) }
func (o *overheard) Page(d kernel.Data)              { o.Result(d) }
func (o *overheard) Result(d kernel.Data)            { fmt.Fprintln(&o.text, d.MIME(), d.Metadata()) }

// overhear runs a cell.
func overhear(t *testing.T, s *session, code string) string {
	o := &overheard{}
	out := s.Execute(t.Context(), kernel.Request{Code: code}, o)
	return fmt.Sprintln(o.text.String(), out)
}

// dig imports a source in the registered and the public tier, namings what it can, and
// returns all that can be read of it. Files are among it where they should have nothing.
func dig(t *testing.T, from string, threshold int64, files bool) map[string]string {
	t.Helper()
	dir, places := t.TempDir(), map[string]string{}
	c := workspaceOf(t, dir, filepath.Join(dir, "registered"), plan.Registered, os.Getuid())
	c.rules.Threshold = threshold
	c.Snapshots = []string{filepath.Join(dir, "public")}
	for tier, name := range map[plan.Tier]string{plan.Registered: "planted", plan.Public: "plantedpublic"} {
		o := curate.ImportOptions{Name: name, Tier: tier, CDR: "v1", CutOff: "2022-07-01", Key: curate.Key(strings.Repeat("\x07", 32))}
		if _, err := curate.Import(t.Context(), from, filepath.Join(dir, string(tier)), o, nil); err != nil {
			t.Fatal(err)
		}
	}
	if files {
		readFiles(t, dir, places)
	}
	s := begun(t, c)
	says(t, s, "%conduct confirm")
	for _, code := range digs {
		if said := overhear(t, s, code); threshold == store.Threshold || !strings.HasPrefix(code, "snapshot.") { // whose bins are of 20
			places[code] = said
		}
		for i := range code {
			for _, m := range s.Complete(t.Context(), code, i).Matches {
				places["completions"] += m.Text + m.Signature + "\n"
			}
			if d := s.Inspect(t.Context(), code, i, true); d != nil {
				places["inspections"] += fmt.Sprint(d.MIME())
			}
		}
	}
	if len(places["completions"]) < 10_000 || len(places["inspections"]) < 10_000 || !strings.Contains(places[digs[5]], "survey_date") {
		t.Errorf("too little to search: %d and %d bytes; %s", len(places["completions"]), len(places["inspections"]), places[digs[5]])
	}
	text, err := os.ReadFile(c.Ledger)
	if err != nil {
		t.Fatal(err)
	}
	if places["ledger"] = string(text); threshold > store.Threshold {
		delete(places, "ledger") // it has what the public tier's bins show
	}
	for _, code := range namings {
		answer := says(t, s, code)
		if hidden := strings.Contains(strings.Join(strings.Fields(answer), " "), "yes hidden"); hidden != (threshold > store.Threshold || files) {
			t.Errorf("%s:\n%s", code, answer)
		}
	}
	return places
}

// readFiles reads the manifests, and of the public tier every file.
func readFiles(t *testing.T, dir string, places map[string]string) {
	code := binary.LittleEndian.AppendUint32(nil, plantedCode)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Base(filepath.Dir(path)) != "public" && d.Name() != "manifest.json" {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, code) {
			text = fmt.Append(text, plantedCode)
		}
		if d.Name() == "concept.arrow" { // the vocabulary is public
			text = bytes.ReplaceAll(text, []byte(plantedVocabulary), nil)
		}
		places[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
