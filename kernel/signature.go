package kernel

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"sync"
)

const (
	errSignature refusal = "the signature is wrong"
	errReplay    refusal = "the signature has been seen before"
)

// signer signs and checks messages: HMAC-SHA256 in hexadecimal over the four
// serialised parts, one after the other. The parts' boundaries are not signed;
// that each must be one JSON object fixes them.
type signer struct {
	key []byte
	replays
}

func (s *signer) sum(parts [][]byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	for _, p := range parts {
		mac.Write(p)
	}
	return mac.Sum(nil)
}

func (s *signer) sign(parts [][]byte) []byte {
	return hex.AppendEncode(nil, s.sum(parts))
}

// check accepts a right signature once.
func (s *signer) check(signature []byte, parts [][]byte) error {
	// Decoded, so that a signature in capitals is not another one.
	got, err := hex.DecodeString(string(signature))
	if err != nil || !hmac.Equal(got, s.sum(parts)) {
		return errSignature
	}
	if !s.replays.admit([sha256.Size]byte(got)) {
		return errReplay
	}
	return nil
}

// replayMemory is how many signatures are remembered, as many as jupyter_client
// does.
const replayMemory = 1 << 16

// replays remembers the latest signatures. Only right ones get in, so that nobody
// without the key can make it forget.
type replays struct {
	mu   sync.Mutex
	seen map[[sha256.Size]byte]struct{}
	ring [][sha256.Size]byte
	next int
}

func (r *replays) admit(s [sha256.Size]byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, again := r.seen[s]; again {
		return false
	}
	if r.seen == nil {
		r.seen = map[[sha256.Size]byte]struct{}{}
	}
	if len(r.ring) < replayMemory {
		r.ring = append(r.ring, s)
	} else {
		delete(r.seen, r.ring[r.next])
		r.ring[r.next] = s
		r.next = (r.next + 1) % replayMemory
	}
	r.seen[s] = struct{}{}
	return true
}
