// Package access says who may open a repository, and keeps that they confirmed the
// code of conduct. Read a Workspace from the configuration, then ask Check before
// anything of a repository is touched, and Confirmed before it is opened.
//
// A configuration has
//
//	tier      = "controlled"
//	workspace = "workspace-17"                        # required but for the public tier
//	purpose   = "HbA1c before and after metformin"    # the same
//
//	[[access]]                     # who may open which tiers; without one, nobody
//	users  = ["ann", "1007"]       # names or numbers
//	groups = ["diabetes"]
//	tiers  = ["registered", "controlled"]
//
// The public tier is open to everybody. A name that the system does not know lets
// nobody in. Check refuses before it is known whether there is such a repository, so
// that its answer, and the time that it takes, do not tell.
package access

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"weir/datasets/plan"
)

// Workspace is what a configuration says of one.
type Workspace struct {
	ID      string
	Purpose string
	Grants  []Grant
}

// Grant lets users and groups open tiers.
type Grant struct {
	Users  []string    `toml:"users"`
	Groups []string    `toml:"groups"`
	Tiers  []plan.Tier `toml:"tiers"`
}

// Bounds of what stands in the ledger.
const (
	maxID      = 100
	maxPurpose = 2000
)

// Valid says what is wrong with a workspace of that tier.
func (w *Workspace) Valid(tier plan.Tier) error {
	for i, g := range w.Grants {
		if len(g.Users)+len(g.Groups) == 0 || len(g.Tiers) == 0 {
			return fmt.Errorf("access %d: it needs users or groups, and tiers", i+1)
		}
		for _, t := range g.Tiers {
			if t != plan.Registered && t != plan.Controlled {
				return fmt.Errorf("access %d: tiers = %q: write registered or controlled; what is public is open to everybody", i+1, t)
			}
		}
		if slices.Contains(slices.Concat(g.Users, g.Groups), "") {
			return fmt.Errorf("access %d: an empty name", i+1)
		}
	}
	switch {
	case len(w.ID) > maxID || len(w.Purpose) > maxPurpose:
		return fmt.Errorf("workspace has at most %d bytes, purpose %d", maxID, maxPurpose)
	case tier == plan.Public:
		return nil
	case strings.TrimSpace(w.ID) == "":
		return fmt.Errorf(`the %s tier needs workspace = "…"`, tier)
	case strings.TrimSpace(w.Purpose) == "":
		return fmt.Errorf(`the %s tier needs purpose = "…", the purpose of the research`, tier)
	case len(w.Grants) == 0:
		return fmt.Errorf("the %s tier needs [[access]]: who may open it", tier)
	}
	return nil
}

// Person is whose process or session this is.
type Person struct {
	UID    int
	Groups []int
}

// Self is the person of this process, by the numbers that the system knows it by:
// names in its environment are the person's own to choose.
func Self() (Person, error) {
	groups, err := os.Getgroups()
	return Person{os.Getuid(), append(groups, os.Getgid())}, err
}

// Of is the person with that number, which the system has told of a connection, with
// the groups that the system lists them in; one whom it does not list is in none.
func Of(uid int) Person {
	p := Person{UID: uid}
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return p
	}
	ids, err := u.GroupIds()
	if err != nil {
		return p
	}
	for _, id := range ids {
		if n, err := strconv.Atoi(id); err == nil {
			p.Groups = append(p.Groups, n)
		}
	}
	return p
}

// String is the person as the ledger names them.
func (p Person) String() string { return "uid " + strconv.Itoa(p.UID) }

// May says whether a person may open a tier.
func (w *Workspace) May(p Person, tier plan.Tier) bool {
	return tier == plan.Public || slices.ContainsFunc(w.Grants, func(g Grant) bool {
		return slices.Contains(g.Tiers, tier) && g.names(p)
	})
}

func (g *Grant) names(p Person) bool {
	return slices.ContainsFunc(g.Users, func(name string) bool {
		return number(name, userID) == p.UID
	}) || slices.ContainsFunc(g.Groups, func(name string) bool {
		return slices.Contains(p.Groups, number(name, groupID))
	})
}

// number is the number of a user or a group, -1 for one that there is not.
func number(name string, lookUp func(string) (string, error)) int {
	if n, err := strconv.Atoi(name); err == nil {
		return max(n, -1)
	}
	id, err := lookUp(name)
	if err != nil {
		return -1
	}
	n, err := strconv.Atoi(id)
	if err != nil {
		return -1
	}
	return n
}

func userID(name string) (string, error) {
	u, err := user.Lookup(name)
	if err != nil {
		return "", err
	}
	return u.Uid, nil
}

func groupID(name string) (string, error) {
	g, err := user.LookupGroup(name)
	if err != nil {
		return "", err
	}
	return g.Gid, nil
}

// ErrClosed is why a repository is not opened, whether there is one or not.
var ErrClosed = errors.New("it is not open to this session")

// Ledger is where attempts and confirmations are recorded; each finds earlier ones.
type Ledger interface {
	Record(kind string, body any) error
	Each(func(kind string, body []byte) error) error
}

// Kinds of entries.
const (
	DeniedKind  = "denied"
	ConductKind = "conduct"
)

// Denied is the entry of an attempt.
type Denied struct {
	Session   string    `json:"session"`
	Person    string    `json:"person"`
	Workspace string    `json:"workspace"`
	Tier      plan.Tier `json:"tier"` // of the session
	Asked     string    `json:"asked"`
}

// maxAsked is how much of a name is recorded.
const maxAsked = 200

// Deny records an attempt and answers ErrClosed.
func (w *Workspace) Deny(l Ledger, session string, p Person, tier plan.Tier, asked string) error {
	if len(asked) > maxAsked {
		asked = strings.ToValidUTF8(asked[:maxAsked], "")
	}
	if err := l.Record(DeniedKind, Denied{session, p.String(), w.ID, tier, asked}); err != nil {
		return err
	}
	return ErrClosed
}
