package kernel

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func testSigner() *signer { return &signer{key: []byte(testKey)} }

// wire makes the frames of a request from its four parts, rightly signed.
func wire(header, parent, metadata, content string) [][]byte {
	parts := [][]byte{[]byte(header), []byte(parent), []byte(metadata), []byte(content)}
	return append([][]byte{delimiter, testSigner().sign(parts)}, parts...)
}

const goodHeader = `{"msg_id":"1","msg_type":"execute_request","session":"s","username":"u"}`

func TestParseRequest(t *testing.T) {
	good := wire(goodHeader, `{}`, `{}`, `{"code":"1"}`)
	with := func(i int, frame string) [][]byte {
		f := append([][]byte{}, good...)
		f[i] = []byte(frame)
		return f
	}
	before := func(frames ...string) [][]byte {
		var f [][]byte
		for _, frame := range frames {
			f = append(f, []byte(frame))
		}
		return append(f, good...)
	}
	identity := strings.Repeat("i", 255)
	long := `{"a":"` + strings.Repeat("x", maxHeader) + `"}`
	tests := []struct {
		name   string
		frames [][]byte
		want   error
	}{
		{"good", good, nil},
		{"behind identities", before(identity, "", "b"), nil},
		{"spaces around", wire(goodHeader, ` {}`, "{}\n", ` { } `), nil},
		{"null members", wire(strings.Replace(goodHeader, "}", `,"subshell_id":null,"date":null}`, 1), `{}`, `{}`, `{}`), nil},

		{"nothing", nil, errDelimiter},
		{"no delimiter", good[1:], errDelimiter},
		{"delimiter alone", good[:1], errMissing},
		{"too many identities", before("1", "2", "3", "4", "5", "6", "7", "8", "9"), errDelimiter},
		{"too long an identity", before(identity + "i"), errDelimiter},
		{"no content", good[:5], errMissing},
		{"a buffer", append(good[:6:6], []byte("x")), errBuffers},
		{"no signature", with(1, ""), errSignature},
		{"a short signature", with(1, string(good[1][:62])), errSignature},
		{"another's signature", with(1, strings.Repeat("0", 64)), errSignature},
		{"altered content", with(5, `{"code":"2"}`), errSignature},
		{"header shifted into the parent", [][]byte{delimiter, good[1], []byte(goodHeader + "{}"), nil, good[4], good[5]}, errHeader},
		{"two objects", wire(goodHeader+`{}`, `{}`, `{}`, `{}`), errHeader},
		{"header is an array", wire(`[]`, `{}`, `{}`, `{}`), errHeader},
		{"header empty", wire(``, `{}`, `{}`, `{}`), errHeader},
		{"no msg_id", wire(`{"msg_type":"a","session":"s","username":"u"}`, `{}`, `{}`, `{}`), errHeader},
		{"msg_id in capitals", wire(strings.Replace(goodHeader, "msg_id", "MSG_ID", 1), `{}`, `{}`, `{}`), errHeader},
		{"msg_type a number", wire(strings.Replace(goodHeader, `"execute_request"`, `5`, 1), `{}`, `{}`, `{}`), errHeader},
		{"msg_type twice", wire(strings.Replace(goodHeader, "{", `{"msg_type":"x",`, 1), `{}`, `{}`, `{}`), errHeader},
		{"subshell a number", wire(strings.Replace(goodHeader, "{", `{"subshell_id":1,`, 1), `{}`, `{}`, `{}`), errHeader},
		{"parent null", wire(goodHeader, `null`, `{}`, `{}`), errParent},
		{"metadata a text", wire(goodHeader, `{}`, `"a"`, `{}`), errMetadata},
		{"content unfinished", wire(goodHeader, `{}`, `{}`, `{"a":`), errContent},
		{"content with trailing bytes", wire(goodHeader, `{}`, `{}`, `{}x`), errContent},
		{"content not UTF-8", wire(goodHeader, `{}`, `{}`, "{\"a\":\"\xff\"}"), errContent},
		{"content nested endlessly", wire(goodHeader, `{}`, `{}`, `{"a":`+strings.Repeat("[", 100_000)+`}`), errContent},
		{"a long header", wire(long, `{}`, `{}`, `{}`), errPartSize},
		{"a long parent", wire(goodHeader, long, `{}`, `{}`), errPartSize},
	}
	for _, test := range tests {
		if _, err := parseRequest(test.frames, testSigner()); err != test.want {
			t.Errorf("%s: %v, want %v", test.name, err, test.want)
		}
	}
}

