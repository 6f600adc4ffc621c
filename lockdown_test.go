package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/install"
)

// lockedDown installs a lockdown under a folder of its own and returns its
// directory and the data directory that its kernel uses.
func lockedDown(t testing.TB) (root, data string) {
	t.Helper()
	data = filepath.Join(home(t), "data")
	prefix := t.TempDir()
	if out, stderr, code := weir(t, data, "install", "--lockdown", "--prefix", prefix, "--python", python(t)); code != 0 {
		t.Fatal(out, stderr)
	}
	return filepath.Join(prefix, "share/jupyter/weir/lockdown"), data
}

// outsiders runs a script of install/outsiders and decodes what it prints.
func outsiders(t testing.TB, seen any, script string, args ...string) {
	t.Helper()
	c := exec.Command(python(t), append([]string{filepath.Join("install/outsiders", script)}, args...)...)
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, errs.String())
	}
	if errs.Len() > 0 {
		t.Log(errs.String())
	}
	if err := json.Unmarshal(out, seen); err != nil {
		t.Fatal(err, string(out))
	}
}

// tried is the paths of a script: what an ordinary server answers and what the closed one does.
type tried struct {
	Paths   [][3]string
	WasOpen []bool `json:"was_open"`
	Closed  []bool
}

// print prints the table and returns how many paths are closed.
func (p tried) print() (closed int) {
	for i, row := range p.Paths {
		mark := "OPEN  "
		if p.Closed[i] {
			closed, mark = closed+1, "closed"
		}
		fmt.Printf("%s  %-62s before: %-40s after: %s\n", mark, row[0], row[1], row[2])
	}
	return closed
}

// checkOpen: a path that an ordinary server does not have either would prove nothing.
func (p tried) checkOpen(t *testing.T) {
	t.Helper()
	for i, row := range p.Paths {
		if !p.WasOpen[i] {
			t.Errorf("an ordinary server has this closed: %s: %s", row[0], row[1])
		}
	}
}

