package release_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"weir/notebooks/nbformat"
	"weir/notebooks/release"
	"weir/notebooks/verify"
)

// key signs as the guard does, but for the prefix.
var key = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

// authority checks what seal has signed, and has recorded and shown all of it. It
// implements verify.Seals and verify.Ledger.
type authority struct{}

func (authority) Check(s verify.Seal, mime map[string]string) error {
	sig, err := base64.StdEncoding.DecodeString(s.Signature)
	var about verify.Statement
	if err != nil || !ed25519.Verify(key.Public().(ed25519.PublicKey), []byte(s.Statement), sig) || json.Unmarshal([]byte(s.Statement), &about) != nil || len(about.MIME) != len(mime) {
		return errors.New("no")
	}
	for kind, h := range verify.Hashes(mime) {
		if about.MIME[kind] != h {
			return errors.New("no")
		}
	}
	return nil
}

func (authority) Recorded(seq int64, _ string) (map[string]string, bool) {
	if int(seq) >= len(recorded) {
		return nil, false
	}
	return verify.Hashes(recorded[seq]), true
}

func (authority) Shown(seq int64, _ string) []verify.Showing {
	return []verify.Showing{{Cell: int(seq) + 1}, {Cell: 0}}
}

// recorded are the outputs that the authority has released: a table, a chart and a
// number. The table's HTML stands for whatever the guard signs.
var recorded = []map[string]string{
	{"text/plain": "sex participants\nFemale 1,204", "text/html": "<table><tr><td>1,204</td></tr></table>", "text/csv": "sex,participants\r\nFemale,1204\r\n"},
	{"text/plain": "a chart ![x](y)\nFemale 1,204", "image/png": picture(), "image/svg+xml": "<svg onload='CANARY()'/>"},
	{"text/plain": "``` 1,204"},
}

