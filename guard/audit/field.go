package audit

import "math/bits"

// Derivability is linear algebra over the rationals. It is done modulo the prime
// 2⁶¹−1: a vector that is dependent over the rationals is so modulo the prime, and
// one that is independent is taken for dependent with a probability of about 2⁻⁶¹
// an operation, which hides a cell too many and shows none.
const prime = 1<<61 - 1

// element is a number modulo the prime.
type element uint64

func fromInt(x int64) element {
	x %= prime
	if x < 0 {
		x += prime
	}
	return element(x)
}

func (a element) plus(b element) element {
	s := a + b
	if s >= prime {
		s -= prime
	}
	return s
}

func (a element) minus(b element) element {
	if a >= b {
		return a - b
	}
	return a + prime - b
}

func (a element) negative() element {
	if a == 0 {
		return 0
	}
	return prime - a
}

func (a element) times(b element) element {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	s := element(lo&prime) + element(hi<<3|lo>>61)
	if s >= prime {
		s -= prime
	}
	return s
}

// inverse of a, which is not 0 (Fermat).
func (a element) inverse() element {
	out, power := element(1), a
	for e := uint64(prime - 2); e > 0; e >>= 1 {
		if e&1 == 1 {
			out = out.times(power)
		}
		power = power.times(power)
	}
	return out
}
