package notebooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"weir/notebooks/nbformat"
)

// Options say how to run a notebook.
type Options struct {
	Input  string // The file that was read, for the metadata. Default: "".
	Output string // Required. The file to save as; may be the input.

	Parameters  []Parameter   // Default: none, and the notebook's own apply.
	AllowErrors bool          // Go on after a cell that fails. Default: stop.
	CellTimeout time.Duration // Limit of a cell. Default: none.
	Timeout     time.Duration // Limit of the run. Default: none.
	Report      bool          // Hide the sources of the output. Default: show.
	Progress    *Progress     // Default: silence.

	// Grace is how long an executor may take to end a cell that was stopped.
	// Default: ten seconds.
	Grace time.Duration

	// Now is the clock for the metadata. Default: time.Now.
	Now func() time.Time
}

// Run runs the code cells of n in order, changing n and saving it. The error is
// for what keeps it from running or saving; how the cells ended is the Result's,
// which is there whenever a cell has run.
func Run(ctx context.Context, n *nbformat.Notebook, x Executor, o Options) (*Result, error) {
	if o.Output == "" {
		return nil, errors.New("name the notebook to write")
	}
	if err := checkLanguage(n); err != nil {
		return nil, err
	}
	o.Grace = cmp.Or(o.Grace, 10*time.Second)
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &runner{notebook: n, executor: x, Options: o, displays: displays{}}
	if err := r.prepare(); err != nil {
		return nil, err
	}
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.Timeout, limit{o.Timeout, "the run"})
		defer cancel()
	}
	err := r.cells(ctx)
	r.finish()
	return &r.result, errors.Join(err, n.Save(o.Output))
}

type runner struct {
	Options
	notebook *nbformat.Notebook
	executor Executor
	displays displays
	begun    time.Time
	result   Result
}

// prepare empties the notebook of what an earlier run has left, and saves it:
// an output that cannot be written is known before anything has run.
func (r *runner) prepare() error {
	values, warnings, err := inject(r.notebook, r.Parameters)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		r.warn(w)
	}
	r.begun = r.Now()
	r.describe(values)
	for _, c := range r.notebook.Cells {
		describePending(c)
		if c.Type == nbformat.Code {
			c.Count, c.Outputs = nil, nil
			if r.Report {
				hideSource(c)
			}
		}
	}
	return r.notebook.Save(r.Output)
}

func (r *runner) warn(text string) {
	r.result.Warnings = append(r.result.Warnings, text)
	r.Progress.note("warning: " + text)
}

func (r *runner) cells(ctx context.Context) error {
	defer r.Progress.close()
	total := 0
	for _, c := range r.notebook.Cells {
		if runnable(c) {
			total++
		}
	}
	for i, c := range r.notebook.Cells {
		if !runnable(c) {
			continue
		}
		if ctx.Err() != nil {
			r.result.stop(context.Cause(ctx), i+1)
			return nil
		}
		at := position{cell: i + 1, ordinal: r.result.Ran + 1, of: total, heading: heading(r.notebook.Cells[:i])}
		if err := r.cell(ctx, at, c); err != nil || r.result.Stopped != Finished {
			return err
		}
	}
	return nil
}

// runnable leaves out what nbclient leaves out too.
func runnable(c *nbformat.Cell) bool {
	return c.Type == nbformat.Code && strings.TrimSpace(c.Source) != "" && !c.Tagged("skip-execution")
}

func (r *runner) finish() {
	last := len(r.notebook.Cells)
	if r.result.Stopped != Finished {
		last = r.result.StoppedAt - 1
	}
	for _, c := range r.notebook.Cells[:last] {
		describePassed(c)
	}
	r.describeEnd()
	r.result.Outputs = listing(r.notebook)
}

func checkLanguage(n *nbformat.Notebook) error {
	for _, at := range [][2]string{{"kernelspec", "language"}, {"language_info", "name"}} {
		object, _ := n.Metadata[at[0]].(map[string]any)
		if language, ok := object[at[1]].(string); ok && !strings.EqualFold(language, "go") {
			return fmt.Errorf("the notebook is written in %q; this kernel runs Go", language)
		}
	}
	return nil
}
