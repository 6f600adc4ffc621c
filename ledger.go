package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"os"
	"os/signal"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"weir/datasets/plan"
	"weir/guard"
	"weir/guard/certificate"
	"weir/guard/ledger"
	"weir/guard/review"
)

type ledgerCommand struct {
	Show       showCommand       `cmd:"" help:"Print entries: all, some or one."`
	Verify     verifyCommand     `cmd:"" help:"Check the chain, checkpoints, certificates, grants and, with --replay, every decision."`
	Request    requestCommand    `cmd:"" help:"Ask for outputs as they are, with a reason."`
	Grant      grantCommand      `cmd:"" help:"Grant a request with a reviewer's key or signature."`
	Sign       signCommand       `cmd:"" help:"Sign a grant where the ledger is not."`
	Release    releaseCommand    `cmd:"" help:"Write the outputs of a request that two reviewers granted."`
	Key        keyCommand        `cmd:"" help:"Make a reviewer's key, or print the public half of the ledger's."`
	Serve      serveCommand      `cmd:"" help:"Show the ledger as a page on this machine, for output checkers and the Resource Access Board."`
	Checkpoint checkpointCommand `cmd:"" help:"Print a signed checkpoint, to be kept where the ledger is not."`
	Witness    witnessCommand    `cmd:"" help:"Keep the last checkpoint, and refuse one that does not continue it."`
	Rotate     rotateCommand     `cmd:"" help:"Move the file aside as an archive and begin another."`
}

// ledgerCode is the exit code of an error of the ledger.
func ledgerCode(err error) int {
	var tampered *ledger.TamperedError
	var forked *ledger.ForkedError
	var stale *ledger.StaleError
	var refused *plan.Refusal
	_, denied := review.Denied(err)
	switch {
	case errors.As(err, &tampered), errors.As(err, &forked):
		return exitIntegrity
	case denied, errors.As(err, &refused):
		return exitRefused
	case errors.As(err, &stale):
		return exitUsage
	}
	return exitCell
}

// openBook reads the ledger of the configuration.
func openBook() (*review.Book, config, error) {
	conf, err := loadConfig(cli.Config)
	if err != nil {
		return nil, conf, exit{exitUsage, err}
	}
	if _, err := os.Stat(conf.Ledger); errors.Is(err, os.ErrNotExist) {
		return nil, conf, exit{exitUsage, fmt.Errorf("there is no ledger at %s: the first session begins it", conf.Ledger)}
	}
	b, err := review.Open(conf.Ledger, conf.Reviewers)
	return b, conf, err
}

type showCommand struct {
	Entry   int64     `arg:"" optional:"" help:"Entry to print in full."`
	Kind    []string  `help:"Only entries of these kinds."`
	Session string    `help:"Only of the session whose id begins so."`
	Text    string    `help:"Only with this in a plan, a label, a reason or a name."`
	Since   time.Time `format:"2006-01-02" placeholder:"DAY" help:"Only from this day on (UTC)."`
	Until   time.Time `format:"2006-01-02" placeholder:"DAY" help:"Only before this day (UTC)."`
	Hidden  bool      `help:"Only outputs with hidden numbers."`
	JSON    bool      `name:"json" help:"One JSON object a line."`
}

// Run prints what a reviewer may see.
func (c *showCommand) Run() error {
	b, _, err := openBook()
	if err != nil {
		return err
	}
	if odd := slices.IndexFunc(c.Kind, func(k string) bool { return !slices.Contains(ledger.Kinds, k) }); odd >= 0 {
		return exit{exitUsage, fmt.Errorf("--kind: there is no kind %q; the kinds are %s", c.Kind[odd], strings.Join(ledger.Kinds, ", "))}
	}
	events := b.Events(review.Filter{Kinds: c.Kind, Session: c.Session, Text: c.Text, Since: c.Since, Until: c.Until, Hidden: c.Hidden})
	if c.Entry != 0 {
		v := b.Event(c.Entry)
		if v == nil {
			return exit{exitUsage, fmt.Errorf("the ledger has no entry %d", c.Entry)}
		}
		if !c.JSON {
			return v.Write(os.Stdout)
		}
		events = []review.Event{*v}
	}
	if !c.JSON {
		return review.WriteList(os.Stdout, events)
	}
	to := json.NewEncoder(os.Stdout)
	for i := range events {
		if err := to.Encode(&events[i]); err != nil {
			return err
		}
	}
	return nil
}

