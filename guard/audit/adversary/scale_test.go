package adversary

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
)

// span is the row space of many sets over many participants, for judging histories of
// full size. It is kept as the inverse of (sets × pivots): row k of it says how to
// combine the sets into a vector that is 1 at pivot k and 0 at the other pivots.
//
// A set of 1 to limit participants in the space holds all participants of a class (who
// are in the same sets), or none: it is 0 on every class of more, which is called heavy
// here. So pivots are moved to heavy classes. The rows that cannot be moved are 0 on
// all of these; there are few, and a small set in the space is a combination of them.
// With none left, that there is no small set is proved.
type span struct {
	n       int
	sets    []people
	prints  [][2]uint64 // of the sets
	pivot   []int32
	inverse [][]uint64
	class   []uint64 // of each participant: participants of different history differ
	seen    map[string]bool
	r       *rand.Rand
	weights [][2]uint64 // by participant
}

func newSpan(n int, seed uint64) *span {
	s := &span{n: n, class: make([]uint64, n), seen: map[string]bool{}, r: rand.New(rand.NewPCG(seed, 31))}
	for range n {
		s.weights = append(s.weights, [2]uint64{s.r.Uint64N(prime), s.r.Uint64N(prime)})
	}
	return s
}

func (s *span) print(q people) (out [2]uint64) {
	for _, i := range q.members() {
		out[0], out[1] = out[0]+s.weights[i][0], out[1]+s.weights[i][1]
	}
	return [2]uint64{mod(out[0]), mod(out[1])}
}

// combination is what of the sets makes up a set at all pivots.
func (s *span) combination(q people) []uint64 {
	c := make([]uint64, len(s.sets))
	for k, p := range s.pivot {
		if q.has(int(p)) {
			for j, x := range s.inverse[k] {
				c[j] += x
			}
		}
	}
	for j := range c {
		c[j] = mod(c[j])
	}
	return c
}

// at is a combination of the sets at a participant.
func (s *span) at(c []uint64, p int32) uint64 {
	var sum uint64
	for j, x := range c {
		if x != 0 && s.sets[j].has(int(p)) {
			sum += x
		}
	}
	return mod(sum)
}

func (s *span) rest(q people, c []uint64, p int32) uint64 {
	x := prime - s.at(c, p)
	if q.has(int(p)) {
		x++
	}
	return mod(x)
}

// explained says that a combination is all of a set.
func (s *span) explained(q people, c []uint64) bool {
	left := s.print(q)
	for j, x := range c {
		for k := range left {
			left[k] = mod(left[k] + mod(mod(prime-x)*s.prints[j][k]))
		}
	}
	return left == [2]uint64{}
}

// add extends the space.
func (s *span) add(q people) {
	if key := q.key(); s.seen[key] {
		return
	} else {
		s.seen[key] = true
	}
	mark := s.r.Uint64()
	members := q.members()
	for _, i := range members {
		s.class[i] ^= mark
	}
	c := s.combination(q)
	if s.explained(q, c) {
		return
	}
	p := s.where(q, c, members)
	by := inverse(s.rest(q, c, p))
	m := len(s.sets)
	row := make([]uint64, m+1)
	for j, x := range c {
		row[j] = mod(mod(prime-x) * by)
	}
	row[m] = by
	for k := range s.inverse {
		f := s.at(s.inverse[k], p)
		s.inverse[k] = append(s.inverse[k], 0)
		if f != 0 {
			subtract(s.inverse[k], row, f)
		}
	}
	s.sets, s.prints = append(s.sets, q), append(s.prints, s.print(q))
	s.inverse, s.pivot = append(s.inverse, row), append(s.pivot, p)
}

// where is a participant at whom what is left of a set is not 0.
func (s *span) where(q people, c []uint64, members []int32) int32 {
	for try := range 400 {
		p := int32(s.r.IntN(s.n))
		if try%2 == 0 {
			p = members[s.r.IntN(len(members))]
		}
		if s.rest(q, c, p) != 0 {
			return p
		}
	}
	from := s.r.IntN(s.n)
	for i := range s.n {
		if p := int32((from + i) % s.n); s.rest(q, c, p) != 0 {
			return p
		}
	}
	panic("a set that is not explained is left with nothing")
}

