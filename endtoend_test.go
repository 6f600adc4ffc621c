//go:build figures

package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	ds "weir/datasets"
	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/guard"
	"weir/kernel"
)

// silence takes a cell's outputs and shows them to nobody.
type silence struct{ results int }

func (*silence) Stream(name, text string)                 {}
func (*silence) Display(d kernel.Data, id string)         {}
func (*silence) Update(d kernel.Data, id string)          {}
func (*silence) Clear(wait bool)                          {}
func (*silence) Progress(label string, done, total int64) {}
func (*silence) Page(d kernel.Data)                       {}
func (s *silence) Result(d kernel.Data)                   { s.results += min(1, len(d.MIME())) }
func (*silence) Run(*plan.Node) (*plan.Result, error)     { return nil, nil }

// asked notes the plans of this process instead of running them.
type asked struct {
	silence
	plan *plan.Node
}

func (a *asked) Show(n *plan.Node) error { a.plan = n; return nil }

// protectedRequest measures a cell from its text to its published result, over
// 59 million events of 500,000 invented participants, and the same plan in the
// engine alone: medians of nine questions, each asked once.
func protectedRequest(t testing.TB) (whole, alone time.Duration) {
	dir := t.TempDir()
	c := config{Repository: filepath.Join(dir, "repository"), Tier: plan.Registered, Ledger: filepath.Join(dir, "ledger"), Key: filepath.Join(dir, "key.pem"), rules: guard.Builtin, synthetic: true}
	if _, stderr, code := weir(t, dir, "data", "synthesize", "--participants", "500000", c.Repository); code != 0 {
		t.Fatal(stderr)
	}
	s, err := newSession(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	pub := &silence{}
	run := func(code string) time.Duration {
		start := time.Now()
		if out := s.Execute(t.Context(), kernel.Request{Code: code}, pub); out.Failed {
			t.Fatalf("%s: %s", out.Name, out.Value)
		}
		return time.Since(start)
	}
	run(`cdr := ds.Open("synthetic")`)
	plan.For(s.engine.Repository().Schema(store.Threshold))
	defer plan.For(nil)
	note := &asked{}
	plan.Connect(note)
	defer plan.Connect(nil)
	cdr := ds.Repository{}
	var wholes, alones []time.Duration
	for k := 1; k <= 9; k++ {
		took := run(fmt.Sprintf(`cdr.Everyone().By(cdr.SexAtBirth(), cdr.Age().Bands(18, 45, 65)).Summarise(
	cdr.Measurement(3004410).Unit("%%").Last().Value().Mean(),
	cdr.Condition(201826).Descendants().AtLeast(%d).Proportion())`, k))
		cdr.Everyone().By(cdr.SexAtBirth(), cdr.Age().Bands(18, 45, 65)).Summarise(
			cdr.Measurement(3004410).Unit("%").Last().Value().Mean(),
			cdr.Condition(201826).Descendants().AtLeast(k).Proportion()).Show()
		start := time.Now()
		if _, err := s.engine.Tabulate(context.Background(), note.plan); err != nil {
			t.Fatal(err)
		}
		wholes, alones = append(wholes, took), append(alones, time.Since(start))
	}
	if pub.results != 9 {
		t.Fatalf("%d results of 9 were published", pub.results)
	}
	slices.Sort(wholes)
	slices.Sort(alones)
	return wholes[4], alones[4]
}
