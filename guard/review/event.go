package review

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"weir/guard/ledger"
)

// Event is an entry of the ledger as a reviewer may see it.
type Event struct {
	Seq  int64     `json:"seq"`
	Time time.Time `json:"time"`
	Kind string    `json:"kind"`
	Hash string    `json:"hash"`

	Session    string `json:"session,omitempty"`
	User       string `json:"user,omitempty"`
	Repository string `json:"repository,omitempty"`
	CDR        string `json:"cdr,omitempty"`
	Tier       string `json:"tier,omitempty"`
	Cell       int    `json:"cell,omitempty"`
	Title      string `json:"title,omitempty"`
	Plan       string `json:"plan,omitempty"`
	ID         string `json:"id,omitempty"`     // of the plan
	Policy     string `json:"policy,omitempty"` // its hash
	Version    string `json:"policy_version,omitempty"`
	Text       string `json:"policy_text,omitempty"`

	Table   *Table   `json:"table,omitempty"`
	Chart   string   `json:"chart,omitempty"` // what it shows, in words
	Of      string   `json:"of,omitempty"`    // of a chart: the plan of its table
	Card    string   `json:"card,omitempty"`  // of a repository, or the title of a listing
	Refusal *Refusal `json:"refusal,omitempty"`
	Preview int      `json:"preview,omitempty"` // outputs that the invented rows below a refusal are drawn from

	Request   *Request `json:"request,omitempty"`
	Grant     *Grant   `json:"grant,omitempty"`
	Denial    *Denial  `json:"denial,omitempty"`
	Excepts   *Output  `json:"excepts,omitempty"`    // of an exception: the output that it replaces
	OfRequest int64    `json:"of_request,omitempty"` // and the request
	Shown     int64    `json:"shown,omitempty"`      // the output that a cell displayed
	Artefact  *File    `json:"artefact,omitempty"`   // a file that was released
	Archive   string   `json:"archive,omitempty"`

	Workspace   string `json:"workspace,omitempty"`
	Purpose     string `json:"purpose,omitempty"`     // of the research, that was confirmed
	Asked       string `json:"asked,omitempty"`       // for what, that is not open
	Identifiers int    `json:"identifiers,omitempty"` // that stood in a text

	Torn int `json:"torn,omitempty"` // bytes that a crash left
}

// Table is the numbers of an output as they were shown.
type Table struct {
	Keys    []string `json:"keys"`
	Columns []string `json:"columns"`
	Rows    []Row    `json:"rows"`
}

// Row is a group of a table.
type Row struct {
	Labels []string `json:"labels"`
	Cells  []string `json:"cells"`
}

// Refusal is why something was not given.
type Refusal struct {
	Rule   string `json:"rule"`
	Reason string `json:"reason"`
	Way    string `json:"way"`
}

// File is a file that the release gate made of a notebook.
type File struct {
	Name    string  `json:"file"`
	Format  string  `json:"format"`
	SHA256  string  `json:"sha256"`
	Entries []int64 `json:"entries"` // of the outputs in it
	LeftOut int     `json:"left_out"`
}

// Denial is an attempt that was refused.
type Denial struct {
	Attempt  string `json:"attempt"` // request, grant, release or file
	Request  int64  `json:"request,omitempty"`
	Reviewer string `json:"reviewer,omitempty"`
	Reason   string `json:"reason"`
}

// recorded is what bodies hold of what an Event has.
type recorded struct {
	Session    string   `json:"session"`
	User       string   `json:"user"`
	Repository string   `json:"repository"`
	CDR        string   `json:"cdr"`
	Tier       string   `json:"tier"`
	Cell       int      `json:"cell"`
	Title      string   `json:"title"`
	Plan       string   `json:"plan"`
	ID         string   `json:"id"`
	Policy     string   `json:"policy"`
	Version    string   `json:"policy_version"`
	Text       string   `json:"policy_text"`
	Detail     detail   `json:"detail"`
	Excepts    *Output  `json:"excepts"`
	OfRequest  int64    `json:"of_request"`
	Archive    string   `json:"archive"`
	Bytes      int      `json:"bytes"`
	By         string   `json:"by"`
	Reason     string   `json:"reason"`
	Outputs    []Output `json:"outputs"`
	Request    int64    `json:"request"`
	Entry      string   `json:"entry"`
	Reviewer   string   `json:"reviewer"`
	Signature  string   `json:"signature"`
	Attempt    string   `json:"attempt"`

	Person      string `json:"person"`
	Workspace   string `json:"workspace"`
	Purpose     string `json:"purpose"`
	Asked       string `json:"asked"`
	Identifiers int    `json:"identifiers"`

	Seq int64 `json:"seq"`
	File
}

