package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"weir/datasets/access"
	"weir/datasets/engine"
	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/guard"
	"weir/guard/ledger"
	"weir/kernel"
)

// opened is a repository that the session has open.
type opened struct {
	engine *engine.Engine
	guard  *guard.Guard
}

// record is the ledger as package access knows one.
type record struct {
	*ledger.Ledger
	path string
}

// Record implements access.Ledger.
func (r record) Record(kind string, body any) error {
	_, err := r.Append(kind, body)
	return err
}

// Each implements access.Ledger.
func (r record) Each(f func(kind string, body []byte) error) error {
	_, err := ledger.Read(r.path, func(e ledger.Entry) error { return f(e.Kind, e.Body) })
	return err
}

// begin opens the ledger and the key, once: nothing is opened that is not recorded.
func (s *session) begin() (err error) {
	if s.ledger != nil {
		return nil
	}
	if s.key, err = signingKey(s.config.Key); err != nil {
		return err
	}
	s.ledger, err = ledger.Open(s.config.Ledger)
	return err
}

// person is whose session it is: in a vault, who connected.
func (s *session) person() (access.Person, error) {
	if s.peer != nil {
		return *s.peer, nil
	}
	return access.Self()
}

func (s *session) record() record { return record{s.ledger, s.config.Ledger} }

// guarded is a guard for what no table is made of: the catalogue, and public counts.
func (s *session) guarded(schema *plan.Schema) (*guard.Guard, error) {
	return guard.New(s.config.rules, s.ledger, s.key, s.id, schema, nil)
}

// policyInForce names the policy for a confirmation, which lapses with it.
func (s *session) policyInForce() string {
	return s.config.rules.Version + " " + s.config.rules.Hash()[:16]
}

// enter lets in who may open the session's tier and has confirmed the code of
// conduct. It looks at the configuration and the ledger, and at no repository.
func (h *host) enter(asked string) error {
	if h.config.synthetic || h.config.Tier == plan.Public {
		return nil
	}
	who, err := h.person()
	if err != nil {
		return err
	}
	w := h.config.workspace()
	if !w.May(who, h.config.Tier) {
		return h.deny(who, asked)
	}
	policy := h.policyInForce()
	confirmed, err := w.Confirmed(h.record(), who, policy)
	if err != nil || confirmed {
		return err
	}
	if h.batch && h.config.Conduct == access.Version {
		return w.Confirm(h.record(), h.id, who, policy, true)
	}
	h.closed = true
	return &plan.Error{Op: "Open", Msg: "the code of conduct and the research purpose of this workspace are not confirmed yet", Way: "read both with %conduct in a cell of its own"}
}

// deny records an attempt. What it answers depends on nothing but what was asked.
func (h *host) deny(who access.Person, asked string) error {
	err := h.config.workspace().Deny(h.record(), h.id, who, h.config.Tier, asked)
	if !errors.Is(err, access.ErrClosed) {
		return err
	}
	h.closed = true
	return &plan.Error{Op: "Open", Msg: fmt.Sprintf("%q is not open to this session", asked), Way: "ds.Repositories() lists what is; the administrator of the workspace can open more"}
}

// denied is deny for a name that is none of the session's.
func (h *host) denied(asked string) error {
	who, err := h.person()
	if err != nil {
		return err
	}
	return h.deny(who, asked)
}

// notThere is the answer for a place that has no repository of the session's tier,
// whether it has none or one of another tier. Which it is stands in the log.
func (h *host) notThere(why error) error {
	fmt.Fprintln(os.Stderr, "weir:", why)
	who, err := h.person()
	if err != nil {
		return err
	}
	if err := h.config.workspace().Deny(h.record(), h.id, who, h.config.Tier, h.config.Repository); !errors.Is(err, access.ErrClosed) {
		return err
	}
	return fmt.Errorf("there is no repository of the %s tier at %s: make one with weir data, or name another in the configuration", h.config.Tier, h.config.Repository)
}

// openSnapshot opens a repository of the public tier by name, once.
func (h *host) openSnapshot(name string) (*opened, error) {
	if o := h.snapshots[name]; o != nil {
		return o, nil
	}
	if err := h.begin(); err != nil {
		return nil, err
	}
	for _, dir := range h.config.publicPlaces() {
		r, err := store.Open(dir)
		if err != nil || r.Tier != plan.Public || r.Name != name {
			continue
		}
		e, err := engine.New(r)
		if err != nil {
			return nil, err
		}
		g, err := h.guarded(r.Schema(h.config.rules.Threshold))
		if err != nil {
			return nil, err
		}
		if h.snapshots == nil {
			h.snapshots = map[string]*opened{}
		}
		h.snapshots[name] = &opened{e, g}
		return h.snapshots[name], nil
	}
	return nil, h.denied(name)
}

