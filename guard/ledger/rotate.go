package ledger

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// joint is the body of sealed and continued.
type joint struct {
	Archive string `json:"archive"` // the name of the file that is sealed
}

var errNothing = errors.New("the ledger has no entry to archive")

// Rotate moves the file aside and begins another at its place. It returns the
// archive's path. Processes that have the ledger open go on in the new file.
func (l *Ledger) Rotate() (archive string, err error) {
	err = l.locked(func() error {
		if l.last.Seq == 0 || l.last.Kind == Continued {
			return errNothing
		}
		all, err := archives(l.path)
		if err != nil {
			return err
		}
		archive = archiveName(l.path, len(all)+1)
		body, err := json.Marshal(joint{filepath.Base(archive)})
		if err != nil {
			return err
		}
		if _, err := l.write(Sealed, body); err != nil {
			return err
		}
		return l.moveAside()
	})
	return archive, err
}

// moveAside gives a sealed file the archive's name and its place to a new one.
// There is a file at the path at any time; a process that dies between two steps
// leaves what the next one does again.
func (l *Ledger) moveAside() error {
	var to joint
	if err := json.Unmarshal(l.last.Body, &to); err != nil || to.Archive == "" || to.Archive != filepath.Base(to.Archive) {
		return &TamperedError{l.path, l.line, "it names no archive"}
	}
	dir := filepath.Dir(l.path)
	first := Entry{Seq: l.last.Seq + 1, Time: time.Now().UTC(), Prev: l.last.Hash, Kind: Continued, Body: l.last.Body}
	line, err := first.line()
	if err != nil {
		return err
	}
	next := l.path + ".next"
	if err := writeDurably(next, line); err != nil {
		return unwritable(err)
	}
	archive := filepath.Join(dir, to.Archive)
	if err := os.Link(l.path, archive); errors.Is(err, os.ErrExist) {
		there, err := os.Stat(archive)
		ours, err2 := l.file.Stat()
		if err != nil || err2 != nil || !os.SameFile(there, ours) {
			return &TamperedError{archive, 0, "a file with the name of the next archive is in the way"}
		}
	} else if err != nil {
		return unwritable(err)
	}
	if err := os.Rename(next, l.path); err != nil {
		return unwritable(err)
	}
	return unwritable(syncDir(dir))
}

// reopen goes on in the file that continues this one, which is sealed; others may
// have been sealed since.
func (l *Ledger) reopen() error {
	var to joint
	if err := json.Unmarshal(l.last.Body, &to); err != nil {
		return err
	}
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		return unwritable(err)
	}
	all, err := archives(l.path)
	if err != nil {
		return errors.Join(err, f.Close())
	}
	at := slices.IndexFunc(all, func(a string) bool { return filepath.Base(a) == to.Archive })
	if at < 0 {
		return errors.Join(&TamperedError{l.path, 0, "the archive " + to.Archive + " is missing"}, f.Close())
	}
	ours, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	r := Reader{Path: l.path, last: l.last}
	for _, a := range all[at+1:] {
		if there, err := os.Stat(a); err == nil && os.SameFile(there, ours) { // it has been sealed since it was opened
			break
		}
		if _, err := r.readPath(a, func(Entry) error { return nil }); err != nil {
			return errors.Join(err, f.Close())
		}
		r.size, r.line = 0, 0
	}
	if _, err := r.readFile(f, func(Entry) error { return nil }); err != nil {
		return errors.Join(err, f.Close())
	}
	old := l.file
	l.file, l.last, l.size, l.line = f, r.last, r.size, r.line
	return old.Close()
}

func writeDurably(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}
