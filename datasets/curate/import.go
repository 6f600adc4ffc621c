package curate

import (
	"cmp"
	"context"
	crand "crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sort"
	"time"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// ImportOptions say what to make of a source.
type ImportOptions struct {
	Name    string    // Required.
	Tier    plan.Tier // Required: registered or controlled.
	CDR     string    // Required: the version of the curated data repository.
	CutOff  string    // Required: the last day of data, 2021-12-31.
	Lenient bool      // Default: the first row that cannot be read stops the import.
	Seed    uint64    // Default 0: a permutation of the participants that cannot be repeated.
}

func (o ImportOptions) check() error {
	for _, x := range []struct{ value, what string }{{o.Name, "name"}, {o.CDR, "CDR version"}, {o.CutOff, "cut-off day"}} {
		if x.value == "" {
			return fmt.Errorf("an import needs a %s", x.what)
		}
	}
	if _, err := time.Parse(time.DateOnly, o.CutOff); err != nil {
		return errors.New("the cut-off is no day: write it as 2021-12-31")
	}
	return checkTier(o.Tier)
}

// Import makes a repository at dir, which must not exist, of the OMOP tables in
// the folder from. The report is good even when the import stops with an error.
func Import(ctx context.Context, from, dir string, o ImportOptions, progress Progress) (Report, error) {
	im := &importer{options: o, progress: progress}
	if err := o.check(); err != nil {
		return im.report, err
	}
	var err error
	if im.source, err = openSource(from); err != nil {
		return im.report, err
	}
	im.report.LeftOut = im.source.other
	im.report.Notes = append(im.report.Notes, fmt.Sprintf("the rules of the %s tier are not applied: dates and answers stand as the source has them", o.Tier))
	err = im.run(ctx, dir)
	return im.report, err
}

// importer imports one source.
type importer struct {
	options  ImportOptions
	progress Progress
	source   *source
	people   map[int64]int32 // participant indexes by person_id
	report   Report
}

func (im *importer) run(ctx context.Context, dir string) error {
	people, ids, err := im.readPeople(ctx)
	if err != nil {
		return err
	}
	b, err := store.Create(dir, store.Manifest{
		Name: im.options.Name, CDR: im.options.CDR, Tier: im.options.Tier, CutOff: im.options.CutOff,
		Source: "imported from OMOP tables in " + filepath.Base(im.source.dir), Participants: len(ids),
	})
	if err != nil {
		return err
	}
	if err := im.build(ctx, b, people, ids); err != nil {
		return errors.Join(err, b.Abort())
	}
	return b.Commit()
}

func (im *importer) build(ctx context.Context, b *store.Builder, people *columns, ids []int64) error {
	if err := im.write(b, people); err != nil {
		return err
	}
	for _, s := range shapes {
		if s.name == "person" || s.name != "participants" && im.source.files[s.name] == "" {
			continue
		}
		if s.name == "participants" {
			if err := im.write(b, identities(ids)); err != nil {
				return err
			}
			continue
		}
		c, report, err := im.read(ctx, s)
		if err != nil {
			return err
		}
		im.report.Tables = append(im.report.Tables, *report)
		if err := im.write(b, c); err != nil {
			return err
		}
	}
	return nil
}

// malformed keeps note of a row that could not be read, or stops the import.
func (im *importer) malformed(e *RowError) error {
	if !im.options.Lenient {
		return fmt.Errorf("%w; correct the source, or import it leniently to leave such rows out", e)
	}
	if len(im.report.Malformed) < maxReported {
		im.report.Malformed = append(im.report.Malformed, e)
	}
	return nil
}

// write applies the tier's rules to a table, sorts it and writes it. A table that
// does not fit into memory needs a merge of sorted runs in place of inOrder; what
// stands before and behind stays.
func (im *importer) write(b *store.Builder, c *columns) error {
	c = applyRules(im.options.Tier, c)
	if err := c.inOrder(im.report.Participants); err != nil {
		return err
	}
	out, err := newBatches(b, c.shape.withConcepts(c.distinct))
	if err != nil {
		return err
	}
	for from := 0; from < c.count; {
		to := c.count
		if c.shape.participants {
			end := (c.ints[0][from]/store.Stride + 1) * store.Stride
			to = from + sort.Search(c.count-from, func(i int) bool { return c.ints[0][from+i] >= end })
		}
		if err := out.writeRows(c, from, to); err != nil {
			return errors.Join(err, out.close())
		}
		from = to
	}
	return out.close()
}

// distinct is the values of a field in ascending order, the sentinel too where one is missing.
func (c *columns) distinct(field int) []int32 {
	seen := map[int32]bool{}
	for _, v := range c.ints[field] {
		seen[v] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// inOrder sorts rows by participant, date and place, and the vocabulary by its ids.
func (c *columns) inOrder(participants int) error {
	order := make([]int32, c.count)
	if !c.shape.participants {
		for i := range order {
			order[i] = int32(i)
		}
		slices.SortStableFunc(order, c.compareIDs)
		c.arrange(order, 0)
		return c.checkIDs()
	}
	// A counting sort: it is stable, and there are about as many participants as rows of each.
	next := make([]int32, participants+1)
	for _, p := range c.ints[0] {
		next[p+1]++
	}
	for p := range participants {
		next[p+1] += next[p]
	}
	starts := slices.Clone(next)
	for i, p := range c.ints[0] {
		order[next[p]] = int32(i)
		next[p]++
	}
	if c.date >= 0 {
		for p := range participants {
			c.byDate(order[starts[p]:starts[p+1]], 0)
		}
	}
	c.arrange(order, 0)
	return nil
}

// compareIDs orders the vocabulary: concept by its id, concept_ancestor by both.
func (c *columns) compareIDs(a, b int32) int {
	d := cmp.Compare(c.ints[0][a], c.ints[0][b])
	if d == 0 && c.shape.name == "concept_ancestor" {
		return cmp.Compare(c.ints[1][a], c.ints[1][b])
	}
	return d
}

func (c *columns) checkIDs() error {
	for i := 1; i < c.count; i++ {
		if c.compareIDs(int32(i-1), int32(i)) == 0 {
			return fmt.Errorf("%s has a row twice: remove one of the two", c.shape.name)
		}
	}
	return nil
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
