package engine

import (
	"context"
	"math"
	"slices"
	"strconv"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// What needs to look at everyone before anybody's value is known runs before the
// plan itself: the quantiles of Fractions, the choice of MatchedTo.

// fractions cuts a number at quantiles of everyone's values.
func (c *compiler) fractions(n *plan.Node) (*category, error) {
	x, err := c.number(n.Recv())
	if err != nil {
		return nil, err
	}
	if c.ex != nil {
		return nil, cannot(n, "fractions of one value a group of a split")
	}
	k := n.Int(0)
	var edges []float64
	c.before = append(c.before, func(ctx context.Context) error {
		acc, err := c.run(ctx, &collector{x})
		if err != nil {
			return err
		}
		values := *acc.(*collected)
		slices.Sort(values)
		for i := 1; i < k; i++ {
			edges = append(edges, quantile(values, float64(i)/float64(k)))
		}
		return nil
	})
	cat := &category{closed: true}
	for i := range k {
		cat.labels = append(cat.labels, strconv.Itoa(i+1))
	}
	cat.codes = vector(c, func(b *block, out []int32) {
		for i, v := range x(b) {
			out[i] = -1
			if !math.IsNaN(v) {
				out[i] = int32(len(edges))
				for j, e := range edges {
					if v <= e {
						out[i] = int32(j)
						break
					}
				}
			}
		}
	})
	return cat, nil
}

// collector collects the values of a number.
type collector struct{ x column[float64] }

type collected []float64

func (c *collector) accumulator() accumulator { return new(collected) }

func (c *collector) take(b *block, a accumulator) {
	out := a.(*collected)
	for _, v := range c.x(b) {
		if !math.IsNaN(v) {
			*out = append(*out, v)
		}
	}
}

func (a *collected) add(b accumulator) {
	other := b.(*collected)
	*a = append(*a, *other...)
	*other = (*other)[:0]
}

// matched keeps up to ratio participants for each case, equal in every key. Who is
// a case, or misses a key, is none's control. Participants come in the order of
// their indexes, which is random; each case gets one before any gets two.
func (c *compiler) matched(n *plan.Node) (*cohort, error) {
	base, err := c.cohort(n.Recv())
	if err != nil {
		return nil, err
	}
	cases, err := c.cohort(n.Node(0))
	if err != nil {
		return nil, err
	}
	m := &matcher{candidates: base.in, cases: cases.in, index: cases.index}
	for _, k := range n.Nodes(2) {
		codes, err := c.keyCodes(k)
		if err != nil {
			return nil, err
		}
		m.keys = append(m.keys, codes)
	}
	if m.index == nil {
		m.index = constant(c, store.Missing)
	}
	dates := map[int32]int32{} // index date by control
	c.before = append(c.before, func(ctx context.Context) error {
		acc, err := c.run(ctx, m)
		if err != nil {
			return err
		}
		for _, s := range acc.(strata) {
			s.match(n.Int(1), dates)
		}
		return nil
	})
	in := vector(c, func(b *block, out []int8) {
		for i := range out {
			_, chosen := dates[b.first+int32(i)]
			out[i] = truth(chosen)
		}
	})
	out := &cohort{in: in, steps: append(base.steps[:len(base.steps):len(base.steps)], step{stepText(n), in})}
	if cases.index != nil {
		out.index = vector(c, func(b *block, out []int32) {
			for i := range out {
				d, chosen := dates[b.first+int32(i)]
				if out[i] = store.Missing; chosen {
					out[i] = d
				}
			}
		})
	}
	return out, nil
}

// keyCodes is a Category or a Bool as codes.
func (c *compiler) keyCodes(n *plan.Node) (column[int32], error) {
	if n.Kind() == "Category" {
		cat, err := c.category(n)
		if err != nil {
			return nil, err
		}
		return cat.codes, nil
	}
	x, err := c.truths(n)
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []int32) {
		for i, v := range x(b) {
			out[i] = int32(v)
		}
	}), nil
}

// matcher collects cases and candidates by their keys.
type matcher struct {
	candidates, cases column[int8]
	index             column[int32]
	keys              []column[int32]
}

// strata are the participants by key.
type strata map[string]*stratum

type stratum struct {
	dates      []int32 // of the cases
	candidates []int32
}

func (m *matcher) accumulator() accumulator { return strata{} }

func (m *matcher) take(b *block, a accumulator) {
	all := a.(strata)
	cases, candidates, index := m.cases(b), m.candidates(b), m.index(b)
	key := make([]byte, 0, 64)
	for i := range b.n {
		if cases[i] != yes && candidates[i] != yes {
			continue
		}
		key = key[:0]
		known := true
		for _, k := range m.keys {
			code := k(b)[i]
			known = known && code >= 0
			key = strconv.AppendInt(append(key, ' '), int64(code), 10)
		}
		if !known {
			continue
		}
		s := all[string(key)]
		if s == nil {
			s = &stratum{}
			all[string(key)] = s
		}
		if cases[i] == yes {
			s.dates = append(s.dates, index[i])
		} else {
			s.candidates = append(s.candidates, b.first+int32(i))
		}
	}
}

func (a strata) add(b accumulator) {
	other := b.(strata)
	for key, s := range other {
		if t := a[key]; t != nil {
			t.dates = append(t.dates, s.dates...)
			t.candidates = append(t.candidates, s.candidates...)
		} else {
			a[key] = s
		}
	}
	clear(other)
}

// match gives the cases one candidate each, then a second, up to the ratio.
func (s *stratum) match(ratio int, dates map[int32]int32) {
	for k, p := range s.candidates {
		if k >= ratio*len(s.dates) {
			return
		}
		dates[p] = s.dates[k%len(s.dates)]
	}
}
