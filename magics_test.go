package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"weir/kernel"
)

// told keeps what a magic did.
type told struct {
	pages   []string
	cleared int
}

func (*told) Stream(string, string)         {}
func (*told) Display(kernel.Data, string)   {}
func (*told) Update(kernel.Data, string)    {}
func (*told) Result(kernel.Data)            {}
func (*told) Progress(string, int64, int64) {}
func (v *told) Clear(bool)                  { v.cleared++ }
func (v *told) Page(d kernel.Data)          { v.pages = append(v.pages, d.MIME()["text/plain"]) }

func TestMagics(t *testing.T) {
	for _, code := range []string{"x := 1", "a % b", "x\n%help", "%help\nx", "", "if a { b }"} {
		if asks(code) {
			t.Errorf("%q is taken for one", code)
		}
	}
	for _, test := range []struct{ code, failed, page string }{
		{"%help", "", "%clear"},
		{" ? ", "", "name?"},
		{"%clear\n", "", ""},
		{"%time", "UsageError", ""},
		{"%cler", "UnknownMagic", ""},
	} {
		if !asks(test.code) {
			t.Errorf("%q is not taken for one", test.code)
		}
		var v told
		o := new(session).help(context.Background(), test.code, &v)
		page := strings.Join(v.pages, "")
		if o.Name != test.failed || o.Failed != (test.failed != "") || !strings.Contains(page, test.page) || (page == "") != (test.page == "") {
			t.Errorf("%q: %+v, page %q", test.code, o, page)
		}
		if strings.TrimSpace(test.code) == "%clear" != (v.cleared == 1) {
			t.Errorf("%q cleared %d times", test.code, v.cleared)
		}
	}
}

// What is timed is the cell without the magic, each character where it stood.
func TestTimed(t *testing.T) {
	for code, want := range map[string]string{
		"%time x":          "      x",
		" %time\nx\ny":     "      \nx\ny",
		"%time\tx":         "     \tx",
		"%time":            "",
		"%time \n":         "",
		"%timeit x":        "",
		"x %time y":        "",
		"fmt.Print(`%time": "",
	} {
		got, ok := timed(code)
		if !ok {
			got = ""
		}
		if got != want {
			t.Errorf("%q is timed as %q, want %q", code, got, want)
		}
	}
}

// Each magic does what %help says of it, in a notebook.
func TestMagicsInANotebook(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out.ipynb")
	_, stderr, code := weir(t, filepath.Join(home(t), "data"), "run", "--allow-errors", notebook(t,
		"cdr, n := ds.Open(\"synthetic\"), 7",
		"%time cdr.Everyone().Count()",
		"cdr.Everyone().Frame(cdr.SexAtBirth()).Head(3)",
		"%who",
		"%policy",
		"ds.Display(n, cdr.Everyone().Count())\nds.Markdown(\"# Title <img src=x>\\n[link](http://elsewhere)\")",
		"%reset",
		"n",
	), "-o", out)
	outputs := outputsOf(t, out)
	if code != exitCell || len(outputs) != 9 {
		t.Fatalf("exit code %d, %d outputs: %s", code, len(outputs), stderr)
	}
	for i, want := range []string{"100,000", "", "Synthetic rows", "var n int", "1 to 20 participants", "7", "100,000", "# Title"} {
		if got := outputs[i].Data["text/plain"]; !strings.Contains(got, want) {
			t.Errorf("output %d is %q, without %q", i+1, got, want)
		}
	}
	if page := outputs[4].Data["text/html"]; !strings.Contains(page, "<strong>synthetic</strong>") || !strings.Contains(page, "<td>this session</td>\n<td>2</td>\n<td>1</td>") {
		t.Errorf("%%policy shows\n%s", page)
	}
	if page := outputs[7].Data["text/html"]; !strings.Contains(page, "<h1>Title </h1>") || strings.Contains(page, "<img") || strings.Contains(page, "href") {
		t.Errorf("Markdown shows\n%s", page)
	}
	if outputs[8].Type != "error" {
		t.Errorf("after %%reset n is still there: %+v", outputs[8])
	}
}
