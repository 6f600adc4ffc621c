package notebooks

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// Progress shows how far a run is. A nil Progress shows nothing.
type Progress struct {
	w        io.Writer
	terminal bool
	bar      *progressbar.ProgressBar
}

// NewProgress shows a bar where w is a terminal, lines of a log elsewhere.
func NewProgress(w io.Writer) *Progress {
	f, ok := w.(*os.File)
	return &Progress{w: w, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// position is a cell's place in a run.
type position struct {
	cell        int
	ordinal, of int // among the cells that run
	heading     string
}

func (at position) String() string {
	s := fmt.Sprintf("cell %d", at.cell)
	if at.heading != "" {
		s += " " + short(at.heading)
	}
	return s
}

// short is a title that leaves room for the bar.
func short(title string) string {
	const most = 40
	if r := []rune(title); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return title
}

func (p *Progress) begin(at position) {
	if p == nil {
		return
	}
	if !p.terminal {
		fmt.Fprintf(p.w, "%d/%d %s: runs\n", at.ordinal, at.of, at)
		return
	}
	if p.bar == nil {
		p.bar = newBar(p.w, at.of)
	}
	p.bar.Describe(at.String())
}

func newBar(w io.Writer, cells int) *progressbar.ProgressBar {
	return progressbar.NewOptions(cells,
		progressbar.OptionSetWriter(w),
		progressbar.OptionShowCount(),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetWidth(20),
		progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionClearOnFinish(),
	)
}

func (p *Progress) done(at position, took time.Duration, outcome Outcome, failed bool) {
	if p == nil {
		return
	}
	end := "done"
	switch {
	case failed:
		end = "failed: " + printable(outcome.Failure.Name+": "+outcome.Failure.Value)
	case outcome.Failed:
		end = "done; it raised an exception, as its tag allows"
	}
	if failed || !p.terminal {
		p.note(fmt.Sprintf("%d/%d %s: %s (%.1fs)", at.ordinal, at.of, at, end, took.Seconds()))
	}
	if p.bar != nil {
		p.bar.Add(1)
	}
}

// note prints a line of its own, above the bar.
func (p *Progress) note(line string) {
	if p == nil {
		return
	}
	if p.bar != nil {
		p.bar.Clear()
	}
	fmt.Fprintln(p.w, line)
}

func (p *Progress) close() {
	if p != nil && p.bar != nil {
		p.bar.Exit()
		p.bar.Clear()
		p.bar = nil
	}
}
