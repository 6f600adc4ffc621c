package guard

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"weir/datasets/plan"
	"weir/datasets/tally"
	"weir/guard/certificate"
	"weir/guard/ledger"
)

var update = flag.Bool("update", false, "write what is shown into testdata/tables as what is expected")

// TestTableFiles protects the tables of testdata/tables. A file is for people who
// check outputs; see testdata/tables/README.md, which specifies the format.
func TestTableFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/tables/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no tables: ", err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { tableFile(t, path) })
	}
}

func tableFile(t *testing.T, path string) {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Comment) < 40 || len(archive.Files) != 3 || archive.Files[1].Name != "policy" || archive.Files[2].Name != "expected" {
		t.Fatalf("a file has a comment, raw, policy and expected: %s", archive.Comment)
	}
	raw, kind, _ := strings.Cut(archive.Files[0].Name, " ")
	if raw != "raw" {
		t.Fatalf("%q where the raw table should be", raw)
	}
	policy, err := ParsePolicy(archive.Files[1].Data)
	if err != nil {
		t.Fatal(err)
	}
	got := protect(t, policy, parseRaw(t, kind, string(archive.Files[0].Data)))
	if *update {
		archive.Files[2].Data = []byte(got)
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if want := string(archive.Files[2].Data); got != want {
		t.Errorf("%sgot\n%s\nwant\n%s", archive.Comment, got, want)
	}
}

