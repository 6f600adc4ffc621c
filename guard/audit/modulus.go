package audit

import "math/bits"

// modulus is a secret prime of 30 bits. What depends over the rationals depends modulo
// any prime; the reverse can fail for a prime that someone knows, who can ask for sets
// of which a determinant is a multiple of it.
type modulus struct {
	p     uint32
	magic uint64 // 2⁶⁴ / p
}

// modulusOf is the first prime from a random number on.
func modulusOf(random uint64) modulus {
	p := uint32(1<<29 | random&(1<<28-1) | 1)
	for !isPrime(p) {
		p += 2
	}
	return modulus{p, ^uint64(0) / uint64(p)}
}

func isPrime(n uint32) bool {
	for d := uint32(3); d*d <= n; d += 2 {
		if n%d == 0 {
			return false
		}
	}
	return n%2 == 1
}

// of is the rest of x (Barrett 1986).
func (m modulus) of(x uint64) uint32 {
	q, _ := bits.Mul64(x, m.magic)
	r := x - q*uint64(m.p)
	if r >= uint64(m.p) {
		r -= uint64(m.p)
	}
	return uint32(r)
}

func (m modulus) plus(a, b uint32) uint32 {
	if a += b; a >= m.p {
		a -= m.p
	}
	return a
}

func (m modulus) negative(a uint32) uint32 {
	if a == 0 {
		return 0
	}
	return m.p - a
}

func (m modulus) times(a, b uint32) uint32 { return m.of(uint64(a) * uint64(b)) }

// inverse of a, which is not 0 (Fermat).
func (m modulus) inverse(a uint32) uint32 {
	out := uint32(1)
	for e := m.p - 2; e > 0; e >>= 1 {
		if e&1 == 1 {
			out = m.times(out, a)
		}
		a = m.times(a, a)
	}
	return out
}

// unreduced is how many products, each below 2⁶⁰, can be added to a word of one.
const unreduced = 15

// subtract takes f[u] times v[u] from a, for every u. A vector may be shorter than a.
func (m modulus) subtract(a, f []uint32, v [][]uint32) {
	var sums [512]uint64
	for from := 0; from < len(a); from += len(sums) {
		part := a[from:min(from+len(sums), len(a))]
		for i, x := range part {
			sums[i] = uint64(x)
		}
		added := 0
		for u, x := range f {
			if x == 0 || len(v[u]) <= from {
				continue
			}
			if added++; added == unreduced {
				for i := range part {
					sums[i] = uint64(m.of(sums[i]))
				}
				added = 1
			}
			y := uint64(m.p - x)
			w := v[u][from:min(from+len(part), len(v[u]))]
			sum := sums[:len(w)]
			for i, z := range w {
				sum[i] += y * uint64(z)
			}
		}
		for i := range part {
			part[i] = m.of(sums[i])
		}
	}
}

// total adds up vectors at the places of, into sums.
func total[V ~[]uint32](sums []uint64, v []V, of []int32) {
	clear(sums)
	for len(of) >= 4 { // four fit into 32 bits
		a, b, c, d := v[of[0]][:len(sums)], v[of[1]][:len(sums)], v[of[2]][:len(sums)], v[of[3]][:len(sums)]
		for i := range sums {
			sums[i] += uint64(a[i] + b[i] + c[i] + d[i])
		}
		of = of[4:]
	}
	for _, k := range of {
		for i, x := range v[k][:len(sums)] {
			sums[i] += uint64(x)
		}
	}
}
