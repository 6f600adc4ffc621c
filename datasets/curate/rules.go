package curate

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"

	"weir/datasets/plan"
	"weir/datasets/store"
)

// Rules say what each tier may hold. BuiltIn are those that the binary ships;
// Tightened adds an administrator's to them, which cannot take any away.
//
// They are TOML: a version, and rules in the order in which they act. A rule has a
// name that no other has, the tiers for which it holds, "from" for where it comes
// from, and exactly one act:
//
//	drop_tables = ["note"]                     the repository has no such tables
//	drop_fields = ["death.cause_concept_id"]   nor such fields; * stands for any text
//	null_fields = ["measurement.range_low"]    the fields are there and empty
//	drop_rows = { tables = ["observation"], concepts = [1586149], lists = ["vehicle"] }
//	        rows that have one of the concepts in any field; without tables, those of
//	        every table but person
//	generalise = { fields = ["person.race_concept_id"], questions = [1586140],
//	        concepts = [1586141, 1586144], into = 2000000001 }
//	        answers to the questions, in ds_survey and observation, and fields of
//	        person; with several = true those of participants who gave more than one
//	        of the answers; with born = […] those whose sex at birth is one of these;
//	        with missing = true in place of concepts, what is 0 or absent. Of a
//	        participant's answers to a question that are made equal the last is kept.
//	cap_age = { oldest = 88 }                  who is older at the cut-off is left out
//	shift_dates = { least = 1, most = 364 }    all dates of a participant, so many days back
//	middle_of_birth_year = true                births become 15 June
//	research_ids = true                        person_id is replaced (Key)
//	least_population = { field = "person.state_of_residence_concept_id", participants = 200, into = 2000000011 }
//	zip3 = { questions = [1585250], participants = 200 }
//	        ZIP codes of three digits, neighbours put together up to so many participants
//	recent_concepts = { days = 365 }           rows of concepts that begin to be valid so
//	        shortly before the cut-off
//
// An unknown key, act, tier, list or concept 0 is an error. An administrator's
// file has the same form. Each of its rules is one more: a limit that is looser
// than one in force, other questions for ZIP codes, and a second shift of dates are
// refused. What it drops, empties and generalises is there until the built-in rules
// have acted, which go by questions and by what else a participant answered.
type Rules struct {
	Version string `toml:"version"`
	Rules   []Rule `toml:"rule"`
	hash    [sha256.Size]byte
}

// Rule is one of them. Exactly one of the pointers and lists behind From is set.
type Rule struct {
	Name  string      `toml:"name"`
	Tiers []plan.Tier `toml:"tiers"`
	From  string      `toml:"from"`

	DropTables        []string         `toml:"drop_tables"`
	DropFields        []string         `toml:"drop_fields"`
	NullFields        []string         `toml:"null_fields"`
	DropRows          *DropRows        `toml:"drop_rows"`
	Generalise        *Generalise      `toml:"generalise"`
	CapAge            *CapAge          `toml:"cap_age"`
	ShiftDates        *ShiftDates      `toml:"shift_dates"`
	MiddleOfBirthYear bool             `toml:"middle_of_birth_year"`
	ResearchIDs       bool             `toml:"research_ids"`
	LeastPopulation   *LeastPopulation `toml:"least_population"`
	ZIP3              *ZIP3            `toml:"zip3"`
	RecentConcepts    *RecentConcepts  `toml:"recent_concepts"`

	added bool // by an administrator
}

// The acts of rules; the comment of Rules says what each does.
type (
	DropRows struct {
		Tables   []string `toml:"tables"`
		Concepts []int32  `toml:"concepts"`
		Lists    []string `toml:"lists"`
	}
	Generalise struct {
		Fields    []string `toml:"fields"`
		Questions []int32  `toml:"questions"`
		Concepts  []int32  `toml:"concepts"`
		Several   bool     `toml:"several"`
		Born      []int32  `toml:"born"`
		Missing   bool     `toml:"missing"`
		Into      int32    `toml:"into"`
	}
	CapAge struct {
		Oldest int `toml:"oldest"`
	}
	ShiftDates struct {
		Least int `toml:"least"`
		Most  int `toml:"most"`
	}
	LeastPopulation struct {
		Field        string `toml:"field"`
		Participants int    `toml:"participants"`
		Into         int32  `toml:"into"`
	}
	ZIP3 struct {
		Questions    []int32 `toml:"questions"`
		Participants int     `toml:"participants"`
	}
	RecentConcepts struct {
		Days int `toml:"days"`
	}
)

//go:embed rules.toml
var rulesText []byte

//go:embed concepts.txt
var conceptsText string

// lists are the concepts of concepts.txt by list.
var lists = sync.OnceValue(func() map[string][]int32 { return mustLists(conceptsText) })

