package curate

import (
	"encoding/json"
	"math"
	"testing"

	"weir/datasets/store"
)

// TestPolarsReadsIt: somebody else's Arrow finds the rows, the missing values and
// the sums in each column that this program finds; of texts, the sum of their lengths.
func TestPolarsReadsIt(t *testing.T) {
	r := synthetic(t)
	var theirs map[string][4]any
	if err := json.Unmarshal(python(t, "testdata/columns.py", r.Dir()), &theirs); err != nil {
		t.Fatal(err)
	}
	types := map[store.Type]string{store.Integer: "Int32", store.Concept: "Int32", store.Label: "Categorical", store.Date: "Date", store.Float: "Float64"}
	fields := 0
	for _, info := range r.Tables {
		c := whole(t, r, info.Name)
		for f, field := range info.Fields {
			fields++
			name := info.Name + "." + field.Name
			missing, sum := tallied(c, f)
			got := theirs[name]
			if got[0] != float64(c.count) || got[1] != missing || got[3] != types[field.Type] {
				t.Errorf("%s: Polars has %v; here are %d rows, %g missing", name, got, c.count, missing)
			}
			if total, _ := got[2].(float64); math.Abs(total-sum) > 1e-9*(1+math.Abs(sum)) {
				t.Errorf("%s: Polars sums to %g, not %g", name, total, sum)
			}
		}
	}
	if len(theirs) != fields {
		t.Errorf("Polars has %d fields, the manifest %d", len(theirs), fields)
	}
}

// tallied counts a column's missing values and adds up the others.
func tallied(c *columns, f int) (missing, sum float64) {
	for _, x := range c.nums[f] {
		if math.IsNaN(x) {
			missing++
			continue
		}
		sum += x
	}
	for _, n := range c.ints[f] {
		if n == store.Missing {
			missing++
			continue
		}
		if labels := c.shape.fields[f].Labels; labels != nil {
			n = int32(len(labels[n]))
		}
		sum += float64(n)
	}
	return missing, sum
}
