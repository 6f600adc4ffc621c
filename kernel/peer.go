package kernel

import (
	"sync"

	"github.com/go-zeromq/zmq4"
)

// peer is one connection after its handshake. Whoever sends to it never waits for
// it: a goroutine of its own writes what its queue holds.
type peer struct {
	socket   *socket
	identity string // of its ZeroMQ socket, "" for none
	zmq      *zmq4.Conn
	conn     *guarded
	known    bool // of the goroutine that reads
	out      *queue
	written  chan struct{} // closed when nothing more will be written
	once     sync.Once
}

func newPeer(s *socket, z *zmq4.Conn, g *guarded) *peer {
	return &peer{socket: s, identity: z.Peer.Meta["Identity"], zmq: z, conn: g, out: newQueue(s.soft), written: make(chan struct{})}
}

// write sends the queue's messages until the queue ends or the connection does.
func (p *peer) write() {
	defer close(p.written)
	defer p.close()
	for {
		batch := p.out.take()
		if len(batch) == 0 {
			return
		}
		for _, o := range batch {
			if p.zmq.SendMsg(zmq4.NewMsgFrom(o.message()...)) != nil {
				return
			}
		}
		if p.conn.flush() != nil {
			return
		}
		p.out.sent(batch)
	}
}

// read returns the frames of the peer's next message.
func (p *peer) read() ([][]byte, error) {
	m, err := p.zmq.RecvMsg()
	return m.Frames, err
}

// close ends the connection and with it whoever reads or writes.
func (p *peer) close() {
	p.once.Do(func() {
		p.out.close()
		p.conn.Close()
	})
}
