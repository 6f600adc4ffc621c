package engine_test

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"weir/datasets/engine"
	"weir/datasets/plan"
	"weir/datasets/store"
)

// trial is a repository that is open in the engine and in DuckDB.
type trial struct {
	name     string
	country  *country
	engine   *engine.Engine
	outsider *outsider
	schema   *plan.Schema
}

func openTrial(t testing.TB, name, dir string, participants int) *trial {
	t.Helper()
	o := hire(t, dir, participants)
	r, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(r)
	if err != nil {
		t.Fatal(err)
	}
	schema := r.Schema(store.Threshold)
	plan.For(schema)
	t.Cleanup(func() { plan.For(nil) })
	return &trial{name, explore(t, r), e, o, schema}
}

// check runs a plan on both sides. The outsider works while the engine does.
func (x *trial) check(t testing.TB, n *plan.Node) (want answer, wrong []string) {
	answered := make(chan answer)
	go func() { answered <- x.outsider.ask(n) }()
	got, err := x.engine.TabulateMembers(t.Context(), n)
	want = <-answered
	switch {
	case want.Error != "" || want.Skip != "":
		return want, nil
	case err != nil && strings.Contains(err.Error(), "more than fits in memory"):
		want.Skip = "too many groups"
		return want, nil
	case err != nil:
		return want, []string{"the engine refuses: " + err.Error()}
	}
	return want, append(differences(n, got, want), engine.Miscounted(got)...)
}

func environment(t testing.TB, name string, otherwise uint64) uint64 {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// TestOracle compares random plans with DuckDB: 400, with LONG 10,000. ORACLE_PLANS says how many,
// ORACLE_SEED which; ORACLE_ONE runs the one of that number alone, and
// ORACLE_PLAN one that is written out, on the planted repository.
func TestOracle(t *testing.T) {
	sample := uint64(400)
	if os.Getenv("LONG") != "" {
		sample = 10_000
	}
	plans, seed := environment(t, "ORACLE_PLANS", sample), environment(t, "ORACLE_SEED", 1)
	trials := []*trial{openTrial(t, "planted", planted(t, 9000, seed), 9000), openTrial(t, "synthetic", synthetic(t, 1500), 1500)}
	if text := os.Getenv("ORACLE_PLAN"); text != "" {
		plan.For(trials[0].schema)
		n, err := parse(text)
		if err != nil {
			t.Fatal(err)
		}
		want, wrong := trials[0].check(t, n)
		t.Errorf("%s%s\n%+v\n%s", n.Tree(), strings.Join(wrong, "\n"), want.Groups, want.SQL)
		return
	}
	one := environment(t, "ORACLE_ONE", plans)
	from, to := uint64(0), plans
	if one != plans {
		from, to = one, one+1
	}
	failures, skips, empty := 0, map[string]int{}, 0
	for i := from; i < to && failures < 10; i++ {
		x := trials[i%2]
		plan.For(x.schema)
		n := x.country.grow(seed, i)
		want, wrong := x.check(t, n)
		switch {
		case want.Error != "":
			t.Errorf("DuckDB cannot answer plan %d: %s\n%s\n%s", i, want.Error, n, want.SQL)
			failures++
		case want.Skip != "":
			skips[want.Skip]++
		case len(wrong) > 0:
			failures++
			t.Errorf("plan %d of the repository %s (ORACLE_SEED=%d ORACLE_ONE=%d)\n%s", i, x.name, seed, i, x.report(t, n, wrong))
		case len(want.Groups) == 0 || want.Groups[0].All[0] == 0:
			empty++
		}
	}
	t.Logf("%d plans; about no one: %d; skipped: %v", to-from, empty, skips)
}

// report is a wrong plan and the smallest part of it that is still wrong.
func (x *trial) report(t testing.TB, n *plan.Node, wrong []string) string {
	text := fmt.Sprintf("%s\n  %s", n, strings.Join(head(wrong, 6), "\n  "))
	less := shrink(n, func(m *plan.Node) bool {
		_, w := x.check(t, m)
		return len(w) > 0 && kindOf(w[0]) == kindOf(wrong[0])
	})
	want, w := x.check(t, less)
	return fmt.Sprintf("%s\nsmaller:\n%s\n  %s\n%s", text, less, strings.Join(head(w, 6), "\n  "), want.SQL)
}

// kindOf is what a refusal says, so that shrinking does not end at another one.
func kindOf(wrong string) string {
	if strings.HasPrefix(wrong, "the engine refuses") {
		return wrong[:min(len(wrong), 45)]
	}
	return "a difference"
}

func head(lines []string, n int) []string {
	if len(lines) > n {
		return append(lines[:n:n], fmt.Sprintf("… and %d more", len(lines)-n))
	}
	return lines
}
