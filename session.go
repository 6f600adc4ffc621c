package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/pelletier/go-toml/v2"

	"weir/datasets/access"
	"weir/datasets/curate"
	"weir/datasets/engine"
	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/guard"
	"weir/guard/ledger"
	"weir/guard/review"
	"weir/interp"
	"weir/interp/cell"
	"weir/kernel"
)

// session is one notebook's: it runs cells, runs plans beside the data, and
// publishes what the guard releases. It implements kernel.Executor.
type session struct {
	config config
	cells  *interp.Session
	id     string
	batch  bool           // nobody is there to be asked
	peer   *access.Person // whose session it is, where that is not the process's own person
	door   *guard.Door

	// Opened by the first cell that asks for data.
	engine  *engine.Engine
	guard   *guard.Guard
	ledger  *ledger.Ledger
	key     ed25519.PrivateKey
	history *guard.History

	snapshots map[string]*opened // of the public tier, by name

	released map[plan.ID]guard.Release
	count    int // the last number that a front end gave a cell
}

func newSession(c config) (*session, error) {
	cells, err := interp.Start()
	if err != nil {
		return nil, err
	}
	return &session{config: c, cells: cells, id: uuid.NewString(), door: newDoor(), released: map[plan.ID]guard.Release{}}, nil
}

// Info implements kernel.Executor.
func (s *session) Info() kernel.Info {
	confined := "cells run confined by seccomp and Landlock"
	if s.cells.Landlock() == 0 {
		confined = "cells run confined by seccomp; this system has no Landlock to back it up"
	}
	return kernel.Info{
		Banner:  "weir " + version + ": Go over participants' data, behind a disclosure guard\n" + confined,
		Version: version,
		Language: kernel.Language{
			Name: "go", Version: strings.TrimPrefix(runtime.Version(), "go"),
			MIME: "text/x-go", Extension: ".go", CodeMirrorMode: "go",
		},
	}
}

// IsComplete implements kernel.Executor.
func (s *session) IsComplete(code string) kernel.Completeness {
	code, timed := timed(code)
	if !timed && asks(code) {
		return kernel.Completeness{Status: "complete"}
	}
	status, indent := cell.Completeness(code)
	return kernel.Completeness{Status: status, Indent: indent}
}

// Complete implements kernel.Completer.
func (s *session) Complete(_ context.Context, code string, cursor int) kernel.Completion {
	start, end, matches := s.cells.Complete(code, cursor)
	c := kernel.Completion{Start: start, End: end}
	for _, m := range matches {
		c.Matches = append(c.Matches, kernel.Match{Text: m.Text, Type: m.Kind, Signature: m.Signature})
	}
	return c
}

// Inspect implements kernel.Inspector.
func (s *session) Inspect(_ context.Context, code string, cursor int, _ bool) kernel.Data {
	if text := s.cells.Inspect(code, cursor); text != "" {
		return guard.Own(text)
	}
	return nil
}

// Door implements kernel.Executor.
func (s *session) Door() kernel.Door { return door{s.door} }

// Close implements kernel.Executor.
func (s *session) Close() error {
	err := s.cells.Close()
	if s.ledger != nil {
		err = errors.Join(err, s.ledger.Close())
	}
	if s.history != nil {
		err = errors.Join(err, s.history.Close())
	}
	return err
}

// integrityError is the name of an error that says that data or ledger are not as they were written.
const integrityError = "IntegrityError"

// refused is the name of an error that says that a policy does not allow what was asked.
const refused = "Refused"

