package curate

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/datasets/store"
)

//go:embed vocabulary.txt
var vocabularyText string

// concept is one concept of the vocabulary.
type concept struct {
	id                              int32
	code, name                      string
	domain, vocabulary, class, list string
	classifies                      bool // no record carries it
	parents                         []int32
}

// vocabulary is the concepts of the synthetic repository.
type vocabulary struct {
	concepts []concept // by id
	lists    map[string][]int32
	children map[int32][]int32
}

// parseVocabulary reads the format that vocabulary.txt begins with.
func parseVocabulary(text string) (*vocabulary, error) {
	v := &vocabulary{lists: map[string][]int32{}, children: map[int32][]int32{}}
	var section concept
	var above []int32
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		if head, ok := strings.CutPrefix(line, "@ "); ok {
			parts := append(strings.Split(head, " | "), "")
			section = concept{domain: parts[0], vocabulary: parts[1], class: parts[2], list: parts[3]}
			continue
		}
		depth := len(line) - len(strings.TrimLeft(line, "\t"))
		if depth > len(above) {
			return nil, fmt.Errorf("vocabulary, line %d: indented too far", n)
		}
		c := section
		if err := c.parse(line[depth:]); err != nil {
			return nil, fmt.Errorf("vocabulary, line %d: %w", n, err)
		}
		if depth > 0 {
			c.parents = append(c.parents, above[depth-1])
		}
		above = append(above[:depth], c.id)
		v.add(c)
	}
	return v, v.sort()
}

func (c *concept) parse(line string) error {
	line, parents, _ := strings.Cut(line, " < ")
	line, c.classifies = strings.CutPrefix(line, "-")
	id, rest, ok := strings.Cut(line, " ")
	code, name, named := strings.Cut(rest, ": ")
	n, err := strconv.ParseInt(id, 10, 32)
	if err != nil || !ok || !named {
		return fmt.Errorf("not «id code: name»")
	}
	c.id, c.code, c.name = int32(n), code, name
	for _, p := range strings.Fields(parents) {
		n, err := strconv.ParseInt(p, 10, 32)
		if err != nil {
			return err
		}
		c.parents = append(c.parents, int32(n))
	}
	return nil
}

func (v *vocabulary) add(c concept) {
	v.concepts = append(v.concepts, c)
	if c.list != "" && !c.classifies {
		v.lists[c.list] = append(v.lists[c.list], c.id)
	}
	for _, p := range c.parents {
		v.children[p] = append(v.children[p], c.id)
	}
}

// sort brings the concepts in the order of their ids and checks that each is there once.
func (v *vocabulary) sort() error {
	slices.SortFunc(v.concepts, func(a, b concept) int { return int(a.id) - int(b.id) })
	for i, c := range v.concepts {
		if i > 0 && v.concepts[i-1].id == c.id {
			return fmt.Errorf("vocabulary: %d is there twice", c.id)
		}
		for _, p := range c.parents {
			if v.find(p) == nil {
				return fmt.Errorf("vocabulary: %d, parent of %d, is not there", p, c.id)
			}
		}
	}
	return nil
}

func (v *vocabulary) find(id int32) *concept {
	i, ok := slices.BinarySearchFunc(v.concepts, id, func(c concept, id int32) int { return int(c.id) - int(id) })
	if !ok {
		return nil
	}
	return &v.concepts[i]
}

// descent is a row of concept_ancestor.
type descent struct{ ancestor, descendant, levels int32 }

// descents are each concept's ancestors with the least number of levels between,
// itself included with 0.
func (v *vocabulary) descents() (out []descent) {
	for _, c := range v.concepts {
		levels := map[int32]int32{c.id: 0}
		for queue := []int32{c.id}; len(queue) > 0; queue = queue[1:] {
			for _, p := range v.find(queue[0]).parents {
				if _, seen := levels[p]; !seen {
					levels[p] = levels[queue[0]] + 1
					queue = append(queue, p)
				}
			}
		}
		for a, n := range levels {
			out = append(out, descent{a, c.id, n})
		}
	}
	slices.SortFunc(out, func(a, b descent) int {
		if a.ancestor != b.ancestor {
			return int(a.ancestor) - int(b.ancestor)
		}
		return int(a.descendant) - int(b.descendant)
	})
	return out
}

// write makes the tables concept and concept_ancestor.
// ids is every concept's, 0 for none and the sentinel of a missing one, in ascending order.
func (v *vocabulary) ids() []int32 {
	out := []int32{store.Missing, 0}
	for _, c := range v.concepts {
		out = append(out, c.id)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (v *vocabulary) write(b *store.Builder) error {
	names := newColumns(shapeOf("concept"))
	labels := make([]labels, len(names.shape.fields))
	for _, c := range v.concepts {
		standard := "S"
		if c.classifies {
			standard = "C"
		}
		row := []int32{c.id}
		for i, text := range []string{c.name, c.domain, c.vocabulary, c.class, c.code, standard} {
			row = append(row, labels[i+1].index(text))
		}
		names.add(row)
	}
	ancestors := newColumns(shapeOf("concept_ancestor"))
	for _, d := range v.descents() {
		ancestors.add([]int32{d.ancestor, d.descendant, d.levels})
	}
	if err := writeTable(b, names.labelled(labels)); err != nil {
		return err
	}
	return writeTable(b, ancestors)
}

// of is the vocabulary of a concept, "" when it has none.
func (v *vocabulary) of(id int32) string {
	if c := v.find(id); c != nil && id != 0 {
		return c.vocabulary
	}
	return ""
}

// writeTable writes a table that has no participants.
func writeTable(b *store.Builder, c *columns) error {
	out, err := newBatches(b, c.shape)
	if err != nil {
		return err
	}
	if err := out.write(c); err != nil {
		return err
	}
	return out.close()
}
