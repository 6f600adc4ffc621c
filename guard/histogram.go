package guard

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"strconv"

	"weir/datasets/plan"
	"weir/datasets/tally"
	"weir/guard/certificate"
	"weir/guard/rules"
)

// A histogram's bins are the plan's. Those that may not stand alone are merged with
// their neighbours: all bins are one at first, the places between two of them are
// taken in an order that is drawn by lot, and at each the bins are cut apart if those
// on both sides, up to the next cut, may stand alone: if they are of nobody, or of
// more than limit+2 participants.
//
// The attacker knows this, but not the lot: it is drawn with the secret of the
// history, so that nobody can say of a cut that was not made whether it was tried
// while more bins were together. What follows from a merged bin of n participants is
// that no cut in it was possible. That says of none of its parts that it is of 1 to
// limit. Let U be some of its bins, not all. With 1 participant in the first bin, 1
// in the last and the others wherever one likes no cut is possible, for one side is of
// 1 to limit+2 at least as long as all of the others are in one bin; so all but one are
// in U if U has the first bin or the last, and all but two if it has neither, which are
// more than limit. With the cuts that were made first in the lot, the same is shown of
// these participants. An order that everybody knows would not do: the leftmost cut
// first, for example, says of all parts of a merged bin but its last that they are few.
//
// Sets of participants that are the same are cut in the same way however they are
// asked for, and what several histograms give away together the history sees to.
type bin struct{ from, to int } // labels

// alone says that bins of so many participants may be shown as one.
func alone(participants, limit int64) bool { return participants == 0 || participants > limit+2 }

// merge cuts bins apart in an order; nil where they may not even be shown as one.
func merge(counts []int64, limit int64, order []int) []bin {
	before := make([]int64, len(counts)+1)
	for i, n := range counts {
		before[i+1] = before[i] + n
	}
	if !alone(before[len(counts)], limit) {
		return nil
	}
	out := []bin{{0, len(counts)}}
	for _, at := range order {
		i := slices.IndexFunc(out, func(b bin) bool { return b.to > at })
		b := out[i]
		if alone(before[at]-before[b.from], limit) && alone(before[b.to]-before[at], limit) {
			out = slices.Replace(out, i, i+1, bin{b.from, at}, bin{at, b.to})
		}
	}
	return out
}

// isHistogram says that a table is of bins that stand in a line.
func isHistogram(n *plan.Node, t *tally.Table) bool {
	lowered, err := plan.Lower(n)
	if err != nil || lowered.Op() != "Bins" || len(t.Keys) != 1 || len(t.Stats) > 0 {
		return false
	}
	k := t.Keys[0]
	total := func(g tally.Group) bool { return g.Labels[0] == plan.Total }
	return k.Closed && k.Additive && slices.Contains([]string{"Bands", "BandsOf", "Fractions", "Levels"}, k.Plan.Op()) && !slices.ContainsFunc(t.Groups, total)
}

// histogram is the bins of a table that is being protected.
type histogram struct {
	labels []string
	counts []int64
	groups []int // of the table
	bins   []bin
	all    bool // they are too few: all are hidden
	rows   tally.Table
	safe   []bool // by group of rows
	shown  int    // the first groups of rows, that have a line; then come the bins within them
}

// histogram protects a table of bins.
func (g *Guard) histogram(ctx context.Context, n *plan.Node, t *tally.Table) (*protected, error) {
	if g.excepted {
		return g.groups(ctx, n, t)
	}
	h := g.cut(t)
	note, err := g.rememberSteps(ctx, &h.rows, h.safe)
	if err != nil {
		return nil, err
	}
	p := &protected{keys: []string{t.Keys[0].Plan.Name()}, columns: []string{"participants"}, merged: map[string]int{}, notes: g.notes(t)}
	for i := range h.shown {
		group := &h.rows.Groups[i]
		n := rules.Number{Kind: rules.Count, Value: float64(group.All.Participants)}
		p.rows = append(p.rows, row{group.Labels, []plan.Cell{g.cell(n, !h.safe[i])}})
		if i < len(h.bins) && h.bins[i].to > h.bins[i].from+1 {
			p.merged[group.Labels[0]] = h.bins[i].to - h.bins[i].from
		}
	}
	if len(p.merged) > 0 {
		p.notes = append(p.notes, "Bins of few participants are shown as one with their neighbours; with which ones is partly drawn by lot, so that it does not tell which of them are of few.")
	}
	if h.all {
		p.notes = append(p.notes, "However wide, no bins are of enough participants: ask of more of them.")
	}
	if note != "" {
		p.notes = append(p.notes, note)
	}
	if g.small(t) {
		p.uncertified = errSmall.Error()
		return p, nil
	}
	p.certificate, err = h.certify(p.rows, g.limits.Threshold)
	p.uncertified = reason(err)
	return p, nil
}

