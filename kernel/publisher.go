package kernel

import (
	"context"
	"sync"
)

// publisher takes the outputs of one cell.
type publisher struct {
	kernel  *kernel
	request *request
	ctx     context.Context
	count   int
	quiet   bool

	mu      sync.Mutex
	closed  bool
	printed bool // something stands in the cell's output, a bar apart
	bar     bar
	pages   []fields // payloads of the reply
}

// when calls f, which prints or clears, unless the cell has ended, after waiting for
// slow front ends.
func (p *publisher) when(f func()) {
	if p.quiet {
		return
	}
	p.kernel.iopub.wait(p.ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.printed, p.bar.alone = true, false
		f()
	}
}

// close lets no output follow the cell's reply.
func (p *publisher) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.removeBar()
	p.closed = true
}

func (p *publisher) Stream(name, text string) {
	k, r := p.kernel, p.request
	if name != "stderr" {
		name = "stdout"
	}
	if text = k.door.Stream(name, text); text == "" {
		return
	}
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
	data, metadata := p.kernel.bundle(d)
	if len(data) == 0 {
		return
	}
	content["data"], content["metadata"] = data, metadata
	p.when(func() { p.kernel.publish(p.request, kind, content) })
}

// maxPages is how many pages one reply holds.
const maxPages = 16

func (p *publisher) Page(d Data) {
	data, _ := p.kernel.bundle(d)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(data) > 0 && !p.closed && len(p.pages) < maxPages {
		p.pages = append(p.pages, fields{"source": "page", "data": data, "start": 0})
	}
}

// payload is of the reply.
func (p *publisher) payload() []fields {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]fields{}, p.pages...)
}

func (p *publisher) Clear(wait bool) {
	p.when(func() { p.kernel.publish(p.request, "clear_output", fields{"wait": wait}) })
}
