package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"weir/datasets/access"
	"weir/guard"
	"weir/guard/ledger"
	"weir/kernel"
	"weir/kernel/vault"
)

// The users of these tests; they need no entry in the system's list of users.
const (
	vaultUID  = 61101
	aliceUID  = 61102
	bobUID    = 61103
	malletUID = 61104
	carolUID  = 61105 // may connect, and is not of the workspace
	daveUID   = 61106 // of the workspace, and has confirmed nothing
)

// service is a vault that runs under a uid of its own.
type service struct {
	dir, config, socket, metrics string
	command                      *exec.Cmd
	log                          *bytes.Buffer
}

// startVault makes the folders of a vault and starts it; alice and bob have access.
func startVault(t *testing.T) *service {
	t.Helper()
	if os.Geteuid() != 0 {
		outsider(t, "root, who can become other users,", "")
	}
	dir, err := os.MkdirTemp("/tmp", "weir-vault")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &service{dir: dir, config: dir + "/vault.toml", socket: dir + "/run/vault.sock", metrics: "127.0.0.1:" + strconv.Itoa(61000+os.Getpid()%4000)}
	repository := dir + "/data/synthetic"
	if err := os.CopyFS(repository, os.DirFS(home(t)+"/data/weir/repositories/synthetic")); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("repository = %q\ntier = \"registered\"\nledger = %q\nkey = %q\n", repository, dir+"/secret/ledger", dir+"/secret/key.pem")
	text += fmt.Sprintf("conduct = %q\nworkspace = \"w\"\npurpose = \"to test\"\n[[access]]\nusers = [\"%d\", \"%d\", \"%d\", \"0\"]\ntiers = [\"registered\"]\n", access.Version, aliceUID, bobUID, daveUID)
	put(t, dir+"/registered.toml", text, 0o644)
	put(t, s.config, fmt.Sprintf("socket = %q\nmetrics = %q\nsessions = 3\n[[access]]\nusers = [\"%d\", \"%d\", \"%d\", \"%d\", \"0\"]\nconfig = %q\nsessions = 2\n",
		s.socket, s.metrics, aliceUID, bobUID, carolUID, daveUID, dir+"/registered.toml"), 0o644)
	put(t, dir+"/researcher.toml", fmt.Sprintf("vault = %q\ntier = \"registered\"\n", s.socket), 0o644)
	for _, d := range []string{dir + "/secret", dir + "/run", dir + "/cache"} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, d := range []string{dir + "/data", dir + "/secret", dir + "/cache"} {
		if err := os.Chmod(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("chown", "-R", fmt.Sprintf("%d:%d", vaultUID, vaultUID), dir+"/data", dir+"/secret", dir+"/run", dir+"/cache").CombinedOutput(); err != nil {
		t.Fatal(string(out))
	}
	for _, d := range []string{dir, home(t), home(t) + "/bin"} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.start(t)
	t.Cleanup(s.kill)
	for _, uid := range []int{aliceUID, bobUID, 0} {
		s.confirm(t, uid)
	}
	return s
}

// confirm confirms the code of conduct as a researcher: each does so themselves.
func (s *service) confirm(t *testing.T, uid int) {
	t.Helper()
	x, _ := s.session(t, uid)
	defer x.Close()
	for i, code := range []string{"%conduct", "%conduct confirm"} {
		if o := x.Execute(t.Context(), kernel.Request{Code: code, Count: i + 1}, new(heard)); o.Failed {
			t.Fatal(o)
		}
	}
}

func put(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

func (s *service) start(t *testing.T) {
	t.Helper()
	s.log = new(bytes.Buffer)
	s.command = exec.Command(filepath.Join(home(t), "bin/weir"), "vault", "--vault-config", s.config, "--drain", "100ms")
	s.command.Env = []string{"XDG_CACHE_HOME=" + s.dir + "/cache", "PATH=/usr/bin:/bin"}
	s.command.Stderr = s.log
	s.command.SysProcAttr = as(vaultUID)
	s.command.WaitDelay = time.Second // sessions live on, and hold its standard error
	if err := s.command.Start(); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if s.get("/healthz") == "ok\n" {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the vault does not start: " + s.log.String())
}

func (s *service) kill() {
	s.command.Process.Kill()
	s.command.Wait()
}

func (s *service) get(path string) string {
	r, err := http.Get("http://" + s.metrics + path)
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	b, _ := io.ReadAll(r.Body)
	return string(b)
}

// as makes a process another user's.
func as(uid int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(uid), NoSetGroups: true}}
}

// run runs the weir command as a researcher and returns what it printed and its exit code.
func (s *service) run(t *testing.T, uid int, args ...string) (string, int) {
	t.Helper()
	c := exec.Command(filepath.Join(home(t), "bin/weir"), append([]string{"--config", s.dir + "/researcher.toml"}, args...)...)
	c.Env = []string{"HOME=/nonexistent", "PATH=/usr/bin:/bin"}
	c.SysProcAttr = as(uid)
	out, err := c.CombinedOutput()
	if c.ProcessState == nil {
		t.Fatal(err)
	}
	return string(out), c.ProcessState.ExitCode()
}

// desk is a folder that a researcher owns, with a notebook in it.
func (s *service) desk(t *testing.T, uid int, cells ...string) string {
	t.Helper()
	dir := filepath.Join(s.dir, "desk-"+strconv.Itoa(uid))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(notebook(t, cells...))
	if err != nil {
		t.Fatal(err)
	}
	put(t, dir+"/in.ipynb", string(b), 0o600)
	for _, p := range []string{dir, dir + "/in.ipynb"} {
		if err := os.Chown(p, uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// reads tries to read a file as another user and says what happened.
func reads(uid int, path string) (string, bool) {
	c := exec.Command("/bin/cat", path)
	c.SysProcAttr = as(uid)
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err == nil
}

func TestVault(t *testing.T) {
	s := startVault(t)
	desk := s.desk(t, aliceUID, `cdr := ds.Open("synthetic")`, `cdr.Everyone().By(cdr.SexAtBirth()).Count()`)
	t.Run("a researcher works through it", func(t *testing.T) {
		if out, code := s.run(t, aliceUID, "run", "-q", desk+"/in.ipynb", "-o", desk+"/out.ipynb"); code != 0 || !strings.Contains(out, "released: 1") {
			t.Fatal(code, out, s.log)
		}
		if out, code := s.run(t, aliceUID, "verify", desk+"/out.ipynb"); code != 0 || !strings.Contains(out, "verified: 1, not as released: 0") {
			t.Error(code, out)
		}
		if out, code := s.run(t, aliceUID, "release", desk+"/out.ipynb", "-o", desk+"/out.html"); code != 0 {
			t.Error(code, out)
		}
	})
	t.Run("another user reads neither key nor data nor ledger nor memory", func(t *testing.T) {
		x, pid := s.session(t, aliceUID)
		defer x.Close()
		for _, path := range []string{
			s.dir + "/secret/key.pem", s.dir + "/secret/ledger", s.dir + "/data/synthetic/manifest.json", s.dir + "/data/synthetic/person.arrow",
			fmt.Sprintf("/proc/%d/mem", s.command.Process.Pid), fmt.Sprintf("/proc/%d/environ", pid), fmt.Sprintf("/proc/%d/mem", pid), fmt.Sprintf("/proc/%d/maps", pid),
			fmt.Sprintf("/proc/%d/fd/3", pid),
		} {
			for _, uid := range []int{aliceUID, bobUID, malletUID} {
				if out, ok := reads(uid, path); ok {
					t.Errorf("%d reads %s: %.40q", uid, path, out)
				}
			}
		}
		// The session's process cannot be read by its own user's other processes, either.
		if out, ok := reads(vaultUID, fmt.Sprintf("/proc/%d/mem", pid)); ok || strings.Contains(out, "No such") {
			t.Errorf("the vault's user reads a session's memory: %.40q", out)
		}
	})
	t.Run("a Jupyter client works through it", func(t *testing.T) {
		t.Setenv("WEIR_CONFIG", s.dir+"/researcher.toml")
		out := jupyter(t, "run_nbclient.py", notebook(t, `cdr := ds.Open("synthetic")`, `cdr.Everyone().By(cdr.SexAtBirth()).Count()`), "weir")
		if !strings.Contains(string(out), "Female") {
			t.Errorf("%s", out)
		}
	})
	t.Run("who is on no list is refused", func(t *testing.T) {
		d := s.desk(t, malletUID, "1 + 1")
		if out, code := s.run(t, malletUID, "run", "-q", d+"/in.ipynb", "-o", d+"/out.ipynb"); code == 0 || !strings.Contains(out, "no access") {
			t.Error(code, out)
		}
	})
	t.Run("two researchers do not see each other", func(t *testing.T) {
		alice, _ := s.session(t, aliceUID)
		bob, _ := s.session(t, bobUID)
		defer alice.Close()
		defer bob.Close()
		if o := alice.Execute(t.Context(), kernel.Request{Code: `secretOfAlice := "only mine"`, Count: 1}, new(heard)); o.Failed {
			t.Fatal(o)
		}
		var h heard
		if o := bob.Execute(t.Context(), kernel.Request{Code: `secretOfAlice`, Count: 1}, &h); !o.Failed || !strings.Contains(o.Value, "undefined") {
			t.Errorf("bob sees a variable of alice: %v %v", o, h.text)
		}
		if c := bob.(kernel.Completer).Complete(t.Context(), "secretOf", 8); len(c.Matches) > 0 {
			t.Errorf("bob is offered a name of alice: %v", c)
		}
	})
	t.Run("quotas", func(t *testing.T) {
		a, _ := s.session(t, aliceUID)
		b, _ := s.session(t, aliceUID)
		defer a.Close()
		defer b.Close()
		if _, err := s.dial(t, aliceUID); err == nil || !strings.Contains(err.Error(), "as many as you may have") {
			t.Errorf("a third session: %v", err)
		}
		c, _ := s.session(t, bobUID)
		defer c.Close()
		if _, err := s.dial(t, bobUID); err == nil || !strings.Contains(err.Error(), "try again later") {
			t.Errorf("a fourth of all: %v", err)
		}
	})
	t.Run("the ledger names who connected, and another's confirmation is not theirs", func(t *testing.T) {
		var people []string
		if _, err := ledger.Read(s.dir+"/secret/ledger", func(e ledger.Entry) error {
			if e.Kind == ledger.Access || e.Kind == ledger.Conduct {
				people = append(people, string(e.Body))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		all := strings.Join(people, "\n")
		if !strings.Contains(all, fmt.Sprintf(`"user":"uid %d"`, aliceUID)) || !strings.Contains(all, fmt.Sprintf(`"person":"uid %d"`, aliceUID)) || strings.Contains(all, strconv.Itoa(vaultUID)) {
			t.Error(all)
		}
		x, _ := s.session(t, carolUID)
		defer x.Close()
		const ask = `cdr := ds.Open("synthetic")`
		if o := x.Execute(t.Context(), kernel.Request{Code: ask, Count: 1}, new(heard)); !o.Failed || !strings.Contains(o.Value, "not open to this session") {
			t.Errorf("who is on the vault's list and not on the workspace's opens it: %+v", o)
		}
	})
	t.Run("in batch the researcher's configuration confirms the code of conduct", func(t *testing.T) {
		d := s.desk(t, daveUID, `cdr := ds.Open("synthetic")`, `cdr.Everyone().By(cdr.SexAtBirth()).Count()`)
		if out, code := s.run(t, daveUID, "run", "-q", d+"/in.ipynb", "-o", d+"/out.ipynb"); code == 0 || !strings.Contains(out, "%conduct") {
			t.Errorf("without a confirmation: %d %s", code, out)
		}
		put(t, d+"/batch.toml", fmt.Sprintf("vault = %q\ntier = \"registered\"\nconduct = %q\n", s.socket, access.Version), 0o644)
		for range 2 { // the second time it is confirmed
			if out, code := s.run(t, daveUID, "--config", d+"/batch.toml", "run", "-q", d+"/in.ipynb", "-o", d+"/out.ipynb"); code != 0 || !strings.Contains(out, "released: 1") {
				t.Fatal(code, out, s.log)
			}
		}
		var confirmed []string
		if _, err := ledger.Read(s.dir+"/secret/ledger", func(e ledger.Entry) error {
			if e.Kind == ledger.Conduct && strings.Contains(string(e.Body), fmt.Sprintf("uid %d", daveUID)) {
				confirmed = append(confirmed, string(e.Body))
			}
			return nil
		}); err != nil || len(confirmed) != 1 || !strings.Contains(confirmed[0], `"batch":true`) {
			t.Error(confirmed, err)
		}
		put(t, d+"/batch.toml", fmt.Sprintf("vault = %q\ntier = \"registered\"\nconduct = \"0\"\n", s.socket), 0o644)
		if out, code := s.run(t, daveUID, "--config", d+"/batch.toml", "run", "-q", d+"/in.ipynb", "-o", d+"/out.ipynb"); code != exitUsage {
			t.Errorf("another version of the code: %d %s", code, out)
		}
	})
	t.Run("metrics tell of no participant and no researcher", func(t *testing.T) {
		text := s.get("/metrics")
		if !strings.Contains(text, "weir_vault_cells_total{outcome=\"done\"}") || !strings.Contains(text, "weir_vault_refused_total") {
			t.Error(text)
		}
		for _, uid := range []int{aliceUID, bobUID, malletUID} {
			if strings.Contains(text, strconv.Itoa(uid)) {
				t.Errorf("metrics name a researcher:\n%s", text)
			}
		}
	})
}

// heard keeps what a session publishes.
type heard struct{ text []string }

func (h *heard) Stream(_, text string)           { h.text = append(h.text, text) }
func (h *heard) Display(d kernel.Data, _ string) { h.text = append(h.text, d.MIME()["text/plain"]) }
func (h *heard) Update(kernel.Data, string)      {}
func (h *heard) Result(d kernel.Data)            { h.Display(d, "") }
func (h *heard) Clear(bool)                      {}
func (h *heard) Progress(string, int64, int64)   {}
func (h *heard) Page(kernel.Data)                {}

// relay is run by the test binary as another user: it joins its standard input and
// output with a session of the vault.
const relayVariable = "WEIR_TEST_RELAY"

func relay() {
	conn, err := vault.Dial(os.Getenv(relayVariable), vault.Greeting{Ask: "session", Tier: "registered"})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ok")
	go func() {
		io.Copy(conn, os.Stdin)
		conn.Close()
	}()
	io.Copy(os.Stdout, conn)
}

// piped is a process's standard input and output.
type piped struct {
	io.Reader
	io.WriteCloser
	command *exec.Cmd
}

func (p piped) Close() error {
	p.WriteCloser.Close()
	return p.command.Wait()
}

// dial connects to the vault as another user.
func (s *service) dial(t *testing.T, uid int) (io.ReadWriteCloser, error) {
	t.Helper()
	self := filepath.Join(s.dir, "relay")
	if _, err := os.Stat(self); err != nil {
		b, err := os.ReadFile("/proc/self/exe")
		if err != nil {
			t.Fatal(err)
		}
		put(t, self, string(b), 0o755)
	}
	c := exec.Command(self)
	c.Env = []string{relayVariable + "=" + s.socket}
	c.SysProcAttr = as(uid)
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var first []byte
	one := make([]byte, 1)
	for {
		if _, err := io.ReadFull(out, one); err != nil || one[0] == '\n' {
			break
		}
		first = append(first, one[0])
	}
	p := piped{out, in, c}
	if string(first) != "ok" {
		p.Close()
		return nil, fmt.Errorf("%s", first)
	}
	return p, nil
}

// session opens a session as another user and returns the id of its process.
func (s *service) session(t *testing.T, uid int) (kernel.Executor, int) {
	t.Helper()
	before := children(s.command.Process.Pid)
	var m *kernel.Messenger
	var err error
	for range 40 { // a session that was closed just now still counts for a moment
		if m, err = kernel.NewMessenger(func() (io.ReadWriteCloser, error) { return s.dial(t, uid) }, door{guard.NewDoor()}); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	m.Info()
	for _, pid := range children(s.command.Process.Pid) {
		if !strings.Contains(fmt.Sprint(before), strconv.Itoa(pid)) {
			return m, pid
		}
	}
	t.Fatal("there is no process of the session")
	return nil, 0
}

func children(pid int) (list []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		b, _ := os.ReadFile(task)
		for _, f := range strings.Fields(string(b)) {
			n, _ := strconv.Atoi(f)
			list = append(list, n)
		}
	}
	return list
}

// Whatever process is killed, what was released is in the ledger, the ledger holds
// together, and a kernel goes on with a new session.
func TestVaultSurvivesKills(t *testing.T) {
	s := startVault(t)
	const ask = `cdr := ds.Open("synthetic")
cdr.Everyone().By(cdr.SexAtBirth()).Count()`
	for _, victim := range []string{"session", "speaker", "vault"} {
		t.Run(victim, func(t *testing.T) {
			x, pid := s.session(t, aliceUID)
			defer x.Close()
			var h heard
			if o := x.Execute(t.Context(), kernel.Request{Code: ask, Count: 1}, &h); o.Failed || len(h.text) != 1 {
				t.Fatal(o, h.text)
			}
			switch victim {
			case "vault":
				s.kill()
			case "speaker":
				pid = children(pid)[0]
			}
			if victim != "vault" {
				if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
			}
			shown := 0
			if _, err := ledger.Read(s.dir+"/secret/ledger", func(e ledger.Entry) error {
				if e.Kind == ledger.Shown {
					shown++
				}
				return nil
			}); err != nil || shown == 0 {
				t.Errorf("the ledger: %d showings, %v", shown, err)
			}
			if victim == "vault" {
				// The session lives on in its own process; a new vault takes new ones.
				if o := x.Execute(t.Context(), kernel.Request{Code: "1 + 1", Count: 2}, &h); o.Failed {
					t.Errorf("the session died with the vault: %v", o)
				}
				s.start(t)
				y, _ := s.session(t, bobUID)
				defer y.Close()
				return
			}
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			var last kernel.Outcome
			for count := range 4 {
				h.text = nil
				if last = x.Execute(ctx, kernel.Request{Code: ask, Count: 2 + count}, &h); !last.Failed {
					break
				}
				if !strings.Contains(last.Value, "again") && !strings.Contains(last.Value, "lost") {
					t.Errorf("the loss is not said: %v", last)
				}
			}
			if last.Failed || len(h.text) == 0 {
				t.Errorf("no new session: %v", last)
			}
		})
	}
}

// A reply that is cut off ends as a lost session, not as a result.
func TestMessengerSaysWhatIsLost(t *testing.T) {
	near, far := pipe()
	m, err := kernel.NewMessenger(func() (io.ReadWriteCloser, error) { return near, nil }, door{guard.NewDoor()})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		var a struct{ ID int64 }
		d := json.NewDecoder(far)
		d.Decode(&a)
		fmt.Fprintf(far, `{"id":%d,"reply":{"Fai`, a.ID)
		far.Close()
	}()
	if o := m.Execute(t.Context(), kernel.Request{Code: "1"}, new(heard)); !o.Failed || o.Name != "SessionLost" {
		t.Errorf("%+v", o)
	}
}

type half struct {
	io.Reader
	io.WriteCloser
}

func pipe() (near, far half) {
	r1, w1 := io.Pipe()
	r2, w2 := io.Pipe()
	return half{r1, w2}, half{r2, w1}
}

// Later checks of the vault's health read what is new, and notice a ledger that
// another program cut, changed at its end or made unreadable.
func TestHealth(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/ledger"
	rule := accessRule{conf: config{Ledger: path, Key: dir + "/key.pem", Repository: home(t) + "/data/weir/repositories/synthetic"}}
	h := &health{rules: []accessRule{rule}, ledgers: map[string]*ledger.Reader{}}
	healthy := func(when string) {
		t.Helper()
		if err := h.check(); err != nil {
			t.Errorf("%s: %v", when, err)
		}
	}
	healthy("before the first entry")
	l, err := ledger.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for range 3 {
		if _, err := l.Append(ledger.Access, map[string]int{"a": 1}); err != nil {
			t.Fatal(err)
		}
		healthy("as the ledger grows")
	}
	whole := readFile(t, path)
	for name, now := range map[string][]byte{
		"a ledger that was cut":         whole[:len(whole)/2],
		"an entry that was not chained": append(bytes.Clone(whole), whole[:bytes.IndexByte(whole, '\n')+1]...),
	} {
		put(t, path, string(now), 0o600)
		if err := h.check(); err == nil {
			t.Error(name, "is called healthy")
		}
		put(t, path, string(whole), 0o600)
		healthy("when it is put back")
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := h.check(); err == nil {
		t.Error("a ledger that is gone is called healthy")
	}
	put(t, path, string(whole), 0o600)
	put(t, rule.conf.Key, "no key", 0o600)
	if err := h.check(); err == nil {
		t.Error("a damaged key is called healthy")
	}
}
