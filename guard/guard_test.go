package guard

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"weir/datasets/plan"
	"weir/datasets/tally"
	"weir/guard/ledger"
)

func root(t testing.TB, op string, args ...plan.Arg) *plan.Node {
	t.Helper()
	n, err := plan.Root(op, args...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func then(t testing.TB, n *plan.Node, op string, args ...plan.Arg) *plan.Node {
	t.Helper()
	m, err := n.Then(op, args...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// newGuard is a guard over a real ledger.
func newGuard(t testing.TB) (*Guard, ed25519.PublicKey, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger")
	l, err := ledger.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	g, err := New(Builtin, l, private, "session", &plan.Schema{Name: "test", CDR: "v1", Tier: plan.Registered}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g, public, path
}

// readTable reads a raw table: a line of keys and statistics, then lines of labels
// and counts. A key ends in "*" when its labels come from the data.
//
//	sex* | mean proportion
//	Female | 120 | 100 7.25 | 100 40       participants | known, mean | known, true
func readTable(t *testing.T, text string) (*plan.Node, *tally.Table) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if lines[0] == "attrition" {
		out := &tally.Table{}
		for _, l := range lines[1:] {
			label, n, _ := strings.Cut(l, " | ")
			out.Groups = append(out.Groups, tally.Group{Labels: []string{label}, All: tally.Set{Participants: number(t, n)}})
		}
		return then(t, root(t, "Everyone"), "Attrition"), out
	}
	out := &tally.Table{}
	names, stats, _ := strings.Cut(lines[0], " | ")
	var keys []plan.Arg
	for i, name := range strings.Fields(names) {
		open := strings.HasSuffix(name, "*")
		key, err := then(t, root(t, "Age"), "Bands", i+1).As(strings.TrimSuffix(name, "*"))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
		out.Keys = append(out.Keys, tally.Key{Plan: key, Closed: !open, Additive: true})
	}
	for _, s := range strings.Fields(stats) {
		n := then(t, root(t, "Age"), "Mean")
		if s != "mean" {
			n = then(t, root(t, "HasEHR"), map[string]string{"proportion": "Proportion", "count": "Count"}[s])
		}
		n, err := n.As(s)
		if err != nil {
			t.Fatal(err)
		}
		out.Stats = append(out.Stats, n)
	}
	for _, l := range lines[1:] {
		parts := strings.Split(l, " | ")
		g := tally.Group{Labels: strings.Fields(parts[0]), All: tally.Set{Participants: number(t, parts[1])}}
		for i, p := range parts[2:] {
			f := strings.Fields(p)
			v := tally.Value{Known: tally.Set{Participants: number(t, f[0])}}
			if out.Stats[i].Op() == "Mean" {
				m, err := strconv.ParseFloat(f[1], 64)
				if err != nil {
					t.Fatal(err)
				}
				v.Sum = m * float64(v.Known.Participants)
				one := tally.Set{Participants: 1}
				v.Low, v.High = tally.End{Value: m - 1, At: one}, tally.End{Value: m + 1, At: one}
			} else {
				v.True.Participants = number(t, f[1])
			}
			g.Values = append(g.Values, v)
		}
		out.Groups = append(out.Groups, g)
	}
	return then(t, then(t, root(t, "Everyone"), "By", keys...), "Count"), out
}

func number(t *testing.T, s string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestZeroRelease(t *testing.T) {
	var r Release
	if len(r.MIME()) != 0 || len(r.Metadata()) != 0 || r.Result() != nil {
		t.Error("the zero Release shows something")
	}
}

// TestSealed: what a Release hands out cannot be used to change it.
func TestSealed(t *testing.T) {
	g, _, _ := newGuard(t)
	n, table := readTable(t, "sex\nF | 100")
	r, err := g.Table(n, table)
	if err != nil {
		t.Fatal(err)
	}
	was := r.MIME()["text/plain"]
	r.MIME()["text/plain"] = "changed"
	delete(r.Metadata(), "weir")
	if r.MIME()["text/plain"] != was || r.Metadata()["weir"] == nil {
		t.Error("a Release was changed from outside")
	}
}

func TestSignature(t *testing.T) {
	g, public, _ := newGuard(t)
	n, table := readTable(t, "sex\nF | 100")
	r, err := g.Table(n, table)
	if err != nil {
		t.Fatal(err)
	}
	md := r.Metadata()["weir"].(map[string]any)
	statement, signature := md["statement"].(string), md["signature"].(string)
	s, err := Verify(public, statement, signature, r.MIME())
	if err != nil || s.Class != "release" || s.Seq != 3 || s.Policy != Builtin.Hash() || s.Version != Builtin.Version || s.Repository != "test" {
		t.Fatalf("%+v, %v", s, err)
	}
	changed := r.MIME()
	changed["text/plain"] = strings.Replace(changed["text/plain"], "100", "101", 1)
	more := r.MIME()
	more["text/markdown"] = "x"
	other, _, _ := ed25519.GenerateKey(nil)
	for what, check := range map[string]func() error{
		"another number": func() error { _, err := Verify(public, statement, signature, changed); return err },
		"one more form":  func() error { _, err := Verify(public, statement, signature, more); return err },
		"another statement": func() error {
			_, err := Verify(public, strings.Replace(statement, "test", "best", 1), signature, r.MIME())
			return err
		},
		"another key":  func() error { _, err := Verify(other, statement, signature, r.MIME()); return err },
		"no signature": func() error { _, err := Verify(public, statement, "", r.MIME()); return err },
	} {
		if check() == nil {
			t.Errorf("%s was accepted", what)
		}
	}
}

// brokenLedger cannot be written after so many entries.
type brokenLedger struct{ left int }

func (l *brokenLedger) Append(string, any) (ledger.Entry, error) {
	if l.left--; l.left < 0 {
		return ledger.Entry{}, errors.New("no space left on device")
	}
	return ledger.Entry{}, nil
}

// TestLedgerFirst: what cannot be recorded is not released.
func TestLedgerFirst(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(nil)
	for n := range 2 {
		if _, err := New(Builtin, &brokenLedger{n}, key, "s", &plan.Schema{}, nil); err == nil {
			t.Error("a session began without its record")
		}
	}
	g, err := New(Builtin, &brokenLedger{2}, key, "s", &plan.Schema{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, table := readTable(t, "sex\nF | 100")
	head := then(t, root(t, "Everyone"), "Head", 5)
	for what, release := range map[string]func() (Release, error){
		"table":   func() (Release, error) { return g.Table(n, table) },
		"card":    func() (Release, error) { return g.Card(root(t, "Open", "x"), 100) },
		"refusal": func() (Release, error) { return g.Refuse(head, RowLevel()) },
	} {
		if r, err := release(); err == nil || len(r.MIME()) > 0 || r.Result() != nil {
			t.Errorf("%s: %v, %v", what, r.MIME(), err)
		}
	}
}

func TestPolicyFloor(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(nil)
	lax, strict := Builtin, Builtin
	lax.Threshold, strict.Threshold = 10, 100
	for _, p := range []Policy{lax, {}, {Version: "strict", Threshold: 100}} {
		if _, err := New(p, &brokenLedger{9}, key, "s", &plan.Schema{}, nil); err == nil {
			t.Errorf("%+v was accepted", p)
		}
	}
	if _, err := New(strict, &brokenLedger{9}, key, "s", &plan.Schema{}, nil); err != nil {
		t.Error(err)
	}
}

// TestNoRule: a statistic without a rule is not released.
func TestNoRule(t *testing.T) {
	g, _, _ := newGuard(t)
	n, table := readTable(t, "sex\nF | 100")
	table.Stats = []*plan.Node{root(t, "Age")}
	table.Groups[0].Values = []tally.Value{{}}
	if r, err := g.Table(n, table); err == nil || len(r.MIME()) > 0 {
		t.Errorf("released: %v", r.MIME())
	}
}

// TestEscaping: names are an analyst's, labels a vocabulary's; neither is markup.
func TestEscaping(t *testing.T) {
	g, _, _ := newGuard(t)
	n, table := readTable(t, "sex\nF | 100")
	evil := `<img src=x onerror="alert(1)">`
	table.Groups[0].Labels[0] = evil
	n, err := n.As(evil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.Table(n, table)
	if err != nil {
		t.Fatal(err)
	}
	chart, err := g.Chart(then(t, then(t, n, "Bar"), "Title", evil), r)
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range []string{r.MIME()["text/html"], chart.MIME()["image/svg+xml"]} {
		if strings.Contains(page, "<img") {
			t.Error(page)
		}
	}
}

// TestAttrition attacks random flowcharts: no number that is shown, and no
// difference of two, is a count of 1 to 20.
func TestAttrition(t *testing.T) {
	g, _, _ := newGuard(t)
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		n := int64(r.IntN(400))
		table := &tally.Table{}
		for i := range 2 + r.IntN(8) {
			table.Groups = append(table.Groups, tally.Group{Labels: []string{fmt.Sprint(i)}, All: tally.Set{Participants: n}})
			n -= r.Int64N(min(n, 60) + 1)
		}
		p, err := g.attrition(t.Context(), nil, table)
		if err != nil {
			t.Fatal(err)
		}
		var shown []int64
		for i, row := range p.rows {
			if row.cells[0].Hidden {
				continue
			}
			v := int64(row.cells[0].Value)
			if v != table.Groups[i].All.Participants {
				t.Fatalf("step %d shows %d of %d", i, v, table.Groups[i].All.Participants)
			}
			for _, w := range append(shown, 0) {
				if d := max(v-w, w-v); d >= 1 && d <= 20 {
					t.Fatalf("%d and %d are shown", v, w)
				}
			}
			shown = append(shown, v)
		}
	}
}

func TestLedgerKeepsWhatWasShown(t *testing.T) {
	g, _, path := newGuard(t)
	n, table := readTable(t, "sex\nF | 4321\nM | 7")
	if _, err := g.Table(n, table); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `["4,321"]`) || !strings.Contains(string(b), `["hidden"]`) || strings.Contains(string(b), `"7"`) {
		t.Errorf("the ledger has\n%s", b)
	}
}
