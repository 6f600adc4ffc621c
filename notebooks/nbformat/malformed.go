package nbformat

import "fmt"

// Malformed says why a file was not read as a notebook.
type Malformed struct {
	File   string
	Cell   int // counted from 1; 0 when the fault lies in no cell
	What   string
	Remedy string
}

func (m *Malformed) Error() string {
	where := m.File
	if m.Cell > 0 {
		where = fmt.Sprintf("%s: cell %d", m.File, m.Cell)
	}
	return fmt.Sprintf("%s: %s; %s", where, m.What, m.Remedy)
}

// The remedies.
const (
	restore = "restore the file from a checkpoint or from version control"
	resave  = "open the notebook in JupyterLab and save it"
)
