package curate

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/file"
	"github.com/apache/arrow/go/v17/parquet/schema"

	"weir/datasets/store"
)

// SynthesizeOMOP writes the invented participants as OMOP tables into the folder
// dir, which must not exist: what Import makes repositories of every tier from.
// Births, dates and answers are as they are, no rule has acted on them, and rows
// have keys. The format is "csv" or "parquet".
func SynthesizeOMOP(ctx context.Context, dir, format string, o SynthesizeOptions, progress Progress) (err error) {
	o, err = o.fill()
	if err != nil {
		return err
	}
	o.Tier = source
	w, err := newWorld(o)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	e := &exporter{dir: dir, format: format, files: map[string]rowFile{}, keys: map[string]int64{}}
	defer func() { err = errors.Join(err, e.close()) }()
	done := int64(0)
	err = w.strides(ctx, func(s *stride) error {
		if err := e.stride(s); err != nil {
			return err
		}
		done += int64(s.person.count)
		progress.tell("participants", done, int64(w.participants))
		return nil
	})
	if err != nil {
		return err
	}
	return e.vocabulary(w.vocabulary)
}

// exporter writes OMOP tables.
type exporter struct {
	dir, format string
	files       map[string]rowFile
	keys        map[string]int64
}

// rowFile is a file of rows in the making.
type rowFile interface {
	write(columns []outColumn) error
	close() error
}

// outColumn is a column of rows to be written. One of the slices is set; days and
// concepts are ints.
type outColumn struct {
	name  string
	longs []int64
	ints  []int32
	nums  []float64
	texts []string
	isDay bool
}

func (c *outColumn) rows() int {
	return max(len(c.longs), len(c.ints), len(c.nums), len(c.texts))
}

