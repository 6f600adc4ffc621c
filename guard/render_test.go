package guard

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/rivo/uniseg"

	"weir/datasets/plan"
)

func shownCell(text string) plan.Cell { return plan.Cell{Text: text} }

var hiddenCell, noneCell = plan.Cell{Hidden: true, Text: marker}, plan.Cell{None: true, Text: none}

// odd is a table whose names and labels are as odd as an analyst's or a vocabulary's may be.
func odd() *protected {
	return &protected{
		keys:    []string{"a | b", "=key", "age\nband"},
		columns: []string{"participants", "+mean $x$ and $y$", "<script>alert(1)</script>"},
		rows: []row{
			{[]string{"日本語", "=1+1", "<18"}, []plan.Cell{shownCell("12,345"), shownCell("-0.5"), hiddenCell}},
			{[]string{"日本語", "=1+1", "65+"}, []plan.Cell{hiddenCell, hiddenCell, noneCell}},
			{[]string{"日本語", "-2", "65+"}, []plan.Cell{shownCell("0"), noneCell, shownCell("40.0%")}},
			{[]string{`"quoted", \*[x](y)`, "-2", "65+"}, []plan.Cell{shownCell("21"), shownCell("7"), shownCell("0.0%")}},
			{[]string{"e\u0301te\u0301 \u202egnp.exe\x1b[31m", "\u200d", "a\rb"}, []plan.Cell{shownCell("22"), shownCell("8"), shownCell("1.0%")}},
			{[]string{plan.Total, plan.Total, plan.Total}, []plan.Cell{shownCell("99,999"), shownCell("9"), hiddenCell}},
		},
		notes: []string{"a note & its *sign*"},
	}
}

// TestText: columns are aligned as a terminal counts, outer labels stand once.
func TestText(t *testing.T) {
	text := odd().render("title")["text/plain"]
	lines := strings.Split(text, "\n")
	if len(lines) != 9 {
		t.Fatalf("%d lines:\n%s", len(lines), text)
	}
	width := uniseg.StringWidth(lines[1])
	for _, l := range lines[1:8] {
		if uniseg.StringWidth(l) != width {
			t.Errorf("%q is %d columns wide, not %d", l, uniseg.StringWidth(l), width)
		}
	}
	if strings.Count(text, "日本語") != 1 || strings.Count(text, "=1+1") != 1 || strings.Count(text, "-2") != 2 {
		t.Errorf("labels are repeated, or lost:\n%s", text)
	}
	if strings.ContainsAny(text, "\x1b\r\u202e") {
		t.Errorf("%q drives the terminal", text)
	}
}

// TestRepresentations reads every form with others' readers: each says the same.
func TestRepresentations(t *testing.T) {
	for name, p := range map[string]*protected{
		"three keys": odd(),
		"crosstab": {layout: "Crosstab", keys: []string{"race", "sex"}, columns: []string{"participants"}, rows: []row{
			{[]string{"A", "F"}, []plan.Cell{shownCell("100")}}, {[]string{"A", "M"}, []plan.Cell{hiddenCell}},
			{[]string{"B", "F"}, []plan.Cell{shownCell("0")}}, {[]string{"B", "M"}, []plan.Cell{shownCell("30")}},
		}},
		"first table": {layout: "Table1", keys: []string{"sex"}, columns: []string{"participants", "age, mean"}, rows: []row{
			{[]string{"F"}, []plan.Cell{shownCell("1,100"), shownCell("50.1")}}, {[]string{"M"}, []plan.Cell{hiddenCell, hiddenCell}},
		}},
		"no keys": {columns: []string{"participants"}, rows: []row{{nil, []plan.Cell{shownCell("1,000")}}}},
	} {
		t.Run(name, func(t *testing.T) {
			mime := p.render("a title with $1$ and <b>markup</b>")
			var read struct {
				CSV      [][]string `json:"text/csv"`
				Markdown [][]string `json:"text/markdown"`
				HTML     [][]string `json:"text/html"`
				Headers  [][]string `json:"headers"`
				Tags     []string   `json:"tags"`
			}
			outsider(t, mime, &read)
			s := p.sheet("")
			head := 1
			if s.across != "" {
				head = 2
			}
			want := [][]string{s.header()}
			for _, r := range s.rows {
				want = append(want, r.texts())
			}
			if !reflect.DeepEqual(trimmed(read.HTML[head-1:]), trimmed(want)) {
				t.Errorf("HTML has\n%q\nwant\n%q", read.HTML, want)
			}
			want[0] = s.corner()
			if !reflect.DeepEqual(trimmed(read.Markdown), trimmed(want)) {
				t.Errorf("Markdown has\n%q\nwant\n%q", read.Markdown, want)
			}
			if !reflect.DeepEqual(read.CSV, wantCSV(s)) {
				t.Errorf("CSV has\n%q\nwant\n%q", read.CSV, wantCSV(s))
			}
			checkHeaders(t, s, read.Headers)
			for _, tag := range read.Tags {
				if !slices.Contains([]string{"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "em", "p", "small", "strong"}, tag) {
					t.Errorf("a text became the tag %s", tag)
				}
			}
			wellFormed(t, mime["text/html"])
		})
	}
}

func outsider(t *testing.T, mime map[string]string, into any) {
	t.Helper()
	python := os.Getenv("WEIR_PYTHON")
	if python == "" {
		if os.Getenv("WEIR_REQUIRE_ALL") != "" {
			t.Fatal("Python with Jupyter ($WEIR_PYTHON) is not here")
		}
		t.Skip("Python with Jupyter ($WEIR_PYTHON) is not here")
	}
	in, err := json.Marshal(mime)
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(python, "../notebooks/outsiders/read_tables.py")
	c.Stdin, c.Stderr = strings.NewReader(string(in)), os.Stderr
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatal(err)
	}
}

