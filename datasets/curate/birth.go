package curate

import (
	"errors"
	"time"

	"weir/datasets/store"
)

// birth reads a date of birth from birth_datetime or, where that is absent, from
// year_of_birth, month_of_birth and day_of_birth: June for a month that is not
// given and the 15th for a day, as All of Us has it.
type birth struct{ moment, year, month, day int } // among the chosen columns, -1 for none

func bindBirth(take func(string) int) *birth {
	b := &birth{take("birth_datetime"), take("year_of_birth"), take("month_of_birth"), take("day_of_birth")}
	if b.moment < 0 && b.year < 0 {
		return nil
	}
	return b
}

var errNoDay = errors.New("is no day of the calendar")

func (b *birth) read(c cursor) (int32, error) {
	if b.moment >= 0 {
		if day, err := c.cell(b.moment).day(); err != nil || day != store.Missing {
			return day, err
		}
	}
	year, err := part(c, b.year, 0)
	if err != nil || year == 0 {
		return store.Missing, err
	}
	month, err := part(c, b.month, 6)
	if err != nil {
		return store.Missing, err
	}
	day, err := part(c, b.day, 15)
	if err != nil {
		return store.Missing, err
	}
	t := time.Date(year, time.Month(month), day, 0, 0, 0, 0, time.UTC)
	if year < 1 || year > 9999 || t.Month() != time.Month(month) || t.Day() != day {
		return store.Missing, errNoDay
	}
	return int32(t.Unix() / 86400), nil
}

// part is a whole number of a row, or what stands for it when it is absent.
func part(c cursor, at, otherwise int) (int, error) {
	if at < 0 {
		return otherwise, nil
	}
	n, ok, err := c.cell(at).integer()
	if err != nil || !ok {
		return otherwise, err
	}
	if n < 0 || n > 9999 {
		return 0, errNoDay
	}
	return int(n), nil
}
