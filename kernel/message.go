package kernel

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

const protocolVersion = "5.5"

// Bounds of a request, bytes. A cell's code is most of content.
const (
	maxPrefix   = 8   // frames before the delimiter
	maxIdentity = 255 // of each of them, as ZeroMQ has it
	maxHeader   = 16 << 10
	maxMetadata = 1 << 20
	maxContent  = 8 << 20
)

// requestLimits are those of a socket that takes requests.
var requestLimits = limits{frame: maxContent, message: maxContent + maxMetadata + 3*maxHeader, parts: maxPrefix + 6}

const (
	errDelimiter refusal = "a message has no delimiter where one belongs"
	errBuffers   refusal = "a message has extra buffers"
	errMissing   refusal = "a message has too few parts"
	errPartSize  refusal = "a part of a message is longer than allowed"
	errHeader    refusal = "the header is not one JSON object with msg_id, msg_type, session and username"
	errParent    refusal = "the parent header is not one JSON object"
	errMetadata  refusal = "the metadata is not one JSON object"
	errContent   refusal = "the content is not one JSON object"
	errInput     refusal = "a message came on stdin and nobody asked for it"
)

var delimiter = []byte("<IDS|MSG>")

// request is a message from a front end, "The wire protocol" of the Jupyter
// messaging specification:
//
//	identities…            echoed before the reply
//	<IDS|MSG>
//	9f86d081884c7d65…      signature of the four parts below
//	{"msg_id":"1", "msg_type":"kernel_info_request", "session":"a", "username":"b", …}
//	{}                     parent header
//	{}                     metadata
//	{}                     content
type request struct {
	prefix   [][]byte
	header   json.RawMessage // becomes the parent header of whatever answers it
	id       string
	kind     string // msg_type
	subshell string
	metadata object
	content  object

	received time.Time
	from     *peer
}

// parseRequest checks the signature first and everything else after it.
func parseRequest(frames [][]byte, s *signer) (*request, error) {
	at := 0
	for at < len(frames) && at <= maxPrefix && !bytes.Equal(frames[at], delimiter) {
		if len(frames[at]) > maxIdentity {
			return nil, errDelimiter
		}
		at++
	}
	if at == len(frames) || at > maxPrefix {
		return nil, errDelimiter
	}
	r := &request{prefix: frames[:at:at], received: time.Now()}
	rest := frames[at+1:]
	switch {
	case len(rest) < 5:
		return nil, errMissing
	case len(rest) > 5:
		return nil, errBuffers
	}
	if err := s.check(rest[0], rest[1:]); err != nil {
		return nil, err
	}
	return r, r.parseParts(rest[1], rest[2], rest[3], rest[4])
}

func (r *request) parseParts(header, parent, metadata, content []byte) (err error) {
	if len(header) > maxHeader || len(parent) > maxHeader || len(metadata) > maxMetadata || len(content) > maxContent {
		return errPartSize
	}
	if err := r.parseHeader(header); err != nil {
		return err
	}
	if _, err := parseObject(parent); err != nil {
		return errParent
	}
	if r.metadata, err = parseObject(metadata); err != nil {
		return errMetadata
	}
	if r.content, err = parseObject(content); err != nil {
		return errContent
	}
	return nil
}

func (r *request) parseHeader(header []byte) error {
	o, err := parseObject(header)
	if err != nil {
		return errHeader
	}
	r.header = header
	var session, username string
	for _, m := range []struct {
		name string
		to   *string
	}{{"msg_id", &r.id}, {"msg_type", &r.kind}, {"session", &session}, {"username", &username}} {
		if *m.to, err = member(o, m.name, ""); err != nil || !o.has(m.name) {
			return errHeader
		}
	}
	if r.subshell, err = member(o, "subshell_id", ""); err != nil || r.id == "" || r.kind == "" {
		return errHeader
	}
	return nil
}

// header is the message header of what a kernel sends.
type header struct {
	ID       string `json:"msg_id"`
	Type     string `json:"msg_type"`
	Username string `json:"username"`
	Session  string `json:"session"`
	Date     string `json:"date"`
	Version  string `json:"version"`
}

// composer makes the messages of one kernel process.
type composer struct {
	signer  *signer
	session string
	count   atomic.Uint64
}

func newComposer(s *signer) *composer {
	return &composer{signer: s, session: uuid.NewString()}
}

func (c *composer) header(kind string) header {
	return header{
		ID:       c.session + "_" + strconv.FormatUint(c.count.Add(1), 10),
		Type:     kind,
		Username: "weir",
		Session:  c.session,
		Date:     date(time.Now()),
		Version:  protocolVersion,
	}
}

// date is ISO 8601 in UTC.
func date(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000Z") }

type fields map[string]any

// compose makes the frames of a message behind a prefix, which are identities or
// a topic. parent is the header of the request that it belongs to; it,
// metadata and content may be nil.
func (c *composer) compose(prefix [][]byte, h header, parent json.RawMessage, metadata, content fields) ([][]byte, error) {
	if parent == nil {
		parent = json.RawMessage("{}")
	}
	if content == nil {
		content = fields{}
	}
	first, err1 := json.Marshal(h)
	third, err2 := []byte("{}"), error(nil)
	if len(metadata) > 0 {
		third, err2 = json.Marshal(metadata)
	}
	fourth, err3 := json.Marshal(content)
	if errors.Join(err1, err2, err3) != nil {
		return nil, fmt.Errorf("%s cannot be encoded as JSON", h.Type)
	}
	parts := [][]byte{first, parent, third, fourth}
	frames := append(append([][]byte{}, prefix...), delimiter, c.signer.sign(parts))
	return append(frames, parts...), nil
}
