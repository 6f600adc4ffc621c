package install

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// State is how a path out is closed.
type State string

// The states. A path that the doctor could not try counts as open.
const (
	Enforced State = "enforced" // the system or the server refuses
	Nudge    State = "nudge"    // the user interface does not offer it
	Open     State = "open"     // it lets something out, or somebody can open it
)

// Check is one thing that the doctor looked at.
type Check struct {
	Path  string `json:"path"`
	State State  `json:"state"`
	What  string `json:"what"`
	// Always says that nobody can close it, so it is told and fails nothing.
	Always bool `json:"always,omitempty"`
}

// Diagnosis is what the doctor found.
type Diagnosis struct {
	Checks []Check `json:"checks"`
}

// Healthy reports whether nothing is open that could be closed.
func (d Diagnosis) Healthy() bool {
	return !slices.ContainsFunc(d.Checks, func(c Check) bool { return c.State == Open && !c.Always })
}

// Write prints the diagnosis for people, what is open first.
func (d Diagnosis) Write(w io.Writer) error {
	order := map[State]int{Open: 0, Nudge: 1, Enforced: 2}
	sorted := slices.Clone(d.Checks)
	slices.SortStableFunc(sorted, func(a, b Check) int { return order[a.State] - order[b.State] })
	for _, c := range sorted {
		if _, err := fmt.Fprintf(w, "%-8s  %s: %s\n", c.State, c.Path, c.What); err != nil {
			return err
		}
	}
	return nil
}

func (d *Diagnosis) add(path string, s State, format string, args ...any) {
	d.Checks = append(d.Checks, Check{Path: path, State: s, What: fmt.Sprintf(format, args...)})
}

// verdict adds one line: enforced, or open for each reason.
func (d *Diagnosis) verdict(path, good string, bad []string) {
	if len(bad) == 0 {
		d.add(path, Enforced, "%s", good)
	}
	for _, why := range bad {
		d.add(path, Open, "%s", why)
	}
}

// DoctorOptions say what to look at.
type DoctorOptions struct {
	LockdownOptions     // Scope and Prefix name the lockdown; Binary is the command that it must start.
	PID             int // Of the running server. Default: 0, and its environment is not looked at.

	// Secrets are the files and directories that a researcher's processes must
	// not be able to read: repositories, ledgers, keys. Default: none.
	Secrets []string
	Owner   int // Uid that must own what is installed. Default: 0, root.
}

// Examine looks at files and the server's process, and changes nothing.
func Examine(o DoctorOptions) (Diagnosis, error) {
	var d Diagnosis
	o.Options = o.withDefaults()
	p, err := o.lockdownPlace()
	if err != nil {
		return d, err
	}
	r, err := readReceipt(p)
	switch {
	case err != nil:
		d.add("receipt", Open, "%v", err)
	case r == nil:
		d.add("receipt", Open, "there is no lockdown at %s: weir install --lockdown", p.spec)
	default:
		d.files(p, r)
	}
	d.verdict("owners and modes", "root owns what is installed, and nobody else can write to it", o.writable(p))
	d.kernels(p, o.Binary)
	d.programs(o)
	if o.PID != 0 {
		server, err := readProcess(o.PID)
		if err != nil {
			d.add("server's process", Open, "process %d cannot be looked at: %v", o.PID, err)
		} else {
			d.process(p, server, o)
		}
	}
	d.Checks = append(d.Checks, Check{Path: "screens", State: Open, Always: true,
		What: "what a screen shows can be photographed; only a remote desktop, or a managed browser, narrows that"})
	return d, nil
}

// files compares what lies there with the receipt.
func (d *Diagnosis) files(p place, r *receipt) {
	now, err := readTree(p.spec)
	if err != nil {
		d.add("files", Open, "%v", err)
		return
	}
	var bad []string
	for _, name := range now.strangers(r.Files) {
		if _, ours := r.Files[name]; ours {
			bad = append(bad, name+" was changed since it was installed: weir install --lockdown --force")
		} else {
			bad = append(bad, name+" was not installed by weir: look at it, and remove it")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Files)) {
		if _, there := now[name]; !there {
			bad = append(bad, name+" is missing: weir install --lockdown --force")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(launchers)) {
		if info, err := os.Stat(filepath.Join(p.spec, name)); err == nil && info.Mode()&0o111 == 0 {
			bad = append(bad, name+" cannot be run: chmod 755")
		}
	}
	d.verdict("files", fmt.Sprintf("all %d are as they were installed", len(r.Files)), bad)
}

// writable names everything, up to the root, that others than the owner can change.
func (o DoctorOptions) writable(p place) (bad []string) {
	look := func(path string) {
		if why := o.loose(path); why != "" {
			bad = append(bad, path+" "+why)
		}
	}
	for d := filepath.Dir(p.spec); ; d = filepath.Dir(d) {
		look(d)
		if d == filepath.Dir(d) {
			break
		}
	}
	for _, top := range []string{p.spec, p.record} {
		filepath.WalkDir(top, func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				look(path)
			}
			return nil
		})
	}
	return bad
}

// loose says how others than the owner could change what lies at a path. A
// directory with the sticky bit keeps others from replacing what is in it.
func (o DoctorOptions) loose(path string) string {
	info, err := os.Lstat(path)
	if err != nil {
		return "cannot be looked at"
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case !ok:
		return "has no owner that can be told"
	case int(st.Uid) != o.Owner && st.Uid != 0:
		return fmt.Sprintf("belongs to uid %d: chown root", st.Uid)
	case info.Mode()&fs.ModeSymlink != 0:
		return ""
	case info.Mode().Perm()&0o022 != 0 && info.Mode()&fs.ModeSticky == 0:
		return "can be written to by others: chmod go-w"
	}
	return ""
}

