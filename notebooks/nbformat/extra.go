package nbformat

// Unknown are the members of the file that the format does not name. Removing
// one from the map removes it from what is written.
func (n *Notebook) Unknown() map[string]any { return n.rest }

// Unknown are the cell's members that are not of Cell: attachments among them.
func (c *Cell) Unknown() map[string]any { return c.rest }

// Unknown are the output's members that the format does not name.
func (o *Output) Unknown() map[string]any { return o.rest }

// Bytes is the output as a file holds it, the same for the same output.
func (o *Output) Bytes() ([]byte, error) {
	v, err := o.object()
	if err != nil {
		return nil, err
	}
	return Canonical(v)
}

// Canonical is a value of the kind that metadata hold as a file holds it.
func Canonical(v any) ([]byte, error) {
	var e encoder
	if err := e.value(v); err != nil {
		return nil, err
	}
	return e.Bytes(), nil
}
