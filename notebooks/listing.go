package notebooks

import (
	"cmp"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"weir/notebooks/nbformat"
)

// The classes of an output that are listed.
const (
	Release = "release"
	Refusal = "refusal"
)

// Listed is one output that was released or refused.
type Listed struct {
	Cell  int
	Class string
	Title string
}

func listing(n *nbformat.Notebook) []Listed {
	var list []Listed
	for i, c := range n.Cells {
		for _, o := range c.Outputs {
			about, _ := o.Metadata["weir"].(map[string]any)
			class, _ := about["class"].(string)
			if class == Release || class == Refusal {
				title, _ := about["title"].(string)
				list = append(list, Listed{Cell: i + 1, Class: class, Title: title})
			}
		}
	}
	return list
}

// WriteSummary prints a table of what was released and refused.
func (r *Result) WriteSummary(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(r.Outputs) > 0 {
		fmt.Fprintln(t, "cell\tkind\ttitle")
	}
	for _, o := range r.Outputs {
		fmt.Fprintf(t, "%d\t%s\t%s\n", o.Cell, o.Class, cmp.Or(printable(o.Title), "(untitled)"))
	}
	fmt.Fprintf(t, "cells run: %d, released: %d, refused: %d\n", r.Ran, r.Released(), r.Refused())
	return t.Flush()
}

// printable keeps what a notebook says from steering a terminal.
func printable(s string) string {
	blank := func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}
	return strings.Join(strings.Fields(strings.Map(blank, s)), " ")
}
