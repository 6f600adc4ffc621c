package store

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// Builder writes a repository beside its place and puts it there when it is complete.
type Builder struct {
	manifest  Manifest
	dir, temp string
	mu        sync.Mutex
}

// Create begins a repository that Commit puts at dir, which must not exist.
func Create(dir string, m Manifest) (*Builder, error) {
	if _, err := os.Lstat(dir); err == nil {
		return nil, fmt.Errorf("%s exists: remove it or choose another place", dir)
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+".building-")
	if err != nil {
		return nil, err
	}
	m.Format, m.Tables = 1, nil
	return &Builder{manifest: m, dir: dir, temp: temp}, nil
}

// Abort removes what was written. After Commit it does nothing.
func (b *Builder) Abort() error { return os.RemoveAll(b.temp) }

// Commit writes the manifest and renames the repository to its place.
func (b *Builder) Commit() error {
	if err := b.manifest.check(); err != nil {
		return err
	}
	text, err := json.MarshalIndent(b.manifest, "", "\t")
	if err != nil {
		return err
	}
	if err := writeSynced(filepath.Join(b.temp, manifestName), append(text, '\n')); err != nil {
		return err
	}
	if err := os.Chmod(b.temp, 0o755); err != nil {
		return err
	}
	if err := os.Rename(b.temp, b.dir); err != nil {
		return err
	}
	return syncDir(filepath.Dir(b.dir))
}

// Table begins a table; several may be written at once. The first field of a
// table with participants is participant.
func (b *Builder) Table(name string, fields []Field) (*Writer, error) {
	if !plainName.MatchString(name) {
		return nil, fmt.Errorf("%q is no name of a table", name)
	}
	if err := checkFields(fields); err != nil {
		return nil, fmt.Errorf("table %s: %w", name, err)
	}
	f, err := os.OpenFile(filepath.Join(b.temp, name+".arrow"), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	w := &Writer{builder: b, info: Info{Name: name, Fields: fields}, file: f, hash: sha256.New(), next: -1}
	w.schema = arrowSchema(fields)
	w.ipc, err = ipc.NewFileWriter(&hashed{w}, ipc.WithSchema(w.schema))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return w, nil
}

func arrowSchema(fields []Field) *arrow.Schema {
	var out []arrow.Field
	for _, f := range fields {
		t := arrow.DataType(arrow.PrimitiveTypes.Int32)
		switch f.Type {
		case Float:
			t = arrow.PrimitiveTypes.Float64
		case Date:
			t = arrow.FixedWidthTypes.Date32
		}
		out = append(out, arrow.Field{Name: f.Name, Type: t, Nullable: true})
	}
	return arrow.NewSchema(out, nil)
}

// Writer writes one table.
type Writer struct {
	builder *Builder
	info    Info
	schema  *arrow.Schema
	file    *os.File
	hash    hash.Hash
	ipc     *ipc.FileWriter
	next    int // first stride that may still be written
}

// hashed passes the file's bytes on to its hash; ipc.FileWriter seeks only to ask where it is.
type hashed struct{ w *Writer }

func (h *hashed) Write(p []byte) (int, error) {
	n, err := h.w.file.Write(p)
	h.w.hash.Write(p[:n])
	h.w.info.Bytes += int64(n)
	return n, err
}

func (h *hashed) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("a table is written from front to back")
	}
	return h.w.info.Bytes, nil
}

// Write appends a record batch. columns are []int32 or []float64 in the order of
// the fields, all of one length, missing values as sentinels. The batch's
// participants do not decrease and share no stride with those of earlier batches.
func (w *Writer) Write(columns ...any) error {
	rows, err := w.check(columns)
	if err != nil {
		return fmt.Errorf("table %s: %w", w.info.Name, err)
	}
	if rows == 0 {
		return nil
	}
	arrays := make([]arrow.Array, len(columns))
	for i, c := range columns {
		arrays[i] = array.MakeFromData(columnData(w.schema.Field(i).Type, c, rows))
	}
	rec := array.NewRecord(w.schema, arrays, int64(rows))
	defer rec.Release()
	w.info.Rows += int64(rows)
	return w.ipc.Write(rec)
}

func (w *Writer) check(columns []any) (rows int, err error) {
	if len(columns) != len(w.info.Fields) {
		return 0, fmt.Errorf("%d columns for %d fields", len(columns), len(w.info.Fields))
	}
	for i, c := range columns {
		n := 0
		switch c := c.(type) {
		case []int32:
			n = len(c)
		case []float64:
			n = len(c)
		}
		if _, isFloat := c.([]float64); isFloat != (w.info.Fields[i].Type == Float) || i > 0 && n != rows {
			return 0, fmt.Errorf("column %s has another type or length", w.info.Fields[i].Name)
		}
		rows = n
	}
	if rows > 0 && w.info.Fields[0].Name == "participant" {
		return rows, w.checkOrder(columns[0].([]int32))
	}
	return rows, nil
}

func (w *Writer) checkOrder(participants []int32) error {
	first, last := participants[0], participants[len(participants)-1]
	if first < 0 || int(last) >= w.builder.manifest.Participants || int(first)/Stride < w.next {
		return fmt.Errorf("participants %d to %d come after stride %d of %d participants", first, last, w.next-1, w.builder.manifest.Participants)
	}
	for i := 1; i < len(participants); i++ {
		if participants[i] < participants[i-1] {
			return fmt.Errorf("rows are not sorted by participant")
		}
	}
	w.next = int(last)/Stride + 1
	return nil
}

// columnData keeps the sentinels in the values and clears their bits in the validity bitmap.
func columnData(t arrow.DataType, c any, rows int) arrow.ArrayData {
	valid := make([]byte, bitutil.BytesForBits(int64(rows)))
	missing := 0
	mark := func(i int, ok bool) {
		if ok {
			bitutil.SetBit(valid, i)
		} else {
			missing++
		}
	}
	var values []byte
	switch c := c.(type) {
	case []int32:
		values = arrow.Int32Traits.CastToBytes(c)
		for i, v := range c {
			mark(i, v != Missing)
		}
	case []float64:
		values = arrow.Float64Traits.CastToBytes(c)
		for i, v := range c {
			mark(i, !math.IsNaN(v))
		}
	}
	var bitmap *memory.Buffer
	if missing > 0 {
		bitmap = memory.NewBufferBytes(valid)
	}
	return array.NewData(t, rows, []*memory.Buffer{bitmap, memory.NewBufferBytes(values)}, nil, missing, 0)
}

// Close finishes the file and enters the table in the manifest.
func (w *Writer) Close() error {
	if err := w.ipc.Close(); err != nil {
		return errors.Join(err, w.file.Close())
	}
	if err := w.file.Sync(); err != nil {
		return errors.Join(err, w.file.Close())
	}
	if err := w.file.Close(); err != nil {
		return err
	}
	w.info.SHA256 = hex.EncodeToString(w.hash.Sum(nil))
	w.builder.mu.Lock()
	defer w.builder.mu.Unlock()
	w.builder.manifest.Tables = append(w.builder.manifest.Tables, w.info)
	return nil
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := f.Sync(); err != nil {
		return errors.Join(err, f.Close())
	}
	return f.Close()
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