type verifyCommand struct {
	Checkpoint []string `type:"existingfile" placeholder:"FILE" help:"A checkpoint that was kept; may be repeated."`
	Key        string   `placeholder:"BASE64" help:"Public half of the ledger's key (weir ledger key); the configuration's key without it."`
	Replay     bool     `help:"Run every plan again beside the data and compare each decision."`
	JSON       bool     `name:"json" help:"Print the report as JSON."`
}

// Run checks the ledger; a problem ends it with the exit code of integrity.
func (c *verifyCommand) Run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	b, conf, err := openBook()
	if err != nil {
		return err
	}
	checks := review.Checks{Certificate: certificate.Verify}
	for _, path := range c.Checkpoint {
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		checks.Checkpoints = append(checks.Checkpoints, text)
	}
	if len(checks.Checkpoints) > 0 {
		if checks.Key, err = ledgerKey(c.Key, conf); err != nil {
			return err
		}
	}
	if c.Replay {
		r, err := newReplay(conf, b)
		if err != nil {
			return err
		}
		defer r.close()
		bar := progressOn(os.Stderr)
		checks.Replay = r.entry
		checks.Progress = func(done, total int) { bar("recomputing decisions", int64(done), int64(total)) }
	}
	report, err := b.Verify(ctx, checks)
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		err = e.Encode(report)
	} else {
		err = report.Write(os.Stdout)
	}
	if n := len(report.Problems); err == nil && n > 0 {
		err = exit{exitIntegrity, fmt.Errorf("%d problems", n)}
	}
	return err
}

// ledgerKey is the public half of the key that signs outputs and checkpoints.
func ledgerKey(text string, conf config) (ed25519.PublicKey, error) {
	if text == "" {
		if _, err := os.Stat(conf.Key); err != nil {
			return nil, exit{exitUsage, fmt.Errorf("the ledger's key is not here (%w): name its public half with --key", err)}
		}
		key, err := signingKey(conf.Key)
		if err != nil {
			return nil, err
		}
		return key.Public().(ed25519.PublicKey), nil
	}
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return nil, exit{exitUsage, errors.New("--key: this is no Ed25519 public key in base64")}
	}
	return key, nil
}

type requestCommand struct {
	Outputs []int64 `arg:"" help:"Entries of the ledger: tables with hidden numbers."`
	Reason  string  `required:"" help:"Why the outputs are needed as they are; reviewers read it."`
	By      string  `placeholder:"NAME" help:"Who asks; the calling user by default."`
}

// Run records the request.
func (c *requestCommand) Run() error {
	if c.By == "" {
		u, err := user.Current()
		if err != nil {
			return exit{exitUsage, fmt.Errorf("say who asks with --by: %w", err)}
		}
		c.By = u.Username
	}
	b, _, err := openBook()
	if err != nil {
		return err
	}
	e, err := b.Request(c.By, c.Reason, c.Outputs)
	if _, denied := review.Denied(err); denied {
		return err
	}
	if err != nil {
		return exit{exitUsage, err}
	}
	fmt.Printf("request %d is recorded; two reviewers can grant it: weir ledger grant %d\n", e.Seq, e.Seq)
	return nil
}

type grantCommand struct {
	Request   int64  `arg:"" help:"Entry of the request."`
	Reviewer  string `required:"" placeholder:"NAME" help:"Who grants it, as the configuration lists them."`
	Key       string `xor:"how" required:"" type:"existingfile" placeholder:"FILE" help:"The reviewer's key."`
	Signature string `xor:"how" required:"" placeholder:"BASE64" help:"Signature that was made elsewhere (weir ledger sign)."`
	Statement bool   `xor:"how" required:"" help:"Print what is to be signed, and record nothing."`
}

