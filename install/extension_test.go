package install

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The committed bundle is the one that the source gives: it names the source's
// hash, and with LONG set the compiler makes the same bytes again.
func TestExtensionIsBuiltFromItsSource(t *testing.T) {
	source, err := os.ReadFile("extension/src/weir.ts")
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := os.ReadFile("extension/static/remoteEntry.js")
	if err != nil {
		t.Fatal(err)
	}
	if first, _, _ := bytes.Cut(bundle, []byte("\n")); string(first) != "// weir.ts "+strings.TrimPrefix(digest(source), "sha256:") {
		t.Error("extension/static/remoteEntry.js is not of this source: make extension")
	}
	if len(bundle) > 32<<10 {
		t.Errorf("the bundle has %d bytes", len(bundle))
	}
	if _, err := exec.LookPath("npm"); err != nil || os.Getenv("LONG") == "" {
		t.Skip("npm is not here, or LONG is not set")
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("extension")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"install", "--no-package-lock", "--no-audit", "--no-fund"}, {"run", "build"}} {
		c := exec.Command("npm", args...)
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Fatalf("npm %v: %v\n%s", args, err, out)
		}
	}
	again, err := os.ReadFile(filepath.Join(dir, "static/remoteEntry.js"))
	if err != nil || !bytes.Equal(again, bundle) {
		t.Errorf("the compiler makes another bundle (%v)", err)
	}
}
