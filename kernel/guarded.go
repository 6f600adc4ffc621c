package kernel

import (
	"bufio"
	"net"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/go-zeromq/zmq4/security/null"
)

// guarded stands between a peer and zmq4: every octet that zmq4 reads has passed
// framing, and a message once begun must end in time.
type guarded struct {
	net.Conn
	in      *bufio.Reader
	out     *bufio.Writer // nil during the handshake, which zmq4 does not flush
	framing framing
	patience
	timed uint64 // the message that the read deadline is for, counted from 1
}

// patience is how long a peer may take.
type patience struct {
	handshake time.Duration // from connecting to the end of its READY
	message   time.Duration // from a message's first octet to its last
}

// open performs the server's side of the ZMTP handshake on conn, with the NULL
// mechanism. It leaves conn to be closed by the caller.
func open(conn net.Conn, kind zmq4.SocketType, l limits, p patience) (z *zmq4.Conn, g *guarded, err error) {
	defer func() {
		// zmq4 indexes a peer's metadata unchecked and panics at a socket
		// type that it does not know.
		if recover() != nil {
			err = errHandshake
		}
	}()
	g = &guarded{Conn: conn, in: bufio.NewReader(conn), framing: framing{limits: l}, patience: p}
	if err := conn.SetDeadline(time.Now().Add(p.handshake)); err != nil {
		return nil, nil, err
	}
	if z, err = zmq4.Open(g, null.Security(), kind, nil, true, nil); err != nil {
		return nil, nil, err
	}
	g.out = bufio.NewWriterSize(conn, 16<<10)
	return z, g, conn.SetDeadline(time.Time{})
}

func (g *guarded) Read(p []byte) (int, error) {
	if err := g.setDeadline(); err != nil {
		return 0, err
	}
	n, err := g.in.Read(p)
	if refused := g.framing.follow(p[:n]); refused != nil {
		return 0, refused
	}
	return n, err
}

// setDeadline runs before a read. Reads that the buffer can serve need none, and
// the handshake has its own.
func (g *guarded) setDeadline() error {
	var message uint64
	if g.out != nil && !g.framing.between() {
		message = g.framing.messages + 1
	}
	if g.in.Buffered() > 0 || message == g.timed {
		return nil
	}
	g.timed = message
	var until time.Time
	if message > 0 {
		until = time.Now().Add(g.patience.message)
	}
	return g.SetReadDeadline(until)
}

// Write collects what zmq4 writes in small pieces; flush sends it.
func (g *guarded) Write(p []byte) (int, error) {
	if g.out == nil {
		return g.Conn.Write(p)
	}
	return g.out.Write(p)
}

func (g *guarded) flush() error { return g.out.Flush() }
