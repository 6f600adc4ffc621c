package install

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// warnings are what an administrator should know, though it stops nothing.
func (o Options) warnings(p place) []string {
	var w []string
	if o.Scope == User {
		w = append(w, "--user is for development: whoever runs notebooks can change the kernelspec")
	}
	w = append(w, o.binaryWarnings()...)
	if o.Scope == Prefix && !isPythonPrefix(o.Prefix) {
		w = append(w, fmt.Sprintf("Jupyter looks into %s only when JUPYTER_PATH names it", p.data))
	}
	for _, spec := range o.shadows(p) {
		w = append(w, fmt.Sprintf("%s is found first and hides this kernelspec", spec))
	}
	return w
}

func (o Options) binaryWarnings() (w []string) {
	if d := temporary(o.Binary); d != "" {
		w = append(w, fmt.Sprintf("%s lies in %s, which is cleared from time to time; the kernel then no longer starts", o.Binary, d))
	}
	if info, err := os.Stat(o.Binary); err == nil && info.Mode()&0o022 != 0 {
		w = append(w, fmt.Sprintf("%s can be changed by others than its owner", o.Binary))
	}
	return w
}

// temporary is the temporary directory in which path lies, or "".
func temporary(path string) string {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		resolved = path
	}
	for _, d := range []string{os.TempDir(), "/tmp", "/var/tmp", "/dev/shm"} {
		for _, file := range []string{path, resolved} {
			if strings.HasPrefix(file, filepath.Clean(d)+string(filepath.Separator)) {
				return filepath.Clean(d)
			}
		}
	}
	return ""
}

// shadows are the specs of the same name that Jupyter finds earlier.
func (o Options) shadows(p place) []string {
	var found []string
	for _, d := range o.searchedBefore(p) {
		spec := filepath.Join(d, "kernels", o.Name)
		if exists(filepath.Join(spec, "kernel.json")) {
			found = append(found, spec)
		}
	}
	return found
}

// searchedBefore are the data directories that come before the place's own:
// those of JUPYTER_PATH, then the user's.
func (o Options) searchedBefore(p place) []string {
	data := filepath.SplitList(o.Getenv("JUPYTER_PATH"))
	if user, err := userData(o.Getenv); err == nil {
		data = append(data, user)
	}
	if i := slices.Index(data, p.data); i >= 0 {
		return data[:i]
	}
	return data
}