// Execute implements kernel.Executor.
func (s *session) Execute(ctx context.Context, req kernel.Request, pub kernel.Publisher) kernel.Outcome {
	s.door.Begin(req.Code)
	code, timed := timed(req.Code)
	if !timed && asks(code) {
		return s.help(ctx, code, pub)
	}
	began := time.Now()
	s.count = max(s.count, req.Count)
	number := req.Count
	if number == 0 { // a quiet cell, in the place of the next
		number = s.count + 1
	}
	h := &host{session: s, pub: pub, number: number, code: req.Code}
	err := s.cells.Run(ctx, number, code, h)
	if timed {
		pub.Stream("stdout", fmt.Sprintf("the cell took %v\n", time.Since(began).Round(100*time.Microsecond)))
	}
	if err == nil {
		return kernel.Outcome{}
	}
	f := &interp.Failure{Name: "InternalError", Text: err.Error()}
	errors.As(err, &f)
	switch {
	case h.damaged:
		f.Name = integrityError
	case h.closed:
		f.Name = refused
	}
	return kernel.Outcome{Failed: true, Name: f.Name, Value: f.Text, Traceback: traceback(f), Aborted: f.Name == "Interrupted"}
}

const (
	red   = "\x1b[31m"
	plain = "\x1b[0m"
)

func traceback(f *interp.Failure) []string {
	if f.Traceback != nil {
		return f.Traceback
	}
	head := red + f.Name + plain
	if f.At.Cell > 0 {
		head += fmt.Sprintf(" in cell %d, line %d", f.At.Cell, f.At.Line)
	}
	lines := []string{head + ": " + f.Text}
	if f.Way != "" && !strings.Contains(f.Text, f.Way) {
		lines = append(lines, "Instead: "+f.Way)
	}
	return lines
}

// host serves one cell. It implements interp.Host.
type host struct {
	*session
	pub     kernel.Publisher
	number  int // of the cell
	code    string
	damaged bool // data or ledger were found not to be as they were written
	closed  bool // a repository is not open to the session
}

// Stream implements interp.Host.
func (h *host) Stream(name, text string) { h.pub.Stream(name, text) }

// Text implements interp.Host.
func (h *host) Text(words string, markdown, last bool) {
	text := guard.Own(words)
	if markdown {
		text = guard.Markdown(words)
	}
	h.publish(text, last)
}

// publish shows one output of the cell.
func (h *host) publish(v any, last bool) {
	if out := h.door.Output(v); last {
		h.pub.Result(out)
	} else {
		h.pub.Display(out, "")
	}
}

// Run implements interp.Host.
func (h *host) Run(ctx context.Context, n *plan.Node) (*plan.Result, error) {
	if n.Op() == "Open" {
		if err := h.open(ctx, n); err != nil {
			return nil, err
		}
		return &plan.Result{Schema: h.engine.Repository().Schema(h.config.rules.Threshold)}, nil
	}
	if n.Op() == "OpenSnapshot" {
		if _, err := h.openSnapshot(n.Text(0)); err != nil {
			return nil, h.opening(n, err)
		}
		return &plan.Result{}, nil
	}
	r, err := h.release(ctx, n)
	if err != nil {
		return nil, h.explain(err)
	}
	return r.Result(), nil
}

// explain makes an error of the data or the ledger the analyst's to read and pass on.
func (h *host) explain(err error) error {
	var damaged *store.DamagedError
	var tampered *ledger.TamperedError
	if errors.As(err, &damaged) || errors.As(err, &tampered) {
		h.damaged = true
		return &plan.Error{Msg: err.Error()}
	}
	return err
}

// Show implements interp.Host.
func (h *host) Show(ctx context.Context, n *plan.Node, last bool) error {
	r, err := h.release(ctx, n)
	if err == nil {
		err = h.recordShowing(r)
	}
	if err != nil {
		return h.explain(err)
	}
	h.publish(r, last)
	return nil
}

// release answers a plan. The same plan has the same answer for as long as the session lasts.
func (h *host) release(ctx context.Context, n *plan.Node) (guard.Release, error) {
	if r, ok := h.released[n.ID()]; ok && n.Label() == "" {
		return r, nil
	}
	r, ok, err := h.catalogue(n)
	switch {
	case ok:
	case h.engine == nil:
		err = errNothingOpen(n)
	default:
		r, err = h.decide(ctx, n)
	}
	if err == nil {
		h.released[n.ID()] = r
	}
	return r, err
}

