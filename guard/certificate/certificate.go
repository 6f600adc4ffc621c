// Package certificate checks that a published table protects its hidden counts.
// Call Verify with a certificate as it stands in the ledger; Rows are the numbers
// that it certifies. The package imports nothing of the project and shares no code
// with what chose the hidden numbers.
//
// A certificate is a JSON object: the numbers as they were released, the counts of
// participants behind them and the equations between these, and completions, which
// are tables that could be the true one. This is one of a total of 120 with groups of
// 100, hidden and hidden:
//
//	{"certificate":1,"limit":20,
//	 "rows":[["60"],["hidden"],["hidden"],["120"]],
//	 "numbers":[{"row":0,"column":0,"count":0},{"row":1,"column":0,"count":1},
//	            {"row":2,"column":0,"count":2},{"row":3,"column":0,"count":3}],
//	 "counts":4,
//	 "shown":[[0,60],[3,120]],
//	 "least":[[1,1],[2,1]],
//	 "equations":[[[0,1],[1,1],[2,1],[3,-1]]],
//	 "completions":[{"over":1,"values":[[1,1],[2,59]]},{"over":1,"values":[[1,59],[2,1]]}],
//	 "nobody":[],"large":[],
//	 "sums":{"sums":0,"shown":[],"equations":[],"directions":[],"follow":[]}}
//
// without white space, with every key, in this order. A number is the count that it
// names or, with "of", the percentage of that count among the counts of "of"
// together; means and the like are not listed. Counts are numbered from 0; "shown" lists those that the released
// numbers give away, and their values, and every other one is hidden. "least" is what
// is known of a hidden count, 0 of one that is not listed. An equation is counts and
// coefficients that add up to 0.
//
// The first completion has a value for every hidden count, the others for those that
// differ from it; a value is divided by "over". Each hidden count is at most limit in
// one completion and above it in another. Excepted are those of "large", of which
// only the latter is shown, and those of "nobody", which are 0 in one: they need not
// be able to be above.
//
// Sums, as behind means, are not counts: their equations say which add up to which,
// their values stand in no certificate. A direction is how hidden sums can differ
// while all that are shown stay; each hidden sum moves in one, or is listed in
// "follow".
//
// # What a certificate gives away
//
// A certificate may be read by whoever may read the release. It has the counts that a
// percentage or a mean gives away, exact where the release rounds: they are safe, and
// the audit takes them for known. Its maker (package
// completion) gets the published table and nothing else: structure that follows from
// the plan and from what is shown, with the labels that are left out as one group.
// None of its completions is the true table but by chance, and none is marked. The
// true counts, the sets of participants, and the completions near the true table by
// which the suppression was chosen stay on the side of the data and are not recorded.
// For the same reason a certificate cannot say which of its hidden counts are the
// small ones, and Verify asks the same of all. What is checked on the side of the
// data alone: that each sum of "follow" is of more participants than the limit.
package certificate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// Certificate is a certificate as the format has it.
type Certificate struct {
	Version     int          `json:"certificate"`
	Limit       int64        `json:"limit"`
	Rows        [][]string   `json:"rows"`
	Numbers     []Number     `json:"numbers"`
	Counts      int          `json:"counts"`
	Shown       []Value      `json:"shown"`
	Least       []Value      `json:"least"`
	Equations   []Equation   `json:"equations"`
	Completions []Completion `json:"completions"`
	Nobody      []int        `json:"nobody"`
	Large       []int        `json:"large"`
	Sums        Sums         `json:"sums"`
}

// Number is a released number that is a count, or a percentage of counts.
type Number struct {
	Row    int   `json:"row"`
	Column int   `json:"column"`
	Count  int   `json:"count"`
	Of     []int `json:"of,omitempty"`
}

// Value is a count, or a sum, and a number that goes with it.
type Value [2]int64

// Equation is counts and coefficients.
type Equation []Value

// Completion is values of hidden counts, each divided by Over.
type Completion struct {
	Over   int64   `json:"over"`
	Values []Value `json:"values"`
}

// Sums is the structure of the sums.
type Sums struct {
	Sums       int          `json:"sums"`
	Shown      []int        `json:"shown"`
	Equations  []Equation   `json:"equations"`
	Directions []Completion `json:"directions"`
	Follow     []int        `json:"follow"`
}

// Hidden is the text of a number that is not shown.
const Hidden = "hidden"

// most is a bound on every number of a certificate, mostOver on what values are
// divided by.
const (
	most     = 1 << 40
	mostOver = 1 << 20
)