func TestReplay(t *testing.T) {
	s := testSigner()
	frames := wire(goodHeader, `{}`, `{}`, `{}`)
	if _, err := parseRequest(frames, s); err != nil {
		t.Fatal(err)
	}
	again := append([][]byte{[]byte("other identity")}, frames...)
	if _, err := parseRequest(again, s); err != errReplay {
		t.Errorf("again: %v", err)
	}
	frames[1] = bytes.ToUpper(frames[1])
	if _, err := parseRequest(frames, s); err != errReplay {
		t.Errorf("again in capitals: %v", err)
	}
}

// The memory is bounded, and what has no right signature does not get into it.
func TestReplayMemory(t *testing.T) {
	const room = 1 << 16
	s := testSigner()
	s.replays.room = room
	for i := range 2*room + 10 {
		if !s.replays.admit([32]byte{byte(i), byte(i >> 8), byte(i >> 16)}) {
			t.Fatal("admitted once, refused")
		}
	}
	if len(s.replays.seen) != room || len(s.replays.ring) != room {
		t.Errorf("remembers %d in %d", len(s.replays.seen), len(s.replays.ring))
	}
	last := 2*room + 9
	if s.replays.admit([32]byte{byte(last), byte(last >> 8), byte(last >> 16)}) {
		t.Error("the latest was forgotten")
	}
	s = testSigner()
	frames := wire(goodHeader, `{}`, `{}`, `{}`)
	frames[1] = bytes.Repeat([]byte("a"), 64)
	if parseRequest(frames, s); len(s.replays.seen) != 0 {
		t.Error("a wrong signature is remembered")
	}
}

// What was overheard stays refused after as many messages as a day of work has.
func TestReplayAfterManyMessages(t *testing.T) {
	s := testSigner()
	frames := wire(goodHeader, `{}`, `{}`, `{}`)
	if _, err := parseRequest(frames, s); err != nil {
		t.Fatal(err)
	}
	for i := range 500_000 {
		s.replays.admit([32]byte{byte(i), byte(i >> 8), byte(i >> 16)})
	}
	if _, err := parseRequest(frames, s); err != errReplay {
		t.Errorf("again: %v", err)
	}
}

// Whatever is accepted has exactly the parts that encoding/json would read. Frames
// are cut out of the fuzzed bytes at lines, and signed unless the first says not.
func FuzzRequest(f *testing.F) {
	f.Add([]byte("identity\n<IDS|MSG>\n\n" + goodHeader + "\n{}\n{}\n{\"code\":\"1\"}"))
	f.Add([]byte("<IDS|MSG>\n\n" + goodHeader + "{}\n\n{}\n{}"))
	f.Add([]byte("<IDS|MSG>\n<IDS|MSG>\n\n\n\n\n\n\n\n\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		frames := bytes.Split(b, []byte("\n"))
		if n := len(frames); n > 5 && len(frames[n-5]) == 0 {
			frames[n-5] = testSigner().sign(frames[n-4:])
		}
		r, err := parseRequest(frames, testSigner())
		if err != nil {
			return
		}
		if n := len(frames); len(r.prefix) != n-6 || !bytes.Equal(r.header, frames[n-4]) {
			t.Errorf("prefix %d of %d frames", len(r.prefix), n)
		}
		var header struct {
			Kind string `json:"msg_type"`
			ID   string `json:"msg_id"`
		}
		if err := json.Unmarshal(r.header, &header); err != nil {
			t.Errorf("header: %v", err)
		}
		var content map[string]any
		if err := json.Unmarshal(frames[len(frames)-1], &content); err != nil || len(content) != len(r.content) {
			t.Errorf("content: %v, %d members of %d", err, len(r.content), len(content))
		}
		if r.id == "" || r.kind == "" || r.received.IsZero() {
			t.Error("accepted without id, type or time")
		}
		(&request{content: r.content, metadata: r.metadata}).parseCell()
		r.cursor()
	})
}
