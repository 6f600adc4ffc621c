package speaker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"weir/datasets/plan"
)

// The descriptors of a speaker: what cells print on standard output goes there;
// messages, and what cells print on standard error, have pipes of their own. So
// nothing that a cell prints can be taken for a message, nor what the Go runtime
// writes on standard error when it dies for a cell's text.
const (
	FromSession = 3 // messages to the speaker
	ToSession   = 4 // messages from it
	CellErrors  = 5 // the cells' standard error
)

// Command is a message to the speaker. Exactly one field is set.
type Command struct {
	Run    *Run    `json:"run,omitempty"`
	May    *bool   `json:"may,omitempty"`    // whether the cell of the last Run is run
	Answer *Answer `json:"answer,omitempty"` // to the Ask that waits
	Stop   bool    `json:"stop,omitempty"`   // end the cell that runs
}

// Run is a cell. The speaker compiles it against the earlier cells while the session's
// compiler does, and neither declares nor runs anything of it before the session has
// said May: its compiler also knows the repository.
type Run struct {
	Cell int    `json:"cell"`
	Text string `json:"text"`
}

// Answer answers an Ask.
type Answer struct {
	Result  *plan.Result `json:"result,omitempty"`
	Mistake *plan.Error  `json:"mistake,omitempty"` // the plan cannot be run
	Error   *Failure     `json:"error,omitempty"`
}

// Event is a message from the speaker. Exactly one of the pointers is set.
type Event struct {
	Ready *Ready `json:"ready,omitempty"`
	Ask   *Ask   `json:"ask,omitempty"`
	Text  *Text  `json:"text,omitempty"`
	Done  *Done  `json:"done,omitempty"`

	// Bytes written to standard output and standard error before the event: what
	// is published for the event comes after them.
	Out int64 `json:"out"`
	Err int64 `json:"err"`
}

// Ready says that the speaker is confined and waits.
type Ready struct {
	Landlock int `json:"landlock"` // ABI version, 0 for none
}

// Ask is a plan to be run; with Show, to be displayed. Last marks the display of
// the cell's last expression.
type Ask struct {
	Plan json.RawMessage `json:"plan"`
	Show bool            `json:"show,omitempty"`
	Last bool            `json:"last,omitempty"`
}

// Text is a value in the speaker's own words: with Last that of the cell's last
// expression, otherwise one that the cell displays before its end.
type Text struct {
	Plain    string `json:"plain"`
	Markdown bool   `json:"markdown,omitempty"` // it is to be shown as such
	Last     bool   `json:"last,omitempty"`
}

// Done ends a cell.
type Done struct {
	Evaluated bool     `json:"evaluated"` // the declarations exist, whatever followed
	Text      *Text    `json:"text,omitempty"`
	Failed    *Failure `json:"failed,omitempty"`
}

// Failure is how a cell ended early.
type Failure struct {
	Kind string        `json:"kind"` // one of the constants below
	Text string        `json:"text"`
	Way  string        `json:"way,omitempty"`
	At   plan.Position `json:"at"`

	Column int    `json:"column,omitempty"` // of an unsupported construct
	Calls  []Call `json:"calls,omitempty"`  // that were running, innermost first
}

// Call is a function of a cell that was running, and where it was.
type Call struct {
	Func string        `json:"func"`
	At   plan.Position `json:"at"`
}

// Kinds of failure.
const (
	Panicked    = "panic"       // the cell's code panicked
	Mistaken    = "plan error"  // a plan is not one
	Refused     = "refused"     // numbers of a refused result were read
	Interrupted = "interrupted" // the cell was stopped
	Internal    = "internal"    // weir failed
	Unsupported = "unsupported" // the cell holds a construct that cannot be run exactly
)

// maxMessage bounds a message in either direction, in bytes.
const maxMessage = 64 << 20

// Channel sends and receives messages: a 4-byte big-endian length, then JSON.
type Channel struct {
	r  *bufio.Reader
	w  io.Writer
	mu sync.Mutex
}

// NewChannel is a channel over two pipes.
func NewChannel(r io.Reader, w io.Writer) *Channel {
	return &Channel{r: bufio.NewReaderSize(r, 1<<16), w: w}
}

// Send writes one message.
func (c *Channel) Send(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) > maxMessage {
		return fmt.Errorf("a message of %d bytes: the limit is %d", len(b), maxMessage)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, err = c.w.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}

// Receive reads one message into v. Unknown fields are an error.
func (c *Channel) Receive(v any) error {
	var head [4]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > maxMessage {
		return errors.New("a message is longer than the limit")
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(c.r, b); err != nil {
		return err
	}
	return decodeStrictly(b, v)
}

func decodeStrictly(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.InputOffset() < int64(len(b)) {
		return errors.New("bytes follow the message")
	}
	return nil
}
