package ledger

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// TamperedError says that a file is not what Append wrote.
type TamperedError struct {
	Path string
	Line int64 // counted from 1; 0 for the file
	Msg  string
}

// Error names the file, the line and the remedy.
func (e *TamperedError) Error() string {
	where := ""
	if e.Line > 0 {
		where = fmt.Sprintf(", line %d", e.Line)
	}
	return fmt.Sprintf("ledger %s%s: %s; keep the file as it is and call the administrator", e.Path, where, e.Msg)
}

// Read gives each entry of the ledger at path to f, archives first, checking the
// chain, and returns how many bytes stand behind the last newline: those of an
// entry that is being written or was never finished.
func Read(path string, f func(Entry) error) (rest int, err error) {
	return (&Reader{Path: path}).Each(f)
}

// Reader reads a ledger as it grows. Its methods may be called by several goroutines.
type Reader struct {
	Path string

	mu   sync.Mutex
	file int // archives that were read to their end
	last Entry
	size int64 // bytes of the file after those archives that were read
	line int64 // lines of it
}

// Each gives the entries to f that no earlier call gave, as Read does.
func (r *Reader) Each(f func(Entry) error) (rest int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		all, err := archives(r.Path)
		if err != nil {
			return 0, err
		}
		path, stopped := r.Path, false
		if r.file < len(all) {
			path = all[r.file]
		} else if r.last.Kind == Sealed && len(all) > 0 && sameFile(all[len(all)-1], r.Path) {
			return 0, nil // it is being moved aside
		}
		rest, err := r.readPath(path, func(e Entry) error {
			err := f(e)
			stopped = err != nil
			return err
		})
		if now, _ := archives(r.Path); err != nil && !stopped && path == r.Path && len(now) > len(all) {
			continue // it was moved aside before it was opened
		}
		if err == nil && path == r.Path && r.file > 0 && r.size == 0 {
			err = &TamperedError{path, 0, "nothing continues the archives"}
		}
		if err != nil || path == r.Path {
			return rest, err
		}
		if r.last.Kind != Sealed || rest > 0 {
			return 0, &TamperedError{path, r.line, "an archive that does not end with its seal"}
		}
		r.file, r.size, r.line = r.file+1, 0, 0
	}
}

func (r *Reader) readPath(path string, f func(Entry) error) (int, error) {
	file, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer file.Close()
	return r.readFile(file, f)
}

func (r *Reader) readFile(file *os.File, f func(Entry) error) (int, error) {
	size, err := settled(file)
	switch {
	case err != nil:
		return 0, err
	case size < r.size:
		return 0, &TamperedError{file.Name(), r.line, "the file is shorter than it was"}
	case size > 0 && r.last.Seq == 0:
		if err := beginsAtOne(file); err != nil {
			return 0, err
		}
	}
	section := io.NewSectionReader(file, r.size, size-r.size)
	rest, err := scan(section, file.Name(), r.line, r.last, func(e Entry, length int64) error {
		r.last, r.size, r.line = e, r.size+length, r.line+1
		return f(e)
	})
	return len(rest), err
}

// settled is the length of the file when nobody is writing to it.
func settled(file *os.File) (int64, error) {
	unlock, err := lock(file, unix.LOCK_SH)
	if err != nil {
		return 0, err
	}
	defer unlock()
	st, err := file.Stat()
	if err != nil {
		return 0, err
	}
	return st.Size(), nil
}

func sameFile(a, b string) bool {
	one, err := os.Stat(a)
	two, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(one, two)
}

// beginsAtOne: without the archives before it a file is no whole ledger.
func beginsAtOne(file *os.File) error {
	line, err := readLine(bufio.NewReader(io.NewSectionReader(file, 0, maxLine+1)))
	if err != nil {
		return nil // no whole line: there is no entry
	}
	if e, err := parse(line[:len(line)-1]); err == nil && e.Seq > 1 {
		return fmt.Errorf("ledger %s begins with entry %d: the archives before it are not here; put them beside it as %s", file.Name(), e.Seq, archiveName(file.Name(), 1))
	}
	return nil
}

// scan checks that the lines of r continue the chain after last. It returns the
// bytes behind the last newline.
func scan(r *io.SectionReader, path string, line int64, last Entry, f func(e Entry, length int64) error) (rest []byte, err error) {
	in := bufio.NewReaderSize(r, int(min(r.Size(), 1<<16)))
	for {
		text, err := readLine(in)
		if err == io.EOF {
			return text, nil
		}
		line++
		if errors.Is(err, errLong) {
			return nil, &TamperedError{path, line, err.Error()}
		}
		if err != nil {
			return nil, err
		}
		e, err := last.follow(text[:len(text)-1])
		if err != nil {
			return nil, &TamperedError{path, line, err.Error()}
		}
		last = e
		if err := f(e, int64(len(text))); err != nil {
			return nil, err
		}
	}
}

var errLong = fmt.Errorf("a line of more than %d bytes", maxLine)

// readLine is ReadBytes('\n') with a bound.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return nil, errLong
		}
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

// archives are the files before the one at path, the oldest first.
func archives(path string) ([]string, error) {
	found, err := os.ReadDir(filepath.Dir(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	there := map[string]bool{}
	for _, f := range found {
		if number, ok := strings.CutPrefix(f.Name(), filepath.Base(path)+"."); ok && len(number) >= 4 && strings.Trim(number, "0123456789") == "" {
			there[filepath.Join(filepath.Dir(path), f.Name())] = true
		}
	}
	var out []string
	for n := 1; n <= len(there); n++ {
		name := archiveName(filepath.Clean(path), n)
		if _, err := os.Lstat(name); !there[name] && err != nil { // a listing can miss what is made meanwhile
			return nil, fmt.Errorf("the archive %s of the ledger is not here: put it back", name)
		}
		out = append(out, name)
	}
	return out, nil
}

func archiveName(path string, n int) string { return fmt.Sprintf("%s.%04d", path, n) }
