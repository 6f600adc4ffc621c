package guard

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"weir/datasets/plan"
	"weir/datasets/tally"
	"weir/guard/certificate"
	"weir/guard/completion"
)

// publication is a table as everybody sees it who has its plan: the numbers that are
// shown, the counts that they give away and what is known of any table. Of the true
// table it has nothing else; labels that are left out are one. A certificate is made
// of it.
type publication struct {
	c       certificate.Certificate
	t       *tally.Table
	slots   [][]string     // by key: the labels, and leftOut and plan.Total where there can be rows of them
	sources []source       // by statistic
	count   map[string]int // by labels, source and name
	sum     map[string]int
	shown   map[int]int64
	least   map[int]int64
}

// leftOut stands for the labels that are left out; no label of a table is empty.
const leftOut = ""

// source is a column, and what of it the facts of a statistic are.
type source struct {
	id    string
	facts map[string]string // of the rule, to those of the column
	sum   string            // what adds up; "" for nothing
	split bool
}

// everyone is the fact that all of a group are.
const everyone = ""

// sourceOf finds the column: tests, means and missing values of one have the same
// facts.
func sourceOf(stat *plan.Node) source {
	s := source{id: stat.ID().String(), split: splits(stat)}
	of := stat.Recv()
	switch stat.Op() {
	case "Rate", "Shares":
		s.facts = map[string]string{"true": "true", "false": "false", "missing": "missing"}
		return s
	case "Count", "Proportion":
		if s.facts = s.ofBool(); of.Op() == "Missing" {
			of = of.Recv()
			s.facts = map[string]string{"true": "missing", "false": "known"}
		}
	default:
		s.facts = map[string]string{"known": "known", "missing": "missing"}
		s.sum = sumOf(stat)
		if of.Op() == "Number" && of.Recv() != nil && of.Recv().Kind() == "Bool" {
			of = of.Recv()
			s.facts = s.ofBool()
			s.facts["known"] = "known"
		}
	}
	s.id = of.ID().String()
	return s
}

func (source) ofBool() map[string]string {
	return map[string]string{"true": "true", "false": "false", "missing": "missing"}
}

// published is the table of which numbers are hidden as gone says.
func published(t *tally.Table, v *visible, lo *lowering, gone []bool, rows []row, limit int64) *publication {
	p := &publication{t: t, count: map[string]int{}, sum: map[string]int{}, shown: map[int]int64{}, least: map[int]int64{}}
	p.c.Version, p.c.Limit = 1, limit
	for k := range t.Keys {
		p.slots = append(p.slots, slotsOf(t, v, k))
	}
	for _, s := range t.Stats {
		p.sources = append(p.sources, sourceOf(s))
	}
	for _, labels := range p.vectors(nil) {
		p.group(labels, v)
	}
	p.addUp()
	at := 0
	for i := range t.Groups {
		if v.group(t.Groups[i].Labels) {
			p.row(i, at, lo, gone, v)
			p.c.Rows = append(p.c.Rows, texts(rows[at]))
			at++
		}
	}
	p.finish()
	return p
}

func texts(r row) (out []string) {
	for _, c := range r.cells {
		out = append(out, c.Text)
	}
	return out
}