// Encode is the certificate in canonical form.
func (c Certificate) Encode() ([]byte, error) {
	c.Rows, c.Numbers = some(c.Rows), some(c.Numbers)
	c.Shown, c.Least, c.Equations, c.Completions = some(c.Shown), some(c.Least), some(c.Equations), some(c.Completions)
	c.Nobody, c.Large = some(c.Nobody), some(c.Large)
	s := &c.Sums
	s.Shown, s.Equations, s.Directions, s.Follow = some(s.Shown), some(s.Equations), some(s.Directions), some(s.Follow)
	return json.Marshal(c)
}

// some is a list that is not null.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// Rows is the released numbers of a certificate, row by row, as Verify compares them.
func Rows(data []byte) ([][]string, error) {
	c, err := parse(data)
	if err != nil {
		return nil, err
	}
	return c.Rows, nil
}

// Verify checks a certificate, exactly.
func Verify(data []byte) error {
	c, err := parse(data)
	if err != nil {
		return fmt.Errorf("no certificate: %w", err)
	}
	v, err := c.table(len(data))
	if err != nil {
		return err
	}
	if err := v.released(); err != nil {
		return err
	}
	if err := v.complete(); err != nil {
		return err
	}
	if err := v.protected(); err != nil {
		return err
	}
	return c.Sums.verify(len(data))
}

// parse is strict: what it accepts is what Encode writes, to the byte.
func parse(data []byte) (*Certificate, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	c := new(Certificate)
	if err := d.Decode(c); err != nil {
		return nil, err
	}
	again, err := c.Encode()
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(again, data) {
		return nil, errors.New("it is not in canonical form")
	}
	if c.Version != 1 {
		return nil, fmt.Errorf("version %d, and 1 is known", c.Version)
	}
	return c, nil
}

// table is a certificate that is being verified.
type table struct {
	*Certificate
	shown   []*int64 // by count; nil for a hidden one
	least   []int64
	in      [][]int // equations of each count
	values  []number
	checked []int  // by equation, the last completion
	above   []bool // in some completion
	below   []bool
	zero    []bool
}

func (c *Certificate) table(size int) (*table, error) {
	if c.Limit < 1 || c.Limit > mostOver || c.Counts < 0 || c.Counts > size {
		return nil, fmt.Errorf("%d counts with a limit of %d", c.Counts, c.Limit)
	}
	t := &table{Certificate: c, shown: make([]*int64, c.Counts), least: make([]int64, c.Counts)}
	if err := ascending(c.Shown, c.Counts, "shown"); err != nil {
		return nil, err
	}
	if err := ascending(c.Least, c.Counts, "least"); err != nil {
		return nil, err
	}
	for i := range c.Shown {
		v := &c.Shown[i]
		if v[1] < 0 || v[1] >= 1 && v[1] <= c.Limit {
			return nil, fmt.Errorf("count %d is shown and is from 1 to %d", v[0], c.Limit)
		}
		t.shown[v[0]] = &v[1]
	}
	for _, v := range c.Least {
		if v[1] < 1 || t.shown[v[0]] != nil {
			return nil, fmt.Errorf("least: count %d is shown, or %d is nothing to know", v[0], v[1])
		}
		t.least[v[0]] = v[1]
	}
	var err error
	t.in, err = occurrences(c.Equations, c.Counts)
	return t, err
}

// ascending: each count once, in order, and numbers that are not too large.
func ascending(values []Value, counts int, what string) error {
	last := int64(-1)
	for _, v := range values {
		if v[0] <= last || v[0] >= int64(counts) || v[1] < -most || v[1] > most {
			return fmt.Errorf("%s: %v does not stand in order, or is out of range", what, v)
		}
		last = v[0]
	}
	return nil
}

func list(values []int, counts int, what string) ([]bool, error) {
	in, last := make([]bool, counts), -1
	for _, c := range values {
		if c <= last || c >= counts {
			return nil, fmt.Errorf("%s: %d does not stand in order, or is out of range", what, c)
		}
		last, in[c] = c, true
	}
	return in, nil
}

// occurrences is the equations of each count.
func occurrences(equations []Equation, counts int) ([][]int, error) {
	in := make([][]int, counts)
	for e, q := range equations {
		if err := ascending(q, counts, "equations"); err != nil {
			return nil, err
		}
		for _, term := range q {
			in[term[0]] = append(in[term[0]], e)
		}
	}
	return in, nil
}

// released: every number that is shown is the count, or the percentage, that it is
// said to be.
func (t *table) released() error {
	for _, n := range t.Numbers {
		if n.Row < 0 || n.Row >= len(t.Rows) || n.Column < 0 || n.Column >= len(t.Rows[n.Row]) {
			return fmt.Errorf("there is no number in row %d, column %d", n.Row, n.Column)
		}
		text := t.Rows[n.Row][n.Column]
		if err := t.number(n, text); err != nil {
			return fmt.Errorf("row %d, column %d: %w", n.Row, n.Column, err)
		}
	}
	return nil
}