// Run records a grant, or a denial.
func (c *grantCommand) Run() error {
	b, _, err := openBook()
	if err != nil {
		return err
	}
	text, err := b.Statement(c.Request, c.Reviewer)
	if err != nil {
		return exit{exitUsage, err}
	}
	if c.Statement {
		fmt.Print(text)
		return nil
	}
	if c.Key != "" {
		key, err := readReviewerKey(c.Key)
		if err != nil {
			return err
		}
		c.Signature = review.Sign(key, text)
	}
	if _, err := b.Grant(c.Request, c.Reviewer, c.Signature); err != nil {
		return err
	}
	now, _ := b.Case(c.Request)
	fmt.Printf("request %d is %s: %d of 2 grants\n", c.Request, now.State(), len(now.Grants))
	return nil
}

func readReviewerKey(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	key, err := review.ParseKey(text)
	if err != nil {
		return nil, exit{exitUsage, fmt.Errorf("%s: %w", path, err)}
	}
	return key, nil
}

type signCommand struct {
	Statement string `arg:"" optional:"" default:"-" help:"File with what is to be signed; standard input by default."`
	Key       string `required:"" type:"existingfile" placeholder:"FILE" help:"The reviewer's key."`
}

// Run prints a signature. It needs neither a ledger nor a configuration.
func (c *signCommand) Run() error {
	key, err := readReviewerKey(c.Key)
	if err != nil {
		return err
	}
	text, err := readInput(c.Statement)
	if err != nil {
		return err
	}
	request, reviewer, err := review.ParseStatement(string(text))
	if err != nil {
		return exit{exitUsage, err}
	}
	fmt.Fprintf(os.Stderr, "%s grants request %d with this signature:\n", reviewer, request)
	fmt.Println(review.Sign(key, string(text)))
	return nil
}

// maxInput bounds what is read of a statement or an update.
const maxInput = 64 << 10

// readInput reads a file, or standard input for "-".
func readInput(path string) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(os.Stdin, maxInput))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, exit{exitUsage, err}
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxInput))
}

type releaseCommand struct {
	Request int64  `arg:"" help:"Entry of the request."`
	Output  string `short:"o" required:"" type:"path" help:"File to write, .txt or .html."`
}

// Run releases what is granted and writes it when the ledger has it.
func (c *releaseCommand) Run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	mime, ok := map[string]string{".txt": "text/plain", ".html": "text/html"}[filepath.Ext(c.Output)]
	if !ok {
		return exit{exitUsage, errors.New("-o: name a file that ends in .txt or .html")}
	}
	b, conf, err := openBook()
	if err != nil {
		return err
	}
	outputs := []review.Output{{}} // of a request that is not there: refused and recorded
	if found, ok := b.Case(c.Request); ok {
		outputs = found.Request.Outputs
	}
	to, err := os.OpenFile(c.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return exit{exitUsage, err}
	}
	err = exceptions(ctx, conf, b, c.Request, outputs, mime, to)
	if err = errors.Join(err, to.Close()); err != nil {
		if st, statErr := os.Stat(c.Output); statErr == nil && st.Size() == 0 {
			os.Remove(c.Output)
		}
		return err
	}
	fmt.Printf("%d outputs of request %d are in %s\n", len(outputs), c.Request, c.Output)
	return nil
}

// exceptions releases outputs of a request one by one.
func exceptions(ctx context.Context, conf config, b *review.Book, request int64, outputs []review.Output, mime string, to io.Writer) error {
	var granted []review.Granted
	for _, o := range outputs {
		g, err := b.Use(request, o.Seq)
		if err != nil {
			return err
		}
		granted = append(granted, g)
	}
	e, err := conf.openRepository()
	if err != nil {
		return err
	}
	key, err := signingKey(conf.Key)
	if err != nil {
		return err
	}
	for i, o := range outputs {
		entry, _ := b.Entry(o.Seq)
		n, err := planOf(entry)
		if err != nil {
			return err
		}
		t, err := e.Tabulate(ctx, guard.Ordered(n))
		if err != nil {
			return err
		}
		g, err := newGuard(userName(os.Getuid()), conf.rules, b.Once(request, o.Seq), key, uuid.NewString(), e.Repository(), nil)
		if err != nil {
			return err
		}
		r, err := g.Except(ctx, n, t, granted[i])
		if err != nil {
			return err
		}
		text := r.MIME()[mime]
		if mime == "text/html" {
			text = "<!DOCTYPE html><meta charset=\"utf-8\"><title>" + html.EscapeString(fmt.Sprintf("request %d", request)) + "</title>\n" + text
		}
		if _, err := fmt.Fprintln(to, text); err != nil {
			return err
		}
	}
	return nil
}

