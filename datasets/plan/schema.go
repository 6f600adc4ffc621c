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
}

// Field is one field of a table; Type is integer, number, date or label.
type Field struct {
	Name string `json:"name"`
	Type string `json:"type"`
}
