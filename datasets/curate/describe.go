package curate

import (
	"fmt"
	"strings"

	"weir/datasets/store"
)

// Describe is a repository as text: version, tier, cut-off, and the tables with
// their fields, types, units, the vocabularies of their concepts, and what the tier
// makes of them. A count up to store.Threshold is hidden, and participants.arrow is not spoken of.
func Describe(r *store.Repository) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, version %s, %s tier, data until %s\n", r.Name, r.CDR, r.Tier, r.CutOff)
	fmt.Fprintf(&b, "source: %s\nparticipants: %s\n", r.Source, shown(int64(r.Participants)))
	if r.Rules != "" {
		fmt.Fprintf(&b, "rules: %s\n", r.Rules)
	}
	for _, t := range r.Tables {
		if t.Name == "participants" {
			continue
		}
		fmt.Fprintf(&b, "\n%s, %s rows\n", t.Name, shown(t.Rows))
		for _, f := range t.Fields {
			fmt.Fprintf(&b, "\t%-34s %s\n", f.Name, described(f))
		}
		if t.Note != "" {
			fmt.Fprintf(&b, "\t(%s)\n", t.Note)
		}
	}
	return b.String()
}

// described is a field's type and what is known of it.
func described(f store.Field) string {
	out := string(f.Type)
	if f.Unit != "" {
		out += " in " + f.Unit
	}
	for i, v := range f.Vocabularies {
		out += []string{" of ", ", "}[min(i, 1)] + v.Name
	}
	if f.Note != "" {
		out += " (" + f.Note + ")"
	}
	return out
}

func shown(n int64) string {
	if n <= store.Threshold {
		return "hidden"
	}
	return fmt.Sprint(n)
}
