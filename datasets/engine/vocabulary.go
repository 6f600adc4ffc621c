package engine

import (
	"fmt"
	"slices"

	"weir/datasets/store"
)

// vocabulary is the names of concepts, the codes of units and the hierarchy.
type vocabulary struct {
	names       map[int32]string
	units       map[string]int32  // by UCUM code
	descendants map[int32][]int32 // by ancestor
}

func readVocabulary(r *store.Repository) (*vocabulary, error) {
	v := &vocabulary{names: map[int32]string{}, units: map[string]int32{}, descendants: map[int32][]int32{}}
	err := eachBatch(r, "concept", func(t *store.Table, b *store.Batch) {
		name, from, code := labels(t, b, "concept_name"), labels(t, b, "vocabulary_id"), labels(t, b, "concept_code")
		for i, id := range b.Int32("concept_id") {
			v.names[id] = name(i)
			if from(i) == "UCUM" {
				v.units[code(i)] = id
			}
		}
	})
	if err != nil {
		return nil, err
	}
	return v, eachBatch(r, "concept_ancestor", func(_ *store.Table, b *store.Batch) {
		descendant := b.Int32("descendant_concept_id")
		for i, a := range b.Int32("ancestor_concept_id") {
			v.descendants[a] = append(v.descendants[a], descendant[i])
		}
	})
}

func eachBatch(r *store.Repository, table string, f func(*store.Table, *store.Batch)) error {
	if !r.Has(table) {
		return nil
	}
	t, err := r.Table(table)
	if err != nil {
		return err
	}
	for i := range t.Batches {
		f(t, &t.Batches[i])
	}
	return nil
}

// labels reads a label field of a batch; a missing field or label is "".
func labels(t *store.Table, b *store.Batch, field string) func(row int) string {
	f, _ := t.Field(field)
	codes := b.Int32(field)
	return func(row int) string {
		if codes == nil || codes[row] < 0 || int(codes[row]) >= len(f.Labels) {
			return ""
		}
		return f.Labels[codes[row]]
	}
}

// name is the concept's name, or its id where the vocabulary has none.
func (v *vocabulary) name(id int32) string {
	if s := v.names[id]; s != "" {
		return s
	}
	return fmt.Sprintf("concept %d", id)
}

// conceptSet is concept ids in ascending order.
type conceptSet []int32

func newConceptSet(ids []int32) conceptSet {
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (s conceptSet) has(id int32) bool {
	_, ok := slices.BinarySearch(s, id)
	return ok
}

// withDescendants is the set and everything below it. A concept is its own descendant.
func (v *vocabulary) withDescendants(s conceptSet) conceptSet {
	out := slices.Clone(s)
	for _, id := range s {
		out = append(out, v.descendants[id]...)
	}
	return newConceptSet(out)
}

func (s conceptSet) minus(o conceptSet) conceptSet {
	return slices.DeleteFunc(slices.Clone(s), o.has)
}
