package audit

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"maps"
	"slices"
)

// Save writes what a history has worked out, so that Load need not work it out
// again: it takes time that grows with the third power of the number of facts. It
// does not write the facts.
//
//	8 bytes  magic
//	uint64s  the participants, the limit, the seed, and the number of spaces; of each space, in
//	         the order of their names: the length of its name, the name, a byte each, the number
//	         of its facts, of its classes and their sizes, the class of each participant; of each
//	         basis: for each row its pivot, its combination of the facts, and its sketch
//	uint32   CRC-32C of all that
//
// Numbers are little-endian.
func (h *History) Save(w io.Writer) error {
	h.settled.Wait()
	sum := crc32.New(castagnoli)
	out := &words{w: bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<20)}
	out.w.WriteString(stateMagic)
	out.put(uint64(h.options.Participants), uint64(h.limit()), h.sketch.seed, uint64(len(h.spaces)))
	for _, name := range slices.Sorted(maps.Keys(h.spaces)) {
		s := h.spaces[name]
		out.put(uint64(len(name)))
		for _, c := range []byte(name) {
			out.put(uint64(c))
		}
		out.put(uint64(len(s.bases[0].facts)), uint64(len(s.classes.sizes)))
		for _, n := range s.classes.sizes {
			out.put(uint64(n))
		}
		for _, c := range s.classes.of {
			out.put(uint64(c))
		}
		for _, b := range s.bases {
			for _, r := range b.rows {
				out.put(uint64(r.pivot))
				for _, x := range r.of {
					out.put(uint64(x))
				}
				for _, x := range r.sketch {
					out.put(uint64(x))
				}
			}
		}
	}
	if err := out.w.Flush(); err != nil {
		return err
	}
	_, err := w.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

const stateMagic = "weiraud1"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type words struct {
	w *bufio.Writer
	b [8]byte
}

func (o *words) put(xs ...uint64) {
	for _, x := range xs {
		binary.LittleEndian.PutUint64(o.b[:], x)
		o.w.Write(o.b[:])
	}
}

var errState = errors.New("the saved state of the audit is not one of this history")

// Load begins a history of the options where Save left one that had been asked the
// same questions: b is what Save wrote, and facts are those that were answered, in
// their order.
func Load(o HistoryOptions, b []byte, facts []Fact) (*History, error) {
	if len(b) < len(stateMagic)+4 || string(b[:len(stateMagic)]) != stateMagic || len(b)%8 != 4 ||
		crc32.Checksum(b[:len(b)-4], castagnoli) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return nil, errState
	}
	in := &reader{b: b[len(stateMagic) : len(b)-4]}
	participants, limit, seed, spaces := in.next(), in.next(), in.next(), in.next()
	if participants != uint64(o.Participants) || limit != uint64(o.Limit+o.Band) || spaces > uint64(len(in.b)) {
		return nil, errState
	}
	o.Seed = seed
	h := NewHistory(o)
	for range spaces {
		if err := h.loadSpace(in, facts); err != nil {
			return nil, err
		}
	}
	if in.failed || len(in.b) > 0 {
		return nil, errState
	}
	for _, f := range facts {
		s := h.spaces[f.Sum]
		if s == nil {
			return nil, errState
		}
		s.shown[h.sketch.of(f.Set).print()] = true
		s.sizes[f.Set.Len()] = append(s.sizes[f.Set.Len()], f.Set)
	}
	return h, nil
}

func (h *History) loadSpace(in *reader, facts []Fact) error {
	var name []byte
	for range in.count(1) {
		name = append(name, byte(in.next()))
	}
	s := h.space(string(name))
	n := int(in.next())
	var sets []*Set
	for _, f := range facts {
		if f.Sum == string(name) {
			sets = append(sets, f.Set)
		}
	}
	if len(sets) != n {
		return errState
	}
	s.classes.sizes = make([]int32, in.count(1))
	for i := range s.classes.sizes {
		s.classes.sizes[i] = int32(in.next())
	}
	for p := range s.classes.of {
		if s.classes.of[p] = int32(in.next()); in.failed || int(s.classes.of[p]) >= len(s.classes.sizes) {
			return errState
		}
	}
	for _, b := range s.bases {
		b.facts = slices.Clone(sets)
		for range n {
			r := &line{pivot: int32(in.next()), of: in.elements(n), sketch: in.elements(2 * h.sketch.parts)}
			if in.failed || r.pivot < 0 || int(r.pivot) >= h.options.Participants {
				return errState
			}
			b.rows = append(b.rows, r)
		}
	}
	return nil
}

// reader reads numbers; once it has failed it reads zeros.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) next() uint64 {
	if len(r.b) < 8 {
		r.failed = true
		return 0
	}
	x := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return x
}

// count reads a number of things that take so many numbers each.
func (r *reader) count(each int) int {
	n := r.next()
	if n > uint64(len(r.b)/8/each) {
		r.failed = true
		return 0
	}
	return int(n)
}

func (r *reader) elements(n int) []element {
	if n > len(r.b)/8 {
		r.failed = true
		return nil
	}
	out := make([]element, n)
	for i := range out {
		out[i] = element(binary.LittleEndian.Uint64(r.b[8*i:]))
	}
	r.b = r.b[8*n:]
	return out
}
