package install

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPlanRefuses(t *testing.T) {
	executable := binary(t)
	plain := filepath.Join(t.TempDir(), "plain")
	put(t, plain, "")
	prefix := t.TempDir()
	for name, test := range map[string]struct {
		options Options
		say     string
	}{
		"no scope":                 {Options{Binary: executable}, "--system"},
		"no binary":                {Options{Scope: Prefix, Prefix: prefix}, "name the weir binary"},
		"a relative binary":        {Options{Scope: Prefix, Prefix: prefix, Binary: "bin/weir"}, "absolute"},
		"a missing binary":         {Options{Scope: Prefix, Prefix: prefix, Binary: prefix + "/weir"}, "no such file"},
		"a binary not executable":  {Options{Scope: Prefix, Prefix: prefix, Binary: plain}, "not an executable"},
		"a directory for a binary": {Options{Scope: Prefix, Prefix: prefix, Binary: prefix}, "not an executable"},
		"no prefix":                {Options{Scope: Prefix, Binary: executable}, "prefix"},
		"a prefix for the system":  {Options{Scope: System, Prefix: prefix, Binary: executable}, "prefix"},
		"no Python":                {Options{Scope: SysPrefix, Prefix: prefix, Binary: executable}, "no Python environment"},
		"a path for a name":        {Options{Scope: Prefix, Prefix: prefix, Binary: executable, Name: "../weir"}, "may hold only"},
		"a hidden name":            {Options{Scope: Prefix, Prefix: prefix, Binary: executable, Name: ".weir"}, "may hold only"},
		"a name in capitals":       {Options{Scope: Prefix, Prefix: prefix, Binary: executable, Name: "Weir"}, "may hold only"},
		"no home":                  {Options{Scope: User, Binary: executable}, "HOME"},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.Getenv = environment{}.get
			if a, err := Plan(test.options); err == nil || !strings.Contains(err.Error(), test.say) {
				t.Errorf("got %v, %v; want an error with %q", a, err, test.say)
			}
		})
	}
}

func TestUninstallRefusesChangedFiles(t *testing.T) {
	const spec = "/share/jupyter/kernels/weir/"
	for name, test := range map[string]struct {
		change func(t *testing.T, prefix string)
		named  []string
	}{
		"a file changed": {func(t *testing.T, prefix string) { put(t, prefix+spec+"kernel.json", "{}") }, []string{"kernel.json"}},
		"files added": {func(t *testing.T, prefix string) {
			put(t, prefix+spec+"notes.txt", "")
			put(t, prefix+spec+"deep/kernel.js", "")
		}, []string{"notes.txt", "deep/kernel.js"}},
		"a link instead": {func(t *testing.T, prefix string) {
			os.Remove(prefix + spec + "logo-svg.svg")
			os.Symlink("/etc/passwd", prefix+spec+"logo-svg.svg")
		}, []string{"logo-svg.svg"}},
		"what uninstall puts back": {func(t *testing.T, prefix string) {
			put(t, prefix+"/share/jupyter/weir/kernels/weir/replaced/kernel.json", "other")
		}, []string{"kernel.json"}},
	} {
		t.Run(name, func(t *testing.T) {
			prefix := t.TempDir()
			put(t, prefix+spec+"kernel.json", "earlier")
			o := options(t, prefix)
			installed(t, o)
			test.change(t, prefix)
			was := fingerprint(t, prefix)
			_, err := PlanUninstall(o)
			_, errPlan := Plan(o)
			if err == nil || errPlan == nil {
				t.Fatal("nothing was refused")
			}
			for _, named := range test.named {
				if !strings.Contains(err.Error(), named) {
					t.Errorf("%v does not name %s", err, named)
				}
			}
			if fingerprint(t, prefix) != was {
				t.Error("refusing changed the tree")
			}
			o.Force = true
			uninstalled(t, o)
			left := shape(t, prefix+spec)
			if len(left) != 2 || left["kernel.json"] == "" {
				t.Errorf("--force leaves %v, not what stood there before", left)
			}
		})
	}
}

func TestUninstallToleratesMissingFiles(t *testing.T) {
	prefix := t.TempDir()
	was := fingerprint(t, prefix)
	o := options(t, prefix)
	installed(t, o)
	if err := os.RemoveAll(prefix + "/share/jupyter/kernels/weir"); err != nil { // as jupyter kernelspec remove does
		t.Fatal(err)
	}
	uninstalled(t, o)
	if now := fingerprint(t, prefix); now != was {
		t.Errorf("left %s", now)
	}
}

func TestUninstallRefusesForeignSpecs(t *testing.T) {
	prefix := t.TempDir()
	o := options(t, prefix)
	if a, err := PlanUninstall(o); err != nil || len(a.Steps) > 0 {
		t.Errorf("with nothing installed: %v, %v", a, err)
	}
	put(t, prefix+"/share/jupyter/kernels/weir/kernel.json", "{}")
	for _, o.Force = range []bool{false, true} {
		if _, err := PlanUninstall(o); err == nil {
			t.Errorf("force %v: a spec without a receipt would be removed", o.Force)
		}
	}
}

func TestWarnings(t *testing.T) {
	home := t.TempDir()
	env := environment{"HOME": home, "JUPYTER_PATH": home + "/a:" + home + "/b"}
	put(t, home+"/.local/share/jupyter/kernels/weir/kernel.json", "{}")
	put(t, home+"/b/kernels/weir/kernel.json", "{}")
	o := Options{Scope: System, Binary: binary(t), Getenv: env.get}
	for _, want := range []string{"cleared from time to time", home + "/.local/share/jupyter/kernels/weir is found first", home + "/b/kernels/weir is found first"} {
		if got := planned(t, o).String(); !strings.Contains(got, "warning: ") || !strings.Contains(got, want) {
			t.Errorf("no warning of %q in\n%s", want, got)
		}
	}
	o.Scope = User
	got := planned(t, o).String()
	if !strings.Contains(got, "development") || strings.Contains(got, home+"/.local/share/jupyter/kernels/weir is found") {
		t.Errorf("--user prints\n%s", got)
	}
	o.Binary = "/bin/sh"
	if got := planned(t, o).String(); strings.Contains(got, "cleared") {
		t.Errorf("/bin/sh is taken for temporary:\n%s", got)
	}
}

func TestUserDirectory(t *testing.T) {
	for name, test := range map[string]struct {
		env  environment
		want string
	}{
		"home":              {environment{"HOME": "/h"}, "/h/.local/share/jupyter"},
		"XDG":               {environment{"HOME": "/h", "XDG_DATA_HOME": "/x"}, "/x/jupyter"},
		"Jupyter":           {environment{"HOME": "/h", "XDG_DATA_HOME": "/x", "JUPYTER_DATA_DIR": "/j"}, "/j"},
		"a relative XDG":    {environment{"HOME": "/h", "XDG_DATA_HOME": "x"}, ""},
		"a relative home":   {environment{"HOME": "h"}, ""},
		"a relative choice": {environment{"HOME": "/h", "JUPYTER_DATA_DIR": "."}, ""},
	} {
		got, err := userData(test.env.get)
		if (err != nil) != (test.want == "") || err == nil && got != test.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, test.want)
		}
	}
}
