package engine

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// The benchmarks' repository is invented: measurements of 5,000 analytes, of which
// the commonest makes 2% of the rows and the rarest 0.002%, 100 to a participant;
// conditions, 8 to a participant. A participant's rows depend on the participant's
// index alone, so that a larger repository begins with the smaller one.
//
// Data are made once, in $WEIR_BENCH_DIR or the user's cache:
//
//	engine-EDITION-ROWS/repository/   as store has it
//	engine-EDITION-ROWS/made          how long that took
//	engine-EDITION-ROWS-peers/        the same rows for DuckDB and Polars, by testdata/bench.py
//
// Each of the two folders is renamed to its place when it is complete.
const (
	benchEdition = 1 // another one for other data of the same size
	benchSeed    = 20220701
	rowsEach     = 100
	benchCutOff  = "2022-07-01"
	benchDays    = 3650 // before the cut-off
)

var benchUnits = []string{"mg/dL", "%", "mmol/L", "g/dL", "U/L", "10*3/uL", "mm[Hg]", "kg"}

const (
	firstUnit    = 8_840
	firstAnalyte = 3_000_000
	firstDisease = 4_000_000
	female, male = 45_878_463, 45_880_669
	firstRace    = 8_515
	races        = 5
)

func unitID(i int) int32 { return int32(firstUnit + i%len(benchUnits)) }

// popularity draws concepts in proportion to (rank + 11.9)^-1.16 (Zipf and
// Mandelbrot), by Walker's alias method.
type popularity struct {
	ids    []int32 // ascending
	ranked []int32 // the commonest first
	cut    []uint32
	alias  []int32
}

func newPopularity(first, n int) *popularity {
	p := &popularity{cut: make([]uint32, n), alias: make([]int32, n)}
	rank := rand.New(rand.NewPCG(benchSeed, uint64(first))).Perm(n)
	p.ranked = make([]int32, n)
	weights, sum := make([]float64, n), 0.0
	for i := range n {
		id := int32(first + 7*i)
		p.ids = append(p.ids, id)
		p.ranked[rank[i]] = id
		weights[i] = math.Pow(float64(rank[i])+12.9, -1.16)
		sum += weights[i]
	}
	var less, more []int
	for i := range weights {
		weights[i] *= float64(n) / sum
		if weights[i] < 1 {
			less = append(less, i)
		} else {
			more = append(more, i)
		}
	}
	for len(less) > 0 && len(more) > 0 {
		l, m := less[len(less)-1], more[len(more)-1]
		less = less[:len(less)-1]
		p.cut[l], p.alias[l] = uint32(weights[l]*math.MaxUint32), int32(m)
		if weights[m] -= 1 - weights[l]; weights[m] < 1 {
			more, less = more[:len(more)-1], append(less, m)
		}
	}
	for _, i := range append(less, more...) {
		p.alias[i] = int32(i)
	}
	return p
}

func (p *popularity) draw(r *rand.PCG) int32 {
	x := r.Uint64()
	i := int(x >> 32 * uint64(len(p.ids)) >> 32)
	if uint32(x) >= p.cut[i] {
		i = int(p.alias[i])
	}
	return p.ids[i]
}

var (
	analytes = newPopularity(firstAnalyte, 5000)
	diseases = newPopularity(firstDisease, 1000)
)

// benchTables are the tables with participants; their columns are those of benchStride.
var benchTables = []struct {
	name   string
	fields []store.Field
}{
	{"person", []store.Field{
		{Name: "participant", Type: store.Integer},
		{Name: "birth_date", Type: store.Date},
		{Name: "sex_at_birth_concept_id", Type: store.Concept, Concepts: []int32{store.Missing, female, male}},
		{Name: "race_concept_id", Type: store.Concept, Concepts: []int32{firstRace, firstRace + 1, firstRace + 2, firstRace + 3, firstRace + 4}},
	}},
	{"condition_occurrence", []store.Field{
		{Name: "participant", Type: store.Integer},
		{Name: "condition_concept_id", Type: store.Concept, Indexed: true, Concepts: diseases.ids},
		{Name: "condition_start_date", Type: store.Date},
	}},
	{"measurement", []store.Field{
		{Name: "participant", Type: store.Integer},
		{Name: "measurement_concept_id", Type: store.Concept, Indexed: true, Concepts: analytes.ids},
		{Name: "measurement_date", Type: store.Date},
		{Name: "value_as_number", Type: store.Float},
		{Name: "unit_concept_id", Type: store.Concept, Concepts: unitIDs()},
	}},
}

func unitIDs() []int32 {
	ids := []int32{store.Missing}
	for i := range benchUnits {
		ids = append(ids, unitID(i))
	}
	return ids
}

