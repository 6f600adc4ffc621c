package engine

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// numeric compiles a Number by its operation.
func (c *compiler) numeric(n *plan.Node) (column[float64], error) {
	switch n.Op() {
	case "Age":
		if n.Recv() != nil {
			return c.ageAt(n, n.Recv())
		}
		return c.ageAtCutOff(n)
	case "AgeAt":
		return c.ageAt(n, n.Node(0))
	case "Value":
		return c.eventNumber(n)
	case "Occurrences":
		return c.occurrences(n)
	case "DistinctConcepts":
		return c.distinctConcepts(n)
	case "Year":
		return c.fromDate(n.Recv(), func(d int32) float64 { y, _, _ := civil(d); return float64(y) })
	case "DaysSince":
		return c.since(n, 1)
	case "YearsSince":
		return c.since(n, daysPerYear)
	case "Scores":
		return c.scores(n)
	case "If":
		return c.conditional(n)
	case "SumOf", "LargestOf", "SmallestOf":
		return c.across(n)
	case "Number":
		if n.Recv().Kind() == "Event" {
			return c.eventNumber(n)
		}
		return c.fromTruth(n)
	}
	if reducers[n.Op()] != nil {
		return c.reduce(n)
	}
	return c.arithmetic(n)
}

// operand is a number or a Number.
func (c *compiler) operand(a plan.Arg) (column[float64], error) {
	if n, ok := a.(*plan.Node); ok {
		return c.number(n)
	}
	return onceBy(c, plan.ID{}, fmt.Sprint("constant ", a), func() (column[float64], error) {
		return constant(c, plan.Number(a)), nil
	})
}

// arithmetic compiles operations on one or two numbers. What is no number is missing.
func (c *compiler) arithmetic(n *plan.Node) (column[float64], error) {
	x, err := c.number(n.Recv())
	if err != nil {
		return nil, err
	}
	if f := unary(n); f != nil {
		return vector(c, func(b *block, out []float64) {
			for i, v := range x(b) {
				out[i] = finite(f(v))
			}
		}), nil
	}
	y, err := c.operand(n.Args()[0])
	if err != nil {
		return nil, err
	}
	loop, ok := binary[n.Op()]
	if !ok {
		return nil, unknownOp(n)
	}
	return vector(c, func(b *block, out []float64) { loop(out, x(b), y(b)) }), nil
}

// binary are the loops of operations on two numbers; NaN spreads by itself.
var binary = map[string]func(out, x, y []float64){
	"Plus": func(out, x, y []float64) {
		for i := range out {
			out[i] = finite(x[i] + y[i])
		}
	},
	"Minus": func(out, x, y []float64) {
		for i := range out {
			out[i] = finite(x[i] - y[i])
		}
	},
	"Times": func(out, x, y []float64) {
		for i := range out {
			out[i] = finite(x[i] * y[i])
		}
	},
	"Over": func(out, x, y []float64) {
		for i := range out {
			out[i] = finite(x[i] / y[i])
		}
	},
	"OrElse": func(out, x, y []float64) {
		for i := range out {
			out[i] = x[i]
			if math.IsNaN(x[i]) {
				out[i] = y[i]
			}
		}
	},
}

// finite makes an infinite number a missing one.
func finite(x float64) float64 { return x + 0*x }

func unary(n *plan.Node) func(float64) float64 {
	switch n.Op() {
	case "Log":
		return math.Log
	case "Exp":
		return math.Exp
	case "Sqrt":
		return math.Sqrt
	case "Abs":
		return math.Abs
	case "Pow":
		p := n.Float(0)
		return func(x float64) float64 { return math.Pow(x, p) + 0*x } // a missing number to the power of 0, too
	case "Round":
		scale := math.Pow(10, float64(n.Int(0)))
		return func(x float64) float64 { return math.Round(x*scale) / scale }
	case "Clamp":
		lo, hi := n.Float(0), n.Float(1)
		return func(x float64) float64 { return min(max(x, lo), hi) }
	}
	return nil
}

