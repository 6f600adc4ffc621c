package kernel

import "encoding/binary"

// Octets of ZMTP 3.0, https://rfc.zeromq.org/spec/23: a greeting of fixed length,
// then frames, each a flags octet, the body's length in one octet or, with the
// long flag, in eight (network order), and the body. A message is a run of frames
// whose last one has no more flag.
//
//	01 05 'h' 'e' 'l' 'l' 'o'            five octets, more frames follow
//	02 00 00 00 00 00 00 01 00 …         256 octets, the message's last frame
//	04 26 05 'R' 'E' 'A' 'D' 'Y' …       a command, 38 octets
const (
	greetingLength = 64

	flagMore    = 1
	flagLong    = 2
	flagCommand = 4
)

// readyLimit bounds READY, the one command of the handshake: a socket type and
// an identity of at most 255 octets.
const readyLimit = 4096

const (
	errFrameSize   refusal = "a frame is longer than allowed"
	errMessageSize refusal = "a message is longer than allowed"
	errParts       refusal = "a message has more frames than allowed"
	errFlags       refusal = "a frame has flags that ZMTP 3.0 does not define"
	errNoReady     refusal = "the handshake does not begin with a command"
	errCommand     refusal = "a command stands among messages"
)

// limits bound what one peer may send in one message.
type limits struct {
	frame   uint64 // octets
	message uint64 // octets, all frames
	parts   int
}

// framing follows the octets that a peer sends and refuses a frame by its header,
// before anybody allocates the length that it claims. zmq4 believes it.
type framing struct {
	limits   limits
	greeting int // octets of the greeting that have passed
	ready    bool

	header  [9]byte
	have    int    // octets of header that have passed
	body    uint64 // octets of the body still to come
	more    bool   // the frame's more flag
	parts   int    // frames of the message so far
	message uint64 // octets of the message so far

	messages uint64 // that are complete
}

// between reports whether the next octet begins a message.
func (f *framing) between() bool {
	return f.have == 0 && f.body == 0 && f.parts == 0
}

// follow takes the next octets. After an error the connection is of no use.
func (f *framing) follow(p []byte) error {
	n := min(greetingLength-f.greeting, len(p))
	f.greeting += n
	for p = p[n:]; len(p) > 0; {
		if f.body > 0 {
			n := min(f.body, uint64(len(p)))
			p, f.body = p[n:], f.body-n
			if f.body == 0 {
				f.end()
			}
			continue
		}
		f.header[f.have] = p[0]
		f.have++
		p = p[1:]
		if f.have < f.headerLength() {
			continue
		}
		if err := f.begin(); err != nil {
			return err
		}
		if f.body == 0 {
			f.end()
		}
	}
	return nil
}

func (f *framing) headerLength() int {
	if f.header[0]&flagLong != 0 {
		return 9
	}
	return 2
}

// begin judges a frame by its complete header.
func (f *framing) begin() error {
	flags, size := f.header[0], uint64(f.header[1])
	if f.have == 9 {
		size = binary.BigEndian.Uint64(f.header[1:])
	}
	f.have, f.body = 0, size
	f.more = flags&flagMore != 0
	f.parts++
	command := flags&flagCommand != 0
	switch {
	case flags > flagMore|flagLong|flagCommand, command && f.more:
		return errFlags
	case !f.ready && !command:
		return errNoReady
	// With the NULL mechanism no other command is defined, and zmq4 would
	// answer a PING from the reading goroutine, into the midst of a message.
	case f.ready && command:
		return errCommand
	case !f.ready && size > readyLimit, size > f.limits.frame && f.ready:
		return errFrameSize
	case f.parts > f.limits.parts:
		return errParts
	case f.ready && size > f.limits.message-f.message:
		return errMessageSize
	}
	if f.ready {
		f.message += size
	}
	return nil
}

// end closes a frame whose body is complete.
func (f *framing) end() {
	f.ready = true // the first frame was the handshake's command
	if !f.more {
		f.parts, f.message = 0, 0
		f.messages++
	}
}
