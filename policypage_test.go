package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The page of policies names tests that are there, and no sentence is called
// enforced without one.
func TestPolicyPageNamesTests(t *testing.T) {
	page := string(readFile(t, "install/POLICIES.md"))
	there := map[string]bool{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, "_test.go") {
			for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(readFile(t, path), -1) {
				there[string(m[1])] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	test := regexp.MustCompile("`(Test\\w+)`")
	for _, m := range test.FindAllStringSubmatch(page, -1) {
		if !there[m[1]] {
			t.Errorf("there is no %s", m[1])
		}
	}
	for _, line := range strings.Split(page, "\n") {
		if cells := strings.Split(line, " | "); len(cells) == 3 && strings.HasPrefix(cells[1], "Enforced") && !test.MatchString(line) {
			t.Errorf("enforced without a test: %s", cells[0])
		}
	}
}

// Every sentence of the policies' public summary stands on the page.
func TestPolicyPageIsComplete(t *testing.T) {
	text, err := os.ReadFile("../shared/reference/data-tiers-and-policies.txt")
	if err != nil {
		outsider(t, "../shared/reference/data-tiers-and-policies.txt", "")
	}
	page := string(readFile(t, "install/POLICIES.md"))
	_, policies, ok := strings.Cut(string(text), "you:\n")
	if !ok {
		t.Fatal("the summary has another form now")
	}
	sentences := 0
	for _, line := range strings.Split(policies, "\n") {
		for _, s := range regexp.MustCompile(`[^.]+(\.g\.|e\.)?[^.]*\.?`).FindAllString(strings.TrimPrefix(line, "- "), -1) {
			s = strings.TrimSpace(s)
			if len(s) < 40 || tellsWhere(s) || tellsWhere(line) || strings.Contains(s, "We gratefully") || strings.Contains(s, "We also thank") {
				continue
			}
			sentences++
			if !strings.Contains(page, s) {
				t.Errorf("not on the page: %s", s)
			}
		}
	}
	if sentences < 50 {
		t.Errorf("only %d sentences were looked for", sentences)
	}
}

// tellsWhere says that a line tells where a policy is found.
func tellsWhere(line string) bool {
	for _, s := range []string{"Below are some key points", "Full policy", "More information about acceptable", "This means that, as a user", "Data users should follow", "Under the All of Us Data and Statistics"} {
		if strings.HasPrefix(line, s) {
			return true
		}
	}
	return false
}
