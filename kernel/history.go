package kernel

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
)

// session is the number of the one session whose history there is, "History" of
// the messaging specification.
const session = 1

// Bounds of what is remembered; beyond them the oldest inputs are forgotten.
const (
	maxInputs     = 10_000
	maxInputBytes = 16 << 20
)

// inputs are the session's cells, in order. They are kept in memory only, and
// outputs are not kept: those that were released stand in the notebook.
type inputs struct {
	mu    sync.Mutex
	cells []input
	bytes int
}

type input struct {
	line int // execution_count
	code string
}

func (h *inputs) add(line int, code string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cells = append(h.cells, input{line, code})
	h.bytes += len(code)
	for len(h.cells) > maxInputs || h.bytes > maxInputBytes {
		h.bytes -= len(h.cells[0].code)
		h.cells = h.cells[1:]
	}
}

// all returns the inputs; nobody changes what it returns.
func (h *inputs) all() []input {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cells[:len(h.cells):len(h.cells)]
}

// recall is what a history_request asks for.
type recall struct {
	access, pattern         string
	session, start, stop, n int
	output, unique          bool
}

const noEnd = -1 // stop and n where the request names none

func (r *request) parseRecall() (a recall, err error) {
	var errs [8]error
	a.access, errs[0] = member(r.content, "hist_access_type", "tail")
	a.pattern, errs[1] = member(r.content, "pattern", "*")
	a.session, errs[2] = member(r.content, "session", 0)
	a.start, errs[3] = member(r.content, "start", 0)
	a.stop, errs[4] = member(r.content, "stop", noEnd)
	a.n, errs[5] = member(r.content, "n", noEnd)
	a.output, errs[6] = member(r.content, "output", false)
	a.unique, errs[7] = member(r.content, "unique", false)
	if err := errors.Join(errs[:]...); err != nil {
		return a, badRequest(err)
	}
	return a, nil
}

// history answers from the inputs of this session; for another there are none.
func (k *kernel) history(r *request) (fields, error) {
	a, err := r.parseRecall()
	if err != nil {
		return nil, err
	}
	found := k.inputs.all()
	switch a.access {
	case "tail":
	case "range":
		found = a.inRange(found)
	case "search":
		found, err = a.search(found)
	default:
		err = fmt.Errorf("hist_access_type is %.20q, not tail, range or search", a.access)
	}
	if err != nil {
		return nil, badRequest(err)
	}
	if a.access != "range" && a.n >= 0 && a.n < len(found) {
		found = found[len(found)-a.n:]
	}
	return fields{"status": "ok", "history": a.lines(found)}, nil
}

// lines are the entries of the reply. Where outputs are asked for, each is null.
func (a recall) lines(found []input) [][3]any {
	lines := make([][3]any, len(found))
	for i, in := range found {
		lines[i] = [3]any{session, in.line, in.code}
		if a.output {
			lines[i][2] = [2]any{in.code, nil}
		}
	}
	return lines
}

// inRange keeps the lines from start up to, and without, stop. Session 0 is the
// current one.
func (a recall) inRange(cells []input) (found []input) {
	if a.session != 0 && a.session != session {
		return nil
	}
	for _, in := range cells {
		if in.line >= a.start && (a.stop < 0 || in.line < a.stop) {
			found = append(found, in)
		}
	}
	return found
}

// search keeps what the pattern matches as a whole, with unique the latest of
// those that are equal.
func (a recall) search(cells []input) (found []input, err error) {
	matcher, err := glob(a.pattern)
	if err != nil {
		return nil, err
	}
	latest := map[string]int{}
	for _, in := range cells {
		latest[in.code] = in.line
	}
	for _, in := range cells {
		if (!a.unique || latest[in.code] == in.line) && matcher.MatchString(in.code) {
			found = append(found, in)
		}
	}
	return found, nil
}

const maxPattern = 1 << 10

// glob compiles a pattern in which * stands for any text and ? for one character.
// Package regexp takes time linear in the text, whatever the pattern.
func glob(pattern string) (*regexp.Regexp, error) {
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("pattern is longer than %d bytes", maxPattern)
	}
	quoted := strings.NewReplacer(`\*`, `.*`, `\?`, `.`).Replace(regexp.QuoteMeta(pattern))
	return regexp.Compile(`(?s)\A` + quoted + `\z`)
}
