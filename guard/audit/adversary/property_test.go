package adversary

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// small is a world of few participants, and what was asked and shown there. Every
// history in it is judged exactly.
type small struct {
	terms
	door  door
	sets  []people // asked before
	shown []people
	sums  map[string][]people
	once  []*question
	saw   [][]bool
}

// A chooser makes the choices of a small world: a seeded generator, or the bytes of a
// fuzzer.
type chooser interface{ IntN(n int) int }

// letters makes choices of bytes; when they have run out it always chooses 0.
type letters struct{ left []byte }

func (l *letters) IntN(n int) int {
	if len(l.left) == 0 {
		return 0
	}
	b := l.left[0]
	l.left = l.left[1:]
	return int(b) % n
}

func newSmall(c chooser, open func(terms) door) *small {
	t := terms{participants: 8 + c.IntN(53), limit: 2 + c.IntN(4), seed: uint64(c.IntN(256))}
	w := &small{sums: map[string][]people{}}
	w.door = open(t)
	w.terms = t
	return w
}

// some is a set of a kind that trackers use.
func (w *small) some(c chooser) people {
	n := w.participants
	p := nobody(n)
	old := func() people {
		if len(w.sets) == 0 {
			return everybody(n)
		}
		return w.sets[len(w.sets)-1-c.IntN(min(len(w.sets), 24))]
	}
	switch c.IntN(9) {
	case 0:
		return everybody(n)
	case 1, 2:
		for i := range n {
			if c.IntN(2) == 0 {
				p.add(i)
			}
		}
	case 3:
		for range 1 + c.IntN(2*w.limit) {
			p.add(c.IntN(n))
		}
	case 4: // few more or few less
		for range 1 + c.IntN(w.limit+1) {
			p.add(c.IntN(n))
		}
		if c.IntN(2) == 0 {
			return old().without(p)
		}
		return old().or(p)
	case 5:
		return old().or(old())
	case 6:
		return old().and(old())
	case 7:
		return old().without(old())
	default:
		return everybody(n).without(old())
	}
	return p
}

// parts are disjoint sets that make up a set.
func (w *small) parts(c chooser, of people, k int) []people {
	out := make([]people, k)
	for i := range out {
		out[i] = nobody(w.participants)
	}
	for _, i := range of.members() {
		out[c.IntN(k)].add(int(i))
	}
	return out
}

// table is a question: a set, a partition with its total, a two-way table with its
// margins, a repetition, or the unions of all parts but one.
func (w *small) table(c chooser) *question {
	q := &question{}
	switch c.IntN(8) {
	case 0, 1, 2:
		q = counts(w.some(c))
	case 3:
		all := w.some(c)
		q = counts(append(w.parts(c, all, 2+c.IntN(3)), all)...)
	case 4:
		all := w.some(c)
		rows, columns := w.parts(c, all, 2+c.IntN(2)), w.parts(c, all, 2+c.IntN(2))
		sets := append(append([]people{all}, rows...), columns...)
		for _, row := range rows {
			for _, column := range columns {
				sets = append(sets, row.and(column))
			}
		}
		q = counts(sets...)
	case 5:
		var sets []people
		for range 2 + c.IntN(3) {
			sets = append(sets, w.some(c))
		}
		q = counts(sets...)
	case 6:
		all := w.some(c)
		var sets []people
		for _, part := range w.parts(c, all, []int{3, 4, 7}[c.IntN(3)]) {
			sets = append(sets, all.without(part))
		}
		q = counts(sets...)
	default:
		if len(w.once) > 0 {
			return w.once[c.IntN(len(w.once))]
		}
		q = counts(everybody(w.participants))
	}
	w.vary(c, q)
	return q
}

// vary makes some numbers sums, ratios or hidden.
func (w *small) vary(c chooser, q *question) {
	for i := range q.numbers {
		n := &q.numbers[i]
		switch c.IntN(12) {
		case 0:
			n.sum = []string{"weight", "height"}[c.IntN(2)]
			if c.IntN(3) == 0 {
				n.over = []int{c.IntN(len(q.sets))}
			}
		case 1:
			n.sets = append(n.sets, c.IntN(len(q.sets)))
		case 2:
			n.hidden = true
		}
	}
}

// ask asks and remembers. The error tells what broke at once.
func (w *small) ask(q *question) error {
	shown := w.door.ask(q)
	if len(shown) != len(q.numbers) {
		return fmt.Errorf("%d verdicts for %d numbers", len(shown), len(q.numbers))
	}
	for i, n := range q.numbers {
		if !shown[i] {
			continue
		}
		if n.hidden {
			return fmt.Errorf("a number that was hidden already is shown")
		}
		for _, s := range n.sets {
			p := q.sets[s]
			if c := p.count(); c > 0 && c <= w.limit {
				return fmt.Errorf("a count of %d is shown, limit %d", c, w.limit)
			}
			w.shown = append(w.shown, p)
		}
		for _, s := range n.summed() {
			w.sums[n.sum] = append(w.sums[n.sum], q.sets[s])
		}
	}
	for k, old := range w.once {
		if old != q {
			continue
		}
		for i := range shown {
			if w.saw[k][i] && !shown[i] {
				return fmt.Errorf("a number that was shown before is withheld")
			}
		}
	}
	w.once, w.saw = append(w.once, q), append(w.saw, shown)
	w.sets = append(w.sets, q.sets...)
	return nil
}

