package audit

import (
	"encoding/binary"
	"errors"
	"iter"
	"math/bits"
)

// Set is a set of participants, who are numbered from 0. It is not changed once
// it is made.
type Set struct {
	of    int // participants in all
	count int
	least int32    // the first member; −1 where there is none
	list  []int32  // ascending; nil where there are words
	words []uint64 // bits; nil where there is a list

	// Where in a long list blocks of 1<<shift participants begin.
	starts []int32
	shift  int
}

// sparse is the share of participants, one in so many, below which a list is
// shorter than bits.
const sparse = 32

// NewSet makes a set of members, ascending and distinct, of 0 to participants−1.
// It keeps the slice.
func NewSet(participants int, members []int32) *Set {
	s := &Set{of: participants, count: len(members), least: -1}
	if len(members) > 0 {
		s.least = members[0]
	}
	if len(members) <= participants/sparse {
		s.list = members
		s.index()
		return s
	}
	s.words = make([]uint64, (participants+63)/64)
	for _, p := range members {
		s.words[p>>6] |= 1 << (p & 63)
	}
	return s
}

// index finds where blocks of about four members begin.
func (s *Set) index() {
	if len(s.list) < 16 {
		return
	}
	for s.of>>s.shift > len(s.list)/4 {
		s.shift++
	}
	s.starts = make([]int32, s.of>>s.shift+2)
	for _, p := range s.list {
		s.starts[p>>s.shift+1]++
	}
	for b := 1; b < len(s.starts); b++ {
		s.starts[b] += s.starts[b-1]
	}
}

// Len is how many participants are in the set.
func (s *Set) Len() int { return s.count }

// Has says whether a participant is in the set.
func (s *Set) Has(participant int32) bool {
	if s.words != nil {
		w := int(participant >> 6)
		return w < len(s.words) && s.words[w]>>(participant&63)&1 == 1
	}
	list := s.list
	if b := int(participant) >> s.shift; s.starts != nil {
		if b+1 >= len(s.starts) {
			return false
		}
		list = list[s.starts[b]:s.starts[b+1]]
	}
	for _, p := range list {
		if p >= participant {
			return p == participant
		}
	}
	return false
}

// Within says whether all of the set are in another.
func (s *Set) Within(t *Set) bool {
	if s.words != nil && t.words != nil {
		for w, x := range s.words {
			if w < len(t.words) {
				x &^= t.words[w]
			}
			if x != 0 {
				return false
			}
		}
		return true
	}
	if s.words == nil && t.words != nil {
		for _, p := range s.list {
			if w := int(p >> 6); w >= len(t.words) || t.words[w]>>(p&63)&1 == 0 {
				return false
			}
		}
		return true
	}
	for p := range s.All() {
		if !t.Has(p) {
			return false
		}
	}
	return true
}

// All is the participants, ascending.
func (s *Set) All() iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for _, p := range s.list {
			if !yield(p) {
				return
			}
		}
		for w, x := range s.words {
			for ; x != 0; x &= x - 1 {
				if !yield(int32(w<<6 + bits.TrailingZeros64(x))) {
					return
				}
			}
		}
	}
}

// pick is the participant at a random place among those of the set.
func (s *Set) pick(random func(n int) int) int32 {
	if s.words == nil {
		return s.list[random(len(s.list))]
	}
	for { // more than one in sparse is a member
		if p := int32(random(s.of)); s.Has(p) {
			return p
		}
	}
}

// Append writes the set behind b, so that ReadSet reads it:
//
//	uvarint  participants in the set
//	byte     0: a list of as many uvarints, each the distance to the one before, less 1
//	         1: a bit for each participant, in uvarint words of 8 bytes, lowest first
func (s *Set) Append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(s.count))
	if s.words == nil {
		b = append(b, 0)
		last := int32(-1)
		for _, p := range s.list {
			b = binary.AppendUvarint(b, uint64(p-last-1))
			last = p
		}
		return b
	}
	b = binary.AppendUvarint(append(b, 1), uint64(len(s.words)))
	for _, w := range s.words {
		b = binary.LittleEndian.AppendUint64(b, w)
	}
	return b
}

var errSet = errors.New("what should be a set of participants is none")

// ReadSet reads a set of 0 to participants−1 from the beginning of b, and returns
// what follows it.
func ReadSet(participants int, b []byte) (*Set, []byte, error) {
	count, n := binary.Uvarint(b)
	if n <= 0 || count > uint64(participants) || len(b) <= n || b[n] > 1 {
		return nil, nil, errSet
	}
	bits, b := b[n] == 1, b[n+1:]
	if bits {
		return readBits(participants, int(count), b)
	}
	if count > uint64(len(b)) {
		return nil, nil, errSet
	}
	members := make([]int32, count)
	next := uint64(0)
	for i := range members {
		d, n := binary.Uvarint(b)
		if n <= 0 || d >= uint64(participants) || next+d >= uint64(participants) {
			return nil, nil, errSet
		}
		members[i] = int32(next + d)
		next, b = next+d+1, b[n:]
	}
	return NewSet(participants, members), b, nil
}

func readBits(participants, count int, b []byte) (*Set, []byte, error) {
	words, n := binary.Uvarint(b)
	if n <= 0 || words > uint64((participants+63)/64) || uint64(len(b)-n)/8 < words {
		return nil, nil, errSet
	}
	s := &Set{of: participants, count: count, least: -1, words: make([]uint64, (participants+63)/64)}
	b = b[n:]
	have := 0
	for i := range words {
		s.words[i] = binary.LittleEndian.Uint64(b[8*i:])
		have += bits.OnesCount64(s.words[i])
		if s.least < 0 && s.words[i] != 0 {
			s.least = int32(i)<<6 + int32(bits.TrailingZeros64(s.words[i]))
		}
	}
	if last := participants & 63; last > 0 && s.words[len(s.words)-1]>>last != 0 || have != count {
		return nil, nil, errSet
	}
	return s, b[8*words:], nil
}
