package release

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"html"
	"strings"

	"weir/notebooks/nbformat"
)

// notebook is a new notebook, which shares nothing with the old one but sources
// and verified outputs.
func (d document) notebook() ([]byte, error) {
	n := &nbformat.Notebook{Metadata: map[string]any{
		"kernelspec":    map[string]any{"name": "weir", "display_name": "weir (Go)", "language": "go"},
		"language_info": map[string]any{"name": "go"},
	}}
	var head strings.Builder
	for _, x := range d.notes() {
		fmt.Fprintf(&head, "**%s.** %s\n\n", x.name, x.text)
	}
	n.Insert(0, strings.TrimSpace(head.String())).Type = nbformat.Markdown
	for i, p := range d.cells {
		c := n.Insert(i+1, p.source)
		c.Type = p.kind
		if p.kind != nbformat.Code {
			continue
		}
		c.Count = p.count
		for _, o := range p.outputs {
			c.Outputs = append(c.Outputs, &nbformat.Output{Type: o.Type, Data: o.Data, Metadata: map[string]any{"weir": seal(o)}, Count: o.Count})
		}
		if p.leftOut > 0 {
			c.Outputs = append(c.Outputs, &nbformat.Output{Type: nbformat.Stream, Name: "stderr", Text: leftOutText(p.leftOut) + "\n"})
		}
	}
	return n.Encode()
}

// seal is an output's seal and nothing that stands beside it. A title is not signed:
// it stays where the signed text has it.
func seal(o *nbformat.Output) map[string]any {
	about, _ := o.Metadata["weir"].(map[string]any)
	kept := map[string]any{}
	for _, name := range []string{"class", "statement", "signature", "title"} {
		text, ok := about[name].(string)
		if ok && (name != "title" || strings.Contains(o.Data["text/plain"], text)) {
			kept[name] = text
		}
	}
	return kept
}

// page begins an HTML page. Its policy lets nothing load or run.
const page = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>Released results</title>
<style>body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}pre{background:#f4f4f4;padding:.7rem;overflow-x:auto}table{border-collapse:collapse}th,td{padding:.2rem .7rem;text-align:right;border-bottom:1px solid #ddd}caption{text-align:left;font-weight:bold}img{max-width:100%}footer{border-top:1px solid #999;margin-top:2rem;font-size:.9rem}</style>
</head>
<body>
`

func (d document) html() ([]byte, error) {
	var b strings.Builder
	b.WriteString(page)
	for _, p := range d.cells {
		if p.source != "" {
			b.WriteString("<pre>" + html.EscapeString(p.source) + "</pre>\n")
		}
		for _, o := range p.outputs {
			b.WriteString(htmlOf(o))
		}
		if p.leftOut > 0 {
			b.WriteString("<p><em>" + leftOutText(p.leftOut) + "</em></p>\n")
		}
	}
	b.WriteString("<footer>\n")
	for _, x := range d.notes() {
		b.WriteString("<p><strong>" + x.name + ".</strong> " + html.EscapeString(x.text) + "</p>\n")
	}
	b.WriteString("</footer>\n</body>\n</html>\n")
	return []byte(b.String()), nil
}

// htmlOf shows one output. Its HTML is what the guard signed; a picture is shown
// as a picture, so that nothing in it can act.
func htmlOf(o *nbformat.Output) string {
	alt := html.EscapeString(o.Data["text/plain"])
	switch {
	case o.Data["text/html"] != "":
		return o.Data["text/html"]
	case o.Data["image/svg+xml"] != "":
		return `<p><img alt="` + alt + `" src="data:image/svg+xml;base64,` + base64.StdEncoding.EncodeToString([]byte(o.Data["image/svg+xml"])) + `"></p>` + "\n"
	case o.Data["image/png"] != "":
		return `<p><img alt="` + alt + `" src="data:image/png;base64,` + html.EscapeString(strings.TrimSpace(o.Data["image/png"])) + `"></p>` + "\n"
	}
	return "<pre>" + alt + "</pre>\n"
}

func (d document) markdown() ([]byte, error) {
	var b strings.Builder
	for _, p := range d.cells {
		switch {
		case p.source == "":
		case p.kind == nbformat.Markdown:
			b.WriteString(p.source + "\n\n")
		default:
			fence := fenceFor(p.source)
			b.WriteString(fence + "go\n" + p.source + "\n" + fence + "\n\n")
		}
		for _, o := range p.outputs {
			b.WriteString(markdownOf(o) + "\n\n")
		}
		if p.leftOut > 0 {
			b.WriteString("*" + leftOutText(p.leftOut) + "*\n\n")
		}
	}
	b.WriteString("---\n")
	for _, x := range d.notes() {
		b.WriteString("\n**" + x.name + ".** " + x.text + "\n")
	}
	return []byte(b.String()), nil
}

// fenceFor is longer than every run of backquotes in a text (CommonMark, 4.5).
func fenceFor(text string) string {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	return fence
}

func markdownOf(o *nbformat.Output) string {
	if text := o.Data["text/markdown"]; text != "" {
		return text
	}
	plain := o.Data["text/plain"]
	if picture := o.Data["image/png"]; picture != "" {
		title, _, _ := strings.Cut(plain, "\n")
		return "![" + strings.Map(noBrackets, title) + "](data:image/png;base64," + strings.TrimSpace(picture) + ")"
	}
	fence := fenceFor(plain)
	return fence + "text\n" + plain + "\n" + fence
}

func noBrackets(r rune) rune {
	if strings.ContainsRune("[]()\\", r) {
		return ' '
	}
	return r
}

// only is the one output that has a representation.
func (d document) only(mime, what string) (*nbformat.Output, error) {
	var found *nbformat.Output
	var cells []string
	for _, p := range d.cells {
		for _, o := range p.outputs {
			if o.Data[mime] != "" {
				found = o
				cells = append(cells, countOf(p))
			}
		}
	}
	switch len(cells) {
	case 1:
		return found, nil
	case 0:
		return nil, errors.New("there is no verified " + what + " to release in this format")
	}
	return nil, fmt.Errorf("this format holds one %s and there are %d (in cells that ran as %s): name one with --cell and --output", what, len(cells), strings.Join(cells, ", "))
}

func countOf(p part) string {
	if p.count == nil {
		return "[ ]"
	}
	return fmt.Sprintf("[%d]", *p.count)
}

func (d document) csv() ([]byte, error) {
	o, err := d.only("text/csv", "table")
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, x := range d.notes() {
		b.WriteString("# " + x.name + ": " + oneLine(x.text) + "\r\n")
	}
	b.WriteString(o.Data["text/csv"])
	return []byte(b.String()), nil
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// signatureOfPNG begins every PNG (third edition, 5.2); IHDR follows it, 25 octets.
const signatureOfPNG = "\x89PNG\r\n\x1a\n"

func (d document) png() ([]byte, error) {
	o, err := d.only("image/png", "chart")
	if err != nil {
		return nil, err
	}
	picture, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(o.Data["image/png"]), ""))
	head := len(signatureOfPNG) + 25
	if err != nil || len(picture) < head || !bytes.HasPrefix(picture, []byte(signatureOfPNG)) {
		return nil, errors.New("the verified chart is no PNG")
	}
	out := bytes.Clone(picture[:head])
	for _, x := range d.notes() {
		out = append(out, chunk("iTXt", x.name+"\x00\x00\x00\x00\x00"+x.text)...)
	}
	return append(out, picture[head:]...), nil
}

// chunk is a chunk of a PNG (third edition, 5.3).
func chunk(kind, data string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(b, kind+data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE([]byte(kind+data)))
}
