package guard_test

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"weir/datasets/plan"
)

const threshold = 20

// slot is a place in a key as the attacker sees it: a label that was released,
// missing, the labels that were left out together, or of a split everybody.
type slot struct {
	label  string
	places []int // of the key's labels; -1 is missing
	any    bool
}

// classes of a source are the finest that its keys and statistics tell apart, and
// at the end those who miss it.
type classes struct {
	of     *source
	cuts   []float64
	stats  []int // of it
	sums   bool  // a statistic adds its values up
	lo, hi []float64
}

// model is the attacker's view of one release of groups.
type model struct {
	system
	w     *world
	slots [][]slot
	srcs  []*classes
	cells [][]int   // slots of each cell
	n     []int     // participants of a cell
	part  [][][]int // by source, cell, class; -1 for none
	value [][]int   // by source and cell: the sum of values; -1 for none
	shown map[string]bool

	// silent is a table in which nothing is shown, zeros neither: it is of few
	// participants altogether, and says nothing of any group.
	silent bool

	numbers map[[2]int]*moments // by row and source
	targets []target
	broken  map[string]int // what a shown number does not say after all
}

// target is a count of 1 to 20 or, of one source, a sum of few participants' values.
type target struct {
	what  string
	form  form
	truth float64
}

func silent(result *plan.Result) bool {
	for _, g := range result.Groups {
		for _, c := range append([]plan.Cell{g.Participants}, g.Cells...) {
			if !c.Hidden && c.Text != "–" || g.Participants.None {
				return false
			}
		}
	}
	return true
}

func newModel(w *world, result *plan.Result) *model {
	m := &model{w: w, silent: silent(result), shown: map[string]bool{}, numbers: map[[2]int]*moments{}, broken: map[string]int{}}
	for i := range w.keys {
		m.slots = append(m.slots, m.slotsOf(i, result))
	}
	m.findSources()
	m.cross(nil)
	m.unknowns()
	m.splitFacts()
	for r, g := range result.Groups {
		m.group(r, g, result)
	}
	m.labelFacts()
	return m
}

const leftOut = "(left out)"

// slotsOf: labels that stand in no row are left out; nobody misses a key whose
// missing ones are not listed.
func (m *model) slotsOf(i int, result *plan.Result) []slot {
	k := &m.w.keys[i]
	listed := map[string]bool{}
	for _, g := range result.Groups {
		listed[g.Labels[i]] = true
	}
	var out []slot
	rest := slot{label: leftOut}
	for at, l := range k.labels {
		if listed[l] {
			out = append(out, slot{label: l, places: []int{at}})
		} else {
			rest.places = append(rest.places, at)
		}
	}
	if listed[plan.Missing] {
		out = append(out, slot{label: plan.Missing, places: []int{-1}})
	} else if !m.w.drop && slices.ContainsFunc(m.w.members(), func(p int) bool { return k.has(p, -1) }) {
		rest.places = append(rest.places, -1)
	}
	if len(rest.places) > 0 {
		out = append(out, rest)
	}
	if k.member != nil && m.w.totals {
		out = append(out, slot{label: plan.Total, any: true})
	}
	return out
}

// people_ is those in the table.
func (w *world) members() []int {
	var out []int
	for p := range w.people {
		if w.counted(p) {
			out = append(out, p)
		}
	}
	return out
}

func (s slot) holds(k *key, p int) bool {
	if s.any {
		return true
	}
	return slices.ContainsFunc(s.places, func(at int) bool { return k.has(p, at) })
}

