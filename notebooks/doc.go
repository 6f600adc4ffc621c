// Package notebooks runs a notebook without a front end.
//
// Call Run first, with a notebook read by package nbformat and an Executor. It
// saves the notebook after every cell, so that whatever happens the file holds
// all that was done; Result says how it ended.
//
// It refuses a notebook of another language, a parameter whose value does not
// fit its declaration, and to hold on to an executor that ignores a limit.
//
// # What is written
//
// The outputs are gathered as a front end shows them: texts of a stream that
// follow each other become one, carriage returns and backspaces overtype, a
// display id is updated wherever it was displayed, clear_output clears.
//
// The metadata are those of the tools that people know. As papermill does, the
// notebook's metadata.papermill holds input_path, output_path, parameters,
// start_time, end_time, duration and exception, and each cell's holds status
// ("pending", "running", "completed", "failed"), start_time, end_time, duration
// and exception. As nbclient does, a cell's metadata.execution holds when it
// became busy and idle.
//
// # Tags
//
//	parameters           declares the parameters and their defaults, in Go
//	injected-parameters  the cell after it, which Run writes
//	raises-exception     the cell may fail
//	skip-execution       the cell is not run
//
// # What was released
//
// An output whose metadata hold
//
//	"weir": {"class": "release", "title": "Participants by sex"}
//
// is listed by Result.WriteSummary; class is "release", "refusal" or "text", and
// only the first two are listed.
package notebooks
