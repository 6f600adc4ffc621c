package curate

import (
	"errors"
	"math"
)

// maxPersonID is the largest person_id that two fields of 31 bits hold.
const maxPersonID = 1<<62 - 1

var (
	errTwice    = errors.New("stands in an earlier row already")
	errPersonID = errors.New("is negative or larger than 2⁶² − 1")
	errStranger = errors.New("is not in person")
)

// What a person has in place of an index.
const (
	stranger int32 = -1 // is not in person
	tooOld   int32 = -2 // is left out by the limit of age
)

// roll gives each person_id its participant. The zero value has nobody. While person
// is read everybody is expected.
type roll struct {
	open   bool
	first  int64
	dense  []int32 // by person_id from first, where the ids lie close together
	sparse map[int64]int32
}

// newRoll enters ids; index says what each gets.
func newRoll(ids []int64, index func(i int) int32) *roll {
	r := &roll{first: math.MaxInt64}
	last := int64(0)
	for _, id := range ids {
		r.first, last = min(r.first, id), max(last, id)
	}
	if n := last - r.first + 1; len(ids) > 0 && n <= 8*int64(len(ids))+1<<16 {
		r.dense = make([]int32, n)
		for i := range r.dense {
			r.dense[i] = stranger
		}
		for i, id := range ids {
			r.dense[id-r.first] = index(i)
		}
		return r
	}
	r.sparse = make(map[int64]int32, len(ids))
	for i, id := range ids {
		r.sparse[id] = index(i)
	}
	return r
}

func (r *roll) index(id int64) int32 {
	switch {
	case r.open:
		return 0
	case r.dense != nil:
		if at := id - r.first; at >= 0 && at < int64(len(r.dense)) {
			return r.dense[at]
		}
		return stranger
	}
	if i, ok := r.sparse[id]; ok {
		return i
	}
	return stranger
}
