package engine

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"weir/datasets/plan"
	"weir/datasets/store"
	"weir/datasets/tally"
)

// Engine runs plans over one repository. It may be used by several goroutines.
type Engine struct {
	repo       *store.Repository
	vocabulary *vocabulary
	cutOff     int32
	prints     []tally.Print // of the participants
}

// New opens the vocabulary of the repository.
func New(r *store.Repository) (*Engine, error) {
	packDays()
	v, err := readVocabulary(r)
	if err != nil {
		return nil, err
	}
	day, err := time.Parse(time.DateOnly, r.CutOff)
	if err != nil {
		return nil, err
	}
	prints := make([]tally.Print, r.Participants)
	tally.PrintsOf(0, prints)
	return &Engine{r, v, int32(day.Unix() / 86400), prints}, nil
}

// Repository is what the engine runs over.
func (e *Engine) Repository() *store.Repository { return e.repo }

// Check compiles a Cohort, a Frame, Groups or a Table without running it.
func (e *Engine) Check(n *plan.Node) error {
	c := e.compiler()
	switch n.Kind() {
	case "Cohort", "Frame":
		_, err := c.cohort(n)
		return err
	case "Groups":
		_, err := c.grouping(n, nil, n)
		return err
	}
	_, err := c.tabulation(n)
	return err
}

// Progress is told how much of a plan's run is done. It is called from one
// goroutine at a time.
type Progress func(done, total int)

type progressKey struct{}

// WithProgress has Tabulate tell f of its progress.
func WithProgress(ctx context.Context, f Progress) context.Context {
	return context.WithValue(ctx, progressKey{}, f)
}

// Tabulate runs a Table. It ends early when ctx does.
func (e *Engine) Tabulate(ctx context.Context, n *plan.Node) (*tally.Table, error) {
	return e.tabulate(ctx, n, false)
}

// TabulateMembers runs a Table and says who is counted in it.
func (e *Engine) TabulateMembers(ctx context.Context, n *plan.Node) (*tally.Table, error) {
	return e.tabulate(ctx, n, true)
}

func (e *Engine) tabulate(ctx context.Context, n *plan.Node, members bool) (*tally.Table, error) {
	c := e.compiler()
	t, err := c.tabulation(n)
	if err != nil {
		return nil, err
	}
	if members {
		t.record(e.repo.Participants)
	}
	for _, prepare := range c.before {
		if err := prepare(ctx); err != nil {
			return nil, err
		}
	}
	total, err := c.run(ctx, t)
	if err != nil {
		return nil, err
	}
	return t.table(total), nil
}

// taker is fed block by block; what it takes is added up.
type taker interface {
	accumulator() accumulator
	take(*block, accumulator)
}

// accumulator is what has been taken so far. add takes another's and leaves it empty, to be used again.
type accumulator interface{ add(accumulator) }

// segment is how many strides share an accumulator. It is fixed, and segments are
// added up in order, so that floating-point sums do not depend on the number of
// workers.
const segment = 4

// run evaluates every block and adds up what t takes from each.
func (c *compiler) run(ctx context.Context, t taker) (accumulator, error) {
	r := &running{compiler: c, taker: t, total: t.accumulator(), strides: store.Strides(c.repo.Participants), pending: map[int]accumulator{}}
	r.progress, _ = ctx.Value(progressKey{}).(Progress)
	r.turn.L = &r.mu
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), r.segments()) {
		wg.Go(func() { r.work(ctx) })
	}
	wg.Wait()
	if r.err != nil {
		return nil, r.err
	}
	return r.total, ctx.Err()
}

// running is a run over all blocks. Workers take segments in order and hand in
// their accumulators, which are added in order.
type running struct {
	*compiler
	taker
	strides  int
	next     atomic.Int64
	stop     atomic.Bool
	progress Progress

	mu      sync.Mutex
	turn    sync.Cond // something was added
	added   int       // segments
	pending map[int]accumulator
	free    []accumulator
	total   accumulator
	err     error
}

// maxPending is how many accumulators may wait for an earlier segment.
const maxPending = 4

func (r *running) segments() int { return (r.strides + segment - 1) / segment }

func (r *running) work(ctx context.Context) {
	defer func() {
		if p := recover(); p != nil {
			r.fail(fmt.Errorf("the engine failed: %v", p))
		}
	}()
	b := newBlock(r.slots)
	acc := r.taker.accumulator()
	for {
		s := int(r.next.Add(1)) - 1
		if s >= r.segments() {
			return
		}
		for k := s * segment; k < min((s+1)*segment, r.strides); k++ {
			if ctx.Err() != nil || r.stop.Load() {
				r.fail(ctx.Err())
				return
			}
			b.start(k, r.prints)
			r.take(b, acc)
		}
		if acc = r.hand(s, acc); acc == nil {
			return
		}
	}
}

// hand takes a segment's accumulator and gives an empty one back, nil when the run is over.
func (r *running) hand(s int, acc accumulator) accumulator {
	r.mu.Lock()
	defer r.mu.Unlock()
	for s > r.added && len(r.pending) >= maxPending && !r.stop.Load() {
		r.turn.Wait()
	}
	if r.stop.Load() {
		return nil
	}
	r.pending[s] = acc
	for next := r.pending[r.added]; next != nil; next = r.pending[r.added] {
		delete(r.pending, r.added)
		r.total.add(next)
		r.free = append(r.free, next)
		r.added++
		if r.progress != nil {
			r.progress(r.added, r.segments())
		}
	}
	r.turn.Broadcast()
	if len(r.free) == 0 {
		return r.taker.accumulator()
	}
	acc = r.free[len(r.free)-1]
	r.free = r.free[:len(r.free)-1]
	return acc
}

func (r *running) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil {
		r.err = err
	}
	r.stop.Store(true)
	r.turn.Broadcast()
}
