package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
)

// Apply carries out the steps. When one fails, those before it are undone. The
// first Discard of a plan that has changed anything is its point of no return:
// the spec is in place by then, and what remains is clearing up.
func (a *Actions) Apply() error {
	var undo []func() error
	committed := false
	for _, step := range a.Steps {
		if step.Do == Discard && len(undo) > 0 {
			undo, committed = nil, true
		}
		back, err := step.apply()
		if err != nil && committed {
			return fmt.Errorf("install: all is in place, but something is left that you can remove by hand: %w", err)
		}
		if err != nil {
			return rollBack(undo, err)
		}
		if back != nil {
			undo = append(undo, back)
		}
	}
	return nil
}

func rollBack(undo []func() error, cause error) error {
	for _, back := range slices.Backward(undo) {
		if err := back(); err != nil {
			return fmt.Errorf("install: %w; undoing the steps before it failed too: %w", cause, err)
		}
	}
	return fmt.Errorf("install: %w; nothing was changed", cause)
}

// apply returns how to undo the step, or nil for one that needs no undoing.
func (s Action) apply() (undo func() error, err error) {
	switch s.Do {
	case Make:
		return makeDirectory(s.Path)
	case Write:
		return overwrite(s.Path, s.content, s.mode)
	case Move:
		return move(s.From, s.Path)
	case Discard:
		return nil, os.RemoveAll(s.Path)
	case Prune:
		return nil, prune(s.Path)
	}
	return nil, fmt.Errorf("no such step: %q", s.Do)
}

func makeDirectory(path string) (undo func() error, err error) {
	if err := os.Mkdir(path, 0o755); err != nil {
		return nil, err
	}
	undo = func() error { return os.Remove(path) }
	// An administrator's umask must not hide the spec from everybody else.
	if err := os.Chmod(path, 0o755); err != nil {
		return nil, errors.Join(err, undo())
	}
	return undo, nil
}

func overwrite(path string, content []byte, mode fs.FileMode) (undo func() error, err error) {
	before, err := os.ReadFile(path)
	switch {
	case err == nil:
		undo = func() error { return writeFile(path, before, mode) }
	case errors.Is(err, fs.ErrNotExist):
		undo = func() error { return os.Remove(path) }
	default:
		return nil, err
	}
	return undo, writeFile(path, content, mode)
}

func writeFile(path string, content []byte, mode fs.FileMode) error {
	temporary := path + ".new"
	err := errors.Join(os.WriteFile(temporary, content, mode), os.Chmod(temporary, mode), sync(temporary))
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		os.Remove(temporary)
	}
	return err
}

// sync makes sure that a rename never precedes the content it names.
func sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func move(from, to string) (undo func() error, err error) {
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is in the way", to)
	}
	if err := os.Rename(from, to); err != nil {
		return nil, err
	}
	return func() error { return os.Rename(to, from) }, nil
}

// prune leaves alone what is not a directory, is not empty, or is gone already.
func prune(path string) error {
	if info, err := os.Lstat(path); err != nil || !info.IsDir() {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
