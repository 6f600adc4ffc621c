package review

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"weir/guard/ledger"
)

// Book is a ledger that is being read. Its methods may be called by several goroutines.
type Book struct {
	path string

	mu       sync.Mutex
	reader   ledger.Reader
	tree     ledger.Tree
	entries  []ledger.Entry
	events   []Event
	docket   docket
	problems []Problem
	rest     int
	broken   error // what made the ledger unreadable
}

// Problem is something wrong with an entry.
type Problem struct {
	Seq int64  `json:"seq"` // 0 for the ledger
	Msg string `json:"problem"`
}

// Open reads the ledger at path, checking its chain.
func Open(path string, reviewers []Reviewer) (*Book, error) {
	if err := CheckReviewers(reviewers); err != nil {
		return nil, err
	}
	b := &Book{path: path, reader: ledger.Reader{Path: path}, docket: docket{reviewers: reviewers, cases: map[int64]*Case{}}}
	return b, b.Refresh()
}

// Refresh reads what has been appended since. A ledger that was tampered with stays
// refused.
func (b *Book) Refresh() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.refresh()
}

func (b *Book) refresh() error {
	if b.broken != nil {
		return b.broken
	}
	rest, err := b.reader.Each(b.add)
	b.rest = rest
	var tampered *ledger.TamperedError
	if errors.As(err, &tampered) {
		b.broken = err
	}
	return err
}

func (b *Book) add(e ledger.Entry) error {
	if err := b.tree.Add(e); err != nil {
		return err
	}
	v, err := eventOf(e)
	if err != nil {
		v = Event{Seq: e.Seq, Time: e.Time, Kind: e.Kind, Hash: e.Hash}
		b.problem(e.Seq, "its body is not that of a %s", e.Kind)
	}
	b.entries, b.events = append(b.entries, e), append(b.events, v)
	b.follow(&v)
	return nil
}

func (b *Book) problem(seq int64, format string, args ...any) {
	b.problems = append(b.problems, Problem{seq, fmt.Sprintf(format, args...)})
}

// follow keeps the docket; what does not count is a problem.
func (b *Book) follow(v *Event) {
	d := &b.docket
	switch {
	case !slices.Contains(ledger.Kinds, v.Kind):
		b.problem(v.Seq, "this weir does not know what a %s is", v.Kind)
	case v.Request != nil:
		if err := d.checkRequest(v.Request, b.find); err != nil {
			b.problem(v.Seq, "%v", err)
			return
		}
		c := &Case{Seq: v.Seq, Entry: v.Hash, Request: *v.Request, Released: map[int64]int64{}, ids: map[int64]string{}}
		for _, o := range c.Request.Outputs {
			c.ids[o.Seq] = b.find(o.Seq).ID
		}
		d.cases[v.Seq], d.order = c, append(d.order, v.Seq)
	case v.Grant != nil:
		if err := d.checkGrant(b.tree.Origin(), v.Grant, false); err != nil {
			b.problem(v.Seq, "a grant that does not count: %v", err)
			return
		}
		c := d.cases[v.Grant.Request]
		c.Grants = append(c.Grants, *v.Grant)
	case v.Kind == ledger.Exception:
		b.followException(v)
	}
}

func (b *Book) followException(v *Event) {
	c := b.docket.cases[v.OfRequest]
	if c == nil || v.Excepts == nil {
		b.problem(v.Seq, "an exception that nobody asked for")
		return
	}
	g, err := c.grantedFor(v.Excepts.Seq)
	switch {
	case err != nil:
		b.problem(v.Seq, "an exception that was not granted: %v", err)
		return
	case !g.Covers(v.ID) || *v.Excepts != g.Output():
		b.problem(v.Seq, "an exception for another output than was granted")
	case c.Released[v.Excepts.Seq] != 0:
		b.problem(v.Seq, "an exception that was made before, in entry %d", c.Released[v.Excepts.Seq])
	}
	c.Released[v.Excepts.Seq] = v.Seq
}

