package audit

import (
	"cmp"
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// Options say what is to be protected.
type Options struct {
	Sensitive []bool // by cell: its count must not be worked out
	Hidden    []bool // by number: hidden whatever comes; nil for none
	Limit     int64  // a sensitive cell must be able to be above this
	Effort    int    // how many choices are made and pruned; 0 for the first as it is
	Exact     int    // how many steps are spent on looking for fewer, and on proving that there are none
	Seed      uint64

	Progress func(done, total int) // is told how many sensitive cells have been made safe; nil for nobody
}

// Protection is a choice of hidden numbers that is safe.
type Protection struct {
	Hidden  []bool   // by number
	Unknown []bool   // by cell: no number gives it away
	Changes []Change // consistent tables; each sensitive cell is above the limit in one
	Unsafe  []int32  // cells that could not be made safe with everything hidden that can be

	Complementary int // numbers that are hidden for the sake of others
	AtLeast       int // no safe choice has fewer; proved
}

// Protect chooses numbers to hide, as few as it can and then of as small counts, so
// that no sensitive cell follows from what is shown and every one of them could as
// well be above the limit.
func (s *System) Protect(o Options) *Protection {
	out, err := s.ProtectContext(context.Background(), o)
	if err != nil {
		panic(err) // nothing ends that context
	}
	return out
}

// ProtectContext is Protect, and ends early with an error when ctx does.
func (s *System) ProtectContext(ctx context.Context, o Options) (out *Protection, err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case halted:
			out, err = nil, context.Cause(ctx)
		default:
			panic(r)
		}
	}()
	return s.protect(halt{ctx}, o), nil
}

// halt ends work from within when its context is done: nothing half done is returned,
// where it could be taken for safe. The zero halt never does.
type halt struct{ ctx context.Context }

type halted struct{}

func (h halt) check() {
	if h.ctx != nil && h.ctx.Err() != nil {
		panic(halted{})
	}
}

func (s *System) protect(h halt, o Options) *Protection {
	random := rand.New(rand.NewPCG(o.Seed, 0x77656972))
	u := s.suppress(o, random)
	u.halt = h
	start := u.clone()
	out := &Protection{}
	out.Changes, out.Unsafe = u.protect(o.Limit)
	if o.Effort > 0 {
		for try := range o.Effort {
			v, changes, unsafe := u, out.Changes, out.Unsafe
			if try > 0 {
				v = start.clone()
				v.noise = true
				changes, unsafe = v.protect(o.Limit)
			}
			if len(unsafe) == 0 {
				v, changes = v.prune(start, changes, o.Limit)
			}
			if len(unsafe) < len(out.Unsafe) || len(unsafe) == len(out.Unsafe) && v.better(u) {
				u, out.Changes, out.Unsafe = v, changes, unsafe
			}
		}
	}
	if o.Exact > 0 && len(out.Unsafe) == 0 {
		better, changes, least := start.fewest(u, o)
		out.AtLeast = least
		if better != nil {
			u, out.Changes = better, changes
		}
	}
	out.Hidden, out.Unknown = u.gone, u.hidden
	out.Complementary = u.goners - start.goners
	out.AtLeast = min(out.AtLeast, out.Complementary)
	return out
}

// report tells how many sensitive cells have no witness yet.
func (u *suppression) report(left int) {
	u.halt.check()
	if u.progress != nil {
		u.progress(u.wanted-left, u.wanted)
	}
}

// better is fewer hidden cells, or as many of a smaller count.
func (u *suppression) better(v *suppression) bool {
	return cmp.Or(cmp.Compare(u.goners, v.goners), cmp.Compare(u.total(), v.total())) < 0
}

// violation finds a sensitive cell that is not safe, and the cells of which one
// must be hidden to make it so: those that take part in its derivation, or in the
// proof of its bound. With none, changes are the witnesses of all.
func (u *suppression) violation(limit int64) (oneOf []int32, changes []Change, safe bool) {
	e := u.eliminate(u.unknown())
	determined := e.determined(u.random)
	for col, c := range e.unknown {
		if determined[col] && u.sensitive[c] {
			return u.taking(func(d int32) bool { return u.product(e.derivation(int32(col)), d) != 0 }), nil, false
		}
	}
	var wanted []int32
	for _, c := range e.unknown {
		if u.sensitive[c] {
			wanted = append(wanted, c)
		}
	}
	changes, failed := u.witnesses(wanted, limit)
	for _, c := range wanted {
		if helpful, ok := failed[c]; ok {
			return helpful, nil, false
		}
	}
	return nil, changes, true
}

// taking is the cells that can be hidden and for which part is true, the smallest first.
func (u *suppression) taking(part func(int32) bool) []int32 {
	var out []int32
	for c := range int32(len(u.Count)) {
		if u.canHide(c) && part(c) {
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b int32) int { return cmp.Compare(u.cost(a), u.cost(b)) })
	return out
}

// fewest looks for a safe choice with fewer cells than found, or as many and
// smaller ones. Whatever is safe hides one of the cells that a violation names, so
// trying each of them in turn, to a depth, misses none. It returns nil when found
// is as good, and how many cells are needed at least.
func (u *suppression) fewest(found *suppression, o Options) (best *suppression, changes []Change, atLeast int) {
	search := &search{Options: o, budget: o.Exact}
	most := found.goners - u.goners
	for depth := 0; depth <= most; depth++ {
		search.cost = math.MaxInt64
		if depth == most {
			search.cost = found.total()
		}
		search.seen = map[string]bool{}
		search.try(u, depth)
		if search.best != nil {
			return search.best, search.changes, depth
		}
		if search.budget <= 0 {
			return nil, nil, depth
		}
	}
	return nil, nil, most
}

// total is the count of what is hidden.
func (u *suppression) total() (sum int64) {
	for c, h := range u.hidden {
		if h {
			sum += u.Count[c]
		}
	}
	return sum
}

type search struct {
	Options
	budget  int
	seen    map[string]bool
	best    *suppression
	changes []Change
	cost    int64
}

// try hides up to so many more cells.
func (s *search) try(u *suppression, depth int) {
	if s.budget--; s.budget < 0 {
		return
	}
	oneOf, changes, safe := u.violation(s.Limit)
	if safe {
		if total := u.total(); total < s.cost {
			s.best, s.changes, s.cost = u, changes, total
		}
		return
	}
	for _, c := range oneOf {
		next := u.clone()
		next.hide(c)
		hid := next.goners - u.goners
		if hid > depth || next.total() >= s.cost {
			continue
		}
		if key := next.key(); !s.seen[key] {
			s.seen[key] = true
			s.try(next, depth-hid)
		}
	}
}

// key is the hidden cells as a string.
func (u *suppression) key() string {
	out := make([]byte, (len(u.hidden)+7)/8)
	for c, h := range u.hidden {
		if h {
			out[c/8] |= 1 << (c % 8)
		}
	}
	return string(out)
}
