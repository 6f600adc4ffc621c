package release

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"weir/notebooks/nbformat"
	"weir/notebooks/verify"
)

// Acknowledgement is the statement of the Publication and Presentation Policy.
const Acknowledgement = "We gratefully acknowledge All of Us participants for their contributions, without whom this research would not have been possible. " +
	"We also thank the National Institutes of Health’s All of Us Research Program for making available the participant data [and/or samples and/or cohort] examined in this study."

// Notice is the reminder of the same policy.
const Notice = "Inform the program of publications and presentations that result from these data at least two weeks before their date."

// Options say what to build.
type Options struct {
	Format string // Required. One of Formats.
	Cell   int    // Only this cell, counted from 1. Default: all of them.
	Output int    // Only this output of Cell, counted from 1. Default: all of them.
}

// builders are the formats and what builds them.
var builders = map[string]func(document) ([]byte, error){
	".ipynb": document.notebook, ".html": document.html, ".md": document.markdown, ".csv": document.csv, ".png": document.png,
}

// Formats are the endings of what can be built.
func Formats() []string { return []string{".ipynb", ".html", ".md", ".csv", ".png"} }

// FormatOf is the format of a file by its name.
func FormatOf(file string) (string, error) {
	ext := strings.ToLower(filepath.Ext(file))
	if !slices.Contains(Formats(), ext) {
		return "", fmt.Errorf("%s: the name of what is released ends in one of %s", file, strings.Join(Formats(), ", "))
	}
	return ext, nil
}

// Artefact is what was built.
type Artefact struct {
	Content []byte
	Entries []int64 // the ledger's entries of the outputs in it
	Version string  // of their policy
	LeftOut int     // outputs that are not in it though their cells are
}

// Build builds from the parts of report, which is of n.
func Build(n *nbformat.Notebook, report *verify.Report, o Options) (*Artefact, error) {
	build, ok := builders[o.Format]
	if !ok {
		return nil, fmt.Errorf("no such format: %q", o.Format)
	}
	d := newDocument(n, report, o)
	if len(d.entries) == 0 {
		return nil, errors.New("there is no verified output to release; run the notebook, and see what weir verify says of it")
	}
	content, err := build(d)
	if err != nil {
		return nil, err
	}
	return &Artefact{content, d.entries, d.version, d.leftOut}, nil
}

// document is what a builder writes.
type document struct {
	cells    []part
	entries  []int64
	policies []string // "built-in 1 (sha256 4f0c…)"
	version  string
	leftOut  int
}

// part is a cell with those of its outputs that were verified.
type part struct {
	kind, source string
	count        *int
	outputs      []*nbformat.Output
	leftOut      int
}

func newDocument(n *nbformat.Notebook, report *verify.Report, o Options) document {
	var d document
	for i, c := range n.Cells {
		if o.Cell != 0 && o.Cell != i+1 {
			continue
		}
		p := part{kind: c.Type, source: c.Source, count: c.Count}
		for _, v := range report.Parts {
			if v.Cell == i+1 && (o.Output == 0 || o.Output == v.Output) {
				p.outputs = append(p.outputs, v.Out)
				d.about(v.Statement)
			}
		}
		if o.Output == 0 {
			p.leftOut = len(c.Outputs) - len(p.outputs)
		}
		d.leftOut += p.leftOut
		d.cells = append(d.cells, p)
	}
	return d
}

func (d *document) about(s verify.Statement) {
	d.entries = append(d.entries, s.Seq)
	d.version = s.Version
	text := fmt.Sprintf("%s (SHA-256 %s), %s tier of %s %s", s.Version, s.Policy, s.Tier, s.Repository, s.CDR)
	if !slices.Contains(d.policies, text) {
		d.policies = append(d.policies, text)
	}
}

// note is one line that every artefact carries.
type note struct{ name, text string }

func (d document) notes() []note {
	return []note{
		{"Acknowledgement", Acknowledgement},
		{"Policy", strings.Join(d.policies, "; ")},
		{"Notice", Notice},
	}
}

// leftOutText stands where outputs were left out.
func leftOutText(n int) string {
	if n == 1 {
		return "One output of this cell is left out: only verified results are released."
	}
	return fmt.Sprintf("%d outputs of this cell are left out: only verified results are released.", n)
}
