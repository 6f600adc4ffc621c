package notebooks

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"weir/notebooks/nbformat"
)

// script is an Executor for cells that say what to emit. Lines that begin with !
// are its commands, all others are nothing to it:
//
//	!stdout "text"                  !stderr "text"
//	!display ID CLASS "title"       display_data; - for no id or class
//	!update ID CLASS "title"        update_display_data
//	!result "text"                  execute_result
//	!clear  !clear wait             clear_output
//	!error Name "value"             an error output
//	!fail Name "value"              the outcome
//	!broken                         a representation that is no JSON
//	!tick 5s                        lets time pass
//	!wait                           until the cell is stopped, then fails
//	!finish                         until the cell is stopped, then succeeds
//	!deaf                           waits, and is not to be stopped
//	!abort                          as a kernel that was interrupted
//	!cancel                         interrupts the run
//	!late "text"                    emits after Execute has returned
type script struct {
	now    time.Time
	cancel context.CancelFunc
	before func(count int) // called before each cell
	deaf   chan struct{}
	late   []func()
}

func (s *script) clock() time.Time { return s.now }

func (s *script) Execute(ctx context.Context, code string, count int, emit func(Output)) Outcome {
	if s.before != nil {
		s.before(count)
	}
	for _, f := range s.late {
		f()
	}
	s.late = nil
	var outcome Outcome
	for line := range strings.Lines(code) {
		if command, ok := strings.CutPrefix(strings.TrimSpace(line), "!"); ok && !outcome.Failed {
			command, quoted, _ := strings.Cut(command, `"`)
			text, _ := strconv.Unquote(`"` + quoted)
			outcome = s.command(ctx, strings.Fields(command), text, emit)
		}
	}
	return outcome
}

func (s *script) command(ctx context.Context, words []string, text string, emit func(Output)) Outcome {
	failure := func() Failure {
		return Failure{Name: words[1], Value: text, Traceback: []string{words[1] + ": " + text}}
	}
	switch words[0] {
	case "stdout", "stderr":
		emit(Output{Type: nbformat.Stream, Name: words[0], Text: text})
	case "display", "update":
		emit(display(words, text))
	case "result":
		emit(Output{Type: nbformat.ExecuteResult, MIME: map[string]string{"text/plain": text}})
	case "clear":
		emit(Output{Type: ClearOutput, Wait: len(words) > 1})
	case "broken":
		emit(Output{Type: nbformat.DisplayData, MIME: map[string]string{"application/json": "{"}})
	case "error":
		emit(Output{Type: nbformat.Error, Failure: failure()})
		return Outcome{Failed: true}
	case "fail":
		return Outcome{Failed: true, Failure: failure()}
	case "abort":
		return Outcome{Aborted: true, Failure: Failure{Name: "Interrupted"}}
	case "late":
		s.late = append(s.late, func() { emit(Output{Type: nbformat.Stream, Name: "stdout", Text: text}) })
	default:
		return s.passTime(ctx, words)
	}
	return Outcome{}
}

func (s *script) passTime(ctx context.Context, words []string) Outcome {
	switch words[0] {
	case "tick":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			panic(err)
		}
		s.now = s.now.Add(d)
	case "deaf":
		<-s.deaf
	case "finish":
		<-ctx.Done()
	case "cancel", "wait":
		if words[0] == "cancel" {
			s.cancel()
		}
		<-ctx.Done()
		return Outcome{Failed: true, Failure: Failure{Name: "Killed", Value: "by the executor"}}
	default:
		panic("no such command: " + words[0])
	}
	return Outcome{}
}

func display(words []string, title string) Output {
	o := Output{Type: nbformat.DisplayData, MIME: map[string]string{"text/plain": title}}
	if words[0] == "update" {
		o.Type = UpdateDisplayData
	}
	if words[1] != "-" {
		o.ID = words[1]
	}
	if words[2] != "-" {
		o.Metadata = map[string]any{"weir": map[string]string{"class": words[2], "title": title}}
	}
	return o
}

// parseCells reads cells that begin with a line "%% TYPE TAGS".
func parseCells(text string) *nbformat.Notebook {
	n := &nbformat.Notebook{Metadata: map[string]any{}}
	for part := range strings.SplitSeq("\n"+text, "\n%% ") {
		if part == "" {
			continue
		}
		head, source, _ := strings.Cut(part, "\n")
		words := strings.Fields(head)
		c := n.Insert(len(n.Cells), strings.TrimSuffix(source, "\n"))
		c.Type = words[0]
		tags := []any{}
		for _, tag := range words[1:] {
			tags = append(tags, tag)
		}
		c.Metadata["tags"] = tags
	}
	return n
}

// renderCells writes cells with their counts, states and outputs.
func renderCells(n *nbformat.Notebook) string {
	var b strings.Builder
	for _, c := range n.Cells {
		about := c.Metadata["papermill"].(map[string]any)
		fmt.Fprintf(&b, "%%%% %s", strings.Join(append([]string{c.Type}, c.Tags()...), " "))
		if c.Count != nil {
			fmt.Fprintf(&b, " [%d]", *c.Count)
		}
		fmt.Fprintf(&b, " %s", about["status"])
		if about["duration"] != nil {
			fmt.Fprintf(&b, " %vs", about["duration"])
		}
		fmt.Fprintf(&b, "\n%s\n", c.Source)
		for _, o := range c.Outputs {
			fmt.Fprintf(&b, "-> %s\n", renderOutput(o))
		}
	}
	return b.String()
}

func renderOutput(o *nbformat.Output) string {
	switch o.Type {
	case nbformat.Stream:
		return fmt.Sprintf("%s %q", o.Name, o.Text)
	case nbformat.Error:
		return fmt.Sprintf("error %s %q %q", o.EName, o.EValue, o.Traceback)
	case nbformat.ExecuteResult:
		return fmt.Sprintf("result [%d] %q", *o.Count, o.Data["text/plain"])
	}
	about, _ := o.Metadata["weir"].(map[string]any)
	class, _ := about["class"].(string)
	return fmt.Sprintf("display %s %q", cmp.Or(class, "-"), o.Data["text/plain"])
}
