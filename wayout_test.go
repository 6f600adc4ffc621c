package main

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// wayOutCells begin a notebook whose questions have hidden numbers in the synthetic
// repository; each question is what is behind the cohort.
const wayOutCells = `cdr := ds.Open("synthetic")
index := cdr.Condition(201826).Descendants().First()
diabetes := cdr.Cohort("type 2 diabetes").Entry(index)
hba1c := cdr.Measurement(3004410).Unit("%").Last().Value()
sex, race, age := cdr.SexAtBirth(), cdr.Race(), cdr.AgeAt(index)
others := diabetes.Exclude(sex.In("Female", "Male"))`

// TestWayOut asks, pastes what the table proposes into the next notebook, and asks
// again: it compiles, it runs, and it shows more.
func TestWayOut(t *testing.T) {
	for _, test := range []struct {
		question string
		was, is  int // rows with hidden numbers
	}{
		{`diabetes.|By(sex, age.BandsOf(5, 40, 80))|.Count()`, 10, 0},
		{`diabetes.|By(sex, age.Fractions(10))|.Count()`, 10, 0},
		{`diabetes.|By(sex, age.Bands(20, 22, 24))|.Summarise(hba1c.Median())`, 7, 1},
		{`diabetes.|By(sex, age.Bands(20, 25, 60))|.WithTotals().Count()`, 6, 0},
		{`diabetes.|Crosstab(hba1c.Bands(5, 11, 12, 13), age.Bands(30, 40, 50))|`, 4, 0},
		{`others.|By(age.BandsOf(5, 30, 80))|.Count()`, 11, 0},
		{`diabetes.|By(race, hba1c.Below(5))|.Summarise(age.Below(30).Proportion())`, 19, 12},
	} {
		t.Run(test.question, func(t *testing.T) {
			part := strings.Split(test.question, "|")
			data := workspace(t)
			before := ask(t, data, part[0]+part[1]+part[2])
			proposal := regexp.MustCompile(`(?m)^(To see|This may show) more: ((?:By|Crosstab|Count)\(.*\)) (?:merges|leaves out|puts) `).FindStringSubmatch(before.Data["text/plain"])
			if proposal == nil {
				t.Fatalf("no way out:\n%s", before.Data["text/plain"])
			}
			if strings.HasPrefix(proposal[2], "Count") {
				part[2] = ""
			}
			after := ask(t, data, part[0]+proposal[2]+part[2])
			if was, is := hiddenRows(before), hiddenRows(after); was != test.was || is != test.is {
				t.Errorf("%d rows have hidden numbers, %d with the way out; want %d and %d:\n%s\n%s", was, is, test.was, test.is, before.Data["text/plain"], after.Data["text/plain"])
			}
		})
	}
}

func ask(t *testing.T, data, question string) output {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out.ipynb")
	if _, stderr, code := weir(t, data, "run", notebook(t, wayOutCells, question), "-o", out); code != 0 {
		t.Fatalf("%s\n%s", question, stderr)
	}
	return outputsOf(t, out)[0]
}

// hiddenRows is how many rows of a table have a hidden number.
func hiddenRows(o output) int {
	n := 0
	for tr := range strings.SplitSeq(o.Data["text/html"], "</tr>") {
		if strings.Contains(tr, "<em>hidden</em>") {
			n++
		}
	}
	return n
}
