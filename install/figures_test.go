//go:build figures

package install

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func figure(name string, value any, unit, target string, ok bool) {
	verdict := "short"
	if ok {
		verdict = "ok"
	}
	fmt.Printf("figure: %s %v %s %s %s\n", name, value, unit, target, verdict)
}

func TestFigures(t *testing.T) {
	t.Run("lockdown", func(t *testing.T) {
		found := 0
		for _, test := range planted {
			p := healthy(t)
			test.plant(p)
			if strings.Contains(p.examined(), test.says) {
				found++
			}
		}
		figure("lockdown/doctor_planted_found", fmt.Sprintf("%d/%d", found, len(planted)), "misconfigurations", "all_of_>=25", found == len(planted) && found >= 25)
		bundle, err := os.ReadFile("extension/static/remoteEntry.js")
		if err != nil {
			t.Fatal(err)
		}
		figure("lockdown/extension_bundle", fmt.Sprintf("%.1f", float64(len(bundle))/1024), "KiB", "<=18", len(bundle) <= 18<<10)
		prefix := t.TempDir()
		was := fingerprint(t, prefix)
		kernel := options(t, prefix)
		o := LockdownOptions{Options: kernel, Python: kernel.Binary, PublicKey: []byte("public"), Tiers: []Tier{{Name: "weir-registered"}}}
		for _, plan := range []func(LockdownOptions) (*Actions, error){PlanLockdown, PlanUnlock} {
			a, err := plan(o)
			if err != nil {
				t.Fatal(err)
			}
			if err := a.Apply(); err != nil {
				t.Fatal(err)
			}
		}
		same := fingerprint(t, prefix) == was
		figure("lockdown/uninstall_leaves_tree_identical", same, "-", "true", same)
	})
}