// protect is the text that a guard with the policy releases.
func protect(t *testing.T, policy Policy, raw *rawTable) string {
	t.Helper()
	dir := t.TempDir()
	l, err := ledger.Open(filepath.Join(dir, "ledger"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	g, err := New(policy, l, make([]byte, 64), "session", &plan.Schema{Name: "test", CDR: "v1", Tier: plan.Registered}, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, table := raw.build(t)
	r, err := g.Table(n, table)
	if err != nil {
		return "refused: " + err.Error() + "\n"
	}
	certified(t, filepath.Join(dir, "ledger"))
	return r.MIME()["text/plain"] + "\n"
}

// certified verifies the certificate of the last release in a ledger as whoever reads
// the ledger can, and that it is of the numbers that were shown.
func certified(t *testing.T, path string) {
	t.Helper()
	var last struct {
		Detail struct {
			Rows        []struct{ Cells []string }
			Certificate json.RawMessage
			Uncertified string
		}
	}
	_, err := ledger.Read(path, func(e ledger.Entry) error { return json.Unmarshal(e.Body, &last) })
	if err != nil {
		t.Fatal(err)
	}
	d := last.Detail
	if d.Certificate == nil {
		if d.Uncertified != errSmall.Error() {
			t.Errorf("no certificate: %s", d.Uncertified)
		}
		return
	}
	if err := certificate.Verify(d.Certificate); err != nil {
		t.Errorf("%v\n%s", err, d.Certificate)
	}
	rows, err := certificate.Rows(d.Certificate)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range d.Rows {
		if !slices.Equal(r.Cells, rows[i]) {
			t.Errorf("row %d is released as %v, and certified as %v", i, r.Cells, rows[i])
		}
	}
}

// rawTable is a table of true numbers as a file has it.
type rawTable struct {
	kind    string // "", crosstab, histogram, first table
	keys    []string
	stats   []string
	rows    []rawRow
	totals  bool
	dropped bool
}

type rawRow struct {
	labels       []string
	participants int64
	cells        []string
}

var gap = regexp.MustCompile(` {2,}`)

func parseRaw(t *testing.T, kind, text string) *rawTable {
	t.Helper()
	raw := &rawTable{kind: kind}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	head := gap.Split(strings.TrimSpace(lines[0]), -1)
	at := slices.Index(head, "participants")
	if at < 0 {
		t.Fatalf("no column participants in %q", lines[0])
	}
	raw.keys, raw.stats = head[:at], head[at+1:]
	for _, line := range lines[1:] {
		f := gap.Split(strings.TrimSpace(line), -1)
		if len(f) != len(head) {
			t.Fatalf("%q has %d columns, not %d", line, len(f), len(head))
		}
		r := rawRow{labels: f[:at], participants: number(t, f[at]), cells: f[at+1:]}
		raw.totals = raw.totals || slices.Contains(r.labels, plan.Total)
		raw.rows = append(raw.rows, r)
	}
	return raw
}

// build is the plan and what the engine would have counted.
func (raw *rawTable) build(t *testing.T) (*plan.Node, *tally.Table) {
	t.Helper()
	everyone := root(t, "Everyone")
	table := &tally.Table{}
	if slices.Equal(raw.keys, []string{"step"}) {
		before := members(1, raw.rows[0].participants)
		for _, r := range raw.rows {
			table.Groups = append(table.Groups, tally.Group{Labels: r.labels, All: setOf(before[:r.participants])})
		}
		return then(t, everyone, "Attrition"), table
	}
	for i := range raw.keys {
		table.Keys = append(table.Keys, raw.key(t, i))
	}
	for i, s := range raw.stats {
		table.Stats = append(table.Stats, raw.statistic(t, i, s))
	}
	n := raw.plan(t, everyone, table)
	if n.Op() == "Rate" {
		table.Stats[0] = n
	}
	raw.fill(t, table)
	return n, table
}

// plan is the question that the table answers.
func (raw *rawTable) plan(t *testing.T, everyone *plan.Node, table *tally.Table) *plan.Node {
	t.Helper()
	var keys, stats []plan.Arg
	for _, k := range table.Keys {
		keys = append(keys, k.Plan)
	}
	for _, s := range table.Stats {
		stats = append(stats, s)
	}
	switch raw.kind {
	case "crosstab":
		return then(t, everyone, "Crosstab", keys...)
	case "histogram":
		return then(t, everyone, "Histogram", keys...)
	}
	n := everyone
	if len(keys) > 0 {
		n = then(t, n, "By", keys...)
		if raw.totals {
			n = then(t, n, "WithTotals")
		}
	}
	switch {
	case len(stats) == 0:
		return then(t, n, "Count")
	case strings.HasPrefix(raw.stats[0], "rate("):
		return then(t, n, "Rate", then(t, root(t, "TimeTo", then(t, root(t, "Condition", 9), "First")), "From", root(t, "Day", 2020, 1, 1)))
	}
	return then(t, n, "Summarise", stats...)
}

// key makes a plan whose labels are the column's. A name ends in * when the data
// alone knows the labels, in + when a participant can have several.
func (raw *rawTable) key(t *testing.T, i int) tally.Key {
	t.Helper()
	name := strings.TrimRight(raw.keys[i], "*+")
	mark := strings.TrimPrefix(raw.keys[i], name)
	var labels []string
	for _, r := range raw.rows {
		if l := r.labels[i]; l != plan.Total && l != plan.Missing && !slices.Contains(labels, l) {
			labels = append(labels, l)
		}
	}
	var n *plan.Node
	switch edges := edgesIn(labels); {
	case mark == "+":
		n = then(t, root(t, "Condition", i+1), "EachConcept")
	case mark == "*":
		n = then(t, then(t, root(t, "Condition", i+1), "First"), "Category", name)
	case edges != nil:
		n = then(t, root(t, "Age"), "Bands", edges...)
	default:
		n = then(t, then(t, root(t, "Condition", i+1), "Exists"), "Labels", "yes", "no")
	}
	n, err := n.As(name)
	if err != nil {
		t.Fatal(err)
	}
	return tally.Key{Plan: n, Labels: labels, Closed: mark == "", Additive: mark != "+"}
}

// edgesIn is the edges of labels that are bands: <18, 18 to <45, 45+.
func edgesIn(labels []string) []plan.Arg {
	var edges []plan.Arg
	for _, l := range labels[:len(labels)-1] {
		_, edge, ok := strings.Cut(l, "<")
		e, err := strconv.ParseFloat(edge, 64)
		if !ok || err != nil {
			return nil
		}
		edges = append(edges, e)
	}
	return edges
}

var called = regexp.MustCompile(`^(\w+)\((.+)\)$`)

// statistic makes the plan of a column: mean(hba1c), proportion(smoker). One with the
// name of a key of bands is of the same number.
func (raw *rawTable) statistic(t *testing.T, i int, column string) *plan.Node {
	t.Helper()
	m := called.FindStringSubmatch(column)
	if m == nil {
		t.Fatalf("%q is no statistic: write mean(hba1c)", column)
	}
	var of *plan.Node
	op := map[string]string{"mean": "Mean", "SD": "SD", "sum": "Sum", "median": "Median", "quartiles": "Quartiles", "box": "Box",
		"count": "Count", "proportion": "Proportion", "shares": "Shares", "rate": "Count"}[m[1]]
	switch op {
	case "":
		t.Fatalf("no statistic %q", m[1])
	case "Count", "Proportion":
		of = then(t, root(t, "Drug", i+1), "Exists")
	case "Shares":
		of = then(t, then(t, root(t, "Drug", i+1), "First"), "Concept")
	default:
		of = then(t, root(t, "Drug", i+1), "Occurrences")
	}
	var err error
	if slices.Contains(raw.keys, m[2]) {
		of = root(t, "Age")
	} else if of, err = of.As(strings.TrimSuffix(m[2], "*")); err != nil {
		t.Fatal(err)
	}
	n := then(t, of, op)
	if op != "Quartiles" && op != "Box" && op != "Shares" {
		if n, err = n.As(column); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// members are so many invented participants of a group; groups of different
// numbers have none in common.
func members(group int, n int64) []int32 {
	out := make([]int32, n)
	for i := range out {
		out[i] = int32(group)*100_000 + int32(i)
	}
	return out
}

func setOf(participants []int32) tally.Set {
	s := tally.Set{Participants: int64(len(participants)), Rows: int64(len(participants))}
	for _, p := range participants {
		one := tally.PrintOf(p)
		s.Print[0] += one[0]
		s.Print[1] += one[1]
	}
	return s
}

// fill counts each row's participants. A total has those of the groups that it is
// over; in a table where a participant can be in several groups it has as many as
// it says.
func (raw *rawTable) fill(t *testing.T, table *tally.Table) {
	t.Helper()
	several := slices.ContainsFunc(table.Keys, func(k tally.Key) bool { return !k.Additive })
	for i, r := range raw.rows {
		g := tally.Group{Labels: r.labels}
		if slices.Contains(r.labels, plan.Total) && !several {
			g.All = raw.over(table, r)
			if g.All.Participants != r.participants {
				t.Fatalf("%v: the total is %d, and its groups add to %d", r.labels, r.participants, g.All.Participants)
			}
		} else {
			group := i + 1
			if several {
				group = 0
			}
			g.All = setOf(members(group, r.participants))
		}
		for j, cell := range r.cells {
			g.Values = append(g.Values, raw.value(t, table.Stats[j].Op(), raw.stats[j], cell, r, i))
		}
		table.Groups = append(table.Groups, g)
	}
	for i := range table.Groups {
		if total := &table.Groups[i]; slices.Contains(total.Labels, plan.Total) && !several {
			for j := range total.Values {
				total.Values[j] = merged(t, table, total, j)
			}
		}
	}
}

// isOver says whether labels are those of a total over the group.
func isOver(total, labels []string) bool {
	for i := range labels {
		if total[i] != plan.Total && total[i] != labels[i] {
			return false
		}
	}
	return true
}

// merged is the value of a total: of the groups that it is over, as the file says.
func merged(t *testing.T, table *tally.Table, total *tally.Group, stat int) tally.Value {
	t.Helper()
	var v tally.Value
	for i := range table.Groups {
		g := &table.Groups[i]
		if !slices.Contains(g.Labels, plan.Total) && isOver(total.Labels, g.Labels) {
			one := g.Values[stat]
			v.Merge(&one)
			v.Sorted = append(v.Sorted, one.Sorted...)
		}
	}
	slices.Sort(v.Sorted)
	said := &total.Values[stat]
	if said.Known.Participants != v.Known.Participants || said.True.Participants != v.True.Participants ||
		math.Abs(said.Sum-v.Sum) > 0.01*math.Abs(v.Sum) {
		t.Fatalf("%v: the total of %s is not that of its groups: %d of %d, sum %g", total.Labels, table.Stats[stat].Name(), v.True.Participants, v.Known.Participants, v.Sum)
	}
	return v
}

// over is the participants of the groups that a total is over.
func (raw *rawTable) over(table *tally.Table, total rawRow) tally.Set {
	var s tally.Set
	for i, r := range raw.rows {
		if !slices.Contains(r.labels, plan.Total) && isOver(total.labels, r.labels) {
			s.Add(setOf(members(i+1, r.participants)))
		}
	}
	return s
}

var values = regexp.MustCompile(`^(-?[\d.]+) of (\d+)(?:, largest ([\d.]+) and ([\d.]+)|, (\d+) have (-?[\d.]+) and (\d+) have (-?[\d.]+)|, (\d+) years|, to (0\.0*1))?$`)

// value reads what a statistic is computed from:
//
//	40 of 100                              40 for whom it is true of 100 with a value; or the mean 40 of 100
//	5000 of 100, largest 900 and 800       the sum 5000 of 100, of which these are the two largest
//	0.4 of 100, 60 have 0 and 40 have 1    the mean of values of which these are the lowest and the highest
//	7.1 of 100, to 0.1                     the mean of values that have a decimal
//	40 of 500, 1000 years                  events of those at risk, and their person-years
//	values 1 to 100                        100 participants with 1, 2, … 100
//	A 50, B 30, C 3                        the participants of each label
//	–                                      nobody has a value
func (raw *rawTable) value(t *testing.T, op, stat, cell string, r rawRow, at int) tally.Value {
	t.Helper()
	if cell == none {
		return tally.Value{}
	}
	var first, last int64
	if n, _ := fmt.Sscanf(cell, "values %d to %d", &first, &last); n == 2 {
		return spread(at, first, last)
	}
	if op == "Shares" {
		return parts(t, cell, at, strings.HasSuffix(stat, "*)"))
	}
	m := values.FindStringSubmatch(cell)
	if m == nil {
		t.Fatalf("%v: %q is no value of %s", r.labels, cell, op)
	}
	x, known := decimal(m[1]), members(at+1, number(t, m[2]))
	v := tally.Value{Known: setOf(known), Decimals: max(0, len(m[10])-2)}
	n := float64(len(known))
	switch op {
	case "Count", "Proportion", "Rate":
		v.True = setOf(known[:int(x)])
		v.Sum = 365.25 * decimal(m[9])
		v.Absolute, v.Largest = v.Sum, [2]float64{v.Sum / n, v.Sum / n}
		return v
	case "Mean":
		v.Sum = x * n
	case "SD":
		v.Squares = x * x * (n - 1)
	case "Sum":
		v.Sum = x
	}
	v.Absolute = math.Abs(v.Sum)
	v.Largest = [2]float64{v.Absolute / n, v.Absolute / n}
	v.Low, v.High = tally.End{Value: x - 1, At: setOf(known[:1])}, tally.End{Value: x + 1, At: setOf(known[len(known)-1:])}
	if m[3] != "" {
		v.Largest = [2]float64{decimal(m[3]), decimal(m[4])}
	}
	if m[5] != "" {
		low, high := number(t, m[5]), number(t, m[7])
		v.Low = tally.End{Value: decimal(m[6]), At: setOf(known[:low])}
		v.High = tally.End{Value: decimal(m[8]), At: setOf(known[int64(len(known))-high:])}
	}
	return v
}

func decimal(s string) float64 {
	x, _ := strconv.ParseFloat(s, 64)
	return x
}

func spread(at int, first, last int64) tally.Value {
	v := tally.Value{Known: setOf(members(at+1, last-first+1))}
	for x := first; x <= last; x++ {
		v.Sorted = append(v.Sorted, float64(x))
		v.Sum += float64(x)
		v.Absolute += math.Abs(float64(x))
		v.Contribute(math.Abs(float64(x)))
	}
	v.Low, v.High = tally.End{Value: float64(first), At: setOf(members(at+1, 1))}, tally.End{Value: float64(last), At: setOf(members(at+1, last-first+1)[last-first:])}
	mean := v.Mean()
	for _, x := range v.Sorted {
		v.Squares += (x - mean) * (x - mean)
	}
	return v
}

func parts(t *testing.T, cell string, at int, open bool) tally.Value {
	t.Helper()
	v := tally.Value{Open: open}
	whole := members(at+1, 100_000)
	for part := range strings.SplitSeq(cell, ", ") {
		space := strings.LastIndex(part, " ")
		label, n := part[:space], part[space+1:]
		set := setOf(whole[:number(t, n)])
		whole = whole[set.Participants:]
		v.Labels, v.Parts = append(v.Labels, label), append(v.Parts, set)
		v.Known.Add(set)
	}
	return v
}
