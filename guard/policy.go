package guard

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/pelletier/go-toml/v2"

	"weir/guard/rules"
)

// Policy is what may be shown. Builtin is the floor; ParsePolicy reads a stricter
// one. The zero Policy is not valid.
//
// A policy file is TOML 1.0. This one is the built-in policy, whose values stand
// in for the keys that a file leaves out:
//
//	version   = "1"   # a name for people; at most 64 letters, digits, spaces and . _ - ( ) /
//	threshold = 20    # a count of participants from 1 to this is not shown
//
//	[dominance]       # of a sum, over the participants' absolute values
//	p = 10            # the values but the two largest make up at least p% of the largest (p%-rule)
//	k = 85            # the two largest make up at most k% of all ((n,k)-rule with n = 2)
//
//	[precision]
//	digits   = 4      # significant digits of a mean, a sum, a quantile, a rate
//	decimals = 1      # decimals of a percentage
//
//	[participants]    # the least number of participants behind
//	means     = 21    # a mean, a standard deviation, a sum
//	quantiles = 21    # a quantile, on each side of it
//	models    = 21    # a model, and each of its coefficients
//
//	[audit]           # of all answers of a workspace together
//	band = 0          # nor may a count of up to threshold + band follow from them
//
// Values are whole numbers and only ever stricter than the built-in ones: threshold,
// p, participants and band may be higher, k, digits and decimals lower. Everything else is
// an error: another key, a key in capitals, a looser value.
type Policy struct {
	Version   string `toml:"version"`
	Threshold int64  `toml:"threshold"`
	Dominance struct {
		P int64 `toml:"p"`
		K int64 `toml:"k"`
	} `toml:"dominance"`
	Precision struct {
		Digits   int64 `toml:"digits"`
		Decimals int64 `toml:"decimals"`
	} `toml:"precision"`
	Participants struct {
		Means     int64 `toml:"means"`
		Quantiles int64 `toml:"quantiles"`
		Models    int64 `toml:"models"`
	} `toml:"participants"`
	Audit struct {
		Band int64 `toml:"band"`
	} `toml:"audit"`
}

// Builtin is the policy of the All of Us Research Program: Data and Statistics
// Dissemination Policy, counts of 1 to 20. Dominance and precision are usual ones
// of statistical offices (Hundepool et al., Handbook on Statistical Disclosure
// Control, 4.2.1).
var Builtin = builtin()

func builtin() (p Policy) {
	p.Version = "1"
	for _, r := range floor {
		*r.at(&p) = r.loosest
	}
	return p
}

// floor is how loose each number of a policy may be, in the order of the file.
var floor = []bound{
	{"threshold", func(p *Policy) *int64 { return &p.Threshold }, 20, 1_000_000},
	{"dominance.p", func(p *Policy) *int64 { return &p.Dominance.P }, 10, 100},
	{"dominance.k", func(p *Policy) *int64 { return &p.Dominance.K }, 85, 1},
	{"precision.digits", func(p *Policy) *int64 { return &p.Precision.Digits }, 4, 1},
	{"precision.decimals", func(p *Policy) *int64 { return &p.Precision.Decimals }, 1, 0},
	{"participants.means", func(p *Policy) *int64 { return &p.Participants.Means }, 21, 1_000_000},
	{"participants.quantiles", func(p *Policy) *int64 { return &p.Participants.Quantiles }, 21, 1_000_000},
	{"participants.models", func(p *Policy) *int64 { return &p.Participants.Models }, 21, 1_000_000},
	{"audit.band", func(p *Policy) *int64 { return &p.Audit.Band }, 0, 30},
}

// bound is the range of one key, from its loosest value to its strictest.
type bound struct {
	key                string
	at                 func(*Policy) *int64
	loosest, strictest int64
}