func (t *table) number(n Number, text string) error {
	if text == Hidden {
		err := t.known(append([]int{n.Count}, n.Of...), false)
		if err == nil && n.Of == nil && t.shown[n.Count] != nil {
			err = fmt.Errorf("it is hidden, and count %d is shown", n.Count)
		}
		return err
	}
	if err := t.known(append([]int{n.Count}, n.Of...), true); err != nil {
		return err
	}
	count := big.NewRat(*t.shown[n.Count], 1)
	if n.Of == nil {
		if number, ok := exact(strings.ReplaceAll(text, ",", "")); !ok || number.Cmp(count) != 0 {
			return fmt.Errorf("%q is released, and the count is %d", text, *t.shown[n.Count])
		}
		return nil
	}
	all := int64(0)
	for _, c := range n.Of {
		all += *t.shown[c]
	}
	digits, ok := strings.CutSuffix(text, "%")
	number, okay := exact(digits)
	if !ok || !okay || all <= 0 {
		return fmt.Errorf("%q is released of %d", text, all)
	}
	_, decimals, _ := strings.Cut(digits, ".")
	half := big.NewRat(1, 2)
	for range decimals {
		half.Quo(half, big.NewRat(10, 1))
	}
	off := count.Mul(count, big.NewRat(100, all))
	if off.Sub(off, number).Abs(off).Cmp(half) > 0 {
		return fmt.Errorf("%q is released, and %d of %d is not that", text, *t.shown[n.Count], all)
	}
	return nil
}

// known: counts that there are; of a number that is shown they are shown.
func (t *table) known(counts []int, shown bool) error {
	for _, c := range counts {
		if c < 0 || c >= t.Counts || shown && t.shown[c] == nil {
			return fmt.Errorf("count %d is hidden, and a number that gives it away is shown", c)
		}
	}
	return nil
}

