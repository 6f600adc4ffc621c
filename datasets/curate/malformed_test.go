package curate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"

	"golang.org/x/tools/txtar"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// unpack writes the files of a txtar. A row in them ends with an empty line only
// where the archive has one.
func unpack(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(text)).Files {
		data := []byte(strings.ReplaceAll(string(f.Data), "→", "\t"))
		if err := os.WriteFile(filepath.Join(dir, f.Name), data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// good is a source without fault. It has both separators, quoted line ends, a byte
// order mark, Windows line ends, every way of writing a date, whole numbers with
// decimals, names in both cases, and rows of a person who is not there.
const good = `
-- Person.CSV --
` + "\ufeff" + `PERSON_ID,gender_concept_id,year_of_birth,month_of_birth,day_of_birth,birth_datetime,race_concept_id
7,8507,1950,2,29.0,1951-03-04 00:00:00,8527
12,8532,1960,5,,,0
9000000000,8532,1970.0,,,,
-- person_ext.csv --
person_id,state_of_residence_concept_id
12,5
-- measurement.csv --
person_id→measurement_concept_id→measurement_date→value_as_number→unit_concept_id→value_source_value
12→1→20200102→-1.5e1→→said "so"
12→1→2020-01-01→7→8554→"a ""quoted"" one"
7→1→2020-01-03T10:11:12Z→→8554→"
7→2→2019-12-31 23:59→3.25→8554→
5→2→2019-12-31→3.25→8554→
-- DEATH.csv --
person_id,death_date,death_datetime,cause_source_value
7,2021-05-06,,"fell
over, and ""stayed"" down"
-- ds_survey.csv --
person_id,survey,survey_datetime,question_concept_id,answer_concept_id
12,The Basics,2020-01-01 10:00:00.123 UTC,1,2
9000000000,,2020-01-01 10:00:00,1,2
`

func TestImportCSV(t *testing.T) {
	o := testOptions
	o.Lenient = true
	r, report := imported(t, unpack(t, strings.ReplaceAll(good, "12,The Basics", "12.00,The Basics")), o)
	if report.Participants != 3 || len(report.Malformed) != 1 || report.Malformed[0].Line != 3 {
		t.Fatalf("%v", report)
	}
	byID := map[int64]int32{}
	c := whole(t, r, "participants")
	for i, p := range c.ints[0] {
		byID[int64(c.ints[1][i])<<31+int64(c.ints[2][i])] = p
	}
	if len(byID) != 3 {
		t.Fatalf("person_ids %v", byID)
	}
	person := whole(t, r, "person")
	for id, want := range map[int64][3]int32{
		7:          {dayOf(1951, 3, 4), 8507, store.Missing},
		12:         {dayOf(1960, 5, 15), 8532, 5},
		9000000000: {dayOf(1970, 6, 15), 8532, store.Missing},
	} {
		i, ok := byID[id]
		if !ok {
			t.Errorf("person %d is not there", id)
		}
		got := [3]int32{person.int32s("birth_date")[i], person.int32s("sex_at_birth_concept_id")[i], person.int32s("state_of_residence_concept_id")[i]}
		if got != want {
			t.Errorf("person %d: %v, not %v", id, got, want)
		}
	}
	m := whole(t, r, "measurement")
	days := map[int32][]int32{}
	for i, p := range m.ints[0] {
		days[p] = append(days[p], m.ints[m.date][i])
	}
	if got := days[byID[12]]; len(got) != 2 || got[0] != dayOf(2020, 1, 1) || got[1] != dayOf(2020, 1, 2) {
		t.Errorf("dates of 12: %v", got)
	}
	if got := days[byID[7]]; len(got) != 2 || got[0] != dayOf(2019, 12, 31) || got[1] != dayOf(2020, 1, 3) {
		t.Errorf("dates of 7: %v", got)
	}
	if _, sum := tallied(m, m.at("value_as_number")); sum != 7-15+3.25 {
		t.Errorf("values sum to %g", sum)
	}
	if d := whole(t, r, "death"); d.count != 1 || d.ints[0][0] != byID[7] || d.has("cause_source_value") {
		t.Errorf("death: %+v", d)
	}
	s := whole(t, r, "ds_survey")
	if s.count != 1 || s.shape.fields[1].Labels[s.ints[1][0]] != "The Basics" || s.ints[2][0] != dayOf(2020, 1, 1) {
		t.Errorf("ds_survey: %+v", s)
	}
	for _, table := range report.Tables {
		if want := map[string]int64{"measurement": 1}[table.Table]; table.Strangers != want {
			t.Errorf("%s: %d strangers", table.Table, table.Strangers)
		}
	}
}

// TestMalformed: what is wrong with a source is named by file and line, is counted
// by a lenient import where the rest can be read, and stops any other. No error
// holds the value, which here always has 666 in it.
// faults are what can be wrong with good, and what is said of it.
var faults = []struct {
	name     string
	old, new string // in good
	want     string
	fatal    bool // lenient or not
}{
	{"id is no number", "12,8532,1960", "x666,8532,1960", "Person.CSV, line 3: person_id is not a whole number", false},
	{"id is negative", "12,8532,1960", "-666,8532,1960", "Person.CSV, line 3: person_id is negative", false},
	{"id is missing", "12,8532,1960", ",8532,1960", "Person.CSV, line 3: person_id is missing", false},
	{"id is there twice", "12,8532,1960", "7,8532,1960", "Person.CSV, line 3: person_id stands in an earlier row", false},
	{"no year of birth", "12,8532,1960", "12,8532,", "Person.CSV, line 3: the birth is missing", false},
	{"impossible birthday", "12,8532,1960,5,,", "12,8532,1960,2,30,", "Person.CSV, line 3: the birth is no day", false},
	{"impossible month", "12,8532,1960,5,,", "12,8532,1960,666,,", "Person.CSV, line 3: the birth is no day", false},
	{"impossible date", "20200102", "20200666", "measurement.csv, line 2: measurement_date is not a date", false},
	{"impossible day", "20200102", "2020-02-30", "measurement.csv, line 2: measurement_date is not a date", false},
	{"date the American way", "20200102", "12/31/2020", "measurement.csv, line 2: measurement_date is not a date", false},
	{"impossible time", "20200102", "2020-01-02 25:66:60", "measurement.csv, line 2: measurement_date is not a date", false},
	{"missing date", "20200102", "", "measurement.csv, line 2: measurement_date is missing", false},
	{"value is no number", "-1.5e1", "666x", "measurement.csv, line 2: value_as_number is not a number", false},
	{"value is infinite", "-1.5e1", "Inf", "measurement.csv, line 2: value_as_number is not a number", false},
	{"value is NaN", "-1.5e1", "NaN", "measurement.csv, line 2: value_as_number is not a number", false},
	{"value is huge", "-1.5e1", "666e666", "measurement.csv, line 2: value_as_number is not a number", false},
	{"concept is too large", "12→1→20200102", "12→66666666666→20200102", "measurement.csv, line 2: measurement_concept_id is outside", false},
	{"concept is the sentinel", "12→1→20200102", "12→-2147483648→20200102", "measurement.csv, line 2: measurement_concept_id is outside", false},
	{"concept is half", "12→1→20200102", "12→666.5→20200102", "measurement.csv, line 2: measurement_concept_id is not a whole number", false},
	{"a field too many", "20200102", "20200102→666", "measurement.csv, line 2: has 7 fields where the first line has 6", false},
	{"a field too few", "7,2021-05-06,,", "7,2021-05-06,", "DEATH.csv, line 2: has 3 fields where the first line has 4", false},
	{"a quote inside", "12,The Basics", `12,The "666" Basics`, "ds_survey.csv, line 2: has a quote inside a field", false},
	{"a quote that is not closed", `12,The Basics`, `12,"The 666 Basics`, "ds_survey.csv: line 2: a quote opens that is not closed", true},
	{"invalid UTF-8", "The Basics", "\xff666", "ds_survey.csv, line 2: survey is not valid UTF-8", false},
	{"free text for a label", "The Basics", strings.Repeat("666", 500), "ds_survey.csv, line 2: survey is longer than a label", false},
	{"missing column", "measurement_concept_id", "something", "measurement.csv has no column measurement_concept_id, which the table measurement needs", true},
	{"missing person_id", "person_id→", "someone→", "measurement.csv has no column person_id", true},
	{"missing birth", "year_of_birth,month_of_birth,day_of_birth,birth_datetime", "a,b,c,d", "Person.CSV has no column birth_datetime or year_of_birth", true},
	{"duplicate header", "unit_concept_id", "Value_As_Number", "measurement.csv: two columns are called value_as_number", true},
	{"two files for a table", "-- DEATH.csv --", "-- death.tsv --\n-- DEATH.csv --", "holds both", true},
	{"no person", "-- Person.CSV --", "-- People.csv --", "has no person.csv", true},
	{"empty file", "-- DEATH.csv --\nperson_id,death_date,death_datetime,cause_source_value\n7,2021-05-06,,\"fell\nover, and \"\"stayed\"\" down\"", "-- DEATH.csv --", "DEATH.csv: it is empty", true},
	{"nobody", "7,8507,1950,2,29.0,1951-03-04 00:00:00,8527\n12,8532,1960,5,,,0\n9000000000,8532,1970.0,,,,\n", "", "nobody to import", true},
}

func TestMalformed(t *testing.T) {
	for _, x := range faults {
		t.Run(x.name, func(t *testing.T) {
			text := strings.Replace(good, x.old, x.new, 1)
			if text == good {
				t.Fatal("the case changes nothing")
			}
			text = strings.Replace(text, "9000000000,,2020", "9000000000,A,2020", 1) // good's own fault
			from, parent := unpack(t, text), t.TempDir()
			dir := filepath.Join(parent, "r")
			_, err := Import(t.Context(), from, dir, testOptions, nil)
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Fatalf("%v", err)
			}
			if strings.Contains(strings.ReplaceAll(err.Error(), from, ""), "666") {
				t.Errorf("the error holds the value: %v", err)
			}
			if !x.fatal && !strings.Contains(err.Error(), "correct the source") {
				t.Errorf("no remedy: %v", err)
			}
			if left, _ := os.ReadDir(parent); len(left) > 0 {
				t.Errorf("left %v", left)
			}
			o := testOptions
			o.Lenient = true
			report, err := Import(t.Context(), from, dir, o, nil)
			switch {
			case x.fatal && err == nil:
				t.Error("a lenient import went through")
			case !x.fatal && err != nil:
				t.Errorf("a lenient import stopped: %v", err)
			case !x.fatal && (len(report.Malformed) != 1 || !strings.Contains(report.Malformed[0].Error(), x.want)):
				t.Errorf("%v", report.Malformed)
			}
		})
	}
}

func TestImportRefuses(t *testing.T) {
	from := unpack(t, good)
	for _, x := range []struct {
		change func(*ImportOptions)
		want   string
	}{
		{func(o *ImportOptions) { o.Name = "" }, "needs a name"},
		{func(o *ImportOptions) { o.CDR = "" }, "needs a CDR version"},
		{func(o *ImportOptions) { o.CutOff = "" }, "needs a cut-off day"},
		{func(o *ImportOptions) { o.CutOff = "2022-13-01" }, "cut-off is no day"},
		{func(o *ImportOptions) { o.Key = Key("short") }, "the key is weak"},
		{func(o *ImportOptions) { o.Tier = "" }, "no tier"},
	} {
		o := testOptions
		x.change(&o)
		if _, err := Import(t.Context(), from, filepath.Join(t.TempDir(), "r"), o, nil); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%+v: %v", o, err)
		}
	}
	if _, err := Import(t.Context(), filepath.Join(from, "nowhere"), filepath.Join(t.TempDir(), "r"), testOptions, nil); err == nil {
		t.Error("a source that is not there was imported")
	}
	if _, err := Import(t.Context(), from, from, testOptions, nil); err == nil || !strings.Contains(err.Error(), "exists") {
		t.Errorf("a folder was overwritten: %v", err)
	}
}