func (h *host) decide(ctx context.Context, n *plan.Node) (guard.Release, error) {
	switch n.Kind() {
	case "Repository":
		return h.guard.Card(n, int64(h.engine.Repository().Participants))
	case "Refusal":
		if err := h.engine.Check(n.Recv()); err != nil {
			return guard.Release{}, err
		}
		return h.rows(ctx, n)
	case "Chart":
		table, err := charted(n)
		if err != nil {
			return guard.Release{}, err
		}
		r, err := h.release(ctx, table)
		if err != nil {
			return r, err
		}
		return h.guard.Chart(n, r)
	case "Table":
		return h.table(ctx, n)
	}
	return guard.Release{}, &plan.Error{Op: n.Op(), Msg: fmt.Sprintf("a %s is not released", n.Kind()), At: n.At()}
}

// rows refuses a look at rows, with a preview where there is one.
func (h *host) rows(ctx context.Context, n *plan.Node) (guard.Release, error) {
	columns := guard.Marginals(n)
	for i := range columns {
		var err error
		if columns[i].Table, err = h.release(ctx, columns[i].Plan); err != nil && !mistaken(err) {
			return guard.Release{}, err
		}
	}
	return h.guard.Preview(n, guard.RowLevel(), columns)
}

// mistaken says whether a plan cannot be run, and nothing else is wrong.
func mistaken(err error) bool {
	var e *plan.Error
	return errors.As(err, &e)
}

// table answers a table: a view of one that was released, or a new one.
func (h *host) table(ctx context.Context, n *plan.Node) (guard.Release, error) {
	if h.engine.Repository().Tier == plan.Public {
		return guard.Release{}, &plan.Error{Op: n.Op(), Msg: "the public tier has counts, and no participants to ask about", Way: fmt.Sprintf("use ds.OpenSnapshot(%q)", h.engine.Repository().Name), At: n.At()}
	}
	switch n.Op() {
	case "SortBy", "SortByCount", "Top":
		base, err := h.release(ctx, n.Recv())
		if err != nil {
			return base, err
		}
		return h.guard.View(n, base)
	}
	ctx = h.withProgress(ctx)
	t, err := h.engine.TabulateMembers(ctx, n)
	if err != nil {
		return guard.Release{}, err
	}
	return h.guard.TableContext(ctx, n, t)
}

// charted is the table that a chart shows.
func charted(n *plan.Node) (*plan.Node, error) {
	for n.Kind() == "Chart" && n.Op() != "Histogram" {
		n = n.Recv()
	}
	return plan.Lower(n)
}

// withProgress shows the progress of a plan.
func (h *host) withProgress(ctx context.Context) context.Context {
	show := func(label string) func(done, total int) {
		return func(done, total int) { h.pub.Progress(label, int64(done), int64(total)) }
	}
	return guard.WithProgress(engine.WithProgress(ctx, show(guard.Counting)), show(guard.Protecting))
}

// open opens the session's repository, its ledger and its key, once.
func (h *host) open(ctx context.Context, n *plan.Node) error {
	if h.engine == nil {
		if err := h.prepare(ctx, n.Text(0)); err != nil {
			if ctx.Err() == nil {
				err = h.opening(n, err)
			}
			return err
		}
	}
	if n.Text(0) != h.engine.Repository().Name {
		return h.opening(n, h.denied(n.Text(0)))
	}
	return nil
}

// opening is an error of opening as the analyst reads it.
func (h *host) opening(n *plan.Node, err error) error {
	var mistake *plan.Error
	if errors.As(err, &mistake) {
		mistake.At = n.At()
		return mistake
	}
	return &plan.Error{Op: "Open", Msg: h.explain(err).Error(), At: n.At()}
}

