package nbformat

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

func TestMalformedNotebooks(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/malformed.txtar")
	if err != nil {
		t.Fatal(err)
	}
	files := archive.Files
	for ; len(files) >= 2; files = files[2:] {
		notebook, want := files[0], files[1]
		if want.Name != notebook.Name+".error" {
			t.Fatalf("%s is followed by %s", notebook.Name, want.Name)
		}
		_, err := Parse("nb", notebook.Data)
		if err == nil || err.Error()+"\n" != string(want.Data) {
			t.Errorf("%s: %v", notebook.Name, err)
		}
	}
}

func TestMalformedBytes(t *testing.T) {
	good := `{"cells": [], "metadata": {"a": "b"}, "nbformat": 4, "nbformat_minor": 5}`
	deep := strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1)
	for name, test := range map[string][2]string{
		"a byte order mark": {"\ufeff" + good, "byte order mark"},
		"Latin 1":           {strings.Replace(good, "b", "\xe9", 1), "line 1 is not UTF-8"},
		"deep nesting":      {strings.Replace(good, `"b"`, deep, 1), "nested"},
		"a NUL":             {good + "\x00", "goes on"},
	} {
		_, err := Parse("nb", []byte(test[0]))
		if err == nil || !strings.Contains(err.Error(), test[1]) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Parse("nb", []byte(good)); err != nil {
		t.Error(err)
	}
}

// odd holds what Jupyter does not know, and what a careless writer would change.
const odd = `{
 "cells": [
  {
   "attachments": {
    "a.png": {
     "image/png": "iVBORw0K"
    }
   },
   "cell_type": "markdown",
   "future": [
    1.0,
    1e400,
    -0
   ],
   "id": "a",
   "metadata": {
    "big": 123456789012345678901234567890
   },
   "source": []
  },
  {
   "cell_type": "code",
   "execution_count": 3,
   "id": "b",
   "metadata": {},
   "outputs": [
    {
     "data": {
      "application/json": null,
      "application/vnd.vegalite.v5+json": {
       "a": [],
       "b": {},
       "e": 1E5
      },
      "text/html": [
       "<b>&amp;</b>\n",
       "é\u0001\u001b"
      ]
     },
     "future": true,
     "metadata": {
      "weir": {
       "class": "release"
      }
     },
     "output_type": "display_data",
     "transient": {}
    }
   ],
   "source": [
    "a\r\n",
    "b\r",
    "c😀"
   ]
  }
 ],
 "future": "kept",
 "metadata": {},
 "nbformat": 4,
 "nbformat_minor": 5
}
`

func TestUnknownMembersAreKept(t *testing.T) {
	n, err := Parse("odd", []byte(odd))
	if err != nil {
		t.Fatal(err)
	}
	got, err := n.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != odd {
		t.Errorf("written as\n%s", got)
	}
	if text := n.Cells[1].Outputs[0].Data["application/vnd.vegalite.v5+json"]; text != `{"a":[],"b":{},"e":1E5}` {
		t.Errorf("the chart's text is %s", text)
	}
}

func TestTransientMembersAreDropped(t *testing.T) {
	n, err := Parse("nb", []byte(`{"nbformat": 4, "nbformat_minor": 5, "metadata": {"orig_nbformat": 3, "orig_nbformat_minor": 0, "signature": "x", "keep": 1},
		"cells": [{"cell_type": "raw", "id": "a", "metadata": {"trusted": true, "keep": 1}, "source": ""}]}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(n.Metadata) != 1 || len(n.Cells[0].Metadata) != 1 {
		t.Errorf("kept %v and %v", n.Metadata, n.Cells[0].Metadata)
	}
}

func TestOldCellsGetTheSameIDEveryTime(t *testing.T) {
	old := []byte(`{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": [
		{"cell_type": "raw", "metadata": {}, "source": "x"},
		{"cell_type": "raw", "id": "mine", "metadata": {}, "source": "x"},
		{"cell_type": "raw", "id": "mine", "metadata": {}, "source": "x"},
		{"cell_type": "raw", "metadata": {}, "source": "x"}]}`)
	var written [2][]byte
	for i := range written {
		n, err := Parse("nb", old)
		if err != nil {
			t.Fatal(err)
		}
		if n.Cells[1].ID != "mine" {
			t.Errorf("the second cell has the id %q", n.Cells[1].ID)
		}
		n.Insert(0, "x")
		written[i], err = n.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Parse("nb", written[i]); err != nil || len(again.Cells) != 5 {
			t.Error(err)
		}
	}
	if !bytes.Equal(written[0], written[1]) {
		t.Error("two readings differ")
	}
}

func TestEncodeRefusesWhatIsNoJSON(t *testing.T) {
	cell := func(o *Output) *Notebook {
		return &Notebook{Cells: []*Cell{{Type: Code, ID: "a", Outputs: []*Output{o}}}}
	}
	for name, n := range map[string]*Notebook{
		"a chart":   cell(&Output{Type: DisplayData, Data: map[string]string{"application/json": "{"}}),
		"metadata":  cell(&Output{Type: DisplayData, Metadata: map[string]any{"f": func() {}}}),
		"an output": cell(&Output{Type: "update_display_data"}),
	} {
		if b, err := n.Encode(); err == nil {
			t.Errorf("%s was written: %s", name, b)
		}
	}
}

func TestSave(t *testing.T) {
	n := &Notebook{}
	dir := t.TempDir()
	path, link := filepath.Join(dir, "out.ipynb"), filepath.Join(dir, "link.ipynb")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := n.Save(link); err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(path)
	if err != nil || info.Mode() != 0o600 || info.Size() == 0 {
		t.Errorf("%v, %v", info, err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Error("the link was replaced")
	}
	for _, bad := range []string{dir, "/dev/null", dir + "/missing/out.ipynb"} {
		if err := n.Save(bad); err == nil {
			t.Errorf("saved as %s", bad)
		}
	}
	if names, _ := os.ReadDir(dir); len(names) != 2 {
		t.Errorf("left behind: %v", names)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(odd))
	archive, err := txtar.ParseFile("testdata/malformed.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archive.Files {
		f.Add(file.Data)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := Parse("nb", b)
		if err != nil {
			return
		}
		once, err := n.Encode()
		if err != nil {
			t.Fatalf("read, but not written: %v", err)
		}
		n, err = Parse("nb", once)
		if err != nil {
			t.Fatalf("written, but not read: %v\n%s", err, once)
		}
		if twice, err := n.Encode(); err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("written as\n%s\nthen as\n%s\n%v", once, twice, err)
		}
	})
}
