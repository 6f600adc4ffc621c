package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/datasets/curate"
	"weir/guard/certificate"
	"weir/guard/ledger"
	"weir/guard/review"
	"weir/kernel"
)

// office is an installation with two reviewers and invented participants.
func office(t testing.TB, participants int) site {
	t.Helper()
	dir := t.TempDir()
	s := site{dir, filepath.Join(dir, "weir.toml"), filepath.Join(dir, "repository"), filepath.Join(dir, "ledger")}
	if err := curate.Synthesize(t.Context(), s.repository, curate.SynthesizeOptions{Participants: participants}, nil); err != nil {
		t.Fatal(err)
	}
	reviewers := ""
	for _, name := range []string{"A. Okafor", "B. Lindqvist"} {
		out, stderr, code := weir(t, dir, "ledger", "key", filepath.Join(dir, name+".pem"), "--name", name)
		if code != 0 {
			t.Fatal(stderr)
		}
		reviewers += out
	}
	s.configure(t, "registered", reviewers)
	return s
}

// question is something that a researcher asks.
func question(r *rand.Rand) string {
	age, concept := 20+r.IntN(40), []int{201826, 316866, 320128, 255573, 4329847}[r.IntN(5)]
	cohort := fmt.Sprintf(`cdr.Cohort("c").Entry(cdr.Condition(%d).Descendants().First())`, concept)
	return []string{
		fmt.Sprintf(`cdr.Everyone().By(cdr.SexAtBirth(), cdr.Age().Bands(%d, %d)).Count()`, age, age+15),
		fmt.Sprintf(`cdr.Everyone().By(cdr.Race(), cdr.Age().BandsOf(%d, 20, 80)).Count().SortByCount()`, 5+r.IntN(15)),
		`cdr.Everyone().By(cdr.Race()).WithTotals().Summarise(cdr.Age().Mean(), cdr.Age().Median())`,
		cohort + `.Attrition()`,
		cohort + `.By(cdr.SexAtBirth()).WithTotals().Summarise(cdr.AgeAt(cdr.Condition(` + fmt.Sprint(concept) + `).Descendants().First()).Mean())`,
		cohort + `.By(cdr.SexAtBirth(), cdr.Race()).Count().Bar()`,
		cohort + `.Frame(cdr.SexAtBirth()).Head(5)`,
	}[r.IntN(7)]
}

// askAll has a session answer questions.
func askAll(t testing.TB, c config, r *rand.Rand, questions int) {
	t.Helper()
	s, err := newSession(c)
	if err != nil {
		t.Error(err)
		return
	}
	s.batch = true
	defer s.Close()
	for i := range questions + 1 {
		code := `cdr := ds.Open("synthetic")`
		if i > 0 {
			code = question(r)
		}
		if out := s.Execute(t.Context(), kernel.Request{Code: code, Count: i + 1}, &hearing{}); out.Failed && out.Name != "Refused" {
			t.Errorf("%s\n%s: %s", code, out.Name, out.Value)
		}
	}
}

// hearing takes outputs and notes the text of the results.
type hearing struct{ texts []string }

func (*hearing) Stream(string, string)             {}
func (s *hearing) Display(d kernel.Data, _ string) { s.Result(d) }
func (*hearing) Update(kernel.Data, string)        {}
func (*hearing) Clear(bool)                        {}
func (*hearing) Progress(string, int64, int64)     {}
func (*hearing) Page(kernel.Data)                  {}
func (s *hearing) Result(d kernel.Data)            { s.texts = append(s.texts, d.MIME()["text/plain"]) }

