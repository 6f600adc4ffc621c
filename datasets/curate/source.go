package curate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sourceFolder is a folder of OMOP tables: one file a table, named after it, in
// whichever case.
type sourceFolder struct {
	dir   string
	files map[string]string // by table, of those that a repository has
	other []string          // files and folders of no such table
}

// personExtension is All of Us's table of what OMOP's person has no field for.
const personExtension = "person_ext"

// olderNames are what other versions of the workbench's data call a table.
var olderNames = map[string]string{"heart_rate_intraday": "heart_rate_minute_level"}

func openSource(dir string) (*sourceFolder, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("no source: %w; name the folder that holds the tables", err)
	}
	s := &sourceFolder{dir: dir, files: map[string]string{}}
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		table, kind, _ := strings.Cut(name, ".")
		if n := olderNames[table]; n != "" {
			table = n
		}
		known := shapeOf(table) != nil && table != "participants" || table == personExtension
		if !known || e.IsDir() || !slices.Contains([]string{"csv", "tsv", "csv.gz", "tsv.gz", "parquet"}, kind) {
			s.other = append(s.other, e.Name())
			continue
		}
		if first := s.files[table]; first != "" {
			return nil, fmt.Errorf("%s holds both %s and %s: leave one", dir, first, e.Name())
		}
		s.files[table] = e.Name()
	}
	if s.files["person"] == "" {
		return nil, fmt.Errorf("%s has no person.csv or person.parquet: name the folder that holds the tables", dir)
	}
	return s, nil
}

// tableFile is a file of rows.
type tableFile interface {
	// columns are the names of the columns, in lower case.
	columns() []string
	// choose says which columns will be asked for. It is called once, before cut.
	choose(columns []int) error
	// cut hands on the file's blocks, in order. What a block holds can be read while
	// others are cut.
	cut(ctx context.Context, emit func(block) error) error
	// progress is how much of the file was read: bytes, or rows.
	progress() (done, total int64)
	close() error
}

// block is consecutive rows of a file.
type block interface {
	open() (cursor, error)
}

// cursor goes through the rows of a block.
type cursor interface {
	// next goes to the next row. It returns io.EOF after the last, and a *RowError
	// for a row that cannot be read but after which others can.
	next() error
	// cell is what the row has in a column of those that were chosen, by its place among them.
	cell(i int) cell
	// where is the row's line in a text, or its number from 1.
	where() int64
	close() error
}

func (s *sourceFolder) open(table string) (tableFile, error) {
	name := s.files[table]
	path := filepath.Join(s.dir, name)
	open := openText
	if strings.EqualFold(filepath.Ext(name), ".parquet") {
		open = openParquet
	}
	c, err := open(path, name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := checkColumns(c.columns()); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", name, err), c.close())
	}
	return c, nil
}

func checkColumns(names []string) error {
	for i, n := range names {
		if slices.Contains(names[:i], n) {
			return fmt.Errorf("two columns are called %s: rename or remove one", n)
		}
	}
	return nil
}

// RowError says that a row of a source cannot be read whole. It never holds a value.
type RowError struct {
	File    string
	Line    int64  // in a text the line on which the row begins, elsewhere its number from 1
	Column  string // "" when it is the row's fault
	Problem string
}

// Error names file, line and column.
func (e *RowError) Error() string {
	place := fmt.Sprintf("%s, line %d", e.File, e.Line)
	if strings.EqualFold(filepath.Ext(e.File), ".parquet") {
		place = fmt.Sprintf("%s, row %d", e.File, e.Line)
	}
	if e.Column != "" {
		return fmt.Sprintf("%s: %s %s", place, e.Column, e.Problem)
	}
	return fmt.Sprintf("%s: %s", place, e.Problem)
}
