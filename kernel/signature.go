package kernel

import (
	"cmp"
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

// replayMemory is how many signatures are remembered: at ten messages a second, those of
// five days. Who has overheard a message can send it again when it is forgotten; with the
// 65,536 of jupyter_client that was after an hour of busy cells.
const replayMemory = 1 << 22

// prefix is the beginning of a signature. Two signatures have the same one with a
// probability of 2⁻⁶⁴, and nobody without the key can look for such.
type prefix [8]byte

// replays remembers the latest signatures. Only right ones get in, so that nobody
// without the key can make it forget.
type replays struct {
	room int // how many are remembered, 0 for replayMemory

	mu   sync.Mutex
	seen map[prefix]struct{}
	ring []prefix
	next int
}

func (r *replays) admit(signature [sha256.Size]byte) bool {
	s := prefix(signature[:])
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, again := r.seen[s]; again {
		return false
	}
	if r.seen == nil {
		r.seen = map[prefix]struct{}{}
	}
	room := cmp.Or(r.room, replayMemory)
	if len(r.ring) < room {
		r.ring = append(r.ring, s)
	} else {
		delete(r.seen, r.ring[r.next])
		r.ring[r.next] = s
		r.next = (r.next + 1) % room
	}
	r.seen[s] = struct{}{}
	return true
}
