package interp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"time"

	"weir/datasets/plan"
	"weir/interp/cell"
	"weir/interp/speaker"
)

// Host runs what cells ask for, beside the data. Its methods are called one at a
// time, while Run runs; ctx ends when the cell is interrupted.
type Host interface {
	// Run answers with released numbers. An error is the analyst's when it is a
	// *plan.Error; any other is reported as internal.
	Run(ctx context.Context, n *plan.Node) (*plan.Result, error)
	// Show displays what the plan stands for; last says that it is the cell's
	// last expression.
	Show(ctx context.Context, n *plan.Node, last bool) error
	// Text displays a value in the cell's own words, which may be Markdown; last says
	// that it is the cell's last expression.
	Text(words string, markdown, last bool)
	// Stream takes what the cell prints on "stdout" or "stderr".
	Stream(name, text string)
}

// Session is one notebook's cells. Run is called by one goroutine; the other
// methods by any.
type Session struct {
	compiling sync.Mutex // held while compiler is used, which is not while a cell runs
	compiler  *cell.Compiler

	mu     sync.Mutex
	child  *child
	cancel context.CancelFunc // of the cell that runs
	closed bool
}

// Start begins a session with a speaker that is confined and ready.
func Start() (*Session, error) {
	c, err := startChild()
	if err != nil {
		return nil, err
	}
	return &Session{compiler: cell.New(), child: c}, nil
}

// Landlock is the version of Landlock that backs the speaker's confinement up, 0 for none.
func (s *Session) Landlock() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.child.layers.Landlock
}

// Failure is how a cell ended early.
type Failure struct {
	Name      string // ename: CompileError, panic, PlanError, Refused, Interrupted, Lost, InternalError
	Text      string
	Way       string // what to do instead, or ""
	At        plan.Position
	Traceback []string // ANSI-coloured lines; for compile errors, the marked source
}

// Error is the text.
func (f *Failure) Error() string { return f.Text }

// grace is how long an interrupted cell may take to reach a checkpoint.
const grace = 2 * time.Second

// Run runs the text of cell number n. It returns nil or a *Failure.
func (s *Session) Run(ctx context.Context, n int, text string, host Host) error {
	if len(text) > cell.MaxCell { // is not even told to the speaker
		_, err := s.compile(n, text)
		return uncompiled(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c, err := s.begin(cancel)
	if err != nil {
		return &Failure{Name: "InternalError", Text: err.Error()}
	}
	r := &running{Session: s, child: c, host: host}
	if err := r.propose(n, text); err != nil {
		return s.lost(ctx, err)
	}
	program, mistake := s.compile(n, text)
	done, err := r.run(ctx, mistake == nil)
	switch {
	case err != nil:
		return s.lost(ctx, err)
	case mistake != nil:
		return uncompiled(mistake)
	}
	if done.Evaluated {
		s.compiling.Lock()
		program.Commit()
		s.compiling.Unlock()
	}
	if done.Failed == nil {
		return nil
	}
	if done.Failed.Kind == speaker.Unsupported {
		return uncompiled(&cell.Errors{Cell: n, Source: text, Diagnostics: []cell.Diagnostic{
			{Line: done.Failed.At.Line, Column: done.Failed.Column, Message: done.Failed.Text},
		}})
	}
	return failure(done)
}

// uncompiled is the failure of a cell that is not run.
func uncompiled(err error) error {
	var mistakes *cell.Errors
	if errors.As(err, &mistakes) {
		return &Failure{Name: "CompileError", Text: mistakes.Error(), Traceback: mistakes.Pretty()}
	}
	return &Failure{Name: "InternalError", Text: err.Error()}
}

// compile compiles a cell. The speaker waits for what comes of it, so that a panic is an error.
func (s *Session) compile(n int, text string) (p *cell.Program, err error) {
	s.compiling.Lock()
	defer s.compiling.Unlock()
	defer internal(&err, "cell", n)
	return s.compiler.Compile(n, text)
}

// internal makes an error of a panic. What the panic says may be of the data, and is
// not told.
func internal(err *error, about ...any) {
	if p := recover(); p != nil {
		slog.Error("a panic", append(about, "kind", fmt.Sprintf("%T", p), "at", places())...)
		*err = errors.New("an internal error; the kernel's log says more")
	}
}

// KnowNames tells the names of the repository's vocabulary, by which strings in
// cells are checked and completed. Any goroutine may call it, while a cell runs too.
func (s *Session) KnowNames(n cell.Names) {
	s.compiling.Lock()
	defer s.compiling.Unlock()
	s.compiler.KnowNames(n)
}

// Complete proposes what can stand instead of text[start:end], around the cursor,
// an offset in bytes. Any goroutine may call it, while a cell runs too.
func (s *Session) Complete(text string, cursor int) (start, end int, matches []cell.Match) {
	s.compiling.Lock()
	defer s.compiling.Unlock()
	return s.compiler.Complete(text, cursor)
}

// Inspect is the signature and the doc comment of the name at the cursor, or "".
// Any goroutine may call it, while a cell runs too.
func (s *Session) Inspect(text string, cursor int) string {
	s.compiling.Lock()
	defer s.compiling.Unlock()
	return s.compiler.Inspect(text, cursor)
}

// begin notes the running cell. A speaker that died between cells is replaced here.
func (s *Session) begin(cancel context.CancelFunc) (*child, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, errors.New("the session is closed")
	}
	s.cancel = cancel
	return s.child, nil
}

// lost replaces a speaker that died and says what went with it.
func (s *Session) lost(ctx context.Context, cause error) error {
	s.compiling.Lock()
	names := s.compiler.Names()
	s.compiler.Reset()
	s.compiling.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.child.kill()
	f := &Failure{Name: "Lost", Text: cause.Error()}
	if ctx.Err() != nil {
		f.Name, f.Text = "Interrupted", "the cell did not stop by itself and was ended"
	}
	if len(names) > 0 {
		f.Text += "; lost with it: " + strings.Join(names, ", ")
	}
	f.Way = "run the cells that define what you need again; nothing that was released is lost"
	if s.closed {
		return f
	}
	next, err := startChild()
	if err != nil {
		s.closed = true
		f.Text += "; and no new one could be started: " + err.Error()
		f.Way = "restart the kernel"
		return f
	}
	s.child = next
	return f
}

// Names are what cells have declared, in alphabetical order.
func (s *Session) Names() []string {
	s.compiling.Lock()
	defer s.compiling.Unlock()
	return s.compiler.Names()
}

// Reset forgets everything that cells have declared. It is called while no cell runs.
func (s *Session) Reset() error {
	s.compiling.Lock()
	s.compiler.Reset()
	s.compiling.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return errors.New("the session is closed")
	}
	s.child.kill()
	next, err := startChild()
	if err != nil {
		s.closed = true
		return err
	}
	s.child = next
	return nil
}

