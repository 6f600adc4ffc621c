package cell

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"slices"
	"strings"
	"sync"

	"weir/datasets/plan"
)

// docs is the doc comments of what cells may use, by path and name: "fmt.Println",
// "strings.Builder.Len". std/docs.json.gz has the library's.
var docs = sync.OnceValue(func() map[string]string {
	out := map[string]string{}
	if b, err := std.ReadFile("std/docs.json.gz"); err == nil {
		if z, err := gzip.NewReader(bytes.NewReader(b)); err == nil {
			_ = json.NewDecoder(z).Decode(&out) // what cannot be read is not shown
		}
	}
	dir := plan.Source[vocabularyPath]
	names, _ := fs.Glob(dir, "*.go")
	for _, name := range names {
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err == nil {
			noteDocs(out, vocabularyPath, f)
		}
	}
	return out
})

func noteDocs(out map[string]string, path string, f *ast.File) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			name := d.Name.Name
			if d.Recv != nil && len(d.Recv.List) > 0 {
				name = receiver(d.Recv.List[0].Type) + "." + name
			}
			out[path+"."+name] = strings.TrimSpace(d.Doc.Text())
		case *ast.GenDecl:
			for _, s := range d.Specs {
				doc := d.Doc.Text()
				switch s := s.(type) {
				case *ast.TypeSpec:
					if s.Doc != nil {
						doc = s.Doc.Text()
					}
				case *ast.ValueSpec:
					if s.Doc != nil {
						doc = s.Doc.Text()
					}
				}
				for _, id := range specNames(s) {
					out[path+"."+id.Name] = strings.TrimSpace(doc)
				}
			}
		}
	}
}

// docAbove is the comment on the lines above the line of a number, from 1.
func docAbove(lines []string, line int) string {
	var out []string
	for i := line - 2; i >= 0 && i < len(lines); i-- {
		text, ok := strings.CutPrefix(strings.TrimSpace(lines[i]), "//")
		if !ok {
			break
		}
		out = append(out, strings.TrimPrefix(text, " "))
	}
	slices.Reverse(out)
	return strings.Join(out, "\n")
}
