package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// site is an installation of its own: a repository, a ledger, a key and a configuration.
type site struct{ dir, config, repository, ledger string }

func newSite(t *testing.T) site {
	t.Helper()
	dir := t.TempDir()
	s := site{dir, filepath.Join(dir, "weir.toml"), filepath.Join(dir, "repository"), filepath.Join(dir, "ledger")}
	canaries(t, s.repository)
	s.configure(t, "registered", "")
	return s
}

func (s site) configure(t testing.TB, tier, more string) {
	t.Helper()
	text := fmt.Sprintf("repository = %q\ntier = %q\nledger = %q\nkey = %q\nconduct = \"1\"\n", s.repository, tier, s.ledger, filepath.Join(s.dir, "key.pem"))
	if strings.HasPrefix(more, "[") { // tables come last
		text += accessFor(os.Getuid()) + more
	} else {
		text += more + accessFor(os.Getuid())
	}
	if err := os.WriteFile(s.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// accessFor is the end of a configuration that lets one user in.
func accessFor(uid int) string {
	return fmt.Sprintf("workspace = \"workspace-1\"\npurpose = \"to test\"\n[[access]]\nusers = [\"%d\"]\ntiers = [\"registered\", \"controlled\"]\n", uid)
}

// run runs cells in batch and returns the output notebook's cells and the exit code.
func (s site) run(t *testing.T, cells ...string) (outputs [][]output, stderr string, code int) {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.ipynb")
	_, stderr, code = weir(t, s.dir, "--config", s.config, "run", "--allow-errors", notebook(t, cells...), "-o", out)
	b, err := os.ReadFile(out)
	if err != nil {
		return nil, stderr, code
	}
	var nb struct {
		Cells []struct {
			Outputs []struct {
				Type      string         `json:"output_type"`
				Data      map[string]any `json:"data"`
				Name      string         `json:"ename"`
				Value     string         `json:"evalue"`
				Traceback []string
			}
		}
	}
	if err := json.Unmarshal(b, &nb); err != nil {
		t.Fatal(err)
	}
	for _, c := range nb.Cells {
		var list []output
		for _, o := range c.Outputs {
			list = append(list, output{Type: o.Type, Name: o.Name, Text: o.Value + strings.Join(o.Traceback, "\n")})
		}
		outputs = append(outputs, list)
	}
	return outputs, stderr, code
}

const count = `ds.Open("canaries").Everyone().By(ds.Open("canaries").SexAtBirth()).Count()`

// TestBadInput: what is wrong is named with its remedy, nothing of the data comes
// out, and the session goes on.
func TestBadInput(t *testing.T) {
	good := newSite(t)
	if outputs, stderr, code := good.run(t, count, "1 + 1"); code != 0 || outputs[0][0].Type != "execute_result" {
		t.Fatalf("a good site: exit %d, %v\n%s", code, outputs, stderr)
	}
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, s site)
		want  []string // in the error
		code  int
	}{
		{"a damaged data file", func(t *testing.T, s site) {
			path := filepath.Join(s.repository, "person.arrow")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			b[len(b)/2] ^= 1
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}, []string{"IntegrityError", "person.arrow", "SHA-256", "build the repository again"}, 4},
		{"a missing data file", func(t *testing.T, s site) {
			if err := os.Remove(filepath.Join(s.repository, "person.arrow")); err != nil {
				t.Fatal(err)
			}
		}, []string{"IntegrityError", "person.arrow", "restore it from a backup"}, 4},
		{"a missing repository", func(t *testing.T, s site) {
			if err := os.RemoveAll(s.repository); err != nil {
				t.Fatal(err)
			}
		}, []string{"no repository of the registered tier at", "weir data"}, 1},
		{"a manifest of another format", func(t *testing.T, s site) {
			if err := os.WriteFile(filepath.Join(s.repository, "manifest.json"), []byte(`{"format":9}`), 0o644); err != nil {
				t.Fatal(err)
			}
		}, []string{"manifest.json", "format 9", "build the repository again"}, 1},
		{"a repository of another tier", func(t *testing.T, s site) { s.configure(t, "controlled", "") },
			[]string{"no repository of the controlled tier at", "configuration"}, 1},
		{"an unwritable ledger", func(t *testing.T, s site) {
			if err := os.Mkdir(s.ledger, 0o700); err != nil {
				t.Fatal(err)
			}
		}, []string{"ledger", "nothing is released until it can be written"}, 1},
		{"a ledger that was tampered with", func(t *testing.T, s site) {
			if err := os.WriteFile(s.ledger, []byte("not a ledger\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, []string{"IntegrityError", "line 1", "call the administrator"}, 4},
		{"a key that others can read", func(t *testing.T, s site) {
			if err := os.WriteFile(filepath.Join(s.dir, "key.pem"), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
		}, []string{"key.pem", "chmod 600"}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			c.spoil(t, s)
			outputs, stderr, code := s.run(t, count, "1 + 1")
			if code != c.code {
				t.Errorf("exit code %d, want %d", code, c.code)
			}
			if len(outputs) != 2 || len(outputs[0]) != 1 || outputs[0][0].Type != "error" {
				t.Fatalf("outputs %v\n%s", outputs, stderr)
			}
			got := regexp.MustCompile(`\x1b\[[0-9;]*m`).ReplaceAllString(outputs[0][0].Name+" "+outputs[0][0].Text, "")
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					t.Errorf("%q has no %q", got, want)
				}
			}
			if outputs[1][0].Type != "execute_result" {
				t.Errorf("the next cell: %v", outputs[1])
			}
		})
	}
}

// TestBadConfiguration and bad notebooks end the command before anything runs.
func TestBadConfiguration(t *testing.T) {
	s := newSite(t)
	nb := notebook(t, count)
	lax := filepath.Join(s.dir, "lax.toml")
	if err := os.WriteFile(lax, []byte("threshold = 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, config, want string
	}{
		{"an unknown key", "threshold = 3\n", "threshold"},
		{"a relative path", "", "must be an absolute path"},
		{"no tier", "", "tier"},
		{"no TOML", "= =", "weir.toml"},
		{"a relative policy", "policy = \"policy.toml\"\n", "must be an absolute path"},
		{"a missing policy", "policy = \"/nowhere/policy.toml\"\n", "/nowhere/policy.toml"},
		{"a looser policy", fmt.Sprintf("policy = %q\n", lax), "threshold = 3: the built-in policy has 20"},
	} {
		t.Run(c.name, func(t *testing.T) {
			switch c.name {
			case "a relative path":
				os.WriteFile(s.config, []byte("repository = \"here\"\ntier = \"registered\"\nledger = \"/l\"\nkey = \"/k\"\n"), 0o600)
			case "no tier":
				s.configure(t, "", "")
			default:
				s.configure(t, "registered", c.config)
			}
			_, stderr, code := weir(t, s.dir, "--config", s.config, "run", nb, "-o", filepath.Join(t.TempDir(), "out.ipynb"))
			if code != exitUsage || !strings.Contains(stderr, c.want) {
				t.Errorf("exit %d, %s", code, stderr)
			}
		})
	}
	bad := filepath.Join(t.TempDir(), "bad.ipynb")
	if err := os.WriteFile(bad, []byte("person_id,bmi\n1,22.5\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, stderr, code := weir(t, s.dir, "run", bad, "-o", filepath.Join(t.TempDir(), "out.ipynb"))
	if code != exitUsage || !strings.Contains(stderr, "bad.ipynb") || strings.Contains(stderr, "22.5") {
		t.Errorf("a malformed notebook: exit %d, %s", code, stderr)
	}
}
