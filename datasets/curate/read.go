package curate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"

	"weir/datasets/store"
)

// table reads one table of the source: its blocks on all processors, into chunks
// that are handed on in the order of the file.
type table struct {
	im         *importer
	file       tableFile
	report     TableReport
	shape      *shape // what the source and the tier have of it
	chosen     []int  // columns of the file
	person     int    // among the chosen, person_id; -1 for the vocabulary
	key        int    // among the chosen, the key of rows; -1 for none
	aside      int    // among the chosen, what is read beside the fields; -1 for nothing
	keyName    string
	binds      []bind // by field of shape, but participant
	nulls      []int  // fields that are to be empty
	suppressed *suppression
	late       *suppression // when the other rules have acted
	place      func(first int32) int
	places     int
	used       []conceptMap // by field: the concepts of rows that are kept
	labels     []labels     // by field
	loose      bool         // used and labels may have what only rows had that were dropped since
	spare      sync.Pool    // chunks that were used
	mu         sync.Mutex
}

// bind is where a field comes from.
type bind struct {
	field    store.Field
	at       int // its place in the shape
	required bool
	from     int    // among the chosen
	column   string // its name in the file
	birth    *birth // for birth_date
}

// candidates are the columns that a field may come from, the best first: a date
// also from the time that OMOP has beside it.
func candidates(f store.Field) []string {
	switch {
	case f.Name == minuteOfDay:
		return []string{"datetime"}
	case f.Name == zip3:
		return []string{"zip3", "zip3_as_string", "zip_code"}
	case f.Type == store.Date:
		return []string{f.Name, strings.TrimSuffix(f.Name, "date") + "datetime"}
	}
	return []string{f.Name}
}

// open opens a table's file and finds its columns. A file without a column that the
// table needs is an error; fields without a column are left out of the shape.
func (im *importer) open(s *shape) (*table, error) {
	f, err := im.source.open(s.name)
	if err != nil {
		return nil, err
	}
	t := &table{im: im, file: f, report: TableReport{Table: s.name, File: im.source.files[s.name], Dropped: map[string]int64{}}, key: -1, aside: -1, person: -1, places: 1}
	if err := t.bind(s); err != nil {
		return nil, errors.Join(err, f.close())
	}
	t.suppressed, t.late = im.regime.suppressed(s.name, im.recent)
	return t, nil
}

func (t *table) bind(s *shape) error {
	names := t.file.columns()
	used := map[int]bool{}
	take := func(name string) int {
		i := slices.Index(names, name)
		if i < 0 {
			return -1
		}
		used[i] = true
		if k := slices.Index(t.chosen, i); k >= 0 {
			return k
		}
		t.chosen = append(t.chosen, i)
		return len(t.chosen) - 1
	}
	if s.participants {
		if t.person = take("person_id"); t.person < 0 {
			return t.lacks("person_id")
		}
		t.keyName = s.name + "_id"
		t.key = take(t.keyName)
	}
	if name := t.im.aside(s.name); name != "" {
		t.aside = take(name)
	}
	for _, f := range s.fields {
		if f.Name == "participant" {
			continue
		}
		b, ok := t.bindField(f, take)
		b.required = s.required[f.Name]
		switch {
		case ok:
			t.binds = append(t.binds, b)
		case b.required:
			return t.lacks(f.Name)
		default:
			t.report.Absent = append(t.report.Absent, f.Name)
		}
	}
	for i, n := range names {
		if !used[i] {
			t.report.Ignored = append(t.report.Ignored, n)
		}
	}
	t.shape = s.without(t.report.Absent...)
	t.labels, t.used = make([]labels, len(t.shape.fields)), make([]conceptMap, len(t.shape.fields))
	for i := range t.binds {
		t.binds[i].at = t.shape.at(t.binds[i].field.Name)
	}
	for i, f := range t.shape.fields {
		if matches(t.im.regime.nulls, s.name, f.Name) {
			t.nulls = append(t.nulls, i)
		}
	}
	return t.file.choose(t.chosen)
}

