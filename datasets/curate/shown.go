package curate

import (
	"slices"

	"weir/datasets/plan"
)

// What the synthetic participants are made of, so that no rule has to act on them.

// The concepts that stand for a generalised answer (All of Us's AoU_General).
const (
	notManNotWoman     = 2000000002
	severalPopulations = 2000000008
	notMaleNotFemale   = 2000000009
	stateSuppressed    = 2000000011
	noneIndicated      = 2100000001
)

// fewestInState is the number of participants from which a state is named.
const fewestInState = 200

// oldest is the age at the cut-off from which the registered tier has no participant.
const oldest = 89

// held is the shape of a table in a tier, or in the source of both.
func held(t plan.Tier, s *shape) *shape {
	if t == source {
		return s
	}
	return shipped[t]().shape(s)
}

// source is what the tiers are made of: no rule has acted on it.
const source plan.Tier = "source"

// unanswered are the answers to every question that say nothing.
var unanswered = []int32{903079, 903096}

// generalise is what a tier shows for a concept of a person or an answer.
func generalise(t plan.Tier, id int32) int32 {
	if t != plan.Registered || slices.Contains(unanswered, id) {
		return id
	}
	for _, a := range shipped[t]().answers {
		if !a.depends() && !a.Missing && a.changes(id) {
			return a.Into
		}
	}
	return id
}
