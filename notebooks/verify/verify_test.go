package verify_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"weir/notebooks/nbformat"
	"weir/notebooks/verify"
)

// key signs as the guard does, but for the prefix.
var key = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

// seals checks what sign has signed.
type seals struct{}

func (seals) Check(s verify.Seal, mime map[string]string) error {
	sig, err := base64.StdEncoding.DecodeString(s.Signature)
	var about verify.Statement
	if err != nil || !ed25519.Verify(key.Public().(ed25519.PublicKey), []byte(s.Statement), sig) || json.Unmarshal([]byte(s.Statement), &about) != nil {
		return errors.New("no")
	}
	for kind, h := range verify.Hashes(mime) {
		if about.MIME[kind] != h {
			return errors.New("no")
		}
		delete(about.MIME, kind)
	}
	if len(about.MIME) > 0 {
		return errors.New("no")
	}
	return nil
}

func sign(mime map[string]string) map[string]any {
	text, _ := json.Marshal(verify.Statement{Class: "release", MIME: verify.Hashes(mime)})
	return map[string]any{"weir": map[string]any{"class": "release", "title": "t", "statement": string(text),
		"signature": base64.StdEncoding.EncodeToString(ed25519.Sign(key, text))}}
}

// seen is a set of hashes.
type seen []string

func (s seen) Has(hash string) bool { return slices.Contains(s, hash) }

const canary = "CANARY-77a1"

// old is a notebook of another kernel, with the canary wherever values can be.
const old = `{"cells": [
 {"cell_type": "code", "id": "a", "execution_count": 1, "metadata": {"tags": ["x"], "values": "CANARY-77a1"}, "source": "df.head()", "outputs": [
  {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": {"text/plain": "CANARY-77a1", "text/html": ["<td>", "CANARY-77a1"]}},
  {"output_type": "display_data", "metadata": {"weir": {"class": "text"}}, "data": {"text/plain": "CANARY-77a1"}},
  {"output_type": "display_data", "metadata": {"weir": {"class": "progress"}}, "data": {"text/html": "CANARY-77a1"}},
  {"output_type": "display_data", "metadata": {"weir": {"class": "release", "statement": "{}", "signature": ""}}, "data": {"image/png": "CANARY-77a1"}},
  {"output_type": "stream", "name": "stdout", "text": ["CANARY-77a1\n"]},
  {"output_type": "error", "ename": "ValueError", "evalue": "CANARY-77a1", "traceback": ["CANARY-77a1"]}]},
 {"cell_type": "markdown", "id": "b", "metadata": {}, "source": "words", "attachments": {"a.png": {"image/png": "CANARY-77a1"}}}],
 "metadata": {"kernelspec": {"name": "python3", "display_name": "Python"}, "widgets": {"state": "CANARY-77a1"}}, "more": "CANARY-77a1", "nbformat": 4, "nbformat_minor": 5}`

func TestOldNotebooksOpenScrubbed(t *testing.T) {
	n, err := nbformat.Parse("old.ipynb", []byte(old))
	if err != nil {
		t.Fatal(err)
	}
	removed := verify.Scrub(n, seals{}, seen(nil))
	b, err := n.Encode()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(b), canary) || len(removed) != 10 {
		t.Errorf("%d removed, left:\n%s", len(removed), b)
	}
	for _, kept := range []string{"df.head()", "words", `"x"`, "python3"} {
		if !strings.Contains(string(b), kept) {
			t.Errorf("%s is gone", kept)
		}
	}
}

// What a browser saved comes back to it, but no data output that is not verified.
func TestSeenTextsStay(t *testing.T) {
	n, err := nbformat.Parse("old.ipynb", []byte(old))
	if err != nil {
		t.Fatal(err)
	}
	saved := seen(verify.Units(n))
	if removed := verify.Scrub(n, seals{}, saved); len(removed) != 3 {
		t.Errorf("removed %v", removed)
	}
	if o := n.Cells[0].Outputs; o[1].Data["text/plain"] != canary || o[4].Text != canary+"\n" || n.Cells[1].Unknown()["attachments"] == nil {
		t.Error("a text that the browser saved is gone")
	}
}

func TestVerifiedOutputsStay(t *testing.T) {
	mime := map[string]string{"text/plain": "a\nb", "text/html": "<b>1,204</b>"}
	n := &nbformat.Notebook{}
	c := n.Insert(0, "t")
	c.Outputs = []*nbformat.Output{{Type: nbformat.DisplayData, Data: mime, Metadata: sign(mime)}}
	c.Outputs[0].Metadata["other"] = canary
	if removed := verify.Scrub(n, seals{}, seen(nil)); len(removed) > 0 {
		t.Errorf("removed %v", removed)
	}
	if b, _ := n.Encode(); strings.Contains(string(b), canary) || !strings.Contains(string(b), "1,204") {
		t.Errorf("left %s", b)
	}
}

// chart is a type whose representations are JSON values.
const chart = "application/vnd.vegalite.v5+json"