// view is a space when further sets are to be judged: its classes, divided by those,
// and the rows that are 0 on all heavy classes, with their values on the light ones.
type view struct {
	*span
	limit  int
	heavy  []int32 // a participant of each class
	light  []int32
	size   map[int32]int
	rows   [][]uint64 // combinations of the sets
	values [][]uint64 // of the rows, by light class
}

func (s *span) view(limit int, further ...people) *view {
	v := &view{span: s, limit: limit, size: map[int32]int{}}
	class := slices.Clone(s.class)
	for _, q := range further {
		mark := s.r.Uint64()
		for _, i := range q.members() {
			class[i] ^= mark
		}
	}
	order := make([]int32, s.n)
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int { return cmp.Compare(class[a], class[b]) })
	isLight := make([]bool, s.n)
	for i := 0; i < s.n; {
		j := i + 1
		for j < s.n && class[order[j]] == class[order[i]] {
			j++
		}
		p := order[i]
		if v.size[p] = j - i; j-i > limit {
			v.heavy = append(v.heavy, p)
		} else {
			v.light = append(v.light, p)
			for _, x := range order[i:j] {
				isLight[x] = true
			}
		}
		i = j
	}
	slices.SortFunc(v.heavy, func(a, b int32) int { return v.size[b] - v.size[a] })
	slices.Sort(v.light)
	for _, k := range s.settle(v.heavy, isLight) {
		v.rows = append(v.rows, slices.Clone(s.inverse[k]))
	}
	v.values = v.evaluate(nil, v.rows)
	return v
}

// settle moves pivots to heavy classes and returns the rows that are 0 on all of them.
func (s *span) settle(heavy []int32, isLight []bool) (left []int) {
	for k, p := range s.pivot {
		if !isLight[p] {
			continue
		}
		to := slices.IndexFunc(heavy, func(x int32) bool { return s.at(s.inverse[k], x) != 0 })
		if to < 0 {
			left = append(left, k)
			continue
		}
		x := heavy[to]
		scale(s.inverse[k], inverse(s.at(s.inverse[k], x)))
		for i := range s.inverse {
			if f := s.at(s.inverse[i], x); i != k && f != 0 {
				subtract(s.inverse[i], s.inverse[k], f)
			}
		}
		s.pivot[k] = x
	}
	return left
}

// finding is a small set in the space and how it is combined: of the sets, and of the
// further one.
type finding struct {
	set     int // participants
	of      []uint64
	further uint64
}

// small looks for a set of 1 to limit participants in the space that one of the
// further sets makes of it (of the space as it is, when that is nil). proved says that
// there is none when none is found.
func (v *view) small(q people) (found *finding, proved bool) {
	rows, values := v.rows, v.values
	if q != nil {
		c := v.combination(q)
		if v.explained(q, c) {
			return nil, true
		}
		for _, p := range v.heavy {
			if v.rest(q, c, p) != 0 {
				return nil, true
			}
		}
		for j, x := range c {
			c[j] = mod(prime - x)
		}
		c = append(c, 1)
		rows = append(slices.Clip(rows), c)
		values = append(slices.Clip(values), v.evaluate(q, [][]uint64{c})...)
		rows, values = connected(rows, values)
	}
	if len(rows) == 0 {
		return nil, true
	}
	return v.lightest(q != nil, rows, values)
}

// tries is how often the last rows are brought into another form.
const tries = 4

