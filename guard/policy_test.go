package guard

import (
	"os"
	"strings"
	"testing"
)

// TestPolicyFile reads files and compares with what the format's specification says.
func TestPolicyFile(t *testing.T) {
	for _, test := range []struct {
		file string
		want func(p *Policy) // done to the built-in policy
	}{
		{"", func(*Policy) {}},
		{Builtin.String(), func(*Policy) {}},
		{"version = \"site 2\"\nthreshold = 50", func(p *Policy) { p.Version, p.Threshold = "site 2", 50 }},
		{"[dominance]\np = 20\nk = 70 # stricter is lower", func(p *Policy) { p.Dominance.P, p.Dominance.K = 20, 70 }},
		{"precision.digits = 3\nprecision.decimals = 0", func(p *Policy) { p.Precision.Digits, p.Precision.Decimals = 3, 0 }},
		{"[participants]\nmeans = 30\nquantiles = 40\nmodels = 100", func(p *Policy) {
			p.Participants.Means, p.Participants.Quantiles, p.Participants.Models = 30, 40, 100
		}},
	} {
		want := Builtin
		test.want(&want)
		got, err := ParsePolicy([]byte(test.file))
		if err != nil || got != want {
			t.Errorf("%s\nis %+v, %v; want %+v", test.file, got, err, want)
		}
		if (got.Hash() == Builtin.Hash()) != (want == Builtin) {
			t.Errorf("%s\nhas the hash of another policy", test.file)
		}
	}
}

// TestPolicyRefused: what is looser, unknown or no policy at all is refused, and
// the error says which key, what it is, what the floor is and what to write.
func TestPolicyRefused(t *testing.T) {
	for file, want := range map[string]string{
		"threshold = 19":                                "threshold = 19: the built-in policy has 20, and a policy may only be stricter: write 20 or more, or leave the key out",
		"threshold = 0":                                 "threshold = 0: the built-in policy has 20",
		"threshold = -1":                                "write 20 or more",
		"threshold = 9223372036854775807":               "write a number from 20 to 1000000",
		"[dominance]\np = 9":                            "dominance.p = 9: the built-in policy has 10, and a policy may only be stricter: write 10 or more",
		"[dominance]\nk = 86":                           "dominance.k = 86: the built-in policy has 85, and a policy may only be stricter: write 85 or less",
		"[dominance]\nk = 0":                            "dominance.k = 0: write a number from 1 to 85",
		"[dominance]\nn = 2":                            "dominance.n: no such key; there are version, threshold, dominance.p",
		"[precision]\ndigits = 5":                       "precision.digits = 5: the built-in policy has 4, and a policy may only be stricter: write 4 or less",
		"[precision]\ndecimals = 2":                     "precision.decimals = 2: the built-in policy has 1",
		"[precision]\ndecimals = -1":                    "precision.decimals = -1: write a number from 0 to 1",
		"[participants]\nmeans = 20":                    "participants.means = 20: the built-in policy has 21",
		"[participants]\nquantiles = 20":                "participants.quantiles = 20: the built-in policy has 21",
		"[participants]\nmodels = 20":                   "participants.models = 20: the built-in policy has 21",
		"guard_band = true":                             "guard_band: no such key",
		"Threshold = 50":                                "Threshold: no such key",
		"threshold = 50\nTHRESHOLD = 20":                "THRESHOLD: no such key",
		"[Dominance]\np = 20":                           "Dominance.p: no such key",
		"[dominance]":                                   "dominance: an empty table",
		"threshold = 20.0":                              "",
		"threshold = \"50\"":                            "",
		"threshold = inf":                               "",
		"threshold = true":                              "",
		"threshold = 50\nthreshold = 20":                "",
		"dominance = 20":                                "",
		"[[dominance]]\np = 20":                         "",
		"version = \"\"":                                "version = \"\": write a name",
		"version = \"1\\u001b[31m\"":                    "write a name",
		"version = \"<b>\"":                             "write a name",
		"version = 2":                                   "",
		"threshold":                                     "",
		"\xff":                                          "",
		"version = \"" + strings.Repeat("a", 65) + "\"": "write a name",
	} {
		p, err := ParsePolicy([]byte(file))
		if err == nil || p != (Policy{}) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %+v, %v; want an error with %q", file, p, err, want)
		}
	}
}

// TestPolicyInDocs: the example that administrators read is a policy.
func TestPolicyInDocs(t *testing.T) {
	page, err := os.ReadFile("../install/ADMINISTRATORS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "```toml\nversion ")
	example, _, ok := strings.Cut(rest, "```")
	p, err := ParsePolicy([]byte("version " + example))
	if !ok || err != nil {
		t.Fatalf("%q: %v", example, err)
	}
	for _, b := range floor {
		if *b.at(&p) == b.loosest {
			t.Errorf("%s has the built-in value: the example should say something", b.key)
		}
	}
}

// FuzzParsePolicy: whatever is read is at least as strict as the built-in policy,
// and reads the same when it is written out.
func FuzzParsePolicy(f *testing.F) {
	f.Add([]byte(Builtin.String()))
	f.Add([]byte("threshold = 50\n[dominance]\nk = 70"))
	f.Add([]byte("threshold = 50\nThreshold = 20"))
	f.Add([]byte("\"threshold\" = 0x32\ndominance.p = 1_0"))
	f.Add([]byte("[participants]\nmodels = 1e3"))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := ParsePolicy(text)
		if err != nil {
			return
		}
		if p.Threshold < 20 || p.Dominance.P < 10 || p.Dominance.K > 85 || p.Precision.Digits > 4 || p.Precision.Decimals > 1 ||
			p.Participants.Means < 21 || p.Participants.Quantiles < 21 || p.Participants.Models < 21 {
			t.Errorf("%q is looser than the floor: %+v", text, p)
		}
		again, err := ParsePolicy([]byte(p.String()))
		if err != nil || again != p {
			t.Errorf("%+v is written as\n%sand read as %+v, %v", p, p, again, err)
		}
	})
}
