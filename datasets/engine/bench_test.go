package engine

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/datasets/tally"
)

// question is what the engine and its peers are asked.
type question struct {
	name   string
	plan   *plan.Node
	answer func(*tally.Table) [][]float64
	asked  map[string]any // its numbers, in the words of testdata/bench.py
	peers  []string       // the ways to ask it: the usual ones and those that were fastest
	slower []string       // others, which LONG measures too
}

// ways are the ways to ask that are measured.
func (q *question) ways() []string {
	if os.Getenv("LONG") != "" {
		return q.all()
	}
	return q.peers
}

func (q *question) all() []string { return slices.Concat(q.peers, q.slower) }

var questions = []question{
	countQuestion("A", false),
	countQuestion("B", true),
	meanQuestion("C_common", analytes.ranked[0]),
	meanQuestion("C_rare", analytes.ranked[len(analytes.ranked)-1]),
	cohortQuestion("D"),
}

// countQuestion is the distinct participants and the rows of each concept, of all
// rows or of those with a value and a day in a range.
func countQuestion(name string, narrow bool) question {
	events := begin("Measurement")
	if narrow {
		events = events.then("ValueBetween", 50.0, 150.0).
			then("OnOrAfter", begin("Day", 2015, 1, 1)).then("Before", begin("Day", 2018, 1, 1))
	}
	return question{
		name: name,
		plan: begin("Everyone").then("By", events.then("EachConcept")).then("Count").Node,
		answer: func(t *tally.Table) (rows [][]float64) {
			for _, g := range present(t) {
				rows = append(rows, []float64{conceptOf(g.Labels[0]), float64(g.All.Participants), float64(g.All.Rows)})
			}
			return rows
		},
		asked:  map[string]any{"low": 50, "high": 150, "from": "2015-01-01", "to": "2018-01-01"},
		peers:  []string{"duckdb distinct", "duckdb bits"},
		slower: []string{"duckdb two-level", "polars streaming", "polars in-memory"},
	}
}

// meanQuestion is the mean of the participants' means of an analyte, by sex and age.
func meanQuestion(name string, analyte int32) question {
	events := begin("Measurement", int(analyte)).then("Unit", benchUnits[int(analyte)%len(benchUnits)])
	q := question{
		name: name,
		plan: begin("Everyone").then("By", begin("SexAtBirth"), begin("Age").then("Bands", 18, 45, 65)).
			then("Summarise", events.then("MeanValue").then("Mean")).Node,
		answer: func(t *tally.Table) (rows [][]float64) {
			for _, g := range present(t) {
				band, v := slices.Index(t.Keys[1].Labels, g.Labels[1]), &g.Values[0]
				rows = append(rows, []float64{conceptOf(g.Labels[0]), float64(band),
					float64(g.All.Participants), float64(v.Known.Participants), v.Mean()})
			}
			return rows
		},
		asked: map[string]any{"concept": analyte, "unit": unitID(int(analyte)),
			"born_18": "2004-07-01", "born_45": "1977-07-01", "born_65": "1957-07-01"},
		peers:  []string{"duckdb", "polars streaming"},
		slower: []string{"polars in-memory"},
	}
	if name == "C_rare" {
		q.peers = append(q.peers, "duckdb index")
	}
	return q
}

// cohortQuestion is who has a first condition, a measurement in the year after it,
// no other condition before it and two measurements 30 days apart, by sex.
func cohortQuestion(name string) question {
	within, again := analytes.ranked[1], analytes.ranked[2]
	entry, excluded := diseases.ranked[40:60], diseases.ranked[100:140]
	index := begin("Condition", conceptArgs(entry)...).then("First")
	return question{
		name: name,
		plan: begin("Cohort", "bench").then("Entry", index).
			then("Include", begin("Measurement", int(within)).then("Window", index, 1, 365)).
			then("Exclude", begin("Condition", conceptArgs(excluded)...).then("Before", index)).
			then("Include", begin("Measurement", int(again)).then("Apart", 30).then("AtLeast", 2)).
			then("By", begin("SexAtBirth")).then("Count").Node,
		answer: func(t *tally.Table) (rows [][]float64) {
			for _, g := range present(t) {
				rows = append(rows, []float64{conceptOf(g.Labels[0]), float64(g.All.Participants)})
			}
			return rows
		},
		asked:  map[string]any{"within": within, "again": again, "entry": listed(entry), "excluded": listed(excluded)},
		peers:  []string{"duckdb one scan", "polars streaming"},
		slower: []string{"duckdb exists", "duckdb narrowing", "polars in-memory"},
	}
}

