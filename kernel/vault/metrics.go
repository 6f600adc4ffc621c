package vault

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// bounds of the histogram of cells' times, in seconds.
var bounds = []float64{0.1, 0.5, 2.5, 10, 60, 600}

// outcomes are what a cell's line may say; see Report.
var outcomes = []string{"done", "failed", "interrupted"}

type metrics struct {
	mu       sync.Mutex
	sessions int64
	begun    int64
	refusals int64
	cells    map[string]int64
	buckets  []int64 // cumulative
	seconds  float64
	timed    int64
}

func (m *metrics) entered() { m.mu.Lock(); m.sessions++; m.begun++; m.mu.Unlock() }
func (m *metrics) left()    { m.mu.Lock(); m.sessions--; m.mu.Unlock() }
func (m *metrics) refused() { m.mu.Lock(); m.refusals++; m.mu.Unlock() }

// follow counts the cells of a process until it ends. A line that is none ends it.
func (m *metrics) follow(r *os.File) {
	go func() {
		defer r.Close()
		lines := bufio.NewScanner(r)
		for lines.Scan() {
			var outcome string
			var seconds float64
			if n, err := fmt.Sscanf(lines.Text(), "cell %s %f", &outcome, &seconds); n != 2 || err != nil || !m.cell(outcome, seconds) {
				return
			}
		}
	}()
}

func (m *metrics) cell(outcome string, seconds float64) bool {
	known := false
	for _, o := range outcomes {
		known = known || o == outcome
	}
	if !known || !(seconds >= 0 && seconds < 1e9) { // NaN is neither
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.cells == nil {
		m.cells, m.buckets = map[string]int64{}, make([]int64, len(bounds))
	}
	m.cells[outcome]++
	for i, b := range bounds {
		if seconds <= b {
			m.buckets[i]++
		}
	}
	m.seconds += seconds
	m.timed++
	return true
}

// Report tells the vault of a cell; the process that serves a connection calls it.
// The time is rounded: how long a plan takes can depend on the data.
func Report(w io.Writer, outcome string, took time.Duration) {
	fmt.Fprintf(w, "cell %s %.1f\n", outcome, took.Seconds())
}

func (m *metrics) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	gauge := func(name, kind, help string, v any) {
		fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n%s %v\n", name, help, name, kind, name, v)
	}
	gauge("weir_vault_sessions", "gauge", "Sessions that are open.", m.sessions)
	gauge("weir_vault_sessions_begun_total", "counter", "Sessions and requests that were let in.", m.begun)
	gauge("weir_vault_refused_total", "counter", "Connections that were refused.", m.refusals)
	b.WriteString("# HELP weir_vault_cells_total Cells that ended, by outcome.\n# TYPE weir_vault_cells_total counter\n")
	for _, o := range outcomes {
		fmt.Fprintf(&b, "weir_vault_cells_total{outcome=%q} %d\n", o, m.cells[o])
	}
	b.WriteString("# HELP weir_vault_cell_seconds How long cells took.\n# TYPE weir_vault_cell_seconds histogram\n")
	for i, bound := range bounds {
		n := int64(0)
		if m.buckets != nil {
			n = m.buckets[i]
		}
		fmt.Fprintf(&b, "weir_vault_cell_seconds_bucket{le=\"%g\"} %d\n", bound, n)
	}
	fmt.Fprintf(&b, "weir_vault_cell_seconds_bucket{le=\"+Inf\"} %d\nweir_vault_cell_seconds_sum %.1f\nweir_vault_cell_seconds_count %d\n", m.timed, m.seconds, m.timed)
	return b.String()
}

// ServeMetrics answers /metrics and /healthz at an address of this machine until
// ctx is done.
func (s *Server) ServeMetrics(ctx context.Context, address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		io.WriteString(w, s.metrics.text())
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		if s.Check != nil {
			if err := s.Check(); err != nil {
				s.Log("unhealthy", err.Error())
				http.Error(w, "unhealthy: the service's log says why", http.StatusServiceUnavailable)
				return
			}
		}
		io.WriteString(w, "ok\n")
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stop := context.AfterFunc(ctx, func() { server.Close() })
	defer stop()
	if err := server.Serve(l); ctx.Err() == nil {
		return err
	}
	return nil
}
