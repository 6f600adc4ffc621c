package guard

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"weir/datasets/plan"
	"weir/datasets/tally"
	"weir/guard/certificate"
)

// orders is every order of the places between bins.
func orders(places []int) (out [][]int) {
	if len(places) == 0 {
		return [][]int{nil}
	}
	for i := range places {
		rest := slices.Delete(slices.Clone(places), i, i+1)
		for _, o := range orders(rest) {
			out = append(out, append([]int{places[i]}, o...))
		}
	}
	return out
}

// countsOf is every choice of counts up to most.
func countsOf(bins int, most int64, f func([]int64)) {
	counts := make([]int64, bins)
	for {
		f(counts)
		i := 0
		for ; i < bins; i++ {
			if counts[i]++; counts[i] <= most {
				break
			}
			counts[i] = 0
		}
		if i == bins {
			return
		}
	}
}

// told is what somebody knows of sets of bins who sees merged bins and tries every
// world, with bins of counts up to most, and every lot that they take for possible.
type told struct {
	bins  []bin
	total int64
	most  []int64 // participants that a set can have
	few   []bool  // it can have 1 to limit
	other []bool  // or none, or more
}

func know(bins int, most, limit int64, lots [][]int) map[string]*told {
	out, sets := map[string]*told{}, 1<<bins
	countsOf(bins, most, func(counts []int64) {
		for _, lot := range lots {
			merged := merge(counts, limit, lot)
			if merged == nil {
				continue
			}
			seen, total := "", int64(0)
			for _, b := range merged {
				n := sumOfSet(counts, setOfBins(b))
				seen, total = seen+fmt.Sprint(b, n, " "), total+n
			}
			k := out[seen]
			if k == nil {
				k = &told{merged, total, make([]int64, sets), make([]bool, sets), make([]bool, sets)}
				out[seen] = k
			}
			for set := 1; set < sets; set++ {
				n := sumOfSet(counts, set)
				k.most[set] = max(k.most[set], n)
				k.few[set] = k.few[set] || n >= 1 && n <= limit
				k.other[set] = k.other[set] || n < 1 || n > limit
			}
		}
	})
	return out
}

func sumOfSet(counts []int64, set int) (n int64) {
	for i, c := range counts {
		if set>>i&1 == 1 {
			n += c
		}
	}
	return n
}

func setOfBins(b bin) int { return 1<<b.to - 1<<b.from }

// tight are the parts of merged bins that cannot have all participants but two.
func (k *told) tight() (n int) {
	for _, b := range k.bins {
		all := setOfBins(b)
		for set := 1; set < all; set++ {
			if set&all == set && b.to > b.from+1 && k.most[set] < k.most[all]-2 {
				n++
			}
		}
	}
	return n
}

// TestMergedBinsTellNothing tries every world and every lot: no set of bins is known
// to be of few, and each part of merged bins can have all of their participants but
// two. For who knew the lot it would not be so.
func TestMergedBinsTellNothing(t *testing.T) {
	for _, x := range []struct {
		bins        int
		most, limit int64
	}{{2, 16, 2}, {3, 16, 2}, {4, 10, 1}, {5, 6, 2}, {3, 25, 5}} {
		places := make([]int, x.bins-1)
		for i := range places {
			places[i] = i + 1
		}
		all, tight := orders(places), 0
		outcomes := know(x.bins, x.most, x.limit, all)
		for seen, k := range outcomes {
			for set := range k.few {
				if k.few[set] && !k.other[set] {
					t.Fatalf("%s: the bins %b are of few", seen, set)
				}
			}
			if k.total <= x.most { // larger ones have worlds that were not tried
				tight += k.tight()
			}
		}
		if tight > 0 || len(outcomes) < 10 {
			t.Errorf("%d bins: %d parts are known more closely, in %d outcomes", x.bins, tight, len(outcomes))
		}
		for _, k := range know(x.bins, x.most, x.limit, all[:1]) {
			if k.total <= x.most {
				tight += k.tight()
			}
		}
		if tight == 0 && x.bins > 2 && x.most > 3*x.limit+6 {
			t.Errorf("%d bins: with a known lot, cut from the left, no part is known more closely", x.bins)
		}
	}
}

