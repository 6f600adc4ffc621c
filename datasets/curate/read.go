package curate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"weir/datasets/store"
)

// tableReader reads one table of the source into columns.
type tableReader struct {
	im     *importer
	cursor cursor
	report TableReport
	chosen []int    // columns of the file
	person int      // among the chosen, person_id; -1 for the vocabulary
	binds  []bind   // by field, but participant
	labels []labels // by field
	out    *columns
	ints   []int32
	nums   []float64
}

// bind is where a field comes from.
type bind struct {
	field    store.Field
	required bool
	from     int    // among the chosen
	column   string // its name in the file
	birth    *birth // for birth_date
}

// candidates are the columns that a field may come from, the best first: a date
// also from the time that OMOP has beside it.
func candidates(f store.Field) []string {
	if f.Type == store.Date {
		return []string{f.Name, strings.TrimSuffix(f.Name, "date") + "datetime"}
	}
	return []string{f.Name}
}

// read reads a table. A file without a column that the table needs is an error;
// fields without a column are left out of the shape.
func (im *importer) read(ctx context.Context, s *shape) (*columns, *TableReport, error) {
	c, err := im.source.open(s.name)
	if err != nil {
		return nil, nil, err
	}
	t := &tableReader{im: im, cursor: c, report: TableReport{Table: s.name, File: im.source.files[s.name]}}
	if err = t.bind(s); err == nil {
		err = t.all(ctx)
	}
	if err = errors.Join(err, c.close()); err != nil {
		return nil, nil, err
	}
	return t.out.labelled(t.labels), &t.report, nil
}

func (t *tableReader) bind(s *shape) error {
	names := t.cursor.columns()
	used := map[int]bool{}
	take := func(name string) int {
		i := slices.Index(names, name)
		if i < 0 {
			return -1
		}
		used[i] = true
		t.chosen = append(t.chosen, i)
		return len(t.chosen) - 1
	}
	t.person = -1
	if s.participants {
		if t.person = take("person_id"); t.person < 0 {
			return t.lacks("person_id")
		}
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
	t.out = newColumns(s.without(t.report.Absent...))
	t.labels = make([]labels, len(t.out.shape.fields))
	return t.cursor.choose(t.chosen)
}

func (t *tableReader) bindField(f store.Field, take func(string) int) (bind, bool) {
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

func (t *tableReader) lacks(column string) error {
	if column == "birth_date" {
		column = "birth_datetime or year_of_birth"
	}
	return fmt.Errorf("%s has no column %s, which the table %s needs: add it", t.report.File, column, t.report.Table)
}

// all reads every row.
func (t *tableReader) all(ctx context.Context) error {
	for {
		if t.report.Read%4096 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			done, total := t.cursor.progress()
			t.im.progress.tell(t.report.Table, done, total)
		}
		err := t.cursor.next()
		if err == io.EOF {
			break
		}
		var bad *RowError
		if err != nil && !errors.As(err, &bad) {
			return fmt.Errorf("%s: %w", t.report.File, err)
		}
		if err == nil {
			bad = t.row()
		}
		t.report.Read++
		if bad == nil {
			continue
		}
		t.report.Malformed++
		if err := t.im.malformed(bad); err != nil {
			return err
		}
	}
	t.report.Written = int64(t.out.count)
	return nil
}

// row appends the cursor's row, unless its person is a stranger.
func (t *tableReader) row() *RowError {
	t.ints, t.nums = t.ints[:0], t.nums[:0]
	id := int64(0)
	if t.person >= 0 {
		var known bool
		var err error
		if id, known, err = t.personID(); err != nil {
			return t.wrong("person_id", err)
		}
		if !known {
			t.report.Strangers++
			return nil
		}
	}
	for i := range t.binds {
		if err := t.value(&t.binds[i]); err != nil {
			return t.wrong(t.binds[i].name(), err)
		}
	}
	if t.out.count == math.MaxInt32 {
		return t.wrong("", errors.New("comes after more rows than a table can have"))
	}
	if t.report.Table == "person" {
		t.im.people[id] = int32(t.out.count)
	}
	t.out.add(t.ints, t.nums...)
	return nil
}

// personID begins a row with its participant.
func (t *tableReader) personID() (id int64, known bool, err error) {
	id, ok, err := t.cursor.cell(t.person).integer()
	if err != nil {
		return 0, false, err
	}
	if !ok {
		return 0, false, errMissing
	}
	index, known, err := t.participant(id)
	t.ints = append(t.ints, index)
	return id, known, err
}

func (b *bind) name() string {
	if b.birth != nil {
		return "the birth"
	}
	return b.column
}

func (t *tableReader) wrong(column string, err error) *RowError {
	return &RowError{File: t.report.File, Line: t.cursor.where(), Column: column, Problem: err.Error()}
}

// value appends what the row has for a field.
func (t *tableReader) value(b *bind) error {
	if b.field.Type == store.Float {
		x, err := t.cursor.cell(b.from).number()
		if err == nil && b.required && math.IsNaN(x) {
			err = errMissing
		}
		t.nums = append(t.nums, x)
		return err
	}
	n, err := t.int32(b)
	if err == nil && b.required && n == store.Missing {
		err = errMissing
	}
	t.ints = append(t.ints, n)
	return err
}

func (t *tableReader) int32(b *bind) (int32, error) {
	switch {
	case b.birth != nil:
		return b.birth.read(t.cursor)
	case b.field.Type == store.Date:
		return t.cursor.cell(b.from).day()
	case b.field.Type == store.Label:
		return t.label(b)
	}
	return t.cursor.cell(b.from).int32()
}

// maxLabels is the number of different texts from which a field of a participants'
// table is no label but free text.
const maxLabels = 1000

func (t *tableReader) label(b *bind) (int32, error) {
	text, ok, err := t.cursor.cell(b.from).label()
	if err != nil || !ok {
		return store.Missing, err
	}
	l := &t.labels[slices.IndexFunc(t.out.shape.fields, func(f store.Field) bool { return f.Name == b.field.Name })]
	if _, known := l.numbers[text]; !known && t.person >= 0 && len(l.texts) == maxLabels {
		return store.Missing, errors.New("has too many different texts to be labels")
	}
	return l.index(text), nil
}
