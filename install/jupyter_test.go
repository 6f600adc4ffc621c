package install

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// python is the interpreter of an environment with Jupyter.
func python(t *testing.T) string {
	t.Helper()
	path := os.Getenv("WEIR_PYTHON")
	if path != "" {
		return path
	}
	if os.Getenv("WEIR_REQUIRE_ALL") != "" {
		t.Fatal("WEIR_PYTHON names no Python with Jupyter")
	}
	t.Skip("WEIR_PYTHON names no Python with Jupyter")
	return ""
}

func run(t *testing.T, env environment, command ...string) []byte {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	for name, value := range env {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, &complaints)
	}
	return out
}

type listed struct {
	Kernelspecs map[string]struct {
		ResourceDir string `json:"resource_dir"`
		Spec        struct {
			Argv          []string
			Env           map[string]string
			DisplayName   string `json:"display_name"`
			Language      string
			InterruptMode string `json:"interrupt_mode"`
			Metadata      map[string]any
			Protocol      string `json:"kernel_protocol_version"`
		}
	}
}

func list(t *testing.T, env environment, python string) listed {
	t.Helper()
	var l listed
	out := run(t, env, python, "-m", "jupyter_client.kernelspecapp", "list", "--json")
	if err := json.Unmarshal(out, &l); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return l
}

func TestJupyterSeesTheSpec(t *testing.T) {
	python := python(t)
	prefix := t.TempDir()
	venv := filepath.Join(prefix, "venv")
	run(t, nil, python, "-m", "venv", "--without-pip", "--system-site-packages", venv)
	packages := strings.TrimSpace(string(run(t, nil, python, "-c", "import jupyter_core, os; print(os.path.dirname(os.path.dirname(jupyter_core.__file__)))")))
	for name, test := range map[string]struct {
		options Options
		python  string
		env     environment
	}{
		"JUPYTER_PATH":     {Options{Scope: Prefix, Prefix: prefix}, python, environment{"JUPYTER_PATH": prefix + "/share/jupyter"}},
		"sys.prefix":       {Options{Scope: SysPrefix, Prefix: venv}, venv + "/bin/python", environment{"PYTHONPATH": packages}},
		"home":             {Options{Scope: User}, python, environment{"HOME": prefix + "/home"}},
		"XDG_DATA_HOME":    {Options{Scope: User}, python, environment{"HOME": prefix + "/home", "XDG_DATA_HOME": prefix + "/xdg"}},
		"JUPYTER_DATA_DIR": {Options{Scope: User}, python, environment{"HOME": prefix + "/home", "JUPYTER_DATA_DIR": prefix + "/data"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := test.options
			o.Binary, o.Getenv = binary(t), test.env.get
			if _, there := list(t, test.env, test.python).Kernelspecs["weir"]; there {
				t.Fatal("Jupyter lists weir before it is installed")
			}
			installed(t, o)
			got, there := list(t, test.env, test.python).Kernelspecs["weir"]
			if !there {
				t.Fatal("Jupyter does not list weir")
			}
			want := []string{o.Binary, "kernel", "--connection-file", "{connection_file}"}
			if s := got.Spec; !slices.Equal(s.Argv, want) || len(s.Env) != 0 || s.DisplayName != "weir (Go)" || s.Language != "go" || s.InterruptMode != "message" || s.Metadata["debugger"] != false || s.Protocol != "5.5" {
				t.Errorf("Jupyter reads %+v", s)
			}
			uninstalled(t, o)
			if _, there := list(t, test.env, test.python).Kernelspecs["weir"]; there {
				t.Error("Jupyter lists weir after it was removed")
			}
		})
	}
}

// resources asks Jupyter Server's own code, which front ends ask for the logos.
const resources = `
import json, types
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_server.services.kernelspecs.handlers import kernelspec_model
s = KernelSpecManager().get_kernel_spec("weir")
handler = types.SimpleNamespace(base_url="/")
print(json.dumps(kernelspec_model(handler, "weir", s.to_dict(), s.resource_dir)["resources"]))
`

func TestJupyterServerFindsTheLogos(t *testing.T) {
	python := python(t)
	o := options(t, t.TempDir())
	installed(t, o)
	out := run(t, environment{"JUPYTER_PATH": o.Prefix + "/share/jupyter"}, python, "-c", resources)
	var got map[string]string
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]string{"logo-32x32": "logo-32x32.png", "logo-64x64": "logo-64x64.png", "logo-svg": "logo-svg.svg"} {
		if filepath.Base(got[name]) != file {
			t.Errorf("the resource %s is %q", name, got[name])
		}
	}
}

// start lets jupyter_client start whatever argv names.
const start = `
from jupyter_client import KernelManager
m = KernelManager(kernel_name="weir")
m.start_kernel()
m.provisioner.process.wait(20)
m.cleanup_resources()
`

func TestJupyterStartsTheBinary(t *testing.T) {
	python := python(t)
	o := options(t, t.TempDir())
	seen := filepath.Join(o.Prefix, "seen")
	o.Binary = filepath.Join(o.Prefix, "we ir")
	o.Arguments = []string{"--config", "/a b"}
	script := "#!/bin/sh\n[ -s \"$3\" ] && printf '%s\\n' \"$@\" > '" + seen + "'\n"
	if err := os.WriteFile(o.Binary, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	installed(t, o)
	run(t, environment{"JUPYTER_PATH": o.Prefix + "/share/jupyter"}, python, "-c", start)
	content, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(content)), "\n")
	if len(got) != 5 || got[0] != "kernel" || got[1] != "--connection-file" || !filepath.IsAbs(got[2]) || got[3] != "--config" || got[4] != "/a b" {
		t.Errorf("the binary was started with %q", got)
	}
}
