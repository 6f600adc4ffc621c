// Package speaker is what runs inside the child process that runs cells: the cell
// compiler, an executor with the symbols that cells may use, and nothing else.
// Main is the process; it is started by interp and talks to it in the messages of
// wire.go.
//
// The process holds no data. It confines itself before it runs anything of a
// cell's, and refuses to run when it cannot.
package speaker

import (
	"errors"
	"fmt"
	"go/token"
	"io"
	"math"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

	"weir/datasets/plan"
	"weir/interp/cell"
	"weir/interp/confine"
	"weir/interp/exec"
	"weir/interp/speaker/std"
)

// Name is the process's argument 0, by which the binary knows to be a speaker.
const Name = "weir-speaker"

// Memory is what cells may hold, in bytes. The process may have twice as much: the
// rest is for stacks, and for what is allocated before the collector has come round.
const Memory = 768 << 20

// Main is the process. It returns only when it cannot be confined.
func Main() error {
	debug.SetMaxStack(256 << 20)
	debug.SetMemoryLimit(Memory)
	s := newSpeaker()
	layers, err := confine.Apply(confine.Limits{
		Read:   []int{0, FromSession},
		Write:  []int{1, 2, ToSession, CellErrors},
		Memory: 2 * Memory,
	})
	if err != nil {
		return err
	}
	s.send(Event{Ready: &Ready{Landlock: layers.Landlock}})
	go s.listen()
	go s.listen()
	select {} // until listen finds the session gone
}

// vocabulary is the symbols of weir/datasets; vocabulary_symbols.go fills it.
var vocabulary = map[string]map[string]reflect.Value{}

type speaker struct {
	*Channel
	compiler *cell.Compiler
	exec     *exec.Executor
	out, err *counter
	answers  chan Answer
	ear      sync.Mutex  // held by who listens
	running  sync.Mutex  // held while a cell is compiled and runs: the session sends one at a time
	stop     atomic.Bool // of the cell that runs
	results  map[plan.ID]*plan.Result
	last     bool // the cell's last expression is being displayed
}

func newSpeaker() *speaker {
	s := &speaker{
		Channel: NewChannel(os.NewFile(FromSession, "from session"), os.NewFile(ToSession, "to session")),
		out:     &counter{w: os.Stdout},
		err:     &counter{w: os.NewFile(CellErrors, "cells' standard error")},
		answers: make(chan Answer),
		results: map[plan.ID]*plan.Result{},
	}
	s.compiler = cell.New()
	s.exec = exec.New(s.compiler.FileSet(), std.Symbols, vocabulary)
	s.exec.Stdout, s.exec.Stderr = s.out, s.err
	s.exec.Before = s.mark
	plan.Connect(s)
	return s
}

// send tells the session something. Without a session there is nothing to do.
func (s *speaker) send(e Event) {
	e.Out, e.Err = s.out.n.Load(), s.err.n.Load()
	if err := s.Send(e); err != nil {
		os.Exit(1)
	}
}

// listen takes commands until the session is gone. Two goroutines do in turns: who takes
// a cell runs it, at once, and leaves listening to the other. Handing the cell over, or
// a new goroutine for it, whose stack grows while it is compiled, costs a trivial one a
// fifth of its time.
func (s *speaker) listen() {
	s.ear.Lock()
	for {
		switch c := s.receive(); {
		case c.Stop:
			s.stop.Store(true)
			s.exec.Stop()
		case c.Run != nil:
			s.stop.Store(false)
			s.running.Lock()
			s.send(Event{Done: s.run(*c.Run)})
			s.running.Unlock()
			s.ear.Lock()
		case c.Answer != nil:
			s.answers <- *c.Answer
		}
	}
}

func (s *speaker) receive() (c Command) {
	if err := s.Receive(&c); err != nil {
		os.Exit(0)
	}
	return c
}

// counter counts the bytes that went through it.
type counter struct {
	w io.Writer
	n atomic.Int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// mark has each call of the vocabulary note where in which cell it stands.
func (s *speaker) mark(path string, at token.Pos) func() {
	if path != "weir/datasets" {
		return nil
	}
	cell, line, _ := s.compiler.Position(at)
	return func() { plan.Mark(plan.Position{Cell: cell, Line: line}) }
}

// halted is what ends a cell that is to stop while it waits for an answer.
type halted struct{}

// run compiles a cell and runs it if it may, which is the next that it hears.
func (s *speaker) run(r Run) *Done {
	may := sync.OnceValue(func() bool {
		defer s.ear.Unlock()
		c := s.receive()
		return c.May != nil && *c.May
	})
	p, err := s.compile(r)
	if err == nil {
		err = s.exec.Load(p, may)
	}
	var refusal *exec.Refusal
	switch {
	case !may():
		return &Done{}
	case errors.As(err, &refusal):
		return &Done{Failed: s.unsupported(r.Cell, refusal)}
	case err != nil:
		return &Done{Failed: &Failure{Kind: Internal, Text: "the speaker cannot compile what the session could: " + err.Error()}}
	}
	p.Commit()
	value, err := s.execute(p)
	return &Done{Evaluated: true, Text: value, Failed: s.failure(err)}
}

// compile compiles a cell. Whatever it holds, variables live on.
func (s *speaker) compile(r Run) (p *cell.Program, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a panic: %T", p)
		}
	}()
	return s.compiler.Compile(r.Cell, r.Text)
}

