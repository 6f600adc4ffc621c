package audit

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// inside says whether a small set follows from the facts that lie within one of some sets,
// fresh ones among them, and did not follow without those. around is the sets of the span
// that each of the fresh ones lies in, the smallest first. Facts that lie within one set, or
// that there are of few participants, are few, so that the search can be whole: what it does
// not find does not follow from those facts alone. So many of the sets that follow from
// others are fresh, too.
func (s *space) inside(fresh []*Set, around [][]*Set, follow int) bool {
	everybody := s.everybody()
	old := s.bases[0].facts[:len(s.bases[0].facts)-len(fresh)]
	oldFollow, freshFollow := s.follows[:len(s.follows)-follow], s.follows[len(s.follows)-follow:]
	searched := map[*Set]bool{} // and the search was whole
	for k, q := range fresh {
		var done []*Set // those that were searched whole, and so what lies within them
		for _, f := range slices.Backward(slices.Concat([]*Set{q}, around[k], everybody)) {
			if slices.ContainsFunc(done, f.Within) {
				continue
			}
			whole, is := searched[f]
			if !is {
				some, all := within(f, old), within(f, fresh)
				if follow, more := within(f, oldFollow), within(f, freshFollow); len(some)+len(all)+len(follow)+len(more) <= mostFacts {
					some, all = append(some, follow...), append(all, more...)
				}
				all = append(slices.Clip(some), all...)
				steps := mostSteps
				if f.Len() <= mostFacts {
					steps = allSteps
				}
				if whole = len(all) < 2; !whole {
					c := s.corner(f, all, steps)
					if c != nil && (c.combined(len(some)) || c.small() && !s.corner(f, some, steps).small()) {
						return true
					}
					whole = c != nil && c.left > 0
				}
				searched[f] = whole
			}
			if whole {
				done = append(done, f)
			}
		}
	}
	return false
}

// corner is that of some facts within a set.
func (s *space) corner(f *Set, facts []*Set, steps int) *corner {
	if n := f.of - len(s.places); n > 0 {
		s.places = append(s.places, make([]int32, n)...)
	}
	return newCorner(s.bases[0].modulus, f, facts, s.h.limit(), steps, s.places)
}

// everybody is the set of all participants, where they are few enough.
func (s *space) everybody() []*Set {
	n := s.h.options.Participants
	if len(s.bases[0].facts) > mostFacts || !dense(mostLines, s.h.limit(), n) {
		return nil
	}
	all := make([]int32, n)
	for p := range all {
		all[p] = int32(p)
	}
	return []*Set{NewSet(n, all)}
}

// within is which facts lie within a set; one too many, where there are many.
func within(f *Set, facts []*Set) (out []*Set) {
	for _, g := range facts {
		if len(out) <= mostFacts && g.Len() <= f.Len() && g.least >= f.least && f.Has(g.least) && g.Within(f) {
			out = append(out, g)
		}
	}
	return out
}

// corner is the span of a few facts, where participants who are in the same of them are one
// column, the largest first. Small sets are 0 in columns of more than limit participants. So
// they are sums of the rows, in reduced echelon form, that are 0 in all of those: each of the
// rows at whose pivots the set is, once.
type corner struct {
	modulus
	limit int
	sizes []int
	facts [][]uint32 // by column, whether they are in the fact
	rows  []entries  // those that are 0 where a column is large
	left  int        // steps that may be taken

	order  []int   // of the rows, so that columns are settled early
	closes [][]int // by place in the order, the columns at which no later row is anything but 0
	sum    []uint32
}

// entries is what of a row is not 0.
type entries struct {
	at     []int32
	values []uint32
}

// How large a corner may be, and how many steps are taken in it.
const (
	mostFacts   = 64
	mostColumns = 400
	mostSteps   = 20_000
	allSteps    = 1_000_000 // among so few participants
	lightParts  = 16
)

