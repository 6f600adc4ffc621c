// Package ledger is an append-only record that shows when it was tampered with.
// Open a ledger, then Append; Read reads one back.
//
// A ledger is a text file with one entry a line:
//
//	<hash> {"seq":2,"time":"2022-07-01T09:30:00.123456789Z","prev":"<hash of entry 1>","kind":"release","body":{…}}
//
// hash is the SHA-256, in hexadecimal, of the JSON text that follows the space.
// seq counts from 1; prev is the hash of the entry before, and 64 zeros in the
// first. time is UTC. body is any JSON object; this package does not look into it.
//
// Append returns when the entry is on the disk (fdatasync). Several processes may
// append to one ledger: each takes the file's lock, reads what the others wrote
// and checks that it continues the chain. A last line without its newline is what
// a crash left of an entry that nobody was told of; it is cut off.
//
// Read and Append refuse a changed, reordered, inserted or missing entry. That
// entries at the end are missing is not seen in the file alone.
package ledger

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Entry is one event.
type Entry struct {
	Seq  int64           `json:"seq"`
	Time time.Time       `json:"time"`
	Prev string          `json:"prev"`
	Kind string          `json:"kind"`
	Body json.RawMessage `json:"body"`

	Hash string `json:"-"`
}

// Ledger is an open ledger. Its methods may be called by several goroutines.
type Ledger struct {
	mu   sync.Mutex
	path string
	file *os.File
	last Entry // the zero Entry before the first
	size int64 // bytes up to the end of last
}

// maxLine is the longest line, in bytes.
const maxLine = 16 << 20

var origin = strings.Repeat("0", 2*sha256.Size)

// TamperedError says that the file is not what Append wrote.
type TamperedError struct {
	Path string
	Line int64 // counted from 1
	Msg  string
}

// Error names the file, the line and the remedy.
func (e *TamperedError) Error() string {
	return fmt.Sprintf("ledger %s, line %d: %s; keep the file as it is and call the administrator", e.Path, e.Line, e.Msg)
}

// Open opens the ledger at path, or begins it, and checks all of it.
func Open(path string) (*Ledger, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the ledger cannot be opened: %w; nothing is released until it can be written", err)
	}
	l := &Ledger{path: path, file: f, last: Entry{Hash: origin}}
	if err := l.locked(func() error { return l.catchUp(nil) }); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

// Close closes the file.
func (l *Ledger) Close() error { return l.file.Close() }

// Append writes an entry and returns it when it is on the disk. body is encoded as a JSON object.
func (l *Ledger) Append(kind string, body any) (Entry, error) {
	b, err := json.Marshal(body)
	if err != nil {
		return Entry{}, err
	}
	var e Entry
	err = l.locked(func() error {
		if err := l.catchUp(nil); err != nil {
			return err
		}
		e = Entry{Seq: l.last.Seq + 1, Time: time.Now().UTC(), Prev: l.last.Hash, Kind: kind, Body: b}
		return l.write(&e)
	})
	return e, err
}

func (l *Ledger) write(e *Entry) error {
	text, err := json.Marshal(e)
	if err != nil {
		return err
	}
	e.Hash = hashOf(text)
	line := e.Hash + " " + string(text) + "\n"
	if len(line) > maxLine {
		return fmt.Errorf("a ledger entry of %d bytes: the limit is %d", len(line), maxLine)
	}
	if _, err := l.file.WriteString(line); err != nil {
		return fmt.Errorf("the ledger cannot be written: %w; nothing is released until it can", errors.Join(err, l.file.Truncate(l.size)))
	}
	if err := unix.Fdatasync(int(l.file.Fd())); err != nil {
		return fmt.Errorf("the ledger cannot be written: %w; nothing is released until it can", err)
	}
	l.last, l.size = *e, l.size+int64(len(line))
	return nil
}

// locked runs f while no other process appends, on the file that the path names.
func (l *Ledger) locked(f func() error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	fd := int(l.file.Fd())
	if err := unix.Flock(fd, unix.LOCK_EX); err != nil {
		return fmt.Errorf("the ledger cannot be locked: %w", err)
	}
	defer unix.Flock(fd, unix.LOCK_UN)
	ours, err := l.file.Stat()
	if err != nil {
		return err
	}
	there, err := os.Stat(l.path)
	if err != nil || !os.SameFile(ours, there) {
		return &TamperedError{l.path, 0, "the file was removed or replaced while it was in use"}
	}
	return f()
}

// catchUp reads the entries behind the last one known and gives them to each, and
// cuts off what a crash left of a line.
func (l *Ledger) catchUp(each func(Entry) error) error {
	st, err := l.file.Stat()
	if err != nil {
		return err
	}
	if st.Size() < l.size {
		return &TamperedError{l.path, l.last.Seq, "the file is shorter than it was"}
	}
	if st.Size() == l.size {
		return nil
	}
	r := io.NewSectionReader(l.file, l.size, st.Size()-l.size)
	n, err := scan(r, l.path, l.last, func(e Entry, length int64) error {
		l.last, l.size = e, l.size+length
		if each != nil {
			return each(e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if n > 0 {
		return l.file.Truncate(l.size)
	}
	return nil
}

// Read gives each entry of the ledger at path to f, checking the chain. Bytes of
// an unfinished last line are not an error.
func Read(path string, f func(Entry) error) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = scan(file, path, Entry{Hash: origin}, func(e Entry, _ int64) error { return f(e) })
	return err
}

// scan checks that the lines of r continue the chain after last. It returns how
// many bytes stand behind the last newline.
func scan(r io.Reader, path string, last Entry, f func(e Entry, length int64) error) (rest int64, err error) {
	in := bufio.NewReaderSize(r, 1<<16)
	for {
		line, err := readLine(in)
		if err == io.EOF {
			return int64(len(line)), nil
		}
		if err != nil {
			return 0, err
		}
		e, err := parse(line[:len(line)-1])
		switch {
		case err != nil:
		case e.Seq != last.Seq+1:
			err = fmt.Errorf("entry %d stands where %d belongs", e.Seq, last.Seq+1)
		case e.Prev != last.Hash:
			err = errors.New("it does not continue the entry before it")
		}
		if err != nil {
			return 0, &TamperedError{path, last.Seq + 1, err.Error()}
		}
		last = e
		if err := f(e, int64(len(line))); err != nil {
			return 0, err
		}
	}
}

// readLine is ReadBytes('\n') with a bound.
func readLine(in *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := in.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return nil, fmt.Errorf("a line of more than %d bytes", maxLine)
		}
		if err != bufio.ErrBufferFull {
			return line, err
		}
	}
}

// parse is strict: what it accepts is what write writes, to the byte.
func parse(line []byte) (Entry, error) {
	hash, text, ok := bytes.Cut(line, []byte(" "))
	if !ok || string(hash) != hashOf(text) {
		return Entry{}, errors.New("its hash is not that of its text")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var e Entry
	if err := d.Decode(&e); err != nil {
		return Entry{}, errors.New("it is no entry")
	}
	again, err := json.Marshal(e)
	if err != nil || !bytes.Equal(again, text) {
		return Entry{}, errors.New("it is not in canonical form")
	}
	e.Hash = string(hash)
	return e, nil
}

func hashOf(text []byte) string {
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:])
}
