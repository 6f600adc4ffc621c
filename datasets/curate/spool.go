package curate

import (
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"

	"weir/datasets/store"
)

// spool holds a table's rows by place until all are read: in memory up to a
// limit, then in a file, column by column for each place.
type spool struct {
	shape   *shape
	path    string
	file    *os.File // nil as long as all is in memory
	end     int64
	pending []*columns // by place
	bytes   int
	extents [][]extent // by place
	spare   sync.Pool  // columns that were written
}

// extent is rows in the file.
type extent struct {
	at   int64
	rows int
}

// spoolBytes is how much of a table stays in memory.
const spoolBytes = 384 << 20

// newSpool is for so many rows, as far as that is known.
func newSpool(s *shape, dir string, places int, rows int64) *spool {
	p := &spool{shape: s, path: filepath.Join(dir, s.name+".spool"), pending: make([]*columns, places), extents: make([][]extent, places)}
	// Places differ by some rows; with room for these none is copied to a larger one.
	rows = min(rows, spoolBytes/int64(s.rowBytes()))
	each := int(rows/int64(places)) * 17 / 16
	for i := range p.pending {
		p.pending[i] = newColumns(s)
		p.pending[i].grow(each)
		p.pending[i].reset()
	}
	return p
}

// rowBytes is what a row takes.
func (s *shape) rowBytes() (n int) {
	for _, f := range s.fields {
		if n += 4; f.Type == store.Float {
			n += 4
		}
	}
	return n
}

// add takes a chunk's rows, which it does not keep.
func (p *spool) add(c *chunk) error {
	for k := range p.pending {
		p.pending[k].appendRows(c.rows, int(c.starts[k]), int(c.starts[k+1]))
	}
	p.bytes += c.rows.bytes()
	if p.bytes < spoolBytes {
		return nil
	}
	return p.flush()
}

func (p *spool) flush() (err error) {
	if p.file == nil {
		if p.file, err = os.OpenFile(p.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
			return err
		}
	}
	for k, c := range p.pending {
		if c.count == 0 {
			continue
		}
		if err := p.append(k, c); err != nil {
			return err
		}
		c.reset()
	}
	p.bytes = 0
	return nil
}

// load is all rows of a place, in the order in which they were added. The rows of
// a place that was written can be given back by done.
func (p *spool) load(k int) (*columns, error) {
	if p.extents[k] == nil {
		c := p.pending[k]
		p.pending[k] = nil
		return c, nil
	}
	rows := p.pending[k].count
	for _, e := range p.extents[k] {
		rows += e.rows
	}
	c, _ := p.spare.Get().(*columns)
	if c == nil {
		c = newColumns(p.shape)
	}
	c.grow(rows)
	from := 0
	for _, e := range p.extents[k] {
		at := e.at
		for f := range c.shape.fields {
			b := c.raw(f)
			width := len(b) / rows
			b = b[from*width : (from+e.rows)*width]
			if _, err := p.file.ReadAt(b, at); err != nil {
				return nil, err
			}
			at += int64(len(b))
		}
		from += e.rows
	}
	c.truncate(from)
	c.appendRows(p.pending[k], 0, p.pending[k].count)
	p.pending[k] = nil
	return c, nil
}

// put takes the rows of a place back that load gave, in place of what was there.
func (p *spool) put(k int, c *columns) error {
	inFile := p.extents[k] != nil && c.count > 0
	if p.extents[k] = nil; !inFile {
		c.order, c.moved, c.mixed = nil, nil, nil
		p.pending[k] = c
		return nil
	}
	p.pending[k] = newColumns(p.shape)
	err := p.append(k, c)
	p.done(c)
	return err
}

// append writes rows of a place to the file.
func (p *spool) append(k int, c *columns) error {
	p.extents[k] = append(p.extents[k], extent{p.end, c.count})
	for f := range c.shape.fields {
		b := c.raw(f)
		if _, err := p.file.WriteAt(b, p.end); err != nil {
			return err
		}
		p.end += int64(len(b))
	}
	return nil
}

// done gives rows back that nobody refers to any more.
func (p *spool) done(c *columns) { p.spare.Put(c) }

func (p *spool) close() error {
	if p.file == nil {
		return nil
	}
	return errors.Join(p.file.Close(), os.Remove(p.path))
}

// raw is the bytes of a column.
func (c *columns) raw(f int) []byte {
	if c.nums[f] != nil {
		return arrow.Float64Traits.CastToBytes(c.nums[f])
	}
	return arrow.Int32Traits.CastToBytes(c.ints[f])
}

func (c *columns) bytes() (n int) {
	for f := range c.shape.fields {
		n += len(c.raw(f))
	}
	return n
}

// grow makes it so many rows, of whatever values.
func (c *columns) grow(rows int) {
	for f, field := range c.shape.fields {
		switch {
		case field.Type != store.Float:
			c.ints[f] = resized(c.ints[f], rows)
		case cap(c.nums[f]) < rows:
			c.nums[f] = make([]float64, rows)
		default:
			c.nums[f] = c.nums[f][:rows]
		}
	}
	c.count = rows
}
