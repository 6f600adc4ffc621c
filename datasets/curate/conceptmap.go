package curate

import (
	"math/bits"
	"slices"
)

// conceptMap holds a number for each of some concepts: open addressing, for it is
// asked for every concept of every row. The zero value is empty.
type conceptMap struct {
	keys   []int32
	values []int32 // one more than what was put, so that 0 is nothing
	count  int
	shift  int
}

func (m *conceptMap) slot(id int32) int { return int(uint32(id) * 2654435769 >> m.shift) }

// get is what was put for a concept, -1 when nothing was.
func (m *conceptMap) get(id int32) int32 {
	if m.count == 0 {
		return -1
	}
	for i := m.slot(id); ; i++ {
		i &= len(m.keys) - 1
		if m.values[i] == 0 || m.keys[i] == id {
			return m.values[i] - 1
		}
	}
}

// put keeps the first number that is put for a concept.
func (m *conceptMap) put(id, value int32) {
	if 2*m.count >= len(m.keys) {
		m.grow()
	}
	for i := m.slot(id); ; i++ {
		i &= len(m.keys) - 1
		if m.values[i] == 0 {
			m.keys[i], m.values[i] = id, value+1
			m.count++
			return
		}
		if m.keys[i] == id {
			return
		}
	}
}

func (m *conceptMap) grow() {
	old := *m
	n := max(64, 2*len(old.keys))
	*m = conceptMap{keys: make([]int32, n), values: make([]int32, n), shift: 32 - bits.TrailingZeros(uint(n))}
	for i, v := range old.values {
		if v != 0 {
			m.put(old.keys[i], v-1)
		}
	}
}

// ids are the concepts in ascending order.
func (m *conceptMap) ids() []int32 {
	var out []int32
	for i, v := range m.values {
		if v != 0 {
			out = append(out, m.keys[i])
		}
	}
	slices.Sort(out)
	return out
}
