package nbformat

import (
	"bytes"
	"errors"
	"os"
)

// Read reads the notebook in a file.
func Read(path string) (*Notebook, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, b)
}

// Parse reads a notebook; the file's name is for errors.
func Parse(file string, b []byte) (*Notebook, error) {
	n, err := parse(b)
	var m *Malformed
	if errors.As(err, &m) {
		m.File = file
	}
	return n, err
}

func parse(b []byte) (*Notebook, error) {
	if bytes.HasPrefix(b, []byte("\xef\xbb\xbf")) {
		return nil, &Malformed{What: "it begins with a byte order mark", Remedy: "save it as UTF-8 without one"}
	}
	v, err := decode(b)
	if err != nil {
		return nil, &Malformed{What: err.Error(), Remedy: restore}
	}
	m := membersOf("the file", v)
	minor, err := version(m)
	if err != nil {
		return nil, err
	}
	n := &Notebook{Metadata: m.members("metadata")}
	cells := m.list("cells")
	n.rest = m.object
	if m.fault != nil {
		return nil, &Malformed{What: m.fault.Error(), Remedy: resave}
	}
	for _, name := range []string{"orig_nbformat", "orig_nbformat_minor", "signature"} {
		delete(n.Metadata, name)
	}
	ids := newIDs(minor)
	for i, v := range cells {
		c, err := parseCell(v, i, ids)
		if err != nil {
			return nil, &Malformed{Cell: i + 1, What: err.Error(), Remedy: resave}
		}
		n.Cells = append(n.Cells, c)
	}
	return n, nil
}

// version refuses what this package cannot read and returns nbformat_minor.
func version(m *members) (int, error) {
	major, minor := m.whole("nbformat"), m.whole("nbformat_minor")
	switch {
	case m.fault != nil:
		return 0, &Malformed{What: m.fault.Error() + ", so it is no notebook", Remedy: "name a Jupyter notebook (.ipynb)"}
	case major < 4:
		return 0, &Malformed{What: "the format is older than 4", Remedy: "convert it: jupyter nbconvert --to notebook --nbformat 4"}
	case major > 4 || minor > 5:
		return 0, &Malformed{What: "the format is newer than 4.5", Remedy: "save it as 4.5, or use a newer weir"}
	}
	return minor, nil
}

func parseCell(v any, i int, ids *ids) (*Cell, error) {
	m := membersOf("the cell", v)
	c := &Cell{Type: m.text("cell_type"), Source: m.multiline("source"), Metadata: m.members("metadata")}
	delete(c.Metadata, "trusted")
	var outputs []any
	switch c.Type {
	case Code:
		c.Count, outputs = m.count("execution_count"), m.list("outputs")
	case Markdown, Raw:
	default:
		m.fail("has a cell_type other than code, markdown and raw")
	}
	if m.fault != nil {
		return nil, m.fault
	}
	if tags, there := c.Metadata["tags"]; there && len(c.Tags()) != lengthOf(tags) {
		return nil, errors.New("the cell has tags that are not a list of strings")
	}
	var err error
	if c.ID, err = ids.take(m.object, i, c.Source); err != nil {
		return nil, err
	}
	c.rest = m.object
	c.Outputs, err = parseOutputs(outputs)
	return c, err
}

// lengthOf is the length of a list, -1 of anything else.
func lengthOf(v any) int {
	list, ok := v.([]any)
	if !ok {
		return -1
	}
	return len(list)
}
