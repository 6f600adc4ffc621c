package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"weir/datasets/engine"
	"weir/datasets/plan"
	"weir/guard"
	"weir/guard/ledger"
	"weir/guard/review"
)

// replay computes the decisions of a ledger again, session by session, each under
// the policy that its session kept, from the plans and the data. What the workspace
// has been shown is remembered anew, in a folder beside the ledger, for it says who
// is in which set.
type replay struct {
	book     *review.Book
	engine   *engine.Engine
	key      ed25519.PrivateKey // signs what nobody sees
	sessions map[string]*replayed

	dir       string
	ids       []int64
	histories map[string]*guard.History // by policy
}

// replayed is a session that is computed again.
type replayed struct {
	host  *host
	notes *noted
	err   error // why it cannot be
}

// noted is the last that a guard records. It implements guard.Ledger.
type noted struct {
	kind string
	body any
}

func (n *noted) Append(kind string, body any) (ledger.Entry, error) {
	n.kind, n.body = kind, body
	return ledger.Entry{}, nil
}

func newReplay(conf config, b *review.Book) (*replay, error) {
	e, err := conf.openRepository()
	if err != nil {
		return nil, err
	}
	ids, err := e.Repository().IDs()
	if err != nil {
		return nil, err
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(conf.Ledger), "replay-")
	if err != nil {
		return nil, err
	}
	r := &replay{b, e, key, map[string]*replayed{}, dir, ids, map[string]*guard.History{}}
	seed, err := os.ReadFile(conf.Ledger + ".history" + guard.SeedSuffix)
	if err == nil { // without it the audit's secret choices are others, and some decisions may be
		err = os.WriteFile(filepath.Join(dir, "history"+guard.SeedSuffix), seed, 0o600)
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// close forgets who is in which set.
func (r *replay) close() error {
	var errs []error
	for _, h := range r.histories {
		errs = append(errs, h.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(r.dir))...)
}

// history is what was shown up to now, as a session under the policy sees it.
func (r *replay) history(p guard.Policy) (*guard.History, error) {
	if h := r.histories[p.Hash()]; h != nil {
		return h, nil
	}
	h, err := guard.OpenHistory(filepath.Join(r.dir, "history"), r.ids, p)
	if err == nil {
		r.histories[p.Hash()] = h
	}
	return h, err
}

// started is what a session's first entries say.
type started struct {
	Session    string    `json:"session"`
	Repository string    `json:"repository"`
	CDR        string    `json:"cdr"`
	Tier       plan.Tier `json:"tier"`
	Policy     string    `json:"policy"`
	Text       string    `json:"policy_text"`
}

// entry implements review.Checks.Replay.
func (r *replay) entry(ctx context.Context, e ledger.Entry) (string, any, error) {
	var s started
	if err := json.Unmarshal(e.Body, &s); err != nil {
		return "", nil, err
	}
	switch e.Kind {
	case ledger.Start:
		r.sessions[s.Session] = &replayed{err: r.sameData(s)}
	case ledger.Policy:
		of := r.sessions[s.Session]
		if of == nil {
			return "", nil, errors.New("its session did not start")
		}
		if of.err == nil {
			of.err = r.begin(of, s)
		}
		return "", nil, of.err
	case ledger.Release, ledger.Refusal, ledger.Exception:
		of := r.sessions[s.Session]
		if of == nil {
			return "", nil, errors.New("its session did not start")
		}
		if of.err != nil {
			return "", nil, of.err
		}
		return r.decide(ctx, of, e)
	}
	return "", nil, nil
}

// sameData: a decision is computed from the data that it was made of.
func (r *replay) sameData(s started) error {
	if have := r.engine.Repository(); s.Repository != have.Name || s.CDR != have.CDR || s.Tier != have.Tier {
		return fmt.Errorf("the session had the repository %s, version %s, %s tier; name that in the configuration", s.Repository, s.CDR, s.Tier)
	}
	return nil
}

func (r *replay) begin(of *replayed, s started) error {
	p, err := guard.ParsePolicy([]byte(s.Text))
	if err != nil {
		return err
	}
	if p.Hash() != s.Policy {
		return errors.New("the policy's text is not that of its hash")
	}
	history, err := r.history(p)
	if err != nil {
		return err
	}
	of.notes = &noted{}
	g, err := guard.New(p, of.notes, r.key, s.Session, r.engine.Repository().Schema(p.Threshold), history)
	of.host = &host{session: &session{engine: r.engine, guard: g, released: map[plan.ID]guard.Release{}}, pub: emitter{}}
	return err
}

func (r *replay) decide(ctx context.Context, of *replayed, e ledger.Entry) (string, any, error) {
	n, err := planOf(e)
	if err != nil {
		return "", nil, err
	}
	of.notes.kind, of.notes.body = "", nil
	if e.Kind == ledger.Exception {
		err = r.except(ctx, of, n, e.Seq)
	} else {
		var answer guard.Release
		answer, err = of.host.decide(ctx, n)
		of.host.released[n.ID()] = answer
	}
	return of.notes.kind, of.notes.body, err
}

func (r *replay) except(ctx context.Context, of *replayed, n *plan.Node, seq int64) error {
	granted, err := r.book.GrantedIn(seq)
	if err != nil {
		return err
	}
	t, err := r.engine.Tabulate(ctx, guard.Ordered(n))
	if err != nil {
		return err
	}
	_, err = of.host.guard.Except(ctx, n, t, granted)
	return err
}