// benchStride is the rows of the participants of stride k, by table and column.
func benchStride(k, participants int) [][]any {
	r := rand.NewPCG(benchSeed, uint64(k))
	d := rand.New(r)
	var who, birth, sex, race []int32
	var sick, disease, onset []int32
	whose := make([]int32, 0, store.Stride*rowsEach*21/20)
	analyte, day, unit := slices.Clone(whose), slices.Clone(whose), slices.Clone(whose)
	value := make([]float64, 0, cap(whose))
	cutOff := benchDay(benchCutOff)
	days := func(n int) []int32 {
		out := make([]int32, n)
		for i := range out {
			out[i] = cutOff - int32(d.IntN(benchDays))
		}
		slices.Sort(out)
		return out
	}
	for p := k * store.Stride; p < min((k+1)*store.Stride, participants); p++ {
		p := int32(p)
		who = append(who, p)
		birth = append(birth, benchDay("1930-01-01")+int32(d.IntN(75*365)))
		sex = append(sex, []int32{female, male, store.Missing}[min(d.IntN(201)/100, 2)])
		race = append(race, firstRace+int32(d.IntN(races)))
		for _, on := range days(d.IntN(17)) {
			sick, disease, onset = append(sick, p), append(disease, diseases.draw(r)), append(onset, on)
		}
		for _, on := range days(1 + d.IntN(2*rowsEach-1)) {
			id := analytes.draw(r)
			whose, analyte, day = append(whose, p), append(analyte, id), append(day, on)
			value, unit = append(value, benchValue(d, id)), append(unit, benchUnit(d, id))
		}
	}
	return [][]any{{who, birth, sex, race}, {sick, disease, onset}, {whose, analyte, day, value, unit}}
}

// benchValue has one decimal and a mean by analyte; one in 20 is missing.
func benchValue(d *rand.Rand, analyte int32) float64 {
	if d.IntN(20) == 0 {
		return math.NaN()
	}
	mean := 20 + 10*float64(analyte%20)
	return math.Round(mean*(10+2*d.NormFloat64())) / 10
}

// benchUnit is an analyte's own unit for nine rows in ten, then another or none.
func benchUnit(d *rand.Rand, analyte int32) int32 {
	switch d.IntN(20) {
	case 0:
		return store.Missing
	case 1:
		return unitID(int(analyte) + 1)
	}
	return unitID(int(analyte))
}

func benchDay(text string) int32 {
	t, err := time.Parse(time.DateOnly, text)
	if err != nil {
		panic(err)
	}
	return int32(t.Unix() / 86400)
}

// benchStrides makes the strides on all processors and yields them in order.
func benchStrides(participants int) iter.Seq[[][]any] {
	return func(yield func([][]any) bool) {
		queue := make(chan chan [][]any, runtime.GOMAXPROCS(0))
		go func() {
			for k := range store.Strides(participants) {
				made := make(chan [][]any, 1)
				queue <- made
				go func() { made <- benchStride(k, participants) }()
			}
			close(queue)
		}()
		more := true
		for made := range queue {
			if s := <-made; more {
				more = yield(s)
			}
		}
	}
}

// makeRepository writes a repository of about so many measurements at dir.
func makeRepository(dir string, rows int) (err error) {
	participants := rows / rowsEach
	b, err := store.Create(dir, store.Manifest{
		Name: "bench", CDR: fmt.Sprintf("bench-%d", benchEdition), Tier: plan.Registered, CutOff: benchCutOff,
		Source: "invented for benchmarks", Participants: participants,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.Abort()) }()
	var tables []*benchWriter
	for _, t := range benchTables {
		w, err := b.Table(t.name, t.fields)
		if err != nil {
			return err
		}
		tables = append(tables, &benchWriter{w: w})
	}
	for s := range benchStrides(participants) {
		for i, t := range tables {
			if err := t.write(s[i]); err != nil {
				return err
			}
		}
	}
	for _, t := range tables {
		if err := errors.Join(t.flush(), t.w.Close()); err != nil {
			return err
		}
	}
	if err := writeBenchVocabulary(b); err != nil {
		return err
	}
	return b.Commit()
}

// benchWriter gathers strides to record batches of the size that curate writes.
type benchWriter struct {
	w       *store.Writer
	pending []any
	rows    int
}

func (b *benchWriter) write(columns []any) error {
	if b.pending == nil {
		b.pending = make([]any, len(columns))
	}
	for i, c := range columns {
		switch c := c.(type) {
		case []int32:
			old, _ := b.pending[i].([]int32)
			b.pending[i] = append(old, c...)
			b.rows = len(old) + len(c)
		case []float64:
			old, _ := b.pending[i].([]float64)
			b.pending[i] = append(old, c...)
		}
	}
	if b.rows < 1<<16 {
		return nil
	}
	return b.flush()
}