// month is a recorded month of simulated use: sessions at once every day, the policy
// made stricter in the middle.
func month(t testing.TB, s site, days, sessions, questions int) config {
	t.Helper()
	r := rand.New(rand.NewPCG(11, 22))
	var conf config
	for day := range days {
		if day == days/2 {
			policy := filepath.Join(s.dir, "policy.toml")
			old, err := os.ReadFile(s.config)
			if err != nil {
				t.Fatal(err)
			}
			if err := errorsOf(os.WriteFile(policy, []byte("version = \"stricter\"\nthreshold = 30\n"), 0o600),
				os.WriteFile(s.config, append([]byte(fmt.Sprintf("policy = %q\n", policy)), old...), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		var err error
		if conf, err = loadConfig(s.config); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range sessions {
			of := rand.New(rand.NewPCG(r.Uint64(), 1))
			wg.Go(func() { askAll(t, conf, of, questions) })
		}
		wg.Wait()
	}
	return conf
}

// replayAll verifies a ledger, recomputing its decisions.
func replayAll(t testing.TB, c config) (r *review.Report, progress int) {
	t.Helper()
	b, err := review.Open(c.Ledger, c.Reviewers)
	if err != nil {
		t.Fatal(err)
	}
	again, err := newReplay(c, b)
	if err != nil {
		t.Fatal(err)
	}
	r, err = b.Verify(t.Context(), review.Checks{Certificate: certificate.Verify, Replay: again.entry, Progress: func(int, int) { progress++ }})
	if err := errorsOf(err, again.close()); err != nil {
		t.Fatal(err)
	}
	return r, progress
}

// TestReplay: every decision of a month comes out again as it was recorded; a
// number that was put in afterwards does not.
func TestReplay(t *testing.T) {
	days, sessions, questions := 4, 2, 5
	if os.Getenv("LONG") != "" {
		days, sessions, questions = 22, 3, 8
	}
	c := month(t, office(t, 3000), days, sessions, questions)
	r, progress := replayAll(t, c)
	if r.Certificates == 0 || r.Unchecked > 0 {
		t.Errorf("%d certificates hold, %d were not checked", r.Certificates, r.Unchecked)
	}
	if n := r.Kinds[ledger.Release] + r.Kinds[ledger.Refusal]; r.Replayed != n || n < days*sessions*questions || len(r.Problems) > 0 || progress != r.Entries {
		t.Errorf("%d of %d decisions, %d steps of progress: %+v", r.Replayed, n, progress, r.Problems)
	}
	var last ledger.Entry
	if _, err := ledger.Read(c.Ledger, func(e ledger.Entry) error {
		if e.Kind == ledger.Release && bytes.Contains(e.Body, []byte(`"hidden"`)) {
			last = e
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(c.Ledger)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(ledger.Release, json.RawMessage(bytes.Replace(last.Body, []byte(`"hidden"`), []byte(`"21"`), 1))); err != nil {
		t.Fatal(err)
	}
	l.Close()
	r, _ = replayAll(t, c) // a certificate may show it as well
	for _, p := range r.Problems {
		if p.Seq != int64(r.Entries) {
			t.Errorf("entry %d: %s", p.Seq, p.Msg)
		}
	}
	if n := len(r.Problems); n == 0 || !strings.Contains(r.Problems[n-1].Msg, "differs in detail") {
		t.Errorf("a forged release: %+v", r.Problems)
	}
	if left, _ := filepath.Glob(filepath.Join(filepath.Dir(c.Ledger), "replay-*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestException is the way of an exception by the commands, and every way around it.
func TestException(t *testing.T) {
	s := office(t, 3000)
	run := func(want int, say string, args ...string) string {
		t.Helper()
		out, stderr, code := weir(t, s.dir, append([]string{"--config", s.config, "ledger"}, args...)...)
		if code != want || !strings.Contains(out+stderr, say) {
			t.Errorf("%q: code %d, %s%s", args, code, out, stderr)
		}
		return out
	}
	run(2, "no ledger", "show")
	nb := notebook(t, `cdr := ds.Open("synthetic")`, `cdr.Everyone().By(cdr.SexAtBirth(), cdr.Race(), cdr.Age().BandsOf(5, 20, 90)).Count()`, `cdr.Everyone().Frame(cdr.SexAtBirth()).Head(5)`)
	if _, stderr, code := weir(t, s.dir, "--config", s.config, "run", "--allow-errors", nb, "-o", filepath.Join(s.dir, "out.ipynb")); code != 0 && code != 3 {
		t.Fatal(stderr)
	}
	run(2, "the kinds are", "show", "--kind", "releases")
	output, key := filepath.Join(s.dir, "x.txt"), func(who string) string { return filepath.Join(s.dir, who+".pem") }
	const reason, a, b = "a rare group is needed for a safety report", "A. Okafor", "B. Lindqvist"
	first := func(kind string) string { // its number
		var v struct{ Seq int64 }
		line, _, _ := strings.Cut(run(0, "", "show", "--json", "--kind", kind), "\n")
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return fmt.Sprint(v.Seq)
	}
	table := first("release")
	run(3, "rows", "request", first("refusal"), "--reason", reason, "--by", "t.adeyemi")
	run(3, "no such request", "release", table, "-o", output)
	run(0, " is recorded", "request", table, "--reason", reason, "--by", "t.adeyemi")
	request := first("request")
	run(3, "0 of 2", "release", request, "-o", output)
	run(3, "signature", "grant", request, "--reviewer", b, "--key", key(a))
	run(0, "1 of 2", "grant", request, "--reviewer", a, "--key", key(a))
	run(3, "before", "grant", request, "--reviewer", a, "--key", key(a))
	run(3, "1 of 2", "release", request, "-o", output)
	statement := filepath.Join(s.dir, "statement")
	if err := os.WriteFile(statement, []byte(run(0, "weir grant 1", "grant", request, "--reviewer", b, "--statement")), 0o600); err != nil {
		t.Fatal(err)
	}
	signature := strings.TrimSpace(run(0, "", "sign", statement, "--key", key(b)))
	run(0, "2 of 2", "grant", request, "--reviewer", b, "--signature", signature)
	before := run(0, "hidden", "show", table)
	run(0, "1 outputs", "release", request, "-o", output)
	text, err := os.ReadFile(output)
	if err != nil || bytes.Contains(text, []byte("  hidden")) || !strings.Contains(before, "hidden") {
		t.Errorf("the exception: %v\n%s", err, text)
	}
	run(3, "it was released", "release", request, "-o", output+".txt")
	run(0, "decisions recomputed", "verify", "--replay")
	for kind, n := range map[string]int{"denial": 7, "exception": 1, "grant": 2, "request": 1} {
		if got := strings.Count(run(0, "", "show", "--json", "--kind", kind), "\n"); got != n {
			t.Errorf("%d entries of kind %s, not %d", got, kind, n)
		}
	}

	kept, public := filepath.Join(s.dir, "kept"), strings.TrimSpace(run(0, "", "key"))
	update := filepath.Join(s.dir, "update")
	for _, since := range []string{"0", "0"} {
		if err := os.WriteFile(update, []byte(run(0, "old "+since, "checkpoint", "--since", since)), 0o600); err != nil {
			t.Fatal(err)
		}
		run(0, "kept", "witness", kept, update, "--key", public)
	}
	run(0, ".0001", "rotate")
	run(0, "grew from", "verify", "--checkpoint", kept)
	whole, err := os.ReadFile(s.ledger + ".0001")
	if err != nil {
		t.Fatal(err)
	}
	if err := errorsOf(os.Remove(s.ledger), os.Remove(s.ledger+".0001"), os.WriteFile(s.ledger, bytes.Join(bytes.SplitAfter(whole, []byte("\n"))[:6], nil), 0o600)); err != nil {
		t.Fatal(err)
	}
	run(0, "6 entries", "verify")
	run(4, "its end was cut off", "verify", "--checkpoint", kept)
}

// showAndTell is a session that says of each output what its hash is, when it is
// published: what TestSessionsKilled ends.
func showAndTell(path string) {
	conf, err := loadConfig(path)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	s, err := newSession(conf)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	s.batch = true // and so has confirmed the code of conduct
	r := rand.New(rand.NewPCG(uint64(os.Getpid()), 1))
	code := `cdr := ds.Open("synthetic")`
	for i := 1; ; i++ {
		var v hearing
		if out := s.Execute(context.Background(), kernel.Request{Code: code, Count: i}, &v); out.Failed && out.Name != "Refused" {
			fmt.Println("error", out.Value)
			return
		}
		for _, text := range v.texts {
			h := sha256.Sum256([]byte(text))
			os.Stdout.WriteString(hex.EncodeToString(h[:]) + "\n")
		}
		code = question(r)
	}
}

// TestSessionsKilled ends whole sessions with kill -9 at random moments, three at
// once on one ledger: what any of them showed is in the ledger.
func TestSessionsKilled(t *testing.T) {
	kills := 9
	if os.Getenv("LONG") != "" {
		kills = 200
	}
	shown, _, entries, torn := killSessions(t, office(t, 2000), kills)
	t.Logf("%d kills: %d outputs shown, %d entries, %d torn", kills, shown, entries, torn)
	if shown < kills {
		t.Errorf("%d kills, and only %d outputs were shown", kills, shown)
	}
}

func killSessions(t testing.TB, s site, kills int) (shown, lost, entries, torn int) {
	var mu sync.Mutex
	var told []string
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for {
				mu.Lock()
				kills--
				over := kills < 0
				mu.Unlock()
				if over {
					return
				}
				var out bytes.Buffer
				c := exec.Command(os.Args[0])
				c.Env = append(os.Environ(), "WEIR_TEST_SESSION="+s.config)
				c.Stdout = &out
				if err := c.Start(); err != nil {
					t.Error(err)
					return
				}
				time.Sleep(500*time.Millisecond + time.Duration(rand.IntN(2500))*time.Millisecond)
				c.Process.Kill()
				c.Wait()
				mu.Lock()
				told = append(told, out.String())
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	l, err := ledger.Open(s.ledger)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	there := map[string]bool{}
	if rest, err := ledger.Read(s.ledger, func(e ledger.Entry) error {
		var body struct {
			MIME map[string]string `json:"mime"`
		}
		if entries++; e.Kind == ledger.Torn {
			torn++
		}
		err := json.Unmarshal(e.Body, &body)
		there[body.MIME["text/plain"]] = true
		return err
	}); err != nil || rest != 0 {
		t.Fatal(rest, err)
	}
	for _, text := range told {
		for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), "error") {
				lost++
				t.Error(lines.Text())
			} else if shown++; !there[lines.Text()] {
				lost++
				t.Errorf("an output was shown that is not in the ledger: %s", lines.Text())
			}
		}
	}
	return shown, lost, entries, torn
}
