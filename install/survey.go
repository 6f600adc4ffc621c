package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// survey is what lies at a place before anything is done.
type survey struct {
	place
	receipt   *receipt // nil: weir's spec is not installed
	spec      tree     // nil: none is there
	replaced  tree     // nil: none was kept
	leftovers []string // what an Apply that was cut off left behind
}

func look(p place) (s survey, err error) {
	s.place = p
	if s.receipt, err = readReceipt(p); err != nil {
		return s, err
	}
	if s.spec, err = readTree(p.spec); err != nil {
		return s, fmt.Errorf("install: %w", err)
	}
	if s.replaced, err = readTree(p.replaced()); err != nil {
		return s, fmt.Errorf("install: %w", err)
	}
	for _, d := range []string{p.incoming(), p.outgoing()} {
		if exists(d) {
			s.leftovers = append(s.leftovers, d)
		}
	}
	return s, nil
}

// unchanged refuses to touch what somebody else wrote, or what another Apply is
// perhaps writing now.
func (s survey) unchanged() error {
	if len(s.leftovers) > 0 {
		return fmt.Errorf("install: %s is there: another installation runs, or one was cut off; when none runs, repeat with --force", s.leftovers[0])
	}
	if s.receipt == nil || s.untouched() {
		return nil
	}
	if names := s.spec.strangers(s.receipt.Files); len(names) > 0 {
		return fmt.Errorf("install: changed in %s since weir wrote it: %s; save what you need, then repeat with --force, which removes the whole directory", s.place.spec, strings.Join(names, ", "))
	}
	if names := s.replaced.strangers(s.receipt.Before); len(names) > 0 {
		return fmt.Errorf("install: changed in %s, which uninstall puts back: %s; repeat with --force to put it back as it is", s.place.replaced(), strings.Join(names, ", "))
	}
	return nil
}

// untouched reports whether Apply was cut off after it had written the receipt
// and before it had moved anything, or after everything was put back.
func (s survey) untouched() bool {
	return s.receipt.Before != nil && s.replaced == nil && s.spec.equal(s.receipt.Before)
}

// missing are the directories to make, the outermost first.
func (p place) missing() []string {
	var missing []string
	for _, d := range []string{filepath.Dir(p.spec), p.record} {
		for ; !exists(d) && !slices.Contains(missing, d); d = filepath.Dir(d) {
			missing = append(missing, d)
		}
	}
	slices.SortFunc(missing, func(a, b string) int { return len(a) - len(b) })
	return missing
}

// madeBefore are the directories that the receipts of this place's neighbours
// name: whichever spec is removed last clears them away.
func (p place) madeBefore() []string {
	var made []string
	for _, neighbour := range p.neighbours() {
		r, err := readReceipt(neighbour)
		if err != nil || r == nil {
			continue // its own installation will say so
		}
		for _, d := range r.Made {
			if p.below(d) {
				made = append(made, d)
			}
		}
	}
	return made
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// neighbours are the places of the same data directory that have a record.
func (p place) neighbours() []place {
	var list []place
	for kind, spec := range map[string]string{"kernels": "kernels", "records": "weir"} {
		records, _ := filepath.Glob(filepath.Join(p.data, "weir", kind, "*"))
		for _, record := range records {
			list = append(list, place{p.data, filepath.Join(p.data, spec, filepath.Base(record)), record})
		}
	}
	return list
}
