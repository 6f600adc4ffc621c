package nbformat

import (
	"errors"
	"fmt"
	"maps"
)

// Encode is the notebook's file. It fails for metadata, or a representation of
// a JSON type, that is no JSON.
func (n *Notebook) Encode() ([]byte, error) {
	cells := []any{}
	for i, c := range n.Cells {
		o, err := c.object()
		if err != nil {
			return nil, fmt.Errorf("cell %d: %w", i+1, err)
		}
		cells = append(cells, o)
	}
	o := with(n.rest, map[string]any{
		"cells":          cells,
		"metadata":       orEmpty(n.Metadata),
		"nbformat":       4,
		"nbformat_minor": 5,
	})
	var e encoder
	if err := e.value(o); err != nil {
		return nil, err
	}
	e.WriteByte('\n')
	return e.Bytes(), nil
}

func (c *Cell) object() (map[string]any, error) {
	o := with(c.rest, map[string]any{
		"cell_type": c.Type,
		"id":        c.ID,
		"metadata":  orEmpty(c.Metadata),
		"source":    lines(c.Source),
	})
	if c.Type != Code {
		return o, nil
	}
	outputs := []any{}
	for i, output := range c.Outputs {
		v, err := output.object()
		if err != nil {
			return nil, fmt.Errorf("output %d: %w", i+1, err)
		}
		outputs = append(outputs, v)
	}
	o["outputs"], o["execution_count"] = outputs, countOrNull(c.Count)
	return o, nil
}

func (o *Output) object() (map[string]any, error) {
	switch o.Type {
	case Stream:
		return o.with(map[string]any{"name": o.Name, "text": lines(o.Text)}), nil
	case Error:
		return o.with(map[string]any{"ename": o.EName, "evalue": o.EValue, "traceback": append([]string{}, o.Traceback...)}), nil
	case DisplayData, ExecuteResult:
		data, err := o.data()
		known := o.with(map[string]any{"data": data, "metadata": orEmpty(o.Metadata)})
		if o.Type == ExecuteResult {
			known["execution_count"] = countOrNull(o.Count)
		}
		return known, err
	}
	return nil, errors.New("its type is not one of nbformat")
}

func (o *Output) with(known map[string]any) map[string]any {
	known["output_type"] = o.Type
	return with(o.rest, known)
}

func (o *Output) data() (map[string]any, error) {
	data := map[string]any{}
	for mime, text := range o.Data {
		switch {
		case isJSON(mime):
			v, err := decode([]byte(text))
			if err != nil {
				return nil, fmt.Errorf("%s is not JSON: %w", mime, err)
			}
			data[mime] = v
		case isLines(mime):
			data[mime] = lines(text)
		default:
			data[mime] = text
		}
	}
	return data, nil
}

// Check says why an output could not be written.
func (o *Output) Check() error {
	v, err := o.object()
	if err != nil {
		return err
	}
	return new(encoder).value(v)
}

func with(rest, known map[string]any) map[string]any {
	o := maps.Clone(known)
	for name, v := range rest {
		if _, ours := o[name]; !ours {
			o[name] = v
		}
	}
	return o
}

func orEmpty(m map[string]any) map[string]any {
	if m == nil {
		return map[string]any{}
	}
	return m
}

func countOrNull(n *int) any {
	if n == nil {
		return nil
	}
	return *n
}
