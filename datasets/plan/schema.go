package plan

// Tier is what a repository may hold: one of the three of the access model.
type Tier string

// The tiers, in the order of what they hold.
const (
	Public     Tier = "public"
	Registered Tier = "registered"
	Controlled Tier = "controlled"
)

// Valid says whether t is a tier.
func (t Tier) Valid() bool { return t == Public || t == Registered || t == Controlled }

// Schema describes a repository without any value of it.
type Schema struct {
	Name   string  `json:"name"`
	CDR    string  `json:"cdr"` // version of the curated data repository
	Tier   Tier    `json:"tier"`
	CutOff string  `json:"cut_off"` // last day of data, YYYY-MM-DD
	Tables []Table `json:"tables"`
}

// Table is one table of the schema.
type Table struct {
	Name   string  `json:"name"`
	Fields []Field `json:"fields"`
	Note   string  `json:"note,omitempty"` // what the tier has not, or has otherwise
}

// Field is one field of a table; Type is integer, number, date, label or concept.
type Field struct {
	Name         string   `json:"name"`
	Type         string   `json:"type"`
	Vocabularies []string `json:"vocabularies,omitempty"` // of a concept
	Unit         string   `json:"unit,omitempty"`         // a UCUM code, or where the unit stands
	Note         string   `json:"note,omitempty"`         // what the tier does to it
}

// Table is the table of that name, nil when there is none.
func (s *Schema) Table(name string) *Table {
	for i := range s.Tables {
		if s.Tables[i].Name == name {
			return &s.Tables[i]
		}
	}
	return nil
}

// schema is the repository that plans are built for; nil where it is not known.
var schema *Schema

// For names the repository that plans of this process are built for: tables and
// fields that it lacks are mistakes from then on. In a process with several
// repositories the engine finds them.
func For(s *Schema) { schema = s }