// exposed is the sets of 1 to limit participants whose count or whose sum follows.
func (w *small) exposed(limit int) (out []people) {
	for _, known := range append([][]people{w.shown}, w.sums["weight"], w.sums["height"]) {
		for _, p := range spanned(w.participants, known).light(limit) {
			if w.participants <= exactUpTo || follows(w.participants, known, p) {
				out = append(out, p)
			}
		}
	}
	return out
}

// needless counts the numbers that were withheld, and those of them that would have
// exposed nobody beside everything that was shown.
func (w *small) needless() (withheld, needless int) {
	for k, q := range w.once {
		for i, n := range q.numbers {
			if n.hidden || w.saw[k][i] {
				continue
			}
			withheld++
			if !w.exposes(w.shown, q, n.sets) && (n.sum == "" || !w.exposes(w.sums[n.sum], q, n.summed())) {
				needless++
			}
		}
	}
	return withheld, needless
}

// exposes says whether some of a question's sets would expose somebody beside what is known.
func (w *small) exposes(known []people, q *question, sets []int) bool {
	space := spanned(w.participants, known)
	for _, s := range sets {
		space.add(q.sets[s].vector(w.participants))
	}
	return len(space.light(w.limit)) > 0
}

func (w *small) story() string {
	out := fmt.Sprintf("%d participants, limit %d\n", w.participants, w.limit)
	for k, q := range w.once {
		out += fmt.Sprintf("question %d\n", k+1)
		for i, n := range q.numbers {
			out += fmt.Sprintf("  shown %-5v", w.saw[k][i])
			for _, s := range n.sets {
				out += fmt.Sprintf(" %v", q.sets[s].members())
			}
			if n.sum != "" {
				out += fmt.Sprintf(" %s over", n.sum)
			}
			for _, s := range n.summed() {
				out += fmt.Sprintf(" %v", q.sets[s].members())
			}
			if n.hidden {
				out += " hidden already"
			}
			out += "\n"
		}
	}
	return out
}

// play asks some tables in a small world.
func play(c chooser, open func(terms) door) (*small, error) {
	w := newSmall(c, open)
	for range 2 + c.IntN(14) {
		if err := w.ask(w.table(c)); err != nil {
			return w, err
		}
	}
	return w, nil
}

// smallTally is what many small worlds came to.
type smallTally struct {
	worlds, exposed           int
	numbers, shown            int
	withheld, needless, asked int
	story                     string
	err                       error
}

func playMany(worlds int, open func(terms) door) (out smallTally) {
	for seed := range uint64(worlds) {
		w, err := play(rand.New(rand.NewPCG(seed, 2)), open)
		out.worlds++
		if err != nil && out.err == nil {
			out.err, out.story = fmt.Errorf("seed %d: %w", seed, err), w.story()
		}
		if found := w.exposed(w.limit); len(found) > 0 {
			out.exposed++
			if out.story == "" {
				out.story = fmt.Sprintf("seed %d exposes %v\n%s", seed, found[0].members(), w.story())
			}
		}
		for _, saw := range w.saw {
			out.numbers += len(saw)
			for _, is := range saw {
				if is {
					out.shown++
				}
			}
		}
		if seed%8 == 0 {
			a, b := w.needless()
			out.withheld, out.needless = out.withheld+a, out.needless+b
		}
	}
	return out
}

// TestControls proves that the tests of small worlds can fail: a door that looks at
// each number alone exposes somebody in most of them.
func TestControls(t *testing.T) {
	alone := playMany(150, func(t terms) door { return thresholdOnly{t} })
	t.Logf("threshold only: %d of %d worlds exposed, %d of %d numbers shown", alone.exposed, alone.worlds, alone.shown, alone.numbers)
	if alone.err != nil || alone.exposed < 90 {
		t.Errorf("the judge found %d of 150 worlds exposed behind a threshold alone (%v)", alone.exposed, alone.err)
	}
	none := playMany(40, func(terms) door { return silent{} })
	t.Logf("silent: %d of %d withheld numbers are needless", none.needless, none.withheld)
	if none.exposed > 0 || none.needless < none.withheld/3 {
		t.Errorf("a silent door: %d exposed, %d of %d needless", none.exposed, none.needless, none.withheld)
	}
}