// BuiltIn are the rules that the binary ships.
func BuiltIn() *Rules {
	r, err := ParseRules(rulesText)
	if err != nil {
		panic("curate: rules.toml: " + err.Error())
	}
	return r
}

// BuiltInText is the file of the built-in rules, for an administrator to read.
func BuiltInText() string { return string(rulesText) }

// ParseRules reads a file of rules.
func ParseRules(text []byte) (*Rules, error) {
	d := toml.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	r := &Rules{hash: sha256.Sum256(text)}
	if err := d.Decode(r); err != nil {
		var strict *toml.StrictMissingError
		if errors.As(err, &strict) {
			return nil, fmt.Errorf("unknown key: %s", strict.String())
		}
		return nil, err
	}
	if r.Version == "" {
		return nil, errors.New(`the rules have no version: begin with version = "1"`)
	}
	seen := map[string]bool{}
	for i := range r.Rules {
		x := &r.Rules[i]
		if x.Name == "" || seen[x.Name] {
			return nil, fmt.Errorf("rule %d has no name, or that of another: %q", i+1, x.Name)
		}
		seen[x.Name] = true
		if err := x.check(); err != nil {
			return nil, fmt.Errorf("rule %q: %w", x.Name, err)
		}
	}
	return r, nil
}

// ReadRules reads a file of rules.
func ReadRules(path string) (*Rules, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	r, err := ParseRules(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return r, nil
}

// ID is version and hash: what a manifest says of the rules that made it.
func (r *Rules) ID() string { return r.Version + "-" + hex.EncodeToString(r.hash[:8]) }

// Tightened is r with an administrator's rules behind its own.
func (r *Rules) Tightened(by *Rules) (*Rules, error) {
	out := &Rules{Version: r.Version + "+" + by.Version, Rules: slices.Clone(r.Rules)}
	out.hash = sha256.Sum256(append(r.hash[:], by.hash[:]...))
	for _, x := range by.Rules {
		for i := range out.Rules {
			if err := out.Rules[i].admits(&x); err != nil {
				return nil, fmt.Errorf("rule %q: %w", x.Name, err)
			}
		}
		x.added = true
		out.Rules = append(out.Rules, x)
	}
	return out, nil
}

// admits says whether another rule may stand behind r.
func (r *Rule) admits(x *Rule) error {
	if r.Name == x.Name {
		return errors.New("a rule in force has this name: rules are added, never replaced")
	}
	if !slices.ContainsFunc(r.Tiers, func(t plan.Tier) bool { return slices.Contains(x.Tiers, t) }) {
		return nil
	}
	switch {
	case r.CapAge != nil && x.CapAge != nil && x.CapAge.Oldest > r.CapAge.Oldest,
		r.LeastPopulation != nil && x.LeastPopulation != nil && r.LeastPopulation.Field == x.LeastPopulation.Field && x.LeastPopulation.Participants < r.LeastPopulation.Participants,
		r.ZIP3 != nil && x.ZIP3 != nil && x.ZIP3.Participants < r.ZIP3.Participants,
		r.RecentConcepts != nil && x.RecentConcepts != nil && x.RecentConcepts.Days < r.RecentConcepts.Days:
		return fmt.Errorf("it is weaker than the rule %q, which stays in force: make it stricter, or leave it out", r.Name)
	case r.ZIP3 != nil && x.ZIP3 != nil && slices.ContainsFunc(x.ZIP3.Questions, func(q int32) bool { return !slices.Contains(r.ZIP3.Questions, q) }):
		return fmt.Errorf("the rule %q says which questions are of ZIP codes", r.Name)
	case r.ShiftDates != nil && x.ShiftDates != nil:
		return fmt.Errorf("the rule %q shifts the dates already", r.Name)
	}
	return nil
}

func (r *Rule) check() error {
	if len(r.Tiers) == 0 {
		return errors.New("it holds for no tier")
	}
	for _, t := range r.Tiers {
		if t != plan.Registered && t != plan.Controlled {
			return fmt.Errorf("%q is no tier that holds rows: name registered, controlled, or both (what is public follows registered)", t)
		}
	}
	if r.From == "" {
		return errors.New(`it does not say where it comes from: add from = "…"`)
	}
	acts := 0
	for _, set := range []bool{r.DropTables != nil, r.DropFields != nil, r.NullFields != nil, r.DropRows != nil, r.Generalise != nil, r.CapAge != nil,
		r.ShiftDates != nil, r.MiddleOfBirthYear, r.ResearchIDs, r.LeastPopulation != nil, r.ZIP3 != nil, r.RecentConcepts != nil} {
		if set {
			acts++
		}
	}
	if acts != 1 {
		return fmt.Errorf("it has %d acts: a rule has one", acts)
	}
	return r.checkAct()
}

func (r *Rule) checkAct() error {
	for _, f := range slices.Concat(r.DropFields, r.NullFields) {
		if _, err := path.Match(f, ""); err != nil || strings.Count(f, ".") != 1 {
			return fmt.Errorf("%q is no field: write table.field", f)
		}
		if t, name, _ := strings.Cut(f, "."); name == "participant" || name == "*" || t == "participants" {
			return fmt.Errorf("%q cannot be left out: drop the table", f)
		}
	}
	for _, s := range shapes() {
		for _, f := range s.fields {
			if s.required[f.Name] && s.participants && matches(r.DropFields, s.name, f.Name) {
				return fmt.Errorf("%s.%s cannot be left out, for no row is without it: drop the table, or empty the field by null_fields", s.name, f.Name)
			}
		}
	}
	switch {
	case slices.Contains(r.DropTables, "person") || slices.Contains(r.DropTables, "participants"):
		return errors.New("a repository cannot be without person")
	case r.DropRows != nil:
		return r.DropRows.check()
	case r.Generalise != nil:
		return r.Generalise.check()
	case r.CapAge != nil && (r.CapAge.Oldest < 1 || r.CapAge.Oldest > 150):
		return errors.New("oldest is no age")
	case r.ShiftDates != nil && (r.ShiftDates.Least < 1 || r.ShiftDates.Most <= r.ShiftDates.Least || r.ShiftDates.Most > maxShift):
		return fmt.Errorf("dates shift by at least 1 and at most %d days, not always by the same", maxShift)
	case r.LeastPopulation != nil && (r.LeastPopulation.Participants < 1 || r.LeastPopulation.Into <= 0):
		return errors.New("least_population needs participants and into")
	case r.LeastPopulation != nil:
		return personField(r.LeastPopulation.Field)
	case r.ZIP3 != nil && (r.ZIP3.Participants < 1 || len(r.ZIP3.Questions) == 0):
		return errors.New("zip3 needs questions and participants")
	case r.RecentConcepts != nil && r.RecentConcepts.Days < 1:
		return errors.New("recent_concepts needs days")
	}
	return nil
}

// maxShift is the most days that dates can shift: two bytes hold it.
const maxShift = 1 << 15

func (d *DropRows) check() error {
	if len(d.Concepts)+len(d.Lists) == 0 {
		return errors.New("drop_rows names no concepts")
	}
	for _, t := range d.Tables {
		if s := shapeOf(t); s == nil || !s.participants || t == "person" || t == "participants" {
			return fmt.Errorf("%q is no table whose rows can be dropped", t)
		}
	}
	for _, l := range d.Lists {
		if lists()[l] == nil {
			return fmt.Errorf("there is no list %q", l)
		}
	}
	if slices.Contains(d.Concepts, 0) {
		return errors.New("concept 0 stands for none")
	}
	return nil
}

func (g *Generalise) check() error {
	if g.Into <= 0 || len(g.Fields)+len(g.Questions) == 0 {
		return errors.New("generalise needs fields or questions, and into")
	}
	if g.Missing != (len(g.Concepts) == 0) || g.Missing && (g.Several || g.Born != nil || g.Questions != nil) {
		return errors.New("generalise needs concepts, or missing = true for fields of person alone")
	}
	if g.Several && (len(g.Questions) == 0 || len(g.Concepts) > 32) {
		return errors.New("several needs questions, and 32 concepts at most")
	}
	for _, f := range g.Fields {
		if err := personField(f); err != nil {
			return err
		}
	}
	return nil
}

func personField(f string) error {
	name, ok := strings.CutPrefix(f, "person.")
	if !ok || !slices.ContainsFunc(shapeOf("person").fields, func(x store.Field) bool { return x.Name == name }) || !strings.HasSuffix(name, "concept_id") {
		return fmt.Errorf("%q is no concept of person", f)
	}
	return nil
}

func mustLists(text string) map[string][]int32 {
	out, err := parseLists(text)
	if err != nil {
		panic("curate: concepts.txt: " + err.Error())
	}
	return out
}

// parseLists reads lists of concepts (concepts.txt says how they are written).
func parseLists(text string) (map[string][]int32, error) {
	out, name, at := map[string][]int32{}, "", 0
	for line := range strings.Lines(text) {
		at++
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
			continue
		case strings.HasPrefix(line, "@ "):
			if name = line[2:]; out[name] != nil {
				return nil, fmt.Errorf("line %d: the list %q is there twice", at, name)
			}
			out[name] = []int32{}
			continue
		case name == "":
			return nil, fmt.Errorf("line %d belongs to no list", at)
		}
		for word := range strings.SplitSeq(line, " ") {
			id, err := strconv.ParseInt(word, 10, 32)
			l := out[name]
			if err != nil || id <= 0 || len(l) > 0 && int32(id) <= l[len(l)-1] {
				return nil, fmt.Errorf("line %d: ids are positive, in ascending order, with one blank between", at)
			}
			out[name] = append(l, int32(id))
		}
	}
	return out, nil
}
