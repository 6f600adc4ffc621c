package curate

import (
	"maps"
	"slices"

	"weir/datasets/store"
)

// census counts participants for the public tier, which has no rows: by concept, by
// concept and sex at birth, by concept and age at the first record.
//
// A repository of that tier has the vocabulary and these tables of integers; table
// and age are labels:
//
//	counts_by_concept           table concept_id participants
//	counts_by_concept_and_sex   table concept_id sex_at_birth_concept_id participants
//	counts_by_concept_and_age   table concept_id age participants
//
// participants is 0, or the number rounded up to a multiple of 20: 20 stands for
// 1 to 20. The repository's number of participants is rounded in the same way. A sex
// at birth, and a concept that the vocabulary does not have, are there only if more
// than store.Threshold participants have them.
type census struct {
	im     *importer
	sexes  []int32 // by participant
	births []int32
	sex    []int32 // those that are told of, ascending
	tables []string
	counts []map[int32]*headcount // by table
}

// headcount are the participants with a concept.
type headcount struct {
	all   int32
	bySex map[int32]int32
	byAge [ageBands]int32
}

// placeCount are a place's participants with a concept.
type placeCount struct {
	concept int32
	headcount
}

// publicBin is what a public count is a multiple of.
const publicBin = 20

func binned(n int32) int32 { return (n + publicBin - 1) / publicBin * publicBin }

// ageBands are the bands of age: under 18, 18–29, then decades to 80–88. Nobody in
// the registered tier, of which the public tier tells, is older.
const ageBands = 8

var ageLabels = []string{"0-17", "18-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80+"}

func ageBand(birth, day int32) int {
	years := int(float64(day-birth) / 365.25)
	switch {
	case years < 18:
		return 0
	case years < 30:
		return 1
	}
	return min(years/10-1, ageBands-1)
}

func newCensus(im *importer) *census {
	im.builder.SetParticipants(int(binned(int32(im.report.Participants))))
	return &census{im: im}
}

// learn takes who the participants are.
func (n *census) learn(people *columns) {
	if f := people.shape.at("sex_at_birth_concept_id"); f >= 0 {
		count := map[int32]int{}
		for _, sex := range people.ints[f] {
			count[sex]++
		}
		maps.DeleteFunc(count, func(_ int32, n int) bool { return n <= store.Threshold })
		n.sexes, n.sex = people.ints[f], slices.Sorted(maps.Keys(count))
	}
	n.births = people.ints[people.shape.at("birth_date")]
}

// tally counts a place's rows, which are sorted by participant and date. It is
// called by several goroutines.
func (n *census) tally(c *columns) []placeCount {
	concept := slices.IndexFunc(c.shape.fields, func(f store.Field) bool { return f.Indexed })
	if concept < 0 || c.date < 0 {
		return nil
	}
	counts := map[int32]*headcount{}
	seen := map[int32]bool{}
	for i, id := range c.ints[concept] {
		p := c.ints[0][i]
		if i == 0 || c.ints[0][i-1] != p {
			clear(seen)
		}
		if seen[id] || id == 0 || id == store.Missing {
			continue
		}
		seen[id] = true
		k := counts[id]
		if k == nil {
			k = &headcount{bySex: map[int32]int32{}}
			counts[id] = k
		}
		k.all++
		if n.sexes != nil {
			k.bySex[n.sexes[p]]++
		}
		if n.births[p] != store.Missing {
			k.byAge[ageBand(n.births[p], c.ints[c.date][i])]++
		}
	}
	var out []placeCount
	for id, k := range counts {
		out = append(out, placeCount{id, *k})
	}
	return out
}

// add takes what tally found, place by place and table by table.
func (n *census) add(m *made) {
	name := m.rows.shape.name
	if len(n.tables) == 0 || n.tables[len(n.tables)-1] != name {
		n.tables = append(n.tables, name)
		n.counts = append(n.counts, map[int32]*headcount{})
	}
	counts := n.counts[len(n.counts)-1]
	for _, t := range m.counts {
		k := counts[t.concept]
		if k == nil {
			k = &headcount{bySex: map[int32]int32{}}
			counts[t.concept] = k
		}
		k.all += t.all
		for sex, x := range t.bySex {
			k.bySex[sex] += x
		}
		for band, x := range t.byAge {
			k.byAge[band] += x
		}
	}
}

var countShapes = parseShapes(`--
counts_by_concept: table:label concept_id participants
counts_by_concept_and_sex: table:label concept_id sex_at_birth_concept_id participants
counts_by_concept_and_age: table:label concept_id age:label participants
`)

// write writes the three tables, every number in bins.
func (n *census) write() error {
	var tables labels // those of which something is listed
	all, bySex, byAge := newColumns(countShapes[0]), newColumns(countShapes[1]), newColumns(countShapes[2])
	for i, counts := range n.counts {
		for _, id := range slices.Sorted(maps.Keys(counts)) {
			k := counts[id]
			if n.im.terms.of(id) == "" && k.all <= store.Threshold {
				continue
			}
			t := tables.index(n.tables[i])
			all.add([]int32{t, id, binned(k.all)})
			for _, sex := range n.sex {
				bySex.add([]int32{t, id, sex, binned(k.bySex[sex])})
			}
			for band, x := range k.byAge {
				byAge.add([]int32{t, id, int32(band), binned(x)})
			}
		}
	}
	for _, c := range []*columns{all, bySex, byAge} {
		c.shape = c.shape.withLabels(map[string][]string{"table": tables.texts, "age": ageLabels})
		if err := writeTable(n.im.builder, c); err != nil {
			return err
		}
	}
	return nil
}
