package store

import "sort"

// Strides is the number of strides that n participants make.
func Strides(n int) int { return (n + Stride - 1) / Stride }

// rows is where the rows of a stride are.
type rows struct{ batch, from, to int }

// Rows finds the rows of stride k: a batch, and the first and last-plus-one of
// its rows. The batch is nil when the stride has none.
func (t *Table) Rows(k int) (b *Batch, from, to int) {
	t.findStrides.Do(t.stridesOfBatches)
	if k >= len(t.strides) || t.strides[k].from == t.strides[k].to {
		return nil, 0, 0
	}
	r := t.strides[k]
	return &t.Batches[r.batch], r.from, r.to
}

func (t *Table) stridesOfBatches() {
	for i := range t.Batches {
		p := t.Batches[i].Int32("participant")
		for from := 0; from < len(p); {
			k := int(p[from]) / Stride
			n := sort.Search(len(p)-from, func(i int) bool { return int(p[from+i]) >= (k+1)*Stride })
			for len(t.strides) <= k {
				t.strides = append(t.strides, rows{})
			}
			t.strides[k] = rows{i, from, from + n}
			from += n
		}
	}
}
