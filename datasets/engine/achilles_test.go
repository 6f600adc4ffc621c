package engine

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"weir/datasets/curate"
	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/datasets/tally"
)

// sharedData is a folder of ../shared/data. Without it the test is skipped by
// name, or fails where everything is required.
func sharedData(t testing.TB, name string) string {
	t.Helper()
	dir := filepath.Join("../../../shared/data", name)
	if _, err := os.Stat(dir); err != nil {
		if os.Getenv("WEIR_REQUIRE_ALL") != "" {
			t.Fatalf("../shared/data/%s is not here", name)
		}
		t.Skipf("../shared/data/%s is not here", name)
	}
	return dir
}

// achilles reads the counts of one analysis by its first stratum.
func achilles(t testing.TB, analysis string) map[string]int64 {
	t.Helper()
	f, err := os.Open(filepath.Join(sharedData(t, "broadsea-achilles-oracle"), "achilles_results.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	rows, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]int64{}
	for _, r := range rows {
		if r[0] == analysis {
			n, err := strconv.ParseInt(r[6], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			out[r[1]] = n
		}
	}
	return out
}

func gibleed(t testing.TB) *Engine {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "gibleed")
	_, err := curate.Import(t.Context(), sharedData(t, "gibleed-omop53"), dir, curate.ImportOptions{
		Name: "gibleed", Tier: plan.Controlled, CDR: "gibleed-5.3", CutOff: "2019-12-31",
	}, nil)
	if err != nil {
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
	return e
}

// analyses are counts that OHDSI's Achilles 1.7 made of the same data. It takes
// records whose start lies in the person's observation period.
var analyses = []analysis{
	{"400", "Condition", 80, func(s tally.Set) int64 { return s.Participants }},
	{"401", "Condition", 80, func(s tally.Set) int64 { return s.Rows }},
	{"700", "Drug", 113, func(s tally.Set) int64 { return s.Participants }},
}

type analysis struct {
	number, domain string
	concepts       int
	count          func(tally.Set) int64
}

func TestAchilles(t *testing.T) {
	e := gibleed(t)
	for _, a := range analyses {
		if same, of := a.compare(t, e); same != a.concepts || of != a.concepts {
			t.Errorf("analysis %s: %d of %d concepts, want %d", a.number, same, of, a.concepts)
		}
	}
}

// compare says how many concepts have Achilles's count, of how many that either counts.
func (a analysis) compare(t testing.TB, e *Engine) (same, of int) {
	t.Helper()
	want := achilles(t, a.number)
	observed := then(t, then(t, root(t, a.domain), "During", root(t, "Table", "observation_period")), "EachConcept")
	table, err := e.TabulateMembers(t.Context(), then(t, then(t, root(t, "Everyone"), "By", observed), "Count"))
	if err != nil {
		t.Fatal(err)
	}
	for _, wrong := range Miscounted(table) {
		t.Error(wrong)
	}
	of = len(want)
	for _, g := range table.Groups {
		id, _, _ := strings.Cut(g.Labels[0], " ")
		n := a.count(g.All)
		switch {
		case n > 0 && want[id] == n:
			same++
		case n > 0 && want[id] == 0:
			of++
		case n != want[id]:
			t.Errorf("analysis %s, concept %s: %d, Achilles has %d", a.number, id, n, want[id])
		}
	}
	return same, of
}

func root(t testing.TB, op string, args ...plan.Arg) *plan.Node {
	t.Helper()
	n, err := plan.Root(op, args...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func then(t testing.TB, n *plan.Node, op string, args ...plan.Arg) *plan.Node {
	t.Helper()
	m, err := n.Then(op, args...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}
