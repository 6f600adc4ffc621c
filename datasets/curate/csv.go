package curate

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// csvCursor goes through a text of rows. Its first line names the columns. When it
// has a tab the text is separated by tabs, each row is a line, and a quote means
// itself unless it stands at both ends of a field (as Athena writes vocabularies);
// otherwise it is separated by commas after RFC 4180, and a field in quotes may
// hold commas, line ends and doubled quotes.
type csvCursor struct {
	file   *os.File
	name   string
	header []string
	rows   rowReader
	chosen []int
	row    []string
	line   int64
	size   int64
}

// rowReader reads the fields of a row and says on which line it begins. The fields
// are good until the next call.
type rowReader interface {
	read() (fields []string, line int64, err error)
	offset() int64
}

func openCSV(path, name string) (cursor, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	c := &csvCursor{file: f, name: name}
	if st, err := f.Stat(); err == nil {
		c.size = st.Size()
	}
	if c.rows, err = newRowReader(f, name); err == nil {
		c.header, err = readHeader(c.rows)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return c, nil
}

const byteOrderMark = "\ufeff"

func newRowReader(r io.Reader, name string) (rowReader, error) {
	b := bufio.NewReaderSize(r, 1<<20)
	if start, _ := b.Peek(len(byteOrderMark)); string(start) == byteOrderMark {
		b.Discard(len(byteOrderMark))
	}
	head, err := b.Peek(1 << 16)
	if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
		return nil, err
	}
	first, _, _ := strings.Cut(string(head), "\n")
	if strings.Contains(first, "\t") {
		return &tabReader{in: b, name: name}, nil
	}
	c := csv.NewReader(b)
	c.FieldsPerRecord = -1 // next compares, so that it can name the line
	c.ReuseRecord = true
	return &commaReader{c, name}, nil
}

func readHeader(rows rowReader) ([]string, error) {
	fields, _, err := rows.read()
	if err == io.EOF {
		return nil, errors.New("it is empty: its first line names the columns")
	}
	if err != nil {
		return nil, err
	}
	var out []string
	for _, f := range fields {
		out = append(out, strings.ToLower(strings.TrimSpace(f)))
	}
	return out, nil
}

func (c *csvCursor) columns() []string { return c.header }

func (c *csvCursor) choose(columns []int) error {
	c.chosen = columns
	return nil
}

func (c *csvCursor) next() error {
	row, line, err := c.rows.read()
	if err != nil {
		return err
	}
	c.row, c.line = row, line
	if len(row) != len(c.header) {
		return &RowError{File: c.name, Line: line, Problem: fmt.Sprintf("has %d fields where the first line has %d", len(row), len(c.header))}
	}
	return nil
}

func (c *csvCursor) cell(i int) cell {
	text := c.row[c.chosen[i]]
	if text == "" {
		return cell{}
	}
	return cell{kind: isText, text: text}
}

func (c *csvCursor) where() int64             { return c.line }
func (c *csvCursor) progress() (int64, int64) { return c.rows.offset(), c.size }
func (c *csvCursor) close() error             { return c.file.Close() }

// commaReader reads RFC 4180.
type commaReader struct {
	in   *csv.Reader
	name string
}

func (c *commaReader) read() ([]string, int64, error) {
	fields, err := c.in.Read()
	var bad *csv.ParseError
	if errors.As(err, &bad) {
		// A quote that nothing closes takes in all that follows: no row after it can be trusted.
		if errors.Is(bad.Err, csv.ErrQuote) && bad.Line > bad.StartLine {
			return nil, 0, fmt.Errorf("line %d: a quote opens that is not closed rightly: correct the file", bad.StartLine)
		}
		return nil, 0, &RowError{File: c.name, Line: int64(bad.StartLine), Problem: "has a quote inside a field: put the field in quotes and double the quotes in it"}
	}
	if err != nil {
		return nil, 0, err
	}
	line, _ := c.in.FieldPos(0)
	return fields, int64(line), nil
}

func (c *commaReader) offset() int64 { return c.in.InputOffset() }

// tabReader reads lines of fields with tabs between.
type tabReader struct {
	in     *bufio.Reader
	name   string
	line   int64
	bytes  int64
	fields []string
}

// maxLine is the length of the longest line, beyond which a file is no table.
const maxLine = 16 << 20

func (t *tabReader) read() ([]string, int64, error) {
	for {
		line, err := t.readLine()
		if err != nil {
			return nil, 0, err
		}
		if line == "" {
			continue
		}
		t.fields = t.fields[:0]
		for f := range strings.SplitSeq(line, "\t") {
			t.fields = append(t.fields, unquote(f))
		}
		return t.fields, t.line, nil
	}
}

func (t *tabReader) readLine() (string, error) {
	var line []byte
	for {
		part, err := t.in.ReadSlice('\n')
		t.bytes += int64(len(part))
		line = append(line, part...)
		if len(line) > maxLine {
			return "", fmt.Errorf("line %d is longer than %d bytes: this is no table", t.line+1, maxLine)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil && (err != io.EOF || len(line) == 0) {
			return "", err
		}
		t.line++
		return strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r"), nil
	}
}

func (t *tabReader) offset() int64 { return t.bytes }

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