// answering are the domains of concepts that label the person attributes; the
// workbench's own labels are concepts of the class Answer.
var answering = map[string]string{"SexAtBirth": "Gender", "GenderIdentity": "Gender", "Race": "Race", "Ethnicity": "Ethnicity"}

// vocabularyNames is what the repository's vocabulary says of strings in cells. A
// vocabulary is public: it tells of no participant, and which of its concepts the
// data have is not asked.
func vocabularyNames(repo *store.Repository) (cell.Names, error) {
	names := cell.Names{Labels: map[string][]string{}}
	if !repo.Has("concept") {
		return names, nil
	}
	t, err := repo.Table("concept")
	if err != nil {
		return names, err
	}
	all, _ := t.Field("concept_name")
	names.Concept = func(name string) bool { return slices.Contains(all.Labels, name) }
	names.Answer = func(label string) bool {
		return slices.ContainsFunc(all.Labels, func(name string) bool { return engine.AnswerLabel(name) == label })
	}
	for i := range t.Batches {
		b := &t.Batches[i]
		text := func(field string, row int) string {
			f, _ := t.Field(field)
			if codes := b.Int32(field); codes != nil && codes[row] >= 0 && int(codes[row]) < len(f.Labels) {
				return f.Labels[codes[row]]
			}
			return ""
		}
		for row := range b.Int32("concept_id") {
			if text("vocabulary_id", row) == "UCUM" {
				names.Units = append(names.Units, text("concept_code", row))
			}
			domain, answer := text("domain_id", row), text("concept_class_id", row) == "Answer"
			if answer {
				names.Labels["Answer"] = append(names.Labels["Answer"], engine.AnswerLabel(text("concept_name", row)))
			}
			for method, of := range answering {
				if answer || domain == of {
					names.Labels[method] = append(names.Labels[method], text("concept_name", row))
				}
			}
		}
	}
	names.Labels["Unit"] = names.Units
	return names, nil
}

// openRepository opens the repository of the configuration, which must be of its tier.
func (c config) openRepository() (*engine.Engine, error) {
	repo, err := store.Open(c.Repository)
	if err != nil {
		return nil, err
	}
	if repo.Tier != c.Tier {
		return nil, fmt.Errorf("the repository at %s is of the %s tier and this session of the %s tier; name a repository of that tier in the configuration", c.Repository, repo.Tier, c.Tier)
	}
	return engine.New(repo)
}

// newGuard begins a session's guard when the ledger says who opens what.
func newGuard(who string, rules guard.Policy, l guard.Ledger, key ed25519.PrivateKey, session string, repo *store.Repository, history *guard.History) (*guard.Guard, error) {
	if _, err := l.Append(ledger.Access, map[string]any{"session": session, "user": who, "repository": repo.Name, "cdr": repo.CDR, "tier": repo.Tier}); err != nil {
		return nil, err
	}
	return guard.New(rules, l, key, session, repo.Schema(rules.Threshold), history)
}

// userName is what the system calls a user, or the number.
func userName(uid int) string {
	if u, err := user.LookupId(strconv.Itoa(uid)); err == nil {
		return u.Username
	}
	return fmt.Sprint("uid ", uid)
}

func (h *host) synthesize(ctx context.Context, dir string) error {
	return curate.Synthesize(ctx, dir, curate.SynthesizeOptions{}, func(_ string, done, total int64) {
		h.pub.Progress(guard.Synthesizing, done, total)
	})
}

const keyType = "WEIR SIGNING KEY"

