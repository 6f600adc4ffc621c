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

func TestMain(m *testing.M) {
	if os.Getenv(serveEnv) == "" {
		os.Exit(m.Run())
	}
	if err := Serve(context.Background(), os.Args[1], scripted{}); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// scripted is an Executor that does what each line of a cell says:
//
//	stdout TEXT            stderr TEXT
//	display MIME TEXT      named ID TEXT       update ID TEXT
//	result TEXT            clear               nothing
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
		pub.Display(bundle{first: second}, "")
	case "named":
		pub.Display(bundle{"text/plain": second}, first)
	case "update":
		pub.Update(bundle{"text/plain": second}, first)
	case "result":
		pub.Result(bundle{"text/plain": rest})
	case "nothing":
		pub.Result(bundle{})
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
			pub.Display(bundle{"text/plain": picture}, "")
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

func (scripted) Close() error { return nil }

type bundle map[string]string

func (b bundle) MIME() map[string]string  { return b }
func (b bundle) Metadata() map[string]any { return nil }
