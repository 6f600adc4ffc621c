package audit

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestProtect: whatever the table, everything sensitive has a witness, or it is said
// that it has none. That a table of whole counts is not found happens, seldom.
func TestProtect(t *testing.T) {
	unsafe := 0
	for _, dims := range [][]int{{5}, {4, 4}, {3, 9}, {6, 8}, {3, 3, 3}, {2, 4, 5}, {2, 3, 2, 3}} {
		for seed := range uint64(30) {
			r := rand.New(rand.NewPCG(seed, uint64(len(dims))))
			s := grid(dims, random(r, []float64{4, 15, 30, 60}[seed%4]))
			o := Options{Sensitive: sensitive(s), Limit: limit, Effort: int(seed % 3)}
			p := s.Protect(o)
			if len(p.Unsafe) > 0 {
				unsafe++
				continue
			}
			certify(t, s, o, p)
		}
	}
	if unsafe > 4 {
		t.Errorf("%d of 210 tables are not safe", unsafe)
	}
}

// TestZerosAreShown: hiding a zero would make it a number from 1 on.
func TestZerosAreShown(t *testing.T) {
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		s := grid([]int{4, 6}, random(r, 3))
		p := s.Protect(Options{Sensitive: sensitive(s), Limit: limit, Effort: 2})
		for c, n := range s.Count {
			if n == 0 && p.Hidden[c] {
				t.Fatalf("seed %d: cell %d is 0 and hidden", seed, c)
			}
		}
	}
}

// fewestBySearch tries every choice of so many more numbers.
func fewestBySearch(s *System, o Options, most int) int {
	start := s.suppress(o, rand.New(rand.NewPCG(1, 1)))
	var cells []int32
	for c := range int32(len(s.Count)) {
		if start.canHide(c) {
			cells = append(cells, c)
		}
	}
	for n := 0; n < most; n++ {
		found := false
		choose(len(cells), n, func(at []int) bool {
			u := start.clone()
			for _, i := range at {
				u.hide(cells[i])
			}
			_, found = u.safe(nil, o.Limit)
			return !found
		})
		if found {
			return n
		}
	}
	return most
}

// choose calls f with every choice of k of n, until it returns false.
func choose(n, k int, f func([]int) bool) {
	at := make([]int, k)
	var from func(i, next int) bool
	from = func(i, next int) bool {
		if i == k {
			return f(at)
		}
		for at[i] = next; at[i] < n; at[i]++ {
			if !from(i+1, at[i]+1) {
				return false
			}
		}
		return true
	}
	from(0, 0)
}

// TestFewest: in small tables nothing is hidden that need not be, and what is said
// to be needed at least is.
func TestFewest(t *testing.T) {
	same := 0
	for seed := range uint64(25) {
		r := rand.New(rand.NewPCG(seed, 3))
		s := grid([][]int{{3, 4}, {4, 4}, {2, 2, 2}}[seed%3], random(r, 70))
		o := Options{Sensitive: sensitive(s), Limit: limit, Effort: 4, Exact: 500}
		p := s.Protect(o)
		if len(p.Unsafe) > 0 || p.Complementary > 4 {
			continue
		}
		certify(t, s, o, p)
		best := fewestBySearch(s, o, p.Complementary)
		if best != p.Complementary {
			t.Errorf("seed %d: %d more are hidden where %d are enough", seed, p.Complementary, best)
		}
		if p.AtLeast > best {
			t.Errorf("seed %d: at least %d are said to be needed, and %d are enough", seed, p.AtLeast, best)
		}
		same++
	}
	if same < 10 {
		t.Errorf("only %d tables were compared", same)
	}
}

// published are problems whose fewest complementary cells are known.
var published = []struct {
	name          string
	dims          []int
	counts        []int64 // of the inner cells
	complementary int
}{
	// sdcTable's test problem: four regions by two sexes with totals, 15 cells, of
	// which one of 2 is sensitive (its vignette). Its proved optimum is 3.
	{"sdcTable", []int{4, 2}, []int64{180, 2, 190, 140, 120, 100, 60, 190}, 3},
	// A single sensitive cell in three dimensions takes the other corners of a box.
	{"box", []int{2, 2, 2}, []int64{5, 50, 50, 50, 50, 50, 50, 50}, 7},
	// Two sensitive cells in a rectangle's opposite corners need the two others.
	{"corners", []int{3, 3}, []int64{5, 90, 90, 90, 7, 90, 90, 90, 90}, 2},
	// Four sensitive cells of which each row and each column has two need none.
	{"none", []int{3, 3}, []int64{15, 16, 90, 17, 14, 90, 90, 90, 90}, 0},
}

