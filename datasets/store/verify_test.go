package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/datasets/plan"
)

// read is how many bytes this process has read by system calls, as the kernel
// counts them; mapped files are not part of it.
func read(t *testing.T) (n int64) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(text), "rchar: %d", &n); err != nil {
		t.Fatal(err)
	}
	return n
}

// large is a repository with a table that is worth remembering.
func large(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "r")
	b, err := Create(dir, Manifest{Name: "large", CDR: "1", Tier: plan.Controlled, CutOff: "2022-07-01", Source: "a test", Participants: Stride})
	if err != nil {
		t.Fatal(err)
	}
	w, err := b.Table("measurement", []Field{{Name: "participant", Type: Integer}, {Name: "value", Type: Integer}})
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]int32, rememberedBytes/8+1)
	if err := errors.Join(w.Write(rows, rows), w.Close(), b.Commit()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func openLarge(t *testing.T, dir string) (n int64, err error) {
	t.Helper()
	r, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	before := read(t)
	_, err = r.Table("measurement")
	return read(t) - before, err
}

// TestRemembered: a large file is read whole the first time, after a week, and
// whenever the file system says anything else of it; damage is found then even if
// size and modification time are the same.
func TestRemembered(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := large(t)
	path := filepath.Join(dir, "measurement.arrow")
	whole := func(when string, want bool) {
		t.Helper()
		n, err := openLarge(t, dir)
		if err != nil || (n >= rememberedBytes) != want {
			t.Errorf("%s: %d bytes are read, %v", when, n, err)
		}
	}
	whole("first", true)
	whole("again", false)
	all := recall()
	for p, s := range all {
		s.At = s.At.Add(-recheckAfter - time.Minute)
		all[p] = s
	}
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(memoryFile(), text, 0o600); err != nil {
		t.Fatal(err)
	}
	whole("after a week", true)
	whole("after that", false)
	if err := os.WriteFile(memoryFile(), []byte("{nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	whole("without a memory", true)

	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte{7}, rememberedBytes/2); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Close(), os.Chtimes(path, st.ModTime(), st.ModTime())); err != nil {
		t.Fatal(err)
	}
	var damaged *DamagedError
	if _, err := openLarge(t, dir); !errors.As(err, &damaged) || !strings.Contains(err.Error(), "SHA-256") {
		t.Errorf("a bit was turned: %v", err)
	}
}

// TestClear: what a killed process left is removed, what a living one writes is not.
func TestClear(t *testing.T) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "r")
	m := Manifest{Name: "r", CDR: "1", Tier: plan.Controlled, CutOff: "2022-07-01", Source: "a test"}
	left := filepath.Join(parent, ".r.building-1")
	if err := os.MkdirAll(filepath.Join(left, "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	first, err := Create(dir, m)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Error("what was left is still there")
	}
	second, err := Create(dir, m)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(first.Commit(), first.Abort()); err != nil {
		t.Error(err)
	}
	if err := second.Commit(); err == nil {
		t.Error("a repository was overwritten")
	}
	if err := second.Abort(); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(parent); len(entries) != 1 {
		t.Errorf("%v", entries)
	}
}