// liar plants a kernel that the server may start and that says anything: what a
// compromised kernel would be.
func liar(t testing.TB, root string) {
	t.Helper()
	dir := filepath.Join(root, "data/kernels/liar")
	spec, err := json.Marshal(map[string]any{"argv": []string{python(t), "-m", "ipykernel_launcher", "-f", "{connection_file}"}, "display_name": "liar", "language": "python"})
	if err == nil {
		err = os.Mkdir(dir, 0o755)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "kernel.json"), spec, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Every way out that an ordinary server has by HTTP and WebSocket is closed.
func TestLockdownPaths(t *testing.T) {
	t.Parallel() // it waits more than it works
	root, data := lockedDown(t)
	liar(t, root)
	var p tried
	outsiders(t, &p, "paths.py", filepath.Join(root, "bin/weir-lab"), data, t.TempDir())
	if closed := p.print(); closed != len(p.Paths) || closed < 35 {
		t.Errorf("%d of %d paths are closed", closed, len(p.Paths))
	}
	p.checkOpen(t)
}

// So is every way of the user interface, and what a researcher needs works.
func TestLockdownInJupyterLab(t *testing.T) {
	t.Parallel()
	outsider(t, "Chromium ($WEIR_CHROMIUM)", os.Getenv("WEIR_CHROMIUM"))
	root, data := lockedDown(t)
	if err := os.MkdirAll("artefacts", 0o755); err != nil {
		t.Fatal(err)
	}
	var p struct {
		tried
		Works map[string]bool
	}
	outsiders(t, &p, "ui.py", filepath.Join(root, "bin/weir-lab"), data, t.TempDir())
	if closed := p.print(); closed != len(p.Paths) {
		t.Errorf("%d of %d paths are closed", closed, len(p.Paths))
	}
	p.checkOpen(t)
	for what, ok := range p.Works {
		if !ok {
			t.Errorf("it does not work that %s", what)
		}
	}
	if len(p.Works) < 20 {
		t.Errorf("only %d things were tried", len(p.Works))
	}
}

// tries says, for each path of the reference page in its order, how what tries it is
// called in paths.py and ui.py. What nobody can close, or only a part of, says so.
var tries = [][2]string{
	{"`docmanager:download`", "File › Download"},
	{"`filebrowser:download`", "files › context menu"},
	{"`*:open-browser-tab`", "File › Open from URL"},
	{"`notebook:export-to-format`", "palette › terminal, export, download"},
	{"`notebook:copy-to-clipboard`", "output › Copy Output to Clipboard"},
	{"`apputils:print`", "Ctrl+P with that output"},
	{"`notebook:copy-cell`", "copy a cell with its outputs"},
	{"native selection", "drag an unverified output out"},
	{"save-as, duplicate", "save-as with another ending"},
	{"CSV/HTML/PDF/image viewers", "open page.html"},
	{"Vega", "open an old notebook: a chart's menu, Save as PNG"},
	{"console, log console", "View › Log console, debugger"},
	{"terminals", "POST /api/terminals"},
	{"extension manager", "POST /lab/api/extensions (extension manager)"},
	{"LSP, collaboration", "/lsp/status (other extensions' routes)"},
	{"`GET /files/*`", "GET /files/data.csv"},
	{"`GET /api/contents/*?content=1`", "GET /api/contents/data.csv?content=1"},
	{"`?content=0&hash=1`", "?content=0&hash=1 of an old notebook"},
	{"`/nbconvert/*`", "/nbconvert/html/simple.ipynb"},
	{"`/kernelspecs/NAME/kernel.json`", "/kernelspecs/NAME/kernel.json"},
	{"kernel WebSocket", "WebSocket: display_data, update_display_data without a seal"},
	{"`.ipynb_checkpoints`", "restore a checkpoint, then GET"},
	{"connection file", "a cell reads the kernel's connection file"},
	{"beacons in HTML", "open an old notebook: a beacon in its HTML"},
	{"links, `window.open`", "open an old notebook: a link that leads away"},
	{"kernel's own network", "a cell opens a connection"},
	{"filenames, cell ids", "partly: GET /api/contents/old.ipynb (outputs of another kernel)"},
	{"screenshots", "nobody can close it"},
}

// Each path of the reference page is tried by one of the scripts.
func TestEveryPathIsTried(t *testing.T) {
	page, err := os.ReadFile("../shared/reference/jupyterlab-egress.md")
	if err != nil {
		outsider(t, "../shared/reference/jupyterlab-egress.md", "")
	}
	_, table, _ := strings.Cut(string(page), "| path | control | kind |\n|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")
	if len(rows) != len(tries) {
		t.Fatalf("the page has %d paths, of which %d are named here", len(rows), len(tries))
	}
	scripts := string(readFile(t, "install/outsiders/paths.py")) + string(readFile(t, "install/outsiders/ui.py"))
	for i, row := range rows {
		name := strings.TrimPrefix(tries[i][1], "partly: ")
		if !strings.HasPrefix(row, "| "+tries[i][0]) {
			t.Errorf("path %d is %s, not %s", i+1, row, tries[i][0])
		}
		if name != "nobody can close it" && !strings.Contains(scripts, `("`+name+`"`) {
			t.Errorf("nothing tries %s: there is no %q", tries[i][0], name)
		}
	}
}

// TestGuide follows ADMINISTRATORS.md as a stranger would, on a machine of its own:
// vault, lockdown, servers of several researchers, doctor. $WEIR_JUPYTERHUB names a
// Python environment with JupyterHub and Kernel Gateway, and the hub's proxy (make
// hub makes it): then they are set up and attacked, too.
func TestGuide(t *testing.T) {
	if os.Getenv("LONG") == "" {
		t.Skip("LONG is not set")
	}
	if os.Geteuid() != 0 {
		outsider(t, "root, who can make a machine,", "")
	}
	for what, right := range guide(t) {
		if right != true {
			t.Errorf("not so: %s, but\n%v", what, right)
		}
	}
}

// guide follows the guide and returns what was found: true, or what there was instead.
func guide(t testing.TB) (found map[string]any) {
	t.Helper()
	interpreter, proxy, least := python(t), "", 22
	if dir := os.Getenv("WEIR_JUPYTERHUB"); dir != "" {
		interpreter, proxy, least = dir+"/bin/python", dir+"/node_modules/.bin/configurable-http-proxy", 42
	}
	here, err := filepath.Abs("install")
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(here+"/outsiders/machine", interpreter, here+"/outsiders/guide.py", here+"/ADMINISTRATORS.md", filepath.Join(home(t), "bin/weir"), interpreter, proxy)
	var errs strings.Builder
	c.Stderr = &errs
	out, err := c.Output()
	if e := json.Unmarshal(out, &found); err != nil || e != nil || len(found) < least {
		t.Fatalf("%v, %v, %d checks\n%s", err, e, len(found), errs.String())
	}
	return found
}

// jupyterServer starts a server and waits for it.
func jupyterServer(t testing.TB, command []string, env ...string) (url, token, root string) {
	t.Helper()
	dir := t.TempDir()
	root, token = dir+"/root", "0123456789abcdef"
	if err := os.Mkdir(root, 0o755); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	c := exec.Command(command[0], append(command[1:], "--no-browser", "--allow-root", fmt.Sprintf("--port=%d", port), "--ServerApp.port_retries=0",
		"--IdentityProvider.token="+token, "--ServerApp.root_dir="+root)...)
	c.Env = append(os.Environ(), append(env, "HOME="+dir, "JUPYTER_RUNTIME_DIR="+dir+"/runtime")...)
	var log strings.Builder
	c.Stdout, c.Stderr, c.Dir = &log, &log, root
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Process.Signal(os.Interrupt)
		c.Process.Signal(syscall.SIGTERM)
		c.Wait()
	})
	url = fmt.Sprintf("http://127.0.0.1:%d", port)
	for range 400 {
		if r, err := http.Get(url + "/api"); err == nil {
			r.Body.Close()
			return url, token, root
		}
		time.Sleep(100 * time.Millisecond)
	}
	t.Fatal("the server does not start: " + log.String())
	return "", "", ""
}

