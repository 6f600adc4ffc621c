package kernel

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// marking is a door that marks what has passed it.
type marking struct{}

const mark = "✓"

func (marking) Words(text string) string        { return mark + text }
func (marking) Stream(name, text string) string { return mark + text }

func (marking) Data(d Data) Data {
	out := texts{}
	for kind, text := range d.MIME() {
		out[kind] = mark + text
	}
	return out
}

func (marking) Bar(label string, _ float64, _ time.Duration) Data {
	return texts{"text/plain": mark + label}
}

type behindMarking struct{ scripted }

func (behindMarking) Door() Door { return marking{} }

// Every text of every message that the kernel sends has passed the door, but for the
// description of the language.
func TestEverythingPassesTheDoor(t *testing.T) {
	k, _ := start(t, behindMarking{}, nil)
	c := connect(t, k)
	kinds := map[string]bool{}
	note := func(m received) {
		t.Helper()
		kinds[m.kind] = true
		var content map[string]any
		if err := json.Unmarshal([]byte(m.content), &content); err != nil {
			t.Fatal(err)
		}
		delete(content, "language_info")
		if m.kind == "stream" { // which is one of two
			delete(content, "name")
		}
		unmarked(t, m.kind, content)
	}
	expression := fields{"a": "result 1", "b": "fail Name value"}
	for _, request := range []struct {
		kind    string
		content fields
	}{
		{"kernel_info_request", fields{}},
		{"execute_request", fields{"code": "stdout a\nstderr b\ndisplay text/plain x\nnamed id y\nupdate id z\nwork 12 200ms\npage help\nclear\nresult 1", "user_expressions": expression}},
		{"execute_request", fields{"code": "fail Name value"}},
		{"execute_request", fields{"code": "panic"}},
		{"execute_request", fields{}},
		{"complete_request", fields{"code": "st", "cursor_pos": 2}},
		{"inspect_request", fields{"code": "st", "cursor_pos": 2}},
		{"is_complete_request", fields{"code": "st\\"}},
		{"history_request", fields{"output": true}},
		{"comm_info_request", fields{}},
		{"comm_open", fields{"comm_id": "c"}},
		{"connect_request", fields{}},
		{"debug_request", fields{}},
	} {
		id := c.request(request.kind, request.content)
		for {
			m := c.published()
			if m.parent != id {
				continue
			}
			note(m)
			if strings.Contains(m.content, mark+"idle") {
				break
			}
		}
		if request.kind != "comm_open" {
			note(c.reply())
		}
	}
	for _, kind := range []string{"status", "stream", "display_data", "update_display_data", "execute_result", "execute_input", "error", "clear_output",
		"comm_close", "execute_reply", "complete_reply", "inspect_reply", "is_complete_reply", "history_reply", "kernel_info_reply", "connect_reply", "debug_reply", "comm_info_reply"} {
		if !kinds[kind] {
			t.Errorf("no %s was seen", kind)
		}
	}
}

// unmarked finds texts that have not passed.
func unmarked(t *testing.T, where string, v any) {
	t.Helper()
	switch v := v.(type) {
	case string:
		if !strings.HasPrefix(v, mark) {
			t.Errorf("%s: %q has not passed the door", where, v)
		}
	case []any:
		for _, one := range v {
			unmarked(t, where, one)
		}
	case map[string]any:
		for name, one := range v {
			unmarked(t, where+" "+name, one)
		}
	}
}

// What has no way through the door does not leave.
func TestWhatIsUnknownDoesNotLeave(t *testing.T) {
	captureLog(t)
	k := &kernel{door: openDoor{}}
	for _, v := range []any{struct{ Secret string }{"x"}, map[string]string{"a": "b"}, []byte("x"), 1.5, json.RawMessage(`"x"`)} {
		if got := k.leave(v); got != nil {
			t.Errorf("%T left as %v", v, got)
		}
	}
}
