package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"weir/guard/ledger"
	"weir/guard/review"
)

// hiding are cells with outputs in which much is hidden, in every form that an output has.
var hiding = []string{
	`cdr := ds.Open("synthetic")`,
	`cdr.Everyone().By(cdr.SexAtBirth(), cdr.Race()).WithTotals().Summarise(cdr.Age().Mean(), cdr.Age().Below(40).Proportion(), cdr.Age().Median())`,
	`dm := cdr.Cohort("type 2 diabetes").Entry(cdr.Condition(201826).Descendants().First())`,
	`dm.By(cdr.SexAtBirth(), cdr.Race()).Summarise(cdr.Age().Mean())`,
	`dm.By(cdr.SexAtBirth(), cdr.Race(), cdr.Age().Bands(45, 65)).Count().Bar()`,
	`dm.By(cdr.Race()).Count().SortByCount()`,
	`dm.Attrition()`,
	`dm.Frame(cdr.SexAtBirth(), cdr.Race()).Head(5)`,
	`cdr`,
}

// command runs weir ledger, which must succeed.
func (s site) command(t *testing.T, args ...string) string {
	t.Helper()
	out, stderr, code := weir(t, s.dir, append([]string{"--config", s.config, "ledger"}, args...)...)
	if code != 0 {
		t.Fatalf("%q: %s", args, stderr)
	}
	return out
}

