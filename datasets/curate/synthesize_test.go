package curate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"weir/datasets/plan"
	"weir/datasets/store"
)

func TestMain(m *testing.M) {
	if places := os.Getenv(importerName); places != "" {
		os.Exit(importAndEnd(places))
	}
	code := m.Run()
	os.RemoveAll(shared.dir)
	os.Exit(code)
}

// shared is a repository that several tests read.
var shared struct {
	once sync.Once
	dir  string
	err  error
}

const sharedParticipants = 40_000

func synthetic(t *testing.T) *store.Repository {
	t.Helper()
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "curate-"); shared.err == nil {
			shared.err = Synthesize(t.Context(), filepath.Join(shared.dir, "r"), SynthesizeOptions{Participants: sharedParticipants}, nil)
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return open(t, filepath.Join(shared.dir, "r"))
}

func open(t testing.TB, dir string) *store.Repository {
	t.Helper()
	r, err := store.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// whole is all of a table in memory.
func whole(t testing.TB, r *store.Repository, name string) *columns {
	t.Helper()
	table, err := r.Table(name)
	if err != nil {
		t.Fatal(err)
	}
	out := newColumns(&shape{name: name, fields: table.Fields})
	for i := range table.Batches {
		b := &table.Batches[i]
		part := newColumns(out.shape)
		part.count = b.Rows
		for f, field := range table.Fields {
			part.ints[f], part.nums[f] = b.Int32(field.Name), b.Float64(field.Name)
			if field.Type == store.Concept {
				part.ints[f] = table.Decoded(b, field.Name)
			}
		}
		out.appendRows(part, 0, part.count)
	}
	return out
}

func (c *columns) at(name string) int {
	return slices.IndexFunc(c.shape.fields, func(f store.Field) bool { return f.Name == name })
}

func (c *columns) int32s(name string) []int32     { return c.ints[c.at(name)] }
func (c *columns) float64s(name string) []float64 { return c.nums[c.at(name)] }

func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, e := range entries {
		if out[e.Name()], err = os.ReadFile(filepath.Join(dir, e.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestDeterministic: the same options make the same bytes on one processor and on
// two; another seed makes others.
func TestDeterministic(t *testing.T) {
	build := func(processors int, seed uint64) map[string][]byte {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(processors))
		dir := filepath.Join(t.TempDir(), "r")
		o := SynthesizeOptions{Participants: 2*store.Stride + 100, Seed: seed}
		if err := Synthesize(t.Context(), dir, o, nil); err != nil {
			t.Fatal(err)
		}
		return files(t, dir)
	}
	one, two, other := build(1, 7), build(2, 7), build(2, 8)
	if len(one) != 26 || len(two) != len(one) { // 15 tables of participants, 2 of the vocabulary, 8 indexes, the manifest
		t.Fatalf("%d and %d files", len(one), len(two))
	}
	for name, b := range one {
		if !bytes.Equal(b, two[name]) {
			t.Errorf("%s is not the same on two processors", name)
		}
		if strings.HasPrefix(name, "concept") || name == "manifest.json" {
			continue
		}
		if bytes.Equal(b, other[name]) {
			t.Errorf("%s is the same with another seed", name)
		}
	}
}

// TestOrder: rows stand by participant and date, no row is outside a life, all
// that is in the health record is inside its period.
func TestOrder(t *testing.T) {
	r := synthetic(t)
	born := whole(t, r, "person").int32s("birth_date")
	died := map[int32]int32{}
	deaths := whole(t, r, "death")
	for i, p := range deaths.int32s("participant") {
		died[p] = deaths.int32s("death_date")[i]
	}
	from, until := map[int32]int32{}, map[int32]int32{}
	periods := whole(t, r, "observation_period")
	for i, p := range periods.int32s("participant") {
		from[p], until[p] = periods.ints[1][i], periods.ints[2][i]
	}
	for _, info := range r.Tables {
		s := shapeOf(info.Name)
		c := whole(t, r, info.Name)
		if !s.participants || c.date < 0 || info.Name == "person" {
			continue
		}
		ehr := strings.HasSuffix(info.Name, "_occurrence") || strings.HasSuffix(info.Name, "_exposure") || info.Name == "measurement"
		days, participants := c.ints[c.date], c.ints[0]
		for i, p := range participants {
			last, dead := died[p]
			switch {
			case i > 0 && (participants[i-1] > p || participants[i-1] == p && days[i-1] > days[i]):
				t.Fatalf("%s: row %d is out of order", info.Name, i)
			case days[i] < born[p]+18*365 || days[i] > cutOff || dead && days[i] > last:
				t.Fatalf("%s: row %d is outside a life", info.Name, i)
			case ehr && (days[i] < from[p] || days[i] > until[p]):
				t.Fatalf("%s: row %d is outside the observation period", info.Name, i)
			}
		}
	}
}

// TestConcepts: every concept id in a table is in the vocabulary, and every
// concept is its own ancestor at level 0.
func TestConcepts(t *testing.T) {
	r := synthetic(t)
	known := map[int32]bool{store.Missing: true}
	concepts := whole(t, r, "concept").int32s("concept_id")
	for _, id := range concepts {
		known[id] = true
	}
	for _, info := range r.Tables {
		c := whole(t, r, info.Name)
		for f, field := range info.Fields {
			if !strings.HasSuffix(field.Name, "concept_id") {
				continue
			}
			for _, id := range c.ints[f] {
				if !known[id] {
					t.Fatalf("%s.%s: %d is not in the vocabulary", info.Name, field.Name, id)
				}
			}
		}
	}
	a := whole(t, r, "concept_ancestor")
	self := 0
	for i, id := range a.ints[0] {
		if a.ints[1][i] == id {
			if a.ints[2][i] != 0 {
				t.Errorf("%d is %d levels above itself", id, a.ints[2][i])
			}
			self++
		}
	}
	if self != len(concepts) {
		t.Errorf("%d of %d concepts are their own ancestors", self, len(concepts))
	}
	for _, want := range [][3]int32{{201820, 201826, 1}, {201820, 443238, 2}, {21600712, 1503297, 2}, {21601853, 1539411, 4}, {201826, 443731, 2}, {442793, 443731, 2}} {
		if !slices.ContainsFunc(rowsOf(a), func(r [3]int32) bool { return r == want }) {
			t.Errorf("concept_ancestor lacks %v", want)
		}
	}
}

func rowsOf(c *columns) (out [][3]int32) {
	for i := range c.count {
		out = append(out, [3]int32{c.ints[0][i], c.ints[1][i], c.ints[2][i]})
	}
	return out
}

// having are the participants with a concept or a descendant of it.
func having(t *testing.T, r *store.Repository, table, field string, ancestor int32) map[int32]int32 {
	t.Helper()
	in := map[int32]bool{}
	a := whole(t, r, "concept_ancestor")
	for i, id := range a.ints[0] {
		if id == ancestor {
			in[a.ints[1][i]] = true
		}
	}
	first := map[int32]int32{}
	c := whole(t, r, table)
	for i, id := range c.int32s(field) {
		p := c.ints[0][i]
		if _, seen := first[p]; in[id] && !seen {
			first[p] = c.ints[c.date][i]
		}
	}
	return first
}

// TestPrevalence: shares of the participants lie where a cohort of volunteers has
// them. Each range is more than 10 standard errors wide to either side of what
// the generator aims at.
func TestPrevalence(t *testing.T) {
	r := synthetic(t)
	for _, x := range []struct {
		name         string
		table, field string
		concept      int32
		low, high    float64
	}{
		{"type 2 diabetes", "condition_occurrence", "condition_concept_id", 201826, 0.08, 0.14},
		{"type 1 diabetes", "condition_occurrence", "condition_concept_id", 201254, 0.003, 0.012},
		{"hypertension", "condition_occurrence", "condition_concept_id", 316866, 0.22, 0.38},
		{"heart failure", "condition_occurrence", "condition_concept_id", 316139, 0.02, 0.06},
		{"atrial fibrillation", "condition_occurrence", "condition_concept_id", 313217, 0.02, 0.05},
		{"rheumatoid arthritis", "condition_occurrence", "condition_concept_id", 80809, 0.005, 0.03},
		{"depression", "condition_occurrence", "condition_concept_id", 440383, 0.12, 0.24},
		{"cancer", "condition_occurrence", "condition_concept_id", 443392, 0.05, 0.15},
		{"statins", "drug_exposure", "drug_concept_id", 21601855, 0.1, 0.25},
		{"metformin", "drug_exposure", "drug_concept_id", 1503297, 0.05, 0.11},
		{"insulin", "drug_exposure", "drug_concept_id", 21600713, 0.01, 0.03},
		{"general health answered", "ds_survey", "question_concept_id", 1585711, 0.95, 0.99},
		{"100 cigarettes", "ds_survey", "answer_concept_id", 1585858, 0.3, 0.45},
	} {
		share := float64(len(having(t, r, x.table, x.field, x.concept))) / sharedParticipants
		if share < x.low || share > x.high {
			t.Errorf("%s: %.4f is not from %g to %g", x.name, share, x.low, x.high)
		}
	}
	for _, x := range []struct {
		table     string
		low, high float64
	}{{"observation_period", 0.78, 0.82}, {"activity_summary", 0.13, 0.17}, {"death", 0.02, 0.05}} {
		c := whole(t, r, x.table)
		share := float64(len(slices.Compact(slices.Clone(c.ints[0])))) / sharedParticipants
		if share < x.low || share > x.high {
			t.Errorf("%s: %.4f of the participants", x.table, share)
		}
	}
}

// TestVolume: 100,000 participants have 8 to 12.5 million rows, 2 to 3 million of
// them days of activity.
func TestVolume(t *testing.T) {
	rows, days := int64(0), int64(0)
	for _, info := range synthetic(t).Tables {
		rows += info.Rows
		if info.Name == "activity_summary" {
			days = info.Rows
		}
	}
	if r, d := rows/sharedParticipants, days/sharedParticipants; r < 80 || r > 125 || d < 20 || d > 30 {
		t.Errorf("%d rows and %d days of activity a participant", r, d)
	}
}

// TestRare: each rare condition has exactly the participants that it is given.
func TestRare(t *testing.T) {
	r := synthetic(t)
	v, err := parseVocabulary(vocabularyText)
	if err != nil {
		t.Fatal(err)
	}
	few := 0
	for k, id := range v.lists["rare"] {
		if got := len(having(t, r, "condition_occurrence", "condition_concept_id", id)); got != rareCounts[k] {
			t.Errorf("%d: %d participants, not %d", id, got, rareCounts[k])
		}
		if rareCounts[k] <= 20 {
			few++
		}
	}
	if few < 30 || len(v.lists["rare"]) != len(rareCounts) {
		t.Errorf("%d concepts with 1 to 20 participants, %d counts for %d concepts", few, len(rareCounts), len(v.lists["rare"]))
	}
}

// TestValues: HbA1c is higher in diabetes and falls after metformin; most values
// are in per cent, some in mmol/mol and some without a unit; values are missing.
func TestValues(t *testing.T) {
	r := synthetic(t)
	diabetic := having(t, r, "condition_occurrence", "condition_concept_id", 201820)
	metformin := having(t, r, "drug_exposure", "drug_concept_id", 1503297)
	hypertensive := having(t, r, "condition_occurrence", "condition_concept_id", 316866)
	m := whole(t, r, "measurement")
	means, units := map[string]*mean{}, map[int32]int{}
	hba1c, lacking := 0, 0
	for i, id := range m.int32s("measurement_concept_id") {
		p, day, x := m.ints[0][i], m.ints[m.date][i], m.float64s("value_as_number")[i]
		if math.IsNaN(x) {
			lacking++
			continue
		}
		since, is := diabetic[p]
		start, treated := metformin[p]
		switch {
		case id == 3004410:
			hba1c++
			unit := m.int32s("unit_concept_id")[i]
			units[unit]++
			if unit != percent || x > 20 {
				continue
			}
			add(means, fmt.Sprintf("hba1c, diabetic %t", is && day >= since), x)
			if treated && day >= since {
				add(means, fmt.Sprintf("hba1c, after metformin %t", day > start+120), x)
			}
		case id == 3038553 && x < 100:
			add(means, fmt.Sprintf("bmi, diabetic %t", is), x)
		case id == 3004249 && x < 300:
			_, is := hypertensive[p]
			add(means, fmt.Sprintf("systolic, hypertensive %t", is), x)
		}
	}
	for _, x := range []struct {
		higher, lower string
		by            float64
	}{
		{"hba1c, diabetic true", "hba1c, diabetic false", 1.2},
		{"hba1c, after metformin false", "hba1c, after metformin true", 0.5},
		{"bmi, diabetic true", "bmi, diabetic false", 1},
		{"systolic, hypertensive true", "systolic, hypertensive false", 5},
	} {
		if h, l := means[x.higher].value(), means[x.lower].value(); !(h > l+x.by) {
			t.Errorf("%s: %.2f, %s: %.2f", x.higher, h, x.lower, l)
		}
	}
	for unit, want := range map[int32][2]float64{percent: {0.87, 0.93}, mmolMol: {0.05, 0.09}, missing: {0.02, 0.045}} {
		if share := float64(units[unit]) / float64(hba1c); share < want[0] || share > want[1] {
			t.Errorf("unit %d: %.3f of the values", unit, share)
		}
	}
	if share := float64(lacking) / float64(m.count); share < 0.015 || share > 0.025 {
		t.Errorf("%.4f of the values are missing", share)
	}
}

type mean struct {
	sum float64
	n   int
}

func (m *mean) value() float64 {
	if m == nil {
		return math.NaN()
	}
	return m.sum / float64(m.n)
}

func add(to map[string]*mean, name string, x float64) {
	if to[name] == nil {
		to[name] = new(mean)
	}
	to[name].sum += x
	to[name].n++
}

// TestTiers: a registered repository holds what the tier generalises nowhere; a
// controlled one has no day of birth but has causes of death.
func TestTiers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "c")
	if err := Synthesize(t.Context(), dir, SynthesizeOptions{Tier: plan.Controlled, Participants: 9000}, nil); err != nil {
		t.Fatal(err)
	}
	c, r := open(t, dir), synthetic(t)
	generalised := func(id int32) bool { return generalise(plan.Registered, id) != id }
	controlled, registered := whole(t, c, "person"), whole(t, r, "person")
	for _, f := range []string{"race_concept_id", "sex_at_birth_concept_id", "gender_identity_concept_id"} {
		for _, id := range registered.int32s(f) {
			if generalised(id) {
				t.Fatalf("registered %s holds %d", f, id)
			}
		}
		if !slices.ContainsFunc(controlled.int32s(f), generalised) {
			t.Errorf("controlled %s is generalised", f)
		}
	}
	for _, id := range whole(t, r, "ds_survey").int32s("answer_concept_id") {
		if generalised(id) {
			t.Fatalf("registered ds_survey holds %d", id)
		}
	}
	for _, day := range registered.int32s("birth_date") {
		if age := float64(cutOff-day) / 365.25; age >= oldest || age < 18 {
			t.Fatalf("a registered participant of %.1f years", age)
		}
	}
	old := false
	for _, day := range controlled.int32s("birth_date") {
		old = old || float64(cutOff-day)/365.25 > oldest
		if day != middleOfYear(day) {
			t.Fatal("a controlled birth is not on 15 June")
		}
	}
	if !old {
		t.Error("no controlled participant is 89 or older")
	}
	count := map[int32]int{}
	for _, s := range registered.int32s("state_of_residence_concept_id") {
		count[s]++
	}
	for s, n := range count {
		if s != stateSuppressed && n < fewestInState {
			t.Errorf("state %d has %d participants", s, n)
		}
	}
	if count[stateSuppressed] == 0 {
		t.Error("no state is suppressed")
	}
	if whole(t, c, "death").at("cause_concept_id") < 0 || whole(t, r, "death").at("cause_concept_id") >= 0 {
		t.Error("causes of death belong to the controlled tier")
	}
}

// TestPermutation: an index says nothing about when a participant was invented.
// Spearman's correlation of n pairs has the standard error 1/√n; beyond 5 of them
// is chance once in 1.7 million.
func TestPermutation(t *testing.T) {
	c := whole(t, synthetic(t), "participants")
	n := float64(c.count)
	sum, seen := 0.0, map[int32]bool{}
	for i, id := range c.int32s("person_id_low") {
		seen[id] = true
		sum += (float64(i) - (n-1)/2) * (float64(id-firstPersonID) - (n-1)/2)
	}
	if len(seen) != c.count {
		t.Errorf("%d participants have %d person_ids", c.count, len(seen))
	}
	if rho := sum / (n * (n*n - 1) / 12); math.Abs(rho) > 5/math.Sqrt(n) {
		t.Errorf("the correlation is %.4f", rho)
	}
}

func TestSynthesizeRefuses(t *testing.T) {
	for _, x := range []struct {
		o    SynthesizeOptions
		want string
	}{
		{SynthesizeOptions{Tier: plan.Public}, "holds no rows"},
		{SynthesizeOptions{Tier: "secret"}, "no tier"},
		{SynthesizeOptions{Participants: -1}, "participants"},
		{SynthesizeOptions{Participants: maxParticipants + 1}, "participants"},
	} {
		dir := filepath.Join(t.TempDir(), "r")
		err := Synthesize(t.Context(), dir, x.o, nil)
		if err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%+v: %v", x.o, err)
		}
		if left, _ := os.ReadDir(filepath.Dir(dir)); len(left) > 0 {
			t.Errorf("%+v: left %v", x.o, left)
		}
	}
}