// sources finds the classes of each source that a statistic is of.
func (m *model) findSources() {
	for i, s := range m.w.stats {
		at := slices.IndexFunc(m.srcs, func(c *classes) bool { return c.of == s.of })
		if at < 0 {
			at, m.srcs = len(m.srcs), append(m.srcs, &classes{of: s.of})
		}
		c := m.srcs[at]
		c.stats = append(c.stats, i)
		switch s.node.Op() {
		case "Mean", "Sum":
			c.sums = true
		case "SD": // of 0 and 1 it tells how many
			c.sums = c.sums || s.of.whole && s.of.hi == 1
		}
	}
	for _, c := range m.srcs {
		c.cuts = cutsOf(m.w, c.of)
		for k := range len(c.cuts) + 1 {
			lo, hi := c.of.lo, c.of.hi
			if k > 0 {
				lo = max(lo, c.cuts[k-1])
			}
			if k < len(c.cuts) {
				hi = min(hi, c.cuts[k])
			}
			if c.of.whole {
				lo = math.Ceil(lo)
				if k < len(c.cuts) && hi == math.Trunc(hi) && hi == c.cuts[k] {
					hi--
				}
				hi = math.Floor(hi)
			}
			c.lo, c.hi = append(c.lo, lo), append(c.hi, hi)
		}
	}
}

func cutsOf(w *world, of *source) []float64 {
	var cuts []float64
	for _, k := range w.keys {
		if k.of == of {
			cuts = append(cuts, k.cuts...)
		}
	}
	for _, s := range w.stats {
		if s.of == of {
			cuts = append(cuts, s.cuts...)
		}
	}
	slices.Sort(cuts)
	return slices.Compact(cuts)
}

// like is a value of a class, NaN of those who miss it.
func (s *source) like(cuts []float64, class int) float64 {
	switch {
	case class > len(cuts):
		return math.NaN()
	case class == 0:
		return s.lo
	case s.whole:
		return math.Ceil(cuts[class-1])
	}
	return cuts[class-1]
}

func classOf(cuts []float64, v float64) int {
	if math.IsNaN(v) {
		return len(cuts) + 1
	}
	return above(cuts)(v)
}

func (m *model) cross(at []int) {
	if len(at) == len(m.slots) {
		m.cells = append(m.cells, slices.Clone(at))
		return
	}
	for s := range m.slots[len(at)] {
		m.cross(append(at, s))
	}
}

// fits says whether participants of a class can be in a cell, whose labels may be
// of the same source.
func (m *model) fits(cell []int, of *source, v float64) bool {
	for i := range m.w.keys {
		k := &m.w.keys[i]
		if k.of == of && !slices.Contains(m.slots[i][cell[i]].places, k.label(v)) {
			return false
		}
	}
	return true
}

// possible says whether anybody can be in a cell.
func (m *model) possible(cell []int) bool {
	for _, k := range m.w.keys {
		if k.of == nil {
			continue
		}
		cuts, some := cutsOf(m.w, k.of), false
		for c := range len(cuts) + 2 {
			some = some || m.fits(cell, k.of, k.of.like(cuts, c))
		}
		if !some {
			return false
		}
	}
	return true
}

func (m *model) unknowns() {
	people := m.w.members()
	m.part, m.value = make([][][]int, len(m.srcs)), make([][]int, len(m.srcs))
	for _, cell := range m.cells {
		var in []int
		for _, p := range people {
			inside := true
			for i := range m.w.keys {
				inside = inside && m.slots[i][cell[i]].holds(&m.w.keys[i], p)
			}
			if inside {
				in = append(in, p)
			}
		}
		most := 0.0
		if m.possible(cell) {
			most = inf
		}
		name := m.named(cell)
		n := m.unknown(name, 0, most, float64(len(in)), true)
		m.n = append(m.n, n)
		for s, c := range m.srcs {
			m.classesOf(s, c, cell, name, in, n)
		}
	}
}

func (m *model) named(cell []int) string {
	var names []string
	for i, s := range cell {
		names = append(names, m.slots[i][s].label)
	}
	return strings.Join(names, " ")
}

