//go:build figures

package adversary

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"

	"weir/guard/audit"
)

func TestFigures(t *testing.T) { t.Run("audit", auditFigures) }

// figure prints a line of the scoreboard; a target of "" is for what stands beside others.
func figure(name string, value any, unit, target string, ok bool) {
	verdict := "short"
	if ok {
		verdict = "ok"
	}
	if target == "" {
		target = "-"
	}
	fmt.Printf("figure: audit/%s %v %s %s %s\n", name, value, unit, target, verdict)
}

func long() bool { return os.Getenv("LONG") != "" }

func percent(part, of int) float64 { return 100 * float64(part) / float64(max(of, 1)) }

func auditFigures(t *testing.T) {
	t.Run("leaks", leakFigures)
	t.Run("cost", costFigures)
	t.Run("latency", latencyFigures)
}

// leakFigures are what attackers got. A target below 1 in 1,000 is none at all.
func leakFigures(t *testing.T) {
	rounds, worlds := 1, 400
	if long() {
		rounds, worlds = 60, 40_000
	}
	var all loot
	for _, l := range raid(theWorld(), rounds, guard) {
		all.add(l)
	}
	unit := fmt.Sprintf("of_%d_targets_in_%d_transcripts", all.targets, all.transcripts)
	counts := all.counts + all.squeezed + all.whole
	figure("counts_derived", counts, unit, "0", counts == 0)
	figure("sums_derived", all.sums, unit, "0", all.sums == 0)
	pinned := percent(all.pinned, all.tried)
	figure("hidden_sets_pinned", fmt.Sprintf("%.2f", pinned), fmt.Sprintf("%%_of_%d_tried_with_bounds", all.tried), "<=2", pinned <= 2)
	small := playMany(worlds, guard)
	figure("small_worlds_exposed", small.exposed, fmt.Sprintf("of_%d_worlds_of_8_to_60_participants", small.worlds), "0", small.exposed == 0)
}

// registered is how many participants All of Us has in its registered tier (CDR v8).
const registered = 628_664

// costFigures are what people lose who mean well.
func costFigures(t *testing.T) {
	sessions, questions := 5, 12
	if long() {
		sessions, questions = 35, 50
	}
	by := map[scenario]bill{}
	var all bill
	for i, c := range []scenario{
		{"12%", true, 1, false}, {"12%", false, 1, false}, {"2%", false, 1, false}, {"0.3%", false, 1, false},
		{"2%", true, 1, false}, {"2%", false, 5, false}, {"12%", true, 1, true}, {"2%", false, 1, true},
	} {
		by[c] = c.run(theWorld(), uint64(i), sessions, questions, guard)
		all.add(by[c])
		t.Logf("%+v: %+v", c, by[c])
	}
	of := fmt.Sprintf("of_%d_questions", all.questions)
	cells := fmt.Sprintf("of_%d_cells_above_%d", all.above, limit)
	rate := func(name string, part, whole int, unit string, most float64) {
		x := percent(part, whole)
		figure(name, fmt.Sprintf("%.2f", x), "%_"+unit, fmt.Sprintf("<=%g", most), x <= most)
	}
	rate("questions_touched_needlessly", all.touchedNeedlessly, all.questions, of, 1)
	rate("cells_lost_needlessly", all.needless, all.above, cells, 0.3)
	rate("first_number_lost", all.firstLost, all.firsts, of, 5)
	over := float64(all.lost) / float64(max(all.lost-all.needless, 1))
	figure("cells_lost_over_necessary", fmt.Sprintf("%.3f", over), fmt.Sprintf("x_of_%d_cells", all.lost-all.needless), "<=1.05", over <= 1.05)
	complete := scenario{"12%", true, 1, false}
	clean := by[complete]
	if long() {
		clean.add(complete.run(theWorld(), 100, sessions, questions, guard))
		clean.add(complete.run(theWorld(), 200, sessions, questions, guard))
	}
	rate("cells_lost_at_12%_complete", clean.lost, clean.above, fmt.Sprintf("of_%d_cells;%.2f%%_by_their_table_alone", clean.above, percent(clean.alone, clean.above)), 6)
	if long() {
		b := complete.run(newWorld(registered, 7), 0, sessions, questions, guard)
		rate(fmt.Sprintf("cells_lost_at_12%%_complete_of_%d", registered), b.lost, b.above, fmt.Sprintf("of_%d_cells;%.2f%%_by_their_table_alone", b.above, percent(b.alone, b.above)), 6)
	}
	figure("sessions_exposed", all.exposed, fmt.Sprintf("of_%d_histories;%d_proved;%d_by_logic_alone", all.histories, all.proved, all.derived), "0", all.exposed == 0)
	for c, b := range by {
		name := c.rate
		if c.clean {
			name += "_complete"
		}
		if c.shared > 1 {
			name += fmt.Sprintf("_%d_to_a_workspace", c.shared)
		}
		if c.totals {
			name += "_every_table_with_totals"
		}
		figure("cells_lost/"+name, fmt.Sprintf("%.2f", percent(b.lost, b.above)), fmt.Sprintf("%%;%.1f%%_of_questions_touched;%.1f%%_first_lost;%.1f%%_first_of_few",
			percent(b.touched, b.questions), percent(b.firstLost, b.firsts), percent(b.firstSmall, b.firsts)), "", true)
	}
}

