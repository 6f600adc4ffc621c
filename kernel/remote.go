package kernel

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// An Executor can stand on the other side of a connection. Each side writes one
// JSON object a line. The kernel's side asks, with a number of its own choosing:
//
//	{"id":7,"do":"execute","request":{"Code":"1+1","Count":3}}
//	{"id":7,"do":"interrupt"}                     also "shutdown": ends what runs as 7
//	{"id":8,"do":"complete","code":"fmt.P","cursor":5}
//
// The other side answers with any number of events and one reply:
//
//	{"id":7,"event":"result","data":{"text/plain":"2"},"metadata":{}}
//	{"id":7,"reply":{"Failed":false}}
//
// Everything passes the executor's door on its own side, before it is written here:
// who reads the connection has what may leave, and no more.
//
// "do" is one of info, execute, interrupt, shutdown, complete, inspect,
// is_complete; "event" is one of stream, display, update, result, clear, progress,
// page. A line that is none of this ends the connection.

type ask struct {
	ID      int64   `json:"id"`
	Do      string  `json:"do"`
	Request Request `json:"request,omitzero"`
	Code    string  `json:"code,omitempty"`
	Cursor  int     `json:"cursor,omitempty"`
	More    bool    `json:"more,omitempty"`
}

type told struct {
	ID       int64             `json:"id"`
	Event    string            `json:"event,omitempty"`
	Name     string            `json:"name,omitempty"`
	Text     string            `json:"text,omitempty"`
	Data     map[string]string `json:"data,omitempty"`
	Metadata map[string]any    `json:"metadata,omitempty"`
	Wait     bool              `json:"wait,omitempty"`
	Done     int64             `json:"done,omitempty"`
	Total    int64             `json:"total,omitempty"`
	Reply    json.RawMessage   `json:"reply,omitempty"`
	Failure  string            `json:"failure,omitempty"` // with an empty reply: the other side failed
}

// maxTold is the longest line of either side, in octets.
const maxTold = 64 << 20

// lines reads one side's lines.
type lineReader struct{ in *bufio.Reader }

func (r lineReader) next(v any) error {
	var line []byte
	for {
		part, err := r.in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxTold {
			return fmt.Errorf("a line of more than %d octets", maxTold)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			return err
		}
		return json.Unmarshal(line, v)
	}
}

// lineWriter writes them, whole.
type lineWriter struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *lineWriter) send(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	_, err = w.out.Write(append(b, '\n'))
	return err
}

// ServeExecutor answers for x until the connection ends, then interrupts what
// still runs and waits for it. It does not close x. What x says has passed x's door
// before it is written.
func ServeExecutor(conn io.ReadWriter, x Executor) error {
	s := &served{executor: x, door: x.Door(), out: &lineWriter{out: conn}, running: map[int64]context.CancelCauseFunc{}}
	defer s.work.Wait()
	defer s.stopAll()
	in := lineReader{bufio.NewReaderSize(conn, 1<<16)}
	for {
		var a ask
		if err := in.next(&a); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		s.take(a)
	}
}

// served is one connection's side that has the executor.
type served struct {
	executor Executor
	door     Door
	out      *lineWriter
	work     sync.WaitGroup
	turn     sync.Mutex // cells wait for one another

	mu      sync.Mutex
	running map[int64]context.CancelCauseFunc
}

func (s *served) stopAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stop := range s.running {
		stop(ErrShutdown)
	}
}

func (s *served) take(a ask) {
	if a.Do == "interrupt" || a.Do == "shutdown" {
		s.mu.Lock()
		defer s.mu.Unlock()
		if stop := s.running[a.ID]; stop != nil {
			stop(map[string]error{"interrupt": ErrInterrupted, "shutdown": ErrShutdown}[a.Do])
		}
		return
	}
	ctx, stop := context.WithCancelCause(context.Background())
	s.mu.Lock()
	s.running[a.ID] = stop
	s.mu.Unlock()
	s.work.Go(func() {
		defer func() {
			s.mu.Lock()
			delete(s.running, a.ID)
			s.mu.Unlock()
			stop(nil)
		}()
		if s.out.send(s.reply(ctx, a)) != nil {
			s.stopAll()
		}
	})
}

// reply answers, whatever happens on the way.
func (s *served) reply(ctx context.Context, a ask) told {
	reply, err := protect(func() (json.RawMessage, error) { return json.Marshal(s.answer(ctx, a)) })
	var f *failure
	if errors.As(err, &f) {
		return told{ID: a.ID, Reply: json.RawMessage("null"), Failure: s.door.Words(f.value)}
	}
	if err != nil {
		return told{ID: a.ID, Reply: json.RawMessage("null"), Failure: "the answer cannot be sent"}
	}
	return told{ID: a.ID, Reply: reply}
}

