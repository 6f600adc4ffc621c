package guard

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"maps"

	"weir/datasets/plan"
	"weir/datasets/tally"
	"weir/guard/ledger"
	"weir/guard/rules"
)

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
	history *History

	excepted bool // nothing is hidden: see Except
	hinted   bool // that a cohort is best fixed before it is counted
	used     Used
}

// Used is what became of the tables of a session. Of which numbers were hidden for
// which reason it says nothing: all have one marker.
type Used struct {
	Numbers, Hidden int
	Tables, Earlier int // Earlier: some were hidden because of what the workspace was shown before, as the table said
}

// Used says what has been used of what may be known.
func (g *Guard) Used() Used { return g.used }

func (g *Guard) count(gone []bool, earlier bool) {
	g.used.Tables++
	g.used.Numbers += len(gone)
	for _, is := range gone {
		if is {
			g.used.Hidden++
		}
	}
	if earlier {
		g.used.Earlier++
	}
}

// hint says once what costs least, when a cohort is counted for the first time.
func (g *Guard) hint(t *tally.Table) string {
	if g.history == nil || g.hinted || len(t.Keys) > 0 || len(t.Stats) > 0 {
		return ""
	}
	g.hinted = true
	return "Exclude missing values and fix the cohort before you count more of it: of two counts that differ by 1 to 20 participants only one is shown."
}

// New begins a session's guard and records its start. session names the session in
// the ledger; history is what the workspace has been shown. Without one each answer
// is audited alone, which is for tests.
func New(policy Policy, l Ledger, key ed25519.PrivateKey, session string, schema *plan.Schema, history *History) (*Guard, error) {
	if err := policy.check(); err != nil {
		return nil, fmt.Errorf("the policy: %w", err)
	}
	if len(key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("the signing key has %d bytes where %d are needed", len(key), ed25519.PrivateKeySize)
	}
	g := &Guard{policy: policy, limits: policy.limits(), ledger: l, key: key, session: session, schema: schema, history: history}
	if _, err := l.Append(ledger.Start, map[string]any{"session": session, "repository": schema.Name, "cdr": schema.CDR, "tier": schema.Tier, "policy": policy.Hash()}); err != nil {
		return nil, err
	}
	_, err := l.Append(ledger.Policy, map[string]any{"session": session, "policy": policy.Hash(), "policy_text": policy.String()})
	return g, err
}

// Progress is told how much of a table's work is done, out of how much.
type Progress func(done, total int)

type progressKey struct{}

// WithProgress has TableContext tell f of its progress.
func WithProgress(ctx context.Context, f Progress) context.Context {
	return context.WithValue(ctx, progressKey{}, f)
}

// progressOf is who is told of steps, and what tells them of the end. A table may
// be gone over more than once: nobody is told that all is done before it is.
func progressOf(ctx context.Context) (tell func(done, total int), end func()) {
	f, ok := ctx.Value(progressKey{}).(Progress)
	if !ok {
		return nil, func() {}
	}
	return func(done, total int) { f(min(done, total-1), total) }, func() { f(1, 1) }
}

// record writes a decision and signs what it lets out.
func (g *Guard) record(kind string, n *plan.Node, detail any, r *released) (Release, error) {
	return g.recordWith(kind, n, detail, r, nil)
}

// recordWith records more of a decision than every decision has. The plan stands
// in an entry for people, and in its wire form to be run again.
func (g *Guard) recordWith(kind string, n *plan.Node, detail any, r *released, more map[string]any) (Release, error) {
	if err := vet(r.mime); err != nil {
		return Release{}, err
	}
	body := map[string]any{
		"session":        g.session,
		"cell":           n.At().Cell,
		"title":          r.title,
		"plan":           n.String(),
		"id":             n.ID().String(),
		"wire":           json.RawMessage(plan.Encode(n)),
		"policy":         g.policy.Hash(),
		"policy_version": g.policy.Version,
		"detail":         detail,
		"mime":           hashes(r.mime),
	}
	maps.Copy(body, more)
	entry, err := g.ledger.Append(kind, body)
	if err != nil {
		return Release{}, err
	}
	r.id, r.metadata = n.ID().String(), g.sign(kind, r, entry)
	return Release{r}, nil
}
