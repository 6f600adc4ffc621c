package guard

import (
	"encoding/base64"

	"weir/datasets/plan"
	"weir/guard/chart"
)

// Chart releases a chart of the numbers of a table that has been released, and of
// nothing else.
func (g *Guard) Chart(n *plan.Node, table Release) (Release, error) {
	if table.r == nil || table.r.result == nil {
		return Release{}, &plan.Error{Op: n.Op(), Msg: "there is no released table to draw", At: n.At()}
	}
	c, err := chart.New(n, table.r.result, table.r.title)
	if err != nil {
		return Release{}, err
	}
	picture, err := c.PNG()
	if err != nil {
		return Release{}, err
	}
	spec, err := c.VegaLite()
	if err != nil {
		return Release{}, err
	}
	return g.record("release", n, map[string]any{"chart": c.Alt(), "of": table.r.id}, &released{title: table.r.title, mime: map[string]string{
		mimePlain: c.Text(),
		mimeSVG:   c.SVG(),
		mimeVega:  string(spec),
		mimePNG:   base64.StdEncoding.EncodeToString(picture),
	}})
}
