package audit

import (
	"cmp"
	"math/bits"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
)

// sketch is a vector over the participants, as its weighted sum in each of so many
// random parts of them, and then as the sum that is weighted by the participants'
// numbers as well. The weights are random and secret: a vector whose sums are all 0
// is 0, but with a probability of about 2⁻⁵⁸; and one of few participants is 0 in all
// but few parts, in many of which it has one.
type sketch []element

// print identifies a vector by its sketch.
type print [2]element

// sketcher makes sketches. Its parts are a power of 2.
type sketcher struct {
	seed  uint64
	parts int
}

// newSketcher tells vectors of up to limit participants from larger ones.
func newSketcher(seed uint64, limit int) sketcher {
	parts := 64
	for parts < 12*limit && parts < 4096 { // 21 participants are in 20 parts of 256 in one case of two, 23 hardly ever
		parts *= 2
	}
	return sketcher{seed, parts}
}

// lot draws a participant's part and weight (splitmix64, Steele, Lea and Flood 2014).
func (k sketcher) lot(p int32) (part int, weight element) {
	x := (uint64(uint32(p))+1)*0x9e3779b97f4a7c15 + k.seed
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	return int(x >> (64 - bits.TrailingZeros(uint(k.parts)))), element(x & (1<<58 - 1))
}

// of is the sketch of a set.
func (k sketcher) of(q *Set) sketch {
	out := make(sketch, 2*k.parts)
	for p := range q.All() {
		b, w := k.lot(p)
		out[b] = out[b].plus(w)
		out[k.parts+b] = out[k.parts+b].plus(w.times(element(p + 1)))
	}
	return out
}

// few says whether a sketch can be that of a multiple of a set of limit participants
// or fewer. In a part that has one participant, the quotient of the sums says who it
// is, and so what the vector is there.
func (k sketcher) few(s sketch, limit int) bool {
	if s.nonzero() > limit {
		return false
	}
	var common element
	for b, x := range s[:k.parts] {
		if x == 0 {
			continue
		}
		id := s[k.parts+b].times(x.inverse())
		if id == 0 || id > 1<<31-1 {
			continue
		}
		part, w := k.lot(int32(id - 1))
		if part != b || w == 0 {
			continue
		}
		if value := x.times(w.inverse()); common == 0 {
			common = value
		} else if value != common {
			return false
		}
	}
	return true
}

// print adds up the parts with two sets of weights.
func (s sketch) print() (out print) {
	for b, x := range s {
		out[0] = out[0].plus(x)
		out[1] = out[1].plus(x.times(element(b*b + 1)))
	}
	return out
}

// nonzero is how many parts are not 0.
func (s sketch) nonzero() (n int) {
	for _, x := range s[:len(s)/2] {
		if x != 0 {
			n++
		}
	}
	return n
}

// less subtracts f times t.
func (s sketch) less(f element, t sketch) {
	for b := range s {
		if t[b] != 0 {
			s[b] = s[b].minus(f.times(t[b]))
		}
	}
}

// basis is the span of what has been shown, in reduced echelon form: a row is 1 at
// its pivot, a participant, and 0 at every other row's. Rows that are pending are 0
// at the pivots of the rows and of those pending before them; settle makes them
// rows, when there is time.
type basis struct {
	sketcher
	random  *rand.Rand
	facts   []*Set
	rows    []*line
	pending []*line
}

// line is a vector of the span.
type line struct {
	pivot  int32
	of     []element // by fact: the combination that it is
	at     []int32   // the facts that the pivot is in
	sketch sketch
}

// rest is what of a set the span does not explain: a vector that is 0 at every pivot.
type rest struct {
	set    *Set
	of     []element // by fact; the set itself has 1
	sketch sketch
}

// sums adds up vectors of elements. Seven fit into a word unreduced.
type sums struct {
	total []element
	added int
}

func (s *sums) add(v []element) {
	if s.added++; s.added == 7 {
		for i := range s.total {
			s.total[i] = s.total[i]&prime + s.total[i]>>61
		}
		s.added = 2
	}
	total := s.total[:len(v)]
	for i, x := range v {
		total[i] += x
	}
}

// negated is minus the sum.
func (s *sums) negated() []element {
	for i, x := range s.total {
		x = x&prime + x>>61
		if x >= prime {
			x -= prime
		}
		s.total[i] = x.negative()
	}
	return s.total
}

