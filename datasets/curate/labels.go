package curate

import (
	"slices"
	"strings"

	"weir/datasets/store"
)

// labels number the texts of a label field in the order in which they appear.
// The zero value is empty.
type labels struct {
	texts   []string
	numbers map[string]int32
}

func (l *labels) index(text string) int32 {
	if n, ok := l.numbers[text]; ok {
		return n
	}
	if l.numbers == nil {
		l.numbers = map[string]int32{}
	}
	text = strings.Clone(text) // it may lie in what is read next
	n := int32(len(l.texts))
	l.numbers[text] = n
	l.texts = append(l.texts, text)
	return n
}

// labelled is the shape with the labels of its label fields, given by field.
func (s *shape) labelled(by []labels) *shape {
	out := *s
	out.fields = slices.Clone(s.fields)
	for i := range out.fields {
		if out.fields[i].Type == store.Label {
			out.fields[i].Labels = by[i].texts
		}
	}
	return &out
}

// labelled is c with the labels of its label fields, given by field.
func (c *columns) labelled(by []labels) *columns {
	out := *c
	out.shape = c.shape.labelled(by)
	return &out
}
