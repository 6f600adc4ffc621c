package kernel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-zeromq/zmq4"
)

var tightLimits = limits{frame: 300, message: 400, parts: 3}

// greet is what a peer sends up to the end of its handshake.
func greet(kind string) []byte {
	g := make([]byte, greetingLength)
	g[0], g[9], g[10] = 0xff, 0x7f, 3
	copy(g[12:], "NULL")
	ready := property([]byte("\x05READY"), "Socket-Type", kind)
	return append(g, frame(flagCommand, property(ready, "Identity", ""))...)
}

func property(b []byte, name, value string) []byte {
	b = append(append(b, byte(len(name))), name...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(value)))
	return append(b, value...)
}

func frame(flags byte, body []byte) []byte {
	return append(frameHeader(flags, uint64(len(body))), body...)
}

func frameHeader(flags byte, size uint64) []byte {
	if size < 256 {
		return []byte{flags, byte(size)}
	}
	return binary.BigEndian.AppendUint64([]byte{flags | flagLong}, size)
}

func TestFraming(t *testing.T) {
	big := make([]byte, 300)
	greeting := greet("DEALER")[:greetingLength]
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	tests := []struct {
		name   string
		octets []byte
		want   error
	}{
		{"handshake alone", greet("DEALER"), nil},
		{"one message", join(greet("DEALER"), frame(0, []byte("hi"))), nil},
		{"an empty one", join(greet("DEALER"), frame(0, nil)), nil},
		{"most frames", join(greet("DEALER"), frame(1, nil), frame(1, nil), frame(0, nil), frame(0, nil)), nil},
		{"longest frame", join(greet("DEALER"), frame(0, big)), nil},
		{"longest message", join(greet("DEALER"), frame(1, big), frame(0, big[:100]), frame(0, big)), nil},
		{"short length in the long form", join(greet("DEALER"), []byte{2, 0, 0, 0, 0, 0, 0, 0, 1, 'x'}), nil},

		{"a frame of 2^60", join(greet("DEALER"), frameHeader(0, 1<<60)), errFrameSize},
		{"a frame of 2^64-1", join(greet("DEALER"), frameHeader(0, 1<<64-1)), errFrameSize},
		{"a frame too long by one", join(greet("DEALER"), frame(0, big), frameHeader(0, 301)), errFrameSize},
		{"a message too long by one", join(greet("DEALER"), frame(1, big), frameHeader(0, 101)), errMessageSize},
		{"a frame too many", join(greet("DEALER"), frame(1, nil), frame(1, nil), frame(1, nil), frameHeader(0, 0)), errParts},
		{"a ping", join(greet("DEALER"), frame(flagCommand, []byte("\x04PING"))), errCommand},
		{"a command within a message", join(greet("DEALER"), frame(1, nil), frame(flagCommand, nil)), errCommand},
		{"a command with more to come", join(greet("DEALER"), frame(flagCommand|1, nil)), errFlags},
		{"undefined flags", join(greet("DEALER"), []byte{8, 0}), errFlags},
		{"a message before READY", join(greeting, frame(0, []byte("hi"))), errNoReady},
		{"a huge READY", join(greeting, frameHeader(flagCommand, readyLimit+1)), errFrameSize},
	}
	for _, test := range tests {
		f := framing{limits: tightLimits}
		if err := f.follow(test.octets); err != test.want {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
		if test.want == nil && !f.between() {
			t.Errorf("%s: not between messages", test.name)
		}
	}
	f := framing{limits: tightLimits}
	if err := f.follow(append(greet("DEALER"), 0, 5, 'a')); err != nil || f.between() {
		t.Errorf("within a message: %v, between %v", err, f.between())
	}
}

// zmq4, reading through guarded, gets nothing beyond the limits, however the
// octets are cut, and the verdict does not depend on how.
func FuzzGuarded(f *testing.F) {
	f.Add(append(greet("DEALER"), frame(0, []byte("hello"))...), uint64(1))
	f.Add(append(greet("DEALER"), frameHeader(0, 1<<60)...), uint64(2))
	f.Add(append(greet("REQ"), append(frame(1, nil), frame(0, make([]byte, 280))...)...), uint64(3))
	f.Add(greet("NONSENSE"), uint64(4))
	f.Add(append(greet("DEALER")[:greetingLength], 4, 8, 5, 'R', 'E', 'A', 'D', 'Y', 200, 'x'), uint64(5))
	f.Fuzz(func(t *testing.T, octets []byte, seed uint64) {
		whole := framing{limits: tightLimits}
		verdict := whole.follow(octets)
		cut := framing{limits: tightLimits}
		random := rand.New(rand.NewPCG(seed, 0))
		for rest := octets; ; {
			n := min(1+random.IntN(40), len(rest))
			if err := cut.follow(rest[:n]); err != nil || n == len(rest) {
				if err != verdict {
					t.Errorf("whole %v, in pieces %v", verdict, err)
				}
				break
			}
			rest = rest[n:]
		}
		readAll(t, octets)
	})
}

// readAll sends octets to a peer's reading end and checks every message that
// comes through.
func readAll(t *testing.T, octets []byte) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go func() {
		theirs.Write(octets)
		theirs.Close()
	}()
	go discard(theirs)
	defer ours.Close()
	z, _, err := open(ours, zmq4.Router, tightLimits, patience{handshake: time.Second, message: time.Second})
	for err == nil {
		var m zmq4.Msg
		if m, err = z.RecvMsg(); err == nil {
			checkLimits(t, m.Frames)
		}
	}
}

func checkLimits(t *testing.T, frames [][]byte) {
	size := 0
	for _, f := range frames {
		size += len(f)
		if len(f) > int(tightLimits.frame) {
			t.Errorf("a frame of %d", len(f))
		}
	}
	if size > int(tightLimits.message) || len(frames) > tightLimits.parts {
		t.Errorf("a message of %d in %d frames", size, len(frames))
	}
}

// A message that has begun must end in time; between two there is no hurry, and a
// peer is not cut off because it never pauses between messages.
func TestGuardedPatience(t *testing.T) { synctest.Test(t, testGuardedPatience) }

func testGuardedPatience(t *testing.T) {
	const patient = 200 * time.Millisecond
	ours, theirs := net.Pipe()
	defer theirs.Close()
	defer ours.Close()
	hello := frame(0, []byte("hello"))
	go func() {
		theirs.Write(greet("DEALER"))
		time.Sleep(2 * patient)
		theirs.Write(hello[:3])
		for range 8 { // the end of one and the beginning of the next together
			time.Sleep(patient / 2)
			theirs.Write(append(hello[3:len(hello):len(hello)], hello[:3]...))
		}
		theirs.Write(hello[3:])
		time.Sleep(2 * patient)
		theirs.Write(hello[:3])
	}()
	go discard(theirs)
	z, _, err := open(ours, zmq4.Router, tightLimits, patience{handshake: time.Second, message: patient})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 9 {
		if _, err := z.RecvMsg(); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
	}
	if _, err = z.RecvMsg(); err == nil {
		t.Fatal("half a message was waited for")
	}
	if r, _ := reason(err); r != "the peer was too slow" {
		t.Errorf("ended with %v", err)
	}
}

func discard(conn net.Conn) {
	for b := make([]byte, 512); ; {
		if _, err := conn.Read(b); err != nil {
			return
		}
	}
}

func TestReasonQuotesNobody(t *testing.T) {
	if r, ok := reason(errors.New(`peer="PARTICIPANT" is not compatible`)); ok {
		t.Errorf("would log %q", r)
	}
}