func (c *compiler) fromDate(n *plan.Node, f func(int32) float64) (column[float64], error) {
	day, err := c.moments(n)
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []float64) {
		for i, d := range day(b) {
			out[i] = math.NaN()
			if d != store.Missing {
				out[i] = f(d)
			}
		}
	}), nil
}

// since is the days from a moment to another, in units of so many.
func (c *compiler) since(n *plan.Node, unit float64) (column[float64], error) {
	day, err := c.moments(n.Recv())
	if err != nil {
		return nil, err
	}
	from, err := c.moments(n.Node(0))
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []float64) {
		d, s := day(b), from(b)
		for i := range out {
			out[i] = math.NaN()
			if d[i] != store.Missing && s[i] != store.Missing {
				out[i] = (float64(d[i]) - float64(s[i])) / unit
			}
		}
	}), nil
}

// ageAt is the age in completed years at a moment.
func (c *compiler) ageAt(n, moment *plan.Node) (column[float64], error) {
	at, err := c.moments(moment)
	if err != nil {
		return nil, err
	}
	birth, err := c.birth(n)
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []float64) {
		born := birth(b)
		for i, d := range at(b) {
			out[i] = years(born[i], d)
		}
	}), nil
}

func (c *compiler) ageAtCutOff(n *plan.Node) (column[float64], error) {
	birth, err := c.birth(n)
	if err != nil {
		return nil, err
	}
	to := packed(c.cutOff)
	return vector(c, func(b *block, out []float64) {
		for i, d := range birth(b) {
			if out[i] = math.NaN(); d != store.Missing {
				out[i] = float64((to - packed(d)) >> 9)
			}
		}
	}), nil
}

func (c *compiler) fromTruth(n *plan.Node) (column[float64], error) {
	x, err := c.truths(n.Recv())
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []float64) {
		for i, v := range x(b) {
			out[i] = float64(v)
			if v == unknown {
				out[i] = math.NaN()
			}
		}
	}), nil
}

func (c *compiler) scores(n *plan.Node) (column[float64], error) {
	cat, err := c.category(n.Recv())
	if err != nil {
		return nil, err
	}
	score := make([]float64, len(cat.labels))
	for i, label := range cat.labels {
		score[i] = math.NaN()
		for j := 0; j < len(n.Args()); j += 2 {
			if n.Text(j) == label {
				score[i] = n.Float(j + 1)
			}
		}
	}
	return vector(c, func(b *block, out []float64) {
		for i, code := range cat.codes(b) {
			out[i] = math.NaN()
			if code >= 0 {
				out[i] = score[code]
			}
		}
	}), nil
}

// conditional is If: where the condition is unknown, the number is missing.
func (c *compiler) conditional(n *plan.Node) (column[float64], error) {
	cond, err := c.truths(n.Node(0))
	if err != nil {
		return nil, err
	}
	x, err := c.operand(n.Args()[1])
	if err != nil {
		return nil, err
	}
	y, err := c.operand(n.Args()[2])
	if err != nil {
		return nil, err
	}
	return vector(c, func(b *block, out []float64) {
		u, v := x(b), y(b)
		for i, t := range cond(b) {
			switch t {
			case yes:
				out[i] = u[i]
			case no:
				out[i] = v[i]
			default:
				out[i] = math.NaN()
			}
		}
	}), nil
}

// across folds several columns; a missing one makes the result missing.
func (c *compiler) across(n *plan.Node) (column[float64], error) {
	var cols []column[float64]
	for _, p := range n.Nodes(0) {
		col, err := c.number(p)
		if err != nil {
			return nil, err
		}
		cols = append(cols, col)
	}
	fold := map[string]func(x, y float64) float64{
		"SumOf":      func(x, y float64) float64 { return finite(x + y) },
		"LargestOf":  func(x, y float64) float64 { return math.Max(x, y) },
		"SmallestOf": func(x, y float64) float64 { return math.Min(x, y) },
	}[n.Op()]
	return vector(c, func(b *block, out []float64) {
		copy(out, cols[0](b))
		for _, col := range cols[1:] {
			for i, v := range col(b) {
				out[i] = fold(out[i], v)
			}
		}
	}), nil
}

