package curate

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/datasets/plan"
)

// zipped is a text compressed by gzip.
func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// manyRows is a table of measurement whose text goes over several blocks.
func manyRows(rows int) string {
	var b strings.Builder
	b.WriteString("measurement_id,person_id,measurement_concept_id,measurement_date,value_as_number,note\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d,%d,3004410,2020-01-02,%d.5,\"line %d\nof two\"\n", i, i%3+1, i%7, i)
	}
	return b.String()
}

const threePersons = "person_id,gender_concept_id,birth_datetime\n1,8507,1950-01-01\n2,8532,1960-01-01\n3,8532,1970-01-01\n"

func source3(t *testing.T, name string, data []byte) string {
	t.Helper()
	dir := t.TempDir()
	for n, d := range map[string][]byte{"person.csv": []byte(threePersons), name: data} {
		if err := os.WriteFile(filepath.Join(dir, n), d, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestBlocks: rows with line ends in quotes that go over several blocks come out
// once each, compressed or not, and a bad one is named by its line.
func TestBlocks(t *testing.T) {
	const rows = 120_000 // 6 MB
	text := manyRows(rows)
	for name, data := range map[string][]byte{"measurement.csv": []byte(text), "MEASUREMENT.CSV.GZ": zipped(t, text)} {
		r, report := imported(t, source3(t, name, data), testOptions)
		c := whole(t, r, "measurement")
		_, sum := tallied(c, c.at("value_as_number"))
		want := 0.0
		for i := range rows {
			want += float64(i%7) + 0.5
		}
		if c.count != rows || sum != want || report.Tables[1].Read != rows {
			t.Errorf("%s: %d rows with the sum %g, not %d with %g\n%v", name, c.count, sum, rows, want, report)
		}
	}
	const bad = 100_000
	text = strings.Replace(text, fmt.Sprintf("\n%d,", bad), fmt.Sprintf("\n%d,x", bad), 1)
	_, err := Import(t.Context(), source3(t, "measurement.csv", []byte(text)), filepath.Join(t.TempDir(), "r"), testOptions, nil)
	if want := fmt.Sprintf("measurement.csv, line %d: person_id is not a whole number", 2+2*bad); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, not %q", err, want)
	}
}

// TestCutOffGzip: a strict import stops at the line where the file is cut off; a
// lenient one keeps the rows before, counts and names the place.
func TestCutOffGzip(t *testing.T) {
	data := zipped(t, manyRows(50_000))
	for _, left := range []int{len(data) - 1, len(data) - 8, len(data) / 2, len(data) / 50} {
		from := source3(t, "measurement.csv.gz", data[:left])
		_, err := Import(t.Context(), from, filepath.Join(t.TempDir(), "r"), testOptions, nil)
		if err == nil || !strings.Contains(err.Error(), "measurement.csv.gz, line ") || !strings.Contains(err.Error(), "cut off here") {
			t.Errorf("%d of %d bytes: %v", left, len(data), err)
		}
		o := testOptions
		o.Lenient = true
		r, report := imported(t, from, o)
		m := report.Tables[1]
		if len(report.Malformed) != 1 || m.Malformed != 1 || m.Written != m.Read-1 || int64(whole(t, r, "measurement").count) != m.Written || m.Written > 50_000 {
			t.Errorf("%d of %d bytes: %v", left, len(data), report)
		}
		if last := report.Malformed[0]; last.Line != 2*m.Written+2 {
			t.Errorf("cut off at line %d behind %d rows", last.Line, m.Written)
		}
	}
	data[len(data)/2] ^= 0xff
	o := testOptions
	o.Lenient = true
	if _, err := Import(t.Context(), source3(t, "measurement.csv.gz", data), filepath.Join(t.TempDir(), "r"), o, nil); err == nil {
		t.Error("damaged data were imported")
	}
}

// TestRepeatedKeys and unknown persons: by the options they stop the import, are
// dropped and named by line, or are counted; never silent.
func TestRepeatedKeys(t *testing.T) {
	const text = `observation_id,person_id,observation_concept_id,observation_date
10,1,1,2020-01-01
11,2,2,2020-01-01
10,3,3,2020-01-01
12,9,4,2020-01-01
-5,1,5,2020-01-01
-5,2,6,2020-01-01
`
	for _, format := range []string{"csv", "parquet"} {
		from := source3(t, "observation.csv", []byte(text))
		if format == "parquet" {
			from = inParquet(t, from, "observation")
		}
		line := func(n int64) int64 { // of a text; of Parquet the row
			if format == "parquet" {
				return n - 1
			}
			return n
		}
		o := testOptions
		o.UniqueKeys, o.KnownOnly = true, true
		_, err := Import(t.Context(), from, filepath.Join(t.TempDir(), "r"), o, nil)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf(" %d: observation_id stands in an earlier row", line(4))) {
			t.Errorf("%s: %v", format, err)
		}
		o.UniqueKeys = false
		_, err = Import(t.Context(), from, filepath.Join(t.TempDir(), "r"), o, nil)
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf(" %d: person_id is not in person", line(5))) {
			t.Errorf("%s: %v", format, err)
		}
		o.UniqueKeys, o.Lenient = true, true
		r, report := imported(t, from, o)
		var at []int64
		for _, e := range report.Malformed {
			at = append(at, e.Line)
		}
		m := report.Tables[len(report.Tables)-1]
		if fmt.Sprint(at) != fmt.Sprint([]int64{line(4), line(5), line(7)}) || m.Malformed != 2 || m.Strangers != 1 || m.Written != 3 {
			t.Errorf("%s: lines %v\n%v", format, at, report)
		}
		if got := fmt.Sprint(lines(t, r, "observation")); got != "[1 1 2020-01-01 1 5 2020-01-01 2 2 2020-01-01]" {
			t.Errorf("%s: %s", format, got)
		}
		o = testOptions
		r, report = imported(t, from, o)
		m = report.Tables[len(report.Tables)-1]
		if m.Repeated != 2 || m.Strangers != 1 || m.Written != 5 || whole(t, r, "observation").count != 5 {
			t.Errorf("%s: %v", format, report)
		}
		if !strings.Contains(report.String(), "2 rows kept though an earlier row has their key") {
			t.Errorf("the report is silent:\n%v", report)
		}
	}
}

