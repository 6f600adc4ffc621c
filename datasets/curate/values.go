package curate

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"weir/datasets/store"
)

// cell is what a row has in a column.
type cell struct {
	kind  kind
	text  string
	whole int64
	real  float64 // of a day that is timed: the minute
	timed bool
}

type kind uint8

const (
	absent  kind = iota // NULL, or nothing between two commas
	isText              // text
	isWhole             // whole
	isReal              // real
	isDay               // whole, days since 1970-01-01
)

// What can be wrong with a value. None says which value it is.
var (
	errNotWhole  = errors.New("is not a whole number")
	errRange     = errors.New("is outside the range of 32 bits")
	errNotNumber = errors.New("is not a number")
	errNotDate   = errors.New("is not a date (2021-12-31, 20211231 or 2021-12-31 23:59:59)")
	errNotText   = errors.New("is not a text")
	errNotUTF8   = errors.New("is not valid UTF-8")
	errLabelLong = errors.New("is longer than a label")
	errMissing   = errors.New("is missing")
)

// maxLabel is the length of a label in bytes; OMOP's concept_name has 255 characters at most.
const maxLabel = 1024

// integer is a whole number; 12.0 is one, for programs that cannot have missing
// whole numbers write them so.
func (c cell) integer() (n int64, ok bool, err error) {
	switch c.kind {
	case absent:
		return 0, false, nil
	case isWhole:
		return c.whole, true, nil
	case isReal:
		if math.IsNaN(c.real) {
			return 0, false, nil
		}
		if c.real != math.Trunc(c.real) || math.Abs(c.real) > 1<<53 {
			return 0, false, errNotWhole
		}
		return int64(c.real), true, nil
	case isText:
		if n, ok := digits(c.text); ok {
			return n, true, nil
		}
		digits, zeros, decimal := strings.Cut(c.text, ".")
		if decimal && strings.Trim(zeros, "0") != "" {
			return 0, false, errNotWhole
		}
		if n, err = strconv.ParseInt(digits, 10, 64); err != nil || digits[0] == '+' {
			return 0, false, errNotWhole
		}
		return n, true, nil
	}
	return 0, false, errNotWhole
}

// digits reads what most whole numbers are: a few digits.
func digits(text string) (n int64, ok bool) {
	if len(text) == 0 || len(text) > 18 {
		return 0, false
	}
	for i := range len(text) {
		d := text[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + int64(d)
	}
	return n, true
}

// int32 is an integer as the format stores it: its smallest stands for none.
func (c cell) int32() (int32, error) {
	n, ok, err := c.integer()
	if err != nil || !ok {
		return store.Missing, err
	}
	if n <= math.MinInt32 || n > math.MaxInt32 {
		return store.Missing, errRange
	}
	return int32(n), nil
}

// number is a number; NaN stands for none, and infinity is none of the values of a measurement.
func (c cell) number() (float64, error) {
	x := c.real
	switch c.kind {
	case absent:
		return math.NaN(), nil
	case isWhole:
		x = float64(c.whole)
	case isReal:
	case isText:
		var err error
		if x, err = strconv.ParseFloat(c.text, 64); err != nil || !decimal(c.text) {
			return math.NaN(), errNotNumber
		}
	default:
		return math.NaN(), errNotNumber
	}
	if math.IsInf(x, 0) {
		return math.NaN(), errNotNumber
	}
	return x, nil
}

// decimal refuses what strconv takes beyond decimal notation: NaN, Inf, 0x1p-2, 1_000.
func decimal(text string) bool {
	return strings.Trim(text, "0123456789.eE+-") == ""
}

// day is a date, or the date of a time.
func (c cell) day() (int32, error) {
	switch c.kind {
	case absent:
		return store.Missing, nil
	case isDay:
		if c.whole < math.MinInt32/2 || c.whole > math.MaxInt32/2 {
			return store.Missing, errNotDate
		}
		return int32(c.whole), nil
	case isWhole:
		return cell{kind: isText, text: strconv.FormatInt(c.whole, 10)}.day()
	case isText:
		return parseDay(c.text)
	}
	return store.Missing, errNotDate
}

// parseDay reads 2021-12-31, 20211231, and either followed by a time of day.
func parseDay(text string) (int32, error) {
	if day, ok := plainDay(text); ok {
		return day, nil
	}
	date, clock := text, ""
	if i := strings.IndexAny(text, " T"); i >= 0 {
		date, clock = text[:i], text[i+1:]
		if !isClock(clock) {
			return store.Missing, errNotDate
		}
	}
	layout := time.DateOnly
	if len(date) == len("20060102") {
		layout = "20060102"
	}
	t, err := time.Parse(layout, date)
	if err != nil || t.Year() == 0 {
		return store.Missing, errNotDate
	}
	return int32(t.Unix() / 86400), nil
}

// plainDay reads what most dates are: 2021-12-31, of a day that every month has.
func plainDay(text string) (int32, bool) {
	if len(text) != 10 || text[4] != '-' || text[7] != '-' {
		return 0, false
	}
	y, ok1 := digits(text[:4])
	m, ok2 := digits(text[5:7])
	d, ok3 := digits(text[8:])
	if !ok1 || !ok2 || !ok3 || y == 0 || m < 1 || m > 12 || d < 1 || d > 28 {
		return 0, false
	}
	return civil(int32(y), int32(m), int32(d)), true
}

// civil counts a date's days since 1970-01-01 (Hinnant, "chrono-compatible
// low-level date algorithms"): years begin in March, so that the leap day is last.
func civil(y, m, d int32) int32 {
	if m <= 2 {
		y--
		m += 12
	}
	era := y / 400
	year := y - era*400
	day := (153*(m-3)+2)/5 + d - 1
	return era*146097 + year*365 + year/4 - year/100 + day - 719468
}

// minute is the minute of the day of a time, missing for a mere date.
func (c cell) minute() (int32, error) {
	switch c.kind {
	case absent:
		return store.Missing, nil
	case isDay:
		if !c.timed {
			return store.Missing, nil
		}
		return int32(c.real), nil
	case isText:
		i := strings.IndexAny(c.text, " T")
		if i < 0 {
			return store.Missing, nil
		}
		for _, layout := range clocks {
			if t, err := time.Parse(layout, c.text[i+1:]); err == nil {
				return int32(t.Hour()*60 + t.Minute()), nil
			}
		}
	}
	return store.Missing, errNotDate
}

var clocks = []string{"15:04:05", "15:04", "15:04:05Z07:00", "15:04:05 UTC", "15:04:05-07", "15:04:05 -0700 MST"}

func isClock(text string) bool {
	for _, layout := range clocks {
		if _, err := time.Parse(layout, text); err == nil {
			return true
		}
	}
	return false
}

// label is a short text.
func (c cell) label() (text string, ok bool, err error) {
	switch {
	case c.kind == absent:
		return "", false, nil
	case c.kind == isWhole:
		return strconv.FormatInt(c.whole, 10), true, nil
	case c.kind != isText:
		return "", false, errNotText
	case !utf8.ValidString(c.text):
		return "", false, errNotUTF8
	case len(c.text) > maxLabel:
		return "", false, errLabelLong
	}
	return c.text, true, nil
}
