package notebooks

import "context"

// Executor runs cells, one at a time.
type Executor interface {
	// Execute runs one cell and emits its outputs in order. It returns soon
	// after ctx is done. emit may be called from any goroutine until Execute
	// returns; after that it does nothing.
	Execute(ctx context.Context, code string, count int, emit func(Output)) Outcome
}

// The types of an Output beside those of nbformat, whose names are the
// messages' of the Jupyter protocol.
const (
	UpdateDisplayData = "update_display_data"
	ClearOutput       = "clear_output"
)

// Output is what a cell emits. Which members count depends on Type, which is
// one of the above or nbformat.Stream, DisplayData, ExecuteResult, Error.
type Output struct {
	Type string

	Name, Text string // Stream: "stdout" or "stderr", and what was printed

	MIME     map[string]string // DisplayData, ExecuteResult, UpdateDisplayData
	Metadata map[string]any
	ID       string // the display id; may be "" but for UpdateDisplayData

	Failure Failure // Error

	Wait bool // ClearOutput: only when the next output comes
}

// Failure is an error as Jupyter shows it.
type Failure struct {
	Name, Value string   // ename and evalue
	Traceback   []string // lines, ANSI-coloured
}

// Outcome is how a cell ended. The zero Outcome is success. Run makes the error
// output out of it, unless Execute has emitted one.
type Outcome struct {
	Failed  bool
	Failure Failure
	Aborted bool // interrupted, so nothing that follows is to run
}
