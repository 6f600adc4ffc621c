package notebooks

import (
	"context"
	"errors"
	"fmt"
	"time"

	"weir/notebooks/nbformat"
)

// limit is the cause of a context that ended by a timeout.
type limit struct {
	after time.Duration
	of    string
}

func (l limit) Error() string { return fmt.Sprintf("stopped after %v, the limit of %s", l.after, l.of) }

var errStuck = errors.New("the executor did not end a cell that was stopped; the cells after it did not run")

// cell runs one cell and saves the notebook.
func (r *runner) cell(ctx context.Context, at position, c *nbformat.Cell) error {
	if r.CellTimeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, r.CellTimeout, limit{r.CellTimeout, "a cell"})
		defer cancel()
	}
	r.result.Ran++
	c.Count = new(r.result.Ran)
	begun := r.Now()
	r.Progress.begin(at)
	g := newGathering(c, r.displays)
	outcome, err := r.execute(ctx, c, g)
	outcome = stopped(ctx, outcome)
	outcome.Failure = g.end(outcome)
	ended := r.Now()
	for _, w := range g.warnings {
		r.warn(fmt.Sprintf("cell %d: %s", at.cell, w))
	}
	failed := outcome.Failed && (outcome.Aborted || !c.Tagged("raises-exception"))
	describeRun(c, begun, ended, failed)
	r.judge(ctx, at.cell, failed, outcome)
	r.Progress.done(at, ended.Sub(begun), outcome, failed)
	return errors.Join(err, r.notebook.Save(r.Output))
}

// execute waits for the executor, but not for ever.
func (r *runner) execute(ctx context.Context, c *nbformat.Cell, g *gathering) (Outcome, error) {
	done := make(chan Outcome, 1)
	go func() { done <- r.executor.Execute(ctx, c.Source, *c.Count, g.emit) }()
	select {
	case outcome := <-done:
		return outcome, nil
	case <-ctx.Done():
	}
	select {
	case outcome := <-done:
		return outcome, nil
	case <-time.After(r.Grace):
		return Outcome{Failed: true}, errStuck
	}
}

// stopped says in the outcome why the cell was stopped, whatever the executor
// made of it. A cell that succeeded all the same has succeeded.
func stopped(ctx context.Context, outcome Outcome) Outcome {
	if outcome.Aborted {
		outcome.Failed = true
	}
	if !outcome.Failed || ctx.Err() == nil {
		return outcome
	}
	f := Failure{Name: "Interrupt", Value: "the run was interrupted"}
	if l, ok := context.Cause(ctx).(limit); ok {
		f = Failure{Name: "Timeout", Value: l.Error()}
	}
	f.Traceback = []string{f.Name + ": " + f.Value}
	return Outcome{Failed: true, Failure: f, Aborted: true}
}

// judge decides whether the run goes on after a cell.
func (r *runner) judge(ctx context.Context, cell int, failed bool, outcome Outcome) {
	if outcome.Failed {
		r.result.Failures = append(r.result.Failures, CellFailure{Cell: cell, Failure: outcome.Failure, Expected: !failed})
	}
	switch {
	case outcome.Aborted && ctx.Err() != nil:
		r.result.stop(context.Cause(ctx), cell)
	case outcome.Aborted:
		r.result.stop(context.Canceled, cell)
	case failed && !r.AllowErrors:
		r.result.stop(nil, cell)
	}
}