// slotsOf is the labels of a key: of an open one there may be others, that are left
// out and add up.
func slotsOf(t *tally.Table, v *visible, key int) (out []string) {
	total := false
	for i := range t.Groups {
		l := t.Groups[i].Labels[key]
		if total = total || l == plan.Total; l != plan.Total && v.labels[key][l] && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	if k := t.Keys[key]; total {
		if !k.Closed && k.Additive {
			out = append(out, leftOut)
		}
		out = append(out, plan.Total)
	}
	return out
}

// vectors is every row of labels.
func (p *publication) vectors(some []string) (out [][]string) {
	if len(some) == len(p.slots) {
		return [][]string{slices.Clone(some)}
	}
	for _, l := range p.slots[len(some)] {
		out = append(out, p.vectors(append(some, l))...)
	}
	return out
}

func (p *publication) of(labels []string, source, name string) int {
	key := countKey(labels, source, name)
	if _, ok := p.count[key]; !ok {
		p.count[key] = len(p.count)
	}
	return p.count[key]
}

func countKey(labels []string, source, name string) string {
	return strings.Join(labels, "\x00") + "\x01" + source + "\x01" + name
}

func (p *publication) sumOf(labels []string, name string) int {
	key := strings.Join(labels, "\x00") + "\x01" + name
	if _, ok := p.sum[key]; !ok {
		p.sum[key] = len(p.sum)
	}
	return p.sum[key]
}

// names is the facts of a source that add up to its groups, finest first, and those
// that are made of them.
func (p *publication) names(id string, v *visible) (whole []string, known []string, not bool) {
	bools, knowns := false, false
	for j, s := range p.sources {
		if s.id != id {
			continue
		}
		stat := p.t.Stats[j]
		if stat.Op() == "Shares" {
			return []string{"known", "missing"}, p.labels(j, v), false
		}
		for _, name := range s.facts {
			bools, knowns = bools || name == "true", knowns || name == "known"
		}
		not = not || stat.Op() == "Count" && s.facts["true"] == "true"
	}
	switch {
	case bools && knowns:
		return []string{"known", "missing"}, []string{"true", "false"}, not
	case bools:
		return []string{"true", "false", "missing"}, nil, not
	}
	return []string{"known", "missing"}, nil, false
}

// labels is the parts of shares; those that are left out are one.
func (p *publication) labels(stat int, v *visible) (out []string) {
	parts := partsOf(p.t, stat)
	for i, l := range parts.Labels {
		if v.part(stat, i) {
			out = append(out, "label "+l)
		}
	}
	if parts.Open {
		out = append(out, "label "+leftOut)
	}
	return out
}

// group adds the counts of a group, and that its facts make it up.
func (p *publication) group(labels []string, v *visible) {
	n := p.of(labels, everyone, everyone)
	seen := map[string]bool{}
	for _, s := range p.sources {
		if s.sum != "" {
			p.sumOf(labels, s.sum)
		}
		if seen[s.id] {
			continue
		}
		seen[s.id] = true
		whole, known, not := p.names(s.id, v)
		p.makeUp(n, labels, s.id, whole)
		if known != nil {
			p.makeUp(p.of(labels, s.id, "known"), labels, s.id, known)
		}
		if not {
			p.leaves(n, p.of(labels, s.id, "true"), p.of(labels, s.id, "not true"))
		}
	}
	for _, x := range nestings(p.t) {
		large, small := p.fact(labels, x.large), p.fact(labels, x.small)
		p.leaves(large, small, p.of(labels, p.sources[x.large.stat].id+p.sources[x.small.stat].id, "between "+x.large.fact))
	}
}

func (p *publication) fact(labels []string, f factOf) int {
	return p.of(labels, p.sources[f.stat].id, p.sources[f.stat].facts[f.fact])
}

func (p *publication) makeUp(whole int, labels []string, source string, names []string) {
	terms := []certificate.Value{{int64(whole), -1}}
	for _, name := range names {
		terms = append(terms, certificate.Value{int64(p.of(labels, source, name)), 1})
	}
	p.equation(&p.c.Equations, terms)
}

func (p *publication) leaves(whole, part, others int) {
	if whole != part {
		p.equation(&p.c.Equations, []certificate.Value{{int64(whole), -1}, {int64(part), 1}, {int64(others), 1}})
	}
}

func (p *publication) equation(to *[]certificate.Equation, terms []certificate.Value) {
	slices.SortFunc(terms, func(a, b certificate.Value) int { return cmp.Compare(a[0], b[0]) })
	*to = append(*to, terms)
}

// addUp says that groups make up their total, or lie within it, and so do their facts.
func (p *publication) addUp() {
	names := map[[2]string]bool{{everyone, everyone}: true} // source and name of each fact
	for key := range p.count {
		f := strings.Split(key, "\x01")
		names[[2]string{f[1], f[2]}] = true
	}
	facts := make([][2]string, 0, len(names))
	for f := range names {
		facts = append(facts, f)
	}
	slices.SortFunc(facts, func(a, b [2]string) int { return cmp.Or(strings.Compare(a[0], b[0]), strings.Compare(a[1], b[1])) })
	var sums []string
	for _, s := range p.sources {
		if s.sum != "" && !slices.Contains(sums, s.sum) {
			sums = append(sums, s.sum)
		}
	}
	for k, key := range p.t.Keys {
		for _, total := range p.vectors(nil) {
			if total[k] != plan.Total {
				continue
			}
			for _, f := range facts {
				if key.Additive {
					p.line(total, k, f)
				} else if !p.split(f[0]) {
					p.within(total, k, f)
				}
			}
			for _, s := range sums {
				if key.Additive {
					p.sumLine(total, k, s)
				}
			}
		}
	}
}

// split says whether a source is of one value a group of a split.
func (p *publication) split(id string) bool {
	return slices.ContainsFunc(p.sources, func(s source) bool { return s.split && strings.Contains(id, s.id) })
}

// parts is the rows of labels that a total is over.
func (p *publication) parts(total []string, key int) (out [][]string) {
	for _, l := range p.slots[key] {
		if l != plan.Total {
			one := slices.Clone(total)
			one[key] = l
			out = append(out, one)
		}
	}
	return out
}

func (p *publication) line(total []string, key int, f [2]string) {
	terms := []certificate.Value{{int64(p.of(total, f[0], f[1])), -1}}
	for _, one := range p.parts(total, key) {
		terms = append(terms, certificate.Value{int64(p.of(one, f[0], f[1])), 1})
	}
	p.equation(&p.c.Equations, terms)
}

func (p *publication) sumLine(total []string, key int, sum string) {
	terms := []certificate.Value{{int64(p.sumOf(total, sum)), -1}}
	for _, one := range p.parts(total, key) {
		terms = append(terms, certificate.Value{int64(p.sumOf(one, sum)), 1})
	}
	p.equation(&p.c.Sums.Equations, terms)
}

func (p *publication) within(total []string, key int, f [2]string) {
	all := p.of(total, f[0], f[1])
	parts := p.parts(total, key)
	of := f[1] + " of key " + strconv.Itoa(key) // another may have the same labels
	rest := make([]int, len(parts))
	for i, one := range parts {
		rest[i] = p.of(total, f[0], of+" without "+one[key])
		p.leaves(all, p.of(one, f[0], f[1]), rest[i])
	}
	if len(parts) == 2 && p.t.Keys[key].Closed && f[0] == everyone { // who is not in the one is in the other
		p.leaves(p.of(parts[0], f[0], f[1]), rest[1], p.of(total, f[0], of+" in both"))
	}
}

// row adds what a row shows.
func (p *publication) row(i, at int, lo *lowering, gone []bool, v *visible) {
	g := &p.t.Groups[i]
	n := p.of(g.Labels, everyone, everyone)
	p.c.Numbers = append(p.c.Numbers, certificate.Number{Row: at, Count: n})
	if gone[lo.rows[at][0].at] {
		p.least[n] = v.least(p.t, g.Labels, p.c.Limit)
	}
	for col, x := range lo.rows[at] {
		if !gone[x.at] {
			p.shown[n] = g.All.Participants
		}
		if col > 0 {
			p.number(i, at, col, x, lo, gone[x.at])
		}
	}
	if _, ok := p.shown[n]; ok {
		delete(p.least, n)
	}
	for j, s := range p.sources {
		if s.sum != "" {
			if lo.tells(i, j, gone) || p.nobody(n) {
				p.c.Sums.Shown = append(p.c.Sums.Shown, p.sumOf(g.Labels, s.sum))
			}
		}
	}
}

func (p *publication) nobody(count int) bool {
	n, ok := p.shown[count]
	return ok && n == 0
}

// number adds what a number of a statistic shows: the facts that it gives away.
func (p *publication) number(i, at, col int, x shown, lo *lowering, gone bool) {
	labels, s := p.t.Groups[i].Labels, p.sources[x.stat]
	n := p.of(labels, everyone, everyone)
	op := p.t.Stats[x.stat].Op()
	for _, name := range x.gives {
		own, ok := s.facts[name]
		if strings.HasPrefix(name, "label ") {
			own, ok = name, true
		}
		if !ok {
			continue
		}
		if c := p.of(labels, s.id, own); !gone {
			p.shown[c] = lo.system.Count[lo.groups[i].facts[x.stat][name]]
		} else if _, told := p.shown[n]; told && op == "Count" {
			p.least[c] = 1 // zeros are shown
		}
	}
	if !gone && (x.None || x.Text != "") || p.nobody(n) {
		return
	}
	number := certificate.Number{Row: at, Column: col, Count: p.of(labels, s.id, s.facts["true"])}
	switch {
	case op == "Proportion" && s.facts["true"] == "true":
		number.Of = []int{number.Count, p.of(labels, s.id, "false")}
	case op == "Count", op == "Rate" && x.Kind == 0:
	default:
		return
	}
	p.c.Numbers = append(p.c.Numbers, number)
}

// finish writes down what was gathered.
func (p *publication) finish() {
	c := &p.c
	c.Counts, c.Sums.Sums = len(p.count), len(p.sum)
	for _, labels := range p.vectors(nil) { // nobody is nobody in every respect
		if !p.nobody(p.of(labels, everyone, everyone)) {
			continue
		}
		for _, s := range p.sources {
			for _, name := range s.facts {
				if at, ok := p.count[countKey(labels, s.id, name)]; ok {
					p.shown[at] = 0
				}
			}
		}
	}
	for at, n := range p.shown {
		c.Shown = append(c.Shown, certificate.Value{int64(at), n})
		delete(p.least, at)
	}
	for at, n := range p.least {
		c.Least = append(c.Least, certificate.Value{int64(at), n})
	}
	order := func(a, b certificate.Value) int { return cmp.Compare(a[0], b[0]) }
	slices.SortFunc(c.Shown, order)
	slices.SortFunc(c.Least, order)
	slices.Sort(c.Sums.Shown)
	c.Sums.Shown = slices.Compact(c.Sums.Shown)
}

// errFollows says that a sum of few, or one that two make up, follows.
var errFollows = errors.New("a hidden sum follows from those that are shown")

// certify proves a publication, and that the sums that follow are of many.
func (p *publication) certify(lo *lowering) ([]byte, error) {
	data, err := prove(&p.c)
	if err != nil {
		return nil, err
	}
	for i, g := range p.t.Groups {
		for j, s := range p.sources {
			at, ok := p.sum[strings.Join(g.Labels, "\x00")+"\x01"+s.sum]
			if ok && s.sum != "" && slices.Contains(p.c.Sums.Follow, at) && lo.sensitive[lo.groups[i].facts[j]["sum"]] {
				return nil, errFollows
			}
		}
	}
	return data, nil
}

// flow is the certificate of a cohort's steps: whom a step keeps and whom it leaves
// out make up the step before. Where the history hides nothing, hidden says not zero.
func flow(rows []row, t *tally.Table, limit int64, zeros bool) ([]byte, error) {
	c := certificate.Certificate{Version: 1, Limit: limit, Counts: 2*len(rows) - 1} // steps, then who is left out
	for i, r := range rows {
		for col, cell := range r.cells {
			count, n := i, t.Groups[i].All.Participants
			if col == 1 {
				if i == 0 {
					continue
				}
				count, n = len(rows)+i-1, t.Groups[i-1].All.Participants-n
			}
			c.Numbers = append(c.Numbers, certificate.Number{Row: i, Column: col, Count: count})
			switch {
			case !cell.Hidden:
				c.Shown = append(c.Shown, certificate.Value{int64(count), n})
			case col == 0 && zeros:
				c.Least = append(c.Least, certificate.Value{int64(count), 1})
			}
		}
		if i > 0 {
			c.Equations = append(c.Equations, certificate.Equation{{int64(i - 1), -1}, {int64(i), 1}, {int64(len(rows) + i - 1), 1}})
		}
		c.Rows = append(c.Rows, texts(r))
	}
	slices.SortFunc(c.Shown, func(a, b certificate.Value) int { return cmp.Compare(a[0], b[0]) })
	return prove(&c)
}

// prove completes a certificate, and seals it.
func prove(c *certificate.Certificate) ([]byte, error) {
	if err := completion.Find(c); err != nil {
		return nil, err
	}
	return sealed(c)
}

// sealed is a complete certificate, checked as anybody can.
func sealed(c *certificate.Certificate) ([]byte, error) {
	data, err := c.Encode()
	if err == nil {
		err = certificate.Verify(data)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}