func TestPublished(t *testing.T) {
	for _, x := range published {
		t.Run(x.name, func(t *testing.T) {
			next := 0
			s := grid(x.dims, func([]int) int64 { next++; return x.counts[next-1] })
			o := Options{Sensitive: sensitive(s), Limit: limit, Effort: 4, Exact: 2000}
			p := s.Protect(o)
			certify(t, s, o, p)
			if p.Complementary != x.complementary || p.AtLeast != x.complementary {
				t.Errorf("%d more are hidden, at least %d are needed; published: %d", p.Complementary, p.AtLeast, x.complementary)
			}
		})
	}
}

// TestHierarchy: bands within bands, and two tables that share a margin.
func TestHierarchy(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 5))
		s := &System{}
		show := func(n int64) int { c := s.Add(n, min(n, 1)); s.Show(c); return c }
		var bands []Term
		total := int64(0)
		for range 4 { // bands of four narrow ones each
			var narrow []Term
			band := int64(0)
			for range 4 {
				n := poisson(r, 40)
				narrow = append(narrow, Term{show(n), 1})
				band += n
			}
			wide := show(band)
			s.Equation(append(narrow, Term{wide, -1})...)
			bands = append(bands, Term{wide, 1})
			total += band
		}
		all := show(total)
		s.Equation(append(bands, Term{all, -1})...)
		rest := total // another table with the same total
		var other []Term
		for range 3 {
			n := min(poisson(r, 30), rest)
			other = append(other, Term{show(n), 1})
			rest -= n
		}
		s.Equation(append(other, Term{show(rest), 1}, Term{all, -1})...)
		o := Options{Sensitive: sensitive(s), Limit: limit, Effort: 2}
		p := s.Protect(o)
		if len(p.Unsafe) > 0 {
			t.Errorf("seed %d: not safe", seed)
			continue
		}
		certify(t, s, o, p)
	}
}

// TestFixed: what has been shown before stays shown, and what follows from it is
// not safe.
func TestFixed(t *testing.T) {
	s := grid([]int{3}, func(at []int) int64 { return []int64{7, 100, 200}[at[0]] })
	s.Fixed = []bool{false, true, true, true}
	if p := s.Protect(Options{Sensitive: sensitive(s), Limit: limit}); !slices.Equal(p.Unsafe, []int32{0}) {
		t.Errorf("7 = 307 − 100 − 200, and unsafe is %v", p.Unsafe)
	}
}

func BenchmarkProtect(b *testing.B) {
	for _, dims := range [][]int{{2, 8}, {4, 9, 4}, {10, 10, 10}, {20, 20, 20}} {
		b.Run(fmt.Sprint(dims), func(b *testing.B) {
			r := rand.New(rand.NewPCG(1, 1))
			s := grid(dims, random(r, 40))
			o := Options{Sensitive: sensitive(s), Limit: limit}
			for b.Loop() {
				s.Protect(o)
			}
		})
	}
}

// TestFewerThanGauss: against exact derivation alone, over tables of any density, no
// more cells are hidden than by elimination from the largest cell on.
func TestFewerThanGauss(t *testing.T) {
	for _, mean := range []float64{10, 38, 120} {
		ours, theirs := 0, 0
		for seed := range uint64(4) {
			draw := func() func([]int) int64 { return random(rand.New(rand.NewPCG(seed, 9)), mean) }
			s := grid([]int{5, 6, 7}, draw())
			ours += s.Protect(Options{Sensitive: sensitive(s)}).Complementary
			theirs += gauss([]int{5, 6, 7}, draw(), limit)
		}
		if t.Logf("mean %g: %d cells, %d by elimination", mean, ours, theirs); ours > theirs {
			t.Errorf("mean %g: %d cells are hidden, and %d would do", mean, ours, theirs)
		}
	}
}
