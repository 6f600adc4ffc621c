// Command weir is a Jupyter kernel for health data held in tiers, and the tools
// around it. weir --help lists the commands.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"weir/datasets/curate"
	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/install"
	"weir/interp/speaker"
	"weir/kernel"
	"weir/notebooks"
	"weir/notebooks/nbformat"
)

const version = "0.1.0"

// Exit codes of every command.
const (
	exitCell      = 1 // a cell failed
	exitUsage     = 2
	exitRefused   = 3 // refused by policy
	exitIntegrity = 4 // ledger, signature or data hash
)

// exit is an error with its exit code.
type exit struct {
	code int
	error
}

// flags are those of every command.
type flags struct {
	Config  string           `help:"Configuration file." placeholder:"FILE" type:"path"`
	Version kong.VersionFlag `help:"Print the version and exit."`
}

var cli struct {
	flags

	Kernel    kernelCommand    `cmd:"" help:"Serve a Jupyter front end; Jupyter starts this."`
	Run       runCommand       `cmd:"" help:"Run a notebook in batch."`
	Verify    notebookCommand  `cmd:"" help:"Say which outputs of a notebook are what was released."`
	Release   artefactCommand  `cmd:"" help:"Make a file that may be downloaded from a notebook's verified outputs."`
	Judge     judgeCommand     `cmd:"" hidden:"" help:"Answer a Jupyter server that asks what it may pass on."`
	Vault     vaultCommand     `cmd:"" help:"Serve sessions under a user of their own, who alone reads data, key and ledger."`
	Vaulted   vaultedCommand   `cmd:"" name:"vault-session" hidden:"" help:"Serve one connection; weir vault starts this."`
	Data      dataCommand      `cmd:"" help:"Make and describe repositories."`
	Ledger    ledgerCommand    `cmd:"" help:"Read, check and archive the record of what was released; ask for and grant exceptions."`
	Install   installCommand   `cmd:"" help:"Install the kernelspec, so that Jupyter offers the kernel."`
	Uninstall uninstallCommand `cmd:"" help:"Remove what install wrote."`
	Doctor    doctorCommand    `cmd:"" help:"Examine a locked-down server, and attack it."`
}

func main() {
	if os.Args[0] == speaker.Name {
		if err := speaker.Main(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	k := kong.Parse(grammar(),
		kong.Name("weir"), kong.Description("Go notebooks over participants' data, behind a disclosure guard."),
		kong.Vars{"version": "weir " + version},
		kong.UsageOnError(), kong.Exit(func(code int) {
			if code != 0 {
				code = exitUsage
			}
			os.Exit(code)
		}))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "weir:", err)
		os.Exit(codeOf(err))
	}
}

// grammar is what the command line may say. What starts a kernel is parsed by itself:
// a front end is waiting for its sockets, and to build the whole takes 2 ms.
func grammar() any {
	if len(os.Args) > 1 && os.Args[1] == "kernel" {
		return &struct {
			*flags
			Kernel kernelCommand `cmd:"" help:"Serve a Jupyter front end; Jupyter starts this."`
		}{flags: &cli.flags}
	}
	return &cli
}

func codeOf(err error) int {
	var e exit
	var damaged *store.DamagedError
	switch {
	case errors.As(err, &e):
		return e.code
	case errors.As(err, &damaged):
		return exitIntegrity
	}
	return ledgerCode(err)
}

type kernelCommand struct {
	ConnectionFile   string `required:"" type:"path" help:"Jupyter's connection file."`
	UnsafeAnyAddress bool   `help:"Serve on an address that other machines can reach, too. What is published then crosses the network unencrypted, and whoever can connect can read it."`
}

func (c *kernelCommand) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if os.Getenv("JPY_PARENT_PID") != "" {
		go endWithParent(cancel)
	}
	var opts []kernel.Option
	if c.UnsafeAnyAddress {
		opts = append(opts, kernel.UnsafeAnyAddress())
	}
	return kernel.Serve(ctx, c.ConnectionFile, func() (kernel.Executor, error) {
		conf, err := loadConfig(cli.Config)
		if err != nil {
			return nil, err
		}
		return openSession(conf, false)
	}, opts...)
}

// endWithParent ends the kernel when the server that started it is gone, as
// Jupyter's own kernels do: nobody could shut it down then.
func endWithParent(end func()) {
	for parent := os.Getppid(); os.Getppid() == parent; {
		time.Sleep(time.Second)
	}
	end()
}

