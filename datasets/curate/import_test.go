package curate

import (
	"encoding/json"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// here skips a test, by name, for want of something outside the repository.
func here(t *testing.T, path, name string) string {
	t.Helper()
	if _, err := os.Stat(path); err != nil || path == "" {
		if os.Getenv("WEIR_REQUIRE_ALL") != "" {
			t.Fatal(name + " is not here")
		}
		t.Skip(name + " is not here")
	}
	return path
}

func sharedData(t *testing.T, name string) string {
	t.Helper()
	return here(t, filepath.Join("..", "..", "..", "shared", "data", name), "../shared/data/"+name)
}

func python(t *testing.T, args ...string) []byte {
	t.Helper()
	c := exec.Command(here(t, os.Getenv("WEIR_PYTHON"), "$WEIR_PYTHON"), args...)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// testOptions import a source as it is: no rule acts.
var testOptions = ImportOptions{Name: "test", Tier: plan.Controlled, CDR: "v1", CutOff: "2022-10-01", Seed: 1, base: &Rules{Version: "none"}}

func imported(t *testing.T, from string, o ImportOptions) (*store.Repository, Report) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "r")
	report, err := Import(t.Context(), from, dir, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	return open(t, dir), report
}

// withPersons is the Fitbit data with a person for each who wore a tracker.
func withPersons(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"activity_summary.parquet", "sleep_daily_summary.parquet"} {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(filepath.Join(from, "dailyActivity_merged.csv"))
	if err != nil {
		t.Fatal(err)
	}
	person, seen := "person_id,birth_datetime,year_of_birth,month_of_birth,day_of_birth\n", map[string]bool{}
	for line := range strings.Lines(string(data)) {
		if id, _, _ := strings.Cut(line, ","); id != "Id" && !seen[id] {
			seen[id] = true
			person += id + ",1980-01-01,,,\n"
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "person.csv"), []byte(person), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// said is what outsider.py prints of a table.
type said struct {
	Rows, Missing, Extra int64
	Concepts             map[int32][2]*float64
	First, Last          *int32
}

// TestImportAgainstDuckDB imports other people's data and compares: DuckDB reads
// the source, Polars what was written, nulls included; and what this program reads
// of it against what DuckDB says of the source.
func TestImportAgainstDuckDB(t *testing.T) {
	for _, x := range []struct {
		name      string
		tables    int
		strangers map[string]int64
	}{
		{"gibleed-omop53", 18, map[string]int64{"observation_period": 2649}},
		{"synthea27nj-omop54", 13, nil},
		{"fitbit-kaggle", 3, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			from := sharedData(t, x.name)
			if x.name == "fitbit-kaggle" {
				from = withPersons(t, from)
			}
			r, report := imported(t, from, testOptions)
			var theirs map[string]said
			if err := json.Unmarshal(python(t, "testdata/outsider.py", from, r.Dir()), &theirs); err != nil {
				t.Fatal(err)
			}
			if len(theirs) != x.tables {
				t.Errorf("%d tables were compared, not %d", len(theirs), x.tables)
			}
			for _, info := range r.Tables {
				if want, ok := theirs[info.Name]; ok {
					compare(t, whole(t, r, info.Name), info, want)
				}
			}
			for _, table := range report.Tables {
				if table.Strangers != x.strangers[table.Table] || table.Written+table.Strangers != table.Read {
					t.Errorf("%s: %+v", table.Table, table)
				}
			}
		})
	}
}

func compare(t *testing.T, c *columns, info store.Info, want said) {
	t.Helper()
	if info.Rows != want.Rows || int64(c.count) != want.Rows || want.Missing != 0 || want.Extra != 0 {
		t.Errorf("%s: %d rows where the source has %d; %d are missing and %d are others", info.Name, info.Rows, want.Rows, want.Missing, want.Extra)
	}
	if want.Concepts == nil {
		return
	}
	participants, sums := map[int32]map[int32]bool{}, map[int32]float64{}
	value := c.at("value_as_number")
	for i, id := range c.ints[1] {
		if participants[id] == nil {
			participants[id] = map[int32]bool{}
		}
		participants[id][c.ints[0][i]] = true
		if value >= 0 && !math.IsNaN(c.nums[value][i]) {
			sums[id] += c.nums[value][i]
		}
	}
	if len(participants) != len(want.Concepts) {
		t.Errorf("%s: %d concepts, not %d", info.Name, len(participants), len(want.Concepts))
	}
	for id, w := range want.Concepts {
		if len(participants[id]) != int(*w[0]) {
			t.Errorf("%s: concept %d has %d participants, not %g", info.Name, id, len(participants[id]), *w[0])
		}
		if w[1] != nil && math.Abs(sums[id]-*w[1]) > 1e-9*(1+math.Abs(*w[1])) {
			t.Errorf("%s: concept %d sums to %g, not %g", info.Name, id, sums[id], *w[1])
		}
	}
	if c.count > 0 && (slices.Min(c.ints[c.date]) != *want.First || slices.Max(c.ints[c.date]) != *want.Last) {
		t.Errorf("%s: dates from %d to %d, not %d to %d", info.Name, slices.Min(c.ints[c.date]), slices.Max(c.ints[c.date]), *want.First, *want.Last)
	}
}

// TestVocabularyAgainstOMOP: where the synthetic vocabulary names a concept that
// OMOP's own test data name too, code or name is the same: releases of the
// vocabulary reword names and rewrite units, but never both of one.
func TestVocabularyAgainstOMOP(t *testing.T) {
	v, err := parseVocabulary(vocabularyText)
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, name := range []string{"gibleed-omop53", "synthea27nj-omop54"} {
		r, _ := imported(t, sharedData(t, name), testOptions)
		c := whole(t, r, "concept")
		text := func(field string, i int) string { return c.shape.fields[c.at(field)].Labels[c.int32s(field)[i]] }
		for i, id := range c.int32s("concept_id") {
			mine := v.find(id)
			if mine == nil || id == 0 {
				continue
			}
			compared++
			if !strings.EqualFold(mine.name, text("concept_name", i)) && mine.code != text("concept_code", i) {
				t.Errorf("%d is %s %s, not %s %s", id, text("concept_code", i), text("concept_name", i), mine.code, mine.name)
			}
		}
	}
	if compared < 100 {
		t.Errorf("only %d concepts were compared", compared)
	}
}
