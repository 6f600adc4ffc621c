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
	"slices"
	"strings"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"golang.org/x/sys/unix"
)

// Builder writes a repository beside its place and puts it there when it is complete.
type Builder struct {
	manifest  Manifest
	dir, temp string
	lock      *os.File // the directory temp: locked as long as somebody writes it
	mu        sync.Mutex
	syncing   sync.WaitGroup // files that are on their way to the disk
	failed    error          // of those
	describe  func(*Info)
}

// Create begins a repository that Commit puts at dir, which must not exist. It
// removes what a process that was killed has left of another attempt.
func Create(dir string, m Manifest) (*Builder, error) {
	if _, err := os.Lstat(dir); err == nil {
		return nil, fmt.Errorf("%s exists: remove it or choose another place", dir)
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return nil, err
	}
	if err := clear(parent, buildingPrefix(dir)); err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp(parent, buildingPrefix(dir))
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(temp)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(temp))
	}
	m.Format, m.Tables = format, nil
	return &Builder{manifest: m, dir: dir, temp: temp, lock: lock}, nil
}

func buildingPrefix(dir string) string { return "." + filepath.Base(dir) + ".building-" }

// lockDir locks a directory for as long as the file is open, or the process lives.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is being written by another process: %w", dir, err), f.Close())
	}
	return f, nil
}

// clear removes the directories in parent with that prefix that nobody writes.
func clear(parent, prefix string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		path := filepath.Join(parent, e.Name())
		lock, err := lockDir(path)
		if err != nil {
			continue // somebody is at work
		}
		if err := errors.Join(os.RemoveAll(path), lock.Close()); err != nil {
			return err
		}
	}
	return nil
}

// SetParticipants says how many there are, where Create could not know it. It
// comes before the first table that has participants.
func (b *Builder) SetParticipants(n int) { b.manifest.Participants = n }

// Describe has f write the units and notes of each table, when all are complete.
func (b *Builder) Describe(f func(*Info)) { b.describe = f }

// Dir is where the repository is written. What else is put there has to be gone
// before Commit.
func (b *Builder) Dir() string { return b.temp }

// Abort removes what was written. After Commit it does nothing.
func (b *Builder) Abort() error {
	b.syncing.Wait()
	err := os.RemoveAll(b.temp)
	if closing := b.lock.Close(); !errors.Is(closing, os.ErrClosed) {
		err = errors.Join(err, closing)
	}
	return err
}

// Commit writes the manifest and renames the repository to its place.
func (b *Builder) Commit() error {
	if b.syncing.Wait(); b.failed != nil {
		return b.failed
	}
	if b.describe != nil {
		for i := range b.manifest.Tables {
			b.describe(&b.manifest.Tables[i])
		}
	}
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
	if err := syncDir(b.temp); err != nil {
		return err
	}
	if err := os.Rename(b.temp, b.dir); err != nil {
		return err
	}
	return errors.Join(syncDir(filepath.Dir(b.dir)), b.lock.Close())
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
	w := &Writer{builder: b, info: Info{Name: name, Fields: slices.Clone(fields)}, dictionaries: make([]dictionaryWriter, len(fields)), next: -1}
	var err error
	if w.data, err = b.file(name+".arrow", fields); err != nil {
		return nil, err
	}
	for i, f := range fields {
		if f.Type == Concept && !slices.IsSorted(f.Concepts) {
			return nil, errors.Join(fmt.Errorf("table %s: the concepts of %s are not in order", name, f.Name), w.data.file.Close())
		}
		w.dictionaries[i] = newDictionaryWriter(&f)
		if f.Type == Concept {
			w.info.Fields[i].Unused = allUnused(len(f.Concepts))
		}
		if f.Indexed {
			if w.index, err = b.file(name+".index.arrow", indexFields); err != nil {
				return nil, errors.Join(err, w.data.file.Close())
			}
		}
	}
	return w, nil
}

// allUnused is a bitmap of so many ones.
func allUnused(n int) []byte {
	out := make([]byte, bitutil.BytesForBits(int64(n)))
	for i := range n {
		bitutil.SetBit(out, i)
	}
	return out
}

// output is an Arrow file in the making.
type output struct {
	schema *arrow.Schema
	file   *os.File
	hash   hash.Hash
	bytes  int64
	ipc    *ipc.FileWriter
}