type runCommand struct {
	Input       string        `arg:"" type:"existingfile" help:"Notebook to run."`
	Output      string        `short:"o" required:"" type:"path" help:"Notebook to write."`
	Parameter   []string      `short:"p" sep:"none" placeholder:"NAME=VALUE" help:"Set a variable of the cell tagged parameters; may be repeated."`
	AllowErrors bool          `help:"Go on after a cell that fails; the exit code still tells."`
	CellTimeout time.Duration `help:"Limit of one cell, such as 10m."`
	Timeout     time.Duration `help:"Limit of the whole run."`
	Report      bool          `help:"Hide the cells' sources in the output."`
	Show        bool          `help:"Print the cells and their outputs as text, too."`
	Quiet       bool          `short:"q" help:"Show no progress."`
}

// Run runs the notebook and prints what was released and what was refused.
func (c *runCommand) Run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	o := notebooks.Options{
		Input: c.Input, Output: c.Output, AllowErrors: c.AllowErrors,
		CellTimeout: c.CellTimeout, Timeout: c.Timeout, Report: c.Report,
	}
	if !c.Quiet {
		o.Progress = notebooks.NewProgress(os.Stderr)
	}
	for _, text := range c.Parameter {
		p, err := notebooks.ParseParameter(text)
		if err != nil {
			return exit{exitUsage, err}
		}
		o.Parameters = append(o.Parameters, p)
	}
	n, err := nbformat.Read(c.Input)
	if err != nil {
		return exit{exitUsage, err}
	}
	conf, err := loadConfig(cli.Config)
	if err != nil {
		return exit{exitUsage, err}
	}
	s, err := openSession(conf, true)
	if err != nil {
		return err
	}
	defer s.Close()
	run := batch{session: s}
	if c.Show {
		run.show = os.Stdout
	}
	result, err := notebooks.Run(ctx, n, run, o)
	if err != nil {
		return err
	}
	if err := result.WriteSummary(os.Stdout); err != nil {
		return err
	}
	return failureOf(result)
}

// failureOf is the run's end as an exit code: numbers of a refused result were
// asked for, data was damaged, or a cell failed otherwise.
func failureOf(r *notebooks.Result) error {
	for _, f := range r.Failures {
		if f.Expected {
			continue
		}
		code := exitCell
		switch f.Name {
		case "Refused":
			code = exitRefused
		case integrityError:
			code = exitIntegrity
		}
		return exit{code, fmt.Errorf("cell %d: %s: %s", f.Cell, f.Name, f.Value)}
	}
	if r.Stopped != notebooks.Finished {
		return exit{exitCell, fmt.Errorf("stopped at cell %d: %s", r.StoppedAt, r.Stopped)}
	}
	return nil
}

// batch runs a session's cells for the batch runner. It implements notebooks.Executor.
type batch struct {
	session kernel.Executor
	show    io.Writer // prints cells and outputs as text, too; nil for not
}

// Execute implements notebooks.Executor.
func (b batch) Execute(ctx context.Context, code string, count int, emit func(notebooks.Output)) notebooks.Outcome {
	if b.show != nil {
		fmt.Fprintf(b.show, "> %s\n\n", strings.ReplaceAll(code, "\n", "\n> "))
	}
	door := b.session.Door()
	o := b.session.Execute(ctx, kernel.Request{Code: code, Count: count}, emitter{emit, b.show, door})
	o.Value = door.Words(o.Value)
	for i, line := range o.Traceback {
		o.Traceback[i] = door.Words(line)
	}
	return notebooks.Outcome{
		Failed:  o.Failed,
		Failure: notebooks.Failure{Name: o.Name, Value: o.Value, Traceback: o.Traceback},
		Aborted: o.Aborted,
	}
}

// emitter turns what a session publishes, when it has passed the door, into a
// notebook's outputs.
type emitter struct {
	emit func(notebooks.Output)
	show io.Writer
	door kernel.Door
}

func (e emitter) Stream(name, text string) {
	text = e.door.Stream(name, text)
	if e.show != nil {
		fmt.Fprintf(e.show, "%s\n", text)
	}
	e.emit(notebooks.Output{Type: nbformat.Stream, Name: name, Text: text})
}
func (e emitter) Display(d kernel.Data, id string) { e.data(nbformat.DisplayData, d, id) }
func (e emitter) Update(d kernel.Data, id string)  { e.data(notebooks.UpdateDisplayData, d, id) }
func (e emitter) Result(d kernel.Data)             { e.data(nbformat.ExecuteResult, d, "") }