// The doctor's attacks succeed on an ordinary server and fail on a closed one.
func TestDoctorAttacks(t *testing.T) {
	t.Parallel()
	root, data := lockedDown(t)
	prefix := strings.TrimSuffix(root, "/share/jupyter/weir/lockdown")
	attack := func(url, token, dir string) (d install.Diagnosis, code int) {
		out, stderr, code := weir(t, data, "doctor", "--prefix", prefix, "--json", "--url", url, "--token", token, "--root", dir)
		if err := json.Unmarshal([]byte(out), &d); err != nil {
			t.Fatal(err, out, stderr)
		}
		return d, code
	}
	live := func(d install.Diagnosis) (open, all int) {
		begun := false
		for _, c := range d.Checks {
			if begun && c.State == install.Open {
				open++
				t.Log(c)
			}
			if begun {
				all++
			}
			begun = begun || c.Always // what follows the file checks
		}
		return open, all
	}
	t.Run("closed", func(t *testing.T) {
		url, token, dir := jupyterServer(t, []string{filepath.Join(root, "bin/weir-lab")}, "XDG_DATA_HOME="+data)
		d, _ := attack(url, token, dir)
		if open, all := live(d); open > 0 || all < 25 {
			t.Errorf("%d of %d attacks succeed", open, all)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("the doctor left %v", left)
		}
	})
	t.Run("ordinary", func(t *testing.T) {
		url, token, dir := jupyterServer(t, []string{python(t), "-m", "jupyterlab"})
		d, code := attack(url, token, dir)
		if open, all := live(d); open < 20 || code != exitRefused {
			t.Errorf("%d of %d attacks succeed, exit code %d", open, all, code)
		}
	})
}