func (m *model) classesOf(s int, c *classes, cell []int, name string, in []int, n int) {
	count, total := make([]float64, len(c.cuts)+2), 0.0
	for _, p := range in {
		v := c.of.value[p]
		count[classOf(c.cuts, v)]++
		if !math.IsNaN(v) {
			total += v
		}
	}
	var parts []int
	all := form{at: []int{n}, coef: []float64{-1}}
	for k := range count {
		at := -1
		if m.fits(cell, c.of, c.of.like(c.cuts, k)) && (k > len(c.cuts) || c.lo[k] <= c.hi[k]) {
			at = m.unknown(fmt.Sprintf("%s: %s class %d", name, c.of.node.Op(), k), 0, inf, count[k], true)
			all = all.plus(1, sum([]int{at}))
		}
		parts = append(parts, at)
	}
	m.part[s] = append(m.part[s], parts)
	m.fact(all, 0, 0, "classes of "+name)
	value := -1
	if c.sums {
		value = m.unknown(name+": sum of "+c.of.node.Op(), -inf, inf, total, c.of.whole)
		if m.late == nil {
			m.late = map[int]bool{}
		}
		m.late[value] = true
		low, high := form{at: []int{value}, coef: []float64{1}}, form{at: []int{value}, coef: []float64{1}}
		bounded := true
		for k, at := range parts[:len(parts)-1] {
			if at >= 0 {
				low = low.plus(-c.lo[k], sum([]int{at}))
				if math.IsInf(c.hi[k], 1) {
					bounded = false
					continue
				}
				high = high.plus(-c.hi[k], sum([]int{at}))
			}
		}
		m.fact(low, 0, inf, "values from below in "+name)
		if bounded {
			m.fact(high, -inf, 0, "values from above in "+name)
		}
	}
	m.value[s] = append(m.value[s], value)
}

// splitFacts: who is in a group of a split is one of its total, and who is of the
// total is in a group.
func (m *model) splitFacts() {
	for i := range m.w.keys {
		if m.w.keys[i].member == nil || !m.w.totals {
			continue
		}
		for c, cell := range m.cells {
			if !m.slots[i][cell[i]].any {
				continue
			}
			var groups []int
			for s := range m.slots[i] {
				if !m.slots[i][s].any {
					other := slices.Clone(cell)
					other[i] = s
					groups = append(groups, slices.IndexFunc(m.cells, func(d []int) bool { return slices.Equal(d, other) }))
				}
			}
			m.within(c, groups)
		}
	}
}

func (m *model) within(total int, groups []int) {
	contain := func(of func(cell int) int) {
		if of(total) < 0 {
			return
		}
		all := sum([]int{of(total)})
		for _, g := range groups {
			if of(g) >= 0 {
				m.fact(sum([]int{of(total)}).plus(-1, sum([]int{of(g)})), 0, inf, "a group within its total")
				all = all.plus(-1, sum([]int{of(g)}))
			}
		}
		m.fact(all, -inf, 0, "a total of its groups")
	}
	contain(func(c int) int { return m.n[c] })
	for s := range m.srcs {
		for k := range m.part[s][0] {
			contain(func(c int) int { return m.part[s][c][k] })
		}
	}
}

// cellsOf is the cells of a row of labels; "total" is all slots of a key.
func (m *model) cellsOf(labels []string) []int {
	var out []int
	for c, cell := range m.cells {
		in := true
		for i, s := range cell {
			of := m.slots[i][s]
			if labels[i] == plan.Total {
				in = in && of.any == (m.w.keys[i].member != nil)
			} else {
				in = in && of.label == labels[i] && !of.any
			}
		}
		if in {
			out = append(out, c)
		}
	}
	return out
}

func (m *model) participants(cells []int) form {
	var at []int
	for _, c := range cells {
		at = append(at, m.n[c])
	}
	return sum(at)
}

// members is those of a source's classes in the cells.
func (m *model) members(s int, cells []int, keep func(class int) bool) form {
	var at []int
	for _, c := range cells {
		for k, u := range m.part[s][c] {
			if u >= 0 && keep(k) {
				at = append(at, u)
			}
		}
	}
	return sum(at)
}

func (m *model) values(s int, cells []int) form {
	var at []int
	for _, c := range cells {
		at = append(at, m.value[s][c])
	}
	return sum(at)
}

// guess is what a number says only because of the rule by which it was shown or
// hidden. Where it is not so the guard has another rule than the attacker thinks.
func (m *model) guess(f form, lo, hi float64, why string) {
	if m.silent {
		return
	}
	if v := f.value(m.truth); v < lo-eps || v > hi+eps {
		m.broken[why]++
		return
	}
	m.fact(f, lo, hi, why)
}