// Page shows nothing: there is nobody to read it. Progress shows none either: the
// batch runner shows that of the whole notebook.
func (e emitter) Page(kernel.Data)              {}
func (e emitter) Progress(string, int64, int64) {}

func (e emitter) Clear(wait bool) {
	e.emit(notebooks.Output{Type: notebooks.ClearOutput, Wait: wait})
}

func (e emitter) data(kind string, d kernel.Data, id string) {
	d = e.door.Data(d)
	if mime := d.MIME(); len(mime) > 0 {
		if e.show != nil {
			fmt.Fprintf(e.show, "%s\n\n", mime["text/plain"])
		}
		e.emit(notebooks.Output{Type: kind, MIME: mime, Metadata: d.Metadata(), ID: id})
	}
}

type dataCommand struct {
	Synthesize synthesizeCommand `cmd:"" help:"Make a repository of invented participants."`
	Import     importCommand     `cmd:"" help:"Make a repository of OMOP tables (CDM 5.3 or 5.4; Parquet, CSV or gzipped CSV)."`
	Describe   describeCommand   `cmd:"" help:"Describe a repository."`
	Rules      rulesCommand      `cmd:"" help:"Print the rules of the tiers that are built in."`
}

type synthesizeCommand struct {
	To           string `arg:"" type:"path" help:"Directory to make."`
	Name         string `default:"synthetic" help:"What ds.Open calls it."`
	Tier         string `default:"registered" enum:"registered,controlled" help:"registered or controlled."`
	OMOP         string `name:"omop" enum:",csv,parquet" default:"" placeholder:"FORMAT" help:"Make a folder of OMOP tables to import, csv or parquet, in place of a repository."`
	Participants int    `default:"100000" help:"How many."`
	Seed         uint64 `help:"Another seed, other participants."`
}

// Run makes the repository.
func (c *synthesizeCommand) Run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	o := curate.SynthesizeOptions{Name: c.Name, Tier: plan.Tier(c.Tier), Participants: c.Participants, Seed: c.Seed}
	if c.OMOP != "" {
		return curate.SynthesizeOMOP(ctx, c.To, c.OMOP, o, progressOn(os.Stderr))
	}
	return curate.Synthesize(ctx, c.To, o, progressOn(os.Stderr))
}

type importCommand struct {
	From           string `required:"" type:"existingdir" placeholder:"DIR" help:"Folder with the OMOP tables."`
	To             string `required:"" type:"path" placeholder:"DIR" help:"Directory to make."`
	Name           string `required:"" help:"What ds.Open calls it."`
	Tier           string `required:"" enum:"registered,controlled,public" help:"registered, controlled or public."`
	CDR            string `required:"" help:"Version of the curated data repository, such as R2024Q3R9."`
	CutOff         string `required:"" placeholder:"YYYY-MM-DD" help:"Last day of the data."`
	Key            string `type:"path" placeholder:"FILE" help:"Secret from which research ids and shifts of dates follow; made when it is missing. Without it they cannot be repeated."`
	Rules          string `type:"existingfile" placeholder:"FILE" help:"More rules than the built-in ones (weir data rules)."`
	Curated        bool   `help:"Ids are research ids, and dates of the registered tier are shifted, already."`
	Lenient        bool   `help:"Drop and count rows that cannot be kept, instead of stopping."`
	UnknownPersons bool   `help:"Rows of persons who are not in person are dropped and counted, and are no reason to stop."`
	RepeatedKeys   bool   `help:"Rows with the key of an earlier row are kept and counted."`
}

// Run imports and reports.
func (c *importCommand) Run(ctx context.Context) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	o := curate.ImportOptions{
		Name: c.Name, Tier: plan.Tier(c.Tier), CDR: c.CDR, CutOff: c.CutOff, Curated: c.Curated,
		Lenient: c.Lenient, KnownOnly: !c.UnknownPersons, UniqueKeys: !c.RepeatedKeys,
	}
	var err error
	if c.Key != "" {
		if o.Key, err = curate.OpenKey(c.Key); err != nil {
			return exit{exitUsage, err}
		}
	}
	if c.Rules != "" {
		if o.Rules, err = curate.ReadRules(c.Rules); err != nil {
			return exit{exitUsage, err}
		}
	}
	report, err := curate.Import(ctx, c.From, c.To, o, progressOn(os.Stderr))
	fmt.Print(report)
	return err
}

