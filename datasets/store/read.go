package store

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

const participantsTable = "participants"

// Repository is an open repository.
type Repository struct {
	Manifest
	dir    string
	mu     sync.Mutex
	tables map[string]*Table
}

// Table is an open table: its columns, batch by batch, read in place from the mapped file.
type Table struct {
	Info
	Batches      []Batch
	dictionaries map[string]dictionary
	strides      []rows
	findStrides  sync.Once
}

// Batch is consecutive rows of a table, of whole strides of participants.
type Batch struct {
	Rows    int
	columns map[string]column
	index   []int32
}

// Concepts is the dictionary of a concept field: ids in ascending order. A value
// of the field is an index into it; that of a missing one leads to Missing.
func (t *Table) Concepts(field string) []int32 { return t.dictionaries[field].concepts }

// Used says whether any row has the dictionary's concept number code in a field.
func (t *Table) Used(field string, code int) bool {
	f, _ := t.Field(field)
	return code/8 >= len(f.Unused) || f.Unused[code/8]>>(code%8)&1 == 0
}

// Decoded is the concept ids of a batch's concept field.
func (t *Table) Decoded(b *Batch, field string) []int32 {
	ids, codes := t.Concepts(field), b.Int32(field)
	out := make([]int32, len(codes))
	for i, c := range codes {
		out[i] = ids[c]
	}
	return out
}

// WithConcept is the rows of the batch whose indexed field has the dictionary's
// concept number code, in ascending order.
func (b *Batch) WithConcept(code int) []int32 { return b.index[b.index[code]:b.index[code+1]] }

type column struct {
	ints   []int32
	floats []float64
	nulls  int64 // of ints
}

// Int32 is a column of integers, dates, labels or concepts; nil when there is none of that name.
func (b *Batch) Int32(name string) []int32 { return b.columns[name].ints }

// Float64 is a column of numbers; nil when there is none of that name.
func (b *Batch) Float64(name string) []float64 { return b.columns[name].floats }

// Open reads the manifest of the repository in dir.
func Open(dir string) (*Repository, error) {
	m, err := readManifest(dir)
	if err != nil {
		return nil, err
	}
	return &Repository{Manifest: *m, dir: dir, tables: map[string]*Table{}}, nil
}

// Dir is where the repository is.
func (r *Repository) Dir() string { return r.dir }

// Has says whether the repository has a table of that name.
func (r *Repository) Has(name string) bool { return r.info(name) != nil }

func (r *Repository) info(name string) *Info {
	for i := range r.Tables {
		if r.Tables[i].Name == name {
			return &r.Tables[i]
		}
	}
	return nil
}

// Table opens a table: it verifies the file's hash, maps it and reads its
// layout. The table stays open as long as the repository is used.
func (r *Repository) Table(name string) (*Table, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.tables[name]; t != nil {
		return t, nil
	}
	info := r.info(name)
	if info == nil {
		return nil, fmt.Errorf("the repository %s has no table %s", r.Name, name)
	}
	t, err := r.open(info)
	if err != nil {
		return nil, err
	}
	r.tables[name] = t
	return t, nil
}

// open maps the files of a table.
func (r *Repository) open(info *Info) (*Table, error) {
	path := filepath.Join(r.dir, info.Name+".arrow")
	t := &Table{Info: *info}
	t.Fields = slices.Clone(info.Fields)
	data, err := mapFile(path, info.File)
	if err == nil {
		t.Batches, t.dictionaries, err = layout(data, info.Fields)
	}
	if err == nil && t.rows() != info.Rows {
		err = fmt.Errorf("%d rows where the manifest says %d", t.rows(), info.Rows)
	}
	if err != nil {
		return nil, &DamagedError{path, err}
	}
	for i := range t.Fields {
		t.Fields[i].Labels = t.dictionaries[t.Fields[i].Name].labels
	}
	if info.Index == nil {
		return t, nil
	}
	path = filepath.Join(r.dir, info.Name+".index.arrow")
	if data, err = mapFile(path, *info.Index); err == nil {
		err = t.addIndex(data)
	}
	if err != nil {
		return nil, &DamagedError{path, err}
	}
	return t, nil
}

func (t *Table) rows() (n int64) {
	for i := range t.Batches {
		n += int64(t.Batches[i].Rows)
	}
	return n
}

// indexFields are the columns of an index file.
var indexFields = []Field{{Name: "rows", Type: Integer}}

func (t *Table) addIndex(data []byte) error {
	batches, _, err := layout(data, indexFields)
	if err != nil {
		return err
	}
	if len(batches) != len(t.Batches) {
		return fmt.Errorf("%d record batches for %d", len(batches), len(t.Batches))
	}
	concepts := len(t.Concepts(t.indexed()))
	for i := range batches {
		ix := batches[i].Int32("rows")
		if err := checkIndex(ix, concepts, t.Batches[i].Rows); err != nil {
			return err
		}
		t.Batches[i].index = ix
	}
	return nil
}

// checkIndex: the beginnings are in order and within the index, so that
// WithConcept cannot go wrong. The hash vouches for the row numbers.
func checkIndex(ix []int32, concepts, rows int) error {
	if len(ix) < concepts+1 || int(ix[0]) != concepts+1 || int(ix[concepts]) != len(ix) || len(ix) > concepts+1+rows {
		return fmt.Errorf("an index of %d numbers for %d concepts and %d rows", len(ix), concepts, rows)
	}
	for i := range concepts {
		if ix[i] > ix[i+1] {
			return fmt.Errorf("concept %d of the index ends before it begins", i)
		}
	}
	return nil
}

// DamagedError says that a data file is missing or is not the one the manifest describes.
type DamagedError struct {
	Path string
	Err  error
}

// Error names the file and the remedy.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("damaged data file %s: %v; restore it from a backup or build the repository again with weir data", e.Path, e.Err)
}

// Unwrap is the cause.
func (e *DamagedError) Unwrap() error { return e.Err }

// mapFile maps a file that is what the manifest says.
func mapFile(path string, want File) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := verify(f, want); err != nil {
		return nil, err
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(want.Bytes), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping it: %w", err)
	}
	return data, nil
}

// view is n values of b in place; the caller has checked length and alignment.
func view[T int32 | float64](b []byte, n int) []T {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n)
}
