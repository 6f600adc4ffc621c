package kernel

import (
	"context"
	"errors"
)

// Executor runs what a front end asks for. Execute is called for one request at
// a time; every other method may be called while it runs, too. Only plain values
// cross it, so that it can stand on the other side of a Unix socket.
//
// An Executor that is a Completer or an Inspector as well helps who writes a cell;
// without them the kernel answers that it knows nothing.
type Executor interface {
	// Info describes the language and the session, for kernel_info_reply.
	Info() Info
	// Execute runs one cell and publishes its outputs in order. It returns
	// when the last output has been published, soon after ctx is done at the
	// latest, and it never panics. context.Cause(ctx) is ErrInterrupted when
	// the session goes on and ErrShutdown when it does not. There is no other
	// way to interrupt: a cell interrupted before Execute was even called
	// finds its ctx done, so no interrupt is lost.
	Execute(ctx context.Context, req Request, pub Publisher) Outcome
	// IsComplete says whether code could be run as it stands.
	IsComplete(code string) Completeness
	// Door is what everything passes that leaves; it is the same each time.
	Door() Door
	// Close ends the session and everything it started.
	Close() error
}

// Completer proposes how code could go on. Complete is called while a cell runs,
// too: it answers from what the cells before have defined, and never from data. It
// returns soon after ctx is done.
type Completer interface {
	// Complete looks at code with the cursor at the given octet of it, which
	// begins a character or is the end.
	Complete(ctx context.Context, code string, cursor int) Completion
}

// Completion is what can stand instead of code[Start:End], octets. The zero
// Completion is none.
type Completion struct {
	Start, End int
	Matches    []Match
}

// Match is one proposal. Type ("function", "keyword", …) and Signature are shown
// beside it where the front end can, and may be empty.
type Match struct{ Text, Type, Signature string }

// Inspector explains what stands at the cursor, under the rules of Completer.
type Inspector interface {
	// Inspect returns nil when there is nothing to say. With more it may
	// answer at length: the request's detail_level is 1.
	Inspect(ctx context.Context, code string, cursor int, more bool) Data
}

// Causes of the end of Execute's context.
var (
	ErrInterrupted = errors.New("interrupted")
	ErrShutdown    = errors.New("the kernel is shutting down")
)

// Info is what kernel_info_reply says of the executor.
type Info struct {
	Banner   string
	Version  string // of the implementation, "weir"
	Language Language
}

// Language is language_info of the Jupyter protocol, "Kernel info".
type Language struct {
	Name           string `json:"name"`
	Version        string `json:"version"`
	MIME           string `json:"mimetype"`
	Extension      string `json:"file_extension"`
	PygmentsLexer  string `json:"pygments_lexer,omitempty"`
	CodeMirrorMode string `json:"codemirror_mode,omitempty"`
}

// Request is one cell to run.
type Request struct {
	Code  string
	Count int    // execution_count that this cell has; 0 when silent
	Quiet bool   // silent, or one of user_expressions: nothing is published
	Cell  string // cellId of the front end, "" when it sends none
}

// Outcome is how a cell ended. The zero Outcome is success.
type Outcome struct {
	Failed    bool
	Name      string   // ename
	Value     string   // evalue
	Traceback []string // lines, ANSI-coloured
	Aborted   bool     // interrupted: queued requests are aborted as after an error
}

// Data is a set of representations of one result by MIME type. The kernel
// publishes only what an executor hands it as Data, and what its door makes of that.
type Data interface {
	// MIME maps a MIME type to the representation's text. The text of
	// application/json and of every type ending in +json is JSON; it is sent
	// as that JSON value and not as a string, as the protocol asks since 5.0.
	// Without any representation nothing is published.
	MIME() map[string]string
	// Metadata goes into the output's metadata, JSON-encodable.
	Metadata() map[string]any
}

// Publisher takes a cell's outputs. Its methods may be called from any goroutine
// until Execute returns; after that they do nothing. They return at once unless
// a front end reads more slowly than the cell writes; then they wait for it, not
// longer than a bounded time and not after the cell's context is done.
type Publisher interface {
	// Stream publishes UTF-8 text on stdout or stderr.
	Stream(name, text string)
	// Display publishes display_data; with an id, later calls of Update
	// with the same id replace it.
	Display(d Data, id string)
	// Update publishes update_display_data.
	Update(d Data, id string)
	// Result publishes execute_result.
	Result(d Data)
	// Clear publishes clear_output.
	Clear(wait bool)
	// Progress shows how much of some work is done, which the label names, as the
	// door's Bar, and removes what it showed when all is done or the cell ends. It is cheap and
	// never waits; work that is done within a second shows nothing.
	Progress(label string, done, total int64)
	// Page shows help beside the notebook: it goes into the reply's payload
	// and is not part of the cell's output.
	Page(d Data)
}

// Completeness answers is_complete_request: Status is "complete", "incomplete",
// "invalid" or "unknown"; Indent is what the next line of an incomplete cell
// starts with.
type Completeness struct {
	Status string
	Indent string
}
