//go:build figures

package kernel

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// figure prints a line of the scoreboard; .ci/scoreboard takes the mark away.
func figure(name string, value any, unit, target string, ok bool) {
	verdict := "short"
	if ok {
		verdict = "ok"
	}
	fmt.Printf("figure: %s %v %s %s %s\n", name, value, unit, target, verdict)
}

func TestFigures(t *testing.T) {
	t.Run("kernel", func(t *testing.T) {
		besideIPyKernel(t)
		passed := conformance(t)
		figure("kernel/jupyter_kernel_test", fmt.Sprintf("%d/13", passed), "tests", "13/13", passed == 13)
		slowSubscriber(t)
		amongStrangers(t)
		left := leftPerSession(t) // fails when a goroutine or descriptor is left
		figure("kernel/left_by_each_of_1000_sessions", left, "bytes_and_no_goroutine_or_descriptor", "<=2048", left <= 2048 && !t.Failed())
		fuzzFigure(t)
		soakFigure(t)
	})
}

// besideIPyKernel measures weir, ipykernel and a kernel that only says what its cells
// are in turns, with jupyter_client. What the last takes is the floor: the client's own
// time and the wire's, which no kernel of this package can be without.
func besideIPyKernel(t *testing.T) {
	installScripted(t)
	out, errs, err := jupyter(t, "compare.py")
	if err != nil {
		t.Fatalf("%v\n%s", err, errs)
	}
	var times map[string]map[string][]float64
	if err := json.Unmarshal(out, &times); err != nil {
		t.Fatal(err)
	}
	for _, f := range []struct {
		name, measure, unit string
		scale, target       float64
	}{
		{"start_to_ready", "start", "ms", 1e3, 0.3},
		{"kernel_info_round_trip", "info", "ms", 1e3, 0.5},
		{"execute_to_idle", "sum", "ms", 1e3, 0.2},
		{"10000_lines_to_idle", "lines", "ms", 1e3, 0.5},
		{"memory_at_rest", "memory", "MB", 1.0 / (1 << 20), 1},
	} {
		of := func(kernel string) float64 { return median(times[f.measure][kernel]) * f.scale }
		ours, theirs, floor := of("weir"), of("python3"), of("scripted")
		x := ours / theirs
		figure("kernel/"+f.name, fmt.Sprintf("%.2f", x), fmt.Sprintf("x_ipykernel;%.2f_%s_beside_%.2f;floor_%.2f=%.2fx", ours, f.unit, theirs, floor, floor/theirs),
			fmt.Sprintf("<=%g", f.target), x <= f.target)
	}
}

// installScripted puts a kernelspec of this test binary, as a kernel of scripted, beside
// that of weir.
func installScripted(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	spec, err := json.Marshal(fields{"argv": []string{self, "{connection_file}"}, "display_name": "scripted", "language": "script", "env": fields{serveEnv: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(weir(t), "share/jupyter/kernels/scripted")
	if err := errors.Join(os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "kernel.json"), spec, 0o644)); err != nil {
		t.Fatal(err)
	}
}

func median(values []float64) float64 {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}

// slowSubscriber counts what reaches a subscriber that rests after every hundred
// messages, of 30,000 that cannot be joined.
func slowSubscriber(t *testing.T) {
	const messages = 30_000
	k, stop := start(t, scripted{}, nil)
	defer stop()
	c := connect(t, k)
	id := c.execute(fmt.Sprintf("pictures %d 500", messages))
	arrived, last := 0, ""
	for last == "" {
		m := c.published()
		switch {
		case m.kind == "display_data" && m.parent == id:
			if arrived++; arrived%100 == 0 {
				time.Sleep(10 * time.Millisecond)
			}
		case m.parent == id && m.content == `{"execution_state":"idle"}`:
			last = "idle"
		}
	}
	figure("kernel/slow_subscriber", fmt.Sprintf("%d/%d", arrived, messages), "messages_then_"+last, "all", arrived == messages)
}

// amongStrangers measures an honest front end's cell, alone and while 1,000 others
// connect and vanish, send garbage, huge headers, wrong signatures and replays.
func amongStrangers(t *testing.T) {
	k, stop := start(t, scripted{}, nil)
	defer stop()
	alone := besiege(t, k, 0, enough(200))
	visited, most := 0, enough(200)
	besieged := besiege(t, k, 20, func(visits int) bool { visited = visits; return most(0) && visits >= 1000 })
	slowest := slices.Max(besieged)
	figure("kernel/honest_cell_among_strangers", slowest.Round(100*time.Microsecond).Seconds()*1e3,
		fmt.Sprintf("ms_at_most_in_%d;%d_strangers;alone_%.1f", len(besieged), visited, slices.Max(alone).Seconds()*1e3), "<=500", slowest <= 500*time.Millisecond)
}

// enough is reached after as many calls.
func enough(calls int) func(int) bool {
	return func(int) bool { calls--; return calls <= 0 }
}

func fuzzFigure(t *testing.T) {
	lasts := lasts(10 * time.Second)
	visits := fuzzWire(t, time.Now().Add(lasts))
	figure("kernel/wire_fuzzed", visits, fmt.Sprintf("visits_in_%v_and_no_panic_or_lost_cell", lasts), ">=1000", visits >= 1000 && !t.Failed())
}

func soakFigure(t *testing.T) {
	lasts := lasts(5 * time.Second)
	s := soak(t, time.Now().Add(lasts))
	what := fmt.Sprintf("%d_cells;%d_interrupts;%d_crashes;%d_restarts;%v", s.cells, s.interrupts, s.crashes, s.restarts, lasts)
	figure("kernel/soak_memory", fmt.Sprintf("%.2f", growth(s.memory)), "x_of_its_second_quarter;"+what, "<=1.1", growth(s.memory) <= 1.1 && !t.Failed())
	grown := slices.Max(s.descriptors) - s.descriptors[0]
	figure("kernel/soak_descriptors", grown, "more_than_at_first", "<=2", grown <= 2)
}