func (b *Book) find(seq int64) *Event {
	if seq < 1 || seq > int64(len(b.events)) {
		return nil
	}
	return &b.events[seq-1]
}

// Event is the entry seq, nil if there is none.
func (b *Book) Event(seq int64) *Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	if v := b.find(seq); v != nil {
		e := *v
		return &e
	}
	return nil
}

// About is the events that tell what became of the entry seq.
func (b *Book) About(seq int64) (out []Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.events {
		if b.events[i].about(seq) {
			out = append(out, b.events[i])
		}
	}
	return out
}

// Numbers is the table that a chart draws; nil for what is no chart.
func (b *Book) Numbers(chart *Event) *Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, v := range slices.Backward(b.events[:min(chart.Seq, int64(len(b.events)))]) {
		if chart.Of != "" && v.Table != nil && v.ID == chart.Of && v.Session == chart.Session {
			return &v
		}
	}
	return nil
}

// Entry is the entry seq as it stands in the ledger: for who recomputes it, not for
// who looks at it.
func (b *Book) Entry(seq int64) (ledger.Entry, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.find(seq) == nil {
		return ledger.Entry{}, false
	}
	return b.entries[seq-1], true
}

// Events are those that the filter takes, in the ledger's order.
func (b *Book) Events(f Filter) (out []Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.events {
		if f.Takes(&b.events[i]) {
			out = append(out, b.events[i])
		}
	}
	return out
}

// Cases are the requests, the latest first.
func (b *Book) Cases() (out []Case) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, seq := range slices.Backward(b.docket.order) {
		out = append(out, b.docket.cases[seq].copy())
	}
	return out
}

// Case is the request seq.
func (b *Book) Case(seq int64) (Case, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := b.docket.cases[seq]
	if c == nil {
		return Case{}, false
	}
	return c.copy(), true
}

func (c *Case) copy() Case {
	d := *c
	d.Grants, d.Released, d.ids = slices.Clone(c.Grants), maps.Clone(c.Released), maps.Clone(c.ids)
	return d
}

// Reviewers are the names of those who can grant.
func (b *Book) Reviewers() (out []string) {
	for _, r := range b.docket.reviewers {
		if !r.Retired {
			out = append(out, r.Name)
		}
	}
	return out
}

// Origin names the ledger.
func (b *Book) Origin() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tree.Origin()
}

// Statement is what a reviewer signs to grant a request.
func (b *Book) Statement(request int64, reviewer string) (string, error) {
	c, ok := b.Case(request)
	if !ok {
		return "", fmt.Errorf("the ledger has no request %d", request)
	}
	return Statement(b.Origin(), c.Seq, c.Entry, reviewer), nil
}

// write appends what decide makes of the entries that are there at that moment.
// What is refused is recorded instead, and is the error.
func (b *Book) write(decide func() (kind string, body any, err error)) (ledger.Entry, error) {
	l, err := ledger.Open(b.path)
	if err != nil {
		return ledger.Entry{}, err
	}
	defer l.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		if err := b.refresh(); err != nil {
			return ledger.Entry{}, err
		}
		kind, body, refused := decide()
		if d, ok := Denied(refused); ok {
			kind, body = ledger.Denial, d
		} else if refused != nil {
			return ledger.Entry{}, refused
		}
		e, err := l.AppendAfter(int64(len(b.entries)), kind, body)
		if err == ledger.ErrMoved {
			continue
		}
		if err != nil {
			return e, errors.Join(err, refused)
		}
		return e, errors.Join(refused, b.refresh())
	}
}

// Request asks for the outputs in the entries seqs.
func (b *Book) Request(by, reason string, seqs []int64) (ledger.Entry, error) {
	return b.write(func() (string, any, error) {
		r := Request{By: by, Reason: reason}
		for _, seq := range seqs {
			o := Output{Seq: seq}
			if v := b.find(seq); v != nil {
				o.Entry = v.Hash
			}
			r.Outputs = append(r.Outputs, o)
		}
		return ledger.Request, r, b.docket.checkRequest(&r, b.find)
	})
}

