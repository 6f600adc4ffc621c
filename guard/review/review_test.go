package review

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"weir/guard/ledger"
)

// person has a key; each has another.
func person(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

var staff = []Reviewer{
	{Name: "A. Okafor", Key: PublicKey(person(1))},
	{Name: "B. Lindqvist", Key: PublicKey(person(2))},
	{Name: "C. Former", Key: PublicKey(person(3)), Retired: true},
	{Name: "d.self", Key: PublicKey(person(4))},
}

type body map[string]any

// table is the body of an output as guard records it.
func table(plan string, cells ...string) body {
	var rows []body
	for i, c := range cells {
		rows = append(rows, body{"labels": []string{fmt.Sprint("group ", i)}, "cells": []string{c}})
	}
	return body{"session": "s1", "cell": 2, "plan": plan, "id": "id of " + plan, "policy": "p", "policy_version": "1",
		"detail": body{"keys": []string{"sex"}, "columns": []string{"participants"}, "rows": rows}, "mime": body{"text/plain": "00"}}
}

func add(t testing.TB, path, kind string, b body) ledger.Entry {
	t.Helper()
	l, err := ledger.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	e, err := l.Append(kind, b)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// office is a ledger with an output in entry 2, one without hidden numbers, a
// refusal and a request for the first in entry 5.
func office(t testing.TB) (*Book, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger")
	add(t, path, ledger.Start, body{"session": "s1", "repository": "r", "cdr": "v1", "tier": "registered", "policy": "p"})
	add(t, path, ledger.Release, table("rare", "100", "hidden"))
	add(t, path, ledger.Release, table("common", "100", "200"))
	add(t, path, ledger.Refusal, body{"session": "s1", "plan": "rows", "detail": body{"rule": "rule 1", "reason": "rows are not released", "way": "describe them"}})
	b := open(t, path)
	if e, err := b.Request("d.self", "needed for a safety report to the IRB", []int64{2}); err != nil || e.Seq != 5 {
		t.Fatal(e, err)
	}
	return b, path
}

func open(t testing.TB, path string) *Book {
	t.Helper()
	b, err := Open(path, staff)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func statement(t testing.TB, b *Book, request int64, name string) string {
	t.Helper()
	s, err := b.Statement(request, name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestGrants: each attempt that does not count is refused and recorded, and the
// request is none the nearer.
func TestGrants(t *testing.T) {
	b, path := office(t)
	signed := func(name string, key byte) string { return Sign(person(key), statement(t, b, 5, name)) }
	other, err := b.Request("d.self", "another reason that is long enough", []int64{2})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what, name, signature string
		request               int64
		refused               string // "" for a grant that counts
	}{
		{"no signature", "A. Okafor", "", 5, "the signature"},
		{"another's key", "A. Okafor", signed("A. Okafor", 2), 5, "the signature"},
		{"a key of nobody", "A. Okafor", signed("A. Okafor", 9), 5, "the signature"},
		{"a signature for another name", "A. Okafor", signed("B. Lindqvist", 1), 5, "the signature"},
		{"a signature under another request", "A. Okafor", Sign(person(1), statement(t, b, other.Seq, "A. Okafor")), 5, "the signature"},
		{"a reviewer who is not listed", "Z. Nobody", signed("Z. Nobody", 1), 5, "no such reviewer"},
		{"a retired reviewer", "C. Former", signed("C. Former", 3), 5, "retired"},
		{"who asked", "d.self", signed("d.self", 4), 5, "what they asked for"},
		{"no request", "A. Okafor", signed("A. Okafor", 1), 4, "no such request"},
		{"the first grant", "A. Okafor", signed("A. Okafor", 1), 5, ""},
		{"the same again", "A. Okafor", signed("A. Okafor", 1), 5, "before"},
		{"the second grant", "B. Lindqvist", signed("B. Lindqvist", 2), 5, ""},
		{"a grant of what is granted", "A. Okafor", signed("A. Okafor", 1), 5, "before"},
	} {
		before, _ := b.Case(5)
		entries := len(b.Events(Filter{}))
		_, err := b.Grant(c.request, c.name, c.signature)
		now, _ := open(t, path).Case(5)
		if c.refused == "" {
			if err != nil || len(now.Grants) != len(before.Grants)+1 {
				t.Errorf("%s: %v", c.what, err)
			}
			continue
		}
		denial, denied := Denied(err)
		last := b.Events(Filter{})[entries:]
		if !denied || !strings.Contains(denial.Reason, c.refused) || len(now.Grants) != len(before.Grants) {
			t.Errorf("%s: %v", c.what, err)
		}
		if len(last) != 1 || last[0].Denial == nil || *last[0].Denial != denial {
			t.Errorf("%s: recorded as %+v", c.what, last)
		}
	}
	if now, _ := b.Case(5); now.State() != "granted" {
		t.Error(now.State())
	}
	if r := verify(t, open(t, path), Checks{}); len(r.Problems) > 0 {
		t.Errorf("%+v", r.Problems)
	}
}

func verify(t testing.TB, b *Book, c Checks) *Report {
	t.Helper()
	r, err := b.Verify(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRequests(t *testing.T) {
	b, _ := office(t)
	why := "needed for a safety report to the IRB"
	for _, c := range []struct {
		by, reason string
		outputs    []int64
		recorded   bool
	}{
		{"", why, []int64{2}, false},
		{"x\ny", why, []int64{2}, false},
		{"x", "because", []int64{2}, false},
		{"x", strings.Repeat("long ", 3000), []int64{2}, false},
		{"x", why, nil, false},
		{"x", why, []int64{2, 2}, false},
		{"x", why, []int64{99}, false},
		{"x", why, []int64{3}, false},
		{"x", why, []int64{5}, false},
		{"x", why, []int64{4}, true}, // rows of participants
	} {
		before := len(b.Events(Filter{}))
		_, err := b.Request(c.by, c.reason, c.outputs)
		if more := len(b.Events(Filter{})) - before; err == nil || (more == 1) != c.recorded {
			t.Errorf("%+v: %v, %d entries", c, err, more)
		}
	}
}

func grantTwice(t testing.TB, b *Book) {
	t.Helper()
	for i, name := range []string{"A. Okafor", "B. Lindqvist"} {
		if _, err := b.Grant(5, name, Sign(person(byte(i+1)), statement(t, b, 5, name))); err != nil {
			t.Fatal(err)
		}
	}
}

// exception is the body of one as guard records it.
func exception(plan string, of ledger.Entry, request int64, cells ...string) body {
	b := table(plan, cells...)
	b["of_request"], b["excepts"] = request, Output{of.Seq, of.Hash}
	return b
}

// TestUse: an output is released once, by who was granted it, and only if the data
// still say what was shown.
func TestUse(t *testing.T) {
	b, path := office(t)
	of, _ := b.Entry(2)
	denied := func(what string, err error) {
		t.Helper()
		if _, ok := Denied(err); !ok {
			t.Errorf("%s: %v", what, err)
		}
		if last := b.Events(Filter{}); last[len(last)-1].Denial == nil {
			t.Errorf("%s: not recorded", what)
		}
	}
	_, err := b.Use(5, 2)
	denied("nobody granted it", err)
	if (Granted{}).Covers("") {
		t.Error("the zero Granted covers something")
	}
	if _, err := b.Grant(5, "A. Okafor", Sign(person(1), statement(t, b, 5, "A. Okafor"))); err != nil {
		t.Fatal(err)
	}
	_, err = b.Use(5, 2)
	denied("one granted it", err)
	if _, err := b.Grant(5, "B. Lindqvist", Sign(person(2), statement(t, b, 5, "B. Lindqvist"))); err != nil {
		t.Fatal(err)
	}
	_, err = b.Use(5, 3)
	denied("an output that was not asked for", err)
	_, err = b.Use(4, 2)
	denied("no request", err)
	g, err := b.Use(5, 2)
	if err != nil || !g.Covers("id of rare") || g.Covers("id of common") || g.Request() != 5 || g.Output().Seq != 2 {
		t.Fatalf("%+v, %v", g, err)
	}
	_, err = b.Once(5, 2).Append(ledger.Exception, exception("rare", of, 5, "101", "7"))
	denied("other data", err)
	_, err = b.Once(5, 2).Append(ledger.Exception, exception("rare", of, 5, "100"))
	denied("a group is gone", err)

	var wg sync.WaitGroup // two at once: one of them
	var mu sync.Mutex
	made := 0
	for range 4 {
		wg.Go(func() {
			_, err := open(t, path).Once(5, 2).Append(ledger.Exception, exception("rare", of, 5, "100", "7"))
			if _, ok := Denied(err); err != nil && !ok {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
			}
		})
	}
	wg.Wait()
	if made != 1 {
		t.Errorf("released %d times", made)
	}
	_, err = b.Use(5, 2)
	denied("twice", err)
	if c, _ := b.Case(5); c.State() != "released" {
		t.Error(c.State())
	}
	if r := verify(t, open(t, path), Checks{}); len(r.Problems) > 0 {
		t.Errorf("%+v", r.Problems)
	}
}

// TestForgedEntries: who can write to the file can append well-formed entries.
// They do not count, and Verify names them.
func TestForgedEntries(t *testing.T) {
	good := func(b *Book, name string, key byte) body {
		c, _ := b.Case(5)
		return body{"request": 5, "entry": c.Entry, "reviewer": name, "signature": Sign(person(key), Statement(b.Origin(), 5, c.Entry, name))}
	}
	for what, forge := range map[string]func(b *Book, path string, of ledger.Entry){
		"a signature of another key": func(b *Book, path string, _ ledger.Entry) {
			add(t, path, ledger.Grant, good(b, "A. Okafor", 1))
			add(t, path, ledger.Grant, good(b, "B. Lindqvist", 1))
		},
		"one key twice": func(b *Book, path string, _ ledger.Entry) {
			add(t, path, ledger.Grant, good(b, "A. Okafor", 1))
			add(t, path, ledger.Grant, good(b, "A. Okafor", 1))
		},
		"an exception without grants": func(b *Book, path string, of ledger.Entry) {
			add(t, path, ledger.Exception, exception("rare", of, 5, "100", "7"))
		},
		"an exception that nobody asked for": func(b *Book, path string, of ledger.Entry) {
			add(t, path, ledger.Exception, exception("rare", of, 4, "100", "7"))
		},
		"an exception for another plan": func(b *Book, path string, of ledger.Entry) {
			grantTwice(t, b)
			add(t, path, ledger.Exception, exception("common", of, 5, "100", "7"))
		},
		"an exception twice": func(b *Book, path string, of ledger.Entry) {
			grantTwice(t, b)
			for range 2 {
				add(t, path, ledger.Exception, exception("rare", of, 5, "100", "7"))
			}
		},
		"a request for a refusal": func(b *Book, path string, of ledger.Entry) {
			e, _ := b.Entry(4)
			add(t, path, ledger.Request, body{"by": "x", "reason": "a reason that is long enough", "outputs": []Output{{4, e.Hash}}})
		},
		"a kind that does not exist": func(b *Book, path string, of ledger.Entry) { add(t, path, "licence", body{}) },
		"a body of another kind":     func(b *Book, path string, of ledger.Entry) { add(t, path, ledger.Grant, body{"request": "five"}) },
	} {
		b, path := office(t)
		of, _ := b.Entry(2)
		forge(b, path, of)
		again := open(t, path)
		if r := verify(t, again, Checks{}); len(r.Problems) != 1 {
			t.Errorf("%s: %+v", what, r.Problems)
		}
		if c, _ := again.Case(5); c.State() == "granted" {
			t.Errorf("%s: granted", what)
		}
	}
}

func TestVerify(t *testing.T) {
	b, path := office(t)
	point, err := b.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	key := person(8)
	note, err := point.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	certified := table("certified", "50", "hidden")
	certified["detail"].(body)["certificate"] = body{"rows": [][]string{{"50"}, {"hidden"}}}
	add(t, path, ledger.Release, certified)
	wrong := table("certified", "51", "hidden")
	wrong["detail"].(body)["certificate"] = body{"rows": [][]string{{"50"}, {"hidden"}}}
	add(t, path, ledger.Release, wrong)
	b = open(t, path)
	seen := 0
	replay := func(_ context.Context, e ledger.Entry) (string, any, error) {
		switch e.Seq {
		case 2:
			return e.Kind, e.Body, nil
		case 3:
			return e.Kind, table("common", "100", "201"), nil
		case 4:
			return ledger.Release, e.Body, nil
		case 6:
			return "", nil, errors.New("no data")
		}
		return "", nil, nil
	}
	r := verify(t, b, Checks{
		Checkpoints: [][]byte{note, []byte("none")}, Key: key.Public().(ed25519.PublicKey),
		Certificate: func([]byte) error { return nil }, Replay: replay, Progress: func(done, total int) { seen = done * total },
	})
	var got []string
	for _, p := range r.Problems {
		got = append(got, fmt.Sprintf("%d %s", p.Seq, p.Msg))
	}
	want := []string{"0 this is no checkpoint of a ledger", "3 recomputed, it differs in detail", "4 recomputed, the decision is a release", "6 it cannot be recomputed: no data", "7 its certificate is of another table"}
	if !slices.Equal(got, want) || r.Checkpoints != 1 || r.Certificates != 1 || r.Replayed != 1 || seen != 49 {
		t.Errorf("%+v\n%q", r, got)
	}
	if r := verify(t, b, Checks{Certificate: func([]byte) error { return errors.New("no") }}); len(r.Problems) != 2 {
		t.Errorf("%+v", r.Problems)
	}
	if r := verify(t, b, Checks{}); r.Unchecked != 2 || len(r.Problems) != 0 {
		t.Errorf("%+v", r)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, whole[:len(whole)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, open(t, path), Checks{}); len(r.Problems) != 1 {
		t.Errorf("a ledger that lacks its last byte: %+v", r)
	}
}

// TestEventsHaveNoMore: what an entry holds beside what a reviewer may see is not
// shown, in JSON or as text.
func TestEventsHaveNoMore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	for _, kind := range ledger.Kinds {
		if kind == ledger.Torn || kind == ledger.Sealed || kind == ledger.Continued {
			continue
		}
		b := table("plan", "hidden")
		b["sets"], b["wire"] = "SECRET", body{"steps": "SECRET"}
		b["detail"].(body)["certificate"] = body{"a": "SECRET"}
		b["detail"].(body)["true"] = "SECRET"
		b["detail"].(body)["rows"].([]body)[0]["exact"] = "SECRET"
		b["mime"] = body{"SECRET": "SECRET"}
		add(t, path, kind, b)
	}
	var out bytes.Buffer
	events := open(t, path).Events(Filter{})
	for i := range events {
		if err := events[i].Write(&out); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(WriteList(&out, events), json.NewEncoder(&out).Encode(events)); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); strings.Contains(s, "SECRET") || strings.Count(s, "hidden") < 4 {
		t.Error(s)
	}
}

// TestPrintable: a label cannot command the terminal.
func TestPrintable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	b := table("plan\x1b[2J\u202e", "\x1b]0;x\x07")
	b["session"] = "\x1b[31m"
	add(t, path, ledger.Release, b)
	var out bytes.Buffer
	events := open(t, path).Events(Filter{})
	if err := errors.Join(WriteList(&out, events), events[0].Write(&out)); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\x07\u202e") {
		t.Errorf("%q", out.String())
	}
}

func TestFilter(t *testing.T) {
	b, _ := office(t)
	now := time.Now()
	for _, c := range []struct {
		filter Filter
		want   string
	}{
		{Filter{}, "1 2 3 4 5"},
		{Filter{Kinds: []string{ledger.Release}}, "2 3"},
		{Filter{Kinds: []string{ledger.Refusal, ledger.Request}}, "4 5"},
		{Filter{Session: "s"}, "1 2 3 4"},
		{Filter{Session: "s2"}, ""},
		{Filter{Hidden: true}, "2"},
		{Filter{Text: "RARE"}, "2"},
		{Filter{Text: "describe"}, "4"},
		{Filter{Text: "Group 1"}, "2 3"},
		{Filter{Text: "safety"}, "5"},
		{Filter{Since: now.Add(time.Hour)}, ""},
		{Filter{Until: now.Add(-time.Hour)}, ""},
		{Filter{Since: now.Add(-time.Hour), Until: now.Add(time.Hour)}, "1 2 3 4 5"},
	} {
		var got []string
		for _, v := range b.Events(c.filter) {
			got = append(got, fmt.Sprint(v.Seq))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%+v: %q", c.filter, s)
		}
	}
}

func TestReviewers(t *testing.T) {
	if err := CheckReviewers(staff); err != nil {
		t.Fatal(err)
	}
	for what, list := range map[string][]Reviewer{
		"no name":        {{Key: PublicKey(person(1))}},
		"a line break":   {{Name: "a\nb", Key: PublicKey(person(1))}},
		"no key":         {{Name: "a"}},
		"half a key":     {{Name: "a", Key: PublicKey(person(1))[:20]}},
		"one key twice":  {{Name: "a", Key: PublicKey(person(1))}, {Name: "b", Key: PublicKey(person(1))}},
		"one name twice": {{Name: "a", Key: PublicKey(person(1))}, {Name: "A", Key: PublicKey(person(2))}},
	} {
		if CheckReviewers(list) == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	key := person(7)
	if again, err := ParseKey(EncodeKey(key)); err != nil || !key.Equal(again) {
		t.Error(err)
	}
	for _, text := range []string{"", "x", string(EncodeKey(key)) + "x", strings.Replace(string(EncodeKey(key)), "REVIEWER", "SIGNING", 2)} {
		if _, err := ParseKey([]byte(text)); err == nil {
			t.Errorf("%q was read as a key", text)
		}
	}
}

func TestStatement(t *testing.T) {
	hash := strings.Repeat("ab", 32)
	good := Statement("weir-ledger/00", 57, hash, "A. Okafor")
	if n, who, err := ParseStatement(good); err != nil || n != 57 || who != "A. Okafor" {
		t.Error(n, who, err)
	}
	for _, bad := range []string{"", "\n\n\n\n", good + "x", strings.TrimSuffix(good, "\n"), strings.Replace(good, "57", "057", 1), strings.Replace(good, "grant", "gift", 1), strings.Replace(good, hash, "ab", 1), strings.Replace(good, "reviewer ", "", 1)} {
		if _, _, err := ParseStatement(bad); err == nil {
			t.Errorf("%q was read as a statement", bad)
		}
	}
}

// TestTampered: a book of a ledger that was tampered with stays shut.
func TestTampered(t *testing.T) {
	b, path := office(t)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(len(whole)-5)); err != nil {
		t.Fatal(err)
	}
	var tampered *ledger.TamperedError
	for range 2 {
		if err := b.Refresh(); !errors.As(err, &tampered) {
			t.Error(err)
		}
		if err := os.WriteFile(path, whole, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzEvent(f *testing.F) {
	for _, kind := range ledger.Kinds {
		text, err := json.Marshal(table("plan", "hidden", "30"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(kind, text)
	}
	f.Add(ledger.Grant, []byte(`{"request":5,"entry":"x","reviewer":"A. Okafor","signature":""}`))
	f.Fuzz(func(t *testing.T, kind string, text []byte) {
		v, err := eventOf(ledger.Entry{Seq: 1, Kind: kind, Body: text})
		if err != nil {
			return
		}
		var out bytes.Buffer
		if err := v.Write(&out); err != nil {
			t.Error(err)
		}
		v.Summary()
		(&Filter{Text: "x"}).Takes(&v)
	})
}
