package guard

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

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
//	'k' the same                    it follows from those before it, and was shown
//	'h' the same                    that many participants were asked for and hidden
//
// A set is as audit.Set writes it. A record is on the disk before what it tells of
// is shown. Several processes may share a file; each takes its lock, reads what the
// others wrote and keeps the lock until its decision is recorded. What a crash left
// of a record is cut off; any other damage is refused.
//
// Beside it, with the suffix .state, lies what the audit has worked out from its
// first bytes: how many they are, their CRC-32C and the number of participants, 8
// bytes each, and what audit.History.Save wrote. It is made anew where it is missing
// or does not fit.
type History struct {
	mu      sync.Mutex
	file    *os.File
	size    int64  // that has been read
	crc     uint32 // of that
	options audit.HistoryOptions
	audit   *audit.History
	number  map[int64]int32 // of each participant of the file, by id
	of      []int32         // the number of each participant of this repository; nil where it is their own
	people  int
	fresh   int   // facts since the state was saved
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
	seed, err := seedOf(path)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	h := &History{file: f, number: map[int64]int32{}, options: audit.HistoryOptions{
		Limit: p.Threshold, Band: p.Audit.Band, Seed: seed,
	}}
	end, err := h.decide(context.Background())
	if err == nil {
		err = h.do(func() error { return h.enrol(ids) })
		end()
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return h, nil
}

// Close saves the state, where it is worth it, and closes the file.
func (h *History) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var err error
	if h.problem == nil && h.fresh >= worthSaving {
		err = h.save()
	}
	return errors.Join(err, h.file.Close())
}

// worthSaving is how many facts are worked out anew rather than saved.
const worthSaving = 200

// save writes the state.
func (h *History) save() error {
	f, err := os.CreateTemp(filepath.Dir(h.file.Name()), ".state-*")
	if err != nil {
		return fmt.Errorf("the state of the audit cannot be saved: %w", err)
	}
	defer os.Remove(f.Name())
	head := binary.LittleEndian.AppendUint64(nil, uint64(h.size))
	head = binary.LittleEndian.AppendUint64(head, uint64(h.crc))
	head = binary.LittleEndian.AppendUint64(head, uint64(h.people))
	_, err = f.Write(head)
	if err == nil {
		err = h.audit.Save(f)
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), h.file.Name()+".state")
	}
	if err == nil {
		h.fresh = 0
	}
	return err
}

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
	if len(fresh) > 0 {
		item := binary.AppendUvarint([]byte{'p'}, uint64(len(fresh)))
		for _, id := range fresh {
			item = binary.LittleEndian.AppendUint64(item, uint64(id))
		}
		h.people += len(fresh)
		h.audit.Grow(h.people)
		if err := h.record(item); err != nil {
			return err
		}
	}
	return h.enrolAll(len(ids))
}

