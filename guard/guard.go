package guard

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"weir/datasets/plan"
	"weir/guard/ledger"
	"weir/guard/rules"
)

// Policy is what may be shown. The zero Policy is not valid; Builtin is the floor.
type Policy struct {
	Version   string `json:"version"`
	Threshold int64  `json:"threshold"` // a count of participants from 1 to this is not shown
}

// Builtin is the policy of the All of Us Research Program: Data and Statistics
// Dissemination Policy, counts of 1 to 20.
var Builtin = Policy{Version: "1", Threshold: 20}

// Hash identifies the policy.
func (p Policy) Hash() string {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// Ledger is where decisions are recorded; *ledger.Ledger is one.
type Ledger interface {
	Append(kind string, body any) (ledger.Entry, error)
}

// Guard releases the results of one session.
type Guard struct {
	policy  Policy
	limits  rules.Limits
	ledger  Ledger
	key     ed25519.PrivateKey
	session string
	schema  *plan.Schema
}

// New begins a session's guard and records its start. session names the session in the ledger.
func New(policy Policy, l Ledger, key ed25519.PrivateKey, session string, schema *plan.Schema) (*Guard, error) {
	if policy.Threshold < Builtin.Threshold {
		return nil, fmt.Errorf("the policy's threshold is %d: it may only be made stricter than %d", policy.Threshold, Builtin.Threshold)
	}
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("the signing key has %d bytes where %d are needed", len(key), ed25519.PrivateKeySize)
	}
	g := &Guard{policy, rules.Limits{Threshold: policy.Threshold}, l, key, session, schema}
	_, err := l.Append("start", map[string]any{"session": session, "repository": schema.Name, "cdr": schema.CDR, "tier": schema.Tier, "policy": policy.Hash()})
	return g, err
}

// record writes a decision and signs what it lets out.
func (g *Guard) record(kind string, n *plan.Node, detail any, r *released) (Release, error) {
	entry, err := g.ledger.Append(kind, map[string]any{
		"session": g.session,
		"cell":    n.At().Cell,
		"plan":    n.String(),
		"id":      n.ID().String(),
		"policy":  g.policy.Hash(),
		"detail":  detail,
		"mime":    hashes(r.mime),
	})
	if err != nil {
		return Release{}, err
	}
	r.metadata = g.sign(kind, r, entry)
	return Release{r}, nil
}
