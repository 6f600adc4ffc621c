package install

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// LockdownOptions say what a closed Jupyter server is to offer. PlanLockdown reads
// all of them; PlanUnlock reads Scope, Prefix and Force.
type LockdownOptions struct {
	Options // Name, Display and Arguments count for nothing here.

	Python    string // Required. Absolute path of the interpreter that runs the server.
	PublicKey []byte // Required. PEM of the keys that sign, for weir judge.
	Tiers     []Tier // Required. The kernels, one a tier.
}

// Tier is one kernel of a closed server.
type Tier struct {
	Name      string   // Required, such as "weir-registered".
	Display   string   // Required. What the launcher shows.
	Arguments []string // Follow the connection file in argv; also of weir release.
	Tier      string   // "registered", for the status bar.
	Policy    string   // The policy's version, for the status bar.
}

//go:embed server/weir_lockdown/*.py
var server embed.FS

//go:embed extension/package.json extension/static/remoteEntry.js
var extension embed.FS

// The directories and files below a lockdown's own.
const (
	configDirectory = "config"
	dataDirectory   = "data"
	pythonDirectory = "python"
	publicKeyFile   = "public.pem"
	extensionName   = "weir-lockdown"
)

// PlanLockdown says what closing a Jupyter server would do: one directory with
// kernels, server and page configuration, the server's module, the extension and
// the commands that start servers. Nothing outside of it is changed.
func PlanLockdown(o LockdownOptions) (*Actions, error) {
	o.Options = o.withDefaults()
	if err := o.checkLockdown(); err != nil {
		return nil, err
	}
	p, err := o.lockdownPlace()
	if err != nil {
		return nil, err
	}
	return o.planInstallation(p, o.lockdownWarnings(), func() (map[string][]byte, error) { return o.lockdownFiles(p.spec) })
}

// PlanUnlock says what removing a lockdown would do.
func PlanUnlock(o LockdownOptions) (*Actions, error) {
	o.Options = o.withDefaults()
	p, err := o.lockdownPlace()
	if err != nil {
		return nil, err
	}
	return o.planRemoval(p)
}

// lockdownPlace: there is one lockdown in a data directory.
func (o LockdownOptions) lockdownPlace() (place, error) {
	data, err := o.dataDirectory()
	if err != nil {
		return place{}, err
	}
	if o.Scope == User {
		return place{}, errors.New("install: --lockdown closes nothing where the researcher owns the files: choose --system, --sys-prefix or --prefix")
	}
	return place{data, filepath.Join(data, "weir", "lockdown"), filepath.Join(data, "weir", "records", "lockdown")}, nil
}

func (o LockdownOptions) checkLockdown() error {
	if err := o.checkBinary(); err != nil {
		return err
	}
	if info, err := os.Stat(o.Python); !filepath.IsAbs(o.Python) || err != nil || !info.Mode().IsRegular() {
		return fmt.Errorf("install: name the Python that runs Jupyter Server with its absolute path; %q is none", o.Python)
	}
	if len(o.PublicKey) == 0 {
		return errors.New("install: there is no public key to check outputs with")
	}
	if len(o.Tiers) == 0 {
		return errors.New("install: name the configuration of at least one tier")
	}
	for i, t := range o.Tiers {
		if err := (Options{Name: t.Name}).checkName(); err != nil {
			return err
		}
		if slices.ContainsFunc(o.Tiers[:i], func(u Tier) bool { return u.Name == t.Name }) {
			return fmt.Errorf("install: two configurations are of the %s tier; one kernel a tier is installed", t.Tier)
		}
	}
	return nil
}

func (o LockdownOptions) lockdownWarnings() []string {
	w := o.binaryWarnings()
	if os.Geteuid() != 0 {
		w = append(w, "you are not root: whoever owns these files can open what they close")
	}
	return w
}

// lockdownFiles are the names and contents below root.
func (o LockdownOptions) lockdownFiles(root string) (map[string][]byte, error) {
	files := map[string][]byte{publicKeyFile: o.PublicKey}
	o.addLaunchers(files, root)
	if err := o.addKernels(files); err != nil {
		return nil, err
	}
	if err := addTree(files, server, "server", pythonDirectory); err != nil {
		return nil, err
	}
	if err := addTree(files, extension, "extension", path.Join(dataDirectory, "labextensions", extensionName)); err != nil {
		return nil, err
	}
	for name, value := range map[string]any{
		"config/jupyter_server_config.json":             o.serverConfig(root),
		"config/jupyter_kernel_gateway_config.json":     gatewayConfig(),
		"config/labconfig/page_config.json":             pageConfig(),
		"python/weir_lockdown/settings.json":            o.settings(root),
		"config/migrated":                               "by weir", // else Jupyter would write it there
		"data/labextensions/weir-lockdown/install.json": map[string]any{"packageManager": "weir", "packageName": extensionName},
	} {
		content, err := encode(value)
		if err != nil {
			return nil, err
		}
		files[name] = content
	}
	return files, nil
}

func (o LockdownOptions) addKernels(files map[string][]byte) error {
	for _, t := range o.Tiers {
		spec := o.Options
		spec.Name, spec.Display, spec.Arguments = t.Name, t.Display, t.Arguments
		list, err := spec.files()
		if err != nil {
			return err
		}
		for name, content := range list {
			files[path.Join(dataDirectory, "kernels", t.Name, name)] = content
		}
	}
	return nil
}

func addTree(files map[string][]byte, from fs.FS, below, to string) error {
	return fs.WalkDir(from, below, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(from, name)
		files[path.Join(to, strings.TrimPrefix(name, below+"/"))] = content
		return err
	})
}
