package kernel

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The tests of this file run weir itself, as Jupyter does. They share a binary and
// the synthetic repository that it makes.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// weir is a folder with bin/weir, a kernelspec and weir's data.
func weir(t testing.TB) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "weir-kernel"); built.err != nil {
			return
		}
		binary := filepath.Join(built.dir, "bin/weir")
		for _, args := range [][]string{
			{"go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "weir"},
			{binary, "install", "--prefix", built.dir},
			{binary, "data", "synthesize", "--participants", "20000", filepath.Join(built.dir, "weir/repositories/synthetic")},
		} {
			cmd := exec.Command(args[0], args[1:]...)
			cmd.Env = environment(built.dir)
			var out []byte
			if out, built.err = cmd.CombinedOutput(); built.err != nil {
				t.Logf("%v: %s", args, out)
				return
			}
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

func environment(dir string) []string {
	return append(os.Environ(), "CGO_ENABLED=0", "XDG_DATA_HOME="+dir, "JUPYTER_PATH="+filepath.Join(dir, "share/jupyter"),
		"JUPYTER_RUNTIME_DIR="+filepath.Join(dir, "runtime"), "IPYTHONDIR="+filepath.Join(dir, "ipython"))
}

// outsider is a program of others that a test needs. Without it the test is skipped
// by name, or fails where everything is required.
func outsider(t testing.TB, variable, what string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		missing := "$" + variable + " does not name " + what
		if os.Getenv("WEIR_REQUIRE_ALL") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	return value
}

// jupyter runs a script of testdata with the kernelspec of weir and returns what it
// printed on stdout, and what on stderr.
func jupyter(t testing.TB, script string, args ...string) (stdout, stderr []byte, err error) {
	t.Helper()
	python := outsider(t, "WEIR_PYTHON", "a Python with Jupyter")
	cmd := exec.Command(python, append([]string{filepath.Join("testdata", script)}, args...)...)
	cmd.Env = environment(weir(t))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.Bytes(), errs.Bytes(), err
}

// process is weir serving a front end of these tests.
type process struct {
	*client
	t       testing.TB
	cmd     *exec.Cmd
	log     lockedBuffer
	control func(kind string) received
	ended   chan error
}

// startWeir starts weir and waits until it answers.
func startWeir(t testing.TB) *process {
	t.Helper()
	path := writeConnectionFile(t, nil)
	p := &process{t: t, cmd: exec.Command(filepath.Join(weir(t), "bin/weir"), "kernel", "--connection-file", path), ended: make(chan error, 1)}
	p.cmd.Env = environment(weir(t))
	p.cmd.Stdout, p.cmd.Stderr = &p.log, &p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	t.Cleanup(func() { p.cmd.Process.Kill() })
	file, err := ReadConnectionFile(path)
	if err != nil {
		t.Fatal(err)
	}
	awaitPort(t, file.Heartbeat)
	p.client = connect(t, &kernel{file: file})
	dealer := p.dial(file.Control, "DEALER")
	p.control = func(kind string) received {
		_, frames := p.compose(kind, nil)
		dealer.SendMsg(newMessage(frames))
		return p.receive(dealer)
	}
	return p
}

// run runs a cell and returns its reply, and what it published as one text.
func (p *process) run(code string) (reply, published string) {
	p.t.Helper()
	return p.finish(p.execute(code))
}

func (p *process) finish(id string) (reply, published string) {
	p.t.Helper()
	var all strings.Builder
	for {
		m := p.published()
		if m.parent == id && m.content == `{"execution_state":"idle"}` {
			break
		}
		if m.parent == id {
			all.WriteString(m.kind + " " + m.content + "\n")
		}
	}
	for r := p.reply(); ; r = p.reply() {
		if r.parent == id {
			return r.content, all.String()
		}
	}
}

// end asks for shutdown and waits for the process.
func (p *process) end() {
	p.t.Helper()
	p.control("shutdown_request")
	defer p.sub.Close()
	defer p.dealer.Close()
	select {
	case err := <-p.ended:
		if err != nil {
			p.t.Errorf("weir ended with %v: %s", err, p.log.String())
		}
	case <-time.After(10 * time.Second):
		p.t.Error("weir does not end")
	}
}

// children are the processes that a process has started.
func children(pid int) (pids []int) {
	threads, _ := filepath.Glob(filepath.Join("/proc", itoa(pid), "task/*/children"))
	for _, path := range threads {
		b, _ := os.ReadFile(path)
		for _, field := range strings.Fields(string(b)) {
			var child int
			if json.Unmarshal([]byte(field), &child) == nil {
				pids = append(pids, child)
			}
		}
	}
	return pids
}

// jupyter_kernel_test has 13 tests; none is skipped.
func TestWeirConformance(t *testing.T) {
	if passed := conformance(t); passed != 13 {
		t.Errorf("%d passed", passed)
	}
}

func conformance(t testing.TB) (passed int) {
	_, out, err := jupyter(t, "conformance.py")
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	return bytes.Count(out, []byte("... ok\n"))
}

// A speaker that is killed, a cell that does not stop and a signal each cost what
// they must, and the kernel goes on.
func TestWeirSurvives(t *testing.T) {
	p := startWeir(t)
	if _, out := p.run("x := 20\nx + 1"); !strings.Contains(out, `"text/plain":"21"`) {
		t.Fatal(out)
	}
	cell := p.execute("for { }")
	for p.published().kind != "execute_input" {
	}
	p.cmd.Process.Signal(syscall.SIGINT)
	if reply, _ := p.finish(cell); !strings.Contains(reply, `"ename":"Interrupted"`) {
		t.Errorf("a signal: %s", reply)
	}
	if _, out := p.run("x + 2"); !strings.Contains(out, `"text/plain":"22"`) {
		t.Errorf("after a signal: %s", out)
	}
	for _, child := range children(p.cmd.Process.Pid) {
		syscall.Kill(child, syscall.SIGKILL)
	}
	p.run("1")
	if _, out := p.run("20 + 3"); !strings.Contains(out, `"text/plain":"23"`) {
		t.Errorf("after a crash: %s", out)
	}
	p.end()
}

// papermill runs the examples: every cell is run, none fails.
func TestWeirPapermill(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"tour", "survival"} {
		t.Run(name, func(t *testing.T) { papermill(t, "../notebooks/examples/"+name+".ipynb") })
	}
}

func papermill(t *testing.T, example string) {
	python := outsider(t, "WEIR_PYTHON", "a Python with papermill")
	out := filepath.Join(t.TempDir(), "out.ipynb")
	cmd := exec.Command(python, "-m", "papermill", "--no-progress-bar", "-k", "weir", example, out)
	cmd.Env = environment(weir(t))
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	var notebook struct {
		Cells []struct {
			Type    string `json:"cell_type"`
			Count   int    `json:"execution_count"`
			Outputs []struct {
				Type string `json:"output_type"`
			}
		}
	}
	if err := json.Unmarshal(b, &notebook); err != nil {
		t.Fatal(err)
	}
	ran, outputs := 0, 0
	for _, cell := range notebook.Cells {
		if cell.Type != "code" {
			continue
		}
		if ran++; cell.Count != ran {
			t.Errorf("code cell %d has the number %d", ran, cell.Count)
		}
		for _, o := range cell.Outputs {
			if outputs++; o.Type == "error" {
				t.Errorf("code cell %d failed", ran)
			}
		}
	}
	if outputs < 5 {
		t.Errorf("%d cells ran and had %d outputs", ran, outputs)
	}
}

// Help is given while a cell runs.
func TestWeirHelpWhileACellRuns(t *testing.T) {
	p := startWeir(t)
	p.run("longName := 1")
	cell := p.execute("for { }")
	for p.published().kind != "execute_input" {
	}
	for _, ask := range []struct {
		kind, code, want string
	}{
		{"complete_request", "é := longN", `"matches":["longName"]`},
		{"complete_request", "é := longN", `"cursor_start":5,`},
		{"inspect_request", "fmt.Println", "Println formats using"},
		{"is_complete_request", "func f() {", `"incomplete"`},
		{"history_request", "", "longName"},
	} {
		id := p.request(ask.kind, fields{"code": ask.code})
		if r := p.reply(); r.parent != id || !strings.Contains(r.content, ask.want) {
			t.Errorf("%s of %q: %s", ask.kind, ask.code, r.content)
		}
	}
	p.control("interrupt_request")
	p.finish(cell)
	for ask, want := range map[string]string{"longName?": "longName", "nothing?": "NotFound"} {
		if reply, _ := p.run(ask); !strings.Contains(reply, want) {
			t.Errorf("%s: %s", ask, reply)
		}
	}
	p.end()
}

// Expressions and silent cells take no number: an error is where the notebook shows it.
func TestWeirExpressions(t *testing.T) {
	p := startWeir(t)
	id := p.request("execute_request", fields{"code": "x := 20", "user_expressions": fields{"a": "x + 1", "b": "x +", "c": "fmt.Println(x)"}})
	reply, out := p.finish(id)
	for _, want := range []string{`"a":{"data":{"text/plain":"21"}`, `"b":{"ename":"CompileError"`, `"execution_count":1`} {
		if !strings.Contains(reply, want) {
			t.Errorf("%s is not in %s", want, reply)
		}
	}
	if strings.Contains(out, "stream") {
		t.Errorf("published %s", out)
	}
	p.finish(p.request("execute_request", fields{"code": "x++", "silent": true}))
	if reply, _ := p.run("\npanic(x)"); !strings.Contains(reply, "cell 2, line 2") || !strings.Contains(reply, `"execution_count":2`) {
		t.Errorf("an error in the second cell: %s", reply)
	}
	p.end()
}

// An address that other machines can reach is refused, and served only when asked for.
func TestWeirAnyAddress(t *testing.T) {
	path := writeConnectionFile(t, fields{"ip": "0.0.0.0"})
	binary := filepath.Join(weir(t), "bin/weir")
	refused := exec.Command(binary, "kernel", "--connection-file", path)
	if out, err := refused.CombinedOutput(); err == nil || !strings.Contains(string(out), "other machines can reach") {
		t.Errorf("%v: %s", err, out)
	}
	forced := exec.Command(binary, "kernel", "--unsafe-any-address", "--connection-file", path)
	if err := forced.Start(); err != nil {
		t.Fatal(err)
	}
	defer forced.Wait()
	defer forced.Process.Kill()
	file, err := ReadConnectionFile(path, UnsafeAnyAddress())
	if err != nil {
		t.Fatal(err)
	}
	awaitPort(t, file.Heartbeat)
}