// catalogue answers what is said of repositories and the vocabulary. ok is false for
// any other plan.
func (h *host) catalogue(n *plan.Node) (r guard.Release, ok bool, err error) {
	switch n.Kind() {
	case "Catalogue":
		r, err = h.repositories(n)
	case "Snapshot":
		var o *opened
		if o, err = h.openSnapshot(n.Text(0)); err == nil {
			r, err = o.guard.Card(n, int64(o.engine.Repository().Participants))
		}
	case "Counts":
		var o *opened
		var counts []plan.Count
		if o, err = h.openSnapshot(n.Recv().Text(0)); err == nil {
			if counts, err = o.engine.Counts(n); err == nil {
				r, err = o.guard.Counts(n, counts)
			}
		}
	case "Concepts":
		r, err = h.concepts(n)
	case "Events":
		if h.engine == nil {
			return r, false, nil
		}
		r, err = h.guard.Fields(n)
	default:
		return r, false, nil
	}
	return r, true, err
}

// concepts lists concepts of the session's repository, or of a snapshot where it has
// none open.
func (h *host) concepts(n *plan.Node) (guard.Release, error) {
	o := &opened{h.engine, h.guard}
	for _, s := range h.snapshots {
		if o.engine == nil {
			o = s
		}
	}
	if o.engine == nil {
		return guard.Release{}, errNothingOpen(n)
	}
	list, all, err := o.engine.Concepts(n)
	if err != nil {
		return guard.Release{}, err
	}
	return o.guard.Concepts(n, list, all)
}

func errNothingOpen(n *plan.Node) error {
	return &plan.Error{Msg: "no repository is open", Way: `begin with cdr := ds.Open("…")`, At: n.At()}
}

// repositories lists what the session may open.
func (h *host) repositories(n *plan.Node) (guard.Release, error) {
	if err := h.begin(); err != nil {
		return guard.Release{}, err
	}
	l := guard.Listing{Title: "repositories", Columns: []string{"name", "tier", "version", "data until", "open it with"}, Result: &plan.Result{}}
	add := func(dir, with string, tier plan.Tier) {
		r, err := store.Open(dir)
		if err != nil || r.Tier != tier {
			return
		}
		l.Rows = append(l.Rows, []string{r.Name, string(r.Tier), r.CDR, r.CutOff, fmt.Sprintf("%s(%q)", with, r.Name)})
		l.Result.Names = append(l.Result.Names, r.Name)
	}
	who, err := h.person()
	if err != nil {
		return guard.Release{}, err
	}
	if w := h.config.workspace(); h.config.synthetic || w.May(who, h.config.Tier) {
		add(h.config.Repository, "ds.Open", h.config.Tier)
	}
	for _, dir := range h.config.publicPlaces() {
		add(dir, "ds.OpenSnapshot", plan.Public)
	}
	g, err := h.guarded(&plan.Schema{Name: "repositories", Tier: plan.Public})
	if err != nil {
		return guard.Release{}, err
	}
	return g.List(n, l)
}

// conduct shows the code of conduct and the research purpose, and confirms them.
func (s *session) conduct(confirm bool, pub kernel.Publisher) error {
	if s.config.synthetic || s.config.Tier == plan.Public {
		pub.Result(guard.Own("This session has no participants' data: there is nothing to confirm."))
		return nil
	}
	if err := s.begin(); err != nil {
		return err
	}
	w, policy := s.config.workspace(), s.policyInForce()
	who, err := s.person()
	if err != nil {
		return err
	}
	confirmed, err := w.Confirmed(s.record(), who, policy)
	if err == nil && confirm && !confirmed {
		confirmed, err = true, w.Confirm(s.record(), s.id, who, policy, false)
	}
	if err != nil {
		return err
	}
	end := "\nTo confirm both, run in a cell of its own: %conduct confirm"
	if confirmed {
		end = "\nConfirmed by " + who.String() + "; it is in the ledger, and lapses when the code, the purpose or the policy changes."
	}
	pub.Result(guard.Own(w.Text(policy) + end))
	return nil
}

// prepare opens the session's repository.
func (h *host) prepare(ctx context.Context, asked string) error {
	if err := h.begin(); err != nil {
		return err
	}
	if err := h.enter(asked); err != nil {
		return err
	}
	dir := h.config.Repository
	if _, err := os.Stat(dir); h.config.synthetic && errors.Is(err, os.ErrNotExist) {
		if err := h.synthesize(ctx, dir); err != nil {
			return err
		}
	}
	repo, err := store.Open(dir)
	if errors.Is(err, os.ErrNotExist) {
		return h.notThere(err)
	}
	if err != nil {
		return err
	}
	if repo.Tier != h.config.Tier {
		return h.notThere(fmt.Errorf("the repository at %s is of the %s tier", dir, repo.Tier))
	}
	e, err := engine.New(repo)
	if err != nil {
		return err
	}
	names, err := vocabularyNames(repo)
	if err != nil {
		return err
	}
	ids, err := repo.IDs()
	if err != nil {
		return err
	}
	who, err := h.person()
	if err != nil {
		return err
	}
	var history *guard.History
	if repo.Tier != plan.Public { // of which there are no tables (host.table)
		if history, err = guard.OpenHistory(h.config.Ledger+".history", ids, h.config.rules); err != nil {
			return err
		}
	}
	g, err := newGuard(userName(who.UID), h.config.rules, h.ledger, h.key, h.id, repo, history)
	if err != nil && history != nil {
		err = errors.Join(err, history.Close())
	}
	if err != nil {
		return err
	}
	h.cells.KnowNames(names)
	h.engine, h.guard, h.history = e, g, history
	h.door.Tripped = h.tripped
	h.door.Guard(guard.NewTripwire(ids))
	return nil
}