func (b *Builder) file(name string, fields []Field) (*output, error) {
	f, err := os.OpenFile(filepath.Join(b.temp, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	o := &output{schema: arrowSchema(fields), file: f, hash: sha256.New()}
	if o.ipc, err = ipc.NewFileWriter(o, ipc.WithSchema(o.schema)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return o, nil
}

// Write passes the file's bytes on to its hash, which takes as long as to write them.
// After an error the file is of no use.
func (o *output) Write(p []byte) (int, error) {
	var hashing sync.WaitGroup
	hashing.Go(func() { o.hash.Write(p) })
	n, err := o.file.Write(p)
	hashing.Wait()
	o.bytes += int64(n)
	return n, err
}

// Seek says where the file ends, which is all that ipc.FileWriter asks.
func (o *output) Seek(offset int64, whence int) (int64, error) {
	if offset != 0 || whence != io.SeekCurrent {
		return 0, errors.New("a table is written from front to back")
	}
	return o.bytes, nil
}

func (o *output) write(rows int, columns []arrow.ArrayData) error {
	arrays := make([]arrow.Array, len(columns))
	for i, c := range columns {
		arrays[i] = array.MakeFromData(c)
	}
	rec := array.NewRecord(o.schema, arrays, int64(rows))
	defer rec.Release()
	return o.ipc.Write(rec)
}

// close finishes the file and says what it is. It reaches the disk while other
// files are written; Commit waits for that.
func (o *output) close(b *Builder) (File, error) {
	if err := o.ipc.Close(); err != nil {
		return File{}, errors.Join(err, o.file.Close())
	}
	b.syncing.Go(func() {
		if err := errors.Join(o.file.Sync(), o.file.Close()); err != nil {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.failed = errors.Join(b.failed, err)
		}
	})
	return File{o.bytes, hex.EncodeToString(o.hash.Sum(nil))}, nil
}

var (
	conceptType = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.PrimitiveTypes.Int32}
	labelType   = &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int32, ValueType: arrow.BinaryTypes.String}
)

func arrowSchema(fields []Field) *arrow.Schema {
	var out []arrow.Field
	for _, f := range fields {
		t := arrow.DataType(arrow.PrimitiveTypes.Int32)
		switch f.Type {
		case Float:
			t = arrow.PrimitiveTypes.Float64
		case Date:
			t = arrow.FixedWidthTypes.Date32
		case Concept:
			t = conceptType
		case Label:
			t = labelType
		}
		out = append(out, arrow.Field{Name: f.Name, Type: t, Nullable: true})
	}
	return arrow.NewSchema(out, nil)
}

// Writer writes one table.
type Writer struct {
	builder      *Builder
	info         Info
	data         *output
	index        *output            // nil when no field is indexed
	dictionaries []dictionaryWriter // by field
	next         int                // first stride that may still be written
}

// Write appends a record batch. columns are []int32 or []float64 in the order of
// the fields, all of one length, missing values as sentinels, concepts as ids of
// the field's dictionary. The batch's participants do not decrease and share no
// stride with those of earlier batches.
func (w *Writer) Write(columns ...any) error {
	p, err := w.Prepare(columns...)
	if err != nil {
		return err
	}
	return w.Append(p)
}

// Prepared is a record batch that only needs to be written. It refers to the columns
// of which it was made.
type Prepared struct {
	rows        int
	first, last int32 // participants
	data        []arrow.ArrayData
	used        [][]byte  // by field: a bitmap of the dictionary's concepts that a row has
	have        [][]int32 // by field and vocabulary: participants
	index       []int32
}

// Prepare makes a batch ready for Append. Several goroutines may prepare at once.
func (w *Writer) Prepare(columns ...any) (*Prepared, error) {
	rows, err := w.check(columns)
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", w.info.Name, err)
	}
	p := &Prepared{rows: rows, data: make([]arrow.ArrayData, len(columns)), used: make([][]byte, len(columns)), have: make([][]int32, len(columns))}
	if rows == 0 {
		return p, nil
	}
	var who []int32
	if w.ofParticipants() {
		who = columns[0].([]int32)
		p.first, p.last = who[0], who[rows-1]
	}
	for i, c := range columns {
		f := &w.info.Fields[i]
		switch f.Type {
		case Concept:
		case Label:
			none := int32(len(f.Labels))
			p.data[i] = int32Data(labelType, replaced(c.([]int32), Missing, none), none)
			p.data[i].(*array.Data).SetDictionary(w.dictionaries[i].data)
			continue
		default:
			p.data[i] = columnData(w.data.schema.Field(i).Type, c)
			continue
		}
		codes, err := w.encode(i, c.([]int32), who, p)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", w.info.Name, err)
		}
		none := Missing // no index
		if len(f.Concepts) > 0 && f.Concepts[0] == Missing {
			none = 0
		}
		column := int32Data(conceptType, codes, none)
		column.SetDictionary(w.dictionaries[i].data)
		p.data[i] = column
		if f.Indexed {
			p.index = indexOf(codes, len(f.Concepts))
		}
	}
	return p, nil
}