// rest subtracts the span from a set.
func (b *basis) rest(q *Set, sk sketch) *rest {
	out := &rest{set: q, sketch: slices.Clone(sk)}
	of := sums{total: make([]element, len(b.facts))}
	low := sums{total: make([]element, len(sk))}
	for _, r := range b.rows {
		if q.Has(r.pivot) {
			of.add(r.of)
			low.add(r.sketch)
		}
	}
	out.of = of.negated()
	for i, x := range low.negated() {
		out.sketch[i] = out.sketch[i].plus(x)
	}
	for _, r := range b.pending {
		if f := out.value(r.pivot, r.at); f != 0 {
			out.sketch.less(f, r.sketch)
			subtractFrom(out.of, f, r.of)
		}
	}
	return out
}

// subtractFrom is a −= f·b, where b may be shorter.
func subtractFrom(a []element, f element, b []element) {
	f = f.negative()
	a = a[:len(b)]
	for i, x := range b {
		if x != 0 {
			a[i] = a[i].plus(f.times(x))
		}
	}
}

// value is that at a participant, who is in the facts at.
func (r *rest) value(p int32, at []int32) element {
	v := valueAt(r.of, at)
	if r.set.Has(p) {
		v = v.plus(1)
	}
	return v
}

// valueAt is the value of a combination of facts at a participant who is in those of at.
func valueAt(of []element, at []int32) element {
	var low, high uint64 // a sum of at most 2³² elements
	for _, j := range at {
		if int(j) < len(of) {
			x := uint64(of[j])
			low += x & (1<<31 - 1)
			high += x >> 31
		}
	}
	return element(low).plus(element(high % prime).times(1 << 31))
}

// containing is the facts that a participant is in.
func (b *basis) containing(p int32) []int32 {
	var out []int32
	for j, f := range b.facts {
		if f.Has(p) {
			out = append(out, int32(j))
		}
	}
	return out
}

// How many participants are tried as a pivot: at first, and at most while somebody waits.
const (
	firstTries = 16
	pivotTries = 400
)

// pivot finds a participant at whom the rest is not 0, of as large a class as it
// can, with the facts that they are in. It returns −1 when it finds none.
func (b *basis) pivot(r *rest, classes *classes, tries int) (int32, []int32) {
	var tried []int32
	for try := range firstTries {
		p := int32(b.random.IntN(r.set.of))
		if try%4 != 0 {
			p = r.set.pick(b.random.IntN)
		}
		tried = append(tried, p)
	}
	slices.SortStableFunc(tried, func(p, q int32) int { return cmp.Compare(classes.size(q), classes.size(p)) })
	for _, p := range tried {
		if at := b.containing(p); r.value(p, at) != 0 {
			return p, at
		}
	}
	if p := b.search(r, tries); p >= 0 {
		return p, b.containing(p)
	}
	return -1, nil
}

// search looks for a pivot among all participants, where that is not too much work,
// or among more of them.
func (b *basis) search(r *rest, tries int) int32 {
	values := b.values(r, tries/2)
	if values == nil {
		for try := range tries {
			p := int32(b.random.IntN(r.set.of))
			if try%2 == 0 {
				p = r.set.pick(b.random.IntN)
			}
			if r.value(p, b.containing(p)) != 0 {
				return p
			}
		}
		return -1
	}
	from := b.random.IntN(len(values))
	for i := range values {
		if p := (from + i) % len(values); values[p] != 0 {
			return int32(p)
		}
	}
	return -1
}

// values is a rest as a vector over the participants; nil where more than so many
// facts make it up.
func (b *basis) values(r *rest, most int) []element {
	var facts []int
	for j, x := range r.of {
		if x != 0 {
			facts = append(facts, j)
		}
	}
	if len(facts) > most {
		return nil
	}
	values := make([]element, r.set.of)
	for p := range r.set.All() {
		values[p] = 1
	}
	for _, j := range facts {
		x := r.of[j]
		for p := range b.facts[j].All() {
			values[p] = values[p].plus(x)
		}
	}
	return values
}

