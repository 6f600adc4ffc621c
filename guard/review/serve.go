package review

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"weir/guard/ledger"
)

// page shows a ledger to a browser on the same machine. What it serves:
//
//	GET  ./              entries, by the filters of the query
//	GET  ./entry-N       one
//	GET  ./requests      requests for exceptions
//	GET  ./request-N     one, with the form that grants it
//	POST ./request-N     reviewer and signature: the one thing that writes
//	GET  ./page.css, ./page.js
//
// It answers only on the address that it was opened on and only to who has the
// token of the address that Serve gives, so that neither another page in the same
// browser nor another user of the machine reads along. The browser keeps the token
// in a cookie of a folder with a name that nobody can guess, for servers on other
// ports of the machine are given cookies as well (RFC 6265, section 8.5). A grant
// counts by its signature alone; the key that makes it is used in the browser or
// elsewhere and is never sent.
type page struct {
	book   *Book
	host   string
	folder string
	token  string

	mu      sync.Mutex
	denials []time.Time // grants that were refused and recorded within the hour
}

// maxDenials is how many refused grants an hour are recorded: who has the page's
// token must not be able to fill the disk.
const maxDenials = 30

// Serve serves a page of the book on a port of 127.0.0.1, a free one for 0, until
// the context ends. ready is given the address to open in a browser.
func Serve(ctx context.Context, b *Book, port int, ready func(address string)) error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return err
	}
	p := newPage(b, l.Addr().String())
	ready(p.address())
	s := &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() { s.Close() })
	defer stop()
	if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func newPage(b *Book, host string) *page {
	return &page{book: b, host: host, folder: "/" + rand.Text() + "/", token: rand.Text()}
}

func (p *page) address() string { return "http://" + p.host + p.folder + "?token=" + p.token }

// policy lets the page load its own style and script, and send its own forms to itself.
const policy = "default-src 'none'; style-src 'self'; script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const cookie = "weir-review"

// ServeHTTP implements http.Handler.
func (p *page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if r.Host != p.host {
		p.fail(w, http.StatusMisdirectedRequest, "This page has another address.")
		return
	}
	if given := r.URL.Query().Get("token"); given != "" && r.URL.Path == p.folder && r.Method == http.MethodGet && p.isToken(given) {
		http.SetCookie(w, &http.Cookie{Name: cookie, Value: p.token, Path: p.folder, HttpOnly: true, SameSite: http.SameSiteStrictMode})
		http.Redirect(w, r, p.folder, http.StatusSeeOther)
		return
	}
	if c, err := r.Cookie(cookie); err != nil || !p.isToken(c.Value) {
		p.fail(w, http.StatusForbidden, "Open the address that weir ledger serve printed, with its token.")
		return
	}
	p.answer(w, r)
}

func (p *page) isToken(s string) bool {
	return subtle.ConstantTimeCompare([]byte(s), []byte(p.token)) == 1
}

func (p *page) answer(w http.ResponseWriter, r *http.Request) {
	name, inside := strings.CutPrefix(r.URL.Path, p.folder)
	section, id, numbered := strings.Cut(name, "-")
	seq, err := strconv.ParseInt(id, 10, 64)
	switch {
	case !inside, numbered && err != nil:
		section = "unknown"
	case numbered:
		section += "-"
	}
	if r.Method == http.MethodPost && section == "request-" {
		p.grant(w, r, seq)
		return
	}
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		p.fail(w, http.StatusMethodNotAllowed, "This page is read; only a grant is written.")
		return
	}
	if text, ok := files[section]; ok {
		w.Header().Set("Content-Type", text.kind)
		w.Write(text.text)
		return
	}
	if err := p.book.Refresh(); err != nil {
		p.fail(w, http.StatusInternalServerError, "The ledger does not verify: "+err.Error())
		return
	}
	switch section {
	case "":
		p.entries(w, r.URL.Query())
	case "entry-":
		p.entry(w, seq)
	case "requests":
		p.show(w, http.StatusOK, "requests", "Requests", p.book.Cases())
	case "request-":
		p.request(w, http.StatusOK, seq, r.URL.Query().Get("granted"), "")
	default:
		p.fail(w, http.StatusNotFound, "There is no such page.")
	}
}

// perPage is how many entries a page lists.
const perPage = 100

// list is what the page of entries shows.
type list struct {
	Query   url.Values
	Kinds   []Event // one of each
	Chosen  map[string]bool
	Problem string
	Events  []Event
	Total   int
	Older   string // address of the next page
}

func (p *page) entries(w http.ResponseWriter, q url.Values) {
	l := list{Query: q, Chosen: map[string]bool{}}
	for _, k := range ledger.Kinds {
		l.Kinds = append(l.Kinds, Event{Kind: k})
	}
	f, before, err := filterOf(q)
	if err != nil {
		l.Problem = err.Error()
	}
	for _, k := range f.Kinds {
		l.Chosen[k] = true
	}
	events := p.book.Events(f)
	l.Total = len(events)
	for _, v := range slices.Backward(events) {
		if before > 0 && v.Seq >= before {
			continue
		}
		if len(l.Events) == perPage {
			older := url.Values{}
			for k, v := range q {
				older[k] = v
			}
			older.Set("before", fmt.Sprint(l.Events[perPage-1].Seq))
			l.Older = "?" + older.Encode()
			break
		}
		l.Events = append(l.Events, v)
	}
	p.show(w, http.StatusOK, "entries", "Entries", l)
}

