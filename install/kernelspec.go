package install

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"path"
)

// kernelspec is kernel.json. See "Kernel specs" in jupyter_client's documentation.
type kernelspec struct {
	Argv          []string          `json:"argv"`
	DisplayName   string            `json:"display_name"`
	Env           map[string]string `json:"env"` // empty: Jupyter Server hands the file to every browser
	InterruptMode string            `json:"interrupt_mode"`
	Protocol      string            `json:"kernel_protocol_version"`
	Language      string            `json:"language"`
	Metadata      map[string]any    `json:"metadata"`
}

func (o Options) kernelspec() kernelspec {
	argv := []string{o.Binary, "kernel", "--connection-file", "{connection_file}"}
	return kernelspec{
		Argv:          append(argv, o.Arguments...),
		DisplayName:   o.Display,
		Env:           map[string]string{},
		InterruptMode: "message", // a signal would not reach a vault under another uid
		Protocol:      "5.5",
		Language:      "go",
		Metadata:      map[string]any{"debugger": false},
	}
}

// files are the names and contents of the spec's directory.
func (o Options) files() (map[string][]byte, error) {
	kernelJSON, err := encode(o.kernelspec())
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{"kernel.json": kernelJSON}
	err = fs.WalkDir(logos, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[path.Base(name)], err = logos.ReadFile(name)
		return err
	})
	return files, err
}

// encode writes JSON as Jupyter does: one space of indent, text as it is.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	err := e.Encode(v)
	return b.Bytes(), err
}
