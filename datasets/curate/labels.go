package curate

import (
	"slices"

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
	n := int32(len(l.texts))
	l.numbers[text] = n
	l.texts = append(l.texts, text)
	return n
}

// labelled is c with the labels of its label fields, given by field.
func (c *columns) labelled(by []labels) *columns {
	s := *c.shape
	s.fields = slices.Clone(s.fields)
	for i := range s.fields {
		if s.fields[i].Type == store.Label {
			s.fields[i].Labels = by[i].texts
		}
	}
	out := *c
	out.shape = &s
	return &out
}
