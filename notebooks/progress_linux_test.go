package notebooks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// terminal opens a pseudo-terminal; text is what it has been sent once tty is
// closed.
func terminal(t *testing.T) (tty *os.File, text func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("/dev/ptmx is not here")
	}
	t.Cleanup(func() { master.Close() })
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	tty, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(int(tty.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 100}); err != nil {
		t.Fatal(err)
	}
	received := make(chan string)
	go func() {
		var b strings.Builder
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer) // EIO when the other end is closed
			b.Write(buffer[:n])
			if err != nil {
				break
			}
		}
		received <- b.String()
	}()
	return tty, func() string {
		tty.Close()
		return <-received
	}
}

func TestBarOnATerminal(t *testing.T) {
	tty, text := terminal(t)
	n := parseCells("%% markdown\n# Cohort \x1b[31m\n%% code\n!stdout \"1\"\n%% code\n!fail E \"v\x1b[2J\"\n%% code\n!stdout \"3\"\n")
	o := Options{Output: filepath.Join(t.TempDir(), "out.ipynb"), AllowErrors: true, Progress: NewProgress(tty)}
	if _, err := Run(t.Context(), n, &script{}, o); err != nil {
		t.Fatal(err)
	}
	got := text()
	for _, want := range []string{"cell 2 Cohort", "cell 4 Cohort", "(0/3", "(2/3", "failed: E: v"} {
		if !strings.Contains(got, want) {
			t.Errorf("the terminal was not sent %q", want)
		}
	}
	for _, bad := range []string{"runs", "done", "\x1b[31m", "\x1b[2J"} {
		if strings.Contains(got, bad) {
			t.Errorf("the terminal was sent %q", bad)
		}
	}
	if !strings.HasSuffix(got, "\r") {
		t.Errorf("the bar is left standing: %q", got[max(0, len(got)-80):])
	}
}

func TestProgressIsOptional(t *testing.T) {
	var p *Progress
	p.begin(position{})
	p.note("")
	p.done(position{}, 0, Outcome{}, false)
	p.close()
}
