package guard_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"weir/datasets/plan"
	"weir/datasets/tally"
)

// source is one column of random microdata: one value a participant, NaN where it
// is missing. A category's value is the place of its label, a Bool's 0 or 1.
type source struct {
	node   *plan.Node
	value  []float64
	labels []string // of a category
	lo, hi float64  // what everybody knows of the values
	whole  bool
	step   float64   // of values that are not whole, what they are multiples of; 0 for nothing
	days   []float64 // at risk; value is then whether the event came
}

// key is a key of a table. label is the place of a value's label, -1 for missing; it
// changes at the cuts only.
type key struct {
	node   *plan.Node
	of     *source
	label  func(v float64) int
	cuts   []float64
	labels []string
	open   bool
	member []uint64 // of a split: the groups of each participant, by bits
}

// stat is a statistic. truth is of a Bool: 0, 1, or -1 for missing.
type stat struct {
	node  *plan.Node
	of    *source
	truth func(v float64) int
	cuts  []float64
}

// world is random microdata and a plan over it.
type world struct {
	people  int
	rows    []int64 // of each participant
	sources []*source
	keys    []key
	stats   []stat
	totals  bool
	drop    bool
	plan    *plan.Node

	steps [][]bool // of a flowchart: who is left after each step
	text  []string
}

func must(n *plan.Node, err error) *plan.Node {
	if err != nil {
		panic(err)
	}
	return n
}

func category(v float64) int {
	if math.IsNaN(v) {
		return -1
	}
	return int(v)
}

func above(cuts []float64) func(float64) int {
	return func(v float64) int {
		if math.IsNaN(v) {
			return -1
		}
		n := 0
		for _, c := range cuts {
			if v >= c {
				n++
			}
		}
		return n
	}
}

func missing(v float64) int {
	if math.IsNaN(v) {
		return 1
	}
	return 0
}

// halves are the cuts between so many values.
func halves(n int) []float64 {
	var out []float64
	for i := 1; i < n; i++ {
		out = append(out, float64(i)-0.5)
	}
	return out
}

// skewed gives a place from 0 to n-1, the first ones more often.
func skewed(r *rand.Rand, n int) func() float64 {
	weight, sum := make([]float64, n), 0.0
	for i := range weight {
		weight[i] = math.Exp(1.2 * r.NormFloat64())
		sum += weight[i]
	}
	return func() float64 {
		x := r.Float64() * sum
		for i, w := range weight {
			if x -= w; x < 0 {
				return float64(i)
			}
		}
		return float64(n - 1)
	}
}

func (w *world) source(r *rand.Rand, s source, draw func() float64) *source {
	gap := []float64{0, 0, 0.03, 0.15}[r.IntN(4)]
	for range w.people {
		v := draw()
		if r.Float64() < gap {
			v = math.NaN()
		}
		s.value = append(s.value, v)
	}
	for _, before := range w.sources {
		if before.node.ID() == s.node.ID() { // one plan has one value
			return before
		}
	}
	w.sources = append(w.sources, &s)
	return &s
}

func (w *world) categorical(r *rand.Rand, node *plan.Node, labels int) *source {
	s := source{node: node, hi: float64(labels - 1), whole: true}
	for i := range labels {
		s.labels = append(s.labels, fmt.Sprintf("Q%d%c", node.Int(0), 'A'+i))
	}
	return w.source(r, s, skewed(r, labels))
}

func (w *world) boolean(r *rand.Rand, node *plan.Node) *source {
	p := []float64{0.02, 0.1, 0.3, 0.5, 0.9}[r.IntN(5)]
	return w.source(r, source{node: node, hi: 1, whole: true}, func() float64 {
		if r.Float64() < p {
			return 1
		}
		return 0
	})
}

func (w *world) number(r *rand.Rand, kind int) *source {
	switch kind {
	case 0:
		return w.source(r, source{node: must(plan.Root("Age")), hi: 99, whole: true}, func() float64 { return float64(18 + r.IntN(72)) })
	case 1:
		few := skewed(r, 5)
		return w.source(r, source{node: must(must(plan.Root("Condition", 7)).Then("Occurrences")), hi: 1000, whole: true}, few)
	}
	last := must(must(must(must(plan.Root("Measurement", 9)).Then("Unit", "%")).Then("Last")).Then("Value"))
	sd := []float64{0.3, 1, 2.5}[r.IntN(3)]
	per := []float64{10, 100, 100}[w.people%3] // values have a decimal, or two
	return w.source(r, source{node: last, hi: math.Inf(1), step: 1 / per}, func() float64 { return math.Round(per*math.Exp(2+sd*r.NormFloat64())) / per })
}

