package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shownBy runs a notebook in a workspace and returns what its last cell shows.
func shownBy(t *testing.T, data string, cells ...string) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.ipynb")
	if _, stderr, code := weir(t, data, "run", notebook(t, append([]string{`cdr := ds.Open("synthetic")`}, cells...)...), "-o", out); code != 0 {
		t.Fatal(stderr)
	}
	all := outputsOf(t, out)
	return all[len(all)-1].Data["text/plain"]
}

// TestTrackers asks in one notebook, and in another one of the workspace for a few
// participants more, fewer or others: each count alone is large.
func TestTrackers(t *testing.T) {
	const old = `older := cdr.Cohort("older").Include(cdr.Age().AtLeast(20))`
	for name, c := range map[string]struct{ before, then string }{
		"a few more":       {old + "\nolder.Count()", old + "\nolder.Exclude(cdr.Condition(2100100168).Exists()).Count()"},
		"parts of a whole": {old + "\nolder.Count()", old + "\nolder.By(cdr.Condition(2100100168).Exists()).Count()"},
		"a mean before and after": {old + "\nolder.Summarise(cdr.Age().Mean())",
			old + "\nolder.Exclude(cdr.Condition(2100100168).Exists()).Summarise(cdr.Age().Mean())"},
	} {
		t.Run(name, func(t *testing.T) {
			data := workspace(t)
			alone := shownBy(t, workspace(t), c.then)
			before := shownBy(t, data, c.before)
			after := shownBy(t, data, c.then)
			t.Logf("alone:\n%s\nbefore:\n%s\nafter:\n%s", alone, before, after)
			rows := regexp.MustCompile(`(?m) hidden$`)
			if len(rows.FindAllString(after, -1)) <= len(rows.FindAllString(alone, -1)) || !strings.Contains(after, "has been shown before") {
				t.Errorf("shown as if nothing had been shown before")
			}
			if again := shownBy(t, data, c.before); again != before {
				t.Errorf("what was shown is not shown again:\n%s", again)
			}
		})
	}
}

// TestHistoryIsNeeded: without the history of the workspace nothing is released.
func TestHistoryIsNeeded(t *testing.T) {
	data := workspace(t)
	shownBy(t, data, `cdr.Everyone().By(cdr.SexAtBirth()).Count()`)
	path := filepath.Join(data, "weir", "ledger.history")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "out.ipynb")
	_, stderr, code := weir(t, data, "run", notebook(t, `cdr := ds.Open("synthetic")`, `cdr.Everyone().By(cdr.SexAtBirth()).Count()`), "-o", out)
	if code == 0 || !strings.Contains(stderr, "damaged") {
		t.Errorf("%d %s", code, stderr)
	}
}
