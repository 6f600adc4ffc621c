package review

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"
)

// WriteList writes a line for each event.
func WriteList(w io.Writer, events []Event) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "entry\ttime (UTC)\tkind\tsession\thidden\twhat")
	for i := range events {
		v := &events[i]
		hidden := ""
		if n := v.Table.Hidden(); n > 0 {
			hidden = fmt.Sprint(n)
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\n", v.Seq, v.Time.Format(time.DateTime), v.Kind, printable(short(v.Session)), hidden, cut(printable(v.Summary())))
	}
	return t.Flush()
}

// lineLetters is how much of a summary stands in a line.
const lineLetters = 100

func cut(s string) string {
	if r := []rune(s); len(r) > lineLetters {
		return string(r[:lineLetters-1]) + "…"
	}
	return s
}

// printable keeps a terminal from taking a name or a label for a command.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\t' || r == '\n' {
			return ' '
		}
		if !unicode.IsPrint(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// lines keeps the line breaks.
func lines(s string) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	for i := range all {
		all[i] = printable(all[i])
	}
	return strings.Join(all, "\n")
}

// Write writes all of an event.
func (v *Event) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "entry %d · %s · %s UTC\n", v.Seq, v.Kind, v.Time.Format(time.DateTime))
	for _, f := range append(v.Fields(), Field{"hash", v.Hash}) {
		if value := lines(f.Value); strings.Contains(value, "\n") {
			fmt.Fprintf(&b, "%s\n    %s\n", f.Name, strings.ReplaceAll(value, "\n", "\n    "))
		} else {
			fmt.Fprintf(&b, "%-9s %s\n", f.Name, value)
		}
	}
	if v.Table != nil {
		b.WriteString("\n")
		v.Table.write(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t *Table) write(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(parts ...[]string) {
		var cells []string
		for _, p := range parts {
			for _, c := range p {
				cells = append(cells, printable(c))
			}
		}
		fmt.Fprintln(table, strings.Join(cells, "\t"))
	}
	row(t.Keys, t.Columns)
	for _, r := range t.Rows {
		row(r.Labels, r.Cells)
	}
	table.Flush()
}

// Field is a part of an event with its name.
type Field struct{ Name, Value string }

// Fields are the parts of an event but its table, in the order to read them in.
func (v *Event) Fields() (out []Field) {
	add := func(name, value string) {
		if value != "" {
			out = append(out, Field{name, value})
		}
	}
	number := func(name string, n int64) {
		if n != 0 {
			add(name, fmt.Sprint(n))
		}
	}
	if r := v.Refusal; r != nil {
		add("refused", r.Reason)
		add("rule", r.Rule)
		add("instead", r.Way)
		if v.Preview > 0 {
			add("below it", fmt.Sprintf("invented rows, drawn from the numbers of other outputs (%d)", v.Preview))
		}
	}
	if r := v.Request; r != nil {
		add("by", r.By)
		add("for", entriesOf(r.Outputs))
		add("reason", r.Reason)
	}
	if g := v.Grant; g != nil {
		number("request", g.Request)
		add("reviewer", g.Reviewer)
		add("signature", g.Signature)
	}
	if d := v.Denial; d != nil {
		add("attempt", d.Attempt)
		number("request", d.Request)
		add("reviewer", d.Reviewer)
		add("reason", d.Reason)
	}
	if f := v.Artefact; f != nil {
		add("file", f.Name)
		add("with", f.summary())
		number("outputs left out", int64(f.LeftOut))
		add("SHA-256", f.SHA256)
	}
	number("displays", v.Shown)
	if v.Excepts != nil {
		number("replaces", v.Excepts.Seq)
		number("request", v.OfRequest)
	}
	add("asked", v.Asked)
	number("withheld", int64(v.Identifiers))
	add("workspace", v.Workspace)
	add("purpose", v.Purpose)
	if v.Refusal == nil {
		add("title", v.Title)
	}
	add("chart", v.Chart)
	add("card", v.Card)
	add("plan", v.Plan)
	number("cell", int64(v.Cell))
	add("session", v.Session)
	add("user", v.User)
	add("data", strings.Trim(strings.Join([]string{v.Repository, v.CDR, v.Tier}, ", "), ", "))
	add("policy", strings.TrimSpace(v.Version+" "+v.Policy))
	add("text", v.Text)
	add("archive", v.Archive)
	number("torn", int64(v.Torn))
	return out
}
