package guard

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"weir/guard/audit"
)

// History is what has been shown to a workspace, in all of its sessions and of all
// versions of the data, as sets of participants. OpenHistory opens one; guard.New
// takes it. It stays on the side of the data: it holds who is in a set.
//
// It is a file. After the line "weir history 1" come records: the length of the
// payload, the CRC-32C of those 4 bytes and that of the payload, 4 bytes each, least
// significant first, and the payload, which is items one after the other:
//
//	'p' uvarint n, n times 8 bytes  participants, by id; they are numbered from 0 over the whole file
//	'f' uvarint n, n bytes, set     the count of a set is known, or the sum of the variable that is named
//	't' set                         a small set that was hidden
//
// A set is as audit.Set writes it. A record is on the disk before what it tells of
// is shown. Several processes may share a file; each takes its lock, and reads what
// the others wrote before it asks. What a crash left of a record is cut off; any
// other damage is refused.
type History struct {
	mu      sync.Mutex
	file    *os.File
	size    int64 // that has been read
	audit   *audit.History
	number  map[int64]int32 // of each participant of the file, by id
	of      []int32         // the number of each participant of this repository; nil where it is their own
	people  int
	problem error // that ended it
}

const historyMagic = "weir history 1\n"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// OpenHistory opens the history at path, or begins it. ids are those of the
// repository's participants, by their number in it; they are the same in every
// version of the data.
func OpenHistory(path string, ids []int64, p Policy) (*History, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the history of releases cannot be opened: %w; nothing is released without it", err)
	}
	var seed [8]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return nil, err
	}
	h := &History{file: f, number: map[int64]int32{}, audit: audit.NewHistory(audit.HistoryOptions{
		Limit: p.Threshold, Band: p.Audit.Band, Seed: binary.LittleEndian.Uint64(seed[:]),
	})}
	if err := h.locked(func() error { return h.enrol(ids) }); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return h, nil
}

// Close closes the file.
func (h *History) Close() error { return h.file.Close() }

// Stats says what the history has become.
func (h *History) Stats() audit.Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.audit.Stats()
}

// enrol gives the repository's participants their numbers.
func (h *History) enrol(ids []int64) error {
	if h.size == 0 {
		if err := h.write([]byte(historyMagic)); err != nil {
			return err
		}
	}
	var fresh []int64
	for _, id := range ids {
		if _, ok := h.number[id]; !ok {
			h.number[id] = int32(len(h.number))
			fresh = append(fresh, id)
		}
	}
	if len(h.number) != h.people+len(fresh) {
		return errors.New("two participants of the repository have the same id")
	}
	h.of = make([]int32, len(ids))
	own := len(ids) == len(h.number)
	for i, id := range ids {
		h.of[i] = h.number[id]
		own = own && h.of[i] == int32(i)
	}
	if own {
		h.of = nil
	}
	if len(fresh) == 0 {
		return nil
	}
	item := binary.AppendUvarint([]byte{'p'}, uint64(len(fresh)))
	for _, id := range fresh {
		item = binary.LittleEndian.AppendUint64(item, uint64(id))
	}
	h.grow(len(fresh))
	return h.record(item)
}

func (h *History) grow(by int) {
	h.people += by
	h.audit.Grow(h.people)
}

// set is a set of participants of the repository.
func (h *History) set(members []int32) *audit.Set {
	if h.of != nil {
		members = slices.Clone(members)
		for i, p := range members {
			members[i] = h.of[p]
		}
		slices.Sort(members)
	}
	return audit.NewSet(h.people, members)
}

// ask decides on a table and remembers what is shown of it, on the disk. sets makes
// the table's sets, once it is known how many participants there are.
func (h *History) ask(question func() *audit.Question) (*audit.Answer, error) {
	var out *audit.Answer
	err := h.locked(func() error {
		out = h.audit.Ask(question())
		var items []byte
		for _, f := range out.Facts {
			items = binary.AppendUvarint(append(items, 'f'), uint64(len(f.Sum)))
			items = f.Set.Append(append(items, f.Sum...))
		}
		for _, s := range out.Small {
			items = s.Append(append(items, 't'))
		}
		if len(items) == 0 {
			return nil
		}
		return h.record(items)
	})
	return out, err
}

