package curate

import (
	"context"

	"weir/datasets/store"
)

// settle puts the rows of all places in order before any is written, and finds which
// concepts and labels they still have: a dictionary must not tell what only rows had
// that the tier's rules changed or dropped.
func (im *importer) settle(ctx context.Context, p *spooled) error {
	type place struct {
		rows  *columns
		has   []conceptMap
		equal int
	}
	has, k := make([]conceptMap, len(p.shape.fields)), 0
	err := inOrder(ctx, p.places, func(k int) (place, error) {
		c, err := p.spool.load(k)
		if err != nil {
			return place{}, err
		}
		equal := im.ordered(p, c, k)
		return place{c, c.coded(), equal}, nil
	}, func(x place) error {
		p.report.drop("made equal by generalising", x.equal)
		for f := range has {
			for _, id := range x.has[f].ids() {
				has[f].put(id, 0)
			}
		}
		k++
		im.progress.tell("sorting "+p.shape.name, int64(k), int64(p.places))
		return p.spool.put(k-1, x.rows)
	})
	if err != nil {
		return err
	}
	p.settled, p.used = true, has
	p.relabel(has)
	return nil
}

// coded is, by field, what concepts or labels the rows have.
func (c *columns) coded() []conceptMap {
	out := make([]conceptMap, len(c.shape.fields))
	for f, field := range c.shape.fields {
		if field.Type != store.Concept && field.Type != store.Label {
			continue
		}
		for i, v := range c.ints[f] {
			if i == 0 || v != c.ints[f][i-1] {
				out[f].put(v, 0)
			}
		}
	}
	return out
}

// relabel leaves out the labels that no row has.
func (p *spooled) relabel(has []conceptMap) {
	numbers := make([][]int32, len(has)) // by field and old number
	for f, field := range p.shape.fields {
		if field.Type != store.Label {
			continue
		}
		var left labels
		for old, text := range p.labels[f].texts {
			n := store.Missing
			if has[f].get(int32(old)) >= 0 {
				n = left.index(text)
			}
			numbers[f] = append(numbers[f], n)
		}
		p.labels[f] = left
	}
	p.renumber = func(c *columns) {
		for f := range numbers {
			if numbers[f] == nil {
				continue
			}
			for i, old := range c.ints[f] {
				if old != store.Missing {
					c.ints[f][i] = numbers[f][old]
				}
			}
		}
	}
}