// Interrupt ends the running cell, if any.
func (s *Session) Interrupt() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		s.cancel()
	}
}

// Close ends the session and its speaker.
func (s *Session) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		s.cancel()
	}
	if !s.closed {
		s.closed = true
		s.child.kill()
	}
	return nil
}

func failure(d *speaker.Done) error {
	f := d.Failed
	out := &Failure{Text: f.Text, Way: f.Way, At: f.At}
	switch f.Kind {
	case speaker.Mistaken:
		out.Name = "PlanError"
	case speaker.Refused:
		out.Name = "Refused"
	case speaker.Interrupted:
		out.Name = "Interrupted"
	case speaker.Panicked:
		out.Name = "panic"
		out.Traceback = traceback(f)
	default:
		out.Name = "InternalError"
	}
	if !d.Evaluated && f.Kind != speaker.Interrupted {
		out.Name, out.Text = "InternalError", f.Text
	}
	return out
}

// traceback is a panic as Go prints it, with calls in cells for those of the process.
func traceback(f *speaker.Failure) []string {
	const red, dim, plain = "\x1b[31m", "\x1b[2m", "\x1b[0m"
	out := []string{red + "panic" + plain + ": " + f.Text}
	for i, c := range f.Calls {
		if i == 20 {
			out = append(out, fmt.Sprintf("%s  and %d calls more%s", dim, len(f.Calls)-i, plain))
			break
		}
		name := c.Func
		if _, literal, ok := strings.Cut(name, "·"); ok {
			name = "the cell" + literal
		}
		out = append(out, fmt.Sprintf("  cell %d, line %d%s, in %s%s", c.At.Cell, c.At.Line, dim, name, plain))
	}
	return out
}

// running is one cell while it runs.
type running struct {
	*Session
	child *child
	host  Host
}

// propose has the speaker compile a cell, which it does while the session's compiler
// does it. An error means that the speaker is lost.
func (r *running) propose(n int, text string) error {
	r.child.out.allow()
	r.child.err.allow()
	if err := r.child.Send(speaker.Command{Run: &speaker.Run{Cell: n, Text: text}}); err != nil {
		return r.death()
	}
	return nil
}

// run has the speaker run what was proposed, or forget it, and serves it until it is
// done. An error means that the speaker is lost.
func (r *running) run(ctx context.Context, may bool) (*speaker.Done, error) {
	if err := r.child.Send(speaker.Command{May: &may}); err != nil {
		return nil, r.death()
	}
	return r.serve(ctx)
}

// flushAfter is how long text waits for more while a cell computes.
const flushAfter = 50 * time.Millisecond

