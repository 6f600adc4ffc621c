package notebooks

// Stop says what ended a run.
type Stop string

const (
	Finished    Stop = ""          // every cell was run
	Failed      Stop = "error"     // a cell failed
	TimedOut    Stop = "timeout"   // the limit of a cell or of the run was reached
	Interrupted Stop = "interrupt" // the context was cancelled, or the kernel interrupted
)

// Result is what came of a run. Cells are counted from 1 in the notebook
// written, cells of text among them.
type Result struct {
	Ran       int // code cells that were run
	Stopped   Stop
	StoppedAt int           // the cell at which the run stopped; 0 when it finished
	Failures  []CellFailure // of the cells that failed, in order
	Warnings  []string
	Outputs   []Listed // what the notebook holds of releases and refusals
}

// CellFailure is a cell that failed.
type CellFailure struct {
	Cell int
	Failure
	Expected bool // by the tag raises-exception
}

// Refused is how many outputs are refusals.
func (r *Result) Refused() int { return r.count(Refusal) }

// Released is how many outputs are releases.
func (r *Result) Released() int { return r.count(Release) }

func (r *Result) count(class string) int {
	n := 0
	for _, o := range r.Outputs {
		if o.Class == class {
			n++
		}
	}
	return n
}

// stop records the first cause that ended the run: nil for a cell that failed.
func (r *Result) stop(cause error, cell int) {
	r.StoppedAt = cell
	switch cause.(type) {
	case nil:
		r.Stopped = Failed
	case limit:
		r.Stopped = TimedOut
	default:
		r.Stopped = Interrupted
	}
}

// unexpected reports whether something ended other than the notebook says.
func (r *Result) unexpected() bool {
	for _, f := range r.Failures {
		if !f.Expected {
			return true
		}
	}
	return r.Stopped != Finished
}
