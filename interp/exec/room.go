package exec

import (
	"fmt"
	"go/token"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// large is the size in bytes from which an allocation is checked beforehand. The
// collector works beside the cell and would be overtaken by a few large slices:
// the process then ends at its hard limit with garbage in its hands.
const large = 1 << 20

// room makes room for size bytes, or panics in the cell if there is none below the
// process's memory limit (debug.SetMemoryLimit). It collects once half of what the
// last collection left free has been used.
func (fr *frame) room(at token.Pos, size int64) {
	if size < large {
		return
	}
	fr.m.heed()
	limit := debug.SetMemoryLimit(-1)
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	used := func() int64 { metrics.Read(sample); return int64(sample[0].Value.Uint64()) }
	live := &fr.m.live
	if size < limit && used() < *live+(limit-*live)/2-size {
		return
	}
	runtime.GC()
	*live = used()
	if size > limit-*live {
		fr.throw(at, plainError(fmt.Sprintf("out of memory: a slice of %d MB, where %d of %d MB are in use", size>>20, *live>>20, limit>>20)))
	}
}

// grow makes room for what append allocates when n elements of size bytes go to a
// slice that has not the capacity: at most twice the slice.
func grow(fr *frame, at token.Pos, length, capacity, n int, size int64) {
	if length+n > capacity {
		fr.room(at, size*int64(max(2*length, length+n)))
	}
}

func (fr *frame) concat(a, b string) string {
	if len(a)+len(b) >= large {
		fr.m.heed()
	}
	return a + b
}
