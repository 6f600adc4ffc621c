package audit

import (
	"math/bits"
	"math/rand/v2"
)

// sketch is a vector over the participants, as its weighed sum in each of so many
// random parts of them, and then as the sum that is weighed by the participants'
// places in their parts as well. The weights are random and secret: a vector that is not
// 0 has a sum that is not, but with a probability of about 2⁻²⁸ where all that it has lie
// in one part; and one of few participants is 0 in all but few parts, in many of which it
// has one.
type sketch []uint32

// weighed is the sketch of a set, before it is taken modulo a prime.
type weighed struct{ sums, places []uint64 }

// sketcher makes sketches. Its parts are a power of 2, and have fewer than 2¹⁷
// participants, so that nothing overflows.
type sketcher struct {
	seed  uint64
	parts int
	lots  *[]lot     // of the first participants, as they have been drawn
	in    *[][]int32 // by part, who is in it
}

// newSketcher tells vectors of up to limit participants from larger ones.
func newSketcher(seed uint64, limit int) sketcher {
	parts := 256
	for parts < 12*limit && parts < 4096 {
		parts *= 2
	}
	in := make([][]int32, parts)
	return sketcher{seed, parts, new([]lot), &in}
}

// lot is a participant's weight, of weightBits, the part that they are in, of partBits, and
// their place in that, from 1 on.
type lot uint64

const (
	weightBits = 29
	partBits   = 12
)

func (l lot) weight() uint64 { return uint64(l & (1<<weightBits - 1)) }
func (l lot) part() int      { return int(l >> weightBits & (1<<partBits - 1)) }
func (l lot) place() uint64  { return uint64(l >> (weightBits + partBits)) }

// draw draws the lots of so many participants (splitmix64, Steele, Lea and Flood 2014).
func (k sketcher) draw(participants int) {
	in := *k.in
	for p := len(*k.lots); p < participants; p++ {
		x := mixed(uint64(p) + k.seed)
		part := x >> (64 - bits.TrailingZeros(uint(k.parts)))
		in[part] = append(in[part], int32(p))
		if len(in[part]) >= 1<<17 {
			panic("a part of the sketch has too many participants")
		}
		*k.lots = append(*k.lots, lot(uint64(len(in[part]))<<(weightBits+partBits)|part<<weightBits|x&(1<<weightBits-1)|1))
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
	out := weighed{make([]uint64, k.parts), make([]uint64, k.parts)}
	lots := *k.lots
	add := func(l lot) {
		w := l.weight()
		out.sums[l.part()] += w
		out.places[l.part()] += w * l.place()
	}
	for _, p := range q.list {
		add(lots[p])
	}
	for w, x := range q.words {
		for ; x != 0; x &= x - 1 {
			add(lots[w<<6+bits.TrailingZeros64(x)])
		}
	}
	return out
}

func (e weighed) modulo(m modulus) sketch {
	n := len(e.sums)
	out := make(sketch, 2*n)
	for b, x := range e.sums {
		out[b], out[n+b] = m.of(x), m.of(e.places[b])
	}
	return out
}

// print identifies a set.
func (e weighed) print() (out uint64) {
	for b, x := range e.sums {
		out += mixed(x+uint64(b)<<48) + mixed(e.places[b]^uint64(b)<<32)
	}
	return out
}

// few says whether a sketch can be that of a multiple of a set of limit participants
// or fewer; of the set itself, where a multiple of 1 is asked for. In a part that has
// one participant, the quotient of the sums says who it is, and so what the vector is
// there; a part of which it says nothing has two or more.
func (k sketcher) few(m modulus, s sketch, limit int, common uint32) bool {
	if k.nonzero(s) > limit {
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
	if p := k.who(m, s, part); p >= 0 {
		return uint32((*k.lots)[p].weight())
	}
	return 0
}

// who is the only participant of a part; −1 where there are more, but with a probability of
// some 2⁻¹⁷.
func (k sketcher) who(m modulus, s sketch, part int) int32 {
	in := (*k.in)[part]
	if place := m.times(s[k.parts+part], m.inverse(s[part])); place > 0 && int(place) <= len(in) {
		return in[place-1]
	}
	return -1
}

// single is some participants at whom a vector may not be 0, where a part has but one.
func (k sketcher) single(m modulus, s sketch, random *rand.Rand) (out []int32) {
	if k.nonzero(s) > k.parts*9/10 {
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
func (k sketcher) nonzero(s sketch) (n int) {
	for _, x := range s[:k.parts] {
		if x != 0 {
			n++
		}
	}
	return n
}
