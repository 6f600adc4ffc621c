package guard_test

import (
	"encoding/binary"
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

// campaign attacks the worlds of many seeds on all processors.
func campaign(t testing.TB, tables, cells, nodes int) *attack {
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
					a.leaks[i] = fmt.Sprintf("seed %d, %d cells: %s", seed, cells, a.leaks[i])
				}
				all.plus(&a)
				mu.Unlock()
			}
		})
	}
	for seed := range uint64(tables) {
		next <- seed
	}
	close(next)
	wg.Wait()
	return &all
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
	a := campaign(t, of(250, 40_000), 10, 500)
	a.plus(campaign(t, of(250, 59_000), 36, 500))
	a.plus(campaign(t, of(5, 1000), 150, 0))
	return a
}

// TestAttack attacks random tables: nothing of 1 to 20 is determined, or known to be
// no more, and no participant's value is.
func TestAttack(t *testing.T) {
	a := campaigns(t)
	for _, l := range a.leaks[:min(len(a.leaks), 10)] {
		t.Error(l)
	}
	if len(a.broken) > 0 {
		t.Errorf("the attacker relies on rules that the guard does not keep: %v", a.broken)
	}
	t.Log(a)
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
			t.Error(a.leaks[0])
		}
	})
}