func (t *table) bindField(f store.Field, take func(string) int) (bind, bool) {
	b := bind{field: f}
	if f.Name == "birth_date" {
		b.birth = bindBirth(take)
		return b, b.birth != nil
	}
	for _, name := range candidates(f) {
		if b.from = take(name); b.from >= 0 {
			b.column = name
			return b, true
		}
	}
	return b, false
}

func (t *table) lacks(column string) error {
	if column == "birth_date" {
		column = "birth_datetime or year_of_birth"
	}
	return fmt.Errorf("%s has no column %s, which the table %s needs: add it", t.report.File, column, t.report.Table)
}

// chunk is consecutive rows of a file, those that are kept by place.
type chunk struct {
	rows    *columns
	lines   []int64  // by row as it came
	keys    []int64  // the same
	asides  []int32  // the same
	order   []int32  // how the rows came: row i as the order[i]-th
	starts  []int32  // by place: the first of its rows
	texts   []labels // by field, as this chunk numbers them
	read    int64
	dropped map[string]int64
	bad     []*RowError // the first of those that cannot be kept

	badRows, strangers int64
}

// chunksAhead are the chunks that may wait for those of the blocks before theirs.
// Each takes about a megabyte.
const chunksAhead = 64

// job is a block on its way.
type job struct {
	block  block
	chunks chan *chunk
	err    error
}

