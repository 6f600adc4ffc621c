package certificate

import (
	"bytes"
	"encoding/json"
	"go/parser"
	"go/token"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sample is a table of two sexes by three bands with totals, of which a square of
// four is hidden, a percentage of yes in each band, and means that add up.
func sample() Certificate {
	// 0 1 2 3   women of the bands, and all
	// 4 5 6 7   men
	// 8 9 10 11 both
	// 12 13     yes and no of the first band
	return Certificate{
		Version: 1, Limit: 20,
		Rows: [][]string{{"hidden", "hidden", "100", "130"}, {"hidden", "hidden", "60", "1,100"}, {"500", "570", "160", "1,230"}, {"43.2%"}},
		Numbers: []Number{
			{Row: 0, Column: 0, Count: 0}, {Row: 0, Column: 1, Count: 1}, {Row: 0, Column: 2, Count: 2}, {Row: 0, Column: 3, Count: 3},
			{Row: 1, Column: 0, Count: 4}, {Row: 1, Column: 1, Count: 5}, {Row: 1, Column: 2, Count: 6}, {Row: 1, Column: 3, Count: 7},
			{Row: 2, Column: 0, Count: 8}, {Row: 2, Column: 1, Count: 9}, {Row: 2, Column: 2, Count: 10}, {Row: 2, Column: 3, Count: 11},
			{Row: 3, Column: 0, Count: 12, Of: []int{12, 13}},
		},
		Counts: 14,
		Shown:  []Value{{2, 100}, {3, 130}, {6, 60}, {7, 1100}, {8, 500}, {9, 570}, {10, 160}, {11, 1230}, {12, 216}, {13, 284}},
		Least:  []Value{{0, 1}, {1, 1}, {4, 1}, {5, 1}},
		Equations: []Equation{
			{{0, 1}, {1, 1}, {2, 1}, {3, -1}}, {{4, 1}, {5, 1}, {6, 1}, {7, -1}}, {{8, 1}, {9, 1}, {10, 1}, {11, -1}},
			{{0, 1}, {4, 1}, {8, -1}}, {{1, 1}, {5, 1}, {9, -1}}, {{2, 1}, {6, 1}, {10, -1}}, {{3, 1}, {7, 1}, {11, -1}},
			{{8, -1}, {12, 1}, {13, 1}},
		},
		Completions: []Completion{
			{1, []Value{{0, 9}, {1, 21}, {4, 491}, {5, 549}}},
			{2, []Value{{0, 43}, {1, 17}, {4, 957}, {5, 1123}}},
		},
		Large: []int{4, 5},
		Sums: Sums{
			Sums: 4, Shown: []int{3}, Equations: []Equation{{{0, 1}, {1, 1}, {2, 1}, {3, -1}}},
			Directions: []Completion{{1, []Value{{0, 1}, {1, -1}}}}, Follow: []int{2},
		},
	}
}

// broken are changes of the sample that break it, and what Verify says. The last of a
// list of replacements stands for all.
var broken = []struct{ name, old, new, want string }{
	{"a number that was not released", `"1,230"`, `"1,231"`, "the count is 1230"},
	{"a count that was not released", `[11,1230]`, `[11,1231]`, "the count is 1231"},
	{"a percentage that was not released", `"43.2%"`, `"43.1%"`, "216 of 500 is not that"},
	{"a percentage with more digits", `"43.2%"`, `"43.21%"`, "216 of 500 is not that"},
	{"a numerator", `[12,216],[13,284]`, `[12,217],[13,283]`, "is not that"},
	{"no number", `"1,230"`, `"1e3"`, "is released"},
	{"a number that gives a hidden count away", `["hidden","hidden","100"`, `["9","hidden","100"`, "count 0 is hidden, and a number"},
	{"a hidden number that is said to be shown", `"570"`, `"hidden"`, "count 9 is shown"},
	{"a number that is nowhere", `{"row":3,"column":0`, `{"row":4,"column":0`, "there is no number"},
	{"a number of no count", `"count":11}`, `"count":14}`, "count 14"},
	{"a small count that is shown", `[[2,100],`, `[[0,9],[2,100],`, "from 1 to 20"},
	{"a count below 0 that is shown", `[[2,100]`, `[[2,-100]`, "count 2"},
	{"a flipped number", `[0,9],[1,21]`, `[0,8],[1,21]`, "completion 0: equation 0 does not hold"},
	{"a flipped number of the other", `[0,43],[1,17]`, `[0,43],[1,18]`, "completion 1: equation"},
	{"another divisor", `"over":2`, `"over":3`, "completion 1: equation"},
	{"no divisor", `"over":2`, `"over":0`, "divided by 0"},
	{"a missing count", `[0,9],[1,21]`, `[1,21]`, "count 0 has no value"},
	{"a count below its least", `[0,9],[1,21],[4,491],[5,549]`, `[0,0],[1,30],[4,500],[5,540]`, "at least 1"},
	{"a count below 0", `[0,9],[1,21],[4,491],[5,549]`, `[0,-1],[1,31],[4,501],[5,539]`, "at least 1"},
	{"no upper completion", `,{"over":2,"values":[[0,43],[1,17],[4,957],[5,1123]]}`, ``, "count 0 is above 20 in no completion"},
	{"a shown count that a completion changes", `[0,43],[1,17],`, `[0,43],[1,17],[2,200],`, "count 2 is shown"},
	{"almost above", `{"over":2,"values":[[0,43],[1,17],[4,957],[5,1123]]}`, `{"over":2,"values":[[0,41],[1,19],[4,959],[5,1121]]}`, "count 0 is above 20 in no completion"},
	{"no lower completion", `"large":[4,5]`, `"large":[4]`, "count 5 is at most 20 in no completion"},
	{"nobody", `"nobody":[]`, `"nobody":[0]`, "count 0 is 0 in no completion"},
	{"two lists", `"nobody":[]`, `"nobody":[4]`, "listed"},
	{"a shown count in a list", `"large":[4,5]`, `"large":[4,5,6]`, "listed"},
	{"an equation that holds of nothing", `[8,-1],[12,1]`, `[8,1],[12,1]`, "equation 7 does not hold"},
	{"an unknown count in an equation", `[10,1],[11,-1]`, `[10,1],[14,-1]`, "out of range"},
	{"a count twice in an equation", `[[0,1],[4,1],`, `[[0,1],[0,1],`, "out of range"},
	{"a lower limit", `"limit":20`, `"limit":0`, "limit of 0"},
	{"a higher limit", `"limit":20`, `"limit":30`, "in no completion"},
	{"fewer counts", `"counts":14`, `"counts":13`, "out of range"},
	{"more counts", `"counts":14`, `"counts":15`, "count 14 has no value"},
	{"endless counts", `"counts":14`, `"counts":1000000000`, "1000000000 counts"},
	{"least of a shown count", `"least":[[0,1]`, `"least":[[0,1],[2,1]`, "out of range"},
	{"a sum that does not move", `"follow":[2]`, `"follow":[]`, "sum 2 moves in no direction"},
	{"a direction in which the total moves", `[[0,1],[1,-1]]}]`, `[[0,1],[1,1]]}]`, "direction 0: equation 0"},
	{"a direction of a shown sum", `[[0,1],[1,-1]]}]`, `[[0,1],[3,1]]}]`, "sum 3 is shown"},
	{"another version", `{"certificate":1`, `{"certificate":2`, "version 2"},
	{"an unknown key", `"limit":20`, `"limit":20,"more":1`, "unknown field"},
	{"white space", `"limit":20`, `"limit": 20`, "canonical"},
	{"a key that is not there", `"nobody":[],`, ``, "canonical"},
	{"null", `"nobody":[]`, `"nobody":null`, "canonical"},
	{"a large number", `[11,1230]`, `[11,9223372036854775807]`, "out of range"},
	{"too large a number", `[11,1230]`, `[11,9223372036854775808]`, "no certificate"},
}

func encode(t testing.TB, c Certificate) []byte {
	t.Helper()
	data, err := c.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestVerify(t *testing.T) {
	data := encode(t, sample())
	if err := Verify(data); err != nil {
		t.Fatal(err)
	}
	rows, err := Rows(data)
	if err != nil || rows[1][3] != "1,100" {
		t.Error(rows, err)
	}
	for _, x := range broken {
		t.Run(x.name, func(t *testing.T) {
			if strings.Count(string(data), x.old) != 1 {
				t.Fatalf("%s stands %d times in %s", x.old, strings.Count(string(data), x.old), data)
			}
			err := Verify([]byte(strings.Replace(string(data), x.old, x.new, 1)))
			if err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("%v, and not that %s", err, x.want)
			}
		})
	}
}

// TestExample: the certificate of the package comment is one, up to white space.
func TestExample(t *testing.T) {
	source, err := os.ReadFile("certificate.go")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(source), "//\t{")
	text, _, _ = strings.Cut(text, "\n//\n")
	var data bytes.Buffer
	if err := json.Compact(&data, []byte(strings.ReplaceAll("{"+text, "//\t", ""))); err != nil {
		t.Fatal(err)
	}
	if err := Verify(data.Bytes()); err != nil {
		t.Error(err)
	}
}

