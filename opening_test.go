package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/datasets/access"
	"weir/datasets/curate"
	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/guard"
	"weir/guard/ledger"
	"weir/kernel"
)

// shown keeps what a session publishes.
type shown struct {
	told
	texts []string
}

func (s *shown) Result(d kernel.Data) { s.texts = append(s.texts, d.MIME()["text/plain"]) }

// workspaceOf is a configuration with a policy and a ledger of its own.
func workspaceOf(t *testing.T, dir, repository string, tier plan.Tier, uid int) config {
	t.Helper()
	return config{
		Repository: repository, Tier: tier, Ledger: filepath.Join(dir, "ledger"), Key: filepath.Join(dir, "key.pem"), rules: guard.Builtin,
		Workspace: "workspace-1", Purpose: "HbA1c before and after metformin",
		Access: []access.Grant{{Users: []string{fmt.Sprint(uid)}, Tiers: []plan.Tier{plan.Registered}}},
	}
}

// begun is a session of a configuration.
func begun(t *testing.T, c config) *session {
	t.Helper()
	if err := c.check(); err != nil {
		t.Fatal(err)
	}
	s, err := newSession(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// says runs a cell and gives what it shows, or how it failed.
func says(t *testing.T, s *session, code string) string {
	t.Helper()
	pub := &shown{}
	out := s.Execute(t.Context(), kernel.Request{Code: code}, pub)
	if out.Failed {
		return out.Name + ": " + out.Value
	}
	return strings.Join(pub.texts, "\n")
}

// entries counts the entries of each kind of a ledger.
func entries(t *testing.T, path string) map[string]int {
	t.Helper()
	out := map[string]int{}
	if _, err := ledger.Read(path, func(e ledger.Entry) error { out[e.Kind]++; return nil }); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestClosed: who may not open a tier gets the same answer whether there is a
// repository or not, and whatever it is called. Nothing of the place is touched:
// the manifest is a pipe that nobody writes to, so that reading it would not end.
func TestClosed(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := errorsOf(os.Mkdir(there, 0o755), syscall.Mkfifo(filepath.Join(there, "manifest.json"), 0o600)); err != nil {
		t.Fatal(err)
	}
	stranger := os.Getuid() + 1
	var answers []string
	for _, place := range []string{there, filepath.Join(dir, "nowhere")} {
		c := workspaceOf(t, dir, place, plan.Registered, stranger)
		s := begun(t, c)
		start := time.Now()
		answers = append(answers, says(t, s, `ds.Open("c2024")`))
		if took := time.Since(start); took > 20*time.Second {
			t.Errorf("it took %v", took)
		}
	}
	if answers[0] != answers[1] || !strings.HasPrefix(answers[0], "Refused: ") || !strings.Contains(answers[0], "is not open to this session") {
		t.Errorf("%q", answers)
	}
	if n := entries(t, filepath.Join(dir, "ledger")); n[access.DeniedKind] != 2 || len(n) != 1 {
		t.Errorf("the ledger has %v", n)
	}
}

// TestClosedNames: within a session that is let in, a name of another tier's
// repository and a name of none have one answer.
func TestClosedNames(t *testing.T) {
	dir := t.TempDir()
	repository := filepath.Join(dir, "repository")
	canaries(t, repository)
	s := begun(t, workspaceOf(t, dir, repository, plan.Registered, os.Getuid()))
	says(t, s, "%conduct confirm")
	if got := says(t, s, `ds.Open("canaries")`); !strings.Contains(got, "canaries") {
		t.Fatal(got)
	}
	for _, call := range []string{"ds.Open", "ds.OpenSnapshot"} {
		for _, name := range []string{"c2024", "nowhere", "../../repository"} {
			want := fmt.Sprintf("Refused: Open: %q is not open to this session; ds.Repositories() lists what is; the administrator of the workspace can open more", name)
			if got := says(t, s, fmt.Sprintf("%s(%q)", call, name)); got != want {
				t.Errorf("%s: %s", call, got)
			}
		}
	}
	if n := entries(t, filepath.Join(dir, "ledger")); n[access.DeniedKind] != 6 {
		t.Errorf("the ledger has %v", n)
	}
}

// TestAnotherTier: a place that has a repository of another tier answers as one that
// has none.
func TestAnotherTier(t *testing.T) {
	dir := t.TempDir()
	repository := filepath.Join(dir, "repository")
	canaries(t, repository)
	c := workspaceOf(t, dir, repository, plan.Controlled, os.Getuid())
	c.Access[0].Tiers = []plan.Tier{plan.Controlled}
	var answers []string
	for _, place := range []string{repository, filepath.Join(dir, "nowhere000")} {
		c.Repository = place
		s := begun(t, c)
		says(t, s, "%conduct confirm")
		answers = append(answers, strings.ReplaceAll(says(t, s, `ds.Open("canaries")`), place, "PLACE"))
	}
	if answers[0] != answers[1] || !strings.Contains(answers[0], "no repository of the controlled tier at PLACE") {
		t.Errorf("%q", answers)
	}
	if n := entries(t, filepath.Join(dir, "ledger")); n[access.DeniedKind] != 2 {
		t.Errorf("the ledger has %v", n)
	}
}

// TestConduct: before the first use of a workspace its researcher confirms the code
// of conduct and the purpose, once; another purpose and another policy ask again.
func TestConduct(t *testing.T) {
	dir := t.TempDir()
	repository := filepath.Join(dir, "repository")
	canaries(t, repository)
	c := workspaceOf(t, dir, repository, plan.Registered, os.Getuid())
	stricter := guard.Builtin
	stricter.Version, stricter.Threshold = "2", 30
	otherPurpose, otherPolicy, otherWorkspace := c, c, c
	otherPurpose.Purpose = "another"
	otherPolicy.rules = stricter
	otherWorkspace.Workspace = "workspace-2"
	const open, not = `ds.Open("canaries")`, "not confirmed yet"
	for _, x := range []struct {
		what   string
		config config
	}{{"first use", c}, {"another purpose", otherPurpose}, {"another policy", otherPolicy}, {"another workspace", otherWorkspace}} {
		s := begun(t, x.config)
		if got := says(t, s, open); !strings.HasPrefix(got, "Refused: ") || !strings.Contains(got, not) || !strings.Contains(got, "%conduct") {
			t.Errorf("%s: %s", x.what, got)
		}
		for _, want := range []string{"do not attempt to contact participants", "Research purpose: " + x.config.Purpose, "Workspace: " + x.config.Workspace, "run in a cell of its own: %conduct confirm"} {
			if got := says(t, s, "%conduct"); !strings.Contains(got, want) {
				t.Errorf("%s: %q is not in %s", x.what, want, got)
			}
		}
		if got := says(t, s, open); !strings.Contains(got, not) {
			t.Errorf("%s: showing confirms: %s", x.what, got)
		}
		if got := says(t, s, "%conduct confirm"); !strings.Contains(got, "Confirmed by uid") {
			t.Errorf("%s: %s", x.what, got)
		}
		if got := says(t, s, open); strings.Contains(got, "Refused") {
			t.Errorf("%s: %s", x.what, got)
		}
		// A later session, and confirming again, need no more.
		later := begun(t, x.config)
		says(t, later, "%conduct confirm")
		if got := says(t, later, open); strings.Contains(got, "Refused") {
			t.Errorf("%s, later: %s", x.what, got)
		}
	}
	if n := entries(t, filepath.Join(dir, "ledger")); n[access.ConductKind] != 4 {
		t.Errorf("the ledger has %v", n)
	}
}

// TestConductInBatch: the configuration confirms where nobody is there to be asked,
// and there alone.
func TestConductInBatch(t *testing.T) {
	dir := t.TempDir()
	repository := filepath.Join(dir, "repository")
	canaries(t, repository)
	c := workspaceOf(t, dir, repository, plan.Registered, os.Getuid())
	c.Conduct = access.Version
	if got := says(t, begun(t, c), `ds.Open("canaries")`); !strings.Contains(got, "not confirmed yet") {
		t.Errorf("the configuration confirms for who is there: %s", got)
	}
	s := begun(t, c)
	s.batch = true
	if got := says(t, s, `ds.Open("canaries")`); strings.Contains(got, "Refused") {
		t.Error(got)
	}
	var body string
	if _, err := ledger.Read(c.Ledger, func(e ledger.Entry) error {
		if e.Kind == access.ConductKind {
			body = string(e.Body)
		}
		return nil
	}); err != nil || !strings.Contains(body, `"batch":true`) || !strings.Contains(body, c.Purpose) {
		t.Errorf("%s, %v", body, err)
	}
	c.Conduct, c.Purpose = "", "another"
	s = begun(t, c)
	s.batch = true
	if got := says(t, s, `ds.Open("canaries")`); !strings.Contains(got, "not confirmed yet") {
		t.Errorf("batch without a confirmation: %s", got)
	}
}

// TestAccessConfiguration: what a configuration lacks or has wrong ends the command.
func TestAccessConfiguration(t *testing.T) {
	good := func() config {
		return workspaceOf(t, t.TempDir(), "/repository", plan.Registered, 1)
	}
	for _, x := range []struct {
		name string
		edit func(*config)
		want string
	}{
		{"good", func(*config) {}, ""},
		{"no workspace", func(c *config) { c.Workspace = " " }, "workspace"},
		{"no purpose", func(c *config) { c.Purpose = "" }, "purpose"},
		{"nobody", func(c *config) { c.Access = nil }, "[[access]]"},
		{"no tiers", func(c *config) { c.Access[0].Tiers = nil }, "access 1"},
		{"no users", func(c *config) { c.Access[0].Users = nil }, "access 1"},
		{"an empty group", func(c *config) { c.Access[0].Groups = []string{""} }, "access 1"},
		{"an unknown tier", func(c *config) { c.Access[0].Tiers = []plan.Tier{"secret"} }, "secret"},
		{"the public tier", func(c *config) { c.Access[0].Tiers = []plan.Tier{plan.Public} }, "everybody"},
		{"another version of the code", func(c *config) { c.Conduct = "0" }, "version"},
		{"a relative snapshot", func(c *config) { c.Snapshots = []string{"public"} }, "absolute"},
		{"a long purpose", func(c *config) { c.Purpose = strings.Repeat("x", 2001) }, "2000"},
		{"public needs nothing", func(c *config) { c.Tier, c.Workspace, c.Purpose, c.Access = plan.Public, "", "", nil }, ""},
	} {
		c := good()
		x.edit(&c)
		err := c.check()
		if (err == nil) != (x.want == "") || err != nil && !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", x.name, err)
		}
	}
}

// TestCatalogue: what a session says of its repository, of the vocabulary and of a
// snapshot of the public tier, on GiBleed; DuckDB says what is there.
func TestCatalogue(t *testing.T) {
	dir, from := t.TempDir(), sharedData(t, "gibleed-omop53")
	c := workspaceOf(t, dir, filepath.Join(dir, "registered"), plan.Registered, os.Getuid())
	c.Snapshots = []string{filepath.Join(dir, "public"), filepath.Join(dir, "nowhere"), c.Repository}
	for tier, at := range map[plan.Tier]string{plan.Registered: c.Repository, plan.Public: c.Snapshots[0]} {
		o := curate.ImportOptions{Name: string(tier) + "2024", Tier: tier, CDR: "v7", CutOff: "2019-12-31", Key: curate.Key(strings.Repeat("\x05", 32))}
		if _, err := curate.Import(t.Context(), from, at, o, nil); err != nil {
			t.Fatal(err)
		}
	}
	below := duckdb(t, from, "SELECT count(DISTINCT descendant_concept_id) FROM concept_ancestor JOIN concept ON concept_id = descendant_concept_id WHERE ancestor_concept_id = 4274025")
	named := duckdb(t, from, "SELECT count(*) FROM concept WHERE lower(concept_name) LIKE '%acute%' AND lower(concept_name) LIKE '%sinusitis%'")
	if below == "0" || named == "0" {
		t.Fatal(below, named)
	}
	s := begun(t, c)
	says(t, s, "%conduct confirm")
	for _, x := range []struct {
		cell string
		want []string
	}{
		{`ds.Repositories()`, []string{`registered2024  registered  v7       2019-12-31  ds.Open("registered2024")`, `ds.OpenSnapshot("public2024")`}},
		{`len(ds.Repositories().Names())`, []string{"2"}},
		{`snapshot := ds.OpenSnapshot("public2024")
snapshot`, []string{"public2024 · version v7 · public tier", "counts_by_concept_and_sex"}},
		{`snapshot.Concepts("viral sinusitis").List()[0].ID`, []string{"40481087"}},
		{`cdr := ds.Open("registered2024")
cdr`, []string{"registered2024 · version v7 · registered tier", "condition_occurrence"}},
		{`cdr.Table("measurement")`, []string{
			"measurement, registered tier of registered2024", "value_as_number", "number", "unit_concept_id", "LOINC",
			"shifted back by the participant's own 1 to 364 days", "leaves out rows by the rules: public events, concepts of the past year"}},
		{`cdr.Table("death")`, []string{"this tier lacks cause_concept_id, cause_source_concept_id"}},
		{`cdr.Concepts("Acute sinusitis")`, []string{": " + named + " concept", "SNOMED", "The vocabulary says nothing of how many participants"}},
		{`len(cdr.Concepts("acute sinusitis").List())`, []string{named}},
		{`cdr.Concepts(40481087).List()[0].Name`, []string{"Viral sinusitis"}},
		{`cdr.Concepts("40481087").List()[0].Name`, []string{"Viral sinusitis"}},
		{`len(cdr.Concepts([]int{40481087, 4112343}, 260139).List())`, []string{"3"}},
		{`len(cdr.Concepts(4274025).Descendants().List())`, []string{below}},
		{`cdr.Concepts("no such thing as this")`, []string{"0 concepts"}},
		{`snapshot.ByConcept(cdr.Concepts(40481087))`, []string{"Viral sinusitis", "condition_occurrence", "≤ 2,5", "rounded up to a multiple of 20"}},
		// Two tables have the concept: condition_occurrence and condition_era.
		{`len(snapshot.BySexAtBirth(cdr.Concepts(40481087)).List())`, []string{"4"}},
		{`len(snapshot.ByAge(cdr.Concepts(40481087)).List())`, []string{"16"}},
		{`snapshot.ByAge(cdr.Concepts(40481087))`, []string{"80+", "18-29"}},
	} {
		got := strings.Join(strings.Fields(says(t, s, x.cell)), " ")
		for _, want := range x.want {
			if !strings.Contains(got, strings.Join(strings.Fields(want), " ")) {
				t.Errorf("%s: no %q in %.700s", x.cell, want, got)
			}
		}
	}
	public, err := store.Open(c.Snapshots[0])
	if err != nil {
		t.Fatal(err)
	}
	counts, err := public.Table("counts_by_concept")
	if err != nil {
		t.Fatal(err)
	}
	b := &counts.Batches[0]
	for i, id := range b.Int32("concept_id")[:20] {
		want := fmt.Sprint(b.Int32("participants")[i])
		if got := says(t, s, fmt.Sprintf("snapshot.ByConcept(cdr.Concepts(%d)).List()[0].Participants", id)); got != want {
			t.Errorf("concept %d: %s, not %s", id, got, want)
		}
	}
}

// duckdb is the one number that DuckDB answers over a folder of Parquet files.
func duckdb(t *testing.T, folder, sql string) string {
	t.Helper()
	script := `import duckdb, os, sys
for name in os.listdir(sys.argv[1]):
    if name.endswith(".parquet"):
        duckdb.sql(f"CREATE VIEW {name[:-8]} AS FROM '{sys.argv[1]}/{name}'")
print(duckdb.sql(sys.argv[2]).fetchall()[0][0])`
	out, err := exec.Command(python(t), "-c", script, folder, sql).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.TrimSpace(string(out))
}

// TestConfigurationIsStrict: the format is what its comment says, to the letter.
func TestConfigurationIsStrict(t *testing.T) {
	const good = `repository = "/r"
tier = "registered"
ledger = "/l"
key = "/k"
snapshots = ["/p"]
conduct = "1"
workspace = "w"
purpose = "p"
[[access]]
users = ["ann"]
groups = ["7"]
tiers = ["registered"]
`
	c, err := parseConfig([]byte(good))
	if err == nil {
		err = c.check()
	}
	if err != nil || c.Workspace != "w" || len(c.Access) != 1 || c.Access[0].Groups[0] != "7" || c.Snapshots[0] != "/p" {
		t.Fatalf("%+v, %v", c, err)
	}
	for _, x := range []struct{ old, new, want string }{
		{`workspace =`, `workspaces =`, "workspaces"},
		{`workspace =`, `Workspace =`, "small letters"},
		{`workspace =`, "tier = \"controlled\"\nworkspace =", "tier"},
		{`workspace =`, "Tier = \"controlled\"\nworkspace =", "small letters"},
		{`users =`, `Users =`, "small letters"},
		{`users =`, `people =`, "people"},
		{`["registered"]`, `"registered"`, "Tiers"},
		{`purpose = "p"`, `purpose = 1`, "Purpose"},
	} {
		text := strings.Replace(good, x.old, x.new, 1)
		if _, err := parseConfig([]byte(text)); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%s: %v", x.new, err)
		}
	}
}
