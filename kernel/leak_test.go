package kernel

import (
	"runtime"
	"testing"
)

// manySessions serves sessions one after the other, each with a front end that runs a
// cell and one that stays without a word.
func manySessions(t *testing.T, sessions int) {
	for range sessions {
		t.Run("session", func(t *testing.T) {
			k, stop := start(t, scripted{}, nil)
			connect(t, k).works()
			dial(t, k.file.Shell)
			if err := stop(); err != nil {
				t.Error(err)
			}
			closeDialled()
		})
	}
}

// 1,000 sessions leave no goroutine, descriptor or memory behind.
func TestSessionsLeaveNothing(t *testing.T) {
	if left := leftPerSession(t, 1000); left > 2<<10 {
		t.Errorf("a session left %d bytes", left)
	}
}

// leftPerSession is the memory that is still in use after sessions, in bytes for each.
func leftPerSession(t *testing.T, sessions int) int64 {
	manySessions(t, 10) // what the runtime starts once for all
	before, heap := resources(t), heapInUse()
	manySessions(t, sessions)
	nothingLeft(t, before)
	return (heapInUse() - heap) / int64(sessions)
}

func heapInUse() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
