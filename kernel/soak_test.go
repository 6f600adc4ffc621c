package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// soaked is what weir went through and what it cost.
type soaked struct {
	cells, interrupts, crashes, restarts int
	memory, descriptors                  []int // of the kernel, after each round; bytes
}

// soak runs rounds of cells, interrupts, crashes of the speaker and restarts until
// the time is over. One kernel lives through all of it; the one that is restarted is
// another.
func soak(t testing.TB, until time.Time) (s soaked) {
	t.Helper()
	p, other := startWeir(t), startWeir(t)
	for round := 1; time.Now().Before(until) || round < 20; round++ {
		s.work(p, round)
		if round%3 == 0 {
			s.interrupt(p)
		}
		if round%5 == 0 {
			s.crash(p)
		}
		if round%7 == 0 {
			other.end()
			other = startWeir(t)
			s.restarts++
		}
		s.measure(p)
	}
	other.end()
	p.end()
	return s
}

// work runs a cell that allocates and prints, and one that uses what it defined.
func (s *soaked) work(p *process, round int) {
	const lines = 500
	p.t.Helper()
	code := fmt.Sprintf("many := make([]int, 100000)\nmany[7] = %d\nfor i := 0; i < %d; i++ { fmt.Println(\"round\", %d, i) }", round, lines, round)
	if _, out := p.run(code); strings.Count(out, fmt.Sprintf(`round %d `, round)) != lines {
		p.t.Errorf("round %d: %.1000s", round, out)
	}
	if _, out := p.run("many[7]"); !strings.Contains(out, fmt.Sprintf(`"text/plain":"%d"`, round)) {
		p.t.Errorf("round %d: %.1000s", round, out)
	}
	s.cells += 2
}

func (s *soaked) interrupt(p *process) {
	p.t.Helper()
	cell := p.execute("for { }")
	for p.published().kind != "execute_input" {
	}
	p.control("interrupt_request")
	if reply, _ := p.finish(cell); !strings.Contains(reply, `"ename":"Interrupted"`) {
		p.t.Errorf("an interrupt: %s", reply)
	}
	s.interrupts++
}

// crash kills the speaker while a cell runs.
func (s *soaked) crash(p *process) {
	p.t.Helper()
	cell := p.execute("for { }")
	for p.published().kind != "execute_input" {
	}
	for _, child := range children(p.cmd.Process.Pid) {
		syscall.Kill(child, syscall.SIGKILL)
	}
	if reply, _ := p.finish(cell); !strings.Contains(reply, `"ename":"Lost"`) {
		p.t.Errorf("a crash: %s", reply)
	}
	s.crashes++
}

func (s *soaked) measure(p *process) {
	p.t.Helper()
	pid := strconv.Itoa(p.cmd.Process.Pid)
	descriptors, err := os.ReadDir(filepath.Join("/proc", pid, "fd"))
	if err != nil {
		p.t.Fatal(err)
	}
	s.descriptors = append(s.descriptors, len(descriptors))
	statm, err := os.ReadFile(filepath.Join("/proc", pid, "statm"))
	if err != nil {
		p.t.Fatal(err)
	}
	resident, err := strconv.Atoi(strings.Fields(string(statm))[1])
	if err != nil {
		p.t.Fatal(err)
	}
	s.memory = append(s.memory, resident*os.Getpagesize())
}

// growth is the median of the last quarter over that of the second: the first warms up.
func growth(values []int) float64 {
	quarter := func(n int) float64 {
		q := slices.Sorted(slices.Values(values[n*len(values)/4 : (n+1)*len(values)/4]))
		return float64(q[len(q)/2])
	}
	return quarter(3) / quarter(1)
}

// The soak lasts five seconds, with LONG set an hour, or as long as it says ("40m").
func TestSoak(t *testing.T) {
	if _, err := os.Stat("/proc/self/statm"); err != nil {
		t.Skip("/proc/self/statm is not here")
	}
	s := soak(t, time.Now().Add(lasts(5*time.Second)))
	if g := growth(s.memory); g > 1.25 {
		t.Errorf("memory grew to %.2f of what it was: %v", g, s.memory)
	}
	if slices.Max(s.descriptors) > s.descriptors[0]+2 {
		t.Errorf("descriptors: %v", s.descriptors)
	}
	t.Logf("%d cells, %d interrupts, %d crashes, %d restarts; memory %d MB, %.2f of what it was", s.cells, s.interrupts, s.crashes, s.restarts,
		s.memory[len(s.memory)-1]>>20, growth(s.memory))
}

// lasts is how long a test that has a longer form lasts.
func lasts(shortly time.Duration) time.Duration {
	long := os.Getenv("LONG")
	if d, err := time.ParseDuration(long); err == nil {
		return d
	}
	if long != "" {
		return time.Hour
	}
	return shortly
}
