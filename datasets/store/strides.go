package store

import "sort"

// Strides is the number of strides that n participants make.
func Strides(n int) int { return (n + Stride - 1) / Stride }

// Rows finds the rows of stride k: a batch, and the first and last-plus-one of
// its rows. The batch is nil when the stride has none.
func (t *Table) Rows(k int) (b *Batch, from, to int) {
	lo, hi := int32(k*Stride), int32((k+1)*Stride)
	i := sort.Search(len(t.Batches), func(i int) bool {
		p := t.Batches[i].Int32("participant")
		return p[len(p)-1] >= lo
	})
	if i == len(t.Batches) {
		return nil, 0, 0
	}
	b = &t.Batches[i]
	p := b.Int32("participant")
	from = sort.Search(len(p), func(i int) bool { return p[i] >= lo })
	to = from + sort.Search(len(p)-from, func(i int) bool { return p[from+i] >= hi })
	if from == to {
		return nil, 0, 0
	}
	return b, from, to
}
