package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/pelletier/go-toml/v2"
	"golang.org/x/sys/unix"

	"weir/datasets/access"
	"weir/datasets/store"
	"weir/guard/ledger"
	"weir/install"
	"weir/kernel"
	"weir/kernel/vault"
	"weir/notebooks/nbformat"
	"weir/notebooks/release"
	"weir/notebooks/verify"
)

// vaultConfig is the file of a vault:
//
//	socket   = "/run/weir/vault.sock"
//	metrics  = "127.0.0.1:9464"        # may be left out: no metrics
//	sessions = 32                      # of all researchers together
//	memory   = "4GiB"                  # of one session, a soft limit; may be left out
//
//	[[access]]
//	users    = ["alice", "1102"]       # names or numeric uids
//	config   = "/etc/weir/registered.toml"
//	sessions = 4                       # of one researcher
//
// An access rule gives its users the tier of its configuration. A key that is not
// one of these, and a user who is in no rule, is refused.
type vaultConfig struct {
	Socket   string       `toml:"socket"`
	Metrics  string       `toml:"metrics"`
	Sessions int          `toml:"sessions"`
	Memory   string       `toml:"memory"`
	Access   []accessRule `toml:"access"`
}

type accessRule struct {
	Users    []string `toml:"users"`
	Config   string   `toml:"config"`
	Sessions int      `toml:"sessions"`

	uids []int
	conf config
}

func readVaultConfig(path string) (c vaultConfig, err error) {
	f, err := os.Open(path)
	if err != nil {
		return c, err
	}
	defer f.Close()
	if err := toml.NewDecoder(f).DisallowUnknownFields().Decode(&c); err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	if !filepath.IsAbs(c.Socket) || c.Sessions < 1 || len(c.Access) == 0 {
		return c, fmt.Errorf("%s: it needs socket, an absolute path, sessions, 1 or more, and at least one [[access]]", path)
	}
	for i := range c.Access {
		if err := c.Access[i].resolve(); err != nil {
			return c, fmt.Errorf("%s: access rule %d: %w", path, i+1, err)
		}
	}
	return c, nil
}

func (r *accessRule) resolve() (err error) {
	if r.Sessions < 1 || len(r.Users) == 0 {
		return errors.New("it needs users, and sessions, 1 or more")
	}
	for _, name := range r.Users {
		uid, err := strconv.Atoi(name)
		if err != nil {
			u, err := user.Lookup(name)
			if err != nil {
				return err
			}
			if uid, err = strconv.Atoi(u.Uid); err != nil {
				return err
			}
		}
		r.uids = append(r.uids, uid)
	}
	if r.conf, err = loadConfig(r.Config); err == nil && (r.Config == "" || r.conf.Vault != "") {
		err = errors.New("config must name a configuration with repository, ledger and key")
	}
	return err
}

// access is what a peer may have of a tier: on a list, everything, and else only
// the public key.
func (c vaultConfig) access(p vault.Peer, g vault.Greeting) (vault.Grant, error) {
	for _, r := range c.Access {
		if string(r.conf.Tier) == g.Tier && (slices.Contains(r.uids, p.UID) || g.Ask == "public") {
			return vault.Grant{Arguments: []string{"--config", r.Config}, Sessions: r.Sessions}, nil
		}
	}
	return vault.Grant{}, errors.New("you have no access to this tier: ask the administrator")
}

// health says whether data, keys and ledgers can be used as they are. The first
// check reads the ledgers whole; each later one the entries since, and notices a
// ledger that became shorter, or that cannot be written. A change further back is
// found by the next session, by weir ledger verify, and by the next start.
type health struct {
	mu      sync.Mutex
	rules   []accessRule
	ledgers map[string]*ledger.Reader // by path
}

func (h *health) check() (all error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.rules {
		_, err := signingKey(r.conf.Key)
		_, err2 := store.Open(r.conf.Repository)
		all = errors.Join(all, err, err2, h.ledger(r.conf.Ledger))
	}
	return all
}

