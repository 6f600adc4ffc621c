package guard

import (
	"strings"
	"testing"

	"weir/datasets/plan"
)

// TestCounts: of the public tier there are bins of 20 and nothing else.
func TestCounts(t *testing.T) {
	for _, x := range []struct {
		tier   plan.Tier
		number int
		want   string // in the release; "" for none
	}{
		{plan.Public, 0, "0"},
		{plan.Public, 20, "≤ 20"},
		{plan.Public, 1240, "≤ 1,240"},
		{plan.Public, 7, ""},
		{plan.Public, 21, ""},
		{plan.Public, -20, ""},
		{plan.Registered, 20, ""},
	} {
		g, _, _ := newGuard(t)
		g.schema = &plan.Schema{Name: "p", CDR: "v1", Tier: x.tier}
		n, err := plan.Root("OpenSnapshot", "p")
		if err != nil {
			t.Fatal(err)
		}
		r, err := g.Counts(n, []plan.Count{{Concept: 1, Name: "one", Table: "t", Participants: x.number}})
		if text := r.MIME()[mimePlain]; (err == nil) != (x.want != "") || !strings.Contains(text, x.want) {
			t.Errorf("%s, %d: %q, %v", x.tier, x.number, text, err)
		}
	}
}

// TestListing: a row that does not fit its columns is no listing, and more rows than
// are shown are counted.
func TestListing(t *testing.T) {
	g, _, _ := newGuard(t)
	n, err := plan.Root("Repositories")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.List(n, Listing{Columns: []string{"a", "b"}, Rows: [][]string{{"1"}}}); err == nil {
		t.Error("a short row is released")
	}
	rows := make([][]string, 1+shownRows)
	for i := range rows {
		rows[i] = []string{"\u202eone\n", "two"}
	}
	r, err := g.List(n, Listing{Columns: []string{"a", "b"}, Rows: rows})
	if text := r.MIME()[mimePlain]; err != nil || !strings.Contains(text, "and 1 more") || strings.Contains(text, "\u202e") {
		t.Errorf("%q, %v", text, err)
	}
}