func (r *running) serve(ctx context.Context) (*speaker.Done, error) {
	stopped := ctx.Done()
	written := r.child.written
	var flush, deadline <-chan time.Time
	for {
		select {
		case e, alive := <-r.child.events:
			if !alive {
				return nil, r.death()
			}
			r.flush(e.Out, e.Err)
			if e.Done != nil {
				r.text(e.Done.Text)
				r.noteCut()
				return e.Done, nil
			}
			r.event(ctx, e)
		case <-written:
			written, flush = nil, time.After(flushAfter)
		case <-flush:
			written, flush = r.child.written, nil
			r.flush(0, 0)
		case <-stopped:
			stopped = nil
			deadline = time.After(grace)
			if err := r.child.Send(speaker.Command{Stop: true}); err != nil {
				return nil, r.death()
			}
		case <-deadline:
			return nil, errors.New("the cell did not stop")
		}
	}
}

// flush passes on what the cell printed, up to the given bytes of each stream.
func (r *running) flush(out, err int64) {
	if s := r.child.out.until(out); s != "" {
		r.host.Stream("stdout", s)
	}
	if s := r.child.err.until(err); s != "" {
		r.host.Stream("stderr", s)
	}
}

func (r *running) noteCut() {
	for name, t := range map[string]*text{"stdout": r.child.out, "stderr": r.child.err} {
		t.mu.Lock()
		cut := t.cut
		t.mu.Unlock()
		if cut {
			r.host.Stream("stderr", fmt.Sprintf("\n[%s: only the first %d MB are shown]\n", name, maxText>>20))
		}
	}
}

func (r *running) event(ctx context.Context, e speaker.Event) {
	switch {
	case e.Text != nil:
		r.text(e.Text)
	case e.Ask != nil:
		answer := r.answer(ctx, e.Ask)
		// A speaker that is gone is noticed by who reads from it.
		_ = r.child.Send(speaker.Command{Answer: &answer})
	}
}

// text shows a value in the speaker's own words, if there is one.
func (r *running) text(t *speaker.Text) {
	if t != nil {
		r.host.Text(t.Plain, t.Markdown, t.Last)
	}
}

func (r *running) answer(ctx context.Context, a *speaker.Ask) speaker.Answer {
	n, err := plan.Decode(a.Plan)
	if err != nil {
		return speaker.Answer{Error: &speaker.Failure{Kind: speaker.Internal, Text: err.Error()}}
	}
	result, err := r.ask(ctx, n, a)
	if err == nil && result != nil && result.Schema != nil {
		r.compiling.Lock()
		r.compiler.Know(result.Schema)
		r.compiling.Unlock()
	}
	var mistake *plan.Error
	switch {
	case err == nil:
		return speaker.Answer{Result: result}
	case ctx.Err() != nil:
		return speaker.Answer{Error: &speaker.Failure{Kind: speaker.Interrupted, Text: "the cell was interrupted"}}
	case errors.As(err, &mistake):
		return speaker.Answer{Mistake: mistake}
	}
	return speaker.Answer{Error: &speaker.Failure{Kind: speaker.Internal, Text: err.Error()}}
}

// ask asks the host. The speaker waits for the answer, so that a panic is one, too.
func (r *running) ask(ctx context.Context, n *plan.Node, a *speaker.Ask) (result *plan.Result, err error) {
	defer internal(&err, "plan", n.Op())
	if a.Show {
		return nil, r.host.Show(ctx, n, a.Last)
	}
	return r.host.Run(ctx, n)
}

// places are those on the stack of who recovers from a panic, without arguments.
func places() (out []string) {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(4, pcs)])
	for {
		f, more := frames.Next()
		out = append(out, fmt.Sprintf("%s:%d", f.Function, f.Line))
		if !more {
			return out
		}
	}
}

// death says how the speaker died, in words for an analyst. What the runtime wrote
// is read for its reason only: the rest is the host's stack.
func (r *running) death() error {
	r.child.kill()
	r.flush(0, 0)
	const ended = "the process that runs cells ended"
	trouble := r.child.trouble.until(0)
	for _, reason := range reasons {
		if strings.Contains(trouble, reason.said) {
			return errors.New(ended + ": " + reason.means)
		}
	}
	if state := r.child.status.Load(); state != nil && !state.Exited() {
		return fmt.Errorf("%s (%s)", ended, state)
	}
	return errors.New(ended)
}

// reasons are what the runtime says when it ends a process.
var reasons = []struct{ said, means string }{
	{"out of memory", "out of memory"},
	{"cannot allocate memory", "out of memory"},
	{"stack overflow", "calls nest too deep"},
	{"stack exceeds", "calls nest too deep"},
	{"concurrent map", "goroutines used a map at the same time"},
}
