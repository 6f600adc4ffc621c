package audit

import "math"

// interval is what an attacker can know of a hidden cell by looking at one equation
// after the other: it holds every value that the cell has in a consistent table,
// and perhaps more.
type interval struct{ low, high int64 }

const unbounded = math.MaxInt64 / 4

// propagate narrows the intervals of the hidden cells, equation by equation, until
// nothing changes or the work is done (at most rounds times each equation).
func (u *suppression) propagate(rounds int) []interval {
	out := make([]interval, len(u.Count))
	var queue []int32
	queued := make([]bool, len(u.unknowns))
	push := func(e int32) {
		if !queued[e] && u.unknowns[e] > 0 {
			queued[e] = true
			queue = append(queue, e)
		}
	}
	for c := range out {
		out[c] = interval{u.Count[c], u.Count[c]}
		if u.hidden[c] {
			out[c] = interval{u.Least[c], unbounded}
		}
	}
	for e := range u.unknowns {
		push(int32(e))
	}
	for work := rounds * len(queue); len(queue) > 0 && work > 0; work-- {
		e := queue[0]
		queue = queue[1:]
		queued[e] = false
		u.narrow(e, out, func(c int32) {
			eqs, _ := u.of(c)
			for _, f := range eqs {
				if f != e {
					push(f)
				}
			}
		})
	}
	return out
}

// narrow applies one equation: each hidden cell is what the others leave.
func (u *suppression) narrow(e int32, of []interval, changed func(c int32)) {
	cells, coefs := u.terms(e)
	// the range of the sum, with the terms that are unbounded counted apart
	var low, high int64
	lowOpen, highOpen := 0, 0
	for i, c := range cells {
		a, b, open := scaled(of[c], int64(coefs[i]))
		if open && a <= -unbounded {
			lowOpen++
		} else {
			low += a
		}
		if open && b >= unbounded {
			highOpen++
		} else {
			high += b
		}
	}
	for i, c := range cells {
		if !u.hidden[c] {
			continue
		}
		k := int64(coefs[i])
		a, b, open := scaled(of[c], k)
		// k·x = −(the others), which lie in [low−a, high−b] where they are bounded
		next := of[c]
		if lo := lowOpen; !(open && a <= -unbounded) && lo == 0 || open && a <= -unbounded && lo == 1 {
			rest := low
			if !(open && a <= -unbounded) {
				rest -= a
			}
			// k·x <= −rest
			if k > 0 {
				next.high = min(next.high, floorDiv(-rest, k))
			} else {
				next.low = max(next.low, ceilDiv(-rest, k))
			}
		}
		if hi := highOpen; !(open && b >= unbounded) && hi == 0 || open && b >= unbounded && hi == 1 {
			rest := high
			if !(open && b >= unbounded) {
				rest -= b
			}
			// k·x >= −rest
			if k > 0 {
				next.low = max(next.low, ceilDiv(-rest, k))
			} else {
				next.high = min(next.high, floorDiv(-rest, k))
			}
		}
		if next != of[c] {
			of[c] = next
			changed(c)
			// the sums above are still bounds, only wider than they could be
		}
	}
}

// scaled is k times an interval; open says that an end is without bound.
func scaled(v interval, k int64) (low, high int64, open bool) {
	end := func(x int64) int64 {
		if x >= unbounded {
			if k > 0 {
				return unbounded
			}
			return -unbounded
		}
		return k * x
	}
	low, high = end(v.low), end(v.high)
	if k < 0 {
		low, high = high, low
	}
	return low, high, v.high >= unbounded
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}

func ceilDiv(a, b int64) int64 { return -floorDiv(-a, b) }
