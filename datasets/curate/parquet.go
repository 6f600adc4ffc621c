package curate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// parquetFile is a Parquet file. Its row groups are read side by side.
type parquetFile struct {
	name, path string
	file       *file.Reader
	fields     []arrow.Field
	chosen     []int
	done       atomic.Int64
	mu         sync.Mutex
	readers    []*pqarrow.FileReader // of the same file, not in use
	opened     []*os.File            // the reader leaves open what it cannot read
}

var errDamaged = errors.New("it is damaged or no Parquet file: copy it from its source again")

// recovered turns a panic, with which the reader answers some damaged files, into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = errDamaged
	}
}

func openParquet(path, name string) (t tableFile, err error) {
	p := &parquetFile{name: name, path: path}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.close())
		}
	}()
	defer recovered(&err)
	r, err := p.reader()
	if err != nil {
		return nil, err
	}
	s, err := r.Schema()
	if err != nil {
		return nil, err
	}
	p.fields = s.Fields()
	p.readers = append(p.readers, r)
	return p, nil
}

// reader takes a reader of the file that nobody uses.
func (p *parquetFile) reader() (*pqarrow.FileReader, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.readers); n > 0 {
		r := p.readers[n-1]
		p.readers = p.readers[:n-1]
		return r, nil
	}
	opened, err := os.Open(p.path)
	if err != nil {
		return nil, err
	}
	p.opened = append(p.opened, opened)
	f, err := file.NewParquetReader(opened)
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", errDamaged, err)
	}
	p.file = f
	return pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: recordRows}, memory.DefaultAllocator)
}

func (p *parquetFile) release(r *pqarrow.FileReader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readers = append(p.readers, r)
}

// recordRows is the number of rows that are decoded at a time.
const recordRows = 1 << 14

func (p *parquetFile) columns() (names []string) {
	for _, f := range p.fields {
		names = append(names, strings.ToLower(f.Name))
	}
	return names
}

func (p *parquetFile) choose(columns []int) error {
	for _, i := range columns {
		if arrow.IsNested(p.fields[i].Type.ID()) {
			return fmt.Errorf("%s is nested: write it as one value a row", p.fields[i].Name)
		}
	}
	p.chosen = columns
	return nil
}

func (p *parquetFile) progress() (done, total int64) { return p.done.Load(), p.file.NumRows() }

// likelyRows is how many rows the file says it has, as far as a file of its size is
// to be believed.
func (p *parquetFile) likelyRows() int64 {
	st, err := os.Stat(p.path)
	if err != nil {
		return 0
	}
	return max(0, min(p.file.NumRows(), st.Size()))
}

func (p *parquetFile) close() error {
	var err error
	for _, f := range p.opened {
		err = errors.Join(err, f.Close())
	}
	return err
}

// cut hands on the row groups.
func (p *parquetFile) cut(ctx context.Context, emit func(block) error) (err error) {
	defer recovered(&err)
	first, sum := int64(0), int64(0)
	for g := range p.file.NumRowGroups() {
		n := p.file.RowGroup(g).NumRows()
		if sum += n; n < 0 || sum > p.file.NumRows() {
			return errDamaged
		}
		if err := emit(&rowGroup{p, g, first, n}); err != nil {
			return err
		}
		first += n
	}
	if first != p.file.NumRows() {
		return fmt.Errorf("%d rows where it says %d: %w", first, p.file.NumRows(), errDamaged)
	}
	return nil
}

// rowGroup is a row group of a file.
type rowGroup struct {
	file  *parquetFile
	group int
	first int64 // rows before it
	count int64
}

func (g *rowGroup) open() (c cursor, err error) {
	defer recovered(&err)
	r, err := g.file.reader()
	if err != nil {
		return nil, err
	}
	var leaves []int
	for _, i := range g.file.chosen {
		leaves = append(leaves, r.Manifest.Fields[i].ColIndex)
	}
	p := &parquetCursor{group: g, reader: r}
	if p.rows, err = r.GetRecordReader(context.Background(), leaves, []int{g.group}); err != nil {
		return nil, err
	}
	for _, i := range g.file.chosen {
		p.places = append(p.places, p.rows.Schema().FieldIndices(g.file.fields[i].Name)[0])
	}
	return p, nil
}

// parquetCursor goes through the rows of a row group.
type parquetCursor struct {
	group  *rowGroup
	reader *pqarrow.FileReader
	rows   pqarrow.RecordReader
	places []int // of the chosen columns in a record, which has the file's order
	record arrow.Record
	cells  []func(row int) cell // of the chosen columns of the record
	at     int                  // the row in the record
	done   int64                // rows of the group's records before
}