// events are those of a kind.
func (s site) events(t *testing.T, kind string) (out []review.Event) {
	t.Helper()
	for d := json.NewDecoder(strings.NewReader(s.command(t, "show", "--json", "--kind", kind))); d.More(); {
		var v review.Event
		if err := d.Decode(&v); err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	return out
}

// hidden are the numbers that a ledger hides, found by granting everything in a copy
// of it. One that is shown elsewhere is none, nor is one of so few digits that it
// stands somewhere by chance.
func (s site) hidden(t *testing.T) (out []string) {
	t.Helper()
	dir := t.TempDir()
	copied := site{dir, filepath.Join(dir, "weir.toml"), s.repository, filepath.Join(dir, "ledger")}
	text, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(s.ledger)
	if err := errorsOf(err, os.WriteFile(copied.ledger, whole, 0o600),
		os.WriteFile(copied.config, bytes.ReplaceAll(text, []byte(s.ledger), []byte(copied.ledger)), 0o600)); err != nil {
		t.Fatal(err)
	}
	shown, tables := map[string]bool{}, map[int64]*review.Table{}
	request := []string{"request", "--reason", "to know what must not be found", "--by", "t"}
	for _, v := range s.events(t, ledger.Release) {
		for i := range rowsOf(v.Table) {
			for _, c := range v.Table.Rows[i].Cells {
				shown[c] = true
			}
		}
		if tables[v.Seq] = v.Table; v.Table.Hidden() > 0 {
			request = append(request, fmt.Sprint(v.Seq))
		}
	}
	copied.command(t, request...)
	of := fmt.Sprint(copied.events(t, ledger.Request)[0].Seq)
	for _, who := range []string{"A. Okafor", "B. Lindqvist"} {
		copied.command(t, "grant", of, "--reviewer", who, "--key", filepath.Join(s.dir, who+".pem"))
	}
	copied.command(t, "release", of, "-o", filepath.Join(dir, "all.txt"))
	for _, v := range copied.events(t, ledger.Exception) {
		granted := copied.command(t, "show", fmt.Sprint(v.Seq))
		for i, r := range v.Table.Rows {
			for j, c := range r.Cells {
				if tables[v.Excepts.Seq].Rows[i].Cells[j] == "hidden" && !shown[c] && len(strings.Trim(c, "%–")) > 2 {
					out = append(out, c)
					if !stands(granted, c) {
						t.Errorf("%s is not found where it stands", c)
					}
				}
			}
		}
	}
	return out
}

// stands says whether a number stands in a text, with or without its comma, and not
// as a part of another or of a hash.
func stands(text, number string) bool {
	return regexp.MustCompile(`(^|[^\w.:-])` + strings.ReplaceAll(regexp.QuoteMeta(number), ",", ",?") + `($|[^\w.])`).MatchString(text)
}

func rowsOf(t *review.Table) []review.Row {
	if t == nil {
		return nil
	}
	return t.Rows
}

// pages is all that the page serves to who has its address, followed from link to link.
func pages(t *testing.T, s site) map[string]string {
	t.Helper()
	conf, err := loadConfig(s.config)
	if err != nil {
		t.Fatal(err)
	}
	b, err := review.Open(conf.Ledger, conf.Reviewers)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- review.Serve(ctx, b, 0, func(a string) { address <- a }) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	out, browser := map[string]string{}, &http.Client{Jar: jar}
	get := func(at string) *http.Response {
		resp, err := browser.Get(at)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		out[at] = html.UnescapeString(string(body))
		return resp
	}
	link := regexp.MustCompile(`(?:href|src|action)="([^"#]+)"`)
	next := []string{<-address}
	first := get(next[0]).Request.URL
	for _, name := range []string{"ledger", "ledger.0001", "ledger.history", "ledger.history.state", "ledger.history.seed", "key.pem", "../ledger.history", "..%2fledger.history"} {
		if resp := get(first.String() + name); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
	for ; len(next) > 0; next = next[1:] {
		for _, m := range link.FindAllStringSubmatch(out[next[0]], -1) {
			to, err := first.Parse(m[1])
			if err != nil {
				t.Fatal(err)
			}
			if _, known := out[to.String()]; !known {
				if resp := get(to.String()); resp.StatusCode != http.StatusOK {
					t.Errorf("%s: %s", to, resp.Status)
				}
				next = append(next, to.String())
			}
		}
	}
	return out
}

// TestReviewerSees goes through all that a reviewer can fetch of a ledger in which
// much is hidden: the page, the list and each entry as text and as JSON, and the
// files with their archive. None has a hidden number; all have the reasons.
func TestReviewerSees(t *testing.T) {
	s := office(t, 3000)
	if _, stderr, code := weir(t, s.dir, "--config", s.config, "run", "--allow-errors", notebook(t, hiding...), "-o", filepath.Join(s.dir, "out.ipynb")); code != 0 && code != 3 {
		t.Fatal(stderr)
	}
	hidden := s.hidden(t)
	if len(hidden) < 20 {
		t.Fatalf("only %d numbers are hidden that can be looked for", len(hidden))
	}
	t.Logf("%d hidden numbers are looked for, such as %q", len(hidden), hidden[:5])
	s.command(t, "rotate")
	seen := pages(t, s)
	seen["show"], seen["show --json"], seen["verify"] = s.command(t, "show"), s.command(t, "show", "--json"), s.command(t, "verify", "--replay")
	for _, v := range s.events(t, ledger.Release) {
		name := fmt.Sprint("show ", v.Seq)
		seen[name] = s.command(t, "show", fmt.Sprint(v.Seq))
		for _, r := range rowsOf(v.Table) {
			if n, err := strconv.Atoi(r.Cells[0]); err == nil && 1 <= n && n <= 20 {
				t.Errorf("entry %d has a count of %s", v.Seq, r.Cells[0])
			}
		}
	}
	for _, path := range []string{s.ledger, s.ledger + ".0001"} {
		seen[path] = withoutCertificates(t, path)
	}
	for where, text := range seen {
		for _, n := range hidden {
			if stands(text, n) {
				t.Errorf("%s has the hidden number %s", where, n)
			}
		}
	}
	for _, v := range s.events(t, ledger.Refusal) {
		found := 0
		for where, text := range seen {
			if strings.HasSuffix(where, fmt.Sprint("/entry-", v.Seq)) && v.Refusal.Reason != "" && strings.Contains(text, v.Refusal.Reason) && strings.Contains(text, v.Refusal.Rule) && strings.Contains(text, v.Refusal.Way) {
				found++
			}
		}
		if found != 1 {
			t.Errorf("the reason of the refusal in entry %d is not on its page: %+v", v.Seq, v.Refusal)
		}
	}
	for _, v := range s.events(t, ledger.Release) {
		if v.Title == "" || v.Table == nil && v.Chart == "" && v.Card == "" {
			t.Errorf("entry %d says nothing of what was released: %+v", v.Seq, v)
		}
	}
	private(t, s)
}

// withoutCertificates is a ledger's file but for the certificates: they show how
// hidden numbers could be otherwise, and hit the true one by chance.
func withoutCertificates(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(text)) {
		var e map[string]any
		if err := json.Unmarshal([]byte(line[65:]), &e); err != nil {
			t.Fatal(err)
		}
		if detail, ok := e["body"].(map[string]any)["detail"].(map[string]any); ok {
			delete(detail, "certificate")
		}
		if err := json.NewEncoder(&out).Encode(e); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

// private: what lies on the side of the data is for its user only.
func private(t *testing.T, s site) {
	t.Helper()
	files, err := filepath.Glob(s.ledger + "*")
	if err != nil || len(files) < 4 {
		t.Errorf("%q, %v", files, err)
	}
	for _, path := range files {
		if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, st.Mode(), err)
		}
	}
}