func (e *exporter) stride(s *stride) error {
	first := s.person.ints[0][0]
	ids := s.participants.ints[2]
	for _, c := range s.all {
		var err error
		switch c.shape.name {
		case "participants":
		case "person":
			err = e.person(c, ids)
		default:
			err = e.table(c, func(p int32) int64 { return int64(ids[p-first]) })
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// table writes rows with their keys and what OMOP has beside the concept: the
// source's own code of it.
func (e *exporter) table(c *columns, id func(participant int32) int64) error {
	keys, persons := make([]int64, c.count), make([]int64, c.count)
	for i, p := range c.ints[0] {
		e.keys[c.shape.name]++
		keys[i], persons[i] = e.keys[c.shape.name], id(p)
	}
	out := []outColumn{{name: c.shape.name + "_id", longs: keys}, {name: "person_id", longs: persons}}
	for f, field := range c.shape.fields[1:] {
		f++
		if field.Type == store.Label {
			texts := make([]string, c.count)
			for i, v := range c.ints[f] {
				texts[i] = field.Labels[v]
			}
			out = append(out, outColumn{name: field.Name, texts: texts})
			continue
		}
		out = append(out, outColumn{name: field.Name, ints: c.ints[f], nums: c.nums[f], isDay: field.Type == store.Date})
		if field.Indexed {
			codes := make([]string, c.count)
			for i, v := range c.ints[f] {
				codes[i] = "C" + strconv.Itoa(int(v))
			}
			out = append(out, outColumn{name: strings.TrimSuffix(field.Name, "concept_id") + "source_value", texts: codes})
		}
	}
	return e.write(c.shape.name, out)
}

// person writes person, and person_ext with what OMOP's person has no field for.
func (e *exporter) person(c *columns, ids []int32) error {
	persons := make([]int64, c.count)
	parts := [3][]int32{}
	for i, day := range c.ints[c.shape.at("birth_date")] {
		persons[i] = int64(ids[i])
		y, m, d := date(day).Date()
		for k, v := range []int{y, int(m), d} {
			parts[k] = append(parts[k], int32(v))
		}
	}
	field := func(name string) outColumn { return outColumn{name: name, ints: c.ints[c.shape.at(name)]} }
	id := outColumn{name: "person_id", longs: persons}
	if err := e.write("person", []outColumn{
		id, field("gender_concept_id"), {name: "year_of_birth", ints: parts[0]}, {name: "month_of_birth", ints: parts[1]}, {name: "day_of_birth", ints: parts[2]},
		field("race_concept_id"), field("ethnicity_concept_id"),
	}); err != nil {
		return err
	}
	return e.write(personExtension, []outColumn{id, field("sex_at_birth_concept_id"), field("gender_identity_concept_id"), field("state_of_residence_concept_id")})
}

func (e *exporter) vocabulary(v *vocabulary) error {
	var ids, days []int32
	texts := make([][]string, 6)
	for _, c := range v.concepts {
		standard := "S"
		if c.classifies {
			standard = "C"
		}
		ids, days = append(ids, c.id), append(days, 0)
		for i, text := range []string{c.name, c.domain, c.vocabulary, c.class, standard, c.code} {
			texts[i] = append(texts[i], text)
		}
	}
	columns := []outColumn{{name: "concept_id", ints: ids}}
	for i, name := range []string{"concept_name", "domain_id", "vocabulary_id", "concept_class_id", "standard_concept", "concept_code"} {
		columns = append(columns, outColumn{name: name, texts: texts[i]})
	}
	if err := e.write("concept", append(columns, outColumn{name: "valid_start_date", ints: days, isDay: true})); err != nil {
		return err
	}
	var from, to, levels []int32
	for _, d := range v.descents() {
		from, to, levels = append(from, d.ancestor), append(to, d.descendant), append(levels, d.levels)
	}
	return e.write("concept_ancestor", []outColumn{{name: "ancestor_concept_id", ints: from}, {name: "descendant_concept_id", ints: to}, {name: "min_levels_of_separation", ints: levels}})
}

func (e *exporter) write(table string, columns []outColumn) error {
	f := e.files[table]
	if f == nil {
		var err error
		switch e.format {
		case "csv":
			f, err = newCSVFile(filepath.Join(e.dir, table+".csv"), columns)
		case "parquet":
			f, err = newParquetFile(filepath.Join(e.dir, table+".parquet"), columns)
		default:
			err = fmt.Errorf("%q is no format of OMOP tables: choose csv or parquet", e.format)
		}
		if err != nil {
			return err
		}
		e.files[table] = f
	}
	return f.write(columns)
}

func (e *exporter) close() (err error) {
	for _, f := range e.files {
		err = errors.Join(err, f.close())
	}
	return err
}

// csvFile writes RFC 4180.
type csvFile struct {
	file *os.File
	out  *bufio.Writer
	line []byte
}

func newCSVFile(path string, columns []outColumn) (*csvFile, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	c := &csvFile{file: f, out: bufio.NewWriterSize(f, 1<<20)}
	var names []string
	for _, x := range columns {
		names = append(names, x.name)
	}
	_, err = c.out.WriteString(strings.Join(names, ",") + "\n")
	return c, err
}

func (c *csvFile) write(columns []outColumn) error {
	for i := range columns[0].rows() {
		c.line = c.line[:0]
		for k := range columns {
			if k > 0 {
				c.line = append(c.line, ',')
			}
			c.line = columns[k].appendText(c.line, i)
		}
		if _, err := c.out.Write(append(c.line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

func (c *outColumn) appendText(to []byte, i int) []byte {
	switch {
	case c.longs != nil:
		return strconv.AppendInt(to, c.longs[i], 10)
	case c.texts != nil:
		if strings.ContainsAny(c.texts[i], "\",\n\r") {
			return append(append(append(to, '"'), strings.ReplaceAll(c.texts[i], `"`, `""`)...), '"')
		}
		return append(to, c.texts[i]...)
	case c.nums != nil:
		if c.nums[i] != c.nums[i] {
			return to
		}
		return strconv.AppendFloat(to, c.nums[i], 'f', -1, 64)
	case c.ints[i] == store.Missing:
		return to
	case c.isDay:
		return date(c.ints[i]).AppendFormat(to, time.DateOnly)
	}
	return strconv.AppendInt(to, int64(c.ints[i]), 10)
}

func (c *csvFile) close() error { return errors.Join(c.out.Flush(), c.file.Close()) }

// parquetOut writes Parquet, compressed by Snappy as most programs do.
type parquetOut struct {
	out   *file.Writer
	group file.BufferedRowGroupWriter // nil before the first row
	rows  int                         // of the group
}

// groupRows is the number of rows of a row group, as DuckDB has it.
const groupRows = 122_880

func newParquetFile(path string, columns []outColumn) (*parquetOut, error) {
	var fields schema.FieldList
	for _, c := range columns {
		physical, logical := c.parquetType()
		f, err := schema.NewPrimitiveNodeLogical(c.name, parquet.Repetitions.Optional, logical, physical, 0, -1)
		if err != nil {
			return nil, err
		}
		fields = append(fields, f)
	}
	root, err := schema.NewGroupNode("schema", parquet.Repetitions.Required, fields, -1)
	if err != nil {
		return nil, err
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Snappy))
	return &parquetOut{out: file.NewParquetWriter(f, root, file.WithWriterProps(props))}, nil
}

func (c *outColumn) parquetType() (parquet.Type, schema.LogicalType) {
	switch {
	case c.longs != nil:
		return parquet.Types.Int64, schema.NewIntLogicalType(64, true)
	case c.texts != nil:
		return parquet.Types.ByteArray, schema.StringLogicalType{}
	case c.nums != nil:
		return parquet.Types.Double, schema.NoLogicalType{}
	case c.isDay:
		return parquet.Types.Int32, schema.DateLogicalType{}
	}
	return parquet.Types.Int32, schema.NewIntLogicalType(32, true)
}

func (p *parquetOut) write(columns []outColumn) error {
	rows := columns[0].rows()
	for from := 0; from < rows; {
		if p.group == nil || p.rows == groupRows {
			if err := p.closeGroup(); err != nil {
				return err
			}
			p.group, p.rows = p.out.AppendBufferedRowGroup(), 0
		}
		to := min(rows, from+groupRows-p.rows)
		for k := range columns {
			w, err := p.group.Column(k)
			if err == nil {
				err = columns[k].appendTo(w, from, to)
			}
			if err != nil {
				return err
			}
		}
		p.rows += to - from
		from = to
	}
	return nil
}

// appendTo writes rows of a column: the level of each, 0 for none, and the values of
// the others.
func (c *outColumn) appendTo(w file.ColumnChunkWriter, from, to int) (err error) {
	there := make([]int16, to-from)
	for i := range there {
		if (c.ints == nil || c.ints[from+i] != store.Missing) && (c.nums == nil || c.nums[from+i] == c.nums[from+i]) {
			there[i] = 1
		}
	}
	switch w := w.(type) {
	case *file.Int64ColumnChunkWriter:
		_, err = w.WriteBatch(c.longs[from:to], there, nil)
	case *file.ByteArrayColumnChunkWriter:
		var texts []parquet.ByteArray
		for _, text := range c.texts[from:to] {
			texts = append(texts, parquet.ByteArray(text))
		}
		_, err = w.WriteBatch(texts, there, nil)
	case *file.Float64ColumnChunkWriter:
		_, err = w.WriteBatch(those(c.nums[from:to], there), there, nil)
	case *file.Int32ColumnChunkWriter:
		_, err = w.WriteBatch(those(c.ints[from:to], there), there, nil)
	}
	return err
}

// those are the values that are there.
func those[T any](values []T, there []int16) (out []T) {
	for i, v := range values {
		if there[i] == 1 {
			out = append(out, v)
		}
	}
	return out
}

func (p *parquetOut) closeGroup() error {
	if p.group == nil {
		return nil
	}
	return p.group.Close()
}

// close closes the file, which the Parquet writer does too.
func (p *parquetOut) close() error { return errors.Join(p.closeGroup(), p.out.Close()) }
