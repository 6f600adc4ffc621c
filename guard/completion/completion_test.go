package completion

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"weir/guard/certificate"
)

// random is a table of two keys with totals, some of it hidden, and what was there.
func random(r *rand.Rand) (*certificate.Certificate, []int64) {
	rows, columns := 1+r.IntN(3), 2+r.IntN(3)
	c := &certificate.Certificate{Version: 1, Limit: 20, Counts: (rows + 1) * (columns + 1)}
	at := func(i, j int) int64 { return int64(i*(columns+1) + j) }
	truth := make([]int64, c.Counts)
	for i := range rows {
		for j := range columns {
			n := r.Int64N([]int64{5, 25, 60}[r.IntN(3)])
			for _, k := range []int64{at(i, j), at(rows, j), at(i, columns), at(rows, columns)} {
				truth[k] += n
			}
		}
	}
	line := func(n int, of func(k int) int64) {
		var q certificate.Equation
		for k := range n {
			q = append(q, certificate.Value{of(k), 1})
		}
		c.Equations = append(c.Equations, append(q, certificate.Value{of(n), -1}))
	}
	for i := range rows + 1 {
		line(columns, func(k int) int64 { return at(i, k) })
	}
	for j := range columns + 1 {
		line(rows, func(k int) int64 { return at(k, j) })
	}
	for k, n := range truth {
		switch {
		case n > 0 && (n <= c.Limit || r.IntN(4) == 0):
			c.Least = append(c.Least, certificate.Value{int64(k), 1})
		default:
			c.Shown = append(c.Shown, certificate.Value{int64(k), n})
		}
	}
	return c, truth
}

// ends is how few and how many a hidden count can be, by trying every table of whole
// counts that the equations leave.
func ends(c *certificate.Certificate, count int, top int64) (lo, hi int64) {
	value := make([]int64, c.Counts)
	free := slices.Repeat([]bool{true}, c.Counts)
	for _, v := range c.Shown {
		value[v[0]], free[v[0]] = v[1], false
	}
	lo, hi = -1, -1
	var try func(at int)
	try = func(at int) {
		for _, q := range c.Equations { // the equations that are complete
			sum, open := int64(0), false
			for _, t := range q {
				if open = open || free[t[0]] && int(t[0]) >= at; open {
					break
				}
				sum += t[1] * value[t[0]]
			}
			if !open && sum != 0 {
				return
			}
		}
		if at == c.Counts {
			if lo < 0 || value[count] < lo {
				lo = value[count]
			}
			hi = max(hi, value[count])
			return
		}
		if !free[at] {
			try(at + 1)
			return
		}
		for value[at] = 1; value[at] <= top; value[at]++ {
			try(at + 1)
		}
	}
	try(0)
	return lo, hi
}

// TestFind: what is found is verified, and what is refused is so: every table is
// tried.
func TestFind(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	found, pinned, tried := 0, 0, 0
	for range 4000 {
		c, truth := random(r)
		err := Find(c)
		var pin *PinnedError
		switch {
		case err == nil:
			found++
			data, err := c.Encode()
			if err == nil {
				err = certificate.Verify(data)
			}
			if err != nil {
				t.Fatalf("%v\n%s", err, data)
			}
		case errors.As(err, &pin):
			pinned++
			if hidden := len(c.Least); hidden > 5 || slices.Max(truth) > 80 {
				continue
			}
			tried++
			if lo, hi := ends(c, pin.Count, slices.Max(truth)+c.Limit+2); lo < 1 || hi > c.Limit {
				t.Fatalf("count %d is %d to %d, and is said to be pinned: %+v", pin.Count, lo, hi, c)
			}
		default:
			t.Fatalf("%v\n%+v", err, c)
		}
	}
	if t.Logf("%d found, %d pinned, %d of them tried", found, pinned, tried); found < 200 || pinned < 200 || tried < 20 {
		t.Error("too few to say anything")
	}
}

// TestFindIsOfThePublished: the true table is not an argument, and the same table is
// completed in the same way.
func TestFindIsOfThePublished(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		c, _ := random(r)
		a, b := *c, *c
		if Find(&a) != nil || Find(&b) != nil {
			continue
		}
		x, _ := a.Encode()
		if y, _ := b.Encode(); string(x) != string(y) {
			t.Fatalf("\n%s\n%s", x, y)
		}
	}
}

// TestSums: sums that follow from those that are shown are listed, others move.
func TestSums(t *testing.T) {
	line := func(of ...int64) (q certificate.Equation) {
		for i, at := range of {
			coef := int64(1)
			if i == len(of)-1 {
				coef = -1
			}
			q = append(q, certificate.Value{at, coef})
		}
		return q
	}
	for _, x := range []struct {
		name      string
		sums      int
		equations []certificate.Equation
		shown     []int
		follow    []int
	}{
		{"one hidden in a total", 3, []certificate.Equation{line(0, 1, 2)}, []int{1, 2}, []int{0}},
		{"two hidden in a total", 3, []certificate.Equation{line(0, 1, 2)}, []int{2}, nil},
		{"no total", 3, nil, []int{2}, nil},
		{"a square", 9, []certificate.Equation{line(0, 1, 2), line(3, 4, 5), line(6, 7, 8), line(0, 3, 6), line(1, 4, 7), line(2, 5, 8)}, []int{2, 5, 6, 7, 8}, nil},
		{"three of a square", 9, []certificate.Equation{line(0, 1, 2), line(3, 4, 5), line(6, 7, 8), line(0, 3, 6), line(1, 4, 7), line(2, 5, 8)}, []int{2, 4, 5, 6, 7, 8}, []int{0, 1, 3}},
	} {
		t.Run(x.name, func(t *testing.T) {
			c := &certificate.Certificate{Version: 1, Limit: 20, Sums: certificate.Sums{Sums: x.sums, Equations: x.equations, Shown: x.shown}}
			if err := Find(c); err != nil {
				t.Fatal(err)
			}
			data, err := c.Encode()
			if err == nil {
				err = certificate.Verify(data)
			}
			if err != nil || !slices.Equal(c.Sums.Follow, x.follow) {
				t.Error(err, c.Sums.Follow)
			}
		})
	}
}

// TestLarge: work is bounded, and what is not done is said.
func TestLarge(t *testing.T) {
	c := &certificate.Certificate{Version: 1, Limit: 20, Counts: 2001}
	for e := range int64(2000) {
		c.Equations = append(c.Equations, certificate.Equation{{e, 1}, {e + 1, 1}})
	}
	if err := Find(c); !errors.Is(err, ErrLarge) {
		t.Error(err)
	}
}
