package ledger

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func write(t testing.TB, path string, n int) []byte {
	t.Helper()
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range n {
		if _, err := l.Append("release", map[string]any{"cell": i, "text": "<b>&\u2028"}); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func count(path string) (n int, err error) {
	err = Read(path, func(Entry) error { n++; return nil })
	return n, err
}

// TestTampering changes every byte, and removes, repeats and swaps every line.
func TestTampering(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	whole := write(t, path, 6)
	if n, err := count(path); n != 6 || err != nil {
		t.Fatalf("%d entries, %v", n, err)
	}
	refused := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		var tampered *TamperedError
		if n, err := count(path); !errors.As(err, &tampered) {
			t.Fatalf("%s: %d entries, %v", what, n, err)
		}
		if _, err := Open(path); !errors.As(err, &tampered) {
			t.Fatalf("%s: opened: %v", what, err)
		}
	}
	for i := range len(whole) - 1 {
		b := bytes.Clone(whole)
		b[i] ^= 1
		refused(fmt.Sprintf("byte %d changed", i), b)
	}
	lines := bytes.SplitAfter(whole, []byte("\n"))
	lines = lines[:len(lines)-1]
	for i := range lines[:len(lines)-1] {
		removed := bytes.Join(append(append([][]byte{}, lines[:i]...), lines[i+1:]...), nil)
		refused(fmt.Sprintf("line %d removed", i+1), removed)
		swapped := append([][]byte{}, lines...)
		swapped[i], swapped[i+1] = swapped[i+1], swapped[i]
		refused(fmt.Sprintf("line %d swapped", i+1), bytes.Join(swapped, nil))
		repeated := append(append(append([][]byte{}, lines[:i+1]...), lines[i]), lines[i+1:]...)
		refused(fmt.Sprintf("line %d repeated", i+1), bytes.Join(repeated, nil))
	}
}

// TestTornTail: what a crash left of the last line is cut off, and the chain goes on.
func TestTornTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	whole := write(t, path, 3)
	end := bytes.LastIndexByte(whole[:len(whole)-1], '\n') + 1
	for cut := end; cut < len(whole); cut++ {
		if err := os.WriteFile(path, whole[:cut], 0o600); err != nil {
			t.Fatal(err)
		}
		write(t, path, 1)
		if n, err := count(path); n != 3 || err != nil {
			t.Fatalf("cut at %d: %d entries, %v", cut, n, err)
		}
	}
}

func TestUnwritable(t *testing.T) {
	if _, err := Open(filepath.Join(t.TempDir(), "missing", "ledger")); err == nil {
		t.Error("a ledger in a missing directory was opened")
	}
	path := filepath.Join(t.TempDir(), "ledger")
	write(t, path, 1)
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append("release", struct{}{}); err == nil {
		t.Error("appended to a ledger that was moved away")
	}
}

// TestManyProcesses appends from four processes at once.
func TestManyProcesses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	if os.Getenv("LEDGER_WRITER") != "" {
		write(t, os.Getenv("LEDGER_WRITER"), 50)
		return
	}
	var running []*exec.Cmd
	for range 4 {
		c := exec.Command(os.Args[0], "-test.run=^TestManyProcesses$")
		c.Env = append(os.Environ(), "LEDGER_WRITER="+path)
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, c)
	}
	for _, c := range running {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
	if n, err := count(path); n != 200 || err != nil {
		t.Errorf("%d entries, %v", n, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add(write(f, filepath.Join(f.TempDir(), "ledger"), 2))
	f.Add([]byte("x {}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		last := int64(0)
		_, err := scan(bytes.NewReader(b), "fuzz", Entry{Hash: origin}, func(e Entry, _ int64) error {
			if last++; e.Seq != last {
				t.Errorf("entry %d after %d", e.Seq, last-1)
			}
			return nil
		})
		if err != nil && !strings.Contains(err.Error(), "line") {
			t.Errorf("an error that names no line: %v", err)
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	l, err := Open(filepath.Join(b.TempDir(), "ledger"))
	if err != nil {
		b.Fatal(err)
	}
	body := strings.Repeat("r", 700)
	for b.Loop() {
		if _, err := l.Append("release", map[string]string{"text": body}); err != nil {
			b.Fatal(err)
		}
	}
}
