package curate

import (
	"path/filepath"
	"strings"
	"testing"

	"weir/datasets/store"
)

// TestDescribe: small counts are hidden, those above 20 are shown, and the table
// of identities is not spoken of.
func TestDescribe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "r")
	b, err := store.Create(dir, store.Manifest{Name: "small", CDR: "v9", Tier: "registered", CutOff: "2022-07-01", Source: "a test", Participants: 20})
	if err != nil {
		t.Fatal(err)
	}
	for name, rows := range map[string]int{"death": 20, "visit_occurrence": 21, "participants": 20, "observation": 0} {
		c := newColumns(shapeOf(name).withConcepts(func(int) []int32 { return []int32{0} }, func(int32) string { return "" }))
		for i := range rows {
			row := make([]int32, len(c.shape.fields)) // as many as there are without numbers, or more
			row[0] = int32(min(i, 19))
			c.add(row, 0)
		}
		if err := writeTable(b, c); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	text := Describe(open(t, dir))
	for _, want := range []string{
		"small, version v9, registered tier, data until 2022-07-01\n", "participants: hidden\n",
		"death, hidden rows\n", "visit_occurrence, 21 rows\n", "observation, hidden rows\n",
		"\tdeath_date                         date\n", "\tvalue_as_number                    number\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if strings.Contains(text, "person_id") {
		t.Errorf("person_id is spoken of in\n%s", text)
	}
}
