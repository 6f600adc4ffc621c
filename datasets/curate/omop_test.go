package curate

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/datasets/plan"
)

// omop is a folder of OMOP tables of invented participants.
func omop(t testing.TB, format string, participants int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), format)
	if err := SynthesizeOMOP(t.Context(), dir, format, SynthesizeOptions{Participants: participants}, nil); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestSynthesizeOMOP: what is written in both formats is imported alike, and by the
// rules of both tiers.
func TestSynthesizeOMOP(t *testing.T) {
	key := Key(strings.Repeat("\x05", keyBytes))
	var rows []string
	for _, format := range []string{"csv", "parquet"} {
		from := omop(t, format, 2500)
		for _, tier := range []plan.Tier{plan.Registered, plan.Controlled} {
			r, report := imported(t, from, ImportOptions{Name: "test", Tier: tier, CDR: "v1", CutOff: cutOffText, Key: key, KnownOnly: true, UniqueKeys: true, Seed: 1})
			text := ""
			for _, x := range report.Tables {
				text += fmt.Sprintln(x.Table, x.Read, x.Written, x.Dropped)
			}
			rows = append(rows, text)
			if format == "csv" {
				if v := check(t, from, r, key); len(v.Compared) < 10 || len(v.Wrong) > 0 {
					t.Errorf("%s: %+v", tier, v)
				}
			}
		}
	}
	if rows[0] != rows[2] || rows[1] != rows[3] || rows[0] == rows[1] {
		t.Errorf("%s", rows)
	}
}

// BenchmarkImport imports what 100,000 participants have in both formats.
func BenchmarkImport(b *testing.B) {
	for _, format := range []string{"csv", "parquet"} {
		from := os.Getenv("WEIR_OMOP_" + strings.ToUpper(format))
		if from == "" {
			from = omop(b, format, 100_000)
		}
		b.Run(format, func(b *testing.B) {
			for b.Loop() {
				dir := filepath.Join(b.TempDir(), "r")
				if _, err := Import(b.Context(), from, dir, ImportOptions{Name: "test", Tier: plan.Registered, CDR: "v1", CutOff: cutOffText}, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
