// An attacker who sees what the guard releases, knows the plan, the policy and how
// the guard decides, and works out what follows. It shares no code with the guard's
// own audit.
package guard_test

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"

	"weir/datasets/plan"
	"weir/datasets/tally"
	"weir/guard"
	"weir/guard/certificate"
	"weir/guard/ledger"
)

// attack is what came of attacking releases.
type attack struct {
	tables, hidden, targets int
	exact, pinned           []finding // counts of 1 to 20 that are determined, or that are known to be 1 to 20
	values                  []finding // values of one participant, or of one who dominates
	unresolved              int       // targets for which no other world was found, and none excluded
	broken                  map[string]int
	leaks                   []leaked
}

// leaked is a table from which something follows that must not.
type leaked struct {
	seed  uint64
	cells int
	exact bool // a count or a value is determined
	text  string
}

func (l leaked) String() string { return l.text }

type finding struct {
	what   string
	truth  float64
	lo, hi float64
	how    string
}

func (f finding) String() string {
	return fmt.Sprintf("%s: %g is in %g to %g (%s)", f.what, f.truth, f.lo, f.hi, f.how)
}

// publisher is a guard, or something weaker.
type publisher func(*plan.Node, *tally.Table) (*plan.Result, map[string]string, error)

// memory is a ledger that is not written: 100,000 tables are not on the disk. The
// guard's own tests use the real one.
type memory struct {
	seq  int64
	last []byte
}

func (l *memory) Append(kind string, body any) (ledger.Entry, error) {
	b, err := json.Marshal(body)
	l.seq++
	l.last = b
	return ledger.Entry{Seq: l.seq, Kind: kind, Body: b}, err
}

// guarded publishes by the guard, each table in a session of its own.
func guarded() publisher {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	schema := &plan.Schema{Name: "test", CDR: "v1", Tier: plan.Registered}
	return func(n *plan.Node, table *tally.Table) (*plan.Result, map[string]string, error) {
		l := &memory{}
		g, err := guard.New(guard.Builtin, l, key, "session", schema, nil)
		if err != nil {
			return nil, nil, err
		}
		r, err := g.Table(n, table)
		if err == nil {
			err = l.certified()
		}
		return r.Result(), r.MIME(), err
	}
}

// detail is what the last entry says of its certificate.
func (l *memory) detail() (d struct {
	Certificate json.RawMessage
	Uncertified string
}) {
	body := struct{ Detail any }{&d}
	if err := json.Unmarshal(l.last, &body); err != nil {
		panic(err)
	}
	return d
}

// certificates are those that were verified; tooLarge the tables without one.
var certificates, tooLarge atomic.Int64

// certified verifies the certificate of the last release.
func (l *memory) certified() error {
	d := l.detail()
	switch {
	case d.Certificate != nil:
		certificates.Add(1)
		return certificate.Verify(d.Certificate)
	case strings.HasPrefix(d.Uncertified, "nothing is shown"):
		return nil
	case strings.HasPrefix(d.Uncertified, "the table is too large"):
		tooLarge.Add(1)
		return nil
	}
	return fmt.Errorf("without a certificate: %s", d.Uncertified)
}

// on attacks what is published of a world. nodes bounds the search for whole numbers.
func (a *attack) on(w *world, publish publisher, nodes int) error {
	result, _, err := publish(w.plan, w.table())
	if err != nil {
		return fmt.Errorf("%w\n%s", err, w.plan)
	}
	m := w.modelOf(result)
	if err := m.wrong(); err != nil {
		return fmt.Errorf("the attacker believes what is not so: %w\n%s\n%s", err, w.plan, shownText(result))
	}
	a.tables++
	for _, g := range result.Groups {
		for _, c := range append([]plan.Cell{g.Participants}, g.Cells...) {
			a.hidden += indicator(c.Hidden)
		}
	}
	for why, n := range m.broken {
		if a.broken == nil {
			a.broken = map[string]int{}
		}
		a.broken[why] += n
	}
	s := &siege{attack: a, m: m, box: box{m.lo, m.hi}.clone(), nodes: nodes}
	possible := s.narrow()
	if err := m.wrong(); err != nil || !possible {
		return fmt.Errorf("the attacker finds nothing possible: %v\n%s\n%s", err, w.plan, shownText(result))
	}
	exact, pinned, values := len(a.exact), len(a.pinned), len(a.values)
	for _, t := range m.targets {
		s.count(t)
	}
	s.derived()
	s.sums()
	if found := slices.Concat(s.exact[exact:], s.pinned[pinned:], s.values[values:]); len(found) > 0 {
		a.leaks = append(a.leaks, leaked{
			exact: len(s.exact) > exact || len(s.values) > values,
			text:  fmt.Sprintf("%s\n%s\n%v", w.plan, shownText(result), found),
		})
	}
	return nil
}

