package install

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// environment is a Getenv over a map.
type environment map[string]string

func (e environment) get(name string) string { return e[name] }

// binary makes an executable file for kernel.json to name.
func binary(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "weir")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func options(t *testing.T, prefix string) Options {
	return Options{Scope: Prefix, Prefix: prefix, Binary: binary(t), Getenv: environment{}.get}
}

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
}

func planned(t *testing.T, o Options) *Actions {
	t.Helper()
	a, err := Plan(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func installed(t *testing.T, o Options) {
	t.Helper()
	if err := planned(t, o).Apply(); err != nil {
		t.Fatal(err)
	}
}

func uninstalled(t *testing.T, o Options) {
	t.Helper()
	a, err := PlanUninstall(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Apply(); err != nil {
		t.Fatal(err)
	}
}

// fingerprint is every name, mode, content and link below root, and the time of
// every file.
func fingerprint(t *testing.T, root string) string {
	t.Helper()
	contents, err := readTree(root)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(root, path)
		b.WriteString(name + " " + info.Mode().String() + " " + contents[name])
		if !d.IsDir() {
			b.WriteString(" " + info.ModTime().String())
		}
		b.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// before are trees that an installation may meet.
var before = map[string]func(t *testing.T, prefix string){
	"nothing": func(*testing.T, string) {},
	"another kernel": func(t *testing.T, prefix string) {
		put(t, prefix+"/share/jupyter/kernels/python3/kernel.json", "{}")
	},
	"another spec named weir": func(t *testing.T, prefix string) {
		put(t, prefix+"/share/jupyter/kernels/weir/kernel.json", `{"argv": ["old"]}`)
		put(t, prefix+"/share/jupyter/kernels/weir/deep/logo.png", "old")
	},
	"a link named weir": func(t *testing.T, prefix string) {
		put(t, prefix+"/elsewhere/kernel.json", `{"argv": ["old"]}`)
		put(t, prefix+"/share/jupyter/kernels/python3/kernel.json", "{}")
		if err := os.Symlink(prefix+"/elsewhere", prefix+"/share/jupyter/kernels/weir"); err != nil {
			t.Fatal(err)
		}
	},
}

func TestUninstallLeavesTheTreeAsItWas(t *testing.T) {
	for name, prepare := range before {
		t.Run(name, func(t *testing.T) {
			prefix := t.TempDir()
			prepare(t, prefix)
			was := fingerprint(t, prefix)
			o := options(t, prefix)
			if _ = planned(t, o); fingerprint(t, prefix) != was {
				t.Fatal("Plan changed the tree")
			}
			installed(t, o)
			if again := planned(t, o); len(again.Steps) > 0 {
				t.Errorf("installing the same again does:\n%s", again)
			}
			o.Display = "weir, newer"
			installed(t, o)
			spec := readJSON(t, prefix+"/share/jupyter/kernels/weir/kernel.json")
			if spec["display_name"] != "weir, newer" {
				t.Errorf("the newer spec was not installed: %v", spec)
			}
			uninstalled(t, o)
			if now := fingerprint(t, prefix); now != was {
				t.Errorf("before:\n%s\nafter:\n%s", was, now)
			}
		})
	}
}

func TestSpecsAreIndependent(t *testing.T) {
	prefix := t.TempDir()
	was := fingerprint(t, prefix)
	one, two := options(t, prefix), options(t, prefix)
	two.Name = "weir-controlled"
	two.Arguments = []string{"--config", "/etc/weir/controlled.toml"}
	installed(t, one)
	installed(t, two)
	argv := readJSON(t, prefix+"/share/jupyter/kernels/weir-controlled/kernel.json")["argv"].([]any)
	if last := argv[len(argv)-1]; last != "/etc/weir/controlled.toml" {
		t.Errorf("argv ends in %v", last)
	}
	uninstalled(t, one)
	if !exists(prefix + "/share/jupyter/kernels/weir-controlled/kernel.json") {
		t.Fatal("removing one spec removed the other")
	}
	uninstalled(t, two)
	if now := fingerprint(t, prefix); now != was {
		t.Errorf("before:\n%s\nafter:\n%s", was, now)
	}
}

func TestKernelJSON(t *testing.T) {
	o := options(t, t.TempDir())
	installed(t, o)
	spec := readJSON(t, o.Prefix+"/share/jupyter/kernels/weir/kernel.json")
	want := map[string]any{
		"argv":                    []any{o.Binary, "kernel", "--connection-file", "{connection_file}"},
		"display_name":            "weir (Go)",
		"env":                     map[string]any{},
		"interrupt_mode":          "message",
		"kernel_protocol_version": "5.5",
		"language":                "go",
		"metadata":                map[string]any{"debugger": false},
	}
	if got, want := mustJSON(t, spec), mustJSON(t, want); got != want {
		t.Errorf("kernel.json holds %s, want %s", got, want)
	}
}

func TestFilesAreReadableByAll(t *testing.T) {
	o := options(t, t.TempDir()+"/new")
	installed(t, o)
	err := filepath.WalkDir(o.Prefix, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		want := fs.FileMode(0o644)
		if d.IsDir() {
			want = fs.ModeDir | 0o755
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestActionsAsJSON(t *testing.T) {
	a := planned(t, options(t, t.TempDir()))
	var got struct {
		Spec     string
		Actions  []map[string]string
		Warnings []string
	}
	if err := json.Unmarshal([]byte(mustJSON(t, a)), &got); err != nil {
		t.Fatal(err)
	}
	if got.Spec != a.Spec || len(got.Actions) != len(a.Steps) {
		t.Errorf("JSON names %d steps for %s", len(got.Actions), got.Spec)
	}
	for i, step := range got.Actions {
		if step["do"] != string(a.Steps[i].Do) || step["path"] != a.Steps[i].Path {
			t.Errorf("step %d reads %v", i, step)
		}
	}
	if lines := strings.Count(a.String(), "\n"); lines != len(a.Steps)+len(a.Warnings) {
		t.Errorf("the list has %d lines for %d steps and %d warnings:\n%s", lines, len(a.Steps), len(a.Warnings), a)
	}
}

func readJSON(t *testing.T, path string) map[string]any {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var v map[string]any
	if err := json.Unmarshal(content, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
