package notebooks

import (
	"regexp"
	"strings"

	"weir/notebooks/nbformat"
)

var (
	// CommonMark 4.2 and 4.5.
	atxHeading = regexp.MustCompile(`^ {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*$`)
	codeFence  = regexp.MustCompile("^ {0,3}(```+|~~~+)")
)

// heading is the title of the last heading in these cells, or "".
func heading(cells []*nbformat.Cell) string {
	title := ""
	for _, c := range cells {
		if c.Type == nbformat.Markdown {
			title = lastHeading(c.Source, title)
		}
	}
	return title
}

func lastHeading(source, title string) string {
	fence := ""
	for line := range strings.Lines(source) {
		line = strings.TrimRight(line, "\r\n")
		if m := codeFence.FindStringSubmatch(line); m != nil && fence == "" {
			fence = m[1]
		} else if m != nil && strings.HasPrefix(m[1], fence) {
			fence = ""
		} else if m := atxHeading.FindStringSubmatch(line); m != nil && fence == "" {
			title = printable(m[1])
		}
	}
	return title
}
