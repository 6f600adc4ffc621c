package kernel

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func text(parent, name, s string) outgoing {
	return newStreaming(&streaming{parent: parent, name: name, text: []byte(s), begun: time.Now(),
		seal: func(text string) [][]byte { return [][]byte{[]byte(parent + name + ":" + text)} }})
}

func whole(s string) outgoing { return sealed([][]byte{[]byte(s)}) }

func contents(batch []outgoing) string {
	var all []string
	for _, o := range batch {
		all = append(all, string(o.message()[0]))
	}
	return strings.Join(all, "|")
}

// Adjacent text of one request and stream is joined, nothing else is, and the
// order stays.
func TestQueueJoins(t *testing.T) {
	q := newQueue(1 << 20)
	for _, o := range []outgoing{
		text("1", "out", "a"), text("1", "out", "b"), text("1", "err", "c"), text("1", "out", "d"),
		whole("X"), text("1", "out", "e"), text("2", "out", "f"), text("2", "out", "g"), whole("idle"),
	} {
		if err := q.put(o); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := contents(q.take()), "1out:ab|1err:c|1out:d|X|1out:e|2out:fg|idle"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestQueueJoinsUpToALength(t *testing.T) {
	q := newQueue(1 << 30)
	const pieces, length = 1000, 1000
	for range pieces {
		q.put(text("1", "out", strings.Repeat("x", length)))
	}
	q.end()
	total, messages := 0, 0
	for batch := q.take(); len(batch) > 0; batch = q.take() {
		for _, o := range batch {
			if len(o.stream.text) > streamText {
				t.Errorf("joined to %d bytes", len(o.stream.text))
			}
			total += len(o.stream.text)
			messages++
		}
		q.sent(batch)
	}
	if total != pieces*length || messages > total/streamText+2 || q.bytes != 0 {
		t.Errorf("%d bytes in %d messages, %d bytes left over", total, messages, q.bytes)
	}
}

func TestQueueLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1 << 20)
		begin := time.Now()
		q.put(text("1", "out", "a"))
		time.AfterFunc(streamLinger/2, func() { q.put(text("1", "out", "b")) })
		if got := contents(q.take()); got != "1out:ab" || time.Since(begin) != streamLinger {
			t.Errorf("%s after %v", got, time.Since(begin))
		}
		begin = time.Now()
		q.put(text("1", "out", "a"))
		time.AfterFunc(streamLinger/2, func() { q.put(whole("idle")) })
		if got := contents(q.take()); got != "1out:a|idle" || time.Since(begin) != streamLinger/2 {
			t.Errorf("%s after %v", got, time.Since(begin))
		}
		begin = time.Now()
		if q.put(whole("status")); contents(q.take()) != "status" || time.Since(begin) != 0 {
			t.Errorf("a whole message waits %v", time.Since(begin))
		}
	})
}

// Full from more than soft down to half of it; nothing beyond twice soft.
func TestQueueBounds(t *testing.T) {
	q := newQueue(10)
	put := func(n int) error { return q.put(whole(strings.Repeat("x", n))) }
	full := func() bool { c, _ := q.isFull(); return c != nil }
	steps := []struct {
		name string
		do   func() error
		full bool
		want error
	}{
		{"up to soft", func() error { return put(10) }, false, nil},
		{"beyond soft", func() error { return put(6) }, true, nil},
		{"beyond twice soft", func() error { return put(5) }, true, nil},
		{"once more", func() error { return put(1) }, true, errBacklog},
		{"taken, not sent", func() error { q.take(); return nil }, true, nil},
		{"sent down to above half", func() error { q.sent([]outgoing{whole("0123456789")}); return nil }, true, nil},
		{"sent down to half", func() error { q.sent([]outgoing{whole("012345")}); return nil }, false, nil},
		{"taken in again", func() error { return put(5) }, false, nil},
		{"ended", func() error { q.end(); return put(1) }, false, errGone},
	}
	for _, step := range steps {
		if err := step.do(); err != step.want || full() != step.full {
			t.Fatalf("%s: %v, full %v", step.name, err, full())
		}
	}
	if got := contents(q.take()); got != "xxxxx" {
		t.Errorf("after the end comes %q", got)
	}
	if batch := q.take(); batch != nil {
		t.Errorf("and then %v", batch)
	}
}

func TestQueueCloseReleases(t *testing.T) {
	q := newQueue(1)
	q.put(whole("xx"))
	room, _ := q.isFull()
	q.close()
	select {
	case <-room:
	default:
		t.Error("who waits for room waits for ever")
	}
	if q.take() != nil || q.put(whole("x")) != errGone {
		t.Error("a closed queue goes on")
	}
}