// TestSynthesizeStops: cancelled half-way it leaves nothing behind.
func TestSynthesizeStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	parent := t.TempDir()
	err := Synthesize(ctx, filepath.Join(parent, "r"), SynthesizeOptions{Participants: 4 * store.Stride}, func(_ string, done, total int64) {
		if done >= total/2 {
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

func TestVocabularyIsStrict(t *testing.T) {
	const head = "@ Condition | SNOMED | Clinical Finding\n"
	for _, x := range []struct{ text, want string }{
		{head + "1 a: x\n\t\t2 b: y\n", "indented"},
		{head + "one a: x\n", "not «id code: name»"},
		{head + "1 a\n", "not «id code: name»"},
		{head + "1 a: x\n1 b: y\n", "twice"},
		{head + "1 a: x < 2\n", "not there"},
	} {
		if _, err := parseVocabulary(x.text); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%q: %v", x.text, err)
		}
	}
}

// BenchmarkSynthesize makes the default repository.
func BenchmarkSynthesize(b *testing.B) {
	rows := int64(0)
	for b.Loop() {
		dir := filepath.Join(b.TempDir(), "r")
		if err := Synthesize(b.Context(), dir, SynthesizeOptions{}, nil); err != nil {
			b.Fatal(err)
		}
		for _, t := range open(b, dir).Tables {
			rows += t.Rows
		}
		os.RemoveAll(dir)
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
