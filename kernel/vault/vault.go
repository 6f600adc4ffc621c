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
//	{"weir":1,"ask":"session","tier":"registered"}
//	{"ok":true}                         or {"ok":false,"why":"…"}
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
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
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
	metrics metrics
	work    sync.WaitGroup
}

// Greeting is a peer's first line.
type Greeting struct {
	Weir int    `json:"weir"`
	Ask  string `json:"ask"` // session, verify, release or public
	Tier string `json:"tier"`
}

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

const maxGreeting = 1 << 12

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
	p, g, grant, err := s.greet(conn)
	if err == nil {
		err = s.enter(p, grant)
	}
	if err != nil {
		s.refuse(conn, err)
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

func (s *Server) refuse(conn *net.UnixConn, err error) {
	why := "the vault cannot serve you now: tell the administrator"
	var r refusal
	if errors.As(err, &r) {
		why = string(r)
	}
	s.metrics.refused()
	s.Log("refused", err.Error())
	b, _ := json.Marshal(Welcome{Why: why})
	conn.SetWriteDeadline(time.Now().Add(greetingTime))
	conn.Write(append(b, '\n'))
}

func (s *Server) greet(conn *net.UnixConn) (p Peer, g Greeting, grant Grant, err error) {
	if p, err = peerOf(conn); err != nil {
		return p, g, grant, err
	}
	conn.SetDeadline(time.Now().Add(greetingTime))
	line, err := readGreeting(conn)
	if err != nil {
		return p, g, grant, err
	}
	if json.Unmarshal(line, &g) != nil || g.Weir != 1 || !asks[g.Ask] {
		return p, g, grant, refusal("the greeting is of another version of weir")
	}
	if grant, err = s.Access(p, g); err != nil {
		return p, g, grant, refusal(err.Error())
	}
	return p, g, grant, conn.SetDeadline(time.Time{})
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
	c := exec.Command(s.Binary, append([]string{"vault-session", "--ask", g.Ask, "--peer", strconv.Itoa(p.UID)}, grant.Arguments...)...)
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
func Dial(socket, ask, tier string) (io.ReadWriteCloser, error) {
	c, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("the vault at %s cannot be reached: %w; tell the administrator", socket, err)
	}
	b, err := json.Marshal(Greeting{1, ask, tier})
	if err == nil {
		_, err = c.Write(append(b, '\n'))
	}
	out := conn{c, bufio.NewReaderSize(c, 1<<16)}
	var w Welcome
	if err == nil {
		var line []byte
		if line, err = readGreeting(out); err == nil {
			err = json.Unmarshal(line, &w)
		}
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
