package vault

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The test binary is the process that serves a connection, too: it says who it is,
// then answers each line with the same line.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "vault-session" {
		if err := served(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func served() error {
	conn, err := Accepted()
	if err != nil {
		return err
	}
	if err := json.NewEncoder(conn).Encode(about{os.Getpid(), os.Args, os.Environ()}); err != nil {
		return err
	}
	told := os.NewFile(MetricsFD, "metrics")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "tell "); ok {
			fmt.Fprintln(told, text)
		}
		fmt.Fprintln(conn, lines.Text())
	}
	return nil
}

// about is what a serving process says of itself.
type about struct {
	PID       int
	Arguments []string
	Variables []string
}

// serving is a server with its log.
type serving struct {
	*Server
	socket string
	stop   context.CancelFunc

	mu    sync.Mutex
	log   []string
	peers []Peer
}

func serve(t testing.TB, sessions, each int) *serving {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s := &serving{socket: dir + "/s"}
	s.Server = &Server{Binary: "/proc/self/exe", Sessions: sessions, Log: func(event, detail string) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.log = append(s.log, event+": "+detail)
	}, Access: func(p Peer, g Greeting) (Grant, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.peers = append(s.peers, p)
		if g.Tier != "registered" {
			return Grant{}, errors.New("you have no access to this tier")
		}
		return Grant{Arguments: []string{"--config", "/c"}, Sessions: each}, nil
	}}
	l, err := Listen(s.socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error("the server ended:", err)
		}
		end, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if left := s.Drain(end); left > 0 {
			t.Errorf("%d sessions are left", left)
		}
	})
	return s
}

func (s *serving) logged() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.log, "\n")
}

// talk is a session as its peer has it.
type talk struct {
	io.ReadWriteCloser
	in  *bufio.Reader
	who about
}

func (s *serving) dial(t testing.TB, g Greeting) (*talk, error) {
	t.Helper()
	conn, err := Dial(s.socket, g)
	if err != nil {
		return nil, err
	}
	t.Cleanup(func() { conn.Close() })
	k := &talk{ReadWriteCloser: conn, in: bufio.NewReader(conn)}
	line, err := k.in.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &k.who)
	}
	return k, err
}

func (k *talk) say(t testing.TB, line string) string {
	t.Helper()
	if _, err := io.WriteString(k, line+"\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := k.in.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(answer, "\n")
}

// eventually waits for what another goroutine is about to do.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("it does not come about that %s", what)
}

var session = Greeting{Ask: "session", Tier: "registered"}

