package audit

import (
	"cmp"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// pool is participants that are drawn in secret, of whom it is kept which facts they are
// in. To find that out for others takes a look into every fact.
type pool struct {
	roster
	in   [][]uint64 // by place: the facts that they are in, a bit each
	done int        // facts that have been looked at
}

// poolSize is how many participants are in a pool, or up to twice as many; all, where there
// are fewer.
const poolSize = 1 << 13

func newPool(participants int, seed uint64) *pool {
	var of []int32
	few := bits.Len(uint(participants / poolSize))
	for i := range int32(participants) {
		if few < 2 || mixed(seed^uint64(i))>>(65-few) == 0 {
			of = append(of, i)
		}
	}
	return &pool{roster: newRoster(participants, of), in: make([][]uint64, len(of))}
}

// follow looks at the facts that have come.
func (p *pool) follow(facts []*Set) {
	var places []int32
	for ; p.done < len(facts); p.done++ {
		w, bit := p.done>>6, uint64(1)<<(p.done&63)
		places = p.within(facts[p.done], places[:0])
		for _, k := range places {
			for len(p.in[k]) <= w {
				p.in[k] = append(p.in[k], 0)
			}
			p.in[k][w] |= bit
		}
	}
}

// forget forgets all from a fact on.
func (p *pool) forget(fact int) {
	for ; p.done > fact; p.done-- {
		w, bit := (p.done-1)>>6, uint64(1)<<((p.done-1)&63)
		for _, in := range p.in {
			if w < len(in) {
				in[w] &^= bit
			}
		}
	}
}

// bit is 1 where one of the pool is in a fact.
func (p *pool) bit(place, fact int) uint64 {
	if w := fact >> 6; w < len(p.in[place]) {
		return p.in[place][w] >> (fact & 63) & 1
	}
	return 0
}

// containing is which of the first facts a participant of the pool is in.
func (p *pool) containing(place int32, facts int) (out []int32) {
	for w, x := range p.in[place] {
		for ; x != 0; x &= x - 1 {
			if j := w<<6 + bits.TrailingZeros64(x); j < facts {
				out = append(out, int32(j))
			}
		}
	}
	return out
}

// one is the place of one of the pool who is in a set, or −1.
func (p *pool) one(q *Set) int32 {
	for i := range q.All() {
		if k, is := p.place(i); is {
			return k
		}
	}
	return -1
}

// Behind a sketch stands one of the pool alone, in as many parts: of a vector that is not 0
// at one participant in a hundred or a thousand, it has parts that only one of them is in.
const poolParts = 256

// sampled is the sketch of some of the pool, by their places.
func (b *basis) sampled(places []int32) sketch {
	var sums, at [poolParts]uint64
	for _, k := range places {
		w, part := (*b.lots)[b.pool.of[k]].weight(), k%poolParts
		sums[part] += w
		at[part] += w * uint64(1+k/poolParts)
	}
	out := make(sketch, 0, 2*poolParts)
	for _, x := range append(sums[:], at[:]...) {
		out = append(out, b.modulus.of(x))
	}
	return out
}

// resample sketches the pool anew, for every row.
func (b *basis) resample() {
	facts := make([][]uint32, len(b.of))
	for j := range facts {
		facts[j] = b.sampled(b.pool.within(b.facts[j], nil))
	}
	each(len(b.sketches), func(i int) {
		times := make([]uint32, len(facts))
		for j, column := range b.of {
			times[j] = b.negative(column[i])
		}
		s := b.sketches[i][2*b.parts:]
		clear(s)
		b.subtract(s, times, facts)
	})
}

// solitary is some of the pool at whom a vector is not 0, where a part has but one.
func (b *basis) solitary(s sketch, random *rand.Rand) (out []int32) {
	sums, at := s[2*b.parts:][:poolParts], s[2*b.parts+poolParts:]
	for _, part := range random.Perm(poolParts) {
		if sums[part] == 0 || len(out) == 2 {
			continue
		}
		row := b.times(at[part], b.inverse(sums[part])) // from 1 on
		if k := uint64(row-1)*poolParts + uint64(part); row > 0 && k < uint64(len(b.pool.of)) {
			out = append(out, b.pool.of[k])
		}
	}
	return out
}

// roster is some participants, each at a place.
type roster struct {
	of     []int32  // by place
	places []int32  // of the participants, ascending
	words  []uint64 // a bit for each participant
	before []int32  // by word, the participants before it
}

func newRoster(participants int, of []int32) roster {
	r := roster{of: of, places: make([]int32, len(of)), words: make([]uint64, participants/64+1), before: make([]int32, participants/64+1)}
	for k, p := range of {
		r.places[k] = int32(k)
		r.words[p>>6] |= 1 << (p & 63)
	}
	slices.SortFunc(r.places, func(a, b int32) int { return cmp.Compare(of[a], of[b]) })
	n := 0
	for w, x := range r.words {
		r.before[w] = int32(n)
		n += bits.OnesCount64(x)
	}
	return r
}

// place is that of a participant.
func (r *roster) place(p int32) (place int32, is bool) {
	w, bit := int(p>>6), uint64(1)<<(p&63)
	if w >= len(r.words) || r.words[w]&bit == 0 {
		return 0, false
	}
	return r.places[int(r.before[w])+bits.OnesCount64(r.words[w]&(bit-1))], true
}

// within appends to out the places of those who are in a set.
func (r *roster) within(q *Set, out []int32) []int32 {
	if q.words == nil {
		for _, p := range q.list {
			if k, is := r.place(p); is {
				out = append(out, k)
			}
		}
		return out
	}
	n := len(out)
	out = slices.Grow(out, len(r.of)+1)[:n+len(r.of)+1]
	for k, p := range r.of { // no branch, which could not be foreseen
		out[n] = int32(k)
		if w := int(p >> 6); w < len(q.words) {
			n += int(q.words[w] >> (p & 63) & 1)
		}
	}
	return out[:n]
}
