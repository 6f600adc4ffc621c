//go:build figures

package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"weir/kernel"
	"weir/notebooks/nbformat"
	"weir/notebooks/verify"
)

func lockdownFigures(t *testing.T) {
	data := custodyOf(t)
	path := ran(t, data)
	found := 0
	for _, test := range tampering {
		n, err := nbformat.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		test.change(n)
		bad := filepath.Join(t.TempDir(), "bad.ipynb")
		if err := n.Save(bad); err != nil {
			t.Fatal(err)
		}
		out, _, code := weir(t, data, "verify", "--json", bad)
		var s verify.Summary
		if json.Unmarshal([]byte(out), &s) == nil && code == exitIntegrity && slices.ContainsFunc(s.Findings, func(f verify.Finding) bool { return f.Fault == test.fault && f.Cell == test.cell }) {
			found++
		}
	}
	figure("lockdown/tampering_found", fmt.Sprintf("%d/%d", found, len(tampering)), "kinds", "all", found == len(tampering))
	judged := judgeTime(t, data, path)
	figure("lockdown/judge_a_message_p50", judged.Microseconds(), "us", "<=1000", judged <= time.Millisecond)
	if os.Geteuid() == 0 {
		direct, messenger := cellTimes(t)
		above := messenger - direct
		figure("lockdown/vault_cell_above_direct_p50", fmt.Sprintf("%.2f", float64(above)/float64(time.Millisecond)), fmt.Sprintf("ms_over_%.2f", float64(direct)/float64(time.Millisecond)), "<=5", above <= 5*time.Millisecond)
	} else {
		figure("lockdown/vault_cell_above_direct_p50", "not-measured", "only-root-can-be-two-users", "<=5", false)
	}
	if os.Getenv("LONG") == "" {
		return
	}
	if os.Geteuid() == 0 {
		guideFigure(t)
	}
	root, shared := lockedDown(t)
	liar(t, root)
	var p tried
	outsiders(t, &p, "paths.py", filepath.Join(root, "bin/weir-lab"), shared, t.TempDir())
	closed := p.print()
	figure("lockdown/http_paths_closed", fmt.Sprintf("%d/%d", closed, len(p.Paths)), "paths", "all", closed == len(p.Paths))
	root, shared = lockedDown(t)
	var ui struct {
		tried
		Works map[string]bool
	}
	outsiders(t, &ui, "ui.py", filepath.Join(root, "bin/weir-lab"), shared, t.TempDir())
	closed, works := ui.print(), 0
	for _, ok := range ui.Works {
		if ok {
			works++
		}
	}
	figure("lockdown/ui_paths_closed", fmt.Sprintf("%d/%d", closed, len(ui.Paths)), "paths", "all", closed == len(ui.Paths))
	figure("lockdown/researcher_needs_that_work", fmt.Sprintf("%d/%d", works, len(ui.Works)), "needs", "all", works == len(ui.Works))
}

// guideFigure is how much of what the administrators' guide promises was found.
func guideFigure(t *testing.T) {
	right, found := 0, guide(t)
	for _, ok := range found {
		if ok == true {
			right++
		}
	}
	figure("lockdown/guide_promises_kept", fmt.Sprintf("%d/%d", right, len(found)), "promises", "all", right == len(found))
}

// judgeTime is the median of a table's way through weir judge.
func judgeTime(t *testing.T, data, path string) time.Duration {
	n, err := nbformat.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	key, err := existingKey(data + "/weir/key.pem")
	if err != nil {
		t.Fatal(err)
	}
	public := filepath.Join(t.TempDir(), "public.pem")
	if err := os.WriteFile(public, encodePublic(publicOf(key)), 0o644); err != nil {
		t.Fatal(err)
	}
	c := exec.Command(filepath.Join(home(t), "bin/weir"), "judge", "--public-key", public, "--seen", filepath.Join(t.TempDir(), "seen"))
	in, _ := c.StdinPipe()
	out, _ := c.StdoutPipe()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	defer c.Wait()
	defer in.Close()
	o := n.Cells[1].Outputs[0]
	question, err := json.Marshal(map[string]any{"ask": "message", "kind": "execute_result", "content": map[string]any{"data": o.Data, "metadata": o.Metadata}})
	if err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(out)
	var times []time.Duration
	for range 500 {
		begun := time.Now()
		if _, err := in.Write(append(question, '\n')); err != nil {
			t.Fatal(err)
		}
		answer, err := answers.ReadString('\n')
		if err != nil || !strings.Contains(answer, `"ok":true`) {
			t.Fatal(answer, err)
		}
		times = append(times, time.Since(begun))
	}
	slices.Sort(times)
	return times[len(times)/2]
}

// cellTimes are the medians of a small cell in a session here and in a vault.
func cellTimes(t *testing.T) (direct, messenger time.Duration) {
	s := startVault(t)
	x, _ := s.session(t, aliceUID)
	defer x.Close()
	conf, err := loadConfig(s.dir + "/registered.toml")
	if err != nil {
		t.Fatal(err)
	}
	here, err := newSession(conf)
	if err != nil {
		t.Fatal(err)
	}
	defer here.Close()
	return cellTime(t, here), cellTime(t, x)
}

func cellTime(t *testing.T, x kernel.Executor) time.Duration {
	var times []time.Duration
	for i := range 50 {
		begun := time.Now()
		if o := x.Execute(t.Context(), kernel.Request{Code: "1 + 1", Count: i + 1}, new(heard)); o.Failed {
			t.Fatal(o)
		}
		times = append(times, time.Since(begun))
	}
	slices.Sort(times)
	return times[len(times)/2]
}
