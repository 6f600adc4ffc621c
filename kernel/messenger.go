package kernel

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"sync"
)

// Messenger is an Executor whose work is done on the other side of a connection,
// by ServeExecutor. When the connection breaks, the cell that runs fails and says
// that its session is lost; the next one dials again.
type Messenger struct {
	dial func() (io.ReadWriteCloser, error)
	door Door

	mu     sync.Mutex
	line   *line // nil before the first request and after the connection broke
	closed bool
}

// NewMessenger dials once, to say at once why it cannot. What the other side says has
// passed its door there; the door given here is for the words of this side, such as a
// cell's source in the history, and draws the bars.
func NewMessenger(dial func() (io.ReadWriteCloser, error), door Door) (*Messenger, error) {
	m := &Messenger{dial: dial, door: door}
	_, err := m.connected()
	return m, err
}

// ErrLost says that the session on the other side is gone.
var ErrLost = errors.New("the connection to the session was lost, and with it the variables: run the cells again from the first")

// line is one connection.
type line struct {
	conn io.ReadWriteCloser
	out  *lineWriter

	mu    sync.Mutex
	last  int64
	calls map[int64]chan told // nil when the connection is gone
}

func (m *Messenger) connected() (*line, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, ErrShutdown
	}
	if m.line != nil && m.line.alive() {
		return m.line, nil
	}
	conn, err := m.dial()
	if err != nil {
		return nil, err
	}
	m.line = &line{conn: conn, out: &lineWriter{out: conn}, calls: map[int64]chan told{}}
	go m.line.read()
	return m.line, nil
}

func (l *line) alive() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.calls != nil
}

// read hands what is told to who asked, and tells all when there is no more.
func (l *line) read() {
	in := lineReader{bufio.NewReaderSize(l.conn, 1<<16)}
	for {
		var t told
		if in.next(&t) != nil {
			break
		}
		l.mu.Lock()
		c := l.calls[t.ID]
		if t.Reply != nil {
			delete(l.calls, t.ID)
		}
		l.mu.Unlock()
		if c != nil {
			c <- t
			if t.Reply != nil {
				close(c)
			}
		}
	}
	l.conn.Close()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.calls {
		close(c)
	}
	l.calls = nil
}

// call asks and gives each event to on until the reply, which it decodes into v.
func (m *Messenger) call(ctx context.Context, a ask, on func(told), v any) error {
	l, err := m.connected()
	if err != nil {
		return err
	}
	l.mu.Lock()
	if l.calls == nil {
		l.mu.Unlock()
		return ErrLost
	}
	l.last++
	a.ID = l.last
	c := make(chan told, 256)
	l.calls[a.ID] = c
	l.mu.Unlock()
	if l.out.send(a) != nil {
		l.conn.Close()
	}
	stop := context.AfterFunc(ctx, func() {
		do := "shutdown"
		if errors.Is(context.Cause(ctx), ErrInterrupted) {
			do = "interrupt"
		}
		_ = l.out.send(ask{ID: a.ID, Do: do}) // one that cannot be sent ends as a lost connection
	})
	defer stop()
	for t := range c {
		switch {
		case t.Failure != "":
			return &failure{"InternalError", t.Failure}
		case t.Reply != nil:
			return json.Unmarshal(t.Reply, v)
		}
		on(t)
	}
	return ErrLost
}

func ignore(told) {}

// Door implements Executor.
func (m *Messenger) Door() Door { return nearDoor{m.door} }

// nearDoor lets through what has passed the door on the other side, and no other data.
type nearDoor struct{ Door }

// Stream implements Door: only the other side has streams.
func (d nearDoor) Stream(_, text string) string { return text }

// Data implements Door.
func (d nearDoor) Data(v Data) Data {
	if b, ok := v.(bundleOf); ok {
		return b
	}
	return d.Door.Data(v)
}

// Info implements Executor.
func (m *Messenger) Info() (i Info) {
	if err := m.call(context.Background(), ask{Do: "info"}, ignore, &i); err != nil {
		return Info{Banner: err.Error(), Version: "0", Language: Language{Name: "go", Version: "1", MIME: "text/x-go", Extension: ".go"}}
	}
	return i
}

// Execute implements Executor.
func (m *Messenger) Execute(ctx context.Context, req Request, pub Publisher) (o Outcome) {
	err := m.call(ctx, ask{Do: "execute", Request: req}, func(t told) { publish(pub, t) }, &o)
	var f *failure
	if errors.As(err, &f) {
		return Outcome{Failed: true, Name: f.name, Value: f.value}
	}
	if err != nil {
		return Outcome{Failed: true, Name: "SessionLost", Value: err.Error(), Traceback: []string{"SessionLost: " + err.Error()}}
	}
	return o
}

func publish(pub Publisher, t told) {
	d := bundleOf{t.Data, t.Metadata}
	switch t.Event {
	case "stream":
		pub.Stream(t.Name, t.Text)
	case "display":
		pub.Display(d, t.Name)
	case "update":
		pub.Update(d, t.Name)
	case "result":
		pub.Result(d)
	case "page":
		pub.Page(d)
	case "clear":
		pub.Clear(t.Wait)
	case "progress":
		pub.Progress(t.Name, t.Done, t.Total)
	}
}

// IsComplete implements Executor.
func (m *Messenger) IsComplete(code string) (c Completeness) {
	if m.call(context.Background(), ask{Do: "is_complete", Code: code}, ignore, &c) != nil {
		return Completeness{Status: "unknown"}
	}
	return c
}

// Complete implements Completer.
func (m *Messenger) Complete(ctx context.Context, code string, cursor int) (c Completion) {
	if m.call(ctx, ask{Do: "complete", Code: code, Cursor: cursor}, ignore, &c) != nil {
		return Completion{}
	}
	return c
}

// Inspect implements Inspector.
func (m *Messenger) Inspect(ctx context.Context, code string, cursor int, more bool) Data {
	var d *bundleOf
	if m.call(ctx, ask{Do: "inspect", Code: code, Cursor: cursor, More: more}, ignore, &d) != nil || d == nil {
		return nil
	}
	return *d
}

// Close implements Executor: the other side ends what it started when the
// connection does.
func (m *Messenger) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	if m.line != nil {
		return m.line.conn.Close()
	}
	return nil
}
