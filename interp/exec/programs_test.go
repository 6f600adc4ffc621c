package exec_test

import (
	"fmt"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// leastPrograms is how many programs of our own there are at least.
const leastPrograms = 200

// packages are what the programs use, by the names that they use.
var packages = map[string]string{
	"rand": "math/rand/v2", "heap": "container/heap", "list": "container/list", "ring": "container/ring", "json": "encoding/json",
	"csv": "encoding/csv", "hex": "encoding/hex", "base64": "encoding/base64", "fnv": "hash/fnv", "crc32": "hash/crc32",
	"big": "math/big", "bits": "math/bits", "cmplx": "math/cmplx", "tabwriter": "text/tabwriter", "utf8": "unicode/utf8",
	"bufio": "bufio", "bytes": "bytes", "cmp": "cmp", "errors": "errors", "fmt": "fmt", "io": "io", "iter": "iter", "maps": "maps",
	"math": "math", "regexp": "regexp", "slices": "slices", "sort": "sort", "strconv": "strconv", "strings": "strings",
	"sync": "sync", "time": "time", "unicode": "unicode",
}

// asProgram makes a whole program of declarations and statements.
func asProgram(decls, stmts string) string {
	var b strings.Builder
	b.WriteString("package main\n\n")
	for name, path := range packages {
		if regexp.MustCompile(`\b` + name + `\.[A-Z]`).MatchString(decls + "\n" + stmts) {
			fmt.Fprintf(&b, "import %s %q\n", name, path)
		}
	}
	return b.String() + "\n" + decls + "\nfunc main() {\n" + stmts + "\n}\n"
}

// parts is each file as a whole program and as a cell.
func parts(archive *txtar.Archive) (programs, cells map[string]string) {
	programs, cells = map[string]string{}, map[string]string{}
	for _, f := range archive.Files {
		decls, stmts, _ := strings.Cut("\n"+string(f.Data), "\n---\n")
		programs[f.Name], cells[f.Name] = asProgram(decls, stmts), decls+"\n"+stmts
	}
	return programs, cells
}

// TestPrograms runs each program as a cell, and as what the real compiler makes of it.
func TestPrograms(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/programs.txtar")
	if err != nil {
		t.Fatal(err)
	}
	if len(archive.Files) < leastPrograms {
		t.Errorf("%d programs; there were %d", len(archive.Files), leastPrograms)
	}
	programs, cells := parts(archive)
	for name, want := range compiled(t, programs) {
		difference, refusal := disagreement(cells[name], want)
		if refusal != nil {
			t.Errorf("%s is refused: %v", name, refusal)
		}
		if difference != "" {
			t.Errorf("%s: %s", name, difference)
		}
	}
}
