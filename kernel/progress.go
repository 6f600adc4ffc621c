package kernel

import "time"

// Work that is done before progressAfter shows no bar, and a bar moves no more often
// than progressEvery.
const (
	progressAfter = time.Second
	progressEvery = 200 * time.Millisecond
)

// bar is the progress bar of one cell: a display that is updated, the same for one
// work after the other.
type bar struct {
	id    string    // of the display, "" while there is none
	alone bool      // nothing else stands in the cell's output
	shown bool      // the display is not empty
	label string    // of the work that is being done
	since time.Time // it began
	moved time.Time
}

func (p *publisher) Progress(label string, done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.quiet || p.closed || total <= 0 {
		return
	}
	if p.bar.label != label {
		p.bar.label, p.bar.since = label, time.Now()
	}
	if done >= total {
		p.removeBar()
		return
	}
	p.moveBar(float64(max(done, 0)) / float64(total))
}

func (p *publisher) moveBar(share float64) {
	b, now := &p.bar, time.Now()
	if !b.shown && now.Sub(b.since) < progressAfter || now.Sub(b.moved) < progressEvery || p.kernel.iopub.full() {
		return
	}
	drawn := p.kernel.door.Bar(b.label, share, b.left(share, now))
	if drawn == nil || len(drawn.MIME()) == 0 {
		return
	}
	kind := "update_display_data"
	if b.id == "" {
		kind, b.id, b.alone = "display_data", "progress-"+p.request.id, !p.printed
	}
	b.shown, b.moved = true, now
	p.publishBar(kind, drawn)
}

// removeBar leaves the output as if there had never been a bar. A display cannot be
// taken away, only emptied; so where nothing else stands there, the output is cleared.
func (p *publisher) removeBar() {
	b := &p.bar
	b.label = ""
	switch {
	case !b.shown:
	case b.alone:
		*b = bar{}
		p.kernel.publish(p.request, "clear_output", fields{"wait": false})
	default:
		b.shown = false
		p.publishBar("update_display_data", p.kernel.door.Bar("", 0, 0))
	}
}

func (p *publisher) publishBar(kind string, drawn Data) {
	content := transient(p.bar.id)
	content["data"], content["metadata"] = representations(drawn)
	p.kernel.publish(p.request, kind, content)
}

// left is how long the work will last at its pace, once a tenth is done; 0 before.
func (b bar) left(share float64, now time.Time) time.Duration {
	if share < 0.1 {
		return 0
	}
	return time.Duration(float64(now.Sub(b.since)) * (1 - share) / share)
}