// noneOrMany: a count that a rule calls safe.
func (m *model) noneOrMany(f form, why string) {
	if len(f.at) == 0 {
		return
	}
	v := f.value(m.truth)
	if v > 0 && v <= threshold {
		m.broken[why]++
		return
	}
	at := m.unknown(why, 0, inf, v, true)
	m.fact(f.plus(-1, sum([]int{at})), 0, 0, why)
	m.jumps = append(m.jumps, at)
}

// group learns from a row.
func (m *model) group(r int, g plan.Group, result *plan.Result) {
	cells := m.cellsOf(g.Labels)
	name := strings.Join(g.Labels, " ")
	all := m.participants(cells)
	if g.Participants.Hidden {
		m.guess(all, 1, inf, "a hidden group is not empty")
	} else {
		m.shown[name] = true
		m.fact(all, g.Participants.Value, g.Participants.Value, "participants of "+name)
	}
	at := 0
	for i := range m.w.stats {
		s := &m.w.stats[i]
		var cs []plan.Cell
		var columns []plan.Column
		for at < len(result.Columns) && result.Columns[at].Stat == s.node.ID() {
			cs, columns = append(cs, g.Cells[at]), append(columns, result.Columns[at])
			at++
		}
		source := slices.IndexFunc(m.srcs, func(c *classes) bool { return c.of == s.of })
		m.stat(r, s, source, cells, name, cs, columns, g.Participants.Hidden)
	}
}

func (m *model) stat(r int, s *stat, source int, cells []int, name string, cs []plan.Cell, columns []plan.Column, hidden bool) {
	c := m.srcs[source]
	gap := len(c.cuts) + 1
	all := m.participants(cells)
	lost := m.members(source, cells, func(k int) bool { return k == gap })
	known := m.members(source, cells, func(k int) bool { return k < gap })
	is := func(k int) bool { return s.truth(c.of.like(c.cuts, k)) == 1 }
	if s.truth != nil {
		known = m.members(source, cells, func(k int) bool { return s.truth(c.of.like(c.cuts, k)) >= 0 })
		lost = m.members(source, cells, func(k int) bool { return s.truth(c.of.like(c.cuts, k)) < 0 })
	}
	why := s.node.Op() + " of " + name
	for i, cell := range cs {
		op := s.node.Op()
		switch {
		case cell.Hidden:
			if op == "Count" {
				if !hidden {
					m.guess(m.members(source, cells, is), 1, inf, "a hidden count in a shown group is not zero")
				}
			}
			continue
		case cell.None && op != "Count" && m.interval(s.node, source, i, cells, known, cell.Text, why):
			continue
		case cell.None:
			m.guess(known, 0, float64(indicator(op == "SD")), "nothing to compute from: "+op)
			continue
		}
		switch op {
		case "Count":
			m.fact(m.members(source, cells, is), cell.Value, cell.Value, why)
			m.noneOrMany(all.plus(-1, m.members(source, cells, is)), "complement of a count")
		case "Proportion":
			m.share(m.members(source, cells, is), known, lost, cell.Value, why)
		case "Shares":
			at := slices.IndexFunc(s.of.labels, func(l string) bool { return strings.HasSuffix(columns[i].Name, " "+l) })
			m.share(m.members(source, cells, func(k int) bool { return k == at }), known, lost, cell.Value, why)
		case "Rate":
			m.rate(i, m.members(source, cells, is), known, lost, cs, why)
		case "Median", "Quantile", "Quartiles", "Box":
			m.quantile(r, source, s.node, i, cells, known, lost, cell.Value, why)
		default:
			m.moment(r, source, op, cells, known, lost, cell.Value, why)
		}
	}
}

// half is half of the last digit that a number of four digits shows.
func half(v float64) float64 {
	if v == 0 {
		return 1e-12
	}
	return 0.5 * math.Pow(10, math.Floor(math.Log10(math.Abs(v)))-3) * (1 + 1e-7)
}

