package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"weir/datasets/curate"
	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/interp/speaker"
)

// The tests of this file run the command as people do: the binary, Jupyter's own
// clients, notebooks. They share a binary and the default synthetic repository.
var shared struct {
	once sync.Once
	dir  string
	err  error
}

// TestMain also lets the test binary be the speaker of a session in this process.
func TestMain(m *testing.M) {
	if os.Args[0] == speaker.Name {
		main()
		return
	}
	if path := os.Getenv("WEIR_TEST_SESSION"); path != "" {
		showAndTell(path)
		return
	}
	if os.Getenv(relayVariable) != "" {
		relay()
		return
	}
	code := m.Run()
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
	os.Exit(code)
}

// home is a directory with bin/weir and data/weir, weir's place in the user's data directory.
func home(t testing.TB) string {
	t.Helper()
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("", "weir-path"); shared.err != nil {
			return
		}
		build := exec.Command("go", "build", "-o", filepath.Join(shared.dir, "bin/weir"), ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			shared.err = fmt.Errorf("go build: %w\n%s", err, out)
			return
		}
		shared.err = curate.Synthesize(t.Context(), filepath.Join(shared.dir, "data/weir/repositories/synthetic"), curate.SynthesizeOptions{}, nil)
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.dir
}

// workspace is a data folder of a workspace that has been shown nothing, with the
// shared repository.
func workspace(t testing.TB) string {
	t.Helper()
	data := t.TempDir()
	repositories := filepath.Join(data, "weir", "repositories")
	if err := os.MkdirAll(repositories, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(home(t), "data/weir/repositories/synthetic"), filepath.Join(repositories, "synthetic")); err != nil {
		t.Fatal(err)
	}
	return data
}

// outsider names a program or folder of others that a test needs. Without it the
// test is skipped by name, or fails where everything is required.
func outsider(t testing.TB, what, value string) string {
	t.Helper()
	if value == "" {
		if os.Getenv("WEIR_REQUIRE_ALL") != "" {
			t.Fatalf("%s is not here", what)
		}
		t.Skipf("%s is not here", what)
	}
	return value
}

func python(t testing.TB) string {
	return outsider(t, "Python with Jupyter ($WEIR_PYTHON)", os.Getenv("WEIR_PYTHON"))
}

func sharedData(t testing.TB, name string) string {
	dir := filepath.Join("../shared/data", name)
	if _, err := os.Stat(dir); err != nil {
		dir = ""
	}
	return outsider(t, "../shared/data/"+name, dir)
}

// weir runs the command with the given data directory and returns what it printed and its exit code.
func weir(t testing.TB, data string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := exec.Command(filepath.Join(home(t), "bin/weir"), args...)
	c.Env = append(os.Environ(), "XDG_DATA_HOME="+data)
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); c.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), c.ProcessState.ExitCode()
}

// notebook writes a notebook of the cells.
func notebook(t testing.TB, cells ...string) string {
	t.Helper()
	type cell struct {
		Type     string         `json:"cell_type"`
		ID       string         `json:"id"`
		Metadata map[string]any `json:"metadata"`
		Source   string         `json:"source"`
		Outputs  []any          `json:"outputs"`
		Count    *int           `json:"execution_count"`
	}
	nb := map[string]any{"nbformat": 4, "nbformat_minor": 5, "metadata": map[string]any{}}
	var list []cell
	for i, s := range cells {
		list = append(list, cell{"code", fmt.Sprintf("c%d", i), map[string]any{}, s, []any{}, nil})
	}
	nb["cells"] = list
	b, err := json.Marshal(nb)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "in.ipynb")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// jupyter runs a script of notebooks/outsiders with the kernel installed for it.
func jupyter(t testing.TB, script string, args ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	if out, stderr, code := weir(t, filepath.Join(home(t), "data"), "install", "--prefix", dir); code != 0 {
		t.Fatal(out, stderr)
	}
	c := exec.Command(python(t), append([]string{filepath.Join("notebooks/outsiders", script)}, args...)...)
	c.Env = append(os.Environ(), "XDG_DATA_HOME="+filepath.Join(home(t), "data"), "JUPYTER_PATH="+filepath.Join(dir, "share/jupyter"))
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, errs.String())
	}
	return out
}

type output struct {
	Type string `json:"output_type"`
	Text string `json:"text"`
	Data texts  `json:"data"`
	Name string `json:"ename"`
}

