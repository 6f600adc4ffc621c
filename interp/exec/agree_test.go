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
	return open().disagreement(text, want)
}

func (nb *notebook) disagreement(text, want string) (difference string, refused error) {
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

// Random programs are compiled by the real compiler in batches, as functions of one
// program: linking and the library's instances cost as much as hundreds of them. Here
// each is a cell, and some tens share a notebook, whose first cell is the prelude.
const batch, tens = 500, 100

// compareRandom compares n programs; each disagreement is an error of the test.
func compareRandom(t *testing.T, n int, seed uint64) (wrong, refused int) {
	for from := 0; from < n; from += batch {
		w, r := compareBatch(t, seed+uint64(from), min(batch, n-from))
		wrong, refused = wrong+w, refused+r
		if os.Getenv("LONG") != "" {
			fmt.Printf("%d programs, %d refused, %d wrong\n", from+batch, refused, wrong)
		}
	}
	return wrong, refused
}

func compareBatch(t *testing.T, seed uint64, n int) (wrong, refused int) {
	var bodies []string
	var decls strings.Builder
	for i := range n {
		d, body := program(seed + uint64(i))
		decls.WriteString(d)
		bodies = append(bodies, body)
	}
	wanted := together(t, prelude+decls.String(), bodies)
	var nb *notebook
	for i, body := range bodies {
		if i%tens == 0 {
			nb = open()
			if _, err := nb.run(strings.TrimPrefix(prelude, "package main\n")); err != nil {
				t.Fatal(err)
			}
		}
		d, _ := program(seed + uint64(i))
		difference, refusal := nb.disagreement(asCell(d, body, i), wanted[i])
		if refusal != nil {
			refused++
			t.Logf("seed %d is refused: %v", seed+uint64(i), refusal)
		}
		if difference != "" {
			wrong++
			t.Errorf("seed %d: %s", seed+uint64(i), difference)
			if dir := os.Getenv("KEEP"); dir != "" {
				write(t, fmt.Sprintf("%s/%d.go", dir, seed+uint64(i)), prelude+d+"func main() {\n"+body+"}\n")
			}
		}
	}
	return wrong, refused
}

// asCell is a program as a cell: its statements at the top level, or in a function.
func asCell(decls, body string, i int) string {
	if i%2 == 0 {
		return decls + body + "_ = 0\n" // the last expression is not to be shown
	}
	return fmt.Sprintf("%sfunc main%d() {\n%s}\nmain%d()\n", decls, i, body, i)
}
