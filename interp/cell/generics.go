package cell

import (
	"bytes"
	"compress/gzip"
	"go/ast"
	"go/parser"
	"go/types"
	"io"
	"strings"
	"sync"

	"golang.org/x/tools/txtar"
)

// Source is a package of the library that is run from its source, because its
// functions are generic: they do not exist in the binary.
type Source struct {
	Files []*ast.File
	Info  *types.Info
}

// fromSource are those packages. std/NAME.source.gz has the files of each.
var fromSource = map[string]bool{"cmp": true, "iter": true, "maps": true, "slices": true}

// FromSource says whether a package of the library is run from its source.
func FromSource(path string) bool { return fromSource[path] }

var sources struct {
	sync.Mutex
	of map[*types.Package]*Source
}

// SourceOf is the source of such a package, or nil.
func SourceOf(p *types.Package) *Source {
	sources.Lock()
	defer sources.Unlock()
	return sources.of[p]
}

// forget lets go of the sources that an importer has read, which are as large as
// what a notebook's cells make.
func (im *importer) forget() {
	sources.Lock()
	defer sources.Unlock()
	for _, p := range im.loaded {
		delete(sources.of, p)
	}
}

// generic checks such a package.
func (im *importer) generic(path string) (*types.Package, error) {
	archive, err := sourceText(path)
	if err != nil {
		return nil, err
	}
	src := &Source{Info: NewInfo()}
	for _, file := range archive.Files {
		f, err := parser.ParseFile(im.fset, path+"/"+file.Name, file.Data, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		src.Files = append(src.Files, f)
	}
	conf := types.Config{Importer: sourceImporter{im}, GoVersion: goVersion, Sizes: types.SizesFor("gc", "amd64")}
	p, err := conf.Check(path, im.fset, src.Files, src.Info)
	if err != nil {
		return nil, err
	}
	sources.Lock()
	defer sources.Unlock()
	if sources.of == nil {
		sources.of = map[*types.Package]*Source{}
	}
	sources.of[p] = src
	return p, nil
}

func sourceText(path string) (*txtar.Archive, error) {
	b, err := std.ReadFile("std/" + strings.ReplaceAll(path, "/", "_") + ".source.gz")
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(z)
	if err != nil {
		return nil, err
	}
	return txtar.Parse(text), nil
}
