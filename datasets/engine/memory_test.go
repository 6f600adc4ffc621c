package engine

import (
	"errors"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// TestMemoryBound: a table that is too large is refused before anything is read,
// and the largest that is not leaves the process alive and moderate.
func TestMemoryBound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "repository")
	if err := makeRepository(dir, 900_000); err != nil {
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
	everyone, disease, analyte := begin("Everyone"), begin("Condition").then("First").then("Concept"), begin("Measurement").then("Last").then("Concept")
	ages := begin("Age").then("BandsOf", 5, 0, 85)
	for name, p := range map[string]builder{
		"5 million groups":           everyone.then("By", disease, analyte).then("Count"),
		"groups of 5,000 shares":     everyone.then("By", disease).then("Summarise", analyte.then("Shares")),
		"with totals of every split": everyone.then("By", begin("Condition").then("EachConcept"), begin("Race"), ages, begin("SexAtBirth")).then("WithTotals").then("Summarise", begin("Age").then("Mean"), begin("Age").then("SD")),
		"10¹⁷ groups":                everyone.then("By", analyte, disease, begin("Measurement").then("First").then("Concept"), begin("Condition").then("Last").then("Concept"), begin("Measurement").then("Nearest", begin("Day", 2016, 1, 1)).then("Concept")).then("Count"),
	} {
		var refusal *plan.Error
		peak := anonymous(t, func() { _, err = e.Tabulate(t.Context(), p.Node) })
		if !errors.As(err, &refusal) || !strings.Contains(err.Error(), "more than fits in memory") || !strings.Contains(err.Error(), "use fewer keys") {
			t.Errorf("%s: %v", name, err)
		}
		if peak > 400<<20 {
			t.Errorf("%s: refused with %d bytes", name, peak)
		}
	}
	debug.FreeOSMemory()
	largest := everyone.then("By", disease, begin("Race"), begin("SexAtBirth"), ages).then("Count")
	peak := anonymous(t, func() {
		table, err := e.Tabulate(t.Context(), largest.Node)
		if err != nil {
			t.Fatal(err)
		}
		if len(table.Groups) < 250_000 {
			t.Errorf("%d groups are not the largest table", len(table.Groups))
		}
	})
	if peak > 512<<20 {
		t.Errorf("%d bytes of anonymous memory", peak)
	}
	t.Logf("%.0f MB of anonymous memory", float64(peak)/1e6)
}