// TestFreeTextIsNoLabel: a field with a new text in every row is refused.
func TestFreeTextIsNoLabel(t *testing.T) {
	for n, want := range map[int]string{maxLabels: "", maxLabels + 1: "ds_survey.csv, line 1002: survey has too many different texts"} {
		var b strings.Builder
		b.WriteString("-- person.csv --\nperson_id,birth_datetime\n1,1950-01-01\n-- ds_survey.csv --\nperson_id,survey,survey_date,question_concept_id\n")
		for i := range n {
			fmt.Fprintf(&b, "1,text %d,2020-01-01,1\n", i)
		}
		_, err := Import(t.Context(), unpack(t, b.String()), filepath.Join(t.TempDir(), "r"), testOptions, nil)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%d texts: %v", n, err)
		}
	}
}

// TestPermutationCannotBeRepeated: without a seed two imports number a thousand
// persons differently; with one they do not.
func TestPermutationCannotBeRepeated(t *testing.T) {
	var b strings.Builder
	b.WriteString("-- person.csv --\nperson_id,birth_datetime\n")
	for i := range 1000 {
		fmt.Fprintf(&b, "%d,1950-01-01\n", i)
	}
	from := unpack(t, b.String())
	numbers := func(seed uint64) []int32 {
		o := testOptions
		o.Seed = seed
		r, _ := imported(t, from, o)
		return whole(t, r, "participants").int32s("person_id_low")
	}
	if slices.Equal(numbers(0), numbers(0)) {
		t.Error("two imports without a seed have the same permutation")
	}
	if !slices.Equal(numbers(3), numbers(3)) || slices.Equal(numbers(3), numbers(4)) || slices.IsSorted(numbers(3)) {
		t.Error("the seed does not set the permutation")
	}
}