// share is part ÷ known, in percent with one decimal.
func (m *model) share(part, known, lost form, p float64, why string) {
	const h = 0.0005 + 1e-9
	m.fact(part.plus(-(p-h), known), 0, inf, why)
	m.fact(part.plus(-(p+h), known), -inf, 0, why)
	m.guess(known, threshold+1, inf, "denominator of a share")
	if p > h {
		m.guess(part, threshold+1, inf, "numerator of a share")
	}
	if p < 1-h {
		m.guess(known.plus(-1, part), threshold+1, inf, "complement of a share")
	}
	m.noneOrMany(lost, "missing beside a share")
}

// rate learns from the events, the person-years and the rate at once.
func (m *model) rate(i int, events, known, lost form, cs []plan.Cell, why string) {
	switch i {
	case 0:
		m.fact(events, cs[0].Value, cs[0].Value, why)
		m.guess(known, threshold+1, inf, "at risk")
		m.noneOrMany(known.plus(-1, events), "at risk without the event")
	case 1: // nobody is at risk for longer than the plan says
		y := cs[1].Value
		m.fact(known, (y-half(y))*365.25/within, inf, why+": years")
	case 2:
		if y := cs[1].Value; !cs[1].Hidden && !cs[1].None {
			v := cs[2].Value
			m.fact(events, (v-half(v))*(y-half(y))/1000, (v+half(v))*(y+half(y))/1000, why)
		}
	}
}

// quantile: of n values in order the one at p(n-1) lies between its neighbours. One
// that is no multiple of what the values are is of a group in which nobody misses
// one; another may have been rounded to be one.
func (m *model) quantile(r, source int, node *plan.Node, part int, cells []int, known, lost form, q float64, why string) {
	p := levelsOf(node)[part]
	c := m.srcs[source]
	h := half(q) + 1e-9
	if grid := c.of.grid(); grid > 0 {
		mo := m.momentsOf(r, source, cells, known)
		if math.Abs(q/grid-math.Round(q/grid)) > 1e-6 {
			m.guess(lost, 0, 0, "a quantile between values")
			mo.quantiles = append(mo.quantiles, [2]float64{p, q})
		} else {
			h = max(h, grid/2+1e-9)
		}
	}
	below := m.members(source, cells, func(k int) bool { return k < len(c.hi) && c.hi[k] < q-h })
	upTo := m.members(source, cells, func(k int) bool { return k < len(c.lo) && c.lo[k] <= q+h })
	m.fact(below.plus(-p, known), -inf, 1-p+eps, why)
	m.fact(upTo.plus(-p, known), -p-eps, inf, why)
	m.guess(known, (threshold+1)/p, inf, "below a quantile")
	m.guess(known, math.Floor(threshold/(1-p)+1e-9)+1, inf, "above a quantile")
}

// interval learns from a quantile that is coarsened: "≤ 7.5" or "≥ 7.5".
func (m *model) interval(node *plan.Node, source, part int, cells []int, known form, text, why string) bool {
	sign, number, _ := strings.Cut(text, " ")
	q, err := strconv.ParseFloat(number, 64)
	if err != nil || sign != "≤" && sign != "≥" {
		return false
	}
	p, c := levelsOf(node)[part], m.srcs[source]
	if sign == "≤" { // at least as many as for the quantile itself lie below
		upTo := m.members(source, cells, func(k int) bool { return k < len(c.lo) && c.lo[k] <= q })
		m.fact(upTo.plus(-p, known), -p-eps, inf, why)
		m.guess(upTo, threshold+1, inf, "below an interval")
		m.guess(known, 0, (threshold+1)/p-eps, "too few below for the quantile itself")
	} else {
		from := m.members(source, cells, func(k int) bool { return k < len(c.hi) && c.hi[k] >= q })
		m.fact(from.plus(p-1, known), -(1-p)-eps, inf, why)
		m.guess(from, threshold+1, inf, "above an interval")
		m.guess(known, 0, threshold/(1-p), "too few above for the quantile itself")
	}
	m.guess(known, 2*(threshold+1), inf, "beside an interval")
	return true
}

func levelsOf(node *plan.Node) []float64 {
	switch node.Op() {
	case "Quantile":
		return []float64{node.Float(0)}
	case "Quartiles":
		return []float64{0.25, 0.5, 0.75}
	case "Box":
		return []float64{0.05, 0.25, 0.5, 0.75, 0.95}
	}
	return []float64{0.5}
}