// detail is that of a table, a chart, a card, a listing, a refusal or a refusal with
// invented rows below it.
type detail struct {
	Keys    []string `json:"keys"`
	Columns []string `json:"columns"`
	Rows    []Row    `json:"rows"`
	Chart   string   `json:"chart"`
	Of      string   `json:"of"`
	Card    string   `json:"card"`
	Listing string   `json:"listing"`
	Refusal
	Above   *Refusal `json:"refusal"`
	Preview []string `json:"preview"`
}

func (d *detail) refusal() *Refusal {
	if d.Above != nil {
		return d.Above
	}
	return &d.Refusal
}

// eventOf is what a reviewer may see of an entry.
func eventOf(e ledger.Entry) (Event, error) {
	var r recorded
	if err := json.Unmarshal(e.Body, &r); err != nil {
		return Event{}, fmt.Errorf("entry %d: its body is none of a %s", e.Seq, e.Kind)
	}
	v := Event{Seq: e.Seq, Time: e.Time, Kind: e.Kind, Hash: e.Hash}
	switch e.Kind {
	case ledger.Start, ledger.Policy, ledger.Access:
		v.Session, v.User, v.Repository, v.CDR, v.Tier = r.Session, r.User, r.Repository, r.CDR, r.Tier
		v.Policy, v.Version, v.Text = r.Policy, r.Version, r.Text
	case ledger.Release, ledger.Refusal, ledger.Exception:
		v.Session, v.Cell, v.Title, v.Plan, v.ID, v.Policy, v.Version = r.Session, r.Cell, r.Title, r.Plan, r.ID, r.Policy, r.Version
		v.Excepts, v.OfRequest = r.Excepts, r.OfRequest
		v.Chart, v.Of, v.Card = r.Detail.Chart, r.Detail.Of, cmp.Or(r.Detail.Card, r.Detail.Listing)
		if e.Kind == ledger.Refusal {
			v.Refusal, v.Preview = r.Detail.refusal(), len(r.Detail.Preview)
		} else if len(r.Detail.Columns) > 0 {
			v.Table = &Table{r.Detail.Keys, r.Detail.Columns, r.Detail.Rows}
		}
	case ledger.Request:
		v.Request = &Request{By: r.By, Reason: r.Reason, Outputs: r.Outputs}
	case ledger.Grant:
		v.Grant = &Grant{Request: r.Request, Entry: r.Entry, Reviewer: r.Reviewer, Signature: r.Signature}
	case ledger.Denial:
		v.Denial = &Denial{r.Attempt, r.Request, r.Reviewer, r.Reason}
	case ledger.Denied, ledger.Conduct:
		v.Session, v.User, v.Tier, v.Policy = r.Session, r.Person, r.Tier, r.Policy
		v.Asked, v.Workspace, v.Purpose = r.Asked, r.Workspace, r.Purpose
	case ledger.Shown:
		v.Session, v.Cell, v.Shown = r.Session, r.Cell, r.Seq
	case ledger.Artefact:
		v.Artefact, v.Version = &r.File, r.Version
	case ledger.Tripwire:
		v.Session, v.Identifiers = r.Session, r.Identifiers
	case ledger.Sealed, ledger.Continued:
		v.Archive = r.Archive
	case ledger.Torn:
		v.Torn = r.Bytes
	}
	return v, nil
}

// Hidden is how many numbers of a table are not shown.
func (t *Table) Hidden() (n int) {
	if t == nil {
		return 0
	}
	for _, r := range t.Rows {
		for _, c := range r.Cells {
			if c == marker {
				n++
			}
		}
	}
	return n
}

// marker stands for a hidden number in what guard records.
const marker = "hidden"