// TestImportStops: cancelled in the midst it leaves nothing behind.
func TestImportStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	parent := t.TempDir()
	_, err := Import(ctx, unpack(t, good), filepath.Join(parent, "r"), testOptions, func(stage string, _, _ int64) {
		if stage == "person" {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if left, _ := os.ReadDir(parent); len(left) > 0 {
		t.Errorf("left %v", left)
	}
}

// TestRegisteredHasNoCause: what the tier withholds is not written.
func TestRegisteredHasNoCause(t *testing.T) {
	from := unpack(t, `
-- person.csv --
person_id,gender_concept_id,birth_datetime
1,8507,1950-01-01
-- death.csv --
person_id,death_date,cause_concept_id
1,2020-01-01,316139
-- concept.csv --
concept_id,concept_name,domain_id,vocabulary_id,concept_class_id,valid_start_date
8507,MALE,Gender,Gender,Gender,1970-01-01
`)
	for tier, want := range map[plan.Tier]bool{plan.Registered: false, plan.Controlled: true} {
		o := testOptions
		o.Tier, o.base = tier, nil
		r, _ := imported(t, from, o)
		if got := whole(t, r, "death").has("cause_concept_id"); got != want {
			t.Errorf("%s: cause_concept_id is there: %t", tier, got)
		}
	}
}

// writeParquet writes rows of one type of column.
func writeParquet(t *testing.T, path string, fields []arrow.Field, fill func(*array.RecordBuilder), more ...pqarrow.WriterOption) {
	t.Helper()
	s := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, s)
	fill(b)
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w, err := pqarrow.NewFileWriter(s, f, parquet.NewWriterProperties(parquet.WithStats(false)), pqarrow.NewArrowWriterProperties(more...))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(b.NewRecord()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// personParquet is 3 persons: a timestamp before 1970, an id as a float, a
// missing race.
func personParquet(t *testing.T, path string) {
	t.Helper()
	writeParquet(t, path, []arrow.Field{
		{Name: "Person_ID", Type: arrow.PrimitiveTypes.Float64},
		{Name: "birth_datetime", Type: arrow.FixedWidthTypes.Timestamp_us},
		{Name: "race_concept_id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "gender_concept_id", Type: arrow.BinaryTypes.String, Nullable: true},
	}, func(b *array.RecordBuilder) {
		b.Field(0).(*array.Float64Builder).AppendValues([]float64{1, 2, 3}, nil)
		b.Field(1).(*array.TimestampBuilder).AppendValues([]arrow.Timestamp{-1, 0, 86_400_000_000}, nil)
		b.Field(2).(*array.Int64Builder).AppendValues([]int64{8527, 0, 8515}, []bool{true, false, true})
		b.Field(3).(*array.StringBuilder).AppendValues([]string{"8507", "", "8532"}, nil)
	})
}

func TestImportParquet(t *testing.T) {
	from := t.TempDir()
	personParquet(t, filepath.Join(from, "person.parquet"))
	r, _ := imported(t, from, testOptions)
	ids, person := whole(t, r, "participants"), whole(t, r, "person")
	want := map[int32][3]int32{1: {-1, 8527, 8507}, 2: {0, store.Missing, store.Missing}, 3: {1, 8515, 8532}}
	for i, id := range ids.int32s("person_id_low") {
		got := [3]int32{person.int32s("birth_date")[i], person.int32s("race_concept_id")[i], person.int32s("gender_concept_id")[i]}
		if got != want[id] {
			t.Errorf("person %d: %v, not %v", id, got, want[id])
		}
	}
}

// Each type is read as pqarrow has written it, and after a NULL, too.
func TestParquetTypes(t *testing.T) {
	numbers := `["1", null, "-2"]`
	for _, x := range []struct {
		of     arrow.DataType
		values string // of three rows, as JSON
		want   [3]cell
		how    []pqarrow.WriterOption
	}{
		{arrow.PrimitiveTypes.Int8, numbers, [3]cell{{kind: isWhole, whole: 1}, {}, {kind: isWhole, whole: -2}}, nil},
		{arrow.PrimitiveTypes.Int64, numbers, [3]cell{{kind: isWhole, whole: 1}, {}, {kind: isWhole, whole: -2}}, nil},
		{arrow.PrimitiveTypes.Uint16, `[65535, null, 2]`, [3]cell{{kind: isWhole, whole: 65535}, {}, {kind: isWhole, whole: 2}}, nil},
		{arrow.PrimitiveTypes.Uint32, `[4294967295, null, 2]`, [3]cell{{kind: isWhole, whole: math.MaxUint32}, {}, {kind: isWhole, whole: 2}}, nil},
		{arrow.PrimitiveTypes.Float32, `[1.5, null, -2]`, [3]cell{{kind: isReal, real: 1.5}, {}, {kind: isReal, real: -2}}, nil},
		{&arrow.Decimal128Type{Precision: 5, Scale: 2}, `["1.25", null, "-2.5"]`, [3]cell{{kind: isReal, real: 1.25}, {}, {kind: isReal, real: -2.5}}, nil},
		{&arrow.Decimal128Type{Precision: 15, Scale: 2}, `["1.25", null, "-2.5"]`, [3]cell{{kind: isReal, real: 1.25}, {}, {kind: isReal, real: -2.5}}, nil},
		{&arrow.Decimal128Type{Precision: 38, Scale: 2}, `["184467440737095516160.25", null, "-2.5"]`, [3]cell{{kind: isReal, real: 184467440737095516160.25}, {}, {kind: isReal, real: -2.5}}, nil},
		{arrow.FixedWidthTypes.Boolean, `[true, null, false]`, [3]cell{{kind: isText, text: "true"}, {}, {kind: isText, text: "false"}}, nil},
		{arrow.BinaryTypes.LargeString, `["a", null, ""]`, [3]cell{{kind: isText, text: "a"}, {}, {}}, nil},
		{arrow.Null, `[null, null, null]`, [3]cell{}, nil},
		{arrow.FixedWidthTypes.Date64, `["1970-01-03", null, "1969-12-31"]`, [3]cell{{kind: isDay, whole: 2}, {}, {kind: isDay, whole: -1}}, nil},
		{arrow.FixedWidthTypes.Timestamp_ms, `["1970-01-03T01:00:00", null, "1969-12-31T00:00:00"]`, [3]cell{{kind: isDay, whole: 2, real: 60, timed: true}, {}, {kind: isDay, whole: -1, timed: true}}, nil},
		{arrow.FixedWidthTypes.Timestamp_ns, `["1970-01-03T01:00:00", null, "1969-12-31T00:00:00"]`, [3]cell{{kind: isDay, whole: 2, real: 60, timed: true}, {}, {kind: isDay, whole: -1, timed: true}},
			[]pqarrow.WriterOption{pqarrow.WithDeprecatedInt96Timestamps(true)}},
	} {
		t.Run(fmt.Sprint(x.of), func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.parquet")
			writeParquet(t, path, []arrow.Field{{Name: "x", Type: x.of, Nullable: true}}, func(b *array.RecordBuilder) {
				if err := b.Field(0).UnmarshalJSON([]byte(x.values)); err != nil {
					t.Fatal(err)
				}
			}, x.how...)
			f, err := openParquet(path, "x.parquet")
			if err != nil {
				t.Fatal(err)
			}
			defer f.close()
			var got []cell
			err = errors.Join(f.choose([]int{0}), f.cut(t.Context(), func(b block) error {
				c, err := b.open()
				if err != nil {
					return err
				}
				for err = c.next(); err == nil; err = c.next() {
					got = append(got, c.cell(0))
				}
				if err == io.EOF {
					err = nil
				}
				return errors.Join(err, c.close())
			}))
			if err != nil || !slices.Equal(got, x.want[:]) {
				t.Errorf("%v, %+v, want %+v", err, got, x.want)
			}
		})
	}
}

// TestDamagedParquet cuts a Parquet file at each of its bytes: every time the
// import ends in an error that names the file.
func TestDamagedParquet(t *testing.T) {
	from := t.TempDir()
	path := filepath.Join(from, "person.parquet")
	personParquet(t, path)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(b) {
		if err := os.WriteFile(path, b[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		_, err := Import(t.Context(), from, filepath.Join(t.TempDir(), "r"), testOptions, nil)
		if err == nil || !strings.Contains(err.Error(), "person.parquet") || !strings.Contains(err.Error(), "damaged") {
			t.Fatalf("cut to %d of %d bytes: %v", n, len(b), err)
		}
	}
}

// TestParquetRefuses what cannot be a value of the field.
func TestParquetRefuses(t *testing.T) {
	for _, x := range []struct {
		name  string
		field arrow.Field
		fill  func(array.Builder)
		want  string
	}{
		{"a list", arrow.Field{Name: "birth_datetime", Type: arrow.ListOf(arrow.PrimitiveTypes.Int32)}, func(b array.Builder) {
			b.(*array.ListBuilder).Append(true)
			b.(*array.ListBuilder).ValueBuilder().(*array.Int32Builder).Append(1)
		}, "birth_datetime is nested"},
		{"bytes", arrow.Field{Name: "birth_datetime", Type: arrow.BinaryTypes.Binary}, func(b array.Builder) {
			b.(*array.BinaryBuilder).Append([]byte("2020-01-01"))
		}, "birth_datetime is of a type that weir does not read"},
		{"a float", arrow.Field{Name: "year_of_birth", Type: arrow.PrimitiveTypes.Float64}, func(b array.Builder) {
			b.(*array.Float64Builder).Append(1950.5)
		}, "person.parquet, row 1: the birth is not a whole number"},
		{"a date", arrow.Field{Name: "year_of_birth", Type: arrow.FixedWidthTypes.Date32}, func(b array.Builder) {
			b.(*array.Date32Builder).Append(1950)
		}, "person.parquet, row 1: the birth is not a whole number"},
	} {
		t.Run(x.name, func(t *testing.T) {
			from := t.TempDir()
			writeParquet(t, filepath.Join(from, "person.parquet"), []arrow.Field{{Name: "person_id", Type: arrow.PrimitiveTypes.Int64}, x.field}, func(b *array.RecordBuilder) {
				b.Field(0).(*array.Int64Builder).Append(1)
				x.fill(b.Field(1))
			})
			_, err := Import(t.Context(), from, filepath.Join(t.TempDir(), "r"), testOptions, nil)
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// FuzzParquet: a file is read to its end or to an error, whatever its bytes are.
func FuzzParquet(f *testing.F) {
	path := filepath.Join(f.TempDir(), "seed.parquet")
	p, err := newParquetFile(path, seedColumns)
	if err != nil {
		f.Fatal(err)
	}
	if err := errors.Join(p.write(seedColumns), p.close()); err != nil {
		f.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(t.TempDir(), "x.parquet")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		file, err := openParquet(path, "x.parquet")
		if err != nil {
			return
		}
		if err := readParquet(t.Context(), file); err != nil && err.Error() == "" {
			t.Error("an error without a text")
		}
		file.close()
	})
}

var seedColumns = []outColumn{
	{name: "person_id", longs: []int64{1, 2, 3}}, {name: "concept_id", ints: []int32{7, 8, store.Missing}}, {name: "value", nums: []float64{1.5, 2, math.NaN()}},
	{name: "name", texts: []string{"a", "", "b"}}, {name: "day", ints: []int32{18000, 0, -1}, isDay: true},
}

// readParquet reads every value of a file as everything that a value can be read as.
func readParquet(ctx context.Context, file tableFile) error {
	all := make([]int, len(file.columns()))
	for i := range all {
		all[i] = i
	}
	if err := file.choose(all); err != nil {
		return err
	}
	return file.cut(ctx, func(b block) (err error) {
		c, err := b.open()
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.close()) }()
		for {
			if err := c.next(); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
			for i := range all {
				x := c.cell(i)
				x.integer()
				x.number()
				x.day()
				x.minute()
				x.label()
			}
		}
	})
}