// cut decides which bins come together.
func (g *Guard) cut(t *tally.Table) *histogram {
	h := &histogram{labels: t.Keys[0].Labels}
	missing := -1
	for i := range t.Groups {
		if t.Groups[i].Labels[0] == plan.Missing {
			missing = i
		}
	}
	for _, l := range h.labels {
		at := slices.IndexFunc(t.Groups, func(g tally.Group) bool { return g.Labels[0] == l })
		h.groups = append(h.groups, at)
		h.counts = append(h.counts, 0)
		if at >= 0 {
			h.counts[len(h.counts)-1] = t.Groups[at].All.Participants
		}
	}
	small := g.small(t)
	if !small {
		h.bins = merge(h.counts, g.limits.Threshold, g.lot(t))
	}
	if h.all = h.bins == nil; h.all {
		for i := range h.labels {
			h.bins = append(h.bins, bin{i, i + 1})
		}
	}
	h.rows = tally.Table{Keys: t.Keys}
	if t.Members != nil {
		m := *t.Members
		m.Groups = nil
		h.rows.Members = &m
	}
	for _, b := range h.bins {
		h.add(t, joined(t.Keys[0].Plan, h.labels, b), h.groups[b.from:b.to], !h.all)
	}
	if missing >= 0 && t.Groups[missing].All.Participants > 0 {
		h.add(t, plan.Missing, []int{missing}, !small && g.limits.Safe(t.Groups[missing].All.Participants))
	}
	h.shown = len(h.rows.Groups)
	for _, b := range h.bins {
		for i := b.from; i < b.to && b.to > b.from+1; i++ {
			h.add(t, h.labels[i], h.groups[i:i+1], false)
		}
	}
	return h
}

// add adds groups of a table as one.
func (h *histogram) add(t *tally.Table, label string, groups []int, safe bool) {
	out := tally.Group{Labels: []string{label}}
	var cells tally.Cells
	for _, i := range groups {
		if i < 0 {
			continue
		}
		out.All.Add(t.Groups[i].All)
		if t.Members != nil {
			of := t.Members.Groups[i]
			cells.Part, cells.Cells = of.Part, append(cells.Cells, of.Cells...)
		}
	}
	h.rows.Groups, h.safe = append(h.rows.Groups, out), append(h.safe, safe)
	if t.Members != nil {
		h.rows.Members.Groups = append(h.rows.Members.Groups, cells)
	}
}

// lot is the order in which places between bins are taken: for the same participants
// in the same bins the same one.
func (g *Guard) lot(t *tally.Table) []int {
	var b []byte
	if g.history != nil {
		b = binary.LittleEndian.AppendUint64(b, g.history.options.Seed)
	}
	for i := range t.Groups {
		for _, half := range t.Groups[i].All.Print {
			b = binary.LittleEndian.AppendUint64(b, half)
		}
	}
	out := rand.New(rand.NewChaCha8(sha256.Sum256(b))).Perm(max(0, len(t.Keys[0].Labels)-1))
	for i := range out {
		out[i]++
	}
	return out
}

