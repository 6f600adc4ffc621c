package kernel

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/go-zeromq/zmq4"
	"golang.org/x/tools/txtar"
)

func TestConversations(t *testing.T) {
	t.Run("here", func(t *testing.T) { conversations(t, scripted{}) })
	t.Run("over a connection", func(t *testing.T) { conversations(t, remotely(t, scripted{})) })
}

func conversations(t *testing.T, x Executor) {
	archive, err := txtar.ParseFile("testdata/conversations.txtar")
	if err != nil {
		t.Fatal(err)
	}
	k, _ := start(t, x, nil)
	c := connect(t, k)
	control := c.dial(k.file.Control, zmq4.Dealer)
	files := archive.Files
	for n := 1; len(files) > 0; n++ {
		sent := strings.Fields(files[0].Name)
		if len(sent) != 3 || sent[0] != "send" {
			t.Fatalf("a conversation begins with %q", files[0].Name)
		}
		end := 1
		for end < len(files) && !strings.HasPrefix(files[end].Name, "send ") {
			end++
		}
		if _, far := x.(*Messenger); far && sent[2] == "complete_request" && strings.Contains(string(files[0].Data), "panic") {
			files = files[end:] // over a connection, what fails to complete proposes nothing
			continue
		}
		on := c.dealer
		if sent[1] == "control" {
			on = control
		}
		c.converse(on, sent[2], files[:end])
		files = files[end:]
	}
}

// converse sends the first of files and checks the rest.
func (c *client) converse(on *zmq4.Conn, kind string, files []txtar.File) {
	c.t.Helper()
	var content fields
	if err := json.Unmarshal(firstObject(files[0].Data), &content); err != nil {
		c.t.Fatalf("%s: %v", files[0].Data, err)
	}
	id, frames := c.compose(kind, content)
	if err := on.SendMsg(zmq4.NewMsgFrom(frames...)); err != nil {
		c.t.Fatal(err)
	}
	published := c.untilIdle(id)
	for _, file := range files[1:] {
		what, kind, _ := strings.Cut(file.Name, " ")
		var got received
		if what == "reply" {
			got = c.receive(on)
		} else if len(published) > 0 {
			got, published = published[0], published[1:]
		}
		if got.kind != kind || got.parent != id || !matches(firstObject(file.Data), got.content) {
			c.t.Errorf("%s\ngot %s %s\nwant %s %s", files[0].Data, got.kind, got.content, file.Name, file.Data)
		}
	}
	for _, m := range published {
		c.t.Errorf("%s\nalso got %s %s", files[0].Data, m.kind, m.content)
	}
}

// firstObject cuts off the prose that may follow a file's JSON.
func firstObject(b []byte) []byte {
	var raw json.RawMessage
	if err := json.NewDecoder(strings.NewReader(string(b))).Decode(&raw); err != nil {
		return b
	}
	return raw
}

// matches compares JSON values; an ellipsis in want stands for any text, and one
// that is a text of its own for any value.
func matches(want []byte, got string) bool {
	var w, g any
	if json.Unmarshal(want, &w) != nil || json.Unmarshal([]byte(got), &g) != nil {
		return false
	}
	if reflect.DeepEqual(w, g) {
		return true
	}
	canonical, _ := json.Marshal(w)
	value, _ := json.Marshal(g)
	pattern := strings.NewReplacer(`"…"`, `[^,]*`, "…", ".*").Replace(regexp.QuoteMeta(string(canonical)))
	return regexp.MustCompile("^" + pattern + "$").Match(value)
}