func (h *health) ledger(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if errors.Is(err, os.ErrNotExist) && h.ledgers[path] == nil {
		return nil // the first session begins it
	}
	if err != nil {
		return fmt.Errorf("the ledger cannot be written: %w", err)
	}
	f.Close()
	r := h.ledgers[path]
	if r == nil {
		r = &ledger.Reader{Path: path}
	}
	if _, err := r.Each(func(ledger.Entry) error { return nil }); err != nil {
		return err
	}
	h.ledgers[path] = r
	return nil
}

type vaultCommand struct {
	Unit  bool          `name:"print-unit" help:"Print the service as systemd wants it, and do nothing else."`
	File  string        `name:"vault-config" default:"/etc/weir/vault.toml" type:"path" help:"Configuration of the vault."`
	Drain time.Duration `default:"5s" help:"How long to wait for sessions to end when the service is stopped; they go on by themselves."`
}

// Run serves until it is told to end.
func (c *vaultCommand) Run(ctx context.Context) error {
	if c.Unit {
		_, err := os.Stdout.WriteString(install.VaultUnit)
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	conf, err := readVaultConfig(c.File)
	if err != nil {
		return exit{exitUsage, err}
	}
	healthy := &health{rules: conf.Access, ledgers: map[string]*ledger.Reader{}}
	if err := healthy.check(); err != nil {
		return exit{exitIntegrity, err}
	}
	binary, err := os.Executable()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	s := &vault.Server{
		Binary: binary, Access: conf.access, Sessions: conf.Sessions, Memory: conf.Memory, Check: healthy.check,
		Log: func(event, detail string) { log.Info(event, "detail", detail) },
	}
	l, err := vault.Listen(conf.Socket)
	if err != nil {
		return err
	}
	failed := make(chan error, 1)
	if conf.Metrics != "" {
		go func() { failed <- s.ServeMetrics(ctx, conf.Metrics) }()
	}
	go func() { failed <- s.Serve(ctx, l) }()
	log.Info("listening", "socket", conf.Socket)
	if err := <-failed; err != nil {
		return err
	}
	end, cancel := context.WithTimeout(context.Background(), c.Drain)
	defer cancel()
	log.Info("stopped", "sessions that go on", s.Drain(end))
	return nil
}

type vaultedCommand struct {
	Ask     string `required:"" help:"What the peer asked for."`
	Peer    int    `required:"" help:"Who the peer is, as the system told the vault."`
	Conduct string `help:"Version of the code of conduct that the peer's configuration confirms in batch."`
}

// Run serves one connection.
func (c *vaultedCommand) Run() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGINT, syscall.SIGHUP)
	conf, err := loadConfig(cli.Config)
	if err != nil {
		return err
	}
	conf.Conduct = c.Conduct // a person confirms; the vault's configuration is nobody's
	conn, err := vault.Accepted()
	if err != nil {
		return err
	}
	defer conn.Close()
	if c.Ask != "session" {
		return answerOnce(conn, own{conf}, c.Ask)
	}
	s, err := newSession(conf)
	if err != nil {
		return err
	}
	who := access.Of(c.Peer)
	s.peer, s.batch = &who, c.Conduct != ""
	return errors.Join(kernel.ServeExecutor(conn, measured{s, os.NewFile(vault.MetricsFD, "metrics")}), s.Close())
}

// measured tells the vault how cells end.
type measured struct {
	*session
	to io.Writer
}

// Execute implements kernel.Executor.
func (m measured) Execute(ctx context.Context, req kernel.Request, pub kernel.Publisher) kernel.Outcome {
	begun := time.Now()
	o := m.session.Execute(ctx, req, pub)
	outcome := "done"
	switch {
	case o.Aborted:
		outcome = "interrupted"
	case o.Failed:
		outcome = "failed"
	}
	vault.Report(m.to, outcome, time.Since(begun))
	return o
}

