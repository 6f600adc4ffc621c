package plan

import (
	"errors"
	"strings"
	"testing"
)

func root(t testing.TB, op string, args ...Arg) *Node {
	t.Helper()
	n, err := Root(op, args...)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func then(t testing.TB, n *Node, op string, args ...Arg) *Node {
	t.Helper()
	m, err := n.Then(op, args...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// example uses every kind of argument, a part twice, a name and a position.
func example(t testing.TB) *Node {
	Mark(Position{Cell: 3, Line: 4})
	defer Mark(Position{})
	index := then(t, then(t, root(t, "Condition", 201826), "Descendants"), "First")
	index, err := index.As("index")
	if err != nil {
		t.Fatal(err)
	}
	value := then(t, then(t, then(t, root(t, "Measurement", 3004410), "Unit", "%"), "Last"), "Value")
	cohort := then(t, root(t, "Cohort", "type 2"), "Entry", index)
	groups := then(t, cohort, "By", then(t, root(t, "AgeAt", index), "Bands", 18.5, 45))
	return then(t, groups, "Summarise", then(t, value, "Mean"), then(t, then(t, value, "Below", 7), "Proportion"))
}

func TestRoundTrip(t *testing.T) {
	n := example(t)
	m, err := Decode(Encode(n))
	if err != nil {
		t.Fatal(err)
	}
	if m.ID() != n.ID() || m.Tree() != n.Tree() || m.At() != n.At() || string(Encode(m)) != string(Encode(n)) {
		t.Errorf("got\n%s\nwant\n%s", m.Tree(), n.Tree())
	}
}

// TestIdentity: names, positions and the type of a number's literal do not matter; anything else does.
func TestIdentity(t *testing.T) {
	age := root(t, "Age")
	named, err := age.As("years")
	if err != nil {
		t.Fatal(err)
	}
	if then(t, age, "Below", 7).ID() != then(t, named, "Below", 7.0).ID() {
		t.Error("the same plan has two identities")
	}
	different := []*Node{
		then(t, age, "Below", 7), then(t, age, "Below", 8), then(t, age, "AtMost", 7), then(t, age, "Between", 7, 8),
		root(t, "Condition"), root(t, "Condition", 1), root(t, "Condition", 1, 2), root(t, "Condition", 2, 1), root(t, "Drug", 1),
		then(t, root(t, "SexAtBirth"), "Is", "a"), then(t, root(t, "SexAtBirth"), "In", "a"), then(t, root(t, "SexAtBirth"), "In", "a", "b"), then(t, root(t, "SexAtBirth"), "In", "ab"),
	}
	seen := map[ID]*Node{}
	for _, n := range different {
		if seen[n.ID()] != nil {
			t.Errorf("%s and %s have one identity", n, seen[n.ID()])
		}
		seen[n.ID()] = n
	}
}

// TestMistakes: what a plan may not say is refused when it is built.
func TestMistakes(t *testing.T) {
	age, hba1c := root(t, "Age"), root(t, "Measurement", 3004410)
	everyone := root(t, "Everyone")
	for _, c := range []struct {
		recv *Node
		op   string
		args []Arg
		want string
	}{
		{nil, "Everybody", nil, "no such operation"},
		{everyone, "Value", nil, "Cohort has no such operation"},
		{age, "Below", nil, "0 arguments where 1 are needed"},
		{age, "Below", []Arg{"7"}, "string where a number or a Number is needed"},
		{age, "Below", []Arg{nan()}, "not a number"},
		{nil, "Condition", []Arg{1.5}, "float64 where an int is needed"},
		{nil, "Condition", []Arg{int64(1) << 60}, "too large"},
		{nil, "Cohort", []Arg{strings.Repeat("x", MaxText+1)}, "at most 4,096 bytes"},
		{nil, "Cohort", []Arg{"\xff"}, "valid UTF-8"},
		{everyone, "By", []Arg{age}, "a Number where a Key is needed; band it first"},
		{everyone, "By", nil, "0 arguments"},
		{everyone, "Include", []Arg{(*Node)(nil)}, "an empty value"},
		{hba1c, "Window", []Arg{root(t, "Birth"), 1, -1}, "the first day is after the last"},
		{hba1c, "MeanValue", nil, `say which: .Unit("%")`},
		{then(t, root(t, "Condition", 1), "First"), "Value", nil, "have no value"},
		{hba1c, "AtLeast", []Arg{0}, "at least 1"},
		{age, "Bands", []Arg{45, 18}, "do not increase"},
		{age, "BandsOf", []Arg{0.001, 0, 1000}, "more than 100 bands"},
		{nil, "Table", []Arg{"person"}, "no table of events"},
		{nil, "Day", []Arg{2021, 2, 29}, "no such day"},
		{root(t, "Condition"), "Descendants", nil, "name the concepts"},
	} {
		var n *Node
		var err error
		if c.recv == nil {
			n, err = Root(c.op, c.args...)
		} else {
			n, err = c.recv.Then(c.op, c.args...)
		}
		var mistake *Error
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: got %v, %v; want %q", c.op, c.args, n, err, c.want)
		}
	}
	var none *Node
	if _, err := none.Then("First"); err == nil {
		t.Error("an empty value has a first event")
	}
}

func nan() float64 { var zero float64; return zero / zero }

func TestIdentifiers(t *testing.T) {
	for field, want := range map[string]bool{
		"person_id": true, "visit_occurrence_id": true, "participant": true, "provider_id": true,
		"condition_concept_id": false, "concept_id": false, "value_as_number": false,
	} {
		if Identifies(field) != want {
			t.Errorf("Identifies(%s) is %v", field, !want)
		}
	}
}

// TestSize: sharing a part does not make a plan that is too large to print.
func TestSize(t *testing.T) {
	n := then(t, root(t, "Age"), "Below", 7)
	for range 64 {
		m, err := n.Then("And", n)
		if err != nil {
			if !strings.Contains(err.Error(), "20,000 steps") {
				t.Error(err)
			}
			return
		}
		n = m
	}
	t.Error("a plan of 2^64 steps was built")
}

func TestDecodeIsStrict(t *testing.T) {
	for _, text := range []string{
		``, `{}`, `{"steps":[]}`, `{"steps":[{"op":"Age"}]} x`, `{"steps":[{"op":"Age"}],"more":1}`,
		`{"steps":[{"op":"Age","extra":1}]}`,
		`{"steps":[{"op":"Below","recv":1,"args":[{"float":7}]}]}`,
		`{"steps":[{"op":"Age"},{"op":"Below","recv":2,"args":[{"float":7}]}]}`,
		`{"steps":[{"op":"Age"},{"op":"Below","recv":-1,"args":[{"float":7}]}]}`,
		`{"steps":[{"op":"Age"},{"op":"Below","recv":1,"args":[{"float":7,"int":7}]}]}`,
		`{"steps":[{"op":"Age"},{"op":"Below","recv":1,"args":[{}]}]}`,
		`{"steps":[{"op":"Age"},{"op":"Below","recv":1,"args":[{"float":1e400}]}]}`,
		`{"steps":[{"op":"Person"}]}`,
	} {
		if n, err := Decode([]byte(text)); err == nil {
			t.Errorf("%s: accepted as %s", text, n)
		}
	}
}

// FuzzDecode: what is accepted is a plan that has one wire form.
func FuzzDecode(f *testing.F) {
	f.Add(Encode(example(f)))
	f.Add([]byte(`{"steps":[{"op":"Age"},{"op":"Bands","recv":1,"args":[{"int":18},{"float":45.5}]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, err := Decode(b)
		if err != nil {
			return
		}
		again, err := Decode(Encode(n))
		if err != nil || again.ID() != n.ID() || again.Tree() != n.Tree() {
			t.Errorf("%q: %v, %s, %s", b, err, n, again)
		}
	})
}