// signingKey reads the Ed25519 seed at path, or makes one there.
func signingKey(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return newKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("the signing key cannot be read: %w", err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("the signing key %s can be read by others: chmod 600 it, or remove it to have a new one made", path)
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != keyType || len(block.Bytes) != ed25519.SeedSize || len(strings.TrimSpace(string(rest))) > 0 {
		return nil, fmt.Errorf("%s is no signing key: restore it, or remove it to have a new one made", path)
	}
	return ed25519.NewKeyFromSeed(block.Bytes), nil
}

// newKey makes a key at path. Of several sessions that begin at once, one does.
func newKey(path string) (ed25519.PrivateKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := rand.Read(seed); err != nil {
		return nil, err
	}
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, ".key-*") // 0600
	if err != nil {
		return nil, fmt.Errorf("the signing key cannot be made: %w", err)
	}
	defer os.Remove(f.Name())
	err = pem.Encode(f, &pem.Block{Type: keyType, Bytes: seed})
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Link(f.Name(), path)
	}
	if errors.Is(err, os.ErrExist) {
		return signingKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("the signing key cannot be made: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// config is the configuration file:
//
//	repository = "/srv/weir/repositories/registered"   # a directory made by weir data
//	tier       = "registered"
//	ledger     = "/srv/weir/ledger/workspace-17"       # a file, begun when it is missing
//	key        = "/srv/weir/key.pem"                   # made when it is missing
//	policy     = "/srv/weir/policy.toml"               # may be left out: the built-in policy (guard.Policy)
//	snapshots  = ["/srv/weir/repositories/public"]     # of the public tier; may be left out
//	conduct    = "1"                                   # confirms that version of the code in batch; may be left out
//	workspace  = "workspace-17"                        # these three say who may open it (package access)
//	purpose    = "HbA1c before and after metformin"
//
//	[[access]]
//	groups = ["diabetes"]
//	tiers  = ["registered"]
//
//	[[reviewers]]                                      # who may grant exceptions (review.Reviewer); may be left out
//	name = "A. Okafor"
//	key  = "nZ0i5Vw…="
//
// Where the session lives in a vault, which has a configuration like this, the
// researchers' own says only which vault and which tier, and what they confirm in
// batch; conduct in the vault's configuration confirms nothing for anybody:
//
//	vault   = "/run/weir/vault.sock"
//	tier    = "registered"
//	conduct = "1"                                      # may be left out
//
// A key that is not one of these, and a file without one of the others, is an error.
type config struct {
	Vault      string         `toml:"vault"`
	Repository string         `toml:"repository"`
	Tier       plan.Tier      `toml:"tier"`
	Ledger     string         `toml:"ledger"`
	Key        string         `toml:"key"`
	Policy     string         `toml:"policy"`
	Snapshots  []string       `toml:"snapshots"`
	Conduct    string         `toml:"conduct"`
	Workspace  string         `toml:"workspace"`
	Purpose    string         `toml:"purpose"`
	Access     []access.Grant `toml:"access"`

	Reviewers []review.Reviewer `toml:"reviewers"`

	rules     guard.Policy // read from Policy
	synthetic bool         // there is no file: the synthetic repository, made on first use
}

func (c *config) workspace() *access.Workspace {
	return &access.Workspace{ID: c.Workspace, Purpose: c.Purpose, Grants: c.Access}
}

// publicPlaces are where repositories of the public tier may be.
func (c *config) publicPlaces() []string {
	if c.Tier == plan.Public {
		return append([]string{c.Repository}, c.Snapshots...)
	}
	return c.Snapshots
}

const systemConfig = "/etc/weir/weir.toml"

// loadConfig reads the file at path, $WEIR_CONFIG or the system's, whichever is
// named first. Without a file everything lies in the user's data directory.
func loadConfig(path string) (config, error) {
	if path == "" {
		path = os.Getenv("WEIR_CONFIG")
	}
	if path == "" {
		if _, err := os.Stat(systemConfig); errors.Is(err, os.ErrNotExist) {
			return defaultConfig()
		}
		path = systemConfig
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return config{}, fmt.Errorf("the configuration cannot be read: %w", err)
	}
	c, err := parseConfig(text)
	if err != nil {
		return config{}, fmt.Errorf("configuration %s: %w", path, err)
	}
	if err := c.check(); err != nil {
		return config{}, fmt.Errorf("configuration %s: %w", path, err)
	}
	if err := review.CheckReviewers(c.Reviewers); err != nil {
		return config{}, fmt.Errorf("configuration %s: %w", path, err)
	}
	if c.rules, err = readPolicy(c.Policy); err != nil {
		return config{}, fmt.Errorf("configuration %s: policy %s: %w", path, c.Policy, err)
	}
	return c, nil
}

// parseConfig is strict: a key that the format does not have is an error, and so is
// one in capitals, for the decoder takes Tier for tier, and of two the last would count.
func parseConfig(text []byte) (c config, err error) {
	if err = toml.NewDecoder(bytes.NewReader(text)).DisallowUnknownFields().Decode(&c); err != nil {
		var unknown *toml.StrictMissingError
		if errors.As(err, &unknown) {
			err = errors.New(unknown.String())
		}
		return c, err
	}
	var file map[string]any
	if err := toml.Unmarshal(text, &file); err != nil {
		return c, err
	}
	names := slices.Collect(maps.Keys(file))
	if grants, ok := file["access"].([]any); ok {
		for _, g := range grants {
			if g, ok := g.(map[string]any); ok {
				names = slices.AppendSeq(names, maps.Keys(g))
			}
		}
	}
	for _, name := range names {
		if name != strings.ToLower(name) {
			return c, fmt.Errorf("%s: no such key; keys are written in small letters", name)
		}
	}
	return c, nil
}

// check: a session has data, ledger and key, or a vault that has them.
func (c *config) check() error {
	needed := map[string]string{"repository": c.Repository, "ledger": c.Ledger, "key": c.Key}
	if c.Vault != "" {
		if c.Repository+c.Ledger+c.Key+c.Policy+c.Workspace+c.Purpose != "" || len(c.Snapshots)+len(c.Access) > 0 {
			return errors.New("with a vault, the vault's own configuration names everything but vault, tier and conduct; remove the rest here")
		}
		needed = map[string]string{"vault": c.Vault}
	}
	for name, value := range needed {
		if !filepath.IsAbs(value) {
			return fmt.Errorf("%s = %q: it must be an absolute path", name, value)
		}
	}
	for _, dir := range c.Snapshots {
		if !filepath.IsAbs(dir) {
			return fmt.Errorf("snapshots = %q: it must be an absolute path", dir)
		}
	}
	switch {
	case !c.Tier.Valid():
		return fmt.Errorf("tier = %q: it must be public, registered or controlled", c.Tier)
	case c.Conduct != "" && c.Conduct != access.Version:
		return fmt.Errorf("conduct = %q: the code of conduct is of version %s; read it with %%conduct in a notebook", c.Conduct, access.Version)
	case c.Vault != "":
		return nil
	}
	return c.workspace().Valid(c.Tier)
}

// readPolicy reads the policy file at path; without one the built-in policy holds.
func readPolicy(path string) (guard.Policy, error) {
	if path == "" {
		return guard.Builtin, nil
	}
	if !filepath.IsAbs(path) {
		return guard.Policy{}, errors.New("it must be an absolute path")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return guard.Policy{}, err
	}
	return guard.ParsePolicy(text)
}

func defaultConfig() (config, error) {
	dir, err := dataDir()
	return config{
		Repository: filepath.Join(dir, "repositories", "synthetic"),
		Tier:       plan.Registered,
		Ledger:     filepath.Join(dir, "ledger"),
		Key:        filepath.Join(dir, "key.pem"),
		rules:      guard.Builtin,
		synthetic:  true,
	}, err
}

// dataDir is weir's folder in the user's data directory (XDG Base Directory Specification).
func dataDir() (string, error) {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "weir"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("set XDG_DATA_HOME or HOME, or name a configuration file: %w", err)
	}
	return filepath.Join(home, ".local", "share", "weir"), nil
}
