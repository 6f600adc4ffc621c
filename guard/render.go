package guard

import (
	"html"
	"slices"
	"strings"
	"unicode/utf8"

	"weir/datasets/plan"
)

// MIME types of what is released.
const (
	mimePlain = "text/plain"
	mimeHTML  = "text/html"
	mimeSVG   = "image/svg+xml"
	mimePNG   = "image/png" // in base64
)

// render is the table as text and as HTML.
func (p *protected) render(title string) map[string]string {
	p = p.laidOut()
	return map[string]string{mimePlain: p.text(title), mimeHTML: p.html(title)}
}

// laidOut is the table as people read it: a crosstab with one key across, a first
// table and a description with a line for each number.
func (p *protected) laidOut() *protected {
	switch p.layout {
	case "Crosstab":
		return p.pivoted()
	case "Table1", "Describe":
		return p.transposed()
	}
	return p
}

// pivoted has the first key's labels down and the second's across.
func (p *protected) pivoted() *protected {
	out := &protected{keys: []string{p.keys[0] + " / " + p.keys[1]}, notes: p.notes}
	at := map[string]int{}
	for _, r := range p.rows {
		if !slices.Contains(out.columns, r.labels[1]) {
			out.columns = append(out.columns, r.labels[1])
		}
	}
	for _, r := range p.rows {
		i, ok := at[r.labels[0]]
		if !ok {
			i = len(out.rows)
			at[r.labels[0]] = i
			out.rows = append(out.rows, row{[]string{r.labels[0]}, make([]plan.Cell, len(out.columns))})
		}
		out.rows[i].cells[slices.Index(out.columns, r.labels[1])] = r.cells[0]
	}
	return out
}

// transposed has a line for each number and a column for each group.
func (p *protected) transposed() *protected {
	out := &protected{keys: []string{""}, notes: p.notes}
	for _, r := range p.rows {
		label := strings.Join(r.labels, ", ")
		if len(r.labels) == 0 {
			label = "all"
		}
		out.columns = append(out.columns, label)
	}
	for c, name := range p.columns {
		line := row{labels: []string{name}}
		for _, r := range p.rows {
			line.cells = append(line.cells, r.cells[c])
		}
		out.rows = append(out.rows, line)
	}
	return out
}

func (p *protected) header() []string { return append(p.keys[:len(p.keys):len(p.keys)], p.columns...) }

func (r row) texts() []string {
	out := r.labels[:len(r.labels):len(r.labels)]
	for _, c := range r.cells {
		out = append(out, c.Text)
	}
	return out
}

// text is the table in aligned columns: labels to the left, numbers to the right.
func (p *protected) text(title string) string {
	lines := [][]string{p.header()}
	for _, r := range p.rows {
		lines = append(lines, r.texts())
	}
	width := make([]int, len(lines[0]))
	for _, l := range lines {
		for i, s := range l {
			width[i] = max(width[i], utf8.RuneCountInString(s))
		}
	}
	var b strings.Builder
	b.WriteString(title + "\n")
	for _, l := range lines {
		var out strings.Builder
		for i, s := range l {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(s))
			if i < len(p.keys) {
				out.WriteString(s + pad)
			} else {
				out.WriteString(pad + s)
			}
			out.WriteString("  ")
		}
		b.WriteString(strings.TrimRight(out.String(), " ") + "\n")
	}
	for _, n := range p.notes {
		b.WriteString(n + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// html is the table for JupyterLab, which styles it. Every text in it may come
// from an analyst's names or the vocabulary, so all are escaped.
func (p *protected) html(title string) string {
	var b strings.Builder
	b.WriteString("<table>\n<caption>" + html.EscapeString(title) + "</caption>\n<thead><tr>")
	for i, s := range p.header() {
		b.WriteString(`<th scope="col"` + p.align(i) + ">" + html.EscapeString(s) + "</th>")
	}
	b.WriteString("</tr></thead>\n<tbody>\n")
	for _, r := range p.rows {
		b.WriteString("<tr>")
		for i, s := range r.labels {
			open, end := `<th scope="row"`, "</th>"
			if len(p.columns) == 0 && i > 0 { // a description: only the first text is a label
				open, end = "<td", "</td>"
			}
			b.WriteString(open + p.align(i) + ">" + html.EscapeString(s) + end)
		}
		for _, c := range r.cells {
			text := html.EscapeString(c.Text)
			if c.Hidden {
				text = "<em>" + text + "</em>"
			}
			b.WriteString("<td>" + text + "</td>")
		}
		b.WriteString("</tr>\n")
	}
	b.WriteString("</tbody>\n</table>\n")
	for _, n := range p.notes {
		b.WriteString("<p><small>" + html.EscapeString(n) + "</small></p>\n")
	}
	return b.String()
}

// align puts labels to the left; JupyterLab has numbers on the right.
func (p *protected) align(column int) string {
	if column < len(p.keys) {
		return ` style="text-align:left"`
	}
	return ""
}

// Card releases the description of the repository. participants is their number.
func (g *Guard) Card(n *plan.Node, participants int64) (Release, error) {
	s := g.schema
	p := &protected{keys: []string{"table", "fields"}}
	for _, t := range s.Tables {
		var fields []string
		for _, f := range t.Fields {
			fields = append(fields, f.Name)
		}
		p.rows = append(p.rows, row{labels: []string{t.Name, strings.Join(fields, ", ")}})
	}
	count := "participants: " + marker
	if g.limits.Safe(participants) {
		count = thousands(participants) + " participants"
	}
	title := strings.Join([]string{s.Name, "version " + s.CDR, string(s.Tier) + " tier", "data until " + s.CutOff, count}, " · ")
	return g.record("release", n, map[string]any{"card": title}, &released{title: s.Name, mime: p.render(title)})
}

// Refuse releases a card that says what is not released, by which rule, and what
// to do instead.
func (g *Guard) Refuse(n *plan.Node, why *plan.Refusal) (Release, error) {
	p := &protected{keys: []string{"column", "type", "definition"}}
	for _, c := range n.Columns() {
		p.rows = append(p.rows, row{labels: []string{c.Name(), strings.ToLower(string(c.Kind())), c.String()}})
	}
	head := "Refused: " + why.Reason + "."
	text := head + "\nRule: " + why.Rule + ".\nInstead: " + why.Way + "."
	page := "<p><strong>" + html.EscapeString(head) + "</strong></p>\n<dl><dt>Rule</dt><dd>" + html.EscapeString(why.Rule) +
		"</dd><dt>Instead</dt><dd>" + html.EscapeString(why.Way) + "</dd></dl>\n"
	if len(p.rows) > 0 {
		text += "\n\n" + p.text("What the frame holds")
		page += p.html("What the frame holds")
	}
	r := &released{title: why.Reason, mime: map[string]string{mimePlain: text, mimeHTML: page}, result: &plan.Result{Refused: why}}
	return g.record("refusal", n, why, r)
}

// RowLevel is the refusal of rows of participants.
func RowLevel() *plan.Refusal {
	return &plan.Refusal{
		Rule:   "participant-level data does not leave the workbench (Data User Code of Conduct)",
		Reason: "rows of participants are not released",
		Way:    "describe them: .By(…).Summarise(…) or .Count()",
	}
}