// stream reads the file and hands on its chunks, in order.
func (t *table) stream(ctx context.Context, use func(*chunk) error) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	var working sync.WaitGroup
	defer func() {
		cancel()
		working.Wait()
		err = errors.Join(err, t.file.close())
	}()
	n := runtime.GOMAXPROCS(0)
	ahead := max(2, chunksAhead/n)
	jobs, order := make(chan *job, n), make(chan *job, 2*n)
	var cutting error
	working.Go(func() {
		defer close(order)
		defer close(jobs)
		cutting = t.file.cut(ctx, func(b block) error {
			j := &job{block: b, chunks: make(chan *chunk, ahead)}
			return errors.Join(send(ctx, order, j), send(ctx, jobs, j))
		})
	})
	for range n {
		working.Go(func() { t.work(ctx, jobs) })
	}
	for j := range order {
		for c := range j.chunks {
			done, total := t.file.progress()
			t.im.progress.tell(t.report.Table, done, total)
			if err := t.take(c, use); err != nil {
				return err
			}
		}
		if j.err != nil {
			return t.wrap(j.err)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return t.wrap(cutting)
}

func (t *table) wrap(err error) error {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%s: %w", t.report.File, err)
}

func send[T any](ctx context.Context, to chan<- T, x T) error {
	select {
	case to <- x:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// work reads blocks until there are none.
func (t *table) work(ctx context.Context, jobs <-chan *job) {
	r := &reader{table: t, used: make([]conceptMap, len(t.shape.fields)), last: math.MinInt64}
	for j := range jobs {
		j.err = r.block(ctx, j)
		close(j.chunks)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for f := range r.used {
		for _, id := range r.used[f].ids() {
			t.used[f].put(id, 0)
		}
	}
}

// take counts a chunk, drops rows that only those before it show to be wrong, and
// hands it on.
func (t *table) take(c *chunk, use func(*chunk) error) error {
	t.report.Read += c.read
	t.report.Strangers += c.strangers
	for rule, n := range c.dropped {
		t.report.Dropped[rule] += n
	}
	bad := c.bad
	strike := map[int32]bool{}
	for i := range c.lines {
		if e := t.repeated(c, i); e != nil {
			bad = append(bad, e)
			strike[int32(i)] = true
		}
	}
	bad = t.number(c, strike, bad)
	t.report.Malformed += c.badRows + int64(len(strike))
	slices.SortStableFunc(bad, func(a, b *RowError) int { return int(a.Line - b.Line) })
	for _, e := range bad {
		if err := t.im.malformed(e); err != nil {
			return err
		}
	}
	if len(strike) > 0 {
		t.loose = true
		c.strike(strike)
	}
	t.report.Written += int64(c.rows.count)
	err := use(c)
	t.spare.Put(c)
	return err
}

// repeated says whether a row has the key of an earlier one.
func (t *table) repeated(c *chunk, row int) *RowError {
	if t.key < 0 || t.im.keys.add(c.keys[row]) {
		return nil
	}
	if !t.im.options.UniqueKeys && t.key != t.person {
		t.report.Repeated++
		return nil
	}
	return &RowError{File: t.report.File, Line: c.lines[row], Column: t.keyName, Problem: errTwice.Error()}
}

// maxLabels is the number of different texts from which a field of a participants'
// table is no label but free text.
const maxLabels = 1000

// number gives the labels of a chunk's rows the numbers that they have in the table,
// which has those of rows that are kept alone.
func (t *table) number(c *chunk, strike map[int32]bool, bad []*RowError) []*RowError {
	for f := range c.texts {
		if t.shape.fields[f].Type != store.Label {
			continue
		}
		kept, numbers := make([]bool, len(c.texts[f].texts)), make([]int32, len(c.texts[f].texts))
		for i, v := range c.rows.ints[f] {
			if v != store.Missing && !strike[c.order[i]] {
				kept[v] = true
			}
		}
		for v, text := range c.texts[f].texts {
			if kept[v] {
				numbers[v] = t.numberOf(f, text)
			}
		}
		for i, v := range c.rows.ints[f] {
			came := c.order[i]
			if v == store.Missing || strike[came] {
				continue
			}
			if c.rows.ints[f][i] = numbers[v]; numbers[v] == store.Missing {
				strike[came] = true
				bad = append(bad, &RowError{File: t.report.File, Line: c.lines[came], Column: t.shape.fields[f].Name, Problem: "has too many different texts to be labels"})
			}
		}
	}
	return bad
}

// numberOf is the number of a text in a field of the table, Missing when there are
// too many.
func (t *table) numberOf(f int, text string) int32 {
	l := &t.labels[f]
	if _, known := l.numbers[text]; !known && t.shape.participants && len(l.texts) >= maxLabels {
		return store.Missing
	}
	return l.index(text)
}

// strike drops rows, named by how they came.
func (c *chunk) strike(rows map[int32]bool) {
	starts := make([]int32, len(c.starts))
	for i, came := range c.order {
		if rows[came] {
			for p := range starts {
				if c.starts[p] > int32(i) {
					starts[p]++
				}
			}
		}
	}
	for p := range starts {
		c.starts[p] -= starts[p]
	}
	drop := make([]bool, len(c.order))
	for i, came := range c.order {
		drop[i] = rows[came]
	}
	c.rows.without(drop)
	c.order = slices.DeleteFunc(c.order, func(came int32) bool { return rows[came] })
}

// reader is one goroutine's: it reads blocks of a table.
type reader struct {
	*table
	cursor cursor
	c      *chunk
	ints   []int32
	nums   []float64
	used   []conceptMap // by field
	next   []int32      // scratch of arrange
	drop   []bool       // scratch of vectors
	last   int64        // person_id of the row before
	index  int32        // and the participant
}

// chunkRows is the number of rows from which a block is handed on in part.
const chunkRows = 1 << 14

func (r *reader) block(ctx context.Context, j *job) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.cursor, err = j.block.open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.cursor.close()) }()
	for {
		r.newChunk()
		var end error
		if p, ok := r.cursor.(*parquetCursor); ok {
			end = r.record(p)
		} else {
			end = r.fill(chunkRows)
		}
		if end != nil && end != io.EOF {
			return end
		}
		r.apply()
		if err := send(ctx, j.chunks, r.c); err != nil || end == io.EOF {
			return err
		}
	}
}

func (r *reader) newChunk() {
	c, _ := r.spare.Get().(*chunk)
	if c == nil {
		c = &chunk{rows: newColumns(r.shape)}
	}
	c.rows.reset()
	*c = chunk{
		rows: c.rows, lines: c.lines[:0], keys: c.keys[:0], asides: c.asides[:0], order: c.order[:0], starts: c.starts[:0],
		texts: make([]labels, len(r.shape.fields)), dropped: map[string]int64{},
	}
	r.c = c
}

// fill reads so many rows into the chunk.
func (r *reader) fill(rows int) error {
	for r.c.read < int64(rows) {
		err := r.cursor.next()
		if err == io.EOF {
			return err
		}
		var bad *RowError
		if err != nil && !errors.As(err, &bad) {
			return err
		}
		r.c.read++
		if err == nil {
			bad = r.row()
		}
		if bad != nil {
			r.c.badRows++
			if len(r.c.bad) < maxReported {
				r.c.bad = append(r.c.bad, bad)
			}
		}
	}
	return nil
}

// row appends the cursor's row, unless its participant is not in the repository.
func (r *reader) row() *RowError {
	r.ints, r.nums = r.ints[:0], r.nums[:0]
	id := int64(0)
	if r.person >= 0 {
		var err error
		if id, err = r.personID(); err != nil {
			return r.wrong("person_id", err)
		}
		switch index := r.participant(id); {
		case index == stranger:
			r.c.strangers++
			if r.im.options.KnownOnly && len(r.c.bad) < maxReported {
				r.c.bad = append(r.c.bad, r.wrong("person_id", errStranger))
			}
			return nil
		case index == tooOld:
			r.c.dropped[r.im.regime.capRule]++
			return nil
		default:
			r.ints = append(r.ints, index)
		}
	}
	for i := range r.binds {
		if err := r.value(&r.binds[i]); err != nil {
			return r.wrong(r.binds[i].name(), err)
		}
	}
	if err := r.beside(id); err != nil {
		return err
	}
	r.c.rows.add(r.ints, r.nums...)
	r.c.lines = append(r.c.lines, r.cursor.where())
	return nil
}

// beside reads what is no field: the row's key, and what the importer asks for.
func (r *reader) beside(id int64) *RowError {
	if r.key >= 0 {
		key := id
		if r.key != r.person {
			var err error
			var ok bool
			if key, ok, err = r.cursor.cell(r.key).integer(); err == nil && !ok {
				err = errMissing
			}
			if err != nil {
				return r.wrong(r.keyName, err)
			}
		}
		r.c.keys = append(r.c.keys, key)
	}
	if r.aside >= 0 {
		n, err := r.im.readAside(r.shape.name, r.cursor.cell(r.aside))
		if err != nil {
			return r.wrong(r.im.aside(r.shape.name), err)
		}
		r.c.asides = append(r.c.asides, n)
	}
	return nil
}

func (r *reader) personID() (int64, error) {
	id, ok, err := r.cursor.cell(r.person).integer()
	switch {
	case err != nil:
		return 0, err
	case !ok:
		return 0, errMissing
	case id < 0 || id > maxPersonID:
		return 0, errPersonID
	}
	return id, nil
}

// participant is a person's index. Rows of one person often follow each other.
func (r *reader) participant(id int64) int32 {
	if id != r.last {
		r.last, r.index = id, r.im.people.index(id)
	}
	return r.index
}

func (b *bind) name() string {
	if b.birth != nil {
		return "the birth"
	}
	return b.column
}

func (r *reader) wrong(column string, err error) *RowError {
	return &RowError{File: r.report.File, Line: r.cursor.where(), Column: column, Problem: err.Error()}
}

// value appends what the row has for a field.
func (r *reader) value(b *bind) error {
	if b.field.Type == store.Float {
		x, err := r.cursor.cell(b.from).number()
		if err == nil && b.required && math.IsNaN(x) {
			err = errMissing
		}
		r.nums = append(r.nums, x)
		return err
	}
	n, err := r.int32(b)
	if err == nil && b.required && n == store.Missing {
		err = errMissing
	}
	r.ints = append(r.ints, n)
	return err
}

func (r *reader) int32(b *bind) (int32, error) {
	switch {
	case b.birth != nil:
		return b.birth.read(r.cursor)
	case b.field.Name == minuteOfDay:
		return r.cursor.cell(b.from).minute()
	case b.field.Name == zip3:
		text, _, err := r.cursor.cell(b.from).label()
		return threeDigits(text), err
	case b.field.Type == store.Date:
		return r.cursor.cell(b.from).day()
	case b.field.Type == store.Label:
		text, ok, err := r.cursor.cell(b.from).label()
		if err != nil || !ok {
			return store.Missing, err
		}
		return r.c.texts[b.at].index(text), nil
	}
	return r.cursor.cell(b.from).int32()
}

// apply applies to the chunk's rows the rules that look at one row alone, and puts
// the rows in the order of their places.
func (r *reader) apply() {
	c := r.c.rows
	r.c.without(r.with(r.suppressed))
	late := r.with(r.late)
	for _, f := range r.nulls {
		c.empty(f)
	}
	if shifts := r.im.shifts; shifts != nil && r.shape.participants && r.shape.name != "person" {
		for f, field := range r.shape.fields {
			if field.Type == store.Date {
				for i, day := range c.ints[f] {
					if day != store.Missing {
						c.ints[f][i] = day - int32(shifts[c.ints[0][i]])
					}
				}
			}
		}
	}
	r.im.regime.learn(c)
	r.c.without(late)
	for f, field := range r.shape.fields {
		if field.Type == store.Concept {
			last := int32(0)
			for i, id := range c.ints[f] {
				if i == 0 || id != last {
					r.used[f].put(id, 0)
				}
				last = id
			}
		}
	}
	r.arrange()
}

// with finds the rows with a concept that the tier does not have; nil means none.
func (r *reader) with(s *suppression) (drop []bool) {
	if s.by.count == 0 || !r.shape.participants {
		return nil
	}
	c := r.c.rows
	for f, field := range r.shape.fields {
		if field.Type != store.Concept {
			continue
		}
		last, rule := int32(0), int32(-1) // neighbours are often equal; no rule names 0
		for i, id := range c.ints[f] {
			if id != last {
				last, rule = id, s.by.get(id)
			}
			if rule >= 0 && (drop == nil || !drop[i]) {
				if drop == nil {
					drop = make([]bool, c.count)
				}
				drop[i] = true
				r.c.dropped[s.rules[rule]]++
			}
		}
	}
	return drop
}

// without drops the rows that are marked; they are still as they came. nil marks none.
func (c *chunk) without(drop []bool) {
	if drop == nil {
		return
	}
	c.rows.without(drop)
	stay := unmarked(drop)
	c.lines, c.keys, c.asides = joined(c.lines, stay), joined(c.keys, stay), joined(c.asides, stay)
}

// arrange puts the rows in the order of their places, those of one as they came.
func (r *reader) arrange() {
	c := r.c
	c.order, c.starts = resized(c.order, c.rows.count), resized(c.starts, r.places+1)
	if r.places == 1 {
		for i := range c.order {
			c.order[i] = int32(i)
		}
		c.starts[0], c.starts[1] = 0, int32(len(c.order))
		return
	}
	clear(c.starts)
	for _, first := range c.rows.ints[0] {
		c.starts[r.place(first)+1]++
	}
	for p := range r.places {
		c.starts[p+1] += c.starts[p]
	}
	r.next = append(r.next[:0], c.starts...)
	for i, first := range c.rows.ints[0] {
		p := r.place(first)
		c.order[r.next[p]] = int32(i)
		r.next[p]++
	}
	c.rows.arrange(c.order, 0)
}

// resized is a slice of so many numbers, of whatever value.
func resized(s []int32, n int) []int32 {
	if cap(s) < n {
		return make([]int32, n)
	}
	return s[:n]
}