// openSession opens the configuration's session: here, or in its vault. In batch
// nobody is there to be asked.
func openSession(conf config, batch bool) (kernel.Executor, error) {
	if conf.Vault == "" {
		s, err := newSession(conf)
		if err != nil {
			return nil, err
		}
		s.batch = batch
		return s, nil
	}
	g := vault.Greeting{Ask: "session", Tier: string(conf.Tier)}
	if batch {
		g.Conduct = conf.Conduct
	}
	return kernel.NewMessenger(func() (io.ReadWriteCloser, error) { return vault.Dial(conf.Vault, g) }, door{newDoor()})
}

// order is a request for a notebook to be verified or released, and its answer.
type order struct {
	Name     string          `json:"name"`
	Notebook []byte          `json:"notebook"`
	File     string          `json:"file,omitempty"`
	Options  release.Options `json:"options,omitzero"`
	Partly   bool            `json:"partly,omitempty"`
}

type delivery struct {
	Report   *verify.Report `json:"report,omitempty"`
	Artefact []byte         `json:"artefact,omitempty"`
	Slip     []byte         `json:"slip,omitempty"`
	Public   []byte         `json:"public,omitempty"`
	Policy   string         `json:"policy,omitempty"`
	Error    string         `json:"error,omitempty"`
	Code     int            `json:"code,omitempty"`
}

// maxOrder is the largest notebook that a vault takes, in bytes of JSON.
const maxOrder = 128 << 20

// answerOnce answers one order on the side that has key and ledger.
func answerOnce(conn io.ReadWriter, c own, ask string) error {
	var o order
	if ask != "public" {
		if err := json.NewDecoder(io.LimitReader(conn, maxOrder)).Decode(&o); err != nil {
			return errors.New("an order that cannot be read")
		}
	}
	var d delivery
	var err error
	switch ask {
	case "verify":
		_, d.Report, err = c.verify(o.Name, o.Notebook)
	case "release":
		d.Artefact, d.Slip, d.Report, err = c.release(o.Name, o.Notebook, o.File, o.Options, o.Partly)
	case "public":
		var key ed25519.PrivateKey
		if key, err = signingKey(c.config.Key); err == nil {
			d.Public, d.Policy = encodePublic(publicOf(key)), c.config.rules.Version
		}
	}
	if err != nil {
		d.Error, d.Code = err.Error(), codeOf(err)
	}
	return json.NewEncoder(conn).Encode(d)
}

// vaulted is the custody of a vault.
type vaulted struct{ config config }

func (v vaulted) order(ask string, o order) (d delivery, err error) {
	conn, err := vault.Dial(v.config.Vault, vault.Greeting{Ask: ask, Tier: string(v.config.Tier)})
	if err != nil {
		return d, err
	}
	defer conn.Close()
	if ask != "public" { // of which there is nothing to say
		if err := json.NewEncoder(conn).Encode(o); err != nil {
			return d, err
		}
	}
	if err := json.NewDecoder(conn).Decode(&d); err != nil {
		return d, fmt.Errorf("the vault did not answer: %w", err)
	}
	if d.Error != "" {
		return d, exit{d.Code, errors.New(d.Error)}
	}
	return d, nil
}

func (v vaulted) verify(name string, content []byte) (*nbformat.Notebook, *verify.Report, error) {
	d, err := v.order("verify", order{Name: name, Notebook: content})
	return nil, d.Report, err
}

func (v vaulted) release(name string, content []byte, file string, o release.Options, partly bool) ([]byte, []byte, *verify.Report, error) {
	d, err := v.order("release", order{Name: name, Notebook: content, File: file, Options: o, Partly: partly})
	return d.Artefact, d.Slip, d.Report, err
}

// publicOfConfig is the public key and the policy's version of a configuration.
func publicOfConfig(conf config) (public []byte, policy string, err error) {
	if conf.Vault != "" {
		d, err := vaulted{conf}.order("public", order{})
		return d.Public, d.Policy, err
	}
	key, err := signingKey(conf.Key)
	if err != nil {
		return nil, "", err
	}
	return encodePublic(publicOf(key)), conf.rules.Version, nil
}
