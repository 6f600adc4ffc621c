package install

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
)

// Options say what to install and where. Plan reads all of them; PlanUninstall
// reads Scope, Prefix, Name and Force.
type Options struct {
	Scope   Scope  // Required.
	Prefix  string // Required for SysPrefix and Prefix, refused otherwise.
	Name    string // Name of the kernel. Default: "weir".
	Display string // What the launcher shows. Default: "weir (Go)".
	Binary  string // Required to install. Absolute path of the weir command.

	// Arguments follow the connection file in argv, such as "--config" and a
	// path: a spec for each tier differs in these. They are world-readable.
	// Default: none.
	Arguments []string

	// Force overwrites or removes files changed since weir wrote them, and
	// clears away what an Apply that was cut off has left. Default: refuse.
	Force bool

	// Getenv reads the environment. Default: os.Getenv.
	Getenv func(string) string
}

func (o Options) withDefaults() Options {
	if o.Name == "" {
		o.Name = "weir"
	}
	if o.Display == "" {
		o.Display = "weir (Go)"
	}
	if o.Getenv == nil {
		o.Getenv = os.Getenv
	}
	return o
}

// kernelName is narrower than Jupyter's rule: its front ends ask for names in
// lower case, and a leading dot would hide the spec from people, not from it.
var kernelName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)

func (o Options) checkName() error {
	if !kernelName.MatchString(o.Name) {
		return fmt.Errorf("install: the kernel name %q may hold only a to z, 0 to 9, '.', '_' and '-', and begins with a letter or digit", o.Name)
	}
	return nil
}

func (o Options) checkBinary() error {
	if o.Binary == "" {
		return errors.New("install: name the weir binary that the kernelspec is to start")
	}
	if !filepath.IsAbs(o.Binary) {
		return fmt.Errorf("install: the binary %q must be an absolute path: Jupyter starts kernels in other directories", o.Binary)
	}
	info, err := os.Stat(o.Binary)
	if err != nil {
		return fmt.Errorf("install: the binary cannot be used: %w", err)
	}
	if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
		return fmt.Errorf("install: %s is not an executable file", o.Binary)
	}
	return nil
}
