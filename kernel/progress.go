package kernel

import (
	"fmt"
	"html"
	"strings"
	"time"
)

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
	kind := "update_display_data"
	if b.id == "" {
		kind, b.id, b.alone = "display_data", "progress-"+p.request.id, !p.printed
	}
	b.shown, b.moved = true, now
	p.publishBar(kind, fields{"text/plain": b.text(share, now), "text/html": b.html(share, now)})
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
		p.publishBar("update_display_data", fields{})
	}
}

func (p *publisher) publishBar(kind string, data fields) {
	content := transient(p.bar.id)
	content["data"] = data
	content["metadata"] = fields{"weir": fields{"class": "progress"}}
	p.kernel.publish(p.request, kind, content)
}

const barWidth = 20

// text is the bar as text:
//
//	counting participants  ████████░░░░░░░░░░░░  40 %, about 12 s left
func (b bar) text(share float64, now time.Time) string {
	full := int(share * barWidth)
	return fmt.Sprintf("%s  %s%s  %s", b.label, strings.Repeat("█", full), strings.Repeat("░", barWidth-full), b.figures(share, now))
}

func (b bar) html(share float64, now time.Time) string {
	return fmt.Sprintf(`<label>%s <progress max="100" value="%d"></progress></label> %s`,
		html.EscapeString(b.label), int(100*share), html.EscapeString(b.figures(share, now)))
}

// figures tells how far the work is and, once a tenth is done, how long it will last
// at that pace.
func (b bar) figures(share float64, now time.Time) string {
	text := fmt.Sprintf("%d %%", int(100*share))
	if share < 0.1 {
		return text
	}
	left := time.Duration(float64(now.Sub(b.since)) * (1 - share) / share).Round(time.Second)
	return text + ", about " + left.String() + " left"
}
