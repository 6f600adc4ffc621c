// Package speaker is what runs inside the child process that runs cells: an
// interpreter with the symbols that cells may use, and nothing else. Main is the
// process; it is started by interp and talks to it in the messages of wire.go.
//
// The process holds no data. It confines itself before it runs anything of a
// cell's, and refuses to run when it cannot.
package speaker

import (
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"reflect"
	"runtime/debug"
	"sync/atomic"

	"github.com/traefik/yaegi/interp"

	"weir/datasets/plan"
	"weir/interp/cell"
	"weir/interp/confine"
	"weir/interp/speaker/std"
)

// Name is the process's argument 0, by which the binary knows to be a speaker.
const Name = "weir-speaker"

// Memory is what a speaker may allocate, in bytes.
const Memory = 1 << 30

// Main is the process. It returns when the session is gone.
func Main() error {
	debug.SetMaxStack(256 << 20)
	debug.SetMemoryLimit(Memory * 3 / 4)
	s := newSpeaker()
	layers, err := confine.Apply(confine.Limits{
		Read:   []int{0, FromSession},
		Write:  []int{1, 2, ToSession},
		Memory: Memory,
	})
	if err != nil {
		return err
	}
	go s.listen()
	s.send(Event{Ready: &Ready{Landlock: layers.Landlock}})
	for r := range s.runs {
		s.send(Event{Done: s.run(r)})
	}
	return nil
}

// vocabulary is the symbols of weir/datasets; vocabulary_symbols.go fills it.
var vocabulary = interp.Exports{}

type speaker struct {
	*Channel
	interp   *interp.Interpreter
	out, err *counter
	runs     chan Run
	answers  chan Answer
	stop     int32 // read by lowered code at each checkpoint, so a plain variable
	at       plan.Position
	results  map[plan.ID]*plan.Result
	last     bool // the cell's last expression is being displayed
}

func newSpeaker() *speaker {
	s := &speaker{
		Channel: NewChannel(os.NewFile(FromSession, "from session"), os.NewFile(ToSession, "to session")),
		out:     &counter{w: os.Stdout},
		err:     &counter{w: os.Stderr},
		runs:    make(chan Run),
		answers: make(chan Answer),
		results: map[plan.ID]*plan.Result{},
	}
	s.interp = interp.New(interp.Options{
		Stdin: noInput{}, Stdout: s.out,
		Stderr:               io.Discard, // yaegi writes its own frames of a panic there
		SourcecodeFilesystem: noFiles{},
	})
	s.use(std.Symbols)
	s.use(vocabulary)
	s.use(interp.Exports{cell.RuntimePath + "/runtime": {
		"At":      reflect.ValueOf(s.mark),
		"Display": reflect.ValueOf(s.display),
		"Stop":    reflect.ValueOf(&s.stop),
		"Halt":    reflect.ValueOf(s.halt),

		"Builtin_print":   reflect.ValueOf(func(v ...any) { fmt.Fprint(s.err, v...) }),
		"Builtin_println": reflect.ValueOf(func(v ...any) { fmt.Fprintln(s.err, v...) }),
	}})
	plan.Connect(s)
	return s
}

func (s *speaker) use(e interp.Exports) {
	if err := s.interp.Use(e); err != nil {
		panic(err)
	}
}

// send tells the session something. Without a session there is nothing to do.
func (s *speaker) send(e Event) {
	e.Out, e.Err = s.out.n.Load(), s.err.n.Load()
	if err := s.Send(e); err != nil {
		os.Exit(1)
	}
}

// listen takes commands while a cell runs.
func (s *speaker) listen() {
	for {
		var c Command
		if err := s.Receive(&c); err != nil {
			os.Exit(0)
		}
		switch {
		case c.Stop:
			atomic.StoreInt32(&s.stop, 1)
		case c.Run != nil:
			atomic.StoreInt32(&s.stop, 0)
			s.runs <- *c.Run
		case c.Answer != nil:
			s.answers <- *c.Answer
		}
	}
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

type noInput struct{}

func (noInput) Read([]byte) (int, error) { return 0, io.EOF }

// noFiles is a file system without files: yaegi would read imports from the disk.
type noFiles struct{}

func (noFiles) Open(string) (fs.File, error) { return nil, fs.ErrNotExist }

// mark notes which statement runs.
func (s *speaker) mark(cell, line int) {
	s.at = plan.Position{Cell: cell, Line: line}
	plan.Mark(s.at)
}

// halted is what ends a cell that is to stop.
type halted struct{}

func (s *speaker) halt() { panic(halted{}) }

// run evaluates a cell and calls it.
func (s *speaker) run(r Run) *Done {
	if _, err := s.eval(r.Source); err != nil {
		return &Done{Failed: s.failure(err)}
	}
	_, err := s.eval(r.Entry + "()")
	return &Done{Evaluated: true, Failed: s.failure(err)}
}

// eval catches the panics that yaegi itself does not.
func (s *speaker) eval(source string) (v reflect.Value, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = interp.Panic{Value: p}
		}
	}()
	return s.interp.Eval(source)
}

func (s *speaker) failure(err error) *Failure {
	if err == nil {
		return nil
	}
	p, ok := err.(interp.Panic)
	if !ok {
		return &Failure{Kind: Internal, Text: err.Error(), At: s.at}
	}
	f := &Failure{Kind: Panicked, At: s.at}
	switch v := p.Value.(type) {
	case halted:
		f.Kind, f.Text = Interrupted, "the cell was interrupted"
	case *plan.Error:
		f.Kind, f.Text, f.Way = Mistaken, v.Error(), v.Way
		if v.At != (plan.Position{}) {
			f.At = v.At
		}
	case *plan.Refusal:
		f.Kind, f.Text, f.Way = Refused, v.Error(), v.Way
	case *Failure:
		return v
	case error:
		f.Text = v.Error()
	default:
		f.Text = fmt.Sprint(v)
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

// display shows the values of a cell's last expression.
func (s *speaker) display(values ...any) {
	s.last = true
	defer func() { s.last = false }()
	var plainText string
	for i, v := range values {
		if shown, ok := v.(interface{ Show() }); ok && inVocabulary(v) {
			shown.Show()
			continue
		}
		if i > 0 && plainText != "" {
			plainText += "\n"
		}
		plainText += text(v)
	}
	if plainText != "" {
		s.send(Event{Text: &Text{plainText}})
	}
}

func inVocabulary(v any) bool { return reflect.TypeOf(v).PkgPath() == "weir/datasets" }

// text is a value as a notebook shows it.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return "nil"
	case string:
		return fmt.Sprintf("%q", v)
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1e15 {
			return fmt.Sprintf("%.1f", v)
		}
		return fmt.Sprint(v)
	case fmt.Stringer, error:
		return fmt.Sprint(v)
	}
	return fmt.Sprint(v)
}
