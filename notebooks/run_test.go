package notebooks

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"weir/notebooks/nbformat"
)

var update = flag.Bool("update", false, "write what the runs of testdata/run give")

// TestRun runs the conversations of testdata/run: the cells in, what they look
// like afterwards, the result, the summary and the progress on a log.
func TestRun(t *testing.T) {
	for name, want := range conversations(t) {
		t.Run(name, func(t *testing.T) {
			got := converse(t, want, t.TempDir()+"/out.ipynb")
			if *update {
				if err := os.WriteFile("testdata/run/"+name+".txtar", txtar.Format(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for i, f := range got.Files {
				if i >= len(want.Files) || string(want.Files[i].Data) != string(f.Data) {
					t.Errorf("%s is now\n%s", f.Name, f.Data)
				}
			}
		})
	}
}

// conversations are those of testdata/run, by name.
func conversations(t *testing.T) map[string]*txtar.Archive {
	t.Helper()
	paths, err := filepath.Glob("testdata/run/*.txtar")
	if err != nil || len(paths) < 10 {
		t.Fatal("no conversations", err)
	}
	all := map[string]*txtar.Archive{}
	for _, path := range paths {
		if all[strings.TrimSuffix(filepath.Base(path), ".txtar")], err = txtar.ParseFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func converse(t *testing.T, a *txtar.Archive, output string) *txtar.Archive {
	t.Helper()
	options, in := string(a.Files[0].Data), string(a.Files[1].Data)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := &script{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), cancel: cancel, deaf: make(chan struct{})}
	defer close(s.deaf)
	var log strings.Builder
	o := parseOptions(t, options)
	o.Input, o.Output = "in.ipynb", output
	o.Now, o.Progress = s.clock, NewProgress(&log)
	n := parseCells(in)
	result, err := Run(ctx, n, s, o)
	if err != nil {
		fmt.Fprintf(&log, "error: %v\n", err)
	}
	var out, summary strings.Builder
	if result != nil {
		out.WriteString(renderCells(n))
		summary.WriteString(renderResult(result))
		if err := result.WriteSummary(&summary); err != nil {
			t.Fatal(err)
		}
		checkSaved(t, n, o.Output)
	}
	return &txtar.Archive{Comment: a.Comment, Files: []txtar.File{
		{Name: "options", Data: []byte(options)},
		{Name: "in", Data: []byte(in)},
		{Name: "out", Data: []byte(out.String())},
		{Name: "result", Data: []byte(summary.String())},
		{Name: "progress", Data: []byte(log.String())},
	}}
}

func parseOptions(t *testing.T, lines string) (o Options) {
	t.Helper()
	for line := range strings.Lines(lines) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		d, _ := time.ParseDuration(value)
		switch name {
		case "-p":
			p, err := ParseParameter(value)
			if err != nil {
				t.Fatal(err)
			}
			o.Parameters = append(o.Parameters, p)
		case "--allow-errors":
			o.AllowErrors = true
		case "--report":
			o.Report = true
		case "--cell-timeout":
			o.CellTimeout = d
		case "--timeout":
			o.Timeout = d
		case "--grace":
			o.Grace = d
		default:
			t.Fatalf("no such option: %s", name)
		}
	}
	return o
}

func renderResult(r *Result) string {
	var b strings.Builder
	if r.Stopped != Finished {
		fmt.Fprintf(&b, "stopped at cell %d: %s\n", r.StoppedAt, r.Stopped)
	}
	for _, f := range r.Failures {
		fmt.Fprintf(&b, "cell %d failed, expected %v: %s: %s\n", f.Cell, f.Expected, f.Name, f.Value)
	}
	return b.String()
}

// checkSaved compares the file with the notebook in memory.
func checkSaved(t *testing.T, n *nbformat.Notebook, path string) {
	t.Helper()
	saved, err := nbformat.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := renderCells(saved), renderCells(n); got != want {
		t.Errorf("saved was\n%s\nand in memory is\n%s", got, want)
	}
}

func TestEveryCellIsSavedWhenItEnds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out.ipynb")
	n := parseCells("%% code\n!stdout \"1\"\n%% markdown\n\n%% code\n!stdout \"2\"\n%% code\n!stdout \"3\"\n")
	s := &script{}
	s.before = func(count int) {
		saved, err := nbformat.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		done := 0
		for _, c := range saved.Cells {
			done += len(c.Outputs)
		}
		if done != count-1 {
			t.Errorf("before the cell [%d], the file holds %d outputs", count, done)
		}
	}
	if _, err := Run(t.Context(), n, s, Options{Output: path}); err != nil {
		t.Fatal(err)
	}
}

func TestRunInPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nb.ipynb")
	if err := parseCells("%% code parameters\nx := 1\n%% code\n!stdout \"a\"\n!stdout \"b\"\n").Save(path); err != nil {
		t.Fatal(err)
	}
	now := func() time.Time { return time.Unix(0, 0) }
	var first []byte
	for range 2 {
		n, err := nbformat.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		o := Options{Input: path, Output: path, Parameters: []Parameter{{"x", "2"}}, Now: now}
		if _, err := Run(t.Context(), n, &script{}, o); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first != nil && string(first) != string(b) {
			t.Errorf("the second run wrote\n%s\nthe first\n%s", b, first)
		}
		first = b
	}
}

func TestRunRefuses(t *testing.T) {
	dir := t.TempDir()
	python := parseCells("%% code\n!stdout \"x\"\n")
	python.Metadata["kernelspec"] = map[string]any{"name": "python3", "display_name": "Python 3", "language": "python"}
	plain := parseCells("%% code\n!stdout \"x\"\n")
	for name, test := range map[string]struct {
		n *nbformat.Notebook
		o Options
	}{
		"another language":       {python, Options{Output: dir + "/out.ipynb"}},
		"no output":              {plain, Options{}},
		"an output not writable": {plain, Options{Output: dir + "/missing/out.ipynb"}},
		"a bad parameter":        {plain, Options{Output: dir + "/out.ipynb", Parameters: []Parameter{{"x", "[]"}}}},
	} {
		s := &script{before: func(int) { t.Errorf("%s: a cell was run", name) }}
		if r, err := Run(t.Context(), test.n, s, test.o); err == nil || r != nil {
			t.Errorf("%s: %v, %v", name, r, err)
		}
	}
	if names, _ := os.ReadDir(dir); len(names) > 0 {
		t.Errorf("refused, but wrote %v", names)
	}
}

func TestInterruptBeforeTheFirstCell(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "out.ipynb")
	r, err := Run(ctx, parseCells("%% code\n!stdout \"x\"\n"), &script{}, Options{Output: path})
	if err != nil || r.Ran != 0 || r.Stopped != Interrupted {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := nbformat.Read(path); err != nil {
		t.Error(err)
	}
}

func TestReportHidesSources(t *testing.T) {
	n := parseCells("%% markdown\n# A\n%% code parameters\nx := 1\n%% code\n!result \"x\"\n")
	n.Cells[2].Metadata["jupyter"] = map[string]any{"outputs_hidden": false}
	o := Options{Output: filepath.Join(t.TempDir(), "out.ipynb"), Report: true, Parameters: []Parameter{{"x", "2"}}}
	if _, err := Run(t.Context(), n, &script{}, o); err != nil {
		t.Fatal(err)
	}
	for i, c := range n.Cells {
		jupyter, _ := c.Metadata["jupyter"].(map[string]any)
		if hidden := jupyter["source_hidden"] == true; hidden != (c.Type == nbformat.Code) {
			t.Errorf("cell %d, %s, has %v", i+1, c.Type, jupyter)
		}
	}
	if n.Cells[3].Metadata["jupyter"].(map[string]any)["outputs_hidden"] != false {
		t.Error("other metadata of jupyter were lost")
	}
}
