package guard

import (
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"html"
	"slices"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"

	"weir/datasets/plan"
)

// MIME types of what is released.
const (
	mimePlain    = "text/plain"
	mimeHTML     = "text/html"
	mimeMarkdown = "text/markdown"
	mimeCSV      = "text/csv"
	mimeSVG      = "image/svg+xml"
	mimePNG      = "image/png" // in base64
	mimeVega     = "application/vnd.vegalite.v5+json"
)

// render is the table in the forms that people read, copy and open elsewhere.
func (p *protected) render(title string) map[string]string {
	s := p.sheet(title)
	return map[string]string{mimePlain: s.text(), mimeHTML: s.html(), mimeMarkdown: s.markdown(), mimeCSV: s.csv()}
}

// sheet is a table as it is laid out. Its names and labels may be an analyst's or
// the data's: none has a line break or a sign that changes what stands beside it.
type sheet struct {
	title   string
	keys    []string // above the labels
	across  string   // above the columns, where they are labels of a key too
	columns []string
	rows    []row
	notes   []string
}

// sheet lays the table out: a crosstab with one key across, a first table and a
// description with a line for each number.
func (p *protected) sheet(title string) *sheet {
	s := &sheet{keys: p.keys, columns: p.columns, rows: p.rows}
	switch p.layout {
	case "Crosstab":
		s = p.pivoted()
	case "Table1", "Describe":
		s = p.transposed()
	}
	return s.cleaned(title, p.notes)
}

// pivoted has the first key's labels down and the second's across.
func (p *protected) pivoted() *sheet {
	out := &sheet{keys: p.keys[:1], across: p.keys[1]}
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
func (p *protected) transposed() *sheet {
	out := &sheet{keys: []string{""}, across: strings.Join(p.keys, ", ")}
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

func (s *sheet) cleaned(title string, notes []string) *sheet {
	out := &sheet{title: printable(title), keys: allPrintable(s.keys), across: printable(s.across), columns: allPrintable(s.columns), notes: allPrintable(notes)}
	for _, r := range s.rows {
		out.rows = append(out.rows, row{allPrintable(r.labels), r.cells})
	}
	return out
}

func allPrintable(texts []string) []string {
	out := make([]string, len(texts))
	for i, s := range texts {
		out[i] = printable(s)
	}
	return out
}

// printable puts U+FFFD for characters that would break a line, drive a terminal or
// reverse the text around them (Unicode Technical Report 36, 2.5). The joiners of
// scripts and emoji stay.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\u200c' || r == '\u200d' || !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) {
			return r
		}
		return unicode.ReplacementChar
	}, s)
}

// header is the line above the columns.
func (s *sheet) header() []string { return slices.Concat(s.keys, s.columns) }

// corner is the header where one line has to do.
func (s *sheet) corner() []string {
	out := s.header()
	switch {
	case s.across != "" && out[0] != "":
		out[0] += " / " + s.across
	case s.across != "":
		out[0] = s.across
	}
	return out
}

func (r row) texts() []string {
	out := r.labels[:len(r.labels):len(r.labels)]
	for _, c := range r.cells {
		out = append(out, c.Text)
	}
	return out
}

// repeats is how many of a row's outer labels are those of the row before. The last label is always said.
func (s *sheet) repeats(i int) int {
	k := 0
	for i > 0 && k < len(s.keys)-1 && len(s.columns) > 0 && s.rows[i].labels[k] == s.rows[i-1].labels[k] {
		k++
	}
	return k
}

