package store

import (
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// dictionaryWriter is the dictionary of a concept or label field that is written.
// The zero value is that of another field.
type dictionaryWriter struct {
	codes        codes // of concepts
	data         *array.Data
	vocabularies []Vocabulary // of concepts, with the participants so far
	of           []int32      // by code: which of them, -1 for none
}

func newDictionaryWriter(f *Field) (d dictionaryWriter) {
	switch f.Type {
	case Label:
		d.data = textData(append(slices.Clip(f.Labels), "")) // the last stands for a missing one
	case Concept:
		d.codes = newCodes(f.Concepts)
		d.data = arrowData(arrow.PrimitiveTypes.Int32, arrow.Int32Traits.CastToBytes(f.Concepts), len(f.Concepts), validity{})
		d.of = slices.Repeat([]int32{-1}, len(f.Concepts))
		at := map[string]int32{"": -1}
		for code, name := range f.Of {
			k, ok := at[name]
			if !ok {
				k = int32(len(d.vocabularies))
				at[name], d.vocabularies = k, append(d.vocabularies, Vocabulary{Name: name})
			}
			d.of[code] = k
		}
	}
	return d
}

// count counts for each vocabulary the participants who have a concept of it: rows
// are sorted by participant.
func (d *dictionaryWriter) count(codes, who []int32) []int32 {
	if len(d.vocabularies) == 0 {
		return nil
	}
	out := make([]int32, len(d.vocabularies))
	last := slices.Repeat([]int32{-1}, len(d.vocabularies))
	for i, code := range codes {
		if k := d.of[code]; k >= 0 && last[k] != who[i] {
			last[k] = who[i]
			out[k]++
		}
	}
	return out
}

// common are the vocabularies that may be named, in alphabetical order.
func (d *dictionaryWriter) common() (out []Vocabulary) {
	for _, v := range d.vocabularies {
		if v.Participants > Threshold {
			out = append(out, v)
		}
	}
	slices.SortFunc(out, func(a, b Vocabulary) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// replaced is values with one in place of another, which most do not have.
func replaced(values []int32, from, to int32) []int32 {
	i := slices.Index(values, from)
	if i < 0 {
		return values
	}
	out := slices.Clone(values)
	for ; i < len(out); i++ {
		if out[i] == from {
			out[i] = to
		}
	}
	return out
}

// textData is texts as Arrow has them: where each begins, then their bytes.
func textData(texts []string) *array.Data {
	starts, bytes := make([]int32, 1, len(texts)+1), []byte(nil)
	for _, t := range texts {
		bytes = append(bytes, t...)
		starts = append(starts, int32(len(bytes)))
	}
	buffers := []*memory.Buffer{nil, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(starts)), memory.NewBufferBytes(bytes)}
	return array.NewData(arrow.BinaryTypes.String, len(texts), buffers, nil, 0, 0)
}