// newCorner is nil when there is too much in it. It writes down places by participant.
func newCorner(m modulus, f *Set, facts []*Set, limit, steps int, places []int32) *corner {
	if len(facts) > mostFacts || !dense(mostLines, limit, f.Len()) {
		return nil
	}
	members := slices.Collect(f.All())
	for k, p := range members {
		places[p] = int32(k)
	}
	marks := make([]uint64, f.Len()) // by place, of the facts that they are in
	for j, g := range facts {
		mark := mixed(uint64(j) + 1)
		for p := range g.All() {
			marks[places[p]] += mark
		}
	}
	type column struct {
		mark   uint64
		size   int
		member int32
	}
	at := map[uint64]int{0: -1}
	var columns []column
	for k, x := range marks {
		i, is := at[x]
		if !is {
			i = len(columns)
			at[x] = i
			columns = append(columns, column{mark: x, member: members[k]})
		}
		if i >= 0 {
			columns[i].size++
		}
		if len(columns) > mostColumns {
			return nil
		}
	}
	slices.SortFunc(columns, func(x, y column) int { return cmp.Or(cmp.Compare(y.size, x.size), cmp.Compare(x.mark, y.mark)) })
	c := &corner{modulus: m, limit: limit, left: steps}
	rows := make([][]uint32, len(facts))
	for j := range rows {
		rows[j] = make([]uint32, len(columns))
	}
	for i, x := range columns {
		c.sizes = append(c.sizes, x.size)
		for j, g := range facts {
			if g.Has(x.member) {
				rows[j][i] = 1
			}
		}
	}
	for _, r := range rows {
		c.facts = append(c.facts, slices.Clone(r))
	}
	c.reduce(rows)
	c.arrange()
	return c
}

// signed is a sum of two facts at most, each added or subtracted.
type signed struct {
	n     int
	of    [2]int
	minus [2]bool
}

// combined looks for a small set that is the sum of up to four facts, each added or
// subtracted, of which one is among those from fresh on: of two such sums of two, which
// cancel out in a part of the columns that has all the large ones and few others.
func (c *corner) combined(fresh int) bool {
	var all []signed
	for i := range c.facts {
		for _, minus := range []bool{false, true} {
			all = append(all, signed{1, [2]int{i}, [2]bool{minus}})
			for k := range i {
				all = append(all, signed{2, [2]int{i, k}, [2]bool{minus, false}}, signed{2, [2]int{i, k}, [2]bool{minus, true}})
			}
		}
	}
	all = append(all, signed{})
	weights := make([]uint64, len(c.sizes))
	for col, size := range c.sizes {
		weights[col] = uint64(size)
	}
	lengths := make([]uint64, len(all)) // of the sums, participants
	of := c.weighed(weights)
	for j, x := range all {
		lengths[j] = x.sum(of)
	}
	random := rand.New(rand.NewPCG(uint64(c.p), uint64(len(c.facts))))
	sums := make([]uint64, len(all))
	at := map[uint64][]int32{}
	var wanted []uint32
	var filter filter
	left := 10 * mostSteps
	for range lightParts {
		for col, size := range c.sizes {
			weights[col] = 0
			if size > c.limit || random.IntN(c.limit) == 0 {
				weights[col] = random.Uint64()
			}
		}
		clear(at)
		wanted = wanted[:0]
		of := c.weighed(weights)
		for j, x := range all {
			if sums[j] = x.sum(of); x.n > 0 && x.of[0] >= fresh {
				at[-sums[j]] = append(at[-sums[j]], int32(j))
				wanted = append(wanted, uint32(-sums[j]>>32))
			}
		}
		filter.fill(wanted)
		for j, x := range all {
			if short := uint32(sums[j] >> 32); short != 0 && !filter.has(short) {
				continue
			}
			for _, k := range at[sums[j]] {
				if n := int64(lengths[j] + lengths[k]); n < 1 || n > int64(c.limit) {
					continue
				}
				if left--; left < 0 {
					return false
				}
				if c.isSmall(x, all[k]) {
					return true
				}
			}
		}
	}
	return false
}

// weighed is the weights of each fact together.
func (c *corner) weighed(weights []uint64) []uint64 {
	out := make([]uint64, len(c.facts))
	for i, f := range c.facts {
		for col, x := range f {
			out[i] += weights[col] * uint64(x)
		}
	}
	return out
}

