package curate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Report says what an import did. It is for whoever holds the source: it counts rows exactly.
type Report struct {
	Participants int
	Tables       []TableReport
	LeftOut      []string    // files and folders of which a repository has no table
	Malformed    []*RowError // the first that a lenient import dropped, at most maxReported
	Rules        string      // the version of the rules that were applied
	TablesOut    []string    // tables of the source that the tier does not have
	Notes        []string    // what whoever imports should know
}

// TableReport says what became of one file.
type TableReport struct {
	Table, File string
	Read        int64 // rows
	Written     int64
	Strangers   int64            // rows dropped because their person is not in person
	Malformed   int64            // rows dropped because they could not be read, or have the key of another
	Repeated    int64            // rows that were kept though an earlier one has their key
	Dropped     map[string]int64 // rows dropped by rules of the tier, by the rule's name
	Ignored     []string         // columns that a repository has no field for
	Absent      []string         // fields that the source has no column for
}

// maxReported is the number of malformed rows that a report names.
const maxReported = 100

// String is the report as lines of text.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d participants, rules %s\n", r.Participants, r.Rules)
	for _, t := range r.Tables {
		fmt.Fprintf(&b, "%s: %d of %d rows of %s\n", t.Table, t.Written, t.Read, t.File)
		for _, x := range []struct {
			n    int64
			what string
		}{{t.Strangers, "of persons who are not in person"}, {t.Malformed, "malformed"}} {
			if x.n > 0 {
				fmt.Fprintf(&b, "\t%d rows dropped: %s\n", x.n, x.what)
			}
		}
		if t.Repeated > 0 {
			fmt.Fprintf(&b, "\t%d rows kept though an earlier row has their key\n", t.Repeated)
		}
		for _, rule := range slices.Sorted(maps.Keys(t.Dropped)) {
			fmt.Fprintf(&b, "\t%d rows dropped by the rule %q\n", t.Dropped[rule], rule)
		}
		for _, x := range []struct {
			names []string
			what  string
		}{{t.Ignored, "columns left out"}, {t.Absent, "fields not in the source"}} {
			if len(x.names) > 0 {
				fmt.Fprintf(&b, "\t%s: %s\n", x.what, strings.Join(x.names, ", "))
			}
		}
	}
	for _, e := range r.Malformed {
		fmt.Fprintf(&b, "malformed: %v\n", e)
	}
	if len(r.TablesOut) > 0 {
		fmt.Fprintf(&b, "tables that the tier does not have: %s\n", strings.Join(r.TablesOut, ", "))
	}
	if len(r.LeftOut) > 0 {
		fmt.Fprintf(&b, "files left out: %s\n", strings.Join(r.LeftOut, ", "))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	return b.String()
}

// drop counts rows that were dropped after they were read.
func (t *TableReport) drop(rule string, n int) {
	if n > 0 {
		t.Dropped[rule] += int64(n)
		t.Written -= int64(n)
	}
}