// bundleOf is Data as it crosses the connection.
type bundleOf struct {
	Mime map[string]string `json:"mime"`
	Meta map[string]any    `json:"metadata"`
}

// MIME implements Data.
func (b bundleOf) MIME() map[string]string { return b.Mime }

// Metadata implements Data.
func (b bundleOf) Metadata() map[string]any { return b.Meta }

func (s *served) answer(ctx context.Context, a ask) any {
	switch a.Do {
	case "info":
		return s.info(s.executor.Info())
	case "is_complete":
		c := s.executor.IsComplete(a.Code)
		return Completeness{s.door.Words(c.Status), s.door.Words(c.Indent)}
	case "execute":
		s.turn.Lock()
		defer s.turn.Unlock()
		return s.outcome(s.executor.Execute(ctx, a.Request, teller{s.out, s.door, a.ID}))
	case "complete":
		if c, ok := s.executor.(Completer); ok && a.Cursor >= 0 && a.Cursor <= len(a.Code) {
			return s.completion(c.Complete(ctx, a.Code, a.Cursor))
		}
		return Completion{}
	case "inspect":
		if i, ok := s.executor.(Inspector); ok && a.Cursor >= 0 && a.Cursor <= len(a.Code) {
			if d := s.passed(i.Inspect(ctx, a.Code, a.Cursor, a.More)); d != nil {
				return bundleOf{d.MIME(), d.Metadata()}
			}
		}
	}
	return nil
}

func (s *served) info(i Info) Info {
	words := s.door.Words
	l := i.Language
	return Info{words(i.Banner), words(i.Version), Language{
		words(l.Name), words(l.Version), words(l.MIME), words(l.Extension), words(l.PygmentsLexer), words(l.CodeMirrorMode),
	}}
}

func (s *served) outcome(o Outcome) Outcome {
	o.Name, o.Value = s.door.Words(o.Name), s.door.Words(o.Value)
	if o.Traceback != nil {
		o.Traceback = each(o.Traceback, s.door.Words)
	}
	return o
}

func (s *served) completion(c Completion) Completion {
	if c.Matches != nil {
		c.Matches = each(c.Matches, func(m Match) Match {
			return Match{s.door.Words(m.Text), s.door.Words(m.Type), s.door.Words(m.Signature)}
		})
	}
	return c
}

// passed is what the door makes of data, nil for what does not leave.
func (s *served) passed(d Data) Data { return through(s.door, d) }

func through(door Door, d Data) Data {
	if d == nil {
		return nil
	}
	if d = door.Data(d); d == nil || len(d.MIME()) == 0 {
		return nil
	}
	return d
}

// teller publishes over the connection what has passed the door. It implements Publisher.
type teller struct {
	out  *lineWriter
	door Door
	id   int64
}

func (t teller) tell(m told) {
	m.ID = t.id
	_ = t.out.send(m) // a connection that is gone ends the reading side, which stops the cell
}

func (t teller) data(event string, d Data, id string) {
	if d = through(t.door, d); d != nil {
		t.tell(told{Event: event, Name: t.door.Words(id), Data: d.MIME(), Metadata: d.Metadata()})
	}
}

func (t teller) Stream(name, text string) {
	if name != "stderr" {
		name = "stdout"
	}
	if text = t.door.Stream(name, text); text != "" {
		t.tell(told{Event: "stream", Name: name, Text: text})
	}
}

func (t teller) Display(d Data, id string) { t.data("display", d, id) }
func (t teller) Update(d Data, id string)  { t.data("update", d, id) }
func (t teller) Result(d Data)             { t.data("result", d, "") }
func (t teller) Page(d Data)               { t.data("page", d, "") }
func (t teller) Clear(wait bool)           { t.tell(told{Event: "clear", Wait: wait}) }

// steps are how finely a share of work is told: how much work there is does not leave.
const steps = 1000

// Progress tells of work that the door has a bar for.
func (t teller) Progress(label string, done, total int64) {
	if total <= 0 {
		return
	}
	bar := t.door.Bar(label, 0, 0)
	if bar == nil || len(bar.MIME()) == 0 {
		return
	}
	share := int64(steps)
	if done < total {
		share = min(int64(float64(max(done, 0))/float64(total)*steps), steps-1)
	}
	t.tell(told{Event: "progress", Name: label, Done: share, Total: steps})
}