// builder is a plan that is being built; it panics where a question is mistaken.
type builder struct{ *plan.Node }

func begin(op string, args ...any) builder { return built(plan.Root(op, unwrapped(args)...)) }

func (b builder) then(op string, args ...any) builder { return built(b.Then(op, unwrapped(args)...)) }

func built(n *plan.Node, err error) builder {
	if err != nil {
		panic(err)
	}
	return builder{n}
}

func unwrapped(args []any) (out []plan.Arg) {
	for _, a := range args {
		if b, ok := a.(builder); ok {
			a = b.Node
		}
		out = append(out, a)
	}
	return out
}

func conceptArgs(ids []int32) (out []any) {
	for _, id := range ids {
		out = append(out, int(id))
	}
	return out
}

func listed(ids []int32) string {
	return strings.ReplaceAll(strings.Trim(fmt.Sprint(ids), "[]"), " ", ",")
}

// present is the groups with participants; SQL has no others.
func present(t *tally.Table) (out []tally.Group) {
	for _, g := range t.Groups {
		if g.All.Participants > 0 {
			out = append(out, g)
		}
	}
	return out
}

// conceptOf is the id in which the name of a benchmark's concept ends, NaN for none.
func conceptOf(label string) float64 {
	id, err := strconv.Atoi(label[strings.LastIndex(label, " ")+1:])
	if err != nil {
		return math.NaN()
	}
	return float64(id)
}

// arena is where the engine meets its peers, over the same rows, all in memory.
type arena struct {
	engine   *Engine
	table    *store.Table // measurement
	peers    [maxThreads + 1]*peer
	compared map[string]*comparison
}

const maxThreads = 2

// enter opens a repository; folder is the peers' data, or "" for none.
func enter(t testing.TB, repository, folder string) *arena {
	t.Helper()
	r, err := store.Open(repository)
	if err != nil {
		t.Fatal(err)
	}
	a := &arena{compared: map[string]*comparison{}}
	if a.engine, err = New(r); err != nil {
		t.Fatal(err)
	}
	if a.table, err = r.Table("measurement"); err != nil {
		t.Fatal(err)
	}
	for threads := 1; folder != "" && threads <= maxThreads; threads++ {
		a.peers[threads] = startPeer(t, folder, threads, r.Participants)
	}
	return a
}

// leave ends the peers.
func (a *arena) leave(t testing.TB) {
	t.Helper()
	for _, p := range a.peers {
		if p == nil {
			continue
		}
		if err := errors.Join(p.in.Close(), p.cmd.Wait()); err != nil {
			t.Error("testdata/bench.py:", err)
		}
	}
}

