package audit

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"
	"time"
)

// TestLarge: tables whose cells are raised together, and that the same table is
// protected the same way every time.
func TestLarge(t *testing.T) {
	for _, dims := range [][]int{{12, 12, 12}, {40, 60}, {4, 5, 6, 7}} {
		r := rand.New(rand.NewPCG(1, uint64(len(dims))))
		s := grid(dims, random(r, 38))
		o := Options{Sensitive: sensitive(s), Limit: limit}
		p := s.Protect(o)
		if len(p.Unsafe) > 0 {
			t.Errorf("%v: %d cells are not safe", dims, len(p.Unsafe))
		}
		checkTables(t, s, o, p)
		if again := s.Protect(o); !reflect.DeepEqual(p, again) {
			t.Errorf("%v: protected in two ways", dims)
		}
	}
}

// checkTables checks witnesses that are of no whole counts, which certify does not
// read: each is a table to within rounding, and every sensitive cell is above the
// limit in one.
func checkTables(t testing.TB, s *System, o Options, p *Protection) {
	t.Helper()
	shown := make([]bool, len(s.Count))
	for n, gone := range p.Hidden {
		for _, c := range s.given(int32(n)) {
			shown[c] = shown[c] || !gone
		}
	}
	above := make([]bool, len(s.Count))
	value := make([]float64, len(s.Count))
	for _, change := range p.Changes {
		for c, n := range s.Count {
			value[c] = float64(n)
		}
		for i, c := range change.Cells {
			value[c] = change.Values[i]
			if shown[c] {
				t.Fatalf("cell %d is shown and changed from %d to %g", c, s.Count[c], value[c])
			}
		}
		for c, x := range value {
			if x < float64(s.Least[c])-1e-4 {
				t.Fatalf("cell %d is %g, below %d", c, x, s.Least[c])
			}
			above[c] = above[c] || x >= limit+1-1e-4
		}
		for e := range int32(s.equations()) {
			sum := 0.0
			cells, coefs := s.terms(e)
			for i, c := range cells {
				sum += float64(coefs[i]) * value[c]
			}
			if math.Abs(sum) > 1e-4 {
				t.Fatalf("equation %d does not hold: %g", e, sum)
			}
		}
	}
	for c, is := range o.Sensitive {
		if is && s.Count[c] <= limit && !above[c] {
			t.Fatalf("cell %d of %d is nowhere above %d", c, s.Count[c], limit)
		}
	}
}

// several is a table of a key with which a participant is in several groups, in
// bands of another: each group leaves others of those in the band.
func several(r *rand.Rand, groups, bands int) *System {
	s := &System{}
	show := func(n int64) int { c := s.Add(n, min(n, 1)); s.Show(c); return c }
	var all, everyone []int
	for range bands {
		n := 3000 + r.Int64N(500)
		everyone = append(everyone, int(n))
		all = append(all, show(n))
	}
	for range groups {
		var parts []Term
		total := int64(0)
		for b := range bands {
			n := poisson(r, 25)
			total += n
			part := show(n)
			parts = append(parts, Term{part, 1})
			others := s.Add(int64(everyone[b])-n, 0)
			s.Equation(Term{part, 1}, Term{others, 1}, Term{all[b], -1})
		}
		s.Equation(append(parts, Term{show(total), -1})...)
	}
	return s
}

// TestSeveral: groups that do not add up hang together by what they leave, which is
// so many that it binds nobody: each is a small table, and its completions are whole.
func TestSeveral(t *testing.T) {
	s := several(rand.New(rand.NewPCG(1, 1)), 300, 8)
	o := Options{Sensitive: sensitive(s), Limit: limit}
	p := s.Protect(o)
	if len(p.Unsafe) > 0 {
		t.Errorf("%d cells are not safe", len(p.Unsafe))
	}
	certify(t, s, o, p)
	checkWhole(t, p)
}

// TestWhole: the completions of small systems are of whole counts.
func TestWhole(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 11))
		s := grid([][]int{{4, 4}, {3, 3, 3}, {6, 8}, {2, 3, 2, 3}}[seed%4], random(r, 30))
		o := Options{Sensitive: sensitive(s), Limit: limit}
		p := s.Protect(o)
		if len(p.Unsafe) == 0 {
			certify(t, s, o, p)
		}
		checkWhole(t, p)
	}
}

func checkWhole(t *testing.T, p *Protection) {
	t.Helper()
	for _, change := range p.Changes {
		for i, x := range change.Values {
			if x != math.Round(x) {
				t.Fatalf("cell %d is %v in a completion", change.Cells[i], x)
			}
		}
	}
}

// TestFollowing: a count above the limit can be sensitive, for what it tells of
// others, and what follows is not safe however large.
func TestFollowing(t *testing.T) {
	s := grid([]int{3}, func(at []int) int64 { return []int64{70, 100, 200}[at[0]] })
	s.Fixed = []bool{false, true, true, true}
	p := s.Protect(Options{Sensitive: []bool{true, false, false, false}, Limit: limit})
	if !reflect.DeepEqual(p.Unsafe, []int32{0}) {
		t.Errorf("70 = 370 − 100 − 200, and unsafe is %v", p.Unsafe)
	}
}

// TestInterrupt: work ends soon after its context does, and returns nothing.
func TestInterrupt(t *testing.T) {
	s := grid([]int{24, 24, 24}, random(rand.New(rand.NewPCG(1, 24)), 38))
	o := Options{Sensitive: sensitive(s), Limit: limit, Effort: 3}
	for _, after := range []time.Duration{0, 20, 60, 150, 300} {
		ctx, cancel := context.WithTimeoutCause(t.Context(), after*time.Millisecond, errors.New("stopped"))
		p, err := s.ProtectContext(ctx, o)
		late := time.Since(deadline(ctx))
		if cancel(); p != nil || err == nil || err.Error() != "stopped" {
			t.Fatalf("after %d ms: %v, %v", after, p != nil, err)
		}
		if late > 3*time.Second { // on a busy machine; the scoreboard has the figure
			t.Errorf("after %d ms: ended %v late", after, late)
		}
	}
}

func deadline(ctx context.Context) time.Time {
	d, _ := ctx.Deadline()
	return d
}

// TestProgress: progress begins at none, never goes back and ends at all.
func TestProgress(t *testing.T) {
	s := grid([]int{12, 12, 12}, random(rand.New(rand.NewPCG(1, 3)), 38))
	last, of := -1, 0
	s.Protect(Options{Sensitive: sensitive(s), Limit: limit, Progress: func(done, total int) {
		if done < last || of > 0 && total != of || last < 0 && done != 0 {
			t.Errorf("%d of %d after %d of %d", done, total, last, of)
		}
		last, of = done, total
	}})
	if last != of || of == 0 {
		t.Errorf("ended at %d of %d", last, of)
	}
}