// TestSparseKeys: keys that lie far apart are compared, too.
func TestSparseKeys(t *testing.T) {
	k, n := newKeySet(), 0
	for i := range int64(300_000) {
		key := int64(mix(uint64(i)))
		if i%1000 == 999 {
			key = int64(mix(uint64(i - 500))) // an earlier one
			n++
		}
		if !k.add(key) {
			n--
		}
	}
	if n != 0 || k.single == nil {
		t.Errorf("%d keys that came again were not found", n)
	}
}

// TestZIP: neighbours of one first digit are put together until there are enough.
func TestZIP(t *testing.T) {
	z := &ZIP3{Questions: []int32{1585250}, Participants: 3}
	var zips []int32
	for zip, n := range map[int32]int{354: 3, 355: 1, 356: 1, 357: 2, 399: 1, 410: 2, 0: 50} {
		for range n {
			zips = append(zips, zip)
		}
	}
	got := z.merged(zips)
	for zip, want := range map[int32]int32{354: 354, 355: 357, 356: 357, 357: 357, 399: 357, 410: 0} {
		if got[zip] != want {
			t.Errorf("%d is shown as %d, not %d", zip, got[zip], want)
		}
	}
	for text, want := range map[string]int32{"35401": 354, "354**": 354, "35401-1234": 354, "35": 0, "abc": 0, "354 Main St": 0, "": 0, "００１": 0} {
		if n := threeDigits(text); n != want {
			t.Errorf("%q is %d, not %d", text, n, want)
		}
	}
}

// TestWorkbenchTables: the tables that OMOP does not have, times by the minute.
func TestWorkbenchTables(t *testing.T) {
	var zips, observations strings.Builder
	for i := range 3 {
		fmt.Fprintf(&observations, "%d,%d,1585250,2020-01-01,%s,1585250\n", i, i+1, []string{"35401", "354**", "99999"}[i])
	}
	zips.WriteString("zip3,fraction_assisted_income,median_income,deprivation_index\n354**,0.1,50000,0.25\n")
	from := unpack(t, "-- person.csv --\n"+threePersons+`
-- steps_intraday.csv --
person_id,datetime,steps
1,2020-01-01 10:01:00,12
1,2020-01-01T00:00:00,7
-- heart_rate_intraday.csv --
person_id,datetime,heart_rate_value
2,2020-01-01 23:59:00,61
-- sleep_level.csv --
person_id,sleep_date,is_main_sleep,level,start_datetime,duration_in_min
3,2020-01-01,true,deep,2020-01-01 23:00:00,31.5
-- observation.csv --
observation_id,person_id,observation_concept_id,observation_date,value_as_string,observation_source_concept_id
`+observations.String()+`-- zip_code_socioeconomic.csv --
`+zips.String())
	rules := BuiltIn()
	for i := range rules.Rules {
		if rules.Rules[i].ZIP3 != nil {
			rules.Rules[i].ZIP3.Participants = 2
		}
	}
	o := testOptions
	o.base, o.Curated, o.Tier = rules, true, plan.Controlled
	r, _ := imported(t, from, o)
	for table, want := range map[string]string{
		"steps_intraday":          "[1 2020-01-01 0 7 1 2020-01-01 601 12]",
		"heart_rate_minute_level": "[2 2020-01-01 1439 61]",
		"sleep_level":             "[3 2020-01-01 true deep 31.5]",
		"zip_code_socioeconomic":  "[1 354 0.1 50000 0.25 2 354 0.1 50000 0.25]",
	} {
		if got := fmt.Sprint(lines(t, r, table)); got != want {
			t.Errorf("%s: %s, not %s", table, got, want)
		}
	}
}

// inParquet is a source with one of its tables written as Parquet by DuckDB.
func inParquet(t *testing.T, from, table string) string {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf(`import duckdb
duckdb.sql("copy (from read_csv('%[1]s/%[3]s.csv', header=true)) to '%[2]s/%[3]s.parquet'")
duckdb.sql("copy (from read_csv('%[1]s/person.csv', header=true)) to '%[2]s/person.parquet'")`, from, dir, table)
	python(t, "-c", script)
	return dir
}

// badRows imports each kind of bad row strictly and leniently, and counts the kinds
// that a strict import takes, or a lenient one neither refuses nor names.
func badRows(t *testing.T) (kinds, silent int) {
	for _, x := range faults {
		text := strings.Replace(good, x.old, x.new, 1)
		from := unpack(t, strings.Replace(text, "9000000000,,2020", "9000000000,A,2020", 1))
		_, strict := Import(t.Context(), from, filepath.Join(t.TempDir(), "r"), testOptions, nil)
		o := testOptions
		o.Lenient = true
		report, lenient := Import(t.Context(), from, filepath.Join(t.TempDir(), "r"), o, nil)
		kinds++
		if strict == nil || lenient == nil && len(report.Malformed) == 0 {
			silent++
		}
	}
	return kinds, silent
}
