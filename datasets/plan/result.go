package plan

// Result is what a plan's run gives back to the process that asked: released
// numbers and hidden cells, or a refusal. A hidden number is in no Result.
type Result struct {
	Keys    []ID     `json:"keys,omitempty"`    // identities of the table's keys
	Columns []Column `json:"columns,omitempty"` // what each cell of a group answers
	Groups  []Group  `json:"groups,omitempty"`
	Refused *Refusal `json:"refused,omitempty"`
	Schema  *Schema  `json:"schema,omitempty"` // of Open

	Concepts []Concept `json:"concepts,omitempty"` // of Concepts
	Counts   []Count   `json:"counts,omitempty"`   // of Counts
	Names    []string  `json:"names,omitempty"`    // of Repositories
}

// Concept is a concept of the vocabulary, which is public. Nothing of it says
// whether any participant has it.
type Concept struct {
	ID         int    `json:"id"`
	Name       string `json:"name"`
	Domain     string `json:"domain"`
	Vocabulary string `json:"vocabulary"`
	Class      string `json:"class"`
	Code       string `json:"code"`
	Standard   bool   `json:"standard"`
}

// Count is a count of the public tier: participants with a concept, in bins of 20.
type Count struct {
	Concept      int    `json:"concept"`
	Name         string `json:"name"`
	Table        string `json:"table"`
	Group        string `json:"group,omitempty"` // a sex at birth or an age; "" for all
	Participants int    `json:"participants"`    // 0, or rounded up to a multiple of 20
}

// Total is the label of everyone, whatever their label of the key.
const Total = "total"

// Missing is the label of participants without a value of a key.
const Missing = "missing"

// Column is a released statistic: the identity of the plan that asked for it.
type Column struct {
	Stat ID     `json:"stat"`
	Name string `json:"name"`
}

// Group is one group of a released table.
type Group struct {
	Labels       []string `json:"labels"` // in the order of the keys
	Participants Cell     `json:"participants"`
	Cells        []Cell   `json:"cells,omitempty"` // in the order of the columns
	Bins         int      `json:"bins,omitempty"`  // how many of the plan's it is, where it is several
}

// Cell is one released number, or a hidden one.
type Cell struct {
	Value  float64 `json:"value"`
	Text   string  `json:"text"` // as the table shows it
	Hidden bool    `json:"hidden,omitempty"`
	None   bool    `json:"none,omitempty"` // there is nothing to compute from
}

// Refusal says why nothing was released and what to do instead. It is made of
// the plan and the policy alone.
type Refusal struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
	Way    string `json:"way"`
}

// Error is the reason, then the way out.
func (r *Refusal) Error() string {
	if r.Way == "" {
		return r.Reason
	}
	return r.Reason + "; " + r.Way
}