// lightest looks among the combinations of rows that are 0 on heavy classes; with a
// further set the last row is what is left of that, which takes part. A small set is
// the sum of the rows at whose pivots it is, and a multiple of that last row. All that
// have two pivots or fewer are looked at, for several choices of pivots, which prefer
// large classes. One row alone is decided.
func (s *view) lightest(further bool, rows, all [][]uint64) (*finding, bool) {
	values, sizes := s.merged(all)
	wide := len(sizes)
	for range tries {
		order := s.prefer(sizes)
		form := &rowspace{columns: wide + len(rows)}
		ordered := make([]int, wide)
		for c, at := range order {
			ordered[c] = sizes[at]
		}
		var last []uint64
		for i, v := range values {
			w := make([]uint64, wide+len(rows))
			for c, at := range order {
				w[c] = v[at]
			}
			w[wide+i] = 1
			if i == len(values)-1 && further {
				form.reduce(w)
				last = w
				break
			}
			form.add(w)
		}
		if v := combine(form, last, ordered, s.limit); v != nil {
			out := &finding{of: make([]uint64, len(s.sets))}
			for c, x := range v[:wide] {
				if x == 1 {
					out.set += ordered[c]
				}
			}
			for i, row := range rows {
				f := v[wide+i]
				for j := range out.of {
					out.of[j] = mod(out.of[j] + mod(f*row[j]))
				}
				if further && i == len(rows)-1 {
					out.further = f
				}
			}
			return out, false
		}
		if len(rows) == 1 {
			return nil, true
		}
	}
	return nil, false
}

// merged is rows with one column for the light classes at which they do not differ, of
// which a small set has all or none, and the participants of each.
func (s *view) merged(all [][]uint64) (values [][]uint64, sizes []int) {
	values = make([][]uint64, len(all))
	weight := make([]uint64, len(all))
	for i := range weight {
		weight[i] = s.r.Uint64() | 1
	}
	print := make([]uint64, len(s.light))
	for i, v := range all {
		for c, x := range v {
			print[c] += x * weight[i]
		}
	}
	column := map[uint64]int{}
	for c, p := range s.light {
		if print[c] == 0 {
			continue
		}
		at, ok := column[print[c]]
		if !ok {
			at = len(sizes)
			column[print[c]] = at
			sizes = append(sizes, 0)
			for i, v := range all {
				values[i] = append(values[i], v[c])
			}
		}
		sizes[at] += s.size[p]
	}
	return values, sizes
}

// prefer is an order of columns, large ones more often first.
func (s *view) prefer(sizes []int) []int {
	order := s.r.Perm(len(sizes))
	key := make([]float64, len(sizes))
	for i, n := range sizes {
		if key[i] = float64(n) * s.r.Float64(); n > s.limit {
			key[i] = float64(n) + float64(s.n)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(key[b], key[a]) })
	return order
}

// connected is the rows that hang together with the last one, by columns.
func connected(rows, values [][]uint64) (someRows, someValues [][]uint64) {
	last := len(rows) - 1
	in := make([]bool, len(rows))
	reached := make([]bool, len(values[last]))
	var reach func(i int)
	reach = func(i int) {
		in[i] = true
		for c, x := range values[i] {
			if x == 0 || reached[c] {
				continue
			}
			reached[c] = true
			for k := range rows {
				if !in[k] && values[k][c] != 0 {
					reach(k)
				}
			}
		}
	}
	reach(last)
	for i, is := range in {
		if is {
			someRows, someValues = append(someRows, rows[i]), append(someValues, values[i])
		}
	}
	return someRows, someValues
}

// combine is a vector of zeros and ones of 1 to limit participants: the sum of at most
// two rows and, unless it is nil, a multiple of the last one.
func combine(form *rowspace, last []uint64, sizes []int, limit int) []uint64 {
	c := &combiner{sizes: sizes, limit: limit, sum: make([]uint64, form.columns)}
	if last != nil {
		c.last = sparseOf(last)
	}
	rows := make([]sparse, len(form.rows))
	for i, row := range form.rows {
		rows[i] = sparseOf(row)
	}
	if last != nil && c.try() {
		return c.sum
	}
	for i, a := range rows {
		if sizes[form.pivot[i]] > limit {
			continue
		}
		if c.try(a) {
			return c.sum
		}
		for k, b := range rows[:i] {
			if len(rows) <= mostPairs && sizes[form.pivot[i]]+sizes[form.pivot[k]] <= limit && c.try(a, b) {
				return c.sum
			}
		}
	}
	return nil
}

