package notebooks

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"weir/notebooks/nbformat"
)

// inject writes the parameters into a cell of their own, after the cell tagged
// parameters. It replaces the cell that an earlier run has injected. The values
// are for the metadata.
func inject(n *nbformat.Notebook, parameters []Parameter) (values map[string]any, warnings []string, err error) {
	values = map[string]any{}
	if len(parameters) == 0 {
		return values, nil, nil
	}
	declarations := map[string]declaration{}
	at := tagged(n, "parameters")
	if at < 0 {
		warnings = append(warnings, `no cell is tagged "parameters"; the parameters stand before the first cell`)
	} else {
		declarations = declared(n.Cells[at].Source)
	}
	source := "// Parameters\n"
	for _, p := range parameters {
		if _, twice := values[p.Name]; twice {
			return nil, nil, &ParameterError{p.Name, "is given twice"}
		}
		d, there := declarations[p.Name]
		if !there && at >= 0 {
			warnings = append(warnings, fmt.Sprintf("the parameters cell does not declare %s", p.Name))
		}
		l, err := p.literal(d)
		if err != nil {
			return nil, nil, err
		}
		assign := ":="
		if there {
			assign = "="
		}
		source += fmt.Sprintf("%s %s %s\n", p.Name, assign, l.source)
		values[p.Name] = l.plain
	}
	c := injected(n, at)
	c.Source = strings.TrimSuffix(source, "\n")
	return values, warnings, nil
}

func (p Parameter) literal(d declaration) (literal, error) {
	if d.constant {
		return literal{}, &ParameterError{p.Name, "is a constant in the parameters cell; declare it with := there"}
	}
	typ, text := d.typ, p.Value
	if typ == "" {
		var err error
		if typ, text, err = infer(p.Value); err != nil {
			return literal{}, &ParameterError{p.Name, "is " + strconv.Quote(p.Value) + ": " + err.Error()}
		}
	}
	l, err := literalOf(typ, text)
	if errors.Is(err, strconv.ErrRange) {
		return l, &ParameterError{p.Name, fmt.Sprintf("is %q, which is too large for %s", p.Value, typ)}
	}
	if err != nil {
		return l, &ParameterError{p.Name, fmt.Sprintf("is %q, which is not of type %s", p.Value, typ)}
	}
	return l, nil
}

// injected is the cell for the parameters: an earlier run's, or a new one after
// the cell at.
func injected(n *nbformat.Notebook, at int) *nbformat.Cell {
	const tag = "injected-parameters"
	if i := tagged(n, tag); i >= 0 {
		return n.Cells[i]
	}
	c := n.Insert(at+1, "")
	c.Metadata["tags"] = []any{tag}
	return c
}

// tagged is the index of the first code cell with a tag, or -1.
func tagged(n *nbformat.Notebook, tag string) int {
	return slices.IndexFunc(n.Cells, func(c *nbformat.Cell) bool {
		return c.Type == nbformat.Code && c.Tagged(tag)
	})
}
