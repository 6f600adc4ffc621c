package curate

import (
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// verdict is what checker.py prints.
type verdict struct {
	Compared        map[string]int64
	Wrong           []string
	Told            int // values of dictionaries
	Shifts, Dropped int
	Achilles        explained // where it was asked for
}

// explained is the cells of Achilles's analysis 404 beside a repository's: those that
// are the same, those of which the rules say the difference, and the participants of
// all cells who are not in the repository's for a rule, or have come to another cell
// by their shift.
type explained struct{ Cells, Same, Explained, Old, Suppressed, Away, Come int }

// check has a repository judged by somebody who did not build it. achilles is at most
// one file of results for the source.
func check(t *testing.T, from string, r *store.Repository, key Key, achilles ...string) verdict {
	t.Helper()
	var v verdict
	args := append([]string{"testdata/checker.py", from, r.Dir(), hex.EncodeToString(key), r.CutOff, sharedData(t, "aou-tier-rules")}, achilles...)
	out := python(t, args...)
	if err := json.Unmarshal(out, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestTiersAgainstChecker imports other people's data into every tier, and has an
// independent checker prove the rules on the result.
func TestTiersAgainstChecker(t *testing.T) {
	for _, x := range []struct {
		name, cutOff   string
		old, different int // participants of 89 and over, and shifts, in the registered tier
	}{
		{"gibleed-omop53", "2019-12-31", 190, 363},
		{"synthea27nj-omop54", "2022-10-01", 0, 28},
	} {
		for _, tier := range []plan.Tier{plan.Registered, plan.Controlled, plan.Public} {
			t.Run(x.name+"/"+string(tier), func(t *testing.T) {
				from, key := sharedData(t, x.name), Key(strings.Repeat("\x05", keyBytes))
				r, _ := imported(t, from, ImportOptions{Name: "test", Tier: tier, CDR: "v1", CutOff: x.cutOff, Key: key})
				v := check(t, from, r, key)
				old, different := x.old, x.different
				if tier == plan.Controlled {
					old, different = 0, 1
				}
				if len(v.Compared) < 3 || v.Told < 100 || v.Dropped != old || v.Shifts != different {
					t.Errorf("the checker says %+v", v)
				}
				for _, w := range v.Wrong {
					t.Error(w)
				}
				noneOf(t, r)
			})
		}
	}
}

// TestCheckerFails: the checker finds fault with another key's repository, and with
// one to which no rule was applied.
func TestCheckerFails(t *testing.T) {
	from, key := sharedData(t, "synthea27nj-omop54"), Key(strings.Repeat("\x05", keyBytes))
	o := ImportOptions{Name: "test", Tier: plan.Registered, CDR: "v1", CutOff: "2022-10-01", Key: Key(strings.Repeat("\x06", keyBytes))}
	r, _ := imported(t, from, o)
	if v := check(t, from, r, key); len(v.Wrong) == 0 {
		t.Error("another key passes")
	}
	o.Key, o.base = key, &Rules{Version: "none"}
	r, _ = imported(t, from, o)
	if v := check(t, from, r, key); len(v.Wrong) < 5 {
		t.Errorf("a repository without rules passes in part: %v", v.Wrong)
	}
}

// noneOf: no dictionary of a concept field holds what the tier suppresses, not even
// where no row has it.
func noneOf(t *testing.T, r *store.Repository) {
	t.Helper()
	names := []string{"rt_concept_ids_suppression.csv", "rt_additional_privacy_suppressions.csv"}
	if r.Tier == plan.Controlled {
		names = []string{"ct_additional_privacy_suppressions.csv", "controlled_tier_replaced_privacy_concepts.csv"}
	}
	gone := map[int32]bool{}
	for _, name := range names {
		f, err := os.Open(filepath.Join(sharedData(t, "aou-tier-rules"), name))
		if err != nil {
			t.Fatal(err)
		}
		c := csv.NewReader(f)
		c.FieldsPerRecord, c.LazyQuotes = -1, true
		rows, err := c.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		f.Close()
		at := 0
		for i, column := range rows[0] {
			if column == "concept_id" {
				at = i
			}
		}
		for _, row := range rows[1:] {
			if id, err := strconv.Atoi(row[at]); err == nil {
				gone[int32(id)] = true
			}
		}
	}
	if len(gone) < 3000 {
		t.Fatalf("%d concepts are suppressed", len(gone))
	}
	for _, info := range r.Tables {
		table, err := r.Table(info.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range info.Fields {
			for _, id := range table.Concepts(f.Name) {
				if gone[id] && info.Name != "person" {
					t.Errorf("%s.%s knows the concept %d", info.Name, f.Name, id)
				}
			}
		}
	}
}

// hidden is a source whose rows are dropped or changed, each by something else, and
// of which each alone has some concept or label: 1 gave two races, and the same
// general answer twice, in two surveys; 2 is too old; 9 is nobody; the second visit
// has the key of the first.
const hidden = `
-- person.csv --
person_id,gender_concept_id,year_of_birth,month_of_birth,day_of_birth
1,8507,1950,1,1
2,8507,1920,1,1
3,8507,1960,1,1
-- concept.csv --
concept_id,concept_name,domain_id,vocabulary_id,concept_class_id,valid_start_date
8507,MALE,Gender,Gender,Gender,1970-01-01
-- ds_survey.csv --
person_id,survey,survey_date,question_concept_id,answer_concept_id
1,The Basics,2020-01-01,1586140,1586142
1,The Basics,2020-01-02,1586140,1586143
1,Lifestyle,2020-01-01,1585952,1585953
1,Overall Health,2020-01-03,1585952,1585954
2,Of the Old,2020-01-01,1586140,1586145
3,The Basics,2020-01-01,1586140,1586146
3,COPE,2020-01-01,1586151,1586153
-- observation.csv --
observation_id,person_id,observation_concept_id,observation_date,observation_type_concept_id,value_as_concept_id,observation_source_concept_id
1,1,1001,2020-01-01,2001,1586142,1586140
2,1,1002,2020-01-02,2002,1586143,1586140
-- sleep_level.csv --
person_id,sleep_date,is_main_sleep,level
3,2020-01-01,true,light
2,2020-01-01,never,old
9,2020-01-01,nobody,strange
-- visit_occurrence.csv --
visit_occurrence_id,person_id,visit_concept_id,visit_start_date,visit_source_concept_id
1,3,9201,2020-01-01,3001
1,3,9202,2020-01-02,3002
`

// TestDictionaries: the checker finds in no dictionary what only rows had that the
// importer dropped or changed, from CSV or Parquet.
func TestDictionaries(t *testing.T) {
	key, texts := Key(strings.Repeat("\x05", keyBytes)), unpack(t, hidden)
	for format, from := range map[string]string{"csv": texts, "parquet": asParquet(t, texts)} {
		for _, tier := range []plan.Tier{plan.Registered, plan.Controlled, plan.Public} {
			r, report := imported(t, from, ImportOptions{Name: "test", Tier: tier, CDR: "v1", CutOff: "2022-07-01", Key: key, Lenient: true, UniqueKeys: true})
			v := check(t, from, r, key)
			if tier != plan.Public && (v.Told < 10 || report.Participants < 2) {
				t.Errorf("%s, %s: %+v", format, tier, v)
			}
			for _, w := range v.Wrong {
				if strings.HasPrefix(w, "the dictionary of ") {
					t.Errorf("%s, %s: %s", format, tier, w)
				}
			}
		}
	}
}

// asParquet is a folder of CSV files as Parquet files.
func asParquet(t *testing.T, from string) string {
	t.Helper()
	dir := t.TempDir()
	python(t, "-c", `
import duckdb, os, sys
for name in os.listdir(sys.argv[1]):
    duckdb.sql(f"copy (from read_csv('{sys.argv[1]}/{name}', header=true)) to '{sys.argv[2]}/{name[:-4]}.parquet'")`, from, dir)
	return dir
}