// mostPairs is the number of rows up to which pairs of them are looked at.
const mostPairs = 120

// sparse is a vector by its entries that are not 0.
type sparse struct {
	at    []int
	value []uint64
}

func sparseOf(v []uint64) (out sparse) {
	for c, x := range v {
		if x != 0 {
			out.at, out.value = append(out.at, c), append(out.value, x)
		}
	}
	return out
}

type combiner struct {
	sizes []int // by column; further columns only go along
	limit int
	last  sparse
	sum   []uint64
}

// try leaves the vector in sum when it succeeds, and zeros there otherwise.
func (c *combiner) try(some ...sparse) bool {
	for _, row := range some {
		c.plus(row, 1)
	}
	factors := []uint64{0}
	if len(c.last.at) > 0 {
		at := c.sum[c.last.at[0]]
		by := inverse(c.last.value[0])
		factors = []uint64{mod(mod(prime-at) * by), mod(mod(prime+1-at) * by)}
	}
	for _, g := range factors {
		if len(c.last.at) > 0 && g == 0 {
			continue
		}
		c.plus(c.last, g)
		if w := c.weight(some); w >= 1 && w <= c.limit {
			return true
		}
		c.plus(c.last, prime-g)
	}
	for _, row := range some {
		c.plus(row, prime-1)
	}
	return false
}

func (c *combiner) plus(row sparse, by uint64) {
	for i, at := range row.at {
		c.sum[at] = mod(c.sum[at] + mod(row.value[i]*mod(by)))
	}
}

// weight is how many participants are in the sum, more than limit when it is no set.
func (c *combiner) weight(some []sparse) (weight int) {
	var seen []int
	defer func() {
		for _, at := range seen {
			c.sum[at] = 1
		}
	}()
	const counted = prime // marks an entry of 1 that was counted
	for _, row := range append(some, c.last) {
		for _, at := range row.at {
			if at >= len(c.sizes) || c.sum[at] == 0 || c.sum[at] == counted {
				continue
			}
			if c.sum[at] != 1 {
				return c.limit + 1
			}
			seen, c.sum[at] = append(seen, at), counted
			if weight += c.sizes[at]; weight > c.limit {
				return weight
			}
		}
	}
	return weight
}

// evaluate is rows at the light classes; a row that is longer by one has a part of a
// further set.
func (s *view) evaluate(q people, rows [][]uint64) (values [][]uint64) {
	values = make([][]uint64, len(rows))
	for i := range values {
		values[i] = make([]uint64, len(s.light))
	}
	m := len(s.sets)
	var in []int
	for c, p := range s.light {
		in = in[:0]
		for j, set := range s.sets {
			if set.has(int(p)) {
				in = append(in, j)
			}
		}
		for i, row := range rows {
			sum := uint64(0)
			for _, j := range in {
				sum += row[j]
			}
			if q != nil && q.has(int(p)) {
				sum += row[m]
			}
			values[i][c] = mod(sum)
		}
	}
	return values
}

// mostHidden is of how many small sets the unions are looked at, each of up to six.
const mostHidden = 50

