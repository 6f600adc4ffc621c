package guard

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
)

// TestPrimarySuppressionHasNoCertificate: of the tables that people can read, with only
// what must be hidden by itself, those from which it follows are refused; as they are
// released, none is.
func TestPrimarySuppressionHasNoCertificate(t *testing.T) {
	files, err := filepath.Glob("testdata/tables/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	refused := map[string]bool{}
	for _, path := range files {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, kind, _ := strings.Cut(archive.Files[0].Name, " ")
		policy, err := ParsePolicy(archive.Files[1].Data)
		if err != nil {
			t.Fatal(err)
		}
		raw := parseRaw(t, kind, string(archive.Files[0].Data))
		if raw.keys[0] == "step" {
			continue
		}
		n, table := raw.build(t)
		g := &Guard{policy: policy, limits: policy.limits()}
		if g.small(table) {
			continue
		}
		p, err := g.groups(t.Context(), n, table)
		if err != nil {
			t.Fatal(err)
		}
		if p.certificate == nil {
			t.Errorf("%s: %s", path, p.uncertified)
		}
		v := g.visible(table)
		decide, err := new(protected).addStats(table, v)
		if err != nil {
			t.Fatal(err)
		}
		lo := lower(table, decide, g.limits, v)
		gone := slices.Clone(lo.hidden)
		for at, cells := range lo.gives {
			gone[at] = gone[at] || slices.ContainsFunc(cells, func(c int) bool { return lo.sensitive[c] })
		}
		if pinned(g.certify(new(protected), table, v, lo, gone, true)) {
			refused[strings.TrimSuffix(filepath.Base(path), ".txtar")] = true
		}
	}
	for _, name := range []string{"one-hidden-under-a-total", "two-small-under-a-total", "three-keys", "rare-labels-and-a-total", "mean-and-total"} {
		if !refused[name] {
			t.Errorf("%s: what is hidden follows, and it has a certificate; refused are %v", name, refused)
		}
	}
}
