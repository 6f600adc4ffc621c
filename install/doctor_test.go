package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// lockedServer is a lockdown, what must stay secret, and a server's process.
type lockedServer struct {
	t         *testing.T
	prefix    string
	root      string // of the lockdown
	options   DoctorOptions
	variables map[string]string
	arguments []string
	uid       int
}

func healthy(t *testing.T) *lockedServer {
	t.Helper()
	if os.Geteuid() != 0 && os.Getenv("WEIR_REQUIRE_ALL") != "" {
		t.Fatal("root, who can make files of others, is not here")
	}
	if os.Geteuid() != 0 {
		t.Skip("root, who can make files of others, is not here")
	}
	prefix, err := os.MkdirTemp("/opt", "weir-doctor") // below directories that root alone can write to
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(prefix) })
	if err := os.Chmod(prefix, 0o755); err != nil {
		t.Fatal(err)
	}
	p := &lockedServer{t: t, prefix: prefix, variables: map[string]string{}, uid: 61102}
	for _, name := range []string{"weir", "python3"} {
		put(t, prefix+"/bin/"+name, "#!/bin/sh\n")
		p.must(os.Chmod(prefix+"/bin/"+name, 0o755))
	}
	put(t, prefix+"/secret/key.pem", "key")
	p.must(os.Chmod(prefix+"/secret/key.pem", 0o600))
	o := LockdownOptions{Options: Options{Scope: Prefix, Prefix: prefix, Binary: prefix + "/bin/weir", Getenv: environment{}.get}, Python: prefix + "/bin/python3",
		PublicKey: []byte("public"), Tiers: []Tier{{Name: "weir-registered", Display: "weir", Tier: "registered", Policy: "1"}}}
	a, err := PlanLockdown(o)
	if err != nil {
		t.Fatal(err)
	}
	p.must(a.Apply())
	p.root = a.Spec
	p.options = DoctorOptions{LockdownOptions: o, Secrets: []string{prefix + "/secret/key.pem"}}
	for _, v := range Environment(p.root) {
		p.variables[v[0]] = v[1]
	}
	p.arguments = []string{"--no-browser", "--ServerApp.root_dir=/home/alice", "--IdentityProvider.token=abc"}
	return p
}

func (p *lockedServer) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func (p *lockedServer) overwrite(name, text string) {
	p.must(os.WriteFile(filepath.Join(p.root, name), []byte(text), 0o644))
}

