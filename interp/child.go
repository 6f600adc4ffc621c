package interp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"weir/interp/speaker"
)

// child is a running speaker, and the pipes to it.
type child struct {
	*speaker.Channel
	process *os.Process
	events  chan speaker.Event // closed when there will be no more
	out     *text
	err     *text
	written chan struct{} // a token when either has more
	trouble *text         // what the process says itself, before it is confined and when it dies
	ends    []io.Closer   // ours of the pipes
	dead    chan struct{}
	killed  context.Context // done when nobody waits for events any more
	forget  context.CancelFunc
	status  atomic.Pointer[os.ProcessState]
	layers  speaker.Ready
}

// startTimeout is how long a speaker may take to be ready. When it is over, what it
// has sent may still be unread: a process that was stopped meanwhile, as whole
// machines are, wakes up with the time over. So startGrace follows.
const (
	startTimeout = 10 * time.Second
	startGrace   = time.Second
)

// startChild executes the binary again as a speaker and waits until it is
// confined, which it then verifies itself.
func startChild() (*child, error) {
	c := &child{events: make(chan speaker.Event), written: make(chan struct{}, 1), dead: make(chan struct{})}
	c.killed, c.forget = context.WithCancel(context.Background())
	started := make(chan error, 1)
	// The kernel sends the parent-death signal when the thread that started the
	// child ends, so that thread waits for the child.
	go func() {
		runtime.LockOSThread()
		cmd, err := c.start()
		started <- err
		if err != nil {
			return
		}
		err = cmd.Wait()
		c.status.Store(cmd.ProcessState)
		close(c.dead)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("the speaker did not start: %w", err)
	}
	if err := c.awaitReady(); err != nil {
		c.kill()
		return nil, err
	}
	go c.listen()
	return c, nil
}

// listen hands on what the speaker says until it says no more.
func (c *child) listen() {
	defer close(c.events)
	for {
		var e speaker.Event
		if c.Receive(&e) != nil {
			return
		}
		select {
		case c.events <- e:
		case <-c.killed.Done():
			return
		}
	}
}

func (c *child) start() (*exec.Cmd, error) {
	var theirs []*os.File
	pipe := func(theyWrite bool) (ours *os.File, err error) {
		r, w, err := os.Pipe()
		if err != nil {
			return nil, err
		}
		if theyWrite {
			r, w = w, r
		}
		theirs = append(theirs, r)
		c.ends = append(c.ends, w)
		return w, nil
	}
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
	}()
	out, err1 := pipe(true)
	trouble, err2 := pipe(true)
	to, err3 := pipe(false)
	from, err4 := pipe(true)
	errs, err5 := pipe(true)
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{
		Path:        "/proc/self/exe",
		Args:        []string{speaker.Name},
		Env:         []string{fmt.Sprintf("GOMAXPROCS=%d", runtime.GOMAXPROCS(0)), "GOTRACEBACK=none"},
		Dir:         "/",
		Stdout:      theirs[0],
		Stderr:      theirs[1],
		ExtraFiles:  theirs[2:],
		SysProcAttr: attributes(),
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	c.process = cmd.Process
	c.out, c.err, c.trouble = follow(out, maxText, c.written), follow(errs, maxText, c.written), follow(trouble, maxTrouble, nil)
	c.Channel = speaker.NewChannel(from, to)
	return cmd, nil
}

func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

func (c *child) awaitReady() error {
	ready := make(chan struct{})
	defer close(ready)
	go func() {
		for _, d := range []time.Duration{startTimeout, startGrace} {
			select {
			case <-ready:
				return
			case <-time.After(d):
			}
		}
		c.process.Kill()
	}()
	var e speaker.Event
	if err := c.Receive(&e); err != nil || e.Ready == nil {
		c.kill()
		return fmt.Errorf("the speaker could not be confined and was not started: %s", strings.TrimSpace(c.trouble.until(0)))
	}
	c.layers = *e.Ready
	return confined(c.process.Pid)
}

// confined reads from the kernel, not from the speaker, that it is confined.
func confined(pid int) error {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return fmt.Errorf("the speaker's confinement cannot be verified: %w", err)
	}
	status := map[string]string{}
	for line := range strings.Lines(string(b)) {
		k, v, _ := strings.Cut(line, ":")
		status[k] = strings.TrimSpace(v)
	}
	if status["NoNewPrivs"] != "1" || status["Seccomp"] != "2" {
		return errors.New("the speaker runs unconfined: it was ended before it ran a cell")
	}
	return nil
}

// kill ends the child and waits until it is gone and all it wrote has arrived.
func (c *child) kill() {
	c.process.Kill()
	<-c.dead
	c.out.await()
	c.err.await()
	c.trouble.await()
	c.forget()
	for _, e := range c.ends {
		e.Close()
	}
}

// text is what a child wrote on one of its standard descriptors.
type text struct {
	mu    sync.Mutex
	more  sync.Cond
	buf   []byte
	taken int64 // bytes that until has returned, or that were cut
	kept  int   // bytes that the running cell may still write
	cut   bool
	ended bool
}

// maxText is how much of a cell's text on one stream is kept.
const maxText = 8 << 20

// maxTrouble is how much of a dying process's own words is kept: the first are why.
const maxTrouble = 4 << 10

// follow keeps what r says, and puts a token into written, without waiting, when there is more.
func follow(r io.Reader, keep int, written chan<- struct{}) *text {
	t := &text{kept: keep}
	t.more.L = &t.mu
	go func() {
		b := make([]byte, 1<<16)
		for {
			n, err := r.Read(b)
			t.mu.Lock()
			t.add(b[:n])
			t.ended = err != nil
			t.more.Broadcast()
			t.mu.Unlock()
			select {
			case written <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	return t
}

func (t *text) add(b []byte) {
	keep := min(len(b), t.kept)
	t.buf = append(t.buf, b[:keep]...)
	t.kept -= keep
	if keep < len(b) {
		t.cut = true
		t.taken += int64(len(b) - keep)
	}
}

// allow starts a new cell's allowance.
func (t *text) allow() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept, t.cut = maxText, false
}

// await waits for the end of the stream, which comes when the child is dead.
func (t *text) await() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for !t.ended {
		t.more.Wait()
	}
}

// until returns what arrived up to byte number n of the stream, waiting for it a
// bounded time: the number comes from the child.
func (t *text) until(n int64) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lacks(n) {
		deadline := time.Now().Add(time.Second)
		timer := time.AfterFunc(time.Second, t.more.Broadcast)
		defer timer.Stop()
		for t.lacks(n) && time.Now().Before(deadline) {
			t.more.Wait()
		}
	}
	return t.drain()
}

// lacks says whether byte number n of the stream can still arrive.
func (t *text) lacks(n int64) bool { return t.taken+int64(len(t.buf)) < n && !t.ended }

func (t *text) drain() string {
	s := string(t.buf)
	t.taken += int64(len(t.buf))
	t.buf = t.buf[:0]
	return s
}
