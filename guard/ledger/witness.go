package ledger

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sys/unix"
)

// Witness keeps the last checkpoint of a ledger where those who can write to the
// ledger cannot. It needs the public half of the ledger's key and nothing else of
// the workbench.
type Witness struct {
	Path string // of the file that holds the checkpoint; begun with the first
	Key  ed25519.PublicKey
}

// StaleError says that an update does not begin at the checkpoint that is kept.
type StaleError struct{ Kept int64 }

// Error says what to send instead.
func (e *StaleError) Error() string {
	return fmt.Sprintf("the witness keeps a checkpoint of %d entries: make an update with --since %d", e.Kept, e.Kept)
}

// Kept is the checkpoint that is kept, the zero Checkpoint before the first.
func (w Witness) Kept() (Checkpoint, error) {
	text, err := os.ReadFile(w.Path)
	if errors.Is(err, os.ErrNotExist) {
		return Checkpoint{}, nil
	}
	if err != nil {
		return Checkpoint{}, err
	}
	c, err := OpenCheckpoint(text, w.Key)
	if err != nil {
		return c, fmt.Errorf("%s: %w", w.Path, err)
	}
	return c, nil
}

// Update takes what Tree.Update made. It keeps the new checkpoint if that
// continues the one that is kept, and refuses a ForkedError otherwise.
func (w Witness) Update(update []byte) (Checkpoint, error) {
	old, proof, text, err := parseUpdate(update)
	if err != nil {
		return Checkpoint{}, err
	}
	given, err := OpenCheckpoint(text, w.Key)
	if err != nil {
		return Checkpoint{}, err
	}
	dir, err := os.Open(filepath.Dir(w.Path))
	if err != nil {
		return Checkpoint{}, err
	}
	defer dir.Close()
	unlock, err := lock(dir, unix.LOCK_EX)
	if err != nil {
		return Checkpoint{}, err
	}
	defer unlock()
	kept, err := w.Kept()
	if err != nil {
		return Checkpoint{}, err
	}
	if err := continues(kept, given, old, proof); err != nil {
		return Checkpoint{}, err
	}
	next := w.Path + ".next"
	if err := writeDurably(next, text); err != nil {
		return Checkpoint{}, err
	}
	if err := os.Rename(next, w.Path); err != nil {
		return Checkpoint{}, err
	}
	return given, dir.Sync()
}

func continues(kept, given Checkpoint, old int64, proof tlog.TreeProof) error {
	switch {
	case kept.Entries == 0 && old == 0 && len(proof) == 0:
		return nil
	case kept.Entries == 0:
		return &StaleError{0}
	case given.Origin != kept.Origin:
		return &ForkedError{"this is another ledger than that of the checkpoint that is kept, or its file was replaced"}
	case given.Entries < kept.Entries:
		return &ForkedError{fmt.Sprintf("the ledger has %d entries, and had %d: its end was cut off", given.Entries, kept.Entries)}
	case given.Entries == kept.Entries && given.Root != kept.Root:
		return &ForkedError{fmt.Sprintf("there are two ledgers of %d entries", kept.Entries)}
	case given.Entries == kept.Entries:
		return nil
	case old != kept.Entries:
		return &StaleError{kept.Entries}
	}
	if tlog.CheckTree(proof, given.Entries, given.Root, kept.Entries, kept.Root) != nil {
		return &ForkedError{fmt.Sprintf("the ledger of %d entries does not continue the one of %d that is kept: it was written anew, or there are two", given.Entries, kept.Entries)}
	}
	return nil
}
