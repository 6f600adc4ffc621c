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
	if _, err := exec.LookPath("go"); err != nil {
		missing(t, "a Go toolchain")
	}
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
	write(t, filepath.Join(dir, "go.mod"), "module peer\n\ngo 1.26\n")
	write(t, filepath.Join(dir, "main.go"), "package main\n\nimport (\n\t\"fmt\"\n"+imports.String()+")\n\nfunc main() {\n"+calls.String()+"}\n")
	build := exec.Command("go", "build", "-gcflags=-N -l", "-ldflags=-s -w", "-o", "peer", ".") // unoptimised, it compiles sooner
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false", "GOWORK=off")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the programs do not compile: %v\n%.4000s", err, out)
	}
	out, err := exec.Command(filepath.Join(dir, "peer")).Output()
	if err != nil {
		t.Fatalf("the programs do not run: %v\n%.2000s", err, out)
	}
	results := map[string]string{}
	r := strings.NewReplacer(replace...)
	for _, part := range strings.Split(string(out), mark)[1:] {
		name, text, _ := strings.Cut(part, "\n")
		results[name] = r.Replace(text)
	}
	return results
}

// together is what the real compiler makes programs print that share a prelude.
func together(t testing.TB, prelude string, programs map[string]string) map[string]string {
	t.Helper()
	var all, calls strings.Builder
	all.WriteString(prelude)
	for i, name := range slices.Sorted(maps.Keys(programs)) {
		fmt.Fprintf(&calls, "\tfmt.Print(%q)\n\tmain%d()\n", mark+name+"\n", i)
		all.WriteString(strings.Replace(programs[name], "func main() {", fmt.Sprintf("func main%d() {", i), 1))
	}
	all.WriteString("\nfunc main() {\n" + calls.String() + "}\n")
	return compiled(t, map[string]string{"all": all.String()})
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
