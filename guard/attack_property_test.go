package guard_test

import (
	"crypto/ed25519"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"weir/datasets/plan"
	"weir/datasets/tally"
	"weir/guard"
	"weir/guard/certificate"
)

// outputs is everything that a notebook sees of a table: the table, its groups
// sorted and cut, a chart.
func outputs(t testing.TB, n *plan.Node, table *tally.Table, chart bool) (*plan.Result, map[string]string) {
	t.Helper()
	l := &memory{}
	g, err := guard.New(guard.Builtin, l, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)), "session", &plan.Schema{Name: "test", CDR: "v1", Tier: plan.Registered}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := g.Table(n, table)
	if err != nil {
		t.Fatalf("%v\n%s", err, n)
	}
	mime := map[string]string{"certificate": l.detail().Uncertified + string(l.detail().Certificate)}
	note := func(what string, r guard.Release) {
		for k, v := range r.MIME() {
			mime[what+" "+k] = v
		}
	}
	note("table", r)
	sorted := must(n.Then("SortByCount"))
	v, err := g.View(sorted, r)
	if err != nil {
		t.Fatal(err)
	}
	note("sorted", v)
	if v, err = g.View(must(sorted.Then("Top", 2)), v); err != nil {
		t.Fatal(err)
	}
	note("top", v)
	if !chart { // they take their time
		return r.Result(), mime
	}
	if c, err := g.Chart(must(n.Then("Bar")), r); err == nil {
		note("bar", c)
	}
	return r.Result(), mime
}

// TestSameNumbersSameOutput: two worlds that differ in what is hidden, and of which
// the released numbers are the same, look the same in every representation, in
// every order and as a chart, and have the same certificate: nothing else than the
// numbers gets out.
func TestSameNumbersSameOutput(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	same, certified := 0, 0
	for seed := range uint64(300) {
		w := worldOf(seed, 24)
		if w.steps != nil || len(w.keys) == 0 {
			continue
		}
		chart := seed%20 == 0
		result, mime := outputs(t, w.plan, w.table(), chart)
		for range 3 {
			if !w.alter(r) {
				break
			}
			result2, mime2 := outputs(t, w.plan, w.table(), chart)
			if reflect.DeepEqual(result, result2) {
				same++
				if !sameShown(mime["certificate"], mime2["certificate"]) {
					delete(mime, "certificate")
					delete(mime2, "certificate")
				} else {
					certified += indicator(len(mime["certificate"]) > 1000)
				}
				if !maps.Equal(mime, mime2) {
					for k := range mime {
						if mime[k] != mime2[k] {
							t.Errorf("seed %d: the same numbers in two forms\n%s\n%s: %s\n%s", seed, w.plan, k, mime[k], mime2[k])
						}
					}
					t.FailNow()
				}
			}
			result, mime = result2, mime2
		}
	}
	if t.Logf("%d pairs with the same numbers, %d with a certificate", same, certified); same < 50 || certified < 20 {
		t.Error("too few to say anything")
	}
}

// sameShown says whether certificates are of the same shown counts: a percentage is
// of several numerators.
func sameShown(a, b string) bool {
	var x, y certificate.Certificate
	if json.Unmarshal([]byte(a), &x) != nil || json.Unmarshal([]byte(b), &y) != nil {
		return true // no certificates: the same reason
	}
	return slices.Equal(x.Shown, y.Shown)
}

// alter gives one participant of a small group another one's value.
func (w *world) alter(r *rand.Rand) bool {
	for range 50 {
		p, q := r.IntN(w.people), r.IntN(w.people)
		k := w.keys[r.IntN(len(w.keys))]
		if k.of == nil {
			k.member[p] ^= 1 << r.IntN(len(k.labels))
			return true
		}
		of := w.sources[r.IntN(len(w.sources))]
		like := 0
		for i := range w.people {
			like += indicator(k.label(k.of.value[i]) == k.label(k.of.value[p]))
		}
		if like > 40 || of.value[p] == of.value[q] {
			continue
		}
		of.value[p] = of.value[q]
		return true
	}
	return false
}

// TestRowsDoNotCount: rows multiplied or duplicated change nothing that is released.
func TestRowsDoNotCount(t *testing.T) {
	for seed := range uint64(200) {
		w := worldOf(seed, 24)
		_, mime := outputs(t, w.plan, w.table(), false)
		for p := range w.rows {
			w.rows[p] = 1
		}
		if _, again := outputs(t, w.plan, w.table(), false); !maps.Equal(mime, again) {
			t.Fatalf("seed %d: the number of rows is seen\n%s", seed, w.plan)
		}
	}
}
