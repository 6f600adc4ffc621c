package curate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// parquetCursor goes through a Parquet file.
type parquetCursor struct {
	name   string
	file   *file.Reader
	reader *pqarrow.FileReader
	fields []arrow.Field
	rows   pqarrow.RecordReader
	places []int // of the chosen columns in a record, which has the file's order
	record arrow.Record
	cells  []func(row int) cell // of the chosen columns of the record
	at     int                  // the row in the record
	done   int64                // rows of the records before
}

var errDamaged = errors.New("it is damaged or no Parquet file: copy it from its source again")

// recovered turns a panic, with which the reader answers some damaged files, into an error.
func recovered(err *error) {
	if p := recover(); p != nil {
		*err = errDamaged
	}
}

func openParquet(path, name string) (c cursor, err error) {
	defer recovered(&err)
	f, err := file.OpenParquetFile(path, false)
	if err != nil {
		return nil, fmt.Errorf("%w (%v)", errDamaged, err)
	}
	r, err := pqarrow.NewFileReader(f, pqarrow.ArrowReadProperties{BatchSize: minBatch}, memory.DefaultAllocator)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	s, err := r.Schema()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &parquetCursor{name: name, file: f, reader: r, fields: s.Fields()}, nil
}

func (c *parquetCursor) columns() (names []string) {
	for _, f := range c.fields {
		names = append(names, strings.ToLower(f.Name))
	}
	return names
}

func (c *parquetCursor) choose(columns []int) (err error) {
	defer recovered(&err)
	var leaves []int
	for _, i := range columns {
		if arrow.IsNested(c.fields[i].Type.ID()) {
			return fmt.Errorf("%s is nested: write it as one value a row", c.fields[i].Name)
		}
		leaves = append(leaves, c.reader.Manifest.Fields[i].ColIndex)
	}
	if c.rows, err = c.reader.GetRecordReader(context.Background(), leaves, nil); err != nil {
		return err
	}
	for _, i := range columns {
		c.places = append(c.places, c.rows.Schema().FieldIndices(c.fields[i].Name)[0])
	}
	return nil
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

func (c *parquetCursor) nextRecord() error {
	if c.record != nil {
		c.done += c.record.NumRows()
	}
	c.record, c.at, c.cells = nil, 0, c.cells[:0]
	if !c.rows.Next() {
		if err := c.rows.Err(); err != nil && err != io.EOF {
			return fmt.Errorf("%w (%v)", errDamaged, err)
		}
		if c.done != c.file.NumRows() {
			return fmt.Errorf("%d rows where it says %d: %w", c.done, c.file.NumRows(), errDamaged)
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
func (c *parquetCursor) where() int64    { return c.done + int64(c.at) + 1 }

func (c *parquetCursor) progress() (done, total int64) { return c.where(), c.file.NumRows() }

func (c *parquetCursor) close() error {
	if c.rows != nil {
		c.rows.Release()
	}
	return c.file.Close()
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
		perDay := int64(86_400 * 1e9 / int64(c.DataType().(*arrow.TimestampType).Unit.Multiplier()))
		return func(row int) cell { return dayCell(int64(c.Value(row)), perDay) }, nil
	case *array.Dictionary:
		read, err := valuesOf(c.Dictionary())
		return func(row int) cell { return read(c.GetValueIndex(row)) }, err
	}
	return nil, fmt.Errorf("is of a type that weir does not read, %s: write numbers, texts or dates", column.DataType())
}

func wholes[T int8 | int16 | int32 | int64 | uint8 | uint16 | uint32](value func(int) T) func(int) cell {
	return func(row int) cell { return cell{kind: isWhole, whole: int64(value(row))} }
}

// textCell: an empty text is no value, as in CSV.
func textCell(text string) cell {
	if text == "" {
		return cell{}
	}
	// The text lies in a buffer that the next record may take over.
	return cell{kind: isText, text: strings.Clone(text)}
}

// dayCell is the day of a moment, counted downwards before 1970.
func dayCell(moment, perDay int64) cell {
	return cell{kind: isDay, whole: int64(math.Floor(float64(moment) / float64(perDay)))}
}