// texts are representations by MIME type, each as one string; JSON stays JSON.
type texts map[string]string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(b []byte) error {
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		return err
	}
	*t = texts{}
	for mime, v := range raw {
		var lines []string
		var text string
		switch {
		case json.Unmarshal(v, &lines) == nil:
			(*t)[mime] = strings.Join(lines, "")
		case json.Unmarshal(v, &text) == nil:
			(*t)[mime] = text
		default:
			(*t)[mime] = string(v)
		}
	}
	return nil
}

// tablesOf reads the tables of an output's HTML as rows of texts.
func tablesOf(page string) [][][]string {
	var out [][][]string
	for _, table := range regexp.MustCompile(`(?s)<table>.*?</table>`).FindAllString(page, -1) {
		var rows [][]string
		for _, tr := range regexp.MustCompile(`(?s)<tr>.*?</tr>`).FindAllString(table, -1) {
			var row []string
			for _, cell := range regexp.MustCompile(`(?s)<t[hd][^>]*>(.*?)</t[hd]>`).FindAllStringSubmatch(tr, -1) {
				text := regexp.MustCompile(`<[^>]*>`).ReplaceAllString(cell[1], "")
				row = append(row, unescape.Replace(text))
			}
			rows = append(rows, row)
		}
		out = append(out, rows)
	}
	return out
}

var unescape = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&#34;", `"`, "&#39;", "'", "&amp;", "&")

// TestTour runs the tour with nbclient and by hand in JupyterLab: the same tables,
// and the refused cell shows its card and no row.
func TestTour(t *testing.T) {
	if seen := tour(t); seen.tables < 5 || seen.same != seen.tables || seen.cards != 1 || seen.charts != 1 {
		t.Errorf("%+v", seen)
	}
}

// seen counts what the tour shows.
type seen struct{ tables, same, cards, charts int }

func tour(t testing.TB) (n seen) {
	const notebook = "notebooks/examples/tour.ipynb"
	var byClient [][]output
	if err := json.Unmarshal(jupyter(t, "run_nbclient.py", notebook, "weir"), &byClient); err != nil {
		t.Fatal(err)
	}
	outsider(t, "Chromium ($WEIR_CHROMIUM)", os.Getenv("WEIR_CHROMIUM"))
	if err := os.MkdirAll("artefacts", 0o755); err != nil {
		t.Fatal(err)
	}
	var byHand []struct {
		Text   string
		Tables [][][]string
		Images int
	}
	if err := json.Unmarshal(jupyter(t, "run_lab.py", notebook, "artefacts/tour.png"), &byHand); err != nil {
		t.Fatal(err)
	}
	for i, outputs := range byClient {
		var want [][][]string
		for _, o := range outputs {
			want = append(want, tablesOf(o.Data["text/html"])...)
			if o.Data["image/svg+xml"] != "" && byHand[i].Images == 1 {
				n.charts++
			}
			if strings.HasPrefix(o.Data["text/plain"], "Refused: ") &&
				strings.Contains(byHand[i].Text, "Refused: rows of participants are not released.") &&
				strings.Contains(byHand[i].Text, "Data User Code of Conduct") {
				n.cards++
			}
		}
		n.tables += len(want)
		if reflect.DeepEqual(byHand[i].Tables, append([][][]string{}, want...)) {
			n.same += len(want)
		} else {
			t.Errorf("cell %d: JupyterLab shows\n%q\nnbclient has\n%q", i+1, byHand[i].Tables, want)
		}
	}
	return n
}

// The canaries stand in a repository where only one participant has each.
const (
	canaryLabel = "CANARY-7f3a9c1e"
	canaryValue = 987654.328125
	canaryDate  = 4242 // 1981-08-13
)

