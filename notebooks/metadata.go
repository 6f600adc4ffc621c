package notebooks

import (
	"time"

	"weir/notebooks/nbformat"
)

// The two tools write the same moment in two ways.
const (
	papermillTime = "2006-01-02T15:04:05.000000-07:00"
	nbclientTime  = "2006-01-02T15:04:05.000000Z"
)

// describe begins the notebook's metadata.papermill anew.
func (r *runner) describe(parameters map[string]any) {
	if r.notebook.Metadata == nil {
		r.notebook.Metadata = map[string]any{}
	}
	r.notebook.Metadata["papermill"] = map[string]any{
		"default_parameters":    map[string]any{},
		"duration":              nil,
		"end_time":              nil,
		"environment_variables": map[string]any{},
		"exception":             nil,
		"input_path":            r.Input,
		"output_path":           r.Output,
		"parameters":            parameters,
		"start_time":            r.begun.UTC().Format(papermillTime),
	}
}

func (r *runner) describeEnd() {
	ended := r.Now()
	m := r.notebook.Metadata["papermill"].(map[string]any)
	m["end_time"] = ended.UTC().Format(papermillTime)
	m["duration"] = ended.Sub(r.begun).Seconds()
	if r.result.unexpected() {
		m["exception"] = true
	}
}

func describePending(c *nbformat.Cell) {
	if c.Metadata == nil {
		c.Metadata = map[string]any{}
	}
	delete(c.Metadata, "execution")
	c.Metadata["papermill"] = map[string]any{
		"duration":   nil,
		"end_time":   nil,
		"exception":  nil,
		"start_time": nil,
		"status":     "pending",
	}
}

// describePassed is for the cells that nothing had to be done for.
func describePassed(c *nbformat.Cell) {
	if m := c.Metadata["papermill"].(map[string]any); m["status"] == "pending" {
		m["status"] = "completed"
	}
}

func describeRun(c *nbformat.Cell, begun, ended time.Time, failed bool) {
	status := "completed"
	if failed {
		status = "failed"
	}
	c.Metadata["papermill"] = map[string]any{
		"duration":   ended.Sub(begun).Seconds(),
		"end_time":   ended.UTC().Format(papermillTime),
		"exception":  failed,
		"start_time": begun.UTC().Format(papermillTime),
		"status":     status,
	}
	busy, idle := begun.UTC().Format(nbclientTime), ended.UTC().Format(nbclientTime)
	c.Metadata["execution"] = map[string]any{
		"iopub.execute_input": busy,
		"iopub.status.busy":   busy,
		"iopub.status.idle":   idle,
		"shell.execute_reply": idle,
	}
}

// hideSource collapses a cell's source in JupyterLab and nbconvert.
func hideSource(c *nbformat.Cell) {
	jupyter, ok := c.Metadata["jupyter"].(map[string]any)
	if !ok {
		jupyter = map[string]any{}
	}
	jupyter["source_hidden"] = true
	c.Metadata["jupyter"] = jupyter
}