func picture() string {
	var b bytes.Buffer
	png.Encode(&b, image.NewGray(image.Rect(0, 0, 2, 2)))
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

func sealed(seq int) *nbformat.Output {
	mime := map[string]string{}
	for k, v := range recorded[seq] {
		mime[k] = v
	}
	text, _ := json.Marshal(verify.Statement{Class: "release", Seq: int64(seq), Version: "site <2>\n# injected", Policy: "4f0c", Tier: "registered", Repository: "r", CDR: "1", MIME: verify.Hashes(mime)})
	return &nbformat.Output{Type: nbformat.DisplayData, Data: mime, Metadata: map[string]any{"weir": map[string]any{"class": "release", "title": "t", "statement": string(text),
		"signature": base64.StdEncoding.EncodeToString(ed25519.Sign(key, text))}}}
}

// canary stands wherever nobody has verified anything.
const canary = "CANARY"

// crafted is a notebook with the recorded outputs, each under its cell, among what
// somebody has put there.
func crafted() *nbformat.Notebook {
	n := &nbformat.Notebook{Metadata: map[string]any{"widgets": canary, "kernelspec": map[string]any{"name": canary}}}
	for i := range recorded {
		c := n.Insert(i, "source()")
		count := i + 1
		c.Count = &count
		c.Metadata = map[string]any{"values": canary}
		good := sealed(i)
		good.Metadata["other"] = canary
		good.Metadata["weir"].(map[string]any)["more"] = map[string]any{"x": canary}
		c.Outputs = []*nbformat.Output{
			{Type: nbformat.Stream, Name: "stdout", Text: canary},
			good,
			{Type: nbformat.DisplayData, Data: map[string]string{"text/html": canary, "text/csv": canary, "image/png": canary}},
			{Type: nbformat.DisplayData, Data: map[string]string{"text/plain": canary}, Metadata: map[string]any{"weir": map[string]any{"class": "text"}}},
			{Type: nbformat.Error, EName: canary, EValue: canary, Traceback: []string{canary}},
		}
	}
	return n
}

func build(t *testing.T, n *nbformat.Notebook, o release.Options) *release.Artefact {
	t.Helper()
	a, err := release.Build(n, verify.Notebook(n, authority{}, authority{}), o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// of are the options under which each format holds something.
func of(format string) release.Options {
	return release.Options{Format: format, Cell: map[string]int{".csv": 1, ".png": 2}[format]}
}

// Nothing that was not verified is in any artefact, and each says whose it is.
func TestOnlyWhatWasVerified(t *testing.T) {
	for _, format := range release.Formats() {
		a := build(t, crafted(), of(format))
		text := string(a.Content)
		signed := strings.NewReplacer(base64.StdEncoding.EncodeToString([]byte(recorded[1]["image/svg+xml"])), "", `<svg onload='CANARY()'/>`, "").Replace(text)
		if strings.Contains(signed, canary) {
			t.Errorf("%s holds what nobody verified:\n%s", format, text)
		}
		for _, part := range []string{"We gratefully acknowledge", "4f0c", "at least two weeks before"} {
			if !strings.Contains(text, part) {
				t.Errorf("%s lacks %q", format, part)
			}
		}
		if a.LeftOut == 0 || len(a.Entries) == 0 {
			t.Errorf("%s: %+v", format, a)
		}
	}
}

// A released notebook is one that verifies, whole.
func TestReleasedNotebookVerifies(t *testing.T) {
	a := build(t, crafted(), of(".ipynb"))
	_, r := verify.File("a.ipynb", a.Content, authority{}, authority{})
	if len(r.Findings) > 0 || len(r.Parts) != len(recorded) {
		t.Errorf("%d parts, findings: %v", len(r.Parts), r.Findings)
	}
}

// Sources are anybody's words: in a page they are text.
func TestCraftedSources(t *testing.T) {
	for _, source := range []string{
		`</pre><script>alert(1)</script>`, `<img src=x onerror=alert(1)>`, "</footer></body>", "```\n<script>", "\x00<script>", "]]><script>",
	} {
		for _, kind := range []string{nbformat.Code, nbformat.Markdown, nbformat.Raw} {
			n := crafted()
			n.Cells[0].Source, n.Cells[0].Type = source, kind
			if kind != nbformat.Code {
				n.Cells[0].Outputs, n.Cells[0].Count = nil, nil
			}
			page := string(build(t, n, of(".html")).Content)
			if strings.Contains(page, "<script") || strings.Contains(page, "<img src=x") || strings.Count(page, "</body>") != 1 {
				t.Errorf("%s %q acts in the page:\n%s", kind, source, page)
			}
			if !strings.Contains(page, "default-src 'none'") {
				t.Error("the page has no policy")
			}
		}
	}
}

func TestCSVIsOneTable(t *testing.T) {
	text := build(t, crafted(), of(".csv")).Content
	r := csv.NewReader(bytes.NewReader(text))
	r.Comment = '#'
	rows, err := r.ReadAll()
	if err != nil || len(rows) != 2 || rows[1][1] != "1204" {
		t.Errorf("%v %v", rows, err)
	}
}

func TestPNGIsStillAPicture(t *testing.T) {
	if _, err := png.Decode(bytes.NewReader(build(t, crafted(), of(".png")).Content)); err != nil {
		t.Error(err)
	}
}

func TestRefusals(t *testing.T) {
	nothing := crafted()
	for _, c := range nothing.Cells {
		c.Outputs = c.Outputs[2:]
	}
	edited := crafted()
	edited.Cells[0].Outputs[1].Data["text/csv"] = "sex,participants\r\nFemale,17\r\n"
	for name, test := range map[string]struct {
		n   *nbformat.Notebook
		o   release.Options
		why string
	}{
		"nothing verified":         {nothing, of(".html"), "no verified output"},
		"an edited table":          {edited, of(".csv"), "no verified output"},
		"another format":           {crafted(), release.Options{Format: ".xlsx"}, "no such format"},
		"a cell without a table":   {crafted(), release.Options{Format: ".csv", Cell: 3}, "no verified table"},
		"a cell that is not there": {crafted(), release.Options{Format: ".html", Cell: 9}, "no verified output"},
		"a negative cell":          {crafted(), release.Options{Format: ".html", Cell: -1}, "no verified output"},
		"an unverified output":     {crafted(), release.Options{Format: ".html", Cell: 1, Output: 3}, "no verified output"},
	} {
		if _, err := release.Build(test.n, verify.Notebook(test.n, authority{}, authority{}), test.o); err == nil || !strings.Contains(err.Error(), test.why) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSlips(t *testing.T) {
	public := key.Public().(ed25519.PublicKey)
	content := []byte("a,b\n")
	good, err := release.NewSlip(key, release.SlipStatement{File: "a.csv", SHA256: verify.HashOf(content)})
	if err != nil {
		t.Fatal(err)
	}
	if about, err := release.CheckSlip(public, good, content); err != nil || about.File != "a.csv" {
		t.Error(about, err)
	}
	signed := func(prefix, text string) []byte {
		b, _ := json.Marshal(release.Slip{Statement: text, Signature: base64.StdEncoding.EncodeToString(ed25519.Sign(key, []byte(prefix+text)))})
		return b
	}
	statement := `{"class":"artefact","sha256":"` + verify.HashOf(content) + `"}`
	for name, slip := range map[string][]byte{
		"nothing":                             nil,
		"no JSON":                             []byte("a,b"),
		"no signature":                        []byte(`{"statement":"{}"}`),
		"a statement of a release":            signed("", statement),
		"a signature of another kind of text": signed("weir release v1\n", statement),
		"another class":                       signed(release.SlipPrefix, strings.Replace(statement, "artefact", "release", 1)),
		"another file":                        signed(release.SlipPrefix, strings.Replace(statement, verify.HashOf(content), verify.HashOf(nil), 1)),
		"no statement":                        signed(release.SlipPrefix, "17"),
	} {
		if _, err := release.CheckSlip(public, slip, content); err == nil || strings.Contains(err.Error(), "a,b") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := release.CheckSlip(public, signed(release.SlipPrefix, statement), content); err != nil {
		t.Error("the table tests nothing:", err)
	}
}

// Links in the way of an artefact are replaced, never followed.
func TestWriteFollowsNoLinks(t *testing.T) {
	for name, lay := range map[string]func(t *testing.T, victim, file string) error{
		"a symbolic link":             func(_ *testing.T, victim, file string) error { return os.Symlink(victim, file) },
		"a hard link":                 func(_ *testing.T, victim, file string) error { return os.Link(victim, file) },
		"a symbolic link as the slip": func(_ *testing.T, victim, file string) error { return os.Symlink(victim, release.SlipName(file)) },
		"a hard link as the slip":     func(_ *testing.T, victim, file string) error { return os.Link(victim, release.SlipName(file)) },
		"a link that leads nowhere":   func(_ *testing.T, victim, file string) error { return os.Symlink(victim+"x", file) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			victim, file := dir+"/victim", dir+"/a.csv"
			if err := errors.Join(os.WriteFile(victim, []byte("mine"), 0o600), lay(t, victim, file)); err != nil {
				t.Fatal(err)
			}
			if err := release.Write(file, []byte("artefact"), []byte("slip")); err != nil {
				t.Fatal(err)
			}
			for path, want := range map[string]string{victim: "mine", file: "artefact", release.SlipName(file): "slip"} {
				info, err := os.Lstat(path)
				if b, err2 := os.ReadFile(path); err != nil || err2 != nil || string(b) != want || !info.Mode().IsRegular() {
					t.Errorf("%s: %q, %v", filepath.Base(path), b, errors.Join(err, err2))
				}
			}
			if list, _ := os.ReadDir(dir); len(list) != 3 {
				t.Errorf("left %v", list)
			}
		})
	}
}

// While somebody swaps links and files under the name, nothing but the name is
// written, and what lies there at the end fits its slip or is refused.
func TestWriteRaces(t *testing.T) {
	public := key.Public().(ed25519.PublicKey)
	dir := t.TempDir()
	victim, file := dir+"/victim", dir+"/a.csv"
	if err := os.WriteFile(victim, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var work sync.WaitGroup
	for _, name := range []string{file, release.SlipName(file)} {
		work.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				os.Remove(name)
				if i%2 == 0 {
					os.Symlink(victim, name)
				} else {
					os.Link(victim, name)
				}
			}
		})
	}
	for i := range 100 {
		content := bytes.Repeat([]byte("x"), i)
		slip, err := release.NewSlip(key, release.SlipStatement{SHA256: verify.HashOf(content)})
		if err != nil {
			t.Fatal(err)
		}
		release.Write(file, content, slip) // may fail: the names are fought over
		// What a server would do: read both once, and hand out the octets it read.
		lies, err := os.ReadFile(release.SlipName(file))
		if err != nil {
			continue
		}
		if octets, err := os.ReadFile(file); err == nil {
			if _, err := release.CheckSlip(public, lies, octets); err == nil && bytes.Contains(octets, []byte("secret")) {
				t.Fatal("another file passes as released")
			}
		}
	}
	close(stop)
	work.Wait()
	if b, err := os.ReadFile(victim); err != nil || string(b) != "secret" {
		t.Errorf("the other file was written: %q %v", b, err)
	}
}

func TestWriteFails(t *testing.T) {
	dir := t.TempDir()
	file := dir + "/a.csv"
	if err := os.Mkdir(file, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := release.Write(file, []byte("x"), []byte("y")); err == nil {
		t.Error("a directory in the way is no error")
	}
	if list, _ := filepath.Glob(dir + "/.a.csv.*"); len(list) > 1 {
		t.Errorf("left %v", list)
	}
	if err := release.Write(dir+"/none/a.csv", nil, nil); err == nil {
		t.Error("a folder that is not there is no error")
	}
}

// Whatever notebook is put together around verified outputs, a page has nothing that
// acts but what was signed, and a notebook verifies.
func FuzzBuild(f *testing.F) {
	for _, n := range []*nbformat.Notebook{crafted()} {
		b, err := n.Encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		n, report := verify.File("f.ipynb", b, authority{}, authority{})
		if n == nil {
			return
		}
		for _, format := range release.Formats() {
			a, err := release.Build(n, report, release.Options{Format: format})
			if err != nil {
				continue
			}
			switch format {
			case ".html":
				text := strings.ReplaceAll(string(a.Content), recorded[0]["text/html"], "")
				if strings.Contains(text, "<script") || strings.Count(text, "</body>") != 1 {
					t.Errorf("it acts:\n%s", text)
				}
			case ".ipynb":
				_, again := verify.File("a.ipynb", a.Content, authority{}, authority{})
				if len(again.Parts) != len(a.Entries) || len(again.Findings) > 0 {
					t.Errorf("%d of %d parts, findings %v", len(again.Parts), len(a.Entries), again.Findings)
				}
			}
		}
	})
}