func (x signed) sum(of []uint64) (out uint64) {
	for i := range x.n {
		if v := of[x.of[i]]; x.minus[i] {
			out -= v
		} else {
			out += v
		}
	}
	return out
}

// isSmall says whether two sums make up a small set.
func (c *corner) isSmall(x, y signed) bool {
	n := 0
	for col, size := range c.sizes {
		v := 0
		for _, s := range [2]signed{x, y} {
			for i := range s.n {
				if is := int(c.facts[s.of[i]][col]); s.minus[i] {
					v -= is
				} else {
					v += is
				}
			}
		}
		switch {
		case v == 0:
		case v != 1:
			return false
		default:
			if n += size; n > c.limit {
				return false
			}
		}
	}
	return n > 0
}

// reduce brings rows into reduced echelon form, and keeps those without large columns.
func (c *corner) reduce(rows [][]uint32) {
	rank := 0
	var pivots []int
	for col := 0; col < len(c.sizes) && rank < len(rows); col++ {
		from := slices.IndexFunc(rows[rank:], func(r []uint32) bool { return r[col] != 0 })
		if from < 0 {
			continue
		}
		rows[rank], rows[rank+from] = rows[rank+from], rows[rank]
		pivot := rows[rank]
		by := c.inverse(pivot[col])
		for i, x := range pivot {
			pivot[i] = c.times(x, by)
		}
		for j, r := range rows {
			if j != rank && r[col] != 0 {
				c.subtract(r, []uint32{r[col]}, [][]uint32{pivot})
			}
		}
		pivots = append(pivots, col)
		rank++
	}
	for j, col := range pivots {
		if c.sizes[col] > c.limit {
			continue
		}
		var e entries
		for at, x := range rows[j] {
			if x != 0 {
				e.at, e.values = append(e.at, int32(at)), append(e.values, x)
			}
		}
		c.rows = append(c.rows, e)
	}
}

// arrange finds an order of the rows in which columns are settled early.
func (c *corner) arrange() {
	open := make([]int, len(c.sizes)) // by column, rows that are not in the order
	for _, r := range c.rows {
		for _, col := range r.at {
			open[col]++
		}
	}
	in := make([]bool, len(c.rows))
	for len(c.order) < len(c.rows) {
		best := -1
		for col, n := range open {
			if n > 1 && (best < 0 || n < open[best]) {
				best = col
			}
		}
		for i, r := range c.rows {
			if in[i] || best >= 0 && !slices.Contains(r.at, int32(best)) {
				continue
			}
			in[i] = true
			c.order = append(c.order, i)
			var closed []int
			for _, col := range r.at {
				if open[col]--; open[col] == 0 {
					closed = append(closed, int(col))
				}
			}
			c.closes = append(c.closes, closed)
		}
	}
	c.sum = make([]uint32, len(c.sizes))
}

// small looks for a small set.
func (c *corner) small() bool { return c.step(0, 0) }

// step decides for each row from a place in the order on whether it is in the sum, of which
// so many participants are settled.
func (c *corner) step(place, participants int) bool {
	if place == len(c.order) {
		return participants > 0
	}
	for _, with := range []bool{false, true} {
		if c.left--; c.left < 0 {
			return false
		}
		row := c.rows[c.order[place]]
		if with {
			c.add(row)
		}
		n := participants
		for _, col := range c.closes[place] {
			switch c.sum[col] {
			case 0:
			case 1:
				n += c.sizes[col]
			default:
				n = c.limit + 1
			}
		}
		if n <= c.limit && c.step(place+1, n) {
			return true
		}
		if with {
			c.take(row)
		}
	}
	return false
}

func (c *corner) add(row entries) {
	for i, col := range row.at {
		c.sum[col] = c.plus(c.sum[col], row.values[i])
	}
}

func (c *corner) take(row entries) {
	for i, col := range row.at {
		c.sum[col] = c.plus(c.sum[col], c.negative(row.values[i]))
	}
}
