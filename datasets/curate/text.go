package curate

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
)

// textFile is a text of rows, which may be compressed by gzip. Its first line
// names the columns. When it has a tab the text is separated by tabs, each row is a
// line, and a quote means itself unless it stands at both ends of a field (as
// Athena writes vocabularies); otherwise it is separated by commas after RFC 4180,
// and a field in quotes may hold commas, line ends and doubled quotes.
type textFile struct {
	name    string
	file    *os.File
	in      io.Reader
	tab     bool
	header  []string
	chosen  []int
	taken   atomic.Int64 // bytes of the file
	size    int64
	pending []byte // was read, and follows the header
	line    int64  // of what is pending
	end     error  // why nothing follows
}

// blockBytes is the text that a goroutine reads at a time.
const blockBytes = 1 << 20

// maxRow is the length of the longest row, beyond which a file is no table.
const maxRow = 16 << 20

const byteOrderMark = "\ufeff"

var (
	errNoQuote = errors.New("a quote opens that is not closed rightly: correct the file")
	errCut     = errors.New("the file is cut off here: copy it from its source again")
)

func openText(path, name string) (tableFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &textFile{name: name, file: f, line: 1}
	if st, err := f.Stat(); err == nil {
		t.size = st.Size()
	}
	if err := t.begin(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return t, nil
}

// begin reads the header.
func (t *textFile) begin() error {
	t.in = &counted{t.file, &t.taken}
	if strings.HasSuffix(strings.ToLower(t.name), ".gz") {
		z, err := gzip.NewReader(bufio.NewReaderSize(t.in, blockBytes))
		if err != nil {
			return fmt.Errorf("it is not compressed by gzip, or damaged (%w)", err)
		}
		t.in = z
	}
	if err := t.fill(); err != nil {
		return err
	}
	t.pending = bytes.TrimPrefix(t.pending, []byte(byteOrderMark))
	first, _, _ := bytes.Cut(t.pending, []byte("\n"))
	t.tab = bytes.Contains(first, []byte("\t"))
	r := &rows{name: t.name, data: string(t.pending), line: 1, tab: t.tab}
	fields, _, err := r.read()
	if err == io.EOF {
		return errors.New("it is empty: its first line names the columns")
	}
	if err != nil {
		return err
	}
	for _, f := range fields {
		t.header = append(t.header, strings.ToLower(strings.TrimSpace(f)))
	}
	t.pending, t.line = t.pending[r.at:], r.line
	return nil
}

// counted counts what is read.
type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// fill reads a block behind what is pending.
func (t *textFile) fill() error {
	from := len(t.pending)
	next := make([]byte, from+blockBytes)
	copy(next, t.pending)
	n, err := io.ReadFull(t.in, next[from:])
	t.pending = next[:from+n]
	switch {
	case err == io.EOF || err == io.ErrUnexpectedEOF && n < blockBytes && !t.cutOff():
		t.end = io.EOF
	case err != nil:
		t.end = err
	}
	switch {
	case t.end == nil || t.end == io.EOF:
		return nil
	case t.isGzip() && errors.Is(t.end, io.ErrUnexpectedEOF):
		t.end = errCut // the rows before it are what they were
		return nil
	case t.isGzip():
		return fmt.Errorf("it is damaged, and no row of it can be trusted: copy it from its source again (%w)", t.end)
	}
	return t.end
}

func (t *textFile) isGzip() bool { _, ok := t.in.(*gzip.Reader); return ok }

// cutOff says whether a compressed text ends before its end: ReadFull answers the
// same for that and for a text that is shorter than a block.
func (t *textFile) cutOff() bool {
	if !t.isGzip() {
		return false
	}
	_, err := t.in.Read(make([]byte, 1))
	return err != io.EOF
}

func (t *textFile) columns() []string { return t.header }

func (t *textFile) choose(columns []int) error {
	t.chosen = columns
	return nil
}

func (t *textFile) progress() (done, total int64) { return t.taken.Load(), t.size }
func (t *textFile) close() error                  { return t.file.Close() }

// cut hands on the text in blocks of whole rows.
func (t *textFile) cut(ctx context.Context, emit func(block) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		for t.end == nil && len(t.pending) < blockBytes {
			if err := t.fill(); err != nil {
				return err
			}
		}
		text := string(t.pending)
		n := len(text)
		if t.end != io.EOF {
			n = lastRowEnd(text, t.tab)
		}
		if n == 0 && t.end == nil {
			if len(t.pending) > maxRow {
				return fmt.Errorf("line %d: a row is longer than %d bytes, or a quote opens that is not closed: this is no table", t.line, maxRow)
			}
			if err := t.fill(); err != nil {
				return err
			}
			continue
		}
		b := &textBlock{file: t, data: text[:n], line: t.line}
		t.line += int64(strings.Count(b.data, "\n"))
		t.pending = t.pending[n:]
		if t.end == errCut {
			b.cut = &RowError{File: t.name, Line: t.line, Problem: errCut.Error()}
		}
		if err := emit(b); err != nil || t.end != nil {
			return err
		}
	}
}

