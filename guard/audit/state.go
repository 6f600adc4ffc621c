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
//	uint32s  the participants, the limit, the seed (two), and the number of spaces; of each space, in
//	         the order of their names: the length of its name, the name, a byte each, the number
//	         of its facts, of its classes and their sizes, the class of each participant; of each
//	         basis: the pivots of its rows, for each fact its share in each row, and for each row
//	         its sketch
//	uint32   CRC-32C of all that
//
// Numbers are little-endian.
func (h *History) Save(w io.Writer) error {
	h.settled.Wait()
	sum := crc32.New(castagnoli)
	out := &words{w: bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<20)}
	out.w.WriteString(stateMagic)
	out.put(uint32(h.options.Participants), uint32(h.limit()), uint32(h.sketch.seed), uint32(h.sketch.seed>>32), uint32(len(h.spaces)))
	for _, name := range slices.Sorted(maps.Keys(h.spaces)) {
		s := h.spaces[name]
		out.put(uint32(len(name)))
		for _, c := range []byte(name) {
			out.put(uint32(c))
		}
		out.put(uint32(len(s.bases[0].facts)))
		out.signed(int32(len(s.classes.sizes)))
		out.signed(s.classes.sizes...)
		out.signed(s.classes.of...)
		for _, b := range s.bases {
			out.signed(b.pivots.of...)
			for _, column := range b.of {
				out.put(column...)
			}
			for _, k := range b.sketches {
				out.put(k...)
			}
		}
	}
	if err := out.w.Flush(); err != nil {
		return err
	}
	_, err := w.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

const stateMagic = "weiraud4"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

type words struct {
	w *bufio.Writer
	b [4]byte
}

func (o *words) put(xs ...uint32) {
	for _, x := range xs {
		binary.LittleEndian.PutUint32(o.b[:], x)
		o.w.Write(o.b[:])
	}
}

func (o *words) signed(xs ...int32) {
	for _, x := range xs {
		o.put(uint32(x))
	}
}

var errState = errors.New("the saved state of the audit is not one of this history")

// Load begins a history of the options where Save left one that had been asked the
// same questions: b is what Save wrote, and facts are those that were answered, in
// their order.
func Load(o HistoryOptions, b []byte, facts []Fact) (*History, error) {
	if len(b) < len(stateMagic)+4 || string(b[:len(stateMagic)]) != stateMagic || len(b)%4 != 0 ||
		crc32.Checksum(b[:len(b)-4], castagnoli) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return nil, errState
	}
	in := &reader{b: b[len(stateMagic) : len(b)-4]}
	participants, limit, low, high, spaces := in.next(), in.next(), in.next(), in.next(), in.next()
	if int(participants) != o.Participants || int64(limit) != o.Limit+o.Band || int(spaces) > len(in.b) {
		return nil, errState
	}
	o.Seed = uint64(high)<<32 | uint64(low)
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
		if f.Hidden {
			h.targets.add(f.Set, h.sketch)
		} else if h.spaces[f.Sum] == nil {
			return nil, errState
		}
	}
	return h, nil
}

func (h *History) loadSpace(in *reader, facts []Fact) error {
	var name []byte
	for range in.next() {
		name = append(name, byte(in.next()))
		if in.failed {
			return errState
		}
	}
	s := h.space(string(name))
	n := int(in.next())
	var sets []*Set
	for _, f := range facts {
		if f.Sum != string(name) || f.Hidden {
			continue
		}
		s.sizes[f.Set.Len()] = append(s.sizes[f.Set.Len()], f.Set)
		if f.Follows {
			s.follows = append(s.follows, f.Set)
		} else {
			sets = append(sets, f.Set)
		}
	}
	if len(sets) != n {
		return errState
	}
	s.classes.sizes = in.signed(int(in.next()))
	s.classes.of = in.signed(h.options.Participants)
	for _, k := range s.classes.of {
		if k < 0 || int(k) >= len(s.classes.sizes) {
			return errState
		}
	}
	for _, b := range s.bases {
		b.facts = slices.Clone(sets)
		pivots := in.signed(n)
		for _, p := range pivots {
			if p < 0 || int(p) >= h.options.Participants {
				return errState
			}
		}
		b.pivots = newRoster(h.options.Participants, pivots)
		for range n {
			b.of = append(b.of, in.some(n))
		}
		for range n {
			b.sketches = append(b.sketches, in.some(2*(h.sketch.parts+poolParts)))
		}
		if in.failed {
			return errState
		}
		for z := range b.front {
			for _, k := range b.sketches {
				b.front[z] = append(b.front[z], b.coarsened(k, z))
			}
		}
	}
	return nil
}

// reader reads numbers; once it has failed it reads zeros and nothing.
type reader struct {
	b      []byte
	failed bool
}

func (r *reader) next() uint32 {
	if len(r.b) < 4 {
		r.failed = true
		return 0
	}
	x := binary.LittleEndian.Uint32(r.b)
	r.b = r.b[4:]
	return x
}

func (r *reader) some(n int) []uint32 {
	if n > len(r.b)/4 {
		r.failed, n = true, 0
	}
	out := make([]uint32, n)
	for i := range out {
		out[i] = r.next()
	}
	return out
}

func (r *reader) signed(n int) []int32 {
	xs := r.some(n)
	out := make([]int32, len(xs))
	for i, x := range xs {
		out[i] = int32(x)
	}
	return out
}
