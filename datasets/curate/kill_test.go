package curate

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// importerName is the environment variable by which the test binary becomes a
// process that imports; its value is source and repository.
const importerName = "WEIR_TEST_IMPORT"

var killOptions = ImportOptions{Name: "test", Tier: plan.Registered, CDR: "v1", CutOff: cutOffText, Seed: 1}

// importAndEnd is such a process.
func importAndEnd(places string) int {
	from, to, _ := strings.Cut(places, "\n")
	if _, err := Import(context.Background(), from, to, killOptions, nil); err != nil {
		os.Stderr.WriteString(err.Error())
		return 1
	}
	return 0
}

// verified opens every table of a repository, which verifies every file, and adds up the rows.
func verified(r *store.Repository) (rows int64, err error) {
	for _, info := range r.Tables {
		t, err := r.Table(info.Name)
		if err != nil {
			return 0, err
		}
		rows += t.Info.Rows
	}
	return rows, nil
}

// TestKilled: what is at an import's place after SIGKILL is nothing, or the whole
// repository.
func TestKilled(t *testing.T) {
	k := kill(t, omop(t, "csv", 6000))
	t.Logf("%+v", k)
	if k.killed == 0 || k.wrong > 0 {
		t.Errorf("%d were killed while they worked; %d left something wrong", k.killed, k.wrong)
	}
}

// kills are what became of imports that were killed.
type kills struct{ killed, whole, wrong int }

// kill ends an import by SIGKILL at twenty random moments. Then the next import
// succeeds, and nothing of the killed ones is left.
func kill(t *testing.T, from string) (k kills) {
	parent := t.TempDir()
	dir := filepath.Join(parent, "r")
	run := func() *exec.Cmd {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), importerName+"="+from+"\n"+dir)
		c.Stderr = os.Stderr
		return c
	}
	start := time.Now()
	if err := run().Run(); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start)
	rows, err := verified(open(t, dir))
	if err != nil || rows < 100_000 {
		t.Fatalf("%d rows, %v", rows, err)
	}
	for range 20 {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		c := run()
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Float64() * 1.1 * float64(took)))
		c.Process.Kill()
		var exit *exec.ExitError
		if err := c.Wait(); errors.As(err, &exit) {
			k.killed++
		}
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			continue
		}
		k.whole++
		r, err := store.Open(dir)
		if err == nil {
			var n int64
			if n, err = verified(r); err == nil && n != rows {
				err = fmt.Errorf("%d rows, not %d", n, rows)
			}
		}
		if err != nil {
			k.wrong++
			t.Error(err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := run().Run(); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(parent); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	return k
}