// filterOf reads the filters of a query.
func filterOf(q url.Values) (f Filter, before int64, err error) {
	f = Filter{Session: q.Get("session"), Text: q.Get("text"), Hidden: q.Get("hidden") != ""}
	for _, k := range q["kind"] {
		if slices.Contains(ledger.Kinds, k) {
			f.Kinds = append(f.Kinds, k)
		}
	}
	day := func(name string) time.Time {
		t, e := time.Parse(time.DateOnly, q.Get(name))
		if e != nil && q.Get(name) != "" {
			err = fmt.Errorf("%s: write a day as 2026-01-31", name)
		}
		return t
	}
	if f.Since, f.Until = day("since"), day("until"); !f.Until.IsZero() {
		f.Until = f.Until.AddDate(0, 0, 1) // the day itself is among them
	}
	before, _ = strconv.ParseInt(q.Get("before"), 10, 64)
	return f, before, err
}

func (p *page) entry(w http.ResponseWriter, seq int64) {
	v := p.book.Event(seq)
	if v == nil {
		p.fail(w, http.StatusNotFound, fmt.Sprintf("The ledger has no entry %d.", seq))
		return
	}
	p.show(w, http.StatusOK, "entry", fmt.Sprintf("Entry %d", seq), &sheet{v, p.book.Numbers(v), p.book.About(seq)})
}

// sheet is what the page of an entry shows.
type sheet struct {
	*Event
	Numbers *Event  // of a chart: its table
	After   []Event // what became of it
}

// form is what the page of a request shows.
type form struct {
	Case
	Outputs   []*Event
	After     []Event // grants, denials and exceptions
	Reviewers []string
	Head      string // of the statement, up to the reviewer's name
	Needed    int
	Granted   string // by whom, just now
	Refused   string
}

func (p *page) request(w http.ResponseWriter, status int, seq int64, granted, refused string) {
	c, ok := p.book.Case(seq)
	if !ok {
		p.fail(w, http.StatusNotFound, fmt.Sprintf("The ledger has no request %d.", seq))
		return
	}
	head := strings.TrimSuffix(Statement(p.book.Origin(), c.Seq, c.Entry, ""), "\n")
	f := &form{Case: c, After: p.book.About(seq), Reviewers: p.book.Reviewers(), Head: head, Needed: needed, Refused: refused}
	for _, o := range c.Request.Outputs {
		f.Outputs = append(f.Outputs, p.book.Event(o.Seq))
	}
	if slices.ContainsFunc(c.Grants, func(g Grant) bool { return g.Reviewer == granted }) {
		f.Granted = granted
	}
	p.show(w, status, "request", fmt.Sprintf("Request %d", seq), f)
}

// grant takes a reviewer's signature. What has no valid one changes nothing, but
// for the record that it was tried.
func (p *page) grant(w http.ResponseWriter, r *http.Request, seq int64) {
	if origin := r.Header.Get("Origin"); origin != "http://"+p.host {
		p.fail(w, http.StatusForbidden, "This came from another page.")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4<<10)
	if err := r.ParseForm(); err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		p.fail(w, http.StatusBadRequest, "This is no form of this page.")
		return
	}
	if _, ok := p.book.Case(seq); !ok {
		p.fail(w, http.StatusNotFound, fmt.Sprintf("The ledger has no request %d.", seq))
		return
	}
	if !p.mayTry() {
		p.fail(w, http.StatusTooManyRequests, "Too many grants were refused within an hour. Use weir ledger grant.")
		return
	}
	reviewer := r.PostForm.Get("reviewer")
	_, err := p.book.Grant(seq, reviewer, strings.TrimSpace(r.PostForm.Get("signature")))
	if denial, denied := Denied(err); denied {
		p.tried()
		p.request(w, http.StatusForbidden, seq, "", "Refused and recorded: "+denial.Reason+".")
		return
	}
	if err != nil {
		p.fail(w, http.StatusInternalServerError, err.Error())
		return
	}
	http.Redirect(w, r, fmt.Sprintf("request-%d?granted=%s", seq, url.QueryEscape(reviewer)), http.StatusSeeOther)
}

func (p *page) mayTry() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denials = slices.DeleteFunc(p.denials, func(t time.Time) bool { return time.Since(t) > time.Hour })
	return len(p.denials) < maxDenials
}

func (p *page) tried() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.denials = append(p.denials, time.Now())
}

//go:embed page
var pageFiles embed.FS

type file struct {
	kind string
	text []byte
}

var files = map[string]file{
	"page.css": {"text/css; charset=utf-8", mustRead("page/page.css")},
	"page.js":  {"text/javascript; charset=utf-8", mustRead("page/page.js")},
}

func mustRead(name string) []byte {
	b, err := pageFiles.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return b
}

var templates = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("").Funcs(template.FuncMap{
		"short": short,
		"clean": printable,
		"lines": lines,
		"utc":   func(t time.Time) string { return t.UTC().Format(time.DateTime) },
		"iso":   func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	}).ParseFS(pageFiles, "page/*.html"))
})

// shown is what every page has.
type shown struct {
	Name, Title string
	Origin      string
	Entries     int
	Problems    []Problem
	Of          any
}

func (p *page) show(w http.ResponseWriter, status int, name, title string, of any) {
	p.book.mu.Lock()
	s := shown{name, title, p.book.tree.Origin(), len(p.book.events), p.book.problems, of}
	p.book.mu.Unlock()
	var b bytes.Buffer
	if err := templates().ExecuteTemplate(&b, "page", s); err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	w.Write(b.Bytes())
}

// fail says what went wrong, and nothing of the ledger.
func (p *page) fail(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintln(w, text)
}