// locked runs f while no other process uses the file, when all of it has been read.
func (h *History) locked(f func() error) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.problem != nil {
		return h.problem
	}
	if err := unix.Flock(int(h.file.Fd()), unix.LOCK_EX); err != nil {
		return fmt.Errorf("the history of releases cannot be locked: %w", err)
	}
	defer unix.Flock(int(h.file.Fd()), unix.LOCK_UN)
	err := h.catchUp()
	if err == nil {
		err = f()
	}
	if err != nil { // it may know of what the file does not
		h.problem = err
	}
	return err
}

// catchUp reads what was written since.
func (h *History) catchUp() error {
	st, err := h.file.Stat()
	if err != nil {
		return err
	}
	if st.Size() < h.size {
		return h.damaged("it has been cut")
	}
	r := io.NewSectionReader(h.file, h.size, st.Size()-h.size)
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if h.size == 0 && len(b) > 0 {
		if !bytes.HasPrefix(b, []byte(historyMagic)) {
			if bytes.HasPrefix([]byte(historyMagic), b) {
				return h.file.Truncate(0)
			}
			return h.damaged("it does not begin as one")
		}
		b, h.size = b[len(historyMagic):], int64(len(historyMagic))
	}
	for len(b) > 0 {
		if len(b) < header || !slices.ContainsFunc(b, func(x byte) bool { return x != 0 }) {
			return h.file.Truncate(h.size)
		}
		length := int64(binary.LittleEndian.Uint32(b))
		if crc32.Checksum(b[:4], castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
			return h.damaged("the length of a record is not as it was written")
		}
		if length > int64(len(b)-header) {
			return h.file.Truncate(h.size)
		}
		n := header + int(length)
		payload := b[header:n]
		if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(b[8:]) {
			return h.damaged("a record is not as it was written")
		}
		if err := h.recall(payload); err != nil {
			return h.damaged(err.Error())
		}
		b, h.size = b[n:], h.size+int64(n)
	}
	return nil
}

func (h *History) damaged(how string) error {
	return fmt.Errorf("the history of releases %s is damaged: %s; keep the file as it is and call the administrator", h.file.Name(), how)
}

var errItem = errors.New("a record that cannot be read")

// recall takes in a record.
func (h *History) recall(b []byte) (err error) {
	var facts []audit.Fact
	var small []*audit.Set
	for len(b) > 0 {
		kind := b[0]
		var s *audit.Set
		switch b = b[1:]; kind {
		case 'p':
			if b, err = h.recallPeople(b); err != nil {
				return err
			}
			continue
		case 'f':
			n, k := binary.Uvarint(b)
			if k <= 0 || n > uint64(len(b)-k) {
				return errItem
			}
			sum := string(b[k : k+int(n)])
			if s, b, err = audit.ReadSet(h.people, b[k+int(n):]); err != nil {
				return err
			}
			facts = append(facts, audit.Fact{Sum: sum, Set: s})
		case 't':
			if s, b, err = audit.ReadSet(h.people, b); err != nil {
				return err
			}
			small = append(small, s)
		default:
			return errItem
		}
	}
	h.audit.Recall(facts, small)
	return nil
}

func (h *History) recallPeople(b []byte) ([]byte, error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k)/8 {
		return nil, errItem
	}
	b = b[k:]
	for range n {
		id := int64(binary.LittleEndian.Uint64(b))
		if _, ok := h.number[id]; ok {
			return nil, errItem
		}
		h.number[id] = int32(len(h.number))
		b = b[8:]
	}
	h.grow(int(n))
	return b, nil
}

const header = 12 // bytes of a record before its payload

// record writes a record.
func (h *History) record(payload []byte) error {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(payload, castagnoli))
	return h.write(append(b, payload...))
}

func (h *History) write(b []byte) error {
	_, err := h.file.Write(b)
	if err == nil {
		err = unix.Fdatasync(int(h.file.Fd()))
	}
	if err != nil {
		return fmt.Errorf("the history of releases cannot be written: %w; nothing is released until it can", errors.Join(err, h.file.Truncate(h.size)))
	}
	h.size += int64(len(b))
	return nil
}