// newWorld draws microdata and a plan. cells bounds the groups of the table.
func newWorld(r *rand.Rand, cells int) *world {
	if r.IntN(8) == 0 {
		return newFlowchart(r)
	}
	w := &world{totals: r.IntN(3) > 0, drop: r.IntN(5) == 0}
	shape := drawShape(r, cells)
	groups := 1
	for _, k := range shape {
		groups *= k.labels
	}
	per := []float64{2, 5, 12, 25, 60}[r.IntN(5)]
	w.people = min(2500, 1+int(float64(groups)*per*(0.3+r.Float64())))
	for range w.people {
		n := int64(1)
		if r.IntN(3) == 0 {
			n += r.Int64N(30)
		}
		w.rows = append(w.rows, n)
	}
	w.drawKeys(r, shape)
	if len(w.keys) < 2 && (len(w.keys) == 0 || w.keys[0].member == nil) && r.IntN(3) == 0 {
		w.describe(r)
		return w
	}
	w.drawStats(r)
	w.build(r)
	return w
}

// shape of a key, before there is data.
type shape struct{ kind, labels int }

// The kinds of keys.
const (
	openKey = iota
	closedKey
	boolKey
	bandKey
	finerKey // of the same number as the band before
	missingKey
	splitKey
	shapes
)

func drawShape(r *rand.Rand, cells int) []shape {
	var out []shape
	left := cells
	for range 1 + r.IntN(4) {
		s := shape{kind: r.IntN(shapes), labels: 2 + r.IntN(4)}
		switch s.kind {
		case boolKey, missingKey:
			s.labels = 2
		case finerKey:
			s.labels *= 2
		}
		if left /= s.labels + 1; left == 0 {
			break
		}
		out = append(out, s)
	}
	if len(out) == 0 && r.IntN(4) > 0 {
		out = append(out, shape{openKey, 3})
	}
	return out
}

func (w *world) drawKeys(r *rand.Rand, shape []shape) {
	var age, used *source
	for i, s := range shape {
		switch s.kind {
		case openKey:
			of := w.categorical(r, must(plan.Root("Answer", 100+i)), s.labels)
			w.keys = append(w.keys, key{node: of.node, of: of, label: category, cuts: halves(s.labels), labels: of.labels, open: true})
		case closedKey:
			few := skewed(r, s.labels)
			of := w.source(r, source{node: must(must(plan.Root("Visit", 20+i)).Then("Occurrences")), hi: float64(s.labels - 1), whole: true}, few)
			k := key{node: must(of.node.Then("Levels", 0, s.labels-1)), of: of, label: category, cuts: halves(s.labels)}
			for l := range s.labels {
				k.labels = append(k.labels, strconv.Itoa(l))
			}
			w.keys = append(w.keys, k)
		case boolKey:
			of := w.boolean(r, must(must(plan.Root("Condition", 30+i)).Then("Exists")))
			w.keys = append(w.keys, key{node: of.node, of: of, label: category, cuts: halves(2), labels: []string{"no", "yes"}})
		case bandKey, finerKey:
			if age == nil {
				age = w.number(r, 0)
			}
			w.keys = append(w.keys, bands(r, age, s.labels))
		case missingKey:
			if used == nil {
				used = w.number(r, 1+r.IntN(2))
			}
			w.keys = append(w.keys, key{node: must(used.node.Then("Missing")), of: used, label: missing, labels: []string{"no", "yes"}})
		case splitKey:
			w.keys = append(w.keys, w.split(r, i, s.labels))
		}
	}
	seen := map[plan.ID]bool{}
	w.keys = slices.DeleteFunc(w.keys, func(k key) bool {
		twice := seen[k.node.ID()]
		seen[k.node.ID()] = true
		return twice
	})
}

// bands cuts a number at multiples of 5, so that two of them are often nested.
func bands(r *rand.Rand, of *source, labels int) key {
	width := []int{30, 20, 10, 5}[min(3, labels/3)]
	from := 20 + 10*r.IntN(3)
	var args []plan.Arg
	var cuts []float64
	for i := range labels - 1 {
		args, cuts = append(args, from+i*width), append(cuts, float64(from+i*width))
	}
	k := key{node: must(of.node.Then("Bands", args...)), of: of, label: above(cuts), cuts: cuts}
	k.labels = append(k.labels, fmt.Sprintf("<%g", cuts[0]))
	for i := 1; i < len(cuts); i++ {
		k.labels = append(k.labels, fmt.Sprintf("%g to <%g", cuts[i-1], cuts[i]))
	}
	k.labels = append(k.labels, fmt.Sprintf("%g+", cuts[len(cuts)-1]))
	return k
}

