package kernel

import (
	"runtime"
	"testing"
)

// manySessions serves sessions one after the other, each with a front end that runs a
// cell and one that stays without a word. What a test keeps until its end goes with
// every hundred.
func manySessions(t *testing.T, hundreds int) {
	for range hundreds {
		t.Run("100 sessions", func(t *testing.T) {
			for range 100 {
				k, stop := start(t, scripted{}, nil)
				connect(t, k).works()
				dial(t, k.file.Shell)
				if err := stop(); err != nil {
					t.Error(err)
				}
				closeDialled()
			}
		})
	}
}

// 1,000 sessions leave no goroutine, descriptor or memory behind.
func TestSessionsLeaveNothing(t *testing.T) {
	if left := leftPerSession(t); left > 2<<10 {
		t.Errorf("a session left %d bytes", left)
	}
}

// leftPerSession is the memory that is still in use after 1,000 sessions, in bytes
// for each.
func leftPerSession(t *testing.T) int64 {
	manySessions(t, 1) // what the runtime starts once for all
	before, heap := resources(t), heapInUse()
	manySessions(t, 10)
	nothingLeft(t, before)
	return (heapInUse() - heap) / 1000
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
