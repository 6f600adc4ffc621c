package audit

import (
	"cmp"
	"slices"
)

// targets are the small sets that have been asked for, whose counts must never follow. Of
// a set it is known which lines it would be the sum of, those at whose pivots it is,
// however many they are. So each is tested, and unions of several that were asked for
// together.
type targets struct {
	sets    []*Set
	weights []uint64 // by set, of all its participants
	known   map[uint64]int32

	// By participant, in which sets they are: a chain of entries, 0 at its end.
	head []int32
	next []int32
	in   []int32
}

func newTargets() *targets {
	return &targets{known: map[uint64]int32{}, next: []int32{0}, in: []int32{0}}
}

// add adds a set, and says which number it has and whether it is new.
func (t *targets) add(s *Set, k sketcher) (number int32, fresh bool) {
	print, weight := uint64(s.Len()), uint64(0)
	for p := range s.All() {
		print = mixed(print ^ uint64(p)<<20 ^ k.seed)
		weight += (*k.lots)[p].weight()
	}
	if n, ok := t.known[print]; ok {
		return n, false
	}
	number = int32(len(t.sets))
	t.known[print] = number
	t.sets, t.weights = append(t.sets, s), append(t.weights, weight)
	for p := range s.All() {
		if n := int(p) + 1 - len(t.head); n > 0 {
			t.head = append(t.head, make([]int32, n)...)
		}
		t.next, t.in = append(t.next, t.head[p]), append(t.in, number)
		t.head[p] = int32(len(t.in) - 1)
	}
	return number, true
}

// of calls f for each set that a participant is in.
func (t *targets) of(p int32, f func(number int32)) {
	if int(p) >= len(t.head) {
		return
	}
	for e := t.head[p]; e > 0; e = t.next[e] {
		f(t.in[e])
	}
}

// aims is what a basis knows of the targets.
type aims struct {
	*targets
	done  int               // lines that have been looked at
	known int               // sets that have been looked at
	at    map[int32]int32   // by pivot, its line
	lines map[int32][]int32 // by set, the lines whose pivots are in it, where there are any
}

func newAims(t *targets) aims {
	return aims{targets: t, at: map[int32]int32{}, lines: map[int32][]int32{}}
}

// follow looks at what has come.
func (a *aims) follow(b *basis) {
	for ; a.known < len(a.sets); a.known++ {
		for p := range a.sets[a.known].All() {
			if line, ok := a.at[p]; ok {
				a.lines[int32(a.known)] = append(a.lines[int32(a.known)], line)
			}
		}
	}
	for ; a.done < len(b.facts); a.done++ {
		p := b.pivotOf(a.done)
		a.at[p] = int32(a.done)
		a.of(p, func(number int32) { a.lines[number] = append(a.lines[number], int32(a.done)) })
	}
}

// forget forgets the last line, whose pivot it was.
func (a *aims) forget(line int, pivot int32) {
	if a.done <= line {
		return
	}
	a.done = line
	delete(a.at, pivot)
	a.of(pivot, func(number int32) {
		if some := slices.DeleteFunc(a.lines[number], func(i int32) bool { return int(i) == line }); len(some) > 0 {
			a.lines[number] = some
		} else {
			delete(a.lines, number)
		}
	})
}

// targets says whether one of the targets would be in the span, or a union of those that
// are asked for now and of those that have most pivots. One that has fewer than three pivots
// is found otherwise.
func (t *trials) targets(now []int32) bool {
	a := &t.b.aims
	a.follow(t.b)
	var others []int32
	for number := range a.lines {
		if !slices.Contains(now, number) {
			others = append(others, number)
		}
	}
	slices.SortFunc(others, func(x, y int32) int { return cmp.Or(cmp.Compare(len(a.lines[y]), len(a.lines[x])), cmp.Compare(x, y)) })
	of := slices.Concat(now, others)
	for _, number := range of {
		if len(a.lines[number]) > 2 && t.excess(number) == 0 && t.union([]int32{number}) {
			return true
		}
	}
	return t.unions(of)
}

// excess is what the lines at whose pivots a set is have more than the set, as a whole.
func (t *trials) excess(number int32) uint32 {
	b, a := t.b, &t.b.aims
	x := b.negative(b.modulus.of(a.weights[number]))
	for _, i := range a.lines[number] {
		x = b.plus(x, b.front[whole][i])
	}
	return x
}

// unions tries unions of targets, of the first of which there is time for.
func (t *trials) unions(of []int32) bool {
	of = of[:min(len(of), mostLines)]
	places := make([]int32, len(of))
	sizes := make([]int32, len(of))
	excess := make([]uint32, len(of))
	for j, number := range of {
		places[j], sizes[j], excess[j] = int32(j), int32(t.b.aims.sets[number].Len()), t.excess(number)
	}
	c := &t.several
	c.clear()
	places, size := affordable(places, mostChoices)
	t.each(places, size, nil, func(of []int32) bool { return t.choose(c, sizes, nil, of...) })
	c.add(t.b.modulus, excess)
	union := func(places ...int32) bool {
		numbers := make([]int32, len(places))
		for i, j := range places {
			numbers[i] = of[j]
		}
		return t.union(numbers)
	}
	for i, x := range c.sum {
		if x == 0 && union(c.lines(int32(i))...) {
			return true
		}
	}
	return t.last(c, nil, func(h hit, other int32) bool {
		return int(c.alike[h.choice]+c.alike[other]) <= t.limit && union(slices.Concat(c.lines(h.choice), c.lines(other))...)
	})
}

// union says whether the union of some targets would be in the span.
func (t *trials) union(of []int32) bool {
	if t.left -= oneSum; t.left < 0 {
		return false
	}
	a := &t.b.aims
	var lines []int32
	for _, number := range of {
		lines = append(lines, a.lines[number]...)
	}
	return t.isolates(lines)
}
