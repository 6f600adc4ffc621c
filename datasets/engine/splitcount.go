package engine

import (
	"math"
	"slices"

	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/datasets/tally"
)

// splitCount counts distinct participants and rows by a concept of their events
// without making entries: most tables by a split are this one. A participant's rows
// follow each other, so a cell counts a participant when the last one it saw was
// another.
type splitCount struct {
	events *events
	field  string
	cell   []int32 // of each code of the dictionary; nil where it is the code itself
	group  []int32 // of each cell, -1 for what is left out
	hold   func(*block) *splitCells
}

// splitCells is a worker's cells, by the cell of the participants without the split.
type splitCells struct {
	cells []cellSet
	codes []int32 // scratch

	record  bool
	first   int     // of the cells of the participant at hand
	who, in []int32 // who is in which cell, where it is recorded
	noted   []int32 // of each cell, the participant noted last, counted from 1
}

// splitCount is nil where the split, or what is asked of it, is another.
func (c *compiler) splitCount(ex *expansion, stats []*plan.Node, drop bool) (*splitCount, error) {
	if len(ex.order) != 1 || len(stats) > 0 || len(ex.sources) != 1 || ex.order[0].field == nil || ex.order[0].field.codes == nil {
		return nil, nil
	}
	k := ex.order[0]
	ev, err := c.events(k.events)
	if err != nil || ev.table == nil {
		return nil, err
	}
	s := &splitCount{events: ev, field: k.field.field, hold: held[splitCells](c)}
	taken, shared := make([]bool, k.size()), false
	for code, label := range k.field.codes {
		if label < 0 {
			label = int32(len(k.labels))
		}
		g := k.place(label, drop)
		if s.group = append(s.group, g); g >= 0 && ev.table.Used(s.field, code) {
			shared = shared || taken[g]
			taken[g] = true
		}
	}
	if shared {
		s.shareCells(k.size())
	}
	return s, nil
}

// shareCells is for codes of which several are one group: cells are the groups, and
// one more for what is left out.
func (f *splitCount) shareCells(groups int) {
	f.cell, f.group = f.group, nil
	for code, g := range f.cell {
		if g < 0 {
			f.cell[code] = int32(groups)
		}
	}
	for g := range groups {
		f.group = append(f.group, int32(g))
	}
	f.group = append(f.group, -1)
}

// cellSet is a cell while a stride is counted. Few and small fields, because most
// of a count's time goes into them.
type cellSet struct {
	// The sums of the participants' prints. Those of a stride have 52 bits: each is
	// below 2⁴⁰, and a stride has 2¹² participants. The 12 bits above count the
	// participants, in the first; of a whole stride they are 0 again.
	print tally.Print
	seen  uint64 // the participant seen last, counted from 1, in the upper half; the rows in the lower
}

const (
	printBits = 52
	oneMore   = 1 << printBits
)

// A stride of another size needs other bits.
var _ [1 << (64 - printBits)]struct{} = [store.Stride]struct{}{}

// see counts a row of participant p, counted from 1 in the upper half; oneMore is
// added to the print. The participants come in order, so that the difference is
// negative when p is new. There is no branch to mispredict.
func (s *cellSet) see(p, first, second uint64) {
	seen := s.seen
	isNew := uint64(int64(seen-p) >> 63)
	s.seen = p + uint64(uint32(seen)) + 1
	s.print[0] += isNew & first
	s.print[1] += isNew & second
}

// set is what was seen.
func (s *cellSet) set() tally.Set {
	out := tally.Set{Rows: int64(uint32(s.seen)), Participants: int64(s.print[0] >> printBits), Print: s.print}
	out.Print[0] %= oneMore
	if out.Participants == 0 {
		out.Participants = store.Stride
	}
	return out
}

// take adds a block's rows to the cells; base is the cell of each participant
// without the split's part.
func (f *splitCount) take(b *block, base []int32, g *part, a *partSums) {
	key := &g.keys[slices.IndexFunc(g.keys, func(k groupKey) bool { return k.split >= 0 })]
	step, size, width := key.step, key.size(), len(f.group)
	h := f.hold(b)
	h.record = g.entries != nil
	n := g.cells / size * width
	h.cells = slices.Grow(h.cells[:0], n)[:n]
	clear(h.cells)
	if h.record {
		h.noted = slices.Grow(h.noted[:0], n)[:n]
		clear(h.noted)
	}
	// A table's cell is (high·size + group)·step + low, and one of these
	// (high·step + low)·width + cell.
	var last int32
	cells := h.cells[:width]
	f.count(b, h, func(p int32) []cellSet {
		switch k := base[p]; {
		case k < 0:
			return nil
		case k != last:
			last = k
			h.first = (int(k)/(size*step)*step + int(k)%step) * width
			cells = h.cells[h.first:][:width]
		}
		return cells
	})
	tableCell := func(i int) (int, bool) {
		group, k := int(f.group[i%width]), i/width
		return (k/step*size+group)*step + k%step, group >= 0
	}
	for i := range h.cells {
		if h.cells[i].seen > 0 {
			if k, ok := tableCell(i); ok {
				a.all[k].Add(h.cells[i].set())
			}
		}
	}
	if g.entries != nil {
		g.entries[b.stride] = h.entries(b, tableCell)
	}
}