// bands cuts a number at edges: below the first, from one edge to below the next, from the last on.
func (c *compiler) bands(n *plan.Node) (*category, error) {
	if of := n.Recv(); of.Op() == "Age" && of.Recv() == nil && len(edgesOf(n)) <= len(dates4{}) {
		return c.ageBands(n)
	}
	x, err := c.number(n.Recv())
	if err != nil {
		return nil, err
	}
	edges := edgesOf(n)
	cat := &category{labels: bandLabels(edges), closed: true}
	if len(edges) > 4 {
		cat.codes = vector(c, func(b *block, out []int32) {
			for i, v := range x(b) {
				k, found := slices.BinarySearch(edges, v)
				out[i] = int32(k) + int32(truth(found))
				if math.IsNaN(v) {
					out[i] = -1
				}
			}
		})
		return cat, nil
	}
	nan := math.NaN() // is an edge above everything
	few := [4]float64{nan, nan, nan, nan}
	copy(few[:], edges)
	cat.codes = vector(c, func(b *block, out []int32) {
		for i, v := range x(b) {
			out[i] = int32(truth(v >= few[0])+truth(v >= few[1])+truth(v >= few[2])+truth(v >= few[3])) - int32(truth(v != v))
		}
	})
	return cat, nil
}

type dates4 [4]int32

// ageBands are bands of the age at the cut-off. Most tables have them, so days of
// birth are compared, which takes a fraction of counting years.
func (c *compiler) ageBands(n *plan.Node) (*category, error) {
	birth, err := c.birth(n.Recv())
	if err != nil {
		return nil, err
	}
	edges := edgesOf(n)
	last := dates4{store.Missing, store.Missing, store.Missing, store.Missing}
	for i, years := range edges {
		last[i] = lastBirth(years, c.cutOff)
	}
	return &category{labels: bandLabels(edges), closed: true, codes: vector(c, func(b *block, out []int32) {
		for i, d := range birth(b) {
			k := int32(truth(d <= last[0]) + truth(d <= last[1]) + truth(d <= last[2]) + truth(d <= last[3]))
			if d == store.Missing {
				k = -1
			}
			out[i] = k
		}
	})}, nil
}

// lastBirth is the last day on which somebody was born who has completed so many
// years on a day.
func lastBirth(completed float64, on int32) int32 {
	const span = 10_000 * 366 // days; nobody is older
	n := sort.Search(2*span, func(i int) bool { return years(on-span+int32(i), on) < completed })
	if n == 0 {
		return store.Missing // and before every birth
	}
	return on - span + int32(n) - 1
}

func edgesOf(n *plan.Node) []float64 {
	var edges []float64
	if n.Op() == "Bands" {
		for i := range n.Args() {
			edges = append(edges, n.Float(i))
		}
		return edges
	}
	width, lo, hi := n.Float(0), n.Float(1), n.Float(2)
	for k := 0; ; k++ {
		e := lo + float64(k)*width
		if e >= hi {
			return append(edges, hi)
		}
		edges = append(edges, e)
	}
}

// bandLabels are "<18", "18 to <45", "45+".
func bandLabels(edges []float64) []string {
	text := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	out := []string{"<" + text(edges[0])}
	for i := 1; i < len(edges); i++ {
		out = append(out, text(edges[i-1])+" to <"+text(edges[i]))
	}
	return append(out, text(edges[len(edges)-1])+"+")
}

// levels is one group a whole number.
func (c *compiler) levels(n *plan.Node) (*category, error) {
	x, err := c.number(n.Recv())
	if err != nil {
		return nil, err
	}
	lo, hi := n.Int(0), n.Int(1)
	cat := &category{closed: true}
	for k := lo; k <= hi; k++ {
		cat.labels = append(cat.labels, strconv.Itoa(k))
	}
	cat.codes = vector(c, func(b *block, out []int32) {
		for i, v := range x(b) {
			out[i] = -1
			if v >= float64(lo) && v <= float64(hi) && v == math.Trunc(v) {
				out[i] = int32(v) - int32(lo)
			}
		}
	})
	return cat, nil
}
