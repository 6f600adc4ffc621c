//go:build figures

package ledger

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
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

// appends measures entries of 1 KB, in turns, for the disk is not as fast at all times.
func appends(t *testing.T) (floor, one, four float64) {
	text := strings.Repeat("r", 700)
	f, err := os.OpenFile(filepath.Join(t.TempDir(), "bare"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	line := []byte(strings.Repeat("r", 950) + "\n")
	bare := func(int) error {
		if _, err := f.Write(line); err != nil {
			return err
		}
		return unix.Fdatasync(int(f.Fd()))
	}
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
	add := func(handle int) error {
		_, err := ledgers[handle].Append(Release, map[string]string{"text": text})
		return err
	}
	const turns = 6
	for range turns {
		floor += rate(t, 1, bare) / turns
		one += rate(t, 1, add) / turns
		four += rate(t, 4, add) / turns
	}
	return floor, one, four
}

// rate is how often a second f is done, by so many at once.
func rate(t *testing.T, at int, f func(who int) error) float64 {
	var n atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	for who := range at {
		wg.Go(func() {
			for time.Since(start) < 400*time.Millisecond {
				if err := f(who); err != nil {
					t.Error(err)
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(n.Load()) / time.Since(start).Seconds()
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