type rulesCommand struct{}

// Run prints the rules.
func (c *rulesCommand) Run() error {
	fmt.Print(curate.BuiltInText())
	return nil
}

type describeCommand struct {
	Repository string `arg:"" optional:"" type:"path" help:"Directory of the repository; the session's by default."`
}

// Run prints the description.
func (c *describeCommand) Run() error {
	if c.Repository == "" {
		conf, err := loadConfig(cli.Config)
		if err != nil {
			return exit{exitUsage, err}
		}
		c.Repository = conf.Repository
	}
	r, err := store.Open(c.Repository)
	if err != nil {
		return err
	}
	fmt.Print(curate.Describe(r))
	return nil
}

// progressOn shows work as a bar on a terminal and as lines elsewhere.
func progressOn(f *os.File) curate.Progress {
	var bar *progressbar.ProgressBar
	last, tty := "", term.IsTerminal(int(f.Fd()))
	return func(stage string, done, total int64) {
		switch {
		case stage != last && tty:
			bar = progressbar.NewOptions64(total, progressbar.OptionSetWriter(f), progressbar.OptionSetDescription(stage),
				progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish())
		case stage != last:
			fmt.Fprintln(f, stage)
		}
		last = stage
		if bar != nil {
			bar.ChangeMax64(total)
			bar.Set64(done)
		}
	}
}

type installPlace struct {
	User      bool   `xor:"scope" required:"" help:"For the calling user (development only: the user can change it)."`
	System    bool   `xor:"scope" required:"" help:"For everybody."`
	SysPrefix string `xor:"scope" required:"" type:"path" placeholder:"DIR" help:"For the Python environment at DIR."`
	Prefix    string `xor:"scope" required:"" type:"path" placeholder:"DIR" help:"Under DIR."`
	Name      string `default:"weir" help:"Name of the kernel."`
	DryRun    bool   `help:"Print what would be done, and do nothing."`
	JSON      bool   `name:"json" help:"Print it as JSON."`
	Force     bool   `help:"Overwrite or remove files that were changed since."`
}

func (p *installPlace) options() install.Options {
	o := install.Options{Name: p.Name, Force: p.Force}
	switch {
	case p.User:
		o.Scope = install.User
	case p.System:
		o.Scope = install.System
	case p.SysPrefix != "":
		o.Scope, o.Prefix = install.SysPrefix, p.SysPrefix
	case p.Prefix != "":
		o.Scope, o.Prefix = install.Prefix, p.Prefix
	}
	return o
}

// do prints what is to be done and, but for a dry run, does it.
func (p *installPlace) do(a *install.Actions, err error) error {
	if err != nil {
		return err
	}
	if p.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(a); err != nil {
			return err
		}
	} else {
		fmt.Print(a)
	}
	if p.DryRun {
		return nil
	}
	return a.Apply()
}

type installCommand struct {
	installPlace
	Display string `default:"weir (Go)" help:"What the launcher shows."`

	Lockdown bool     `help:"Close a Jupyter server to everything but weir, with a kernel for each configuration."`
	Python   string   `type:"path" placeholder:"FILE" help:"Python that runs the closed server."`
	Tier     []string `name:"tier-config" type:"path" placeholder:"FILE" help:"Configuration of a tier's kernel in a closed server; may be repeated. The one in use by default."`
}

// Run installs the kernelspec for the configuration in use.
func (c *installCommand) Run() error {
	if c.Lockdown {
		return c.lockdown()
	}
	o := c.options()
	o.Display = c.Display
	if cli.Config != "" {
		o.Arguments = []string{"--config", cli.Config}
	}
	var err error
	if o.Binary, err = os.Executable(); err != nil {
		return err
	}
	return c.do(install.Plan(o))
}

type uninstallCommand struct {
	installPlace
	Lockdown bool `help:"Remove what install --lockdown wrote."`
}

// Run removes the kernelspec or the lockdown.
func (c *uninstallCommand) Run() error {
	if c.Lockdown {
		return c.do(install.PlanUnlock(install.LockdownOptions{Options: c.options()}))
	}
	return c.do(install.PlanUninstall(c.options()))
}
