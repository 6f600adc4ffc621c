package curate

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// ImportOptions say what to make of a source.
type ImportOptions struct {
	Name    string    // Required.
	Tier    plan.Tier // Required: registered, controlled or public.
	CDR     string    // Required: the version of the curated data repository.
	CutOff  string    // Required: the last day of data, 2021-12-31.
	Rules   *Rules    // Default: none. An administrator's, which act behind the built-in ones.
	Key     Key       // Default: one that is drawn and forgotten, so that ids and shifts cannot be repeated.
	Curated bool      // Default: ids and dates are the participants' own. Otherwise they have been replaced and shifted already.
	Lenient bool      // Default: the first row that cannot be kept stops the import. Otherwise such rows are dropped and counted.
	Seed    uint64    // Default 0: a permutation of the participants that cannot be repeated.

	KnownOnly  bool // Default: rows of persons who are not in person are dropped and counted. Otherwise they cannot be kept.
	UniqueKeys bool // Default: rows with the key of an earlier row are kept and counted. Otherwise they cannot be kept.

	base *Rules // the built-in ones but in tests
}

func (o *ImportOptions) fill() error {
	for _, x := range []struct{ value, what string }{{o.Name, "name"}, {o.CDR, "CDR version"}, {o.CutOff, "cut-off day"}} {
		if x.value == "" {
			return fmt.Errorf("an import needs a %s", x.what)
		}
	}
	if _, err := time.Parse(time.DateOnly, o.CutOff); err != nil {
		return errors.New("the cut-off is no day: write it as 2021-12-31")
	}
	if o.Tier != plan.Public {
		if err := checkTier(o.Tier); err != nil {
			return err
		}
	}
	if o.Key != nil && len(o.Key) < keyBytes {
		return fmt.Errorf("the key is weak: it needs %d bytes", keyBytes)
	}
	return nil
}

func (o *ImportOptions) rules() (*Rules, error) {
	base := o.base
	if base == nil {
		base = BuiltIn()
	}
	if o.Rules == nil {
		return base, nil
	}
	return base.Tightened(o.Rules)
}

// Import makes a repository at dir, which must not exist, of the OMOP tables in
// the folder from. The report is good even when the import stops with an error.
func Import(ctx context.Context, from, dir string, o ImportOptions, progress Progress) (Report, error) {
	im := &importer{progress: progress}
	if err := o.fill(); err != nil {
		return im.report, err
	}
	rules, err := o.rules()
	if err != nil {
		return im.report, err
	}
	im.options, im.regime, im.report.Rules = o, rules.of(o.Tier), rules.ID()
	if im.source, err = openSource(from); err != nil {
		return im.report, err
	}
	im.cutOff, _ = parseDay(o.CutOff)
	im.report.LeftOut = im.source.other
	im.leaveOut(im.regime.tables)
	im.leaveOut(im.regime.last.tables)
	slices.Sort(im.report.TablesOut)
	err = im.run(ctx, dir)
	return im.report, err
}

// leaveOut leaves tables out of the source. Of those that an administrator leaves
// out the built-in rules read what they go by.
func (im *importer) leaveOut(tables map[string]string) {
	for t := range tables {
		if im.source.files[t] == "" {
			continue
		}
		im.report.TablesOut = append(im.report.TablesOut, t)
		if _, late := im.regime.last.tables[t]; !late || !slices.Contains(learnedFrom, t) {
			delete(im.source.files, t)
		}
	}
}

// learnedFrom are the tables whose answers say what to make of person.
var learnedFrom = []string{"observation", "ds_survey"}

// importer imports one source.
type importer struct {
	options  ImportOptions
	regime   *regime
	cutOff   int32
	progress Progress
	source   *sourceFolder
	report   Report
	people   *roll
	shifts   []uint16 // by participant; nil when dates stand
	keys     *keySet  // of the table that is being read
	recent   []int32  // concepts that are too new
	terms    terms    // the vocabulary of each concept
	zips     []int32  // by participant: three digits, 0 for none
	builder  *store.Builder
	census   *census // of a public repository, nil otherwise
}