// Summary is the event in a line.
func (v *Event) Summary() string {
	switch {
	case v.Refusal != nil:
		return v.Refusal.Reason
	case v.Request != nil:
		return fmt.Sprintf("%s asks for %s: %s", v.Request.By, entriesOf(v.Request.Outputs), v.Request.Reason)
	case v.Grant != nil:
		return fmt.Sprintf("%s grants request %d", v.Grant.Reviewer, v.Grant.Request)
	case v.Denial != nil:
		return v.Denial.summary()
	case v.Excepts != nil:
		return fmt.Sprintf("entry %d as it is, by request %d", v.Excepts.Seq, v.OfRequest)
	case v.Shown != 0:
		return fmt.Sprintf("cell %d displays entry %d", v.Cell, v.Shown)
	case v.Artefact != nil:
		return v.Artefact.summary()
	case v.Chart != "":
		return v.Chart
	case v.Card != "":
		return v.Card
	case v.Table != nil && v.Title != "":
		return v.Title + ": " + v.Table.summary()
	case v.Plan != "":
		return v.Plan
	case v.Kind == ledger.Denied:
		return fmt.Sprintf("%s asks for %q, which is not open to them", v.User, v.Asked)
	case v.Kind == ledger.Conduct:
		return fmt.Sprintf("%s confirms the code of conduct and the purpose %q", v.User, v.Purpose)
	case v.Kind == ledger.Tripwire:
		return fmt.Sprintf("a text with %d identifiers was withheld", v.Identifiers)
	case v.Archive != "":
		return v.Archive
	case v.Torn > 0:
		return fmt.Sprintf("%d bytes of an entry that a crash left", v.Torn)
	case v.Kind == ledger.Start:
		return fmt.Sprintf("repository %s, version %s, %s tier", v.Repository, v.CDR, v.Tier)
	case v.Kind == ledger.Access:
		return fmt.Sprintf("%s opens %s, %s tier", v.User, v.Repository, v.Tier)
	case v.Kind == ledger.Policy:
		return "policy " + short(v.Policy)
	}
	return ""
}

func (d *Denial) summary() string {
	s := d.Attempt
	if d.Request != 0 {
		s += fmt.Sprintf(" of request %d", d.Request)
	}
	if d.Reviewer != "" {
		s += " by " + d.Reviewer
	}
	return s + " refused: " + d.Reason
}

func (t *Table) summary() string {
	s := strings.Join(t.Columns, ", ")
	if len(t.Keys) > 0 {
		s += " by " + strings.Join(t.Keys, ", ")
	}
	return s
}

func (f *File) summary() string {
	entries := make([]Output, len(f.Entries))
	for i, seq := range f.Entries {
		entries[i].Seq = seq
	}
	return fmt.Sprintf("file %s with %s", f.Name, entriesOf(entries))
}

func entriesOf(outputs []Output) string {
	var s []string
	for _, o := range outputs {
		s = append(s, fmt.Sprint(o.Seq))
	}
	if len(s) == 1 {
		return "entry " + s[0]
	}
	return "entries " + strings.Join(s, ", ")
}

func short(hash string) string { return hash[:min(12, len(hash))] }

// about says whether the event tells of the entry seq: that it was displayed, left in a
// file, was asked for, granted, excepted.
func (v *Event) about(seq int64) bool {
	of := func(o Output) bool { return o.Seq == seq }
	switch {
	case v.Artefact != nil:
		return slices.Contains(v.Artefact.Entries, seq)
	case v.Request != nil:
		return slices.ContainsFunc(v.Request.Outputs, of)
	case v.Grant != nil:
		return v.Grant.Request == seq
	case v.Denial != nil:
		return v.Denial.Request == seq
	case v.Excepts != nil:
		return of(*v.Excepts) || v.OfRequest == seq
	}
	return v.Shown == seq
}

// Filter says which events are asked for; the zero Filter has all.
type Filter struct {
	Kinds   []string
	Session string // or its beginning
	Text    string // somewhere in the plan, the labels, a reason or a name; capitals do not matter
	Since   time.Time
	Until   time.Time // exclusive
	Hidden  bool      // only outputs with hidden numbers
}

// Takes says whether the event is asked for.
func (f *Filter) Takes(v *Event) bool {
	switch {
	case len(f.Kinds) > 0 && !slices.Contains(f.Kinds, v.Kind):
		return false
	case !strings.HasPrefix(v.Session, f.Session):
		return false
	case !f.Since.IsZero() && v.Time.Before(f.Since):
		return false
	case !f.Until.IsZero() && !v.Time.Before(f.Until):
		return false
	case f.Hidden && v.Table.Hidden() == 0:
		return false
	}
	return f.Text == "" || v.has(strings.ToLower(f.Text))
}

func (v *Event) has(text string) bool {
	in := func(s ...string) bool {
		return slices.ContainsFunc(s, func(s string) bool { return strings.Contains(strings.ToLower(s), text) })
	}
	if in(v.Summary(), v.Title, v.Plan, v.User, v.Repository, v.ID, v.Version) {
		return true
	}
	if v.Refusal != nil && in(v.Refusal.Rule, v.Refusal.Way) {
		return true
	}
	if v.Table == nil {
		return false
	}
	return in(v.Table.Keys...) || in(v.Table.Columns...) || slices.ContainsFunc(v.Table.Rows, func(r Row) bool { return in(r.Labels...) })
}