// grid is what everybody knows that the values are multiples of, 0 for nothing.
func (s *source) grid() float64 {
	if s.whole {
		return 1
	}
	return s.step
}

// moments are what is shown of whole numbers, or of multiples of a step: few numbers
// of participants have such a mean and such a standard deviation.
type moments struct {
	step      float64
	known     int
	two       bool // 0 and 1 only
	ones      int  // those who have 1
	mean, sd  *float64
	sum       *float64
	quantiles [][2]float64
}

func (m *model) momentsOf(r, source int, cells []int, known form) *moments {
	id := [2]int{r, source}
	if m.numbers[id] == nil {
		at := m.unknown("with a value", 0, inf, known.value(m.truth), true)
		m.fact(known.plus(-1, sum([]int{at})), 0, 0, "with a value")
		gap := len(m.srcs[source].cuts) + 1
		lost := m.members(source, cells, func(k int) bool { return k == gap })
		m.fact(m.participants(cells).plus(-1, lost).plus(-1, sum([]int{at})), 0, 0, "with a value")
		m.numbers[id] = &moments{known: at, two: m.srcs[source].of.hi == 1, ones: -1, step: m.srcs[source].of.grid()}
	}
	return m.numbers[id]
}

func (m *model) moment(r, source int, op string, cells []int, known, lost form, v float64, why string) {
	h := half(v)
	total := form{}
	if m.srcs[source].sums {
		total = m.values(source, cells)
	}
	m.guess(known, threshold+1, inf, "values behind a "+op)
	switch op {
	case "Sum":
		m.fact(total, v-h, v+h, why)
		m.noneOrMany(lost, "missing beside a sum")
	case "Mean":
		m.fact(total.plus(-(v-h), known), 0, inf, why)
		m.fact(total.plus(-(v+h), known), -inf, 0, why)
	}
	if m.srcs[source].of.grid() == 0 {
		return
	}
	mo := m.momentsOf(r, source, cells, known)
	if mo.two && mo.ones < 0 {
		mo.ones = m.unknown("with 1", 0, inf, total.value(m.truth), true)
		m.fact(total.plus(-1, sum([]int{mo.ones})), 0, 0, "with 1")
	}
	switch op {
	case "Mean":
		mo.mean = &v
	case "SD":
		mo.sd = &v
	case "Sum":
		mo.sum = &v
	}
}

// sums is the whole numbers that n values can add up to.
func (mo *moments) sums(n int) (lo, hi int) {
	l, h := 0.0, math.Inf(1)
	if mo.mean != nil {
		l, h = float64(n)*(*mo.mean-half(*mo.mean))/mo.step, float64(n)*(*mo.mean+half(*mo.mean))/mo.step
	}
	if mo.sum != nil {
		l, h = max(l, (*mo.sum-half(*mo.sum))/mo.step), min(h, (*mo.sum+half(*mo.sum))/mo.step)
	}
	if mo.two {
		l, h = max(l, 0), min(h, float64(n))
	}
	if math.IsInf(h, 1) {
		return 0, -1
	}
	return int(math.Ceil(l - 1e-9)), int(math.Floor(h + 1e-9))
}

// admits says whether n whole numbers can have what is shown.
func (mo *moments) admits(n int) bool {
	for _, q := range mo.quantiles {
		at := q[0] * float64(n-1)
		if frac := at - math.Floor(at); !onGrid(q[1], frac, mo.step) {
			return false
		}
	}
	if mo.mean == nil && mo.sum == nil && !mo.two {
		return true
	}
	lo, hi := mo.sums(n)
	if hi-lo > 400 {
		return true
	}
	for s := lo; s <= hi; s++ {
		if mo.admitsSum(n, s) {
			return true
		}
	}
	return false
}

// onGrid says whether q lies at frac between two multiples of a step.
func onGrid(q, frac, step float64) bool {
	for gap := range 101 {
		x := q/step - frac*float64(gap)
		if math.Abs(x-math.Round(x)) <= half(q)/step+1e-9 {
			return true
		}
	}
	return false
}

