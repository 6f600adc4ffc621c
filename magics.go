package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"weir/guard"
	"weir/guard/ledger"
	"weir/kernel"
)

// magic is what a line of a cell can ask of weir itself. No such line is Go:
//
//	%help        what there is, beside the notebook
//	%time CODE   runs the cell, which may have more lines, and says how long it took
//	%who         what cells have declared
//	%reset       forgets it
//	%policy      what applies here, and what has been used
//	%clear       empties the cell's output
//	%conduct     the code of conduct and the research purpose of the workspace
//	cdr.Age?     what is known of a name, beside the notebook
type magic struct {
	name, text string
	run        func(s *session, pub kernel.Publisher) kernel.Outcome
}

var magics = []magic{
	{"%help", "this page", nil}, // it lists all of them, and so is answered by help
	{"%time CODE", "run the cell, and say how long it took", nil},
	{"%who", "what cells have declared", (*session).who},
	{"%reset", "forget what cells have declared", (*session).reset},
	{"%policy", "what applies here, and what has been used", (*session).policy},
	{"%clear", "empty the output of the cell", (*session).clear},
	{"%conduct", "the code of conduct and this workspace's research purpose", func(s *session, pub kernel.Publisher) kernel.Outcome { return outcome(s.conduct(false, pub)) }},
	{"%conduct confirm", "confirm both", func(s *session, pub kernel.Publisher) kernel.Outcome { return outcome(s.conduct(true, pub)) }},
}

// asks reports whether a cell is a line for weir itself.
func asks(code string) bool {
	line := strings.TrimSpace(code)
	return !strings.Contains(line, "\n") && (strings.HasPrefix(line, "%") || strings.HasSuffix(line, "?"))
}

const timing = "%time"

// timed is the code of a cell that is to be timed. Spaces stand where the magic stood,
// so that errors name the right columns.
func timed(code string) (rest string, ok bool) {
	at := strings.Index(code, timing)
	if at < 0 || strings.TrimSpace(code[:at]) != "" {
		return code, false
	}
	rest = code[at+len(timing):]
	if strings.TrimSpace(rest) == "" || !strings.ContainsAny(rest[:1], " \t\n") {
		return code, false
	}
	return code[:at] + strings.Repeat(" ", len(timing)) + rest, true
}

// help answers a cell that asks for it.
func (s *session) help(ctx context.Context, code string, pub kernel.Publisher) kernel.Outcome {
	line := strings.TrimSpace(code)
	if name, asked := strings.CutSuffix(line, "?"); asked && name != "" {
		return s.explainName(ctx, strings.TrimSpace(name), pub)
	}
	i := slices.IndexFunc(magics, func(m magic) bool { return m.name == line })
	switch {
	case line == "%help" || line == "?":
		pub.Page(guard.Own(helpText()))
	case line == timing:
		return failed("UsageError", "%time wants code behind it: %time t.Show()")
	case i < 0 || magics[i].run == nil:
		return failed("UnknownMagic", line+" is not known: %help lists what there is")
	default:
		return magics[i].run(s, pub)
	}
	return kernel.Outcome{}
}

// explainName shows what inspection says of a name.
func (s *session) explainName(ctx context.Context, name string, pub kernel.Publisher) kernel.Outcome {
	about := s.Inspect(ctx, name, len(name), true)
	if about == nil {
		return failed("NotFound", "nothing is known of "+name)
	}
	pub.Page(about)
	return kernel.Outcome{}
}

func outcome(err error) kernel.Outcome {
	if err != nil {
		return failed("Error", err.Error())
	}
	return kernel.Outcome{}
}

func failed(name, text string) kernel.Outcome {
	return kernel.Outcome{Failed: true, Name: name, Value: text, Traceback: []string{red + name + plain + ": " + text}}
}

func (s *session) clear(pub kernel.Publisher) kernel.Outcome {
	pub.Clear(false)
	return kernel.Outcome{}
}