// canaries makes a repository of 300 participants with the canaries in it.
func canaries(t testing.TB, dir string) {
	t.Helper()
	const n = 300
	b, err := store.Create(dir, store.Manifest{Name: "canaries", CDR: "v1", Tier: plan.Registered, CutOff: "2022-07-01", Participants: n})
	if err != nil {
		t.Fatal(err)
	}
	table := func(name string, fields []store.Field, columns ...any) {
		w, err := b.Table(name, fields)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(columns...); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	ints := func(f func(i int) int32) []int32 {
		out := make([]int32, n)
		for i := range out {
			out[i] = f(i)
		}
		return out
	}
	who := ints(func(i int) int32 { return int32(i) })
	one := func(common, rare int32) []int32 {
		return ints(func(i int) int32 {
			if i == 77 {
				return rare
			}
			return common
		})
	}
	values := make([]float64, n)
	for i := range values {
		values[i] = 5 + float64(i%10)/10
	}
	values[77] = canaryValue
	field := func(name string, t store.Type) store.Field { return store.Field{Name: name, Type: t} }
	concept := func(name string, indexed bool) store.Field {
		return store.Field{Name: name, Type: store.Concept, Indexed: indexed, Concepts: []int32{8507, 8527, 8532, 8554, 201826, 3004410, 4_000_001}}
	}
	participant := field("participant", store.Integer)
	table("person", []store.Field{participant, concept("sex_at_birth_concept_id", false), concept("race_concept_id", false), field("birth_date", store.Date)},
		who, ints(func(i int) int32 { return 8507 + int32(i%2)*25 }), one(8527, 4_000_001), one(0, canaryDate))
	table("measurement", []store.Field{participant, concept("measurement_concept_id", true), field("measurement_date", store.Date), field("value_as_number", store.Float), concept("unit_concept_id", false)},
		who, one(3004410, 4_000_001), one(18000, canaryDate), values, one(8554, 8554))
	table("condition_occurrence", []store.Field{participant, concept("condition_concept_id", true), field("condition_start_date", store.Date)},
		who, one(201826, 4_000_001), one(18000, canaryDate))
	names := []string{"HbA1c", "Type 2 diabetes mellitus", canaryLabel, "MALE", "FEMALE", "White", "percent"}
	table("concept", []store.Field{field("concept_id", store.Integer), {Name: "concept_name", Type: store.Label, Labels: names},
		{Name: "vocabulary_id", Type: store.Label, Labels: []string{"OMOP", "UCUM"}}, {Name: "concept_code", Type: store.Label, Labels: []string{"-", "%"}}},
		[]int32{3004410, 201826, 4_000_001, 8507, 8532, 8527, 8554}, []int32{0, 1, 2, 3, 4, 5, 6}, []int32{0, 0, 0, 0, 0, 0, 1}, []int32{0, 0, 0, 0, 0, 0, 1})
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
}

// escapes are plain ways to print rows, and some less plain.
var escapes = []string{
	`%conduct confirm`,
	`cdr := ds.Open("canaries")
cdr`,
	`value := cdr.Measurement().Unit("%").Last().Value()
everyone := cdr.Everyone()
frame := everyone.Frame(value, cdr.Race(), cdr.Birth())
frame.Head(300)`,
	`frame.Rows()`,
	`fmt.Println(frame, value, cdr)`,
	`fmt.Printf("%+v %#v %s\n", frame, frame, frame)`,
	`everyone.By(cdr.Race()).Count()`,
	`everyone.By(cdr.Race(), cdr.SexAtBirth()).Summarise(value.Mean())`,
	`everyone.By(cdr.Condition().EachConcept()).Count()`,
	`everyone.By(value.BandsOf(10000, 980000, 990000)).Count()`,
	`everyone.By(cdr.Birth().Year().BandsOf(1, 1979, 1984), cdr.Race()).Count()`,
	`cdr.Cohort("one").Include(value.Above(1000)).Summarise(value.Mean())`,
	`cdr.Cohort("one").Include(value.Above(1000)).Attrition()`,
	`for _, g := range everyone.By(cdr.Measurement().First().Concept()).Count().Groups() { fmt.Println(g, g.Labels(), g.Participants().Float()) }`,
	`everyone.By(cdr.Race()).Count().Bar()`,
	`b, err := json.Marshal(frame)
fmt.Println(string(b), err)`,
	`panic(frame)`,
	`value.Max()`,
	`import "os"
os.ReadFile("person.arrow")`,
	`ds.Open("../../repository")`,
	`everyone.By(cdr.Condition().First().Concept()).Summarise(value.Mean())`,
	`ids := cdr.Table("participants")
everyone.By(ids.EachConcept()).Count()`,
	`cdr.Measurement()`,
	`cdr.Table("condition_occurrence")`,
	`ds.Repositories()`,
	`cdr.Concepts("diabetes").Descendants()`,
	`cdr.Concepts("diabetes").List()`,
	`ds.OpenSnapshot("canaries")`,
}

// TestCanary runs the escapes over real sockets, with everything that passes
// through them recorded: no byte of it, of any file the kernel writes, or of its
// log holds a canary.
func TestCanary(t *testing.T) {
	if leaks, _ := canaryLeaks(t); len(leaks) > 0 {
		t.Error(strings.Join(leaks, "\n"))
	}
}

// canaryLeaks says where a canary was found in how many bytes.
func canaryLeaks(t testing.TB) (leaks []string, searched int) {
	dir := t.TempDir()
	canaries(t, filepath.Join(dir, "repository"))
	config := filepath.Join(dir, "weir.toml")
	text := fmt.Sprintf("repository = %q\ntier = \"registered\"\nledger = %q\nkey = %q\n%s",
		filepath.Join(dir, "repository"), filepath.Join(dir, "written/ledger"), filepath.Join(dir, "written/key.pem"), accessFor(os.Getuid()))
	if err := errorsOf(os.WriteFile(config, []byte(text), 0o600), os.Mkdir(filepath.Join(dir, "written"), 0o700)); err != nil {
		t.Fatal(err)
	}
	tap := new(tap)
	connection, theirs := filepath.Join(dir, "kernel.json"), filepath.Join(dir, "client.json")
	tap.connect(t, connection, theirs)
	kernel := exec.Command(filepath.Join(home(t), "bin/weir"), "--config", config, "kernel", "--connection-file", connection)
	kernel.Env = append(os.Environ(), "XDG_DATA_HOME="+filepath.Join(dir, "written"), "HOME="+filepath.Join(dir, "written"))
	kernel.Dir = filepath.Join(dir, "written")
	var log bytes.Buffer
	kernel.Stdout, kernel.Stderr = &log, &log
	if err := kernel.Start(); err != nil {
		t.Fatal(err)
	}
	cells, err := json.Marshal(escapes)
	if err != nil {
		t.Fatal(err)
	}
	client := exec.Command(python(t), "notebooks/outsiders/execute_cells.py", theirs)
	client.Stdin = bytes.NewReader(cells)
	out, err := client.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, log.String())
	}
	if err := kernel.Wait(); err != nil {
		t.Errorf("the kernel ended with %v:\n%s", err, log.String())
	}
	if n := strings.Count(string(out), "\n"); n != len(escapes) {
		t.Errorf("%d of %d cells were run:\n%s", n, len(escapes), out)
	}
	places := map[string][]byte{"sockets": tap.bytes(), "log": log.Bytes(), "client": out}
	filepath.WalkDir(filepath.Join(dir, "written"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			places[path], err = os.ReadFile(path)
		}
		return err
	})
	if len(places) < 5 || len(places["sockets"]) < 10_000 {
		t.Fatalf("%d places to search, %d bytes on the sockets", len(places), len(places["sockets"]))
	}
	for place, b := range places {
		for _, canary := range canaryForms() {
			if i := bytes.Index(b, canary); i >= 0 {
				leaks = append(leaks, fmt.Sprintf("%s holds %q: …%s…", place, canary, b[max(0, i-100):min(len(b), i+100)]))
			}
		}
		searched += len(b)
	}
	return leaks, searched
}