// few says whether a rest, which is not 0, may be a multiple of a set of limit
// participants or fewer.
func (b *basis) few(r *rest, limit int) bool {
	if !b.sketcher.few(r.sketch, limit) {
		return false
	}
	if !slices.ContainsFunc(r.of, func(x element) bool { return x != 0 }) {
		return r.set.Len() <= limit
	}
	n, common := 0, element(0)
	for _, x := range b.values(r, pivotTries/2) { // there are none where there are too many facts
		if x != 0 {
			if n++; common == 0 {
				common = x
			}
			if n > limit || x != common {
				return false
			}
		}
	}
	return true
}

// probes is in how many parts lines are compared with a rest at first.
const probes = 8

// mostTrials is how many sets of pivots are tried.
const mostTrials = 10_000

// suspect is a line whose pivot may be in a small set: no more than so many
// participants have the pivot's history.
type suspect struct {
	sketch sketch
	alike  int
}

// suspects are the lines whose pivots have limit participants or fewer of their
// history, with q among it.
func (b *basis) suspects(q *Set, c *classes, limit int) (out []suspect) {
	for n, lines := range [][]*line{b.rows, b.pending} {
		for u, l := range lines {
			if alike := int(c.sizeWith(q, l.pivot)); alike <= limit {
				after := b.pending
				if n == 1 {
					after = b.pending[u+1:]
				}
				out = append(out, suspect{l.without(after), alike})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b suspect) int { return cmp.Compare(a.alike, b.alike) })
	return out
}

// exposes says whether a set of limit participants or fewer, with pivots among the
// suspects, would be in the span with the rest: it is then the sum of the pivots'
// lines less a multiple of the rest, and 0 in all parts but few. Such a set holds
// everybody who has a pivot's history, so that few pivots go together; those that
// do are tried, fewer first.
func (b *basis) exposes(r *rest, suspects []suspect, limit int) bool {
	var at [probes]int
	n := 0
	for k, x := range r.sketch[:b.parts] {
		if x != 0 && n < probes {
			at[n] = k
			n++
		}
	}
	var inverse [probes]element
	for i, k := range at[:n] {
		inverse[i] = r.sketch[k].inverse()
	}
	seen := make([][probes]element, len(suspects)) // multiples of the rest that a line is, by probe
	for u := range suspects {
		for i, k := range at[:n] {
			seen[u][i] = suspects[u].sketch[k].times(inverse[i])
		}
	}
	search := &trials{r: r, suspects: suspects, seen: seen, probes: n, limit: limit, left: mostTrials}
	for size := 1; search.deeper(size); size++ {
		if b.try(search, 0, size, 0, [probes]element{}) {
			return true
		}
	}
	return false
}

// trials are choices of suspects that are tried.
type trials struct {
	r        *rest
	suspects []suspect
	seen     [][probes]element
	probes   int
	limit    int

	of   []int // the choice at hand
	left int   // trials
	more bool  // a choice can be larger
}

// deeper says whether choices of a size are to be tried.
func (t *trials) deeper(size int) bool {
	ok := size == 1 || t.more
	t.more = false
	return ok && t.left > 0
}

// try tries every choice of size more suspects, from one on, that fits, and says
// whether one isolates a small set.
func (b *basis) try(t *trials, from, size, alike int, sum [probes]element) bool {
	for u := from; u < len(t.suspects) && alike+t.suspects[u].alike <= t.limit; u++ {
		if t.left--; t.left < 0 {
			return false
		}
		next := sum
		for i := range t.probes {
			next[i] = next[i].plus(t.seen[u][i])
		}
		t.of = append(t.of, u)
		found := false
		if size > 1 {
			found = b.try(t, u+1, size-1, alike+t.suspects[u].alike, next)
		} else {
			t.more = true
			f := repeated(next[:t.probes])
			found = f != 0 && b.isolates(t.r, f, t.suspects, t.of, t.limit)
		}
		t.of = t.of[:len(t.of)-1]
		if found {
			return true
		}
	}
	return false
}

// isolates says whether the sum of lines less f times the rest may be a small set.
func (b *basis) isolates(r *rest, f element, suspects []suspect, of []int, limit int) bool {
	sum := slices.Clone(suspects[of[0]].sketch)
	for _, u := range of[1:] {
		for k, x := range suspects[u].sketch {
			sum[k] = sum[k].plus(x)
		}
	}
	sum.less(f, r.sketch)
	return b.sketcher.few(sum, limit)
}

// without is the sketch of a line made 0 at the pivots of pending ones.
func (l *line) without(pending []*line) sketch {
	sk, of := l.sketch, l.of
	for _, p := range pending {
		f := valueAt(of, p.at)
		if f == 0 {
			continue
		}
		if &sk[0] == &l.sketch[0] {
			of = make([]element, len(pending[len(pending)-1].of))
			copy(of, l.of)
			sk = slices.Clone(sk)
		}
		sk.less(f, p.sketch)
		subtractFrom(of, f, p.of)
	}
	return sk
}

// repeated is a number that stands more than once, 0 where none does.
func repeated(x []element) element {
	for i, a := range x {
		if a != 0 && slices.Contains(x[i+1:], a) {
			return a
		}
	}
	return 0
}

// accept adds what is left of a set to the span.
func (b *basis) accept(r *rest, pivot int32, at []int32) {
	inverse := r.value(pivot, at).inverse()
	l := &line{pivot: pivot, of: make([]element, len(r.of)+1), at: at, sketch: slices.Clone(r.sketch)}
	for i, x := range r.of {
		l.of[i] = x.times(inverse)
	}
	l.of[len(r.of)] = inverse
	if r.set.Has(pivot) {
		l.at = append(l.at, int32(len(b.facts)))
	}
	for i, x := range l.sketch {
		l.sketch[i] = x.times(inverse)
	}
	b.facts = append(b.facts, r.set)
	b.pending = append(b.pending, l)
}

// undo forgets the pending rows but the first n.
func (b *basis) undo(n int) {
	b.facts = b.facts[:len(b.facts)-(len(b.pending)-n)]
	b.pending = b.pending[:n]
}

// settle makes the pending rows rows.
func (b *basis) settle() {
	if len(b.pending) == 0 {
		return
	}
	for u, last := range b.pending {
		last.of = slices.Grow(last.of, len(b.facts)-len(last.of))[:len(b.facts)]
		last.at = b.containing(last.pivot)
		each(b.pending[:u], func(r *line) { r.lose(valueAt(r.of, last.at), last) })
	}
	for from := 0; from < len(b.pending); from += mostTerms {
		part := b.pending[from:min(from+mostTerms, len(b.pending))]
		each(b.rows, func(r *line) {
			f := make([]element, len(part)) // a pending row is 0 at the others' pivots, so that the order makes no difference
			for u, p := range part {
				f[u] = valueAt(r.of, p.at).negative()
			}
			if n := len(b.facts) - len(r.of); n > 0 {
				r.of = append(r.of, make([]element, n)...)
			}
			addProducts(r.of, f, func(u int) []element { return part[u].of })
			addProducts(r.sketch, f, func(u int) []element { return part[u].sketch })
		})
	}
	for _, r := range b.pending {
		r.at = nil
	}
	b.rows = append(b.rows, b.pending...)
	b.pending = nil
}

// mostTerms is how many products of elements, each below 2¹²², fit into 128 bits,
// with an element.
const mostTerms = 63

// addProducts adds f[u]·v(u) to a, for every u, and reduces once.
func addProducts(a, f []element, v func(u int) []element) {
	var high, low [256]uint64
	for from := 0; from < len(a); from += len(low) {
		part := a[from:min(from+len(low), len(a))]
		for i, x := range part {
			high[i], low[i] = 0, uint64(x)
		}
		for u, x := range f {
			if x == 0 {
				continue
			}
			for i, y := range v(u)[from:][:len(part)] {
				hi, lo := bits.Mul64(uint64(x), uint64(y))
				var carry uint64
				low[i], carry = bits.Add64(low[i], lo, 0)
				high[i] += hi + carry
			}
		}
		for i := range part {
			// 2⁶⁴ is 8 modulo the prime.
			part[i] = element(low[i]&prime + low[i]>>61).times(1).plus(element(high[i]&prime + high[i]>>61).times(8))
		}
	}
}

// lose subtracts f times another line.
func (l *line) lose(f element, other *line) {
	if f != 0 {
		subtractFrom(l.of, f, other.of)
		l.sketch.less(f, other.sketch)
	}
}

// each calls f for each line, on all processors where there are many.
func each(lines []*line, f func(*line)) {
	workers := min(runtime.GOMAXPROCS(0), 1+len(lines)/16)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(lines); i += workers {
				f(lines[i])
			}
		})
	}
	wg.Wait()
}
