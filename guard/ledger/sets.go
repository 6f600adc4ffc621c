package ledger

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Sets keeps the participant sets of what was released, so that an audit goes on
// where it was after a restart. OpenSets, then Each for what is there, Put before a
// release is recorded.
//
// A set says who is in it: the file stays beside the data, nothing prints it, and
// neither a set nor its fingerprint is put into the ledger. Head may be: it shows
// that the file was cut or replaced and says nothing of what is in it.
//
// The file holds integers little endian:
//
//	"weir participant sets 1\n"   24 bytes
//	salt                          32 random bytes
//	and for each set
//	length                        uint32, bytes of its chunks
//	words                         uint32, of 64 participants: participant p is bit p%64 of word p/64
//	fingerprint                   2 × uint64
//	check                         uint32, CRC-32C of the 24 bytes before
//	chunks                        one for each 1,024 words, the last of as many as are left
//	hash                          32 bytes, SHA-256 of the hash before (of the first: the salt) and everything from length to here
//
// A chunk is the shortest of these, as in Roaring bitmaps (Lemire et al. 2016):
//
//	0              nobody
//	1 n p₁ … pₙ    uint16 n and who is in it, ascending
//	3 n p₁ … pₙ    uint16 n and who is not in it, ascending
//	2 w₁ … wₖ      its words
//
// What a crash left of the last set, which nobody was told of, is shorter than its
// length says, and is cut off.
type Sets struct {
	mu     sync.Mutex
	path   string
	file   *os.File
	size   int64
	at     []record // in the order of the file
	index  map[Fingerprint]int
	given  int // sets that Each gave
	salt   [sha256.Size]byte
	broken error
}

// Fingerprint names a set.
type Fingerprint [2]uint64

// Set is a set of participants: participant p is bit p%64 of word p/64.
type Set struct {
	Fingerprint Fingerprint
	Words       []uint64
}

// record is where a set stands.
type record struct {
	print  Fingerprint
	offset int64
	length int // of all of it
	hash   [sha256.Size]byte
}

const (
	setsMagic  = "weir participant sets 1\n"
	setsHead   = len(setsMagic) + sha256.Size
	recordHead = 28
	maxWords   = 1 << 21 // 134 million participants
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// SetsError says that the file is not what Put wrote.
type SetsError struct {
	Path string
	Set  int // counted from 1; 0 for the file
	Msg  string
}

// Error names the file, the set and the remedy.
func (e *SetsError) Error() string {
	where := ""
	if e.Set > 0 {
		where = fmt.Sprintf(", set %d", e.Set)
	}
	return fmt.Sprintf("participant sets %s%s: %s; keep the file as it is and call the administrator", e.Path, where, e.Msg)
}

// OpenSets opens the sets at path, or begins them. What is in the file is checked
// by the first call of Each, Get, Put or Head.
func OpenSets(path string) (*Sets, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, unkept(err)
	}
	s := &Sets{path: path, file: f, index: map[Fingerprint]int{}}
	if err := s.locked(s.begin); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

func unkept(err error) error {
	return fmt.Errorf("the participant sets cannot be kept: %w; nothing is released until they can", err)
}

// begin reads the file's head, or writes it into an empty file.
func (s *Sets) begin() error {
	st, err := s.file.Stat()
	if err != nil {
		return err
	}
	head := make([]byte, setsHead)
	if st.Size() < int64(setsHead) { // nobody was told of a file without its head
		if err := s.file.Truncate(0); err != nil {
			return unkept(err)
		}
		rand.Read(head[copy(head, setsMagic):])
		if err := s.append(head); err != nil {
			return err
		}
		if err := syncDir(filepath.Dir(s.path)); err != nil {
			return unkept(err)
		}
	} else if _, err := s.file.ReadAt(head, 0); err != nil {
		return err
	}
	if string(head[:len(setsMagic)]) != setsMagic {
		return &SetsError{s.path, 0, "this is no file of participant sets"}
	}
	s.size = int64(setsHead)
	copy(s.salt[:], head[len(setsMagic):])
	return nil
}

// Close closes the file.
func (s *Sets) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.file.Close()
}

// Put keeps the sets and returns when they are on the disk. A set that is there
// already is not written again.
func (s *Sets) Put(sets ...Set) error {
	return s.locked(func() error {
		if err := s.catchUp(nil); err != nil {
			return err
		}
		var text []byte
		var added []record
		last, fresh := s.last(), map[Fingerprint]int{}
		for i, set := range sets {
			if there, err := s.has(set); err != nil || there {
				if err != nil {
					return err
				}
				continue
			}
			if j, twice := fresh[set.Fingerprint]; twice {
				if !slices.Equal(sets[j].Words, set.Words) {
					return errTwo
				}
				continue
			}
			fresh[set.Fingerprint] = i
			one, err := set.encode(last)
			if err != nil {
				return err
			}
			r := record{set.Fingerprint, s.size + int64(len(text)), len(one), [32]byte(one[len(one)-sha256.Size:])}
			last, text, added = r.hash, append(text, one...), append(added, r)
		}
		if len(text) == 0 {
			return nil
		}
		if err := s.append(text); err != nil {
			return err
		}
		s.size += int64(len(text))
		for _, r := range added {
			s.add(r)
		}
		return nil
	})
}