// TestMergeIsFinest: every bin may stand alone, none can be cut apart, and together
// they are all.
func TestMergeIsFinest(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		counts := make([]int64, 1+r.IntN(12))
		for i := range counts {
			counts[i] = []int64{0, r.Int64N(24), r.Int64N(100)}[r.IntN(3)]
		}
		order := r.Perm(len(counts) - 1)
		for i := range order {
			order[i]++
		}
		out, at := merge(counts, 20, order), 0
		sum := func(from, to int) (n int64) {
			for _, c := range counts[from:to] {
				n += c
			}
			return n
		}
		if out == nil && alone(sum(0, len(counts)), 20) || out != nil && out[len(out)-1].to != len(counts) {
			t.Fatal(counts, out)
		}
		for _, b := range out {
			if b.from != at || !alone(sum(b.from, b.to), 20) {
				t.Fatal(counts, out)
			}
			for at = b.from + 1; at < b.to; at++ {
				if alone(sum(b.from, at), 20) && alone(sum(at, b.to), 20) {
					t.Fatal(counts, out)
				}
			}
			at = b.to
		}
	}
}

// bars is a histogram's plan and table, of counts of participants from first on.
func bars(t testing.TB, counts []int64, missing int64, first int32) (*plan.Node, *tally.Table) {
	t.Helper()
	everyone, err := plan.Root("Everyone")
	if err != nil {
		t.Fatal(err)
	}
	age, err := plan.Root("Age")
	if err != nil {
		t.Fatal(err)
	}
	var edges []plan.Arg
	for i := 1; i < len(counts); i++ {
		edges = append(edges, 10*i)
	}
	key, err := age.Then("Bands", edges...)
	if err != nil {
		t.Fatal(err)
	}
	n, err := everyone.Then("Histogram", key)
	if err != nil {
		t.Fatal(err)
	}
	table := &tally.Table{Keys: []tally.Key{{Plan: key, Closed: true, Additive: true}}}
	add := func(label string, n int64) {
		var who []int32
		for range n {
			who = append(who, first)
			first++
		}
		table.Groups = append(table.Groups, tally.Group{Labels: []string{label}, All: setOf(who)})
	}
	for i, c := range counts {
		label := fmt.Sprintf("%d to <%d", 10*i, 10*i+10)
		switch i {
		case 0:
			label = "<10"
		case len(counts) - 1:
			label = fmt.Sprintf("%d+", 10*i)
		}
		table.Keys[0].Labels = append(table.Keys[0].Labels, label)
		add(label, c)
	}
	add(plan.Missing, missing)
	return n, table
}

// TestHistogramCertificate: every bin that is merged has completions on both sides of
// the limit, and the rule could have left each of them as it is seen.
func TestHistogramCertificate(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	g := &Guard{policy: Builtin, limits: Builtin.limits()}
	merged := 0
	for range 2000 {
		counts := make([]int64, 2+r.IntN(9))
		for i := range counts {
			counts[i] = []int64{0, r.Int64N(24), r.Int64N(100)}[r.IntN(3)]
		}
		n, table := bars(t, counts, []int64{0, 7, 80}[r.IntN(3)], r.Int32N(1000))
		p, err := g.histogram(t.Context(), n, table)
		if err != nil {
			t.Fatal(err)
		}
		if g.small(table) {
			continue
		}
		if p.certificate == nil {
			t.Fatalf("%v: %s", counts, p.uncertified)
		}
		merged += len(p.merged)
		var c certificate.Certificate
		if err := json.Unmarshal(p.certificate, &c); err != nil {
			t.Fatal(err)
		}
		couldBe(t, counts, &c)
	}
	if merged < 1000 {
		t.Errorf("%d merged bins", merged)
	}
}

// couldBe: in each completion no line can be cut apart.
func couldBe(t *testing.T, counts []int64, c *certificate.Certificate) {
	t.Helper()
	value := map[int64]int64{}
	for _, v := range c.Completions[0].Values {
		value[v[0]] = v[1]
	}
	for _, one := range c.Completions {
		now := func(count int64) int64 {
			for _, v := range one.Values {
				if v[0] == count {
					return v[1]
				}
			}
			return value[count]
		}
		for _, q := range c.Equations {
			var within []int64
			for _, term := range q[1:] {
				within = append(within, now(term[0]))
			}
			order := rand.Perm(len(within) - 1)
			for i := range order {
				order[i]++
			}
			if out := merge(within, c.Limit, order); len(out) != 1 {
				t.Fatalf("%v: a completion %v would be cut into %v", counts, within, out)
			}
		}
	}
}

