package kernel

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/go-zeromq/zmq4"
)

// Each subscription is answered with a welcome before anything published, and only
// what it asks for follows.
func TestSubscriptions(t *testing.T) {
	k, _ := start(t, scripted{}, nil)
	all := connect(t, k)
	some := &client{t: t, composer: newComposer(testSigner())}
	some.sub = some.dial(k.file.IOPub, zmq4.Sub)
	for _, topic := range []string{"stream", "execute_"} {
		some.subscribe(topic)
		if m := some.published(); m.kind != "iopub_welcome" || m.topic != topic || m.parent != "" ||
			!matches([]byte(`{"subscription":"`+topic+`"}`), m.content) {
			t.Errorf("got %s %s %s", m.topic, m.kind, m.content)
		}
	}
	id := all.execute("stdout a\nresult b")
	for _, want := range []string{"execute_input", "stream", "execute_result"} {
		if m := some.published(); m.kind != want || m.parent != id {
			t.Errorf("got %s, want %s", m.kind, want)
		}
	}
	some.sub.SendMsg(zmq4.NewMsg([]byte("\x00stream")))
	some.subscribe("status")
	for m := some.published(); m.kind != "iopub_welcome"; m = some.published() {
	}
	id = all.execute("stdout a\nresult b")
	for _, want := range []string{"status", "execute_input", "execute_result", "status"} {
		if m := some.published(); m.kind != want || m.parent != id {
			t.Errorf("got %s, want %s", m.kind, want)
		}
	}
}

// Two subscribers, one of them slow, each get all of a flood in order, idle last.
func TestSlowSubscriberLosesNothing(t *testing.T) {
	const lines = 30_000
	k, _ := start(t, scripted{}, func(k *kernel) { k.shrinkOutput(100_000, time.Minute) })
	fast, slow := connect(t, k), connect(t, k)
	id := fast.execute("flood 30000")
	received := make(chan string, 1)
	go func() { received <- flood(fast, id, 0) }()
	if got := flood(slow, id, 20*time.Millisecond); got != expectedFlood(lines) {
		t.Errorf("the slow one got %d bytes of %d", len(got), len(expectedFlood(lines)))
	}
	if got := <-received; got != expectedFlood(lines) {
		t.Errorf("the fast one got %d bytes of %d", len(got), len(expectedFlood(lines)))
	}
}

func flood(c *client, id string, pause time.Duration) string {
	var all strings.Builder
	for {
		m := c.published()
		switch {
		case m.kind == "stream" && m.parent == id:
			var content struct{ Text string }
			json.Unmarshal([]byte(m.content), &content)
			all.WriteString(content.Text)
			time.Sleep(pause)
		case strings.Contains(m.content, `"idle"`):
			return all.String()
		}
	}
}

func expectedFlood(lines int) string {
	var b strings.Builder
	for i := range lines {
		b.WriteString("line " + itoa(i) + "\n")
	}
	return b.String()
}

// One that reads nothing slows a cell down for a while and then loses its
// connection; the others lose nothing.
func TestStalledSubscriberIsDropped(t *testing.T) {
	const grace = 2 * time.Second // in which one that reads gets to read, however busy the machine is
	k, _ := start(t, scripted{}, func(k *kernel) { k.shrinkOutput(100_000, grace) })
	log := captureLog(t)
	stalled, reading := connect(t, k), connect(t, k)
	pictures := func() time.Duration {
		begin := time.Now()
		// More than the buffers of a loopback connection hold.
		id := reading.execute("pictures 1000 20000")
		pictures := 0
		for m := reading.published(); !strings.Contains(m.content, `"idle"`); m = reading.published() {
			if m.kind == "display_data" && m.parent == id {
				pictures++
			}
		}
		if pictures != 1000 {
			t.Errorf("the reading one got %d of 1000", pictures)
		}
		reading.reply()
		return time.Since(begin)
	}
	with, without := pictures(), pictures() // what they take depends on what else the machine does
	if with < grace || with > 3*grace+2*without {
		t.Errorf("the stalled one cost %v, without it it is %v", with, without)
	}
	if !strings.Contains(log.String(), string(errTooSlow)) {
		t.Error("nothing was logged")
	}
	n := 0
	for err := error(nil); err == nil; n++ {
		_, err = stalled.sub.RecvMsg()
	}
	if n >= 1000 {
		t.Errorf("the stalled one got %d messages and was not dropped", n)
	}
	reading.works()
}

// Where nobody waits, an interrupted cell's last words say, a queue still has an
// end, and what the subscriber got up to then has no gap.
func TestBacklogEndsTheConnection(t *testing.T) {
	k, _ := start(t, scripted{}, func(k *kernel) { k.shrinkOutput(100_000, time.Hour) })
	stalled := connect(t, k)
	const messages = 2000
	picture := strings.Repeat("x", 20_000)
	for i := range messages {
		k.publish(&request{}, "display_data", fields{"number": i, "data": picture})
	}
	n := 0
	for ; ; n++ {
		m, err := stalled.sub.RecvMsg()
		if err != nil {
			break
		}
		if r, err := decode(m.Frames); err != nil || !strings.HasSuffix(r.content, `"number":`+itoa(n)+"}") {
			t.Fatalf("message %d: %v", n, err)
		}
	}
	if n == messages {
		t.Error("nothing bounds a backlog")
	}
}
