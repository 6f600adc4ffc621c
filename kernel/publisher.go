package kernel

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
)

// publisher takes the outputs of one cell.
type publisher struct {
	kernel  *kernel
	request *request
	ctx     context.Context
	count   int
	quiet   bool

	mu     sync.Mutex
	closed bool
}

// when calls f unless the cell has ended, after waiting for slow front ends.
func (p *publisher) when(f func()) {
	if p.quiet {
		return
	}
	p.kernel.iopub.wait(p.ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		f()
	}
}

// close lets no output follow the cell's reply.
func (p *publisher) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
}

func (p *publisher) Stream(name, text string) {
	if text == "" {
		return
	}
	k, r := p.kernel, p.request
	p.when(func() {
		h := k.composer.header("stream")
		k.iopub.stream("stream", r.id, name, text, func(text string) [][]byte {
			frames, _ := k.composer.compose([][]byte{[]byte("stream")}, h, r.header, nil,
				fields{"name": name, "text": text}) // text always encodes
			return frames
		})
	})
}

func (p *publisher) Display(d Data, id string) { p.data("display_data", d, transient(id)) }

func (p *publisher) Update(d Data, id string) { p.data("update_display_data", d, transient(id)) }

func (p *publisher) Result(d Data) {
	p.data("execute_result", d, fields{"execution_count": p.count})
}

func transient(id string) fields {
	if id == "" {
		return fields{"transient": fields{}}
	}
	return fields{"transient": fields{"display_id": id}}
}

func (p *publisher) data(kind string, d Data, content fields) {
	if d == nil {
		return
	}
	data := representations(d.MIME())
	if len(data) == 0 {
		return
	}
	metadata := d.Metadata()
	if metadata == nil {
		metadata = map[string]any{}
	}
	content["data"], content["metadata"] = data, metadata
	p.when(func() { p.kernel.publish(p.request, kind, content) })
}

// representations makes the data member of an output. JSON is sent as a value.
func representations(texts map[string]string) fields {
	data := fields{}
	for mime, text := range texts {
		switch {
		case !isJSON(mime):
			data[mime] = text
		case json.Valid([]byte(text)):
			data[mime] = json.RawMessage(text)
		default:
			slog.Error("a representation was left out: its text is not JSON", "mime", mime)
		}
	}
	return data
}

func isJSON(mime string) bool {
	return mime == "application/json" || strings.HasSuffix(mime, "+json")
}

func (p *publisher) Clear(wait bool) {
	p.when(func() { p.kernel.publish(p.request, "clear_output", fields{"wait": wait}) })
}
