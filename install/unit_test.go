package install

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The vault's unit says nothing that systemd does not know, and gives the service
// no more than systemd-analyze calls safe: 1.2 of 10.
func TestVaultUnit(t *testing.T) {
	for option, why := range map[string]string{
		"KillMode=process":          "sessions outlive a restart",
		"NoNewPrivileges=true":      "",
		"UMask=0077":                "ledger and key are the vault's alone",
		"ProtectSystem=strict":      "",
		"RuntimeDirectoryMode=0755": "researchers reach the socket",
	} {
		if !strings.Contains(VaultUnit, "\n"+option+"\n") {
			t.Errorf("%s is missing: %s", option, why)
		}
	}
	if strings.Contains(VaultUnit, "\nPrivateUsers=") {
		t.Error("with PrivateUsers the vault cannot tell its peers apart")
	}
}

// TestUnitUnderSystemd has systemd's own tool read the unit, and say how exposed it is.
func TestUnitUnderSystemd(t *testing.T) {
	if os.Getenv("LONG") == "" {
		t.Skip("systemd is installed for the long tests: LONG is not set")
	}
	unit := filepath.Join(t.TempDir(), "weir-vault.service")
	// A command that is there: what is checked is the unit.
	if err := os.WriteFile(unit, []byte(strings.Replace(VaultUnit, "/usr/local/bin/weir", "/bin/true", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", unit).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd does not take it: %v %s", err, out)
	}
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", unit).CombinedOutput()
	m := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+)`).FindSubmatch(out)
	if err != nil || m == nil {
		t.Fatalf("%v %s", err, out)
	}
	if level, err := strconv.ParseFloat(string(m[1]), 64); err != nil || level > 1.5 {
		t.Errorf("an exposure of %s", m[1])
	}
}