var errTwo = errors.New("two sets of participants with one fingerprint: nothing is released")

// has reports whether the set is there.
func (s *Sets) has(set Set) (bool, error) {
	i, ok := s.index[set.Fingerprint]
	if !ok {
		return false, nil
	}
	words, err := s.read(i)
	if err == nil && !slices.Equal(words, set.Words) {
		err = errTwo
	}
	return true, err
}

// append writes to the end of the file and waits for the disk.
func (s *Sets) append(text []byte) error {
	if _, err := s.file.Write(text); err != nil {
		if undo := s.file.Truncate(s.size); undo != nil {
			s.broken = unkept(errors.Join(err, undo))
		}
		return unkept(err)
	}
	if err := unix.Fdatasync(int(s.file.Fd())); err != nil {
		s.broken = unkept(err) // see Ledger.durable
		return s.broken
	}
	return nil
}

// Get is the set with the fingerprint.
func (s *Sets) Get(f Fingerprint) (words []uint64, ok bool, err error) {
	err = s.locked(func() error {
		if err := s.catchUp(nil); err != nil {
			return err
		}
		i, there := s.index[f]
		if !there {
			return nil
		}
		words, err = s.read(i)
		ok = err == nil
		return err
	})
	return words, ok, err
}

// Each gives the sets to f that it did not give before, in the order in which they
// were put by this process or another. f may keep what it is given; it must not
// call a method of s.
func (s *Sets) Each(f func(Set) error) error {
	return s.locked(func() error {
		give := func(set Set) error {
			s.given++
			return f(set)
		}
		for s.given < len(s.at) {
			words, err := s.read(s.given)
			if err != nil {
				return err
			}
			if err := give(Set{s.at[s.given].print, words}); err != nil {
				return err
			}
		}
		return s.catchUp(give)
	})
}

// Head is how many sets there are and the hash of the last.
type Head struct {
	Sets int    `json:"sets"`
	Hash string `json:"hash"`
}

// Head is that of the file as it is.
func (s *Sets) Head() (h Head, err error) {
	err = s.locked(func() error {
		if err := s.catchUp(nil); err != nil {
			return err
		}
		last := s.last()
		h = Head{len(s.at), hex.EncodeToString(last[:])}
		return nil
	})
	return h, err
}

// Check says whether the file grew from what the head describes.
func (s *Sets) Check(h Head) error {
	return s.locked(func() error {
		if err := s.catchUp(nil); err != nil {
			return err
		}
		hash := s.salt
		switch {
		case h.Sets < 0 || h.Sets > len(s.at):
			return &SetsError{s.path, 0, fmt.Sprintf("it has %d sets, and had %d: its end was cut off", len(s.at), h.Sets)}
		case h.Sets > 0:
			hash = s.at[h.Sets-1].hash
		}
		if hex.EncodeToString(hash[:]) != h.Hash {
			return &SetsError{s.path, h.Sets, "it is not the file that the ledger knows"}
		}
		return nil
	})
}

func (s *Sets) last() [sha256.Size]byte {
	if len(s.at) == 0 {
		return s.salt
	}
	return s.at[len(s.at)-1].hash
}

func (s *Sets) locked(f func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.broken != nil {
		return s.broken
	}
	unlock, err := lock(s.file, unix.LOCK_EX)
	if err != nil {
		return err
	}
	defer unlock()
	ours, err := s.file.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(s.path); err != nil || !os.SameFile(ours, there) {
		return &SetsError{s.path, 0, "the file was removed or replaced while it was in use"}
	}
	return f()
}

