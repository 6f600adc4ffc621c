package verify

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"weir/notebooks/nbformat"
)

// Seen knows what a browser has saved, by the hash of what Units returns.
type Seen interface{ Has(hash string) bool }

// Removed is what Scrub took away.
type Removed struct {
	Cell   int    `json:"cell"`   // counted from 1; 0 for the file's own
	Output int    `json:"output"` // counted from 1; 0 for what is no output
	What   string `json:"what"`
}

// Scrub takes everything out of a notebook that could hold participants' values
// and is neither verified by its seal nor seen: data outputs that are not what was
// signed, texts, attachments, metadata beyond the usual. In an output's place
// stands a text that says so. Sources stay: they are what somebody wrote.
func Scrub(n *nbformat.Notebook, seals Seals, seen Seen) []Removed {
	s := scrubber{seals: seals, seen: seen}
	s.members(0, n.Metadata, usualOfNotebook)
	s.members(0, n.Unknown(), nil)
	for i, c := range n.Cells {
		s.members(i+1, c.Metadata, usualOfCell)
		s.members(i+1, c.Unknown(), nil)
		for j, o := range c.Outputs {
			if why := s.judge(o); why != "" {
				c.Outputs[j] = placeholder(why)
				s.removed = append(s.removed, Removed{i + 1, j + 1, why})
			}
		}
	}
	return s.removed
}

// removedMark begins every text that stands for an output.
const removedMark = "[weir] An output was here, and is not shown: "

func placeholder(why string) *nbformat.Output {
	return &nbformat.Output{Type: nbformat.Stream, Name: "stderr", Text: removedMark + why + ". Run the cell to have it again.\n"}
}

type scrubber struct {
	seals   Seals
	seen    Seen
	removed []Removed
}

// judge says why an output goes, or "".
func (s *scrubber) judge(o *nbformat.Output) string {
	if isData(o) && len(o.Unknown()) == 0 {
		_, text, err := Bundle(s.seals, o.Data, o.Metadata)
		switch {
		case err != nil:
			return err.Error()
		case !text:
			return s.extra(o)
		}
	}
	hash, err := unit(o)
	if err != nil || !s.seen.Has(hash) {
		return "nothing proves that it is a cell's own text"
	}
	return ""
}

// extra is what a signature does not cover: metadata besides the seal.
func (s *scrubber) extra(o *nbformat.Output) string {
	for name := range o.Metadata {
		if name != "weir" {
			delete(o.Metadata, name)
		}
	}
	about, _ := o.Metadata["weir"].(map[string]any)
	for name, v := range about {
		text, ok := v.(string)
		if !ok || !slices.Contains([]string{"class", "title", "statement", "signature"}, name) || name == "title" && len(text) > maxUsual {
			return "its metadata hold what nothing proves"
		}
	}
	return ""
}

// Metadata that every notebook has: short ones of these names stay.
var (
	usualOfNotebook = []string{"kernelspec", "language_info", "title", "authors", "papermill"}
	usualOfCell     = []string{"tags", "collapsed", "scrolled", "jupyter", "execution", "editable", "deletable", "name", "format", "slideshow", "papermill", "trusted"}
)

const maxUsual = 4096

func (s *scrubber) members(cell int, object map[string]any, usual []string) {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		b, err := nbformat.Canonical(map[string]any{name: object[name]})
		switch {
		case err != nil:
		case slices.Contains(usual, name) && len(b) <= maxUsual, s.seen.Has(HashOf(b)):
			continue
		}
		delete(object, name)
		s.removed = append(s.removed, Removed{cell, 0, "a member of the file that nothing proves"})
	}
}

func unit(o *nbformat.Output) (string, error) {
	b, err := o.Bytes()
	return HashOf(b), err
}

// Units are the hashes of what has no seal in a notebook that a browser saved, and
// which it may therefore have again: texts, attachments, metadata. Data outputs
// are not among them.
func Units(n *nbformat.Notebook) []string {
	var hashes []string
	members := func(object map[string]any) {
		for name, v := range object {
			if b, err := nbformat.Canonical(map[string]any{name: v}); err == nil {
				hashes = append(hashes, HashOf(b))
			}
		}
	}
	members(n.Metadata)
	members(n.Unknown())
	for _, c := range n.Cells {
		members(c.Metadata)
		members(c.Unknown())
		for _, o := range c.Outputs {
			if isData(o) && sealOf(o.Metadata).Class != classText {
				continue
			}
			if h, err := unit(o); err == nil {
				hashes = append(hashes, h)
			}
		}
	}
	return hashes
}

// Message judges a message of a kernel to a front end: what it carries, or why it
// is not passed on. content is the message's, as encoding/json reads it.
func Message(seals Seals, kind string, content map[string]any) error {
	switch kind {
	case "status", "execute_input", "stream", "error", "clear_output", "kernel_info_reply", "execute_reply",
		"complete_reply", "is_complete_reply", "history_reply", "interrupt_reply", "shutdown_reply", "comm_info_reply", "input_request":
		return plainPages(content)
	case "inspect_reply":
		return plainOnly(content["data"])
	case "display_data", "execute_result", "update_display_data":
		metadata, _ := content["metadata"].(map[string]any)
		mime, err := texts(content["data"])
		if err != nil {
			return err
		}
		if sealOf(metadata).Class == classProgress && (len(mime) == 0 || ownText(mime)) {
			return nil // the kernel's own words, which hold a label and a share
		}
		_, _, err = Bundle(seals, mime, metadata)
		return err
	}
	return &fault{Foreign, fmt.Sprintf("messages of the type %q are not passed on", kind)}
}

// plainPages lets help beside the notebook be text.
func plainPages(content map[string]any) error {
	list, _ := content["payload"].([]any)
	for _, v := range list {
		page, _ := v.(map[string]any)
		if page["source"] != "page" {
			return &fault{Foreign, "a payload other than a page of text is not passed on"}
		}
		if err := plainOnly(page["data"]); err != nil {
			return err
		}
	}
	return nil
}

func plainOnly(data any) error {
	mime, err := texts(data)
	for kind := range mime {
		if kind != "text/plain" {
			return &fault{Foreign, "help other than text is not passed on"}
		}
	}
	return err
}

// texts are representations, each as one string: JSON types as compact JSON.
func texts(data any) (map[string]string, error) {
	object, ok := data.(map[string]any)
	if data != nil && !ok {
		return nil, &fault{Malformed, "its data are no object"}
	}
	out := map[string]string{}
	for kind, v := range object {
		text, ok := v.(string)
		if isJSON(kind) {
			b, err := json.Marshal(v)
			text, ok = string(b), err == nil
		}
		if !ok {
			return nil, &fault{Foreign, "a representation that is no text is not passed on"}
		}
		out[kind] = text
	}
	return out, nil
}
