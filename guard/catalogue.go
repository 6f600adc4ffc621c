package guard

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"weir/datasets/plan"
)

// shownRows is how many rows of a listing are shown; a cell gets all of them as values.
const shownRows = 100

// Listing is a table of the catalogue or of the vocabulary: words, none of which
// says anything of a participant.
type Listing struct {
	Title   string
	Columns []string
	Rows    [][]string
	Notes   []string
	Result  *plan.Result // what the cell gets
}

// List releases a listing.
func (g *Guard) List(n *plan.Node, l Listing) (Release, error) {
	p := &protected{keys: l.Columns, notes: l.Notes}
	for i, labels := range l.Rows {
		if len(labels) != len(l.Columns) {
			return Release{}, fmt.Errorf("a row of %d words under %d columns", len(labels), len(l.Columns))
		}
		if i < shownRows {
			p.rows = append(p.rows, row{labels: labels})
		}
	}
	if more := len(l.Rows) - shownRows; more > 0 {
		p.notes = append(p.notes, fmt.Sprintf("and %s more", thousands(int64(more))))
	}
	r := &released{title: l.Title, mime: p.render(l.Title), result: l.Result}
	return g.record("release", n, map[string]any{"listing": l.Title, "rows": len(l.Rows)}, r)
}

var errNotPublic = errors.New("counts that are not of the public tier")

// Counts releases counts of the public tier. It refuses any that is not one: of
// another tier, or not in bins of 20.
func (g *Guard) Counts(n *plan.Node, counts []plan.Count) (Release, error) {
	if g.schema.Tier != plan.Public {
		return Release{}, errNotPublic
	}
	l := Listing{
		Title:   g.schema.Name + ", version " + g.schema.CDR,
		Columns: []string{"concept", "id", "table", "of", "participants"},
		Notes:   []string{"Counts of the public tier are rounded up to a multiple of 20."},
		Result:  &plan.Result{Counts: counts},
	}
	for _, c := range counts {
		if c.Participants < 0 || c.Participants%publicBin != 0 {
			return Release{}, errNotPublic
		}
		of := c.Group
		if of == "" {
			of = "all"
		}
		most := "0"
		if c.Participants > 0 {
			most = "≤ " + thousands(int64(c.Participants))
		}
		l.Rows = append(l.Rows, []string{c.Name, strconv.Itoa(c.Concept), c.Table, of, most})
	}
	return g.List(n, l)
}

// publicBin is what a count of the public tier is a multiple of.
const publicBin = 20

// Fields releases the description of the table of an Events plan: fields, types,
// units, vocabularies, and what the tier makes of them.
func (g *Guard) Fields(n *plan.Node) (Release, error) {
	d, ok := plan.DomainOf(n.Leaf())
	t := g.schema.Table(d.Table)
	if n.Leaf().Op() == "Table" {
		t, ok = g.schema.Table(n.Leaf().Text(0)), true
	}
	if !ok || t == nil {
		return Release{}, &plan.Error{Op: n.Leaf().Op(), Msg: fmt.Sprintf("the repository %s has no such table", g.schema.Name), At: n.At()}
	}
	l := Listing{
		Title:   fmt.Sprintf("%s, %s tier of %s", t.Name, g.schema.Tier, g.schema.Name),
		Columns: []string{"field", "type", "unit", "vocabularies", "in this tier"},
	}
	for _, f := range t.Fields {
		l.Rows = append(l.Rows, []string{f.Name, f.Type, f.Unit, strings.Join(f.Vocabularies, ", "), f.Note})
	}
	if n.Recv() != nil || n.Leaf().Op() != "Table" {
		l.Notes = append(l.Notes, "events: "+n.String())
	}
	if t.Note != "" {
		l.Notes = append(l.Notes, t.Note)
	}
	return g.List(n, l)
}

// Concepts releases a list of concepts, of which there are all in the set.
func (g *Guard) Concepts(n *plan.Node, list []plan.Concept, all int) (Release, error) {
	l := Listing{
		Title:   fmt.Sprintf("%s: %s", n.Name(), plural(all, "concept")),
		Columns: []string{"id", "name", "domain", "vocabulary", "class", "code", "standard"},
		Notes:   []string{"The vocabulary says nothing of how many participants have a concept: count them with .By(cdr.Condition().In(concepts).EachConcept()).Count()."},
		Result:  &plan.Result{Concepts: list},
	}
	for _, c := range list {
		standard := ""
		if c.Standard {
			standard = "yes"
		}
		l.Rows = append(l.Rows, []string{strconv.Itoa(c.ID), c.Name, c.Domain, c.Vocabulary, c.Class, c.Code, standard})
	}
	if all > len(list) {
		l.Notes = append(l.Notes, fmt.Sprintf("Only the first %s are listed: add words to narrow the search.", thousands(int64(len(list)))))
	}
	return g.List(n, l)
}

func plural(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return thousands(int64(n)) + " " + what
}
