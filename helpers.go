package main

import (
	"context"
	"slices"
	"strings"

	"weir/guard"
	"weir/kernel"
)

// helper is what a cell of one line can ask of weir itself. No such line is Go:
//
//	%help       what there is, beside the notebook
//	%clear      empties the cell's output
//	%conduct    the code of conduct and the research purpose of the workspace
//	cdr.Age?    what is known of a name, beside the notebook
type helper struct {
	name, text string
	run        func(s *session, pub kernel.Publisher) error
}

var helpers = []helper{
	{"%help", "this page", nil}, // answered by help, which lists all of them
	{"%clear", "empty the output of the cell", func(_ *session, pub kernel.Publisher) error { pub.Clear(false); return nil }},
	{"%conduct", "the code of conduct and this workspace's research purpose", func(s *session, pub kernel.Publisher) error { return s.conduct(false, pub) }},
	{"%conduct confirm", "confirm both", func(s *session, pub kernel.Publisher) error { return s.conduct(true, pub) }},
}

// asks reports whether a cell is a line for a helper.
func asks(code string) bool {
	line := strings.TrimSpace(code)
	return !strings.Contains(line, "\n") && (strings.HasPrefix(line, "%") || strings.HasSuffix(line, "?"))
}

// help answers a cell that asks for it.
func (s *session) help(ctx context.Context, code string, pub kernel.Publisher) kernel.Outcome {
	line := strings.TrimSpace(code)
	if name, asked := strings.CutSuffix(line, "?"); asked && name != "" {
		return s.explainName(ctx, strings.TrimSpace(name), pub)
	}
	i := slices.IndexFunc(helpers, func(h helper) bool { return h.name == line })
	switch {
	case line == "%help" || line == "?":
		pub.Page(guard.Own(helpText()))
	case i < 0:
		return failed("UnknownHelper", line+" is no helper: %help lists what there is")
	default:
		if err := helpers[i].run(s, pub); err != nil {
			return failed("Error", err.Error())
		}
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

func failed(name, text string) kernel.Outcome {
	return kernel.Outcome{Failed: true, Name: name, Value: text, Traceback: []string{red + name + plain + ": " + text}}
}

func helpText() string {
	var b strings.Builder
	b.WriteString(`Cells are Go. The last expression of a cell is displayed.

What is in the data comes from the repository, cdr := ds.Open("…"); a line with cdr
alone shows its tables. What cells define runs beside the participants' data; only
aggregates over more than 20 participants come back. A refusal says by which rule,
and what to do instead.

`)
	for _, h := range helpers {
		b.WriteString(h.name + strings.Repeat(" ", 18-len(h.name)) + h.text + "\n")
	}
	b.WriteString("name?             what is known of a name\n")
	return b.String()
}