// examined is what is open.
func (p *lockedServer) examined() string {
	p.t.Helper()
	script := append([]string{"-c", "sleep 60; :", "server"}, p.arguments...)
	c := exec.Command("/bin/sh", script...)
	for name, value := range p.variables {
		c.Env = append(c.Env, name+"="+value)
	}
	c.SysProcAttr = asUser(p.uid)
	p.must(c.Start())
	defer func() { c.Process.Kill(); c.Wait() }()
	p.options.PID = c.Process.Pid
	for range 100 { // until the shell runs
		if s, err := readProcess(c.Process.Pid); err == nil && len(s.arguments) > 2 && s.arguments[1] == "-c" {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	d, err := Examine(p.options)
	p.must(err)
	var open []string
	for _, check := range d.Checks {
		if check.State == Open && !check.Always {
			open = append(open, check.Path+": "+check.What)
		}
	}
	if d.Healthy() != (len(open) == 0) {
		p.t.Error("Healthy does not say what the checks say")
	}
	return strings.Join(open, "\n")
}

// planted are misconfigurations and what the doctor has to say of each.
var planted = map[string]struct {
	plant func(p *lockedServer)
	says  string
}{
	"a changed server configuration": {func(p *lockedServer) { p.overwrite("config/jupyter_server_config.json", "{}") }, "jupyter_server_config.json was changed"},
	"a changed page configuration":   {func(p *lockedServer) { p.overwrite("config/labconfig/page_config.json", "{}") }, "page_config.json was changed"},
	"a changed module":               {func(p *lockedServer) { p.overwrite("python/weir_lockdown/routes.py", "def close(app): pass") }, "routes.py was changed"},
	"another public key":             {func(p *lockedServer) { p.overwrite("public.pem", "other") }, "public.pem was changed"},
	"a changed extension":            {func(p *lockedServer) { p.overwrite("data/labextensions/weir-lockdown/static/remoteEntry.js", "") }, "remoteEntry.js was changed"},
	"a missing module":               {func(p *lockedServer) { p.must(os.Remove(p.root + "/python/weir_lockdown/judge.py")) }, "judge.py is missing"},
	"another labextension":           {func(p *lockedServer) { put(p.t, p.root+"/data/labextensions/evil/package.json", "{}") }, "evil/package.json was not installed"},
	"another kernel":                 {func(p *lockedServer) { put(p.t, p.root+"/data/kernels/python3/kernel.json", `{"argv":["python3"]}`) }, "python3 starts another program"},
	"more configuration":             {func(p *lockedServer) { put(p.t, p.root+"/config/jupyter_server_config.py", "c = 1") }, "jupyter_server_config.py was not installed"},
	"a file that is a link now": {func(p *lockedServer) {
		p.must(os.Remove(p.root + "/public.pem"))
		p.must(os.Symlink("/tmp/x", p.root+"/public.pem"))
	}, "public.pem was changed"},
	"a kernel that sets variables": {func(p *lockedServer) {
		p.overwrite("data/kernels/weir-registered/kernel.json", `{"argv":["`+p.prefix+`/bin/weir"],"env":{"KEY":"x"}}`)
	}, "which every browser can read"},
	"a kernel that cannot be read":       {func(p *lockedServer) { p.overwrite("data/kernels/weir-registered/kernel.json", "{") }, "weir-registered cannot be read"},
	"no kernel":                          {func(p *lockedServer) { p.must(os.RemoveAll(p.root + "/data/kernels")) }, "kernels: there is none"},
	"a launcher that cannot be run":      {func(p *lockedServer) { p.must(os.Chmod(p.root+"/bin/weir-lab", 0o644)) }, "weir-lab cannot be run"},
	"a file that others can write":       {func(p *lockedServer) { p.must(os.Chmod(p.root+"/config/jupyter_server_config.json", 0o666)) }, "jupyter_server_config.json can be written to by others"},
	"a directory that a group can write": {func(p *lockedServer) { p.must(os.Chmod(p.root+"/python", 0o775)) }, "python can be written to by others"},
	"a parent that others can write":     {func(p *lockedServer) { p.must(os.Chmod(p.prefix, 0o777)) }, "can be written to by others"},
	"a file of another owner":            {func(p *lockedServer) { p.must(os.Chown(p.root+"/public.pem", 61102, 61102)) }, "public.pem belongs to uid 61102"},
	"a directory of another owner":       {func(p *lockedServer) { p.must(os.Chown(p.root+"/config", 61102, 61102)) }, "config belongs to uid 61102"},
	"a parent of another owner":          {func(p *lockedServer) { p.must(os.Chown(p.prefix+"/share", 61102, 61102)) }, "share belongs to uid 61102"},
	"a receipt that others can write": {func(p *lockedServer) {
		p.must(os.Chmod(p.prefix+"/share/jupyter/weir/records/lockdown/receipt.json", 0o666))
	}, "receipt.json can be written to by others"},
	"a receipt that is gone": {func(p *lockedServer) {
		p.must(os.Remove(p.prefix + "/share/jupyter/weir/records/lockdown/receipt.json"))
	}, "there is no lockdown"},
	"a receipt that is damaged":       {func(p *lockedServer) { put(p.t, p.prefix+"/share/jupyter/weir/records/lockdown/receipt.json", "{") }, "receipt: install:"},
	"a command that is gone":          {func(p *lockedServer) { p.must(os.Remove(p.prefix + "/bin/weir")) }, "is not there"},
	"a command that others can write": {func(p *lockedServer) { p.must(os.Chmod(p.prefix+"/bin/weir", 0o777)) }, "bin/weir, can be written to by others"},
	"a Python of another owner":       {func(p *lockedServer) { p.must(os.Chown(p.prefix+"/bin/python3", 61102, 61102)) }, "bin/python3, belongs to uid 61102"},
	"a key that others can read":      {func(p *lockedServer) { p.must(os.Chmod(p.prefix+"/secret/key.pem", 0o644)) }, "can be read by others"},
	"a key of the server's user":      {func(p *lockedServer) { p.must(os.Chown(p.prefix+"/secret/key.pem", 61102, 61102)) }, "belongs to the server's user"},
	"the user's configuration":        {func(p *lockedServer) { delete(p.variables, "JUPYTER_CONFIG_DIR") }, "JUPYTER_CONFIG_DIR is not"},
	"a directory before the configuration": {func(p *lockedServer) {
		p.variables["JUPYTER_CONFIG_PATH"] = "/home/alice:" + p.variables["JUPYTER_CONFIG_PATH"]
	}, "JUPYTER_CONFIG_PATH is not"},
	"a user's data directory first":        {func(p *lockedServer) { p.variables["JUPYTER_PATH"] = "/home/alice" }, "JUPYTER_PATH is not"},
	"a user's modules first":               {func(p *lockedServer) { p.variables["PYTHONPATH"] = "/home/alice:" + p.variables["PYTHONPATH"] }, "PYTHONPATH is not"},
	"a user's site-packages":               {func(p *lockedServer) { delete(p.variables, "PYTHONNOUSERSITE") }, "PYTHONNOUSERSITE is not"},
	"a library put before others":          {func(p *lockedServer) { p.variables["LD_PRELOAD"] = "/home/alice/x.so" }, "LD_PRELOAD is set"},
	"a start-up file":                      {func(p *lockedServer) { p.variables["PYTHONSTARTUP"] = "/home/alice/x.py" }, "PYTHONSTARTUP is set"},
	"an option that overrides":             {func(p *lockedServer) { p.arguments = append(p.arguments, "--ServerApp.contents_manager_class=x.Y") }, "contents_manager_class may override"},
	"a configuration file as an option":    {func(p *lockedServer) { p.arguments = append(p.arguments, "--config=/home/alice/x.py") }, "--config may override"},
	"no token":                             {func(p *lockedServer) { p.arguments = append(p.arguments, "--IdentityProvider.token=") }, "asks for no token"},
	"all addresses":                        {func(p *lockedServer) { p.arguments = append(p.arguments, "--ServerApp.ip=0.0.0.0") }, "listens on 0.0.0.0"},
	"a server of root":                     {func(p *lockedServer) { p.uid = 0 }, "it runs as root"},
	"a root directory with the data in it": {func(p *lockedServer) { p.arguments = append(p.arguments, "--ServerApp.root_dir="+p.prefix+"/secret") }, "its root directory"},
}

func TestDoctorFindsWhatIsPlanted(t *testing.T) {
	if open := healthy(t).examined(); open != "" {
		t.Fatalf("a healthy installation:\n%s", open)
	}
	if len(planted) < 25 {
		t.Fatalf("only %d are planted", len(planted))
	}
	for name, test := range planted {
		t.Run(name, func(t *testing.T) {
			p := healthy(t)
			test.plant(p)
			if open := p.examined(); !strings.Contains(open, test.says) {
				t.Errorf("found:\n%s\nnot: %s", open, test.says)
			}
		})
	}
}

// Installing, examining and removing leaves everything as it was, to the byte.
func TestLockdownLeavesTheTreeAsItWas(t *testing.T) {
	for name, prepare := range before {
		t.Run(name, func(t *testing.T) {
			prefix := t.TempDir()
			prepare(t, prefix)
			was := fingerprint(t, prefix)
			kernel := options(t, prefix)
			o := LockdownOptions{Options: kernel, Python: kernel.Binary, PublicKey: []byte("public"), Tiers: []Tier{{Name: "weir-registered"}, {Name: "weir-controlled"}}}
			a, err := PlanLockdown(o)
			if err != nil || a.Apply() != nil {
				t.Fatal(err)
			}
			if again, err := PlanLockdown(o); err != nil || len(again.Steps) > 0 {
				t.Errorf("installing the same again does %v, %v", again, err)
			}
			installed(t, kernel)
			locked := fingerprint(t, prefix)
			if _, err := Examine(DoctorOptions{LockdownOptions: o}); err != nil || fingerprint(t, prefix) != locked {
				t.Error("the doctor changed something", err)
			}
			o.Tiers = o.Tiers[:1]
			if a, err = PlanLockdown(o); err != nil || a.Apply() != nil {
				t.Fatal(err)
			}
			uninstalled(t, kernel)
			if a, err = PlanUnlock(o); err != nil || a.Apply() != nil {
				t.Fatal(err)
			}
			if now := fingerprint(t, prefix); now != was {
				t.Errorf("left\n%s\nwhere there was\n%s", now, was)
			}
		})
	}
}
