package kernel

import (
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"
)

// refusal is why a peer, or a message of one, was not accepted. Its text is ours
// alone, so it can be logged.
type refusal string

func (r refusal) Error() string { return string(r) }

const errHandshake refusal = "the ZMTP handshake is malformed"

// reason is what may be logged of err: nothing when a peer merely went away, and
// never a text that quotes the peer.
func reason(err error) (refusal, bool) {
	var r refusal
	switch {
	case errors.As(err, &r):
		return r, true
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "the peer was too slow", true
	}
	return "", false
}

// complaints logs refusals, each text at most once a second, so that nobody can
// fill the log by sending nonsense.
type complaints struct {
	mu      sync.Mutex
	tallies map[refusal]*tally
}

type tally struct {
	logged   time.Time
	withheld int // of the same text since
}

// add logs r, which came from a peer of the socket named channel.
func (c *complaints) add(channel string, r refusal) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tallies[r]
	if t == nil {
		t = &tally{}
		if c.tallies == nil {
			c.tallies = map[refusal]*tally{}
		}
		c.tallies[r] = t
	}
	if time.Since(t.logged) < time.Second {
		t.withheld++
		return
	}
	slog.Warn("refused", "channel", channel, "reason", string(r), "withheld", t.withheld)
	*t = tally{logged: time.Now()}
}