type keyCommand struct {
	File string `arg:"" optional:"" type:"path" help:"File of the reviewer's key; made when it is missing. Without it the ledger's key is printed."`
	Name string `placeholder:"NAME" default:"…" help:"The reviewer's name."`
}

// Run prints what the configuration or a witness needs.
func (c *keyCommand) Run() error {
	if c.File == "" {
		conf, err := loadConfig(cli.Config)
		if err != nil {
			return exit{exitUsage, err}
		}
		key, err := ledgerKey("", conf)
		if err != nil {
			return err
		}
		fmt.Println(base64.StdEncoding.EncodeToString(key))
		return nil
	}
	key, err := reviewerKey(c.File)
	if err != nil {
		return exit{exitUsage, fmt.Errorf("%s: %w", c.File, err)}
	}
	fmt.Printf("[[reviewers]]\nname = %q\nkey  = %q\n", c.Name, review.PublicKey(key))
	return nil
}

func reviewerKey(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		return review.ParseKey(text)
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.Write(review.EncodeKey(key))
	return key, errors.Join(err, f.Close())
}

type checkpointCommand struct {
	Since *int64 `placeholder:"ENTRIES" help:"Print what a witness needs who keeps the checkpoint of so many entries; 0 for one who keeps none."`
}

// Run prints a checkpoint, or an update.
func (c *checkpointCommand) Run() error {
	b, conf, err := openBook()
	if err != nil {
		return err
	}
	point, err := b.Checkpoint()
	if err != nil {
		return err
	}
	key, err := signingKey(conf.Key)
	if err != nil {
		return err
	}
	text, err := point.Sign(key)
	if err == nil && c.Since != nil {
		text, err = b.Update(*c.Since, text)
	}
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}

type witnessCommand struct {
	State  string `arg:"" type:"path" help:"File that holds the last checkpoint; begun with the first."`
	Update string `arg:"" optional:"" default:"-" help:"What weir ledger checkpoint --since printed; standard input by default."`
	Key    string `required:"" placeholder:"BASE64" help:"Public half of the ledger's key (weir ledger key)."`
}

// Run keeps the checkpoint, or refuses it. A witness needs no configuration.
func (c *witnessCommand) Run() error {
	key, err := ledgerKey(c.Key, config{})
	if err != nil {
		return err
	}
	text, err := readInput(c.Update)
	if err != nil {
		return err
	}
	point, err := ledger.Witness{Path: c.State, Key: key}.Update(text)
	if err != nil {
		return err
	}
	fmt.Printf("kept: %s, %d entries\n", point.Origin, point.Entries)
	return nil
}

type rotateCommand struct{}

// Run archives the file.
func (c *rotateCommand) Run() error {
	if _, _, err := openBook(); err != nil { // nothing is archived that does not verify
		return err
	}
	conf, err := loadConfig(cli.Config)
	if err != nil {
		return exit{exitUsage, err}
	}
	l, err := ledger.Open(conf.Ledger)
	if err != nil {
		return err
	}
	archive, err := l.Rotate()
	if err = errors.Join(err, l.Close()); err != nil {
		return err
	}
	fmt.Printf("%s holds the entries up to now\n", archive)
	return nil
}

// planOf is the plan that an entry records.
func planOf(e ledger.Entry) (*plan.Node, error) {
	var body struct {
		Wire json.RawMessage `json:"wire"`
		ID   string          `json:"id"`
	}
	if err := json.Unmarshal(e.Body, &body); err != nil || len(body.Wire) == 0 {
		return nil, fmt.Errorf("entry %d holds no plan that can be run", e.Seq)
	}
	n, err := plan.Decode(body.Wire)
	if err != nil {
		return nil, fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	if !strings.EqualFold(n.ID().String(), body.ID) {
		return nil, fmt.Errorf("entry %d holds another plan than it names", e.Seq)
	}
	return n, nil
}

type serveCommand struct {
	Port int `default:"0" help:"Port on 127.0.0.1; a free one by default."`
}

// Run serves the page until it is interrupted.
func (c *serveCommand) Run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	b, _, err := openBook()
	if err != nil {
		return err
	}
	return review.Serve(ctx, b, c.Port, func(address string) { fmt.Println(address) })
}