// canaryForms are the ways in which a canary could be written.
func canaryForms() [][]byte {
	forms := [][]byte{[]byte(canaryLabel), []byte("CANARY"), []byte("987654"), []byte("9.8765"), []byte("1981-08-13"), []byte("4000001")}
	forms = append(forms, binary.LittleEndian.AppendUint64(nil, math.Float64bits(canaryValue)))
	return append(forms, binary.BigEndian.AppendUint64(nil, math.Float64bits(canaryValue)))
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// tap stands between a client and a kernel and keeps what passes.
type tap struct {
	mu   sync.Mutex
	seen bytes.Buffer
}

func (p *tap) bytes() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.seen.Bytes())
}

// connect writes a connection file for the kernel and one for the client, whose
// ports lead through the tap.
func (p *tap) connect(t testing.TB, kernel, client string) {
	t.Helper()
	ours := map[string]any{"transport": "tcp", "ip": "127.0.0.1", "key": strings.Repeat("0123456789abcdef", 3), "signature_scheme": "hmac-sha256", "kernel_name": "weir"}
	theirs := map[string]any{}
	for k, v := range ours {
		theirs[k] = v
	}
	for _, name := range []string{"shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"} {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		behind := free.Addr().String()
		free.Close()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		ours[name], theirs[name] = port(behind), port(l.Addr().String())
		go p.serve(l, behind)
	}
	for path, v := range map[string]any{kernel: ours, client: theirs} {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func port(address string) int {
	_, p, _ := net.SplitHostPort(address)
	n, _ := strconv.Atoi(p)
	return n
}

func (p *tap) serve(l net.Listener, behind string) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		k, err := net.Dial("tcp", behind)
		if err != nil {
			c.Close() // the kernel is not up yet: ZeroMQ connects again
			continue
		}
		pass := func(to, from net.Conn) {
			io.Copy(io.MultiWriter(to, p), from)
			to.Close()
			from.Close()
		}
		go pass(k, c)
		go pass(c, k)
	}
}

