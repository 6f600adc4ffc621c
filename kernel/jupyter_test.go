package kernel

import (
	"bytes"
	"os"
	"os/exec"
	"regexp"
	"testing"
)

// TestJupyterClient runs testdata/client.py, where the real jupyter_client, nbclient
// and jupyter_kernel_test drive this test binary as their kernel.
func TestJupyterClient(t *testing.T) {
	python := os.Getenv("WEIR_PYTHON")
	if python == "" {
		const missing = "WEIR_PYTHON does not name a Python with jupyter_client, nbclient and jupyter_kernel_test"
		if os.Getenv("WEIR_REQUIRE_ALL") != "" {
			t.Fatal(missing)
		}
		t.Skip(missing)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "testdata/client.py")
	cmd.Env = append(os.Environ(), "WEIR_KERNEL_BINARY="+binary)
	out, err := cmd.CombinedOutput()
	ran := regexp.MustCompile(`(?m)^(test_\w+) \((\S+)\)(?:.*\n)??.*\.\.\. (.*)$`).FindAllSubmatch(out, -1)
	for _, m := range ran {
		t.Run(string(m[2]), func(t *testing.T) {
			if !bytes.Equal(m[3], []byte("ok")) {
				t.Errorf("%s", m[3])
			}
		})
	}
	if err != nil || len(ran) < 39 {
		t.Errorf("%v, %d tests ran\n%s", err, len(ran), out)
	}
}
