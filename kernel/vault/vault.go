// Package vault lets sessions live under a user of their own, who alone can read
// data, key and ledger. Server listens on a Unix socket, asks the system who
// connects (SO_PEERCRED), looks them up in the access list, and gives each
// connection to a process of its own; the connection is all that the process
// shares with anybody. Dial is the researcher's side.
//
// It refuses a peer who is on no list, more sessions than the quota, a greeting
// that is none, and a socket in a directory that others may write to. Refusals
// tell a peer nothing about other peers.
//
// # The greeting
//
// The peer writes one line, and gets one back:
//
//	{"weir":1,"ask":"session","tier":"registered","conduct":"1"}
//	{"ok":true}                         or {"ok":false,"why":"…"}
//
// conduct is there only in batch: the version of the code of conduct that the
// researcher's configuration confirms. A member that the line does not have, one that
// stands twice, and anything behind the object is refused.
//
// What follows is between the peer and the process: after "session" the protocol
// of kernel.ServeExecutor; after "verify" and "release" one line each way.
//
// # What is measured
//
// Where Metrics names an address, GET /metrics there answers in Prometheus' text
// format, 0.0.4, and GET /healthz with 200 or 503. Every number is about sessions,
// requests and processes; none is about data, and none names a researcher.
package vault

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Peer is who connected, as the system says.
type Peer struct{ UID, PID int }

// Grant is what a peer may have.
type Grant struct {
	Arguments []string // of the process that serves the connection
	Sessions  int      // how many at once
}

// Server hands connections to processes. All members but Memory, Log and Check are required.
type Server struct {
	Binary string // the weir command
	// Access returns what the peer may have of a tier, or why it may not. A
	// public key is anybody's to ask for.
	Access   func(p Peer, g Greeting) (Grant, error)
	Sessions int                        // of all peers together
	Memory   string                     // soft limit of a session's process, as GOMEMLIMIT has it; "" for none
	Log      func(event, detail string) // of the service; never a peer's input
	Check    func() error               // says what is wrong with data, key or ledger; for /healthz

	mu      sync.Mutex
	peers   map[int]int // sessions by uid
	waiting map[int]int // connections by uid that have not greeted yet
	metrics metrics
	work    sync.WaitGroup
}

// Greeting is a peer's first line.
type Greeting struct {
	Weir    int    `json:"weir"` // 1
	Ask     string `json:"ask"`  // session, verify, release or public
	Tier    string `json:"tier"`
	Conduct string `json:"conduct,omitempty"`
}

// parseGreeting is strict: only what Dial writes reads back to the same bytes.
func parseGreeting(line []byte) (g Greeting, err error) {
	err = json.Unmarshal(line, &g)
	if again, _ := json.Marshal(g); err != nil || !bytes.Equal(again, line) || g.Weir != 1 || !asks[g.Ask] || !plain.MatchString(g.Conduct) {
		return Greeting{}, refusal("the greeting is of another version of weir")
	}
	return g, nil
}

// plain is what may follow an option on a command line.
var plain = regexp.MustCompile(`^[0-9.]{0,16}$`)

// Welcome is the answer to it.
type Welcome struct {
	OK  bool   `json:"ok"`
	Why string `json:"why,omitempty"`
}

// Asks are what may be asked for.
var asks = map[string]bool{"session": true, "verify": true, "release": true, "public": true}

// Descriptors of the process that serves a connection.
const (
	ConnectionFD = 3
	MetricsFD    = 4
)

const (
	maxGreeting = 1 << 12
	maxWaiting  = 16 // connections of one peer that have not greeted
)

// greetingTime is how long a peer may take to say what it wants.
const greetingTime = 10 * time.Second

// Listen makes the socket. Everybody may connect: who may do more, the access list says.
func Listen(path string) (*net.UnixListener, error) {
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o022 != 0 {
		return nil, fmt.Errorf("%s can be written to by others, who could put a socket of their own there: chmod go-w", filepath.Dir(path))
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	return l, os.Chmod(path, 0o666)
}

// removeStale removes a socket that nobody listens on, and nothing else.
func removeStale(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil || info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("%s is in the way", path)
	}
	if c, err := net.Dial("unix", path); err == nil {
		c.Close()
		return fmt.Errorf("another vault listens on %s", path)
	}
	return os.Remove(path)
}

// Serve takes connections until ctx is done. Sessions that run then go on: each
// lives in its own process until its peer goes or Drain ends it.
func (s *Server) Serve(ctx context.Context, l *net.UnixListener) error {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	for {
		conn, err := l.AcceptUnix()
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ECONNABORTED) {
			time.Sleep(100 * time.Millisecond) // until others have gone
			continue
		}
		if err != nil {
			return err
		}
		s.work.Go(func() { s.take(conn) })
	}
}