// Append writes a batch. The batches' participants do not decrease, and no two
// batches share a stride.
func (w *Writer) Append(p *Prepared) error {
	if p.rows == 0 {
		return nil
	}
	if w.ofParticipants() {
		if err := w.follows(p.first, p.last); err != nil {
			return fmt.Errorf("table %s: %w", w.info.Name, err)
		}
	}
	for i, used := range p.used {
		for k, b := range used {
			w.info.Fields[i].Unused[k] &^= b
		}
		for k, n := range p.have[i] {
			w.dictionaries[i].vocabularies[k].Participants += int(n)
		}
	}
	if p.index != nil {
		if err := w.index.write(len(p.index), []arrow.ArrayData{int32Data(arrow.PrimitiveTypes.Int32, p.index, Missing)}); err != nil {
			return err
		}
	}
	w.info.Rows += int64(p.rows)
	return w.data.write(p.rows, p.data)
}

// encode turns concept ids into indexes into the dictionary of a field.
func (w *Writer) encode(field int, ids, who []int32, p *Prepared) ([]int32, error) {
	f, d := &w.info.Fields[field], &w.dictionaries[field]
	p.used[field] = make([]byte, len(f.Unused))
	out := make([]int32, len(ids))
	last, code := int32(0), int32(-1) // neighbours are often equal
	for i, id := range ids {
		if id != last || code < 0 {
			if code = d.codes.of(id); code < 0 {
				return nil, fmt.Errorf("concept %d is not in the dictionary of %s", id, f.Name)
			}
			last = id
			bitutil.SetBit(p.used[field], int(code))
		}
		out[i] = code
	}
	if who != nil {
		p.have[field] = d.count(out, who)
	}
	return out, nil
}

// ofParticipants says whether the table has rows of participants.
func (w *Writer) ofParticipants() bool { return w.info.Fields[0].Name == "participant" }

// indexOf is the rows by concept (a counting sort).
func indexOf(codes []int32, concepts int) []int32 {
	out := make([]int32, concepts+1, concepts+1+len(codes))
	for _, c := range codes {
		out[c]++
	}
	next := int32(concepts + 1)
	for c := range out {
		out[c], next = next, next+out[c]
	}
	out = out[:out[concepts]]
	place := slices.Clone(out[:concepts])
	for row, c := range codes {
		out[place[c]] = int32(row)
		place[c]++
	}
	return out
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
	if rows > 0 && w.ofParticipants() && !slices.IsSorted(columns[0].([]int32)) {
		return rows, errors.New("rows are not sorted by participant")
	}
	return rows, nil
}

func (w *Writer) follows(first, last int32) error {
	if first < 0 || int(last) >= w.builder.manifest.Participants || int(first)/Stride < w.next {
		return fmt.Errorf("participants %d to %d come after stride %d of %d participants", first, last, w.next-1, w.builder.manifest.Participants)
	}
	w.next = int(last)/Stride + 1
	return nil
}

// columnData keeps the sentinels in the values and clears their bits in the validity bitmap.
func columnData(t arrow.DataType, c any) *array.Data {
	if c, ok := c.([]int32); ok {
		return int32Data(t, c, Missing)
	}
	values := c.([]float64)
	var v validity
	for i, x := range values {
		if math.IsNaN(x) {
			v.clear(i, len(values))
		}
	}
	return arrowData(t, arrow.Float64Traits.CastToBytes(values), len(values), v)
}

// int32Data is values; none among them stands for a missing one.
func int32Data(t arrow.DataType, values []int32, none int32) *array.Data {
	var v validity
	for i, x := range values {
		if x == none {
			v.clear(i, len(values))
		}
	}
	return arrowData(t, arrow.Int32Traits.CastToBytes(values), len(values), v)
}

// validity is the bitmap of values that are not missing. The zero value is that of
// values of which none is.
type validity struct {
	bitmap []byte
	nulls  int
}

// clear says that value i of n is missing; each is named once.
func (v *validity) clear(i, n int) {
	if v.bitmap == nil {
		v.bitmap = make([]byte, bitutil.BytesForBits(int64(n)))
		bitutil.SetBitsTo(v.bitmap, 0, int64(n), true)
	}
	v.bitmap[i>>3] &^= 1 << (i & 7)
	v.nulls++
}

func arrowData(t arrow.DataType, values []byte, n int, v validity) *array.Data {
	var bitmap *memory.Buffer
	if v.nulls > 0 {
		bitmap = memory.NewBufferBytes(v.bitmap)
	}
	return array.NewData(t, n, []*memory.Buffer{bitmap, memory.NewBufferBytes(values)}, nil, v.nulls, 0)
}

// Close finishes the files and enters the table in the manifest.
func (w *Writer) Close() error {
	var err error
	w.info.File, err = w.data.close(w.builder)
	if w.index != nil {
		index, closing := w.index.close(w.builder)
		w.info.Index, err = &index, errors.Join(err, closing)
	}
	if err != nil {
		return err
	}
	for i := range w.info.Fields {
		f := &w.info.Fields[i]
		if !slices.ContainsFunc(f.Unused, func(b byte) bool { return b != 0 }) {
			f.Unused = nil
		}
		f.Vocabularies = w.dictionaries[i].common()
	}
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
