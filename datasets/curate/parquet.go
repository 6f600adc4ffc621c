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
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"
)

// parquetFile is a Parquet file. Its row groups are read side by side.
//
// It is read by the package file and not by pqarrow, which makes Arrow records of it:
// with that come gRPC, Protocol Buffers and Arrow's functions, which every process
// of weir would set up before it does anything.
type parquetFile struct {
	name, path string
	file       *file.Reader
	fields     []parquetField
	chosen     []int
	done       atomic.Int64
	mu         sync.Mutex
	readers    []*file.Reader // of the same file, not in use
	opened     []*os.File     // the reader leaves open what it cannot read
}

// parquetField is a member of a row.
type parquetField struct {
	name string
	leaf int // the column that holds its values; nested for more than one value a row
}

const nested = -1

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
	p.fields = fieldsOf(r.MetaData().Schema)
	p.readers = append(p.readers, r)
	return p, nil
}

func fieldsOf(s *schema.Schema) (out []parquetField) {
	leaf := 0
	for i := range s.Root().NumFields() {
		f := parquetField{s.Root().Field(i).Name(), nested}
		leaves := 0
		for leaf+leaves < s.NumColumns() && s.ColumnRoot(leaf+leaves) == s.Root().Field(i) {
			leaves++
		}
		if leaves == 1 && s.Root().Field(i).Type() == schema.Primitive && s.Column(leaf).MaxRepetitionLevel() == 0 {
			f.leaf = leaf
		}
		leaf += leaves
		out = append(out, f)
	}
	return out
}

// reader takes a reader of the file that nobody uses.
func (p *parquetFile) reader() (*file.Reader, error) {
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
	return f, nil
}

func (p *parquetFile) release(r *file.Reader) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.readers = append(p.readers, r)
}

// recordRows is the number of rows that are decoded at a time.
const recordRows = 1 << 14

func (p *parquetFile) columns() (names []string) {
	for _, f := range p.fields {
		names = append(names, strings.ToLower(f.name))
	}
	return names
}

