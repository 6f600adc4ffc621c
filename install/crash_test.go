package install

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// scene is a prefix, what it held at first, and a plan to install there.
type scene struct {
	prefix  string
	was     string // fingerprint
	kernels tree
	options Options
	plan    *Actions
}

// eachScene calls test for every tree of before, for a first and for a second
// installation, and for every number of steps after which Apply may be cut off.
func eachScene(t *testing.T, test func(t *testing.T, s scene, steps int)) {
	for name, prepare := range before {
		for _, second := range []bool{false, true} {
			for steps := 0; ; steps++ {
				s := scene{prefix: t.TempDir()}
				prepare(t, s.prefix)
				s.was, s.kernels = fingerprint(t, s.prefix), kernels(t, s.prefix)
				s.options = options(t, s.prefix)
				if second {
					installed(t, s.options)
					s.options.Display = "newer"
				}
				s.plan = planned(t, s.options)
				if steps > len(s.plan.Steps) {
					break
				}
				t.Run(name, func(t *testing.T) { test(t, s, steps) })
			}
		}
	}
}

func TestFailingStepChangesNothing(t *testing.T) {
	eachScene(t, func(t *testing.T, s scene, steps int) {
		commit := slices.IndexFunc(s.plan.Steps, func(a Action) bool { return a.Do == Discard })
		if steps >= commit {
			return
		}
		was := shape(t, s.prefix)
		s.plan.Steps[steps].Do = "fail"
		if err := s.plan.Apply(); err == nil {
			t.Fatal("Apply did not fail")
		}
		if now := shape(t, s.prefix); !maps.Equal(now, was) {
			t.Errorf("step %d of\n%s\nfailed and left\n%v\nwhere there was\n%v", steps, s.plan, now, was)
		}
	})
}

func TestUninstallAfterACrash(t *testing.T) {
	eachScene(t, func(t *testing.T, s scene, steps int) {
		cutOff(t, s.plan, steps)
		if !exists(s.prefix + "/share/jupyter/weir/kernels/weir/receipt.json") {
			return // nothing was moved yet: see TestInstallAfterACrash
		}
		if _, err := PlanUninstall(s.options); err != nil {
			s.options.Force = true
		}
		uninstalled(t, s.options)
		if now := fingerprint(t, s.prefix); now != s.was {
			t.Errorf("cut off after %d steps of\n%s\nuninstall leaves\n%s\nwhere there was\n%s", steps, s.plan, now, s.was)
		}
	})
}

func TestInstallAfterACrash(t *testing.T) {
	eachScene(t, func(t *testing.T, s scene, steps int) {
		cutOff(t, s.plan, steps)
		s.options.Force = true
		installed(t, s.options)
		if spec := readJSON(t, s.plan.Spec+"/kernel.json"); spec["display_name"] != s.options.withDefaults().Display {
			t.Fatalf("cut off after %d steps, the next installation leaves %v", steps, spec)
		}
		uninstalled(t, s.options)
		now := kernels(t, s.prefix)
		if s.kernels == nil { // a crash may leave the empty directory behind
			s.kernels = tree{".": "directory"}
		}
		if now != nil && !now.equal(s.kernels) {
			t.Errorf("cut off after %d steps, then installed and uninstalled: %v, where there was %v", steps, now, s.kernels)
		}
	})
}

func cutOff(t *testing.T, plan *Actions, steps int) {
	t.Helper()
	for _, step := range plan.Steps[:steps] {
		if _, err := step.apply(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAnotherInstallationIsNotDisturbed(t *testing.T) {
	o := options(t, t.TempDir())
	plan := planned(t, o)
	cutOff(t, plan, 1+slices.IndexFunc(plan.Steps, func(a Action) bool { return a.Do == Write }))
	if _, err := Plan(o); err == nil {
		t.Error("Plan does not see the other installation")
	}
	if err := plan.Apply(); err == nil {
		t.Error("Apply wrote into the other installation")
	}
}

// shape leaves out modes and times: undoing writes an overwritten receipt anew.
func shape(t *testing.T, root string) tree {
	t.Helper()
	got, err := readTree(root)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func kernels(t *testing.T, prefix string) tree {
	return shape(t, filepath.Join(prefix, "share/jupyter/kernels"))
}

func TestMovingAcrossFileSystemsChangesNothing(t *testing.T) {
	other, err := os.MkdirTemp("/dev/shm", "weir-install-")
	if err != nil {
		t.Skip("/dev/shm is not here")
	}
	defer os.RemoveAll(other)
	prefix := t.TempDir()
	if err := os.MkdirAll(prefix+"/share/jupyter", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(other, prefix+"/share/jupyter/kernels"); err != nil {
		t.Fatal(err)
	}
	was := shape(t, prefix)
	if err := planned(t, options(t, prefix)).Apply(); err == nil {
		t.Skip("/dev/shm is not a file system of its own")
	}
	if now := shape(t, prefix); !now.equal(was) {
		t.Errorf("left %v", now)
	}
}