// enrolAll remembers that it is known how many participants a repository has.
func (h *History) enrolAll(participants int) error {
	all := make([]int32, participants)
	for i := range all {
		all[i] = int32(i)
	}
	everyone := h.set(all)
	if participants == 0 || h.audit.Shown(everyone) {
		return nil
	}
	h.audit.Recall([]audit.Fact{{Set: everyone}})
	return h.record(everyone.Append([]byte{'f', 0}))
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

// shown says which sets have been shown.
func (h *History) shown(sets []*audit.Set) (out []bool) {
	for _, s := range sets {
		out = append(out, h.audit.Shown(s))
	}
	return out
}

// ask decides on a table and remembers what is shown of it, on the disk.
func (h *History) ask(ctx context.Context, question *audit.Question) (*audit.Answer, error) {
	var out *audit.Answer
	var stopped error
	tell, end := progressOf(ctx)
	defer end()
	err := h.do(func() error {
		out, stopped = h.audit.AskContext(ctx, question, tell)
		var items []byte
		for _, f := range out.Facts {
			kind := byte('f')
			switch {
			case f.Hidden:
				kind = 'h'
			case f.Follows:
				kind = 'k'
			}
			items = binary.AppendUvarint(append(items, kind), uint64(len(f.Sum)))
			items = f.Set.Append(append(items, f.Sum...))
		}
		h.fresh += len(out.Facts)
		if len(items) == 0 {
			return nil
		}
		return h.record(items)
	})
	return out, errors.Join(err, stopped)
}

// decide begins a decision: all of the file has been read, and nobody else decides
// until end is called. That is when the decision stands in the ledger, so that there
// decisions have the order in which they were made, and a replay makes them again.
func (h *History) decide(ctx context.Context) (end func(), err error) {
	if h == nil {
		return func() {}, nil
	}
	h.mu.Lock()
	if err := h.lock(ctx); err != nil {
		h.mu.Unlock()
		return nil, err
	}
	end = func() {
		unix.Flock(int(h.file.Fd()), unix.LOCK_UN)
		h.mu.Unlock()
	}
	if err := h.do(h.catchUp); err != nil {
		end()
		return nil, err
	}
	return end, nil
}

// lock waits until no other process has the file, or ctx ends.
func (h *History) lock(ctx context.Context) error {
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		switch err := unix.Flock(int(h.file.Fd()), unix.LOCK_EX|unix.LOCK_NB); err {
		case nil:
			return nil
		case unix.EWOULDBLOCK, unix.EINTR:
		default:
			return fmt.Errorf("the history of releases cannot be locked: %w", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// do runs f, after whose error nothing is asked any more: it may know of what the
// file does not.
func (h *History) do(f func() error) error {
	if h.problem == nil {
		h.problem = errors.New("the history of releases was left in the middle of a question; restart the kernel")
		h.problem = f()
	}
	return h.problem
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
		switch n := len(historyMagic); {
		case bytes.HasPrefix(b, []byte(historyMagic)):
			h.crc = crc32.Checksum(b[:n], castagnoli)
			b, h.size = b[n:], int64(n)
		case bytes.HasPrefix([]byte(historyMagic), b):
			if err := h.file.Truncate(0); err != nil {
				return err
			}
			b = nil
		default:
			return h.damaged("it does not begin as one")
		}
	}
	begin := h.audit == nil
	var all []audit.Fact
	var state *savedState
	if begin {
		state = h.openState()
	}
	for len(b) > 0 {
		if len(b) < header || !slices.ContainsFunc(b, func(x byte) bool { return x != 0 }) {
			if err := h.file.Truncate(h.size); err != nil {
				return err
			}
			break
		}
		length := int64(binary.LittleEndian.Uint32(b))
		if crc32.Checksum(b[:4], castagnoli) != binary.LittleEndian.Uint32(b[4:]) {
			return h.damaged("the length of a record is not as it was written")
		}
		if length > int64(len(b)-header) {
			if err := h.file.Truncate(h.size); err != nil {
				return err
			}
			break
		}
		n := header + int(length)
		payload := b[header:n]
		if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(b[8:]) {
			return h.damaged("a record is not as it was written")
		}
		if err := h.read(payload, &all); err != nil {
			return h.damaged(err.Error())
		}
		h.crc = crc32.Update(h.crc, castagnoli, b[:n])
		b, h.size = b[n:], h.size+int64(n)
		if state != nil && state.size == h.size && state.crc == h.crc && state.people == h.people {
			state.facts, state.fits = len(all), true
		}
	}
	if begin {
		h.begin(&all, state)
	}
	h.audit.Grow(h.people)
	h.audit.Recall(all)
	h.fresh += len(all)
	return nil
}

// savedState is the state, and how much of what is recalled it knows, where it fits.
type savedState struct {
	size   int64
	crc    uint32
	people int
	rest   []byte
	fits   bool
	facts  int
}

func (h *History) openState() *savedState {
	b, err := os.ReadFile(h.file.Name() + ".state")
	if err != nil || len(b) < 24 {
		return nil
	}
	return &savedState{
		size: int64(binary.LittleEndian.Uint64(b)), crc: uint32(binary.LittleEndian.Uint64(b[8:])),
		people: int(binary.LittleEndian.Uint64(b[16:])), rest: b[24:],
	}
}

// begin begins the audit, from the state where there is one that fits; that leaves
// of all what it does not know.
func (h *History) begin(all *[]audit.Fact, state *savedState) {
	if state != nil && state.fits {
		o := h.options
		o.Participants = state.people
		if a, err := audit.Load(o, state.rest, (*all)[:state.facts]); err == nil {
			h.audit, *all = a, (*all)[state.facts:]
			return
		}
	}
	h.audit = audit.NewHistory(h.options)
}

func (h *History) damaged(how string) error {
	return fmt.Errorf("the history of releases %s is damaged: %s; keep the file as it is and call the administrator", h.file.Name(), how)
}

var errItem = errors.New("a record that cannot be read")

// read reads a record.
func (h *History) read(b []byte, to *[]audit.Fact) (err error) {
	for len(b) > 0 {
		kind := b[0]
		var s *audit.Set
		switch b = b[1:]; kind {
		case 'p':
			if b, err = h.readPeople(b); err != nil {
				return err
			}
		case 'f', 'h', 'k':
			n, k := binary.Uvarint(b)
			if k <= 0 || n > uint64(len(b)-k) {
				return errItem
			}
			sum := string(b[k : k+int(n)])
			if s, b, err = audit.ReadSet(h.people, b[k+int(n):]); err != nil {
				return err
			}
			*to = append(*to, audit.Fact{Sum: sum, Set: s, Hidden: kind == 'h', Follows: kind == 'k'})
		default:
			return errItem
		}
	}
	return nil
}

func (h *History) readPeople(b []byte) ([]byte, error) {
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
	h.people += int(n)
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
	h.size, h.crc = h.size+int64(len(b)), crc32.Update(h.crc, castagnoli, b)
	return nil
}
