package install

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
)

// tree is what lies at a path: relative names, "." for the path itself, and for
// each "directory", "sha256:" with a digest, "link:" with a target, or "other".
// The tree of a path at which nothing lies is nil.
type tree map[string]string

func readTree(root string) (tree, error) {
	t := tree{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		t[filepath.ToSlash(name)], err = describe(path, d.Type())
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return t, err
}

func describe(path string, mode fs.FileMode) (string, error) {
	switch {
	case mode.IsDir():
		return "directory", nil
	case mode&fs.ModeSymlink != 0:
		target, err := os.Readlink(path)
		return "link:" + target, err
	case !mode.IsRegular():
		return "other", nil
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), err
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// written is the tree that these files make.
func written(files map[string][]byte) tree {
	t := tree{".": "directory"}
	for name, content := range files {
		t[name] = digest(content)
		for d := path.Dir(name); d != "."; d = path.Dir(d) {
			t[d] = "directory"
		}
	}
	return t
}

// directories are those in which files of these names lie, the outermost first.
func directories(names []string) []string {
	var list []string
	for _, name := range names {
		for d := path.Dir(name); d != "." && !slices.Contains(list, d); d = path.Dir(d) {
			list = append(list, d)
		}
	}
	slices.Sort(list)
	return list
}

func (t tree) equal(u tree) bool { return maps.Equal(t, u) }

// strangers are the names in t that u has not, or has otherwise. A name that
// only u has is none: where a file is gone, nothing can be lost.
func (t tree) strangers(u tree) []string {
	var names []string
	for name, what := range t {
		if u[name] != what {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}
