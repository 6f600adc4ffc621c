package kernel

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"
)

// closing counts calls of Close.
type closing struct {
	scripted
	closed int
	err    error
}

func (c *closing) Close() error { c.closed++; return c.err }

func TestServeReturns(t *testing.T) {
	t.Run("nil after shutdown", func(t *testing.T) {
		for _, on := range []string{"shell", "control"} {
			ex := &closing{}
			path := writeConnectionFile(t, nil)
			served := make(chan error, 1)
			go func() { served <- Serve(context.Background(), path, serving(ex)) }()
			file, _ := ReadConnectionFile(path)
			awaitPort(t, file.IOPub)
			c := connect(t, &kernel{file: file})
			port := map[string]int{"shell": file.Shell, "control": file.Control}[on]
			z := c.dial(port, zmq4.Dealer)
			id, frames := c.compose("shutdown_request", fields{"restart": true})
			z.SendMsg(zmq4.NewMsgFrom(frames...))
			if r := c.receive(z); r.kind != "shutdown_reply" || !matches([]byte(`{"status":"ok","restart":true}`), r.content) {
				t.Errorf("%s: got %s %s", on, r.kind, r.content)
			}
			if out := c.untilIdle(id); len(out) != 0 {
				t.Errorf("%s: also got %v", on, out)
			}
			if err := <-served; err != nil || ex.closed != 1 {
				t.Errorf("%s: Serve returned %v, Close was called %d times", on, err, ex.closed)
			}
		}
	})
	t.Run("the cause when its context is done", func(t *testing.T) {
		ex := &closing{err: errors.New("close failed")}
		ctx, cancel := context.WithCancelCause(context.Background())
		cause := errors.New("the parent died")
		time.AfterFunc(50*time.Millisecond, func() { cancel(cause) })
		err := Serve(ctx, writeConnectionFile(t, nil), serving(ex))
		if !errors.Is(err, cause) || !errors.Is(err, ex.err) || ex.closed != 1 {
			t.Errorf("%v, Close was called %d times", err, ex.closed)
		}
	})
	t.Run("an error of the connection file, and starts nothing", func(t *testing.T) {
		err := Serve(context.Background(), "/nowhere", func() (Executor, error) { t.Error("started"); return nil, nil })
		if err == nil {
			t.Error("no error")
		}
	})
	t.Run("an error of the start, and lets its ports go", func(t *testing.T) {
		path := writeConnectionFile(t, nil)
		failed := errors.New("no confinement")
		if err := Serve(context.Background(), path, func() (Executor, error) { return nil, failed }); err != failed {
			t.Error(err)
		}
		file, _ := ReadConnectionFile(path)
		for name, port := range file.ports() {
			if conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", itoa(port))); err == nil {
				conn.Close()
				t.Errorf("somebody still listens on %s", name)
			}
		}
	})
	t.Run("an error of a taken port", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		port := l.Addr().(*net.TCPAddr).Port
		err = Serve(context.Background(), writeConnectionFile(t, fields{"hb_port": port}), serving(scripted{}))
		if err == nil || !strings.Contains(err.Error(), "start the kernel again") {
			t.Error(err)
		}
	})
}

