package curate

import (
	"sort"

	"weir/datasets/store"
)

// minBatch is the number of rows from which a record batch is written.
const minBatch = 1 << 16

// batches writes a table's rows in record batches of whole strides, each but the
// last of minBatch rows or more.
type batches struct {
	w       *store.Writer
	pending *columns
}

func newBatches(b *store.Builder, s *shape) (*batches, error) {
	w, err := b.Table(s.name, s.fields)
	if err != nil {
		return nil, err
	}
	return &batches{w, newColumns(s)}, nil
}

// write appends rows of whole strides. It keeps none of them.
func (b *batches) write(c *columns) error {
	if b.pending.count == 0 && c.count >= minBatch {
		return b.w.Write(c.slices()...)
	}
	return b.writeRows(c, 0, c.count)
}

// writeMade appends a place's rows.
func (b *batches) writeMade(m *made) error {
	if m.prepared == nil {
		return b.writeRows(m.rows, 0, m.rows.count)
	}
	if err := b.flush(); err != nil {
		return err
	}
	return b.w.Append(m.prepared)
}

// writeStrides appends rows of any number of strides.
func (b *batches) writeStrides(c *columns) error {
	for from := 0; from < c.count; {
		end := (c.ints[0][from]/store.Stride + 1) * store.Stride
		to := from + sort.Search(c.count-from, func(i int) bool { return c.ints[0][from+i] >= end })
		if err := b.writeRows(c, from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// writeRows appends the rows [from, to), of whole strides.
func (b *batches) writeRows(c *columns, from, to int) error {
	b.pending.appendRows(c, from, to)
	if b.pending.count < minBatch {
		return nil
	}
	return b.flush()
}

func (b *batches) flush() error {
	err := b.w.Write(b.pending.slices()...)
	b.pending.reset()
	return err
}

func (b *batches) close() error {
	if err := b.flush(); err != nil {
		return err
	}
	return b.w.Close()
}
