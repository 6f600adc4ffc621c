package kernel

import (
	"errors"
	"sync"
	"time"
)

const (
	// streamLinger is how long the text of a stream waits for more of its
	// kind. Jupyter Server drops output beyond 1,000 messages a second.
	streamLinger = 20 * time.Millisecond
	// streamText is the length at which text on its way takes no more in.
	streamText = 64 << 10
	// batchBytes is roughly what one write to a peer takes from its queue.
	batchBytes = 256 << 10
)

var errGone = errors.New("the peer is gone")

const errBacklog refusal = "the peer does not read what it is sent"

// outgoing is a message on its way to one peer: frames, or text of a stream that
// can still grow.
type outgoing struct {
	frames [][]byte
	stream *streaming
	size   int
}

// streaming is text of one stream of one request, the sequel of which may join it.
type streaming struct {
	parent string // msg_id
	name   string
	text   []byte
	begun  time.Time
	seal   func(text string) [][]byte
}

func sealed(frames [][]byte) outgoing {
	o := outgoing{frames: frames}
	for _, f := range frames {
		o.size += len(f)
	}
	return o
}

// newStreaming accounts for what the message will have around its text.
func newStreaming(s *streaming) outgoing {
	return outgoing{stream: s, size: len(s.text) + 512}
}

// absorb appends the text of next if it continues o.
func (o *outgoing) absorb(next outgoing) bool {
	a, b := o.stream, next.stream
	if a == nil || b == nil || a.parent != b.parent || a.name != b.name || len(a.text)+len(b.text) > streamText {
		return false
	}
	a.text = append(a.text, b.text...)
	o.size += len(b.text)
	return true
}

func (o *outgoing) message() [][]byte {
	if o.stream != nil {
		return o.stream.seal(string(o.stream.text))
	}
	return o.frames
}

// queue holds what is to be sent to one peer, in order. It counts the bytes that
// it was given and that have not yet been sent, and never drops one of several:
// beyond twice soft it takes nothing more, and its peer must be given up.
//
// From soft down to half of soft it is full: whoever can wait should.
type queue struct {
	soft int

	mu      sync.Mutex
	waiting []outgoing
	bytes   int
	full    chan struct{} // not nil while full; closed when it no longer is
	since   time.Time     // full since
	ending  bool          // nothing more is taken in; the rest is sent
	closed  bool          // nothing more is sent
	wake    chan struct{} // a token for the one goroutine in take
}

func newQueue(soft int) *queue {
	return &queue{soft: soft, wake: make(chan struct{}, 1)}
}

// put appends o. It fails with errGone or errBacklog.
func (q *queue) put(o outgoing) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.ending || q.closed {
		return errGone
	}
	if q.bytes > 2*q.soft {
		return errBacklog
	}
	if n := len(q.waiting); n > 0 && q.waiting[n-1].absorb(o) {
		q.bytes += len(o.stream.text)
	} else {
		q.bytes += o.size
		q.waiting = append(q.waiting, o)
	}
	if q.bytes > q.soft && q.full == nil {
		q.full, q.since = make(chan struct{}), time.Now()
	}
	q.signal()
	return nil
}

func (q *queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take waits for messages and returns some, or nothing when there will be no more.
func (q *queue) take() []outgoing {
	for {
		batch, linger, more := q.next()
		if len(batch) > 0 || !more {
			return batch
		}
		if linger == 0 {
			<-q.wake
			continue
		}
		timer := time.NewTimer(linger)
		select {
		case <-q.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// next returns the messages that are due. If there are none, it says how long the
// text of a stream still lingers, 0 for nothing there, and whether more can come.
func (q *queue) next() (batch []outgoing, linger time.Duration, more bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || len(q.waiting) == 0 {
		return nil, 0, !q.closed && !q.ending
	}
	if s := q.waiting[0].stream; s != nil && len(q.waiting) == 1 && !q.ending && len(s.text) < streamText/2 {
		if linger := streamLinger - time.Since(s.begun); linger > 0 {
			return nil, linger, true
		}
	}
	n, size := 0, 0
	for n < len(q.waiting) && size < batchBytes {
		size += q.waiting[n].size
		n++
	}
	batch = q.waiting[:n:n]
	q.waiting = q.waiting[n:]
	return batch, 0, true
}

// sent says that a batch is on its way.
func (q *queue) sent(batch []outgoing) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, o := range batch {
		q.bytes -= o.size
	}
	if q.bytes <= q.soft/2 {
		q.release()
	}
}

func (q *queue) release() {
	if q.full != nil {
		close(q.full)
		q.full = nil
	}
}

// isFull returns a channel that is closed when the queue no longer is full, and
// since when it is; nil when it is not.
func (q *queue) isFull() (<-chan struct{}, time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.full == nil {
		return nil, time.Time{}
	}
	return q.full, q.since
}

// end lets take return nothing once the rest has been taken.
func (q *queue) end() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ending = true
	q.signal()
}

// close discards what waits.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed, q.waiting = true, nil
	q.release()
	q.signal()
}
