package install

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// Scope says for whom the kernelspec is installed. The zero Scope is refused.
type Scope int

const (
	_         Scope = iota
	System          // everybody: /usr/local/share/jupyter
	SysPrefix       // one Python environment, whose sys.prefix is Options.Prefix
	Prefix          // Options.Prefix/share/jupyter, whatever lies there
	User            // the calling user, who can then also change the spec
)

// systemData is the first of Jupyter's system-wide data directories.
const systemData = "/usr/local/share/jupyter"

// dataDirectory is the Jupyter data directory of the scope.
func (o Options) dataDirectory() (string, error) {
	prefixed := o.Scope == SysPrefix || o.Scope == Prefix
	if prefixed != (o.Prefix != "") {
		return "", errors.New("install: a prefix directory goes with --sys-prefix and --prefix, and only with them")
	}
	switch o.Scope {
	case System:
		return systemData, nil
	case User:
		return userData(o.Getenv)
	case SysPrefix, Prefix:
		prefix, err := filepath.Abs(o.Prefix)
		if err != nil {
			return "", err
		}
		if o.Scope == SysPrefix && !isPythonPrefix(prefix) {
			return "", fmt.Errorf("install: %s is no Python environment (it has no bin/python); --prefix takes any directory", prefix)
		}
		return filepath.Join(prefix, "share", "jupyter"), nil
	}
	return "", errors.New("install: choose one of --system, --sys-prefix, --prefix and --user")
}

func isPythonPrefix(prefix string) bool {
	for _, name := range []string{"bin/python", "bin/python3", "Scripts/python.exe", "python.exe"} {
		if info, err := os.Stat(filepath.Join(prefix, name)); err == nil && info.Mode().IsRegular() {
			return true
		}
	}
	return false
}

// userData follows jupyter_core.paths.jupyter_data_dir, but refuses a relative
// path, which would mean another directory to every process that reads it.
func userData(getenv func(string) string) (string, error) {
	if d := getenv("JUPYTER_DATA_DIR"); d != "" {
		return absolute("JUPYTER_DATA_DIR", d)
	}
	home, err := absolute("HOME", getenv("HOME"))
	if err != nil {
		return "", err
	}
	if runtime.GOOS == "darwin" {
		return filepath.Join(home, "Library", "Jupyter"), nil
	}
	if d := getenv("XDG_DATA_HOME"); d != "" {
		d, err := absolute("XDG_DATA_HOME", d)
		return filepath.Join(d, "jupyter"), err
	}
	return filepath.Join(home, ".local", "share", "jupyter"), nil
}

func absolute(variable, path string) (string, error) {
	if !filepath.IsAbs(path) {
		return "", fmt.Errorf("install: the environment variable %s must hold an absolute path; it holds %q", variable, path)
	}
	return filepath.Clean(path), nil
}
