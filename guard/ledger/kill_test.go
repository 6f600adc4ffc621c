package ledger

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestMain lets the test binary be a writer.
func TestMain(m *testing.M) {
	if path := os.Getenv("LEDGER_WRITER"); path != "" {
		appendAndTell(path)
		return
	}
	os.Exit(m.Run())
}

// appendAndTell appends for as long as it lives and says so of each entry when it
// is durable, as a session would show an output.
func appendAndTell(path string) {
	l, err := Open(path)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	for i := 1; ; i++ {
		e, err := l.Append(Release, map[string]any{"writer": os.Getpid(), "i": i, "text": strings.Repeat("x", rand.IntN(20_000))})
		if err == nil && i%4 == 0 {
			if _, err = l.Rotate(); err == errNothing { // another has just done it
				err = nil
			}
		}
		if err != nil {
			fmt.Println("error", err)
			return
		}
		os.Stdout.WriteString(e.Hash + "\n")
	}
}

type writer struct {
	cmd  *exec.Cmd
	told bytes.Buffer
}

func startWriter(t testing.TB, path string) *writer {
	w := &writer{cmd: exec.Command(os.Args[0])}
	w.cmd.Env = append(os.Environ(), "LEDGER_WRITER="+path)
	w.cmd.Stdout = &w.told
	if err := w.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return w
}

// TestKills ends writers with kill -9 at random moments while others go on: all
// that any of them told of is in the ledger, in a chain without a gap.
func TestKills(t *testing.T) {
	kills := 24
	if os.Getenv("LONG") != "" {
		kills = 200
	}
	path := filepath.Join(t.TempDir(), "ledger")
	told, _, torn, total := killWriters(t, path, kills)
	t.Logf("%d kills: %d entries, %d were told of, %d torn lines", kills, total, told, torn)
	if told < kills {
		t.Errorf("%d kills and only %d entries were told of", kills, told)
	}
}

func killWriters(t testing.TB, path string, kills int) (told, lost, torn, total int) {
	const atOnce = 4
	var mu sync.Mutex
	var all []string
	var wg sync.WaitGroup
	for range atOnce {
		wg.Go(func() {
			for {
				mu.Lock()
				kills--
				over := kills < 0
				mu.Unlock()
				if over {
					return
				}
				w := startWriter(t, path)
				time.Sleep(5*time.Millisecond + time.Duration(rand.IntN(200_000))*time.Microsecond)
				w.cmd.Process.Kill()
				w.cmd.Wait()
				mu.Lock()
				all = append(all, w.told.String())
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	l, err := Open(path) // mends what the last one left
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	there := map[string]bool{}
	for _, e := range entries(t, path) {
		there[e.Hash] = true
		total++
		if e.Kind == Torn {
			torn++
		}
	}
	for _, text := range all {
		lines := bufio.NewScanner(strings.NewReader(text))
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "error") {
				lost++
				t.Error(lines.Text())
			} else if told++; !there[lines.Text()] {
				lost++
				t.Errorf("an entry that was told of is not there: %s", lines.Text())
			}
		}
	}
	return told, lost, torn, total
}
