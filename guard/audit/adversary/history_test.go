package adversary

import (
	"os"
	"testing"
)

// TestRaid plays everything against the audit: no count of 1 to 20 participants and no
// sum over as few is got, by linear algebra, by bounds, or in whole numbers.
func TestRaid(t *testing.T) {
	rounds := 2
	if os.Getenv("LONG") != "" {
		rounds = 60
	}
	var all loot
	for name, l := range raid(theWorld(), rounds, guard) {
		t.Logf("%s: %v", name, l)
		if l.exact() > 0 {
			t.Errorf("%s: %v\n%s", name, l, l.story)
		}
		all.add(l)
	}
	t.Logf("all: %v", all)
}

// TestSessionControls: the simulator convicts a door that shows too much, and one that
// shows too little.
func TestSessionControls(t *testing.T) {
	c := scenario{"2%", false, 1, true}
	if b := c.run(theWorld(), 9, 2, 8, func(t terms) door { return thresholdOnly{t} }); b.exposed == 0 {
		t.Errorf("behind a threshold alone nobody is exposed: %+v", b)
	}
	if b := c.run(theWorld(), 9, 1, 8, func(terms) door { return silent{} }); b.needless == 0 {
		t.Errorf("a silent door withholds nothing needlessly: %+v", b)
	}
}
