package curate

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"slices"
	"strings"
	"testing"

	"weir/datasets/store"
)

// FuzzRows: rows are read to the end or to an error, with each field's bytes among
// those of the file; line numbers grow. Text with commas is read as encoding/csv
// reads it whole, and tabs without quotes as they are split.
func FuzzRows(f *testing.F) {
	for _, s := range []string{
		"", "a", "a,b\n1,2\n", "a\tb\n1\t2\r\n", "a,b\n\"x\ny\",\"\"\"\"\n", "a\tb\n\"x\"\"\"\t\"\n", "\ufeffa\n\n\n1\n", "\ufeff\ufeff", "a,b\n1,\"x\n", "a\n\"x\"y\n1\n", "a\t\n\n\t\"\"",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = bytes.TrimPrefix(data, []byte(byteOrderMark))
		first, _, _ := bytes.Cut(data, []byte("\n"))
		rows := &rows{name: "x.csv", data: string(data), line: 1, tab: bytes.Contains(first, []byte("\t"))}
		var got [][]string
		last, whole := int64(0), true
		for {
			fields, line, err := rows.read()
			var bad *RowError
			if errors.As(err, &bad) {
				whole = false
				continue
			}
			if err != nil {
				whole = whole && err == io.EOF
				break
			}
			if line <= last || line > int64(bytes.Count(data, []byte("\n")))+1 {
				t.Fatalf("line %d comes after line %d", line, last)
			}
			last = line
			got = append(got, slices.Clone(fields))
		}
		if got2, ok := inBlocks(t, data); ok && whole && !slices.EqualFunc(got, got2, slices.Equal[[]string]) {
			t.Fatalf("%q is read as %q, in blocks as %q", data, got, got2)
		}
		if !whole {
			return
		}
		if want, ok := otherwise(data); ok && !slices.EqualFunc(got, want, slices.Equal[[]string]) {
			t.Fatalf("%q is read as %q, not %q", data, got, want)
		}
	})
}

// inBlocks reads rows after cutting them at whichever end lastRowEnd finds first.
func inBlocks(t *testing.T, data []byte) (got [][]string, ok bool) {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	tab, line := bytes.Contains(first, []byte("\t")), int64(1)
	for len(data) > 0 {
		n := 0
		for to := 1; to <= len(data) && n == 0; to++ {
			n = lastRowEnd(string(data[:to]), tab)
		}
		if n == 0 {
			n = len(data)
		}
		r := &rows{data: string(data[:n]), line: line, tab: tab}
		for {
			fields, at, err := r.read()
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, false
			}
			if at < line {
				t.Fatalf("line %d comes after line %d", at, line)
			}
			got = append(got, slices.Clone(fields))
		}
		line, data = r.line, data[n:]
	}
	return got, true
}

// otherwise reads rows another way, where there is one.
func otherwise(data []byte) ([][]string, bool) {
	first, _, _ := bytes.Cut(data, []byte("\n"))
	if !bytes.Contains(first, []byte("\t")) {
		r := csv.NewReader(bytes.NewReader(data))
		r.FieldsPerRecord = -1
		rows, err := r.ReadAll()
		return rows, err == nil
	}
	if bytes.Contains(data, []byte(`"`)) {
		return nil, false
	}
	var rows [][]string
	for line := range strings.SplitSeq(string(data), "\n") {
		if line = strings.TrimSuffix(line, "\r"); line != "" {
			rows = append(rows, strings.Split(line, "\t"))
		}
	}
	return rows, true
}

// FuzzValues: a text is a value or an error, and the sentinel of a missing value
// never comes of a text that is there.
func FuzzValues(f *testing.F) {
	for _, s := range []string{"0", "-7.0", "+7", "1e3", "2021-12-31", "20211231", "2021-12-31 23:59:59.5", "0000-00-00", "-2147483648", "9223372036854775808", "NaN", "0x1p4", "1_0", ".", "", "\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" {
			return
		}
		c := cell{kind: isText, text: s}
		if n, err := c.int32(); err == nil && n == store.Missing {
			t.Errorf("%q is a missing integer", s)
		}
		if x, err := c.number(); err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
			t.Errorf("%q is the number %g", s, x)
		}
		if day, err := c.day(); err == nil {
			if day == store.Missing || day < dayOf(1, 1, 1) || day > dayOf(9999, 12, 31) {
				t.Errorf("%q is the day %d", s, day)
			}
		}
		if text, ok, err := c.label(); err == nil && (!ok || text != s) {
			t.Errorf("%q is the label %q", s, text)
		}
	})
}

func TestUnquote(t *testing.T) {
	for in, want := range map[string]string{
		`a`: `a`, `"a"`: `a`, `"a""b"`: `a"b`, `"a"b"`: `"a"b"`, `"`: `"`, `""`: ``, `a"b`: `a"b`, `"a`: `"a`, `"""`: `"""`,
	} {
		if got := unquote(in); got != want {
			t.Errorf("%s is read as %s, not %s", in, got, want)
		}
	}
}
