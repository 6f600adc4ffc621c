package access

import (
	"os"
	"os/user"
	"strconv"
	"strings"
	"testing"

	"weir/datasets/plan"
)

// TestMay: names and numbers, users and groups, tier by tier; whom the system does
// not know it does not let in.
func TestMay(t *testing.T) {
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(me.Gid)
	if err != nil {
		t.Fatal(err)
	}
	other := strconv.Itoa(os.Getuid() + 1)
	both := []plan.Tier{plan.Registered, plan.Controlled}
	for _, x := range []struct {
		name  string
		grant Grant
		want  map[plan.Tier]bool
	}{
		{"name", Grant{Users: []string{me.Username}, Tiers: both}, map[plan.Tier]bool{plan.Registered: true, plan.Controlled: true}},
		{"number", Grant{Users: []string{me.Uid}, Tiers: both[:1]}, map[plan.Tier]bool{plan.Registered: true}},
		{"group", Grant{Groups: []string{group.Name}, Tiers: both[1:]}, map[plan.Tier]bool{plan.Controlled: true}},
		{"group's number", Grant{Groups: []string{me.Gid}, Tiers: both[1:]}, map[plan.Tier]bool{plan.Controlled: true}},
		{"somebody else", Grant{Users: []string{other}, Tiers: both}, nil},
		{"another group", Grant{Groups: []string{"31415926"}, Tiers: both}, nil},
		{"unknown", Grant{Users: []string{"no such user"}, Groups: []string{"no such group"}, Tiers: both}, nil},
		{"a negative number", Grant{Users: []string{"-1"}, Groups: []string{"-1"}, Tiers: both}, nil},
		{"a user's name as a group", Grant{Groups: []string{"no such group"}, Users: []string{group.Name + "?"}, Tiers: both}, nil},
	} {
		w := Workspace{Grants: []Grant{x.grant}}
		for _, tier := range both {
			if got := w.May(self, tier); got != x.want[tier] {
				t.Errorf("%s, %s: %v", x.name, tier, got)
			}
		}
		if !w.May(self, plan.Public) {
			t.Errorf("%s: the public tier is closed", x.name)
		}
	}
	if new(Workspace).May(self, plan.Registered) {
		t.Error("without grants it is open")
	}
}

// memory is a ledger in memory.
type memory []struct {
	kind string
	body []byte
}

func (m *memory) Record(kind string, body any) error { return nil }
func (m *memory) Each(f func(string, []byte) error) error {
	for _, e := range *m {
		if err := f(e.kind, e.body); err != nil {
			return err
		}
	}
	return nil
}

// TestConfirmedIsStrict: another person's confirmation is none, and an entry that is
// malformed stops the work.
func TestConfirmedIsStrict(t *testing.T) {
	w := Workspace{ID: "w", Purpose: "p"}
	who := Person{UID: 7}
	entry := `{"session":"s","person":"uid 7","workspace":"w","purpose":"p","conduct":"1","policy":"1 ab","batch":false}`
	for _, x := range []struct {
		kind, body string
		want       bool
		wrong      bool
	}{
		{ConductKind, entry, true, false},
		{ConductKind, strings.Replace(entry, "uid 7", "uid 8", 1), false, false},
		{ConductKind, strings.Replace(entry, `"conduct":"1"`, `"conduct":"0"`, 1), false, false},
		{ConductKind, strings.Replace(entry, "1 ab", "1 ac", 1), false, false},
		{"release", entry, false, false},
		{ConductKind, `{"more":1}`, false, true},
		{ConductKind, `[]`, false, true},
	} {
		m := &memory{{x.kind, []byte(x.body)}}
		got, err := w.Confirmed(m, who, "1 ab")
		if got != x.want || (err != nil) != x.wrong {
			t.Errorf("%s %s: %v, %v", x.kind, x.body, got, err)
		}
	}
}
