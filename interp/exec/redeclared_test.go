package exec_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"weir/interp/cell"
)

// redeclarations declares four names again and again, as variables, constants,
// functions and types that depend on each other. What a name means that depends on no
// other is known: it is what was declared last.
type redeclarations struct {
	*rand.Rand
	known map[string]string // an expression, by name
	n     int
}

var redeclaredNames = []string{"a", "b", "c", "d"}

// cell is a declaration, and what it makes known; "" where it depends on others.
func (r *redeclarations) cell() (text string, known map[string]string) {
	r.n += 10
	name := func() string { return redeclaredNames[r.IntN(len(redeclaredNames))] }
	a, b, v := name(), name(), r.n
	switch r.IntN(12) {
	case 0, 1:
		return fmt.Sprintf("%s := %d", a, v), map[string]string{a: a}
	case 2:
		return fmt.Sprintf("const %s = %d", a, v), map[string]string{a: a}
	case 3, 4:
		names := r.Perm(4)[:2+r.IntN(2)]
		known = map[string]string{}
		text = fmt.Sprintf("const (\n%s = iota + %d\n", redeclaredNames[names[0]], v)
		for i, at := range names {
			known[redeclaredNames[at]] = fmt.Sprintf("%s - %d", redeclaredNames[at], i)
			if i > 0 {
				text += redeclaredNames[at] + "\n"
			}
		}
		return text + ")", known
	case 5:
		return fmt.Sprintf("func %s() int { return %d }", a, v), map[string]string{a: a + "()"}
	case 6:
		return fmt.Sprintf("type %s struct { X int }", a), map[string]string{a: fmt.Sprintf("%s{%d}.X", a, v)}
	case 7:
		return fmt.Sprintf("type %s int\nfunc (%s) M() int { return %d }", a, a, v), map[string]string{a: fmt.Sprintf("%s(1).M()", a)}
	case 8:
		return fmt.Sprintf("func %s(x %s) (y %s) { return x }", a, b, b), map[string]string{a: ""}
	case 9:
		return fmt.Sprintf("type %s struct { of %s; list []%s }", a, b, b), map[string]string{a: ""}
	case 10:
		return fmt.Sprintf("const (\n%s = %s + 1\n%s2 = %s + 1\n)", a, b, a, a), map[string]string{a: ""}
	}
	return fmt.Sprintf("func (x %s) K() (y %s) { return }", a, b), nil
}

// TestRedeclarations: whatever is declared again, a name means what was declared last.
func TestRedeclarations(t *testing.T) {
	n, seed := randomPrograms()
	for i := range uint64(n) {
		r := &redeclarations{Rand: rand.New(rand.NewPCG(seed+i, 11)), known: map[string]string{}}
		nb := open()
		var cells strings.Builder
		for range 14 {
			text, known := r.cell()
			_, err := nb.run(text)
			fmt.Fprintf(&cells, "%s // %v\n", text, err)
			var mistakes *cell.Errors
			if err != nil && !errors.As(err, &mistakes) {
				t.Fatalf("seed %d: %v\n%s", seed+i, err, cells.String())
			}
			for name, x := range known {
				if err == nil {
					delete(r.known, name)
					if x != "" {
						r.known[name] = fmt.Sprintf("%s != %d", x, r.n)
					}
				}
			}
			for name, x := range r.known {
				if out, err := nb.run(x); out != "= false\n" || err != nil {
					t.Fatalf("seed %d: %s: %s is %q %v after\n%s", seed+i, name, x, out, err, cells.String())
				}
			}
		}
	}
}