func awaitPort(t testing.TB, port int) {
	t.Helper()
	for range 200 {
		conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", itoa(port)))
		if err == nil {
			conn.Close()
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("nobody listens")
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

// A reply goes to the connection that asked, and to no other that calls itself the
// same; when that one has gone, to the one that came back as it.
func TestReplyAfterReconnecting(t *testing.T) {
	k, _ := start(t, scripted{}, nil)
	c := connect(t, k)
	thief := *c
	thief.dealer = thief.dial(k.file.Shell, zmq4.Dealer)
	if r := runOne(c, "sleep 100ms"); r.kind != "execute_reply" {
		t.Errorf("got %s", r.kind)
	}
	id := c.execute("sleep 300ms")
	for c.published().parent != id {
	}
	c.dealer.Close()
	if r := thief.reply(); r.parent != id {
		t.Errorf("got a reply to %s", r.parent)
	}
}

// At shutdown the running cell ends, those behind it are aborted, and all of them
// and the shutdown end in idle. So does a cell that ignores its context.
func TestShutdownEndsEverything(t *testing.T) {
	for _, test := range []struct{ code, ename string }{
		{"sleep 1h", "Ended"},
		{"ignore 10s", "Abandoned"},
	} {
		k, stop := start(t, scripted{}, nil)
		c := connect(t, k)
		running, queued := c.execute(test.code), c.execute("stdout never")
		control := c.dial(k.file.Control, zmq4.Dealer)
		for c.published().kind != "execute_input" {
		}
		id, frames := c.compose("shutdown_request", nil)
		begin := time.Now()
		control.SendMsg(zmq4.NewMsgFrom(frames...))
		if r := c.reply(); r.parent != running || !strings.Contains(r.content, test.ename) {
			t.Errorf("%s: %s", test.code, r.content)
		}
		if r := c.reply(); r.parent != queued || !strings.Contains(r.content, `"aborted"`) {
			t.Errorf("%s: the queued one: %s", test.code, r.content)
		}
		if r := c.receive(control); r.parent != id || r.kind != "shutdown_reply" {
			t.Errorf("%s: got %s", test.code, r.kind)
		}
		idle := map[string]bool{}
		for len(idle) < 3 {
			if m := c.published(); strings.Contains(m.content, "idle") {
				idle[m.parent] = true
			} else if m.kind == "stream" {
				t.Errorf("%s: an aborted cell ran", test.code)
			}
		}
		if err := stop(); err != nil {
			t.Errorf("%s: %v", test.code, err)
		}
		if d := time.Since(begin); d > cellGrace+2*flushGrace {
			t.Errorf("%s: the shutdown took %v", test.code, d)
		}
	}
}

// After a failure everything is aborted that was sent before the reply could be
// seen, and nothing else is.
func TestFailureAbortsQueue(t *testing.T) {
	k, _ := start(t, scripted{}, nil)
	c := connect(t, k)
	const queued = 300
	first := c.execute("fail E v")
	info := c.request("kernel_info_request", nil)
	for range queued {
		c.execute("stdout never")
	}
	if r := c.reply(); r.parent != info || r.kind != "kernel_info_reply" {
		t.Errorf("got %s: only execute requests are aborted", r.kind)
	}
	if r := c.reply(); r.parent != first || !strings.Contains(r.content, `"error"`) {
		t.Fatalf("got %s", r.content)
	}
	for i := range queued {
		if r := c.reply(); !matches([]byte(`{"status":"aborted","execution_count":1}`), r.content) {
			t.Fatalf("%d: %s", i, r.content)
		}
	}
	if r := runOne(c, "stdout again"); !strings.Contains(r.content, `"ok"`) {
		t.Errorf("after the reply: %s", r.content)
	}
	for _, content := range []fields{
		{"code": "fail E v", "stop_on_error": false},
		{"code": "fail E v", "silent": true},
	} {
		c.request("execute_request", content)
		c.execute("stdout next")
		c.reply()
		if r := c.reply(); !strings.Contains(r.content, `"ok"`) {
			t.Errorf("%v aborted the next: %s", content, r.content)
		}
	}
}

func runOne(c *client, code string) received {
	c.t.Helper()
	id := c.execute(code)
	r := c.reply()
	if r.parent != id {
		c.t.Fatalf("a reply to %s, not to %s", r.parent, id)
	}
	return r
}

func TestInterrupt(t *testing.T) {
	ways := map[string]func(*kernel, *client, *zmq4.Conn){
		"message": func(k *kernel, c *client, control *zmq4.Conn) {
			id, frames := c.compose("interrupt_request", nil)
			control.SendMsg(zmq4.NewMsgFrom(frames...))
			if r := c.receive(control); r.parent != id || r.content != `{"status":"ok"}` {
				t.Errorf("got %s", r.content)
			}
		},
		"signal": func(*kernel, *client, *zmq4.Conn) { syscall.Kill(os.Getpid(), syscall.SIGINT) },
	}
	k, _ := start(t, scripted{}, nil)
	c := connect(t, k)
	control := c.dial(k.file.Control, zmq4.Dealer)
	for name, interrupt := range ways {
		id := c.execute("sleep 1h")
		queued := c.execute("stdout never")
		for c.published().kind != "execute_input" {
		}
		// The executor may not even have been called yet.
		interrupt(k, c, control)
		if r := c.reply(); r.parent != id || !strings.Contains(r.content, `"ename":"Interrupted"`) {
			t.Errorf("%s: %s", name, r.content)
		}
		if r := c.reply(); r.parent != queued || !strings.Contains(r.content, `"aborted"`) {
			t.Errorf("%s: %s", name, r.content)
		}
		for m := c.published(); m.parent != queued || !strings.Contains(m.content, "idle"); m = c.published() {
		}
		interrupt(k, c, control) // nothing runs
		if r := runOne(c, "stdout a"); !strings.Contains(r.content, `"ok"`) {
			t.Errorf("%s: the next cell: %s", name, r.content)
		}
		for m := c.published(); m.kind != "stream"; m = c.published() {
		}
		c.published()
	}
}

// Control is answered while a cell runs, even one that waits for a subscriber who
// reads nothing.
func TestControlWhileACellWaits(t *testing.T) {
	k, _ := start(t, scripted{}, func(k *kernel) { k.shrinkOutput(100_000, time.Hour) })
	c := connect(t, k)
	control := c.dial(k.file.Control, zmq4.Dealer)
	cell := c.execute("pictures 100000 10000")
	awaitFull(t, k)
	id, frames := c.compose("kernel_info_request", nil)
	control.SendMsg(zmq4.NewMsgFrom(frames...))
	if r := c.receive(control); r.parent != id {
		t.Errorf("got %s", r.kind)
	}
	_, frames = c.compose("interrupt_request", nil)
	control.SendMsg(zmq4.NewMsgFrom(frames...))
	if r := c.reply(); r.parent != cell || !strings.Contains(r.content, "Interrupted") {
		t.Errorf("got %s", r.content)
	}
}

// While a cell runs, whatever is no cell is answered on shell, and the state that a
// front end was last told is that of the cell.
func TestShellWhileACellRuns(t *testing.T) {
	k, _ := start(t, scripted{}, nil)
	c := connect(t, k)
	cell := c.execute("sleep 1h")
	next := c.execute("stdout next")
	for c.published().kind != "execute_input" {
	}
	for _, request := range []struct {
		kind    string
		content fields
	}{
		{"kernel_info_request", nil},
		{"complete_request", fields{"code": "st"}},
		{"inspect_request", fields{"code": "stdout"}},
		{"is_complete_request", fields{"code": "stdout"}},
		{"history_request", fields{"hist_access_type": "tail", "n": 1}},
		{"comm_info_request", nil},
	} {
		id := c.request(request.kind, request.content)
		if r := c.reply(); r.parent != id || !strings.Contains(r.content, `"ok"`) && !strings.Contains(r.content, `"complete"`) {
			t.Errorf("%s: %s %s", request.kind, r.kind, r.content)
		}
		if out := c.untilIdle(id); len(out) != 0 {
			t.Errorf("%s: published %v", request.kind, out)
		}
		if m := c.published(); m.parent != cell || m.content != `{"execution_state":"busy"}` {
			t.Errorf("%s: idle is followed by %s", request.kind, m.content)
		}
	}
	interrupt := c.request("interrupt_request", nil)
	replies := map[string]string{}
	for len(replies) < 3 {
		r := c.reply()
		replies[r.parent] = r.content
	}
	if replies[interrupt] != `{"status":"ok"}` || !strings.Contains(replies[cell], "Interrupted") || !strings.Contains(replies[next], "aborted") {
		t.Errorf("an interrupt on shell: %v", replies)
	}
	states := map[string]int{}
	for states[interrupt] != 0 || states[cell] != 0 || states[next] != 0 || len(states) < 3 {
		switch m := c.published(); m.content {
		case `{"execution_state":"busy"}`:
			states[m.parent] = 1
		case `{"execution_state":"idle"}`:
			states[m.parent] = 0
		}
	}
}

func (k *kernel) shrinkOutput(soft int, grace time.Duration) {
	for _, s := range k.sockets {
		if s.name == "iopub" {
			s.soft = soft
		}
	}
	k.iopub.grace = grace
}

func awaitFull(t *testing.T, k *kernel) {
	t.Helper()
	for range 500 {
		if p, _, _ := k.iopub.slowest(); p != nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no queue fills")
}

func TestIPC(t *testing.T) {
	directory, err := os.MkdirTemp("", "weir") // short, for the sockets' paths
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(directory)
	path := writeConnectionFile(t, fields{"transport": "ipc", "ip": filepath.Join(directory, "k")})
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(directory, "k-1")})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false)
	if err := Serve(context.Background(), path, serving(scripted{})); err == nil || !strings.Contains(err.Error(), "is in use") {
		t.Errorf("a socket in use: %v", err)
	}
	stale.Close()

	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- Serve(ctx, path, serving(scripted{})) }()
	for i := range 5 {
		name := filepath.Join(directory, "k-"+itoa(i+1))
		conn, err := net.Dial("unix", name)
		for range 200 {
			if err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
			conn, err = net.Dial("unix", name)
		}
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	cancel()
	if err := <-served; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left, _ := filepath.Glob(filepath.Join(directory, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	long := writeConnectionFile(t, fields{"transport": "ipc", "ip": filepath.Join(directory, strings.Repeat("k", 120))})
	if err := Serve(context.Background(), long, serving(scripted{})); err == nil || !strings.Contains(err.Error(), "longer than 107 bytes") {
		t.Errorf("a long path: %v", err)
	}
}

// lockedBuffer collects the log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func captureLog(t testing.TB) *lockedBuffer {
	b, before := &lockedBuffer{}, slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(b, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return b
}

// What is refused is logged, and the log has none of what a message said.
func TestLogHasNoContent(t *testing.T) {
	const secret = "participant4711"
	log := captureLog(t)
	k, _ := start(t, scripted{}, nil)
	c := connect(t, k)
	_, wrong := c.compose("execute_request", fields{"code": secret})
	wrong[1] = bytes.Repeat([]byte("0"), 64)
	_, buffers := c.compose("execute_request", fields{"code": secret})
	buffers = append(buffers, []byte(secret))
	_, unknown := c.compose(secret+"_request", fields{"code": secret})
	for _, frames := range [][][]byte{
		wrong, buffers, unknown, {[]byte(secret)},
		wire(`{"msg_id":"`+secret+`"}`, `{}`, `{}`, `{}`),
		wire(goodHeader, `{}`, `{}`, `{"`+secret),
	} {
		c.dealer.SendMsg(zmq4.NewMsgFrom(frames...))
	}
	c.execute("panic")
	c.reply()
	for _, want := range []refusal{errSignature, errBuffers, errUnknown, errDelimiter, errHeader, errContent, "a panic"} {
		if !strings.Contains(log.String(), string(want)) {
			t.Errorf("the log does not say %q", want)
		}
	}
	if s := log.String(); strings.Contains(s, "4711") {
		t.Errorf("the log quotes: %s", s)
	}
}

func TestComplaintsAreFew(t *testing.T) {
	log := captureLog(t)
	c := &complaints{}
	for range 10_000 {
		c.add("shell", errSignature)
		c.add("shell", errReplay)
	}
	if n := strings.Count(log.String(), "\n"); n < 2 || n > 4 {
		t.Errorf("%d lines for 20,000 refusals of two kinds", n)
	}
}
