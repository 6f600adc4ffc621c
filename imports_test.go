package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// policy says what each package may import of the module; what is not listed may
// import nothing of it. A path ending in /... stands for the package and those below it.
var policy = map[string][]string{
	"weir": {"weir/..."},

	"weir/datasets":           {"weir/datasets/plan"},
	"weir/datasets/plan":      {},
	"weir/datasets/access":    {"weir/datasets/plan"},
	"weir/datasets/tally":     {"weir/datasets/plan"},
	"weir/datasets/store":     {"weir/datasets/plan"},
	"weir/datasets/engine":    {"weir/datasets/plan", "weir/datasets/store", "weir/datasets/tally"},
	"weir/datasets/curate":    {"weir/datasets/plan", "weir/datasets/store"},
	"weir/guard":              {"weir/guard/...", "weir/datasets/plan", "weir/datasets/tally"},
	"weir/guard/rules":        {"weir/datasets/plan", "weir/datasets/tally"},
	"weir/guard/audit":        {},
	"weir/guard/certificate":  {},
	"weir/guard/completion":   {"weir/guard/certificate"},
	"weir/guard/chart":        {"weir/datasets/plan"},
	"weir/guard/ledger":       {},
	"weir/guard/review":       {"weir/guard/ledger"},
	"weir/interp":             {"weir/interp/...", "weir/datasets/plan"},
	"weir/interp/cell":        {"weir/datasets", "weir/datasets/plan"},
	"weir/interp/exec":        {"weir/interp/cell"},
	"weir/interp/speaker":     {"weir/interp/...", "weir/datasets", "weir/datasets/plan"},
	"weir/interp/confine":     {},
	"weir/kernel":             {},
	"weir/kernel/vault":       {},
	"weir/notebooks":          {"weir/notebooks/nbformat"},
	"weir/notebooks/nbformat": {},
	"weir/notebooks/verify":   {"weir/notebooks/nbformat"},
	"weir/notebooks/judge":    {"weir/notebooks/nbformat", "weir/notebooks/release", "weir/notebooks/verify"},
	"weir/notebooks/release":  {"weir/notebooks/nbformat", "weir/notebooks/verify"},
	"weir/install":            {},
}

// outside keeps a dependency to the packages that are there for it: everything
// else stays free of it.
var outside = map[string][]string{
	"github.com/traefik/yaegi":  {"weir/interp/gen"},
	"github.com/apache/arrow":   {"weir/datasets/store", "weir/datasets/curate"},
	"github.com/go-zeromq/zmq4": {"weir/kernel"},
	"golang.org/x/image":        {"weir/guard/chart"},
	"golang.org/x/mod":          {"weir/guard/ledger"},
	"net":                       {"weir/guard/review", "weir/install", "weir/kernel", "weir/kernel/vault"},
	"net/http":                  {"weir/guard/review", "weir/install", "weir/kernel/vault"},
	"os/exec":                   {"weir/interp", "weir/interp/gen", "weir/kernel/vault"},
	"unsafe":                    {"weir/datasets/store", "weir/interp/confine"},
	"plugin":                    {},

	"github.com/microcosm-cc/bluemonday": {"weir/guard"},
	"github.com/yuin/goldmark":           {"weir/guard"},
}

// TestImports holds every file of the module, tests apart, to the policy.
func TestImports(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "bin" || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
			checkImports(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func checkImports(t *testing.T, path string) {
	f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	pkg := "weir"
	if dir := filepath.ToSlash(filepath.Dir(path)); dir != "." {
		pkg += "/" + dir
	}
	for _, s := range f.Imports {
		imported, _ := strconv.Unquote(s.Path.Value)
		if imported == "weir" || strings.HasPrefix(imported, "weir/") {
			if !allowed(imported, policyOf(pkg)) {
				t.Errorf("%s: %s may not import %s", path, pkg, imported)
			}
			continue
		}
		for dep, users := range outside {
			if (imported == dep || strings.HasPrefix(imported, dep+"/") && strings.Contains(dep, ".")) && !allowed(pkg, users) {
				t.Errorf("%s: %s may not import %s", path, pkg, imported)
			}
		}
	}
}

// policyOf: a package below a listed one that is not itself listed has its parent's.
func policyOf(pkg string) []string {
	for p := pkg; p != "."; p = filepath.ToSlash(filepath.Dir(p)) {
		if list, ok := policy[p]; ok && (p == pkg || p != "weir") {
			return list
		}
	}
	return nil
}

func allowed(path string, list []string) bool {
	for _, p := range list {
		if below, ok := strings.CutSuffix(p, "/..."); ok && (path == below || strings.HasPrefix(path, below+"/")) || path == p {
			return true
		}
	}
	return false
}