// exact is a decimal number of few digits.
func exact(s string) (*big.Rat, bool) {
	if len(s) == 0 || len(s) > 20 || strings.Trim(s, "0123456789.") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

// complete: in every completion the equations hold, and no count is below its least.
func (t *table) complete() error {
	t.values, t.checked = make([]number, t.Counts), make([]int, len(t.Equations))
	t.above, t.below, t.zero = make([]bool, t.Counts), make([]bool, t.Counts), make([]bool, t.Counts)
	for c, shown := range t.shown {
		if shown != nil {
			t.values[c] = number{*shown, 1}
		}
	}
	if len(t.Completions) == 0 {
		t.Completions = []Completion{{Over: 1}} // of no hidden count
	}
	for i, completion := range t.Completions {
		if err := t.completion(i, completion); err != nil {
			return fmt.Errorf("completion %d: %w", i, err)
		}
	}
	return nil
}

func (t *table) completion(i int, of Completion) error {
	changed, err := t.read(of)
	if err != nil {
		return err
	}
	if i == 0 {
		for c, x := range changed {
			t.values[c] = x
		}
		for c, x := range t.values {
			if x.over == 0 {
				return fmt.Errorf("count %d has no value", c)
			}
		}
		for e := range t.Equations {
			if err := t.holds(e, nil); err != nil {
				return err
			}
		}
		return nil
	}
	for c := range changed {
		for _, e := range t.in[c] {
			if t.checked[e] != i { // once a completion
				t.checked[e] = i
				if err := t.holds(e, changed); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// number is a value and what it is divided by.
type number struct{ value, over int64 }

// read is a completion's values; it notes on which side of the limit they are.
func (t *table) read(of Completion) (map[int64]number, error) {
	if of.Over < 1 || of.Over > mostOver {
		return nil, fmt.Errorf("its values are divided by %d", of.Over)
	}
	if err := ascending(of.Values, t.Counts, "values"); err != nil {
		return nil, err
	}
	changed := make(map[int64]number, len(of.Values))
	for _, v := range of.Values {
		c, x := v[0], v[1]
		if t.shown[c] != nil {
			return nil, fmt.Errorf("count %d is shown", c)
		}
		if x < 0 || x/of.Over < t.least[c] { // the whole part is enough
			return nil, fmt.Errorf("count %d is %s, and it is known to be at least %d", c, big.NewRat(x, of.Over).RatString(), t.least[c])
		}
		changed[c] = number{x, of.Over}
		t.above[c] = t.above[c] || x >= (t.Limit+1)*of.Over
		t.below[c] = t.below[c] || x <= t.Limit*of.Over
		t.zero[c] = t.zero[c] || x == 0
	}
	return changed, nil
}

// holds says whether an equation does.
func (t *table) holds(e int, changed map[int64]number) error {
	var whole wide
	parts := new(big.Rat) // of values that are not whole
	for _, term := range t.Equations[e] {
		x, ok := changed[term[0]]
		if !ok {
			x = t.values[term[0]]
		}
		if x.over == 1 {
			whole.add(x.value, term[1])
			continue
		}
		one := big.NewRat(x.value, x.over)
		parts.Add(parts, one.Mul(one, big.NewRat(term[1], 1)))
	}
	if whole.zero() && parts.Sign() == 0 {
		return nil
	}
	if parts.Add(parts, whole.rat()).Sign() == 0 {
		return nil
	}
	return fmt.Errorf("equation %d does not hold: it adds up to %s", e, parts.RatString())
}

// wide is a whole number of 128 bits, in two's complement. The products of most by
// most, of as many as fit into a certificate, do not overflow it.
type wide struct{ high, low uint64 }

func (w *wide) add(a, b int64) {
	high, low := bits.Mul64(uint64(max(a, -a)), uint64(max(b, -b)))
	var carry uint64
	if (a < 0) != (b < 0) {
		w.low, carry = bits.Sub64(w.low, low, 0)
		w.high, _ = bits.Sub64(w.high, high, carry)
		return
	}
	w.low, carry = bits.Add64(w.low, low, 0)
	w.high, _ = bits.Add64(w.high, high, carry)
}

func (w *wide) zero() bool { return w.high|w.low == 0 }

func (w *wide) rat() *big.Rat {
	sum := big.NewInt(int64(w.high))
	sum.Lsh(sum, 64)
	return new(big.Rat).SetInt(sum.Add(sum, new(big.Int).SetUint64(w.low)))
}

// protected: every hidden count has the completions that it needs.
func (t *table) protected() error {
	nobody, err := list(t.Nobody, t.Counts, "nobody")
	if err != nil {
		return err
	}
	large, err := list(t.Large, t.Counts, "large")
	if err != nil {
		return err
	}
	for c, shown := range t.shown {
		switch {
		case nobody[c] && large[c] || (nobody[c] || large[c]) && shown != nil:
			return fmt.Errorf("count %d is listed among those that are shown, nobody or large, and is another", c)
		case shown != nil:
		case nobody[c] && !t.zero[c]:
			return fmt.Errorf("count %d is 0 in no completion", c)
		case !nobody[c] && !t.above[c]:
			return fmt.Errorf("count %d is above %d in no completion", c, t.Limit)
		case !nobody[c] && !large[c] && !t.below[c]:
			return fmt.Errorf("count %d is at most %d in no completion", c, t.Limit)
		}
	}
	return nil
}

// verify: every direction keeps what is shown and all equations, and every hidden
// sum moves in one.
func (s *Sums) verify(size int) error {
	if s.Sums < 0 || s.Sums > size {
		return fmt.Errorf("%d sums", s.Sums)
	}
	fixed, err := list(s.Shown, s.Sums, "sums shown")
	if err != nil {
		return err
	}
	follow, err := list(s.Follow, s.Sums, "sums that follow")
	if err != nil {
		return err
	}
	in, err := occurrences(s.Equations, s.Sums)
	if err != nil {
		return err
	}
	moves := make([]bool, s.Sums)
	for i, d := range s.Directions {
		if err := s.direction(d, fixed, in, moves); err != nil {
			return fmt.Errorf("direction %d: %w", i, err)
		}
	}
	for c := range moves {
		if !moves[c] && !fixed[c] && !follow[c] {
			return errors.New("sum " + strconv.Itoa(c) + " moves in no direction")
		}
	}
	return nil
}

func (s *Sums) direction(d Completion, fixed []bool, in [][]int, moves []bool) error {
	if d.Over != 1 {
		return errors.New("a direction is of whole numbers")
	}
	if err := ascending(d.Values, s.Sums, "values"); err != nil {
		return err
	}
	by := make(map[int64]int64, len(d.Values))
	for _, v := range d.Values {
		if fixed[v[0]] {
			return fmt.Errorf("sum %d is shown", v[0])
		}
		by[v[0]] = v[1]
		moves[v[0]] = moves[v[0]] || v[1] != 0
	}
	for c := range by {
		for _, e := range in[c] {
			sum, one := new(big.Int), new(big.Int)
			for _, term := range s.Equations[e] {
				sum.Add(sum, one.Mul(big.NewInt(by[term[0]]), big.NewInt(term[1])))
			}
			if sum.Sign() != 0 {
				return fmt.Errorf("equation %d does not hold", e)
			}
		}
	}
	return nil
}
