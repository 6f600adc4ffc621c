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
}

// New opens the vocabulary of the repository.
func New(r *store.Repository) (*Engine, error) {
	v, err := readVocabulary(r)
	if err != nil {
		return nil, err
	}
	day, err := time.Parse(time.DateOnly, r.CutOff)
	if err != nil {
		return nil, err
	}
	return &Engine{r, v, int32(day.Unix() / 86400)}, nil
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
		_, err := c.grouping(n.Recv(), n.Nodes(0), nil)
		return err
	}
	_, err := c.tabulation(n)
	return err
}

// Tabulate runs a Table. It ends early when ctx does.
func (e *Engine) Tabulate(ctx context.Context, n *plan.Node) (*tally.Table, error) {
	c := e.compiler()
	t, err := c.tabulation(n)
	if err != nil {
		return nil, err
	}
	total, err := c.run(ctx, t)
	if err != nil {
		return nil, err
	}
	return t.table(total), nil
}

// segment is how many strides share an accumulator. It is fixed, and segments are
// added up in order, so that floating-point sums do not depend on the number of
// workers.
const segment = 16

// run evaluates every block and adds up what the tabulation takes from each.
func (c *compiler) run(ctx context.Context, t tabulation) (accumulator, error) {
	strides := store.Strides(c.repo.Participants)
	segments := (strides + segment - 1) / segment
	sums := make([]accumulator, segments)
	var next atomic.Int64
	var wg sync.WaitGroup
	var failed atomic.Pointer[error]
	for range min(runtime.GOMAXPROCS(0), segments) {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					err := fmt.Errorf("the engine failed: %v", p)
					failed.CompareAndSwap(nil, &err)
				}
			}()
			b := newBlock(c.slots)
			for s := int(next.Add(1)) - 1; s < segments; s = int(next.Add(1)) - 1 {
				sums[s] = t.accumulator()
				for k := s * segment; k < min((s+1)*segment, strides); k++ {
					if ctx.Err() != nil || failed.Load() != nil {
						return
					}
					b.start(k, c.repo.Participants)
					t.take(b, &sums[s])
				}
			}
		})
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		return accumulator{}, *err
	}
	if err := ctx.Err(); err != nil {
		return accumulator{}, err
	}
	total := t.accumulator()
	for i := range sums {
		total.add(&sums[i])
	}
	return total, nil
}