// who lists what cells have declared, each with its declaration.
func (s *session) who(pub kernel.Publisher) kernel.Outcome {
	var b strings.Builder
	for _, name := range s.cells.Names() {
		about, _, _ := strings.Cut(s.cells.Inspect(name, len(name)), "\n")
		b.WriteString(cmpOr(about, name) + "\n")
	}
	text := strings.TrimSuffix(b.String(), "\n")
	pub.Result(guard.Own(cmpOr(text, "cells have declared nothing")))
	return kernel.Outcome{}
}

func cmpOr(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// reset forgets what cells have declared. What was released stays released.
func (s *session) reset(kernel.Publisher) kernel.Outcome {
	if err := s.cells.Reset(); err != nil {
		return failed("InternalError", err.Error()+"; restart the kernel")
	}
	return kernel.Outcome{}
}

// policy shows what applies to this session and what it and the ledger's others have used.
func (s *session) policy(pub kernel.Publisher) kernel.Outcome {
	used, err := s.used()
	if err != nil {
		return failed(integrityError, err.Error())
	}
	pub.Result(guard.Markdown(s.config.rules.Explain() + "\n" + s.applies() + "\n" + used + s.spent()))
	return kernel.Outcome{}
}

// applies says what of the configuration applies.
func (s *session) applies() string {
	about := fmt.Sprintf("This session may open repositories of the **%s** tier.", s.config.Tier)
	if s.engine != nil {
		r := s.engine.Repository()
		about = fmt.Sprintf("This session has opened **%s**, version %s, of the **%s** tier.", r.Name, r.CDR, r.Tier)
	}
	return about + "\n"
}

// used counts the entries of the ledger, which are of all sessions, and those of this one.
func (s *session) used() (string, error) {
	var all, ours uses
	_, err := ledger.Read(s.config.Ledger, func(e ledger.Entry) error {
		all.count(e)
		if strings.Contains(string(e.Body), `"session":"`+s.id+`"`) {
			ours.count(e)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	return "| | results released | refused | since |\n|---|---|---|---|\n" + ours.line("this session") + all.line("all sessions of the ledger") +
		"\nEvery result is recorded, and what has been released counts for what may still be.\n", nil
}

// spent says what this session's tables had of numbers, and what earlier answers cost.
func (s *session) spent() string {
	if s.guard == nil {
		return ""
	}
	u := s.guard.Used()
	return fmt.Sprintf("\nThis session's %d tables had %d numbers, of which %d were hidden; in %d tables some were because of what the workspace had been shown before.\n",
		u.Tables, u.Numbers, u.Hidden, u.Earlier)
}

// uses are the decisions that a ledger has.
type uses struct {
	released, refused int
	since             time.Time
}

func (u *uses) count(e ledger.Entry) {
	if u.since.IsZero() {
		u.since = e.Time
	}
	switch e.Kind {
	case "release":
		u.released++
	case "refusal":
		u.refused++
	}
}

func (u *uses) line(who string) string {
	since := "–"
	if !u.since.IsZero() {
		since = u.since.Format(time.DateOnly)
	}
	return fmt.Sprintf("| %s | %d | %d | %s |\n", who, u.released, u.refused, since)
}

func helpText() string {
	var b strings.Builder
	b.WriteString(`Cells are Go. The last expression of a cell is displayed; ds.Display(x) displays
before the end, and ds.Markdown("…") is text.

What is in the data comes from the repository, cdr := ds.Open("…"); a line with cdr
alone shows its tables. What cells define runs beside the participants' data; only
aggregates over more than 20 participants come back. A refusal says by which rule,
and what to do instead.

`)
	for _, m := range magics {
		b.WriteString(m.name + strings.Repeat(" ", 18-len(m.name)) + m.text + "\n")
	}
	b.WriteString("name?             what is known of a name\n")
	return b.String()
}