func TestSessionsAreApart(t *testing.T) {
	s := serve(t, 4, 4)
	a, err := s.dial(t, session)
	if err != nil {
		t.Fatal(err)
	}
	b, err := s.dial(t, Greeting{Ask: "session", Tier: "registered", Conduct: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if a.who.PID == b.who.PID || a.who.PID == os.Getpid() {
		t.Error("two sessions share a process")
	}
	want := []string{"vault-session", "--ask", "session", "--peer", fmt.Sprint(os.Getuid()), "--conduct=1", "--config", "/c"}
	if got := b.who.Arguments[1:]; !slices.Equal(got, want) {
		t.Errorf("started with %q", got)
	}
	for _, v := range b.who.Variables {
		if !strings.HasPrefix(v, "HOME=") && !strings.HasPrefix(v, "PATH=") && !strings.HasPrefix(v, "XDG_CACHE_HOME=") {
			t.Errorf("the process inherits %s", v)
		}
	}
	// The number of another's request reaches nobody but oneself.
	if got := a.say(t, `{"id":1,"do":"execute"}`); got != `{"id":1,"do":"execute"}` {
		t.Error(got)
	}
	if got := b.say(t, `{"id":1,"do":"interrupt"}`); got != `{"id":1,"do":"interrupt"}` || a.in.Buffered() > 0 {
		t.Error("a session has what another was told")
	}
	// Nor has a process a descriptor but its own: standard three, connection, metrics.
	for _, k := range []*talk{a, b} {
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", k.who.PID))
		if err != nil {
			t.Fatal(err)
		}
		sockets := 0
		for _, fd := range list {
			if target, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", k.who.PID, fd.Name())); strings.HasPrefix(target, "socket:") {
				sockets++
			}
		}
		if sockets > 2 { // the connection, and the test's own standard output where it is one
			t.Errorf("a session holds %d sockets", sockets)
		}
	}
}

// What follows the greeting is the process's, not an octet less.
func TestWhatFollowsTheGreetingIsNotLost(t *testing.T) {
	s := serve(t, 1, 1)
	conn, err := net.Dial("unix", s.socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	io.WriteString(conn, `{"weir":1,"ask":"session","tier":"registered"}`+"\nat once\n")
	in := bufio.NewReader(conn)
	var got []string
	for range 3 {
		line, err := in.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, line)
	}
	if got[0] != `{"ok":true}`+"\n" || got[2] != "at once\n" {
		t.Errorf("%q", got)
	}
}

// greetings are lines that are none, and what their sender is told.
var greetings = map[string]struct{ line, why string }{
	"nothing":              {"", "another version"},
	"no JSON":              {"GET / HTTP/1.1", "another version"},
	"another version":      {`{"weir":2,"ask":"session","tier":"registered"}`, "another version"},
	"another ask":          {`{"weir":1,"ask":"vault","tier":"registered"}`, "another version"},
	"a member twice":       {`{"weir":1,"ask":"session","ask":"release","tier":"registered"}`, "another version"},
	"a member too many":    {`{"weir":1,"ask":"session","tier":"registered","peer":0}`, "another version"},
	"another case":         {`{"weir":1,"ASK":"session","tier":"registered"}`, "another version"},
	"something behind it":  {`{"weir":1,"ask":"session","tier":"registered"} {}`, "another version"},
	"an option":            {`{"weir":1,"ask":"session","tier":"registered","conduct":"1 --config /mine"}`, "another version"},
	"octets":               {"\x00\xff\xfe", "another version"},
	"too long":             {strings.Repeat("x", maxGreeting+1), "too long"},
	"too long, and a fine": {`{"weir":1,"ask":"session","tier":"` + strings.Repeat("r", maxGreeting) + `"}`, "too long"},
	"another tier":         {`{"weir":1,"ask":"session","tier":"controlled"}`, "no access"},
	"a tier of lines":      {`{"weir":1,"ask":"session","tier":"a\nlevel=INFO msg=listening"}`, "no access"},
}

func TestGreetings(t *testing.T) {
	s := serve(t, 4, 4)
	for name, test := range greetings {
		t.Run(name, func(t *testing.T) {
			conn, err := net.Dial("unix", s.socket)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			io.WriteString(conn, test.line+"\n") // the server may have gone by then
			answer, _ := io.ReadAll(conn)
			var w Welcome
			if json.Unmarshal(answer, &w) != nil || w.OK || !strings.Contains(w.Why, test.why) {
				t.Errorf("%q", answer)
			}
		})
	}
	if log := s.logged(); strings.Contains(log, "msg=listening") || strings.Contains(log, "/mine") {
		t.Errorf("the log has a peer's words:\n%s", log)
	}
	if _, err := s.dial(t, session); err != nil {
		t.Error("the server serves nobody any more:", err)
	}
}

// A peer that says nothing keeps nobody waiting, and has so many connections only.
func TestSilence(t *testing.T) {
	s := serve(t, 4, 4)
	for range maxWaiting {
		conn, err := net.Dial("unix", s.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	eventually(t, "the server has taken all", func() bool {
		s.Server.mu.Lock()
		defer s.Server.mu.Unlock()
		return s.waiting[os.Getuid()] == maxWaiting
	})
	if _, err := s.dial(t, session); err == nil || !strings.Contains(err.Error(), "say nothing") {
		t.Errorf("one more: %v", err)
	}
}

func TestQuotas(t *testing.T) {
	for _, test := range []struct {
		name       string
		all, each  int
		admissible int
		why        string
	}{
		{"of one", 9, 2, 2, "as many as you may have"},
		{"of all", 3, 9, 3, "try again later"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := serve(t, test.all, test.each)
			var open []*talk
			for range test.admissible {
				k, err := s.dial(t, session)
				if err != nil {
					t.Fatal(err)
				}
				open = append(open, k)
			}
			for _, ask := range []string{"session", "verify", "release", "public"} {
				if _, err := s.dial(t, Greeting{Ask: ask, Tier: "registered"}); err == nil || !strings.Contains(err.Error(), test.why) {
					t.Errorf("%s beyond the quota: %v", ask, err)
				}
			}
			open[0].Close()
			eventually(t, "a place is free again", func() bool {
				_, err := s.dial(t, session)
				return err == nil
			})
		})
	}
}

// Who a peer is, the system says: not what it sends along (SCM_CREDENTIALS).
func TestForgedCredentials(t *testing.T) {
	s := serve(t, 1, 1)
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: s.socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	forged := unix.UnixCredentials(&unix.Ucred{Pid: int32(os.Getpid()), Uid: 61102, Gid: 61102})
	line := []byte(`{"weir":1,"ask":"session","tier":"registered"}` + "\n")
	if _, _, err := conn.WriteMsgUnix(line, forged, nil); errors.Is(err, unix.EPERM) {
		_, err = conn.Write(line) // who is not root cannot even send them
		if err != nil {
			t.Fatal(err)
		}
	} else if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(conn)
	in.ReadString('\n') // the welcome
	in.ReadString('\n') // the process
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.peers) != 1 || s.peers[0].UID != os.Getuid() {
		t.Errorf("the server takes it for %v", s.peers)
	}
}

func TestKilledSession(t *testing.T) {
	s := serve(t, 1, 1)
	k, err := s.dial(t, session)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(k.who.PID, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := k.in.ReadByte(); err == nil {
		t.Error("its peer does not notice")
	}
	eventually(t, "its place is free", func() bool { _, err := s.dial(t, session); return err == nil })
	if !strings.Contains(s.logged(), "session failed: signal: killed") {
		t.Error(s.logged())
	}
}

// Sessions outlive the service's socket, and Drain tells how many.
func TestDrain(t *testing.T) {
	s := serve(t, 2, 2)
	k, err := s.dial(t, session)
	if err != nil {
		t.Fatal(err)
	}
	s.stop()
	eventually(t, "nobody is taken any more", func() bool { _, err := net.Dial("unix", s.socket); return err != nil })
	soon, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if left := s.Drain(soon); left != 1 {
		t.Errorf("%d are left", left)
	}
	if got := k.say(t, "still here"); got != "still here" {
		t.Error(got)
	}
	k.Close()
}

func TestListen(t *testing.T) {
	for name, test := range map[string]struct {
		prepare func(dir string) error
		refused string
	}{
		"nothing there":                 {func(string) error { return nil }, ""},
		"a socket that nobody hears":    {func(dir string) error { return leaveSocket(dir + "/s") }, ""},
		"a file":                        {func(dir string) error { return os.WriteFile(dir+"/s", nil, 0o600) }, "in the way"},
		"a link to a socket":            {func(dir string) error { return errors.Join(leaveSocket(dir+"/t"), os.Symlink("t", dir+"/s")) }, "in the way"},
		"a directory for others":        {func(dir string) error { return os.Chmod(dir, 0o777) }, "chmod go-w"},
		"a directory for a group":       {func(dir string) error { return os.Chmod(dir, 0o770) }, "chmod go-w"},
		"a directory with a sticky bit": {func(dir string) error { return os.Chmod(dir, 0o777|os.ModeSticky) }, "chmod go-w"},
		"a vault": {func(dir string) error {
			l, err := Listen(dir + "/s")
			if err == nil {
				t.Cleanup(func() { l.Close() })
			}
			return err
		}, "another vault"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := errors.Join(os.Chmod(dir, 0o755), test.prepare(dir)); err != nil {
				t.Fatal(err)
			}
			l, err := Listen(dir + "/s")
			if err == nil {
				l.Close()
			}
			if test.refused == "" && err != nil || test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)) {
				t.Errorf("%v", err)
			}
		})
	}
}