func (b *benchWriter) flush() error {
	if b.rows == 0 {
		return nil
	}
	err := b.w.Write(b.pending...)
	for i, c := range b.pending {
		switch c := c.(type) {
		case []int32:
			b.pending[i] = c[:0]
		case []float64:
			b.pending[i] = c[:0]
		}
	}
	b.rows = 0
	return err
}

// writeBenchVocabulary names every concept. A name ends in the concept's id.
func writeBenchVocabulary(b *store.Builder) error {
	type concept struct {
		id                             int32
		name, domain, vocabulary, code string
	}
	var all []concept
	for i, u := range benchUnits {
		all = append(all, concept{unitID(i), fmt.Sprint("unit ", unitID(i)), "Unit", "UCUM", u})
	}
	for _, id := range []int32{female, male} {
		all = append(all, concept{id, fmt.Sprint("sex ", id), "Gender", "PPI", fmt.Sprint(id)})
	}
	for i := range int32(races) {
		all = append(all, concept{firstRace + i, fmt.Sprint("race ", firstRace+i), "Race", "Race", fmt.Sprint(i)})
	}
	for _, id := range analytes.ids {
		all = append(all, concept{id, fmt.Sprint("analyte ", id), "Measurement", "LOINC", fmt.Sprint(id)})
	}
	for _, id := range diseases.ids {
		all = append(all, concept{id, fmt.Sprint("disease ", id), "Condition", "SNOMED", fmt.Sprint(id)})
	}
	slices.SortFunc(all, func(a, b concept) int { return int(a.id) - int(b.id) })
	fields := []store.Field{{Name: "concept_id", Type: store.Integer}}
	ids := make([]int32, len(all))
	columns := []any{ids}
	for _, name := range []string{"concept_name", "domain_id", "vocabulary_id", "concept_class_id", "concept_code", "standard_concept"} {
		labels, codes := map[string]int32{}, make([]int32, len(all))
		f := store.Field{Name: name, Type: store.Label}
		for i, c := range all {
			ids[i] = c.id
			text := map[string]string{"concept_name": c.name, "domain_id": c.domain, "vocabulary_id": c.vocabulary,
				"concept_class_id": "Invented", "concept_code": c.code, "standard_concept": "S"}[name]
			if _, ok := labels[text]; !ok {
				labels[text] = int32(len(f.Labels))
				f.Labels = append(f.Labels, text)
			}
			codes[i] = labels[text]
		}
		fields, columns = append(fields, f), append(columns, codes)
	}
	w, err := b.Table("concept", fields)
	if err != nil {
		return err
	}
	return errors.Join(w.Write(columns...), w.Close())
}

// benchFolder is where the data of so many rows are, or are to be.
func benchFolder(rows int) (string, error) {
	dir := os.Getenv("WEIR_BENCH_DIR")
	if dir == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return "", fmt.Errorf("%w: name a folder for the benchmarks' data in $WEIR_BENCH_DIR", err)
		}
		dir = filepath.Join(cache, "weir-bench")
	}
	return filepath.Join(dir, fmt.Sprintf("engine-%d-%d", benchEdition, rows)), os.MkdirAll(dir, 0o755)
}

// Rows of the sizes that are measured: what can be had at once, what is meant,
// and what takes long.
const (
	quickRows = 5_000_000
	fullRows  = 50_000_000
	longRows  = 500_000_000
)

// benchRows is how many rows to measure with: as many as are meant, unless they
// would have to be made and that would take longer than a minute.
func benchRows(t testing.TB) int {
	t.Helper()
	if os.Getenv("LONG") != "" || isMade(fullRows, "") && isMade(fullRows, "-peers") {
		return fullRows
	}
	benchPeers(t, quickRows)
	took := makingTime(t, quickRows) * fullRows / quickRows
	if err := room(fullRows); err != nil || took > time.Minute {
		t.Logf("%d rows: %d would take %v to be made (LONG=1 makes them) (%v)", quickRows, fullRows, took.Round(time.Second), err)
		return quickRows
	}
	return fullRows
}

// isMade says whether the folder of so many rows is here, or with "-peers" that of
// the peers.
func isMade(rows int, whose string) bool {
	dir, err := benchFolder(rows)
	if err == nil {
		_, err = os.Stat(dir + whose)
	}
	return err == nil
}