// trimmed is rows as pages show them: white space at the ends of a cell is lost.
func trimmed(rows [][]string) [][]string {
	var out [][]string
	for _, r := range rows {
		var l []string
		for _, s := range r {
			l = append(l, strings.TrimSpace(s))
		}
		out = append(out, l)
	}
	return out
}

func wantCSV(s *sheet) [][]string {
	out := [][]string{s.corner()}
	for _, r := range s.rows {
		out = append(out, r.texts())
	}
	for i, r := range out {
		for j, text := range r {
			switch {
			case i > 0 && j >= len(s.keys) && text == none:
				out[i][j] = ""
			case i > 0 && j >= len(s.keys):
				out[i][j] = strings.ReplaceAll(text, ",", "")
			case text != "" && strings.Contains("=+-@", text[:1]):
				out[i][j] = "'" + text
			}
		}
	}
	return out
}

// checkHeaders: every number names its column and all its labels, also those that
// stand in a row above.
func checkHeaders(t *testing.T, s *sheet, got [][]string) {
	t.Helper()
	if s.across == "" && len(s.keys) < 2 {
		return
	}
	var want [][]string
	for _, r := range s.rows {
		for c := range r.cells {
			var ids []string
			if s.across != "" {
				ids = append(ids, s.across)
			}
			want = append(want, slices.Concat(ids, []string{s.columns[c]}, r.labels))
		}
	}
	if !reflect.DeepEqual(trimmed(got), trimmed(want)) {
		t.Errorf("the numbers' header cells are\n%q\nwant\n%q", got, want)
	}
}

// wellFormed: what is XML too has every tag closed and every attribute quoted.
func wellFormed(t *testing.T, page string) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(page))
	for {
		if _, err := d.Token(); err == io.EOF {
			return
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, page)
		}
	}
}

// TestFormulas: no field of the CSV but a number begins as a formula does.
func TestFormulas(t *testing.T) {
	for _, s := range []string{"=1+1", "+1", "-2", "@SUM(A1)", " =1", "\t=1", "＝1"} {
		if got := noFormulas([]string{s})[0]; got != "'"+s {
			t.Errorf("%q became %q", s, got)
		}
	}
	for _, s := range []string{"", "1-2", "<18", "a=b"} {
		if got := noFormulas([]string{s})[0]; got != s {
			t.Errorf("%q became %q", s, got)
		}
	}
}

// TestHiddenExplained: a hidden cell says why, to those who see and to those who hear.
func TestHiddenExplained(t *testing.T) {
	page := odd().render("title")["text/html"]
	if n := strings.Count(page, `title="`+whyHidden+`"><em>hidden</em></td>`); n != 4 {
		t.Errorf("%d of 4 hidden cells are explained:\n%s", n, page)
	}
}