// narrow bounds every unknown, and excludes what the arithmetic of whole numbers
// does, first how many have a value, then how many of them 1.
func (s *siege) narrow() bool {
	m := s.m
	if !m.propagate(s.box, nil) {
		return false
	}
	for range 2 {
		for _, mo := range m.numbers {
			s.bound(mo.known)
			if mo.ones >= 0 {
				s.bound(mo.ones)
			}
		}
		m.arithmetic(s.box)
		if !m.propagate(s.box, nil) {
			return false
		}
		s.simplex = nil
	}
	m.ready(s.box)
	s.worlds = nil // found before all was known
	return true
}

// bound narrows one unknown by linear programming.
func (s *siege) bound(at int) {
	if s.box.hi[at]-s.box.lo[at] < 0.5 {
		return
	}
	f := sum([]int{at})
	hi, lo := s.end(f, 1), s.end(f, -1)
	s.box.lo[at], s.box.hi[at] = max(s.box.lo[at], math.Ceil(lo-1e-4)), min(s.box.hi[at], math.Floor(hi+1e-4))
}

func (w *world) modelOf(result *plan.Result) *model {
	if w.steps != nil {
		return newFlow(w, result)
	}
	m := newModel(w, result)
	m.aimAll()
	return m
}

// siege is the attack on one release.
type siege struct {
	*attack
	m       *model
	box     box
	simplex *simplex
	worlds  [][]float64 // other whole worlds that are possible
	nodes   int
	spent   int // nodes, of all searches
}

// ends is what the bounds say of a form.
func (b box) ends(f form) (lo, hi float64) {
	for i, at := range f.at {
		l, h := ends(f.coef[i], b.lo[at], b.hi[at])
		lo, hi = lo+l, hi+h
	}
	return lo, hi
}

// count attacks a count of 1 to 20: it is safe when in one possible world it is
// more than 20, or none.
func (s *siege) count(t target) {
	s.targets++
	if slices.ContainsFunc(s.worlds, func(x []float64) bool { return !sensitive(t.form.value(x)) }) {
		return
	}
	lo, hi := s.box.ends(t.form)
	if lo > 0.5 && hi < threshold+0.5 {
		s.found(t, lo, hi, "bounds")
		return
	}
	top, above := s.corner(t.form, 1)
	bottom, below := s.corner(t.form, -1)
	if top < threshold+1-1e-4 && bottom > 1e-4 {
		s.simplex = nil // again, without what rounding has gathered
		if s.end(t.form, 1) < threshold+1-1e-4 {
			s.found(t, math.Ceil(bottom-1e-4), math.Floor(top+1e-4), "linear programming")
			return
		}
	}
	if !slices.ContainsFunc(s.worlds, func(x []float64) bool { return !sensitive(t.form.value(x)) }) {
		s.wholes(t, toward(s.m.truth, above, t, threshold+1), toward(s.m.truth, below, t, 0))
	}
}

func sensitive(v float64) bool { return v > 0.5 && v < threshold+0.5 }

// end is the end of a form in linear programming; the world that shows it is kept
// if it is of whole numbers.
func (s *siege) end(f form, sign float64) float64 {
	if s.simplex == nil {
		s.simplex = newSimplex(&s.m.system, s.box)
	}
	v, ok := s.simplex.maximise(f, sign)
	if !ok {
		s.simplex = nil
		return sign * inf
	}
	s.keep(s.simplex.x[:s.simplex.n])
	return v
}

// keep notes a world if it is possible and whole.
func (s *siege) keep(x []float64) {
	x = slices.Clone(x)
	for i := range x {
		if s.m.whole[i] {
			r := math.Round(x[i])
			if math.Abs(r-x[i]) > 1e-5 {
				return
			}
			x[i] = r
		}
	}
	was := s.m.truth
	s.m.truth = x
	ok := s.m.wrong() == nil
	s.m.truth = was
	for _, j := range s.m.jumps {
		ok = ok && !sensitive(x[j])
	}
	if ok {
		s.worlds = append(s.worlds, x)
	}
}