// leaveSocket leaves what a killed vault leaves.
func leaveSocket(path string) error {
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	l.SetUnlinkOnClose(false)
	return l.Close()
}

// sample is a line of Prometheus' text format, 0.0.4, as far as it is used here.
var sample = regexp.MustCompile(`^(# (HELP|TYPE) weir_vault_[a-z_]+ .+|weir_vault_[a-z_]+(\{(outcome|le)="[a-z0-9.+A-Z]+"\})? [0-9.]+)$`)

func TestMetrics(t *testing.T) {
	s := serve(t, 2, 2)
	k, err := s.dial(t, session)
	if err != nil {
		t.Fatal(err)
	}
	k.say(t, "tell cell done 0.3")
	k.say(t, "tell cell failed 3")
	counted := func(line string) func() bool {
		return func() bool { return strings.Contains(s.metrics.text(), line+"\n") }
	}
	eventually(t, "cells are counted", counted("weir_vault_cell_seconds_count 2"))
	if !counted(`weir_vault_cell_seconds_bucket{le="0.5"} 1`)() || !counted(`weir_vault_cell_seconds_bucket{le="10"} 2`)() || !counted("weir_vault_sessions 1")() {
		t.Error(s.metrics.text())
	}
	// A session that was taken over cannot put words into the metrics.
	k.say(t, "tell cell participant-17 1")
	k.say(t, "tell cell done 1")
	other, err := s.dial(t, session)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range []string{"cell done -1", "cell done 1e999 x", "cell done NaN", "weir_vault_cells_total 7", strings.Repeat("y", 1<<17)} {
		if i > 0 {
			other.Close()
			eventually(t, "another session opens", func() bool { other, err = s.dial(t, session); return err == nil })
		}
		other.say(t, "tell "+line[:min(len(line), 60000)])
	}
	for _, line := range strings.Split(strings.TrimSpace(s.metrics.text()), "\n") {
		if !sample.MatchString(line) {
			t.Errorf("no line of the format: %q", line)
		}
	}
	if !counted("weir_vault_cell_seconds_count 2")() {
		t.Error(s.metrics.text())
	}
}