// joined is the label of bins that are shown as one.
func joined(key *plan.Node, labels []string, b bin) string {
	if b.to == b.from+1 {
		return labels[b.from]
	}
	first, last := labels[b.from], labels[b.to-1]
	if op := key.Op(); op != "Bands" && op != "BandsOf" {
		return first + " to " + last
	}
	edges := edgesOf(key)
	text := func(i int) string { return strconv.FormatFloat(edges[i], 'f', -1, 64) }
	switch above, below := b.from > 0, b.to <= len(edges); {
	case above && below:
		return text(b.from-1) + " to <" + text(b.to-1)
	case above:
		return text(b.from-1) + "+"
	case below:
		return "<" + text(b.to-1)
	}
	return "any"
}

// certify is the certificate: the bins within a line add up to it. In its
// completions no line could be cut apart.
func (h *histogram) certify(rows []row, limit int64) ([]byte, error) {
	c := &certificate.Certificate{Version: 1, Limit: limit}
	w := worlds{c: c}
	count := func() int64 { c.Counts++; return int64(c.Counts - 1) }
	for i, r := range rows {
		line, n := count(), h.rows.Groups[i].All.Participants
		c.Rows = append(c.Rows, texts(r))
		c.Numbers = append(c.Numbers, certificate.Number{Row: i, Count: int(line)})
		if h.safe[i] {
			c.Shown = append(c.Shown, certificate.Value{line, n})
		}
		switch merged := i < len(h.bins) && h.bins[i].to > h.bins[i].from+1; {
		case merged:
			var within []int64
			q := certificate.Equation{{line, -1}}
			for range h.bins[i].to - h.bins[i].from {
				within = append(within, count())
				q = append(q, certificate.Value{within[len(within)-1], 1})
			}
			c.Equations = append(c.Equations, q)
			if !h.safe[i] { // withheld for the sake of other answers
				n = limit + 3
				c.Large, w.always = append(c.Large, int(line)), append(w.always, certificate.Value{line, n})
			}
			w.merged(within, n)
		case h.safe[i]:
		case h.all || i >= len(h.bins):
			w.either(line, limit)
		default:
			c.Large, w.always = append(c.Large, int(line)), append(w.always, certificate.Value{line, limit + 3})
		}
	}
	w.complete()
	return sealed(c)
}

// worlds are the completions of a histogram, by what varies in them.
type worlds struct {
	c      *certificate.Certificate
	always []certificate.Value
	parts  [][][]certificate.Value // of each part, one after the other
}

// merged has all but the ends' participants in each bin of a line in turn.
func (w *worlds) merged(bins []int64, n int64) {
	var out [][]certificate.Value
	last := len(bins) - 1
	for i := range bins {
		values := make([]certificate.Value, len(bins))
		for j, b := range bins {
			values[j] = certificate.Value{b, 0}
		}
		values[0][1], values[last][1] = 1, 1
		values[i][1] = n - 1
		if 0 < i && i < last {
			values[i][1] = n - 2
		}
		out = append(out, values)
	}
	w.parts = append(w.parts, out)
}

func inOrder(c certificate.Completion) certificate.Completion {
	slices.SortFunc(c.Values, func(a, b certificate.Value) int { return cmp.Compare(a[0], b[0]) })
	return c
}

// either has few participants behind a number, or more.
func (w *worlds) either(count, limit int64) {
	w.parts = append(w.parts, [][]certificate.Value{{{count, 1}}, {{count, limit + 1}}})
}

// complete writes the completions: of the first every value, of the others those that
// differ from it.
func (w *worlds) complete() {
	first := certificate.Completion{Over: 1, Values: slices.Clone(w.always)}
	for _, p := range w.parts {
		first.Values = append(first.Values, p[0]...)
	}
	w.c.Completions = append(w.c.Completions, inOrder(first))
	for k := 1; ; k++ {
		next := certificate.Completion{Over: 1}
		for _, p := range w.parts {
			for j := 0; k < len(p) && j < len(p[k]); j++ {
				if p[k][j] != p[0][j] {
					next.Values = append(next.Values, p[k][j])
				}
			}
		}
		if next.Values == nil {
			return
		}
		w.c.Completions = append(w.c.Completions, inOrder(next))
	}
}
