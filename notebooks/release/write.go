package release

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
)

// Write writes an artefact and its slip, the artefact last: there is none that
// has no slip.
func Write(file string, artefact, slip []byte) error {
	if err := replace(SlipName(file), slip); err != nil {
		return err
	}
	return replace(file, artefact)
}

func replace(file string, content []byte) error {
	dir, base := filepath.Split(file)
	temporary := filepath.Join(dir, "."+base+"."+rand.Text()[:8])
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(temporary, file)
	}
	if err != nil {
		os.Remove(temporary)
	}
	return err
}