// catchUp checks the sets behind the last one known and gives them to each.
func (s *Sets) catchUp(each func(Set) error) error {
	st, err := s.file.Stat()
	if err != nil {
		return err
	}
	if st.Size() < s.size {
		return &SetsError{s.path, len(s.at), "the file is shorter than it was"}
	}
	in := bufio.NewReaderSize(io.NewSectionReader(s.file, s.size, st.Size()-s.size), 1<<20)
	left := st.Size() - s.size
	var text []byte
	for left > 0 {
		length, err := s.nextLength(in, left)
		if err != nil {
			return err
		}
		if int64(length) > left {
			return s.file.Truncate(s.size)
		}
		if cap(text) < length {
			text = make([]byte, length)
		}
		text = text[:length]
		if _, err := io.ReadFull(in, text); err != nil {
			return err
		}
		r := record{offset: s.size, length: length, hash: [32]byte(text[length-sha256.Size:])}
		set, err := decodeRecord(s.last(), text, each != nil)
		if err != nil {
			return &SetsError{s.path, len(s.at) + 1, err.Error()}
		}
		r.print = set.Fingerprint
		if _, twice := s.index[r.print]; twice {
			return &SetsError{s.path, len(s.at) + 1, "it is there twice"}
		}
		s.size, left = s.size+int64(length), left-int64(length)
		s.add(r)
		if each != nil {
			if err := each(set); err != nil {
				return err
			}
		}
	}
	return nil
}

// nextLength is how long the next record is, or would be if it were whole.
func (s *Sets) nextLength(in *bufio.Reader, left int64) (int, error) {
	if left < recordHead {
		return recordHead, nil
	}
	head, err := in.Peek(recordHead)
	if err != nil {
		return 0, err
	}
	length, words := binary.LittleEndian.Uint32(head), binary.LittleEndian.Uint32(head[4:])
	if crc32.Checksum(head[:24], castagnoli) != binary.LittleEndian.Uint32(head[24:]) || words > maxWords || int64(length) > longest(int(words)) {
		return 0, &SetsError{s.path, len(s.at) + 1, "its head is damaged"}
	}
	return recordHead + int(length) + sha256.Size, nil
}

// longest is an upper bound of the bytes of so many words' chunks.
func longest(words int) int64 { return int64(words)*8 + int64(words+chunkWords-1)/chunkWords }

func (s *Sets) add(r record) {
	s.index[r.print] = len(s.at)
	s.at = append(s.at, r)
}

// read reads set i again.
func (s *Sets) read(i int) ([]uint64, error) {
	r, before := s.at[i], s.salt
	if i > 0 {
		before = s.at[i-1].hash
	}
	text := make([]byte, r.length)
	if _, err := s.file.ReadAt(text, r.offset); err != nil {
		return nil, &SetsError{s.path, i + 1, "it cannot be read"}
	}
	set, err := decodeRecord(before, text, true)
	if err != nil {
		return nil, &SetsError{s.path, i + 1, err.Error()}
	}
	return set.Words, nil
}

// encode is the record of the set.
func (s Set) encode(before [sha256.Size]byte) ([]byte, error) {
	if len(s.Words) > maxWords {
		return nil, fmt.Errorf("a participant set of %d words: the limit is %d", len(s.Words), maxWords)
	}
	b := make([]byte, recordHead, recordHead+1024)
	for rest := s.Words; len(rest) > 0; {
		n := min(chunkWords, len(rest))
		b, rest = appendChunk(b, rest[:n]), rest[n:]
	}
	binary.LittleEndian.PutUint32(b, uint32(len(b)-recordHead))
	binary.LittleEndian.PutUint32(b[4:], uint32(len(s.Words)))
	binary.LittleEndian.PutUint64(b[8:], s.Fingerprint[0])
	binary.LittleEndian.PutUint64(b[16:], s.Fingerprint[1])
	binary.LittleEndian.PutUint32(b[24:], crc32.Checksum(b[:24], castagnoli))
	h := chained(before, b)
	return append(b, h[:]...), nil
}

func chained(before [sha256.Size]byte, text []byte) (sum [sha256.Size]byte) {
	h := sha256.New()
	h.Write(before[:])
	h.Write(text)
	h.Sum(sum[:0])
	return sum
}

// decodeRecord checks a record; who is in the set is read if it is asked for.
func decodeRecord(before [sha256.Size]byte, b []byte, whole bool) (Set, error) {
	if len(b) < recordHead+sha256.Size {
		return Set{}, errors.New("it is cut off")
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if chained(before, body) != [sha256.Size]byte(sum) {
		return Set{}, errors.New("its hash is not that of what it holds and of the set before")
	}
	s := Set{Fingerprint: Fingerprint{binary.LittleEndian.Uint64(b[8:]), binary.LittleEndian.Uint64(b[16:])}}
	if !whole {
		return s, nil
	}
	words := int(binary.LittleEndian.Uint32(b[4:]))
	if words > maxWords {
		return Set{}, errors.New("it is too long")
	}
	s.Words = make([]uint64, words)
	chunks := body[recordHead:]
	for rest := s.Words; len(rest) > 0; {
		n := min(chunkWords, len(rest))
		var err error
		if chunks, err = readChunk(rest[:n], chunks); err != nil {
			return Set{}, err
		}
		rest = rest[n:]
	}
	if len(chunks) > 0 {
		return Set{}, errors.New("bytes follow its last chunk")
	}
	return s, nil
}
