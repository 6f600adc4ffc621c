package install

import "path/filepath"

// place is where one kernelspec and its record lie.
type place struct {
	data   string // the Jupyter data directory
	spec   string // data/kernels/NAME
	record string // data/weir/kernels/NAME
}

func (o Options) place() (place, error) {
	data, err := o.dataDirectory()
	if err != nil {
		return place{}, err
	}
	return place{
		data:   data,
		spec:   filepath.Join(data, "kernels", o.Name),
		record: filepath.Join(data, "weir", "kernels", o.Name),
	}, nil
}

func (p place) receipt() string  { return filepath.Join(p.record, "receipt.json") }
func (p place) replaced() string { return filepath.Join(p.record, "replaced") }
func (p place) incoming() string { return filepath.Join(p.record, "incoming") }
func (p place) outgoing() string { return filepath.Join(p.record, "outgoing") }
