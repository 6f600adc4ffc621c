package nbformat

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// outsider runs testdata/outsider.py, which knows Jupyter's nbformat.
func outsider(t *testing.T, args ...string) string {
	t.Helper()
	python := os.Getenv("WEIR_PYTHON")
	if python == "" && os.Getenv("WEIR_REQUIRE_ALL") != "" {
		t.Fatal("WEIR_PYTHON names no Python with nbformat")
	}
	if python == "" {
		t.Skip("WEIR_PYTHON names no Python with nbformat")
	}
	cmd := exec.Command(python, append([]string{"testdata/outsider.py"}, args...)...)
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("outsider.py %v: %v\n%s", args, err, &complaints)
	}
	return string(out)
}

func glob(t *testing.T, pattern string, atLeast int) []string {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) < atLeast {
		t.Fatalf("%s: %d files, %v", pattern, len(paths), err)
	}
	return paths
}

func TestWritesTheBytesThatJupyterWrites(t *testing.T) {
	dir := t.TempDir()
	outsider(t, "write", dir)
	for _, path := range glob(t, dir+"/*.ipynb", 6) {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		n, err := Parse(path, want)
		if err != nil {
			t.Error(err)
			continue
		}
		if got, err := n.Encode(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: Jupyter wrote\n%q\nand we (%v)\n%q", path, want, err, got)
		}
	}
}

func TestJupyterReadsTheSameNotebook(t *testing.T) {
	dir := t.TempDir()
	outsider(t, "write", dir)
	found := glob(t, dir+"/*.found", 6)
	for _, path := range found {
		n, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := n.Save(strings.TrimSuffix(path, ".found") + ".ours"); err != nil {
			t.Fatal(err)
		}
	}
	if agreed := strings.Fields(outsider(t, "compare", dir)); len(agreed) != len(found) {
		t.Errorf("Jupyter compared %d notebooks of %d", len(agreed), len(found))
	}
}