// Write implements io.Writer.
func (p *tap) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.Write(b)
}

// gibleedSite imports GiBleed and configures a site for it.
func gibleedSite(t testing.TB) site {
	t.Helper()
	dir := t.TempDir()
	s := site{dir, filepath.Join(dir, "weir.toml"), filepath.Join(dir, "repository"), filepath.Join(dir, "ledger")}
	if out, stderr, code := weir(t, dir, "data", "import", "--from", sharedData(t, "gibleed-omop53"), "--to", s.repository,
		"--name", "gibleed", "--tier", "controlled", "--cdr", "gibleed-5.3", "--cut-off", "2019-12-31", "--unknown-persons", "--repeated-keys"); code != 0 {
		t.Fatal(out, stderr)
	}
	s.configure(t, "controlled", "")
	return s
}

// gibleedCells ask for everything that a table shows of GiBleed.
var gibleedCells = []string{
	`cdr := ds.Open("gibleed")
cdr`,
	`observed := cdr.Table("observation_period")
everyone, sex := cdr.Everyone(), cdr.SexAtBirth()
everyone.By(cdr.Condition().During(observed).EachConcept()).Count()`,
	`everyone.By(cdr.Drug().EachConcept(), sex).Count()`,
	`everyone.By(cdr.Procedure().EachConcept()).Count()`,
	`bleed := cdr.Condition(192671).First()
age := cdr.AgeAt(bleed)
bleeding := cdr.Cohort("GI bleed").Entry(bleed).Include(age.Between(20, 80)).Exclude(cdr.Drug(1124300).Before(bleed))
bleeding.Attrition()`,
	`celecoxib := cdr.Drug(1118084).Before(bleed).Exists()
bleeding.By(sex, age.BandsOf(5, 20, 80), cdr.Race()).Summarise(age.Mean(), celecoxib.Proportion(), celecoxib.Count())`,
	`everyone.By(cdr.Age().BandsOf(1, 30, 110), sex).Count()`,
	`everyone.By(cdr.Visit().Occurrences().Bands(1, 2, 3), cdr.Birth().Year().BandsOf(10, 1900, 1990)).Count().Bar()`,
}

// smallNumbers are the numbers from 1 to 20 in the cells of an output's tables and
// the bars of its charts.
func smallNumbers(o output) (small []string, numbers int) {
	texts := regexp.MustCompile(`<td[^>]*>(?:<em>)?([^<]*)|<title>[^<]*: ([^<]*)</title></(?:rect|circle|path)>`).FindAllStringSubmatch(o.Data["text/html"]+o.Data["image/svg+xml"], -1)
	for _, m := range texts {
		text := strings.ReplaceAll(m[1]+m[2], ",", "")
		if n, err := strconv.Atoi(text); err == nil {
			numbers++
			if n >= 1 && n <= 20 {
				small = append(small, text)
			}
		}
	}
	return small, numbers
}

// TestGuardOnGiBleed: no number from 1 to 20 in any output, over data of which
// most cells are small.
func TestGuardOnGiBleed(t *testing.T) {
	small, numbers, hidden := guardOnGiBleed(t)
	if len(small) > 0 {
		t.Errorf("shown: %v", small)
	}
	if numbers < 300 || hidden < 100 {
		t.Errorf("%d numbers, %d hidden: too few to show anything", numbers, hidden)
	}
}

func guardOnGiBleed(t testing.TB) (small []string, numbers, hidden int) {
	s := gibleedSite(t)
	out := filepath.Join(s.dir, "out.ipynb")
	if _, stderr, code := weir(t, s.dir, "--config", s.config, "run", notebook(t, gibleedCells...), "-o", out); code != 0 {
		t.Fatal(stderr)
	}
	for _, o := range outputsOf(t, out) {
		few, n := smallNumbers(o)
		small = append(small, few...)
		numbers += n
		hidden += strings.Count(o.Data["text/html"], "<em>hidden</em>") + strings.Count(o.Data["image/svg+xml"], ": hidden</title>")
	}
	return small, numbers, hidden
}

// outputsOf reads the outputs of a notebook, each representation as one string.
func outputsOf(t testing.TB, path string) []output {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var nb struct {
		Cells []struct {
			Outputs []struct {
				Type string `json:"output_type"`
				Data texts  `json:"data"`
			}
		}
	}
	if err := json.Unmarshal(b, &nb); err != nil {
		t.Fatal(err)
	}
	var out []output
	for _, c := range nb.Cells {
		for _, o := range c.Outputs {
			out = append(out, output{Type: o.Type, Data: o.Data})
		}
	}
	return out
}
