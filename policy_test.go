package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weir/guard"
)

// TestStricterPolicy runs a notebook under an administrator's policy: 300
// participants are hidden where 400 is the threshold, and the ledger has the policy.
func TestStricterPolicy(t *testing.T) {
	s := newSite(t)
	path := filepath.Join(s.dir, "policy.toml")
	if err := os.WriteFile(path, []byte("version = \"site 2\"\nthreshold = 400\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	question := notebook(t, "cdr := ds.Open(\"canaries\")\ncdr.Everyone().Count()")
	show := func() (text, ledger string) {
		out := filepath.Join(t.TempDir(), "out.ipynb")
		if _, stderr, code := weir(t, s.dir, "--config", s.config, "run", question, "-o", out); code != 0 {
			t.Fatal(stderr)
		}
		b, err := os.ReadFile(s.ledger)
		if err != nil {
			t.Fatal(err)
		}
		return outputsOf(t, out)[0].Data["text/plain"], string(b)
	}
	text, _ := show()
	if !strings.Contains(text, "300") {
		t.Errorf("under the built-in policy:\n%s", text)
	}
	s.configure(t, "registered", fmt.Sprintf("policy = %q\n", path))
	text, ledger := show()
	strict, err := guard.ParsePolicy([]byte("version = \"site 2\"\nthreshold = 400\n"))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, "300") || !strings.Contains(text, "hidden") || !strings.Contains(text, "400") {
		t.Errorf("under the stricter policy:\n%s", text)
	}
	if !strings.Contains(ledger, strict.Hash()) || !strings.Contains(ledger, guard.Builtin.Hash()) || !strings.Contains(ledger, "site 2") {
		t.Errorf("the ledger does not name both policies:\n%s", ledger)
	}
}
