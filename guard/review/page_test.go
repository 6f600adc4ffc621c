package review

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/guard/ledger"
)

// serve serves a book for the length of a test.
func serve(t *testing.T, b *Book) string {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	address, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- Serve(ctx, b, 0, func(a string) { address <- a }) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case a := <-address:
		return a
	case err := <-ended:
		t.Fatal(err)
	}
	return ""
}

func found(t *testing.T, name, value string) string {
	t.Helper()
	if value == "" {
		if os.Getenv("WEIR_REQUIRE_ALL") != "" {
			t.Fatalf("%s is not here", name)
		}
		t.Skipf("%s is not here", name)
	}
	return value
}

// TestBrowser has an output checker and two reviewers use the page in Chromium.
// With REVIEW_SHOTS the screenshots are kept in that folder.
func TestBrowser(t *testing.T) {
	python := found(t, "Python with Playwright ($WEIR_PYTHON)", os.Getenv("WEIR_PYTHON"))
	found(t, "Chromium ($WEIR_CHROMIUM)", os.Getenv("WEIR_CHROMIUM"))
	b, path := office(t)
	add(t, path, ledger.Release, table(`<script>window.pwned=1</script>"'><img src=x onerror=pwned=1>`, "30", "hidden"))
	keys, shots := t.TempDir(), os.Getenv("REVIEW_SHOTS")
	if shots == "" {
		shots = t.TempDir()
	}
	for name, n := range map[string]byte{"a.pem": 1, "b.pem": 2, "forged.pem": 9} {
		if err := os.WriteFile(filepath.Join(keys, name), EncodeKey(person(n)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(keys, "notes.txt"), []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(python, "testdata/browse.py", serve(t, b), keys, shots)
	var errs bytes.Buffer
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	var saw struct {
		Stranger             []any
		URL                  string
		All                  int
		Filtered, Output     []string
		Script, Refusal      string
		NoKey, NoKeyFile     []string
		Forged, Wrong        []string
		First, Twice, Second []string
		Form                 int
		After                []string
		Console, Faults      []string
		Back                 map[string]string
		Requests             [][]*string
	}
	if err := json.Unmarshal(out, &saw); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if saw.Stranger[0] != 403.0 || strings.Contains(saw.Stranger[1].(string), "rare") {
		t.Errorf("without the token: %v", saw.Stranger)
	}
	if strings.Contains(saw.URL, "token") {
		t.Errorf("the token stays in the address: %s", saw.URL)
	}
	if saw.All != 6 || !slices.Equal(saw.Filtered, []string{"2"}) {
		t.Errorf("%d entries, filtered %q", saw.All, saw.Filtered)
	}
	if !slices.Equal(saw.Output, []string{"group 0\t100", "group 1\thidden"}) || saw.Script != "undefined" {
		t.Errorf("the output: %q, a plan's script: %s", saw.Output, saw.Script)
	}
	for _, text := range []string{"rows are not released", "rule 1", "describe them"} {
		if !strings.Contains(saw.Refusal, text) {
			t.Errorf("the refusal does not say %q: %s", text, saw.Refusal)
		}
	}
	for what, c := range map[string]struct {
		saw  []string
		want [2]string
	}{
		"no key":       {saw.NoKey, [2]string{"Choose who you are", "open"}},
		"another file": {saw.NoKeyFile, [2]string{"This file is no", "open"}},
		"a forged key": {saw.Forged, [2]string{"Refused and recorded: the signature", "open"}},
		"another's":    {saw.Wrong, [2]string{"Refused and recorded: the signature", "open"}},
		"the first":    {saw.First, [2]string{"The grant of A. Okafor is recorded.", "open"}},
		"one twice":    {saw.Twice, [2]string{"Refused and recorded: the reviewer has granted", "open"}},
		"the second":   {saw.Second, [2]string{"The grant of B. Lindqvist is recorded.", "granted"}},
	} {
		if len(c.saw) != 2 || !strings.HasPrefix(c.saw[0], c.want[0]) || c.saw[1] != c.want[1] {
			t.Errorf("%s: %q", what, c.saw)
		}
	}
	if saw.Form != 0 {
		t.Error("what is granted can be granted again")
	}
	if len(saw.Faults) > 0 || saw.Back["light"] == saw.Back["dark"] {
		t.Errorf("%q, backgrounds %v", saw.Faults, saw.Back)
	}
	for _, line := range saw.Console {
		if !strings.Contains(line, "403 (Forbidden)") { // the refused grants
			t.Errorf("console: %s", line)
		}
	}
	seed := seedIn(t, filepath.Join(keys, "a.pem"))
	for _, r := range saw.Requests {
		if *r[0] == "POST" && r[2] != nil && (strings.Contains(*r[2], "KEY") || strings.Contains(*r[2], seed)) {
			t.Errorf("a key was sent: %s", *r[2])
		}
	}
	var kinds []string
	for _, v := range open(t, path).Events(Filter{})[6:] {
		kinds = append(kinds, v.Kind)
	}
	if want := []string{ledger.Denial, ledger.Denial, ledger.Grant, ledger.Denial, ledger.Grant}; !slices.Equal(kinds, want) || !slices.Equal(saw.After, want) {
		t.Errorf("recorded: %q, shown: %q", kinds, saw.After)
	}
}

// seedIn is the seed in a key's file as base64.
func seedIn(t *testing.T, path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return url.QueryEscape(strings.Split(string(b), "\n")[1])
}

// TestRequestsOfOthers: what does not come from the page, or has no valid
// signature, changes nothing.
func TestRequestsOfOthers(t *testing.T) {
	b, path := office(t)
	p := newPage(b, "127.0.0.1:1234")
	valid := url.Values{"reviewer": {"A. Okafor"}, "signature": {Sign(person(1), statement(t, b, 5, "A. Okafor"))}}
	type request struct {
		method, target, host, origin, kind, token string
		body                                      string
	}
	good := request{"POST", p.folder + "request-5", p.host, "http://" + p.host, "application/x-www-form-urlencoded", p.token, valid.Encode()}
	do := func(c request) *http.Response {
		r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
		r.Host = c.host
		r.Header.Set("Origin", c.origin)
		r.Header.Set("Content-Type", c.kind)
		r.AddCookie(&http.Cookie{Name: cookie, Value: c.token})
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		return w.Result()
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*request){
		"another host":        func(r *request) { r.host = "evil.example:1234" },
		"another origin":      func(r *request) { r.origin = "http://evil.example" },
		"no origin":           func(r *request) { r.origin = "" },
		"an opaque origin":    func(r *request) { r.origin = "null" },
		"another kind":        func(r *request) { r.kind = "text/plain" },
		"a long body":         func(r *request) { r.body += strings.Repeat("&x=y", 5000) },
		"no token":            func(r *request) { r.token = "" },
		"another token":       func(r *request) { r.token = p.token[1:] + "A" },
		"PUT":                 func(r *request) { r.method = "PUT" },
		"DELETE":              func(r *request) { r.method = "DELETE" },
		"GET":                 func(r *request) { r.method = "GET"; r.target += "?" + r.body; r.body = "" },
		"another page":        func(r *request) { r.target = p.folder + "entry-5" },
		"the list":            func(r *request) { r.target = p.folder },
		"no such request":     func(r *request) { r.target = p.folder + "request-4" },
		"a number too large":  func(r *request) { r.target = p.folder + "request-99999999999999999999" },
		"another folder":      func(r *request) { r.target = "/request-5" },
		"the token in a path": func(r *request) { r.token, r.target = "", p.folder+"request-5?token="+p.token },
	} {
		c := good
		change(&c)
		if resp := do(c); resp.StatusCode == http.StatusOK && c.method != "GET" {
			t.Errorf("%s: %s", what, resp.Status)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
			t.Errorf("%s: the ledger was written to (%v)", what, err)
		}
	}
	bad := good
	bad.body = url.Values{"reviewer": {"A. Okafor"}, "signature": {"AAAA"}}.Encode()
	for i := range maxDenials + 3 {
		want := http.StatusForbidden
		if i >= maxDenials {
			want = http.StatusTooManyRequests
		}
		if resp := do(bad); resp.StatusCode != want {
			text, _ := io.ReadAll(resp.Body)
			t.Fatalf("forged grant %d: %s %s", i, resp.Status, text)
		}
	}
	if n := len(open(t, path).Events(Filter{Kinds: []string{ledger.Denial}})); n != maxDenials {
		t.Errorf("%d denials are recorded", n)
	}
	if c, _ := open(t, path).Case(5); len(c.Grants) != 0 {
		t.Error("granted")
	}
	p.denials = nil
	if resp := do(good); resp.StatusCode != http.StatusSeeOther {
		t.Errorf("the good one: %s", resp.Status)
	}
}

// TestHeaders: the same strict policy stands on every answer.
func TestHeaders(t *testing.T) {
	b, _ := office(t)
	address := serve(t, b)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	jar := &http.Cookie{Name: cookie, Value: u.Query().Get("token")}
	for _, path := range []string{"", "?kind=release&since=2020-01-01&until=x&before=4", "entry-2", "entry-99", "entry-x", "requests", "request-5", "request-1", "page.css", "page.js", "none", "../", "../../session.go"} {
		for _, known := range []bool{true, false} {
			r, err := http.NewRequest("GET", "http://"+u.Host+u.Path+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if known {
				r.AddCookie(jar)
			}
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil {
				t.Fatal(err)
			}
			if resp.Header.Get("Content-Security-Policy") != policy || resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %v", path, resp.Header)
			}
			if !known && (resp.StatusCode != http.StatusForbidden || bytes.Contains(body, []byte("rare"))) {
				t.Errorf("%s without the token: %s", path, resp.Status)
			}
			for _, inline := range []string{"<style", " style=", " onclick=", "javascript:", "<script>"} {
				if bytes.Contains(body, []byte(inline)) {
					t.Errorf("%s has %q", path, inline)
				}
			}
		}
	}
}

// TestDamagedLedger: a ledger that does not verify is not shown.
func TestDamagedLedger(t *testing.T) {
	b, path := office(t)
	p := newPage(b, "127.0.0.1:1234")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, append(whole, "x {}\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", p.folder, nil)
	r.Host = p.host
	r.AddCookie(&http.Cookie{Name: cookie, Value: p.token})
	w := httptest.NewRecorder()
	p.ServeHTTP(w, r)
	if text := w.Body.String(); w.Code != http.StatusInternalServerError || !strings.Contains(text, "line 6") || strings.Contains(text, "rare") {
		t.Errorf("%d %s", w.Code, text)
	}
}
