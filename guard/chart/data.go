package chart

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"weir/datasets/plan"
)

// state is what is known of a number.
type state int

const (
	absent state = iota // the table has no such group
	none                // there is nothing to compute from
	hidden
	shown
)

// What stands for the states that are no number's.
const (
	marker  = "hidden"
	nothing = "–"
)

// value is a number that may be seen, or the state of one that may not.
type value struct {
	state  state
	number float64
	text   string
	bins   int // of a histogram, over which it is spread; number is of each
}

// largest and smallest bound the numbers that are drawn: beyond them floating
// point has no room for an axis.
const largest, smallest = 1e100, 1e-100

// see is what may be seen of a cell. Nothing behind it knows a hidden number.
func see(c plan.Cell) value {
	switch {
	case c.Hidden:
		return value{state: hidden, text: marker}
	case c.None, math.IsNaN(c.Value), math.Abs(c.Value) > largest:
		return value{state: none, text: nothing}
	}
	v := value{state: shown, number: c.Value, text: clean(c.Text, maxShort)}
	if math.Abs(v.number) < smallest {
		v.number = 0
	}
	if v.text == "" {
		v.text = plain(v.number)
	}
	return v
}

// over is the value spread over so many bins: an area of a histogram is participants,
// so that a bar of several bins is as high as each would be on average.
func (v value) over(bins int) value {
	v.bins = bins
	v.number /= float64(bins)
	return v
}

// whole is the value itself.
func (v value) whole() float64 { return v.number * float64(max(1, v.bins)) }

// place is labels, by key.
type place [6]int

// group is the labels and numbers of participants that are drawn together.
type group struct {
	at     []int // labels, by key
	values []value
}

// key is a key of the chart, with the labels that its groups have, "missing" last,
// and "total" after it where it is drawn.
type key struct {
	name    string // "" of one that the chart does not have
	labels  []label
	missing int // which label is of those without a value, or -1
}

// label is a text in full, and a short form that no other label of the key has.
type label struct{ full, short string }

// newKey makes a key of labels in order, and finds their places in it.
func newKey(name string, order []string) (*key, map[string]int) {
	k, at := &key{name: name, missing: -1}, map[string]int{}
	order = slices.Clone(order)
	for _, last := range []string{plan.Missing, plan.Total} {
		if i := slices.Index(order, last); i >= 0 {
			order = append(slices.Delete(order, i, i+1), last)
		}
	}
	k.missing = slices.Index(order, plan.Missing)
	for i, l := range order {
		at[l] = i
		k.labels = append(k.labels, label{named(l, maxText), named(l, maxShort)})
	}
	k.distinguish()
	return k, at
}

// distinguish numbers short labels that have become the same.
func (k *key) distinguish() {
	seen := map[string]bool{}
	for i := range k.labels {
		short := k.labels[i].short
		for n := 2; seen[k.labels[i].short]; n++ {
			k.labels[i].short = short + " (" + strconv.Itoa(n) + ")"
		}
		seen[k.labels[i].short] = true
	}
}

func (k *key) shorts() []string {
	out := make([]string, len(k.labels))
	for i, l := range k.labels {
		out[i] = l.short
	}
	return out
}

// clean is a text of at most so many characters without what is not to be seen:
// control characters, and marks that turn the direction of what follows. Marks on
// a letter are bounded too, which otherwise grow over the lines around.
func clean(s string, most int) string {
	var out []rune
	marks := 0
	for _, r := range s {
		if marks++; !unicode.IsMark(r) {
			marks = 0
		}
		switch {
		case len(out) > most:
		case unicode.IsSpace(r):
			if len(out) > 0 && out[len(out)-1] != ' ' {
				out = append(out, ' ')
			}
		case unicode.IsGraphic(r) && marks < 4:
			out = append(out, r)
		}
	}
	if len(out) > most {
		out = append(out[:most-1], '…')
	}
	return strings.TrimSuffix(string(out), " ")
}

// named is a clean text, or what stands for an empty one.
func named(s string, most int) string {
	if s = clean(s, most); s == "" {
		return "(no name)"
	}
	return s
}