// asking is a plan of bins of ten years, of which some edges are left out, over
// participants who are in the finest bins, and its table.
func asking(t testing.TB, finest []int64, edges []int, op string) (*plan.Node, *tally.Table) {
	t.Helper()
	counts := make([]int64, len(edges)+1)
	for i, n := range finest {
		counts[place10(edges, i)] += n
	}
	n, table := bars(t, counts, 0, 0)
	key := table.Keys[0].Plan
	var args []plan.Arg
	for _, e := range edges {
		args = append(args, 10*e)
	}
	key, err := key.Recv().Then("Bands", args...)
	if err != nil {
		t.Fatal(err)
	}
	groups, err := n.Recv().Then("By", key)
	if err == nil {
		n, err = groups.Then(op)
	}
	if err != nil {
		t.Fatal(err)
	}
	table.Keys[0].Plan = key
	m := &tally.Members{}
	var e tally.Entries
	for i, n := range finest {
		for range n {
			e.Cell = append(e.Cell, int32(place10(edges, i)))
		}
	}
	m.Participants, m.Parts = len(e.Cell), [][]tally.Entries{{e}}
	for i := range table.Groups {
		in := tally.Cells{Cells: []int32{int32(i)}}
		if i == len(counts) {
			in.Cells = nil // nobody misses it
		}
		m.Groups = append(m.Groups, in)
	}
	table.Members = m
	return n, table
}

// place10 is the bin that a finest bin is in.
func place10(edges []int, finest int) (n int) {
	for _, e := range edges {
		if finest >= e {
			n++
		}
	}
	return n
}

// TestHistogramsTogether asks for tables and histograms of the same participants, with
// one edge and another left out: of no set of bins that is of 1 to 20 the count follows
// by linear algebra from all that was shown.
func TestHistogramsTogether(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	shown, merged := 0, 0
	for range 25 {
		finest := make([]int64, 8)
		all := 0
		for i := range finest {
			finest[i] = []int64{r.Int64N(21), 21 + r.Int64N(60), 21 + r.Int64N(60)}[r.IntN(3)]
			all += int(finest[i])
		}
		if all < 100 {
			continue
		}
		h := openHistory(t, t.TempDir()+"/history", people(all, r.Uint64()))
		g := &Guard{policy: Builtin, limits: Builtin.limits(), history: h}
		var known [][]int64
		for range 6 {
			var edges []int
			for e := 1; e < len(finest); e++ {
				if r.IntN(4) > 0 {
					edges = append(edges, e)
				}
			}
			if len(edges) == 0 {
				continue
			}
			op := []string{"Bins", "Bins", "Count"}[r.IntN(3)]
			n, table := asking(t, finest, edges, op)
			protect := g.groups
			if isHistogram(n, table) != (op == "Bins") {
				t.Fatal(op)
			} else if op == "Bins" {
				protect = g.histogram
			}
			p, err := protect(t.Context(), n, table)
			if err != nil {
				t.Fatal(err)
			}
			merged += len(p.merged)
			at := 0
			for _, row := range p.rows {
				width := max(1, p.merged[row.labels[0]])
				v := make([]int64, len(finest))
				for i := range finest {
					if b := place10(edges, i); at <= b && b < at+width {
						v[i] = 1
					}
				}
				if at += width; !row.cells[0].Hidden {
					if int64(row.cells[0].Value) != dot(v, finest) {
						t.Fatalf("%v of %v is shown as %v", v, finest, row)
					}
					known, shown = append(known, v), shown+1
				}
			}
		}
		known = append(known, []int64{1, 1, 1, 1, 1, 1, 1, 1}) // how many there are is known
		rank := rankOf(known)
		for set := 1; set < 1<<len(finest); set++ {
			v := make([]int64, len(finest))
			for i := range v {
				v[i] = int64(set >> i & 1)
			}
			if n := dot(v, finest); n >= 1 && n <= 20 && rankOf(append(slices.Clip(known), v)) == rank {
				t.Fatalf("%v: %v follows from %v", finest, v, known)
			}
		}
	}
	if t.Logf("%d numbers, %d merged bins", shown, merged); shown < 200 || merged < 30 {
		t.Error("too few to say anything")
	}
}

func dot(a, b []int64) (sum int64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}

// rankOf is the rank of vectors, modulo a prime.
func rankOf(vectors [][]int64) (rank int) {
	const p = 1_000_003
	var rows [][]int64
	for _, v := range vectors {
		rows = append(rows, slices.Clone(v))
	}
	for c := range rows[0] {
		at := slices.IndexFunc(rows[rank:], func(r []int64) bool { return r[c]%p != 0 })
		if at < 0 {
			continue
		}
		rows[rank], rows[rank+at] = rows[rank+at], rows[rank]
		for i := rank + 1; i < len(rows); i++ {
			a, b := rows[rank][c], rows[i][c]
			for j := range rows[i] {
				rows[i][j] = ((rows[i][j]*a-rows[rank][j]*b)%p + p) % p
			}
		}
		if rank++; rank == len(rows) {
			break
		}
	}
	return rank
}
