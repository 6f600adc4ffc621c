package datasets

import "weir/datasets/plan"

// Markdown is text of your own that displays as Markdown, with tables:
//
//	ds.Markdown("## HbA1c by sex\nThe first table has **everyone**.")
//
// Links and pictures are words only, and HTML in it is left out: what a notebook shows
// leads nowhere. Formulas stay as they are written.
type Markdown string

// Show displays the text.
func (m Markdown) Show() { stop(plan.Tell(string(m))) }

// Display shows values in the middle of a cell, in the way that the last expression of
// a cell is shown.
func Display(values ...any) { stop(plan.Display(values)) }

// stop ends the statement with a mistake, at its line.
func stop(err error) {
	if err != nil {
		panic(err)
	}
}
