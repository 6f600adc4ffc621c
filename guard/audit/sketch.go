package audit

import (
	"math/bits"
	"math/rand/v2"
)

// sketch is a vector over the participants, as its weighted sum in each of so many
// random parts of them, and then as the sum that is weighted by the participants'
// numbers as well. The weights are random and secret: a vector that is not 0 has a
// sum that is not, but with a probability of about 2⁻²⁸ where all that it has lie in
// one part; and one of few participants is 0 in all but few parts, in many of which it
// has one.
type sketch []uint32

// weighed is the sketch of a set, before it is taken modulo a prime.
type weighed struct{ sums, high, low []uint64 }

// sketcher makes sketches. Its parts are a power of 2.
type sketcher struct {
	seed  uint64
	parts int
	lots  *[]uint64 // of the first participants, as they have been drawn
}

// newSketcher tells vectors of up to limit participants from larger ones.
func newSketcher(seed uint64, limit int) sketcher {
	parts := 64
	for parts < 12*limit && parts < 4096 {
		parts *= 2
	}
	return sketcher{seed, parts, new([]uint64)}
}

// lot draws a participant's part and weight, of 29 bits (splitmix64, Steele, Lea and Flood 2014).
func (k sketcher) lot(p int32) (part int, weight uint32) {
	x := mixed(uint64(uint32(p)) + k.seed)
	return int(x >> (64 - bits.TrailingZeros(uint(k.parts)))), uint32(x&(1<<29-1)) | 1
}

// draw draws the lots of so many participants.
func (k sketcher) draw(participants int) {
	for p := len(*k.lots); p < participants; p++ {
		part, w := k.lot(int32(p))
		*k.lots = append(*k.lots, uint64(part)<<32|uint64(w))
	}
}

func mixed(x uint64) uint64 {
	x = (x + 1) * 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// of is the sketch of a set of participants whose lots have been drawn.
func (k sketcher) of(q *Set) weighed {
	out := weighed{make([]uint64, k.parts), make([]uint64, k.parts), make([]uint64, k.parts)}
	lots := *k.lots
	mask := uint64(k.parts - 1)
	for p := range q.All() {
		lot := lots[p]
		b, w := lot>>32&mask, lot&(1<<32-1)
		out.sums[b] += w
		low, carry := bits.Add64(out.low[b], w*uint64(p+1), 0)
		out.low[b] = low
		out.high[b] += carry
	}
	return out
}

func (e weighed) modulo(m modulus) sketch {
	n := len(e.sums)
	out := make(sketch, 2*n)
	word := m.plus(m.of(^uint64(0)), 1) // 2⁶⁴
	for b, x := range e.sums {
		out[b] = m.of(x)
		out[n+b] = m.plus(m.times(m.of(e.high[b]), word), m.of(e.low[b]))
	}
	return out
}

// print identifies a set.
func (e weighed) print() (out uint64) {
	for b, x := range e.sums {
		out += mixed(x+uint64(b)<<48) + mixed(e.low[b]^uint64(b)<<32)
	}
	return out
}

// few says whether a sketch can be that of a multiple of a set of limit participants
// or fewer; of the set itself, where a multiple of 1 is asked for. In a part that has
// one participant, the quotient of the sums says who it is, and so what the vector is
// there; a part of which it says nothing has two or more.
func (k sketcher) few(m modulus, s sketch, limit int, common uint32) bool {
	if s.nonzero() > limit {
		return false
	}
	n := 0
	for b, x := range s[:k.parts] {
		if x == 0 {
			if s[k.parts+b] != 0 {
				n += 2
			}
			continue
		}
		n++
		w := k.alone(m, s, b)
		if w == 0 {
			n++
			continue
		}
		if value := m.times(x, m.inverse(w)); common == 0 {
			common = value
		} else if value != common {
			return false
		}
	}
	return n <= limit
}

// alone is the weight of the only participant of a part; 0 where there are more.
func (k sketcher) alone(m modulus, s sketch, part int) uint32 {
	if p := k.who(m, s, part); p >= 0 && int(p) < len(*k.lots) {
		if at, w := k.lot(p); at == part {
			return w
		}
	}
	return 0
}

// who is the only participant of a part, if there is but one.
func (k sketcher) who(m modulus, s sketch, part int) int32 {
	return int32(m.times(s[k.parts+part], m.inverse(s[part]))) - 1
}

// single is some participants at whom a vector may not be 0, where a part has but one.
func (k sketcher) single(m modulus, s sketch, random *rand.Rand) (out []int32) {
	if s.nonzero() > k.parts*9/10 {
		return nil
	}
	for _, part := range random.Perm(k.parts) {
		if s[part] != 0 && len(out) < 2 && k.alone(m, s, part) != 0 {
			out = append(out, k.who(m, s, part))
		}
	}
	return out
}

// nonzero is how many parts are not 0.
func (s sketch) nonzero() (n int) {
	for _, x := range s[:len(s)/2] {
		if x != 0 {
			n++
		}
	}
	return n
}
