package ledger

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Ledger is an open ledger. Its methods may be called by several goroutines.
type Ledger struct {
	mu     sync.Mutex
	path   string
	file   *os.File
	last   Entry // the zero Entry before the first
	size   int64 // bytes up to the end of last
	line   int64 // lines of the file up to there
	broken error // why nothing is appended any more

	sync func(fd int) error // fdatasync
}

// Open opens the ledger at path, or begins it, and checks all of the file.
func Open(path string) (*Ledger, error) {
	path = filepath.Clean(path)
	f, err := create(path)
	if err != nil {
		return nil, err
	}
	l := &Ledger{path: path, file: f, sync: unix.Fdatasync}
	if err := l.locked(func() error { return nil }); err != nil {
		return nil, errors.Join(err, l.file.Close())
	}
	return l, nil
}

// create opens the file or begins it.
func create(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if !errors.Is(err, os.ErrNotExist) {
		return f, unwritable(err)
	}
	if gone := hasNoArchives(path); gone != nil {
		if f, err = os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0); err == nil { // others began and archived it meanwhile
			return f, nil
		}
		return nil, gone
	}
	f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, unwritable(err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(unwritable(err), f.Close())
	}
	return f, nil
}

// hasNoArchives: a file is begun only where no archive says that there was one.
func hasNoArchives(path string) error {
	all, err := archives(path)
	if err != nil {
		return unwritable(err)
	}
	if len(all) > 0 {
		return &TamperedError{path, 0, "nothing continues the archives"}
	}
	return nil
}

func unwritable(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("the ledger cannot be written: %w; nothing is released until it can be written", err)
}

// Close closes the file.
func (l *Ledger) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.file.Close()
}

// Append writes an entry and returns it when it is on the disk. body is encoded as
// a JSON object.
func (l *Ledger) Append(kind string, body any) (Entry, error) { return l.append(-1, kind, body) }

// ErrMoved says that others have appended since.
var ErrMoved = errors.New("the ledger has grown meanwhile; try again")

// AppendAfter is Append if the last entry is still that of seq, and ErrMoved
// otherwise: what was decided from the entries up to there may not hold.
func (l *Ledger) AppendAfter(seq int64, kind string, body any) (Entry, error) {
	return l.append(seq, kind, body)
}

func (l *Ledger) append(after int64, kind string, body any) (e Entry, err error) {
	if kind == Torn || kind == Sealed || kind == Continued {
		return e, fmt.Errorf("a ledger entry of kind %s: the ledger writes it itself", kind)
	}
	b, err := json.Marshal(body)
	if err != nil {
		return e, err
	}
	err = l.locked(func() error {
		if after >= 0 && l.last.Seq != after {
			return ErrMoved
		}
		e, err = l.write(kind, b)
		return err
	})
	return e, err
}

// write appends an entry to the file, which is locked.
func (l *Ledger) write(kind string, body []byte) (Entry, error) {
	e := Entry{Seq: l.last.Seq + 1, Time: time.Now().UTC(), Prev: l.last.hash(), Kind: kind, Body: body}
	line, err := e.line()
	if err != nil {
		return Entry{}, err
	}
	if _, err := l.file.Write(line); err != nil {
		if undo := l.file.Truncate(l.size); undo != nil {
			l.broken = unwritable(errors.Join(err, undo))
		}
		return Entry{}, unwritable(err)
	}
	if err := l.durable(); err != nil {
		return Entry{}, err
	}
	l.last, l.size, l.line = e, l.size+int64(len(line)), l.line+1
	return e, nil
}

// durable waits for the disk. What failed once may be reported as done the next
// time although it is lost (Rebello et al., Can Applications Recover from fsync
// Failures?, USENIX ATC 2020), so that there is no next time.
func (l *Ledger) durable() error {
	if err := l.sync(int(l.file.Fd())); err != nil {
		l.broken = unwritable(err)
	}
	return l.broken
}

// locked runs f while no other process appends, on the file that the path names,
// with all of its entries read.
func (l *Ledger) locked(f func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		err := l.once(f)
		if err != errSealed {
			return err
		}
		if err := l.reopen(); err != nil {
			return err
		}
	}
}

// errSealed says that the file was moved aside and another has its place.
var errSealed = errors.New("sealed")

func (l *Ledger) once(f func() error) error {
	if l.broken != nil {
		return l.broken
	}
	unlock, err := lock(l.file, unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer unlock()
	ours, err := l.file.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(l.path)
	same := err == nil && os.SameFile(ours, there)
	if err := l.catchUp(ours.Size(), same); err != nil {
		return err
	}
	switch {
	case l.last.Kind == Sealed && same: // by a process that died then
		if err := l.moveAside(); err != nil {
			return err
		}
		return errSealed
	case l.last.Kind == Sealed:
		return errSealed
	case !same:
		return &TamperedError{l.path, 0, "the file was removed or replaced while it was in use"}
	case l.last.Seq == 0:
		if err := hasNoArchives(l.path); err != nil {
			return err
		}
	}
	return f()
}

func lock(f *os.File, how int) (unlock func(), err error) {
	fd := int(f.Fd())
	for {
		if err = unix.Flock(fd, how); err != unix.EINTR {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the ledger cannot be locked: %w", err)
	}
	return func() { unix.Flock(fd, unix.LOCK_UN) }, nil
}

// catchUp reads the entries behind the last one known.
func (l *Ledger) catchUp(size int64, mend bool) error {
	if size < l.size {
		return &TamperedError{l.path, l.line, "the file is shorter than it was"}
	}
	if size == l.size {
		return nil
	}
	r := io.NewSectionReader(l.file, l.size, size-l.size)
	rest, err := scan(r, l.path, l.line, l.last, func(e Entry, length int64) error {
		l.last, l.size, l.line = e, l.size+length, l.line+1
		return nil
	})
	if err != nil || len(rest) == 0 || !mend {
		return err
	}
	return l.mend(rest)
}

// torn is the body of an entry of that kind.
type torn struct {
	Bytes  int    `json:"bytes"`
	Kept   bool   `json:"kept"` // the line lacked its newline only
	SHA256 string `json:"sha256"`
}

// mend ends what a crash left of an entry, and records it.
func (l *Ledger) mend(rest []byte) error {
	if _, err := l.last.follow(rest[:len(rest)-1]); err == nil {
		return &TamperedError{l.path, l.line + 1, "its newline was changed"}
	}
	e, err := l.last.follow(rest)
	whole := err == nil
	if whole {
		if _, err := l.file.Write([]byte("\n")); err != nil {
			return unwritable(err)
		}
		l.last, l.size, l.line = e, l.size+int64(len(rest))+1, l.line+1
	} else if err := l.file.Truncate(l.size); err != nil {
		return unwritable(err)
	}
	if l.last.Kind == Sealed { // which nothing may follow
		return l.durable()
	}
	body, err := json.Marshal(torn{len(rest), whole, hashOf(rest)})
	if err != nil {
		return err
	}
	_, err = l.write(Torn, body)
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
