package judge

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Seen is what a browser has saved, as hashes. Its file has one a line, in
// hexadecimal, and is only ever appended to.
type Seen struct {
	mu   sync.Mutex
	path string
	has  map[string]bool
}

// OpenSeen reads the file, which may be missing.
func OpenSeen(path string) (*Seen, error) {
	s := &Seen{path: path, has: map[string]bool{}}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		s.has[lines.Text()] = true
	}
	return s, lines.Err()
}

// Has implements verify.Seen.
func (s *Seen) Has(hash string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.has[hash]
}

// Add remembers hashes.
func (s *Seen) Add(hashes []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var fresh strings.Builder
	for _, h := range hashes {
		if !s.has[h] {
			s.has[h] = true
			fresh.WriteString(h + "\n")
		}
	}
	if fresh.Len() == 0 {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(s.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(fresh.String())
	return errors.Join(err, f.Close())
}
