package engine

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// vocabulary is the names of concepts, their codes and the hierarchy.
type vocabulary struct {
	names       map[int32]string
	codes       map[string]map[string]int32 // by vocabulary_id, then concept_code
	descendants map[int32][]int32           // by ancestor
}

func readVocabulary(r *store.Repository) (*vocabulary, error) {
	v := &vocabulary{names: map[int32]string{}, codes: map[string]map[string]int32{}, descendants: map[int32][]int32{}}
	err := eachBatch(r, "concept", func(t *store.Table, b *store.Batch) {
		name, from, code := labels(t, b, "concept_name"), labels(t, b, "vocabulary_id"), labels(t, b, "concept_code")
		for i, id := range b.Int32("concept_id") {
			v.names[id] = name(i)
			if v.codes[from(i)] == nil {
				v.codes[from(i)] = map[string]int32{}
			}
			v.codes[from(i)][code(i)] = id
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
	if id == 0 {
		return "No matching concept"
	}
	return fmt.Sprintf("concept %d", id)
}

// unit is the concept of a UCUM code.
func (v *vocabulary) unit(code string) (int32, bool) {
	id, ok := v.codes["UCUM"][code]
	return id, ok
}

// ucum is the UCUM code of a unit's concept, or its name.
func (v *vocabulary) ucum(id int32) string {
	for code, c := range v.codes["UCUM"] {
		if c == id {
			return code
		}
	}
	return v.name(id)
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

// in is the dictionary's codes of the set's concepts.
func (s conceptSet) in(dictionary []int32) []int32 {
	var out []int32
	for _, id := range s {
		if code, ok := slices.BinarySearch(dictionary, id); ok {
			out = append(out, int32(code))
		}
	}
	return out
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

// concepts is the concept set of a domain's ids or of a Concepts plan.
func (v *vocabulary) concepts(n *plan.Node) (conceptSet, error) {
	if n.Recv() == nil {
		return v.rootConcepts(n)
	}
	s, err := v.concepts(n.Recv())
	if err != nil {
		return nil, err
	}
	switch n.Op() {
	case "Descendants":
		return v.withDescendants(s), nil
	case "Except":
		if n.Kind() == "Concepts" && !hasDescendants(n) {
			return s.minus(ids(n)), nil
		}
		return s.minus(v.withDescendants(ids(n))), nil
	case "Union", "Minus":
		o, err := v.concepts(n.Node(0))
		if err != nil || n.Op() == "Minus" {
			return s.minus(o), err
		}
		return newConceptSet(slices.Concat(s, o)), nil
	}
	return nil, unknownOp(n)
}

// hasDescendants says whether a step before n added the descendants.
func hasDescendants(n *plan.Node) bool {
	for ; n != nil; n = n.Recv() {
		if n.Op() == "Descendants" {
			return true
		}
	}
	return false
}

func (v *vocabulary) rootConcepts(n *plan.Node) (conceptSet, error) {
	switch n.Op() {
	case "Search":
		return v.search(n.Text(0)), nil
	case "Codes":
		return v.coded(n)
	case "ConceptSet":
		return v.atlas(n)
	}
	out := ids(n)
	for _, a := range n.Args() {
		if text, ok := a.(string); ok {
			out = append(out, v.search(text)...)
		}
	}
	return newConceptSet(out), nil
}

func ids(n *plan.Node) conceptSet {
	var out []int32
	for _, a := range n.Args() {
		if id, ok := a.(int64); ok && id >= 0 && id <= math.MaxInt32 {
			out = append(out, int32(id))
		}
	}
	return newConceptSet(out)
}

// search is the concepts whose name has every word, in any case; a number is an id, too.
func (v *vocabulary) search(text string) conceptSet {
	words := strings.Fields(strings.ToLower(text))
	var out []int32
	if id, err := strconv.ParseInt(strings.TrimSpace(text), 10, 32); err == nil && v.names[int32(id)] != "" {
		out = append(out, int32(id))
	}
	for id, name := range v.names {
		name = strings.ToLower(name)
		if len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(name, w) }) {
			out = append(out, id)
		}
	}
	return newConceptSet(out)
}

func (v *vocabulary) coded(n *plan.Node) (conceptSet, error) {
	codes := v.codes[n.Text(0)]
	if codes == nil {
		return nil, cannot(n, "the repository's concepts have no vocabulary %s", n.Text(0))
	}
	var out []int32
	for i := 1; i < len(n.Args()); i++ {
		prefix, wild := strings.CutSuffix(n.Text(i), "*")
		for code, id := range codes {
			if code == prefix || wild && strings.HasPrefix(code, prefix) {
				out = append(out, id)
			}
		}
	}
	return newConceptSet(out), nil
}

// atlas reads an ATLAS concept set expression (OHDSI Circe, ConceptSetExpression):
// {"items":[{"concept":{"CONCEPT_ID":…},"isExcluded":…,"includeDescendants":…}]}.
func (v *vocabulary) atlas(n *plan.Node) (conceptSet, error) {
	var expression struct {
		Items []struct {
			Concept struct {
				ID int32 `json:"CONCEPT_ID"`
			} `json:"concept"`
			Excluded    bool `json:"isExcluded"`
			Descendants bool `json:"includeDescendants"`
			Mapped      bool `json:"includeMapped"`
		} `json:"items"`
	}
	if err := json.Unmarshal([]byte(n.Text(0)), &expression); err != nil || len(expression.Items) == 0 {
		return nil, cannot(n, `not a concept set expression; it begins with {"items":[`)
	}
	var in, out conceptSet
	for _, item := range expression.Items {
		if item.Mapped {
			return nil, cannot(n, "includeMapped is not supported; name the source codes with cdr.Codes")
		}
		s := conceptSet{item.Concept.ID}
		if item.Descendants {
			s = v.withDescendants(s)
		}
		if item.Excluded {
			out = append(out, s...)
		} else {
			in = append(in, s...)
		}
	}
	return newConceptSet(in).minus(newConceptSet(out)), nil
}