// entries is who was seen in which cell of the table.
func (h *splitCells) entries(b *block, tableCell func(int) (int, bool)) tally.Entries {
	out := tally.Entries{First: b.first}
	for i, p := range h.who {
		if k, ok := tableCell(int(h.in[i])); ok {
			out.Who, out.Cell = append(out.Who, b.first+p), append(out.Cell, int32(k))
		}
	}
	h.who, h.in = h.who[:0], h.in[:0]
	return out
}

// count counts the rows of each participant in the cells that of gives, none where
// it gives none.
func (f *splitCount) count(b *block, h *splitCells, of func(p int32) []cellSet) {
	if f.events.scan != nil {
		f.countScan(b, h, of)
		return
	}
	s := f.events.rows(b)
	if s.source == nil {
		return
	}
	concept := s.Int32(f.field)
	for i := 0; i < len(s.who); {
		p, end := s.who[i], runEnd(s.who, i)
		h.codes = h.codes[:0]
		for _, r := range s.rows[i:end] {
			h.codes = append(h.codes, concept[r])
		}
		f.see(of(p), h.codes, p, b, h)
		i = end
	}
}

// countScan reads the columns from front to back.
func (f *splitCount) countScan(b *block, h *splitCells, of func(p int32) []cellSet) {
	sc := f.events.scan
	batch, from, to := sc.table.Rows(b.stride)
	if batch == nil {
		return
	}
	who, concept := batch.Int32("participant")[from:to], batch.Int32(f.field)[from:to]
	var value []float64
	var when []int32
	if sc.valued {
		value = batch.Float64(f.events.Value)[from:to]
	}
	if sc.dated {
		when = batch.Int32(f.events.Start)[from:to]
	}
	for i := 0; i < len(who); {
		p, end := who[i]-b.first, runEnd(who, i)
		lo, hi := i, end
		i = end
		if when != nil {
			lo, hi = sc.dates(when, lo, hi)
		}
		codes := concept[lo:hi]
		if value != nil {
			h.codes = sc.values(value[lo:hi], codes, h.codes)
			codes = h.codes
		}
		if len(codes) > 0 {
			f.see(of(p), codes, p, b, h)
		}
	}
}

// see counts the rows of a participant, by their codes.
func (f *splitCount) see(cells []cellSet, codes []int32, p int32, b *block, h *splitCells) {
	if cells == nil {
		return
	}
	if f.cell != nil {
		codes = f.cells(codes, h)
	}
	print := b.prints[p]
	if h.record {
		h.note(codes, p)
	}
	seeAll(cells, codes, uint64(p+1)<<32, print[0]+oneMore, print[1])
}

// note notes in which cells a participant is seen.
func (h *splitCells) note(codes []int32, p int32) {
	noted := h.noted[h.first:]
	for _, code := range codes {
		if noted[code] != p+1 {
			noted[code] = p + 1
			h.who, h.in = append(h.who, p), append(h.in, int32(h.first)+code)
		}
	}
}

// seeAll counts rows of one participant. It calls nothing, so that all it needs
// stays in registers.
func seeAll(cells []cellSet, codes []int32, p, first, second uint64) {
	for _, code := range codes {
		cells[uint32(code)].see(p, first, second)
	}
}

// cells is the cells of codes.
func (f *splitCount) cells(codes []int32, h *splitCells) []int32 {
	h.codes = slices.Grow(h.codes[:0], len(codes))[:len(codes)]
	for i, code := range codes {
		h.codes[i] = f.cell[code]
	}
	return h.codes
}

// runEnd is where the values that are equal to that at i end.
func runEnd(v []int32, i int) int {
	x := v[i]
	for i += 1; i+8 <= len(v) && v[i+7] == x; i += 8 {
	}
	for i < len(v) && v[i] == x {
		i++
	}
	return i
}

// dates narrows a participant's rows, which are in the order of their dates, to
// those in the scan's range. A missing date is in none.
func (sc *scan) dates(when []int32, lo, hi int) (int, int) {
	from, _ := slices.BinarySearch(when[lo:hi], sc.from)
	n := hi - lo
	if sc.to < math.MaxInt32 {
		n, _ = slices.BinarySearch(when[lo+from:hi], sc.to+1)
		n += from
	}
	return lo + from, lo + n
}

// values is the codes of the rows with a value in the scan's range; NaN is in none.
// Every code is written, and the next takes the place of one that is out of it.
func (sc *scan) values(value []float64, codes, to []int32) []int32 {
	to = slices.Grow(to[:0], len(codes))[:len(codes)]
	value = value[:len(codes)]
	n := 0
	for i, code := range codes {
		v := value[i]
		to[n] = code
		n += int(truth(v >= sc.lo) & truth(v <= sc.hi))
	}
	return to[:n]
}
