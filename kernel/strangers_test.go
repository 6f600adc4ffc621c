package kernel

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// stranger is one of those without the key. It connects, does harm, and goes.
type stranger struct {
	random *rand.Rand
	kernel *kernel
	seen   [][]byte // messages of an honest front end, as they went over the wire
}

// visit does one of the things that strangers do.
func (s *stranger) visit() {
	names := []string{"shell", "control", "stdin", "iopub", "heartbeat"}
	name := names[s.random.IntN(len(names))]
	conn, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(s.kernel.file.ports()[name]))
	if err != nil {
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(5 * time.Second))
	hello := greet(peerKinds[name])
	switch s.random.IntN(6) {
	case 0: // vanishes
	case 1: // vanishes in its handshake
		conn.Write(hello[:s.random.IntN(len(hello))])
	case 2: // garbage
		conn.Write(s.garbage(4096))
	case 3: // a huge header
		conn.Write(append(hello, binary.BigEndian.AppendUint64([]byte{flagLong | byte(s.random.IntN(8))}, s.random.Uint64())...))
	case 4: // a wrong signature
		_, frames := newRequest("shutdown_request")
		frames[1] = bytes.Repeat([]byte("0"), 64)
		conn.Write(append(hello, octets(frames)...))
		conn.Write(s.garbage(100))
	case 5: // what somebody else has sent, as it was or altered
		conn.Write(hello)
		conn.Write(s.alter(s.seen[s.random.IntN(len(s.seen))]))
	}
}

func (s *stranger) garbage(most int) []byte {
	b := make([]byte, s.random.IntN(most))
	for i := range b {
		b[i] = byte(s.random.Uint32())
	}
	return b
}

// alter returns octets with up to four changes: one exchanged, some taken out,
// repeated or put in.
func (s *stranger) alter(octets []byte) []byte {
	b := bytes.Clone(octets)
	for range s.random.IntN(5) {
		at := s.random.IntN(len(b))
		end := min(len(b), at+s.random.IntN(40))
		switch s.random.IntN(4) {
		case 0:
			b[at] ^= byte(1 << s.random.IntN(8))
		case 1:
			b = append(slices.Delete(b, at, end), 0)
		case 2:
			b = slices.Insert(b, at, b[at:end]...)
		case 3:
			b = slices.Insert(b, at, s.garbage(40)...)
		}
	}
	return b
}

// octets are frames as they go over the wire.
func octets(frames [][]byte) (b []byte) {
	for i, f := range frames {
		flags := byte(flagMore)
		if i == len(frames)-1 {
			flags = 0
		}
		b = append(b, frame(flags, f)...)
	}
	return b
}

func newRequest(kind string) (id string, frames [][]byte) {
	c := newComposer(testSigner())
	h := c.header(kind)
	frames, _ = c.compose(nil, h, nil, nil, fields{"code": "stdout never"})
	return h.ID, frames
}

// besiege has strangers visit a kernel, some at a time, until enough says so, while
// an honest front end works. It returns how long each of its cells took.
func besiege(t testing.TB, k *kernel, atOnce int, enough func(visits int) bool) (took []time.Duration) {
	t.Helper()
	honest := connect(t, k)
	// What strangers may have overheard: a request that has been answered.
	id, seen := newRequest("kernel_info_request")
	honest.dealer.SendMsg(newMessage(seen))
	if r := honest.reply(); r.parent != id {
		t.Fatalf("got %s", r.kind)
	}
	honest.untilIdle(id)

	stop := make(chan struct{})
	var besieging sync.WaitGroup
	var mu sync.Mutex
	visits := 0
	for i := range atOnce {
		besieging.Go(func() {
			s := &stranger{rand.New(rand.NewPCG(uint64(i), uint64(time.Now().UnixNano()))), k, [][]byte{octets(seen), greet("DEALER"), greet("SUB")}}
			for {
				select {
				case <-stop:
					return
				default:
				}
				s.visit()
				mu.Lock()
				visits++
				mu.Unlock()
			}
		})
	}
	for done := false; !done; {
		begin := time.Now()
		honest.works()
		took = append(took, time.Since(begin))
		mu.Lock()
		done = enough(visits)
		mu.Unlock()
	}
	close(stop)
	besieging.Wait()
	connect(t, k).works()
	return took
}

// 1,000 strangers come and go, 20 at a time, and an honest front end gets every
// reply and every output at once.
func TestStrangers(t *testing.T) {
	log := captureLog(t)
	before := resources(t)
	k, stop := start(t, scripted{}, nil)
	took := besiege(t, k, 20, func(visits int) bool { return visits >= 1000 })
	if slowest := slices.Max(took); slowest > 2*time.Second {
		t.Errorf("a cell of the honest front end took %v", slowest)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	closeDialled()
	if strings.Contains(log.String(), "panic") {
		t.Errorf("a panic was logged at length: %s", log)
	}
	if n := strings.Count(log.String(), "\n"); n > 500 {
		t.Errorf("%d lines of log", n)
	}
	nothingLeft(t, before)
}

// The wire is fuzzed for two seconds, with LONG set for an hour, or as long as it says.
func TestWire(t *testing.T) {
	visited := fuzzWire(t, time.Now().Add(lasts(2*time.Second)))
	t.Logf("%d strangers", visited)
}

func fuzzWire(t testing.TB, until time.Time) (visited int) {
	log := captureLog(t)
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the kernel's log: %.10000s", log.String())
		}
	})
	k, _ := start(t, scripted{}, nil)
	besiege(t, k, 50, func(visits int) bool { visited = visits; return time.Now().After(until) })
	if strings.Contains(log.String(), "panic") {
		t.Errorf("a panic was logged at length: %s", log)
	}
	return visited
}
