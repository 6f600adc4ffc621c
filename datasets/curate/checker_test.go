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
	Shifts, Dropped int
}

// check has a repository judged by somebody who did not build it.
func check(t *testing.T, from string, r *store.Repository, key Key) verdict {
	t.Helper()
	var v verdict
	out := python(t, "testdata/checker.py", from, r.Dir(), hex.EncodeToString(key), r.CutOff, sharedData(t, "aou-tier-rules"))
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
				if len(v.Compared) < 3 || v.Dropped != old || v.Shifts != different {
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