// execute runs a program and returns the value of the cell's last expression, nil for
// none or one that was displayed.
func (s *speaker) execute(p *cell.Program) (*Text, error) {
	if p.Main {
		if err := s.exec.Run(p, "init"); err != nil {
			return nil, err
		}
	}
	if s.stop.Load() {
		return nil, halt
	}
	if err := s.exec.Run(p, p.Entry); err != nil {
		return nil, err
	}
	var values []any
	for _, v := range p.Results {
		values = append(values, s.exec.Take(v))
	}
	return s.display(values)
}

func (s *speaker) unsupported(n int, r *exec.Refusal) *Failure {
	cell, line, column := s.compiler.Position(r.At)
	if cell != n {
		line, column = 1, 1
	}
	return &Failure{Kind: Unsupported, Text: r.Text, At: plan.Position{Cell: n, Line: line}, Column: column}
}

var halt = &Failure{Kind: Interrupted, Text: "the cell was interrupted"}

func (s *speaker) failure(err error) *Failure {
	switch err := err.(type) {
	case nil:
		return nil
	case *Failure:
		return err
	case *exec.Panic:
		return s.panicked(err)
	}
	return &Failure{Kind: Internal, Text: err.Error()}
}

// panicked says how a cell's code ended, and where.
func (s *speaker) panicked(p *exec.Panic) *Failure {
	f := &Failure{Kind: Panicked}
	for _, c := range p.Calls {
		cell, line, _ := s.compiler.Position(c.At)
		if cell > 0 {
			f.Calls = append(f.Calls, Call{c.Func, plan.Position{Cell: cell, Line: max(1, line)}}) // a cell without a place begins above its text
		}
	}
	if len(f.Calls) > 0 {
		f.At = f.Calls[0].At
	}
	if p.Halted() {
		f.Kind, f.Text, f.Calls = Interrupted, halt.Text, nil
		return f
	}
	switch v := p.Value.(type) {
	case halted:
		f.Kind, f.Text, f.Calls = Interrupted, halt.Text, nil
	case *plan.Error:
		f.Kind, f.Text, f.Way, f.Calls = Mistaken, v.Error(), v.Way, nil
		if v.At != (plan.Position{}) {
			f.At = v.At
		}
	case *plan.Refusal:
		f.Kind, f.Text, f.Way, f.Calls = Refused, v.Error(), v.Way, nil
	case *Failure:
		return v
	default:
		f.Text = s.exec.PanicText(p)
	}
	return f
}

// Run implements plan.Runner: a plan that has been run is not asked for again.
func (s *speaker) Run(n *plan.Node) (*plan.Result, error) {
	if r := s.results[n.ID()]; r != nil {
		return r, nil
	}
	r, err := s.ask(Ask{Plan: plan.Encode(n)})
	if err == nil && r != nil {
		s.results[n.ID()] = r
	}
	return r, err
}

// Show implements plan.Runner.
func (s *speaker) Show(n *plan.Node) error {
	_, err := s.ask(Ask{Plan: plan.Encode(n), Show: true, Last: s.last})
	return err
}

// Tell implements plan.Teller.
func (s *speaker) Tell(markdown string) error {
	s.send(Event{Text: &Text{Plain: markdown, Markdown: true, Last: s.last}})
	return nil
}

// Display implements plan.Teller. It is called by the cell's code, which Protect
// guards already.
func (s *speaker) Display(values []any) error {
	for _, v := range values {
		if shown, ok := v.(interface{ Show() }); ok && inVocabulary(v) {
			shown.Show()
			continue
		}
		s.send(Event{Text: &Text{Plain: text(v, func(v any) string { return fmt.Sprint(v) })}})
	}
	return nil
}

func (s *speaker) ask(a Ask) (*plan.Result, error) {
	s.send(Event{Ask: &a})
	answer := <-s.answers
	switch {
	case answer.Mistake != nil:
		return nil, answer.Mistake
	case answer.Error != nil && answer.Error.Kind == Interrupted:
		panic(halted{})
	case answer.Error != nil:
		return nil, answer.Error
	}
	return answer.Result, nil
}

// Error is the failure's text.
func (f *Failure) Error() string { return f.Text }

// display shows the values of a cell's last expression, or returns them as text.
func (s *speaker) display(values []any) (*Text, error) {
	s.last = true
	defer func() { s.last = false }()
	var lines []string
	for _, v := range values {
		if shown, ok := v.(interface{ Show() }); ok && inVocabulary(v) {
			if err := s.exec.Protect(shown.Show); err != nil {
				return nil, err
			}
			continue
		}
		var err error
		line := text(v, func(v any) (out string) {
			out, err = s.exec.Text(v)
			return out
		})
		if err != nil {
			return nil, err
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return nil, nil
	}
	return &Text{Plain: strings.Join(lines, "\n"), Last: true}, nil
}

func inVocabulary(v any) bool { return reflect.TypeOf(v).PkgPath() == "weir/datasets" }

// text is a value as a notebook shows it, and as print does where that is not special.
func text(v any, print func(any) string) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case string:
		return fmt.Sprintf("%q", v)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return fmt.Sprintf("%.1f", v)
		}
	}
	return print(v)
}
