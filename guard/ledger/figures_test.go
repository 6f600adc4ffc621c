//go:build figures

package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// figure prints a line of the scoreboard; .ci/scoreboard takes the mark away.
func figure(name string, value any, unit, target string, ok bool) {
	verdict := "short"
	if ok {
		verdict = "ok"
	}
	fmt.Printf("figure: %s %v %s %s %s\n", name, value, unit, target, verdict)
}

func TestFigures(t *testing.T) {
	t.Run("ledger", func(t *testing.T) {
		floor, one, four := appends(t)
		figure("ledger/bare_write_and_fdatasync", fmt.Sprintf("%.0f", floor), "a_second", "floor", true)
		figure("ledger/appends_of_one_process", fmt.Sprintf("%.0f", one), "a_second", ">=0.7_of_floor", one >= 0.7*floor)
		figure("ledger/appends_of_four_handles", fmt.Sprintf("%.0f", four), "a_second", ">=0.5_of_floor", four >= 0.5*floor)
		entries, took := reading(t)
		figure("ledger/entries_verified", fmt.Sprintf("%.0f", entries/took.Seconds()), "a_second", ">=5000", entries/took.Seconds() >= 5000)
		kills := 24
		if os.Getenv("LONG") != "" {
			kills = 200
		}
		told, lost, torn, total := killWriters(t, filepath.Join(t.TempDir(), "ledger"), kills)
		figure("ledger/acknowledged_entries_lost_or_writers_stopped", lost, fmt.Sprintf("of_%d_kills_%d_told_%d_entries_%d_torn", kills, told, total, torn), "=0", lost == 0)
	})
}

// appends measures entries of 1 KB for a second each.
func appends(t *testing.T) (floor, one, four float64) {
	text := strings.Repeat("r", 700)
	rate := func(f func() error) float64 {
		start, n := time.Now(), 0
		for ; time.Since(start) < 2*time.Second; n++ {
			if err := f(); err != nil {
				t.Fatal(err)
			}
		}
		return float64(n) / time.Since(start).Seconds()
	}
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "bare"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line := []byte(strings.Repeat("r", 950) + "\n")
	floor = rate(func() error {
		if _, err := f.Write(line); err != nil {
			return err
		}
		return unix.Fdatasync(int(f.Fd()))
	})
	path := filepath.Join(t.TempDir(), "ledger")
	var ledgers []*Ledger
	for range 4 {
		l, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ledgers = append(ledgers, l)
	}
	add := func(l *Ledger) error {
		_, err := l.Append(Release, map[string]string{"text": text})
		return err
	}
	one = rate(func() error { return add(ledgers[0]) })
	start, n := time.Now(), 0
	var mu sync.Mutex
	var wg sync.WaitGroup
	for _, l := range ledgers {
		wg.Go(func() {
			for time.Since(start) < 2*time.Second {
				if err := add(l); err != nil {
					t.Error(err)
				}
				mu.Lock()
				n++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	return floor, one, float64(n) / time.Since(start).Seconds()
}

// reading measures the check of a ledger's chain and tree.
func reading(t *testing.T) (float64, time.Duration) {
	path := filepath.Join(t.TempDir(), "ledger")
	l, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.sync = func(int) error { return nil }
	for range 20_000 {
		if _, err := l.Append(Release, map[string]string{"text": strings.Repeat("r", 700)}); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	tree, err := ReadTree(path)
	if err != nil {
		t.Fatal(err)
	}
	return float64(tree.n), time.Since(start)
}
