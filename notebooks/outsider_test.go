package notebooks

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"weir/notebooks/nbformat"
)

// outsider runs testdata/outsider.py.
func outsider(t *testing.T, args ...string) string {
	t.Helper()
	python := os.Getenv("WEIR_PYTHON")
	if python == "" && os.Getenv("WEIR_REQUIRE_ALL") != "" {
		t.Fatal("WEIR_PYTHON names no Python with Jupyter")
	}
	if python == "" {
		t.Skip("WEIR_PYTHON names no Python with Jupyter")
	}
	cmd := exec.Command(python, append([]string{"testdata/outsider.py"}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("outsider.py %v: %v\n%s", args, err, &complaints)
	}
	return string(out)
}

func TestJupyterAcceptsWhatRunWrites(t *testing.T) {
	dir := t.TempDir()
	all := conversations(t)
	for name, c := range all {
		converse(t, c, filepath.Join(dir, name+".ipynb"))
	}
	if valid := strings.Fields(outsider(t, "validate", dir)); len(valid) != len(all) {
		t.Errorf("%d notebooks of %d are valid", len(valid), len(all))
	}
}

// recording is an Executor that emits what a kernel has sent.
type recording [][]message

type message struct {
	Type    string
	Content struct {
		Name, Text, EName, EValue string
		Traceback                 []string
		Data                      map[string]json.RawMessage
		Metadata                  map[string]any
		Wait                      bool
		Transient                 struct {
			ID string `json:"display_id"`
		}
	}
}

func (r recording) Execute(_ context.Context, _ string, count int, emit func(Output)) (outcome Outcome) {
	for _, m := range r[count-1] {
		c := m.Content
		o := Output{Type: m.Type, Name: c.Name, Text: c.Text, Metadata: c.Metadata, ID: c.Transient.ID, Wait: c.Wait, MIME: map[string]string{}}
		o.Failure = Failure{c.EName, c.EValue, c.Traceback}
		for mime, v := range c.Data {
			text := string(v)
			if strings.HasPrefix(text, `"`) {
				json.Unmarshal(v, &text)
			}
			o.MIME[mime] = text
		}
		outcome.Failed = outcome.Failed || m.Type == nbformat.Error
		emit(o)
	}
	return outcome
}

func TestGathersOutputsAsNbclientDoes(t *testing.T) {
	dir := t.TempDir()
	outsider(t, "replay", dir)
	theirs, err := nbformat.Read(dir + "/nbclient.ipynb")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(dir + "/messages.json")
	if err != nil {
		t.Fatal(err)
	}
	var messages recording
	if err := json.Unmarshal(b, &messages); err != nil {
		t.Fatal(err)
	}
	ours, err := nbformat.Read(dir + "/nbclient.ipynb")
	if err != nil {
		t.Fatal(err)
	}
	r, err := Run(t.Context(), ours, messages, Options{Output: dir + "/ours.ipynb", AllowErrors: true})
	if err != nil || r.Ran != len(messages) {
		t.Fatal(r, err)
	}
	for i, c := range ours.Cells {
		got, want := encoded(t, c), encoded(t, theirs.Cells[i])
		if !bytes.Equal(got, want) {
			t.Errorf("of cell %d\n%s\nwe gather\n%s\nand nbclient\n%s", i+1, c.Source, got, want)
		}
	}
}

// encoded is a cell without its metadata.
func encoded(t *testing.T, c *nbformat.Cell) []byte {
	t.Helper()
	bare := *c
	bare.Metadata = nil
	b, err := (&nbformat.Notebook{Cells: []*nbformat.Cell{&bare}}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}
