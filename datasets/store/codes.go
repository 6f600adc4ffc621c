package store

import "math/bits"

// codes finds a concept's index in a dictionary: open addressing, for it is asked
// for every concept of every row.
type codes struct {
	ids   []int32
	at    []int32 // one more than the index, 0 for nothing
	shift int
}

func newCodes(dictionary []int32) codes {
	n := 16
	for n < 2*len(dictionary) {
		n *= 2
	}
	c := codes{make([]int32, n), make([]int32, n), 32 - bits.TrailingZeros(uint(n))}
	for i, id := range dictionary {
		k := c.slot(id)
		for c.at[k] != 0 {
			k = (k + 1) & (n - 1)
		}
		c.ids[k], c.at[k] = id, int32(i)+1
	}
	return c
}

// slot is a place by the concept's multiplicative hash (Knuth 6.4).
func (c *codes) slot(id int32) int { return int(uint32(id) * 2654435769 >> c.shift) }

// of is the index of a concept, -1 when it is not in the dictionary.
func (c *codes) of(id int32) int32 {
	for k := c.slot(id); c.at[k] != 0; k = (k + 1) & (len(c.at) - 1) {
		if c.ids[k] == id {
			return c.at[k] - 1
		}
	}
	return -1
}
