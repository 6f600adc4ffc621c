package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
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
	Batches []Batch
}

// Batch is consecutive rows of a table, of whole strides of participants.
type Batch struct {
	Rows    int
	columns map[string]column
}

type column struct {
	ints   []int32
	floats []float64
}

// Int32 is a column of integers, dates or labels; nil when there is none of that name.
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
	path := filepath.Join(r.dir, name+".arrow")
	t, err := openTable(path, info)
	if err != nil {
		return nil, &DamagedError{path, err}
	}
	r.tables[name] = t
	return t, nil
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

func openTable(path string, info *Info) (*Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := verify(f, info); err != nil {
		return nil, err
	}
	data, err := unix.Mmap(int(f.Fd()), 0, int(info.Bytes), unix.PROT_READ, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("mapping it: %w", err)
	}
	batches, err := layout(data, info)
	if err != nil {
		unix.Munmap(data)
		return nil, err
	}
	return &Table{*info, batches}, nil
}

func verify(f *os.File, info *Info) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	if st.Size() != info.Bytes || info.Bytes == 0 {
		return fmt.Errorf("%d bytes where the manifest says %d", st.Size(), info.Bytes)
	}
	h := sha256.New()
	if _, err := io.CopyBuffer(h, f, make([]byte, 1<<20)); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != info.SHA256 {
		return fmt.Errorf("its SHA-256 is not the manifest's")
	}
	return nil
}

// view is n values of b in place; the caller has checked length and alignment.
func view[T int32 | float64](b []byte, n int) []T {
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n)
}