func (b bound) check(value int64) error {
	lo, hi, looser, write := b.loosest, b.strictest, value < b.loosest, fmt.Sprintf("write %d or more", b.loosest)
	if hi < lo {
		lo, hi, looser, write = hi, lo, value > b.loosest, fmt.Sprintf("write %d or less", b.loosest)
	}
	switch {
	case looser:
		return fmt.Errorf("%s = %d: the built-in policy has %d, and a policy may only be stricter: %s, or leave the key out", b.key, value, b.loosest, write)
	case value < lo || value > hi:
		return fmt.Errorf("%s = %d: write a number from %d to %d", b.key, value, lo, hi)
	}
	return nil
}

// check holds the policy to the floor.
func (p Policy) check() error {
	if err := checkVersion(p.Version); err != nil {
		return err
	}
	for _, b := range floor {
		if err := b.check(*b.at(&p)); err != nil {
			return err
		}
	}
	return nil
}

// checkVersion: the version stands in tables' statements and in what people read.
func checkVersion(v string) error {
	odd := func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(" ._-()/", r)
	}
	if strings.TrimSpace(v) == "" || len([]rune(v)) > 64 || strings.ContainsFunc(v, odd) {
		return fmt.Errorf("version = %q: write a name of 1 to 64 letters, digits, spaces and . _ - ( ) /", v)
	}
	return nil
}

// ParsePolicy reads a policy file.
func ParsePolicy(text []byte) (Policy, error) {
	p := Builtin
	if err := toml.NewDecoder(strings.NewReader(string(text))).DisallowUnknownFields().Decode(&p); err != nil {
		var unknown *toml.StrictMissingError
		if errors.As(err, &unknown) {
			err = fmt.Errorf("%s: no such key; there are %s", strings.Join(unknown.Errors[0].Key(), "."), strings.Join(keys(), ", "))
		}
		return Policy{}, err
	}
	if err := spelled(text); err != nil {
		return Policy{}, err
	}
	if err := p.check(); err != nil {
		return Policy{}, err
	}
	return p, nil
}

func keys() []string {
	out := []string{"version"}
	for _, b := range floor {
		out = append(out, b.key)
	}
	return out
}

// spelled: keys are those of the format to the letter. The decoder takes Threshold
// for threshold, so that a file could hold a key twice and the last would count.
func spelled(text []byte) error {
	var file map[string]any
	if err := toml.Unmarshal(text, &file); err != nil {
		return err
	}
	known := map[string]bool{}
	for _, k := range keys() {
		known[k] = true
	}
	for name, value := range file {
		table, ok := value.(map[string]any)
		if !ok && !known[name] {
			return fmt.Errorf("%s: no such key; there are %s", name, strings.Join(keys(), ", "))
		}
		for sub := range table {
			if !known[name+"."+sub] {
				return fmt.Errorf("%s.%s: no such key; there are %s", name, sub, strings.Join(keys(), ", "))
			}
		}
		if ok && len(table) == 0 {
			return fmt.Errorf("%s: an empty table; leave it out", name)
		}
	}
	return nil
}

// String is the policy as the file that has every key, in the order of the format.
func (p Policy) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "version = %q\n", p.Version)
	table := ""
	for _, r := range floor {
		name, key, ok := strings.Cut(r.key, ".")
		if !ok {
			name, key = "", r.key
		}
		if name != table {
			fmt.Fprintf(&b, "\n[%s]\n", name)
			table = name
		}
		fmt.Fprintf(&b, "%s = %d\n", key, *r.at(&p))
	}
	return b.String()
}

// Hash identifies the policy: the SHA-256 of String, in hexadecimal.
func (p Policy) Hash() string {
	h := sha256.Sum256([]byte(p.String()))
	return hex.EncodeToString(h[:])
}

// limits is the policy as the rules read it.
func (p Policy) limits() rules.Limits {
	return rules.Limits{
		Threshold: p.Threshold,
		P:         p.Dominance.P, K: p.Dominance.K,
		Digits: p.Precision.Digits, Decimals: p.Precision.Decimals,
		Means: p.Participants.Means, Quantiles: p.Participants.Quantiles,
	}
}