// TestIndependent: the verifier is made of the standard library alone.
func TestIndependent(t *testing.T) {
	f, err := parser.ParseFile(token.NewFileSet(), "certificate.go", nil, parser.ImportsOnly)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range f.Imports {
		if path := strings.Trim(i.Path.Value, `"`); strings.Contains(path, ".") || strings.HasPrefix(path, "weir") {
			t.Errorf("it imports %s", path)
		}
	}
	if files, err := filepath.Glob("*.go"); err != nil || len(files) != 2 {
		t.Errorf("%v: another file is not looked at", files)
	}
}

// TestNothingHidden: a table in which everything is shown needs no completion.
func TestNothingHidden(t *testing.T) {
	c := Certificate{Version: 1, Limit: 20, Rows: [][]string{{"100"}}, Numbers: []Number{{}}, Counts: 1, Shown: []Value{{0, 100}}}
	if err := Verify(encode(t, c)); err != nil {
		t.Error(err)
	}
	c.Equations = []Equation{{{0, 1}}}
	if err := Verify(encode(t, c)); err == nil {
		t.Error("an equation that does not hold passes")
	}
}

// FuzzVerify: whatever passes is canonical, and passes a plain reading of the format.
func FuzzVerify(f *testing.F) {
	data := encode(f, sample())
	f.Add(data)
	for _, x := range broken {
		f.Add([]byte(strings.Replace(string(data), x.old, x.new, 1)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if Verify(data) != nil {
			return
		}
		var c Certificate
		if err := json.Unmarshal(data, &c); err != nil {
			t.Fatal(err)
		}
		if again := encode(t, c); !bytes.Equal(again, data) {
			t.Fatalf("two forms:\n%s\n%s", data, again)
		}
		plain(t, &c)
	})
}

// plain reads the format word by word: every completion in full.
func plain(t *testing.T, c *Certificate) {
	shown, hidden := map[int64]int64{}, map[int64][]*big.Rat{}
	for _, v := range c.Shown {
		shown[v[0]] = v[1]
	}
	var base map[int64]*big.Rat
	for _, x := range c.Completions {
		full := map[int64]*big.Rat{}
		for at := range base {
			full[at] = base[at]
		}
		for at, v := range shown {
			full[at] = big.NewRat(v, 1)
		}
		for _, v := range x.Values {
			full[v[0]] = big.NewRat(v[1], x.Over)
		}
		if base == nil {
			base = full
		}
		for _, v := range c.Least {
			if full[v[0]].Cmp(big.NewRat(v[1], 1)) < 0 {
				t.Fatalf("%d below %d", v[0], v[1])
			}
		}
		for _, q := range c.Equations {
			sum := new(big.Rat)
			for _, term := range q {
				sum.Add(sum, new(big.Rat).Mul(full[term[0]], big.NewRat(term[1], 1)))
			}
			if sum.Sign() != 0 {
				t.Fatalf("%v adds up to %s", q, sum)
			}
		}
		for at := range int64(c.Counts) {
			if full[at].Sign() < 0 {
				t.Fatalf("%d is %s", at, full[at])
			}
			if _, ok := shown[at]; !ok {
				hidden[at] = append(hidden[at], full[at])
			}
		}
	}
	limit := big.NewRat(c.Limit+1, 1)
	for at, values := range hidden {
		outside := false
		for _, x := range values {
			outside = outside || x.Sign() == 0 || x.Cmp(limit) >= 0
		}
		if !outside {
			t.Fatalf("%d is pinned", at)
		}
	}
}
