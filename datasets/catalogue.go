package datasets

import "weir/datasets/plan"

// Concept is a concept of the vocabulary.
type Concept = plan.Concept

// Count is a count of the public tier: 0, or rounded up to a multiple of 20.
type Count = plan.Count

// ConceptQuery says which concepts: an id, a []int of ids, or words of a name.
type ConceptQuery = any

func concepts(of []ConceptQuery) Concepts {
	var args []plan.Arg
	for _, q := range of {
		if ids, ok := q.([]int); ok {
			args = append(args, list(ids)...)
			continue
		}
		args = append(args, arg(q))
	}
	return Concepts{root("Concepts", args...)}
}

// Repositories is what this session may open.
func Repositories() Catalogue { return Catalogue{root("Repositories")} }

// Catalogue is the repositories that a session may open.
type Catalogue struct{ n *plan.Node }

func (c Catalogue) plan() *plan.Node { return c.n }

// String says what would be listed.
func (c Catalogue) String() string { return c.n.String() }

// Show displays the repositories: name, tier, version, last day of data.
func (c Catalogue) Show() { show(c.n) }

// Names is what Open and OpenSnapshot call them.
func (c Catalogue) Names() []string {
	r, err := plan.Run(c.n)
	if err != nil {
		panic(err)
	}
	return r.Names
}

// Snapshot is a repository of the public tier: counts of participants in bins of 20,
// and no rows. Any session may open one, beside its own repository.
type Snapshot struct{ n *plan.Node }

// OpenSnapshot opens a repository of the public tier by name.
func OpenSnapshot(name string) Snapshot {
	n := root("OpenSnapshot", name)
	if _, err := plan.Run(n); err != nil {
		panic(err)
	}
	return Snapshot{n}
}

func (s Snapshot) plan() *plan.Node { return s.n }

// String is the snapshot's name. As the last line of a cell it displays as a card.
func (s Snapshot) String() string { return s.n.String() }

// Show displays the snapshot's card.
func (s Snapshot) Show() { show(s.n) }

// Concepts is a set of concepts, as Repository.Concepts makes one.
func (s Snapshot) Concepts(of ...ConceptQuery) Concepts { return concepts(of) }

// ByConcept is the participants with each concept.
func (s Snapshot) ByConcept(set Concepts) Counts { return Counts{then(s.n, "ByConcept", set.n)} }

// BySexAtBirth is the participants with each concept by sex at birth.
func (s Snapshot) BySexAtBirth(set Concepts) Counts { return Counts{then(s.n, "BySexAtBirth", set.n)} }

// ByAge is the participants with each concept by age at its first record.
func (s Snapshot) ByAge(set Concepts) Counts { return Counts{then(s.n, "ByAge", set.n)} }

// Counts is counts of the public tier.
type Counts struct{ n *plan.Node }

func (c Counts) plan() *plan.Node { return c.n }

// String is what was asked for.
func (c Counts) String() string { return c.n.String() }

// Show displays the counts.
func (c Counts) Show() { show(c.n) }

// List is the counts as values.
func (c Counts) List() []Count {
	r, err := plan.Run(c.n)
	if err != nil {
		panic(err)
	}
	return r.Counts
}