// corner is an end of a form, and where it is.
func (s *siege) corner(f form, sign float64) (float64, []float64) {
	v := s.end(f, sign)
	if s.simplex == nil {
		return v, s.m.truth
	}
	return v, slices.Clone(s.simplex.x[:s.simplex.n])
}

// toward is the point between the truth and a corner at which the count is v, nil
// where it does not come so far: a world of whole numbers is likely near it.
func toward(truth, corner []float64, t target, v float64) []float64 {
	far := t.form.value(corner) - t.truth
	if (v-t.truth)*far <= 0 || math.Abs(far) < math.Abs(v-t.truth)-1e-4 {
		return nil
	}
	out := make([]float64, len(truth))
	for i := range out {
		out[i] = truth[i] + (corner[i]-truth[i])*(v-t.truth)/far
	}
	return out
}

// wholes searches for a world of whole numbers in which the count is not 1 to 20,
// near above or below; nil where linear programming says that there is none.
func (s *siege) wholes(t target, above, below []float64) {
	if s.nodes == 0 {
		return // linear programming alone
	}
	if s.spent > 100*s.nodes {
		s.unresolved++
		return
	}
	complete := true
	try := func(lo, hi float64, hint []float64) bool {
		f := t.form
		f.lo, f.hi = lo, hi
		nodes := s.nodes
		x, all := s.m.search(s.box.clone(), &f, hint, &nodes)
		if x != nil {
			s.worlds = append(s.worlds, x)
		}
		s.spent += s.nodes - max(nodes, 0)
		complete = complete && all
		return x != nil
	}
	if above != nil && try(threshold+1, inf, above) || below != nil && try(-inf, 0, below) {
		return
	}
	if !complete {
		s.unresolved++
		return
	}
	lo, hi := t.truth, t.truth
	for hi < threshold && try(hi+1, threshold, s.m.truth) {
		hi = math.Round(t.form.value(s.worlds[len(s.worlds)-1]))
	}
	for lo > 1 && try(1, lo-1, s.m.truth) {
		lo = math.Round(t.form.value(s.worlds[len(s.worlds)-1]))
	}
	s.found(t, lo, hi, "whole numbers")
}

func (s *siege) found(t target, lo, hi float64, how string) {
	if lo < hi && how != "whole numbers" { // the ends may not be of whole numbers
		other := func(x []float64) bool { return math.Abs(t.form.value(x)-t.truth) > 0.5 }
		if !slices.ContainsFunc(s.worlds, other) {
			f := t.form
			for _, part := range [][2]float64{{t.truth + 1, hi}, {lo, t.truth - 1}} {
				f.lo, f.hi = part[0], part[1]
				nodes := s.nodes
				if x, all := s.m.search(s.box.clone(), &f, s.m.truth, &nodes); x == nil && all {
					if part[0] > t.truth {
						hi = t.truth
					} else {
						lo = t.truth
					}
				}
			}
		}
	}
	f := finding{t.what, t.truth, lo, hi, how}
	if lo == hi {
		s.exact = append(s.exact, f)
	} else {
		s.pinned = append(s.pinned, f)
	}
}

// aimAll lists every count of 1 to 20 that the plan has a name for: groups and their
// margins, asked or not; those for whom a Bool is true, false or missing, and two of
// these together; the parts of a category; and of each, a group's complement in its
// total.
func (m *model) aimAll() {
	seen := map[string]bool{}
	m.tuples(nil, func(labels []string) {
		cells := m.cellsOf(labels)
		name := strings.Join(labels, " ")
		m.aimCells(seen, name, cells, nil)
		for i, l := range labels {
			if l == plan.Total {
				m.aimUnshown(seen, labels, i)
				continue
			}
			total := slices.Clone(labels)
			total[i] = plan.Total
			if m.w.keys[i].member == nil || m.w.totals {
				m.aimCells(seen, strings.Join(total, " ")+" without "+l, m.cellsOf(total), cells)
			}
		}
	})
	m.aimPairs(seen)
	m.aimBoth(seen)
}

