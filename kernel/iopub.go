package kernel

import (
	"context"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	errSubscription  refusal = "a subscription is malformed"
	errSubscriptions refusal = "a peer has too many subscriptions"
	errTooSlow       refusal = "a subscriber did not take its output in time and lost its connection"
)

const maxSubscriptions = 64

// iopub sends what a kernel publishes to all subscribers, each from a queue of its
// own, in the same order. The socket is XPUB over zmq4.Conn, because zmq4's PUB
// silently drops and its XPUB does not tell of subscriptions, which iopub_welcome
// answers.
//
// A subscriber gets every message. One that reads slowly slows down the cells that
// publish (wait), and one that does not free half of its full queue within grace
// loses its connection and can connect again.
type iopub struct {
	grace    time.Duration
	complain *complaints
	// welcome makes iopub_welcome for a subscription.
	welcome func(topic, subscription string) [][]byte

	mu          sync.Mutex
	subscribers map[*peer]map[string]bool // to topics
}

// receive takes a subscription: one frame of 1 (subscribe) or 0 and a topic, RFC
// 29 "XPUB".
func (i *iopub) receive(p *peer, frames [][]byte) error {
	if len(frames) != 1 || len(frames[0]) == 0 || frames[0][0] > 1 || !utf8.Valid(frames[0][1:]) {
		return errSubscription
	}
	topic := string(frames[0][1:])
	i.mu.Lock()
	defer i.mu.Unlock()
	if frames[0][0] == 0 {
		delete(i.subscribers[p], topic)
		return nil
	}
	if i.subscribers[p] == nil {
		i.subscribers[p] = map[string]bool{}
	}
	if len(i.subscribers[p]) >= maxSubscriptions {
		return errSubscriptions
	}
	i.subscribers[p][topic] = true
	p.socket.know(p)
	// Under the lock, so that the welcome comes before anything published.
	name := topic
	if name == "" {
		name = "iopub_welcome"
	}
	return p.out.put(sealed(i.welcome(name, topic)))
}

func (i *iopub) left(p *peer) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.subscribers, p)
}

// publish queues a message for everybody who subscribed to its topic, the first
// frame. It never waits.
func (i *iopub) publish(frames [][]byte) {
	i.each(string(frames[0]), func() outgoing { return sealed(frames) })
}

// stream publishes text that may be joined with adjacent text of the same request
// and stream. seal makes the message, its msg_id being that of the first piece.
func (i *iopub) stream(topic, parent, name, text string, seal func(text string) [][]byte) {
	begun := time.Now()
	i.each(topic, func() outgoing {
		return newStreaming(&streaming{parent: parent, name: name, text: []byte(text), begun: begun, seal: seal})
	})
}

func (i *iopub) each(topic string, message func() outgoing) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for p, topics := range i.subscribers {
		if subscribed(topics, topic) && p.out.put(message()) == errBacklog {
			i.drop(p)
		}
	}
}

func subscribed(topics map[string]bool, topic string) bool {
	for t := range topics {
		if strings.HasPrefix(topic, t) {
			return true
		}
	}
	return false
}

// wait returns when no subscriber's queue is full: because it was read, because
// its subscriber was dropped for not reading, or because ctx is done.
func (i *iopub) wait(ctx context.Context) {
	for {
		p, room, until := i.slowest()
		if p == nil {
			return
		}
		timer := time.NewTimer(time.Until(until))
		select {
		case <-room:
		case <-ctx.Done():
		case <-timer.C:
			i.drop(p)
		}
		if timer.Stop(); ctx.Err() != nil {
			return
		}
	}
}

// full reports whether a cell that published now would have to wait.
func (i *iopub) full() bool {
	p, _, _ := i.slowest()
	return p != nil
}

func (i *iopub) slowest() (*peer, <-chan struct{}, time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for p := range i.subscribers {
		if room, since := p.out.isFull(); room != nil {
			return p, room, since.Add(i.grace)
		}
	}
	return nil, nil, time.Time{}
}

func (i *iopub) drop(p *peer) {
	i.complain.add("iopub", errTooSlow)
	p.close()
}