func TestHealth(t *testing.T) {
	s := serve(t, 1, 1)
	failing := errors.New("the ledger at /srv/x cannot be written")
	var err error
	s.Check = func() error { return err }
	l, e := net.Listen("tcp", "127.0.0.1:0")
	if e != nil {
		t.Fatal(e)
	}
	address := l.Addr().String()
	l.Close()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.ServeMetrics(ctx, address) }()
	get := func(path string) (int, string) {
		r, err := http.Get("http://" + address + path)
		if err != nil {
			return 0, ""
		}
		defer r.Body.Close()
		b, _ := io.ReadAll(r.Body)
		return r.StatusCode, string(b)
	}
	eventually(t, "it answers", func() bool { code, text := get("/healthz"); return code == 200 && text == "ok\n" })
	err = failing
	if code, text := get("/healthz"); code != 503 || strings.Contains(text, "/srv") || !strings.Contains(s.logged(), failing.Error()) {
		t.Error(code, text, s.logged())
	}
	if code, _ := get("/debug/pprof/"); code != 404 {
		t.Error("another route answers", code)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Only what Dial writes is a greeting.
func FuzzGreeting(f *testing.F) {
	for _, test := range greetings {
		f.Add([]byte(test.line))
	}
	f.Add([]byte(`{"weir":1,"ask":"session","tier":"registered","conduct":"1"}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		g, err := parseGreeting(line)
		if err != nil {
			if g != (Greeting{}) {
				t.Errorf("refused, and yet %+v", g)
			}
			return
		}
		again, _ := json.Marshal(g)
		if string(again) != string(line) || g.Weir != 1 || !asks[g.Ask] || strings.ContainsAny(g.Conduct, "- \x00/") {
			t.Errorf("%q is taken for %+v", line, g)
		}
	})
}

// Garbage on the socket starts nothing and ends nothing.
func FuzzSocket(f *testing.F) {
	s := serve(f, 1, 0) // nobody may have a session
	for _, test := range greetings {
		f.Add([]byte(test.line + "\n"))
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		conn, err := net.Dial("unix", s.socket)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(5 * time.Second))
		conn.Write(octets)
		conn.(*net.UnixConn).CloseWrite()
		answer, _ := io.ReadAll(conn)
		if strings.Contains(string(answer), `"ok":true`) {
			t.Errorf("%q is let in", octets)
		}
		if len(octets) > 0 && len(answer) > maxGreeting {
			t.Errorf("an answer of %d octets", len(answer))
		}
		if matches, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", os.Getpid())); len(matches) == 0 {
			t.Fatal("processes cannot be counted")
		}
		s.Server.mu.Lock()
		defer s.Server.mu.Unlock()
		if len(s.Server.peers) > 0 {
			t.Error("a session was started")
		}
	})
}
