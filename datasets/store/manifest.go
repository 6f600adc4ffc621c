package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"weir/datasets/plan"
)

// Stride is the number of consecutive participants that a record batch never splits.
const Stride = 4096

const (
	manifestName = "manifest.json"
	format       = 2
)

// Threshold is the number of participants up to which the manifest does not name what
// they have, and what no policy goes below.
const Threshold = 20

// Type is the type of a field's values.
type Type string

// The types of fields.
const (
	Integer Type = "integer" // int32
	Float   Type = "number"  // float64
	Date    Type = "date"    // int32, days since 1970-01-01
	Label   Type = "label"   // int32, an index into the table's dictionary of texts
	Concept Type = "concept" // int32, an index into the table's dictionary of concept ids
)

// Missing is the sentinel of a missing integer, date or label. A missing number is NaN.
const Missing int32 = -1 << 31

// Manifest describes a repository.
type Manifest struct {
	Format       int       `json:"format"` // 2
	Name         string    `json:"name"`
	CDR          string    `json:"cdr"` // version of the curated data repository
	Tier         plan.Tier `json:"tier"`
	CutOff       string    `json:"cut_off"`         // last day of data, YYYY-MM-DD
	Rules        string    `json:"rules,omitempty"` // version of the tier's rules that were applied
	Source       string    `json:"source"`          // what it was built from and by
	Participants int       `json:"participants"`
	Tables       []Info    `json:"tables"`
}

// Info describes a table and its files.
type Info struct {
	Name   string  `json:"name"`
	Rows   int64   `json:"rows"`
	Fields []Field `json:"fields"`
	Note   string  `json:"note,omitempty"` // what the tier has not, or has otherwise, for people
	File
	Index *File `json:"index,omitempty"` // of the field that is Indexed
}

// File is what a file must be.
type File struct {
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// Field describes a column. The first of a table with participants is "participant".
type Field struct {
	Name    string `json:"name"`
	Type    Type   `json:"type"`
	Indexed bool   `json:"indexed,omitempty"` // rows can be found by concept; at most one field of a table
	Unused  []byte `json:"unused,omitempty"`  // of a concept field: a bitmap of the dictionary's concepts that no row has

	Vocabularies []Vocabulary `json:"vocabularies,omitempty"` // of a concept field: those that more than Threshold participants have, in alphabetical order
	Unit         string       `json:"unit,omitempty"`         // of its numbers: a UCUM code, or the field that says it
	Note         string       `json:"note,omitempty"`         // what the tier's rules make of it, for people

	// Concepts and Labels are the dictionary of a concept field, ids in ascending
	// order, and of a label field. They stand in the data file, not in the manifest:
	// a table is written with them, and one that is open has Labels. Of says to which
	// vocabulary each of Concepts belongs, "" for none that is to be counted.
	Concepts []int32  `json:"-"`
	Labels   []string `json:"-"`
	Of       []string `json:"-"`
}

// Vocabulary is one to which a field's concepts belong, and how many participants
// have one of them.
type Vocabulary struct {
	Name         string `json:"name"`
	Participants int    `json:"participants"`
}

// Field is the field of that name.
func (i *Info) Field(name string) (Field, bool) {
	for _, f := range i.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

var plainName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

func readManifest(dir string) (*Manifest, error) {
	path := filepath.Join(dir, manifestName)
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("no repository at %s: %w; make one with weir data synthesize or weir data import", dir, err)
	}
	m, err := parseManifest(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w; build the repository again with weir data", path, err)
	}
	return m, nil
}

func parseManifest(b []byte) (*Manifest, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	m := new(Manifest)
	if err := d.Decode(m); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("bytes follow the manifest")
	}
	return m, m.check()
}

func (m *Manifest) check() error {
	if m.Format != format {
		return fmt.Errorf("format %d: this weir reads format %d", m.Format, format)
	}
	if !m.Tier.Valid() {
		return fmt.Errorf("%q is not a tier", m.Tier)
	}
	if _, err := time.Parse(time.DateOnly, m.CutOff); err != nil {
		return fmt.Errorf("cut_off: %w", err)
	}
	if m.Participants < 0 || m.Participants > 1<<31-1 {
		return fmt.Errorf("%d participants", m.Participants)
	}
	seen := map[string]bool{}
	for i := range m.Tables {
		t := &m.Tables[i]
		if seen[t.Name] {
			return fmt.Errorf("table %s is listed twice", t.Name)
		}
		seen[t.Name] = true
		if err := t.check(); err != nil {
			return fmt.Errorf("table %q: %w", t.Name, err)
		}
	}
	return nil
}

func (i *Info) check() error {
	if !plainName.MatchString(i.Name) || i.Rows < 0 || !i.File.valid() || i.Index != nil && !i.Index.valid() {
		return fmt.Errorf("malformed name, size or hash")
	}
	if (i.indexed() != "") != (i.Index != nil) {
		return fmt.Errorf("an index without its field, or a field without its index")
	}
	return checkFields(i.Fields)
}

func (f File) valid() bool { return f.Bytes >= 0 && len(f.SHA256) == 64 }

// indexed is the field by whose concepts rows can be found, or "".
func (i *Info) indexed() string {
	for _, f := range i.Fields {
		if f.Indexed {
			return f.Name
		}
	}
	return ""
}

func checkFields(fields []Field) error {
	seen, indexed := map[string]bool{}, 0
	for _, f := range fields {
		if f.Indexed {
			indexed++
		}
		if indexed > 1 || f.Indexed && f.Type != Concept {
			return fmt.Errorf("field %s cannot be indexed: one concept field of a table can", f.Name)
		}
		if !plainName.MatchString(f.Name) || seen[f.Name] {
			return fmt.Errorf("field %q: malformed, or listed twice", f.Name)
		}
		seen[f.Name] = true
		if err := f.check(); err != nil {
			return fmt.Errorf("field %s: %w", f.Name, err)
		}
	}
	return nil
}

func (f *Field) check() error {
	switch f.Type {
	case Integer, Float, Date, Concept, Label:
	default:
		return fmt.Errorf("unknown type %q", f.Type)
	}
	if f.Vocabularies != nil && f.Type != Concept {
		return fmt.Errorf("a %s has no vocabularies", f.Type)
	}
	for _, v := range f.Vocabularies {
		if v.Participants <= Threshold {
			return fmt.Errorf("a vocabulary of %d participants or fewer is named", Threshold)
		}
	}
	if f.Labels != nil && f.Type != Label {
		return fmt.Errorf("a %s has no labels", f.Type)
	}
	return nil
}

// Schema is what cells may know of the repository under a policy with that threshold:
// names, types and notes, no labels, and of vocabularies those that more participants have.
func (m *Manifest) Schema(threshold int64) *plan.Schema {
	s := &plan.Schema{Name: m.Name, CDR: m.CDR, Tier: m.Tier, CutOff: m.CutOff}
	for _, t := range m.Tables {
		pt := plan.Table{Name: t.Name, Note: t.Note}
		for _, f := range t.Fields {
			if !plan.Identifies(f.Name) {
				pt.Fields = append(pt.Fields, plan.Field{Name: f.Name, Type: string(f.Type), Vocabularies: f.named(threshold), Unit: f.Unit, Note: f.Note})
			}
		}
		if t.Name != participantsTable {
			s.Tables = append(s.Tables, pt)
		}
	}
	return s
}

// named are the vocabularies that more participants have than the threshold.
func (f *Field) named(threshold int64) (out []string) {
	for _, v := range f.Vocabularies {
		if int64(v.Participants) > threshold {
			out = append(out, v.Name)
		}
	}
	return out
}
