package engine

import (
	"math"
	"time"

	"weir/datasets/store"
)

// civil is the year, month and day of a day counted from 1970-01-01 in the
// proleptic Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date
// Algorithms", days_to_civil: years that begin in March, eras of 400 years).
func civil(day int32) (year, month, dom int) {
	z := int64(day) + 719468
	era := z / 146097
	if z < 0 {
		era = (z - 146096) / 146097
	}
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	year, month, dom = int(yoe+era*400), int(mp)+3, int(doy-(153*mp+2)/5)+1
	if month > 12 {
		month, year = month-12, year+1
	}
	return year, month, dom
}

func dayOf(year, month, dom int) int32 {
	return int32(time.Date(year, time.Month(month), dom, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

// years is the completed years from one day to another, missing when one of them is.
func years(from, to int32) float64 {
	if from == store.Missing || to == store.Missing {
		return math.NaN()
	}
	y0, m0, d0 := civil(from)
	y1, m1, d1 := civil(to)
	age := y1 - y0
	if m1 < m0 || m1 == m0 && d1 < d0 {
		age--
	}
	return float64(age)
}