// aimBoth aims at those who are in both groups of a split: the groups' numbers less the total's.
func (m *model) aimBoth(seen map[string]bool) {
	for i := range m.w.keys {
		if m.w.keys[i].member == nil || !m.w.totals || len(m.w.keys[i].labels) != 2 {
			continue
		}
		m.tuples(nil, func(labels []string) {
			if labels[i] != plan.Total || !slices.ContainsFunc(m.slots[i], func(s slot) bool { return s.label == m.w.keys[i].labels[1] }) {
				return
			}
			both := form{}
			for _, l := range m.w.keys[i].labels {
				one := slices.Clone(labels)
				one[i] = l
				both = both.plus(1, m.participants(m.cellsOf(one)))
			}
			m.aimOnce(seen, strings.Join(labels, " ")+" in both groups", both.plus(-1, m.participants(m.cellsOf(labels))))
		})
	}
}

// tuples calls f with every row of labels that there could be.
func (m *model) tuples(at []string, f func([]string)) {
	i := len(at)
	if i == len(m.slots) {
		f(slices.Clone(at))
		return
	}
	for _, s := range m.slots[i] {
		if !s.any {
			m.tuples(append(at, s.label), f)
		}
	}
	if m.w.keys[i].member == nil || m.w.totals {
		m.tuples(append(at, plan.Total), f)
	}
}

func (m *model) aimOnce(seen map[string]bool, what string, f form) {
	if v := f.value(m.truth); v < 1 || v > threshold {
		return
	}
	type term struct {
		at   int
		coef float64
	}
	var terms []term
	for i, at := range f.at {
		if f.coef[i] != 0 {
			terms = append(terms, term{at, f.coef[i]})
		}
	}
	slices.SortFunc(terms, func(a, b term) int { return a.at - b.at })
	if id := fmt.Sprint(terms); !seen[id] {
		seen[id] = true
		m.aim(what, f)
	}
}

// aimCells aims at the participants of cells, without those of others.
func (m *model) aimCells(seen map[string]bool, name string, cells, without []int) {
	f := m.participants(cells)
	if without != nil {
		f = f.plus(-1, m.participants(without))
	}
	m.aimOnce(seen, name, f)
	for s, c := range m.srcs {
		aim := func(what string, keep func(int) bool) {
			f := m.members(s, cells, keep)
			if without != nil {
				f = f.plus(-1, m.members(s, without, keep))
			}
			m.aimOnce(seen, name+", "+c.of.node.Op()+" "+what, f)
		}
		gap := len(c.cuts) + 1
		for k := range gap + 1 {
			aim(fmt.Sprintf("class %d", k), func(j int) bool { return j == k })
			aim(fmt.Sprintf("but class %d", k), func(j int) bool { return j != k })
			aim(fmt.Sprintf("known, but class %d", k), func(j int) bool { return j != k && j != gap })
		}
		for _, i := range c.stats {
			if truth := m.w.stats[i].truth; truth != nil {
				for v := -1; v <= 1; v++ {
					aim(fmt.Sprintf("%s %d", m.w.stats[i].node.Name(), v), func(j int) bool { return truth(c.of.like(c.cuts, j)) == v })
					aim(fmt.Sprintf("%s not %d", m.w.stats[i].node.Name(), v), func(j int) bool { return truth(c.of.like(c.cuts, j)) != v })
				}
			}
		}
	}
}

// aimUnshown aims at the groups of a key together whose number was not shown.
func (m *model) aimUnshown(seen map[string]bool, labels []string, i int) {
	if m.w.keys[i].member != nil {
		return
	}
	var cells []int
	for _, s := range m.slots[i] {
		one := slices.Clone(labels)
		one[i] = s.label
		if !m.shown[strings.Join(one, " ")] {
			cells = append(cells, m.cellsOf(one)...)
		}
	}
	if len(cells) > 0 {
		m.aimCells(seen, strings.Join(labels, " ")+", what is not shown", cells, nil)
	}
}

// aimPairs aims at two small groups together.
func (m *model) aimPairs(seen map[string]bool) {
	var small []int
	for c, n := range m.n {
		if m.truth[n] > 0 && m.truth[n] < threshold && !m.anywhere(m.cells[c]) && len(small) < 12 {
			small = append(small, c)
		}
	}
	for i, c := range small {
		for _, d := range small[:i] {
			if m.disjoint(c, d) {
				m.aimOnce(seen, m.named(m.cells[c])+" and "+m.named(m.cells[d]), m.participants([]int{c, d}))
			}
		}
	}
}

// disjoint says whether nobody can be in both cells.
func (m *model) disjoint(c, d int) bool {
	for i := range m.cells[c] {
		if m.w.keys[i].member == nil && m.cells[c][i] != m.cells[d][i] {
			return true
		}
	}
	return false
}

