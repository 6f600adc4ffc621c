package curate

import (
	"context"
	"maps"
	"math"
	"slices"

	"weir/datasets/store"
)

// zipTable is what the source knows of places: a row for the first three digits of
// ZIP codes. In a repository it has a row for each participant.
const (
	zipTable = "zip_code_socioeconomic"
	zip3     = "zip3"
)

// places writes zipTable, where the tier and the source have it.
func (im *importer) places(ctx context.Context) error {
	if im.regime.zip == nil || im.source.files[zipTable] == "" || im.census != nil {
		return nil
	}
	s := *shapeOf(zipTable)
	s.fields, s.participants = s.fields[1:], false
	c, _, report, err := im.collect(ctx, im.regime.shape(&s))
	if err != nil {
		return err
	}
	row := map[int32]int{}
	for i, zip := range c.ints[0] {
		row[zip] = i
	}
	shown := im.regime.zip.merged(im.zips)
	full := *c.shape
	full.fields = append([]store.Field{{Name: "participant", Type: store.Integer}}, c.shape.fields...)
	full.participants = true
	out := newColumns(&full)
	for p, zip := range im.zips {
		if zip == 0 || shown[zip] == 0 {
			continue
		}
		out.addPlace(int32(p), shown[zip], c, row)
	}
	report.Written = int64(out.count)
	im.report.Tables = append(im.report.Tables, *report)
	return im.write(out)
}

// addPlace appends a participant's row: missing where the source has none of the place.
func (c *columns) addPlace(participant, zip int32, from *columns, row map[int32]int) {
	i, known := row[zip]
	ints, nums := []int32{participant, zip}, []float64{}
	for f := 1; f < len(from.shape.fields); f++ {
		x := math.NaN()
		if known {
			x = from.nums[f][i]
		}
		nums = append(nums, x)
	}
	c.add(ints, nums...)
}

// merged says what is shown for each area: neighbours with the same first digit are
// put together, in the order of their numbers, until there are enough participants,
// and called by the one that has most of them. An area that has too few neighbours
// is shown as 0.
func (z *ZIP3) merged(zips []int32) map[int32]int32 {
	count := map[int32]int{}
	for _, zip := range zips {
		if zip > 0 {
			count[zip]++
		}
	}
	out := map[int32]int32{}
	var group []int32
	n := 0
	var last []int32 // the group before, of the same first digit
	close := func(into []int32) {
		name := slices.MaxFunc(into, func(a, b int32) int { return count[a] - count[b] })
		for _, zip := range into {
			out[zip] = name
		}
	}
	areas := slices.Sorted(maps.Keys(count))
	for i, zip := range areas {
		group, n = append(group, zip), n+count[zip]
		digitEnds := i+1 == len(areas) || areas[i+1]/100 != zip/100
		switch {
		case n >= z.Participants:
			close(group)
			last, group, n = group, nil, 0
		case digitEnds && last != nil:
			close(append(last, group...))
		case digitEnds:
			for _, zip := range group {
				out[zip] = 0
			}
		}
		if digitEnds {
			last, group, n = nil, nil, 0
		}
	}
	return out
}
