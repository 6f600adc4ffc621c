package curate

import (
	"io"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"weir/datasets/store"
)

// vectors reads the rows that a cursor has decoded column by column, which is
// several times as fast as row by row. It says no, having done nothing, when a column
// or a value needs more thought than that.
func (r *reader) vectors(p *parquetCursor) bool {
	n := p.rows
	c := r.c
	if cap(r.drop) < n {
		r.drop = make([]bool, n)
	}
	drop := r.drop[:n]
	if !r.shape.participants {
		return false
	}
	people, ok := r.whole(p, r.person, c.keys[:0])
	if !ok {
		return false
	}
	index := c.rows.ints[0][:0]
	for i, id := range people {
		if id < 0 || id > maxPersonID {
			return false
		}
		k := r.participant(id)
		if k == stranger && r.im.options.KnownOnly {
			return false
		}
		drop[i] = k < 0
		index = append(index, k)
	}
	c.rows.ints[0] = index
	for i := range r.binds {
		if !r.vector(p, &r.binds[i], drop) {
			return false
		}
	}
	if r.key >= 0 {
		if c.keys, ok = r.whole(p, r.key, people[:0]); !ok {
			return false
		}
	}
	c.rows.count, c.read = n, int64(n)
	for i := range n {
		c.lines = append(c.lines, p.group.first+p.done+int64(i)+1)
		if r.aside >= 0 {
			x, err := r.im.readAside(r.shape.name, p.cells[r.aside](i))
			if err != nil {
				return false
			}
			c.asides = append(c.asides, x)
		}
	}
	r.discard(drop)
	return true
}

// discard drops the rows of persons without an index.
func (r *reader) discard(drop []bool) {
	any := false
	for i, k := range r.c.rows.ints[0] {
		switch {
		case !drop[i]:
			continue
		case k == stranger:
			r.c.strangers++
		default:
			r.c.dropped[r.im.regime.capRule]++
		}
		any = true
	}
	if any {
		r.c.without(drop)
	}
}

// vector reads a field; a row that is dropped may have anything.
func (r *reader) vector(p *parquetCursor, b *bind, drop []bool) bool {
	if b.birth != nil || b.field.Name == minuteOfDay || b.field.Name == zip3 {
		return false
	}
	column := p.columns[b.from]
	if b.field.Type == store.Float {
		out, ok := numbers(column, r.c.rows.nums[b.at][:0])
		for i, x := range out {
			if math.IsInf(x, 0) || b.required && math.IsNaN(x) && !drop[i] {
				return false
			}
		}
		r.c.rows.nums[b.at] = out
		return ok
	}
	out, ok := r.c.rows.ints[b.at][:0], false
	switch b.field.Type {
	case store.Date:
		out, ok = dates(column, out)
	case store.Label:
		out, ok = r.labelled(column, b, out)
	default:
		out, ok = integers(column, out)
	}
	r.c.rows.ints[b.at] = out
	if ok && b.required {
		for i, v := range out {
			if v == store.Missing && !drop[i] {
				return false
			}
		}
	}
	return ok
}

// whole is a column of ids, without NULL.
func (r *reader) whole(p *parquetCursor, at int, out []int64) ([]int64, bool) {
	column := p.columns[at]
	if column.NullN() > 0 {
		return nil, false
	}
	switch c := column.(type) {
	case *array.Int64:
		return append(out, c.Int64Values()...), true // the column goes
	case *array.Int32:
		for _, v := range c.Int32Values() {
			out = append(out, int64(v))
		}
		return out, true
	}
	return nil, false
}

func integers(column arrow.Array, out []int32) ([]int32, bool) {
	switch c := column.(type) {
	case *array.Int32:
		out = append(out, c.Int32Values()...)
		for _, v := range out {
			if v == store.Missing {
				return out, false
			}
		}
	case *array.Int64:
		for i, v := range c.Int64Values() {
			if (v <= math.MinInt32 || v > math.MaxInt32) && !c.IsNull(i) {
				return out, false
			}
			out = append(out, int32(v))
		}
	default:
		return out, false
	}
	return withoutNulls(column, out, store.Missing), true
}

func dates(column arrow.Array, out []int32) ([]int32, bool) {
	switch c := column.(type) {
	case *array.Date32:
		for i, v := range c.Date32Values() {
			if (v < math.MinInt32/2 || v > math.MaxInt32/2) && !c.IsNull(i) {
				return out, false
			}
			out = append(out, int32(v))
		}
	case *array.Timestamp:
		perDay := perDay(c)
		for i, v := range c.TimestampValues() {
			day := dayCell(int64(v), perDay).whole
			if (day < math.MinInt32/2 || day > math.MaxInt32/2) && !c.IsNull(i) {
				return out, false
			}
			out = append(out, int32(day))
		}
	default:
		return out, false
	}
	return withoutNulls(column, out, store.Missing), true
}

func numbers(column arrow.Array, out []float64) ([]float64, bool) {
	c, ok := column.(*array.Float64)
	if !ok {
		return out, false
	}
	return withoutNulls(column, append(out, c.Float64Values()...), math.NaN()), true
}

func (r *reader) labelled(column arrow.Array, b *bind, out []int32) ([]int32, bool) {
	c, ok := column.(*array.String)
	if !ok {
		return out, false
	}
	for i := range c.Len() {
		if c.IsNull(i) || c.Value(i) == "" {
			out = append(out, store.Missing)
			continue
		}
		text, _, err := cell{kind: isText, text: c.Value(i)}.label()
		if err != nil {
			return out, false
		}
		out = append(out, r.c.texts[b.at].index(text))
	}
	return out, true
}

func withoutNulls[T any](column arrow.Array, values []T, none T) []T {
	if column.NullN() > 0 {
		for i := range values {
			if column.IsNull(i) {
				values[i] = none
			}
		}
	}
	return values
}

// record reads the next rows of a cursor into the chunk.
func (r *reader) record(p *parquetCursor) error {
	for {
		if err := p.load(); err != nil {
			return err
		}
		if p.rows > 0 {
			break
		}
	}
	if r.vectors(p) {
		return nil
	}
	r.newChunk()
	p.at = -1
	if err := r.fill(p.rows); err != nil && err != io.EOF {
		return err
	}
	return nil
}