// split is a key in which a participant can be in several groups, or in none.
func (w *world) split(r *rand.Rand, i, labels int) key {
	k := key{open: r.IntN(2) == 0}
	if k.open {
		k.node = must(plan.Root("Answers", 40+i))
		for l := range labels {
			k.labels = append(k.labels, fmt.Sprintf("Q%d%c", 40+i, 'A'+l))
		}
	} else {
		k.node = must(plan.Root("Years", 2015+i, 2015+i+labels-1))
		k.labels, _ = k.node.Periods()
	}
	p := make([]float64, labels)
	for l := range p {
		p[l] = []float64{0.05, 0.3, 0.7, 0.97}[r.IntN(4)]
	}
	for range w.people {
		bits := uint64(0)
		for l := range p {
			if r.Float64() < p[l] {
				bits |= 1 << l
			}
		}
		k.member = append(k.member, bits)
	}
	return k
}

func (w *world) drawStats(r *rand.Rand) {
	splits := slices.ContainsFunc(w.keys, func(k key) bool { return k.member != nil })
	for range r.IntN(3) {
		switch r.IntN(6) {
		case 0:
			w.ofBool(r, w.boolean(r, must(must(plan.Root("Drug", 50+len(w.sources))).Then("Exists"))))
		case 1, 2:
			w.ofNumber(r, w.number(r, 1+r.IntN(2)))
		case 3:
			of := w.categorical(r, must(plan.Root("Answer", 200+len(w.sources))), 2+r.IntN(4))
			w.stat(stat{node: must(of.node.Then("Shares")), of: of, cuts: halves(len(of.labels))})
			if r.IntN(2) == 0 {
				is := must(of.node.Then("Is", of.labels[0]))
				w.stat(stat{node: must(is.Then("Count")), of: of, cuts: halves(len(of.labels)), truth: func(v float64) int {
					if math.IsNaN(v) {
						return -1
					}
					return indicator(v == 0)
				}})
			}
		case 4: // of a key's own source
			for _, k := range w.keys {
				if k.of != nil && k.of.node.Kind() == "Number" {
					w.ofNumber(r, k.of)
					break
				}
			}
		case 5:
			if !splits {
				w.rate(r)
				return
			}
		}
	}
}