// kernels looks at the kernels that the server may start.
func (d *Diagnosis) kernels(p place, binary string) {
	var bad []string
	specs, _ := filepath.Glob(filepath.Join(p.spec, dataDirectory, "kernels", "*", "kernel.json"))
	for _, path := range specs {
		var spec kernelspec
		name := filepath.Base(filepath.Dir(path))
		content, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(content, &spec)
		}
		switch {
		case err != nil || len(spec.Argv) == 0:
			bad = append(bad, name+" cannot be read")
		case spec.Argv[0] != binary:
			bad = append(bad, name+" starts another program than "+binary)
		case len(spec.Env) > 0:
			bad = append(bad, name+" sets variables, which every browser can read")
		}
	}
	if len(specs) == 0 {
		bad = append(bad, "there is none")
	}
	d.verdict("kernels", fmt.Sprintf("%d, and each starts weir", len(specs)), bad)
}

// programs looks at what is run and at what must not be read.
func (d *Diagnosis) programs(o DoctorOptions) {
	var bad []string
	for what, path := range map[string]string{"the weir command": o.Binary, "the server's Python": o.Python} {
		if path == "" {
			continue
		}
		resolved, err := filepath.EvalSymlinks(path)
		if err != nil {
			bad = append(bad, fmt.Sprintf("%s, %s, is not there", what, path))
		} else if why := o.loose(resolved); why != "" {
			bad = append(bad, fmt.Sprintf("%s, %s, %s", what, resolved, why))
		}
	}
	d.verdict("programs", "nobody but root can change them", bad)
	bad = nil
	for _, path := range o.Secrets {
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			bad = append(bad, path+" can be read by others than its owner: chmod go-rwx, and let a vault own it")
		}
	}
	d.verdict("data, key and ledger", "only their owner can read them", bad)
}

// process is what the system tells of a running server.
type process struct {
	uid         int
	environment map[string]string
	arguments   []string
}

func readProcess(pid int) (s process, err error) {
	dir := "/proc/" + strconv.Itoa(pid)
	info, err := os.Stat(dir)
	if err != nil {
		return s, err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.uid = int(st.Uid)
	}
	environ, err := os.ReadFile(dir + "/environ")
	if err != nil {
		return s, err
	}
	s.environment = map[string]string{}
	for _, v := range strings.Split(string(environ), "\x00") {
		if name, value, ok := strings.Cut(v, "="); ok {
			s.environment[name] = value
		}
	}
	line, err := os.ReadFile(dir + "/cmdline")
	s.arguments = strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
	return s, err
}

// process looks at how the server was started.
func (d *Diagnosis) process(p place, s process, o DoctorOptions) {
	var bad []string
	for _, v := range Environment(p.spec) {
		if got := s.environment[v[0]]; got != v[1] {
			bad = append(bad, fmt.Sprintf("%s is not %s: start servers with a command of %s", v[0], v[1], filepath.Join(p.spec, "bin")))
		}
	}
	for _, name := range []string{"PYTHONHOME", "PYTHONSTARTUP", "LD_PRELOAD", "LD_LIBRARY_PATH", "JUPYTER_PREFER_ENV_PATH", "JUPYTERLAB_DIR"} {
		if s.environment[name] != "" {
			bad = append(bad, name+" is set, which can put other code into the server: unset it")
		}
	}
	d.verdict("server's environment", "it reads no configuration and no code of the user", bad)
	d.verdict("server's command line", "it overrides nothing", overrides(s.arguments))
	bad = nil
	if s.uid == 0 {
		bad = append(bad, "it runs as root, who can read everything: run it as the researcher")
	}
	root := s.environment["PWD"]
	for _, a := range s.arguments {
		if v, ok := strings.CutPrefix(a, "--ServerApp.root_dir="); ok {
			root = v
		}
	}
	for _, secret := range append([]string{p.spec}, o.Secrets...) {
		if root != "" && within(secret, root) {
			bad = append(bad, fmt.Sprintf("its root directory, %s, holds %s: choose another", root, secret))
		}
	}
	for _, secret := range o.Secrets {
		if info, err := os.Stat(secret); err == nil {
			if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) == s.uid {
				bad = append(bad, secret+" belongs to the server's user: let a vault own it")
			}
		}
	}
	d.verdict("server's user", "it is not root and owns no data", bad)
}

// within reports whether a path lies in a directory.
func within(path, dir string) bool {
	rel, err := filepath.Rel(dir, path)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// overrides are arguments that undo the configuration: arguments beat files.
func overrides(arguments []string) (bad []string) {
	harmless := []string{"--no-browser", "--port", "--ServerApp.port", "--ServerApp.port_retries", "--ServerApp.root_dir", "--ServerApp.base_url",
		"--IdentityProvider.token", "--ServerApp.ip", "--ip", "--ServerApp.certfile", "--ServerApp.keyfile", "--ServerApp.open_browser", "--debug"}
	for _, a := range arguments {
		name, value, _ := strings.Cut(a, "=")
		switch {
		case !strings.HasPrefix(a, "--"):
		case name == "--IdentityProvider.token" && strings.Trim(value, `'"`) == "":
			bad = append(bad, "it asks for no token: whoever reaches it is in")
		case (name == "--ServerApp.ip" || name == "--ip") && !slices.Contains([]string{"127.0.0.1", "localhost", "::1"}, value):
			bad = append(bad, "it listens on "+value+": put it behind a proxy with TLS, and listen on 127.0.0.1")
		case !slices.Contains(harmless, name):
			bad = append(bad, name+" may override what is closed: leave it out")
		}
	}
	return bad
}