func (c *parquetCursor) next() (err error) {
	defer recovered(&err)
	c.at++
	for c.record == nil || c.at >= int(c.record.NumRows()) {
		if err := c.nextRecord(); err != nil {
			return err
		}
	}
	return nil
}

// load goes to the next record.
func (c *parquetCursor) load() (err error) {
	defer recovered(&err)
	return c.nextRecord()
}

func (c *parquetCursor) nextRecord() error {
	if c.record != nil {
		c.done += c.record.NumRows()
		c.group.file.done.Add(c.record.NumRows())
	}
	c.record, c.at, c.cells = nil, 0, c.cells[:0]
	if !c.rows.Next() {
		if err := c.rows.Err(); err != nil && err != io.EOF {
			return fmt.Errorf("%w (%v)", errDamaged, err)
		}
		if c.done != c.group.count {
			return fmt.Errorf("%d rows where it says %d: %w", c.done, c.group.count, errDamaged)
		}
		return io.EOF
	}
	c.record = c.rows.Record()
	for _, at := range c.places {
		read, err := cellsOf(c.record.Column(at))
		if err != nil {
			return fmt.Errorf("%s %w", c.record.ColumnName(at), err)
		}
		c.cells = append(c.cells, read)
	}
	return nil
}

func (c *parquetCursor) cell(i int) cell { return c.cells[i](c.at) }
func (c *parquetCursor) where() int64    { return c.group.first + c.done + int64(c.at) + 1 }

func (c *parquetCursor) close() error {
	c.rows.Release()
	c.group.file.release(c.reader)
	return nil
}

// cellsOf reads the values of a column; NULL is an absent cell.
func cellsOf(column arrow.Array) (func(row int) cell, error) {
	read, err := valuesOf(column)
	return func(row int) cell {
		if column.IsNull(row) {
			return cell{}
		}
		return read(row)
	}, err
}

func valuesOf(column arrow.Array) (func(row int) cell, error) {
	switch c := column.(type) {
	case *array.Null:
		return nil, nil // every row is NULL
	case *array.Int8:
		return wholes(c.Value), nil
	case *array.Int16:
		return wholes(c.Value), nil
	case *array.Int32:
		return wholes(c.Value), nil
	case *array.Int64:
		return wholes(c.Value), nil
	case *array.Uint8:
		return wholes(c.Value), nil
	case *array.Uint16:
		return wholes(c.Value), nil
	case *array.Uint32:
		return wholes(c.Value), nil
	case *array.Float32:
		return func(row int) cell { return cell{kind: isReal, real: float64(c.Value(row))} }, nil
	case *array.Float64:
		return func(row int) cell { return cell{kind: isReal, real: c.Value(row)} }, nil
	case *array.Decimal128:
		scale := c.DataType().(*arrow.Decimal128Type).Scale
		return func(row int) cell { return cell{kind: isReal, real: c.Value(row).ToFloat64(scale)} }, nil
	case *array.String:
		return func(row int) cell { return textCell(c.Value(row)) }, nil
	case *array.LargeString:
		return func(row int) cell { return textCell(c.Value(row)) }, nil
	case *array.Boolean:
		return func(row int) cell { return textCell(fmt.Sprint(c.Value(row))) }, nil
	case *array.Date32:
		return func(row int) cell { return cell{kind: isDay, whole: int64(c.Value(row))} }, nil
	case *array.Date64:
		return func(row int) cell { return dayCell(int64(c.Value(row)), 86_400_000) }, nil
	case *array.Timestamp:
		perDay := perDay(c)
		return func(row int) cell { return dayCell(int64(c.Value(row)), perDay) }, nil
	case *array.Dictionary:
		read, err := valuesOf(c.Dictionary())
		return func(row int) cell { return read(c.GetValueIndex(row)) }, err
	}
	return nil, fmt.Errorf("is of a type that weir does not read, %s: write numbers, texts or dates", column.DataType())
}

// perDay is how many of a column's units a day has.
func perDay(c *array.Timestamp) int64 {
	return int64(86_400 * 1e9 / int64(c.DataType().(*arrow.TimestampType).Unit.Multiplier()))
}

func wholes[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](value func(int) T) func(int) cell {
	return func(row int) cell { return cell{kind: isWhole, whole: int64(value(row))} }
}

// textCell: an empty text is no value, as in CSV.
func textCell(text string) cell {
	if text == "" {
		return cell{}
	}
	// The text lives as long as its record; labels copies what it keeps.
	return cell{kind: isText, text: text}
}

// dayCell is the day of a moment, counted downwards before 1970, and its minute.
func dayCell(moment, perDay int64) cell {
	day := moment / perDay
	if moment%perDay < 0 {
		day--
	}
	return cell{kind: isDay, whole: day, real: float64((moment - day*perDay) / (perDay / 1440)), timed: true}
}
