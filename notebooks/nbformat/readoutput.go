package nbformat

import (
	"bytes"
	"encoding/json"
	"fmt"
)

func parseOutputs(list []any) ([]*Output, error) {
	var outputs []*Output
	for i, v := range list {
		o, err := parseOutput(membersOf(fmt.Sprintf("output %d", i+1), v))
		if err != nil {
			return nil, err
		}
		outputs = append(outputs, o)
	}
	return outputs, nil
}

func parseOutput(m *members) (*Output, error) {
	o := &Output{Type: m.text("output_type")}
	switch o.Type {
	case Stream:
		o.Name, o.Text = m.text("name"), m.multiline("text")
	case ExecuteResult:
		o.Count = m.count("execution_count")
		o.Data, o.Metadata = m.bundle("data"), m.members("metadata")
	case DisplayData:
		o.Data, o.Metadata = m.bundle("data"), m.members("metadata")
	case Error:
		o.EName, o.EValue = m.text("ename"), m.text("evalue")
		o.Traceback = m.strings("traceback")
	default:
		m.fail("has an output_type other than stream, display_data, execute_result and error")
	}
	o.rest = m.object
	return o, m.fault
}

// bundle takes representations by MIME type.
func (m *members) bundle(name string) map[string]string {
	data := map[string]string{}
	for mime, v := range m.members(name) {
		text, ok := joined(v)
		if isJSON(mime) {
			text, ok = compact(v), true
		}
		if !ok {
			m.fail("has a representation that is neither a string nor a list of strings")
		}
		data[mime] = text
	}
	return data
}

// compact is the JSON text of a decoded value.
func compact(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // what decode has built can always be encoded
	}
	return string(bytes.TrimSuffix(b.Bytes(), []byte("\n")))
}

func (m *members) strings(name string) []string {
	texts := []string{}
	for _, v := range m.list(name) {
		s, ok := v.(string)
		if !ok {
			m.fail("has a %s that is not a list of strings", name)
		}
		texts = append(texts, s)
	}
	return texts
}
