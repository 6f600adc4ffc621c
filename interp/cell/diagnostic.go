package cell

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Diagnostic is one mistake, in the cell's own coordinates, counted from 1.
type Diagnostic struct {
	Line, Column int // Column counts bytes
	Message      string
}

// Errors is every mistake of a cell, in the order of the text.
type Errors struct {
	Cell        int
	Source      string
	Diagnostics []Diagnostic
}

// Error is the mistakes, one a line.
func (e *Errors) Error() string {
	var lines []string
	for _, d := range e.Diagnostics {
		lines = append(lines, fmt.Sprintf("cell[%d]:%d:%d: %s", e.Cell, d.Line, d.Column, d.Message))
	}
	return strings.Join(lines, "\n")
}

const (
	red   = "\x1b[31m"
	dim   = "\x1b[2m"
	plain = "\x1b[0m"
)

// maxShown is how many mistakes are shown, and told of text that is not Go; maxLine the bytes of a line of source that
// is shown with its mistakes: each shows it again.
const (
	maxShown = 100
	maxLine  = 1000
)

// Pretty is each mistake with its line of source and a caret below it, in ANSI colours.
func (e *Errors) Pretty() []string {
	var out []string
	source := strings.Split(e.Source, "\n")
	for i, d := range e.Diagnostics {
		if i == maxShown {
			return append(out, fmt.Sprintf("and %d mistakes more", len(e.Diagnostics)-i))
		}
		out = append(out, fmt.Sprintf("%scell[%d]:%d:%d:%s %s", red, e.Cell, d.Line, d.Column, plain, d.Message))
		if d.Line < 1 || d.Line > len(source) {
			continue
		}
		line := source[d.Line-1]
		if len(line) > maxLine {
			continue
		}
		out = append(out, fmt.Sprintf("%s%4d |%s %s", dim, d.Line, plain, line), "       "+caret(line, d.Column))
	}
	return out
}

// caret keeps the tabs of the line so that it stands below the column.
func caret(line string, column int) string {
	var b strings.Builder
	for i, r := range line {
		if i >= column-1 {
			break
		}
		if r != '\t' {
			r = ' '
		}
		b.WriteRune(r)
	}
	return b.String() + red + "^" + plain
}

func (e *Errors) add(line, column int, format string, args ...any) {
	e.Diagnostics = append(e.Diagnostics, Diagnostic{line, column, fmt.Sprintf(format, args...)})
}

// implicitly begins a mistake that is none of the cell's: fields of an earlier cell's
// struct can be given without names (keyLiterals).
const implicitly = "implicit assignment to unexported field"

// simplify leaves out that fields cannot be given without names where their number
// is wrong.
func (e *Errors) simplify() {
	for _, d := range e.Diagnostics {
		if strings.Contains(d.Message, "values in struct literal") {
			e.Diagnostics = slices.DeleteFunc(e.Diagnostics, func(d Diagnostic) bool { return strings.HasPrefix(d.Message, implicitly) })
			return
		}
	}
}

// sorted orders the mistakes and drops repetitions.
func (e *Errors) sorted() *Errors {
	slices.SortStableFunc(e.Diagnostics, func(a, b Diagnostic) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	e.Diagnostics = slices.Compact(e.Diagnostics)
	return e
}
