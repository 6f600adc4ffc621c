package curate

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"weir/datasets/plan"
)

// cell404 is a cell of Achilles's analysis 404: participants with a condition by
// concept, year, sex and decade of age.
type cell404 struct{ concept, year, sex, decade int32 }

func achillesResults(t *testing.T) string {
	return filepath.Join(sharedData(t, "broadsea-achilles-oracle"), "achilles_results.csv")
}

// achilles404 reads the counts that OHDSI's Achilles 1.7 made of GiBleed.
func achilles404(t *testing.T) map[cell404]int {
	t.Helper()
	f, err := os.Open(achillesResults(t))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[cell404]int{}
	for _, r := range rows {
		if r[0] != "404" {
			continue
		}
		var n [5]int
		for i, text := range []string{r[1], r[2], r[3], r[4], r[6]} {
			if n[i], err = strconv.Atoi(text); err != nil {
				t.Fatal(err)
			}
		}
		out[cell404{int32(n[0]), int32(n[1]), int32(n[2]), int32(n[3])}] = n[4]
	}
	return out
}

// TestAchilles404 counts the rows of a controlled repository of GiBleed as
// Achilles does: records within the participant's observation period.
func TestAchilles404(t *testing.T) {
	same, cells := compare404(t)
	if same != cells || cells != 17_662 {
		t.Errorf("%d of %d cells are Achilles's 17,662", same, cells)
	}
}

func compare404(t *testing.T) (same, cells int) {
	t.Helper()
	r, _ := imported(t, sharedData(t, "gibleed-omop53"), ImportOptions{Name: "gibleed", Tier: plan.Controlled, CDR: "5.3", CutOff: "2019-12-31"})
	people, periods, conditions := whole(t, r, "person"), whole(t, r, "observation_period"), whole(t, r, "condition_occurrence")
	observed := make([][2]int32, r.Participants)
	for i, p := range periods.ints[0] {
		observed[p] = [2]int32{periods.int32s("observation_period_start_date")[i], periods.int32s("observation_period_end_date")[i]}
	}
	got := map[cell404]map[int32]bool{}
	for i, p := range conditions.ints[0] {
		day := conditions.ints[conditions.date][i]
		if day < observed[p][0] || day > observed[p][1] {
			continue
		}
		year := int32(date(day).Year())
		born := int32(date(people.int32s("birth_date")[p]).Year())
		c := cell404{conditions.int32s("condition_concept_id")[i], year, people.int32s("gender_concept_id")[p], (year - born) / 10}
		if got[c] == nil {
			got[c] = map[int32]bool{}
		}
		got[c][p] = true
	}
	want := achilles404(t)
	for c, n := range want {
		if len(got[c]) == n {
			same++
		}
	}
	cells = len(want)
	for c := range got {
		if want[c] == 0 {
			cells++
		}
	}
	return same, cells
}

// TestAchilles404Explained: the cells of a registered repository of GiBleed differ from
// Achilles's by the participants of 89 and over and by each participant's shift, which
// the checker works out of the source, and by nothing else; those of a controlled one
// do not differ. By another key the differences are not explained.
func TestAchilles404Explained(t *testing.T) {
	from, key := sharedData(t, "gibleed-omop53"), Key(strings.Repeat("\x05", keyBytes))
	for _, tier := range []plan.Tier{plan.Registered, plan.Controlled} {
		r, _ := imported(t, from, ImportOptions{Name: "gibleed", Tier: tier, CDR: "5.3", CutOff: "2019-12-31", Key: key})
		v := check(t, from, r, key, achillesResults(t))
		a := v.Achilles
		if len(v.Wrong) > 0 || a.Cells < 17_662 || a.Explained != a.Cells {
			t.Errorf("%s: %+v, %v", tier, a, v.Wrong)
		}
		if tier == plan.Controlled {
			if a != (explained{Cells: 17_662, Same: 17_662, Explained: 17_662}) {
				t.Errorf("a controlled repository differs: %+v", a)
			}
			continue
		}
		if a.Old == 0 || a.Away == 0 || a.Come == 0 || a.Same == a.Cells {
			t.Errorf("a registered repository does not differ: %+v", a)
		}
		other := Key(strings.Repeat("\x06", keyBytes))
		if a := check(t, from, r, other, achillesResults(t)).Achilles; a.Explained == a.Cells {
			t.Errorf("another key explains the differences: %+v", a)
		}
	}
}
