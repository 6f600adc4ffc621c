package guard

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// SeedSuffix is that of the file beside a history that holds the seed of its secret
// choices: 8 random bytes, made with the history. With one seed for all sessions a
// question that is asked again is decided as before, and a replay of the ledger
// comes to the same decisions.
const SeedSuffix = ".seed"

// seedOf is the seed of the history at path; of two processes that begin it, one
// makes the seed.
func seedOf(path string) (uint64, error) {
	b, err := os.ReadFile(path + SeedSuffix)
	if errors.Is(err, os.ErrNotExist) {
		if err := makeSeed(path); err != nil {
			return 0, fmt.Errorf("the history of releases cannot be begun: %w; nothing is released without it", err)
		}
		b, err = os.ReadFile(path + SeedSuffix)
	}
	if err != nil {
		return 0, fmt.Errorf("the history of releases cannot be opened: %w; nothing is released without it", err)
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("%s%s is damaged: keep the file as it is and call the administrator", path, SeedSuffix)
	}
	return binary.LittleEndian.Uint64(b), nil
}

func makeSeed(path string) error {
	var seed [8]byte
	rand.Read(seed[:])
	f, err := os.CreateTemp(filepath.Dir(path), ".seed-*") // 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(seed[:])
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path+SeedSuffix); !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}
