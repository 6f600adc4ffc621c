package curate

import (
	"crypto/hmac"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Key is the secret from which participants' research ids and shifts of dates
// follow. Whoever has it and a repository can undo both: it stays with whoever
// holds the source. The same key gives a participant the same id and shift in the
// next version of the data, and the same id in both tiers.
//
//	draw(purpose, id) = the first 8 bytes, big endian, of HMAC-SHA256(key, purpose ‖ 0 ‖ id as 8 bytes, big endian)
//	shift             = least + draw("date shift", person_id) mod (most − least + 1)
//	research id       = draw("research id", person_id) mod 2⁶²
type Key []byte

const keyBytes = 32

// NewKey draws a key.
func NewKey() (Key, error) {
	k := make(Key, keyBytes)
	_, err := crand.Read(k)
	return k, err
}

// OpenKey reads a key from a file of 64 hexadecimal digits that only its owner may
// read. It makes the file when there is none.
func OpenKey(path string) (Key, error) {
	st, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return makeKey(path)
	}
	if err != nil {
		return nil, err
	}
	if st.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s: others can read the key: chmod 600 it, or take another if they have", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	k, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(k) != keyBytes || strings.Count(string(k), string(k[:1])) == keyBytes {
		return nil, fmt.Errorf("%s is no key: it holds %d random bytes as hexadecimal digits", path, keyBytes)
	}
	return k, nil
}

func makeKey(path string) (Key, error) {
	k, err := NewKey()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = fmt.Fprintf(f, "%x\n", []byte(k))
	return k, errors.Join(err, f.Sync(), f.Close())
}

func (k Key) draw(purpose string, id int64) uint64 {
	h := hmac.New(sha256.New, k)
	h.Write([]byte(purpose))
	h.Write(binary.BigEndian.AppendUint64([]byte{0}, uint64(id)))
	return binary.BigEndian.Uint64(h.Sum(nil))
}

func (k Key) shift(s *ShiftDates, id int64) uint16 {
	return uint16(s.Least) + uint16(k.draw("date shift", id)%uint64(s.Most-s.Least+1))
}

func (k Key) researchID(id int64) int64 { return int64(k.draw("research id", id) & maxPersonID) }