// tight is how near an estimate of a participant's value comes to it: within p
// percent, with p = 10.
const tight = 0.1

// sums attacks the values of participants: sums over one, and over those of whom
// one has nearly everything.
func (s *siege) sums() {
	m := s.m
	for at, c := range m.srcs {
		if !c.sums || c.of.hi <= 1 {
			continue
		}
		seen := map[string]bool{}
		m.tuples(nil, func(labels []string) {
			cells := m.cellsOf(labels)
			s.sum(seen, at, strings.Join(labels, " "), cells)
			for i, l := range labels {
				if l == plan.Total || m.w.keys[i].member != nil {
					continue
				}
				total := slices.Clone(labels)
				total[i] = plan.Total
				rest := slices.DeleteFunc(m.cellsOf(total), func(c int) bool { return slices.Contains(cells, c) })
				s.sum(seen, at, strings.Join(total, " ")+" without "+l, rest)
			}
		})
	}
}

func (s *siege) sum(seen map[string]bool, source int, what string, cells []int) {
	id := fmt.Sprint(cells)
	if seen[id] || len(cells) == 0 {
		return
	}
	seen[id] = true
	c := s.m.srcs[source]
	total, largest, second, n := s.contributions(c.of, cells)
	if n == 0 || total-largest-second >= tight*largest && n > 1 {
		return
	}
	f := s.m.values(source, cells)
	lo, hi := s.end(f, -1), s.end(f, 1)
	if lo-second >= (1-tight)*largest && hi-second <= (1+tight)*largest && !c.narrow(largest) {
		s.values = append(s.values, finding{fmt.Sprintf("%s, sum of %s, %g participants", what, c.of.node.Op(), n), largest, lo - second, hi, "linear programming"})
	}
}

// narrow says whether the plan's own classes tell a value within the same bounds.
func (c *classes) narrow(v float64) bool {
	k := classOf(c.cuts, v)
	return c.lo[k] >= (1-tight)*v && c.hi[k] <= (1+tight)*v
}

// contributions of those in the cells: their sum, the largest, the second, and how many.
func (s *siege) contributions(of *source, cells []int) (total, largest, second, n float64) {
	w := s.m.w
	for _, p := range w.members() {
		v := of.value[p]
		if math.IsNaN(v) || !slices.ContainsFunc(cells, func(c int) bool { return s.m.inside(c, p) }) {
			continue
		}
		n++
		total += v
		switch {
		case v > largest:
			largest, second = v, largest
		case v > second:
			second = v
		}
	}
	return total, largest, second, n
}

func (m *model) inside(cell, p int) bool {
	for i := range m.w.keys {
		if !m.slots[i][m.cells[cell][i]].holds(&m.w.keys[i], p) {
			return false
		}
	}
	return true
}

// shownText is a result in lines.
func shownText(result *plan.Result) string {
	var b strings.Builder
	b.WriteString("participants")
	for _, c := range result.Columns {
		b.WriteString(" | " + c.Name)
	}
	for _, g := range result.Groups {
		b.WriteString("\n" + strings.Join(g.Labels, ", ") + " | " + g.Participants.Text)
		for _, c := range g.Cells {
			b.WriteString(" | " + c.Text)
		}
	}
	return b.String()
}

// worldOf draws a world: the same one for the same numbers.
func worldOf(seed uint64, cells int) *world {
	return newWorld(rand.New(rand.NewPCG(seed, 4)), cells)
}

// plus adds what came of other attacks.
func (a *attack) plus(b *attack) {
	a.tables, a.hidden, a.targets, a.unresolved = a.tables+b.tables, a.hidden+b.hidden, a.targets+b.targets, a.unresolved+b.unresolved
	a.exact, a.pinned, a.values = append(a.exact, b.exact...), append(a.pinned, b.pinned...), append(a.values, b.values...)
	a.leaks = append(a.leaks, b.leaks...)
	for why, n := range b.broken {
		if a.broken == nil {
			a.broken = map[string]int{}
		}
		a.broken[why] += n
	}
}

func (a *attack) String() string {
	return fmt.Sprintf("%d tables, %d hidden cells, %d counts of 1 to %d: %d determined, %d known to be 1 to %d, %d values, %d unresolved; rules that do not hold: %v",
		a.tables, a.hidden, a.targets, threshold, len(a.exact), len(a.pinned), threshold, len(a.values), a.unresolved, a.broken)
}