func (im *importer) run(ctx context.Context, dir string) (err error) {
	im.builder, err = store.Create(dir, store.Manifest{
		Name: im.options.Name, CDR: im.options.CDR, Tier: im.options.Tier, CutOff: im.options.CutOff, Rules: im.report.Rules,
		Source: "imported from OMOP tables in " + filepath.Base(im.source.dir),
	})
	if err != nil {
		return err
	}
	im.builder.Describe(im.regime.describe)
	if err = im.build(ctx); err == nil {
		err = im.builder.Commit()
	}
	if err != nil {
		err = errors.Join(err, im.builder.Abort())
	}
	return err
}

// build writes the tables: the vocabulary first, for it says which concepts are
// new; then the survey and the observations as far as the spool, for they say what
// to make of person; then person, and the rest.
func (im *importer) build(ctx context.Context) error {
	if err := im.vocabulary(ctx); err != nil {
		return err
	}
	people, ids, err := im.readPeople(ctx)
	if err != nil {
		return err
	}
	if im.options.Tier == plan.Public {
		im.census = newCensus(im)
	} else {
		im.builder.SetParticipants(len(ids))
	}
	var answers []*spooled
	for _, name := range learnedFrom {
		if s, err := im.spool(ctx, im.regime.shape(shapeOf(name))); err != nil {
			return err
		} else if s != nil {
			answers = append(answers, s)
		}
	}
	im.regime.person(people)
	people = im.regime.final(people)
	if im.census != nil {
		im.census.learn(people)
	} else if err := errors.Join(im.write(people), im.write(identities(ids))); err != nil {
		return err
	}
	for _, s := range answers {
		if _, gone := im.regime.last.tables[s.shape.name]; gone {
			if err := s.spool.close(); err != nil {
				return err
			}
			continue
		}
		if err := im.finish(ctx, s); err != nil {
			return err
		}
	}
	for _, s := range shapes() {
		if slices.Contains([]string{"person", "participants", "observation", "ds_survey", "concept", zipTable}, s.name) {
			continue
		}
		if err := im.table(ctx, im.regime.shape(s)); err != nil {
			return err
		}
	}
	if err := im.places(ctx); err != nil {
		return err
	}
	if im.census != nil {
		return im.census.write()
	}
	return nil
}

func (im *importer) table(ctx context.Context, s *shape) error {
	p, err := im.spool(ctx, s)
	if err != nil || p == nil {
		return err
	}
	return im.finish(ctx, p)
}

// malformed keeps note of a row that cannot be kept, or stops the import.
func (im *importer) malformed(e *RowError) error {
	if !im.options.Lenient {
		return fmt.Errorf("%w; correct the source, or import it leniently to leave such rows out", e)
	}
	if len(im.report.Malformed) < maxReported {
		im.report.Malformed = append(im.report.Malformed, e)
	}
	return nil
}

// spooled is a table that was read.
type spooled struct {
	*table
	spool    *spool
	first    func(place int) (from, to int32) // the participants of a place
	settled  bool                             // rows are in order and will not change
	renumber func(*columns)                   // gives labels their numbers, once rows are settled
}

// maxPlaces is the number of parts of a table of which each is sorted in memory.
const maxPlaces = 128