// admitsSum: the squares add up to a whole number, too, odd when the sum is.
func (mo *moments) admitsSum(n, s int) bool {
	if mo.sd == nil || n < 2 {
		return true
	}
	was, h := *mo.sd/mo.step, half(*mo.sd)/mo.step
	squares := func(sd float64) float64 {
		return max(sd, 0)*max(sd, 0)*float64(n-1) + float64(s)*float64(s)/float64(n)
	}
	lo, hi := math.Ceil(squares(was-h)-1e-6), math.Floor(squares(was+h)+1e-6)
	if mo.two {
		return lo <= float64(s) && float64(s) <= hi
	}
	for q := lo; q <= hi; q++ {
		if int(q)%2 == s%2 && int(q) >= s || q > lo+2 {
			return true
		}
	}
	return false
}

// arithmetic excludes numbers of participants that cannot have what is shown.
func (m *model) arithmetic(b box) {
	for _, mo := range m.numbers {
		lo, hi := b.lo[mo.known], b.hi[mo.known]
		if hi-lo > 4000 || hi <= lo && mo.ones < 0 {
			continue
		}
		if m.gaps == nil {
			m.gaps = map[int][]int{}
		}
		if hi > lo {
			m.gaps[mo.known] = nil
			for n := int(lo); n <= int(hi); n++ {
				if mo.admits(n) {
					m.gaps[mo.known] = append(m.gaps[mo.known], n)
				}
			}
		} else if s, t := mo.sums(int(lo)); t-s < 4000 {
			m.gaps[mo.ones] = nil
			for ; s <= t; s++ {
				if mo.admitsSum(int(lo), s) {
					m.gaps[mo.ones] = append(m.gaps[mo.ones], s)
				}
			}
		}
	}
}

// labelFacts: a label that only the data knows is there because more than 20 have it.
func (m *model) labelFacts() {
	for i := range m.w.keys {
		others := slices.ContainsFunc(m.w.keys, func(k key) bool { return k.member != nil && k.node != m.w.keys[i].node })
		if !m.w.keys[i].open || others { // beside a split a participant would count twice
			continue
		}
		for s, of := range m.slots[i] {
			if of.any || of.label == leftOut || of.places[0] < 0 {
				continue
			}
			var at []int
			for c, cell := range m.cells {
				if cell[i] == s && !m.anywhere(cell) {
					at = append(at, m.n[c])
				}
			}
			m.guess(sum(at), threshold+1, inf, "a label that is shown")
		}
	}
}

func (m *model) anywhere(cell []int) bool {
	for i, s := range cell {
		if m.slots[i][s].any {
			return true
		}
	}
	return false
}

// newFlow is the attacker's view of a flowchart: those whom each step loses, and
// at the end who is left.
func newFlow(w *world, result *plan.Result) *model {
	m := &model{w: w, silent: silent(result), broken: map[string]int{}}
	left := make([]float64, len(w.steps)+1)
	for i, in := range w.steps {
		for _, is := range in {
			left[i] += float64(indicator(is))
		}
	}
	for i := range w.steps {
		m.unknown(fmt.Sprintf("lost after step %d", i), 0, inf, left[i]-left[i+1], true)
	}
	from := func(i, j int) form {
		var at []int
		for k := i; k < j; k++ {
			at = append(at, k)
		}
		return sum(at)
	}
	last := len(w.steps)
	for i, g := range result.Groups {
		if g.Participants.Hidden {
			m.guess(from(i, last), 1, inf, "a hidden step is not empty")
		} else {
			m.fact(from(i, last), g.Participants.Value, g.Participants.Value, "step")
		}
		if c := g.Cells[0]; i > 0 && !c.Hidden {
			m.fact(from(i-1, i), c.Value, c.Value, "left out")
		}
	}
	for i := range w.steps {
		for j := i + 1; j <= last; j++ {
			m.aim(fmt.Sprintf("those of step %d that are not in step %d", i, j), from(i, j))
		}
	}
	return m
}

func (m *model) aim(what string, f form) {
	if v := f.value(m.truth); v >= 1 && v <= threshold {
		m.targets = append(m.targets, target{what, f, v})
	}
}
