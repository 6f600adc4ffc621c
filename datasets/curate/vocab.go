package curate

import (
	"context"
	"fmt"
	"slices"

	"weir/datasets/store"
)

// terms says of which vocabulary a concept is.
type terms struct {
	ids   []int32 // ascending
	names []int32 // labels
	texts []string
}

// of is the vocabulary of a concept, "" when it has none.
func (t *terms) of(id int32) string {
	i, ok := slices.BinarySearch(t.ids, id)
	if !ok || id == 0 || t.names[i] == store.Missing {
		return ""
	}
	return t.texts[t.names[i]]
}

// vocabulary writes concept, and learns of each concept its vocabulary and whether
// it is new.
func (im *importer) vocabulary(ctx context.Context) error {
	missing := im.regime.recent != nil
	if im.source.files["concept"] != "" {
		p, err := im.spool(ctx, im.regime.shape(shapeOf("concept")))
		if err != nil {
			return err
		}
		missing = missing && p.aside < 0
		if err := im.finish(ctx, p); err != nil {
			return err
		}
	}
	if missing {
		return fmt.Errorf("the rule %q needs concept with valid_start_date: add them to the source", im.regime.recently)
	}
	return nil
}

// learn takes concepts, in ascending order of their ids.
func (t *terms) learn(c *columns) {
	at := c.shape.at("vocabulary_id")
	t.texts = c.shape.fields[at].Labels
	t.ids = append(t.ids, c.ints[0]...)
	t.names = append(t.names, c.ints[at]...)
}