// spool reads a table, nil when the source has none.
func (im *importer) spool(ctx context.Context, s *shape) (*spooled, error) {
	if im.source.files[s.name] == "" {
		return nil, nil
	}
	t, err := im.open(s)
	if err != nil {
		return nil, err
	}
	out := &spooled{table: t}
	if s.participants {
		strides := store.Strides(im.report.Participants)
		span := int32((strides + maxPlaces - 1) / maxPlaces * store.Stride)
		t.places = (im.report.Participants + int(span) - 1) / int(span)
		t.place = func(p int32) int { return int(p / span) }
		out.first = func(k int) (int32, int32) {
			return int32(k) * span, min(int32(k+1)*span, int32(im.report.Participants))
		}
	} else {
		t.places = maxPlaces
		t.place = func(id int32) int { return int(min(max(0, id)>>19, maxPlaces-1)) }
	}
	rows := int64(0) // a file of text does not say how many it has
	if p, ok := t.file.(*parquetFile); ok && s.participants {
		rows = p.likelyRows()
	}
	out.spool = newSpool(t.shape, im.builder.Dir(), t.places, rows)
	im.keys = newKeySet()
	err = t.stream(ctx, func(c *chunk) error {
		im.keepAsides(t, c)
		return out.spool.add(c)
	})
	_, answer := asked(t.shape)
	t.loose = t.loose || answer >= 0
	im.keys = nil
	if err != nil {
		return nil, errors.Join(err, out.spool.close())
	}
	return out, nil
}

// finish sorts a table place by place and writes it.
func (im *importer) finish(ctx context.Context, p *spooled) (err error) {
	defer func() { err = errors.Join(err, p.spool.close()) }()
	if p.loose && p.shape.participants && im.census == nil {
		if err := im.settle(ctx, p); err != nil {
			return err
		}
	}
	s := p.shape.labelled(p.labels)
	var out *batches
	if im.census == nil || !s.participants {
		final, from := im.regime.finalShape(s)
		if out, err = im.begin(final, func(f int) []int32 { return im.dictionary(p, from[f]) }); err != nil {
			return err
		}
	}
	place := 0
	err = inOrder(ctx, p.places, func(k int) (*made, error) { return im.sorted(p, s, k, out) }, func(m *made) error {
		place++
		im.progress.tell("writing "+s.name, int64(place), int64(p.places))
		p.report.drop("made equal by generalising", m.equal)
		p.report.drop("a row that is there twice", m.twice)
		if s.name == "concept" {
			im.terms.learn(m.rows)
		}
		if out == nil {
			im.census.add(m)
			return nil
		}
		if err := out.writeMade(m); err != nil {
			return err
		}
		if s.name != "concept" {
			p.spool.done(m.read)
		}
		return nil
	})
	im.report.Tables = append(im.report.Tables, p.report)
	if out != nil {
		err = errors.Join(err, out.close())
	}
	return err
}

// made is a place's rows, ready to be written.
type made struct {
	rows         *columns
	read         *columns        // what they were before fields were left out
	prepared     *store.Prepared // nil when they are few
	equal, twice int
	counts       []placeCount
}

// sorted loads a place and puts its rows in order.
func (im *importer) sorted(p *spooled, s *shape, k int, out *batches) (*made, error) {
	c, err := p.spool.load(k)
	if err != nil {
		return nil, err
	}
	c.shape = s
	m := &made{rows: c, read: c}
	if !s.participants {
		m.twice, err = im.sortIDs(c)
		if err != nil {
			return nil, err
		}
		return m, nil
	}
	if p.settled {
		p.renumber(c)
	} else {
		m.equal = im.ordered(p, c, k)
	}
	c = im.regime.final(c)
	m.rows = c
	if im.census != nil {
		m.counts = im.census.tally(c)
		return m, nil
	}
	if c.count >= minBatch {
		m.prepared, err = out.w.Prepare(c.slices()...)
	}
	return m, err
}

// begin begins a table, with the dictionaries of its concept fields.
func (im *importer) begin(s *shape, concepts func(f int) []int32) (*batches, error) {
	return newBatches(im.builder, s.withConcepts(concepts, im.terms.of))
}

// ordered puts a place's rows in order; it drops those that are made equal.
func (im *importer) ordered(p *spooled, c *columns, k int) (equal int) {
	from, to := p.first(k)
	c.inOrder(from, to)
	return im.regime.settle(c)
}