// text is the table in aligned columns: labels to the left, each outer one once,
// numbers to the right. Widths are those of a terminal (Unicode Standard Annex 11).
func (s *sheet) text() string {
	var lines [][]string
	if s.across != "" {
		over := make([]string, len(s.keys)+len(s.columns))
		over[len(s.keys)] = s.across
		lines = append(lines, over)
	}
	lines = append(lines, s.header())
	for i, r := range s.rows {
		l := slices.Clone(r.texts())
		clear(l[:s.repeats(i)])
		lines = append(lines, l)
	}
	var b strings.Builder
	b.WriteString(s.title + "\n")
	align(&b, lines, len(s.keys), s.across != "")
	for _, n := range s.notes {
		b.WriteString(n + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// align writes lines in columns, the first ones to the left. The first line may
// run over the columns behind its one text.
func align(b *strings.Builder, lines [][]string, left int, over bool) {
	width := make([]int, len(lines[0]))
	for n, l := range lines {
		for i, s := range l {
			if n > 0 || !over {
				width[i] = max(width[i], uniseg.StringWidth(s))
			}
		}
	}
	for n, l := range lines {
		var out strings.Builder
		for i, s := range l {
			pad := strings.Repeat(" ", max(0, width[i]-uniseg.StringWidth(s)))
			if i < left || n == 0 && over {
				s, pad = pad, s
			}
			out.WriteString(pad + s + "  ")
		}
		b.WriteString(strings.TrimRight(out.String(), " ") + "\n")
	}
}

// whyHidden explains a hidden cell to who points at it or hears it read out.
const whyHidden = "Hidden to protect participants: it stands for few of them, or a number that does would follow from it."

// html is the table for JupyterLab, which styles it: no colours and no fonts, so
// that it reads in every theme, and only what JupyterLab's sanitizer keeps.
func (s *sheet) html() string {
	h := htmlTable{sheet: s}
	if s.across != "" || len(s.keys) > 1 && len(s.columns) > 0 {
		sum := sha256.Sum256([]byte(s.text()))
		h.id = "t" + hex.EncodeToString(sum[:4]) + "-"
	}
	h.WriteString("<div class=\"tex2jax_ignore mathjax_ignore\">\n<table>\n<caption" + captionStyle(s.title) + ">" + html.EscapeString(s.title) + "</caption>\n")
	h.head()
	for i := 0; i < len(s.rows); {
		end := i + 1
		for end < len(s.rows) && s.repeats(end) > 0 {
			end++
		}
		h.body(i, end)
		i = end
	}
	h.WriteString("</table>\n")
	for _, n := range s.notes {
		h.WriteString("<p><small>" + html.EscapeString(n) + "</small></p>\n")
	}
	h.WriteString("</div>\n")
	return h.String()
}

// htmlTable writes a sheet. With several header cells to a number, each number
// names its own by their ids (HTML Living Standard, 4.9.12.1).
type htmlTable struct {
	strings.Builder
	*sheet
	id string // begins the ids of header cells; "" where scope says enough
}

const toTheLeft = ` style="text-align:left;vertical-align:top"`

// labelStyle keeps a short label on one line, and one that spans rows free of the
// stripes of its first row.
func labelStyle(label string, rows int) string {
	style := "text-align:left;vertical-align:top"
	if uniseg.StringWidth(label) <= 20 {
		style += ";white-space:nowrap"
	}
	if rows > 1 {
		style += ";background:var(--jp-layout-color0,inherit)"
	}
	return ` style="` + style + `"`
}

// captionStyle has a caption begin where its table does, which may be narrower.
func captionStyle(title string) string {
	if uniseg.StringWidth(title) <= 40 {
		return ` style="text-align:left;white-space:nowrap"`
	}
	return ` style="text-align:left"`
}

func (h *htmlTable) th(text, scope, id, more string) {
	if h.id != "" {
		id = ` id="` + h.id + id + `"`
	} else {
		id = ""
	}
	h.WriteString(`<th scope="` + scope + `"` + id + more + ">" + html.EscapeString(text) + "</th>")
}

func (h *htmlTable) head() {
	h.WriteString("<thead><tr>")
	down := ""
	if h.across != "" {
		down = ` rowspan="2"`
	}
	for i, k := range h.keys {
		h.th(k, "col", fmt.Sprintf("k%d", i), down+toTheLeft)
	}
	if h.across != "" {
		h.th(h.across, "colgroup", "over", fmt.Sprintf(` colspan="%d"`, len(h.columns))+toTheLeft)
		h.WriteString("</tr>\n<tr>")
	}
	for i, c := range h.columns {
		h.th(c, "col", fmt.Sprintf("c%d", i), "")
	}
	h.WriteString("</tr></thead>\n")
}

// body writes the rows from one to another that share their first label.
func (h *htmlTable) body(from, to int) {
	if from == 0 || len(h.keys) > 1 {
		h.WriteString("<tbody>\n")
	}
	for i := from; i < to; i++ {
		h.WriteString("<tr>")
		h.labels(i, to)
		for c, cell := range h.rows[i].cells {
			h.number(i, c, cell)
		}
		h.WriteString("</tr>\n")
	}
	if to == len(h.rows) || len(h.keys) > 1 {
		h.WriteString("</tbody>\n")
	}
}

// labels writes a row's labels; an outer one spans the rows that share it.
func (h *htmlTable) labels(i, to int) {
	for k, label := range h.rows[i].labels {
		if k > 0 && len(h.columns) == 0 { // a description: only the first text is a label
			h.WriteString("<td" + toTheLeft + ">" + html.EscapeString(label) + "</td>")
			continue
		}
		if k < h.repeats(i) {
			continue
		}
		rows := 1
		for i+rows < to && h.repeats(i+rows) > k {
			rows++
		}
		scope, more := "row", ""
		if rows > 1 {
			more = fmt.Sprintf(` rowspan="%d"`, rows)
			if k == 0 {
				scope = "rowgroup"
			}
		}
		h.th(label, scope, fmt.Sprintf("r%d-%d", i, k), more+labelStyle(label, rows))
	}
}

func (h *htmlTable) number(i, c int, cell plan.Cell) {
	h.WriteString("<td")
	if h.id != "" {
		h.WriteString(` headers="` + h.headersOf(i, c) + `"`)
	}
	text := html.EscapeString(cell.Text)
	if cell.Hidden {
		h.WriteString(` title="` + whyHidden + `"`)
		text = "<em>" + text + "</em>"
	}
	h.WriteString(">" + text + "</td>")
}

// headersOf is the ids of the header cells of a number.
func (h *htmlTable) headersOf(i, c int) string {
	var ids []string
	if h.across != "" {
		ids = append(ids, h.id+"over")
	}
	ids = append(ids, fmt.Sprintf("%sc%d", h.id, c))
	for k := range h.keys {
		at := i
		for h.repeats(at) > k {
			at--
		}
		ids = append(ids, fmt.Sprintf("%sr%d-%d", h.id, at, k))
	}
	return strings.Join(ids, " ")
}

// markdown is the table in GitHub Flavored Markdown, 4.10, each label in its row.
func (s *sheet) markdown() string {
	var b strings.Builder
	b.WriteString("**" + inMarkdown.Replace(s.title) + "**\n\n")
	line := func(cells []string) {
		b.WriteString("|")
		for _, c := range cells {
			b.WriteString(" " + inMarkdown.Replace(c) + " |")
		}
		b.WriteString("\n")
	}
	line(s.corner())
	b.WriteString("|" + strings.Repeat(" :-- |", len(s.keys)) + strings.Repeat(" --: |", len(s.columns)) + "\n")
	for _, r := range s.rows {
		line(r.texts())
	}
	for _, n := range s.notes {
		b.WriteString("\n" + inMarkdown.Replace(n) + "\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// inMarkdown takes their meaning from the signs of Markdown, of HTML and of TeX.
var inMarkdown = func() *strings.Replacer {
	var pairs []string
	for _, c := range "\\`*_[]<>|#~$&" {
		pairs = append(pairs, string(c), "\\"+string(c))
	}
	return strings.NewReplacer(pairs...)
}()

// csv is the table as RFC 4180 has it: one header line, each label in its row,
// counts without separators, nothing where there is nothing to compute from.
func (s *sheet) csv() string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	w.UseCRLF = true
	write := func(fields []string) {
		if err := w.Write(fields); err != nil {
			panic(err) // of a strings.Builder
		}
	}
	write(noFormulas(s.corner()))
	for _, r := range s.rows {
		l := noFormulas(r.labels)
		for _, c := range r.cells {
			if c.Text == none {
				c.Text = ""
			}
			l = append(l, strings.ReplaceAll(c.Text, ",", ""))
		}
		write(l)
	}
	w.Flush()
	return b.String()
}

// noFormulas puts an apostrophe before texts that a spreadsheet would compute
// (OWASP, CSV Injection).
func noFormulas(texts []string) []string {
	out := make([]string, len(texts))
	for i, s := range texts {
		if strings.ContainsRune("=+-@＝＋－＠", firstRune(s)) {
			s = "'" + s
		}
		out[i] = s
	}
	return out
}

// firstRune is what a text begins with, spaces apart; a quote where there is nothing.
func firstRune(s string) rune {
	for _, r := range strings.TrimSpace(s) {
		return r
	}
	return '"'
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
// to do instead; a refusal without a way gets one from the plan.
func (g *Guard) Refuse(n *plan.Node, why *plan.Refusal) (Release, error) {
	card := g.card(n, why)
	return g.record("refusal", n, card.result.Refused, card)
}

// RowLevel is the refusal of rows of participants.
func RowLevel() *plan.Refusal {
	return &plan.Refusal{
		Rule:   "participant-level data does not leave the workbench (Data User Code of Conduct)",
		Reason: "rows of participants are not released",
	}
}