// Drain waits until no session is left or ctx is done, and returns how many are left.
func (s *Server) Drain(ctx context.Context) int {
	done := make(chan struct{})
	go func() { s.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	left := 0
	for _, n := range s.peers {
		left += n
	}
	return left
}

func (s *Server) take(conn *net.UnixConn) {
	defer conn.Close()
	p, err := peerOf(conn)
	var g Greeting
	var grant Grant
	if err == nil {
		g, grant, err = s.greet(conn, p)
	}
	if err == nil {
		err = s.enter(p, grant)
	}
	if err != nil {
		s.refuse(conn, p, err)
		return
	}
	defer s.leave(p)
	if err := s.run(conn, p, g, grant); err != nil {
		s.Log("session failed", err.Error())
	}
}

// refusal is an error whose text a peer may read.
type refusal string

func (r refusal) Error() string { return string(r) }

func (s *Server) refuse(conn *net.UnixConn, p Peer, err error) {
	why := "the vault cannot serve you now: tell the administrator"
	var r refusal
	if errors.As(err, &r) {
		why = string(r)
	}
	s.metrics.refused()
	s.Log("refused", fmt.Sprintf("uid %d: %v", p.UID, err))
	b, _ := json.Marshal(Welcome{Why: why})
	conn.SetWriteDeadline(time.Now().Add(greetingTime))
	conn.Write(append(b, '\n'))
}

func (s *Server) greet(conn *net.UnixConn, p Peer) (g Greeting, grant Grant, err error) {
	if !s.wait(p, 1) {
		return g, grant, refusal("you have too many connections that say nothing")
	}
	defer s.wait(p, -1)
	conn.SetDeadline(time.Now().Add(greetingTime))
	line, err := readGreeting(conn)
	if err != nil {
		return g, grant, err
	}
	if g, err = parseGreeting(line); err != nil {
		return g, grant, err
	}
	if grant, err = s.Access(p, g); err != nil {
		return g, grant, refusal(err.Error())
	}
	return g, grant, conn.SetDeadline(time.Time{})
}

// wait counts the connections of a peer that have not greeted, so that one cannot
// use up what all of them need.
func (s *Server) wait(p Peer, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == nil {
		s.waiting = map[int]int{}
	}
	if n > 0 && s.waiting[p.UID] >= maxWaiting {
		return false
	}
	if s.waiting[p.UID] += n; s.waiting[p.UID] == 0 {
		delete(s.waiting, p.UID)
	}
	return true
}

// readGreeting takes not an octet more than the line: the rest is the process's.
func readGreeting(conn io.Reader) ([]byte, error) {
	var line []byte
	one := make([]byte, 1)
	for len(line) < maxGreeting {
		if _, err := io.ReadFull(conn, one); err != nil {
			return nil, err
		}
		if one[0] == '\n' {
			return line, nil
		}
		line = append(line, one[0])
	}
	return nil, refusal("the greeting is too long")
}

func peerOf(conn *net.UnixConn) (Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var cred *unix.Ucred
	if e := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); e != nil {
		return Peer{}, e
	}
	if err != nil {
		return Peer{}, err
	}
	return Peer{int(cred.Uid), int(cred.Pid)}, nil
}

// enter counts a session, or refuses it.
func (s *Server) enter(p Peer, g Grant) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers == nil {
		s.peers = map[int]int{}
	}
	all := 0
	for _, n := range s.peers {
		all += n
	}
	switch {
	case s.peers[p.UID] >= g.Sessions:
		return refusal(fmt.Sprintf("you have %d sessions, which is as many as you may have: shut down a kernel first", g.Sessions))
	case all >= s.Sessions:
		return refusal("the vault has as many sessions as it may have: try again later")
	}
	s.peers[p.UID]++
	s.metrics.entered()
	return nil
}

func (s *Server) leave(p Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.peers[p.UID]--; s.peers[p.UID] == 0 {
		delete(s.peers, p.UID)
	}
	s.metrics.left()
}

// run serves a connection by a process of its own and waits for it.
func (s *Server) run(conn *net.UnixConn, p Peer, g Greeting, grant Grant) error {
	file, err := conn.File()
	if err != nil {
		return err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	c := exec.Command(s.Binary, append([]string{"vault-session", "--ask", g.Ask, "--peer", strconv.Itoa(p.UID), "--conduct=" + g.Conduct}, grant.Arguments...)...)
	c.ExtraFiles = []*os.File{file, write}
	c.Env = []string{"HOME=/nonexistent", "PATH=/usr/bin:/bin"}
	if d := os.Getenv("XDG_CACHE_HOME"); d != "" {
		c.Env = append(c.Env, "XDG_CACHE_HOME="+d)
	}
	if s.Memory != "" {
		c.Env = append(c.Env, "GOMEMLIMIT="+s.Memory)
	}
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	err = c.Start()
	conn.Close()
	file.Close()
	write.Close()
	if err != nil {
		return errors.Join(err, read.Close())
	}
	s.metrics.follow(read)
	return c.Wait()
}

// conn is the researcher's side: what was read with the welcome is not lost.
type conn struct {
	*net.UnixConn
	in *bufio.Reader
}

func (c conn) Read(p []byte) (int, error) { return c.in.Read(p) }

// Dial greets the vault at a socket.
func Dial(socket string, g Greeting) (io.ReadWriteCloser, error) {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("the vault at %s cannot be reached: %w; tell the administrator", socket, err)
	}
	g.Weir = 1
	b, err := json.Marshal(g)
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	_, unsent := c.Write(append(b, '\n')) // who is refused at once may not get to say it, and is told why
	out := conn{c, bufio.NewReaderSize(c, 1<<16)}
	var w Welcome
	line, err := readGreeting(out)
	if err == nil {
		err = json.Unmarshal(line, &w)
	} else {
		err = errors.Join(err, unsent)
	}
	if err == nil && !w.OK {
		err = errors.New("the vault refuses: " + w.Why)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return out, nil
}

// Accepted is the connection of the process that serves it, which it welcomes.
func Accepted() (io.ReadWriteCloser, error) {
	f := os.NewFile(ConnectionFD, "connection")
	if f == nil {
		return nil, errors.New("weir vault starts this")
	}
	defer f.Close()
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	_, err = c.Write([]byte(`{"ok":true}` + "\n"))
	return c, err
}