// lastRowEnd is where the last whole row of a text ends, 0 when none does.
func lastRowEnd(data string, tab bool) int {
	if tab || strings.IndexByte(data, '"') < 0 {
		return strings.LastIndexByte(data, '\n') + 1
	}
	for at := 0; ; {
		n := rowEnd(data[at:])
		if n == 0 {
			return at
		}
		at += n
	}
}

// rowEnd is where the first row ends, 0 when it goes on.
func rowEnd(data string) int {
	for at := 0; ; {
		if at < len(data) && data[at] == '"' {
			n := quotedEnd(data[at:])
			if n == 0 {
				return 0
			}
			at += n
		}
		for at < len(data) && data[at] != ',' && data[at] != '\n' {
			at++
		}
		if at == len(data) {
			return 0
		}
		at++
		if data[at-1] == '\n' {
			return at
		}
	}
}

// quotedEnd is where a field in quotes ends, behind the quote that closes it; 0
// when it goes on.
func quotedEnd(data string) int {
	for at := 1; ; {
		i := strings.IndexByte(data[at:], '"')
		if i < 0 {
			return 0
		}
		if at += i + 1; at == len(data) || data[at] != '"' {
			return at
		}
		at++
	}
}

// textBlock is whole rows.
type textBlock struct {
	file *textFile
	data string
	line int64
	cut  *RowError // what follows the rows
}

func (b *textBlock) open() (cursor, error) {
	return &textCursor{block: b, rows: rows{name: b.file.name, data: b.data, line: b.line, tab: b.file.tab}}, nil
}

// textCursor goes through the rows of a block.
type textCursor struct {
	block *textBlock
	rows  rows
	row   []string
	line  int64
}

func (c *textCursor) next() error {
	row, line, err := c.rows.read()
	if err == io.EOF && c.block.cut != nil {
		err, c.block.cut = c.block.cut, nil
	}
	if err != nil {
		return err
	}
	c.row, c.line = row, line
	if len(row) != len(c.block.file.header) {
		return &RowError{File: c.rows.name, Line: line, Problem: fmt.Sprintf("has %d fields where the first line has %d", len(row), len(c.block.file.header))}
	}
	return nil
}

func (c *textCursor) cell(i int) cell {
	text := c.row[c.block.file.chosen[i]]
	if text == "" {
		return cell{}
	}
	return cell{kind: isText, text: text}
}

func (c *textCursor) where() int64 { return c.line }
func (c *textCursor) close() error { return nil }

// rows reads rows of a text that holds whole ones.
type rows struct {
	name   string
	data   string
	at     int
	line   int64 // of at
	tab    bool
	fields []string
}

// read is the fields of the next row, and the line on which it begins. The fields
// are good until the next call. After a *RowError others follow.
func (r *rows) read() ([]string, int64, error) {
	for r.at < len(r.data) {
		line, quoted := r.line, false
		r.fields = r.fields[:0]
		from := r.at
		var err error
		if r.tab {
			r.splitTabs()
		} else if quoted = !r.splitCommas(); quoted {
			r.at, r.fields = from, r.fields[:0]
			err = r.splitQuoted()
		}
		if err != nil {
			return nil, 0, err
		}
		if !quoted && len(r.fields) == 1 && len(r.fields[0]) == 0 {
			continue // an empty line is no row
		}
		return r.fields, line, nil
	}
	return nil, 0, io.EOF
}

