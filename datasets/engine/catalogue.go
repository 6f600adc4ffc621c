package engine

import (
	"cmp"
	"slices"
	"strings"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// maxListed is how many concepts are listed; a set of more is to be narrowed.
const maxListed = 10_000

// Concepts lists a set of the vocabulary's concepts, those that a search most likely
// means first: standard ones, then those with the name that was searched for, then
// short names. It looks into no table but concept, so that nothing of it says what
// any participant has. all is how many there are.
func (e *Engine) Concepts(n *plan.Node) (list []plan.Concept, all int, err error) {
	set, err := e.vocabulary.concepts(n)
	if err != nil {
		return nil, 0, err
	}
	if list, err = e.listed(set); err != nil {
		return nil, 0, err
	}
	words := ""
	if leaf := n.Leaf(); (leaf.Op() == "Search" || leaf.Op() == "Concepts") && len(leaf.Args()) > 0 {
		words, _ = leaf.Args()[0].(string)
	}
	slices.SortFunc(list, func(a, b plan.Concept) int {
		return cmp.Or(
			first(a.Standard, b.Standard),
			first(strings.EqualFold(a.Name, words), strings.EqualFold(b.Name, words)),
			cmp.Compare(len(a.Name), len(b.Name)), strings.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID),
		)
	})
	return list[:min(len(list), maxListed)], len(list), nil
}

// first orders what is true before what is not.
func first(a, b bool) int { return int(truth(b)) - int(truth(a)) }

// listed reads the concepts of a set.
func (e *Engine) listed(set conceptSet) (out []plan.Concept, err error) {
	err = eachBatch(e.repo, "concept", func(t *store.Table, b *store.Batch) {
		var text []func(int) string
		for _, f := range []string{"concept_name", "domain_id", "vocabulary_id", "concept_class_id", "concept_code", "standard_concept"} {
			text = append(text, labels(t, b, f))
		}
		for i, id := range b.Int32("concept_id") {
			if set.has(id) {
				out = append(out, plan.Concept{
					ID: int(id), Name: text[0](i), Domain: text[1](i), Vocabulary: text[2](i), Class: text[3](i), Code: text[4](i),
					Standard: text[5](i) == "S",
				})
			}
		}
	})
	return out, err
}

// countTables are where a public repository has its counts, and the field of their groups.
var countTables = map[string]struct{ table, field string }{
	"ByConcept":    {"counts_by_concept", ""},
	"BySexAtBirth": {"counts_by_concept_and_sex", "sex_at_birth_concept_id"},
	"ByAge":        {"counts_by_concept_and_age", "age"},
}

// Counts reads what a public repository says of a set's concepts.
func (e *Engine) Counts(n *plan.Node) ([]plan.Count, error) {
	from, ok := countTables[n.Op()]
	if !ok {
		return nil, unknownOp(n)
	}
	if e.repo.Tier != plan.Public || !e.repo.Has(from.table) {
		return nil, cannot(n, "the repository %s has no public counts", e.repo.Name)
	}
	set, err := e.vocabulary.concepts(n.Node(0))
	if err != nil {
		return nil, err
	}
	var out []plan.Count
	err = eachBatch(e.repo, from.table, func(t *store.Table, b *store.Batch) {
		table, counts := labels(t, b, "table"), b.Int32("participants")
		of := e.groups(t, b, from.field)
		for i, id := range b.Int32("concept_id") {
			if set.has(id) {
				out = append(out, plan.Count{Concept: int(id), Name: e.vocabulary.name(id), Table: table(i), Group: of(i), Participants: int(counts[i])})
			}
		}
	})
	slices.SortStableFunc(out, func(a, b plan.Count) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Concept, b.Concept))
	})
	if len(out) > maxListed {
		return nil, &plan.Error{Op: n.Op(), Msg: "there are more than 10,000 counts", Way: "name fewer concepts", At: n.At()}
	}
	return out, err
}

// groups names the sex or the age of a row.
func (e *Engine) groups(t *store.Table, b *store.Batch, field string) func(row int) string {
	if strings.HasSuffix(field, "concept_id") {
		sexes := b.Int32(field)
		return func(row int) string {
			if sexes[row] == store.Missing {
				return plan.Missing
			}
			return e.vocabulary.name(sexes[row])
		}
	}
	return labels(t, b, field)
}
