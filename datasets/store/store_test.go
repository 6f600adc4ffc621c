package store

import (
	"encoding/json"
	"errors"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"weir/datasets/plan"
)

var testFields = []Field{
	{Name: "participant", Type: Integer},
	{Name: "measurement_concept_id", Type: Concept, Indexed: true, Concepts: []int32{0, 11, 22, 33}},
	{Name: "measurement_date", Type: Date},
	{Name: "value_as_number", Type: Float},
	{Name: "level", Type: Label, Labels: []string{"wake", "", "größer"}},
}

func build(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "r")
	b, err := Create(dir, Manifest{Name: "test", CDR: "v1", Tier: plan.Registered, CutOff: "2022-07-01", Participants: 3 * Stride})
	if err != nil {
		t.Fatal(err)
	}
	w, err := b.Table("measurement", testFields)
	if err != nil {
		t.Fatal(err)
	}
	batches := [][]any{
		{[]int32{0, 0, 7}, []int32{11, 22, 11}, []int32{10, Missing, 12}, []float64{1.5, math.NaN(), 3}, []int32{2, Missing, 1}},
		{[]int32{2 * Stride}, []int32{33}, []int32{99}, []float64{-1}, []int32{0}},
	}
	for _, c := range batches {
		if err := w.Write(c...); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Write([]int32{2*Stride + 1}, []int32{33}, []int32{99}, []float64{-1}, []int32{0}); err == nil {
		t.Error("a stride was split over two batches")
	}
	if err := w.Write([]int32{3*Stride - 1}, []int32{44}, []int32{99}, []float64{-1}, []int32{0}); err == nil {
		t.Error("a concept that the dictionary lacks was written")
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRoundTrip(t *testing.T) {
	r, err := Open(build(t))
	if err != nil {
		t.Fatal(err)
	}
	m, err := r.Table("measurement")
	if err != nil {
		t.Fatal(err)
	}
	b, from, to := m.Rows(0)
	if from != 0 || to != 3 || b.Int32("measurement_concept_id")[1] != 2 || m.Concepts("measurement_concept_id")[2] != 22 || b.Int32("measurement_date")[1] != Missing {
		t.Errorf("stride 0: rows %d to %d, %v", from, to, b)
	}
	if v := b.Float64("value_as_number"); v[0] != 1.5 || !math.IsNaN(v[1]) || v[2] != 3 {
		t.Errorf("values %v", v)
	}
	for code, want := range [][]int32{{}, {0, 2}, {1}, {}} {
		if got := b.WithConcept(code); !slices.Equal(got, want) {
			t.Errorf("concept %d is in rows %v, want %v", code, got, want)
		}
	}
	if f, _ := m.Field("level"); !slices.Equal(f.Labels, testFields[4].Labels) || !slices.Equal(b.Int32("level"), []int32{2, Missing, 1}) {
		t.Errorf("labels %q of %v", f.Labels, b.Int32("level"))
	}
	if b, _, _ := m.Rows(1); b != nil {
		t.Error("stride 1 has rows")
	}
	if b, from, to := m.Rows(2); from != 0 || to != 1 || b.Float64("value_as_number")[0] != -1 {
		t.Errorf("stride 2: rows %d to %d", from, to)
	}
	if b.Int32("value_as_number") != nil || b.Float64("nothing") != nil {
		t.Error("a column came back under another type or name")
	}
}

// TestDamage changes every byte of each file in turn, cuts it and takes it away:
// each is found before the file is parsed.
func TestDamage(t *testing.T) {
	for _, name := range []string{"measurement.arrow", "measurement.index.arrow"} {
		damage(t, name)
	}
}

func damage(t *testing.T, name string) {
	dir := build(t)
	path := filepath.Join(dir, name)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what string) {
		t.Helper()
		r, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		_, err = r.Table("measurement")
		var damaged *DamagedError
		if !errors.As(err, &damaged) || !strings.Contains(err.Error(), path) {
			t.Fatalf("%s: %v", what, err)
		}
	}
	for i := range whole {
		b := append([]byte(nil), whole...)
		b[i] ^= 0x40
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		refused("a changed byte")
	}
	os.WriteFile(path, whole[:len(whole)-1], 0o644)
	refused("a cut file")
	os.WriteFile(path, append(whole, 0), 0o644)
	refused("a longer file")
	os.Remove(path)
	refused("a missing file")
}

func TestManifestIsStrict(t *testing.T) {
	for _, text := range []string{
		``, `{`, `[]`, `{"format":1,"tier":"registered","cut_off":"2022-01-01"}`,
		`{"format":2,"tier":"registered","cut_off":"2022-01-01","tables":[{"name":"x","sha256":"` + strings.Repeat("0", 64) + `","fields":[{"name":"a","type":"concept","vocabularies":[{"name":"SNOMED","participants":20}]}]}]}`,
		`{"format":2,"tier":"secret","cut_off":"2022-01-01"}`,
		`{"format":2,"tier":"registered","cut_off":"yesterday"}`,
		`{"format":2,"tier":"registered","cut_off":"2022-01-01","extra":1}`,
		`{"format":2,"tier":"registered","cut_off":"2022-01-01"} {}`,
		`{"format":2,"tier":"registered","cut_off":"2022-01-01","tables":[{"name":"../x"}]}`,
	} {
		if m, err := parseManifest([]byte(text)); err == nil {
			t.Errorf("%s: accepted as %+v", text, m)
		}
	}
}

// FuzzManifest: what is read as a manifest is written as one that reads the same, and
// names nothing that 20 participants or fewer have.
func FuzzManifest(f *testing.F) {
	text, err := os.ReadFile(filepath.Join(build(f), manifestName))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseManifest(b)
		if err != nil {
			return
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		n, err := parseManifest(again)
		if err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if !reflect.DeepEqual(m.Schema(Threshold), n.Schema(Threshold)) {
			t.Fatalf("%s is read as %+v and %+v", again, m, n)
		}
		for _, table := range m.Tables {
			for _, f := range table.Fields {
				for _, v := range f.Vocabularies {
					if v.Participants <= Threshold {
						t.Fatalf("%d participants have %s", v.Participants, v.Name)
					}
				}
			}
		}
	})
}

// FuzzLayout: a file that passes its hash and is still no table ends in an error.
func FuzzLayout(f *testing.F) {
	whole, err := os.ReadFile(filepath.Join(build(f), "measurement.arrow"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte("ARROW1\x00\x00ARROW1"))
	f.Fuzz(func(t *testing.T, b []byte) {
		batches, _, err := layout(b, testFields)
		if err != nil {
			return
		}
		for _, b := range batches {
			if p := b.Int32("participant"); len(p) != b.Rows {
				t.Errorf("%d values in %d rows", len(p), b.Rows)
			}
		}
	})
}
