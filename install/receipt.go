package install

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// receipt is described in the package comment.
type receipt struct {
	Receipt int      `json:"receipt"`
	Spec    string   `json:"spec"`
	Files   tree     `json:"files"`
	Before  tree     `json:"before,omitempty"`
	Made    []string `json:"made,omitempty"`
}

// readReceipt returns nil when there is none.
func readReceipt(p place) (*receipt, error) {
	content, err := os.ReadFile(p.receipt())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("install: %w", err)
	}
	r, err := parseReceipt(content, p)
	if err != nil {
		return nil, fmt.Errorf("install: %s %w; remove %s and %s by hand", p.receipt(), err, p.spec, p.record)
	}
	return r, nil
}

func parseReceipt(content []byte, p place) (*receipt, error) {
	var r receipt
	if err := json.Unmarshal(content, &r); err != nil {
		return nil, errors.New("is damaged")
	}
	// Only what encode wrote reads back to the same bytes.
	if again, err := encode(r); err != nil || !bytes.Equal(again, content) {
		return nil, errors.New("was not written by this weir")
	}
	if r.Receipt != 1 {
		return nil, errors.New("is of another version of weir")
	}
	if r.Spec != p.spec {
		return nil, errors.New("belongs to another directory")
	}
	for _, d := range r.Made {
		if !p.below(d) {
			return nil, errors.New("names a directory that is not its own")
		}
	}
	return &r, nil
}

// below reports whether the spec or its record lies in d.
func (p place) below(d string) bool {
	inside := func(path string) bool {
		return strings.HasPrefix(path, strings.TrimSuffix(d, "/")+"/")
	}
	return filepath.IsAbs(d) && filepath.Clean(d) == d && (inside(p.spec) || inside(p.record+"/"))
}
