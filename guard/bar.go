package guard

import (
	"fmt"
	"html"
	"slices"
	"strings"
	"time"
)

// Bar is how much of some work is done. Its label is one of a few that are fixed, and
// its numbers are of the work: what share of it is done, and how long the rest may
// take. The zero Bar is empty, and takes away one that was shown.
type Bar struct{ plain, html string }

// Labels of work.
const (
	Counting     = "counting participants"
	Protecting   = "protecting counts"
	Synthesizing = "making the synthetic repository, once"
)

var labels = []string{Counting, Protecting, Synthesizing}

const barWidth = 20

// NewBar is a bar, the empty one for a label that is not fixed:
//
//	counting participants  ████████░░░░░░░░░░░░  40 %, about 12 s left
func NewBar(label string, share float64, left time.Duration) Bar {
	if !slices.Contains(labels, label) || !(share >= 0 && share <= 1) {
		return Bar{}
	}
	percent := int(100 * share)
	figures := fmt.Sprintf("%d %%", percent)
	if left > 0 {
		figures += ", about " + left.Round(time.Second).String() + " left"
	}
	full := percent * barWidth / 100
	return Bar{
		plain: label + "  " + strings.Repeat("█", full) + strings.Repeat("░", barWidth-full) + "  " + figures,
		html: fmt.Sprintf(`<label>%s <progress max="100" value="%d"></progress></label> %s`,
			html.EscapeString(label), percent, html.EscapeString(figures)),
	}
}

func (b Bar) leaving() Leaving {
	l := Leaving{map[string]string{}, map[string]any{"weir": map[string]any{"class": "progress"}}}
	if b.plain != "" {
		l.mime[mimePlain], l.mime[mimeHTML] = b.plain, b.html
	}
	return l
}
