package main

import (
	"context"
	"strings"
	"testing"

	"weir/kernel"
)

// told keeps what a helper did.
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

func TestHelpers(t *testing.T) {
	for _, code := range []string{"x := 1", "a % b", "x\n%help", "%help\nx", "", "if a { b }"} {
		if asks(code) {
			t.Errorf("%q is taken for a helper", code)
		}
	}
	for _, test := range []struct{ code, failed, page string }{
		{"%help", "", "%clear"},
		{" ? ", "", "name?"},
		{"%clear\n", "", ""},
		{"%cler", "UnknownHelper", ""},
	} {
		if !asks(test.code) {
			t.Errorf("%q is not taken for a helper", test.code)
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
