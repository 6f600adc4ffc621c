package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"weir/guard"
	"weir/notebooks/nbformat"
	"weir/notebooks/release"
	"weir/notebooks/verify"
)

// ran is a notebook with two tables, a chart, a refusal and a text, run once.
func ran(t *testing.T, data string) string {
	t.Helper()
	in := notebook(t,
		`cdr := ds.Open("synthetic")
everyone := cdr.Everyone()`,
		`everyone.By(cdr.SexAtBirth()).Count()`,
		`everyone.By(cdr.Race()).Count()`,
		`everyone.By(cdr.SexAtBirth()).Count().Bar()`,
		`fmt.Println("a text of the cell")`,
		`everyone.Frame(cdr.SexAtBirth()).Head(5)`)
	out := filepath.Join(t.TempDir(), "ran.ipynb")
	if stdout, stderr, code := weir(t, data, "run", "-q", "--allow-errors", in, "-o", out); code != 0 && code != exitRefused {
		t.Fatal(code, stdout, stderr)
	}
	return out
}

// custodyOf makes a data directory that shares the repository of the tests and has a key and a ledger of its own.
func custodyOf(t *testing.T) string {
	t.Helper()
	data := t.TempDir()
	if err := os.MkdirAll(data+"/weir/repositories", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(home(t)+"/data/weir/repositories/synthetic", data+"/weir/repositories/synthetic"); err != nil {
		t.Fatal(err)
	}
	return data
}

// tampering is what somebody does to a notebook that was run, and the fault that is found.
var tampering = map[string]struct {
	change func(n *nbformat.Notebook)
	fault  verify.Fault
	cell   int
}{
	"an edited number": {func(n *nbformat.Notebook) {
		o := n.Cells[1].Outputs[0]
		o.Data["text/html"] = strings.Replace(o.Data["text/html"], "1", "2", 1)
	}, verify.Edited, 2},
	"a text that is edited beside an honest table": {func(n *nbformat.Notebook) { n.Cells[1].Outputs[0].Data["text/plain"] += "\nmore" }, verify.Edited, 2},
	"an added representation":                      {func(n *nbformat.Notebook) { n.Cells[1].Outputs[0].Data["text/latex"] = "17" }, verify.Edited, 2},
	"a removed representation":                     {func(n *nbformat.Notebook) { delete(n.Cells[1].Outputs[0].Data, "text/html") }, verify.Edited, 2},
	"another class":                                {func(n *nbformat.Notebook) { about(n, 1)["class"] = "refusal" }, verify.Edited, 2},
	"a class that claims to be text":               {func(n *nbformat.Notebook) { about(n, 1)["class"] = "text" }, verify.Edited, 2},
	"a statement that was made up": {func(n *nbformat.Notebook) {
		o := n.Cells[1].Outputs[0]
		o.Data = map[string]string{"text/plain": "17"}
		b, _ := json.Marshal(verify.Statement{Class: "release", MIME: verify.Hashes(o.Data)})
		about(n, 1)["statement"] = string(b)
	}, verify.Forged, 2},
	"a foreign output": {func(n *nbformat.Notebook) {
		n.Cells[0].Outputs = append(n.Cells[0].Outputs, &nbformat.Output{Type: nbformat.DisplayData, Data: map[string]string{"text/html": "<b>17</b>"}})
	}, verify.Foreign, 1},
	"swapped outputs": {func(n *nbformat.Notebook) {
		n.Cells[1].Outputs, n.Cells[2].Outputs = n.Cells[2].Outputs, n.Cells[1].Outputs
	}, verify.Swapped, 2},
	"an output that stands twice": {func(n *nbformat.Notebook) {
		n.Cells[1].Outputs = append(n.Cells[1].Outputs, n.Cells[1].Outputs[0])
	}, verify.Repeated, 2},
	"an output of another cell beside the own": {func(n *nbformat.Notebook) {
		n.Cells[1].Outputs = append(n.Cells[1].Outputs, n.Cells[2].Outputs[0])
	}, verify.Swapped, 2},
	"a later cell's output under a cell whose count was changed": {func(n *nbformat.Notebook) {
		*n.Cells[1].Count = 9
	}, verify.Swapped, 2},
}

func about(n *nbformat.Notebook, cell int) map[string]any {
	return n.Cells[cell].Outputs[0].Metadata["weir"].(map[string]any)
}

func TestVerifyFindsTampering(t *testing.T) {
	data := custodyOf(t)
	path := ran(t, data)
	stdout, stderr, code := weir(t, data, "verify", path)
	if code != 0 || !strings.Contains(stdout, "verified: 4, not as released: 0") {
		t.Fatal(code, stdout, stderr)
	}
	for name, test := range tampering {
		t.Run(name, func(t *testing.T) {
			n, err := nbformat.Read(path)
			if err != nil {
				t.Fatal(err)
			}
			test.change(n)
			bad := filepath.Join(t.TempDir(), "bad.ipynb")
			if err := n.Save(bad); err != nil {
				t.Fatal(err)
			}
			checkFinding(t, data, bad, test.fault, test.cell)
			if _, _, code := weir(t, data, "release", bad, "-o", filepath.Join(t.TempDir(), "out.html")); code != exitIntegrity {
				t.Errorf("release exits with %d", code)
			}
		})
	}
	if out, _, _ := weir(t, data, "ledger", "show", "--json", "--kind", "denial"); strings.Count(out, "bad.ipynb") != len(tampering) {
		t.Errorf("attempts to release what was tampered with, %d of them, are recorded as %s", len(tampering), out)
	}
	t.Run("a member that stands twice", func(t *testing.T) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := filepath.Join(t.TempDir(), "bad.ipynb")
		content = bytes.Replace(content, []byte(`"text/html": [`), []byte(`"text/html": ["17"], "text/html": [`), 1)
		if err := os.WriteFile(bad, content, 0o644); err != nil {
			t.Fatal(err)
		}
		checkFinding(t, data, bad, verify.Malformed, 0)
	})
	t.Run("another ledger", func(t *testing.T) {
		other := custodyOf(t)
		ran(t, other)
		if err := os.WriteFile(other+"/weir/key.pem", readFile(t, data+"/weir/key.pem"), 0o600); err != nil {
			t.Fatal(err)
		}
		checkFinding(t, other, path, verify.Unrecorded, 2)
	})
	t.Run("a ledger that was changed", func(t *testing.T) {
		content := readFile(t, data+"/weir/ledger")
		if err := os.WriteFile(data+"/weir/ledger", bytes.Replace(content, []byte(`"cell":2`), []byte(`"cell":3`), 1), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, stderr, code := weir(t, data, "verify", path); code != exitIntegrity || !strings.Contains(stderr, "ledger") {
			t.Errorf("%d %s", code, stderr)
		}
	})
}

func checkFinding(t *testing.T, data, path string, fault verify.Fault, cell int) {
	t.Helper()
	stdout, stderr, code := weir(t, data, "verify", "--json", path)
	var s verify.Summary
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != exitIntegrity {
		t.Fatal(code, stdout, stderr, err)
	}
	if !slices.ContainsFunc(s.Findings, func(f verify.Finding) bool { return f.Fault == fault && f.Cell == cell }) {
		t.Errorf("found %v, not %s in cell %d", s.Findings, fault, cell)
	}
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestReleaseHoldsVerifiedPartsOnly(t *testing.T) {
	data := custodyOf(t)
	path := ran(t, data)
	n, err := nbformat.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	const canary = "CANARY-3b1f"
	foreign := &nbformat.Output{Type: nbformat.DisplayData, Data: map[string]string{"text/html": canary}, Metadata: map[string]any{"x": canary}}
	n.Cells[1].Outputs = append(n.Cells[1].Outputs, foreign, &nbformat.Output{Type: nbformat.Stream, Name: "stdout", Text: canary})
	n.Cells[1].Metadata["more"] = canary
	n.Metadata["widgets"] = canary
	if err := n.Save(path); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, args := range map[string][]string{"a.ipynb": nil, "a.html": nil, "a.md": nil, "a.csv": {"--cell", "2"}, "a.png": nil} {
		file := filepath.Join(dir, name)
		stdout, stderr, code := weir(t, data, slices.Concat([]string{"release", path, "-o", file, "--partly"}, args)...)
		if code != 0 || !strings.Contains(stdout, "two weeks") {
			t.Fatal(name, code, stdout, stderr)
		}
		content := readFile(t, file)
		for _, want := range []string{"We gratefully acknowledge All of Us participants", "at least two weeks before", guard.Builtin.Version + " (SHA-256 "} {
			if !bytes.Contains(content, []byte(want)) {
				t.Errorf("%s does not carry %q", name, want)
			}
		}
		if bytes.Contains(content, []byte(canary)) {
			t.Errorf("%s carries what was not verified", name)
		}
		key, err := existingKey(data + "/weir/key.pem")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := release.CheckSlip(publicOf(key), readFile(t, release.SlipName(file)), content); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := release.CheckSlip(publicOf(key), readFile(t, release.SlipName(file)), append(content, ' ')); err == nil {
			t.Errorf("%s: the slip lets a changed file out", name)
		}
	}
	if out, stderr, code := weir(t, data, "ledger", "verify"); code != 0 {
		t.Error("the ledger does not hold: ", out, stderr)
	}
	if out, stderr, code := weir(t, data, "ledger", "show", "--kind", "shown,artefact"); code != 0 || !strings.Contains(out, "displays entry") || !strings.Contains(out, "file a.csv with entry ") {
		t.Error("the ledger does not tell of it: ", code, out, stderr)
	}
	if _, err := png.Decode(bytes.NewReader(readFile(t, dir+"/a.png"))); err != nil {
		t.Error(err)
	}
	r := csv.NewReader(bytes.NewReader(readFile(t, dir+"/a.csv")))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 3 || rows[0][1] != "participants" {
		t.Errorf("%v %v", rows, err)
	}
	if stdout, stderr, code := weir(t, data, "verify", dir+"/a.ipynb"); code != 0 || !strings.Contains(stdout, "verified: 4") {
		t.Error(code, stdout, stderr)
	}
	if !bytes.Contains(readFile(t, data+"/weir/ledger"), []byte(`"kind":"artefact"`)) {
		t.Error("the ledger does not record the release")
	}
	if _, stderr, code := weir(t, data, "release", path, "-o", dir+"/b.csv", "--partly"); code != exitRefused || !strings.Contains(stderr, "--cell") {
		t.Errorf("two tables in one CSV: %d %s", code, stderr)
	}
	if _, _, code := weir(t, data, "release", path, "-o", dir+"/b.xlsx"); code != exitUsage {
		t.Error("another format is not refused as usage")
	}
	slips := map[string]bool{}
	list, _ := os.ReadDir(dir)
	for _, f := range list {
		slips[f.Name()] = true
	}
	if len(slips) != 10 {
		t.Errorf("left %v", slices.Sorted(maps.Keys(slips)))
	}
}