// peer is a process of testdata/bench.py. It ends when its input does.
type peer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func startPeer(t testing.TB, folder string, threads, participants int) *peer {
	t.Helper()
	asked := map[string]map[string]any{}
	for _, q := range questions {
		q.asked["last"] = participants - 1
		asked[q.name] = q.asked
	}
	text, err := json.Marshal(asked)
	if err != nil {
		t.Fatal(err)
	}
	p := &peer{cmd: exec.Command(benchPython(t), "testdata/bench.py", "serve", folder, strconv.Itoa(threads), string(text))}
	p.cmd.Stderr = os.Stderr
	in, inErr := p.cmd.StdinPipe()
	out, outErr := p.cmd.StdoutPipe()
	if err := errors.Join(inErr, outErr); err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, bufio.NewReader(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// ask returns how long the answer took, and the answer when it is wanted.
func (p *peer) ask(t testing.TB, question, way string, wanted bool) (seconds float64, rows [][]float64) {
	t.Helper()
	request, err := json.Marshal(map[string]any{"question": question, "peer": way, "rows": wanted})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.in.Write(append(request, '\n')); err != nil {
		t.Fatal(err)
	}
	line, err := p.out.ReadBytes('\n')
	if err != nil {
		t.Fatalf("question %s, %s: testdata/bench.py ended: %v", question, way, err)
	}
	var answer struct {
		Seconds float64
		Rows    [][]*float64
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		t.Fatal(err)
	}
	for _, r := range answer.Rows {
		row := make([]float64, len(r))
		for i, x := range r {
			if row[i] = math.NaN(); x != nil {
				row[i] = *x
			}
		}
		rows = append(rows, row)
	}
	return answer.Seconds, rows
}

func (a *arena) tabulate(t testing.TB, q question) *tally.Table {
	t.Helper()
	table, err := a.engine.Tabulate(t.Context(), q.plan)
	if err != nil {
		t.Fatalf("question %s: %v", q.name, err)
	}
	return table
}

// runner is who answers, on how many threads. Beside the peers there are the
// engine, "weir", and "floor": a sum of the participants, concepts, days and values.
type runner struct {
	who     string
	threads int
}

// seconds runs a question: the median of as many runs as take 50 ms.
func (a *arena) seconds(t testing.TB, q question, r runner) float64 {
	t.Helper()
	run := func() { a.tabulate(t, q) }
	switch r.who {
	case "weir":
	case "floor":
		run = func() { floor(a.table, r.threads) }
	default:
		s, _ := a.peers[r.threads].ask(t, q.name, r.who, false)
		return s
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(r.threads))
	var times []float64
	for sum := 0.0; sum < 0.05; sum += times[len(times)-1] {
		start := time.Now()
		run()
		times = append(times, time.Since(start).Seconds())
	}
	return median(times)
}

func median(x []float64) float64 {
	x = slices.Sorted(slices.Values(x))
	return (x[len(x)/2] + x[(len(x)-1)/2]) / 2
}

// floor reads every value of four columns and does the least with it.
func floor(t *store.Table, threads int) (whole int64, real float64) {
	var next, sum atomic.Int64
	parts := make(chan float64)
	for range threads {
		go func() {
			part := 0.0
			for i := next.Add(1) - 1; i < int64(len(t.Batches)); i = next.Add(1) - 1 {
				b := &t.Batches[i]
				for _, c := range []string{"participant", "measurement_concept_id", "measurement_date"} {
					sum.Add(add[int64](b.Int32(c)))
				}
				part += add[float64](b.Float64("value_as_number"))
			}
			parts <- part
		}()
	}
	for range threads {
		real += <-parts
	}
	return sum.Load(), real
}

// add has four sums, so that it waits for memory and not for the last addition.
func add[S int64 | float64, T int32 | float64](v []T) S {
	var a, b, c, d S
	for ; len(v) >= 4; v = v[4:] {
		a, b, c, d = a+S(v[0]), b+S(v[1]), c+S(v[2]), d+S(v[3])
	}
	for _, x := range v {
		a += S(x)
	}
	return a + b + c + d
}

// comparison is a question's times in seconds: medians of rounds in which the
// engine and its peers took turns. Of what takes seconds the round that verifies the
// answer is the only one, unless LONG is set.
type comparison struct {
	question
	times  map[runner]float64
	rounds map[runner][]float64
}

// ratio is the median of the ratios that two have in the same rounds: what slows the
// machine for a while slows both.
func (c *comparison) ratio(x, y runner) float64 {
	var ratios []float64
	for i, t := range c.rounds[x] {
		ratios = append(ratios, t/c.rounds[y][i])
	}
	return median(ratios)
}

func onThreads(n int) string {
	if n == 1 {
		return "1_thread"
	}
	return fmt.Sprintf("%d_threads", n)
}

const rounds = 7

// patience is how long one way to ask is measured; it is measured once at least.
func patience() time.Duration {
	if os.Getenv("LONG") != "" {
		return time.Hour
	}
	return 500 * time.Millisecond
}

// compare verifies that all give the same answer, then measures the engine and its
// peers in turns.
func (a *arena) compare(t testing.TB, q question) *comparison {
	t.Helper()
	if c := a.compared[q.name]; c != nil {
		return c
	}
	times := map[runner][]float64{}
	var field []runner
	verified := a.agree(t, q, q.ways())
	for _, way := range slices.Concat([]string{"weir", "floor"}, q.ways()) {
		for threads := 1; threads <= maxThreads; threads++ {
			r := runner{way, threads}
			if way == "floor" && q.name != "A" {
				continue
			}
			if field = append(field, r); verified[r] > patience().Seconds() {
				times[r] = []float64{verified[r]}
			}
		}
	}
	var others quiet
	for range rounds {
		others.wait()
		for _, r := range field {
			if sum(times[r]) < patience().Seconds() || peerless(r) {
				times[r] = append(times[r], a.seconds(t, q, r))
			}
		}
	}
	c := &comparison{question: q, times: map[runner]float64{}, rounds: times}
	for _, r := range field {
		c.times[r] = median(times[r])
		t.Logf("%-8s %-17s %-9s: %8.4f s, %3.0f%% noise in %d rounds", q.name, r.who, onThreads(r.threads), c.times[r], 100*noise(times[r]), len(times[r]))
	}
	t.Logf("%-8s %v", q.name, &others)
	a.compared[q.name] = c
	return c
}

func peerless(r runner) bool { return r.who == "weir" || r.who == "floor" }

func sum(x []float64) (s float64) {
	for _, v := range x {
		s += v
	}
	return s
}

// fastest is a peer's fastest way to ask, without an index: an index is not what is
// usually there.
func fastest(times map[runner]float64, threads int, peer string) (way string) {
	for r, s := range times {
		if r.threads == threads && strings.HasPrefix(r.who, peer) && r.who != "duckdb index" && (way == "" || s < times[runner{way, threads}]) {
			way = r.who
		}
	}
	return way
}

// times as fast as the peer is the engine on as many threads.
func (c *comparison) faster(threads int, way string) float64 {
	return c.times[runner{way, threads}] / c.times[runner{"weir", threads}]
}

// noise is the distance of the quartiles from each other, relative to the median.
func noise(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return (s[len(s)*3/4] - s[len(s)/4]) / median(s)
}

// quiet waits until other processes leave the processors alone, for five seconds in
// all, and remembers how busy they were when it went on.
type quiet struct {
	waited time.Duration
	busy   []float64 // in processors
}

func (q *quiet) wait() {
	const tolerable, patience = 0.15, 5 * time.Second
	for {
		start := time.Now()
		busy := busyProcessors(100 * time.Millisecond)
		if busy < tolerable || q.waited > patience {
			q.busy = append(q.busy, busy)
			return
		}
		q.waited += time.Since(start)
	}
}

// String is for the log.
func (q *quiet) String() string {
	return fmt.Sprintf("other processes used %.2f processors (median; most %.2f) after %.0f s of waiting", median(q.busy), slices.Max(q.busy), q.waited.Seconds())
}

// busyProcessors is how many processors are used while this process sleeps; 0
// where /proc/stat does not say (proc(5): user, nice, system, idle, iowait, irq,
// softirq and steal, in hundredths of seconds).
func busyProcessors(d time.Duration) float64 {
	busy := func() (sum int64) {
		b, _ := os.ReadFile("/proc/stat")
		first, _, _ := strings.Cut(string(b), "\n")
		for i, f := range strings.Fields(first) {
			if n, err := strconv.ParseInt(f, 10, 64); err == nil && i <= 8 && i != 4 && i != 5 {
				sum += n
			}
		}
		return sum
	}
	before := busy()
	time.Sleep(d)
	return float64(busy()-before) / 100 / d.Seconds()
}

// agree fails when the engine or a peer has another answer than the others, on
// any number of threads, and returns how long the peers took.
func (a *arena) agree(t testing.TB, q question, ways []string) map[runner]float64 {
	t.Helper()
	want := a.sorted(t, q, 1)
	if err := sameAnswer(want, a.sorted(t, q, maxThreads)); err != nil {
		t.Fatalf("question %s: the engine on %d threads and on one: %v", q.name, maxThreads, err)
	}
	times := map[runner]float64{}
	for threads := 1; threads <= maxThreads; threads++ {
		for _, way := range ways {
			s, rows := a.peers[threads].ask(t, q.name, way, true)
			slices.SortFunc(rows, slices.Compare)
			if err := sameAnswer(want, rows); err != nil {
				t.Fatalf("question %s: the engine and %s: %v", q.name, way, err)
			}
			times[runner{way, threads}] = s
		}
	}
	return times
}

func (a *arena) sorted(t testing.TB, q question, threads int) [][]float64 {
	t.Helper()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
	rows := q.answer(a.tabulate(t, q))
	if len(rows) == 0 {
		t.Fatalf("question %s: nobody", q.name)
	}
	slices.SortFunc(rows, slices.Compare)
	return rows
}

// sameAnswer allows for sums in another order: 1e-9 of the number. That is less
// than one of any count.
func sameAnswer(a, b [][]float64) error {
	if len(a) != len(b) {
		return fmt.Errorf("%d groups and %d", len(a), len(b))
	}
	for i := range a {
		if !slices.EqualFunc(a[i], b[i], func(x, y float64) bool {
			return x == y || x != x && y != y || math.Abs(x-y) <= 1e-9*math.Abs(x)
		}) {
			return fmt.Errorf("%v and %v", a[i], b[i])
		}
	}
	return nil
}

// TestQuestionsAgree: DuckDB and Polars find what the engine finds.
func TestQuestionsAgree(t *testing.T) {
	python, dir := benchPython(t), t.TempDir()
	repository := filepath.Join(dir, "repository")
	if err := makeRepository(repository, 2_000_000); err != nil {
		t.Fatal(err)
	}
	if err := makePeers(python, repository, dir); err != nil {
		t.Fatal(err)
	}
	a := enter(t, repository, dir)
	defer a.leave(t)
	for _, q := range questions {
		t.Run(q.name, func(t *testing.T) { a.agree(t, q, q.all()) })
	}
}

func BenchmarkA(b *testing.B)       { benchmark(b, "A") }
func BenchmarkB(b *testing.B)       { benchmark(b, "B") }
func BenchmarkCCommon(b *testing.B) { benchmark(b, "C_common") }
func BenchmarkCRare(b *testing.B)   { benchmark(b, "C_rare") }
func BenchmarkD(b *testing.B)       { benchmark(b, "D") }

// benchmark measures the engine, and reports medians of the engine and its peers in
// turns, and how many times as long each peer takes.
func benchmark(b *testing.B, name string) {
	a := benchArena(b)
	q := questions[slices.IndexFunc(questions, func(q question) bool { return q.name == name })]
	c := a.compare(b, q)
	for threads := 1; threads <= maxThreads; threads++ {
		b.Run(fmt.Sprintf("threads=%d", threads), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(threads))
			for b.Loop() {
				a.tabulate(b, q)
			}
			for r, seconds := range c.times {
				if r.threads != threads {
					continue
				}
				who := strings.ReplaceAll(r.who, " ", "-")
				b.ReportMetric(1e3*seconds, "ms-"+who)
				if r.who != "weir" {
					b.ReportMetric(c.faster(threads, r.who), "x-"+who)
				}
			}
		})
	}
}