// union finds a union of small sets that a further set would bring into the space.
func (s *span) union(q people, small []people, limit int) *finding {
	small = small[:min(len(small), mostHidden)]
	left := func(p people) (c []uint64, l [2]uint64) {
		c, l = s.combination(p), s.print(p)
		for j, x := range c {
			for k := range l {
				l[k] = mod(l[k] + mod(mod(prime-x)*s.prints[j][k]))
			}
		}
		return c, l
	}
	of, rest := left(q)
	if rest == [2]uint64{} {
		return nil
	}
	combined := make([][]uint64, len(small))
	rests := make([][2]uint64, len(small))
	off := make([]uint64, len(small)) // 0 for what is left of a multiple of q
	for i, p := range small {
		combined[i], rests[i] = left(p)
		off[i] = mod(mod(rests[i][0]*rest[1]) + mod((prime-rests[i][1])*rest[0]))
	}
	type choice struct {
		of  []int
		set people
		off uint64
	}
	var all []choice
	var choose func(c choice, from, n int)
	choose = func(c choice, from, n int) {
		for i := from; i < len(small) && n > 0; i++ {
			if c.set != nil && c.set.and(small[i]).count() > 0 {
				continue
			}
			next := choice{append(slices.Clone(c.of), i), small[i], mod(c.off + off[i])}
			if c.set != nil {
				next.set = c.set.or(small[i])
			}
			if next.set.count() <= limit {
				all = append(all, next)
				choose(next, i+1, n-1)
			}
		}
	}
	choose(choice{}, 0, 3)
	at := map[uint64][]int{}
	for i, c := range all {
		at[c.off] = append(at[c.off], i)
	}
	for _, c := range append(all, choice{set: nobody(s.n)}) {
		for _, k := range at[mod(prime-c.off)] {
			d := all[k]
			if c.set.and(d.set).count() > 0 || c.set.count()+d.set.count() > limit {
				continue
			}
			f := &finding{of: make([]uint64, len(s.sets)), set: c.set.count() + d.set.count()}
			var total [2]uint64
			for _, i := range append(slices.Clone(c.of), d.of...) {
				for k := range total {
					total[k] = mod(total[k] + rests[i][k])
				}
				for j, x := range combined[i] {
					f.of[j] = mod(f.of[j] + x)
				}
			}
			f.further = mod(total[0] * inverse(rest[0]))
			for j, x := range of {
				f.of[j] = mod(f.of[j] + mod((prime-f.further)*x))
			}
			return f
		}
	}
	return nil
}

// confirmed looks at every participant whether a finding is what it says.
func (s *span) confirmed(f *finding, limit int) bool {
	sum := make([]uint64, s.n)
	for j, x := range f.of {
		if x != 0 {
			for _, i := range s.sets[j].members() {
				sum[i] += x
			}
		}
	}
	weight := 0
	for _, x := range sum {
		switch mod(x) {
		case 0:
		case 1:
			weight++
		default:
			return false
		}
	}
	return weight == f.set && weight <= limit
}

// TestSpan holds the judge of large histories to the exact one, in small worlds.
func TestSpan(t *testing.T) {
	missed, found := 0, 0
	for seed := range uint64(400) {
		w, err := play(rand.New(rand.NewPCG(seed, 7)), func(t terms) door { return thresholdOnly{t} })
		if err != nil {
			t.Fatal(err)
		}
		s := newSpan(w.participants, seed)
		for _, q := range w.shown {
			s.add(q)
		}
		exact := spanned(w.participants, w.shown)
		if len(s.sets) != len(exact.rows) {
			t.Fatalf("seed %d: rank %d, not %d", seed, len(s.sets), len(exact.rows))
		}
		is := len(exact.light(w.limit)) > 0
		got, proved := s.view(w.limit).small(nil)
		switch {
		case got != nil && !is:
			t.Fatalf("seed %d: found what is not there", seed)
		case got == nil && proved && is:
			t.Fatalf("seed %d: proved what is not so\n%s", seed, w.story())
		case is:
			found++
			if got == nil {
				missed++
			}
		}
		// and the same for the last set, as one that is to be shown
		last := newSpan(w.participants, seed)
		for _, q := range w.shown[:len(w.shown)-1] {
			last.add(q)
		}
		if got, _ := last.view(w.limit).small(nil); got != nil {
			continue
		}
		q := w.shown[len(w.shown)-1]
		if got, proved := last.view(w.limit, q).small(q); got != nil && !is || got == nil && proved && is {
			t.Fatalf("seed %d: the last set: found %v, proved %v, exposed %v", seed, got, proved, is)
		}
	}
	t.Logf("%d exposed, of which %d were missed", found, missed)
	if missed > found/10 {
		t.Errorf("missed %d of %d", missed, found)
	}
}
