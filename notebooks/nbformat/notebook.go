package nbformat

import "slices"

// Notebook is a document of the format 4.5. Its metadata, like all metadata
// here, holds what encoding/json can encode; as read, numbers are json.Number.
type Notebook struct {
	Metadata map[string]any
	Cells    []*Cell

	rest map[string]any
}

// The types of a cell.
const (
	Code     = "code"
	Markdown = "markdown"
	Raw      = "raw"
)

// Cell is one cell.
type Cell struct {
	Type     string
	ID       string
	Source   string
	Metadata map[string]any

	Count   *int // execution_count of a code cell, nil for one that has not been run
	Outputs []*Output

	rest map[string]any
}

// Tags are the strings of the metadata's tags.
func (c *Cell) Tags() []string {
	list, _ := c.Metadata["tags"].([]any)
	var tags []string
	for _, v := range list {
		if tag, ok := v.(string); ok {
			tags = append(tags, tag)
		}
	}
	return tags
}

// Tagged reports whether the cell carries the tag.
func (c *Cell) Tagged(tag string) bool { return slices.Contains(c.Tags(), tag) }

// Insert puts a new code cell before the i-th cell and returns it.
func (n *Notebook) Insert(i int, source string) *Cell {
	c := &Cell{Type: Code, Source: source, Metadata: map[string]any{}}
	taken := map[string]bool{}
	for _, other := range n.Cells {
		taken[other.ID] = true
	}
	c.ID = newID(i, source, taken)
	n.Cells = slices.Insert(n.Cells, i, c)
	return c
}