func indicator(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (w *world) stat(s stat) {
	if !slices.ContainsFunc(w.stats, func(t stat) bool { return t.node.ID() == s.node.ID() }) {
		w.stats = append(w.stats, s)
	}
}

func (w *world) ofBool(r *rand.Rand, of *source) {
	if r.IntN(3) > 0 {
		w.stat(stat{node: must(of.node.Then("Proportion")), of: of, truth: category, cuts: halves(2)})
	}
	if r.IntN(3) == 0 {
		w.stat(stat{node: must(of.node.Then("Count")), of: of, truth: category, cuts: halves(2)})
	}
	if r.IntN(3) == 0 { // a two-valued number
		for _, op := range []string{"Mean", "SD", "Sum"} {
			if r.IntN(2) == 0 {
				w.stat(stat{node: must(must(of.node.Then("Number")).Then(op)), of: of, cuts: halves(2)})
			}
		}
	}
	if r.IntN(4) == 0 {
		w.missing(of)
	}
}

func (w *world) missing(of *source) {
	w.stat(stat{node: must(must(of.node.Then("Missing")).Then("Count")), of: of, truth: missing})
}

func (w *world) ofNumber(r *rand.Rand, of *source) {
	for _, op := range []string{"Mean", "SD", "Sum", "Median", "Quartiles", "Box"} {
		if r.IntN(4) == 0 {
			w.stat(stat{node: must(of.node.Then(op)), of: of})
		}
	}
	if r.IntN(6) == 0 {
		w.stat(stat{node: must(of.node.Then("Quantile", float64(1+r.IntN(9))/10)), of: of})
	}
	if r.IntN(3) == 0 {
		w.missing(of)
	}
	for range r.IntN(3) {
		cut := float64(1 + r.IntN(3))
		switch {
		case of.node.Op() == "Age":
			cut = float64(20 + 5*r.IntN(12))
		case !of.whole:
			cut = float64(3 + r.IntN(10))
		}
		op := []string{"Proportion", "Count"}[r.IntN(2)]
		w.stat(stat{node: must(must(of.node.Then("Below", cut)).Then(op)), of: of, cuts: []float64{cut}, truth: func(v float64) int {
			if math.IsNaN(v) {
				return -1
			}
			return indicator(v < cut)
		}})
	}
}

const within = 365

func (w *world) rate(r *rand.Rand) {
	event := must(must(plan.Root("Condition", 60)).Then("First"))
	from := must(must(plan.Root("Visit")).Then("First"))
	time := must(must(must(plan.Root("TimeTo", event)).Then("From", from)).Then("Within", within))
	of := w.boolean(r, time)
	for range w.people {
		of.days = append(of.days, float64(1+r.IntN(within)))
	}
	of.hi = 1
	w.stats = []stat{{of: of, cuts: halves(2), truth: category}} // the table is a rate, and nothing else
}

// build makes the plan.
func (w *world) build(r *rand.Rand) {
	who := must(plan.Root("Everyone"))
	if r.IntN(2) == 0 {
		who = must(must(plan.Root("Cohort", "some")).Then("Include", must(plan.Root("HasEHR"))))
	}
	n := who
	if len(w.keys) > 0 {
		var args []plan.Arg
		for _, k := range w.keys {
			args = append(args, k.node)
		}
		n = must(n.Then("By", args...))
		if w.totals {
			n = must(n.Then("WithTotals"))
		}
		if w.drop {
			n = must(n.Then("DropMissing"))
		}
	} else {
		w.totals, w.drop = false, false
		w.stats = slices.DeleteFunc(w.stats, func(s stat) bool { return s.node == nil })
	}
	var stats []plan.Arg
	for i := range w.stats {
		if w.stats[i].node == nil {
			w.stats[i].node = must(n.Then("Rate", w.stats[i].of.node))
			w.plan = w.stats[i].node
			return
		}
		stats = append(stats, w.stats[i].node)
	}
	switch {
	case len(stats) > 0:
		w.plan = must(n.Then("Summarise", stats...))
	case len(w.keys) == 2 && w.totals && !w.drop:
		w.plan = must(who.Then("Crosstab", w.keys[0].node, w.keys[1].node))
	default:
		w.plan = must(n.Then("Count"))
	}
	if w.plan.Op() == "Crosstab" && slices.ContainsFunc(w.keys, func(k key) bool { return k.member != nil }) {
		w.plan = must(n.Then("Count"))
	}
}

// describe asks for a description of a frame, or a first table by the key.
func (w *world) describe(r *rand.Rand) {
	var columns []plan.Arg
	of := map[plan.ID]*source{}
	for i := range 1 + r.IntN(3) {
		var s *source
		switch r.IntN(3) {
		case 0:
			s = w.boolean(r, must(must(plan.Root("Drug", 80+i)).Then("Exists")))
		case 1:
			s = w.number(r, r.IntN(3))
		default:
			s = w.categorical(r, must(plan.Root("Answer", 300+i)), 2+r.IntN(4))
		}
		if of[s.node.ID()] == nil {
			of[s.node.ID()], columns = s, append(columns, s.node)
		}
	}
	n := must(must(plan.Root("Everyone")).Then("Frame", columns...))
	w.totals, w.drop = len(w.keys) > 0, false
	if w.totals {
		w.plan = must(must(n.Then("Table1", w.keys[0].node)).Then("Table"))
	} else {
		w.plan = must(n.Then("Describe"))
	}
	for _, s := range must(plan.Lower(w.plan)).Nodes(0) {
		x := stat{node: s, of: of[s.Recv().ID()]}
		switch s.Op() {
		case "Count":
			x.of, x.truth = of[s.Recv().Recv().ID()], missing
		case "Proportion":
			x.truth, x.cuts = category, halves(2)
		case "Shares":
			x.cuts = halves(len(x.of.labels))
		}
		w.stat(x)
	}
}

// newFlowchart is a cohort that loses participants step by step.
func newFlowchart(r *rand.Rand) *world {
	w := &world{people: r.IntN(400)}
	n := must(plan.Root("Everyone"))
	left := make([]bool, w.people)
	for i := range left {
		left[i] = true
	}
	w.steps, w.text = append(w.steps, slices.Clone(left)), append(w.text, "everyone")
	for i := range 1 + r.IntN(7) {
		n = must(n.Then("Include", must(must(plan.Root("Condition", 70+i)).Then("Exists"))))
		lost := []float64{0, 0.01, 0.04, 0.1, 0.4, 0.9}[r.IntN(6)]
		for p := range left {
			left[p] = left[p] && r.Float64() >= lost
		}
		w.steps, w.text = append(w.steps, slices.Clone(left)), append(w.text, fmt.Sprintf("including %d", i))
	}
	w.plan = must(n.Then("Attrition"))
	return w
}

// one is participant p as a set.
func (w *world) one(p int) tally.Set {
	rows := int64(1)
	if w.rows != nil {
		rows = w.rows[p]
	}
	return tally.Set{Participants: 1, Rows: rows, Print: tally.PrintOf(int32(p))}
}

// table is what the engine counts: each group from its participants, with no group
// derived from another.
func (w *world) table() *tally.Table {
	t := &tally.Table{}
	if w.steps != nil {
		for i, in := range w.steps {
			g := tally.Group{Labels: []string{w.text[i]}}
			for p := range in {
				if in[p] {
					g.All.Add(w.one(p))
				}
			}
			t.Groups = append(t.Groups, g)
		}
		return t
	}
	for _, k := range w.keys {
		t.Keys = append(t.Keys, tally.Key{Plan: k.node, Labels: k.labels, Closed: !k.open, Additive: k.member == nil})
	}
	for _, s := range w.stats {
		t.Stats = append(t.Stats, s.node)
	}
	all := make([]int, 0, w.people)
	for p := range w.people {
		if w.counted(p) {
			all = append(all, p)
		}
	}
	w.list(t, all, nil)
	return t
}

// counted says whether p is in the table at all.
func (w *world) counted(p int) bool {
	for _, k := range w.keys {
		if k.member == nil && w.drop && k.label(k.of.value[p]) < 0 || k.member != nil && k.member[p] == 0 {
			return false
		}
	}
	return true
}

func (w *world) list(t *tally.Table, in []int, labels []string) {
	if len(labels) == len(w.keys) {
		t.Groups = append(t.Groups, w.group(in, labels))
		return
	}
	k := &w.keys[len(labels)]
	with := func(l string, keep func(p int) bool) {
		var some []int
		for _, p := range in {
			if keep(p) {
				some = append(some, p)
			}
		}
		w.list(t, some, append(slices.Clone(labels), l))
	}
	for i, l := range k.labels {
		with(l, func(p int) bool { return k.has(p, i) })
	}
	if !w.drop {
		with(plan.Missing, func(p int) bool { return k.has(p, -1) })
	}
	if w.totals {
		with(plan.Total, func(int) bool { return true })
	}
}

// has says whether p has the label at a place, -1 for missing. Nobody misses a split.
func (k *key) has(p, label int) bool {
	if k.member != nil {
		return label >= 0 && k.member[p]>>label&1 == 1
	}
	return k.label(k.of.value[p]) == label
}

func (w *world) group(in []int, labels []string) tally.Group {
	g := tally.Group{Labels: labels}
	for _, p := range in {
		g.All.Add(w.one(p))
	}
	for i := range w.stats {
		g.Values = append(g.Values, w.value(&w.stats[i], in))
	}
	return g
}

// value is what the engine's accumulators hold of a statistic.
func (w *world) value(s *stat, in []int) tally.Value {
	v := tally.Value{}
	op := s.node.Op()
	if op == "Shares" {
		v.Labels, v.Parts, v.Open = s.of.labels, make([]tally.Set, len(s.of.labels)), true
	}
	for _, p := range in {
		x := s.of.value[p]
		if s.truth != nil {
			if x = float64(s.truth(x)); x < 0 {
				continue
			}
		}
		if math.IsNaN(x) {
			continue
		}
		one := tally.Set{Participants: 1, Rows: 1, Print: tally.PrintOf(int32(p))}
		switch op {
		case "Count", "Proportion", "Rate":
			if x == 1 {
				v.True.Add(one)
			}
			if op == "Rate" {
				v.Sum += s.of.days[p]
				v.Absolute += s.of.days[p]
				v.Contribute(s.of.days[p])
			}
		case "Shares":
			v.Parts[int(x)].Add(one)
		case "Mean", "SD", "Sum":
			if n := float64(v.Known.Participants); op == "SD" && n > 0 {
				d := x - v.Sum/n
				v.Squares += d * d * n / (n + 1)
			}
			v.Sum += x
			v.Resolve(x)
			v.Absolute += math.Abs(x)
			v.Contribute(math.Abs(x))
			end(&v.Low, x, one, x < v.Low.Value)
			end(&v.High, x, one, x > v.High.Value)
		default:
			v.Sorted = append(v.Sorted, x)
		}
		v.Known.Add(one)
	}
	slices.Sort(v.Sorted)
	return v
}

// end notes a participant at the lowest or the highest value.
func end(e *tally.End, x float64, one tally.Set, beyond bool) {
	if beyond || e.At.Participants == 0 {
		*e = tally.End{Value: x}
	}
	if x == e.Value {
		e.At.Add(one)
	}
}
