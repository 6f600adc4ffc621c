package guard_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
)

var (
	chosen = flag.String("seeds", "", "attack these tables only: cells:seed, with commas between")
	part   = flag.String("part", "1/1", "attack a part of the tables, such as 2/2")
)

// campaign attacks the worlds of many seeds on all processors.
func campaign(t testing.TB, seeds []uint64, cells, nodes int) *attack {
	var all attack
	var mu sync.Mutex
	var wg sync.WaitGroup
	next := make(chan uint64)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			publish := guarded()
			for seed := range next {
				var a attack
				err := a.on(worldOf(seed, cells), publish, nodes)
				mu.Lock()
				if err != nil {
					t.Errorf("seed %d: %v", seed, err)
				}
				for i := range a.leaks {
					a.leaks[i].seed, a.leaks[i].cells = seed, cells
				}
				all.plus(&a)
				mu.Unlock()
			}
		})
	}
	for _, seed := range seeds {
		next <- seed
	}
	close(next)
	wg.Wait()
	return &all
}

// seedsOf is the seeds of a campaign: those that were chosen, or the first ones and
// of them a part.
func seedsOf(t testing.TB, tables, cells int) (out []uint64) {
	if *chosen != "" {
		for s := range strings.SplitSeq(*chosen, ",") {
			var of int
			var seed uint64
			if n, _ := fmt.Sscanf(s, "%d:%d", &of, &seed); n != 2 {
				t.Fatalf("-seeds %s: write cells:seed", s)
			}
			if of == cells {
				out = append(out, seed)
			}
		}
		return out
	}
	var i, n uint64
	if got, _ := fmt.Sscanf(*part, "%d/%d", &i, &n); got != 2 || i < 1 || i > n {
		t.Fatalf("-part %s: write 1/2", *part)
	}
	for seed := uint64(tables) * (i - 1) / n; seed < uint64(tables)*i/n; seed++ {
		out = append(out, seed)
	}
	return out
}

// campaigns are the attacks of one run: small tables for whole numbers, large ones
// by linear programming alone; with LONG set 100,000 in all.
func campaigns(t testing.TB) *attack {
	of := func(quick, long int) int {
		if os.Getenv("LONG") != "" {
			return long
		}
		return quick
	}
	a := campaign(t, seedsOf(t, of(250, 40_000), 10), 10, 500)
	a.plus(campaign(t, seedsOf(t, of(250, 59_000), 36), 36, 500))
	a.plus(campaign(t, seedsOf(t, of(5, 1000), 150), 150, 0))
	return a
}

// TestAttack attacks random tables: nothing of 1 to 20 is determined, or known to be
// no more, and no participant's value is.
func TestAttack(t *testing.T) {
	a := campaigns(t)
	pinned := 0
	for _, l := range a.leaks {
		if !l.exact {
			if pinned++; pinned > 30 {
				continue
			}
		}
		t.Errorf("seed %d, %d cells: %s", l.seed, l.cells, l.text)
	}
	if len(a.broken) > 0 {
		t.Errorf("the attacker relies on rules that the guard does not keep: %v", a.broken)
	}
	t.Log(a)
	t.Logf("%d certificates are verified, %d tables are too large for one", certificates.Load(), tooLarge.Load())
	if tooLarge.Load() > certificates.Load()/50 {
		t.Error("too few certificates")
	}
}

// found are tables in which the attack found something once, and what.
var found = []struct {
	what  string
	cells int
	seed  uint64
}{
	{"no certificate: of two splits with the same labels, those without one were taken for those without the other", 36, 2278},
	{"the same with statistics", 36, 4642},
	{"how many miss a value: means of 418 and 416 under one of 269 leave a group of 41 at least 40, whatever the hidden groups have", 10, 6257},
	{"how many miss a value: a third quartile that is no interval is of 81 or more, and one of tenths that is 8.775 of an even number, so of 82 of 83", 36, 29053},
	{"the same where it is known that some do", 150, 772},
	{"the same of 82, where 1 or 2 do", 36, 53792},
	{"those between two values who are in the total of a split, but not in a group of it", 36, 46103},
}

func TestFound(t *testing.T) {
	for _, f := range found {
		a := campaign(t, []uint64{f.seed}, f.cells, 500)
		if a.tables != 1 || len(a.leaks) > 0 {
			t.Errorf("%s: %v", f.what, a.leaks)
		}
	}
}

// TestRareLabels: a label that only the data knows appears nowhere, if not more
// than 20 participants of the table have it, unless the analyst wrote it.
func TestRareLabels(t *testing.T) {
	rare := 0
	for seed := range uint64(400) {
		w := worldOf(seed, 24)
		have := map[string]int{}
		for _, p := range w.members() {
			for i := range w.keys {
				if k := &w.keys[i]; k.open {
					for at, l := range k.labels {
						have[l] += indicator(k.has(p, at))
					}
				}
			}
			for _, s := range w.stats {
				for at, l := range s.of.labels {
					have[l] += indicator(s.node.Op() == "Shares" && s.of.value[p] == float64(at))
				}
			}
		}
		_, mime := outputs(t, w.plan, w.table(), seed%20 == 0)
		for _, l := range slices.Sorted(maps.Keys(have)) {
			if have[l] > threshold || strings.Contains(w.plan.String(), l) {
				continue
			}
			rare++
			for kind, text := range mime {
				if strings.Contains(text, l) && !strings.HasSuffix(kind, "png") {
					t.Errorf("seed %d: %d participants have the label %s, and it stands in %s\n%s", seed, have[l], l, kind, w.plan)
				}
			}
		}
		if t.Failed() {
			break
		}
	}
	if !t.Failed() && rare < 100 {
		t.Errorf("%d rare labels: too few to say anything", rare)
	}
}

// bytesSource draws from given bytes, then from what follows of them.
type bytesSource struct {
	data []byte
	last uint64
}

func (s *bytesSource) Uint64() uint64 {
	if len(s.data) >= 2 {
		s.last = s.last*0x9e3779b97f4a7c15 + uint64(binary.LittleEndian.Uint16(s.data))
		s.data = s.data[2:]
	}
	s.last += 0x9e3779b97f4a7c15
	x := s.last
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// FuzzTable lets the fuzzer choose plan and microdata.
func FuzzTable(f *testing.F) {
	for _, s := range []string{"", "a", "weir", "attack", "\x00\x01\x02\x03\x04\x05\x06\x07", "complements and trackers"} {
		f.Add([]byte(s))
	}
	publish := guarded()
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newWorld(rand.New(&bytesSource{data: data}), 12)
		var a attack
		if err := a.on(w, publish, 100); err != nil {
			t.Fatal(err)
		}
		if len(a.leaks) > 0 {
			t.Error(a.leaks[0].text)
		}
	})
}
