package guard

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/microcosm-cc/bluemonday"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// elements are what HTML may be made of. There are none that load, link, run, or take
// what is typed: a page that is shown fetches nothing and leads nowhere.
var elements = []string{
	"div", "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "ul", "ol", "li", "dl", "dt", "dd",
	"pre", "code", "em", "strong", "small", "del", "sub", "sup", "span",
	"table", "caption", "thead", "tbody", "tr", "th", "td",
}

// htmlPolicy is made when a page is first asked for: most commands show none, and all start.
var htmlPolicy = sync.OnceValue(func() *bluemonday.Policy {
	p := bluemonday.NewPolicy()
	p.AllowElements(elements...)
	p.AllowNoAttrs().OnElements("span")
	p.AllowAttrs("class").Matching(regexp.MustCompile(`^tex2jax_ignore mathjax_ignore$`)).OnElements("div")
	p.AllowAttrs("scope").Matching(regexp.MustCompile(`^(row|col|rowgroup|colgroup)$`)).OnElements("th")
	p.AllowAttrs("rowspan", "colspan").Matching(regexp.MustCompile(`^[0-9]{1,5}$`)).OnElements("th", "td")
	p.AllowAttrs("id").Matching(regexp.MustCompile(`^t[0-9a-f]{8}-[a-z0-9-]{1,24}$`)).OnElements("th")
	p.AllowAttrs("headers").Matching(regexp.MustCompile(`^[a-z0-9 -]+$`)).OnElements("td")
	p.AllowAttrs("title").Matching(regexp.MustCompile(`^[A-Za-z0-9 ,.:;'-]{1,200}$`)).OnElements("td", "th")
	p.AllowAttrs("start").Matching(regexp.MustCompile(`^[0-9]{1,9}$`)).OnElements("ol")
	p.AllowStyles("text-align").MatchingEnum("left", "right", "center").OnElements("th", "td", "dl", "table", "caption")
	p.AllowStyles("margin-bottom").MatchingEnum("1em").OnElements("dl")
	p.AllowStyles("vertical-align").MatchingEnum("top").OnElements("th", "td")
	p.AllowStyles("white-space").MatchingEnum("nowrap").OnElements("th", "td", "caption")
	p.AllowStyles("background").MatchingEnum("var(--jp-layout-color0,inherit)").OnElements("th", "td")
	return p
})

// sanitiseHTML keeps of a page what htmlPolicy allows.
func sanitiseHTML(page string) string { return htmlPolicy().Sanitize(page) }

var commonMark = sync.OnceValue(func() goldmark.Markdown {
	return goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough))
})

// markdownPage is Markdown (CommonMark, with the tables of GitHub Flavored Markdown) as
// a page. HTML in it is text that is left out; of links and pictures the words stay.
// Formulas stay text as well: what typesets them can make links.
func markdownPage(source string) string {
	var b bytes.Buffer
	if err := commonMark().Convert([]byte(source), &b); err != nil {
		return ""
	}
	return sanitiseHTML("<div class=\"tex2jax_ignore mathjax_ignore\">\n" + b.String() + "</div>\n")
}

// vet checks the representations of a result before they are signed, and cleans its
// HTML. They are made here, from texts that are escaped, so that an error is a fault
// of this package, and nothing is released.
func vet(mime map[string]string) error {
	for kind, text := range mime {
		if len(text) > maxPicture {
			return fmt.Errorf("the result has %d MB as %s: ask for fewer groups", len(text)>>20, kind)
		}
		var err error
		switch kind {
		case mimePlain, mimeMarkdown, mimeCSV:
		case mimeHTML:
			mime[kind] = sanitiseHTML(text)
		case mimeSVG:
			err = vetSVG(text)
		case mimePNG:
			err = vetPNG(text)
		case mimeVega:
			err = vetVega(text)
		default:
			err = errors.New("is not among what is released")
		}
		if err != nil {
			return fmt.Errorf("a result as %s: %w", kind, err)
		}
	}
	return nil
}

var svgElements = []string{"svg", "title", "desc", "defs", "pattern", "rect", "circle", "path", "text"}

var svgAttributes = []string{
	"xmlns", "viewBox", "width", "height", "role", "aria-label", "font-family", "id", "patternUnits", "patternTransform", "data-mark",
	"x", "y", "rx", "cx", "cy", "r", "d", "font-size", "font-weight", "text-anchor", "transform",
	"fill", "fill-opacity", "stroke", "stroke-width", "stroke-linejoin", "stroke-dasharray",
}

// vetSVG holds a picture to what the package chart draws.
func vetSVG(text string) error {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if !slices.Contains(svgElements, t.Name.Local) {
				return fmt.Errorf("the element %q", t.Name.Local)
			}
			for _, a := range t.Attr {
				refers := strings.Contains(a.Value, "url(") && a.Value != "url(#hidden)" && a.Name.Local != "aria-label"
				if !slices.Contains(svgAttributes, a.Name.Local) || a.Name.Space != "" || refers {
					return fmt.Errorf("the attribute %q", a.Name.Local)
				}
			}
		case xml.CharData, xml.EndElement:
		default:
			return errors.New("something that is neither an element nor text")
		}
	}
}

func vetPNG(text string) error {
	b, err := base64.StdEncoding.DecodeString(text)
	if err != nil || !bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")) {
		return errors.New("it is no picture")
	}
	return nil
}

// vegaActs are names by which a Vega-Lite specification loads, links or computes.
var vegaActs = []string{"url", "href", "expr", "signal", "calculate", "format_type", "formatType", "labelExpr", "lookup", "params", "loader", "patch", "name"}

// vetVega: a specification has its data inline and nothing that acts. Tests of fields
// are objects; a text in their place would be an expression.
func vetVega(text string) error {
	var v any
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return err
	}
	spec, ok := v.(map[string]any)
	if !ok {
		return errors.New("it is no specification")
	}
	return vetMembers(spec)
}

func vetMembers(v any) error {
	switch v := v.(type) {
	case map[string]any:
		for name, value := range v {
			_, words := value.(string)
			if slices.Contains(vegaActs, name) || words && (name == "filter" || name == "test") {
				return fmt.Errorf("the member %q", name)
			}
			if name == "values" {
				continue // rows, and ticks: names there are ours, and texts are not looked at
			}
			if err := vetMembers(value); err != nil {
				return err
			}
		}
	case []any:
		for _, one := range v {
			if err := vetMembers(one); err != nil {
				return err
			}
		}
	}
	return nil
}
