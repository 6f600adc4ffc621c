package cell

import (
	"runtime"
	"testing"
)

// A compiler that forgets its cells keeps nothing of them, nor of what they imported.
func TestResetLetsGo(t *testing.T) {
	c := New()
	use := func() {
		if _, err := c.Compile(1, "x := []int{3, 1}\nslices.Sort(x)\nmaps.Clone(map[int]int{})"); err != nil {
			t.Fatal(err)
		}
		c.Reset()
	}
	inUse := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	use()
	before := inUse()
	const times = 20
	for range times {
		use()
	}
	if after := inUse(); after > before+times*8<<10 {
		t.Errorf("%d bytes are left of each", (after-before)/times)
	}
}