func (p *parquetFile) choose(columns []int) error {
	for _, i := range columns {
		if p.fields[i].leaf == nested {
			return fmt.Errorf("%s is nested: write it as one value a row", p.fields[i].name)
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
	p := &parquetCursor{group: g, reader: r}
	for _, i := range g.file.chosen {
		l, err := openLeaf(r, g.group, g.file.fields[i].leaf)
		if err != nil {
			return nil, fmt.Errorf("%s %w", g.file.fields[i].name, err)
		}
		p.leaves = append(p.leaves, l)
	}
	p.columns = make([]arrow.Array, len(p.leaves))
	p.cells = make([]func(int) cell, len(p.leaves))
	return p, nil
}

// parquetCursor goes through the rows of a row group.
type parquetCursor struct {
	group   *rowGroup
	reader  *file.Reader
	leaves  []*leaf
	columns []arrow.Array        // decoded rows of the chosen columns
	cells   []func(row int) cell // of those
	rows    int                  // that are decoded
	at      int                  // the row in those
	done    int64                // rows of the group before those
}

func (c *parquetCursor) next() (err error) {
	defer recovered(&err)
	c.at++
	for c.at >= c.rows {
		if err := c.decode(); err != nil {
			return err
		}
	}
	return nil
}

// load goes to the next rows.
func (c *parquetCursor) load() (err error) {
	defer recovered(&err)
	return c.decode()
}

func (c *parquetCursor) decode() error {
	c.done += int64(c.rows)
	c.group.file.done.Add(int64(c.rows))
	c.rows, c.at = 0, 0
	rows := int(min(recordRows, c.group.count-c.done))
	if rows == 0 {
		return c.atEnd()
	}
	for i, l := range c.leaves {
		column, err := l.decode(rows)
		if err != nil {
			return err
		}
		c.columns[i], c.cells[i] = column, cellsOf(column)
	}
	c.rows = rows
	return nil
}

// atEnd is io.EOF where every column ends.
func (c *parquetCursor) atEnd() error {
	for _, l := range c.leaves {
		l.records.Reset()
		if n, err := l.records.ReadRecords(1); n > 0 || err != nil {
			return fmt.Errorf("more rows than the %d that it says: %w", c.group.count, errDamaged)
		}
	}
	return io.EOF
}

func (c *parquetCursor) cell(i int) cell { return c.cells[i](c.at) }
func (c *parquetCursor) where() int64    { return c.group.first + c.done + int64(c.at) + 1 }

func (c *parquetCursor) close() error {
	for _, l := range c.leaves {
		l.records.Release()
	}
	c.group.file.release(c.reader)
	return nil
}

// leaf reads a column of a row group.
type leaf struct {
	records file.RecordReader
	of      arrow.DataType // what it is read as
}

func openLeaf(r *file.Reader, group, column int) (*leaf, error) {
	c := r.MetaData().Schema.Column(column)
	of := typeOf(c.PhysicalType(), c.LogicalType())
	if of == nil {
		kind := c.LogicalType().String()
		if c.LogicalType().IsNone() {
			kind = c.PhysicalType().String()
		}
		return nil, fmt.Errorf("is of a type that weir does not read, %s: write numbers, texts or dates", kind)
	}
	pages, err := r.RowGroup(group).GetColumnPageReader(column)
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", errDamaged, err)
	}
	bytes := of // of a column that has bytes
	if of.ID() != arrow.STRING {
		bytes = arrow.BinaryTypes.Binary
	}
	levels := file.LevelInfo{NullSlotUsage: 1, DefLevel: c.MaxDefinitionLevel()}
	l := &leaf{file.NewRecordReader(c, levels, bytes, memory.DefaultAllocator, r.BufferPool()), of}
	l.records.SetPageReader(pages)
	return l, nil
}

// typeOf is what a column is read as, nil for one that is not.
func typeOf(physical parquet.Type, logical schema.LogicalType) arrow.DataType {
	switch l := logical.(type) {
	case schema.NullLogicalType, schema.UnknownLogicalType:
		return arrow.Null
	case *schema.DecimalLogicalType:
		if l.Precision() <= decimal128.MaxPrecision {
			return &arrow.Decimal128Type{Precision: l.Precision(), Scale: l.Scale()}
		}
	case schema.StringLogicalType:
		return arrow.BinaryTypes.String
	case schema.DateLogicalType:
		return arrow.FixedWidthTypes.Date32
	case *schema.TimestampLogicalType:
		switch l.TimeUnit() {
		case schema.TimeUnitMillis:
			return arrow.FixedWidthTypes.Timestamp_ms
		case schema.TimeUnitMicros:
			return arrow.FixedWidthTypes.Timestamp_us
		case schema.TimeUnitNanos:
			return arrow.FixedWidthTypes.Timestamp_ns
		}
	case *schema.IntLogicalType:
		switch {
		case physical == parquet.Types.Int32 && l.IsSigned():
			return arrow.PrimitiveTypes.Int32
		case physical == parquet.Types.Int32:
			return arrow.PrimitiveTypes.Uint32
		case l.IsSigned():
			return arrow.PrimitiveTypes.Int64
		}
	case schema.NoLogicalType:
		return map[parquet.Type]arrow.DataType{
			parquet.Types.Boolean: arrow.FixedWidthTypes.Boolean,
			parquet.Types.Int32:   arrow.PrimitiveTypes.Int32,
			parquet.Types.Int64:   arrow.PrimitiveTypes.Int64,
			parquet.Types.Int96:   arrow.FixedWidthTypes.Timestamp_ns,
			parquet.Types.Float:   arrow.PrimitiveTypes.Float32,
			parquet.Types.Double:  arrow.PrimitiveTypes.Float64,
		}[physical]
	}
	return nil
}

// decode reads the next rows.
func (l *leaf) decode(rows int) (arrow.Array, error) {
	l.records.Reset()
	if err := l.records.Reserve(int64(rows)); err != nil {
		return nil, fmt.Errorf("%w (%v)", errDamaged, err)
	}
	for rest := int64(rows); rest > 0; {
		n, err := l.records.ReadRecords(rest)
		if err != nil {
			return nil, fmt.Errorf("%w (%v)", errDamaged, err)
		}
		if n == 0 {
			return nil, fmt.Errorf("%d rows fewer than it says: %w", rest, errDamaged)
		}
		rest -= n
	}
	a, err := l.array(rows)
	if err == nil && a.Len() != rows {
		err = errDamaged
	}
	return a, err
}

// array is what has been decoded.
func (l *leaf) array(rows int) (arrow.Array, error) {
	if l.of.ID() == arrow.NULL {
		return array.NewNull(rows), nil
	}
	if b, ok := l.records.(file.BinaryRecordReader); ok {
		chunk := b.GetBuilderChunks()[0]
		if d, ok := l.of.(*arrow.Decimal128Type); ok {
			return decimals(chunk, d)
		}
		return array.MakeFromData(array.NewData(l.of, chunk.Len(), chunk.Data().Buffers(), nil, chunk.NullN(), 0)), nil
	}
	valid := l.records.ReleaseValidBits()
	values := l.records.ReleaseValues()
	switch physical := l.records.Type(); {
	case physical == parquet.Types.Boolean:
		values = memory.NewBufferBytes(packed(values.Bytes()[:rows]))
	case physical == parquet.Types.Int96:
		values = memory.NewBufferBytes(moments(parquet.Int96Traits.CastFromBytes(values.Bytes())))
	case l.of.ID() == arrow.DECIMAL128 && physical == parquet.Types.Int32:
		values = memory.NewBufferBytes(widened(arrow.Int32Traits.CastFromBytes(values.Bytes())))
	case l.of.ID() == arrow.DECIMAL128:
		values = memory.NewBufferBytes(widened(arrow.Int64Traits.CastFromBytes(values.Bytes())))
	}
	return array.MakeFromData(array.NewData(l.of, l.records.ValuesWritten(), []*memory.Buffer{valid, values}, nil, int(l.records.NullCount()), 0)), nil
}

// packed are booleans, a byte each, as bits.
func packed(values []byte) []byte {
	out := make([]byte, bitutil.BytesForBits(int64(len(values))))
	for i, v := range values {
		bitutil.SetBitTo(out, i, v != 0)
	}
	return out
}

// moments are nanoseconds for the moments of old programs, such as Impala's.
func moments(values []parquet.Int96) []byte {
	out := make([]int64, len(values))
	for i, v := range values {
		if [4]byte(v[8:]) != [4]byte{} { // a day
			out[i] = v.ToTime().UnixNano()
		}
	}
	return arrow.Int64Traits.CastToBytes(out)
}

func widened[T int32 | int64](values []T) []byte {
	out := make([]decimal128.Num, len(values))
	for i, v := range values {
		out[i] = decimal128.FromI64(int64(v))
	}
	return arrow.Decimal128Traits.CastToBytes(out)
}

// decimals are numbers in two's complement, of 1 to 16 bytes, the highest first.
func decimals(column arrow.Array, of *arrow.Decimal128Type) (arrow.Array, error) {
	in, ok := column.(interface{ Value(int) []byte })
	if !ok {
		return nil, errDamaged
	}
	b := array.NewDecimal128Builder(memory.DefaultAllocator, of)
	b.Reserve(column.Len())
	for row := range column.Len() {
		if column.IsNull(row) {
			b.AppendNull()
			continue
		}
		digits := in.Value(row)
		if len(digits) == 0 || len(digits) > 16 {
			return nil, fmt.Errorf("a decimal number of %d bytes: %w", len(digits), errDamaged)
		}
		high, low := int64(0), uint64(0)
		if digits[0] >= 0x80 {
			high, low = -1, ^uint64(0)
		}
		for _, digit := range digits {
			high, low = high<<8|int64(low>>56), low<<8|uint64(digit)
		}
		b.Append(decimal128.New(high, low))
	}
	return b.NewArray(), nil
}

// cellsOf reads the values of a column; NULL is an absent cell.
func cellsOf(column arrow.Array) func(row int) cell {
	read := valuesOf(column)
	return func(row int) cell {
		if column.IsNull(row) {
			return cell{}
		}
		return read(row)
	}
}

func valuesOf(column arrow.Array) func(row int) cell {
	switch c := column.(type) {
	case *array.Null:
		return func(int) cell { return cell{} }
	case *array.Int32:
		return wholes(c.Value)
	case *array.Int64:
		return wholes(c.Value)
	case *array.Uint32:
		return wholes(c.Value)
	case *array.Float32:
		return func(row int) cell { return cell{kind: isReal, real: float64(c.Value(row))} }
	case *array.Float64:
		return func(row int) cell { return cell{kind: isReal, real: c.Value(row)} }
	case *array.Decimal128:
		scale := c.DataType().(*arrow.Decimal128Type).Scale
		return func(row int) cell { return cell{kind: isReal, real: c.Value(row).ToFloat64(scale)} }
	case *array.String:
		return func(row int) cell { return textCell(c.Value(row)) }
	case *array.Boolean:
		return func(row int) cell { return textCell(fmt.Sprint(c.Value(row))) }
	case *array.Date32:
		return func(row int) cell { return cell{kind: isDay, whole: int64(c.Value(row))} }
	case *array.Date64:
		return func(row int) cell { return dayCell(int64(c.Value(row)), 86_400_000) }
	case *array.Timestamp:
		perDay := perDay(c)
		return func(row int) cell { return dayCell(int64(c.Value(row)), perDay) }
	}
	panic("curate: a column of a type that typeOf does not name")
}

// perDay is how many of a column's units a day has.
func perDay(c *array.Timestamp) int64 {
	return int64(86_400 * 1e9 / int64(c.DataType().(*arrow.TimestampType).Unit.Multiplier()))
}

func wholes[T int32 | int64 | uint32](value func(int) T) func(int) cell {
	return func(row int) cell { return cell{kind: isWhole, whole: int64(value(row))} }
}

// textCell: an empty text is no value, as in CSV.
func textCell(text string) cell {
	if text == "" {
		return cell{}
	}
	// The text lives as long as what was decoded with it; labels copies what it keeps.
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
