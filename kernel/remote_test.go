package kernel

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// remotely is an executor on the other side of a connection.
func remotely(t testing.TB, x Executor) *Messenger {
	t.Helper()
	m, err := NewMessenger(func() (io.ReadWriteCloser, error) {
		near, far := net.Pipe()
		go func() {
			ServeExecutor(far, x)
			far.Close()
		}()
		return near, nil
	}, x.Door())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// counted counts streams.
type counted struct{ text strings.Builder }

func (c *counted) Stream(_, text string)         { c.text.WriteString(text) }
func (c *counted) Display(Data, string)          {}
func (c *counted) Update(Data, string)           {}
func (c *counted) Result(Data)                   {}
func (c *counted) Clear(bool)                    {}
func (c *counted) Progress(string, int64, int64) {}
func (c *counted) Page(Data)                     {}

func TestRemoteInterrupt(t *testing.T) {
	m := remotely(t, scripted{})
	for _, test := range []struct {
		cause error
		want  func(Outcome) bool
	}{
		{ErrInterrupted, func(o Outcome) bool { return o.Aborted }},
		{ErrShutdown, func(o Outcome) bool { return o.Failed && o.Value == ErrShutdown.Error() }},
	} {
		ctx, stop := context.WithCancelCause(t.Context())
		time.AfterFunc(50*time.Millisecond, func() { stop(test.cause) })
		begun := time.Now()
		if o := m.Execute(ctx, Request{Code: "sleep 1m"}, new(counted)); !test.want(o) || time.Since(begun) > 10*time.Second {
			t.Errorf("%v: %+v", test.cause, o)
		}
	}
	var c counted
	if o := m.Execute(t.Context(), Request{Code: "flood 5000"}, &c); o.Failed || strings.Count(c.text.String(), "\n") != 5000 || !strings.HasSuffix(c.text.String(), "line 4999\n") {
		t.Errorf("%+v, %d lines", o, strings.Count(c.text.String(), "\n"))
	}
}

// While a cell runs, questions are answered; and a cell that is interrupted before
// its turn does not run.
func TestRemoteAnswersWhileACellRuns(t *testing.T) {
	m := remotely(t, scripted{})
	ctx, stop := context.WithCancelCause(t.Context())
	done := make(chan Outcome)
	go func() { done <- m.Execute(ctx, Request{Code: "sleep 1m"}, new(counted)) }()
	if c := m.Complete(t.Context(), "sl", 2); len(c.Matches) != 1 || c.Matches[0].Text != "sleep" {
		t.Errorf("%+v", c)
	}
	if d := m.Inspect(t.Context(), "x", 1, true); d == nil || d.MIME()["text/plain"] == "" {
		t.Errorf("%+v", d)
	}
	stop(ErrInterrupted)
	if o := <-done; !o.Aborted {
		t.Errorf("%+v", o)
	}
}

// A session's panic ends neither the session nor says what it was about.
func TestRemotePanic(t *testing.T) {
	m := remotely(t, scripted{})
	o := m.Execute(t.Context(), Request{Code: "panic"}, new(counted))
	if !o.Failed || o.Name != "InternalError" || strings.Contains(o.Value, "4711") {
		t.Errorf("%+v", o)
	}
	if o := m.Execute(t.Context(), Request{Code: "stdout x"}, new(counted)); o.Failed {
		t.Errorf("%+v", o)
	}
}

// everything keeps all that is published.
type everything struct{ told []any }

func (e *everything) Stream(_, text string)             { e.told = append(e.told, text) }
func (e *everything) Display(d Data, _ string)          { e.told = append(e.told, d.MIME()["text/plain"]) }
func (e *everything) Update(d Data, id string)          { e.Display(d, id) }
func (e *everything) Result(d Data)                     { e.Display(d, "") }
func (e *everything) Clear(bool)                        {}
func (e *everything) Progress(label string, _, _ int64) {}
func (e *everything) Page(d Data)                       { e.Display(d, "") }

// What crosses the connection has passed the door on the executor's side.
func TestEverythingPassesTheDoorBeforeTheConnection(t *testing.T) {
	m := remotely(t, behindMarking{})
	var e everything
	o := m.Execute(t.Context(), Request{Code: "stdout a\nstderr b\ndisplay text/plain x\nnamed id y\nupdate id z\npage help\nresult 1"}, &e)
	if o.Failed || len(e.told) < 7 {
		t.Fatal(o, e.told)
	}
	unmarked(t, "execute", e.told)
	o = m.Execute(t.Context(), Request{Code: "fail Name value"}, &e)
	if !o.Failed {
		t.Error(o)
	}
	unmarked(t, "a failure", []any{o.Name, o.Value, strings.Join(o.Traceback, "")})
	unmarked(t, "a panic", m.Execute(t.Context(), Request{Code: "panic"}, &e).Value)
	unmarked(t, "info", []any{m.Info().Banner, m.Info().Version})
	for _, match := range m.Complete(t.Context(), "sl", 2).Matches {
		unmarked(t, "a completion", match.Text)
	}
	unmarked(t, "help", m.Inspect(t.Context(), "x", 1, true).MIME()["text/plain"])
	if d := m.Door().Data(texts{"text/plain": "x"}); d.MIME()["text/plain"] != mark+"x" {
		t.Error("data of this side goes around the door")
	}
}

// octetsAndSilence is a connection that says some octets and keeps what is written.
type octetsAndSilence struct {
	io.Reader
	bytes.Buffer
}

func (o *octetsAndSilence) Read(p []byte) (int, error) { return o.Reader.Read(p) }

// Whatever a peer writes, the session's side ends, and does not panic.
func FuzzServeExecutor(f *testing.F) {
	f.Add([]byte(`{"id":1,"do":"execute","request":{"Code":"stdout x"}}` + "\n" + `{"id":1,"do":"interrupt"}` + "\n"))
	f.Add([]byte(`{"id":2,"do":"complete","code":"sl","cursor":99}` + "\n"))
	f.Add([]byte(`{"id":3,"do":"inspect","code":"é","cursor":1}` + "\n{"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if bytes.Contains(b, []byte("sleep")) || bytes.Contains(b, []byte("ignore")) || bytes.Contains(b, []byte("hang")) || bytes.Contains(b, []byte("work")) || bytes.Contains(b, []byte("flood")) || bytes.Contains(b, []byte("pictures")) {
			return // these take their time, as they are told to
		}
		ServeExecutor(&octetsAndSilence{Reader: bytes.NewReader(b)}, scripted{})
	})
}
