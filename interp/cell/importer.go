package cell

import (
	"bytes"
	"compress/gzip"
	"embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"io/fs"
	"strings"
	"sync"

	"golang.org/x/tools/go/gcexportdata"

	_ "weir/datasets" // registers its source
	"weir/datasets/plan"
)

//go:embed std/*.gz std/*.txt
var std embed.FS

// vocabularyPath is the import path of the package that cells know as ds.
const vocabularyPath = "weir/datasets"

// allowed is what allowed.txt says: the packages, and why a symbol is denied.
var allowed = sync.OnceValue(func() map[string]map[string]string {
	text, err := std.ReadFile("std/allowed.txt")
	if err != nil {
		panic(err)
	}
	out := map[string]map[string]string{vocabularyPath: {}}
	last := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "", line[0] == '#':
		case line[0] == '-':
			names, why, _ := strings.Cut(line[1:], ": ")
			for _, n := range strings.Fields(names) {
				out[last][n] = why
			}
		default:
			last, out[line] = line, map[string]string{}
		}
	}
	return out
})

// packageOf is the import path that a package's usual name stands for.
var packageOf = sync.OnceValue(func() map[string]string {
	out := map[string]string{"ds": vocabularyPath}
	for path := range allowed() {
		name := path[strings.LastIndex(path, "/")+1:]
		if name == "v2" {
			name = "rand"
		}
		if path != vocabularyPath {
			out[name] = path
		}
	}
	return out
})

// importer finds the types of allowed packages.
type importer struct {
	fset   *token.FileSet
	loaded map[string]*types.Package // whole or, where only mentioned by another, in part
	whole  map[string]bool
}

func newImporter(fset *token.FileSet) *importer {
	im := &importer{fset, map[string]*types.Package{"unsafe": types.Unsafe}, map[string]bool{"unsafe": true}}
	// Export data of other packages mention iter: it must be the one with source.
	if _, err := im.load("iter"); err != nil {
		panic(err)
	}
	return im
}

// Import implements types.Importer.
func (im *importer) Import(path string) (*types.Package, error) {
	if _, ok := allowed()[path]; !ok {
		return nil, notAllowed(path)
	}
	if im.whole[path] {
		return im.loaded[path], nil
	}
	return im.load(path)
}

func (im *importer) load(path string) (p *types.Package, err error) {
	if FromSource(path) {
		p, err = im.generic(path)
	} else if path == vocabularyPath || strings.HasPrefix(path, vocabularyPath+"/") {
		p, err = im.source(path)
	} else {
		p, err = im.exportData(path)
	}
	if err == nil {
		im.loaded[path], im.whole[path] = p, true
	}
	return p, err
}

func (im *importer) exportData(path string) (*types.Package, error) {
	b, err := std.ReadFile("std/" + strings.ReplaceAll(path, "/", "_") + ".export.gz")
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	return gcexportdata.Read(bytes.NewReader(data), im.fset, im.loaded, path)
}

// source checks the vocabulary's declarations from its embedded source; the
// bodies of its functions do not matter here.
func (im *importer) source(path string) (*types.Package, error) {
	dir := plan.Source[path]
	names, err := fs.Glob(dir, "*.go")
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		f, err := parser.ParseFile(im.fset, path+"/"+name, text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	conf := types.Config{
		Importer:         sourceImporter{im},
		IgnoreFuncBodies: true,
		Error:            func(error) {}, // packages that are no cell's business stay unknown
	}
	p, _ := conf.Check(path, im.fset, files, nil)
	return p, nil
}

// sourceImporter gives the vocabulary's own imports: packages that no cell may
// import become empty ones.
type sourceImporter struct{ im *importer }

func (s sourceImporter) Import(path string) (*types.Package, error) {
	if s.im.whole[path] {
		return s.im.loaded[path], nil
	}
	if _, ok := allowed()[path]; ok || strings.HasPrefix(path, vocabularyPath+"/") {
		return s.im.load(path)
	}
	return types.NewPackage(path, path[strings.LastIndex(path, "/")+1:]), nil
}

// instead names what serves in place of packages that people reach for.
var instead = map[string]string{
	"os":            "a cell reads and writes no files: the data is in ds.Open",
	"os/exec":       "a cell starts no programs",
	"net/http":      "a cell has no network",
	"net":           "a cell has no network",
	"unsafe":        "write it in plain Go",
	"reflect":       "write it with generics or a type switch",
	"log":           "print with fmt.Println",
	"io/ioutil":     "a cell reads and writes no files",
	"math/rand":     `import "math/rand/v2"`,
	"runtime":       "a cell does not see the process it runs in",
	"syscall":       "a cell makes no system calls",
	"text/template": "format with fmt.Sprintf",
	"html/template": "format with fmt.Sprintf",
	"path/filepath": "a cell reads and writes no files",
	"C":             "cgo is not available; write it in Go",
	"embed":         "a cell reads no files",
}

func notAllowed(path string) error {
	if why := instead[path]; why != "" {
		return fmt.Errorf("%q is not available in a cell: %s", path, why)
	}
	if p := packageOf()[path[strings.LastIndex(path, "/")+1:]]; p != "" && p != path {
		return fmt.Errorf("%q is not available in a cell: import %q", path, p)
	}
	return fmt.Errorf("%q is not available in a cell; packages of the standard library that compute are", path)
}
