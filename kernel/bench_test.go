package kernel

import (
	"strings"
	"testing"
)

// Round trips over loopback TCP, the client's side, which signs and checks too,
// included.

func BenchmarkKernelInfo(b *testing.B) {
	k, _ := start(b, scripted{}, nil)
	c := connect(b, k)
	for b.Loop() {
		id := c.request("kernel_info_request", nil)
		if r := c.reply(); r.parent != id {
			b.Fatalf("got %s", r.kind)
		}
	}
}

// BenchmarkExecuteToIdle runs a cell with one result.
func BenchmarkExecuteToIdle(b *testing.B) {
	k, _ := start(b, scripted{}, nil)
	c := connect(b, k)
	for b.Loop() {
		id := c.execute("result 1")
		if out := c.untilIdle(id); len(out) != 2 {
			b.Fatalf("got %v", out)
		}
		c.reply()
	}
}

// BenchmarkStream is one call of Stream, 30,000 to a cell.
func BenchmarkStream(b *testing.B) {
	k, _ := start(b, scripted{}, nil)
	c := connect(b, k)
	for b.Loop() {
		c.execute("flood 30000")
		for !strings.Contains(c.published().content, `"idle"`) {
		}
		c.reply()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/30000, "ns/line")
}
