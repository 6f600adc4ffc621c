package audit

import (
	"math/bits"
	"slices"
)

// Set is a set of participants, who are numbered from 0. It is not changed once
// it is made.
type Set struct {
	of    int // participants in all
	count int
	list  []int32  // ascending; nil where there are words
	words []uint64 // bits; nil where there is a list
}

// sparse is the share of participants, one in so many, below which a list is
// shorter than bits.
const sparse = 32

// NewSet makes a set of members, ascending and distinct, of 0 to participants−1.
// It keeps the slice.
func NewSet(participants int, members []int32) *Set {
	s := &Set{of: participants, count: len(members)}
	if len(members) <= participants/sparse {
		s.list = members
		return s
	}
	s.words = make([]uint64, (participants+63)/64)
	for _, p := range members {
		s.words[p>>6] |= 1 << (p & 63)
	}
	return s
}

// Len is how many participants are in the set.
func (s *Set) Len() int { return s.count }

// Has says whether a participant is in the set.
func (s *Set) Has(participant int32) bool {
	if s.words != nil {
		return s.words[participant>>6]>>(participant&63)&1 == 1
	}
	_, ok := slices.BinarySearch(s.list, participant)
	return ok
}

// Each calls f for each participant, ascending.
func (s *Set) Each(f func(participant int32)) {
	for _, p := range s.list {
		f(p)
	}
	for w, x := range s.words {
		for ; x != 0; x &= x - 1 {
			f(int32(w<<6 + bits.TrailingZeros64(x)))
		}
	}
}

// members is the participants in order.
func (s *Set) members() []int32 {
	if s.words == nil {
		return s.list
	}
	out := make([]int32, 0, s.count)
	s.Each(func(p int32) { out = append(out, p) })
	return out
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
