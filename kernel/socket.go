package kernel

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/go-zeromq/zmq4"
)

// socket is one of a kernel's five ZeroMQ sockets. Each connection has goroutines
// of its own, so that a peer that says nothing, or nonsense, or stops reading
// keeps nobody else waiting. zmq4's own sockets do the handshake inside accept,
// where one idle peer shuts everybody out; hence this one, over zmq4.Conn.
type socket struct {
	name     string
	port     int
	kind     zmq4.SocketType
	limits   limits // of a peer that is known
	strange  limits // of one that is not
	patience patience
	room     int // connections; for one beyond, a stranger must go
	soft     int // of each peer's queue, bytes
	complain *complaints

	// receive takes a message of a peer. After an error the connection is
	// closed. Calls for one peer follow one another.
	receive func(*peer, [][]byte) error
	// left is told when a peer is gone.
	left func(*peer)

	listener net.Listener
	serving  sync.WaitGroup

	mu    sync.Mutex
	conns map[net.Conn]*connection // nil when closed
}

type connection struct {
	heard time.Time // of it for the last time
	peer  *peer     // nil during the handshake
	known bool      // it has shown that it belongs here
}

// serve accepts connections until close is called.
func (s *socket) serve() {
	defer s.serving.Done()
	for pause := time.Duration(0); ; {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // out of descriptors, say: others may end
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			time.Sleep(pause)
			continue
		}
		pause = 0
		if s.admit(conn) {
			go s.attend(conn)
		} else {
			conn.Close()
		}
	}
}

// admit makes room for conn and reports whether it may stay.
func (s *socket) admit(conn net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns == nil {
		return false
	}
	if len(s.conns) >= s.room {
		stranger := s.quietestStranger()
		if stranger == nil {
			s.complain.add(s.name, "there are too many connections")
			return false
		}
		s.complain.add(s.name, "there are too many connections of strangers")
		stranger.Close()
		delete(s.conns, stranger)
	}
	s.conns[conn] = &connection{heard: time.Now()}
	s.serving.Add(1)
	return true
}

// quietestStranger is the connection that can best be spared: of those in their
// handshake, or else of those that have not shown that they belong here, the one
// that has been silent for longest. Without one it is nil.
func (s *socket) quietestStranger() (quietest net.Conn) {
	var than *connection
	for conn, c := range s.conns {
		if c.known {
			continue
		}
		if than == nil || (c.peer == nil) != (than.peer == nil) && c.peer == nil ||
			(c.peer == nil) == (than.peer == nil) && c.heard.Before(than.heard) {
			quietest, than = conn, c
		}
	}
	return quietest
}

// hear notes a message of p.
func (s *socket) hear(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.conns[p.conn.Conn]; c != nil {
		c.heard = time.Now()
	}
}

// know notes that p belongs here: a front end whose signature is right, or a
// subscriber. From now on it may send long messages and keeps its place. It is
// called by receive.
func (s *socket) know(p *peer) {
	if p.known {
		return
	}
	p.known = true
	p.conn.framing.limits = s.limits
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.conns[p.conn.Conn]; c != nil {
		c.known = true
	}
}

// attend serves one connection from its handshake to its end.
func (s *socket) attend(conn net.Conn) {
	defer s.serving.Done()
	defer s.forget(conn)
	defer s.survive()
	if err := checkOwner(conn); err != nil {
		s.refused(err)
		return
	}
	z, g, err := open(conn, s.kind, s.strange, s.patience)
	if err != nil {
		s.refused(err)
		return
	}
	p := newPeer(s, z, g)
	if !s.joined(conn, p) {
		return
	}
	go func() {
		defer s.survive()
		p.write()
	}()
	defer func() { p.close(); <-p.written }()
	if s.left != nil {
		defer s.left(p)
	}
	for err == nil {
		var frames [][]byte
		if frames, err = p.read(); err == nil {
			s.hear(p)
			err = s.receive(p, frames)
		}
	}
	s.refused(err)
}

// survive keeps a panic to the connection that it happened in.
func (s *socket) survive() {
	if r := recover(); r != nil {
		slog.Error("a connection ended in a panic", "channel", s.name, "kind", fmt.Sprintf("%T", r), "at", callers())
	}
}

func (s *socket) refused(err error) {
	if r, ok := reason(err); ok {
		s.complain.add(s.name, r)
	}
}

func (s *socket) joined(conn net.Conn, p *peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conns[conn]
	if c == nil {
		return false
	}
	c.peer = p
	return true
}

func (s *socket) forget(conn net.Conn) {
	conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, conn)
}

// send queues a reply for p. If p has gone and come back under the same
// identity, as ZeroMQ sockets do, it goes to the new connection.
func (s *socket) send(p *peer, frames [][]byte) {
	o := sealed(frames)
	err := p.out.put(o)
	if err == errGone {
		if p = s.find(p); p == nil {
			return
		}
		err = p.out.put(o)
	}
	if err != nil {
		p.close()
		s.refused(err)
	}
}

func (s *socket) find(gone *peer) *peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		if c.peer != nil && c.peer != gone && gone.identity != "" && c.peer.identity == gone.identity {
			return c.peer
		}
	}
	return nil
}

// close accepts nobody more, gives every peer until the deadline to take what it
// was sent, ends all connections and waits for their goroutines.
func (s *socket) close(deadline time.Time) {
	s.listener.Close()
	s.mu.Lock()
	conns := s.conns
	s.conns = nil
	s.mu.Unlock()
	var ending sync.WaitGroup
	for conn, c := range conns {
		if c.peer == nil {
			conn.Close()
			continue
		}
		c.peer.out.end()
		ending.Go(func() {
			select {
			case <-c.peer.written:
			case <-time.After(time.Until(deadline)):
			}
			c.peer.close()
		})
	}
	ending.Wait()
	s.serving.Wait()
}
