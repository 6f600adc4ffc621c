package engine

import (
	"weir/datasets/plan"
	"weir/datasets/tally"
)

// splitCount counts distinct participants and rows by a concept of their events
// without making entries: most tables by a split are this one. A participant's rows
// follow each other, so a cell counts a participant when the last one it saw was
// another.
type splitCount struct {
	events *events
	field  string
	group  []int32 // of each code of the dictionary, -1 for none
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
	s := &splitCount{events: ev, field: k.field.field}
	for _, code := range k.field.codes {
		if code < 0 {
			code = int32(len(k.labels))
		}
		s.group = append(s.group, k.place(code, drop))
	}
	return s, nil
}

// cellSet is a cell while it is counted: 32 bytes, so that two lie in a cache line.
type cellSet struct {
	last         int32 // the participant seen last, counted from 1
	rows         int32
	participants int32
	_            int32
	print        tally.Print
}

// see counts a row of participant p if ok is 1, and nothing if it is 0. There is
// no branch to mispredict.
func (s *cellSet) see(p, ok int32, print *tally.Print) {
	t := uint32(s.last ^ p)
	isNew := int32((t|-t)>>31) & ok
	mask := -uint64(isNew)
	s.rows += ok
	s.participants += isNew
	s.print[0] += print[0] & mask
	s.print[1] += print[1] & mask
	s.last += (p - s.last) & -isNew
}

// take adds a block's rows to the cells; base is the cell of each participant
// without the split's part.
func (f *splitCount) take(b *block, base []int32, g *part, a *partSums) {
	step := int32(0)
	for i := range g.keys {
		if k := &g.keys[i]; k.split >= 0 {
			step = int32(k.step)
		}
	}
	cells := make([]cellSet, g.cells)
	f.count(b, base, step, cells)
	for k := range cells {
		if s := &cells[k]; s.rows > 0 {
			a.all[k].Add(tally.Set{Participants: int64(s.participants), Rows: int64(s.rows), Print: s.print})
		}
	}
}

func (f *splitCount) count(b *block, base []int32, step int32, cells []cellSet) {
	if f.events.scan != nil {
		f.countScan(b, base, step, cells)
		return
	}
	s := f.events.rows(b)
	if s.source == nil {
		return
	}
	concept := s.Int32(f.field)
	for i, r := range s.rows {
		p := s.who[i]
		if k, group := base[p], f.group[concept[r]]; k >= 0 && group >= 0 {
			cells[k+group*step].see(p+1, 1, &b.prints[p])
		}
	}
}

// countScan reads the columns from front to back.
func (f *splitCount) countScan(b *block, base []int32, step int32, cells []cellSet) {
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
		// one participant's rows
		p, end := who[i]-b.first, i+1
		for end < len(who) && who[end] == who[i] {
			end++
		}
		if k := base[p]; k >= 0 {
			part := cells[k:]
			switch {
			case value == nil && when == nil:
				for _, c := range concept[i:end] {
					f.see(part, c, step, p, 1, b)
				}
			default:
				for j := i; j < end; j++ {
					f.see(part, concept[j], step, p, sc.pass(value, when, j), b)
				}
			}
		}
		i = end
	}
}

func (f *splitCount) see(cells []cellSet, code, step, p, ok int32, b *block) {
	if group := f.group[code]; group >= 0 {
		cells[group*step].see(p+1, ok, &b.prints[p])
	}
}

// pass is 1 for a row in the scan's ranges. NaN and a missing date are in none.
func (sc *scan) pass(value []float64, when []int32, i int) int32 {
	ok := int32(1)
	if value != nil {
		v := value[i]
		ok = int32(truth(v >= sc.lo)) & int32(truth(v <= sc.hi))
	}
	if when != nil {
		d := when[i]
		ok &= int32(truth(d >= sc.from)) & int32(truth(d <= sc.to))
	}
	return ok
}