// splitCommas splits a line without quotes; it says whether there is none.
func (r *rows) splitCommas() bool {
	from := r.at
	for i := from; i < len(r.data); i++ {
		switch r.data[i] {
		case ',':
			r.fields = append(r.fields, r.data[from:i])
			from = i + 1
		case '"':
			return false
		case '\n':
			r.fields = append(r.fields, trimReturn(r.data[from:i]))
			r.at = i + 1
			r.line++
			return true
		}
	}
	r.fields = append(r.fields, trimReturn(r.data[from:]))
	r.at = len(r.data)
	return true
}

func trimReturn(b string) string { return strings.TrimSuffix(b, "\r") }

func (r *rows) splitTabs() {
	line := r.data[r.at:]
	if i := strings.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
		r.at++
		r.line++
	}
	r.at += len(line)
	for f := range strings.SplitSeq(trimReturn(line), "\t") {
		r.fields = append(r.fields, unquote(f))
	}
}

// splitQuoted splits a row of which a field may be in quotes.
func (r *rows) splitQuoted() error {
	first := r.line
	for {
		last, err := r.quotedField()
		if err != nil {
			return r.bad(first, err)
		}
		if last {
			return nil
		}
	}
}

var errQuoteInside = errors.New("has a quote inside a field: put the field in quotes and double the quotes in it")

// bad goes behind a row that cannot be read, unless it has taken in others.
func (r *rows) bad(first int64, err error) error {
	if err == errNoQuote || r.line > first {
		return fmt.Errorf("line %d: %w", first, errNoQuote)
	}
	r.skipLine()
	return &RowError{File: r.name, Line: first, Problem: err.Error()}
}

func (r *rows) skipLine() {
	if i := strings.IndexByte(r.data[r.at:], '\n'); i >= 0 {
		r.at += i + 1
		r.line++
		return
	}
	r.at = len(r.data)
}

// quotedField reads a field, and says whether it is its row's last.
func (r *rows) quotedField() (last bool, err error) {
	rest := r.data[r.at:]
	var field string
	if len(rest) > 0 && rest[0] == '"' {
		n := quotedEnd(rest)
		if n == 0 {
			return false, errNoQuote
		}
		field = undouble(rest[1 : n-1])
		r.line += int64(strings.Count(field, "\n"))
		r.at += n
		rest = rest[n:]
	} else {
		n := strings.IndexAny(rest, ",\n\"")
		if n < 0 {
			n = len(rest)
		}
		if n < len(rest) && rest[n] == '"' {
			return false, errQuoteInside
		}
		field, rest = rest[:n], rest[n:]
		if last := len(rest) == 0 || rest[0] == '\n'; last {
			field = trimReturn(field)
		}
		r.at += n
	}
	r.fields = append(r.fields, field)
	return r.fieldEnd(rest)
}

// fieldEnd goes behind what ends a field.
func (r *rows) fieldEnd(rest string) (last bool, err error) {
	switch {
	case len(rest) == 0 || rest == "\r":
		r.at = len(r.data)
		return true, nil
	case rest[0] == ',':
		r.at++
		return false, nil
	case rest[0] == '\n':
		r.at++
	case strings.HasPrefix(rest, "\r\n"):
		r.at += 2
	default:
		return false, errQuoteInside
	}
	r.line++
	return true, nil
}

// undouble is what stands between quotes.
func undouble(f string) string {
	if strings.IndexByte(f, '"') >= 0 {
		f = strings.ReplaceAll(f, `""`, `"`)
	}
	if strings.IndexByte(f, '\r') >= 0 {
		f = strings.ReplaceAll(f, "\r\n", "\n")
	}
	return f
}

// unquote takes away quotes at both ends when those between are doubled.
func unquote(f string) string {
	if len(f) < 2 || f[0] != '"' || f[len(f)-1] != '"' {
		return f
	}
	inner := f[1 : len(f)-1]
	if strings.Contains(strings.ReplaceAll(inner, `""`, ""), `"`) {
		return f
	}
	return strings.ReplaceAll(inner, `""`, `"`)
}
