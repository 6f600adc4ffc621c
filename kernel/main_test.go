package kernel

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// serveEnv makes this test binary a kernel: it serves the connection file that it
// is given and runs cells of scripted.
const serveEnv = "WEIR_KERNEL_TEST_SERVE"

// dialEnv makes it a client that says what it can read from an address.
const dialEnv = "WEIR_KERNEL_TEST_DIAL"

func TestMain(m *testing.M) {
	if address := os.Getenv(dialEnv); address != "" {
		readAsSubscriber(address)
		return
	}
	if os.Getenv(serveEnv) == "" {
		code := m.Run()
		if built.dir != "" {
			os.RemoveAll(built.dir)
		}
		os.Exit(code)
	}
	if err := Serve(context.Background(), os.Args[1], serving(scripted{})); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serving is an executor's start.
func serving(ex Executor) func() (Executor, error) {
	return func() (Executor, error) { return ex, nil }
}

// scripted is an Executor that does what each line of a cell says:
//
//	stdout TEXT            stderr TEXT
//	display MIME TEXT      named ID TEXT       update ID TEXT
//	result TEXT            clear               nothing
//	work N PAUSE           N steps of progress, a pause after each
//	page TEXT              help beside the notebook
//	flood N                N lines on stdout, one call each
//	pictures N BYTES       N display_data of so many bytes
//	sleep DURATION         ends early when interrupted
//	ignore DURATION        sleeps and does not care about its context
//	late TEXT              writes text after Execute has returned
//	fail NAME VALUE        panic
type scripted struct{}

func (scripted) Info() Info {
	return Info{Banner: "scripted", Version: "1.2.3", Language: Language{
		Name: "script", Version: "1", MIME: "text/x-script", Extension: ".script",
	}}
}

func (scripted) Execute(ctx context.Context, req Request, pub Publisher) Outcome {
	for line := range strings.Lines(req.Code) {
		verb, rest, _ := strings.Cut(strings.TrimRight(line, "\n"), " ")
		if o := runLine(ctx, verb, rest, pub); o.Failed || o.Aborted {
			return o
		}
	}
	return Outcome{}
}

func runLine(ctx context.Context, verb, rest string, pub Publisher) Outcome {
	first, second, _ := strings.Cut(rest, " ")
	switch verb {
	case "stdout", "stderr":
		pub.Stream(verb, rest+"\n")
	case "display":
		pub.Display(texts{first: second}, "")
	case "named":
		pub.Display(texts{"text/plain": second}, first)
	case "update":
		pub.Update(texts{"text/plain": second}, first)
	case "result":
		pub.Result(texts{"text/plain": rest})
	case "work":
		pause, _ := time.ParseDuration(second)
		for n, i := int64(number(first)), int64(0); i <= n; i++ {
			pub.Progress("work & more", i, n)
			time.Sleep(pause)
			if ctx.Err() != nil {
				return ended(ctx)
			}
		}
	case "page":
		pub.Page(texts{"text/plain": rest})
	case "nothing":
		pub.Result(texts{})
	case "clear":
		pub.Clear(true)
	case "flood":
		for i := range number(rest) {
			if ctx.Err() != nil {
				return ended(ctx)
			}
			pub.Stream("stdout", "line "+strconv.Itoa(i)+"\n")
		}
	case "pictures":
		picture := strings.Repeat("x", number(second))
		for range number(first) {
			if ctx.Err() != nil {
				return ended(ctx)
			}
			pub.Display(texts{"text/plain": picture}, "")
		}
	case "sleep":
		d, _ := time.ParseDuration(rest)
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return ended(ctx)
		}
	case "ignore":
		d, _ := time.ParseDuration(rest)
		time.Sleep(d)
	case "late":
		time.AfterFunc(50*time.Millisecond, func() { pub.Stream("stdout", rest) })
	case "fail":
		return Outcome{Failed: true, Name: first, Value: second, Traceback: []string{"line 1"}}
	case "panic":
		panic("participant 4711")
	}
	return Outcome{}
}

func ended(ctx context.Context) Outcome {
	if context.Cause(ctx) == ErrInterrupted {
		return Outcome{Aborted: true}
	}
	return Outcome{Failed: true, Name: "Ended", Value: context.Cause(ctx).Error()}
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic(err)
	}
	return n
}

func (scripted) IsComplete(code string) Completeness {
	if strings.HasSuffix(code, "\\") {
		return Completeness{Status: "incomplete", Indent: "  "}
	}
	if code == "?" {
		return Completeness{Status: "nonsense"}
	}
	return Completeness{Status: "complete"}
}

// Complete proposes the verbs that begin with the word before the cursor.
func (scripted) Complete(ctx context.Context, code string, cursor int) (c Completion) {
	c.Start, c.End = strings.LastIndexAny(code[:cursor], " \n")+1, cursor
	for _, m := range []Match{{"sleep", "verb", "(DURATION)"}, {"stderr", "", ""}, {"stdout", "", ""}} {
		if strings.HasPrefix(m.Text, code[c.Start:cursor]) {
			c.Matches = append(c.Matches, m)
		}
	}
	switch code {
	case "hang":
		<-ctx.Done()
		time.Sleep(time.Hour)
	case "nonsense":
		return Completion{Start: 5, End: 1000, Matches: []Match{{Text: "a"}}}
	case "panic":
		panic("participant 4711")
	}
	return c
}

// Inspect knows every text but the empty one.
func (scripted) Inspect(_ context.Context, code string, cursor int, more bool) Data {
	if code == "" {
		return nil
	}
	return texts{"text/plain": fmt.Sprintf("at %d of %q, more %v", cursor, code, more)}
}

func (scripted) Close() error { return nil }

func (scripted) Door() Door { return openDoor{} }

// openDoor lets everything pass.
type openDoor struct{}

func (openDoor) Words(text string) string        { return text }
func (openDoor) Stream(name, text string) string { return text }
func (openDoor) Data(d Data) Data                { return d }

func (openDoor) Bar(label string, share float64, left time.Duration) Data {
	if label == "" {
		return texts{}
	}
	return texts{"text/plain": fmt.Sprintf("%s █ %.0f %%", label, 100*share)}
}

type texts map[string]string

func (b texts) MIME() map[string]string  { return b }
func (b texts) Metadata() map[string]any { return nil }