// makingTime is how long it took to make the data of so many rows, the peers' too.
func makingTime(t testing.TB, rows int) (sum time.Duration) {
	t.Helper()
	dir, err := benchFolder(rows)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, dir + "-peers"} {
		b, err := os.ReadFile(filepath.Join(d, "made"))
		if err != nil {
			t.Fatal(err)
		}
		took, err := time.ParseDuration(strings.TrimSpace(string(b)))
		if err != nil {
			t.Fatal(err)
		}
		sum += took
	}
	return sum
}

// room says whether data of so many rows may be made: 32 bytes a row are ours, 64
// the peers', who have none of long ones, and 16 more are for a while.
func room(rows int) error {
	dir, err := benchFolder(rows)
	if err != nil {
		return err
	}
	need := uint64(rows) * 112
	if rows >= longRows {
		need = uint64(rows) * 48
	}
	var disk unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(dir), &disk); err != nil {
		return err
	}
	if free := disk.Bavail * uint64(disk.Bsize); free < need {
		return fmt.Errorf("%d rows are made with %.1f GB of disk free, and %.1f are: name another folder in $WEIR_BENCH_DIR", rows, float64(need)/1e9, float64(free)/1e9)
	}
	return nil
}

// makeOnce fills dir if it is not there: make writes to a folder beside it, which is
// then renamed.
func makeOnce(t testing.TB, dir string, rows int, make func(dir string) error) {
	t.Helper()
	if _, err := os.Stat(dir); err == nil {
		return
	}
	if err := room(rows); err != nil {
		t.Skip(err)
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), "."+filepath.Base(dir)+".making-")
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if err := make(temp); err != nil {
		t.Fatal(errors.Join(err, os.RemoveAll(temp)))
	}
	took := time.Since(start).String()
	if err := os.WriteFile(filepath.Join(temp, "made"), []byte(took+"\n"), 0o644); err != nil {
		t.Fatal(errors.Join(err, os.RemoveAll(temp)))
	}
	if err := os.Rename(temp, dir); err != nil {
		err = errors.Join(err, os.RemoveAll(temp))
		if _, exists := os.Stat(dir); exists != nil { // no other process was faster
			t.Fatal(err)
		}
	}
	t.Logf("%s was made in %s", dir, took)
}

// benchRepository is the repository of so many rows, made if it must be.
func benchRepository(t testing.TB, rows int) string {
	t.Helper()
	dir, err := benchFolder(rows)
	if err != nil {
		t.Fatal(err)
	}
	makeOnce(t, dir, rows, func(dir string) error { return makeRepository(filepath.Join(dir, "repository"), rows) })
	return filepath.Join(dir, "repository")
}

// benchPeers is the folder of the same rows for the peers, made if it must be.
func benchPeers(t testing.TB, rows int) string {
	t.Helper()
	python, repository := benchPython(t), benchRepository(t, rows)
	dir := filepath.Dir(repository) + "-peers"
	makeOnce(t, dir, rows, func(dir string) error { return makePeers(python, repository, dir) })
	return dir
}

func makePeers(python, repository, dir string) error {
	if out, err := exec.Command(python, "testdata/bench.py", "make", repository, dir).CombinedOutput(); err != nil {
		return fmt.Errorf("testdata/bench.py make: %w\n%s", err, out)
	}
	return nil
}

// benchPython is the Python with DuckDB and Polars. Without one the test is
// skipped by name, or fails where everything is required.
func benchPython(t testing.TB) string {
	t.Helper()
	python := os.Getenv("WEIR_PYTHON")
	if python == "" && os.Getenv("WEIR_REQUIRE_ALL") != "" {
		t.Fatal("$WEIR_PYTHON is not set")
	}
	if python == "" {
		t.Skip("$WEIR_PYTHON is not set: there is no DuckDB to compare with")
	}
	return python
}

// TestBenchData: the same recipe makes the same bytes, however many processors
// make them, and a smaller repository is the beginning of a larger one.
func TestBenchData(t *testing.T) {
	hashes := func(workers int) (out []string) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(workers))
		dir := filepath.Join(t.TempDir(), "r")
		if err := makeRepository(dir, 900_000); err != nil {
			t.Fatal(err)
		}
		r, err := store.Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range r.Tables {
			out = append(out, i.Name+" "+i.SHA256)
		}
		return out
	}
	if one, two := hashes(1), hashes(2); !slices.Equal(one, two) {
		t.Errorf("one processor made %v, two %v", one, two)
	}
	small, large := benchStride(1, store.Stride+9), benchStride(1, 2*store.Stride)
	for table := range small {
		for c := range small[table] {
			s, l := fmt.Sprint(small[table][c]), fmt.Sprint(large[table][c])
			if s = strings.TrimSuffix(s, "]"); len(s) < 10 || !strings.HasPrefix(l, s) {
				t.Errorf("table %s, column %d: another participant changes it", benchTables[table].name, c)
			}
		}
	}
}
