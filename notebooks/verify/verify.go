package verify

import (
	"errors"
	"fmt"
	"io"
	"maps"

	"weir/notebooks/nbformat"
)

// Ledger answers for what was recorded.
type Ledger interface {
	// Recorded returns the hashes of the representations that the entry
	// recorded, and false when there is no entry of that number and hash.
	Recorded(seq int64, entry string) (mime map[string]string, ok bool)
	// Shown returns the showings of an entry, in the order in which they were.
	Shown(seq int64, entry string) []Showing
}

// Showing says that a cell displayed a release.
type Showing struct {
	Session string
	Cell    int    // execution_count
	Code    string // SHA-256 of the cell's source
}

// Finding is an output that is not what was released.
type Finding struct {
	Cell   int    `json:"cell"`   // counted from 1; 0 for the file as a whole
	Output int    `json:"output"` // counted from 1; 0 for the cell or file
	Fault  Fault  `json:"fault"`
	What   string `json:"what"`
}

func (f Finding) String() string {
	switch {
	case f.Cell == 0:
		return fmt.Sprintf("%s: %s", f.Fault, f.What)
	case f.Output == 0:
		return fmt.Sprintf("cell %d: %s: %s", f.Cell, f.Fault, f.What)
	}
	return fmt.Sprintf("cell %d, output %d: %s: %s", f.Cell, f.Output, f.Fault, f.What)
}

// Part is an output that was verified.
type Part struct {
	Cell, Output int // counted from 1
	Title        string
	Statement    Statement
	Out          *nbformat.Output
}

// Report is what was found.
type Report struct {
	Parts    []Part
	Texts    int       // outputs that are a cell's own text, which nothing proves
	Changed  []int     // cells whose source is not the one that was run
	Findings []Finding // empty: the notebook is as it was released
}

// Notebook checks every data output against its seal and the ledger.
func Notebook(n *nbformat.Notebook, seals Seals, l Ledger) *Report {
	r := new(Report)
	for i, c := range n.Cells {
		v := checker{r, seals, l, map[string]int{}}
		for j, o := range c.Outputs {
			v.output(i+1, j+1, c, o)
		}
	}
	return r
}

// File reads and checks a notebook. Of a file that is none the report says why.
func File(name string, content []byte, seals Seals, l Ledger) (*nbformat.Notebook, *Report) {
	n, err := nbformat.Parse(name, content)
	var m *nbformat.Malformed
	switch {
	case errors.As(err, &m):
		return nil, &Report{Findings: []Finding{{Cell: m.Cell, Fault: Malformed, What: m.What}}}
	case err != nil:
		return nil, &Report{Findings: []Finding{{Fault: Malformed, What: "it cannot be read as a notebook"}}}
	}
	return n, Notebook(n, seals, l)
}

// checker checks the outputs of one cell.
type checker struct {
	report *Report
	seals  Seals
	ledger Ledger
	times  map[string]int // how often an entry stands in the cell
}

func (v checker) output(cell, output int, c *nbformat.Cell, o *nbformat.Output) {
	if !isData(o) {
		v.report.Texts++
		return
	}
	s, text, err := Bundle(v.seals, o.Data, o.Metadata)
	if text {
		v.report.Texts++
		return
	}
	if err == nil && len(o.Unknown()) > 0 {
		err = &fault{Edited, "it has members that no signature covers"}
	}
	if err == nil {
		err = v.recorded(s, c)
	}
	if err != nil {
		v.report.Findings = append(v.report.Findings, Finding{cell, output, kindOf(err), err.Error()})
		return
	}
	v.report.Parts = append(v.report.Parts, Part{cell, output, sealOf(o.Metadata).Title, *s, o})
}

// recorded holds a genuine statement against the ledger.
func (v checker) recorded(s *Statement, c *nbformat.Cell) error {
	mime, ok := v.ledger.Recorded(s.Seq, s.Entry)
	if !ok {
		return &fault{Unrecorded, fmt.Sprintf("entry %d of the ledger is not this release", s.Seq)}
	}
	if !maps.Equal(mime, s.MIME) {
		return &fault{Edited, fmt.Sprintf("entry %d of the ledger recorded other representations", s.Seq)}
	}
	return v.shown(s, c)
}

// shown says whether the ledger has the release shown by this cell as often as it
// stands there. A cell whose count is gone can only be recognised by its source.
func (v checker) shown(s *Statement, c *nbformat.Cell) error {
	here, changed, elsewhere := 0, false, 0
	code := HashOf([]byte(c.Source))
	for _, at := range v.ledger.Shown(s.Seq, s.Entry) {
		switch {
		case at.Session != s.Session:
		case c.Count != nil && at.Cell == *c.Count, c.Count == nil && at.Code == code:
			here++
			changed = changed || at.Code != code
		default:
			elsewhere = at.Cell
		}
	}
	v.times[s.Entry]++
	switch {
	case here == 0 && elsewhere > 0:
		return &fault{Swapped, fmt.Sprintf("it was shown by the cell that ran as [%d]", elsewhere)}
	case here == 0:
		return &fault{Swapped, "the ledger does not say that it was shown"}
	case v.times[s.Entry] > here:
		return &fault{Repeated, "it stands there more often than it was shown"}
	}
	if n := len(v.report.Changed); changed && (n == 0 || v.report.Changed[n-1] != v.cell(c)) {
		v.report.Changed = append(v.report.Changed, v.cell(c))
	}
	return nil
}

// cell is the count of a cell whose source was changed.
func (checker) cell(c *nbformat.Cell) int {
	if c.Count == nil {
		return 0
	}
	return *c.Count
}

// Write prints the report for people.
func (r *Report) Write(w io.Writer) error {
	for _, p := range r.Parts {
		if _, err := fmt.Fprintf(w, "cell %d, output %d: verified: %s %s, ledger entry %d\n", p.Cell, p.Output, p.Statement.Class, quoted(p.Title), p.Statement.Seq); err != nil {
			return err
		}
	}
	for _, f := range r.Findings {
		if _, err := fmt.Fprintln(w, f); err != nil {
			return err
		}
	}
	for _, c := range r.Changed {
		if _, err := fmt.Fprintf(w, "note: the cell that ran as [%d] was changed since\n", c); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "verified: %d, not as released: %d, cells' own texts, which nothing proves: %d\n", len(r.Parts), len(r.Findings), r.Texts)
	return err
}

// Summary is a report as JSON holds it.
type Summary struct {
	Verified []Listed  `json:"verified"`
	Findings []Finding `json:"findings"`
	Texts    int       `json:"texts"`
}

// Listed is a verified output in a Summary.
type Listed struct {
	Cell   int    `json:"cell"`
	Output int    `json:"output"`
	Class  string `json:"class"`
	Title  string `json:"title"`
	Seq    int64  `json:"seq"`
}

// Summary is the report without the outputs.
func (r *Report) Summary() Summary {
	s := Summary{Verified: []Listed{}, Findings: append([]Finding{}, r.Findings...), Texts: r.Texts}
	for _, p := range r.Parts {
		s.Verified = append(s.Verified, Listed{p.Cell, p.Output, p.Statement.Class, p.Title, p.Statement.Seq})
	}
	return s
}

func quoted(title string) string { return fmt.Sprintf("%q", title) }
