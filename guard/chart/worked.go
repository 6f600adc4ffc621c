package chart

import (
	"slices"
	"strings"

	"weir/datasets/plan"
)

// The labels of a Bool.
const (
	yes = "yes"
	no  = "no"
)

// worked is a table of participants, some of whose keys are worked with: what is
// drawn are estimates from its numbers, by its other keys.
type worked struct {
	t       *table
	keys    []*plan.Node // that are worked with
	columns []int        // where they are
	numbers map[string]value
}

// work finds the keys that steps name, and every number by its labels.
func (t *table) work(steps ...*plan.Node) (*worked, error) {
	w := &worked{t: t, numbers: map[string]value{}}
	for _, step := range steps {
		for _, key := range step.Nodes(0) {
			i := slices.Index(t.keys, key.ID())
			switch {
			case i < 0:
				return nil, wrongAt(step, "the table is not by "+key.Name(), "use a key that was given to By")
			case slices.Contains(w.columns, i):
				return nil, wrongAt(step, key.Name()+" has a place already", "use another key")
			}
			w.keys, w.columns = append(w.keys, key), append(w.columns, i)
		}
	}
	for _, row := range slices.Concat(t.rows, t.totals) {
		w.numbers[strings.Join(row.labels, "\x00")] = row.values[0]
	}
	return w, nil
}

// others is a list by key without the keys that are worked with.
func others[T any](w *worked, list []T) (out []T) {
	for i, x := range list {
		if !slices.Contains(w.columns, i) {
			out = append(out, x)
		}
	}
	return out
}

// groups are the labels of the other keys, in the table's order.
func (w *worked) groups() (out [][]string) {
	seen := map[string]bool{}
	for _, row := range w.t.rows {
		labels := others(w, row.labels)
		if id := strings.Join(labels, "\x00"); !seen[id] {
			seen[id], out = true, append(out, labels)
		}
	}
	return out
}

// number is that of a group at labels of the keys that are worked with. One that the
// table does not have is as good as hidden.
func (w *worked) number(group []string, labels ...string) value {
	all := slices.Clone(group)
	for _, at := range slices.Sorted(slices.Values(w.columns)) {
		all = slices.Insert(all, at, labels[slices.Index(w.columns, at)])
	}
	if v, have := w.numbers[strings.Join(all, "\x00")]; have {
		return v
	}
	return veil(1)[0]
}

// known says whether all are numbers of participants to work with.
func known(values ...value) bool {
	return !slices.ContainsFunc(values, func(v value) bool { return v.state != shown || v.number < 0 })
}

// plus is a sum, hidden where a part is.
func plus(a, b value) value {
	if !known(a, b) {
		return veil(1)[0]
	}
	return see(plan.Cell{Value: a.number + b.number})
}

// become makes the table one of estimates by the other keys.
func (w *worked) become(rows []tableRow) {
	w.t.names, w.t.keys, w.t.rows, w.t.totals = others(w, w.t.names), others(w, w.t.keys), rows, nil
}
