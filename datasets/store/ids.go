package store

import "fmt"

// IDs is the person_id of each participant, by index. It is for keeping account of
// participants over versions of the data; no plan reaches it. A repository that
// has no ids, such as a synthetic one, has the indexes themselves.
func (r *Repository) IDs() ([]int64, error) {
	out := make([]int64, r.Participants)
	for i := range out {
		out[i] = int64(i)
	}
	if !r.Has(participantsTable) {
		return out, nil
	}
	t, err := r.Table(participantsTable)
	if err != nil {
		return nil, err
	}
	seen := 0
	for k := range t.Batches {
		b := &t.Batches[k]
		who, high, low := b.Int32("participant"), b.Int32("person_id_high"), b.Int32("person_id_low")
		for i, p := range who {
			out[p] = int64(high[i])<<31 | int64(low[i])
		}
		seen += len(who)
	}
	if seen != len(out) {
		return nil, fmt.Errorf("the repository %s has %d participants and the ids of %d", r.Name, len(out), seen)
	}
	return out, nil
}
