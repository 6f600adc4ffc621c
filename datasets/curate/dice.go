package curate

import (
	"math"
	"math/rand/v2"
)

// dice are a participant's random numbers. They depend on the seed, the stream
// and the participant's number alone, so that participants can be made in any
// order, by any number of goroutines.
type dice struct {
	pcg rand.PCG
	*rand.Rand
}

// stream sets apart what is drawn for one purpose from what is drawn for another.
type stream uint64

const (
	homeStream  stream = iota + 1 // where participants live
	lifeStream                    // all else of them
	rareStream                    // who has a rare condition
	orderStream                   // the permutation of participants
)

func newDice() *dice {
	d := new(dice)
	d.Rand = rand.New(&d.pcg)
	return d
}

func (d *dice) begin(seed uint64, s stream, number int) {
	d.pcg.Seed(mix(seed^mix(uint64(s))), mix(uint64(number)))
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func (d *dice) chance(p float64) bool { return d.Float64() < p }

// normal is a normal number, cut off at three standard deviations.
func (d *dice) normal(mean, sd float64) float64 {
	return mean + sd*max(-3, min(3, d.NormFloat64()))
}

// days is exponential with that mean, in whole days, at least 1.
func (d *dice) days(mean float64) int32 { return 1 + int32(d.ExpFloat64()*mean) }

// between is a day from the first to the last.
func (d *dice) between(first, last int32) int32 {
	if last <= first {
		return first
	}
	return first + d.Int32N(last-first+1)
}

// poisson counts events of which mean are expected.
func (d *dice) poisson(mean float64) int {
	limit, product, n := math.Exp(-mean), d.Float64(), 0
	for product > limit {
		product *= d.Float64()
		n++
	}
	return n
}

// shares are things to draw from by weight.
type shares[T any] struct {
	things []T
	upTo   []float64
}

func (s *shares[T]) add(thing T, weight float64) {
	total := weight
	if n := len(s.upTo); n > 0 {
		total += s.upTo[n-1]
	}
	s.things, s.upTo = append(s.things, thing), append(s.upTo, total)
}

func (s *shares[T]) draw(d *dice) T { return s.at(d.Float64()) }

// at is the thing at a fraction from 0 to 1 of the weights.
func (s *shares[T]) at(fraction float64) T {
	x := fraction * s.upTo[len(s.upTo)-1]
	for i, u := range s.upTo {
		if x < u {
			return s.things[i]
		}
	}
	return s.things[len(s.things)-1]
}

// share is a concept and its weight among others.
type share struct {
	id     int32
	weight float64
}

func weighted(list ...share) (s shares[int32]) {
	for _, x := range list {
		s.add(x.id, x.weight)
	}
	return s
}

// byRank draws from a list in which the k-th is drawn with weight 1/(k+3),
// counted from 1.
func byRank(list []int32) (s shares[int32]) {
	for k, id := range list {
		s.add(id, 1/float64(k+4))
	}
	return s
}

// round rounds to a number of decimals: what is measured has no more, and the
// last bits of exp and log are not the same on every processor.
func round(x float64, decimals int) float64 {
	scale := [...]float64{1, 10, 100}[decimals]
	return math.Round(x*scale) / scale
}
