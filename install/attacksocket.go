package install

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	octets "encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// webSocket is as much of RFC 6455 as an attacker needs: whole text frames.
type webSocket struct {
	net.Conn
	in *bufio.Reader
}

func (a *attacker) dial(ctx context.Context, path string) (*webSocket, error) {
	u, err := url.Parse(a.URL + path)
	if err != nil {
		return nil, err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", u.Host)
	if err != nil {
		return nil, err
	}
	if u.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: u.Hostname()})
	}
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	key := make([]byte, 16)
	rand.Read(key)
	req := &http.Request{Method: "GET", URL: u, Host: u.Host, Header: http.Header{
		"Upgrade": {"websocket"}, "Connection": {"Upgrade"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {base64.StdEncoding.EncodeToString(key)}, "Authorization": {"token " + a.Token},
	}}
	in := bufio.NewReader(conn)
	if err := req.Write(conn); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	r, err := http.ReadResponse(in, req)
	if err != nil || r.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.Join(err, errors.New("the server does not open a WebSocket"), conn.Close())
	}
	return &webSocket{conn, in}, nil
}

// write sends one masked text frame (RFC 6455, 5.2).
func (w *webSocket) write(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	frame := octets.BigEndian.AppendUint16([]byte{0x81, 0x80 | 126}, uint16(len(text)))
	frame = append(frame, 0, 0, 0, 0) // a mask of zeros changes nothing
	_, err = w.Write(append(frame, text...))
	return err
}

// read returns the text of the next frame.
func (w *webSocket) read() ([]byte, error) {
	head := make([]byte, 2)
	if _, err := io.ReadFull(w.in, head); err != nil {
		return nil, err
	}
	length := uint64(head[1] & 0x7f)
	if extended := map[uint64]int{126: 2, 127: 8}[length]; extended > 0 {
		b := make([]byte, 8)
		if _, err := io.ReadFull(w.in, b[8-extended:]); err != nil {
			return nil, err
		}
		length = octets.BigEndian.Uint64(b)
	}
	if length > 64<<20 {
		return nil, errors.New("a frame that is too long")
	}
	text := make([]byte, length)
	_, err := io.ReadFull(w.in, text)
	return text, err
}

// socket asks a kernel what a browser must not, then something that it may, whose
// answer shows that the first was not answered.
func (a *attacker) socket(ctx context.Context, kernel string) {
	const path = "WebSocket: debug_request, comm_open"
	w, err := a.dial(ctx, "/api/kernels/"+kernel+"/channels?session_id="+a.mark)
	if err != nil {
		a.add(path, Open, "not tried: %v", err)
		return
	}
	defer w.Close()
	for _, m := range [][2]string{{"control", "debug_request"}, {"shell", "comm_open"}, {"shell", "is_complete_request"}} {
		content := map[string]any{"code": "1", "type": "request", "seq": 1, "command": "debugInfo", "arguments": map[string]any{}, "comm_id": a.mark, "target_name": "x", "data": map[string]any{}}
		if m[1] == "is_complete_request" {
			content = map[string]any{"code": "1"}
		}
		err = errors.Join(err, w.write(map[string]any{"channel": m[0], "parent_header": map[string]any{}, "metadata": map[string]any{}, "content": content,
			"header": map[string]any{"msg_id": a.mark + m[1], "msg_type": m[1], "session": a.mark, "username": "", "version": "5.3", "date": time.Now().UTC().Format(time.RFC3339)}}))
	}
	for err == nil {
		var text []byte
		if text, err = w.read(); err != nil {
			break
		}
		switch s := string(text); {
		case strings.Contains(s, `"msg_id": "`+a.mark+"debug_request"), strings.Contains(s, `"msg_id": "`+a.mark+"comm_open"):
			a.add(path, Open, "the server passes them on")
			return
		case strings.Contains(s, `"is_complete_reply"`):
			a.add(path, Enforced, "the server does not pass them on")
			return
		}
	}
	a.add(path, Open, "not tried: %v", err)
}
