package exec_test

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// mark stands between the outputs of programs.
const mark = "\x01program "

// compiled is what the real compiler makes programs print. Each program is a
// package of its own of one binary; name prefixes are taken out of the output, so
// that %T prints main.T as it does in a cell.
func compiled(t testing.TB, programs map[string]string) map[string]string {
	t.Helper()
	dir := t.TempDir()
	var imports, calls strings.Builder
	var replace []string
	for i, name := range slices.Sorted(maps.Keys(programs)) {
		pkg := fmt.Sprintf("zzprog%dzz", i)
		text := strings.Replace(programs[name], "package main\n", "package "+pkg+"\n", 1)
		text = strings.Replace(text, "\nfunc main() {", "\nfunc Main() {", 1)
		write(t, filepath.Join(dir, pkg, "p.go"), text)
		fmt.Fprintf(&imports, "\t\"peer/%s\"\n", pkg)
		fmt.Fprintf(&calls, "\tfmt.Print(%q)\n\t%s.Main()\n", mark+name+"\n", pkg)
		replace = append(replace, "peer/"+pkg+".", "main.", pkg+".", "main.")
	}
	write(t, filepath.Join(dir, "main.go"), "package main\n\nimport (\n\t\"fmt\"\n"+imports.String()+")\n\nfunc main() {\n"+calls.String()+"}\n")
	out := buildAndRun(t, dir)
	results := map[string]string{}
	r := strings.NewReplacer(replace...)
	for _, part := range strings.Split(out, mark)[1:] {
		name, text, _ := strings.Cut(part, "\n")
		results[name] = r.Replace(text)
	}
	return results
}

// together is what the real compiler makes bodies of functions print that share declarations.
func together(t testing.TB, decls string, bodies []string) []string {
	t.Helper()
	var all, calls strings.Builder
	all.WriteString(decls)
	for i, body := range bodies {
		fmt.Fprintf(&calls, "\tfmt.Print(%q)\n\tmain%d()\n", mark+"\n", i)
		fmt.Fprintf(&all, "\nfunc main%d() {\n%s}\n", i, body)
	}
	all.WriteString("\nfunc main() {\n" + calls.String() + "}\n")
	var results []string
	for _, part := range strings.Split(compileAndRun(t, all.String()), mark+"\n")[1:] {
		results = append(results, part)
	}
	if len(results) != len(bodies) {
		t.Fatalf("%d of %d programs printed", len(results), len(bodies))
	}
	return results
}

// compileAndRun is what a program of one file prints, compiled without the go
// command: that keeps what it compiles, megabytes for each batch, in its cache.
// Without inlining (-l) it takes two thirds of the time.
func compileAndRun(t testing.TB, text string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "main.go"), text)
	config := exportConfig(t)
	write(t, filepath.Join(dir, "packages"), config)
	env := append(os.Environ(), "GOGC=400", "GOMAXPROCS=1")
	for _, args := range [][]string{
		{"tool", "compile", "-p", "main", "-complete", "-l", "-dwarf=false", "-importcfg", "packages", "-o", "main.a", "main.go"},
		{"tool", "link", "-s", "-w", "-importcfg", "packages", "-o", "peer", "main.a"},
	} {
		c := exec.Command("go", args...)
		c.Dir, c.Env = dir, env
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("the programs do not compile: %v\n%.4000s", err, out)
		}
	}
	var trouble strings.Builder
	c := exec.Command(filepath.Join(dir, "peer"))
	c.Stderr = &trouble
	out, err := c.Output()
	if err != nil {
		t.Fatalf("the programs do not run: %v\n%.2000s", err, trouble.String())
	}
	return string(out)
}

// exportConfig tells the compiler where the library's packages are.
func exportConfig(t testing.TB) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		missing(t, "a Go toolchain")
	}
	c := exec.Command("go", append([]string{"list", "-export", "-deps", "-f", "{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}"},
		slices.Sorted(maps.Values(packages))...)...)
	c.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := c.Output()
	if err != nil {
		t.Fatalf("the library does not compile: %v", err)
	}
	return string(out)
}

// buildAndRun is what the program in dir prints.
func buildAndRun(t testing.TB, dir string) string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		missing(t, "a Go toolchain")
	}
	write(t, filepath.Join(dir, "go.mod"), "module peer\n\ngo 1.26\n")
	build := exec.Command("go", "build", "-gcflags=-dwarf=false", "-ldflags=-s -w", "-o", "peer", ".")
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the programs do not compile: %v\n%.4000s", err, out)
	}
	out, err := exec.Command(filepath.Join(dir, "peer")).Output()
	if err != nil {
		t.Fatalf("the programs do not run: %v\n%.2000s", err, out)
	}
	return string(out)
}

func write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
