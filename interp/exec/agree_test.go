package exec_test

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"weir/interp/cell"
	"weir/interp/exec"
)

// disagreement runs a program and says how it differs from what the compiler made
// it print; refused says that it was not run.
func disagreement(text, want string) (difference string, refused error) {
	nb := open()
	timer := time.AfterFunc(time.Minute, nb.exec.Stop)
	defer timer.Stop()
	got, err := nb.run(text)
	var refusal *exec.Refusal
	var mistakes *cell.Errors
	switch {
	case errors.As(err, &refusal) || errors.As(err, &mistakes):
		return "", err
	case err != nil:
		return "it ended with " + nb.trace(err), nil
	case got != want:
		return firstDifference(got, want), nil
	}
	return "", nil
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range g {
		if i >= len(w) || g[i] != w[i] {
			other := ""
			if i < len(w) {
				other = w[i]
			}
			return fmt.Sprintf("line %d is %q, not %q", i+1, g[i], other)
		}
	}
	return fmt.Sprintf("%d lines are missing, from %q", len(w)-len(g), w[len(g)])
}

// randomPrograms is how many random programs a run compares; LONG=1 is the whole.
func randomPrograms() (n int, seed uint64) {
	n = 150
	if os.Getenv("LONG") != "" {
		n = 100_000
	}
	if s := os.Getenv("PROGRAMS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	if s := os.Getenv("SEED"); s != "" {
		seed, _ = strconv.ParseUint(s, 10, 64)
	}
	return n, seed
}

func TestRandomPrograms(t *testing.T) {
	n, seed := randomPrograms()
	_, refused := compareRandom(t, n, seed)
	t.Logf("%d programs, %d refused", n, refused)
	if refused > n/20 {
		t.Errorf("%d of %d programs are refused", refused, n)
	}
}

// compareRandom compares n programs; each disagreement is an error of the test.
func compareRandom(t *testing.T, n int, seed uint64) (wrong, refused int) {
	const batch = 500
	for from := 0; from < n; from += batch {
		programs := map[string]string{}
		for i := from; i < min(from+batch, n); i++ {
			programs[fmt.Sprintf("seed %d", seed+uint64(i))] = program(seed + uint64(i))
		}
		wanted := together(t, prelude, programs)
		for name, text := range programs {
			difference, refusal := disagreement(prelude+text, wanted[name])
			if refusal != nil {
				refused++
				t.Logf("%s is refused: %v", name, refusal)
			}
			if difference != "" {
				wrong++
				t.Errorf("%s: %s", name, difference)
				if dir := os.Getenv("KEEP"); dir != "" {
					write(t, dir+"/"+strings.ReplaceAll(name, " ", "_")+".go", prelude+text)
				}
			}
		}
	}
	return wrong, refused
}