// Grant records a reviewer's signature under a request.
func (b *Book) Grant(request int64, reviewer, signature string) (ledger.Entry, error) {
	return b.write(func() (string, any, error) {
		g := Grant{Request: request, Reviewer: reviewer, Signature: signature}
		if v := b.find(request); v != nil {
			g.Entry = v.Hash
		}
		return ledger.Grant, g, b.docket.checkGrant(b.tree.Origin(), &g, true)
	})
}

// Use is the proof that an output of a request may be released, which it was not
// before; an attempt that is refused is recorded.
func (b *Book) Use(request, output int64) (g Granted, err error) {
	check := func() error {
		c := b.docket.cases[request]
		if c == nil {
			return &deniedError{Denial{Attempt: "release", Request: request, Reason: "there is no such request"}}
		}
		if g, err = c.grantedFor(output); err != nil {
			return err
		}
		if at := c.Released[output]; at != 0 {
			return &deniedError{Denial{Attempt: "release", Request: request, Reason: fmt.Sprintf("it was released, as entry %d; weir ledger show %d has it", at, at)}}
		}
		return nil
	}
	_, err = b.write(func() (string, any, error) {
		if err := check(); err != nil {
			return "", nil, err
		}
		return "", nil, errNothing
	})
	if errors.Is(err, errNothing) {
		return g, nil
	}
	return Granted{}, err
}

// errNothing says that nothing is to be written.
var errNothing = errors.New("nothing to write")

// Once is a ledger that takes one exception, if that has not been made meanwhile.
func (b *Book) Once(request, output int64) *Once { return &Once{b, request, output} }

// Once implements guard.Ledger.
type Once struct {
	book            *Book
	request, output int64
}

// Append writes an entry. An exception whose numbers are not those of the output
// that it replaces is refused: the data or the plan's meaning changed.
func (o *Once) Append(kind string, body any) (ledger.Entry, error) {
	return o.book.write(func() (string, any, error) {
		if kind != ledger.Exception {
			return kind, body, nil
		}
		deny := func(reason string) error {
			return &deniedError{Denial{Attempt: "release", Request: o.request, Reason: reason}}
		}
		text, err := json.Marshal(body)
		if err != nil {
			return "", nil, err
		}
		v, err := eventOf(ledger.Entry{Kind: kind, Body: text})
		c := o.book.docket.cases[o.request]
		switch {
		case err != nil:
			return "", nil, err
		case c == nil || c.Released[o.output] != 0:
			return "", nil, deny("it was released meanwhile")
		case !o.book.find(o.output).Table.within(v.Table):
			return "", nil, deny(fmt.Sprintf("the data no longer give what entry %d shows", o.output))
		}
		return kind, body, nil
	})
}

// within says whether all that the table shows stands in the other.
func (t *Table) within(other *Table) bool {
	if t == nil || other == nil || !slices.Equal(t.Columns, other.Columns) {
		return false
	}
	rows := map[string][]string{}
	for _, r := range other.Rows {
		rows[strings.Join(r.Labels, "\x00")] = r.Cells
	}
	return !slices.ContainsFunc(t.Rows, func(r Row) bool {
		return !slices.EqualFunc(r.Cells, rows[strings.Join(r.Labels, "\x00")], func(was, is string) bool { return was == is || was == marker })
	})
}

// Checkpoint is that of the ledger as it was read.
func (b *Book) Checkpoint() (ledger.Checkpoint, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tree.Checkpoint()
}

// Update is what a witness that keeps a checkpoint of old entries is sent.
func (b *Book) Update(old int64, checkpoint []byte) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.tree.Update(old, checkpoint)
}
