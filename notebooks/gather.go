package notebooks

import (
	"fmt"
	"slices"
	"sync"

	"weir/notebooks/nbformat"
)

// displays are the outputs of the notebook by display id.
type displays map[string][]*nbformat.Output

// gathering turns what one cell emits into its outputs.
type gathering struct {
	mu         sync.Mutex
	cell       *nbformat.Cell
	displays   displays
	clearLater bool
	ended      bool
	warnings   []string
}

func newGathering(c *nbformat.Cell, d displays) *gathering {
	return &gathering{cell: c, displays: d}
}

func (g *gathering) emit(o Output) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ended {
		return
	}
	switch o.Type {
	case ClearOutput:
		g.clearLater = o.Wait
		if !o.Wait {
			g.clear()
		}
	case UpdateDisplayData:
		g.update(o)
	default:
		g.add(o)
	}
}

// end closes the gathering. The outcome's error is the last output; it returns
// that, or the one that was emitted.
func (g *gathering) end(outcome Outcome) Failure {
	g.mu.Lock()
	defer g.mu.Unlock()
	isError := func(o *nbformat.Output) bool { return o.Type == nbformat.Error }
	if outcome.Aborted { // the reason for stopping the cell, not what it made of that
		g.cell.Outputs = slices.DeleteFunc(g.cell.Outputs, isError)
	}
	failure := outcome.Failure
	if i := slices.IndexFunc(g.cell.Outputs, isError); i >= 0 {
		o := g.cell.Outputs[i]
		failure = Failure{o.EName, o.EValue, o.Traceback}
	} else if outcome.Failed {
		g.add(Output{Type: nbformat.Error, Failure: failure})
	}
	for _, o := range g.cell.Outputs {
		if o.Type == nbformat.Stream {
			o.Text = overtype(o.Text)
		}
	}
	g.ended = true
	return failure
}

func (g *gathering) add(o Output) {
	stored, err := store(o, g.cell.Count)
	if err != nil {
		g.lose(err)
		return
	}
	if g.clearLater {
		g.clear()
	}
	if earlier := g.sameStream(stored); earlier != nil {
		earlier.Text += stored.Text
		return
	}
	g.cell.Outputs = slices.Insert(g.cell.Outputs, g.place(stored), stored)
	if o.ID != "" {
		g.displays[o.ID] = append(g.displays[o.ID], stored)
	}
}

// place is where an output belongs. Two streams are written side by side, so
// their turns say nothing: stdout comes first, as with nbclient.
func (g *gathering) place(o *nbformat.Output) int {
	n := len(g.cell.Outputs)
	if o.Type == nbformat.Stream && o.Name == "stdout" && n > 0 && g.cell.Outputs[n-1].Type == nbformat.Stream {
		return n - 1
	}
	return n
}

// sameStream is the output of the same stream since anything else was shown.
func (g *gathering) sameStream(o *nbformat.Output) *nbformat.Output {
	if o.Type != nbformat.Stream {
		return nil
	}
	for _, earlier := range slices.Backward(g.cell.Outputs) {
		if earlier.Type != nbformat.Stream {
			return nil
		}
		if earlier.Name == o.Name {
			return earlier
		}
	}
	return nil
}

func (g *gathering) update(o Output) {
	o.Type = nbformat.DisplayData
	updated, err := store(o, nil)
	if err != nil {
		g.lose(err)
		return
	}
	for _, shown := range g.displays[o.ID] {
		shown.Data, shown.Metadata = updated.Data, updated.Metadata
	}
}

func (g *gathering) clear() {
	g.clearLater = false
	for id, shown := range g.displays {
		g.displays[id] = slices.DeleteFunc(shown, func(o *nbformat.Output) bool {
			return slices.Contains(g.cell.Outputs, o)
		})
	}
	g.cell.Outputs = nil
}

func (g *gathering) lose(err error) {
	g.warnings = append(g.warnings, fmt.Sprintf("an output cannot be kept: %v", err))
}

// store is the output as the notebook keeps it. It shares nothing with o.
func store(o Output, count *int) (*nbformat.Output, error) {
	metadata, err := nbformat.Plain(o.Metadata)
	if err != nil {
		return nil, err
	}
	s := &nbformat.Output{
		Type:      o.Type,
		Name:      o.Name,
		Text:      o.Text,
		Data:      map[string]string{},
		EName:     o.Failure.Name,
		EValue:    o.Failure.Value,
		Traceback: slices.Clone(o.Failure.Traceback),
	}
	s.Metadata, _ = metadata.(map[string]any) // nil stays nil
	if o.Type == nbformat.ExecuteResult {
		s.Count = count
	}
	for mime, text := range o.MIME {
		s.Data[mime] = text
	}
	return s, s.Check()
}
