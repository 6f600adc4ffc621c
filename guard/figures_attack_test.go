//go:build figures

package guard_test

import (
	"fmt"
	"testing"
)

func TestFigures(t *testing.T) { t.Run("suppression", attackFigures) }

// attackFigures attacks what the guard releases, and for comparison what primary
// suppression alone does.
func attackFigures(t *testing.T) {
	figure := func(name string, value int, unit, target string, ok bool) {
		verdict := "short"
		if ok {
			verdict = "ok"
		}
		fmt.Printf("figure: suppression/attacker_%s %d %s %s %s\n", name, value, unit, target, verdict)
	}
	a := campaigns(t)
	of := fmt.Sprintf("of_%d_counts_in_%d_tables_with_%d_hidden_cells", a.targets, a.tables, a.hidden)
	figure("exact", len(a.exact), of, "=0", len(a.exact) == 0)
	figure("pinned_in_1_to_20", len(a.pinned), of, "=0", len(a.pinned) == 0)
	figure("values_of_one_participant", len(a.values), fmt.Sprintf("in_%d_tables", a.tables), "=0", len(a.values) == 0)
	figure("undecided", a.unresolved, of, "<=1%", 100*a.unresolved <= a.targets)
	h := besiegeHistograms(t, guarded(), histograms())
	figure("pinned_in_merged_bins", len(h.pinned), fmt.Sprintf("of_%d_sets_of_bins_in_%d_histograms", h.targets, h.tables), "=0", len(h.pinned) == 0)
	b, _ := primarySuppression(t, 150)
	figure("exact_of_primary_suppression_alone", len(b.exact), fmt.Sprintf("in_%d_tables_with_%d_hidden_cells", b.tables, b.hidden), ">0", len(b.exact) > 0)
}