// theArena is shared by the benchmarks; its peers end with the process.
var theArena *arena

func benchArena(b *testing.B) *arena {
	if theArena == nil {
		rows := benchRows(b)
		theArena = enter(b, benchRepository(b, rows), benchPeers(b, rows))
	}
	return theArena
}

// cancelled is how long a question goes on after it has been cancelled; ok is
// false when it was answered before that.
func (a *arena) cancelled(t testing.TB, q question, after time.Duration) (took time.Duration, ok bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := a.engine.Tabulate(ctx, q.plan)
		ended <- err
	}()
	time.Sleep(after)
	start := time.Now()
	cancel()
	err := <-ended
	took = time.Since(start)
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Fatalf("question %s, cancelled: %v", q.name, err)
	}
	return took, err != nil
}

// anonymous is the most memory that is no file's while f runs and after it, in
// bytes, by a look every millisecond.
func anonymous(t testing.TB, f func()) (peak int64) {
	t.Helper()
	status, err := os.Open("/proc/self/status")
	if err != nil {
		t.Skip("/proc/self/status is not here: ", err)
	}
	defer status.Close()
	text := make([]byte, 8192)
	sample := func() {
		n, _ := status.ReadAt(text, 0)
		_, after, _ := strings.Cut(string(text[:n]), "RssAnon:")
		var kB int64
		if _, err := fmt.Sscan(after, &kB); err != nil {
			panic("/proc/self/status has no RssAnon")
		}
		peak = max(peak, kB<<10)
	}
	done, ended := make(chan bool), make(chan bool)
	go func() {
		defer close(ended)
		for {
			sample()
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
			}
		}
	}()
	defer func() { // also when f ends the test
		close(done)
		<-ended
		sample()
	}()
	f()
	return
}

func TestAnonymous(t *testing.T) {
	const size = 64 << 20
	var held []byte
	peak := anonymous(t, func() { held = bytes.Repeat([]byte{1}, size) })
	if peak < size || peak > 10*size {
		t.Errorf("measures %d bytes while %d were held", peak, size)
	}
	runtime.KeepAlive(held)
}
