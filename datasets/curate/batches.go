package curate

import "weir/datasets/store"

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
