//go:build ignore

// Command gen writes what the cell compiler and the speaker know of the standard
// library, from the toolchain that runs it and from allowed.txt:
//
//	../cell/std/allowed.txt      the list itself, for errors
//	../cell/std/NAME.export.gz   export data of each package, for go/types
//	../cell/std/docs.json.gz      doc comments
//	../cell/std/NAME.source.gz   source of each package of generic functions
//	../speaker/std/NAME.go       symbols of each package, for yaegi
//
// Run it with go generate ./interp after a change of allowed.txt or of the Go version.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"go/ast"
	"go/doc"
	"go/format"
	"go/parser"
	"go/token"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/traefik/yaegi/extract"
	"golang.org/x/tools/go/gcexportdata"
	"golang.org/x/tools/txtar"
)

func main() {
	log.SetFlags(0)
	list, err := os.ReadFile("gen/allowed.txt")
	check(err)
	check(os.WriteFile("cell/std/allowed.txt", list, 0o644))
	packages, denied := parse(string(list))
	exports := exportFiles(packages)
	for _, p := range packages {
		if fromSource[p] {
			check(os.WriteFile("cell/std/"+p+".source.gz", sourceData(p), 0o644))
			continue
		}
		name := strings.ReplaceAll(p, "/", "_")
		check(os.WriteFile("cell/std/"+name+".export.gz", exportData(exports[p]), 0o644))
		check(os.WriteFile("speaker/std/"+name+".go", symbols(p, "std", denied[p]), 0o644))
	}
	check(os.WriteFile("speaker/vocabulary_symbols.go", vocabulary(), 0o644))
	check(os.WriteFile("cell/std/docs.json.gz", docs(packages), 0o644))
}

// docs is the doc comments of exported names, by path and name.
func docs(packages []string) []byte {
	all := map[string]string{}
	for _, path := range packages {
		dir := goDir(path)
		names, err := filepath.Glob(filepath.Join(dir, "*.go"))
		check(err)
		var files []*ast.File
		fset := token.NewFileSet()
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(fset, name, nil, parser.ParseComments)
			check(err)
			if f.Name.Name != "main" && f.Name.Name != "ignore" {
				files = append(files, f)
			}
		}
		p, err := doc.NewFromFiles(fset, files, path)
		check(err)
		note := func(prefix string, funcs []*doc.Func) {
			for _, f := range funcs {
				all[path+"."+prefix+f.Name] = strings.TrimSpace(f.Doc)
			}
		}
		note("", p.Funcs)
		for _, t := range p.Types {
			all[path+"."+t.Name] = strings.TrimSpace(t.Doc)
			note("", t.Funcs)
			note(t.Name+".", t.Methods)
		}
		for _, v := range append(p.Vars, p.Consts...) {
			for _, name := range v.Names {
				all[path+"."+name] = strings.TrimSpace(v.Doc)
			}
		}
	}
	b, err := json.Marshal(all)
	check(err)
	return compressed(b)
}

func goDir(path string) string {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", path).Output()
	check(err)
	return strings.TrimSpace(string(out))
}

// fromSource are the packages of generic functions, which are run from their
// source (cell.FromSource). iter is written anew: the library's needs the runtime.
var fromSource = map[string]bool{"cmp": true, "iter": true, "maps": true, "slices": true}

// sourceData is the package's files as a txtar archive.
func sourceData(path string) []byte {
	dir := "gen/" + path
	if path != "iter" {
		dir = goDir(path)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	check(err)
	var a txtar.Archive
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		check(err)
		a.Files = append(a.Files, txtar.File{Name: filepath.Base(name), Data: text})
	}
	return compressed(txtar.Format(&a))
}

// parse reads the lines of allowed.txt.
func parse(list string) (packages []string, denied map[string][]string) {
	denied = map[string][]string{}
	for line := range strings.Lines(list) {
		line = strings.TrimSpace(line)
		switch {
		case line == "", line[0] == '#':
		case line[0] == '-':
			names, _, _ := strings.Cut(line[1:], ":")
			last := packages[len(packages)-1]
			denied[last] = append(denied[last], strings.Fields(names)...)
		default:
			packages = append(packages, line)
		}
	}
	return packages, denied
}

func exportFiles(packages []string) map[string]string {
	out, err := exec.Command("go", append([]string{"list", "-export", "-f", "{{.ImportPath}} {{.Export}}"}, packages...)...).Output()
	check(err)
	files := map[string]string{}
	for _, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
		path, file, _ := strings.Cut(line, " ")
		files[path] = file
	}
	return files
}

func exportData(file string) []byte {
	f, err := os.Open(file)
	check(err)
	defer f.Close()
	r, err := gcexportdata.NewReader(f)
	check(err)
	data, err := io.ReadAll(r)
	check(err)
	return compressed(data)
}

func compressed(data []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	check(err)
	_, err = z.Write(data)
	check(err)
	check(z.Close())
	return b.Bytes()
}

// vocabulary is the symbols of the package that cells know as ds.
func vocabulary() []byte {
	src := symbols("weir/datasets", "speaker", nil)
	return bytes.Replace(src, []byte("\tSymbols["), []byte("\tvocabulary["), 1)
}

func symbols(path, dest string, denied []string) []byte {
	e := extract.Extractor{Dest: dest}
	for _, name := range denied {
		e.Exclude = append(e.Exclude, "^"+name+"$")
	}
	var b bytes.Buffer
	_, err := e.Extract(path, "", &b)
	check(err)
	// The build tag of the Go version would leave the symbols out under a later one.
	var kept []string
	for line := range strings.Lines(b.String()) {
		if !strings.HasPrefix(line, "//go:build ") && !strings.HasPrefix(line, "// +build ") {
			kept = append(kept, line)
		}
	}
	src, err := format.Source([]byte(strings.Join(kept, "")))
	check(err)
	return src
}

func check(err error) {
	if err != nil {
		dir, _ := filepath.Abs(".")
		log.Fatalf("gen, in %s: %v", dir, err)
	}
}