// dictionary is the concepts of a field.
func (im *importer) dictionary(p *spooled, f int) []int32 {
	if im.regime.empties(p.shape.name, p.shape.fields[f].Name) {
		return []int32{store.Missing}
	}
	return p.used[f].ids()
}

// write writes a table that is in memory and in order.
func (im *importer) write(c *columns) error {
	c = im.regime.final(c)
	out, err := im.begin(c.shape, c.distinct)
	if err != nil {
		return err
	}
	return errors.Join(out.writeStrides(c), out.close())
}

// distinct is the values of a field in ascending order, the sentinel too where one is missing.
func (c *columns) distinct(field int) []int32 {
	var seen conceptMap
	for _, v := range c.ints[field] {
		seen.put(v, 0)
	}
	return seen.ids()
}

// inOrder sorts rows of the participants [from, to) by participant, date and place.
func (c *columns) inOrder(from, to int32) {
	// A counting sort: it is stable, and there are about as many participants as rows of each.
	next := make([]int32, to-from+1)
	c.order = resized(c.order, c.count)
	order := c.order
	for _, p := range c.ints[0] {
		next[p-from+1]++
	}
	for p := range to - from {
		next[p+1] += next[p]
	}
	starts := slices.Clone(next)
	for i, p := range c.ints[0] {
		order[next[p-from]] = int32(i)
		next[p-from]++
	}
	if c.date >= 0 {
		for p := range to - from {
			c.byDate(order[starts[p]:starts[p+1]], 0)
		}
	}
	c.arrange(order, 0)
}

// sortIDs sorts the vocabulary by its ids, and drops what is there twice.
func (im *importer) sortIDs(c *columns) (dropped int, err error) {
	order := make([]int32, c.count)
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortStableFunc(order, c.compareIDs)
	c.arrange(order, 0)
	twice := func(i int) bool { return i > 0 && c.compareIDs(int32(i-1), int32(i)) == 0 }
	for i := range c.count {
		if twice(i) {
			dropped++
		}
	}
	if dropped == 0 {
		return 0, nil
	}
	if !im.options.Lenient {
		return 0, fmt.Errorf("%s has a row twice: remove one of the two", c.shape.name)
	}
	drop := make([]bool, c.count)
	for i := range drop {
		drop[i] = twice(i)
	}
	c.without(drop)
	return dropped, nil
}

// compareIDs orders the vocabulary: concept by its id, concept_ancestor by both.
func (c *columns) compareIDs(a, b int32) int {
	d := cmp.Compare(c.ints[0][a], c.ints[0][b])
	if d == 0 && c.shape.name == "concept_ancestor" {
		return cmp.Compare(c.ints[1][a], c.ints[1][b])
	}
	return d
}

// permute draws the participants' indexes.
func (im *importer) permute(n int) ([]int32, error) {
	d := newDice()
	seed := im.options.Seed
	if seed == 0 {
		var b [8]byte
		if _, err := crand.Read(b[:]); err != nil {
			return nil, err
		}
		seed = binary.LittleEndian.Uint64(b[:])
	}
	d.begin(seed, orderStream, 0)
	return permutation(d, n), nil
}

// inOrder makes things 0 to n−1 on all processors and uses them in order.
func inOrder[T any](ctx context.Context, n int, produce func(k int) (T, error), use func(T) error) error {
	ctx, cancel := context.WithCancel(ctx)
	workers := min(n, runtime.GOMAXPROCS(0))
	type result struct {
		thing T
		err   error
	}
	var working sync.WaitGroup
	defer working.Wait()
	defer cancel()
	results := make([]chan result, workers)
	for w := range workers {
		results[w] = make(chan result, 1) // one more is made while one waits
		working.Go(func() {
			for k := w; k < n; k += workers {
				x, err := produce(k)
				if send(ctx, results[w], result{x, err}) != nil || err != nil {
					return
				}
			}
		})
	}
	for k := range n {
		select {
		case r := <-results[k%workers]:
			if r.err != nil {
				return r.err
			}
			if err := use(r.thing); err != nil {
				return err
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