func TestMessages(t *testing.T) {
	good := map[string]any{"text/plain": "1,204"}
	for name, test := range map[string]struct {
		kind    string
		content map[string]any
		passes  bool
	}{
		"a release":                {"display_data", map[string]any{"data": good, "metadata": sign(map[string]string{"text/plain": "1,204"})}, true},
		"an edited release":        {"update_display_data", map[string]any{"data": map[string]any{"text/plain": "1,205"}, "metadata": sign(map[string]string{"text/plain": "1,204"})}, false},
		"no seal":                  {"execute_result", map[string]any{"data": good, "metadata": map[string]any{}}, false},
		"the cell's own text":      {"execute_result", map[string]any{"data": good, "metadata": map[string]any{"weir": map[string]any{"class": "text"}}}, true},
		"the cell's own Markdown":  {"display_data", map[string]any{"data": map[string]any{"text/plain": "*a*", "text/html": "<em>a</em>"}, "metadata": map[string]any{"weir": map[string]any{"class": "text"}}}, true},
		"a page without its words": {"display_data", map[string]any{"data": map[string]any{"text/html": "<em>a</em>"}, "metadata": map[string]any{"weir": map[string]any{"class": "text"}}}, false},
		"a chart in another order": {"display_data", map[string]any{"data": map[string]any{chart: map[string]any{"b": 1.5, "a": "x"}}, "metadata": sign(map[string]string{chart: `{"a": "x",
 "b": 1.50}`})}, true},
		"an edited chart":            {"display_data", map[string]any{"data": map[string]any{chart: map[string]any{"b": 2.5, "a": "x"}}, "metadata": sign(map[string]string{chart: `{"a":"x","b":1.5}`})}, false},
		"own text with a picture":    {"execute_result", map[string]any{"data": map[string]any{"text/plain": "", "image/png": "AA"}, "metadata": map[string]any{"weir": map[string]any{"class": "text"}}}, false},
		"JSON where text belongs":    {"execute_result", map[string]any{"data": map[string]any{"text/plain": []any{1}}, "metadata": map[string]any{}}, false},
		"a bar":                      {"display_data", map[string]any{"data": map[string]any{"text/plain": "50 %", "text/html": "50 %"}, "metadata": map[string]any{"weir": map[string]any{"class": "progress"}}}, true},
		"a bar with a picture":       {"display_data", map[string]any{"data": map[string]any{"text/plain": "50 %", "image/png": "AA"}, "metadata": map[string]any{"weir": map[string]any{"class": "progress"}}}, false},
		"an empty bar":               {"update_display_data", map[string]any{"data": map[string]any{}, "metadata": map[string]any{"weir": map[string]any{"class": "progress"}}}, true},
		"a stream":                   {"stream", map[string]any{"name": "stdout", "text": "x"}, true},
		"a comm":                     {"comm_open", map[string]any{"data": map[string]any{}}, false},
		"a debugger's event":         {"debug_event", map[string]any{}, false},
		"a type that is yet to come": {"something", map[string]any{}, false},
		"help as text":               {"inspect_reply", map[string]any{"data": good}, true},
		"help as a page":             {"inspect_reply", map[string]any{"data": map[string]any{"text/html": "x"}}, false},
		"a pager of HTML":            {"execute_reply", map[string]any{"payload": []any{map[string]any{"source": "page", "data": map[string]any{"text/html": "x"}}}}, false},
		"a payload that edits":       {"execute_reply", map[string]any{"payload": []any{map[string]any{"source": "set_next_input", "text": "x"}}}, false},
		"a reply":                    {"execute_reply", map[string]any{"status": "ok", "payload": []any{}}, true},
	} {
		if err := verify.Message(seals{}, test.kind, test.content); (err == nil) != test.passes {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever a file holds, what Scrub leaves is verified, and nothing else carries data.
func FuzzScrub(f *testing.F) {
	f.Add([]byte(old))
	mime := map[string]string{"text/plain": "1"}
	n := &nbformat.Notebook{}
	n.Insert(0, "t").Outputs = []*nbformat.Output{{Type: nbformat.DisplayData, Data: mime, Metadata: sign(mime)}}
	b, err := n.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := nbformat.Parse("f.ipynb", b)
		if err != nil {
			return
		}
		verify.Scrub(n, seals{}, seen(nil))
		if len(n.Unknown()) > 0 {
			t.Error("members that nobody knows are left")
		}
		for _, c := range n.Cells {
			for _, o := range c.Outputs {
				left(t, o)
			}
		}
		again, err := n.Encode()
		if err != nil {
			t.Fatal(err)
		}
		n, err = nbformat.Parse("f.ipynb", again)
		if err != nil {
			t.Fatalf("what is left is no notebook: %v", err)
		}
		for _, r := range verify.Scrub(n, seals{}, seen(verify.Units(n))) {
			t.Errorf("scrubbing twice removes %v", r)
		}
	})
}

func left(t *testing.T, o *nbformat.Output) {
	switch {
	case o.Type == nbformat.Stream && strings.HasPrefix(o.Text, "[weir] "):
	case o.Type == nbformat.Stream || o.Type == nbformat.Error:
		t.Error("a text is left")
	default:
		if _, text, err := verify.Bundle(seals{}, o.Data, o.Metadata); err != nil || text && len(o.Data) > 0 {
			t.Errorf("an output is left: %v", err)
		}
	}
}