// latencyFigures are of a history of many different sets over a million participants,
// of which every fifth answer has 40 cells or more. A decision is that of a number by itself; the
// whole check is what stands before an answer is displayed; the next question waits for
// what is left to do after that.
func latencyFigures(t *testing.T) {
	answers, step, n, sets, rank := 150, 50, 200_000, 0, 0
	if long() {
		answers, step, n, sets, rank = 10_000, 250, 1_000_000, 4000, 2000
	}
	w := newWorld(n, 8)
	options := audit.HistoryOptions{Participants: n, Limit: limit, Seed: 1}
	h := audit.NewHistory(options)
	r := rand.New(rand.NewPCG(8, 41))
	var decide, whole, settle []time.Duration
	var facts []audit.Fact
	distinct := map[uint64]bool{}
	seed := maphash.MakeSeed()
	begin, done := time.Now(), false
	for k := 1; k <= answers; k++ {
		q := diverse(w, r, k%5 == 0)
		for _, s := range q.Sets {
			distinct[maphash.Bytes(seed, s.Append(nil))] = true
		}
		start := time.Now()
		a := h.Ask(q)
		whole = append(whole, time.Since(start))
		if len(q.Numbers) == 1 {
			decide = append(decide, whole[len(whole)-1])
		}
		s := h.Stats() // waits for what the answer left to do
		settle = append(settle, s.Settle)
		facts = append(facts, a.Facts...)
		reached := sets > 0 && !done && len(distinct) >= sets && s.Rank >= rank
		late := time.Since(begin) > growth
		if !reached && !late && k != answers && k%step != 0 {
			continue
		}
		a95, b95, c95 := p95(decide, 5000), p95(whole, 500), p95(settle, 500)
		unit := fmt.Sprintf("ms_at_%d_answers_%d_sets_rank_%d_of_%d_participants;%.0f_MB", k, len(distinct), s.Rank, n, float64(s.Bytes)/1e6)
		if reached || sets == 0 && k == answers {
			figure("decision_p95", fmt.Sprintf("%.2f", a95), unit, "<=10", a95 <= 10)
			figure("whole_check_p95", fmt.Sprintf("%.2f", b95), unit, "<=50", b95 <= 50)
			resumeFigure(t, h, options, facts)
			done = true
		} else {
			figure(fmt.Sprintf("growth/%d", k), fmt.Sprintf("%.2f", a95), unit+fmt.Sprintf(";whole_%.2f_ms;settled_%.2f_ms", b95, c95), "", true)
		}
		if late {
			figure("growth_ended", k, fmt.Sprintf("answers_after_%v", growth), fmt.Sprint(">=", answers), false)
			return
		}
	}
}

// growth is how long the history is let grow.
const growth = 30 * time.Minute

// resumeFigure is how long it takes to take a history up again from what it saved.
func resumeFigure(t *testing.T, h *audit.History, o audit.HistoryOptions, facts []audit.Fact) {
	var state bytes.Buffer
	if err := h.Save(&state); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	if _, err := audit.Load(o, state.Bytes(), facts); err != nil {
		t.Fatal(err)
	}
	took := time.Since(start).Seconds()
	figure("resume", fmt.Sprintf("%.2f", took), fmt.Sprintf("s_of_%d_facts;%.0f_MB", len(facts), float64(state.Len())/1e6), "<=5", took <= 5)
}

// p95 of the last ones is in milliseconds.
func p95(of []time.Duration, last int) float64 {
	of = slices.Sorted(slices.Values(of[max(0, len(of)-last):]))
	return float64(of[len(of)*95/100].Microseconds()) / 1e3
}

// diverse is a question about a random population: a count, or a table of 40 cells or
// more with its margins.
func diverse(w *world, r *rand.Rand, table bool) *audit.Question {
	for {
		p := predicate{{}}
		for range 1 + r.IntN(3) {
			p = p.where(w.clause(r))
		}
		cells := []predicate{p}
		if table {
			a, b := w.cells(keys[r.IntN(4)]), w.cells([]string{"income", "bmi", "smoking", "education"}[r.IntN(4)])
			for _, x := range a {
				cells = append(cells, p.where(x))
			}
			for _, y := range b {
				cells = append(cells, p.where(y))
				for _, x := range a {
					cells = append(cells, p.where(x, y))
				}
			}
		}
		q := &audit.Question{}
		for i, c := range cells {
			members := w.set(c).members()
			if i == 0 && len(members) < 200 || table && len(cells) < 40 {
				break
			}
			q.Sets = append(q.Sets, audit.NewSet(w.n, members))
			q.Numbers = append(q.Numbers, audit.Given{Sets: []int{i}})
		}
		if len(q.Sets) == len(cells) {
			return q
		}
	}
}
