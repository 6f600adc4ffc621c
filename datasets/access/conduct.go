package access

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

//go:embed conduct.txt
var conduct string

// Version is that of the code of conduct.
const Version = "1"

// Confirmation is that a person confirmed the code of conduct and a workspace's
// research purpose. It holds for that person, workspace and purpose, and lapses when
// the code's version or the policy is another.
type Confirmation struct {
	Session   string `json:"session"`
	Person    string `json:"person"`
	Workspace string `json:"workspace"`
	Purpose   string `json:"purpose"`
	Conduct   string `json:"conduct"` // version of the code
	Policy    string `json:"policy"`  // version of the policy, and its hash
	Batch     bool   `json:"batch"`   // by configuration
}

// Text is what a person confirms.
func (w *Workspace) Text(policy string) string {
	return fmt.Sprintf("Code of conduct, version %s\n\n%s\nWorkspace: %s\nResearch purpose: %s\nPolicy: %s\n",
		Version, conduct, w.ID, strings.TrimSpace(w.Purpose), policy)
}

// Confirmation is what a person confirms of a workspace.
func (w *Workspace) Confirmation(session string, p Person, policy string, batch bool) Confirmation {
	return Confirmation{session, p.String(), w.ID, w.Purpose, Version, policy, batch}
}

var errFound = errors.New("found")

// Confirmed says whether the ledger has a confirmation that holds. An entry of its
// kind that is none is an error.
func (w *Workspace) Confirmed(l Ledger, p Person, policy string) (bool, error) {
	want := w.Confirmation("", p, policy, false)
	err := l.Each(func(kind string, body []byte) error {
		if kind != ConductKind {
			return nil
		}
		var c Confirmation
		d := json.NewDecoder(bytes.NewReader(body))
		d.DisallowUnknownFields()
		if err := d.Decode(&c); err != nil {
			return fmt.Errorf("an entry %q of the ledger is none: %w", ConductKind, err)
		}
		if c.Session, c.Batch = "", false; c == want {
			return errFound
		}
		return nil
	})
	if errors.Is(err, errFound) {
		return true, nil
	}
	return false, err
}

// Confirm records a confirmation.
func (w *Workspace) Confirm(l Ledger, session string, p Person, policy string, batch bool) error {
	return l.Record(ConductKind, w.Confirmation(session, p, policy, batch))
}
