package guard_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"weir/datasets/plan"
	"weir/datasets/tally"
)

// bars is microdata in bins: how many participants are in each, and behind them who
// misses the value. Whoever they are, they look the same.
type bars []int64

// drawBars has few in some bins and nobody in others.
func drawBars(r *rand.Rand) bars {
	out := make(bars, 3+r.IntN(7))
	scale := []int64{8, 30, 120}[r.IntN(3)]
	for i := range out {
		out[i] = []int64{0, r.Int64N(22), r.Int64N(scale), scale + r.Int64N(scale)}[r.IntN(4)]
	}
	out[len(out)-1] = []int64{0, 7, 60}[r.IntN(3)]
	return out
}

// table is the plan and what the engine counts, of participants drawn by lot.
func (b bars) table(r *rand.Rand) (*plan.Node, *tally.Table) {
	var edges []plan.Arg
	labels := []string{"<10"}
	for i := 1; i < len(b)-1; i++ {
		edges = append(edges, 10*i)
		labels = append(labels, fmt.Sprintf("%d to <%d", 10*i, 10*i+10))
	}
	labels[len(labels)-1] = strconv.Itoa(10*len(edges)) + "+"
	key := must(must(plan.Root("Age")).Then("Bands", edges...))
	t := &tally.Table{Keys: []tally.Key{{Plan: key, Labels: labels, Closed: true, Additive: true}}}
	first := r.Int32N(1 << 30)
	for i, n := range b {
		g := tally.Group{Labels: []string{append(slices.Clone(labels), plan.Missing)[i]}}
		for range n {
			g.All.Add(tally.Set{Participants: 1, Rows: 1, Print: tally.PrintOf(first)})
			first++
		}
		t.Groups = append(t.Groups, g)
	}
	return must(must(plan.Root("Everyone")).Then("Histogram", key)), t
}

// show is what the guard shows.
func (b bars) show(t testing.TB, r *rand.Rand, publish publisher) *plan.Result {
	t.Helper()
	n, table := b.table(r)
	out, _, err := publish(n, table)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// line is a group that is shown: its bins and its number, -1 for a hidden one.
type line struct {
	from, to int
	n        int64
}

// linesOf reads a result back, by its labels.
func linesOf(t testing.TB, result *plan.Result, bins int) (out []line) {
	t.Helper()
	place := func(edge string) int {
		x, err := strconv.Atoi(edge)
		if err != nil {
			t.Fatal(err)
		}
		return x / 10
	}
	for _, g := range result.Groups {
		l := line{0, bins, int64(g.Participants.Value)}
		if g.Participants.Hidden {
			l.n = -1
		}
		label := g.Labels[0]
		switch from, to, two := strings.Cut(label, " to <"); {
		case label == plan.Missing:
			continue
		case label == "any":
		case two:
			l.from, l.to = place(from), place(to)
		case strings.HasPrefix(label, "<"):
			l.to = place(label[1:])
		default:
			l.from = place(strings.TrimSuffix(label, "+"))
		}
		out = append(out, l)
	}
	return out
}

// others are worlds in which the attacker would see the same, if chance has it: of one
// line all but few are in one of its bins, and the few at its ends.
func (b bars) others(lines []line) (out []bars) {
	for _, l := range lines {
		if l.to == l.from+1 && l.n >= 0 {
			continue
		}
		for at := l.from; at < l.to; at++ {
			w := slices.Clone(b)
			n := l.n
			if n < 0 { // all bins are hidden: somebody is there, and who knows how many
				clear(w[:len(w)-1])
				n = threshold + 1
			} else if clear(w[l.from:l.to]); at > l.from && at < l.to-1 {
				w[l.from], w[l.to-1], n = 1, 1, n-2
			} else {
				w[l.from], w[l.to-1], n = 1, 1, n-1
			}
			w[at] = n
			out = append(out, w)
		}
	}
	return out
}

// siege attacks a histogram: of each set of bins that is of 1 to 20 it asks whether
// another world shows the same, in which it is not. Whether it does show the same the
// guard itself says, for participants drawn by lot until it does.
func (b bars) siege(t testing.TB, r *rand.Rand, publish publisher, a *attack) {
	t.Helper()
	seen := b.show(t, r, publish)
	text, bins := shownText(seen), len(b)-1
	lines := linesOf(t, seen, bins)
	same := []bars{b}
	for _, w := range b.others(lines) {
		for range 3000 {
			if shownText(w.show(t, r, publish)) == text {
				same = append(same, w)
				break
			}
		}
	}
	a.tables++
	for set := 1; set < 1<<bins; set++ {
		truth := b.in(set)
		if !sensitive(float64(truth)) {
			continue
		}
		a.targets++
		lo, hi := truth, truth
		for _, w := range same {
			lo, hi = min(lo, w.in(set)), max(hi, w.in(set))
		}
		if hi <= threshold && lo > 0 {
			a.pinned = append(a.pinned, finding{fmt.Sprintf("%v, the bins %b", b, set), float64(truth), float64(lo), float64(hi), text})
		}
	}
}

func (b bars) in(set int) (n int64) {
	for i, c := range b {
		if set>>i&1 == 1 {
			n += c
		}
	}
	return n
}

func histograms() int {
	if os.Getenv("LONG") != "" {
		return 20_000
	}
	return 300
}

// besiegeHistograms attacks many.
func besiegeHistograms(t testing.TB, publish publisher, n int) *attack {
	r := rand.New(rand.NewPCG(6, 28))
	a := &attack{}
	for range n {
		drawBars(r).siege(t, r, publish, a)
	}
	return a
}

// TestHistogramAttack: no set of bins is known to be of 1 to 20.
func TestHistogramAttack(t *testing.T) {
	a := besiegeHistograms(t, guarded(), histograms())
	t.Logf("%d histograms, %d sets of 1 to %d, %d pinned", a.tables, a.targets, threshold, len(a.pinned))
	if a.targets < 2*a.tables {
		t.Error("too few to say anything")
	}
	for i, f := range a.pinned {
		if i < 5 {
			t.Error(f)
		}
	}
	if b := besiegeHistograms(t, hiding(), 30); len(b.pinned) == 0 {
		t.Error("bins that are hidden by themselves are not found")
	}
}

// hiding hides bins of 1 to 20, and merges none.
func hiding() publisher {
	few := func(n int64) bool { return n >= 1 && n <= threshold }
	return func(_ *plan.Node, t *tally.Table) (*plan.Result, map[string]string, error) {
		return published(t, few), nil, nil
	}
}
