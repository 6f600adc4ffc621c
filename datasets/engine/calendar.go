package engine

import (
	"math"
	"sync"
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

// The days of which packed dates are looked up: 1880 to 2119.
const (
	firstPacked = -32872
	lastPacked  = 54786
)

// packedDays are dates as year·512 + month·32 + day, so that a difference of two
// divided by 512 is the completed years between them. New fills it.
var packedDays [lastPacked - firstPacked + 1]int32

var packDays = sync.OnceFunc(func() {
	for i := range packedDays {
		packedDays[i] = pack(int32(i + firstPacked))
	}
})

func pack(day int32) int32 {
	y, m, d := civil(day)
	return int32(y*512 + m*32 + d)
}

func packed(day int32) int32 {
	if i := uint(int(day) - firstPacked); i < uint(len(packedDays)) {
		return packedDays[i]
	}
	return pack(day)
}

// years is the completed years from one day to another, missing when one of them is.
func years(from, to int32) float64 {
	if from == store.Missing || to == store.Missing {
		return math.NaN()
	}
	return float64((packed(to) - packed(from)) >> 9)
}

// yearsBetween is the year of a day less that of an earlier one, NaN where one is missing.
func yearsBetween(from, to int32) float64 {
	if from == store.Missing || to == store.Missing {
		return math.NaN()
	}
	first, _, _ := civil(from)
	last, _, _ := civil(to)
	return float64(last - first)
}
