package kernel

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"
)

// ports of a kernel's sockets.
func (f *ConnectionFile) ports() map[string]int {
	return map[string]int{"shell": f.Shell, "control": f.Control, "stdin": f.Stdin, "iopub": f.IOPub, "heartbeat": f.Heartbeat}
}

// peerKinds are what may connect to a socket.
var peerKinds = map[string]string{"shell": "DEALER", "control": "DEALER", "stdin": "DEALER", "iopub": "SUB", "heartbeat": "REQ"}

// Nobody without the key, whatever they send, keeps an honest front end from
// working, and nothing is left of them.
func TestAttacks(t *testing.T) {
	attacks := []struct {
		name   string
		attack func(*testing.T, *kernel, *client)
	}{
		{"100 idle peers on each socket", func(t *testing.T, k *kernel, _ *client) {
			for _, port := range k.file.ports() {
				for range 100 {
					dial(t, port)
				}
			}
		}},
		{"an idle peer and one that greets drop by drop", func(t *testing.T, k *kernel, _ *client) {
			for name, port := range k.file.ports() {
				conn := dial(t, port)
				go func() {
					octets := greet(peerKinds[name])
					for err := error(nil); err == nil; octets = octets[1:] {
						time.Sleep(100 * time.Millisecond)
						_, err = conn.Write(octets[:1])
					}
				}()
				disconnected(t, port, conn)
			}
			refused(t, k.file.Shell, nil)
		}},
		{"more idle peers than a socket has room for", func(t *testing.T, k *kernel, _ *client) {
			for range maxPeers + 50 {
				dial(t, k.file.Shell)
			}
		}},
		{"more strangers than a socket has room for, that stay after their handshake", func(t *testing.T, k *kernel, _ *client) {
			for name, port := range k.file.ports() {
				for range maxPeers + 50 {
					dial(t, port).Write(greet(peerKinds[name]))
				}
			}
		}},
		{"a frame that only a known peer may send", func(t *testing.T, k *kernel, c *client) {
			long := strings.Repeat("x", int(strangerLimits.frame))
			for _, port := range []int{k.file.Shell, k.file.Control} {
				refused(t, port, append(greet("DEALER"), frameHeader(0, strangerLimits.frame+1)...))
			}
			id := c.execute("stdout " + long)
			if r := c.reply(); r.parent != id || !strings.Contains(r.content, `"ok"`) {
				t.Errorf("the known one got %s", r.content)
			}
			c.untilIdle(id)
		}},
		{"a frame header claiming 2^60 octets", func(t *testing.T, k *kernel, _ *client) {
			for name, port := range k.file.ports() {
				refused(t, port, append(greet(peerKinds[name]), frameHeader(0, 1<<60)...))
			}
		}},
		{"a READY claiming 2^60 octets", func(t *testing.T, k *kernel, _ *client) {
			for name, port := range k.file.ports() {
				refused(t, port, append(greet(peerKinds[name])[:greetingLength], frameHeader(flagCommand, 1<<60)...))
			}
		}},
		{"metadata that zmq4 indexes out of range", func(t *testing.T, k *kernel, _ *client) {
			for _, port := range k.file.ports() {
				refused(t, port, append(greet("")[:greetingLength], frame(flagCommand, []byte("\x05READY\xff"))...))
			}
		}},
		{"a socket type at which zmq4 panics", func(t *testing.T, k *kernel, _ *client) {
			for _, port := range k.file.ports() {
				refused(t, port, greet("NONSENSE"))
			}
		}},
		{"a socket type that does not belong there", func(t *testing.T, k *kernel, _ *client) {
			for _, port := range k.file.ports() {
				refused(t, port, greet("PUSH"))
			}
		}},
		{"pings, answered by zmq4 into the midst of messages", func(t *testing.T, k *kernel, _ *client) {
			for name, port := range k.file.ports() {
				refused(t, port, append(greet(peerKinds[name]), bytes.Repeat(frame(flagCommand, []byte("\x04PING\x00\x00")), 10)...))
			}
		}},
		{"garbage", func(t *testing.T, k *kernel, _ *client) {
			random := rand.New(rand.NewPCG(1, 2))
			for name, port := range k.file.ports() {
				for range 50 {
					b := make([]byte, random.IntN(5000))
					for i := range b {
						b[i] = byte(random.Uint32())
					}
					dial(t, port).Write(b)
					dial(t, port).Write(append(greet(peerKinds[name]), b...))
				}
			}
		}},
		{"subscriptions without end", func(t *testing.T, k *kernel, _ *client) {
			b := greet("SUB")
			for i := range maxSubscriptions + 1 {
				b = append(b, frame(0, binary.BigEndian.AppendUint16([]byte{1}, uint16(i)))...)
			}
			refused(t, k.file.IOPub, b)
			refused(t, k.file.IOPub, append(greet("SUB"), frame(0, nil)...))
		}},
		{"vanishing in the midst of a frame", func(t *testing.T, k *kernel, _ *client) {
			for name, port := range k.file.ports() {
				for range 20 {
					conn := dial(t, port)
					conn.Write(append(greet(peerKinds[name]), frameHeader(1, 1000)...))
					conn.Close()
				}
			}
		}},
		{"a message never finished", func(t *testing.T, k *kernel, _ *client) {
			refused(t, k.file.Shell, append(greet("DEALER"), frameHeader(0, 1000)...))
		}},
		{"1,000 that connect and vanish", func(t *testing.T, k *kernel, _ *client) {
			for i := range 1000 {
				conn := dial(t, k.file.Shell)
				if i%2 == 0 {
					conn.Write(greet("DEALER"))
				}
				conn.Close()
			}
		}},
		{"heartbeats and requests whose answers nobody reads", func(t *testing.T, k *kernel, _ *client) {
			conn := dial(t, k.file.Heartbeat)
			beat := append(frame(1, nil), frame(0, make([]byte, 1000))...)
			conn.Write(append(greet("REQ"), bytes.Repeat(beat, 20_000)...)) // fails when dropped
		}},
		{"unsigned and wrongly signed requests", func(t *testing.T, k *kernel, c *client) {
			z := c.dial(k.file.Shell, zmq4.Dealer)
			for range 100 {
				_, frames := c.compose("shutdown_request", nil)
				frames[1] = bytes.Repeat([]byte("f"), 64)
				z.SendMsg(zmq4.NewMsgFrom(frames...))
				frames[1] = nil
				z.SendMsg(zmq4.NewMsgFrom(frames...))
			}
		}},
		{"a request of another, replayed", func(t *testing.T, k *kernel, c *client) {
			id, frames := c.compose("execute_request", fields{"code": "stdout once"})
			c.dealer.SendMsg(zmq4.NewMsgFrom(frames...))
			if r := c.reply(); r.parent != id {
				t.Fatalf("got %s", r.kind)
			}
			c.untilIdle(id)
			thief := &client{t: t, composer: newComposer(testSigner())}
			for _, port := range []int{k.file.Shell, k.file.Control} {
				z := thief.dial(port, zmq4.Dealer)
				z.SendMsg(zmq4.NewMsgFrom(frames...))
			}
			// works would see a second execute_input.
		}},
	}
	// What the runtime starts once for all.
	k, stop := start(t, scripted{}, nil)
	connect(t, k).works()
	stop()
	for _, attack := range attacks {
		t.Run(attack.name, func(t *testing.T) {
			log := captureLog(t)
			before := resources(t)
			k, stop := start(t, scripted{}, func(k *kernel) {
				for _, s := range k.sockets {
					s.patience = patience{handshake: time.Second, message: time.Second}
				}
			})
			honest := connect(t, k)
			honest.works()
			attack.attack(t, k, honest)
			begin := time.Now()
			honest.works()
			late := connect(t, k)
			late.works()
			if d := time.Since(begin); d > time.Second {
				t.Errorf("the honest front end took %v", d)
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
			closeDialled()
			if strings.Contains(log.String(), "panic") {
				t.Errorf("a peer caused a panic that is logged at length: %s", log)
			}
			nothingLeft(t, before)
		})
	}
}

// refused sends octets and expects to be disconnected.
func refused(t *testing.T, port int, octets []byte) {
	t.Helper()
	conn := dial(t, port)
	conn.Write(octets)
	disconnected(t, port, conn)
}

func disconnected(t *testing.T, port int, conn net.Conn) {
	t.Helper()
	conn.SetReadDeadline(time.Now().Add(4 * time.Second))
	for b := make([]byte, 4096); ; {
		if _, err := conn.Read(b); err != nil {
			if e, ok := err.(net.Error); ok && e.Timeout() {
				t.Errorf("port %d: still connected", port)
			}
			return
		}
	}
}

// An allocation of what a header claims would show.
func TestClaimedSizeIsNotAllocated(t *testing.T) {
	k, _ := start(t, scripted{}, nil)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range 20 {
		refused(t, k.file.IOPub, append(greet("SUB"), frameHeader(0, 1<<30)...))
	}
	runtime.ReadMemStats(&after)
	if n := after.TotalAlloc - before.TotalAlloc; n > 100<<20 {
		t.Errorf("%d bytes were allocated for 20 headers", n)
	}
}

type usage struct{ goroutines, descriptors int }

func resources(t testing.TB) usage {
	t.Helper()
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("/proc/self/fd is not here")
	}
	return usage{runtime.NumGoroutine(), len(fds)}
}

// nothingLeft allows for what ends a moment later, and for nothing more.
func nothingLeft(t testing.TB, before usage) {
	t.Helper()
	after := resources(t)
	for range 100 {
		if after.goroutines <= before.goroutines && after.descriptors <= before.descriptors {
			return
		}
		time.Sleep(20 * time.Millisecond)
		after = resources(t)
	}
	stacks := make([]byte, 1<<16)
	t.Errorf("before %+v, after %+v\n%s", before, after, stacks[:runtime.Stack(stacks, true)])
}
