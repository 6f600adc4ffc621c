package adversary

import (
	"math/rand/v2"
	"os"
	"testing"
)

// TestSmallWorlds: nobody of a small world is exposed, a number that was shown is shown
// again, and what is withheld is mostly withheld for a reason.
func TestSmallWorlds(t *testing.T) {
	worlds := 1500
	if os.Getenv("LONG") != "" {
		worlds = 40_000
	}
	got := playMany(worlds, guard)
	t.Logf("%d worlds: %d of %d numbers shown; of a sample of %d withheld %d are needless", got.worlds, got.shown, got.numbers, got.withheld, got.needless)
	if got.err != nil || got.exposed > 0 {
		t.Errorf("%d of %d worlds exposed, %v\n%s", got.exposed, got.worlds, got.err, got.story)
	}
	if got.needless > got.withheld/2 {
		t.Errorf("%d of %d withheld numbers are needless", got.needless, got.withheld)
	}
}

// TestBand: with a guard band no set that is larger by up to the band follows either,
// unless it was asked for itself.
func TestBand(t *testing.T) {
	for seed := range uint64(300) {
		w, err := play(rand.New(rand.NewPCG(seed, 4)), func(t terms) door { t.band = 2; return guard(t) })
		if err != nil {
			t.Fatal(err)
		}
		asked := map[string]bool{}
		for _, p := range w.shown {
			asked[p.key()] = true
		}
		for _, p := range spanned(w.participants, w.shown).light(w.limit + 2) {
			if p.count() <= w.limit || !asked[p.key()] {
				t.Fatalf("seed %d: %v follows\n%s", seed, p.members(), w.story())
			}
		}
	}
}

// FuzzHistory plays small worlds that a fuzzer chooses.
func FuzzHistory(f *testing.F) {
	for seed := range uint64(16) {
		r := rand.New(rand.NewPCG(seed, 6))
		b := make([]byte, 200)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, choices []byte) {
		w, err := play(&letters{choices}, guard)
		if err != nil {
			t.Fatalf("%v\n%s", err, w.story())
		}
		if found := w.exposed(w.limit); len(found) > 0 {
			t.Fatalf("%v follows\n%s", found[0].members(), w.story())
		}
	})
}

// TestSessions plays sessions of people who mean well: they lose little, hardly
// anything that logic does not make it necessary to withhold, and expose nobody.
func TestSessions(t *testing.T) {
	sessions, questions := 2, 10
	if os.Getenv("LONG") != "" {
		sessions, questions = 5, 20
	}
	var all bill
	for i, c := range []scenario{{"12%", true, 1, true}, {"2%", false, 1, true}, {"0.3%", false, 1, true}, {"2%", false, 2, true}} {
		b := c.run(theWorld(), uint64(i), sessions, questions, guard)
		all.add(b)
		b.leak = ""
		t.Logf("%+v: %+v", c, b)
	}
	if all.exposed > 0 {
		t.Errorf("%d of %d histories expose somebody, %d by logic alone\n%s", all.exposed, all.histories, all.derived, all.leak)
	}
	if 50*all.needless > all.above || 20*all.touchedNeedlessly > all.questions {
		t.Errorf("needless: %d of %d numbers, in %d of %d questions; one is %s", all.needless, all.above, all.touchedNeedlessly, all.questions, all.story)
	}
}
