package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"
	"github.com/go-zeromq/zmq4/security/null"
)

// start serves ex on free ports until the test ends or stop is called.
func start(t testing.TB, ex Executor, adjust func(*kernel)) (k *kernel, stop func() error) {
	t.Helper()
	k, err := newKernel(context.Background(), writeConnectionFile(t, nil), nil)
	for range 5 {
		if errors.Is(err, syscall.EADDRINUSE) { // somebody was quicker
			k, err = newKernel(context.Background(), writeConnectionFile(t, nil), nil)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	k.executor = ex
	if adjust != nil {
		adjust(k)
	}
	served := make(chan error, 1)
	go func() { served <- k.serve() }()
	var result error
	stopped := false
	stop = func() error {
		if !stopped {
			stopped = true
			k.stop(ErrShutdown)
			select {
			case result = <-served:
			case <-time.After(10 * time.Second):
				t.Error("the kernel does not stop")
			}
		}
		return result
	}
	t.Cleanup(func() { stop() })
	return k, stop
}

// client is a front end: a DEALER for requests and a SUB for what is published.
type client struct {
	t        testing.TB
	composer *composer
	dealer   *zmq4.Conn
	sub      *zmq4.Conn
}

// received is a message that a client got.
type received struct {
	topic   string
	kind    string
	parent  string // msg_id
	content string
}

// connect opens a client of shell. It has read its welcome.
func connect(t testing.TB, k *kernel) *client {
	t.Helper()
	c := &client{t: t, composer: newComposer(&signer{key: []byte(testKey)})}
	c.dealer = c.dial(k.file.Shell, zmq4.Dealer)
	c.sub = c.dial(k.file.IOPub, zmq4.Sub)
	c.subscribe("")
	if m := c.published(); m.kind != "iopub_welcome" {
		t.Fatalf("first message on iopub is %s", m.kind)
	}
	return c
}

func (c *client) dial(port int, kind zmq4.SocketType) *zmq4.Conn {
	c.t.Helper()
	conn := dial(c.t, port)
	z, err := zmq4.Open(conn, null.Security(), kind, zmq4.SocketIdentity(c.composer.session), false, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(time.Minute + lasts(5*time.Second)))
	return z
}

func dial(t testing.TB, port int) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		t.Fatal(err)
	}
	dialled.Lock()
	defer dialled.Unlock()
	dialled.conns = append(dialled.conns, conn)
	t.Cleanup(func() { conn.Close() })
	return conn
}

// dialled are the connections of the running test.
var dialled struct {
	sync.Mutex
	conns []net.Conn
}

func closeDialled() {
	dialled.Lock()
	defer dialled.Unlock()
	for _, conn := range dialled.conns {
		conn.Close()
	}
	dialled.conns = nil
}

func newMessage(frames [][]byte) zmq4.Msg { return zmq4.NewMsgFrom(frames...) }

func (c *client) subscribe(topic string) {
	c.t.Helper()
	if err := c.sub.SendMsg(zmq4.NewMsg(append([]byte{1}, topic...))); err != nil {
		c.t.Fatal(err)
	}
}

func (c *client) compose(kind string, content fields) (id string, frames [][]byte) {
	c.t.Helper()
	h := c.composer.header(kind)
	frames, err := c.composer.compose(nil, h, nil, nil, content)
	if err != nil {
		c.t.Fatal(err)
	}
	return h.ID, frames
}

// request sends a request on shell.
func (c *client) request(kind string, content fields) (id string) {
	c.t.Helper()
	id, frames := c.compose(kind, content)
	if err := c.dealer.SendMsg(zmq4.NewMsgFrom(frames...)); err != nil {
		c.t.Fatal(err)
	}
	return id
}

func (c *client) execute(code string) (id string) {
	c.t.Helper()
	return c.request("execute_request", fields{"code": code})
}

func (c *client) reply() received     { c.t.Helper(); return c.receive(c.dealer) }
func (c *client) published() received { c.t.Helper(); return c.receive(c.sub) }

func (c *client) receive(z *zmq4.Conn) received {
	c.t.Helper()
	m, err := z.RecvMsg()
	if err != nil {
		c.t.Fatal(err)
	}
	r, err := decode(m.Frames)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// decode reads a kernel's message with the code under test only for the signature,
// which jupyter_client checks elsewhere.
func decode(frames [][]byte) (r received, err error) {
	if len(frames) == 7 {
		r.topic, frames = string(frames[0]), frames[1:]
	}
	if len(frames) != 6 || string(frames[0]) != "<IDS|MSG>" {
		return r, fmt.Errorf("%d frames", len(frames))
	}
	if got, want := string(frames[1]), (&signer{key: []byte(testKey)}).sign(frames[2:]); got != string(want) {
		return r, fmt.Errorf("signature %s, want %s", got, want)
	}
	var h, p struct {
		ID   string `json:"msg_id"`
		Kind string `json:"msg_type"`
	}
	if err := json.Unmarshal(frames[2], &h); err != nil {
		return r, err
	}
	if err := json.Unmarshal(frames[3], &p); err != nil {
		return r, err
	}
	r.kind, r.parent, r.content = h.Kind, p.ID, string(frames[5])
	return r, nil
}

// untilIdle returns what is published for a request, without busy and idle.
func (c *client) untilIdle(id string) (outputs []received) {
	c.t.Helper()
	if m := c.published(); m.kind != "status" || m.parent != id || m.content != `{"execution_state":"busy"}` {
		c.t.Fatalf("%s %s, want busy", m.kind, m.content)
	}
	for {
		m := c.published()
		if m.parent != id {
			c.t.Fatalf("%s of another request before idle", m.kind)
		}
		if m.kind == "status" {
			return outputs
		}
		outputs = append(outputs, m)
	}
}

// works checks that a kernel answers.
func (c *client) works() {
	c.t.Helper()
	id := c.execute("stdout works")
	if r := c.reply(); r.kind != "execute_reply" || r.parent != id {
		c.t.Fatalf("got %s of %s", r.kind, r.parent)
	}
	if out := c.untilIdle(id); len(out) != 2 || out[1].kind != "stream" {
		c.t.Fatalf("got %v", out)
	}
}
